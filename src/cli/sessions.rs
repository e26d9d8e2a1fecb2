//! `pacenote sessions`: the sessions of this machine, newest first.
//!
//! The list is the population that auditors sample from: by the ledger and by what is
//! there, so that a session whose folder was removed is shown as missing and not left
//! out. With `--verify` each journal is verified, and the worst shows in the exit code.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::error::{Exit, Problem};
use crate::journal::summary::{OpenedSummary, operators};
use crate::journal::verify::{Options, Verification};
use crate::journal::{SessionState, SessionSummary};
use crate::redact::{Keep, strip_controls};
use crate::report;
use crate::session::event::Mode;
use crate::session::time::rfc3339;
use crate::state::ledger::Ledger;
use crate::state::population::{Member, Standing, population};

use super::args::{ListFormat, SessionsArgs, SortBy};
use super::console::{Console, Table};
use super::{Basis, explain_state, verify};

/// Lists the sessions.
///
/// # Errors
/// When the state folder cannot be read or the output cannot be written.
pub fn run(console: &mut Console, basis: &Basis, arguments: &SessionsArgs) -> Result<Exit, Problem> {
    let state = basis.state()?;
    let now = Utc::now();
    let (members, wrong) = population(&state).map_err(|e| explain_state(&e))?;
    let all = members.len();
    let mut rows: Vec<Row> = members.into_iter().filter(|member| asked_for(arguments, member, now)).map(Row::of).collect();
    if arguments.verify {
        let signers = verify::signers(basis, None)?;
        for row in &mut rows {
            row.verify = row.member.folder.as_ref().and_then(|dir| {
                let options = Options { signers: signers.as_ref(), now, ..Options::default() };
                crate::journal::verify(&[dir.journal()], options).journals.pop()
            });
        }
    }
    rows.sort_by(|a, b| order(arguments.sort, &a.member, &b.member));
    if arguments.reverse {
        rows.reverse();
    }
    match arguments.format {
        ListFormat::Json => console.json(&rows)?,
        ListFormat::Csv => {
            console.text(&csv(&rows))?;
            let head = Ledger::of(&state).head().ok().flatten().unwrap_or_else(|| "empty".to_owned());
            console.note(format_args!("{} of {all} sessions, {}; the ledger ends with {head}", rows.len(), rfc3339(now)));
        }
        ListFormat::Text if rows.is_empty() && all == 0 => {
            console.line(format_args!("No sessions in {}.", state.path().display()))?;
        }
        ListFormat::Text if rows.is_empty() => {
            console.line(format_args!("Of the {all} in {} {}.", state.path().display(), none(arguments)))?;
        }
        ListFormat::Text => console.line(table(&rows, arguments.verify))?,
    }
    if let Some(wrong) = &wrong {
        console.note(format_args!("warning: {wrong}; what follows in it was not used"));
    }
    Ok(said(console, &rows, wrong.is_some()))
}

/// Says what is wrong; the exit code.
fn said(console: &mut Console, rows: &[Row], ledger_broken: bool) -> Exit {
    for standing in [Standing::Missing, Standing::OnlyMarked, Standing::NotInLedger, Standing::Differs, Standing::OtherLedger] {
        let count = rows.iter().filter(|row| row.member.ledger == standing).count();
        if count > 0 {
            console.note(format_args!("warning: {count} of these sessions: {}", meaning(&standing)));
        }
    }
    let gone = rows.iter().filter(|row| matches!(row.member.ledger, Standing::NotInArchive { .. })).count();
    if gone > 0 {
        console.note(format_args!("warning: {gone} of these sessions: not in the archive they were moved to"));
    }
    let broken = rows.iter().filter_map(|row| row.verify.as_ref()).filter(|found| found.code == 1).count();
    if broken > 0 {
        let are = if broken == 1 { "is" } else { "are" };
        console.note(format_args!("warning: {broken} of these journals {are} broken; `pacenote verify SESSION` says more"));
    }
    if broken > 0 || ledger_broken { Exit::Failed } else { Exit::Done }
}

