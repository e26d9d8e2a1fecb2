//! The session as lines of text: for pipes, dumb terminals, screen readers, and for
//! answers files.
//!
//! Lines typed (or piped) are commands in words. With an answers file nobody types: what
//! the file does not answer leaves the session, which can be resumed.

use std::io::{self, BufRead, Write};

use tokio::sync::mpsc;

use super::answering::{Answering, Next};
use super::headless::sleep_until;
use super::screen::{KeepSecret, Shown, carry_out};
use super::walk::{Ended, Walk};
use crate::plain::Plain;
use crate::session::intent::Starter;
use crate::terminal::signals::Signals;
use crate::tui::Action;

/// So many lines may wait to be taken.
const WAITING: usize = 256;

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
    let mut lines = if answering.is_none() { Some(typed()?) } else { None };
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
            walk.run_interactive(intent).await;
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
            _ = signals.next() => return Ok(Left { ended: Ended::Left, why: Some("a signal asked to leave".to_owned()) }),
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

/// Standard input, line by line, from a thread of its own.
fn typed() -> io::Result<mpsc::Receiver<String>> {
    let (send, receive) = mpsc::channel(WAITING);
    std::thread::Builder::new().name("lines".to_owned()).spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    Ok(receive)
}
