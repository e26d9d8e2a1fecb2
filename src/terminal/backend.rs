//! A backend that writes nothing where nothing changed, and whole frames at once.
//!
//! ratatui hides the cursor and resets the colours with every frame; over SSH at three
//! in the morning that is a packet a second for nothing. This backend leaves both out
//! where they change nothing, and puts each frame between the marks of a synchronized
//! update, so that terminals that know them never show half of one.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::crossterm::queue;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::layout::{Position, Size};

/// The backend; `W` should be buffered.
#[derive(Debug)]
pub struct Quiet<W: Write> {
    inner: CrosstermBackend<W>,
    cursor_hidden: Option<bool>,
    /// Where it was put last.
    cursor: Position,
    written: bool,
}

impl<W: Write> Quiet<W> {
    /// A backend on this writer.
    pub fn new(writer: W) -> Self {
        Self { inner: CrosstermBackend::new(writer), cursor_hidden: None, cursor: Position::ORIGIN, written: true }
    }
}

impl<W: Write> Write for Quiet<W> {
    /// Writes what is no frame.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written = true;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.written = false;
        Write::flush(&mut self.inner)
    }
}

impl<W: Write> Backend for Quiet<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.written = true;
        queue!(self.inner, BeginSynchronizedUpdate)?;
        self.inner.draw(content)?;
        queue!(self.inner, EndSynchronizedUpdate)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.cursor_hidden != Some(true) {
            self.cursor_hidden = Some(true);
            self.written = true;
            self.inner.hide_cursor()?;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.cursor_hidden != Some(false) {
            self.cursor_hidden = Some(false);
            self.written = true;
            self.inner.show_cursor()?;
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // The terminal is not asked: over a slow line, or where its answer is taken for a
        // key, none comes, and the whole screen has a place of its own anyway.
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.written = true;
        self.cursor = position.into();
        self.inner.set_cursor_position(self.cursor)
    }

    fn clear(&mut self) -> io::Result<()> {
        // Whoever had the terminal meanwhile may have shown the cursor.
        self.cursor_hidden = None;
        self.written = true;
        self.inner.clear()
    }

    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.cursor_hidden = None;
        self.written = true;
        self.inner.clear_region(clear_type)
    }

    fn size(&self) -> io::Result<Size> {
        self.inner.size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        self.inner.window_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.written) { Backend::flush(&mut self.inner) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use ratatui::layout::Rect;
    use ratatui::{Terminal, TerminalOptions, Viewport};

    use super::*;

    /// Keeps what was written, for the test to look at.
    #[derive(Clone, Default)]
    struct Kept(Rc<RefCell<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_unchanged_frame_writes_no_byte() {
        let kept = Kept::default();
        let viewport = Viewport::Fixed(Rect::new(0, 0, 20, 3));
        let mut terminal = Terminal::with_options(Quiet::new(kept.clone()), TerminalOptions { viewport }).expect("a terminal");
        let mut draw = |text: &str| {
            terminal.draw(|f| f.render_widget(text, f.area())).expect("drawn");
            String::from_utf8(std::mem::take(&mut *kept.0.borrow_mut())).expect("UTF-8")
        };
        let first = draw("hello");
        assert!(first.starts_with("\x1b[?2026h") && first.contains("hello") && first.contains("\x1b[?2026l"), "{first:?}");
        assert_eq!(draw("hello"), "", "nothing changed, nothing is written");
        assert!(!draw("hellO").is_empty());
        assert_eq!(draw("hellO"), "");
    }
}
