//! What follows from where a session stands.
//!
//! [`next`] gives at most one event: the first thing that follows. The loop appends it,
//! folds it and asks again until nothing follows. It is called after every message and
//! on resume, and remembers nothing, so every prefix of a journal goes on the same way.

use std::collections::BTreeMap;

use super::approval;
use super::event::{
    About, DecisionMade, EnteredAs, Event, FollowupNoted, GuardArmed, GuardTripped, Mode, Outcome, SessionClosed, SessionOutcome,
    StepEnded, StepEntered, StepOutcome,
};
use super::intent::{Intent, Purpose, Starter, What};
use super::message::{FailureChoice, StepRef};
use super::millis;
use super::path::StepPath;
use super::resolve::visit_changes;
use super::state::{Ending, Frame, FrameKind, Session, Visit};
use super::time::At;
use super::updates::{self, LastWord};
use crate::runbook::Value;
use crate::runbook::expression::{Truth, Unknown};
use crate::runbook::model::{Action, AfterCall, Arm, ForEach, GuardAction, GuardExpiry, OnFailure, OptionThen, Step, Undo};

mod follow;
mod guards;
mod progress;
mod unwind;

pub(super) use progress::wait_target;
use progress::{enter_procedure, progress};

pub(super) use follow::{Follow, follow_up, unanswered, unjudged_when};
pub(super) use guards::{action_text as guard_action_text, acts_by_itself, trips_at as guard_trips_at};

/// By when an emergency change is looked at again: three working days at the least.
const REVIEW_WITHIN: chrono::Duration = chrono::Duration::days(5);

/// The first thing that follows from where the session stands, if anything does.
pub fn next(session: &Session, at: At) -> Option<Event> {
    if session.closed.is_some() {
        return None;
    }
    if let Some(event) = guards::next(session, at) {
        return Some(event);
    }
    if let Some(event) = approval::next(session, at) {
        return Some(event);
    }
    if let Some(event) = updates::next(session, at) {
        return Some(event);
    }
    if !session.ending_entered() {
        return unwind::next(session, at);
    }
    let frame = session.frames.last()?;
    if let FrameKind::Parallel = frame.kind {
        return parallel(session, at, frame);
    }
    match session.in_hand(frame) {
        Some(visit) if visit.is_open() => progress(session, at, visit),
        Some(visit) => match follow_up(session, at, frame, visit) {
            Follow::Event(event) => Some(*event),
            Follow::Until(_) | Follow::Ask => None,
            Follow::Advance(index) => advance(session, at, frame, index),
        },
        None => advance(session, at, frame, 0),
    }
}

impl Session {
    /// The visit of the step (item, undo) in hand in a frame.
    pub(super) fn in_hand(&self, frame: &Frame) -> Option<&Visit> {
        let path = self.path_at(frame, frame.at?)?;
        self.visit_in(frame, &path)
    }

    /// The path of a frame's entry.
    pub(super) fn path_at(&self, frame: &Frame, index: usize) -> Option<StepPath> {
        match &frame.kind {
            FrameKind::List | FrameKind::Parallel => self.plan.steps(&frame.list).get(index).map(|s| frame.prefix.child(&s.id)),
            FrameKind::ForEach { items, .. } => items.get(index).map(|i| frame.prefix.item(&i.to_string())),
            FrameKind::Undo { targets } => targets.get(index).map(|t| frame.prefix.child(t.path.as_str())),
        }
    }

    fn length(&self, frame: &Frame) -> usize {
        match &frame.kind {
            FrameKind::List | FrameKind::Parallel => self.plan.steps(&frame.list).len(),
            FrameKind::ForEach { items, .. } => items.len(),
            FrameKind::Undo { targets } => targets.len(),
        }
    }

    /// Whether the main list has been walked to its end.
    pub(super) fn main_is_done(&self) -> bool {
        let [main] = self.frames.as_slice() else {
            return self.frames.iter().any(|f| f.owner.as_ref().is_some_and(|o| o.path.as_str() == "finally"));
        };
        let steps = self.plan.steps(&main.list).len();
        match main.at {
            None => steps == 0,
            Some(index) => {
                index + 1 >= steps
                    && self.in_hand(main).is_some_and(|v| {
                        !v.is_open() && (v.outcome() != Some(StepOutcome::Failed) || v.failure == Some(FailureChoice::Continue))
                    })
            }
        }
    }

