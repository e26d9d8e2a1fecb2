//! The first screen: unfinished sessions, then runbooks.
//!
//! Typing filters; the action for the selected line is chosen with ← →, and the first
//! one offered for a runbook is the harmless one. The screen only answers with what was
//! chosen.

use std::cell::Cell;

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::keymap::Key;
use super::paint::{self, Framing, Titles, span};
use super::text;
use super::theme::Theme;

/// What can be done with a line of the launcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LauncherAction {
    /// Go on with a session.
    Resume,
    /// Look at a session's record.
    Review,
    /// Rehearse a runbook against the simulated world.
    Rehearse,
    /// Run it reading only.
    DryRun,
    /// Run it.
    Run,
}

impl LauncherAction {
    fn word(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Review => "review",
            Self::Rehearse => "rehearse",
            Self::DryRun => "dry run",
            Self::Run => "run",
        }
    }
}

/// What a line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LauncherKind {
    /// A session that can be resumed.
    Unfinished,
    /// A runbook.
    Runbook,
    /// A session that is over.
    Finished,
}

/// One line of the launcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LauncherItem {
    /// What it stands for.
    pub kind: LauncherKind,
    /// Session id, or path or id of the runbook; given back when chosen.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Short facts beside it: mode and environment, risk and estimate.
    pub facts: String,
    /// A sentence below the list while it is selected.
    pub detail: String,
    /// What can be done with it, the most likely first. Not empty.
    pub actions: Vec<LauncherAction>,
}

/// What the operator decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LauncherEvent {
    /// Do this with that.
    Chosen(LauncherAction, String),
    /// Leave.
    Quit,
}

/// The launcher's state.
#[derive(Debug)]
pub struct Launcher {
    items: Vec<LauncherItem>,
    filter: String,
    selected: usize,
    action: usize,
    rows: Cell<usize>,
}

impl Launcher {
    /// A launcher of these lines: unfinished sessions come first, then runbooks, each in
    /// the order given.
    pub fn new(mut items: Vec<LauncherItem>) -> Self {
        items.sort_by_key(|i| i.kind);
        Self { items, filter: String::new(), selected: 0, action: 0, rows: Cell::new(1) }
    }

    fn shown(&self) -> Vec<&LauncherItem> {
        let wanted = self.filter.to_lowercase();
        let words: Vec<_> = wanted.split_whitespace().collect();
        let matches = |i: &LauncherItem| {
            let text = format!("{} {} {}", i.title, i.id, i.facts).to_lowercase();
            words.iter().all(|w| text.contains(w))
        };
        self.items.iter().filter(|i| matches(i)).collect()
    }

