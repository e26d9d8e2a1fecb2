//! The program from outside: arguments in, text and exit code out.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

mod first_steps;

/// The program with a home folder of its own and nothing of the caller's settings.
fn pacenote(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").current_dir(home).stdin(Stdio::null());
    command
}

fn run(home: &Path, arguments: &str) -> Output {
    pacenote(home).args(arguments.split_whitespace()).output().expect("the program starts")
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn version_and_help_are_answers() {
    let home = home();
    let version = run(home.path(), "--version");
    assert_eq!((version.status.code(), out(&version)), (Some(0), format!("pacenote {}\n", env!("CARGO_PKG_VERSION"))));
    let help = run(home.path(), "--help");
    assert_eq!(help.status.code(), Some(0));
    assert!(out(&help).contains("Exit codes:") && !out(&help).contains("supervise"), "{}", out(&help));
    assert!(std::fs::read_dir(home.path()).expect("a folder").next().is_none(), "neither touches a file");
}

#[test]
fn the_version_is_there_at_once() {
    let home = home();
    let once = || {
        let begun = Instant::now();
        assert!(run(home.path(), "--version").status.success());
        begun.elapsed()
    };
    // The quickest of ten says what the program needs; the others what the machine was at.
    let quickest = (0..10).map(|_| once()).min().expect("ten runs");
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
}

#[test]
fn wrong_arguments_end_with_2() {
    let home = home();
    for arguments in ["frobnicate", "check", "run", "sessions --format xml", "run x --input nonsense"] {
        let output = run(home.path(), arguments);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""), "{arguments}");
        assert!(err(&output).starts_with("error: "), "{arguments}: {}", err(&output));
    }
}

#[test]
fn config_says_what_is_in_force_and_from_where() {
    let home = home();
    let folder = home.path().join(".config/pacenote");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config.yaml"), "principal: alice@example.com\ntheme: light\n").expect("a file");
    let output = run(home.path(), "config --format json --theme dark --state-dir elsewhere");
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let settings = &shown["settings"];
    assert_eq!(settings["principal"]["value"], "alice@example.com");
    assert_eq!(settings["principal"]["from"], folder.join("config.yaml").display().to_string());
    assert_eq!((&settings["theme"]["value"], &settings["theme"]["from"]), (&"dark".into(), &"argument --theme".into()));
    assert_eq!(settings["state_dir"]["from"], "argument --state-dir");
    assert!(out(&run(home.path(), "config")).contains("alice@example.com"));

    std::fs::write(folder.join("config.yaml"), "principal: alice\nprinciple: bob\n").expect("a file");
    for command in ["config", "sessions", "show x"] {
        let output = run(home.path(), command);
        assert_eq!(output.status.code(), Some(3), "{command}");
        assert!(err(&output).contains("config.yaml:2:1"), "{command}: {}", err(&output));
    }
}

#[test]
fn the_schemas_are_the_files_for_editors() {
    let home = home();
    for (arguments, file) in [
        ("schema", "runbook.schema.json"),
        ("schema runbook", "runbook.schema.json"),
        ("schema scenario", "scenario.schema.json"),
    ] {
        let output = run(home.path(), arguments);
        assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""), "{arguments}");
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(file);
        assert!(out(&output) == std::fs::read_to_string(&kept).expect(file), "{arguments}: not what {file} holds");
    }
    assert_eq!(run(home.path(), "schema answers").status.code(), Some(2));
}

#[test]
fn every_shell_gets_a_completion_script() {
    let home = home();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(home.path(), &format!("completions {shell}"));
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(out(&output).contains("rehearse"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_accident() {
    let home = home();
    let mut child = pacenote(home.path())
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}

#[test]
fn a_full_disk_is_one() {
    let home = home();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = pacenote(home.path()).args(["completions", "bash"]).stdout(full).output().expect("the program starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("not complete"), "{}", err(&output));
}

#[test]
fn a_new_machine_has_no_sessions() {
    let home = home();
    let output = run(home.path(), "sessions");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).starts_with("No sessions in "), "{}", out(&output));
    assert_eq!(out(&run(home.path(), "sessions --format json")), "[]\n");
    for (command, code) in [("show 2026", 3), ("verify 2026", 3), ("verify ./none", 1)] {
        assert_eq!(run(home.path(), command).status.code(), Some(code), "{command}");
    }
}

#[test]
fn a_state_folder_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let home = home();
    let state = home.path().join("state");
    std::fs::create_dir(&state).expect("a folder");
    std::fs::write(state.join("something"), "else").expect("a file");
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o755)).expect("its mode");
    let output = run(home.path(), "sessions --state-dir state");
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("chmod 700") && err(&output).contains("--state-dir"), "{}", err(&output));
}

#[test]
fn a_trace_goes_to_a_file_and_never_to_the_screen() {
    let home = home();
    let output = run(home.path(), "config --log trace --state-dir state");
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
    let trace = std::fs::read_to_string(home.path().join("state/log/pacenote.log")).expect("a trace");
    assert!(trace.contains("begin") && !trace.contains('\u{1b}'), "{trace}");
    assert_eq!(run(home.path(), "config --log loud").status.code(), Some(2));
}

const RUNBOOK: &str = "pacenote: 1\nrunbook: r\ntitle: A runbook\nsteps:\n  - {id: a, title: A, run: {command: [./deploy.sh]}, undo: {none: a test}}\n";

#[test]
fn check_finds_mistakes_in_all_files_and_says_where() {
    let home = home();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).expect("a file");
    write("good.yaml", &RUNBOOK.replace("run: {command: [./deploy.sh]}", "run: {command: [deploy]}"));
    write("bad.yaml", &RUNBOOK.replace("title: A,", "titel: A,"));
    write("lost.yaml", RUNBOOK);
    let good = run(home.path(), "check good.yaml");
    assert_eq!(good.status.code(), Some(0), "{}", out(&good));
    assert!(out(&good).ends_with("1 file checked: 0 errors, 0 warnings\n"), "{}", out(&good));

    let output = run(home.path(), "check bad.yaml good.yaml lost.yaml none.yaml");
    assert_eq!(output.status.code(), Some(1));
    let said = out(&output);
    for expected in ["bad.yaml:5:", "titel", "lost.yaml:5:", "deploy.sh", "none.yaml", "4 files checked: "] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "no colour into a pipe");
    assert!(out(&run(home.path(), "check --color always bad.yaml")).contains('\u{1b}'));

    let json: serde_json::Value =
        serde_json::from_slice(&run(home.path(), "check --format json bad.yaml good.yaml").stdout).expect("JSON");
    assert_eq!((&json["files"][0]["ok"], &json["files"][1]["ok"]), (&false.into(), &true.into()));
    assert_eq!(json["files"][1]["bundle"].as_str().map(str::len), Some(64));
    let sarif: serde_json::Value =
        serde_json::from_slice(&run(home.path(), "check --format sarif bad.yaml").stdout).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "error");
}

#[test]
fn check_runs_and_reads_nothing_of_a_runbook() {
    let home = home();
    let text = RUNBOOK.replace("./deploy.sh", "touch, ran").replace(
        "steps:",
        "inputs: {token: {type: secret, from: {command: [touch, asked]}}, size: {type: choice, choices: {command: [touch, chosen]}}}\nsteps:",
    );
    std::fs::write(home.path().join("r.yaml"), text).expect("a file");
    assert_eq!(run(home.path(), "check r.yaml").status.code(), Some(0), "{}", out(&run(home.path(), "check r.yaml")));
    for name in ["ran", "asked", "chosen", ".local"] {
        assert!(!home.path().join(name).exists(), "{name}");
    }
}
