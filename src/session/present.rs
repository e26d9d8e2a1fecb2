//! What a session looks like from outside, derived from its state.

use super::event::{EnteredAs, Mode, Outcome};
use super::intent::{What, Workload};
use super::message::StepRef;
use super::path::StepPath;
use super::plan::action_kind;
use super::resolve::{self, ActionOf, action_of, needs_preparation, visit_changes, what_of};
use super::state::{Ending, FrameKind, Session, Visit};
use super::time::At;
use super::view::{ClockView, GateView, GuardState, GuardView, Header, ItemView, OptionView, Prompt, StepView, WaitView};
use super::{approval, millis, verdict, walk};
use crate::runbook::expression::{Expr, Scope, Truth, Unknown};
use crate::runbook::model::{
    Action, Approve, ChecklistItem, Confirm, ConfirmNo, Decide, GuardAction, GuardExpiry, OptionThen, Step, Wait,
};

mod outline;
mod readings;

impl Session {
    /// The innermost step that is being walked.
    pub fn step_in_hand(&self) -> Option<StepRef> {
        self.visit_in_hand().map(|v| v.step.clone())
    }

    /// The visit in hand: open, or failed and not answered.
    pub(super) fn visit_in_hand(&self) -> Option<&Visit> {
        let frame = self.frames.last()?;
        if frame.kind == FrameKind::Parallel {
            let paths = (0..self.plan.steps(&frame.list).len()).filter_map(|i| self.path_at(frame, i));
            let visits: Vec<&Visit> = paths.filter_map(|p| self.visit_in(frame, &p)).collect();
            let asking = visits.iter().find(|v| super::decide::holds(v));
            return asking.or_else(|| visits.iter().find(|v| v.is_open())).or(visits.last()).copied();
        }
        self.in_hand(frame).or_else(|| frame.owner.as_ref().and_then(|o| self.visit(o)))
    }

    /// Workloads a rollback may need to go back to that have not been read yet.
    pub fn unpinned(&self, at: At) -> Vec<Workload> {
        // What is there now is what is to be undone.
        if self.opened.rolls_back.is_some() {
            return Vec::new();
        }
        let mut wanted = resolve::workloads_to_pin(self, at);
        wanted.retain(|w| !self.pins.iter().any(|p| p.workload == *w));
        wanted
    }

    /// What the session asks for now: the most urgent thing.
    pub fn prompt(&self, at: At) -> Prompt {
        if let Some(closed) = &self.closed {
            return Prompt::Closed { outcome: closed.outcome, deviations: closed.deviations };
        }
        if let Some(prompt) = self.guard_prompt(at) {
            return prompt;
        }
        if let Some(step) = self.to_interrupt() {
            let title = self.visit(&step).map(|v| v.title.clone()).unwrap_or_default();
            return Prompt::Interrupt { step, title };
        }
        if let Some(step) = walk::unanswered(self, at) {
            return self.failure_prompt(step);
        }
        if let Some((path, index, why)) = walk::unjudged_when(self, at) {
            let step = self.entry(index);
            return Prompt::When {
                step: StepRef { path, visit: 0 },
                title: step.map(|s| s.title.source().to_owned()).unwrap_or_default(),
                condition: step.and_then(|s| s.when.as_ref()).map(|w| w.source().to_owned()).unwrap_or_default(),
                why: why.join("; "),
            };
        }
        let Some(visit) = self.visit_in_hand() else {
            return if self.paused {
                Prompt::Paused
            } else {
                Prompt::Busy { step: StepRef { path: StepPath::new(""), visit: 0 } }
            };
        };
        self.visit_prompt(at, visit)
    }

    fn guard_prompt(&self, at: At) -> Option<Prompt> {
        if self.ending.is_some() || self.was_entered("finally") {
            return None;
        }
        let guards = self.plan.runbook().guards.iter().zip(&self.guards);
        let (guard, tripped) = guards.filter_map(|(g, p)| p.tripped.as_ref().map(|t| (g, t))).next()?;
        let left = guard.decide_within.map(|w| left_until(tripped.at_ms + millis(w), self.clock(at)));
        Some(Prompt::Guard {
            guard: guard.id.value.clone(),
            title: guard.title.clone().unwrap_or_else(|| guard.when.source().to_owned()),
            // It holds already: what is left to do is to roll back.
            action: match guard.then {
                GuardAction::Hold => walk::guard_action_text(&GuardAction::Rollback),
                _ => walk::guard_action_text(&guard.then),
            },
            left_ms: left,
            expired: match guard.expired {
                GuardExpiry::Rollback if !self.is_past_return() => "it rolls back".to_owned(),
                GuardExpiry::Hold | GuardExpiry::Rollback => "it keeps holding".to_owned(),
            },
            caution: (walk::acts_by_itself(guard) && self.is_past_return()).then(|| self.lost_words()),
        })
    }

