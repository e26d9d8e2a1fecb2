//! A table: a rollout, events, resources, a command's results.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::paint;
use super::super::ui::{Focus, Ui};
use super::super::{Screen, text};
use crate::live::table::{Cell, Level, Row, Table};

/// The table in a few words.
pub(super) fn summary(table: &Table, ui: &Ui) -> (String, Style) {
    (text::clean(&table.summary.text).into_owned(), style(table.summary.level, ui))
}

/// What most needs someone, for a folded line.
pub(super) fn worst(table: &Table) -> Option<String> {
    // Of what is equally bad the last: reasons follow what they are the reasons of.
    let note = table.notes.iter().filter(|note| note.level >= Level::Warn).max_by_key(|note| note.level);
    note.map(|note| text::clean(&note.text).into_owned()).or_else(|| {
        let row = table.rows.first().filter(|row| row.level >= Level::Warn)?;
        let words = row.cells.iter().filter_map(|cell| match cell {
            Cell::Text(words) if !words.is_empty() => Some(text::clean(words).into_owned()),
            _ => None,
        });
        Some(words.collect::<Vec<_>>().join(" "))
    })
}

fn style(level: Level, ui: &Ui) -> Style {
    match level {
        Level::Quiet => ui.theme.dim,
        Level::Plain => ui.theme.text,
        Level::Good => ui.theme.good,
        Level::Warn => ui.theme.warn,
        Level::Bad => ui.theme.bad,
    }
}

fn words(cell: &Cell, screen: &Screen<'_>) -> String {
    match cell {
        Cell::Text(words) => text::clean(words).into_owned(),
        Cell::Age(Some(at)) => text::kube_age((screen.now - *at).num_milliseconds()),
        Cell::Age(None) => "?".to_owned(),
    }
}

/// Draws notes, headings and the rows in view.
pub(super) fn draw(table: &Table, known: bool, screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, index: usize) {
    if area.height == 0 || area.width < 12 {
        return;
    }
    let most = usize::from(area.height.saturating_sub(2).max(1));
    let mut y = area.y;
    for note in table.notes.iter().take(most) {
        paint::put(
            buf,
            area.x,
            y,
            area.width,
            &text::shorten(&text::clean(&note.text), usize::from(area.width)),
            style(note.level, ui),
        );
        y += 1;
    }
    let area = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    if area.height == 0 {
        return;
    }
    let focus = Focus::Panel(index);
    let search = ui.search.as_ref().filter(|s| ui.focus == focus && !s.text.is_empty()).map(|s| s.text.to_lowercase());
    let rows: Vec<(Vec<String>, &Row)> = table
        .rows
        .iter()
        .map(|row| (row.cells.iter().map(|cell| words(cell, screen)).collect::<Vec<_>>(), row))
        .filter(|(cells, _)| {
            search.as_ref().is_none_or(|wanted| cells.iter().any(|c| c.to_lowercase().contains(wanted.as_str())))
        })
        .collect();
    if rows.is_empty() {
        let words = match (search.is_some(), known) {
            (true, _) => "no row matches",
            (false, true) => table.empty,
            (false, false) => "",
        };
        paint::put(buf, area.x, area.y, area.width, words, ui.theme.dim);
    } else {
        let widths = widths(table, &rows, area.width);
        let heads: Vec<String> = table.heads.iter().map(|head| (*head).to_owned()).collect();
        line(table, buf, Rect { height: 1, ..area }, &widths, &heads, ui.theme.dim);
        let height = usize::from(area.height - 1);
        let top = ui.scroll.get(&focus).copied().unwrap_or(0).min(rows.len().saturating_sub(height));
        for ((cells, row), y) in rows.iter().skip(top).zip(area.y + 1..area.bottom()) {
            line(table, buf, Rect { y, height: 1, ..area }, &widths, cells, style(row.level, ui));
        }
        paint::scrollbar(buf, Rect { width: area.width + 1, ..area }, top, rows.len(), &ui.theme);
        let mut seen = ui.seen.borrow_mut();
        seen.extent.insert(focus, (rows.len(), height));
        seen.top.insert(focus, top);
    }
}

/// As wide as the widest cell; where that is too much, the widest columns give way.
fn widths(table: &Table, rows: &[(Vec<String>, &Row)], room: u16) -> Vec<u16> {
    let widest = |column: usize| rows.iter().filter_map(|(cells, _)| cells.get(column)).map(|cell| text::width(cell)).max();
    let heads = table.heads.iter().enumerate();
    let mut widths: Vec<u16> = heads
        .map(|(n, head)| u16::try_from(text::width(head).max(widest(n).unwrap_or(0))).unwrap_or(u16::MAX).min(400))
        .collect();
    let gaps = u16::try_from(widths.len().saturating_sub(1)).unwrap_or(0);
    while u32::from(gaps) + widths.iter().map(|w| u32::from(*w)).sum::<u32>() > u32::from(room) {
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= 4 {
            break;
        }
        *widest -= 1;
    }
    widths
}

/// Columns whose texts are told apart by their ends: a tag, the rest of a pod's name.
const ENDS: [&str; 3] = ["IMAGE", "OBJECT", "POD"];

fn line(table: &Table, buf: &mut Buffer, area: Rect, widths: &[u16], cells: &[String], style: Style) {
    let mut x = area.x;
    for ((cell, width), head) in cells.iter().zip(widths).zip(&table.heads) {
        if x >= area.right() {
            return;
        }
        let room = (*width).min(area.right() - x);
        let shorten = if ENDS.contains(head) { text::shorten_middle } else { text::shorten };
        paint::put(buf, x, area.y, room, &shorten(cell, usize::from(room)), style);
        x += width + 1;
    }
}
