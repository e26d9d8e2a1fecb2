//! Walks the scenarios of several runbooks, some at a time, and gathers what came of them.
//!
//! Every walk has a folder, a runtime and a clock of its own, so how many run at once
//! changes how long it takes and nothing else. What is reported is in the order given.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::app::headless::{self, Coverage, Mismatch, Outcome};
use crate::error::Problem;
use crate::runbook::load::Bundle;
use crate::state::{self, StateDir};
use crate::world::Scenario;

/// What came of all scenarios.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Scenarios that came out as expected.
    pub(super) passed: usize,
    /// Scenarios that did not, and runbooks without any.
    pub(super) failed: usize,
    /// Real time taken.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub(super) took: Duration,
    /// One for each runbook.
    pub(super) runbooks: Vec<Suite>,
}

/// The scenarios of a runbook.
#[derive(Debug, Serialize)]
pub(super) struct Suite {
    /// The runbook's id.
    pub(super) runbook: String,
    /// One for each scenario; empty: it has none, which fails.
    pub(super) scenarios: Vec<Case>,
    /// What they rehearse between them; absent when only some of them were walked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coverage: Option<Coverage>,
}

/// A scenario that was walked.
#[derive(Debug, Serialize)]
pub(super) struct Case {
    /// Its id.
    pub(super) scenario: String,
    /// How the session ended.
    pub(super) outcome: &'static str,
    /// Virtual time walked, milliseconds.
    pub(super) walked_ms: u64,
    /// Number of records.
    pub(super) records: u64,
    /// Real time taken.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub(super) took: Duration,
    /// What is not as expected; nothing: it passed.
    pub(super) differences: Vec<Mismatch>,
}

fn millis<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

/// One walk and what came of it.
struct Walked {
    result: Result<Outcome, String>,
    took: Duration,
}

/// Walks everything, at most so many at once; with coverage where all scenarios of each
/// runbook are there.
///
/// # Errors
/// When no folder could be made for the journals.
pub(super) fn walk_all(suites: Vec<(Bundle, Vec<Scenario>)>, jobs: usize, whole: bool) -> Result<Report, Problem> {
    let place = scratch().join(format!("pacenote-test-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    StateDir::open(&place).map_err(|e| crate::cli::explain_state(&e))?;
    let began = Instant::now();
    let walks: Vec<(&Bundle, &Scenario)> = suites.iter().flat_map(|(bundle, all)| all.iter().map(move |s| (bundle, s))).collect();
    let results = in_parallel(&walks, jobs, &place);
    // What a test wrote is of no use afterwards.
    let _ = std::fs::remove_dir_all(&place);
    let mut results = results.into_iter();
    let mut report = Report { passed: 0, failed: 0, took: began.elapsed(), runbooks: Vec::new() };
    for (bundle, scenarios) in &suites {
        let walked: Vec<(&Scenario, Walked)> = scenarios.iter().zip(results.by_ref()).collect();
        let coverage = whole.then(|| {
            let seen = walked.iter().filter_map(|(_, w)| w.result.as_ref().ok()).map(|outcome| &outcome.seen);
            headless::coverage(bundle, seen)
        });
        let scenarios: Vec<Case> = walked.into_iter().map(|(scenario, walked)| case(scenario, walked)).collect();
        let passed = scenarios.iter().filter(|case| case.differences.is_empty()).count();
        report.passed += passed;
        report.failed += if scenarios.is_empty() { 1 } else { scenarios.len() - passed };
        report.runbooks.push(Suite { runbook: bundle.root.id.value.clone(), scenarios, coverage });
    }
    Ok(report)
}

/// Where the journals of a test go: into memory where Linux has a place for that, since
/// each record is synced and a disk would be most of the time taken. `TMPDIR` decides.
fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if std::env::var_os("TMPDIR").is_none() && memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// Walks each once, on so many threads; the results in the order of the walks.
fn in_parallel(walks: &[(&Bundle, &Scenario)], jobs: usize, place: &Path) -> Vec<Walked> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Walked)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((bundle, scenario)) = walks.get(index) else { return };
            let began = Instant::now();
            let result = one(bundle, scenario, place.join(index.to_string()));
            let walked = Walked { result, took: began.elapsed() };
            done.lock().unwrap_or_else(PoisonError::into_inner).push((index, walked));
        }
    };
    // A panic in a walk is passed on when the scope ends.
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, walks.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, walked)| walked).collect()
}

/// Walks one scenario with a state folder of its own; the session is named by runbook,
/// scenario and seed.
fn one(bundle: &Bundle, scenario: &Scenario, place: PathBuf) -> Result<Outcome, String> {
    let state = StateDir::open(&place).map_err(|e| e.to_string())?;
    #[expect(clippy::cast_possible_truncation, reason = "the seed's low half is as good a name")]
    let entropy = scenario.seed as u32;
    let sid = state::new_session_id(headless::epoch(), &format!("{}-{}", bundle.root.id, scenario.scenario), entropy);
    let dir = state.create_session(&sid).map_err(|e| e.to_string())?;
    headless::walk(bundle, scenario, &dir)
}

fn case(scenario: &Scenario, walked: Walked) -> Case {
    let name = scenario.scenario.to_string();
    match walked.result {
        Ok(outcome) => Case {
            scenario: name,
            outcome: outcome.outcome.map_or("stopped", |o| o.as_str()),
            walked_ms: outcome.took_ms,
            records: outcome.records,
            took: walked.took,
            differences: headless::compare(scenario, &outcome),
        },
        Err(why) => Case {
            scenario: name,
            outcome: "-",
            walked_ms: 0,
            records: 0,
            took: walked.took,
            differences: vec![Mismatch::unexpected("it cannot be walked", why)],
        },
    }
}