    /// What a rollback from here costs.
    fn lost_words(&self) -> String {
        let passed = self.points_passed().map(|v| v.title.clone()).collect::<Vec<_>>().join(", ");
        format!("It does not act by itself: a point of no return was passed ({passed}), and rolling back loses what came after.")
    }

    fn failure_prompt(&self, step: StepRef) -> Prompt {
        let visit = self.visit(&step);
        Prompt::Failure {
            why: visit.and_then(|v| v.ended.as_ref()).and_then(|e| e.reason.clone()).unwrap_or_else(|| "it failed".to_owned()),
            changes: visit.is_some_and(|v| visit_changes(self, v)),
            can_continue: !visit.and_then(|v| self.step_of(v)).is_some_and(|step| approval::is_binding(self, &step.action)),
            step,
        }
    }

    fn visit_prompt(&self, at: At, visit: &Visit) -> Prompt {
        let step = visit.step.clone();
        if let Some(effect) = self.unsettled(visit)
            && let Some(ended) = effect.ended.as_ref().filter(|e| e.outcome == Outcome::Unknown && visit.is_open())
            && effect.settled.is_none()
            && effect.intent.changes
        {
            return Prompt::Unknown {
                what: resolve::summary(&effect.intent.what),
                why: ended.message.clone(),
                can_look: super::outcome::look_what(self, at, visit, &effect.intent).is_some(),
                looking: self.running_effect(visit).is_some(),
                step,
            };
        }
        if super::decide::holds(visit) {
            let why = visit.gate.last.as_ref().map(|(_, w)| w.clone()).unwrap_or_default();
            return Prompt::GateHold { step, why: format!("no verdict in time: {why}") };
        }
        if self.paused {
            return Prompt::Paused;
        }
        if !visit.is_open() || self.running_effect(visit).is_some() {
            return Prompt::Busy { step };
        }
        match action_of(self, visit) {
            ActionOf::Action(Action::Confirm(confirm)) => self.confirm_prompt(at, visit, confirm),
            ActionOf::ByHand => Prompt::Confirm {
                step,
                question: "The runbook does not say how to undo this step. Undo it by hand where needed. Is it undone?"
                    .to_owned(),
                no: "stay here".to_owned(),
            },
            ActionOf::Action(Action::Checklist(items)) => {
                let items = items.iter().enumerate().map(|(i, item)| self.item_view(at, visit, i, item)).collect();
                Prompt::Checklist { step, items }
            }
            ActionOf::Action(Action::Input(fields)) => Prompt::Input { step, fields: fields.clone() },
            ActionOf::Action(Action::Decide(decide)) if visit.choice.is_none() => self.decide_prompt(at, visit, decide),
            ActionOf::Action(Action::Approve(approve)) => self.approve_prompt(at, visit, approve),
            _ if visit.effects.is_empty() => match approval::lacking(self).map(|lacking| (lacking, action_of(self, lacking))) {
                Some((lacking, ActionOf::Action(Action::Approve(approve))))
                    if visit_changes(self, visit) && !self.runs_by_itself() =>
                {
                    self.approve_prompt(at, lacking, approve)
                }
                _ => self.start_prompt(at, visit).unwrap_or(Prompt::Busy { step }),
            },
            _ => Prompt::Busy { step },
        }
    }

    /// An effect that waits for its start; none for steps without one and for those that
    /// start by themselves.
    fn start_prompt(&self, at: At, visit: &Visit) -> Option<Prompt> {
        let what = match what_of(self, at, visit) {
            Ok(None) => return None,
            Ok(Some(what)) => Ok(Box::new(what)),
            Err(Unknown(why)) => Err(why),
        };
        let step = self.step_of(visit);
        let danger = step.is_some_and(|s| s.danger) && self.opened.environment.protected && !self.runs_by_itself();
        let service = self.opened.change.as_ref().and_then(|c| c.service.clone()).unwrap_or_else(|| self.opened.runbook.clone());
        Some(Prompt::Start {
            step: visit.step.clone(),
            changes: visit_changes(self, visit),
            type_first: if danger { Some(service) } else { taken_over(&what) },
            what,
            needs_preparation: needs_preparation(self, visit),
        })
    }

