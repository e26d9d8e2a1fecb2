//! `pacenote verify`: whether journals are intact.
//!
//! What is named may be a journal, a folder of journals, or a session by the beginning of
//! its id. The exit code is the worst of all, in the order 1, 6, 5, 0.

use std::path::{Path, PathBuf};

use crate::error::{Exit, Problem};
use crate::journal::verify::{self, Report, Verification};
use crate::redact::{Keep, strip_controls};

use super::args::{TextOrJson, VerifyArgs};
use super::console::Console;
use super::{Basis, explain_state};

/// Verifies what is named.
///
/// # Errors
/// When a session is not found or the output cannot be written; a journal that is broken
/// is an answer and no error.
pub fn run(console: &mut Console, basis: &Basis, arguments: &VerifyArgs) -> Result<Exit, Problem> {
    let paths = arguments.targets.iter().map(|target| path(basis, target)).collect::<Result<Vec<_>, _>>()?;
    let report = verify::verify(&paths, verify::Options::default());
    match arguments.format {
        TextOrJson::Json => console.json(&report)?,
        TextOrJson::Text => text(console, &report)?,
    }
    Ok(exit(report.code))
}

/// A path stays a path, even to nothing: a journal that has gone must not be mistaken for
/// the beginning of another's id.
fn path(basis: &Basis, target: &str) -> Result<PathBuf, Problem> {
    let path = Path::new(target);
    if path.symlink_metadata().is_ok() || target.contains('/') {
        return Ok(path.to_owned());
    }
    Ok(basis.state()?.session(target).map_err(|e| explain_state(&e))?.path().to_owned())
}

fn text(console: &mut Console, report: &Report) -> Result<(), Problem> {
    for journal in &report.journals {
        console.line(format_args!("{}: {}", journal.path.display(), strip_controls(&journal.sentence(), Keep::NOTHING)))?;
        for line in details(journal) {
            console.line(format_args!("  {}", strip_controls(&line, Keep::NOTHING)))?;
        }
    }
    if report.journals.len() > 1 {
        let count = |code: u8| report.journals.iter().filter(|journal| journal.code == code).count();
        let (all, good, open, untrusted, broken) = (report.journals.len(), count(0), count(5), count(6), count(1));
        console.line(format_args!(
            "{all} journals: {good} verified, {open} open, unsealed or torn, {untrusted} not trusted, {broken} broken"
        ))?;
    }
    Ok(())
}

fn details(journal: &Verification) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(opened) = &journal.opened {
        let outcome = journal.outcome.map_or("not closed", |outcome| outcome.as_str());
        lines.push(format!("{} by {} at {}: {outcome}", opened.title, opened.operator, crate::session::time::rfc3339(opened.at)));
    }
    if !journal.head.is_empty() && journal.problem.is_none() {
        lines.push(format!("head {}", journal.head));
    }
    if !journal.unknown.is_empty() {
        let kinds: Vec<&str> = journal.unknown.iter().map(String::as_str).collect();
        lines.push(format!("holds records this version does not know: {}", kinds.join(", ")));
    }
    lines
}

fn exit(code: u8) -> Exit {
    match code {
        0 => Exit::Done,
        5 => Exit::Open,
        6 => Exit::Untrusted,
        _ => Exit::Failed,
    }
}
