//! The footer: the keys that count now, the guards, and what a rollback would go back
//! to. The last is never dropped; it takes further lines where it must.

use ratatui::text::{Line, Span};

use super::input::context;
use super::keymap::{self, Context, Op};
use super::paint::span;
use super::ui::{Level, Ui};
use super::{Screen, text};
use crate::session::view::{GuardState, Prompt};

/// The lines of the footer.
pub(super) fn lines(screen: &Screen<'_>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let mut out = state_lines(screen, ui, width);
    if let Some(replay) = screen.replay {
        out.extend(super::replay::transport(replay, ui, width));
    }
    out
}

/// Keys, guards, and what a rollback would go back to.
fn state_lines(screen: &Screen<'_>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let theme = &ui.theme;
    let guards = guards(screen, ui);
    let back = back_to(screen);
    let state_width = spans_width(&guards) + 5 + text::width(&back);
    let mut out = message_lines(ui, width).unwrap_or_else(|| vec![first_line(screen, ui, width)]);
    if let [first] = out.as_mut_slice()
        && first.width() + 4 + state_width < width
    {
        let mut spans = std::mem::take(&mut first.spans);
        let used: usize = spans_width(&spans);
        spans.push(span(" ".repeat(width - used - state_width - 1), theme.text));
        spans.extend(guards);
        spans.push(span("     ", theme.text));
        spans.push(span(back, theme.strong));
        first.spans = spans;
        return out;
    }
    out.extend(facts(&guards, &back, state_width, width, ui));
    out
}

/// What was just said, whole, in place of the keys.
fn message_lines(ui: &Ui, width: usize) -> Option<Vec<Line<'static>>> {
    let (message, level, _) = ui.messages.back().filter(|_| ui.search.is_none())?;
    let theme = &ui.theme;
    let (mark, style) = if *level == Level::Warn { ("⚠", theme.warn) } else { ("›", theme.accent) };
    let words = format!(" {mark} {}", text::clean(message));
    Some(text::wrap_text(&words, style, width.max(1), 3))
}

