//! `pacenote sessions`: the sessions of this machine, newest first.

use chrono::{DateTime, Utc};

use crate::error::{Exit, Problem};
use crate::journal::{SessionState, SessionSummary};
use crate::redact::{Keep, strip_controls};
use crate::session::event::Mode;

use super::args::{SessionsArgs, TextOrJson};
use super::console::{Console, Table};
use super::{Basis, explain_state};

/// Lists the sessions.
///
/// # Errors
/// When the state folder cannot be read or the output cannot be written.
pub fn run(console: &mut Console, basis: &Basis, arguments: &SessionsArgs) -> Result<Exit, Problem> {
    let state = basis.state()?;
    let mut sessions = state.sessions().map_err(|e| explain_state(&e))?;
    sessions.reverse();
    if arguments.unfinished {
        sessions.retain(|session| session.state.is_unfinished());
    }
    match arguments.format {
        TextOrJson::Json => console.json(&sessions)?,
        TextOrJson::Text if sessions.is_empty() => {
            let which = if arguments.unfinished { "unfinished " } else { "" };
            console.line(format_args!("No {which}sessions in {}.", state.path().display()))?;
        }
        TextOrJson::Text => console.line(table(&sessions))?,
    }
    Ok(Exit::Done)
}

fn table(sessions: &[SessionSummary]) -> Table {
    let mut table = Table::new(&["SESSION", "STATE", "MODE", "ENVIRONMENT", "TICKET", "OPERATOR", "OPENED", "TOOK"]);
    for session in sessions {
        let opened = session.opened.as_ref();
        let text = |pick: fn(&crate::journal::summary::OpenedSummary) -> Option<String>| {
            opened
                .and_then(pick)
                .filter(|text| !text.is_empty())
                .map_or("-".to_owned(), |text| strip_controls(&text, Keep::NOTHING))
        };
        table.row([
            session.sid.clone(),
            state(&session.state),
            text(|o| Some(mode(o.mode).to_owned())),
            text(|o| Some(o.environment.clone())),
            text(|o| o.ticket.clone()),
            text(|o| Some(o.operator.clone())),
            text(|o| Some(o.at.format("%Y-%m-%d %H:%M").to_string())),
            took(opened.map(|o| o.at), session.last),
        ]);
    }
    table
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

/// From the first record to the last, by the wall clock.
fn took(first: Option<DateTime<Utc>>, last: Option<DateTime<Utc>>) -> String {
    let minutes = first.zip(last).map(|(first, last)| (last - first).num_seconds());
    match minutes {
        Some(seconds @ 0..) => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        // The clock was set back in between: no number is better than a wrong one.
        _ => "-".to_owned(),
    }
}
