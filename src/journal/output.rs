//! Keeps the output of a command beside the journal, as it comes.
//!
//! An [`OutputSink`] cleans what it is given (control sequences and secrets are taken
//! out), writes it to a file in `output/` and hands the clean text back for the screen.
//! At the end the file is synced and takes its SHA-256 as its name; what refers to it can
//! then be recorded.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::blob;
use super::disk::{Disk, RealDisk};
use super::folder::SessionDir;
use super::format::hex;
use crate::redact::{RedactingStream, Redactor};
use crate::session::event::OutputRef;

/// At most so many bytes of one output are kept; what comes after is counted only.
pub const MAX_OUTPUT: u64 = 256 * 1024 * 1024;

/// Takes one output.
#[derive(Debug)]
pub struct OutputSink {
    folder: PathBuf,
    part: PathBuf,
    file: File,
    stream: RedactingStream,
    hash: Sha256,
    bytes: u64,
    dropped: u64,
    /// The first characters; enough of them for a reference.
    head: String,
}

impl OutputSink {
    /// Begins the output of an effect. One left over by an earlier attempt to take the
    /// same output is overwritten.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(dir: &SessionDir, effect: u64, redactor: &Redactor) -> io::Result<Self> {
        let folder = dir.output();
        let part = folder.join(format!("effect-{effect}.part"));
        match std::fs::remove_file(&part) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        #[expect(clippy::cast_possible_wrap, reason = "the flags are small")]
        let flags = OFlags::NOFOLLOW.bits() as i32;
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).custom_flags(flags).open(&part)?;
        let (stream, hash) = (redactor.stream(), Sha256::new());
        Ok(Self { folder, part, file, stream, hash, bytes: 0, dropped: 0, head: String::new() })
    }

    /// Takes a chunk as it came from the command. Returns the clean text that is safe to
    /// be shown; the end of a chunk may be held back until the next.
    ///
    /// # Errors
    /// When it cannot be written; the command's output is then not whole on the disk.
    pub fn push(&mut self, chunk: &[u8]) -> io::Result<String> {
        let text = self.stream.push(chunk);
        self.write(&text)?;
        Ok(text)
    }

    /// Ends the output: syncs it and names it by its SHA-256. With the reference comes
    /// the text that had been held back.
    ///
    /// # Errors
    /// When it cannot be written or synced. It must then not be referred to.
    pub fn finish(mut self) -> io::Result<(OutputRef, String)> {
        let rest = std::mem::replace(&mut self.stream, Redactor::new().stream()).finish();
        self.write(&rest)?;
        if self.dropped > 0 {
            let note = format!("\n[{} further bytes were not kept]\n", self.dropped);
            self.keep(note.as_bytes())?;
        }
        self.file.sync_all()?;
        let name = hex(&self.hash.clone().finalize().into());
        RealDisk.rename(&self.part, &self.folder.join(&name))?;
        RealDisk.sync_folder(&self.folder)?;
        Ok((OutputRef { blob: name, bytes: self.bytes, head: blob::head(&self.head) }, rest))
    }

    /// Throws the output away, for commands whose output is not kept.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn discard(self) -> io::Result<()> {
        std::fs::remove_file(&self.part)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.head.len() < 4096 {
            self.head.extend(text.chars().take(4096));
        }
        let room = usize::try_from(MAX_OUTPUT - self.bytes.min(MAX_OUTPUT)).unwrap_or(usize::MAX);
        let kept = text.floor_char_boundary(room.min(text.len()));
        self.dropped += (text.len() - kept) as u64;
        self.keep(text.as_bytes().get(..kept).unwrap_or_default())
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}
