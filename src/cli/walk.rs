//! `run`, `rehearse` and `resume`: from arguments to a walk, and from its end to an exit
//! code.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::args::{RehearseArgs, ResumeArgs, RunArgs, WalkArgs};
pub(super) use super::facts::folder_of;
use super::modal::Look;
use super::{Basis, acceptance, answers, check, demands, explain_state, facts, modal, preflight, rollback};
use crate::app::anchors::Told;
use crate::app::answering::Answering;
use crate::app::doors::{Doors, Frame};
use crate::app::entry::{self, Neighbourhood};
use crate::app::opening::{self, Opening, Who};
use crate::app::preflight::Around;
use crate::app::unattended::Unattended;
use crate::app::{self, Approvals, Ended, Walk, headless, lines, screen, sealing};
use crate::clock::Clock;
use crate::coordination::LockError;
use crate::error::{Exit, Problem};
use crate::journal::summary::summarise;
use crate::journal::{SessionDir, SessionState, Writer};
use crate::ports::{self, Cluster, ConnectOptions, HttpPort, KubeTarget};
use crate::redact::Redactor;
use crate::runbook::load::{self, Bundle};
use crate::secrets::{Accepted, Secrets};
use crate::session::event::{BundleRecord, Mode, SessionOutcome};
use crate::session::view::after_leaving;
use crate::session::{Plan, Session};
use crate::state::ledger::Ledger;
use crate::state::marks::{Marks, Notes};
use crate::state::{self, StateDir};
use crate::terminal::TerminalGuard;
use crate::terminal::capabilities::Capabilities;
use crate::world::World;

mod beforehand;
mod hidden;
mod inputs;
mod live;

pub(super) use hidden::ask_again;
use inputs::ask_inputs;
pub(super) use inputs::declare_secrets;
pub(super) use live::{Live, Watched};

/// What is done between the last question before a session and its first screen.
const ENTERING: &str = "Judging change windows and freezes, and taking the lock";

