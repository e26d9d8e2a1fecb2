//! Ages and durations as kubectl prints them.

use chrono::{DateTime, TimeDelta, Utc};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// An age as kubectl prints it: `119s`, `2m1s`, `10m`, `3h5m`, `47h`, `2d3h`, `8d`, `2y80d`.
///
/// The larger the age, the coarser the text; a second unit that is zero is left out.
/// Clocks of two machines differ: up to two seconds in the future is `0s`, more than
/// that is `<invalid>`.
pub fn format_age(age: TimeDelta) -> String {
    let seconds = age.num_seconds();
    match seconds {
        i64::MIN..=-2 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => two_units(s, (MINUTE, 'm'), (1, 's')),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => two_units(s, (HOUR, 'h'), (MINUTE, 'm')),
        s if s < 48 * HOUR => format!("{}h", s / HOUR),
        s if s < 8 * DAY => two_units(s, (DAY, 'd'), (HOUR, 'h')),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => two_units(s, (YEAR, 'y'), (DAY, 'd')),
        s => format!("{}y", s / YEAR),
    }
}

/// The age of something that began at `since`, or `<unknown>`.
pub fn format_since(since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    since.map_or_else(|| "<unknown>".to_owned(), |since| format_age(now - since))
}

fn two_units(seconds: i64, (large, large_name): (i64, char), (small, small_name): (i64, char)) -> String {
    match seconds % large / small {
        0 => format!("{}{large_name}", seconds / large),
        rest => format!("{}{large_name}{rest}{small_name}", seconds / large),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_prints_them() {
        let table = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (121, "2m1s"),
            (599, "9m59s"),
            (600, "10m"),
            (3 * HOUR - 1, "179m"),
            (3 * HOUR, "3h"),
            (5 * HOUR + 33 * MINUTE, "5h33m"),
            (8 * HOUR, "8h"),
            (48 * HOUR - 1, "47h"),
            (48 * HOUR, "2d"),
            (4 * DAY + 15 * HOUR, "4d15h"),
            (8 * DAY, "8d"),
            (2 * YEAR - 1, "729d"),
            (2 * YEAR, "2y"),
            (2 * YEAR + 80 * DAY, "2y80d"),
            (8 * YEAR + 80 * DAY, "8y"),
        ];
        for (seconds, expected) in table {
            assert_eq!(format_age(TimeDelta::seconds(seconds)), expected, "{seconds} seconds");
        }
    }

    #[test]
    fn parts_of_a_second_are_cut_off() {
        assert_eq!(format_age(TimeDelta::milliseconds(4_999)), "4s");
        assert_eq!(format_age(TimeDelta::milliseconds(-1_999)), "0s");
    }
}
