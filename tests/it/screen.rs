//! The screen: every question and every state of a panel at three sizes, and what must
//! hold at all of them.

use std::fmt::Write as _;

use pacenote::session::event::Mode;
use pacenote::session::message::{Command, FailureChoice, GuardChoice};
use pacenote::session::view::Prompt;
use pacenote::tui::bundle::{Bundle, BundleScreen};
use pacenote::tui::inputs::InputsScreen;
use pacenote::tui::launcher::{Launcher, LauncherAction, LauncherItem, LauncherKind};
use pacenote::tui::{self, Action, Depth, ThemeName, Ui, keymap};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

#[path = "../support/sample.rs"]
mod sample;

use sample::Sample;

/// The three sizes of the snapshots.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 50)];

fn terminal((width, height): (u16, u16)) -> Terminal<TestBackend> {
    Terminal::new(TestBackend::new(width, height)).expect("a test terminal")
}

/// Draws at a moment and gives the cells.
fn frame_at(sample: &Sample, ui: &mut Ui, size: (u16, u16), now_ms: u64) -> Buffer {
    let mut terminal = terminal(size);
    tui::draw(&mut terminal, &sample.screen(), ui, now_ms).expect("drawn");
    terminal.backend().buffer().clone()
}

/// Draws twice, a second apart, so that the prompt takes answers.
fn frame(sample: &Sample, ui: &mut Ui, size: (u16, u16)) -> Buffer {
    frame_at(sample, ui, size, 1_000);
    frame_at(sample, ui, size, 2_000)
}

fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// The text with line breaks and runs of blanks made one blank, for looking up sentences.
fn flat(buffer: &Buffer) -> String {
    text(buffer).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn ctrl(c: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)
}

/// A screen that has been shown long enough to take answers, and its keys.
struct Operator {
    sample: Sample,
    ui: Ui,
    size: (u16, u16),
    now: u64,
}

impl Operator {
    fn new(sample: Sample) -> Self {
        let mut operator = Self { sample, ui: Ui::default(), size: (120, 40), now: 1_000 };
        operator.look();
        operator.now += 600;
        operator.look();
        operator
    }

    fn look(&mut self) -> Buffer {
        frame_at(&self.sample, &mut self.ui, self.size, self.now)
    }

    fn event(&mut self, event: KeyEvent) -> Vec<Action> {
        self.ui.handle(event, &self.sample.screen(), self.now)
    }

    fn press(&mut self, code: KeyCode) -> Vec<Action> {
        self.event(key(code))
    }

    fn char(&mut self, c: char) -> Vec<Action> {
        self.press(KeyCode::Char(c))
    }

    /// Types a text and Enter.
    fn type_in(&mut self, words: &str) -> Vec<Action> {
        for c in words.chars() {
            assert_eq!(self.char(c), vec![], "typing acts");
        }
        self.press(KeyCode::Enter)
    }
}

#[test]
fn every_question_and_panel_at_three_sizes() {
    for (name, sample) in Sample::all() {
        for (w, h) in SIZES {
            let shown = text(&frame(&sample, &mut Ui::default(), (w, h)));
            insta::assert_snapshot!(format!("{name}-{w}x{h}"), shown);
        }
    }
}

#[test]
fn overlays_zoom_and_forms() {
    let shot = |name: &str, sample: Sample, size: (u16, u16), keys: &[KeyEvent]| {
        let mut op = Operator::new(sample);
        op.size = size;
        op.look();
        for k in keys {
            op.event(*k);
        }
        op.look();
        op.now += 600;
        insta::assert_snapshot!(name, text(&op.look()));
    };
    let c = |c| key(KeyCode::Char(c));
    shot("help-80x24", Sample::gate(), (80, 24), &[c('?')]);
    shot("help-120x60", Sample::gate(), (120, 60), &[c('?')]);
    shot("rollback-plan-80x24", Sample::running(), (80, 24), &[c('R')]);
    shot("leave-80x24", Sample::running(), (80, 24), &[c('q')]);
    shot("note-80x24", Sample::gate(), (80, 24), &[c('n'), c('o'), c('k')]);
    shot("command-line-80x24", Sample::gate(), (80, 24), &[c(':'), c('s'), c('k')]);
    shot("type-name-80x24", Sample::start_run(), (80, 24), &[key(KeyCode::Enter), c('x'), key(KeyCode::Enter)]);
    shot("zoom-pods-80x24", Sample::failure(), (80, 24), &[c('1')]);
    shot("zoom-health-80x24", Sample::guard(), (80, 24), &[c('2')]);
    shot("zoom-graph-80x24", Sample::guard(), (80, 24), &[c('3')]);
    shot("zoom-output-80x24", Sample::running(), (80, 24), &[key(KeyCode::Tab), c('z')]);
    let search: Vec<_> = ['/', 's', 'l', 'o', 'w'].map(c).into();
    shot("search-120x40", Sample::running(), (120, 40), &search);
    shot("form-120x40", Sample::input(), (120, 40), &[key(KeyCode::Enter), c('x'), key(KeyCode::Tab)]);
    shot("steps-focus-80x24", Sample::gate(), (80, 24), &[key(KeyCode::BackTab)]);
}