/// `run`.
pub(super) fn run(basis: &Basis, arguments: &RunArgs) -> Result<Exit, Problem> {
    let mode = if arguments.dry_run { Mode::DryRun } else { Mode::Live };
    let bundle = loaded(&arguments.file)?;
    let plan = plan_of(&bundle, arguments.start.env.as_deref())?;
    let protected = plan.environment().is_some_and(|e| e.protected);
    let unattended = unattended(&arguments.walk)?;
    demands::unattended(basis, unattended.is_some(), protected)?;
    let state = basis.state()?;
    let given = unattended.as_ref().map(|(a, _)| a.inputs.clone()).unwrap_or_default();
    inputs::all_right(&crate::inputs::gather(&bundle.root.inputs, &arguments.start.inputs, &given))?;
    let accepted = accept(basis, &state, &bundle, arguments.trust, &arguments.walk)?;
    let redactor = Redactor::new();
    let folder = folder_of(&arguments.file);
    let secrets = Secrets::new(&accepted, folder.clone(), redactor.clone());
    let (inputs, named) = ask_inputs(basis, &bundle, arguments, &given, unattended.is_none(), &secrets)?;
    let runtime = runtime()?;
    let (dir, sid_clock) = new_session(&state, &bundle)?;
    let exit = runtime.block_on(async {
        let mut clock = sid_clock;
        let cluster = connect(basis, &plan, dir.sid(), unattended.is_none()).await?;
        let environment = demands::environment(basis, &plan, cluster.as_ref());
        demands::unattended(basis, unattended.is_some(), environment.protected)?;
        let secrets = app::cluster_secrets::from_cluster(secrets, cluster.as_ref());
        let who = who(basis, &state, Path::new(&arguments.file));
        let (sealer, told) = sealer(basis, &state, &who, false)?;
        let commit = facts::commit(&folder);
        let record = BundleRecord { commit: commit.commit, dirty: commit.dirty, ..app::bundle_record(&bundle) };
        let mut opening = Opening {
            environment,
            mode,
            attended: unattended.is_none(),
            who,
            bundle: record,
            inputs,
            secrets: named,
            emergency: arguments.emergency.clone(),
            trusted_unseen: accepted.trusted_unseen(),
            scenario: None,
            policy: basis.policy.sha256.clone(),
            entered: opening::Entered::default(),
            signers: facts::hash_of(basis.signers_file()),
            ledger_head: Ledger::of(&state).head().map_err(|e| unusable_ledger(&e))?,
            sealer: Some(sealer),
            old: None,
            plan: Arc::new(plan),
        };
        let draft = opening.draft(dir.sid(), clock.now()).map_err(Problem::cannot_start)?;
        let trust = demands::trust(basis, state.path(), clock.now().wall)?;
        let neighbours = Neighbourhood { state: state.clone(), cluster: cluster.clone(), http: demands::door(basis), trust };
        let around = Around {
            draft: &draft,
            clock,
            cluster: Ok(cluster.as_ref()),
            http: demands::door(basis),
            neighbours: &neighbours,
            folder: &folder,
            headers: preflight::headers(&draft, &secrets, clock.now()).await,
        };
        let face = beforehand_face(basis, &arguments.walk, unattended.is_some());
        let passed = if mode == Mode::Live { Some(beforehand::ask(&around, face, &redactor).await?) } else { None };
        let entering = enter(&neighbours, &draft, clock.now(), &folder, None, arguments.take_over.as_deref());
        let (entered, mut watched) = match beforehand_face(basis, &arguments.walk, unattended.is_some()) {
            beforehand::Face::Screen(look) => modal::waiting("pacenote", ENTERING, &look, entering).await?,
            beforehand::Face::Lines | beforehand::Face::Nobody => entering.await?,
        };
        opening.entered = entered;
        if let Some(passed) = passed {
            opening.entered.deviations.extend(passed.deviations);
            watched.preflight = passed.rows;
        }
        let (session, writer) = opening.open(&dir, redactor.clone(), &mut clock).map_err(Problem::cannot_start)?;
        let (secrets, anchors) = (Arc::new(secrets), told);
        Live { basis, session, writer, clock, redactor, dir: &dir, cluster, secrets, watched, anchors }
            .walk(&arguments.walk, unattended)
            .await
    });
    runtime.shutdown_background();
    exit.inspect_err(|_| leave_nothing_behind(&dir))
}

