//! The same session as lines of text: for pipes, dumb terminals and screen readers.
//!
//! [`Plain::show`] prints what is new since it was last called, [`Plain::line`] turns a
//! typed line into [`Action`]s. Both see the [`Screen`] that the frames are drawn from, so
//! the two ways to walk a session cannot tell different stories. Every line begins with
//! the time in UTC and is printed whole; there are no colours and no movements of the
//! cursor, and text from outside cannot bring any, nor begin a line of its own.
//!
//! A word that is not understood does nothing, and what would be understood is named;
//! nothing is guessed. A question is answered only as it was printed: where it has changed
//! since, the answer is refused. The module reads no clock and writes only where it is
//! told to; when it is called is the loop's business.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::redact::{Keep, strip_controls};
use crate::runbook::Value;
use crate::session::intent::ObjectState;
use crate::session::message::StepRef;
use crate::session::view::{Prompt, UndoItem};
use crate::tui::{Action, Screen};

mod answer;
mod news;
mod question;
mod status;
mod words;

/// Tabs may stay; a newline would begin a line that is not ours.
const ONE_LINE: Keep = Keep { newline: false, tab: true };

/// What has been printed, and what has been typed that is not complete yet.
#[derive(Debug, Default)]
pub struct Plain {
    told: news::Told,
    question: Option<Question>,
    form: Option<(StepRef, BTreeMap<String, Value>)>,
    rollback: Option<RollbackPlan>,
    /// An approver's answer that is being pasted.
    answer: Option<String>,
    /// The effect that was asked to stop, and how often.
    stops: (u64, u32),
}

/// A plan that was printed and waits to be confirmed.
#[derive(Debug)]
struct RollbackPlan {
    reason: Option<String>,
    undo: Vec<UndoItem>,
}

impl Plain {
    /// Nothing printed, nothing typed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints what is new, and the question when it is another one.
    ///
    /// # Errors
    /// When `out` cannot be written. What was new then counts as printed.
    pub fn show(&mut self, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = self.told.news(screen);
        let question = Question::of(screen);
        if self.question.as_ref() != Some(&question) {
            if self
                .form
                .as_ref()
                .is_some_and(|(step, _)| !matches!(screen.prompt, Prompt::Input { step: now, .. } if now == step))
            {
                self.form = None;
            }
            lines.extend(question::lines(screen));
            self.question = Some(question);
            self.told.rest(screen);
        } else if let Some(heartbeat) = self.told.heartbeat(screen) {
            lines.push(heartbeat);
        }
        print(screen, &lines, out)
    }

    /// Takes a typed line. What it asks of the loop is returned; what is to be said about
    /// it is printed.
    ///
    /// # Errors
    /// When `out` cannot be written; the line then has had no effect.
    pub fn line(&mut self, line: &str, screen: &Screen<'_>, out: &mut dyn Write) -> io::Result<Vec<Action>> {
        let mut lines = Vec::new();
        let actions = match self.interpret(&strip_controls(line, ONE_LINE), screen, &mut lines) {
            Ok(actions) => actions,
            Err(refusal) => {
                lines.push(format!("! {refusal}"));
                Vec::new()
            }
        };
        print(screen, &lines, out)?;
        Ok(actions)
    }

    /// Whether the question is the one that was printed.
    fn is_shown(&self, screen: &Screen<'_>) -> bool {
        self.question.as_ref() == Some(&Question::of(screen))
    }
}

/// A question without what merely moves in it: time left, ticks, a look under way.
#[derive(Debug, PartialEq)]
struct Question {
    prompt: Prompt,
    /// What starting would change, as read; part of the question.
    prepared: Option<Result<ObjectState, String>>,
}

impl Question {
    fn of(screen: &Screen<'_>) -> Self {
        let mut prompt = screen.prompt.clone();
        match &mut prompt {
            Prompt::Guard { left_ms, .. } | Prompt::Decide { left_ms, .. } => *left_ms = None,
            Prompt::Checklist { items, .. } => {
                for item in items {
                    (item.ticked, item.check, item.note) = (false, None, None);
                }
            }
            Prompt::Unknown { looking, .. } => *looking = false,
            Prompt::Approve { given, .. } => given.clear(),
            // Why there is no verdict follows the readings.
            Prompt::GateHold { why, .. } | Prompt::When { why, .. } => why.clear(),
            _ => {}
        }
        let prepared = match screen.prompt {
            Prompt::Start { step, .. } => screen.live.preparations.get(step).cloned(),
            _ => None,
        };
        Self { prompt, prepared }
    }
}

/// Prints lines at the screen's time. The one place where anything is written.
fn print(screen: &Screen<'_>, lines: &[String], out: &mut dyn Write) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let time = screen.now.format("%H:%M:%S");
    let mut text = String::new();
    for line in lines {
        text.push_str(format!("{time} {}", strip_controls(line, ONE_LINE)).trim_end());
        text.push('\n');
    }
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// The lines of a text that has several, each indented.
fn indented(text: &str, indent: &str) -> Vec<String> {
    strip_controls(text, Keep::LINES).lines().map(|line| format!("{indent}{line}")).collect()
}
