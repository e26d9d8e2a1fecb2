//! From a message to events: what an operator's command or the world's answer means.
//!
//! A command that does not fit where the session stands is refused with a sentence for
//! the operator and changes nothing. A command names the step and visit it is about, so
//! that a late key never answers another question.

use super::approval;
use super::event::{
    About, ApprovalAnswer, BaselineFixed, DecisionMade, Deviation, EffectEnded, Event, FreezeSet, GateEnd, GuardSnoozed,
    InputGiven, ItemTicked, Mode, Note, Outcome, OutcomeSettled, Paused, SessionOutcome, SignalSampled, StepOutcome, ViewChanged,
};
use super::intent::{ObjectState, Purpose, Starter, What};
use super::message::{Command, EffectReport, FailureChoice, GuardChoice, Msg, Noticed, SettleChoice, StepRef};
use super::outcome;
use super::reading::Measure;
use super::resolve::{ActionOf, action_of, needs_preparation, visit_changes, what_of};
use super::state::{Session, Visit};
use super::time::At;
use super::updates::is_update;
use super::view::Prompt;
use super::walk;
use crate::runbook::expression::{Truth, Unknown};
use crate::runbook::model::{Action, ConfirmNo, GuardAction};
use std::collections::BTreeMap;

/// Why a command is not carried out, as a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

type Decided = Result<Vec<Event>, Refusal>;

/// What a message means now.
///
/// # Errors
/// [`Refusal`] when a command does not fit where the session stands.
pub fn decide(session: &Session, at: At, msg: &Msg) -> Decided {
    if session.closed.is_some() {
        return match msg {
            Msg::Command(..) => refuse("The session is closed; nothing more can be done in it."),
            _ => Ok(Vec::new()),
        };
    }
    match msg {
        Msg::Command(command, by) => Decider { session, at, by: *by }.command(command),
        Msg::EffectEnded(report) => effect_ended(session, at, report),
        Msg::Sampled(readings) => {
            let known: BTreeMap<_, _> =
                readings.iter().filter(|(n, _)| session.signals.contains_key(*n)).map(|(n, r)| (n.clone(), r.clone())).collect();
            Ok(if known.is_empty() { Vec::new() } else { vec![Event::SignalSampled(SignalSampled { readings: known })] })
        }
        Msg::Pinned(_) if session.opened().rolls_back.is_some() => Ok(Vec::new()),
        Msg::Pinned(pin) if session.pins.iter().any(|p| p.workload == pin.workload) => Ok(Vec::new()),
        Msg::Pinned(pin) => Ok(vec![Event::TargetPinned(pin.clone())]),
        Msg::Approval { answer, given } => approval(session, at, answer, *given),
        Msg::Noticed(noticed) => Ok(noticed_events(session, at, noticed)),
        Msg::Due => Ok(Vec::new()),
    }
}

/// A freeze is written down. A lost lock is a deviation, and nothing further starts until
/// somebody says so: another session may be at work. A rollback is not held up.
fn noticed_events(session: &Session, at: At, noticed: &Noticed) -> Vec<Event> {
    match noticed {
        Noticed::Frozen(freeze) => vec![Event::FreezeSet(freeze.clone())],
        Noticed::LockLost { lock, why } => {
            let lost = Event::DeviationRecorded(Box::new(Deviation {
                what: "lock-lost".to_owned(),
                path: None,
                reason: format!("the lock `{lock}` was lost: {why}"),
                by: Starter::Session,
                evidence: session.evidence(at),
            }));
            let ending = session.ending.is_some() || session.was_entered("finally");
            let reason = Some(format!("the lock `{lock}` was lost: {why}"));
            let pause = (!session.paused && !ending).then_some(Event::SessionPaused(Paused { paused: true, reason }));
            std::iter::once(lost).chain(pause).collect()
        }
    }
}

