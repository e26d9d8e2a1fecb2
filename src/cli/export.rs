//! `pacenote export`: one session as a report or an evidence pack.
//!
//! A journal that is damaged, torn or open is exported all the same, with a banner in
//! front of everything else; the damage is also said on standard error, and the exit
//! code is then 1. A file is written whole or not at all, for its user alone: it appears
//! under its name when its last byte is on the disk.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::args::{ExportArgs, ExportFormat, Required, TrustArgs};
use super::console::Console;
use super::verify::Judge;
use super::{Basis, show};
use crate::approval::review::{self, Subject};
use crate::error::{Exit, Problem};
use crate::journal::SessionSummary;
use crate::journal::format::{hex, sha256};
use crate::journal::verify::verify_with;
use crate::report::seals::Judged;
use crate::report::{self, Beside, Source, Story};

/// Writes a report.
///
/// # Errors
/// When there is no such session, or the report cannot be made or written.
pub(super) fn run(console: &mut Console, basis: &Basis, arguments: &ExportArgs) -> Result<Exit, Problem> {
    if arguments.format == ExportFormat::Pack && arguments.output.is_none() && io::stdout().is_terminal() {
        return Err(Problem::usage("a pack is no text for a terminal").hint("name a file with --output, or use a pipe"));
    }
    let path = show::journal(basis, &arguments.session)?;
    let source = Source::read(&path).map_err(|e| {
        Problem::cannot_start(format!("the journal cannot be read: {e}"))
            .at(path.display())
            .hint("`pacenote sessions` lists the sessions of this machine")
    })?;
    let signals = Beside::signals_of(&source);
    let judged = Some(judged(basis, &path, &arguments.trust)?);
    let mut story = Story::of(source, Beside { signals, judged, ..Beside::default() });
    story.beside.kin = kin(basis, &path, &story);
    story.beside.first_in_ledger = ledger(&path)?.is_some_and(|ledger| begins_with(&ledger, &story.sid));
    story.beside.reviews = reviews(basis, &path, &story, &arguments.trust)?;
    let bytes = match arguments.format {
        ExportFormat::Html => report::html(&story).into_bytes(),
        ExportFormat::Markdown => report::markdown(&story).into_bytes(),
        ExportFormat::Json => report::json(&story).into_bytes(),
        ExportFormat::Csv => report::csv(&story).into_bytes(),
        ExportFormat::Cast => report::asciicast(&story).into_bytes(),
        ExportFormat::Pack => pack(&path, &story, signers_file(basis, &arguments.trust))?,
    };
    match &arguments.output {
        None => console.bytes(&bytes)?,
        Some(output) => write(output, &bytes).map_err(|e| {
            Problem::cannot_start(format!("the report cannot be written: {e}"))
                .at(output.display())
                .hint("free some space or choose another place; what stood under this name is untouched")
        })?,
    }
    for flaw in story.flaws.iter().filter(|flaw| flaw.severe) {
        console.note(format_args!("warning: {}", flaw.text));
    }
    Ok(if story.is_broken() { Exit::Failed } else { Exit::Done })
}

/// Other sessions of the same bundle in the state folder the journal is in; none where it
/// is not in one: a list of another machine would say nothing.
fn kin(basis: &Basis, journal: &Path, story: &Story) -> Option<Vec<SessionSummary>> {
    let (_, opened) = story.opened.as_ref()?;
    if !basis.config.state_dir.value.is_dir() {
        // Opening it would make it.
        return None;
    }
    let state = basis.state().ok()?;
    let ours = journal.canonicalize().ok()?;
    if !ours.starts_with(state.sessions_folder().canonicalize().ok()?) {
        return None;
    }
    let mut sessions = state.sessions().ok()?;
    sessions.retain(|other| {
        other.sid != story.sid && other.opened.as_ref().is_some_and(|other| other.bundle == opened.bundle.sha256)
    });
    Some(sessions)
}

/// What the seals are worth, judged as `verify` does. A broken one is no error here.
fn judged(basis: &Basis, journal: &Path, trust: &TrustArgs) -> Result<Judged, Problem> {
    let found = Judge::of(basis, trust)?.with(None, |options| verify_with(journal, options));
    let list = optional(signers_file(basis, trust))?.map(|bytes| hex(&sha256(&bytes)));
    let name = |what: &Required| match what {
        Required::Operator => "operator",
        Required::Approvals => "approvals",
        Required::Anchor => "anchor",
    };
    Ok(Judged { found, list, asked: trust.require.iter().map(name).collect() })
}

/// What others said of it afterwards, judged by the same list of keys.
fn reviews(basis: &Basis, journal: &Path, story: &Story, trust: &TrustArgs) -> Result<Vec<review::Judged>, Problem> {
    let lines = super::review::beside(journal)?;
    let signers = super::verify::signers(basis, trust.signers.as_deref())?;
    let operators = story.operators();
    let (session, head) = (story.sid.as_str(), story.head.as_str());
    Ok(Subject { session, head, operators: &operators, signers: signers.as_ref(), at: Utc::now() }.judge(&lines))
}

fn signers_file<'a>(basis: &'a Basis, trust: &'a TrustArgs) -> &'a Path {
    trust.signers.as_deref().unwrap_or_else(|| basis.signers_file())
}

fn pack(journal: &Path, story: &Story, signers: &Path) -> Result<Vec<u8>, Problem> {
    let folder = journal.parent().unwrap_or(Path::new("."));
    let ledger = ledger(journal)?;
    let signers = optional(signers)?;
    report::pack(story, folder, ledger.as_deref(), signers.as_deref()).map_err(|e| {
        Problem::cannot_start(format!("the pack cannot be made: {e}"))
            .at(folder.display())
            .hint("`pacenote verify` says what is wrong with the session")
    })
}

/// The ledger of the state folder a journal is in: `<state>/sessions/<id>/journal.jsonl`.
fn ledger(journal: &Path) -> Result<Option<Vec<u8>>, Problem> {
    let path = journal.ancestors().nth(3).map(|state| state.join("ledger.jsonl"));
    Ok(path.map(|path| optional(&path)).transpose()?.flatten())
}

/// Whether the first line of a ledger is about this session.
fn begins_with(ledger: &[u8], sid: &str) -> bool {
    let first = ledger.split(|&b| b == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(first).is_ok_and(|entry| entry.get("sid").is_some_and(|of| of == sid))
}

/// A file that may be missing.
fn optional(path: &Path) -> Result<Option<Vec<u8>>, Problem> {
    let mut bytes = Vec::new();
    match crate::journal::disk::open_for_reading(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Problem::cannot_start(format!("a file of the pack cannot be read: {e}"))
            .at(path.display())
            .hint("a pack without it would look whole; make it readable")),
    }
}

/// Writes a file beside its name first, so that it never stands there in part.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        // A pipe or a device takes what it is given.
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let part = part(path)?;
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    });
    if written.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::AlreadyExists) {
        // Half a report would only take space.
        let _ = std::fs::remove_file(&part);
    }
    written
}

fn part(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it names no file"))?;
    let mut part = std::ffi::OsString::from(".");
    part.push(name);
    part.push(format!(".{}.part", std::process::id()));
    Ok(path.with_file_name(part))
}
