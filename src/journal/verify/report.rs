//! What a verification came to.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::seal::Issuer;
use super::super::summary::OpenedSummary;
use crate::session::event::SessionOutcome;

/// What was found about several journals.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The worst of the exit codes, in the order 1, 6, 5, 0.
    pub code: u8,
    /// Each journal.
    pub journals: Vec<Verification>,
}

/// What was found about one journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// Its file.
    pub path: PathBuf,
    /// 0: intact, sealed and trusted. 1: broken. 5: intact, but open, unsealed or torn.
    /// 6: intact and sealed, but not trusted, or without something asked for.
    pub code: u8,
    /// The same in a word.
    pub status: Status,
    /// The session's id, where a record could be read.
    pub sid: Option<String>,
    /// Records that are in order.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the last line that is in order: compare it with where it was shown.
    pub head: String,
    /// Files referred to, present and unchanged.
    pub blobs: u64,
    /// What `session.opened` says.
    pub opened: Option<OpenedSummary>,
    /// How the session ended, where it is closed.
    pub outcome: Option<SessionOutcome>,
    /// Bytes behind the last newline.
    pub torn_bytes: u64,
    /// Types of record this version does not know; they are part of the chain.
    pub unknown: BTreeSet<String>,
    /// Seals that stand in the journal, each of them good where there is no problem.
    pub seals: u64,
    /// Who sealed the end.
    pub seal: Option<SealFound>,
    /// The seals of operators, up to the first thing that is wrong.
    pub operators: Vec<OperatorSealFound>,
    /// The signed answers to requests for approval, up to the first thing that is wrong.
    pub approvals: Vec<ApprovalFound>,
    /// Why that is not enough.
    pub untrusted: Vec<String>,
    /// What one should know all the same.
    pub warnings: Vec<String>,
    /// Those of the warnings that tell that what is kept beside the journal is not what it
    /// was: the runbook, or the files of a pack.
    #[serde(skip)]
    pub kept: Vec<String>,
    /// The first thing that is wrong.
    pub problem: Option<Finding>,
}

/// The seal at the end of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealFound {
    /// Under which name.
    pub signer: String,
    /// Fingerprint of the key.
    pub key: String,
    /// Whose key the record says it is.
    pub issuer: Option<Issuer>,
    /// When an anchor knew the head, where one was asked for and does.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "anchored")]
    pub anchored: Option<Anchored>,
}

/// A seal of an operator: by its rules a good one. Whose key it is, the verifier's list says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorSealFound {
    /// Number of its record.
    pub seq: u64,
    /// Under which name.
    pub signer: String,
    /// Fingerprint of the key.
    pub key: String,
    /// Why the list does not have that key for them; absent: it does.
    pub untrusted: Option<String>,
}

/// A signed answer to a request for approval: by its rules a good one, to this request.
/// Whose key it is, the verifier's list says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalFound {
    /// Number of its record.
    pub seq: u64,
    /// The step that asked.
    pub path: String,
    /// Its visit.
    pub visit: u32,
    /// It approves; false: it refuses.
    pub approves: bool,
    /// Under which name.
    pub by: String,
    /// Fingerprint of the key.
    pub key: String,
    /// Why the list does not have that key for one who may answer; absent: it does.
    pub untrusted: Option<String>,
}

impl ApprovalFound {
    /// What keeps it from being trusted, for people.
    pub fn objection(&self) -> Option<String> {
        let what = if self.approves { "approval" } else { "refusal" };
        self.untrusted.as_ref().map(|why| format!("the {what} of {} by {} is not trusted: {why}", self.path, self.by))
    }
}

/// Something outside the journal that knows its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchored {
    /// What.
    pub place: String,
    /// Since when at the latest.
    pub at: DateTime<Utc>,
}

fn anchored<S: serde::Serializer>(anchored: &Option<Anchored>, s: S) -> Result<S::Ok, S::Error> {
    let text = anchored.as_ref().map(|a| format!("{}, {}", a.place, crate::session::time::rfc3339(a.at)));
    text.serialize(s)
}

/// What was found, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Every rule holds; the session is not closed.
    IntactOpen,
    /// Every rule holds, and the closing seal is by a trusted key.
    Verified,
    /// Every rule holds, and the closing seal is good but not trusted.
    Untrusted,
    /// Every rule holds; the session is closed, and its closing seal is missing.
    IntactUnsealed,
    /// Every rule holds up to a last record that was not written to its end.
    IntactTorn,
    /// Some rule does not hold.
    Broken,
    /// The file cannot be read.
    Unreadable,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1; 0 where it is about the file.
    pub line: u64,
    /// Where the line begins in the file.
    pub offset: u64,
    /// What is wrong, in words.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 { f.write_str(&self.what) } else { write!(f, "line {}: {}", self.line, self.what) }
    }
}

impl Verification {
    fn signer(&self) -> String {
        self.seal.as_ref().map_or_else(|| "nobody".to_owned(), |seal| format!("{} with {}", seal.signer, seal.key))
    }

    /// One line for people.
    pub fn sentence(&self) -> String {
        let head = self.head.get(..12).unwrap_or_default();
        let records = format!("{} records, head {head}", self.records);
        match (self.status, &self.problem) {
            (_, Some(problem)) => problem.to_string(),
            (Status::IntactTorn, _) => {
                format!("intact up to a torn end of {} bytes ({records}); resuming cuts it", self.torn_bytes)
            }
            (Status::IntactUnsealed, _) => format!("intact and closed, but its closing seal is missing ({records})"),
            (Status::Verified, _) => format!("verified, sealed by {} ({records})", self.signer()),
            (Status::Untrusted, _) => {
                format!("intact and sealed by {}, but not trusted: {} ({records})", self.signer(), self.untrusted.join("; "))
            }
            _ => format!("intact, but the session is open ({records})"),
        }
    }
}
