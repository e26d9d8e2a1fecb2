//! Steps one by one: what starts them, how they end, and what follows.

use super::*;
use crate::session::intent::{Piece, SecretName, What};

const READ: &str = "run: {command: [look], reads_only: true}";

#[test]
fn steps_are_walked_in_order_and_the_session_completes() {
    let mut walk =
        Walk::new("steps: [{id: a, title: A, phase: One, confirm: Sure?}, {id: b, title: B, phase: Two, confirm: Again?}]");
    assert_eq!(walk.asks(), "confirm a");
    walk.no("a");
    assert_eq!(walk.asks(), "confirm a", "no never means skip");
    walk.yes("a");
    assert_eq!(walk.asks(), "confirm b");
    walk.yes("b");
    assert_eq!(walk.trail(), "a=done b=done");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    assert!(walk.refused(Command::Note { text: "late".into() }).contains("closed"));
}

#[test]
fn a_late_key_answers_no_other_question() {
    let mut walk = Walk::new("steps: [{id: a, title: A, confirm: A?}, {id: b, title: B, confirm: B?}]");
    let late = walk.latest("a");
    walk.yes("a");
    walk.refused(Command::Confirm { step: late, yes: true });
    walk.refused(Command::Confirm { step: StepRef { path: StepPath::new("b"), visit: 7 }, yes: true });
    assert_eq!(walk.asks(), "confirm b");
}