    /// Takes a key.
    pub fn handle(&mut self, event: KeyEvent) -> Option<LauncherEvent> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let key = Key::from(event);
        let count = self.shown().len();
        let last = count.saturating_sub(1);
        let page = self.rows.get().max(2) - 1;
        match (key.code, key.ctrl) {
            (KeyCode::Char('c' | 'd'), true) => return Some(LauncherEvent::Quit),
            (KeyCode::Esc, _) if self.filter.is_empty() => return Some(LauncherEvent::Quit),
            (KeyCode::Esc, _) => self.set_filter(String::new()),
            (KeyCode::Down, _) => self.select((self.selected + 1).min(last)),
            (KeyCode::Up, _) => self.select(self.selected.saturating_sub(1)),
            (KeyCode::PageDown, _) => self.select((self.selected + page).min(last)),
            (KeyCode::PageUp, _) => self.select(self.selected.saturating_sub(page)),
            (KeyCode::Home, _) => self.select(0),
            (KeyCode::End, _) => self.select(last),
            (KeyCode::Right | KeyCode::Tab, _) => self.turn(1),
            (KeyCode::Left | KeyCode::BackTab, _) => self.turn(-1),
            (KeyCode::Enter, _) => {
                let shown = self.shown();
                let item = shown.get(self.selected)?;
                return item.actions.get(self.action).map(|a| LauncherEvent::Chosen(*a, item.id.clone()));
            }
            (KeyCode::Backspace, _) => {
                let mut filter = self.filter.clone();
                filter.pop();
                self.set_filter(filter);
            }
            (KeyCode::Char(c), false) if text::char_width(c) > 0 => self.set_filter(format!("{}{c}", self.filter)),
            _ => {}
        }
        None
    }

    fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.select(0);
    }

    fn select(&mut self, at: usize) {
        self.selected = at;
        self.action = 0;
    }

    fn turn(&mut self, by: isize) {
        let actions = self.shown().get(self.selected).map_or(0, |i| i.actions.len());
        if actions > 0 {
            self.action = (self.action as isize + by).rem_euclid(actions as isize) as usize;
        }
    }

    /// Draws it.
    pub fn view(&self, theme: &Theme, ascii: bool, frame: &mut Frame<'_>) {
        paint::whole(frame, theme, ascii, 20, |buf, area| self.draw(theme, buf, area));
    }

    fn draw(&self, theme: &Theme, buf: &mut ratatui::buffer::Buffer, area: Rect) {
        let shown = self.shown();
        let head = Line::from(vec![span(" pacenote", theme.accent), span(" │ ", theme.border), span("what now?", theme.strong)]);
        paint::put_line(buf, area.x, area.y, area.width, &head);
        let list_area = Rect { y: area.y + 1, height: area.height - 5, ..area };
        let titles = Titles::new("Sessions and runbooks", theme.strong)
            .right(format!("{} of {}", shown.len(), self.items.len()), theme.dim);
        let inner = paint::pane(buf, list_area, Framing::Box, &titles, true, theme);
        self.rows.set(usize::from(inner.height));
        let (lines, selected_row) = self.lines(&shown, usize::from(inner.width), theme);
        let top = (selected_row + 2)
            .saturating_sub(usize::from(inner.height))
            .min(lines.len().saturating_sub(usize::from(inner.height)));
        paint::put_lines(buf, inner, &lines, top);
        if !shown.is_empty() {
            let y = inner.y + (selected_row - top.min(selected_row)) as u16;
            paint::tint(buf, Rect { y, height: 1, ..inner }, theme.selected);
        } else {
            paint::put(buf, inner.x + 1, inner.y, inner.width, "nothing matches", theme.warn);
        }
        let item = shown.get(self.selected);
        let y = list_area.bottom();
        paint::put(buf, area.x + 1, y, area.width - 1, item.map_or("", |i| i.detail.as_str()), theme.dim);
        let mut x = area.x + 1;
        for (i, action) in item.map_or(&[][..], |i| i.actions.as_slice()).iter().enumerate() {
            let (mark, style) = if i == self.action { ("▸ ", theme.key) } else { ("  ", theme.dim) };
            x = paint::put(buf, x, y + 1, area.width, mark, theme.accent);
            x = paint::put(buf, x, y + 1, area.width, action.word(), style) + 2;
        }
        let filter =
            Line::from(vec![span(" Filter: ", theme.dim), span(self.filter.clone(), theme.strong), span("▏", theme.accent)]);
        paint::put_line(buf, area.x, y + 2, area.width, &filter);
        let keys = [("Enter", "does it"), ("← →", "what"), ("↑ ↓", "which"), ("letters", "filter"), ("Esc", "leave")];
        let mut spans = vec![span(" ", theme.text)];
        for (key, label) in keys {
            spans.push(span(key, theme.key));
            spans.push(span(format!(" {label}   "), theme.text));
        }
        paint::put_line(buf, area.x, y + 3, area.width, &Line::from(spans));
    }

    /// The lines with their headings, and the row of the selected one.
    fn lines(&self, shown: &[&LauncherItem], width: usize, theme: &Theme) -> (Vec<Line<'static>>, usize) {
        let mut lines = Vec::new();
        let mut selected = 0;
        let mut kind = None;
        for (i, item) in shown.iter().enumerate() {
            if kind != Some(item.kind) {
                kind = Some(item.kind);
                if !lines.is_empty() {
                    lines.push(Line::default());
                }
                let heading = match item.kind {
                    LauncherKind::Unfinished => " Unfinished sessions",
                    LauncherKind::Runbook => " Runbooks",
                    LauncherKind::Finished => " Finished sessions",
                };
                lines.push(Line::from(span(heading, theme.strong)));
            }
            if i == self.selected {
                selected = lines.len();
            }
            let mark = if i == self.selected { " ▸ " } else { "   " };
            let facts = text::clean(&item.facts);
            let facts = text::shorten(&facts, width / 2).into_owned();
            let room = width.saturating_sub(5 + text::width(&facts));
            let title = text::clean(&item.title);
            let title = text::shorten(&title, room);
            let fill = room.saturating_sub(text::width(&title)) + 1;
            let style = if item.kind == LauncherKind::Unfinished { theme.warn } else { theme.text };
            lines.push(Line::from(vec![
                span(mark, theme.accent),
                span(title.into_owned(), style),
                span(" ".repeat(fill), theme.text),
                span(facts, theme.dim),
            ]));
        }
        (lines, selected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyModifiers;

    fn item(kind: LauncherKind, id: &str, actions: &[LauncherAction]) -> LauncherItem {
        LauncherItem {
            kind,
            id: id.into(),
            title: format!("Title of {id}"),
            facts: "high risk, ~45m".into(),
            detail: "A sentence.".into(),
            actions: actions.to_vec(),
        }
    }

    fn launcher() -> Launcher {
        use LauncherAction::{DryRun, Rehearse, Resume, Review, Run};
        Launcher::new(vec![
            item(LauncherKind::Runbook, "canary-deploy", &[Rehearse, DryRun, Run]),
            item(LauncherKind::Runbook, "rolling-deploy", &[Rehearse, DryRun, Run]),
            item(LauncherKind::Unfinished, "2026-03-10-canary", &[Resume, Review]),
        ])
    }

    fn press(l: &mut Launcher, code: KeyCode) -> Option<LauncherEvent> {
        l.handle(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn unfinished_sessions_come_first_and_a_runbook_is_rehearsed_unless_told() {
        let mut l = launcher();
        assert_eq!(
            press(&mut l, KeyCode::Enter),
            Some(LauncherEvent::Chosen(LauncherAction::Resume, "2026-03-10-canary".into()))
        );
        press(&mut l, KeyCode::Down);
        assert_eq!(press(&mut l, KeyCode::Enter), Some(LauncherEvent::Chosen(LauncherAction::Rehearse, "canary-deploy".into())));
        press(&mut l, KeyCode::Left);
        assert_eq!(press(&mut l, KeyCode::Enter), Some(LauncherEvent::Chosen(LauncherAction::Run, "canary-deploy".into())));
    }

    #[test]
    fn typing_filters_and_escape_first_clears_then_leaves() {
        let mut l = launcher();
        for c in "rolling".chars() {
            assert_eq!(press(&mut l, KeyCode::Char(c)), None);
        }
        assert_eq!(press(&mut l, KeyCode::Enter), Some(LauncherEvent::Chosen(LauncherAction::Rehearse, "rolling-deploy".into())));
        assert_eq!(press(&mut l, KeyCode::Char('x')), None);
        assert_eq!(press(&mut l, KeyCode::Enter), None);
        assert_eq!(press(&mut l, KeyCode::Esc), None);
        assert_eq!(press(&mut l, KeyCode::Esc), Some(LauncherEvent::Quit));
    }
}
