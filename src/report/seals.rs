//! What the seals of a journal are worth, for a report.
//!
//! A report judges nothing by itself: whoever makes it verifies the journal, by the rules
//! and the list of keys of `pacenote verify`, and puts the answer beside it ([`Judged`]).
//! Here it becomes words: who sealed what, with which key, whose key that is said to be,
//! whether the seal holds, and what is missing. A verdict about other bytes than the
//! report's is no verdict. When it was judged is not said, so that the same journal and
//! the same list give the same bytes; a key may expire afterwards.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::story::Story;
use crate::journal::verify::{Status, Verification};
use crate::journal::{Issuer, Role};
use crate::session::Event;
use crate::session::time::rfc3339;

/// What a verification of the journal came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What was found.
    pub found: Verification,
    /// SHA-256 (hex) of the list of keys that were trusted; absent: there was none.
    pub list: Option<String>,
    /// What had to be there besides a trusted closing seal, in the words of `--require`.
    pub asked: Vec<&'static str>,
}

/// One seal of an operator, or all seals of a segment between two of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seal {
    /// The record, or the first of several.
    pub first: u64,
    /// The last of several.
    pub last: u64,
    /// How many.
    pub count: u64,
    /// When the first was made.
    #[serde(with = "crate::session::time::stamp")]
    pub at: DateTime<Utc>,
    /// Of which kind; absent where the record does not say it.
    pub role: Option<Role>,
    /// Under which name.
    pub signer: String,
    /// Fingerprint of the key.
    pub key: String,
    /// Whose key the record says it is; absent for a segment's.
    pub issuer: Option<Issuer>,
    /// Whether hash and signature are those of the bytes before; absent: not judged.
    pub holds: Option<bool>,
    /// Whether the list of keys has an operator's key for them; absent: not judged, or a segment's.
    pub trusted: Option<bool>,
    /// Why not.
    pub untrusted: Option<String>,
}

impl Seal {
    /// What it is for, in words.
    pub fn purpose(&self) -> &'static str {
        match self.role {
            Some(Role::Open) => "the operator's, taking the session in hand",
            Some(Role::Segment) => "the session's own key, after each decision",
            Some(Role::Close) => "the operator's, closing the session",
            None => "of a kind this version does not know",
        }
    }

    /// Whose key it is said to be, in words.
    pub fn whose(&self) -> &'static str {
        match (self.role, self.issuer) {
            (Some(Role::Segment), _) => "kept in memory only, introduced by the operator's seal before",
            (_, Some(Issuer::Own)) => "said to be the operator's own",
            (_, Some(Issuer::SelfIssued)) => "self-issued: it proves that nothing changed since, not who it was",
            (_, Some(Issuer::Simulated)) => "simulated: anyone can make it",
            _ => "whose is not said",
        }
    }

    /// Whether it holds, and whether the key is trusted, in words.
    pub fn verdict(&self) -> String {
        match (self.holds, self.trusted) {
            (Some(true), Some(true)) => "holds, by a key that the list has for them".to_owned(),
            (Some(true), Some(false)) => {
                format!("holds, but the key is NOT TRUSTED: {}", self.untrusted.as_deref().unwrap_or_default())
            }
            (Some(true), None) => "holds".to_owned(),
            (Some(false), _) => "DOES NOT HOLD".to_owned(),
            (None, _) => "not judged".to_owned(),
        }
    }

    /// Which records, in words.
    pub fn records(&self) -> String {
        match self.count {
            1 => format!("record {}", self.first),
            count => format!("{count} from record {} to {}", self.first, self.last),
        }
    }

    /// All of it on one line.
    pub fn line(&self) -> String {
        let (records, signer, key) = (self.records(), &self.signer, &self.key);
        format!("{records}, {}: {signer} with {key} ({}), {}: {}", rfc3339(self.at), self.purpose(), self.whose(), self.verdict())
    }
}

/// The seals that stand in the journal, those of a segment together.
pub fn seals(story: &Story) -> Vec<Seal> {
    let wrong = judged(story).map(|judged| judged.found.problem.as_ref().map(|problem| problem.line));
    let sealed = story.each(|event| if let Event::JournalSealed(seal) = event { Some(seal) } else { None });
    let mut all: Vec<Seal> = Vec::new();
    for (moment, data) in sealed {
        let text = |name| data.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
        // Lines count from 1, records from 0.
        let holds = match wrong {
            None => None,
            Some(None) => Some(true),
            Some(Some(line)) if line > moment.seq + 1 => Some(true),
            Some(Some(line)) if line == moment.seq + 1 => Some(false),
            Some(Some(_)) => None,
        };
        let found = judged(story).and_then(|judged| judged.found.operators.iter().find(|found| found.seq == moment.seq));
        let known = |name| data.get(name).cloned().unwrap_or_default();
        let seal = Seal {
            first: moment.seq,
            last: moment.seq,
            count: 1,
            at: moment.ts,
            role: serde_json::from_value(known("role")).ok(),
            signer: text("signer"),
            key: text("key"),
            issuer: serde_json::from_value(known("issuer")).ok(),
            holds,
            trusted: found.map(|found| found.untrusted.is_none()),
            untrusted: found.and_then(|found| found.untrusted.clone()),
        };
        match all.last_mut() {
            Some(last) if seal.role == Some(Role::Segment) && alike(last, &seal) => {
                last.last = seal.last;
                last.count += 1;
            }
            _ => all.push(seal),
        }
    }
    all
}

