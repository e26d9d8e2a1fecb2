//! What somebody else says of a session afterwards, signed.
//!
//! A journal ends with its closing seal, so a review stands beside it. It names the
//! journal by its head, so it is of that very record and no other, and it is signed like an
//! approval, over a text that can be taken for neither request nor refusal.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Rejected;
use crate::session::event::Operator;
use crate::signature::{APPROVAL, AllowedSigners, Message, SignError, Signature, Signer};

/// The file of reviews, beside the journal.
pub const REVIEWS: &str = "reviews.jsonl";
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

/// Of what a review has to be, and by whose keys it is judged.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The session.
    pub session: &'a str,
    /// SHA-256 of the last line of its journal.
    pub head: &'a str,
    /// Who had it in hand, and so cannot review it.
    pub operators: &'a [Operator],
    /// Whose keys are known; absent: nobody's.
    pub signers: Option<&'a AllowedSigners>,
    /// As of when.
    pub at: DateTime<Utc>,
}

/// One line of `reviews.jsonl`, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// A review of this very journal, by the key it names.
    Review {
        /// What was signed.
        review: Review,
        /// Who says to have signed.
        by: String,
        /// Fingerprint of the key.
        key: String,
        /// Why it is not known to be theirs, or does not count as somebody else's; absent: it is,
        /// and does.
        untrusted: Option<String>,
    },
    /// No review of this journal; why.
    Other(String),
}

impl Judged {
    /// Whether it settles that a review is owed.
    pub fn counts(&self) -> bool {
        matches!(self, Self::Review { untrusted: None, .. })
    }

    /// One line for people.
    pub fn line(&self) -> String {
        match self {
            Self::Review { review, by, key, untrusted } => {
                let trust = untrusted.as_ref().map_or(String::new(), |why| format!(" (DOES NOT COUNT: {why})"));
                format!("{} by {by} with {key} at {}: {}{trust}", review.finding.word(), review.at, review.note)
            }
            Self::Other(why) => format!("A REVIEW THAT DOES NOT COUNT: {why}"),
        }
    }
}

impl Subject<'_> {
    /// The operator whose name or key this is.
    pub fn operator(&self, by: &str, key: &str) -> Option<&Operator> {
        self.operators.iter().find(|o| o.principal == by || o.key.as_deref() == Some(key))
    }

    /// Judges the lines of a `reviews.jsonl`.
    pub fn judge(&self, lines: &str) -> Vec<Judged> {
        let one = |line: &str| match serde_json::from_str(line) {
            Ok(signed) => self.judge_one(&signed),
            Err(why) => Judged::Other(why.to_string()),
        };
        lines.lines().filter(|line| !line.trim().is_empty()).map(one).collect()
    }

    /// Judges one review.
    pub fn judge_one(&self, signed: &SignedReview) -> Judged {
        let (review, signature) = match signed.of(self.session, self.head) {
            Ok(found) => found,
            Err(why) => return Judged::Other(why.to_string()),
        };
        let (by, key) = (signed.by.clone(), signature.key().fingerprint());
        let untrusted = match (self.operator(&by, &key), self.signers) {
            (Some(operator), _) => {
                Some(format!("{} operated this session, and a review must be somebody else's", operator.principal))
            }
            (None, None) => Some("there is no list of allowed signers to know its key by".to_owned()),
            (None, Some(signers)) => match signers.judge(&by, signature.key(), APPROVAL, self.at) {
                Ok(trusted) if trusted.anyone => Some("the list has its key for everybody (`*`)".to_owned()),
                Ok(_) => None,
                Err(why) => Some(why.to_string()),
            },
        };
        Judged::Review { review, by, key, untrusted }
    }
}
