//! Typed words to actions. Exactly the words of the table are understood; what is missing
//! or too much is refused with what to do, and a refusal never repeats what was typed
//! after a word, which might be a secret.

use std::collections::BTreeMap;

use super::{Plain, RollbackPlan, question, status, words};
use crate::inputs;
use crate::runbook::model::{Input, InputKind};
use crate::session::event::Mode;
use crate::session::intent::What;
use crate::session::message::{Command, FailureChoice, GuardChoice, SettleChoice, StepRef};
use crate::session::view::{ItemView, Prompt, after_leaving};
use crate::tui::form::parse_duration;
use crate::tui::{Action, Screen};

/// Actions, or why not.
type Answer = Result<Vec<Action>, String>;

/// A refusal shows at most so many characters of a word.
const SHOWN: usize = 30;

impl Plain {
    /// What a line means. `said` takes what it has to say besides.
    pub(super) fn interpret(&mut self, line: &str, screen: &Screen<'_>, said: &mut Vec<String>) -> Answer {
        let line = line.trim();
        if line.len() > inputs::LONGEST {
            return Err(format!("the line is longer than {} bytes; write a shorter one", inputs::LONGEST));
        }
        if let Some(answer) = self.pasted(line, screen) {
            return answer;
        }
        let (word, rest) = line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim()));
        let plan = self.rollback.take();
        match word {
            "" => {
                self.rollback = plan;
                said.extend(question::lines(screen));
                Ok(Vec::new())
            }
            "status" => say(said, alone(word, rest)?, status::status(screen)),
            "steps" => say(said, alone(word, rest)?, status::steps(screen)),
            "sheet" => say(said, alone(word, rest)?, status::sheet(screen)),
            "undo" => say(said, alone(word, rest)?, status::undo(screen)),
            "help" => say(said, alone(word, rest)?, status::help(screen)),
            "quit" => {
                alone(word, rest)?;
                if !matches!(screen.prompt, Prompt::Closed { .. }) {
                    let next = after_leaving(screen.header.mode, screen.session);
                    let kept = if screen.header.mode == Mode::Rehearsal { "" } else { "Nothing is undone and nothing is lost. " };
                    said.push(format!("{kept}{next}"));
                }
                Ok(vec![Action::Quit])
            }
            _ if !self.answers_now(word, screen) => Err(unknown(word, screen)),
            "rollback" | "rollback!" => self.roll_back(word, rest, plan, screen, said),
            _ => match self.at_any_time(word, rest, screen, said) {
                Some(answer) => answer,
                None if !self.is_shown(screen) => Err(
                    "the question has changed since it was printed, and this was not taken for an answer; read it and type again"
                        .to_owned(),
                ),
                None => self.of_the_question(word, rest, screen, said),
            },
        }
    }

    /// Lines of an approver's answer, which comes in several; `None`: it is none of them.
    fn pasted(&mut self, line: &str, screen: &Screen<'_>) -> Option<Answer> {
        let asked = matches!(screen.prompt, Prompt::Approve { .. }) && screen.header.mode != Mode::Rehearsal;
        let begins = ["by:", "refusal:", "-----BEGIN"].iter().any(|start| line.starts_with(start));
        if !asked || (self.answer.is_none() && !begins) {
            self.answer = None;
            return None;
        }
        let answer = self.answer.get_or_insert_default();
        if answer.len() + line.len() > inputs::LONGEST {
            self.answer = None;
            return Some(Err("that is no answer: it does not end".to_owned()));
        }
        answer.push_str(line);
        answer.push('\n');
        let ended = line.starts_with("-----END");
        Some(Ok(if ended { self.answer.take().map(Action::Answer).into_iter().collect() } else { Vec::new() }))
    }

    /// Whether the table has the word now.
    fn answers_now(&self, word: &str, screen: &Screen<'_>) -> bool {
        let table = words::answers(screen).into_iter().chain(words::always(screen));
        let known = |usage: &str| usage.split_whitespace().next() == Some(word);
        // A start that cannot be is refused with its reason rather than as a word.
        (word == "start" && matches!(screen.prompt, Prompt::Start { .. }))
            || (word == "rollback!" && !screen.header.rolling_back)
            || table.into_iter().any(|w| known(&w.usage))
    }

    /// The plan first; the same word again, or `rollback!`, does it.
    fn roll_back(
        &mut self,
        word: &str,
        rest: &str,
        plan: Option<RollbackPlan>,
        screen: &Screen<'_>,
        said: &mut Vec<String>,
    ) -> Answer {
        let reason = (!rest.is_empty()).then(|| rest.to_owned());
        match plan {
            Some(plan) if plan.undo == screen.undo => {
                Ok(vec![Action::Command(Command::Rollback { reason: reason.or(plan.reason) })])
            }
            None if word == "rollback!" => Err("type `rollback` first, which shows what would be done".to_owned()),
            plan => {
                if plan.is_some() {
                    said.push("The plan has changed:".to_owned());
                }
                said.extend(status::undo(screen));
                said.push("  type `rollback!` or `rollback` again to roll back; anything else does not".to_owned());
                let reason = reason.or(plan.and_then(|p| p.reason));
                self.rollback = Some(RollbackPlan { reason, undo: screen.undo.to_vec() });
                Ok(Vec::new())
            }
        }
    }

    /// Words that do whatever is asked; `None`: it is one of the question's.
    fn at_any_time(&mut self, word: &str, rest: &str, screen: &Screen<'_>, said: &mut Vec<String>) -> Option<Answer> {
        let gate_or_failure = matches!(screen.prompt, Prompt::Failure { .. } | Prompt::GateHold { .. });
        Some(match word {
            "note" => text("note", rest).map(|text| command(Command::Note { text })),
            "pause" => Ok(command(Command::Pause { reason: (!rest.is_empty()).then(|| rest.to_owned()) })),
            "login" => alone(word, rest).map(|()| vec![Action::LogIn]),
            "go" => alone(word, rest).map(|()| command(Command::Unpause)),
            "stop" => alone(word, rest).and_then(|()| self.stop(screen, said)),
            "abort" if !gate_or_failure => text(word, rest).map(|reason| command(Command::Abort { reason })),
            "abandon" => text(word, rest).map(|reason| command(Command::Abandon { reason })),
            "snooze" if !matches!(screen.prompt, Prompt::Guard { .. }) => snooze_named(rest, screen),
            _ => return None,
        })
    }

    /// Words about the question or the step in hand, which must be the one printed.
    fn of_the_question(&mut self, word: &str, rest: &str, screen: &Screen<'_>, said: &mut Vec<String>) -> Answer {
        let in_hand = || screen.step.map(|s| s.step.clone()).ok_or_else(|| unknown(word, screen));
        match (screen.prompt, word) {
            (Prompt::GateHold { step, .. }, "override") => {
                text(word, rest).map(|reason| command(Command::OverrideGate { step: step.clone(), reason }))
            }
            (_, "override") => Ok(command(Command::OverrideGate { step: in_hand()?, reason: text(word, rest)? })),
            (Prompt::Approve { step, .. }, "skip") => {
                Ok(command(Command::Skip { step: step.clone(), reason: text(word, rest)? }))
            }
            (_, "skip") => Ok(command(Command::Skip { step: in_hand()?, reason: text(word, rest)? })),
            (Prompt::Start { .. }, _) => start(word, rest, screen),
            (Prompt::Approve { .. }, _) => text(word, rest).map(|path| vec![Action::Answer(path)]),
            (Prompt::Confirm { step, .. }, _) => {
                alone(word, rest)?;
                Ok(command(Command::Confirm { step: step.clone(), yes: word == "yes" }))
            }
            (Prompt::Checklist { step, items }, _) => checklist(word, rest, step, items),
            (Prompt::Input { step, fields }, _) => self.form(word, rest, step, fields, said),
            (Prompt::Decide { step, options, .. }, _) => {
                let (key, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let option = options.iter().find(|o| o.key.to_string() == key).ok_or_else(|| {
                    let keys: Vec<String> = options.iter().map(|o| o.key.to_string()).collect();
                    format!("that is no key of this choice; the keys are {}", keys.join(", "))
                })?;
                let reason = reason.trim();
                if option.reason_required && reason.is_empty() {
                    return Err(format!("a reason is needed: choose {} REASON", option.key));
                }
                let reason = (!reason.is_empty()).then(|| reason.to_owned());
                Ok(command(Command::Choose { step: step.clone(), key: option.key, reason }))
            }
            _ => of_trouble(word, rest, screen),
        }
    }

    fn form(&mut self, word: &str, rest: &str, step: &StepRef, fields: &[Input], said: &mut Vec<String>) -> Answer {
        if self.form.as_ref().is_none_or(|(of, _)| of != step) {
            self.form = Some((step.clone(), BTreeMap::new()));
        }
        let Some((_, values)) = &mut self.form else { return Ok(Vec::new()) };
        match word {
            "set" => {
                let (name, value) = rest.split_once('=').ok_or("write it as set NAME=VALUE")?;
                let name = name.trim();
                let names = || fields.iter().map(|f| f.name.value.as_str()).collect::<Vec<_>>().join(", ");
                let field = fields
                    .iter()
                    .find(|f| f.name.value == name)
                    .ok_or_else(|| format!("there is no question of that name; the names are {}", names()))?;
                if matches!(field.kind, InputKind::Secret(_)) {
                    return Err(format!("{name} {SECRET}; what you typed was not kept, but it may be on your screen"));
                }
                let value = inputs::parse(field, value).map_err(|why| format!("{name}: {why}"))?;
                said.push(format!("  {name} = {value}"));
                values.insert(name.to_owned(), value);
                Ok(Vec::new())
            }
            "answers" => {
                alone(word, rest)?;
                said.extend(fields.iter().map(|f| match values.get(&f.name.value) {
                    Some(value) => format!("  {} = {value}", f.name.value),
                    None => format!("  {} is not answered", f.name.value),
                }));
                Ok(Vec::new())
            }
            _ => {
                alone(word, rest)?;
                let given = give(step, fields, values)?;
                self.form = None;
                Ok(vec![given])
            }
        }
    }

    /// SIGINT, then SIGTERM, then SIGKILL to a command; other effects are cancelled.
    fn stop(&mut self, screen: &Screen<'_>, said: &mut Vec<String>) -> Answer {
        let (step, effect) = screen.step.and_then(|s| s.effect.map(|e| (s, e))).ok_or("nothing runs that could be stopped")?;
        let times = if self.stops.0 == effect { self.stops.1.saturating_add(1) } else { 1 };
        self.stops = (effect, times);
        let (signal, next) = match (&step.what, times) {
            (Some(What::Run(_)), 1) => ("SIGINT", "asked it to stop (SIGINT); stop again: SIGTERM"),
            (Some(What::Run(_)), 2) => ("SIGTERM", "told it to stop (SIGTERM); stop again: SIGKILL"),
            (Some(What::Run(_)), _) => ("SIGKILL", "killed it (SIGKILL)"),
            _ => ("cancel", "asked to cancel"),
        };
        said.push(next.to_owned());
        Ok(command(Command::Stop { step: step.step.clone(), signal: signal.to_owned() }))
    }
}

