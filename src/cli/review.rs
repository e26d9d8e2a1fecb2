//! `pacenote review`: what somebody else says of a session afterwards, signed.
//!
//! An emergency passes approvals and owes a review; any session may have one. What has to be
//! looked at is shown, the journal is verified first, and nothing but the typed word signs.
//! Reviews stand beside the journal (`reviews.jsonl`), each named in the ledger. Without a
//! session it lists the reviews that are owed.

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::args::ReviewArgs;
use super::console::Console;
use super::{Basis, show, verify};
use crate::approval::review::{Finding, Review, SignedReview};
use crate::error::{Exit, Problem};
use crate::journal::verify::{Options, Verification, verify_with};
use crate::journal::{Blobs, Mark, Reader};
use crate::redact::{Keep, strip_controls};
use crate::report::words;
use crate::session::Event;
use crate::session::event::{Mode, Operator};
use crate::session::time::rfc3339;
use crate::signature::{APPROVAL, AllowedSigners, Signer};
use crate::state::ledger::{About, Ledger};

/// The file of reviews, beside the journal.
pub(super) const REVIEWS: &str = "reviews.jsonl";
/// `type` of the ledger's line.
const REVIEWED: &str = "session.reviewed";
/// More of it belongs into a ticket.
const LONGEST_NOTE: usize = 2_000;
/// A file of reviews larger than this is none.
const LONGEST_FILE: u64 = 1 << 20;

/// What there is to review about one session.
struct Reviewed {
    verification: Verification,
    operators: Vec<Operator>,
    emergency: Option<String>,
    live: bool,
    lines: Vec<String>,
}

/// Signs a review, adds one that was made elsewhere, or lists what is owed.
///
/// # Errors
/// When there is nothing to review, or nothing was signed.
pub(super) fn run(console: &mut Console, basis: &Basis, arguments: &ReviewArgs) -> Result<Exit, Problem> {
    let Some(named) = &arguments.session else { return owed(console, basis) };
    let journal = show::journal(basis, named)?;
    let signers = verify::signers(basis, None)?;
    let reviewed = look(&journal, signers.as_ref())?;
    let (sid, head) = (reviewed.verification.sid.clone().unwrap_or_default(), reviewed.verification.head.clone());
    if !matches!(reviewed.verification.code, 0 | 6) {
        return Err(Problem::failed(format!("there is nothing to review: {}", reviewed.verification.sentence()))
            .at(journal.display())
            .hint("a session is reviewed once it is closed and sealed, and its journal is intact"));
    }
    let (signed, local) = match &arguments.add {
        Some(file) => (from_elsewhere(file, &sid, &head, signers.as_ref())?, true),
        None => (made_here(console, basis, &reviewed, &sid, &head)?, arguments.out.is_none()),
    };
    not_an_operator(&reviewed.operators, &signed, &sid, &head)?;
    let mut line = serde_json::to_string(&signed).unwrap_or_default();
    line.push('\n');
    if let Some(out) = &arguments.out {
        std::fs::write(out, &line)
            .map_err(|e| Problem::failed(format!("the review cannot be written: {e}")).at(out.display()))?;
        console.note(format_args!("The review is in {}. Where the journal is: pacenote review {sid} --add FILE", out.display()));
    }
    if local {
        keep(&journal.with_file_name(REVIEWS), &line)?;
        let mark = Mark { sid: sid.clone(), seq: reviewed.verification.records.saturating_sub(1), head };
        if let Err(error) = Ledger::of(&basis.state()?).append(REVIEWED, &mark, Utc::now(), About::default()) {
            return Err(Problem::failed(format!("the review is kept, and the ledger could not be told: {error}")));
        }
        console.line(format_args!("{sid} is reviewed by {}.", signed.by))?;
    }
    Ok(Exit::Done)
}

