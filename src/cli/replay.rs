//! `pacenote replay`: a session again, on the screen it was walked on.
//!
//! Reads the journal, the runbook kept with it and outputs beside it; writes nothing. A
//! journal that is damaged, not sealed or not finished is played as far as it goes. What
//! is wrong with it stands over the screen all the time, is said again at the end, and the
//! exit code is then 1.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use chrono::Utc;

use super::args::ReplayArgs;
use super::console::Console;
use super::{Basis, rollback, show, verify, walk};
use crate::app;
use crate::app::replay::Film;
use crate::error::{Exit, Problem};
use crate::journal::verify::{Options, Status, Verification, verify_with};
use crate::redact::{Keep, strip_controls};
use crate::replay::{Playback, Tape};
use crate::report::Source;
use crate::session::Event;
use crate::session::event::Mode;
use crate::terminal::TerminalGuard;
use crate::terminal::capabilities::Capabilities;

mod timeline;

/// Plays one session.
///
/// # Errors
/// When there is no such session, it cannot be read, or not with its runbook, or the
/// terminal cannot be used.
pub(super) fn run(console: &mut Console, basis: &Basis, arguments: &ReplayArgs) -> Result<Exit, Problem> {
    let path = show::journal(basis, &arguments.session)?;
    if path.extension().is_some_and(|extension| extension == "tar") {
        return Err(Problem::usage("a pack is played from its folder")
            .at(path.display())
            .hint("unpack it (tar xf) and name the folder that comes out of it"));
    }
    let source = Source::read(&path).map_err(|e| {
        Problem::cannot_start(format!("the journal cannot be read: {e}"))
            .at(path.display())
            .hint("`pacenote sessions` lists the sessions of this machine")
    })?;
    let verification = verification(basis, &path);
    let mut alarms = alarms(&source, &verification);
    let capabilities = Capabilities::from_env(|name| std::env::var(name).ok());
    if arguments.plain || !io::stdout().is_terminal() || !capabilities.screen {
        timeline::print(console, &Tape::new(source.records), &alarms, &remarks(&verification))?;
    } else {
        let mut film = film(basis, &path, source, arguments)?;
        if let Some(error) = film.player().error() {
            alarms.push(format!("THE REPLAY ENDS BEFORE RECORD #{}: {error}", error.record));
        }
        film = film.with_alarms(alarms.clone()).with_remarks(remarks(&verification));
        if let Some(place) = &arguments.at {
            film.transport(crate::tui::Transport::Jump(place.clone())).map_err(Problem::usage)?;
        }
        on_screen(basis, capabilities, &mut film)?;
    }
    for alarm in &alarms {
        console.note(format_args!("warning: {}", strip_controls(alarm, Keep::NOTHING)));
    }
    Ok(if alarms.is_empty() { Exit::Done } else { Exit::Failed })
}

fn on_screen(basis: &Basis, capabilities: Capabilities, film: &mut Film) -> Result<(), Problem> {
    let broken = |e: io::Error| {
        Problem::cannot_start(format!("the terminal cannot be used: {e}")).hint("--plain prints the timeline as text")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    runtime.block_on(async {
        let title = format!("pacenote: replay of {}", film.player().session().opened().title);
        let mut guard = TerminalGuard::enter(&title).map_err(broken)?;
        let ui = capabilities.ui(walk::theme(basis.config.theme.value));
        let left = app::replay::run(film, &mut guard, ui).await;
        drop(guard);
        left.map_err(broken)
    })
}

/// What `verify` says of it, by the keys that are trusted here.
fn verification(basis: &Basis, path: &Path) -> Verification {
    // A list that cannot be used makes nobody trusted; `verify` says what is wrong with it.
    let signers = verify::signers(basis, None).ok().flatten();
    verify_with(path, Options { signers: signers.as_ref(), now: Utc::now(), ..Options::default() })
}

/// What is wrong with the record, the first bad line by its number.
fn alarms(source: &Source, verification: &Verification) -> Vec<String> {
    let mut alarms = Vec::new();
    match (&source.damage, &verification.problem) {
        (Some(damage), _) => alarms.push(format!("THE JOURNAL IS DAMAGED, {damage}. What comes after it is not played.")),
        (None, Some(finding)) => {
            alarms.push(format!("THE JOURNAL IS NOT WHAT WAS WRITTEN, {finding}. What is played may not be what happened."));
        }
        (None, None) => {}
    }
    if let Some(lost) = &source.lost
        && source.damage.is_none()
        && verification.problem.is_none()
    {
        alarms.push(format!("A TEXT OF THE JOURNAL IS MISSING OR CHANGED, {lost}. Its beginning stands for it."));
    }
    alarms
}

/// What is good to know of a record with nothing wrong in it.
fn remarks(verification: &Verification) -> Vec<String> {
    let rehearsal = verification.opened.as_ref().is_some_and(|o| o.mode == Mode::Rehearsal);
    let mut remarks = match verification.status {
        Status::Verified | Status::Broken | Status::Unreadable => Vec::new(),
        // Nobody's own key seals a rehearsal.
        Status::Untrusted if rehearsal => Vec::new(),
        Status::IntactOpen => vec!["this session is not closed; the replay goes as far as its journal did just now".to_owned()],
        Status::Untrusted => {
            vec![format!("the journal is intact, and not trusted: {}", verification.untrusted.join("; "))]
        }
        Status::IntactUnsealed | Status::IntactTorn => vec![format!("the journal is {}", verification.sentence())],
    };
    if !verification.unknown.is_empty() {
        let kinds: Vec<&str> = verification.unknown.iter().map(String::as_str).collect();
        remarks.push(format!("records of types this version does not know are passed over: {}", kinds.join(", ")));
    }
    remarks
}

/// The session with the runbook it was walked by, and with the one it rolls back.
fn film(basis: &Basis, path: &Path, source: Source, arguments: &ReplayArgs) -> Result<Film, Problem> {
    let old = match source.records.first().and_then(|record| record.event.as_ref()) {
        Some(Event::SessionOpened(opened)) if opened.rolls_back.is_some() => rollback::named_by(&basis.state()?, opened)?,
        _ => None,
    };
    let idle = arguments.idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
    let playback = Playback::new(arguments.speed, idle);
    app::replay::open(source, old.as_ref().map(|old| &old.session), playback).map_err(|why| {
        Problem::cannot_start(format!("it cannot be played: {why}"))
            .at(path.display())
            .hint("`pacenote show`, and `replay --plain`, need nothing but the journal")
    })
}
