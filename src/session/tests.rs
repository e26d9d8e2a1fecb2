//! The engine walked from outside: messages in, records out, and what must hold of
//! every record, of every prefix, whatever was said to the session.

mod approving;
mod ends;
mod guarding;
mod random;
mod steps;
mod succession;
mod thresholds;
mod updates;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use super::event::{
    BundleRecord, ClockRecord, EnvironmentRecord, Event, Mode, Opened, Operator, Origin, Outcome, Resumed, SessionOutcome, Tool,
};
use super::intent::{PinnedTarget, Starter, Workload};
use super::message::{Command, EffectReport, FailureChoice, GuardChoice, Msg, SettleChoice, StepRef};
use super::reading::{Measure, Reading};
use super::view::Prompt;
use super::{At, Plan, Session, StepPath, decide, next, outcome_word};
use crate::runbook::load::{LoadError, Loader, Origin as Source, check_with};

/// More records than any of these walks can need: a walk that gets there never ends.
const TOO_MANY: usize = 10_000;

/// Files in memory.
struct Memory(BTreeMap<&'static str, String>);

impl Loader for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.0.get(path).map(|text| text.clone().into_bytes()).ok_or(LoadError::Missing)
    }
}

/// A walk through a runbook: the live session, the clock, and all its records.
struct Walk {
    plan: Arc<Plan>,
    session: Session,
    at: At,
    records: Vec<Record>,
}

/// A record, when it was written, and whether it followed by itself.
struct Record {
    at: At,
    event: Event,
    followed: bool,
}

/// The runbook around some steps (and further keys), checked.
fn plan(body: &str) -> Arc<Plan> {
    plan_of(&[("main.yaml", body)])
}

