//! The first sign that something was wrong.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Facts, Point};
use crate::session::event::{Event, GateEnd, Outcome, StepOutcome};
use crate::session::reading::{Measure, Reading};

/// So many failures running of a health check are a sign; one may be chance.
const FAILURES: u32 = 2;

/// How far a signal is from being a sign.
#[derive(Default)]
struct Watch {
    /// Since when it has been beyond `warn`.
    warned: Option<DateTime<Utc>>,
    /// Since when its checks have failed.
    failing: Option<DateTime<Utc>>,
}

/// The first of all signs.
pub(super) fn first(events: &[(DateTime<Utc>, &Event)], facts: &Facts) -> Option<Point> {
    let mut earliest: Option<Point> = None;
    let mut watches: BTreeMap<&str, Watch> = BTreeMap::new();
    for (at, event) in events {
        if let Event::SignalSampled(sampled) = event {
            for (name, reading) in &sampled.readings {
                let found = watches.entry(name).or_default().take(*at, name, reading, facts);
                earliest = earlier(earliest, found);
            }
        } else {
            earliest = earlier(earliest, told(*at, event));
        }
    }
    earliest
}

/// The earlier of two signs; a signal's may have begun before it was one.
fn earlier(known: Option<Point>, found: Option<Point>) -> Option<Point> {
    known.into_iter().chain(found).min_by_key(|sign| sign.at)
}

/// What a record other than of readings is a sign of.
fn told(at: DateTime<Utc>, event: &Event) -> Option<Point> {
    match event {
        Event::GateJudged(judged) if judged.final_verdict == Some(GateEnd::Failed) => {
            Some(sign(at, format!("gate {} failed", judged.path), signals_named(&judged.why)))
        }
        Event::GuardTripped(tripped) => {
            Some(sign(at, format!("guard {} tripped", tripped.guard), signals_named(&tripped.condition)))
        }
        Event::StepEnded(ended) if ended.outcome == StepOutcome::Failed => {
            Some(sign(at, format!("step {} failed", ended.path), Vec::new()))
        }
        Event::EffectEnded(ended) if ended.outcome != Outcome::Succeeded => {
            let how = if ended.outcome == Outcome::Unknown { "has an unknown outcome" } else { "failed" };
            Some(sign(at, format!("step {} {how}", ended.path), Vec::new()))
        }
        _ => None,
    }
}

fn sign(at: DateTime<Utc>, what: String, signals: Vec<String>) -> Point {
    Point { at, what, signals, on_screen: None }
}

impl Watch {
    /// Takes the next reading; what it is a sign of.
    fn take(&mut self, at: DateTime<Utc>, name: &str, reading: &Reading, facts: &Facts) -> Option<Point> {
        let named = |at: DateTime<Utc>, what: String| Some(sign(at, what, vec![name.to_owned()]));
        if reading.unreachable {
            return named(at, format!("{name} could not be read"));
        }
        if reading.ok == Some(false) && reading.failures > 0 {
            let since = *self.failing.get_or_insert(at);
            return if reading.failures >= FAILURES { named(since, format!("{name} failed its check")) } else { None };
        }
        self.failing = None;
        let value = reading.members.get("value").copied();
        let over = over(name, value, facts);
        let Some((critical, limit, value)) = over else {
            self.warned = None;
            return None;
        };
        let since = *self.warned.get_or_insert(at);
        (critical || since < at).then_some(())?;
        let value = crate::runbook::value::format_number((value * 1000.0).round() / 1000.0);
        named(since, format!("{name} was {value}, {} {limit}", if critical { "critical from" } else { "worth a look from" }))
    }
}

/// Whether a value is beyond what its runbook calls `warn`: if it is critical, the limit,
/// and the value.
fn over(name: &str, value: Option<Measure>, facts: &Facts) -> Option<(bool, f64, f64)> {
    let value = value.map(|value| value.0).filter(|value| value.is_finite())?;
    let facts = facts.signals.get(name)?;
    let beyond = |limit: Option<f64>| limit.filter(|limit| value >= *limit);
    match (beyond(facts.critical), beyond(facts.warn)) {
        (Some(limit), _) => Some((true, limit, value)),
        (None, Some(limit)) => Some((false, limit, value)),
        (None, None) => None,
    }
}

/// Whether a reading is as it should be.
pub(super) fn is_good(name: &str, reading: &Reading, facts: &Facts) -> bool {
    !reading.unreachable && reading.ok != Some(false) && over(name, reading.members.get("value").copied(), facts).is_none()
}

/// The signals an expression reads, by their names in it.
pub(super) fn signals_named(expression: &str) -> Vec<String> {
    let mut names: Vec<String> = expression
        .split("signals.")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect())
        .collect();
    names.sort();
    names.dedup();
    names
}
