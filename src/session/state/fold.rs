//! Folding one record into the state.

use std::collections::BTreeMap;

use super::super::approval::PASSED;
use super::super::event::{About, DecisionMade, EnteredAs, Event, Outcome, StepEnded, StepEntered, StepOutcome};
use super::super::intent::Purpose;
use super::super::message::{FailureChoice, StepRef};
use super::super::path::StepPath;
use super::super::plan::{ListId, ListRef, Site};
use super::super::resolve::{ActionOf, action_of};
use super::super::secrets;
use super::super::time::At;
use super::super::undo;
use super::super::updates::is_update;
use super::{
    Approvals, Choice, Context, Effect, Ended, Ending, FoldError, Frame, FrameKind, GateProgress, Session, Tick, Tripped, Visit,
    WhenAnswer,
};
use crate::runbook::Value;
use crate::runbook::expression::Truth;
use crate::runbook::model::{Action, Call, CallTarget, ConfirmNo, GuardAction, OptionThen, Undo};

impl Session {
    /// Folds one record. `at` is the record's own time.
    ///
    /// # Errors
    /// When the record does not fit the state. The session must then not be gone on with.
    pub fn apply(&mut self, at: At, event: &Event) -> Result<(), FoldError> {
        if self.closed.is_some() && !matches!(event, Event::SealIntended(_) | Event::JournalSealed(_)) {
            return Err(FoldError::AfterClose);
        }
        if let Event::SessionResumed(_) = event {
            // The monotonic clock starts again; the session's own goes on where it was.
            self.base_ms = self.last_ms;
        }
        let now = self.clock(at);
        self.last_ms = now;
        self.records += 1;
        match event {
            Event::SessionOpened(_) => return Err(FoldError::OpenedTwice),
            Event::SessionResumed(resumed) => {
                self.operator = resumed.operator.clone();
                self.operators.push(resumed.operator.clone());
                self.restart_clocks(now);
            }
            Event::SessionPaused(paused) => {
                self.paused = paused.paused;
                if !paused.paused {
                    self.restart_clocks(now);
                }
            }
            Event::StepEntered(entered) => self.enter(at, now, entered)?,
            Event::StepEnded(ended) => self.end(at, now, ended)?,
            Event::DecisionMade(decision) => self.decided(decision)?,
            Event::EffectIntended(_) | Event::EffectEnded(_) | Event::OutcomeSettled(_) => self.effect(now, event)?,
            Event::GuardArmed(_) | Event::GuardTripped(_) | Event::GuardSnoozed(_) => self.guard(at, now, event),
            Event::SignalSampled(_) | Event::BaselineFixed(_) => self.signal(at, now, event),
            Event::NoteAdded(note) => self.notes.push((now, note.text.clone())),
            Event::FollowupNoted(_) => self.followups += 1,
            Event::SessionClosed(closed) => self.closed = Some(closed.clone()),
            Event::InputsChanged(changed) => {
                self.inputs.extend(changed.values.clone());
                self.outdate_approvals("the inputs were changed");
            }
            Event::RunbookChanged(_) => self.outdate_approvals("the runbook was changed"),
            Event::TargetPinned(pin) => {
                if !self.pins.iter().any(|p| p.workload == pin.workload) {
                    self.pins.push((**pin).clone());
                }
            }
            Event::DeviationRecorded(deviation) => {
                self.deviations += 1;
                let path = deviation.path.as_ref();
                // What was approved can be made void, and passed over, when its step is over.
                let of_approval = deviation.what == PASSED;
                let visits = path.and_then(|p| self.visits.get_mut(p));
                let visit =
                    visits.and_then(|v| if of_approval { v.last_mut() } else { v.iter_mut().rev().find(|v| v.is_open()) });
                match (deviation.what.as_str(), visit) {
                    ("emergency", _) => self.emergency = Some(deviation.reason.clone()),
                    ("skipped", Some(visit)) => visit.skip = Some(deviation.reason.clone()),
                    ("gate-overridden" | PASSED, Some(visit)) => visit.pass = Some(deviation.reason.clone()),
                    _ => {}
                }
            }
            Event::ItemTicked(_)
            | Event::InputGiven(_)
            | Event::GateJudged(_)
            | Event::ApprovalRequested(_)
            | Event::ApprovalGiven(_)
            | Event::ApprovalRefused(_)
            | Event::ApprovalVoided(_) => self.within_visit(now, event)?,
            Event::ViewChanged(_)
            | Event::LockTaken(_)
            | Event::LockTakenOver(_)
            | Event::FreezeSet(_)
            | Event::AnchorConfirmed(_)
            | Event::JournalRecovered(_)
            | Event::SealIntended(_)
            | Event::JournalSealed(_) => {}
        }
        Ok(())
    }

