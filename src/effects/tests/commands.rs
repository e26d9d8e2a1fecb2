//! Real commands below a real supervisor, which is this test binary started again.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::session::intent::Piece;
use crate::supervise::{self, ProcessId, file};

/// Names the folder to the supervisor process.
const FOLDER: &str = "PACENOTE_TEST_SUPERVISE";

/// Does nothing as a test; started again by [`supervised`], it is the supervisor.
#[test]
fn supervisor_process() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let code = supervise::main(Path::new(&folder));
        std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
    }
}

fn supervised(folder: &Path) -> Commands {
    let program = folder.join("supervisor");
    let binary = std::env::current_exe().unwrap();
    let name = "effects::tests::commands::supervisor_process";
    let text = format!("#!/bin/sh\n{FOLDER}=\"$2\" exec '{}' --exact {name} --nocapture\n", binary.display());
    // In a step of its own, so that no other test's fork still holds it open for writing.
    std::fs::write(folder.join("supervisor.new"), text).unwrap();
    std::fs::set_permissions(folder.join("supervisor.new"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(folder.join("supervisor.new"), &program).unwrap();
    Commands::Supervised { program, grace: Duration::from_millis(200) }
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let commands = supervised(folder.path());
    let (effects, answers) = Bench::effects(folder.path(), HttpPort::network(), None, commands);
    Bench { effects, answers, folder, seen: Vec::new() }
}

fn script(text: &str) -> RunRequest {
    RunRequest {
        argv: vec!["sh".into(), "-eu".into()],
        script: Some(text.into()),
        env: vec![("TOKEN".into(), SecretText(vec![Piece::Secret(SecretName::Env("TOKEN".into()))]))],
        stdin: None,
        cwd: None,
        interactive: false,
        sensitive: false,
    }
}

fn run(text: &str, changes: bool) -> Intent {
    intent(What::Run(script(text)), changes)
}

fn with_timeout(mut intent: Intent, ms: u64) -> Intent {
    intent.timeout_ms = Some(ms);
    intent
}

#[tokio::test]
async fn exit_codes_and_both_streams_come_back() {
    let mut bench = bench();
    let report = bench.run(run("echo one; echo two >&2; printf '\\033[31mred\\033[0m'; exit 3", true)).await;
    assert_eq!((report.outcome, report.exit, report.changed), (Outcome::Succeeded, Some(3), None), "{}", report.message);
    assert_eq!(report.stdout, "one\nred");
    let output = report.output.unwrap();
    assert!(output.head.contains("o one\n") && output.head.contains("e two\n"), "{:?}", output.head);
    let lines = bench.lines();
    assert!(lines.contains(&OutputLine { text: "red".into(), stderr: false }), "{lines:?}");
    assert!(lines.contains(&OutputLine { text: "two".into(), stderr: true }), "{lines:?}");
}

#[tokio::test]
async fn the_environment_is_clean_and_files_are_private() {
    let mut bench = bench();
    let mut request = script("env; cat; umask; ls -l \"$0\"");
    request.stdin = Some(SecretText::plain("from stdin\n"));
    request.env.push(("TARGET".into(), SecretText::plain("here")));
    let report = bench.run(intent(What::Run(request), false)).await;
    assert_eq!(report.exit, Some(0), "{}", report.message);
    let mut names: Vec<&str> = report.stdout.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "PATH", "PWD", "TARGET", "TOKEN"]);
    assert!(report.stdout.contains("from stdin\n"));
    assert!(report.stdout.contains("-rw-------"), "{}", report.stdout);
}

#[tokio::test]
async fn a_secret_reaches_the_command_and_no_file() {
    let mut bench = bench();
    let report =
        bench.run(run("test \"$TOKEN\" = hunter22\"\"hunter; echo \"got $TOKEN\"; printf %s \"$TOKEN\" >&2", true)).await;
    assert_eq!(report.exit, Some(0), "{}", report.message);
    assert_eq!(report.stdout, "got [redacted TOKEN]\n");
    let folder = bench.folder.path().join("run-1");
    assert!(!format!("{report:?} {:?}", bench.lines()).contains("hunter22hunter"));
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(14).any(|window| window == b"hunter22hunter"), "{}", path.display());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn a_sensitive_command_leaves_no_output() {
    let mut bench = bench();
    let mut request = script("echo something; echo else >&2; exit 0");
    request.sensitive = true;
    let report = bench.run(intent(What::Run(request), true)).await;
    assert_eq!((report.exit, report.stdout.as_str(), &report.output), (Some(0), "", &None));
    assert!(bench.lines().is_empty());
    assert_eq!(std::fs::read(bench.folder.path().join("run-1/log")).unwrap(), b"");
}

