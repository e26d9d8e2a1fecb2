//! The session and its panels as they stood at a place of the tape.
//!
//! Going forward folds the records in between; going back starts from the last snapshot
//! before the place. Snapshots are made while records are folded for the first time, and
//! thinned out so that there are never more than a fixed number of them.

use super::panels::Panels;
use super::tape::Tape;
use crate::live::{Live, PanelSpec};
use crate::session::intent::ObjectState;
use crate::session::view::Prompt;
use crate::session::{At, FoldError, Session};

/// Between two snapshots, at first.
const SPACING: usize = 32;
/// So many snapshots are kept; when there are more, every second one goes.
const MOST_SNAPSHOTS: usize = 64;
/// Said of an effect that runs: it is the output that people miss first.
const RUNNING: &str = "what it said meanwhile is not recorded; its output stands where it ended";

/// Why a journal cannot be replayed to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record #{record} does not fit the runbook it was written with: {why}")]
pub struct ReplayError {
    /// The first record that does not fit.
    pub record: usize,
    /// Why.
    pub why: FoldError,
}

/// Everything that stands at a place.
#[derive(Debug, Clone)]
struct State {
    folded: usize,
    session: Session,
    panels: Panels,
}

/// A session that can be looked at as it stood after any number of its records.
#[derive(Debug)]
pub struct Player {
    tape: Tape,
    now: State,
    snapshots: Vec<State>,
    spacing: usize,
    error: Option<ReplayError>,
}

impl Player {
    /// Begins with the session as its first record left it. All records are folded once;
    /// the tape ends before the first one that does not fit, which [`Player::error`] names.
    pub fn new(tape: Tape, first: Session, specs: &[PanelSpec]) -> Self {
        let panels = Panels::new(specs, first.mode());
        let now = State { folded: 1, session: first, panels };
        let mut player = Self { snapshots: vec![now.clone()], tape, now, spacing: SPACING, error: None };
        player.fold_to(player.tape.len());
        player.fold_to(1);
        player
    }

    /// The tape, as far as it can be played.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The session as it stood.
    pub fn session(&self) -> &Session {
        &self.now.session
    }

    /// The panels as far as they were recorded.
    pub fn live(&self) -> &Live {
        &self.now.panels.live
    }

    /// The panels, to add outputs that are kept beside the journal.
    pub fn live_mut(&mut self) -> &mut Live {
        &mut self.now.panels.live
    }

    /// Follow-ups noted by then.
    pub fn followups(&self) -> &[String] {
        &self.now.panels.followups
    }

    /// After how many records.
    pub fn folded(&self) -> usize {
        self.now.folded
    }

    /// Why it does not go on to the end of the journal.
    pub fn error(&self) -> Option<&ReplayError> {
        self.error.as_ref()
    }

    /// Goes to a time on the time line: after all records that had been written by then.
    pub fn seek(&mut self, time: u64) {
        self.fold_to(self.tape.records_until(time).max(1));
    }

    /// Goes to where so many records had been written, the first at least, and nothing
    /// more had happened.
    pub fn fold_to(&mut self, folded: usize) {
        let folded = folded.clamp(1, self.tape.len().max(1));
        if folded < self.now.folded {
            let before = self.snapshots.partition_point(|s| s.folded <= folded);
            // The first snapshot is after one record, and never thinned out.
            if let Some(snapshot) = before.checked_sub(1).and_then(|n| self.snapshots.get(n)) {
                self.now.clone_from(snapshot);
            }
        }
        self.now.panels.live.outputs.clear();
        self.now.panels.live.preparations.clear();
        self.now.panels.live.progress.clear();
        while self.now.folded < folded && self.fold_next() {}
        self.look_ahead();
        self.now.panels.live.changed = true;
    }

    /// What time it was at a place on the time line, after the records folded so far.
    pub fn at(&self, time: u64) -> At {
        self.tape.at(self.now.folded, time)
    }

    /// Folds one more record; false where there is none that fits.
    fn fold_next(&mut self) -> bool {
        let index = self.now.folded;
        let Some(record) = self.tape.record(index) else { return false };
        if let Some(event) = &record.event {
            let at = At { wall: record.ts, mono_ms: record.mono_ms };
            if let Err(why) = self.now.session.apply(at, event) {
                self.error = Some(ReplayError { record: index, why });
                self.tape.cut(index);
                // What a refused record left half folded is not looked at.
                if let Some(snapshot) = self.snapshots.last() {
                    self.now.clone_from(snapshot);
                    while self.now.folded < index && self.fold_next() {}
                }
                return false;
            }
            self.now.panels.apply(record.ts, event);
        }
        self.now.folded = index + 1;
        self.snapshot();
        true
    }

    fn snapshot(&mut self) {
        let last = self.snapshots.last().map_or(0, |s| s.folded);
        if self.now.folded < last.saturating_add(self.spacing) {
            return;
        }
        self.snapshots.push(self.now.clone());
        if self.snapshots.len() > MOST_SNAPSHOTS {
            self.spacing = self.spacing.saturating_mul(2);
            let mut n = 0;
            self.snapshots.retain(|_| {
                n += 1;
                n % 2 == 1
            });
        }
    }

    /// What the screen showed and the record has only later: the object that a change was
    /// then started on. Where it never was, nobody knows what was shown.
    fn look_ahead(&mut self) {
        let at = self.at(self.tape.time(self.now.folded.saturating_sub(1)));
        let session = &self.now.session;
        if let Prompt::Start { step, needs_preparation: true, .. } = session.prompt(at) {
            let object: Result<ObjectState, String> = self
                .tape
                .object(&step, self.now.folded)
                .cloned()
                .ok_or_else(|| "it is not in the record: the step was not started".to_owned());
            self.now.panels.live.preparations.insert(step, object);
        }
        let running: Vec<u64> = session.open_intents().map(|intent| intent.effect).collect();
        for effect in running {
            self.now.panels.live.progress.insert(effect, RUNNING.to_owned());
        }
    }
}
