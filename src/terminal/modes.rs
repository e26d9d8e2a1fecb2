//! The terminal's own modes (echo, line editing, signals), kept while somebody else has it.
//!
//! A program that asks for a password switches the echo off, and may be ended before it has
//! switched it on again. What it was is put back when [`Modes`] is dropped, whatever
//! happened, and what was typed for that program and not read by it is thrown away: a
//! password that came too late must not become keys of ours.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};

/// The modes as they were; dropping it puts them back.
#[derive(Debug)]
pub struct Modes(Option<(OwnedFd, Termios)>);

impl Modes {
    /// Keeps the modes of this program's terminal, where it has one.
    pub fn kept() -> Self {
        Self(terminal().and_then(|terminal| tcgetattr(&terminal).ok().map(|modes| (terminal, modes))))
    }

    /// Keeps them, and has the terminal of standard input show nothing that is typed and
    /// give every byte as it comes, Ctrl-C too: nothing then ends the program before they
    /// are put back.
    ///
    /// # Errors
    /// When standard input is no terminal, or it does not take them.
    pub fn hidden() -> io::Result<Self> {
        let kept = Self::kept();
        let mut hidden = tcgetattr(io::stdin())?;
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG);
        // What was typed before the question is no answer to it.
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(kept)
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        if let Some((terminal, modes)) = &self.0 {
            // A terminal that is gone needs nothing put back.
            let _ = tcsetattr(terminal, OptionalActions::Flush, modes);
            let _ = tcflush(terminal, QueueSelector::IFlush);
        }
    }
}

fn terminal() -> Option<OwnedFd> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return stdin.as_fd().try_clone_to_owned().ok();
    }
    File::options().read(true).write(true).open("/dev/tty").ok().map(OwnedFd::from)
}