fn meaning(standing: &Standing) -> &'static str {
    match standing {
        Standing::Missing => "in the ledger, and not there: they were removed",
        Standing::OnlyMarked => "sealed, as their marks say, and neither there nor in the ledger: both were removed",
        Standing::NotInLedger => "there, and not in the ledger",
        Standing::OtherLedger => "opened behind a line that the ledger does not hold: the ledger was written anew",
        _ => "their journals do not end as the ledger says",
    }
}

/// One line of the list.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    member: Member,
    /// What `verify` says, where it was asked for and there is a journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    verify: Option<Verification>,
}

impl Row {
    fn of(member: Member) -> Self {
        Self { member, verify: None }
    }
}

/// That there are sessions, and none of those asked for.
fn none(arguments: &SessionsArgs) -> &'static str {
    let filtered = !arguments.which.is_all() || arguments.mode.is_some() || arguments.outcome.is_some();
    match (arguments.unfinished, filtered) {
        (true, false) => "no session can be resumed",
        (true, true) => "no session can be resumed and matches the filters",
        (false, _) => "no session matches the filters",
    }
}

fn asked_for(arguments: &SessionsArgs, member: &Member, now: DateTime<Utc>) -> bool {
    let summary = &member.summary;
    let opened = summary.opened.as_ref();
    let rehearsed = opened.is_some_and(|opened| opened.mode == Mode::Rehearsal);
    // The world of a rehearsal ended with it: nothing of it can be gone on with.
    (!arguments.unfinished || (summary.state.is_unfinished() && !rehearsed))
        && arguments.which.takes_of(opened, opened.map(|o| o.at).or(summary.last), now, || hands(member))
        && arguments.mode.is_none_or(|mode| opened.is_none_or(|opened| mode.is(opened.mode)))
        && arguments.outcome.is_none_or(|outcome| outcome.is(&summary.state))
}

/// Who had it in hand. Of a journal that is not there only who opened it is known.
fn hands(member: &Member) -> Vec<String> {
    member.folder.as_ref().and_then(|dir| operators(dir).ok()).unwrap_or_default()
}

/// Newest, longest first; names from a to z.
fn order(by: SortBy, a: &Member, b: &Member) -> Ordering {
    let text = |pick: fn(&OpenedSummary) -> Option<&str>| {
        let key = |member: &Member| member.summary.opened.as_ref().and_then(pick).unwrap_or_default().to_owned();
        key(a).cmp(&key(b))
    };
    let first = match by {
        SortBy::Opened => Ordering::Equal,
        SortBy::Took => seconds(&b.summary).cmp(&seconds(&a.summary)),
        SortBy::Service => text(|o| o.service.as_deref()),
        SortBy::Env => text(|o| Some(&o.environment)),
        SortBy::Operator => text(|o| Some(&o.operator)),
        SortBy::Outcome => state(&a.summary.state).cmp(&state(&b.summary.state)),
    };
    // Ids begin with the time.
    first.then_with(|| b.summary.sid.cmp(&a.summary.sid))
}

fn table(rows: &[Row], verified: bool) -> Table {
    let mut headings =
        vec!["SESSION", "STATE", "MODE", "ENVIRONMENT", "SERVICE", "TICKET", "OPERATOR", "OPENED", "TOOK", "LEDGER"];
    headings.extend(verified.then_some("VERIFY"));
    let mut table = Table::new(&headings);
    for row in rows {
        let session = &row.member.summary;
        let opened = session.opened.as_ref();
        let text = |pick: fn(&OpenedSummary) -> Option<String>| {
            opened
                .and_then(pick)
                .filter(|text| !text.is_empty())
                .map_or("-".to_owned(), |text| strip_controls(&text, Keep::NOTHING))
        };
        let mut cells = vec![
            session.sid.clone(),
            state(&session.state),
            text(|o| Some(mode(o.mode).to_owned())),
            text(|o| Some(o.environment.clone())),
            text(|o| o.service.clone()),
            text(|o| o.ticket.clone()),
            text(|o| Some(o.operator.clone())),
            text(|o| Some(o.at.format("%Y-%m-%d %H:%M").to_string())),
            took(session),
            row.member.ledger.words().to_owned(),
        ];
        cells.extend(verified.then(|| verdict(row.verify.as_ref())));
        table.row(cells);
    }
    table
}