    /// Records that concern one open visit only.
    fn within_visit(&mut self, now: u64, event: &Event) -> Result<(), FoldError> {
        match event {
            Event::ItemTicked(tick) => {
                let visit = self.open_visit(&tick.path, tick.visit)?;
                if tick.ticked {
                    visit.ticks.insert(tick.item, Tick { by_check: tick.by_check, note: tick.note.clone() });
                } else {
                    visit.ticks.remove(&tick.item);
                }
            }
            Event::InputGiven(given) => self.open_visit(&given.path, given.visit)?.given = Some(given.values.clone()),
            Event::GateJudged(judged) => {
                self.open_visit(&judged.path, judged.visit)?.gate = GateProgress {
                    judged_ms: Some(now),
                    passed_ms: judged.passed_ms,
                    failures: judged.failures,
                    last: Some((judged.verdict, judged.why.clone())),
                    end: judged.final_verdict,
                };
            }
            Event::ApprovalRequested(a) => self.approvals_of(&a.path, a.visit)?.request = Some(a.clone()),
            Event::ApprovalGiven(a) => {
                let key = a.signed.as_ref().map(|signed| signed.key.clone());
                self.approvals_of(&a.path, a.visit)?.given.push((a.by.clone(), key));
            }
            Event::ApprovalRefused(a) => {
                let why = a.reason.clone().unwrap_or_else(|| "no reason given".to_owned());
                self.approvals_of(&a.path, a.visit)?.refused = Some(format!("refused by {}: {why}", a.by));
            }
            Event::ApprovalVoided(a) => *self.approvals_of(&a.path, a.visit)? = Approvals::default(),
            _ => {}
        }
        Ok(())
    }

    /// The approvals of a step, which may be over: what was approved can be made void.
    fn approvals_of(&mut self, path: &StepPath, visit: u32) -> Result<&mut Approvals, FoldError> {
        let step = StepRef { path: path.clone(), visit };
        self.visit_mut(&step).map(|visit| &mut visit.approvals).ok_or_else(|| not_open(&step))
    }

    fn outdate_approvals(&mut self, why: &str) {
        let asked = self.visits.values_mut().flatten().filter(|visit| visit.approvals.request.is_some());
        asked.for_each(|visit| visit.approvals.outdated = Some(why.to_owned()));
    }

    fn effect(&mut self, now: u64, event: &Event) -> Result<(), FoldError> {
        let (effect, undone) = match event {
            Event::EffectIntended(intent) => {
                let step = StepRef { path: intent.path.clone(), visit: intent.visit };
                if !is_update(&step.path) {
                    self.visit_mut(&step).ok_or_else(|| not_open(&step))?.effects.push(intent.effect);
                }
                if intent.changes && intent.purpose == Purpose::Step {
                    self.changed_at.get_or_insert(now);
                }
                let effect = Effect { intent: (**intent).clone(), started_ms: now, ended: None, settled: None };
                self.effects.insert(intent.effect, effect);
                return Ok(());
            }
            Event::EffectEnded(ended) => {
                let effect = self.effects.get_mut(&ended.effect).ok_or(FoldError::NoSuchEffect(ended.effect))?;
                effect.ended = Some((**ended).clone());
                (ended.effect, ended.outcome == Outcome::Succeeded)
            }
            Event::OutcomeSettled(settled) => {
                let effect = self.effects.get_mut(&settled.effect).ok_or(FoldError::NoSuchEffect(settled.effect))?;
                effect.settled = Some((settled.done, settled.reason.clone()));
                (settled.effect, settled.done)
            }
            _ => return Ok(()),
        };
        let purpose = self.effects.get(&effect).map(|e| e.intent.purpose.clone());
        if let (Some(Purpose::Undo { of, of_visit }), true) = (purpose, undone) {
            self.mark_undone(&StepRef { path: of, visit: of_visit });
        }
        Ok(())
    }

