//! The session as lines of text: for pipes, dumb terminals, screen readers, and for
//! answers files.
//!
//! Lines typed (or piped) are commands in words. With an answers file nobody types: what
//! the file does not answer leaves the session, which can be resumed.

use std::io::{self, Write};

use super::answering::{Answering, Next};
use super::headless::sleep_until;
use super::logins::{self, LoggedIn};
use super::screen::{KeepSecret, Shown, carry_out};
use super::walk::{Ended, Walk};
use crate::plain::Plain;
use crate::session::intent::Starter;
use crate::terminal::lines::LineReader;
use crate::terminal::modes::Modes;
use crate::terminal::signals::{Signals, TerminalSignal};
use crate::tui::Action;

/// Why the walk was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// How.
    pub ended: Ended,
    /// Why it stopped, where it was not asked to.
    pub why: Option<String>,
}

/// Walks a session in lines until it is closed or left.
///
/// # Errors
/// When the lines cannot be written. The session can then be resumed.
pub async fn run(
    walk: &mut Walk,
    mut answering: Option<Answering>,
    out: &mut dyn Write,
    keep: KeepSecret<'_>,
) -> io::Result<Left> {
    let mut signals = Signals::new()?;
    let (mut reader, mut lines) = match answering {
        None => {
            let (reader, lines) = LineReader::start()?;
            (Some(reader), Some(lines))
        }
        Some(_) => (None, None),
    };
    let mut plain = Plain::new();
    let clock_of = |walk: &Walk| walk.now().mono_ms;
    loop {
        let mut wake = None;
        if let Some(answering) = &mut answering {
            let shown = Shown::of(walk);
            plain.show(&shown.screen(walk), out)?;
            match answering.answer(walk) {
                Next::Stop(why) => {
                    let shown = Shown::of(walk);
                    plain.show(&shown.screen(walk), out)?;
                    return Ok(Left { ended: walk.ended().unwrap_or(Ended::Left), why: Some(why) });
                }
                Next::Wait(until) => wake = until.map(|ms| ms.saturating_sub(clock_of(walk))),
            }
        }
        let shown = Shown::of(walk);
        plain.show(&shown.screen(walk), out)?;
        out.flush()?;
        if let Some(intent) = walk.take_interactive() {
            let lent = Lent::from(&mut reader);
            walk.run_interactive(intent).await;
            drop(lent);
            signals.forget_interrupts();
            continue;
        }
        if let Some(login) = walk.take_login() {
            writeln!(out, "{}", logins::announcement(&login))?;
            out.flush()?;
            let lent = Lent::from(&mut reader);
            let went = logins::log_in(walk, &login, &mut signals).await;
            drop(lent);
            match went {
                LoggedIn::Left => return Ok(asked_to_leave()),
                LoggedIn::Done(Ok(said) | Err(said)) => writeln!(out, "{said}")?,
            }
            continue;
        }
        if let Some(ended) = walk.ended() {
            return Ok(Left { ended, why: None });
        }
        if let Some(why) = walk.failed().filter(|_| answering.is_some()) {
            return Ok(Left { ended: Ended::Left, why: Some(format!("the journal cannot be written: {why}")) });
        }
        let due = wake.map(|ms| tokio::time::Instant::now() + std::time::Duration::from_millis(ms));
        let next_line = async {
            match &mut lines {
                Some(lines) => lines.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            signal = signals.next() => if signal != TerminalSignal::Resize {
                return Ok(asked_to_leave());
            },
            line = next_line => {
                // The end of the input is no answer: nothing is decided by it.
                let Some(line) = line else { return Ok(Left { ended: Ended::Left, why: Some("the input has ended".to_owned()) }) };
                let shown = Shown::of(walk);
                for action in plain.line(&line, &shown.screen(walk), out)? {
                    if action == Action::Quit {
                        return Ok(Left { ended: Ended::Left, why: None });
                    }
                    if let Err(why) = carry_out(walk, action, Starter::Operator, keep) {
                        writeln!(out, "not done: {why}")?;
                    }
                }
            }
            () = walk.turn() => {}
            () = sleep_until(due) => {}
            // A heartbeat, so that long waits are not silent.
            () = tokio::time::sleep(std::time::Duration::from_secs(5)) => {}
        }
    }
}

fn asked_to_leave() -> Left {
    Left { ended: Ended::Left, why: Some("a signal asked to leave".to_owned()) }
}

/// The terminal while somebody else has it: no line is read, and its modes are put back.
struct Lent<'a> {
    reader: &'a mut Option<LineReader>,
    _modes: Modes,
}

impl<'a> Lent<'a> {
    fn from(reader: &'a mut Option<LineReader>) -> Self {
        if let Some(reader) = reader {
            reader.pause();
        }
        Self { reader, _modes: Modes::kept() }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.resume();
        }
    }
}
