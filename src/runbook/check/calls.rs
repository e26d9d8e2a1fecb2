//! Calls: what is called exists, gets what it needs, and does not come back to itself.

use super::super::diagnostic::{Collector, nearest};
use super::super::load::beside;
use super::super::lower::refuses;
use super::super::model::{
    Action, Call, CallTarget, ConfirmNo, GuardAction, Input, OnFailure, OptionThen, Runbook, Step, TemplateValue, Undo,
};
use super::super::span::{Span, Spanned};
use super::scope::{Around, holds_secret};
use super::steps::ListKind;
use super::{Checker, Files, secrets};

impl<'a> Checker<'a> {
    /// A call, with what it passes.
    pub(super) fn call(&mut self, call: &'a Call, around: &Around<'a>, kind: ListKind) {
        self.call_target(call, around, kind);
    }

    /// Checks the target of a call and what it gets.
    pub(super) fn call_target(&mut self, call: &Call, around: &Around, kind: ListKind) {
        match &call.target {
            CallTarget::Procedure(name) => {
                let Some(procedure) = self.runbook.procedures.iter().find(|p| p.id.value == name.value) else {
                    self.procedure_named(name, kind, "call");
                    return;
                };
                self.rollback_here(name, kind);
                self.arguments(call, name.span, "the procedure", &procedure.params, around);
            }
            CallTarget::File { path, procedure } => {
                let Some(file) = beside(self.path, path).and_then(|p| self.files.get(&p)) else { return };
                self.signals_of(&file.runbook, path.span);
                match procedure {
                    None => self.arguments(call, path.span, "the runbook", &file.runbook.inputs, around),
                    Some(name) => match file.runbook.procedures.iter().find(|p| p.id.value == *name) {
                        Some(procedure) => self.arguments(call, path.span, "the procedure", &procedure.params, around),
                        None if file.lost.contains(name) => {}
                        None => {
                            let near = nearest(name, file.runbook.procedures.iter().map(|p| p.id.as_str()));
                            self.diagnostics
                                .error("unknown-procedure", path.span, format!("`{path}` has no procedure `{name}`"))
                                .maybe_hint(near.map(|n| format!("did you mean `{n}`?")));
                        }
                    },
                }
            }
        }
    }

    /// A called file is watched by its caller's panels: it can judge only what those show.
    fn signals_of(&mut self, called: &Runbook, span: Span) {
        let root = self.root.unwrap_or(self.runbook);
        for signal in &called.signals {
            if !root.signals.iter().any(|s| s.name.value == signal.name.value && s.source == signal.source) {
                self.diagnostics
                    .error(
                        "unknown-signal",
                        span,
                        format!("the called file watches `{}`, and this runbook does not", signal.name),
                    )
                    .hint("a called file runs with the signals of its caller: add the same signal here");
            }
        }
    }

    /// What a call passes, against what is asked for.
    fn arguments(&mut self, call: &Call, span: Span, what: &str, params: &[Input], around: &Around) {
        for (name, value) in &call.with {
            match params.iter().find(|p| p.name.value == name.value) {
                Some(param) => self.argument_fits(param, name, value, around),
                None if params.is_empty() => {
                    self.diagnostics
                        .error("unknown-argument", name.span, format!("{what} takes no arguments"))
                        .hint("take `with` out");
                }
                None => {
                    let names = params.iter().map(|p| p.name.as_str());
                    let hint = nearest(name, names.clone()).map_or_else(
                        || format!("it takes {}", names.collect::<Vec<_>>().join(", ")),
                        |n| format!("did you mean `{n}`?"),
                    );
                    self.diagnostics.error("unknown-argument", name.span, format!("{what} takes no `{name}`")).hint(hint);
                }
            }
        }
        let given = |p: &&Input| call.with.iter().any(|(name, _)| name.value == p.name.value);
        let missing: Vec<_> = params.iter().filter(needed).filter(|p| !given(p)).map(|p| format!("`{}`", p.name)).collect();
        if !missing.is_empty() {
            self.diagnostics
                .error("missing-argument", span, format!("{what} needs {}", missing.join(" and ")))
                .hint("pass it beside `call`: `with: {name: value}`");
        }
    }

