//! The ledger: one chained line for each time a session is opened, taken up again or
//! closed, with the head of its journal.
//!
//! A journal shows that nothing in it was changed; the ledger shows that none is missing
//! and none was replaced. Its lines are chained like a journal's and written under a
//! lock, one write and one sync each. Bytes behind the last newline are what a crash left
//! of a line: they are saved beside it and cut before the next line is written.
//!
//! So that lists and statistics need no journal, and so that something is known of one
//! that is gone, a line also says what was opened and what it came to. That is what the
//! journal said then, shortened; a line is rather written without it than not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

use super::StateDir;
use crate::journal::Mark;
use crate::journal::disk::{Disk as _, RealDisk};
use crate::journal::format::{self, NO_HASH, hex, sha256};
use crate::journal::summary::OpenedSummary;
use crate::session::figures::Figures;

/// A line is written in a moment; who holds the lock for longer is in trouble.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line is at most so long, its newline included.
const LINE: u64 = 16 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of the format.
    pub v: u64,
    /// Number, from 0.
    pub seq: u64,
    /// SHA-256 of the line before, with its newline; zeros in the first.
    pub prev: String,
    /// When.
    #[serde(with = "crate::session::time::stamp")]
    pub ts: DateTime<Utc>,
    /// What happened: `session.opened`, `session.resumed`, `session.closed`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// The session.
    pub sid: String,
    /// Number of the record whose hash is `head`.
    pub record: u64,
    /// The head of its journal then.
    pub head: String,
    /// Who opened what, where and when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub opened: Option<Box<OpenedSummary>>,
    /// What it came to; at a close.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub figures: Option<Box<Figures>>,
    /// The folder it was moved to; at a move.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<String>,
    /// A review of it; at one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub review: Option<Box<ReviewNoted>>,
}

/// A review, as it was when it was kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewNoted {
    /// SHA-256 of its line, hexadecimal: which it is.
    pub sha256: String,
    /// Who says to have signed it.
    pub by: String,
    /// What they came to: `accepted` or `objected`.
    pub finding: String,
    /// Whether it counted then: it was known to be theirs, and to be somebody else's.
    pub counts: bool,
}

/// What a line says of a session besides its head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Who opened what.
    pub opened: Option<Box<OpenedSummary>>,
    /// What it came to.
    pub figures: Option<Box<Figures>>,
    /// Where it was moved to.
    pub folder: Option<String>,
    /// A review of it.
    pub review: Option<Box<ReviewNoted>>,
}

/// `type` of a line: a review was kept beside the journal.
pub const REVIEWED: &str = "session.reviewed";
/// `type` of a line: about to be moved to an archive.
pub const ARCHIVING: &str = "session.archiving";
/// `type` of a line: moved to an archive.
pub const ARCHIVED: &str = "session.archived";

impl Entry {
    /// Whether it was written with a seal, and so when the journal really ended with
    /// this head.
    pub fn is_of_a_seal(&self) -> bool {
        matches!(self.kind.as_str(), "session.opened" | "session.resumed" | "session.closed")
    }
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The disk refuses.
    #[error("the ledger {path}: {error}", path = .path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// Somebody else holds its lock.
    #[error("the ledger {0} is locked by another process, for too long")]
    Locked(PathBuf),
    /// A line is not what was written.
    #[error("the ledger {path}, line {line}: {what}", path = .path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1; 0 for the last.
        line: u64,
        /// What is wrong.
        what: String,
    },
}

