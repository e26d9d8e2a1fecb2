//! An answers file at the keyboard: when it answers, and when it has to stop.

use super::unattended::{Reply, Unattended};
use super::walk::Walk;
use crate::session::intent::Starter;
use crate::session::message::Command;
use crate::session::view::Prompt;

/// A command that keeps being refused, or an object that keeps being unreadable, stops an
/// unattended session after this long.
const PATIENCE_MS: u64 = 300_000;

/// So long a login may be refused before an unattended session stops: the credential plugin
/// is asked again once meanwhile. Nobody is there to log in.
const LOGIN_PATIENCE_MS: u64 = 20_000;

/// What an answers file does with what is asked.
pub struct Answering {
    unattended: Unattended,
    reacts_after_ms: u64,
    asked: Option<(String, u64)>,
    /// Since when nothing goes through without a login.
    locked_out: Option<u64>,
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
        Self { unattended, reacts_after_ms, asked: None, locked_out: None }
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
                    at.mono_ms
                }
            };
            if matches!(prompt, Prompt::Busy { .. } | Prompt::Closed { .. }) {
                return Next::Wait(None);
            }
            if let Some(next) = self.without_login(walk, at.mono_ms) {
                return next;
            }
            let reacts = since + self.reacts_after_ms;
            if at.mono_ms < reacts {
                return Next::Wait(Some(reacts));
            }
            let patience = reacts + PATIENCE_MS;
            let prepared = match &prompt {
                Prompt::Start { step, .. } => walk.live.preparations.get(step).cloned(),
                _ => None,
            };
            let reply = self.unattended.answer(&prompt, danger(walk, &prompt), prepared.as_ref());
            let commands = match reply {
                Reply::Stop(why) => return Next::Stop(why),
                Reply::Wait => return Next::Wait(None),
                Reply::WaitThen(_) if at.mono_ms < patience => return Next::Wait(Some(patience)),
                Reply::WaitThen(reply) => match *reply {
                    Reply::Act(commands) => commands,
                    Reply::Stop(why) => return Next::Stop(why),
                    Reply::Wait | Reply::WaitThen(_) => return Next::Wait(None),
                },
                Reply::Act(commands) => commands,
            };
            if let Err(why) = carry_out(walk, commands) {
                return if at.mono_ms >= patience { Next::Stop(why) } else { Next::Wait(Some(at.mono_ms + 1_000)) };
            }
        }
    }
}

impl Answering {
    /// What to do where nothing goes through without a login: nothing is started, and
    /// nobody is asked. What runs is left to end first.
    fn without_login(&mut self, walk: &Walk, now_ms: u64) -> Option<Next> {
        let Some(why) = walk.login_needed() else {
            self.locked_out = None;
            return None;
        };
        let since = *self.locked_out.get_or_insert(now_ms);
        if now_ms < since + LOGIN_PATIENCE_MS {
            return Some(Next::Wait(Some(since + LOGIN_PATIENCE_MS)));
        }
        let sid = walk.session().id();
        Some(Next::Stop(format!(
            "the session has no login to the cluster any more ({why}); log in by hand, then go on with: pacenote resume {sid}"
        )))
    }
}

/// Whether the step in hand must be named to be answered: it is marked `danger`, or says
/// that something was undone by hand.
fn danger(walk: &Walk, prompt: &Prompt) -> bool {
    let by_hand =
        matches!(prompt, Prompt::Confirm { .. }) && walk.session().step_view(walk.now()).is_some_and(|s| s.kind == "undo");
    by_hand || walk.session().danger_in_hand()
}

fn carry_out(walk: &mut Walk, commands: Vec<Command>) -> Result<(), String> {
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
