//! What can happen: the `type` and `data` of every journal record.
//!
//! Fields are written in the order they are declared here; that order is part of the
//! format. Numbers are integers, measurements are strings, times are RFC 3339 in UTC.
//! Durations are milliseconds. A text that may grow (output, notes, an object's state)
//! is an ordinary string here; the journal's writer moves long ones into blobs and its
//! reader puts them back.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::intent::{Intent, PinnedTarget, Starter};
use super::path::StepPath;
use super::reading::{Measure, Reading};
use crate::runbook::Value;

mod approval;

pub use approval::{ApprovalAnswer, ApprovalRequested, ApprovalVoided, Signed};

/// One record's type and data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[expect(missing_docs, reason = "each variant is documented on the type it holds")]
pub enum Event {
    #[serde(rename = "session.opened")]
    SessionOpened(Box<Opened>),
    #[serde(rename = "session.resumed")]
    SessionResumed(Box<Resumed>),
    #[serde(rename = "session.paused")]
    SessionPaused(Paused),
    #[serde(rename = "step.entered")]
    StepEntered(StepEntered),
    #[serde(rename = "step.ended")]
    StepEnded(StepEnded),
    #[serde(rename = "item.ticked")]
    ItemTicked(ItemTicked),
    #[serde(rename = "input.given")]
    InputGiven(InputGiven),
    #[serde(rename = "inputs.changed")]
    InputsChanged(InputsChanged),
    #[serde(rename = "decision.made")]
    DecisionMade(Box<DecisionMade>),
    #[serde(rename = "approval.requested")]
    ApprovalRequested(ApprovalRequested),
    #[serde(rename = "approval.given")]
    ApprovalGiven(ApprovalAnswer),
    #[serde(rename = "approval.refused")]
    ApprovalRefused(ApprovalAnswer),
    #[serde(rename = "approval.voided")]
    ApprovalVoided(ApprovalVoided),
    #[serde(rename = "effect.intended")]
    EffectIntended(Box<Intent>),
    #[serde(rename = "effect.ended")]
    EffectEnded(Box<EffectEnded>),
    #[serde(rename = "outcome.settled")]
    OutcomeSettled(OutcomeSettled),
    #[serde(rename = "target.pinned")]
    TargetPinned(Box<PinnedTarget>),
    #[serde(rename = "baseline.fixed")]
    BaselineFixed(BaselineFixed),
    #[serde(rename = "signal.sampled")]
    SignalSampled(SignalSampled),
    #[serde(rename = "gate.judged")]
    GateJudged(Box<GateJudged>),
    #[serde(rename = "guard.armed")]
    GuardArmed(GuardArmed),
    #[serde(rename = "guard.tripped")]
    GuardTripped(Box<GuardTripped>),
    #[serde(rename = "guard.snoozed")]
    GuardSnoozed(GuardSnoozed),
    #[serde(rename = "deviation.recorded")]
    DeviationRecorded(Box<Deviation>),
    #[serde(rename = "note.added")]
    NoteAdded(Note),
    #[serde(rename = "view.changed")]
    ViewChanged(ViewChanged),
    #[serde(rename = "lock.taken")]
    LockTaken(LockTaken),
    #[serde(rename = "lock.taken-over")]
    LockTakenOver(LockTaken),
    #[serde(rename = "freeze.set")]
    FreezeSet(FreezeSet),
    #[serde(rename = "runbook.changed")]
    RunbookChanged(RunbookChanged),
    #[serde(rename = "anchor.confirmed")]
    AnchorConfirmed(AnchorConfirmed),
    #[serde(rename = "journal.recovered")]
    JournalRecovered(JournalRecovered),
    #[serde(rename = "followup.noted")]
    FollowupNoted(FollowupNoted),
    #[serde(rename = "session.closed")]
    SessionClosed(SessionClosed),
    #[serde(rename = "seal.intended")]
    SealIntended(serde_json::Value),
    #[serde(rename = "journal.sealed")]
    JournalSealed(serde_json::Value),
}

