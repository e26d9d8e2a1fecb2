//! Durations as the format writes them: `10m`, `1h30m`, `90s`, `500ms`, `30d`.
//!
//! One spelling for files, inputs and expressions. Units go from large to small, each
//! at most once, with whole numbers; what does not fit 64 bits of milliseconds is
//! refused rather than wrapped.

use std::time::Duration;

/// Units from large to small, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("w", 7 * 24 * 3_600_000), ("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The longest duration the format takes: ten years. Longer ones are typing mistakes,
/// and clocks overflow on them.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3_600);

/// Reads a duration.
///
/// # Errors
/// A fragment that says what is wrong, for the end of a sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    if rest.is_empty() {
        return Err("it is empty".to_owned());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() {
            return Err(format!("a whole number is missing before `{rest}`"));
        }
        if unit.is_empty() {
            return Err(if tail.is_empty() {
                format!("`{number}` has no unit (ms, s, m, h, d or w)")
            } else {
                format!("`{rest}` is not a whole number with a unit")
            });
        }
        let Some(at) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is not a unit (ms, s, m, h, d or w)"));
        };
        if at < next_unit {
            return Err(format!("`{unit}` stands after a smaller or the same unit"));
        }
        let amount = number.parse::<u64>().ok().and_then(|n| n.checked_mul(UNITS[at].1));
        total = amount.and_then(|ms| total.checked_add(ms)).ok_or_else(|| "it is too long".to_owned())?;
        next_unit = at + 1;
        rest = tail;
    }
    let duration = Duration::from_millis(total);
    if duration > LONGEST { Err("it is longer than ten years".to_owned()) } else { Ok(duration) }
}

/// Writes a duration as a file would: `1h30m`. Anything below a millisecond is cut off.
pub fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS.iter().skip(1) {
        let count = rest / size;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_format_writes() {
        for (text, ms) in [
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("90s", 90_000),
            ("500ms", 500),
            ("30d", 2_592_000_000),
            ("2w", 1_209_600_000),
            ("1m500ms", 60_500),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in
            ["", "10", "m", "1.5h", "-1s", "1h 30m", "30m1h", "1m1m", "10 m", "1y", "99999999999999999999s", "9999w", "1M"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["10m", "1h30m", "1m30s", "500ms", "30d", "0s", "1d1h1m1s1ms"] {
            assert_eq!(parse(text).map(format).as_deref(), Ok(text));
        }
    }
}