/// An approval or a refusal, whose signature was found good. A rehearsal takes simulated
/// ones and a live session signed ones, never the other way round.
fn approval(session: &Session, at: At, answer: &ApprovalAnswer, given: bool) -> Decided {
    let step = StepRef { path: answer.path.clone(), visit: answer.visit };
    let asked = session.approval_wanted().is_some_and(|wanted| wanted.step == step);
    let Some(visit) = session.visit(&step).filter(|_| asked) else { return refuse("That approval is not asked for.") };
    let fits = match session.opened().mode {
        Mode::Rehearsal => answer.simulated,
        Mode::Live => !answer.simulated && answer.signed.is_some(),
        Mode::DryRun => false,
    };
    if !fits {
        return refuse("That approval is not asked for.");
    }
    if let Some(why) = approval::objection(session, visit, answer, given) {
        return refuse(why);
    }
    let answer = ApprovalAnswer { evidence: session.evidence(at), ..answer.clone() };
    Ok(vec![if given { Event::ApprovalGiven(answer) } else { Event::ApprovalRefused(answer) }])
}

/// The records of an effect's end: its outcome, and what a look found out.
fn effect_ended(session: &Session, at: At, report: &EffectReport) -> Decided {
    let Some(effect) = session.effects.get(&report.effect).filter(|e| e.ended.is_none()) else { return Ok(Vec::new()) };
    let intent = &effect.intent;
    let step = StepRef { path: intent.path.clone(), visit: intent.visit };
    if is_update(&step.path) {
        return Ok(vec![Event::EffectEnded(Box::new(outcome::ended(intent, report, outcome::as_reported(report))))]);
    }
    let Some(visit) = session.visit(&step) else { return Ok(Vec::new()) };
    let judged = outcome::judge(session, at, visit, intent, report);
    let ended: EffectEnded = outcome::ended(intent, report, judged);
    let frozen = match &intent.what {
        What::Freeze(freeze) if ended.outcome == Outcome::Succeeded && session.opened().mode == Mode::Live => {
            Some(FreezeSet { environment: freeze.environment.clone(), reason: freeze.reason.clone() })
        }
        _ => None,
    };
    let mut events = vec![Event::EffectEnded(Box::new(ended))];
    events.extend(frozen.map(Event::FreezeSet));
    if intent.purpose == Purpose::Look
        && let Some(of) = session.unsettled(visit).filter(|e| e.settled.is_none())
        && let Ok((done, reason)) = outcome::looked(session, at, visit, &of.intent, report)
    {
        events.push(Event::OutcomeSettled(OutcomeSettled {
            effect: of.intent.effect,
            path: step.path,
            visit: step.visit,
            done,
            looked: true,
            reason,
        }));
    }
    Ok(events)
}

struct Decider<'a> {
    session: &'a Session,
    at: At,
    by: Starter,
}

