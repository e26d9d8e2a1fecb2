//! `pacenote stats`: figures over all sessions, from the ledger.
//!
//! The ledger's lines say what each session came to, so no journal is read. One is only
//! where a line does not say: it was written by an older version, or could not be noted
//! at the close.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Exit, Problem};
use crate::journal::summary::OpenedSummary;
use crate::journal::{SessionDir, SessionState};
use crate::redact::{Keep, strip_controls};
use crate::report;
use crate::report::statistics::{self, By, Left, Question, Run, Statistics, statistics};
use crate::session::event::Mode;
use crate::session::figures::Figures;
use crate::state::StateDir;
use crate::state::ledger::{Entry, Ledger, ReviewNoted};
use crate::state::marks;

use super::Basis;
use super::args::{ByArg, StatsArgs, StatsFormat};
use super::console::{Console, Table};
use super::{debrief, export};

/// A review is of so long where nothing else is said.
const REVIEW: TimeDelta = TimeDelta::days(7);

/// Prints the figures.
///
/// # Errors
/// When the state folder cannot be used or the output not be written.
pub(super) fn run(console: &mut Console, basis: &Basis, arguments: &StatsArgs) -> Result<Exit, Problem> {
    let state = basis.state()?;
    if arguments.rehearsals {
        return rehearsals(console, &state, arguments);
    }
    let now = Utc::now();
    let (entries, wrong) = Ledger::of(&state).as_far_as_good();
    let takes = |opened: &OpenedSummary| {
        let runbook = &opened.runbook;
        (arguments.runbooks.is_empty() || arguments.runbooks.contains(runbook)) && arguments.which.takes(Some(opened), None, now)
    };
    let (runs, left) = gathered(&state, &entries, &takes);
    let to = arguments.which.until.map_or(now, |until| until.end(now).min(now));
    let from = arguments.which.since.map(|since| since.begin(now));
    let from = if arguments.review { from.or(to.checked_sub_signed(REVIEW)) } else { from };
    let ends = arguments.which.until.is_some();
    let question =
        |from, to, ends| Question { from, to, ends, takes: &takes, filter: filter(arguments), by: arguments.by.map(ByArg::by) };
    let found = statistics(&runs, left.clone(), &question(from, to, ends));
    let text = if arguments.review {
        let begin = from.unwrap_or(to);
        let earlier = begin.checked_sub_signed(to - begin);
        Some(statistics::review(&found, &statistics(&runs, Left::default(), &question(earlier, begin, true))))
    } else {
        match arguments.format {
            StatsFormat::Html => Some(statistics::page(&found)),
            StatsFormat::Json => Some(json(&found)?),
            StatsFormat::Text => None,
        }
    };
    match (text, &arguments.output) {
        (None, None) => table(console, &found)?,
        (None, Some(_)) => {
            return Err(
                Problem::usage("--output takes a page, JSON or a review").hint("add --format html, --format json or --review")
            );
        }
        (Some(text), None) => console.text(&text)?,
        (Some(text), Some(path)) => export::write(path, text.as_bytes()).map_err(|e| {
            Problem::cannot_start(format!("the figures cannot be written: {e}"))
                .at(path.display())
                .hint("free some space or choose another place; what stood under this name is untouched")
        })?,
    }
    if let Some(wrong) = &wrong {
        console.note(format_args!("warning: {wrong}; the figures end before that line"));
    }
    Ok(if wrong.is_some() { Exit::Failed } else { Exit::Done })
}

/// How rehearsals went.
fn rehearsals(console: &mut Console, state: &StateDir, arguments: &StatsArgs) -> Result<Exit, Problem> {
    let now = Utc::now();
    let mut all =
        debrief::all(state, |runbook| arguments.runbooks.is_empty() || arguments.runbooks.iter().any(|one| one == runbook));
    all.retain(|one| {
        let who = &arguments.which.operator;
        arguments.which.takes(None, Some(one.opened), now) && who.as_ref().is_none_or(|who| *who == one.operator)
    });
    match arguments.format {
        StatsFormat::Html => {
            return Err(Problem::usage("rehearsals have no page").hint("leave --format out, or use --format json"));
        }
        StatsFormat::Json => console.json(&all)?,
        StatsFormat::Text if all.is_empty() => console.line("No rehearsals.")?,
        StatsFormat::Text => {
            rows(console, report::debrief::rehearsals(&all))?;
            console.line("The times are those of the last walk, from the first sign that could be seen; `pacenote show SESSION` says what they are.")?;
        }
    }
    Ok(Exit::Done)
}

impl ByArg {
    fn by(self) -> By {
        match self {
            Self::Service => By::Service,
            Self::Week => By::Week,
            Self::Month => By::Month,
        }
    }
}

