//! What expressions see: names resolved against the session at a moment.
//!
//! A reading that is missing, stale or not finite is unknown, and so is every reading
//! while all sources fail at once (then it is more likely our own network).

use std::collections::BTreeMap;

use super::event::{Mode, SignalEvidence, StepOutcome};
use super::message::StepRef;
use super::reading::{Measure, Reading};
use super::state::{Context, Ending, Session, SignalState, Visit};
use super::time::At;
use crate::runbook::Value;
use crate::runbook::expression::{Scope, Truth, Unknown};
use crate::runbook::model::{Guard, Signal, SignalSource};

/// Why a gate does not count a reading yet.
pub const NOT_SETTLED: &str = "not read since the gate was entered and settled";

/// Resolves names for one place of a session at one moment.
pub(super) struct View<'a> {
    session: &'a Session,
    at: At,
    context: &'a Context,
    /// Readings taken before this do not count (the session's clock).
    not_before: u64,
    /// `result`, where there is one.
    result: Option<&'a Value>,
}

impl Session {
    /// The names a place can see.
    pub(super) fn scope<'a>(&'a self, at: At, context: &'a Context) -> View<'a> {
        View { session: self, at, context, not_before: 0, result: None }
    }

    /// Whether a guard's condition holds.
    pub(super) fn guard_truth(&self, at: At, guard: &Guard) -> Truth {
        let context = Context::default();
        guard.when.truth(&self.scope(at, &context))
    }

    /// Milliseconds between readings of a signal.
    pub(super) fn every_ms(signal: &Signal) -> u64 {
        let default = match signal.source {
            SignalSource::Prometheus { .. } | SignalSource::Resources { .. } => 15_000,
            _ => 10_000,
        };
        signal.every.map_or(default, super::millis)
    }

    /// Age of a signal's last reading, milliseconds.
    pub(super) fn age_ms(&self, at: At, name: &str) -> Option<u64> {
        let state = self.signals.get(name)?;
        state.reading.as_ref().map(|_| self.clock(at).saturating_sub(state.taken_ms))
    }

    /// Whether every source that was ever read fails to answer: then nothing is known
    /// about any of them.
    pub fn all_sources_unreachable(&self) -> bool {
        let mut readings = self.signals.values().filter_map(|s| s.reading.as_ref()).peekable();
        self.signals.len() > 1 && readings.peek().is_some() && readings.all(|r| r.unreachable)
    }

    /// The latest visit of a step of the same list.
    pub(super) fn latest_in(&self, context: &Context, id: &str) -> Option<&Visit> {
        let path = context.prefix.child(id);
        let latest = self.order.iter().rev().find(|s| s.path == path || is_pass_of(s, path.as_str()));
        latest.and_then(|s| self.visit(s))
    }

    /// Every declared signal as it is known at a moment, for records.
    pub(super) fn evidence(&self, at: At) -> super::event::Evidence {
        let context = Context::default();
        let scope = self.scope(at, &context);
        let signals = self.plan.runbook().signals.iter().map(|signal| {
            let name = signal.name.value.clone();
            let state = self.signals.get(&name).cloned().unwrap_or_default();
            let age_ms = self.age_ms(at, &name);
            let baseline = state.baseline.as_ref().and_then(|b| b.as_ref().ok()).map(|b| Measure(*b));
            let evidence = SignalEvidence {
                stale: age_ms.is_some_and(|age| age > 3 * Self::every_ms(signal)),
                reading: state.reading,
                age_ms,
                baseline,
                source: source_text(signal, &scope),
            };
            (name, evidence)
        });
        let guards = self
            .plan
            .runbook()
            .guards
            .iter()
            .zip(&self.guards)
            .filter(|(_, g)| g.armed)
            .filter_map(|(guard, progress)| match (&progress.tripped, self.guard_truth(at, guard)) {
                (Some(_), _) => Some(format!("{}: tripped", guard.id)),
                (None, Truth::Unknown(why)) => Some(format!("{}: cannot judge ({})", guard.id, why.join("; "))),
                _ => None,
            })
            .collect();
        super::event::Evidence { signals: signals.collect(), guards }
    }
}

/// What a signal asks, resolved as far as it can be.
pub(super) fn source_text(signal: &Signal, scope: &dyn Scope) -> String {
    let template = match &signal.source {
        SignalSource::Pods { selector } | SignalSource::Resources { selector } | SignalSource::Logs { selector, .. } => {
            Some(selector)
        }
        SignalSource::Http(check) => Some(&check.url),
        SignalSource::Prometheus { query } => Some(query),
        SignalSource::Rollout { workload } => Some(&workload.name),
        SignalSource::Events { selector } => selector.as_ref(),
        SignalSource::Command { command, .. } => command.first(),
    };
    template.map_or_else(String::new, |t| t.render(scope).unwrap_or_else(|_| t.source().to_owned()))
}

