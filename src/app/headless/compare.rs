//! What a walk came to, against what its scenario expects.

use std::fmt;

use super::{Outcome, Stop};
use crate::session::event::SessionOutcome;
use crate::world::Scenario;
use crate::world::scenario::ExpectedOutcome;

/// Something that is not as the scenario says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// What: `outcome`, `path`, `guards`, `within`, `world checkout.version`, ...
    pub what: String,
    /// What was expected, one entry a line; empty where nothing was.
    pub expected: Vec<String>,
    /// What was found.
    pub found: Vec<String>,
}

impl Mismatch {
    /// A single value that differs.
    pub fn value(what: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), expected: vec![expected.into()], found: vec![found.into()] }
    }

    /// Something found that nobody expected: a stop, a mistake in the scenario.
    pub fn unexpected(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), expected: Vec::new(), found: vec![found.into()] }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.expected.as_slice(), self.found.as_slice()) {
            ([], [found]) => write!(f, "{}: {found}", self.what),
            ([expected], [found]) => write!(f, "{}: expected {expected}, found {found}", self.what),
            (expected, found) => {
                write!(f, "{}: - expected, + found", self.what)?;
                for (mark, line) in diff(expected, found) {
                    write!(f, "\n  {mark} {line}")?;
                }
                Ok(())
            }
        }
    }
}

/// Compares what a walk came to with its scenario.
pub fn compare(scenario: &Scenario, found: &Outcome) -> Vec<Mismatch> {
    let expect = &scenario.expect;
    let mut differs = Vec::new();
    let stops = expect.outcome == Some(ExpectedOutcome::Stopped);
    match (&found.stopped, &expect.says) {
        (Some(Stop { why, .. }), _) if !stops => differs.push(Mismatch::unexpected("it stopped", why)),
        (Some(Stop { why, .. }), Some(says)) if !why.contains(says) => differs.push(Mismatch::value("says", says, why)),
        _ => {}
    }
    let outcome = match &found.stopped {
        // Anything else it may stop for is a mistake in the scenario.
        Some(Stop { of_journal: true, .. }) => ExpectedOutcome::Stopped.as_str(),
        Some(Stop { .. }) | None => found.outcome.map_or("not closed", SessionOutcome::as_str),
    };
    if let Some(wanted) = expect.outcome.map(|o| o.as_str()).filter(|o| *o != outcome) {
        differs.push(Mismatch::value("outcome", wanted, outcome));
    }
    let lists = [("path", &expect.path, &found.path), ("guards", &expect.guards, &found.guards)];
    for (what, expected, found) in lists {
        if let Some(expected) = expected.as_ref().filter(|e| *e != found) {
            differs.push(Mismatch { what: what.to_owned(), expected: or_none(expected), found: or_none(found) });
        }
    }
    if let Some(within) = expect.within {
        let limit = u64::try_from(within.0.as_millis()).unwrap_or(u64::MAX);
        if found.took_ms > limit {
            differs.push(Mismatch::value("within", format!("at most {} s", limit / 1000), format!("{} s", found.took_ms / 1000)));
        }
    }
    differs.extend(found.world.iter().map(|d| Mismatch::value(format!("world {}", d.what), &d.expected, &d.found)));
    differs
}

/// A list as it is shown: an empty one says so.
fn or_none(list: &[String]) -> Vec<String> {
    if list.is_empty() { vec!["(none)".to_owned()] } else { list.to_vec() }
}

/// The lines of both lists in order, each marked as expected alone, found alone or in
/// both, along the longest common subsequence.
fn diff<'a>(expected: &'a [String], found: &'a [String]) -> Vec<(char, &'a str)> {
    // `common[i][j]`: how much the lists have in common from there on.
    let width = found.len() + 1;
    let mut common = vec![0_usize; (expected.len() + 1) * width];
    let at = |common: &[usize], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for (i, e) in expected.iter().enumerate().rev() {
        for (j, f) in found.iter().enumerate().rev() {
            let best = if e == f { at(&common, i + 1, j + 1) + 1 } else { at(&common, i + 1, j).max(at(&common, i, j + 1)) };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    loop {
        match (expected.get(i), found.get(j)) {
            (None, None) => return lines,
            (Some(e), Some(f)) if e == f => {
                lines.push((' ', e.as_str()));
                (i, j) = (i + 1, j + 1);
            }
            (Some(e), f) if f.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(('-', e.as_str()));
                i += 1;
            }
            (_, Some(f)) => {
                lines.push(('+', f.as_str()));
                j += 1;
            }
            (Some(_), None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_list_is_shown_line_by_line() {
        let cases = [
            ("a b c", "a c", "path: - expected, + found\n    a\n  - b\n    c"),
            ("a b", "a x b", "path: - expected, + found\n    a\n  + x\n    b"),
            ("a b", "", "path: - expected, + found\n  - a\n  - b"),
            ("", "a b", "path: - expected, + found\n  + a\n  + b"),
            ("a b c", "x b y", "path: - expected, + found\n  - a\n  + x\n    b\n  - c\n  + y"),
            ("a", "b", "path: expected a, found b"),
        ];
        for (expected, found, shown) in cases {
            let mismatch = Mismatch { what: "path".to_owned(), expected: list(expected), found: list(found) };
            assert_eq!(mismatch.to_string(), shown);
        }
    }

    #[test]
    fn every_expectation_is_compared() {
        let text = "pacenote-scenario: 1\nscenario: a\nrunbook: ../a.yaml\nexpect: {outcome: completed, path: [a, b], guards: [g], within: 10s}\n";
        let scenario = Scenario::read("a.yaml", text).unwrap();
        let difference =
            crate::world::Difference { what: "checkout.version".to_owned(), expected: "v1".to_owned(), found: "v2".to_owned() };
        let found = Outcome {
            outcome: Some(SessionOutcome::Aborted),
            stopped: Some(Stop { why: "nobody answered".to_owned(), of_journal: false }),
            path: list("a"),
            guards: Vec::new(),
            world: vec![difference],
            took_ms: 11_000,
            records: 1,
            seen: crate::app::headless::Seen::default(),
        };
        let shown: Vec<String> = compare(&scenario, &found).iter().map(ToString::to_string).collect();
        let expected = [
            "it stopped: nobody answered",
            "outcome: expected completed, found aborted",
            "path: - expected, + found\n    a\n  - b",
            "guards: expected g, found (none)",
            "within: expected at most 10 s, found 11 s",
            "world checkout.version: expected v1, found v2",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn only_a_journal_that_cannot_be_written_is_a_stop_to_expect() {
        let text = "pacenote-scenario: 1\nscenario: a\nrunbook: ../a.yaml\nexpect: {outcome: stopped, says: no room}\n";
        let scenario = Scenario::read("a.yaml", text).unwrap();
        let cases = [
            (Some(("the journal: no room", true)), vec![]),
            (Some(("the journal: gone", true)), vec!["says: expected no room, found the journal: gone"]),
            (
                Some(("nobody answered", false)),
                vec!["says: expected no room, found nobody answered", "outcome: expected stopped, found not closed"],
            ),
            (None, vec!["outcome: expected stopped, found not closed"]),
        ];
        for (stopped, expected) in cases {
            let stopped = stopped.map(|(why, of_journal)| Stop { why: why.to_owned(), of_journal });
            let found = Outcome { stopped, ..Outcome::default() };
            let shown: Vec<String> = compare(&scenario, &found).iter().map(ToString::to_string).collect();
            assert_eq!(shown, expected);
        }
    }
}
