//! Approvals: who may give them, what makes them void, and what waits for them.

use super::*;
use crate::session::approval::{Refusal, Request, plan as planned};
use crate::session::event::{ApprovalAnswer, Deviation, Evidence, InputsChanged, RunbookChanged, Signed};

const BODY: &str = "inputs: {version: {type: string}}\n\
    steps:\n  - {id: ok, title: Approval, approve: {by: [managers], min: 2, expires: 1h, text: \"Ship ${{ inputs.version }}?\"}}\n  \
    - {id: ask, title: Ready, confirm: Ready?}\n  \
    - {id: go, title: Go, run: {command: [deploy, \"${{ inputs.version }}\"]}, undo: {none: nothing}}\n  \
    - {id: again, title: Again, run: {command: [deploy, again]}, undo: {none: nothing}}\n";

fn live(body: &str) -> Walk {
    let mut walk = Walk::opened(plan(body), |opened| {
        opened.mode = Mode::Live;
        opened.operator.key = Some("SHA256:me".into());
        opened.inputs = BTreeMap::from([("version".to_owned(), crate::runbook::Value::from("v2".to_owned()))]);
        opened.bundle.sha256 = "b".repeat(64);
    });
    ask(&mut walk);
    walk
}

/// Does what the loop does where approvals are due.
fn ask(walk: &mut Walk) {
    if let Some(step) = walk.session.approval_due() {
        let nonce = format!("n{}", walk.records.len());
        let event = walk.session.ask_for_approval(walk.at, &step, &nonce, "head").unwrap();
        walk.append(event, false);
        walk.follow();
    }
}

fn signed(by: &str, key: &str) -> ApprovalAnswer {
    ApprovalAnswer {
        path: StepPath::new("ok"),
        visit: 1,
        by: by.into(),
        reason: None,
        simulated: false,
        signed: Some(Signed { request: "r".into(), refusal: None, key: key.into(), sig: "s".into() }),
        evidence: Evidence::default(),
    }
}

fn give(walk: &mut Walk, by: &str, key: &str) -> Result<(), String> {
    walk.send(&Msg::Approval { answer: signed(by, key), given: true })
}

fn approve(walk: &mut Walk) {
    give(walk, "ann", "SHA256:ann").unwrap();
    give(walk, "bob", "SHA256:bob").unwrap();
}

fn voided(walk: &Walk) -> Vec<String> {
    let reasons = walk.records.iter().filter_map(|r| match &r.event {
        Event::ApprovalVoided(voided) => Some(voided.reason.clone()),
        _ => None,
    });
    reasons.collect()
}

fn requests(walk: &Walk) -> Vec<Request> {
    let asked = walk.records.iter().filter_map(|r| match &r.event {
        Event::ApprovalRequested(asked) => Some(Request::parse(&asked.request).unwrap()),
        _ => None,
    });
    asked.collect()
}

#[test]
fn a_request_says_what_will_be_done_and_reads_back() {
    let walk = live(BODY);
    let [request] = requests(&walk).try_into().unwrap();
    assert_eq!((request.path.as_str(), request.visit, request.min, request.text.as_str()), ("ok", 1, 2, "Ship v2?"));
    assert_eq!((request.head.as_str(), request.bundle.len(), request.operators.len()), ("head", 64, 1));
    assert!(request.expires().unwrap() > walk.at.wall);
    let does: Vec<String> = request.plan.iter().map(|p| format!("{}: {}", p.path, p.does)).collect();
    assert_eq!(does, ["ok: approve", "ask: confirm", "go: run deploy v2", "again: run deploy again"]);
    assert_eq!(Request::parse(&request.text()).unwrap(), request);
    // Who has the same files gets the same list; with another input it is another.
    assert_eq!(planned(&walk.plan, &request).unwrap(), request.plan);
    let mut other = request.clone();
    other.inputs.insert("version".into(), crate::runbook::Value::from("v3".to_owned()));
    assert_ne!(planned(&walk.plan, &other).unwrap(), request.plan);
}

#[test]
fn a_refusal_is_never_a_request_nor_the_reverse() {
    let walk = live(BODY);
    let request = requests(&walk).remove(0);
    let refusal = Refusal::of("hash", "not today");
    assert_eq!(Refusal::parse(&refusal.text()).unwrap(), refusal);
    Request::parse(&refusal.text()).unwrap_err();
    Refusal::parse(&request.text()).unwrap_err();
    for wrong in
        ["", "{}", "[]", "null", &request.text().replacen(": 1", ": 2", 1), &request.text().replacen('{', "{\"x\": 1,", 1)]
    {
        Request::parse(wrong).unwrap_err();
    }
}

#[test]
fn enough_different_people_let_it_go_on() {
    let mut walk = live(BODY);
    assert_eq!(walk.asks(), "approve ok");
    give(&mut walk, "ann", "SHA256:ann").unwrap();
    assert_eq!(walk.asks(), "approve ok");
    give(&mut walk, "bob", "SHA256:bob").unwrap();
    assert_eq!((walk.asks().as_str(), walk.trail().as_str()), ("confirm ask", "ok=done"));
    give(&mut walk, "eve", "SHA256:eve").expect_err("nothing is asked any more");
}