impl<'a> View<'a> {
    /// Only readings taken at or after this (session clock) count.
    pub(super) fn not_before(mut self, ms: u64) -> Self {
        self.not_before = ms;
        self
    }

    /// With a `result`.
    pub(super) fn with_result(mut self, result: &'a Value) -> Self {
        self.result = Some(result);
        self
    }

    fn inputs(&self) -> &BTreeMap<String, Value> {
        self.context.inputs.as_ref().unwrap_or(&self.session.inputs)
    }

    fn step(&self, id: &str, rest: &[String]) -> Result<Value, Unknown> {
        let path = self.context.prefix.child(id);
        let visit = self.session.latest_in(self.context, id).ok_or_else(|| Unknown(format!("step {path} has not run")))?;
        let values = self.session.step_values(visit);
        follow(&Value::Map(values), rest).ok_or_else(|| Unknown(format!("step {path} has no {}", rest.join("."))))
    }

    fn signal(&self, name: &str, member: &str) -> Result<Value, Unknown> {
        let session = self.session;
        let unknown = |why: &str| Unknown(format!("{name}: {why}"));
        let signal =
            session.plan().runbook().signals.iter().find(|s| s.name.value == name).ok_or_else(|| unknown("no such signal"))?;
        let state: &SignalState = session.signals.get(name).ok_or_else(|| unknown("no such signal"))?;
        if member == "baseline" {
            return match &state.baseline {
                Some(Ok(value)) => Ok(Value::Number(*value)),
                Some(Err(why)) => Err(unknown(&format!("no baseline ({why})"))),
                None => Err(unknown("the baseline is fixed at the first change")),
            };
        }
        let reading = state.reading.as_ref().ok_or_else(|| unknown("not read yet"))?;
        let age = session.clock(self.at).saturating_sub(state.taken_ms);
        if member == "age" {
            #[expect(clippy::cast_precision_loss, reason = "ages are far below 2^53 milliseconds")]
            return Ok(Value::Number(age as f64 / 1000.0));
        }
        if session.all_sources_unreachable() {
            return Err(unknown("every source fails at once; is it your own network?"));
        }
        if state.taken_ms < self.not_before {
            return Err(unknown(NOT_SETTLED));
        }
        if age > 3 * Session::every_ms(signal) {
            return Err(unknown(&format!("stale, {} s old", age / 1000)));
        }
        member_of(reading, member).map_err(|why| unknown(&why))
    }
}

fn is_pass_of(step: &StepRef, path: &str) -> bool {
    step.path.as_str().strip_prefix(path).is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']') && !rest.contains('/'))
}

fn member_of(reading: &Reading, member: &str) -> Result<Value, String> {
    let problem = || reading.problem.clone().unwrap_or_else(|| "no data".to_owned());
    match member {
        "ok" => reading.ok.map(Value::Bool).ok_or_else(problem),
        "failures" => Ok(Value::Number(f64::from(reading.failures))),
        // A yes or no among numbers: a rollout is done or not.
        "done" => reading.members.get(member).map(|measure| Value::Bool(measure.0 != 0.0)).ok_or_else(problem),
        _ => match reading.members.get(member) {
            Some(measure) if measure.0.is_finite() => Ok(Value::Number(measure.0)),
            Some(measure) => Err(format!("the value is {measure}")),
            None => Err(problem()),
        },
    }
}

fn follow(value: &Value, path: &[String]) -> Option<Value> {
    path.iter()
        .try_fold(value, |value, key| match value {
            Value::Map(map) => map.get(key),
            _ => None,
        })
        .cloned()
}

