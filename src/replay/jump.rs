//! Where a typed place leads: a time of day, a time from here, a record.

use chrono::{DateTime, Days, NaiveDateTime, NaiveTime, Utc};

use super::tape::Tape;
use crate::runbook::duration;

/// What can be typed, for people.
pub const HELP: &str = "14:32, 2026-11-21 14:32:10, +5m, -30s or #214; times are UTC";

/// The place on the time line, seen from `time` after `folded` records.
///
/// # Errors
/// A sentence, when it is none of these or is not in the session.
pub fn place(typed: &str, tape: &Tape, folded: usize, time: u64) -> Result<u64, String> {
    let typed = typed.trim();
    if let Some(number) = typed.strip_prefix('#') {
        return record(number, tape);
    }
    if let Some(ahead) = typed.strip_prefix('+') {
        return length(ahead).map(|ms| time.saturating_add(ms).min(tape.end()));
    }
    if let Some(back) = typed.strip_prefix('-') {
        return length(back).map(|ms| time.saturating_sub(ms));
    }
    let (Some(first), Some(last)) = (tape.records().first(), tape.records().last()) else { return Ok(0) };
    if let Some(wanted) =
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"].iter().find_map(|f| NaiveDateTime::parse_from_str(typed, f).ok())
    {
        return Ok(of_wall(wanted.and_utc(), tape));
    }
    let of_day = ["%H:%M:%S", "%H:%M"].iter().find_map(|f| NaiveTime::parse_from_str(typed, f).ok());
    let Some(of_day) = of_day else { return Err(format!("`{typed}` is no place to go to; type {HELP}")) };
    // Of a session of several days the day one is in comes first.
    let days = [tape.at(folded, time).wall.date_naive(), first.ts.date_naive(), last.ts.date_naive()];
    let next = days.iter().filter_map(|day| day.checked_add_days(Days::new(1)));
    let wanted = days.iter().copied().chain(next).map(|day| day.and_time(of_day).and_utc());
    // A whole minute that the session began or ended in counts as in it.
    let minute = first.ts.timestamp() / 60 * 60;
    match wanted.into_iter().find(|t| t.timestamp() >= minute && *t <= last.ts) {
        Some(wanted) => Ok(of_wall(wanted, tape)),
        None => Err(format!(
            "{typed} is not in the session; it ran from {} to {} UTC",
            first.ts.format("%Y-%m-%d %H:%M:%S"),
            last.ts.format("%H:%M:%S")
        )),
    }
}

fn record(number: &str, tape: &Tape) -> Result<u64, String> {
    let index = number.trim().parse::<usize>().ok().filter(|n| *n < tape.len());
    index
        .map(|index| tape.time(index))
        .ok_or_else(|| format!("there is no record #{number}; the last is #{}", tape.len().saturating_sub(1)))
}

fn length(text: &str) -> Result<u64, String> {
    let length = duration::parse(text.trim()).map_err(|why| format!("`{text}` is no length of time: {why}"))?;
    Ok(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

/// Where the wall clock first showed a time; where it never did, as near before it as it
/// was.
fn of_wall(wanted: DateTime<Utc>, tape: &Tape) -> u64 {
    let mut nearest = 0;
    for (index, record) in tape.records().iter().enumerate() {
        let Ok(since) = u64::try_from((wanted - record.ts).num_milliseconds()) else { continue };
        let time = tape.time(index).saturating_add(since);
        if time < tape.time(index + 1) {
            return time;
        }
        nearest = tape.time(index + 1).min(time);
    }
    nearest
}
