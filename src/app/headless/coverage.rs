//! What the scenarios of a runbook rehearse between them, and what none of them does.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use super::Seen;
use super::places::{self, Place};
use crate::runbook::load::Bundle;
use crate::runbook::model::{Action, ConfirmNo, OnFailure, OptionThen, Step};
use crate::session::Plan;
use crate::session::plan::{ListId, ListRef, Site};

/// What was rehearsed of a runbook.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Coverage {
    /// Steps entered by any scenario.
    pub reached: usize,
    /// Steps there are, those of called files and of `parallel` included.
    pub steps: usize,
    /// What no scenario does, in the order of the file.
    pub never: Vec<Never>,
}

/// Something no scenario does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Never {
    /// A step that is never entered, of a list that is.
    Step(String),
    /// A procedure that is never entered.
    Procedure(String),
    /// An option of a `decide` step that is never chosen.
    Option {
        /// The step.
        step: String,
        /// The option's key.
        key: char,
        /// Its label.
        label: String,
    },
    /// A guard that never trips.
    Guard(String),
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(name) => write!(f, "step {name}"),
            Self::Procedure(name) => write!(f, "procedure {name}"),
            Self::Option { step, key, label } => write!(f, "option {key} ({label}) of {step}"),
            Self::Guard(id) => write!(f, "guard {id}"),
        }
    }
}

/// What several walks of one runbook saw between them.
pub fn coverage<'a>(bundle: &Bundle, walks: impl IntoIterator<Item = &'a Seen>) -> Coverage {
    let environment = bundle.root.environments.first().map(|e| e.name.value.as_str());
    // The steps are the same in every environment, and the first one exists.
    match Plan::new(bundle.root.clone(), bundle.called.clone(), environment) {
        Ok(plan) => of_plan(&plan, walks),
        Err(_) => Coverage::default(),
    }
}

fn of_plan<'a>(plan: &Plan, walks: impl IntoIterator<Item = &'a Seen>) -> Coverage {
    let mut entered = Vec::new();
    let mut chosen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut guards: BTreeSet<&str> = BTreeSet::new();
    for seen in walks {
        for path in &seen.entered {
            match places::find(plan, path) {
                Some(Place::Step(site)) if !entered.contains(&site) => entered.push(site),
                _ => {}
            }
        }
        for (path, key) in &seen.chosen {
            if let Some(name) = name_at(plan, path) {
                chosen.insert((name, key.clone()));
            }
        }
        guards.extend(seen.guards.iter().map(String::as_str));
    }
    let mut result = Coverage { reached: entered.len(), steps: 0, never: Vec::new() };
    for list in lists(plan) {
        let steps = plan.steps(&list);
        result.steps += steps.len();
        let site = |index| Site { list: list.clone(), index };
        if let ListId::Procedure(id) = &list.list
            && !(0..steps.len()).any(|index| entered.contains(&site(index)))
        {
            let file = if list.file.is_empty() { String::new() } else { format!("{}#", list.file) };
            result.never.push(Never::Procedure(format!("{file}{id}")));
            continue;
        }
        for (index, step) in steps.iter().enumerate() {
            let name = places::name_of(plan, &list, step);
            if !entered.contains(&site(index)) {
                result.never.push(Never::Step(name));
            } else if let Action::Decide(decide) = &step.action {
                let open = decide.options.iter().filter(|o| !chosen.contains(&(name.clone(), o.key.value.to_string())));
                result.never.extend(open.map(|o| Never::Option {
                    step: name.clone(),
                    key: o.key.value,
                    label: o.label.source().to_owned(),
                }));
            }
        }
    }
    let quiet = plan.runbook().guards.iter().filter(|g| !guards.contains(g.id.value.as_str()));
    result.never.extend(quiet.map(|g| Never::Guard(g.id.value.clone())));
    result
}

fn name_at(plan: &Plan, path: &str) -> Option<String> {
    let Place::Step(site) = places::find(plan, path)? else { return None };
    Some(places::name_of(plan, &site.list, plan.step(&site)?))
}

/// All lists a walk can come to: those of the root, and of called files what is called.
fn lists(plan: &Plan) -> Vec<ListRef> {
    let root = |list| ListRef { file: String::new(), list };
    let procedures = plan.runbook().procedures.iter().map(|p| root(ListId::Procedure(p.id.value.clone())));
    let mut open: VecDeque<ListRef> = [root(ListId::Main)].into_iter().chain(procedures).chain([root(ListId::Finally)]).collect();
    let mut found: Vec<ListRef> = Vec::new();
    while let Some(list) = open.pop_front() {
        if found.contains(&list) {
            continue;
        }
        for (index, step) in plan.steps(&list).iter().enumerate() {
            if let Action::Call(call) = &step.action {
                open.push_back(plan.call_target(&list.file, &call.target));
            }
            if matches!(step.action, Action::Parallel(_)) {
                open.push_back(places::parallel(Site { list: list.clone(), index }));
            }
            let named =
                procedures_of(step).into_iter().map(|id| ListRef { file: list.file.clone(), list: ListId::Procedure(id) });
            open.extend(named.filter(|l| !l.file.is_empty()));
        }
        found.push(list);
    }
    found
}

/// Procedures of its own file that a step may lead to by an answer or a failure.
fn procedures_of(step: &Step) -> Vec<String> {
    let mut names = Vec::new();
    match &step.action {
        Action::Confirm(confirm) => {
            if let ConfirmNo::Procedure(id) = &confirm.no {
                names.push(id.value.clone());
            }
        }
        Action::Decide(decide) => names.extend(decide.options.iter().filter_map(|o| match &o.then {
            OptionThen::Call(id) => Some(id.value.clone()),
            OptionThen::Continue | OptionThen::Next(_) => None,
        })),
        _ => {}
    }
    if let OnFailure::Call { procedure, .. } = &step.on_failure {
        names.push(procedure.value.clone());
    }
    names
}
