//! Figures over many sessions: how often changes succeed, how long they take, how fast one
//! recovers.
//!
//! Pure: from what the ledger says of closed sessions to figures, each with its
//! definition, over how many it is, and its target. *Guarantee:* a figure without data is
//! none; it is never 0 or 100 %. *Guarantee:* rehearsals and dry runs count in no figure,
//! and what is left out is counted and named.

mod define;
mod group;
mod markdown;
mod page;
mod plot;
mod tally;
mod words;

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::journal::summary::OpenedSummary;
use crate::session::event::{Mode, SessionOutcome};
use crate::session::figures::Figures;

pub use define::{Metric, Target};
pub use group::By;
pub use markdown::review;
pub use page::page;
pub use words::{by_group, definitions, lists, overview};

/// One closed session, as the ledger says.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Session id.
    pub sid: String,
    /// Who opened what.
    pub opened: OpenedSummary,
    /// When it was closed.
    pub closed: DateTime<Utc>,
    /// What it came to.
    pub figures: Figures,
    /// The last review that counted, where there was one: `accepted by carol`.
    pub reviewed: Option<String>,
}

/// What belongs to no figure, so that nobody takes the figures for all there was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Opened and not closed.
    pub open: u64,
    /// Closed, and what they came to is not known any more.
    pub unknown: u64,
    /// Rehearsals.
    pub rehearsals: u64,
    /// Dry runs.
    pub dry_runs: u64,
    /// Ended before anything was changed.
    pub called_off: u64,
    /// Live, and of no kind that is counted here.
    pub other: u64,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Which.
    pub metric: Metric,
    /// Percent, milliseconds or a number a week, by the metric; none: no data.
    pub value: Option<f64>,
    /// Over how many sessions.
    pub over: u64,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Whether it is so; none without data or without a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<bool>,
}

/// The figures of all sessions, of a service, or of a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// `all`, a service, a week (`2026-W47`) or a month (`2026-11`).
    pub name: String,
    /// The figures, in a fixed order.
    pub figures: Vec<Figure>,
    /// Deployments that succeeded.
    pub succeeded: u64,
    /// All deployments.
    pub deployments: u64,
    /// Failed changes and incidents that have not recovered, or of which it is not known.
    pub not_recovered: u64,
}

impl Group {
    /// One of its figures.
    pub fn figure(&self, metric: Metric) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.metric == metric)
    }
}

/// Something that is counted by name: a step, a gate, a guard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Named {
    /// Id of the runbook.
    pub runbook: String,
    /// Path or name.
    pub name: String,
    /// How often.
    pub times: u64,
    /// Of a step that takes long: how long on average, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_ms: Option<u64>,
}

/// A change that failed, for a review.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failed {
    /// Session id.
    pub sid: String,
    /// The runbook's title.
    pub title: String,
    /// The service, where given.
    pub service: Option<String>,
    /// How its session ended.
    pub outcome: SessionOutcome,
    /// The session that rolled it back later, where one did.
    pub rolled_back_by: Option<String>,
    /// The first trouble.
    pub trouble: Option<String>,
    /// How long it took to recover, milliseconds; none: not recovered, or not known.
    pub recovery_ms: Option<u64>,
}

/// A session that was begun, or gone on with, as an emergency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Emergency {
    /// Session id.
    pub sid: String,
    /// The review that settles what it owes, such as `accepted by carol`; none: it is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<String>,
}

/// All figures over a time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// From then on, by the close.
    pub from: Option<DateTime<Utc>>,
    /// Until then.
    pub to: DateTime<Utc>,
    /// What was chosen, for people; empty: everything.
    pub filter: String,
    /// All of them together.
    pub all: Group,
    /// By service or period, where asked for.
    pub groups: Vec<Group>,
    /// By week or month, for plots.
    pub periods: Vec<Group>,
    /// The steps that take longest, of the slowest five of each session.
    pub slowest: Vec<Named>,
    /// Steps skipped by hand, most often first.
    pub skipped: Vec<Named>,
    /// Gates overridden, most often first.
    pub overridden: Vec<Named>,
    /// Guards that tripped, most often first.
    pub guards: Vec<Named>,
    /// Changes that failed, newest first.
    pub failed: Vec<Failed>,
    /// Emergencies, newest first.
    pub emergencies: Vec<Emergency>,
    /// What is in none of the figures.
    pub left: Left,
    /// What each figure means.
    pub definitions: BTreeMap<&'static str, &'static str>,
}

/// What is asked of the statistics.
pub struct Question<'a> {
    /// From then on, by the close.
    pub from: Option<DateTime<Utc>>,
    /// Until then, exclusive.
    pub to: DateTime<Utc>,
    /// Whether what was closed later is left out; else `to` is only now, and clocks may
    /// differ.
    pub ends: bool,
    /// Which sessions, besides the time.
    pub takes: &'a dyn Fn(&OpenedSummary) -> bool,
    /// The same for people.
    pub filter: String,
    /// Also by service or period.
    pub by: Option<By>,
}

/// A session with what later sessions did about it.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    run: &'a Run,
    /// The session that rolled it back later and succeeded.
    undone_by: Option<&'a Run>,
}

/// Works all figures out. `left` counts what is not among the runs.
pub fn statistics(runs: &[Run], mut left: Left, question: &Question<'_>) -> Statistics {
    let undone: HashMap<&str, &Run> = runs
        .iter()
        .filter(|run| run.figures.outcome == Some(SessionOutcome::RolledBack))
        .filter_map(|run| Some((run.opened.rolls_back.as_deref()?, run)))
        .collect();
    let in_time =
        |run: &&Run| question.from.is_none_or(|from| run.closed >= from) && (!question.ends || run.closed < question.to);
    let mut cases: Vec<Case<'_>> = Vec::new();
    for run in runs.iter().filter(in_time).filter(|run| (question.takes)(&run.opened)) {
        match run.opened.mode {
            Mode::Rehearsal => left.rehearsals += 1,
            Mode::DryRun => left.dry_runs += 1,
            Mode::Live => cases.push(Case { run, undone_by: undone.get(run.sid.as_str()).copied() }),
        }
    }
    let begun = cases.iter().map(|case| case.run.closed).min();
    let from = question.from.or(begun);
    for case in cases.iter().filter(|case| !case.rolls_back()) {
        match (case.is_counted_kind(), case.is_called_off()) {
            (false, _) => left.other += 1,
            (true, true) => left.called_off += 1,
            (true, false) => {}
        }
    }
    let span = |from: Option<DateTime<Utc>>| from.map(|from| question.to - from);
    let whole = tally::group("all".to_owned(), &cases, span(from));
    let periods = from.map(|from| By::for_plots(from, question.to)).unwrap_or(By::Week);
    let grouped = |by: By| group::grouped(by, &cases, from, question.to);
    Statistics {
        from,
        to: question.to,
        filter: question.filter.clone(),
        all: whole,
        groups: question.by.map(grouped).unwrap_or_default(),
        periods: grouped(periods),
        slowest: tally::slowest(&cases),
        skipped: tally::named(&cases, |figures| &figures.skipped),
        overridden: tally::named(&cases, |figures| &figures.overridden),
        guards: tally::named(&cases, |figures| &figures.guards),
        failed: tally::failed(&cases),
        emergencies: tally::emergencies(&cases),
        left,
        definitions: Metric::ALL.iter().map(|metric| (metric.key(), metric.definition())).collect(),
    }
}

#[cfg(test)]
mod tests;
