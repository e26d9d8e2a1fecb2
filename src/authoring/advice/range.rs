//! Whether comparisons with numbers can hold together.
//!
//! Reads the sides of the outermost `&&` that compare one reading with one number. All
//! others are left alone: they may hold.

use std::collections::BTreeMap;

use crate::runbook::expression::Expr;
use crate::runbook::model::{Runbook, SignalSource, Unit};

/// The numbers a reading may have; `open` ends are not included.
#[derive(Debug, Clone, Copy)]
struct Range {
    least: f64,
    least_open: bool,
    most: f64,
    most_open: bool,
}

impl Range {
    fn empty(&self) -> bool {
        self.least > self.most || ((self.least_open || self.most_open) && self.least >= self.most)
    }

    fn above(&mut self, number: f64, open: bool) {
        if number > self.least || (number >= self.least && open) {
            (self.least, self.least_open) = (number, open);
        }
    }

    fn below(&mut self, number: f64, open: bool) {
        if number < self.most || (number <= self.most && open) {
            (self.most, self.most_open) = (number, open);
        }
    }
}

/// Why a condition can never hold: the sides that contradict each other, or a reading
/// that never has such a value.
pub(super) fn impossible(runbook: &Runbook, condition: &Expr) -> Option<String> {
    let mut ranges: BTreeMap<String, (Range, Vec<String>)> = BTreeMap::new();
    for side in condition.operands() {
        let Some((path, sign, number)) = comparison(side) else { continue };
        let (range, sides) = ranges.entry(path.clone()).or_insert_with(|| (of_reading(runbook, &path), Vec::new()));
        match sign {
            ">" => range.above(number, true),
            ">=" => range.above(number, false),
            "<" => range.below(number, true),
            "<=" => range.below(number, false),
            _ => {
                range.above(number, false);
                range.below(number, false);
            }
        }
        sides.push(format!("`{}`", side.source().trim()));
    }
    let (path, (_, sides)) = ranges.into_iter().find(|(_, (range, _))| range.empty())?;
    Some(match sides.as_slice() {
        [one] => format!("`{path}` never has a value of which {one} is true"),
        _ => format!("{} contradict each other", sides.join(" and ")),
    })
}

/// The greatest value of a member of a signal, where it has one.
pub(super) fn most(runbook: &Runbook, signal: &str, member: &str) -> Option<f64> {
    let range = of_reading(runbook, &format!("signals.{signal}.{member}"));
    range.most.is_finite().then_some(range.most)
}

/// What a reading can be at all: counts are not negative, nor are percentages, which are
/// taken to be parts of a whole.
fn of_reading(runbook: &Runbook, path: &str) -> Range {
    let mut range = Range { least: f64::NEG_INFINITY, least_open: false, most: f64::INFINITY, most_open: false };
    let parts: Vec<&str> = path.split('.').collect();
    let ["signals", name, member] = parts.as_slice() else { return range };
    let signal = runbook.signals.iter().find(|signal| signal.name.as_str() == *name);
    let percent = signal.is_some_and(|s| s.unit == Some(Unit::Percent) && matches!(s.source, SignalSource::Prometheus { .. }));
    match *member {
        "failures" | "age" | "ready" | "total" | "restarts" | "crashing" | "updated" | "available" | "desired" | "cpu"
        | "memory" => range.least = 0.0,
        "value" | "baseline" if percent => (range.least, range.most) = (0.0, 100.0),
        _ => {}
    }
    range
}

/// A side that compares one reading with one number: the reading on the left.
fn comparison(side: &Expr) -> Option<(String, &'static str, f64)> {
    let [reference] = side.references() else { return None };
    let path = reference.to_string();
    let source = side.source().trim();
    let sign = [">=", "<=", "==", ">", "<"].into_iter().find(|sign| source.contains(sign))?;
    let (left, right) = source.split_once(sign)?;
    let (left, right) = (left.trim(), right.trim());
    if left == path {
        return Some((path, sign, number(right)?));
    }
    let turned = match sign {
        ">=" => "<=",
        "<=" => ">=",
        ">" => "<",
        "<" => ">",
        same => same,
    };
    if right == path { Some((path, turned, number(left)?)) } else { None }
}

fn number(text: &str) -> Option<f64> {
    let plain = text.trim_start_matches('-').chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| text.parse().ok()).flatten()
}
