//! Lists of steps: what each step may name, and what would not work.

use super::super::model::{Action, Arm, ConfirmNo, Decide, Gate, Input, Kubernetes, OnFailure, OptionThen, Program, Step, Undo};
use super::super::span::Spanned;
use super::scope::{Around, place_of};
use super::uses::{Place, Use, Uses};
use super::{Checker, changes};

/// Which list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    Main,
    Finally,
    /// A procedure other than the rollback.
    Procedure,
    Rollback,
    Parallel,
}

impl<'a> Checker<'a> {
    pub(super) fn list(&mut self, list: &'a [Step], kind: ListKind, params: Option<&'a [Input]>) {
        for (index, step) in list.iter().enumerate() {
            // Steps side by side do not see each other.
            let seen = if kind == ListKind::Parallel { &list[index..=index] } else { list };
            let index = if kind == ListKind::Parallel { 0 } else { index };
            let around =
                Around { list: seen, index: Some(index), params, item: step.for_each.is_some(), signals: true, steps: true };
            self.step(step, &around, kind);
        }
    }

    fn step(&mut self, step: &'a Step, around: &Around<'a>, kind: ListKind) {
        for used in Uses::of_step(step) {
            self.names(&used, around);
            self.argument(&used, step);
        }
        self.action(step, around, kind);
        self.failure(step, kind);
        self.undo(step, kind);
        if kind == ListKind::Main && matches!(step.id.as_str(), "rollback" | "finally") {
            self.diagnostics
                .warning("reserved-name", step.id.span, format!("the path `{}` is used for the list of that name", step.id))
                .hint("choose another id: a step's path is how the record and the statistics know it");
        }
        if changes(&step.action) && step.retry.is_some() {
            self.diagnostics
                .warning("retry-of-a-change", step.id.span, format!("`{}` changes something and has a `retry`", step.id))
                .hint("nothing that changes is run again by itself: the operator is asked each time");
        }
    }

    fn action(&mut self, step: &'a Step, around: &Around<'a>, kind: ListKind) {
        match &step.action {
            Action::Confirm(confirm) => {
                if let ConfirmNo::Procedure(name) = &confirm.no {
                    self.procedure_named(name, kind, "no");
                }
            }
            Action::Decide(decide) => self.decide(decide, around, kind),
            Action::Gate(gate) => self.gate(step, gate),
            Action::Notify(notify) => self.target_named(&notify.to),
            Action::Call(call) => self.call(call, around, kind),
            Action::Parallel(steps) => {
                for child in steps {
                    self.parallel_child(child);
                }
                self.list(steps, ListKind::Parallel, around.params);
            }
            Action::Kubernetes(_) => self.needs_cluster(step.id.span),
            Action::Freeze { .. } if self.environments.is_empty() => {
                self.diagnostics
                    .error("no-environment", step.id.span, "there is no environment to freeze")
                    .hint("add `environments`");
            }
            _ => {}
        }
    }

    /// An argument that an expression begins could become an option.
    fn argument(&mut self, used: &Use, step: &Step) {
        let Action::Run(run) = &step.action else { return };
        let Program::Command(command) = &run.program else { return };
        if used.place != Place::Argument {
            return;
        }
        let begins = command
            .iter()
            .skip(1)
            .any(|t| matches!(t.parts().first(), Some(super::super::expression::Part::Expr(e)) if e.span() == used.expr.span()));
        if begins && self.may_begin_with_dash(used) {
            self.diagnostics
                .advice("dash-argument", place_of(used), "this argument is refused when its value begins with `-`")
                .hint("put text before it (`--name=${{ … }}`), or give the input a `pattern`");
        }
    }

    /// Whether a value typed by the operator may begin with a dash, as far as is known.
    fn may_begin_with_dash(&self, used: &Use) -> bool {
        used.expr.references().iter().any(|r| {
            let [root, name, ..] = r.path.as_slice() else { return false };
            let input = self.runbook.inputs.iter().find(|i| root == "inputs" && i.name.value == *name);
            input.is_some_and(|i| match &i.pattern {
                Some(pattern) => super::super::pattern::anchored(pattern)
                    .is_ok_and(|p| p.is_match("-") || p.is_match("-a") || p.is_match("-1")),
                None => matches!(i.kind, super::super::model::InputKind::String | super::super::model::InputKind::Text),
            })
        })
    }

