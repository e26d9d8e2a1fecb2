//! What somebody meets who is new: a misspelt name, an input that is wrong, the first
//! commands of the README.

use std::io::Write as _;

use super::{err, home, out, pacenote, run};

#[test]
fn a_runbook_that_is_not_there_has_no_mistakes_to_correct() {
    let home = home();
    for (name, hint) in [("canary", "did you mean `canary-deploy`?"), ("cannary-deploy", "did you mean `canary-deploy`?")] {
        let said = err(&run(home.path(), &format!("run {name}")));
        assert!(said.contains(&format!("there is no runbook `{name}`")) && said.contains(hint), "{said}");
        assert!(!said.contains("mistakes") && !said.contains("correct them"), "{said}");
    }
    let far = err(&run(home.path(), "rehearse xyzzy"));
    assert!(far.contains("such as `canary-deploy`") && far.len() < 400, "a few are enough: {far}");
    let several = err(&run(home.path(), "run deploy"));
    assert!(several.contains("did you mean one of `"), "{several}");
}

#[test]
fn wrong_inputs_are_all_named_before_anything_is_accepted() {
    let home = home();
    let said = err(&run(home.path(), "run canary-deploy --env staging -i version=bad -i nope=3"));
    assert!(said.contains("`version`") && said.contains("for example") && said.contains("`nope`"), "{said}");
    assert!(!said.contains("accepted"), "{said}");
    let rehearsed = err(&run(home.path(), "rehearse canary-deploy -i version=bad"));
    assert!(rehearsed.contains("input `version`") && rehearsed.contains("for example"), "{rehearsed}");
}

#[test]
fn freezing_can_be_told_to_trust_a_runbook() {
    let home = home();
    let freeze = "freeze production --reason x --runbook canary-deploy";
    let asked = err(&run(home.path(), freeze));
    assert!(asked.contains("not accepted") && asked.contains("--trust"), "{asked}");
    let trusted = run(home.path(), &format!("{freeze} --trust"));
    assert!(!err(&trusted).contains("accepted") && trusted.status.code() != Some(2), "{}", err(&trusted));
}

/// A rehearsal cannot be resumed, and is in no list of what can.
#[test]
fn an_unfinished_rehearsal_is_not_among_what_can_be_resumed() {
    let home = home();
    let left = run(home.path(), "rehearse canary-deploy --plain");
    assert_eq!(left.status.code(), Some(4), "{}", err(&left));
    assert!(out(&run(home.path(), "sessions")).contains("rehearsal"));
    let listed = out(&run(home.path(), "sessions --unfinished"));
    assert!(!listed.contains("rehearsal") && !listed.contains("canary-deploy"), "{listed}");
}

#[test]
fn the_scenario_of_the_first_steps_is_one_that_new_makes() {
    let home = home();
    let made = run(home.path(), "new deploy --kind deploy --service shop --environments staging,bar --checks errors");
    assert!(made.status.success(), "{}", err(&made));
    let readme = include_str!("../../../README.md");
    let line = readme.lines().find(|line| line.starts_with("pacenote rehearse deploy.yaml --scenario")).unwrap();
    let scenario = line.split_whitespace().nth(4).unwrap();
    let said = err(&run(home.path(), &format!("rehearse deploy.yaml --scenario {scenario} --plain")));
    assert!(!said.contains("there is no scenario"), "{said}");
    // The real one is the last, whatever it is called.
    let runbook = std::fs::read_to_string(home.path().join("deploy.yaml")).unwrap();
    let of = |name: &str| {
        let after = runbook.split(&format!("\n  {name}:\n")).nth(1).unwrap();
        let own: Vec<&str> = after.lines().take_while(|line| line.starts_with("    ")).collect();
        own.contains(&"    protected: true")
    };
    assert_eq!((of("staging"), of("bar")), (false, true), "{runbook}");
}

/// Whose own session holds the lock is told how to go on with it.
#[test]
fn a_lock_of_ones_own_session_names_that_session() {
    let home = home();
    let runbook =
        "pacenote: 1\nrunbook: locked\ntitle: Locked\nlock: shop\nsteps: [{id: ready, title: Ready, confirm: Shall we?}]\n";
    std::fs::write(home.path().join("locked.yaml"), runbook).unwrap();
    let start = || {
        pacenote(home.path())
            .args(["run", "locked.yaml", "--plain", "--trust"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut first = start();
    first.stdin.take().unwrap().write_all(b"quit\n").unwrap();
    let left = first.wait_with_output().unwrap();
    let sid = err(&left).split("pacenote resume ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let said = err(&start().wait_with_output().unwrap());
    assert!(said.contains(&format!("pacenote resume {sid}")), "{said}");
}
