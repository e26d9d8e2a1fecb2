//! What the journal costs: an append beside a bare write and fdatasync of the same bytes, a
//! seal beside the two bare ones of its two records, and `verify` beside `sha256sum` on
//! the same file. The README's figures come from here:
//! `cargo bench --bench journal`.
//!
//! The two writers take turns on every record, in the same folder, so that a disk that is
//! slow for a while is slow for both.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pacenote::journal::verify::{Status, verify_journal};
use pacenote::journal::{Sealer, SessionDir, Writer};
use pacenote::redact::Redactor;
use pacenote::session::Event;
use pacenote::signature::{Kind, Signer};
use pacenote::state::StateDir;

#[expect(dead_code, clippy::unwrap_used, reason = "the tests of the journal use the rest, and may panic")]
#[path = "../tests/support/samples.rs"]
mod samples;

#[path = "../tests/support/no_sync.rs"]
mod no_sync;

use no_sync::NoSync;

const APPENDS: usize = 3_000;
/// Decisions, each of which is sealed.
const SEALS: usize = 500;
const ROUNDS: usize = 5;
/// Bytes of the verified journal, at least.
const LARGE: u64 = 64 << 20;
const SID: &str = "20261121-033344-canary-deploy-7f3a9c";

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
fn main() -> Outcome {
    println!("{}", append()?);
    println!("{}", seal()?);
    println!("{}", verify()?);
    Ok(())
}

/// The record after the first: mostly short ones, now and then a decision with evidence.
fn event(i: usize) -> Event {
    match i {
        0 => samples::opened(),
        i if i % 10 == 0 => samples::decided(6),
        i if i % 10 == 5 => samples::intended(i as u64, 2_000),
        i if i % 10 == 6 => samples::ended(i as u64 - 1, std::collections::BTreeMap::new(), None),
        i => samples::note(format!("{i}: errors are where they were; going on")),
    }
}

fn session(folder: &Path, name: &str) -> Outcome<SessionDir> {
    Ok(StateDir::open(&folder.join(name))?.create_session(SID)?)
}

fn append() -> Outcome<String> {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    // The same session is written twice, first to know its bytes.
    let lines = lines(&session(temp.path(), "first")?)?;
    let second = session(temp.path(), "second")?;
    let redactor = Redactor::new();
    redactor.register("token", "correct-horse-battery-staple")?;
    let mut writer = Writer::create(&second, redactor)?;
    let mut bare = OpenOptions::new().append(true).create_new(true).open(second.path().join("bare"))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (i, line) in lines.iter().enumerate() {
        let event = event(i);
        let mut by_writer = || -> Outcome {
            let start = Instant::now();
            writer.append(samples::at(i as u64), &event)?;
            ours.push(start.elapsed());
            Ok(())
        };
        let mut by_hand = || -> Outcome {
            let start = Instant::now();
            bare.write_all(line)?;
            bare.sync_data()?;
            theirs.push(start.elapsed());
            Ok(())
        };
        if i % 2 == 0 {
            by_writer()?;
            by_hand()?;
        } else {
            by_hand()?;
            by_writer()?;
        }
    }
    assert!(std::fs::read(second.journal())? == lines.concat(), "the two did not write the same bytes");
    let bytes: usize = lines.iter().map(Vec::len).sum();
    let more = |ours: Duration, theirs: Duration| (ours.as_secs_f64() / theirs.as_secs_f64() - 1.0) * 100.0;
    Ok(format!(
        "append, {APPENDS} records of {} bytes on average: median {} us, bare write and fdatasync {} us, \
         {:+.1} % (all together {:+.1} %)",
        bytes / lines.len(),
        median(&ours).as_micros(),
        median(&theirs).as_micros(),
        more(median(&ours), median(&theirs)),
        more(ours.iter().sum(), theirs.iter().sum()),
    ))
}