/// Reads and verifies what is to be reviewed.
fn look(journal: &Path, signers: Option<&AllowedSigners>) -> Result<Reviewed, Problem> {
    let verification = verify_with(journal, Options { signers, now: Utc::now(), ..Options::default() });
    let unreadable = |e: io::Error| Problem::cannot_start(format!("the journal cannot be read: {e}")).at(journal.display());
    let mut found = Reviewed { verification, operators: Vec::new(), emergency: None, live: false, lines: Vec::new() };
    for line in Reader::open_file(journal, Blobs::Resolve).map_err(unreadable)?.by_ref().map_while(Result::ok) {
        let Some(event) = &line.record.event else { continue };
        match event {
            Event::SessionOpened(opened) => {
                found.operators.push(opened.operator.clone());
                found.live = opened.mode == Mode::Live;
                found.emergency.clone_from(&opened.emergency);
            }
            Event::SessionResumed(resumed) => found.operators.push(resumed.operator.clone()),
            Event::DeviationRecorded(_)
            | Event::DecisionMade(_)
            | Event::GuardTripped(_)
            | Event::GuardSnoozed(_)
            | Event::ApprovalGiven(_)
            | Event::ApprovalRefused(_)
            | Event::LockTakenOver(_)
            | Event::FollowupNoted(_)
            | Event::SessionClosed(_) => {}
            _ => continue,
        }
        let time = line.record.ts.format("%Y-%m-%d %H:%M:%S");
        let text = words::lines(event).into_iter().next().unwrap_or_default();
        found.lines.push(format!("{time}  {}", strip_controls(&text, Keep::NOTHING)));
    }
    Ok(found)
}

fn made_here(console: &mut Console, basis: &Basis, reviewed: &Reviewed, sid: &str, head: &str) -> Result<SignedReview, Problem> {
    let set_up = || "set `ssh_key` and `principal` in config.yaml; `pacenote config` says where that is";
    let path = basis.config.ssh_key.value.as_deref();
    let path = path.ok_or_else(|| Problem::cannot_start("no SSH key is set up to sign with").hint(set_up()))?;
    let by = basis.config.principal.value.as_deref();
    let by = by.ok_or_else(|| Problem::cannot_start("it is not said who you are").hint(set_up()))?;
    let signer = Signer::open(path)
        .map_err(|e| Problem::cannot_start(format!("your key cannot be used: {e}")).hint(crate::app::sealing::hint(&e)))?;
    operates(&reviewed.operators, by, &signer.public().fingerprint())?;
    console.note(reviewed.verification.sentence());
    if let Some(reason) = &reviewed.emergency {
        console.note(format_args!("EMERGENCY: {}", strip_controls(reason, Keep::NOTHING)));
    }
    for line in &reviewed.lines {
        console.note(format_args!("  {line}"));
    }
    console.note(format_args!(
        "All of it: pacenote show {sid}, or replay. You sign as {by} with {}.\n\
         Type `accept` or `object`, and what you found; anything else signs nothing.",
        signer.public().fingerprint()
    ));
    let mut line = String::new();
    let typed = io::stdin().lock().take(64 * 1024).read_line(&mut line);
    typed.map_err(|e| Problem::cannot_start(format!("the answer cannot be read: {e}")))?;
    let (word, note) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let note = strip_controls(note.trim(), Keep::NOTHING);
    let finding = match word {
        "accept" | "object" if note.is_empty() => {
            return Err(Problem::usage(format!("say what you found: {word} TEXT")));
        }
        "accept" | "object" if note.len() > LONGEST_NOTE => {
            return Err(Problem::usage("the text is too long; put it into a ticket and name that"));
        }
        "accept" => Finding::Accepted,
        "object" => Finding::Objected,
        _ => return Err(Problem::failed("nothing was signed").hint("say `accept TEXT` or `object TEXT`")),
    };
    let review = Review::new(sid, head, finding, &note, rfc3339(Utc::now()));
    review.sign(&signer, by).map_err(|e| Problem::cannot_start(format!("nothing was signed: {e}")))
}

/// A review made on another machine counts if its key is trusted here.
fn from_elsewhere(file: &Path, sid: &str, head: &str, signers: Option<&AllowedSigners>) -> Result<SignedReview, Problem> {
    let refuse = |why: String| Problem::failed(format!("this is no review of {sid}: {why}")).at(file.display());
    let text = std::fs::read_to_string(file).map_err(|e| refuse(e.to_string()))?;
    let signed: SignedReview = serde_json::from_str(text.trim()).map_err(|e| refuse(e.to_string()))?;
    let (_, signature) = signed.of(sid, head).map_err(|e| refuse(e.to_string()))?;
    let signers = signers.ok_or_else(|| refuse("there is no list of allowed signers to know its key by".to_owned()))?;
    let trusted = signers.judge(&signed.by, signature.key(), APPROVAL, Utc::now()).map_err(|e| refuse(e.to_string()))?;
    if trusted.anyone { Err(refuse("the list has its key for everybody (`*`)".to_owned())) } else { Ok(signed) }
}

