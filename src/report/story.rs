//! The fold that all reports share: what happened, put together by what it is about.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::seals::{self, Judged};
use super::source::Source;
use crate::approval::review;
use crate::journal::SessionSummary;
use crate::journal::format::{hex, sha256};
use crate::journal::verify::Status;
use crate::runbook::load::{self, Bundle};
use crate::runbook::model::Unit;
use crate::session::Event;
use crate::session::event::{
    EffectEnded, EnteredAs, Mode, Opened, Operator, OutcomeSettled, SessionClosed, SignalEvidence, SignalSampled, StepEntered,
    StepOutcome,
};
use crate::session::intent::Intent;

/// What stands beside a journal and says something about it; all of it may be missing.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Other sessions of this machine with the same bundle; absent: not looked for.
    pub kin: Option<Vec<SessionSummary>>,
    /// How signals are called and judged, from the bundle as it was run.
    pub signals: BTreeMap<String, SignalFacts>,
    /// What a verification of the journal came to; absent: nobody judged it.
    pub judged: Option<Judged>,
    /// What others said of it afterwards, signed, and judged by the same list of keys.
    pub reviews: Vec<review::Judged>,
}

/// What a runbook says about a signal, for its chart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignalFacts {
    /// Heading.
    pub title: Option<String>,
    /// Unit of its value, for people.
    pub unit: String,
    /// From here on the value is worth a look.
    pub warn: Option<f64>,
    /// From here on the value is bad.
    pub critical: Option<f64>,
}

impl Beside {
    /// What the kept bundle says of the session's signals. Nothing where the bundle is
    /// not there or is not the one that was run: a chart must not get another's limits.
    pub fn signals_of(source: &Source) -> BTreeMap<String, SignalFacts> {
        bundle_of(source).map(|bundle| facts(&bundle)).unwrap_or_default()
    }
}

/// The kept bundle; none where it is not there or is not the one that was run.
pub(super) fn bundle_of(source: &Source) -> Option<Bundle> {
    let opened = source.records.iter().find_map(|record| match &record.event {
        Some(Event::SessionOpened(opened)) => Some(opened),
        _ => None,
    })?;
    let (root, _) = opened.bundle.files.first()?;
    let path = source.path.with_file_name("bundle").join(root);
    load::load(&path.to_string_lossy()).ok().filter(|bundle| bundle.sha256 == opened.bundle.sha256)
}

pub(super) fn facts(bundle: &Bundle) -> BTreeMap<String, SignalFacts> {
    let unit = |unit: &Unit| match unit {
        Unit::Percent => "%".to_owned(),
        Unit::Seconds => "s".to_owned(),
        Unit::Milliseconds => "ms".to_owned(),
        Unit::Bytes => "bytes".to_owned(),
        Unit::PerSecond => "/s".to_owned(),
        Unit::Count => String::new(),
        Unit::Other(other) => other.clone(),
    };
    let fact = |signal: &crate::runbook::model::Signal| SignalFacts {
        title: signal.title.clone(),
        unit: signal.unit.as_ref().map(unit).unwrap_or_default(),
        warn: signal.warn,
        critical: signal.critical,
    };
    bundle.root.signals.iter().map(|signal| (signal.name.value.clone(), fact(signal))).collect()
}

/// One record, readings apart.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Number of the record.
    pub seq: u64,
    /// When.
    pub ts: DateTime<Utc>,
    /// Milliseconds since the session was opened or resumed.
    pub mono_ms: u64,
    /// The type as written.
    pub kind: String,
    /// What; none for a type this version does not know.
    pub event: Option<Event>,
}

/// One effect from its intent to what is known of its end.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Number of the record that announced it.
    pub seq: u64,
    /// When it was announced.
    pub at: DateTime<Utc>,
    /// What was to be done.
    pub intent: Intent,
    /// How it ended, and when; absent: nobody wrote it down.
    pub ended: Option<(DateTime<Utc>, EffectEnded)>,
    /// How an unknown outcome was settled.
    pub settled: Option<OutcomeSettled>,
}

