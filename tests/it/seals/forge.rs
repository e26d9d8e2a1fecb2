//! Journals made by hand, by somebody who has the operator's key: each breaks one rule
//! and keeps all others.

use pacenote::journal::format::{encode, header, hex, sha256};
use pacenote::journal::rules::Rule;
use pacenote::session::Event;
use pacenote::session::event::Mode;
use pacenote::signature::{APPROVAL, Kind, Message, SESSION, Signer};
use serde_json::{Value, json};

use super::samples;

pub(super) const SID: &str = "20261121-033344-canary-deploy-7f3a9c";
pub(super) const ALICE: &str = "alice@example.com";

/// Keys by number: 1 is Alice's, 2 her other one, 3 a segment's, 4 Mallory's.
pub(super) fn key(n: u8) -> Signer {
    Signer::from_seed(&[n; 32], Kind::Own).unwrap()
}

/// Whom the verifier trusts: Alice with both her keys, and Bob, who shares her first.
pub(super) fn list() -> String {
    let line = |n| key(n).public().line();
    format!("alice@example.com {}\nalice@example.com {}\nbob@example.com {}\n", line(1), line(2), line(1))
}

/// A journal under the hammer. Everything is as it should be unless told otherwise.
pub(super) struct Forge {
    pub(super) bytes: Vec<u8>,
    seq: u64,
    prev: [u8; 32],
    sid: String,
    clock: u64,
}

/// How a seal differs from what it should be.
#[derive(Default)]
pub(super) struct Twist<'a> {
    pub(super) announced: Option<&'a dyn Fn(&mut Value)>,
    pub(super) both: Option<&'a dyn Fn(&mut Value)>,
    pub(super) sealed: Option<&'a dyn Fn(&mut Value)>,
    /// Who signs, instead of whom the seal names.
    pub(super) by: Option<u8>,
    pub(super) namespace: Option<&'a str>,
    /// How much later the seal is than its announcement, milliseconds.
    pub(super) late: u64,
    /// What is signed, instead of the journal.
    pub(super) over: Option<&'a [u8]>,
}

impl Forge {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), seq: 0, prev: [0; 32], sid: SID.to_owned(), clock: 0 }
    }

    /// One line; the next follows from it.
    pub(super) fn line(&mut self, event: &Value) -> &mut Self {
        let head = header(self.seq, &self.sid, &self.prev, samples::at(self.clock));
        let at = head.len();
        let mut line = encode(event, head).unwrap().bytes;
        line[at] = b',';
        line.push(b'\n');
        self.prev = sha256(&line);
        self.seq += 1;
        self.bytes.extend(line);
        self
    }

    /// A line that was written before, at its own time.
    pub(super) fn again(&mut self, line: &[u8]) -> &mut Self {
        let record: Value = serde_json::from_slice(line).unwrap();
        self.clock = record["mono_ms"].as_u64().unwrap();
        self.line(&json!({ "type": record["type"], "data": record["data"] }))
    }

    pub(super) fn event(&mut self, event: &Event) -> &mut Self {
        self.clock += 10;
        self.line(&serde_json::to_value(event).unwrap())
    }

    pub(super) fn note(&mut self, text: &str) -> &mut Self {
        self.event(&samples::note(text))
    }

    pub(super) fn opened(&mut self, mode: Mode) -> &mut Self {
        let mut event = samples::opened();
        if let Event::SessionOpened(opened) = &mut event {
            opened.mode = mode;
            opened.operator.key = Some(key(1).public().fingerprint());
        }
        self.event(&event)
    }

    /// A seal in the role, by the key.
    pub(super) fn seal(&mut self, role: &str, n: u8, twist: &Twist<'_>) -> &mut Self {
        let signer = key(n);
        let mut announced = json!({ "role": role, "signer": ALICE, "key": signer.public().fingerprint(), "namespace": SESSION });
        if role != "segment" {
            announced["issuer"] = "own".into();
        }
        if role == "open" {
            announced["segment"] = key(3).public().line().into();
        }
        if let Some(twist) = twist.both {
            twist(&mut announced);
        }
        let mut sealed = announced.clone();
        if let Some(twist) = twist.announced {
            twist(&mut announced);
        }
        self.line(&json!({ "type": "seal.intended", "data": announced }));
        let signer = key(twist.by.unwrap_or(n));
        let signed = signer.sign(twist.namespace.unwrap_or(SESSION), Message::Bytes(twist.over.unwrap_or(&self.bytes)));
        sealed["bytes"] = self.bytes.len().into();
        sealed["sha256"] = hex(&sha256(&self.bytes)).into();
        sealed["sig"] = signed.unwrap().armor().into();
        if let Some(twist) = twist.sealed {
            twist(&mut sealed);
        }
        self.clock += twist.late;
        self.line(&json!({ "type": "journal.sealed", "data": sealed }))
    }

    pub(super) fn good_seal(&mut self, role: &str, n: u8) -> &mut Self {
        self.seal(role, n, &Twist::default())
    }

    pub(super) fn begin(mode: Mode) -> Self {
        let mut forge = Self::new();
        forge.opened(mode).good_seal("open", 1).note("as it was");
        forge
    }

    pub(super) fn close(&mut self) -> &mut Self {
        self.event(&samples::closed())
    }

    /// Closed and sealed as it should be.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.close().good_seal("close", 1);
        self.bytes
    }
}