impl Scope for View<'_> {
    fn get(&self, path: &[String]) -> Result<Value, Unknown> {
        let whole = || path.join(".");
        let unknown = |why: &str| Unknown(format!("{}: {why}", whole()));
        let (root, rest) = path.split_first().ok_or_else(|| Unknown("an empty name".to_owned()))?;
        let first = rest.first().map(String::as_str);
        match (root.as_str(), first) {
            ("inputs", Some(name)) => self.inputs().get(name).cloned().ok_or_else(|| unknown("not given")),
            ("with", Some(name)) => self.context.with.get(name).cloned().ok_or_else(|| unknown("not given")),
            ("item", _) => self.context.item.clone().ok_or_else(|| unknown("not in a for_each")),
            ("result", _) => self.result.and_then(|r| follow(r, rest)).ok_or_else(|| unknown("not in the result")),
            ("steps", Some(id)) => self.step(id, rest.get(1..).unwrap_or_default()),
            ("signals", Some(name)) => self.signal(name, rest.get(1).map_or("value", String::as_str)),
            ("env", Some("name")) => Ok(Value::from(self.session.opened().environment.name.clone())),
            ("env", Some("vars")) => {
                let env = self.session.plan().environment().ok_or_else(|| unknown("the runbook has no environment"))?;
                let name = rest.get(1).ok_or_else(|| unknown("no name"))?;
                let value = env.vars.iter().find(|(n, _)| n == name).map(|(_, v)| v);
                value
                    .and_then(|v| follow(v, rest.get(2..).unwrap_or_default()))
                    .ok_or_else(|| unknown("not set in this environment"))
            }
            ("session", Some(name)) => self.session_fact(name).ok_or_else(|| unknown("not known yet")),
            _ => Err(unknown("no such name")),
        }
    }
}

impl View<'_> {
    fn session_fact(&self, name: &str) -> Option<Value> {
        let session = self.session;
        match name {
            "id" => Some(Value::from(session.id().to_owned())),
            "mode" => Some(Value::from(match session.opened().mode {
                Mode::Live => "live",
                Mode::DryRun => "dry-run",
                Mode::Rehearsal => "rehearsal",
            })),
            "operator" => Some(Value::from(session.operator.principal.clone())),
            #[expect(clippy::cast_precision_loss, reason = "a session lasts far less than 2^53 milliseconds")]
            "elapsed" => Some(Value::Number((session.clock(self.at) / 1000) as f64)),
            "outcome" => session.outcome_so_far().map(|o| Value::from(o.as_str())),
            _ => None,
        }
    }
}

impl Session {
    /// What `steps.<id>` holds for a visit: captured values, form answers, `outcome`,
    /// `choice`, `reason`.
    fn step_values(&self, visit: &Visit) -> BTreeMap<String, Value> {
        let mut values = visit.given.clone().unwrap_or_default();
        for ended in visit.effects.iter().filter_map(|e| self.effects.get(e)).filter_map(|e| e.ended.as_ref()) {
            values.extend(ended.captured.clone());
        }
        if let Some(choice) = &visit.choice {
            values.insert("choice".to_owned(), Value::from(choice.key.clone()));
        }
        let reason =
            visit.choice.as_ref().and_then(|c| c.reason.clone()).or_else(|| visit.ended.as_ref().and_then(|e| e.reason.clone()));
        if let Some(reason) = reason {
            values.insert("reason".to_owned(), Value::from(reason));
        }
        if let Some(outcome) = visit.outcome() {
            values.insert("outcome".to_owned(), Value::from(outcome_word(outcome)));
        }
        values
    }

    /// How the session would be closed as it stands; none while it simply goes on.
    pub(super) fn outcome_so_far(&self) -> Option<super::event::SessionOutcome> {
        use super::event::SessionOutcome as O;
        let rollback_ran = self.visits.keys().any(|p| p.as_str() == "rollback");
        match &self.ending {
            Some(Ending::Rollback { .. }) if self.rollback_failed() => Some(O::RollbackFailed),
            Some(Ending::Rollback { .. }) => Some(O::RolledBack),
            Some(Ending::Abort { .. }) if rollback_ran => Some(O::RollbackFailed),
            Some(Ending::Abort { .. }) => Some(O::Aborted),
            None if self.main_is_done() => Some(O::Completed),
            None => None,
        }
    }

    /// Whether anything of the rollback did not work out, or was not done.
    fn rollback_failed(&self) -> bool {
        let below = self.order.iter().filter(|s| s.path.as_str().starts_with("rollback/"));
        let mut last: BTreeMap<&str, Option<StepOutcome>> = BTreeMap::new();
        for step in below {
            // A message that was not sent leaves nothing as it should not be.
            let visit = self.visit(step).filter(|v| {
                !matches!(self.step_of(v).map(|s| &s.action), Some(crate::runbook::model::Action::Notify(_)))
                    || v.undoes.is_some()
            });
            last.insert(step.path.as_str(), visit.and_then(Visit::outcome));
        }
        last.values().any(|o| matches!(o, Some(StepOutcome::Failed | StepOutcome::Interrupted | StepOutcome::Skipped)))
    }
}

/// The word of the format for an outcome of a step.
pub fn outcome_word(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Done => "done",
        StepOutcome::Failed => "failed",
        StepOutcome::Skipped => "skipped",
        StepOutcome::NotApplicable => "not-applicable",
        StepOutcome::NotChosen => "not-chosen",
        StepOutcome::Interrupted => "interrupted",
    }
}
