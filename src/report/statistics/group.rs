//! Sessions by service, week or month.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, TimeDelta, Utc, Weekday};

use super::tally;
use super::{Case, Group};

/// Plots over a longer time than this are by month.
const WEEKS_OF_A_PLOT: i64 = 30;

/// What sessions are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The service of the change.
    Service,
    /// The week (ISO 8601, UTC) of the close.
    Week,
    /// The month (UTC) of the close.
    Month,
}

impl By {
    /// By what a plot over some time is.
    pub(super) fn for_plots(from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        if to - from > TimeDelta::weeks(WEEKS_OF_A_PLOT) { Self::Month } else { Self::Week }
    }

    fn name(self, case: &Case<'_>) -> String {
        match self {
            Self::Service => case.run.opened.service.clone().unwrap_or_else(|| "(no service)".to_owned()),
            Self::Week | Self::Month => self.period(case.run.closed.date_naive()),
        }
    }

    fn period(self, day: NaiveDate) -> String {
        if self == Self::Week {
            let week = day.iso_week();
            format!("{}-W{:02}", week.year(), week.week())
        } else {
            day.format("%Y-%m").to_string()
        }
    }

    /// The first day of the period a day is in.
    fn first(self, day: NaiveDate) -> NaiveDate {
        if self == Self::Week { day.week(Weekday::Mon).first_day() } else { day.with_day(1).unwrap_or(day) }
    }

    fn next(self, first: NaiveDate) -> Option<NaiveDate> {
        if self == Self::Week { first.checked_add_days(Days::new(7)) } else { first.checked_add_months(Months::new(1)) }
    }
}

/// The sessions by what is asked for. Periods without any are there too: a gap is news.
pub(super) fn grouped(by: By, cases: &[Case<'_>], from: Option<DateTime<Utc>>, to: DateTime<Utc>) -> Vec<Group> {
    let mut sorted: BTreeMap<String, Vec<Case<'_>>> = BTreeMap::new();
    for case in cases {
        sorted.entry(by.name(case)).or_default().push(*case);
    }
    if by == By::Service {
        return sorted.into_iter().map(|(name, cases)| tally::group(name, &cases, from.map(|from| to - from))).collect();
    }
    let Some(from) = from else { return Vec::new() };
    let mut groups = Vec::new();
    let mut first = by.first(from.date_naive());
    while first.and_time(chrono::NaiveTime::MIN).and_utc() < to {
        let Some(next) = by.next(first) else { break };
        let name = by.period(first);
        let cases = sorted.remove(&name).unwrap_or_default();
        // Of the first and the last only what lies within the time.
        let begin = first.and_time(chrono::NaiveTime::MIN).and_utc().max(from);
        let end = next.and_time(chrono::NaiveTime::MIN).and_utc().min(to);
        groups.push(tally::group(name, &cases, Some(end - begin)));
        first = next;
    }
    groups
}
