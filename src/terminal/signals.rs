//! Process signals, as events for the loop.
//!
//! After [`Signals::new`] none of them ends the program by itself any more: the loop has
//! to give the terminal back and leave. What it was doing stays in the journal.

use std::io;

use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalSignal {
    /// Leave: SIGTERM.
    Terminate,
    /// SIGINT: from elsewhere than the keyboard while the screen has it, and then leave.
    Interrupt,
    /// The terminal is gone: SIGHUP.
    Hangup,
    /// The terminal has another size: SIGWINCH.
    Resize,
}

/// The signals the program listens to.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    winch: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When a handler cannot be set.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            winch: signal(SignalKind::window_change())?,
        })
    }

    /// Forgets Ctrl-C that was meant for somebody who had the terminal.
    pub fn forget_interrupts(&mut self) {
        while self.int.recv().now_or_never().flatten().is_some() {}
    }

    /// The next signal. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> TerminalSignal {
        tokio::select! {
            biased;
            _ = self.hup.recv() => TerminalSignal::Hangup,
            _ = self.term.recv() => TerminalSignal::Terminate,
            _ = self.int.recv() => TerminalSignal::Interrupt,
            _ = self.winch.recv() => TerminalSignal::Resize,
        }
    }
}