/// The ledger of a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// That of a state folder. Touches nothing.
    pub fn of(state: &StateDir) -> Self {
        Self { path: state.path().join("ledger.jsonl") }
    }

    fn disk(&self) -> impl FnOnce(io::Error) -> LedgerError {
        let path = self.path.clone();
        move |error| LedgerError::Disk { path, error }
    }

    fn broken(&self, line: u64, what: impl Into<String>) -> LedgerError {
        LedgerError::Broken { path: self.path.clone(), line, what: what.into() }
    }

    /// SHA-256 of the last line, hexadecimal; `None` before the first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<Option<String>, LedgerError> {
        let mut file = match open(&self.path, false) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.disk()(e)),
        };
        let end = last_line(&mut file).map_err(self.disk())?;
        Ok(end.line.map(|line| hex(&sha256(&line))))
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When it cannot be written, or its last line is none.
    pub fn append(&self, kind: &str, mark: &Mark, at: DateTime<Utc>, about: About) -> Result<Entry, LedgerError> {
        let mut file = open(&self.path, true).map_err(self.disk())?;
        self.lock(&file)?;
        let end = last_line(&mut file).map_err(self.disk())?;
        if !end.torn.is_empty() {
            self.save_torn(&end.torn).map_err(self.disk())?;
            file.set_len(end.whole).and_then(|()| file.sync_data()).map_err(self.disk())?;
        }
        let (seq, prev) = match &end.line {
            None => (0, NO_HASH),
            Some(line) => {
                let last: Entry = serde_json::from_slice(line).map_err(|e| self.broken(0, e.to_string()))?;
                (last.seq + 1, sha256(line))
            }
        };
        let (kind, sid, head) = (kind.to_owned(), mark.sid.clone(), mark.head.clone());
        let About { opened, figures, folder, review } = about;
        let (v, prev, record) = (format::VERSION, hex(&prev), mark.seq);
        let mut entry = Entry { v, seq, prev, ts: at, kind, sid, record, head, opened, figures, folder, review };
        let mut line = self.encode(&entry)?;
        if line.len() as u64 > LINE {
            (entry.opened, entry.figures) = (None, None);
            line = self.encode(&entry)?;
        }
        if line.len() as u64 > LINE {
            return Err(self.broken(0, "what is to be added is too long for a line"));
        }
        file.seek(SeekFrom::End(0)).map_err(self.disk())?;
        let written = file.write_all(&line).and_then(|()| file.sync_data());
        if written.is_err() {
            // Half a line would be cut by the next one; there is no need to wait for it.
            let _ = file.set_len(end.whole);
        }
        written.map_err(self.disk())?;
        if seq == 0
            && let Some(folder) = self.path.parent()
        {
            RealDisk.sync_folder(folder).map_err(self.disk())?;
        }
        Ok(entry)
    }

    fn encode(&self, entry: &Entry) -> Result<Vec<u8>, LedgerError> {
        let mut line = format::encode(entry, Vec::new()).map_err(|e| self.broken(entry.seq + 1, e.to_string()))?.bytes;
        line.push(b'\n');
        Ok(line)
    }

    /// All lines, each checked to follow from the one before.
    ///
    /// # Errors
    /// The first line that does not.
    pub fn entries(&self) -> Result<Vec<Entry>, LedgerError> {
        let mut entries = Vec::new();
        self.read(&mut entries)?;
        Ok(entries)
    }

    /// The lines up to the first that does not follow, and what is wrong with that one.
    pub fn as_far_as_good(&self) -> (Vec<Entry>, Option<LedgerError>) {
        let mut entries = Vec::new();
        let wrong = self.read(&mut entries).err();
        (entries, wrong)
    }

    fn read(&self, entries: &mut Vec<Entry>) -> Result<(), LedgerError> {
        let file = match open(&self.path, false) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(self.disk()(e)),
        };
        let mut source = BufReader::new(file);
        let mut head = NO_HASH;
        loop {
            let number = entries.len() as u64 + 1;
            let mut line = Vec::new();
            (&mut source).take(LINE).read_until(b'\n', &mut line).map_err(self.disk())?;
            if line.last() != Some(&b'\n') {
                return if line.len() as u64 == LINE { Err(self.broken(number, "it is too long")) } else { Ok(()) };
            }
            let entry: Entry = serde_json::from_slice(&line).map_err(|e| self.broken(number, e.to_string()))?;
            let anew = self.encode(&entry)?;
            if anew != line {
                return Err(self.broken(number, "it is not written as the program writes it"));
            }
            if entry.seq + 1 != number || entry.prev != hex(&head) {
                return Err(self.broken(number, "it does not follow from the line before"));
            }
            head = sha256(&line);
            entries.push(entry);
        }
    }

    fn lock(&self, file: &File) -> Result<(), LedgerError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {
                    return Err(LedgerError::Locked(self.path.clone()));
                }
                Err(e) => return Err(self.disk()(e.into())),
            }
        }
    }

    fn save_torn(&self, torn: &[u8]) -> io::Result<()> {
        let name = |n: u32| self.path.with_file_name(format!("ledger-torn-{n}.bin"));
        let free = (1..).map(name).find(|path| !RealDisk.exists(path)).unwrap_or_else(|| name(0));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(free)?;
        file.write_all(torn)?;
        file.sync_all()
    }
}

/// The end of a file of lines.
struct End {
    line: Option<Vec<u8>>,
    torn: Vec<u8>,
    /// Length up to the last newline.
    whole: u64,
}

fn last_line(file: &mut File) -> io::Result<End> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(2 * LINE);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(2 * LINE).read_to_end(&mut tail)?;
    let Some(end) = tail.iter().rposition(|&b| b == b'\n') else {
        return Ok(End { line: None, torn: tail, whole: start });
    };
    let (whole, torn) = tail.split_at_checked(end + 1).unwrap_or((&tail, &[]));
    let line = whole.split_inclusive(|&b| b == b'\n').next_back().map(<[u8]>::to_vec);
    Ok(End { line, torn: torn.to_vec(), whole: start + whole.len() as u64 })
}

fn open(path: &Path, write: bool) -> io::Result<File> {
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().read(true).write(write).create(write).truncate(false).mode(0o600).custom_flags(nofollow).open(path)
}

#[cfg(test)]
mod tests;
