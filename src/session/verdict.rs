//! Judging gates: pass, fail or inconclusive.
//!
//! `fail` is judged before `pass`, each on its own references. Inconclusive pauses the
//! `for` clock and never passes. Only readings taken after the gate was entered and
//! settled count. Judging is pure: it says what the next `gate.judged` record is.

use super::event::{GateEnd, GateJudged, Verdict};
use super::state::{Session, Visit};
use super::time::At;
use crate::runbook::expression::{Scope, Truth, Unknown};
use crate::runbook::model::{Gate, NoData, Step};

/// Time a gate has without a `for` and a `timeout` of its own, milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 300_000;

/// When a gate is judged next (session clock).
pub(super) fn due_ms(session: &Session, visit: &Visit, gate: &Gate) -> u64 {
    let settled = visit.clock_ms + super::millis(gate.settle);
    visit.gate.judged_ms.unwrap_or(settled) + every_ms(session, gate)
}

/// When a gate without a verdict holds and asks (session clock).
pub(super) fn timeout_ms(visit: &Visit, step: &Step, gate: &Gate) -> u64 {
    let allowed =
        step.timeout.map(super::millis).unwrap_or_else(|| gate.hold_for.map_or(DEFAULT_TIMEOUT_MS, |f| 3 * super::millis(f)));
    visit.entered_ms.max(visit.clock_ms) + super::millis(gate.settle) + allowed
}

/// Time between judgements: the gate's own, else its slowest signal's.
pub(super) fn every_ms(session: &Session, gate: &Gate) -> u64 {
    if let Some(every) = gate.every {
        return super::millis(every).max(100);
    }
    let references = gate.pass.iter().chain(&gate.fail).flat_map(|e| e.references());
    let named = references.filter(|r| r.path.first().is_some_and(|p| p == "signals")).filter_map(|r| r.path.get(1).cloned());
    let names: Vec<String> = named.chain(gate.min.iter().map(|(n, _)| n.value.clone())).collect();
    let signals = session.plan().runbook().signals.iter().filter(|s| names.contains(&s.name.value));
    signals.map(Session::every_ms).max().unwrap_or(10_000)
}

/// One judgement at a moment, before it is added up.
pub(super) fn judge(session: &Session, at: At, visit: &Visit, gate: &Gate) -> (Verdict, String) {
    let settled = visit.clock_ms + super::millis(gate.settle);
    let scope = session.scope(at, &visit.context).not_before(settled);
    if let Some(why) = short_of_minimum(&scope, gate) {
        return missing(gate, why);
    }
    let fail = gate.fail.as_ref().map(|f| f.truth(&scope));
    if fail == Some(Truth::True) {
        let text = gate.fail.as_ref().map(|f| f.source().to_owned()).unwrap_or_default();
        return (Verdict::Fail, format!("{text} holds"));
    }
    let pass = match (&gate.pass, &fail) {
        (Some(pass), _) => pass.truth(&scope),
        (None, Some(Truth::False)) => Truth::True,
        (None, Some(Truth::Unknown(why))) => Truth::Unknown(why.clone()),
        (None, _) => Truth::Unknown(vec!["the gate has no condition".to_owned()]),
    };
    match (pass, fail) {
        (_, Some(Truth::Unknown(why))) => missing(gate, why.join("; ")),
        (Truth::Unknown(why), _) => missing(gate, why.join("; ")),
        (Truth::True, _) => (Verdict::Pass, "the conditions hold".to_owned()),
        (Truth::False, _) => {
            let text = gate.pass.as_ref().map(|p| p.source().to_owned()).unwrap_or_default();
            (
                Verdict::Inconclusive,
                format!("{text} does not hold{}", if gate.fail.is_some() { ", and neither does `fail`" } else { "" }),
            )
        }
    }
}

