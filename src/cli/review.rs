//! `pacenote review`: what somebody else says of a session afterwards, signed.
//!
//! An emergency passes approvals and owes a review; any session may have one. What has to be
//! looked at is shown, the journal is verified first, and nothing but the typed word signs.
//! Reviews stand beside the journal (`reviews.jsonl`), each named in the ledger. Without a
//! session it lists the reviews that are owed.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chrono::Utc;

use super::args::ReviewArgs;
use super::console::Console;
use super::foreign::Page;
use super::{Basis, show, signing, verify};
use crate::approval::review::{Finding, Judged, REVIEWS, Review, SignedReview, Subject};
use crate::error::{Exit, Problem};
use crate::journal::disk::open_for_reading;
use crate::journal::verify::{Options, Verification, verify_with};
use crate::journal::{Blobs, Mark, Reader};
use crate::redact::{Keep, strip_controls};
use crate::report::words;
use crate::session::Event;
use crate::session::event::{Mode, Operator, Outcome, StepOutcome};
use crate::session::figures::clip;
use crate::session::time::rfc3339;
use crate::signature::AllowedSigners;
use crate::state::ledger::{About, Ledger, REVIEWED, ReviewNoted};
use crate::state::population::{Member, population};

mod noted;

pub(super) use noted::is_emergency;

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

