//! What the screen says: that it is true, and that it is there where it is needed.

use pacenote::session::event::{Mode, StepOutcome};
use pacenote::session::view::{GuardState, Prompt, RowState};
use pacenote::tui::{Action, Ui};
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::sample::Sample;
use super::{Operator, ctrl, flat, frame, text};

#[test]
fn a_rehearsal_that_is_left_is_begun_again_and_not_resumed() {
    let mut op = Operator::new(Sample { header: rehearsed(), ..Sample::running() });
    op.char('q');
    let shown = flat(&op.look());
    assert!(shown.contains("pacenote rehearse RUNBOOK") && !shown.contains("resume"), "{shown}");
}

fn rehearsed() -> pacenote::session::view::Header {
    let mut header = Sample::running().header;
    header.mode = Mode::Rehearsal;
    header
}

#[test]
fn the_time_left_is_that_of_what_runs_and_not_of_the_step() {
    let mut sample = Sample::running();
    let step = sample.step.as_mut().expect("a step");
    // Half an hour went by before the start was confirmed.
    step.elapsed_ms = 1_830_000;
    step.timeout_left_ms = Some(570_000);
    let shown = flat(&frame(&sample, &mut Ui::default(), (80, 24)));
    assert!(shown.contains("Nothing is asked of you; 9m30s until it times out."), "{shown}");
}

/// What one decides on at three in the morning is the number, not the condition again.
#[test]
fn a_tripped_guard_shows_what_its_condition_reads() {
    for size in [(80, 24), (120, 40)] {
        let shown = text(&frame(&Sample::guard(), &mut Ui::default(), size));
        let (values, keys) = (shown.find("7.9 %   baseline 0.38 %   2 s old"), shown.find("If you stop now"));
        assert!(values.is_some() && values < keys, "{size:?}\n{shown}");
        assert_eq!(shown.matches("signals.error_rate.value > signals").count(), 1, "the condition, once\n{shown}");
    }
    let mut op = Operator::new(Sample::guard());
    op.size = (80, 24);
    op.char('3');
    let shown = text(&op.look());
    assert!(shown.contains("TRIPPED errors-up: signals.error_rate"), "behind a panel the banner says it\n{shown}");
}

#[test]
fn a_time_to_answer_that_is_up_is_past() {
    let mut sample = Sample::guard();
    if let Prompt::Guard { left_ms, .. } = &mut sample.prompt {
        *left_ms = Some(-1_320_000);
    }
    let shown = flat(&frame(&sample, &mut Ui::default(), (80, 24)));
    assert!(shown.contains("time to answer was up 22 min ago; it keeps holding"), "{shown}");
}

/// The lines of the plot of a graph that fills the screen.
fn plot(high: f64) -> String {
    let mut sample = Sample::gate();
    let now = sample.now;
    sample.live.panels[2].data = super::sample::graph(super::sample::series(now, 120, 15_000, high, 0.0), "%", 1.0, 5.0, None);
    let mut op = Operator::new(sample);
    op.size = (80, 24);
    op.char('3');
    text(&op.look())
}

#[test]
fn each_line_of_a_graph_says_which_it_is() {
    let shown = plot(0.17);
    let line = |words: &str| shown.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("no {words} in\n{shown}"));
    assert!(line("warn 1 %").contains('┈') && !line("warn 1 %").contains("critical"), "{shown}");
    assert!(!line("↑ critical 5 %").contains('┈'), "off the scale, so on no line\n{shown}");
}

#[test]
fn marks_leave_the_times_of_an_axis_readable() {
    let mut sample = Sample::gate();
    sample.live.panels.truncate(3);
    for seconds in (0..1_800).step_by(20) {
        let at = sample.now - chrono::TimeDelta::seconds(seconds);
        sample.live.markers.push_front(pacenote::live::Marker { at, label: "10 %".into() });
    }
    for height in 24..60 {
        let shown = text(&frame(&sample, &mut Ui::default(), (120, height)));
        for axis in shown.lines().filter(|line| line.contains("-30m")) {
            assert!(axis.contains("02:32") && axis.contains("now"), "{height}\n{shown}");
        }
    }
}