#[test]
fn launcher_bundle_and_inputs() {
    use LauncherAction::{DryRun, Rehearse, Resume, Review, Run};
    let theme = tui::Theme::new(ThemeName::Dark, Depth::Indexed);
    let item = |kind, id: &str, title: &str, facts: &str, actions: &[LauncherAction]| LauncherItem {
        kind,
        id: id.into(),
        title: title.into(),
        facts: facts.into(),
        detail: format!("What is to be known about {id}."),
        actions: actions.to_vec(),
    };
    let launcher = Launcher::new(vec![
        item(LauncherKind::Runbook, "canary-deploy", "Canary deploy of checkout", "high risk, ~45m", &[Rehearse, DryRun, Run]),
        item(LauncherKind::Runbook, "rolling-deploy", "Rolling deploy", "medium risk, ~20m", &[Rehearse, DryRun, Run]),
        item(
            LauncherKind::Unfinished,
            "4f2a",
            "Canary deploy of checkout",
            "● LIVE production, at step 7 of 19",
            &[Resume, Review],
        ),
        item(LauncherKind::Finished, "3c11", "Rolling deploy", "completed, 2026-03-09", &[Review]),
    ]);
    let mut t = terminal((80, 24));
    t.draw(|f| launcher.view(&theme, false, f)).expect("drawn");
    insta::assert_snapshot!("launcher-80x24", text(t.backend().buffer()));

    let bundle = BundleScreen::new(Bundle {
        title: "Canary deploy of checkout".into(),
        path: "runbooks/canary-deploy.yaml".into(),
        sha256: "5f2c".repeat(16),
        changed_since: Some("on 2026-02-11".into()),
        commands: vec!["./backup.sh ${{ inputs.version }}".into()],
        hosts: vec!["checkout.example.com".into(), "prometheus.example.com".into()],
        environment: vec!["DEPLOY_TOKEN".into(), "PROM_AUTH".into()],
        secrets: Vec::new(),
        files: vec![("canary-deploy.yaml".into(), "9a".repeat(32), true), ("backup.sh".into(), "1b".repeat(32), false)],
    });
    t.draw(|f| bundle.view(&theme, false, f)).expect("drawn");
    insta::assert_snapshot!("bundle-80x24", text(t.backend().buffer()));

    let inputs = InputsScreen::new("Canary deploy of checkout", Mode::Rehearsal, "production", &sample::inputs());
    t.draw(|f| inputs.view(&theme, false, f)).expect("drawn");
    insta::assert_snapshot!("inputs-80x24", text(t.backend().buffer()));
}

#[test]
fn what_must_never_be_dropped_is_there_at_every_size() {
    for width in (80..=250).step_by(7) {
        for height in (24..=70).step_by(5) {
            for (name, sample) in [("worst", Sample::worst()), ("sources", Sample::sources()), ("start", Sample::start())] {
                let shown = flat(&frame(&sample, &mut Ui::default(), (width, height)));
                let has = |what: &str| assert!(shown.contains(what), "{name} {width}x{height}: no `{what}` in\n{shown}");
                has("● LIVE production · prod-eu/shop");
                for target in &sample.header.back_to {
                    has(target);
                }
                if name == "worst" {
                    for words in ["health-failing TRIPPED", "errors-up TRIPPED", "JOURNAL CANNOT BE WRITTEN", "PAUSED"] {
                        has(words);
                    }
                    has("a do it: roll back");
                }
            }
        }
    }
}

