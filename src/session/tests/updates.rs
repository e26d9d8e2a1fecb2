//! Messages of the program's own, emergencies, lost locks, and dry runs.

use super::*;
use crate::session::event::{Treatment, Verdict};
use crate::session::intent::What;
use crate::session::message::Noticed;

const HOOK: &str = "notify: {ops: {webhook: {url: 'https://hooks.example.com/x', format: json}}}";

fn told_every_minute() -> String {
    format!(
        "estimate: 45m\nchange: {{kind: deploy, service: shop, version: v2, ticket: CHG-1}}\n\
         steps: [{{id: a, title: A, run: {{command: [a]}}, undo: {{run: {{command: [un-a]}}}}}}, {{id: b, title: B, confirm: 'B?'}}]\n\
         followups: [{{text: Look again, within: 24h}}]\nupdates: {{to: ops, every: 1m}}\n{HOOK}"
    )
}

impl Walk {
    /// Messages that were intended, by the last part of their path, and their texts.
    fn messages(&self) -> Vec<(String, String)> {
        let intents = self.records.iter().filter_map(|r| match &r.event {
            Event::EffectIntended(intent) => Some(intent),
            _ => None,
        });
        intents
            .filter_map(|intent| {
                let word = intent.path.as_str().strip_prefix("updates:")?;
                let What::Notify(request) = &intent.what else { panic!("{intent:?}") };
                assert!(!intent.changes);
                Some((word.to_owned(), request.text.clone()))
            })
            .collect()
    }

    fn words(&self) -> Vec<String> {
        self.messages().into_iter().map(|(word, _)| word).collect()
    }
}

#[test]
fn people_are_told_at_the_first_change_every_so_often_and_at_the_end() {
    let mut walk = Walk::new(&told_every_minute());
    walk.tick(30_000);
    assert_eq!(walk.words(), Vec::<String>::new(), "nothing has happened yet");
    walk.start("a");
    assert_eq!(walk.words(), ["started"]);
    walk.ends("updates:started", Outcome::Succeeded);
    walk.ends("a", Outcome::Succeeded);
    walk.tick(59_999);
    assert_eq!(walk.words(), ["started"]);
    walk.tick(1);
    walk.ends("updates:progress", Outcome::Succeeded);
    walk.tick(60_000);
    assert_eq!(walk.words(), ["started", "progress", "progress"]);
    let (_, text) = walk.messages().pop().unwrap();
    assert!(text.starts_with("In progress: Tested\n") && text.contains("step 2 of 2: B, 2 min of about 45 min"), "{text}");
    // While one is under way no other is sent; the session's end waits for it.
    walk.tick(300_000);
    assert_eq!(walk.words().len(), 3);
    walk.yes("b");
    assert_eq!(walk.closed(), None);
    walk.ends("updates:progress", Outcome::Failed);
    assert_eq!(walk.words().last().map(String::as_str), Some("completed"));
    assert_eq!(walk.closed(), None, "its end is waited for");
    walk.ends("updates:completed", Outcome::Unknown);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    let (_, text) = walk.messages().pop().unwrap();
    assert!(text.contains("2 steps done, 0 skipped") && text.ends_with("Owed: Look again (within 1 d)"), "{text}");
}

#[test]
fn a_message_under_way_does_not_hold_up_a_rollback() {
    let mut walk = Walk::new(&told_every_minute());
    walk.start("a");
    walk.ends("a", Outcome::Succeeded);
    walk.roll_back();
    // `updates:started` has no answer yet, and the undo is at work all the same.
    assert!(walk.session.open_intents().any(|i| i.path.as_str() == "updates:started"));
    walk.ends("rollback/a", Outcome::Succeeded);
    walk.ends("updates:started", Outcome::Failed);
    walk.ends("updates:rolled-back", Outcome::Failed);
    assert_eq!(walk.closed(), Some(SessionOutcome::RolledBack));
    let (_, text) = walk.messages().pop().unwrap();
    assert!(text.starts_with("Rolled back: Tested\n") && text.contains("\nBecause: enough"), "{text}");
}

#[test]
fn the_runbooks_own_text_is_sent_as_progress() {
    let body = told_every_minute().replace("every: 1m", "every: 1m, text: 'still at it, ${{ session.operator }}'");
    let mut walk = Walk::new(&body);
    walk.tick(60_000);
    assert_eq!(walk.messages(), [("progress".to_owned(), "still at it, me@example.com".to_owned())]);
}

#[test]
fn an_update_that_was_under_way_in_a_crash_is_not_sent_again() {
    let mut walk = Walk::new(&told_every_minute());
    walk.start("a");
    walk.ends("a", Outcome::Succeeded);
    walk.resume_after(10_000);
    assert_eq!(walk.words(), ["started"]);
    walk.ends("updates:started", Outcome::Failed);
    walk.tick(59_999);
    assert_eq!(walk.words(), ["started"]);
}

