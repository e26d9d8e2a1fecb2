//! Answers for sessions nobody sits at: `--answers FILE`, `test` and headless walks.
//!
//! Pure: it is shown what the session asks and says what to do about it; it reads no
//! clock and no file. It guarantees that nothing is answered that the file does not
//! answer, that what it sends is complete (a reason where one is needed), and that no
//! answer is repeated for ever. It leaves to the loop how long to wait, whether a step
//! is marked `danger`, the baselines of a start, and leaving with the right exit code.
//! Nothing here can approve, skip a step or go on from a pause.

use std::collections::BTreeMap;

use crate::inputs;
use crate::runbook::Value;
use crate::runbook::model::Input;
use crate::session::intent::ObjectState;
use crate::session::message::{Command, FailureChoice, GuardChoice, SettleChoice, StepRef};
use crate::session::path::StepPath;
use crate::session::view::{ItemView, OptionView, Prompt};
use crate::world::answers::{self, Answers, Otherwise, StepAnswer, Tick, UnknownAnswer, YesNo};

/// How often the same answer is given to the same question asked anew. Then the world
/// does not behave as the author of the answers thought, and a person has to look.
const MOST: u32 = 3;

/// How long a guard is snoozed: the format names no time here.
const SNOOZE_MS: u64 = 10 * 60 * 1000;

/// How the session words a `no` that changes nothing (`Prompt::Confirm::no`): without
/// a person it would ask for ever.
const STAYS: &str = "stay here";

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Send these, in this order. A `Start` comes without baselines: the loop fills them.
    Act(Vec<Command>),
    /// Nothing to do: something is at work or being prepared.
    Wait,
    /// Something may still come by itself (a check that holds, an object that can be
    /// read). When it has not within the loop's patience, do what is inside, which is
    /// never another wait.
    WaitThen(Box<Reply>),
    /// The session has to stop: one or two sentences for people, with the line that
    /// would answer. Exit code 4.
    Stop(String),
}

/// A question that may be asked anew, told apart from the same one seen twice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    about: &'static str,
    subject: String,
    visit: u32,
}

/// Answers what a session asks from what was written down beforehand.
#[derive(Debug, Clone)]
pub struct Unattended {
    answers: Answers,
    rehearsal: bool,
    last: Option<Question>,
    /// How often each was asked, by what about and subject.
    times: BTreeMap<(&'static str, String), u32>,
}

impl Unattended {
    /// An answerer that knows these answers.
    pub fn new(answers: Answers) -> Self {
        Self { answers, rehearsal: false, last: None, times: BTreeMap::new() }
    }

    /// The same for a rehearsal, where approvals are simulated and worth waiting for.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self { rehearsal: true, ..self }
    }

    /// What to do about what the session asks. `danger`: the step is marked so, or the
    /// question is one `otherwise: continue` must not answer. `prepared`: the object a
    /// start changes, as far as it was read.
    pub fn answer(&mut self, prompt: &Prompt, danger: bool, prepared: Option<&Result<ObjectState, String>>) -> Reply {
        let (again, times) = self.count(prompt);
        match prompt {
            Prompt::Busy { .. } | Prompt::Closed { .. } => Reply::Wait,
            Prompt::Paused => Reply::Stop(
                "The session is paused, and going on cannot be answered from a file. Resume it at a terminal.".to_owned(),
            ),
            Prompt::Guard { guard, title, .. } => self.guard(guard, title, again, times),
            Prompt::Unknown { looking: true, .. } => Reply::Wait,
            Prompt::Unknown { step, what, why, can_look, .. } => self.unknown(step, &format!("{what}: {why}"), *can_look, times),
            // Ending what runs in the middle of a change would leave its outcome unknown.
            Prompt::Interrupt { step, .. } => Reply::Act(vec![Command::Interrupt { step: step.clone(), kill: false }]),
            Prompt::Failure { step, why, can_continue, .. } => self.failure(step, "failed", why, *can_continue, times),
            Prompt::GateHold { step, why } => self.failure(step, "holds", why, true, times),
            Prompt::When { step, condition, why, .. } => self.when(step, condition, why),
            Prompt::Start { step, what, type_first, needs_preparation, .. } => {
                let by_itself = type_first.is_none() && runs_by_itself(&step.path);
                let danger = danger || type_first.is_some();
                if let Some(stop) = (!by_itself).then(|| self.may_start(step, danger)).flatten() {
                    return stop;
                }
                let what = what.as_ref().map(|_| ()).map_err(String::as_str);
                start(step, what, *needs_preparation, prepared)
            }
            Prompt::Confirm { step, question, no } => self.confirm(step, question, no, danger, again, times),
            Prompt::Checklist { step, items } => self.checklist(step, items, danger),
            Prompt::Input { step, fields } => self.input(step, fields),
            Prompt::Decide { step, question, options, .. } => self.decide(step, question, options),
            Prompt::Approve { .. } if self.rehearsal => Reply::Wait,
            Prompt::Approve { step, by, .. } => Reply::Stop(format!(
                "{} waits for the approval of {}, and an answers file cannot approve. Resume the session once it is given.",
                step.path,
                by.join(" or ")
            )),
        }
    }

