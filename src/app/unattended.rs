//! The answers file: what it says to a question, and when it has to stop.
//!
//! It answers only what it names; with `otherwise: continue` also confirmations and
//! checklists, and it starts every step not marked `danger`. A decision, a failure, a
//! tripped guard, a condition nobody can judge and an unknown outcome that the file does
//! not name stop the session, which can then be resumed.

use std::collections::BTreeMap;

use crate::session::intent::ObjectState;
use crate::session::message::{Command, FailureChoice, GuardChoice, SettleChoice, StepRef};
use crate::session::view::{ItemView, Prompt};
use crate::world::answers::{self, Answers, Otherwise, StepAnswer, UnknownAnswer, YesNo};

/// How long a guard is snoozed by an answers file, milliseconds.
const SNOOZE_MS: u64 = 600_000;
/// A guard that trips again is answered so often; then someone should look.
const GUARD_ANSWERS: u32 = 3;

/// Answers from a file.
pub struct Unattended {
    answers: Answers,
    guards: BTreeMap<String, u32>,
}

/// What the file says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Do this, in order.
    Act(Vec<Command>),
    /// Nothing now: something is at work, or still being read.
    Wait,
    /// It has no answer; why, and what would be one.
    Stop(String),
}

impl Unattended {
    /// From a file's answers.
    pub fn new(answers: Answers) -> Self {
        Self { answers, guards: BTreeMap::new() }
    }

    /// What the file says to a question. `danger`: the step in hand is marked so.
    /// `prepared`: the object the step would change, where it was read.
    pub fn answer(&mut self, prompt: &Prompt, danger: bool, prepared: Option<&Result<ObjectState, String>>) -> Reply {
        match prompt {
            Prompt::Busy { .. } | Prompt::Closed { .. } | Prompt::Interrupt { .. } | Prompt::Approve { .. } => Reply::Wait,
            Prompt::Paused => Reply::Stop("the session is paused".to_owned()),
            Prompt::Guard { guard, title, .. } => self.guard(guard, title),
            Prompt::Unknown { looking: true, .. } => Reply::Wait,
            Prompt::Unknown { step, what, .. } => self.unknown(step, what),
            Prompt::Failure { step, why, .. } => self.failure(step, why),
            Prompt::GateHold { step, why } => self.failure(step, why),
            Prompt::When { step, condition, .. } => self.when(step, condition),
            Prompt::Start { step, needs_preparation, type_first, .. } => {
                let danger = danger || type_first.is_some();
                self.start(step, danger, *needs_preparation, prepared)
            }
            Prompt::Confirm { step, question, .. } => self.confirm(step, question),
            Prompt::Checklist { step, items } => self.checklist(step, items),
            Prompt::Input { step, fields } => {
                let names = fields.iter().map(|f| f.name.value.clone());
                let values = names.filter_map(|n| self.answers.inputs.get(&n).cloned().map(|v| (n, v))).collect();
                Reply::Act(vec![Command::Give { step: step.clone(), values, secrets: Vec::new() }])
            }
            Prompt::Decide { step, question, .. } => match self.named(step).and_then(|a| Some((a.choose.as_ref()?, a))) {
                Some((choice, answer)) => match choice.chars().next() {
                    Some(key) => Reply::Act(vec![Command::Choose { step: step.clone(), key, reason: answer.reason.clone() }]),
                    None => unnamed(step, question, "choose: KEY"),
                },
                None => unnamed(step, question, "choose: KEY"),
            },
        }
    }

    fn named(&self, step: &StepRef) -> Option<&StepAnswer> {
        self.answers.steps.get(step.path.as_str())
    }

    fn goes_on(&self) -> bool {
        self.answers.otherwise == Otherwise::Continue
    }

    fn guard(&mut self, guard: &str, title: &str) -> Reply {
        let Some(answer) = self.answers.guards.get(guard) else {
            return Reply::Stop(format!(
                "guard `{guard}` has tripped ({title}); `guards: {{{guard}: {{choose: rollback}}}}` would answer it"
            ));
        };
        let count = self.guards.entry(guard.to_owned()).or_default();
        *count += 1;
        if *count > GUARD_ANSWERS {
            return Reply::Stop(format!("guard `{guard}` has tripped {GUARD_ANSWERS} times and again"));
        }
        let choice = match answer.choose {
            answers::GuardChoice::Rollback => GuardChoice::Rollback,
            answers::GuardChoice::Hold => GuardChoice::Hold,
            answers::GuardChoice::Snooze => GuardChoice::Snooze(SNOOZE_MS),
        };
        let reason = answer.reason.clone().or_else(|| Some("as the answers file says".to_owned()));
        Reply::Act(vec![Command::Guard { guard: guard.to_owned(), choice, reason }])
    }

