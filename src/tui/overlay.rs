//! What lies over the panes: keys, the rollback plan, leaving, typed texts.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

use super::keymap::{self, Context};
use super::paint::{self, Framing, Titles, span};
use super::ui::{Entry, GRACE_MS, Overlay, Purpose, Ui};
use super::{Screen, text};
use crate::session::event::Mode;
use crate::session::sheet::Sheet;
use crate::session::view::{Prompt, after_leaving};

/// Draws what is open, if anything is.
pub(super) fn draw(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect) {
    match &ui.overlay {
        None => {}
        Some(Overlay::Help { scroll, commands }) => help(screen, (*scroll, *commands), ui, buf, area),
        Some(Overlay::Sheet { scroll }) => sheet(screen, *scroll, ui, buf, area),
        Some(Overlay::Rollback { since, reason }) => rollback(screen, ui, buf, area, *since, reason.as_deref()),
        Some(Overlay::Leave { since }) => leave(screen, ui, buf, area, *since),
        Some(Overlay::Entry(entry)) => draw_entry(entry, ui, buf, area),
    }
}

/// A box in the middle, its area cleared; gives what is inside.
fn window(buf: &mut Buffer, area: Rect, size: (u16, u16), titles: &Titles, ui: &Ui) -> Rect {
    let width = size.0.min(area.width);
    let height = size.1.min(area.height);
    let rect = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    // A column of air to both sides, so that the box reads as one.
    let clear = Rect { x: rect.x.saturating_sub(1), width: rect.width + 2, ..rect }.intersection(area);
    paint::blank(buf, clear);
    let inner = paint::pane(buf, rect, Framing::Box, titles, true, &ui.theme);
    Rect { x: inner.x + 1.min(inner.width), width: inner.width.saturating_sub(2), ..inner }
}

/// All keys, those of the question in hand first; or the commands before them.
fn help(screen: &Screen<'_>, (scroll, commands_first): (usize, bool), ui: &Ui, buf: &mut Buffer, area: Rect) {
    let theme = &ui.theme;
    let replay = screen.replay.is_some();
    let width = area.width.saturating_sub(4).min(96);
    let inner_width = usize::from(width.saturating_sub(4));
    let mut contexts = vec![Context::Replay, Context::Everywhere];
    if !replay {
        contexts = keymap::contexts();
        contexts.retain(|context| *context != Context::Replay);
        let asked = if ui.form_active { Context::Form } else { super::input::context(screen) };
        contexts.sort_by_key(|context| *context != asked);
    }
    let mut sections: Vec<Vec<Line<'static>>> = Vec::new();
    for context in contexts {
        let mut lines = vec![Line::from(span(context.title(), theme.strong))];
        for b in keymap::of(context).filter(|b| !replay || super::replay::counts(b)) {
            let spans = [span(format!("  {:<13}", b.shown), theme.key), span(b.help, theme.text)];
            lines.extend(text::wrap(&spans, inner_width, 15));
        }
        sections.push(lines);
    }
    if !replay {
        let mut lines = vec![Line::from(span("Command line", theme.strong))];
        for (name, args, help) in keymap::COMMANDS {
            let command = format!(":{name} {args}");
            let spans = [span(format!("  {command:<29} "), theme.key), span(*help, theme.text)];
            lines.extend(text::wrap(&spans, inner_width, 32));
        }
        sections.insert(if commands_first { 0 } else { sections.len() }, lines);
    }
    let lines = sections.join(&Line::default());
    scrolled("Keys", &lines, scroll, (width, area), ui, buf);
}

/// Notices, contacts, links, clocks and what will be owed.
fn sheet(screen: &Screen<'_>, scroll: usize, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let theme = &ui.theme;
    let width = area.width.saturating_sub(4).min(96);
    let inner_width = usize::from(width.saturating_sub(4));
    let mut lines: Vec<Line<'static>> = Vec::new();
    if !screen.notices.is_empty() {
        lines.push(Line::from(span("Notices", theme.strong)));
        for notice in screen.notices {
            let words = format!("  {}", text::clean(notice));
            lines.extend(text::wrap(&[span(words, theme.warn)], inner_width, 4));
        }
    }
    for (heading, rows) in sheet_rows(screen.sheet) {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::from(span(heading, theme.strong)));
        for (name, value, loud) in rows {
            let style = if loud { theme.warn } else { theme.text };
            let name = text::clean(&name).into_owned();
            let indent = text::width(&name) + 4;
            let spans = [span(format!("  {name}  "), theme.key), span(text::clean(&value).into_owned(), style)];
            lines.extend(text::wrap(&spans, inner_width, indent.min(24)));
        }
    }
    if lines.is_empty() {
        lines.push(Line::from(span("The runbook names no contacts, links, clocks or follow-ups.", theme.dim)));
    }
    scrolled("At hand", &lines, scroll, (width, area), ui, buf);
}

/// A line of a sheet: name, value, and whether it wants a look.
pub type SheetRow = (String, String, bool);

