//! A session's time line as lines of text, for pipes and terminals without a screen.

use crate::error::Problem;
use crate::redact::{Keep, strip_controls};
use crate::replay::{Tape, decision, line};
use crate::session::Event;

use super::super::console::Console;

/// Prints one line a record, readings and what a gate thought on its way left out: how far into the session, the
/// time of day, the number, and what happened. Decisions are marked with a `*`.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print(console: &mut Console, tape: &Tape, alarms: &[String], remarks: &[String]) -> Result<(), Problem> {
    for alarm in alarms {
        console.line(format_args!("!! {}", strip_controls(alarm, Keep::NOTHING)))?;
    }
    for remark in remarks {
        console.line(format_args!(" - {}", strip_controls(remark, Keep::NOTHING)))?;
    }
    let mut day = None;
    for (index, record) in tape.records().iter().enumerate() {
        if day.replace(record.ts.date_naive()) != Some(record.ts.date_naive()) {
            console.line(format_args!("{}", record.ts.format("%Y-%m-%d (times are UTC)")))?;
        }
        let words = match &record.event {
            Some(Event::SignalSampled(_)) => continue,
            Some(Event::GateJudged(judged)) if judged.final_verdict.is_none() => continue,
            Some(event) => line(event),
            None => Some(format!("{} (not known to this version)", strip_controls(&record.kind, Keep::NOTHING))),
        };
        let Some(words) = words else { continue };
        if tape.away_until(index).is_some() {
            let gone = tape.time(index).saturating_sub(tape.time(index.saturating_sub(1)));
            console.line(format_args!("            (nothing was recorded for {}: nobody was at it)", clock(gone)))?;
        }
        let mark = if record.event.as_ref().and_then(decision).is_some() { '*' } else { ' ' };
        let into = clock(tape.time(index));
        console.line(format_args!("{mark} {into}  {}  #{:<5} {words}", record.ts.format("%H:%M:%S"), record.seq))?;
    }
    if tape.is_empty() {
        console.line("Nothing was recorded.")?;
    }
    Ok(())
}

/// Hours, minutes and seconds.
fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
