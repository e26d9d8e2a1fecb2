//! What others than the operators said of a session, for a report: who approved or refused, who
//! reviewed it afterwards, with which key, and whether the list of keys has that key for them.
//!
//! Like the seals, nothing is judged here: the verification of the journal has judged the
//! approvals, and whoever makes the report has judged the reviews that stand beside it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::seals::judged;
use super::story::Story;
use crate::approval::review::Judged;
use crate::session::Event;

/// What an answer to a request for approval is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worth {
    /// Signed, with a key that the list has for one who may answer.
    Trusted,
    /// Signed, and the list does not say so; why.
    Untrusted(String),
    /// Part of a rehearsal: no person answered.
    Simulated,
    /// Nobody looked, or the journal is broken before it.
    NotJudged,
}

/// An answer to a request for approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Number of its record.
    pub seq: u64,
    /// When it was taken up.
    pub at: DateTime<Utc>,
    /// The step that asked.
    pub path: String,
    /// It approves; false: it refuses.
    pub approves: bool,
    /// Whose it is said to be.
    pub by: String,
    /// Fingerprint of the key; absent where it is simulated.
    pub key: Option<String>,
    /// What it is worth.
    pub worth: Worth,
}

impl Answer {
    /// What it is worth, in words.
    pub fn verdict(&self) -> String {
        match &self.worth {
            Worth::Trusted => "trusted".to_owned(),
            Worth::Untrusted(why) => format!("NOT TRUSTED: {why}"),
            Worth::Simulated => "simulated: no person answered".to_owned(),
            Worth::NotJudged => "not judged".to_owned(),
        }
    }

    /// Key and worth on one line.
    pub fn line(&self) -> String {
        let verdict = self.verdict();
        self.key.as_ref().map_or_else(|| verdict.clone(), |key| format!("signed with {key}: {verdict}"))
    }
}

/// The answers that stand in the journal, oldest first.
pub fn answers(story: &Story) -> Vec<Answer> {
    let found = judged(story).map_or(&[][..], |judged| judged.found.approvals.as_slice());
    let all = story.each(|event| match event {
        Event::ApprovalGiven(answer) => Some((true, answer)),
        Event::ApprovalRefused(answer) => Some((false, answer)),
        _ => None,
    });
    let answer = all.map(|(moment, (approves, answer))| Answer {
        seq: moment.seq,
        at: moment.ts,
        path: answer.path.as_str().to_owned(),
        approves,
        by: answer.by.clone(),
        key: answer.signed.as_ref().map(|signed| signed.key.clone()),
        worth: match found.iter().find(|found| found.seq == moment.seq) {
            _ if answer.simulated => Worth::Simulated,
            Some(found) => found.untrusted.clone().map_or(Worth::Trusted, Worth::Untrusted),
            None => Worth::NotJudged,
        },
    });
    answer.collect()
}

/// The reviews beside the journal, a line each.
pub fn reviews(story: &Story) -> Vec<String> {
    story.beside.reviews.iter().map(Judged::line).collect()
}

/// The reviews, for programs.
pub(super) fn json(story: &Story) -> Value {
    let one = |judged: &Judged| match judged {
        Judged::Review { review, by, key, untrusted } => json!({
            "by": by,
            "key": key,
            "at": review.at,
            "finding": review.finding,
            "note": review.note,
            "untrusted": untrusted,
        }),
        Judged::Other(why) => json!({ "untrusted": why }),
    };
    story.beside.reviews.iter().map(one).collect()
}
