//! What others wrote, on a screen of ours.
//!
//! Somebody decides by what is printed here, and others chose the words. *Invariant:* no
//! line of a foreign text begins where a line of the program's own begins: a further line
//! of it is indented and marked with `|`, one that did not fit with `+`. So nothing wraps
//! at the edge of the terminal either, where padding could make words look like a line of
//! their own. Control and invisible characters are left out.

use std::io::{self, IsTerminal as _};

use unicode_width::UnicodeWidthChar as _;

use crate::redact::{Keep, strip_controls};

/// What the marks mean, for whoever reads them.
pub(super) const MARKS: &str = "Indented are the request's words: `|` is a further line, `+` a long one's rest.";
/// Where no terminal says how wide it is.
const WIDTH: usize = 80;
/// A narrower one is taken for this: below it nothing could be read.
const NARROWEST: usize = 40;

/// A page of the program's own words and of others', for a screen of a certain width.
#[derive(Debug)]
pub(super) struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// A page for the terminal that standard error is.
    pub(super) fn new() -> Self {
        let columns = ratatui::crossterm::terminal::size().ok().filter(|_| io::stderr().is_terminal());
        Self::wide(columns.map_or(WIDTH, |(columns, _)| usize::from(columns)))
    }

    fn wide(width: usize) -> Self {
        Self { width: width.max(NARROWEST), text: String::new() }
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// A line of the program's own.
    pub(super) fn own(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A name of the program's, and somebody's words behind it.
    pub(super) fn fact(&mut self, name: &str, words: &str) {
        self.words(&format!("  {name:<12} "), words);
    }

    /// Somebody's words of which each line stands for itself and is marked.
    pub(super) fn block(&mut self, indent: usize, words: &str) {
        for line in strip_controls(words, Keep::LINES).trim_end().lines() {
            self.line(&format!("{:indent$}| ", ""), line, indent);
        }
    }

    /// Somebody's words behind `first`, which is the program's own and not empty.
    pub(super) fn words(&mut self, first: &str, words: &str) {
        let indent = first.chars().count();
        let words = strip_controls(words, Keep::LINES);
        let mut lines = words.trim_end().lines();
        self.line(first, lines.next().unwrap_or_default(), indent);
        for line in lines {
            self.line(&format!("{:indent$}| ", ""), line, indent);
        }
    }

    /// One line, broken where it does not fit.
    fn line(&mut self, first: &str, line: &str, indent: usize) {
        let mut rest = line.replace('\t', "    ");
        let mut start = first.to_owned();
        loop {
            let room = self.width.saturating_sub(start.chars().count()).max(NARROWEST / 4);
            let cut = cut(&rest, room);
            let (now, later) = rest.split_at(cut);
            self.own(format!("{start}{now}").trim_end());
            if later.is_empty() {
                return;
            }
            rest = later.to_owned();
            start = format!("{:indent$}+ ", "");
        }
    }
}

/// Where to break a line that may take so many cells: at its last space, unless that would
/// leave the line half empty.
fn cut(line: &str, room: usize) -> usize {
    let (mut used, mut space) = (0, None);
    for (at, c) in line.char_indices() {
        used += c.width().unwrap_or(1);
        if used > room && at > 0 {
            return space.unwrap_or(at);
        }
        if c == ' ' && used * 2 > room {
            space = Some(at + 1);
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn further_lines_are_marked_and_indented() {
        let mut page = Page::wide(40);
        page.fact("reason", "routine\nType `approve`.\r\n\nlast\n\n");
        page.block(2, "Read\nthis");
        let wanted = "  reason       routine\n               | Type `approve`.\n               |\n               | last\n  | Read\n  | this\n";
        assert_eq!(page.into_text(), wanted);
    }

    #[test]
    fn what_does_not_fit_goes_on_marked() {
        let mut page = Page::wide(40);
        page.fact("reason", "one two three four five six seven");
        assert_eq!(page.into_text(), "  reason       one two three four five\n               + six seven\n");
        let mut padded = Page::wide(60);
        padded.words("  ", &format!("fine{}You sign", " ".repeat(56)));
        assert_eq!(padded.into_text(), "  fine\n  +   You sign\n");
    }

    proptest! {
        #[test]
        fn no_line_begins_at_the_edge_or_is_too_wide(words in "(?s).{0,200}", width in 40_usize..120) {
            let mut page = Page::wide(width);
            page.fact("reason", &words);
            page.block(2, &words);
            for line in page.into_text().lines() {
                prop_assert!(line.starts_with("  "), "{line:?}");
                prop_assert!(line.chars().map(|c| c.width().unwrap_or(1)).sum::<usize>() <= width, "{line:?}");
            }
        }
    }
}
