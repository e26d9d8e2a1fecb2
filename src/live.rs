//! The tables and series behind the panels: plain data, never journaled.
//!
//! `Live` is owned by the loop, written by [`Update`]s that signals and effects send,
//! and read by the screen. It keeps bounded history only, knows how old everything is,
//! and never decides anything: what counts is what the session recorded. It uses no
//! clock (every update carries its time), no tokio and no kube.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use crate::session::intent::ObjectState;
use crate::session::message::StepRef;
use crate::session::reading::Measure;

pub mod age;
pub mod output;
pub mod pods;
pub mod series;
pub mod table;

pub use age::format_age;
pub use output::Output;
pub use pods::{Need, PodCounts, PodOrder, PodRow, PodTable};
pub use series::Series;
pub use table::Table;

/// Markers kept.
const MAX_MARKERS: usize = 200;
/// Health checks kept.
const MAX_CHECKS: usize = 120;
/// Effects whose output is kept.
const MAX_OUTPUTS: usize = 50;
/// Two clocks of one machine never differ by more; a panel "updated" later than this in
/// the future means that the wall clock was set back, and nothing is known of its age.
const CLOCK_SLACK: TimeDelta = TimeDelta::seconds(2);

/// Everything the panels show.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// One panel a signal, in runbook order.
    pub panels: Vec<Panel>,
    /// Where steps did something, for the graphs; at most 200.
    pub markers: VecDeque<Marker>,
    /// Output of effects, by effect number.
    pub outputs: BTreeMap<u64, Output>,
    /// How far running effects are (`3 of 6 updated`), by effect number.
    pub progress: BTreeMap<u64, String>,
    /// Objects read before changes, or why they could not be read.
    pub preparations: BTreeMap<StepRef, Result<ObjectState, String>>,
    /// The request for approval in force, where it lies.
    pub request: Option<RequestFile>,
    /// Set by every change, cleared by the loop after a draw.
    pub changed: bool,
}

/// A request for approval, for approvers to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFile {
    /// Where it lies.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// A signal drawn.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The signal's name.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// Its data.
    pub data: PanelData,
    /// How its source is.
    pub source: SourceState,
    /// When the last good data came.
    pub updated: Option<DateTime<Utc>>,
    /// Milliseconds between readings; older than three times this is stale.
    pub every_ms: u64,
}

/// How a source is. Left for the worse at once, for the better only after several good
/// answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceState {
    /// Nothing has come yet.
    Connecting,
    /// It answers.
    Connected,
    /// It answers, but not well, and why.
    Degraded(String),
    /// It does not answer, why, and since when.
    Lost(String, DateTime<Utc>),
}

/// The data of a panel.
#[derive(Debug, Clone)]
pub enum PanelData {
    /// A table of pods.
    Pods(PodTable),
    /// A health endpoint.
    Health(HealthHistory),
    /// A graph of numbers.
    Graph(GraphData),
    /// Rows: a rollout, events, resources.
    Table(Table),
    /// Logs.
    Logs(LogData),
    /// A kind of signal this version does not draw yet, and why.
    Unavailable(String),
}

/// The logs of some pods, together.
#[derive(Debug, Clone, Default)]
pub struct LogData {
    /// Whose, resolved.
    pub about: String,
    /// The lines, bounded.
    pub output: Output,
    /// How many containers are followed.
    pub sources: usize,
}

/// A graph: its series, its lines and its unit.
#[derive(Debug, Clone, Default)]
pub struct GraphData {
    /// The points.
    pub series: Series,
    /// The warn line.
    pub warn: Option<f64>,
    /// The critical line.
    pub critical: Option<f64>,
    /// The baseline, once fixed.
    pub baseline: Option<f64>,
    /// Unit of the value, for people (`%`, `s`, `ms`, `/s`, `B`, or as written).
    pub unit: String,
    /// The query, resolved.
    pub query: String,
    /// How much history is shown, milliseconds.
    pub window_ms: u64,
    /// How much history is kept, where a baseline needs more than is shown, milliseconds.
    pub keep_ms: u64,
    /// The time the baseline is the mean of, where the runbook asks for one.
    pub baseline_over: Option<BaselineSpan>,
}