    fn signal(&mut self, at: At, now: u64, event: &Event) {
        match event {
            Event::SignalSampled(sampled) => {
                for (name, reading) in &sampled.readings {
                    if let Some(signal) = self.signals.get_mut(name) {
                        // Ages are counted on the session's own clock, so that a wall
                        // clock set back cannot make an old reading young.
                        let late = (at.wall - reading.taken).num_milliseconds().clamp(0, 600_000);
                        signal.taken_ms = now.saturating_sub(u64::try_from(late).unwrap_or(0));
                        if reading.has_value() {
                            signal.had_value_ms = Some(signal.taken_ms);
                        }
                        signal.reading = Some(reading.clone());
                    }
                }
                self.follow_guards(at, now);
            }
            Event::BaselineFixed(baseline) => {
                if let Some(signal) = self.signals.get_mut(&baseline.signal) {
                    // A mean that is not finite is no baseline: nothing can be judged against it.
                    signal.baseline = Some(match baseline.value {
                        Some(mean) if mean.0.is_finite() => Ok(mean.0),
                        Some(mean) => Err(format!("it is {mean}")),
                        None => Err(baseline.detail.clone()),
                    });
                }
            }
            _ => {}
        }
    }

    fn guard(&mut self, at: At, now: u64, event: &Event) {
        match event {
            Event::GuardArmed(armed) => {
                if let Some(guard) = self.guard_mut(&armed.guard) {
                    guard.armed = true;
                }
                self.follow_guards(at, now);
            }
            Event::GuardTripped(tripped) => {
                if let Some(guard) = self.guard_mut(&tripped.guard) {
                    guard.tripped = Some(Tripped { at_ms: now });
                }
            }
            Event::GuardSnoozed(snoozed) => {
                if let Some(guard) = self.guard_mut(&snoozed.guard) {
                    guard.snoozed_until = Some(now.saturating_add(snoozed.for_ms));
                    guard.tripped = None;
                    guard.true_since = None;
                }
            }
            _ => {}
        }
    }

    /// Gates, waits for a condition and guards count again from now after a pause or an
    /// absence.
    fn restart_clocks(&mut self, now: u64) {
        for visit in self.visits.values_mut().flatten().filter(|v| v.is_open()) {
            visit.clock_ms = now;
            visit.gate.judged_ms = None;
            visit.gate.passed_ms = 0;
            visit.gate.failures = 0;
        }
        for guard in &mut self.guards {
            guard.true_since = None;
        }
    }

    fn open_visit(&mut self, path: &StepPath, visit: u32) -> Result<&mut Visit, FoldError> {
        let step = StepRef { path: path.clone(), visit };
        self.visit_mut(&step).filter(|v| v.is_open()).ok_or_else(|| not_open(&step))
    }

    fn guard_mut(&mut self, id: &str) -> Option<&mut super::GuardProgress> {
        let index = self.plan.runbook().guards.iter().position(|g| g.id.value == id)?;
        self.guards.get_mut(index)
    }

    fn mark_undone(&mut self, step: &StepRef) {
        if let Some(visit) = self.visit_mut(step) {
            visit.undone = true;
        }
    }

