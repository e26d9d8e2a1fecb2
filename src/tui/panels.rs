//! Signals drawn: pods, health, graphs.
//!
//! Every panel says how old its data is, in its title or its folded line, and what is
//! stale, lost or not there yet is drawn as such: in words, and dimmed. A panel is
//! addressed by its number, its place among the signals of the runbook.

use chrono::{DateTime, Utc};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::paint::{self, Framing, Titles, span};
use super::ui::{Focus, Ui};
use super::{Screen, text};
use crate::live::{Panel, PanelData, SourceState};

mod graph;
mod health;
mod logs;
mod pods;
mod table;

/// How current a panel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freshness {
    /// Nothing has come yet.
    Never,
    /// As it should be; milliseconds.
    Fresh(u64),
    /// Older than three times its interval; milliseconds.
    Stale(u64),
    /// The source does not answer.
    Lost,
}

fn freshness(panel: &Panel, now: DateTime<Utc>) -> Freshness {
    let age = panel.updated.map(|u| (now - u).num_milliseconds());
    match (&panel.source, age) {
        (SourceState::Lost(..), _) => Freshness::Lost,
        (_, None) => Freshness::Never,
        // A little in the future is another machine's clock; much is not to be trusted.
        (_, Some(age)) if age < -5_000 => Freshness::Stale(0),
        (_, Some(age)) => {
            let age = age.max(0) as u64;
            if age > panel.every_ms.saturating_mul(3) { Freshness::Stale(age) } else { Freshness::Fresh(age) }
        }
    }
}

/// The age in words, for title and folded line.
fn age_words(panel: &Panel, screen: &Screen<'_>, ui: &Ui) -> (String, Style) {
    let theme = &ui.theme;
    match (freshness(panel, screen.now), &panel.source) {
        (_, SourceState::Lost(_, since)) => (format!("LOST {}", text::age(since_ms(screen, *since))), theme.bad),
        // It has answered, if not with anything that could be shown.
        (Freshness::Never, SourceState::Degraded(_)) => ("no data".into(), theme.warn),
        (Freshness::Never, _) if screen.replay.is_some() => ("not recorded".into(), theme.dim),
        (Freshness::Never, _) => ("connecting …".into(), theme.warn),
        (Freshness::Stale(age), _) => (format!("STALE {}", text::age(age)), theme.warn),
        (Freshness::Fresh(age), SourceState::Degraded(_)) => (format!("⚠ {} old", text::age(age)), theme.warn),
        (Freshness::Fresh(age), _) => (format!("{} old", text::age(age)), theme.dim),
        (Freshness::Lost, _) => ("LOST".into(), theme.bad),
    }
}

fn since_ms(screen: &Screen<'_>, since: DateTime<Utc>) -> u64 {
    (screen.now - since).num_milliseconds().max(0) as u64
}

/// What is wrong with the source, for a line of its own.
fn trouble(panel: &Panel, screen: &Screen<'_>) -> Option<String> {
    match &panel.source {
        SourceState::Lost(why, since) => Some(format!(
            "✗ nothing read since {} UTC ({} ago): {why}",
            since.format("%H:%M:%S"),
            text::age(since_ms(screen, *since))
        )),
        SourceState::Degraded(why) => Some(format!("⚠ {why}")),
        _ => None,
    }
}

/// The value worth a title: `12/12 ready`, `✓ 84 ms`, `0.42 %`.
fn value_words(panel: &Panel, ui: &Ui) -> (String, Style) {
    match &panel.data {
        PanelData::Pods(table) => pods::summary(table, ui),
        PanelData::Health(history) => health::summary(history, ui),
        PanelData::Graph(data) => graph::summary(data, ui),
        PanelData::Table(data) => table::summary(data, ui),
        PanelData::Logs(data) => logs::summary(data, ui),
        PanelData::Unavailable(_) => ("not drawn".into(), ui.theme.dim),
    }
}

/// The value, said to be of the past where it is; nothing where nothing was ever read.
fn value_now(panel: &Panel, screen: &Screen<'_>, ui: &Ui) -> (String, Style) {
    if panel.updated.is_none() {
        return (String::new(), ui.theme.stale);
    }
    let (value, style) = value_words(panel, ui);
    match freshness(panel, screen.now) {
        Freshness::Fresh(_) => (value, style),
        Freshness::Never => (String::new(), ui.theme.stale),
        // A graph with a gap at its end says already that its value is of the past.
        Freshness::Stale(_) | Freshness::Lost if value.starts_with(graph::NO_DATA) => (value, ui.theme.stale),
        Freshness::Stale(_) | Freshness::Lost => (format!("was {value}"), ui.theme.stale),
    }
}