/// The code of `verify`, and what it means.
fn verdict(found: Option<&Verification>) -> String {
    let Some(found) = found else { return "-".to_owned() };
    let word = match found.code {
        0 => "verified",
        5 => "open, unsealed or torn",
        6 => "not trusted",
        _ => "BROKEN",
    };
    format!("{} {word}", found.code)
}

fn csv(rows: &[Row]) -> String {
    let mut out = String::new();
    let headings = [
        "session",
        "ledger",
        "state",
        "mode",
        "environment",
        "service",
        "version",
        "kind",
        "ticket",
        "runbook",
        "title",
        "bundle",
        "operator",
        "host",
        "opened",
        "last",
        "took_seconds",
        "records",
        "head",
        "rolls_back",
        "emergency",
        "folder",
        "verify",
        "verify_says",
    ];
    report::csv_row(&mut out, &headings.map(str::to_owned));
    for row in rows {
        let session = &row.member.summary;
        let opened = session.opened.as_ref();
        let text = |pick: fn(&OpenedSummary) -> Option<String>| opened.and_then(pick).unwrap_or_default();
        let cells = [
            session.sid.clone(),
            row.member.ledger.words().to_lowercase(),
            state(&session.state),
            text(|o| Some(mode(o.mode).to_owned())),
            text(|o| Some(o.environment.clone())),
            text(|o| o.service.clone()),
            text(|o| o.version.clone()),
            text(|o| o.kind.clone()),
            text(|o| o.ticket.clone()),
            text(|o| Some(o.runbook.clone())),
            text(|o| Some(o.title.clone())),
            text(|o| Some(o.bundle.clone())),
            text(|o| Some(o.operator.clone())),
            text(|o| Some(o.host.clone())),
            text(|o| Some(rfc3339(o.at))),
            session.last.map(rfc3339).unwrap_or_default(),
            seconds(session).map(|s| s.to_string()).unwrap_or_default(),
            session.records.to_string(),
            session.head.clone(),
            text(|o| o.rolls_back.clone()),
            if super::review::is_emergency(&row.member) { "yes" } else { "no" }.to_owned(),
            row.member.folder.as_ref().map(|dir| dir.path().display().to_string()).unwrap_or_default(),
            row.verify.as_ref().map(|found| found.code.to_string()).unwrap_or_default(),
            row.verify.as_ref().map(Verification::sentence).unwrap_or_default(),
        ];
        report::csv_row(&mut out, &cells);
    }
    out
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::DryRun => "dry-run",
        Mode::Rehearsal => "rehearsal",
    }
}

fn state(state: &SessionState) -> String {
    match state {
        SessionState::Closed { outcome } => outcome.as_str().to_owned(),
        SessionState::Running { holder } => format!("running (pid {})", holder.pid),
        SessionState::Unfinished => "unfinished".to_owned(),
        SessionState::Empty => "empty".to_owned(),
        SessionState::Unreadable { why } => format!("UNREADABLE: {}", strip_controls(why, Keep::NOTHING)),
    }
}

/// From the first record to the last, by the wall clock. None where the clock was set back
/// in between: no number is better than a wrong one.
fn seconds(session: &SessionSummary) -> Option<i64> {
    let (first, last) = session.opened.as_ref().map(|o| o.at).zip(session.last)?;
    Some((last - first).num_seconds()).filter(|seconds| *seconds >= 0)
}

fn took(session: &SessionSummary) -> String {
    let clock = |seconds: i64| format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    seconds(session).map_or_else(|| "-".to_owned(), clock)
}