    /// The step the loop starts by itself once its object has been read: everything in a
    /// rollback that was decided on, and in `finally`.
    pub fn starts_when_prepared(&self, at: At) -> Option<StepRef> {
        let visit = self.visit_in_hand()?;
        let prompt = self.visit_prompt(at, visit);
        match prompt {
            // To take something over from others is confirmed wherever it stands.
            Prompt::Start { what: Ok(what), .. } if what.takes_over() => None,
            Prompt::Start { step, needs_preparation: true, .. } if self.runs_by_itself() && !self.is_held() => Some(step),
            _ => None,
        }
    }

    fn confirm_prompt(&self, at: At, visit: &Visit, confirm: &Confirm) -> Prompt {
        let question = confirm.question.render(&self.scope(at, &visit.context));
        Prompt::Confirm {
            step: visit.step.clone(),
            question: question.unwrap_or_else(|Unknown(why)| format!("{} ({why})", confirm.question.source())),
            no: match &confirm.no {
                ConfirmNo::Hold => "stay here".to_owned(),
                ConfirmNo::Abort => "abort".to_owned(),
                ConfirmNo::Procedure(procedure) => format!("run {procedure}"),
            },
        }
    }

    fn item_view(&self, at: At, visit: &Visit, index: usize, item: &ChecklistItem) -> ItemView {
        let scope = self.scope(at, &visit.context);
        let tick = u32::try_from(index).ok().and_then(|i| visit.ticks.get(&i));
        ItemView {
            text: item.text.render(&scope).unwrap_or_else(|_| item.text.source().to_owned()),
            ticked: tick.is_some(),
            has_check: item.check.is_some(),
            check: item.check.as_ref().map(|c| holds(c, &scope)),
            note_required: item.note_required,
            note: tick.and_then(|t| t.note.clone()),
            link: item.link.as_ref().and_then(|l| l.render(&scope).ok()),
        }
    }

    fn decide_prompt(&self, at: At, visit: &Visit, decide: &Decide) -> Prompt {
        let scope = self.scope(at, &visit.context);
        let text = |t: &crate::runbook::expression::Template| t.render(&scope).unwrap_or_else(|_| t.source().to_owned());
        let options: Vec<OptionView> = decide
            .options
            .iter()
            .map(|o| OptionView {
                key: o.key.value,
                label: text(&o.label),
                leads_to: match &o.then {
                    OptionThen::Continue => "go on".to_owned(),
                    OptionThen::Next(id) => format!("go to {id}"),
                    OptionThen::Call(id) if id.value == "rollback" => "roll back".to_owned(),
                    OptionThen::Call(id) => format!("run {id}"),
                },
                reason_required: o.reason_required,
            })
            .collect();
        let otherwise = decide
            .otherwise
            .as_ref()
            .filter(|o| o.value != "hold")
            .and_then(|o| options.iter().find(|v| v.key.to_string() == o.value).map(|v| v.label.clone()));
        Prompt::Decide {
            step: visit.step.clone(),
            question: text(&decide.question),
            left_ms: decide.within.map(|w| left_until(visit.clock_ms + millis(w), self.clock(at))),
            otherwise: otherwise.unwrap_or_else(|| "it keeps waiting".to_owned()),
            options,
        }
    }

    fn approve_prompt(&self, at: At, visit: &Visit, approve: &Approve) -> Prompt {
        let scope = self.scope(at, &visit.context);
        Prompt::Approve {
            step: visit.step.clone(),
            by: approve.by.clone(),
            min: approve.min,
            given: approval::names(&visit.approvals.given),
            expires: visit.approvals.request.as_ref().and_then(|request| request.expires.clone()),
            text: approve.text.as_ref().and_then(|t| t.render(&scope).ok()).unwrap_or_default(),
        }
    }

