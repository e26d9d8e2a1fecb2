//! A session in words, as the journal's own writer and reader hand it over.

use std::collections::BTreeMap;

use super::*;
use crate::cli::args::Global;
use crate::journal::Writer;
use crate::redact::Redactor;
use crate::runbook::Value;
use crate::session::event::*;
use crate::session::intent::Starter;
use crate::session::reading::{Measure, Reading};
use crate::session::{At, Event, StepPath};
use crate::state::StateDir;

fn opened() -> Event {
    Event::SessionOpened(Box::new(Opened {
        mode: Mode::Live,
        attended: true,
        operator: Operator { principal: "alice@example.com".into(), os_user: "alice".into(), uid: 1000, key: None },
        origin: Origin { host: "bastion".into(), tty: Some("/dev/pts/3".into()), ssh_client: None },
        tool: Tool { version: "0.1.0".into(), sha256: None },
        bundle: BundleRecord {
            sha256: "b".repeat(64),
            files: vec![("r.yaml".into(), "f".repeat(64))],
            commit: None,
            dirty: false,
        },
        runbook: "canary-deploy".into(),
        title: "Canary deploy\u{1b}[2J of checkout".into(),
        change: Some(ChangeRecord { kind: "deploy".into(), service: Some("checkout".into()), ..ChangeRecord::default() }),
        environment: EnvironmentRecord { name: "production".into(), protected: true, ..EnvironmentRecord::default() },
        inputs: BTreeMap::from([("version".into(), Value::from("v1.2.4"))]),
        secrets: vec!["token".into()],
        policy: None,
        signers: None,
        window: None,
        evidence: Vec::new(),
        lock: Some("checkout-production".into()),
        ledger_head: None,
        clock: ClockRecord::default(),
        boot_id: None,
        rollback: "rollback".into(),
        estimate_ms: None,
        rolls_back: None,
        emergency: None,
        trusted_unseen: false,
        scenario: None,
    }))
}

fn evidence() -> Evidence {
    let at = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let reading = Reading {
        taken: at,
        ok: None,
        failures: 0,
        members: BTreeMap::from([("value".into(), Measure(8.25))]),
        problem: None,
        unreachable: false,
        detail: vec!["checkout-7f 0/1 CrashLoopBackOff".into()],
    };
    let signal =
        |reading, stale| SignalEvidence { reading, age_ms: Some(2400), stale, baseline: Some(Measure(0.3)), source: "q".into() };
    Evidence {
        signals: BTreeMap::from([("error_rate".into(), signal(Some(reading), false)), ("p95".into(), signal(None, true))]),
        guards: vec!["errors-up tripped".into()],
    }
}

fn events() -> Vec<Event> {
    let path = StepPath::new("verdict");
    let decision = DecisionMade {
        about: About::Decide,
        path: Some(path.clone()),
        visit: Some(1),
        guard: None,
        choice: "b".into(),
        label: "Back out".into(),
        reason: Some("errors at 8 %".into()),
        by: Starter::Operator,
        evidence: evidence(),
    };
    let entered = StepEntered {
        path: path.clone(),
        visit: 1,
        kind: EnteredAs::Step,
        title: "Keep it?".into(),
        item: None,
        items: None,
        with: BTreeMap::new(),
        cause: None,
        undoes: None,
    };
    let deviation = Deviation {
        what: "skipped".into(),
        path: Some("soak".into()),
        reason: "known".into(),
        by: Starter::Operator,
        evidence: Evidence::default(),
    };
    let closed = SessionClosed {
        outcome: SessionOutcome::RolledBack,
        reason: Some("errors".into()),
        took_ms: 862_345,
        done: 5,
        skipped: 1,
        deviations: 1,
    };
    vec![
        opened(),
        Event::StepEntered(entered),
        Event::DecisionMade(Box::new(decision)),
        Event::StepEnded(StepEnded {
            path,
            visit: 1,
            outcome: StepOutcome::Done,
            reason: None,
            took_ms: 61_200,
            treatment: None,
        }),
        Event::NoteAdded(Note { path: None, text: "pods of zone b\nlook slow".into() }),
        Event::DeviationRecorded(Box::new(deviation)),
        Event::SessionClosed(closed),
    ]
}

/// A state folder with one session, and its id.
fn state() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let epoch = chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let sid = crate::state::new_session_id(epoch, "canary-deploy", 7);
    let dir = state.create_session(&sid).unwrap();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    for (n, event) in events().iter().enumerate() {
        let n = u64::try_from(n).unwrap();
        let at = At { wall: epoch + chrono::TimeDelta::seconds(i64::try_from(n).unwrap()), mono_ms: n * 1000 };
        writer.append(at, event).unwrap();
    }
    (folder, sid)
}

struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `show` prints, and how it ends.
fn show(folder: &std::path::Path, session: &str, format: ShowFormat) -> (String, Result<Exit, Problem>) {
    let global = Global { state_dir: Some(folder.join("state")), ..Global::default() };
    let around = crate::config::Surroundings { home: Some(folder.to_owned()), ..Default::default() };
    let config = crate::config::Config::load(&around, global.state_dir.as_deref(), None).unwrap();
    let basis = Basis { config, policy: Default::default() };
    let out = std::rc::Rc::default();
    let mut console = Console::to(Shared(std::rc::Rc::clone(&out)), std::io::sink());
    let result = run(&mut console, &basis, &ShowArgs { session: session.to_owned(), format });
    let text = String::from_utf8(out.borrow().clone()).unwrap();
    (text, result)
}

#[test]
fn a_session_is_told_in_words() {
    let (folder, sid) = state();
    let (text, result) = show(folder.path(), &sid, ShowFormat::Text);
    assert_eq!(result, Ok(Exit::Done));
    insta::assert_snapshot!(text);
}

#[test]
fn programs_get_the_records_themselves() {
    let (folder, sid) = state();
    let journal = std::fs::read_to_string(folder.path().join("state/sessions").join(&sid).join("journal.jsonl")).unwrap();
    let (lines, _) = show(folder.path(), &sid, ShowFormat::Jsonl);
    assert_eq!(lines, journal);
    let (list, _) = show(folder.path(), &sid, ShowFormat::Json);
    let list: Vec<serde_json::Value> = serde_json::from_str(&list).unwrap();
    let each: Vec<serde_json::Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(list, each);
}

#[test]
fn a_damaged_journal_is_shown_up_to_the_damage_and_fails() {
    let (folder, sid) = state();
    let path = folder.path().join("state/sessions").join(&sid).join("journal.jsonl");
    let journal = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, journal.replace("errors at 8 %", "errors at 0 %")).unwrap();
    let (text, result) = show(folder.path(), &sid, ShowFormat::Text);
    let problem = result.unwrap_err();
    assert_eq!(problem.exit(), Exit::Failed);
    assert!(problem.to_string().contains("damaged"), "{problem}");
    assert!(text.contains("Keep it?") && !text.contains("CLOSED"), "{text}");
}

#[test]
fn a_session_that_is_not_there_is_said_so() {
    let (folder, _) = state();
    let (text, result) = show(folder.path(), "nothing", ShowFormat::Text);
    assert_eq!((text.as_str(), result.unwrap_err().exit()), ("", Exit::CannotStart));
}
