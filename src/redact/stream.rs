//! Cleaning a stream of bytes on its way to the screen and the record.

use super::Redactor;
use super::pattern::{Match, More};
use super::strip::Stripper;

/// Cleans a stream: makes text of bytes, takes out control sequences, then secrets.
///
/// What may be the beginning of a secret is held back until it is clear that it is none;
/// everything else is given out at once. The result does not depend on how the stream is
/// cut into chunks.
pub struct RedactingStream {
    redactor: Redactor,
    /// Bytes of a character that has not ended.
    partial: Vec<u8>,
    stripper: Stripper,
    /// Clean of controls; not yet given out.
    held: String,
}

impl std::fmt::Debug for RedactingStream {
    /// Says how much is held back, never what: it may be half a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedactingStream({} bytes held back)", self.held.len() + self.partial.len())
    }
}

impl RedactingStream {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { redactor, partial: Vec::new(), stripper: Stripper::default(), held: String::new() }
    }

    /// Takes a chunk; gives out what is safe to be seen.
    pub fn push(&mut self, chunk: &[u8]) -> String {
        self.partial.extend_from_slice(chunk);
        let bytes = std::mem::take(&mut self.partial);
        let mut rest = bytes.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.stripper.push(text, &mut self.held);
                    break;
                }
                Err(e) => {
                    let (valid, wrong) = rest.split_at(e.valid_up_to());
                    self.stripper.push(&String::from_utf8_lossy(valid), &mut self.held);
                    let Some(length) = e.error_len() else {
                        self.partial = wrong.to_vec();
                        break;
                    };
                    self.stripper.push("\u{fffd}", &mut self.held);
                    rest = wrong.get(length..).unwrap_or_default();
                }
            }
        }
        self.release(More::Perhaps)
    }

    /// The stream has ended; gives out what was held back.
    pub fn finish(mut self) -> String {
        if !self.partial.is_empty() {
            self.stripper.push("\u{fffd}", &mut self.held);
        }
        self.stripper.finish(&mut self.held);
        self.release(More::No)
    }

    fn release(&mut self, more: More) -> String {
        let patterns = self.redactor.patterns();
        let mut out = String::new();
        let mut done = 0;
        let keep_from = loop {
            match patterns.next(self.held.as_bytes(), done, more) {
                None => break self.held.len(),
                Some(Match::Open { start }) => break start,
                Some(Match::Whole { start, end, marker }) => {
                    out.push_str(self.held.get(done..start).unwrap_or_default());
                    out.push_str(marker);
                    done = end;
                }
            }
        };
        out.push_str(self.held.get(done..keep_from).unwrap_or_default());
        self.held.drain(..keep_from);
        out
    }
}
