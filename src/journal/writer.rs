//! Writes the journal: one record a write, synced before anything is done about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::SubsecRound;
use sha2::{Digest, Sha256};

use super::blob::{BlobStore, Limits, Pending, outline};
use super::disk::{Disk, DiskFile, RealDisk, write_all};
use super::folder::{Holder, Lock, LockError, SessionDir};
use super::format::{self, EncodeError, MAX_EVIDENCE, MAX_LINE, MAX_STRING, sha256};
use super::order::Chain;
use super::seal::{Mark, Role, Sealer};
use super::{Durable, Record, redaction, scan};
use crate::redact::Redactor;
use crate::session::event::Paused;
use crate::session::{At, Event, Intent};
use crate::signature::Message;

mod resume;

pub use resume::{ResumeError, Resumption};

/// Space kept free for the last words of a journal on a full disk.
const RESERVE: usize = 64 * 1024;

/// Writes one session's journal. There is one at a time, by a lock.
///
/// Fails closed: after an error of the disk nothing more is written, and every further
/// append says so.
#[derive(Debug)]
pub struct Writer {
    disk: Arc<dyn Disk>,
    dir: SessionDir,
    blobs: BlobStore,
    file: Box<dyn DiskFile>,
    redactor: Redactor,
    chain: Chain,
    /// Length of the journal up to its last whole record.
    length: u64,
    /// SHA-256 of the journal up to there, under way: what a seal signs.
    digest: Sha256,
    sealer: Option<Sealer>,
    /// Why nothing more is written.
    stopped: Option<String>,
    _lock: Lock,
}

/// A record that is on the disk.
#[derive(Debug)]
pub struct Appended {
    /// The record, as reading it again would give it.
    pub record: Record,
    /// For `effect.intended`: the right to start the effect, once.
    pub intent: Option<Durable<Intent>>,
    /// The seal that followed at once, where one is due.
    pub seal: Vec<Record>,
    /// What is wrong with that seal, where it was not made or not told of.
    pub trouble: Option<String>,
    /// SHA-256 of the last line, hexadecimal.
    pub head: String,
}

impl Appended {
    /// The last record that was written.
    pub fn last(&self) -> &Record {
        self.seal.last().unwrap_or(&self.record)
    }
}

/// Why a record was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The journal cannot be written, now or since an earlier error. No further effect
    /// may start.
    #[error("the journal cannot be written: {why}")]
    Stopped {
        /// What the disk said.
        why: String,
        /// The record that says so, where it could still be written; part of the
        /// session like any other.
        last: Option<Box<Record>>,
    },
    /// The format cannot hold the record. Nothing was written, others can be.
    #[error(transparent)]
    Unwritable(#[from] EncodeError),
    /// Such a record may not stand here. Nothing was written, others can be.
    #[error("the record would be out of order: {0}")]
    Order(&'static str),
}

/// Why a journal could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("the session `{sid}` is in use{}", by(.holder.as_ref()))]
    InUse {
        /// The session.
        sid: String,
        /// By whom, where known.
        holder: Option<Holder>,
    },
    /// There is one already.
    #[error("there is a journal of `{0}` already")]
    Exists(String),
    /// The disk refuses.
    #[error("{path}: {error}", path = .path.display())]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

fn by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" by {holder}")).unwrap_or_default()
}

impl OpenError {
    fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Disk { path, error }
    }
}

impl Writer {
    /// Begins the journal of a session whose folder exists.
    ///
    /// # Errors
    /// When there is one already, or it cannot be made.
    pub fn create(dir: &SessionDir, redactor: Redactor) -> Result<Self, OpenError> {
        Self::create_on(Arc::new(RealDisk), dir, redactor)
    }

