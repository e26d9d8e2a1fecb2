//! `require`: what must have happened before a session may start, judged purely.
//!
//! The past is a list of sessions, each read from a journal that somebody else found to
//! be intact. Only what those say counts: that the same version was completed in another
//! environment, that the runbook was rehearsed, that people were told long enough ago.
//! What nothing proves is not met.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::event::{Event, Mode, Opened, Outcome, SessionOutcome};
use super::intent::What;
use crate::runbook::model::Require;

/// One session of the past, as its journal tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct PastSession {
    /// Its id.
    pub sid: String,
    /// Id of its runbook.
    pub runbook: String,
    /// The service it changed.
    pub service: Option<String>,
    /// The version it changed it to.
    pub version: Option<String>,
    /// Name of its environment.
    pub environment: String,
    /// How it acted on the world.
    pub mode: Mode,
    /// How it ended; none while it is open.
    pub outcome: Option<SessionOutcome>,
    /// When its last record was written.
    pub last: DateTime<Utc>,
    /// When somebody was told something, each time it arrived.
    pub told: Vec<DateTime<Utc>>,
    /// Why its journal counts, for people; whoever judged the journal says it.
    pub counts: String,
}

/// What the past comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// What of `require` is not met, a sentence fragment each; nothing: all of it is.
    pub unmet: Vec<String>,
    /// What is met, by which session, and why that one counts, a fragment each.
    pub met: Vec<String>,
}

impl Judged {
    fn take(&mut self, what: &str, found: Result<&PastSession, String>) {
        match found {
            Ok(by) => self.met.push(format!("{what}: session {}, {}", by.sid, by.counts)),
            Err(why) => self.unmet.push(why),
        }
    }
}

impl PastSession {
    /// Begins the story with `session.opened`; [`Self::follow`] takes what comes after.
    pub fn begin(sid: &str, opened: &Opened, at: DateTime<Utc>) -> Self {
        let change = opened.change.clone().unwrap_or_default();
        Self {
            sid: sid.to_owned(),
            runbook: opened.runbook.clone(),
            service: change.service,
            version: change.version,
            environment: opened.environment.name.clone(),
            mode: opened.mode,
            outcome: None,
            last: at,
            told: Vec::new(),
            counts: String::new(),
        }
    }

    /// Takes one record. `messages` holds the numbers of messages under way.
    pub fn follow(&mut self, at: DateTime<Utc>, event: &Event, messages: &mut Vec<u64>) {
        self.last = self.last.max(at);
        match event {
            Event::EffectIntended(intent) if matches!(intent.what, What::Notify(_)) => messages.push(intent.effect),
            Event::EffectEnded(ended) if messages.contains(&ended.effect) && ended.outcome == Outcome::Succeeded => {
                self.told.push(at);
            }
            Event::SessionClosed(closed) => self.outcome = Some(closed.outcome),
            _ => {}
        }
    }
}

/// What is about to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Id of the runbook.
    pub runbook: &'a str,
    /// The service it changes.
    pub service: Option<&'a str>,
    /// The version it changes it to.
    pub version: Option<&'a str>,
    /// Name of the environment.
    pub environment: &'a str,
}

/// What of `require` is met and by which session, and what is not.
pub fn judge(require: &Require, wanted: &Wanted<'_>, past: &[PastSession], now: DateTime<Utc>) -> Judged {
    let mut judged = Judged::default();
    if let Some(environment) = &require.passed_in {
        let what = format!("completed in {}", environment.value);
        judged.take(&what, passed_in(&environment.value, wanted, past));
    }
    if let Some(within) = require.rehearsed_within {
        judged.take("rehearsed", rehearsed(within, wanted, past, now));
    }
    if let Some(before) = require.notified {
        judged.take("announced", notified(before, wanted, past, now));
    }
    judged
}

