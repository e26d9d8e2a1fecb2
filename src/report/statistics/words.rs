//! Figures in words, the same for table, page and review.

use super::define::{Metric, Target, Unit};
use super::{Figure, Group, Left, Named, Statistics};
use crate::report::words::took;

/// What stands where there is nothing to work a figure out from.
pub(super) const NO_DATA: &str = "no data";

/// A number of the figure's unit.
pub(super) fn quantity(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Percent => format!("{} %", short(value)),
        Unit::PerWeek => format!("{} a week", short(value)),
        Unit::Time => took(milliseconds(value)),
    }
}

/// With at most one digit behind the point; never rounded up to what it is not.
fn short(value: f64) -> String {
    let text = format!("{:.1}", (value * 10.0).floor() / 10.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn milliseconds(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration, cut to whole milliseconds")]
    let ms = value.max(0.0) as u64;
    ms
}

/// The value, or that there is none.
pub(super) fn value(figure: &Figure) -> String {
    figure.value.map_or_else(|| NO_DATA.to_owned(), |value| quantity(figure.metric.unit(), value))
}

/// The target.
pub(super) fn target(metric: Metric) -> Option<String> {
    metric.target().map(|target| {
        let sign = match target {
            Target::Above(_) => ">",
            Target::Below(_) => "<",
        };
        format!("{sign} {}", quantity(metric.unit(), target.limit()))
    })
}

/// Whether the target is met.
pub(super) fn met(figure: &Figure) -> &'static str {
    match (figure.target, figure.met) {
        (None, _) => "-",
        (Some(_), None) => NO_DATA,
        (Some(_), Some(true)) => "met",
        (Some(_), Some(false)) => "NOT MET",
    }
}

/// Over how many sessions a figure is.
pub(super) fn over(group: &Group, figure: &Figure) -> String {
    let what = match (figure.metric, figure.over) {
        (Metric::ChangeFailure, 1) => "change",
        (Metric::ChangeFailure, _) => "changes",
        (Metric::Recovery, 1) => "recovery",
        (Metric::Recovery, _) => "recoveries",
        (_, 1) => "deployment",
        _ => "deployments",
    };
    let more = match (figure.metric, group.not_recovered) {
        (Metric::Recovery, n @ 1..) => format!(", {n} not recovered or not known"),
        _ => String::new(),
    };
    format!("{} {what}{more}", figure.over)
}

/// The figures of all sessions, a row each, below a row of headings.
pub fn overview(statistics: &Statistics) -> Vec<Vec<String>> {
    let headings = ["FIGURE", "VALUE", "TARGET", "IS IT MET", "OVER"].map(str::to_owned).to_vec();
    let row = |figure: &Figure| {
        vec![
            figure.metric.name().to_owned(),
            value(figure),
            target(figure.metric).unwrap_or_else(|| "-".to_owned()),
            met(figure).to_owned(),
            over(&statistics.all, figure),
        ]
    };
    std::iter::once(headings).chain(statistics.all.figures.iter().map(row)).collect()
}

/// The groups, a row each, below a row of headings. What misses its target has a `!`.
pub fn by_group(groups: &[Group]) -> Vec<Vec<String>> {
    let headings = [
        "",
        "DEPLOYMENTS",
        "SUCCESS",
        "TIME",
        "OF ESTIMATE",
        "ROLLED BACK",
        "RECOVERY",
        "CHANGE FAILURE",
        "FREQUENCY",
        "LEAD TIME",
    ];
    let cell = |figure: &Figure| {
        let mark = if figure.met == Some(false) { " !" } else { "" };
        format!("{}{mark}", figure.value.map_or_else(|| "-".to_owned(), |_| value(figure)))
    };
    let row = |group: &Group| {
        let start = [group.name.clone(), group.deployments.to_string()];
        start.into_iter().chain(group.figures.iter().map(cell)).collect()
    };
    std::iter::once(headings.map(str::to_owned).to_vec()).chain(groups.iter().map(row)).collect()
}

/// One line of a list.
pub(super) fn named(one: &Named) -> String {
    let time = one.mean_ms.map(|ms| format!("{} on average, ", took(ms))).unwrap_or_default();
    let times = if one.times == 1 { "once".to_owned() } else { format!("{} times", one.times) };
    format!("{} {}: {time}{times}", one.runbook, one.name)
}

/// What takes long, is skipped, overridden or trips: headings with their lines.
pub fn lists(statistics: &Statistics) -> Vec<(&'static str, Vec<String>)> {
    let lines = |list: &[Named]| list.iter().map(named).collect::<Vec<String>>();
    vec![
        ("Slowest steps (of the five slowest of each session)", lines(&statistics.slowest)),
        ("Steps skipped by hand", lines(&statistics.skipped)),
        ("Gates overridden", lines(&statistics.overridden)),
        ("Guards that tripped", lines(&statistics.guards)),
    ]
}

/// Each figure with what it means.
pub fn definitions() -> Vec<String> {
    Metric::ALL.iter().map(|metric| format!("{}: {}", metric.name(), metric.definition())).collect()
}

impl Left {
    /// What is in none of the figures, where there is something.
    pub fn words(&self) -> Option<String> {
        let parts = [
            (self.open, "open"),
            (self.called_off, "called off before anything was changed"),
            (self.other, "of no kind that is counted"),
            (self.rehearsals, "rehearsals"),
            (self.dry_runs, "dry runs"),
            (self.unknown, "of which nothing is known but that they were"),
        ];
        let said: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        (!said.is_empty()).then(|| format!("Sessions in none of these figures: {}.", said.join(", ")))
    }
}

impl Statistics {
    /// Which sessions, over which time.
    pub fn scope(&self) -> String {
        let day = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%d %H:%M").to_string();
        let from = self.from.map_or_else(|| "the beginning".to_owned(), day);
        let filter = if self.filter.is_empty() { String::new() } else { format!(", {}", self.filter) };
        format!("Live sessions in the ledger closed from {from} to {} UTC{filter}", day(self.to))
    }
}
