//! In which order records may stand: one rule for the writer, the reader and verify.

use super::format::Hash;
use super::rules::{Rule, Rules};
use super::scan::Line;

/// The types the format knows.
pub(super) const KINDS: [&str; 36] = [
    "session.opened",
    "session.resumed",
    "session.paused",
    "step.entered",
    "step.ended",
    "item.ticked",
    "input.given",
    "inputs.changed",
    "decision.made",
    "approval.requested",
    "approval.given",
    "approval.refused",
    "approval.voided",
    "effect.intended",
    "effect.ended",
    "outcome.settled",
    "target.pinned",
    "baseline.fixed",
    "signal.sampled",
    "gate.judged",
    "guard.armed",
    "guard.tripped",
    "guard.snoozed",
    "deviation.recorded",
    "note.added",
    "view.changed",
    "lock.taken",
    "lock.taken-over",
    "freeze.set",
    "runbook.changed",
    "anchor.confirmed",
    "journal.recovered",
    "followup.noted",
    "session.closed",
    "seal.intended",
    "journal.sealed",
];

/// Whether a type is known to this version.
pub(super) fn is_known(kind: &str) -> bool {
    KINDS.contains(&kind)
}

/// Where a journal stands in the order of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// Nothing is written.
    #[default]
    Empty,
    /// Opened.
    Open,
    /// Opened, and a seal is announced.
    Sealing,
    /// Closed.
    Closed,
    /// Closed, and its seal is announced.
    ClosedSealing,
    /// Closed and sealed: nothing may follow.
    Ended,
}

impl Stage {
    /// The stage after a record of a type.
    ///
    /// # Errors
    /// Why such a record may not stand here.
    pub(super) fn follow(self, kind: &str) -> Result<Self, &'static str> {
        match (self, kind) {
            (Self::Empty, "session.opened") => Ok(Self::Open),
            (Self::Empty, _) => Err("the first record is not `session.opened`"),
            (Self::Ended, _) => Err("a record stands behind the closing seal"),
            (_, "session.opened") => Err("`session.opened` stands a second time"),
            (Self::Closed, "seal.intended") => Ok(Self::ClosedSealing),
            (Self::ClosedSealing, "journal.sealed") => Ok(Self::Ended),
            (Self::Closed | Self::ClosedSealing, _) => Err("a record stands behind `session.closed`"),
            (Self::Sealing, "journal.sealed") => Ok(Self::Open),
            (_, "journal.sealed") => Err("`journal.sealed` does not follow its `seal.intended`"),
            (_, "seal.intended") => Ok(Self::Sealing),
            (_, "session.closed") => Ok(Self::Closed),
            _ => Ok(Self::Open),
        }
    }

    /// The stage after a record that may not stand here, where nobody minds.
    fn anyhow(self, kind: &str) -> Self {
        match (self.is_closed(), kind) {
            (_, "session.closed") => Self::Closed,
            (true, "seal.intended") => Self::ClosedSealing,
            (true, "journal.sealed") => Self::Ended,
            (false, "seal.intended") => Self::Sealing,
            (true, _) => self,
            (false, _) => Self::Open,
        }
    }

    /// Whether nothing may follow.
    pub(super) fn is_ended(self) -> bool {
        self == Self::Ended
    }

    /// Whether the session is closed.
    pub(super) fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::ClosedSealing | Self::Ended)
    }
}

/// The chain of a journal, as far as it has been followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// Number of the next record.
    pub(super) seq: u64,
    /// Hash of the last line.
    pub(super) head: Hash,
    /// Where the journal stands.
    pub(super) stage: Stage,
    /// The session; empty before the first record.
    pub(super) sid: String,
}

impl Chain {
    /// Takes a line, whose hash with its newline is `hash`.
    ///
    /// # Errors
    /// Why it does not follow.
    pub(super) fn follow(&mut self, line: &Line<'_>, hash: Hash) -> Result<(), &'static str> {
        self.follow_by(Rules::default(), line, hash)
    }

    /// The same by given rules.
    pub(super) fn follow_by(&mut self, rules: Rules, line: &Line<'_>, hash: Hash) -> Result<(), &'static str> {
        if line.prev != self.head && rules.has(Rule::Prev) {
            return Err("`prev` is not the hash of the line before: a line was changed, removed, moved or put in");
        }
        if line.seq != self.seq && rules.has(Rule::Seq) {
            return Err("`seq` is not the number that comes next");
        }
        if self.seq == 0 {
            line.sid.clone_into(&mut self.sid);
        } else if line.sid != self.sid && rules.has(Rule::Sid) {
            return Err("`sid` is another session's");
        }
        self.stage = match self.stage.follow(line.kind) {
            Err(why) if rules.has(Rule::Order) => return Err(why),
            Err(_) => self.stage.anyhow(line.kind),
            Ok(stage) => stage,
        };
        self.seq += 1;
        self.head = hash;
        Ok(())
    }

    /// Whether bytes without a newline at the end can be the beginning of the record
    /// that would come next.
    pub(super) fn could_begin_with(&self, torn: &[u8]) -> bool {
        let until_prev =
            format!(r#"{{"v":1,"seq":{},"sid":"{}","prev":"{}","ts":""#, self.seq, self.sid, super::format::hex(&self.head));
        let length = torn.len().min(until_prev.len());
        torn.get(..length) == until_prev.as_bytes().get(..length)
    }
}
