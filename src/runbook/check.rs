//! A runbook judged as a whole: everything it names exists, and is used where it may be.
//!
//! Lowering has judged each mapping by itself; here every path of every expression is
//! resolved, calls are matched with what they call, other files included, and what would
//! only show at three in the morning is said now. Reads nothing but what it is given.

mod calls;
mod document;
mod scope;
mod secrets;
mod steps;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::diagnostic::Collector;
use super::model::{Action, Environment, Kubernetes, Runbook};

pub(super) use calls::cycles;

/// A file as it was read, for the checks that look across files.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// The runbook, as far as it could be read.
    pub(super) runbook: Arc<Runbook>,
    /// Names of what could not be read in it.
    pub(super) lost: BTreeSet<String>,
}

/// All files of a bundle, by path within it.
pub(super) type Files = BTreeMap<String, File>;

/// One file being checked.
pub(super) struct Checker<'a> {
    /// Path of the file within the bundle.
    pub(super) path: &'a str,
    pub(super) runbook: &'a Runbook,
    pub(super) lost: &'a BTreeSet<String>,
    /// Its own environments, or its caller's where it has none.
    pub(super) environments: &'a [Environment],
    /// The runbook it was called from, directly or not; `None` for the root.
    pub(super) root: Option<&'a Runbook>,
    pub(super) files: &'a Files,
    pub(super) diagnostics: &'a mut Collector,
}

/// Checks one file of a bundle.
pub(super) fn file(path: &str, root: &str, files: &Files, diagnostics: &mut Collector) {
    let Some(file) = files.get(path) else { return };
    let caller = if path == root { None } else { files.get(root).map(|f| &*f.runbook) };
    let own = &file.runbook.environments;
    let environments = if own.is_empty() { caller.map_or(own, |c| &c.environments) } else { own };
    let mut checker = Checker { path, runbook: &file.runbook, lost: &file.lost, environments, root: caller, files, diagnostics };
    checker.document();
    // Advice about a file that cannot be read whole would be about what is missing in it.
    if checker.diagnostics.errors() > 0 {
        checker.diagnostics.drop_advice();
    }
}

/// Whether an action changes something in the world. A `call` changes what the steps it
/// calls change.
pub fn changes(action: &Action) -> bool {
    match action {
        Action::Run(run) => !run.reads_only,
        Action::Kubernetes(k) => !matches!(k, Kubernetes::RolloutStatus { .. }),
        Action::Http(http) => !matches!(http.method.as_str(), "GET" | "HEAD"),
        Action::UndoAll | Action::Freeze { .. } => true,
        Action::Parallel(steps) => steps.iter().any(|s| changes(&s.action)),
        Action::Confirm(_)
        | Action::Checklist(_)
        | Action::Input(_)
        | Action::Decide(_)
        | Action::Approve(_)
        | Action::Gate(_)
        | Action::Wait(_)
        | Action::Notify(_)
        | Action::Call(_) => false,
    }
}
