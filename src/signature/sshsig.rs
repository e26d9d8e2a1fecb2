//! One signature: its armor, and whether it is good.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{KeyError, PublicKey};
use super::{Hash, wire};

const MAGIC: &[u8] = b"SSHSIG";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// As `ssh-keygen` breaks its lines.
const WIDTH: usize = 70;
/// Larger than any signature of a key we take.
const LIMIT: usize = 16 * 1024;

/// An SSH signature over a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    key: PublicKey,
    namespace: String,
    signature: Vec<u8>,
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is no SSH signature.
    #[error("it is no SSH signature: {0}")]
    Malformed(&'static str),
    /// It is made over another hash.
    #[error("it is made over {0}; sign with `ssh-keygen -Y sign -O hashalg=sha256`")]
    HashAlgorithm(String),
    /// By a key we do not take.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Made for another purpose.
    #[error("it was made for `{found}`, not for `{wanted}`")]
    Namespace {
        /// What it was made for.
        found: String,
        /// What it is wanted for.
        wanted: String,
    },
    /// The key did not sign this.
    #[error("the key {0} did not sign this")]
    Wrong(String),
}

/// What a key signs: the hash with its purpose (PROTOCOL.sshsig, "Signed Data").
pub(super) fn signed_data(namespace: &str, sha256: &Hash) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    wire::put_string(&mut bytes, namespace.as_bytes());
    wire::put_string(&mut bytes, b"");
    wire::put_string(&mut bytes, b"sha256");
    wire::put_string(&mut bytes, sha256);
    bytes
}

impl Signature {
    pub(super) fn new(key: PublicKey, namespace: &str, signature: Vec<u8>) -> Self {
        Self { key, namespace: namespace.to_owned(), signature }
    }

    /// Reads the armor, however its lines are broken: for what people paste.
    ///
    /// # Errors
    /// When it is no signature we take.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let malformed = SignatureError::Malformed;
        if text.len() > LIMIT {
            return Err(malformed("it is too long"));
        }
        let inner = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let inner = inner.ok_or(malformed("it is not framed by `BEGIN` and `END SSH SIGNATURE`"))?;
        let packed: String = inner.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(packed).map_err(|_| malformed("it is not Base64"))?;
        Self::from_blob(&bytes)
    }

    /// Reads the armor as [`Signature::armor`] writes it, and in no other form, so that a
    /// signature has one spelling.
    ///
    /// # Errors
    /// When it is no signature we take, or is spelled otherwise.
    pub fn parse_canonical(text: &str) -> Result<Self, SignatureError> {
        let signature = Self::parse(text)?;
        if signature.armor() == text {
            Ok(signature)
        } else {
            Err(SignatureError::Malformed("its armor is not the canonical one"))
        }
    }

    fn from_blob(bytes: &[u8]) -> Result<Self, SignatureError> {
        let short = SignatureError::Malformed("it ends too early");
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(SignatureError::Malformed("it does not begin with `SSHSIG`"))?;
        if wire::take_u32(&mut rest) != Some(1) {
            return Err(SignatureError::Malformed("its version is not 1"));
        }
        let mut string = || wire::take_string(&mut rest).ok_or(short.clone());
        let (key, namespace, reserved, hash, signature) = (string()?, string()?, string()?, string()?, string()?);
        if !rest.is_empty() {
            return Err(SignatureError::Malformed("something stands behind it"));
        }
        if !reserved.is_empty() {
            return Err(SignatureError::Malformed("a reserved part is not empty"));
        }
        let namespace = std::str::from_utf8(namespace).map_err(|_| SignatureError::Malformed("its namespace is not text"))?;
        if hash != b"sha256" {
            return Err(SignatureError::HashAlgorithm(String::from_utf8_lossy(hash).chars().take(32).collect()));
        }
        Ok(Self { key: PublicKey::from_blob(key)?, namespace: namespace.to_owned(), signature: signature.to_vec() })
    }

    /// The armor, as `ssh-keygen -Y sign` writes it, byte for byte.
    pub fn armor(&self) -> String {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(1_u32.to_be_bytes());
        wire::put_string(&mut bytes, self.key.blob());
        wire::put_string(&mut bytes, self.namespace.as_bytes());
        wire::put_string(&mut bytes, b"");
        wire::put_string(&mut bytes, b"sha256");
        wire::put_string(&mut bytes, &self.signature);
        let mut text = format!("{BEGIN}\n");
        for (i, c) in STANDARD.encode(bytes).chars().enumerate() {
            if i > 0 && i % WIDTH == 0 {
                text.push('\n');
            }
            text.push(c);
        }
        text.push('\n');
        text.push_str(END);
        text.push('\n');
        text
    }

    /// The key that it says made it. It is that key's only if [`Signature::verify`] agrees.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What it says it was made for.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether its key made it, over this hash, for this purpose.
    ///
    /// # Errors
    /// Why not.
    pub fn verify(&self, namespace: &str, sha256: &Hash) -> Result<(), SignatureError> {
        if self.namespace != namespace {
            return Err(SignatureError::Namespace { found: self.namespace.clone(), wanted: namespace.to_owned() });
        }
        if self.key.signed(&signed_data(namespace, sha256), &self.signature) {
            Ok(())
        } else {
            Err(SignatureError::Wrong(self.key.fingerprint()))
        }
    }
}
