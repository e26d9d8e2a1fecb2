//! Ending early: the running step is interrupted by its rule, the lists are left from
//! the inside out, then the rollback (or the end) begins.

use super::{
    About, At, Ending, EnteredAs, Event, FrameKind, Outcome, Session, StepEntered, StepOutcome, StepPath, Visit, end, leave,
    own_decision,
};
use crate::runbook::model::Interrupt;
use crate::session::message::StepRef;

/// What follows while a session that ends early is not yet out of its lists.
pub(super) fn next(session: &Session, at: At) -> Option<Event> {
    for visit in open_leaves(session) {
        match session.running_effect(visit) {
            Some(_) => {
                if visit.interrupt.is_none() && rule(session, visit) == Interrupt::Kill {
                    let label = "stop the running step (interrupt: kill)".to_owned();
                    return Some(own_decision(session, at, About::Interrupt, &visit.step, "kill", label));
                }
            }
            None => return Some(end(session, at, visit, outcome_of(session, visit), Some(reason(session)))),
        }
    }
    if open_leaves(session).next().is_some() {
        return None;
    }
    if let [.., frame] = session.frames.as_slice()
        && let Some(owner) = frame.owner.as_ref().and_then(|o| session.visit(o))
    {
        return Some(end(session, at, owner, StepOutcome::Interrupted, Some(reason(session))));
    }
    match &session.ending {
        Some(Ending::Rollback { cause }) if !session.was_entered("rollback") => Some(Event::StepEntered(StepEntered {
            path: StepPath::new("rollback"),
            visit: 1,
            kind: EnteredAs::Rollback,
            title: session.plan.procedure("", "rollback").and_then(|p| p.title.clone()).unwrap_or_else(|| "Roll back".to_owned()),
            item: None,
            items: None,
            with: std::collections::BTreeMap::new(),
            cause: Some(cause.clone()),
            undoes: None,
        })),
        _ => leave(session, at, session.frames.first()?),
    }
}

fn reason(session: &Session) -> String {
    match &session.ending {
        Some(Ending::Rollback { cause }) => format!("rolling back: {cause}"),
        Some(Ending::Abort { reason, .. }) => format!("aborted: {reason}"),
        None => "ended".to_owned(),
    }
}

/// How a visit ends that is left early: as its effect did, where it came to its end.
fn outcome_of(session: &Session, visit: &Visit) -> StepOutcome {
    match session.unsettled(visit).and_then(|e| e.ended.as_ref()).map(|e| e.outcome) {
        Some(Outcome::Succeeded) => StepOutcome::Done,
        Some(Outcome::Failed) => StepOutcome::Failed,
        Some(Outcome::Unknown) | None => StepOutcome::Interrupted,
    }
}

/// The open visits at the bottom of the stack: the step in hand, or several side by side.
fn open_leaves(session: &Session) -> impl Iterator<Item = &Visit> {
    let frame = session.frames.last();
    let paths = frame.into_iter().flat_map(move |f| match (&f.kind, f.at) {
        (FrameKind::Parallel, _) => {
            (0..session.plan.steps(&f.list).len()).filter_map(|i| session.path_at(f, i)).collect::<Vec<_>>()
        }
        (_, Some(at)) => session.path_at(f, at).into_iter().collect(),
        (_, None) => Vec::new(),
    });
    paths.filter_map(move |p| frame.and_then(|f| session.visit_in(f, &p))).filter(|v| v.is_open())
}

/// What the rollback does to a running step; steps of the rollback itself are asked about.
pub(in crate::session) fn rule(session: &Session, visit: &Visit) -> Interrupt {
    session.step_of(visit).map_or(Interrupt::Ask, |s| s.interrupt)
}

impl Session {
    /// The effect that runs for a visit.
    pub(in crate::session) fn running_effect(&self, visit: &Visit) -> Option<u64> {
        self.last_effect(visit).filter(|e| e.ended.is_none()).map(|e| e.intent.effect)
    }

    /// The step whose interruption must be decided on before the session can end.
    pub(in crate::session) fn to_interrupt(&self) -> Option<StepRef> {
        if self.ending.is_none() || self.ending_entered() {
            return None;
        }
        let mut running = open_leaves(self).filter(|v| self.running_effect(v).is_some());
        running.find(|v| v.interrupt.is_none() && rule(self, v) == Interrupt::Ask).map(|v| v.step.clone())
    }

    /// Effects an interruption asks to stop.
    pub fn effects_to_stop(&self) -> Vec<u64> {
        if self.ending.is_none() || self.ending_entered() {
            return Vec::new();
        }
        open_leaves(self).filter(|v| v.interrupt == Some(true)).filter_map(|v| self.running_effect(v)).collect()
    }
}
