//! Advice about the quality of a procedure: what `check` allows and a night will punish.
//!
//! Warnings with a place and a hint, never errors. A rule speaks only where it is sure:
//! what cannot be judged by reading (a called file, an expression beyond comparisons with
//! numbers) is taken to be well. That a change does not say how it is undone is said by
//! `check` itself, always.

mod range;

use std::time::Duration;

use crate::runbook::Value;
use crate::runbook::check::changes;
use crate::runbook::diagnostic::{Collector, Diagnostic};
use crate::runbook::duration::format as time;
use crate::runbook::expression::{Expr, Truth};
use crate::runbook::model::{
    Action, Arm, Call, CallTarget, Decide, Gate, GuardAction, Kubernetes, OptionThen, Runbook, Step, Undo, Wait,
};

use range::impossible;

/// The rules, by code: what each is about.
pub const RULES: &[(&str, &str)] = &[
    ("no-verification", "A change that nothing looks at afterwards."),
    ("no-estimate", "A runbook with changes that does not say how long it takes."),
    ("guard-cannot-trip", "A guard whose condition can never hold, or that is never armed."),
    ("gate-cannot-pass", "A gate whose condition can never hold, or not in the time it has."),
    ("no-way-back", "A decision after a change that offers no way back."),
];

/// All advice about one runbook, in the order of its file.
pub fn of(file: &str, runbook: &Runbook) -> Vec<Diagnostic> {
    let mut said = Collector::new(file);
    let mut walk = Vec::new();
    flatten(runbook, &runbook.steps, 0, &mut walk);
    verified(&walk, &mut said);
    for rollback in runbook.procedures.iter().filter(|p| p.id.as_str() == "rollback") {
        let mut back = Vec::new();
        flatten(runbook, &rollback.steps, 0, &mut back);
        verified(&back, &mut said);
    }
    if runbook.estimate.is_none() && walk.iter().any(|step| changes(&step.action)) {
        said.warning("no-estimate", runbook.id.span, "nothing says how long a walk takes")
            .hint("add `estimate`, with the way back: it is what a maintenance window is planned by");
    }
    guards(runbook, &walk, &mut said);
    for step in every(runbook) {
        gates(runbook, step, &mut said);
    }
    decisions(runbook, &walk, &mut said);
    said.into_found()
}

/// Every step of the file, those within `parallel` too.
fn every(runbook: &Runbook) -> Vec<&Step> {
    let lists = runbook.procedures.iter().map(|p| &p.steps).chain([&runbook.steps, &runbook.finally]);
    lists
        .flatten()
        .flat_map(|step| match &step.action {
            Action::Parallel(steps) => std::iter::once(step).chain(steps),
            _ => std::iter::once(step).chain(&[]),
        })
        .collect()
}

/// Deeper than any runbook calls; calls in a circle end here.
const DEEPEST: usize = 16;
/// More steps than a walk has; calls that multiply end here.
const MOST: usize = 5_000;

/// The steps as they are walked, calls of this file's procedures replaced by their steps.
fn flatten<'a>(runbook: &'a Runbook, steps: &'a [Step], depth: usize, walk: &mut Vec<&'a Step>) {
    for step in steps {
        if walk.len() >= MOST {
            return;
        }
        let called = match &step.action {
            Action::Call(Call { target: CallTarget::Procedure(name), .. }) if depth < DEEPEST => {
                runbook.procedures.iter().find(|p| p.id.value == name.value)
            }
            _ => None,
        };
        match called {
            Some(procedure) => flatten(runbook, &procedure.steps, depth + 1, walk),
            None => walk.push(step),
        }
    }
}

/// Whether a step looks at how things are, or has somebody look.
fn looks(step: &Step) -> bool {
    match &step.action {
        Action::Gate(_) | Action::Confirm(_) | Action::Checklist(_) | Action::Decide(_) => true,
        Action::Wait(wait) => matches!(wait, Wait::Until { .. }),
        Action::Run(run) => run.reads_only || judged(step),
        Action::Http(http) => matches!(http.method.as_str(), "GET" | "HEAD"),
        Action::Kubernetes(kubernetes) => matches!(kubernetes, Kubernetes::RolloutStatus { .. }),
        Action::Parallel(steps) => steps.iter().any(looks),
        // Another file: it may.
        Action::Call(_) => true,
        Action::Input(_) | Action::Approve(_) | Action::Notify(_) | Action::UndoAll | Action::Freeze { .. } => false,
    }
}

/// Whether a command's own answer is judged by more than its exit code.
fn judged(step: &Step) -> bool {
    matches!(&step.action, Action::Run(run) if run.expect.stdout.is_some() || run.expect.when.is_some())
        || matches!(&step.action, Action::Http(http) if http.expect.json.is_some())
}

