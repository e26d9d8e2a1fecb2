//! Sessions that roll finished ones back.

use super::*;
use crate::session::event::RollsBack;
use crate::session::state::FoldError;

/// Opens a session that rolls a closed one back, with every check a walk has.
fn after(old: &Walk, change: impl FnOnce(&mut Opened)) -> Result<Session, FoldError> {
    let Event::SessionOpened(mut opened) = opened() else { panic!("not opened") };
    opened.mode = Mode::Live;
    opened.rolls_back = Some(RollsBack { session: "s-1".into(), head: "00".into() });
    change(&mut opened);
    Session::open_after(old.plan.clone(), "s-2", At { mono_ms: 0, ..old.at }, &Event::SessionOpened(opened), &old.session)
}

/// Lets follow what follows, and every effect succeed; the trail, and the session.
fn to_the_end(mut session: Session, from: &Walk, outcomes: &[(&str, Outcome)]) -> (Vec<String>, Session) {
    let mut at = At { mono_ms: 0, ..from.at };
    let mut trail = Vec::new();
    for _ in 0..TOO_MANY {
        if let Some(event) = next(&session, at) {
            if let Event::StepEnded(ended) = &event {
                trail.push(format!("{}={}", ended.path, crate::session::outcome_word(ended.outcome)));
            }
            session.apply(at, &event).unwrap();
            continue;
        }
        let Some(intent) = session.open_intents().next().cloned() else { return (trail, session) };
        let outcome = outcomes.iter().find(|(path, _)| intent.path.as_str() == *path).map_or(Outcome::Succeeded, |(_, o)| *o);
        at.mono_ms += 1_000;
        let report = EffectReport::new(intent.effect, outcome, "reported".to_owned());
        for event in decide(&session, at, &Msg::EffectEnded(Box::new(report))).unwrap() {
            session.apply(at, &event).unwrap();
        }
    }
    panic!("it never ends");
}

const TWO: &str = "steps: [{id: a, title: A, run: {command: [a]}, undo: {run: {command: [un-a]}}},\n\
     {id: b, title: B, run: {command: [b]}, undo: {run: {command: [un-b]}}},\n\
     {id: c, title: C, run: {command: [c]}, undo: {none: harmless}},\n\
     {id: d, title: D, when: 'false', run: {command: [d]}, undo: {run: {command: [un-d]}}}]";

fn completed(body: &str) -> Walk {
    let mut walk = Walk::new(body);
    for path in ["a", "b", "c"] {
        walk.does(path);
    }
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    walk
}

#[test]
fn it_undoes_what_the_old_session_did_last_first_and_closes() {
    let old = completed(TWO);
    let session = after(&old, |_| {}).unwrap();
    let listed: Vec<_> = session.if_stopped().iter().map(|i| i.step.path.to_string()).collect();
    assert_eq!(listed, ["b", "a"]);
    let (trail, session) = to_the_end(session, &old, &[]);
    assert_eq!(trail, ["rollback/b=done", "rollback/a=done", "rollback=done"]);
    let closed = session.closed().unwrap();
    assert_eq!((closed.outcome, closed.done, closed.skipped), (SessionOutcome::RolledBack, 0, 0));
    assert!(closed.reason.as_ref().unwrap().contains("s-1"), "{closed:?}");
}

#[test]
fn the_procedure_runs_where_there_is_one_and_finally_at_the_end() {
    let body = format!(
        "{TWO}\nprocedures: {{rollback: {{steps: [{{id: all, title: All, undo: all}}, {{id: look, title: Look, run: {{command: [look], reads_only: true}}}}]}}}}\n\
         finally: [{{id: tell, title: Tell, run: {{command: [tell]}}}}]"
    );
    let mut old = Walk::new(&body);
    for path in ["a", "b", "c"] {
        old.does(path);
    }
    old.ends("finally/tell", Outcome::Succeeded);
    assert_eq!(old.closed(), Some(SessionOutcome::Completed));
    let (trail, session) = to_the_end(after(&old, |_| {}).unwrap(), &old, &[]);
    let wanted = "rollback/all/b=done rollback/all/a=done rollback/all=done rollback/look=done rollback=done finally/tell=done \
                  finally=done";
    assert_eq!(trail.join(" "), wanted);
    assert_eq!(session.closed().unwrap().outcome, SessionOutcome::RolledBack);
}

/// One that did not work out is gone on with, and what is undone is not undone again.
#[test]
fn what_the_first_attempt_undid_is_left_alone_by_the_second() {
    let mut old = Walk::new(TWO);
    old.does("a");
    old.does("b");
    old.roll_back();
    old.ends("rollback/b", Outcome::Succeeded);
    old.ends("rollback/a", Outcome::Failed);
    old.told(Command::Abort { reason: "the host is gone".into() });
    assert_eq!(old.closed(), Some(SessionOutcome::RollbackFailed));
    let (trail, _) = to_the_end(after(&old, |_| {}).unwrap(), &old, &[]);
    assert_eq!(trail, ["rollback/a=done", "rollback=done"]);
}

#[test]
fn an_effect_whose_end_nobody_knows_is_undone() {
    let mut old = Walk::new(TWO);
    old.does("a");
    old.start("b");
    old.ends("b", Outcome::Unknown);
    old.told(Command::Abort { reason: "enough".into() });
    assert_eq!(old.closed(), Some(SessionOutcome::Aborted));
    let (trail, _) = to_the_end(after(&old, |_| {}).unwrap(), &old, &[]);
    assert_eq!(trail, ["rollback/b=done", "rollback/a=done", "rollback=done"]);
}

/// What is there now is what is to be undone: it must not become what is gone back to.
#[test]
fn nothing_is_pinned_anew() {
    let body = "steps: [{id: a, title: A, kubernetes: {set_image: {deployment: shop, container: app, image: 'x:2'}},\n\
                undo: {kubernetes: {rollout_undo: {deployment: shop}}}}]";
    let old = {
        let mut walk = Walk::new(body);
        assert_eq!(walk.session.unpinned(walk.at).len(), 1);
        walk.told(Command::Abort { reason: "never mind".into() });
        walk
    };
    let session = after(&old, |_| {}).unwrap();
    assert!(session.unpinned(old.at).is_empty());
    let pin = PinnedTarget {
        workload: old.session.unpinned(old.at)[0].clone(),
        uid: "u".into(),
        replica_set_uid: None,
        hash: None,
        revision: 2,
        images: Vec::new(),
        template: "{}".into(),
    };
    assert_eq!(decide(&session, old.at, &Msg::Pinned(Box::new(pin))), Ok(Vec::new()));
}

#[test]
fn it_cannot_be_read_without_the_old_one() {
    let old = completed(TWO);
    let Event::SessionOpened(mut record) = opened() else { panic!("not opened") };
    record.rolls_back = Some(RollsBack { session: "s-1".into(), head: "00".into() });
    let alone = Session::open(old.plan.clone(), "s-2", old.at, &Event::SessionOpened(record));
    assert_eq!(alone.unwrap_err(), FoldError::NeedsOld("s-1".into()));
    for named in [None, Some("s-0")] {
        let other = |o: &mut Opened| o.rolls_back = named.map(|s| RollsBack { session: s.into(), head: "00".into() });
        assert!(after(&old, other).is_err(), "{named:?}");
    }
    let open = Walk::new(TWO);
    assert!(after(&open, |_| {}).is_err(), "a session that is still open");
}
