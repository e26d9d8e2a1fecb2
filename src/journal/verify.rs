//! Whether a journal is what was written: everything that can be said without keys.
//!
//! Streams the file once, hashing each line and scanning it strictly, so it runs about
//! as fast as the file can be hashed. Seals are not judged here: a journal that is
//! intact comes out as *unsealed* (5) at best, never as 0.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::blob::BlobError;
use super::disk::open_for_reading;
use super::format::{MAX_LINE, hex, sha256};
use super::order::{Chain, is_known};
use super::scan::{self, BlobRef};
use super::summary::{OpenedSummary, opened_summary};
use crate::session::Event;
use crate::session::event::SessionOutcome;

/// How much of a file is read at once.
const BATCH: usize = 1024 * 1024;

/// What was found about several journals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The worst of the exit codes, in the order 1, 6, 5, 0.
    pub code: u8,
    /// Each journal.
    pub journals: Vec<Verification>,
}

/// What was found about one journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// Its file.
    pub path: PathBuf,
    /// 1: broken. 5: intact, but open, unsealed or torn.
    pub code: u8,
    /// The same in a word.
    pub status: Status,
    /// The session's id, where a record could be read.
    pub sid: Option<String>,
    /// Records that are in order.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the last line that is in order: compare it with where it was shown.
    pub head: String,
    /// Files referred to, present and unchanged.
    pub blobs: u64,
    /// What `session.opened` says.
    pub opened: Option<OpenedSummary>,
    /// How the session ended, where it is closed.
    pub outcome: Option<SessionOutcome>,
    /// Bytes behind the last newline.
    pub torn_bytes: u64,
    /// Types of record this version does not know; they are part of the chain.
    pub unknown: BTreeSet<String>,
    /// Seals that stand in the journal; their signatures were not judged.
    pub seals: u64,
    /// The first thing that is wrong.
    pub problem: Option<Finding>,
}

/// What was found, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every rule holds; the session is not closed.
    IntactOpen,
    /// Every rule holds; the session is closed, no seal was judged.
    IntactUnsealed,
    /// Every rule holds up to a last record that was not written to its end.
    IntactTorn,
    /// Some rule does not hold.
    Broken,
    /// The file cannot be read.
    Unreadable,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1; 0 where it is about the file.
    pub line: u64,
    /// Where the line begins in the file.
    pub offset: u64,
    /// What is wrong, in words.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 { f.write_str(&self.what) } else { write!(f, "line {}: {}", self.line, self.what) }
    }
}

impl Verification {
    /// One line for people.
    pub fn sentence(&self) -> String {
        let head = self.head.get(..12).unwrap_or_default();
        let records = format!("{} records, head {head}", self.records);
        match (self.status, &self.problem) {
            (_, Some(problem)) => problem.to_string(),
            (Status::IntactTorn, _) => {
                format!("intact up to a torn end of {} bytes ({records}); resuming cuts it", self.torn_bytes)
            }
            (Status::IntactUnsealed, _) => format!("intact and closed, but no seal was verified ({records})"),
            _ => format!("intact, but the session is open ({records})"),
        }
    }
}

/// Verifies journals. A path is a journal, a session's folder, a state folder, or any
/// folder of session folders; without anything to verify in it, it counts as broken.
pub fn verify(paths: &[PathBuf]) -> Report {
    let mut journals = Vec::new();
    for path in paths {
        match find(path) {
            Ok(found) => journals.extend(found.iter().map(|path| verify_journal(path))),
            Err(error) => journals.push(unreadable(path, &error)),
        }
    }
    let codes: Vec<u8> = journals.iter().map(|journal| journal.code).collect();
    let code = [1, 6, 5].into_iter().find(|code| codes.contains(code)).unwrap_or(0);
    Report { code: if journals.is_empty() { 1 } else { code }, journals }
}

/// The journals a path stands for, in order of their names.
fn find(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.metadata()?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own = path.join("journal.jsonl");
    if own.symlink_metadata().is_ok() {
        return Ok(vec![own]);
    }
    let sessions = path.join("sessions");
    let folder = if sessions.is_dir() { sessions } else { path.to_owned() };
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let journal = entry?.path().join("journal.jsonl");
        if journal.symlink_metadata().is_ok() {
            found.push(journal);
        }
    }
    found.sort();
    if found.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "there is no journal in this folder")) } else { Ok(found) }
}

fn unreadable(path: &Path, error: &io::Error) -> Verification {
    let mut verification = Check::new(path).result;
    verification.code = 1;
    verification.status = Status::Unreadable;
    verification.problem = Some(Finding { line: 0, offset: 0, what: format!("it cannot be read: {error}") });
    verification
}

/// Verifies one journal. Its blobs are looked for beside it.
pub fn verify_journal(path: &Path) -> Verification {
    let mut check = Check::new(path);
    match open_for_reading(path).and_then(|file| check.stream(file)) {
        Ok(()) => check.finish(),
        Err(error) => unreadable(path, &error),
    }
}