/// The least rows a panel can be drawn in, frame included; and how eagerly it grows.
fn wants(panel: &Panel) -> (u16, u16) {
    match &panel.data {
        PanelData::Pods(_) => (5, 3),
        PanelData::Health(_) => (4, 0),
        PanelData::Graph(_) => (7, 4),
        // Its title says already that there is nothing.
        PanelData::Table(table) if table.rows.is_empty() && table.notes.is_empty() && is_well(panel) => (2, 0),
        PanelData::Table(_) => (5, 2),
        PanelData::Logs(_) => (5, 3),
        PanelData::Unavailable(_) => (2, 0),
    }
}

/// Whether it was read and nothing is wrong with its source, so that no reason wants room.
fn is_well(panel: &Panel) -> bool {
    panel.updated.is_some() && !matches!(panel.source, SourceState::Lost(..) | SourceState::Degraded(_))
}

/// Draws all panels one below the other; those that have no room are folded to a line.
pub(super) fn draw_column(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let panels = &screen.live.panels;
    if area.width < 8 || area.height == 0 || panels.is_empty() {
        return;
    }
    let heights = heights(panels, area.height.saturating_sub(1));
    let mut y = area.y;
    let shown = heights.iter().filter(|h| **h > 0).count();
    for (i, (panel, height)) in panels.iter().zip(&heights).enumerate().take(shown) {
        let last = i + 1 == shown;
        let rect = Rect { y, height: if last { area.bottom() - y } else { *height }, ..area };
        draw_panel(panel, screen, ui, buf, rect, i, Framing::Stacked { first: i == 0, last });
        y += height;
    }
}

/// Rows of each panel: all get their title, the first in order get a body, the rest of
/// the room goes to those that can use it.
fn heights(panels: &[Panel], room: u16) -> Vec<u16> {
    let mut out: Vec<u16> = Vec::with_capacity(panels.len());
    let mut left = room;
    for _ in panels {
        let h = left.min(1);
        out.push(h);
        left -= h;
    }
    for (panel, h) in panels.iter().zip(&mut out) {
        let more = wants(panel).0.saturating_sub(1);
        if *h > 0 && more <= left {
            *h += more;
            left -= more;
        }
    }
    let weight: u32 = panels.iter().zip(&out).filter(|(_, h)| **h > 1).map(|(p, _)| u32::from(wants(p).1)).sum();
    if weight > 0 {
        let spare = u32::from(left);
        for (panel, h) in panels.iter().zip(&mut out).filter(|(_, h)| **h > 1) {
            let more = (spare * u32::from(wants(panel).1)).checked_div(weight).unwrap_or(0) as u16;
            *h += more;
            left = left.saturating_sub(more);
        }
        if let Some((_, h)) = panels.iter().zip(&mut out).rev().find(|(p, h)| **h > 1 && wants(p).1 > 0) {
            *h += left;
        }
    }
    out
}

/// Draws one panel on its own.
pub(super) fn draw_one(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, index: usize, framing: Framing) {
    if let Some(panel) = screen.live.panels.get(index) {
        draw_panel(panel, screen, ui, buf, area, index, framing);
    }
}

fn draw_panel(panel: &Panel, screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, index: usize, framing: Framing) {
    let theme = &ui.theme;
    let fresh = freshness(panel, screen.now);
    let (value, value_style) = value_now(panel, screen, ui);
    let (age, age_style) = age_words(panel, screen, ui);
    let current = matches!(fresh, Freshness::Fresh(_));
    let number = if index < 9 { format!("{} ", index + 1) } else { String::new() };
    let titles = Titles::new(format!("{number}{}", text::clean(&panel.title)), theme.strong).right(age, age_style);
    let titles = if value.is_empty() { titles } else { titles.and(value, value_style) };
    let inner = paint::pane(buf, area, framing, &titles, ui.focus == Focus::Panel(index), theme);
    if inner.height == 0 || inner.width < 4 {
        return;
    }
    let inner = Rect { x: inner.x + 1, width: inner.width - 2, ..inner };
    let mut body = inner;
    if let Some(words) = trouble(panel, screen) {
        let style = if fresh == Freshness::Lost { theme.bad } else { theme.warn };
        let lines = text::wrap_text(&words, style, usize::from(inner.width), 2);
        // Where there is nothing else to show, the reason has all the room.
        let room = if panel.updated.is_none() { inner.height } else { inner.height.div_ceil(3) };
        let rows = (lines.len() as u16).min(room);
        paint::put_lines(buf, Rect { height: rows, ..inner }, &lines, 0);
        body = Rect { y: inner.y + rows, height: inner.height - rows, ..inner };
    }
    match &panel.data {
        PanelData::Pods(table) => pods::draw(table, screen, ui, buf, body, index),
        PanelData::Health(history) => health::draw(history, screen, ui, buf, body),
        PanelData::Graph(data) => graph::draw(data, panel.every_ms, screen, ui, buf, body),
        PanelData::Table(data) => table::draw(data, panel.updated.is_some(), screen, ui, buf, body, index),
        PanelData::Logs(data) => logs::draw(data, panel.updated.is_some(), ui, buf, body, index),
        PanelData::Unavailable(why) => {
            paint::put(buf, body.x, body.y, body.width, why, theme.dim);
        }
    }
    if !current {
        paint::tint(buf, body, theme.stale);
    }
    ui.seen.borrow_mut().panels.push(index);
}

