//! The seals of a journal under verification.
//!
//! What can be said from the records alone is said at once, line by line. Whether hash and
//! signature are those of the bytes is worked out on a thread of its own ([`Digester`]),
//! so that the file need not be hashed twice in a row.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};

use super::super::format::{Hash, hex};
use super::super::rules::{Rule, Rules};
use super::super::scan::Line;
use super::super::seal::{Announced, Issuer, Role, Sealed};
use super::Finding;
use crate::session::event::Operator;
use crate::signature::{PublicKey, SESSION, Signature, SignatureError};

/// From this length on, a journal is hashed beside being read.
const THREAD_FROM: u64 = 4 << 20;

/// A seal of an operator, its form in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OperatorSeal {
    /// Number of its record.
    pub(super) seq: u64,
    pub(super) role: Role,
    pub(super) signer: String,
    pub(super) key: PublicKey,
    pub(super) issuer: Option<Issuer>,
}

/// What has been sealed so far, and by whom it may be.
#[derive(Debug, Default)]
pub(super) struct Seals {
    rules: Rules,
    operator: Operator,
    /// Number of the record that put the session into that operator's hands.
    in_hand: u64,
    /// Takings in hand, and how many of them were sealed.
    hands: u64,
    announced: Option<(u64, Announced)>,
    /// `ts` and `mono_ms` of the announcement.
    time: (String, u64),
    /// Fingerprint of the key of this segment.
    segment: Option<String>,
    pub(super) by_operators: Vec<OperatorSeal>,
    pub(super) count: u64,
}

/// A signature that is to be checked against the bytes before its line.
#[derive(Debug)]
pub(super) struct Claim {
    line: u64,
    offset: u64,
    sha256: String,
    signature: Option<Signature>,
}

impl Seals {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Somebody has taken the session in hand.
    pub(super) fn taken_in_hand(&mut self, seq: u64, operator: Operator) {
        self.operator = operator;
        self.in_hand = seq;
        self.hands += 1;
        self.segment = None;
    }

    /// How often the session was taken in hand without a seal.
    pub(super) fn unsealed_hands(&self) -> u64 {
        let sealed = self.by_operators.iter().filter(|seal| seal.role == Role::Open).count() as u64;
        self.hands.saturating_sub(sealed)
    }

    /// Takes the `data` of `seal.intended`.
    pub(super) fn intended(&mut self, record: &Line<'_>) -> Result<(), String> {
        let announced = serde_json::from_slice(record.data);
        self.rules.hold(Rule::SealFields, announced.is_ok(), || "the seal's announcement does not have the fields of one")?;
        self.announced = announced.ok().map(|announced| (record.seq, announced));
        self.time = (record.ts.to_owned(), record.mono_ms);
        Ok(())
    }

    /// Takes the `data` of `journal.sealed`, whose line begins at `offset`.
    pub(super) fn sealed(&mut self, record: &Line<'_>, offset: u64, closed: bool) -> Result<Option<Claim>, String> {
        let (rules, line) = (self.rules, record.seq + 1);
        let timely = self.time == (record.ts.to_owned(), record.mono_ms);
        rules.hold(Rule::SealTime, timely, || "the seal has another time than its announcement")?;
        let sealed: Result<Sealed, _> = serde_json::from_slice(record.data);
        rules.hold(Rule::SealFields, sealed.is_ok(), || "the seal does not have the fields of one")?;
        let Ok(sealed) = sealed else { return Ok(None) };
        let announced = self.announced.take();
        let same = announced.as_ref().is_some_and(|(_, announced)| *announced == sealed.announced());
        rules.hold(Rule::SealAnnounced, same, || "the seal does not say what was announced before it")?;
        let right_place = match sealed.role {
            Role::Close => closed,
            Role::Open => !closed && announced.is_some_and(|(seq, _)| seq == self.in_hand + 1),
            Role::Segment => !closed,
        };
        rules.hold(Rule::SealPlace, right_place, || "the seal is of a kind that does not stand here")?;
        rules
            .hold(Rule::SealNamespace, sealed.namespace == SESSION, || format!("the seal is made for `{}`", sealed.namespace))?;
        rules.hold(Rule::SealBytes, sealed.bytes == offset, || {
            format!("the seal says that it covers {} bytes, and stands at byte {offset}", sealed.bytes)
        })?;
        self.whose(&sealed)?;
        let signature = self.signature(&sealed)?;
        if let (Some(signature), Role::Open | Role::Close) = (&signature, sealed.role) {
            let (signer, key) = (sealed.signer.clone(), signature.key().clone());
            self.by_operators.push(OperatorSeal { seq: record.seq, role: sealed.role, signer, key, issuer: sealed.issuer });
        }
        self.count += 1;
        Ok(Some(Claim { line, offset, sha256: sealed.sha256, signature }))
    }

