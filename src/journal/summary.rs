//! What a list says about a session: read from the first and the last records only.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::disk::open_for_reading;
use super::folder::{Holder, SessionDir};
use super::format::{MAX_LINE, hex, sha256};
use super::{content, scan};
use crate::session::Event;
use crate::session::event::{Mode, Opened, SessionOutcome};
use crate::session::figures::clip;

/// One session in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionSummary {
    /// Session id.
    pub sid: String,
    /// Where it stands.
    pub state: SessionState,
    /// What `session.opened` says; absent where nothing was recorded or it cannot be
    /// read.
    pub opened: Option<OpenedSummary>,
    /// When the last record was written.
    #[serde(serialize_with = "stamp")]
    pub last: Option<DateTime<Utc>>,
    /// Type of the last record.
    pub last_kind: Option<String>,
    /// How many records there are, by the last one's number.
    pub records: u64,
    /// Length of the journal in bytes.
    pub bytes: u64,
    /// SHA-256 of the last whole line, hexadecimal; empty where there is none.
    pub head: String,
}

/// What a list says of `session.opened`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenedSummary {
    /// Id of the runbook.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// SHA-256 of the bundle.
    pub bundle: String,
    /// Name of the environment, empty where there is none.
    pub environment: String,
    /// Who opened it.
    pub operator: String,
    /// On which host.
    pub host: String,
    /// How it acts on the world.
    pub mode: Mode,
    /// Service, version and ticket of the change, where given.
    pub service: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Ticket.
    pub ticket: Option<String>,
    /// Kind of the change: `deploy`, `migration`, ...
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// The scenario of a rehearsal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scenario: Option<String>,
    /// Whether it was opened as an emergency.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub emergency: bool,
    /// How long the runbook says that it takes, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub estimate_ms: Option<u64>,
    /// When the change was committed, where the runbook says so and it is a time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub committed: Option<DateTime<Utc>>,
    /// The finished session it rolls back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rolls_back: Option<String>,
    /// When it was opened.
    #[serde(with = "crate::session::time::stamp")]
    pub at: DateTime<Utc>,
}

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SessionState {
    /// Closed.
    Closed {
        /// How it ended.
        outcome: SessionOutcome,
    },
    /// Open, and a process is at it.
    Running {
        /// Which.
        holder: Holder,
    },
    /// Open, and nobody is at it: it can be resumed.
    Unfinished,
    /// Nothing was recorded: nothing was done.
    Empty,
    /// Its first or last record cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
}

impl SessionState {
    /// Whether it can be resumed now, as far as the list knows.
    pub fn is_unfinished(&self) -> bool {
        matches!(self, Self::Unfinished)
    }
}

/// Summarises a session without reading all of its journal; `verify` does that.
pub fn summarise(dir: &SessionDir) -> SessionSummary {
    let mut summary = SessionSummary {
        sid: dir.sid().to_owned(),
        state: SessionState::Empty,
        opened: None,
        last: None,
        last_kind: None,
        records: 0,
        bytes: 0,
        head: String::new(),
    };
    let ends = match ends(dir) {
        Ok(Some(ends)) => ends,
        Ok(None) => return summary,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return summary,
        Err(e) => {
            summary.state = SessionState::Unreadable { why: e.to_string() };
            return summary;
        }
    };
    summary.bytes = ends.bytes;
    summary.state = match fill(&mut summary, &ends) {
        Err(why) => SessionState::Unreadable { why },
        Ok(Some(outcome)) => SessionState::Closed { outcome },
        Ok(None) => match Holder::of(dir) {
            Some(holder) => SessionState::Running { holder },
            None => SessionState::Unfinished,
        },
    };
    summary
}

/// Who had a session in hand, in order: who opened it and whoever resumed it. Reads all of
/// the journal, as far as its lines can be read.
///
/// # Errors
/// When it cannot be read.
pub fn operators(dir: &SessionDir) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for line in BufReader::new(open_for_reading(&dir.journal())?).split(b'\n') {
        let line = line?;
        let Ok(scanned) = scan::scan(&line) else { break };
        if !matches!(scanned.kind, "session.opened" | "session.resumed") {
            continue;
        }
        let event = content::event(&line, &scanned, &mut content::heads).ok();
        found.extend(event.as_ref().and_then(Event::operator).map(|operator| operator.principal.clone()));
    }
    Ok(found)
}

