//! Whether a journal is what was written, and who vouches for it.
//!
//! Streams the file once, hashing each line and scanning it strictly, so it runs about
//! as fast as the file can be hashed. The rules are a list ([`Rule`]). *Invariant:* 0 is
//! given only for a journal that ends with a good seal of its operator, right behind
//! `session.closed`, by a key that the verifier's own list trusts. Without a list nobody
//! is trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::blob::{BlobError, Found};
use super::content;
use super::format::{Hash, MAX_LINE, hex, sha256};
use super::order::{Chain, is_known};
use super::rules::{Rule, Rules};
use super::scan::{self, BlobRef};
use super::seal::{Issuer, Mark, Role};
use super::summary::opened_summary;
use crate::approval::Approvers;
use crate::session::Event;
use crate::session::event::{BundleRecord, Mode};
use crate::signature::{AllowedSigners, Distrust, SESSION, Trusted};

mod approvals;
mod kept;
mod report;
mod seals;
mod source;

use approvals::Approvals;
pub use report::{Anchored, ApprovalFound, Finding, OperatorSealFound, Report, SealFound, Status, Verification};
use seals::{Digester, OperatorSeal, Seals};
use source::Source;

/// How much of a file is read at once.
const BATCH: usize = 1024 * 1024;

/// Looks up when something outside the journal knew its last line.
pub type Anchors<'a> = &'a dyn Fn(&Mark) -> Result<Anchored, String>;

/// Told about a file: bytes read, and of how many.
pub type Progress<'a> = &'a dyn Fn(&Path, u64, u64);

/// How to verify.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Whose seals are trusted.
    pub signers: Option<&'a AllowedSigners>,
    /// Keys are judged as of now, unless an anchor knew the journal before.
    pub now: DateTime<Utc>,
    /// Every operator's seal must be there and trusted, not the closing one alone.
    pub operator: bool,
    /// Every approval must be by a trusted key, of one who may, and none passed over.
    pub approvals: bool,
    /// Groups that may approve: name to principals, as a policy has them.
    pub groups: Option<&'a BTreeMap<String, Vec<String>>>,
    /// Something outside must know the last line.
    pub anchors: Option<Anchors<'a>>,
    /// The rules in force.
    pub rules: Rules,
    /// Told how many bytes of how many have been read, now and then.
    pub progress: Option<Progress<'a>>,
}

impl Default for Options<'_> {
    /// By all rules, and trusting nobody.
    fn default() -> Self {
        Self {
            signers: None,
            now: DateTime::UNIX_EPOCH,
            operator: false,
            approvals: false,
            groups: None,
            anchors: None,
            rules: Rules::default(),
            progress: None,
        }
    }
}

/// Verifies journals. A path is a journal, a pack, a session's folder, a state folder, or
/// any folder of session folders; without anything to verify in it, it counts as broken.
pub fn verify(paths: &[PathBuf], options: Options<'_>) -> Report {
    let mut journals = Vec::new();
    for path in paths {
        match find(path) {
            Ok(found) => journals.extend(found.iter().map(|path| verify_with(path, options))),
            Err(error) => journals.push(unreadable(path, &error)),
        }
    }
    let codes: Vec<u8> = journals.iter().map(|journal| journal.code).collect();
    let code = [1, 6, 5].into_iter().find(|code| codes.contains(code)).unwrap_or(0);
    Report { code: if journals.is_empty() { 1 } else { code }, journals }
}

/// The journals a path stands for, in order of their names.
fn find(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.metadata()?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let own = path.join("journal.jsonl");
    if own.symlink_metadata().is_ok() {
        return Ok(vec![own]);
    }
    let sessions = path.join("sessions");
    let folder = if sessions.is_dir() { sessions } else { path.to_owned() };
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let journal = path.join("journal.jsonl");
        if journal.symlink_metadata().is_ok() {
            found.push(journal);
        } else if path.extension().is_some_and(|e| e == "tar") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err(io::Error::new(io::ErrorKind::NotFound, "there is no journal in this folder")) } else { Ok(found) }
}

fn unreadable(path: &Path, error: &io::Error) -> Verification {
    let mut verification = empty(path);
    verification.code = 1;
    verification.status = Status::Unreadable;
    verification.problem = Some(Finding { line: 0, offset: 0, what: format!("it cannot be read: {error}") });
    verification
}

/// Verifies one journal by all rules, trusting nobody. Its blobs are looked for beside it.
pub fn verify_journal(path: &Path) -> Verification {
    verify_with(path, Options::default())
}

/// Verifies one journal or pack.
pub fn verify_with(path: &Path, options: Options<'_>) -> Verification {
    let checked = Source::of(path).and_then(|source| {
        let mut check = Check::new(path, source, options);
        check.stream()?;
        Ok(check)
    });
    match checked {
        Ok(check) => check.finish(),
        Err(error) => unreadable(path, &error),
    }
}

