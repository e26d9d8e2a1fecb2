//! `pacenote rollback`: rolls a finished session back.
//!
//! A closed journal is never written to again, so the rollback is a session of its own:
//! of the bundle kept with the old one, with its inputs, and folded on top of it
//! ([`Session::open_after`]). *Guarantee:* what will be undone is said, and agreed to,
//! before anything is done; a session is rolled back once; another cluster than that of
//! the old session is refused. Like any rollback it needs no approval, and neither
//! windows nor freezes hold it up; the lock is taken.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;

use super::args::RollbackArgs;
use super::walk::{self, Live, Watched};
use super::{Basis, demands, explain_state, facts};
use crate::app::entry::{self, Neighbourhood};
use crate::app::opening::{self, Finished, Opening};
use crate::app::{self, anchors::Told};
use crate::clock::Clock;
use crate::error::{Exit, Problem};
use crate::journal::verify::Options;
use crate::journal::{Blobs, Hold, Reader, Record, SessionDir, SessionState, SessionSummary, summary, verify};
use crate::ports::Cluster;
use crate::redact::{Keep, Redactor, strip_controls};
use crate::runbook::load::Bundle;
use crate::secrets::{Accepted, Secrets};
use crate::session::event::{EnvironmentRecord, Mode, Opened, SessionOutcome};
use crate::session::{Event, Plan, Session};
use crate::state::StateDir;
use crate::state::ledger::Ledger;

/// A rollback of a rollback of a rollback: further than this nobody goes.
const DEEPEST: usize = 16;

/// `rollback`.
pub(super) fn run(basis: &Basis, arguments: &RollbackArgs) -> Result<Exit, Problem> {
    let state = basis.state()?;
    let dir = state.session(&arguments.session).map_err(|e| explain_state(&e))?;
    closed_for_real(&summary::summarise(&dir))?;
    // Two of these at once would undo everything twice.
    let _turn = Hold::of(&dir).map_err(|e| Problem::cannot_start(e).hint("somebody is rolling it back right now"))?;
    let sessions = state.sessions().map_err(|e| explain_state(&e))?;
    not_rolled_back_yet(dir.sid(), &sessions)?;
    let (old, bundle, plan) = finished(&state, &dir, DEEPEST)?;
    let unattended = walk::unattended(&arguments.walk)?;
    if unattended.is_some() {
        let protected = plan.environment().is_some_and(|e| e.protected);
        demands::unattended(basis, true, protected)?;
    }
    let accepted = walk::accept(basis, &state, &bundle, arguments.trust, &arguments.walk)?;
    agree(&announcement(&preview(&old, &plan)?, &later_sessions(&old.session, &sessions))?, unattended.is_some())?;
    let (new, mut clock) = walk::new_session(&state, &bundle)?;
    let runtime = walk::runtime()?;
    let exit = runtime.block_on(async {
        let redactor = Redactor::new();
        let secrets = Secrets::new(&accepted, new.bundle(), redactor.clone());
        let (records, _) = intact(&dir).map_err(|why| Problem::cannot_start(why).at(dir.journal().display()))?;
        walk::ask_again(&bundle, records.iter().filter_map(|r| r.event.as_ref()), &secrets, unattended.is_none())?;
        let cluster = walk::connect(basis, &plan, new.sid(), unattended.is_none()).await?;
        let environment = demands::environment(basis, &plan, cluster.as_ref());
        demands::unattended(basis, unattended.is_some(), environment.protected)?;
        same_place(&old.session.opened().environment, &environment)?;
        let (mut opening, told) = opening(basis, &state, &old, &plan, environment, &accepted, unattended.is_none())?;
        let draft = opening.draft(new.sid(), clock.now()).map_err(Problem::cannot_start)?;
        let watched = enter(basis, &state, cluster.as_ref(), &draft, arguments.take_over.as_deref()).await?;
        opening.entered.lock = watched.lock.as_ref().map(|l| entry::lock_event(l, arguments.take_over.as_deref()));
        let (session, writer) = opening.open(&new, redactor.clone(), &mut clock).map_err(Problem::cannot_start)?;
        let secrets = app::cluster_secrets::from_cluster(secrets, cluster.as_ref());
        walk::declare_secrets(&bundle, &secrets);
        let (secrets, anchors) = (Arc::new(secrets), told);
        Live { basis, session, writer, clock, redactor, dir: &new, cluster, secrets, watched, anchors }
            .walk(&arguments.walk, unattended)
            .await
    })?;
    runtime.shutdown_background();
    Ok(exit)
}

