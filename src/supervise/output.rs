//! What a command prints, on its way to the files.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::{file, private};
use crate::redact::{RedactingStream, Redactor};

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

/// Both files and both streams' unfinished lines. What reaches a file is text without
/// control sequences and without secrets.
pub(super) struct Output {
    redactor: Redactor,
    log: File,
    stdout: File,
    sensitive: bool,
    written: u64,
    dropped: u64,
    out: Half,
    err: Half,
}

struct Half {
    stream: RedactingStream,
    line: String,
}

impl Output {
    /// Files for the output of a command that may know these secrets, names and values.
    ///
    /// # Errors
    /// When they cannot be made, or a secret is too short to be kept out of them: the
    /// command must not run then.
    pub(super) fn create(folder: &Path, secrets: &[(String, String)], sensitive: bool) -> io::Result<Self> {
        let redactor = Redactor::new();
        for (name, value) in secrets {
            redactor.register(name, value).map_err(io::Error::other)?;
        }
        let half = || Half { stream: redactor.stream(), line: String::new() };
        Ok(Self {
            log: private(&folder.join(file::LOG))?,
            stdout: private(&folder.join(file::STDOUT))?,
            sensitive,
            written: 0,
            dropped: 0,
            out: half(),
            err: half(),
            redactor,
        })
    }

    /// A piece of output has come.
    pub(super) fn take(&mut self, stream: Stream, piece: &[u8]) -> io::Result<()> {
        if self.sensitive {
            return Ok(());
        }
        let clean = self.half(stream).stream.push(piece);
        self.keep(stream, &clean)
    }

    /// A stream has ended.
    pub(super) fn end(&mut self, stream: Stream) -> io::Result<()> {
        let next = self.redactor.stream();
        let ended = std::mem::replace(&mut self.half(stream).stream, next);
        self.keep(stream, &ended.finish())?;
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

    fn keep(&mut self, stream: Stream, clean: &str) -> io::Result<()> {
        let length = clean.len() as u64;
        if self.written + length > KEPT {
            self.dropped += length;
            return Ok(());
        }
        self.written += length;
        if stream == Stream::Out {
            self.stdout.write_all(clean.as_bytes())?;
        }
        for part in clean.split_inclusive('\n') {
            let half = self.half(stream);
            half.line.push_str(part);
            if part.ends_with('\n') || half.line.len() >= LONGEST_LINE {
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
        if !line.ends_with('\n') {
            line.push('\n');
        }
        let mark = if stream == Stream::Out { "o " } else { "e " };
        self.log.write_all(format!("{mark}{line}").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(value: &str) -> Vec<(String, String)> {
        vec![("WORD".to_owned(), value.to_owned())]
    }

    fn log(folder: &Path) -> String {
        std::fs::read_to_string(folder.join(file::LOG)).unwrap()
    }

    #[test]
    fn secrets_are_taken_out_however_they_come() {
        let cases: [(&[&[u8]], &str); 5] = [
            (&[b"the word is sword", b"fish.\n"], "o the word is [redacted WORD].\n"),
            (&[b"the word is sword"], "o the word is sword\n"),
            (&[b"sword\x1b[3", b"1mfish\n"], "o [redacted WORD]\n"),
            (&[b"c3dvcmRm", b"aXNo\n"], "o [redacted WORD]\n"),
            (&[b"10%\r50%\r\n"], "o 10%\no 50%\n"),
        ];
        for (pieces, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            let mut output = Output::create(folder.path(), &secrets("swordfish"), false).unwrap();
            for piece in pieces {
                output.take(Stream::Out, piece).unwrap();
            }
            output.end(Stream::Out).unwrap();
            assert_eq!(log(folder.path()), expected);
        }
    }

    #[test]
    fn a_prompt_is_seen_at_once_and_half_a_secret_never() {
        let folder = tempfile::tempdir().unwrap();
        let mut output = Output::create(folder.path(), &secrets("swordfish"), false).unwrap();
        output.take(Stream::Err, b"Password: sword").unwrap();
        assert!(output.has_partial());
        output.idle().unwrap();
        assert_eq!(log(folder.path()), "e Password: \n");
    }

    #[test]
    fn a_secret_too_short_to_be_found_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = Output::create(folder.path(), &secrets("abc"), false).err().unwrap().to_string();
        assert!(refused.contains("`WORD` is shorter than 4 characters"), "{refused}");
    }
}
