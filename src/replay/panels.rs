//! The panels as far as the record holds them.
//!
//! A record keeps of each signal its readings: numbers, whether it was as it should be,
//! what was wrong, and of pods the worst. What a live panel shows beyond that (every pod,
//! history that was read in one go, log lines, output while it came) is not recorded, so
//! it is not shown; the panel says that it is not, and never fills a gap.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::live::table::{Cell, Level, Note, Row, Table};
use crate::live::{Change, HealthCheck, Live, PanelData, PanelKind, PanelSpec, SourceState, Update};
use crate::session::Event;
use crate::session::event::{Evidence, Mode};
use crate::session::reading::Reading;
use crate::session::resolve;

/// What a panel of pods is called where not all of them are in the record.
const ONLY_WORST: &str = "only the worst are in the record";

/// The panels, and what else the screen shows that the session itself does not keep.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    pub(super) live: Live,
    pub(super) followups: Vec<String>,
    pods: BTreeSet<String>,
    dry_run: bool,
}

impl Panels {
    /// Empty panels for these signals.
    pub(super) fn new(specs: &[PanelSpec], mode: Mode) -> Self {
        let is_pods = |spec: &&PanelSpec| matches!(spec.kind, PanelKind::Pods { .. });
        let pods = specs.iter().filter(is_pods).map(|spec| spec.name.clone()).collect();
        let live = Live::new(specs.iter().cloned().map(recorded).collect());
        Self { live, followups: Vec::new(), pods, dry_run: mode == Mode::DryRun }
    }

