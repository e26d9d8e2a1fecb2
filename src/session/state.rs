//! The state a journal folds to, and the fold itself.
//!
//! [`Session::apply`] is the only way the state changes, and it is the same function
//! live, on resume, in replay and in reports. It never fails on a journal the engine
//! wrote; what a strange journal names and the plan does not have is refused with a
//! [`FoldError`], never guessed.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::event::{
    ApprovalRequested, EffectEnded, EnteredAs, Event, GateEnd, Opened, Operator, SessionClosed, StepOutcome, Treatment, Verdict,
};
use super::intent::{Intent, PinnedTarget, SecretName};
use super::message::{FailureChoice, StepRef};
use super::path::StepPath;
use super::plan::{ListRef, Plan, Site};
use super::reading::Reading;
use super::time::At;
use crate::runbook::Value;

mod fold;

pub(super) use fold::Lead;

/// One walk through a runbook, as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub(super) plan: Shared<Plan>,
    pub(super) opened: Opened,
    pub(super) opened_wall: DateTime<Utc>,
    pub(super) operator: Operator,
    /// Everyone who has had it in hand, the present one last.
    pub(super) operators: Vec<Operator>,
    pub(super) records: u64,
    pub(super) base_ms: u64,
    pub(super) last_ms: u64,
    pub(super) frames: Vec<Frame>,
    pub(super) visits: BTreeMap<StepPath, Vec<Visit>>,
    pub(super) order: Vec<StepRef>,
    pub(super) effects: BTreeMap<u64, Effect>,
    pub(super) signals: BTreeMap<String, SignalState>,
    pub(super) guards: Vec<GuardProgress>,
    pub(super) pins: Vec<PinnedTarget>,
    pub(super) whens: BTreeMap<StepPath, WhenAnswer>,
    pub(super) inputs: BTreeMap<String, Value>,
    pub(super) paused: bool,
    pub(super) ending: Option<Ending>,
    pub(super) changed_at: Option<u64>,
    pub(super) deviations: u32,
    pub(super) followups: usize,
    pub(super) closed: Option<SessionClosed>,
    pub(super) id: String,
    pub(super) notes: Vec<(u64, String)>,
    pub(super) unknown_records: u64,
    /// Reason of an emergency it was gone on with.
    pub(super) emergency: Option<String>,
    /// So many of the first visits are those of the session this one rolls back.
    pub(super) inherited: usize,
}

/// A plan shared by clones of a session; equal when it is the same one.
#[derive(Debug, Clone)]
pub(super) struct Shared<T>(pub(super) Arc<T>);

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Why a record cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The first record opens no session.
    #[error("the first record is not `session.opened`")]
    NotOpened,
    /// It cannot be understood without the session it rolls back.
    #[error("it rolls the session `{0}` back, whose journal is needed to read this one")]
    NeedsOld(String),
    /// A second `session.opened`.
    #[error("a second `session.opened`")]
    OpenedTwice,
    /// A record after the end.
    #[error("a record after `session.closed`")]
    AfterClose,
    /// A path the runbook does not have here.
    #[error("the runbook has no step `{0}` here")]
    NoSuchStep(String),
    /// A visit that was never entered or has ended.
    #[error("`{0}` visit {1} is not open")]
    NotOpen(String, u32),
    /// An effect that was never intended.
    #[error("effect {0} was never intended")]
    NoSuchEffect(u64),
    /// A record type of a later version.
    #[error("a record of a type this version does not know")]
    UnknownType,
}

/// The list being walked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Paths of the steps in it are its children.
    pub(super) prefix: StepPath,
    /// The visit whose end closes it; none for the main list.
    pub(super) owner: Option<StepRef>,
    pub(super) list: ListRef,
    /// The step (or item, or undo) in hand.
    pub(super) at: Option<usize>,
    pub(super) context: Context,
    /// Length of `order` when it was opened: visits before belong to earlier walks.
    pub(super) since: usize,
}

/// What a frame walks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum FrameKind {
    /// A list of steps.
    List,
    /// The passes of a `for_each`.
    ForEach { site: Site, items: Vec<Value> },
    /// Steps side by side.
    Parallel,
    /// Undoing, last first.
    Undo { targets: Vec<StepRef> },
}

/// What expressions of a step can see beside the session.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Context {
    /// File the step is written in.
    pub(super) file: String,
    /// Path its siblings are children of.
    pub(super) prefix: StepPath,
    /// `with`.
    pub(super) with: BTreeMap<String, Value>,
    /// `item`.
    pub(super) item: Option<Value>,
    /// Those of `with` that are secrets.
    pub(super) with_secrets: BTreeMap<String, SecretName>,
    /// `inputs` of a called file; the session's where absent.
    pub(super) inputs: Option<BTreeMap<String, Value>>,
    /// Those of them that are secrets.
    pub(super) input_secrets: Option<BTreeMap<String, SecretName>>,
}