impl Reviewed {
    fn subject<'a>(&'a self, session: &'a str, head: &'a str, signers: Option<&'a AllowedSigners>) -> Subject<'a> {
        Subject { session, head, operators: &self.operators, signers, at: Utc::now() }
    }
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
    let subject = reviewed.subject(&sid, &head, signers.as_ref());
    let (signed, local) = match &arguments.add {
        Some(file) => (from_elsewhere(file, &subject)?, true),
        None => (made_here(console, basis, &reviewed, &subject)?, arguments.out.is_none()),
    };
    let judged = subject.judge_one(&signed);
    let mut line = serde_json::to_string(&signed).unwrap_or_default();
    line.push('\n');
    if let Some(out) = &arguments.out {
        std::fs::write(out, &line)
            .map_err(|e| Problem::failed(format!("the review cannot be written: {e}")).at(out.display()))?;
        console.note(format_args!("The review is in {}. Where the journal is: pacenote review {sid} --add FILE", out.display()));
    }
    if local {
        let before = beside(&journal)?;
        if before.lines().any(|kept| kept.trim() == line.trim()) {
            console.note("That very review is kept here already; it was not added again.");
        } else {
            keep(&journal.with_file_name(REVIEWS), &line)?;
        }
        let mark = Mark { sid: sid.clone(), seq: reviewed.verification.records.saturating_sub(1), head };
        if is_of_this_machine(basis, &journal, &sid) {
            tell_ledger(basis, &mark, &judged, &signed, &line)?;
        }
        match judged {
            Judged::Review { untrusted: None, review, .. } => {
                console.line(format_args!("{sid} is reviewed by {}: {}.", signed.by, review.finding.word()))?;
            }
            Judged::Review { untrusted: Some(why), .. } | Judged::Other(why) => {
                console.line(format_args!("The review of {sid} is kept. It does not count as one yet: {why}."))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Notes a review in the ledger, unless it knows all of it already.
fn tell_ledger(basis: &Basis, mark: &Mark, judged: &Judged, signed: &SignedReview, line: &str) -> Result<(), Problem> {
    let finding = match judged {
        Judged::Review { review, .. } => review.finding.word(),
        Judged::Other(_) => "unknown",
    };
    let (sha256, by) = (noted::name(line), clip(&signed.by));
    let review = ReviewNoted { sha256, by, finding: finding.to_owned(), counts: judged.counts() };
    let ledger = Ledger::of(&basis.state()?);
    let (entries, _) = ledger.as_far_as_good();
    if entries.iter().any(|entry| entry.sid == mark.sid && entry.review.as_deref() == Some(&review)) {
        return Ok(());
    }
    let about = About { review: Some(Box::new(review)), ..About::default() };
    let told = ledger.append(REVIEWED, mark, Utc::now(), about);
    told.map(|_| ()).map_err(|e| Problem::failed(format!("the review is kept, and the ledger could not be told: {e}")))
}

/// What the ledger knows of reviews of this machine's session that are not beside its journal.
pub(super) fn missing_of(basis: &Basis, journal: &Path, sid: &str, lines: &str) -> Option<String> {
    if !is_of_this_machine(basis, journal, sid) {
        return None;
    }
    let (members, _) = population(&basis.state().ok()?).ok()?;
    let member = members.into_iter().find(|member| member.summary.sid == sid)?;
    noted::missing(&member.reviews, lines)
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
            Event::DeviationRecorded(deviation) => {
                if deviation.what == "emergency" {
                    found.emergency.get_or_insert_with(|| deviation.reason.clone());
                }
            }
            Event::StepEnded(ended) if matches!(ended.outcome, StepOutcome::Failed | StepOutcome::Interrupted) => {}
            Event::EffectEnded(ended) if ended.outcome != Outcome::Succeeded => {}
            Event::OutcomeSettled(_)
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

fn made_here(console: &mut Console, basis: &Basis, reviewed: &Reviewed, subject: &Subject<'_>) -> Result<SignedReview, Problem> {
    let signer = signing::own_key(basis)?;
    let by = basis.config.principal.value.as_deref();
    let by = by.ok_or_else(|| Problem::cannot_start("it is not said who you are").hint(signing::SET_UP))?;
    if let Some(operator) = subject.operator(by, &signer.public().fingerprint()) {
        return Err(Problem::cannot_start(format!("{} operated this session", operator.principal))
            .hint("a review must be somebody else's"));
    }
    console.note(reviewed.verification.sentence());
    let mut page = Page::new();
    if let Some(reason) = &reviewed.emergency {
        page.words("EMERGENCY: ", reason);
    }
    reviewed.lines.iter().for_each(|line| page.words("  ", line));
    console.note(page.into_text().trim_end());
    console.note(format_args!(
        "All of it: pacenote show {}, or replay. You sign as {by} with {}.\n\
         Type `accept` or `object`, and what you found; anything else signs nothing.",
        subject.session,
        signer.public().fingerprint()
    ));
    let (word, note) = signing::typed()?;
    let finding = match word.as_str() {
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
    let review = Review::new(subject.session, subject.head, finding, &note, rfc3339(Utc::now()));
    review.sign(&signer, by).map_err(|e| Problem::cannot_start(format!("nothing was signed: {e}")))
}

/// A review made on another machine is taken up if it counts here.
fn from_elsewhere(file: &Path, subject: &Subject<'_>) -> Result<SignedReview, Problem> {
    let refuse = |why: String| Problem::failed(format!("this is no review of {}: {why}", subject.session)).at(file.display());
    let text = std::fs::read_to_string(file).map_err(|e| refuse(e.to_string()))?;
    let signed: SignedReview = serde_json::from_str(text.trim()).map_err(|e| refuse(e.to_string()))?;
    match subject.judge_one(&signed) {
        Judged::Review { untrusted: None, .. } => Ok(signed),
        Judged::Review { untrusted: Some(why), .. } | Judged::Other(why) => Err(refuse(why)),
    }
}

/// Whether a journal is this machine's: the ledger says nothing of copies of others'.
fn is_of_this_machine(basis: &Basis, journal: &Path, sid: &str) -> bool {
    let own = basis.state().and_then(|state| super::session_or_archived(&state, sid));
    own.is_ok_and(|dir| dir.journal().canonicalize().ok() == journal.canonicalize().ok())
}

/// Adds a line, and comes back once it is on the disk.
fn keep(path: &Path, line: &str) -> Result<(), Problem> {
    let file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|e| Problem::failed(format!("the review cannot be kept: {e}")).at(path.display()))
}

/// What stands in the file of reviews beside a journal; empty where there is none.
///
/// # Errors
/// When it is there and cannot be read.
pub(super) fn beside(journal: &Path) -> Result<String, Problem> {
    let path = journal.with_file_name(REVIEWS);
    let unreadable = |e: io::Error| Problem::cannot_start(format!("the reviews cannot be read: {e}")).at(path.display());
    let file = match open_for_reading(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(e) => return Err(unreadable(e)),
    };
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(unreadable(io::Error::other("the file is too large to be one")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Lists the emergencies that nobody has reviewed, and reviews that are gone.
fn owed(console: &mut Console, basis: &Basis) -> Result<Exit, Problem> {
    let state = basis.state()?;
    let signers = verify::signers(basis, None)?;
    let (members, wrong) = population(&state).map_err(|e| super::explain_state(&e))?;
    let mut open = 0;
    for member in &members {
        let said = match &member.folder {
            Some(dir) => standing(member, &dir.journal(), signers.as_ref())?,
            None => gone(member),
        };
        for line in said {
            open += 1;
            console.line(format_args!("{}  {}", member.summary.sid, strip_controls(&line, Keep::NOTHING)))?;
        }
    }
    if let Some(wrong) = wrong {
        console.note(format_args!("warning: {wrong}; what follows in it was not used"));
    } else if open == 0 {
        console.line("No review is owed.")?;
    }
    Ok(Exit::Done)
}

/// What there is to say of a session whose journal is there.
fn standing(member: &Member, journal: &Path, signers: Option<&AllowedSigners>) -> Result<Vec<String>, Problem> {
    let emergency = is_emergency(member);
    if !emergency && member.reviews.is_empty() {
        return Ok(Vec::new());
    }
    let lines = beside(journal)?;
    let mut said: Vec<String> = noted::missing(&member.reviews, &lines).into_iter().collect();
    if emergency {
        let reviewed = look(journal, signers)?;
        let subject = reviewed.subject(&member.summary.sid, &reviewed.verification.head, signers);
        let settled = subject.judge(&lines).iter().any(Judged::counts);
        if reviewed.live && reviewed.verification.outcome.is_some() && !settled {
            said.push(reviewed.emergency.unwrap_or_default());
        }
    }
    Ok(said)
}

/// What there is to say of a session that only the ledger knows.
fn gone(member: &Member) -> Vec<String> {
    let review = member.reviews.iter().rev().find(|review| review.counts);
    let noted = review.map_or("none that counted".to_owned(), |review| format!("{} by {}", review.finding, review.by));
    let line = || format!("AN EMERGENCY WHOSE JOURNAL IS NOT THERE, by the ledger; its review, by the ledger: {noted}");
    is_emergency(member).then(line).into_iter().collect()
}
