//! The outputs kept beside a journal, for a look at them.
//!
//! An output is shown only if it is the one that was recorded, by its SHA-256; of one that
//! is not, the beginning that stands in the journal is shown, and that it is no more.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::journal::disk::open_for_reading;
use crate::live::Output;
use crate::live::output::MAX_BYTES;
use crate::redact::{Keep, strip_controls};
use crate::session::event::OutputRef;

/// So many are kept for the next look.
const KEPT: usize = 4;
/// So much is read at once.
const PIECE: usize = 64 << 10;

/// Reads outputs.
#[derive(Debug)]
pub(super) struct Outputs {
    folder: PathBuf,
    seen: VecDeque<(String, Output)>,
}

impl Outputs {
    /// Those beside a journal.
    pub(super) fn beside(journal: &Path) -> Self {
        Self { folder: journal.with_file_name("output"), seen: VecDeque::new() }
    }

    /// One output, or what there is of it.
    pub(super) fn read(&mut self, output: &OutputRef) -> Output {
        if let Some((_, seen)) = self.seen.iter().find(|(blob, _)| *blob == output.blob) {
            return seen.clone();
        }
        let (text, why) = match self.tail(output) {
            Ok(text) => (text, None),
            Err(why) => (output.head.clone(), Some(why)),
        };
        let mut shown = Output::default();
        shown.push_text(&strip_controls(&text, Keep::LINES), false);
        shown.finish();
        if let Some(why) = why {
            shown.push_line(format!("[the output kept beside the journal {why}; this is its beginning, from the record]"), true);
        }
        if self.seen.len() >= KEPT {
            self.seen.pop_front();
        }
        self.seen.push_back((output.blob.clone(), shown.clone()));
        shown
    }

    /// The end of an output, as much of it as is ever shown.
    fn tail(&self, output: &OutputRef) -> Result<String, String> {
        let is_name = output.blob.len() == 64 && output.blob.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_name {
            return Err("has no proper name".to_owned());
        }
        let mut file = open_for_reading(&self.folder.join(&output.blob)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => "is not there".to_owned(),
            _ => format!("cannot be read: {e}"),
        })?;
        let (mut hash, mut tail, mut piece) = (Sha256::new(), Vec::new(), vec![0; PIECE]);
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => piece.get(..read).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(format!("cannot be read: {e}")),
            };
            hash.update(read);
            tail.extend_from_slice(read);
            if tail.len() > 2 * MAX_BYTES {
                tail.drain(..tail.len() - MAX_BYTES);
            }
        }
        if crate::journal::format::hex(&hash.finalize().into()) != output.blob {
            return Err("is not the one that was recorded".to_owned());
        }
        Ok(String::from_utf8_lossy(&tail).into_owned())
    }
}
