//! Guards: when they are armed, when they trip, and what they do when nobody answers.

use super::{
    About, Arm, At, DecisionMade, Event, GuardAction, GuardArmed, GuardExpiry, GuardTripped, Session, Starter, StepOutcome,
    StepPath, Truth, Visit, enter_procedure, millis,
};
use crate::runbook::model::Guard;
use crate::session::state::GuardProgress;

/// What follows for the guards.
pub(super) fn next(session: &Session, at: At) -> Option<Event> {
    // During a rollback, and at the end, guards show and do not act.
    if session.ending.is_some() || session.was_entered("finally") {
        return None;
    }
    let guards = || session.plan.runbook().guards.iter().zip(&session.guards);
    guards()
        .find_map(|(guard, progress)| arm(session, guard, progress))
        .or_else(|| {
            guards().find_map(|(guard, progress)| match &progress.tripped {
                None => trip(session, at, guard, progress),
                Some(tripped) => answer(session, at, guard, tripped.at_ms),
            })
        })
        .or_else(|| guards().find_map(|(guard, progress)| procedure(session, guard, progress)))
}

fn arm(session: &Session, guard: &Guard, progress: &GuardProgress) -> Option<Event> {
    let due = !progress.armed
        && match &guard.arm {
            Arm::Start => true,
            Arm::FirstChange => session.changed_at.is_some(),
            Arm::Step(step) => session.visits.contains_key(&StepPath::new(step.value.as_str())),
        };
    due.then(|| Event::GuardArmed(GuardArmed { guard: guard.id.value.clone() }))
}

/// When an armed guard trips if nothing changes (session clock).
pub(in crate::session) fn trips_at(guard: &Guard, progress: &GuardProgress) -> Option<u64> {
    let since = progress.true_since.filter(|_| progress.armed && !progress.held && progress.tripped.is_none())?;
    let held = since + guard.hold_for.map_or(0, millis);
    Some(progress.snoozed_until.map_or(held, |snoozed| held.max(snoozed)))
}

fn trip(session: &Session, at: At, guard: &Guard, progress: &GuardProgress) -> Option<Event> {
    let due = session.clock(at) >= trips_at(guard, progress)?;
    if !due || session.guard_truth(at, guard) != Truth::True {
        return None;
    }
    let decide_by = guard.decide_within.and_then(|w| chrono::Duration::from_std(w).ok()).map(|w| at.wall + w);
    Some(Event::GuardTripped(Box::new(GuardTripped {
        guard: guard.id.value.clone(),
        condition: guard.when.source().to_owned(),
        decide_by,
        automatic: guard.automatic,
        evidence: session.evidence(at),
    })))
}

/// What a tripped guard does without an answer.
fn answer(session: &Session, at: At, guard: &Guard, tripped_ms: u64) -> Option<Event> {
    let decide = |choice: &str, label: String| {
        Some(Event::DecisionMade(Box::new(DecisionMade {
            about: About::Guard,
            path: None,
            visit: None,
            guard: Some(guard.id.value.clone()),
            choice: choice.to_owned(),
            label,
            reason: None,
            by: Starter::Session,
            evidence: session.evidence(at),
        })))
    };
    // A guard that holds has nothing more to do by itself: the answer is someone's.
    if guard.automatic && guard.then != GuardAction::Hold && !session.is_past_return() {
        return decide("act", format!("{} (automatic)", action_text(&guard.then)));
    }
    let expired = session.clock(at) >= tripped_ms + millis(guard.decide_within?);
    match guard.expired {
        GuardExpiry::Rollback if expired && !session.is_past_return() => {
            decide("rollback", "roll back (no answer in time)".to_owned())
        }
        GuardExpiry::Rollback | GuardExpiry::Hold => None,
    }
}

/// The procedure of an answered guard, once nothing else is at work.
fn procedure(session: &Session, guard: &Guard, progress: &GuardProgress) -> Option<Event> {
    let GuardAction::Procedure(id) = &guard.then else { return None };
    let busy = session.effects.values().any(|e| e.ended.is_none());
    let path = StepPath::new(format!("guard:{}", guard.id));
    let walked = session.frames.iter().any(|f| f.prefix.is_within(&path));
    (progress.procedure_due && !busy && !walked).then(|| enter_procedure(session, &path, id, "guard tripped"))?
}

/// Whether a guard does something without an answer, at once or when nobody gives one.
pub(in crate::session) fn acts_by_itself(guard: &Guard) -> bool {
    let at_last = guard.decide_within.is_some() && guard.expired == GuardExpiry::Rollback;
    at_last || (guard.automatic && guard.then != GuardAction::Hold)
}

/// What a guard does, for people.
pub(in crate::session) fn action_text(action: &GuardAction) -> String {
    match action {
        GuardAction::Rollback => "roll back".to_owned(),
        GuardAction::Hold => "hold".to_owned(),
        GuardAction::Procedure(procedure) => format!("run {procedure}"),
    }
}

impl Session {
    /// Whether a point of no return has been passed: rolling back then loses something.
    pub fn is_past_return(&self) -> bool {
        self.points_passed().next().is_some()
    }

    /// Points of no return that have been passed.
    pub(in crate::session) fn points_passed(&self) -> impl Iterator<Item = &Visit> {
        let begun = self.order.iter().filter_map(|s| self.visit(s)).filter(|v| v.step.visit > 0);
        let begun = begun.filter(|v| !v.effects.is_empty() || v.outcome() == Some(StepOutcome::Done));
        begun.filter(|v| self.step_of(v).is_some_and(|s| s.point_of_no_return))
    }
}
