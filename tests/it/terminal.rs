//! The program on a real terminal: what a person sees, and how the terminal is given back.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

mod beforehand;
mod logins;
mod secrets;

/// Long enough for a slow machine; nothing waits for it where all goes well.
const PATIENCE: Duration = Duration::from_secs(90);

/// A runbook of one question and one command, that needs no cluster.
const SMALL: &str = "\
pacenote: 1
runbook: small
title: A small change
owner: tests
risk: low
steps:
  - {id: ready, title: Everyone is ready, confirm: Shall we?}
  - {id: change, title: Change it, run: {script: 'printf be%s gun; while [ ! -e HOME/go ]; do read -r _ < /proc/uptime; done; echo changed >> HOME/out'}, undo: {none: a line harms nobody}}
  - {id: after, title: Look at it, confirm: Is it good?}
";

/// A folder to live in.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let small = SMALL.replace("HOME", home.path().to_str().unwrap());
        std::fs::write(home.path().join("small.yaml"), small).unwrap();
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// The program without a terminal.
    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("HOME", self.path()).env("PATH", "/usr/bin:/bin").current_dir(self.path());
        command.args(arguments).arg("--state-dir").arg(self.path().join("state"));
        command
    }
}

/// The program on a terminal of its own.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
}

impl Terminal {
    fn start(home: &Home, arguments: &[&str], cols: u16, rows: u16) -> Self {
        let program = env!("CARGO_BIN_EXE_pacenote");
        Self::of(program, home, arguments, cols, rows)
    }

    fn of(program: &str, home: &Home, arguments: &[&str], cols: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8"), ("PATH", "/usr/bin:/bin")] {
            command.env(name, value);
        }
        command.env("HOME", home.path());
        command.env("PACENOTE_STATE_DIR", home.path().join("state"));
        command.cwd(home.path());
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
        Self { child, master: pair.master, keys, bytes, screen: vt100::Parser::new(rows, cols, 0) }
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

    /// Presses keys, again and again, until the screen is as wanted: a prompt that has
    /// just appeared takes none for half a second.
    fn press_until(&mut self, keys: &str, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self.screen.screen()) {
            assert!(Instant::now() < deadline, "never: {what}\n{}", self.text());
            self.press(keys);
            if let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(100)) {
                self.screen.process(&bytes);
            }
        }
    }

    /// Accepts the bundle of a first session.
    fn accept(&mut self) {
        self.shows("Accept this bundle?");
        self.press_until("\x1b[F", "the end of the bundle", |screen| screen.contents().contains("Type accept"));
        self.press("accept\r");
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
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
        let home = Home::new();
        let mut terminal = Terminal::start(&home, &["rehearse", "canary-deploy"], cols, rows);
        for wanted in ["REHEARSAL", "prod-eu/shop", "Pre-deployment", "back to: checkout", "7/7 ready"] {
            terminal.shows(wanted);
        }
        terminal.child.kill().unwrap();
    }
}

#[test]
fn it_is_drawn_anew_at_another_size() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["rehearse", "canary-deploy"], 120, 40);
    terminal.shows("7/7 ready");
    terminal.screen.screen_mut().set_size(24, 80);
    terminal.master.resize(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
    // The last row of the smaller screen holds the guards and what it goes back to.
    terminal.until("a footer in the last row", |screen| screen.rows(0, 80).nth(23).is_some_and(|row| row.contains("back to")));
    terminal.child.kill().unwrap();
}

/// The first key after another size is not kept back until the second.
#[test]
fn a_key_after_another_size_counts() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["rehearse", "rolling-deploy"], 120, 40);
    terminal.shows("back to: checkout");
    terminal.press("?");
    terminal.shows("Everywhere");
    terminal.screen.screen_mut().set_size(24, 80);
    terminal.master.resize(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).unwrap();
    terminal.until("the smaller screen", |screen| screen.rows(0, 80).nth(23).is_some_and(|row| row.contains("back to")));
    terminal.press("?");
    terminal.until("the help is closed", |screen| !screen.contents().contains("Everywhere"));
    terminal.child.kill().unwrap();
}

/// Leaving asks once, ends with 4 and gives the terminal back.
#[test]
fn leaving_gives_the_terminal_back() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["rehearse", "rolling-deploy"], 100, 30);
    terminal.shows("back to: checkout");
    assert!(terminal.screen.screen().alternate_screen());
    terminal.press("?");
    terminal.shows("Everywhere");
    terminal.press("\x1b");
    terminal.until("the help is closed", |screen| !screen.contents().contains("Everywhere"));
    terminal.press("q");
    terminal.shows("Leave");
    terminal.press_until("\r", "the end", |screen| !screen.alternate_screen());
    let (code, screen) = terminal.end();
    given_back(code, 4, &screen);
    assert!(screen.screen().contents().contains("pacenote rehearse RUNBOOK"), "{}", screen.screen().contents());
}

fn given_back(code: u32, wanted: u32, screen: &vt100::Parser) {
    let screen = screen.screen();
    assert_eq!(code, wanted, "{}", screen.contents());
    assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste(), "{}", screen.contents());
}

#[test]
fn sigterm_and_sighup_give_the_terminal_back() {
    for signal in [rustix::process::Signal::TERM, rustix::process::Signal::HUP] {
        let home = Home::new();
        let mut terminal = Terminal::start(&home, &["rehearse", "canary-deploy"], 100, 30);
        terminal.shows("back to: checkout");
        terminal.signal(signal);
        let (code, screen) = terminal.end();
        given_back(code, 4, &screen);
    }
}

