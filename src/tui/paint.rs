//! Putting text and frames into cells, never outside them.
//!
//! Every function here accepts any rectangle and any text; what does not fit is cut and
//! marked with `…`. All text is cleaned on its way.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::text;
use super::theme::{self, Theme};

/// Draws a whole screen of at least `min_width` cells, in ASCII where that is wanted.
pub(super) fn whole(frame: &mut Frame<'_>, theme: &Theme, ascii: bool, min_width: u16, draw: impl FnOnce(&mut Buffer, Rect)) {
    let area = frame.area();
    let buf = frame.buffer_mut();
    if area.width < min_width || area.height < 8 {
        put(buf, area.x, area.y, area.width, "This window is too small.", theme.text);
    } else {
        draw(buf, area);
    }
    if ascii {
        theme::to_ascii(buf);
    }
}

/// Puts text at a place, in at most `max` cells; gives the column after it.
pub(super) fn put(buf: &mut Buffer, x: u16, y: u16, max: u16, content: &str, style: Style) -> u16 {
    let area = buf.area;
    if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
        return x;
    }
    let max = usize::from(max.min(area.right() - x));
    let cleaned = text::clean(content);
    let cut = text::shorten(&cleaned, max);
    buf.set_stringn(x, y, &cut, max, style).0
}

/// Puts a styled line, in at most `max` cells; gives the column after it.
pub(super) fn put_line(buf: &mut Buffer, x: u16, y: u16, max: u16, line: &Line<'_>) -> u16 {
    let end = x.saturating_add(max);
    let mut at = x;
    for span in &line.spans {
        if at >= end {
            break;
        }
        at = put(buf, at, y, end - at, &span.content, line.style.patch(span.style));
    }
    at
}

