//! What fills a session of four hours, for benchmarks: a reading every second, the most a
//! journal takes, and now and then a judgement.

use std::collections::BTreeMap;

use pacenote::session::Event;
use pacenote::session::event::{GateJudged, SignalSampled, Verdict};
use pacenote::session::path::StepPath;
use pacenote::session::reading::{Measure, Reading};

use crate::samples;

/// Its length.
pub(crate) const SECONDS: u64 = 4 * 3600;

/// A reading of two of six signals; numbers with all their digits, as Prometheus gives them.
pub(crate) fn sampled(second: u64) -> Event {
    let reading = |n: u64| {
        let value = ((second * 7 + n * 13) as f64 / 37.0).sin() + n as f64 + fastrand::f64() * 0.1;
        let reading = Reading {
            taken: samples::at(second * 1000).wall,
            ok: Some(true),
            failures: 0,
            members: BTreeMap::from([("value".to_owned(), Measure(value))]),
            problem: None,
            unreachable: false,
            detail: Vec::new(),
        };
        (format!("signal_{n}"), reading)
    };
    let first = second * 2 % 6;
    Event::SignalSampled(SignalSampled { readings: BTreeMap::from([reading(first), reading(first + 1)]) })
}

/// A gate's judgement, as it was.
pub(crate) fn judged(second: u64) -> Event {
    Event::GateJudged(Box::new(GateJudged {
        path: StepPath::new("soak"),
        visit: 1,
        verdict: Verdict::Pass,
        why: "the conditions hold".to_owned(),
        passed_ms: second * 1000,
        failures: 0,
        final_verdict: None,
        evidence: None,
    }))
}
