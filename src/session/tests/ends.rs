//! How sessions end: rollbacks from every entrance, undoing, aborts, and what runs at
//! every end.

use super::*;
use crate::session::intent::{KubernetesRequest, ObjectState, Purpose, Resource, What};

/// Two changes with undos, a question, `finally`, and a guard.
fn body(extra: &str) -> String {
    format!(
        "signals: {{s: {{prometheus: up, every: 10s}}}}\nguards: [{{id: bad, when: signals.s.value > 5, then: rollback}}]\n\
         steps: [{{id: a, title: A, run: {{command: [a]}}, undo: {{run: {{command: [un-a]}}}}}},\n\
         {{id: b, title: B, run: {{command: [b]}}, undo: {{run: {{command: [un-b]}}}}{extra}}},\n\
         {{id: c, title: C, confirm: {{question: 'C?', no: rollback}}}},\n\
         {{id: d, title: D, decide: {{question: 'D?', options: [{{key: y, label: Y}}, {{key: b, label: B, call: rollback}}]}}}}]\n\
         finally: [{{id: tell, title: Tell, confirm: 'Told that it ${{{{ session.outcome }}}}?'}}]\n\
         followups: [{{text: Look again, within: 24h}}]"
    )
}

#[test]
fn every_entrance_leads_to_the_same_rollback() {
    type Enter = fn(&mut Walk);
    let entrances: [(&str, Enter); 5] = [
        ("R", Walk::roll_back),
        ("a guard", |w| {
            w.value("s", 9.0);
            w.guard("bad", GuardChoice::Act);
        }),
        ("no", |w| w.no("c")),
        ("decide", |w| {
            w.yes("c");
            w.choose("d", 'b');
        }),
        ("R while paused", |w| {
            w.pause();
            w.roll_back();
        }),
    ];
    for (entrance, enter) in entrances {
        let mut walk = Walk::new(&body(""));
        walk.does("a");
        walk.does("b");
        enter(&mut walk);
        walk.refused(Command::Rollback { reason: None });
        walk.value("s", 9.0);
        walk.ends("rollback/b", Outcome::Succeeded);
        walk.ends("rollback/a", Outcome::Succeeded);
        assert_eq!(walk.asks(), "confirm finally/tell", "{entrance}");
        walk.refused(Command::Rollback { reason: None });
        walk.refused(Command::Abort { reason: "now".into() });
        walk.yes("finally/tell");
        assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack), "{entrance}");
        assert!(walk.trail().ends_with("rollback/b=done rollback/a=done rollback=done finally/tell=done finally=done"));
        assert_eq!(walk.count(|e| matches!(e, Event::FollowupNoted(f) if f.due.is_some())), 1);
    }
}

#[test]
fn a_rollback_undoes_what_was_done_or_may_have_been_last_first() {
    let cases = [
        (Outcome::Failed, Some(false), "rollback/a"),
        (Outcome::Failed, None, "rollback/b"),
        (Outcome::Succeeded, Some(true), "rollback/b"),
    ];
    for (outcome, changed, first) in cases {
        let mut walk = Walk::new(&body(", on_failure: rollback"));
        walk.does("a");
        walk.start("b");
        let report = EffectReport { changed, ..walk.running("b", outcome) };
        walk.report(report);
        if outcome == Outcome::Succeeded {
            walk.roll_back();
        }
        assert_eq!(walk.session.open_intents().next().unwrap().path.as_str(), first);
    }
    let mut walk = Walk::new(&body(""));
    walk.does("a");
    walk.start("b");
    walk.ends("b", Outcome::Unknown);
    let listed: Vec<_> = walk.session.if_stopped().into_iter().map(|i| i.step.path.to_string()).collect();
    assert_eq!(listed, ["b", "a"], "what is shown is what is done");
    walk.roll_back();
    let undoing = walk.session.open_intents().next().unwrap();
    assert_eq!(undoing.purpose, Purpose::Undo { of: StepPath::new("b"), of_visit: 1 });
}

