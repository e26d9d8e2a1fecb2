//! Reads a journal, record by record, checking that each follows from the one before.
//!
//! A reader never repairs, never acts, and makes no [`super::Durable`]: what is replayed
//! cannot happen again.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use super::blob::{BlobError, BlobStore, Found};
use super::disk::{Disk, RealDisk, open_for_reading};
use super::folder::SessionDir;
use super::format::{Hash, MAX_LINE, sha256};
use super::order::{Chain, is_known};
use super::{Record, content, scan};
use crate::session::Event;

/// What to do about texts kept in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blobs {
    /// Read them, check them and put them back; one that is missing or changed is an
    /// error.
    Resolve,
    /// Leave them: the beginning stands for the whole. For lists and first looks.
    Heads,
}

/// A line of a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it says.
    pub record: Record,
    /// Its bytes, newline included.
    pub raw: Vec<u8>,
    /// Where it begins in the file.
    pub offset: u64,
    /// SHA-256 of its bytes.
    pub hash: Hash,
}

/// What is wrong, and in which line.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ReadError {
    /// The line, from 1.
    pub line: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is not what the writer would write.
    #[error(transparent)]
    Encoding(#[from] scan::Flaw),
    /// It does not follow from the line before.
    #[error("{0}")]
    Chain(&'static str),
    /// Its type is known, but not this content.
    #[error("the content of `{kind}` cannot be read: {why}")]
    Content {
        /// Type.
        kind: String,
        /// Why.
        why: String,
    },
    /// A file it refers to is not there or not the same.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Streams the records of a journal. After an error it ends.
pub struct Reader<R = BufReader<std::fs::File>> {
    source: R,
    blobs: Option<BlobStore>,
    disk: Arc<dyn Disk>,
    mode: Blobs,
    chain: Chain,
    offset: u64,
    torn: Vec<u8>,
    ended: bool,
}

impl Reader {
    /// Opens the journal of a session.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(dir: &SessionDir, mode: Blobs) -> io::Result<Self> {
        Self::open_file(&dir.journal(), mode)
    }

    /// Opens a journal wherever it is; its blobs are looked for beside it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_file(path: &Path, mode: Blobs) -> io::Result<Self> {
        let source = BufReader::with_capacity(MAX_LINE, open_for_reading(path)?);
        Ok(Self::over(source, Some(BlobStore::beside(path)), Arc::new(RealDisk), mode))
    }
}

impl<R: BufRead> Reader<R> {
    pub(super) fn over(source: R, blobs: Option<BlobStore>, disk: Arc<dyn Disk>, mode: Blobs) -> Self {
        Self { source, blobs, disk, mode, chain: Chain::default(), offset: 0, torn: Vec::new(), ended: false }
    }

    /// Once the records have ended: the bytes behind the last newline.
    pub fn torn(&self) -> &[u8] {
        &self.torn
    }

    /// The SHA-256 of the last line read, hexadecimal.
    pub fn head(&self) -> String {
        super::format::hex(&self.chain.head)
    }

    pub(super) fn into_chain(self) -> Chain {
        self.chain
    }

    fn read(&mut self) -> Result<Option<Line>, Problem> {
        let mut raw = Vec::with_capacity(1024);
        (&mut self.source).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut raw)?;
        let Some(text) = raw.strip_suffix(b"\n") else {
            if raw.len() > MAX_LINE {
                // No record is that long, so this is not one that was torn.
                return Err(scan::Flaw { offset: MAX_LINE, what: "the line is longer than 64 KiB" }.into());
            }
            self.torn = raw;
            return Ok(None);
        };
        let scanned = scan::scan(text)?;
        let hash = sha256(&raw);
        self.chain.follow(&scanned, hash).map_err(Problem::Chain)?;
        let event = if is_known(scanned.kind) { Some(self.event(text, &scanned)?) } else { None };
        let ts = chrono::DateTime::parse_from_rfc3339(scanned.ts).unwrap_or_default().to_utc();
        let (sid, kind) = (scanned.sid.to_owned(), scanned.kind.to_owned());
        let record = Record { seq: scanned.seq, sid, ts, mono_ms: scanned.mono_ms, event, kind };
        Ok(Some(Line { record, raw, offset: self.offset, hash }))
    }

    fn event(&self, text: &[u8], line: &scan::Line<'_>) -> Result<Event, Problem> {
        match (&self.blobs, self.mode) {
            (Some(blobs), Blobs::Resolve) => {
                let mut load = |hash: Hash, bytes: u64| blobs.load(&*self.disk, &hash, bytes).map(Found::Whole);
                content::event(text, line, &mut load)
            }
            _ => content::event(text, line, &mut content::heads),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Line, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let (line, offset) = (self.chain.seq + 1, self.offset);
        match self.read() {
            Ok(Some(line)) => {
                self.offset += line.raw.len() as u64;
                Some(Ok(line))
            }
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(problem) => {
                self.ended = true;
                Some(Err(ReadError { line, offset, problem }))
            }
        }
    }
}
