//! The Markdown of a step's text, as styled and wrapped lines.
//!
//! What a runbook's text needs and a terminal can show: paragraphs, emphasis, code,
//! lists, quotes, headings, links (the address after the text) and rules. Tables and
//! images come out as their text; HTML as written. The rendered lines are cached by
//! text, width and theme, because the text of a step stands still while numbers move.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

use super::text;
use super::theme::Theme;

/// Rendered texts, the latest last.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: VecDeque<(u64, Rc<Vec<Line<'static>>>)>,
}

/// How many texts are kept: the one in hand at a few widths.
const KEPT: usize = 8;

impl Cache {
    /// The lines of a text at a width.
    pub(super) fn lines(&mut self, source: &str, width: usize, theme: &Theme) -> Rc<Vec<Line<'static>>> {
        let mut h = DefaultHasher::new();
        (source, width).hash(&mut h);
        (theme.text, theme.code, theme.link).hash(&mut h);
        let key = h.finish();
        if let Some((_, lines)) = self.entries.iter().find(|(k, _)| *k == key) {
            return Rc::clone(lines);
        }
        let lines = Rc::new(render(source, width, theme));
        if self.entries.len() >= KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back((key, Rc::clone(&lines)));
        lines
    }
}

/// Renders Markdown to lines of at most `width` cells.
pub(super) fn render(source: &str, width: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut r = Renderer {
        width: width.max(4),
        theme,
        out: Vec::new(),
        spans: Vec::new(),
        styles: vec![theme.text],
        lists: Vec::new(),
        bullet: None,
        quote: 0,
        code: false,
        link: None,
    };
    for event in Parser::new_ext(source, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS) {
        r.event(event);
    }
    r.flush();
    while r.out.last().is_some_and(|l| l.width() == 0) {
        r.out.pop();
    }
    r.out
}

struct Renderer<'t> {
    width: usize,
    theme: &'t Theme,
    out: Vec<Line<'static>>,
    spans: Vec<Span<'static>>,
    styles: Vec<Style>,
    /// The open lists: the next number, where they have numbers.
    lists: Vec<Option<u64>>,
    bullet: Option<String>,
    quote: usize,
    code: bool,
    link: Option<String>,
}

impl Renderer<'_> {
    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or(self.theme.text)
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(t) if self.code => {
                for line in t.lines() {
                    self.out.push(Line::from(Span::styled(
                        text::shorten(&text::clean(&format!("  {line}")), self.width).into_owned(),
                        self.theme.code,
                    )));
                }
            }
            Event::Text(t) => self.push(&t, self.style()),
            Event::Code(t) => self.push(&t, self.style().patch(self.theme.code)),
            Event::SoftBreak => self.push(" ", self.style()),
            Event::HardBreak => self.push("\n", self.style()),
            Event::Rule => {
                self.flush();
                self.out.push(Line::from(Span::styled("─".repeat(self.width), self.theme.border)));
            }
            Event::TaskListMarker(done) => self.push(if done { "[x] " } else { "[ ] " }, self.style()),
            Event::Html(t) | Event::InlineHtml(t) => self.push(t.trim_end(), self.theme.dim),
            _ => {}
        }
    }

    fn push(&mut self, content: &str, style: Style) {
        self.spans.push(Span::styled(content.to_owned(), style));
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => {}
            Tag::Heading { .. } => {
                self.flush();
                self.gap();
                self.styles.push(self.theme.strong);
            }
            Tag::Strong => self.styles.push(self.style().add_modifier(Modifier::BOLD)),
            Tag::Emphasis => self.styles.push(self.style().add_modifier(Modifier::ITALIC)),
            Tag::Strikethrough => self.styles.push(self.style().add_modifier(Modifier::CROSSED_OUT)),
            Tag::CodeBlock(kind) => {
                self.flush();
                if let CodeBlockKind::Fenced(language) = kind
                    && !language.is_empty()
                {
                    self.gap();
                }
                self.code = true;
            }
            Tag::List(start) => {
                self.flush();
                self.lists.push(start);
            }
            Tag::Item => {
                self.flush();
                let depth = self.lists.len().saturating_sub(1);
                let mark = match self.lists.last_mut() {
                    Some(Some(n)) => {
                        *n += 1;
                        format!("{}. ", *n - 1)
                    }
                    _ => "• ".to_owned(),
                };
                self.bullet = Some(format!("{}{mark}", "  ".repeat(depth)));
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.quote += 1;
            }
            Tag::Link { dest_url, .. } => {
                self.link = Some(dest_url.into_string());
                self.styles.push(self.style().patch(self.theme.link));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph | TagEnd::Heading(_) => {
                self.flush();
                if matches!(tag, TagEnd::Heading(_)) {
                    self.styles.pop();
                } else if self.lists.is_empty() {
                    self.gap();
                }
            }
            TagEnd::Strong | TagEnd::Emphasis | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.gap();
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                if self.lists.is_empty() {
                    self.gap();
                }
            }
            TagEnd::Item => self.flush(),
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quote = self.quote.saturating_sub(1);
            }
            TagEnd::Link => {
                self.styles.pop();
                if let Some(url) = self.link.take() {
                    let shown: String = self.spans.last().map(|s| s.content.to_string()).unwrap_or_default();
                    // Where it leads is always readable: the text may say something else.
                    if shown != url {
                        self.push(&format!(" ({url})"), self.theme.dim);
                    }
                }
            }
            _ => {}
        }
    }

    /// A blank line, never two, never at the top.
    fn gap(&mut self) {
        if self.out.last().is_some_and(|l| l.width() > 0) {
            self.out.push(Line::default());
        }
    }

    fn flush(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        let spans = std::mem::take(&mut self.spans);
        let prefix = match self.bullet.take() {
            Some(bullet) => bullet,
            None if !self.lists.is_empty() => "  ".repeat(self.lists.len()),
            None if self.quote > 0 => "│ ".repeat(self.quote),
            None => String::new(),
        };
        let indent = text::width(&prefix);
        let room = self.width.saturating_sub(indent).max(1);
        for (i, mut line) in text::wrap(&spans, room, 0).into_iter().enumerate() {
            if indent > 0 {
                let lead = if i == 0 || self.quote > 0 { prefix.clone() } else { " ".repeat(indent) };
                line.spans.insert(0, Span::styled(lead, self.theme.dim));
            }
            self.out.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};

    fn plain(source: &str, width: usize) -> String {
        let theme = Theme::new(ThemeName::None, Depth::Basic);
        render(source, width, &theme).iter().map(|l| l.to_string()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lists_code_and_links_read_well() {
        let shown = plain(
            "Do **this** with `kubectl`:\n\n- one\n- two is so long that it has to wrap\n  1. inner\n\n```sh\nls -l\n```\nSee [the dashboard](https://g.example).",
            30,
        );
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn what_hides_is_taken_out() {
        assert_eq!(plain("a\u{202e}b `c\u{1b}[31m`", 40), "ab c[31m");
    }

    #[test]
    fn the_same_text_is_rendered_once() {
        let theme = Theme::new(ThemeName::Dark, Depth::Indexed);
        let mut cache = Cache::default();
        let (a, b) = (cache.lines("x", 20, &theme), cache.lines("x", 20, &theme));
        assert!(Rc::ptr_eq(&a, &b));
        assert!(!Rc::ptr_eq(&a, &cache.lines("x", 21, &theme)));
    }
}
