//! The session as lines of text: every question, what is new, and what typed words do.

use pacenote::live::{HealthCheck, PanelData, PodTable, SourceState};
use pacenote::plain::Plain;
use pacenote::runbook::Value;
use pacenote::session::event::{StepOutcome, Verdict};
use pacenote::session::message::{Command, FailureChoice, GuardChoice, SettleChoice};
use pacenote::session::view::{GuardState, Prompt, RowState};
use pacenote::tui::Action;

use crate::screen::sample::{Sample, pod, step_ref};

/// Plain output that a sample was shown on, with what it printed.
struct Session {
    plain: Plain,
    sample: Sample,
}

impl Session {
    fn new(sample: Sample) -> Self {
        let mut session = Self { plain: Plain::new(), sample };
        session.show();
        session
    }

    fn show(&mut self) -> String {
        let mut out = Vec::new();
        self.plain.show(&self.sample.screen(), &mut out).unwrap();
        checked(out)
    }

    fn line(&mut self, line: &str) -> (Vec<Action>, String) {
        let mut out = Vec::new();
        let actions = self.plain.line(line, &self.sample.screen(), &mut out).unwrap();
        (actions, checked(out))
    }

    /// The line is refused, and this is said.
    fn refuses(&mut self, line: &str, why: &str) {
        let (actions, said) = self.line(line);
        assert!(actions.is_empty(), "{line}: {actions:?}");
        assert!(said.contains("! ") && said.contains(why), "{line}: {said}");
    }

    fn commands(&mut self, line: &str) -> Vec<Command> {
        let (actions, said) = self.line(line);
        assert!(!actions.is_empty(), "{line}: {said}");
        actions
            .into_iter()
            .map(|a| match a {
                Action::Command(command) => command,
                other => panic!("{line}: {other:?}"),
            })
            .collect()
    }
}

