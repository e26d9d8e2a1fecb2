//! What is new since the last time: two looks at a screen, compared.

use std::collections::BTreeMap;

use super::question::checklist_item;
use super::{indented, status};
use crate::live::output::Output;
use crate::live::{Freshness, HealthCheck, PanelData, SourceState};
use crate::session::event::Verdict;
use crate::session::message::StepRef;
use crate::session::path::StepPath;
use crate::session::view::{ClockView, GuardState, ItemView, Prompt, RowState};
use crate::tui::text::{age, countdown, duration, short_hash};
use crate::tui::{Journal, Screen};

/// A wait says how far it is once in so many milliseconds.
const HEARTBEAT_MS: u64 = 60_000;

/// What has been told.
#[derive(Debug, Default)]
pub(super) struct Told {
    opened: bool,
    rows: BTreeMap<StepPath, (RowState, u32)>,
    text_of: Option<StepRef>,
    outputs: BTreeMap<u64, u64>,
    last_output: Option<u64>,
    progress: BTreeMap<u64, String>,
    gate: Option<(StepRef, GateTruth)>,
    guards: BTreeMap<String, std::mem::Discriminant<GuardState>>,
    sources: BTreeMap<String, (std::mem::Discriminant<SourceState>, bool)>,
    failures: BTreeMap<String, u32>,
    items: Option<(StepRef, Vec<ItemView>)>,
    given: Vec<String>,
    looking: bool,
    paused: bool,
    rolling_back: bool,
    back_to: Vec<String>,
    clocks: BTreeMap<String, ClockLevel>,
    journal_failed: bool,
    sealed: Option<String>,
    notices: Vec<String>,
    /// Time walked when a wait last said something, milliseconds.
    spoke_ms: u64,
}