    /// Whether the walk is inside what an ending asks for: the rollback, or `finally`.
    fn ending_entered(&self) -> bool {
        let inside = |name: &str| self.frames.iter().any(|f| f.owner.as_ref().is_some_and(|o| o.path.as_str() == name));
        match &self.ending {
            None => true,
            Some(Ending::Rollback { .. }) => inside("rollback") || inside("finally"),
            Some(Ending::Abort { .. }) => inside("finally"),
        }
    }

    pub(super) fn was_entered(&self, path: &str) -> bool {
        self.visits.contains_key(&StepPath::new(path))
    }

    /// Whether no further step or effect may start now.
    pub(super) fn is_held(&self) -> bool {
        let in_ending = self.in_rollback() || self.was_entered("finally");
        self.paused || (!in_ending && self.guards.iter().any(|g| g.tripped.is_some()))
    }

    /// The number the next effect gets.
    pub(super) fn next_effect(&self) -> u64 {
        self.effects.keys().next_back().copied().unwrap_or(0) + 1
    }

    /// The intent of a visit's effect.
    pub(super) fn intent_of(&self, visit: &Visit, what: What, purpose: Purpose, by: Starter) -> Intent {
        let changes = purpose != Purpose::Look && visit_changes(self, visit);
        let timeout = self.step_of(visit).and_then(|s| s.timeout).map(millis);
        Intent {
            effect: self.next_effect(),
            path: visit.step.path.clone(),
            visit: visit.step.visit,
            purpose,
            by,
            changes,
            what,
            object: None,
            timeout_ms: timeout,
        }
    }

    /// What a visit's own effect is for.
    pub(super) fn purpose_of(visit: &Visit) -> Purpose {
        match &visit.undoes {
            Some(of) => Purpose::Undo { of: of.path.clone(), of_visit: of.visit },
            None => Purpose::Step,
        }
    }
}

/// The end of a visit, as a record.
pub(super) fn end(session: &Session, at: At, visit: &Visit, outcome: StepOutcome, reason: Option<String>) -> Event {
    Event::StepEnded(StepEnded {
        path: visit.step.path.clone(),
        visit: visit.step.visit,
        outcome,
        reason,
        took_ms: session.clock(at).saturating_sub(visit.entered_ms),
        treatment: super::dry::treatment(session, visit, outcome),
    })
}

/// A decision the session itself takes, because the runbook says so.
pub(super) fn own_decision(session: &Session, at: At, about: About, step: &StepRef, choice: &str, label: String) -> Event {
    Event::DecisionMade(Box::new(DecisionMade {
        about,
        path: Some(step.path.clone()),
        visit: Some(step.visit),
        guard: None,
        choice: choice.to_owned(),
        label,
        reason: None,
        by: Starter::Session,
        evidence: session.evidence(at),
    }))
}

/// Goes on with the entry at `index` of a frame, or leaves the frame at its end.
fn advance(session: &Session, at: At, frame: &Frame, index: usize) -> Option<Event> {
    if index >= session.length(frame) {
        return leave(session, at, frame);
    }
    if session.is_held() {
        return None;
    }
    match &frame.kind {
        FrameKind::List => enter_step(session, at, frame, index),
        FrameKind::ForEach { site, items } => {
            let step = session.plan.step(site)?;
            let item = items.get(index)?.clone();
            let context = super::state::Context { item: Some(item.clone()), ..frame.context.clone() };
            let mut entered = entering(session, at, step, frame.prefix.item(&item.to_string()), &context);
            entered.item = Some(item);
            Some(Event::StepEntered(entered))
        }
        FrameKind::Undo { targets } => {
            let target = targets.get(index)?;
            let title = session.visit(target).map_or_else(|| target.path.to_string(), |v| v.title.clone());
            let path = session.path_at(frame, index)?;
            let undone = session.visit(target)?;
            let undo = session.step_of(undone).and_then(|s| s.undo.as_ref());
            let (with, cause) = match undo {
                Some(Undo::Action(action)) => passed(session, at, action, &undone.context),
                _ => (BTreeMap::new(), None),
            };
            Some(Event::StepEntered(StepEntered {
                visit: session.next_visit(&path),
                path,
                kind: EnteredAs::Undo,
                title: format!("Undo: {title}"),
                item: None,
                items: None,
                with,
                cause,
                undoes: Some((target.path.clone(), target.visit)),
            }))
        }
        FrameKind::Parallel => None,
    }
}