    fn argument_fits(&mut self, param: &Input, name: &Spanned<String>, value: &TemplateValue, around: &Around) {
        let secret = holds_secret(param);
        let literal = match value {
            TemplateValue::Literal(value) => Some(value.clone()),
            TemplateValue::Template(t) if t.is_literal() => Some(t.source().into()),
            _ => None,
        };
        if secret && !secrets::passes_secret(self.runbook, around, value) {
            self.diagnostics
                .error("secret-in-file", name.span, format!("`{name}` is a secret and gets something that is none"))
                .hint("pass a secret input as it is: `\"${{ inputs.token }}\"`");
        } else if let Some(why) = literal.and_then(|v| refuses(param, &v)) {
            self.diagnostics.error("bad-argument", name.span, format!("`{name}` would not be accepted: {why}"));
        }
        if !secret {
            value.each_template(&mut |template| {
                for reference in template.expressions().flat_map(|e| e.references()).filter(|r| !r.tested) {
                    if secrets::is_secret(self.runbook, around, &reference.path) {
                        secrets::report(self.diagnostics, reference.span, &reference.to_string(), super::uses::Place::With);
                    }
                }
            });
        }
    }

    /// A procedure named where nothing can be passed to it. `rollback` is always there.
    pub(super) fn procedure_named(&mut self, name: &Spanned<String>, kind: ListKind, key: &str) {
        self.rollback_here(name, kind);
        match self.runbook.procedures.iter().find(|p| p.id.value == name.value) {
            Some(procedure) => {
                let missing: Vec<_> = procedure.params.iter().filter(needed).map(|p| format!("`{}`", p.name)).collect();
                if !missing.is_empty() && key != "call" {
                    self.diagnostics
                        .error(
                            "missing-argument",
                            name.span,
                            format!("the procedure needs {}, and gets nothing here", missing.join(" and ")),
                        )
                        .hint("give its parameters a default");
                } else if !missing.is_empty() {
                    self.diagnostics
                        .error("missing-argument", name.span, format!("the procedure needs {}", missing.join(" and ")))
                        .hint("an option passes nothing: give its parameters a default");
                }
            }
            None if name.value == "rollback" || self.lost.contains(&name.value) => {}
            None => {
                let names = self.runbook.procedures.iter().map(|p| p.id.as_str()).chain(["rollback"]);
                let words: &[&str] = match key {
                    "on_failure" => &["ask", "retry", "continue", "abort"],
                    "no" => &["hold", "abort"],
                    "then" => &["hold"],
                    _ => &[],
                };
                let near = nearest(name, names.chain(words.iter().copied()));
                self.diagnostics
                    .error("unknown-procedure", name.span, format!("there is no procedure `{name}`"))
                    .maybe_hint(near.map(|n| format!("did you mean `{n}`?")));
            }
        }
    }

    /// The rollback is entered once, and from the walk.
    fn rollback_here(&mut self, name: &Spanned<String>, kind: ListKind) {
        if name.value != "rollback" {
            return;
        }
        let why = match kind {
            ListKind::Rollback => "this is the rollback itself",
            ListKind::Finally => "`finally` runs after a rollback",
            ListKind::Main | ListKind::Procedure | ListKind::Parallel => return,
        };
        self.diagnostics
            .error("rollback-here", name.span, format!("the rollback cannot be entered here: {why}"))
            .hint("let it ask (`on_failure: ask`), or go on (`continue`)");
    }
}

/// A parameter that must be passed.
fn needed(param: &&Input) -> bool {
    param.required && param.default.is_none()
}

/// A list of steps in a bundle: a file, and a procedure of it or its main list.
type Place = (String, Option<String>);

