//! Which records are decisions, and how the next one is announced.

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

/// A record on one line, without anything that moves a cursor; what a record of readings
/// says has no line.
pub fn decision(event: &Event) -> Option<String> {
    next_line(event).filter(|_| is_decision(event))
}

/// What a record says, on one line.
pub fn next_line(event: &Event) -> Option<String> {
    words::lines(event).first().map(|line| strip_controls(line, Keep::NOTHING).replace('\n', " "))
}
