//! Moves whole closed sessions to an archive, so that nothing is lost whatever happens.
//!
//! The order is what makes it safe: the ledger is told what is about to be moved where,
//! then the folder is moved, then the ledger is told that it was. On one file system the
//! move is one rename. Across two, everything is copied beside its place, synced, read
//! again and compared, given its name, and only then is the old folder taken out of the
//! sessions and removed. *Guarantee:* at every moment the whole session is under its name
//! in the sessions or in the archive. *Guarantee:* doing it again finishes what was begun.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use super::StateDir;
use super::ledger::{ARCHIVED, ARCHIVING, About, Entry, Ledger, LedgerError};
use crate::journal::disk::{Disk as _, RealDisk, open_for_reading};
use crate::journal::summary::summarise;
use crate::journal::{Mark, SessionDir};

/// A file of this name in a session's folder keeps it where it is; its first line says
/// why.
pub const HOLD: &str = "hold";
/// The session's lock: about who writes, not about what was written.
const LOCK: &str = "lock";

/// What is done one after the other; a move may end before each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The ledger is told what will be moved.
    Announce,
    /// The folder gets its new name, on the same file system.
    Rename,
    /// Across file systems: a file is copied, beside its place.
    Copy,
    /// The copy is compared with what it is of.
    Compare,
    /// The copy gets its name.
    Place,
    /// The old folder is taken out of the sessions.
    SetAside,
    /// The ledger is told that it was moved.
    Note,
    /// What was set aside is removed.
    Remove,
}

/// Why a session was not moved.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The disk refuses.
    #[error("{path}: {error}", path = .path.display())]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something else has its name in the archive.
    #[error("{0} is there already, and is not this session")]
    Occupied(PathBuf),
    /// The copy is not what it was made of.
    #[error("the copy differs from the session: {0}")]
    Differs(String),
    /// It holds something that is neither a file nor a folder.
    #[error("{0} is neither a file nor a folder")]
    Strange(PathBuf),
    /// The folder's name cannot be noted in the ledger.
    #[error("the name of the archive {0} is not UTF-8")]
    Name(PathBuf),
    /// The archive would be among the sessions.
    #[error("the archive {0} lies within the sessions")]
    Within(PathBuf),
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |error| ArchiveError::Disk { path, error }
}

/// Asked before each stage; an error ends the move there, as a crash would.
pub type Ask<'a> = &'a mut dyn FnMut(Stage) -> io::Result<()>;

/// An archive of a state folder.
#[derive(Debug)]
pub struct Archive {
    ledger: Ledger,
    sessions: PathBuf,
    aside: PathBuf,
    folder: PathBuf,
    name: String,
}

impl Archive {
    /// The archive in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made or used.
    pub fn open(state: &StateDir, folder: &Path) -> Result<Self, ArchiveError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(disk(folder))?;
        let folder = folder.canonicalize().map_err(disk(folder))?;
        let sessions = state.sessions_folder().canonicalize().map_err(disk(&folder))?;
        if folder.starts_with(&sessions) {
            return Err(ArchiveError::Within(folder));
        }
        let name = folder.to_str().ok_or_else(|| ArchiveError::Name(folder.clone()))?.to_owned();
        Ok(Self { ledger: Ledger::of(state), sessions, aside: state.path().join("moved"), folder, name })
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves a session. `mark` is its last record; whoever calls this holds its lock.
    ///
    /// # Errors
    /// When it could not; the session is then where it was, or in the archive, or both,
    /// and another try finishes it.
    pub fn take(&self, dir: &SessionDir, mark: &Mark, now: DateTime<Utc>, ask: Ask<'_>) -> Result<(), ArchiveError> {
        let to = self.folder.join(dir.sid());
        let occupied = to.symlink_metadata().is_ok();
        if occupied && compare(dir.path(), &to).is_err() {
            return Err(ArchiveError::Occupied(to));
        }
        before(ask, Stage::Announce, &to)?;
        self.note(ARCHIVING, mark, now)?;
        let renamed = if occupied {
            Err(io::ErrorKind::AlreadyExists.into())
        } else {
            ask(Stage::Rename).and_then(|()| RealDisk.rename(dir.path(), &to))
        };
        let copied = match renamed {
            Ok(()) => false,
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices || occupied => true,
            Err(error) => return Err(ArchiveError::Disk { path: to, error }),
        };
        if copied {
            if !occupied {
                self.copy(dir, &to, ask)?;
            }
            before(ask, Stage::SetAside, dir.path())?;
            make(&self.aside)?;
            RealDisk.rename(dir.path(), &self.aside.join(dir.sid())).map_err(disk(dir.path()))?;
            sync(&self.aside)?;
        }
        sync(&self.folder)?;
        sync(&self.sessions)?;
        before(ask, Stage::Note, &to)?;
        self.note(ARCHIVED, mark, now)?;
        if copied { self.remove(dir.sid(), &to, ask) } else { Ok(()) }
    }

