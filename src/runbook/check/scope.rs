//! Names: whether every path an expression reads leads somewhere.

use super::super::diagnostic::nearest;
use super::super::expression::Reference;
use super::super::model::{Action, Input, InputKind, Signal, SignalSource, Step};
use super::super::span::Span;
use super::uses::{ResultOf, Use, values_of};
use super::{Checker, secrets};

/// What can be seen from where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// The steps of the same list.
    pub(super) list: &'a [Step],
    /// Which of them it stands in; after all of them where `None`.
    pub(super) index: Option<usize>,
    /// The parameters of the procedure it stands in.
    pub(super) params: Option<&'a [Input]>,
    /// Whether the step has a `for_each`.
    pub(super) item: bool,
    /// Whether signals have readings then.
    pub(super) signals: bool,
    /// Whether steps have run by then.
    pub(super) steps: bool,
}

/// Members of `session`.
const SESSION: [&str; 5] = ["id", "mode", "outcome", "operator", "elapsed"];
/// Every name a path can begin with.
const ROOTS: [&str; 8] = ["inputs", "env", "steps", "signals", "with", "item", "session", "result"];

/// Why a path leads nowhere.
struct Nowhere {
    message: String,
    hint: Option<String>,
}

fn nowhere(message: impl Into<String>) -> Nowhere {
    Nowhere { message: message.into(), hint: None }
}

impl Nowhere {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Suggests the nearest of some names, or lists them.
    fn among<'n>(self, written: &str, names: impl IntoIterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let hint = match nearest(written, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None if names.is_empty() => return self,
            None if names.len() > 12 => format!("there are {}, …", names[..12].join(", ")),
            None => format!("there is {}", names.join(", ")),
        };
        self.hint(hint)
    }
}

impl<'a> Checker<'a> {
    /// Resolves every path of an expression.
    pub(super) fn names(&mut self, used: &Use<'a>, around: &Around<'a>) {
        // Where the right-hand side of a dash that was meant as part of a name would stand.
        let mut after_dash = None;
        for reference in used.expr.references() {
            if after_dash == Some(reference.span.start) {
                continue;
            }
            match self.resolve(reference, used, around) {
                Ok(()) => self.secret(reference, used, around),
                Err(why) if self.is_lost(reference) => drop(why),
                Err(why) => {
                    let dash = dash_hint(used, reference);
                    after_dash = dash.as_ref().map(|_| reference.span.end + 1);
                    let hint = dash.or(why.hint);
                    self.diagnostics.error("unknown-name", reference.span, why.message).maybe_hint(hint);
                }
            }
        }
    }

    /// Whether the path names something that was already reported.
    fn is_lost(&self, reference: &Reference) -> bool {
        reference.path.iter().any(|part| self.lost.contains(part))
    }

