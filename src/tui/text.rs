//! Text for a grid of cells: cleaned, measured, shortened, wrapped, and times in words.
//!
//! Whatever comes from outside passes [`clean`] before it is measured or drawn: control,
//! C1, bidirectional and zero-width characters are dropped, tabs become spaces. Widths
//! are cells, never bytes or characters. Nothing here knows colours or places.

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What was pasted, with lines as files have them: terminals end them as Enter would.
pub(super) fn pasted(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Whether a character may reach the screen.
fn drawable(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'))
}

/// One line of text without anything that moves the cursor, turns the direction or
/// hides: safe to draw.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) || text.chars().all(drawable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\n' => out.push(' '),
            c if drawable(c) => out.push(c),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// Width in cells.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

/// The text in at most `max` cells, its end replaced by `…` where it does not fit.
pub fn shorten(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    if max == 0 {
        return Cow::Borrowed("");
    }
    let mut out = String::new();
    let mut used = 0;
    for g in text.graphemes(true) {
        let w = width(g);
        if used + w > max - 1 {
            break;
        }
        used += w;
        out.push_str(g);
    }
    out.push('…');
    Cow::Owned(out)
}

/// The text in at most `max` cells, its middle replaced by `…`: for names whose ends
/// tell them apart, such as those of pods.
pub fn shorten_middle(text: &str, max: usize) -> Cow<'_, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    if max < 8 || !text.is_ascii() {
        return shorten(text, max);
    }
    let tail = (max - 1) / 2;
    let head = max - 1 - tail;
    Cow::Owned(format!("{}…{}", &text[..head], &text[text.len() - tail..]))
}