/// Reports calls that come back to where they are, across files, each where it would.
pub(in crate::runbook) fn cycles(files: &Files, collectors: &mut std::collections::BTreeMap<String, Collector>) {
    let places: Vec<Place> = files
        .iter()
        .flat_map(|(path, file)| {
            let procedures = file.runbook.procedures.iter().map(|p| Some(p.id.value.clone()));
            std::iter::once(None).chain(procedures).map(|p| (path.clone(), p))
        })
        .collect();
    let mut done: std::collections::BTreeSet<Place> = std::collections::BTreeSet::new();
    for place in &places {
        let mut walk = Walk { files, done: &mut done, trail: Vec::new(), collectors };
        walk.enter(place);
    }
}

struct Walk<'a> {
    files: &'a Files,
    done: &'a mut std::collections::BTreeSet<Place>,
    trail: Vec<Place>,
    collectors: &'a mut std::collections::BTreeMap<String, Collector>,
}

impl Walk<'_> {
    fn enter(&mut self, place: &Place) {
        // Files call files at most as deep as there are lists, and the trail holds each once.
        if self.done.contains(place) || self.trail.len() > 200 {
            return;
        }
        self.trail.push(place.clone());
        let calls = self.files.get(&place.0).map(|file| calls_from(&file.runbook, place)).unwrap_or_default();
        for (target, span) in calls {
            if let Some(start) = self.trail.iter().position(|p| *p == target) {
                let names: Vec<_> = self.trail[start..].iter().chain([&target]).map(name_of).collect();
                if let Some(collector) = self.collectors.get_mut(&place.0) {
                    collector
                        .error("call-cycle", span, format!("this call comes back to itself: {}", names.join(" → ")))
                        .hint("a loop is written with `repeat` or `for_each`");
                }
            } else {
                self.enter(&target);
            }
        }
        self.trail.pop();
        self.done.insert(place.clone());
    }
}

fn name_of(place: &Place) -> String {
    place.1.clone().unwrap_or_else(|| place.0.clone())
}

/// Everything a list may call, and where it does.
fn calls_from(runbook: &Runbook, place: &Place) -> Vec<(Place, Span)> {
    let mut found = Vec::new();
    let mut add = |name: &Spanned<String>| {
        // Entering the rollback ends the list it is entered from: no coming back.
        if name.value != "rollback" {
            found.push(((place.0.clone(), Some(name.value.clone())), name.span));
        }
    };
    let mut calls = Vec::new();
    let steps: Vec<&Step> = match &place.1 {
        Some(id) => runbook.procedures.iter().filter(|p| p.id.value == *id).flat_map(|p| &p.steps).collect(),
        None => runbook.steps.iter().chain(&runbook.finally).collect(),
    };
    if place.1.is_none() {
        for guard in &runbook.guards {
            if let GuardAction::Procedure(name) = &guard.then {
                add(name);
            }
        }
    }
    for step in steps {
        if let OnFailure::Call { procedure, .. } = &step.on_failure {
            add(procedure);
        }
        let undo = match &step.undo {
            Some(Undo::Action(action)) => Some(&**action),
            _ => None,
        };
        for action in std::iter::once(&step.action).chain(undo) {
            match action {
                Action::Call(call) => match &call.target {
                    CallTarget::Procedure(name) => add(name),
                    CallTarget::File { path, procedure } => calls.push((path, procedure)),
                },
                Action::Confirm(confirm) => {
                    if let ConfirmNo::Procedure(name) = &confirm.no {
                        add(name);
                    }
                }
                Action::Decide(decide) => {
                    for option in &decide.options {
                        if let OptionThen::Call(name) = &option.then {
                            add(name);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    for (path, procedure) in calls {
        if let Some(target) = beside(&place.0, path) {
            found.push(((target, procedure.clone()), path.span));
        }
    }
    found
}

/// The procedures of a file that something in it names.
pub(super) fn named_procedures(runbook: &Runbook) -> std::collections::BTreeSet<String> {
    let lists = std::iter::once(None).chain(runbook.procedures.iter().map(|p| Some(p.id.value.clone())));
    lists.flat_map(|list| calls_from(runbook, &(String::new(), list))).filter_map(|((_, procedure), _)| procedure).collect()
}
