//! What follows for the step in hand, by its kind.

use std::collections::BTreeMap;

use super::{end, finish, own_decision};
use crate::runbook::expression::{Truth, Unknown};
use crate::runbook::model::{Action, Approve, ChecklistItem, Decide, Gate, OptionThen, Wait};
use crate::session::approval;
use crate::session::dry;
use crate::session::event::{About, EnteredAs, Event, GateEnd, ItemTicked, Mode, Outcome, StepEntered, StepOutcome};
use crate::session::intent::{Intent, Purpose, Starter, What};
use crate::session::outcome;
use crate::session::path::StepPath;
use crate::session::resolve::{ActionOf, action_of, needs_preparation, visit_changes, what_of};
use crate::session::state::{Effect, Lead, Session, Visit};
use crate::session::time::At;
use crate::session::{millis, verdict};

/// What follows for a visit that is open.
pub(in crate::session) fn progress(session: &Session, at: At, visit: &Visit) -> Option<Event> {
    if let Some(why) = &visit.skip {
        return Some(end(session, at, visit, StepOutcome::Skipped, Some(why.clone())));
    }
    if let Some(why) = &visit.pass {
        return Some(finish(session, at, visit, StepOutcome::Done, Some(format!("overridden: {why}"))));
    }
    if let Some(why) = &visit.broken {
        return Some(end(session, at, visit, StepOutcome::Failed, Some(why.clone())));
    }
    match action_of(session, visit) {
        ActionOf::Action(action) => match action {
            Action::Confirm(_) => confirm(session, at, visit),
            Action::Checklist(items) => {
                let due = items.iter().enumerate().find_map(|(i, item)| tick(session, at, visit, i, item));
                due.or_else(|| too_late(session, at, visit))
            }
            Action::Input(_) => match visit.given {
                Some(_) => Some(finish(session, at, visit, StepOutcome::Done, None)),
                None => too_late(session, at, visit),
            },
            Action::Decide(decide) => decided(session, at, visit, decide),
            Action::Approve(approve) => approved(session, at, visit, approve),
            Action::Gate(gate) => gate_progress(session, at, visit, gate),
            Action::Wait(wait) => wait_progress(session, at, visit, wait),
            Action::Run(_) | Action::Kubernetes(_) | Action::Http(_) | Action::Notify(_) | Action::Freeze { .. } => {
                effect_progress(session, at, visit)
            }
            Action::Call(_) | Action::Parallel(_) | Action::UndoAll => None,
        },
        ActionOf::Restore(_) => effect_progress(session, at, visit),
        ActionOf::ByHand => match visit.choice.as_ref().map(|c| c.key.as_str()) {
            Some("yes") => Some(finish(session, at, visit, StepOutcome::Done, Some("undone by hand".to_owned()))),
            _ => None,
        },
        ActionOf::List => None,
    }
}

/// A question nobody answered within the step's timeout.
fn too_late(session: &Session, at: At, visit: &Visit) -> Option<Event> {
    let limit = millis(session.step_of(visit)?.timeout?);
    let late = session.clock(at) >= visit.entered_ms + limit;
    late.then(|| end(session, at, visit, StepOutcome::Failed, Some("no answer in time".to_owned())))
}

fn confirm(session: &Session, at: At, visit: &Visit) -> Option<Event> {
    match visit.choice.as_ref().map(|c| c.key.as_str()) {
        Some("yes") => Some(finish(session, at, visit, StepOutcome::Done, None)),
        Some("no") if !visit.procedure_ended => match session.leads_to(&visit.step, "no") {
            Some(Lead::Procedure(id)) => enter_procedure(session, &visit.step.path, id, "answered with no"),
            _ => too_late(session, at, visit),
        },
        _ => too_late(session, at, visit),
    }
}

/// Enters a procedure below a step; none while starting is held.
pub(in crate::session) fn enter_procedure(session: &Session, parent: &StepPath, id: &str, cause: &str) -> Option<Event> {
    if session.is_held() {
        return None;
    }
    let path = parent.procedure(id);
    let file = session.visits.get(parent).and_then(|v| v.last()).map(|v| v.context.file.clone()).unwrap_or_default();
    let title = session.plan.procedure(&file, id).and_then(|p| p.title.clone()).unwrap_or_else(|| id.to_owned());
    Some(Event::StepEntered(StepEntered {
        visit: session.next_visit(&path),
        path,
        kind: EnteredAs::Procedure,
        title,
        item: None,
        items: None,
        with: BTreeMap::new(),
        cause: Some(cause.to_owned()),
        undoes: None,
    }))
}

