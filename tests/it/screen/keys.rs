//! What keys do: answers, the half second, and everything that must not act.

use pacenote::session::message::{Command, FailureChoice, GuardChoice};
use pacenote::session::view::Prompt;
use pacenote::tui::{Action, Ui, keymap};
use ratatui::crossterm::event::KeyCode;

use super::sample::{Sample, step_ref};
use super::{Operator, ctrl, flat, frame_at, key, text};

#[test]
fn a_prompt_that_has_just_appeared_takes_no_answer_for_half_a_second() {
    let sample = Sample::start();
    let mut ui = Ui::default();
    let enter = key(KeyCode::Enter);
    assert_eq!(ui.handle(enter, &sample.screen(), 900), vec![], "it was never shown");
    frame_at(&sample, &mut ui, (120, 40), 1_000);
    for now in [1_000, 1_250, 1_499] {
        assert_eq!(ui.handle(enter, &sample.screen(), now), vec![], "{now}");
    }
    assert!(matches!(ui.handle(enter, &sample.screen(), 1_500).as_slice(), [Action::Start { .. }]));
}

#[test]
fn enter_never_starts_what_took_anothers_place() {
    let (mut sample, next) = (Sample::confirm(), Sample::start());
    let mut op = Operator::new(Sample::confirm());
    std::mem::swap(&mut sample, &mut op.sample);
    // The session has gone on to a change, which was not drawn yet.
    op.sample = next;
    assert_eq!(op.press(KeyCode::Enter), vec![], "never shown");
    op.look();
    assert_eq!(op.press(KeyCode::Enter), vec![], "shown just now");
    op.now += 499;
    assert_eq!(op.press(KeyCode::Enter), vec![]);
    op.now += 1;
    assert!(matches!(op.press(KeyCode::Enter).as_slice(), [Action::Start { .. }]));

    // The same step, but what it would do has changed under the operator's finger.
    op.look();
    let step = step_ref("shift[50]/weights");
    if let Some(Ok(state)) = op.sample.live.preparations.get_mut(&step) {
        state.resource_version = "48152".into();
        state.diff.push_str("\n+    timeout: 3s");
    }
    assert_eq!(op.press(KeyCode::Enter), vec![], "another diff is another question");
}

#[test]
fn a_question_behind_a_zoomed_panel_takes_no_answer() {
    let mut op = Operator::new(Sample::start());
    op.char('3');
    op.look();
    op.now += 5_000;
    assert_eq!(op.press(KeyCode::Enter), vec![]);
    op.press(KeyCode::Esc);
    op.look();
    op.now += 600;
    assert!(matches!(op.press(KeyCode::Enter).as_slice(), [Action::Start { .. }]));
}

#[test]
fn the_object_goes_along_as_it_was_shown() {
    let mut op = Operator::new(Sample::start());
    let actions = op.press(KeyCode::Enter);
    let [Action::Start { prepared: Some(state), step }] = actions.as_slice() else { panic!("{actions:?}") };
    assert_eq!((state.resource_version.as_str(), step.path.as_str()), ("48151", "shift[50]/weights"));

    let mut op = Operator::new(Sample::start_image());
    assert!(matches!(op.press(KeyCode::Enter).as_slice(), [Action::Prepare { .. }]), "it could not be read: read again");

    let mut sample = Sample::start();
    sample.live.preparations.clear();
    assert_eq!(Operator::new(sample).press(KeyCode::Enter), vec![], "not read yet: nothing starts");
    assert_eq!(Operator::new(Sample::start_unknown()).press(KeyCode::Enter), vec![]);
}

#[test]
fn a_dangerous_step_wants_the_name() {
    let mut op = Operator::new(Sample::start_run());
    assert_eq!(op.press(KeyCode::Enter), vec![]);
    assert_eq!(op.type_in("checkot"), vec![]);
    assert!(flat(&op.look()).contains("that is not `checkout`"));
    for _ in 0..7 {
        op.press(KeyCode::Backspace);
    }
    assert!(matches!(op.type_in("checkout").as_slice(), [Action::Start { .. }]));
}

/// The one command among the actions.
fn command(actions: &[Action]) -> &Command {
    match actions {
        [Action::Command(command)] => command,
        other => panic!("one command expected: {other:?}"),
    }
}