#[test]
fn what_has_no_value_yet_is_no_row_of_question_marks() {
    let mut sample = Sample::gate();
    if let Some(gate) = sample.step.as_mut().and_then(|step| step.gate.as_mut()) {
        for condition in &mut gate.conditions {
            condition.values.clear();
            condition.holds = Err(format!("p95: {}", pacenote::session::NOT_SETTLED));
        }
    }
    let shown = text(&frame(&sample, &mut Ui::default(), (120, 40)));
    assert!(!shown.contains("???") && shown.contains("–  –"), "{shown}");
}

#[test]
fn that_a_command_was_asked_to_stop_is_said_for_as_long_as_it_runs() {
    let mut op = Operator::new(Sample::running());
    op.size = (80, 24);
    op.event(ctrl('c'));
    op.now += 42_000;
    assert!(flat(&op.look()).contains("asked to stop 42 s ago (SIGINT); Ctrl-C: SIGTERM"), "{}", text(&op.look()));
    op.event(ctrl('c'));
    op.now += 7_000;
    assert!(flat(&op.look()).contains("told to stop 7 s ago (SIGTERM); Ctrl-C: SIGKILL"));
    op.sample = Sample::gate();
    assert!(!flat(&op.look()).contains("to stop"));
}

#[test]
fn the_command_line_tells_its_commands() {
    let mut op = Operator::new(Sample::gate());
    op.size = (80, 24);
    op.char(':');
    op.char('?');
    assert!(flat(&op.look()).contains(":skip [REASON]"), "{}", text(&op.look()));
    op.press(KeyCode::Esc);
    op.char(':');
    op.type_in(":?");
    assert!(flat(&op.look()).contains(":skip [REASON]"));
    op.press(KeyCode::Esc);
    op.char(':');
    op.type_in("snooze");
    assert!(flat(&op.look()).contains("type :snooze GUARD TIME REASON, such as 10m; guards: health-failing, errors-up"));
    op.now += 600;
    op.char('j');
    assert!(flat(&op.look()).contains("n note"), "the keys are back with the next key");
}

#[test]
fn a_long_message_is_there_whole() {
    let mut op = Operator::new(Sample::gate());
    op.size = (80, 24);
    let words = "the journal cannot be written (No space left on device), so nothing that would have to be recorded can be done";
    op.ui.say(words, pacenote::tui::Level::Warn, op.now);
    assert!(flat(&op.look()).contains(words), "{}", text(&op.look()));
}

#[test]
fn a_paused_session_without_a_journal_does_not_offer_to_go_on() {
    let mut sample = Sample::paused();
    sample.journal_failed = Some("No space left on device".into());
    let shown = flat(&frame(&sample, &mut Ui::default(), (80, 24)));
    assert!(!shown.contains("Enter\u{a0}go\u{a0}on"), "{shown}");
    for words in ["free space", "leave with q", "pacenote resume 2026-03-10-canary-deploy-4f2a"] {
        assert!(shown.contains(words), "no {words} in {shown}");
    }
}

#[test]
fn a_change_is_announced_whole_on_a_small_screen() {
    let shown = text(&frame(&Sample::start(), &mut Ui::default(), (80, 24)));
    assert!(shown.contains("-    weight: 10") && shown.contains("+    weight: 50") && !shown.contains("more line"), "{shown}");
}

#[test]
fn a_search_without_a_match_leaves_the_steps_where_they_were() {
    let mut op = Operator::new(Sample::gate());
    op.size = (80, 24);
    let before = text(&op.look());
    op.char('/');
    for c in "tell nobody".chars() {
        op.char(c);
        op.look();
    }
    let shown = text(&op.look());
    assert!(shown.contains("not found") && shown.contains("▶ Watch it"), "{shown}");
    op.press(KeyCode::Esc);
    assert_eq!(text(&op.look()), before);
}

