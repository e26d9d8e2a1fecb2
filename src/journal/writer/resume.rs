//! Going on with a journal after the program or the machine went down.
//!
//! Everything is read and checked first; then what is whole is copied to a new file,
//! which takes the old one's place. The copy is not made to save the torn bytes (they
//! are saved apart): after a failed sync the kernel may hold records that never reached
//! the disk and count them as written, and only writing them anew makes them durable.

use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;

use super::super::blob::BlobStore;
use super::super::disk::{Disk, RealDisk, write_all};
use super::super::format::{hex, sha256};
use super::super::reader::{Blobs, ReadError, Reader};
use super::super::{Record, SessionDir};
use super::{AppendError, OpenError, Writer, lock, make_output};
use crate::redact::Redactor;
use crate::session::event::JournalRecovered;
use crate::session::{At, Event};

/// A journal that goes on.
#[derive(Debug)]
pub struct Resumption {
    /// Writes what follows.
    pub writer: Writer,
    /// Everything recorded so far, `journal.recovered` included where it was just added.
    pub records: Vec<Record>,
    /// What was cut, where there was a torn tail.
    pub recovered: Option<JournalRecovered>,
}

/// Why a session cannot go on. Nothing was changed, unless the disk failed on the way.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// It is in use, or the disk refuses.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no journal.
    #[error("there is no journal of `{0}`")]
    NotFound(String),
    /// Nothing was recorded, so nothing was done.
    #[error("nothing was recorded in `{0}`, so nothing was done; start it anew")]
    Empty(String),
    /// It is closed.
    #[error("the session `{0}` is closed")]
    Closed(String),
    /// It holds a type of record this version does not know.
    #[error("the session holds a record `{0}`, which this version does not know; resume it with the version that wrote it")]
    Unknown(String),
    /// It is broken.
    #[error("the journal is broken: {0}")]
    Broken(#[from] ReadError),
    /// `journal.recovered` could not be written.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Writer {
    /// Goes on with a session: reads and checks all of its journal, saves and cuts a
    /// torn tail, and continues the chain. `at` is when; its time since the resume
    /// counts from now on.
    ///
    /// # Errors
    /// See [`ResumeError`]. A closed session is never repaired or resumed.
    pub fn resume(dir: &SessionDir, redactor: Redactor, at: At) -> Result<Resumption, ResumeError> {
        Self::resume_on(Arc::new(RealDisk), dir, redactor, at)
    }

    /// The same on a given disk.
    ///
    /// # Errors
    /// As [`Writer::resume`].
    pub fn resume_on(disk: Arc<dyn Disk>, dir: &SessionDir, redactor: Redactor, at: At) -> Result<Resumption, ResumeError> {
        if !dir.path().is_dir() {
            return Err(ResumeError::NotFound(dir.sid().to_owned()));
        }
        let lock = lock(dir)?;
        let path = dir.journal();
        let bytes = disk.read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ResumeError::NotFound(dir.sid().to_owned()),
            _ => OpenError::Disk { path: path.clone(), error }.into(),
        })?;
        let (mut records, whole, chain) = read(&disk, dir, &bytes)?;
        let (kept, torn) = bytes.split_at_checked(whole).unwrap_or((&bytes, &[]));
        make_output(dir)?;
        let recovered = if torn.is_empty() { None } else { Some(save_torn(&*disk, dir, torn)?) };
        replace(&*disk, dir, kept)?;
        let file = disk.append(&path).map_err(OpenError::disk(&path))?;
        let mut writer = Self::start(disk, dir, redactor, file, chain, kept, lock)?;
        if let Some(recovered) = &recovered {
            let event = Event::JournalRecovered(recovered.clone());
            records.push(writer.append(at, &event)?.record);
        }
        Ok(Resumption { writer, records, recovered })
    }
}

/// All records, how many bytes they take, and where the chain stands behind them.
fn read(
    disk: &Arc<dyn Disk>,
    dir: &SessionDir,
    bytes: &[u8],
) -> Result<(Vec<Record>, usize, super::super::order::Chain), ResumeError> {
    let sid = || dir.sid().to_owned();
    let mut reader = Reader::over(Cursor::new(bytes), Some(BlobStore::new(dir)), Arc::clone(disk), Blobs::Resolve);
    let mut records = Vec::new();
    let mut whole = 0;
    for line in reader.by_ref() {
        let line = line?;
        whole += line.raw.len();
        if line.record.event.is_none() {
            return Err(ResumeError::Unknown(line.record.kind));
        }
        records.push(line.record);
    }
    let chain = reader.into_chain();
    if chain.stage.is_closed() {
        return Err(ResumeError::Closed(sid()));
    }
    if records.is_empty() {
        return Err(ResumeError::Empty(sid()));
    }
    Ok((records, whole, chain))
}

/// Saves the bytes of a torn tail in a file of their own.
fn save_torn(disk: &dyn Disk, dir: &SessionDir, torn: &[u8]) -> Result<JournalRecovered, OpenError> {
    let free = (1_u32..).map(|n| format!("torn-{n}.bin")).find(|name| !disk.exists(&dir.path().join(name)));
    let file = free.unwrap_or_default();
    let path = dir.path().join(&file);
    write_new(disk, &path, torn).map_err(OpenError::disk(&path))?;
    disk.sync_folder(dir.path()).map_err(OpenError::disk(dir.path()))?;
    Ok(JournalRecovered { length: torn.len() as u64, sha256: hex(&sha256(torn)), file })
}

/// Puts a freshly written copy of what is whole in the journal's place. The folder is
/// synced with the reserve, before anything is appended; until then either file will do.
fn replace(disk: &dyn Disk, dir: &SessionDir, kept: &[u8]) -> Result<(), OpenError> {
    let copy = dir.path().join("journal.part");
    if disk.exists(&copy) {
        disk.remove(&copy).map_err(OpenError::disk(&copy))?;
    }
    write_new(disk, &copy, kept).map_err(OpenError::disk(&copy))?;
    disk.rename(&copy, &dir.journal()).map_err(OpenError::disk(&copy))
}

fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = disk.create(path)?;
    write_all(&mut *file, bytes)?;
    file.sync()
}