#[test]
fn a_running_step_is_interrupted_by_its_rule() {
    let mut walk = Walk::new(&body(", interrupt: wait"));
    walk.does("a");
    walk.start("b");
    walk.roll_back();
    assert!(walk.asks().starts_with("busy"));
    assert_eq!(walk.session.effects_to_stop(), Vec::<u64>::new());
    walk.ends("b", Outcome::Succeeded);
    assert!(walk.trail().ends_with("b=done"));

    let mut walk = Walk::new(&body(", interrupt: kill"));
    walk.does("a");
    walk.start("b");
    walk.roll_back();
    assert_eq!(walk.session.effects_to_stop(), [2]);
    walk.ends("b", Outcome::Unknown);
    assert_eq!(walk.session.open_intents().next().unwrap().path.as_str(), "rollback/b");

    for kill in [true, false] {
        let mut walk = Walk::new(&body(""));
        walk.does("a");
        walk.start("b");
        walk.roll_back();
        assert_eq!(walk.asks(), "interrupt b");
        let step = walk.latest("b");
        walk.told(Command::Interrupt { step: step.clone(), kill });
        walk.refused(Command::Interrupt { step, kill });
        assert_eq!(walk.session.effects_to_stop().len(), usize::from(kill));
        walk.ends("b", Outcome::Failed);
        walk.ends("rollback/b", Outcome::Succeeded);
        walk.ends("rollback/a", Outcome::Succeeded);
        walk.yes("finally/tell");
        assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
    }
}

#[test]
fn a_rollback_that_did_not_work_is_not_called_rolled_back() {
    let mut walk = Walk::new(&body(""));
    walk.does("a");
    walk.roll_back();
    walk.ends("rollback/a", Outcome::Failed);
    assert_eq!(walk.asks(), "failure rollback/a");
    walk.refused(Command::Failure { step: walk.latest("rollback/a"), choice: FailureChoice::Rollback, reason: None });
    walk.answer_failure("rollback/a", FailureChoice::Continue);
    walk.yes("finally/tell");
    assert_eq!(walk.closed(), Some(SessionOutcome::RollbackFailed));

    let mut walk = Walk::new(&body(""));
    walk.does("a");
    walk.roll_back();
    walk.told(Command::Abort { reason: "by hand then".into() });
    let step = walk.session.to_interrupt();
    assert_eq!(step, Some(walk.latest("rollback/a")));
    walk.told(Command::Interrupt { step: walk.latest("rollback/a"), kill: true });
    walk.ends("rollback/a", Outcome::Unknown);
    walk.yes("finally/tell");
    assert_eq!(walk.closed(), Some(SessionOutcome::RollbackFailed));
}

#[test]
fn an_abort_needs_a_reason_and_undoes_nothing() {
    let mut walk = Walk::new(&body(""));
    walk.does("a");
    walk.refused(Command::Abort { reason: " ".into() });
    walk.pause();
    walk.told(Command::Abort { reason: "wrong day".into() });
    assert_eq!(walk.asks(), "confirm finally/tell", "`finally` runs at every end");
    walk.yes("finally/tell");
    let closed = walk.session.closed().unwrap();
    assert_eq!((closed.outcome, closed.reason.as_deref()), (SessionOutcome::Aborted, Some("wrong day")));
    assert_eq!(walk.count(|e| matches!(e, Event::EffectIntended(_))), 1);
}

#[test]
fn an_abandoned_session_closes_as_it_stands() {
    let mut walk = Walk::new(&body(""));
    walk.start("a");
    walk.refused(Command::Abandon { reason: String::new() });
    walk.told(Command::Abandon { reason: "the machine is gone".into() });
    assert_eq!(walk.closed(), Some(SessionOutcome::Abandoned));
    let before = walk.records.len();
    walk.send(&Msg::EffectEnded(Box::new(EffectReport::new(1, Outcome::Succeeded, "late")))).unwrap();
    assert_eq!(walk.records.len(), before);
}

