//! Reading along in a file that another process writes.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::effects::text::clean_line;
use crate::live::output::OutputLine;

/// At most so much is read at a time, so that a flood comes in bounded messages.
const CHUNK: u64 = 64 << 10;

/// The log of a command from its beginning.
pub(super) struct Tail {
    path: PathBuf,
    read: u64,
    partial: Vec<u8>,
}

impl Tail {
    pub(super) fn of(path: PathBuf) -> Self {
        Self { path, read: 0, partial: Vec::new() }
    }

    /// The next whole lines; `None` when there are none yet.
    pub(super) fn next(&mut self) -> Option<Vec<OutputLine>> {
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.read)).ok()?;
        let start = self.partial.len();
        let length = file.take(CHUNK).read_to_end(&mut self.partial).ok()?;
        self.read += length as u64;
        let end = self.partial.iter().rposition(|byte| *byte == b'\n')? + 1;
        if end <= start {
            return None;
        }
        let rest = self.partial.split_off(end);
        let whole = std::mem::replace(&mut self.partial, rest);
        Some(String::from_utf8_lossy(&whole).lines().map(output_line).collect())
    }
}

fn output_line(line: &str) -> OutputLine {
    let (stderr, text) = match line.split_at_checked(2) {
        Some(("e ", text)) => (true, text),
        Some(("o ", text)) => (false, text),
        _ => (false, line),
    };
    OutputLine { text: clean_line(text), stderr }
}

/// The beginning of a file as text; empty where it cannot be read.
pub(super) fn beginning(path: &Path, most: usize) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read before an error is still its beginning.
        let _ = file.take(most as u64).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
