//! Sessions of the past on the screen: what is shown at a moment is what the records up to
//! it say, whatever way one came there, and nothing of it is touched.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use pacenote::app::replay::{Film, open};
use pacenote::app::watch;
use pacenote::journal::Record;
use pacenote::live::Live;
use pacenote::replay::{Playback, Player, Tape};
use pacenote::report::Source;
use pacenote::runbook::load;
use pacenote::session::event::Note;
use pacenote::session::{At, Event, Plan, Session};
use pacenote::tui::{self, Action, Depth, ThemeName, Transport, Ui};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::export::{Walked, walk};

mod command;

/// A canary that is rolled back, walked once for all tests.
fn walked() -> &'static Walked {
    static WALKED: OnceLock<Walked> = OnceLock::new();
    WALKED.get_or_init(|| walk("canary-deploy", "bad-canary"))
}

fn source() -> Source {
    Source::read(&walked().dir.journal()).unwrap()
}

fn film() -> Film {
    open(source(), None, Playback::new(1.0, None)).unwrap()
}

/// A player over records, and the session it began with.
fn player(records: Vec<Record>) -> (Player, Session) {
    let bundle = load::load("canary-deploy").unwrap_or_else(|_| panic!("it has mistakes"));
    let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), Some("production")).unwrap();
    let first = &records[0];
    let at = At { wall: first.ts, mono_ms: first.mono_ms };
    let session = Session::open(Arc::new(plan), &first.sid, at, first.event.as_ref().unwrap()).unwrap();
    let specs: Vec<_> =
        watch::resolve(&session, at, &watch::Headers::default()).unwrap().iter().map(|signal| signal.panel()).collect();
    (Player::new(Tape::new(records), session.clone(), &specs), session)
}