/// The session that a session says it rolls back, where it says so.
///
/// # Errors
/// When that one cannot be read, or is not as it was.
pub(super) fn named_by(state: &StateDir, opened: &Opened) -> Result<Option<Finished>, Problem> {
    older(state, opened, DEEPEST)
}

fn older(state: &StateDir, opened: &Opened, depth: usize) -> Result<Option<Finished>, Problem> {
    let Some(named) = &opened.rolls_back else { return Ok(None) };
    let dir = state.session(&named.session).map_err(|e| explain_state(&e))?;
    let (old, _, _) = finished(state, &dir, depth)?;
    if old.named() != *named {
        return Err(Problem::cannot_start(format!("the journal of {} is not the one that was rolled back", named.session))
            .at(dir.journal().display())
            .hint(format!("put the journal back whose head is {}", named.head)));
    }
    Ok(Some(old))
}

/// A finished session, with the bundle it was walked by.
fn finished(state: &StateDir, dir: &SessionDir, depth: usize) -> Result<(Finished, Bundle, Arc<Plan>), Problem> {
    let at = |problem: Problem| problem.at(dir.journal().display()).hint("`pacenote verify` says more about the journal");
    let depth = depth.checked_sub(1).ok_or_else(|| at(Problem::cannot_start("too many sessions roll one another back")))?;
    let (records, head) = intact(dir).map_err(|why| at(Problem::cannot_start(format!("the journal is no good: {why}"))))?;
    let Some(Event::SessionOpened(opened)) = records.first().and_then(|r| r.event.as_ref()) else {
        return Err(at(Problem::cannot_start("the journal does not begin with `session.opened`")));
    };
    let bundle = walk::kept_bundle(dir, opened.bundle.files.first().map(|(path, _)| path.as_str()), &opened.bundle.sha256)?;
    let name = Some(opened.environment.name.as_str()).filter(|n| !n.is_empty());
    let plan = Arc::new(walk::plan_of(&bundle, name)?);
    let older = older(state, opened, depth)?;
    let session = opening::fold(plan.clone(), &records, older.as_ref())
        .map_err(|why| at(Problem::cannot_start(format!("the journal does not fit the runbook it was written with: {why}"))))?;
    Ok((Finished { session, head }, bundle, plan))
}

/// The records of a journal nothing is wrong with, and its head.
fn intact(dir: &SessionDir) -> Result<(Vec<Record>, String), String> {
    let report = verify(&[dir.journal()], Options::default());
    entry::is_intact(report.journals.first().ok_or("there is none")?)?;
    let mut reader = Reader::open(dir, Blobs::Resolve).map_err(|e| e.to_string())?;
    let records = reader.by_ref().map(|line| line.map(|l| l.record)).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    Ok((records, reader.head()))
}

/// Only what really happened, and is over, can be rolled back like this.
fn closed_for_real(found: &SessionSummary) -> Result<(), Problem> {
    let sid = &found.sid;
    let mode = found.opened.as_ref().map(|o| o.mode);
    let refused = |what: &str, hint: String| Err(Problem::cannot_start(format!("session {sid} {what}")).hint(hint));
    match (&found.state, mode) {
        (_, Some(Mode::Rehearsal)) => refused(
            "was a rehearsal: its world ended with it, and there is nothing to undo",
            "rehearse the rollback itself".into(),
        ),
        (_, Some(Mode::DryRun)) => refused(
            "was a dry run: it changed nothing, and there is nothing to undo",
            "name the session that was for real".into(),
        ),
        (SessionState::Closed { outcome: SessionOutcome::RolledBack }, _) => {
            refused("was rolled back already", format!("`pacenote show {sid}` says how"))
        }
        (SessionState::Closed { .. }, _) => Ok(()),
        (SessionState::Running { holder }, _) => {
            refused(&format!("is still open: {holder} is at it"), "press R there to roll it back".into())
        }
        (SessionState::Unfinished, _) => {
            refused("is still open", format!("go on with it and press R to roll it back: pacenote resume {sid}"))
        }
        (SessionState::Empty, _) => refused("recorded nothing, so nothing of it was done", "there is nothing to undo".into()),
        (SessionState::Unreadable { why }, _) => {
            refused(&format!("cannot be read: {why}"), format!("`pacenote verify {sid}` says more about the journal"))
        }
    }
}