/// Missing data is inconclusive, unless the gate says it fails.
fn missing(gate: &Gate, why: String) -> (Verdict, String) {
    match gate.no_data {
        NoData::Hold => (Verdict::Inconclusive, why),
        NoData::Fail => (Verdict::Fail, format!("no data, and the gate fails without: {why}")),
    }
}

fn short_of_minimum(scope: &dyn Scope, gate: &Gate) -> Option<String> {
    gate.min.iter().find_map(|(signal, least)| {
        let path = ["signals".to_owned(), signal.value.clone(), "value".to_owned()];
        match scope.get(&path) {
            Ok(value) => match value.as_number() {
                Some(number) if number >= *least => None,
                Some(number) => Some(format!(
                    "{signal} is {}, below the {} needed to judge",
                    crate::runbook::value::format_number(number),
                    crate::runbook::value::format_number(*least)
                )),
                None => Some(format!("{signal} is not a number")),
            },
            Err(Unknown(why)) => Some(why),
        }
    })
}

/// What a judgement does to the `for` clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ForClock {
    /// It runs.
    Runs,
    /// It stands still.
    Pauses,
    /// It starts again.
    StartsAgain,
}

/// The record of a judgement that is due, with the `for` clock and failures added up.
pub(super) fn judgement(session: &Session, at: At, visit: &Visit, step: &Step, gate: &Gate) -> GateJudged {
    let now = session.clock(at);
    let (mut verdict, why) = judge(session, at, visit, gate);
    let known = !matches!(verdict, Verdict::Inconclusive) || conditions_known(session, at, visit, gate);
    let clock = match verdict {
        Verdict::Pass => ForClock::Runs,
        Verdict::Inconclusive if !known => ForClock::Pauses,
        Verdict::Inconclusive | Verdict::Fail => ForClock::StartsAgain,
    };
    let before = &visit.gate;
    let passed_ms = match clock {
        ForClock::StartsAgain => 0,
        ForClock::Pauses => before.passed_ms,
        ForClock::Runs => match (&before.last, before.judged_ms) {
            // A stretch nobody judged (a procedure ran in between) is not counted.
            (Some((Verdict::Pass, _)), Some(last)) if now.saturating_sub(last) <= 3 * every_ms(session, gate) => {
                before.passed_ms + now.saturating_sub(last)
            }
            _ => before.passed_ms,
        },
    };
    let failures = match verdict {
        Verdict::Fail => before.failures + 1,
        Verdict::Inconclusive if !known => before.failures,
        _ => 0,
    };
    let end = if failures >= gate.failures.max(1) {
        Some(GateEnd::Failed)
    } else if verdict == Verdict::Pass && gate.hold_for.is_none_or(|f| passed_ms >= super::millis(f)) {
        Some(GateEnd::Passed)
    } else if now >= timeout_ms(visit, step, gate) {
        Some(GateEnd::Hold)
    } else {
        None
    };
    if end == Some(GateEnd::Hold) && verdict == Verdict::Fail {
        verdict = Verdict::Inconclusive;
    }
    let changed = before.last.as_ref().map(|(v, _)| *v) != Some(verdict);
    GateJudged {
        path: visit.step.path.clone(),
        visit: visit.step.visit,
        verdict,
        why,
        passed_ms,
        failures,
        final_verdict: end,
        evidence: (changed || end.is_some()).then(|| session.evidence(at)),
    }
}

/// Whether both conditions can be judged (and neither holds), as opposed to missing data.
fn conditions_known(session: &Session, at: At, visit: &Visit, gate: &Gate) -> bool {
    let settled = visit.clock_ms + super::millis(gate.settle);
    let scope = session.scope(at, &visit.context).not_before(settled);
    short_of_minimum(&scope, gate).is_none()
        && gate.fail.as_ref().is_none_or(|f| !matches!(f.truth(&scope), Truth::Unknown(_)))
        && gate.pass.as_ref().is_none_or(|p| !matches!(p.truth(&scope), Truth::Unknown(_)))
}
