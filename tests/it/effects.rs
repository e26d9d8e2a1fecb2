//! The hidden `supervise` command of the real binary, and finding its commands again.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use pacenote::effects::{Answer, Commands, EffectPorts, Effects, OutputStore, Secret, SecretSource, StopSignal};
use pacenote::journal::Writer;
use pacenote::outputs::SessionOutputs;
use pacenote::ports::HttpPort;
use pacenote::redact::Redactor;
use pacenote::session::Event;
use pacenote::session::event::{Outcome, OutputRef};
use pacenote::session::intent::{Intent, Piece, Purpose, RunRequest, SecretName, SecretText, Starter, What};
use pacenote::session::message::EffectReport;
use pacenote::session::path::StepPath;
use pacenote::state::StateDir;
use pacenote::supervise::{Handover, ProcessId, Spec, Status, file, read_json, write_json};
use tokio::sync::mpsc;

use crate::journal::samples;

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
    effects_with(session, Arc::new(Nothing), Arc::new(Nothing))
}

fn effects_with(
    session: &Path,
    secrets: Arc<dyn SecretSource>,
    outputs: Arc<dyn OutputStore>,
) -> (Effects, mpsc::Receiver<Answer>) {
    let (answer, answers) = mpsc::channel(16);
    let ports = EffectPorts {
        http: HttpPort::network(),
        cluster: None,
        secrets,
        outputs,
        commands: Commands::Supervised { program: env!("CARGO_BIN_EXE_pacenote").into(), grace: Duration::from_millis(200) },
        session_dir: session.to_owned(),
        bundle: session.to_owned(),
        environment: vec![("PATH".into(), std::env::var("PATH").unwrap_or_default())],
        sid: "sid".into(),
        freezes: None,
        dry_run: false,
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

/// As long as a command runs nobody may take it for done or for not done, whatever became
/// of its supervisor.
#[tokio::test]
async fn a_command_that_outlives_its_supervisor_is_waited_for() {
    let session = tempfile::tempdir().expect("a folder");
    let script = "mkfifo go; read -r _ <go; echo late";
    let mut supervisor = supervise(session.path(), script, &handover(&[]));
    let folder = session.path().join("run-1");
    eventually("the command runs", || read_json::<ProcessId>(&folder.join(file::RUNNING)).expect("readable"));
    eventually("it waits", || session.path().join("go").exists().then_some(()));
    supervisor.kill().expect("killed");
    supervisor.wait().expect("it ends");
    let (effects, mut answers) = effects(session.path());
    effects.attach(intent());
    let told = answers.recv().await.expect("an answer");
    assert!(matches!(&told, Answer::Progress { text, .. } if text.contains("still runs")), "{told:?}");
    std::fs::write(session.path().join("go"), "now\n").expect("let go");
    let report = end(&mut answers).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Unknown, None), "{}", report.message);

    // The same, stopped by the operator.
    let second = tempfile::tempdir().expect("a folder");
    let mut supervisor = supervise(second.path(), "mkfifo go; read -r _ <go", &handover(&[]));
    let folder = second.path().join("run-1");
    let command = eventually("it runs", || read_json::<ProcessId>(&folder.join(file::RUNNING)).expect("readable"));
    supervisor.kill().expect("killed");
    supervisor.wait().expect("it ends");
    let (effects, mut answers) = effects_with(second.path(), Arc::new(Nothing), Arc::new(Nothing));
    effects.attach(intent());
    assert!(matches!(answers.recv().await, Some(Answer::Progress { .. })));
    effects.stop(1, StopSignal::Terminate);
    assert_eq!(end(&mut answers).await.outcome, Outcome::Unknown);
    assert!(!command.is_alive());
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

/// The value of the one secret there is.
struct Canary(&'static str);

impl SecretSource for Canary {
    fn get<'a>(&'a self, _: &'a SecretName) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(std::future::ready(Ok(Secret::new(self.0))))
    }
    fn known(&self) -> Vec<(String, Secret)> {
        vec![("CANARY".to_owned(), Secret::new(self.0))]
    }
}

/// Runs a script that gets the canary as `$TOKEN`, in a session with a journal. What is
/// answered, and every file of the session.
async fn session_with(canary: &'static str, script: &str) -> (Vec<Answer>, EffectReport, Vec<(String, Vec<u8>)>) {
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateDir::open(&folder.path().join("state")).expect("a state folder");
    let dir = state.create_session("20261121-033344-canary-deploy-7f3a9c").expect("a session");
    let redactor = Redactor::new();
    let mut writer = Writer::create(&dir, redactor.clone()).expect("a journal");
    writer.append(samples::at(0), &samples::opened()).expect("opened");
    // What the journal's redactor knows is tested elsewhere: here it knows nothing.
    let outputs = SessionOutputs::new(dir.clone(), redactor);
    let (effects, mut answers) = effects_with(dir.path(), Arc::new(Canary(canary)), Arc::new(outputs));
    let mut intent = intent();
    let What::Run(request) = &mut intent.what else { unreachable!("it is a command") };
    request.script = Some(script.to_owned());
    request.env = vec![("TOKEN".into(), SecretText(vec![Piece::Secret(SecretName::Env("TOKEN".into()))]))];
    let appended = writer.append(samples::at(1), &Event::EffectIntended(Box::new(intent))).expect("written");
    effects.start(appended.intent.expect("the right to start it"));
    let mut said = Vec::new();
    let report = loop {
        match answers.recv().await.expect("an answer") {
            Answer::Ended(report) => break *report,
            other => said.push(other),
        }
    };
    let mut files = Vec::new();
    let mut folders = vec![dir.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.display().to_string(), std::fs::read(&path).expect("readable")));
            }
        }
    }
    (said, report, files)
}

