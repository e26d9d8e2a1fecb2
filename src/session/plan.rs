//! The runbook as a session walks it: the root file, the files it calls and the chosen
//! environment. Finds lists and steps by where they stand; knows which kinds of step
//! this version can run.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::runbook::Runbook;
use crate::runbook::model::{Action, CallTarget, Environment, Kubernetes, Procedure, Step};

/// What a session walks. Never changes while it lives.
#[derive(Debug, Clone)]
pub struct Plan {
    root: Arc<Runbook>,
    files: BTreeMap<String, Arc<Runbook>>,
    environment: Option<usize>,
}

/// A list of steps: a file (empty for the root) and a list within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRef {
    /// Path of the file relative to the root's folder, empty for the root itself.
    pub file: String,
    /// Which list.
    pub list: ListId,
}

/// The lists of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListId {
    /// `steps`.
    Main,
    /// `finally`.
    Finally,
    /// A procedure, by id.
    Procedure(String),
    /// The children of a `parallel` step.
    Parallel(Box<Site>),
}

/// A step's place in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its list.
    pub list: ListRef,
    /// Its index there.
    pub index: usize,
}

/// Why a plan cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// `--env` names nothing.
    #[error("there is no environment `{name}`; the runbook has {known}")]
    NoSuchEnvironment {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// Several environments, none chosen.
    #[error("the runbook has several environments ({known}); choose one with --env")]
    ChooseEnvironment {
        /// The names there are.
        known: String,
    },
}

/// A step or signal this version cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// Where: `steps.approve`, `signals.logs`.
    pub place: String,
    /// What and why, for people.
    pub why: String,
}

impl Plan {
    /// Puts a checked runbook, its called files and an environment together.
    ///
    /// # Errors
    /// When the environment does not exist, or must be chosen.
    pub fn new(root: Arc<Runbook>, files: BTreeMap<String, Arc<Runbook>>, environment: Option<&str>) -> Result<Self, PlanError> {
        let known = || root.environments.iter().map(|e| e.name.value.as_str()).collect::<Vec<_>>().join(", ");
        let environment = match (environment, root.environments.len()) {
            (None, 0) => None,
            (None, 1) => Some(0),
            (None, _) => return Err(PlanError::ChooseEnvironment { known: known() }),
            (Some(""), 0) => None,
            (Some(name), _) => match root.environments.iter().position(|e| e.name.value == name) {
                Some(index) => Some(index),
                None => return Err(PlanError::NoSuchEnvironment { name: name.to_owned(), known: known() }),
            },
        };
        Ok(Self { root, files, environment })
    }

    /// The root runbook.
    pub fn runbook(&self) -> &Runbook {
        &self.root
    }

    /// All runbook files, the root first under the empty path.
    pub fn runbooks(&self) -> impl Iterator<Item = (&str, &Runbook)> {
        std::iter::once(("", &*self.root)).chain(self.files.iter().map(|(path, runbook)| (path.as_str(), &**runbook)))
    }

    /// The chosen environment.
    pub fn environment(&self) -> Option<&Environment> {
        self.environment.and_then(|index| self.root.environments.get(index))
    }

    /// The runbook of a file; the root for the empty path.
    pub fn file(&self, file: &str) -> Option<&Runbook> {
        if file.is_empty() { Some(&self.root) } else { self.files.get(file).map(AsRef::as_ref) }
    }

    /// The steps of a list; empty where there is no such list.
    pub fn steps(&self, list: &ListRef) -> &[Step] {
        let Some(runbook) = self.file(&list.file) else { return &[] };
        match &list.list {
            ListId::Main => &runbook.steps,
            ListId::Finally => &runbook.finally,
            ListId::Procedure(id) => self.procedure(&list.file, id).map_or(&[], |p| &p.steps),
            ListId::Parallel(site) => match self.step(site).map(|s| &s.action) {
                Some(Action::Parallel(children)) => children,
                _ => &[],
            },
        }
    }

    /// The step at a place.
    pub fn step(&self, site: &Site) -> Option<&Step> {
        self.steps(&site.list).get(site.index)
    }

