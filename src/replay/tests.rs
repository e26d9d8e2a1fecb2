//! The time line, moving along it, and where typed places lead.

use super::*;
use crate::journal::Record;
use crate::session::Event;
use crate::session::event::{ClockRecord, Note, Operator, Origin, Resumed, SignalSampled, Tool};

fn record(seq: u64, time: &str, mono_ms: u64, event: Event) -> Record {
    let ts = format!("2026-11-21T{time}Z").parse().unwrap();
    Record { seq, sid: "s".into(), ts, mono_ms, kind: "note.added".into(), event: Some(event) }
}

fn note() -> Event {
    Event::NoteAdded(Note { path: None, text: "n".into() })
}

fn sampled() -> Event {
    Event::SignalSampled(SignalSampled { readings: Default::default() })
}

fn snoozed() -> Event {
    let (guard, reason) = ("g".into(), "r".into());
    Event::GuardSnoozed(crate::session::event::GuardSnoozed {
        guard,
        for_ms: 1,
        reason,
        by: crate::session::intent::Starter::Operator,
    })
}

fn resumed() -> Event {
    Event::SessionResumed(Box::new(Resumed {
        attended: true,
        operator: Operator::default(),
        origin: Origin::default(),
        tool: Tool::default(),
        clock: ClockRecord::default(),
        boot_id: None,
        accept_loss: None,
    }))
}

/// Begins at 23:50:00; away from 23:50:20 to 00:10:20 of the next day; ends at 00:11:20.
fn tape() -> Tape {
    let next_day = |mut record: Record| {
        record.ts += chrono::TimeDelta::days(1);
        record
    };
    Tape::new(vec![
        record(0, "23:50:00", 7, note()),
        record(1, "23:50:10", 10_007, snoozed()),
        // The wall clock was set back; the session's own clock was not.
        record(2, "23:50:05", 15_007, sampled()),
        record(3, "23:50:20", 30_007, note()),
        next_day(record(4, "00:10:20", 3, resumed())),
        next_day(record(5, "00:10:50", 30_003, sampled())),
        next_day(record(6, "00:11:20", 60_003, snoozed())),
    ])
}

#[test]
fn the_time_line_follows_the_sessions_own_clock_and_counts_time_away_by_the_wall() {
    let tape = tape();
    let times: Vec<u64> = (0..tape.len()).map(|n| tape.time(n)).collect();
    assert_eq!(times, [0, 10_000, 15_000, 30_000, 1_230_000, 1_260_000, 1_290_000]);
    for (time, records) in [(0, 1), (9_999, 1), (10_000, 2), (1_229_999, 4), (1_230_000, 5), (u64::MAX, 7)] {
        assert_eq!(tape.records_until(time), records, "{time}");
    }
    // Between two records time goes on, as wall clock and as the session's own.
    let at = tape.at(2, 12_500);
    assert_eq!((at.wall.format("%H:%M:%S%.3f").to_string().as_str(), at.mono_ms), ("23:50:12.500", 12_507));
    // While nobody was at it the session's clock stands still, and only there.
    let away = tape.at(4, 630_000);
    assert_eq!((away.wall.format("%H:%M:%S").to_string().as_str(), away.mono_ms), ("00:00:20", 30_007));
    let until: Vec<bool> = (1..=7).map(|n| tape.away_until(n).is_some()).collect();
    assert_eq!(until, [false, false, false, true, false, false, false]);
    assert_eq!(tape.at(5, 1_230_500).mono_ms, 503);
}

#[test]
fn times_that_make_no_sense_bend_nothing() {
    let far = |seq, mono| record(seq, "00:00:00", mono, note());
    let mut back = record(3, "00:00:00", 0, resumed());
    back.ts = "0001-01-01T00:00:00Z".parse().unwrap();
    let tape = Tape::new(vec![far(0, 5), far(1, u64::MAX), far(2, 0), back, far(4, u64::MAX)]);
    assert_eq!((tape.time(2), tape.time(3), tape.end()), (u64::MAX - 5, u64::MAX - 5, u64::MAX));
    let at = tape.at(1, u64::MAX);
    assert_eq!((at.wall, at.mono_ms), (tape.record(0).unwrap().ts, u64::MAX), "no such time exists");
    assert_eq!(Tape::new(Vec::new()).at(0, 9).mono_ms, 0);
}