    /// Whether this is the question just seen, and how often it was asked.
    fn count(&mut self, prompt: &Prompt) -> (bool, u32) {
        let question = Question::of(prompt);
        let again = question.is_some() && question == self.last;
        self.last.clone_from(&question);
        let Some(question) = question else { return (false, 0) };
        let times = self.times.entry((question.about, question.subject)).or_default();
        *times += u32::from(!again);
        (again, *times)
    }

    fn named(&self, step: &StepRef) -> Option<&StepAnswer> {
        self.answers.steps.get(step.path.as_str())
    }

    fn goes_on(&self) -> bool {
        self.answers.otherwise == Otherwise::Continue
    }

    fn guard(&self, guard: &str, title: &str, again: bool, times: u32) -> Reply {
        let add = |fields: &str| format!("guards: {{{guard:?}: {{{fields}}}}}");
        let Some(answer) = self.answers.guards.get(guard) else {
            return unanswered(&format!("what to do about the tripped guard {guard} ({title})"), &add("choose: rollback"));
        };
        if times > MOST {
            return too_often(&format!("The guard {guard} has tripped"), times);
        }
        let reason = text(answer.reason.as_ref());
        let choice = match answer.choose {
            answers::GuardChoice::Act => GuardChoice::Act,
            answers::GuardChoice::Rollback => GuardChoice::Rollback,
            answers::GuardChoice::Hold | answers::GuardChoice::Snooze if reason.is_none() => {
                let word = if answer.choose == answers::GuardChoice::Hold { "hold" } else { "snooze" };
                return unanswered(
                    &format!("why to go on although the guard {guard} has tripped ({title})"),
                    &add(&format!("choose: {word}, reason: WHY")),
                );
            }
            answers::GuardChoice::Hold => GuardChoice::Hold,
            // Sent twice it would be recorded twice; it cannot be refused.
            answers::GuardChoice::Snooze if again => return Reply::Wait,
            answers::GuardChoice::Snooze => GuardChoice::Snooze(SNOOZE_MS),
        };
        Reply::Act(vec![Command::Guard { guard: guard.to_owned(), choice, reason }])
    }

