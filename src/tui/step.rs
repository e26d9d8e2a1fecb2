//! The step in hand: its text, what would be done, what is running, and the question.
//!
//! From the bottom up: "If you stop now" is always there, above it the question with its
//! keys, and text, details and output share what is left and scroll.

use std::rc::Rc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::paint::{self, Framing, Titles, span};
use super::ui::{Focus, Ui, output_of};
use super::{Screen, prompt, text};
use crate::live::Output;
use crate::session::view::Prompt;

/// Draws the pane.
pub(super) fn draw(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, framing: Framing) {
    let theme = &ui.theme;
    let focused = matches!(ui.focus, Focus::Step | Focus::Output) && framing != Framing::Rule;
    let inner = paint::pane(buf, area, framing, &titles(screen, ui), focused, theme);
    let inner = Rect { x: inner.x + 1.min(inner.width), width: inner.width.saturating_sub(2), ..inner };
    if inner.width < 8 || inner.height < 2 {
        return;
    }
    let width = usize::from(inner.width);
    let stop = stop_lines(screen, ui, width);
    let stop_rows = (stop.len() as u16).min(inner.height / 3).max(1);
    let stop_area = Rect { y: inner.bottom() - stop_rows, height: stop_rows, ..inner };
    paint::put_lines(buf, stop_area, &stop, 0);

    let mut ask = prompt::ask(screen, ui, width);
    let room = inner.height - stop_rows;
    let ask_rows = (ask.len() as u16).min(room);
    let whole = usize::from(ask_rows) == ask.len();
    if !whole {
        // Its first line says what it is about, its last ones how it is answered.
        ask.drain(1.min(ask.len())..(ask.len() + 1 - usize::from(ask_rows)).max(1).min(ask.len()));
    }
    // No option counts that cannot be read.
    let enough = ask_rows >= 2 && !matches!(screen.prompt, Prompt::Decide { .. });
    let upper = Rect { height: room - ask_rows, ..inner };
    let used = if matches!(screen.prompt, Prompt::Input { .. }) {
        draw_form(screen, ui, buf, upper)
    } else {
        draw_upper(screen, ui, buf, upper)
    };
    // The question follows the text at once where there is room, with a line between.
    let gap = u16::from(used > 0 && used < upper.height && ask_rows > 0);
    let ask_area = Rect { y: upper.y + used + gap, height: ask_rows, ..inner };
    paint::put_lines(buf, ask_area, &ask, 0);
    ui.seen.borrow_mut().prompt_visible = whole || enough;
}

/// The rows the pane needs to show everything: its title, text, details, question, and what
/// stopping now would mean.
pub(super) fn wanted_rows(screen: &Screen<'_>, ui: &Ui, width: usize) -> usize {
    let intro = intro(screen, ui, width).len();
    let details = prompt::details(screen, ui, width).lines.iter().filter(|line| line.width() > 0).count();
    1 + intro + details + prompt::ask(screen, ui, width).len() + stop_lines(screen, ui, width).len()
}

fn titles(screen: &Screen<'_>, ui: &Ui) -> Titles {
    let theme = &ui.theme;
    let step = match (&screen.prompt, screen.step) {
        (Prompt::Closed { .. }, _) => return Titles::new("The end", theme.strong),
        (_, None) => return Titles::new("Step", theme.strong),
        (_, Some(step)) => step,
    };
    let mut title = format!("{} {}", step.number.0, text::clean(&step.title));
    if step.step.visit > 1 {
        title.push_str(&format!(" ×{}", step.step.visit));
    }
    let late = step.estimate_ms.is_some_and(|e| step.elapsed_ms > e);
    let elapsed = match step.estimate_ms {
        Some(e) => format!("{} of ~{}", text::duration(step.elapsed_ms), text::duration(e)),
        None => text::duration(step.elapsed_ms),
    };
    Titles::new(title, theme.strong).and(elapsed, if late { theme.warn } else { theme.dim }).right(step.kind, theme.dim)
}

