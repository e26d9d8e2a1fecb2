//! From a step's path, as journals and scenarios write it, to its place in the plan; and
//! the names in a scenario that lead nowhere.

use std::fmt;

use crate::runbook::model::{Action, Runbook, Step};
use crate::session::Plan;
use crate::session::plan::{ListId, ListRef, Site};
use crate::world::Scenario;
use crate::world::scenario::Trigger;

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// To a step, or a pass of it.
    Step(Site),
    /// To a list entered as a whole: `rollback`, `finally`, `step!procedure`.
    List(ListRef),
    /// Below an `undo: all`, where the paths of what is undone stand again.
    Undo,
}

/// Finds the place of a path. Items of a `for_each` are not compared: they may come from
/// an expression.
pub(super) fn find(plan: &Plan, path: &str) -> Option<Place> {
    let root = |list| ListRef { file: String::new(), list };
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let list = match first {
        "rollback" => Some(root(ListId::Procedure("rollback".to_owned()))),
        "finally" => Some(root(ListId::Finally)),
        other => {
            let procedure = other.strip_prefix("guard:").and_then(|o| o.split_once('!'));
            procedure.map(|(_, id)| root(ListId::Procedure(id.to_owned())))
        }
    };
    match (list, rest) {
        (Some(list), None) => Some(Place::List(list)),
        // Without a procedure `rollback` everything is undone, right below it.
        (Some(_), Some(_)) if first == "rollback" && !plan.has_rollback_procedure() => Some(Place::Undo),
        (Some(list), Some(rest)) => below(plan, list, rest),
        (None, _) => below(plan, root(ListId::Main), path),
    }
}

fn below(plan: &Plan, list: ListRef, path: &str) -> Option<Place> {
    let (segment, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (step, procedure) = segment.split_once('!').map_or((segment, None), |(step, p)| (step, Some(p)));
    let id = step.split_once('[').map_or(step, |(id, _)| id);
    let index = plan.steps(&list).iter().position(|s| s.id.value == id)?;
    let site = Site { list, index };
    if let Some(procedure) = procedure {
        let file = site.list.file.clone();
        plan.procedure(&file, procedure)?;
        let list = ListRef { file, list: ListId::Procedure(procedure.to_owned()) };
        return rest.map_or(Some(Place::List(list.clone())), |rest| below(plan, list, rest));
    }
    let Some(rest) = rest else { return Some(Place::Step(site)) };
    match &plan.step(&site)?.action {
        Action::Call(call) => below(plan, plan.call_target(&site.list.file, &call.target), rest),
        Action::Parallel(_) => below(plan, parallel(site), rest),
        Action::UndoAll => Some(Place::Undo),
        _ => None,
    }
}

/// The children of a `parallel` step as a list.
pub(super) fn parallel(site: Site) -> ListRef {
    ListRef { file: site.list.file.clone(), list: ListId::Parallel(Box::new(site)) }
}

/// What a name in a scenario is a name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A step, by its path.
    Step,
    /// A signal whose command the scenario answers.
    Signal,
    /// A guard.
    Guard,
    /// An input.
    Input,
}

/// A name in a scenario that its runbook does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// The key of the scenario it stands under.
    pub place: &'static str,
    /// What it would be a name of.
    pub of: Named,
    /// The name as written.
    pub name: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Step => "step",
            Self::Signal => "signal",
            Self::Guard => "guard",
            Self::Input => "input",
        })
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names the {} `{}`, which the runbook does not have", self.place, self.of, self.name)
    }
}

/// The names in a scenario that the runbook does not know. An answer or an expectation
/// about a step that was renamed would otherwise be passed over in silence.
pub(super) fn unknown_names(plan: &Plan, scenario: &Scenario) -> Vec<UnknownName> {
    let runbook: &Runbook = plan.runbook();
    let mut wrong = Vec::new();
    let mut judge = |known: bool, place: &'static str, of: Named, name: &str| {
        if !known {
            wrong.push(UnknownName { place, of, name: name.to_owned() });
        }
    };
    let mut step = |place: &'static str, path: &str| judge(find(plan, path).is_some(), place, Named::Step, path);
    scenario.answers.steps.keys().for_each(|path| step("answers.steps", path));
    scenario.approvals.keys().for_each(|path| step("approvals", path));
    for event in &scenario.events {
        if let Trigger::After(path) | Trigger::During(path) = &event.trigger {
            step("events", path);
        }
    }
    scenario.expect.path.iter().flatten().for_each(|path| step("expect.path", path));
    for path in scenario.commands.keys() {
        match path.strip_prefix("signals.") {
            Some(name) => {
                let known = runbook.signals.iter().any(|signal| signal.name.value == name);
                judge(known, "commands", Named::Signal, path);
            }
            None => judge(find(plan, path).is_some(), "commands", Named::Step, path),
        }
    }
    let mut guard = |place: &'static str, id: &str| {
        judge(runbook.guards.iter().any(|g| g.id.value == id), place, Named::Guard, id);
    };
    scenario.answers.guards.keys().for_each(|id| guard("answers.guards", id));
    scenario.expect.guards.iter().flatten().for_each(|id| guard("expect.guards", id));
    for name in scenario.inputs.keys() {
        judge(runbook.inputs.iter().any(|i| i.name.value == *name), "inputs", Named::Input, name);
    }
    wrong
}

/// A step's id, and that of the `parallel` around it, as people would look for it.
pub(super) fn name_of(plan: &Plan, list: &ListRef, step: &Step) -> String {
    let file = if list.file.is_empty() { String::new() } else { format!("{}: ", list.file) };
    let within = match &list.list {
        ListId::Main => String::new(),
        ListId::Finally => "finally/".to_owned(),
        ListId::Procedure(id) => format!("{id}/"),
        ListId::Parallel(site) => plan.step(site).map_or_else(String::new, |s| format!("{}/", s.id)),
    };
    format!("{file}{within}{}", step.id)
}