fn not_an_operator(operators: &[Operator], signed: &SignedReview, sid: &str, head: &str) -> Result<(), Problem> {
    let (_, signature) = signed.of(sid, head).map_err(|e| Problem::failed(format!("the review does not count: {e}")))?;
    operates(operators, &signed.by, &signature.key().fingerprint())
}

fn operates(operators: &[Operator], by: &str, key: &str) -> Result<(), Problem> {
    match operators.iter().find(|o| o.principal == by || o.key.as_deref() == Some(key)) {
        None => Ok(()),
        Some(operator) => Err(Problem::cannot_start(format!("{} operated this session", operator.principal))
            .hint("a review must be somebody else's")),
    }
}

/// Adds a line, and comes back once it is on the disk.
fn keep(path: &Path, line: &str) -> Result<(), Problem> {
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|e| Problem::failed(format!("the review cannot be kept: {e}")).at(path.display()))
}

/// The reviews beside a journal, each in a line for people.
pub(super) fn lines(journal: &Path, sid: &str, head: &str, signers: Option<&AllowedSigners>) -> Vec<String> {
    let mut text = String::new();
    let file = std::fs::File::open(journal.with_file_name(REVIEWS));
    if file.and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text)).is_err() {
        return Vec::new();
    }
    let said = |line: &str| {
        let signed: SignedReview = serde_json::from_str(line).map_err(|e| e.to_string())?;
        let (review, signature) = signed.of(sid, head).map_err(|e| e.to_string())?;
        let key = signature.key();
        let trust = match signers.map(|signers| signers.judge(&signed.by, key, APPROVAL, Utc::now())) {
            Some(Ok(trusted)) if !trusted.anyone => String::new(),
            Some(Ok(_)) => " (NOT TRUSTED: its key is listed for everybody)".to_owned(),
            Some(Err(why)) => format!(" (NOT TRUSTED: {why})"),
            None => " (not known by whom: there is no list of allowed signers)".to_owned(),
        };
        Ok(format!("{} by {} at {}: {}{trust}", review.finding.word(), signed.by, review.at, review.note))
    };
    text.lines()
        .map(|line| match said(line) {
            Ok(text) => strip_controls(&text, Keep::NOTHING),
            Err::<_, String>(why) => strip_controls(&format!("A REVIEW THAT DOES NOT COUNT: {why}"), Keep::NOTHING),
        })
        .collect()
}

/// Lists the emergencies that nobody has reviewed.
fn owed(console: &mut Console, basis: &Basis) -> Result<Exit, Problem> {
    let state = basis.state()?;
    let signers = verify::signers(basis, None)?;
    let mut journals: Vec<PathBuf> = Vec::new();
    let folder = state.path().join("sessions");
    if let Ok(entries) = folder.read_dir() {
        journals.extend(entries.flatten().map(|entry| entry.path().join("journal.jsonl")).filter(|path| path.is_file()));
    }
    journals.sort();
    let mut open = 0;
    for journal in journals {
        // The first line says whether it was one: most were not.
        let opened = Reader::open_file(&journal, Blobs::Resolve).ok().and_then(|mut reader| reader.by_ref().next());
        let emergency = match opened.and_then(Result::ok).and_then(|line| line.record.event) {
            Some(Event::SessionOpened(opened)) => opened.emergency.is_some(),
            _ => false,
        };
        if !emergency {
            continue;
        }
        let reviewed = look(&journal, signers.as_ref())?;
        let verification = &reviewed.verification;
        let sid = verification.sid.clone().unwrap_or_default();
        let reviews = lines(&journal, &sid, &verification.head, signers.as_ref());
        if !reviewed.live
            || verification.outcome.is_none()
            || reviews.iter().any(|line| line.starts_with("accepted") || line.starts_with("objected"))
        {
            continue;
        }
        open += 1;
        let reason = reviewed.emergency.as_deref().unwrap_or_default();
        console.line(format_args!("{sid}  {}", strip_controls(reason, Keep::NOTHING)))?;
    }
    if open == 0 {
        console.line("No review is owed.")?;
    }
    Ok(Exit::Done)
}
