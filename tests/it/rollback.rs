//! Rolling finished sessions back, with the real program: commands on this machine, and a
//! Deployment in the simulated world.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pacenote::world::{Clock, Scenario, Surroundings, World, serve};
use serde_json::Value;

/// Nothing waits so long where all goes well.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two changes with undos that know what was captured, one that harms nobody.
const COMMANDS: &str = r#"
pacenote: 1
runbook: commands
title: Two lines
lock: two-lines
inputs: {word: {default: hello}}
steps:
  - id: first
    title: The first line
    run: {script: 'echo "first $WORD" >> out; echo id=42', env: {WORD: "${{ inputs.word }}"}, capture: {number: {regex: 'id=(\d+)'}}}
    undo: {run: {script: 'echo "un-first $WORD $NUMBER" >> out', env: {WORD: "${{ inputs.word }}", NUMBER: "${{ steps.first.number }}"}}}
  - id: second
    title: The second line
    run: {script: 'echo second >> out'}
    undo: {run: {script: 'echo begun >> begun; while [ ! -e go ]; do read -r _ < /proc/uptime; done; echo un-second >> out'}}
  - {id: harmless, title: A look, run: {script: 'true'}, undo: {none: it harms nobody}}
  - {id: good, title: Good, confirm: Is it good?}
"#;

/// A home, a state folder and a runbook.
struct Place(tempfile::TempDir);

/// What a run of the program came to.
struct Went {
    code: Option<i32>,
    said: String,
}

impl Went {
    #[track_caller]
    fn is(self, code: i32, saying: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.said);
        for text in saying {
            assert!(self.said.contains(text), "no {text:?} in:\n{}", self.said);
        }
        self
    }
}

