//! check

use super::model::{Action, Kubernetes};

/// Whether an action changes something in the world.
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