    fn unknown(&self, step: &StepRef, why: &str, can_look: bool, times: u32) -> Reply {
        let answer = self.named(step);
        let reason = answer.and_then(|a| text(a.reason.as_ref()));
        let act = |choice, reason| Reply::Act(vec![Command::Settle { step: step.clone(), choice, reason }]);
        let path = &step.path;
        match answer.and_then(|a| a.unknown) {
            None if can_look => {
                unanswered(&format!("what to do about the unknown outcome of {path} ({why})"), &line(path, "unknown: look"))
            }
            None => unanswered(
                &format!("what is known about the unknown outcome of {path} ({why})"),
                &line(path, "unknown: failed, reason: WHY"),
            ),
            Some(UnknownAnswer::Look) if !can_look => {
                Reply::Stop(format!("The answers file says to look what became of {path}, but nothing says how ({why})."))
            }
            Some(UnknownAnswer::Look) if times > MOST => too_often(&format!("The outcome of {path} was unknown"), times),
            Some(UnknownAnswer::Look) => act(SettleChoice::Look, None),
            Some(known) => {
                let (word, choice) = match known {
                    UnknownAnswer::Done => ("done", SettleChoice::Done),
                    _ => ("failed", SettleChoice::Failed),
                };
                if reason.is_none() {
                    let fields = format!("unknown: {word}, reason: WHY");
                    return unanswered(&format!("how it is known that {path} is {word}"), &line(path, &fields));
                }
                act(choice, reason)
            }
        }
    }

    /// A failed step, or a gate without a verdict.
    fn failure(&self, step: &StepRef, state: &str, why: &str, can_continue: bool, times: u32) -> Reply {
        let path = &step.path;
        let answer = self.named(step);
        let reason = answer.and_then(|a| text(a.reason.as_ref()));
        let choice = match answer.and_then(|a| a.choose.as_deref()) {
            Some("retry") if times > MOST => return too_often(&format!("{path} failed"), times),
            Some("retry") => FailureChoice::Retry,
            Some("continue") if !can_continue => {
                return Reply::Stop(format!("{path} {state} ({why}), and going on is not possible there. Resume at a terminal."));
            }
            Some("continue") if reason.is_none() => {
                return unanswered(
                    &format!("why to go on although {path} {state} ({why})"),
                    &line(path, "choose: continue, reason: WHY"),
                );
            }
            Some("continue") => FailureChoice::Continue,
            Some("abort") => FailureChoice::Abort,
            Some("rollback") => FailureChoice::Rollback,
            _ => {
                let ways = "KEY is retry, continue (with a reason), abort or rollback";
                let asked = format!("what to do when {path} {state} ({why})");
                return unanswered(&asked, &format!("{}, where {ways}", line(path, "choose: KEY")));
            }
        };
        Reply::Act(vec![Command::Failure { step: step.clone(), choice, reason }])
    }

    fn when(&self, step: &StepRef, condition: &str, why: &str) -> Reply {
        let answer = self.named(step);
        let reason = answer.and_then(|a| text(a.reason.as_ref()));
        match (answer.and_then(|a| a.answer), reason) {
            (Some(answer), Some(reason)) => {
                Reply::Act(vec![Command::When { step: step.clone(), run: answer == YesNo::Yes, reason }])
            }
            _ => unanswered(
                &format!("whether {} runs when its condition `{condition}` cannot be judged ({why})", step.path),
                &line(&step.path, "answer: no, reason: WHY"),
            ),
        }
    }

    /// Why a step must not be started.
    fn may_start(&self, step: &StepRef, danger: bool) -> Option<Reply> {
        let path = &step.path;
        match self.named(step).and_then(|a| a.answer) {
            Some(YesNo::Yes) => None,
            Some(YesNo::No) => {
                Some(Reply::Stop(format!("The answers file says no to starting {path}, so the session stops here.")))
            }
            None if danger => {
                Some(unanswered(&format!("whether to start {path}, which is marked as dangerous"), &line(path, "answer: yes")))
            }
            None if self.goes_on() => None,
            None => Some(unanswered(&format!("whether to start {path}"), &line(path, "answer: yes"))),
        }
    }