fn empty(path: &Path) -> Verification {
    Verification {
        path: path.to_owned(),
        code: 5,
        status: Status::IntactOpen,
        sid: None,
        records: 0,
        bytes: 0,
        head: String::new(),
        blobs: 0,
        opened: None,
        outcome: None,
        torn_bytes: 0,
        unknown: BTreeSet::new(),
        seals: 0,
        seal: None,
        operators: Vec::new(),
        approvals: Vec::new(),
        untrusted: Vec::new(),
        warnings: Vec::new(),
        kept: Vec::new(),
        problem: None,
    }
}

/// One verification under way.
struct Check<'a> {
    result: Verification,
    source: Source,
    options: Options<'a>,
    chain: Chain,
    /// Where the next line begins.
    offset: u64,
    /// Blobs that were found to be in order.
    seen: BTreeSet<BlobRef>,
    seals: Seals,
    approvals: Approvals,
    /// The runbook, as the first record has it.
    ran: Option<BundleRecord>,
    torn: Vec<u8>,
}

impl<'a> Check<'a> {
    fn new(path: &Path, source: Source, options: Options<'a>) -> Self {
        Self {
            result: empty(path),
            source,
            options,
            chain: Chain::default(),
            offset: 0,
            seen: BTreeSet::new(),
            seals: Seals::new(options.rules),
            approvals: Approvals::new(options.rules),
            ran: None,
            torn: Vec::new(),
        }
    }

    /// Takes the whole file, up to the first thing that is wrong.
    fn stream(&mut self) -> io::Result<()> {
        let (mut file, length) = self.source.journal()?;
        self.result.bytes = length;
        let mut digester = Digester::start(self.options.rules, length);
        let outcome = self.lines(&mut *file, &mut digester);
        let seal = digester.finish();
        // The first thing that is wrong is told, whoever found it.
        if let Some(seal) = seal
            && self.result.problem.as_ref().is_none_or(|problem| seal.line < problem.line)
        {
            self.result.problem = Some(seal);
        }
        outcome
    }

    fn lines(&mut self, file: &mut dyn Read, digester: &mut Digester) -> io::Result<()> {
        let enough = usize::try_from(self.result.bytes).unwrap_or(BATCH).clamp(2 * MAX_LINE, BATCH);
        let mut buffer = vec![0; enough];
        let mut filled = 0;
        loop {
            let read = match file.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            filled += read;
            let batch = buffer.get(..filled).unwrap_or_default();
            let (mut used, mut hashed) = (0, 0);
            for line in batch.split_inclusive(|&b| b == b'\n') {
                if line.last() != Some(&b'\n') {
                    break;
                }
                match self.line(line) {
                    Ok(None) => {}
                    Ok(Some(claim)) => {
                        digester.bytes(batch.get(hashed..used).unwrap_or_default());
                        digester.claim(claim);
                        hashed = used;
                    }
                    Err(what) => {
                        self.fail(what);
                        return Ok(());
                    }
                }
                used += line.len();
            }
            digester.bytes(batch.get(hashed..used).unwrap_or_default());
            buffer.copy_within(used..filled, 0);
            filled -= used;
            if filled > MAX_LINE {
                self.fail("the line is longer than 64 KiB".into());
                return Ok(());
            }
            if let Some(progress) = self.options.progress {
                progress(&self.result.path, self.offset, self.result.bytes);
            }
        }
        self.torn = buffer.get(..filled).unwrap_or_default().to_vec();
        Ok(())
    }

    fn fail(&mut self, what: String) {
        self.result.problem = Some(Finding { line: self.chain.seq + 1, offset: self.offset, what });
    }