#[test]
fn what_happens_in_finally_does_not_change_how_the_session_ended() {
    let body = "steps: [{id: a, title: A, confirm: A?}]\nfinally: [{id: r, title: R, run: {command: [look], reads_only: true}, on_failure: abort}, {id: c, title: C, confirm: C?}]";
    let mut walk = Walk::new(body);
    walk.yes("a");
    walk.ends("finally/r", Outcome::Failed);
    walk.yes("finally/c");
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn the_rollback_procedure_runs_itself_and_is_not_undone() {
    let body = "steps: [{id: a, title: A, run: {command: [a]}, undo: {run: {command: [un-a]}}}, {id: z, title: Z, confirm: Z?}]\n\
        notify: {ops: {webhook: {url: 'http://localhost/hook'}}}\n\
        procedures: {rollback: {steps: [{id: drain, title: Drain, run: {command: [drain]}}, {id: say, title: Say, notify: {to: ops, text: Going back}}, {id: undo, title: Undo, undo: all}]}}";
    let mut walk = Walk::new(body);
    walk.does("a");
    walk.roll_back();
    walk.ends("rollback/drain", Outcome::Succeeded);
    walk.ends("rollback/say", Outcome::Failed);
    walk.ends("rollback/undo/a", Outcome::Succeeded);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack), "a message that was not sent undoes nothing less");
    assert_eq!(
        walk.trail(),
        "a=done z=interrupted rollback/drain=done rollback/say=failed rollback/undo/a=done rollback/undo=done rollback=done"
    );
}

