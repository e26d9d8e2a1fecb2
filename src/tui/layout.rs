//! Who gets which part of the screen.
//!
//! Header and footer take the lines they need. Below 100 columns the rest is one column
//! with the panels folded to a line each; from 100 on the panels stand to the right of
//! steps and step, from 140 on all three stand side by side. A zoomed pane gets it all.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{self, Framing};
use super::ui::{Focus, Overlay, Ui};
use super::{Screen, footer, header, overlay, panels, prompt, step, steps, text};
use crate::session::view::{GuardState, Prompt};

/// Below this nothing but the most important is drawn.
const LEAST: (u16, u16) = (40, 10);

/// Draws the whole frame.
pub(super) fn draw(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    {
        let mut seen = ui.seen.borrow_mut();
        seen.prompt_visible = false;
        seen.tiny = area.width < LEAST.0 || area.height < LEAST.1;
        seen.panels.clear();
    }
    if area.width == 0 || area.height == 0 {
        return;
    }
    if area.width < LEAST.0 || area.height < LEAST.1 {
        tiny(screen, ui, buf, area);
        return;
    }
    let width = usize::from(area.width);
    let head = header::lines(screen, ui, width);
    let foot = footer::lines(screen, ui, width);
    let foot_rows = (foot.len() as u16).min(area.height / 3);
    let head_rows = (head.len() as u16).min(area.height / 2);
    paint::put_lines(buf, Rect { height: head_rows, ..area }, &head, 0);
    let foot_area = Rect { y: area.bottom() - foot_rows, height: foot_rows, ..area };
    // The place in a replay stands last and stays.
    let hidden = if screen.replay.is_some() { foot.len() - usize::from(foot_rows) } else { 0 };
    paint::put_lines(buf, foot_area, &foot, hidden);
    let body = Rect { y: area.y + head_rows, height: area.height - head_rows - foot_rows, ..area };
    if ui.zoom {
        zoomed(screen, ui, buf, body);
    } else if area.width >= 140 {
        three_columns(screen, ui, buf, body);
    } else if area.width >= 100 {
        two_columns(screen, ui, buf, body);
    } else {
        one_column(screen, ui, buf, body);
    }
    overlay::draw(screen, ui, buf, body);
}

fn zoomed(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let framing = if area.width >= 100 { Framing::Box } else { Framing::Rule };
    match ui.focus {
        Focus::Steps => steps::draw(screen, ui, buf, area, framing),
        Focus::Step | Focus::Output => step::draw(screen, ui, buf, area, framing),
        Focus::Panel(i) => panels::draw_one(screen, ui, buf, area, i, framing),
    }
}

fn three_columns(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let left = (u32::from(area.width) * 22 / 100).clamp(30, 52) as u16;
    let right = if screen.live.panels.is_empty() { 0 } else { (u32::from(area.width) * 36 / 100) as u16 }.min(96);
    let (a, rest) = split(area, left);
    let (b, c) = split(rest, rest.width - right);
    steps::draw(screen, ui, buf, a, Framing::Box);
    step::draw(screen, ui, buf, b, Framing::Box);
    panels::draw_column(screen, ui, buf, c);
}

fn two_columns(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let right = if screen.live.panels.is_empty() { 0 } else { (u32::from(area.width) * 42 / 100) as u16 };
    let (left, panels) = split(area, area.width - right);
    let wanted = steps::entries(screen, usize::MAX).len() as u16 + 1;
    let rows = wanted.min(area.height * 2 / 5).max(5).min(area.height);
    steps::draw(screen, ui, buf, Rect { height: rows, ..left }, Framing::Stacked { first: true, last: false });
    let below = Rect { y: left.y + rows, height: left.height - rows, ..left };
    step::draw(screen, ui, buf, below, Framing::Stacked { first: false, last: true });
    panels::draw_column(screen, ui, buf, panels);
}

fn one_column(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let n = screen.live.panels.len() as u16;
    let tall = area.height >= 40;
    // The step comes first: the list and the panels share what it can spare.
    let width = usize::from(area.width).saturating_sub(2);
    let ask = prompt::ask(screen, ui, width).len() as u16;
    // Before something starts, what will be done matters more than what is.
    let usual = match screen.prompt {
        Prompt::Start { .. } => step::wanted_rows(screen, ui, width).clamp(14, usize::from(u16::MAX)) as u16,
        _ => 10,
    };
    let step_least = usual.max(ask.saturating_add(5)).min(area.height);
    let spare = area.height - step_least;
    let panel_rows = if n == 0 {
        0
    } else if tall {
        (area.height * 2 / 5).min(spare)
    } else {
        (n + 1).min(spare.saturating_sub(2).max(spare / 2)).min(spare)
    };
    let list = steps::entries(screen, usize::MAX).len() as u16 + 1;
    let focused = if ui.focus == Focus::Steps { 8 } else { 0 };
    let list_rows = list.min((area.height / 5).max(3).max(focused)).min(spare - panel_rows);
    let list_rows = if list_rows < 2 { 0 } else { list_rows };
    if list_rows > 0 {
        steps::draw(screen, ui, buf, Rect { height: list_rows, ..area }, Framing::Rule);
    }
    let step_area = Rect { y: area.y + list_rows, height: area.height - list_rows - panel_rows, ..area };
    step::draw(screen, ui, buf, step_area, Framing::Rule);
    let panel_area = Rect { y: area.bottom() - panel_rows, height: panel_rows, ..area };
    if tall {
        panels::draw_column(screen, ui, buf, panel_area);
    } else {
        panels::draw_folded(screen, ui, buf, panel_area);
    }
}

fn split(area: Rect, left: u16) -> (Rect, Rect) {
    let left = left.min(area.width);
    (Rect { width: left, ..area }, Rect { x: area.x + left, width: area.width - left, ..area })
}

/// A screen too small to work on: what matters most, as far as it fits. That it is too
/// small is said before anything else gives way.
fn tiny(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let h = screen.header;
    let width = usize::from(area.width);
    let mut lines = Vec::new();
    let target = h.target.as_deref().unwrap_or("");
    let words = format!("{} {} {target}", header::mode_of(screen), h.environment);
    lines.extend(text::wrap_text(words.trim(), ui.theme.live, width, 0));
    for guard in screen.guards.iter().filter(|g| g.state == GuardState::Tripped) {
        lines.extend(text::wrap_text(&format!("▲ TRIPPED {}", guard.id), ui.theme.alarm, width, 0));
    }
    for alarm in screen.replay.iter().flat_map(|replay| &replay.alarms) {
        lines.extend(text::wrap_text(&text::clean(alarm), ui.theme.alarm, width, 0));
    }
    if let super::Journal::Failed(..) = screen.journal {
        lines.extend(text::wrap_text("JOURNAL FAILED", ui.theme.alarm, width, 0));
    }
    let hint = match ui.overlay {
        Some(Overlay::Leave { .. }) => "Leave? Enter: leave, Esc: stay".to_owned(),
        _ => format!("too small: {}x{}, needs {}x{}", area.width, area.height, LEAST.0, LEAST.1),
    };
    let hint = text::wrap_text(&hint, ui.theme.text, width, 0);
    let rows = usize::from(area.height);
    lines.truncate(rows.saturating_sub(hint.len()).max(1));
    lines.extend(hint);
    if !h.back_to.is_empty() {
        lines.extend(text::wrap_text(&format!("back to: {}", h.back_to.join(", ")), ui.theme.strong, width, 0));
    }
    paint::put_lines(buf, area, &lines, 0);
}