/// `resume`.
pub(super) fn resume(basis: &Basis, arguments: &ResumeArgs) -> Result<Exit, Problem> {
    let state = basis.state()?;
    let found = match &arguments.session {
        Some(given) => state.session(given),
        None => state.only_unfinished(),
    };
    let dir = found.map_err(|e| explain_state(&e))?;
    behind_its_mark(&state, &dir, arguments.accept_loss.is_some())?;
    let unattended = unattended(&arguments.walk)?;
    let runtime = runtime()?;
    let exit = runtime.block_on(async {
        let mut clock = Clock::real();
        let redactor = Redactor::new();
        let resumption = Writer::resume(&dir, redactor.clone(), clock.now()).map_err(|e| {
            Problem::cannot_start(e)
                .at(dir.journal().display())
                .hint("`pacenote verify` says more about the journal; `pacenote show` prints it")
        })?;
        let first = resumption.records.first().and_then(|r| r.event.as_ref());
        let Some(crate::session::Event::SessionOpened(opened)) = first else {
            return Err(Problem::cannot_start("the journal does not begin with `session.opened`").at(dir.journal().display()));
        };
        if opened.mode == Mode::Rehearsal {
            return Err(Problem::cannot_start("a rehearsal cannot be resumed: its world ended with it")
                .hint(format!("begin a new one: pacenote rehearse {}", opened.runbook)));
        }
        let bundle = kept_bundle(&dir, opened.bundle.files.first().map(|(path, _)| path.as_str()), &opened.bundle.sha256)?;
        let name = Some(opened.environment.name.as_str()).filter(|n| !n.is_empty());
        let plan = Arc::new(plan_of(&bundle, name)?);
        let accepted = Accepted::again(opened);
        let old = rollback::named_by(&state, opened)?;
        let mut session = opening::fold(plan.clone(), &resumption.records, old.as_ref()).map_err(|why| {
            Problem::cannot_start(format!("the journal does not fit the runbook it was written with: {why}"))
                .at(dir.journal().display())
        })?;
        let secrets = Secrets::new(&accepted, dir.bundle(), redactor.clone());
        let events = resumption.records.iter().filter_map(|record| record.event.as_ref());
        ask_again(&bundle, events, &secrets, unattended.is_none())?;
        let mut writer = resumption.writer;
        let cluster = connect(basis, &plan, dir.sid(), unattended.is_none()).await?;
        let protected = opened.environment.protected || demands::environment(basis, &plan, cluster.as_ref()).protected;
        demands::unattended(basis, unattended.is_some(), protected)?;
        let trust = demands::trust(basis, state.path(), clock.now().wall)?;
        let neighbours = Neighbourhood { state: state.clone(), cluster: cluster.clone(), http: demands::door(basis), trust };
        let (emergency, take_over) = (arguments.emergency.as_deref(), arguments.take_over.as_deref());
        let (mut entered, watched) = enter(&neighbours, &session, clock.now(), &dir.bundle(), emergency, take_over).await?;
        entered.deviations.extend(emergency.map(|reason| ("emergency", reason.to_owned())));
        let who = who(basis, &state, dir.path());
        let (sealer, told) = sealer(basis, &state, &who, true)?;
        let accept_loss = arguments.accept_loss.clone();
        opening::resume(&mut session, &mut writer, &mut clock, who, unattended.is_none(), accept_loss, sealer)
            .map_err(Problem::cannot_start)?;
        entered.record(&mut session, &mut writer, clock.now()).map_err(Problem::cannot_start)?;
        let secrets = app::cluster_secrets::from_cluster(secrets, cluster.as_ref());
        declare_secrets(&bundle, &secrets);
        let (secrets, anchors) = (Arc::new(secrets), told);
        Live { basis, session, writer, clock, redactor, dir: &dir, cluster, secrets, watched, anchors }
            .walk(&arguments.walk, unattended)
            .await
    })?;
    runtime.shutdown_background();
    Ok(exit)
}

/// What has not begun leaves no folder; should it stay, it is listed as empty.
fn leave_nothing_behind(dir: &SessionDir) {
    if !dir.journal().exists() {
        let _ = std::fs::remove_dir_all(dir.path());
    }
}

fn beforehand_face(basis: &Basis, walk: &WalkArgs, unattended: bool) -> beforehand::Face {
    let capabilities = Capabilities::from_env(|name| std::env::var(name).ok());
    if unattended {
        beforehand::Face::Nobody
    } else if walk.plain || !io::stdout().is_terminal() || !capabilities.screen {
        beforehand::Face::Lines
    } else {
        beforehand::Face::Screen(Box::new(Look::of(basis, capabilities)))
    }
}

/// Judges whether a session may be entered, and takes its lock. Nothing of it is written
/// yet, and nothing of it was done.
async fn enter(
    neighbours: &Neighbourhood,
    session: &Session,
    now: crate::session::At,
    folder: &Path,
    emergency: Option<&str>,
    take_over: Option<&str>,
) -> Result<(opening::Entered, Watched), Problem> {
    let found = neighbours.judge(session, emergency, now.wall, folder).await;
    let (mut notices, deviations) = found.admission.granted().map_err(|objections| refusal(&objections, &found.troubles))?;
    if let Some(reason) = emergency.or(session.emergency()) {
        notices
            .insert(0, format!("EMERGENCY: {reason}. Approvals, windows, freezes and requirements are passed, on the record."));
    }
    notices.extend(found.troubles);
    // A dry run changes nothing, a lock included.
    let lock = if session.mode() == Mode::DryRun {
        notices.extend(neighbours.lock_notice(session).await);
        None
    } else {
        neighbours.lock(session, take_over).await.map_err(|error| locked(&error, &neighbours.state))?
    };
    let event = lock.as_ref().map(|l| entry::lock_event(l, take_over));
    let environment = session.plan().environment().map(|e| e.name.value.clone());
    let freezes = environment.map(|environment| (neighbours.freezes(), environment));
    let entered = opening::Entered { window: found.window, evidence: found.evidence, deviations, lock: event };
    Ok((
        entered,
        Watched {
            notices,
            lock,
            freezes,
            freeze: found.freeze,
            preflight: Vec::new(),
            signers: neighbours.trust.signers.clone(),
        },
    ))
}

