use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::session::event::*;
use crate::session::intent::Starter;
use crate::session::path::StepPath;

fn at(seconds: i64) -> DateTime<Utc> {
    "2026-11-21T03:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(seconds)
}

fn entered(path: &str) -> Event {
    Event::StepEntered(StepEntered {
        path: StepPath::new(path),
        visit: 1,
        kind: EnteredAs::Step,
        title: String::new(),
        item: None,
        items: None,
        with: std::collections::BTreeMap::new(),
        cause: None,
        undoes: None,
    })
}

fn ended(path: &str, outcome: StepOutcome, took_ms: u64) -> Event {
    Event::StepEnded(StepEnded { path: StepPath::new(path), visit: 1, outcome, reason: None, took_ms, treatment: None })
}

fn deviation(what: &str, path: &str) -> Event {
    Event::DeviationRecorded(Box::new(Deviation {
        what: what.to_owned(),
        path: Some(StepPath::new(path)),
        reason: "because".to_owned(),
        by: Starter::Operator,
        evidence: Evidence::default(),
    }))
}

fn tripped(guard: &str) -> Event {
    Event::GuardTripped(Box::new(GuardTripped {
        guard: guard.to_owned(),
        condition: String::new(),
        decide_by: None,
        automatic: false,
        evidence: Evidence::default(),
    }))
}

fn count(events: &[Event]) -> Figures {
    let mut count = Count::default();
    for (n, event) in (0..).zip(events) {
        count.take(at(n), event);
    }
    count.figures()
}

#[test]
fn the_time_of_a_step_that_holds_others_is_not_counted_twice() {
    let events = [
        entered("shift"),
        entered("shift[10]"),
        entered("shift[10]/soak"),
        ended("shift[10]/soak", StepOutcome::Done, 50),
        ended("shift[10]", StepOutcome::Done, 60),
        ended("shift", StepOutcome::Done, 60),
        ended("image", StepOutcome::Done, 40),
        ended("never", StepOutcome::NotApplicable, 900),
    ];
    let slowest = count(&events).slowest;
    assert_eq!(slowest.iter().map(|s| (s.path.as_str(), s.ms)).collect::<Vec<_>>(), [("shift[10]/soak", 50), ("image", 40)]);
}

#[test]
fn the_first_trouble_is_kept_and_when_the_rollback_had_worked() {
    let events = [
        entered("image"),
        tripped("errors-up"),
        ended("image", StepOutcome::Failed, 1),
        entered("rollback"),
        ended("rollback", StepOutcome::Done, 5),
        Event::SessionClosed(SessionClosed {
            outcome: SessionOutcome::RolledBack,
            reason: None,
            took_ms: 77,
            done: 1,
            skipped: 0,
            deviations: 0,
        }),
    ];
    let figures = count(&events);
    assert_eq!(figures.trouble, Some(Trouble { at: at(1), what: "guard errors-up".to_owned() }));
    assert_eq!((figures.recovered, figures.walked_ms, figures.rolled_back), (Some(at(4)), 77, true));
    assert_eq!(figures.outcome, Some(SessionOutcome::RolledBack));
}

#[test]
fn lists_have_an_end_and_what_is_left_out_is_counted() {
    let skipped: Vec<Event> = (0..25).map(|n| ended(&format!("step_{n}"), StepOutcome::Skipped, n)).collect();
    let figures = count(&skipped);
    assert_eq!((figures.skipped.names.len(), figures.skipped.more, figures.skipped.count()), (NAMES, 15, 25));
    assert_eq!(figures.slowest.len(), SLOWEST);
    let long = count(&[deviation("gate-overridden", &"ü".repeat(5000)), deviation("skipped", "x")]);
    assert_eq!(long.overridden.names[0].chars().count(), NAME + 1);
    assert_eq!((long.deviations, long.overridden.count()), (2, 1));
}
