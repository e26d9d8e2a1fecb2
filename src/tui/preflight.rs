//! What was found before a session begins, as it comes in, and the question whether to go
//! on.

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

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// As it should be.
    Good,
    /// Worth a look.
    Warn,
    /// A step or gate would fail at it.
    Bad,
    /// It is not known.
    Unknown,
    /// It is not known, and never is before a session.
    Open,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub about: String,
    /// How it is.
    pub found: Found,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// What the operator decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreflightAnswer {
    /// The session begins.
    GoOn,
    /// It does not.
    Leave,
}

/// The screen's state.
#[derive(Debug, Default)]
pub struct PreflightScreen {
    /// The runbook's title.
    pub title: String,
    /// Where it would act.
    pub target: String,
    /// What was found so far; what is wrong first.
    pub checks: Vec<Check>,
    /// What is still being asked.
    pub working: Vec<String>,
    /// What is still being asked takes too long to wait for.
    pub late: bool,
    /// Seconds it has been asked for, and after how many nobody waits any more.
    pub asking: (u64, u64),
    scroll: Scroll,
}

impl PreflightScreen {
    /// A screen with nothing found yet.
    pub fn new(title: String, target: String, working: Vec<String>) -> Self {
        Self { title, target, working, ..Self::default() }
    }

    /// Whether everything was answered and is as it should be.
    pub fn all_good(&self) -> bool {
        self.working.is_empty() && self.checks.iter().all(|check| matches!(check.found, Found::Good | Found::Open))
    }

    /// Takes a key. `ripe`: what is shown has been there for long enough to be answered.
    pub fn handle(&mut self, event: KeyEvent, ripe: bool) -> Option<PreflightAnswer> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let key = Key::from(event);
        match (key.code, key.ctrl) {
            (KeyCode::Enter, _) if ripe => return Some(PreflightAnswer::GoOn),
            (KeyCode::Esc | KeyCode::Char('q'), false) | (KeyCode::Char('c' | 'd'), true) => return Some(PreflightAnswer::Leave),
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
        let (said, style) = self.summary(theme);
        let said = text::wrap_text(&format!(" {said}"), style, usize::from(area.width).max(1), 1);
        let said_rows = (said.len() as u16).min(area.height.saturating_sub(3)).max(1);
        let list = Rect { height: area.height.saturating_sub(1 + said_rows), ..area };
        let titles = Titles::new("Before it starts", theme.strong)
            .and(text::clean(&self.title).into_owned(), theme.accent)
            .right(text::clean(&self.target).into_owned(), theme.live);
        self.scroll.draw(buf, list, &titles, theme, |width| self.lines(width, theme));
        paint::put_lines(buf, Rect { y: list.bottom(), height: said_rows, ..area }, &said, 0);
        let keys = Line::from(vec![
            span(" Enter", theme.key),
            span(if self.all_good() { " go on   " } else { " go on all the same   " }, theme.text),
            span("Esc", theme.key),
            span(" leave   ", theme.text),
            span("j k", theme.key),
            span(" scroll   Nothing was changed yet.", theme.text),
        ]);
        paint::put_line(buf, area.x, list.bottom() + said_rows, area.width, &keys);
    }

    fn summary(&self, theme: &Theme) -> (String, ratatui::style::Style) {
        let count = |found| self.checks.iter().filter(|check| check.found == found).count();
        let (bad, unknown, warned) = (count(Found::Bad), count(Found::Unknown), count(Found::Warn));
        if !self.working.is_empty() {
            let asked = self.working.join(", ");
            return if self.late {
                (format!("No answer yet about {asked}; you need not wait for it."), theme.warn)
            } else {
                let (gone, limit) = self.asking;
                (format!("Still asking about {asked}: for {gone} s, at most {limit} s."), theme.dim)
            };
        }
        if bad + unknown + warned == 0 {
            return ("Everything is as it should be.".to_owned(), theme.text);
        }
        let what = format!("{bad} would fail, {unknown} not known, {warned} to look at");
        (format!("{what}. Going on is written into the record."), theme.warn)
    }

    fn lines(&self, width: usize, theme: &Theme) -> Vec<Line<'static>> {
        let about_width = self.checks.iter().map(|check| text::width(&check.about)).max().unwrap_or(0).min(28);
        let mut out = Vec::new();
        for check in &self.checks {
            let (mark, style) = match check.found {
                Found::Good => ("✓", theme.text),
                Found::Warn => ("⚠", theme.warn),
                Found::Bad => ("✗", theme.alarm),
                Found::Unknown => ("?", theme.warn),
                Found::Open => ("·", theme.dim),
            };
            let about = text::clean(&check.about);
            let fill = " ".repeat(about_width.saturating_sub(text::width(&about)));
            let spans = [
                span(format!("{mark} "), style),
                span(format!("{about}{fill}  "), theme.strong),
                span(text::clean(&check.text).into_owned(), style),
            ];
            out.extend(text::wrap(&spans, width, (about_width + 4).min(width / 2)));
            if let Some(next) = &check.next {
                let next = format!("{}next: {}", " ".repeat((about_width + 4).min(width / 2)), text::clean(next));
                out.extend(text::wrap(&[span(next, theme.text)], width, (about_width + 4).min(width / 2)));
            }
        }
        out.extend(self.working.iter().map(|asked| Line::from(span(format!("… {asked}"), theme.dim))));
        out
    }
}