/// Why a secret is not taken.
const SECRET: &str = "is a secret, and secrets are not typed as plain text: leave with `quit` and give it on a full screen \
                      (`pacenote resume` without --plain), or name its source in the runbook (`from: {env: NAME}`)";

fn start(word: &str, rest: &str, screen: &Screen<'_>) -> Answer {
    let Prompt::Start { step, what, type_first, needs_preparation, .. } = screen.prompt else { return Ok(Vec::new()) };
    if word == "read" {
        alone(word, rest)?;
        return Ok(vec![Action::Prepare { step: step.clone() }]);
    }
    if what.is_err() {
        return Err("it cannot be worked out what to start; skip REASON, or abort REASON".to_owned());
    }
    let prepared = match (needs_preparation, screen.live.preparations.get(step)) {
        (true, None) => return Err("the object is still being read; type start once it was".to_owned()),
        (_, Some(Err(_))) => return Err("the object could not be read, so nothing can start; read: reads it again".to_owned()),
        (_, Some(Ok(state))) => Some(Box::new(state.clone())),
        (false, None) => None,
    };
    match type_first {
        Some(name) if rest != name => return Err(format!("this is marked dangerous; type: start {name}")),
        Some(_) => {}
        None => alone(word, rest)?,
    }
    Ok(vec![Action::Start { step: step.clone(), prepared }])
}