    fn confirm(&self, step: &StepRef, question: &str, no: &str, danger: bool, again: bool, times: u32) -> Reply {
        let path = &step.path;
        let act = |yes| Reply::Act(vec![Command::Confirm { step: step.clone(), yes }]);
        match self.named(step).and_then(|a| a.answer) {
            Some(YesNo::Yes) => act(true),
            Some(YesNo::No) if no == STAYS && times + u32::from(again) > 1 => {
                Reply::Stop(format!("{path} was answered no ({question}), and no means to stay there. Resume it at a terminal."))
            }
            // Sent twice it would be recorded twice; it cannot be refused.
            Some(YesNo::No) if again => Reply::Wait,
            Some(YesNo::No) if times > MOST => too_often(&format!("{path} asked"), times),
            Some(YesNo::No) => act(false),
            None if self.goes_on() && !danger => act(true),
            None => unanswered(&format!("yes or no to {path} ({question})"), &line(path, "answer: yes")),
        }
    }

    fn checklist(&self, step: &StepRef, items: &[ItemView], danger: bool) -> Reply {
        let path = &step.path;
        let answer = self.named(step);
        let all = answer.and_then(|a| a.tick) == Some(Tick::All);
        if !all && (danger || !self.goes_on()) {
            return unanswered(&format!("what to tick of the checklist {path}"), &line(path, "tick: all"));
        }
        let note = answer.and_then(|a| text(a.note.as_ref()));
        let why = answer.and_then(|a| text(a.note.as_ref()).or_else(|| text(a.reason.as_ref())));
        let tick = |item: usize, note: &Option<String>| {
            let item = u32::try_from(item).unwrap_or(u32::MAX);
            Command::Tick { step: step.clone(), item, ticked: true, note: note.clone() }
        };
        let open = || items.iter().enumerate().filter(|(_, item)| !item.ticked);
        let (checked, plain): (Vec<_>, Vec<_>) = open().partition(|(_, item)| item.has_check);
        if let Some((_, item)) = plain.iter().find(|(_, item)| item.note_required && note.is_none()) {
            let asked = format!("the note that `{}` of the checklist {path} requires", item.text);
            return unanswered(&asked, &line(path, "tick: all, note: TEXT"));
        }
        if !plain.is_empty() {
            return Reply::Act(plain.iter().map(|(i, _)| tick(*i, &note)).collect());
        }
        let Some((_, first)) = checked.first() else {
            return Reply::Act(vec![Command::CompleteChecklist { step: step.clone() }]);
        };
        // Evidence first: by hand only once the check has had its time.
        let given = if checked.iter().any(|(_, item)| item.note_required) { &note } else { &why };
        let then = if all && given.is_some() {
            Reply::Act(checked.iter().map(|(i, _)| tick(*i, given)).collect())
        } else {
            let state = match &first.check {
                Some(Err(unknown)) => format!("cannot be judged: {unknown}"),
                _ => "does not hold".to_owned(),
            };
            let asked = format!("why `{}` of the checklist {path} may be ticked although its check {state}", first.text);
            unanswered(&asked, &line(path, "tick: all, note: TEXT"))
        };
        Reply::WaitThen(Box::new(then))
    }

    /// Values come from `inputs`, by name, then from the form's own defaults.
    fn input(&self, step: &StepRef, fields: &[Input]) -> Reply {
        let path = &step.path;
        let asked = |name: &String| fields.iter().any(|f| f.name.value == *name);
        let known = self.answers.inputs.iter().filter(|(name, _)| asked(name));
        let known: BTreeMap<String, Value> = known.map(|(n, v)| (n.clone(), v.clone())).collect();
        let gathered = inputs::gather(fields, &[], &known);
        if let Some(problem) = gathered.problems.first() {
            return Reply::Stop(format!("The answers file answers {path} wrongly: {problem}. Correct it under inputs."));
        }
        if let Some(missing) = gathered.missing.first() {
            return unanswered(&format!("the input {missing} of {path}"), &format!("inputs: {{{missing:?}: VALUE}}"));
        }
        if let Some(secret) = gathered.secrets.iter().find(|s| s.required && s.source.is_none()) {
            return Reply::Stop(format!(
                "{path} asks for the secret {}, and secrets are not taken from answers. Give it a source in the runbook (`from:`).",
                secret.name
            ));
        }
        let secrets = gathered.secrets.into_iter().filter(|s| s.source.is_some()).map(|s| s.name).collect();
        Reply::Act(vec![Command::Give { step: step.clone(), values: gathered.values, secrets }])
    }