    /// Takes in what one record says.
    pub(super) fn apply(&mut self, ts: DateTime<Utc>, event: &Event) {
        match event {
            Event::SignalSampled(sampled) => {
                for (name, reading) in &sampled.readings {
                    self.read(name, reading);
                }
            }
            Event::BaselineFixed(fixed) => {
                if let Some(value) = fixed.value.filter(|value| value.0.is_finite()) {
                    self.live.fix_baseline(&fixed.signal, value.0);
                }
            }
            Event::EffectIntended(intent) if intent.changes && !self.dry_run => {
                self.live.mark(ts, resolve::summary(&intent.what));
            }
            Event::FollowupNoted(followup) => {
                let due = followup.due.map(|d| format!(" (by {})", d.format("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
                self.followups.push(format!("{}{due}", followup.text));
            }
            Event::DecisionMade(decision) => self.name_sources(&decision.evidence),
            Event::DeviationRecorded(deviation) => self.name_sources(&deviation.evidence),
            Event::GuardTripped(tripped) => self.name_sources(&tripped.evidence),
            _ => {}
        }
    }

    fn read(&mut self, name: &str, reading: &Reading) {
        let Some(panel) = self.live.panel(name) else { return };
        let at = reading.taken;
        let source = source_of(reading, &panel.source, matches!(panel.data, PanelData::Health(_)));
        let change = match &panel.data {
            PanelData::Graph(_) => {
                let value = reading.members.get("value").map(|value| value.0);
                (!reading.unreachable).then_some(Change::Point(at.timestamp_millis(), value))
            }
            PanelData::Health(_) => Some(Change::Checked(check_of(reading), reading.failures)),
            PanelData::Table(table) if reading.members.is_empty() && reading.detail.is_empty() && reading.problem.is_some() => {
                // Nothing was read, so what was read before stays, and ages.
                let _ = table;
                None
            }
            PanelData::Table(table) => {
                let about = table.about.clone();
                let table = if self.pods.contains(name) { pods(about, reading) } else { members(about, reading) };
                Some(Change::Table(Box::new(table)))
            }
            PanelData::Pods(_) | PanelData::Logs(_) | PanelData::Unavailable(_) => None,
        };
        let changes = std::iter::once(Change::Source(source)).chain(change);
        for change in changes {
            self.live.apply(Update { signal: name.to_owned(), at, change });
        }
    }

    /// The queries and addresses, as the evidence names them: a session that was resumed
    /// with other inputs asked for something else from then on.
    fn name_sources(&mut self, evidence: &Evidence) {
        for panel in &mut self.live.panels {
            let Some(signal) = evidence.signals.get(&panel.name).filter(|signal| !signal.source.is_empty()) else { continue };
            match &mut panel.data {
                PanelData::Graph(graph) => graph.query.clone_from(&signal.source),
                PanelData::Health(health) => health.url.clone_from(&signal.source),
                PanelData::Table(table) => table.about.clone_from(&signal.source),
                PanelData::Pods(_) | PanelData::Logs(_) | PanelData::Unavailable(_) => {}
            }
        }
    }
}

/// What of a panel can be shown from readings.
fn recorded(spec: PanelSpec) -> PanelSpec {
    let kind = match spec.kind {
        PanelKind::Pods { selector } => PanelKind::Table { about: selector },
        PanelKind::Logs { .. } => PanelKind::Unavailable("log lines are not part of the record".to_owned()),
        kind => kind,
    };
    PanelSpec { kind, ..spec }
}

/// How the source was. A bad answer of a health endpoint is no trouble of the source.
fn source_of(reading: &Reading, before: &SourceState, health: bool) -> SourceState {
    match (&reading.problem, before) {
        (Some(why), SourceState::Lost(_, since)) if reading.unreachable => SourceState::Lost(why.clone(), *since),
        (why, _) if reading.unreachable => SourceState::Lost(why.clone().unwrap_or_default(), reading.taken),
        (Some(why), _) if !health => SourceState::Degraded(why.clone()),
        _ => SourceState::Connected,
    }
}

fn check_of(reading: &Reading) -> HealthCheck {
    let ok = reading.ok == Some(true);
    let seconds = reading.members.get("value").map(|value| value.0).filter(|s| s.is_finite() && *s >= 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and the cast saturates")]
    let latency_ms = seconds.map(|seconds| (seconds * 1_000.0).round() as u64);
    // The status itself is not recorded, only whether it was the one that was wanted.
    let status = Err(if ok { "as wanted".to_owned() } else { reading.problem.clone().unwrap_or_else(|| "not ok".to_owned()) });
    HealthCheck { at: reading.taken, ok, latency_ms, status, problem: reading.problem.clone() }
}

fn number(reading: &Reading, member: &str) -> Option<String> {
    reading.members.get(member).map(ToString::to_string)
}

/// Counts, and the worst pods as the reading words them.
fn pods(about: String, reading: &Reading) -> Table {
    let (ready, total) = (number(reading, "ready"), number(reading, "total"));
    let level = if ready.is_some() && ready == total { Level::Good } else { Level::Warn };
    let known = |n: Option<String>| n.unwrap_or_else(|| "?".to_owned());
    let all = total.as_ref().is_some_and(|total| *total == reading.detail.len().to_string());
    let mut notes = Vec::new();
    if !all {
        notes.push(Note::new(format!("{} pods; {ONLY_WORST}", known(total.clone())), Level::Quiet));
    }
    notes.extend(number(reading, "crashing").filter(|n| n != "0").map(|n| Note::new(format!("{n} crashing"), Level::Bad)));
    Table {
        about,
        summary: Note::new(format!("{}/{} ready", known(ready), known(total)), level),
        notes,
        heads: vec!["POD", "READY", "STATUS", "RESTARTS"],
        rows: reading.detail.iter().map(|line| pod(line)).collect(),
        empty: "no pods were recorded",
    }
}

/// `name ready status restarts`, and what else is said of it.
fn pod(line: &str) -> Row {
    let mut words = line.splitn(4, ' ');
    let mut next = || words.next().unwrap_or_default().to_owned();
    let (name, ready, status, restarts) = (next(), next(), next(), next());
    let all = ready.split_once('/').is_some_and(|(up, of)| up == of);
    let level = if all || matches!(status.as_str(), "Completed" | "Succeeded") { Level::Plain } else { Level::Warn };
    Row { cells: [name, ready, status, restarts].map(Cell::Text).to_vec(), level }
}

/// The numbers of a reading, and what it says beside them.
fn members(about: String, reading: &Reading) -> Table {
    let numbers: BTreeMap<_, _> = reading.members.iter().map(|(name, value)| (name, value.to_string())).collect();
    let summary: Vec<String> = numbers.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let level = if reading.ok == Some(false) { Level::Bad } else { Level::Plain };
    Table {
        about,
        summary: Note::new(summary.join(", "), level),
        notes: reading.detail.iter().map(|line| Note::new(line.clone(), Level::Plain)).collect(),
        heads: vec!["RECORDED", "VALUE"],
        rows: numbers.into_iter().map(|(name, value)| row(name, value)).collect(),
        empty: "no numbers were recorded",
    }
}

fn row(name: &str, value: String) -> Row {
    Row { cells: vec![Cell::Text(name.to_owned()), Cell::Text(value)], level: Level::Plain }
}