fn checklist(word: &str, rest: &str, step: &StepRef, items: &[ItemView]) -> Answer {
    if word == "done" {
        alone(word, rest)?;
        return match items.iter().filter(|i| !i.ticked).count() {
            0 => Ok(command(Command::CompleteChecklist { step: step.clone() })),
            1 => Err("one item is not ticked yet".to_owned()),
            n => Err(format!("{n} items are not ticked yet")),
        };
    }
    let (which, note) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let note = Some(note.trim()).filter(|note| !note.is_empty()).map(str::to_owned);
    let ticked = word == "tick";
    let chosen: Vec<usize> = if ticked && which == "all" {
        items.iter().enumerate().filter(|(_, item)| !item.ticked).map(|(i, _)| i).collect()
    } else {
        let number = which.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|i| *i < items.len());
        vec![number.ok_or_else(|| format!("which item? {word} N, from 1 to {}", items.len()))?]
    };
    if chosen.is_empty() {
        return Err("every item is ticked; done: goes on".to_owned());
    }
    let mut out = Vec::new();
    for index in chosen {
        let Some(item) = items.get(index) else { continue };
        let number = index.saturating_add(1);
        if item.ticked == ticked {
            return Err(format!("item {number} is {}", if ticked { "ticked already" } else { "not ticked" }));
        }
        let against_check = item.has_check && item.check != Some(Ok(true));
        if ticked && note.is_none() && (item.note_required || against_check) {
            let why = if against_check { "its check does not hold" } else { "it wants one" };
            return Err(format!("item {number} needs a note, as {why}: tick {number} NOTE"));
        }
        let item = u32::try_from(index).map_err(|_| "there are too many items".to_owned())?;
        out.push(Action::Command(Command::Tick { step: step.clone(), item, ticked, note: note.clone() }));
    }
    Ok(out)
}