/// Whole lines, each with its time, and nothing a terminal would obey.
fn checked(out: Vec<u8>) -> String {
    let text = String::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    for line in text.lines() {
        let time = line.get(..8).unwrap_or_default();
        assert!(time.len() == 8 && time.chars().all(|c| c.is_ascii_digit() || c == ':'), "{line:?}");
        assert!(!line.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
    }
    text
}

#[test]
fn every_question_is_asked_in_words() {
    for (name, sample) in Sample::all() {
        let mut plain = Plain::new();
        let mut out = Vec::new();
        plain.show(&sample.screen(), &mut out).unwrap();
        insta::assert_snapshot!(format!("plain-{name}"), checked(out));
    }
}

#[test]
fn every_word_that_is_offered_is_understood() {
    for (name, sample) in Sample::all() {
        let mut session = Session::new(sample);
        let (_, help) = session.line("help");
        let usages = help.lines().map(|line| line.get(9..).unwrap_or_default().trim());
        let words: Vec<String> = usages.filter_map(|u| u.split([' ', ':']).next().map(str::to_owned)).collect();
        assert!(words.iter().any(|w| w == "quit"), "{name}: {help}");
        for word in words {
            let (_, said) = session.line(&word);
            assert!(!said.contains("does nothing now"), "{name}: {word}: {said}");
        }
        session.refuses("strat now", "`strat` does nothing now; type: ");
        session.refuses("START", "does nothing now");
    }
}

#[test]
fn words_become_commands() {
    let step = step_ref("promote");
    let verdict = step_ref("verdict");
    let reason = || Some("seen by all".to_owned());
    let cases: Vec<(Sample, &str, Command)> = vec![
        (Sample::failure(), "retry", Command::Failure { step: step.clone(), choice: FailureChoice::Retry, reason: None }),
        (
            Sample::failure(),
            "continue seen by all",
            Command::Failure { step: step.clone(), choice: FailureChoice::Continue, reason: reason() },
        ),
        (
            Sample::failure(),
            "abort seen by all",
            Command::Failure { step: step.clone(), choice: FailureChoice::Abort, reason: reason() },
        ),
        (Sample::unknown(), "look", Command::Settle { step: step.clone(), choice: SettleChoice::Look, reason: None }),
        (
            Sample::unknown(),
            "done seen by all",
            Command::Settle { step: step.clone(), choice: SettleChoice::Done, reason: reason() },
        ),
        (
            Sample::unknown(),
            "failed seen by all",
            Command::Settle { step: step.clone(), choice: SettleChoice::Failed, reason: reason() },
        ),
        (Sample::guard(), "act", Command::Guard { guard: "errors-up".into(), choice: GuardChoice::Act, reason: None }),
        (
            Sample::guard(),
            "hold seen by all",
            Command::Guard { guard: "errors-up".into(), choice: GuardChoice::Hold, reason: reason() },
        ),
        (
            Sample::guard(),
            "snooze 10m seen by all",
            Command::Guard { guard: "errors-up".into(), choice: GuardChoice::Snooze(600_000), reason: reason() },
        ),
        (
            Sample::gate(),
            "snooze errors-up 1h30m seen by all",
            Command::Guard { guard: "errors-up".into(), choice: GuardChoice::Snooze(5_400_000), reason: reason() },
        ),
        (
            Sample::gate(),
            "override seen by all",
            Command::OverrideGate { step: step_ref("shift[10]/soak"), reason: "seen by all".into() },
        ),
        (Sample::gate(), "skip seen by all", Command::Skip { step: step_ref("shift[10]/soak"), reason: "seen by all".into() }),
        (Sample::gate(), "note  seen by all ", Command::Note { text: "seen by all".into() }),
        (Sample::gate(), "pause", Command::Pause { reason: None }),
        (Sample::gate(), "abort seen by all", Command::Abort { reason: "seen by all".into() }),
        (Sample::gate(), "abandon seen by all", Command::Abandon { reason: "seen by all".into() }),
        (Sample::paused(), "go", Command::Unpause),
        (Sample::confirm(), "yes", Command::Confirm { step: asked(&Sample::confirm()), yes: true }),
        (Sample::confirm(), "no", Command::Confirm { step: asked(&Sample::confirm()), yes: false }),
        (Sample::interrupt(), "kill", Command::Interrupt { step: asked(&Sample::interrupt()), kill: true }),
        (Sample::interrupt(), "wait", Command::Interrupt { step: asked(&Sample::interrupt()), kill: false }),
        (
            Sample::when(),
            "run seen by all",
            Command::When { step: asked(&Sample::when()), run: true, reason: "seen by all".into() },
        ),
        (
            Sample::when(),
            "leave seen by all",
            Command::When { step: asked(&Sample::when()), run: false, reason: "seen by all".into() },
        ),
        (
            Sample::gate_hold(),
            "retry",
            Command::Failure { step: asked(&Sample::gate_hold()), choice: FailureChoice::Retry, reason: None },
        ),
    ];
    for (sample, line, expected) in cases {
        assert_eq!(Session::new(sample).commands(line), [expected], "{line}");
    }
    let mut session = Session::new(Sample::decide());
    let Prompt::Decide { options, .. } = &session.sample.prompt else { panic!("a decision") };
    for option in options.clone() {
        if option.reason_required {
            session.refuses(&format!("choose {}", option.key), "a reason is needed");
        }
        let expected = Command::Choose { step: verdict.clone(), key: option.key, reason: reason() };
        assert_eq!(session.commands(&format!("choose {} seen by all", option.key)), [expected]);
    }
    session.refuses("choose %", "the keys are");
    session.refuses("choose", "the keys are");
}

/// The step that a sample asks about.
fn asked(sample: &Sample) -> pacenote::session::message::StepRef {
    match &sample.prompt {
        Prompt::Confirm { step, .. }
        | Prompt::Interrupt { step, .. }
        | Prompt::When { step, .. }
        | Prompt::Checklist { step, .. }
        | Prompt::Input { step, .. }
        | Prompt::Start { step, .. }
        | Prompt::GateHold { step, .. } => step.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_or_too_much_is_refused() {
    let cases = [
        (Sample::failure(), "continue", "a text is needed: continue REASON"),
        (Sample::failure(), "retry please", "`retry` stands alone"),
        (Sample::confirm(), "yes please", "`yes` stands alone"),
        (Sample::gate(), "note", "a text is needed: note TEXT"),
        (Sample::gate(), "start", "`start` does nothing now"),
        (Sample::gate(), "yes", "`yes` does nothing now"),
        (Sample::guard(), "snooze soon", "such as 10m"),
        (Sample::guard(), "snooze 10m", "a reason is needed after the time"),
        (Sample::gate(), "snooze nobody 10m x", "the guards are health-failing, errors-up"),
        (Sample::checklist(), "tick 9", "from 1 to 4"),
        (Sample::checklist(), "tick 0", "from 1 to 4"),
        (Sample::checklist(), "tick 1", "ticked already"),
        (Sample::checklist(), "tick 2", "item 2 needs a note"),
        (Sample::checklist(), "tick all", "item 2 needs a note"),
        (Sample::checklist(), "done", "2 items are not ticked yet"),
        (Sample::start_run(), "start", "type: start checkout"),
        (Sample::start_run(), "start checkout now", "type: start checkout"),
        (Sample::start_image(), "start", "nothing can start"),
        (Sample::start_unknown(), "start", "cannot be worked out"),
        (Sample::paused(), "rollback!", "type `rollback` first"),
    ];
    for (sample, line, why) in cases {
        Session::new(sample).refuses(line, why);
    }
}

#[test]
fn a_start_takes_the_object_as_it_was_printed() {
    let mut session = Session::new(Sample::start());
    let (actions, _) = session.line("start");
    assert!(matches!(&actions[..], [Action::Start { prepared: Some(_), .. }]), "{actions:?}");
    let (actions, _) = Session::new(Sample::start_run()).line("start checkout");
    assert!(matches!(&actions[..], [Action::Start { prepared: None, .. }]), "{actions:?}");
    let (actions, _) = Session::new(Sample::start_image()).line("read");
    assert!(matches!(&actions[..], [Action::Prepare { .. }]), "{actions:?}");
    let step = asked(&session.sample);
    if let Some(Ok(state)) = session.sample.live.preparations.get_mut(&step) {
        state.diff = "+ something else\n".into();
    }
    session.refuses("start", "the question has changed");
    assert!(session.show().contains("+ something else"));
    assert_eq!(session.line("start").0.len(), 1);
}

#[test]
fn an_answer_does_not_reach_a_question_that_was_not_printed() {
    let mut session = Session::new(Sample::gate());
    session.sample.prompt = Sample::confirm().prompt;
    session.refuses("yes", "the question has changed");
    assert_eq!(session.commands("note still there").len(), 1);
    session.show();
    assert_eq!(session.commands("yes").len(), 1);
    // Never shown at all.
    let mut unseen = Session { plain: Plain::new(), sample: Sample::confirm() };
    unseen.refuses("yes", "the question has changed");
    // What merely moves in a question does not make it another one.
    let mut guard = Session::new(Sample::guard());
    if let Prompt::Guard { left_ms, .. } = &mut guard.sample.prompt {
        *left_ms = Some(1_000);
    }
    assert_eq!(guard.commands("act").len(), 1);
}

#[test]
fn a_rollback_shows_its_plan_and_wants_a_second_word() {
    let mut session = Session::new(Sample::gate());
    for second in ["rollback!", "rollback"] {
        let (actions, said) = session.line("rollback errors are up");
        assert!(actions.is_empty() && said.contains("route back to 0 %"), "{said}");
        assert_eq!(session.commands(second), [Command::Rollback { reason: Some("errors are up".into()) }]);
    }
    session.line("rollback");
    session.line("note wait");
    session.refuses("rollback!", "type `rollback` first");
    session.line("rollback");
    session.sample.undo.pop();
    let (actions, said) = session.line("rollback!");
    assert!(actions.is_empty() && said.contains("The plan has changed"), "{said}");
    assert_eq!(session.commands("rollback!"), [Command::Rollback { reason: None }]);
}

#[test]
fn a_form_is_answered_by_name() {
    let mut session = Session::new(Sample::input());
    session.refuses("set version=1.2", "version: does not match");
    session.refuses("set count=99", "count: is more than 20");
    session.refuses("set nobody=1", "the names are version");
    session.refuses("set version", "set NAME=VALUE");
    for line in ["set token=hunter2-hunter2", "set other=hunter2-hunter2", "set tokn=hunter2-hunter2"] {
        let (actions, said) = session.line(line);
        assert!(actions.is_empty() && !said.contains("hunter2"), "{said}");
    }
    for line in ["version=v1.2.4", "reason=the fix", "count=3", "told=yes", "region=eu", "for=90m", "at=2026-03-10T03:00:00Z"] {
        let (_, said) = session.line(&format!("set {line}"));
        assert!(!said.contains("! "), "{said}");
    }
    session.refuses("done", "token is a secret");
    if let Prompt::Input { fields, .. } = &mut session.sample.prompt {
        fields.retain(|f| f.name.value != "token");
    }
    session.show();
    let (actions, said) = session.line("done");
    let [Action::Give { values, secrets, .. }] = &actions[..] else { panic!("{actions:?} {said}") };
    assert!(secrets.is_empty());
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    assert_eq!(names, ["at", "count", "for", "reason", "region", "told", "version"]);
    assert_eq!(values["count"], Value::Number(3.0));
    session.refuses("done", "still to be answered: version");
}

#[test]
fn items_are_ticked_by_number() {
    let mut session = Session::new(Sample::checklist());
    let step = asked(&session.sample);
    let tick = |item, ticked, note: Option<&str>| Command::Tick { step: step.clone(), item, ticked, note: note.map(Into::into) };
    assert_eq!(session.commands("tick 2 called them"), [tick(1, true, Some("called them"))]);
    assert_eq!(session.commands("untick 1"), [tick(0, false, None)]);
    assert_eq!(session.commands("tick all seen"), [tick(1, true, Some("seen")), tick(3, true, Some("seen"))]);
    let Prompt::Checklist { items, .. } = &mut session.sample.prompt else { panic!("a checklist") };
    for item in items {
        item.ticked = true;
    }
    let said = session.show();
    assert_eq!(said.lines().filter(|l| l.contains("[x]")).count(), 2, "{said}");
    assert!(!said.contains("? Checklist"), "{said}");
    assert_eq!(session.commands("done"), [Command::CompleteChecklist { step }]);
}

#[test]
fn stopping_gets_harder() {
    let mut session = Session::new(Sample::running());
    let signals: Vec<Command> = (0..4).flat_map(|_| session.commands("stop")).collect();
    let names: Vec<&str> =
        signals.iter().map(|c| if let Command::Stop { signal, .. } = c { signal.as_str() } else { "?" }).collect();
    assert_eq!(names, ["SIGINT", "SIGTERM", "SIGKILL", "SIGKILL"]);
    Session::new(Sample::gate()).refuses("stop", "does nothing now");
}

#[test]
fn only_what_is_new_is_printed() {
    let mut session = Session::new(Sample::running());
    assert_eq!(session.show(), "");
    let effect = session.sample.step.as_ref().and_then(|s| s.effect).unwrap();
    session.sample.live.output_mut(effect).push_line("one more", false);
    assert_eq!(session.show(), "02:47:10 | one more\n");
    session.sample.live.progress.insert(effect, "49 of 60 chunks".into());
    assert_eq!(session.show(), "02:47:10 progress: 49 of 60 chunks\n");
    session.sample.guards[0].state = GuardState::Pending(5_000, 60_000);
    assert_eq!(session.show(), "02:47:10 guard health-failing: true for 5s of 1m\n");
    session.sample.guards[0].state = GuardState::Pending(6_000, 60_000);
    session.sample.live.panels[0].source = SourceState::Lost("connection refused".into(), session.sample.now);
    assert_eq!(session.show(), "02:47:10 signal pods: LOST since 02:47:10: connection refused\n");
    session.sample.journal_failed = Some("no space left on device".into());
    session.sample.notices.push("the runbook changed on disk".into());
    let said = session.show();
    assert!(said.contains("JOURNAL CANNOT BE WRITTEN since record 214: no space left on device"), "{said}");
    assert!(said.contains("notice: the runbook changed on disk"), "{said}");
    session.sample.outline[11].state = RowState::Ended(StepOutcome::Done);
    session.sample.outline[12].state = RowState::Running;
    let said = session.show();
    assert!(said.contains("step ended: Deploy it everywhere (promote): done"), "{said}");
    assert!(said.contains("step 13 of 15: Send no more traffic to the canary (drain)"), "{said}");
    assert_eq!(session.show(), "");
}

#[test]
fn a_failing_endpoint_is_told_at_once_then_each_time_its_failures_double() {
    let mut session = Session::new(Sample::gate());
    let at = session.sample.now;
    let mut told = Vec::new();
    for failures in 1..=9 {
        let PanelData::Health(health) = &mut session.sample.live.panels[1].data else { panic!("a health panel") };
        health.checks.push_back(HealthCheck { at, ok: false, latency_ms: Some(9), status: Ok(503), problem: None });
        health.failures = failures;
        if !session.show().is_empty() {
            told.push(failures);
        }
    }
    assert_eq!(told, [1, 2, 4, 8]);
    let PanelData::Health(health) = &mut session.sample.live.panels[1].data else { panic!("a health panel") };
    health.checks.push_back(HealthCheck { at, ok: true, latency_ms: Some(9), status: Ok(200), problem: None });
    health.failures = 0;
    assert_eq!(session.show(), "02:47:10 health api: ok again, 9 ms\n");
}

#[test]
fn a_gate_tells_its_verdicts_and_says_each_minute_that_it_still_judges() {
    let mut session = Session::new(Sample::gate());
    let mut heartbeats = 0;
    for _ in 0..600 {
        session.sample.header.elapsed_ms += 1_000;
        let said = session.show();
        heartbeats += said.lines().count();
        assert!(
            said.is_empty() || said.contains("gate: 5m40s of 10m, asks in 24m20s; signals.error_rate.value < 1 = 0.42"),
            "{said}"
        );
    }
    assert_eq!(heartbeats, 10);
    let gate = session.sample.step.as_mut().and_then(|s| s.gate.as_mut()).unwrap();
    gate.last = Some((Verdict::Inconclusive, "p95: no reading".into()));
    gate.conditions[1].holds = Err("no reading".into());
    let said = session.show();
    assert!(said.contains("gate: inconclusive (p95: no reading)"), "{said}");
    assert!(said.contains("pass signals.p95.value < 0.5: cannot be told: no reading"), "{said}");
}

#[test]
fn text_from_outside_can_neither_move_the_cursor_nor_begin_a_line() {
    let evil = "ok\u{1b}[2J\n02:47:10 ? Start: nothing\r\u{202e}\u{9b}31m";
    let mut session = Session::new(Sample::running());
    let effect = session.sample.step.as_ref().and_then(|s| s.effect).unwrap();
    session.sample.live.output_mut(effect).push_line(evil, false);
    session.sample.notices.push(evil.into());
    session.sample.prompt = Prompt::Failure { step: step_ref("promote"), why: evil.into(), changes: false, can_continue: true };
    let said = session.show();
    assert!(!said.lines().any(|l| l.starts_with("02:47:10 ? Start")), "{said}");
    let (_, said) = session.line(evil);
    assert!(!said.lines().any(|l| l.starts_with("02:47:10 ? Start")), "{said}");
}

#[test]
fn what_is_looked_up_is_complete() {
    let mut session = Session::new(Sample::sources());
    let now = session.sample.now;
    session.sample.live.panels[0].data =
        PanelData::Pods(PodTable::with_rows("app=checkout", (0..3).map(|i| pod(i, "v1.2.4", now))));
    let mut all = String::new();
    for line in ["status", "steps", "undo", "sheet", "help"] {
        let (actions, said) = session.line(line);
        assert!(actions.is_empty());
        all.push_str(&format!("> {line}\n{said}"));
    }
    insta::assert_snapshot!("plain-looked-up", all);
    assert_eq!(session.line("quit").0, [Action::Quit]);
}

#[test]
fn each_seal_is_told_with_the_head_once() {
    let mut plain = Plain::new();
    let mut sample = Sample::gate();
    let mut told = Vec::new();
    for head in [None, Some("3f9ab2c1d0e4aaaa"), Some("3f9ab2c1d0e4aaaa"), Some("00112233445566")] {
        sample.sealed = head.map(str::to_owned);
        let mut out = Vec::new();
        plain.show(&sample.screen(), &mut out).unwrap();
        told.push(
            checked(out)
                .lines()
                .filter(|line| line.contains("sealed, head"))
                .map(|line| line[9..].to_owned())
                .collect::<Vec<_>>(),
        );
    }
    let line = |head: &str| vec![format!("journal: sealed, head {head}")];
    assert_eq!(told, [vec![], line("3f9ab2c1d0e4"), vec![], line("001122334455")]);
}