/// The lines of a sheet under their headings.
pub fn sheet_rows(sheet: &Sheet) -> Vec<(&'static str, Vec<SheetRow>)> {
    let mut contacts: Vec<_> = sheet.owner.iter().map(|owner| ("owner".to_owned(), owner.clone(), false)).collect();
    contacts.extend(sheet.contacts.iter().map(|contact| {
        let value = match (&contact.after, contact.due) {
            (None, _) => contact.reach.clone(),
            (Some(after), false) => format!("{} (after {after})", contact.reach),
            (Some(after), true) => format!("{} (after {after}: by now)", contact.reach),
        };
        (contact.role.clone(), value, contact.due && contact.after.is_some())
    }));
    let links = sheet.links.iter().map(|(name, url)| (name.clone(), url.clone(), false)).collect();
    let clocks = sheet.clocks.iter().map(|clock| {
        let limit = text::duration(clock.limit_ms);
        match clock.gone_ms {
            None => (clock.name.clone(), format!("its beginning is not known; limit {limit}"), true),
            Some(gone) if gone >= clock.limit_ms => {
                (clock.name.clone(), format!("OVER by {} of {limit}", text::duration(gone - clock.limit_ms)), true)
            }
            Some(gone) => {
                let warn = clock.warn_ms.map(|w| format!(", worth a look from {}", text::duration(w))).unwrap_or_default();
                let loud = clock.warn_ms.is_some_and(|w| gone >= w);
                (clock.name.clone(), format!("{} of {limit}{warn}", text::duration(gone)), loud)
            }
        }
    });
    let owed = sheet.followups.iter().map(|owed| ("-".to_owned(), owed.clone(), false)).collect();
    let all = [
        ("Contacts", contacts),
        ("Links", links),
        ("Clocks", clocks.collect()),
        ("Owed afterwards", owed),
        ("Found before the start", sheet.preflight.clone()),
    ];
    all.into_iter().filter(|(_, rows)| !rows.is_empty()).collect()
}

/// A window of lines that can be scrolled.
fn scrolled(title: &str, lines: &[Line<'static>], scroll: usize, (width, area): (u16, Rect), ui: &Ui, buf: &mut Buffer) {
    let theme = &ui.theme;
    let height = area.height.min(lines.len() as u16 + 2);
    let titles = Titles::new(title, theme.strong).right("Esc closes, j k scroll", theme.dim);
    let inner = window(buf, area, (width, height), &titles, ui);
    let rows = usize::from(inner.height);
    let top = scroll.min(lines.len().saturating_sub(rows));
    paint::put_lines(buf, inner, lines, top);
    paint::scrollbar(buf, Rect { width: inner.width + 1, ..inner }, top, lines.len(), theme);
    ui.seen.borrow_mut().help = (lines.len(), rows);
}

/// The keys of an overlay; dim while they are not listened to yet.
fn keys(context: Context, ripe: bool, ui: &Ui) -> Line<'static> {
    let theme = &ui.theme;
    let (key, word) = if ripe { (theme.key, theme.text) } else { (theme.key_off, theme.key_off) };
    let mut spans = Vec::new();
    for b in keymap::of(context) {
        if !spans.is_empty() {
            spans.push(span("   ", theme.text));
        }
        spans.push(span(b.shown, key));
        spans.push(span(format!(" {}", b.label), word));
    }
    Line::from(spans)
}

fn rollback(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, since: Option<u64>, reason: Option<&str>) {
    let theme = &ui.theme;
    let width = area.width.saturating_sub(4).min(90);
    let inner_width = usize::from(width.saturating_sub(4));
    let mut lines = vec![Line::from(span("Rolling back is final: the rest of the steps is skipped.", theme.strong))];
    if let Prompt::Busy { .. } = screen.prompt {
        lines.extend(text::wrap_text("What runs now is interrupted first, by its own rule.", theme.text, inner_width, 0));
    }
    lines.push(Line::default());
    if screen.undo.is_empty() {
        lines.push(Line::from(span("Nothing was changed, so nothing is undone.", theme.text)));
    } else {
        lines.push(Line::from(span("Undone in this order:", theme.dim)));
        for (i, item) in screen.undo.iter().enumerate() {
            let style = if item.idle { theme.dim } else { theme.text };
            let spans = [
                span(format!("{:>3}. ", i + 1), theme.dim),
                span(item.text.clone(), style),
                span(format!("   {}", item.step.path), theme.dim),
            ];
            lines.extend(text::wrap(&spans, inner_width, 5));
        }
    }
    if !screen.header.back_to.is_empty() {
        lines.push(Line::default());
        lines.extend(text::wrap(
            &[span("Back to: ", theme.dim), span(screen.header.back_to.join(", "), theme.strong)],
            inner_width,
            2,
        ));
    }
    if let Some(reason) = reason {
        lines.extend(text::wrap(&[span("Reason: ", theme.dim), span(reason.to_owned(), theme.text)], inner_width, 2));
    }
    confirm(buf, area, width, "Roll back?", lines, keys(Context::RollbackPlan, ripe(since, ui), ui), ui);
}