/// The time a baseline is the mean of, back from the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaselineSpan {
    /// How long, milliseconds.
    pub window_ms: u64,
    /// How much further back its end is, milliseconds.
    pub offset_ms: u64,
}

/// What a panel is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct PanelSpec {
    /// The signal's name.
    pub name: String,
    /// Its heading.
    pub title: String,
    /// Milliseconds between readings.
    pub every_ms: u64,
    /// What it shows.
    pub kind: PanelKind,
}

/// What a panel shows.
#[derive(Debug, Clone, PartialEq)]
pub enum PanelKind {
    /// The pods of a selector.
    Pods {
        /// The selector, resolved.
        selector: String,
    },
    /// A health endpoint.
    Health {
        /// The address, resolved.
        url: String,
    },
    /// A graph of numbers.
    Graph {
        /// The query, resolved.
        query: String,
        /// Unit of the value, for people.
        unit: String,
        /// The warn line.
        warn: Option<f64>,
        /// The critical line.
        critical: Option<f64>,
        /// How much history is shown, milliseconds.
        window_ms: u64,
        /// The time the baseline is the mean of.
        baseline_over: Option<BaselineSpan>,
    },
    /// Rows.
    Table {
        /// What is watched, resolved.
        about: String,
    },
    /// Logs.
    Logs {
        /// Whose, resolved.
        about: String,
    },
    /// Nothing, and why.
    Unavailable(String),
}

/// How current what a panel shows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Good data came so long ago, within three times the time between readings.
    Fresh(TimeDelta),
    /// The last good data is older than that; so long.
    Stale(TimeDelta),
    /// No good data has ever come.
    Never,
    /// The source does not answer; the age of the last good data, where there was any.
    Lost(Option<TimeDelta>),
}

/// The last answers of a health endpoint.
#[derive(Debug, Clone, Default)]
pub struct HealthHistory {
    /// The address, resolved.
    pub url: String,
    /// The last checks, oldest first; at most 120.
    pub checks: VecDeque<HealthCheck>,
    /// Failures in a row.
    pub failures: u32,
}

/// One answer of a health endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// When.
    pub at: DateTime<Utc>,
    /// Good or not.
    pub ok: bool,
    /// How long it took, milliseconds, where that is known.
    pub latency_ms: Option<u64>,
    /// Status code, or what went wrong.
    pub status: Result<u16, String>,
    /// What is wrong with the answer, where it is not good.
    pub problem: Option<String>,
}

impl HealthCheck {
    /// How long it took, for people.
    pub fn latency(&self) -> String {
        self.latency_ms.map_or_else(|| "? ms".to_owned(), |ms| format!("{ms} ms"))
    }
}

/// Something a step did, drawn into the graphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// When.
    pub at: DateTime<Utc>,
    /// What, short.
    pub label: String,
}

/// One change to [`Live`].
#[derive(Debug, Clone)]
pub struct Update {
    /// The signal.
    pub signal: String,
    /// When it was seen.
    pub at: DateTime<Utc>,
    /// What changed.
    pub change: Change,
}

/// What changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// The pod list was read anew: everything before is gone.
    PodsReset(Vec<PodRow>),
    /// A pod was added or changed.
    PodApplied(Box<PodRow>),
    /// A pod is gone, by name.
    PodDeleted(String),
    /// An endpoint was checked; the count is failures in a row.
    Checked(HealthCheck, u32),
    /// History of a graph, oldest first: milliseconds since 1970 and value (`None`: a gap).
    Backfill(Vec<(i64, Option<f64>)>),
    /// A new point of a graph.
    Point(i64, Option<f64>),
    /// A table was read anew.
    Table(Box<Table>),
    /// Lines were added to logs, of so many containers.
    Logged(Vec<String>, usize),
    /// How the source is.
    Source(SourceState),
    /// Nothing has changed: the source says that what is shown is still so.
    Confirmed,
}

