//! Records of approvals: asked for, given, refused, void.

use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::session::path::StepPath;

/// `approval.requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the runbook's `approve`")]
pub struct ApprovalRequested {
    pub path: StepPath,
    pub visit: u32,
    pub by: Vec<String>,
    pub min: u32,
    pub expires: Option<String>,
    /// True: a rehearsal's simulated approval.
    pub simulated: bool,
    /// What approvers sign, to the byte ([`super::super::approval::Request`]); always a
    /// blob of the journal. Empty where it is simulated.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub request: String,
    /// What was known then.
    #[serde(default)]
    pub evidence: Evidence,
}

/// `approval.given` and `approval.refused`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the runbook's `approve`")]
pub struct ApprovalAnswer {
    pub path: StepPath,
    pub visit: u32,
    pub by: String,
    pub reason: Option<String>,
    pub simulated: bool,
    /// The signature; absent where it is simulated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed: Option<Signed>,
    /// What was known then.
    #[serde(default)]
    pub evidence: Evidence,
}

/// An approver's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// SHA-256 of the request that is answered.
    pub request: String,
    /// What was signed where that is not the request itself: a refusal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refusal: Option<String>,
    /// Fingerprint of the key.
    pub key: String,
    /// The signature, armoured.
    pub sig: String,
}

/// `approval.voided`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the runbook's `approve`")]
pub struct ApprovalVoided {
    pub path: StepPath,
    pub visit: u32,
    pub reason: String,
    /// What was known then.
    #[serde(default)]
    pub evidence: Evidence,
}
