//! The limits that operating procedures name, each at just under, at and just over, and
//! with no data: as guards, and as conditions of gates.

use super::*;

/// A guard on a number of a signal: the signal's kind, its member, the condition, and the
/// values just under, at and just over the limit.
const GUARDS: [(&str, &str, &str, [f64; 3]); 11] = [
    ("http: {url: 'http://a/'}", "failures", "signals.s.failures > 3", [2.0, 3.0, 4.0]),
    ("prometheus: up, baseline: 10m", "value", "signals.s.value > signals.s.baseline * 1.5", [5.99, 6.0, 6.01]),
    ("prometheus: up, baseline: 10m", "value", "signals.s.value > signals.s.baseline * 2", [7.99, 8.0, 8.01]),
    ("prometheus: up", "value", "signals.s.value > 5", [4.99, 5.0, 5.01]),
    ("prometheus: up", "value", "signals.s.value > 1", [0.99, 1.0, 1.01]),
    ("prometheus: up", "value", "signals.s.value > 2", [1.999, 2.0, 2.001]),
    ("prometheus: up", "value", "signals.s.value > 0.5", [0.499, 0.5, 0.501]),
    ("resources: {selector: app=a}", "cpu", "signals.s.cpu > 80", [79.9, 80.0, 80.1]),
    ("resources: {selector: app=a}", "cpu", "signals.s.cpu > 90", [89.9, 90.0, 90.1]),
    ("resources: {selector: app=a}", "memory", "signals.s.memory > 85", [84.9, 85.0, 85.1]),
    ("resources: {selector: app=a}", "memory", "signals.s.memory > 90", [89.9, 90.0, 90.1]),
];

fn said(at: At, member: &str, value: f64) -> Reading {
    if member == "failures" {
        return Reading { ok: Some(value == 0.0), failures: value as u32, members: BTreeMap::new(), ..reading(at, 0.0) };
    }
    Reading { members: BTreeMap::from([(member.to_owned(), Measure(value))]), ..reading(at, 0.0) }
}

#[test]
fn guards_trip_over_their_limit_and_only_there() {
    for (source, member, when, values) in GUARDS {
        let body = format!(
            "signals: {{s: {{{source}, every: 10s}}}}\nguards: [{{id: bad, when: {when}, then: rollback}}]\n\
             steps: [{{id: a, title: A, run: {{command: [change]}}, undo: {{none: nothing}}}}, {{id: b, title: B, confirm: B?}}]"
        );
        for (value, trips) in values.into_iter().zip([false, false, true]) {
            let mut walk = Walk::new(&body);
            let step = walk.latest("a");
            let baselines = BTreeMap::from([("s".to_owned(), Ok(Measure(4.0)))]);
            walk.told(Command::Start { step, prepared: None, baselines });
            walk.ends("a", Outcome::Succeeded);
            // Nothing is known yet: it cannot be judged, and does not trip.
            assert_eq!(walk.asks(), "confirm b", "{when}, unknown");
            walk.sample("s", said(walk.at, member, value));
            assert_eq!(walk.asks() == "guard bad", trips, "{when}, {member} is {value}");
            if member != "failures" {
                walk.sample("s", said(walk.at, member, f64::NAN));
                assert_eq!(walk.asks() == "guard bad", trips, "{when}: what is no number neither trips nor takes back");
            }
        }
    }
}

#[test]
fn gates_pass_under_their_limit_and_only_there() {
    for (limit, values) in
        [(5.0, [4.99, 5.0, 5.01]), (1.0, [0.99, 1.0, 1.01]), (2.0, [1.999, 2.0, 2.001]), (0.5, [0.499, 0.5, 0.501])]
    {
        for (value, passes) in values.into_iter().zip([true, false, false]) {
            let mut walk = Walk::new(&format!(
                "signals: {{s: {{prometheus: up, every: 10s}}}}\nsteps: [{{id: g, title: G, gate: {{pass: signals.s.value < {limit}, for: 1m}}}}]"
            ));
            walk.watch(100, "s", value);
            assert_eq!(walk.closed().is_some(), passes, "{value} against {limit}");
        }
        let mut walk = Walk::new(&format!(
            "signals: {{s: {{prometheus: up, every: 10s}}}}\nsteps: [{{id: g, title: G, gate: {{pass: signals.s.value < {limit}, for: 1m}}}}]"
        ));
        walk.watch(100, "s", f64::NAN);
        assert_eq!(walk.closed(), None, "no data passes no gate");
    }
}

#[test]
fn a_rollout_that_is_done_passes_a_gate() {
    for (done, passes) in [(1.0, true), (0.0, false)] {
        let mut walk = Walk::new(
            "signals: {s: {rollout: deployment/a}}\nsteps: [{id: g, title: G, gate: {pass: signals.s.done && signals.s.available == signals.s.desired}}]",
        );
        walk.tick(1_000);
        let members = [("done", done), ("available", 3.0), ("desired", 3.0), ("updated", 3.0)];
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), Measure(value))).collect();
        walk.sample("s", Reading { members, ..reading(walk.at, 0.0) });
        walk.tick(10_000);
        assert_eq!(walk.closed().is_some(), passes, "done: {done}");
    }
}
