//! Messages the program sends by itself: `updates`, and the announcement of an emergency.
//!
//! Each is an intent like any other, durable before it is sent, and belongs to no step:
//! its path is `updates:` and the occasion's word. None is waited for but the last, whose
//! end is waited for before the session closes, for `LIMIT_MS` at most. One that fails
//! is recorded and shown, and stops nothing; none is sent twice.

use super::announce::{self, Occasion};
use super::event::Event;
use super::intent::{Intent, Purpose, Starter, What};
use super::millis;
use super::path::StepPath;
use super::resolve;
use super::state::{Effect, Session};
use super::time::At;

/// How long a message may take.
const LIMIT_MS: u64 = 10_000;
/// What paths of messages begin with; no step's does.
const PREFIX: &str = "updates:";

/// Whether a path is that of a message of the program's own.
pub fn is_update(path: &StepPath) -> bool {
    path.as_str().starts_with(PREFIX)
}

/// A message that is due, if one is.
pub(super) fn next(session: &Session, at: At) -> Option<Event> {
    if session.emergency().is_some() && sent(session, Occasion::Emergency).is_none() {
        return intent(session, at, Occasion::Emergency);
    }
    let updates = session.plan().runbook().updates.as_ref()?;
    if session.was_entered("finally") || session.main_is_done() {
        return None;
    }
    if session.changed_at.is_some() && sent(session, Occasion::Started).is_none() {
        return intent(session, at, Occasion::Started);
    }
    let waits = all(session).any(|e| e.ended.is_none());
    (!waits && session.clock(at) >= due_ms(session, millis(updates.every))).then(|| intent(session, at, Occasion::Progress))?
}

/// When the next message is due, on the session's clock.
pub(super) fn deadline(session: &Session) -> Option<u64> {
    let updates = session.plan().runbook().updates.as_ref()?;
    (!session.was_entered("finally") && !session.main_is_done()).then(|| due_ms(session, millis(updates.every)))
}

fn due_ms(session: &Session, every: u64) -> u64 {
    all(session).map(|e| e.started_ms).max().unwrap_or(0) + every.max(1_000)
}

/// What stands between the last step and the end of the session.
pub(super) enum LastWord {
    /// Nothing.
    Said,
    /// A message is under way.
    Waits,
    /// This one is to be sent.
    Due(Box<Event>),
}

/// Says how it ended, where the runbook wants updates, and waits until that was sent.
pub(super) fn last_word(session: &Session, at: At) -> LastWord {
    if all(session).any(|e| e.ended.is_none()) {
        return LastWord::Waits;
    }
    let outcome = session.outcome_so_far().unwrap_or(super::event::SessionOutcome::Completed);
    let occasion = Occasion::of(outcome);
    if session.plan().runbook().updates.is_none() || sent(session, occasion).is_some() {
        return LastWord::Said;
    }
    intent(session, at, occasion).map_or(LastWord::Said, |event| LastWord::Due(Box::new(event)))
}

fn all(session: &Session) -> impl Iterator<Item = &Effect> {
    session.effects.values().filter(|e| is_update(&e.intent.path))
}

fn path(occasion: Occasion) -> StepPath {
    StepPath::new(format!("{PREFIX}{}", occasion.word()))
}

fn sent(session: &Session, occasion: Occasion) -> Option<&Effect> {
    let path = path(occasion);
    all(session).find(|e| e.intent.path == path)
}

/// The intent of a message; none where there is nobody to tell.
fn intent(session: &Session, at: At, occasion: Occasion) -> Option<Event> {
    let runbook = session.plan().runbook();
    let updates = runbook.updates.as_ref();
    let to = updates.map(|u| u.to.value.as_str()).or_else(|| runbook.notify.first().map(|t| t.name.value.as_str()))?;
    let own = updates.and_then(|u| u.text.as_ref()).filter(|_| occasion == Occasion::Progress);
    let text = own
        .and_then(|text| resolve::outside(session, at, text, crate::runbook::expression::Escape::Plain).ok())
        .unwrap_or_else(|| announce::text(session, at, occasion));
    let mut request = resolve::message(session, at, to, text).ok()?;
    request.facts.insert(0, ("event".to_owned(), occasion.word().to_owned()));
    let path = path(occasion);
    let visit = all(session).filter(|e| e.intent.path == path).count() + 1;
    Some(Event::EffectIntended(Box::new(Intent {
        effect: session.next_effect(),
        path,
        visit: u32::try_from(visit).unwrap_or(u32::MAX),
        purpose: Purpose::Step,
        by: Starter::Session,
        changes: false,
        what: What::Notify(request),
        object: None,
        timeout_ms: Some(LIMIT_MS),
    })))
}