#[test]
fn what_nothing_says_how_to_undo_is_asked_for() {
    let mut walk = Walk::new(
        "steps: [{id: a, title: A, run: {command: [a]}}, {id: n, title: N, run: {command: [n]}, undo: {none: harmless}}, {id: z, title: Z, confirm: Z?}]",
    );
    walk.does("a");
    walk.does("n");
    walk.roll_back();
    assert_eq!(walk.asks(), "confirm rollback/a");
    walk.no("rollback/a");
    assert_eq!(walk.asks(), "confirm rollback/a");
    walk.yes("rollback/a");
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

#[test]
fn a_call_that_says_how_it_is_undone_answers_for_what_it_called() {
    let body = "steps: [{id: a, title: A, call: go, undo: {run: {command: [un-all]}}}, {id: z, title: Z, confirm: Z?}]\nprocedures: {go: {steps: [{id: x, title: X, run: {command: [x]}}, {id: y, title: Y, run: {command: [y]}}]}}";
    let mut walk = Walk::new(body);
    walk.does("a/x");
    walk.start("a/y");
    walk.ends("a/y", Outcome::Failed);
    walk.roll_back();
    walk.ends("rollback/a", Outcome::Succeeded);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

#[test]
fn an_undo_may_call_a_procedure() {
    let body = "steps: [{id: a, title: A, run: {command: [a]}, undo: {call: back, with: {n: 1}}}, {id: z, title: Z, confirm: Z?}]\nprocedures: {back: {params: {n: {type: integer}}, steps: [{id: x, title: 'X ${{ with.n }}', run: {command: [x]}}, {id: y, title: Y, confirm: Y?}]}}";
    let mut walk = Walk::new(body);
    walk.does("a");
    walk.roll_back();
    assert_eq!(walk.session.step_view(walk.at).unwrap().title, "X 1");
    walk.ends("rollback/a/x", Outcome::Succeeded);
    walk.yes("rollback/a/y");
    assert_eq!(walk.trail(), "a=done z=interrupted rollback/a/x=done rollback/a/y=done rollback/a=done rollback=done");
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

fn object() -> Box<ObjectState> {
    let resource = Resource { group: "apps".into(), version: "v1".into(), kind: "Deployment".into(), name: "web".into() };
    let before = "{\"spec\":{\"replicas\":1}}".to_owned();
    let (uid, resource_version) = ("u-1".to_owned(), "7".to_owned());
    Box::new(ObjectState { resource, namespace: "shop".into(), uid, resource_version, before, diff: String::new() })
}

#[test]
fn a_change_to_a_cluster_waits_for_its_pin_and_its_object_and_is_put_back() {
    let body = "steps: [{id: a, title: A, kubernetes: {set_image: {deployment: web, container: app, image: 'web:2'}}, undo: restore}, {id: z, title: Z, confirm: Z?}]";
    let mut walk = Walk::new(body);
    let step = walk.latest("a");
    assert!(walk.refused(starting(step.clone())).contains("deployment/web"));
    let workload = Workload { kind: "Deployment".into(), name: "web".into() };
    let pin = PinnedTarget {
        workload,
        uid: "u-1".into(),
        replica_set_uid: None,
        hash: None,
        revision: 3,
        images: vec!["app=web:1".into()],
        template: "{}".into(),
    };
    walk.send(&Msg::Pinned(Box::new(pin))).unwrap();
    assert!(walk.refused(starting(step.clone())).contains("read"));
    walk.told(Command::Start { step, prepared: Some(object()), baselines: BTreeMap::new() });
    walk.ends("a", Outcome::Succeeded);
    walk.roll_back();
    assert_eq!(walk.session.starts_when_prepared(walk.at), Some(walk.latest("rollback/a")));
    let step = walk.latest("rollback/a");
    walk.told(Command::Start { step, prepared: Some(object()), baselines: BTreeMap::new() });
    let what = &walk.session.open_intents().next().unwrap().what;
    assert!(matches!(what, What::Kubernetes(KubernetesRequest::Restore { before, .. }) if before.contains("replicas")));
    walk.ends("rollback/a", Outcome::Succeeded);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

#[test]
fn a_resumed_rollback_goes_on_where_it_was() {
    let mut walk = Walk::new(&body(""));
    walk.does("a");
    walk.does("b");
    walk.roll_back();
    walk.resume_after(60_000);
    walk.ends("rollback/b", Outcome::Succeeded);
    walk.resume_after(60_000);
    walk.ends("rollback/a", Outcome::Succeeded);
    walk.yes("finally/tell");
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
}

const APPLY: &str = "steps: [{id: a, title: A, kubernetes: {apply: {inline: {apiVersion: v1, kind: ConfigMap, metadata: {name: flags}}FORCE}}, \
                     undo: restore}, {id: z, title: Z, confirm: Z?}]";

#[test]
fn objects_that_an_apply_made_are_said_to_be_deleted() {
    for (diff, expected) in [
        ("# configmap/flags: is made\n+ data.a: 1", "A: put back what a changed, and DELETE what it made: configmap/flags"),
        ("# configmap/flags\n- data.a: 0\n+ data.a: 1", "A: put back what a changed"),
    ] {
        let mut walk = Walk::new(&APPLY.replace("FORCE", ""));
        let step = walk.latest("a");
        let seen = Box::new(ObjectState { diff: diff.to_owned(), ..*object() });
        walk.told(Command::Start { step, prepared: Some(seen), baselines: BTreeMap::new() });
        walk.ends("a", Outcome::Succeeded);
        let listed: Vec<_> = walk.session.if_stopped().into_iter().map(|i| i.text).collect();
        assert_eq!(listed, [expected]);
    }
}

#[test]
fn taking_fields_over_is_confirmed_by_typing_the_objects_name() {
    for (force, expected) in [(", force: true", Some("flags")), ("", None)] {
        let walk = Walk::new(&APPLY.replace("FORCE", force));
        let Prompt::Start { type_first, what: Ok(what), .. } = walk.prompt() else { panic!("{:?}", walk.prompt()) };
        assert_eq!((type_first.as_deref(), what.takes_over()), (expected, expected.is_some()));
        assert!(walk.session.plan().unsupported().is_empty());
    }
    // Nor does it start by itself where everything else does.
    let body = "steps: [{id: z, title: Z, confirm: Z?}]\nprocedures: {rollback: {steps: [{id: a, title: A, kubernetes: {apply: {inline: {apiVersion: v1, \
                kind: ConfigMap, metadata: {name: flags}}, force: true}}, undo: {none: no}}]}}";
    let mut walk = Walk::new(body);
    walk.roll_back();
    assert_eq!(walk.session.starts_when_prepared(walk.at), None);
    assert!(matches!(walk.prompt(), Prompt::Start { type_first: Some(_), .. }), "{:?}", walk.prompt());
}
