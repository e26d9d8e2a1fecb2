//! `pacenote retention`: moves whole closed sessions that are old to an archive.
//!
//! Nothing is deleted, and the ledger says what went where; `sessions`, `show`, `verify`
//! and `export` find an archived session all the same. A session stays where it is while
//! somebody put a file `hold` into its folder, while an open session rolls it back, and
//! while something is wrong with it: what is doubtful is not tidied away.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Exit, Problem};
use crate::journal::verify::Options;
use crate::journal::writer::Hold;
use crate::journal::{Mark, SessionDir, SessionState};
use crate::state::StateDir;
use crate::state::archive::{Archive, ArchiveError, held};
use crate::state::ledger::{Ledger, LedgerError};
use crate::state::population::{Member, Standing, population};

use super::args::RetentionArgs;
use super::console::{Console, Table};
use super::{Basis, explain_state};

/// Moves what is older than is to be kept.
///
/// # Errors
/// When the ledger is broken, or the archive cannot be used. A session that cannot be
/// moved is an answer, and shows in the exit code.
pub(super) fn run(console: &mut Console, basis: &Basis, arguments: &RetentionArgs) -> Result<Exit, Problem> {
    let state = basis.state()?;
    let now = Utc::now();
    let (members, wrong) = population(&state).map_err(|e| explain_state(&e))?;
    if let Some(wrong) = wrong {
        return Err(broken(&wrong));
    }
    let folder = arguments.archive.clone().unwrap_or_else(|| state.path().join("archive"));
    let archive = if arguments.dry_run { None } else { Some(open(&state, &folder, now)?) };
    let keep = TimeDelta::from_std(arguments.keep).map_err(|e| Problem::usage(format!("--keep: {e}")))?;
    let before = now.checked_sub_signed(keep).unwrap_or_default();
    let needed = needed(&members);
    let mut table = Table::new(&["SESSION", "STATE", "CLOSED", "WHAT"]);
    let (mut moved, mut kept, mut wrong) = (0, 0, 0);
    for member in members.iter().filter(|member| is_old(member, before)) {
        let fate = match stays(member, &needed) {
            Some(fate) => fate,
            None => archive.as_ref().map_or_else(|| would_move(member, now), |archive| move_one(archive, member, now)),
        };
        let what = match fate {
            Fate::Moved(what) => (&mut moved, what),
            Fate::Kept(why) => (&mut kept, why),
            Fate::Wrong(why) => (&mut wrong, format!("NOT MOVED: {why}")),
        };
        *what.0 += 1;
        let summary = &member.summary;
        let closed = summary.last.map_or_else(|| "-".to_owned(), |last| last.format("%Y-%m-%d").to_string());
        table.row([summary.sid.clone(), state_word(&summary.state), closed, what.1]);
    }
    if moved + kept + wrong > 0 {
        console.line(table)?;
    }
    let place = archive.as_ref().map_or(folder, |archive| archive.folder().to_owned());
    let verb = if arguments.dry_run { "would be moved" } else { "moved" };
    console.line(format_args!(
        "{moved} {verb} to {}, {kept} kept, {wrong} with something wrong; {} sessions in all.",
        place.display(),
        members.len()
    ))?;
    Ok(if wrong > 0 { Exit::Failed } else { Exit::Done })
}

/// What becomes of an old session.
enum Fate {
    Moved(String),
    Kept(String),
    Wrong(String),
}

/// Opens the archive and finishes what an earlier run left.
fn open(state: &StateDir, folder: &std::path::Path, now: DateTime<Utc>) -> Result<Archive, Problem> {
    let refuse = |e: ArchiveError| {
        Problem::cannot_start(format!("the archive cannot be used: {e}"))
            .hint("name another folder with --archive; what was moved so far is noted in the ledger")
    };
    let archive = Archive::open(state, folder).map_err(refuse)?;
    let entries = Ledger::of(state).entries().map_err(|e| broken(&e))?;
    archive.finish(&entries, now, &mut |_| Ok(())).map_err(refuse)?;
    Ok(archive)
}

fn broken(error: &LedgerError) -> Problem {
    Problem::cannot_start(error)
        .hint("nothing is moved while the ledger is broken: what it says of a session could not be relied on")
}

fn is_old(member: &Member, before: DateTime<Utc>) -> bool {
    member.folder.is_some()
        && !matches!(member.ledger, Standing::Archived { .. })
        && matches!(member.summary.state, SessionState::Closed { .. })
        && member.summary.last.is_some_and(|last| last < before)
}

/// Sessions that an open one rolls back: it cannot go on without their journals.
fn needed(members: &[Member]) -> BTreeSet<&str> {
    let open = members.iter().filter(|member| !matches!(member.summary.state, SessionState::Closed { .. }));
    open.filter_map(|member| member.summary.opened.as_ref()?.rolls_back.as_deref()).collect()
}

/// Why an old session stays where it is, without looking into its journal.
fn stays(member: &Member, needed: &BTreeSet<&str>) -> Option<Fate> {
    let dir = member.folder.as_ref()?;
    if let Some(why) = held(dir) {
        return Some(Fate::Kept(format!("on hold: {}", if why.is_empty() { "no reason given" } else { &why })));
    }
    if needed.contains(dir.sid()) {
        return Some(Fate::Kept("an open session rolls it back".to_owned()));
    }
    (member.ledger != Standing::Agrees).then(|| Fate::Wrong(member.ledger.words().to_lowercase()))
}

/// What is wrong with the journal, where something is.
fn flaw(dir: &SessionDir, now: DateTime<Utc>) -> Option<String> {
    let report = crate::journal::verify(&[dir.journal()], Options { now, ..Options::default() });
    let found = report.journals.first()?;
    (found.code == 1).then(|| found.sentence())
}

fn would_move(member: &Member, now: DateTime<Utc>) -> Fate {
    match member.folder.as_ref().and_then(|dir| flaw(dir, now)) {
        Some(why) => Fate::Wrong(why),
        None => Fate::Moved("would be moved".to_owned()),
    }
}

fn move_one(archive: &Archive, member: &Member, now: DateTime<Utc>) -> Fate {
    let Some(dir) = &member.folder else { return Fate::Wrong("it is not there".to_owned()) };
    let _hold = match Hold::of(dir) {
        Ok(hold) => hold,
        Err(e) => return Fate::Kept(e.to_string()),
    };
    if let Some(why) = flaw(dir, now) {
        return Fate::Wrong(why);
    }
    let summary = &member.summary;
    let mark = Mark { sid: summary.sid.clone(), seq: summary.records.saturating_sub(1), head: summary.head.clone() };
    match archive.take(dir, &mark, now, &mut |_| Ok(())) {
        Ok(()) => Fate::Moved("moved".to_owned()),
        Err(e) => Fate::Wrong(e.to_string()),
    }
}

fn state_word(state: &SessionState) -> String {
    match state {
        SessionState::Closed { outcome } => outcome.as_str().to_owned(),
        _ => "-".to_owned(),
    }
}
