use super::*;
use crate::runbook::model::InputKind;
use crate::runbook::span::{Span, Spanned};
use crate::session::event::SessionOutcome;
use crate::session::intent::{NotifyRequest, Resource, SecretText, What};

fn step(path: &str) -> StepRef {
    StepRef { path: path.into(), visit: 1 }
}

fn visit(path: &str, visit: u32) -> StepRef {
    StepRef { path: path.into(), visit }
}

fn answerer(yaml: &str) -> Unattended {
    Unattended::new(serde_saphyr::from_str(yaml).unwrap())
}

fn ask(yaml: &str, prompt: &Prompt) -> Reply {
    answerer(yaml).answer(prompt, false, None)
}

fn stops_with(reply: &Reply, fragment: &str) {
    match reply {
        Reply::Stop(why) => assert!(why.contains(fragment), "`{why}` does not say `{fragment}`"),
        other => panic!("{other:?} instead of a stop with `{fragment}`"),
    }
}

fn guard() -> Prompt {
    let (title, action) = ("errors above 5 %".to_owned(), "roll back".to_owned());
    Prompt::Guard {
        guard: "errors-up".to_owned(),
        title,
        action,
        left_ms: Some(1),
        expired: "it keeps holding".to_owned(),
        caution: None,
    }
}

fn unknown(can_look: bool, looking: bool) -> Prompt {
    Prompt::Unknown { step: step("a"), what: "set the image".to_owned(), why: "timed out".to_owned(), can_look, looking }
}

fn failure(number: u32, can_continue: bool) -> Prompt {
    Prompt::Failure { step: visit("a", number), why: "exit 1".to_owned(), changes: true, can_continue }
}

fn hold() -> Prompt {
    Prompt::GateHold { step: step("a"), why: "no verdict in time".to_owned() }
}

fn when() -> Prompt {
    let step = visit("a", 0);
    Prompt::When { step, title: "A".to_owned(), condition: "signals.x.ok".to_owned(), why: "no data".to_owned() }
}

fn notify() -> What {
    What::Notify(NotifyRequest {
        to: "team".to_owned(),
        url: SecretText(Vec::new()),
        format: "json".to_owned(),
        headers: Vec::new(),
        text: "hello".to_owned(),
        facts: Vec::new(),
    })
}

fn start_of(path: &str, type_first: bool, needs_preparation: bool) -> Prompt {
    Prompt::Start {
        step: step(path),
        what: Ok(Box::new(notify())),
        changes: true,
        type_first: type_first.then(|| "checkout".to_owned()),
        needs_preparation,
    }
}

fn confirm(no: &str) -> Prompt {
    Prompt::Confirm { step: step("a"), question: "All well?".to_owned(), no: no.to_owned() }
}

fn item(text: &str) -> ItemView {
    let text = text.to_owned();
    ItemView { text, ticked: false, has_check: false, check: None, note_required: false, note: None, link: None }
}

fn checked(check: Result<bool, &str>) -> ItemView {
    ItemView { has_check: true, check: Some(check.map_err(str::to_owned)), ..item("pods are ready") }
}

fn checklist(items: Vec<ItemView>) -> Prompt {
    Prompt::Checklist { step: step("a"), items }
}

fn field(name: &str, kind: InputKind, default: Option<Value>) -> Input {
    Input {
        name: Spanned::new(name.to_owned(), Span::default()),
        kind,
        prompt: None,
        help: None,
        example: None,
        default,
        required: true,
        pattern: None,
        min: None,
        max: None,
    }
}

fn form(fields: Vec<Input>) -> Prompt {
    Prompt::Input { step: step("a"), fields }
}

fn decide(reason_required: bool) -> Prompt {
    let option = |key, label: &str| OptionView { key, label: label.to_owned(), leads_to: "go on".to_owned(), reason_required };
    Prompt::Decide {
        step: step("a"),
        question: "Good?".to_owned(),
        options: vec![option('y', "go on"), option('b', "back")],
        left_ms: None,
        otherwise: "it keeps waiting".to_owned(),
    }
}

fn approve() -> Prompt {
    let by = vec!["sre".to_owned()];
    Prompt::Approve { step: step("a"), by, min: 1, given: Vec::new(), expires: None, text: String::new() }
}