    /// The same on a given disk.
    ///
    /// # Errors
    /// As [`Writer::create`].
    pub fn create_on(disk: Arc<dyn Disk>, dir: &SessionDir, redactor: Redactor) -> Result<Self, OpenError> {
        let lock = lock(dir)?;
        make_output(dir)?;
        let path = dir.journal();
        let mut file = disk.create(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OpenError::Exists(dir.sid().to_owned()),
            _ => OpenError::Disk { path: path.clone(), error },
        })?;
        file.sync().map_err(OpenError::disk(&path))?;
        let chain = Chain { sid: dir.sid().to_owned(), ..Chain::default() };
        Self::start(disk, dir, redactor, file, chain, &[], lock)
    }

    /// A writer that goes on behind `chain`, with its reserve made.
    fn start(
        disk: Arc<dyn Disk>,
        dir: &SessionDir,
        redactor: Redactor,
        file: Box<dyn DiskFile>,
        chain: Chain,
        kept: &[u8],
        lock: Lock,
    ) -> Result<Self, OpenError> {
        let writer = Self {
            disk,
            dir: dir.clone(),
            blobs: BlobStore::new(dir),
            file,
            redactor,
            chain,
            length: kept.len() as u64,
            digest: Sha256::new_with_prefix(kept),
            sealer: None,
            stopped: None,
            _lock: lock,
        };
        writer.keep_reserve().map_err(OpenError::disk(writer.reserve()))?;
        writer.disk.sync_folder(dir.path()).map_err(OpenError::disk(dir.path()))?;
        Ok(writer)
    }

    /// Writes a record, syncs it, and only then says so.
    ///
    /// Secrets the redactor knows are taken out first; texts too long for a line go to
    /// files beside the journal, synced before the record is written.
    ///
    /// # Errors
    /// See [`AppendError`]. In no case is the record part of the session.
    ///
    /// Where the journal is sealed, the seal that is due behind the record follows at
    /// once. Its failure is no failure of the record.
    pub fn append(&mut self, at: At, event: &Event) -> Result<Appended, AppendError> {
        let mut appended = self.append_one(at, event)?;
        if let Some(role) = Role::after(event)
            && let Some(mut sealer) = self.sealer.take()
        {
            appended.trouble = self.seal(at, role, &mut sealer, &mut appended.seal).err();
            self.sealer = Some(sealer);
            appended.head = self.head();
        }
        Ok(appended)
    }

    /// Whether somebody seals it.
    pub fn is_sealed(&self) -> bool {
        self.sealer.is_some()
    }

    /// From now on seals with these keys, and tells these witnesses.
    pub fn seal_with(&mut self, sealer: Sealer) {
        self.sealer = Some(sealer);
    }

    /// Writes one seal.
    fn seal(&mut self, at: At, role: Role, sealer: &mut Sealer, written: &mut Vec<Record>) -> Result<(), String> {
        let announced = sealer.announce(role);
        let failed = |what: &str, why: &dyn std::fmt::Display| format!("{what}: {why}");
        let intended = self.append_one(at, &announced.event());
        written.push(intended.map_err(|e| failed("the seal was not written", &e))?.record);
        let (path, length) = (self.dir.journal(), self.length);
        let sha256: format::Hash = self.digest.clone().finalize().into();
        let sig = sealer.sign(role, Message::File { path: &path, length, sha256 });
        let sealed = announced.sealed(length, &sha256, sig.map_err(|e| failed("the journal was not sealed", &e))?);
        let sealed = self.append_one(at, &sealed.event()).map_err(|e| failed("the seal was not written", &e))?;
        let mark = Mark { sid: sealed.record.sid.clone(), seq: sealed.record.seq, head: sealed.head };
        let when = sealed.record.ts;
        written.push(sealed.record);
        match sealer.tell(role, &mark, when) {
            Some(wrong) => Err(failed("the seal was written and could not be noted elsewhere", &wrong)),
            None => Ok(()),
        }
    }

    /// The same without a seal behind it.
    fn append_one(&mut self, at: At, event: &Event) -> Result<Appended, AppendError> {
        if let Some(why) = &self.stopped {
            return Err(AppendError::Stopped { why: why.clone(), last: None });
        }
        let mut next = self.compose(at, event)?;
        if let Err(error) = self.blobs.keep(&*self.disk, &next.blobs) {
            return Err(self.stop(at, &error));
        }
        if let Err(error) = write_all(&mut *self.file, &next.line) {
            return Err(self.cut_back_and_stop(at, &error));
        }
        if let Err(error) = self.file.sync() {
            // Whether the record is on the disk is unknown, and asking again would prove
            // nothing: the kernel forgets which pages it could not write.
            self.stopped = Some(format!("it could not be synced: {error}"));
            return Err(self.is_stopped(None));
        }
        self.took(&next.line);
        self.chain = next.chain;
        if self.chain.stage.is_closed() {
            // Nothing more needs the room.
            let _ = self.disk.remove(&self.reserve());
        }
        let intent = match &mut next.record.event {
            Some(Event::EffectIntended(intent)) => Some(Durable(Intent::clone(intent))),
            _ => None,
        };
        Ok(Appended { record: next.record, intent, seal: Vec::new(), trouble: None, head: self.head() })
    }

    /// A line is in the file.
    fn took(&mut self, line: &[u8]) {
        self.length += line.len() as u64;
        self.digest.update(line);
    }

    /// The SHA-256 of the last line, hexadecimal: the head of the chain.
    pub fn head(&self) -> String {
        format::hex(&self.chain.head)
    }

    /// The number of records.
    pub fn records(&self) -> u64 {
        self.chain.seq
    }

    /// Why nothing more is written, once that is so.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// The session's folder.
    pub fn dir(&self) -> &SessionDir {
        &self.dir
    }

    fn reserve(&self) -> PathBuf {
        self.dir.path().join("reserve")
    }

    fn keep_reserve(&self) -> io::Result<()> {
        let path = self.reserve();
        if self.disk.exists(&path) {
            self.disk.remove(&path)?;
        }
        // Bytes that do not compress, or some file systems would not keep the room.
        let mut bytes = vec![0; RESERVE];
        fastrand::Rng::with_seed(0).fill(&mut bytes);
        let mut file = self.disk.create(&path)?;
        write_all(&mut *file, &bytes)?;
        file.sync()
    }

    /// The line of a record, and everything that follows from its being written.
    fn compose(&self, at: At, event: &Event) -> Result<Next, AppendError> {
        let at = At { wall: at.wall.trunc_subsecs(3), ..at };
        let header = format::header(self.chain.seq, &self.chain.sid, &self.chain.head, at);
        let start = header.len();
        let mut blobs = Pending::new();
        let mut event = std::borrow::Cow::Borrowed(event);
        let plain = format::encode(&*event, header.clone())?;
        let mut line = plain.bytes;
        let leaks = self.redactor.finds(plain.texts.as_bytes());
        if leaks && let Some(clean) = redaction::redact(&event, &self.redactor) {
            event = std::borrow::Cow::Owned(clean);
        }
        let signed = matches!(&*event, Event::ApprovalRequested(asked) if !asked.request.is_empty());
        if signed || leaks || plain.longest_string > MAX_STRING || plain.has_blob_key || line.len() > MAX_EVIDENCE {
            line = compose_with_blobs(&header, &event, &mut blobs)?;
        }
        // The event was written as an object of its own; it goes on from the header.
        if let Some(brace) = line.get_mut(start) {
            *brace = b',';
        }
        let scanned = scan::scan(&line).map_err(|flaw| EncodeError::Unwritable(flaw.to_string()))?;
        let (kind, mut chain) = (scanned.kind.to_owned(), self.chain.clone());
        chain.stage = chain.stage.follow(&kind).map_err(AppendError::Order)?;
        line.push(b'\n');
        chain.seq += 1;
        chain.head = sha256(&line);
        let record = Record {
            seq: self.chain.seq,
            sid: chain.sid.clone(),
            ts: at.wall,
            mono_ms: at.mono_ms,
            event: Some(event.into_owned()),
            kind,
        };
        Ok(Next { line, blobs, chain, record })
    }

    fn is_stopped(&self, last: Option<Record>) -> AppendError {
        AppendError::Stopped { why: self.stopped.clone().unwrap_or_default(), last: last.map(Box::new) }
    }

    /// After a failed write: takes back what may have been written of it.
    fn cut_back_and_stop(&mut self, at: At, error: &io::Error) -> AppendError {
        if let Err(cut) = self.file.cut(self.length).and_then(|()| self.file.sync()) {
            self.stopped = Some(format!("{error}; and the half-written record could not be taken back: {cut}"));
            return self.is_stopped(None);
        }
        self.stop(at, error)
    }

    /// Writes no more; where only room is missing, says so in the journal itself.
    fn stop(&mut self, at: At, error: &io::Error) -> AppendError {
        self.stopped = Some(error.to_string());
        let last = if is_full(error) { self.last_words(at, error) } else { None };
        self.is_stopped(last)
    }

    /// "Stopped: the journal cannot be written", in the room kept for it.
    fn last_words(&mut self, at: At, error: &io::Error) -> Option<Record> {
        self.disk.remove(&self.reserve()).ok()?;
        let reason = Some(format!("stopped: the journal cannot be written ({error})"));
        let next = self.compose(at, &Event::SessionPaused(Paused { paused: true, reason })).ok()?;
        if write_all(&mut *self.file, &next.line).is_err() {
            let _ = self.file.cut(self.length).and_then(|()| self.file.sync());
            return None;
        }
        self.file.sync().ok()?;
        self.took(&next.line);
        self.chain = next.chain;
        Some(next.record)
    }
}