/// A decision with its seal, beside the same three lines written and synced by hand.
fn seal() -> Outcome<String> {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let sealing = |dir: &SessionDir, disk: Option<Arc<NoSync>>| -> Outcome<Writer> {
        let mut writer = match disk {
            Some(disk) => Writer::create_on(disk, dir, Redactor::new())?,
            None => Writer::create(dir, Redactor::new())?,
        };
        let key = |n: u8| Signer::from_seed(&[n; 32], Kind::Own);
        writer.seal_with(Sealer::with_segment("alice@example.com", key(1)?, key(3)?));
        Ok(writer)
    };
    // The same session is written twice, first to know its bytes: signatures with Ed25519
    // have no chance in them.
    let first = session(temp.path(), "first")?;
    let mut rehearsed = sealing(&first, Some(Arc::new(NoSync)))?;
    for i in 0..=SEALS {
        rehearsed.append(samples::at(i as u64), &if i == 0 { samples::opened() } else { samples::decided(6) })?;
    }
    let bytes = std::fs::read(first.journal())?;
    let mut lines = bytes.split_inclusive(|b| *b == b'\n');
    let second = session(temp.path(), "second")?;
    let mut writer = sealing(&second, None)?;
    let mut bare = OpenOptions::new().append(true).create_new(true).open(second.path().join("bare"))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for i in 0..=SEALS {
        let event = if i == 0 { samples::opened() } else { samples::decided(6) };
        let three: Vec<&[u8]> = lines.by_ref().take(3).collect();
        let mut by_hand = || -> Outcome {
            let start = Instant::now();
            for line in &three {
                bare.write_all(line)?;
                bare.sync_data()?;
            }
            theirs.push(start.elapsed());
            Ok(())
        };
        if i % 2 == 0 {
            by_hand()?;
        }
        let start = Instant::now();
        writer.append(samples::at(i as u64), &event)?;
        ours.push(start.elapsed());
        if i % 2 != 0 {
            by_hand()?;
        }
    }
    assert!(std::fs::read(second.journal())? == bytes, "the two did not write the same bytes");
    let more = median(&ours).saturating_sub(median(&theirs));
    Ok(format!(
        "seal, {SEALS} decisions with their seals: median {} us, the same three lines with bare write and fdatasync {} us: \
         {} us beyond the syncs",
        median(&ours).as_micros(),
        median(&theirs).as_micros(),
        more.as_micros(),
    ))
}

/// The lines of a session of so many records.
fn lines(dir: &SessionDir) -> Outcome<Vec<Vec<u8>>> {
    let mut writer = Writer::create_on(Arc::new(NoSync), dir, Redactor::new())?;
    for i in 0..APPENDS {
        writer.append(samples::at(i as u64), &event(i))?;
    }
    Ok(std::fs::read(dir.journal())?.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect())
}

fn verify() -> Outcome<String> {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let dir = session(temp.path(), "large")?;
    let path = dir.journal();
    let mut writer = Writer::create_on(Arc::new(NoSync), &dir, Redactor::new())?;
    let mut records = 0;
    while records % 1_000 != 0 || path.metadata()?.len() < LARGE {
        writer.append(samples::at(records as u64), &event(records))?;
        records += 1;
    }
    drop(writer);
    let megabytes = path.metadata()?.len() as f64 / 1e6;
    let ours = fastest(|| match verify_journal(&path).status {
        Status::IntactOpen => Ok(()),
        other => Err(format!("the journal is {other:?}").into()),
    })?;
    let theirs = fastest(|| match Command::new("sha256sum").arg(&path).stdout(Stdio::null()).status()? {
        status if status.success() => Ok(()),
        status => Err(format!("sha256sum: {status}").into()),
    })?;
    let rate = |took: Duration| megabytes / took.as_secs_f64();
    Ok(format!(
        "verify, {megabytes:.0} MB in {records} records: {:.0} MB/s, sha256sum {:.0} MB/s, {:.2} of its speed",
        rate(ours),
        rate(theirs),
        rate(ours) / rate(theirs),
    ))
}

/// The quickest of a few rounds.
fn fastest(mut work: impl FnMut() -> Outcome) -> Outcome<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        best = best.min(start.elapsed());
    }
    Ok(best)
}

fn median(took: &[Duration]) -> Duration {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
