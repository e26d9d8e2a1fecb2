//! Where the bytes of a scalar stand in its file.
//!
//! Quotes, escapes, folding and the indentation of blocks take a text apart from what is
//! written. White space aside, both hold the same characters in the same order, so they
//! are walked in step, and a new run begins wherever they fell out of it.

use super::super::span::{Run, Span, TextMap};
use super::{Scalar, Style};

/// The map of a scalar at `span`.
pub(super) fn text_map(source: &str, span: Span, scalar: &Scalar) -> TextMap {
    let raw = source.get(span.start..span.end).unwrap_or_default();
    if raw == scalar.text {
        return TextMap::plain(span);
    }
    let mut walk = Walk { raw, at: 0, place: Span { end: span.start, ..span } };
    match scalar.style {
        Style::Plain => {}
        Style::Single | Style::Double => walk.skip(1),
        Style::Block => {
            if raw.starts_with(['|', '>']) {
                walk.skip(raw.find('\n').map_or(raw.len(), |i| i + 1));
            }
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    for (offset, c) in scalar.text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        walk.skip_blank(scalar.style);
        let in_step = runs.last().is_some_and(|run| {
            run.place.line == walk.place.line && walk.place.start.checked_sub(run.place.start) == Some(offset - run.text)
        });
        if !in_step {
            runs.push(Run { text: offset, place: walk.place });
        }
        walk.skip(walk.written_length(c, scalar.style));
    }
    if runs.is_empty() {
        return TextMap::plain(span);
    }
    TextMap::from_runs(runs)
}

/// A walk through what is written.
struct Walk<'a> {
    raw: &'a str,
    at: usize,
    place: Span,
}

impl Walk<'_> {
    fn rest(&self) -> &str {
        self.raw.get(self.at..).unwrap_or_default()
    }

    /// Goes on by some bytes.
    fn skip(&mut self, bytes: usize) {
        let end = self.raw.ceil_char_boundary((self.at + bytes).min(self.raw.len()));
        for c in self.raw.get(self.at..end).unwrap_or_default().chars() {
            if c == '\n' {
                self.place.line += 1;
                self.place.column = 1;
            } else {
                self.place.column += 1;
            }
        }
        self.place.start += end - self.at;
        self.place.end = self.place.start;
        self.at = end;
    }

    /// Goes past white space, and in double quotes past what stands for white space.
    fn skip_blank(&mut self, style: Style) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            let escaped =
                style == Style::Double && ["\\n", "\\t", "\\r", "\\ ", "\\\n", "\\\r", "\\_"].iter().any(|e| rest.starts_with(e));
            let bytes = if blank > 0 {
                blank
            } else if escaped {
                2
            } else {
                return;
            };
            self.skip(bytes);
        }
    }

    /// How many bytes were written for a character.
    fn written_length(&self, c: char, style: Style) -> usize {
        let rest = self.rest();
        match style {
            Style::Single if rest.starts_with("''") => 2,
            Style::Double if rest.starts_with('\\') => match rest.as_bytes().get(1) {
                Some(b'x') => 4,
                Some(b'u') => 6,
                Some(b'U') => 10,
                _ => 2,
            },
            _ => c.len_utf8(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Node, parse};
    use crate::runbook::diagnostic::Collector;

    /// Every occurrence of X in a text must be found where it is written.
    #[test]
    fn every_style_finds_its_places() {
        for source in [
            "a X b",
            "'a''X b'",
            r#""a\"\té\u00e9 X b""#,
            "|\n  one\n  two X\n    three X\n",
            "|-\n  X one\n\n  two X",
            ">\n  folded X\n  text X\n\n  para X\n    more X\n",
            "a plain\n  text X over\n\n  lines X",
            "\"a quoted\n  text X \\\n  over X\"",
            "|2\n    X\n",
            "> # X comment\n  X\n",
        ] {
            let source = format!("key: {source}\nnext: 1\n");
            let mut diagnostics = Collector::new("t");
            let root = parse(&source, &mut diagnostics).unwrap_or_else(|| panic!("{source}: {diagnostics:?}"));
            let Kind::Map(entries) = &root.kind else { panic!("{source}") };
            let node: &Node = &entries[0].value;
            let Kind::Scalar(scalar) = &node.kind else { panic!("{source}") };
            let map = node.text_map(&source);
            assert!(scalar.text.contains('X'));
            for (offset, _) in scalar.text.match_indices('X') {
                let span = map.span(&scalar.text, offset..offset + 1);
                assert_eq!(&source[span.start..span.end], "X", "{source}");
                let before = &source[..span.start];
                assert_eq!(span.line as usize, before.matches('\n').count() + 1, "{source}");
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                assert_eq!(span.column as usize, column, "{source}");
            }
        }
    }
}
