//! What the operator did, and what could be seen then.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Debrief, Facts, Point, between, sign};
use crate::session::event::{About, EnteredAs, Event, ItemTicked, SessionOutcome, StepOutcome};
use crate::session::intent::Starter;

/// Nobody looks at something and ticks it in less.
const GLANCE: TimeDelta = TimeDelta::milliseconds(1_500);

type Events<'a> = [(DateTime<Utc>, &'a Event)];

/// How it ended, and what was done otherwise than the runbook says.
pub(super) fn outcome(debrief: &mut Debrief, events: &Events<'_>) {
    for (_, event) in events {
        match event {
            Event::SessionClosed(closed) => debrief.outcome = Some(closed.outcome),
            Event::DeviationRecorded(deviation) => {
                let place = deviation.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
                debrief.deviations.push(format!("{}{place}: {}", deviation.what, deviation.reason));
            }
            _ => {}
        }
    }
}

/// With the panels that could be seen at its moment.
pub(super) fn seen(events: &Events<'_>, point: Point) -> Point {
    let before = events.iter().take_while(|(at, _)| *at <= point.at);
    let view = before.filter_map(|(_, event)| match event {
        Event::ViewChanged(view) => Some(view.panels.clone()),
        _ => None,
    });
    Point { on_screen: view.last(), ..point }
}

/// Whether somebody at the keyboard, or who answers for them, did it.
fn by_operator(by: Starter) -> bool {
    matches!(by, Starter::Operator | Starter::Answers)
}

/// A decision about trouble, in words. Going on as planned is none.
fn decision(event: &Event) -> Option<String> {
    match event {
        Event::DecisionMade(made) if by_operator(made.by) => {
            let routine = match made.about {
                About::Confirm => made.choice != "no",
                About::When => true,
                _ => false,
            };
            let about = made.guard.as_deref().or(made.path.as_ref().map(|path| path.as_str())).unwrap_or("the session");
            (!routine)
                .then(|| format!("decided about {about}: {}", if made.label.is_empty() { &made.choice } else { &made.label }))
        }
        Event::DeviationRecorded(deviation) if by_operator(deviation.by) => {
            Some(format!("{}: {}", deviation.what, deviation.reason))
        }
        Event::OutcomeSettled(settled) if !settled.looked => Some(format!("settled the outcome of {}", settled.path)),
        _ => None,
    }
}

/// The first sign that somebody had noticed; a decision is one too.
fn reaction(event: &Event, sign: &Point, shown: &[String]) -> Option<String> {
    match event {
        Event::NoteAdded(_) => Some("wrote a note".to_owned()),
        Event::SessionPaused(paused) if paused.paused => Some("paused".to_owned()),
        Event::GuardSnoozed(snoozed) if by_operator(snoozed.by) => Some(format!("snoozed guard {}", snoozed.guard)),
        Event::ViewChanged(view) => {
            let opened = sign.signals.iter().find(|signal| view.panels.contains(signal) && !shown.contains(signal))?;
            Some(format!("opened the panel {opened}"))
        }
        event => decision(event),
    }
}

/// Who reacted when to the sign, and when it was over.
pub(super) fn reactions(debrief: &mut Debrief, events: &Events<'_>, sign: &Point, facts: &Facts) {
    let mut shown: Vec<String> = sign.on_screen.clone().unwrap_or_default();
    let after = || events.iter().filter(|(at, _)| *at >= sign.at);
    let point =
        |at: DateTime<Utc>, what: String| seen(events, Point { at, what, signals: sign.signals.clone(), on_screen: None });
    let mut by_itself = None;
    for (at, event) in after() {
        if debrief.noticed.is_none() {
            debrief.noticed = reaction(event, sign, &shown).map(|what| point(*at, what));
        }
        if debrief.decided.is_none() {
            debrief.decided = decision(event).map(|what| point(*at, what));
        }
        match event {
            Event::ViewChanged(view) => shown.clone_from(&view.panels),
            Event::EffectIntended(intent) if intent.changes && by_operator(intent.by) && debrief.decided.is_none() => {
                debrief.went_on.push(format!("{} was started", intent.path));
            }
            Event::StepEntered(entered) if entered.kind == EnteredAs::Rollback && by_itself.is_none() => by_itself = Some(*at),
            _ => {}
        }
    }
    if debrief.decided.is_none() {
        debrief.decided = by_itself.map(|at| point(at, "the session rolled back by itself".to_owned()));
    }
    let begin = debrief.decided.as_ref().map_or(sign.at, |decided| decided.at);
    debrief.recovered = recovered(debrief.outcome, events, begin, facts).map(|(at, what)| point(at, what));
    let time = |from: Option<&Point>, to: Option<&Point>| between(from?.at, to?.at);
    debrief.notice_ms = time(Some(sign), debrief.noticed.as_ref());
    debrief.decide_ms = time(debrief.noticed.as_ref(), debrief.decided.as_ref());
    debrief.recover_ms = time(debrief.decided.as_ref(), debrief.recovered.as_ref());
}