impl Place {
    fn new(runbook: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        // Scripts run where the runbook is kept, so they are told where to write.
        let here = place.0.path().to_str().unwrap();
        let runbook = ["out", "begun"]
            .iter()
            .fold(runbook.to_owned(), |text, file| text.replace(&format!(">> {file}"), &format!(">> {here}/{file}")));
        std::fs::write(place.path("change.yaml"), runbook.replace("-e go", &format!("-e {here}/go"))).unwrap();
        std::fs::write(place.path("answers.yaml"), "otherwise: continue\n").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.0.path()).env("KUBECONFIG", self.path("config"));
        command.arg("--state-dir").arg(self.path("state")).args(arguments).current_dir(self.0.path());
        command
    }

    fn pacenote(&self, arguments: &[&str]) -> Went {
        self.told(arguments, "")
    }

    /// With lines on standard input.
    fn told(&self, arguments: &[&str], input: &str) -> Went {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut keys = child.stdin.take();
        // A program that ends without reading has not lost anything.
        let _ = keys.as_mut().unwrap().write_all(input.as_bytes());
        // Who agrees stays there until the end; who says nothing has gone.
        drop(keys.take_if(|_| input.is_empty()));
        let done = child.wait_with_output().unwrap();
        let said = [done.stdout, done.stderr].concat();
        Went { code: done.status.code(), said: String::from_utf8(said).unwrap() }
    }

    fn run(&self) -> Went {
        self.pacenote(&["run", "change.yaml", "--trust", "--answers", "answers.yaml"])
    }

    /// Ids of all sessions with a record, oldest first.
    fn sessions(&self) -> Vec<String> {
        let listed = self.pacenote(&["sessions", "--format", "json"]);
        let all: Value = serde_json::from_str(&listed.said).unwrap();
        let mut found: Vec<(String, String)> = all
            .as_array()
            .unwrap()
            .iter()
            .filter(|s| !s["opened"].is_null())
            .map(|s| (s["opened"]["at"].as_str().unwrap().to_owned(), s["sid"].as_str().unwrap().to_owned()))
            .collect();
        found.sort();
        found.into_iter().map(|(_, sid)| sid).collect()
    }

    fn records(&self, sid: &str) -> Vec<Value> {
        let text = self.text(&format!("state/sessions/{sid}/journal.jsonl"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn rollback(&self, sid: &str) -> Went {
        self.pacenote(&["rollback", sid, "--trust", "--answers", "answers.yaml"])
    }
}

/// The paths entered, in order.
fn entered(records: &[Value]) -> Vec<&str> {
    records.iter().filter(|r| r["type"] == "step.entered").filter_map(|r| r["data"]["path"].as_str()).collect()
}

#[test]
fn a_finished_session_is_rolled_back_by_a_new_one() {
    let place = Place::new(COMMANDS);
    std::fs::write(place.path("go"), "").unwrap();
    place.run().is(0, &[]);
    let [old] = place.sessions().try_into().unwrap();
    let before = place.text(&format!("state/sessions/{old}/journal.jsonl"));

    place.rollback(&old).is(0, &["The second line: ", "The first line: ", "last first"]);
    assert_eq!(place.text("out"), "first hello\nsecond\nun-second\nun-first hello 42\n");
    let [_, new] = place.sessions().try_into().unwrap();
    let records = place.records(&new);
    let named = &records[0]["data"]["rolls_back"];
    let verified = place.pacenote(&["show", &old]).is(0, &[]).said;
    assert_eq!(named["session"], old.as_str());
    assert!(verified.contains(named["head"].as_str().unwrap()), "the head of the old journal is named");
    assert_eq!(entered(&records), ["rollback", "rollback/second", "rollback/first"]);
    assert!(records.iter().any(|r| r["type"] == "lock.taken"), "the lock is taken");
    let closed = records.iter().find(|r| r["type"] == "session.closed").unwrap();
    assert_eq!((&closed["data"]["outcome"], &closed["data"]["done"]), (&"rolled-back".into(), &0.into()));
    assert_eq!(place.text(&format!("state/sessions/{old}/journal.jsonl")), before, "a closed journal stays as it is");
    // It reads like any other session.
    place.pacenote(&["show", &new]).is(0, &["rolls back", &old]);
    place.pacenote(&["export", &new, "-o", "report.html"]).is(0, &[]);
    place.pacenote(&["verify", &new]).is(6, &[]);

    for sid in [&old, &new] {
        place.rollback(sid).is(3, &["was rolled back already"]);
    }
    assert_eq!(place.sessions().len(), 2);
    assert_eq!(place.text("out").lines().count(), 4);
}

#[test]
fn it_is_agreed_to_before_anything_happens() {
    let place = Place::new(COMMANDS);
    std::fs::write(place.path("go"), "").unwrap();
    place.run().is(0, &[]);
    let [old] = place.sessions().try_into().unwrap();
    for answer in ["", "n\n", "\n"] {
        place.told(&["rollback", &old, "--trust", "--plain"], answer).is(3, &["Roll back now?", "nobody agreed"]);
    }
    assert_eq!(place.text("out"), "first hello\nsecond\n");
    assert_eq!(place.text("state/sessions").len(), 0);
    assert_eq!(std::fs::read_dir(place.path("state/sessions")).unwrap().count(), 1, "no session was begun");
    // The bundle is asked about as usual.
    place.told(&["rollback", &old, "--plain"], "y\n").is(3, &["was not accepted"]);

    place.told(&["rollback", &old, "--trust", "--plain"], "y\n").is(0, &[]);
    assert_eq!(place.text("out").lines().last(), Some("un-first hello 42"));
}

#[test]
fn what_is_open_or_unreal_or_damaged_is_refused() {
    let place = Place::new(COMMANDS);
    place.pacenote(&["run", "change.yaml", "--trust", "--dry-run", "--answers", "answers.yaml"]).is(0, &[]);
    let [dry] = place.sessions().try_into().unwrap();
    place.rollback(&dry).is(3, &["was a dry run"]);
    place.rollback("nonsense").is(3, &["there is no session"]);
    // Its input ends before its first answer.
    place.pacenote(&["run", "change.yaml", "--trust", "--plain"]).is(4, &[]);
    let open = place.sessions().pop().unwrap();
    place.rollback(&open).is(3, &["is still open", "press R", &format!("pacenote resume {open}")]);

    let other = Place::new(COMMANDS);
    other.run().is(0, &[]);
    let [old] = other.sessions().try_into().unwrap();
    let journal = other.path(&format!("state/sessions/{old}/journal.jsonl"));
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replace("un-second", "un-sekond").replacen("The first line", "The worst line", 1)).unwrap();
    other.rollback(&old).is(3, &["the journal is no good"]);
    std::fs::write(&journal, text).unwrap();
    let kept = other.path(&format!("state/sessions/{old}/bundle/change.yaml"));
    let runbook = std::fs::read_to_string(&kept).unwrap();
    std::fs::write(&kept, runbook.replace("un-second", "un-sekond")).unwrap();
    other.rollback(&old).is(3, &["are not those it was started with"]);
    assert_eq!(other.text("out"), "first hello\nsecond\n");
}

/// A rollback in hand, killed when the place says so.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_rollback_survives_a_crash() {
    let place = Place::new(COMMANDS);
    place.run().is(0, &[]);
    let [old] = place.sessions().try_into().unwrap();
    let mut command = place.command(&["rollback", &old, "--trust", "--answers", "answers.yaml"]);
    let mut running = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    while !place.path("begun").exists() {
        assert!(begun.elapsed() < PATIENCE && running.0.try_wait().unwrap().is_none(), "it does not begin to undo");
        std::thread::yield_now();
    }
    place.rollback(&old).is(3, &["in use"]);
    running.0.kill().unwrap();
    running.0.wait().unwrap();
    place.rollback(&old).is(3, &["is being rolled back by session", "pacenote resume"]);

    std::fs::write(place.path("go"), "").unwrap();
    place.pacenote(&["resume", "--answers", "answers.yaml"]).is(0, &[]);
    assert_eq!(place.text("out"), "first hello\nsecond\nun-second\nun-first hello 42\n");
    assert_eq!(place.text("begun"), "begun\n", "nothing was undone twice");
}