/// One visit of a step.
#[derive(Debug, Clone)]
pub struct Step {
    /// When it was entered; absent for one that never was.
    pub at: Option<DateTime<Utc>>,
    /// Its path.
    pub path: String,
    /// Its visit.
    pub visit: u32,
    /// Its title; empty for one that was never entered.
    pub title: String,
    /// What it is.
    pub kind: Option<EnteredAs>,
    /// How it ended, after how many milliseconds, and why.
    pub ended: Option<(StepOutcome, u64, Option<String>)>,
}

/// The readings of one signal over time.
#[derive(Debug, Clone, Default)]
pub struct Track {
    /// Members by name: milliseconds since 1970 and the number, none where there was
    /// no finite one.
    pub members: BTreeMap<String, Vec<(i64, Option<f64>)>>,
    /// Its query, address or selector, where some evidence names it.
    pub source: Option<String>,
    /// Readings recorded.
    pub readings: u64,
    /// Of these without a value or not as they should be.
    pub problems: u64,
}

/// Something the reader of a report must know before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// It makes the record itself doubtful, and not only unusual.
    pub severe: bool,
    /// What it is, as a sentence.
    pub text: String,
}

/// A session as its journal tells it.
#[derive(Debug, Default)]
pub struct Story {
    /// Session id; empty where no record could be read.
    pub sid: String,
    /// The journal's bytes.
    pub raw: Vec<u8>,
    /// SHA-256 of all of them.
    pub sha256: String,
    /// Records in order.
    pub records: u64,
    /// SHA-256 of the last of them.
    pub head: String,
    /// The first record.
    pub opened: Option<(DateTime<Utc>, Opened)>,
    /// The closing record.
    pub closed: Option<(DateTime<Utc>, SessionClosed)>,
    /// When the last record was written.
    pub last: Option<DateTime<Utc>>,
    /// All records but readings and what was on screen.
    pub moments: Vec<Moment>,
    /// Effects by their number.
    pub effects: BTreeMap<u64, Effect>,
    /// Visits of steps, in order.
    pub steps: Vec<Step>,
    /// Readings by signal.
    pub tracks: BTreeMap<String, Track>,
    /// Types this version does not know.
    pub unknown: BTreeSet<String>,
    /// Seals that stand in it; reports do not judge them.
    pub seals: u64,
    /// What must be said first.
    pub flaws: Vec<Flaw>,
    /// What stands beside it.
    pub beside: Beside,
    broken: bool,
}

impl Story {
    /// Folds a journal.
    pub fn of(source: Source, beside: Beside) -> Self {
        let flaws = flaws_of(&source);
        let broken = source.damage.is_some() || source.lost.is_some() || source.records.is_empty();
        let mut story = Self { flaws, broken, beside, head: source.head, sha256: hex(&sha256(&source.raw)), ..Self::default() };
        for record in source.records {
            story.sid.clone_from(&record.sid);
            story.records += 1;
            story.last = Some(record.ts);
            let moment =
                Moment { seq: record.seq, ts: record.ts, mono_ms: record.mono_ms, kind: record.kind, event: record.event };
            story.take(moment);
        }
        story.raw = source.raw;
        story.say_what_stands_out();
        story
    }