    fn resolve(&self, reference: &Reference, used: &Use, around: &Around) -> Result<(), Nowhere> {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["inputs", name, ..] => member_of_inputs("input", name, &self.runbook.inputs),
            ["with", name, ..] => match around.params {
                Some(params) => member_of_inputs("parameter", name, params),
                None => Err(nowhere("`with` is known in procedures only").hint("here it is `inputs`")),
            },
            ["item", ..] if around.item && used.item => Ok(()),
            ["item", ..] => Err(nowhere("`item` is known in a step with `for_each` only")
                .hint("pass it to what is called: `with: {value: \"${{ item }}\"}`")),
            ["env", rest @ ..] => self.env(rest),
            ["steps", rest @ ..] => self.step_value(rest, used, around),
            ["signals", rest @ ..] => self.signal_value(rest, around),
            ["session", name] => {
                if SESSION.contains(name) {
                    Ok(())
                } else {
                    Err(nowhere(format!("`session` has no `{name}`")).among(name, SESSION))
                }
            }
            ["result", rest @ ..] => result_value(rest, used.result),
            ["inputs" | "with" | "session"] => {
                Err(nowhere(format!("`{}` alone is no value", path[0])).hint("name one of its members"))
            }
            ["session", ..] => Err(nowhere(format!("`{}` is no value", path.join(".")))),
            [name, ..] => Err(self.unknown_root(name)),
            [] => Ok(()),
        }
    }

    /// A path that begins with none of the known names.
    fn unknown_root(&self, name: &str) -> Nowhere {
        let why = nowhere(format!("there is no `{name}`"));
        let inputs = self.runbook.inputs.iter().any(|i| i.name.value == name);
        if self.runbook.signals.iter().any(|s| s.name.value == name) {
            why.hint(format!("a signal is read as `signals.{name}.value`"))
        } else if inputs {
            why.hint(format!("an input is read as `inputs.{name}`"))
        } else {
            match nearest(name, ROOTS) {
                Some(root) => why.hint(format!("did you mean `{root}`?")),
                None => why.hint("paths begin with inputs, env, steps, signals, with, item or session; text stands in quotes"),
            }
        }
    }

    fn env(&self, rest: &[&str]) -> Result<(), Nowhere> {
        if self.environments.is_empty() {
            return Err(nowhere("`env` is unknown: the runbook has no environments").hint("add `environments`, or use an input"));
        }
        match rest {
            ["name"] => Ok(()),
            ["vars", name, ..] => {
                let missing: Vec<&str> = self
                    .environments
                    .iter()
                    .filter(|e| !e.vars.iter().any(|(n, _)| n == name))
                    .map(|e| e.name.as_str())
                    .collect();
                if missing.is_empty() {
                    return Ok(());
                }
                if missing.len() < self.environments.len() {
                    let hint = format!("add `vars: {{{name}: …}}` there");
                    return Err(nowhere(format!("`env.vars.{name}` is not set in {}", missing.join(", "))).hint(hint));
                }
                let known: std::collections::BTreeSet<&str> =
                    self.environments.iter().flat_map(|e| e.vars.iter().map(|(n, _)| n.as_str())).collect();
                Err(nowhere(format!("no environment has a variable `{name}`")).among(name, known))
            }
            ["vars"] => Err(nowhere("`env.vars` alone is no value").hint("name one of the variables")),
            [name, ..] => Err(nowhere(format!("`env` has no `{name}`")).hint("`env.name`, or `env.vars.<name>`")),
            [] => Err(nowhere("`env` alone is no value").hint("`env.name`, or `env.vars.<name>`")),
        }
    }

    fn step_value(&self, rest: &[&str], used: &Use, around: &Around) -> Result<(), Nowhere> {
        let [id, rest @ ..] = rest else {
            return Err(nowhere("`steps` alone is no value").hint("name a step and a member of it"));
        };
        if !around.steps {
            return Err(nowhere("no step has run when this is needed").hint("use an input"));
        }
        let Some(index) = around.list.iter().position(|s| s.id.value == *id) else {
            let why = nowhere(format!("there is no step `{id}` in this list"));
            let elsewhere = all_steps(self.runbook).any(|s| s.id.value == *id);
            return Err(if elsewhere {
                why.hint("it stands in another list: pass its value with `with`")
            } else {
                let before = around.index.unwrap_or(around.list.len());
                why.among(id, around.list.iter().take(before).map(|s| s.id.as_str()))
            });
        };
        match around.index {
            Some(here) if index > here => {
                return Err(nowhere(format!("the step `{id}` comes later")).hint("only steps before this one have values"));
            }
            Some(here) if index == here && !used.own => {
                return Err(nowhere(format!("the step `{id}` has not ended when this is needed"))
                    .hint("its values are known in its `undo` and `repeat.until`, and in later steps"));
            }
            _ => {}
        }
        let Some(step) = around.list.get(index) else { return Ok(()) };
        let values = values_of(&step.action);
        match rest {
            [] => Err(nowhere(format!("`steps.{id}` alone is no value")).hint("for instance its `outcome`")),
            ["outcome" | "reason", ..] => Ok(()),
            [name, ..] if values.contains(name) => Ok(()),
            ["choice", ..] => Err(nowhere(format!("the step `{id}` has no `choice`")).hint("only `decide` has one")),
            [name, ..] => {
                let known: Vec<&str> = ["outcome", "reason"].into_iter().chain(values.iter().copied()).collect();
                let why = nowhere(format!("the step `{id}` has no `{name}`")).among(name, known);
                Err(
                    if matches!(step.action, Action::Run(_) | Action::Http(_)) && nearest(name, values.iter().copied()).is_none()
                    {
                        why.hint(format!("take it from the output with `capture: {{{name}: …}}`"))
                    } else {
                        why
                    },
                )
            }
        }
    }

    fn signal_value(&self, rest: &[&str], around: &Around) -> Result<(), Nowhere> {
        let [name, rest @ ..] = rest else {
            return Err(nowhere("`signals` alone is no value").hint("name a signal and a member of it"));
        };
        if !around.signals {
            return Err(nowhere("signals have no readings when this is needed").hint("signals are read in steps and guards"));
        }
        let Some(signal) = self.runbook.signals.iter().find(|s| s.name.value == *name) else {
            return Err(
                nowhere(format!("there is no signal `{name}`")).among(name, self.runbook.signals.iter().map(|s| s.name.as_str()))
            );
        };
        let members = members_of(signal);
        match rest {
            [member] if members.contains(member) => Ok(()),
            ["baseline"] => Err(nowhere(format!("the signal `{name}` has no baseline")).hint("add one: `baseline: 10m`")),
            [] => Err(nowhere(format!("`signals.{name}` alone is no value")).hint(format!("it has {}", members.join(", ")))),
            [member] => Err(nowhere(format!("the signal `{name}` has no `{member}`")).among(member, members)),
            [member, ..] => Err(nowhere(format!("`signals.{name}.{member}` has no members"))),
        }
    }

    /// A secret goes only where the format lets it.
    fn secret(&mut self, reference: &Reference, used: &Use, around: &Around) {
        let asked_only = reference.tested;
        if asked_only || used.place.takes_secrets() || used.place == super::uses::Place::With {
            return;
        }
        if secrets::is_secret(self.runbook, around, &reference.path) {
            secrets::report(self.diagnostics, reference.span, &reference.to_string(), used.place);
        }
    }
}