fn object() -> ObjectState {
    ObjectState {
        resource: Resource {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            kind: "Deployment".to_owned(),
            name: "checkout".to_owned(),
        },
        namespace: "shop".to_owned(),
        uid: "1".to_owned(),
        resource_version: "7".to_owned(),
        before: "{}".to_owned(),
        diff: "+1".to_owned(),
    }
}

fn tick(item: u32, note: Option<&str>) -> Command {
    Command::Tick { step: step("a"), item, ticked: true, note: note.map(str::to_owned) }
}

fn failed(choice: FailureChoice, reason: Option<&str>) -> Command {
    Command::Failure { step: step("a"), choice, reason: reason.map(str::to_owned) }
}

fn settle(choice: SettleChoice, reason: Option<&str>) -> Command {
    Command::Settle { step: step("a"), choice, reason: reason.map(str::to_owned) }
}

fn on_guard(choice: GuardChoice, reason: Option<&str>) -> Command {
    Command::Guard { guard: "errors-up".to_owned(), choice, reason: reason.map(str::to_owned) }
}

fn chosen(key: char, reason: Option<&str>) -> Command {
    Command::Choose { step: step("a"), key, reason: reason.map(str::to_owned) }
}

fn started(path: &str, prepared: Option<ObjectState>) -> Command {
    Command::Start { step: step(path), prepared: prepared.map(Box::new), baselines: BTreeMap::new() }
}

fn given(values: &[(&str, Value)]) -> Command {
    let values = values.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    Command::Give { step: step("a"), values, secrets: Vec::new() }
}

#[test]
fn what_the_file_answers_is_done() {
    let run = |run| Command::When { step: visit("a", 0), run, reason: "why".to_owned() };
    let yes = |yes| Command::Confirm { step: step("a"), yes };
    let cases: Vec<(&str, Prompt, Command)> = vec![
        ("guards: {errors-up: {choose: act}}", guard(), on_guard(GuardChoice::Act, None)),
        ("guards: {errors-up: {choose: rollback}}", guard(), on_guard(GuardChoice::Rollback, None)),
        ("guards: {errors-up: {choose: hold, reason: why}}", guard(), on_guard(GuardChoice::Hold, Some("why"))),
        ("guards: {errors-up: {choose: snooze, reason: why}}", guard(), on_guard(GuardChoice::Snooze(600_000), Some("why"))),
        ("steps: {a: {unknown: look}}", unknown(true, false), settle(SettleChoice::Look, None)),
        ("steps: {a: {unknown: done, reason: why}}", unknown(true, false), settle(SettleChoice::Done, Some("why"))),
        ("steps: {a: {unknown: failed, reason: why}}", unknown(false, false), settle(SettleChoice::Failed, Some("why"))),
        ("{}", Prompt::Interrupt { step: step("a"), title: String::new() }, Command::Interrupt { step: step("a"), kill: false }),
        ("steps: {a: {choose: retry}}", failure(1, true), failed(FailureChoice::Retry, None)),
        ("steps: {a: {choose: continue, reason: why}}", failure(1, true), failed(FailureChoice::Continue, Some("why"))),
        ("steps: {a: {choose: abort, reason: why}}", failure(1, true), failed(FailureChoice::Abort, Some("why"))),
        ("steps: {a: {choose: rollback}}", hold(), failed(FailureChoice::Rollback, None)),
        ("steps: {a: {choose: continue, reason: why}}", hold(), failed(FailureChoice::Continue, Some("why"))),
        ("steps: {a: {answer: yes, reason: why}}", when(), run(true)),
        ("steps: {a: {answer: no, reason: why}}", when(), run(false)),
        ("otherwise: continue", start_of("a", false, false), started("a", None)),
        ("steps: {a: {answer: yes}}", start_of("a", false, false), started("a", None)),
        ("steps: {a: {answer: yes}}", start_of("a", true, false), started("a", None)),
        ("steps: {\"s[10]/w\": {answer: yes}}", start_of("s[10]/w", false, false), started("s[10]/w", None)),
        ("{}", start_of("rollback/image", false, false), started("rollback/image", None)),
        ("steps: {finally/tidy: {answer: no}}", start_of("finally/tidy", false, false), started("finally/tidy", None)),
        ("otherwise: continue", confirm("abort"), yes(true)),
        ("steps: {a: {answer: yes}}", confirm("abort"), yes(true)),
        ("{steps: {a: {answer: no}}, otherwise: continue}", confirm("abort"), yes(false)),
        ("steps: {a: {choose: b}}", decide(false), chosen('b', None)),
        ("steps: {a: {choose: b, reason: ' why '}}", decide(true), chosen('b', Some("why"))),
        ("inputs: {n: 3, other: x}", form(vec![field("n", InputKind::Integer, None)]), given(&[("n", Value::Number(3.0))])),
        ("{}", form(vec![field("n", InputKind::String, Some("x".into()))]), given(&[("n", "x".into())])),
    ];
    for (yaml, prompt, command) in cases {
        assert_eq!(ask(yaml, &prompt), Reply::Act(vec![command]), "{yaml}: {prompt:?}");
    }
}

