//! Windows, freezes, requirements, locks, updates and dry runs, in sessions of the real
//! program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;

mod canary;

/// Nothing waits so long where all goes well.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home, a state folder and a runbook.
struct Place {
    home: tempfile::TempDir,
}

/// What a run of the program came to.
#[derive(Debug)]
struct Went {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new(runbook: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let place = Self { home };
        std::fs::write(place.runbook(), runbook).unwrap();
        std::fs::write(place.path("answers.yaml"), "otherwise: continue\n").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn runbook(&self) -> PathBuf {
        self.path("deploy.yaml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.home.path());
        command.arg("--state-dir").arg(self.path("state")).args(arguments).current_dir(self.home.path());
        command
    }

    fn pacenote(&self, arguments: &[&str]) -> Went {
        let done = self.command(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Went { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }

    /// An unattended run that answers everything with yes.
    fn run(&self, more: &[&str]) -> Went {
        let mut arguments = vec!["run", "deploy.yaml", "--trust", "--answers", "answers.yaml"];
        arguments.extend(more);
        self.pacenote(&arguments)
    }

    /// Records of the newest session.
    fn records(&self) -> Vec<Value> {
        let mut sessions: Vec<PathBuf> =
            self.path("state/sessions").read_dir().unwrap().map(|entry| entry.unwrap().path().join("journal.jsonl")).collect();
        sessions.retain(|journal| journal.exists());
        sessions.sort_by_key(|journal| journal.metadata().unwrap().modified().unwrap());
        let text = std::fs::read_to_string(sessions.last().unwrap()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn recorded(&self, kind: &str) -> Vec<Value> {
        self.records().into_iter().filter(|r| r["type"] == kind).map(|r| r["data"].clone()).collect()
    }
}

impl Went {
    fn is(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }

    fn says(&self, text: &str) -> &Self {
        assert!(self.out.contains(text) || self.err.contains(text), "no {text:?} in:\n{}\n{}", self.out, self.err);
        self
    }
}

/// A session somebody sits at, in lines.
struct Session {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Session {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut command = place.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = mpsc::channel();
        for out in
            [Box::new(child.stdout.take().unwrap()) as Box<dyn std::io::Read + Send>, Box::new(child.stderr.take().unwrap())]
        {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if tell.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        let input = child.stdin.take();
        Self { child, input, lines, seen: Vec::new() }
    }

    /// Waits for a line with this in it.
    fn until(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("no {text:?} in:\n{}", self.seen.join("\n")),
            }
        }
    }

    fn type_line(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    fn end(mut self) -> Option<i32> {
        drop(self.input.take());
        self.child.wait().unwrap().code()
    }
}

/// A webhook on loopback that keeps what it is told.
struct Hook {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Value>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Hook {
    fn new(status: StatusCode) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = told.clone();
        let address = runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let take = move |body: bytes::Bytes| async move {
                keep.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                status
            };
            tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
            address
        });
        Self { address, told, _runtime: runtime }
    }

    fn told(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }

    fn runbook(&self, format: &str) -> String {
        format!("notify:\n  ops: {{webhook: {{url: 'http://{}/hook', format: {format}}}}}\n", self.address)
    }
}

/// A runbook that leaves a file, on an environment with these further keys.
fn runbook(kind: &str, environment: &str, more: &str) -> String {
    format!(
        "pacenote: 1\nrunbook: deploy\ntitle: Deploy of the shop\n\
         inputs:\n  version: {{default: v1.2.4}}\n\
         change: {{kind: {kind}, service: shop, version: '${{{{ inputs.version }}}}', ticket: CHG-7}}\n\
         environments:\n  production: {{{environment}}}\n\
         steps:\n\
         \x20 - {{id: change, title: Change it, run: {{command: [touch, done], cwd: /PLACE}}, undo: {{none: harmless}}}}\n{more}"
    )
}

/// As [`runbook`], the file left in the place itself.
fn place(kind: &str, environment: &str, more: &str) -> Place {
    let place = Place::new("");
    let text = runbook(kind, environment, more).replace(", cwd: /PLACE", "").replace("[touch, done]", &touch(place.home.path()));
    std::fs::write(place.runbook(), text).unwrap();
    place
}

fn touch(folder: &Path) -> String {
    format!("[touch, '{}']", folder.join("done").display())
}

const FROZEN: &str = "window: {freeze: [{from: 2000-01-01, to: 2199-12-31, reason: The long winter}]}";

#[test]
fn a_planned_change_does_not_start_in_a_freeze() {
    let place = place("deploy", FROZEN, "");
    place.run(&[]).is(3).says("a freeze is in force (The long winter)").says("--emergency REASON");
    assert!(!place.path("done").exists());
    // A rehearsal is only told; see `scenarios`. A dry run too.
    place.run(&["--dry-run"]).is(0).says("for real this would be refused: a freeze is in force");
    assert!(!place.path("done").exists());
}

#[test]
fn a_rehearsal_is_told_what_would_be_said_and_goes_on() {
    let place = place("deploy", &format!("{FROZEN}, require: {{rehearsed_within: 30d}}"), "lock: shop\n");
    std::fs::create_dir(place.path("scenarios")).unwrap();
    let scenario = "pacenote-scenario: 1\nscenario: calm\nrunbook: ../deploy.yaml\nanswers: {otherwise: continue}\n";
    std::fs::write(place.path("scenarios/calm.yaml"), scenario).unwrap();
    let went = place.pacenote(&["rehearse", "deploy.yaml", "--answers", "answers.yaml"]);
    went.is(0).says("REHEARSAL").says("for real this would be refused: a freeze is in force");
    went.says("for real this would be refused: it was never rehearsed");
    assert!(!place.path("done").exists());
    // It counts from now on; the freeze is still in the way.
    let refused = place.run(&[]);
    refused.is(3).says("a freeze is in force");
    assert!(!refused.err.contains("never rehearsed"), "{}", refused.err);
}

#[test]
fn an_urgent_change_is_warned_and_it_is_on_record() {
    let place = place("incident", FROZEN, "");
    place.run(&[]).is(0).says("notice: started although a freeze is in force (The long winter)");
    assert!(place.path("done").exists());
    let deviations = place.recorded("deviation.recorded");
    assert_eq!(deviations[0]["what"], "freeze");
    assert!(place.recorded("session.opened")[0]["window"].as_str().unwrap().contains("The long winter"));
}

#[test]
fn an_emergency_passes_is_announced_and_owes_a_review() {
    let hook = Hook::new(StatusCode::OK);
    let place = place("deploy", &format!("{FROZEN}, require: {{rehearsed_within: 30d}}"), &hook.runbook("slack"));
    place.run(&["--emergency", "the shop is down, <!channel> @here"]).is(0).says("EMERGENCY: the shop is down");
    let what: Vec<String> = place.recorded("deviation.recorded").iter().map(|d| d["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(what, ["emergency", "freeze", "require"]);
    let owed = place.recorded("followup.noted");
    assert!(owed[0]["text"].as_str().unwrap().starts_with("Review of the emergency change: the shop is down"));
    assert!(owed[0]["due"].is_string());
    let told = hook.told();
    assert_eq!(told.len(), 1, "{told:?}");
    let text = told[0]["text"].as_str().unwrap();
    assert!(text.starts_with("EMERGENCY CHANGE: Deploy of the shop\nshop v1.2.4 in production, CHG-7\n"), "{text}");
    assert!(!text.contains("<!") && !text.contains("@here"), "{text}");
}

#[test]
fn a_frozen_environment_takes_no_new_session_until_it_is_lifted() {
    let place = place("deploy", "", "");
    place.pacenote(&["freeze", "production", "--reason", "the audit is on"]).is(0).says("production is frozen by");
    place.run(&[]).is(3).says("the audit is on").says("`pacenote unfreeze production` lifts it");
    assert!(!place.path("done").exists());
    place.pacenote(&["unfreeze", "production"]).is(0).says("production is not frozen any more");
    place.pacenote(&["unfreeze", "production"]).is(1).says("production is not frozen");
    place.run(&[]).is(0);
    assert!(place.path("done").exists());
}

#[test]
fn a_running_session_sees_a_freeze_and_may_go_on() {
    let place = place("deploy", "", "  - {id: sure, title: Go on?, confirm: Go on?}\n");
    let mut session = Session::start(&place, &["run", "deploy.yaml", "--trust", "--plain"]);
    session.until("(change)");
    place.pacenote(&["freeze", "production", "--reason", "the audit is on"]).is(0);
    session.until("notice: FROZEN: production is frozen by");
    place.pacenote(&["unfreeze", "production"]).is(0);
    session.type_line("start");
    session.until("Go on?");
    session.type_line("yes");
    assert_eq!(session.end(), Some(0));
    assert_eq!(place.recorded("freeze.set")[0]["environment"], "production");
}

/// What has not begun is kept from going on by a freeze, unless it burns.
#[test]
fn a_session_is_gone_on_with_as_an_emergency() {
    let place = place("deploy", "", "");
    let mut session = Session::start(&place, &["run", "deploy.yaml", "--trust", "--plain"]);
    session.until("(change)");
    session.type_line("quit");
    assert_eq!(session.end(), Some(4));
    place.pacenote(&["freeze", "production", "--reason", "the audit is on"]).is(0);
    place.pacenote(&["resume", "--answers", "answers.yaml"]).is(3).says("the audit is on").says("--emergency REASON");
    assert!(!place.path("done").exists());
    let resume = ["resume", "--answers", "answers.yaml", "--emergency", "the shop is down"];
    place.pacenote(&resume).is(0).says("EMERGENCY: the shop is down");
    assert!(place.path("done").exists());
    let what: Vec<String> = place.recorded("deviation.recorded").iter().map(|d| d["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(what, ["freeze", "emergency"]);
    let owed = place.recorded("followup.noted");
    assert!(owed[0]["text"].as_str().unwrap().starts_with("Review of the emergency change: the shop is down"));
}

#[test]
fn a_step_freezes_the_environment() {
    let place = place("deploy", "", "  - {id: stop, title: Nothing new, freeze: {reason: the shop is being moved}}\n");
    place.run(&[]).is(0);
    assert_eq!(place.recorded("freeze.set")[0]["reason"], "the shop is being moved");
    place.run(&[]).is(3).says("the shop is being moved");
    place.pacenote(&["unfreeze", "production"]).is(0);
}

#[test]
fn of_two_sessions_at_once_the_second_is_told_who_holds_the_lock() {
    let place = place("deploy", "", "lock: 'shop-${{ env.name }}'\n");
    let mut first = Session::start(&place, &["run", "deploy.yaml", "--trust", "--plain"]);
    first.until("(change)");
    let refused = place.run(&["--take-over", "I am in a hurry"]);
    refused.is(3).says("the lock `shop-production` is held by").says("since 20");
    assert!(!place.path("done").exists());
    assert_eq!(place.recorded("lock.taken")[0]["lock"], "shop-production");
    // Left unfinished it stays the session's.
    first.type_line("quit");
    assert_eq!(first.end(), Some(4));
    place.run(&[]).is(3).says("which was left unfinished").says("--take-over REASON");
    place.run(&["--take-over", "they have gone home"]).is(0);
    let over = &place.recorded("lock.taken-over")[0];
    assert_eq!(over["reason"], "they have gone home");
    // It was given back at the end.
    place.run(&[]).is(0);
}

#[test]
fn a_version_must_have_passed_elsewhere_first() {
    let place = place("deploy", "require: {passed_in: staging}", "");
    let text = std::fs::read_to_string(place.runbook()).unwrap();
    std::fs::write(place.runbook(), text.replace("environments:\n", "environments:\n  staging: {}\n")).unwrap();
    place.run(&["--env", "production"]).is(3).says("no intact journal shows that deploy v1.2.4 was completed in staging");
    place.run(&["--env", "staging"]).is(0);
    place.run(&["--env", "production", "--input", "version=v9"]).is(3).says("deploy v9 was completed in staging");
    place.pacenote(&["preflight", "deploy.yaml", "--trust", "--env", "production"]).says("completed in staging: session");
    place.run(&["--env", "production"]).is(0);
    let met = place.recorded("session.opened")[0]["evidence"][0].as_str().unwrap_or_default().to_owned();
    assert!(met.starts_with("completed in staging: session ") && met.contains("a key of this user"), "{met}");
    let sid = place.records()[0]["sid"].as_str().unwrap().to_owned();
    place.pacenote(&["export", &sid, "--format", "markdown"]).is(0).says("required before the start: completed in staging");
    // A journal that somebody edited is none.
    let edited = place.path("state/sessions").read_dir().unwrap().map(|e| e.unwrap().path().join("journal.jsonl"));
    for journal in edited.filter(|j| j.exists()) {
        let text = std::fs::read_to_string(&journal).unwrap();
        std::fs::write(&journal, text.replace("CHG-7", "CHG-8")).unwrap();
    }
    place.run(&["--env", "production"]).is(3).says("is no evidence");
}

#[test]
fn people_are_told_of_the_beginning_and_the_end() {
    for format in ["json", "slack"] {
        let hook = Hook::new(StatusCode::OK);
        let more =
            format!("updates: {{to: ops, every: 15m}}\nfollowups: [{{text: Look again, within: 24h}}]\n{}", hook.runbook(format));
        let place = place("deploy", "", &more);
        place.run(&[]).is(0);
        let told = hook.told();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0]["text"].as_str().unwrap().starts_with("Started: Deploy of the shop\nshop v1.2.4 in production, CHG-7"));
        let last = told[1]["text"].as_str().unwrap();
        assert!(
            last.starts_with("Completed: Deploy of the shop\n") && last.contains("\nOwed: Look again (within 1 d)"),
            "{last}"
        );
        let records = place.records();
        let intent = records.iter().position(|r| r["data"]["path"] == "updates:completed").unwrap();
        let before = intent - 1;
        if format == "json" {
            let facts = &told[1]["facts"];
            assert_eq!(facts["event"], "completed");
            assert_eq!(facts["outcome"], "completed");
            assert_eq!(facts["record"], before.to_string());
            // The head is the hash the next record's line has for the one before it.
            assert_eq!(facts["head"], records[intent]["prev"]);
        } else {
            assert!(
                last.contains(&format!("journal record {before}, head {}", records[intent]["prev"].as_str().unwrap())),
                "{last}"
            );
        }
    }
}

#[test]
fn a_webhook_that_fails_stops_nothing() {
    let hook = Hook::new(StatusCode::INTERNAL_SERVER_ERROR);
    let more = format!(
        "  - {{id: fail, title: Fail, run: {{command: ['false']}}, undo: {{none: harmless}}, on_failure: rollback}}\n\
         procedures: {{rollback: {{title: Roll back, steps: [{{id: undo, title: Undo it, undo: all}}]}}}}\n\
         updates: {{to: ops, every: 15m}}\n{}",
        hook.runbook("slack")
    );
    let place = place("deploy", "", &more);
    place.run(&[]).is(1).says("people were not told: ops was not told: its webhook answered 500");
    assert_eq!(place.recorded("session.closed")[0]["outcome"], "rolled-back");
    let words: Vec<String> =
        hook.told().iter().map(|t| t["text"].as_str().unwrap().split(':').next().unwrap().to_owned()).collect();
    assert_eq!(words, ["Started", "Rolled back"]);
}

#[test]
fn a_dry_run_changes_nothing_and_says_what_each_step_is_worth() {
    let hook = Hook::new(StatusCode::OK);
    let more = format!(
        "  - {{id: look, title: Look, run: {{command: [echo, looked], reads_only: true}}}}\n\
         \x20 - {{id: take, title: Take, run: {{command: [echo, id], capture: {{id: {{stdout: true}}}}}}, undo: {{none: harmless}}}}\n\
         \x20 - {{id: uses, title: Use it, run: {{command: [echo, 'x${{{{ steps.take.id }}}}']}}, undo: {{none: harmless}}}}\n\
         \x20 - {{id: send, title: Send, http: {{method: POST, url: 'http://{0}/hook', body: {{a: 1}}}}, undo: {{none: harmless}}}}\n\
         \x20 - {{id: tell, title: Tell, notify: {{to: ops, text: hello}}}}\n\
         \x20 - {{id: stop, title: Freeze, freeze: {{reason: moving}}}}\n\
         \x20 - {{id: rest, title: Rest, wait: 1h}}\n\
         followups: [{{text: Look again}}]\nlock: shop\nupdates: {{to: ops, every: 15m}}\n{1}",
        hook.address,
        hook.runbook("slack")
    );
    let place = place("deploy", "", &more);
    let went = place.run(&["--dry-run"]);
    went.is(0).says("DRY RUN: Deploy of the shop").says("Look (look): done [executed (read-only)]").says("looked");
    assert!(!place.path("done").exists(), "the command was run");
    assert_eq!(hook.told(), Vec::<Value>::new(), "something left the machine");
    let worth: Vec<(String, String)> = place
        .recorded("step.ended")
        .iter()
        .map(|d| (d["path"].as_str().unwrap().to_owned(), d["treatment"].as_str().unwrap_or("none").to_owned()))
        .collect();
    let expected = [
        ("change", "simulated"),
        ("look", "executed"),
        ("take", "unknowable"),
        ("uses", "unknowable"),
        ("send", "simulated"),
        ("tell", "simulated"),
        ("stop", "simulated"),
        ("rest", "simulated"),
    ];
    assert_eq!(worth, expected.map(|(path, worth)| (path.to_owned(), worth.to_owned())));
    for kind in ["lock.taken", "freeze.set", "followup.noted"] {
        assert_eq!(place.recorded(kind), Vec::<Value>::new(), "{kind}");
    }
    assert_eq!(place.recorded("session.opened")[0]["mode"], "dry-run");
}