    fn decide(&mut self, decide: &Decide, around: &Around, kind: ListKind) {
        for option in &decide.options {
            match &option.then {
                OptionThen::Continue => {}
                OptionThen::Call(name) => self.procedure_named(name, kind, "call"),
                OptionThen::Next(name) => self.forward(name, around),
            }
        }
    }

    /// `next` goes forward in the same list.
    fn forward(&mut self, name: &Spanned<String>, around: &Around) {
        let target = around.list.iter().position(|s| s.id.value == name.value);
        let here = around.index.unwrap_or(0);
        let (message, hint) = match target {
            Some(target) if target > here => return,
            Some(target) if target == here => {
                (format!("`{name}` is this very step"), "`next` goes forward; to do it again use `repeat`")
            }
            Some(_) => (
                format!("the step `{name}` comes before this one"),
                "`next` goes forward only; what is done twice belongs in a procedure",
            ),
            None if self.lost.contains(&name.value) => return,
            None => (format!("there is no step `{name}` in this list"), "`next` goes forward to a step of the same list"),
        };
        let later = around.list.iter().skip(here + 1).map(|s| s.id.as_str());
        let near = super::super::diagnostic::nearest(name, later).filter(|_| target.is_none());
        let hint = near.map_or_else(|| hint.to_owned(), |n| format!("did you mean `{n}`?"));
        self.diagnostics.error("unknown-step", name.span, message).hint(hint);
    }

    fn gate(&mut self, step: &Step, gate: &Gate) {
        for (name, _) in &gate.min {
            let signal = self.runbook.signals.iter().find(|s| s.name.value == name.value);
            match signal {
                None if self.lost.contains(&name.value) => {}
                None => {
                    let near = super::super::diagnostic::nearest(name, self.runbook.signals.iter().map(|s| s.name.as_str()));
                    self.diagnostics
                        .error("unknown-signal", name.span, format!("there is no signal `{name}`"))
                        .maybe_hint(near.map(|n| format!("did you mean `{n}`?")));
                }
                Some(signal) if !super::scope::members_of(signal).contains(&"value") => {
                    self.diagnostics
                        .error("unknown-signal", name.span, format!("the signal `{name}` has no value to compare"))
                        .hint("`min` takes signals of kind http, prometheus and command");
                }
                Some(_) => {}
            }
        }
        let judged = [&gate.pass, &gate.fail];
        let mut references = judged.into_iter().flatten().flat_map(|e| e.references()).peekable();
        if references.peek().is_some() && !references.any(|r| r.path.first().is_some_and(|root| root == "signals")) {
            self.diagnostics
                .warning("no-signal", step.id.span, "this gate judges no signal")
                .hint("a condition that does not change is `when`, or `confirm`");
        }
        for reference in judged_missing(gate) {
            self.diagnostics
                .warning("passes-without-data", reference.span, format!("`has({reference})` lets this gate go on without data"))
                .hint("leave it out: missing data makes a gate inconclusive, and it holds");
        }
    }