    fn decide(&self, step: &StepRef, question: &str, options: &[OptionView]) -> Reply {
        let path = &step.path;
        let answer = self.named(step);
        let chosen = answer.and_then(|a| a.choose.as_deref()).and_then(one_letter);
        let Some(option) = options.iter().find(|o| Some(o.key) == chosen) else {
            let keys: Vec<String> = options.iter().map(|o| format!("{} ({})", o.key, o.label)).collect();
            let add = format!("{}, where KEY is {}", line(path, "choose: KEY"), keys.join(" or "));
            return unanswered(&format!("what is decided at {path} ({question})"), &add);
        };
        let reason = answer.and_then(|a| text(a.reason.as_ref()));
        if option.reason_required && reason.is_none() {
            let fields = format!("choose: {}, reason: WHY", option.key);
            return unanswered(&format!("why {} ({}) is chosen at {path}", option.key, option.label), &line(path, &fields));
        }
        Reply::Act(vec![Command::Choose { step: step.clone(), key: option.key, reason }])
    }
}

impl Question {
    /// The question a prompt asks, where it matters that it may come back.
    fn of(prompt: &Prompt) -> Option<Self> {
        let of_step = |about, step: &StepRef| Self { about, subject: step.path.to_string(), visit: step.visit };
        Some(match prompt {
            Prompt::Guard { guard, .. } => Self { about: "guard", subject: guard.clone(), visit: 0 },
            Prompt::Unknown { step, looking: false, .. } => of_step("unknown", step),
            Prompt::Failure { step, .. } | Prompt::GateHold { step, .. } => of_step("failure", step),
            Prompt::Confirm { step, .. } => of_step("confirm", step),
            _ => return None,
        })
    }
}

/// Starts a step that may be started, once all it needs is there.
fn start(step: &StepRef, what: Result<(), &str>, preparation: bool, prepared: Option<&Result<ObjectState, String>>) -> Reply {
    let path = &step.path;
    let later = |why: String| Reply::WaitThen(Box::new(Reply::Stop(why)));
    if let Err(why) = what {
        return later(format!("{path} cannot be started: what it would do cannot be worked out ({why})."));
    }
    let object = match (preparation, prepared) {
        (false, _) => None,
        (true, None) => return Reply::Wait,
        (true, Some(Err(why))) => {
            return later(format!("{path} cannot be started: the object it changes cannot be read ({why})."));
        }
        (true, Some(Ok(object))) => Some(Box::new(object.clone())),
    };
    Reply::Act(vec![Command::Start { step: step.clone(), prepared: object, baselines: BTreeMap::new() }])
}

/// Steps of a rollback that was decided on, and of `finally`, ask nobody.
fn runs_by_itself(path: &StepPath) -> bool {
    ["rollback", "finally"].iter().any(|list| path.is_within(&StepPath::new(*list)))
}

/// What stands there, where it is more than blanks.
fn text(given: Option<&String>) -> Option<String> {
    given.map(|t| t.trim()).filter(|t| !t.is_empty()).map(str::to_owned)
}

fn one_letter(key: &str) -> Option<char> {
    let mut letters = key.chars();
    letters.next().filter(|_| letters.next().is_none())
}

/// A line of `steps` as it would stand in the file; paths hold brackets, so quoted.
fn line(path: &StepPath, fields: &str) -> String {
    format!("steps: {{{:?}: {{{fields}}}}}", path.as_str())
}

fn unanswered(what: &str, add: &str) -> Reply {
    Reply::Stop(format!("The answers file does not say {what}. Add to it: {add}"))
}

fn too_often(what: &str, times: u32) -> Reply {
    Reply::Stop(format!("{what} {times} times, and the same answer did not help. Resume the session at a terminal and look."))
}

#[cfg(test)]
mod tests;
