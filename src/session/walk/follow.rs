//! What follows a visit that has ended: again, elsewhere, or onwards.

use super::{
    About, Action, AfterCall, At, Event, FailureChoice, Frame, FrameKind, OnFailure, OptionThen, Session, Step, StepEnded,
    StepOutcome, StepPath, Truth, Visit, enter_procedure, millis, own_decision, visit_changes,
};
use crate::session::approval;
use crate::session::message::StepRef;

/// What follows.
#[derive(Debug)]
pub(in crate::session) enum Follow {
    /// A record.
    Event(Box<Event>),
    /// Nothing before this moment (session clock).
    Until(u64),
    /// Someone must answer.
    Ask,
    /// The entry of the frame at this index.
    Advance(usize),
}

/// How often `on_failure: retry` runs a step that only reads before it asks.
const DEFAULT_ATTEMPTS: u32 = 3;

/// What follows an ended visit in its frame.
pub(in crate::session) fn follow_up(session: &Session, at: At, frame: &Frame, visit: &Visit) -> Follow {
    let Some(index) = frame.at else { return Follow::Ask };
    let onwards = Follow::Advance(index + 1);
    let Some(step) = session.step_of(visit) else { return onwards };
    match visit.outcome() {
        Some(StepOutcome::Failed) => after_failure(session, at, frame, visit, step, onwards),
        Some(StepOutcome::Done) => {
            if let Some(follow) = repeat(session, at, frame, visit, step) {
                return follow;
            }
            jump(session, frame, visit, step, index).unwrap_or(onwards)
        }
        _ => onwards,
    }
}

/// Enters the step in hand once more.
fn again(session: &Session, at: At, frame: &Frame) -> Follow {
    let Some(index) = frame.at else { return Follow::Ask };
    match super::advance(session, at, frame, index) {
        Some(event) => Follow::Event(Box::new(event)),
        None => Follow::Ask,
    }
}

fn repeat(session: &Session, at: At, frame: &Frame, visit: &Visit, step: &Step) -> Option<Follow> {
    let repeat = step.repeat.as_ref().filter(|_| !super::super::dry::is_dry(session))?;
    if visit.step.visit == 0 || repeat.until.truth(&session.scope(at, &visit.context)) == Truth::True {
        return None;
    }
    let due = visit.ended.as_ref().map_or(0, |e| e.at_ms) + millis(repeat.delay);
    Some(if session.clock(at) < due { Follow::Until(due) } else { again(session, at, frame) })
}

/// A chosen `next`: what it jumps over is recorded first.
fn jump(session: &Session, frame: &Frame, visit: &Visit, step: &Step, index: usize) -> Option<Follow> {
    let (Action::Decide(decide), Some(choice), FrameKind::List) = (&step.action, &visit.choice, &frame.kind) else { return None };
    let option = decide.options.iter().find(|o| o.key.value.to_string() == choice.key)?;
    let OptionThen::Next(target) = &option.then else { return None };
    let steps = session.plan.steps(&frame.list);
    let target_index = steps.iter().position(|s| s.id.value == target.value).filter(|t| *t > index)?;
    let over = steps.get(index + 1..target_index)?.iter().map(|s| frame.prefix.child(&s.id));
    let unrecorded = over.into_iter().find(|p| session.visit_in(frame, p).is_none());
    Some(match unrecorded {
        Some(path) => {
            let reason = Some(format!("{} was chosen at {}", option.key.value, visit.step.path));
            Follow::Event(Box::new(Event::StepEnded(StepEnded {
                path,
                visit: 0,
                outcome: StepOutcome::NotChosen,
                reason,
                took_ms: 0,
                treatment: None,
            })))
        }
        None => Follow::Advance(target_index),
    })
}