/// Everything that speaks against a start, at once.
fn refusal(objections: &[crate::session::admission::Objection], troubles: &[String]) -> Problem {
    let lines: Vec<String> = objections
        .iter()
        .map(|o| format!("  {}: {}", o.rule, o.text))
        .chain(troubles.iter().map(|t| format!("  ({t})")))
        .collect();
    let mut hints: Vec<&str> = objections.iter().map(|o| o.hint.as_str()).collect();
    hints.dedup();
    Problem::cannot_start(format!("this may not start now:\n{}", lines.join("\n")))
        .hint(format!("{}; in an emergency --emergency REASON passes it, on the record", hints.join(", or ")))
}

pub(super) fn locked(error: &LockError, state: &StateDir) -> Problem {
    let problem = Problem::cannot_start(error);
    let own = |sid: &str| state.session(sid).is_ok_and(|dir| dir.sid() == sid && summarise(&dir).state.is_unfinished());
    match error {
        LockError::Held { holding, .. } if own(&holding.session) => {
            let sid = &holding.session;
            problem.hint(format!("that session was left unfinished here; go on with it: pacenote resume {sid}"))
        }
        LockError::Held { .. } => problem.hint("wait until that session is over, or speak with whoever walks it"),
        LockError::Left { holding, .. } => problem.hint(format!(
            "go on with it (`pacenote resume {}`), or take the lock over with --take-over REASON once you know that nothing of it \
             is still at work",
            holding.session
        )),
        LockError::Trouble { .. } => problem.hint("a lock that cannot be taken keeps nobody away, so nothing was started"),
    }
}

/// `rehearse`.
pub(super) fn rehearse(basis: &Basis, arguments: &RehearseArgs) -> Result<Exit, Problem> {
    let bundle = loaded(&arguments.file)?;
    let scenario = super::scenarios::choose(&arguments.file, &bundle, arguments.scenario.as_deref())?;
    let pace = arguments.speed.unwrap_or(1.0);
    let unattended = unattended(&arguments.walk)?;
    let state = basis.state()?;
    let runtime = runtime()?;
    let exit = runtime.block_on(async {
        let world_clock = crate::world::Clock::start_at_speed(chrono::Utc::now(), pace);
        let mut clock = Clock::simulated(world_clock.epoch(), pace);
        let mut who = who(basis, &state, Path::new("."));
        who.clock = crate::session::event::ClockRecord::default();
        let start = &arguments.start;
        let began = world_clock.epoch();
        let mut opening = headless::opening_at(began, &bundle, &scenario, start.env.as_deref(), &start.inputs, who)
            .map_err(Problem::cannot_start)?;
        opening.attended = unattended.is_none();
        opening.ledger_head = Ledger::of(&state).head().map_err(|e| unusable_ledger(&e))?;
        opening.sealer = opening.sealer.map(|sealer| sealer.witnessed(Box::new(Notes::of(&state, false))));
        let (dir, _) = new_session(&state, &bundle)?;
        let draft = opening.draft(dir.sid(), clock.now()).map_err(Problem::cannot_start)?;
        let trust = demands::trust(basis, state.path(), clock.now().wall)?;
        let neighbours = Neighbourhood { state: state.clone(), cluster: None, http: demands::door(basis), trust };
        let said = neighbours.judge(&draft, None, clock.now().wall, &folder_of(&arguments.file)).await;
        opening.entered.window = said.window;
        opening.entered.evidence = said.evidence;
        let world = World::new(&scenario, headless::surroundings(&opening.plan, &scenario), world_clock);
        let redactor = Redactor::new();
        let disk = app::rehearsed_disk::RehearsedDisk::of(&world);
        let (session, writer) = opening.open_on(disk, &dir, redactor.clone(), &mut clock).map_err(Problem::cannot_start)?;
        let (address, serving) = crate::world::serve(world.router())
            .await
            .map_err(|e| Problem::cannot_start(format!("the simulated world cannot be served on loopback: {e}")))?;
        let serving = tokio::spawn(serving);
        let cluster = Cluster::at(address, world.namespace(), dir.sid())
            .map_err(|e| Problem::cannot_start(format!("no client for the simulated cluster: {e}")))?;
        let frame = Frame {
            session: dir.clone(),
            bundle: dir.bundle(),
            secrets: Arc::new(app::RehearsalSecrets),
            outputs: app::outputs(&dir, &redactor),
            clock,
        };
        let mut doors = Doors::simulated(frame, HttpPort::redirected(address), cluster, world, pace);
        doors.approvals = Approvals::simulated(scenario.approvals.clone());
        doors.notices = said.admission.granted().map(|(notices, _)| notices).unwrap_or_default();
        let walk = Walk::new(session, writer, clock, redactor, doors).map_err(Problem::cannot_start)?;
        let exit = face(basis, walk, &arguments.walk, unattended, &mut |_, _| Ok(())).await?;
        serving.abort();
        if super::debrief::is_over(&dir) {
            let mut console = super::console::Console::new(super::console::Colour::Never);
            super::debrief::print(&mut console, &state, &dir)?;
            console.finish()?;
        }
        Ok(exit)
    })?;
    runtime.shutdown_background();
    Ok(exit)
}