/// The answers of a form, where they are complete.
fn give(step: &StepRef, fields: &[Input], values: &BTreeMap<String, crate::runbook::Value>) -> Result<Action, String> {
    let gathered = inputs::gather(fields, &[], values);
    if let Some(secret) = gathered.secrets.iter().find(|s| s.required && s.source.is_none()) {
        return Err(format!("{} {SECRET}", secret.name));
    }
    if !gathered.missing.is_empty() {
        return Err(format!("still to be answered: {}", gathered.missing.join(", ")));
    }
    if !gathered.problems.is_empty() {
        let problems: Vec<String> = gathered.problems.iter().map(ToString::to_string).collect();
        return Err(problems.join("; "));
    }
    // What is optional and was not answered is left out, as a form on the screen does.
    let answered =
        |name: &String| values.contains_key(name) || fields.iter().any(|f| f.name.value == *name && f.default.is_some());
    let values = gathered.values.into_iter().filter(|(name, _)| answered(name)).collect();
    Ok(Action::Give { step: step.clone(), values, secrets: Vec::new() })
}

/// Answers to the questions that come when something went wrong.
fn of_trouble(word: &str, rest: &str, screen: &Screen<'_>) -> Answer {
    let failure = |step: &StepRef, choice, reason| command(Command::Failure { step: step.clone(), choice, reason });
    let settle = |step: &StepRef, choice, reason| command(Command::Settle { step: step.clone(), choice, reason });
    let guarded = |guard: &String, choice, reason| command(Command::Guard { guard: guard.clone(), choice, reason });
    Ok(match (screen.prompt, word) {
        (Prompt::Failure { step, .. } | Prompt::GateHold { step, .. }, "retry") => {
            alone(word, rest)?;
            failure(step, FailureChoice::Retry, None)
        }
        (Prompt::Failure { step, .. }, "continue") => failure(step, FailureChoice::Continue, Some(text(word, rest)?)),
        (Prompt::Failure { step, .. } | Prompt::GateHold { step, .. }, "abort") => {
            failure(step, FailureChoice::Abort, Some(text(word, rest)?))
        }
        (Prompt::Unknown { step, .. }, "look") => {
            alone(word, rest)?;
            settle(step, SettleChoice::Look, None)
        }
        (Prompt::Unknown { step, .. }, "done") => settle(step, SettleChoice::Done, Some(text(word, rest)?)),
        (Prompt::Unknown { step, .. }, "failed") => settle(step, SettleChoice::Failed, Some(text(word, rest)?)),
        (Prompt::Interrupt { step, .. }, "kill" | "wait") => {
            alone(word, rest)?;
            command(Command::Interrupt { step: step.clone(), kill: word == "kill" })
        }
        (Prompt::Guard { guard, .. }, "act") => {
            alone(word, rest)?;
            guarded(guard, GuardChoice::Act, None)
        }
        (Prompt::Guard { guard, .. }, "hold") => guarded(guard, GuardChoice::Hold, Some(text(word, rest)?)),
        (Prompt::Guard { guard, .. }, "snooze") => {
            let (ms, reason) = snooze(rest)?;
            guarded(guard, GuardChoice::Snooze(ms), Some(reason))
        }
        (Prompt::When { step, .. }, "run" | "leave") => {
            command(Command::When { step: step.clone(), run: word == "run", reason: text(word, rest)? })
        }
        _ => return Err(unknown(word, screen)),
    })
}