impl Change {
    /// Shows the texts from outside that a panel keeps to `each`, which may change them:
    /// secrets are taken out this way.
    pub fn texts(&mut self, each: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Source(SourceState::Degraded(why) | SourceState::Lost(why, _)) => each(why),
            Self::Table(table) => table.texts(each),
            Self::Logged(lines, _) => lines.iter_mut().for_each(each),
            Self::Checked(check, _) => {
                check.problem.iter_mut().for_each(&mut *each);
                check.status.as_mut().err().into_iter().for_each(each);
            }
            _ => {}
        }
    }
}

impl Live {
    /// Empty panels for these signals, in this order.
    pub fn new(specs: Vec<PanelSpec>) -> Self {
        Self { panels: specs.into_iter().map(Panel::new).collect(), changed: true, ..Self::default() }
    }

    /// The panel of a signal.
    pub fn panel(&self, signal: &str) -> Option<&Panel> {
        self.panels.iter().find(|panel| panel.name == signal)
    }

    /// Takes in a change. One for a signal that is not there, or of another kind than
    /// its panel, is left out.
    pub fn apply(&mut self, update: Update) {
        if let Some(panel) = self.panels.iter_mut().find(|panel| panel.name == update.signal) {
            panel.apply(update.at, update.change);
            self.changed = true;
        }
    }

    /// Marks in the graphs that a step did something.
    pub fn mark(&mut self, at: DateTime<Utc>, label: impl Into<String>) {
        self.markers.push_back(Marker { at, label: label.into() });
        while self.markers.len() > MAX_MARKERS {
            self.markers.pop_front();
        }
        self.changed = true;
    }

    /// The output of an effect, to add to. The oldest effects' output makes room.
    pub fn output_mut(&mut self, effect: u64) -> &mut Output {
        self.changed = true;
        if !self.outputs.contains_key(&effect) && self.outputs.len() >= MAX_OUTPUTS {
            self.outputs.pop_first();
        }
        self.outputs.entry(effect).or_default()
    }

    /// The baselines as they would be fixed at `now`, for each graph that has one; or
    /// why there is none, for people.
    pub fn baselines(&self, now: DateTime<Utc>) -> BTreeMap<String, Result<Measure, String>> {
        let graphs = self.panels.iter().filter_map(|panel| match &panel.data {
            PanelData::Graph(graph) => graph.baseline_over.map(|span| (panel.name.clone(), graph.mean_before(now, span))),
            _ => None,
        });
        graphs.collect()
    }

    /// Draws a baseline, once the session has fixed it.
    pub fn fix_baseline(&mut self, signal: &str, value: f64) {
        let panel = self.panels.iter_mut().find(|panel| panel.name == signal);
        if let Some(PanelData::Graph(graph)) = panel.map(|panel| &mut panel.data) {
            graph.baseline = Some(value);
            self.changed = true;
        }
    }
}

impl Panel {
    fn new(spec: PanelSpec) -> Self {
        let data = match spec.kind {
            PanelKind::Pods { selector } => PanelData::Pods(PodTable::new(selector)),
            PanelKind::Health { url } => PanelData::Health(HealthHistory { url, ..HealthHistory::default() }),
            PanelKind::Graph { query, unit, warn, critical, window_ms, baseline_over } => {
                let baseline_ms = baseline_over.map_or(0, |span| span.window_ms.saturating_add(span.offset_ms));
                let keep_ms = window_ms.max(baseline_ms);
                let series = Series::default();
                PanelData::Graph(GraphData {
                    series,
                    warn,
                    critical,
                    baseline: None,
                    unit,
                    query,
                    window_ms,
                    keep_ms,
                    baseline_over,
                })
            }
            PanelKind::Table { about } => PanelData::Table(Table { about, ..Table::default() }),
            PanelKind::Logs { about } => PanelData::Logs(LogData { about, ..LogData::default() }),
            PanelKind::Unavailable(why) => PanelData::Unavailable(why),
        };
        Self { name: spec.name, title: spec.title, data, source: SourceState::Connecting, updated: None, every_ms: spec.every_ms }
    }

