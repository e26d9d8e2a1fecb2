//! A session as Markdown: for a ticket, a wiki, a review.
//!
//! Data is escaped so that it is read as text: nothing in it becomes a heading, a link, a
//! table's column or HTML, and `<!channel>` calls nobody.

use std::fmt::Write as _;

use super::audit::audit;
use super::story::{Story, evidence_of, reading_of};
use super::words::{self, took};
use super::{answers, seals};
use crate::redact::{Keep, strip_controls};
use crate::session::Event;
use crate::session::event::Evidence;

/// A section about some kinds of record: its heading, what it says where there is none,
/// and which belong.
type Section = (&'static str, &'static str, fn(&Event) -> bool);

/// The report.
pub fn markdown(story: &Story) -> String {
    let mut out = String::new();
    let title = story.opened.as_ref().map_or("A journal that cannot be read", |(_, opened)| opened.title.as_str());
    let _ = writeln!(out, "# {}\n", inline(title));
    for flaw in &story.flaws {
        let mark = if flaw.severe { "**WARNING.** " } else { "**Note.** " };
        let _ = writeln!(out, "> {mark}{}\n", inline(&flaw.text));
    }
    let _ = writeln!(out, "**{}** – session `{}`, head `{}`\n", inline(story.outcome()), story.sid, story.head);
    let _ = writeln!(out, "## What an auditor asks\n\n| question | the record says |\n|---|---|");
    for item in audit(story) {
        let missing = item.missing.iter().map(|missing| format!("**Missing:** {}", inline(missing)));
        let said: Vec<String> = item.facts.iter().map(|fact| inline(fact)).chain(missing).collect();
        let _ = writeln!(out, "| {} | {} |", inline(item.question), said.join("<br>"));
    }
    sealed(&mut out, story);
    steps(&mut out, story);
    let sections: [Section; 4] = [
        ("Decisions", "Nothing was decided.", |event| matches!(event, Event::DecisionMade(_))),
        ("Deviations", "None was recorded.", |event| matches!(event, Event::DeviationRecorded(_))),
        ("Approvals", "None was asked for.", |event| {
            matches!(
                event,
                Event::ApprovalRequested(_) | Event::ApprovalGiven(_) | Event::ApprovalRefused(_) | Event::ApprovalVoided(_)
            )
        }),
        ("Guards that tripped", "None.", |event| matches!(event, Event::GuardTripped(_))),
    ];
    for one in sections {
        section(&mut out, story, one);
    }
    reviews(&mut out, story);
    timeline(&mut out, story);
    let _ = writeln!(
        out,
        "\n---\nMade by pacenote {} from the journal alone. Times are UTC. A text proves nothing: `pacenote verify` judges the journal.",
        super::VERSION
    );
    out
}

/// Who sealed it, and what that is worth.
pub(super) fn sealed(out: &mut String, story: &Story) {
    let _ = writeln!(out, "\n## Seals\n\n**{}**\n", inline(&seals::verdict(story)));
    if let Some(basis) = seals::basis(story) {
        let _ = writeln!(out, "{}\n", inline(&basis));
    }
    for seal in seals::seals(story) {
        let _ = writeln!(out, "- {}", inline(&seal.line()));
    }
    if let Some(anchor) = seals::anchor(story) {
        let _ = writeln!(out, "- anchored: {}", inline(&anchor));
    }
    for warning in seals::warnings(story) {
        let _ = writeln!(out, "- **Warning:** {}", inline(warning));
    }
    for missing in seals::missing(story) {
        let _ = writeln!(out, "- **Missing:** {}", inline(&missing));
    }
}

fn steps(out: &mut String, story: &Story) {
    let _ = writeln!(out, "\n## Steps\n\n| entered | step | title | ended | after |\n|---|---|---|---|---|");
    for step in &story.steps {
        let at = step.at.map(|at| at.format("%H:%M:%S").to_string()).unwrap_or_default();
        let (ended, after) = match &step.ended {
            Some((outcome, ms, reason)) => {
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                (format!("{}{reason}", crate::session::outcome_word(*outcome)), took(*ms))
            }
            None => ("no end recorded".to_owned(), String::new()),
        };
        let cells = [at.as_str(), &step.path, &step.title, &ended, &after].map(inline);
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}

fn section(out: &mut String, story: &Story, (heading, none, belongs): Section) {
    let _ = writeln!(out, "\n## {heading}\n");
    let answers = answers::answers(story);
    let mut any = false;
    for (moment, event) in story.each(|event| Some(event).filter(|event| belongs(event))) {
        any = true;
        let first = words::lines(event).into_iter().next().unwrap_or_default();
        let _ = writeln!(out, "- {} {} (record {})", moment.ts.format("%H:%M:%S"), inline(&first), moment.seq);
        if let Some(answer) = answers.iter().find(|answer| answer.seq == moment.seq) {
            let _ = writeln!(out, "  - {}", inline(&answer.line()));
        }
        evidence_of(event).into_iter().for_each(|found| evidence(out, found));
    }
    if !any {
        let _ = writeln!(out, "{none}");
    }
}

/// What others said afterwards; nothing where nobody did.
fn reviews(out: &mut String, story: &Story) {
    let reviews = answers::reviews(story);
    if !reviews.is_empty() {
        let _ = writeln!(out, "\n## Reviewed afterwards\n");
    }
    for review in reviews {
        let _ = writeln!(out, "- {}", inline(&review));
    }
}

fn evidence(out: &mut String, evidence: &Evidence) {
    for (name, signal) in &evidence.signals {
        let age = signal.age_ms.map(|age| format!(", {} old", took(age))).unwrap_or_default();
        let stale = if signal.stale { ", **STALE**" } else { "" };
        let baseline = signal.baseline.map(|baseline| format!(", baseline {baseline}")).unwrap_or_default();
        let _ = writeln!(out, "  - {}: {}{age}{stale}{baseline}", inline(name), inline(&reading_of(signal)));
        for line in signal.reading.iter().flat_map(|reading| &reading.detail) {
            let _ = writeln!(out, "    - {}", inline(line));
        }
    }
    for guard in &evidence.guards {
        let _ = writeln!(out, "  - guard {}", inline(guard));
    }
}

fn timeline(out: &mut String, story: &Story) {
    let _ = writeln!(out, "\n## Timeline\n\n| record | time | what |\n|---|---|---|");
    for moment in &story.moments {
        let lines =
            moment.event.as_ref().map_or_else(|| vec![format!("{} (not known to this version)", moment.kind)], words::lines);
        let time = moment.ts.format("%Y-%m-%d %H:%M:%S");
        let first = lines.first().map(String::as_str).unwrap_or_default();
        let _ = writeln!(out, "| {} | {time} | {} |", moment.seq, inline(first));
    }
}

/// Data on one line, as text.
pub(super) fn inline(text: &str) -> String {
    let text = strip_controls(text, Keep::NOTHING);
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Many readers make links of bare addresses and call people by their names.
            '@' => out.push_str("&#64;"),
            ':' if chars.peek() == Some(&'/') => out.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
