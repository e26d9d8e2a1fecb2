use chrono::Weekday::{self, Fri, Mon, Sat, Sun, Thu, Tue, Wed};
use proptest::prelude::*;

use super::*;

const EVERY_DAY: [Weekday; 7] = [Mon, Tue, Wed, Thu, Fri, Sat, Sun];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn time(text: &str) -> NaiveTime {
    NaiveTime::parse_from_str(text, "%H:%M").unwrap()
}

fn slot(days: &[Weekday], from: &str, to: &str, zone: Tz) -> AllowedTime {
    AllowedTime { days: days.to_vec(), from: time(from), to: time(to), zone }
}

fn freeze(from: &str, to: &str, zone: Tz) -> FreezePeriod {
    FreezePeriod { from: from.parse().unwrap(), to: to.parse().unwrap(), reason: "Holidays".into(), zone }
}

fn allow(slots: Vec<AllowedTime>) -> Window {
    Window { allow: slots, freeze: Vec::new() }
}

#[test]
fn days_and_times_are_those_of_the_zone() {
    let berlin = allow(vec![slot(&[Mon, Tue, Wed, Thu], "09:00", "16:00", Tz::Europe__Berlin)]);
    let auckland = allow(vec![slot(&[Mon], "00:00", "06:00", Tz::Pacific__Auckland)]);
    let kathmandu = allow(vec![slot(&[Sun], "10:00", "11:00", Tz::Asia__Kathmandu)]);
    let cases = [
        // 2026-11-19 is a Thursday; Berlin is one hour ahead of UTC in winter.
        (&berlin, "2026-11-19T07:59:59Z", false),
        (&berlin, "2026-11-19T08:00:00Z", true),
        (&berlin, "2026-11-19T14:59:59Z", true),
        (&berlin, "2026-11-19T15:00:00Z", false),
        (&berlin, "2026-11-20T10:00:00Z", false),
        // Two hours ahead in summer.
        (&berlin, "2026-07-16T06:59:59Z", false),
        (&berlin, "2026-07-16T07:00:00Z", true),
        // Monday in Auckland is still Sunday in UTC.
        (&auckland, "2026-11-22T11:00:00Z", true),
        (&auckland, "2026-11-22T10:59:59Z", false),
        (&auckland, "2026-11-23T03:00:00Z", false),
        // Five hours and three quarters ahead.
        (&kathmandu, "2026-11-22T04:14:59Z", false),
        (&kathmandu, "2026-11-22T04:15:00Z", true),
    ];
    for (window, now, open) in cases {
        assert_eq!(judge(window, at(now)).is_open(), open, "{now}");
    }
}

#[test]
fn without_slots_it_is_always_open() {
    assert_eq!(judge(&Window::default(), at("2026-11-21T03:00:00Z")), WindowState::Open { until: None });
}

#[test]
fn any_of_several_slots_is_enough_and_the_next_opening_is_named() {
    let window = allow(vec![
        slot(&[Mon, Thu], "09:00", "10:00", Tz::Europe__Berlin),
        slot(&[Thu], "09:00", "11:00", Tz::America__New_York),
    ]);
    assert!(judge(&window, at("2026-11-19T14:30:00Z")).is_open());
    assert_eq!(judge(&window, at("2026-11-19T10:00:00Z")), WindowState::Closed { opens: Some(at("2026-11-19T14:00:00Z")) });
    assert_eq!(judge(&window, at("2026-11-19T17:00:00Z")), WindowState::Closed { opens: Some(at("2026-11-23T08:00:00Z")) });
    assert_eq!(judge(&window, at("2026-11-19T08:30:00Z")), WindowState::Open { until: Some(at("2026-11-19T09:00:00Z")) });
}

#[test]
fn slots_that_touch_are_open_through() {
    let window = allow(vec![slot(&[Mon], "00:00", "12:00", Tz::UTC), slot(&[Mon], "12:00", "14:00", Tz::UTC)]);
    assert_eq!(judge(&window, at("2026-11-23T11:00:00Z")), WindowState::Open { until: Some(at("2026-11-23T14:00:00Z")) });
}

#[test]
fn a_freeze_covers_both_of_its_days_in_its_zone() {
    let window = Window { allow: Vec::new(), freeze: vec![freeze("2026-12-20", "2027-01-03", Tz::Europe__Berlin)] };
    for (now, open) in [
        ("2026-12-19T22:59:59Z", true),
        ("2026-12-19T23:00:00Z", false),
        ("2027-01-03T22:59:59Z", false),
        ("2027-01-03T23:00:00Z", true),
    ] {
        assert_eq!(judge(&window, at(now)).is_open(), open, "{now}");
    }
    let during = judge(&window, at("2026-12-24T12:00:00Z"));
    assert_eq!(during, WindowState::Frozen { reason: "Holidays".into(), opens: Some(at("2027-01-03T23:00:00Z")) });
    assert_eq!(
        during.words(zone(&window)),
        "a freeze is in force (Holidays); it opens 2027-01-03 23:00 UTC (Mon 00:00 Europe/Berlin)"
    );
}