/// An item that ticks itself, or no longer does.
fn tick(session: &Session, at: At, visit: &Visit, index: usize, item: &ChecklistItem) -> Option<Event> {
    let number = u32::try_from(index).ok()?;
    let check = item.check.as_ref()?;
    let scope = session.scope(at, &visit.context);
    let ticked = visit.ticks.get(&number);
    let truth = check.truth(&scope);
    let now = match (ticked, truth) {
        (None, Truth::True) => true,
        // A check that no longer holds, or cannot be judged any more, unticks what it
        // ticked itself; what was ticked by hand stays.
        (Some(tick), Truth::False | Truth::Unknown(_)) if tick.by_check => false,
        _ => return None,
    };
    Some(Event::ItemTicked(ItemTicked {
        path: visit.step.path.clone(),
        visit: visit.step.visit,
        item: number,
        text: item.text.render(&scope).unwrap_or_else(|_| item.text.source().to_owned()),
        ticked: now,
        by_check: true,
        note: None,
        evidence: Some(session.evidence(at)),
    }))
}

fn decided(session: &Session, at: At, visit: &Visit, decide: &Decide) -> Option<Event> {
    if let Some(choice) = &visit.choice {
        let option = decide.options.iter().find(|o| o.key.value.to_string() == choice.key)?;
        return match &option.then {
            OptionThen::Call(procedure) if !visit.procedure_ended => {
                enter_procedure(session, &visit.step.path, procedure, "chosen")
            }
            _ => Some(finish(session, at, visit, StepOutcome::Done, None)),
        };
    }
    let within = millis(decide.within?);
    let otherwise = decide.otherwise.as_ref().filter(|o| o.value != "hold")?;
    if session.clock(at) < visit.clock_ms + within {
        return None;
    }
    let option = decide.options.iter().find(|o| o.key.value.to_string() == otherwise.value)?;
    let label = option.label.render(&session.scope(at, &visit.context)).unwrap_or_default();
    Some(own_decision(session, at, About::Decide, &visit.step, &otherwise.value, format!("{label} (no answer in time)")))
}

fn approved(session: &Session, at: At, visit: &Visit, approve: &Approve) -> Option<Event> {
    if dry::is_dry(session) {
        return Some(finish(session, at, visit, StepOutcome::Done, Some("nobody is asked in a dry run".to_owned())));
    }
    if let Some(why) = &visit.approvals.refused {
        return Some(end(session, at, visit, StepOutcome::Failed, Some(why.clone())));
    }
    // An emergency passes every approval, and says so each time.
    if let Some(passed) = approval::passed_by_emergency(session, at, visit) {
        return Some(passed);
    }
    // The request of a live session is made by the loop: it takes chance, and the head.
    if visit.approvals.request.is_none() && session.opened.mode == Mode::Rehearsal {
        return Some(Event::ApprovalRequested(approval::requested(session, at, visit, approve)));
    }
    let enough = visit.approvals.given.len() >= usize::try_from(approve.min.max(1)).unwrap_or(usize::MAX);
    if enough {
        return Some(finish(
            session,
            at,
            visit,
            StepOutcome::Done,
            Some(format!("approved by {}", approval::names(&visit.approvals.given).join(", "))),
        ));
    }
    too_late(session, at, visit)
}

fn gate_progress(session: &Session, at: At, visit: &Visit, gate: &Gate) -> Option<Event> {
    if let Some(said) = dry::gate_said(session, at, visit) {
        return Some(finish(session, at, visit, StepOutcome::Done, Some(said)));
    }
    match visit.gate.end {
        Some(GateEnd::Passed) => return Some(finish(session, at, visit, StepOutcome::Done, None)),
        Some(GateEnd::Failed) => {
            let why = visit.gate.last.as_ref().map(|(_, why)| why.clone());
            return Some(end(session, at, visit, StepOutcome::Failed, why));
        }
        Some(GateEnd::Hold) => return None,
        None => {}
    }
    let step = session.step_of(visit)?;
    let now = session.clock(at);
    let due = now >= verdict::due_ms(session, visit, gate) || now >= verdict::timeout_ms(visit, step, gate);
    (due && !session.paused).then(|| Event::GateJudged(Box::new(verdict::judgement(session, at, visit, step, gate))))
}

fn wait_progress(session: &Session, at: At, visit: &Visit, wait: &Wait) -> Option<Event> {
    let done = || Some(finish(session, at, visit, StepOutcome::Done, None));
    if let Some(said) = dry::wait_said(session, at, visit, wait) {
        return Some(finish(session, at, visit, StepOutcome::Done, Some(said)));
    }
    match wait {
        Wait::For(duration) if session.clock(at) >= visit.entered_ms + millis(*duration) => done(),
        Wait::UntilTime { time, zone } if at.wall >= wait_target(visit, *time, *zone) => done(),
        Wait::Until { until, timeout } => match until.truth(&session.scope(at, &visit.context)) {
            Truth::True => done(),
            _ if timeout.is_some_and(|t| session.clock(at) >= visit.entered_ms + millis(t)) => {
                let why = format!("`{}` did not hold in time", until.source());
                Some(end(session, at, visit, StepOutcome::Failed, Some(why)))
            }
            _ => None,
        },
        Wait::For(_) | Wait::UntilTime { .. } => None,
    }
}