/// The panels as text, without the mark that they are to be drawn.
fn panels(live: &Live) -> String {
    format!("{:?} {:?} {:?} {:?}", live.panels, live.markers, live.progress, live.preparations)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Going somewhere is folding the records before it.
    #[test]
    fn any_way_to_a_place_leads_to_the_same_session(places in prop::collection::vec(1_usize..2_000, 1..12)) {
        let records = source().records;
        let (mut jumping, first) = player(records.clone());
        for place in places {
            let place = place % records.len() + 1;
            jumping.fold_to(place);
            let mut folded = first.clone();
            for record in records.iter().take(place).skip(1) {
                folded.apply(At { wall: record.ts, mono_ms: record.mono_ms }, record.event.as_ref().unwrap()).unwrap();
            }
            prop_assert_eq!(jumping.folded(), place);
            prop_assert!(*jumping.session() == folded, "after {} records", place);
            let (mut straight, _) = player(records.iter().take(place).cloned().collect());
            straight.fold_to(place);
            // Only what is looked up ahead may differ: there is nothing ahead in a cut one.
            jumping.live_mut().preparations.clear();
            straight.live_mut().preparations.clear();
            prop_assert_eq!(panels(jumping.live()), panels(straight.live()));
        }
    }
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// What someone sees who looks at a film.
fn frame(film: &Film, ui: &mut Ui, (width, height): (u16, u16)) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let shown = film.shown();
    tui::draw(&mut terminal, &film.screen(&shown), ui, 1_000).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let mut out = String::new();
    for y in 0..height {
        let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn three_moments_as_they_are_shown() {
    let mut film = film();
    film.transport(Transport::Play).unwrap();
    let last = film.replay().record.1;
    let records = source().records;
    let tripped = records.iter().position(|r| matches!(r.event, Some(Event::GuardTripped(_)))).unwrap();
    for (name, place) in [("start", "+2m"), ("tripped", &*format!("#{tripped}")), ("closed", &*format!("#{last}"))] {
        film.transport(Transport::Edge(false)).unwrap();
        film.transport(Transport::Jump(place.to_owned())).unwrap();
        for size in [(80, 24), (120, 40)] {
            let mut ui = Ui::new(ThemeName::Dark, Depth::Indexed, false);
            let text = frame(&film, &mut ui, size);
            assert!(text.contains("REPLAY 2026-01-05 10:0"), "{text}");
            insta::assert_snapshot!(format!("replay-{name}-{}x{}", size.0, size.1), text);
        }
    }
}

/// That it is a replay, and where in it one is, is on screen whatever its size, and in any
/// colours.
#[test]
fn nobody_takes_it_for_the_real_thing() {
    let mut film = film();
    film.transport(Transport::Jump("+7m".into())).unwrap();
    for size in [(40, 10), (60, 15), (80, 24), (200, 50)] {
        for (theme, ascii) in [(ThemeName::Dark, false), (ThemeName::None, true)] {
            let text = frame(&film, &mut Ui::new(theme, Depth::Basic, ascii), size);
            assert!(text.contains("REPLAY") && text.contains("00:07:00 of"), "{size:?}\n{text}");
        }
    }
    assert!(frame(&film, &mut Ui::default(), (30, 8)).contains("REPLAY"));
}

/// Every key at every decision: none becomes anything but moving about.
#[test]
fn no_key_acts() {
    let mut film = film();
    let mut prompts = 0;
    while film.transport(Transport::Decision(true)).is_ok() {
        prompts += 1;
        let ascii = (' '..='~').map(KeyCode::Char);
        let named = [KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Home, KeyCode::Left, KeyCode::F(1), KeyCode::Delete];
        for code in ascii.chain(named) {
            for modifiers in [KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::ALT] {
                let mut ui = Ui::default();
                let (shown, event) = (film.shown(), KeyEvent::new(code, modifiers));
                ui.observe(&film.screen(&shown), 1_000);
                ui.drawn(&film.screen(&shown), 1_000);
                for action in ui.handle(event, &film.screen(&shown), 9_000) {
                    let moves =
                        matches!(action, Action::Replay(_) | Action::Quit | Action::Copy(_) | Action::Suspend | Action::Redraw);
                    assert!(moves, "{code:?} {modifiers:?}: {action:?}");
                }
            }
        }
        if prompts > 12 {
            break;
        }
    }
    assert!(prompts > 5, "{prompts} decisions");
    let mut ui = Ui::default();
    frame(&film, &mut ui, (120, 40));
    for code in [KeyCode::Char('R'), KeyCode::Char(':'), KeyCode::Enter, KeyCode::Char('y')] {
        let shown = film.shown();
        assert_eq!(ui.handle(key(code), &film.screen(&shown), 9_000), vec![], "{code:?}");
        assert!(frame(&film, &mut ui, (120, 40)).contains("this is a replay"), "{code:?}");
    }
}

#[test]
fn keys_move_in_it() {
    let mut film = film();
    let mut ui = Ui::default();
    let mut press = |film: &mut Film, code| {
        frame(film, &mut ui, (120, 40));
        let shown = film.shown();
        for action in ui.handle(key(code), &film.screen(&shown), 9_000) {
            if let Action::Replay(transport) = action {
                film.transport(transport).unwrap();
            }
        }
    };
    assert!(film.replay().playing);
    press(&mut film, KeyCode::Char('.'));
    assert_eq!((film.replay().record.0, film.replay().playing), (1, false), "a step stops it");
    press(&mut film, KeyCode::Char(','));
    assert_eq!(film.replay().record.0, 0);
    press(&mut film, KeyCode::Char('n'));
    let first = film.replay().clone();
    assert!(first.decided.is_some(), "{first:?}");
    press(&mut film, KeyCode::Char('n'));
    let second = film.replay().clone();
    assert!(second.record.0 > first.record.0 && second.decided.is_some(), "{second:?}");
    press(&mut film, KeyCode::Char('p'));
    assert_eq!(film.replay(), &first);
    for c in "g+90s".chars() {
        press(&mut film, KeyCode::Char(c));
    }
    press(&mut film, KeyCode::Enter);
    assert_eq!(film.replay().place.0, first.place.0 + 90_000);
    press(&mut film, KeyCode::Char('+'));
    press(&mut film, KeyCode::Char(' '));
    assert!(film.advance(1_000));
    assert_eq!(film.replay().place.0, first.place.0 + 92_000);
    press(&mut film, KeyCode::End);
    assert_eq!(film.replay().place.0, film.replay().place.1);
    assert_eq!(film.player().folded(), film.player().tape().len());
    assert!(frame(&film, &mut Ui::default(), (120, 40)).contains("Rolled back. The rollback worked."));
    press(&mut film, KeyCode::Home);
    assert_eq!((film.replay().place.0, film.replay().record.0), (0, 0));
    press(&mut film, KeyCode::Char('?'));
    let help = frame(&film, &mut ui, (120, 40));
    assert!(help.contains("In a replay") && !help.contains("Writes a note"), "{help}");
}

/// What was decided stands beside the question, with what was known then.
#[test]
fn a_decision_is_shown_while_it_is_still_asked() {
    let mut film = film();
    let mut seen = Vec::new();
    while film.transport(Transport::Decision(true)).is_ok() {
        let text = frame(&film, &mut Ui::default(), (120, 40));
        if text.contains("Guard errors-up has tripped") {
            assert!(text.contains("decided here: DECIDED about guard errors-up: rollback"), "{text}");
        }
        if text.contains("decided here: image effect 1 changes") {
            // What would change was read then and recorded with the answer.
            assert!(text.contains("(as it was started on)") && text.contains("checkout:v1.2.4"), "{text}");
        }
        seen.push(film.replay().decided.clone().unwrap());
    }
    let first_words: Vec<&str> = seen.iter().filter_map(|words| words.split(':').next()).collect();
    for wanted in ["image effect 1 changes", "GUARD errors-up TRIPPED", "DECIDED about guard errors-up", "CLOSED rolled-back"] {
        assert!(first_words.iter().any(|words| words.starts_with(wanted)), "{wanted}: {first_words:?}");
    }
    assert_eq!(film.transport(Transport::Decision(true)), Err("nothing further was decided".to_owned()));
}

/// Played in real time, in steps of any length, it comes by all its records and stops.
#[test]
fn it_plays_to_the_end_by_itself() {
    let mut film = film();
    let mut last = 0;
    for tick in 0..200_000_u64 {
        film.advance(37 + tick % 911);
        assert!(film.replay().record.0 >= last, "it never goes back");
        last = film.replay().record.0;
        if !film.replay().playing {
            break;
        }
    }
    assert_eq!((last, film.replay().place.0), (film.replay().record.1, film.replay().place.1));
}

/// Nothing in a journal moves the cursor, and one that does not fit is played as far as it
/// fits.
#[test]
fn hostile_texts_are_only_texts() {
    let evil = "\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{202e}evil\u{200b}\u{9b}31m\r\n\0";
    let mut records = source().records;
    for record in &mut records {
        match &mut record.event {
            Some(Event::StepEntered(entered)) => entered.title.push_str(evil),
            Some(Event::StepEnded(ended)) => ended.reason = Some(evil.to_owned()),
            Some(Event::EffectEnded(ended)) => ended.message.push_str(evil),
            Some(Event::GateJudged(judged)) => judged.why.push_str(evil),
            Some(Event::NoteAdded(note)) => note.text.push_str(evil),
            Some(Event::SignalSampled(sampled)) => {
                for reading in sampled.readings.values_mut() {
                    reading.problem = Some(evil.to_owned());
                    reading.detail.push(evil.to_owned());
                }
            }
            _ => {}
        }
    }
    let note = Event::NoteAdded(Note { path: None, text: evil.to_owned() });
    records[3].event = Some(note);
    let path = walked().dir.journal();
    let source = Source { records, ..Source::read(&path).unwrap() };
    let mut film = open(source, None, Playback::new(1.0, None)).unwrap().with_alarms(vec![evil.to_owned()]);
    let mut ui = Ui::default();
    loop {
        let text = frame(&film, &mut ui, (120, 40));
        let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202e}' | '\u{200b}'));
        assert_eq!(bad, None, "{text:?}");
        if film.transport(Transport::Decision(true)).is_err() {
            break;
        }
    }
}

#[test]
fn it_ends_before_a_record_that_does_not_fit() {
    let mut records = source().records;
    let end = records.iter().position(|r| matches!(r.event, Some(Event::StepEnded(_)))).unwrap();
    records[end].event = records[end].event.clone().map(|event| match event {
        Event::StepEnded(mut ended) => {
            ended.visit = 77;
            Event::StepEnded(ended)
        }
        other => other,
    });
    let (mut player, _) = player(records);
    let error = player.error().cloned().unwrap();
    assert_eq!(error.record, end);
    assert!(error.to_string().contains("does not fit the runbook"), "{error}");
    player.fold_to(usize::MAX);
    assert_eq!((player.folded(), player.tape().len()), (end, end));
}

/// The panels say what was recorded, and what was not.
#[test]
fn panels_come_from_the_readings() {
    let mut film = film();
    let start = frame(&film, &mut Ui::default(), (160, 50));
    assert!(start.contains("not recorded"), "{start}");
    film.transport(Transport::Jump("+7m".into())).unwrap();
    let live = film.player().live();
    let graph = |live: &Live| format!("{:?}", live.panel("error_rate").unwrap().data);
    let until = film.player().tape().records_until(420_000);
    let recorded: BTreeMap<i64, f64> = film.player().tape().records()[..until]
        .iter()
        .filter_map(|record| match &record.event {
            Some(Event::SignalSampled(sampled)) => sampled.readings.get("error_rate"),
            _ => None,
        })
        .filter_map(|reading| Some((reading.taken.timestamp_millis(), reading.members.get("value")?.0)))
        .collect();
    let pacenote::live::PanelData::Graph(data) = &live.panel("error_rate").unwrap().data else { panic!("{}", graph(live)) };
    let drawn: BTreeMap<i64, f64> = data.series.points.iter().filter_map(|(at, value)| Some((*at, (*value)?))).collect();
    assert!(recorded.len() > 10);
    assert_eq!(drawn, recorded);
    let text = frame(&film, &mut Ui::default(), (160, 50));
    assert!(text.contains("7/7 ready") && text.contains("checkout-56df7bd55c-"), "{text}");
}

/// A session that was left and gone on with: while nobody was at it the screen says so, and
/// the session's own clock stands still.
#[test]
fn time_away_is_said_and_not_walked() {
    let mut records = source().records;
    let cut = 60;
    let away = chrono::TimeDelta::minutes(30);
    let before = records[cut - 1].clone();
    let resumed = Event::SessionResumed(Box::new(pacenote::session::event::Resumed {
        attended: true,
        operator: pacenote::session::event::Operator { principal: "bob@example.com".into(), ..Default::default() },
        origin: pacenote::session::event::Origin::default(),
        tool: pacenote::session::event::Tool::default(),
        clock: pacenote::session::event::ClockRecord::default(),
        boot_id: None,
        accept_loss: None,
    }));
    for record in &mut records[cut..] {
        record.ts += away;
        record.mono_ms -= before.mono_ms;
    }
    let again = Record { ts: before.ts + away, mono_ms: 0, event: Some(resumed), ..before };
    records.insert(cut, again);
    let source = Source { records, ..source() };
    let mut film = open(source, None, Playback::new(1.0, None)).unwrap();
    film.transport(Transport::Jump(format!("#{}", cut - 1))).unwrap();
    let elapsed = |film: &Film| film.player().session().header(film.player().at(film.replay().place.0)).elapsed_ms;
    let left = elapsed(&film);
    assert_eq!(film.replay().away_until, None);
    film.transport(Transport::Jump("+10m".into())).unwrap();
    let text = frame(&film, &mut Ui::default(), (120, 40));
    assert!(text.contains("NOBODY WAS AT IT until 2026-01-05 10:3"), "{text}");
    assert!(text.contains("STALE") || text.contains("LOST"), "what is shown is old: {text}");
    assert_eq!(elapsed(&film), left, "nobody walked");
    film.transport(Transport::Jump("+21m".into())).unwrap();
    assert!(film.replay().away_until.is_none() && elapsed(&film) > left);
    let text = frame(&film, &mut Ui::default(), (120, 40));
    assert!(text.contains("bob@example.com"), "{text}");
}

/// What is wrong with the record stands over everything, at every place and size.
#[test]
fn a_warning_stands_all_the_time() {
    let alarm =
        "THE JOURNAL IS DAMAGED, line 190: its `prev` is not the hash of the line before. What comes after it is not played.";
    let mut film = film().with_alarms(vec![alarm.into()]).with_remarks(vec!["the journal is open".into()]);
    for place in ["#0", "#100", "+9h"] {
        film.transport(Transport::Jump(place.into())).unwrap();
        for size in [(60, 20), (80, 24), (120, 40)] {
            let text = frame(&film, &mut Ui::default(), size);
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("DAMAGED, line 190") && flat.contains("is not played."), "{place} {size:?}\n{text}");
        }
    }
    let text = frame(&film, &mut Ui::default(), (120, 40));
    assert!(text.contains("the journal is open"), "{text}");
    assert!(frame(&film, &mut Ui::default(), (38, 9)).contains("DAMAGED"));
}

/// Every file of a folder, its bytes and when it was written.
fn contents(folder: &Path) -> BTreeMap<std::path::PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let modified = folder.metadata().unwrap().modified().unwrap();
        found.insert(folder.clone(), (Vec::new(), modified));
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.clone(), (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap()));
            }
        }
    }
    found
}

#[test]
fn the_sessions_folder_is_not_touched() {
    let walked = walk("canary-deploy", "bad-canary");
    let before = contents(walked.dir.path());
    let mut film = open(Source::read(&walked.dir.journal()).unwrap(), None, Playback::new(64.0, None)).unwrap();
    while film.replay().playing {
        film.advance(1_000);
        frame(&film, &mut Ui::default(), (120, 40));
    }
    for back in [false, true] {
        while film.transport(Transport::Decision(back)).is_ok() {}
    }
    assert_eq!(contents(walked.dir.path()), before);
    assert!(before.len() > 3);
}
