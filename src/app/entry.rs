//! What stands between a runbook and its session: window, freezes, `require`, the lock.
//!
//! Gathers what the pure judgements need (`session::window`, `session::require`,
//! `session::admission`) from the state folder, the cluster and named evidence, and takes
//! the lock. Nothing here has an effect on what the runbook is about. `preflight` asks the
//! same questions and takes nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::coordination::{Claim, Freeze, Freezes, Lock, LockError, Place};
use crate::journal::verify::{Options, Status, Verification, verify};
use crate::journal::{Blobs, Reader, SessionDir};
use crate::ports::{Cluster, HttpCall, HttpPort};
use crate::runbook::model::Require;
use crate::session::admission::{self, Admission, Applicant, Objection};
use crate::session::event::{LockTaken, Mode};
use crate::session::require::{self, PastSession, Wanted};
use crate::session::{Event, Session, window};
use crate::signature::AllowedSigners;
use crate::state::StateDir;

/// How long evidence from an address may take, and how large it may be.
const EVIDENCE_TIME: Duration = Duration::from_secs(20);
const EVIDENCE_SIZE: usize = 64 << 20;

/// What was found out, and what follows from it.
#[derive(Debug)]
pub struct Entry {
    /// Whether it may start.
    pub admission: Admission,
    /// What the window says, for the record.
    pub window: Option<String>,
    /// What could not be looked at, for people.
    pub troubles: Vec<String>,
    /// The freeze in force on the environment.
    pub freeze: Option<Freeze>,
}

/// Where a session stands with others.
#[derive(Debug, Clone)]
pub struct Neighbourhood {
    /// The state folder.
    pub state: StateDir,
    /// The environment's cluster.
    pub cluster: Option<Cluster>,
    /// The door that evidence is fetched through.
    pub http: HttpPort,
    /// Whose sessions count as evidence.
    pub trust: Trust,
}

impl Neighbourhood {
    /// Freezes that can be seen from here.
    pub fn freezes(&self) -> Freezes {
        Freezes::new(self.state.path().join("freezes"), self.cluster.clone())
    }

    /// Where locks are.
    pub fn locks(&self) -> Place {
        Place { folder: self.state.path().join("locks"), cluster: self.cluster.clone() }
    }

    /// Judges whether a session may start or be gone on with. `folder` is that of the
    /// runbook, for evidence named by path; `emergency` the reason of one that the session
    /// itself does not know of yet.
    pub async fn judge(&self, session: &Session, emergency: Option<&str>, now: DateTime<Utc>, folder: &Path) -> Entry {
        let plan = session.plan();
        let mut entry = Entry { admission: Admission::Refused(Vec::new()), window: None, troubles: Vec::new(), freeze: None };
        let mut objections = Vec::new();
        if let Some(environment) = plan.environment() {
            if let Some(rules) = &environment.window {
                let zone = window::zone(rules);
                let state = window::judge(rules, now);
                entry.window = Some(state.words(zone));
                objections.extend(Objection::window(&state, zone));
            }
            // A simulated world has no neighbours.
            if session.mode() != Mode::Rehearsal {
                let (freeze, trouble) = self.freezes().in_force(&environment.name.value).await;
                entry.troubles.extend(trouble);
                objections.extend(freeze.as_ref().map(|f| Objection {
                    rule: "freeze",
                    text: f.to_string(),
                    hint: format!("`pacenote unfreeze {}` lifts it", f.environment),
                }));
                entry.freeze = freeze;
            }
            if let Some(require) = &environment.require {
                let past = self.past(session, require, folder, &mut entry.troubles).await;
                let change = session.opened().change.clone().unwrap_or_default();
                let wanted = Wanted {
                    runbook: &session.opened().runbook,
                    service: change.service.as_deref(),
                    version: change.version.as_deref(),
                    environment: &environment.name.value,
                };
                objections.extend(require::unmet(require, &wanted, &past, now).into_iter().map(Objection::require));
            }
        }
        entry.admission = admission::judge(
            Applicant {
                kind: plan.runbook().change.as_ref().map(|c| c.kind),
                mode: session.mode(),
                emergency: emergency.or(session.emergency()),
                begun: session.has_changed(),
            },
            objections,
        );
        entry
    }

