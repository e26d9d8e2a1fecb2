//! Where the outputs of effects are kept: in the session's folder, beside its journal.
//!
//! Joins what effects ask for ([`OutputStore`]) with what the journal offers
//! ([`OutputSink`]), neither of which knows the other. An output that was kept is whole,
//! synced and named by its SHA-256, and no secret the redactor knows is in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::effects::OutputStore;
use crate::journal::{OutputSink, SessionDir};
use crate::redact::Redactor;
use crate::session::event::OutputRef;

/// So much is read at once.
const PIECE: usize = 64 << 10;

/// The `output/` folder of one session.
#[derive(Debug, Clone)]
pub struct SessionOutputs {
    dir: SessionDir,
    redactor: Redactor,
}

impl SessionOutputs {
    /// Keeps outputs in the session's folder, which a journal's writer has made.
    pub fn new(dir: SessionDir, redactor: Redactor) -> Self {
        Self { dir, redactor }
    }
}

impl OutputStore for SessionOutputs {
    fn keep(&self, effect: u64, file: &Path) -> io::Result<OutputRef> {
        let mut from = File::open(file)?;
        let mut sink = OutputSink::create(&self.dir, effect, &self.redactor)?;
        let mut piece = vec![0; PIECE];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return sink.finish().map(|(kept, _)| kept),
                Ok(length) => drop(sink.push(piece.get(..length).unwrap_or_default())?),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    #[test]
    fn an_output_is_kept_under_its_hash_and_without_secrets() {
        let temp = tempfile::tempdir().unwrap();
        let dir = SessionDir::new(temp.path().join("20261121-033344-canary-deploy-7f3a9c")).unwrap();
        std::fs::create_dir_all(dir.output()).unwrap();
        let redactor = Redactor::new();
        redactor.register("WORD", "swordfish").unwrap();
        let outputs = SessionOutputs::new(dir.clone(), redactor);
        let log = temp.path().join("log");
        // A secret across the border of two pieces.
        let text = format!("o {}swordfish\n", "x".repeat(PIECE - 6));
        std::fs::write(&log, &text).unwrap();
        let kept = outputs.keep(7, &log).unwrap();
        let expected = text.replace("swordfish", "[redacted WORD]");
        let blob = std::fs::read_to_string(dir.output().join(&kept.blob)).unwrap();
        assert_eq!(blob, expected);
        assert_eq!(kept.blob, format!("{:x}", Sha256::digest(&blob)));
        assert_eq!((kept.bytes, kept.head.as_str()), (blob.len() as u64, &expected[..256]));
        // The same again is the same file, and nothing half-done stays behind.
        assert_eq!(outputs.keep(8, &log).unwrap(), kept);
        assert_eq!(std::fs::read_dir(dir.output()).unwrap().count(), 1);
        assert!(outputs.keep(9, &temp.path().join("none")).is_err());
    }
}