    /// Finishes what an earlier move left: a move that the ledger was not told the end
    /// of, and copies that were set aside. The sessions it noted.
    ///
    /// # Errors
    /// When it cannot be finished.
    pub fn finish(&self, entries: &[Entry], now: DateTime<Utc>, ask: Ask<'_>) -> Result<Vec<String>, ArchiveError> {
        let mut noted = Vec::new();
        let mut open: Vec<&Entry> = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.is_of_a_seal()) {
            open.retain(|other| other.sid != entry.sid);
            open.extend((entry.kind == ARCHIVING).then_some(entry));
        }
        for entry in open {
            let there = entry.folder.as_deref().map(|folder| Path::new(folder).join(&entry.sid));
            // What has another end than was announced is not what was moved.
            let there = there.and_then(SessionDir::new).filter(|dir| summarise(dir).head == entry.head);
            let here = self.sessions.join(&entry.sid).symlink_metadata().is_ok();
            if let (Some(there), false) = (&there, here) {
                sync(there.path().parent().unwrap_or(&self.folder))?;
                sync(&self.sessions)?;
                let mark = Mark { sid: entry.sid.clone(), seq: entry.record, head: entry.head.clone() };
                before(ask, Stage::Note, &self.folder)?;
                let about = About { folder: entry.folder.clone(), ..About::default() };
                self.ledger.append(ARCHIVED, &mark, now, about)?;
                noted.push(entry.sid.clone());
            }
        }
        let moved = entries.iter().filter(|entry| matches!(entry.kind.as_str(), ARCHIVING | ARCHIVED));
        for entry in moved.filter(|entry| self.aside.join(&entry.sid).is_dir()) {
            let to = entry.folder.as_deref().map(|folder| Path::new(folder).join(&entry.sid));
            if let Some(to) = to.filter(|to| compare(&self.aside.join(&entry.sid), to).is_ok()) {
                self.remove(&entry.sid, &to, ask)?;
            }
        }
        Ok(noted)
    }

    fn note(&self, kind: &str, mark: &Mark, now: DateTime<Utc>) -> Result<(), ArchiveError> {
        let about = About { folder: Some(self.name.clone()), ..About::default() };
        self.ledger.append(kind, mark, now, about)?;
        Ok(())
    }

    /// Copies a session beside its place, and gives the copy its name once it is known to
    /// be whole.
    fn copy(&self, dir: &SessionDir, to: &Path, ask: Ask<'_>) -> Result<(), ArchiveError> {
        let part = self.folder.join(format!(".{}.part", dir.sid()));
        if part.symlink_metadata().is_ok() {
            // Half a copy of an earlier try.
            std::fs::remove_dir_all(&part).map_err(disk(&part))?;
        }
        copy_folder(dir.path(), &part, ask)?;
        before(ask, Stage::Compare, &part)?;
        compare(dir.path(), &part)?;
        before(ask, Stage::Place, to)?;
        RealDisk.rename(&part, to).map_err(disk(to))?;
        sync(&self.folder)
    }

    /// Removes what was set aside, of which the archive holds a copy that was compared.
    fn remove(&self, sid: &str, to: &Path, ask: Ask<'_>) -> Result<(), ArchiveError> {
        let aside = self.aside.join(sid);
        before(ask, Stage::Remove, &aside)?;
        compare(&aside, to)?;
        std::fs::remove_dir_all(&aside).map_err(disk(&aside))?;
        sync(&self.aside)
    }
}

fn before(ask: Ask<'_>, stage: Stage, path: &Path) -> Result<(), ArchiveError> {
    ask(stage).map_err(disk(path))
}

fn sync(folder: &Path) -> Result<(), ArchiveError> {
    RealDisk.sync_folder(folder).map_err(disk(folder))
}

fn make(folder: &Path) -> Result<(), ArchiveError> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(disk(folder)(e)),
        _ => Ok(()),
    }
}

/// What a folder holds, by name, without the lock.
fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>, ArchiveError> {
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(disk(folder))? {
        names.push(entry.map_err(disk(folder))?.file_name());
    }
    names.retain(|name| name != LOCK);
    names.sort();
    Ok(names)
}

fn copy_folder(from: &Path, to: &Path, ask: Ask<'_>) -> Result<(), ArchiveError> {
    DirBuilder::new().mode(0o700).create(to).map_err(disk(to))?;
    for name in names(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        let kind = from.symlink_metadata().map_err(disk(&from))?.file_type();
        if kind.is_dir() {
            copy_folder(&from, &to, &mut *ask)?;
        } else if kind.is_file() {
            before(ask, Stage::Copy, &to)?;
            copy_file(&from, &to).map_err(disk(&to))?;
        } else {
            return Err(ArchiveError::Strange(from));
        }
    }
    sync(to)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = open_for_reading(from)?;
    let mode = source.metadata()?.permissions().mode() & 0o777;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.flush()?;
    copy.sync_all()
}

/// Whether two folders hold the same, read byte for byte.
fn compare(one: &Path, other: &Path) -> Result<(), ArchiveError> {
    let (ours, theirs) = (names(one)?, names(other)?);
    if ours != theirs {
        return Err(ArchiveError::Differs(format!("{} and {} hold other names", one.display(), other.display())));
    }
    for name in ours {
        let (one, other) = (one.join(&name), other.join(&name));
        let kind = |path: &Path| path.symlink_metadata().map(|found| found.file_type()).map_err(disk(path));
        let (ours, theirs) = (kind(&one)?, kind(&other)?);
        if ours.is_dir() && theirs.is_dir() {
            compare(&one, &other)?;
        } else if !ours.is_file() || !theirs.is_file() || digest(&one)? != digest(&other)? {
            return Err(ArchiveError::Differs(one.display().to_string()));
        }
    }
    Ok(())
}

fn digest(path: &Path) -> Result<[u8; 32], ArchiveError> {
    let mut digest = Sha256::new();
    let mut read = |mut file: File| {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                n => digest.update(buffer.get(..n).unwrap_or_default()),
            }
        }
    };
    open_for_reading(path).and_then(&mut read).map_err(disk(path))?;
    Ok(digest.finalize().into())
}

/// Why a session is to stay where it is, where somebody said so; the first line of the
/// file `hold` in its folder.
pub fn held(dir: &SessionDir) -> Option<String> {
    let path = dir.path().join(HOLD);
    path.symlink_metadata().ok()?;
    let mut text = String::new();
    // What cannot be read holds all the same.
    let _ = open_for_reading(&path).and_then(|file| file.take(4096).read_to_string(&mut text));
    Some(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests;