#[test]
fn operators_and_the_same_person_twice_do_not_count() {
    let mut walk = live(BODY);
    for (by, key) in [("me@example.com", "SHA256:other"), ("other", "SHA256:me")] {
        let why = give(&mut walk, by, key).unwrap_err();
        assert!(why.contains("operates this session"), "{why}");
    }
    give(&mut walk, "ann", "SHA256:ann").unwrap();
    for (by, key) in [("ann", "SHA256:second"), ("ann2", "SHA256:ann")] {
        let why = give(&mut walk, by, key).unwrap_err();
        assert!(why.contains("somebody else must"), "{why}");
    }
    let simulated = ApprovalAnswer { simulated: true, signed: None, ..signed("bob", "") };
    walk.send(&Msg::Approval { answer: simulated, given: true }).expect_err("nobody signed it");
    let unsigned = ApprovalAnswer { signed: None, ..signed("bob", "") };
    walk.send(&Msg::Approval { answer: unsigned, given: true }).expect_err("nobody signed it");
    let elsewhere = ApprovalAnswer { path: StepPath::new("ask"), ..signed("bob", "SHA256:bob") };
    walk.send(&Msg::Approval { answer: elsewhere, given: true }).expect_err("another step");
    let earlier = ApprovalAnswer { visit: 2, ..signed("bob", "SHA256:bob") };
    walk.send(&Msg::Approval { answer: earlier, given: true }).expect_err("another visit");
    assert_eq!(walk.asks(), "approve ok");
}

#[test]
fn a_refusal_fails_the_step_with_its_reason() {
    let mut walk = live(BODY);
    give(&mut walk, "ann", "SHA256:ann").unwrap();
    let answer = ApprovalAnswer { reason: Some("not on a Friday".into()), ..signed("ann", "SHA256:ann") };
    walk.send(&Msg::Approval { answer, given: false }).unwrap();
    let Prompt::Failure { why, .. } = walk.prompt() else { panic!("{}", walk.asks()) };
    assert_eq!(why, "refused by ann: not on a Friday");
    assert_eq!(walk.session.approval_due(), None);
    walk.answer_failure("ok", FailureChoice::Retry);
    ask(&mut walk);
    assert_eq!((requests(&walk).len(), requests(&walk)[1].visit), (2, 2));
}

#[test]
fn an_approver_who_takes_the_session_in_hand_no_longer_counts() {
    let mut walk = live(BODY);
    give(&mut walk, "you@example.com", "SHA256:you").unwrap();
    walk.resume_after(1_000);
    assert_eq!(voided(&walk), ["you@example.com approved it, and has the session in hand since"]);
    ask(&mut walk);
    let again = requests(&walk).remove(1);
    assert_eq!(again.operators.len(), 2);
    give(&mut walk, "you@example.com", "SHA256:new").unwrap_err();
    give(&mut walk, "me@example.com", "SHA256:new").expect_err("who had it before is an operator too");
    approve(&mut walk);
    assert_eq!(walk.asks(), "confirm ask");
}

#[test]
fn a_request_expires_and_is_made_anew() {
    let mut walk = live(BODY);
    give(&mut walk, "ann", "SHA256:ann").unwrap();
    walk.tick(3_599_000);
    assert!(voided(&walk).is_empty());
    walk.tick(2_000);
    assert!(voided(&walk)[0].starts_with("it expired at "));
    ask(&mut walk);
    let nonces: Vec<String> = requests(&walk).into_iter().map(|r| r.nonce).collect();
    assert!(nonces.len() == 2 && nonces[0] != nonces[1]);
    approve(&mut walk);
    assert_eq!(walk.asks(), "confirm ask");
}

/// What was approved and not used in time must be approved anew before anything changes;
/// what was begun under it goes on.
#[test]
fn an_approval_is_good_until_used_and_not_longer_than_it_says() {
    let mut walk = live(BODY);
    approve(&mut walk);
    walk.tick(3_601_000);
    assert_eq!(voided(&walk).len(), 1);
    walk.yes("ask");
    assert_eq!(walk.asks(), "approve ok", "the change waits");
    let why = walk.refused(starting(walk.latest("go")));
    assert!(why.contains("has to be approved anew"), "{why}");
    ask(&mut walk);
    approve(&mut walk);
    assert_eq!(walk.asks(), "start go");
    walk.does("go");
    walk.tick(7_200_000);
    assert_eq!((voided(&walk).len(), walk.asks().as_str()), (1, "start again"), "it is used");
}

#[test]
fn changed_inputs_and_another_runbook_make_it_void_even_when_used() {
    for event in [
        Event::InputsChanged(InputsChanged { values: BTreeMap::new(), reason: "typo".into() }),
        Event::RunbookChanged(RunbookChanged { sha256: "c".repeat(64) }),
    ] {
        let mut walk = live(BODY);
        approve(&mut walk);
        walk.yes("ask");
        walk.does("go");
        walk.append(event, false);
        walk.follow();
        assert_eq!((voided(&walk).len(), walk.asks().as_str()), (1, "approve ok"));
        // A rollback needs nobody's approval.
        walk.roll_back();
        assert_eq!(walk.session.approval_due(), None);
    }
}