    /// Takes the lock of a session, where its runbook names one.
    ///
    /// # Errors
    /// [`LockError`].
    pub async fn lock(&self, session: &Session, take_over: Option<&str>) -> Result<Option<Lock>, LockError> {
        let Some(name) = &session.opened().lock else { return Ok(None) };
        let operator = session.operator();
        let claim =
            Claim { sid: session.id().to_owned(), holder: format!("{} on {}", operator.principal, session.opened().origin.host) };
        Lock::take(&self.locks(), name, &claim, take_over).await.map(Some)
    }

    /// What would keep a session from its lock now, for people; takes nothing.
    pub async fn lock_notice(&self, session: &Session) -> Option<String> {
        let name = session.opened().lock.as_ref()?;
        match Lock::look(&self.locks(), name).await {
            Ok(None) => None,
            Ok(Some(holding)) => Some(format!("for real the lock `{name}` would be in the way: it is held by {holding}")),
            Err(why) => Some(format!("whether the lock `{name}` is free cannot be seen: {why}")),
        }
    }

    /// Sessions of the past with a good journal: those of the state folder that may count,
    /// and those named as evidence. What is no good is said.
    async fn past(&self, session: &Session, require: &Require, folder: &Path, troubles: &mut Vec<String>) -> Vec<PastSession> {
        let mut past = Vec::new();
        match self.state.session_dirs() {
            Ok(dirs) => {
                for dir in dirs.iter().filter(|d| d.sid() != session.id() && may_count(d, session)) {
                    match evidence(&dir.journal(), Found::Here, &self.trust) {
                        Ok(story) => past.push(story),
                        Err(why) => troubles.push(format!("session {} is no evidence: {why}", dir.sid())),
                    }
                }
            }
            Err(error) => troubles.push(format!("sessions of the past cannot be read: {error}")),
        }
        for place in &require.evidence {
            match named_evidence(&self.http, place, folder, &self.trust).await {
                Ok(story) => past.push(story),
                Err(why) => troubles.push(format!("evidence {place}: {why}")),
            }
        }
        past.sort_by_key(|p| p.last);
        past
    }
}

/// Whether a session of the state folder can be evidence, by its ends alone. Of other
/// runbooks only what was told may count.
fn may_count(dir: &SessionDir, session: &Session) -> bool {
    let summary = crate::journal::summary::summarise(dir);
    summary.opened.is_some_and(|opened| {
        opened.runbook == session.opened().runbook || opened.environment == session.opened().environment.name
    })
}

/// Whose journals count as evidence.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The list of keys; none where there is none.
    pub signers: Option<AllowedSigners>,
    /// Fingerprints of this user's own keys: the self-issued one of the state folder, and
    /// the operator's where there is no list to judge it by.
    pub own: Vec<String>,
    /// The policy wants what verifies, and nothing else.
    pub verified_only: bool,
    /// Keys are judged as of now.
    pub now: DateTime<Utc>,
}

/// Where a journal that is to be evidence was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// In the state folder, which nobody else can write.
    Here,
    /// Where the runbook says.
    Elsewhere,
}

/// Whether nothing is wrong with a journal, whoever sealed it.
///
/// # Errors
/// What is.
pub fn is_intact(found: &Verification) -> Result<(), String> {
    match found.status {
        Status::Verified | Status::Untrusted | Status::IntactUnsealed | Status::IntactOpen => Ok(()),
        _ => Err(found.sentence()),
    }
}

