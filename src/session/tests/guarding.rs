//! Gates, guards and what they judge by: readings, pauses and absences.

use super::*;
use crate::session::event::{GateEnd, StepOutcome};
use crate::session::view::{GuardState, GuardView, RowState};

fn gate(gate: &str) -> String {
    format!(
        "signals: {{s: {{prometheus: up, every: 10s}}, t: {{prometheus: traffic, every: 10s}}}}\nsteps: [{{id: g, title: G, gate: {{{gate}}}}}]"
    )
}

#[test]
fn a_gate_passes_when_its_condition_held_throughout() {
    let mut walk = Walk::new(&gate("pass: signals.s.value < 1, for: 1m"));
    walk.watch(60, "s", 0.5);
    assert_eq!(walk.closed(), None);
    walk.watch(30, "s", 0.5);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn a_condition_that_stops_holding_starts_the_clock_again() {
    let mut walk = Walk::new(&gate("pass: signals.s.value < 1, fail: signals.s.value > 5, for: 1m"));
    walk.watch(60, "s", 0.5);
    walk.watch(10, "s", 2.0);
    walk.watch(60, "s", 0.5);
    assert_eq!(walk.closed(), None);
    walk.watch(20, "s", 0.5);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn missing_data_pauses_the_clock_and_never_passes() {
    let mut walk = Walk::new(&gate("pass: signals.s.value < 1, for: 1m, min: {t: 10}"));
    walk.watch(30, "s", 0.5);
    assert_eq!(walk.closed(), None, "no traffic was seen");
    let both = |walk: &mut Walk, n: u32| {
        for _ in 0..n {
            walk.tick(10_000);
            walk.value("t", 20.0);
            walk.value("s", 0.5);
        }
    };
    both(&mut walk, 4);
    walk.value("t", 1.0);
    walk.tick(10_000);
    let passed = walk.session.step_view(walk.at).unwrap().gate.unwrap().passed_ms;
    assert_eq!(passed, 20_000, "it stands still");
    walk.value("t", 20.0);
    walk.value("s", 0.5);
    both(&mut walk, 6);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn a_gate_without_a_verdict_holds_and_asks() {
    let mut walk = Walk::new(&gate("pass: signals.s.value < 1, for: 1m"));
    walk.tick(179_000);
    assert_eq!(walk.asks(), "busy g");
    walk.tick(1_000);
    assert_eq!(walk.asks(), "gate g");
    walk.answer_failure("g", FailureChoice::Retry);
    assert_eq!(walk.asks(), "busy g");
    walk.tick(180_000);
    let step = walk.latest("g");
    assert_eq!(step.visit, 2);
    walk.refused(Command::OverrideGate { step: step.clone(), reason: String::new() });
    walk.told(Command::OverrideGate { step, reason: "seen elsewhere".into() });
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    assert_eq!(walk.session.closed().unwrap().deviations, 1);
}

#[test]
fn judging_again_does_not_let_on_failure_in() {
    let body = gate("pass: signals.s.value < 1").replace("}}]", "}, on_failure: rollback}]");
    let mut walk = Walk::new(&body);
    walk.tick(300_000);
    walk.answer_failure("g", FailureChoice::Retry);
    assert_eq!(walk.asks(), "busy g");
    let answered = walk.records.iter().position(|r| matches!(&r.event, Event::DecisionMade(d) if d.choice == "retry")).unwrap();
    let first = &walk.records[0];
    let mut torn = Session::open(walk.plan.clone(), "s-1", first.at, &first.event).unwrap();
    for record in &walk.records[1..=answered] {
        torn.apply(record.at, &record.event).unwrap();
    }
    assert_eq!(next(&torn, walk.at), None, "cut between the two records, nothing rolls back");
}

#[test]
fn a_gate_fails_after_so_many_failures_in_a_row() {
    let mut walk = Walk::new(&gate("pass: signals.s.value < 1, fail: signals.s.value > 5, failures: 3, for: 5m"));
    walk.watch(20, "s", 9.0);
    walk.watch(10, "s", 0.5);
    walk.watch(30, "s", 9.0);
    assert_eq!(walk.trail(), "");
    walk.watch(10, "s", 9.0);
    assert_eq!(walk.asks(), "failure g");
    walk.answer_failure("g", FailureChoice::Continue);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn no_data_fails_only_where_the_gate_says_so() {
    for (rule, asks) in [("hold", "busy g"), ("fail", "failure g")] {
        let mut walk = Walk::new(&gate(&format!("pass: signals.s.value < 1, for: 5m, no_data: {rule}")));
        walk.tick(30_000);
        assert_eq!(walk.asks(), asks);
    }
}

#[test]
fn only_readings_taken_after_settling_count() {
    let mut walk = Walk::new(&gate("pass: signals.s.value < 1, settle: 1m"));
    walk.watch(50, "s", 0.5);
    walk.tick(25_000);
    assert_eq!(walk.closed(), None, "the last reading is older than the settled gate");
    walk.value("s", 0.5);
    walk.tick(10_000);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn stale_readings_are_unknown() {
    let mut walk = Walk::new(&gate("pass: signals.s.value < 1, every: 1m"));
    walk.tick(20_000);
    walk.value("s", 0.5);
    walk.tick(60_000);
    assert_eq!(walk.closed(), None);
    let last = walk.session.step_view(walk.at).unwrap().gate.unwrap().last.unwrap();
    assert!(last.1.contains("stale"), "{last:?}");
}

#[test]
fn sources_that_all_fail_at_once_say_nothing() {
    let mut walk = Walk::new(
        "signals: {a: {http: {url: 'http://a/'}}, b: {http: {url: 'http://b/'}}}\nguards: [{id: bad, when: signals.a.failures > 3, then: rollback, arm: start}]\nsteps: [{id: c, title: C, confirm: C?}]",
    );
    let down = |walk: &Walk| Reading { ok: Some(false), failures: 9, ..unreachable(walk.at) };
    let reading = down(&walk);
    walk.send(&Msg::Sampled(BTreeMap::from([("a".into(), reading.clone()), ("b".into(), reading.clone())]))).unwrap();
    assert!(walk.session.all_sources_unreachable());
    assert_eq!(walk.asks(), "confirm c");
    walk.sample("b", Reading { ok: Some(true), unreachable: false, failures: 0, ..reading });
    assert_eq!(walk.asks(), "guard bad", "one answers: it is not the network");
}

#[test]
fn pausing_and_being_away_start_the_clock_of_a_gate_again() {
    let body = gate("pass: signals.s.value < 1, for: 1m, timeout: 30m").replace(", timeout: 30m}}]", "}, timeout: 30m}]");
    for away in [false, true] {
        let mut walk = Walk::new(&body);
        walk.watch(60, "s", 0.5);
        if away {
            walk.resume_after(3_600_000);
            walk.verify();
        } else {
            walk.pause();
            walk.watch(60, "s", 0.5);
            assert_eq!(walk.closed(), None, "a paused gate is not judged");
            walk.told(Command::Unpause);
        }
        walk.watch(60, "s", 0.5);
        assert_eq!(walk.closed(), None);
        walk.watch(30, "s", 0.5);
        assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
        assert_eq!(walk.count(|e| matches!(e, Event::GateJudged(g) if g.final_verdict == Some(GateEnd::Passed))), 1);
    }
}

#[test]
fn no_step_starts_while_paused() {
    let mut walk = Walk::new(
        "steps: [{id: a, title: A, confirm: A?}, {id: r, title: R, run: {command: [look], reads_only: true}}, {id: c, title: C, run: {command: [change]}}]",
    );
    walk.pause();
    walk.yes("a");
    assert_eq!(walk.latest("r").visit, 0);
    walk.told(Command::Unpause);
    walk.pause();
    walk.ends("r", Outcome::Succeeded);
    assert_eq!(walk.latest("c").visit, 0);
    walk.told(Command::Unpause);
    walk.pause();
    let step = walk.latest("c");
    assert!(walk.refused(starting(step)).contains("paused"));
    walk.told(Command::Unpause);
    walk.does("c");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn time_away_is_not_counted() {
    let mut walk = Walk::new("steps: [{id: w, title: W, wait: 10m}]");
    walk.tick(300_000);
    walk.told(Command::Note { text: "the last record says until when it was walked".into() });
    walk.resume_after(86_400_000);
    walk.tick(299_000);
    assert_eq!(walk.closed(), None);
    walk.tick(1_000);
    assert_eq!(walk.session.closed().unwrap().took_ms, 600_000);
}

fn guarded(guard: &str) -> String {
    format!(
        "signals: {{s: {{prometheus: up, every: 10s}}}}\nguards: [{{id: bad, when: signals.s.value > 5, {guard}}}]\n\
         steps: [{{id: a, title: A, run: {{command: [change]}}, undo: {{none: nothing}}}}, {{id: b, title: B, run: {{command: [change]}}, undo: {{none: nothing}}}}]\n\
         procedures: {{fix: {{steps: [{{id: f, title: F, confirm: F?}}]}}}}"
    )
}

#[test]
fn a_guard_is_armed_when_the_runbook_says() {
    let cases = [("first-change", [false, true]), ("start", [true, true]), ("b", [false, true])];
    for (arm, armed) in cases {
        let mut walk = Walk::new(&guarded(&format!("then: hold, arm: {arm}")));
        walk.value("s", 9.0);
        assert_eq!(walk.asks() == "guard bad", armed[0], "{arm}");
        if !armed[0] {
            walk.does("a");
            walk.value("s", 9.0);
            assert_eq!(walk.asks() == "guard bad", armed[1], "{arm}");
        }
    }
}

#[test]
fn a_tripped_guard_starts_nothing_until_answered() {
    let mut walk = Walk::new(&guarded("then: rollback"));
    walk.start("a");
    walk.value("s", 9.0);
    assert_eq!(walk.asks(), "guard bad");
    walk.ends("a", Outcome::Succeeded);
    assert_eq!(walk.latest("b").visit, 0);
    let answer = |choice, reason: Option<&str>| Command::Guard { guard: "bad".into(), choice, reason: reason.map(str::to_owned) };
    walk.refused(answer(GuardChoice::Hold, None));
    walk.refused(answer(GuardChoice::Snooze(60_000), None));
    walk.guard("bad", GuardChoice::Hold);
    assert_eq!(walk.asks(), "start b");
    walk.value("s", 9.0);
    assert_eq!(walk.asks(), "start b", "not judged again before it was false once");
    walk.value("s", 0.0);
    walk.value("s", 9.0);
    assert_eq!(walk.asks(), "guard bad");
    let step = walk.latest("b");
    assert!(walk.refused(starting(step)).contains("guard"));
    walk.guard("bad", GuardChoice::Act);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

#[test]
fn a_guard_trips_after_its_time_only() {
    let mut walk = Walk::new(&guarded("then: hold, for: 30s, arm: start"));
    walk.value("s", 9.0);
    walk.watch(20, "s", 9.0);
    walk.value("s", 1.0);
    walk.watch(30, "s", 9.0);
    assert_eq!(walk.asks(), "start a");
    walk.watch(10, "s", 9.0);
    assert_eq!(walk.asks(), "guard bad");
}

#[test]
fn an_unknown_guard_does_not_trip() {
    let mut walk = Walk::new(&guarded("then: hold, for: 1m, arm: start"));
    walk.value("s", 9.0);
    walk.tick(600_000);
    assert_eq!(walk.asks(), "start a");
}

#[test]
fn a_snoozed_guard_comes_back() {
    let mut walk = Walk::new(&guarded("then: hold, arm: start"));
    walk.value("s", 9.0);
    walk.guard("bad", GuardChoice::Snooze(60_000));
    walk.watch(50, "s", 9.0);
    assert_eq!(walk.asks(), "start a");
    walk.watch(20, "s", 9.0);
    assert_eq!(walk.asks(), "guard bad");
    walk.guard("bad", GuardChoice::Snooze(u64::MAX));
    walk.watch(600, "s", 9.0);
    assert_eq!(walk.asks(), "start a");
}

#[test]
fn an_unanswered_guard_does_what_expired_says() {
    for (expired, asks) in [("hold", "guard bad"), ("rollback", "rolled-back")] {
        let mut walk = Walk::new(&guarded(&format!("then: rollback, arm: start, decide_within: 15m, expired: {expired}")));
        walk.value("s", 9.0);
        walk.tick(899_000);
        assert_eq!(walk.asks(), "guard bad");
        walk.tick(1_000);
        assert_eq!(walk.asks(), asks);
    }
}

#[test]
fn a_guard_that_expires_rolls_back_a_paused_session() {
    let mut walk = Walk::new(&guarded("then: rollback, arm: start, decide_within: 1m, expired: rollback"));
    walk.pause();
    walk.value("s", 9.0);
    walk.tick(60_000);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

#[test]
fn an_automatic_guard_acts_but_not_past_a_point_of_no_return() {
    let body = guarded("then: rollback, automatic: true");
    let mut walk = Walk::new(&body);
    walk.does("a");
    walk.value("s", 9.0);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
    let mut walk = Walk::new(&body.replace("{id: a,", "{id: a, point_of_no_return: true,"));
    walk.does("a");
    walk.value("s", 9.0);
    assert_eq!(walk.asks(), "guard bad");
}

#[test]
fn a_guard_that_holds_keeps_holding_and_offers_to_roll_back() {
    for (automatic, choice) in [(false, GuardChoice::Act), (true, GuardChoice::Act), (true, GuardChoice::Rollback)] {
        let mut walk = Walk::new(&guarded(&format!("then: hold, arm: start, automatic: {automatic}")));
        walk.value("s", 9.0);
        walk.tick(600_000);
        assert_eq!(walk.asks(), "guard bad");
        let Prompt::Guard { action, .. } = walk.prompt() else { panic!("no guard") };
        assert_eq!(action, "roll back", "what the key does is what is said");
        walk.guard("bad", choice);
        assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
        let decided = |e: &Event| matches!(e, Event::DecisionMade(d) if d.choice == "rollback" && d.guard.is_some());
        assert_eq!(walk.count(decided), 1, "the record says that it was rolled back");
    }
}

/// What the screen shows of the only guard.
fn shown(walk: &Walk) -> GuardView {
    walk.session.guard_views(walk.at).remove(0)
}

#[test]
fn a_guard_shows_where_it_stands() {
    let mut walk = Walk::new(&guarded("then: rollback, for: 30s, automatic: true"));
    assert_eq!((shown(&walk).state, shown(&walk).automatic), (GuardState::Disarmed, true));
    walk.does("a");
    assert!(matches!(shown(&walk).state, GuardState::CannotJudge(_)), "there is no reading yet");
    walk.value("s", 1.0);
    assert_eq!(shown(&walk).state, GuardState::Armed);
    walk.watch(20, "s", 9.0);
    assert_eq!(shown(&walk).state, GuardState::Pending(10_000, 30_000));
    walk.value("s", 1.0);
    walk.tick(600_000);
    assert!(matches!(shown(&walk).state, GuardState::CannotJudge(_)), "the reading is stale");

    let mut walk = Walk::new(&guarded("then: rollback, arm: start"));
    walk.value("s", 9.0);
    assert_eq!((shown(&walk).state, shown(&walk).automatic), (GuardState::Tripped, false));
    walk.guard("bad", GuardChoice::Snooze(60_000));
    assert_eq!(shown(&walk).state, GuardState::Snoozed(60_000));
}

/// A step may fail while a guard asks. Once that was answered by rolling back, nobody
/// waits for an answer about the step.
#[test]
fn a_failed_step_waits_for_nobody_once_it_was_rolled_back() {
    let mut walk = Walk::new(&guarded("then: rollback, arm: start"));
    walk.start("a");
    walk.value("s", 9.0);
    walk.ends("a", Outcome::Failed);
    walk.guard("bad", GuardChoice::Act);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
    assert_eq!(walk.session.outline(walk.at)[0].state, RowState::Ended(StepOutcome::Failed));
}

/// The last reading of a closed session grows old; that says nothing about it.
#[test]
fn a_closed_session_has_no_guard_to_judge() {
    let ends: [fn(&mut Walk); 3] = [
        |walk| {
            walk.does("a");
            walk.does("b");
        },
        Walk::roll_back,
        |walk| walk.told(Command::Abort { reason: "enough".into() }),
    ];
    for end in ends {
        let mut walk = Walk::new(&guarded("then: hold, arm: start"));
        walk.value("s", 1.0);
        end(&mut walk);
        assert!(walk.closed().is_some());
        walk.at.mono_ms += 3_600_000;
        assert_eq!(shown(&walk).state, GuardState::Over);
    }
}

#[test]
fn guards_show_during_a_rollback_and_do_not_act() {
    let body =
        guarded("then: rollback, automatic: true, arm: start").replace("undo: {none: nothing}", "undo: {run: {command: [undo]}}");
    let mut walk = Walk::new(&body);
    walk.does("a");
    walk.value("s", 1.0);
    walk.roll_back();
    let before = walk.records.len();
    walk.value("s", 9.0);
    walk.tick(20_000);
    assert!(matches!(walk.prompt(), Prompt::Busy { .. }), "nothing is asked: {:?}", walk.prompt());
    let new: Vec<_> = walk.records[before..].iter().map(|r| &r.event).collect();
    assert!(new.iter().all(|e| matches!(e, Event::SignalSampled(_))), "{new:?}");
    assert_eq!(shown(&walk).state, GuardState::Armed);
    walk.ends("rollback/a", Outcome::Succeeded);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

/// Past a point of no return what would happen by itself is asked, and the question says
/// why.
#[test]
fn a_guard_past_a_point_of_no_return_says_what_it_does_not_do() {
    for guard in ["then: rollback, automatic: true", "then: rollback, decide_within: 1m, expired: rollback", "then: hold"] {
        let mut walk = Walk::new(&guarded(guard).replace("{id: a,", "{id: a, point_of_no_return: true,"));
        assert!(!shown(&walk).past_return, "{guard}");
        walk.does("a");
        walk.value("s", 9.0);
        let by_itself = guard != "then: hold";
        assert_eq!((shown(&walk).past_return, shown(&walk).automatic), (by_itself, false), "{guard}");
        let Prompt::Guard { caution, expired, .. } = walk.prompt() else { panic!("{guard}: {:?}", walk.prompt()) };
        assert_eq!(caution.is_some_and(|words| words.contains("point of no return was passed (A)")), by_itself, "{guard}");
        assert_eq!(expired, "it keeps holding", "{guard}");
        walk.tick(600_000);
        assert_eq!(walk.asks(), "guard bad", "{guard}");
    }
}

#[test]
fn a_guard_runs_its_procedure_each_time_it_is_told_to() {
    let mut walk = Walk::new(&guarded("then: fix, arm: start"));
    let start = walk.latest("a");
    for _ in 0..2 {
        walk.value("s", 9.0);
        walk.guard("bad", GuardChoice::Act);
        assert_eq!(walk.asks(), "confirm guard:bad!fix/f");
        assert!(walk.refused(starting(start.clone())).contains("in hand"));
        walk.yes("guard:bad!fix/f");
        assert_eq!(walk.asks(), "start a");
        walk.value("s", 0.0);
    }
    walk.does("a");
    walk.does("b");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn baselines_are_fixed_at_the_first_change() {
    let mut walk = Walk::new(
        "signals: {s: {prometheus: up, every: 10s, baseline: 10m}}\nguards: [{id: up, when: signals.s.value > signals.s.baseline * 2, then: hold}]\nsteps: [{id: a, title: A, run: {command: [change]}}, {id: b, title: B, run: {command: [change]}}]",
    );
    let step = walk.latest("a");
    let baselines = BTreeMap::from([("s".to_owned(), Ok(Measure(2.0)))]);
    walk.told(Command::Start { step, prepared: None, baselines });
    walk.ends("a", Outcome::Succeeded);
    walk.value("s", 3.9);
    assert_eq!(walk.asks(), "start b");
    walk.value("s", 4.1);
    assert_eq!(walk.asks(), "guard up");
    assert_eq!(walk.count(|e| matches!(e, Event::BaselineFixed(_))), 1);
}

#[test]
fn a_baseline_that_is_no_number_is_unknown() {
    let mut walk = Walk::new(
        "signals: {s: {prometheus: up, every: 10s, baseline: 10m}}\nsteps: [{id: a, title: A, run: {command: [change]}}, {id: b, title: B, when: signals.s.value < signals.s.baseline, confirm: B?}]",
    );
    let step = walk.latest("a");
    let baselines = BTreeMap::from([("s".to_owned(), Ok(Measure(f64::NAN)))]);
    walk.told(Command::Start { step, prepared: None, baselines });
    walk.value("s", 1.0);
    walk.ends("a", Outcome::Succeeded);
    assert_eq!(walk.asks(), "when b");
}

#[test]
fn readings_that_are_no_number_are_unknown() {
    let mut walk = Walk::new(&gate("pass: 'signals.s.value < 1 || signals.s.value >= 1'"));
    walk.watch(60, "s", f64::NAN);
    assert_eq!(walk.asks(), "busy g");
    walk.watch(10, "s", 3.0);
    walk.tick(10_000);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn an_expired_guard_does_not_roll_back_past_a_point_of_no_return() {
    let body = guarded("then: rollback, arm: start, decide_within: 1m, expired: rollback");
    let mut walk = Walk::new(&body.replace("{id: a,", "{id: a, point_of_no_return: true,"));
    walk.does("a");
    walk.value("s", 9.0);
    walk.tick(600_000);
    assert_eq!(walk.asks(), "guard bad");
    walk.guard("bad", GuardChoice::Act);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack), "someone may");
}

#[test]
fn a_gate_that_holds_beside_others_is_asked_about_and_judged_again() {
    let mut walk = Walk::new(
        "signals: {s: {prometheus: up, every: 10s}}\nsteps: [{id: p, title: P, parallel: [{id: w, title: W, wait: 1h}, {id: g, title: G, gate: {pass: signals.s.value < 1}}]}]",
    );
    walk.tick(300_000);
    assert_eq!(walk.asks(), "gate p/g");
    walk.answer_failure("p/g", FailureChoice::Retry);
    assert_eq!(walk.latest("p/g").visit, 2);
    walk.watch(20, "s", 0.5);
    walk.tick(3_600_000);
    assert_eq!(walk.trail(), "p/g=failed p/g#2=done p/w=done p=done");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn a_guard_shows_what_it_reads_with_units_and_ages() {
    let body = "signals: {s: {prometheus: 'vector(1)', unit: percent, baseline: 10m}}\n\
                guards: [{id: bad, when: 'signals.s.value > signals.s.baseline * 2', then: hold}]\n\
                steps: [{id: a, title: A, run: {command: [change]}}]";
    let mut walk = Walk::new(body);
    let read = |walk: &Walk| {
        let [reading] = shown(walk).readings.try_into().expect("one signal, named twice");
        (reading.name, reading.value, reading.age_ms)
    };
    assert_eq!(read(&walk), ("s".to_owned(), Err("not read yet".to_owned()), None));
    walk.value("s", 0.171_4);
    walk.tick(2_000);
    assert_eq!(read(&walk), ("s".to_owned(), Ok("0.171 %".to_owned()), Some(2_000)));
    let failing = unreachable(walk.at);
    walk.sample("s", failing);
    let (_, value, age) = read(&walk);
    assert!(value.is_err(), "{value:?}");
    assert_eq!(age, Some(2_000), "an attempt that brings nothing makes nothing younger");
}
