//! When something follows by itself: the one place the loop asks how long to sleep.

use super::event::GateEnd;
use super::millis;
use super::resolve::{ActionOf, action_of};
use super::state::{FrameKind, Session, Visit};
use super::time::At;
use super::verdict;
use super::walk::{self, Follow};
use crate::runbook::model::{Action, GuardExpiry, Step, Wait};

impl Session {
    /// Milliseconds from `at` until something follows by itself; none when nothing will.
    /// Asked after `next` gives nothing more, so a deadline that is past has had its say
    /// and is left out: what it waits for then is a new reading or an answer.
    pub fn next_deadline(&self, at: At) -> Option<u64> {
        if self.closed.is_some() {
            return None;
        }
        let now = self.clock(at);
        let visits = self.open_visits().flat_map(|v| self.visit_deadlines(at, v));
        let guards = self.guard_deadlines();
        let follow = self.follow_deadline(at);
        visits
            .chain(guards)
            .chain(follow)
            .chain(super::updates::deadline(self))
            .chain(super::approval::deadline(self, at))
            .filter(|due| *due > now)
            .map(|due| due - now)
            .min()
    }

    /// Open visits that are worked on: the innermost step, or several side by side.
    pub(super) fn open_visits(&self) -> impl Iterator<Item = &Visit> {
        let frame = self.frames.last();
        let paths = frame.map(|f| match (&f.kind, f.at) {
            (FrameKind::Parallel, _) => (0..self.plan.steps(&f.list).len()).filter_map(|i| self.path_at(f, i)).collect(),
            (_, Some(at)) => self.path_at(f, at).into_iter().collect(),
            (_, None) => Vec::new(),
        });
        let visits = paths.into_iter().flatten().filter_map(move |p| frame.and_then(|f| self.visit_in(f, &p)));
        visits.filter(|v| v.is_open())
    }

    fn visit_deadlines(&self, at: At, visit: &Visit) -> Vec<u64> {
        let now = self.clock(at);
        let Some(step) = self.step_of(visit) else { return Vec::new() };
        let ActionOf::Action(action) = action_of(self, visit) else { return Vec::new() };
        match action {
            Action::Gate(gate) if visit.gate.end.is_none() && !self.paused => {
                vec![verdict::due_ms(self, visit, gate), verdict::timeout_ms(visit, step, gate)]
            }
            Action::Gate(_) if visit.gate.end == Some(GateEnd::Hold) => Vec::new(),
            Action::Wait(Wait::For(duration)) => vec![visit.entered_ms + millis(*duration)],
            Action::Wait(Wait::UntilTime { time, zone }) => {
                let left = (walk::wait_target(visit, *time, *zone) - at.wall).num_milliseconds();
                vec![now + u64::try_from(left).unwrap_or(0)]
            }
            Action::Wait(Wait::Until { timeout: limit, .. }) => limit.map(|t| visit.entered_ms + millis(t)).into_iter().collect(),
            Action::Decide(decide) if visit.choice.is_none() => {
                let otherwise = decide.otherwise.as_ref().is_some_and(|o| o.value != "hold");
                decide.within.filter(|_| otherwise).map(|w| visit.clock_ms + millis(w)).into_iter().collect()
            }
            Action::Confirm(_) | Action::Checklist(_) | Action::Input(_) | Action::Approve(_) => {
                question_times_out(visit, step).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// When a visit's time is up (session clock): that of what it runs, which begins as that
    /// starts and not while somebody is asked whether it may; that of its question. Gates and
    /// waits say theirs with their own state.
    pub(super) fn timeout_at(&self, visit: &Visit) -> Option<u64> {
        if let Some(effect) = self.running_effect(visit).and_then(|effect| self.effects.get(&effect)) {
            return effect.intent.timeout_ms.map(|limit| effect.started_ms + limit);
        }
        let step = self.step_of(visit).filter(|_| visit.is_open())?;
        match action_of(self, visit) {
            ActionOf::Action(Action::Confirm(_) | Action::Checklist(_) | Action::Input(_) | Action::Approve(_)) => {
                question_times_out(visit, step)
            }
            _ => None,
        }
    }

    fn guard_deadlines(&self) -> Vec<u64> {
        if self.ending.is_some() || self.was_entered("finally") {
            return Vec::new();
        }
        let guards = self.plan.runbook().guards.iter().zip(&self.guards);
        guards
            .filter_map(|(guard, progress)| match &progress.tripped {
                None => walk::guard_trips_at(guard, progress),
                Some(tripped) if guard.expired == GuardExpiry::Rollback && !self.is_past_return() => {
                    guard.decide_within.map(|w| tripped.at_ms + millis(w))
                }
                Some(_) => None,
            })
            .collect()
    }

    fn follow_deadline(&self, at: At) -> Option<u64> {
        let frame = self.frames.last()?;
        let visit = self.in_hand(frame).filter(|v| !v.is_open())?;
        match walk::follow_up(self, at, frame, visit) {
            Follow::Until(due) => Some(due),
            _ => None,
        }
    }
}

/// When a question that nobody answers fails its step.
fn question_times_out(visit: &Visit, step: &Step) -> Option<u64> {
    step.timeout.map(|t| visit.entered_ms + millis(t))
}