/// A gate's verdict and what it comes from, without the values.
type GateTruth = (Option<Verdict>, Vec<Option<bool>>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum ClockLevel {
    #[default]
    Fine,
    Warn,
    Over,
}

impl Told {
    /// What is new; it counts as told.
    pub(super) fn news(&mut self, screen: &Screen<'_>) -> Vec<String> {
        let mut out = Vec::new();
        if !self.opened {
            out.extend(status::header(screen));
        }
        self.journal(screen, &mut out);
        self.header(screen, &mut out);
        self.notices(screen, &mut out);
        self.outputs(screen, false, &mut out);
        self.steps(screen, &mut out);
        self.step_text(screen, &mut out);
        self.outputs(screen, true, &mut out);
        self.progress(screen, &mut out);
        self.gate(screen, &mut out);
        self.guards(screen, &mut out);
        self.signals(screen, &mut out);
        self.answers(screen, &mut out);
        self.opened = true;
        out
    }

    /// Something has just been said: the next heartbeat can wait.
    pub(super) fn rest(&mut self, screen: &Screen<'_>) {
        self.spoke_ms = screen.header.elapsed_ms;
    }

    /// How far a wait is, when nothing was said about it for long.
    pub(super) fn heartbeat(&mut self, screen: &Screen<'_>) -> Option<String> {
        // Time walked is monotonic; the wall clock may be set back.
        if screen.header.elapsed_ms.saturating_sub(self.spoke_ms) < HEARTBEAT_MS {
            return None;
        }
        let line = waiting(screen)?;
        self.rest(screen);
        Some(line)
    }

    fn journal(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        let failed = matches!(screen.journal, Journal::Failed(..));
        if let (Journal::Failed(seq, why), false) = (screen.journal, self.journal_failed) {
            out.push(format!("JOURNAL CANNOT BE WRITTEN since record {seq}: {why}"));
        } else if !failed && self.journal_failed {
            out.push("journal: it can be written again".to_owned());
        }
        self.journal_failed = failed;
        if let Some(head) = screen.sealed.filter(|head| self.sealed.as_deref() != Some(*head)) {
            out.push(format!("journal: sealed, head {}", short_hash(head)));
            self.sealed = Some(head.to_owned());
        }
    }

    fn header(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        let h = screen.header;
        if h.paused != self.paused {
            out.push(if h.paused { "paused: no step starts" } else { "no longer paused" }.to_owned());
        }
        if h.rolling_back && !self.rolling_back {
            out.push("ROLLING BACK".to_owned());
        }
        if h.back_to != self.back_to && !h.back_to.is_empty() {
            out.push(format!("a rollback goes back to: {}", h.back_to.join(", ")));
        }
        (self.paused, self.rolling_back) = (h.paused, h.rolling_back);
        self.back_to.clone_from(&h.back_to);
        for view in &h.clocks {
            let level = match view.gone_ms {
                Some(gone) if gone >= view.limit_ms => ClockLevel::Over,
                Some(gone) if view.warn_ms.is_some_and(|warn| gone >= warn) => ClockLevel::Warn,
                _ => ClockLevel::Fine,
            };
            let before = self.clocks.insert(view.name.clone(), level).unwrap_or_default();
            if level > before {
                out.push(clock(view));
            }
        }
    }

    fn notices(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        out.extend(screen.notices.iter().filter(|n| !self.notices.contains(n)).map(|n| format!("notice: {n}")));
        self.notices = screen.notices.to_vec();
    }

    /// New lines of outputs. What the step in hand begins to print comes after the step
    /// (`begins`), what others still have to say before they are told to have ended.
    fn outputs(&mut self, screen: &Screen<'_>, begins: bool, out: &mut Vec<String>) {
        let in_hand = screen.step.and_then(|s| s.effect);
        for (effect, output) in &screen.live.outputs {
            let after = !self.opened || (in_hand == Some(*effect) && !self.outputs.contains_key(effect));
            if after && !begins {
                continue;
            }
            let told = self.outputs.entry(*effect).or_default();
            let lines = new_lines(output, *told);
            *told = end_of(output);
            if lines.is_empty() {
                continue;
            }
            if self.last_output.is_some_and(|last| last != *effect) {
                out.push(format!("output of effect {effect}:"));
            }
            self.last_output = Some(*effect);
            out.extend(lines);
        }
    }

    fn steps(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        let (mut over, mut dropped) = (0_usize, 0_usize);
        for (i, row) in screen.outline.iter().enumerate() {
            let before = self.rows.insert(row.path.clone(), (row.state, row.visit));
            if before == Some((row.state, row.visit)) {
                continue;
            }
            let known = before.filter(|(_, visit)| *visit == row.visit).map(|(state, _)| state);
            let at_work = |state: RowState| matches!(state, RowState::Running | RowState::Waiting | RowState::Unknown);
            match row.state {
                RowState::Ended(_) if !self.opened => over = over.saturating_add(1),
                RowState::Ended(outcome) => {
                    let took = row.took_ms.map_or(String::new(), |ms| format!(", {}", duration(ms)));
                    let worth = row.treatment.map_or(String::new(), |t| format!(" [{}]", t.words()));
                    let how = status::step_outcome(outcome);
                    out.push(format!("step ended: {} ({}): {how}{worth}{took}", row.title, row.path));
                }
                RowState::Dropped if self.opened => dropped = dropped.saturating_add(1),
                RowState::Running | RowState::Waiting | RowState::Unknown if !known.is_some_and(at_work) => {
                    out.extend(row.phase.iter().map(|phase| format!("phase: {phase}")));
                    let visit = if row.visit > 1 { format!(", visit {}", row.visit) } else { String::new() };
                    let number = i.saturating_add(1);
                    out.push(format!("step {number} of {}: {} ({}{visit})", screen.outline.len(), row.title, row.path));
                }
                _ => {}
            }
            if row.state == RowState::Unknown {
                out.push(format!("step's outcome is UNKNOWN: {} ({})", row.title, row.path));
            }
        }
        if over > 0 {
            out.push(format!("{over} of {} steps were over before; `steps` lists them", screen.outline.len()));
        }
        if dropped > 0 {
            out.push(format!("steps that will not be reached any more: {dropped}; `steps` lists them"));
        }
    }

    fn step_text(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        let Some(step) = screen.step.filter(|s| self.text_of.as_ref() != Some(&s.step)) else { return };
        self.text_of = Some(step.step.clone());
        out.extend(indented(&step.text, "  "));
    }

    fn progress(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        for (effect, text) in &screen.live.progress {
            if self.progress.get(effect) != Some(text) {
                out.push(format!("progress: {text}"));
            }
        }
        self.progress.clone_from(&screen.live.progress);
    }

    fn gate(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        let now = screen.step.and_then(|s| {
            let gate = s.gate.as_ref()?;
            let truths = gate.conditions.iter().map(|c| c.holds.as_ref().ok().copied()).collect();
            Some((s.step.clone(), (gate.last.as_ref().map(|(verdict, _)| *verdict), truths)))
        });
        if now.is_some() && now != self.gate {
            out.extend(gate_lines(screen));
            self.rest(screen);
        }
        self.gate = now;
    }

    fn guards(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        for guard in screen.guards {
            let kind = std::mem::discriminant(&guard.state);
            match self.guards.insert(guard.id.clone(), kind) {
                Some(before) if before == kind => {}
                Some(_) => out.push(format!("guard {}: {}", guard.id, status::guard(&guard.state))),
                None => out.push(format!("guard {}: {} ({})", guard.id, status::guard(&guard.state), guard.condition)),
            }
        }
    }

    fn signals(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        for panel in &screen.live.panels {
            if let PanelData::Unavailable(why) = &panel.data {
                if !self.sources.contains_key(&panel.name) {
                    out.push(format!("signal {}: {why}", panel.name));
                    self.sources.insert(panel.name.clone(), (std::mem::discriminant(&panel.source), false));
                }
                continue;
            }
            let freshness = panel.freshness(screen.now);
            let stale = matches!(freshness, Freshness::Stale(_));
            let now = (std::mem::discriminant(&panel.source), stale);
            let before = self.sources.insert(panel.name.clone(), now);
            if before.map(|b| b.0) != Some(now.0) {
                out.push(format!("signal {}: {}", panel.name, source(&panel.source)));
            }
            if stale != before.is_some_and(|b| b.1) && !matches!(freshness, Freshness::Lost(_)) {
                out.push(format!("signal {}: {}", panel.name, if stale { "STALE, nothing new comes" } else { "fresh again" }));
            }
            if let (PanelData::Health(health), Some(check)) = (&panel.data, panel_check(&panel.data)) {
                self.health(&panel.name, check, health.failures, out);
            }
        }
    }

    /// A failing endpoint is told at once, then each time its failures have doubled.
    fn health(&mut self, name: &str, check: &HealthCheck, failures: u32, out: &mut Vec<String>) {
        let told = self.failures.entry(name.to_owned()).or_default();
        match (check.ok, *told) {
            (true, 0) => {}
            (true, _) => {
                out.push(format!("health {name}: ok again, {}", check.latency()));
                *told = 0;
            }
            (false, before) if before == 0 || failures >= before.saturating_mul(2) => {
                out.push(format!("health {name}: {}, {failures} in a row", failure(check)));
                *told = failures.max(1);
            }
            (false, _) => {}
        }
    }

    /// What moves within a question that stays: ticks, approvals, a look.
    fn answers(&mut self, screen: &Screen<'_>, out: &mut Vec<String>) {
        let items = match screen.prompt {
            Prompt::Checklist { step, items } => Some((step.clone(), items.clone())),
            _ => None,
        };
        if let (Some((step, before)), Some((now_step, now))) = (&self.items, &items)
            && step == now_step
        {
            let changed = now.iter().enumerate().filter(|(i, item)| before.get(*i) != Some(item));
            out.extend(changed.flat_map(|(i, item)| checklist_item(i, item)));
        }
        self.items = items;
        if let Prompt::Approve { given, min, .. } = screen.prompt {
            let new = given.iter().filter(|name| !self.given.contains(name));
            out.extend(new.map(|name| format!("approved by {name} ({} of {min})", given.len())));
            self.given.clone_from(given);
        } else {
            self.given.clear();
        }
        let looking = matches!(screen.prompt, Prompt::Unknown { looking: true, .. });
        if looking && !self.looking {
            out.push("a look is under way".to_owned());
        } else if self.looking && !looking && matches!(screen.prompt, Prompt::Unknown { .. }) {
            out.push("the look is over; the outcome is still not known".to_owned());
        }
        self.looking = looking;
    }
}

fn panel_check(data: &PanelData) -> Option<&HealthCheck> {
    match data {
        PanelData::Health(health) => health.checks.back(),
        _ => None,
    }
}

/// How many lines an output has had in all.
fn end_of(output: &Output) -> u64 {
    output.dropped.saturating_add(u64::try_from(output.lines.len()).unwrap_or(u64::MAX))
}

/// The lines of an output after the first `told`.
fn new_lines(output: &Output, told: u64) -> Vec<String> {
    let mut out = Vec::new();
    let missed = output.dropped.saturating_sub(told);
    if missed > 0 {
        out.push(format!("| ({missed} lines are only in the session's folder)"));
    }
    let skip = usize::try_from(told.saturating_sub(output.dropped)).unwrap_or(usize::MAX);
    out.extend(output.lines.iter().skip(skip).map(|line| format!("| {}", line.text)));
    out
}

fn source(state: &SourceState) -> String {
    match state {
        SourceState::Connecting => "connecting".to_owned(),
        SourceState::Connected => "connected".to_owned(),
        SourceState::Degraded(why) => format!("DEGRADED: {why}"),
        SourceState::Lost(why, since) => format!("LOST since {}: {why}", since.format("%H:%M:%S")),
    }
}

/// What is wrong with an answer.
pub(super) fn failure(check: &HealthCheck) -> String {
    let status = match &check.status {
        Ok(status) => format!("status {status}"),
        Err(why) => why.clone(),
    };
    let problem = check.problem.as_ref().filter(|problem| **problem != status).map_or(String::new(), |p| format!(": {p}"));
    format!("FAILED, {status}{problem}")
}

/// A clock and its limit.
pub(super) fn clock(view: &ClockView) -> String {
    let over = if view.gone_ms.is_some_and(|gone| gone >= view.limit_ms) { ", OVER ITS LIMIT" } else { "" };
    let gone = view.gone_ms.map_or("its start is not known".to_owned(), duration);
    format!("clock {}: {gone} of {}{over}", view.name, duration(view.limit_ms))
}

/// The gate in hand: where it stands, and its conditions with their values.
pub(super) fn gate_lines(screen: &Screen<'_>) -> Vec<String> {
    let Some(gate) = screen.step.and_then(|s| s.gate.as_ref()) else { return Vec::new() };
    let verdict = match &gate.last {
        Some((verdict, why)) => {
            let word = match verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "FAIL",
                Verdict::Inconclusive => "inconclusive",
            };
            if why.is_empty() { word.to_owned() } else { format!("{word} ({why})") }
        }
        None => "not judged yet".to_owned(),
    };
    let mut out = vec![format!("gate: {verdict}{}", gate_progress(screen))];
    out.extend(gate.conditions.iter().map(|c| {
        let holds = match &c.holds {
            Ok(true) => "yes".to_owned(),
            Ok(false) => "no".to_owned(),
            Err(why) => format!("cannot be told: {why}"),
        };
        let old = c.age_ms.map_or(String::new(), |ms| format!(", {} old", age(ms)));
        let values = if c.values.is_empty() { "no value" } else { &c.values };
        format!("  {} {}: {holds} ({values}{old})", c.role, c.text)
    }));
    out
}

