//! Where a journal under verification and its files are: in a folder, or in a pack.
//!
//! A pack is a tar file with `journal.jsonl`, `output/` and whatever else was exported.
//! It is read where it lies; nothing of it is ever written to the disk. Names that lead
//! elsewhere, links, and two files of one name are refused: other programs that unpack
//! it might see another journal than we do.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::super::disk::open_for_reading;
use super::super::format::Hash;

const BLOCK: u64 = 512;
/// A text that is read whole is none of ours if it is longer.
const LONGEST_TEXT: u64 = 4 << 20;
/// A pack with more entries is none of ours.
const MOST_ENTRIES: usize = 1_000_000;

/// One journal with its files.
#[derive(Debug)]
pub(super) enum Source {
    /// A journal, its files beside it.
    Folder(PathBuf),
    /// A pack: where each file begins, and how long it is.
    Pack(PathBuf, BTreeMap<String, (u64, u64)>),
}

impl Source {
    /// What a path is: a pack by how it begins, else a journal.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let mut file = open_for_reading(path)?;
        let mut start = Vec::new();
        (&mut file).take(BLOCK).read_to_end(&mut start)?;
        if start.get(257..262) != Some(b"ustar") {
            return Ok(Self::Folder(path.to_owned()));
        }
        file.seek(SeekFrom::Start(0))?;
        Ok(Self::Pack(path.to_owned(), index(&mut file)?))
    }

    /// The journal's bytes, and how many.
    pub(super) fn journal(&self) -> io::Result<(Box<dyn Read>, u64)> {
        match self {
            Self::Folder(path) => {
                let file = open_for_reading(path)?;
                let length = file.metadata()?.len();
                Ok((Box::new(file), length))
            }
            Self::Pack(..) => self.part("journal.jsonl"),
        }
    }

    /// SHA-256 and length of a file, by its name beside the journal.
    pub(super) fn hash(&self, name: &str) -> io::Result<(Hash, u64)> {
        let mut hash = Sha256::new();
        let bytes = io::copy(&mut self.open(name)?, &mut hash)?;
        Ok((hash.finalize().into(), bytes))
    }

    /// The text of a file, by its name beside the journal.
    pub(super) fn text(&self, name: &str) -> Result<String, String> {
        let mut text = String::new();
        let from = self.open(name).map_err(|e| e.to_string())?;
        let read = from.take(LONGEST_TEXT + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
        if read as u64 > LONGEST_TEXT { Err(format!("it is longer than {LONGEST_TEXT} bytes")) } else { Ok(text) }
    }

    /// Whether there is a file or a folder of this name.
    pub(super) fn holds(&self, name: &str) -> bool {
        match self {
            Self::Folder(path) => path.with_file_name(name).symlink_metadata().is_ok(),
            Self::Pack(_, files) => {
                files.keys().any(|file| file.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            }
        }
    }

    /// The names of all files of a pack; of a folder none, since others may keep things there.
    pub(super) fn packed(&self) -> impl Iterator<Item = &str> {
        let files = match self {
            Self::Folder(_) => None,
            Self::Pack(_, files) => Some(files),
        };
        files.into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read>> {
        if leads_elsewhere(name) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "its name leads elsewhere"));
        }
        match self {
            Self::Folder(path) => Ok(Box::new(open_for_reading(&path.with_file_name(name))?)),
            Self::Pack(..) => Ok(self.part(name)?.0),
        }
    }

    fn part(&self, name: &str) -> io::Result<(Box<dyn Read>, u64)> {
        let Self::Pack(path, files) = self else { return Err(io::ErrorKind::NotFound.into()) };
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("the pack holds no `{name}`"));
        let &(start, length) = files.get(name).ok_or_else(missing)?;
        let mut file: File = open_for_reading(path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok((Box::new(file.take(length)), length))
    }
}

/// Whether a name is not that of something below the journal's own folder.
fn leads_elsewhere(name: &str) -> bool {
    name.split('/').any(|part| matches!(part, "" | "." | "..")) || name.contains('\\')
}