/// What was chosen, for people.
fn filter(arguments: &StatsArgs) -> String {
    let which = &arguments.which;
    let runbooks = (!arguments.runbooks.is_empty()).then(|| arguments.runbooks.join(" or "));
    let named = [
        ("service", &which.service),
        ("environment", &which.env),
        ("operator", &which.operator),
        ("kind", &which.kind),
        ("runbook", &runbooks),
    ];
    named.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}"))).collect::<Vec<_>>().join(", ")
}

/// What the ledger says of one session, line after line.
#[derive(Default)]
struct Known<'a> {
    opened: Option<&'a OpenedSummary>,
    figures: Option<&'a Figures>,
    closed: Option<DateTime<Utc>>,
    moved: Option<&'a str>,
    /// The last review that counted.
    review: Option<&'a ReviewNoted>,
}

/// The closed sessions, and how many others there are.
fn gathered(state: &StateDir, entries: &[Entry], takes: &dyn Fn(&OpenedSummary) -> bool) -> (Vec<Run>, Left) {
    let mut known: BTreeMap<&str, Known<'_>> = BTreeMap::new();
    for entry in entries {
        let session = known.entry(&entry.sid).or_default();
        session.opened = entry.opened.as_deref().or(session.opened);
        session.figures = entry.figures.as_deref().or(session.figures);
        if entry.kind == "session.closed" {
            session.closed = Some(entry.ts);
        }
        session.moved = entry.folder.as_deref().or(session.moved);
        session.review = entry.review.as_deref().filter(|review| review.counts).or(session.review);
    }
    let (mut runs, mut left) = (Vec::with_capacity(known.len()), Left::default());
    for (sid, known) in known {
        let (opened, figures, closed) = known.resolved(state, sid);
        let reviewed = known.review.map(|review| format!("{} by {}", review.finding, review.by));
        if opened.as_ref().is_some_and(|opened| !takes(opened)) {
            continue;
        }
        match (opened, figures, closed) {
            (Some(opened), Some(figures), Some(closed)) if figures.outcome.is_some() => {
                runs.push(Run { sid: sid.to_owned(), opened, closed, figures, reviewed });
            }
            (Some(opened), _, None) if opened.mode != Mode::Live => {}
            (_, _, None) => left.open += 1,
            _ => left.unknown += 1,
        }
    }
    (runs, left)
}

impl Known<'_> {
    /// With what the journal says where the ledger does not.
    fn resolved(&self, state: &StateDir, sid: &str) -> (Option<OpenedSummary>, Option<Figures>, Option<DateTime<Utc>>) {
        let mut found = (self.opened.cloned(), self.figures.cloned(), self.closed);
        if found.0.is_some() && found.1.is_some() && found.2.is_some() {
            return found;
        }
        let archived = self.moved.map(|folder| std::path::Path::new(folder).join(sid));
        let folders = [Some(state.sessions_folder().join(sid)), archived];
        let Some(dir) = folders.into_iter().flatten().filter_map(SessionDir::new).find(|dir| dir.journal().is_file()) else {
            return found;
        };
        let summary = crate::journal::summary::summarise(&dir);
        if let SessionState::Closed { .. } = summary.state {
            let about = marks::about(&dir, true);
            found.0 = found.0.or(about.opened.map(|opened| *opened));
            found.1 = found.1.or(about.figures.map(|figures| *figures));
            found.2 = found.2.or(summary.last);
        } else {
            found.0 = found.0.or(summary.opened);
        }
        found
    }
}

fn json(found: &Statistics) -> Result<String, Problem> {
    let text = serde_json::to_string_pretty(found)
        .map_err(|e| Problem::cannot_start(format!("the figures cannot be written as JSON: {e}")))?;
    Ok(text + "\n")
}

fn rows(console: &mut Console, rows: Vec<Vec<String>>) -> Result<(), Problem> {
    let mut rows = rows.into_iter();
    let headings = rows.next().unwrap_or_default();
    let mut table = Table::new(&headings.iter().map(String::as_str).collect::<Vec<_>>());
    rows.for_each(|row| table.row(row.into_iter().map(|cell| strip_controls(&cell, Keep::NOTHING))));
    console.line(table)
}

fn table(console: &mut Console, found: &Statistics) -> Result<(), Problem> {
    console.line(format_args!("{}.", strip_controls(&found.scope(), Keep::NOTHING)))?;
    if let Some(left) = found.left.words() {
        console.line(left)?;
    }
    console.line("")?;
    rows(console, statistics::overview(found))?;
    if !found.groups.is_empty() {
        console.line("")?;
        rows(console, statistics::by_group(&found.groups))?;
        console.line("(! misses its target)")?;
    }
    for (heading, lines) in statistics::lists(found).into_iter().filter(|(_, lines)| !lines.is_empty()) {
        console.line(format_args!("\n{heading}:"))?;
        for line in lines {
            console.line(format_args!("  {}", strip_controls(&line, Keep::NOTHING)))?;
        }
    }
    console.line("\nWhat the figures mean:")?;
    for line in statistics::definitions() {
        console.line(format_args!("  {line}"))?;
    }
    Ok(())
}
