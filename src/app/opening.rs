//! Opening a session, and taking one up again: from a bundle to the first record, from a
//! journal back to a session.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use crate::clock::Clock;
use crate::journal::disk::{Disk, RealDisk};
use crate::journal::{Record, Sealer, SessionDir, Writer};
use crate::redact::Redactor;
use crate::runbook::Value;
use crate::runbook::expression::{Escape, Template, Unknown};
use crate::runbook::load::Bundle;
use crate::runbook::model::{ChangeKind, Risk};
use crate::session::event::{
    BundleRecord, ChangeRecord, ClockRecord, Deviation, EnvironmentRecord, Evidence, Mode, Opened, Operator, Origin, Resumed,
    RollsBack, ScenarioRecord, Tool,
};
use crate::session::intent::Starter;
use crate::session::{At, Event, Plan, Session, resolve};

/// Everything about a session that is known before its first record.
pub struct Opening {
    /// What it walks.
    pub plan: Arc<Plan>,
    /// How it acts on the world.
    pub mode: Mode,
    /// Whether someone sits at it.
    pub attended: bool,
    /// Who, from where, with what.
    pub who: Who,
    /// The files, by hash.
    pub bundle: BundleRecord,
    /// Where, as far as it was found out.
    pub environment: EnvironmentRecord,
    /// Values of the inputs.
    pub inputs: BTreeMap<String, Value>,
    /// Names of secret inputs.
    pub secrets: Vec<String>,
    /// Reason of `--emergency`.
    pub emergency: Option<String>,
    /// `--trust`.
    pub trusted_unseen: bool,
    /// Scenario and seed, in rehearsals.
    pub scenario: Option<ScenarioRecord>,
    /// SHA-256 of the policy, where there is one.
    pub policy: Option<String>,
    /// What was decided on the way in.
    pub entered: Entered,
    /// SHA-256 of the list of allowed signers, where there is one.
    pub signers: Option<String>,
    /// SHA-256 of the last line of the ledger.
    pub ledger_head: Option<String>,
    /// What seals it.
    pub sealer: Option<Sealer>,
    /// The finished session it rolls back.
    pub old: Option<Finished>,
}

/// A finished session, as its journal tells it.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What it did.
    pub session: Session,
    /// SHA-256 of the last line of its journal, hex.
    pub head: String,
}

impl Finished {
    /// How the journal of the session that rolls it back names it.
    pub fn named(&self) -> RollsBack {
        RollsBack { session: self.session.id().to_owned(), head: self.head.clone() }
    }
}

/// Who walks, from where, with what.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// The operator.
    pub operator: Operator,
    /// The host and terminal.
    pub origin: Origin,
    /// The program.
    pub tool: Tool,
    /// The wall clock's state.
    pub clock: ClockRecord,
    /// The boot id.
    pub boot_id: Option<String>,
}

impl Opening {
    /// The session as it would be opened: for what has to be judged before it is.
    ///
    /// # Errors
    /// A sentence when it does not fit the runbook.
    pub fn draft(&self, sid: &str, at: At) -> Result<Session, String> {
        let open = |opened: Opened| {
            let event = Event::SessionOpened(Box::new(opened));
            begin(self.plan.clone(), sid, at, &event, self.old.as_ref())
        };
        // The change's own templates see the inputs, so they are worked out in a session
        // that has them.
        let mut opened = self.record();
        let draft = open(opened.clone())?;
        opened.change = change(&draft, at);
        let lock = self.plan.runbook().lock.as_ref();
        opened.lock = lock
            .map(|l| resolve::outside(&draft, at, l, Escape::Plain))
            .transpose()
            .map_err(|Unknown(why)| format!("the name of the lock cannot be worked out: {why}"))?;
        open(opened)
    }

    /// Writes the first records of a session and folds them: that it was opened, and what
    /// was decided on the way in.
    ///
    /// # Errors
    /// A sentence when the journal cannot be begun.
    pub fn open(self, dir: &SessionDir, redactor: Redactor, clock: &mut Clock) -> Result<(Session, Writer), String> {
        self.open_on(Arc::new(RealDisk), dir, redactor, clock)
    }

