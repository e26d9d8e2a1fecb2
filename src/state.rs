//! The state folder: all sessions, and which bundles were accepted.
//!
//! The folder belongs to its user alone: it is made with mode 0700, and one that is a
//! link or somebody else's is refused. Nothing in it is opened through a link.

pub mod archive;
pub mod ledger;
pub mod marks;
pub mod population;

use std::fs::DirBuilder;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::journal::disk::{Disk, RealDisk, open_for_reading};
use crate::journal::format::{is_session_id, unhex};
use crate::journal::summary::summarise;
use crate::journal::{SessionDir, SessionState, SessionSummary};
use crate::session::event::Mode;

/// The environment variable that names the folder.
pub const VARIABLE: &str = "PACENOTE_STATE_DIR";

/// Of a runbook's id, so many characters stand in a session's.
const NAME_IN_SID: usize = 48;

/// The state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

/// Why the state folder cannot be used, or something in it.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// No place for it is known.
    #[error("no place for the state folder is known: set {VARIABLE} or HOME, or give --state-dir")]
    NoPlace,
    /// It is a link.
    #[error("the state folder {0} is a link; name the folder itself")]
    Link(PathBuf),
    /// It is something else.
    #[error("the state folder {0} is not a folder")]
    NotAFolder(PathBuf),
    /// It belongs to another user.
    #[error("the state folder {path} belongs to user {owner}, not to you ({you})")]
    NotOurs {
        /// Where it is.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        you: u32,
    },
    /// Others can get at it, and it holds other things than ours.
    #[error("others can get at the state folder {path} (mode {mode:o}); run `chmod 700 {path}`, or name another folder")]
    Open {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The disk refuses.
    #[error("{path}: {error}")]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// There is no such session.
    #[error("there is no session `{0}`; `pacenote sessions` lists them")]
    NoSession(String),
    /// Several sessions begin with what was given.
    #[error("`{given}` could be any of {}", candidates.join(", "))]
    Ambiguous {
        /// What was given.
        given: String,
        /// What it could be.
        candidates: Vec<String>,
    },
    /// No session can be resumed.
    #[error("no session is unfinished")]
    NoneUnfinished,
    /// Several sessions can be resumed.
    #[error("several sessions are unfinished; name one: {}", .0.join(", "))]
    SeveralUnfinished(Vec<String>),
}

/// A bundle somebody accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// SHA-256 of the bundle, hexadecimal.
    pub bundle: String,
    /// Id of its runbook.
    pub runbook: String,
    /// Who accepted it.
    pub by: String,
    /// When.
    #[serde(with = "crate::session::time::stamp")]
    pub at: DateTime<Utc>,
    /// Whether it was accepted unseen, by `--trust`.
    pub unseen: bool,
    /// Its files and their SHA-256, so that what changed can be marked.
    #[serde(default)]
    pub files: Vec<(String, String)>,
}

fn disk(path: &Path) -> impl FnOnce(io::Error) -> StateError {
    let path = path.to_owned();
    move |error| StateError::Disk { path, error }
}

impl StateDir {
    /// Where the folder is: as given, else `PACENOTE_STATE_DIR` (`variable`), else
    /// `pacenote` in the XDG state folder. Touches nothing.
    ///
    /// # Errors
    /// When there is neither, nor a home folder.
    pub fn place(given: Option<&Path>, variable: Option<&Path>) -> Result<PathBuf, StateError> {
        let named = given.or(variable).filter(|path| !path.as_os_str().is_empty());
        if let Some(path) = named {
            return std::path::absolute(path).map_err(disk(path));
        }
        let base = etcetera::base_strategy::Xdg::new().map_err(|_| StateError::NoPlace)?;
        Ok(base.state_dir().ok_or(StateError::NoPlace)?.join("pacenote"))
    }

