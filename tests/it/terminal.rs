//! The program on a real terminal: what a person sees, and how the terminal is given back.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// Long enough for a slow machine; nothing waits for it where all goes well.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program on a terminal of its own.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    _state: tempfile::TempDir,
}

impl Terminal {
    fn start(arguments: &[&str], cols: u16, rows: u16) -> Self {
        let state = tempfile::tempdir().unwrap();
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pacenote"));
        command.args(arguments);
        command.env_clear();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")] {
            command.env(name, value);
        }
        command.env("HOME", state.path());
        command.env("PACENOTE_STATE_DIR", state.path().join("state"));
        command.cwd(state.path());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || send.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { child, master: pair.master, keys, bytes, screen: vt100::Parser::new(rows, cols, 0), _state: state }
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Reads until the screen is as wanted.
    fn until(&mut self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self.screen.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.bytes.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("never: {what}\n{}", self.text()),
                Err(RecvTimeoutError::Disconnected) => {
                    assert!(holds(self.screen.screen()), "it ended before: {what}\n{}", self.text());
                }
            }
        }
    }

    fn shows(&mut self, wanted: &str) {
        self.until(wanted, |screen| screen.contents().contains(wanted));
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end: the exit code, with everything it still wrote on the screen.
    fn end(mut self) -> (u32, vt100::Parser) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(bytes) = self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.screen.process(&bytes);
        }
        assert!(Instant::now() < deadline, "it does not end\n{}", self.text());
        (self.child.wait().unwrap().exit_code(), self.screen)
    }
}

/// Mode, target, steps, panels and what a rollback goes back to are on the first screen.
#[test]
fn a_rehearsal_shows_its_whole_screen() {
    for (cols, rows) in [(80, 24), (120, 40), (200, 50)] {
        let mut terminal = Terminal::start(&["rehearse", "canary-deploy"], cols, rows);
        for wanted in ["REHEARSAL", "prod-eu/shop", "Pre-deployment", "back to: checkout", "7/7 ready"] {
            terminal.shows(wanted);
        }
        terminal.child.kill().unwrap();
    }
}

#[test]
fn it_is_drawn_anew_at_another_size() {
    let mut terminal = Terminal::start(&["rehearse", "canary-deploy"], 120, 40);
    terminal.shows("7/7 ready");
    terminal.screen.screen_mut().set_size(24, 80);
    terminal.master.resize(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
    // The last row of the smaller screen holds the guards and what it goes back to.
    terminal.until("a footer in the last row", |screen| screen.rows(0, 80).nth(23).is_some_and(|row| row.contains("back to")));
    terminal.child.kill().unwrap();
}

/// Leaving asks once, ends with 4 and gives the terminal back.
#[test]
fn leaving_gives_the_terminal_back() {
    let mut terminal = Terminal::start(&["rehearse", "rolling-deploy"], 100, 30);
    terminal.shows("back to: checkout");
    assert!(terminal.screen.screen().alternate_screen());
    terminal.press("?");
    terminal.shows("Everywhere");
    terminal.press("\x1b");
    terminal.until("the help is closed", |screen| !screen.contents().contains("Everywhere"));
    terminal.press("q");
    terminal.shows("Leave");
    // Enter counts only once the question has been on screen for half a second: pressed
    // until it does.
    let deadline = Instant::now() + PATIENCE;
    while terminal.screen.screen().alternate_screen() && Instant::now() < deadline {
        terminal.press("\r");
        if let Ok(bytes) = terminal.bytes.recv_timeout(Duration::from_millis(100)) {
            terminal.screen.process(&bytes);
        }
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, 4, "{}", screen.screen().contents());
    assert!(!screen.screen().alternate_screen() && !screen.screen().hide_cursor());
    assert!(screen.screen().contents().contains("pacenote resume"), "{}", screen.screen().contents());
}

#[test]
fn sigterm_gives_the_terminal_back() {
    let mut terminal = Terminal::start(&["rehearse", "canary-deploy"], 100, 30);
    terminal.shows("back to: checkout");
    let pid = i32::try_from(terminal.child.process_id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let (code, screen) = terminal.end();
    assert_eq!(code, 4, "{}", screen.screen().contents());
    assert!(!screen.screen().alternate_screen() && !screen.screen().hide_cursor());
}
