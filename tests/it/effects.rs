//! The hidden `supervise` command of the real binary, and finding its commands again.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use pacenote::effects::{Answer, Commands, EffectPorts, Effects, OutputStore, Secret, SecretSource, StopSignal};
use pacenote::ports::HttpPort;
use pacenote::session::event::{Outcome, OutputRef};
use pacenote::session::intent::{Intent, Purpose, RunRequest, SecretName, Starter, What};
use pacenote::session::message::EffectReport;
use pacenote::session::path::StepPath;
use pacenote::supervise::{Handover, ProcessId, Spec, Status, file, read_json, write_json};
use tokio::sync::mpsc;

struct Nothing;

impl SecretSource for Nothing {
    fn get<'a>(&'a self, _: &'a SecretName) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(std::future::ready(Err("none".into())))
    }
    fn known(&self) -> Vec<(String, Secret)> {
        Vec::new()
    }
}

impl OutputStore for Nothing {
    fn keep(&self, _: u64, file: &Path) -> std::io::Result<OutputRef> {
        Ok(OutputRef { blob: "00".into(), bytes: file.metadata()?.len(), head: std::fs::read_to_string(file)? })
    }
}

fn effects(session: &Path) -> (Effects, mpsc::Receiver<Answer>) {
    let (answer, answers) = mpsc::channel(16);
    let ports = EffectPorts {
        http: HttpPort::network(),
        cluster: None,
        secrets: Arc::new(Nothing),
        outputs: Arc::new(Nothing),
        commands: Commands::Supervised { program: env!("CARGO_BIN_EXE_pacenote").into(), grace: Duration::from_millis(200) },
        session_dir: session.to_owned(),
        bundle: session.to_owned(),
        environment: Vec::new(),
        sid: "sid".into(),
    };
    (Effects::new(ports, answer), answers)
}

fn intent() -> Intent {
    let request = RunRequest {
        argv: vec!["sh".into()],
        script: None,
        env: Vec::new(),
        stdin: None,
        cwd: None,
        interactive: false,
        sensitive: false,
    };
    Intent {
        effect: 1,
        path: StepPath::new("step"),
        visit: 1,
        purpose: Purpose::Step,
        by: Starter::Operator,
        changes: true,
        what: What::Run(request),
        object: None,
        timeout_ms: None,
    }
}

/// Starts the real supervisor on a script, as the program does it.
fn supervise(session: &Path, script: &str, handover: &[u8]) -> Child {
    let folder = session.join("run-1");
    std::fs::create_dir_all(&folder).expect("a folder");
    let spec = Spec {
        argv: ["sh", "-euc", script].map(str::to_owned).to_vec(),
        cwd: session.display().to_string(),
        env: vec![("PATH".into(), std::env::var("PATH").unwrap_or_default())],
        timeout_ms: None,
        grace_ms: 200,
        sensitive: false,
    };
    write_json(&folder.join(file::SPEC), &spec).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_pacenote"))
        .arg("supervise")
        .arg(&folder)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the supervisor starts");
    child.stdin.take().expect("a pipe").write_all(handover).expect("handed over");
    child
}

fn handover(secrets: &[&str]) -> Vec<u8> {
    let secrets = secrets.iter().map(|s| ("WORD".to_owned(), (*s).to_owned())).collect();
    serde_json::to_vec(&Handover { env: vec![("WORD".into(), "swordfish".into())], stdin: None, secrets }).expect("JSON")
}

fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

async fn end(answers: &mut mpsc::Receiver<Answer>) -> EffectReport {
    loop {
        if let Answer::Ended(report) = answers.recv().await.expect("an answer") {
            return *report;
        }
    }
}

#[tokio::test]
async fn the_real_supervisor_runs_redacts_and_reports() {
    let session = tempfile::tempdir().expect("a folder");
    let mut supervisor = supervise(session.path(), "echo \"the word is $WORD\"; exit 7", &handover(&["swordfish"]));
    assert!(supervisor.wait().expect("it ends").success());
    let folder = session.path().join("run-1");
    let status: Status = read_json(&folder.join(file::STATUS)).expect("readable").expect("there");
    assert_eq!((status.exit, status.signal, status.timed_out), (Some(7), None, false));
    assert_eq!(std::fs::read_to_string(folder.join(file::LOG)).expect("a log"), "o the word is [redacted WORD]\n");
    let (effects, mut answers) = effects(session.path());
    effects.attach(intent());
    let report = end(&mut answers).await;
    assert_eq!(
        (report.outcome, report.exit, report.stdout.as_str()),
        (Outcome::Succeeded, Some(7), "the word is [redacted WORD]\n")
    );
}

#[tokio::test]
async fn a_torn_handover_starts_nothing() {
    let session = tempfile::tempdir().expect("a folder");
    let whole = handover(&[]);
    let mut supervisor = supervise(session.path(), "touch started", &whole[..whole.len() - 1]);
    assert!(!supervisor.wait().expect("it ends").success());
    assert!(!session.path().join("started").exists());
    let (effects, mut answers) = effects(session.path());
    effects.attach(intent());
    let report = end(&mut answers).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    // And a supervisor that comes late finds the right to start it taken.
    let mut late = supervise(session.path(), "touch started", &whole);
    assert!(!late.wait().expect("it ends").success());
    assert!(!session.path().join("started").exists());
}

#[tokio::test]
async fn a_command_is_found_and_stopped_after_its_starter_is_gone() {
    let session = tempfile::tempdir().expect("a folder");
    let mut supervisor = supervise(session.path(), "echo up; tail -f /dev/null", &handover(&[]));
    let running = session.path().join("run-1").join(file::RUNNING);
    let command: ProcessId = eventually("it runs", || read_json(&running).ok().flatten());
    let (effects, mut answers) = effects(session.path());
    effects.attach(intent());
    assert!(effects.stop(1, StopSignal::Terminate));
    let report = end(&mut answers).await;
    assert_eq!(report.outcome, Outcome::Unknown, "{}", report.message);
    assert!(report.message.contains("stopped by the operator"), "{}", report.message);
    assert!(!command.is_alive());
    supervisor.wait().expect("it ends");
}

#[tokio::test]
async fn a_killed_supervisor_leaves_an_unknown_outcome() {
    let session = tempfile::tempdir().expect("a folder");
    let mut supervisor = supervise(session.path(), "echo up; exec tail -f /dev/null", &handover(&[]));
    let running = session.path().join("run-1").join(file::RUNNING);
    let command: ProcessId = eventually("it runs", || read_json(&running).ok().flatten());
    supervisor.kill().expect("killed");
    supervisor.wait().expect("gone");
    let (effects, mut answers) = effects(session.path());
    effects.attach(intent());
    let report = end(&mut answers).await;
    assert_eq!(report.outcome, Outcome::Unknown, "{}", report.message);
    assert!(report.message.contains(&format!("still runs (pid {})", command.pid)), "{}", report.message);
    assert!(command.signal_group(rustix::process::Signal::KILL));
}