    /// How current the panel is at `now`.
    pub fn freshness(&self, now: DateTime<Utc>) -> Freshness {
        let age = self.updated.map(|updated| now - updated);
        match (&self.source, age) {
            (SourceState::Lost(..), age) => Freshness::Lost(age),
            (_, None) => Freshness::Never,
            (_, Some(age)) if age < -CLOCK_SLACK => Freshness::Stale(age),
            (_, Some(age)) => {
                let limit = i64::try_from(self.every_ms.saturating_mul(3)).unwrap_or(i64::MAX);
                let age = age.max(TimeDelta::zero());
                if age.num_milliseconds() > limit { Freshness::Stale(age) } else { Freshness::Fresh(age) }
            }
        }
    }

    fn apply(&mut self, at: DateTime<Utc>, change: Change) {
        let every_ms = self.every_ms;
        let good = match (&mut self.data, change) {
            (_, Change::Source(state)) => {
                self.source = state;
                false
            }
            (_, Change::Confirmed) => true,
            (PanelData::Pods(pods), Change::PodsReset(rows)) => {
                pods.reset(rows);
                true
            }
            (PanelData::Pods(pods), Change::PodApplied(row)) => {
                pods.apply(*row);
                true
            }
            (PanelData::Pods(pods), Change::PodDeleted(name)) => {
                pods.delete(&name);
                true
            }
            (PanelData::Health(health), Change::Checked(check, failures)) => {
                health.failures = failures;
                health.checks.push_back(check);
                while health.checks.len() > MAX_CHECKS {
                    health.checks.pop_front();
                }
                true
            }
            (PanelData::Graph(graph), Change::Backfill(points)) => {
                graph.series.backfill(&points);
                graph.forget_before(at);
                false
            }
            (PanelData::Graph(graph), Change::Point(at_ms, value)) => {
                graph.series.push(at_ms, value, every_ms);
                graph.forget_before(at);
                value.is_some()
            }
            (PanelData::Table(table), Change::Table(new)) => {
                *table = *new;
                true
            }
            (PanelData::Logs(logs), Change::Logged(lines, sources)) => {
                lines.into_iter().for_each(|line| logs.output.push_line(line, false));
                logs.sources = sources;
                true
            }
            _ => false,
        };
        // An update that was overtaken does not make the panel look older.
        if good && self.updated.is_none_or(|updated| updated < at || updated - at > CLOCK_SLACK) {
            self.updated = Some(at);
        }
    }
}

impl GraphData {
    fn forget_before(&mut self, now: DateTime<Utc>) {
        let keep = i64::try_from(self.keep_ms.max(self.window_ms)).unwrap_or(i64::MAX);
        self.series.keep_from(now.timestamp_millis().saturating_sub(keep));
    }

    /// The mean over the span before `now`; or why there is none. Half of the span must
    /// be covered by history, and gaps must not outnumber values: a baseline is compared
    /// with for the rest of the session, and a guess would be worse than none.
    fn mean_before(&self, now: DateTime<Utc>, span: BaselineSpan) -> Result<Measure, String> {
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let end = now.timestamp_millis().saturating_sub(ms(span.offset_ms));
        let start = end.saturating_sub(ms(span.window_ms));
        let since = self.series.points.front().map(|(at, _)| *at);
        if since.is_none_or(|since| since > start.saturating_add(ms(span.window_ms) / 2)) {
            return Err("history does not reach back far enough".to_owned());
        }
        match self.series.mean(start, end) {
            None => Err("there was no value in that time".to_owned()),
            Some(mean) if mean.gaps > mean.values => {
                Err(format!("only {} of {} points in that time have a value", mean.values, mean.values + mean.gaps))
            }
            Some(mean) => Ok(Measure(mean.value)),
        }
    }
}

#[cfg(test)]
mod tests;
