//! Words to actions.

use super::question::{ALWAYS, words};
use super::{Plain, panels};
use crate::session::message::{Command, FailureChoice, GuardChoice, SettleChoice, StepRef};
use crate::session::view::{ItemView, Prompt};
use crate::tui::text::duration;
use crate::tui::{Action, Screen};

/// What came of a line.
pub(super) enum Said {
    /// Do this.
    Do(Vec<Action>),
    /// Say this.
    Print(Vec<String>),
}

/// What a line means now.
pub(super) fn command(plain: &mut Plain, line: &str, screen: &Screen<'_>, stale: bool) -> Said {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    if stale && matches!(word, "start" | "yes" | "act" | "choose" | "run" | "retry") {
        return say("the question has changed meanwhile; read it and answer again");
    }
    if let Some(said) = everywhere(plain, word, rest, screen) {
        return said;
    }
    answer(plain, word, rest, screen)
        .unwrap_or_else(|| say(&format!("`{word}` does not answer this; type: {}", words(screen.prompt))))
}

fn say(text: &str) -> Said {
    Said::Print(vec![text.to_owned()])
}

fn act(command: Command) -> Option<Said> {
    Some(Said::Do(vec![Action::Command(command)]))
}

fn reason(rest: &str) -> Option<String> {
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// Words that do whatever is asked.
fn everywhere(plain: &mut Plain, word: &str, rest: &str, screen: &Screen<'_>) -> Option<Said> {
    match word {
        "quit" => Some(Said::Do(vec![Action::Quit])),
        "help" => Some(Said::Print(vec![format!("type: {}", words(screen.prompt)), format!("always: {ALWAYS}")])),
        "undo" => Some(Said::Print(plan(screen))),
        "status" => Some(Said::Print(status(screen))),
        "note" => act(Command::Note { text: rest.to_owned() }),
        "pause" => act(Command::Pause { reason: reason(rest) }),
        "go" => act(Command::Unpause),
        "abort" => act(Command::Abort { reason: rest.to_owned() }),
        "rollback" if !matches!(screen.prompt, Prompt::Guard { .. }) => {
            if std::mem::replace(&mut plain.rollback_shown, true) {
                return act(Command::Rollback { reason: reason(rest) });
            }
            let mut lines = plan(screen);
            lines.push("type `rollback` once more to begin; it cannot be stopped half way".to_owned());
            Some(Said::Print(lines))
        }
        "stop" => {
            let step = screen.step.map(|s| s.step.clone())?;
            let signal = match plain.stops {
                0 => "SIGINT",
                1 => "SIGTERM",
                _ => "SIGKILL",
            };
            plain.stops = plain.stops.saturating_add(1);
            act(Command::Stop { step, signal: signal.to_owned() })
        }
        "skip" => act(Command::Skip { step: screen.step.map(|s| s.step.clone())?, reason: rest.to_owned() }),
        "override" => act(Command::OverrideGate { step: screen.step.map(|s| s.step.clone())?, reason: rest.to_owned() }),
        _ => None,
    }
}

/// Words that answer the question.
fn answer(plain: &mut Plain, word: &str, rest: &str, screen: &Screen<'_>) -> Option<Said> {
    match screen.prompt {
        Prompt::Guard { guard, .. } => guard_answer(guard, word, rest),
        Prompt::Unknown { step, .. } => {
            let choice = match word {
                "look" => SettleChoice::Look,
                "done" => SettleChoice::Done,
                "failed" => SettleChoice::Failed,
                _ => return None,
            };
            act(Command::Settle { step: step.clone(), choice, reason: reason(rest) })
        }
        Prompt::Interrupt { step, .. } if matches!(word, "kill" | "wait") => {
            act(Command::Interrupt { step: step.clone(), kill: word == "kill" })
        }
        Prompt::Failure { step, .. } | Prompt::GateHold { step, .. } => {
            let choice = match word {
                "retry" => FailureChoice::Retry,
                "continue" => FailureChoice::Continue,
                _ => return None,
            };
            act(Command::Failure { step: step.clone(), choice, reason: reason(rest) })
        }
        Prompt::When { step, .. } if matches!(word, "run" | "leave") => {
            act(Command::When { step: step.clone(), run: word == "run", reason: rest.to_owned() })
        }
        Prompt::Start { step, type_first, needs_preparation, .. } if word == "start" => {
            start(screen, step, type_first.as_deref(), *needs_preparation, rest)
        }
        Prompt::Confirm { step, .. } if matches!(word, "yes" | "no") => {
            act(Command::Confirm { step: step.clone(), yes: word == "yes" })
        }
        Prompt::Checklist { step, items } => checklist(step, items, word, rest),
        Prompt::Input { step, fields } => form(plain, step, fields, word, rest),
        Prompt::Decide { step, .. } if word == "choose" => {
            let (key, why) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let mut letters = key.chars();
            match (letters.next(), letters.next()) {
                (Some(key), None) => act(Command::Choose { step: step.clone(), key, reason: reason(why.trim()) }),
                _ => Some(say("an option is one letter")),
            }
        }
        _ => None,
    }
}

fn guard_answer(guard: &str, word: &str, rest: &str) -> Option<Said> {
    let (choice, why) = match word {
        "act" => (GuardChoice::Act, rest),
        "rollback" => (GuardChoice::Rollback, rest),
        "hold" => (GuardChoice::Hold, rest),
        "snooze" => {
            let (minutes, why) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match minutes.trim_end_matches('m').parse::<u64>() {
                Ok(minutes) if (1..=1440).contains(&minutes) => (GuardChoice::Snooze(minutes * 60_000), why.trim()),
                _ => return Some(say("say for how many minutes: snooze 10 REASON")),
            }
        }
        _ => return None,
    };
    act(Command::Guard { guard: guard.to_owned(), choice, reason: reason(why) })
}

fn start(screen: &Screen<'_>, step: &StepRef, type_first: Option<&str>, needs_preparation: bool, rest: &str) -> Option<Said> {
    if let Some(service) = type_first.filter(|s| *s != rest) {
        return Some(say(&format!("this step is dangerous: type `start {service}` to start it")));
    }
    let prepared = match (needs_preparation, screen.live.preparations.get(step)) {
        (false, _) => None,
        (true, Some(Ok(object))) => Some(Box::new(object.clone())),
        (true, Some(Err(why))) => return Some(say(&format!("the object cannot be read: {why}; it is tried again"))),
        (true, None) => return Some(say("the object is still being read")),
    };
    Some(Said::Do(vec![Action::Start { step: step.clone(), prepared }]))
}

fn checklist(step: &StepRef, items: &[ItemView], word: &str, rest: &str) -> Option<Said> {
    let (which, note) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let tick = |index: usize, ticked: bool| {
        let item = u32::try_from(index).unwrap_or(u32::MAX);
        Action::Command(Command::Tick { step: step.clone(), item, ticked, note: reason(note.trim()) })
    };
    match (word, which) {
        ("done", _) => act(Command::CompleteChecklist { step: step.clone() }),
        ("tick", "all") => {
            Some(Said::Do(items.iter().enumerate().filter(|(_, i)| !i.ticked).map(|(n, _)| tick(n, true)).collect()))
        }
        ("tick" | "untick", number) => match number.parse::<usize>() {
            Ok(number) if (1..=items.len()).contains(&number) => Some(Said::Do(vec![tick(number - 1, word == "tick")])),
            _ => Some(say(&format!("say which: {word} 1 to {}", items.len()))),
        },
        _ => None,
    }
}

fn form(plain: &mut Plain, step: &StepRef, fields: &[crate::runbook::model::Input], word: &str, rest: &str) -> Option<Said> {
    match word {
        "set" => {
            let (name, value) = rest.split_once(|c: char| c.is_whitespace() || c == '=').unwrap_or((rest, ""));
            let Some(field) = fields.iter().find(|f| f.name.value == name) else {
                return Some(say(&format!("there is no `{name}` to set")));
            };
            if matches!(field.kind, crate::runbook::model::InputKind::Secret(_)) {
                return Some(say("a secret is not typed here: give it a source in the runbook (`from:`)"));
            }
            match crate::inputs::parse(field, value.trim()) {
                Ok(value) => {
                    plain.form.insert(name.to_owned(), value);
                    Some(say(&format!("{name} is set")))
                }
                Err(why) => Some(say(&format!("{name}: {why}"))),
            }
        }
        "done" => {
            let values = std::mem::take(&mut plain.form);
            Some(Said::Do(vec![Action::Give { step: step.clone(), values, secrets: Vec::new() }]))
        }
        _ => None,
    }
}

/// What stopping now would undo.
fn plan(screen: &Screen<'_>) -> Vec<String> {
    let mut lines = vec![if screen.undo.is_empty() {
        "nothing to undo".to_owned()
    } else {
        "a rollback would do, in this order:".to_owned()
    }];
    lines.extend(screen.undo.iter().enumerate().map(|(n, item)| format!("  {}. {}", n + 1, item.text)));
    lines.extend(screen.header.back_to.iter().map(|b| format!("  back to: {b}")));
    lines
}

fn status(screen: &Screen<'_>) -> Vec<String> {
    let header = screen.header;
    let (done, all) = header.progress;
    let mut lines = vec![format!("{}: {done} of {all} steps, {}", header.title, duration(header.elapsed_ms))];
    lines.extend(screen.step.map(|s| format!("in hand: {} ({})", s.step.path, s.title)));
    lines.extend(screen.guards.iter().map(|g| format!("guard {}: {:?}", g.id, g.state)));
    lines.extend(panels(screen));
    lines
}