    /// The step in hand, for the middle of the screen.
    pub fn step_view(&self, at: At) -> Option<StepView> {
        let visit = self.visit_in_hand()?;
        let step = self.step_of(visit);
        let scope = self.scope(at, &visit.context);
        let outline = self.outline(at);
        let number = outline.iter().position(|r| r.path == visit.step.path).map_or(0, |i| i + 1);
        let ended = visit.ended.as_ref().map(|e| e.at_ms);
        let effect = self.running_effect(visit).or_else(|| visit.effects.last().copied());
        // What a step says of itself is not true of its being undone.
        let text = step.filter(|_| visit.kind != EnteredAs::Undo).and_then(|s| s.text.as_ref());
        Some(StepView {
            step: visit.step.clone(),
            number: (number, outline.len()),
            title: visit.title.clone(),
            text: text.map(|t| t.render(&scope).unwrap_or_else(|_| t.source().to_owned())).unwrap_or_default(),
            kind: match (visit.kind, step) {
                (EnteredAs::Undo, _) => "undo",
                (EnteredAs::Rollback, _) => "rollback",
                (EnteredAs::Finally, _) => "finally",
                (_, Some(step)) => action_kind(&step.action),
                _ => "",
            },
            elapsed_ms: ended.unwrap_or_else(|| self.clock(at)).saturating_sub(visit.entered_ms),
            estimate_ms: step.and_then(|s| s.estimate).map(millis),
            timeout_left_ms: self.timeout_at(visit).map(|due| due.saturating_sub(self.clock(at))),
            what: effect.and_then(|e| self.effects.get(&e)).map(|e| e.intent.what.clone()),
            effect,
            gate: step.and_then(|s| self.gate_view(at, visit, s)),
            wait: step.and_then(|s| self.wait_view(at, visit, s)),
        })
    }

    /// Whether the step in hand is marked `danger`.
    pub fn danger_in_hand(&self) -> bool {
        self.visit_in_hand().and_then(|v| self.step_of(v)).is_some_and(|s| s.danger) && !self.runs_by_itself()
    }

    /// What the step in hand would do or is doing, for the screen and the plain output.
    pub fn what_in_hand(&self, at: At) -> Option<Result<What, String>> {
        let visit = self.visit_in_hand()?;
        what_of(self, at, visit).map_err(|Unknown(why)| why).transpose()
    }

    fn gate_view(&self, at: At, visit: &Visit, step: &Step) -> Option<GateView> {
        let Action::Gate(gate) = &step.action else { return None };
        let now = self.clock(at);
        let settled = visit.clock_ms + millis(gate.settle);
        Some(GateView {
            conditions: self.conditions(at, visit, gate, settled),
            passed_ms: visit.gate.passed_ms,
            for_ms: gate.hold_for.map(millis),
            settling_ms: settled.saturating_sub(now),
            timeout_left_ms: verdict::timeout_ms(visit, step, gate).saturating_sub(now),
            last: visit.gate.last.clone(),
            failures: (visit.gate.failures, gate.failures.max(1)),
        })
    }

    fn wait_view(&self, at: At, visit: &Visit, step: &Step) -> Option<WaitView> {
        let Action::Wait(wait) = &step.action else { return None };
        let gone = self.clock(at).saturating_sub(visit.entered_ms);
        let (total, text) = match wait {
            Wait::For(duration) => (Some(millis(*duration)), "waiting".to_owned()),
            Wait::UntilTime { time, zone } => {
                let left = (walk::wait_target(visit, *time, *zone) - at.wall).num_milliseconds();
                (Some(gone + u64::try_from(left).unwrap_or(0)), format!("until {} {zone}", time.format("%H:%M")))
            }
            Wait::Until { until, timeout } => (timeout.map(millis), format!("until {}", until.source())),
        };
        Some(WaitView { gone_ms: gone, total_ms: total, text })
    }

    /// All guards and where they stand.
    pub fn guard_views(&self, at: At) -> Vec<GuardView> {
        let now = self.clock(at);
        let past_return = self.is_past_return();
        let guards = self.plan.runbook().guards.iter().zip(&self.guards);
        guards
            .map(|(guard, progress)| {
                let state = if self.closed.is_some() {
                    GuardState::Over
                } else if progress.tripped.is_some() {
                    GuardState::Tripped
                } else if let Some(until) = progress.snoozed_until.filter(|u| *u > now) {
                    GuardState::Snoozed(until - now)
                } else if !progress.armed {
                    GuardState::Disarmed
                } else {
                    match (self.guard_truth(at, guard), progress.true_since, guard.hold_for) {
                        (Truth::Unknown(why), ..) => GuardState::CannotJudge(why.join("; ")),
                        (Truth::True, Some(since), Some(hold)) => GuardState::Pending(now.saturating_sub(since), millis(hold)),
                        _ => GuardState::Armed,
                    }
                };
                let acts = walk::acts_by_itself(guard);
                GuardView {
                    id: guard.id.value.clone(),
                    condition: guard.when.source().to_owned(),
                    state,
                    automatic: guard.automatic && guard.then != GuardAction::Hold && !past_return,
                    past_return: acts && past_return,
                    readings: self.readings(at, &guard.when),
                }
            })
            .collect()
    }