impl Event {
    /// Who takes the session in hand with it; none where nobody does.
    pub fn operator(&self) -> Option<&Operator> {
        match self {
            Self::SessionOpened(opened) => Some(&opened.operator),
            Self::SessionResumed(resumed) => Some(&resumed.operator),
            _ => None,
        }
    }
}

/// How a session acts on the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// For real.
    Live,
    /// Reads for real, changes nothing.
    DryRun,
    /// Against the simulated world.
    Rehearsal,
}

/// Who walks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Operator {
    /// Who they say they are, as in `allowed_signers`.
    pub principal: String,
    /// Login name.
    pub os_user: String,
    /// Numeric user id.
    pub uid: u32,
    /// Fingerprint of their signing key, where there is one.
    pub key: Option<String>,
}

/// From where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Origin {
    /// Host name.
    pub host: String,
    /// Terminal device.
    pub tty: Option<String>,
    /// `SSH_CLIENT`, where they came over SSH.
    pub ssh_client: Option<String>,
}

/// With what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Tool {
    /// Version of the program.
    pub version: String,
    /// SHA-256 of its file.
    pub sha256: Option<String>,
}

/// The files of the session, by hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct BundleRecord {
    /// SHA-256 over the sorted list of files and hashes.
    pub sha256: String,
    /// Each file, relative path and SHA-256; the runbook first.
    pub files: Vec<(String, String)>,
    /// Git commit of the folder, where it is a repository.
    pub commit: Option<String>,
    /// Whether there were uncommitted changes.
    pub dirty: bool,
}

/// The change in change-management terms, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[expect(missing_docs, reason = "the names are the field's standard terms")]
pub struct ChangeRecord {
    pub kind: String,
    pub service: Option<String>,
    pub version: Option<String>,
    pub ticket: Option<String>,
    pub reason: Option<String>,
    pub requester: Option<String>,
    pub risk: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub committed: Option<String>,
}

impl ChangeRecord {
    /// What is known of it besides its kind, by name, in the order people are told.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [
            ("service", &self.service),
            ("version", &self.version),
            ("ticket", &self.ticket),
            ("requester", &self.requester),
            ("committed", &self.committed),
            ("risk", &self.risk),
            ("reason", &self.reason),
        ];
        named.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value)))
    }
}

/// Where it happens, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct EnvironmentRecord {
    /// Name; empty where the runbook has none.
    pub name: String,
    /// Whether it is protected.
    pub protected: bool,
    /// Kubeconfig context, where there is a cluster.
    pub context: Option<String>,
    /// Address of the API server.
    pub server: Option<String>,
    /// SHA-256 of the cluster's CA certificate.
    pub ca_fingerprint: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
}

/// The wall clock's own state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ClockRecord {
    /// Whether the system says it is synchronised.
    pub synchronised: Option<bool>,
    /// Its estimated error in milliseconds, where known.
    pub offset_ms: Option<i64>,
}

/// `session.opened`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the types of the fields say what they are")]
pub struct Opened {
    pub mode: Mode,
    pub attended: bool,
    pub operator: Operator,
    pub origin: Origin,
    pub tool: Tool,
    pub bundle: BundleRecord,
    pub runbook: String,
    pub title: String,
    pub change: Option<ChangeRecord>,
    pub environment: EnvironmentRecord,
    pub inputs: BTreeMap<String, Value>,
    /// Names of secret inputs that were given.
    pub secrets: Vec<String>,
    pub policy: Option<String>,
    pub signers: Option<String>,
    /// What the window said, for people.
    pub window: Option<String>,
    /// By which sessions of the past what the environment requires is met, and why each
    /// counts, for people.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<String>,
    pub lock: Option<String>,
    pub ledger_head: Option<String>,
    pub clock: ClockRecord,
    pub boot_id: Option<String>,
    /// How it would be rolled back, for people.
    pub rollback: String,
    /// How long the runbook says that it takes, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub estimate_ms: Option<u64>,
    /// The finished session this one rolls back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rolls_back: Option<RollsBack>,
    /// Reason of `--emergency`.
    pub emergency: Option<String>,
    /// Whether `--trust` accepted the bundle.
    pub trusted_unseen: bool,
    /// Scenario and seed, in rehearsals.
    pub scenario: Option<ScenarioRecord>,
}