fn member_of_inputs(what: &str, name: &str, inputs: &[Input]) -> Result<(), Nowhere> {
    if inputs.iter().any(|i| i.name.value == name) {
        return Ok(());
    }
    Err(nowhere(format!("there is no {what} `{name}`")).among(name, inputs.iter().map(|i| i.name.as_str())))
}

fn result_value(rest: &[&str], result: Option<ResultOf>) -> Result<(), Nowhere> {
    let Some(result) = result else {
        return Err(nowhere("`result` is known in `expect.when` and `look.done` only").hint("take values with `capture`"));
    };
    let members: &[&str] = match result {
        ResultOf::Run => &["exit", "stdout", "json"],
        ResultOf::Http => &["status", "stdout", "json"],
        ResultOf::Kubernetes => &["object", "json"],
    };
    match rest {
        [] => Err(nowhere("`result` alone is no value").hint(format!("it has {}", members.join(", ")))),
        [member, ..] if members.contains(member) => Ok(()),
        [member, ..] => Err(nowhere(format!("this `result` has no `{member}`")).among(member, members.iter().copied())),
    }
}

/// The members of a signal, by what it watches.
pub(super) fn members_of(signal: &Signal) -> Vec<&'static str> {
    let mut members: Vec<&'static str> = match &signal.source {
        SignalSource::Pods { .. } => vec!["ready", "total", "restarts", "crashing"],
        SignalSource::Rollout { .. } => vec!["updated", "available", "desired", "done"],
        SignalSource::Resources { .. } => vec!["cpu", "memory"],
        SignalSource::Events { .. } | SignalSource::Logs { .. } => Vec::new(),
        SignalSource::Http(_) | SignalSource::Prometheus { .. } | SignalSource::Command { .. } => vec!["value"],
    };
    members.extend(["ok", "failures", "age"]);
    if signal.baseline.is_some() {
        members.push("baseline");
    }
    members
}

/// Every step of a file, those inside `parallel` included.
pub(super) fn all_steps(runbook: &super::super::model::Runbook) -> impl Iterator<Item = &Step> {
    let lists = [&runbook.steps, &runbook.finally].into_iter().chain(runbook.procedures.iter().map(|p| &p.steps));
    lists.flatten().flat_map(|step| {
        let inside: &[Step] = if let Action::Parallel(steps) = &step.action { steps } else { &[] };
        std::iter::once(step).chain(inside)
    })
}

/// `signals.error-rate` is a subtraction; its author meant a name.
fn dash_hint(used: &Use, reference: &Reference) -> Option<String> {
    let written = format!("{reference}-");
    let source = used.expr.source();
    let after = source.get(source.find(&written)? + written.len()..)?;
    let word: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    let last = reference.path.last()?;
    (!word.is_empty() && word.starts_with(|c: char| c.is_ascii_alphabetic()))
        .then(|| format!("`-` subtracts; names are written with `_`: `{last}_{word}`"))
}

/// Whether an input holds a secret.
pub(super) fn holds_secret(input: &Input) -> bool {
    matches!(input.kind, InputKind::Secret(_))
}

/// A place of a whole use, where no path is to blame.
pub(super) fn place_of(used: &Use) -> Span {
    used.expr.span()
}