/// Shows a walk until it is over.
async fn face(
    basis: &Basis,
    mut walk: Walk,
    walk_args: &WalkArgs,
    unattended: Option<(crate::world::answers::Answers, u64)>,
    keep: screen::KeepSecret<'_>,
) -> Result<Exit, Problem> {
    let sid = walk.session().id().to_owned();
    let rehearsal = walk.session().mode() == Mode::Rehearsal;
    let capabilities = Capabilities::from_env(|name| std::env::var(name).ok());
    let on_screen = !walk_args.plain && unattended.is_none() && io::stdout().is_terminal() && capabilities.screen;
    let ended = if on_screen {
        let broken = |e: io::Error| {
            Problem::with_exit(format!("the terminal cannot be used: {e}"), Exit::Stopped)
                .hint(format!("pacenote resume {sid} --plain"))
        };
        let title = format!("pacenote: {}", walk.session().header(walk.now()).title);
        let mut guard = TerminalGuard::enter(&title).map_err(broken)?;
        let ui = capabilities.ui(theme(basis.config.theme.value));
        let ended = screen::run(&mut walk, &mut guard, ui, keep).await;
        drop(guard);
        ended.map_err(broken)?
    } else {
        let answering = unattended.map(|(answers, reacts)| {
            Answering::new(if rehearsal { Unattended::new(answers).rehearsing() } else { Unattended::new(answers) }, reacts)
        });
        let mut out = io::stdout();
        match lines::run(&mut walk, answering, &mut out, keep).await {
            Ok(left) => {
                if let Some(why) = left.why {
                    let _ = writeln!(io::stderr(), "stopped: {why}");
                }
                left.ended
            }
            // A reader that has gone is no reason to lose the session.
            Err(_) => walk.ended().unwrap_or(Ended::Left),
        }
    };
    if let Some(trouble) = walk.stop_watching().await {
        let _ = writeln!(io::stderr(), "{trouble}");
    }
    walk.settle_anchors().await;
    for notice in &walk.record_notes {
        let _ = writeln!(io::stderr(), "note: {notice}");
    }
    let _ = writeln!(io::stderr(), "head of the journal: {} (note it where others see it; `pacenote verify {sid}`)", walk.head());
    Ok(match ended {
        Ended::Closed(SessionOutcome::Completed) => Exit::Done,
        // What was asked for, where the session is there to roll another back.
        Ended::Closed(SessionOutcome::RolledBack) if walk.session().opened().rolls_back.is_some() => Exit::Done,
        Ended::Closed(outcome) => {
            let _ = writeln!(io::stderr(), "{}: session {sid}", outcome.as_str());
            Exit::Failed
        }
        Ended::Left => {
            let next = after_leaving(walk.session().mode(), &sid);
            let _ = writeln!(io::stderr(), "left unfinished. {next}");
            Exit::Stopped
        }
    })
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Problem> {
    ports::install_crypto();
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|e| Problem::cannot_start(format!("no runtime could be made: {e}")))
}

