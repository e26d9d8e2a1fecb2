//! Keys, read on a thread of their own.
//!
//! crossterm's reader never returns once the terminal is gone: it reads an end of file
//! for ever. So this thread waits for input itself, looks for a hang-up first, and asks
//! crossterm only when there is something to read. Each event carries the moment it was
//! read, so that a key that waited in a queue is judged by when it was pressed.

use std::fs::File;
use std::io::{self, IsTerminal, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEvent};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// So many events may wait; a person types slower than the loop takes.
const WAITING: usize = 256;

/// How long a terminal that crossterm does not look at is left alone.
const UNHURRIED: Duration = Duration::from_millis(10);

/// What came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalEvent {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// Another size.
    Resize,
    /// The terminal is gone, and how it was noticed. Nothing comes after it.
    Lost(String),
}

/// An event and when it was read.
pub type Timed = (Instant, TerminalEvent);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    PauseAsked,
    Paused,
    Ended,
}

/// What a reader and its thread tell each other.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::Reading), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    /// The thread reads nothing more.
    pub(super) fn ended(&self) {
        self.set(State::Ended);
    }

    /// Ends the thread.
    pub(super) fn end(&self, wake: &mut PipeWriter) {
        self.set(State::Ended);
        waken(wake);
    }

    /// Stops the thread from reading; returns once it does not.
    pub(super) fn pause(&self, wake: &mut PipeWriter) {
        let mut state = self.lock();
        if *state == State::Reading {
            *state = State::PauseAsked;
            drop(state);
            waken(wake);
            state = self.lock();
        }
        let deadline = Instant::now() + Duration::from_secs(1);
        while *state == State::PauseAsked {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets it read again.
    pub(super) fn resume(&self) {
        let mut state = self.lock();
        if matches!(*state, State::Paused | State::PauseAsked) {
            *state = State::Reading;
            self.changed.notify_all();
        }
    }

    /// Waits while paused; false: it is over.
    pub(super) fn may_read(&self) -> bool {
        let mut state = self.lock();
        loop {
            match *state {
                State::Reading => return true,
                State::Ended => return false,
                State::PauseAsked => {
                    *state = State::Paused;
                    self.changed.notify_all();
                }
                State::Paused => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Wakes a thread that waits for input; one that has ended needs no waking.
fn waken(pipe: &mut PipeWriter) {
    let _ = pipe.write_all(b"w");
}

/// The reader. Dropping it ends its thread.
#[derive(Debug)]
pub struct InputReader {
    shared: Arc<Shared>,
    wake: PipeWriter,
}

impl InputReader {
    /// Begins to read the terminal: standard input, or `/dev/tty` where that is not one.
    ///
    /// # Errors
    /// When there is no terminal or no thread can be started.
    pub fn start() -> io::Result<(Self, mpsc::Receiver<Timed>)> {
        let tty = if io::stdin().is_terminal() { None } else { Some(File::options().read(true).open("/dev/tty")?) };
        let (wake_in, wake) = io::pipe()?;
        let (send, receive) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared::new());
        let thread = Thread { shared: Arc::clone(&shared), tty, wake: wake_in, send };
        std::thread::Builder::new().name("keys".into()).spawn(move || thread.run())?;
        Ok((Self { shared, wake }, receive))
    }

    /// Stops reading until [`InputReader::resume`], so that an interactive command gets
    /// the keys. Returns once nothing is read any more.
    pub fn pause(&mut self) {
        self.shared.pause(&mut self.wake);
    }

    /// Reads again.
    pub fn resume(&mut self) {
        self.shared.resume();
    }
}

impl Drop for InputReader {
    fn drop(&mut self) {
        self.shared.end(&mut self.wake);
    }
}

struct Thread {
    shared: Arc<Shared>,
    tty: Option<File>,
    wake: PipeReader,
    send: mpsc::Sender<Timed>,
}

impl Thread {
    fn run(mut self) {
        if let Some(why) = self.read_all() {
            let _ = self.send.blocking_send((Instant::now(), TerminalEvent::Lost(why)));
        }
        self.shared.ended();
    }

    /// Reads until the end; why the terminal is gone, if it is.
    fn read_all(&mut self) -> Option<String> {
        loop {
            if !self.shared.may_read() {
                return None;
            }
            let stdin = io::stdin();
            let tty: BorrowedFd<'_> = self.tty.as_ref().map_or(stdin.as_fd(), AsFd::as_fd);
            let seen = match wait(tty, self.wake.as_fd()) {
                Ok(seen) => seen,
                Err(why) => return Some(why.to_string()),
            };
            if seen.woken {
                let mut byte = [0; 16];
                let _ = self.wake.read(&mut byte);
                continue;
            }
            if seen.gone {
                return Some("the terminal has hung up".into());
            }
            match if seen.ready { self.forward() } else { Ok(true) } {
                Ok(true) => {}
                Ok(false) => self.remind(tty),
                Err(why) => return why,
            }
        }
    }

    /// Makes crossterm look at the terminal again. It is told of input once, and where
    /// another size has come meanwhile it reports that and forgets the input: a key would
    /// wait for the next one. Setting the terminal to what it is makes the kernel tell it
    /// again. Not while the terminal is being given to someone else.
    fn remind(&self, tty: BorrowedFd<'_>) {
        let state = self.shared.lock();
        if *state == State::Reading
            && let Ok(same) = tcgetattr(tty)
        {
            let _ = tcsetattr(tty, OptionalActions::Now, &same);
        }
        drop(state);
        // In case it does not help: never in a hurry.
        std::thread::sleep(UNHURRIED);
    }

    /// Hands on what can be read now, and whether there was anything. `Err`: it is over,
    /// and why where the terminal is the reason.
    fn forward(&self) -> Result<bool, Option<String>> {
        let mut any = false;
        while event::poll(Duration::ZERO).map_err(|e| Some(e.to_string()))? {
            any = true;
            let event = match event::read().map_err(|e| Some(e.to_string()))? {
                Event::Key(key) => TerminalEvent::Key(key),
                Event::Paste(text) => TerminalEvent::Paste(text),
                Event::Resize(..) => TerminalEvent::Resize,
                Event::FocusGained | Event::FocusLost | Event::Mouse(_) => continue,
            };
            self.send.blocking_send((Instant::now(), event)).map_err(|_| None)?;
        }
        Ok(any)
    }
}

/// What there was when a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Readiness {
    ready: bool,
    gone: bool,
    pub(super) woken: bool,
}

pub(super) fn wait(tty: BorrowedFd<'_>, wake: BorrowedFd<'_>) -> io::Result<Readiness> {
    let mut fds = [PollFd::from_borrowed_fd(tty, PollFlags::IN), PollFd::from_borrowed_fd(wake, PollFlags::IN)];
    loop {
        match poll(&mut fds, None) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let [tty, wake] = fds.map(|fd| fd.revents());
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    Ok(Readiness { ready: tty.contains(PollFlags::IN), gone: tty.intersects(gone), woken: !wake.is_empty() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hung_up_terminal_is_noticed_before_anyone_reads_it() {
        let pty = portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).expect("a pty");
        let name = pty.master.tty_name().expect("it has a name");
        let slave = File::options().read(true).write(true).open(name).expect("opened");
        let (_wake_in, _wake_out) = io::pipe().expect("a pipe");
        let (wake_in, mut wake_out) = io::pipe().expect("a pipe");

        pty.master.take_writer().expect("a writer").write_all(b"x\n").expect("typed");
        let typed = wait(slave.as_fd(), wake_in.as_fd()).expect("waited");
        assert_eq!((typed.ready, typed.gone, typed.woken), (true, false, false));

        wake_out.write_all(b"p").expect("woken");
        assert!(wait(slave.as_fd(), wake_in.as_fd()).expect("waited").woken);

        drop(pty);
        assert!(wait(slave.as_fd(), wake_in.as_fd()).expect("waited").gone);
    }
}