/// The finished session that a session was opened to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollsBack {
    /// Its id.
    pub session: String,
    /// SHA-256 of the last line of its journal, hex.
    pub head: String,
}

/// The rehearsal's scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioRecord {
    /// Its name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// What a good walk takes, where the scenario says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub par: Option<Par>,
}

/// What a good walk of a scenario takes, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Par {
    /// From the first sign to the first reaction.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notice_ms: Option<u64>,
    /// From there to a decision.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decide_ms: Option<u64>,
    /// From there to the end of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recover_ms: Option<u64>,
}

/// `session.resumed`: someone goes on; `mono_ms` starts again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `session.opened`")]
pub struct Resumed {
    pub attended: bool,
    pub operator: Operator,
    pub origin: Origin,
    pub tool: Tool,
    pub clock: ClockRecord,
    pub boot_id: Option<String>,
    /// Why bytes may be missing, where `--accept-loss` was given.
    pub accept_loss: Option<String>,
}

/// `session.paused`: no step starts while paused; also records going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// True: paused. False: goes on.
    pub paused: bool,
    /// Why.
    pub reason: Option<String>,
}

/// What is entered under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnteredAs {
    /// A step of the list.
    Step,
    /// The whole of a `for_each`; its passes are entered below it.
    ForEach,
    /// A procedure run because of a failure, an answer or a guard.
    Procedure,
    /// The rollback. Final.
    Rollback,
    /// The `finally` list.
    Finally,
    /// The undoing of one earlier visit, below `undo: all`.
    Undo,
}

/// `step.entered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEntered {
    /// Its path.
    pub path: StepPath,
    /// Visit of the path, from 1.
    pub visit: u32,
    /// What it is.
    pub kind: EnteredAs,
    /// Its title, resolved.
    pub title: String,
    /// The value of `item`, in a pass of a `for_each`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub item: Option<Value>,
    /// All values, at a `for_each`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub items: Option<Vec<Value>>,
    /// What a `call` passes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub with: BTreeMap<String, Value>,
    /// Why, for procedures and rollbacks.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<String>,
    /// At an undo: the visit that is undone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undoes: Option<(StepPath, u32)>,
}

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// It did what it should.
    Done,
    /// It did not.
    Failed,
    /// Skipped by the operator, with a reason.
    Skipped,
    /// Its `when` is false.
    NotApplicable,
    /// Jumped over by a `next`.
    NotChosen,
    /// A rollback or an abort ended it.
    Interrupted,
}

/// `step.ended`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepEnded {
    /// Its path.
    pub path: StepPath,
    /// Its visit (0 for one that was never entered).
    pub visit: u32,
    /// How.
    pub outcome: StepOutcome,
    /// Why, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Time from entering, milliseconds; time the program was away is not counted.
    pub took_ms: u64,
    /// In a dry run: what its outcome is worth.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub treatment: Option<Treatment>,
}

/// What the outcome of a step in a dry run is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// It was done for real: it only reads.
    Executed,
    /// The server said what would come of it, and changed nothing.
    CheckedByServer,
    /// Nothing was done.
    Simulated,
    /// Nothing was done, and what it would say depends on what was not done.
    Unknowable,
}

impl Treatment {
    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Executed => "executed (read-only)",
            Self::CheckedByServer => "checked by the server",
            Self::Simulated => "simulated",
            Self::Unknowable => "unknowable",
        }
    }
}

/// `item.ticked`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemTicked {
    /// The checklist.
    pub path: StepPath,
    /// Its visit.
    pub visit: u32,
    /// Which item, from 0.
    pub item: u32,
    /// Its text, resolved.
    pub text: String,
    /// Ticked or unticked.
    pub ticked: bool,
    /// By its own `check` rather than by hand.
    pub by_check: bool,
    /// The note or reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<String>,
    /// What was known then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<Evidence>,
}

