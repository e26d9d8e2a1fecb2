//! What the page of a long session costs: a session of four hours with a reading every
//! second, the most a journal takes. The README's figures come from here:
//! `cargo bench --bench export`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pacenote::journal::{SessionDir, Writer};
use pacenote::redact::Redactor;
use pacenote::report::{self, Beside, Source, Story};
use pacenote::state::StateDir;

#[expect(dead_code, clippy::unwrap_used, reason = "the tests of the journal use the rest, and may panic")]
#[path = "../tests/support/samples.rs"]
mod samples;

#[path = "../tests/support/four_hours.rs"]
mod four_hours;

#[path = "../tests/support/no_sync.rs"]
mod no_sync;

use four_hours::{SECONDS, judged, sampled};

const ROUNDS: usize = 5;
const SID: &str = "20261121-033344-canary-deploy-7f3a9c";

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
fn main() -> Outcome {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let dir = StateDir::open(&temp.path().join("state"))?.create_session(SID)?;
    let records = write(&dir)?;
    let (mut best, mut size) = (Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let source = Source::read(&dir.journal())?;
        let signals = Beside::signals_of(&source);
        size = report::html(&Story::of(source, Beside { signals, ..Beside::default() })).len();
        best = best.min(start.elapsed());
    }
    let journal = dir.journal().metadata()?.len() as f64 / 1e6;
    println!(
        "html of a session of 4 h, {records} records, journal {journal:.1} MB: {:.2} MB in {:.2} s (quickest of {ROUNDS})",
        size as f64 / 1e6,
        best.as_secs_f64()
    );
    Ok(())
}

/// Two signals say something each second, a gate judges each 15 seconds, somebody does or
/// decides something every five minutes.
fn write(dir: &SessionDir) -> Outcome<u64> {
    let mut writer = Writer::create_on(Arc::new(no_sync::NoSync), dir, Redactor::new())?;
    writer.append(samples::at(0), &samples::opened())?;
    let mut records = 1;
    for second in 1..SECONDS {
        let mut events = vec![sampled(second)];
        if second % 15 == 0 {
            events.push(judged(second));
        }
        if second % 300 == 0 {
            let effect = second / 300;
            events.extend([samples::intended(effect, 2_000), samples::ended(effect, BTreeMap::new(), None)]);
            events.extend([samples::decided(6), samples::note("as it was")]);
        }
        for event in &events {
            writer.append(samples::at(second * 1000), event)?;
            records += 1;
        }
    }
    writer.append(samples::at(SECONDS * 1000), &samples::closed())?;
    Ok(records + 1)
}