    fn enter(&mut self, at: At, now: u64, entered: &StepEntered) -> Result<(), FoldError> {
        let step = StepRef { path: entered.path.clone(), visit: entered.visit };
        let (site, context) = self.place(entered)?;
        let mut visit = Visit::fresh(at, now, step.clone(), entered.kind, site.clone(), context.clone(), entered.title.clone());
        visit.undoes = entered.undoes.as_ref().map(|(path, visit)| StepRef { path: path.clone(), visit: *visit });
        if matches!(entered.kind, EnteredAs::Step | EnteredAs::ForEach | EnteredAs::Undo) {
            visit.broken.clone_from(&entered.cause);
        }
        let broken = visit.broken.is_some();
        self.visits.entry(step.path.clone()).or_default().push(visit);
        self.order.push(step.clone());
        if let Some((guard, _)) = step.path.as_str().strip_prefix("guard:").and_then(|p| p.split_once('!'))
            && let Some(progress) = self.guard_mut(guard)
        {
            progress.procedure_due = false;
        }
        if !broken && let Some(frame) = self.frame_for(&step, entered, site, context) {
            self.frames.push(frame);
        }
        Ok(())
    }

    /// Where an entered path stands in the plan, and what it can see. Moves the frame.
    fn place(&mut self, entered: &StepEntered) -> Result<(Option<Site>, Context), FoldError> {
        let missing = || FoldError::NoSuchStep(entered.path.to_string());
        match entered.kind {
            EnteredAs::Step | EnteredAs::ForEach => {
                let plan = self.plan.0.clone();
                let frame = self.frames.last_mut().ok_or_else(missing)?;
                if let FrameKind::ForEach { site, items } = &frame.kind {
                    let item = entered.item.clone().ok_or_else(missing)?;
                    frame.at = Some(items.iter().position(|i| *i == item).ok_or_else(missing)?);
                    let context = Context { item: Some(item), ..frame.context.clone() };
                    return Ok((Some(site.clone()), context));
                }
                let steps = plan.steps(&frame.list);
                let index = steps.iter().position(|s| frame.prefix.child(&s.id) == entered.path).ok_or_else(missing)?;
                if frame.kind == FrameKind::List {
                    frame.at = Some(index);
                }
                Ok((Some(Site { list: frame.list.clone(), index }), frame.context.clone()))
            }
            EnteredAs::Procedure | EnteredAs::Rollback | EnteredAs::Finally => Ok((None, Context::default())),
            EnteredAs::Undo => {
                let (path, visit) = entered.undoes.clone().ok_or_else(missing)?;
                let target = StepRef { path, visit };
                let undone = self.visit(&target).ok_or_else(missing)?;
                let place = (undone.site.clone(), undone.context.clone());
                if let Some(frame) = self.frames.last_mut()
                    && let FrameKind::Undo { targets } = &frame.kind
                {
                    frame.at = targets.iter().position(|t| *t == target);
                }
                Ok(place)
            }
        }
    }

    /// What the steps of a called list see.
    /// What the steps of a called list can see.
    pub(in crate::session) fn called(
        &self,
        call: &Call,
        list: &ListRef,
        prefix: &StepPath,
        with: &BTreeMap<String, Value>,
        caller: &Context,
    ) -> Context {
        let with_secrets = secrets::passed(self, caller, call);
        let (inputs, input_secrets) = match call.target {
            CallTarget::File { .. } => (Some(with.clone()), Some(with_secrets.clone())),
            CallTarget::Procedure(_) => (caller.inputs.clone(), caller.input_secrets.clone()),
        };
        let (file, prefix, with) = (list.file.clone(), prefix.clone(), with.clone());
        Context { file, prefix, with, with_secrets, item: None, inputs, input_secrets }
    }

