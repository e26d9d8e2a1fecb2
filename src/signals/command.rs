//! Commands that only read and print a number.
//!
//! Who runs them is behind [`AskCommand`]: a session of an accepted bundle runs them, a
//! rehearsal has its scenario answer. Exit code 0 is `ok`; what cannot be started, takes
//! too long or prints no number gives no value, and says why.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::api::shown;
use super::millis;
use super::pods::failure::{Failure, Kind};
use super::poll::{Answer, Ask};
use crate::live::Change;
use crate::live::table::{Cell, Level, Note, Row, Table};
use crate::runbook::model::Capture;

/// What a command of a signal said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOutput {
    /// Exit code; `None` when a signal ended it.
    pub exit: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// A running command's answer, or a sentence that says why there is none.
pub type CommandAnswer = Pin<Box<dyn Future<Output = Result<CommandOutput, String>> + Send>>;

/// Runs the commands of signals, or answers in their place.
pub trait AskCommand: Send + Sync {
    /// Runs the command of the signal `name` to its end, in no more than `timeout`.
    fn ask(&self, name: &str, command: Vec<String>, timeout: Duration) -> CommandAnswer;
}

/// A command, run again and again.
pub(super) struct Command {
    pub(super) name: String,
    pub(super) command: Vec<String>,
    pub(super) value: Option<Capture>,
    pub(super) unit: String,
    pub(super) limits: (Option<f64>, Option<f64>),
    pub(super) timeout: Duration,
    pub(super) runner: Arc<dyn AskCommand>,
    /// The last results, the newest first.
    pub(super) past: std::collections::VecDeque<Row>,
}

/// Results shown.
const MOST: usize = 100;

impl Ask for Command {
    async fn ask(&mut self, now: DateTime<Utc>) -> Result<Answer, Failure> {
        let began = tokio::time::Instant::now();
        let output = self.runner.ask(&self.name, self.command.clone(), self.timeout).await;
        let output = output.map_err(|why| Failure { why: shown(&why), kind: Kind::Bad })?;
        let ok = output.exit == Some(0);
        let value = if ok { number(self.value.as_ref(), &output.stdout) } else { Err(failed(&output)) };
        // A command may have nothing to say but whether all is well.
        let wants_value = self.value.is_some() || !output.stdout.trim().is_empty();
        let words = match &value {
            Ok(value) => format!("{} {}", crate::runbook::value::format_number(*value), self.unit).trim().to_owned(),
            Err(_) if ok && !wants_value => "ok".to_owned(),
            Err(why) => why.clone(),
        };
        let level = match value {
            Ok(value) if self.limits.1.is_some_and(|limit| value >= limit) => Level::Bad,
            Ok(value) if self.limits.0.is_some_and(|limit| value >= limit) => Level::Warn,
            _ if ok => Level::Good,
            _ => Level::Bad,
        };
        let took = format!("{} ms", millis(began.elapsed()));
        let cells = vec![Cell::Age(Some(now)), Cell::Text(words.clone()), Cell::Text(took)];
        self.past.push_front(Row { cells, level });
        self.past.truncate(MOST);
        let about = self.command.join(" ");
        let table = Table {
            summary: Note::new(words, level),
            notes: vec![Note::new(shown(&about), Level::Quiet)],
            about,
            heads: vec!["AGO", "RESULT", "TOOK"],
            rows: self.past.iter().cloned().collect(),
            empty: "",
        };
        let changes = vec![Change::Table(Box::new(table))];
        let bad = (!ok).then(|| failed(&output));
        let degraded = value.as_ref().err().filter(|_| ok && wants_value).cloned();
        Ok(Answer {
            changes,
            bad,
            degraded,
            members: value.ok().map(|value| ("value", value)).into_iter().collect(),
            detail: Vec::new(),
        })
    }
}

fn failed(output: &CommandOutput) -> String {
    let how = output.exit.map_or("ended by a signal".to_owned(), |exit| format!("exit {exit}"));
    let last = output.stderr.lines().rev().find(|line| !line.trim().is_empty()).map(shown).unwrap_or_default();
    if last.is_empty() { how } else { format!("{how}: {last}") }
}

fn number(how: Option<&Capture>, output: &str) -> Result<f64, String> {
    let found = match how {
        None | Some(Capture::Stdout) => output.trim().to_owned(),
        Some(Capture::Regex(pattern)) => {
            let regex = regex::Regex::new(pattern).map_err(|_| format!("`{}` is not a regular expression", pattern.value))?;
            let found = regex.captures(output).and_then(|c| c.get(1).or_else(|| c.get(0)));
            found
                .map(|m| m.as_str().trim().to_owned())
                .ok_or_else(|| format!("nothing in the output matches `{}`", pattern.value))?
        }
        Some(Capture::Json(path)) => {
            let json: serde_json::Value = serde_json::from_str(output).map_err(|_| "the output is not JSON".to_owned())?;
            let found = path.split('.').filter(|key| !key.is_empty()).try_fold(&json, |value, key| match value {
                serde_json::Value::Array(items) => key.parse::<usize>().ok().and_then(|n| items.get(n)),
                other => other.get(key),
            });
            let found = found.ok_or_else(|| format!("the output has no `{path}`"))?;
            found.as_str().map_or_else(|| found.to_string(), str::to_owned)
        }
    };
    let number: Option<f64> = found.parse().ok();
    number
        .filter(|value| value.is_finite())
        .ok_or_else(|| format!("`{}` is not a number", shown(found.get(..40).unwrap_or(&found))))
}

#[cfg(test)]
mod tests;
