//! SSH signatures, as `ssh-keygen -Y sign` makes them: one form for seals and approvals.
//!
//! [`Signer`] signs, in this process where it may (plain Ed25519 and ECDSA keys), else by
//! `ssh-keygen` (agents, hardware keys, RSA). [`Signature`] says whether a signature is
//! good; [`AllowedSigners`] says whom a key belongs to, for what, and in which time, in
//! the format of `ssh-keygen`. *Invariant:* the two questions stay apart: a good signature
//! by an unknown key proves nothing about a person. *Invariant:* what is not understood (a
//! type of key, an option, a section of a revocation list) is refused by name, never
//! skipped. What is signed, and when, is for `journal` and approvals to say.
//!
//! The format: OpenSSH's PROTOCOL.sshsig; the hash is always SHA-256 here.

mod allowed;
mod hash;
mod key;
mod revoked;
mod signer;
mod sshsig;
mod wire;

pub use allowed::{AllowedSigners, Distrust, ListError, Trusted};
pub use hash::{Hash, hex, sha256, unhex};
pub use key::{KeyError, PublicKey};
pub use revoked::Revoked;
pub use signer::{Kind, Message, SignError, Signer};
pub use sshsig::{Signature, SignatureError};

/// 32 hexadecimal digits nobody can guess.
///
/// # Errors
/// [`SignError::NoRandomness`].
pub fn random() -> Result<String, SignError> {
    let mut bytes = [0; 16];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).map_err(|_| SignError::NoRandomness)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// The namespace of seals: a signature made for one purpose counts for no other.
pub const SESSION: &str = "pacenote-session";
/// The namespace of approvals.
pub const APPROVAL: &str = "pacenote-approval";

#[cfg(test)]
mod tests;