#[test]
fn rows_that_have_no_room_are_counted() {
    let mut sample = Sample::gate();
    sample.notices = vec!["the runbook has changed on disk".into()];
    sample.guards[0].state = GuardState::CannotJudge("no reading".into());
    for height in 16..=24 {
        let shown = text(&frame(&sample, &mut Ui::default(), (80, height)));
        let rows = shown.matches(" old").count();
        assert!(shown.contains("traffic >= 10") || shown.contains("more line") || rows == 0, "{height}\n{shown}");
    }
}

#[test]
fn a_window_that_is_too_small_says_so_and_takes_no_answers() {
    let mut op = Operator::new(Sample::guard());
    op.size = (20, 5);
    let shown = flat(&op.look());
    assert!(shown.contains("too small: 20x5, needs 40x10") && shown.contains("● LIVE"), "{shown}");
    op.now += 5_000;
    op.look();
    for c in "acspRn:?1".chars() {
        assert_eq!(op.char(c), vec![], "{c}");
    }
    op.size = (120, 40);
    assert!(!flat(&op.look()).contains("Roll back?"), "nothing was opened unseen");
    op.size = (20, 5);
    op.look();
    op.char('q');
    assert!(flat(&op.look()).contains("Leave?"));
    op.now += 600;
    op.look();
    assert_eq!(op.press(KeyCode::Enter), vec![Action::Quit]);
}

#[test]
fn help_begins_with_the_keys_of_the_question() {
    let mut op = Operator::new(Sample::guard());
    op.size = (80, 24);
    op.char('?');
    let shown = flat(&op.look());
    let (guard, rest) = (shown.find("Does what the guard says."), shown.find("Writes a note into the record."));
    assert!(guard.is_some() && rest.is_none_or(|rest| guard < Some(rest)), "{shown}");
}

#[test]
fn the_footer_of_a_form_says_how_to_leave_it() {
    let mut op = Operator::new(Sample::input());
    op.size = (80, 24);
    op.press(KeyCode::Enter);
    assert!(flat(&op.look()).contains("Esc leave the form"), "{}", text(&op.look()));
}

#[test]
fn text_is_deleted_as_in_a_shell() {
    let note = |keys: &[KeyEvent]| {
        let mut op = Operator::new(Sample::gate());
        op.char('n');
        "one two three".chars().for_each(|c| drop(op.char(c)));
        keys.iter().for_each(|key| drop(op.event(*key)));
        format!("{:?}", op.type_in("x"))
    };
    assert!(note(&[ctrl('u')]).contains("\"x\""));
    assert!(note(&[ctrl('w')]).contains("\"one two x\""));
    assert!(note(&[ctrl('a'), ctrl('k')]).contains("\"x\""));
}

#[test]
fn a_name_is_asked_for_with_the_reason_for_it() {
    let mut op = Operator::new(Sample::start_run());
    op.press(KeyCode::Enter);
    assert!(flat(&op.look()).contains("The runbook marks it as dangerous"));
}

#[test]
fn at_the_end_every_step_is_counted_once() {
    let (_, mut sample) = Sample::all().into_iter().find(|(name, _)| *name == "closed_failed").expect("there");
    sample.outline[0].state = RowState::Ended(StepOutcome::Interrupted);
    sample.outline[1].state = RowState::Dropped;
    let shown = flat(&frame(&sample, &mut Ui::default(), (120, 40)));
    assert!(shown.contains("1 stopped") && shown.contains("1 not reached") && !shown.contains("19/19"), "{shown}");
    let numbers = pacenote::tui::closing_facts(&sample.screen()).into_iter().skip(1);
    let counted = numbers.filter_map(|fact| fact.split(' ').next()?.parse::<usize>().ok()).sum::<usize>();
    assert_eq!(counted, sample.outline.len());
}