    /// A procedure of a file.
    pub fn procedure(&self, file: &str, id: &str) -> Option<&Procedure> {
        self.file(file)?.procedures.iter().find(|p| p.id.value == id)
    }

    /// The list a `call` leads to, seen from a file.
    pub fn call_target(&self, from: &str, target: &CallTarget) -> ListRef {
        match target {
            CallTarget::Procedure(id) => ListRef { file: from.to_owned(), list: ListId::Procedure(id.value.clone()) },
            CallTarget::File { path, procedure } => ListRef {
                file: join(from, path),
                list: procedure.as_ref().map_or(ListId::Main, |p| ListId::Procedure(p.clone())),
            },
        }
    }

    /// Whether the root runbook names how it is rolled back.
    pub fn has_rollback_procedure(&self) -> bool {
        self.procedure("", "rollback").is_some()
    }

    /// Everything in the plan this version cannot run. Not empty: the session
    /// must not start, because a step that cannot run would otherwise be skipped.
    pub fn unsupported(&self) -> Vec<Unsupported> {
        let mut found = Vec::new();
        let files = std::iter::once(("", &self.root)).chain(self.files.iter().map(|(k, v)| (k.as_str(), v)));
        for (file, runbook) in files {
            let lists = [("steps", &runbook.steps), ("finally", &runbook.finally)]
                .into_iter()
                .map(|(n, l)| (n.to_owned(), l))
                .chain(runbook.procedures.iter().map(|p| (format!("procedures.{}", p.id), &p.steps)));
            for (name, steps) in lists {
                let place = if file.is_empty() { name } else { format!("{file}: {name}") };
                for step in steps {
                    unsupported_in(step, &format!("{place}.{}", step.id), false, &mut found);
                }
            }
        }
        found
    }
}

/// `path` as written in `from`, relative to the root's folder, without `.` and `..`.
pub(super) fn join(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').filter(|p| !p.is_empty()).collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

/// The key an action has in the format.
pub fn action_kind(action: &Action) -> &'static str {
    match action {
        Action::Confirm(_) => "confirm",
        Action::Checklist(_) => "checklist",
        Action::Input(_) => "input",
        Action::Decide(_) => "decide",
        Action::Approve(_) => "approve",
        Action::Run(_) => "run",
        Action::Kubernetes(_) => "kubernetes",
        Action::Http(_) => "http",
        Action::Gate(_) => "gate",
        Action::Wait(_) => "wait",
        Action::Notify(_) => "notify",
        Action::Call(_) => "call",
        Action::Parallel(_) => "parallel",
        Action::UndoAll => "undo: all",
        Action::Freeze { .. } => "freeze",
    }
}

/// Whether an action can change the world, by what the format says of it. A message is
/// not a change: it is never undone, and never asked about when its fate is unknown.
pub fn changes(action: &Action) -> bool {
    match action {
        Action::Run(run) => !run.reads_only,
        Action::Http(http) => !matches!(http.method.as_str(), "GET" | "HEAD"),
        Action::Kubernetes(k) => !matches!(k, Kubernetes::RolloutStatus { .. }),
        Action::Freeze { .. } => true,
        _ => false,
    }
}

fn unsupported_in(step: &Step, place: &str, in_parallel: bool, found: &mut Vec<Unsupported>) {
    if in_parallel
        && (step.for_each.is_some()
            || step.repeat.is_some()
            || !matches!(
                step.action,
                Action::Run(_)
                    | Action::Http(_)
                    | Action::Gate(_)
                    | Action::Wait(_)
                    | Action::Kubernetes(Kubernetes::RolloutStatus { .. })
            ))
    {
        let why = format!("`{}` cannot run inside `parallel` in this version", action_kind(&step.action));
        found.push(Unsupported { place: place.to_owned(), why });
    }
    if let Action::Parallel(children) = &step.action {
        for child in children {
            unsupported_in(child, &format!("{place}.{}", child.id), true, found);
        }
    }
}
