//! Walking a scenario without a screen, a socket or real time.
//!
//! The simulated world stands behind the ordinary clients as a service, on a runtime with
//! tokio's paused clock: time passes when nothing is left to do, so a runbook of 45
//! minutes takes well under a second, and twice gives the same journal byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeZone as _, Utc};

use super::answering::{Answering, Next};
use super::doors::{Doors, Frame};
use super::opening::{Opening, Who};
use super::rehearsed_disk::RehearsedDisk;
use super::unattended::Unattended;
use super::walk::{Approvals, Walk};
use crate::clock::Clock;
use crate::journal::{Sealer, SessionDir};
use crate::ports::{Cluster, HttpPort};
use crate::redact::Redactor;
use crate::runbook::Value;
use crate::runbook::load::Bundle;
use crate::runbook::model::InputKind;
use crate::session::event::{About, DecisionMade, Mode, Operator, ScenarioRecord, SessionOutcome, StepOutcome};
use crate::session::time::rfc3339;
use crate::session::view::RowState;
use crate::session::{Event, Plan};
use crate::world::{Difference, Scenario, Surroundings, World};

mod compare;
mod coverage;
mod places;

pub use compare::{Mismatch, compare};
pub use coverage::{Coverage, Never, coverage};
pub use places::{Named, UnknownName};

/// A rehearsal on virtual time is given up after this long: something waits for ever.
const LONGEST_MS: u64 = 48 * 3600 * 1000;

/// What a scenario came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How it was closed; none when it stopped before.
    pub outcome: Option<SessionOutcome>,
    /// Why it stopped, where it did.
    pub stopped: Option<Stop>,
    /// The main list as it was walked, and the rollback.
    pub path: Vec<String>,
    /// Guards that tripped, in order.
    pub guards: Vec<String>,
    /// Where the world is not as expected.
    pub world: Vec<Difference>,
    /// Virtual time walked, milliseconds.
    pub took_ms: u64,
    /// Number of records.
    pub records: u64,
    /// What the walk came past.
    pub seen: Seen,
}

/// Why a walk came to no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The sentence.
    pub why: String,
    /// Whether the journal could not be written: the one stop a scenario may expect.
    pub of_journal: bool,
}

impl Stop {
    fn of_walk(why: impl Into<String>) -> Self {
        Self { why: why.into(), of_journal: false }
    }
}

/// What a walk came past, as its journal has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Paths that were entered.
    pub entered: BTreeSet<String>,
    /// Options chosen, by path and key.
    pub chosen: BTreeSet<(String, String)>,
    /// Guards that tripped, in order.
    pub guards: Vec<String>,
}

/// The moment every headless rehearsal begins at, so that two give the same journal.
pub fn epoch() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 5, 10, 0, 0).single().unwrap_or_default()
}

/// What a world takes from the environment of a runbook.
pub fn surroundings(plan: &Plan, scenario: &Scenario) -> Surroundings {
    let environment = plan.environment();
    let namespace = environment.and_then(|e| e.kubernetes.as_ref()).and_then(|k| k.namespace.clone());
    let prometheus = environment.and_then(|e| e.prometheus.as_ref());
    let host = prometheus.and_then(|p| url::Url::parse(p.url.source()).ok()).and_then(|u| u.host_str().map(str::to_owned));
    let only = match scenario.world.services.keys().collect::<Vec<_>>().as_slice() {
        [only] => Some((*only).clone()),
        _ => None,
    };
    let hosts = environment.into_iter().flat_map(|e| &e.vars).filter(|(name, _)| name.contains("host"));
    let services = hosts.filter_map(|(_, value)| Some((value.as_str()?.to_owned(), only.clone()?))).collect();
    Surroundings { namespace, prometheus: host.into_iter().collect(), services }
}

/// The opening of a rehearsal that begins at [`epoch`].
///
/// # Errors
/// A sentence when the environment does not fit, or an input is missing or wrong.
pub fn opening(
    bundle: &Bundle,
    scenario: &Scenario,
    env: Option<&str>,
    given: &[(String, String)],
    who: Who,
) -> Result<Opening, String> {
    opening_at(epoch(), bundle, scenario, env, given, who)
}

