//! Answers given beforehand: for `--answers FILE` and inside scenarios.
//!
//! Plain data. Whether an answer is allowed where it is given, and what happens where
//! there is none, is decided by the session, not here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::runbook::Value;

/// Everything a session may ask, answered.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Values of the runbook's inputs and of `input` steps, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub inputs: BTreeMap<String, Value>,
    /// What each step is answered, by path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, StepAnswer>,
    /// What a tripped guard is answered, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guards: BTreeMap<String, GuardAnswer>,
    /// What happens where nothing is said.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// What one step is answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepAnswer {
    /// Which items of a checklist are ticked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<Tick>,
    /// The note given with items that require one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The answer to a confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<YesNo>,
    /// The option of a decision, by its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choose: Option<String>,
    /// The reason given with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about an unknown outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownAnswer>,
}

/// Which items are ticked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tick {
    /// All of them.
    All,
}

/// The answer to a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum YesNo {
    /// Yes.
    Yes,
    /// No: what the step's `no` says.
    No,
}

/// What to do about a step whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownAnswer {
    /// Look with the step's `look`.
    Look,
    /// It was done.
    Done,
    /// It was not.
    Failed,
}

/// What a tripped guard is answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardAnswer {
    /// What to do.
    pub choose: GuardChoice,
    /// Why; snoozing requires it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What to do about a tripped guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GuardChoice {
    /// What the guard says is to be done: its procedure, or the rollback.
    Act,
    /// Roll back.
    Rollback,
    /// Go on with nothing, and wait.
    Hold,
    /// Ignore it for a while.
    Snooze,
}

/// What happens where the file says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// Confirmations and checklists are answered, steps not marked `danger` started.
    Continue,
    /// The session stops and can be resumed.
    #[default]
    Stop,
}