/// `GUARD 10m REASON`.
fn snooze_named(rest: &str, screen: &Screen<'_>) -> Answer {
    let (guard, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if !screen.guards.iter().any(|g| g.id == guard) {
        let ids: Vec<&str> = screen.guards.iter().map(|g| g.id.as_str()).collect();
        return Err(format!("which guard? snooze GUARD 10m REASON; the guards are {}", ids.join(", ")));
    }
    let (ms, reason) = snooze(rest.trim())?;
    Ok(command(Command::Guard { guard: guard.to_owned(), choice: GuardChoice::Snooze(ms), reason: Some(reason) }))
}

/// `10m REASON`.
fn snooze(rest: &str) -> Result<(u64, String), String> {
    let (time, reason) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let ms = parse_duration(time).filter(|ms| *ms > 0).ok_or("for how long? begin with a time such as 10m")?;
    let reason = reason.trim();
    if reason.is_empty() { Err("a reason is needed after the time".to_owned()) } else { Ok((ms, reason.to_owned())) }
}

fn command(command: Command) -> Vec<Action> {
    vec![Action::Command(command)]
}

fn say(said: &mut Vec<String>, (): (), lines: Vec<String>) -> Answer {
    said.extend(lines);
    Ok(Vec::new())
}

/// A word that takes nothing after it.
fn alone(word: &str, rest: &str) -> Result<(), String> {
    if rest.is_empty() { Ok(()) } else { Err(format!("`{word}` stands alone; nothing was done")) }
}

/// A word that needs a text after it.
fn text(word: &str, rest: &str) -> Result<String, String> {
    let what = if word == "note" { "TEXT" } else { "REASON" };
    if rest.is_empty() { Err(format!("a text is needed: {word} {what}")) } else { Ok(rest.to_owned()) }
}

fn unknown(word: &str, screen: &Screen<'_>) -> String {
    let shown: String = word.chars().take(SHOWN).collect();
    format!("`{shown}` does nothing now;{}", words::line(screen).trim_start().replacen("type:", " type:", 1))
}