fn plan_of(files: &[(&'static str, &str)]) -> Arc<Plan> {
    let here = "environments: {here: {kubernetes: {context: here, namespace: shop}, prometheus: {url: \"http://localhost\"}}}";
    let headed = |body: &str| format!("pacenote: 1\nrunbook: tested\ntitle: Tested\n{here}\n{body}\n");
    let loader = Memory(files.iter().map(|(name, body)| (*name, headed(body))).collect());
    let report = check_with(&loader, files[0].0, str::to_owned, Source::Library);
    let found = report.diagnostics.iter().filter(|d| d.is_error()).map(|d| format!("{d:?}")).collect::<Vec<_>>();
    let bundle = report.bundle.unwrap_or_else(|| panic!("the runbook is wrong: {found:#?}"));
    Arc::new(Plan::new(bundle.root, bundle.called, None).unwrap())
}

fn opened() -> Event {
    Event::SessionOpened(Box::new(Opened {
        mode: Mode::Rehearsal,
        attended: true,
        operator: Operator { principal: "me@example.com".into(), ..Operator::default() },
        origin: Origin::default(),
        tool: Tool::default(),
        bundle: BundleRecord::default(),
        runbook: "tested".into(),
        title: "Tested".into(),
        change: None,
        environment: EnvironmentRecord::default(),
        inputs: BTreeMap::new(),
        secrets: Vec::new(),
        policy: None,
        signers: None,
        window: None,
        evidence: Vec::new(),
        lock: None,
        ledger_head: None,
        clock: ClockRecord::default(),
        boot_id: None,
        rollback: String::new(),
        estimate_ms: None,
        rolls_back: None,
        emergency: None,
        trusted_unseen: false,
        scenario: None,
    }))
}

fn resumed() -> Event {
    Event::SessionResumed(Box::new(Resumed {
        attended: true,
        operator: Operator { principal: "you@example.com".into(), ..Operator::default() },
        origin: Origin::default(),
        tool: Tool::default(),
        clock: ClockRecord::default(),
        boot_id: None,
        accept_loss: None,
    }))
}

impl Walk {
    fn new(body: &str) -> Self {
        Self::along(plan(body))
    }

    fn along(plan: Arc<Plan>) -> Self {
        Self::opened(plan, |_| {})
    }

    /// Opened in another way.
    fn opened(plan: Arc<Plan>, change: impl FnOnce(&mut Opened)) -> Self {
        let wall: DateTime<Utc> = "2026-03-02T10:00:00Z".parse().unwrap();
        let at = At { wall, mono_ms: 0 };
        let Event::SessionOpened(mut opened) = opened() else { panic!("not opened") };
        change(&mut opened);
        let event = Event::SessionOpened(opened);
        let session = Session::open(plan.clone(), "s-1", at, &event).unwrap();
        let mut walk = Self { plan, session, at, records: vec![Record { at, event, followed: false }] };
        walk.follow();
        walk.verify();
        walk
    }

    fn append(&mut self, event: Event, followed: bool) {
        assert!(self.records.len() < TOO_MANY, "the walk never ends: {:?}", self.records.last().map(|r| &r.event));
        if let Event::EffectIntended(intent) = &event
            && intent.changes
        {
            let path = intent.path.as_str();
            let tripped = self.session.guards.iter().any(|g| g.tripped.is_some());
            let ending = path.starts_with("rollback/") || path.starts_with("finally/");
            assert!(!self.session.paused && (ending || !tripped), "a change starts while held: {intent:?}");
        }
        self.session.apply(self.at, &event).unwrap_or_else(|e| panic!("{e}: {event:?}"));
        self.records.push(Record { at: self.at, event, followed });
    }

    /// Everything that follows by itself.
    fn follow(&mut self) {
        while let Some(event) = next(&self.session, self.at) {
            self.append(event, true);
        }
        assert_eq!(next(&self.session, self.at), None);
    }

    /// What a message means, without the check of everything so far.
    fn say(&mut self, msg: &Msg) -> Result<(), String> {
        let events = decide(&self.session, self.at, msg).map_err(|r| r.0)?;
        for event in events {
            self.append(event, false);
        }
        self.follow();
        Ok(())
    }

    fn send(&mut self, msg: &Msg) -> Result<(), String> {
        let said = self.say(msg);
        self.verify();
        said
    }

    /// Every prefix folds, can be looked at from every side, and goes on with the record
    /// that followed it; the whole folds to the live session.
    fn verify(&self) {
        let (first, rest) = self.records.split_first().unwrap();
        let mut folded = Session::open(self.plan.clone(), "s-1", first.at, &first.event).unwrap();
        for record in rest {
            if record.followed {
                assert_eq!(next(&folded, record.at).as_ref(), Some(&record.event));
            } else {
                next(&folded, record.at);
            }
            folded.prompt(record.at);
            folded.next_deadline(record.at);
            let written = serde_json::to_string(&record.event).unwrap();
            let read: Event = serde_json::from_str(&written).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), written);
            folded.apply(record.at, &read).unwrap();
        }
        folded.outline(self.at);
        folded.if_stopped();
        folded.step_view(self.at);
        folded.header(self.at);
        folded.guard_views(self.at);
        assert!(folded == self.session, "the fold of the journal is not the live session");
    }

    fn told(&mut self, command: Command) {
        if let Err(why) = self.send(&Msg::Command(command.clone(), Starter::Operator)) {
            panic!("{command:?} was refused: {why}");
        }
    }

    /// Says something that is refused and changes nothing; why.
    fn refused(&mut self, command: Command) -> String {
        let before = self.records.len();
        let why = self.send(&Msg::Command(command.clone(), Starter::Operator)).expect_err(&format!("{command:?}"));
        assert_eq!(self.records.len(), before);
        why
    }

    /// Jumps through all that is due within a time.
    fn tick(&mut self, ms: u64) {
        let mut left = ms;
        while let Some(due) = self.session.next_deadline(self.at).filter(|due| *due <= left) {
            assert!(due > 0, "a deadline that is due and brings nothing");
            self.pass(due);
            left -= due;
        }
        self.pass(left);
        self.verify();
    }

    fn pass(&mut self, ms: u64) {
        self.at.mono_ms += ms;
        self.at.wall += Duration::milliseconds(i64::try_from(ms).unwrap());
        self.follow();
    }

    /// Goes away and comes back later, with a clock that starts again.
    fn resume_after(&mut self, away_ms: i64) {
        self.at = At { wall: self.at.wall + Duration::milliseconds(away_ms), mono_ms: 0 };
        self.append(resumed(), false);
        self.follow();
    }

    fn latest(&self, path: &str) -> StepRef {
        let visits = self.session.visits.get(&StepPath::new(path));
        visits.and_then(|v| v.last()).map_or(StepRef { path: StepPath::new(path), visit: 0 }, |v| v.step.clone())
    }

    fn start(&mut self, path: &str) {
        self.told(starting(self.latest(path)));
    }

    /// The report of the effect that runs in a step.
    fn running(&self, path: &str, outcome: Outcome) -> EffectReport {
        let effect = self.session.open_intents().find(|i| i.path.as_str() == path);
        let effect = effect.unwrap_or_else(|| panic!("nothing runs in {path}; the session asks {:?}", self.prompt())).effect;
        EffectReport::new(effect, outcome, format!("{path} {outcome:?}"))
    }

    fn report(&mut self, report: EffectReport) {
        self.send(&Msg::EffectEnded(Box::new(report))).unwrap();
    }

    fn ends(&mut self, path: &str, outcome: Outcome) {
        self.report(self.running(path, outcome));
    }

    /// Starts a change and lets it succeed.
    fn does(&mut self, path: &str) {
        self.start(path);
        self.ends(path, Outcome::Succeeded);
    }

    fn yes(&mut self, path: &str) {
        let step = self.latest(path);
        self.told(Command::Confirm { step, yes: true });
    }

    fn no(&mut self, path: &str) {
        let step = self.latest(path);
        self.told(Command::Confirm { step, yes: false });
    }

    fn choose(&mut self, path: &str, key: char) {
        let step = self.latest(path);
        self.told(Command::Choose { step, key, reason: None });
    }

    fn answer_failure(&mut self, path: &str, choice: FailureChoice) {
        let step = self.latest(path);
        self.told(Command::Failure { step, choice, reason: Some("because".into()) });
    }

    fn settle(&mut self, path: &str, choice: SettleChoice) {
        let step = self.latest(path);
        self.told(Command::Settle { step, choice, reason: Some("seen".into()) });
    }

    fn skip(&mut self, path: &str) {
        let step = self.latest(path);
        self.told(Command::Skip { step, reason: "not today".into() });
    }

    fn guard(&mut self, guard: &str, choice: GuardChoice) {
        self.told(Command::Guard { guard: guard.into(), choice, reason: Some("because".into()) });
    }

    fn roll_back(&mut self) {
        self.told(Command::Rollback { reason: Some("enough".into()) });
    }

    fn pause(&mut self) {
        self.told(Command::Pause { reason: None });
    }

    fn sample(&mut self, name: &str, reading: Reading) {
        self.send(&Msg::Sampled(BTreeMap::from([(name.to_owned(), reading)]))).unwrap();
    }

    fn value(&mut self, name: &str, value: f64) {
        self.sample(name, reading(self.at, value));
    }

    /// Lets time pass with a fresh reading every ten seconds.
    fn watch(&mut self, seconds: u64, name: &str, value: f64) {
        for _ in 0..seconds / 10 {
            self.tick(10_000);
            self.value(name, value);
        }
    }

    fn prompt(&self) -> Prompt {
        self.session.prompt(self.at)
    }

    /// Which kind of question is asked, and where.
    fn asks(&self) -> String {
        match self.prompt() {
            Prompt::Guard { guard, .. } => format!("guard {guard}"),
            Prompt::Unknown { step, .. } => format!("unknown {}", step.path),
            Prompt::Interrupt { step, .. } => format!("interrupt {}", step.path),
            Prompt::Failure { step, .. } => format!("failure {}", step.path),
            Prompt::GateHold { step, .. } => format!("gate {}", step.path),
            Prompt::When { step, .. } => format!("when {}", step.path),
            Prompt::Paused => "paused".into(),
            Prompt::Start { step, .. } => format!("start {}", step.path),
            Prompt::Confirm { step, .. } => format!("confirm {}", step.path),
            Prompt::Checklist { step, .. } => format!("checklist {}", step.path),
            Prompt::Input { step, .. } => format!("input {}", step.path),
            Prompt::Decide { step, .. } => format!("decide {}", step.path),
            Prompt::Approve { step, .. } => format!("approve {}", step.path),
            Prompt::Busy { step, .. } => format!("busy {}", step.path),
            Prompt::Closed { outcome, .. } => outcome.as_str().into(),
        }
    }

    /// Every end of a step so far, in order: `a=done b=failed b#2=done`.
    fn trail(&self) -> String {
        let ends = self.records.iter().filter_map(|r| match &r.event {
            Event::StepEnded(e) if e.visit > 1 => Some(format!("{}#{}={}", e.path, e.visit, outcome_word(e.outcome))),
            Event::StepEnded(e) => Some(format!("{}={}", e.path, outcome_word(e.outcome))),
            _ => None,
        });
        ends.collect::<Vec<_>>().join(" ")
    }

    fn closed(&self) -> Option<SessionOutcome> {
        self.session.closed().map(|c| c.outcome)
    }

    fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.records.iter().filter(|r| wanted(&r.event)).count()
    }
}

fn starting(step: StepRef) -> Command {
    Command::Start { step, prepared: None, baselines: BTreeMap::new() }
}

fn reading(at: At, value: f64) -> Reading {
    Reading {
        taken: at.wall,
        ok: None,
        failures: 0,
        members: BTreeMap::from([("value".to_owned(), Measure(value))]),
        problem: None,
        unreachable: false,
        detail: Vec::new(),
    }
}

fn unreachable(at: At) -> Reading {
    Reading { members: BTreeMap::new(), problem: Some("connection refused".into()), unreachable: true, ..reading(at, 0.0) }
}
