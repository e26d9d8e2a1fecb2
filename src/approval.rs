//! Answers to requests for approval: signed, passed on as text, and judged.
//!
//! What is asked is a [`Request`], to the byte; an answer is a signature over it, or over
//! a [`Refusal`] that names it by its hash. [`judge`] says whose the answer is and whether
//! they may: by the verifier's own list of keys and by the groups of a policy, so that a
//! session and an auditor judge alike. *Invariant:* nothing but a signature counts; a name
//! beside it only says which of the key's owners is meant. Whether an approver took the
//! session in hand later, or approved already, is for `session` to say.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::session::approval::{Refusal, Request, RequestOperator};
use crate::session::event::Signed;
use crate::signature::{
    APPROVAL, AllowedSigners, Distrust, Message, PublicKey, SignError, Signature, SignatureError, Signer, hex, sha256, unhex,
};

pub mod review;

/// An answer longer than this is none.
pub const LONGEST: usize = 64 * 1024;
/// Who answers, where their key may be several people's.
const BY: &str = "by:";
/// What is signed, where it is no approval.
const REFUSAL: &str = "refusal:";

/// An answer as it is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who says to have signed.
    pub by: Option<String>,
    /// What was signed, where that is not the request itself.
    pub refusal: Option<String>,
    /// The signature.
    pub signature: Signature,
}

/// Who may approve, as far as keys say it.
#[derive(Debug, Clone, Copy)]
pub struct Approvers<'a> {
    /// Whose key is whose.
    pub signers: &'a AllowedSigners,
    /// Groups of a policy: name to principals. A group that is not here is one of the list's
    /// own principals.
    pub groups: &'a BTreeMap<String, Vec<String>>,
}

/// An answer that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Whose it is.
    pub by: String,
    /// Why they refused; none: they approved.
    pub refused: Option<String>,
    /// What goes into the record.
    pub signed: Signed,
}

/// Why an answer does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// It cannot be read.
    #[error("it is no answer to a request: {0}")]
    Malformed(String),
    /// What is asked cannot be read.
    #[error("{0}")]
    Request(String),
    /// The signature is not good.
    #[error("its signature is not good: {0}")]
    Signature(#[from] SignatureError),
    /// A signature over something else.
    #[error("it answers another request, or the request was changed")]
    Other,
    /// Too late.
    #[error("the request expired at {0}")]
    Expired(String),
    /// The key does not count.
    #[error("{0}")]
    Key(#[from] Distrust),
    /// The key's owner cannot be told.
    #[error("the key {key} may be {who}'s by the list of allowed signers: the line `by: NAME` above the signature says whose")]
    Whose {
        /// The key.
        key: String,
        /// Whose it may be.
        who: String,
    },
    /// A line for everybody.
    #[error("the list of allowed signers has the key {0} for everybody (`*`), so it says of nobody who they are")]
    Everybody(String),
    /// The key is an operator's.
    #[error("{0} operates this session; an approval must be somebody else's")]
    Operates(String),
    /// Not among those who may.
    #[error("{by} is none of those who may approve: {may}")]
    MayNot {
        /// Who answered.
        by: String,
        /// Who may.
        may: String,
    },
}

impl Answer {
    /// Approves a request.
    ///
    /// # Errors
    /// When there is no signature.
    pub fn approve(signer: &Signer, by: Option<&str>, request: &str) -> Result<Self, SignError> {
        let signature = signer.sign(APPROVAL, Message::Bytes(request.as_bytes()))?;
        Ok(Self { by: by.map(str::to_owned), refusal: None, signature })
    }

    /// Refuses a request.
    ///
    /// # Errors
    /// When there is no signature.
    pub fn refuse(signer: &Signer, by: Option<&str>, request: &str, reason: &str) -> Result<Self, SignError> {
        let refusal = Refusal::of(&hash(request), reason).text();
        let signature = signer.sign(APPROVAL, Message::Bytes(refusal.as_bytes()))?;
        Ok(Self { by: by.map(str::to_owned), refusal: Some(refusal), signature })
    }

    /// The text to pass on.
    pub fn text(&self) -> String {
        let line = |name: &str, value: &Option<String>| value.as_ref().map_or(String::new(), |v| format!("{name} {v}\n"));
        format!("{}{}{}", line(BY, &self.by), line(REFUSAL, &self.refusal), self.signature.armor())
    }

    /// Reads an answer, or a signature alone as `ssh-keygen -Y sign` makes it. Blanks at the
    /// ends of lines and how the signature is broken into lines do not matter: it may have
    /// been pasted.
    ///
    /// # Errors
    /// [`Rejected::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        let malformed = |why: &str| Rejected::Malformed(why.to_owned());
        if text.len() > LONGEST {
            return Err(malformed("it is too long"));
        }
        let start = text.find("-----BEGIN").ok_or_else(|| malformed("it holds no SSH signature"))?;
        let (above, armor) = text.split_at(start);
        let (mut by, mut refusal) = (None, None);
        for line in above.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (slot, value) = match (line.strip_prefix(BY), line.strip_prefix(REFUSAL)) {
                (Some(value), _) => (&mut by, value),
                (_, Some(value)) => (&mut refusal, value),
                _ => return Err(malformed("above the signature stand only `by:` and `refusal:`")),
            };
            if slot.replace(value.trim().to_owned()).is_some() {
                return Err(malformed("a line stands twice"));
            }
        }
        let signature = Signature::parse(armor).map_err(|e| Rejected::Malformed(e.to_string()))?;
        Ok(Self { by, refusal, signature })
    }
}

