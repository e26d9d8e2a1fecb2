//! The debrief of a rehearsal, at its end, in `show` and in `stats --rehearsals`.

use std::collections::BTreeSet;

use crate::error::Problem;
use crate::journal::{SessionDir, SessionState};
use crate::redact::{Keep, strip_controls};
use crate::report::Source;
use crate::report::debrief::{Debrief, Facts, lines};
use crate::session::event::Mode;
use crate::state::StateDir;
use crate::state::ledger::Ledger;

use super::console::Console;

/// So many earlier walks are looked at.
const EARLIER: usize = 10;

/// Prints the debrief of a rehearsal that has ended; nothing for any other session.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print(console: &mut Console, state: &StateDir, dir: &SessionDir) -> Result<(), Problem> {
    let Some(debrief) = of(dir) else { return Ok(()) };
    let earlier = earlier(state, &debrief);
    console.line("")?;
    for line in lines(&debrief, &earlier) {
        console.line(strip_controls(&line, Keep::NOTHING))?;
    }
    Ok(())
}

/// The debrief of a session; none where it was no rehearsal or cannot be read.
fn of(dir: &SessionDir) -> Option<Debrief> {
    let source = Source::read(&dir.journal()).ok()?;
    Debrief::of(&source.records, &Facts::of(&source))
}

/// Debriefs of the walks of the same scenario before this one, the newest of them.
fn earlier(state: &StateDir, debrief: &Debrief) -> Vec<Debrief> {
    let walks = rehearsals(state, |runbook, scenario| runbook == debrief.runbook && scenario == debrief.scenario);
    let before: Vec<SessionDir> = walks.into_iter().take_while(|dir| dir.sid() != debrief.sid).collect();
    before.iter().rev().take(EARLIER).filter_map(of).collect()
}

/// The debriefs of all rehearsals whose journals are there, oldest first.
pub(super) fn all(state: &StateDir, takes: impl Fn(&str) -> bool) -> Vec<Debrief> {
    rehearsals(state, |runbook, _| takes(runbook)).iter().filter_map(of).collect()
}

/// Rehearsals the ledger knows and whose journals are there, oldest first: in the order of
/// the ledger, since the clocks of quick rehearsals run ahead.
fn rehearsals(state: &StateDir, takes: impl Fn(&str, &str) -> bool) -> Vec<SessionDir> {
    let (entries, _) = Ledger::of(state).as_far_as_good();
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    for entry in entries {
        let Some(opened) = entry.opened.as_ref().filter(|opened| opened.mode == Mode::Rehearsal) else { continue };
        if takes(&opened.runbook, opened.scenario.as_deref().unwrap_or_default())
            && known.insert(entry.sid.clone())
            && let Some(dir) = SessionDir::new(state.sessions_folder().join(&entry.sid))
            && dir.journal().is_file()
        {
            found.push(dir);
        }
    }
    found
}

/// Whether a session is over, so that there is something to look back at.
pub(super) fn is_over(dir: &SessionDir) -> bool {
    matches!(crate::journal::summary::summarise(dir).state, SessionState::Closed { .. })
}