#[test]
fn each_question_is_answered_by_its_keys() {
    let mut op = Operator::new(Sample::confirm());
    assert!(matches!(command(&op.press(KeyCode::Enter)), Command::Confirm { yes: true, .. }));
    assert!(matches!(command(&op.char('x')), Command::Confirm { yes: false, .. }));
    assert_eq!(op.char('y'), vec![]);

    let mut op = Operator::new(Sample::decide());
    assert!(matches!(command(&op.char('y')), Command::Choose { key: 'y', reason: None, .. }));
    assert_eq!(op.char('b'), vec![], "wants a reason first");
    let chosen = op.type_in("errors at 8 %");
    assert!(matches!(command(&chosen), Command::Choose { key: 'b', reason: Some(r), .. } if r == "errors at 8 %"));

    let mut op = Operator::new(Sample::failure());
    assert!(matches!(command(&op.char('t')), Command::Failure { choice: FailureChoice::Retry, .. }));
    op.char('c');
    assert_eq!(op.press(KeyCode::Enter), vec![], "a reason is needed");
    assert!(matches!(command(&op.type_in("known")), Command::Failure { choice: FailureChoice::Continue, reason: Some(_), .. }));

    let mut op = Operator::new(Sample::guard());
    assert!(matches!(command(&op.char('a')), Command::Guard { choice: GuardChoice::Act, .. }));
    op.char('s');
    assert_eq!(op.type_in("soon"), vec![], "no time, no reason");
    op.press(KeyCode::Esc);
    op.char('s');
    let snoozed = op.type_in("10m known peak");
    assert!(
        matches!(command(&snoozed), Command::Guard { choice: GuardChoice::Snooze(600_000), reason: Some(r), .. } if r == "known peak")
    );

    let mut op = Operator::new(Sample::unknown());
    assert!(matches!(command(&op.char('o')), Command::Settle { .. }));
    let mut op = Operator::new(Sample::interrupt());
    assert!(matches!(command(&op.char('x')), Command::Interrupt { kill: true, .. }));
    assert!(matches!(command(&op.char('w')), Command::Interrupt { kill: false, .. }));
    let mut op = Operator::new(Sample::gate_hold());
    op.char('o');
    assert!(matches!(command(&op.type_in("p95 is known to be gone")), Command::OverrideGate { .. }));
    let mut op = Operator::new(Sample::when());
    op.char('s');
    assert!(matches!(command(&op.type_in("no traffic at night")), Command::When { run: false, .. }));
    let mut op = Operator::new(Sample::paused());
    assert!(matches!(command(&op.press(KeyCode::Enter)), Command::Unpause));
    let (_, closed) = Sample::all().into_iter().find(|(n, _)| *n == "closed").expect("there");
    assert_eq!(Operator::new(closed).press(KeyCode::Enter), vec![Action::Quit]);
}

#[test]
fn a_checklist_ticks_and_asks_for_notes() {
    let mut op = Operator::new(Sample::checklist());
    assert_eq!(op.press(KeyCode::Enter), vec![], "not everything is ticked");
    assert_eq!(op.char(' '), vec![], "the second item wants a note");
    assert!(matches!(command(&op.type_in("paged bob")), Command::Tick { item: 1, ticked: true, note: Some(_), .. }));
    op.char('k');
    assert!(matches!(command(&op.char(' ')), Command::Tick { item: 0, ticked: false, note: None, .. }));
    if let Prompt::Checklist { items, .. } = &mut op.sample.prompt {
        items.iter_mut().for_each(|i| i.ticked = true);
    }
    assert!(matches!(command(&op.press(KeyCode::Enter)), Command::CompleteChecklist { .. }));
}

/// Terminals paste lines that end with a carriage return, or type them one by one.
#[test]
fn an_approvers_answer_keeps_its_lines_however_it_is_pasted() {
    let lines = ["by: ann", "-----BEGIN SSH SIGNATURE-----", "U1NI", "-----END SSH SIGNATURE-----"];
    for end in ["\r", "\n", "\r\n"] {
        let mut op = Operator::new(Sample::approve());
        assert_eq!(op.char('a'), vec![]);
        assert_eq!(op.press(KeyCode::Enter), vec![], "nothing is there yet");
        op.ui.paste(&lines.map(|line| format!("{line}{end}")).concat());
        assert_eq!(op.press(KeyCode::Enter), vec![Action::Answer(lines.join("\n"))], "{end:?}");
    }
    let mut op = Operator::new(Sample::approve());
    op.char('a');
    for (n, line) in lines.iter().enumerate() {
        line.chars().for_each(|c| drop(op.char(c)));
        let done = op.press(KeyCode::Enter);
        assert_eq!(done.is_empty(), n < 3, "{line}");
    }
}

