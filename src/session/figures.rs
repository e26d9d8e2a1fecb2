//! What a session comes to in figures, small enough for a line of the ledger.
//!
//! A fold over records like any other, so that the figures noted at the close and those
//! worked out later from the journal are the same. It keeps what statistics need and no
//! text that somebody typed: lists are bounded, and what does not fit is counted.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::{Event, GateEnd, Mode, Outcome, SessionOutcome, StepEnded, StepOutcome};

/// So many of the slowest steps are kept.
const SLOWEST: usize = 5;
/// So many names are kept of each list.
const NAMES: usize = 10;
/// A name is cut after so many characters.
const NAME: usize = 120;

/// The figures of one session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// How it ended; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<SessionOutcome>,
    /// Time walked, milliseconds; time away is not counted.
    pub walked_ms: u64,
    /// Steps that were done.
    pub done: u32,
    /// Deviations that were recorded.
    pub deviations: u32,
    /// Effects that were started and change something. In a dry run none is.
    pub changes: u32,
    /// Whether the rollback was entered.
    pub rolled_back: bool,
    /// Whether it was begun, or gone on with, as an emergency.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub emergency: bool,
    /// The first trouble: a guard that tripped, a gate that failed or held, a step that
    /// failed, a change whose outcome is failed or unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<Trouble>,
    /// When the rollback had worked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovered: Option<DateTime<Utc>>,
    /// The steps that took longest, longest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slowest: Vec<StepTime>,
    /// Steps that were skipped by hand.
    #[serde(skip_serializing_if = "Names::is_empty", default)]
    pub skipped: Names,
    /// Gates that were overridden.
    #[serde(skip_serializing_if = "Names::is_empty", default)]
    pub overridden: Names,
    /// Guards that tripped.
    #[serde(skip_serializing_if = "Names::is_empty", default)]
    pub guards: Names,
}

/// The first sign that something was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// When.
    pub at: DateTime<Utc>,
    /// What, such as `guard errors-up`.
    pub what: String,
}

/// How long one visit of a step took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepTime {
    /// Its path.
    pub path: String,
    /// Milliseconds.
    pub ms: u64,
}

/// A list that has an end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// The first of them.
    pub names: Vec<String>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub more: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Names {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.more == 0
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.names.len() as u64 + u64::from(self.more)
    }

    fn add(&mut self, name: &str) {
        if self.names.len() < NAMES { self.names.push(clip(name)) } else { self.more += 1 }
    }
}

/// The beginning of a text, for a line that must stay short.
pub fn clip(text: &str) -> String {
    match text.char_indices().nth(NAME) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Takes the records of one session in their order.
#[derive(Debug, Default)]
pub struct Count {
    figures: Figures,
    simulated: bool,
    /// Effects under way that change something.
    changing: BTreeSet<u64>,
    times: Vec<StepTime>,
    /// Paths below which others were entered: their time is that of their steps.
    parents: BTreeSet<String>,
}

impl Count {
    /// Takes the next record.
    pub fn take(&mut self, ts: DateTime<Utc>, event: &Event) {
        let figures = &mut self.figures;
        match event {
            Event::SessionOpened(opened) => {
                self.simulated = opened.mode == Mode::DryRun;
                figures.emergency |= opened.emergency.is_some();
            }
            Event::StepEntered(entered) => {
                let path = entered.path.as_str();
                self.parents
                    .extend(path.match_indices(['/', '[', '!']).filter_map(|(end, _)| path.get(..end)).map(str::to_owned));
                figures.rolled_back |= path == "rollback";
            }
            Event::StepEnded(ended) => self.step(ts, ended),
            Event::EffectIntended(intent) if intent.changes && !self.simulated => {
                figures.changes += 1;
                self.changing.insert(intent.effect);
            }
            Event::EffectEnded(ended) if ended.outcome != Outcome::Succeeded && self.changing.contains(&ended.effect) => {
                self.trouble(ts, "step", ended.path.as_str());
            }
            Event::GateJudged(judged) if matches!(judged.final_verdict, Some(GateEnd::Failed | GateEnd::Hold)) => {
                self.trouble(ts, "gate", judged.path.as_str());
            }
            Event::GuardTripped(tripped) => {
                figures.guards.add(&tripped.guard);
                self.trouble(ts, "guard", &tripped.guard);
            }
            Event::DeviationRecorded(deviation) => {
                figures.deviations += 1;
                match deviation.what.as_str() {
                    "gate-overridden" => figures.overridden.add(deviation.path.as_ref().map_or("", |path| path.as_str())),
                    "emergency" => figures.emergency = true,
                    _ => {}
                }
            }
            Event::SessionClosed(closed) => {
                figures.outcome = Some(closed.outcome);
                figures.walked_ms = closed.took_ms;
            }
            _ => {}
        }
    }

    fn step(&mut self, ts: DateTime<Utc>, ended: &StepEnded) {
        let path = ended.path.as_str();
        match ended.outcome {
            StepOutcome::Done => {
                self.figures.done += 1;
                if path == "rollback" {
                    self.figures.recovered = Some(ts);
                }
            }
            StepOutcome::Failed => self.trouble(ts, "step", path),
            StepOutcome::Skipped => self.figures.skipped.add(path),
            StepOutcome::NotApplicable | StepOutcome::NotChosen | StepOutcome::Interrupted => return,
        }
        self.times.push(StepTime { path: path.to_owned(), ms: ended.took_ms });
    }

    fn trouble(&mut self, at: DateTime<Utc>, kind: &str, name: &str) {
        self.figures.trouble.get_or_insert_with(|| Trouble { at, what: clip(&format!("{kind} {name}")) });
    }

    /// What they come to.
    pub fn figures(mut self) -> Figures {
        self.times.retain(|time| !self.parents.contains(&time.path));
        self.times.sort_by(|a, b| b.ms.cmp(&a.ms).then_with(|| a.path.cmp(&b.path)));
        self.times.truncate(SLOWEST);
        let clipped = self.times.into_iter().map(|time| StepTime { path: clip(&time.path), ..time });
        Figures { slowest: clipped.collect(), ..self.figures }
    }
}

#[cfg(test)]
mod tests;