/// Guards and what a rollback would go back to, on lines of their own.
fn facts(guards: &[Span<'static>], back: &str, state_width: usize, width: usize, ui: &Ui) -> Vec<Line<'static>> {
    let theme = &ui.theme;
    let mut out = Vec::new();
    if state_width + 2 <= width {
        let mut spans = vec![span(" ", theme.text)];
        let fill = width - state_width - 2 + 5;
        spans.extend(guards.iter().cloned());
        spans.push(span(" ".repeat(fill), theme.text));
        spans.push(span(back.to_owned(), theme.strong));
        out.push(Line::from(spans));
    } else {
        let room = width.saturating_sub(2).max(1);
        for line in text::wrap(guards, room, 2).into_iter().chain(text::wrap_text(back, theme.strong, room, 2)) {
            let mut spans = vec![span(" ", theme.text)];
            spans.extend(line.spans);
            out.push(Line::from(spans));
        }
    }
    out
}

fn spans_width(spans: &[Span<'_>]) -> usize {
    spans.iter().map(|s| text::width(&s.content)).sum()
}

/// Keys, or in their place what is being searched or what was just said.
fn first_line(screen: &Screen<'_>, ui: &Ui, width: usize) -> Line<'static> {
    let theme = &ui.theme;
    if let Some(search) = &ui.search {
        let mut spans = vec![span(" /", theme.key), span(search.text.clone(), theme.strong)];
        let searched = !search.text.is_empty() && search.at.is_none() && !matches!(ui.focus, super::ui::Focus::Panel(_));
        if search.editing {
            spans.push(span("▏", theme.accent));
        }
        if searched {
            spans.push(span("  not found", theme.warn));
        }
        spans.push(span("   Enter next   ↑ before   Esc ends", theme.dim));
        return Line::from(spans);
    }
    let mut spans = vec![span(" ", theme.text)];
    for (i, (key, label)) in keys(screen, ui).into_iter().enumerate() {
        let gap = if i == 0 { "" } else { "   " };
        if spans_width(&spans) + gap.len() + text::width(key) + 1 + text::width(&label) + 1 > width {
            break;
        }
        spans.push(span(gap, theme.text));
        spans.push(span(key, theme.key));
        spans.push(span(format!(" {label}"), theme.text));
    }
    Line::from(spans)
}

/// The keys that count now, the most important first.
fn keys(screen: &Screen<'_>, ui: &Ui) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if screen.replay.is_some() {
        return super::replay::keys().collect();
    }
    if ui.form_active {
        // How it ends comes first: the footer drops what has no room.
        let mut keys: Vec<_> = keymap::of(Context::Form).collect();
        keys.sort_by_key(|b| (!matches!(b.op, Op::Send | Op::Back), b.op == Op::Delete));
        return keys.into_iter().map(|b| (b.shown, b.label.to_owned())).collect();
    }
    let closed = matches!(screen.prompt, Prompt::Closed { .. });
    for b in keymap::of(context(screen)).filter(|b| matches!(b.op, Op::Accept | Op::Toggle)) {
        out.push((b.shown, b.label.to_owned()));
    }
    if matches!(screen.prompt, Prompt::Decide { .. }) {
        out.push(("a letter", "chooses".into()));
    }
    let mut wanted = vec![Op::Note, Op::RollBack, Op::Pause, Op::Help, Op::Leave, Op::NextPane, Op::Zoom, Op::Search];
    if ui.zoom {
        wanted.insert(0, Op::Back);
    }
    if matches!(screen.prompt, Prompt::Busy { .. }) && screen.step.is_some_and(|s| s.effect.is_some()) {
        wanted.insert(0, Op::Stop);
    }
    if closed {
        wanted.retain(|op| !matches!(op, Op::RollBack | Op::Pause | Op::Leave));
    }
    for op in wanted {
        if let Some(b) = keymap::hint(Context::Everywhere, op) {
            let label = if op == Op::Pause && screen.header.paused { "go on" } else { b.label };
            out.push((b.shown, label.to_owned()));
        }
    }
    out
}

/// How the guards are; those that matter by name.
fn guards(screen: &Screen<'_>, ui: &Ui) -> Vec<Span<'static>> {
    let theme = &ui.theme;
    if screen.guards.is_empty() {
        return vec![span("no guards", theme.dim)];
    }
    let mut spans = vec![span("guards:", theme.dim)];
    let mut add = |words: String, style| {
        let comma = if spans.len() > 1 { ", " } else { " " };
        spans.push(span(comma, theme.dim));
        spans.push(span(words, style));
    };
    for guard in screen.guards {
        let id = text::clean(&guard.id);
        match &guard.state {
            GuardState::Tripped => add(format!("▲ {id} TRIPPED"), theme.alarm),
            GuardState::Pending(gone, needed) => {
                add(format!("{id} true for {} of {}", text::duration(*gone), text::duration(*needed)), theme.warn);
            }
            GuardState::CannotJudge(_) => add(format!("? {id} cannot judge"), theme.warn),
            GuardState::Snoozed(left) => add(format!("{id} snoozed {}", text::duration(*left)), theme.warn),
            GuardState::Armed | GuardState::Disarmed | GuardState::Over => {}
        }
    }
    let armed = screen.guards.iter().filter(|g| g.state == GuardState::Armed).count();
    let disarmed = screen.guards.iter().filter(|g| g.state == GuardState::Disarmed).count();
    if armed > 0 {
        let automatic = screen.guards.iter().filter(|g| g.automatic && g.state == GuardState::Armed).count();
        let by_itself = if automatic > 0 { format!(" ({automatic} automatic)") } else { String::new() };
        add(format!("{armed} armed{by_itself}"), theme.good);
    }
    if disarmed > 0 {
        add(format!("{disarmed} not armed yet"), theme.dim);
    }
    if screen.guards.iter().all(|g| g.state == GuardState::Over) {
        add("no longer judged".into(), theme.dim);
    } else if screen.header.rolling_back {
        add("none acts now".into(), theme.dim);
    } else if screen.guards.iter().any(|g| g.past_return) {
        add("all ask first: past a point of no return".into(), theme.warn);
    }
    spans
}

/// What a rollback would go back to.
fn back_to(screen: &Screen<'_>) -> String {
    if !screen.header.back_to.is_empty() {
        let all: Vec<_> = screen.header.back_to.iter().map(|b| text::clean(b)).collect();
        return format!("back to: {}", all.join(", "));
    }
    match screen.undo.iter().filter(|u| !u.idle).count() {
        0 => "nothing to roll back".into(),
        1 => "a rollback undoes 1 step".into(),
        n => format!("a rollback undoes {n} steps"),
    }
}