/// A runbook without mistakes, or the mistakes.
pub(super) fn loaded(file: &str) -> Result<Bundle, Problem> {
    load::load(file).map_err(|report| check::refused(file, &report))
}

pub(super) fn plan_of(bundle: &Bundle, env: Option<&str>) -> Result<Plan, Problem> {
    let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), env).map_err(Problem::usage)?;
    let unsupported = plan.unsupported();
    if unsupported.is_empty() {
        return Ok(plan);
    }
    let lines: Vec<String> = unsupported.iter().map(|u| format!("  {}: {}", u.place, u.why)).collect();
    Err(Problem::cannot_start(format!("this runbook needs what this version does not do:\n{}", lines.join("\n")))
        .hint("`pacenote rehearse` may still walk it; no step is ever left out silently"))
}

/// The folder a runbook's scripts are found in.
pub(super) fn who(basis: &Basis, state: &StateDir, _folder: &Path) -> Who {
    Who {
        operator: facts::operator(&basis.config),
        origin: facts::origin(),
        tool: facts::tool(state.path()),
        clock: facts::clock(),
        boot_id: facts::boot_id(),
    }
}

/// What seals the session, ready before it starts.
pub(super) fn sealer(
    basis: &Basis,
    state: &StateDir,
    who: &Who,
    resumed: bool,
) -> Result<(crate::journal::Sealer, Option<Told>), Problem> {
    sealing::live(&basis.config, demands::anchors(basis)?, state, &who.operator, resumed)
        .map_err(|e| Problem::cannot_start(format!("the journal could not be sealed: {e}")).hint(sealing::hint(&e)))
}

pub(super) fn unusable_ledger(error: &crate::state::ledger::LedgerError) -> Problem {
    Problem::cannot_start(error).hint("look at the file: each session's beginning and end is noted there before anything is done")
}

/// A journal that holds less than was sealed was put back, and is gone on with only by
/// somebody who says why.
fn behind_its_mark(state: &StateDir, dir: &SessionDir, accepted: bool) -> Result<(), Problem> {
    let closed = || matches!(summarise(dir).state, SessionState::Closed { .. });
    match Marks::of(state).check(dir) {
        Err(why) if closed() => Err(Problem::cannot_start(format!("records are missing from the end of the journal: {why}"))
            .at(dir.journal().display())
            .hint("put the whole journal back, from a pack or a copy; the session is closed, and there is nothing to resume")),
        Err(why) if !accepted => Err(Problem::cannot_start(format!("records are missing from the journal: {why}"))
            .at(dir.journal().display())
            .hint("put the whole journal back; or go on without them: pacenote resume --accept-loss REASON")),
        _ => Ok(()),
    }
}

pub(super) fn new_session(state: &StateDir, bundle: &Bundle) -> Result<(SessionDir, Clock), Problem> {
    let clock = Clock::real();
    let entropy = fastrand::u32(..);
    let sid = state::new_session_id(clock.now().wall, &bundle.root.id.value, entropy);
    let dir = state.create_session(&sid).map_err(|e| explain_state(&e))?;
    opening::keep_bundle(&dir, bundle).map_err(|e| {
        Problem::cannot_start(format!("the runbook cannot be kept with the session: {e}")).at(dir.path().display())
    })?;
    Ok((dir, clock))
}

