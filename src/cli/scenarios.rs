//! The scenarios of a runbook, and `test`, which walks them.

use std::path::{Path, PathBuf};

use super::args::{TestArgs, TextOrJson};
use super::console::Console;
use super::walk::loaded;
use crate::error::{Exit, Problem};
use crate::runbook::load::{self, Bundle};
use crate::world::Scenario;
use crate::world::scenario::ScenarioError;

mod junit;
mod report;
mod suite;

/// All scenarios of a runbook: the files of `scenarios/` beside it that name it, sorted
/// by name. For a runbook of the library: those of the library.
///
/// # Errors
/// When a scenario cannot be read; it names the place.
fn of(file: &str, bundle: &Bundle) -> Result<Vec<Scenario>, ScenarioError> {
    let path = Path::new(file);
    let mut found = Vec::new();
    if path.exists() {
        let folder = path.parent().unwrap_or(Path::new("")).join("scenarios");
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for entry in yaml_files(&folder) {
            let scenario = Scenario::load(&entry)?;
            if Path::new(&scenario.runbook).file_name().is_some_and(|n| n.to_string_lossy() == name) {
                found.push(scenario);
            }
        }
    } else {
        for (shown, text) in load::library().iter().filter(|(path, _)| path.starts_with("scenarios/")) {
            let scenario = Scenario::read(shown, text)?;
            let named = Path::new(&scenario.runbook).file_stem().map(|s| s.to_string_lossy().into_owned());
            if named.as_deref() == Some(bundle.root.id.value.as_str()) {
                found.push(scenario);
            }
        }
    }
    found.sort_by_key(|s| s.scenario.to_string());
    Ok(found)
}

/// A scenario that cannot be read, with the exit code it has for a command.
fn wrong(error: &ScenarioError, exit: Exit) -> Problem {
    let place = format!("{}:{}:{}", error.file, error.line, error.column);
    Problem::with_exit(format!("the scenario is wrong: {}", error.message), exit).at(place)
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
    let scenarios = of(file, bundle).map_err(|e| wrong(&e, Exit::CannotStart))?;
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
    let mut suites = Vec::new();
    for file in &arguments.files {
        let bundle = loaded(file)?;
        let mut scenarios = of(file, &bundle).map_err(|e| wrong(&e, Exit::Failed))?;
        if let Some(name) = &arguments.scenario {
            scenarios.retain(|s| s.scenario.to_string() == *name);
        }
        suites.push((bundle, scenarios));
    }
    let jobs = arguments.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let report = suite::walk_all(suites, jobs, arguments.scenario.is_none())?;
    if let Some(file) = &arguments.junit {
        std::fs::write(file, junit::render(&report)).map_err(|e| {
            Problem::cannot_start(format!("the JUnit report cannot be written: {e}")).at(file.display().to_string())
        })?;
    }
    match arguments.format {
        TextOrJson::Json => console.json(&report)?,
        TextOrJson::Text => report::write(console, &report)?,
    }
    Ok(if report.failed == 0 && report.passed > 0 { Exit::Done } else { Exit::Failed })
}
