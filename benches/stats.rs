//! What figures over many sessions cost: `stats` over the ledger of 10,000 sessions (a line
//! for each opening and each close), each form of its answer. The README's figures come
//! from here: `cargo bench --bench stats`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use pacenote::journal::format::{encode, hex, sha256};
use pacenote::journal::summary::OpenedSummary;
use pacenote::session::event::{Mode, SessionOutcome};
use pacenote::session::figures::{Figures, Names, StepTime, Trouble};
use pacenote::state::StateDir;
use pacenote::state::ledger::Entry;

const SESSIONS: u64 = 10_000;
const ROUNDS: usize = 5;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
fn main() -> Outcome {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let state = temp.path().join("state");
    StateDir::open(&state)?;
    let bytes = write(&state.join("ledger.jsonl"))?;
    println!("{SESSIONS} sessions, {} lines, {:.1} MB", 2 * SESSIONS, bytes as f64 / 1e6);
    for arguments in ["--by service", "--format json --by week", "--format html", "--review --since 30d"] {
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
            command.arg("stats").args(arguments.split(' ')).arg("--state-dir").arg(&state).stdout(Stdio::null());
            let start = Instant::now();
            assert!(command.status()?.success(), "{arguments}");
            best = best.min(start.elapsed());
        }
        println!("stats {arguments}: {:.2} s (quickest of {ROUNDS})", best.as_secs_f64());
    }
    Ok(())
}

/// A ledger of a session each hour, as the program would write it; its length.
fn write(path: &Path) -> Outcome<usize> {
    let mut lines = Vec::new();
    let mut head = [0; 32];
    let newest = Utc::now() - TimeDelta::hours(1);
    for n in 0..SESSIONS {
        let at = newest - TimeDelta::hours(i64::try_from(SESSIONS - n)?);
        for closes in [false, true] {
            let ts = DateTime::from_timestamp_millis((at + TimeDelta::minutes(if closes { 25 } else { 0 })).timestamp_millis());
            let entry = Entry {
                v: 1,
                seq: 2 * n + u64::from(closes),
                prev: hex(&head),
                ts: ts.ok_or("no time")?,
                kind: if closes { "session.closed" } else { "session.opened" }.to_owned(),
                sid: format!("{}-canary-deploy-{n:06x}", at.format("%Y%m%d-%H%M%S")),
                record: if closes { 900 } else { 2 },
                head: hex(&sha256(&n.to_le_bytes())),
                opened: Some(Box::new(opened(n, at))),
                figures: closes.then(|| Box::new(figures(n, at))),
                folder: None,
                review: None,
            };
            let mut line = encode(&entry, Vec::new())?.bytes;
            line.push(b'\n');
            head = sha256(&line);
            lines.extend_from_slice(&line);
        }
    }
    std::fs::write(path, &lines)?;
    Ok(lines.len())
}

fn opened(n: u64, at: DateTime<Utc>) -> OpenedSummary {
    let mut service = String::new();
    let _ = write!(service, "service-{}", n % 25);
    OpenedSummary {
        runbook: "canary-deploy".into(),
        title: "Canary deploy of checkout".into(),
        bundle: hex(&sha256(b"bundle")),
        environment: "production".into(),
        operator: "alice@example.com".into(),
        host: "bastion.example.com".into(),
        mode: Mode::Live,
        service: Some(service),
        version: Some("v1.2.4".into()),
        ticket: Some(format!("CHG-{n}")),
        kind: Some("deploy".into()),
        scenario: None,
        emergency: n.is_multiple_of(500),
        estimate_ms: Some(45 * 60_000),
        committed: None,
        rolls_back: None,
        ledger_head: None,
        at: DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default(),
    }
}

fn figures(n: u64, at: DateTime<Utc>) -> Figures {
    let bad = n.is_multiple_of(20);
    let at = DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default();
    Figures {
        outcome: Some(if bad { SessionOutcome::RolledBack } else { SessionOutcome::Completed }),
        walked_ms: 25 * 60_000 + n,
        done: 19,
        deviations: 0,
        emergency: n.is_multiple_of(500),
        changes: 6,
        rolled_back: bad,
        trouble: bad.then(|| Trouble { at: at + TimeDelta::minutes(5), what: "guard errors-up".into() }),
        recovered: bad.then(|| at + TimeDelta::minutes(12)),
        slowest: (0..5).map(|s| StepTime { path: format!("shift[{s}0]/soak"), ms: 600_000 - s * 1000 + n }).collect(),
        skipped: Names { names: if n.is_multiple_of(7) { vec!["preflight".into()] } else { Vec::new() }, more: 0 },
        overridden: Names::default(),
        guards: Names { names: if bad { vec!["errors-up".into()] } else { Vec::new() }, more: 0 },
    }
}
