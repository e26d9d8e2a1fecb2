//! The folder of one session, and its lock.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

use super::format::is_session_id;

/// The folder of a session: `journal.jsonl`, `bundle/`, `output/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDir {
    path: PathBuf,
    sid: String,
}

impl SessionDir {
    /// The folder at a path, whose last part is the session's id. Touches no file.
    /// `None` if that is no id.
    pub fn new(path: impl Into<PathBuf>) -> Option<Self> {
        let path = path.into();
        let sid = path.file_name()?.to_str().filter(|sid| is_session_id(sid))?.to_owned();
        Some(Self { path, sid })
    }

    /// The session's id.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal.jsonl")
    }

    /// The runbook and what it calls, as run.
    pub fn bundle(&self) -> PathBuf {
        self.path.join("bundle")
    }

    /// Files named by their SHA-256.
    pub fn output(&self) -> PathBuf {
        self.path.join("output")
    }
}

/// Who writes a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process.
    pub pid: u32,
    /// When the process was started, in the kernel's own unit; tells it from a later
    /// process with the same number.
    pub started: Option<u64>,
    /// Host.
    pub host: String,
}

impl Holder {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self { pid, started: start_of(pid), host: host() }
    }

    /// Whether that process is still there. One on another host is taken to be.
    pub fn is_alive(&self) -> bool {
        self.host != host() || start_of(self.pid).is_some_and(|start| self.started.is_none_or(|s| s == start))
    }

    /// Who holds the lock of a session, as far as the lock file tells.
    pub fn of(dir: &SessionDir) -> Option<Self> {
        let bytes = super::disk::open_for_reading(&lock_path(dir)).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(4096).read_to_end(&mut bytes).map(|_| bytes)
        });
        serde_json::from_slice::<Self>(&bytes.ok()?).ok().filter(Self::is_alive)
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// When a process was started: the 22nd field of `/proc/<pid>/stat`, counted behind the
/// name in parentheses, which may itself hold spaces.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

fn lock_path(dir: &SessionDir) -> PathBuf {
    dir.path.join("lock")
}

/// The right to write a journal, held until dropped or until the process ends.
///
/// The kernel's lock on the file decides; what is written in it is for people.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// How often a held lock is tried again, and after what time.
const TRIES: u32 = 5;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    #[error("it is held")]
    Held(Option<Holder>),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Takes the lock of a session; waits a moment only, for children that a holder which
    /// is gone had just forked.
    pub(super) fn take(dir: &SessionDir) -> Result<Self, LockError> {
        let path = lock_path(dir);
        let mut tries = 0;
        loop {
            #[expect(clippy::cast_possible_wrap, reason = "the flags are small")]
            let nofollow = OFlags::NOFOLLOW.bits() as i32;
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow);
            let mut file = options.open(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) if tries < TRIES => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Held(Holder::of(dir))),
                Err(e) => return Err(io::Error::from(e).into()),
            }
            // Someone may have removed the file between opening and locking it; then the
            // lock is on a file nobody else will ever see.
            let ours = file.metadata()?;
            if !path.symlink_metadata().is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev()) {
                continue;
            }
            let holder = serde_json::to_vec(&Holder::this()).unwrap_or_default();
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(&holder)?;
            return Ok(Self { file });
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Nobody holds it any more. Unlocked in so many words: a child that was just
        // forked for a command has the file open until it executes.
        let _ = self.file.set_len(0);
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}