#[test]
fn after_a_freeze_the_next_slot_counts() {
    let window = Window {
        allow: vec![slot(&[Mon], "09:00", "16:00", Tz::UTC)],
        freeze: vec![freeze("2026-11-23", "2026-11-23", Tz::UTC), freeze("2026-11-24", "2026-11-30", Tz::UTC)],
    };
    // Both Mondays are frozen.
    assert_eq!(
        judge(&window, at("2026-11-23T10:00:00Z")),
        WindowState::Frozen { reason: "Holidays".into(), opens: Some(at("2026-12-07T09:00:00Z")) }
    );
}

#[test]
fn a_beginning_that_the_clocks_skip_is_the_moment_of_the_change() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00, at 01:00 UTC.
    let begins = allow(vec![slot(&[Sun], "02:30", "05:00", Tz::Europe__Berlin)]);
    assert!(!judge(&begins, at("2026-03-29T00:59:59Z")).is_open());
    assert!(judge(&begins, at("2026-03-29T01:00:00Z")).is_open());
    let ends = allow(vec![slot(&[Sun], "01:00", "02:30", Tz::Europe__Berlin)]);
    assert!(judge(&ends, at("2026-03-29T00:59:59Z")).is_open());
    assert!(!judge(&ends, at("2026-03-29T01:00:00Z")).is_open());
    // Nothing of it is left.
    let inside = allow(vec![slot(&[Sun], "02:10", "02:50", Tz::Europe__Berlin)]);
    for now in ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"] {
        assert!(!judge(&inside, at(now)).is_open(), "{now}");
    }
    // The week after it is there again.
    assert_eq!(judge(&inside, at("2026-03-29T01:00:00Z")), WindowState::Closed { opens: Some(at("2026-04-05T00:10:00Z")) });
}

#[test]
fn an_hour_that_comes_twice_is_open_through_both() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00, at 01:00 UTC.
    let both = allow(vec![slot(&[Sun], "02:15", "02:45", Tz::Europe__Berlin)]);
    for (now, open) in [
        ("2026-10-25T00:14:59Z", false),
        ("2026-10-25T00:15:00Z", true),
        ("2026-10-25T01:05:00Z", true),
        ("2026-10-25T01:44:59Z", true),
        ("2026-10-25T01:45:00Z", false),
    ] {
        assert_eq!(judge(&both, at(now)).is_open(), open, "{now}");
    }
}

#[test]
fn a_midnight_that_the_clocks_skip_still_begins_a_freeze() {
    // Beirut, 2026-03-29: 00:00 becomes 01:00, at 22:00 UTC of the day before.
    let window = Window { allow: Vec::new(), freeze: vec![freeze("2026-03-29", "2026-03-29", Tz::Asia__Beirut)] };
    assert!(judge(&window, at("2026-03-28T21:59:59Z")).is_open());
    assert!(!judge(&window, at("2026-03-28T22:00:00Z")).is_open());
    // Samoa skipped the whole of 2011-12-30.
    let samoa = Window { allow: Vec::new(), freeze: vec![freeze("2011-12-30", "2011-12-30", Tz::Pacific__Apia)] };
    assert!(judge(&samoa, at("2011-12-30T09:59:59Z")).is_open());
    assert!(judge(&samoa, at("2011-12-30T10:00:00Z")).is_open(), "a day that never was freezes nothing");
}

proptest! {
    /// What is said of the next opening and the end is true, in zones with odd clocks.
    #[test]
    fn the_next_opening_is_open_and_the_moment_before_is_not(
        seconds in 1_767_225_600_i64..1_798_761_600, // 2026
        zone in prop::sample::select(vec![
            Tz::UTC, Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Asia__Kathmandu,
            Tz::America__Santiago, Tz::Africa__Casablanca, Tz::Asia__Beirut,
        ]),
        days in prop::sample::subsequence(EVERY_DAY.to_vec(), 1..=7),
        from in 0_u32..1439,
        length in 1_u32..600,
    ) {
        let to = (from + length).min(1439);
        prop_assume!(to > from);
        let clock = |m: u32| NaiveTime::from_hms_opt(m / 60, m % 60, 0).unwrap();
        let window = allow(vec![AllowedTime { days, from: clock(from), to: clock(to), zone }]);
        let now = DateTime::from_timestamp(seconds, 0).unwrap();
        let second = chrono::Duration::seconds(1);
        match judge(&window, now) {
            WindowState::Open { until: Some(until) } => {
                prop_assert!(until > now && !judge(&window, until).is_open());
                prop_assert!(judge(&window, until - second).is_open());
            }
            WindowState::Closed { opens: Some(opens) } => {
                prop_assert!(opens > now && judge(&window, opens).is_open());
                prop_assert!(!judge(&window, opens - second).is_open());
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