    /// Opens the folder, making it (0700) where it is missing. One that is empty or ours
    /// already is closed to others if it was open to them.
    ///
    /// # Errors
    /// When it cannot be made, or must not be used.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            made.map_err(disk(parent))?;
        }
        make_folder(path)?;
        let found = path.symlink_metadata().map_err(disk(path))?;
        if found.is_symlink() {
            return Err(StateError::Link(path.to_owned()));
        }
        if !found.is_dir() {
            return Err(StateError::NotAFolder(path.to_owned()));
        }
        let you = rustix::process::geteuid().as_raw();
        if found.uid() != you {
            return Err(StateError::NotOurs { path: path.to_owned(), owner: found.uid(), you });
        }
        let state = Self { path: path.to_owned() };
        if found.mode() & 0o077 != 0 {
            let ours = state.sessions_folder().is_dir() || path.read_dir().map_err(disk(path))?.next().is_none();
            if !ours {
                return Err(StateError::Open { path: path.to_owned(), mode: found.mode() & 0o7777 });
            }
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(disk(path))?;
        }
        make_folder(&state.sessions_folder())?;
        make_folder(&state.accepted_folder())?;
        Ok(state)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where sessions are.
    pub fn sessions_folder(&self) -> PathBuf {
        self.path.join("sessions")
    }

    fn accepted_folder(&self) -> PathBuf {
        self.path.join("accepted")
    }

    /// Makes the folder of a new session, with `bundle/` and `output/`, durably.
    ///
    /// # Errors
    /// When there is one already, or it cannot be made.
    pub fn create_session(&self, sid: &str) -> Result<SessionDir, StateError> {
        let dir = self.dir_of(sid).ok_or_else(|| StateError::NoSession(sid.to_owned()))?;
        DirBuilder::new().mode(0o700).create(dir.path()).map_err(disk(dir.path()))?;
        for folder in [dir.bundle(), dir.output()] {
            DirBuilder::new().mode(0o700).create(&folder).map_err(disk(&folder))?;
        }
        for folder in [dir.path(), &self.sessions_folder()] {
            RealDisk.sync_folder(folder).map_err(disk(folder))?;
        }
        Ok(dir)
    }

    /// The folder of a session by its id, or by the beginning of one where that says
    /// which.
    ///
    /// # Errors
    /// When there is none, or several could be meant.
    pub fn session(&self, given: &str) -> Result<SessionDir, StateError> {
        if let Some(dir) = self.dir_of(given)
            && dir.path().is_dir()
        {
            return Ok(dir);
        }
        let mut found = self.session_dirs()?;
        found.retain(|dir| !given.is_empty() && (dir.sid().starts_with(given) || dir.sid().ends_with(given)));
        match (found.pop(), found.is_empty()) {
            (Some(dir), true) => Ok(dir),
            (None, _) => Err(StateError::NoSession(given.to_owned())),
            (Some(last), false) => {
                let candidates = found.iter().chain([&last]).map(|dir| dir.sid().to_owned()).collect();
                Err(StateError::Ambiguous { given: given.to_owned(), candidates })
            }
        }
    }

    fn dir_of(&self, sid: &str) -> Option<SessionDir> {
        SessionDir::new(self.sessions_folder().join(sid)).filter(|_| is_session_id(sid))
    }

    /// The folders of all sessions, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn session_dirs(&self) -> Result<Vec<SessionDir>, StateError> {
        let folder = self.sessions_folder();
        let mut found = Vec::new();
        for entry in folder.read_dir().map_err(disk(&folder))? {
            let entry = entry.map_err(disk(&folder))?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(SessionDir::new(entry.path()));
            }
        }
        found.sort_by(|a, b| a.sid().cmp(b.sid()));
        Ok(found)
    }

    /// All sessions, oldest first, by their first and last records.
    ///
    /// # Errors
    /// When the folder cannot be read; a session that cannot be read is in the list.
    pub fn sessions(&self) -> Result<Vec<SessionSummary>, StateError> {
        Ok(self.session_dirs()?.iter().map(summarise).collect())
    }

    /// The one session that can be resumed; where there is none, the one under way. A
    /// rehearsal cannot be: its world ended with it.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn only_unfinished(&self) -> Result<SessionDir, StateError> {
        let (mut found, mut running) = (Vec::new(), Vec::new());
        for dir in self.session_dirs()? {
            let summary = summarise(&dir);
            if summary.opened.is_some_and(|o| o.mode == Mode::Rehearsal) {
                continue;
            }
            match summary.state {
                SessionState::Unfinished => found.push(dir),
                SessionState::Running { .. } => running.push(dir),
                _ => {}
            }
        }
        // One that is under way is meant: resuming it says by whom.
        if found.is_empty() && running.len() == 1 {
            found = running;
        }
        match (found.pop(), found.is_empty()) {
            (Some(dir), true) => Ok(dir),
            (None, _) => Err(StateError::NoneUnfinished),
            (Some(last), false) => {
                Err(StateError::SeveralUnfinished(found.iter().chain([&last]).map(|dir| dir.sid().to_owned()).collect()))
            }
        }
    }

    /// Whether a bundle was accepted, by its SHA-256, and by whom.
    ///
    /// # Errors
    /// When the note of it cannot be read; it then counts as not accepted.
    pub fn acceptance(&self, bundle: &str) -> Result<Option<Acceptance>, StateError> {
        let Some(path) = self.acceptance_file(bundle) else { return Ok(None) };
        let mut text = String::new();
        let read = open_for_reading(&path).and_then(|file| file.take(64 * 1024).read_to_string(&mut text));
        match read {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StateError::Disk { path, error }),
        }
        let accepted: Acceptance =
            serde_json::from_str(&text).map_err(|e| StateError::Disk { path, error: io::Error::from(e) })?;
        Ok(Some(accepted).filter(|accepted| accepted.bundle == bundle))
    }

    /// The newest bundle of a runbook that somebody saw and accepted. Notes that cannot be
    /// read are passed over: this only helps to show what changed.
    pub fn last_acceptance(&self, runbook: &str) -> Option<Acceptance> {
        let notes = std::fs::read_dir(self.accepted_folder()).ok()?;
        let names = notes.filter_map(Result::ok).filter_map(|note| note.file_name().into_string().ok());
        let hashes = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
        let accepted = hashes.filter_map(|hash| self.acceptance(&hash).ok().flatten());
        accepted.filter(|a| a.runbook == runbook && !a.unseen).max_by_key(|a| a.at)
    }

    /// Notes that a bundle was accepted.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn accept(&self, acceptance: &Acceptance) -> Result<(), StateError> {
        let Some(path) = self.acceptance_file(&acceptance.bundle) else {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "the bundle's hash is not a SHA-256");
            return Err(StateError::Disk { path: self.accepted_folder(), error });
        };
        let part = path.with_extension("part");
        let written = serde_json::to_vec(acceptance).map_err(io::Error::from).and_then(|bytes| {
            let mut options = std::fs::OpenOptions::new();
            #[expect(clippy::cast_possible_wrap, reason = "the flags are small")]
            let nofollow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).custom_flags(nofollow).open(&part)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            RealDisk.rename(&part, &path)?;
            RealDisk.sync_folder(&self.accepted_folder())
        });
        written.map_err(disk(&path))
    }

    fn acceptance_file(&self, bundle: &str) -> Option<PathBuf> {
        unhex(bundle.as_bytes())?;
        Some(self.accepted_folder().join(format!("{bundle}.json")))
    }
}

fn make_folder(path: &Path) -> Result<(), StateError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(StateError::Disk { path: path.to_owned(), error }),
        _ => Ok(()),
    }
}

/// The id of a new session, such as `20261121-033344-canary-deploy-7f3a9c`: in order of
/// time when sorted, and safe as a file's name. Of `entropy` the lower 24 bits count.
pub fn new_session_id(at: DateTime<Utc>, runbook: &str, entropy: u32) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let name: String = runbook.chars().take(NAME_IN_SID).map(fits).collect();
    format!("{}-{name}-{:06x}", at.format("%Y%m%d-%H%M%S"), entropy & 0x00ff_ffff)
}

#[cfg(test)]
mod tests;
