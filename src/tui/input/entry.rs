//! Typed texts: notes, reasons, names, and the command line.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::style::{Modifier, Style};
use tui_textarea::{TextArea, WrapMode};

use super::super::Screen;
use super::super::action::Action;
use super::super::form::parse_duration;
use super::super::keymap::{self, Context, Op};
use super::super::replay::Transport;
use super::super::ui::{Entry, Level, Overlay, Purpose, Ui, prepared};
use crate::session::message::{Command, FailureChoice, GuardChoice, SettleChoice};
use crate::session::view::Prompt;

impl Ui {
    /// Opens the entry for a text; what follows is sent once it is typed.
    pub(in crate::tui) fn ask_reason(&mut self, purpose: Purpose) -> Vec<Action> {
        let (title, hint) = wording(&purpose);
        let mut area = TextArea::default();
        area.set_cursor_line_style(Style::new());
        area.set_cursor_style(Style::new().add_modifier(Modifier::REVERSED));
        area.set_wrap_mode(WrapMode::WordOrGlyph);
        let free = matches!(
            purpose,
            Purpose::Note | Purpose::CommandLine | Purpose::Abort | Purpose::Abandon | Purpose::Jump | Purpose::Snooze(_)
        );
        let bound_to = if free { None } else { self.prompt_identity() };
        self.overlay = Some(Overlay::Entry(Box::new(Entry { purpose, title, hint, area, error: None, bound_to })));
        Vec::new()
    }

    pub(super) fn entry_key(&mut self, event: KeyEvent, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let op = keymap::find(event.into(), Context::Typing);
        let cancel = op == Some(Op::Back) || keymap::find(event.into(), Context::Everywhere) == Some(Op::Stop);
        if cancel {
            self.overlay = None;
            return Vec::new();
        }
        let Some(Overlay::Entry(entry)) = &mut self.overlay else { return Vec::new() };
        let asks = entry.purpose == Purpose::CommandLine && entry.area.is_empty();
        if asks && keymap::find(event.into(), Context::Everywhere) == Some(Op::Help) {
            self.overlay = Some(Overlay::Help { scroll: 0, commands: true });
            return Vec::new();
        }
        match op {
            Some(Op::NewLine) if entry.purpose.is_of_lines() => entry.area.insert_newline(),
            Some(Op::NewLine) => {}
            // A terminal that pastes as if it were typed ends every line with Enter.
            Some(Op::Send) if entry.purpose == Purpose::Answer && is_unfinished(entry.area.lines()) => {
                entry.area.insert_newline();
            }
            Some(Op::Send) => {
                let typed = entry.area.lines().join("\n").trim().to_owned();
                let purpose = entry.purpose.clone();
                return match self.submit(&purpose, typed, screen, now_ms) {
                    Ok((actions, closes)) => {
                        if closes {
                            self.overlay = None;
                        }
                        actions
                    }
                    Err(error) => {
                        if let Some(Overlay::Entry(entry)) = &mut self.overlay {
                            entry.error = Some(error);
                        }
                        Vec::new()
                    }
                };
            }
            _ => {
                type_into(&mut entry.area, event);
                entry.error = None;
            }
        }
        Vec::new()
    }