#[tokio::test]
async fn a_secret_in_any_form_is_left_in_no_file() {
    const PLAIN: &str = "sword\"fi\\sh/of gold";
    const JSON: &str = r#"sword\"fi\\sh/of gold"#;
    const BASE64: &str = "c3dvcmQiZmlcc2gvb2YgZ29sZA==";
    const PERCENT: &str = "%73%77%6f%72%64%22%66%69%5c%73%68%2f%6f%66%20%67%6f%6c%64";
    let script = r#"
        printf 'plain %s.\n' "$TOKEN"
        printf 'base64 '; printf %s "$TOKEN" | base64
        printf 'json "%s"\n' "$(printf %s "$TOKEN" | sed 's/["\\]/\\&/g')"
        printf 'percent '; printf %s "$TOKEN" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%'; echo
        printf 'coloured %s\033[0m%s\n' "$(printf %.7s "$TOKEN")" "${TOKEN#???????}" >&2
    "#;
    let (said, report, files) = session_with(PLAIN, script).await;
    assert_eq!(report.exit, Some(0), "{}", report.message);
    // Each form was really printed, and something stands in its place.
    let expected =
        ["plain [redacted CANARY].\n", "base64 [redacted CANARY]", "json \"[redacted CANARY]\"\n", "percent [redacted CANARY]\n"];
    for line in expected {
        assert!(report.stdout.contains(line), "{line:?} in {:?}", report.stdout);
    }
    let kept = report.output.as_ref().expect("a kept output");
    assert!(kept.head.contains("plain [redacted CANARY]"), "{kept:?}");
    assert!(files.iter().any(|(path, bytes)| path.ends_with(&kept.blob) && bytes.len() as u64 == kept.bytes));
    assert!(files.iter().any(|(path, bytes)| path.ends_with("log") && bytes.windows(12).any(|w| w == b"e coloured [")));
    let answered = format!("{said:?} {report:?}").into_bytes();
    for (path, bytes) in files.iter().chain([&("the answers".to_owned(), answered)]) {
        let text = String::from_utf8_lossy(bytes);
        // Half of it would be as bad as the whole.
        for form in [PLAIN, JSON, &BASE64[..24], PERCENT, "sword", "of gold", "c3dvcmQ", "%73%77%6f"] {
            assert!(!text.contains(form), "{form} is in {path}: {text}");
        }
    }
}

#[tokio::test]
async fn a_command_whose_secret_cannot_be_hidden_does_not_run() {
    let (_, report, files) = session_with("abc", "echo started >started; echo \"$TOKEN\"").await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    let expected = "the secret `CANARY` is shorter than 4 characters and could not be kept out of the record; use a longer one";
    assert_eq!(report.message, expected);
    assert!(!files.iter().any(|(path, _)| path.ends_with("started") || path.ends_with("log")));
}
