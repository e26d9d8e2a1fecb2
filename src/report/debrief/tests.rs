use chrono::TimeDelta;

use super::*;
use crate::session::event::*;
use crate::session::intent::Starter;
use crate::session::path::StepPath;
use crate::session::reading::{Measure, Reading};

fn at(ms: i64) -> DateTime<Utc> {
    "2026-11-21T03:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::milliseconds(ms)
}

fn opened(attended: bool, mode: Mode) -> Event {
    let par = Par { notice_ms: Some(60_000), decide_ms: Some(30_000), recover_ms: Some(300_000) };
    Event::SessionOpened(Box::new(Opened {
        mode,
        attended,
        operator: Operator { principal: "trainee@example.com".into(), ..Operator::default() },
        origin: Origin::default(),
        tool: Tool::default(),
        bundle: BundleRecord::default(),
        runbook: "canary-deploy".into(),
        title: String::new(),
        change: None,
        environment: EnvironmentRecord::default(),
        inputs: BTreeMap::new(),
        secrets: Vec::new(),
        policy: None,
        signers: None,
        window: None,
        lock: None,
        ledger_head: None,
        clock: ClockRecord::default(),
        boot_id: None,
        rollback: String::new(),
        estimate_ms: None,
        rolls_back: None,
        emergency: None,
        trusted_unseen: false,
        scenario: Some(ScenarioRecord { name: "bad-canary".into(), seed: 7, par: Some(par) }),
    }))
}

fn reading(value: f64) -> Reading {
    Reading {
        taken: at(0),
        ok: None,
        failures: 0,
        members: BTreeMap::from([("value".to_owned(), Measure(value))]),
        problem: None,
        unreachable: false,
        detail: Vec::new(),
    }
}

fn sampled(signal: &str, reading: Reading) -> Event {
    Event::SignalSampled(SignalSampled { readings: BTreeMap::from([(signal.to_owned(), reading)]) })
}

fn errors(value: f64) -> Event {
    sampled("error_rate", reading(value))
}

fn failing(failures: u32) -> Event {
    sampled("api", Reading { ok: Some(failures == 0), failures, ..reading(0.1) })
}

fn tripped() -> Event {
    Event::GuardTripped(Box::new(GuardTripped {
        guard: "errors-up".into(),
        condition: "signals.error_rate.value > signals.error_rate.baseline * 1.5".into(),
        decide_by: None,
        automatic: false,
        evidence: Evidence::default(),
    }))
}

fn decided(about: About, choice: &str) -> Event {
    Event::DecisionMade(Box::new(DecisionMade {
        about,
        path: None,
        visit: None,
        guard: (about == About::Guard).then(|| "errors-up".into()),
        choice: choice.into(),
        label: choice.into(),
        reason: None,
        by: Starter::Operator,
        evidence: Evidence::default(),
    }))
}

fn view(panels: &[&str]) -> Event {
    Event::ViewChanged(ViewChanged { panels: panels.iter().map(|p| (*p).to_owned()).collect() })
}

fn entered(path: &str, kind: EnteredAs) -> Event {
    Event::StepEntered(StepEntered {
        path: StepPath::new(path),
        visit: 1,
        kind,
        title: String::new(),
        item: None,
        items: None,
        with: BTreeMap::new(),
        cause: None,
        undoes: None,
    })
}

fn step_ended(path: &str, outcome: StepOutcome) -> Event {
    Event::StepEnded(StepEnded { path: StepPath::new(path), visit: 1, outcome, reason: None, took_ms: 0, treatment: None })
}

fn ticked(item: u32) -> Event {
    Event::ItemTicked(ItemTicked {
        path: StepPath::new("preflight"),
        visit: 1,
        item,
        text: format!("item {item}"),
        ticked: true,
        by_check: false,
        note: None,
        evidence: None,
    })
}

fn closed(outcome: SessionOutcome) -> Event {
    Event::SessionClosed(SessionClosed { outcome, reason: None, took_ms: 0, done: 0, skipped: 0, deviations: 0 })
}

fn facts() -> Facts {
    let limits = SignalFacts { warn: Some(1.0), critical: Some(5.0), ..SignalFacts::default() };
    Facts {
        signals: BTreeMap::from([("error_rate".to_owned(), limits)]),
        checks: BTreeMap::from([("preflight".to_owned(), vec![vec![], vec!["error_rate".to_owned()]])]),
    }
}

fn records(events: Vec<(i64, Event)>) -> Vec<Record> {
    let record = |(n, (ms, event)): (u64, (i64, Event))| Record {
        seq: n,
        sid: "s-1".into(),
        ts: at(ms),
        mono_ms: 0,
        event: Some(event),
        kind: String::new(),
    };
    (0..).zip(events).map(record).collect()
}