    /// What a typed text means; whether the entry closes.
    fn submit(
        &mut self,
        purpose: &Purpose,
        typed: String,
        screen: &Screen<'_>,
        now_ms: u64,
    ) -> Result<(Vec<Action>, bool), String> {
        if let Purpose::CommandLine = purpose {
            self.overlay = None;
            let actions = self.command_line(&typed, screen, now_ms);
            // A command may have opened an entry or a plan of its own.
            return Ok((actions, false));
        }
        if *purpose == Purpose::Jump {
            return Ok((vec![Action::Replay(Transport::Jump(typed))], true));
        }
        if typed.is_empty() {
            let missing = match purpose {
                Purpose::TypeName { .. } => "type the name",
                Purpose::Answer => "paste the answer, or type the path of its file",
                _ => "a reason is needed",
            };
            return Err(missing.into());
        }
        let reason = Some(typed.clone());
        let command = match purpose.clone() {
            Purpose::Note => Command::Note { text: typed },
            Purpose::Answer => return Ok((vec![Action::Answer(typed)], true)),
            Purpose::ItemNote { step, item, ticked } => Command::Tick { step, item, ticked, note: reason },
            Purpose::TypeName { step, expected, .. } => {
                if typed != expected {
                    return Err(format!("that is not `{expected}`"));
                }
                let object = prepared(screen, &step).and_then(Result::ok).map(|o| Box::new(o.clone()));
                return Ok((vec![Action::Start { step, prepared: object }], true));
            }
            Purpose::Skip(step) => Command::Skip { step, reason: typed },
            Purpose::Override(step) => Command::OverrideGate { step, reason: typed },
            Purpose::Failure(step, choice) => Command::Failure { step, choice, reason },
            Purpose::Settle(step, choice) => Command::Settle { step, choice, reason },
            Purpose::When(step, run) => Command::When { step, run, reason: typed },
            Purpose::Guard(guard, choice) => Command::Guard { guard, choice, reason },
            Purpose::Snooze(guard) => {
                let (time, why) = typed.split_once(char::is_whitespace).unwrap_or((&typed, ""));
                let Some(ms) = parse_duration(time).filter(|ms| *ms > 0) else {
                    return Err(format!("`{time}` is not a time; begin with one, such as 10m"));
                };
                if why.trim().is_empty() {
                    return Err("a reason is needed after the time".into());
                }
                Command::Guard { guard, choice: GuardChoice::Snooze(ms), reason: Some(why.trim().to_owned()) }
            }
            Purpose::Choose(step, key) => Command::Choose { step, key, reason },
            Purpose::Abort => Command::Abort { reason: typed },
            Purpose::Abandon => Command::Abandon { reason: typed },
            Purpose::CommandLine | Purpose::Jump => return Ok((Vec::new(), true)),
        };
        Ok((vec![Action::Command(command)], true))
    }