/// One verification under way.
struct Check {
    result: Verification,
    chain: Chain,
    /// Where the next line begins.
    offset: u64,
    /// Blobs that were found to be in order.
    seen: BTreeSet<BlobRef>,
    torn: Vec<u8>,
}

impl Check {
    fn new(path: &Path) -> Self {
        let result = Verification {
            path: path.to_owned(),
            code: 5,
            status: Status::IntactOpen,
            sid: None,
            records: 0,
            bytes: 0,
            head: String::new(),
            blobs: 0,
            opened: None,
            outcome: None,
            torn_bytes: 0,
            unknown: BTreeSet::new(),
            seals: 0,
            problem: None,
        };
        Self { result, chain: Chain::default(), offset: 0, seen: BTreeSet::new(), torn: Vec::new() }
    }

    /// Takes the whole file, up to the first thing that is wrong.
    fn stream(&mut self, mut file: File) -> io::Result<()> {
        self.result.bytes = file.metadata()?.len();
        let mut buffer = vec![0; BATCH];
        let mut filled = 0;
        loop {
            let read = match file.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            filled += read;
            let batch = buffer.get(..filled).unwrap_or_default();
            let mut used = 0;
            for line in batch.split_inclusive(|&b| b == b'\n') {
                if line.last() != Some(&b'\n') {
                    break;
                }
                if let Err(what) = self.line(line) {
                    self.fail(what);
                    return Ok(());
                }
                used += line.len();
            }
            buffer.copy_within(used..filled, 0);
            filled -= used;
            if filled > MAX_LINE {
                self.fail("the line is longer than 64 KiB".into());
                return Ok(());
            }
        }
        self.torn = buffer.get(..filled).unwrap_or_default().to_vec();
        Ok(())
    }

    fn fail(&mut self, what: String) {
        self.result.problem = Some(Finding { line: self.chain.seq + 1, offset: self.offset, what });
    }

    /// Takes one line with its newline.
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let scanned = scan::scan(text).map_err(|flaw| flaw.to_string())?;
        // A copy is followed first, so that a line that is out of order does not count.
        let mut chain = self.chain.clone();
        chain.follow(&scanned, sha256(line))?;
        for blob in &scanned.blobs {
            self.blob(blob)?;
        }
        match scanned.kind {
            "session.opened" => {
                if let Ok(Event::SessionOpened(opened)) = serde_json::from_slice(text) {
                    let at = chrono::DateTime::parse_from_rfc3339(scanned.ts).unwrap_or_default().to_utc();
                    self.result.opened = Some(opened_summary(&opened, at));
                }
            }
            "session.closed" => {
                if let Ok(Event::SessionClosed(closed)) = serde_json::from_slice(text) {
                    self.result.outcome = Some(closed.outcome);
                }
            }
            "journal.sealed" => self.result.seals += 1,
            kind if !is_known(kind) => {
                self.result.unknown.insert(kind.to_owned());
            }
            _ => {}
        }
        self.chain = chain;
        self.offset += line.len() as u64;
        Ok(())
    }

    /// Checks a file the journal refers to.
    fn blob(&mut self, blob: &BlobRef) -> Result<(), String> {
        if self.seen.contains(blob) {
            return Ok(());
        }
        let name = hex(&blob.hash);
        let found = hash_file(&self.result.path.with_file_name("output").join(&name));
        let error = match found {
            Ok((hash, bytes)) if hash == blob.hash && bytes == blob.bytes => {
                self.seen.insert(*blob);
                return Ok(());
            }
            Ok(_) => BlobError::Changed(name),
            Err(e) if e.kind() == io::ErrorKind::NotFound => BlobError::Missing(name),
            Err(e) => BlobError::Unreadable(name, e),
        };
        Err(error.to_string())
    }

    fn finish(mut self) -> Verification {
        let torn = std::mem::take(&mut self.torn);
        let closed = self.chain.stage.is_closed();
        if self.result.problem.is_none() && closed && !torn.is_empty() {
            // A power cut while the closing seal was written leaves its beginning; any
            // other bytes were put there by somebody.
            if self.chain.stage.is_ended() || !self.chain.could_begin_with(&torn) {
                self.fail(format!("{} bytes stand behind the end of a closed session", torn.len()));
            }
        }
        let mut result = self.result;
        result.records = self.chain.seq;
        result.head = hex(&self.chain.head);
        result.sid = (self.chain.seq > 0).then_some(self.chain.sid);
        result.blobs = self.seen.len() as u64;
        result.torn_bytes = torn.len() as u64;
        (result.code, result.status) = match () {
            () if result.problem.is_some() => (1, Status::Broken),
            () if !torn.is_empty() => (5, Status::IntactTorn),
            () if closed => (5, Status::IntactUnsealed),
            () => (5, Status::IntactOpen),
        };
        result
    }
}

/// SHA-256 and length of a file.
fn hash_file(path: &Path) -> io::Result<([u8; 32], u64)> {
    let mut hash = Sha256::new();
    let bytes = io::copy(&mut open_for_reading(path)?, &mut hash)?;
    Ok((hash.finalize().into(), bytes))
}
