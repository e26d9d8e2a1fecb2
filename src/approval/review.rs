//! What somebody else says of a session afterwards, signed.
//!
//! A journal ends with its closing seal, so a review stands beside it. It names the
//! journal by its head, so it is of that very record and no other, and it is signed like an
//! approval, over a text that can be taken for neither request nor refusal.

use serde::{Deserialize, Serialize};

use super::Rejected;
use crate::signature::{APPROVAL, Message, SignError, Signature, Signer};

/// The version of the form.
const FORM: u32 = 1;

/// What the reviewer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It was right, or right enough.
    Accepted,
    /// It was not.
    Objected,
}

impl Finding {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Objected => "objected",
        }
    }
}

/// What a reviewer signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The version of this form; its name says what this is.
    #[serde(rename = "pacenote-review")]
    pub form: u32,
    /// The session.
    pub session: String,
    /// SHA-256 of the last line of its journal.
    pub head: String,
    /// What the reviewer came to.
    pub finding: Finding,
    /// In words.
    pub note: String,
    /// When, RFC 3339.
    pub at: String,
}

/// A review with its signature: one line of `reviews.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReview {
    /// Who says to have signed.
    pub by: String,
    /// What was signed, to the byte.
    pub review: String,
    /// The signature.
    pub sig: String,
}

impl Review {
    /// A review of the journal with this head.
    pub fn new(session: &str, head: &str, finding: Finding, note: &str, at: String) -> Self {
        Self { form: FORM, session: session.to_owned(), head: head.to_owned(), finding, note: note.to_owned(), at }
    }

    /// Signs it.
    ///
    /// # Errors
    /// When there is no signature.
    pub fn sign(&self, signer: &Signer, by: &str) -> Result<SignedReview, SignError> {
        let review = serde_json::to_string(self).unwrap_or_default();
        let sig = signer.sign(APPROVAL, Message::Bytes(review.as_bytes()))?.armor();
        Ok(SignedReview { by: by.to_owned(), review, sig })
    }
}

impl SignedReview {
    /// What was signed and with which key, if the signature is good and it is a review of
    /// the journal with this head. Whose the key is, is for a list to say.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn of(&self, session: &str, head: &str) -> Result<(Review, Signature), Rejected> {
        let review: Review = serde_json::from_str(&self.review).map_err(|e| Rejected::Malformed(e.to_string()))?;
        if review.form != FORM {
            return Err(Rejected::Malformed(format!("the form {} of a review is not known", review.form)));
        }
        let signature = Signature::parse(&self.sig)?;
        signature.verify(APPROVAL, &Message::Bytes(self.review.as_bytes()).sha256())?;
        if review.session == session && review.head == head { Ok((review, signature)) } else { Err(Rejected::Other) }
    }
}
