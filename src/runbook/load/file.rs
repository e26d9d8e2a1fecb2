//! Reading files of a bundle without being made to wait, to follow or to swallow.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::tree::MAX_SIZE;

/// The largest script or manifest of a bundle, in bytes.
pub const MAX_BUNDLE_FILE: u64 = 16 << 20;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It is a folder.
    #[error("it is a folder")]
    Folder,
    /// It is a device, a pipe or a socket.
    #[error("it is not an ordinary file")]
    Special,
    /// It is larger than it may be.
    #[error("it is larger than {} KiB", .0 / 1024)]
    TooLarge(u64),
    /// It, or a link to it, leads out of the folder.
    #[error("it is outside of the runbook's folder")]
    Outside,
    /// The operating system says no.
    #[error("{0}")]
    Io(String),
}

impl LoadError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            LoadError::Missing => "check the path",
            LoadError::Folder => "name a file in it",
            LoadError::Special => "save it as a file first",
            LoadError::TooLarge(_) => "a runbook is text that people read: is this one?",
            LoadError::Outside => "keep the files of a runbook beside it, or below",
            LoadError::Io(_) => "check that the file can be read",
        }
    }
}

/// Where the files of a bundle come from.
pub trait Loader {
    /// The content of a file, by its path within the bundle (relative, with `/`).
    ///
    /// # Errors
    /// Why it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError>;
}

/// A folder on this machine.
#[derive(Debug, Clone)]
pub struct Folder {
    base: PathBuf,
}

impl Folder {
    /// The folder a runbook stands in.
    pub fn new(base: &Path) -> Self {
        Self { base: base.to_owned() }
    }
}

impl Loader for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        let full = self.base.join(path);
        let found = fs::metadata(&full).map_err(|e| kind_of(&e))?;
        if found.is_dir() {
            return Err(LoadError::Folder);
        }
        // Opening a pipe would wait for its other end, so this is asked before.
        if !found.is_file() {
            return Err(LoadError::Special);
        }
        // What is called must not lead out of the folder by a link; the runbook itself
        // is named by the operator and may be one.
        if path.contains('/') || !is_link(&full) {
            let base = fs::canonicalize(&self.base).map_err(|e| kind_of(&e))?;
            let real = fs::canonicalize(&full).map_err(|e| kind_of(&e))?;
            if !real.starts_with(&base) {
                return Err(LoadError::Outside);
            }
        }
        let yaml = path.ends_with(".yaml") || path.ends_with(".yml");
        let limit = if yaml { MAX_SIZE as u64 } else { MAX_BUNDLE_FILE };
        if found.len() > limit {
            return Err(LoadError::TooLarge(limit));
        }
        let file = File::open(&full).map_err(|e| kind_of(&e))?;
        let mut bytes = Vec::new();
        // The file may have grown, or not say how large it is.
        file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| kind_of(&e))?;
        if bytes.len() as u64 > limit { Err(LoadError::TooLarge(limit)) } else { Ok(bytes) }
    }
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_symlink())
}

fn kind_of(error: &io::Error) -> LoadError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LoadError::Missing,
        io::ErrorKind::IsADirectory => LoadError::Folder,
        io::ErrorKind::PermissionDenied => LoadError::Io("it may not be read by this user".to_owned()),
        _ => LoadError::Io(error.to_string()),
    }
}