    /// Whether the key and the name are those of who has the session in hand.
    fn whose(&mut self, sealed: &Sealed) -> Result<(), String> {
        let rules = self.rules;
        let named = sealed.signer == self.operator.principal;
        rules.hold(Rule::OperatorName, named, || {
            format!("the seal is {}'s, the session is in the hands of {}", sealed.signer, self.operator.principal)
        })?;
        let is_segment = sealed.role == Role::Segment;
        if is_segment {
            let introduced = self.segment.as_deref() == Some(sealed.key.as_str());
            rules.hold(
                Rule::SealSegment,
                introduced,
                || "the seal is by a key that no seal of the operator introduced since the session was taken in hand",
            )?;
        } else {
            let own = self.operator.key.as_deref() == Some(sealed.key.as_str());
            rules
                .hold(Rule::OperatorKey, own, || format!("the seal is by the key {}, which is not the operator's", sealed.key))?;
        }
        let segment = sealed.segment.as_deref().map(PublicKey::parse);
        let fields = (segment.is_some() == (sealed.role == Role::Open))
            && (sealed.issuer.is_some() != is_segment)
            && segment.as_ref().is_none_or(Result::is_ok);
        rules.hold(Rule::SealFields, fields, || "the seal does not have the fields of its kind")?;
        if let Some(Ok(key)) = segment {
            self.segment = Some(key.fingerprint());
        }
        Ok(())
    }

    fn signature(&self, sealed: &Sealed) -> Result<Option<Signature>, String> {
        let lenient = !self.rules.has(Rule::SealArmor);
        let signature = Signature::parse_canonical(&sealed.sig);
        let signature = if lenient { signature.or_else(|_| Signature::parse(&sealed.sig)) } else { signature };
        let signature = signature.map_err(|e: SignatureError| format!("the seal's signature: {e}"))?;
        self.rules.hold(Rule::SealKey, signature.key().fingerprint() == sealed.key, || {
            format!("the signature is by the key {}, the seal names {}", signature.key(), sealed.key)
        })?;
        Ok(Some(signature))
    }
}

enum Job {
    Bytes(Vec<u8>),
    Claim(Box<Claim>),
}

/// The hash so far, and the first seal that does not hold.
#[derive(Default)]
struct Digest {
    rules: Rules,
    hash: Sha256,
    wrong: Option<Finding>,
}

impl Digest {
    fn claim(&mut self, claim: &Claim) {
        if self.wrong.is_none()
            && let Err(what) = claim.check(self.rules, &self.hash.clone().finalize().into())
        {
            self.wrong = Some(Finding { line: claim.line, offset: claim.offset, what });
        }
    }
}

/// Hashes the journal and checks what seals claim of it; a long one on a thread of its own.
pub(super) struct Digester(Place);

enum Place {
    Here(Box<Digest>),
    There { jobs: SyncSender<Job>, thread: JoinHandle<Option<Finding>> },
}

impl Digester {
    pub(super) fn start(rules: Rules, length: u64) -> Self {
        let mut digest = Digest { rules, ..Digest::default() };
        if length < THREAD_FROM {
            return Self(Place::Here(Box::new(digest)));
        }
        // A few batches ahead, no more: a large journal must not end up in memory.
        let (jobs, taken) = sync_channel(4);
        let thread = std::thread::spawn(move || {
            for job in taken {
                match job {
                    Job::Bytes(bytes) => digest.hash.update(&bytes),
                    Job::Claim(claim) => digest.claim(&claim),
                }
            }
            digest.wrong
        });
        Self(Place::There { jobs, thread })
    }

    /// Bytes of the journal.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Place::Here(digest) => digest.hash.update(bytes),
            Place::There { jobs, .. } if !bytes.is_empty() => {
                // It listens until it is told to finish.
                let _ = jobs.send(Job::Bytes(bytes.to_owned()));
            }
            Place::There { .. } => {}
        }
    }

    pub(super) fn claim(&mut self, claim: Claim) {
        match &mut self.0 {
            Place::Here(digest) => digest.claim(&claim),
            Place::There { jobs, .. } => {
                let _ = jobs.send(Job::Claim(Box::new(claim)));
            }
        }
    }

    /// The first seal that does not hold.
    pub(super) fn finish(self) -> Option<Finding> {
        match self.0 {
            Place::Here(digest) => digest.wrong,
            Place::There { jobs, thread } => {
                drop(jobs);
                let what = "the seals could not be checked: a mistake of the program".to_owned();
                thread.join().unwrap_or(Some(Finding { line: 0, offset: 0, what }))
            }
        }
    }
}

impl Claim {
    fn check(&self, rules: Rules, sha256: &Hash) -> Result<(), String> {
        rules.hold(
            Rule::SealHash,
            self.sha256 == hex(sha256),
            || "the seal names another hash than that of the bytes before it",
        )?;
        let good = self.signature.as_ref().map_or(Ok(()), |signature| signature.verify(SESSION, sha256));
        let why = good.as_ref().err().map(|e| format!("the seal's signature is not good: {e}")).unwrap_or_default();
        rules.hold(Rule::SealSignature, good.is_ok(), || why)
    }
}