fn refuse(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the pack is not one of ours: {}", what.into()))
}

/// A tar that is harmless, and that we do not read: what unpacks it is better at that.
fn foreign() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "it is a tar file, but not a pack as `pacenote export` writes them: unpack it, and verify the folder",
    )
}

/// Where the files of a tar are.
fn index(file: &mut File) -> io::Result<BTreeMap<String, (u64, u64)>> {
    let length = file.metadata()?.len();
    let mut files = BTreeMap::new();
    let mut at = 0;
    let mut header = [0; BLOCK as usize];
    while at + BLOCK <= length {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut header)?;
        if header.iter().all(|&b| b == 0) {
            // The end. What stands behind it no program unpacks unless told to, and then
            // it would not be what was verified.
            let mut rest = Vec::new();
            file.take(1 << 20).read_to_end(&mut rest)?;
            return if rest.iter().all(|&b| b == 0) { bare(files) } else { Err(refuse("something stands behind its end")) };
        }
        let entry = Entry::read(&header)?;
        let start = at + BLOCK;
        let next = entry.size.checked_next_multiple_of(BLOCK).and_then(|size| start.checked_add(size));
        at = next.filter(|next| *next <= length).ok_or_else(|| refuse("it ends too early"))?;
        if entry.is_file && files.insert(entry.name.clone(), (start, entry.size)).is_some() {
            return Err(refuse(format!("two files are named `{}`", entry.name)));
        }
        if files.len() > MOST_ENTRIES {
            return Err(refuse("it has too many files"));
        }
    }
    Err(refuse("its end is missing"))
}

/// The names without the one folder that everything is in, where there is one.
fn bare(files: BTreeMap<String, (u64, u64)>) -> io::Result<BTreeMap<String, (u64, u64)>> {
    let folder = match files.keys().next().and_then(|name| name.split_once('/')) {
        Some((first, _)) if !files.contains_key("journal.jsonl") => format!("{first}/"),
        _ => String::new(),
    };
    let bare = files.into_iter().map(|(name, place)| match name.strip_prefix(&folder) {
        Some(rest) => Ok((rest.to_owned(), place)),
        None => Err(refuse(format!("`{name}` is not in the folder of the rest"))),
    });
    bare.collect()
}

struct Entry {
    name: String,
    size: u64,
    is_file: bool,
}

impl Entry {
    fn read(header: &[u8]) -> io::Result<Self> {
        let field = |range: std::ops::Range<usize>| header.get(range).unwrap_or_default();
        let text = |range| {
            let bytes: &[u8] = field(range);
            let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
            std::str::from_utf8(bytes.get(..end).unwrap_or_default()).map_err(|_| refuse("a name is not text"))
        };
        let octal = |range| {
            let digits = text(range)?.trim();
            u64::from_str_radix(digits, 8).map_err(|_| refuse("a number is not octal"))
        };
        let sum: u64 = header.iter().enumerate().map(|(i, &b)| if (148..156).contains(&i) { 32 } else { u64::from(b) }).sum();
        if octal(148..156)? != sum {
            return Err(refuse("a checksum is wrong"));
        }
        let (prefix, short) = (text(345..500)?, text(0..100)?);
        let name = if prefix.is_empty() { short.to_owned() } else { format!("{prefix}/{short}") };
        let is_file = match header.get(156) {
            // What GNU tar and others write before names that are long, or for more of a file.
            Some(b'L' | b'K' | b'x' | b'g') => return Err(foreign()),
            Some(b'5') if matches!(name.as_str(), "." | "./") => return Err(foreign()),
            Some(b'0' | 0) => true,
            Some(b'5') => false,
            _ => return Err(refuse(format!("`{name}` is neither a file nor a folder"))),
        };
        if leads_elsewhere(name.trim_end_matches('/')) {
            return Err(refuse(format!("the name `{name}` leads elsewhere")));
        }
        Ok(Self { name, size: octal(124..136)?, is_file })
    }
}