fn after_failure(session: &Session, at: At, frame: &Frame, visit: &Visit, step: &Step, onwards: Follow) -> Follow {
    let decide = |choice: &str, label: &str| {
        Follow::Event(Box::new(own_decision(session, at, About::Failure, &visit.step, choice, label.to_owned())))
    };
    match visit.failure {
        Some(FailureChoice::Retry) => return again(session, at, frame),
        Some(FailureChoice::Continue) => return onwards,
        // The end itself cannot be ended early: what failed there is passed over.
        Some(FailureChoice::Abort | FailureChoice::Rollback) => return onwards,
        None => {}
    }
    // Failing to tell someone never stops the walk; it is in the record and on screen.
    let told = matches!(step.action, Action::Notify(_)) && visit.undoes.is_none();
    let changes = visit_changes(session, visit);
    if let Some(follow) = retry(session, at, frame, visit, step, changes) {
        return follow;
    }
    // The runbook cannot pass over it either.
    let binding = approval::is_binding(session, &step.action);
    match &step.on_failure {
        OnFailure::Continue if binding => Follow::Ask,
        OnFailure::Ask if told => decide("continue", "a message that was not sent stops nothing"),
        OnFailure::Ask | OnFailure::Retry => Follow::Ask,
        OnFailure::Continue => decide("continue", "on_failure: continue"),
        OnFailure::Abort => decide("abort", "on_failure: abort"),
        OnFailure::Call { procedure, .. } if procedure.value == "rollback" => {
            // Inside the rollback there is nothing further to roll back to.
            if session.in_rollback() { Follow::Ask } else { decide("rollback", "on_failure: rollback") }
        }
        OnFailure::Call { procedure, then } => {
            if !visit.procedure_ended {
                let entered = enter_procedure(session, &visit.step.path, procedure, "on_failure");
                return entered.map_or(Follow::Ask, |e| Follow::Event(Box::new(e)));
            }
            match then {
                AfterCall::Ask => Follow::Ask,
                AfterCall::Continue if binding => Follow::Ask,
                // Running a change again is never done without someone's word.
                AfterCall::Retry if changes => Follow::Ask,
                AfterCall::Retry => decide("retry", "on_failure: then retry"),
                AfterCall::Continue => decide("continue", "on_failure: then continue"),
                AfterCall::Abort => decide("abort", "on_failure: then abort"),
            }
        }
    }
}

/// Another try the runbook allows: only of steps that change nothing.
fn retry(session: &Session, at: At, frame: &Frame, visit: &Visit, step: &Step, changes: bool) -> Option<Follow> {
    let (attempts, delay) = match (&step.retry, &step.on_failure) {
        (Some(retry), _) => (retry.attempts, millis(retry.delay)),
        (None, OnFailure::Retry) => (DEFAULT_ATTEMPTS, 5_000),
        _ => return None,
    };
    let tried = session.visits_in(frame, &visit.step.path);
    if changes || tried >= usize::try_from(attempts).unwrap_or(usize::MAX) {
        return None;
    }
    let due = visit.ended.as_ref().map_or(0, |e| e.at_ms) + delay;
    Some(if session.clock(at) < due { Follow::Until(due) } else { again(session, at, frame) })
}

/// What asks for an answer in a frame: the visit that failed and is not answered.
pub(in crate::session) fn unanswered(session: &Session, at: At) -> Option<StepRef> {
    let frame = session.frames.last()?;
    let visit = session.in_hand(frame).filter(|v| !v.is_open())?;
    (visit.outcome() == Some(StepOutcome::Failed)
        && visit.failure.is_none()
        && matches!(follow_up(session, at, frame, visit), Follow::Ask))
    .then(|| visit.step.clone())
}

/// The step whose `when` cannot be judged, and why.
pub(in crate::session) fn unjudged_when(session: &Session, at: At) -> Option<(StepPath, usize, Vec<String>)> {
    let frame = session.frames.last()?;
    if frame.kind == FrameKind::Parallel {
        let entries = 0..session.plan.steps(&frame.list).len();
        // What is tried again is entered anew, and its condition judged anew.
        let due = |visit: Option<&Visit>| visit.is_none_or(|v| !v.is_open() && v.failure == Some(FailureChoice::Retry));
        let waiting = |i: &usize| session.path_at(frame, *i).is_some_and(|p| due(session.visit_in(frame, &p)));
        return entries.filter(waiting).find_map(|index| unjudged(session, at, frame, index));
    }
    let index = match session.in_hand(frame).filter(|_| frame.kind == FrameKind::List) {
        None if frame.kind != FrameKind::List => return None,
        None => 0,
        Some(visit) if visit.is_open() => return None,
        Some(visit) => match follow_up(session, at, frame, visit) {
            Follow::Advance(index) => index,
            _ => return None,
        },
    };
    unjudged(session, at, frame, index)
}

impl Session {
    /// The step that is an entry of the innermost list.
    pub(in crate::session) fn entry(&self, index: usize) -> Option<&Step> {
        self.plan.steps(&self.frames.last()?.list).get(index)
    }
}

/// The entry of a frame, when its `when` cannot be judged and nobody has answered.
fn unjudged(session: &Session, at: At, frame: &Frame, index: usize) -> Option<(StepPath, usize, Vec<String>)> {
    let step = session.plan.steps(&frame.list).get(index)?;
    let path = frame.prefix.child(&step.id);
    match step.when.as_ref()?.truth(&session.scope(at, &frame.context)) {
        Truth::Unknown(why) if session.when_answer(&path).is_none() => Some((path, index, why)),
        _ => None,
    }
}