    /// The list an entered step leads into, where it leads into one.
    fn frame_for(&self, step: &StepRef, entered: &StepEntered, site: Option<Site>, context: Context) -> Option<Frame> {
        let prefix = step.path.clone();
        let since = self.order.len();
        let frame = |kind, list, context| Frame {
            kind,
            prefix: prefix.clone(),
            owner: Some(step.clone()),
            list,
            at: None,
            context,
            since,
        };
        let root = |list: ListId| ListRef { file: String::new(), list };
        let fresh = || Context { prefix: prefix.clone(), ..Context::default() };
        match entered.kind {
            EnteredAs::ForEach => {
                let (site, items) = (site?, entered.items.clone()?);
                let list = site.list.clone();
                Some(frame(FrameKind::ForEach { site, items }, list, context))
            }
            EnteredAs::Step => {
                let site = site?;
                match self.plan.step(&site).map(|s| &s.action)? {
                    Action::Call(call) => {
                        let list = self.plan.call_target(&site.list.file, &call.target);
                        Some(frame(FrameKind::List, list.clone(), self.called(call, &list, &prefix, &entered.with, &context)))
                    }
                    Action::Parallel(_) => {
                        let list = ListRef { file: site.list.file.clone(), list: ListId::Parallel(Box::new(site)) };
                        Some(frame(FrameKind::Parallel, list, Context { prefix: prefix.clone(), ..context }))
                    }
                    Action::UndoAll => Some(frame(FrameKind::Undo { targets: undo::targets(self) }, site.list, context)),
                    _ => None,
                }
            }
            EnteredAs::Procedure => {
                let (parent, id) = step.path.as_str().rsplit_once('!').unwrap_or(("", step.path.as_str()));
                let caller =
                    self.visits.get(&StepPath::new(parent)).and_then(|v| v.last()).map(|v| v.context.clone()).unwrap_or_default();
                let list = ListRef { file: caller.file.clone(), list: ListId::Procedure(id.to_owned()) };
                Some(frame(
                    FrameKind::List,
                    list,
                    Context {
                        prefix: prefix.clone(),
                        with: entered.with.clone(),
                        with_secrets: BTreeMap::new(),
                        item: None,
                        ..caller
                    },
                ))
            }
            EnteredAs::Rollback if self.plan.has_rollback_procedure() => {
                Some(frame(FrameKind::List, root(ListId::Procedure("rollback".to_owned())), fresh()))
            }
            EnteredAs::Rollback => Some(frame(FrameKind::Undo { targets: undo::targets(self) }, root(ListId::Main), fresh())),
            EnteredAs::Finally => Some(frame(FrameKind::List, root(ListId::Finally), fresh())),
            EnteredAs::Undo => {
                let site = site?;
                let Some(Undo::Action(action)) = self.plan.step(&site).and_then(|s| s.undo.as_ref()) else { return None };
                let Action::Call(call) = &**action else { return None };
                let list = self.plan.call_target(&site.list.file, &call.target);
                Some(frame(FrameKind::List, list.clone(), self.called(call, &list, &prefix, &entered.with, &context)))
            }
        }
    }

    fn end(&mut self, at: At, now: u64, ended: &StepEnded) -> Result<(), FoldError> {
        let step = StepRef { path: ended.path.clone(), visit: ended.visit };
        let end = Ended { outcome: ended.outcome, reason: ended.reason.clone(), at_ms: now, treatment: ended.treatment };
        if ended.visit == 0 {
            return self.pass_by(at, now, step, end);
        }
        let visit = self.open_visit(&ended.path, ended.visit)?;
        visit.ended = Some(end);
        let kind = visit.kind;
        let undoes = visit.undoes.clone();
        if self.frames.last().and_then(|f| f.owner.as_ref()) == Some(&step) {
            self.frames.pop();
        }
        if let (EnteredAs::Undo, StepOutcome::Done, Some(target)) = (kind, ended.outcome, undoes) {
            self.mark_undone(&target);
        }
        if kind == EnteredAs::Procedure
            && let Some((parent, _)) = step.path.as_str().rsplit_once('!')
            && let Some(visit) =
                self.visits.get_mut(&StepPath::new(parent)).and_then(|v| v.iter_mut().rev().find(|v| v.step.visit > 0))
        {
            visit.procedure_ended = true;
        }
        Ok(())
    }

