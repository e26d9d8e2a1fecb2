//! The weekly review as Markdown: the figures beside those of the time before, what
//! failed, and what to talk about.

use std::fmt::Write as _;

use super::words::{NO_DATA, met, named, over, target, value};
use super::{Emergency, Failed, Metric, Named, Statistics};
use crate::report::markdown::inline;
use crate::report::words::took;

/// The review of a time, beside the time before it.
pub fn review(now: &Statistics, before: &Statistics) -> String {
    let mut out = String::from("# Review of changes\n\n");
    let _ = writeln!(out, "{}.\n", inline(&now.scope()));
    if let Some(left) = now.left.words() {
        let _ = writeln!(out, "{}\n", inline(&left));
    }
    let _ = writeln!(out, "## Figures\n\n| figure | value | before | target | is it met | over |\n|---|---|---|---|---|---|");
    for figure in &now.all.figures {
        let earlier = before.all.figure(figure.metric).map_or_else(|| NO_DATA.to_owned(), value);
        let cells = [
            figure.metric.name().to_owned(),
            value(figure),
            earlier,
            target(figure.metric).unwrap_or_else(|| "-".to_owned()),
            met(figure).to_owned(),
            over(&now.all, figure),
        ];
        let _ = writeln!(out, "| {} |", cells.map(|cell| inline(&cell)).join(" | "));
    }
    failures(&mut out, &now.failed);
    list(&mut out, "Emergencies", &now.emergencies.iter().map(emergency).collect::<Vec<_>>());
    let lines = |list: &[Named]| list.iter().map(named).collect::<Vec<_>>();
    list(&mut out, "Gates overridden", &lines(&now.overridden));
    list(&mut out, "Steps skipped by hand", &lines(&now.skipped));
    list(&mut out, "Guards that tripped", &lines(&now.guards));
    list(&mut out, "Slowest steps", &lines(&now.slowest));
    let _ = writeln!(out, "\n## To talk about\n");
    for topic in topics(now, before) {
        let _ = writeln!(out, "- [ ] {}", inline(&topic));
    }
    let _ = writeln!(out, "\n## What the figures mean\n");
    for metric in Metric::ALL {
        let _ = writeln!(out, "- **{}.** {}", metric.name(), inline(metric.definition()));
    }
    let _ = writeln!(out, "\n---\nMade by pacenote {} from the ledger. Times are UTC.", crate::report::VERSION);
    out
}

fn failures(out: &mut String, failed: &[Failed]) {
    let line = |one: &Failed| {
        let later = one.rolled_back_by.as_ref().map(|sid| format!(", rolled back by {sid}")).unwrap_or_default();
        let trouble = one.trouble.as_ref().map(|trouble| format!("; first trouble: {trouble}")).unwrap_or_default();
        let recovery =
            one.recovery_ms.map_or_else(|| "time to recovery: no data".to_owned(), |ms| format!("recovered after {}", took(ms)));
        format!("{} {}: {}{later}{trouble}; {recovery}", one.sid, one.title, one.outcome.as_str())
    };
    list(out, "Changes that failed", &failed.iter().map(line).collect::<Vec<_>>());
}

fn list(out: &mut String, heading: &str, lines: &[String]) {
    let _ = writeln!(out, "\n## {heading}\n");
    if lines.is_empty() {
        let _ = writeln!(out, "None.");
    }
    for line in lines {
        let _ = writeln!(out, "- {}", inline(line));
    }
}

fn emergency(one: &Emergency) -> String {
    match &one.reviewed {
        Some(how) => format!("{}: reviewed, {how}", one.sid),
        None => format!("{}: its review is owed", one.sid),
    }
}

/// What the figures give reason to ask.
fn topics(now: &Statistics, before: &Statistics) -> Vec<String> {
    let mut topics = Vec::new();
    for figure in &now.all.figures {
        if figure.met == Some(false) {
            let was = before.all.figure(figure.metric).map_or_else(|| NO_DATA.to_owned(), value);
            topics.push(format!("{} is {} and misses its target (before: {was}): why?", figure.metric.name(), value(figure)));
        }
    }
    let estimate = now.all.figure(Metric::AgainstEstimate).and_then(|figure| figure.value);
    if estimate.is_some_and(|percent| percent > 100.0) {
        topics.push("Deployments take longer than their runbooks say: correct the estimates, or the slowest steps.".to_owned());
    }
    let often = |list: &[Named], what: &str| {
        list.first().filter(|one| one.times > 1).map(|one| format!("{} {what} {} times: is it still right?", one.name, one.times))
    };
    topics.extend(often(&now.overridden, "was overridden"));
    topics.extend(often(&now.skipped, "was skipped"));
    topics.extend(now.failed.iter().map(|one| format!("{}: what would have shown it earlier?", one.sid)));
    let owed = now.emergencies.iter().filter(|one| one.reviewed.is_none());
    topics.extend(owed.map(|one| format!("{} was an emergency, and nobody has reviewed it: who will?", one.sid)));
    if topics.is_empty() {
        topics.push("Nothing stands out in the figures.".to_owned());
    }
    topics
}
