//! What is looked up: the header, the signals, the steps, what a rollback would do.

use super::news;
use super::words;
use crate::live::{Freshness, Panel, PanelData, SourceState};
use crate::session::event::{Mode, StepOutcome};
use crate::session::view::{GuardState, GuardView, RowState};
use crate::tui::text::{age, duration, number};
use crate::tui::{Journal, Screen};

/// The facts of the header.
pub(super) fn header(screen: &Screen<'_>) -> Vec<String> {
    let h = screen.header;
    let protected = if h.protected { ", protected" } else { "" };
    let mut out = vec![
        format!("{}: {}", mode(h.mode), h.title),
        format!("  session {}, operator {}", screen.session, h.operator),
        format!("  environment {}{protected}, target {}", h.environment, h.target.as_deref().unwrap_or("none")),
    ];
    out.extend(h.ticket.iter().map(|ticket| format!("  ticket {ticket}")));
    out
}

/// The word of a mode.
fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "LIVE",
        Mode::DryRun => "DRY RUN",
        Mode::Rehearsal => "REHEARSAL",
    }
}

/// Everything worth knowing now.
pub(super) fn status(screen: &Screen<'_>) -> Vec<String> {
    let h = screen.header;
    let mut out = header(screen);
    let estimate = h.estimate_ms.map_or(String::new(), |ms| format!(" of about {}", duration(ms)));
    out.push(format!("  {} of {} steps are over, {}{estimate} walked", h.progress.0, h.progress.1, duration(h.elapsed_ms)));
    if h.paused {
        out.push("  PAUSED".to_owned());
    }
    if h.rolling_back {
        out.push("  ROLLING BACK".to_owned());
    }
    out.extend(h.back_to.iter().map(|back| format!("  a rollback goes back to: {back}")));
    out.extend(h.clocks.iter().map(|c| format!("  {}", news::clock(c))));
    out.push(match screen.journal {
        Journal::Written(seq) => format!("  journal: written up to record {seq}"),
        Journal::Waiting(seq, ms) => format!("  journal: the disk has not taken record {seq} for {} s", ms / 1000),
        Journal::Recorded(seq, last) => format!("  journal: record {seq} of {last}"),
        Journal::Failed(seq, why) => format!("  JOURNAL CANNOT BE WRITTEN since record {seq}: {why}"),
    });
    out.extend(screen.sealed.map(|head| format!("  head at the last seal: {head}")));
    out.extend(screen.step.map(|s| format!("  step {}: {}, for {}", s.step.path, s.title, duration(s.elapsed_ms))));
    out.extend(news::gate_lines(screen));
    out.extend(
        screen.guards.iter().map(|g| format!("  guard {}: {}{} ({})", g.id, guard(&g.state), by_itself(g, screen), g.condition)),
    );
    out.extend(screen.live.panels.iter().map(|p| format!("  {}", panel(p, screen))));
    out.extend(screen.notices.iter().map(|n| format!("  notice: {n}")));
    out
}

