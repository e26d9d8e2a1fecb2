//! Logs: followed at their end, still where one has scrolled up.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::paint;
use super::super::text;
use super::super::ui::{Focus, Ui};
use crate::live::LogData;

/// Whose logs, and how much of them.
pub(super) fn summary(logs: &LogData, ui: &Ui) -> (String, Style) {
    let containers = if logs.sources == 1 { "1 container".to_owned() } else { format!("{} containers", logs.sources) };
    let dropped = if logs.output.dropped > 0 { format!(", {} dropped", logs.output.dropped) } else { String::new() };
    (format!("{containers}, {}{dropped}", text::count(logs.output.lines.len(), "line")), ui.theme.dim)
}

/// Draws the last lines, or those scrolled to; only those that match while searching.
pub(super) fn draw(logs: &LogData, known: bool, ui: &Ui, buf: &mut Buffer, area: Rect, index: usize) {
    if area.height == 0 || area.width < 12 {
        return;
    }
    let theme = &ui.theme;
    let focus = Focus::Panel(index);
    let search = ui.search.as_ref().filter(|s| ui.focus == focus && !s.text.is_empty()).map(|s| s.text.to_lowercase());
    let wanted: Option<Vec<usize>> = search.as_ref().map(|wanted| {
        let lines = logs.output.lines.iter().enumerate();
        lines.filter(|(_, line)| line.text.to_lowercase().contains(wanted.as_str())).map(|(n, _)| n).collect()
    });
    let total = wanted.as_ref().map_or(logs.output.lines.len(), Vec::len);
    let last = total.saturating_sub(usize::from(area.height));
    let scrolled = ui.scroll.get(&focus).copied().filter(|top| *top < last);
    let paused = scrolled.is_some();
    let body = Rect { height: area.height - u16::from(paused && area.height > 1), ..area };
    let height = usize::from(body.height);
    let top = scrolled.unwrap_or(last);
    for (n, y) in (top..total).zip(body.top()..body.bottom()) {
        let n = wanted.as_ref().map_or(Some(n), |wanted| wanted.get(n).copied());
        if let Some(line) = n.and_then(|n| logs.output.lines.get(n)) {
            let words = text::clean(&line.text);
            paint::put(buf, body.x, y, body.width, &text::shorten(&words, usize::from(body.width)), theme.text);
        }
    }
    if total == 0 {
        let words = match (search.is_some(), known) {
            (true, _) => "no line matches",
            (false, true) => "nothing has been logged",
            (false, false) => "",
        };
        paint::put(buf, area.x, area.y, area.width, words, theme.dim);
    }
    if paused {
        let more = total.saturating_sub(top + height);
        let words = format!("paused, {} below; End follows", text::count(more, "more line"));
        paint::put(buf, area.x, body.bottom(), area.width, &words, theme.warn);
    }
    paint::scrollbar(buf, Rect { width: area.width + 1, ..area }, top, total, theme);
    let mut seen = ui.seen.borrow_mut();
    seen.extent.insert(focus, (total, height));
    seen.top.insert(focus, top);
}