/// The first time of day `time` after a visit was entered.
pub(in crate::session) fn wait_target(
    visit: &Visit,
    time: chrono::NaiveTime,
    zone: chrono_tz::Tz,
) -> chrono::DateTime<chrono::Utc> {
    let entered = visit.entered_wall.with_timezone(&zone);
    let on = |days: u64| {
        let day = entered.date_naive().checked_add_days(chrono::Days::new(days))?;
        day.and_time(time).and_local_timezone(zone).earliest()
    };
    // A time that a clock change skips is taken on the next day that has it.
    (0..4).filter_map(on).find(|t| *t >= entered).map_or(visit.entered_wall, |t| t.with_timezone(&chrono::Utc))
}

/// What follows for a step with an effect.
fn effect_progress(session: &Session, at: At, visit: &Visit) -> Option<Event> {
    let Some(effect) = session.last_effect(visit) else { return start_by_itself(session, at, visit) };
    let ended = effect.ended.as_ref()?;
    if effect.intent.purpose == Purpose::Look {
        return after_look(session, at, visit);
    }
    match (ended.outcome, &effect.settled) {
        (_, Some((true, why))) => Some(finish(session, at, visit, StepOutcome::Done, Some(why.clone()))),
        (_, Some((false, why))) => Some(end(session, at, visit, StepOutcome::Failed, Some(why.clone()))),
        (Outcome::Succeeded, None) => Some(finish(session, at, visit, StepOutcome::Done, Some(ended.message.clone()))),
        (Outcome::Failed, None) => Some(end(session, at, visit, StepOutcome::Failed, Some(ended.message.clone()))),
        (Outcome::Unknown, None) => match &effect.intent.what {
            // Nobody can tell whether a message arrived; sending it again would be worse.
            What::Notify(_) => Some(end(session, at, visit, StepOutcome::Failed, Some(ended.message.clone()))),
            // A read that was lost is simply made again.
            _ if !effect.intent.changes => start_by_itself(session, at, visit),
            _ => start_look(session, at, visit, &effect.intent),
        },
    }
}

/// Starts what needs nobody's leave: reads, and everything once a rollback was decided
/// on. What needs its object read first is started by the loop when it has been read.
fn start_by_itself(session: &Session, at: At, visit: &Visit) -> Option<Event> {
    if let Some(said) = dry::cannot_be_told(session, at, visit) {
        return Some(finish(session, at, visit, StepOutcome::Done, Some(said)));
    }
    let by_itself = (session.runs_by_itself() || !session.asks_before(visit)) && !dry::is_confirmed_first(session, visit);
    if session.is_held() || !by_itself || needs_preparation(session, visit) {
        return None;
    }
    match what_of(session, at, visit) {
        Ok(Some(what)) => {
            Some(Event::EffectIntended(Box::new(session.intent_of(visit, what, Session::purpose_of(visit), Starter::Session))))
        }
        Ok(None) => None,
        Err(Unknown(why)) => Some(end(session, at, visit, StepOutcome::Failed, Some(format!("it cannot be worked out: {why}")))),
    }
}

impl Session {
    /// Whether the operator starts a visit's effect: changes, and messages.
    pub(in crate::session) fn asks_before(&self, visit: &Visit) -> bool {
        visit_changes(self, visit) || matches!(action_of(self, visit), ActionOf::Action(Action::Notify(_)))
    }
}

/// Looks once by itself at what an effect of unknown outcome did.
fn start_look(session: &Session, at: At, visit: &Visit, of: &Intent) -> Option<Event> {
    let what = outcome::look_what(session, at, visit, of)?.ok()?;
    Some(Event::EffectIntended(Box::new(session.intent_of(visit, what, Purpose::Look, Starter::Session))))
}

/// After a look: a settled outcome ends the visit, an unsettled one asks.
fn after_look(session: &Session, at: At, visit: &Visit) -> Option<Event> {
    let (settled, why) = session.unsettled(visit)?.settled.as_ref()?;
    Some(match settled {
        true => finish(session, at, visit, StepOutcome::Done, Some(why.clone())),
        false => end(session, at, visit, StepOutcome::Failed, Some(why.clone())),
    })
}

impl Session {
    /// The last effect of a visit that was more than a look.
    pub(in crate::session) fn unsettled(&self, visit: &Visit) -> Option<&Effect> {
        visit.effects.iter().rev().filter_map(|e| self.effects.get(e)).find(|e| e.intent.purpose != Purpose::Look)
    }
}
