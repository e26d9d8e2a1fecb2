//! The rules `verify` judges by, as a list: so that a test can switch one off and see
//! that something it forbids then passes.

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `prev` is the hash of the line before.
    Prev,
    /// `seq` counts from 0 without a gap.
    Seq,
    /// `sid` is that of the first record.
    Sid,
    /// Records stand in the order the format allows; nothing follows the closing seal.
    Order,
    /// Files referred to are there and unchanged.
    Blob,
    /// Nothing stands behind the end of a closed session.
    Tail,
    /// A seal has the fields of its kind.
    SealFields,
    /// A seal says what its announcement said.
    SealAnnounced,
    /// A seal has the time of its announcement: its own line no signature covers.
    SealTime,
    /// A closing seal stands right behind `session.closed`, an opening one right behind
    /// who took the session in hand, a segment's anywhere else.
    SealPlace,
    /// A seal is made for sessions.
    SealNamespace,
    /// A seal says how many bytes it covers.
    SealBytes,
    /// A seal says the hash of those bytes.
    SealHash,
    /// A signature is spelled in one way.
    SealArmor,
    /// The key that signed is the one the seal names.
    SealKey,
    /// The signature is good.
    SealSignature,
    /// A segment's key was introduced by the operator who has the session in hand.
    SealSegment,
    /// An operator's seal is by the key of who has the session in hand.
    OperatorKey,
    /// And under their name.
    OperatorName,
    /// The closing key is trusted by the verifier's list.
    Trusted,
    /// A rehearsal's seal proves nothing.
    Simulated,
    /// Approvals are simulated in rehearsals, and nowhere else.
    ApprovalSimulated,
    /// A request is for this session, step and visit, for what is done in it, and new.
    ApprovalRequest,
    /// An approval's signature is over its request, a refusal's over its refusal.
    ApprovalSignature,
    /// It was given before the request expired.
    ApprovalTime,
    /// By somebody who does not operate the session.
    ApprovalOperator,
    /// And has not approved already.
    ApprovalTwice,
    /// A step that asked for approvals is done with as many as it asked for.
    ApprovalEnough,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Prev,
        Self::Seq,
        Self::Sid,
        Self::Order,
        Self::Blob,
        Self::Tail,
        Self::SealFields,
        Self::SealAnnounced,
        Self::SealTime,
        Self::SealPlace,
        Self::SealNamespace,
        Self::SealBytes,
        Self::SealHash,
        Self::SealArmor,
        Self::SealKey,
        Self::SealSignature,
        Self::SealSegment,
        Self::OperatorKey,
        Self::OperatorName,
        Self::Trusted,
        Self::Simulated,
        Self::ApprovalSimulated,
        Self::ApprovalRequest,
        Self::ApprovalSignature,
        Self::ApprovalTime,
        Self::ApprovalOperator,
        Self::ApprovalTwice,
        Self::ApprovalEnough,
    ];
}

/// The rules in force: all, or all but one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    off: Option<Rule>,
}

impl Rules {
    /// All but one. For tests of the rules.
    pub fn without(rule: Rule) -> Self {
        Self { off: Some(rule) }
    }

    /// Whether a rule is in force.
    pub(super) fn has(self, rule: Rule) -> bool {
        self.off != Some(rule)
    }

    /// What is wrong, if a rule that is in force does not hold.
    pub(super) fn hold<T: Into<String>>(self, rule: Rule, holds: bool, what: impl FnOnce() -> T) -> Result<(), String> {
        if holds || !self.has(rule) { Ok(()) } else { Err(what().into()) }
    }
}