/// Not a test of its own: what [`a_panic_gives_the_terminal_back`] runs on a terminal.
#[test]
#[ignore = "the program that a_panic_gives_the_terminal_back runs"]
fn panics_on_the_screen() {
    let mut guard = pacenote::terminal::TerminalGuard::enter("panics").unwrap();
    guard.screen().draw(|frame| frame.render_widget("drawn before the panic", frame.area())).unwrap();
    // Seen first, and then gone.
    let _ = std::io::stdin().read(&mut [0]).unwrap();
    panic!("a mistake of the program");
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let home = Home::new();
    let this = std::env::current_exe().unwrap();
    let arguments = ["--exact", "terminal::panics_on_the_screen", "--ignored", "--nocapture"];
    let mut terminal = Terminal::of(this.to_str().unwrap(), &home, &arguments, 100, 30);
    terminal.shows("drawn before the panic");
    terminal.press("x");
    let (code, screen) = terminal.end();
    given_back(code, 101, &screen);
    // The message stands where it can be read, not on the screen that is gone.
    assert!(screen.screen().contents().contains("a mistake of the program"), "{}", screen.screen().contents());
}

/// A bundle is read to its end and accepted by a word before anything of it happens; the
/// session then runs to its end.
#[test]
fn a_first_session_is_accepted_walked_and_closed() {
    let home = Home::new();
    std::fs::write(home.path().join("go"), "").unwrap();
    let mut terminal = Terminal::start(&home, &["run", "small.yaml"], 80, 24);
    terminal.accept();
    terminal.shows("Shall we?");
    terminal.press_until("\r", "the last question", |screen| screen.contents().contains("Is it good?"));
    assert_eq!(home.file("out"), "changed\n");
    terminal.press_until("\r", "the end", |screen| screen.contents().contains("completed"));
    terminal.press_until("q\r", "the terminal given back", |screen| !screen.alternate_screen());
    let (code, screen) = terminal.end();
    given_back(code, 0, &screen);

    // What was accepted is not asked about again.
    let mut again = Terminal::start(&home, &["run", "small.yaml"], 80, 24);
    again.until("the first step", |screen| screen.contents().contains("Shall we?"));
    again.child.kill().unwrap();
}

#[test]
fn a_bundle_that_is_refused_does_nothing() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["run", "small.yaml"], 100, 30);
    terminal.shows("Accept this bundle?");
    terminal.press("\x1b");
    let (code, screen) = terminal.end();
    given_back(code, 3, &screen);
    assert!(screen.screen().contents().contains("not accepted"), "{}", screen.screen().contents());
    assert_eq!(home.file("out"), "");
    let sessions = std::fs::read_dir(home.path().join("state/sessions")).map_or(0, Iterator::count);
    assert_eq!(sessions, 0, "no session was begun");
}

/// A lost terminal loses nothing: the command runs on, and a resume takes it up again.
#[test]
fn a_command_survives_its_terminal() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["run", "small.yaml", "--trust"], 100, 30);
    terminal.shows("Shall we?");
    terminal.press_until("\r", "its output", |screen| screen.contents().contains("begun"));
    // What a cut line sends.
    terminal.signal(rustix::process::Signal::HUP);
    let (code, screen) = terminal.end();
    given_back(code, 4, &screen);
    assert_eq!(home.file("out"), "");

    let mut resumed = Terminal::start(&home, &["resume"], 100, 30);
    resumed.shows("begun");
    // One session is walked by one program.
    let second = home.program(&["resume", "--plain"]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(3), "{said}");
    assert!(said.contains("in use"), "{said}");

    std::fs::write(home.path().join("go"), "").unwrap();
    resumed.shows("Is it good?");
    assert_eq!(home.file("out"), "changed\n", "it was done once");
    resumed.child.kill().unwrap();
}

/// The end of a pipe is no answer.
#[test]
fn lines_that_end_leave_the_session() {
    let home = Home::new();
    let output = home.program(&["run", "small.yaml", "--trust", "--plain"]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("Shall we?") && !said.contains('\x1b'), "{said}");
    assert_eq!(home.file("out"), "");
}

/// A session of the past: it moves, it says what it is, no key acts, and it leaves nothing
/// behind but the terminal as it was.
#[test]
fn a_replay_moves_and_gives_the_terminal_back() {
    let walked = crate::export::walk("canary-deploy", "bad-canary");
    let journal = walked.dir.journal();
    let before = std::fs::read(&journal).unwrap();
    let home = Home::new();
    let folder = walked.dir.path().to_str().unwrap();
    let mut terminal = Terminal::start(&home, &["replay", folder, "--speed", "64", "--idle", "2s"], 100, 30);
    terminal.shows("REPLAY 2026-01-05 10:0");
    terminal.shows("playing 64x, idle after 2s");
    terminal.shows("at the end");
    terminal.press("\x1b[H");
    terminal.shows("00:00:00 of 00:08:10");
    terminal.press("n");
    terminal.shows("decided here: preflight ticked");
    terminal.press("R");
    terminal.shows("this is a replay");
    terminal.press("g10:03\r");
    terminal.shows("REPLAY 2026-01-05 10:03:00 UTC");
    terminal.press("?");
    terminal.shows("In a replay");
    terminal.press("\x1b");
    terminal.until("the help is closed", |screen| !screen.contents().contains("In a replay"));
    terminal.press("q");
    let (code, screen) = terminal.end();
    given_back(code, 0, &screen);
    assert_eq!(std::fs::read(&journal).unwrap(), before);
}
