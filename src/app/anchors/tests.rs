use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// More than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn seal(anchors: &mut Anchors, told: Option<&mut Told>, role: Role, seq: u64) {
    if let Some(told) = told {
        told.sealed();
    }
    let mark = Mark { sid: "s".to_owned(), seq, head: format!("h{seq}") };
    anchors.sealed(role, &mark, chrono::Utc::now()).unwrap();
}

/// A command that says that it runs, under which process id, and never ends.
fn hanging(folder: &Path) -> String {
    let script = folder.join("hangs");
    let text = format!("#!/bin/sh\necho $$ >>{0}/pids\ntail -f /dev/null & echo $! >>{0}/pids\nwait\n", folder.display());
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    format!("command:{}", script.display())
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Whether a process is there and not only waiting to be told of.
fn lives(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn one_that_hangs_keeps_no_other_waiting_and_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (heads, pids) = (folder.path().join("heads"), folder.path().join("pids"));
    let (mut anchors, mut told) = Anchors::start(vec![hanging(folder.path()), heads.display().to_string()]);
    seal(&mut anchors, None, Role::Open, 1);
    let first = told.next().await.unwrap();
    assert_eq!((first.place.as_str(), first.seq), (heads.to_str().unwrap(), 1));
    until("the command runs", || lines(&pids).len() == 2).await;
    seal(&mut anchors, Some(&mut told), Role::Close, 2);
    // The file knows the closing head before the command's time is up.
    assert_eq!(told.next().await.unwrap().seq, 2);
    assert!(!told.is_settled());
    let why = told.next().await.unwrap_err();
    assert!(why.contains("did not take record 2: no answer within 5 s"), "{why}");
    assert!(told.is_settled(), "what was overtaken is settled with it: {told:?}");
    assert_eq!(told.stop().await, [""; 0]);
    until("it and what it started were killed", || lines(&pids).iter().all(|pid| !lives(pid))).await;
    assert_eq!((lines(&heads).len(), lines(&pids).len()), (2, 4));
}

#[tokio::test]
async fn what_is_under_way_at_the_end_is_stopped_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let (pids, place) = (folder.path().join("pids"), hanging(folder.path()));
    let (mut anchors, mut told) = Anchors::start(vec![place.clone()]);
    seal(&mut anchors, None, Role::Open, 1);
    until("the command runs", || lines(&pids).len() == 2).await;
    assert_eq!(told.stop().await, [place]);
    until("all of it was killed", || lines(&pids).iter().all(|pid| !lives(pid))).await;
}

#[tokio::test]
async fn how_a_command_ended_is_said_in_words() {
    for (command, wanted) in [
        ("command:false", "the anchor command:false did not take record 1: it ended with exit code 1"),
        ("nothing", "the anchor nothing did not take record 1: it is neither a path, a `command:` nor an https address"),
    ] {
        let (mut anchors, mut told) = Anchors::start(vec![command.to_owned()]);
        seal(&mut anchors, None, Role::Open, 1);
        assert_eq!(told.next().await.unwrap_err(), wanted);
    }
    assert_eq!(end_in_words(std::os::unix::process::ExitStatusExt::from_raw(9)), "a signal ended it");
}

/// One that is too slow for every seal is told the newest.
#[tokio::test(start_paused = true)]
async fn one_that_is_behind_is_told_the_newest_head() {
    // An address where nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut anchors, mut told) = Anchors::start(vec![format!("http://{}", silent.local_addr().unwrap())]);
    seal(&mut anchors, None, Role::Open, 1);
    tokio::task::yield_now().await;
    for seq in 2..9 {
        seal(&mut anchors, Some(&mut told), Role::Segment, seq);
    }
    assert!(told.next().await.unwrap_err().contains("record 1:"));
    assert!(told.next().await.unwrap_err().contains("record 8:"));
    assert!(told.is_settled());
}
