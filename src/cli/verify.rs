//! `pacenote verify`: whether journals are intact.
//!
//! What is named may be a journal, a folder of journals, or a session by the beginning of
//! its id. The exit code is the worst of all, in the order 1, 6, 5, 0.

mod anchors;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use chrono::Utc;

use crate::error::{Exit, Problem};
use crate::journal::Mark;
use crate::journal::verify::{self, Options, Progress, Report, Verification};
use crate::redact::{Keep, strip_controls};
use crate::report::VERIFY_SCRIPT;
use crate::signature::{AllowedSigners, ListError, Revoked};

use super::Basis;
use super::args::{Required, TextOrJson, TrustArgs, VerifyArgs};
use super::console::Console;

/// Of files from this size on, progress is told, each time so much more has been read.
const STEP: u64 = 256 << 20;

/// Verifies what is named.
///
/// # Errors
/// When a session is not found, a list of keys cannot be used, or the output cannot be
/// written; a journal that is broken is an answer and no error.
pub fn run(console: &mut Console, basis: &Basis, arguments: &VerifyArgs) -> Result<Exit, Problem> {
    if arguments.print_script {
        console.text(VERIFY_SCRIPT)?;
        return Ok(Exit::Done);
    }
    let paths = arguments.targets.iter().map(|target| path(basis, target)).collect::<Result<Vec<_>, _>>()?;
    let judge = Judge::of(basis, &arguments.trust)?;
    let report = {
        let told = RefCell::new((&mut *console, 0));
        let progress = |path: &Path, read: u64, all: u64| {
            let (console, last) = &mut *told.borrow_mut();
            if read / STEP != *last && all >= STEP {
                *last = read / STEP;
                console.note(format_args!("{}: {} of {} MB", path.display(), read >> 20, all >> 20));
            }
        };
        judge.with(Some(&progress), |options| verify::verify(&paths, options))
    };
    match arguments.format {
        TextOrJson::Json => console.json(&report)?,
        TextOrJson::Text => text(console, &report)?,
    }
    Ok(exit(report.code))
}

/// Whom to trust, and what must be there: for `verify` and whoever judges as it does.
pub(super) struct Judge<'a> {
    basis: &'a Basis,
    signers: Option<AllowedSigners>,
    known: Option<anchors::Known>,
    require: Vec<Required>,
}

impl<'a> Judge<'a> {
    /// Reads the list of keys, and what is known of heads where that was asked for.
    ///
    /// # Errors
    /// When the list cannot be used.
    pub(super) fn of(basis: &'a Basis, arguments: &TrustArgs) -> Result<Self, Problem> {
        let signers = signers(basis, arguments.signers.as_deref())?;
        let known = arguments.require.contains(&Required::Anchor).then(|| anchors::Known::read(basis));
        Ok(Self { basis, signers, known, require: arguments.require.clone() })
    }

    /// Verifies by it, as of now.
    pub(super) fn with<T>(&self, progress: Option<Progress<'_>>, verify: impl FnOnce(Options<'_>) -> T) -> T {
        let wants = |what| self.require.contains(&what);
        let look_up = |mark: &Mark| self.known.as_ref().map_or(Err(String::new()), |known| known.look_up(mark));
        verify(Options {
            signers: self.signers.as_ref(),
            now: Utc::now(),
            operator: wants(Required::Operator),
            approvals: wants(Required::Approvals),
            groups: Some(&self.basis.policy.rules.groups),
            anchors: if self.known.is_some() { Some(&look_up) } else { None },
            progress,
            ..Options::default()
        })
    }
}

/// The list of those who are trusted, without the keys that were revoked. None where
/// nobody named one and the usual one is not there.
///
/// # Errors
/// When it cannot be used.
pub fn signers(basis: &Basis, named: Option<&Path>) -> Result<Option<AllowedSigners>, Problem> {
    let file = named.unwrap_or_else(|| basis.signers_file());
    let must_be_there = named.is_some() || basis.policy.rules.signers.is_some();
    let refuse = |e: ListError| {
        Problem::cannot_start(format!("the list of keys cannot be used: {e}"))
            .hint("correct the list; nothing is verified with half a list")
    };
    let list = match AllowedSigners::load(file) {
        Ok(list) => list,
        Err(ListError::Unreadable { error, .. }) if error.kind() == std::io::ErrorKind::NotFound && !must_be_there => {
            return Ok(None);
        }
        Err(e) => return Err(refuse(e)),
    };
    let Some(revocations) = &basis.policy.rules.revocations else { return Ok(Some(list)) };
    Ok(Some(list.without(Revoked::load(revocations).map_err(refuse)?)))
}

/// A path stays a path, even to nothing: a journal that has gone must not be mistaken for
/// the beginning of another's id.
fn path(basis: &Basis, target: &str) -> Result<PathBuf, Problem> {
    let path = Path::new(target);
    if path.symlink_metadata().is_ok() || target.contains('/') {
        return Ok(path.to_owned());
    }
    Ok(super::session_or_archived(&basis.state()?, target)?.path().to_owned())
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
    if let Some(anchored) = journal.seal.as_ref().and_then(|seal| seal.anchored.as_ref()) {
        lines.push(format!("known to {} since {}", anchored.place, crate::session::time::rfc3339(anchored.at)));
    }
    lines.extend(journal.warnings.iter().map(|warning| format!("warning: {warning}")));
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