/// One visit of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Visit {
    pub(super) step: StepRef,
    pub(super) kind: EnteredAs,
    pub(super) site: Option<Site>,
    pub(super) context: Context,
    pub(super) title: String,
    pub(super) entered_ms: u64,
    pub(super) entered_wall: DateTime<Utc>,
    /// Clocks that start again after a pause or an absence count from here.
    pub(super) clock_ms: u64,
    pub(super) ended: Option<Ended>,
    pub(super) effects: Vec<u64>,
    pub(super) ticks: BTreeMap<u32, Tick>,
    pub(super) given: Option<BTreeMap<String, Value>>,
    pub(super) choice: Option<Choice>,
    pub(super) failure: Option<FailureChoice>,
    pub(super) procedure_ended: bool,
    pub(super) skip: Option<String>,
    pub(super) pass: Option<String>,
    pub(super) interrupt: Option<bool>,
    pub(super) gate: GateProgress,
    pub(super) approvals: Approvals,
    pub(super) undoes: Option<StepRef>,
    pub(super) undone: bool,
    pub(super) broken: Option<String>,
}

/// How a visit ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    pub(super) outcome: StepOutcome,
    pub(super) reason: Option<String>,
    pub(super) at_ms: u64,
    pub(super) treatment: Option<Treatment>,
}

/// A ticked item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) by_check: bool,
    pub(super) note: Option<String>,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) key: String,
    pub(super) reason: Option<String>,
}

/// An answer to a `when` that cannot be judged.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WhenAnswer {
    pub(super) run: bool,
    pub(super) reason: String,
    /// Length of `order` then: good for the next visit only.
    pub(super) since: usize,
}

/// How far a gate is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct GateProgress {
    pub(super) judged_ms: Option<u64>,
    pub(super) passed_ms: u64,
    pub(super) failures: u32,
    pub(super) last: Option<(Verdict, String)>,
    pub(super) end: Option<GateEnd>,
}

/// How far an `approve` is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Approvals {
    /// The request in force.
    pub(super) request: Option<ApprovalRequested>,
    /// Who approved, with the fingerprint of their key.
    pub(super) given: Vec<(String, Option<String>)>,
    pub(super) refused: Option<String>,
    /// Why it no longer counts: something changed that it was given for.
    pub(super) outdated: Option<String>,
}

/// One effect.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    pub(super) intent: Intent,
    pub(super) started_ms: u64,
    pub(super) ended: Option<EffectEnded>,
    pub(super) settled: Option<(bool, String)>,
}

/// One signal.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct SignalState {
    pub(super) reading: Option<Reading>,
    /// When the reading was taken, on the session's own clock.
    pub(super) taken_ms: u64,
    /// When it last had a value, on the same clock.
    pub(super) had_value_ms: Option<u64>,
    pub(super) baseline: Option<Result<f64, String>>,
}

/// How far a guard is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct GuardProgress {
    pub(super) armed: bool,
    pub(super) true_since: Option<u64>,
    pub(super) tripped: Option<Tripped>,
    pub(super) snoozed_until: Option<u64>,
    /// Answered with "go on": not judged again until it was false once.
    pub(super) held: bool,
    /// Answered with its procedure, which has not been entered yet.
    pub(super) procedure_due: bool,
}

/// A tripped guard that waits for its answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tripped {
    pub(super) at_ms: u64,
}

/// Why the walk ends before its last step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ending {
    /// By rolling back.
    Rollback { cause: String },
    /// Without rolling back.
    Abort { reason: String, during_rollback: bool },
}

impl Session {
    /// Begins a session with its first record.
    ///
    /// # Errors
    /// When the record is not `session.opened`, or names a session to roll back: that one
    /// is needed too, see [`Session::open_after`].
    pub fn open(plan: Arc<Plan>, id: &str, at: At, event: &Event) -> Result<Self, FoldError> {
        let session = Self::begin(plan, id, at, event)?;
        match &session.opened.rolls_back {
            Some(old) => Err(FoldError::NeedsOld(old.session.clone())),
            None => Ok(session),
        }
    }

