//! What can be said to a session: the operator's commands and the world's answers.

use std::collections::BTreeMap;

use super::event::{ApprovalAnswer, FreezeSet, Outcome, OutputRef};
use super::intent::{ObjectState, PinnedTarget, Starter};
use super::path::StepPath;
use super::reading::{Measure, Reading};
use crate::runbook::Value;

/// A message to `decide`.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    /// Someone wants something.
    Command(Command, Starter),
    /// An effect came to its end.
    EffectEnded(Box<EffectReport>),
    /// Signals were read; only those with something new.
    Sampled(BTreeMap<String, Reading>),
    /// A workload was found as it was before anything changed.
    Pinned(Box<PinnedTarget>),
    /// Someone answered a request for approval.
    Approval {
        /// The answer.
        answer: ApprovalAnswer,
        /// Yes or no.
        given: bool,
    },
    /// Something about locks and freezes was noticed.
    Noticed(Noticed),
    /// A deadline has come. `next` sees what follows.
    Due,
}

/// What was noticed of other sessions and of whoever keeps them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noticed {
    /// The environment was frozen; this session may go on.
    Frozen(FreezeSet),
    /// The lock is not this session's any more.
    LockLost {
        /// Its name.
        lock: String,
        /// Why, or whose it is.
        why: String,
    },
}

/// A step and its visit, so that a late key cannot answer another question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepRef {
    /// Its path.
    pub path: StepPath,
    /// Its visit.
    pub visit: u32,
}

/// What someone wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Start the step's effect.
    Start {
        /// Which.
        step: StepRef,
        /// For changes to a cluster: the object as just read.
        prepared: Option<Box<ObjectState>>,
        /// For the session's first change: the baselines as they are now
        /// (`Err`: why there is none).
        baselines: BTreeMap<String, Result<Measure, String>>,
    },
    /// Answer a `confirm`.
    Confirm {
        /// Which.
        step: StepRef,
        /// The answer.
        yes: bool,
    },
    /// Tick or untick a checklist item.
    Tick {
        /// Which.
        step: StepRef,
        /// Item, from 0.
        item: u32,
        /// Ticked or not.
        ticked: bool,
        /// The note; needed for some items and for ticking against a `check`.
        note: Option<String>,
    },
    /// All items are ticked: go on.
    CompleteChecklist {
        /// Which.
        step: StepRef,
    },
    /// Answer an `input` step.
    Give {
        /// Which.
        step: StepRef,
        /// Values; never secrets.
        values: BTreeMap<String, Value>,
        /// Names of secrets the loop has been given.
        secrets: Vec<String>,
    },
    /// Choose an option of a `decide`.
    Choose {
        /// Which.
        step: StepRef,
        /// The option's key.
        key: char,
        /// The reason.
        reason: Option<String>,
    },
    /// Answer a failed step.
    Failure {
        /// Which.
        step: StepRef,
        /// What now.
        choice: FailureChoice,
        /// The reason; needed for `continue`.
        reason: Option<String>,
    },
    /// Answer an unknown outcome.
    Settle {
        /// Which.
        step: StepRef,
        /// What is known about it.
        choice: SettleChoice,
        /// The reason; needed unless looking.
        reason: Option<String>,
    },
    /// Answer a `when` that cannot be judged.
    When {
        /// Which (visit 0: not entered yet).
        step: StepRef,
        /// Run it or skip it.
        run: bool,
        /// The reason.
        reason: String,
    },
    /// Pass a gate against or without its verdict.
    OverrideGate {
        /// Which.
        step: StepRef,
        /// The reason, typed.
        reason: String,
    },
    /// Skip the step in hand.
    Skip {
        /// Which.
        step: StepRef,
        /// The reason.
        reason: String,
    },
    /// Answer a tripped guard, or snooze one.
    Guard {
        /// Which.
        guard: String,
        /// What now.
        choice: GuardChoice,
        /// The reason.
        reason: Option<String>,
    },
    /// Roll back, finally.
    Rollback {
        /// The reason.
        reason: Option<String>,
    },
    /// What the rollback does to the step that is running.
    Interrupt {
        /// Which.
        step: StepRef,
        /// Stop it (true) or wait for it.
        kill: bool,
    },
    /// End the session without rolling back; `finally` runs.
    Abort {
        /// The reason.
        reason: String,
    },
    /// Close the session as it stands; nothing more runs.
    Abandon {
        /// The reason.
        reason: String,
    },
    /// The operator pressed stop on a running effect; recorded, the loop stops it.
    Stop {
        /// Which.
        step: StepRef,
        /// `SIGINT`, `SIGTERM`, `SIGKILL` or `cancel`.
        signal: String,
    },
    /// Start no further step.
    Pause {
        /// Why.
        reason: Option<String>,
    },
    /// Go on.
    Unpause,
    /// Write something down.
    Note {
        /// The text.
        text: String,
    },
    /// What is on screen has changed.
    View {
        /// Panels that can be seen.
        panels: Vec<String>,
    },
}

/// What to do about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureChoice {
    /// Run it again.
    Retry,
    /// Go on with the next step; a deviation.
    Continue,
    /// End the session.
    Abort,
    /// Roll back.
    Rollback,
}

/// What to do about an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleChoice {
    /// Look, as the step's `look` says.
    Look,
    /// It had its effect.
    Done,
    /// It had not.
    Failed,
}

/// What to do about a guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardChoice {
    /// Do what the guard says.
    Act,
    /// Roll back.
    Rollback,
    /// Go on all the same; judged again from now on.
    Hold,
    /// Not judged for so long (milliseconds).
    Snooze(u64),
}

/// What an effect found.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectReport {
    /// Its number.
    pub effect: u64,
    /// How it ended, before `expect` is looked at.
    pub outcome: Outcome,
    /// What happened, for people; one sentence, no secrets.
    pub message: String,
    /// How long, milliseconds.
    pub took_ms: u64,
    /// Whether the world was changed, as far as known.
    pub changed: Option<bool>,
    /// Exit code of a command.
    pub exit: Option<i32>,
    /// Standard output of a command (at most 1 MiB, redacted), or an answer's body.
    pub stdout: String,
    /// Status of an HTTP answer.
    pub status: Option<u16>,
    /// Mean and longest time of the requests, milliseconds.
    pub times_ms: Option<(u64, u64)>,
    /// The object read or changed, JSON.
    pub object: Option<serde_json::Value>,
    /// The kept output, already on disk.
    pub output: Option<OutputRef>,
    /// The object's resourceVersion after it.
    pub resource_version: Option<String>,
    /// The server's audit id.
    pub audit_id: Option<String>,
}

impl EffectReport {
    /// A report of how an effect ended, with nothing else known.
    pub fn new(effect: u64, outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            effect,
            outcome,
            message: message.into(),
            took_ms: 0,
            changed: None,
            exit: None,
            stdout: String::new(),
            status: None,
            times_ms: None,
            object: None,
            output: None,
            resource_version: None,
            audit_id: None,
        }
    }
}