#[test]
fn what_the_file_does_not_answer_stops() {
    let secret = InputKind::Secret(None);
    let continues = "otherwise: continue";
    let cases: Vec<(&str, Prompt, &str)> = vec![
        (continues, guard(), "guards: {\"errors-up\": {choose: rollback}}"),
        ("guards: {errors-up: {choose: hold}}", guard(), "choose: hold, reason: WHY"),
        ("guards: {errors-up: {choose: snooze, reason: ' '}}", guard(), "choose: snooze, reason: WHY"),
        (continues, unknown(true, false), "steps: {\"a\": {unknown: look}}"),
        (continues, unknown(false, false), "steps: {\"a\": {unknown: failed, reason: WHY}}"),
        ("steps: {a: {unknown: look}}", unknown(false, false), "nothing says how"),
        ("steps: {a: {unknown: done}}", unknown(true, false), "unknown: done, reason: WHY"),
        (continues, failure(1, true), "steps: {\"a\": {choose: KEY}}, where KEY is retry"),
        ("steps: {a: {choose: continue}}", failure(1, true), "choose: continue, reason: WHY"),
        ("steps: {a: {choose: continue, reason: why}}", failure(1, false), "going on is not possible"),
        ("steps: {a: {choose: b}}", failure(1, true), "choose: KEY"),
        (continues, hold(), "what to do when a holds"),
        (continues, when(), "steps: {\"a\": {answer: no, reason: WHY}}"),
        ("steps: {a: {answer: yes}}", when(), "answer: no, reason: WHY"),
        (continues, Prompt::Paused, "paused"),
        ("{}", start_of("s[10]/w", false, false), "steps: {\"s[10]/w\": {answer: yes}}"),
        (continues, start_of("a", true, false), "marked as dangerous"),
        (continues, start_of("rollback", true, false), "marked as dangerous"),
        ("{}", start_of("rollback-plan", false, false), "whether to start rollback-plan"),
        ("{steps: {a: {answer: no}}, otherwise: continue}", start_of("a", false, false), "says no to starting a"),
        ("{}", confirm("abort"), "steps: {\"a\": {answer: yes}}"),
        ("steps: {a: {tick: all}}", confirm("abort"), "answer: yes"),
        ("{}", checklist(vec![item("one")]), "steps: {\"a\": {tick: all}}"),
        ("{}", checklist(Vec::new()), "tick: all"),
        (continues, checklist(vec![ItemView { note_required: true, ..item("one") }]), "tick: all, note: TEXT"),
        (continues, form(vec![field("n", InputKind::String, None)]), "inputs: {\"n\": VALUE}"),
        ("inputs: {n: x}", form(vec![field("n", InputKind::Integer, None)]), "wrongly: n:"),
        (continues, form(vec![field("n", secret, None)]), "asks for the secret n"),
        (continues, decide(false), "KEY is y (go on) or b (back)"),
        ("steps: {a: {choose: x}}", decide(false), "choose: KEY"),
        ("steps: {a: {choose: bb}}", decide(false), "choose: KEY"),
        ("steps: {a: {choose: b}}", decide(true), "choose: b, reason: WHY"),
        (continues, approve(), "approval of sre"),
    ];
    for (yaml, prompt, fragment) in cases {
        stops_with(&ask(yaml, &prompt), fragment);
    }
}