/// `, 3m20s of 10m, 2 of 3 failures in a row, asks in 24m20s`.
fn gate_progress(screen: &Screen<'_>) -> String {
    let Some(gate) = screen.step.and_then(|s| s.gate.as_ref()) else { return String::new() };
    let mut out = match gate.for_ms {
        Some(for_ms) => format!(", {} of {}", duration(gate.passed_ms), duration(for_ms)),
        None => ", judged until there is a verdict".to_owned(),
    };
    if gate.settling_ms > 0 {
        out.push_str(&format!(", settling for {} more", duration(gate.settling_ms)));
    }
    if let (failures @ 1.., of) = gate.failures {
        out.push_str(&format!(", {failures} of {of} failures in a row"));
    }
    out.push_str(&format!(", asks in {}", duration(gate.timeout_left_ms)));
    out
}

/// What a wait says about itself; `None` where the operator is waited for without a limit.
fn waiting(screen: &Screen<'_>) -> Option<String> {
    match screen.prompt {
        Prompt::Busy { .. } => {
            let step = screen.step?;
            if let Some(gate) = &step.gate {
                let mut values: Vec<String> = Vec::new();
                for c in &gate.conditions {
                    let value = format!("{} = {}", c.text, if c.values.is_empty() { "no value" } else { &c.values });
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
                return Some(format!("gate{}; {}", gate_progress(screen), values.join("; ")).replacen("gate, ", "gate: ", 1));
            }
            if let Some(wait) = &step.wait {
                let total = wait.total_ms.map_or(String::new(), |ms| format!(" of {}", duration(ms)));
                return Some(format!("waiting {}: {}{total}", wait.text, duration(wait.gone_ms)));
            }
            let progress = step.effect.and_then(|e| screen.live.progress.get(&e)).map_or(String::new(), |p| format!(", {p}"));
            let timeout = step.timeout_left_ms.map_or(String::new(), |ms| format!(", at most {} more", duration(ms)));
            Some(format!("still working: {}, {}{timeout}{progress}", step.title, duration(step.elapsed_ms)))
        }
        Prompt::Approve { given, min, .. } => Some(format!("still waiting for approval: {} of {min}", given.len())),
        Prompt::Guard { left_ms: Some(left), expired: then, .. }
        | Prompt::Decide { left_ms: Some(left), otherwise: then, .. } => Some(countdown(*left, then)),
        _ => None,
    }
}
