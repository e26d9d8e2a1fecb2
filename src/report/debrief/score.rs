//! The score of a rehearsal: 100, less what is stated.

use serde::Serialize;

use super::Debrief;
use crate::report::words::took;
use crate::session::event::SessionOutcome;

/// Something that cost points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// How many.
    pub points: u32,
    /// For what.
    pub why: String,
}

/// Over par, and over twice that.
const LATE: (u32, u32) = (10, 20);
/// A check ticked without a look, and at most for all of them.
const UNLOOKED: (u32, u32) = (5, 20);
/// A decision about what was not on screen.
const UNSEEN: (u32, u32) = (5, 10);
/// A deviation.
const DEVIATION: (u32, u32) = (5, 20);
/// A change started while something was wrong and nobody had decided about it.
const WENT_ON: (u32, u32) = (15, 30);
/// The rollback did not work.
const ROLLBACK_FAILED: u32 = 30;
/// There was a sign, and nobody reacted.
const NOT_NOTICED: u32 = 30;

/// Works the score out. A walk that was left has none.
pub(super) fn judge(debrief: &mut Debrief) {
    let Some(outcome) = debrief.outcome else { return };
    let mut reasons = Vec::new();
    let mut late = |what: &str, took_ms: Option<u64>, par: Option<u64>| {
        let (Some(ms), Some(par)) = (took_ms, par) else { return };
        let points = if ms > par.saturating_mul(2) { LATE.1 } else { LATE.0 };
        if ms > par {
            reasons.push(Reason { points, why: format!("{what} took {}, par is {}", took(ms), took(par)) });
        }
    };
    late("noticing", debrief.notice_ms, debrief.par.notice_ms);
    late("deciding", debrief.decide_ms, debrief.par.decide_ms);
    late("recovering", debrief.recover_ms, debrief.par.recover_ms);
    if let (Some(sign), None, true) = (&debrief.sign, &debrief.noticed, debrief.attended) {
        reasons.push(Reason { points: NOT_NOTICED, why: format!("nobody reacted: {}", sign.what) });
    }
    each(&mut reasons, WENT_ON, &debrief.went_on, "while something was wrong");
    each(&mut reasons, UNLOOKED, &debrief.unlooked, "ticked without a look");
    each(&mut reasons, UNSEEN, &debrief.unseen, "decided without a look");
    each(&mut reasons, DEVIATION, &debrief.deviations, "deviation");
    if outcome == SessionOutcome::RollbackFailed {
        reasons.push(Reason { points: ROLLBACK_FAILED, why: "the rollback did not work".to_owned() });
    }
    let off: u32 = reasons.iter().map(|reason| reason.points).sum();
    debrief.score = Some(100_u32.saturating_sub(off));
    debrief.reasons = reasons;
}

/// So many points for each, up to a limit for all.
fn each(reasons: &mut Vec<Reason>, (points, most): (u32, u32), list: &[String], what: &str) {
    let mut left = most;
    for one in list {
        let points = points.min(left);
        left -= points;
        if points > 0 {
            reasons.push(Reason { points, why: format!("{what}: {one}") });
        }
    }
}