/// A change that is undone by the pinned template, in a cluster, with a lock in it.
const DEPLOY: &str = r#"
pacenote: 1
runbook: deploy
title: A new image
change: {kind: deploy, service: checkout, version: v1.2.4}
lock: checkout
environments: {shop: {kubernetes: {context: world, namespace: shop}, window: {freeze: [{from: 2020-01-01, to: 2099-12-31, reason: Always, zone: UTC}]}}}
steps:
  - id: image
    title: The new image
    kubernetes: {set_image: {deployment: checkout, container: app, image: "registry.example.com/checkout:v1.2.4"}}
    undo: {kubernetes: {rollout_undo: {deployment: checkout}}}
"#;

const WORLD: &str = r#"
pacenote-scenario: 1
scenario: rollback
runbook: none.yaml
seed: 7
world:
  namespace: shop
  services: {checkout: {rps: 50, versions: {v1.2.3: {ready_after: 1s}, v1.2.4: {ready_after: 1s}, v1.2.5: {ready_after: 1s}}}}
  deployments: {checkout: {image: "registry.example.com/checkout:v1.2.3", replicas: 2}}
"#;

#[test]
fn a_deploy_goes_back_to_the_pinned_template() {
    pacenote::ports::install_crypto();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let scenario = Scenario::read("test.yaml", WORLD).unwrap();
    let world = World::new(&scenario, Surroundings::default(), Clock::start_at_speed(chrono::Utc::now(), 10.0));
    let (address, serving) = runtime.block_on(serve(world.router())).unwrap();
    runtime.spawn(serving);
    let place = Place::new(DEPLOY);
    let config = |name: &str, port: u16| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: world\n\
             clusters:\n- {{name: world, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}\nusers:\n- {{name: me, user: {{}}}}\n\
             contexts:\n- {{name: world, context: {{cluster: world, user: me, namespace: shop}}}}\n"
        );
        std::fs::write(place.path(name), text).unwrap();
    };
    config("config", address.port());
    // Changes are frozen for good: a deploy needs a reason, a rollback does not.
    let run = ["run", "change.yaml", "--trust", "--answers", "answers.yaml", "--emergency", "tested"];
    place.pacenote(&run).is(0, &[]);
    assert_eq!(world.version_of("checkout").as_deref(), Some("v1.2.4"));
    let [old] = place.sessions().try_into().unwrap();
    // What it goes back to is what was there when the old session began, not what it finds.
    let undo = place.rollback(&old).is(0, &["back to"]);
    assert_eq!(world.version_of("checkout").as_deref(), Some("v1.2.3"), "{}", undo.said);
    let new = place.sessions().pop().unwrap();
    let records = place.records(&new);
    assert!(!records.iter().any(|r| r["type"] == "target.pinned"), "nothing is pinned anew");
    let intent = records.iter().find(|r| r["type"] == "effect.intended").unwrap().to_string();
    let pinned = place.records(&old).iter().find(|r| r["type"] == "target.pinned").unwrap()["data"].clone();
    assert!(intent.contains(pinned["uid"].as_str().unwrap_or("no uid")), "{intent}\n{pinned}");

    // The same name may lead to another cluster by now.
    place.pacenote(&run).is(0, &[]);
    let again = place.sessions().pop().unwrap();
    let (elsewhere, serving) = runtime.block_on(serve(world.router())).unwrap();
    runtime.spawn(serving);
    config("config", elsewhere.port());
    place.rollback(&again).is(3, &["this is not where the session was"]);
    assert_eq!(world.version_of("checkout").as_deref(), Some("v1.2.4"));
    runtime.shutdown_background();
}