/// A duration as a clock, `00:14:22`.
pub fn clock(ms: u64) -> String {
    let s = ms / 1000;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The beginning of a hash, enough to compare it by eye with where it was noted.
pub fn short_hash(hex: &str) -> &str {
    hex.get(..12).unwrap_or(hex)
}

/// A duration in at most two units: `5m40s`, `2h05m`, `12s`, `0s`, `3d04h`.
pub fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..60 => format!("{s}s"),
        60..3600 if s.is_multiple_of(60) => format!("{}m", s / 60),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 if s % 3600 < 60 => format!("{}h", s / 3600),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ if s % 86_400 < 3600 => format!("{}d", s / 86_400),
        _ => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

/// A number of things: `1 line`, `2 lines`.
pub fn count(n: impl TryInto<u64>, what: &str) -> String {
    let n = n.try_into().unwrap_or(u64::MAX);
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// An age in words, `2 s`, `4 min`, `3 h`, `2 d`.
pub fn age(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..120 => format!("{s} s"),
        120..7200 => format!("{} min", s / 60),
        7200..172_800 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

/// How long there is to answer (milliseconds) and what happens then; below zero, since
/// when it has happened.
pub fn countdown(left_ms: i64, then: &str) -> String {
    match u64::try_from(left_ms) {
        Ok(left) if left > 0 => format!("{} left to answer, then: {then}", duration(left)),
        _ if left_ms > -1_000 => format!("time to answer is up; {then}"),
        _ => format!("time to answer was up {} ago; {then}", age(left_ms.unsigned_abs())),
    }
}

/// An age as kubectl prints it in AGE: `45s`, `5m12s`, `47m`, `3h7m`, `2d4h`, `12d`.
pub fn kube_age(ms: i64) -> String {
    let s = (ms / 1000).max(0);
    let (m, h, d) = (s / 60, s / 3600, s / 86_400);
    let two = |a: i64, ua: &str, b: i64, ub: &str| if b == 0 { format!("{a}{ua}") } else { format!("{a}{ua}{b}{ub}") };
    match s {
        ..120 => format!("{s}s"),
        120..600 => two(m, "m", s % 60, "s"),
        600..10_800 => format!("{m}m"),
        10_800..28_800 => two(h, "h", m % 60, "m"),
        28_800..172_800 => format!("{h}h"),
        172_800..691_200 => two(d, "d", h % 24, "h"),
        _ if d < 730 => format!("{d}d"),
        _ if d < 2920 => two(d / 365, "y", d % 365, "d"),
        _ => format!("{}y", d / 365),
    }
}

/// A measured number in at most about six characters.
pub fn number(value: f64) -> String {
    let a = value.abs();
    if !value.is_finite() {
        return "?".into();
    }
    let (scaled, suffix) = match a {
        _ if a >= 1e12 => (value / 1e12, "T"),
        _ if a >= 1e9 => (value / 1e9, "G"),
        _ if a >= 1e6 => (value / 1e6, "M"),
        _ if a >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let a = scaled.abs();
    let digits = match a {
        _ if a == 0.0 || a >= 100.0 => 0,
        _ if a >= 10.0 => 1,
        _ if a >= 0.1 => 2,
        _ if a >= 0.001 => 4,
        _ => 6,
    };
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{suffix}")
}

/// Breaks styled text into lines of at most `max` cells, at spaces where there are any.
/// Lines after the first begin with `indent` spaces. Newlines in the text end a line.
pub fn wrap(spans: &[Span<'_>], max: usize, indent: usize) -> Vec<Line<'static>> {
    let mut wrapper = Wrapper { max: max.max(1), indent: indent.min(max / 2), lines: Vec::new(), line: Vec::new(), used: 0 };
    for span in spans {
        let mut first = true;
        for piece in span.content.split('\n') {
            if !first {
                wrapper.end_line();
            }
            first = false;
            for word in piece.split_word_bounds_by_space() {
                wrapper.word(&clean(word), span.style);
            }
        }
    }
    wrapper.end_line();
    wrapper.lines
}

/// Plain text, wrapped.
pub fn wrap_text(text: &str, style: Style, max: usize, indent: usize) -> Vec<Line<'static>> {
    wrap(&[Span::styled(text, style)], max, indent)
}

trait SplitBySpace {
    fn split_word_bounds_by_space(&self) -> Vec<&str>;
}

impl SplitBySpace for str {
    /// Words and the runs of spaces between them, in order, nothing lost.
    fn split_word_bounds_by_space(&self) -> Vec<&str> {
        let mut out = Vec::new();
        let mut start = 0;
        let mut in_space = None;
        for (i, c) in self.char_indices() {
            let space = c == ' ' || c == '\t';
            if in_space.is_some_and(|was| was != space) {
                out.push(&self[start..i]);
                start = i;
            }
            in_space = Some(space);
        }
        if start < self.len() {
            out.push(&self[start..]);
        }
        out
    }
}

struct Wrapper {
    max: usize,
    indent: usize,
    lines: Vec<Line<'static>>,
    line: Vec<Span<'static>>,
    used: usize,
}

impl Wrapper {
    fn word(&mut self, word: &str, style: Style) {
        let w = width(word);
        let blank = word.bytes().all(|b| b == b' ');
        if self.used + w <= self.max {
            self.push(word.to_owned(), w, style);
        } else if blank {
            // A break takes the place of the space.
            self.end_line();
        } else if w <= self.max - self.start() {
            if self.used > self.start() {
                self.end_line();
            }
            self.push(word.to_owned(), w, style);
        } else {
            for g in word.graphemes(true) {
                let gw = width(g);
                if self.used + gw > self.max {
                    self.end_line();
                }
                self.push(g.to_owned(), gw, style);
            }
        }
    }

    fn start(&self) -> usize {
        if self.lines.is_empty() { 0 } else { self.indent }
    }

    fn push(&mut self, text: String, w: usize, style: Style) {
        if self.used == 0 && !self.lines.is_empty() {
            if text.bytes().all(|b| b == b' ') && self.indent > 0 {
                return;
            }
            if self.indent > 0 {
                self.line.push(Span::raw(" ".repeat(self.indent)));
                self.used = self.indent;
            }
        }
        match self.line.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(&text),
            _ => self.line.push(Span::styled(text, style)),
        }
        self.used += w;
    }

    fn end_line(&mut self) {
        let mut spans = std::mem::take(&mut self.line);
        if let Some(last) = spans.last_mut() {
            let trimmed = last.content.trim_end_matches(' ').len();
            last.content.to_mut().truncate(trimmed);
        }
        self.lines.push(Line::from(spans));
        self.used = 0;
    }
}

/// Width of one character, 0 for those that are not drawn.
pub fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_or_hides_gets_through() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\u{200b}d\u{9b}e\tf"), "a[31mbcde    f");
        assert!(matches!(clean("Größe → 10 %"), Cow::Borrowed(_)));
    }

    #[test]
    fn shortening_counts_cells() {
        assert_eq!(shorten("checkout", 8), "checkout");
        assert_eq!(shorten("checkout", 5), "chec…");
        assert_eq!(shorten("日本語テキスト", 5), "日本…");
        assert_eq!(shorten("x", 0), "");
        assert_eq!(shorten_middle("checkout-7f9c6d5b8-x2x7z", 15), "checkou…8-x2x7z");
    }

    #[test]
    fn times_in_words() {
        for (ms, text) in
            [(0, "0s"), (59_999, "59s"), (60_000, "1m"), (340_000, "5m40s"), (7_500_000, "2h05m"), (273_600_000, "3d04h")]
        {
            assert_eq!(duration(ms), text);
        }
        assert_eq!(clock(862_000), "00:14:22");
        for (s, text) in [(119, "119s"), (120, "2m"), (312, "5m12s"), (2_820, "47m"), (11_220, "3h7m"), (187_200, "2d4h")] {
            assert_eq!(kube_age(s * 1000), text, "{s}");
        }
    }

    #[test]
    fn a_time_that_is_up_is_said_to_be_past() {
        assert_eq!(countdown(894_000, "it keeps holding"), "14m54s left to answer, then: it keeps holding");
        assert_eq!(countdown(0, "it keeps holding"), "time to answer is up; it keeps holding");
        assert_eq!(countdown(-1_320_000, "it keeps holding"), "time to answer was up 22 min ago; it keeps holding");
    }

    #[test]
    fn numbers_stay_short() {
        for (n, text) in [(0.0, "0"), (0.42, "0.42"), (84.25, "84.2"), (0.0012, "0.0012"), (15_300.0, "15.3k"), (f64::NAN, "?")] {
            assert_eq!(number(n), text);
        }
    }

    #[test]
    fn wrapping_loses_nothing_and_stays_in_width() {
        let lines = wrap_text("the quick brown fox jumps over averyveryverylongword end", Style::new(), 10, 2);
        assert!(lines.iter().all(|l| l.width() <= 10), "{lines:?}");
        let joined: String =
            lines.iter().flat_map(|l| l.spans.iter()).map(|s| s.content.replace(' ', "")).collect::<Vec<_>>().concat();
        assert_eq!(joined, "thequickbrownfoxjumpsoveraveryveryverylongwordend");
    }
}