    fn take(&mut self, moment: Moment) {
        match &moment.event {
            Some(Event::SignalSampled(sampled)) => return self.sampled(sampled),
            Some(Event::ViewChanged(_)) => return,
            Some(Event::SessionOpened(opened)) => self.opened = Some((moment.ts, (**opened).clone())),
            Some(Event::SessionClosed(closed)) => self.closed = Some((moment.ts, closed.clone())),
            Some(Event::StepEntered(entered)) => self.entered(moment.ts, entered),
            Some(Event::StepEnded(ended)) => {
                let end = (ended.outcome, ended.took_ms, ended.reason.clone());
                let (path, visit) = (ended.path.as_str(), ended.visit);
                match self.steps.iter_mut().rev().find(|step| step.path == path && step.visit == visit) {
                    Some(step) => step.ended = Some(end),
                    None => {
                        let (path, title) = (path.to_owned(), String::new());
                        self.steps.push(Step { at: None, path, visit, title, kind: None, ended: Some(end) });
                    }
                }
            }
            Some(Event::EffectIntended(intent)) => {
                let effect = Effect { seq: moment.seq, at: moment.ts, intent: (**intent).clone(), ended: None, settled: None };
                self.effects.insert(intent.effect, effect);
            }
            Some(Event::EffectEnded(ended)) => {
                if let Some(effect) = self.effects.get_mut(&ended.effect) {
                    effect.ended = Some((moment.ts, (**ended).clone()));
                }
            }
            Some(Event::OutcomeSettled(settled)) => {
                if let Some(effect) = self.effects.get_mut(&settled.effect) {
                    effect.settled = Some(settled.clone());
                }
            }
            Some(Event::JournalSealed(_)) => self.seals += 1,
            Some(_) => {}
            None => {
                self.unknown.insert(moment.kind.clone());
            }
        }
        if let Some(evidence) = moment.event.as_ref().and_then(evidence_of) {
            for (name, signal) in &evidence.signals {
                self.tracks.entry(name.clone()).or_default().source = Some(signal.source.clone()).filter(|s| !s.is_empty());
            }
        }
        self.moments.push(moment);
    }

    fn entered(&mut self, at: DateTime<Utc>, entered: &StepEntered) {
        self.steps.push(Step {
            at: Some(at),
            path: entered.path.as_str().to_owned(),
            visit: entered.visit,
            title: entered.title.clone(),
            kind: Some(entered.kind),
            ended: None,
        });
    }

    fn sampled(&mut self, sampled: &SignalSampled) {
        for (name, reading) in &sampled.readings {
            let track = self.tracks.entry(name.clone()).or_default();
            let at = reading.taken.timestamp_millis();
            track.readings += 1;
            if reading.problem.is_some() || reading.ok == Some(false) || reading.unreachable {
                track.problems += 1;
            }
            for (member, points) in &mut track.members {
                if !reading.members.contains_key(member) {
                    points.push((at, None));
                }
            }
            for (member, value) in &reading.members {
                let value = Some(value.0).filter(|value| value.is_finite());
                track.members.entry(member.clone()).or_default().push((at, value));
            }
        }
    }

    /// What is not wrong with the record, but must not be overlooked.
    fn say_what_stands_out(&mut self) {
        if let Some(flaw) = self.flaw_of_seals() {
            self.broken |= flaw.severe;
            self.flaws.push(flaw);
        }
        let kept: Vec<String> = seals::judged(self).map(|judged| judged.found.kept.clone()).unwrap_or_default();
        let mut say = |severe: bool, text: String| self.flaws.push(Flaw { severe, text });
        kept.iter().for_each(|wrong| say(true, format!("WHAT IS KEPT BESIDE THIS JOURNAL WAS CHANGED: {wrong}.")));
        match (&self.opened, &self.closed) {
            (None, _) => say(true, "No record could be read. Nothing can be said about this session.".to_owned()),
            (Some(_), None) => say(
                true,
                "This session is NOT CLOSED. The report ends where the journal ends; what came after is not in it.".to_owned(),
            ),
            _ => {}
        }
        if let Some((_, opened)) = &self.opened {
            match opened.mode {
                Mode::Live => {}
                Mode::DryRun => say(false, "This was a DRY RUN: it read for real and changed nothing.".to_owned()),
                Mode::Rehearsal => {
                    say(false, "This was a REHEARSAL against a simulated world. Nothing real was touched.".to_owned());
                }
            }
            if let Some(reason) = &opened.emergency {
                say(false, format!("This session was opened as an EMERGENCY: {reason}"));
            }
        }
        if self.seals == 0 {
            say(
                false,
                "This journal holds no seal. Its chain shows accidental damage and careless edits; whoever could write the file \
                 could have written all of it anew."
                    .to_owned(),
            );
        }
        if !self.unknown.is_empty() {
            let kinds: Vec<&str> = self.unknown.iter().map(String::as_str).collect();
            say(true, format!("It holds records of types this version does not know ({}).", kinds.join(", ")));
        }
    }