    /// The state after a first record alone.
    pub(super) fn begin(plan: Arc<Plan>, id: &str, at: At, event: &Event) -> Result<Self, FoldError> {
        let Event::SessionOpened(opened) = event else { return Err(FoldError::NotOpened) };
        let guards = vec![GuardProgress::default(); plan.runbook().guards.len()];
        let signals = plan.runbook().signals.iter().map(|s| (s.name.value.clone(), SignalState::default())).collect();
        let main = Frame {
            kind: FrameKind::List,
            prefix: StepPath::new(""),
            owner: None,
            list: ListRef { file: String::new(), list: super::plan::ListId::Main },
            at: None,
            context: Context::default(),
            since: 0,
        };
        Ok(Self {
            plan: Shared(plan),
            opened: (**opened).clone(),
            opened_wall: at.wall,
            operator: opened.operator.clone(),
            operators: vec![opened.operator.clone()],
            records: 1,
            base_ms: 0,
            last_ms: at.mono_ms,
            frames: vec![main],
            visits: BTreeMap::new(),
            order: Vec::new(),
            effects: BTreeMap::new(),
            signals,
            guards,
            pins: Vec::new(),
            whens: BTreeMap::new(),
            inputs: opened.inputs.clone(),
            paused: false,
            ending: None,
            changed_at: None,
            deviations: 0,
            followups: 0,
            closed: None,
            id: id.to_owned(),
            notes: Vec::new(),
            unknown_records: 0,
            emergency: None,
            inherited: 0,
        })
    }

    /// Milliseconds walked at a moment; time the program was away is not counted.
    pub(super) fn clock(&self, at: At) -> u64 {
        (self.base_ms + at.mono_ms).max(self.last_ms)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The plan it walks.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Why it passes what forbids it, where it was opened or gone on with as an emergency.
    pub fn emergency(&self) -> Option<&str> {
        self.emergency.as_deref().or(self.opened.emergency.as_deref())
    }

    /// What was recorded when it was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How it was closed, once it is.
    pub fn closed(&self) -> Option<&SessionClosed> {
        self.closed.as_ref()
    }

    /// Who walks it now.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Whether a step that can change something was ever started.
    pub fn has_changed(&self) -> bool {
        self.changed_at.is_some()
    }

    /// The inputs as they are now.
    pub fn inputs(&self) -> &BTreeMap<String, Value> {
        &self.inputs
    }

    /// Number of records folded so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Notes, with the session's clock when they were written.
    pub fn notes(&self) -> &[(u64, String)] {
        &self.notes
    }

    /// Intents that have no outcome yet.
    pub fn open_intents(&self) -> impl Iterator<Item = &Intent> {
        self.effects.values().filter(|e| e.ended.is_none()).map(|e| &e.intent)
    }

    /// The intent of an effect.
    pub fn intent(&self, effect: u64) -> Option<&Intent> {
        self.effects.get(&effect).map(|e| &e.intent)
    }

    pub(super) fn visit(&self, step: &StepRef) -> Option<&Visit> {
        self.visits.get(&step.path)?.iter().rev().find(|v| v.step.visit == step.visit)
    }

    pub(super) fn visit_mut(&mut self, step: &StepRef) -> Option<&mut Visit> {
        self.visits.get_mut(&step.path)?.iter_mut().rev().find(|v| v.step.visit == step.visit)
    }

    /// The visit number the next entering of a path gets.
    pub(super) fn next_visit(&self, path: &StepPath) -> u32 {
        self.visits.get(path).and_then(|v| v.iter().map(|v| v.step.visit).max()).unwrap_or(0) + 1
    }

    /// The last visit of a path within a frame (earlier walks of the list do not count).
    pub(super) fn visit_in(&self, frame: &Frame, path: &StepPath) -> Option<&Visit> {
        let since = self.order.get(frame.since..).unwrap_or_default();
        since.iter().rev().find(|s| s.path == *path).and_then(|s| self.visit(s))
    }

    /// How often a path was entered within a frame.
    pub(super) fn visits_in(&self, frame: &Frame, path: &StepPath) -> usize {
        self.order.get(frame.since..).unwrap_or_default().iter().filter(|s| s.path == *path && s.visit > 0).count()
    }

    /// The step a visit walks; for an undo the step that is undone.
    pub(super) fn step_of(&self, visit: &Visit) -> Option<&crate::runbook::model::Step> {
        visit.site.as_ref().and_then(|site| self.plan.step(site))
    }

    /// The last effect of a visit.
    pub(super) fn last_effect(&self, visit: &Visit) -> Option<&Effect> {
        visit.effects.last().and_then(|e| self.effects.get(e))
    }

    /// Whether a frame of the rollback is on the stack.
    pub(super) fn in_rollback(&self) -> bool {
        self.frames.iter().any(|f| f.owner.as_ref().is_some_and(|o| o.path.as_str() == "rollback"))
    }

    /// Whether effects start by themselves here: in the rollback, once it was decided
    /// on, and in `finally`.
    pub(super) fn runs_by_itself(&self) -> bool {
        self.frames.iter().any(|f| f.owner.as_ref().is_some_and(|o| matches!(o.path.as_str(), "rollback" | "finally")))
    }
}

impl Visit {
    pub(super) fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    pub(super) fn outcome(&self) -> Option<StepOutcome> {
        self.ended.as_ref().map(|e| e.outcome)
    }
}

impl Default for StepPath {
    fn default() -> Self {
        StepPath::new("")
    }
}