    /// The facts of the header.
    pub fn header(&self, at: At) -> Header {
        let runbook = self.plan.runbook();
        let environment = &self.opened.environment;
        let outline = self.outline(at);
        let leaves = outline.iter().filter(|r| r.state != super::view::RowState::Dropped);
        let done = leaves.clone().filter(|r| matches!(r.state, super::view::RowState::Ended(_))).count();
        let target = environment.context.as_ref().map(|c| match &environment.namespace {
            Some(namespace) => format!("{c}/{namespace}"),
            None => c.clone(),
        });
        Header {
            title: runbook.title.clone(),
            mode: self.opened.mode,
            environment: environment.name.clone(),
            protected: environment.protected,
            target,
            ticket: self.opened.change.as_ref().and_then(|c| c.ticket.clone()),
            operator: self.operator.principal.clone(),
            opened: self.opened_wall,
            elapsed_ms: self.closed.as_ref().map_or_else(|| self.clock(at), |c| c.took_ms),
            estimate_ms: runbook.estimate.map(millis),
            back_to: self.pins.iter().map(|p| format!("{} rev {} ({})", p.workload.name, p.revision, tags(&p.images))).collect(),
            progress: (done, leaves.count()),
            rolling_back: matches!(self.ending, Some(Ending::Rollback { .. })),
            paused: self.paused,
            clocks: self.clocks(at),
        }
    }

    fn clocks(&self, at: At) -> Vec<ClockView> {
        let context = super::state::Context::default();
        let scope = self.scope(at, &context);
        let clocks = self.plan.runbook().clocks.iter().map(|clock| {
            let from = match &clock.from {
                None => Some(self.opened_wall),
                Some(expr) => expr
                    .eval(&scope)
                    .ok()
                    .and_then(|v| chrono::DateTime::parse_from_rfc3339(v.as_str()?).ok().map(|t| t.with_timezone(&chrono::Utc))),
            };
            ClockView {
                name: clock.name.value.clone(),
                gone_ms: from.map(|f| u64::try_from((at.wall - f).num_milliseconds()).unwrap_or(0)),
                limit_ms: millis(clock.limit),
                warn_ms: clock.warn.map(millis),
            }
        });
        clocks.collect()
    }

    /// The mode it runs in.
    pub fn mode(&self) -> Mode {
        self.opened.mode
    }

    /// Why the walk ends early, where it does.
    pub fn ending_cause(&self) -> Option<&str> {
        match self.ending.as_ref()? {
            Ending::Rollback { cause } => Some(cause),
            Ending::Abort { reason, .. } => Some(reason),
        }
    }
}

/// The tags of images, `name=registry/app:v1` as `v1`.
fn tags(images: &[String]) -> String {
    let tag = |image: &String| image.rsplit_once(':').map_or_else(|| image.clone(), |(_, tag)| tag.to_owned());
    images.iter().map(tag).collect::<Vec<_>>().join(", ")
}

/// Whether a condition holds, or why it cannot be told.
fn holds(expr: &Expr, scope: &dyn Scope) -> Result<bool, String> {
    match expr.truth(scope) {
        Truth::True => Ok(true),
        Truth::False => Ok(false),
        Truth::Unknown(why) => Err(why.join("; ")),
    }
}

/// Milliseconds from `now` until `due`, below zero once it is past.
fn left_until(due: u64, now: u64) -> i64 {
    i64::try_from(due).unwrap_or(i64::MAX).saturating_sub(i64::try_from(now).unwrap_or(i64::MAX))
}

/// What is typed before something is taken over from others: the name of the object.
fn taken_over(what: &Result<Box<What>, String>) -> Option<String> {
    match what.as_deref() {
        Ok(What::Kubernetes(request)) if what.as_ref().is_ok_and(|w| w.takes_over()) => Some(request.resource().name),
        _ => None,
    }
}
