//! Secrets are taken out where text from outside comes in.
//!
//! A [`Redactor`] knows the values of the session's secrets and replaces them by
//! `[redacted NAME]`, in the forms in which they come back: as they are, in any mix of
//! percent-encoding and JSON escapes, in Base64 (both alphabets, at any of the three
//! offsets within a longer text, wrapped or not), and line by line where they have
//! several lines. [`RedactingStream`] does the same to a stream, across the borders of
//! chunks, after [`strip_controls`]-like cleaning, so that a colour code in the middle of
//! a secret does not hide it.
//!
//! What it cannot do: find a secret that was transformed otherwise (encrypted, hashed,
//! reversed, hex), or one that was never registered. A value under [`MIN_SECRET`]
//! characters cannot be told from ordinary text and is refused: whoever is about to use
//! such a secret must not.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

mod pattern;
mod stream;
mod strip;

use pattern::{Match, More, Patterns};
pub use stream::RedactingStream;
pub use strip::{Keep, strip_controls};

/// Secrets of fewer characters are refused: they would be found everywhere.
pub const MIN_SECRET: usize = 4;

/// A line of a secret of several lines counts by itself from so many characters on.
pub const MIN_LINE: usize = 8;

/// The secret is too short to be kept out of the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret `{name}` is shorter than {MIN_SECRET} characters and could not be kept out of the record")]
pub struct TooShort {
    /// Its name.
    pub name: String,
}

/// Knows secrets and takes them out of text. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Arc<Patterns>>>,
}

impl fmt::Debug for Redactor {
    /// Says how many secrets it knows, never which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.patterns().secrets())
    }
}

impl Redactor {
    /// One that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a secret; from now on it is found. White space around it does not count
    /// (files end with a newline), and an empty one is nothing to hide.
    ///
    /// # Errors
    /// When it is too short to be found reliably. It must then not be used.
    pub fn register(&self, name: &str, value: &str) -> Result<(), TooShort> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(());
        }
        let bare = strip_controls(value, Keep::LINES);
        if bare.chars().count() < MIN_SECRET {
            return Err(TooShort { name: name.to_owned() });
        }
        let name: String = strip_controls(name, Keep::NOTHING);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut patterns = Patterns::clone(&known);
        patterns.learn(&name, value);
        if bare != value {
            patterns.learn(&name, &bare);
        }
        *known = Arc::new(patterns);
        Ok(())
    }

    /// Whether nothing has been registered.
    pub fn is_empty(&self) -> bool {
        self.patterns().secrets() == 0
    }

    /// Whether a secret is in the bytes.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        let patterns = self.patterns();
        patterns.secrets() > 0 && patterns.next(bytes, 0, More::No).is_some()
    }

    /// The text without secrets; `None` if it holds none.
    pub fn redact(&self, text: &str) -> Option<String> {
        let patterns = self.patterns();
        let mut out = String::new();
        let mut done = 0;
        while let Some(Match::Whole { start, end, marker }) = patterns.next(text.as_bytes(), done, More::No) {
            out.push_str(text.get(done..start).unwrap_or_default());
            out.push_str(marker);
            done = end;
        }
        if done == 0 {
            return None;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some(out)
    }

    /// The text without secrets.
    pub fn clean(&self, text: String) -> String {
        self.redact(&text).unwrap_or(text)
    }

    /// A stream that takes secrets out, those registered later included.
    pub fn stream(&self) -> RedactingStream {
        RedactingStream::new(self.clone())
    }

    fn patterns(&self) -> Arc<Patterns> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