    /// A step that was never entered: its `when` is false, or a `next` jumped over it.
    fn pass_by(&mut self, at: At, now: u64, step: StepRef, end: Ended) -> Result<(), FoldError> {
        let plan = self.plan.0.clone();
        let missing = || FoldError::NoSuchStep(step.path.to_string());
        let frame = self.frames.last_mut().ok_or_else(missing)?;
        let steps = plan.steps(&frame.list);
        let index = steps.iter().position(|s| frame.prefix.child(&s.id) == step.path).ok_or_else(missing)?;
        if end.outcome != StepOutcome::NotChosen && frame.kind == FrameKind::List {
            frame.at = Some(index);
        }
        let site = Some(Site { list: frame.list.clone(), index });
        let title = steps.get(index).map(|s| s.title.source().to_owned()).unwrap_or_default();
        let mut visit = Visit::fresh(at, now, step.clone(), EnteredAs::Step, site, frame.context.clone(), title);
        visit.ended = Some(end);
        self.visits.entry(step.path.clone()).or_default().push(visit);
        self.order.push(step);
        Ok(())
    }

    fn decided(&mut self, decision: &DecisionMade) -> Result<(), FoldError> {
        let why = decision.reason.clone().unwrap_or_else(|| decision.label.clone());
        let during_rollback = self.in_rollback();
        match decision.about {
            About::Rollback => {
                self.end_by(Ending::Rollback { cause: why });
            }
            About::Abort => self.end_by(Ending::Abort { reason: why, during_rollback }),
            About::Guard => self.answer_guard(decision, &why),
            About::When => {
                if let Some(path) = &decision.path {
                    let answer = WhenAnswer { run: decision.choice == "run", reason: why, since: self.order.len() };
                    self.whens.insert(path.clone(), answer);
                }
            }
            About::Confirm | About::Decide => {
                let step = step_of(decision)?;
                let visit = self.open_visit(&step.path, step.visit)?;
                visit.choice = Some(Choice { key: decision.choice.clone(), reason: decision.reason.clone() });
                visit.procedure_ended = false;
                match self.leads_to(&step, &decision.choice) {
                    Some(Lead::Procedure("rollback")) => {
                        self.end_by(Ending::Rollback { cause: format!("{}: {why}", decision.label) });
                    }
                    Some(Lead::Abort) => self.end_by(Ending::Abort { reason: why, during_rollback }),
                    Some(Lead::Procedure(_)) | None => {}
                }
            }
            About::Failure => {
                let step = step_of(decision)?;
                let choice = failure_choice(&decision.choice);
                self.visit_mut(&step).ok_or_else(|| not_open(&step))?.failure = Some(choice);
                match choice {
                    FailureChoice::Abort => self.end_by(Ending::Abort { reason: why, during_rollback }),
                    FailureChoice::Rollback => self.end_by(Ending::Rollback { cause: why }),
                    FailureChoice::Retry | FailureChoice::Continue => {}
                }
            }
            About::Interrupt => {
                let step = step_of(decision)?;
                self.open_visit(&step.path, step.visit)?.interrupt = Some(decision.choice == "kill");
            }
            About::Gate | About::Stop => {}
        }
        Ok(())
    }

    /// The walk ends early. A pause does not hold that up, and what is said in `finally`
    /// changes nothing any more: the session ends the way it was ending.
    fn end_by(&mut self, ending: Ending) {
        if !self.was_entered("finally") {
            self.paused = false;
            self.ending = Some(ending);
        }
    }

