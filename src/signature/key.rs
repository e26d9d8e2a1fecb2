//! Public keys: one line of text, one fingerprint.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use sha2::{Digest, Sha256};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, EcdsaCurve};

use super::wire;

/// An SSH public key of a type that is taken here.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: ssh_key::PublicKey,
    blob: Vec<u8>,
}

/// Why something is no public key for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is no public key.
    #[error("it is no public SSH key")]
    Malformed,
    /// Keys of this type are not taken.
    #[error("keys of the type `{0}` are not taken; use Ed25519, ECDSA on P-256 or P-384, RSA, or a hardware key")]
    Type(String),
}

impl PublicKey {
    /// Reads `ssh-ed25519 AAAA... comment`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn parse(line: &str) -> Result<Self, KeyError> {
        let mut words = line.split_ascii_whitespace();
        let (Some(kind), Some(text)) = (words.next(), words.next()) else { return Err(KeyError::Malformed) };
        let blob = STANDARD.decode(text).map_err(|_| KeyError::Malformed)?;
        if wire::take_text(&mut &*blob) != Some(kind) {
            return Err(KeyError::Malformed);
        }
        Self::from_blob(&blob)
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyError> {
        let named = wire::take_text(&mut &*blob).ok_or(KeyError::Malformed)?;
        let key = match named {
            "ssh-ed25519"
            | "sk-ssh-ed25519@openssh.com"
            | "sk-ecdsa-sha2-nistp256@openssh.com"
            | "ecdsa-sha2-nistp256"
            | "ecdsa-sha2-nistp384"
            | "ssh-rsa" => ssh_key::PublicKey::from_bytes(blob).map_err(|_| KeyError::Malformed)?,
            other => return Err(KeyError::Type(other.chars().take(64).collect())),
        };
        // The crate takes some lengths that are wrong; a key has one form only.
        if key.to_bytes().ok().as_deref() != Some(blob) {
            return Err(KeyError::Malformed);
        }
        Ok(Self { key, blob: blob.to_owned() })
    }

    /// The binary form.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// The type and the key, without a comment.
    pub fn line(&self) -> String {
        let kind = wire::take_text(&mut self.blob()).unwrap_or_default();
        format!("{kind} {}", STANDARD.encode(&self.blob))
    }

    /// `SHA256:...`, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// Whether the key lives on a hardware token.
    pub fn is_hardware(&self) -> bool {
        matches!(self.key.key_data(), KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_))
    }

    /// Whether this process can sign with a plain private key of this type.
    pub(super) fn signs_here(&self) -> bool {
        matches!(
            self.key.algorithm(),
            Algorithm::Ed25519 | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 | EcdsaCurve::NistP384 }
        )
    }

    /// Whether `signature`, in SSH's binary form, is this key's over `signed`.
    pub(super) fn signed(&self, signed: &[u8], signature: &[u8]) -> bool {
        use ssh_key::public::KeyData::Rsa;
        let mut rest = signature;
        let (Some(algorithm), Some(value)) = (wire::take_text(&mut rest), wire::take_string(&mut rest)) else {
            return false;
        };
        if let Rsa(rsa) = self.key.key_data() {
            let parameters = match algorithm {
                "rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
                "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
                // `ssh-rsa` alone is SHA-1.
                _ => return false,
            };
            let (Some(n), Some(e)) = (rsa.n.as_positive_bytes(), rsa.e.as_positive_bytes()) else { return false };
            return rest.is_empty() && RsaPublicKeyComponents { n, e }.verify(parameters, signed, value).is_ok();
        }
        if self.is_hardware() {
            // The first of the five bytes behind: the key was touched (PROTOCOL.u2f).
            if rest.len() != 5 || rest.first().is_none_or(|flags| flags & 1 == 0) {
                return false;
            }
        } else if !rest.is_empty() {
            return false;
        }
        let Ok(signature) = ssh_key::Signature::try_from(signature) else { return false };
        ssh_key::public::KeyData::algorithm(self.key.key_data()) == signature.algorithm()
            && signature::Verifier::verify(self.key.key_data(), signed, &signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}