/// When it was over: the rollback had worked, or all signals were good for the rest of a
/// walk that completed.
fn recovered(
    outcome: Option<SessionOutcome>,
    events: &Events<'_>,
    begin: DateTime<Utc>,
    facts: &Facts,
) -> Option<(DateTime<Utc>, String)> {
    if outcome == Some(SessionOutcome::RolledBack) {
        let ended = |event: &Event| matches!(event, Event::StepEnded(e) if e.path.as_str() == "rollback" && e.outcome == StepOutcome::Done);
        let done = events.iter().find(|(_, event)| ended(event)).or_else(|| events.last())?;
        return Some((done.0, "the rollback had worked".to_owned()));
    }
    if outcome != Some(SessionOutcome::Completed) {
        return None;
    }
    let mut bad: BTreeMap<&str, ()> = BTreeMap::new();
    let mut since = Some(begin);
    for (at, event) in events {
        let Event::SignalSampled(sampled) = event else { continue };
        for (name, reading) in &sampled.readings {
            if sign::is_good(name, reading, facts) {
                bad.remove(name.as_str())
            } else {
                bad.insert(name, ())
            };
        }
        since = if bad.is_empty() { since.or(Some(*at)) } else { None };
    }
    since.map(|at| (at.max(begin), "all signals were good from then on".to_owned()))
}

/// Checks that were ticked by hand in less than a glance, or while the panel of what they
/// ask about was not on screen.
pub(super) fn ticks(debrief: &mut Debrief, events: &Events<'_>, facts: &Facts) {
    if !debrief.attended {
        return;
    }
    let (mut shown, mut last): (Option<&[String]>, Option<DateTime<Utc>>) = (None, None);
    for (at, event) in events {
        match event {
            Event::ViewChanged(view) => shown = Some(&view.panels),
            Event::StepEntered(_) => last = Some(*at),
            Event::ItemTicked(item) if item.ticked && !item.by_check => {
                let quick = last.is_some_and(|last| *at - last < GLANCE);
                let asked = signals_of(item, facts);
                let hidden = shown.filter(|_| !asked.is_empty()).is_some_and(|shown| !asked.iter().any(|s| shown.contains(s)));
                let how = match (quick, hidden) {
                    (_, true) => format!("{} was not on screen", asked.join(" and ")),
                    (true, false) => {
                        let ms = last.and_then(|last| between(last, *at)).unwrap_or(0);
                        format!("after {}.{} s", ms / 1000, ms % 1000 / 100)
                    }
                    (false, false) => String::new(),
                };
                if !how.is_empty() {
                    debrief.unlooked.push(format!("{}: {} ({how})", item.path, item.text));
                }
                last = Some(*at);
            }
            _ => {}
        }
    }
}

fn signals_of<'a>(item: &ItemTicked, facts: &'a Facts) -> &'a [String] {
    let id = item.path.as_str().rsplit(['/', '!']).next().unwrap_or_default();
    let id = id.split('[').next().unwrap_or_default();
    let checks = facts.checks.get(id);
    checks.and_then(|items| items.get(item.item as usize)).map(Vec::as_slice).unwrap_or_default()
}

/// Decisions about a guard none of whose signals was on screen.
pub(super) fn unseen(debrief: &mut Debrief, events: &Events<'_>) {
    let (mut shown, mut conditions): (Option<&[String]>, BTreeMap<&str, Vec<String>>) = (None, BTreeMap::new());
    for (_, event) in events {
        match event {
            Event::ViewChanged(view) => shown = Some(&view.panels),
            Event::GuardTripped(tripped) => {
                conditions.insert(&tripped.guard, sign::signals_named(&tripped.condition));
            }
            Event::DecisionMade(made) if made.by == Starter::Operator => {
                let about = made.guard.as_deref().and_then(|guard| conditions.get_key_value(guard));
                let (Some((guard, signals)), Some(shown)) = (about, shown) else { continue };
                if !signals.is_empty() && !signals.iter().any(|signal| shown.contains(signal)) {
                    debrief.unseen.push(format!("guard {guard}: {} was not on screen", signals.join(" and ")));
                }
            }
            _ => {}
        }
    }
}