#[test]
fn the_rollback_plan_asks_once_and_not_too_soon() {
    let mut op = Operator::new(Sample::gate());
    assert_eq!(op.char('R'), vec![]);
    assert_eq!(op.press(KeyCode::Enter), vec![], "it was not even drawn");
    let shown = flat(&op.look());
    let (first, second) = (shown.find("1. route back to 0 %"), shown.find("2. undo the image"));
    assert!(first.is_some() && first < second, "{shown}");
    assert_eq!(op.press(KeyCode::Enter), vec![]);
    op.now += 500;
    op.look();
    assert!(matches!(command(&op.press(KeyCode::Enter)), Command::Rollback { reason: None }));
    op.char('R');
    op.look();
    op.press(KeyCode::Esc);
    op.now += 600;
    assert_eq!(op.press(KeyCode::Enter), vec![], "closed: Enter means nothing here");
}

#[test]
fn leaving_says_what_stays_and_asks() {
    let mut op = Operator::new(Sample::running());
    op.char('q');
    let shown = flat(&op.look());
    assert!(shown.contains("pacenote resume 2026-03-10-canary-deploy-4f2a") && shown.contains("If you stop now"), "{shown}");
    op.now += 500;
    assert_eq!(op.press(KeyCode::Enter), vec![Action::Quit]);
}

#[test]
fn stop_means_stop_harder_each_time() {
    let mut op = Operator::new(Sample::running());
    for expected in ["SIGINT", "SIGTERM", "SIGKILL", "SIGKILL"] {
        assert!(matches!(command(&op.event(ctrl('c'))), Command::Stop { signal, .. } if signal == expected));
    }
    let mut op = Operator::new(Sample::confirm());
    assert_eq!(op.event(ctrl('c')), vec![], "nothing runs");
    assert!(flat(&op.look()).contains("Leave?"));
}

#[test]
fn the_command_line_does_what_it_says() {
    let mut op = Operator::new(Sample::gate());
    let mut line = |words: &str| {
        op.char(':');
        op.type_in(words)
    };
    assert!(matches!(command(&line("skip not needed tonight")), Command::Skip { reason, .. } if reason == "not needed tonight"));
    assert!(matches!(command(&line("override seen by eye")), Command::OverrideGate { .. }));
    assert!(matches!(command(&line("snooze errors-up 10m peak")), Command::Guard { choice: GuardChoice::Snooze(600_000), .. }));
    assert!(matches!(command(&line("note all quiet")), Command::Note { text } if text == "all quiet"));
    assert!(matches!(command(&line("pause lunch")), Command::Pause { reason: Some(_) }));
    assert!(matches!(command(&line("go")), Command::Unpause));
    assert_eq!(line("snooze nobody 10m x"), vec![]);
    assert_eq!(line("dance"), vec![]);
    assert_eq!(line("retry"), vec![], "nothing has failed");
    assert_eq!(line("abort"), vec![], "asks for a reason");
    assert!(matches!(command(&op.type_in("wrong ticket")), Command::Abort { reason } if reason == "wrong ticket"));
    for (name, ..) in keymap::COMMANDS {
        let mut op = Operator::new(Sample::gate());
        op.char(':');
        op.type_in(name);
        assert!(!flat(&op.look()).contains("there is no command"), "{name}");
    }
}

#[test]
fn a_question_that_changes_takes_the_half_typed_reason_with_it() {
    let mut op = Operator::new(Sample::failure());
    op.char('a');
    op.char('h');
    op.sample = Sample::guard();
    op.look();
    assert_eq!(op.press(KeyCode::Enter), vec![], "the reason was for another question");
    assert!(flat(&op.look()).contains("was not sent"));

    let mut op = Operator::new(Sample::failure());
    op.char('n');
    op.char('h');
    op.sample = Sample::guard();
    op.look();
    assert!(matches!(command(&op.press(KeyCode::Enter)), Command::Note { .. }), "a note belongs to no question");
}