fn walk(events: Vec<(i64, Event)>) -> Debrief {
    let mut all = vec![(0, opened(true, Mode::Rehearsal))];
    all.extend(events);
    Debrief::of(&records(all), &facts()).unwrap()
}

#[test]
fn the_first_sign_is_the_first_that_could_have_been_seen() {
    for (events, expected) in [
        (vec![(10, errors(0.3)), (20, errors(0.9))], None),
        // Once above `warn` may be chance.
        (vec![(10, errors(1.2)), (20, errors(0.9)), (30, errors(1.2))], None),
        (vec![(10, errors(1.2)), (20, errors(1.3))], Some((10, "error_rate was 1.3, worth a look from 1"))),
        (vec![(10, errors(8.0))], Some((10, "error_rate was 8, critical from 5"))),
        (vec![(10, errors(f64::NAN)), (20, errors(f64::INFINITY))], None),
        (vec![(10, failing(1)), (20, failing(0)), (30, failing(1))], None),
        (vec![(10, failing(1)), (20, failing(2))], Some((10, "api failed its check"))),
        (vec![(10, tripped())], Some((10, "guard errors-up tripped"))),
        (vec![(5, errors(1.2)), (10, tripped()), (20, errors(1.3))], Some((5, "error_rate was 1.3, worth a look from 1"))),
        (vec![(10, step_ended("image", StepOutcome::Failed))], Some((10, "step image failed"))),
        (
            vec![(10, sampled("error_rate", Reading { unreachable: true, ..reading(0.0) }))],
            Some((10, "error_rate could not be read")),
        ),
    ] {
        let found = walk(events.clone()).sign.map(|sign| ((sign.at - at(0)).num_milliseconds(), sign.what));
        assert_eq!(found, expected.map(|(ms, what): (i64, &str)| (ms, what.to_owned())), "{events:?}");
    }
}

/// A walk in which errors rise and the operator rolls back.
fn rolled_back() -> Vec<(i64, Event)> {
    vec![
        (1_000, view(&["pods", "error_rate"])),
        (10_000, errors(8.0)),
        (40_000, Event::NoteAdded(Note { path: None, text: "errors?".into() })),
        (50_000, tripped()),
        (90_000, decided(About::Guard, "rollback")),
        (90_100, entered("rollback", EnteredAs::Rollback)),
        (300_000, step_ended("rollback", StepOutcome::Done)),
        (301_000, closed(SessionOutcome::RolledBack)),
    ]
}

#[test]
fn noticing_deciding_and_recovering_follow_each_other() {
    let found = walk(rolled_back());
    assert_eq!((found.notice_ms, found.decide_ms, found.recover_ms), (Some(30_000), Some(50_000), Some(210_000)));
    assert_eq!(found.sign.as_ref().unwrap().could_be_seen(), Some(true));
    assert_eq!(found.decided.as_ref().unwrap().what, "decided about errors-up: rollback");
    // Only the decision took longer than par.
    let reasons: Vec<(u32, &str)> = found.reasons.iter().map(|r| (r.points, r.why.as_str())).collect();
    assert_eq!((reasons, found.score), (vec![(10, "deciding took 50s, par is 30s")], Some(90)));
}

#[test]
fn what_counts_as_a_reaction() {
    let reacts = |event: Event| {
        let found = walk(vec![(10_000, errors(8.0)), (20_000, event), (60_000, closed(SessionOutcome::Aborted))]);
        (found.noticed.is_some(), found.decided.is_some())
    };
    for (event, expected) in [
        (Event::NoteAdded(Note { path: None, text: "x".into() }), (true, false)),
        (Event::SessionPaused(Paused { paused: true, reason: None }), (true, false)),
        (Event::SessionPaused(Paused { paused: false, reason: None }), (false, false)),
        (view(&["error_rate"]), (true, false)),
        (view(&["pods"]), (false, false)),
        (decided(About::Rollback, "rollback"), (true, true)),
        (decided(About::Confirm, "no"), (true, true)),
        // Going on as if nothing were wrong is none.
        (decided(About::Confirm, "yes"), (false, false)),
        (ticked(0), (false, false)),
    ] {
        assert_eq!(reacts(event.clone()), expected, "{event:?}");
    }
}

