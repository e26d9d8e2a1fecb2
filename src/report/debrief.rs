//! The debrief of a rehearsal: how long it took to notice, to decide and to recover, what
//! was on screen meanwhile, and what was ticked without a look.
//!
//! Pure, from the journal and the bundle it was walked with. The clock of noticing starts
//! with the first sign that could have been seen: a signal beyond its `warn` twice
//! running or beyond `critical`, a health check that failed twice, a source that could
//! not be reached, a gate that failed, a guard that tripped, a step that failed. It is not
//! the moment the world broke something, which nobody can see. *Guarantee:* what the
//! journal does not say is said not to be known, and costs no points.

mod act;
mod score;
mod sign;
mod words;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::source::Source;
use super::story::{self, SignalFacts};
use crate::journal::Record;
use crate::runbook::load::Bundle;
use crate::runbook::model::{Action, Step};
use crate::session::Event;
use crate::session::event::{Mode, Opened, Par, SessionOutcome};

pub use score::Reason;
pub use words::{lines, rehearsals};

/// What the runbook says that a debrief needs.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// How signals are called and judged.
    pub signals: BTreeMap<String, SignalFacts>,
    /// By the id of a checklist, for each item the signals its check reads.
    pub checks: BTreeMap<String, Vec<Vec<String>>>,
}

impl Facts {
    /// From the kept bundle; nothing where it is not there or not the one that was run.
    pub fn of(source: &Source) -> Self {
        story::bundle_of(source).map(|bundle| Self::of_bundle(&bundle)).unwrap_or_default()
    }

    fn of_bundle(bundle: &Bundle) -> Self {
        let mut checks = BTreeMap::new();
        for runbook in std::iter::once(&bundle.root).chain(bundle.called.values()) {
            let lists = [&runbook.steps, &runbook.finally].into_iter().chain(runbook.procedures.iter().map(|p| &p.steps));
            lists.flatten().for_each(|step| collect(step, &mut checks));
        }
        Self { signals: story::facts(bundle), checks }
    }
}

fn collect(step: &Step, checks: &mut BTreeMap<String, Vec<Vec<String>>>) {
    if let Action::Checklist(items) = &step.action {
        let signals = |item: &crate::runbook::model::ChecklistItem| {
            item.check.as_ref().map(|check| sign::signals_named(check.source())).unwrap_or_default()
        };
        checks.insert(step.id.value.clone(), items.iter().map(signals).collect());
    }
}

/// Something at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When.
    #[serde(serialize_with = "crate::session::time::stamp::serialize")]
    pub at: DateTime<Utc>,
    /// What, as a fragment.
    pub what: String,
    /// The signals it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<String>,
    /// The panels that could be seen then; none: not recorded.
    pub on_screen: Option<Vec<String>>,
}

impl Point {
    /// Whether what it is about could be seen; none where that is not known.
    pub fn could_be_seen(&self) -> Option<bool> {
        let panels = self.on_screen.as_ref().filter(|_| !self.signals.is_empty())?;
        Some(self.signals.iter().any(|signal| panels.contains(signal)))
    }
}

/// How one rehearsal went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Debrief {
    /// Session id.
    pub sid: String,
    /// Id of the runbook.
    pub runbook: String,
    /// The scenario.
    pub scenario: String,
    /// When it was opened.
    #[serde(serialize_with = "crate::session::time::stamp::serialize")]
    pub opened: DateTime<Utc>,
    /// Who walked.
    pub operator: String,
    /// Whether somebody sat at the keyboard.
    pub attended: bool,
    /// How it ended; none: it was left.
    pub outcome: Option<SessionOutcome>,
    /// The first sign that something was wrong; none: nothing was.
    pub sign: Option<Point>,
    /// The first reaction to it.
    pub noticed: Option<Point>,
    /// The first decision about it.
    pub decided: Option<Point>,
    /// When it was over.
    pub recovered: Option<Point>,
    /// From the sign to the reaction, milliseconds.
    pub notice_ms: Option<u64>,
    /// From there to the decision.
    pub decide_ms: Option<u64>,
    /// From there to the end of it.
    pub recover_ms: Option<u64>,
    /// What a good walk takes, by the scenario.
    pub par: Par,
    /// Changes that were started while the sign stood and nobody had decided about it.
    pub went_on: Vec<String>,
    /// Checks that were ticked without a look.
    pub unlooked: Vec<String>,
    /// Decisions about something that was not on screen.
    pub unseen: Vec<String>,
    /// Deviations, with their reasons.
    pub deviations: Vec<String>,
    /// 0 to 100; none where the walk was left.
    pub score: Option<u32>,
    /// What was taken off, and why.
    pub reasons: Vec<Reason>,
}

impl Debrief {
    /// Of the records of a session; none where it was no rehearsal.
    pub fn of(records: &[Record], facts: &Facts) -> Option<Self> {
        let events: Vec<(DateTime<Utc>, &Event)> =
            records.iter().filter_map(|record| Some((record.ts, record.event.as_ref()?))).collect();
        let (at, opened) = events.iter().find_map(|(at, event)| match event {
            Event::SessionOpened(opened) => Some((*at, opened)),
            _ => None,
        })?;
        let scenario = opened.scenario.as_ref().filter(|_| opened.mode == Mode::Rehearsal)?;
        let mut debrief = Self::begun(records.first()?.sid.clone(), at, opened);
        debrief.par = scenario.par.unwrap_or_default();
        act::outcome(&mut debrief, &events);
        debrief.sign = sign::first(&events, facts).map(|sign| act::seen(&events, sign));
        if let Some(sign) = debrief.sign.clone() {
            act::reactions(&mut debrief, &events, &sign, facts);
        }
        act::ticks(&mut debrief, &events, facts);
        act::unseen(&mut debrief, &events);
        score::judge(&mut debrief);
        Some(debrief)
    }

    fn begun(sid: String, at: DateTime<Utc>, opened: &Opened) -> Self {
        Self {
            sid,
            runbook: opened.runbook.clone(),
            scenario: opened.scenario.as_ref().map(|scenario| scenario.name.clone()).unwrap_or_default(),
            opened: at,
            operator: opened.operator.principal.clone(),
            attended: opened.attended,
            outcome: None,
            sign: None,
            noticed: None,
            decided: None,
            recovered: None,
            notice_ms: None,
            decide_ms: None,
            recover_ms: None,
            par: Par::default(),
            went_on: Vec::new(),
            unlooked: Vec::new(),
            unseen: Vec::new(),
            deviations: Vec::new(),
            score: None,
            reasons: Vec::new(),
        }
    }
}

/// The time between two moments; none where the clock says nonsense.
fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Option<u64> {
    u64::try_from((to - from).num_milliseconds()).ok()
}

#[cfg(test)]
mod tests;