/// Enters a step of a list, or passes it by when its `when` is false.
fn enter_step(session: &Session, at: At, frame: &Frame, index: usize) -> Option<Event> {
    let step = session.plan.steps(&frame.list).get(index)?;
    let path = frame.prefix.child(&step.id);
    if let Some(when) = &step.when {
        let passed_by = |reason: String| {
            let ended = StepEnded {
                path: path.clone(),
                visit: 0,
                outcome: StepOutcome::NotApplicable,
                reason: Some(reason),
                took_ms: 0,
                treatment: None,
            };
            Some(Event::StepEnded(ended))
        };
        match when.truth(&session.scope(at, &frame.context)) {
            Truth::True => {}
            Truth::False => return passed_by(format!("`{}` does not hold", when.source())),
            Truth::Unknown(_) => match session.when_answer(&path) {
                None => return None,
                Some(answer) if !answer.run => return passed_by(answer.reason.clone()),
                Some(_) => {}
            },
        }
    }
    if let Some(for_each) = &step.for_each {
        let mut entered = entering(session, at, step, path, &frame.context);
        entered.kind = EnteredAs::ForEach;
        entered.with = BTreeMap::new();
        match items(session, at, &frame.context, for_each) {
            Ok(items) => {
                entered.title = title_of_all(session, at, step, &frame.context, &items);
                entered.items = Some(items);
                entered.cause = None;
            }
            Err(Unknown(why)) => entered.cause = Some(format!("the list cannot be worked out: {why}")),
        }
        return Some(Event::StepEntered(entered));
    }
    Some(Event::StepEntered(entering(session, at, step, path, &frame.context)))
}

