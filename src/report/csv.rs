//! A session as CSV (RFC 4180): a line a record, for spreadsheets and grep.
//!
//! Columns: `seq`, `time` (RFC 3339, UTC), `mono_ms`, `type`, `path`, `visit`, `what` (in
//! words, as `show` says it), `warnings` (what must be known first, a damage above all; on the
//! first line of data only).
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@`, or with a tab or a
//! carriage return, for a formula. Such a cell gets an apostrophe in front; it is not in
//! the journal. That holds for cells that begin with white space before such a character
//! too, and for the wide forms of these characters.

use super::story::Story;
use super::words;
use crate::redact::{Keep, strip_controls};
use crate::session::Event;
use crate::session::path::StepPath;
use crate::session::time::rfc3339;

/// The table.
pub fn csv(story: &Story) -> String {
    let mut out = String::new();
    row(&mut out, &["seq", "time", "mono_ms", "type", "path", "visit", "what", "warnings"].map(str::to_owned));
    let flaws: Vec<&str> = story.flaws.iter().map(|flaw| flaw.text.as_str()).collect();
    let mut warnings = flaws.join(" ");
    if story.moments.is_empty() {
        row(&mut out, &["", "", "", "", "", "", "", &warnings].map(str::to_owned));
    }
    for moment in &story.moments {
        let (path, visit) = moment.event.as_ref().map(place).unwrap_or_default();
        let what = moment.event.as_ref().map_or_else(|| vec!["not known to this version".to_owned()], words::lines);
        row(
            &mut out,
            &[
                moment.seq.to_string(),
                rfc3339(moment.ts),
                moment.mono_ms.to_string(),
                moment.kind.clone(),
                path.map(|path| path.as_str().to_owned()).unwrap_or_default(),
                visit.map(|visit| visit.to_string()).unwrap_or_default(),
                what.join("\n"),
                std::mem::take(&mut warnings),
            ],
        );
    }
    out
}

/// The step a record is about, and its visit.
fn place(event: &Event) -> (Option<&StepPath>, Option<u32>) {
    match event {
        Event::StepEntered(e) => (Some(&e.path), Some(e.visit)),
        Event::StepEnded(e) => (Some(&e.path), Some(e.visit)),
        Event::ItemTicked(e) => (Some(&e.path), Some(e.visit)),
        Event::InputGiven(e) => (Some(&e.path), Some(e.visit)),
        Event::DecisionMade(e) => (e.path.as_ref(), e.visit),
        Event::ApprovalRequested(e) => (Some(&e.path), Some(e.visit)),
        Event::ApprovalGiven(e) | Event::ApprovalRefused(e) => (Some(&e.path), Some(e.visit)),
        Event::ApprovalVoided(e) => (Some(&e.path), Some(e.visit)),
        Event::EffectIntended(e) => (Some(&e.path), Some(e.visit)),
        Event::EffectEnded(e) => (Some(&e.path), Some(e.visit)),
        Event::OutcomeSettled(e) => (Some(&e.path), Some(e.visit)),
        Event::GateJudged(e) => (Some(&e.path), Some(e.visit)),
        Event::DeviationRecorded(e) => (e.path.as_ref(), None),
        Event::NoteAdded(e) => (e.path.as_ref(), None),
        _ => (None, None),
    }
}

/// Adds a line; no cell of it is ever a formula.
pub fn row(out: &mut String, cells: &[String]) {
    for (n, text) in cells.iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        cell(text, out);
    }
    out.push_str("\r\n");
}

/// A cell: text, never a formula.
pub(super) fn cell(text: &str, out: &mut String) {
    let text = strip_controls(text, Keep { newline: true, tab: false });
    let begins = text.trim_start().chars().next();
    let formula = matches!(begins, Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '−'));
    let quoted = formula || text.contains([',', '"', '\n', ';', '\'']) || text.starts_with(' ') || text.ends_with(' ');
    if !quoted {
        out.push_str(&text);
        return;
    }
    out.push('"');
    if formula {
        out.push('\'');
    }
    out.push_str(&text.replace('"', "\"\""));
    out.push('"');
}