/// Whether another session rolls this one back already, or has.
fn not_rolled_back_yet(sid: &str, sessions: &[SessionSummary]) -> Result<(), Problem> {
    let by = sessions.iter().rev().find(|s| s.opened.as_ref().is_some_and(|o| o.rolls_back.as_deref() == Some(sid)));
    let Some(by) = by else { return Ok(()) };
    let (what, hint) = match &by.state {
        SessionState::Closed { outcome: SessionOutcome::RolledBack } => {
            (format!("was rolled back already, by session {}", by.sid), format!("`pacenote show {}` says how", by.sid))
        }
        SessionState::Closed { outcome } => (
            format!("was to be rolled back by session {}, which ended {}", by.sid, outcome.as_str()),
            format!("go on from where that one ended: pacenote rollback {}", by.sid),
        ),
        _ => (format!("is being rolled back by session {}", by.sid), format!("go on with that one: pacenote resume {}", by.sid)),
    };
    Err(Problem::cannot_start(format!("session {sid} {what}")).hint(hint))
}

/// Live sessions after this one that may have changed the same things.
fn later_sessions(old: &Session, sessions: &[SessionSummary]) -> Vec<String> {
    let own = old.opened();
    let service = own.change.as_ref().and_then(|c| c.service.as_ref());
    let later = sessions.iter().filter(|s| s.sid.as_str() > old.id()).filter_map(|s| Some((s, s.opened.as_ref()?)));
    let same = later.filter(|(_, o)| {
        o.mode == Mode::Live
            && o.environment == own.environment.name
            && (o.runbook == own.runbook || (service.is_some() && o.service.as_ref() == service))
    });
    same.map(|(s, o)| format!("{} ({})", s.sid, o.title)).collect()
}

/// The rollback goes to where the change was made, or nowhere.
fn same_place(then: &EnvironmentRecord, now: &EnvironmentRecord) -> Result<(), Problem> {
    let differs = [
        ("the cluster's CA", &then.ca_fingerprint, &now.ca_fingerprint),
        ("the cluster's address", &then.server, &now.server),
        ("the namespace", &then.namespace, &now.namespace),
    ];
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    let found = differs.iter().find(|(_, then, now)| then != now);
    found.map_or(Ok(()), |(what, then, now)| {
        Err(Problem::cannot_start(format!(
            "this is not where the session was: {what} was {}, and is {}",
            known(then),
            known(now)
        ))
        .hint("make the kubeconfig's context point to that cluster again; elsewhere nothing of it can be undone"))
    })
}

/// Everything the new session starts with.
fn opening(
    basis: &Basis,
    state: &StateDir,
    old: &Finished,
    plan: &Arc<Plan>,
    environment: EnvironmentRecord,
    accepted: &Accepted,
    attended: bool,
) -> Result<(Opening, Option<Told>), Problem> {
    let who = walk::who(basis, state, state.path());
    let (sealer, told) = walk::sealer(basis, state, &who, false)?;
    let was = old.session.opened();
    let opening = Opening {
        plan: plan.clone(),
        mode: Mode::Live,
        attended,
        who,
        bundle: was.bundle.clone(),
        environment,
        inputs: old.session.inputs().clone(),
        secrets: was.secrets.clone(),
        emergency: None,
        trusted_unseen: accepted.trusted_unseen(),
        scenario: None,
        policy: basis.policy.sha256.clone(),
        entered: opening::Entered::default(),
        signers: facts::hash_of(basis.signers_file()),
        ledger_head: Ledger::of(state).head().map_err(|e| walk::unusable_ledger(&e))?,
        sealer: Some(sealer),
        old: Some(old.clone()),
    };
    Ok((opening, told))
}

