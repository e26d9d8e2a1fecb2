//! The debrief as text.

use std::collections::BTreeMap;

use super::{Debrief, Point};
use crate::report::words::took;

/// The debrief of one rehearsal, beside earlier ones of the same scenario.
pub fn lines(debrief: &Debrief, earlier: &[Debrief]) -> Vec<String> {
    let mut out = vec![format!("Debrief of {} / {}", debrief.runbook, debrief.scenario)];
    let mut say = |line: String| out.push(format!("  {line}"));
    match &debrief.sign {
        None => say("Nothing went wrong that the record shows.".to_owned()),
        Some(sign) => say(format!("{}  first sign: {}{}", clock(sign), sign.what, screen(sign))),
    }
    let row = |name: &str, point: &Option<Point>, ms: Option<u64>, par: Option<u64>| {
        let par = par.map_or_else(|| "no par".to_owned(), |par| format!("par {}", took(par)));
        match (point, ms) {
            (Some(point), Some(ms)) => {
                format!("{}  {name} after {} ({par}): {}{}", clock(point), took(ms), point.what, screen(point))
            }
            (Some(point), None) => format!("{}  {name}: {}{}", clock(point), point.what, screen(point)),
            (None, _) => format!("          {name}: no"),
        }
    };
    if debrief.sign.is_some() {
        say(row("noticed", &debrief.noticed, debrief.notice_ms, debrief.par.notice_ms));
        say(row("decided", &debrief.decided, debrief.decide_ms, debrief.par.decide_ms));
        // What was on screen when it was over does not matter any more.
        let over = debrief.recovered.clone().map(|point| Point { on_screen: None, ..point });
        say(row("recovered", &over, debrief.recover_ms, debrief.par.recover_ms));
    }
    for (heading, list) in [
        ("Started while something was wrong", &debrief.went_on),
        ("Ticked without a look", &debrief.unlooked),
        ("Decided without a look", &debrief.unseen),
        ("Deviations", &debrief.deviations),
    ] {
        if !list.is_empty() {
            say(format!("{heading}:"));
            list.iter().for_each(|line| say(format!("  {line}")));
        }
    }
    if !debrief.attended {
        say("Nobody sat at the keyboard: how checks were ticked says nothing.".to_owned());
    }
    match debrief.score {
        None => say("No score: the walk was left.".to_owned()),
        Some(score) => {
            say(format!("Score {score} of 100{}", if debrief.reasons.is_empty() { "." } else { ":" }));
            debrief.reasons.iter().for_each(|reason| say(format!("  -{} {}", reason.points, reason.why)));
        }
    }
    say(compared(debrief, earlier));
    out
}

fn clock(point: &Point) -> String {
    point.at.format("%H:%M:%S").to_string()
}

/// What could be seen then, where it matters.
fn screen(point: &Point) -> String {
    match (point.could_be_seen(), &point.on_screen) {
        (Some(true), _) => format!(" (on screen: {})", point.signals.join(", ")),
        (Some(false), Some(panels)) if panels.is_empty() => " (no panel was on screen)".to_owned(),
        (Some(false), Some(panels)) => format!(" (NOT on screen; there were {})", panels.join(", ")),
        _ => String::new(),
    }
}

/// Beside earlier walks of the same scenario.
fn compared(debrief: &Debrief, earlier: &[Debrief]) -> String {
    if earlier.is_empty() {
        return "The first walk of this scenario on this machine.".to_owned();
    }
    let times = |pick: fn(&Debrief) -> Option<u64>, name: &str| {
        let best = earlier.iter().filter_map(pick).min()?;
        Some(format!("{name} {} (now {})", took(best), pick(debrief).map_or_else(|| "not".to_owned(), took)))
    };
    let mut parts = Vec::new();
    parts.extend(earlier.iter().filter_map(|one| one.score).max().map(|best| {
        format!("score {best} (now {})", debrief.score.map_or_else(|| "none".to_owned(), |score| score.to_string()))
    }));
    parts.extend(times(|d| d.notice_ms, "noticed after"));
    parts.extend(times(|d| d.decide_ms, "decided after"));
    parts.extend(times(|d| d.recover_ms, "recovered after"));
    let walks = if earlier.len() == 1 { "1 earlier walk".to_owned() } else { format!("{} earlier walks", earlier.len()) };
    if parts.is_empty() {
        format!("{walks}, none of which came to its end.")
    } else {
        format!("Best of {walks}: {}.", parts.join(", "))
    }
}

/// A table over all rehearsals, oldest first: a row each scenario, below a row of headings.
pub fn rehearsals(debriefs: &[Debrief]) -> Vec<Vec<String>> {
    let headings = ["RUNBOOK", "SCENARIO", "WALKS", "LAST", "BY", "ENDED", "SCORE", "BEST", "NOTICED", "DECIDED", "RECOVERED"];
    let mut by_scenario: BTreeMap<(&str, &str), Vec<&Debrief>> = BTreeMap::new();
    for debrief in debriefs {
        by_scenario.entry((&debrief.runbook, &debrief.scenario)).or_default().push(debrief);
    }
    let row = |((runbook, scenario), walks): ((&str, &str), Vec<&Debrief>)| {
        let last = walks.last()?;
        let number = |score: Option<u32>| score.map_or_else(|| "-".to_owned(), |score| score.to_string());
        // The last time, against par where it was missed.
        let time = |ms: Option<u64>, par: Option<u64>| match (ms, par) {
            (None, _) => "-".to_owned(),
            (Some(ms), Some(par)) if ms > par => format!("{} (par {})", took(ms), took(par)),
            (Some(ms), _) => took(ms),
        };
        Some(vec![
            runbook.to_owned(),
            scenario.to_owned(),
            walks.len().to_string(),
            last.opened.format("%Y-%m-%d").to_string(),
            last.operator.clone(),
            last.outcome.map_or("left", |outcome| outcome.as_str()).to_owned(),
            number(last.score),
            number(walks.iter().filter_map(|walk| walk.score).max()),
            time(last.notice_ms, last.par.notice_ms),
            time(last.decide_ms, last.par.decide_ms),
            time(last.recover_ms, last.par.recover_ms),
        ])
    };
    std::iter::once(headings.map(str::to_owned).to_vec()).chain(by_scenario.into_iter().filter_map(row)).collect()
}
