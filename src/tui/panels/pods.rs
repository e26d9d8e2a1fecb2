//! A table of pods: kubectl's columns, the pods that need someone first.

use std::cmp::Reverse;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::paint;
use super::super::ui::{Focus, Ui};
use super::super::{Screen, text};
use crate::live::{PodRow, PodTable};

/// How much a pod needs someone: 0 cannot start, 1 not ready, 2 ready, 3 finished.
fn class(row: &PodRow) -> u8 {
    if row.crashing {
        0
    } else if row.is_ready {
        2
    } else if matches!(row.status.as_str(), "Completed" | "Succeeded") {
        3
    } else {
        1
    }
}

/// `12/12 ready`, with what is wrong beside it.
pub(super) fn summary(table: &PodTable, ui: &Ui) -> (String, Style) {
    let theme = &ui.theme;
    let mut counts = [0usize; 4];
    for row in table.rows.values() {
        if let Some(n) = counts.get_mut(usize::from(class(row))) {
            *n += 1;
        }
    }
    let [crashing, waiting, ready, finished] = counts;
    let total = crashing + waiting + ready;
    let mut words = format!("{ready}/{total} ready");
    if crashing > 0 {
        words.push_str(&format!(", {crashing} crashing"));
    }
    if finished > 0 {
        words.push_str(&format!(", {finished} finished"));
    }
    let style = match (crashing, waiting, total) {
        (1.., _, _) => theme.bad,
        (_, 1.., _) | (_, _, 0) => theme.warn,
        _ => theme.good,
    };
    (words, style)
}

/// The pod that needs someone most, for the folded line.
pub(super) fn worst(table: &PodTable) -> Option<String> {
    let row = table.rows.values().filter(|r| class(r) < 2).min_by_key(|r| (class(r), Reverse(r.restarts)))?;
    Some(format!("{} {}", text::shorten_middle(&row.name, 20), row.status))
}

/// Where the columns stand.
struct Columns {
    name: u16,
    status: u16,
    restarts: u16,
    last: u16,
}

impl Columns {
    const READY: u16 = 5;
    const AGE: u16 = 5;

    fn new(width: u16, rows: &[&PodRow], restarts: &[String]) -> Self {
        let widest = |f: &dyn Fn(&PodRow) -> usize| rows.iter().map(|r| f(r)).max().unwrap_or(0) as u16;
        let status = widest(&|r| text::width(&r.status)).clamp(7, 20);
        let restarts = (restarts.iter().map(|r| text::width(r)).max().unwrap_or(0) as u16).clamp(3, 14);
        let mut name = widest(&|r| text::width(&r.name)).max(4);
        let last = widest(&|r| last_words(r).map_or(0, text::width)).min(20);
        let fixed = Self::READY + 1 + status + 1 + restarts + 1 + Self::AGE + 1;
        let mut c = Self { name, status, restarts, last };
        if fixed + name + 5 < width {
            // Room for kubectl's whole heading.
            c.restarts = restarts.max(8);
        }
        let fixed = fixed + c.restarts - restarts;
        if c.last > 0 && fixed + name.min(16) + 1 + c.last > width {
            c.last = 0;
        }
        let fixed = fixed + if c.last > 0 { c.last + 2 } else { 0 };
        if fixed + name > width {
            name = width.saturating_sub(fixed).max(8);
        }
        c.name = name;
        c
    }
}

/// The last termination, where STATUS does not say it already.
fn last_words(row: &PodRow) -> Option<&str> {
    row.last_termination.as_deref().filter(|why| *why != row.status && *why != "Completed")
}

/// The RESTARTS column as kubectl prints it, `3 (2m ago)`.
fn restarts(row: &PodRow, screen: &Screen<'_>) -> String {
    match row.last_restart {
        Some(at) if row.restarts > 0 => {
            format!("{} ({} ago)", row.restarts, text::kube_age((screen.now - at).num_milliseconds()))
        }
        _ => row.restarts.to_string(),
    }
}

