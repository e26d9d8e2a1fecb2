//! Rolling a finished session back: a new session that takes over what the old one did.
//!
//! The new journal names the old session and the head of its journal
//! ([`RollsBack`](super::event::RollsBack)), and says nothing of it twice: its state is
//! folded from both. It stands at once before the rollback, and the ordinary engine goes
//! on from there. *Guarantee:* such a session never walks the main list, and never reads
//! from the world what it should go back to: what is there now is what is to be undone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event::{EffectEnded, Event, Outcome, StepOutcome};
use super::message::StepRef;
use super::path::StepPath;
use super::plan::Plan;
use super::state::{Effect, Ended, Ending, FoldError, Session};
use super::time::At;
use super::updates::is_update;

/// Why nobody can tell any more how an effect ended.
const LEFT: &str = "its session was closed before it ended";

impl Session {
    /// Begins a session that rolls `old` back with its first record.
    ///
    /// # Errors
    /// When the record does not name this session, or this session is not closed.
    pub fn open_after(plan: Arc<Plan>, id: &str, at: At, event: &Event, old: &Self) -> Result<Self, FoldError> {
        let mut session = Self::begin(plan, id, at, event)?;
        let named = session.opened.rolls_back.as_ref().map(|r| r.session.as_str());
        if named != Some(old.id()) || old.closed.is_none() {
            return Err(FoldError::NeedsOld(named.unwrap_or_default().to_owned()));
        }
        session.take_over(old);
        session.ending = Some(Ending::Rollback { cause: format!("the finished session {} is rolled back", old.id()) });
        Ok(session)
    }

    /// What the old session did, as this one's past. Its rollback and its end are left
    /// out: this session has its own.
    fn take_over(&mut self, old: &Self) {
        let kept = |path: &StepPath| !["rollback", "finally"].iter().any(|end| path.is_within(&StepPath::new(*end)));
        self.order = old.order.iter().filter(|step| kept(&step.path)).cloned().collect();
        self.visits = old.visits.iter().filter(|(path, _)| kept(path)).map(|(p, v)| (p.clone(), v.clone())).collect();
        for visit in self.visits.values_mut().flatten().filter(|v| v.is_open()) {
            let reason = Some(LEFT.to_owned());
            visit.ended = Some(Ended { outcome: StepOutcome::Interrupted, reason, at_ms: old.last_ms, treatment: None });
        }
        let effects = old.effects.iter().filter(|(_, e)| kept(&e.intent.path) && !is_update(&e.intent.path));
        self.effects = effects.map(|(number, effect)| (*number, settled(effect))).collect();
        self.pins.clone_from(&old.pins);
        self.followups = old.followups;
        self.inherited = self.order.len();
    }

    /// Visits of this session itself, not of the one it rolls back.
    pub(super) fn own_visits(&self) -> &[StepRef] {
        self.order.get(self.inherited..).unwrap_or_default()
    }
}

/// An effect of a session that is over: one without an end is unknown for good.
fn settled(effect: &Effect) -> Effect {
    let mut effect = effect.clone();
    let intent = &effect.intent;
    effect.ended.get_or_insert_with(|| EffectEnded {
        effect: intent.effect,
        path: intent.path.clone(),
        visit: intent.visit,
        outcome: Outcome::Unknown,
        message: LEFT.to_owned(),
        took_ms: 0,
        changed: None,
        exit: None,
        status: None,
        captured: BTreeMap::new(),
        output: None,
        resource_version: None,
        audit_id: None,
    });
    effect
}