#[test]
fn a_change_starts_by_a_key_and_a_read_by_itself() {
    let mut walk = Walk::new(&format!("steps: [{{id: r, title: R, {READ}}}, {{id: c, title: C, run: {{command: [change]}}}}]"));
    assert_eq!(walk.asks(), "busy r");
    walk.ends("r", Outcome::Succeeded);
    assert_eq!(walk.asks(), "start c");
    assert_eq!(walk.session.open_intents().count(), 0);
    walk.start("c");
    let again = walk.latest("c");
    assert!(walk.refused(starting(again)).contains("already"));
    walk.ends("c", Outcome::Succeeded);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn a_false_when_passes_by_and_an_unknown_one_asks() {
    let body = "signals: {s: {prometheus: up, every: 10s}}\nsteps: [{id: a, title: A, when: signals.s.value > 1, confirm: A?}, {id: b, title: B, confirm: B?}]";
    for (value, trail, asks) in [(2.0, "", "confirm a"), (0.0, "a=not-applicable", "confirm b")] {
        let mut walk = Walk::new(body);
        assert_eq!(walk.asks(), "when a");
        walk.value("s", value);
        assert_eq!((walk.trail().as_str(), walk.asks().as_str()), (trail, asks));
    }
    for (run, trail, asks) in [(true, "", "confirm a"), (false, "a=not-applicable", "confirm b")] {
        let mut walk = Walk::new(body);
        let step = walk.latest("a");
        walk.refused(Command::When { step: step.clone(), run, reason: " ".into() });
        walk.told(Command::When { step, run, reason: "I looked".into() });
        assert_eq!((walk.trail().as_str(), walk.asks().as_str()), (trail, asks));
    }
}

#[test]
fn for_each_calls_with_each_item() {
    let body = "steps: [{id: shift, title: 'Shift ${{ item }}', for_each: [10, 50], call: go, with: {weight: '${{ item }}'}}]\n\
        procedures: {go: {params: {weight: {type: integer}}, steps: [{id: w, title: 'To ${{ with.weight }}', confirm: W?}, {id: big, title: Big, when: with.weight > 10, confirm: Big?}]}}";
    let mut walk = Walk::new(body);
    assert_eq!(walk.asks(), "confirm shift[10]/w");
    assert_eq!(walk.session.step_view(walk.at).unwrap().title, "To 10");
    walk.yes("shift[10]/w");
    walk.yes("shift[50]/w");
    walk.yes("shift[50]/big");
    assert_eq!(
        walk.trail(),
        "shift[10]/w=done shift[10]/big=not-applicable shift[10]=done shift[50]/w=done shift[50]/big=done shift[50]=done shift=done"
    );
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn the_same_item_twice_fails_instead_of_walking_in_circles() {
    let body = format!(
        "steps: [{{id: a, title: A, {READ}}}, {{id: b, title: B, for_each: ['${{{{ steps.a.outcome }}}}', done], confirm: B?}}]"
    );
    let mut walk = Walk::new(&body);
    walk.ends("a", Outcome::Succeeded);
    assert_eq!(walk.asks(), "failure b");
}

#[test]
fn repeat_goes_on_until_it_holds_or_fails_at_the_most() {
    let body = "steps: [{id: a, title: A, run: {command: [look], reads_only: true, capture: {n: {stdout: true}}}, repeat: {until: steps.a.n == 'yes', max: 3, delay: 5s}}]";
    let say = |walk: &mut Walk, text: &str| {
        let report = EffectReport { exit: Some(0), stdout: text.into(), ..walk.running("a", Outcome::Succeeded) };
        walk.report(report);
    };
    let mut walk = Walk::new(body);
    say(&mut walk, "no");
    assert_eq!(walk.session.open_intents().count(), 0, "it waits for its delay");
    walk.tick(5_000);
    say(&mut walk, "yes");
    assert_eq!(walk.trail(), "a=done a#2=done");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    let mut walk = Walk::new(body);
    for _ in 0..3 {
        say(&mut walk, "no");
        walk.tick(5_000);
    }
    assert_eq!(walk.trail(), "a=done a#2=done a#3=failed");
    assert_eq!(walk.asks(), "failure a");
}

#[test]
fn a_parallel_step_fails_after_all_others_ended() {
    let body = format!("steps: [{{id: p, title: P, parallel: [{{id: x, title: X, {READ}}}, {{id: y, title: Y, {READ}}}]}}]");
    let mut walk = Walk::new(&body);
    assert_eq!(walk.session.open_intents().count(), 2);
    walk.ends("p/x", Outcome::Failed);
    assert_eq!(walk.trail(), "p/x=failed");
    walk.ends("p/y", Outcome::Succeeded);
    assert_eq!(walk.trail(), "p/x=failed p/y=done p=failed");
    walk.answer_failure("p", FailureChoice::Retry);
    walk.ends("p/x", Outcome::Succeeded);
    walk.ends("p/y", Outcome::Succeeded);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn an_unknown_when_inside_a_parallel_is_asked_too() {
    let body = format!(
        "signals: {{s: {{prometheus: up}}}}\nsteps: [{{id: p, title: P, parallel: [{{id: x, title: X, when: signals.s.value > 1, {READ}}}, {{id: y, title: Y, {READ}}}]}}]"
    );
    let mut walk = Walk::new(&body);
    assert_eq!(walk.asks(), "when p/x");
    walk.ends("p/y", Outcome::Succeeded);
    let step = walk.latest("p/x");
    walk.told(Command::When { step, run: false, reason: "not needed".into() });
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn what_a_next_jumps_over_was_not_chosen() {
    let body = "steps: [{id: d, title: D, decide: {question: Q?, options: [{key: a, label: A, next: z}, {key: b, label: B, reason: required}]}}, {id: m, title: M, confirm: M?}, {id: z, title: Z, confirm: Z?}]";
    let mut walk = Walk::new(body);
    let step = walk.latest("d");
    assert!(walk.refused(Command::Choose { step: step.clone(), key: 'b', reason: Some(" ".into()) }).contains("reason"));
    walk.refused(Command::Choose { step, key: 'x', reason: None });
    walk.choose("d", 'a');
    assert_eq!(walk.trail(), "d=done m=not-chosen");
    walk.yes("z");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn a_decision_without_an_answer_takes_its_otherwise() {
    let decide = |otherwise: &str| {
        format!(
            "steps: [{{id: d, title: D, decide: {{question: Q?, within: 15m, otherwise: {otherwise}, options: [{{key: a, label: A}}, {{key: b, label: B, call: rollback}}]}}}}]"
        )
    };
    for (otherwise, closed) in [("hold", None), ("a", Some(SessionOutcome::Completed)), ("b", Some(SessionOutcome::RolledBack))] {
        let mut walk = Walk::new(&decide(otherwise));
        walk.tick(14 * 60_000);
        assert_eq!(walk.asks(), "decide d");
        walk.tick(60_000);
        assert_eq!(walk.closed(), closed, "{otherwise}");
    }
}

#[test]
fn a_failure_is_answered_as_the_runbook_says() {
    let cases = [
        ("ask", "failure a", "a=failed"),
        ("continue", "confirm b", "a=failed"),
        ("abort", "aborted", "a=failed"),
        ("rollback", "rolled-back", "a=failed rollback=done"),
        ("fix", "failure a", "a=failed a!fix/f=done a!fix=done"),
        ("{call: fix, then: continue}", "confirm b", "a=failed a!fix/f=done a!fix=done"),
        ("{call: fix, then: retry}", "busy a", "a=failed a!fix/f=done a!fix=done"),
        ("{call: fix, then: abort}", "aborted", "a=failed a!fix/f=done a!fix=done"),
    ];
    for (rule, asks, trail) in cases {
        let body = format!(
            "steps: [{{id: a, title: A, {READ}, on_failure: {rule}}}, {{id: b, title: B, confirm: B?}}]\nprocedures: {{fix: {{steps: [{{id: f, title: F, confirm: F?}}]}}}}"
        );
        let mut walk = Walk::new(&body);
        walk.ends("a", Outcome::Failed);
        if rule.contains("fix") {
            walk.yes("a!fix/f");
        }
        assert_eq!((walk.asks().as_str(), walk.trail().as_str()), (asks, trail), "{rule}");
    }
}

#[test]
fn only_reads_are_tried_again_without_a_word() {
    let body = |action: &str| format!("steps: [{{id: a, title: A, {action}, retry: {{attempts: 3, delay: 10s}}}}]");
    let mut walk = Walk::new(&body(READ));
    walk.ends("a", Outcome::Failed);
    assert_eq!(walk.session.open_intents().count(), 0);
    walk.tick(10_000);
    walk.ends("a", Outcome::Failed);
    walk.tick(10_000);
    walk.ends("a", Outcome::Failed);
    assert_eq!(walk.asks(), "failure a");
    let mut walk = Walk::new("steps: [{id: a, title: A, run: {command: [change]}, on_failure: retry}]");
    walk.start("a");
    walk.ends("a", Outcome::Failed);
    walk.tick(60_000);
    assert_eq!(walk.asks(), "failure a");
    walk.answer_failure("a", FailureChoice::Retry);
    assert_eq!(walk.asks(), "start a", "even then it starts by a key");
}

#[test]
fn going_on_after_a_failure_needs_a_reason() {
    let mut walk = Walk::new(&format!("steps: [{{id: a, title: A, {READ}}}]"));
    walk.ends("a", Outcome::Failed);
    let step = walk.latest("a");
    walk.refused(Command::Failure { step, choice: FailureChoice::Continue, reason: None });
    walk.answer_failure("a", FailureChoice::Continue);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn an_unanswered_question_fails_at_its_timeout() {
    let mut walk = Walk::new("steps: [{id: a, title: A, confirm: A?, timeout: 5m}]");
    walk.tick(299_000);
    assert_eq!(walk.asks(), "confirm a");
    assert_eq!(walk.session.step_view(walk.at).and_then(|step| step.timeout_left_ms), Some(1_000));
    walk.tick(1_000);
    assert_eq!(walk.asks(), "failure a");
}

#[test]
fn the_time_of_a_change_begins_as_it_starts() {
    let mut walk = Walk::new("steps: [{id: a, title: A, run: {command: [change]}, timeout: 5m}]");
    let left = |walk: &Walk| walk.session.step_view(walk.at).and_then(|step| step.timeout_left_ms);
    walk.tick(600_000);
    assert_eq!(left(&walk), None, "nothing runs while somebody is asked");
    walk.start("a");
    assert_eq!(left(&walk), Some(300_000));
    walk.tick(120_000);
    assert_eq!(left(&walk), Some(180_000));
}

#[test]
fn a_lost_read_is_made_again_and_a_lost_change_never() {
    let mut walk = Walk::new(&format!("steps: [{{id: a, title: A, {READ}}}, {{id: b, title: B, run: {{command: [change]}}}}]"));
    walk.ends("a", Outcome::Unknown);
    walk.ends("a", Outcome::Succeeded);
    walk.start("b");
    walk.ends("b", Outcome::Unknown);
    assert_eq!(walk.asks(), "unknown b");
    let step = walk.latest("b");
    walk.refused(starting(step.clone()));
    walk.refused(Command::Skip { step: step.clone(), reason: "whatever".into() });
    walk.refused(Command::Settle { step: step.clone(), choice: SettleChoice::Look, reason: None });
    walk.refused(Command::Settle { step, choice: SettleChoice::Done, reason: None });
    walk.settle("b", SettleChoice::Failed);
    assert_eq!(walk.asks(), "failure b", "on_failure is for failures; this one is known now");
}

#[test]
fn on_failure_is_not_for_unknown_outcomes() {
    let mut walk = Walk::new("steps: [{id: b, title: B, run: {command: [change]}, on_failure: rollback}]");
    walk.start("b");
    walk.ends("b", Outcome::Unknown);
    assert_eq!(walk.asks(), "unknown b");
    walk.settle("b", SettleChoice::Done);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

const LOOK: &str = "steps: [{id: b, title: B, run: {command: [change]}, look: {run: {command: [see], reads_only: true}, done: result.stdout == 'there'}}]";

#[test]
fn a_look_settles_what_nobody_knew() {
    for (seen, trail) in [("there", "b=done"), ("not", "b=failed")] {
        let mut walk = Walk::new(LOOK);
        walk.start("b");
        walk.ends("b", Outcome::Unknown);
        let report = EffectReport { exit: Some(0), stdout: seen.into(), ..walk.running("b", Outcome::Succeeded) };
        walk.report(report);
        assert_eq!(walk.trail(), trail);
    }
    let mut walk = Walk::new(LOOK);
    walk.start("b");
    walk.ends("b", Outcome::Unknown);
    walk.ends("b", Outcome::Failed);
    assert_eq!(walk.asks(), "unknown b", "a look that fails says nothing");
    walk.settle("b", SettleChoice::Look);
    walk.settle("b", SettleChoice::Failed);
    let report = EffectReport { exit: Some(0), stdout: "there".into(), ..walk.running("b", Outcome::Succeeded) };
    walk.report(report);
    assert_eq!(walk.trail(), "b=failed", "what the operator said stands");
    assert_eq!(walk.count(|e| matches!(e, Event::OutcomeSettled(_))), 1);
}

#[test]
fn checklists_tick_by_evidence_or_by_hand_with_a_reason() {
    let body = "signals: {s: {prometheus: up, every: 10s}}\nsteps: [{id: c, title: C, checklist: [Plain, {text: Noted, note: required}, {text: Checked, check: signals.s.value < 1}]}]";
    let mut walk = Walk::new(body);
    let step = walk.latest("c");
    let tick = |item, note: Option<&str>| Command::Tick { step: step.clone(), item, ticked: true, note: note.map(str::to_owned) };
    walk.told(tick(0, None));
    walk.refused(tick(1, None));
    walk.refused(tick(1, Some("  ")));
    walk.told(tick(1, Some("paged")));
    walk.refused(tick(2, None));
    walk.refused(tick(3, None));
    let complete = Command::CompleteChecklist { step: step.clone() };
    walk.refused(complete.clone());
    walk.value("s", 0.5);
    walk.tick(31_000);
    walk.refused(complete.clone());
    walk.value("s", 2.0);
    walk.told(tick(2, Some("it is another service")));
    walk.value("s", 3.0);
    walk.told(complete);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    assert_eq!(walk.count(|e| matches!(e, Event::ItemTicked(t) if t.by_check)), 2, "ticked by the reading, unticked by its age");
}

#[test]
fn answers_of_a_form_are_seen_by_later_steps() {
    let body = "steps: [{id: f, title: F, input: {name: {prompt: Name}, size: {type: integer, default: 3}}}, {id: c, title: 'For ${{ steps.f.name }} ${{ steps.f.size }}', confirm: C?}]";
    let mut walk = Walk::new(body);
    let step = walk.latest("f");
    walk.refused(Command::Give { step: step.clone(), values: BTreeMap::new(), secrets: vec![] });
    walk.told(Command::Give { step, values: BTreeMap::from([("name".into(), "Ada".into())]), secrets: vec![] });
    assert_eq!(walk.session.step_view(walk.at).unwrap().title, "For Ada 3");
}

#[test]
fn a_skip_needs_a_reason_and_is_a_deviation() {
    let mut walk = Walk::new("steps: [{id: a, title: A, confirm: A?}, {id: b, title: B, run: {command: [change]}}]");
    let step = walk.latest("a");
    walk.refused(Command::Skip { step, reason: " ".into() });
    walk.skip("a");
    walk.start("b");
    let step = walk.latest("b");
    walk.refused(Command::Skip { step, reason: "it runs".into() });
    walk.ends("b", Outcome::Succeeded);
    let closed = walk.session.closed().unwrap();
    assert_eq!((closed.outcome, closed.skipped, closed.deviations), (SessionOutcome::Completed, 1, 1));
}

#[test]
fn waits_end_when_they_should() {
    let mut walk = Walk::new(
        "steps: [{id: w, title: W, wait: 10m}, {id: t, title: T, wait: {until: '10:30', zone: Europe/Berlin}}, {id: u, title: U, wait: {until: 'session.elapsed > 99999', timeout: 5m}}]",
    );
    walk.tick(599_000);
    assert_eq!(walk.asks(), "busy w");
    walk.tick(1_000);
    assert_eq!(walk.asks(), "busy t", "10:30 in Berlin is past; it means tomorrow's");
    walk.tick(23 * 3_600_000 + 20 * 60_000);
    assert_eq!(walk.trail(), "w=done t=done");
    walk.tick(300_000);
    assert_eq!(walk.asks(), "failure u");
}

#[test]
fn a_called_file_sees_its_own_inputs_only() {
    let files = [
        ("main.yaml", "steps: [{id: c, title: C, call: ./other.yaml, with: {who: me}}]"),
        ("other.yaml", "inputs: {who: {prompt: Who}}\nsteps: [{id: a, title: 'By ${{ inputs.who }}', confirm: A?}]"),
    ];
    let mut walk = Walk::along(plan_of(&files));
    assert_eq!(walk.session.step_view(walk.at).unwrap().title, "By me");
    walk.yes("c/a");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn a_no_leads_where_the_runbook_says() {
    let cases = [("hold", "confirm a"), ("abort", "aborted"), ("fix", "confirm a!fix/f"), ("rollback", "rolled-back")];
    for (no, asks) in cases {
        let body = format!(
            "steps: [{{id: a, title: A, confirm: {{question: A?, no: {no}}}}}]\nprocedures: {{fix: {{steps: [{{id: f, title: F, confirm: F?}}]}}}}"
        );
        let mut walk = Walk::new(&body);
        walk.no("a");
        assert_eq!(walk.asks(), asks);
        if no == "fix" {
            walk.yes("a!fix/f");
            assert_eq!(walk.asks(), "confirm a", "asked again");
            walk.no("a");
            walk.yes("a!fix/f");
            walk.yes("a");
            assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
        }
    }
}

#[test]
fn an_approval_waits_for_enough_and_fails_when_refused() {
    use crate::session::event::{ApprovalAnswer, Evidence};
    let body = "steps: [{id: a, title: A, approve: {by: [x, y], min: 2}}]";
    let answer = |simulated, given| Msg::Approval {
        answer: ApprovalAnswer {
            path: StepPath::new("a"),
            visit: 1,
            by: "x".into(),
            reason: None,
            simulated,
            signed: None,
            evidence: Evidence::default(),
        },
        given,
    };
    let mut walk = Walk::new(body);
    walk.send(&answer(false, true)).expect_err("an approval that is not simulated");
    walk.send(&answer(true, true)).unwrap();
    assert_eq!(walk.asks(), "approve a");
    walk.send(&answer(true, false)).unwrap();
    assert_eq!(walk.asks(), "failure a");
    walk.send(&answer(true, true)).expect_err("the visit is over");
}

#[test]
fn a_chosen_procedure_runs_before_the_walk_goes_on() {
    let mut walk = Walk::new(
        "steps: [{id: d, title: D, decide: {question: Q?, options: [{key: a, label: A, call: fix}, {key: b, label: B}]}}, {id: c, title: C, confirm: C?}]\nprocedures: {fix: {steps: [{id: f, title: F, confirm: F?}]}}",
    );
    walk.choose("d", 'a');
    walk.yes("d!fix/f");
    assert_eq!((walk.trail().as_str(), walk.asks().as_str()), ("d!fix/f=done d!fix=done d=done", "confirm c"));
}

/// A secret that is passed on stays a name, through calls of calls; and what is no secret
/// beside it stays a value.
#[test]
fn a_secret_is_passed_on_by_its_name() {
    let body = "inputs: {token: {type: secret, from: {env: TOKEN}}}\n\
        steps:\n  - {id: ask, title: Ask, input: {pin: {type: secret, prompt: Pin}}}\n  \
        - {id: a, title: A, call: outer, with: {secret: \"${{ inputs.token }}\", pin: \"${{ steps.ask.pin }}\", n: 3}}\n\
        procedures:\n  outer:\n    title: O\n    params: {secret: {type: secret}, pin: {type: secret}, n: {type: integer}}\n    \
        steps: [{id: b, title: B, call: inner, with: {secret: \"${{ with.secret }}\", pin: \"${{ with.pin }}\", n: \"${{ with.n }}\"}}]\n  \
        inner:\n    title: I\n    params: {secret: {type: secret}, pin: {type: secret}, n: {type: integer}}\n    \
        steps: [{id: c, title: C, run: {command: [go, \"${{ with.n }}\"], env: {TOKEN: \"Bearer ${{ with.secret }}\", PIN: \"${{ with.pin }}\"}}}]\n";
    let mut walk = Walk::new(body);
    let step = walk.latest("ask");
    walk.told(Command::Give { step, values: BTreeMap::new(), secrets: vec!["pin".into()] });
    assert_eq!(walk.asks(), "start a/b/c");
    walk.start("a/b/c");
    let intent = walk.session.open_intents().next().unwrap();
    let What::Run(run) = &intent.what else { panic!("{:?}", intent.what) };
    assert_eq!(run.argv, ["go", "3"]);
    let env: Vec<String> = run.env.iter().map(|(name, text)| format!("{name}={:?}", text.0)).collect();
    assert_eq!(env[0], format!("TOKEN={:?}", [Piece::Text("Bearer ".into()), Piece::Secret(SecretName::Env("TOKEN".into()))]));
    assert_eq!(env[1], format!("PIN={:?}", [Piece::Secret(SecretName::Input("pin".into()))]));
    let journal = format!("{:?}", walk.records.iter().map(|r| &r.event).collect::<Vec<_>>());
    assert!(!journal.contains("cannot be worked out"), "{journal}");
}
