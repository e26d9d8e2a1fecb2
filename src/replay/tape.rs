//! The records of a journal with a time line laid along them.
//!
//! Time runs by the session's monotonic clock, which a wall clock set back cannot bend.
//! Where the program was away, the monotonic clock begins anew; the time away is then what
//! the wall clocks on both sides say it was, and nothing if they say less than nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::words;
use crate::journal::Record;
use crate::session::event::OutputRef;
use crate::session::intent::{ObjectState, Purpose};
use crate::session::message::StepRef;
use crate::session::{At, Event, StepPath};

/// The records of a journal, in order, each with its place on the time line.
#[derive(Debug)]
pub struct Tape {
    records: Vec<Record>,
    /// Milliseconds from the first record, never falling.
    times: Vec<u64>,
    /// Numbers of the records at which something was decided.
    decisions: Vec<usize>,
    /// Numbers of the records in which something happened, readings and seals apart.
    events: Vec<usize>,
    /// Numbers of the records that announce a step's change to an object.
    changes: Vec<usize>,
    /// What effects said, by their number, and in which record it is named.
    outputs: BTreeMap<u64, (usize, OutputRef)>,
}

impl Tape {
    /// Lays the time line.
    pub fn new(records: Vec<Record>) -> Self {
        let mut times: Vec<u64> = Vec::with_capacity(records.len());
        let mut before: Option<(&Record, u64)> = None;
        for record in &records {
            let time = before.map_or(0, |(last, time)| time.saturating_add(between(last, record)));
            times.push(time);
            before = Some((record, time));
        }
        let chosen = |wanted: &dyn Fn(&Event) -> bool| {
            let all = records.iter().enumerate();
            all.filter(|(_, record)| record.event.as_ref().is_some_and(wanted)).map(|(n, _)| n).collect()
        };
        let decisions = chosen(&words::is_decision);
        let events = chosen(&|event| !is_background(event));
        let changes = chosen(&|event| changed(event).is_some());
        let outputs = records.iter().enumerate().filter_map(|(n, record)| output_of(n, record.event.as_ref()?)).collect();
        Self { decisions, events, changes, outputs, times, records }
    }

    /// Ends the tape before a record.
    pub(super) fn cut(&mut self, index: usize) {
        self.records.truncate(index);
        self.times.truncate(index);
        self.decisions.retain(|n| *n < index);
        self.events.retain(|n| *n < index);
        self.changes.retain(|n| *n < index);
        self.outputs.retain(|_, (n, _)| *n < index);
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// A record, from 0.
    pub fn record(&self, index: usize) -> Option<&Record> {
        self.records.get(index)
    }

    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Where a record stands on the time line, milliseconds from the first.
    pub fn time(&self, index: usize) -> u64 {
        self.times.get(index).copied().unwrap_or_else(|| self.end())
    }

    /// Where the last record stands.
    pub fn end(&self) -> u64 {
        self.times.last().copied().unwrap_or(0)
    }

    /// How many records stand at a time or before it.
    pub fn records_until(&self, time: u64) -> usize {
        self.times.partition_point(|t| *t <= time)
    }

    /// The first record from `folded` on at which something was decided.
    pub fn decision_from(&self, folded: usize) -> Option<usize> {
        self.decisions.get(self.decisions.partition_point(|d| *d < folded)).copied()
    }

    /// The last record before `index` at which something was decided.
    pub fn decision_before(&self, index: usize) -> Option<usize> {
        let before = self.decisions.partition_point(|d| *d < index);
        self.decisions.get(before.checked_sub(1)?).copied()
    }

    /// Of the records of an event, the last before `folded` and the first from there on.
    pub fn events_around(&self, folded: usize) -> (Option<usize>, Option<usize>) {
        let next = self.events.partition_point(|e| *e < folded);
        (next.checked_sub(1).and_then(|last| self.events.get(last)).copied(), self.events.get(next).copied())
    }

    /// The object that a step's next change was started on, seen from after so many records,
    /// as its intent has it: the screen showed it, and what would change in it, before.
    pub fn object(&self, step: &StepRef, folded: usize) -> Option<&ObjectState> {
        let later = self.changes.get(self.changes.partition_point(|n| *n < folded)..).unwrap_or_default();
        let changes = later.iter().filter_map(|n| changed(self.records.get(*n)?.event.as_ref()?));
        changes.into_iter().find(|(path, visit, _)| **path == step.path && *visit == step.visit).map(|(_, _, object)| object)
    }

    /// What an effect said, where it had ended within so many records.
    pub fn output(&self, effect: u64, folded: usize) -> Option<&OutputRef> {
        self.outputs.get(&effect).filter(|(record, _)| *record < folded).map(|(_, output)| output)
    }

    /// What time it was at a place on the time line, after so many records. The session's
    /// own clock stands still where the program was away.
    pub fn at(&self, folded: usize, time: u64) -> At {
        let Some(last) = folded.checked_sub(1).and_then(|n| self.records.get(n)) else {
            let wall = self.records.first().map(|r| r.ts).unwrap_or_default();
            return At { wall, mono_ms: self.records.first().map_or(0, |r| r.mono_ms) };
        };
        let gone = time.saturating_sub(self.time(folded - 1));
        let walked = if self.away_until(folded).is_some() { 0 } else { gone };
        At { wall: later(last.ts, gone), mono_ms: last.mono_ms.saturating_add(walked) }
    }

    /// After so many records nobody was at it: until when. The record before that is the
    /// last of a run of the program.
    pub fn away_until(&self, folded: usize) -> Option<DateTime<Utc>> {
        let next = self.records.get(folded)?;
        matches!(next.event, Some(Event::SessionResumed(_))).then_some(next.ts)
    }
}

/// How long after a record the next one was written, milliseconds.
fn between(last: &Record, next: &Record) -> u64 {
    if matches!(next.event, Some(Event::SessionResumed(_))) {
        u64::try_from((next.ts - last.ts).num_milliseconds()).unwrap_or(0)
    } else {
        next.mono_ms.saturating_sub(last.mono_ms)
    }
}

/// A time so many milliseconds later; the same where there is no such time.
fn later(time: DateTime<Utc>, ms: u64) -> DateTime<Utc> {
    let delta = i64::try_from(ms).ok().and_then(TimeDelta::try_milliseconds);
    delta.and_then(|delta| time.checked_add_signed(delta)).unwrap_or(time)
}

/// What goes on all the time and is no reason to stop at.
fn is_background(event: &Event) -> bool {
    match event {
        Event::SignalSampled(_)
        | Event::ViewChanged(_)
        | Event::SealIntended(_)
        | Event::JournalSealed(_)
        | Event::AnchorConfirmed(_) => true,
        Event::GateJudged(judged) => judged.final_verdict.is_none(),
        _ => false,
    }
}

fn output_of(index: usize, event: &Event) -> Option<(u64, (usize, OutputRef))> {
    let Event::EffectEnded(ended) = event else { return None };
    Some((ended.effect, (index, ended.output.clone()?)))
}

/// The step and the object of a step's own change.
fn changed(event: &Event) -> Option<(&StepPath, u32, &ObjectState)> {
    let Event::EffectIntended(intent) = event else { return None };
    let object = intent.object.as_ref().filter(|_| intent.purpose == Purpose::Step)?;
    Some((&intent.path, intent.visit, object))
}
