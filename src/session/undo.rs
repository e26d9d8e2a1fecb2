//! What a rollback would undo, last first.
//!
//! A visit is to be undone when it changed something, may have changed something (its
//! outcome is unknown), or was done and says how it is undone. A change known not to
//! have happened is not undone. A `call` that says itself how it is undone answers for
//! everything below it.

use super::event::{EnteredAs, StepOutcome};
use super::intent::Purpose;
use super::message::StepRef;
use super::path::StepPath;
use super::state::{Effect, Session, Visit};
use super::view::UndoItem;
use crate::runbook::model::{Action, Undo};

/// The visits to undo, in the order they are undone.
pub(super) fn targets(session: &Session) -> Vec<StepRef> {
    let mut found: Vec<StepRef> = Vec::new();
    for step in session.order.iter().rev() {
        let Some(visit) = session.visit(step) else { continue };
        // What the rollback itself does is not undone by it.
        let of_rollback = step.path.is_within(&StepPath::new("rollback"));
        if visit.kind == EnteredAs::Step && !visit.undone && !of_rollback && needs_undoing(session, visit) {
            found.push(step.clone());
        }
    }
    // A call is entered before what it calls, so it is known only now.
    let whole = found.clone();
    found.retain(|step| !below_an_undone(session, &whole, step));
    found
}

/// Whether a call that is undone as a whole already answers for this step.
fn below_an_undone(session: &Session, found: &[StepRef], step: &StepRef) -> bool {
    found.iter().any(|f| {
        f.path != step.path
            && step.path.is_within(&f.path)
            && session.visit(f).and_then(|v| session.step_of(v)).is_some_and(|s| matches!(s.action, Action::Call(_)))
    })
}

fn needs_undoing(session: &Session, visit: &Visit) -> bool {
    let Some(step) = session.step_of(visit) else { return false };
    if matches!(step.undo, Some(Undo::None(_))) {
        return false;
    }
    let touched = visit.effects.iter().filter_map(|e| session.effects.get(e)).any(may_have_changed);
    let done = matches!(visit.outcome(), Some(StepOutcome::Done));
    match step.action {
        Action::Call(_) => step.undo.is_some() && (done || called_something(session, visit)),
        _ => touched || (done && matches!(step.undo, Some(Undo::Action(_))) && visit.effects.is_empty()),
    }
}

/// Whether anything below a call may have changed something.
fn called_something(session: &Session, visit: &Visit) -> bool {
    session.effects.values().any(|e| e.intent.path.is_within(&visit.step.path) && may_have_changed(e))
}

/// Whether an effect of a step changed something, or may have.
fn may_have_changed(effect: &Effect) -> bool {
    if !effect.intent.changes || effect.intent.purpose != Purpose::Step {
        return false;
    }
    match (&effect.settled, &effect.ended) {
        (Some((done, _)), _) => *done,
        (None, Some(ended)) => ended.changed != Some(false),
        (None, None) => true,
    }
}

impl Session {
    /// "If you stop now": what a rollback would do, last first.
    pub fn if_stopped(&self) -> Vec<UndoItem> {
        targets(self)
            .into_iter()
            .filter_map(|step| {
                let visit = self.visit(&step)?;
                let definition = self.step_of(visit)?;
                let (text, idle) = match &definition.undo {
                    Some(Undo::Action(action)) => (super::resolve::describe(self, visit, action), false),
                    Some(Undo::Restore) if is_apply(&definition.action) => (made(visit, self, &definition.id), false),
                    Some(Undo::Restore) => (format!("put back what {} changed", definition.id), false),
                    Some(Undo::None(why)) => (format!("nothing: {why}"), true),
                    None => ("by hand: the runbook does not say how".to_owned(), false),
                };
                Some(UndoItem { step, text: format!("{}: {text}", visit.title), idle })
            })
            .collect()
    }
}

fn is_apply(action: &Action) -> bool {
    matches!(action, Action::Kubernetes(crate::runbook::model::Kubernetes::Apply { .. }))
}

/// What putting back an `apply` does: an object that there was before gets its fields back,
/// one that the session made is deleted, which has to be said. The state that was read
/// before tells which are which.
fn made(visit: &Visit, session: &Session, id: &str) -> String {
    const MADE: &str = ": is made";
    let seen = visit.effects.iter().rev().find_map(|e| session.effects.get(e)?.intent.object.as_ref());
    let Some(seen) = seen else {
        return format!("put back what {id} changed, and DELETE the objects that it made");
    };
    let made: Vec<&str> = seen.diff.lines().filter_map(|line| line.strip_prefix("# ")?.strip_suffix(MADE)).collect();
    if made.is_empty() {
        return format!("put back what {id} changed");
    }
    format!("put back what {id} changed, and DELETE what it made: {}", made.join(", "))
}