#[test]
fn the_line_a_stop_names_answers_the_question() {
    let prompts = [
        guard(),
        unknown(true, false),
        unknown(false, false),
        when(),
        start_of("s[10]/w", true, false),
        confirm("abort"),
        checklist(vec![ItemView { note_required: true, ..item("one") }]),
        form(vec![field("n", InputKind::String, None)]),
        failure(1, true),
        decide(false),
    ];
    for prompt in prompts {
        let Reply::Stop(why) = ask("{}", &prompt) else { panic!("{prompt:?} is answered by nothing") };
        let added = why.split_once("Add to it: ").unwrap().1;
        let mut added = added.split(", where").next().unwrap().to_owned();
        if let Prompt::Failure { .. } = prompt {
            added = added.replace("KEY", "retry");
        }
        let added = added.replace("KEY", "y");
        // A checklist is told of its note once it may be ticked at all.
        let added = added.replace("tick: all}", "tick: all, note: TEXT}");
        assert!(matches!(ask(&added, &prompt), Reply::Act(_)), "{added}");
    }
}

#[test]
fn nothing_is_done_while_something_is_at_work() {
    let closed = Prompt::Closed { outcome: SessionOutcome::Completed, deviations: 0 };
    for prompt in [Prompt::Busy { step: step("a") }, closed, unknown(true, true)] {
        assert_eq!(ask("{steps: {a: {unknown: look}}, otherwise: continue}", &prompt), Reply::Wait, "{prompt:?}");
    }
    let mut rehearsal = answerer("{}").rehearsing();
    assert_eq!(rehearsal.answer(&approve(), false, None), Reply::Wait);
}

#[test]
fn the_mark_of_danger_wants_the_step_named() {
    for prompt in [start_of("a", false, false), confirm("abort"), checklist(vec![item("one")])] {
        let reply = answerer("otherwise: continue").answer(&prompt, true, None);
        assert!(matches!(reply, Reply::Stop(_)), "{reply:?}");
        let reply = answerer("steps: {a: {answer: yes, tick: all}}").answer(&prompt, true, None);
        assert!(matches!(reply, Reply::Act(_)), "{reply:?}");
    }
}

#[test]
fn a_change_is_started_with_the_object_as_it_was_read() {
    let prompt = start_of("a", false, true);
    let mut unattended = answerer("otherwise: continue");
    assert_eq!(unattended.answer(&prompt, false, None), Reply::Wait);
    match unattended.answer(&prompt, false, Some(&Err("connection refused".to_owned()))) {
        Reply::WaitThen(then) => stops_with(&then, "cannot be read (connection refused)"),
        other => panic!("{other:?}"),
    }
    let reply = unattended.answer(&prompt, false, Some(&Ok(object())));
    assert_eq!(reply, Reply::Act(vec![started("a", Some(object()))]));
    // An object nobody asked for is not sent along.
    let reply = unattended.answer(&start_of("a", false, false), false, Some(&Ok(object())));
    assert_eq!(reply, Reply::Act(vec![started("a", None)]));
}