/// `input.given`: the answers to an `input` step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputGiven {
    /// The step.
    pub path: StepPath,
    /// Its visit.
    pub visit: u32,
    /// Values; never secrets.
    pub values: BTreeMap<String, Value>,
    /// Names of secrets that were given.
    pub secrets: Vec<String>,
}

/// `inputs.changed`: inputs of the session given anew.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InputsChanged {
    /// New values.
    pub values: BTreeMap<String, Value>,
    /// Why.
    pub reason: String,
}

/// What a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// A `confirm`.
    Confirm,
    /// A `decide`.
    Decide,
    /// A failed step: retry, continue, abort, rollback.
    Failure,
    /// A gate overridden.
    Gate,
    /// A `when` that could not be judged: run or skip.
    When,
    /// A tripped guard.
    Guard,
    /// Rolling back.
    Rollback,
    /// Aborting.
    Abort,
    /// Stopping a running effect.
    Stop,
    /// What a rollback does to a running step.
    Interrupt,
}

/// `decision.made`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionMade {
    /// About what.
    pub about: About,
    /// The step, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<StepPath>,
    /// Its visit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub visit: Option<u32>,
    /// The guard, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub guard: Option<String>,
    /// What was chosen: an option's key, `yes`, `no`, `retry`, `continue`, ...
    pub choice: String,
    /// What that means, for people.
    pub label: String,
    /// The reason given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Who.
    pub by: Starter,
    /// What was known then.
    pub evidence: Evidence,
}

/// Readings frozen into a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Evidence {
    /// Every declared signal.
    pub signals: BTreeMap<String, SignalEvidence>,
    /// Guards that were tripped or could not be judged, for people.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub guards: Vec<String>,
}

/// One signal in an evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalEvidence {
    /// The last reading; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reading: Option<Reading>,
    /// Its age in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub age_ms: Option<u64>,
    /// Whether it was too old to judge by.
    pub stale: bool,
    /// Its baseline, where fixed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub baseline: Option<Measure>,
    /// The query, address or selector, resolved.
    pub source: String,
}

/// How an effect ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it should, and its result was seen.
    Succeeded,
    /// It is known not to have done so.
    Failed,
    /// Nobody knows: it timed out, was killed, or the answer was lost.
    Unknown,
}

/// `effect.ended`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectEnded {
    /// Its number.
    pub effect: u64,
    /// The step.
    pub path: StepPath,
    /// Its visit.
    pub visit: u32,
    /// How.
    pub outcome: Outcome,
    /// What happened, for people.
    pub message: String,
    /// How long, milliseconds.
    pub took_ms: u64,
    /// Whether the world was changed, as far as known: `Some(false)` needs no undoing.
    pub changed: Option<bool>,
    /// Exit code of a command.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exit: Option<i32>,
    /// Status of an HTTP answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Captured values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub captured: BTreeMap<String, Value>,
    /// The kept output.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub output: Option<OutputRef>,
    /// The object's resourceVersion after it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource_version: Option<String>,
    /// The server's audit id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub audit_id: Option<String>,
}

/// An output kept beside the journal, named by its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRef {
    /// SHA-256, hex; the name of the file in `output/`.
    pub blob: String,
    /// Its length.
    pub bytes: u64,
    /// Its beginning, for people.
    pub head: String,
}

/// `outcome.settled`: an unknown outcome was found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeSettled {
    /// The effect.
    pub effect: u64,
    /// The step.
    pub path: StepPath,
    /// Its visit.
    pub visit: u32,
    /// True: it had its effect. False: it had not.
    pub done: bool,
    /// By looking rather than by asking.
    pub looked: bool,
    /// What was seen, or the reason given.
    pub reason: String,
}

/// `baseline.fixed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineFixed {
    /// Signal.
    pub signal: String,
    /// The mean; absent when there was no data, and why.
    pub value: Option<Measure>,
    /// For people: over which time, or why there is none.
    pub detail: String,
}

/// `signal.sampled`: the changes since the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalSampled {
    /// New readings by signal.
    pub readings: BTreeMap<String, Reading>,
}