/// The bundle as it was kept with a session, unchanged.
pub(super) fn kept_bundle(dir: &SessionDir, root: Option<&str>, sha256: &str) -> Result<Bundle, Problem> {
    let root = root.ok_or_else(|| Problem::cannot_start("the journal names no runbook file").at(dir.journal().display()))?;
    let path = dir.bundle().join(root);
    let bundle = loaded(&path.display().to_string())?;
    if bundle.sha256 != sha256 {
        return Err(Problem::cannot_start("the files kept with the session are not those it was started with")
            .at(dir.bundle().display())
            .hint("put them back as they were; their hashes are in the first record"));
    }
    Ok(bundle)
}

/// `attended`: somebody sits here and may be asked to log in.
pub(super) async fn connect(basis: &Basis, plan: &Plan, sid: &str, attended: bool) -> Result<Option<Cluster>, Problem> {
    let Some(target) = plan.environment().and_then(|e| e.kubernetes.as_ref()) else { return Ok(None) };
    let wanted = KubeTarget { context: target.context.clone(), namespace: target.namespace.clone() };
    let terminal = attended && io::stdin().is_terminal() && io::stderr().is_terminal();
    let options = ConnectOptions { terminal, ..ConnectOptions::new(sid) };
    let cluster = patiently(ports::connect(&wanted, &options), terminal).await.map_err(Problem::cannot_start)?;
    let protected = plan.environment().is_some_and(|e| e.protected) || demands::protects(basis, &cluster);
    if cluster.insecure && protected {
        return Err(Problem::cannot_start("the kubeconfig turns the verification of TLS off, and the environment is protected")
            .at(&cluster.context)
            .hint("give the cluster's CA certificate in the kubeconfig instead"));
    }
    Ok(Some(cluster))
}

/// A credential plugin that has the terminal may take its time; whoever sits there learns
/// what is waited for.
async fn patiently<T>(connecting: impl Future<Output = T>, terminal: bool) -> T {
    tokio::pin!(connecting);
    tokio::select! {
        connected = &mut connecting => return connected,
        () = tokio::time::sleep(std::time::Duration::from_secs(3)), if terminal => {}
    }
    let _ = writeln!(io::stderr(), "Waiting for a login to the cluster; Ctrl-C gives up.");
    connecting.await
}

pub(super) fn unattended(walk: &WalkArgs) -> Result<Option<(crate::world::answers::Answers, u64)>, Problem> {
    walk.answers.as_deref().map(|path| answers::load(path).map(|a| (a, 0))).transpose()
}

/// The operator sees what would run, connect and be read, and accepts it.
pub(super) fn accept(
    basis: &Basis,
    state: &StateDir,
    bundle: &Bundle,
    trust: bool,
    walk: &WalkArgs,
) -> Result<Accepted, Problem> {
    let review = acceptance::Review::of(bundle);
    if let Some(accepted) = acceptance::without_asking(&review, state, trust)? {
        return Ok(accepted);
    }
    if walk.answers.is_some() || !io::stdin().is_terminal() {
        return Err(acceptance::refused(&review));
    }
    let capabilities = Capabilities::from_env(|name| std::env::var(name).ok());
    if !walk.plain && capabilities.screen && io::stdout().is_terminal() {
        acceptance::ask_on_screen(&review, &bundle.root_path, state, Look::of(basis, capabilities))?;
    } else {
        acceptance::ask_plain(&review, &mut io::stdin().lock(), &mut io::stdout())?;
    }
    let by = facts::operator(&basis.config).principal;
    acceptance::accept(&review, state, &by, chrono::Utc::now())
}

/// The theme of the screen a setting asks for.
pub(super) fn theme(name: crate::config::ThemeName) -> crate::tui::ThemeName {
    match name {
        crate::config::ThemeName::Auto | crate::config::ThemeName::Dark => crate::tui::ThemeName::Dark,
        crate::config::ThemeName::Light => crate::tui::ThemeName::Light,
    }
}