#[test]
fn it_never_lies_about_the_mode() {
    for (mode, words) in [(Mode::Live, "● LIVE"), (Mode::DryRun, "◐ DRY RUN"), (Mode::Rehearsal, "○ REHEARSAL")] {
        for (name, mut sample) in Sample::all() {
            sample.header.mode = mode;
            for size in [(40, 10), (80, 24), (250, 70)] {
                let shown = flat(&frame(&sample, &mut Ui::default(), size));
                assert!(shown.contains(words), "{name} {size:?}: {shown}");
                for other in ["● LIVE", "◐ DRY RUN", "○ REHEARSAL"].iter().filter(|o| **o != words) {
                    assert!(!shown.contains(other), "{name} {size:?}: {shown}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Any size, any sequence of keys: no panic, and nothing acts but what keys say.
    #[test]
    fn no_size_and_no_keys_panic(
        width in 1u16..300,
        height in 1u16..100,
        which in 0usize..23,
        keys in prop::collection::vec(any_key(), 0..24),
        ascii: bool,
    ) {
        let (_, sample) = Sample::all().swap_remove(which);
        let mut ui = Ui::new(ThemeName::ColourBlind, Depth::Indexed, ascii);
        let mut now = 0;
        for k in keys {
            frame_at(&sample, &mut ui, (width, height), now);
            now += 300;
            ui.handle(k, &sample.screen(), now);
        }
        ui.paste("pasted\ntext");
        frame_at(&sample, &mut ui, (width, height), now);
    }

    /// Text from outside cannot steer the terminal.
    #[test]
    fn no_control_character_reaches_the_screen(evil in "[\\x00-\\x1f\\u{7f}-\\u{9f}\\u{202a}-\\u{202e}\\u{2066}-\\u{2069}\\u{200b}-\\u{200f}a-c]{1,40}") {
        let mut sample = Sample::failure();
        sample.header.title.clone_from(&evil);
        sample.header.back_to = vec![evil.clone()];
        sample.header.ticket = Some(evil.clone());
        sample.guards[0].condition.clone_from(&evil);
        sample.undo[0].text.clone_from(&evil);
        sample.outline[0].title.clone_from(&evil);
        sample.notices = vec![evil.clone()];
        sample.live.panels[2].title.clone_from(&evil);
        if let Some(step) = &mut sample.step {
            step.text.clone_from(&evil);
            step.title.clone_from(&evil);
        }
        sample.prompt = Prompt::Failure { step: sample::step_ref("x"), why: evil.clone(), changes: true, can_continue: true };
        for size in SIZES {
            let buffer = frame(&sample, &mut Ui::default(), size);
            for cell in &buffer.content {
                for c in cell.symbol().chars() {
                    prop_assert!(!c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'), "{:?}", cell.symbol());
                }
            }
        }
    }
}

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        prop::char::range(' ', '~').prop_map(KeyCode::Char),
        prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::PageUp,
            KeyCode::PageDown,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::Backspace,
            KeyCode::Delete,
        ]),
    ];
    (code, prop::bool::weighted(0.1))
        .prop_map(|(code, ctrl)| KeyEvent::new(code, if ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE }))
}

#[test]
fn ascii_is_nothing_but_ascii() {
    for (name, sample) in Sample::all() {
        for size in SIZES {
            let buffer = frame(&sample, &mut Ui::new(ThemeName::Dark, Depth::Basic, true), size);
            let shown = text(&buffer);
            assert!(shown.is_ascii(), "{name} {size:?}: {:?}", shown.chars().filter(|c| !c.is_ascii()).collect::<String>());
        }
    }
    let shown = text(&frame(&Sample::guard(), &mut Ui::new(ThemeName::None, Depth::Basic, true), (120, 40)));
    insta::assert_snapshot!("ascii-guard-120x40", shown);
}

#[test]
fn without_colours_there_are_none_and_the_words_are_the_same() {
    for (name, sample) in Sample::all() {
        let coloured = frame(&sample, &mut Ui::default(), (120, 40));
        let plain = frame(&sample, &mut Ui::new(ThemeName::None, Depth::Basic, false), (120, 40));
        assert_eq!(text(&coloured), text(&plain), "{name}");
        for cell in &plain.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{name}: {:?}", cell.symbol());
        }
    }
}

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
    let step = sample::step_ref("shift[50]/weights");
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