/// A journal, what `verify` must say of it, and the rule it breaks.
pub(super) type Case = (&'static str, Vec<u8>, u8, Option<Rule>);

fn begun() -> Forge {
    Forge::begin(Mode::Live)
}

/// What a chain, an order and files can have against them.
fn chain_cases() -> Vec<Case> {
    let with = |change: &dyn Fn(&mut Forge)| {
        let mut forge = begun();
        change(&mut forge);
        forge.finish()
    };
    let mut tail = begun().finish();
    tail.extend(b"{}");
    let mut after = begun();
    after.close().good_seal("close", 1).note("one thing more").good_seal("close", 1);
    let blob = json!({ "type": "note.added", "data": { "path": null,
        "text": { "blob": "ab".repeat(32), "bytes": 3, "head": "abc" } } });
    vec![
        (
            "a line that does not follow",
            with(&|f| {
                f.prev = [1; 32];
                f.note("x");
            }),
            1,
            Some(Rule::Prev),
        ),
        (
            "a number too high",
            with(&|f| {
                f.seq += 5;
                f.note("x");
                f.seq -= 5;
            }),
            1,
            Some(Rule::Seq),
        ),
        (
            "another session's record",
            with(&|f| {
                f.sid.push('0');
                f.note("x");
                f.sid.pop();
            }),
            1,
            Some(Rule::Sid),
        ),
        ("a record behind the end, and the seal again", after.bytes, 1, Some(Rule::Order)),
        (
            "a file that is not there",
            with(&|f| {
                f.line(&blob);
            }),
            1,
            Some(Rule::Blob),
        ),
        ("bytes behind the end", tail, 1, Some(Rule::Tail)),
    ]
}

/// What a closing seal, otherwise good, can have against it.
fn closing(twist: &Twist<'_>) -> Vec<u8> {
    let mut forge = begun();
    forge.close().seal("close", 1, twist);
    forge.bytes
}

/// What a segment's seal can have against it.
fn segment(n: u8, twist: &Twist<'_>) -> Vec<u8> {
    let mut forge = begun();
    forge.seal("segment", n, twist);
    forge.finish()
}

fn seal_cases() -> Vec<Case> {
    let set = |name: &'static str, value: &'static str| move |seal: &mut Value| seal[name] = value.into();
    let rewrap = |seal: &mut Value| {
        let sig = seal["sig"].as_str().unwrap().to_owned();
        seal["sig"] = sig.replacen('\n', "", 2).replacen("-----U", "-----\nU", 1).into();
    };
    let mut reopened = begun();
    reopened.good_seal("open", 1);
    vec![
        ("a field too many", segment(3, &Twist { both: Some(&set("more", "x")), ..Twist::default() }), 1, Some(Rule::SealFields)),
        (
            "another announcement",
            closing(&Twist { announced: Some(&set("issuer", "self-issued")), ..Twist::default() }),
            1,
            Some(Rule::SealAnnounced),
        ),
        ("a seal with a time of its own", closing(&Twist { late: 5, ..Twist::default() }), 1, Some(Rule::SealTime)),
        ("an opening seal in the middle", reopened.finish(), 1, Some(Rule::SealPlace)),
        (
            "another purpose",
            closing(&Twist { both: Some(&set("namespace", "file")), ..Twist::default() }),
            1,
            Some(Rule::SealNamespace),
        ),
        (
            "another length",
            closing(&Twist { sealed: Some(&|s| s["bytes"] = 7.into()), ..Twist::default() }),
            1,
            Some(Rule::SealBytes),
        ),
        (
            "another hash",
            closing(&Twist { sealed: Some(&|s| s["sha256"] = "00".repeat(32).into()), ..Twist::default() }),
            1,
            Some(Rule::SealHash),
        ),
        ("an armor wrapped anew", closing(&Twist { sealed: Some(&rewrap), ..Twist::default() }), 1, Some(Rule::SealArmor)),
        ("signed by another than it names", segment(3, &Twist { by: Some(4), ..Twist::default() }), 1, Some(Rule::SealKey)),
        (
            "a signature over something else",
            closing(&Twist { over: Some(b"x"), ..Twist::default() }),
            1,
            Some(Rule::SealSignature),
        ),
        ("a segment's key nobody introduced", segment(4, &Twist::default()), 1, Some(Rule::SealSegment)),
        (
            "the operator's other key",
            {
                let mut f = begun();
                f.close().good_seal("close", 2);
                f.bytes
            },
            1,
            Some(Rule::OperatorKey),
        ),
        (
            "under another name",
            closing(&Twist { both: Some(&set("signer", "bob@example.com")), ..Twist::default() }),
            1,
            Some(Rule::OperatorName),
        ),
        ("a rehearsal", Forge::begin(Mode::Rehearsal).finish(), 6, Some(Rule::Simulated)),
    ]
}

/// The whole table of the forger.
pub(super) fn cases() -> Vec<Case> {
    let mut open = begun();
    open.note("still going on");
    let mut unsealed = begun();
    unsealed.close();
    let mut announced = begun();
    announced.close().line(&json!({ "type": "seal.intended", "data": { "role": "close", "signer": ALICE,
        "key": key(1).public().fingerprint(), "namespace": SESSION, "issuer": "own" } }));
    let mut torn = begun().bytes;
    torn.truncate(torn.len() - 9);
    let mut unannounced = begun();
    unannounced.line(&json!({ "type": "journal.sealed", "data": {} }));
    let mut late = begun();
    late.close().note("after the end");
    let request = br#"{"sid":"x","path":"approve","nonce":"00"}"#;
    let mut cases = vec![
        ("as it should be", begun().finish(), 0, None),
        ("open", open.bytes, 5, None),
        ("closed without a seal", unsealed.bytes, 5, None),
        ("the seal announced and not made", announced.bytes, 5, None),
        ("torn", torn, 5, None),
        ("a seal without an announcement", unannounced.finish(), 1, None),
        ("a record behind the close", late.finish(), 1, None),
        (
            "an approval used as a seal",
            closing(&Twist { namespace: Some(APPROVAL), over: Some(request), ..Twist::default() }),
            1,
            None,
        ),
        ("a seal made for approvals", closing(&Twist { namespace: Some(APPROVAL), ..Twist::default() }), 1, None),
        (
            "the segment's key closes",
            {
                let mut f = begun();
                f.close().good_seal("close", 3);
                f.bytes
            },
            1,
            None,
        ),
        ("the operator's key as a segment's", segment(1, &Twist::default()), 1, None),
    ];
    cases.extend(chain_cases());
    cases.extend(seal_cases());
    cases
}
