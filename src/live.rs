//! The tables and series behind the panels: plain data, never journaled.
//!
//! `Live` is owned by the loop, written by [`Update`]s that signals and effects send,
//! and read by the screen. It keeps bounded history only, knows how old everything is,
//! and never decides anything: what counts is what the session recorded. It uses no
//! clock (every update carries its time), no tokio and no kube.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};

use crate::session::intent::ObjectState;
use crate::session::message::StepRef;

pub mod output;
pub mod pods;
pub mod series;

pub use output::Output;
pub use pods::{PodRow, PodTable};
pub use series::Series;

/// Everything the panels show.
#[derive(Debug, Default)]
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
    /// Set by every change, cleared by the loop after a draw.
    pub changed: bool,
}

/// A signal drawn.
#[derive(Debug)]
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
#[derive(Debug)]
pub enum PanelData {
    /// A table of pods.
    Pods(PodTable),
    /// A health endpoint.
    Health(HealthHistory),
    /// A graph of numbers.
    Graph(GraphData),
    /// A kind of signal this version does not draw yet, and why.
    Unavailable(String),
}

/// A graph: its series, its lines and its unit.
#[derive(Debug, Default)]
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
}

/// The last answers of a health endpoint.
#[derive(Debug, Default)]
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
    /// How long it took, milliseconds.
    pub latency_ms: u64,
    /// Status code, or what went wrong.
    pub status: Result<u16, String>,
    /// What is wrong with the answer, where it is not good.
    pub problem: Option<String>,
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
    /// How the source is.
    Source(SourceState),
}
