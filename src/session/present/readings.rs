//! What conditions read, for people: each value with its unit, its baseline and its age.
//!
//! An age is that of the last value there was, as on the panels: an attempt that brought
//! none makes nothing younger.

use super::holds;
use crate::runbook::Value;
use crate::runbook::expression::{Expr, Scope, Unknown};
use crate::runbook::model::{Gate, Signal, SignalSource};
use crate::session::state::{Context, Session, Visit};
use crate::session::time::At;
use crate::session::view::{ConditionView, ReadingView};

impl Session {
    /// Each operand of a gate's conditions with what it reads now.
    pub(super) fn conditions(&self, at: At, visit: &Visit, gate: &Gate, settled: u64) -> Vec<ConditionView> {
        let scope = self.scope(at, &visit.context).not_before(settled);
        let view = |role: &'static str, expr: &Expr| {
            let age = |path: &[String]| signal_of(path).and_then(|name| self.value_age_ms(at, name));
            let values = expr.references().iter().filter_map(|r| Some(self.with_unit(&r.path, &scope.get(&r.path).ok()?)));
            ConditionView {
                role,
                text: expr.source().to_owned(),
                values: values.collect::<Vec<_>>().join(", "),
                holds: holds(expr, &scope),
                age_ms: expr.references().iter().filter_map(|r| age(&r.path)).max(),
            }
        };
        let split = |role, expr: &Option<Expr>| -> Vec<ConditionView> {
            expr.iter().flat_map(|e| e.operands()).map(|e| view(role, e)).collect()
        };
        let mut conditions = split("pass", &gate.pass);
        conditions.extend(split("fail", &gate.fail));
        conditions.extend(gate.min.iter().map(|(signal, least)| {
            let path = ["signals".to_owned(), signal.value.clone(), "value".to_owned()];
            let value = scope.get(&path);
            let least_text = crate::runbook::value::format_number(*least);
            ConditionView {
                role: "min",
                text: format!("{signal} >= {least_text}"),
                values: value.as_ref().map(|value| self.with_unit(&path, value)).unwrap_or_default(),
                holds: value.map(|v| v.as_number().is_some_and(|n| n >= *least)).map_err(|Unknown(why)| why),
                age_ms: self.value_age_ms(at, signal),
            }
        }));
        conditions
    }

    /// Each signal that a condition names, once, in its order.
    pub(super) fn readings(&self, at: At, condition: &Expr) -> Vec<ReadingView> {
        let context = Context::default();
        let scope = self.scope(at, &context);
        let mut out: Vec<ReadingView> = Vec::new();
        for reference in condition.references() {
            let Some(name) = signal_of(&reference.path) else { continue };
            // The baseline stands with the value it is compared with.
            let member = reference.path.get(2).map_or("value", |m| if m == "baseline" { "value" } else { m.as_str() });
            let title = if member == "value" { name.to_owned() } else { format!("{name}.{member}") };
            if out.iter().any(|seen| seen.name == title) {
                continue;
            }
            let path = |member: &str| ["signals".to_owned(), name.to_owned(), member.to_owned()];
            let baseline = path("baseline");
            out.push(ReadingView {
                name: title,
                value: scope
                    .get(&path(member))
                    .map(|v| self.with_unit(&path(member), &v))
                    .map_err(|Unknown(why)| without(&why, name)),
                baseline: scope.get(&baseline).ok().filter(|_| member == "value").map(|v| self.with_unit(&baseline, &v)),
                age_ms: self.value_age_ms(at, name),
            });
        }
        out
    }

    /// Milliseconds since a signal last had a value.
    fn value_age_ms(&self, at: At, name: &str) -> Option<u64> {
        let had = self.signals.get(name)?.had_value_ms?;
        Some(self.clock(at).saturating_sub(had))
    }

    /// A value as its panel writes it: rounded, with the unit of its signal.
    fn with_unit(&self, path: &[String], value: &Value) -> String {
        let number = short(value);
        let signals = &self.plan.runbook().signals;
        let signal = signal_of(path).and_then(|name| signals.iter().find(|s| s.name.value == name));
        match (signal.map(unit), path.get(2).map(String::as_str)) {
            (Some(unit), Some("value" | "baseline")) if value.as_number().is_some() => match unit {
                "" => number,
                "/s" => format!("{number}/s"),
                unit => format!("{number} {unit}"),
            },
            _ => number,
        }
    }
}

/// The signal that `signals.<name>.<member>` names.
fn signal_of(path: &[String]) -> Option<&str> {
    path.first().filter(|first| *first == "signals").and(path.get(1)).map(String::as_str)
}

/// A reason without the name it begins with.
fn without(why: &str, name: &str) -> String {
    why.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(why).to_owned()
}

/// The sign of a signal's unit. A health check's value is its latency.
fn unit(signal: &Signal) -> &str {
    match (&signal.unit, &signal.source) {
        (Some(unit), _) => unit.sign(),
        (None, SignalSource::Http(_)) => "s",
        (None, _) => "",
    }
}

/// A value as shown beside a condition: at most three decimals.
fn short(value: &Value) -> String {
    match value.as_number() {
        Some(number) if number.fract() != 0.0 => {
            let text = format!("{number:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => value.to_string(),
    }
}