#[test]
fn a_rehearsal_is_asked_for_without_a_request() {
    let mut walk = Walk::new(&BODY.replace("inputs: {version: {type: string}}", "").replace("${{ inputs.version }}", "v2"));
    assert_eq!((walk.session.approval_due(), walk.asks().as_str()), (None, "approve ok"));
    let [Record { event: Event::ApprovalRequested(asked), .. }] =
        walk.records.iter().filter(|r| matches!(r.event, Event::ApprovalRequested(_))).collect::<Vec<_>>()[..]
    else {
        panic!("one request")
    };
    assert!(asked.simulated && asked.request.is_empty());
    give(&mut walk, "ann", "SHA256:ann").expect_err("a rehearsal takes no signatures");
}

/// A live session on a protected environment, or on another.
fn on(body: &str, protected: bool) -> Walk {
    let mut walk = Walk::opened(plan(body), |opened| {
        opened.mode = Mode::Live;
        opened.environment.protected = protected;
        opened.inputs = BTreeMap::from([("version".to_owned(), crate::runbook::Value::from("v2".to_owned()))]);
    });
    ask(&mut walk);
    walk
}

fn refuse_it(walk: &mut Walk) {
    let answer = ApprovalAnswer { reason: Some("no way".into()), ..signed("ann", "SHA256:ann") };
    walk.send(&Msg::Approval { answer, given: false }).unwrap();
}

fn passed(walk: &Walk) -> usize {
    walk.count(|event| matches!(event, Event::DeviationRecorded(d) if d.what == "approval"))
}

/// Whatever came of the step that asks: on a protected environment nobody goes on past it,
/// and elsewhere it is on the record.
#[test]
fn nobody_goes_on_past_an_approval_on_a_protected_environment() {
    let timed = BODY.replace("title: Approval,", "title: Approval, timeout: 3s,");
    let by_itself = BODY.replace("title: Approval,", "title: Approval, timeout: 3s, on_failure: continue,");
    for (body, refused) in [(BODY, true), (&timed, false), (&by_itself, false)] {
        let mut walk = on(body, true);
        if refused {
            refuse_it(&mut walk);
        } else {
            walk.tick(4_000);
        }
        let Prompt::Failure { step, can_continue, .. } = walk.prompt() else { panic!("{}", walk.asks()) };
        let go_on = Command::Failure { step, choice: FailureChoice::Continue, reason: Some("I do not care".into()) };
        let why = walk.refused(go_on.clone());
        assert!(!can_continue && why.contains("--emergency"), "{why}");

        let mut walk = on(&body.replace("on_failure: continue,", ""), false);
        if refused {
            refuse_it(&mut walk);
        } else {
            walk.tick(4_000);
        }
        walk.told(go_on);
        assert_eq!((walk.asks().as_str(), passed(&walk)), ("confirm ask", 1));
    }
}

#[test]
fn an_approval_whose_condition_cannot_be_judged_is_not_left_out_there() {
    let body = BODY.replace("title: Approval,", "title: Approval, when: signals.s.value > 1,");
    let body = format!("signals: {{s: {{prometheus: up}}}}\n{body}");
    let leave = |walk: &Walk| {
        let Prompt::When { step, .. } = walk.prompt() else { panic!("{}", walk.asks()) };
        Command::When { step, run: false, reason: "cannot judge".into() }
    };
    let mut walk = on(&body, true);
    let why = walk.refused(leave(&walk));
    assert!(why.contains("--emergency"), "{why}");
    let mut walk = on(&body, false);
    walk.told(leave(&walk));
    assert_eq!((walk.asks().as_str(), passed(&walk)), ("confirm ask", 1));
}

/// One that was made void is passed like any other, where that may be.
#[test]
fn an_approval_that_was_made_void_is_passed_by_an_emergency_alone() {
    let change = || Event::InputsChanged(InputsChanged { values: BTreeMap::new(), reason: "typo".into() });
    let emergency = Event::DeviationRecorded(Box::new(Deviation {
        what: "emergency".into(),
        path: None,
        reason: "it burns".into(),
        by: Starter::Operator,
        evidence: Evidence::default(),
    }));
    let mut walk = on(BODY, true);
    approve(&mut walk);
    walk.yes("ask");
    walk.append(change(), false);
    walk.follow();
    let skip = || Command::Skip { step: StepRef { path: StepPath::new("ok"), visit: 1 }, reason: "it burns".into() };
    assert_eq!(walk.asks(), "approve ok");
    walk.refused(skip());
    walk.append(emergency, false);
    walk.follow();
    assert_eq!((walk.asks().as_str(), passed(&walk), walk.session.approval_due()), ("start go", 1, None));
    walk.does("go");

    let mut walk = on(BODY, false);
    approve(&mut walk);
    walk.yes("ask");
    walk.append(change(), false);
    walk.follow();
    walk.told(skip());
    assert_eq!((walk.asks().as_str(), passed(&walk)), ("start go", 1));
}
