//! What one running effect knows and may use, and what can be said when it is given up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Answer, EffectPorts, StopSignal};
use crate::live::output::OutputLine;
use crate::session::event::Outcome;
use crate::session::intent::Intent;
use crate::session::message::EffectReport;

/// Where an intent names no time limit, so that nothing waits for ever.
pub(super) const FALLBACK_LIMIT: Duration = Duration::from_secs(30 * 60);

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Nothing was sent that changes anything.
    #[default]
    Before,
    /// A change is on its way, and its answer is not here.
    Sent,
    /// The server accepted the change; what follows is waiting.
    Accepted,
}

/// What is known so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub stage: Stage,
    pub resource_version: Option<String>,
    pub audit_id: Option<String>,
    /// The last thing seen, for words.
    pub last_seen: Option<String>,
}

/// One running effect.
pub(super) struct Context {
    pub ports: Arc<EffectPorts>,
    pub effect: u64,
    answers: mpsc::Sender<Answer>,
    stops: Option<mpsc::UnboundedReceiver<StopSignal>>,
    known: Mutex<Known>,
}

impl Context {
    pub(super) fn new(
        ports: &Arc<EffectPorts>,
        answers: &mpsc::Sender<Answer>,
        intent: &Intent,
        stops: mpsc::UnboundedReceiver<StopSignal>,
    ) -> Self {
        Self {
            ports: ports.clone(),
            effect: intent.effect,
            answers: answers.clone(),
            stops: Some(stops),
            known: Mutex::default(),
        }
    }

    pub(super) fn take_stops(&mut self) -> mpsc::UnboundedReceiver<StopSignal> {
        self.stops.take().unwrap_or_else(|| mpsc::unbounded_channel().1)
    }

    pub(super) fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Tells how far the effect is, where that is news.
    pub(super) async fn progress(&self, text: String) {
        if self.known().last_seen.as_ref() == Some(&text) {
            return;
        }
        self.note(|known| known.last_seen = Some(text.clone()));
        // Nobody listening any more is no error of ours; the same below.
        let _ = self.answers.send(Answer::Progress { effect: self.effect, text }).await;
    }

    pub(super) async fn output(&self, lines: Vec<OutputLine>) {
        if !lines.is_empty() {
            let _ = self.answers.send(Answer::Output { effect: self.effect, lines }).await;
        }
    }

    /// A report with everything that is known so far.
    pub(super) fn report(&self, outcome: Outcome, changed: Option<bool>, message: impl Into<String>) -> EffectReport {
        let known = self.known();
        EffectReport {
            changed,
            resource_version: known.resource_version,
            audit_id: known.audit_id,
            ..EffectReport::new(self.effect, outcome, message)
        }
    }

    /// It did not even begin.
    pub(super) fn not_begun(&self, message: impl Into<String>) -> EffectReport {
        self.report(Outcome::Failed, Some(false), message)
    }

    /// The effect is waited for no longer.
    pub(super) fn given_up(&self, intent: &Intent, why: &str) -> EffectReport {
        let known = self.known();
        match known.stage {
            Stage::Before => self.report(Outcome::Failed, Some(false), format!("{why}; nothing was changed")),
            Stage::Sent if !intent.changes => self.report(Outcome::Failed, Some(false), format!("{why}; nothing was changed")),
            Stage::Sent => self.report(
                Outcome::Unknown,
                None,
                format!("{why}; the request was on its way and its answer never came, so it may have had its effect"),
            ),
            Stage::Accepted => {
                let seen = known.last_seen.map(|seen| format!("; last seen: {seen}")).unwrap_or_default();
                self.report(Outcome::Failed, Some(true), format!("{why}; the change itself was accepted{seen}"))
            }
        }
    }
}

/// Ends when somebody stops the effect, never otherwise.
pub(super) async fn stopped(stops: &mut mpsc::UnboundedReceiver<StopSignal>) {
    if stops.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Fills in how long it took, where the effect does not know better.
pub(super) fn timed(mut report: EffectReport, started: Instant) -> EffectReport {
    if report.took_ms == 0 {
        report.took_ms = millis(started.elapsed());
    }
    report
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A fault of our own.
pub(super) fn fault(intent: &Intent) -> EffectReport {
    uncertain(intent, "a fault in this program ended the effect; its log says more")
}

/// It was under way when the program ended.
pub(super) fn lost_while_away(intent: &Intent) -> EffectReport {
    uncertain(intent, "this program ended while the request was under way, and nobody saw its answer")
}

/// Whether a command that ended with a code changed something: nobody knows of a change
/// that says it failed.
pub(super) fn changed_by(intent: &Intent, code: i32) -> Option<bool> {
    match (intent.changes, code) {
        (false, _) => Some(false),
        (true, 0) => Some(true),
        (true, _) => None,
    }
}

/// Nobody knows how it ended: for a change that is unknown, for a read simply failed.
pub(super) fn uncertain(intent: &Intent, why: &str) -> EffectReport {
    let (outcome, changed) = if intent.changes { (Outcome::Unknown, None) } else { (Outcome::Failed, Some(false)) };
    EffectReport { changed, ..EffectReport::new(intent.effect, outcome, why) }
}