#[tokio::test]
async fn much_output_is_cut_in_the_report_and_kept_on_disk() {
    let mut bench = bench();
    let report = bench.run(run("i=0; while [ $i -lt 3000 ]; do printf '%01000d\\n' $i; i=$((i+1)); done", false)).await;
    assert_eq!(report.exit, Some(0), "{}", report.message);
    assert_eq!(report.stdout.len(), 1 << 20);
    assert_eq!(report.output.unwrap().bytes, 3000 * 1003);
    assert_eq!(bench.lines().len(), 3000);
}

#[tokio::test]
async fn what_cannot_be_started_changed_nothing() {
    let mut bench = bench();
    let mut request = script("true");
    request.script = None;
    request.argv = vec!["/nowhere/at-all".into()];
    let report = bench.run(intent(What::Run(request), true)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("/nowhere/at-all"), "{}", report.message);
    // The same effect again: its folder is taken, and nothing runs twice.
    let report = bench.run(run("true", true)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    let mut outside = script("true");
    outside.cwd = Some("../..".into());
    let mut intent = intent(What::Run(outside), true);
    intent.effect = 2;
    assert!(bench.run(intent).await.message.contains("leads out of"));
}

#[tokio::test]
async fn a_program_of_the_bundle_is_found_there() {
    let mut bench = bench();
    let program = bench.folder.path().join("hello.sh");
    std::fs::write(&program, "#!/bin/sh\necho hello from $(pwd)\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut request = script("");
    request.script = None;
    request.argv = vec!["./hello.sh".into()];
    let report = bench.run(intent(What::Run(request), false)).await;
    assert_eq!(report.exit, Some(0), "{}", report.message);
    let folder = bench.folder.path().canonicalize().unwrap();
    assert_eq!(report.stdout, format!("hello from {}\n", folder.display()));
}

/// Waits for something that other processes bring about.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn stopping_ends_the_whole_group() {
    // The grandchild in the background ignores SIGINT, as POSIX shells start it.
    for (signal, name) in [(StopSignal::Interrupt, "SIGINT"), (StopSignal::Terminate, "SIGTERM"), (StopSignal::Kill, "SIGKILL")] {
        let mut bench = bench();
        bench.effects.run(run("tail -f /dev/null & echo child $!; wait", true));
        bench.line_with("child ").await;
        let line = bench.lines().into_iter().find(|l| l.text.starts_with("child ")).unwrap();
        let grandchild = ProcessId::of(line.text.trim_start_matches("child ").parse().unwrap());
        assert!(grandchild.is_alive());
        assert!(bench.effects.stop(1, signal));
        let report = bench.end().await;
        assert_eq!((report.outcome, report.changed), (Outcome::Unknown, None), "{}", report.message);
        assert!(report.message.contains("stopped by the operator") && report.message.contains(name), "{}", report.message);
        eventually("the grandchild is gone", || !grandchild.is_alive()).await;
    }
}

#[tokio::test]
async fn stopping_a_command_that_only_reads_is_a_failure() {
    let mut bench = bench();
    bench.effects.run(run("echo up; tail -f /dev/null", false));
    bench.line_with("up").await;
    assert!(bench.effects.stop(1, StopSignal::Interrupt));
    let report = bench.end().await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
}

#[tokio::test]
async fn a_stubborn_command_is_stopped_harder() {
    let mut bench = bench();
    bench.effects.run(run("mkfifo hold; trap 'echo not me' INT TERM; echo up; while :; do read -r _ <>hold || :; done", true));
    bench.line_with("up").await;
    assert!(bench.effects.stop(1, StopSignal::Interrupt));
    bench.line_with("not me").await;
    assert!(bench.effects.stop(1, StopSignal::Kill));
    let report = bench.end().await;
    assert!(report.outcome == Outcome::Unknown && report.message.contains("SIGKILL"), "{}", report.message);
}

#[tokio::test]
async fn a_time_limit_ends_even_a_stubborn_command() {
    for (changes, outcome) in [(true, Outcome::Unknown), (false, Outcome::Failed)] {
        let mut bench = bench();
        let text = "mkfifo hold; trap '' INT TERM; echo up; while :; do read -r _ <>hold; done";
        let report = bench.run(with_timeout(run(text, changes), 300)).await;
        assert_eq!(report.outcome, outcome, "{}", report.message);
        assert!(report.message.contains("time limit of 300ms") && report.message.contains("SIGKILL"), "{}", report.message);
        assert!(report.took_ms >= 700, "the limit and two graces: {} ms", report.took_ms);
    }
}

#[tokio::test]
async fn a_command_goes_on_without_us_and_is_found_again() {
    let mut first = bench();
    let intent = run("mkfifo go; echo begun; read -r _ <go; echo \"ended $TOKEN\"; exit 4", true);
    first.effects.run(intent.clone());
    first.line_with("begun").await;
    let Bench { effects, answers, folder, .. } = first;
    drop((effects, answers));

    let again = || {
        let commands = supervised(folder.path());
        Bench::effects(folder.path(), HttpPort::network(), None, commands)
    };
    let (effects, mut answers) = again();
    effects.attach(intent.clone());
    std::fs::write(folder.path().join("go"), "now\n").unwrap();
    let mut lines = Vec::new();
    let report = loop {
        match answers.recv().await.unwrap() {
            Answer::Ended(report) => break report,
            Answer::Output { lines: new, .. } => lines.extend(new.into_iter().map(|line| line.text)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((report.outcome, report.exit), (Outcome::Succeeded, Some(4)), "{}", report.message);
    assert_eq!(lines, ["begun", "ended [redacted TOKEN]"], "the whole output, from its beginning");

    // Its end can be read as often as somebody asks.
    let (effects, mut answers) = again();
    effects.attach(intent);
    let ended = loop {
        if let Answer::Ended(report) = answers.recv().await.unwrap() {
            break report;
        }
    };
    assert_eq!(ended.exit, Some(4));
}

#[tokio::test]
async fn what_a_resume_finds() {
    let mut bench = bench();
    // Nothing at all, or a folder nobody claimed: it never started, and never will.
    bench.effects.attach(run("true", true));
    let report = bench.end().await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    let folder = bench.folder.path().join("run-1");
    std::fs::create_dir(&folder).unwrap();
    bench.effects.attach(run("true", true));
    let report = bench.end().await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(!supervise::claim(&folder).unwrap(), "no supervisor can start it any more");
    // A supervisor that is gone without a word: nobody knows.
    let mut gone = std::process::Command::new("true").spawn().unwrap();
    let id = ProcessId::of(gone.id().cast_signed());
    gone.wait().unwrap();
    supervise::write_json(&folder.join(file::CLAIM), &id).unwrap();
    bench.effects.attach(run("true", true));
    let report = bench.end().await;
    assert_eq!((report.outcome, report.changed), (Outcome::Unknown, None), "{}", report.message);
    // And a request whose answer nobody saw.
    let http = crate::session::intent::HttpRequest {
        method: "POST".into(),
        url: "http://x".into(),
        headers: Vec::new(),
        body: None,
        times: 1,
    };
    bench.effects.attach(intent(What::Http(http), true));
    assert_eq!(bench.end().await.outcome, Outcome::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_scripted_command_takes_its_time_and_touches_nothing() {
    struct Script;
    impl CommandScript for Script {
        fn answer(&self, _: &Intent, request: &RunRequest) -> ScriptedAnswer {
            assert_eq!(request.script.as_deref(), Some("rm -rf /"));
            ScriptedAnswer { stdout: "fine\n".into(), stderr: "hm\n".into(), exit: 0, takes: Duration::from_secs(90) }
        }
    }
    let mut bench = Bench::new(HttpPort::network(), None, Commands::Scripted(Arc::new(Script)));
    let report = bench.run(run("rm -rf /", true)).await;
    assert_eq!((report.outcome, report.exit, report.took_ms), (Outcome::Succeeded, Some(0), 90_000), "{}", report.message);
    assert_eq!(report.stdout, "fine\n");
    assert_eq!(bench.lines().len(), 2);
    let report = bench.run(with_timeout(run("rm -rf /", true), 30_000)).await;
    assert_eq!((report.outcome, report.took_ms), (Outcome::Unknown, 30_000), "{}", report.message);
}

#[tokio::test]
async fn a_flood_of_output_does_not_keep_a_stop_from_getting_through() {
    let mut bench = bench();
    bench.effects.run(run("while :; do echo flood; done", true));
    bench.line_with("flood").await;
    assert!(bench.effects.stop(1, StopSignal::Interrupt));
    let report = bench.end().await;
    assert!(report.message.contains("stopped by the operator"), "{}", report.message);
}

#[tokio::test]
async fn an_interactive_command_reports_its_exit() {
    let bench = bench();
    let interactive = |text: &str| {
        let mut request = script(text);
        request.interactive = true;
        intent(What::Run(request), true)
    };
    let run = async |effect, mut intent: Intent| {
        intent.effect = effect;
        bench.effects.hand_over(intent).await
    };
    let report = run(1, interactive("test \"$TOKEN\" = hunter22hunter; exit 3")).await;
    assert_eq!((report.outcome, report.exit, report.changed), (Outcome::Succeeded, Some(3), None), "{}", report.message);
    let report = run(2, with_timeout(interactive("exec tail -f /dev/null"), 200)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Unknown, None), "{}", report.message);
    let report = run(3, interactive("kill -9 $$")).await;
    assert_eq!(report.outcome, Outcome::Unknown, "{}", report.message);
}

#[tokio::test]
async fn a_secret_torn_apart_by_colours_is_not_put_together_again() {
    let mut bench = bench();
    let report = bench.run(run("printf 'it is hunter\\033[0m22hunter\\n'", true)).await;
    assert_eq!(report.stdout, "it is [redacted TOKEN]\n");
    assert_eq!(bench.lines(), [OutputLine { text: "it is [redacted TOKEN]".into(), stderr: false }]);
}