/// Whether the keys of a confirmation count by now, for the frame being drawn.
fn ripe(since: Option<u64>, ui: &Ui) -> bool {
    since.is_some_and(|s| ui.clock() >= s + GRACE_MS)
}

/// A confirmation: what it means, then its keys, which are always in view.
fn confirm(buf: &mut Buffer, area: Rect, width: u16, title: &str, lines: Vec<Line<'static>>, keys: Line<'static>, ui: &Ui) {
    let height = (lines.len() as u16 + 4).min(area.height);
    let inner = window(buf, area, (width, height), &Titles::new(title, ui.theme.strong), ui);
    let body = Rect { height: inner.height.saturating_sub(2), ..inner };
    if lines.len() > usize::from(body.height) {
        let rows = usize::from(body.height).saturating_sub(1);
        paint::put_lines(buf, Rect { height: rows as u16, ..body }, &lines, 0);
        let more = format!("… and {}", text::count(lines.len() - rows, "more line"));
        paint::put(buf, body.x, body.y + rows as u16, body.width, &more, ui.theme.warn);
    } else {
        paint::put_lines(buf, body, &lines, 0);
    }
    paint::put_line(buf, inner.x, inner.bottom().saturating_sub(1), inner.width, &keys);
}

fn leave(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, since: Option<u64>) {
    let theme = &ui.theme;
    let width = area.width.saturating_sub(4).min(80);
    let inner_width = usize::from(width.saturating_sub(4));
    let mut lines = Vec::new();
    let mut add = |words: String, style| lines.extend(text::wrap_text(&words, style, inner_width, 2));
    let rehearsal = screen.header.mode == Mode::Rehearsal;
    let kept = if rehearsal {
        "Leaving ends the rehearsal. Its record is kept."
    } else {
        "Nothing is undone and nothing is lost by leaving."
    };
    add(kept.into(), theme.strong);
    add(after_leaving(screen.header.mode, screen.session), theme.code);
    if rehearsal {
        return confirm(buf, area, width, "Leave?", lines, keys(Context::Leave, ripe(since, ui), ui), ui);
    }
    if screen.step.is_some_and(|s| s.effect.is_some()) && matches!(screen.prompt, Prompt::Busy { .. }) {
        add("What runs now keeps running; resuming attaches to it again.".into(), theme.warn);
    }
    if screen.guards.iter().any(|g| g.state != crate::session::view::GuardState::Disarmed) {
        add("While you are away no guard is judged.".into(), theme.warn);
    }
    add(String::new(), theme.text);
    let open: Vec<_> = screen.undo.iter().filter(|u| !u.idle).collect();
    if open.is_empty() {
        add("If you stop now: nothing to undo.".into(), theme.text);
    } else {
        add("If you stop now, this stays as it is until it is rolled back:".into(), theme.text);
        for item in open {
            add(format!("• {}", item.text), theme.text);
        }
    }
    confirm(buf, area, width, "Leave?", lines, keys(Context::Leave, ripe(since, ui), ui), ui);
}

fn draw_entry(entry: &Entry, ui: &Ui, buf: &mut Buffer, area: Rect) {
    let theme = &ui.theme;
    let width = area.width.saturating_sub(4).min(76);
    let rows = match entry.purpose {
        Purpose::Answer => 10,
        Purpose::Note => 6,
        Purpose::CommandLine | Purpose::TypeName { .. } | Purpose::Jump => 1,
        _ => 3,
    };
    // At the foot, so that what the text is about stays in view: the change that starts with
    // it, the readings it explains.
    let height = (rows + 5).min(area.height);
    let foot = Rect { y: area.bottom() - height, height, ..area };
    let inner = window(buf, foot, (width, height), &Titles::new(entry.title.clone(), theme.strong), ui);
    if inner.height == 0 || inner.width == 0 {
        return;
    }
    let (line, style) = match &entry.error {
        Some(error) => (format!("✗ {error}"), theme.bad),
        None => (entry.hint.clone(), theme.dim),
    };
    paint::put(buf, inner.x, inner.y, inner.width, &line, style);
    let field = Rect { y: inner.y + 1, height: rows.min(inner.height.saturating_sub(1)), ..inner };
    let mark = if entry.purpose == Purpose::CommandLine { ":" } else { "│" };
    for y in field.top()..field.bottom() {
        paint::put(buf, field.x, y, 1, mark, theme.accent);
    }
    let text_area = Rect { x: field.x + 2.min(field.width), width: field.width.saturating_sub(2), ..field };
    if text_area.width > 0 && text_area.height > 0 {
        (&entry.area).render(text_area, buf);
    }
    let mut spans = Vec::new();
    for b in keymap::of(Context::Typing) {
        if b.op == keymap::Op::Delete || b.op == keymap::Op::NewLine && !entry.purpose.is_of_lines() {
            continue;
        }
        if !spans.is_empty() {
            spans.push(span("   ", theme.text));
        }
        spans.push(span(b.shown, theme.key));
        spans.push(span(format!(" {}", b.label), theme.text));
    }
    paint::put_line(buf, inner.x, inner.bottom().saturating_sub(1), inner.width, &Line::from(spans));
}