/// The three verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The condition to go on holds.
    Pass,
    /// The condition to fail holds.
    Fail,
    /// Neither can be said. Never passes, never triggers anything.
    Inconclusive,
}

/// `gate.judged`: one judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GateJudged {
    /// The gate.
    pub path: StepPath,
    /// Its visit.
    pub visit: u32,
    /// This judgement.
    pub verdict: Verdict,
    /// Why, for people; names what is missing when inconclusive.
    pub why: String,
    /// How long it has passed now, milliseconds of the `for` clock.
    pub passed_ms: u64,
    /// Failures in a row.
    pub failures: u32,
    /// The gate's verdict, once there is one; `hold` when it asks instead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub final_verdict: Option<GateEnd>,
    /// What was known, where the verdict changed or is final.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub evidence: Option<Evidence>,
}

/// How a gate came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateEnd {
    /// Passed.
    Passed,
    /// Failed.
    Failed,
    /// No verdict in time: holds and asks.
    Hold,
}

/// `guard.armed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardArmed {
    /// The guard.
    pub guard: String,
}

/// `guard.tripped`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuardTripped {
    /// The guard.
    pub guard: String,
    /// Its condition, as written.
    pub condition: String,
    /// By when it must be answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decide_by: Option<DateTime<Utc>>,
    /// Whether it acts without asking.
    pub automatic: bool,
    /// What was known then.
    pub evidence: Evidence,
}

/// `guard.snoozed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardSnoozed {
    /// The guard.
    pub guard: String,
    /// For how long, milliseconds.
    pub for_ms: u64,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: Starter,
}

/// `deviation.recorded`: something was done otherwise than the runbook says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deviation {
    /// What: `skipped`, `gate-overridden`, `emergency`, `window`, `trust`, ...
    pub what: String,
    /// The step, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<StepPath>,
    /// The reason given.
    pub reason: String,
    /// Who.
    pub by: Starter,
    /// What was known then.
    pub evidence: Evidence,
}

/// `note.added`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The step it was written at.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub path: Option<StepPath>,
    /// The note.
    pub text: String,
}

/// `view.changed`: what was on screen, for debriefs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewChanged {
    /// Panels that could be seen.
    pub panels: Vec<String>,
}

/// `lock.taken` and `lock.taken-over`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockTaken {
    /// Its name.
    pub lock: String,
    /// The holder before, when taken over.
    pub from: Option<String>,
    /// Why, when taken over.
    pub reason: Option<String>,
}

/// `freeze.set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeSet {
    /// The environment.
    pub environment: String,
    /// Why.
    pub reason: String,
}

/// `runbook.changed`: the file on disk is no longer the one that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookChanged {
    /// The bundle's hash now.
    pub sha256: String,
}

/// `anchor.confirmed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorConfirmed {
    /// Where the head was put.
    pub place: String,
    /// Which record it names.
    pub seq: u64,
    /// The head.
    pub head: String,
}

/// `journal.recovered`: a torn tail was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecovered {
    /// How many bytes.
    pub length: u64,
    /// Their SHA-256.
    pub sha256: String,
    /// The file they were saved to, beside the journal.
    pub file: String,
}

/// `followup.noted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowupNoted {
    /// What is owed.
    pub text: String,
    /// By when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<DateTime<Utc>>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionOutcome {
    /// All steps are done.
    Completed,
    /// Rolled back, and the rollback worked.
    RolledBack,
    /// The rollback did not work.
    RollbackFailed,
    /// Ended early, without rolling back.
    Aborted,
    /// Left behind; closed without anything more being done.
    Abandoned,
}

impl SessionOutcome {
    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
        }
    }
}

/// `session.closed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionClosed {
    /// How.
    pub outcome: SessionOutcome,
    /// Why, where it was not completed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Time walked, milliseconds; time away is not counted.
    pub took_ms: u64,
    /// Steps done.
    pub done: u32,
    /// Steps skipped by hand.
    pub skipped: u32,
    /// Deviations recorded.
    pub deviations: u32,
}
