//! Keys that are no longer trusted: what `ssh-keygen -k` writes (PROTOCOL.krl), or
//! public keys one a line.

use std::collections::BTreeSet;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::allowed::ListError;
use super::key::PublicKey;
use super::{Hash, wire};

const KRL_MAGIC: &[u8] = b"SSHKRL\n\0";

/// A list of revoked keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revoked {
    /// By the SHA-256 of their binary form.
    keys: BTreeSet<Hash>,
}

impl Revoked {
    /// Reads a list.
    ///
    /// # Errors
    /// When any part of it is not understood: a list that is read in part would let
    /// through the keys in the rest.
    pub fn load(path: &Path) -> Result<Self, ListError> {
        let bytes = super::allowed::read(path)?;
        Self::parse(&bytes).map_err(|(line, what)| ListError::Wrong { path: path.to_owned(), line, what })
    }

    /// The same from bytes; the error is the line, 0 in a binary list, and what is wrong.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, (usize, String)> {
        if bytes.starts_with(KRL_MAGIC) {
            return Self::parse_krl(bytes).map_err(|what| (0, what.to_owned()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| (0, "it is neither text nor a key revocation list".to_owned()))?;
        let mut revoked = Self::default();
        for (n, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let key = PublicKey::parse(line).map_err(|e| (n, e.to_string()))?;
                revoked.add(&key);
            }
        }
        Ok(revoked)
    }

    /// Adds a key.
    pub fn add(&mut self, key: &PublicKey) {
        self.keys.insert(Sha256::digest(key.blob()).into());
    }

    /// Whether a key is on the list.
    pub fn has(&self, key: &PublicKey) -> bool {
        self.keys.contains::<Hash>(&Sha256::digest(key.blob()).into())
    }

    fn parse_krl(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "the key revocation list ends too early";
        let mut revoked = Self::default();
        let mut rest = bytes.get(KRL_MAGIC.len()..).unwrap_or_default();
        if wire::take_u32(&mut rest) != Some(1) {
            return Err("the key revocation list is of an unknown version");
        }
        // Its number, date and flags.
        wire::take(&mut rest, 24).ok_or(SHORT)?;
        wire::take_string(&mut rest).ok_or(SHORT)?;
        wire::take_string(&mut rest).ok_or(SHORT)?;
        while let Some(&kind) = rest.first() {
            wire::take(&mut rest, 1).ok_or(SHORT)?;
            let mut section = wire::take_string(&mut rest).ok_or(SHORT)?;
            match kind {
                // Certificates, which are never trusted here.
                1 => {}
                2 => {
                    while !section.is_empty() {
                        let blob = wire::take_string(&mut section).ok_or(SHORT)?;
                        revoked.keys.insert(Sha256::digest(blob).into());
                    }
                }
                5 => {
                    while !section.is_empty() {
                        let hash = wire::take_string(&mut section).and_then(|hash| hash.try_into().ok());
                        revoked.keys.insert(hash.ok_or("a fingerprint in the key revocation list is no SHA-256")?);
                    }
                }
                3 => return Err("the key revocation list names keys by SHA-1; make it anew from the keys themselves"),
                _ => return Err("the key revocation list has a part that is not understood"),
            }
        }
        Ok(revoked)
    }
}