    /// The same on a given disk.
    ///
    /// # Errors
    /// As [`Opening::open`].
    pub fn open_on(
        mut self,
        disk: Arc<dyn Disk>,
        dir: &SessionDir,
        redactor: Redactor,
        clock: &mut Clock,
    ) -> Result<(Session, Writer), String> {
        clock.restart();
        let at = clock.now();
        let plan = self.plan.clone();
        let sealer = self.sealer.take();
        self.who.operator.key = sealer.as_ref().map(Sealer::key);
        let emergency = self.emergency.clone();
        let mut opened = self.draft(dir.sid(), at)?.opened().clone();
        opened.window.clone_from(&self.entered.window);
        opened.evidence.clone_from(&self.entered.evidence);
        let mut writer = Writer::create_on(disk, dir, redactor).map_err(|e| e.to_string())?;
        if let Some(sealer) = sealer {
            writer.seal_with(sealer);
        }
        let (event, seal) = written(&mut writer, at, &Event::SessionOpened(Box::new(opened)))?;
        let mut session = begin(plan, dir.sid(), at, &event, self.old.as_ref())?;
        fold_seal(&mut session, at, &seal)?;
        if let Some(reason) = emergency {
            note(&mut session, &mut writer, at, &deviation("emergency", reason))?;
        }
        self.entered.record(&mut session, &mut writer, at)?;
        Ok((session, writer))
    }

    fn record(&self) -> Opened {
        let runbook = self.plan.runbook();
        Opened {
            mode: self.mode,
            attended: self.attended,
            operator: self.who.operator.clone(),
            origin: self.who.origin.clone(),
            tool: self.who.tool.clone(),
            bundle: self.bundle.clone(),
            runbook: runbook.id.value.clone(),
            title: runbook.title.clone(),
            change: None,
            environment: self.environment.clone(),
            inputs: self.inputs.clone(),
            secrets: self.secrets.clone(),
            policy: self.policy.clone(),
            signers: self.signers.clone(),
            window: None,
            evidence: Vec::new(),
            lock: None,
            ledger_head: self.ledger_head.clone(),
            clock: self.who.clock.clone(),
            boot_id: self.who.boot_id.clone(),
            rollback: if self.plan.has_rollback_procedure() { "the procedure `rollback`" } else { "undo: all, last first" }
                .to_owned(),
            estimate_ms: runbook.estimate.map(|estimate| u64::try_from(estimate.as_millis()).unwrap_or(u64::MAX)),
            rolls_back: self.old.as_ref().map(Finished::named),
            emergency: self.emergency.clone(),
            trusted_unseen: self.trusted_unseen,
            scenario: self.scenario.clone(),
        }
    }
}

/// Appends an event and gives it back as it was written, with the seal behind it. A seal
/// that is due and cannot be made ends it: nothing has been done yet.
fn written(writer: &mut Writer, at: At, event: &Event) -> Result<(Event, Vec<Record>), String> {
    let appended = writer.append(at, event).map_err(|e| e.to_string())?;
    if let Some(trouble) = appended.trouble {
        return Err(trouble);
    }
    let event = appended.record.event.ok_or_else(|| "the record just written cannot be read".to_owned())?;
    Ok((event, appended.seal))
}

fn fold_seal(session: &mut Session, at: At, seal: &[Record]) -> Result<(), String> {
    seal.iter()
        .filter_map(|record| record.event.as_ref())
        .try_for_each(|event| session.apply(at, event).map_err(|e| e.to_string()))
}

/// What was decided on the way into a session, for its record.
#[derive(Debug, Clone, Default)]
pub struct Entered {
    /// What the window said.
    pub window: Option<String>,
    /// By which sessions of the past what is required is met, and why they count.
    pub evidence: Vec<String>,
    /// What is deviated from: by which rule, and how.
    pub deviations: crate::session::admission::Deviations,
    /// The lock, as it was taken.
    pub lock: Option<Event>,
}

impl Entered {
    /// Writes and folds it.
    ///
    /// # Errors
    /// A sentence when the journal cannot be written.
    pub fn record(self, session: &mut Session, writer: &mut Writer, at: At) -> Result<(), String> {
        let deviations = self.deviations.into_iter().map(|(what, reason)| deviation(what, reason));
        for event in deviations.chain(self.lock) {
            note(session, writer, at, &event)?;
        }
        Ok(())
    }
}

