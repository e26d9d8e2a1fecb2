//! What people are told of a session: the facts every message carries, and the texts the
//! program itself sends.
//!
//! The texts say what is known and nothing more; a fact that is missing is left out. They
//! hold no secret, since the session knows none, and no power: mentions are taken out
//! where the message is packed (`effects`). Number and head of the journal's last record
//! are added by the loop when the message becomes an intent: the session does not know
//! them.

use super::event::SessionOutcome;
use super::state::{Ending, Session};
use super::time::At;

/// What a message of the program is about. The word is part of its path in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It was started with `--emergency`.
    Emergency,
    /// The first change is made.
    Started,
    /// It goes on.
    Progress,
    /// All steps are done.
    Completed,
    /// It was rolled back, and that worked.
    RolledBack,
    /// It ended in any other way.
    Ended,
}

impl Occasion {
    /// The word of it, in paths and facts.
    pub fn word(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Started => "started",
            Self::Progress => "progress",
            Self::Completed => "completed",
            Self::RolledBack => "rolled-back",
            Self::Ended => "ended",
        }
    }

    /// The message that belongs to an outcome.
    pub fn of(outcome: SessionOutcome) -> Self {
        match outcome {
            SessionOutcome::Completed => Self::Completed,
            SessionOutcome::RolledBack => Self::RolledBack,
            SessionOutcome::RollbackFailed | SessionOutcome::Aborted | SessionOutcome::Abandoned => Self::Ended,
        }
    }
}

/// The facts of a session by name; what is not known is not there.
pub fn facts(session: &Session, clock_ms: u64) -> Vec<(String, String)> {
    let opened = session.opened();
    let change = opened.change.clone().unwrap_or_default();
    let outcome = session.outcome_so_far().map(|o| o.as_str().to_owned());
    let mode = match opened.mode {
        super::event::Mode::Live => "live",
        super::event::Mode::DryRun => "dry-run",
        super::event::Mode::Rehearsal => "rehearsal",
    };
    let facts = [
        ("session", Some(session.id().to_owned())),
        ("runbook", Some(opened.runbook.clone())),
        ("title", Some(opened.title.clone())),
        ("mode", Some(mode.to_owned())),
        ("environment", Some(opened.environment.name.clone())),
        ("kind", Some(change.kind)),
        ("service", change.service),
        ("version", change.version),
        ("ticket", change.ticket),
        ("operator", Some(session.operator.principal.clone())),
        ("took", Some(took(clock_ms))),
        ("emergency", session.emergency().map(str::to_owned)),
        ("outcome", outcome),
    ];
    facts.into_iter().filter_map(|(k, v)| v.filter(|v| !v.is_empty()).map(|v| (k.to_owned(), v))).collect()
}

/// The program's own text for an occasion.
pub fn text(session: &Session, at: At, occasion: Occasion) -> String {
    let mut lines = vec![format!("{}: {}", heading(session, occasion), session.opened().title), subject(session)];
    lines.push(match occasion {
        Occasion::Emergency => {
            let reason = session.emergency().unwrap_or_default();
            let begun = if session.opened().emergency.is_some() { "Started" } else { "Gone on with" };
            format!("{begun} as an emergency by {}: {reason}", session.operator.principal)
        }
        Occasion::Started => match session.plan().runbook().estimate {
            Some(estimate) => {
                format!("Started by {}, estimated {}", session.operator.principal, took(super::millis(estimate)))
            }
            None => format!("Started by {}", session.operator.principal),
        },
        Occasion::Progress => progress(session, at),
        Occasion::Completed | Occasion::RolledBack | Occasion::Ended => ended(session, at),
    });
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

fn heading(session: &Session, occasion: Occasion) -> &'static str {
    match (occasion, session.outcome_so_far()) {
        (Occasion::Emergency, _) => "EMERGENCY CHANGE",
        (Occasion::Started, _) => "Started",
        (Occasion::Progress, _) if session.in_rollback() => "Rolling back",
        (Occasion::Progress, _) => "In progress",
        (Occasion::Completed, _) => "Completed",
        (Occasion::RolledBack, _) => "Rolled back",
        (Occasion::Ended, Some(SessionOutcome::RollbackFailed)) => "ROLLBACK FAILED",
        (Occasion::Ended, Some(SessionOutcome::Aborted)) => "Aborted",
        (Occasion::Ended, _) => "Ended",
    }
}

/// `checkout v1.2.4 in production, CHG-1234, live`
fn subject(session: &Session) -> String {
    let opened = session.opened();
    let change = opened.change.clone().unwrap_or_default();
    let what = [change.service, change.version].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let place = Some(&opened.environment.name).filter(|n| !n.is_empty());
    let what = match (what.is_empty(), place) {
        (false, Some(place)) => format!("{what} in {place}"),
        (true, Some(place)) => format!("in {place}"),
        (_, None) => what,
    };
    let mode = match opened.mode {
        super::event::Mode::Live => None,
        super::event::Mode::DryRun => Some("DRY RUN, nothing is changed".to_owned()),
        super::event::Mode::Rehearsal => Some("REHEARSAL, nothing real is touched".to_owned()),
    };
    [Some(what).filter(|w| !w.is_empty()), change.ticket, mode].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn progress(session: &Session, at: At) -> String {
    let mut parts = Vec::new();
    if let Some(step) = session.step_view(at) {
        parts.push(format!("step {} of {}: {}", step.number.0, step.number.1, step.title));
    }
    if session.paused {
        parts.push("paused".to_owned());
    }
    let gone = took(session.clock(at));
    parts.push(match session.plan().runbook().estimate {
        Some(estimate) => format!("{gone} of about {}", took(super::millis(estimate))),
        None => format!("for {gone}"),
    });
    parts.join(", ")
}

fn ended(session: &Session, at: At) -> String {
    let counts = super::walk::closing_counts(session);
    let mut text = format!(
        "After {}: {} steps done, {} skipped, {} deviations",
        took(session.clock(at)),
        counts.0,
        counts.1,
        session.deviations
    );
    if let Some(Ending::Rollback { cause: why } | Ending::Abort { reason: why, .. }) = &session.ending {
        text.push_str("\nBecause: ");
        text.push_str(why);
    }
    for owed in session.owed(at) {
        text.push_str("\nOwed: ");
        text.push_str(&owed);
    }
    text
}

/// A duration for people: `42 s`, `14 min`, `1 h 5 min`.
fn took(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}