    /// Takes one line with its newline; what a seal claims is for the digester.
    fn line(&mut self, line: &[u8]) -> Result<Option<seals::Claim>, String> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let scanned = scan::scan(text).map_err(|flaw| flaw.to_string())?;
        // A copy is followed first, so that a line that is out of order does not count.
        let mut chain = self.chain.clone();
        chain.follow_by(self.options.rules, &scanned, sha256(line))?;
        for blob in &scanned.blobs {
            self.blob(blob)?;
        }
        let mut claim = None;
        match scanned.kind {
            "seal.intended" => self.seals.intended(&scanned)?,
            "journal.sealed" => {
                claim = self.seals.sealed(&scanned, self.offset, self.chain.stage.is_closed())?;
            }
            "session.opened" | "session.resumed" | "session.closed" => self.told(text, &scanned)?,
            kind if self.approvals.wants(kind) => {
                let source = &self.source;
                self.approvals.take(&scanned, &|name| source.text(&format!("output/{name}")))?;
            }
            kind if !is_known(kind) => {
                self.result.unknown.insert(kind.to_owned());
            }
            _ => {}
        }
        self.chain = chain;
        self.offset += line.len() as u64;
        Ok(claim)
    }

    /// Takes a record whose content counts here.
    fn told(&mut self, text: &[u8], record: &scan::Line<'_>) -> Result<(), String> {
        let seq = self.chain.seq;
        let source = &self.source;
        let mut load =
            |hash: Hash, _: u64| Ok(source.text(&format!("output/{}", hex(&hash))).map_or(Found::Missing, Found::Whole));
        match content::event(text, record, &mut load) {
            Ok(Event::SessionOpened(opened)) => {
                let at = DateTime::parse_from_rfc3339(record.ts).unwrap_or_default().to_utc();
                self.result.opened = Some(opened_summary(&opened, at));
                self.ran = Some(opened.bundle.clone());
                self.approvals.opened(record.sid, &opened);
                self.seals.taken_in_hand(seq, opened.operator);
            }
            Ok(Event::SessionResumed(resumed)) => {
                self.approvals.resumed(&resumed.operator);
                self.seals.taken_in_hand(seq, resumed.operator);
            }
            Ok(Event::SessionClosed(closed)) => {
                self.approvals.closed(closed.outcome);
                self.result.outcome = Some(closed.outcome);
            }
            Ok(_) => {}
            // Who has it in hand must be known; the rest counts where it can be read.
            Err(why) if seq == 0 => return Err(why.to_string()),
            Err(_) => {}
        }
        Ok(())
    }

    /// Checks a file the journal refers to.
    fn blob(&mut self, blob: &BlobRef) -> Result<(), String> {
        if self.seen.contains(blob) || !self.options.rules.has(Rule::Blob) {
            return Ok(());
        }
        let name = hex(&blob.hash);
        let error = match self.source.hash(&format!("output/{name}")) {
            Ok((hash, bytes)) if hash == blob.hash && bytes == blob.bytes => {
                self.seen.insert(*blob);
                return Ok(());
            }
            Ok(_) => BlobError::Changed(name),
            Err(e) if e.kind() == io::ErrorKind::NotFound => BlobError::Missing(name),
            Err(e) => BlobError::Unreadable(name, e),
        };
        Err(error.to_string())
    }

    fn finish(mut self) -> Verification {
        let torn = std::mem::take(&mut self.torn);
        let closed = self.chain.stage.is_closed();
        if self.result.problem.is_none() && closed && !torn.is_empty() && self.options.rules.has(Rule::Tail) {
            // A power cut while the closing seal was written leaves its beginning; any
            // other bytes were put there by somebody.
            if self.chain.stage.is_ended() || !self.chain.could_begin_with(&torn) {
                self.fail(format!("{} bytes stand behind the end of a closed session", torn.len()));
            }
        }
        self.result.records = self.chain.seq;
        self.result.head = hex(&self.chain.head);
        self.result.sid = (self.chain.seq > 0).then(|| self.chain.sid.clone());
        self.result.blobs = self.seen.len() as u64;
        self.result.torn_bytes = torn.len() as u64;
        self.result.seals = self.seals.count;
        let ended = self.chain.stage.is_ended();
        let closing = self.seals.by_operators.last().filter(|seal| ended && seal.role == Role::Close).cloned();
        let torn = !torn.is_empty() && (!ended || self.options.rules.has(Rule::Tail));
        let whole = self.result.problem.is_none() && !torn;
        let anchored = closing.as_ref().filter(|_| whole).and_then(|_| self.anchored());
        let at = anchored.as_ref().map_or(self.options.now, |anchored| anchored.at);
        self.judge_people(at);
        (self.result.code, self.result.status) = match closing {
            _ if self.result.problem.is_some() => (1, Status::Broken),
            _ if torn => (5, Status::IntactTorn),
            Some(seal) => {
                self.trust(&seal, anchored, at);
                if self.result.untrusted.is_empty() { (0, Status::Verified) } else { (6, Status::Untrusted) }
            }
            None if closed => (5, Status::IntactUnsealed),
            None => (5, Status::IntactOpen),
        };
        self.warn_of_operators();
        self.look_beside();
        self.result
    }

    /// A seal that does not count for the verdict may still be somebody's whom the list does
    /// not know: who resumed a session has had it in hand.
    fn warn_of_operators(&mut self) {
        if self.options.signers.is_none() || self.options.operator {
            return;
        }
        let closing = self.result.seal.as_ref().map(|seal| (seal.signer.clone(), seal.key.clone()));
        let simulated = |seq| self.seals.by_operators.iter().any(|s| s.seq == seq && s.issuer == Some(Issuer::Simulated));
        let unlisted = self.result.operators.iter().filter(|seal| !simulated(seal.seq));
        let warnings = unlisted.filter_map(|seal| {
            let (OperatorSealFound { seq, signer, key, untrusted }, closed) = (seal, &closing);
            let known = closed.as_ref().is_some_and(|(by, with)| by == signer && with == key);
            let why = untrusted.as_ref().filter(|_| !known)?;
            Some(format!("the seal at record {seq}, {signer}'s with the key {key}, is not trusted: {why}"))
        });
        let warnings: Vec<String> = warnings.collect();
        self.result.warnings.extend(warnings);
    }

    /// What stands beside the journal changes nothing of the verdict about it.
    fn look_beside(&mut self) {
        let kept = self.ran.as_ref().map(|ran| kept::runbook(&self.source, ran)).unwrap_or_default();
        self.result.kept = kept.other.into_iter().chain(kept::sums(&self.source)).collect();
        self.result.warnings.extend(self.result.kept.iter().cloned().chain(kept.missing));
    }

    /// What outside knew the head, where that was asked for and something did.
    fn anchored(&mut self) -> Option<Anchored> {
        let look_up = self.options.anchors?;
        let sid = self.chain.sid.clone();
        match look_up(&Mark { sid, seq: self.chain.seq.saturating_sub(1), head: self.result.head.clone() }) {
            Ok(found) => Some(found),
            Err(why) => {
                self.result.untrusted.push(format!("no anchor knows its head: {why}"));
                None
            }
        }
    }

    /// Whether the closing seal, and whatever was asked for, is enough.
    fn trust(&mut self, closing: &OperatorSeal, anchored: Option<Anchored>, at: DateTime<Utc>) {
        let options = self.options;
        let mut judged = vec![closing.clone()];
        if options.operator {
            judged = self.seals.by_operators.clone();
            if self.seals.unsealed_hands() > 0 {
                self.result.untrusted.push("it was taken in hand without a seal of the operator".to_owned());
            }
        }
        for seal in judged {
            self.trust_one(&seal, at);
        }
        let rehearsal = self.result.opened.as_ref().is_some_and(|opened| opened.mode == Mode::Rehearsal);
        if (rehearsal || closing.issuer == Some(Issuer::Simulated)) && options.rules.has(Rule::Simulated) {
            self.result.untrusted.insert(0, "it is a rehearsal's, sealed by a simulated key that anyone can make".to_owned());
        }
        if options.approvals {
            let objections = self.result.approvals.iter().filter_map(ApprovalFound::objection);
            self.result.untrusted.extend(self.approvals.passed().iter().cloned().chain(objections));
        }
        let (signer, key) = (closing.signer.clone(), closing.key.fingerprint());
        self.result.seal = Some(SealFound { signer, key, issuer: closing.issuer, anchored });
        let mut seen = BTreeSet::new();
        self.result.untrusted.retain(|why| seen.insert(why.clone()));
        self.result.warnings.dedup();
    }

    /// What the list says of an operator's key; none where there is no list.
    fn listed(&self, seal: &OperatorSeal, at: DateTime<Utc>) -> Option<Result<Trusted, Distrust>> {
        self.options.signers.map(|signers| signers.judge(&seal.signer, &seal.key, SESSION, at))
    }

    /// Looks the keys of operators and approvers up, as of a moment.
    fn judge_people(&mut self, at: DateTime<Utc>) {
        let untrusted = |seal: &OperatorSeal| match self.listed(seal, at) {
            None => Some("there is no list of allowed signers to trust its key by".to_owned()),
            Some(judged) => judged.err().map(|why| why.to_string()),
        };
        let found = |seal: &OperatorSeal| OperatorSealFound {
            seq: seal.seq,
            signer: seal.signer.clone(),
            key: seal.key.fingerprint(),
            untrusted: untrusted(seal),
        };
        self.result.operators = self.seals.by_operators.iter().map(found).collect();
        let none = BTreeMap::new();
        let groups = self.options.groups.unwrap_or(&none);
        let approvers = self.options.signers.map(|signers| Approvers { signers, groups });
        self.result.approvals = self.approvals.judged(approvers.as_ref(), at);
    }

    fn trust_one(&mut self, seal: &OperatorSeal, at: DateTime<Utc>) {
        if !self.options.rules.has(Rule::Trusted) {
            return;
        }
        let Some(judged) = self.listed(seal, at) else {
            self.result.untrusted.push("there is no list of allowed signers to trust a key by".to_owned());
            return;
        };
        match judged {
            Ok(trusted) if trusted.anyone => self.result.warnings.push(format!(
                "line {} of the list of allowed signers is for `*`: it says that the key is known, and not that it is {}'s",
                trusted.line, seal.signer
            )),
            Ok(_) => {}
            Err(why) => {
                let own = if seal.issuer == Some(Issuer::SelfIssued) { "self-issued: " } else { "" };
                self.result.untrusted.push(format!("{own}{why}"));
            }
        }
    }
}
