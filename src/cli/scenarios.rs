//! The scenarios of a runbook, and `test`, which walks them.

use std::path::{Path, PathBuf};

use super::args::TestArgs;
use super::console::{Console, Table};
use super::walk::loaded;
use crate::app::headless;
use crate::error::{Exit, Problem};
use crate::runbook::load::{self, Bundle};
use crate::state::{self, StateDir};
use crate::world::Scenario;

/// All scenarios of a runbook: the files of `scenarios/` beside it that name it, sorted
/// by name. For a runbook of the library: those of the library.
///
/// # Errors
/// When a scenario cannot be read; it names the place.
fn of(file: &str, bundle: &Bundle) -> Result<Vec<Scenario>, Problem> {
    let wrong = |e: crate::world::scenario::ScenarioError| {
        Problem::cannot_start(format!("the scenario is wrong: {}", e.message)).at(format!("{}:{}:{}", e.file, e.line, e.column))
    };
    let path = Path::new(file);
    let mut found = Vec::new();
    if path.exists() {
        let folder = path.parent().unwrap_or(Path::new("")).join("scenarios");
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for entry in yaml_files(&folder) {
            let scenario = Scenario::load(&entry).map_err(wrong)?;
            if Path::new(&scenario.runbook).file_name().is_some_and(|n| n.to_string_lossy() == name) {
                found.push(scenario);
            }
        }
    } else {
        for (shown, text) in load::library().iter().filter(|(path, _)| path.starts_with("scenarios/")) {
            let scenario = Scenario::read(shown, text).map_err(wrong)?;
            let named = Path::new(&scenario.runbook).file_stem().map(|s| s.to_string_lossy().into_owned());
            if named.as_deref() == Some(bundle.root.id.value.as_str()) {
                found.push(scenario);
            }
        }
    }
    found.sort_by_key(|s| s.scenario.to_string());
    Ok(found)
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    let mut files: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml")).collect();
    files.sort();
    files
}

/// One scenario of a runbook: the named one, or the first by name.
///
/// # Errors
/// When there is none, or none of that name.
pub(super) fn choose(file: &str, bundle: &Bundle, name: Option<&str>) -> Result<Scenario, Problem> {
    let scenarios = of(file, bundle)?;
    let known: Vec<String> = scenarios.iter().map(|s| s.scenario.to_string()).collect();
    let none = || {
        Problem::cannot_start(format!("there is no scenario for `{}`", bundle.root.id))
            .hint("write one into `scenarios/` beside the runbook; its `runbook:` names the file")
    };
    match name {
        None => scenarios.into_iter().next().ok_or_else(none),
        Some(_) if known.is_empty() => Err(none()),
        Some(name) => scenarios.into_iter().find(|s| s.scenario.to_string() == name).ok_or_else(|| {
            Problem::usage(format!("there is no scenario `{name}`")).hint(format!("there is {}", known.join(", ")))
        }),
    }
}

/// `test`: walks all scenarios headless and compares with what they expect.
pub(super) fn test(console: &mut Console, arguments: &TestArgs) -> Result<Exit, Problem> {
    crate::ports::install_crypto();
    let place = std::env::temp_dir().join(format!("pacenote-test-{}-{:08x}", std::process::id(), fastrand::u32(..)));
    let state = StateDir::open(&place).map_err(|e| super::explain_state(&e))?;
    let result = all(console, arguments, &state);
    // What a test wrote is of no use afterwards.
    let _ = std::fs::remove_dir_all(&place);
    result
}

fn all(console: &mut Console, arguments: &TestArgs, state: &StateDir) -> Result<Exit, Problem> {
    let mut table = Table::new(&["RUNBOOK", "SCENARIO", "RESULT", "OUTCOME", "WALKED", "RECORDS"]);
    let mut details = Vec::new();
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for file in &arguments.files {
        let bundle = loaded(file)?;
        let mut scenarios = of(file, &bundle)?;
        if let Some(name) = &arguments.scenario {
            scenarios.retain(|s| s.scenario.to_string() == *name);
        }
        if scenarios.is_empty() {
            failed += 1;
            details.push(format!("{}: no scenario to walk", bundle.root.id));
        }
        for scenario in scenarios {
            let found = one(&bundle, &scenario, state);
            let name = scenario.scenario.to_string();
            let (differences, outcome, took, records) = match &found {
                Err(why) => (vec![why.clone()], "-".to_owned(), 0, 0),
                Ok(found) => (
                    headless::compare(&scenario, found),
                    found.outcome.map_or("stopped", |o| o.as_str()).to_owned(),
                    found.took_ms / 1000,
                    found.records,
                ),
            };
            let result = if differences.is_empty() { "ok" } else { "FAILED" };
            table.row([
                bundle.root.id.value.clone(),
                name.clone(),
                result.to_owned(),
                outcome,
                format!("{}m{:02}s", took / 60, took % 60),
                records.to_string(),
            ]);
            if differences.is_empty() {
                passed += 1
            } else {
                failed += 1
            }
            details.extend(differences.into_iter().map(|d| format!("{}/{name}: {d}", bundle.root.id)));
        }
    }
    console.line(&table)?;
    for detail in details {
        console.line(detail)?;
    }
    console.line(format_args!("{passed} passed, {failed} failed"))?;
    Ok(if failed == 0 && passed > 0 { Exit::Done } else { Exit::Failed })
}

/// Walks one scenario with a journal of its own, named by its seed.
fn one(bundle: &Bundle, scenario: &Scenario, state: &StateDir) -> Result<headless::Outcome, String> {
    #[expect(clippy::cast_possible_truncation, reason = "the seed's low half is as good a name")]
    let entropy = scenario.seed as u32;
    let sid = state::new_session_id(headless::epoch(), &format!("{}-{}", bundle.root.id, scenario.scenario), entropy);
    let dir = state.create_session(&sid).map_err(|e| e.to_string())?;
    headless::walk(bundle, scenario, &dir)
}
