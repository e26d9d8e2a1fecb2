//! The screen: every question and every state of a panel at three sizes, and what must
//! hold at all of them.

use std::fmt::Write as _;

use pacenote::session::event::Mode;
use pacenote::session::view::Prompt;
use pacenote::tui::bundle::{Bundle, BundleScreen, Section};
use pacenote::tui::inputs::InputsScreen;
use pacenote::tui::launcher::{Launcher, LauncherAction, LauncherItem, LauncherKind};
use pacenote::tui::{self, Action, Depth, ThemeName, Ui};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};

#[expect(dead_code, reason = "the frame benchmark uses the rest")]
#[path = "../support/sample.rs"]
pub(crate) mod sample;

mod keys;
mod words;

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
    let all = Sample::all().into_iter().chain(Sample::panel_states()).chain(Sample::guard_states());
    for (name, sample) in all {
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
    shot("sheet-80x24", Sample::gate(), (80, 24), &[ctrl('o')]);
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
        sections: vec![
            Section {
                heading: "Commands it runs".into(),
                items: vec![(vec!["./backup.sh ${{ inputs.version }}".into()], "step backup".into())],
            },
            Section {
                heading: "Scripts it runs".into(),
                items: vec![(vec!["set -eu".into(), "./smoke --host \"$HOST\"".into()], "step smoke".into())],
            },
            Section {
                heading: "Hosts it contacts".into(),
                items: vec![(vec!["https://checkout.example.com".into()], "signal api".into())],
            },
        ],
        files: vec![("canary-deploy.yaml".into(), "9a".repeat(32), true), ("backup.sh".into(), "1b".repeat(32), false)],
    });
    t.draw(|f| bundle.view(&theme, false, f)).expect("drawn");
    insta::assert_snapshot!("bundle-80x24", text(t.backend().buffer()));

    let inputs = InputsScreen::new("Canary deploy of checkout", Mode::Rehearsal, "production", &sample::prompts::inputs());
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
    for (name, sample) in Sample::all().into_iter().chain(Sample::panel_states()) {
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
fn colours_say_what_the_words_say() {
    let cell_of = |ui: &mut Ui, sample: &Sample, words: &str| {
        let buffer = frame(sample, ui, (120, 40));
        let shown = text(&buffer);
        let (y, line) = shown.lines().enumerate().find(|(_, l)| l.contains(words)).expect("it is on screen");
        let x = line.char_indices().position(|(i, _)| line[i..].starts_with(words)).expect("it is there");
        buffer[(x as u16, y as u16)].clone()
    };
    let mut dark = Ui::default();
    assert_eq!(cell_of(&mut dark, &Sample::gate(), "● LIVE").bg, Color::Indexed(203), "protected: red");
    let mut staging = Sample::gate();
    staging.header.protected = false;
    assert_eq!(cell_of(&mut dark, &staging, "● LIVE").bg, Color::Indexed(215));
    assert_eq!(cell_of(&mut dark, &Sample::worst(), "JOURNAL CANNOT").bg, Color::Indexed(203));
    assert_eq!(cell_of(&mut dark, &Sample::failure(), "CrashLoopBackOff").fg, Color::Indexed(203));
    let mut plain = Ui::new(ThemeName::None, Depth::Basic, false);
    assert!(cell_of(&mut plain, &Sample::gate(), "● LIVE").modifier.contains(Modifier::REVERSED));
    let mut blind = Ui::new(ThemeName::ColourBlind, Depth::Indexed, false);
    assert_eq!(cell_of(&mut blind, &Sample::failure(), "CrashLoopBackOff").fg, Color::Indexed(208), "orange");
}

/// The head is there to be noted elsewhere, in full width; it gives way before what one
/// needs to act.
#[test]
fn the_head_of_the_last_seal_is_on_the_screen() {
    let mut sample = Sample::gate();
    sample.sealed = Some("3f9ab2c1d0e4".repeat(5) + "0000");
    let wide = text(&frame_at(&sample, &mut Ui::default(), (200, 50), 10_000));
    assert!(wide.contains("sealed 3f9ab2c1d0e4") && wide.contains("journal #"), "{wide}");
    insta::assert_snapshot!("sealed-120x40", text(&frame_at(&sample, &mut Ui::default(), (120, 40), 10_000)));
    let narrow = text(&frame_at(&sample, &mut Ui::default(), (80, 24), 10_000));
    assert!(narrow.contains("journal #"), "{narrow}");
}
