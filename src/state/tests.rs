use std::os::unix::fs::symlink;

use super::*;

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn open_to_others(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn is_made_for_its_owner_only() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("new/state")).unwrap();
    assert_eq!(mode(state.path()), 0o700);
    assert_eq!(mode(&state.sessions_folder()), 0o700);
    let dir = state.create_session("20261121-033344-x-000001").unwrap();
    for folder in [dir.path(), &dir.bundle(), &dir.output()] {
        assert_eq!(mode(folder), 0o700);
    }
    assert!(state.create_session("20261121-033344-x-000001").is_err(), "there is one already");
    assert!(StateDir::open(state.path()).is_ok(), "it can be opened again");
}

#[test]
fn links_files_and_foreign_folders_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let real = temp.path().join("real");
    StateDir::open(&real).unwrap();
    let link = temp.path().join("link");
    symlink(&real, &link).unwrap();
    assert!(matches!(StateDir::open(&link), Err(StateError::Link(_))));
    symlink(temp.path().join("nowhere"), temp.path().join("dangling")).unwrap();
    assert!(matches!(StateDir::open(&temp.path().join("dangling")), Err(StateError::Link(_))));
    std::fs::write(temp.path().join("file"), "").unwrap();
    assert!(matches!(StateDir::open(&temp.path().join("file")), Err(StateError::NotAFolder(_))));
    let foreign = temp.path().join("foreign");
    if rustix::process::geteuid().is_root() {
        std::fs::create_dir(&foreign).unwrap();
        std::os::unix::fs::chown(&foreign, Some(12_345), None).unwrap();
    }
    // Without root's rights, what belongs to root belongs to another user.
    let foreign = if foreign.is_dir() { foreign } else { PathBuf::from("/usr") };
    assert!(matches!(StateDir::open(&foreign), Err(StateError::NotOurs { .. })));
}

#[test]
fn a_folder_open_to_others_is_closed_only_if_it_is_ours() {
    let temp = tempfile::tempdir().unwrap();
    let empty = temp.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    open_to_others(&empty);
    StateDir::open(&empty).unwrap();
    assert_eq!(mode(&empty), 0o700);
    open_to_others(&empty);
    StateDir::open(&empty).unwrap();
    assert_eq!(mode(&empty), 0o700);

    let foreign = temp.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.tex"), "").unwrap();
    open_to_others(&foreign);
    assert!(matches!(StateDir::open(&foreign), Err(StateError::Open { mode: 0o755, .. })));
    assert_eq!(mode(&foreign), 0o755, "it was left as it was");
}

#[test]
fn the_place_is_as_given_then_as_in_the_environment() {
    let (given, variable) = (Path::new("/a"), Path::new("/b"));
    assert_eq!(StateDir::place(Some(given), Some(variable)).unwrap(), given);
    assert_eq!(StateDir::place(None, Some(variable)).unwrap(), variable);
    assert!(StateDir::place(Some(Path::new("x")), None).unwrap().is_absolute());
    if let Ok(xdg) = StateDir::place(None, Some(Path::new(""))) {
        assert!(xdg.ends_with("pacenote"));
    }
}

#[test]
fn session_ids_sort_by_time_and_are_safe_names() {
    let at = "2026-11-21T03:33:44.900Z".parse().unwrap();
    assert_eq!(new_session_id(at, "canary-deploy", 0xff7f_3a9c), "20261121-033344-canary-deploy-7f3a9c");
    assert_eq!(new_session_id(at, "../É x/", 1), "20261121-033344------x--000001");
    for runbook in ["canary-deploy", "", "..", "日本", &"x".repeat(500)] {
        let sid = new_session_id(at, runbook, 1);
        assert!(is_session_id(&sid), "{sid}");
    }
}

#[test]
fn sessions_are_found_by_either_end_of_their_id() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    for sid in ["20261121-033344-a-00000a", "20261121-040000-b-00000b", "20261122-000000-b-00000c"] {
        state.create_session(sid).unwrap();
    }
    let sid = |given: &str| state.session(given).map(|dir| dir.sid().to_owned());
    assert_eq!(sid("20261121-04").unwrap(), "20261121-040000-b-00000b");
    assert_eq!(sid("00000c").unwrap(), "20261122-000000-b-00000c");
    assert_eq!(sid("20261121-033344-a-00000a").unwrap(), "20261121-033344-a-00000a");
    assert!(matches!(sid("20261121"), Err(StateError::Ambiguous { candidates, .. }) if candidates.len() == 2));
    for given in ["", "nothing", "../sessions", ".."] {
        assert!(matches!(sid(given), Err(StateError::NoSession(_))), "{given}");
    }
    assert!(matches!(state.only_unfinished(), Err(StateError::NoneUnfinished)), "nothing was recorded in any");
}

#[test]
fn a_bundle_is_accepted_once_until_it_changes() {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let acceptance = Acceptance {
        bundle: "ab".repeat(32),
        runbook: "canary-deploy".into(),
        by: "alice".into(),
        at: "2026-11-21T03:33:44Z".parse().unwrap(),
        unseen: false,
        files: vec![("canary-deploy.yaml".into(), "cd".repeat(32))],
    };
    assert_eq!(state.acceptance(&acceptance.bundle).unwrap(), None);
    state.accept(&acceptance).unwrap();
    state.accept(&acceptance).unwrap();
    assert_eq!(state.acceptance(&acceptance.bundle).unwrap(), Some(acceptance.clone()));
    let later = Acceptance { bundle: "ee".repeat(32), at: acceptance.at + chrono::TimeDelta::days(1), ..acceptance.clone() };
    state.accept(&later).unwrap();
    let unseen = Acceptance { bundle: "dd".repeat(32), at: later.at + chrono::TimeDelta::days(1), unseen: true, ..later.clone() };
    state.accept(&unseen).unwrap();
    assert_eq!(state.last_acceptance("canary-deploy"), Some(later), "what nobody saw does not count");
    assert_eq!(state.last_acceptance("other"), None);
    assert_eq!(state.acceptance(&"ac".repeat(32)).unwrap(), None);
    assert_eq!(state.acceptance("../../etc/passwd").unwrap(), None);
    assert!(state.accept(&Acceptance { bundle: "..".into(), ..acceptance.clone() }).is_err());

    // A note under another bundle's name does not accept it.
    let other = "cd".repeat(32);
    let notes = state.path().join("accepted");
    std::fs::copy(notes.join(format!("{}.json", acceptance.bundle)), notes.join(format!("{other}.json"))).unwrap();
    assert_eq!(state.acceptance(&other).unwrap(), None);
    std::fs::remove_file(notes.join(format!("{other}.json"))).unwrap();
    symlink(notes.join(format!("{}.json", acceptance.bundle)), notes.join(format!("{other}.json"))).unwrap();
    assert!(state.acceptance(&other).is_err(), "a link is not followed");
}
