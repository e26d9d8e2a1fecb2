//! The session as lines of text, for pipes, dumb terminals and screen readers.
//!
//! [`Plain::show`] prints only what is new, a line each, beginning with the UTC time;
//! [`Plain::line`] takes a command in words. Nothing here decides anything: words become
//! the same actions that keys do, and an unknown word is an error that names the words
//! that would do now. A word that starts or confirms something is refused when the
//! question changed after the last one was printed.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::live::{PanelData, SourceState};
use crate::redact::{Keep, strip_controls};
use crate::session::event::{Mode, Verdict};
use crate::session::outcome_word;
use crate::session::view::{GuardState, Prompt, RowState};
use crate::tui::text::duration;
use crate::tui::{Action, Journal, Screen};

mod question;
mod words;

/// A long wait says so at most this often, milliseconds of the session.
const HEARTBEAT_MS: u64 = 60_000;

/// What was printed so far, to print only what is new.
#[derive(Debug, Default)]
pub struct Plain {
    began: bool,
    rows: BTreeMap<(String, u32), &'static str>,
    printed: BTreeMap<u64, u64>,
    progress: BTreeMap<u64, String>,
    guards: BTreeMap<String, &'static str>,
    sources: BTreeMap<String, String>,
    notices: usize,
    failed: bool,
    verdict: Option<(String, Verdict, String)>,
    question: String,
    beat_ms: u64,
    /// Values of a form, as far as they were given.
    form: BTreeMap<String, crate::runbook::Value>,
    /// The rollback's plan was printed; the word once more decides.
    rollback_shown: bool,
    stops: u8,
}