/// Text, details and output; gives the rows it used.
fn draw_upper(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) -> u16 {
    let width = usize::from(area.width);
    let intro = intro(screen, ui, width);
    let mut details = prompt::details(screen, ui, width);
    let mut gap = usize::from(!intro.is_empty() && !details.lines.is_empty());
    let starts = matches!(screen.prompt, Prompt::Start { .. });
    if starts && intro.len() + gap + details.lines.len() > usize::from(area.height) {
        // What is about to be done comes before the air between its parts.
        details.lines.retain(|line| line.width() > 0);
        gap = 0;
    }
    let total = intro.len() + gap + details.lines.len();
    let output = output_of(screen);
    let height = usize::from(area.height);
    let body_rows = match output {
        None => total.min(height),
        Some(o) => {
            // Output is what changes: it gets two thirds where there is not enough.
            let wanted = (o.lines.len() + 1).min(height * 2 / 3).max(height.saturating_sub(total + 1));
            total.min(height.saturating_sub(wanted.min(height)))
        }
    };
    // Where not everything fits, the last row says so.
    let shown = if total > body_rows && body_rows > 1 { body_rows - 1 } else { body_rows };
    let top = scroll_top(ui, total, shown, details.focus.map(|(a, b)| (a + intro.len() + gap, b)));
    let body = Rect { height: body_rows as u16, ..area };
    for (i, y) in (top..total).zip(body.top()..body.top() + shown as u16) {
        let line =
            if i < intro.len() { intro.get(i) } else { (i).checked_sub(intro.len() + gap).and_then(|i| details.lines.get(i)) };
        if let Some(line) = line {
            paint::put_line(buf, body.x, y, body.width, line);
        }
    }
    if total > shown {
        paint::scrollbar(buf, Rect { width: body.width + 1, ..body }, top, total, &ui.theme);
    }
    if shown < body_rows {
        let left = total - shown - top;
        let words = if left > 0 {
            format!("▼ {}, j or PgDn ", text::count(left, "more line"))
        } else {
            "▲ the beginning is above, g ".to_owned()
        };
        paint::put_right(buf, body.x, body.right(), body.bottom() - 1, &words, ui.theme.warn);
    }
    {
        let mut seen = ui.seen.borrow_mut();
        seen.extent.insert(Focus::Step, (total, shown));
        seen.top.insert(Focus::Step, top);
    }
    let Some(output) = output else { return body_rows as u16 };
    let rest = Rect { y: body.bottom(), height: area.height - body.height, ..area };
    draw_output(output, screen, ui, buf, rest);
    area.height
}

