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

    /// One output, or what there is of it. In that of a command each line begins with
    /// where it came from.
    pub(super) fn read(&mut self, output: &OutputRef, of_command: bool) -> Output {
        if let Some((_, seen)) = self.seen.iter().find(|(blob, _)| *blob == output.blob) {
            return seen.clone();
        }
        let (text, why) = match self.tail(output) {
            Ok(text) => (text, None),
            Err(why) => (output.head.clone(), Some(why)),
        };
        let mut shown = Output::default();
        for line in strip_controls(&text, Keep::LINES).lines() {
            match line.split_at_checked(2).filter(|_| of_command) {
                Some((mark @ ("o " | "e "), said)) => shown.push_line(said, mark == "e "),
                _ => shown.push_line(line, false),
            }
        }
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
                let cut = tail.len() - MAX_BYTES;
                // From the beginning of a line on.
                let line = tail.iter().skip(cut).position(|byte| *byte == b'\n').map_or(0, |n| n + 1);
                tail.drain(..cut + line);
            }
        }
        if crate::journal::format::hex(&hash.finalize().into()) != output.blob {
            return Err("is not the one that was recorded".to_owned());
        }
        Ok(String::from_utf8_lossy(&tail).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(output: &Output) -> Vec<(&str, bool)> {
        output.lines.iter().map(|line| (line.text.as_str(), line.stderr)).collect()
    }

    #[test]
    fn an_output_is_shown_if_it_is_the_one_that_was_recorded() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("output");
        std::fs::create_dir(&folder).unwrap();
        let text = "o one\u{1b}[31m\ne two\nplain\n";
        let blob = crate::journal::format::hex(&Sha256::digest(text).into());
        std::fs::write(folder.join(&blob), text).unwrap();
        let output = OutputRef { blob: blob.clone(), bytes: text.len() as u64, head: "o one".into() };
        let read = |output: &OutputRef, of_command| Outputs::beside(&temp.path().join("journal.jsonl")).read(output, of_command);
        assert_eq!(texts(&read(&output, true)), [("one", false), ("two", true), ("plain", false)]);
        assert_eq!(texts(&read(&output, false)), [("o one", false), ("e two", false), ("plain", false)]);

        std::fs::write(folder.join(&blob), "o another\n").unwrap();
        let changed = read(&output, true);
        assert_eq!(changed.lines[0].text, "one");
        assert!(changed.lines[1].text.contains("is not the one that was recorded"), "{changed:?}");
        std::fs::remove_file(folder.join(&blob)).unwrap();
        assert!(read(&output, true).lines[1].text.contains("is not there"));
        let elsewhere = OutputRef { blob: "../../etc/passwd".into(), ..output };
        assert!(read(&elsewhere, true).lines[1].text.contains("has no proper name"));
    }

    #[test]
    fn of_a_long_output_the_end_is_shown() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir(temp.path().join("output")).unwrap();
        let text: String = (0..200_000).map(|n| format!("o line {n} of a long output, long enough to be cut\n")).collect();
        assert!(text.len() > 2 * MAX_BYTES);
        let blob = crate::journal::format::hex(&Sha256::digest(&text).into());
        std::fs::write(temp.path().join("output").join(&blob), &text).unwrap();
        let output = OutputRef { blob, bytes: text.len() as u64, head: String::new() };
        let shown = Outputs::beside(&temp.path().join("journal.jsonl")).read(&output, true);
        assert_eq!(shown.lines.back().unwrap().text, "line 199999 of a long output, long enough to be cut");
        assert!(shown.lines.iter().all(|line| line.text.starts_with("line ")));
    }
}
