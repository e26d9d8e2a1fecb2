//! Seals: signatures over the journal so far, written into it.
//!
//! A seal is two records, `seal.intended` and at once `journal.sealed`. The signature of
//! the second covers every byte before it, the first included, so that who seals, as
//! what and with which key is itself signed. The operator's key seals where somebody
//! takes the session in hand and where it is closed; a key of the segment, in memory
//! only, seals each decision in between, so that nobody has to touch a token for each.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::format::{self, Hash, hex};
use crate::session::Event;
use crate::session::intent::Starter;
use crate::signature::{Kind, Message, SESSION, SignError, Signer};

/// Which kind of seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// By the operator, right after `session.opened` or `session.resumed`.
    Open,
    /// By the segment's key, after a decision.
    Segment,
    /// By the operator, right after `session.closed`.
    Close,
}

impl Role {
    /// The seal that is due behind a record.
    pub fn after(event: &Event) -> Option<Self> {
        match event {
            Event::SessionOpened(_) | Event::SessionResumed(_) => Some(Self::Open),
            Event::SessionClosed(_) => Some(Self::Close),
            Event::DecisionMade(_) | Event::ApprovalGiven(_) | Event::ApprovalRefused(_) => Some(Self::Segment),
            // To skip something is a decision too.
            Event::DeviationRecorded(deviation) if deviation.by == Starter::Operator => Some(Self::Segment),
            _ => None,
        }
    }
}

/// Whose key the operator's is, as the record says it. What it is worth is for the
/// verifier's own list to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Issuer {
    /// A key of the operator's own.
    Own,
    /// Made on the spot, because none was set up.
    SelfIssued,
    /// A rehearsal's, which anyone can make.
    Simulated,
}

impl From<Kind> for Issuer {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Own => Self::Own,
            Kind::SelfIssued => Self::SelfIssued,
            Kind::Simulated => Self::Simulated,
        }
    }
}

/// `seal.intended`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announced {
    /// Which kind.
    pub role: Role,
    /// Who, as in `allowed_signers`.
    pub signer: String,
    /// Fingerprint of the key that signs.
    pub key: String,
    /// What the signature is for.
    pub namespace: String,
    /// Whose key it is; not for a segment's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Issuer>,
    /// At open: the public key of the segment that begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
}

/// `journal.sealed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the first six are those of the announcement")]
pub struct Sealed {
    pub role: Role,
    pub signer: String,
    pub key: String,
    pub namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Issuer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Where its line begins in the file.
    pub bytes: u64,
    /// SHA-256 of the bytes before it.
    pub sha256: String,
    /// OpenSSH signature over them, in armor.
    pub sig: String,
}

impl Sealed {
    /// What must have been announced.
    pub fn announced(&self) -> Announced {
        Announced {
            role: self.role,
            signer: self.signer.clone(),
            key: self.key.clone(),
            namespace: self.namespace.clone(),
            issuer: self.issuer,
            segment: self.segment.clone(),
        }
    }
}

impl Announced {
    /// The record.
    pub fn event(&self) -> Event {
        Event::SealIntended(value(self))
    }

    /// With the signature.
    pub fn sealed(self, bytes: u64, sha256: &Hash, sig: String) -> Sealed {
        let Self { role, signer, key, namespace, issuer, segment } = self;
        Sealed { role, signer, key, namespace, issuer, segment, bytes, sha256: hex(sha256), sig }
    }
}

impl Sealed {
    /// The record.
    pub fn event(&self) -> Event {
        Event::JournalSealed(value(self))
    }
}

/// Plain data always has a JSON form.
fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// A seal that was just written: what marks, ledger and anchors are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The session.
    pub sid: String,
    /// Number of the `journal.sealed`.
    pub seq: u64,
    /// SHA-256 of its line.
    pub head: String,
}

/// Is told of each seal, outside the journal.
pub trait Witness: Send + std::fmt::Debug {
    /// Takes note. `at` is when the seal was written.
    ///
    /// # Errors
    /// When it could not; the seal stands all the same.
    fn sealed(&mut self, role: Role, mark: &Mark, at: chrono::DateTime<chrono::Utc>) -> Result<(), String>;
}

/// What seals a session.
#[derive(Debug)]
pub struct Sealer {
    principal: String,
    operator: Signer,
    segment: Signer,
    witnesses: Vec<Box<dyn Witness>>,
}

impl Sealer {
    /// With the operator's key and one made for this segment.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(principal: &str, operator: Signer) -> Result<Self, SignError> {
        Ok(Self::with_segment(principal, operator, Signer::generate()?))
    }

    /// With both keys given.
    pub fn with_segment(principal: &str, operator: Signer, segment: Signer) -> Self {
        Self { principal: principal.to_owned(), operator, segment, witnesses: Vec::new() }
    }

    /// The keys of a rehearsal: the same for the same seed, and worth nothing.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn simulated(principal: &str, seed: u64) -> Result<Self, SignError> {
        let key = |what: &str| {
            let seed = format::sha256(format!("pacenote rehearsal {what} {seed}").as_bytes());
            Signer::from_seed(&seed, Kind::Simulated)
        };
        Ok(Self::with_segment(principal, key("operator")?, key("segment")?))
    }

    /// Adds one who is told of each seal.
    #[must_use]
    pub fn witnessed(mut self, witness: Box<dyn Witness>) -> Self {
        self.witnesses.push(witness);
        self
    }

    /// Fingerprint of the operator's key.
    pub fn key(&self) -> String {
        self.operator.public().fingerprint()
    }

    /// Who seals.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// What is announced.
    pub(super) fn announce(&self, role: Role) -> Announced {
        let signer = self.signer(role);
        Announced {
            role,
            signer: self.principal.clone(),
            key: signer.public().fingerprint(),
            namespace: SESSION.to_owned(),
            issuer: (role != Role::Segment).then(|| signer.kind().into()),
            segment: (role == Role::Open).then(|| self.segment.public().line()),
        }
    }

    /// The signature, in armor.
    pub(super) fn sign(&self, role: Role, message: Message<'_>) -> Result<String, SignError> {
        Ok(self.signer(role).sign(SESSION, message)?.armor())
    }

    fn signer(&self, role: Role) -> &Signer {
        if role == Role::Segment { &self.segment } else { &self.operator }
    }

    /// Tells everyone; what went wrong, where something did.
    pub(super) fn tell(&mut self, role: Role, mark: &Mark, at: chrono::DateTime<chrono::Utc>) -> Option<String> {
        let wrong: Vec<String> = self.witnesses.iter_mut().filter_map(|w| w.sealed(role, mark, at).err()).collect();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }
}