fn verified(walk: &[&Step], said: &mut Collector) {
    let last_look = walk.iter().rposition(|step| looks(step));
    for (at, step) in walk.iter().enumerate() {
        let looked_at = judged(step) || last_look.is_some_and(|look| look > at);
        let counts = changes(&step.action) && !matches!(step.action, Action::Freeze { .. });
        if counts && !looked_at {
            said.warning("no-verification", step.id.span, format!("nothing looks at what `{}` did", step.id))
                .hint("add a `gate`, a reading step or a checklist after it, or `expect` more than its exit code");
        }
    }
}

fn guards(runbook: &Runbook, walk: &[&Step], said: &mut Collector) {
    let changes_something = walk.iter().any(|step| changes(&step.action) || matches!(step.action, Action::Call(_)))
        || runbook
            .guards
            .iter()
            .any(|guard| matches!(guard.then, GuardAction::Procedure(_)) && !matches!(guard.arm, Arm::FirstChange))
        || every(runbook).iter().any(|step| changes(&step.action) && step.undo != Some(Undo::Restore));
    for guard in &runbook.guards {
        if let Some(why) = never(runbook, &guard.when) {
            said.warning("guard-cannot-trip", guard.when.span(), format!("`{}` can never trip: {why}", guard.id))
                .hint("correct the condition");
        } else if guard.arm == Arm::FirstChange && !changes_something {
            said.warning(
                "guard-cannot-trip",
                guard.id.span,
                format!("`{}` is never judged: it waits for the first change, and nothing is changed", guard.id),
            )
            .hint("write `arm: start`, or take it out");
        }
    }
}

/// Why a condition can never hold, where that can be seen.
fn never(runbook: &Runbook, condition: &Expr) -> Option<String> {
    if condition.references().is_empty() && condition.truth(&Value::Null) == Truth::False {
        return Some("the condition is always false".to_owned());
    }
    impossible(runbook, condition)
}

fn gates(runbook: &Runbook, step: &Step, said: &mut Collector) {
    let Action::Gate(Gate { pass: Some(pass), hold_for, settle, min, .. }) = &step.action else { return };
    if let Some(why) = never(runbook, pass) {
        said.warning("gate-cannot-pass", pass.span(), format!("`{}` can never pass: {why}", step.id))
            .hint("correct the condition");
        return;
    }
    let needed = hold_for.unwrap_or(Duration::ZERO).saturating_add(*settle);
    if let Some(timeout) = step.timeout.filter(|timeout| *timeout <= needed && !needed.is_zero()) {
        said.warning(
            "gate-cannot-pass",
            step.id.span,
            format!("`{}` needs {} to pass and has {}", step.id, time(needed), time(timeout)),
        )
        .hint("make `timeout` longer than `for` and `settle` together, with time for a second try");
    }
    for (name, least) in min {
        if let Some(most) = range::most(runbook, name, "value").filter(|most| least > most) {
            said.warning("gate-cannot-pass", name.span, format!("`{name}` never reaches {least}: it is {most} at most"))
                .hint("correct the number");
        }
    }
}

/// A decision after a change, all of whose options go on.
fn decisions(runbook: &Runbook, walk: &[&Step], said: &mut Collector) {
    let has_way_back = runbook.procedures.iter().any(|p| p.id.as_str() == "rollback")
        || walk.iter().any(|step| matches!(step.undo, Some(Undo::Action(_) | Undo::Restore)));
    let Some(first) = walk.iter().position(|step| changes(&step.action)).filter(|_| has_way_back) else { return };
    for (at, step) in walk.iter().enumerate().skip(first + 1) {
        let Action::Decide(decide) = &step.action else { continue };
        // Where everything before can only be gone forward from, there is none to offer.
        let forward_only = walk.iter().take(at).any(|step| step.point_of_no_return);
        if !forward_only && only_forward(decide, walk.get(at + 1..).unwrap_or_default()) {
            said.warning("no-way-back", step.id.span, format!("every answer to `{}` goes on", step.id))
                .hint("add an option that backs out: `{key: b, label: Back out, call: rollback, reason: required}`");
        }
    }
}

/// Whether no option calls anything, undoes, or leaves a change out.
fn only_forward(decide: &Decide, following: &[&Step]) -> bool {
    decide.options.iter().all(|option| match &option.then {
        OptionThen::Continue => true,
        OptionThen::Call(_) => false,
        OptionThen::Next(to) => {
            let at = following.iter().position(|step| step.id.value == to.value);
            let (left_out, on) = following.split_at(at.unwrap_or(0));
            let undoes = on.first().is_some_and(|step| step.action == Action::UndoAll);
            !undoes && !left_out.iter().any(|step| changes(&step.action))
        }
    })
}

#[cfg(test)]
mod tests;
