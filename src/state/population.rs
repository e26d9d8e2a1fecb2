//! All sessions of this machine, by the ledger and by what is there.
//!
//! What auditors draw samples from. The folders alone would not do: one that was removed
//! leaves no trace among them. *Guarantee:* a session that the ledger or a folder knows
//! is in the list, and where the two do not agree, the list says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::ledger::{ARCHIVED, ARCHIVING, Entry, Ledger, LedgerError, REVIEWED, ReviewNoted};
use super::marks::Marks;
use super::{StateDir, StateError};
use crate::journal::summary::{OpenedSummary, summarise};
use crate::journal::{SessionDir, SessionState, SessionSummary};
use crate::session::figures::Figures;

/// Whether the ledger and what is there agree about a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// In the ledger, and its folder is there.
    Agrees,
    /// In the ledger, and its folder is not there.
    Missing,
    /// Moved to an archive, and it is there.
    Archived {
        /// Its folder in the archive.
        folder: PathBuf,
    },
    /// Moved to an archive that does not hold it, or is not to be read now.
    NotInArchive {
        /// Where its folder should be.
        folder: PathBuf,
    },
    /// Its folder is there, and the ledger does not know it.
    NotInLedger,
    /// The ledger knows how the journal ended, and it ends otherwise.
    Differs,
    /// It was opened behind a line of the ledger that the ledger does not hold: that was
    /// written anew.
    OtherLedger,
    /// It was sealed, as its mark says; neither its folder nor a line of the ledger is there.
    OnlyMarked,
    /// The journal is closed; that could not be noted in the ledger.
    CloseNotNoted,
}

impl Standing {
    /// As people read it.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Agrees => "ok",
            Self::Missing => "MISSING",
            Self::Archived { .. } => "archived",
            Self::NotInArchive { .. } => "NOT IN THE ARCHIVE",
            Self::NotInLedger => "NOT IN THE LEDGER",
            Self::Differs => "DIFFERS FROM THE LEDGER",
            Self::OtherLedger => "OPENED BEHIND ANOTHER LEDGER",
            Self::OnlyMarked => "MISSING, IN THE LEDGER TOO",
            Self::CloseNotNoted => "close not in the ledger",
        }
    }

    /// Whether somebody should look into it.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, Self::Agrees | Self::Archived { .. } | Self::CloseNotNoted)
    }
}

/// One session of the population.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Member {
    /// What its journal says; of one that is not there, what the ledger says.
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// Whether the ledger agrees.
    pub ledger: Standing,
    /// What it came to, where the ledger says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
    /// Its reviews, as the ledger noted them.
    #[serde(skip)]
    pub reviews: Vec<ReviewNoted>,
    /// The folder of its journal, where there is one.
    #[serde(skip)]
    pub folder: Option<SessionDir>,
}

/// What the ledger says of one session.
#[derive(Debug, Default)]
struct Known<'a> {
    opened: Option<&'a OpenedSummary>,
    figures: Option<&'a Figures>,
    /// Reviews of it.
    reviews: Vec<ReviewNoted>,
    /// The last line written with a seal.
    sealed: Option<&'a Entry>,
    /// The folder the last move went to.
    moved: Option<&'a str>,
}

/// Sessions by their ids, as the ledger knows them.
fn by_session(entries: &[Entry]) -> BTreeMap<&str, Known<'_>> {
    let mut known: BTreeMap<&str, Known<'_>> = BTreeMap::new();
    for entry in entries {
        let session = known.entry(&entry.sid).or_default();
        session.opened = entry.opened.as_deref().or(session.opened);
        session.figures = entry.figures.as_deref().or(session.figures);
        if entry.is_of_a_seal() {
            session.sealed = Some(entry);
        } else if matches!(entry.kind.as_str(), ARCHIVING | ARCHIVED) {
            session.moved = entry.folder.as_deref();
        } else if entry.kind == REVIEWED {
            session.reviews.push(entry.review.as_deref().cloned().unwrap_or_default());
        }
    }
    known
}