impl Plain {
    /// Nothing printed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints what is new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        if !std::mem::replace(&mut self.began, true) {
            self.begin(screen, out)?;
        }
        self.steps(screen, out)?;
        self.outputs(screen, out)?;
        self.watchers(screen, out)?;
        for notice in screen.notices.iter().skip(self.notices) {
            say(screen, out, &format!("! {notice}"))?;
        }
        self.notices = screen.notices.len();
        if let (Journal::Failed(seq, why), false) = (screen.journal, self.failed) {
            self.failed = true;
            say(screen, out, &format!("! THE JOURNAL CANNOT BE WRITTEN after record {seq}: {why}. Nothing further is started."))?;
        }
        self.gate(screen, out)?;
        self.ask(screen, out)
    }

    fn begin(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        let header = screen.header;
        let mode = match header.mode {
            Mode::Live => "LIVE",
            Mode::DryRun => "DRY RUN",
            Mode::Rehearsal => "REHEARSAL",
        };
        say(screen, out, &format!("{} ({mode}), session {}", header.title, screen.session))?;
        let protected = if header.protected { " (protected)" } else { "" };
        let target = header.target.as_deref().unwrap_or("no cluster");
        say(screen, out, &format!("environment {}{protected}, {target}, operator {}", header.environment, header.operator))
    }

    fn steps(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        for row in screen.outline {
            let state = match row.state {
                RowState::Pending | RowState::Dropped => continue,
                RowState::Waiting | RowState::Running | RowState::Unknown => "begun",
                RowState::Ended(outcome) => outcome_word(outcome),
            };
            let key = (row.path.as_str().to_owned(), row.visit);
            let before = self.rows.insert(key, state);
            if before == Some(state) {
                continue;
            }
            let took = row.took_ms.map(|ms| format!(" after {}", duration(ms))).unwrap_or_default();
            let line = match state {
                "begun" => format!("> {}: {}", row.path, row.title),
                "not-applicable" | "not-chosen" => format!("- {}: {state}", row.path),
                _ => format!("= {}: {state}{took}", row.path),
            };
            say(screen, out, &line)?;
        }
        Ok(())
    }

    fn outputs(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        for (effect, output) in &screen.live.outputs {
            let printed = self.printed.entry(*effect).or_default();
            let skip = usize::try_from(printed.saturating_sub(output.dropped)).unwrap_or(usize::MAX);
            for line in output.lines.iter().skip(skip) {
                say(screen, out, &format!("{} {}", if line.stderr { "|!" } else { "|" }, line.text))?;
            }
            *printed = output.dropped + u64::try_from(output.lines.len()).unwrap_or(0);
        }
        for (effect, text) in &screen.live.progress {
            if self.progress.insert(*effect, text.clone()).as_ref() != Some(text) {
                say(screen, out, &format!("  {text}"))?;
            }
        }
        Ok(())
    }

    fn watchers(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        for guard in screen.guards {
            let state = match &guard.state {
                GuardState::Disarmed => continue,
                GuardState::Armed | GuardState::Pending(..) => "armed",
                GuardState::Tripped => "TRIPPED",
                GuardState::Snoozed(_) => "snoozed",
                GuardState::CannotJudge(_) => "cannot judge",
            };
            if self.guards.insert(guard.id.clone(), state) != Some(state) {
                let why = if let GuardState::CannotJudge(why) = &guard.state { format!(" ({why})") } else { String::new() };
                say(screen, out, &format!("guard {}: {state}{why}", guard.id))?;
            }
        }
        for panel in &screen.live.panels {
            let state = match &panel.source {
                SourceState::Connecting => continue,
                SourceState::Connected => "connected".to_owned(),
                SourceState::Degraded(why) => format!("degraded: {why}"),
                SourceState::Lost(why, _) => format!("NO CONNECTION: {why}"),
            };
            if self.sources.insert(panel.name.clone(), state.clone()).as_ref() != Some(&state) {
                say(screen, out, &format!("signal {}: {state}", panel.name))?;
            }
        }
        Ok(())
    }

    /// A gate's verdict when it changes, and a sign of life in long waits.
    fn gate(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        let Some(step) = screen.step else { return Ok(()) };
        let elapsed = screen.header.elapsed_ms;
        let beat = elapsed >= self.beat_ms + HEARTBEAT_MS;
        if let Some(gate) = &step.gate {
            let now = gate.last.as_ref().map(|(verdict, why)| (step.step.path.to_string(), *verdict, why.clone()));
            let changed = now.as_ref().map(|(p, v, _)| (p, v)) != self.verdict.as_ref().map(|(p, v, _)| (p, v));
            if changed || beat {
                self.verdict.clone_from(&now);
                let verdict = match now {
                    Some((_, Verdict::Pass, why)) => format!("pass ({why})"),
                    Some((_, Verdict::Fail, why)) => format!("FAIL ({why})"),
                    Some((_, Verdict::Inconclusive, why)) => format!("inconclusive ({why})"),
                    None => "not judged yet".to_owned(),
                };
                let of = gate.for_ms.map(|ms| format!(", {} of {}", duration(gate.passed_ms), duration(ms))).unwrap_or_default();
                say(screen, out, &format!("gate {}: {verdict}{of}", step.step.path))?;
                for condition in &gate.conditions {
                    let holds = match &condition.holds {
                        Ok(true) => "holds".to_owned(),
                        Ok(false) => "does not hold".to_owned(),
                        Err(why) => format!("cannot be told: {why}"),
                    };
                    say(screen, out, &format!("  {} {}: {} {holds}", condition.role, condition.text, condition.values))?;
                }
                self.beat_ms = elapsed;
            }
        } else if beat && matches!(screen.prompt, Prompt::Busy { .. }) {
            self.beat_ms = elapsed;
            say(screen, out, &format!("  {} goes on, {}", step.step.path, duration(step.elapsed_ms)))?;
        }
        Ok(())
    }

    fn ask(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        let lines = question::lines(screen);
        let text = lines.join("\n");
        if text == self.question {
            return Ok(());
        }
        self.question = text;
        self.rollback_shown = false;
        self.stops = 0;
        for line in lines {
            say(screen, out, &line)?;
        }
        Ok(())
    }

    /// Takes a command in words.
    ///
    /// # Errors
    /// When its answer cannot be written.
    pub fn line(&mut self, line: &str, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<Vec<Action>> {
        let line = strip_controls(line, Keep::NOTHING);
        let line = line.trim();
        if line.is_empty() {
            return Ok(Vec::new());
        }
        // What was printed last is what is answered.
        let stale = question::lines(screen).join("\n") != self.question;
        match words::command(self, line, screen, stale) {
            words::Said::Do(actions) => Ok(actions),
            words::Said::Print(lines) => {
                for line in lines {
                    say(screen, out, &line)?;
                }
                Ok(Vec::new())
            }
        }
    }
}

/// One or several lines with the time before each.
fn say(screen: &Screen<'_>, out: &mut dyn Write, text: &str) -> io::Result<()> {
    for line in text.lines() {
        writeln!(out, "{} {}", screen.now.format("%H:%M:%S"), strip_controls(line, Keep::NOTHING))?;
    }
    Ok(())
}

/// The panels in a line each.
fn panels(screen: &Screen<'_>) -> Vec<String> {
    let line = |panel: &crate::live::Panel| {
        let value = match &panel.data {
            PanelData::Pods(table) => {
                let counts = table.counts();
                format!("{}/{} ready, {} restarts, {} crashing", counts.ready, counts.total, counts.restarts, counts.crashing)
            }
            PanelData::Health(history) => match history.checks.back() {
                Some(check) if check.ok => format!("ok, {} ms", check.latency_ms),
                Some(check) => format!("FAILING, {} in a row: {}", history.failures, check.problem.clone().unwrap_or_default()),
                None => "not checked yet".to_owned(),
            },
            PanelData::Graph(graph) => {
                let value = graph.series.last_value().map_or_else(|| "no data".to_owned(), |(_, v)| crate::tui::text::number(v));
                format!("{value} {}", graph.unit)
            }
            PanelData::Unavailable(why) => format!("not available: {why}"),
        };
        let age =
            panel.updated.map_or_else(|| "never".to_owned(), |at| format!("{} s old", (screen.now - at).num_seconds().max(0)));
        format!("  {}: {value} ({age})", panel.name)
    };
    screen.live.panels.iter().map(line).collect()
}