fn passed_in<'a>(environment: &str, wanted: &Wanted<'_>, past: &'a [PastSession]) -> Result<&'a PastSession, String> {
    let mut there = past
        .iter()
        .filter(|p| p.mode == Mode::Live && p.runbook == wanted.runbook && p.environment == environment)
        .filter(|p| p.service.as_deref() == wanted.service && p.version.as_deref() == wanted.version);
    let what = wanted.version.map_or_else(|| wanted.runbook.to_owned(), |v| format!("{} {v}", wanted.runbook));
    if let Some(done) = there.clone().rfind(|p| p.outcome == Some(SessionOutcome::Completed)) {
        return Ok(done);
    }
    Err(match there.next_back() {
        Some(last) => {
            let how = last.outcome.map_or("is not finished", SessionOutcome::as_str);
            format!("{what} has not been completed in {environment}: session {} {how}", last.sid)
        }
        None => format!("no intact journal shows that {what} was completed in {environment}"),
    })
}

fn rehearsed<'a>(
    within: Duration,
    wanted: &Wanted<'_>,
    past: &'a [PastSession],
    now: DateTime<Utc>,
) -> Result<&'a PastSession, String> {
    let rehearsals = past.iter().filter(|p| p.mode == Mode::Rehearsal && p.runbook == wanted.runbook);
    // One that was given up on has shown nobody anything.
    let walked = rehearsals.filter(|p| {
        matches!(p.outcome, Some(SessionOutcome::Completed | SessionOutcome::RolledBack | SessionOutcome::RollbackFailed))
    });
    match walked.filter(|p| p.last <= now).max_by_key(|p| p.last) {
        Some(rehearsal) if now - rehearsal.last <= span(within) => Ok(rehearsal),
        Some(rehearsal) => Err(format!(
            "the last rehearsal was on {}; it must be within {}",
            rehearsal.last.format("%Y-%m-%d %H:%M UTC"),
            days_and_hours(within)
        )),
        None => Err(format!("it was never rehearsed; a rehearsal within {} is required", days_and_hours(within))),
    }
}

fn notified<'a>(
    before: Duration,
    wanted: &Wanted<'_>,
    past: &'a [PastSession],
    now: DateTime<Utc>,
) -> Result<&'a PastSession, String> {
    let same = past.iter().filter(|p| p.mode == Mode::Live && p.environment == wanted.environment);
    let same = same.filter(|p| p.service.as_deref() == wanted.service && p.version.as_deref() == wanted.version);
    let told = same.flat_map(|p| p.told.iter().map(move |told| (p, *told))).filter(|(_, told)| *told <= now);
    match told.min_by_key(|(_, told)| *told) {
        Some((by, told)) if now - told >= span(before) => Ok(by),
        Some((_, told)) => Err(format!(
            "people were told at {}; it must be {} before the start",
            told.format("%Y-%m-%d %H:%M UTC"),
            days_and_hours(before)
        )),
        None => Err(format!("nobody was told; an announcement {} before the start is required", days_and_hours(before))),
    }
}

fn span(duration: Duration) -> chrono::Duration {
    chrono::Duration::from_std(duration).unwrap_or(chrono::Duration::MAX)
}