impl Decider<'_> {
    fn command(&self, command: &Command) -> Decided {
        match command {
            Command::Start { step, prepared, baselines } => self.start(step, prepared.as_deref(), baselines),
            Command::Confirm { step, yes } => self.confirm(step, *yes),
            Command::Tick { step, item, ticked, note } => self.tick(step, *item, *ticked, note.as_deref()),
            Command::CompleteChecklist { step } => self.complete_checklist(step),
            Command::Give { step, values, secrets } => self.give(step, values, secrets),
            Command::Choose { step, key, reason } => self.choose(step, *key, reason.as_deref()),
            Command::Failure { step, choice, reason } => self.failure(step, *choice, reason.as_deref()),
            Command::Settle { step, choice, reason } => self.settle(step, *choice, reason.as_deref()),
            Command::When { step, run, reason } => self.when(step, *run, reason),
            Command::OverrideGate { step, reason } => self.override_gate(step, reason),
            Command::Skip { step, reason } => self.skip(step, reason),
            Command::Guard { guard, choice, reason } => self.guard(guard, *choice, reason.as_deref()),
            Command::Rollback { reason } => self.rollback(reason.as_deref()),
            Command::Interrupt { step, kill } => self.interrupt(step, *kill),
            Command::Abort { reason } => self.abort(reason),
            Command::Abandon { reason } => {
                let reason = given(reason, "Abandoning a session needs a reason.")?;
                Ok(vec![walk::closing(self.session, self.at, SessionOutcome::Abandoned, Some(reason))])
            }
            Command::Stop { step, signal } => self.stop(step, signal),
            Command::Pause { .. } if self.session.paused => Ok(Vec::new()),
            Command::Pause { reason } => Ok(vec![Event::SessionPaused(Paused { paused: true, reason: reason.clone() })]),
            Command::Unpause if !self.session.paused => Ok(Vec::new()),
            Command::Unpause => Ok(vec![Event::SessionPaused(Paused { paused: false, reason: None })]),
            Command::Note { text } => {
                let text = given(text, "An empty note is not written.")?;
                let path = self.session.step_in_hand().map(|s| s.path);
                Ok(vec![Event::NoteAdded(Note { path, text })])
            }
            Command::View { panels } => Ok(vec![Event::ViewChanged(ViewChanged { panels: panels.clone() })]),
        }
    }

    fn open(&self, step: &StepRef) -> Result<&Visit, Refusal> {
        match self.session.visit(step) {
            // A call's own visit is open too, and a step a guard's procedure came between.
            Some(visit) if visit.is_open() && !self.session.open_visits().any(|v| v.step == *step) => {
                refuse(format!("{} is not the step in hand.", step.path))
            }
            Some(visit) if visit.is_open() => Ok(visit),
            Some(_) => refuse(format!("{} is over.", step.path)),
            None => refuse(format!("{} has not begun.", step.path)),
        }
    }

    fn decision(&self, about: About, step: Option<&StepRef>, choice: &str, label: String, reason: Option<&str>) -> Event {
        Event::DecisionMade(Box::new(DecisionMade {
            about,
            path: step.map(|s| s.path.clone()),
            visit: step.map(|s| s.visit),
            guard: None,
            choice: choice.to_owned(),
            label,
            reason: reason.map(str::to_owned),
            by: self.by,
            evidence: self.session.evidence(self.at),
        }))
    }

    fn deviation(&self, what: &str, step: &StepRef, reason: String) -> Event {
        Event::DeviationRecorded(Box::new(Deviation {
            what: what.to_owned(),
            path: Some(step.path.clone()),
            reason,
            by: self.by,
            evidence: self.session.evidence(self.at),
        }))
    }

    fn start(
        &self,
        step: &StepRef,
        prepared: Option<&ObjectState>,
        baselines: &BTreeMap<String, Result<Measure, String>>,
    ) -> Decided {
        let session = self.session;
        let visit = self.open(step)?;
        if session.paused {
            return refuse("The session is paused; go on with p first.");
        }
        if session.is_held() {
            return refuse("A guard has tripped; answer it before anything new starts.");
        }
        if let Some(lacking) = approval::lacking(session).filter(|_| visit_changes(session, visit) && !session.runs_by_itself()) {
            return refuse(format!("What {} approved does not count any more; it has to be approved anew.", lacking.step.path));
        }
        match session.last_effect(visit) {
            None => {}
            Some(effect) if effect.ended.is_none() => return refuse(format!("{} is already running.", step.path)),
            Some(_) => return refuse(format!("{} has already run in this visit.", step.path)),
        }
        if let Some(unpinned) =
            session.unpinned(self.at).first().filter(|_| visit_changes(session, visit) && !session.in_rollback())
        {
            return refuse(format!(
                "{unpinned} has not been read yet, so a rollback would not know what to go back to. Wait for the cluster to answer."
            ));
        }
        let what = match what_of(session, self.at, visit) {
            Ok(Some(what)) => what,
            Ok(None) => return refuse(format!("{} starts nothing.", step.path)),
            Err(Unknown(why)) => return refuse(format!("{} cannot be worked out: {why}.", step.path)),
        };
        let mut intent = session.intent_of(visit, what, Session::purpose_of(visit), self.by);
        if needs_preparation(session, visit) {
            let Some(object) = prepared else {
                return refuse(format!("The object {} changes has not been read yet.", step.path));
            };
            intent.object = Some(object.clone());
        }
        let mut events =
            if intent.changes && intent.purpose == Purpose::Step { self.fix_baselines(baselines) } else { Vec::new() };
        events.push(Event::EffectIntended(Box::new(intent)));
        Ok(events)
    }

    /// Baselines are fixed once, before the first change.
    fn fix_baselines(&self, baselines: &BTreeMap<String, Result<Measure, String>>) -> Vec<Event> {
        let session = self.session;
        let open = |name: &str| session.signals.get(name).is_some_and(|s| s.baseline.is_none());
        let declared = session.plan().runbook().signals.iter().filter(|s| s.baseline.is_some() && open(&s.name));
        declared
            .map(|signal| {
                let name = signal.name.value.clone();
                let (value, detail) = match baselines.get(&name) {
                    Some(Ok(measure)) => (Some(*measure), "mean before the first change".to_owned()),
                    Some(Err(why)) => (None, why.clone()),
                    None => (None, "no data before the first change".to_owned()),
                };
                Event::BaselineFixed(BaselineFixed { signal: name, value, detail })
            })
            .collect()
    }

    fn confirm(&self, step: &StepRef, yes: bool) -> Decided {
        let visit = self.open(step)?;
        let label = match action_of(self.session, visit) {
            ActionOf::Action(Action::Confirm(confirm)) => match (yes, &confirm.no) {
                (true, _) => "yes".to_owned(),
                (false, ConfirmNo::Hold) => "no: stay here".to_owned(),
                (false, ConfirmNo::Abort) => "no: abort".to_owned(),
                (false, ConfirmNo::Procedure(procedure)) => format!("no: run {procedure}"),
            },
            ActionOf::ByHand if yes => "undone by hand".to_owned(),
            ActionOf::ByHand => "not undone yet".to_owned(),
            _ => return refuse(format!("{} asks no yes-or-no question.", step.path)),
        };
        if visit.choice.as_ref().is_some_and(|c| c.key == "yes") {
            return Ok(Vec::new());
        }
        Ok(vec![self.decision(About::Confirm, Some(step), if yes { "yes" } else { "no" }, label, None)])
    }

    fn tick(&self, step: &StepRef, number: u32, ticked: bool, note: Option<&str>) -> Decided {
        let visit = self.open(step)?;
        let ActionOf::Action(Action::Checklist(items)) = action_of(self.session, visit) else {
            return refuse(format!("{} is no checklist.", step.path));
        };
        let item = usize::try_from(number).ok().and_then(|i| items.get(i));
        let Some(item) = item else { return refuse(format!("{} has no item {}.", step.path, number + 1)) };
        if visit.ticks.contains_key(&number) == ticked {
            return Ok(Vec::new());
        }
        let scope = self.session.scope(self.at, &visit.context);
        let note = note.map(str::trim).filter(|n| !n.is_empty());
        let against = ticked && item.check.as_ref().is_some_and(|c| c.truth(&scope) != Truth::True);
        if against && note.is_none() {
            return refuse("The check does not hold: ticking it by hand needs a reason.");
        }
        if ticked && item.note_required && note.is_none() {
            return refuse("Ticking this item needs a note.");
        }
        Ok(vec![Event::ItemTicked(ItemTicked {
            path: step.path.clone(),
            visit: step.visit,
            item: number,
            text: item.text.render(&scope).unwrap_or_else(|_| item.text.source().to_owned()),
            ticked,
            by_check: false,
            note: note.map(str::to_owned),
            evidence: Some(self.session.evidence(self.at)),
        })])
    }

    fn complete_checklist(&self, step: &StepRef) -> Decided {
        let visit = self.open(step)?;
        let ActionOf::Action(Action::Checklist(items)) = action_of(self.session, visit) else {
            return refuse(format!("{} is no checklist.", step.path));
        };
        let open = items.len().saturating_sub(visit.ticks.len());
        if open > 0 {
            return refuse(format!("{open} of {} items are not ticked.", items.len()));
        }
        Ok(vec![walk::finish(self.session, self.at, visit, StepOutcome::Done, None)])
    }

    fn give(&self, step: &StepRef, values: &BTreeMap<String, crate::runbook::Value>, secrets: &[String]) -> Decided {
        let visit = self.open(step)?;
        let ActionOf::Action(Action::Input(inputs)) = action_of(self.session, visit) else {
            return refuse(format!("{} is no form.", step.path));
        };
        let missing = inputs.iter().find(|i| {
            i.required && i.default.is_none() && !values.contains_key(&i.name.value) && !secrets.contains(&i.name.value)
        });
        if let Some(input) = missing {
            return refuse(format!("{} is needed.", input.prompt.clone().unwrap_or_else(|| input.name.value.clone())));
        }
        let defaults = inputs.iter().filter_map(|i| i.default.clone().map(|d| (i.name.value.clone(), d)));
        let known =
            values.iter().filter(|(n, _)| inputs.iter().any(|i| i.name.value == **n)).map(|(n, v)| (n.clone(), v.clone()));
        Ok(vec![Event::InputGiven(InputGiven {
            path: step.path.clone(),
            visit: step.visit,
            values: defaults.chain(known).collect(),
            secrets: secrets.to_vec(),
        })])
    }

    fn choose(&self, step: &StepRef, key: char, reason: Option<&str>) -> Decided {
        let visit = self.open(step)?;
        let ActionOf::Action(Action::Decide(decide)) = action_of(self.session, visit) else {
            return refuse(format!("{} is no decision.", step.path));
        };
        if visit.choice.is_some() {
            return refuse("That is decided already.");
        }
        let Some(option) = decide.options.iter().find(|o| o.key.value == key) else {
            return refuse(format!("There is no option {key}."));
        };
        let reason = reason.map(str::trim).filter(|r| !r.is_empty());
        if option.reason_required && reason.is_none() {
            return refuse("This option needs a reason.");
        }
        let scope = self.session.scope(self.at, &visit.context);
        let label = option.label.render(&scope).unwrap_or_else(|_| option.label.source().to_owned());
        Ok(vec![self.decision(About::Decide, Some(step), &key.to_string(), label, reason)])
    }

    fn failure(&self, step: &StepRef, choice: FailureChoice, reason: Option<&str>) -> Decided {
        let prompt = self.session.prompt(self.at);
        let gate = matches!(&prompt, Prompt::GateHold { step: s, .. } if s == step);
        let failed = matches!(&prompt, Prompt::Failure { step: s, .. } if s == step);
        let can_continue = matches!(&prompt, Prompt::Failure { can_continue: true, .. });
        if !gate && !failed {
            return refuse(format!("{} asks no such question now.", step.path));
        }
        let reason = reason.map(str::trim).filter(|r| !r.is_empty());
        match choice {
            FailureChoice::Rollback => self.rollback(Some(reason.unwrap_or(&format!("{} failed", step.path)))),
            FailureChoice::Abort => self.abort(reason.unwrap_or(&format!("{} failed", step.path))),
            FailureChoice::Continue if reason.is_none() => refuse("Going on after a failure needs a reason."),
            FailureChoice::Continue if gate => self.override_gate(step, reason.unwrap_or_default()),
            FailureChoice::Continue if !can_continue => refuse(approval::BINDING),
            FailureChoice::Continue => {
                let failed = self.session.visit(step).and_then(|visit| self.session.step_of(visit));
                let approval = failed.is_some_and(|step| matches!(step.action, Action::Approve(_)));
                let what = if approval { approval::PASSED } else { "continued" };
                Ok(vec![
                    self.deviation(what, step, reason.unwrap_or_default().to_owned()),
                    self.decision(About::Failure, Some(step), "continue", "go on with the next step".to_owned(), reason),
                ])
            }
            FailureChoice::Retry if gate => {
                let visit = self.open(step)?;
                let why = "no verdict in time; judged again".to_owned();
                // The answer first: between the two, `on_failure` must not have its say.
                Ok(vec![
                    self.decision(About::Failure, Some(step), "retry", "judge again".to_owned(), reason),
                    walk::end(self.session, self.at, visit, StepOutcome::Failed, Some(why)),
                ])
            }
            FailureChoice::Retry => {
                Ok(vec![self.decision(About::Failure, Some(step), "retry", "run it again".to_owned(), reason)])
            }
        }
    }

    fn settle(&self, step: &StepRef, choice: SettleChoice, reason: Option<&str>) -> Decided {
        let visit = self.open(step)?;
        let unknown = self.session.unsettled(visit).filter(|e| e.settled.is_none());
        let unknown = unknown.filter(|e| e.ended.as_ref().is_some_and(|e| e.outcome == Outcome::Unknown));
        let Some(effect) = unknown else { return refuse(format!("The outcome of {} is known.", step.path)) };
        if choice == SettleChoice::Look {
            if self.session.running_effect(visit).is_some() {
                return refuse("It is being looked at already.");
            }
            return match outcome::look_what(self.session, self.at, visit, &effect.intent) {
                Some(Ok(what)) => {
                    Ok(vec![Event::EffectIntended(Box::new(self.session.intent_of(visit, what, Purpose::Look, self.by)))])
                }
                Some(Err(Unknown(why))) => refuse(format!("How to look cannot be worked out: {why}.")),
                None => refuse("Nothing says how to look; find out yourself and say what you found."),
            };
        }
        let reason = given(reason.unwrap_or_default(), "Say how you know.")?;
        Ok(vec![Event::OutcomeSettled(OutcomeSettled {
            effect: effect.intent.effect,
            path: step.path.clone(),
            visit: step.visit,
            done: choice == SettleChoice::Done,
            looked: false,
            reason,
        })])
    }

    fn when(&self, step: &StepRef, run: bool, reason: &str) -> Decided {
        let session = self.session;
        let asked = walk::unjudged_when(session, self.at).filter(|(path, ..)| *path == step.path);
        let Some(asked) = asked.and_then(|(_, index, _)| session.entry(index)) else {
            return refuse(format!("{} asks no such question now.", step.path));
        };
        if !run && approval::is_binding(session, &asked.action) {
            return refuse(approval::BINDING);
        }
        let reason = given(reason, "Say why, since the condition cannot be judged.")?;
        let (choice, label) = if run { ("run", "run it") } else { ("skip", "leave it out") };
        let passed = !run && matches!(asked.action, Action::Approve(_));
        let passed = passed.then(|| self.deviation(approval::PASSED, step, reason.clone()));
        let decision = self.decision(About::When, Some(step), choice, label.to_owned(), Some(&reason));
        Ok(passed.into_iter().chain([decision]).collect())
    }

    fn override_gate(&self, step: &StepRef, reason: &str) -> Decided {
        let visit = self.open(step)?;
        if !matches!(action_of(self.session, visit), ActionOf::Action(Action::Gate(_))) {
            return refuse(format!("{} is no gate.", step.path));
        }
        let reason = given(reason, "Overriding a gate needs a reason.")?;
        Ok(vec![self.deviation("gate-overridden", step, reason)])
    }

    fn skip(&self, step: &StepRef, reason: &str) -> Decided {
        let session = self.session;
        if let Some(lacking) = approval::lacking(session).filter(|lacking| lacking.step == *step) {
            if session.step_of(lacking).is_some_and(|step| approval::is_binding(session, &step.action)) {
                return refuse(approval::BINDING);
            }
            let reason = given(reason, "Going on without an approval needs a reason.")?;
            return Ok(vec![self.deviation(approval::PASSED, step, reason)]);
        }
        let visit = self.open(step)?;
        if session.running_effect(visit).is_some() {
            return refuse(format!("{} is running; stop it first.", step.path));
        }
        let unsettled = session
            .unsettled(visit)
            .is_some_and(|e| e.settled.is_none() && e.ended.as_ref().is_some_and(|e| e.outcome == Outcome::Unknown));
        if unsettled {
            return refuse("Its outcome is unknown: say first what you found.");
        }
        match action_of(session, visit) {
            ActionOf::List => return refuse(format!("{} is walked step by step; skip the step in hand.", step.path)),
            ActionOf::Action(Action::Call(_) | Action::Parallel(_) | Action::UndoAll) => {
                return refuse(format!("{} is walked step by step; skip the step in hand.", step.path));
            }
            ActionOf::Action(action) if approval::is_binding(session, action) => return refuse(approval::BINDING),
            _ => {}
        }
        let reason = given(reason, "Skipping a step needs a reason.")?;
        Ok(vec![self.deviation("skipped", step, reason)])
    }

    fn guard(&self, id: &str, choice: GuardChoice, reason: Option<&str>) -> Decided {
        let guards = &self.session.plan().runbook().guards;
        let Some(index) = guards.iter().position(|g| g.id.value == id) else { return refuse(format!("There is no guard {id}.")) };
        let (Some(guard), Some(progress)) = (guards.get(index), self.session.guards.get(index)) else {
            return refuse(format!("There is no guard {id}."));
        };
        if let GuardChoice::Snooze(for_ms) = choice {
            let reason = given(reason.unwrap_or_default(), "Snoozing a guard needs a reason.")?;
            return Ok(vec![Event::GuardSnoozed(GuardSnoozed { guard: id.to_owned(), for_ms, reason, by: self.by })]);
        }
        if progress.tripped.is_none() {
            return refuse(format!("{id} has not tripped."));
        }
        let reason = reason.map(str::trim).filter(|r| !r.is_empty());
        let (word, label) = match choice {
            // It holds already, so what is offered as acting is to roll back.
            GuardChoice::Act if guard.then == GuardAction::Hold => ("rollback", "roll back".to_owned()),
            GuardChoice::Act => ("act", walk::guard_action_text(&guard.then)),
            GuardChoice::Rollback => ("rollback", "roll back".to_owned()),
            GuardChoice::Hold | GuardChoice::Snooze(_) => {
                if reason.is_none() {
                    return refuse("Going on although a guard has tripped needs a reason.");
                }
                ("hold", "go on all the same".to_owned())
            }
        };
        let Event::DecisionMade(mut decision) = self.decision(About::Guard, None, word, label, reason) else {
            return Ok(Vec::new());
        };
        decision.guard = Some(id.to_owned());
        Ok(vec![Event::DecisionMade(decision)])
    }

    fn rollback(&self, reason: Option<&str>) -> Decided {
        if self.session.in_rollback() || self.session.was_entered("rollback") {
            return refuse("The rollback is under way already.");
        }
        if self.session.was_entered("finally") {
            return refuse("The session is at its end; roll back with `pacenote rollback` after it has closed.");
        }
        Ok(vec![self.decision(About::Rollback, None, "rollback", "roll back".to_owned(), reason)])
    }

    fn abort(&self, reason: &str) -> Decided {
        if self.session.was_entered("finally") {
            return refuse("The session is at its end already.");
        }
        let reason = given(reason, "Aborting needs a reason.")?;
        Ok(vec![self.decision(About::Abort, None, "abort", "end without rolling back".to_owned(), Some(&reason))])
    }

    fn interrupt(&self, step: &StepRef, kill: bool) -> Decided {
        if self.session.to_interrupt().as_ref() != Some(step) {
            return refuse(format!("{} need not be interrupted.", step.path));
        }
        let (choice, label) = if kill { ("kill", "stop it now") } else { ("wait", "let it end") };
        Ok(vec![self.decision(About::Interrupt, Some(step), choice, label.to_owned(), None)])
    }

    fn stop(&self, step: &StepRef, signal: &str) -> Decided {
        let visit = self.open(step)?;
        if self.session.running_effect(visit).is_none() {
            return refuse(format!("Nothing runs in {}.", step.path));
        }
        Ok(vec![self.decision(About::Stop, Some(step), signal, format!("stop with {signal}"), None)])
    }
}

/// Text that must not be empty.
fn given(text: &str, otherwise: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.is_empty() { refuse(otherwise) } else { Ok(text.to_owned()) }
}

/// Whether a gate waits for an answer because it has no verdict.
pub(super) fn holds(visit: &Visit) -> bool {
    visit.is_open() && visit.gate.end == Some(GateEnd::Hold)
}