/// Draws what is waited for where nothing is asked: between the question whether to go on
/// and the session.
pub fn waiting(title: &str, words: &str, gone_s: u64, (theme, ascii): (&Theme, bool), frame: &mut Frame<'_>) {
    paint::whole(frame, theme, ascii, 30, |buf, area| {
        let titles = Titles::new("Before it starts", theme.strong).and(text::clean(title).into_owned(), theme.accent);
        let inner = paint::pane(buf, area, paint::Framing::Box, &titles, true, theme);
        let words = format!(" {words}: for {gone_s} s. Nothing was changed yet.");
        let lines = text::wrap_text(&words, theme.text, usize::from(inner.width).max(1), 1);
        paint::put_lines(buf, inner, &lines, 0);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::KeyModifiers;

    fn drawn(screen: &PreflightScreen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|f| screen.view(&Theme::new(ThemeName::Dark, Depth::Indexed), false, f)).expect("drawn");
        terminal.backend().to_string()
    }

    fn check(about: &str, found: Found, text: &str, next: Option<&str>) -> Check {
        Check { about: about.into(), found, text: text.into(), next: next.map(str::to_owned) }
    }

    fn screen() -> PreflightScreen {
        let working = vec!["the signals".to_owned()];
        let mut screen = PreflightScreen::new("Canary deploy of checkout".into(), "prod-eu/shop".into(), working);
        screen.asking = (4, 15);
        screen.checks = vec![
            check(
                "rights",
                Found::Bad,
                "patch deployments checkout is not allowed",
                Some("`pacenote rbac` prints the Role to ask for"),
            ),
            check("cluster", Found::Good, "prod-eu in namespace shop: v1.36.2", None),
            check("signal queue", Found::Open, "a command is not run before the session", None),
        ];
        screen
    }

    fn press(screen: &mut PreflightScreen, code: KeyCode, ripe: bool) -> Option<PreflightAnswer> {
        screen.handle(KeyEvent::new(code, KeyModifiers::NONE), ripe)
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        insta::assert_snapshot!(drawn(&screen(), 80, 14));
        let mut late = screen();
        late.late = true;
        assert!(drawn(&late, 80, 14).contains("you need not wait"));
    }

    #[test]
    fn it_is_passed_by_enter_and_left_by_escape() {
        let mut screen = screen();
        assert_eq!(press(&mut screen, KeyCode::Enter, false), None, "what has just appeared was not read");
        assert_eq!(press(&mut screen, KeyCode::Enter, true), Some(PreflightAnswer::GoOn));
        assert_eq!(press(&mut screen, KeyCode::Esc, false), Some(PreflightAnswer::Leave));
        assert_eq!(press(&mut screen, KeyCode::Char('x'), true), None);
    }

    #[test]
    fn it_is_all_good_only_once_everything_has_answered() {
        let mut screen = screen();
        assert!(!screen.all_good());
        screen.working.clear();
        assert!(!screen.all_good());
        screen.checks.retain(|check| check.found != Found::Bad);
        assert!(screen.all_good(), "what is never asked beforehand keeps nobody");
        screen.checks.push(check("signal api", Found::Unknown, "no reading within 10 s", None));
        assert!(!screen.all_good());
    }

    #[test]
    fn what_is_still_asked_is_said_whole_and_for_how_long() {
        let mut screen = screen();
        screen.working =
            ["the cluster", "rights", "the signals", "locks and freezes", "tools and scripts"].map(str::to_owned).into();
        screen.asking = (4, 15);
        for width in [80, 60] {
            let shown = drawn(&screen, width, 14).replace(['"', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(shown.contains("locks and freezes, tools and scripts: for 4 s, at most 15 s."), "{shown}");
            assert!(shown.contains("Esc leave"), "{shown}");
        }
    }

    #[test]
    fn what_is_waited_for_is_said() {
        let theme = Theme::new(ThemeName::Dark, Depth::Indexed);
        for (width, height) in [(80, 24), (30, 8), (1, 1)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
            terminal.draw(|f| waiting("Canary", "Taking the lock", 3, (&theme, false), f)).expect("drawn");
            let shown = terminal.backend().to_string();
            assert!(width < 80 || shown.contains("Taking the lock: for 3 s."), "{shown}");
        }
    }

    #[test]
    fn no_size_panics() {
        for (width, height) in [(1, 1), (30, 8), (29, 100), (31, 9), (250, 70)] {
            drawn(&screen(), width, height);
        }
    }
}