/// The first and the last lines of a journal.
struct Ends {
    first: Vec<u8>,
    /// The last whole lines, newest first; three, as two records of a seal may follow
    /// the close.
    last: Vec<Vec<u8>>,
    bytes: u64,
}

fn ends(dir: &SessionDir) -> io::Result<Option<Ends>> {
    let mut file = open_for_reading(&dir.journal())?;
    let bytes = file.metadata()?.len();
    let mut start = Vec::new();
    (&mut file).take(MAX_LINE as u64).read_to_end(&mut start)?;
    let Some(first) = start.split_inclusive(|&b| b == b'\n').next().and_then(|line| line.strip_suffix(b"\n")) else {
        return Ok(None);
    };
    let first = first.to_vec();
    // Room for a torn tail and three lines of any length.
    file.seek(SeekFrom::Start(bytes.saturating_sub(4 * MAX_LINE as u64)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|&b| b == b'\n').unwrap_or(0);
    let lines = tail.get(..whole).unwrap_or_default().rsplit(|&b| b == b'\n');
    Ok(Some(Ends { first, last: lines.take(3).map(<[u8]>::to_vec).collect(), bytes }))
}

/// Fills in what the lines say; the outcome if the session is closed.
fn fill(summary: &mut SessionSummary, ends: &Ends) -> Result<Option<SessionOutcome>, String> {
    let first = scan::scan(&ends.first).map_err(|flaw| flaw.to_string())?;
    // The beginnings of long texts are enough for a list.
    if let Ok(Event::SessionOpened(opened)) = content::event(&ends.first, &first, &mut content::heads) {
        summary.opened = Some(opened_summary(&opened, time(first.ts)));
    }
    let Some(line) = ends.last.first() else { return Ok(None) };
    let last = scan::scan(line).map_err(|flaw| format!("the last record: {flaw}"))?;
    summary.last = Some(time(last.ts));
    summary.last_kind = Some(last.kind.to_owned());
    summary.records = last.seq + 1;
    summary.head = hex(&sha256(&[line.as_slice(), b"\n"].concat()));
    let outcome = |line: &Vec<u8>| match content::event(line, &scan::scan(line).ok()?, &mut content::heads) {
        Ok(Event::SessionClosed(closed)) => Some(closed.outcome),
        _ => None,
    };
    Ok(ends.last.iter().find_map(outcome))
}

/// What `session.opened` says, for lists.
pub fn opened_summary(opened: &Opened, at: DateTime<Utc>) -> OpenedSummary {
    let change = opened.change.clone().unwrap_or_default();
    OpenedSummary {
        runbook: opened.runbook.clone(),
        title: opened.title.clone(),
        bundle: opened.bundle.sha256.clone(),
        environment: opened.environment.name.clone(),
        operator: opened.operator.principal.clone(),
        host: opened.origin.host.clone(),
        mode: opened.mode,
        service: change.service,
        version: change.version,
        ticket: change.ticket,
        kind: opened.change.as_ref().map(|change| change.kind.clone()).filter(|kind| !kind.is_empty()),
        scenario: opened.scenario.as_ref().map(|scenario| scenario.name.clone()),
        emergency: opened.emergency.is_some(),
        estimate_ms: opened.estimate_ms,
        committed: change.committed.as_deref().and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|time| time.to_utc()),
        rolls_back: opened.rolls_back.as_ref().map(|old| old.session.clone()),
        at,
    }
}

impl OpenedSummary {
    /// The same with every text cut to what a line of the ledger takes.
    #[must_use]
    pub fn clipped(&self) -> Self {
        let some = |text: &Option<String>| text.as_deref().map(clip);
        Self {
            runbook: clip(&self.runbook),
            title: clip(&self.title),
            bundle: clip(&self.bundle),
            environment: clip(&self.environment),
            operator: clip(&self.operator),
            host: clip(&self.host),
            service: some(&self.service),
            version: some(&self.version),
            ticket: some(&self.ticket),
            kind: some(&self.kind),
            scenario: some(&self.scenario),
            rolls_back: some(&self.rolls_back),
            ..*self
        }
    }
}

fn time(stamp: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(stamp).unwrap_or_default().to_utc()
}

fn stamp<S: serde::Serializer>(time: &Option<DateTime<Utc>>, s: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => s.serialize_some(&crate::session::time::rfc3339(*time)),
        None => s.serialize_none(),
    }
}
