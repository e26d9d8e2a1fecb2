//! The list of steps.
//!
//! Phases are headings. Where the list is longer than the pane, phases that are over
//! fold to a line, and what is left scrolls so that the current step stays in view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Screen;
use super::paint::{self, Framing, Titles};
use super::text;
use super::theme::Theme;
use super::ui::{Focus, Ui};
use crate::session::event::{StepOutcome, Treatment};
use crate::session::view::{OutlineRow, Prompt, RowState};

/// One line of the list.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    /// A heading.
    Phase(&'a str),
    /// A phase that is over, folded: name, steps, time taken, all went well.
    Folded(&'a str, usize, u64, bool),
    /// A step.
    Row(&'a OutlineRow),
}

impl Entry<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Entry::Phase(name) | Entry::Folded(name, ..) => name,
            Entry::Row(row) => &row.title,
        }
    }
}

/// The lines of the list, folded as far as `height` makes it necessary.
pub(super) fn entries<'a>(screen: &Screen<'a>, height: usize) -> Vec<Entry<'a>> {
    let mut out = Vec::with_capacity(screen.outline.len() + 8);
    let total = screen.outline.len() + screen.outline.iter().filter(|r| r.phase.is_some()).count();
    let mut over = total.saturating_sub(height);
    let mut rest = screen.outline;
    while let Some(first) = rest.first() {
        let len = 1 + rest.iter().skip(1).take_while(|r| r.phase.is_none()).count();
        let (phase, tail) = rest.split_at(len);
        rest = tail;
        if let Some(name) = &first.phase {
            let ended = phase.iter().all(|r| matches!(r.state, RowState::Ended(_)));
            if over > 0 && ended {
                let took = phase.iter().filter(|r| r.depth == first.depth).filter_map(|r| r.took_ms).sum();
                let well = phase.iter().all(|r| !matches!(r.state, RowState::Ended(StepOutcome::Failed)));
                out.push(Entry::Folded(name, phase.len(), took, well));
                over = over.saturating_sub(phase.len());
                continue;
            }
            out.push(Entry::Phase(name));
        }
        out.extend(phase.iter().map(Entry::Row));
    }
    out
}

/// Where the walk is: the deepest row that is at work or waits.
pub(super) fn current(entries: &[Entry<'_>]) -> Option<usize> {
    entries
        .iter()
        .rposition(|e| matches!(e, Entry::Row(r) if matches!(r.state, RowState::Waiting | RowState::Running | RowState::Unknown)))
}

/// Sign and style of a state.
pub(super) fn sign(state: RowState, theme: &Theme) -> (&'static str, Style) {
    match state {
        RowState::Pending => ("·", theme.dim),
        RowState::Waiting | RowState::Running => ("▶", theme.accent),
        RowState::Unknown => ("?", theme.bad),
        RowState::Dropped => ("┄", theme.dim),
        RowState::Ended(StepOutcome::Done) => ("✓", theme.good),
        RowState::Ended(StepOutcome::Failed) => ("✗", theme.bad),
        RowState::Ended(StepOutcome::Skipped) => ("↷", theme.warn),
        RowState::Ended(StepOutcome::NotApplicable | StepOutcome::NotChosen) => ("–", theme.dim),
        RowState::Ended(StepOutcome::Interrupted) => ("■", theme.warn),
    }
}

/// A word beside a step whose sign alone would be easy to misread.
fn word(row: &OutlineRow) -> &'static str {
    match row.state {
        RowState::Unknown => "unknown",
        RowState::Ended(StepOutcome::Failed) => "failed",
        RowState::Ended(StepOutcome::Skipped) => "skipped",
        RowState::Ended(StepOutcome::NotApplicable) => "not needed",
        RowState::Ended(StepOutcome::NotChosen) => "not chosen",
        RowState::Ended(StepOutcome::Interrupted) => "stopped",
        RowState::Ended(StepOutcome::Done) => row.treatment.map_or("", short_worth),
        _ => "",
    }
}

/// What a dry run's outcome is worth, in a word; the step's own text has it in full.
fn short_worth(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Executed => "executed",
        Treatment::CheckedByServer => "server-checked",
        Treatment::Simulated => "simulated",
        Treatment::Unknowable => "unknowable",
    }
}

