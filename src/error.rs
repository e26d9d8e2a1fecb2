//! Errors at the edge: full sentences for the person at the terminal.
//!
//! Inside the program errors are short fragments typed with thiserror. Where one leaves
//! the program it becomes a [`Problem`]: what happened, where, what to do next, and the
//! exit code that goes with it. A `Problem` is never matched on; it is only shown.

use std::fmt;
use std::process::ExitCode;

/// How the program ends. The numbers are part of the contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: it ran and did not succeed: a failed check, a session with any outcome but
    /// `completed`, a tampered journal.
    Failed,
    /// 2: the arguments are wrong.
    Usage,
    /// 3: it cannot start.
    CannotStart,
    /// 4: stopped; can be resumed.
    Stopped,
    /// 5: (`verify`) intact, but open, unsealed or torn.
    Open,
    /// 6: (`verify`) intact, but the signer is not trusted or something required is missing.
    Untrusted,
}

impl Exit {
    /// The number the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CannotStart => 3,
            Self::Stopped => 4,
            Self::Open => 5,
            Self::Untrusted => 6,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// What went wrong, as the person at the terminal reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    what: String,
    place: Option<String>,
    next: Vec<String>,
    exit: Exit,
}

impl Problem {
    /// What happened.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Something could not be started: exit code 3.
    pub fn cannot_start(what: impl fmt::Display) -> Self {
        Self::with_exit(what, Exit::CannotStart)
    }

    /// The arguments are wrong: exit code 2.
    pub fn usage(what: impl fmt::Display) -> Self {
        Self::with_exit(what, Exit::Usage)
    }

    /// It ran and did not succeed: exit code 1.
    pub fn failed(what: impl fmt::Display) -> Self {
        Self::with_exit(what, Exit::Failed)
    }

    /// What happened, with the exit code that goes with it.
    pub fn with_exit(what: impl fmt::Display, exit: Exit) -> Self {
        Self { what: what.to_string(), place: None, next: Vec::new(), exit }
    }

    /// Says where: a file, `file:line:column`, a setting, a step.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    /// Says what to do next. Can be said more than once; the likeliest first.
    #[must_use]
    pub fn hint(mut self, next: impl fmt::Display) -> Self {
        self.next.push(next.to_string());
        self
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Problem {
    /// As it is printed: one paragraph, its parts on lines of their own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        if let Some(place) = &self.place {
            write!(f, "\n  where: {place}")?;
        }
        for next in &self.next {
            write!(f, "\n  next: {next}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_and_what_next() {
        let problem = Problem::cannot_start("the runbook cannot be read: no such file")
            .at("deploy.yaml")
            .hint("check the path")
            .hint("`pacenote` lists the runbooks of the library");
        insta::assert_snapshot!(problem, @r"
        error: the runbook cannot be read: no such file
          where: deploy.yaml
          next: check the path
          next: `pacenote` lists the runbooks of the library
        ");
        assert_eq!(problem.exit().code(), 3);
    }

    #[test]
    fn the_exit_codes_are_those_of_the_contract() {
        let all = [Exit::Done, Exit::Failed, Exit::Usage, Exit::CannotStart, Exit::Stopped, Exit::Open, Exit::Untrusted];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4, 5, 6]);
    }
}