    fn unknown(&self, step: &StepRef, what: &str) -> Reply {
        let answer = self.named(step);
        let choice = match answer.and_then(|a| a.unknown) {
            Some(UnknownAnswer::Look) => SettleChoice::Look,
            Some(UnknownAnswer::Done) => SettleChoice::Done,
            Some(UnknownAnswer::Failed) => SettleChoice::Failed,
            None => return unnamed(step, &format!("nobody knows whether this was done: {what}"), "unknown: look"),
        };
        let reason = answer.and_then(|a| a.reason.clone()).or_else(|| Some("as the answers file says".to_owned()));
        Reply::Act(vec![Command::Settle { step: step.clone(), choice, reason }])
    }

    fn failure(&self, step: &StepRef, why: &str) -> Reply {
        let answer = self.named(step);
        let choice = match answer.and_then(|a| a.choose.as_deref()) {
            Some("retry") => FailureChoice::Retry,
            Some("continue") => FailureChoice::Continue,
            Some("abort") => FailureChoice::Abort,
            Some("rollback") => FailureChoice::Rollback,
            _ => return unnamed(step, why, "choose: rollback"),
        };
        let reason = answer.and_then(|a| a.reason.clone()).or_else(|| Some("as the answers file says".to_owned()));
        Reply::Act(vec![Command::Failure { step: step.clone(), choice, reason }])
    }

    fn when(&self, step: &StepRef, condition: &str) -> Reply {
        match self.named(step).and_then(|a| Some((a.answer?, a))) {
            Some((answer, named)) => Reply::Act(vec![Command::When {
                step: step.clone(),
                run: answer == YesNo::Yes,
                reason: named.reason.clone().unwrap_or_else(|| "as the answers file says".to_owned()),
            }]),
            None => unnamed(step, &format!("`{condition}` cannot be judged"), "answer: yes"),
        }
    }

    fn start(
        &self,
        step: &StepRef,
        danger: bool,
        needs_preparation: bool,
        prepared: Option<&Result<ObjectState, String>>,
    ) -> Reply {
        let named = self.named(step);
        if named.and_then(|a| a.answer) == Some(YesNo::No) {
            return Reply::Stop(format!("{}: the answers file says no", step.path));
        }
        let allowed = named.is_some_and(|a| a.answer == Some(YesNo::Yes)) || (self.goes_on() && !danger);
        if !allowed {
            return unnamed(step, if danger { "it is marked `danger`" } else { "it waits to be started" }, "answer: yes");
        }
        let prepared = match (needs_preparation, prepared) {
            (false, _) => None,
            (true, Some(Ok(object))) => Some(Box::new(object.clone())),
            (true, _) => return Reply::Wait,
        };
        Reply::Act(vec![Command::Start { step: step.clone(), prepared, baselines: BTreeMap::new() }])
    }

    fn confirm(&self, step: &StepRef, question: &str) -> Reply {
        let yes = match self.named(step).and_then(|a| a.answer) {
            Some(YesNo::Yes) => true,
            Some(YesNo::No) => false,
            None if self.goes_on() => true,
            None => return unnamed(step, question, "answer: yes"),
        };
        Reply::Act(vec![Command::Confirm { step: step.clone(), yes }])
    }

    fn checklist(&self, step: &StepRef, items: &[ItemView]) -> Reply {
        let named = self.named(step);
        if named.and_then(|a| a.tick).is_none() && !self.goes_on() {
            return unnamed(step, "its items are not ticked", "tick: all");
        }
        let note = named.and_then(|a| a.note.clone().or_else(|| a.reason.clone()));
        let mut commands = Vec::new();
        for (index, item) in items.iter().enumerate().filter(|(_, i)| !i.ticked) {
            // What ticks itself is given its time; by hand it is ticked only with a word.
            if item.has_check && item.check != Some(Ok(true)) && note.is_none() {
                return Reply::Wait;
            }
            if item.has_check && item.check.as_ref().is_some_and(Result::is_err) {
                return Reply::Wait;
            }
            if item.note_required && note.is_none() {
                return unnamed(step, &format!("`{}` wants a note", item.text), "note: TEXT");
            }
            let item = u32::try_from(index).unwrap_or(u32::MAX);
            commands.push(Command::Tick { step: step.clone(), item, ticked: true, note: note.clone() });
        }
        if commands.is_empty() {
            commands.push(Command::CompleteChecklist { step: step.clone() });
        }
        Reply::Act(commands)
    }
}

/// The file has no answer.
fn unnamed(step: &StepRef, what: &str, line: &str) -> Reply {
    Reply::Stop(format!(
        "{}: {what}; the answers file does not say what to do, `steps: {{{}: {{{line}}}}}` would",
        step.path, step.path
    ))
}