/// Draws the pane.
pub(super) fn draw(screen: &Screen<'_>, ui: &Ui, buf: &mut Buffer, area: Rect, framing: Framing) {
    let theme = &ui.theme;
    let focused = ui.focus == Focus::Steps;
    let (done, all) = screen.header.progress;
    let mut titles = Titles::new("Steps", theme.strong);
    // At the end it says how they ended; that all are over says nothing.
    if !matches!(screen.prompt, Prompt::Closed { .. }) {
        titles = titles.and(format!("{done}/{all}"), theme.text);
    }
    if screen.header.rolling_back && !matches!(screen.prompt, Prompt::Closed { .. }) {
        titles = titles.and("rolling back", theme.warn);
    }
    let inner = paint::pane(buf, area, framing, &titles, focused, theme);
    let height = usize::from(inner.height);
    let searching = focused && ui.search.is_some();
    let list = entries(screen, if searching || ui.scroll.contains_key(&Focus::Steps) { usize::MAX } else { height });
    let current = current(&list);
    let last_top = list.len().saturating_sub(height);
    let top = match ui.scroll.get(&Focus::Steps) {
        Some(top) => (*top).min(last_top),
        // A third of what is shown lies behind, the rest ahead.
        None => current.map_or(0, |c| c.saturating_sub(height / 3)).min(last_top),
    };
    let found = ui.search.as_ref().filter(|_| focused).and_then(|s| s.at);
    for (i, (entry, y)) in list.iter().skip(top).zip(inner.top()..inner.bottom()).enumerate() {
        let row = Rect { y, height: 1, ..inner };
        draw_entry(entry, current == Some(top + i), buf, row, theme);
        if found == Some(top + i) {
            paint::tint(buf, row, theme.found);
        }
    }
    paint::scrollbar(buf, Rect { width: inner.width + u16::from(framing != Framing::Rule), ..inner }, top, list.len(), theme);
    let mut seen = ui.seen.borrow_mut();
    seen.extent.insert(Focus::Steps, (list.len(), height));
    seen.top.insert(Focus::Steps, top);
}

fn draw_entry(entry: &Entry<'_>, current: bool, buf: &mut Buffer, area: Rect, theme: &Theme) {
    let (x, y, w) = (area.x, area.y, area.width);
    match entry {
        Entry::Phase(name) => {
            paint::put(buf, x + 1, y, w.saturating_sub(1), name, theme.strong);
        }
        Entry::Folded(name, steps, took, well) => {
            let (mark, style) = if *well { ("✓", theme.good) } else { ("✗", theme.bad) };
            let at = paint::put(buf, x + 1, y, w.saturating_sub(1), mark, style);
            let right = format!("{}  {} ", text::count(*steps, "step"), text::duration(*took));
            let room = w.saturating_sub(4 + text::width(&right) as u16);
            paint::put(buf, at + 1, y, room, name, theme.dim);
            paint::put_right(buf, at, area.right(), y, &right, theme.dim);
        }
        Entry::Row(row) => draw_row(row, current, buf, area, theme),
    }
}

fn draw_row(row: &OutlineRow, current: bool, buf: &mut Buffer, area: Rect, theme: &Theme) {
    let (mark, mark_style) = sign(row.state, theme);
    let style = match row.state {
        _ if current => theme.strong,
        RowState::Waiting | RowState::Running | RowState::Unknown => theme.text,
        RowState::Ended(StepOutcome::Done) | RowState::Pending => theme.text,
        _ => theme.dim,
    };
    let style = if matches!(row.state, RowState::Ended(StepOutcome::Done)) { theme.dim } else { style };
    let indent = (2 + 2 * row.depth.min(8)) as u16;
    let x = area.x + indent.min(area.width);
    let time = match (row.took_ms, row.estimate_ms, row.state) {
        (Some(took), _, _) => text::duration(took),
        (None, Some(estimate), RowState::Pending) => format!("~{}", text::duration(estimate)),
        _ => String::new(),
    };
    let mut tail = String::new();
    if row.visit > 1 {
        tail.push_str(&format!("×{} ", row.visit));
    }
    let word = word(row);
    if !word.is_empty() {
        tail.push_str(word);
        tail.push(' ');
    }
    tail.push_str(&format!("{time:>5} "));
    let tail_width = text::width(&tail) as u16;
    let late = matches!((row.took_ms, row.estimate_ms), (Some(t), Some(e)) if t > e)
        && matches!(row.state, RowState::Running | RowState::Waiting);
    let tail_style = match row.state {
        _ if late => theme.warn,
        RowState::Unknown | RowState::Ended(StepOutcome::Failed) => theme.bad,
        RowState::Waiting | RowState::Running => theme.accent,
        _ => theme.dim,
    };
    let at = paint::put(buf, x, area.y, area.right().saturating_sub(x), mark, mark_style) + 1;
    let room = area.right().saturating_sub(at);
    let title_room = if room > tail_width + 8 { room - tail_width - 1 } else { room };
    let mut title = row.title.clone();
    if row.conditional && row.state == RowState::Pending {
        title.push_str(" (if)");
    }
    paint::put(buf, at, area.y, title_room, &title, style);
    if title_room < room {
        paint::put_right(buf, at, area.right(), area.y, &tail, tail_style);
    }
    if current {
        paint::tint(buf, area, theme.selected);
    }
}
