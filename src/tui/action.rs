//! What the screen asks the loop to do.

use std::collections::BTreeMap;
use std::fmt;

use super::replay::Transport;
use crate::runbook::Value;
use crate::session::intent::ObjectState;
use crate::session::message::{Command, StepRef};

/// A secret the operator typed. Never printed; handed to whoever keeps secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// One thing the loop should do. Closed: the screen can ask for nothing else.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Tell the session. Of [`Command::Stop`] the loop also sends the signal it names.
    Command(Command),
    /// Start the effect that is shown. The loop adds the baselines and makes a
    /// [`Command::Start`] of it.
    Start {
        /// Which step.
        step: StepRef,
        /// The object as it was shown to the operator.
        prepared: Option<Box<ObjectState>>,
    },
    /// Read the object of a step again: it could not be read.
    Prepare {
        /// Which step.
        step: StepRef,
    },
    /// Answers to a form. The loop keeps the secrets and makes a [`Command::Give`] of
    /// it that names them.
    Give {
        /// Which step.
        step: StepRef,
        /// Values.
        values: BTreeMap<String, Value>,
        /// Secrets by name.
        secrets: Vec<(String, Secret)>,
    },
    /// What an approver gave back: the answer, or the path of its file.
    Answer(String),
    /// Log in to the cluster again. The loop gives up the terminal for it.
    LogIn,
    /// Put text on the clipboard (OSC 52).
    Copy(String),
    /// Leave; the session stays as it is and can be resumed.
    Quit,
    /// Suspend the program (Ctrl-Z).
    Suspend,
    /// Clear the terminal and draw everything anew.
    Redraw,
    /// Ring the bell.
    Bell,
    /// Move in a replay.
    Replay(Transport),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let action = Action::Give {
            step: StepRef { path: "s".into(), visit: 1 },
            values: BTreeMap::new(),
            secrets: vec![("token".into(), Secret::new("hunter2".into()))],
        };
        assert!(!format!("{action:?}").contains("hunter2"));
    }
}