#[test]
fn nobody_who_reacts_costs_points_and_the_guard_acts_alone() {
    let found = walk(vec![
        (10_000, errors(8.0)),
        (50_000, entered("rollback", EnteredAs::Rollback)),
        (90_000, step_ended("rollback", StepOutcome::Done)),
        (91_000, closed(SessionOutcome::RolledBack)),
    ]);
    assert_eq!((found.noticed, found.notice_ms, found.recover_ms), (None, None, Some(40_000)));
    assert_eq!(found.decided.unwrap().what, "the session rolled back by itself");
    assert_eq!(found.score, Some(70));
}

#[test]
fn a_walk_that_completed_has_recovered_when_all_signals_stay_good() {
    let end = |more: Vec<(i64, Event)>| {
        let mut events =
            vec![(10_000, errors(8.0)), (20_000, decided(About::Decide, "hold")), (30_000, errors(0.2)), (40_000, errors(6.0))];
        events.extend(more);
        events.push((90_000, closed(SessionOutcome::Completed)));
        walk(events).recover_ms
    };
    assert_eq!(end(vec![(50_000, errors(0.4)), (60_000, errors(0.3))]), Some(30_000));
    assert_eq!(end(vec![]), None, "it was bad to the end");
}

#[test]
fn ticks_in_less_than_a_glance_or_without_the_panel_are_named() {
    let begin = vec![(1_000, view(&["pods"])), (2_000, entered("preflight", EnteredAs::Step))];
    let with = |ticks: Vec<(i64, Event)>| walk([begin.clone(), ticks].concat()).unlooked;
    assert_eq!(with(vec![(5_000, ticked(0))]), [] as [&str; 0]);
    assert_eq!(with(vec![(2_300, ticked(0))]), ["preflight: item 0 (after 0.3 s)"]);
    assert_eq!(with(vec![(9_000, ticked(1))]), ["preflight: item 1 (error_rate was not on screen)"]);
    assert_eq!(with(vec![(8_000, view(&["error_rate"])), (9_000, ticked(1))]), [] as [&str; 0]);
    // Nobody sat there: how fast it was says nothing.
    let mut all = vec![(0, opened(false, Mode::Rehearsal))];
    all.extend([(2_000, entered("preflight", EnteredAs::Step)), (2_001, ticked(0))]);
    assert_eq!(Debrief::of(&records(all), &facts()).unwrap().unlooked, [] as [&str; 0]);
}

#[test]
fn a_decision_about_what_was_not_on_screen_is_named() {
    let found = walk(vec![(1_000, view(&["pods"])), (10_000, tripped()), (20_000, decided(About::Guard, "continue"))]);
    assert_eq!(found.unseen, ["guard errors-up: error_rate was not on screen"]);
    // Without a screen nothing is known, and nothing is said.
    assert_eq!(walk(vec![(10_000, tripped()), (20_000, decided(About::Guard, "continue"))]).unseen, [] as [&str; 0]);
}

#[test]
fn only_a_rehearsal_is_debriefed_and_one_that_was_left_has_no_score() {
    assert_eq!(Debrief::of(&records(vec![(0, opened(true, Mode::Live))]), &facts()), None);
    assert_eq!(Debrief::of(&[], &facts()), None);
    assert_eq!(walk(vec![(10_000, errors(8.0))]).score, None);
}

#[test]
fn points_never_go_below_nothing_and_each_kind_has_a_limit() {
    let mut events = vec![(2_000, entered("preflight", EnteredAs::Step))];
    events.extend((0..50).map(|n| (2_001 + n, ticked(0))));
    events.extend([(10_000, errors(8.0)), (900_000, decided(About::Rollback, "rollback"))]);
    events.push((3_000_000, closed(SessionOutcome::RollbackFailed)));
    let found = walk(events);
    let of = |what: &str| found.reasons.iter().filter(|r| r.why.starts_with(what)).map(|r| r.points).sum::<u32>();
    assert_eq!((of("ticked"), of("noticing"), of("the rollback")), (20, 20, 30));
    assert_eq!(found.score, Some(30));
}

#[test]
fn the_debrief_reads_well() {
    let mut events = vec![(500, view(&["pods"])), (2_000, entered("preflight", EnteredAs::Step)), (2_200, ticked(0))];
    events.extend(rolled_back().into_iter().skip(1));
    let now = walk(events);
    let earlier = walk(rolled_back());
    let text = |earlier: &[Debrief]| lines(&now, earlier).join("\n");
    insta::assert_snapshot!(format!("{}\n\n{}", text(&[]), text(std::slice::from_ref(&earlier))));
    let rows = rehearsals(&[earlier, now.clone()]);
    insta::assert_snapshot!(rows.iter().map(|row| row.join(" | ")).collect::<Vec<_>>().join("\n"));
}
