//! A health endpoint: the last answer and a strip of the ones before.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use super::super::paint::{self, span};
use super::super::ui::Ui;
use super::super::{Screen, text};
use super::block;
use crate::live::{HealthCheck, HealthHistory};

/// `✓ 84 ms`, or what is wrong.
pub(super) fn summary(history: &HealthHistory, ui: &Ui) -> (String, Style) {
    match history.checks.back() {
        None => ("not checked yet".into(), ui.theme.warn),
        Some(check) if check.ok => (format!("✓ {}", check.latency()), ui.theme.good),
        Some(check) => {
            let times = if history.failures > 1 { format!(", {} in a row", history.failures) } else { String::new() };
            (format!("✗ {}{times}", status(check)), ui.theme.bad)
        }
    }
}

fn status(check: &HealthCheck) -> String {
    match &check.status {
        Ok(code) => code.to_string(),
        Err(why) => text::shorten(why, 40).into_owned(),
    }
}

/// One cell a check, the newest at the right: its latency as a height, `✗` where it
/// failed.
pub(super) fn strip(history: &HealthHistory, width: usize, ui: &Ui) -> Line<'static> {
    let skip = history.checks.len().saturating_sub(width);
    let most = history.checks.iter().skip(skip).filter(|c| c.ok).filter_map(|c| c.latency_ms).max().unwrap_or(1).max(1);
    let mut spans: Vec<ratatui::text::Span<'static>> = Vec::new();
    for check in history.checks.iter().skip(skip) {
        let (sign, style) = if check.ok {
            (block(check.latency_ms.unwrap_or(0) as f64 / most as f64 * 0.9), ui.theme.good)
        } else {
            ("✗", ui.theme.bad)
        };
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(sign),
            _ => spans.push(span(sign, style)),
        }
    }
    Line::from(spans)
}

/// Draws address, strip, and what is wrong.
pub(super) fn draw(history: &HealthHistory, screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    if area.height == 0 {
        return;
    }
    let theme = &ui.theme;
    let last = history.checks.back();
    let strip = strip(history, usize::from(area.width), ui);
    if area.height == 1 {
        paint::put_line(buf, area.x, area.y, area.width, &strip);
        return;
    }
    let (words, style) = match last {
        Some(check) if !check.ok => {
            let problem = check.problem.as_deref().unwrap_or("wrong answer");
            (format!("{problem}  {}", history.url), theme.bad)
        }
        Some(check) => (format!("{} {}", status(check), history.url), theme.dim),
        None => (history.url.clone(), theme.dim),
    };
    paint::put(buf, area.x, area.y, area.width, &words, style);
    paint::put_line(buf, area.x, area.y + 1, area.width, &strip);
    let rows: Vec<&HealthCheck> = history.checks.iter().rev().take(usize::from(area.height.saturating_sub(3))).collect();
    for (check, y) in rows.into_iter().zip(area.y + 3..area.bottom()) {
        let (mark, style) = if check.ok { ("✓", theme.good) } else { ("✗", theme.bad) };
        let ago = text::age((screen.now - check.at).num_milliseconds().max(0) as u64);
        let x = paint::put(buf, area.x, y, area.width, mark, style);
        let words = format!(
            " {}  {:<12} {:>9}  {ago} ago  {}",
            check.at.format("%H:%M:%S"),
            status(check),
            check.latency(),
            check.problem.as_deref().unwrap_or("")
        );
        paint::put(buf, x, y, area.right().saturating_sub(x), &words, theme.text);
    }
}