/// Puts lines one below the other, from line `skip` on.
pub(super) fn put_lines(buf: &mut Buffer, area: Rect, lines: &[Line<'_>], skip: usize) {
    for (line, y) in lines.iter().skip(skip).zip(area.top()..area.bottom()) {
        put_line(buf, area.x, y, area.width, line);
    }
}

/// Puts text so that it ends at column `right` (exclusive).
pub(super) fn put_right(buf: &mut Buffer, left: u16, right: u16, y: u16, content: &str, style: Style) {
    let cleaned = text::clean(content);
    let w = text::width(&cleaned).min(usize::from(u16::MAX)) as u16;
    let room = right.saturating_sub(left);
    put(buf, right.saturating_sub(w.min(room)).max(left), y, room, &cleaned, style);
}

/// Fills a row with one character.
pub(super) fn rule(buf: &mut Buffer, x: u16, y: u16, width: u16, c: char, style: Style) {
    for x in x..x.saturating_add(width) {
        if let Some(cell) = buf.cell_mut((x, y)) {
            cell.set_char(c).set_style(style);
        }
    }
}

/// Makes an area blank.
pub(super) fn blank(buf: &mut Buffer, area: Rect) {
    let area = area.intersection(buf.area);
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

/// Lays a style over an area, keeping the text.
pub(super) fn tint(buf: &mut Buffer, area: Rect, style: Style) {
    buf.set_style(area.intersection(buf.area), style);
}

/// How a pane is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Only a titled rule above it.
    Rule,
    /// A box of its own.
    Box,
    /// A box in a stack: it has no bottom of its own where another follows, and joins
    /// the one above.
    Stacked {
        /// The topmost.
        first: bool,
        /// The lowest.
        last: bool,
    },
}

/// The titles of a pane: segments on the left, one on the right where there is room.
#[derive(Debug, Default)]
pub(super) struct Titles {
    /// Shown in order, separated by a piece of the frame.
    pub(super) left: Vec<(String, Style)>,
    /// Shown at the right end.
    pub(super) right: Option<(String, Style)>,
}

impl Titles {
    /// One title.
    pub(super) fn new(title: impl Into<String>, style: Style) -> Self {
        Self { left: vec![(title.into(), style)], right: None }
    }

    /// With a further segment.
    pub(super) fn and(mut self, segment: impl Into<String>, style: Style) -> Self {
        self.left.push((segment.into(), style));
        self
    }

    /// With a segment at the right end.
    pub(super) fn right(mut self, segment: impl Into<String>, style: Style) -> Self {
        self.right = Some((segment.into(), style));
        self
    }
}

/// Frames a pane; gives what is left inside.
pub(super) fn pane(buf: &mut Buffer, area: Rect, framing: Framing, titles: &Titles, focused: bool, theme: &Theme) -> Rect {
    if area.width == 0 || area.height == 0 {
        return Rect { width: 0, height: 0, ..area };
    }
    let line = if focused { theme.focus } else { theme.border };
    let (side, bottom) = match framing {
        Framing::Rule => (0, false),
        Framing::Box => (1, true),
        Framing::Stacked { last, .. } => (1, last),
    };
    rule(buf, area.x, area.y, area.width, '─', line);
    let right = area.right() - 1;
    if side == 1 {
        let (left_top, right_top) = match framing {
            Framing::Stacked { first: false, .. } => ('├', '┤'),
            _ => ('┌', '┐'),
        };
        corner(buf, area.x, area.y, left_top, line);
        corner(buf, right, area.y, right_top, line);
        for y in area.y + 1..area.bottom() {
            corner(buf, area.x, y, '│', line);
            corner(buf, right, y, '│', line);
        }
        if bottom && area.height > 1 {
            let y = area.bottom() - 1;
            rule(buf, area.x, y, area.width, '─', line);
            corner(buf, area.x, y, '└', line);
            corner(buf, right, y, '┘', line);
        }
    }
    title_row(buf, area, side, titles);
    Rect {
        x: area.x + side,
        y: area.y + 1,
        width: area.width.saturating_sub(2 * side),
        height: area.height.saturating_sub(1 + u16::from(bottom)),
    }
}

fn corner(buf: &mut Buffer, x: u16, y: u16, c: char, style: Style) {
    if let Some(cell) = buf.cell_mut((x, y)) {
        cell.set_char(c).set_style(style);
    }
}

fn title_row(buf: &mut Buffer, area: Rect, side: u16, titles: &Titles) {
    let start = area.x + side;
    let end = area.right().saturating_sub(side.max(1));
    let right_width = titles.right.as_ref().map_or(0, |(t, _)| text::width(t) as u16 + 2);
    let left_width: u16 = titles.left.iter().map(|(t, _)| text::width(t) as u16 + 4).sum();
    let room = end.saturating_sub(start);
    // What stands at the right end (the age of the data) stays; the title gives way.
    let keep_right = right_width > 0 && room > right_width + 6;
    let limit = if keep_right { end - right_width } else { end };
    let mut x = start;
    for (i, (title, style)) in titles.left.iter().enumerate() {
        if i > 0 {
            x += 2;
        }
        let last = i + 1 == titles.left.len();
        if x + 3 >= limit {
            break;
        }
        let rest: u16 = titles.left.iter().skip(i + 1).map(|(t, _)| text::width(t) as u16 + 4).sum();
        // The first title is cut so that the values after it stay whole.
        let max = if last || left_width <= limit - start {
            limit - x - 2
        } else {
            (limit - x - 2).saturating_sub(rest).max(6).min(limit - x - 2)
        };
        put(buf, x, area.y, 1, " ", *style);
        let after = put(buf, x + 1, area.y, max, title, *style);
        x = put(buf, after, area.y, 1, " ", *style);
    }
    if let (true, Some((title, style))) = (keep_right, &titles.right) {
        put_right(buf, limit.max(x), end, area.y, &format!(" {title} "), *style);
    }
}

/// A bar of `width` cells, filled to `part` of 0 to 1.
pub(super) fn bar(part: f64, width: usize) -> (String, String) {
    let filled = ((part.clamp(0.0, 1.0) * width as f64).floor() as usize).min(width);
    ("█".repeat(filled), "░".repeat(width - filled))
}

/// Spans of text, for a line.
pub(super) fn span(content: impl Into<String>, style: Style) -> Span<'static> {
    Span::styled(content.into(), style)
}

/// A thumb at the right edge that says where in a longer list one is.
pub(super) fn scrollbar(buf: &mut Buffer, area: Rect, offset: usize, total: usize, theme: &Theme) {
    let height = usize::from(area.height);
    if total <= height || height == 0 || area.width < 4 {
        return;
    }
    let size = (height * height / total).max(1);
    let top = offset * (height - size) / (total - height).max(1);
    let x = area.right() - 1;
    for i in 0..size {
        let y = area.y + (top + i).min(height - 1) as u16;
        corner(buf, x, y, '┃', theme.border);
    }
}