/// The new session as far as it can be known before there is one.
fn preview(old: &Finished, plan: &Arc<Plan>) -> Result<Session, Problem> {
    let opened = Opened { rolls_back: Some(old.named()), ..old.session.opened().clone() };
    let event = Event::SessionOpened(Box::new(opened));
    Session::open_after(plan.clone(), "preview", Clock::real().now(), &event, &old.session).map_err(Problem::cannot_start)
}

/// Says what will be done, and has the operator agree: it then starts by itself.
fn agree(announcement: &[String], unattended: bool) -> Result<(), Problem> {
    let lost = |e: io::Error| Problem::cannot_start(format!("the question could not be asked: {e}"));
    let mut out = io::stdout();
    for line in announcement {
        writeln!(out, "{}", strip_controls(line, Keep::NOTHING)).map_err(lost)?;
    }
    if unattended {
        return Ok(());
    }
    write!(out, "Roll back now? [y/N] ").map_err(lost)?;
    out.flush().map_err(lost)?;
    let mut answer = String::new();
    io::Read::take(io::stdin().lock(), 4096).read_line(&mut answer).map_err(lost)?;
    if !io::stdin().is_terminal() {
        writeln!(out).map_err(lost)?;
    }
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Problem::cannot_start("nothing was rolled back: nobody agreed to it").hint("start it again and answer `y`"))
}

/// What a rollback of a finished session is about to do, one line each.
///
/// # Errors
/// When there is nothing to do.
fn announcement(draft: &Session, later: &[String]) -> Result<Vec<String>, Problem> {
    let old = draft.opened().rolls_back.as_ref().map(|r| r.session.clone()).unwrap_or_default();
    let undo = draft.if_stopped();
    let procedure = draft.plan().procedure("", "rollback");
    if procedure.is_none() && undo.iter().all(|item| item.idle) {
        return Err(Problem::cannot_start(format!("session {old} did nothing that is to be undone"))
            .hint(format!("`pacenote show {old}` prints what it did")));
    }
    let place = &draft.opened().environment.name;
    let place = if place.is_empty() { String::new() } else { format!(" on {place}") };
    let mut lines = vec![format!("This rolls session {old} back{place}: {}.", draft.opened().title)];
    if let Some(procedure) = procedure {
        lines.push("It runs the procedure `rollback`:".to_owned());
        lines.extend(procedure.steps.iter().map(|step| format!("  - {}", step.title.source())));
    }
    lines.push("What that session did and is not undone yet, last first:".to_owned());
    lines.extend(undo.iter().map(|item| format!("  - {}", item.text)));
    if undo.is_empty() {
        lines.push("  (nothing that is known)".to_owned());
    }
    if draft.is_past_return() {
        lines.push("It went past a point of no return: what came after it may be lost.".to_owned());
    }
    if !later.is_empty() {
        lines.push(format!("CAUTION: later sessions may have changed the same, and would be undone too: {}.", later.join(", ")));
    }
    Ok(lines)
}

/// Takes the lock. Nothing else keeps a rollback from starting.
async fn enter(
    basis: &Basis,
    state: &StateDir,
    cluster: Option<&Cluster>,
    draft: &Session,
    take_over: Option<&str>,
) -> Result<Watched, Problem> {
    let neighbours = Neighbourhood {
        state: state.clone(),
        cluster: cluster.cloned(),
        http: demands::door(basis),
        trust: entry::Trust::default(),
    };
    let lock = neighbours.lock(draft, take_over).await.map_err(|error| walk::locked(&error, &neighbours.state))?;
    let environment = draft.plan().environment().map(|e| e.name.value.clone());
    let freezes = environment.map(|environment| (neighbours.freezes(), environment));
    let signers = super::verify::signers(basis, None)?;
    Ok(Watched { notices: Vec::new(), lock, freezes, freeze: None, preflight: Vec::new(), signers })
}