#[test]
fn a_start_that_cannot_be_worked_out_is_not_sent() {
    let what = Err("signals.x has no data".to_owned());
    let prompt = Prompt::Start { step: step("a"), what, changes: false, type_first: None, needs_preparation: false };
    match ask("otherwise: continue", &prompt) {
        Reply::WaitThen(then) => stops_with(&then, "signals.x has no data"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_checklist_is_ticked_and_then_completed() {
    let mut unattended = answerer("steps: {a: {tick: all, note: paged}}");
    let mut items =
        vec![item("one"), ItemView { note_required: true, ..item("two") }, ItemView { ticked: true, ..item("three") }];
    let reply = unattended.answer(&checklist(items.clone()), false, None);
    assert_eq!(reply, Reply::Act(vec![tick(0, Some("paged")), tick(1, Some("paged"))]));
    for item in &mut items {
        item.ticked = true;
    }
    let reply = unattended.answer(&checklist(items), false, None);
    assert_eq!(reply, Reply::Act(vec![Command::CompleteChecklist { step: step("a") }]));
}

#[test]
fn a_check_has_its_time_before_it_is_ticked_by_hand() {
    let by_hand = |note| Ok(vec![tick(0, Some(note))]);
    let wants_note = || ItemView { note_required: true, ..checked(Ok(false)) };
    type Case<'a> = (&'a str, ItemView, Result<Vec<Command>, &'a str>);
    let cases: Vec<Case<'_>> = vec![
        ("steps: {a: {tick: all, note: paged}}", checked(Ok(false)), by_hand("paged")),
        ("steps: {a: {tick: all, reason: known}}", checked(Err("no data")), by_hand("known")),
        ("steps: {a: {tick: all, note: paged}}", wants_note(), by_hand("paged")),
        ("steps: {a: {tick: all, reason: known}}", wants_note(), Err("does not hold")),
        ("steps: {a: {tick: all}}", checked(Ok(false)), Err("does not hold")),
        ("{steps: {a: {note: paged}}, otherwise: continue}", checked(Ok(false)), Err("does not hold")),
        ("otherwise: continue", checked(Err("no data")), Err("cannot be judged: no data")),
    ];
    for (yaml, item, expected) in cases {
        match (ask(yaml, &checklist(vec![item])), expected) {
            (Reply::WaitThen(then), Ok(commands)) => assert_eq!(*then, Reply::Act(commands), "{yaml}"),
            (Reply::WaitThen(then), Err(fragment)) => stops_with(&then, fragment),
            (other, _) => panic!("{yaml}: {other:?}"),
        }
    }
    // What needs no check does not wait for those that do.
    let both = checklist(vec![checked(Ok(false)), item("one")]);
    assert_eq!(ask("otherwise: continue", &both), Reply::Act(vec![tick(1, None)]));
}

/// Asks the same question anew, with something else in between.
fn anew(unattended: &mut Unattended, prompt: &Prompt) -> Reply {
    unattended.answer(&Prompt::Busy { step: step("z") }, false, None);
    unattended.answer(prompt, false, None)
}

#[test]
fn the_same_answer_is_given_three_times_at_most() {
    let cases = [
        ("guards: {errors-up: {choose: hold, reason: why}}", [guard(), guard()]),
        ("guards: {errors-up: {choose: snooze, reason: why}}", [guard(), guard()]),
        ("steps: {a: {choose: retry}}", [failure(1, true), failure(2, true)]),
        ("steps: {a: {choose: retry}}", [hold(), failure(2, true)]),
        ("steps: {a: {unknown: look}}", [unknown(true, false), unknown(true, false)]),
        ("steps: {a: {answer: no}}", [confirm("run fix"), confirm("run fix")]),
    ];
    for (yaml, [one, other]) in cases {
        let mut unattended = answerer(yaml);
        for (time, prompt) in [&one, &other, &one].into_iter().enumerate() {
            let reply = anew(&mut unattended, prompt);
            assert!(matches!(reply, Reply::Act(_)), "{yaml}, time {time}: {reply:?}");
        }
        stops_with(&anew(&mut unattended, &other), "4 times");
    }
}

#[test]
fn a_question_seen_again_is_not_one_asked_anew() {
    let cases = [
        ("guards: {errors-up: {choose: hold, reason: why}}", guard(), true),
        ("guards: {errors-up: {choose: snooze, reason: why}}", guard(), false),
        ("steps: {a: {choose: retry}}", failure(1, true), true),
        ("steps: {a: {unknown: look}}", unknown(true, false), true),
        ("steps: {a: {answer: no}}", confirm("run fix"), false),
        ("steps: {a: {answer: yes}}", confirm("run fix"), true),
    ];
    for (yaml, prompt, said_again) in cases {
        let mut unattended = answerer(yaml);
        let first = unattended.answer(&prompt, false, None);
        assert!(matches!(first, Reply::Act(_)), "{yaml}: {first:?}");
        for _ in 0..5 {
            let then = unattended.answer(&prompt, false, None);
            assert_eq!(then, if said_again { first.clone() } else { Reply::Wait }, "{yaml}");
        }
    }
}

#[test]
fn a_no_that_means_to_stay_stops() {
    let mut unattended = answerer("steps: {a: {answer: no}}");
    let no = Command::Confirm { step: step("a"), yes: false };
    assert_eq!(unattended.answer(&confirm(STAYS), false, None), Reply::Act(vec![no]));
    stops_with(&unattended.answer(&confirm(STAYS), false, None), "was answered no");
    stops_with(&anew(&mut unattended, &confirm(STAYS)), "was answered no");
}