/// Whether a journal is good enough to be evidence: the one place that says so. What
/// verifies always is. In the state folder so is what this user's own key sealed, a
/// rehearsal, and, unless the policy wants more, what is not sealed yet. From elsewhere
/// nothing but what verifies is: anyone could have made it.
///
/// # Errors
/// Why it is not.
pub fn evidence_is_good(found: &Verification, place: Found, trust: &Trust) -> Result<(), String> {
    is_intact(found)?;
    let here = place == Found::Here;
    let rehearsal = found.opened.as_ref().is_some_and(|opened| opened.mode == Mode::Rehearsal);
    let own = found.seal.as_ref().is_some_and(|seal| trust.own.contains(&seal.key));
    match found.status {
        Status::Verified => Ok(()),
        _ if here && rehearsal => Ok(()),
        Status::Untrusted if here && own && !trust.verified_only => Ok(()),
        Status::IntactUnsealed | Status::IntactOpen if here && !trust.verified_only => Ok(()),
        _ if trust.verified_only => Err(format!("{}; the policy counts only what `pacenote verify` gives 0", found.sentence())),
        _ => Err(format!("{}; it counts only if a key that you trust sealed it", found.sentence())),
    }
}

/// The story of a journal, where it is good.
fn evidence(journal: &Path, place: Found, trust: &Trust) -> Result<PastSession, String> {
    let options = Options { signers: trust.signers.as_ref(), now: trust.now, ..Options::default() };
    let report = verify(&[journal.to_path_buf()], options);
    let found = report.journals.first().ok_or("there is no journal")?;
    evidence_is_good(found, place, trust)?;
    let reader = Reader::open_file(journal, Blobs::Heads).map_err(|e| e.to_string())?;
    let mut story: Option<PastSession> = None;
    let mut messages = Vec::new();
    for line in reader {
        let record = line.map_err(|e| e.to_string())?.record;
        match (&mut story, &record.event) {
            (None, Some(Event::SessionOpened(opened))) => {
                story = Some(PastSession::begin(&record.sid, opened, record.ts));
            }
            (Some(story), Some(event)) => story.follow(record.ts, event, &mut messages),
            _ => {}
        }
    }
    story.ok_or_else(|| "it does not begin with `session.opened`".to_owned())
}

/// Evidence by path (of a journal or of its session's folder) or by address.
async fn named_evidence(http: &HttpPort, place: &str, folder: &Path, trust: &Trust) -> Result<PastSession, String> {
    if !place.contains("://") {
        let path = folder.join(place);
        let journal = if path.is_dir() { path.join("journal.jsonl") } else { path };
        return evidence(&journal, Found::Elsewhere, trust);
    }
    let call = HttpCall {
        method: "GET".to_owned(),
        url: place.to_owned(),
        headers: Vec::new(),
        carries_secret: false,
        body: None,
        timeout: EVIDENCE_TIME,
        limit: EVIDENCE_SIZE,
    };
    let answer = http.send(call).await.map_err(|e| e.to_string())?;
    if answer.status != 200 {
        return Err(format!("it answered {}", answer.status));
    }
    let kept = Kept::new(&answer.body)?;
    evidence(&kept.path, Found::Elsewhere, trust).map_err(|why| format!("{why} (outputs kept beside a journal are not fetched)"))
}

/// A journal that was fetched, as a file for as long as it is read.
struct Kept {
    path: PathBuf,
}

impl Kept {
    fn new(bytes: &[u8]) -> Result<Self, String> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = std::env::temp_dir().join(format!("pacenote-evidence-{}-{:08x}", std::process::id(), fastrand::u32(..)));
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut f| f.write_all(bytes)).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The record of a lock that was taken.
pub fn lock_event(lock: &Lock, reason: Option<&str>) -> Event {
    match &lock.from {
        None => Event::LockTaken(LockTaken { lock: lock.name.clone(), from: None, reason: None }),
        Some(holding) => Event::LockTakenOver(LockTaken {
            lock: lock.name.clone(),
            from: Some(holding.to_string()),
            reason: reason.map(str::to_owned),
        }),
    }
}