#[test]
fn what_is_still_being_typed_when_its_field_goes_is_no_command() {
    let mut op = Operator::new(Sample::input());
    op.press(KeyCode::Enter);
    op.char('v');
    op.sample = Sample::guard();
    op.look();
    for c in "pqRa report".chars() {
        op.now += 300;
        assert_eq!(op.char(c), vec![], "{c}");
        op.look();
    }
    assert!(!flat(&op.look()).contains("Leave?"));
    op.now += 800;
    assert!(matches!(command(&op.char('a')), Command::Guard { .. }), "after a pause keys are keys again");
    op.sample = Sample::input();
    op.look();
    assert!(flat(&op.look()).contains("│ v"), "the form has kept what was typed");
}

#[test]
fn a_form_gives_typed_answers_and_keeps_its_secret() {
    let mut op = Operator::new(Sample::input());
    op.press(KeyCode::Enter);
    for words in ["v1.2.4", "because", "3", "", " ", "l", "10m", "2026-03-10T03:00:00Z"] {
        op.ui.paste(words);
        if words == " " || words == "l" {
            op.char(words.chars().next().expect("one"));
        }
        op.press(KeyCode::Tab);
    }
    op.ui.paste("hunter2");
    let drawn = flat(&op.look());
    assert!(!drawn.contains("hunter2"), "{drawn}");
    let actions = op.event(ctrl('s'));
    assert!(!format!("{actions:?}").contains("hunter2"));
    let [Action::Give { values, secrets, .. }] = actions.as_slice() else { panic!("{actions:?}\n{}", text(&op.look())) };
    assert_eq!(
        values.keys().map(String::as_str).collect::<Vec<_>>(),
        ["at", "count", "for", "reason", "region", "told", "version"]
    );
    assert_eq!(secrets.iter().map(|(n, s)| (n.as_str(), s.expose())).collect::<Vec<_>>(), [("token", "hunter2")]);
}

#[test]
fn time_on_screen_sets_when_to_draw() {
    let sample = Sample::gate();
    let mut ui = Ui::default();
    assert!(ui.needs_draw(0));
    frame_at(&sample, &mut ui, (120, 40), 10_000);
    assert!(!ui.needs_draw(10_100), "nothing has changed");
    assert!(ui.needs_draw(10_500), "the question takes answers from now on, and shows it");
    frame_at(&sample, &mut ui, (120, 40), 10_500);
    assert!(!ui.needs_draw(11_000));
    assert!(ui.needs_draw(11_500), "ages have moved on");
    frame_at(&sample, &mut ui, (120, 40), 11_500);
    ui.handle(key(KeyCode::Char('?')), &sample.screen(), 11_600);
    assert!(ui.needs_draw(11_600), "a key changes what is shown");
}

#[test]
fn the_bell_rings_when_a_long_wait_ends_in_a_question() {
    let mut op = Operator::new(Sample::gate());
    op.ui.take_pending(&op.sample.screen());
    op.now += 20_000;
    op.look();
    op.sample = Sample::decide();
    op.look();
    assert!(op.ui.take_pending(&op.sample.screen()).contains(&Action::Bell));
    op.look();
    assert!(!op.ui.take_pending(&op.sample.screen()).contains(&Action::Bell), "once");
}

#[test]
fn the_session_is_told_which_panels_can_be_seen() {
    let mut op = Operator::new(Sample::gate());
    let told = op.ui.take_pending(&op.sample.screen());
    assert!(matches!(command(&told), Command::View { panels } if panels == &["pods", "api", "error_rate", "p95"]));
    op.char('3');
    op.look();
    let told = op.ui.take_pending(&op.sample.screen());
    assert!(matches!(command(&told), Command::View { panels } if panels == &["error_rate"]));
}

#[test]
fn what_would_be_done_can_be_copied() {
    let mut op = Operator::new(Sample::start());
    let actions = op.event(ctrl('y'));
    let [Action::Copy(copied)] = actions.as_slice() else { panic!("{actions:?}") };
    assert!(copied.starts_with("kubectl --context prod-eu -n shop patch"), "{copied}");
}