/// Whether a guard acts by itself, where that is worth a word.
fn by_itself(guard: &GuardView, screen: &Screen<'_>) -> &'static str {
    match guard.state {
        GuardState::Over => "",
        _ if screen.header.rolling_back => ", does not act during the rollback",
        _ if guard.past_return => ", asks first: past a point of no return",
        _ if guard.automatic => ", automatic",
        _ => "",
    }
}

/// Where a guard stands.
pub(super) fn guard(state: &GuardState) -> String {
    match state {
        GuardState::Disarmed => "not armed yet".to_owned(),
        GuardState::Armed => "armed".to_owned(),
        GuardState::Pending(gone, needed) => format!("true for {} of {}", duration(*gone), duration(*needed)),
        GuardState::Tripped => "TRIPPED".to_owned(),
        GuardState::Snoozed(left) => format!("snoozed for {} more", duration(*left)),
        GuardState::CannotJudge(why) => format!("cannot be judged: {why}"),
        GuardState::Over => "no longer judged".to_owned(),
    }
}

/// A signal, its value and how old that is.
fn panel(panel: &Panel, screen: &Screen<'_>) -> String {
    let value = match &panel.data {
        PanelData::Pods(pods) => {
            let c = pods.counts();
            format!("{} of {} pods ready, {} crashing, {} restarts", c.ready, c.total, c.crashing, c.restarts)
        }
        PanelData::Health(health) => match health.checks.back() {
            Some(check) if check.ok => format!("ok, {}", check.latency()),
            Some(check) => format!("{}, {} in a row", news::failure(check), health.failures),
            None => "not checked yet".to_owned(),
        },
        PanelData::Graph(graph) => match graph.series.points.back() {
            Some((_, Some(value))) => format!("{} {}", number(*value), graph.unit),
            Some((_, None)) => "no value (a gap)".to_owned(),
            None => "no value yet".to_owned(),
        },
        PanelData::Table(table) => table.summary.text.clone(),
        PanelData::Logs(logs) => format!("{} containers followed, {} lines", logs.sources, logs.output.lines.len()),
        PanelData::Unavailable(why) => return format!("signal {}: {why}", panel.name),
    };
    let how_old = |old: chrono::TimeDelta| age(u64::try_from(old.num_milliseconds()).unwrap_or(0));
    let state = match panel.freshness(screen.now) {
        Freshness::Fresh(old) => format!("{} old", how_old(old)),
        Freshness::Stale(old) if old < chrono::TimeDelta::zero() => "STALE, its age is not known".to_owned(),
        Freshness::Stale(old) => format!("STALE, {} old", how_old(old)),
        Freshness::Never => "nothing has come yet".to_owned(),
        Freshness::Lost(old) => format!("LOST, {}", old.map_or("never seen".to_owned(), |old| format!("{} old", how_old(old)))),
    };
    let why = match &panel.source {
        SourceState::Degraded(why) | SourceState::Lost(why, _) => format!("; {why}"),
        SourceState::Connecting | SourceState::Connected => String::new(),
    };
    format!("signal {}: {value} ({state}{why})", panel.name)
}

/// All steps.
pub(super) fn steps(screen: &Screen<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for (i, row) in screen.outline.iter().enumerate() {
        out.extend(row.phase.iter().map(|phase| format!("  {phase}")));
        let took = row.took_ms.map_or(String::new(), |ms| format!(", {}", duration(ms)));
        let visit = if row.visit > 1 { format!(", visit {}", row.visit) } else { String::new() };
        let indent = "  ".repeat(row.depth.min(10).saturating_add(2));
        let worth = row.treatment.map_or(String::new(), |t| format!(" [{}]", t.words()));
        out.push(format!("{indent}{}. {}: {}{worth}{took}{visit}", i.saturating_add(1), row.title, row_state(row.state)));
    }
    out
}

fn row_state(state: RowState) -> &'static str {
    match state {
        RowState::Pending => "not reached",
        RowState::Waiting => "waits for you",
        RowState::Running => "at work",
        RowState::Unknown => "OUTCOME UNKNOWN",
        RowState::Ended(outcome) => step_outcome(outcome),
        RowState::Dropped => "will not be reached",
    }
}

/// How a step ended, in words.
pub(super) fn step_outcome(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Done => "done",
        StepOutcome::Failed => "FAILED",
        StepOutcome::Skipped => "skipped",
        StepOutcome::NotApplicable => "not needed",
        StepOutcome::NotChosen => "not chosen",
        StepOutcome::Interrupted => "stopped",
    }
}

/// What stopping now would undo, in the order it would be done.
pub(super) fn undo(screen: &Screen<'_>) -> Vec<String> {
    let mut out: Vec<String> = screen.header.back_to.iter().map(|back| format!("  back to: {back}")).collect();
    if screen.undo.iter().all(|u| u.idle) {
        out.push("Nothing to undo.".to_owned());
    } else {
        out.push("A rollback would do, in this order:".to_owned());
    }
    out.extend(screen.undo.iter().map(|u| {
        let idle = if u.idle { " (nothing is done about it)" } else { "" };
        format!("  - {}: {}{idle}", u.step.path, u.text)
    }));
    out
}

/// Contacts, links, clocks and what will be owed.
pub(super) fn sheet(screen: &Screen<'_>) -> Vec<String> {
    let mut out = Vec::new();
    for (heading, rows) in crate::tui::sheet_rows(screen.sheet) {
        out.push(format!("{heading}:"));
        out.extend(rows.into_iter().map(|(name, value, _)| format!("  {name}: {value}")));
    }
    if out.is_empty() {
        out.push("The runbook names no contacts, links, clocks or follow-ups.".to_owned());
    }
    out
}

/// The words that do now, with what they mean.
pub(super) fn help(screen: &Screen<'_>) -> Vec<String> {
    let words = words::answers(screen).into_iter().chain(words::always(screen));
    words.map(|w| format!("  {}: {}", w.usage, w.meaning)).collect()
}