/// All sessions, oldest first, and what is wrong with the ledger, where something is: it
/// then counts up to there.
///
/// # Errors
/// When the folder of the sessions cannot be read.
pub fn population(state: &StateDir) -> Result<(Vec<Member>, Option<LedgerError>), StateError> {
    let (entries, wrong) = Ledger::of(state).as_far_as_good();
    let mut known = by_session(&entries);
    // A broken ledger is said to be one; what would follow from half of it is not.
    let heads = wrong.is_none().then(|| heads(state, &entries));
    let mut members: Vec<Member> = Vec::new();
    for dir in state.session_dirs()? {
        let mut summary = summarise(&dir);
        let known = known.remove(dir.sid());
        if let Some(known) = known.as_ref().filter(|_| summary.state == SessionState::Empty) {
            // An empty folder is no session: what was in it is gone.
            summary = known.remembered(dir.sid());
            let (figures, reviews) = (known.figures.cloned(), known.reviews.clone());
            members.push(Member { summary, ledger: Standing::Missing, figures, reviews, folder: None });
            continue;
        }
        let ledger = match known.as_ref().map_or(Standing::NotInLedger, |known| known.standing(&summary)) {
            Standing::Agrees | Standing::CloseNotNoted if !is_behind(&summary, heads.as_ref()) => Standing::OtherLedger,
            standing => standing,
        };
        let (figures, reviews) = known.map(|known| (known.figures.cloned(), known.reviews)).unwrap_or_default();
        members.push(Member { summary, ledger, figures, reviews, folder: Some(dir) });
    }
    members.extend(known.into_iter().map(|(sid, known)| known.elsewhere(sid)));
    if wrong.is_none() {
        let found: BTreeSet<String> = members.iter().map(|member| member.summary.sid.clone()).collect();
        let marks = Marks::of(state);
        let marked = marks.sessions().map_err(|error| StateError::Disk { path: state.path().join("marks"), error })?;
        members.extend(marked.iter().filter(|sid| !found.contains(*sid)).map(|sid| only_marked(&marks, sid)));
    }
    members.sort_by(|a, b| a.summary.sid.cmp(&b.summary.sid));
    Ok((members, wrong))
}

/// The hashes of all lines of the ledger, in hex.
fn heads(state: &StateDir, entries: &[Entry]) -> BTreeSet<String> {
    // Each line names the one before; a line that came while we read counts as well.
    let last = Ledger::of(state).head().ok().flatten();
    entries.iter().map(|entry| entry.prev.clone()).chain(last).collect()
}

/// Whether the line that a session was opened behind is one of the ledger, as far as is known.
fn is_behind(summary: &SessionSummary, heads: Option<&BTreeSet<String>>) -> bool {
    let behind = summary.opened.as_ref().and_then(|opened| opened.ledger_head.as_ref());
    heads.zip(behind).is_none_or(|(heads, behind)| heads.contains(behind))
}

/// A session of which nothing but its mark is left.
fn only_marked(marks: &Marks, sid: &str) -> Member {
    let mark = marks.read(sid).ok().flatten();
    let summary = SessionSummary {
        sid: sid.to_owned(),
        state: SessionState::Unreadable { why: "its folder is not there".to_owned() },
        opened: None,
        last: None,
        last_kind: None,
        records: mark.as_ref().map_or(0, |mark| mark.seq + 1),
        bytes: 0,
        head: mark.map(|mark| mark.head).unwrap_or_default(),
    };
    Member { summary, ledger: Standing::OnlyMarked, figures: None, reviews: Vec::new(), folder: None }
}

/// The folder of a session that was moved to an archive, by its id or the beginning of
/// one where that says which.
pub fn archived(state: &StateDir, given: &str) -> Option<SessionDir> {
    let (members, _) = population(state).ok()?;
    let mut found = members.into_iter().filter(|member| {
        matches!(member.ledger, Standing::Archived { .. }) && !given.is_empty() && member.summary.sid.starts_with(given)
    });
    match (found.next(), found.next()) {
        (Some(member), None) => member.folder,
        _ => None,
    }
}

impl Known<'_> {
    fn closed(&self) -> Option<&Entry> {
        self.sealed.filter(|entry| entry.kind == "session.closed")
    }

    /// Of a session whose folder is there.
    fn standing(&self, found: &SessionSummary) -> Standing {
        match (self.closed(), &found.state) {
            (Some(closed), _) if closed.head != found.head => Standing::Differs,
            (None, SessionState::Closed { .. }) => Standing::CloseNotNoted,
            _ => Standing::Agrees,
        }
    }

    /// Of a session whose folder is not there.
    fn elsewhere(&self, sid: &str) -> Member {
        let folder = self.moved.map(|moved| PathBuf::from(moved).join(sid));
        let there = folder.clone().and_then(SessionDir::new).filter(|dir| dir.journal().is_file());
        let ledger = match (folder, &there) {
            (None, _) => Standing::Missing,
            (Some(folder), None) => Standing::NotInArchive { folder },
            (Some(folder), Some(dir)) => match self.standing(&summarise(dir)) {
                Standing::Differs => Standing::Differs,
                _ => Standing::Archived { folder },
            },
        };
        let summary = there.as_ref().map_or_else(|| self.remembered(sid), summarise);
        Member { summary, ledger, figures: self.figures.cloned(), reviews: self.reviews.clone(), folder: there }
    }

    /// What the ledger alone says.
    fn remembered(&self, sid: &str) -> SessionSummary {
        let outcome = self.figures.and_then(|figures| figures.outcome);
        let why = || SessionState::Unreadable { why: "its folder is not there".to_owned() };
        SessionSummary {
            sid: sid.to_owned(),
            state: outcome.map_or_else(why, |outcome| SessionState::Closed { outcome }),
            opened: self.opened.cloned(),
            last: self.sealed.map(|entry| entry.ts),
            last_kind: self.sealed.map(|entry| entry.kind.clone()),
            records: self.sealed.map_or(0, |entry| entry.record + 1),
            bytes: 0,
            head: self.sealed.map(|entry| entry.head.clone()).unwrap_or_default(),
        }
    }
}
