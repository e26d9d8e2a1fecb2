//! What a command prints, on its way to the files.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::scrub::Scrubber;
use super::{file, private};

/// So much of the output is kept; the rest is counted.
const KEPT: u64 = 64 << 20;
/// A longer line is cut into several.
const LONGEST_LINE: usize = 16 << 10;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// Both files and both streams' unfinished lines.
pub(super) struct Output {
    log: File,
    stdout: File,
    sensitive: bool,
    written: u64,
    dropped: u64,
    out: Half,
    err: Half,
}

struct Half {
    scrubber: Scrubber,
    line: Vec<u8>,
}

impl Output {
    pub(super) fn create(folder: &Path, secrets: &[(String, String)], sensitive: bool) -> io::Result<Self> {
        let half = || Half {
            scrubber: Scrubber::new(secrets.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            line: Vec::new(),
        };
        Ok(Self {
            log: private(&folder.join(file::LOG))?,
            stdout: private(&folder.join(file::STDOUT))?,
            sensitive,
            written: 0,
            dropped: 0,
            out: half(),
            err: half(),
        })
    }

    /// A piece of output has come.
    pub(super) fn take(&mut self, stream: Stream, piece: &[u8]) -> io::Result<()> {
        if self.sensitive {
            return Ok(());
        }
        let clean = self.half(stream).scrubber.push(piece);
        self.keep(stream, &clean)
    }

    /// A stream has ended.
    pub(super) fn end(&mut self, stream: Stream) -> io::Result<()> {
        let rest = self.half(stream).scrubber.finish();
        self.keep(stream, &rest)?;
        self.flush_line(stream)
    }

    /// Nothing has come for a moment: an unfinished line may be a prompt or progress.
    pub(super) fn idle(&mut self) -> io::Result<()> {
        self.flush_line(Stream::Out)?;
        self.flush_line(Stream::Err)
    }

    /// Whether an unfinished line waits.
    pub(super) fn has_partial(&self) -> bool {
        !self.out.line.is_empty() || !self.err.line.is_empty()
    }

    /// Syncs both files; gives the bytes that were not kept.
    pub(super) fn close(self) -> io::Result<u64> {
        self.log.sync_all()?;
        self.stdout.sync_all()?;
        Ok(self.dropped)
    }

    fn half(&mut self, stream: Stream) -> &mut Half {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    fn keep(&mut self, stream: Stream, clean: &[u8]) -> io::Result<()> {
        let length = clean.len() as u64;
        if self.written + length > KEPT {
            self.dropped += length;
            return Ok(());
        }
        self.written += length;
        if stream == Stream::Out {
            self.stdout.write_all(clean)?;
        }
        for part in clean.split_inclusive(|byte| *byte == b'\n') {
            let half = self.half(stream);
            half.line.extend_from_slice(part);
            if part.ends_with(b"\n") || half.line.len() >= LONGEST_LINE {
                self.flush_line(stream)?;
            }
        }
        Ok(())
    }

    fn flush_line(&mut self, stream: Stream) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.half(stream).line);
        if line.is_empty() {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        let mark: &[u8] = if stream == Stream::Out { b"o " } else { b"e " };
        self.log.write_all(&[mark, &line].concat())
    }
}