/// A record about to be written.
struct Next {
    line: Vec<u8>,
    blobs: Pending,
    chain: Chain,
    record: Record,
}

/// Encodes an event behind a header, with as many of its texts in blobs as it takes.
fn compose_with_blobs(header: &[u8], event: &Event, blobs: &mut Pending) -> Result<Vec<u8>, EncodeError> {
    let whole = serde_json::to_value(event).map_err(|e| EncodeError::Unwritable(e.to_string()))?;
    let kind = whole.get("type").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let mut length = 0;
    for limits in Limits::STEPS {
        let mut record = whole.clone();
        blobs.clear();
        if let Some(data) = record.get_mut("data") {
            outline(&kind, data, limits, blobs);
        }
        let line = format::encode(&record, header.to_vec())?.bytes;
        length = line.len() + 1;
        if length <= MAX_LINE {
            return Ok(line);
        }
    }
    Err(EncodeError::TooLong(length))
}

/// Whether an error says that there is no room, and nothing worse.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge | io::ErrorKind::WriteZero
    )
}

/// Keeps a session from being written by others, without writing it: for what must not
/// be done twice about a session that is closed.
#[derive(Debug)]
pub struct Hold {
    _lock: Lock,
}

impl Hold {
    /// Takes hold of a session until this is dropped.
    ///
    /// # Errors
    /// When somebody else has it.
    pub fn of(dir: &SessionDir) -> Result<Self, OpenError> {
        lock(dir).map(|_lock| Self { _lock })
    }
}

fn lock(dir: &SessionDir) -> Result<Lock, OpenError> {
    Lock::take(dir).map_err(|error| match error {
        LockError::Held(holder) => OpenError::InUse { sid: dir.sid().to_owned(), holder },
        LockError::Io(error) => OpenError::Disk { path: dir.path().join("lock"), error },
    })
}

/// The folder for blobs.
fn make_output(dir: &SessionDir) -> Result<(), OpenError> {
    use std::os::unix::fs::DirBuilderExt;
    let output = dir.output();
    match std::fs::DirBuilder::new().mode(0o700).create(&output) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(OpenError::Disk { path: output, error: e }),
        _ => Ok(()),
    }
}
