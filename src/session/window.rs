//! Whether a session may start now: `window.allow` and `window.freeze`, judged purely.
//!
//! Every slot and every freeze is an interval of instants, worked out from its day and
//! its zone. A local time that a clock change skips stands for the moment of the change;
//! one that comes twice stands for the first at a beginning and for the second at an
//! end, so that a slot is never cut in two. A slot's end is exclusive, a freeze covers
//! both of its days. What follows from a closed window is [`super::admission`]'s to say.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;

use crate::runbook::model::{AllowedTime, FreezePeriod, Window};

/// So many days ahead the next opening is looked for; a slot comes once a week.
const AHEAD: u64 = 400;

/// What a window says at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowState {
    /// A session may start.
    Open {
        /// When that ends, where it does within about a year.
        until: Option<DateTime<Utc>>,
    },
    /// No slot is open.
    Closed {
        /// When the next one opens and no freeze is in its way.
        opens: Option<DateTime<Utc>>,
    },
    /// A freeze is in force, whatever the slots say.
    Frozen {
        /// Why, as the runbook has it.
        reason: String,
        /// When a session may start again.
        opens: Option<DateTime<Utc>>,
    },
}

impl WindowState {
    /// Whether a session may start.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// One sentence fragment for people and for the record; times in UTC and in `zone`.
    pub fn words(&self, zone: Tz) -> String {
        let opens = |at: &Option<DateTime<Utc>>| match at {
            Some(at) => format!("it opens {}", stamp(*at, zone)),
            None => "no opening within a year".to_owned(),
        };
        match self {
            Self::Open { until: Some(until) } => format!("the window is open until {}", stamp(*until, zone)),
            Self::Open { until: None } => "the window is open".to_owned(),
            Self::Closed { opens: at } => format!("the window is closed; {}", opens(at)),
            Self::Frozen { reason, opens: at } => format!("a freeze is in force ({reason}); {}", opens(at)),
        }
    }
}

fn stamp(at: DateTime<Utc>, zone: Tz) -> String {
    let utc = at.format("%Y-%m-%d %H:%M UTC");
    if zone == Tz::UTC {
        return utc.to_string();
    }
    format!("{utc} ({} {})", at.with_timezone(&zone).format("%a %H:%M"), zone.name())
}

/// The zone people think of the window in: that of its first slot or freeze.
pub fn zone(window: &Window) -> Tz {
    window.allow.first().map(|a| a.zone).or_else(|| window.freeze.first().map(|f| f.zone)).unwrap_or(Tz::UTC)
}

/// What a window says at a moment.
pub fn judge(window: &Window, now: DateTime<Utc>) -> WindowState {
    if let Some(freeze) = window.freeze.iter().find(|f| covers(f, now)) {
        return WindowState::Frozen { reason: freeze.reason.clone(), opens: next_opening(window, now) };
    }
    if open_at(window, now) {
        return WindowState::Open { until: next_change(window, now) };
    }
    WindowState::Closed { opens: next_opening(window, now) }
}

fn open_at(window: &Window, at: DateTime<Utc>) -> bool {
    let slot = window.allow.is_empty() || window.allow.iter().any(|slot| in_slot(slot, at));
    slot && !window.freeze.iter().any(|f| covers(f, at))
}

/// The first moment after `now` at which a session may start: where a slot begins or a
/// freeze ends.
fn next_opening(window: &Window, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    edges(window, now).filter(|at| *at > now && open_at(window, *at)).min()
}

/// The first moment after `now` at which none may.
fn next_change(window: &Window, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    edges(window, now).filter(|at| *at > now && !open_at(window, *at)).min()
}

/// Every moment at which a slot or a freeze begins or ends.
fn edges(window: &Window, now: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let slots = window.allow.iter().flat_map(move |slot| {
        // The local day may be yesterday or tomorrow of the day in UTC.
        let first = now.with_timezone(&slot.zone).date_naive();
        (0..AHEAD).filter_map(move |n| first.checked_add_days(Days::new(n))).filter_map(move |day| interval(slot, day))
    });
    let freezes = window.freeze.iter().filter_map(frozen);
    slots.chain(freezes).flat_map(|(from, to)| [from, to])
}

fn in_slot(slot: &AllowedTime, at: DateTime<Utc>) -> bool {
    let day = at.with_timezone(&slot.zone).date_naive();
    interval(slot, day).is_some_and(|(from, to)| from <= at && at < to)
}

/// The instants of a slot on a local day; none where it does not fall on that day, or a
/// clock change leaves nothing of it.
fn interval(slot: &AllowedTime, day: NaiveDate) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    if !slot.days.contains(&day.weekday()) {
        return None;
    }
    let from = instant(slot.zone, day, slot.from, Side::Begin)?;
    let to = instant(slot.zone, day, slot.to, Side::End)?;
    (from < to).then_some((from, to))
}

fn covers(freeze: &FreezePeriod, at: DateTime<Utc>) -> bool {
    frozen(freeze).is_some_and(|(from, to)| from <= at && at < to)
}

/// The instants of a freeze: from the first day's beginning to the last one's end.
fn frozen(freeze: &FreezePeriod) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let after = freeze.to.checked_add_days(Days::new(1))?;
    let midnight = NaiveTime::MIN;
    Some((instant(freeze.zone, freeze.from, midnight, Side::Begin)?, instant(freeze.zone, after, midnight, Side::End)?))
}

#[derive(Clone, Copy)]
enum Side {
    Begin,
    End,
}

/// The instant of a local time, by the rule of the module's text.
fn instant(zone: Tz, day: NaiveDate, time: NaiveTime, side: Side) -> Option<DateTime<Utc>> {
    let local = day.and_time(time);
    let found = match (zone.from_local_datetime(&local), side) {
        (chrono::LocalResult::Single(at), _) => at,
        (chrono::LocalResult::Ambiguous(first, _), Side::Begin) => first,
        (chrono::LocalResult::Ambiguous(_, second), Side::End) => second,
        (chrono::LocalResult::None, _) => return after_gap(zone, local),
    };
    Some(found.to_utc())
}

/// The moment of the clock change that skips a local time: the first local time after it
/// that exists. Zones have skipped a whole day at most.
fn after_gap(zone: Tz, local: chrono::NaiveDateTime) -> Option<DateTime<Utc>> {
    let exists = |minutes: i64| zone.from_local_datetime(&(local + chrono::Duration::minutes(minutes))).earliest();
    let (mut gone, mut there) = (0, 25 * 60);
    exists(there)?;
    while there - gone > 1 {
        let middle = i64::midpoint(gone, there);
        if exists(middle).is_some() { there = middle } else { gone = middle }
    }
    // Every change of the last fifty years falls on a whole minute.
    exists(there).map(|at| at.to_utc())
}

#[cfg(test)]
mod tests;