/// Draws the panels as a line each under a rule.
pub(super) fn draw_folded(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    if area.height == 0 || screen.live.panels.is_empty() {
        return;
    }
    let theme = &ui.theme;
    let titles = Titles::new("Panels", theme.strong).right("1-9 opens", theme.dim);
    let inner = paint::pane(buf, area, Framing::Rule, &titles, false, theme);
    let names = screen.live.panels.iter().map(|p| text::width(&text::clean(&p.title))).max().unwrap_or(0).min(22);
    let fits = usize::from(inner.height);
    let total = screen.live.panels.len();
    for (i, (panel, y)) in screen.live.panels.iter().zip(inner.top()..inner.bottom()).enumerate() {
        if i + 1 == fits && total > fits {
            let words = format!("… and {}", text::count(total - i, "more panel"));
            paint::put(buf, inner.x + 1, y, inner.width.saturating_sub(1), &words, theme.warn);
            break;
        }
        folded_line(panel, i, names, screen, ui, buf, Rect { y, height: 1, ..inner });
        ui.seen.borrow_mut().panels.push(i);
    }
}

fn folded_line(panel: &Panel, index: usize, names: usize, screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let theme = &ui.theme;
    let current = matches!(freshness(panel, screen.now), Freshness::Fresh(_));
    let (value, value_style) = value_now(panel, screen, ui);
    let (age, age_style) = age_words(panel, screen, ui);
    let age_width = text::width(&age) as u16 + 2;
    let focused = ui.focus == Focus::Panel(index);
    let number = if index < 9 { (index + 1).to_string() } else { " ".into() };
    let lead = if focused { "▸" } else { " " };
    let x = paint::put(buf, area.x, area.y, area.width, lead, theme.accent);
    let x = paint::put(buf, x, area.y, 1, &number, theme.key);
    paint::put(buf, x + 1, area.y, names as u16, &panel.title, if focused { theme.strong } else { theme.text });
    let x = x + 1 + names as u16 + 2;
    let limit = area.right().saturating_sub(age_width);
    let x = paint::put(buf, x, area.y, limit.saturating_sub(x), &value, value_style);
    let at = (area.x + 4 + names as u16 + 20).max(x + 2);
    let room = limit.saturating_sub(at).min(32);
    if let (true, Some(strip)) = (room >= 8, strip(panel, usize::from(room), screen, ui)) {
        paint::put_line(buf, at, area.y, room, &strip);
        if !current {
            paint::tint(buf, Rect { x: at, width: room, ..area }, theme.stale);
        }
    }
    paint::put_right(buf, x, area.right().saturating_sub(1), area.y, &age, age_style);
}

/// A small picture of the panel's history, or what is wrong with it.
fn strip(panel: &Panel, width: usize, screen: &Screen<'_>, ui: &Ui) -> Option<Line<'static>> {
    // Since when stands at the end of the line; here there is room for the reason.
    match &panel.source {
        SourceState::Lost(why, _) => return Some(Line::from(Span::styled(format!("✗ {why}"), ui.theme.warn))),
        SourceState::Degraded(why) => return Some(Line::from(Span::styled(format!("⚠ {why}"), ui.theme.warn))),
        SourceState::Connecting | SourceState::Connected => {}
    }
    match &panel.data {
        PanelData::Pods(table) => pods::worst(table).map(|words| Line::from(span(words, ui.theme.warn))),
        PanelData::Health(history) => Some(health::strip(history, width, ui)),
        PanelData::Graph(data) => Some(graph::strip(data, width, screen.now, ui)),
        PanelData::Table(data) => table::worst(data).map(|words| Line::from(span(words, ui.theme.warn))),
        PanelData::Logs(data) => {
            data.output.lines.back().map(|line| Line::from(span(text::clean(&line.text).into_owned(), ui.theme.dim)))
        }
        PanelData::Unavailable(why) => Some(Line::from(span(why.clone(), ui.theme.dim))),
    }
}

/// Eight heights of a block.
const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The block for a part of 0 to 1.
fn block(part: f64) -> &'static str {
    let i = ((part.clamp(0.0, 1.0) * 7.99) as usize).min(7);
    BLOCKS.get(i).copied().unwrap_or("█")
}