fn alike(one: &Seal, other: &Seal) -> bool {
    one.role == other.role && one.key == other.key && one.signer == other.signer && one.holds == other.holds
}

/// The verdict, where there is one about these bytes.
pub(super) fn judged(story: &Story) -> Option<&Judged> {
    let judged = story.beside.judged.as_ref()?;
    let same =
        judged.found.bytes == story.raw.len() as u64 && (judged.found.problem.is_some() || judged.found.head == story.head);
    same.then_some(judged)
}

/// The verdict as a sentence.
pub fn verdict(story: &Story) -> String {
    let Some(judged) = judged(story) else {
        return match story.beside.judged {
            Some(_) => "NOT JUDGED: the journal changed while it was read. Make the report again.".to_owned(),
            None => "NOT JUDGED: nobody looked at the seals for this report. `pacenote verify` judges them.".to_owned(),
        };
    };
    let found = &judged.found;
    let by = found.seal.as_ref().map_or_else(|| "nobody".to_owned(), |seal| format!("{} with the key {}", seal.signer, seal.key));
    match (found.status, &found.problem) {
        (_, Some(problem)) => format!("BROKEN: {problem}"),
        (Status::Verified, _) => format!("VERIFIED: intact, closed, and sealed by {by}, which the list of keys trusts."),
        (Status::Untrusted, _) => {
            format!("NOT TRUSTED: intact, closed and sealed by {by}, but {}.", found.untrusted.join("; "))
        }
        (Status::IntactUnsealed, _) => "NOT SEALED: intact and closed, but the operator's closing seal is missing.".to_owned(),
        (Status::IntactTorn, _) => "NOT SEALED: intact up to an end that was not written whole.".to_owned(),
        _ => "NOT SEALED: intact, but the session is open, so no closing seal covers all of it.".to_owned(),
    }
}

/// By what it was judged, as a sentence; none where it was not.
pub fn basis(story: &Story) -> Option<String> {
    let judged = judged(story)?;
    let list = match &judged.list {
        Some(sha256) => format!("the list of keys with the SHA-256 {sha256}"),
        None => "no list of keys, so that nobody is trusted".to_owned(),
    };
    let asked = if judged.asked.is_empty() { "nothing more".to_owned() } else { judged.asked.join(", ") };
    Some(format!(
        "Judged by the rules of pacenote verify when this report was made, with {list}; asked for besides a trusted closing seal: {asked}."
    ))
}

/// What is not there, a sentence each.
pub fn missing(story: &Story) -> Vec<String> {
    let mut missing = Vec::new();
    let seals = seals(story);
    let has = |role| seals.iter().filter(|seal| seal.role == Some(role)).count();
    if story.seals == 0 {
        missing.push("There is no seal: who recorded it is not proven, and the whole file could have been replaced.".to_owned());
    } else {
        let hands = story.operators().len();
        if has(Role::Open) < hands {
            missing.push(format!(
                "Of {hands} times that an operator took the session in hand, {} are not sealed by them.",
                hands - has(Role::Open)
            ));
        }
        if has(Role::Close) == 0 {
            missing.push("The operator's closing seal is missing.".to_owned());
        }
    }
    if seals.iter().any(|seal| seal.issuer == Some(Issuer::SelfIssued)) {
        missing.push("The operator's identity: the key is self-issued.".to_owned());
    }
    let anchored = judged(story).and_then(|judged| judged.found.seal.as_ref()?.anchored.as_ref()).is_some();
    let confirmed = story.each(|event| matches!(event, Event::AnchorConfirmed(_)).then_some(())).next().is_some();
    if !anchored && !confirmed {
        missing.push("No anchor: nothing outside is recorded to have known the journal while the session went on.".to_owned());
    }
    missing
}

/// What one should know all the same.
pub fn warnings(story: &Story) -> &[String] {
    judged(story).map_or(&[], |judged| judged.found.warnings.as_slice())
}

/// What an anchor knew, where one was asked.
pub fn anchor(story: &Story) -> Option<String> {
    let anchored = judged(story)?.found.seal.as_ref()?.anchored.as_ref()?;
    Some(format!("{} has known the head since {}", anchored.place, rfc3339(anchored.at)))
}

/// Everything, for programs.
pub(super) fn json(story: &Story) -> Value {
    let judged = judged(story);
    json!({
        "judged": judged.is_some(),
        "verdict": verdict(story),
        "code": judged.map(|judged| judged.found.code),
        "status": judged.map(|judged| judged.found.status),
        "signers_sha256": judged.and_then(|judged| judged.list.as_ref()),
        "required": judged.map(|judged| &judged.asked),
        "closing": judged.and_then(|judged| judged.found.seal.as_ref()),
        "untrusted": judged.map(|judged| &judged.found.untrusted),
        "warnings": judged.map(|judged| &judged.found.warnings),
        "problem": judged.and_then(|judged| judged.found.problem.as_ref()),
        "missing": missing(story),
        "seals": seals(story),
        "approvals": judged.map(|judged| &judged.found.approvals),
    })
}
