//! What a dry run does differently, and what its outcomes are worth.
//!
//! Reads really happen, so gates and conditions see the world as it is. Changes do not,
//! so what a later step would see of them cannot be known: such steps say what is the case
//! now, wait for nothing, and are labelled [`Treatment::Unknowable`].

use super::event::{Mode, StepOutcome, Treatment, Verdict};
use super::resolve::{ActionOf, action_of, visit_changes, what_of};
use super::state::{Session, Visit};
use super::time::At;
use crate::runbook::expression::{Truth, Unknown};
use crate::runbook::model::{Action, Run, Wait};

/// A gate whose readings do not come is not waited for longer.
const GATE_MS: u64 = 30_000;
/// How a difference begins that the server did not check.
const WORKED_OUT_HERE: &str = "# worked out here";

/// Whether the session changes nothing.
pub(super) fn is_dry(session: &Session) -> bool {
    session.opened.mode == Mode::DryRun
}

/// What the outcome of a visit is worth; none outside of dry runs, and for what did
/// nothing of its own.
pub(super) fn treatment(session: &Session, visit: &Visit, outcome: StepOutcome) -> Option<Treatment> {
    if !is_dry(session) || !matches!(outcome, StepOutcome::Done | StepOutcome::Failed) {
        return None;
    }
    let after_changes = if session.changed_at.is_some() { Treatment::Unknowable } else { Treatment::Executed };
    let action = match action_of(session, visit) {
        ActionOf::List => return None,
        ActionOf::ByHand => return Some(Treatment::Simulated),
        ActionOf::Restore(_) => return Some(by_server(session, visit)),
        ActionOf::Action(action) => action,
    };
    let is_effect = matches!(action, Action::Run(_) | Action::Http(_) | Action::Kubernetes(_));
    if is_effect && visit.effects.is_empty() {
        return Some(Treatment::Unknowable);
    }
    let changes = visit_changes(session, visit);
    Some(match action {
        Action::Run(run) if changes && needs_output(run) => Treatment::Unknowable,
        Action::Http(http) if changes && !http.capture.is_empty() => Treatment::Unknowable,
        Action::Kubernetes(_) if changes => by_server(session, visit),
        Action::Run(_) | Action::Http(_) if changes => Treatment::Simulated,
        Action::Run(_) | Action::Http(_) | Action::Kubernetes(_) => Treatment::Executed,
        Action::Notify(_) | Action::Freeze { .. } | Action::Approve(_) => Treatment::Simulated,
        Action::Wait(Wait::For(_) | Wait::UntilTime { .. }) => Treatment::Simulated,
        Action::Gate(_) | Action::Wait(Wait::Until { .. }) => after_changes,
        Action::Confirm(_) | Action::Checklist(_) | Action::Input(_) | Action::Decide(_) => Treatment::Executed,
        Action::Call(_) | Action::Parallel(_) | Action::UndoAll => return None,
    })
}

/// Whether what follows, or whether it worked, depends on what a command prints.
fn needs_output(run: &Run) -> bool {
    !run.capture.is_empty() || run.expect.stdout.is_some() || run.expect.when.is_some()
}

/// The server was asked when the object was read; where it cannot say beforehand, the
/// difference that was shown says so.
fn by_server(session: &Session, visit: &Visit) -> Treatment {
    let object = session.last_effect(visit).and_then(|e| e.intent.object.as_ref());
    match object {
        Some(object) if !object.diff.starts_with(WORKED_OUT_HERE) => Treatment::CheckedByServer,
        _ => Treatment::Simulated,
    }
}

/// What a gate says now, once it has said something.
pub(super) fn gate_said(session: &Session, at: At, visit: &Visit) -> Option<String> {
    let (verdict, why) = visit.gate.last.as_ref().filter(|_| is_dry(session))?;
    let word = match verdict {
        Verdict::Pass => "would pass",
        Verdict::Fail => "would fail",
        Verdict::Inconclusive if session.clock(at) < visit.clock_ms + GATE_MS => return None,
        Verdict::Inconclusive => "could not be judged",
    };
    Some(format!("as things are now it {word}: {why}; not waited for in a dry run"))
}

/// What a wait comes to.
pub(super) fn wait_said(session: &Session, at: At, visit: &Visit, wait: &Wait) -> Option<String> {
    if !is_dry(session) {
        return None;
    }
    Some(match wait {
        Wait::For(_) | Wait::UntilTime { .. } => "not waited for in a dry run".to_owned(),
        Wait::Until { until, .. } => {
            let holds = match until.truth(&session.scope(at, &visit.context)) {
                Truth::True => "holds now",
                Truth::False => "does not hold now",
                Truth::Unknown(_) => "cannot be judged now",
            };
            format!("`{}` {holds}; not waited for in a dry run", until.source())
        }
    })
}

/// Why an effect cannot even be worked out: it needs what an earlier step would have given.
pub(super) fn cannot_be_told(session: &Session, at: At, visit: &Visit) -> Option<String> {
    let Err(Unknown(why)) = what_of(session, at, visit) else { return None };
    (is_dry(session) && session.changed_at.is_some()).then(|| format!("what it would do cannot be told in a dry run: {why}"))
}

/// Whether the operator is asked although the step only reads: commands are taken at
/// their word that they do.
pub(super) fn is_confirmed_first(session: &Session, visit: &Visit) -> bool {
    is_dry(session) && !visit_changes(session, visit) && matches!(action_of(session, visit), ActionOf::Action(Action::Run(_)))
}
