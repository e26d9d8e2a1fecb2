//! Locks as files of the state folder.
//!
//! The kernel's lock on the file says whether somebody is at it; what is written in it
//! says whose it is, also after they have gone. One state folder is one user's on one
//! machine, so this keeps apart what one machine can.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use chrono::Utc;
use rustix::fs::{FlockOperation, OFlags, flock};

use super::{Claim, Holding, LockError};
use crate::session::lease::slug;

/// More than a holder's text has.
const MOST: u64 = 16 * 1024;

/// A lock file that is held.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
}

impl FileLock {
    /// Gives it back: nobody's any more.
    pub(super) fn release(self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.sync_all()
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // In so many words: a child that was just forked for a command has the file open
        // until it executes.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

pub(super) fn take(
    folder: &Path,
    name: &str,
    claim: &Claim,
    take_over: Option<&str>,
) -> Result<(FileLock, Option<Holding>), LockError> {
    let trouble = |error: io::Error| LockError::Trouble { lock: name.to_owned(), why: error.to_string() };
    let mut file = open(folder, name).map_err(trouble)?;
    let held = flock(&file, FlockOperation::NonBlockingLockExclusive);
    let holding = read(&mut file).map_err(trouble)?;
    match held {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(match holding {
                Some(holding) => LockError::Held { lock: name.to_owned(), holding },
                // Taken this moment: its holder has not written who they are yet.
                None => LockError::Trouble { lock: name.to_owned(), why: "somebody is just taking it".to_owned() },
            });
        }
        Err(errno) => return Err(trouble(io::Error::from(errno))),
    }
    let from = holding.filter(|h| h.session != claim.sid);
    if let Some(holding) = &from
        && take_over.is_none()
    {
        return Err(LockError::Left { lock: name.to_owned(), holding: holding.clone() });
    }
    let ours = Holding { session: claim.sid.clone(), holder: claim.holder.clone(), since: Utc::now(), renewed: None };
    write(&mut file, &ours).map_err(trouble)?;
    Ok((FileLock { file }, from))
}

/// Who has it; a file that is there and empty is nobody's.
pub(super) fn look(folder: &Path, name: &str) -> io::Result<Option<Holding>> {
    match crate::journal::disk::open_for_reading(&folder.join(slug("lock", name))) {
        Ok(mut file) => read(&mut file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn open(folder: &Path, name: &str) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    #[expect(clippy::cast_possible_wrap, reason = "the flags are small")]
    let nofollow = OFlags::NOFOLLOW.bits() as i32;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nofollow);
    options.open(folder.join(slug("lock", name)))
}

fn read(file: &mut File) -> io::Result<Option<Holding>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    // What cannot be read is not taken for free: a lock that is torn is somebody's.
    serde_json::from_slice(&bytes).map(Some).map_err(|_| io::Error::other("what is written in its file cannot be read"))
}

fn write(file: &mut File, holding: &Holding) -> io::Result<()> {
    let bytes = serde_json::to_vec(holding)?;
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&bytes)?;
    file.sync_all()
}