/// The opening of a rehearsal that begins then. Times among a scenario's inputs are meant
/// for a walk that begins at [`epoch`], and are moved with the beginning; a time that
/// nobody gives is the beginning itself.
///
/// # Errors
/// As [`opening`].
pub fn opening_at(
    began: DateTime<Utc>,
    bundle: &Bundle,
    scenario: &Scenario,
    env: Option<&str>,
    given: &[(String, String)],
    who: Who,
) -> Result<Opening, String> {
    let plan =
        Plan::new(bundle.root.clone(), bundle.called.clone(), env.or(scenario.env.as_deref())).map_err(|e| e.to_string())?;
    let unsupported = plan.unsupported();
    if let Some(first) = unsupported.first() {
        return Err(format!("{}: {}", first.place, first.why));
    }
    let gathered = crate::inputs::gather(&bundle.root.inputs, given, &answers(began, bundle, scenario));
    if let Some(problem) = gathered.problems.first() {
        let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
        return Err(format!("input `{}`: {}{hint}", problem.name, problem.message));
    }
    if !gathered.missing.is_empty() {
        return Err(format!("the scenario gives no value for {}; give it with --input", gathered.missing.join(", ")));
    }
    let environment = super::environment_record(&plan, None);
    let sealer = Sealer::simulated(&who.operator.principal, scenario.seed).map_err(|e| e.to_string())?;
    Ok(Opening {
        environment,
        mode: Mode::Rehearsal,
        attended: false,
        who,
        bundle: super::bundle_record(bundle),
        inputs: gathered.values,
        secrets: gathered.secrets.into_iter().map(|s| s.name).collect(),
        emergency: None,
        trusted_unseen: false,
        scenario: Some(ScenarioRecord {
            name: scenario.scenario.to_string(),
            seed: scenario.seed,
            par: scenario.par.map(|par| par_of(&par)),
        }),
        policy: None,
        entered: super::opening::Entered::default(),
        signers: None,
        ledger_head: None,
        sealer: Some(sealer),
        old: None,
        plan: Arc::new(plan),
    })
}

/// The scenario's answers for a walk that begins then.
fn answers(began: DateTime<Utc>, bundle: &Bundle, scenario: &Scenario) -> BTreeMap<String, Value> {
    let mut answers = scenario.inputs.clone();
    for input in bundle.root.inputs.iter().filter(|input| matches!(input.kind, InputKind::Time)) {
        let name = &input.name.value;
        let written = answers.get(name).and_then(Value::as_str).map(DateTime::parse_from_rfc3339);
        match written {
            Some(Ok(time)) => {
                let moved = time.to_utc() + (began - epoch());
                answers.insert(name.clone(), Value::from(rfc3339(moved)));
            }
            None if input.default.is_none() && input.required => {
                answers.insert(name.clone(), Value::from(rfc3339(began)));
            }
            _ => {}
        }
    }
    answers
}

/// What the scenario calls a good walk, as the record says it.
fn par_of(par: &crate::world::scenario::Par) -> crate::session::event::Par {
    let ms = |period: Option<crate::world::period::Period>| period.and_then(|period| u64::try_from(period.millis()).ok());
    crate::session::event::Par { notice_ms: ms(par.notice), decide_ms: ms(par.decide), recover_ms: ms(par.recover) }
}

/// Who walks a headless rehearsal: always the same.
fn nobody() -> Who {
    Who {
        operator: Operator { principal: "trainee@example.com".to_owned(), os_user: "trainee".to_owned(), uid: 0, key: None },
        ..Who::default()
    }
}

/// Walks one scenario on virtual time, its journal in `dir`.
///
/// # Errors
/// A sentence when it cannot begin.
pub fn walk(bundle: &Bundle, scenario: &Scenario, dir: &SessionDir) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(|e| format!("no runtime could be made: {e}"))?;
    let outcome = runtime.block_on(on_runtime(bundle, scenario, dir));
    runtime.shutdown_background();
    outcome
}

/// The names in a scenario that its runbook does not know; for `check`, which walks nothing.
pub fn unknown_names(bundle: &Bundle, scenario: &Scenario) -> Vec<UnknownName> {
    // Names do not depend on the environment; that of the scenario may be one of the wrong ones.
    let environment = bundle.root.environments.first().map(|e| e.name.value.as_str());
    let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), environment);
    plan.map(|plan| places::unknown_names(&plan, scenario)).unwrap_or_default()
}