fn deviation(what: &str, reason: String) -> Event {
    Event::DeviationRecorded(Box::new(Deviation {
        what: what.to_owned(),
        path: None,
        reason,
        by: Starter::Session,
        evidence: Evidence::default(),
    }))
}

/// Appends an event and folds it.
fn note(session: &mut Session, writer: &mut Writer, at: At, event: &Event) -> Result<(), String> {
    let (event, seal) = written(writer, at, event)?;
    session.apply(at, &event).map_err(|e| e.to_string())?;
    fold_seal(session, at, &seal)
}

fn change(session: &Session, at: At) -> Option<ChangeRecord> {
    let runbook = session.plan().runbook();
    let change = runbook.change.as_ref()?;
    let text = |template: &Option<Template>| template.as_ref().and_then(|t| resolve::outside(session, at, t, Escape::Plain).ok());
    Some(ChangeRecord {
        kind: match change.kind {
            ChangeKind::Deploy => "deploy",
            ChangeKind::Migration => "migration",
            ChangeKind::Maintenance => "maintenance",
            ChangeKind::Rollback => "rollback",
            ChangeKind::Hotfix => "hotfix",
            ChangeKind::Incident => "incident",
        }
        .to_owned(),
        service: text(&change.service),
        version: text(&change.version),
        ticket: text(&change.ticket),
        reason: text(&change.reason),
        requester: text(&change.requester),
        committed: text(&change.committed),
        risk: runbook.risk.map(|r| {
            match r {
                Risk::Low => "low",
                Risk::Medium => "medium",
                Risk::High => "high",
            }
            .to_owned()
        }),
    })
}

/// Keeps the files of a bundle with the session, as they are run.
///
/// # Errors
/// Those of the disk.
pub fn keep_bundle(dir: &SessionDir, bundle: &Bundle) -> std::io::Result<()> {
    for file in &bundle.files {
        let path = dir.bundle().join(&file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut kept = std::fs::File::create(&path)?;
        kept.write_all(&file.bytes)?;
        kept.sync_all()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // Scripts of the bundle are run from here.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// A session after its first record, with the one it rolls back.
fn begin(plan: Arc<Plan>, sid: &str, at: At, event: &Event, old: Option<&Finished>) -> Result<Session, String> {
    match old {
        Some(old) => Session::open_after(plan, sid, at, event, &old.session),
        None => Session::open(plan, sid, at, event),
    }
    .map_err(|e| e.to_string())
}

/// Folds the records of a journal; `old` is the session it rolls back, where it names one.
///
/// # Errors
/// A sentence that names the record that does not fit.
pub fn fold(plan: Arc<Plan>, records: &[Record], old: Option<&Finished>) -> Result<Session, String> {
    let mut session: Option<Session> = None;
    for record in records {
        let at = At { wall: record.ts, mono_ms: record.mono_ms };
        let event =
            record.event.as_ref().ok_or_else(|| format!("record {} is of the unknown type {}", record.seq, record.kind))?;
        match &mut session {
            None => session = Some(begin(plan.clone(), &record.sid, at, event, old)?),
            Some(session) => session.apply(at, event).map_err(|e| format!("record {}: {e}", record.seq))?,
        }
    }
    session.ok_or_else(|| "the journal is empty".to_owned())
}

/// Records that someone goes on, and folds it.
///
/// # Errors
/// A sentence when the journal cannot be written.
pub fn resume(
    session: &mut Session,
    writer: &mut Writer,
    clock: &mut Clock,
    who: Who,
    attended: bool,
    accept_loss: Option<String>,
    sealer: Sealer,
) -> Result<(), String> {
    clock.restart();
    let at = clock.now();
    let operator = Operator { key: Some(sealer.key()), ..who.operator };
    writer.seal_with(sealer);
    let resumed =
        Resumed { attended, operator, origin: who.origin, tool: who.tool, clock: who.clock, boot_id: who.boot_id, accept_loss };
    let (event, seal) = written(writer, at, &Event::SessionResumed(Box::new(resumed)))?;
    session.apply(at, &event).map_err(|e| e.to_string())?;
    fold_seal(session, at, &seal)
}
