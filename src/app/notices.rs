//! What the loop itself adds: where the journal stands, for messages, and the standing
//! notices about locks, freezes and messages that were not sent.

use crate::coordination::News;
use crate::session::event::{FreezeSet, Outcome};
use crate::session::intent::What;
use crate::session::message::Noticed;
use crate::session::updates::is_update;
use crate::session::{Event, Session};

const FROZEN: &str = "FROZEN: ";
const LOCK: &str = "LOCK ";
const NOT_TOLD: &str = "people were not told: ";

/// A message that is about to be recorded, with the number and head of the record before
/// it: whoever gets it can tell later whether the journal is still the same.
pub(super) fn with_head(mut event: Event, records: u64, head: &str) -> Event {
    if let Event::EffectIntended(intent) = &mut event
        && let What::Notify(request) = &mut intent.what
        && records > 0
    {
        request.facts.push(("record".to_owned(), (records - 1).to_string()));
        request.facts.push(("head".to_owned(), head.to_owned()));
    }
    event
}

/// Keeps the standing notices in step with news; what is for the record is given back.
pub(super) fn take(notices: &mut Vec<String>, lock: &str, session: &Session, news: News) -> Option<Noticed> {
    match news {
        News::LockLost(why) => {
            notices.retain(|n| !n.starts_with(LOCK));
            notices.push(format!("{LOCK}LOST: `{lock}`: {why}. Another session may be at work; look before you go on."));
            Some(Noticed::LockLost { lock: lock.to_owned(), why })
        }
        News::LockNotRenewed(why) => {
            notices.retain(|n| !n.starts_with(LOCK));
            notices.push(format!("{LOCK}NOT RENEWED: `{lock}`: {why}"));
            None
        }
        News::LockRenewed => {
            notices.retain(|n| !n.starts_with(LOCK));
            None
        }
        News::Freeze(freeze) => {
            notices.retain(|n| !n.starts_with(FROZEN));
            let freeze = freeze?;
            notices.push(format!("{FROZEN}{freeze}. No new session starts; this one may go on."));
            // One's own step has its own record of it.
            if freeze.session.as_deref() == Some(session.id()) {
                return None;
            }
            let environment = session.opened().environment.name.clone();
            Some(Noticed::Frozen(FreezeSet { environment, reason: format!("{} (by {})", freeze.reason, freeze.by) }))
        }
    }
}

/// Says that a message of the program's own did not arrive, and stops saying it when the
/// next one does.
pub(super) fn of_message(notices: &mut Vec<String>, event: &Event) {
    let Event::EffectEnded(ended) = event else { return };
    if is_update(&ended.path) {
        notices.retain(|n| !n.starts_with(NOT_TOLD));
        if ended.outcome != Outcome::Succeeded {
            notices.push(format!("{NOT_TOLD}{}", ended.message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::event::EffectEnded;
    use crate::session::path::StepPath;

    fn ended(path: &str, outcome: Outcome) -> Event {
        Event::EffectEnded(Box::new(EffectEnded {
            effect: 1,
            path: StepPath::new(path),
            visit: 1,
            outcome,
            message: "its webhook answered 500".into(),
            took_ms: 1,
            changed: Some(false),
            exit: None,
            status: None,
            captured: std::collections::BTreeMap::new(),
            output: None,
            resource_version: None,
            audit_id: None,
        }))
    }

    #[test]
    fn a_message_that_did_not_arrive_is_said_until_one_does() {
        let mut notices = vec!["other".to_owned()];
        of_message(&mut notices, &ended("tell", Outcome::Failed));
        assert_eq!(notices.len(), 1, "a step's own message has its own place");
        of_message(&mut notices, &ended("updates:progress", Outcome::Failed));
        of_message(&mut notices, &ended("updates:progress", Outcome::Unknown));
        assert_eq!(notices, ["other", "people were not told: its webhook answered 500"]);
        of_message(&mut notices, &ended("updates:progress", Outcome::Succeeded));
        assert_eq!(notices, ["other"]);
    }
}
