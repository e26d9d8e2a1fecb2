//! What a bundle would run, reach and read, shown before its first session.
//!
//! It is accepted by typing the word `accept`, and only once its end has been on screen.

use std::cell::Cell;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::keymap::Key;
use super::paint::{self, Titles, span};
use super::scroll::Scroll;
use super::text;
use super::theme::Theme;

/// What is typed to accept.
const WORD: &str = "accept";

/// What is to be accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    /// The runbook's title.
    pub title: String,
    /// Where it was read from.
    pub path: String,
    /// Hash of the whole bundle.
    pub sha256: String,
    /// An earlier version was accepted, and when; it has changed since.
    pub changed_since: Option<String>,
    /// What it holds, by kind.
    pub sections: Vec<Section>,
    /// Its files: path, SHA-256, and whether it is new or changed.
    pub files: Vec<(String, String, bool)>,
}

/// One kind of thing a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// What kind: `Commands it runs`.
    pub heading: String,
    /// Each thing, of one or more lines, and the places that name it.
    pub items: Vec<(Vec<String>, String)>,
}

/// What the operator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleAnswer {
    /// It is accepted as shown.
    Accepted,
    /// It is not.
    Refused,
}

/// The acceptance screen's state.
#[derive(Debug)]
pub struct BundleScreen {
    bundle: Bundle,
    scroll: Scroll,
    typed: String,
    end_seen: Cell<bool>,
}

impl BundleScreen {
    /// A screen for a bundle.
    pub fn new(bundle: Bundle) -> Self {
        Self { bundle, scroll: Scroll::default(), typed: String::new(), end_seen: Cell::new(false) }
    }

    /// Takes a key.
    pub fn handle(&mut self, event: KeyEvent) -> Option<BundleAnswer> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let key = Key::from(event);
        match (key.code, key.ctrl) {
            // Letters are the word's, once it may be typed.
            (KeyCode::Char(c), false) if self.end_seen.get() && WORD.contains(c.to_ascii_lowercase()) => {
                self.typed.push(c.to_ascii_lowercase());
                self.typed.truncate(WORD.len());
            }
            (KeyCode::Char('q'), false) => return Some(BundleAnswer::Refused),
            (KeyCode::Esc, false) | (KeyCode::Char('c' | 'd'), true) => return Some(BundleAnswer::Refused),
            (KeyCode::Backspace, _) => {
                self.typed.pop();
            }
            (KeyCode::Enter, _) if self.end_seen.get() && self.typed == WORD => return Some(BundleAnswer::Accepted),
            (KeyCode::Enter, _) => self.typed.clear(),
            _ => {
                self.scroll.key(key);
            }
        }
        None
    }

    /// Draws it.
    pub fn view(&self, theme: &Theme, ascii: bool, frame: &mut Frame<'_>) {
        paint::whole(frame, theme, ascii, 30, |buf, area| self.draw(theme, buf, area));
    }

    fn draw(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let list = Rect { height: area.height - 2, ..area };
        let titles =
            Titles::new("Accept this bundle?", theme.strong).and(text::clean(&self.bundle.title).into_owned(), theme.accent);
        let left = self.scroll.draw(buf, list, &titles, theme, |width| self.lines(width, theme));
        if left == 0 {
            self.end_seen.set(true);
        }
        let y = list.bottom();
        if self.end_seen.get() {
            let ask = Line::from(vec![
                span(format!(" Type {WORD} and Enter: "), theme.strong),
                span(self.typed.clone(), theme.accent),
                span("▏", theme.accent),
            ]);
            paint::put_line(buf, area.x, y, area.width, &ask);
        } else {
            paint::put(
                buf,
                area.x,
                y,
                area.width,
                &format!(" {} to read before it can be accepted", text::count(left, "more line")),
                theme.warn,
            );
        }
        let keys = Line::from(vec![
            span(" j k PgDn", theme.key),
            span(" scroll   ", theme.text),
            span("Esc", theme.key),
            span(" refuse   Nothing has been run, reached or read yet.", theme.text),
        ]);
        paint::put_line(buf, area.x, y + 1, area.width, &keys);
    }

    fn lines(&self, width: usize, theme: &Theme) -> Vec<Line<'static>> {
        let b = &self.bundle;
        let mut out = text::wrap(
            &[span(
                "A runbook is a program. A session with this one may do the following; it is not asked again until it changes.",
                theme.text,
            )],
            width,
            0,
        );
        if let Some(when) = &b.changed_since {
            out.extend(text::wrap_text(&format!("⚠ It has changed since it was accepted {when}."), theme.warn, width, 2));
        }
        out.extend(text::wrap(&[span("from    ", theme.dim), span(b.path.clone(), theme.text)], width, 8));
        out.extend(text::wrap(&[span("sha256  ", theme.dim), span(b.sha256.clone(), theme.code)], width, 8));
        for section in &b.sections {
            out.push(Line::default());
            out.push(Line::from(span(format!("{} ({})", section.heading, section.items.len()), theme.strong)));
            for (lines, places) in &section.items {
                for line in lines {
                    out.extend(text::wrap(&[span(format!("  {line}"), theme.code)], width, 4));
                }
                out.extend(text::wrap(&[span(format!("    {places}"), theme.dim)], width, 4));
            }
        }
        if b.sections.is_empty() {
            out.push(Line::default());
            out.extend(text::wrap_text("It runs no command, connects to nothing and reads no secret.", theme.text, width, 0));
        }
        out.push(Line::default());
        out.push(Line::from(span(format!("Files ({})", b.files.len()), theme.strong)));
        for (path, sha256, changed) in &b.files {
            let mark = if *changed { span("* ", theme.warn) } else { span("  ", theme.text) };
            let spans = [mark, span(format!("{path}  "), theme.text), span(sha256.clone(), theme.dim)];
            out.extend(text::wrap(&spans, width, 4));
        }
        if b.files.iter().any(|f| f.2) {
            out.push(Line::from(span("* new or changed", theme.dim)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyModifiers;

    fn shown(screen: &BundleScreen) -> String {
        let mut terminal = Terminal::new(TestBackend::new(60, 12)).expect("a terminal");
        terminal.draw(|f| screen.view(&Theme::new(ThemeName::Dark, Depth::Indexed), false, f)).expect("drawn");
        terminal.backend().to_string()
    }

    fn press(s: &mut BundleScreen, code: KeyCode) -> Option<BundleAnswer> {
        s.handle(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn it_cannot_be_accepted_before_its_end_was_seen() {
        let files = (0..30).map(|i| (format!("scripts/{i}.sh"), "ab".repeat(32), i == 3)).collect();
        let mut s = BundleScreen::new(Bundle { title: "Canary".into(), files, ..Bundle::default() });
        let accept = |s: &mut BundleScreen| {
            for c in WORD.chars() {
                press(s, KeyCode::Char(c));
            }
            press(s, KeyCode::Enter)
        };
        assert!(shown(&s).contains("more lines to read"));
        assert_eq!(accept(&mut s), None);
        press(&mut s, KeyCode::End);
        assert!(shown(&s).contains("Type accept"));
        assert_eq!(press(&mut s, KeyCode::Enter), None, "Enter alone accepts nothing");
        assert_eq!(accept(&mut s), Some(BundleAnswer::Accepted));
        assert_eq!(press(&mut s, KeyCode::Esc), Some(BundleAnswer::Refused));
    }
}
