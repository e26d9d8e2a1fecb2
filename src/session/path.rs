//! A step's identity.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The path of a step, its identity in journal, resume and statistics:
/// `shift[50]/soak`. Steps of a called procedure stand below the calling step, those
/// of a procedure run on failure below `step!procedure`, those of the rollback below
/// `rollback`, of `finally` below `finally`; what `undo: all` does about a step stands
/// below the undoing step under the undone step's own path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepPath(String);

impl StepPath {
    /// The path of a top-level step, or one already written out.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The path of a step below this one.
    #[must_use]
    pub fn child(&self, id: &str) -> Self {
        if self.0.is_empty() { Self(id.to_owned()) } else { Self(format!("{}/{id}", self.0)) }
    }

    /// The path of one pass of a `for_each` step.
    #[must_use]
    pub fn item(&self, item: &str) -> Self {
        Self(format!("{}[{item}]", self.0))
    }

    /// The path of a procedure run because this step failed or was answered with it.
    #[must_use]
    pub fn procedure(&self, id: &str) -> Self {
        Self(format!("{}!{id}", self.0))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many lists deep it stands.
    pub fn depth(&self) -> usize {
        self.0.matches('/').count()
    }

    /// Whether it stands below `other` (or is it).
    pub fn is_within(&self, other: &StepPath) -> bool {
        self.0 == other.0
            || self
                .0
                .strip_prefix(&other.0)
                .is_some_and(|rest| rest.starts_with('/') || rest.starts_with('[') || rest.starts_with('!'))
    }
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for StepPath {
    fn from(s: &str) -> Self {
        Self(s.to_owned())
    }
}