async fn on_runtime(bundle: &Bundle, scenario: &Scenario, dir: &SessionDir) -> Result<Outcome, String> {
    let world_clock = crate::world::Clock::start(epoch());
    let mut clock = Clock::simulated(world_clock.epoch(), 1.0);
    let opening = opening(bundle, scenario, None, &[], nobody())?;
    let wrong = places::unknown_names(&opening.plan, scenario);
    if !wrong.is_empty() {
        return Err(wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    }
    let world = World::new(scenario, surroundings(&opening.plan, scenario), world_clock);
    let redactor = Redactor::new();
    let (session, writer) = opening.open_on(RehearsedDisk::of(&world), dir, redactor.clone(), &mut clock)?;
    let cluster = Cluster::from_router(world.router(), world.namespace(), dir.sid());
    let frame = Frame {
        session: dir.clone(),
        bundle: dir.bundle(),
        secrets: Arc::new(super::RehearsalSecrets),
        outputs: super::outputs(dir, &redactor),
        clock,
    };
    let mut doors = Doors::simulated(frame, HttpPort::router(world.router()), cluster, world.clone(), 1.0);
    doors.approvals = Approvals::simulated(scenario.approvals.clone());
    let mut walk = Walk::new(session, writer, clock, redactor, doors)?;
    let reacts = u64::try_from(scenario.operator.reacts_after.0.as_millis()).unwrap_or(0);
    let mut answering = Answering::new(Unattended::new(scenario.answers.clone()).rehearsing(), reacts);
    let mut stopped = None;
    while walk.ended().is_none() {
        if let Some(why) = walk.failed() {
            stopped = Some(Stop { why: format!("the journal cannot be written: {why}"), of_journal: true });
            break;
        }
        let wake = match answering.answer(&mut walk) {
            Next::Stop(why) => {
                stopped = Some(Stop::of_walk(why));
                break;
            }
            Next::Wait(wake) => wake,
        };
        if walk.ended().is_some() {
            break;
        }
        if walk.now().mono_ms > LONGEST_MS {
            stopped = Some(Stop::of_walk("it did not come to an end within 48 hours"));
            break;
        }
        let instant = wake.map(|ms| clock.instant_of(ms));
        tokio::select! {
            biased;
            () = walk.turn() => {}
            () = sleep_until(instant) => {}
        }
    }
    walk.stop_watching().await;
    Ok(outcome(&walk, &world, stopped, dir))
}

/// Sleeps until a moment; for ever without one.
pub async fn sleep_until(instant: Option<tokio::time::Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

fn outcome(walk: &Walk, world: &World, stopped: Option<Stop>, dir: &SessionDir) -> Outcome {
    let session = walk.session();
    let at = walk.now();
    let seen = seen(dir);
    let walked = |state: RowState| match state {
        RowState::Pending | RowState::Dropped => false,
        RowState::Ended(outcome) => !matches!(outcome, StepOutcome::NotApplicable | StepOutcome::NotChosen),
        RowState::Waiting | RowState::Running | RowState::Unknown => true,
    };
    let rows = session.outline(at).into_iter().filter(|r| walked(r.state));
    let named: Vec<String> = rows.map(|r| r.path.as_str().to_owned()).collect();
    // The passes of a `for_each` stand for it.
    let is_each = |path: &String| named.iter().any(|other| other.starts_with(&format!("{path}[")));
    let path = named.iter().filter(|p| !p.contains('/') && !is_each(p) && *p != "finally").cloned().collect();
    Outcome {
        outcome: session.closed().map(|c| c.outcome),
        stopped,
        path,
        guards: seen.guards.clone(),
        world: world.expectation(),
        took_ms: session.header(at).elapsed_ms,
        records: session.records(),
        seen,
    }
}

/// What a journal says that its walk came past.
fn seen(dir: &SessionDir) -> Seen {
    let mut seen = Seen::default();
    let Ok(reader) = crate::journal::Reader::open(dir, crate::journal::Blobs::Heads) else { return seen };
    for event in reader.filter_map(Result::ok).filter_map(|line| line.record.event) {
        match event {
            Event::GuardTripped(tripped) if !seen.guards.contains(&tripped.guard) => seen.guards.push(tripped.guard),
            Event::StepEntered(entered) => {
                seen.entered.insert(entered.path.as_str().to_owned());
            }
            Event::DecisionMade(made) if made.about == About::Decide => {
                let DecisionMade { path, choice, .. } = *made;
                seen.chosen.extend(path.map(|path| (path.as_str().to_owned(), choice)));
            }
            _ => {}
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::load::{library, load};

    #[test]
    fn times_of_a_scenario_move_with_its_beginning() {
        let bundle = load("production-incident").unwrap();
        let (_, text) = library().iter().find(|(path, _)| *path == "scenarios/production-incident-all-good.yaml").unwrap();
        let mut scenario = Scenario::read("x", text).unwrap();
        let later = epoch() + chrono::TimeDelta::days(320);
        let began = |scenario: &Scenario, at: DateTime<Utc>, given: &[(String, String)]| {
            let opening = opening_at(at, &bundle, scenario, None, given, nobody()).unwrap();
            opening.inputs.get("began").unwrap().as_str().unwrap().parse::<DateTime<Utc>>().unwrap()
        };
        let ten = chrono::TimeDelta::minutes(10);
        assert_eq!(began(&scenario, epoch(), &[]), epoch() - ten);
        assert_eq!(began(&scenario, later, &[]), later - ten);
        let given = [("began".to_owned(), "2026-01-05T09:50:00Z".to_owned())];
        assert_eq!(began(&scenario, later, &given), epoch() - ten, "what somebody gives stands");
        scenario.inputs.remove("began");
        assert_eq!(began(&scenario, later, &[]), later);
    }
}
