//! `pacenote replay`: a session again, on the screen it was walked on.
//!
//! Reads the journal, the runbook kept with it and outputs beside it; writes nothing. A
//! journal that is damaged, not sealed or not finished is played as far as it goes. What
//! is wrong with it stands over the screen all the time, is said again at the end, and the
//! exit code is then 1.

use std::io::{self, IsTerminal as _};
use std::path::{Component, Path};
use std::sync::Arc;

use chrono::Utc;

use super::args::ReplayArgs;
use super::console::Console;
use super::{Basis, rollback, show, verify, walk};
use crate::app;
use crate::app::replay::Film;
use crate::error::{Exit, Problem};
use crate::journal::verify::{Options, Status, Verification, verify_with};
use crate::live::{PanelKind, PanelSpec};
use crate::redact::{Keep, strip_controls};
use crate::replay::{Playback, Player, Tape};
use crate::report::Source;
use crate::runbook::load::{self, Bundle};
use crate::session::event::{Mode, Opened};
use crate::session::{At, Event, Plan, Session};
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
        Status::Untrusted | Status::IntactUnsealed | Status::IntactTorn => {
            vec![format!("the journal is {}", verification.sentence())]
        }
    };
    if !verification.unknown.is_empty() {
        let kinds: Vec<&str> = verification.unknown.iter().map(String::as_str).collect();
        remarks.push(format!("records of types this version does not know are passed over: {}", kinds.join(", ")));
    }
    remarks
}

/// The session with the runbook it was walked by.
fn film(basis: &Basis, path: &Path, source: Source, arguments: &ReplayArgs) -> Result<Film, Problem> {
    let place = |problem: Problem| problem.at(path.display()).hint("`pacenote show` and `replay --plain` need no runbook");
    let first = source.records.first().ok_or_else(|| {
        Problem::cannot_start("nothing can be read of the journal").at(path.display()).hint("`pacenote verify` says why")
    })?;
    let Some(event @ Event::SessionOpened(opened)) = &first.event else {
        return Err(place(Problem::cannot_start("the journal does not begin with `session.opened`")));
    };
    let bundle = bundle_beside(path, opened).map_err(|why| place(Problem::cannot_start(why)))?;
    let name = Some(opened.environment.name.as_str()).filter(|name| !name.is_empty());
    let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), name).map_err(|e| place(Problem::cannot_start(e)))?;
    let plan = Arc::new(plan);
    let at = At { wall: first.ts, mono_ms: first.mono_ms };
    let old = if opened.rolls_back.is_some() { rollback::named_by(&basis.state()?, opened)? } else { None };
    let begun = match &old {
        Some(old) => Session::open_after(plan, &first.sid, at, event, &old.session),
        None => Session::open(plan, &first.sid, at, event),
    };
    let session = begun.map_err(|e| place(Problem::cannot_start(e)))?;
    let specs = panels(&session, at);
    let idle = arguments.idle.map(|idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX));
    let last = source.records.last().map_or(0, |record| record.seq);
    let player = Player::new(Tape::new(source.records), session, &specs);
    Ok(Film::new(player, Playback::new(arguments.speed, idle), path, last))
}

/// The panels of the runbook's signals. Where a signal cannot be worked out, all stay
/// empty and say why: another's values under a wrong name would be worse.
fn panels(session: &Session, at: At) -> Vec<PanelSpec> {
    match app::watch::resolve(session, at, &app::watch::Headers::default()) {
        Ok(signals) => signals.iter().map(crate::signals::ResolvedSignal::panel).collect(),
        Err(why) => {
            let unavailable = |signal: &crate::runbook::model::Signal| PanelSpec {
                name: signal.name.value.clone(),
                title: signal.name.value.clone(),
                every_ms: 10_000,
                kind: PanelKind::Unavailable(why.clone()),
            };
            session.plan().runbook().signals.iter().map(unavailable).collect()
        }
    }
}

/// The runbook kept beside a journal, and none but the one that was walked.
fn bundle_beside(journal: &Path, opened: &Opened) -> Result<Bundle, String> {
    let (root, _) = opened.bundle.files.first().ok_or("the journal names no runbook file")?;
    if !Path::new(root).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("the journal names `{root}` as its runbook, which leads out of its folder"));
    }
    let file = journal.with_file_name("bundle").join(root);
    if !file.is_file() {
        return Err(format!("the runbook it was walked by is not beside it: {} is missing", file.display()));
    }
    let bundle = load::load(&file.to_string_lossy())
        .map_err(|report| format!("the runbook kept with it is none any more: it has {} mistakes", report.errors()))?;
    if bundle.sha256 != opened.bundle.sha256 {
        return Err("the runbook kept with it is not the one it was walked by".to_owned());
    }
    Ok(bundle)
}
