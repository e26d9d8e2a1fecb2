//! An answers file at the keyboard: when it answers, and when it has to stop.

use super::unattended::{Reply, Unattended};
use super::walk::Walk;
use crate::session::intent::Starter;
use crate::session::message::Command;
use crate::session::view::Prompt;

/// A command that keeps being refused, or an object that keeps being unreadable, stops an
/// unattended session after this long.
const PATIENCE_MS: u64 = 300_000;

/// What an answers file does with what is asked.
pub struct Answering {
    unattended: Unattended,
    reacts_after_ms: u64,
    asked: Option<(String, u64)>,
    refused: Option<String>,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing to do before something happens, or before this moment (`mono_ms`).
    Wait(Option<u64>),
    /// The file does not answer this; why, for people.
    Stop(String),
}

impl Answering {
    /// From answers that are given so long after a question came up.
    pub fn new(unattended: Unattended, reacts_after_ms: u64) -> Self {
        Self { unattended, reacts_after_ms, asked: None, refused: None }
    }

    /// Answers everything that can be answered now.
    pub fn answer(&mut self, walk: &mut Walk) -> Next {
        loop {
            let at = walk.now();
            let prompt = walk.session().prompt(at);
            let identity = identity(&prompt);
            let since = match &self.asked {
                Some((asked, since)) if *asked == identity => *since,
                _ => {
                    self.asked = Some((identity, at.mono_ms));
                    self.refused = None;
                    at.mono_ms
                }
            };
            if matches!(prompt, Prompt::Busy { .. } | Prompt::Closed { .. }) {
                return Next::Wait(None);
            }
            if at.mono_ms < since + self.reacts_after_ms {
                return Next::Wait(Some(since + self.reacts_after_ms));
            }
            let patience = since + self.reacts_after_ms + PATIENCE_MS;
            let prepared = match &prompt {
                Prompt::Start { step, .. } => walk.live.preparations.get(step).cloned(),
                _ => None,
            };
            let unreadable = prepared.as_ref().and_then(|p| p.as_ref().err().cloned());
            let danger = walk.session().danger_in_hand();
            match self.unattended.answer(&prompt, danger, prepared.as_ref()) {
                Reply::Stop(why) => return Next::Stop(why),
                Reply::Wait => {
                    if let (Prompt::Start { .. }, true) = (&prompt, at.mono_ms >= patience) {
                        return Next::Stop(unreadable.unwrap_or_else(|| "nothing came of it for five minutes".to_owned()));
                    }
                    return Next::Wait(matches!(prompt, Prompt::Start { .. }).then_some(patience));
                }
                Reply::Act(commands) => {
                    if let Err(why) = self.carry_out(walk, commands) {
                        self.refused = Some(why.clone());
                        return if at.mono_ms >= patience { Next::Stop(why) } else { Next::Wait(Some(at.mono_ms + 1_000)) };
                    }
                }
            }
        }
    }

    fn carry_out(&mut self, walk: &mut Walk, commands: Vec<Command>) -> Result<(), String> {
        if commands.is_empty() {
            return Err("the answers file has no answer here".to_owned());
        }
        for command in commands {
            let done = match command {
                Command::Start { step, prepared, .. } => walk.start(step, prepared, Starter::Answers),
                other => walk.command(other, Starter::Answers),
            };
            done.map_err(|refusal| refusal.0)?;
        }
        Ok(())
    }
}

/// What tells one question from the next.
fn identity(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Guard { guard, .. } => format!("guard {guard}"),
        Prompt::Unknown { step, .. } => format!("unknown {} {}", step.path, step.visit),
        Prompt::Interrupt { step, .. } => format!("interrupt {} {}", step.path, step.visit),
        Prompt::Failure { step, .. } => format!("failure {} {}", step.path, step.visit),
        Prompt::GateHold { step, .. } => format!("hold {} {}", step.path, step.visit),
        Prompt::When { step, .. } => format!("when {} {}", step.path, step.visit),
        Prompt::Paused => "paused".to_owned(),
        Prompt::Start { step, .. } => format!("start {} {}", step.path, step.visit),
        Prompt::Confirm { step, .. } => format!("confirm {} {}", step.path, step.visit),
        Prompt::Checklist { step, .. } => format!("checklist {} {}", step.path, step.visit),
        Prompt::Input { step, .. } => format!("input {} {}", step.path, step.visit),
        Prompt::Decide { step, .. } => format!("decide {} {}", step.path, step.visit),
        Prompt::Approve { step, .. } => format!("approve {} {}", step.path, step.visit),
        Prompt::Busy { step } => format!("busy {} {}", step.path, step.visit),
        Prompt::Closed { .. } => "closed".to_owned(),
    }
}
