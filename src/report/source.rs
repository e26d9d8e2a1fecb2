//! Reads a journal for a report: as far as it goes, and all its bytes.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::journal::disk::open_for_reading;
use crate::journal::reader::Problem;
use crate::journal::{Blobs, ReadError, Reader, Record};

/// A journal, read.
#[derive(Debug)]
pub struct Source {
    /// Its file.
    pub path: PathBuf,
    /// All its bytes, those after a damage and those of a torn tail included.
    pub raw: Vec<u8>,
    /// The records that are in order.
    pub records: Vec<Record>,
    /// SHA-256 of the last line that is in order, hexadecimal.
    pub head: String,
    /// The first thing that is wrong.
    pub damage: Option<ReadError>,
    /// A text kept beside the journal that is missing or changed; its beginning stands
    /// for the whole.
    pub lost: Option<ReadError>,
    /// Bytes behind the last newline.
    pub torn: usize,
}

impl Source {
    /// Reads the journal at a path; texts kept in files are looked for beside it.
    ///
    /// # Errors
    /// When the file cannot be opened or read. A damaged journal is no error here.
    pub fn read(path: &Path) -> io::Result<Self> {
        let whole = Self::read_with(path, Blobs::Resolve)?;
        match whole.damage {
            Some(ReadError { problem: Problem::Blob(_), .. }) => {
                let heads = Self::read_with(path, Blobs::Heads)?;
                Ok(Self { lost: whole.damage, ..heads })
            }
            _ => Ok(whole),
        }
    }

    fn read_with(path: &Path, blobs: Blobs) -> io::Result<Self> {
        let mut reader = Reader::open_file(path, blobs)?;
        let (mut raw, mut records, mut damage) = (Vec::new(), Vec::new(), None);
        for line in reader.by_ref() {
            match line {
                Ok(line) => {
                    raw.extend_from_slice(&line.raw);
                    records.push(line.record);
                }
                Err(error) => damage = Some(error),
            }
        }
        raw.extend_from_slice(reader.torn());
        if let Some(error) = &damage {
            // What follows is not understood, but it is evidence.
            let mut file = open_for_reading(path)?;
            file.seek(SeekFrom::Start(error.offset))?;
            file.read_to_end(&mut raw)?;
        }
        let (torn, head) = (reader.torn().len(), reader.head());
        Ok(Self { path: path.to_owned(), raw, records, head, damage, lost: None, torn })
    }
}
