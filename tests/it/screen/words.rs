//! What the screen says: that it is true, and that it is there where it is needed.

use pacenote::session::event::Mode;
use pacenote::tui::Ui;

use super::sample::Sample;
use super::{Operator, flat, frame, text};

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
        let (values, keys) = (shown.find("7.9 %   baseline 0.38 %   2 s old"), shown.find("a do it: roll back"));
        assert!(values.is_some() && values < keys, "{size:?}\n{shown}");
        assert_eq!(shown.matches("signals.error_rate.value > signals").count(), 1, "the condition, once\n{shown}");
    }
    let mut op = Operator::new(Sample::guard());
    op.size = (80, 24);
    op.char('3');
    let shown = text(&op.look());
    assert!(shown.contains("TRIPPED errors-up: signals.error_rate"), "behind a panel the banner says it\n{shown}");
}
