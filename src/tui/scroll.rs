//! A framed list of lines that is longer than the screen, and the keys that move it.

use std::cell::Cell;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::keymap::Key;
use super::paint::{self, Framing, Titles};
use super::theme::Theme;

/// How far the list is scrolled. What was drawn last says how far it can be.
#[derive(Debug, Default)]
pub(super) struct Scroll {
    top: usize,
    /// Lines there are, and rows they had.
    extent: Cell<(usize, usize)>,
}

impl Scroll {
    /// Takes a key that scrolls; false: it is none.
    pub(super) fn key(&mut self, key: Key) -> bool {
        let (total, rows) = self.extent.get();
        let last = total.saturating_sub(rows);
        let page = rows.max(2) - 1;
        match (key.code, key.ctrl) {
            (KeyCode::Down | KeyCode::Char('j'), false) => self.top = (self.top + 1).min(last),
            (KeyCode::Up | KeyCode::Char('k'), false) => self.top = self.top.saturating_sub(1),
            (KeyCode::PageDown | KeyCode::Char(' '), false) => self.top = (self.top + page).min(last),
            (KeyCode::PageUp, _) => self.top = self.top.saturating_sub(page),
            (KeyCode::Home | KeyCode::Char('g'), false) => self.top = 0,
            (KeyCode::End | KeyCode::Char('G'), false) => self.top = last,
            _ => return false,
        }
        true
    }

    /// Draws the list in a frame. `lines` makes it for a width. How many lines are left
    /// below what is shown.
    pub(super) fn draw(
        &self,
        buf: &mut Buffer,
        area: Rect,
        titles: &Titles,
        theme: &Theme,
        lines: impl FnOnce(usize) -> Vec<Line<'static>>,
    ) -> usize {
        let inner = paint::pane(buf, area, Framing::Box, titles, true, theme);
        let inner = Rect { x: inner.x + 1, width: inner.width - 2, ..inner };
        let lines = lines(usize::from(inner.width));
        let rows = usize::from(inner.height);
        let top = self.top.min(lines.len().saturating_sub(rows));
        paint::put_lines(buf, inner, &lines, top);
        paint::scrollbar(buf, Rect { width: inner.width + 1, ..inner }, top, lines.len(), theme);
        self.extent.set((lines.len(), rows));
        lines.len().saturating_sub(top + rows)
    }
}