#[test]
fn an_emergency_passes_approvals_and_owes_a_review() {
    let body = format!(
        "steps: [{{id: ok, title: Approval, approve: {{by: [them], min: 2}}}}, {{id: b, title: B, confirm: 'B?'}}]\n{HOOK}"
    );
    let mut walk = Walk::opened(plan(&body), |o| {
        o.emergency = Some("it burns".into());
        o.mode = Mode::Live;
    });
    assert_eq!(walk.words(), ["emergency"]);
    assert_eq!(walk.trail(), "ok=done");
    assert_eq!(walk.count(|e| matches!(e, Event::ApprovalRequested(_))), 0);
    assert_eq!(
        walk.count(|e| matches!(e, Event::DeviationRecorded(d) if d.what == "approval" && d.reason.contains("it burns"))),
        1
    );
    walk.yes("b");
    walk.ends("updates:emergency", Outcome::Succeeded);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    let owed = walk.count(|e| matches!(e, Event::FollowupNoted(f) if f.text == "Review of the emergency change: it burns"));
    assert_eq!(owed, 1);
}

#[test]
fn a_lost_lock_pauses_and_leaves_a_rollback_alone() {
    let lost = Msg::Noticed(Noticed::LockLost { lock: "shop".into(), why: "it is held by bob".into() });
    let mut walk = Walk::new(&told_every_minute());
    walk.does("a");
    walk.send(&lost).unwrap();
    assert_eq!(walk.asks(), "paused");
    assert_eq!(walk.count(|e| matches!(e, Event::DeviationRecorded(d) if d.what == "lock-lost")), 1);
    walk.told(Command::Unpause);
    assert_eq!(walk.asks(), "confirm b");
    walk.roll_back();
    walk.send(&lost).unwrap();
    assert!(!walk.session.paused);
    walk.ends("rollback/a", Outcome::Succeeded);
    assert_eq!(walk.count(|e| matches!(e, Event::DeviationRecorded(d) if d.what == "lock-lost")), 2);
}

fn worth(walk: &Walk) -> Vec<(String, Option<Treatment>)> {
    let ends = walk.records.iter().filter_map(|r| match &r.event {
        Event::StepEnded(ended) => Some((ended.path.to_string(), ended.treatment)),
        _ => None,
    });
    ends.collect()
}

#[test]
fn a_dry_run_says_what_a_gate_says_now_and_waits_for_nothing() {
    let gate =
        |id: &str| format!("{{id: {id}, title: G, gate: {{pass: signals.s.value < 1, fail: signals.s.value > 5, for: 10m}}}}");
    let body = format!(
        "signals: {{s: {{prometheus: up, every: 10s}}}}\n\
         steps: [{}, {{id: rest, title: R, wait: 2h}}, {{id: a, title: A, run: {{command: [a]}}, undo: {{none: harmless}}}}, {}, \
         {{id: ok, title: O, approve: {{by: [them], min: 2}}}}]",
        gate("before"),
        gate("after")
    );
    let mut walk = Walk::opened(plan(&body), |o| o.mode = Mode::DryRun);
    walk.tick(5_000);
    walk.value("s", 0.5);
    walk.tick(10_000);
    assert_eq!(walk.asks(), "start a");
    walk.does("a");
    walk.tick(5_000);
    walk.value("s", 9.0);
    walk.tick(10_000);
    // A gate that would fail stops nothing: nothing was changed.
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
    assert_eq!(
        worth(&walk),
        [
            ("before".to_owned(), Some(Treatment::Executed)),
            ("rest".to_owned(), Some(Treatment::Simulated)),
            ("a".to_owned(), Some(Treatment::Simulated)),
            ("after".to_owned(), Some(Treatment::Unknowable)),
            ("ok".to_owned(), Some(Treatment::Simulated)),
        ]
    );
    assert_eq!(walk.count(|e| matches!(e, Event::GateJudged(g) if g.verdict == Verdict::Fail)), 1);
}

#[test]
fn a_dry_runs_gate_without_readings_is_not_waited_for_long() {
    let body = "signals: {s: {prometheus: up, every: 10s}}\n\
                steps: [{id: g, title: G, gate: {pass: signals.s.value < 1, for: 10m}}]";
    let mut walk = Walk::opened(plan(body), |o| o.mode = Mode::DryRun);
    walk.tick(60_000);
    assert_eq!(walk.closed(), Some(SessionOutcome::Completed));
}

#[test]
fn outside_of_a_dry_run_nothing_is_labelled() {
    let mut walk = Walk::new(&told_every_minute());
    walk.does("a");
    assert_eq!(worth(&walk), [("a".to_owned(), None)]);
}