/// SHA-256 of a request: its name in records.
pub fn hash(request: &str) -> String {
    hex(&sha256(request.as_bytes()))
}

/// Whether a signature is over a request, or over this refusal of it; why they refused.
/// Says nothing about who made it.
///
/// # Errors
/// Why not.
pub fn is_over(signature: &Signature, request_sha256: &str, refusal: Option<&str>) -> Result<Option<String>, Rejected> {
    match refusal {
        None => {
            let bytes = unhex(request_sha256.as_bytes()).ok_or(Rejected::Other)?;
            signature.verify(APPROVAL, &bytes).map_err(|e| match e {
                SignatureError::Wrong(_) => Rejected::Other,
                other => Rejected::Signature(other),
            })?;
            Ok(None)
        }
        Some(text) => {
            let refusal = Refusal::parse(text).map_err(Rejected::Malformed)?;
            signature.verify(APPROVAL, &sha256(text.as_bytes()))?;
            if refusal.request == request_sha256 { Ok(Some(refusal.reason)) } else { Err(Rejected::Other) }
        }
    }
}

/// Judges an answer to a request at a moment.
///
/// # Errors
/// Why it does not count.
pub fn judge(request: &str, answer: &Answer, approvers: &Approvers<'_>, at: DateTime<Utc>) -> Result<Judged, Rejected> {
    let asked = Request::parse(request).map_err(Rejected::Request)?;
    let sha256 = hash(request);
    let refused = is_over(&answer.signature, &sha256, answer.refusal.as_deref())?;
    if let Some(expires) = asked.expires().filter(|expires| at >= *expires) {
        return Err(Rejected::Expired(crate::session::time::rfc3339(expires)));
    }
    let key = answer.signature.key();
    let by = approvers.whose(answer.by.as_deref(), key, at)?;
    let operates = |o: &&RequestOperator| o.principal == by || o.key.as_deref() == Some(&*key.fingerprint());
    let known_as = |o: &&RequestOperator| approvers.is(&o.principal, key, at).is_ok();
    if let Some(operator) = asked.operators.iter().find(|o| operates(o) || known_as(o)) {
        return Err(Rejected::Operates(operator.principal.clone()));
    }
    approvers.may(&by, key, &asked.by, at)?;
    let signed =
        Signed { request: sha256, refusal: answer.refusal.clone(), key: key.fingerprint(), sig: answer.signature.armor() };
    Ok(Judged { by, refused, signed })
}

impl Approvers<'_> {
    /// Whose a key is: the name beside the signature if the list agrees, else the one
    /// person the list has it for.
    fn whose(&self, named: Option<&str>, key: &PublicKey, at: DateTime<Utc>) -> Result<String, Rejected> {
        if let Some(name) = named {
            return self.is(name, key, at).map(|()| name.to_owned());
        }
        let all = self.signers.principals_of(key, APPROVAL, at)?;
        let is_name = |name: &&String| !name.contains(['*', '?', '!']);
        let mut names: Vec<&String> = all.iter().filter(is_name).collect();
        names.sort();
        names.dedup();
        // A group's name beside a person's says what they may, not who they are.
        let is_group = |name: &String| self.groups.contains_key(name) || self.signers.is_shared(name, key);
        if names.len() > 1 && names.iter().filter(|name| !is_group(name)).count() == 1 {
            names.retain(|name| !is_group(name));
        }
        match names[..] {
            [name] => self.is(name, key, at).map(|()| name.clone()),
            _ if all.iter().all(|name| name.bytes().all(|b| b == b'*')) => Err(Rejected::Everybody(key.fingerprint())),
            _ => Err(Rejected::Whose { key: key.fingerprint(), who: all.join(" or ") }),
        }
    }

    fn is(&self, name: &str, key: &PublicKey, at: DateTime<Utc>) -> Result<(), Rejected> {
        let trusted = self.signers.judge(name, key, APPROVAL, at)?;
        if trusted.anyone { Err(Rejected::Everybody(key.fingerprint())) } else { Ok(()) }
    }

    /// Whether a key is a person's who may approve what is asked of these.
    ///
    /// # Errors
    /// Why not.
    pub fn trusts(&self, by: &str, key: &PublicKey, may: &[String], at: DateTime<Utc>) -> Result<(), Rejected> {
        self.is(by, key, at)?;
        self.may(by, key, may, at)
    }

    /// Whether a person is among these principals and groups.
    fn may(&self, by: &str, key: &PublicKey, may: &[String], at: DateTime<Utc>) -> Result<(), Rejected> {
        let fits = |entry: &String| match self.groups.get(entry) {
            Some(members) => members.iter().any(|member| member == by),
            None => entry == by || self.is(entry, key, at).is_ok(),
        };
        if may.iter().any(fits) { Ok(()) } else { Err(Rejected::MayNot { by: by.to_owned(), may: may.join(", ") }) }
    }
}

#[cfg(test)]
mod tests;