    fn command_line(&mut self, typed: &str, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let typed = typed.trim_start_matches(':').trim();
        let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        let rest = rest.trim();
        let step = match screen.prompt {
            // It may be of a step that is over.
            Prompt::Approve { step, .. } => Some(step.clone()),
            _ => screen.step.map(|s| s.step.clone()),
        };
        let purpose = match (name, step) {
            ("", _) => return Vec::new(),
            ("help" | "?", _) => {
                self.overlay = Some(Overlay::Help { scroll: 0, commands: true });
                return Vec::new();
            }
            ("sheet", _) => {
                self.overlay = Some(Overlay::Sheet { scroll: 0 });
                return Vec::new();
            }
            ("quit" | "q", _) => return self.leave(screen),
            ("login", _) => return vec![Action::LogIn],
            ("copy", _) => return self.copy(screen, now_ms),
            ("stop", _) => return self.stop(screen, now_ms),
            ("go", _) => return vec![Action::Command(Command::Unpause)],
            ("pause", _) => {
                let reason = (!rest.is_empty()).then(|| rest.to_owned());
                return vec![Action::Command(Command::Pause { reason })];
            }
            ("rollback", _) => return self.open_rollback(screen, (!rest.is_empty()).then(|| rest.to_owned()), now_ms),
            ("note", _) => Purpose::Note,
            ("answer", _) if matches!(screen.prompt, Prompt::Approve { .. }) => Purpose::Answer,
            ("answer", _) => return self.nothing_to("answer", now_ms),
            ("abort", _) => Purpose::Abort,
            ("abandon", _) => Purpose::Abandon,
            ("snooze", _) => {
                let (guard, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                if guard.is_empty() {
                    let guards: Vec<_> = screen.guards.iter().map(|g| g.id.as_str()).collect();
                    let known =
                        if guards.is_empty() { "this runbook has none".into() } else { format!("guards: {}", guards.join(", ")) };
                    self.say(format!("type :snooze GUARD TIME REASON, such as 10m; {known}"), Level::Warn, now_ms);
                    return Vec::new();
                }
                if !screen.guards.iter().any(|g| g.id == guard) {
                    self.say(format!("there is no guard `{guard}`"), Level::Warn, now_ms);
                    return Vec::new();
                }
                return self.with_text(Purpose::Snooze(guard.to_owned()), rest.trim(), screen, now_ms);
            }
            ("retry", _) => match screen.prompt {
                Prompt::Failure { step, .. } | Prompt::GateHold { step, .. } => {
                    return vec![Action::Command(Command::Failure {
                        step: step.clone(),
                        choice: FailureChoice::Retry,
                        reason: None,
                    })];
                }
                _ => return self.nothing_to("retry", now_ms),
            },
            ("continue", _) => match screen.prompt {
                Prompt::Failure { step, can_continue: true, .. } => Purpose::Failure(step.clone(), FailureChoice::Continue),
                _ => return self.nothing_to("continue after", now_ms),
            },
            ("override", Some(step)) if screen.step.is_some_and(|s| s.gate.is_some()) => Purpose::Override(step),
            ("override", _) => return self.nothing_to("override", now_ms),
            ("skip", Some(step)) => Purpose::Skip(step),
            ("skip", None) => return self.nothing_to("skip", now_ms),
            (name, _) => {
                self.say(format!("there is no command `{name}`; :? shows them all"), Level::Warn, now_ms);
                return Vec::new();
            }
        };
        self.with_text(purpose, rest, screen, now_ms)
    }

    fn nothing_to(&mut self, what: &str, now_ms: u64) -> Vec<Action> {
        self.say(format!("there is nothing to {what} now"), Level::Warn, now_ms);
        Vec::new()
    }

    /// Sends at once where the text came with the command, else asks for it.
    fn with_text(&mut self, purpose: Purpose, typed: &str, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        if typed.is_empty() {
            return self.ask_reason(purpose);
        }
        match self.submit(&purpose, typed.to_owned(), screen, now_ms) {
            Ok((actions, _)) => actions,
            Err(error) => {
                self.say(error, Level::Warn, now_ms);
                Vec::new()
            }
        }
    }
}

/// Gives a key to a text field. What deletes does so as in a shell (readline); left to
/// itself the field takes Ctrl-U for undoing.
pub(in crate::tui) fn type_into(area: &mut TextArea<'_>, event: KeyEvent) {
    let deletes = keymap::find(event.into(), Context::Typing) == Some(Op::Delete);
    // Whether anything changed matters to nobody.
    let _ = match event.code {
        KeyCode::Char('u') if deletes => area.delete_line_by_head(),
        KeyCode::Char('k') if deletes => area.delete_line_by_end(),
        KeyCode::Char('w') if deletes => area.delete_word(),
        _ => area.input(event),
    };
}

/// Whether an answer has begun and not ended.
fn is_unfinished(lines: &[String]) -> bool {
    let begins = |line: &String| ["by:", "refusal:", "-----BEGIN"].iter().any(|start| line.trim().starts_with(start));
    lines.iter().any(begins) && !lines.iter().any(|line| line.trim().starts_with("-----END"))
}

/// Title and hint of an entry.
fn wording(purpose: &Purpose) -> (String, String) {
    let why = "It becomes part of the record.";
    let (title, hint) = match purpose {
        Purpose::Note => ("Note", "Goes into the record with what was known now."),
        Purpose::Answer => ("An approver's answer", "Paste it, or type the path of its file."),
        Purpose::CommandLine => ("Command", "? on the empty line shows all commands."),
        Purpose::Jump => ("Go to", "14:32 (UTC), 2026-11-21 14:32, +5m, -30s or #214"),
        Purpose::ItemNote { ticked: true, .. } => ("Note for this item", "What was seen, or why it is ticked all the same."),
        Purpose::ItemNote { ticked: false, .. } => ("Why untick it?", why),
        Purpose::TypeName { expected, takes_over, .. } => {
            let why = if *takes_over {
                "It takes fields over from whoever manages them now."
            } else {
                "The runbook marks it as dangerous, and this environment is protected."
            };
            return (format!("Type {expected} to start"), why.into());
        }
        Purpose::Skip(_) => ("Why skip this step?", why),
        Purpose::Override(_) => ("Why pass the gate without its verdict?", why),
        Purpose::Failure(_, FailureChoice::Continue) => ("Why go on after the failure?", why),
        Purpose::Failure(_, FailureChoice::Abort) => ("Why abort?", "The session ends; nothing is rolled back."),
        Purpose::Failure(..) => ("Why?", why),
        Purpose::Settle(_, SettleChoice::Done) => ("How do you know it was done?", why),
        Purpose::Settle(..) => ("How do you know it was not done?", why),
        Purpose::When(_, true) => ("Why run it?", why),
        Purpose::When(_, false) => ("Why skip it?", why),
        Purpose::Guard(..) => ("Why carry on?", "The guard is judged again from now on."),
        Purpose::Snooze(guard) => {
            return (format!("Snooze {guard}: how long, and why?"), "For example: 10m the peak is known".into());
        }
        Purpose::Choose(_, key) => return (format!("Why `{key}`?"), why.into()),
        Purpose::Abort => ("Why abort?", "The session ends; nothing is rolled back."),
        Purpose::Abandon => ("Why abandon it?", "The session is closed as it stands; nothing more runs."),
    };
    (title.into(), hint.into())
}