fn intro(screen: &Screen<'_>, ui: &Ui, width: usize) -> Rc<Vec<Line<'static>>> {
    // After the end the step that was walked last has nothing more to say.
    match screen.step.filter(|_| !matches!(screen.prompt, Prompt::Closed { .. })) {
        Some(step) if !step.text.trim().is_empty() => ui.seen.borrow_mut().markdown.lines(&step.text, width, &ui.theme),
        _ => Rc::default(),
    }
}

/// First line shown: where the operator scrolled to, else so that `focus` is in view.
fn scroll_top(ui: &Ui, total: usize, rows: usize, focus: Option<(usize, usize)>) -> usize {
    let last = total.saturating_sub(rows);
    if let Some(top) = ui.scroll.get(&Focus::Step) {
        return (*top).min(last);
    }
    focus.map_or(0, |(line, len)| (line + len).saturating_sub(rows)).min(last)
}

fn draw_form(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) -> u16 {
    let Some((_, form)) = &ui.form else { return 0 };
    let intro = intro(screen, ui, usize::from(area.width));
    let wanted = form.rows();
    let intro_rows = (intro.len() as u16).min(area.height.saturating_sub(wanted).max(area.height / 4));
    paint::put_lines(buf, Rect { height: intro_rows, ..area }, &intro, 0);
    let gap = u16::from(intro_rows > 0 && intro_rows + wanted < area.height);
    let y = area.y + intro_rows + gap;
    let form_area = Rect { y, height: (area.bottom() - y).min(wanted), ..area };
    form.draw(buf, form_area, &ui.theme, ui.form_active);
    intro_rows + gap + form_area.height
}

fn draw_output(output: &Output, screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    if area.height == 0 {
        return;
    }
    let theme = &ui.theme;
    let focused = ui.focus == Focus::Output;
    let height = usize::from(area.height - 1);
    let total = output.lines.len();
    let last = total.saturating_sub(height);
    let chosen = ui.scroll.get(&Focus::Output).map(|t| (*t).min(last));
    let top = chosen.unwrap_or(last);
    let state = if chosen.is_none() {
        if matches!(screen.prompt, Prompt::Busy { .. }) { "following".to_owned() } else { "its end".to_owned() }
    } else {
        format!("{} more below, G follows", total - top - height.min(total - top))
    };
    let lines = output.dropped + total as u64;
    let style = if focused { theme.focus } else { theme.border };
    paint::rule(buf, area.x, area.y, area.width, '─', style);
    let title = format!(" output, {} ", text::count(lines, "line"));
    let x = paint::put(buf, area.x + 1, area.y, area.width.saturating_sub(1), &title, theme.strong);
    paint::put_right(buf, x + 1, area.right().saturating_sub(1), area.y, &format!(" {state} "), theme.dim);
    let body = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let wanted = ui.search.as_ref().filter(|s| focused && !s.text.is_empty());
    for (i, (line, y)) in output.lines.range(top.min(total)..).zip(body.top()..body.bottom()).enumerate() {
        let style = if line.stderr { theme.warn } else { theme.text };
        let x = paint::put(buf, body.x, y, 2, if line.stderr { "! " } else { "  " }, theme.dim);
        paint::put(buf, x, y, body.right().saturating_sub(x), &line.text, style);
        if let Some(search) = wanted {
            highlight(buf, x, y, body, &line.text, search, top + i, ui);
        }
    }
    if total > height {
        paint::scrollbar(buf, Rect { width: body.width + 1, ..body }, top, total, theme);
    }
    let mut seen = ui.seen.borrow_mut();
    seen.extent.insert(Focus::Output, (total, height));
    seen.top.insert(Focus::Output, top);
}

#[expect(clippy::too_many_arguments, reason = "a place, a text and what to mark in it")]
fn highlight(buf: &mut Buffer, x: u16, y: u16, area: Rect, line: &str, search: &super::ui::Search, index: usize, ui: &Ui) {
    let clean = text::clean(line).to_lowercase();
    let wanted = search.text.to_lowercase();
    let style = if search.at == Some(index) { ui.theme.found } else { ui.theme.selected };
    for (at, hit) in clean.match_indices(&wanted) {
        let from = x.saturating_add(text::width(clean.get(..at).unwrap_or("")).min(9999) as u16);
        let len = text::width(hit).min(9999) as u16;
        if from < area.right() {
            paint::tint(buf, Rect { x: from, y, width: len.min(area.right() - from), height: 1 }, style);
        }
    }
}

/// "If you stop now", in at most three lines.
fn stop_lines(screen: &Screen<'_>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let theme = &ui.theme;
    if matches!(screen.prompt, Prompt::Closed { .. }) {
        return Vec::new();
    }
    let items: Vec<_> = screen.undo.iter().filter(|u| !u.idle).map(|u| text::clean(&u.text)).collect();
    let words = if items.is_empty() { "nothing to undo".to_owned() } else { items.join(", ") };
    let spans = [span("If you stop now: ", theme.strong), span(words, theme.text)];
    let mut lines = text::wrap(&spans, width, 2);
    if lines.len() > 3 {
        let shown = format!("If you stop now: {} things to undo, last first; R shows them: ", items.len());
        let first = items.first().map_or("", |s| s.as_ref()).to_owned();
        lines = text::wrap(&[span(shown, theme.strong), span(first, theme.text)], width, 2);
        lines.truncate(3);
    }
    lines
}