/// The title of a `for_each`, with all its items where each pass has its own.
pub(super) fn title_of_all(session: &Session, at: At, step: &Step, context: &super::state::Context, items: &[Value]) -> String {
    let item = Value::from(items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    let context = super::state::Context { item: Some(item), ..context.clone() };
    step.title.render(&session.scope(at, &context)).unwrap_or_else(|_| step.title.source().to_owned())
}

impl Session {
    /// The operator's answer to a `when` that cannot be judged, where it is still good.
    pub(super) fn when_answer(&self, path: &StepPath) -> Option<&super::state::WhenAnswer> {
        self.whens.get(path).filter(|a| !self.order.get(a.since..).unwrap_or_default().iter().any(|s| s.path == *path))
    }
}

pub(super) fn items(
    session: &Session,
    at: At,
    context: &super::state::Context,
    for_each: &ForEach,
) -> Result<Vec<Value>, Unknown> {
    let scope = session.scope(at, context);
    let items = match for_each {
        ForEach::List(values) => values.iter().map(|v| v.value(&scope)).collect::<Result<Vec<_>, _>>()?,
        ForEach::Expr(expr) => match expr.eval(&scope)? {
            Value::List(items) => items,
            other => return Err(Unknown(format!("`{}` is {other}, not a list", expr.source()))),
        },
    };
    // An item is the identity of its pass: twice the same would be the same path.
    let twice = items.iter().enumerate().find(|(i, item)| items.iter().take(*i).any(|b| b.to_string() == item.to_string()));
    match twice {
        Some((_, item)) => Err(Unknown(format!("it has {item} twice"))),
        None => Ok(items),
    }
}

/// The record of entering a step.
fn entering(session: &Session, at: At, step: &Step, path: StepPath, context: &super::state::Context) -> StepEntered {
    let scope = session.scope(at, context);
    let (with, cause) = passed(session, at, &step.action, context);
    StepEntered {
        visit: session.next_visit(&path),
        path,
        kind: EnteredAs::Step,
        title: step.title.render(&scope).unwrap_or_else(|_| step.title.source().to_owned()),
        item: None,
        items: None,
        with,
        cause,
        undoes: None,
    }
}

/// What an action passes on, where it is a `call`; and what cannot be worked out of it.
pub(super) fn passed(
    session: &Session,
    at: At,
    action: &Action,
    context: &super::state::Context,
) -> (BTreeMap<String, Value>, Option<String>) {
    let (mut with, mut cause) = (BTreeMap::new(), None);
    let scope = session.scope(at, context);
    if let Action::Call(call) = action {
        // Secrets are passed on by name, which needs no record.
        let secret = super::secrets::passed(session, context, call);
        for (name, value) in call.with.iter().filter(|(name, _)| !secret.contains_key(&name.value)) {
            match value.value(&scope) {
                Ok(value) => {
                    with.insert(name.value.clone(), value);
                }
                Err(Unknown(why)) => cause = Some(format!("`with.{name}` cannot be worked out: {why}")),
            }
        }
    }
    (with, cause)
}

/// A list has been walked to its end.
pub(super) fn leave(session: &Session, at: At, frame: &Frame) -> Option<Event> {
    if let Some(owner) = &frame.owner {
        let visit = session.visit(owner)?;
        let failed = matches!(frame.kind, FrameKind::Undo { .. }) && undo_failed(session, frame);
        let (outcome, reason) = if failed {
            (StepOutcome::Failed, Some("not everything could be undone".to_owned()))
        } else {
            (StepOutcome::Done, None)
        };
        return Some(finish(session, at, visit, outcome, reason));
    }
    if !session.was_entered("finally") && !session.plan.runbook().finally.is_empty() {
        return Some(Event::StepEntered(StepEntered {
            path: StepPath::new("finally"),
            visit: 1,
            kind: EnteredAs::Finally,
            title: "Finally".to_owned(),
            item: None,
            items: None,
            with: BTreeMap::new(),
            cause: None,
            undoes: None,
        }));
    }
    match updates::last_word(session, at) {
        LastWord::Waits => None,
        LastWord::Due(event) => Some(*event),
        LastWord::Said => Some(close(session, at)),
    }
}

fn undo_failed(session: &Session, frame: &Frame) -> bool {
    (0..session.length(frame)).any(|i| {
        let visit = session.path_at(frame, i).and_then(|p| session.visit_in(frame, &p));
        visit.and_then(Visit::outcome) != Some(StepOutcome::Done)
    })
}

/// The follow-ups one after the other, then the end.
pub(super) fn close(session: &Session, at: At) -> Event {
    let context = super::state::Context::default();
    let dry = session.opened.mode == Mode::DryRun;
    // Nothing was done, so nothing is owed.
    if let Some(followup) = session.plan.runbook().followups.get(session.followups).filter(|_| !dry) {
        let scope = session.scope(at, &context);
        let due = followup.within.and_then(|w| chrono::Duration::from_std(w).ok()).map(|w| at.wall + w);
        let text = followup.text.render(&scope).unwrap_or_else(|_| followup.text.source().to_owned());
        return Event::FollowupNoted(FollowupNoted { text, due });
    }
    if let Some(owed) = emergency_review(session, at) {
        return owed;
    }
    let outcome = session.outcome_so_far().unwrap_or(SessionOutcome::Completed);
    let reason = match &session.ending {
        Some(Ending::Rollback { cause }) => Some(cause.clone()),
        Some(Ending::Abort { reason, .. }) => Some(reason.clone()),
        None => None,
    };
    closing(session, at, outcome, reason)
}

/// What is owed for starting with `--emergency`: somebody looks at it afterwards. The
/// last of the follow-ups, and noted once.
fn emergency_review(session: &Session, at: At) -> Option<Event> {
    let reason = session.emergency().filter(|_| session.opened.mode == Mode::Live)?;
    (session.followups == session.plan.runbook().followups.len()).then(|| {
        let text = format!("Review of the emergency change: {reason}");
        Event::FollowupNoted(FollowupNoted { text, due: Some(at.wall + REVIEW_WITHIN) })
    })
}

/// Steps done and steps skipped by hand.
pub(super) fn closing_counts(session: &Session) -> (u32, u32) {
    let count = |wanted: StepOutcome| {
        let all = session.own_visits().iter().filter_map(|s| session.visit(s)).filter(|v| v.kind == EnteredAs::Step);
        u32::try_from(all.filter(|v| v.outcome() == Some(wanted)).count()).unwrap_or(u32::MAX)
    };
    (count(StepOutcome::Done), count(StepOutcome::Skipped))
}

/// The record that closes the session.
pub(super) fn closing(session: &Session, at: At, outcome: SessionOutcome, reason: Option<String>) -> Event {
    let (done, skipped) = closing_counts(session);
    Event::SessionClosed(SessionClosed {
        outcome,
        reason,
        took_ms: session.clock(at),
        done,
        skipped,
        deviations: session.deviations,
    })
}

/// The end of a visit, after `repeat` has had its say about a done one.
pub(super) fn finish(session: &Session, at: At, visit: &Visit, outcome: StepOutcome, reason: Option<String>) -> Event {
    // What a repetition waits for does not come of what was not done.
    if session.opened.mode == Mode::DryRun {
        return end(session, at, visit, outcome, reason);
    }
    if let (StepOutcome::Done, Some(repeat), Some(frame)) =
        (outcome, session.step_of(visit).and_then(|s| s.repeat.as_ref()), session.frame_around(visit))
    {
        let visits = session.visits_in(frame, &visit.step.path);
        let until = repeat.until.truth(&session.scope(at, &visit.context));
        if until != Truth::True && visits >= usize::try_from(repeat.max).unwrap_or(usize::MAX) {
            let why = format!("`{}` does not hold after {visits} times", repeat.until.source());
            return end(session, at, visit, StepOutcome::Failed, Some(why));
        }
    }
    end(session, at, visit, outcome, reason)
}

impl Session {
    /// The frame a visit is an entry of: the innermost one it does not own.
    pub(super) fn frame_around(&self, visit: &Visit) -> Option<&Frame> {
        self.frames.iter().rev().find(|f| f.owner.as_ref() != Some(&visit.step))
    }
}

/// Steps side by side: all are entered, each goes its way, the end waits for all.
fn parallel(session: &Session, at: At, frame: &Frame) -> Option<Event> {
    let steps = session.plan.steps(&frame.list);
    let mut failed = Vec::new();
    let mut open = false;
    for step in steps {
        let path = frame.prefix.child(&step.id);
        match session.visit_in(frame, &path) {
            None => {
                if session.is_held() {
                    return None;
                }
                let index = steps.iter().position(|s| s.id == step.id)?;
                if let Some(event) = enter_step(session, at, frame, index) {
                    return Some(event);
                }
                open = true;
            }
            Some(visit) if visit.is_open() => {
                if let Some(event) = progress(session, at, visit) {
                    return Some(event);
                }
                open = true;
            }
            Some(visit) if visit.failure == Some(FailureChoice::Retry) => {
                if session.is_held() {
                    return None;
                }
                let index = steps.iter().position(|s| s.id == step.id)?;
                return enter_step(session, at, frame, index);
            }
            Some(visit) if visit.outcome() == Some(StepOutcome::Failed) => failed.push(step.id.value.clone()),
            Some(_) => {}
        }
    }
    if open {
        return None;
    }
    let owner = session.visit(frame.owner.as_ref()?)?;
    let (outcome, reason) = if failed.is_empty() {
        (StepOutcome::Done, None)
    } else {
        (StepOutcome::Failed, Some(format!("{} failed", failed.join(", "))))
    };
    Some(finish(session, at, owner, outcome, reason))
}