    fn parallel_child(&mut self, step: &Step) {
        let why = match &step.action {
            Action::Run(run) if run.interactive => Some("it takes the terminal"),
            Action::Run(_) | Action::Http(_) | Action::Kubernetes(_) if changes(&step.action) => Some("it changes something"),
            Action::Run(_) | Action::Http(_) | Action::Kubernetes(_) | Action::Gate(_) | Action::Wait(_) => None,
            Action::Confirm(_) | Action::Checklist(_) | Action::Input(_) | Action::Decide(_) | Action::Approve(_) => {
                Some("it asks")
            }
            Action::Notify(_) => Some("it sends a message"),
            Action::Call(_) | Action::Parallel(_) => Some("it is a list of its own"),
            Action::UndoAll | Action::Freeze { .. } => Some("it changes something"),
        };
        if let Some(why) = why {
            self.diagnostics
                .error("not-in-parallel", step.id.span, format!("`{}` cannot run side by side with others: {why}", step.id))
                .hint("steps in `parallel` only read: `run` with `reads_only: true`, `http` with GET, `rollout_status`, `gate`, `wait`");
        }
        let alone = [
            ("on_failure", step.on_failure != OnFailure::Ask),
            ("for_each", step.for_each.is_some()),
            ("repeat", step.repeat.is_some()),
            ("undo", step.undo.is_some()),
            ("look", step.look.is_some()),
            ("danger", step.danger),
            ("point_of_no_return", step.point_of_no_return),
        ];
        for (key, _) in alone.iter().filter(|(_, there)| *there) {
            self.diagnostics
                .error("not-in-parallel", step.id.span, format!("`{}` stands in `parallel` and cannot have `{key}`", step.id))
                .hint("it belongs to the step that holds `parallel`");
        }
    }

    fn failure(&mut self, step: &Step, kind: ListKind) {
        match &step.on_failure {
            OnFailure::Call { procedure, .. } => self.procedure_named(procedure, kind, "on_failure"),
            OnFailure::Retry if changes(&step.action) => {
                self.diagnostics
                    .warning(
                        "retry-of-a-change",
                        step.id.span,
                        format!("`{}` changes something and is retried on failure", step.id),
                    )
                    .hint("nothing that changes is run again by itself: the operator is asked each time");
            }
            _ => {}
        }
    }

    fn undo(&mut self, step: &Step, kind: ListKind) {
        match &step.undo {
            Some(Undo::Restore) => {
                let restores = matches!(
                    &step.action,
                    Action::Kubernetes(
                        Kubernetes::SetImage { .. }
                            | Kubernetes::Patch { .. }
                            | Kubernetes::Scale { .. }
                            | Kubernetes::Apply { .. }
                    )
                );
                if !restores {
                    self.diagnostics
                        .error("bad-undo", step.id.span, format!("`{}` changes no fields that could be restored", step.id))
                        .hint("`undo: restore` is for set_image, patch, scale and apply; say what undoes this step");
                }
            }
            Some(Undo::Action(action)) => match &**action {
                Action::Call(call) => {
                    let around = Around { list: &[], index: None, params: None, item: false, signals: true, steps: true };
                    self.call_target(call, &around, kind);
                }
                Action::Notify(notify) => self.target_named(&notify.to),
                Action::Kubernetes(_) => self.needs_cluster(step.id.span),
                _ => {}
            },
            Some(Undo::None(_)) => {}
            None => {
                let goes_back = matches!(kind, ListKind::Rollback | ListKind::Finally | ListKind::Parallel);
                if changes(&step.action) && !goes_back && step.action != Action::UndoAll && !step.point_of_no_return {
                    self.diagnostics
                        .advice("no-undo", step.id.span, format!("nothing says how `{}` is undone", step.id))
                        .hint("add `undo`: an action, `restore`, or `{none: why that is right}`; a rollback asks otherwise");
                }
            }
        }
    }

    /// A step named by a guard's `arm`.
    pub(super) fn armed_by(&mut self, arm: &Arm) {
        let Arm::Step(name) = arm else { return };
        if self.runbook.steps.iter().any(|s| s.id.value == name.value) || self.lost.contains(&name.value) {
            return;
        }
        let near = super::super::diagnostic::nearest(name, self.runbook.steps.iter().map(|s| s.id.as_str()));
        let hint = near
            .map_or_else(|| "`first-change`, `start`, or a step of the main list".to_owned(), |n| format!("did you mean `{n}`?"));
        self.diagnostics.error("unknown-step", name.span, format!("there is no step `{name}` in the main list")).hint(hint);
    }
}

/// Readings a gate only asks after.
fn judged_missing(gate: &Gate) -> Vec<&super::super::expression::Reference> {
    let judged = [&gate.pass, &gate.fail];
    judged
        .into_iter()
        .flatten()
        .flat_map(|e| e.references())
        .filter(|r| r.tested && r.path.first().is_some_and(|root| root == "signals"))
        .collect()
}