    /// Where an answer to a question of a visit leads, other than onwards.
    pub(in crate::session) fn leads_to(&self, step: &StepRef, choice: &str) -> Option<Lead<'_>> {
        let visit = self.visit(step)?;
        match action_of(self, visit) {
            ActionOf::Action(Action::Decide(decide)) => {
                let option = decide.options.iter().find(|o| o.key.value.to_string() == choice)?;
                match &option.then {
                    OptionThen::Call(procedure) => Some(Lead::Procedure(&procedure.value)),
                    OptionThen::Continue | OptionThen::Next(_) => None,
                }
            }
            ActionOf::Action(Action::Confirm(confirm)) if choice == "no" => match &confirm.no {
                ConfirmNo::Hold => None,
                ConfirmNo::Abort => Some(Lead::Abort),
                ConfirmNo::Procedure(procedure) => Some(Lead::Procedure(&procedure.value)),
            },
            _ => None,
        }
    }

    fn answer_guard(&mut self, decision: &DecisionMade, why: &str) {
        let Some(id) = &decision.guard else { return };
        let plan = self.plan.0.clone();
        let Some(index) = plan.runbook().guards.iter().position(|g| g.id.value == *id) else { return };
        let (Some(guard), Some(progress)) = (plan.runbook().guards.get(index), self.guards.get_mut(index)) else { return };
        let acts = decision.choice == "act";
        let rolls_back = match &guard.then {
            GuardAction::Rollback => acts,
            GuardAction::Procedure(procedure) => acts && procedure.value == "rollback",
            GuardAction::Hold => false,
        };
        progress.tripped = None;
        progress.held = true;
        progress.true_since = None;
        progress.procedure_due = acts && !rolls_back && matches!(guard.then, GuardAction::Procedure(_));
        if rolls_back || decision.choice == "rollback" {
            self.end_by(Ending::Rollback { cause: format!("guard {id}: {why}") });
        }
    }

    /// Follows since when each armed guard's condition has been true.
    fn follow_guards(&mut self, at: At, now: u64) {
        let plan = self.plan.0.clone();
        for (index, guard) in plan.runbook().guards.iter().enumerate() {
            let armed = self.guards.get(index).is_some_and(|g| g.armed);
            let truth = if armed { self.guard_truth(at, guard) } else { Truth::False };
            let Some(progress) = self.guards.get_mut(index) else { continue };
            match truth {
                Truth::True => {
                    progress.true_since.get_or_insert(now);
                }
                Truth::False => {
                    progress.true_since = None;
                    progress.held = false;
                }
                Truth::Unknown(_) => progress.true_since = None,
            }
        }
    }
}

/// Where an answer leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Lead<'a> {
    /// To the end.
    Abort,
    /// Into a procedure.
    Procedure(&'a str),
}

impl Visit {
    fn fresh(at: At, now: u64, step: StepRef, kind: EnteredAs, site: Option<Site>, context: Context, title: String) -> Self {
        Self {
            step,
            kind,
            site,
            context,
            title,
            entered_ms: now,
            entered_wall: at.wall,
            clock_ms: now,
            ended: None,
            effects: Vec::new(),
            ticks: BTreeMap::new(),
            given: None,
            choice: None,
            failure: None,
            procedure_ended: false,
            skip: None,
            pass: None,
            interrupt: None,
            gate: GateProgress::default(),
            approvals: Approvals::default(),
            undoes: None,
            undone: false,
            broken: None,
        }
    }
}

/// The word of the format for a choice about a failure, and back.
pub(in crate::session) fn failure_choice(word: &str) -> FailureChoice {
    match word {
        "retry" => FailureChoice::Retry,
        "continue" => FailureChoice::Continue,
        "abort" => FailureChoice::Abort,
        _ => FailureChoice::Rollback,
    }
}

fn not_open(step: &StepRef) -> FoldError {
    FoldError::NotOpen(step.path.to_string(), step.visit)
}

fn step_of(decision: &DecisionMade) -> Result<StepRef, FoldError> {
    match (&decision.path, decision.visit) {
        (Some(path), Some(visit)) => Ok(StepRef { path: path.clone(), visit }),
        _ => Err(FoldError::NoSuchStep("a decision without its step".to_owned())),
    }
}
