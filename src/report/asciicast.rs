//! A session as an asciicast (version 3), to be played by asciinema and its players.
//!
//! It plays the session's text, a record at a time, in the time it took; waits longer than
//! two seconds are shortened by the player (`idle_time_limit`). It is *not* the operator's
//! screen: the journal does not hold what panels showed between two records, and a film
//! must not show what nobody saw. `replay` draws the screen anew, and says that it does.

use serde_json::json;

use super::story::Story;
use super::words;
use crate::redact::{Keep, strip_controls};
use crate::session::Event;
use crate::session::event::{GateEnd, Outcome, SessionOutcome, StepOutcome};

const COLUMNS: u16 = 120;
const ROWS: u16 = 36;
/// Of one record so many further lines are shown.
const MOST_LINES: usize = 14;

/// The recording.
pub fn asciicast(story: &Story) -> String {
    let start = story.moments.first().map(|moment| moment.ts);
    let title = story.opened.as_ref().map_or("A journal that cannot be read", |(_, opened)| opened.title.as_str());
    let header = json!({
        "version": 3,
        "term": { "cols": COLUMNS, "rows": ROWS },
        "timestamp": start.map(|start| start.timestamp()),
        "idle_time_limit": 2.0,
        "title": strip_controls(title, Keep::NOTHING),
    });
    let mut out = format!("{header}\n");
    for flaw in &story.flaws {
        let colour = if flaw.severe { "1;37;41" } else { "1;33" };
        event(&mut out, 0.0, "o", &format!("\u{1b}[{colour}m{}\u{1b}[0m\r\n", strip_controls(&flaw.text, Keep::NOTHING)));
    }
    let mut before = start;
    for moment in &story.moments {
        let waited = before.map_or(0, |before| (moment.ts - before).num_milliseconds().max(0));
        before = Some(moment.ts.max(before.unwrap_or(moment.ts)));
        let lines =
            moment.event.as_ref().map_or_else(|| vec![format!("{} (not known to this version)", moment.kind)], words::lines);
        if lines.is_empty() {
            event(&mut out, waited as f64 / 1000.0, "o", "");
            continue;
        }
        let text = text(moment.ts.format("%H:%M:%S").to_string(), moment.event.as_ref(), &lines);
        event(&mut out, waited as f64 / 1000.0, "o", &text);
        if let Some(Event::StepEntered(entered)) = &moment.event {
            event(&mut out, 0.0, "m", &strip_controls(entered.path.as_str(), Keep::NOTHING));
        }
    }
    let code = if story.outcome() == "completed" { "0" } else { "1" };
    event(&mut out, 1.0, "x", code);
    out
}

/// An event: seconds since the one before, what it is, and its data.
fn event(out: &mut String, after: f64, code: &str, data: &str) {
    out.push_str(&json!([after, code, data]).to_string());
    out.push('\n');
}

fn text(time: String, event: Option<&Event>, lines: &[String]) -> String {
    let mut out = String::new();
    for (n, line) in lines.iter().take(MOST_LINES + 1).enumerate() {
        let line = strip_controls(line, Keep::NOTHING);
        match n {
            0 => out.push_str(&format!("\u{1b}[2m{time}\u{1b}[0m  \u{1b}[{}m{line}\u{1b}[0m\r\n", colour(event))),
            _ => out.push_str(&format!("          \u{1b}[2m{line}\u{1b}[0m\r\n")),
        }
    }
    if lines.len() > MOST_LINES + 1 {
        out.push_str(&format!("          \u{1b}[2m… {} more lines\u{1b}[0m\r\n", lines.len() - MOST_LINES - 1));
    }
    out
}

/// Red is bad, green is good, yellow is a person, bold is a change.
fn colour(event: Option<&Event>) -> &'static str {
    match event {
        Some(Event::GuardTripped(_) | Event::DeviationRecorded(_) | Event::ApprovalRefused(_)) => "1;31",
        Some(Event::EffectEnded(ended)) if ended.outcome != Outcome::Succeeded => "1;31",
        Some(Event::StepEnded(ended)) => match ended.outcome {
            StepOutcome::Done => "32",
            StepOutcome::Failed | StepOutcome::Interrupted | StepOutcome::Skipped => "31",
            StepOutcome::NotApplicable | StepOutcome::NotChosen => "2",
        },
        Some(Event::GateJudged(gate)) if gate.final_verdict == Some(GateEnd::Failed) => "1;31",
        Some(Event::SessionClosed(closed)) if closed.outcome != SessionOutcome::Completed => "1;31",
        Some(Event::SessionClosed(_) | Event::ApprovalGiven(_)) => "1;32",
        Some(Event::DecisionMade(_) | Event::NoteAdded(_) | Event::ItemTicked(_)) => "33",
        Some(Event::EffectIntended(intent)) if intent.changes => "1",
        Some(Event::StepEntered(_)) => "1;36",
        _ => "0",
    }
}