/// Draws the rows that can be seen.
pub(super) fn draw(table: &PodTable, screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, index: usize) {
    if area.height < 2 || area.width < 24 {
        return;
    }
    let theme = &ui.theme;
    let focus = Focus::Panel(index);
    let search = ui.search.as_ref().filter(|s| ui.focus == focus && !s.text.is_empty()).map(|s| s.text.to_lowercase());
    let keeps = |row: &&PodRow| search.as_ref().is_none_or(|s| row.name.to_lowercase().contains(s.as_str()));

    let mut bad: Vec<&PodRow> = table.rows.values().filter(|r| class(r) < 2).filter(keeps).collect();
    bad.sort_by_key(|r| (class(r), Reverse(r.restarts)));
    let total = match &search {
        None => table.rows.len(),
        Some(_) => table.rows.values().filter(keeps).count(),
    };
    let height = usize::from(area.height - 1);
    let top = ui.scroll.get(&focus).copied().unwrap_or(0).min(total.saturating_sub(height));
    // Only the rows in view are looked at any further.
    let mut rows: Vec<&PodRow> = bad.iter().skip(top).take(height).copied().collect();
    let good = table.rows.values().filter(|r| class(r) >= 2).filter(keeps);
    rows.extend(good.skip(top.saturating_sub(bad.len())).take(height - rows.len()));

    let narrow = area.width < 60;
    let texts: Vec<String> = rows.iter().map(|r| if narrow { r.restarts.to_string() } else { restarts(r, screen) }).collect();
    let c = Columns::new(area.width, &rows, &texts);
    let restarts_head = if c.restarts < 8 { "RST" } else { "RESTARTS" };
    let heads = ["NAME", "READY", "STATUS", restarts_head, "AGE", if c.last > 0 { "LAST END" } else { "" }];
    line(buf, area, area.y, &c, heads, [theme.dim; 6]);
    for ((row, restarts), y) in rows.iter().zip(&texts).zip(area.y + 1..area.bottom()) {
        let style = match class(row) {
            0 => theme.bad,
            1 => theme.warn,
            3 => theme.dim,
            _ => theme.text,
        };
        let restarts_style = if row.restarts > 0 { theme.warn } else { theme.dim };
        let ready = format!("{}/{}", row.ready, row.total);
        let age = row.created.map_or("<unknown>".to_owned(), |at| text::kube_age((screen.now - at).num_milliseconds()));
        let cleaned = text::clean(&row.name);
        let name = text::shorten_middle(&cleaned, usize::from(c.name));
        let last = last_words(row).unwrap_or("");
        let status = if class(row) < 2 { style } else { theme.good };
        let styles = [style, style, if class(row) == 3 { theme.dim } else { status }, restarts_style, theme.dim, theme.warn];
        line(buf, area, y, &c, [&name, &ready, &row.status, restarts, &age, last], styles);
    }
    if total == 0 {
        let words = if search.is_some() { "no pod matches" } else { "no pods match the selector" };
        paint::put(buf, area.x, area.y + 1, area.width, words, theme.warn);
    }
    paint::scrollbar(buf, Rect { width: area.width + 1, ..area }, top, total, theme);
    let mut seen = ui.seen.borrow_mut();
    seen.extent.insert(focus, (total, height));
    seen.top.insert(focus, top);
}

fn line(buf: &mut Buffer, area: Rect, y: u16, c: &Columns, cells: [&str; 6], styles: [Style; 6]) {
    let widths = [c.name, Columns::READY, c.status, c.restarts, Columns::AGE, c.last];
    let mut x = area.x;
    for (i, ((cell, width), style)) in cells.iter().zip(widths).zip(styles).enumerate() {
        if x >= area.right() || width == 0 {
            break;
        }
        let room = width.min(area.right() - x);
        paint::put(buf, x, y, room, cell, style);
        x += width + if i == 4 { 2 } else { 1 };
    }
}
