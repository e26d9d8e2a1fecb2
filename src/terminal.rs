//! The terminal itself: taken, written to without flicker, and given back whatever
//! happens.
//!
//! [`TerminalGuard`] puts the terminal into raw mode on its second screen; it is given
//! back when the guard is dropped, when the program panics, and by [`restore`], which
//! anyone may call from anywhere, as often as they like. The mouse is left alone, so that
//! the terminal's own selection works. [`input`] reads keys on a thread of its own and
//! notices when the terminal is gone, [`lines`] reads lines; [`modes`] keeps the terminal's
//! modes while somebody else has it; [`signals`] turns process signals into events.
//! Nothing here knows what is drawn.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use ratatui::crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use ratatui::crossterm::style::ResetColor;
use ratatui::crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, SetTitle};
use ratatui::crossterm::{cursor, queue, terminal};

use crate::tui::text::clean;

pub mod backend;
pub mod capabilities;
pub mod input;
pub mod lines;
pub mod modes;
pub mod signals;

pub use backend::Quiet;
pub use capabilities::Capabilities;
pub use input::{InputReader, TerminalEvent};
pub use signals::{Signals, TerminalSignal};

/// Whether the terminal is ours and has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// The panic hook is set once in the life of the program.
static HOOK: Once = Once::new();

/// A frame at 250x70 with styles fits, so that it is written in one go.
const BUFFER: usize = 256 * 1024;

/// The terminal frames are drawn on.
pub type Screen = ratatui::Terminal<Quiet<BufWriter<Stdout>>>;

/// Holds the terminal while the program draws on it.
pub struct TerminalGuard {
    screen: Screen,
}

impl std::fmt::Debug for TerminalGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TerminalGuard")
    }
}

impl TerminalGuard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it is not one, or cannot be set up; it is given back then.
    pub fn enter(title: &str) -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore();
                before(info);
            }));
        });
        take(Some(title)).inspect_err(|_| restore())?;
        let backend = Quiet::new(BufWriter::with_capacity(BUFFER, io::stdout()));
        let screen = ratatui::Terminal::new(backend).inspect_err(|_| restore())?;
        Ok(Self { screen })
    }

    /// What frames are drawn on.
    pub fn screen(&mut self) -> &mut Screen {
        &mut self.screen
    }

    /// Gives the terminal to someone else for a while: an interactive command, or the
    /// shell when the program is suspended. [`TerminalGuard::resume`] takes it back. The
    /// [`InputReader`] has to be paused first, or it takes their keys.
    pub fn suspend(&mut self) {
        restore();
    }

    /// Says something on the terminal while it is given up.
    pub fn say(&mut self, text: &str) {
        let mut out = io::stdout();
        // Whoever cannot be told is not kept from anything.
        let _ = writeln!(out, "{}", clean(text));
        let _ = out.flush();
    }

    /// Takes the terminal back after [`TerminalGuard::suspend`]; the next frame is
    /// drawn as a whole.
    ///
    /// # Errors
    /// When it cannot be set up again.
    pub fn resume(&mut self) -> io::Result<()> {
        take(None)?;
        self.redraw()
    }

    /// Forgets what is on screen, so that the next frame is drawn as a whole.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn redraw(&mut self) -> io::Result<()> {
        self.screen.clear()
    }

    /// Rings the bell.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn bell(&mut self) -> io::Result<()> {
        self.raw(b"\x07")
    }

    /// Puts text on the clipboard of the terminal, over SSH too (OSC 52). Terminals that
    /// do not know it, or do not allow it, ignore it.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        self.raw(osc52(text).as_bytes())
    }

    /// Sets the title of the window.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn title(&mut self, title: &str) -> io::Result<()> {
        let out = self.screen.backend_mut();
        queue!(out, SetTitle(clean(title)))?;
        Write::flush(out)
    }

    /// Stops the program as Ctrl-Z does and comes back when it is continued. The
    /// terminal is given back meanwhile.
    ///
    /// # Errors
    /// When the signal cannot be sent or the terminal not be taken again.
    pub fn stop_process(&mut self) -> io::Result<()> {
        self.suspend();
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        self.resume()
    }

    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let out = self.screen.backend_mut();
        out.write_all(bytes)?;
        Write::flush(out)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// The sequence that puts text on the terminal's clipboard.
fn osc52(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", base64::engine::general_purpose::STANDARD.encode(text))
}

fn take(title: Option<&str>) -> io::Result<()> {
    terminal::enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    set_up(&mut io::stdout(), title)
}

/// Turns to the second screen and empties it. Who had it before may have been killed: a
/// terminal that is on its second screen already keeps what stands there, colours too.
fn set_up(out: &mut impl Write, title: Option<&str>) -> io::Result<()> {
    queue!(out, EnterAlternateScreen, ResetColor, Clear(ClearType::All), EnableBracketedPaste, cursor::Hide)?;
    if let Some(title) = title {
        queue!(out, SetTitle(clean(title)))?;
    }
    out.flush()
}

/// Gives the terminal back, if it is ours. Safe to call from anywhere and more than
/// once; a terminal that is gone is no error.
pub fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        // The order matters where only part of it arrives: text must be readable first.
        let _ = queue!(out, terminal::EndSynchronizedUpdate, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
        let _ = out.flush();
        let _ = terminal::disable_raw_mode();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clipboard_gets_any_text_as_plain_letters() {
        assert_eq!(osc52("kubectl 'x'\x1b"), "\x1b]52;c;a3ViZWN0bCAneCcb\x07");
    }

    #[test]
    fn the_second_screen_is_emptied_whenever_it_is_taken() {
        for title in [Some("checkout"), None] {
            let mut written = Vec::new();
            set_up(&mut written, title).expect("written");
            let written = String::from_utf8(written).expect("UTF-8");
            let at = |sequence: &str| written.find(sequence).unwrap_or_else(|| panic!("{sequence:?} in {written:?}"));
            assert!(at("\x1b[?1049h") < at("\x1b[0m") && at("\x1b[0m") < at("\x1b[2J"), "{written:?}");
        }
    }

    #[test]
    fn giving_back_what_was_never_taken_does_nothing() {
        restore();
        assert!(!TAKEN.load(Ordering::SeqCst));
    }
}
