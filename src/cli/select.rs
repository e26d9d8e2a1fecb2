//! Which sessions a command is about: by time, service, environment, operator, ...
//!
//! A session of which something is not known (its folder is gone, and the ledger does not
//! say) is never left out because of it: it could be one that is asked for.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use crate::journal::SessionState;
use crate::journal::summary::OpenedSummary;
use crate::runbook::duration;
use crate::runbook::lower::shape::words::CHANGE_KIND;
use crate::session::event::{Mode, SessionOutcome};

/// Arguments that choose among sessions.
#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// Only those opened (in `stats`: closed) since then: a day, a time (RFC 3339), or so long ago (30d)
    #[arg(long, value_name = "WHEN", value_parser = when, help_heading = "Which")]
    pub since: Option<When>,
    /// Only those opened (in `stats`: closed) until then; a day is meant whole
    #[arg(long, value_name = "WHEN", value_parser = when, help_heading = "Which")]
    pub until: Option<When>,
    /// Only changes to this service
    #[arg(long, value_name = "NAME", help_heading = "Which")]
    pub service: Option<String>,
    /// Only on this environment
    #[arg(long, value_name = "NAME", help_heading = "Which")]
    pub env: Option<String>,
    /// Only those this operator had in hand (in `stats`: opened)
    #[arg(long, value_name = "WHO", help_heading = "Which")]
    pub operator: Option<String>,
    /// Only changes of this kind: deploy, migration, maintenance, rollback, hotfix, incident
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(CHANGE_KIND), hide_possible_values = true, help_heading = "Which")]
    pub kind: Option<String>,
}

/// A moment somebody names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A day, in UTC.
    Day(NaiveDate),
    /// A time.
    Time(DateTime<Utc>),
    /// So long ago.
    Ago(Duration),
}

impl When {
    /// Its beginning.
    pub fn begin(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN).and_utc(),
            Self::Time(time) => time,
            Self::Ago(ago) => TimeDelta::from_std(ago).ok().and_then(|ago| now.checked_sub_signed(ago)).unwrap_or_default(),
        }
    }

    /// Just behind its end.
    pub fn end(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.checked_add_days(Days::new(1)).unwrap_or(day).and_time(NaiveTime::MIN).and_utc(),
            Self::Time(time) => time.checked_add_signed(TimeDelta::milliseconds(1)).unwrap_or(time),
            Self::Ago(_) => self.begin(now),
        }
    }
}

fn when(text: &str) -> Result<When, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(When::Day(day));
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(When::Time(time.to_utc()));
    }
    duration::parse(text)
        .map(When::Ago)
        .map_err(|_| "write a day (2026-11-01), a time (2026-11-01T09:00:00Z) or how long ago (30d)".to_owned())
}

impl Selection {
    /// Whether nothing is chosen, so that all are meant.
    pub fn is_all(&self) -> bool {
        let named = [&self.service, &self.env, &self.operator, &self.kind];
        self.since.is_none() && self.until.is_none() && named.iter().all(|name| name.is_none())
    }

    /// Whether a session is among those asked for. `began` is when it was opened or first
    /// heard of.
    pub fn takes(&self, opened: Option<&OpenedSummary>, began: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        self.takes_of(opened, began, now, Vec::new)
    }

    /// The same where somebody else than who opened it may have resumed it: `hands` tells
    /// who had it in hand, and is asked only where that matters.
    pub fn takes_of(
        &self,
        opened: Option<&OpenedSummary>,
        began: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
        hands: impl FnOnce() -> Vec<String>,
    ) -> bool {
        let in_time = began.is_none_or(|began| {
            self.since.is_none_or(|since| began >= since.begin(now)) && self.until.is_none_or(|until| began < until.end(now))
        });
        let same = |asked: &Option<String>, found: Option<&str>| asked.as_deref().is_none_or(|asked| found == Some(asked));
        in_time
            && opened.is_none_or(|opened| {
                same(&self.service, opened.service.as_deref())
                    && same(&self.env, Some(&opened.environment))
                    && same(&self.kind, opened.kind.as_deref())
                    && (same(&self.operator, Some(&opened.operator)) || hands().iter().any(|who| same(&self.operator, Some(who))))
            })
    }
}

/// How a session acts on the world, as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words of the format")]
pub enum ModeArg {
    Live,
    DryRun,
    Rehearsal,
}

impl ModeArg {
    /// Whether it is this one.
    pub fn is(self, mode: Mode) -> bool {
        matches!((self, mode), (Self::Live, Mode::Live) | (Self::DryRun, Mode::DryRun) | (Self::Rehearsal, Mode::Rehearsal))
    }
}

/// How a session ended, as an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the words of the format")]
pub enum OutcomeArg {
    Completed,
    RolledBack,
    RollbackFailed,
    Aborted,
    Abandoned,
    /// Not closed
    Open,
}

impl OutcomeArg {
    /// Whether a session stands like this; what cannot be read could.
    pub fn is(self, state: &SessionState) -> bool {
        match state {
            SessionState::Closed { outcome } => matches!(
                (self, outcome),
                (Self::Completed, SessionOutcome::Completed)
                    | (Self::RolledBack, SessionOutcome::RolledBack)
                    | (Self::RollbackFailed, SessionOutcome::RollbackFailed)
                    | (Self::Aborted, SessionOutcome::Aborted)
                    | (Self::Abandoned, SessionOutcome::Abandoned)
            ),
            SessionState::Running { .. } | SessionState::Unfinished => self == Self::Open,
            SessionState::Empty | SessionState::Unreadable { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_times_or_ages() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        let stamp = |t: DateTime<Utc>| crate::session::time::rfc3339(t);
        for (text, begin, end) in [
            ("2026-11-01", "2026-11-01T00:00:00.000Z", "2026-11-02T00:00:00.000Z"),
            ("2026-11-01T10:00:00+02:00", "2026-11-01T08:00:00.000Z", "2026-11-01T08:00:00.001Z"),
            ("2d", "2026-11-19T12:00:00.000Z", "2026-11-19T12:00:00.000Z"),
        ] {
            let when = when(text).unwrap();
            assert_eq!((stamp(when.begin(now)), stamp(when.end(now))), (begin.to_owned(), end.to_owned()), "{text}");
        }
        for wrong in ["", "yesterday", "2026-13-01", "10"] {
            assert!(when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_is_never_left_out() {
        let now: DateTime<Utc> = "2026-11-21T12:00:00Z".parse().unwrap();
        let selection = Selection {
            service: Some("checkout".to_owned()),
            since: Some(When::Ago(Duration::from_secs(60))),
            ..Selection::default()
        };
        assert!(selection.takes(None, None, now));
        assert!(!selection.takes(None, Some("2026-11-20T00:00:00Z".parse().unwrap()), now));
    }
}
