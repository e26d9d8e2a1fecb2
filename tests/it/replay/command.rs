//! The command, without a terminal.

use std::process::{Command, Output};

use super::contents;
use crate::export::walk;

fn replay(journal: &std::path::Path, more: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin");
    command.arg("replay").arg(journal).args(more);
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn without_a_terminal_it_prints_the_time_line() {
    let walked = walk("canary-deploy", "bad-canary");
    let before = contents(walked.dir.path());
    for more in [&[][..], &["--plain"][..]] {
        let output = replay(walked.dir.path(), more);
        let text = out(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "2026-01-05 (times are UTC)");
        assert!(lines[1].starts_with("  00:00:00  10:00:00  #0     "), "{}", lines[1]);
        assert!(text.contains("\n* 00:0") && text.contains("DECIDED about guard errors-up: rollback"), "{text}");
        assert!(!text.contains("error_rate: value"), "readings are no events");
    }
    assert_eq!(contents(walked.dir.path()), before);
}

/// The first bad line is named, before everything else and at the end.
#[test]
fn a_tampered_journal_is_played_under_a_warning() {
    let walked = walk("canary-deploy", "bad-canary");
    let journal = walked.dir.journal();
    let text = std::fs::read_to_string(&journal).unwrap();
    let line = text.lines().position(|line| line.contains("errors rose with the canary")).unwrap() + 1;
    std::fs::write(&journal, text.replace("errors rose with the canary", "errors were good all along!")).unwrap();
    let output = replay(&journal, &[]);
    assert_eq!(output.status.code(), Some(1));
    let first = out(&output).lines().next().unwrap().to_owned();
    assert!(first.starts_with("!! THE JOURNAL IS DAMAGED, line ") && first.contains("is not played"), "{first}");
    let named: usize = first.split("line ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    // A changed line is told by the one behind it.
    assert!((line..=line + 1).contains(&named), "{first}, but it is line {line}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: THE JOURNAL IS DAMAGED"));
}

#[test]
fn one_that_is_not_finished_is_played_as_far_as_it_goes() {
    let walked = walk("canary-deploy", "bad-canary");
    let journal = walked.dir.journal();
    let text = std::fs::read_to_string(&journal).unwrap();
    let half: String = text.lines().take(100).map(|line| format!("{line}\n")).collect();
    std::fs::write(&journal, half + "{\"v\":1,\"seq\"").unwrap();
    let output = replay(&journal, &[]);
    let printed = out(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains(" - the journal is intact up to a torn end of 12 bytes"), "{printed}");
    assert!(printed.lines().count() > 10 && !printed.contains("CLOSED"));
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    let walked = walk("rolling-deploy", "all-good");
    for more in [["--speed", "65"], ["--speed", "0.1"], ["--speed", "NaN"], ["--idle", "soon"]] {
        assert_eq!(replay(walked.dir.path(), &more).status.code(), Some(2), "{more:?}");
    }
}
