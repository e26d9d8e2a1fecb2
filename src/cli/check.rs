//! `pacenote check`: the mistakes of runbooks, without running anything.
//!
//! Every file named is read and judged, whatever is wrong with the others. Exit code 1
//! where there are errors; warnings and advice are shown and do not fail.

mod sarif;

use serde_json::json;

use crate::authoring::advice;
use crate::error::{Exit, Problem};
use crate::runbook::diagnostic;
use crate::runbook::diagnostic::{render_text, to_json};
use crate::runbook::load::{CheckReport, check_named};

use super::world::check::scenario;

use super::args::{CheckArgs, CheckFormat};
use super::console::Console;

/// Checks the files named.
///
/// # Errors
/// When the output cannot be written; mistakes in a runbook are an answer and no error.
pub fn run(console: &mut Console, arguments: &CheckArgs) -> Result<Exit, Problem> {
    let mut total = Total::default();
    match arguments.format {
        // Written as it is found: a thousand runbooks are not kept in memory.
        CheckFormat::Text => {
            for name in &arguments.files {
                let report = judged(name, arguments.advice);
                total.add(&report);
                console.text(&render_text(&report.diagnostics, &report.sources, console.colour()))?;
            }
            console.line(&total)?;
        }
        CheckFormat::Json => {
            let mut files = Vec::new();
            for name in &arguments.files {
                let report = judged(name, arguments.advice);
                total.add(&report);
                files.push(json!({
                    "file": name,
                    "ok": report.errors() == 0,
                    "bundle": report.bundle.as_ref().map(|bundle| &bundle.sha256),
                    "diagnostics": to_json(&report.diagnostics),
                }));
            }
            console.json(&json!({ "files": files, "errors": total.errors, "warnings": total.warnings }))?;
        }
        CheckFormat::Sarif => {
            let mut found = Vec::new();
            for name in &arguments.files {
                let report = judged(name, arguments.advice);
                total.add(&report);
                found.extend(sarif::ends(report.diagnostics, &report.sources));
            }
            console.json(&sarif::log(&found))?;
        }
    }
    Ok(if total.errors > 0 { Exit::Failed } else { Exit::Done })
}

/// Reads and judges a file: a scenario where it says that it is one, else a runbook.
/// With advice, what could be better about a runbook without mistakes is said too.
fn judged(name: &str, with_advice: bool) -> CheckReport {
    let mut report = scenario(name).unwrap_or_else(|| check_named(name));
    if let (true, Some(bundle)) = (with_advice, &report.bundle) {
        // The file as the other diagnostics name it.
        let shown = |path: &str| report.sources.keys().find(|file| file.ends_with(path)).map(ToString::to_string);
        let file = shown(&bundle.root_path).unwrap_or_else(|| bundle.root_path.clone());
        report.diagnostics.extend(advice::of(&file, &bundle.root));
        diagnostic::sort(&mut report.diagnostics);
    }
    report
}

/// A runbook with mistakes cannot be started: the mistakes, as `check` shows them.
pub(super) fn refused(name: &str, report: &CheckReport) -> Problem {
    if let [only] = &report.diagnostics[..]
        && report.sources.is_empty()
    {
        // There is nothing to correct in what is not there.
        let missing = Problem::cannot_start(&only.message);
        return match &only.hint {
            Some(hint) => missing.hint(hint),
            None => missing.at(name),
        };
    }
    let shown = render_text(&report.diagnostics, &report.sources, false);
    Problem::cannot_start(format!("`{name}` has mistakes:\n{}", shown.trim_end()))
        .hint("correct them; `pacenote check` shows them again")
}

/// How many of what.
#[derive(Debug, Default)]
struct Total {
    files: usize,
    errors: usize,
    warnings: usize,
}

impl Total {
    fn add(&mut self, report: &CheckReport) {
        self.files += 1;
        self.errors += report.errors();
        self.warnings += report.warnings();
    }
}

impl std::fmt::Display for Total {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let many = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        write!(f, "{} checked: {}, {}", many(self.files, "file"), many(self.errors, "error"), many(self.warnings, "warning"))
    }
}
