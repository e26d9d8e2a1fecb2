//! What a signal said last, or why it said nothing.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A measured number. In records it is a string (`"0.42"`, `"NaN"`), because JSON
/// readers disagree about fractions.
#[derive(Debug, Clone, Copy)]
pub struct Measure(pub f64);

impl PartialEq for Measure {
    /// As records say it: a `NaN` is the same as another, so that a fold can be compared.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || (self.0.is_nan() && other.0.is_nan())
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            f.write_str("NaN")
        } else if self.0.is_infinite() {
            f.write_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            f.write_str(&crate::runbook::value::format_number(self.0))
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Measure {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map(Measure).map_err(|_| serde::de::Error::custom(format!("`{text}` is not a number")))
    }
}

/// What a signal said last.
///
/// `members` are the names an expression can use beside `ok`, `failures`,
/// `baseline` and `age`: `value` for http (latency in seconds), prometheus and command;
/// `ready`, `total`, `restarts`, `crashing` for pods; `updated`, `available`,
/// `desired`, `done` (1 or 0) for rollout; `cpu`, `memory` for resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When it was taken.
    #[serde(with = "super::time::stamp")]
    pub taken: DateTime<Utc>,
    /// Whether the source answered as it should.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ok: Option<bool>,
    /// Consecutive failures, up to now.
    pub failures: u32,
    /// The numbers it gave.
    pub members: BTreeMap<String, Measure>,
    /// Why there is no value, or what is wrong with it; for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub problem: Option<String>,
    /// The source itself could not be reached (as opposed to a bad answer).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub unreachable: bool,
    /// For pods: the worst pods as text, at most 20, for the evidence.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub detail: Vec<String>,
}

impl Reading {
    /// Whether it brought a value, if only a bad one.
    pub fn has_value(&self) -> bool {
        !self.unreachable && (self.problem.is_none() || self.members.values().any(|m| m.0.is_finite()))
    }
}