#[test]
fn decisions_are_found_in_both_directions() {
    let tape = tape();
    let from: Vec<_> = (0..8).map(|n| tape.decision_from(n)).collect();
    assert_eq!(from, [Some(1), Some(1), Some(6), Some(6), Some(6), Some(6), Some(6), None]);
    let before: Vec<_> = (0..8).map(|n| tape.decision_before(n)).collect();
    assert_eq!(before, [None, None, Some(1), Some(1), Some(1), Some(1), Some(1), Some(6)]);
}

#[test]
fn it_plays_at_its_speed_to_the_end_and_then_stands_still() {
    let tape = tape();
    let mut playback = Playback::new(1.0, None);
    playback.advance(400, 1, &tape);
    assert_eq!(playback.time(), 400);
    playback.change_speed(false);
    playback.change_speed(false);
    playback.change_speed(false);
    assert!((playback.speed() - SLOWEST).abs() < 1e-9);
    // Nothing of a slow millisecond is lost.
    for _ in 0..10 {
        playback.advance(1, 1, &tape);
    }
    assert_eq!(playback.time(), 402);
    playback.pause();
    playback.advance(10_000, 1, &tape);
    assert_eq!(playback.time(), 402);
    for _ in 0..20 {
        playback.change_speed(true);
    }
    assert!((playback.speed() - FASTEST).abs() < 1e-9);
    playback.toggle(&tape);
    playback.advance(3_600_000, 1, &tape);
    assert_eq!((playback.time(), playback.is_playing()), (tape.end(), false));
    playback.toggle(&tape);
    assert_eq!((playback.time(), playback.is_playing()), (0, true), "from the beginning again");
    playback.go(u64::MAX, &tape);
    assert_eq!(playback.time(), tape.end());
    for wrong in [f64::NAN, f64::INFINITY, 0.0, 1e9] {
        assert!((SLOWEST..=FASTEST).contains(&Playback::new(wrong, None).speed()), "{wrong}");
    }
}

#[test]
fn an_idle_stretch_is_shown_for_a_while_and_then_left_just_before_its_end() {
    let tape = tape();
    let mut playback = Playback::new(1.0, Some(5_000));
    playback.advance(5_000, 1, &tape);
    assert_eq!(playback.time(), 5_000, "still being shown");
    playback.advance(1, 1, &tape);
    assert_eq!(playback.time(), 9_000, "a second before record 1");
    playback.go(10_000, &tape);
    // A reading in between is no reason to stay.
    playback.advance(6_000, tape.records_until(16_000), &tape);
    assert_eq!(playback.time(), 29_000);
    playback.go(30_000, &tape);
    playback.advance(5_001, 4, &tape);
    assert_eq!(playback.time(), 1_229_000, "nobody was at it");
    playback.skip_idle(None);
    playback.go(30_000, &tape);
    playback.advance(60_000, 4, &tape);
    assert_eq!(playback.time(), 90_000);
}

#[test]
fn typed_places_lead_where_they_say() {
    let tape = tape();
    for (typed, place) in [
        ("#0", Ok(0)),
        ("#6", Ok(1_290_000)),
        ("+5m", Ok(310_000)),
        ("-5s", Ok(5_000)),
        ("-1h", Ok(0)),
        ("+9h", Ok(1_290_000)),
        ("23:50:12", Ok(12_000)),
        ("00:10:30", Ok(1_240_000)),
        ("00:05", Ok(910_000)),
        ("2026-11-21 23:50:12", Ok(12_000)),
        ("2026-11-22 00:10", Ok(1_210_000)),
        ("2030-01-01 00:00", Ok(1_290_000)),
        ("2020-01-01 00:00", Ok(0)),
        // The minute in which it began.
        ("23:50", Ok(0)),
        ("#7", Err("there is no record #7; the last is #6")),
        ("03:00", Err("is not in the session; it ran from 2026-11-21 23:50:00 to 00:11:20 UTC")),
        ("soon", Err("is no place to go to")),
        ("+5", Err("is no length of time")),
        ("", Err("is no place to go to")),
    ] {
        match (jump::place(typed, &tape, 2, 10_000), place) {
            (Err(why), Err(part)) => assert!(why.contains(part), "{typed}: {why}"),
            (found, place) => assert_eq!(found, place.map_err(str::to_owned), "{typed}"),
        }
    }
}