    /// What a verification found wrong that the reader of the chain did not.
    fn flaw_of_seals(&self) -> Option<Flaw> {
        let status = seals::judged(self)?.found.status;
        match status {
            Status::Broken | Status::Unreadable if !self.broken => {
                Some(Flaw { severe: true, text: format!("This journal is {}", seals::verdict(self)) })
            }
            // A rehearsal's seal proves nothing, and that it was one is said anyway.
            Status::Untrusted if self.opened.as_ref().is_some_and(|(_, opened)| opened.mode != Mode::Rehearsal) => {
                Some(Flaw { severe: false, text: format!("The seal of this journal is {}", seals::verdict(self)) })
            }
            _ => None,
        }
    }

    /// Effects that could change something, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Effect> {
        self.effects.values().filter(|effect| effect.intent.changes)
    }

    /// The records of one kind, by what `pick` makes of them.
    pub fn each<'a, T>(&'a self, pick: impl Fn(&'a Event) -> Option<T> + 'a) -> impl Iterator<Item = (&'a Moment, T)> {
        self.moments.iter().filter_map(move |moment| Some((moment, pick(moment.event.as_ref()?)?)))
    }

    /// Who had it in hand, in order.
    pub fn operators(&self) -> Vec<Operator> {
        self.each(Event::operator).map(|(_, operator)| operator.clone()).collect()
    }

    /// Whether a rollback was entered.
    pub fn rolled_back(&self) -> bool {
        self.steps.iter().any(|step| step.kind == Some(EnteredAs::Rollback))
    }

    /// How it ended, in a word.
    pub fn outcome(&self) -> &'static str {
        self.closed.as_ref().map_or("not closed", |(_, closed)| closed.outcome.as_str())
    }

    /// Whether the journal is not what was written: damaged, or a file of it is missing.
    /// One that is torn or open is not.
    pub fn is_broken(&self) -> bool {
        self.broken
    }
}

/// The evidence in an event, where it has one.
pub(super) fn evidence_of(event: &Event) -> Option<&crate::session::event::Evidence> {
    match event {
        Event::DecisionMade(decision) => Some(&decision.evidence),
        Event::DeviationRecorded(deviation) => Some(&deviation.evidence),
        Event::GuardTripped(guard) => Some(&guard.evidence),
        Event::GateJudged(gate) => gate.evidence.as_ref(),
        Event::ItemTicked(item) => item.evidence.as_ref(),
        _ => None,
    }
}

/// A signal's reading in an evidence, in words: its numbers, or why there are none.
pub(super) fn reading_of(signal: &SignalEvidence) -> String {
    signal.reading.as_ref().map_or_else(|| "no reading".to_owned(), super::words::says)
}

/// What is wrong with the journal itself.
fn flaws_of(source: &Source) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut say = |text: String| flaws.push(Flaw { severe: true, text });
    if let Some(error) = &source.damage {
        let rest = source.raw.get(usize::try_from(error.offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let lines = rest.iter().filter(|&&b| b == b'\n').count();
        say(format!(
            "This journal is DAMAGED. {error}. What stands from there on ({lines} lines, {} bytes) is not told in this report.",
            rest.len()
        ));
    }
    if let Some(error) = &source.lost {
        say(format!("A text kept beside this journal is MISSING or CHANGED. {error}. Only beginnings of long texts are shown."));
    }
    if source.torn > 0 {
        say(format!("The last record was NOT WRITTEN TO ITS END: {} bytes follow the last whole line.", source.torn));
    }
    flaws
}