/// `30 d`, `36 h`, `90 min`: as exact as it was written.
pub(super) fn days_and_hours(duration: Duration) -> String {
    match duration.as_secs() {
        s if s >= 86_400 && s.is_multiple_of(86_400) => format!("{} d", s / 86_400),
        s if s >= 3_600 && s.is_multiple_of(3_600) => format!("{} h", s / 3_600),
        s if s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Spanned;
    use crate::runbook::span::Span;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn past(environment: &str, mode: Mode, outcome: Option<SessionOutcome>, last: &str) -> PastSession {
        PastSession {
            sid: "s1".into(),
            runbook: "canary-deploy".into(),
            service: Some("checkout".into()),
            version: Some("v1.2.4".into()),
            environment: environment.into(),
            mode,
            outcome,
            last: at(last),
            told: Vec::new(),
            counts: "sealed by alice".into(),
        }
    }

    /// What is not met; where all is, that the session is named with why it counts.
    fn judge(require: &Require, past: &[PastSession]) -> Vec<String> {
        let wanted =
            Wanted { runbook: "canary-deploy", service: Some("checkout"), version: Some("v1.2.4"), environment: "production" };
        let judged = super::judge(require, &wanted, past, at(NOW));
        assert_eq!(judged.met.len() + judged.unmet.len(), 1, "each demand is answered once: {judged:?}");
        assert!(judged.met.iter().all(|met| met.ends_with(": session s1, sealed by alice")), "{judged:?}");
        judged.unmet
    }

    fn passed() -> Require {
        Require { passed_in: Some(Spanned { value: "staging".into(), span: Span::default() }), ..Require::default() }
    }

    #[test]
    fn the_same_version_must_have_been_completed_for_real() {
        let done = past("staging", Mode::Live, Some(SessionOutcome::Completed), "2026-11-20T12:00:00Z");
        assert_eq!(judge(&passed(), std::slice::from_ref(&done)), Vec::<String>::new());
        let not_enough = [
            PastSession { version: Some("v1.2.3".into()), ..done.clone() },
            PastSession { environment: "production".into(), ..done.clone() },
            PastSession { mode: Mode::Rehearsal, ..done.clone() },
            PastSession { mode: Mode::DryRun, ..done.clone() },
            PastSession { runbook: "other".into(), ..done.clone() },
            PastSession { service: None, ..done.clone() },
        ];
        for other in not_enough {
            assert_eq!(
                judge(&passed(), std::slice::from_ref(&other)),
                ["no intact journal shows that canary-deploy v1.2.4 was completed in staging"],
                "{other:?}"
            );
        }
        for (outcome, word) in [(Some(SessionOutcome::RolledBack), "rolled-back"), (None, "is not finished")] {
            let why = judge(&passed(), &[PastSession { outcome, ..done.clone() }]);
            assert_eq!(why, [format!("canary-deploy v1.2.4 has not been completed in staging: session s1 {word}")]);
        }
    }

    #[test]
    fn a_rehearsal_counts_for_its_time_only() {
        let require = Require { rehearsed_within: Some(Duration::from_secs(30 * 86_400)), ..Require::default() };
        let rehearsed = |last: &str| past("production", Mode::Rehearsal, Some(SessionOutcome::RolledBack), last);
        assert_eq!(judge(&require, &[rehearsed("2026-10-22T12:00:00Z")]), Vec::<String>::new());
        assert_eq!(
            judge(&require, &[rehearsed("2026-10-22T11:59:59Z")]),
            ["the last rehearsal was on 2026-10-22 11:59 UTC; it must be within 30 d"]
        );
        let never = ["it was never rehearsed; a rehearsal within 30 d is required"];
        assert_eq!(judge(&require, &[]), never);
        let abandoned = PastSession { outcome: Some(SessionOutcome::Abandoned), ..rehearsed("2026-11-20T12:00:00Z") };
        assert_eq!(judge(&require, &[abandoned]), never);
        assert_eq!(judge(&require, &[rehearsed("2027-01-01T00:00:00Z")]), never, "one of the future proves a wrong clock");
    }

    #[test]
    fn people_must_have_been_told_early_enough() {
        let require = Require { notified: Some(Duration::from_secs(3_600)), ..Require::default() };
        let told = |when: &[&str]| PastSession {
            told: when.iter().map(|t| at(t)).collect(),
            ..past("production", Mode::Live, Some(SessionOutcome::Completed), "2026-11-21T11:30:00Z")
        };
        assert_eq!(judge(&require, &[told(&["2026-11-21T11:00:00Z", "2026-11-21T11:59:00Z"])]), Vec::<String>::new());
        assert_eq!(
            judge(&require, &[told(&["2026-11-21T11:30:00Z"])]),
            ["people were told at 2026-11-21 11:30 UTC; it must be 1 h before the start"]
        );
        assert_eq!(judge(&require, &[told(&[])]), ["nobody was told; an announcement 1 h before the start is required"]);
    }
}
