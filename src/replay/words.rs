//! Which records are decisions, and what one says on a line.

use crate::redact::{Keep, strip_controls};
use crate::report::words;
use crate::session::Event;
use crate::session::intent::Starter;

/// Whether somebody, or something in their place, decided here how it goes on.
pub(super) fn is_decision(event: &Event) -> bool {
    match event {
        Event::DecisionMade(_)
        | Event::DeviationRecorded(_)
        | Event::GuardTripped(_)
        | Event::GuardSnoozed(_)
        | Event::ApprovalGiven(_)
        | Event::ApprovalRefused(_)
        | Event::InputGiven(_)
        | Event::InputsChanged(_)
        | Event::OutcomeSettled(_)
        | Event::SessionPaused(_)
        | Event::SessionClosed(_) => true,
        Event::GateJudged(judged) => judged.final_verdict.is_some(),
        // What starts by itself was decided on before.
        Event::EffectIntended(intent) => intent.by != Starter::Session,
        // A tick is a click; one with words is a statement.
        Event::ItemTicked(tick) => tick.note.is_some(),
        _ => false,
    }
}

/// What was decided in a record, on one line; none where nothing was.
pub fn decision(event: &Event) -> Option<String> {
    line(event).filter(|_| is_decision(event))
}

/// What a record says, on one line, without anything that moves a cursor; none for what
/// only the screen and statistics use.
pub fn line(event: &Event) -> Option<String> {
    words::lines(event).first().map(|words| strip_controls(words, Keep::NOTHING).replace('\n', " "))
}
