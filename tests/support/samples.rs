//! Events for tests of the journal: short, long, nested, awkward.

use std::collections::BTreeMap;

use pacenote::runbook::Value;
use pacenote::session::event::*;
use pacenote::session::intent::{Intent, ObjectState, Purpose, Resource, RunRequest, SecretText, Starter, What};
use pacenote::session::reading::{Measure, Reading};
use pacenote::session::{At, Event, StepPath};

/// A moment so many milliseconds into a session.
pub(crate) fn at(mono_ms: u64) -> At {
    let start: chrono::DateTime<chrono::Utc> = "2026-11-21T03:33:44.120Z".parse().unwrap();
    At { wall: start + chrono::TimeDelta::milliseconds(i64::try_from(mono_ms).unwrap()), mono_ms }
}

/// Somebody takes the sample session in hand, where it was opened.
pub(crate) fn resumed(operator: Operator) -> Event {
    let opened = header();
    Event::SessionResumed(Box::new(Resumed {
        attended: true,
        operator,
        origin: opened.origin,
        tool: opened.tool,
        clock: opened.clock,
        boot_id: None,
        accept_loss: None,
    }))
}

/// `session.opened`.
pub(crate) fn opened() -> Event {
    Event::SessionOpened(Box::new(header()))
}

/// What the sample session is opened with.
pub(crate) fn header() -> Opened {
    Opened {
        mode: Mode::Live,
        attended: true,
        operator: Operator { principal: "alice@example.com".into(), os_user: "alice".into(), uid: 1000, key: None },
        origin: Origin { host: "bastion".into(), tty: Some("/dev/pts/3".into()), ssh_client: None },
        tool: Tool { version: "0.1.0".into(), sha256: None },
        bundle: BundleRecord {
            sha256: "ab".repeat(32),
            files: vec![("a.yaml".into(), "cd".repeat(32))],
            commit: None,
            dirty: true,
        },
        runbook: "canary-deploy".into(),
        title: "Canary deploy of checkout → für alle 🚀".into(),
        change: Some(ChangeRecord { kind: "deploy".into(), ticket: Some("CHG-1".into()), ..ChangeRecord::default() }),
        environment: EnvironmentRecord { name: "production".into(), protected: true, ..EnvironmentRecord::default() },
        inputs: BTreeMap::from([("version".into(), Value::from("v1.2.4")), ("ratio".into(), Value::Number(0.25))]),
        secrets: vec!["token".into()],
        policy: None,
        signers: None,
        window: None,
        evidence: Vec::new(),
        lock: None,
        ledger_head: None,
        clock: ClockRecord { synchronised: Some(true), offset_ms: Some(-3) },
        boot_id: None,
        rollback: "undo what was done".into(),
        estimate_ms: None,
        rolls_back: None,
        emergency: None,
        trusted_unseen: false,
        scenario: None,
    }
}

/// `note.added`.
pub(crate) fn note(text: impl Into<String>) -> Event {
    Event::NoteAdded(Note { path: Some(StepPath::new("shift[50]/soak")), text: text.into() })
}

/// `session.closed`.
pub(crate) fn closed() -> Event {
    let (reason, took_ms) = (None, 61_000);
    Event::SessionClosed(SessionClosed {
        outcome: SessionOutcome::Completed,
        reason,
        took_ms,
        done: 3,
        skipped: 0,
        deviations: 1,
    })
}

/// `effect.intended`, with an object of so many bytes.
pub(crate) fn intended(effect: u64, object: usize) -> Event {
    let resource = Resource { group: "apps".into(), version: "v1".into(), kind: "Deployment".into(), name: "checkout".into() };
    Event::EffectIntended(Box::new(Intent {
        effect,
        path: StepPath::new("image"),
        visit: 1,
        purpose: Purpose::Step,
        by: Starter::Operator,
        changes: true,
        what: What::Run(RunRequest {
            argv: vec!["./deploy.sh".into(), "v1.2.4".into()],
            script: None,
            env: vec![("MODE".into(), SecretText::plain("fast"))],
            stdin: None,
            cwd: None,
            interactive: false,
            sensitive: false,
        }),
        object: Some(ObjectState {
            resource,
            namespace: "shop".into(),
            uid: "u-1".into(),
            resource_version: "41".into(),
            before: "ä".repeat(object / 2),
            diff: "-a\n+b\n".into(),
        }),
        timeout_ms: Some(600_000),
    }))
}

/// `effect.ended`, with captured values.
pub(crate) fn ended(effect: u64, captured: BTreeMap<String, Value>, output: Option<OutputRef>) -> Event {
    Event::EffectEnded(Box::new(EffectEnded {
        effect,
        path: StepPath::new("image"),
        visit: 1,
        outcome: Outcome::Succeeded,
        message: "exit 0".into(),
        took_ms: 1234,
        changed: Some(true),
        exit: Some(0),
        status: None,
        captured,
        output,
        resource_version: None,
        audit_id: None,
    }))
}

/// `decision.made`, with evidence of so many signals.
pub(crate) fn decided(signals: usize) -> Event {
    let reading = Reading {
        taken: at(0).wall,
        ok: Some(true),
        failures: 0,
        members: BTreeMap::from([("value".into(), Measure(0.42))]),
        problem: None,
        unreachable: false,
        detail: vec!["checkout-7f 1/1 Running".into(); 5],
    };
    let signal = SignalEvidence {
        reading: Some(reading),
        age_ms: Some(2000),
        stale: false,
        baseline: Some(Measure(0.3)),
        source: "sum(rate(http_requests_total[1m]))".into(),
    };
    let signals = (0..signals).map(|i| (format!("signal_{i}"), signal.clone())).collect();
    Event::DecisionMade(Box::new(DecisionMade {
        about: About::Decide,
        path: Some(StepPath::new("verdict")),
        visit: Some(1),
        guard: None,
        choice: "y".into(),
        label: "Keep it".into(),
        reason: Some("all \"good\"\n\tsays \u{7f} ops".into()),
        by: Starter::Operator,
        evidence: Evidence { signals, guards: vec![] },
    }))
}

/// A session in a few records, long texts and large evidence among them.
pub(crate) fn session() -> Vec<Event> {
    vec![opened(), note("a note"), intended(1, 6000), ended(1, BTreeMap::new(), None), decided(2), decided(120), closed()]
}
