//! Takes out of a text what a terminal would obey or not show.

/// Which control characters may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Newlines.
    pub newline: bool,
    /// Tabs.
    pub tab: bool,
}

impl Keep {
    /// Neither.
    pub const NOTHING: Self = Self { newline: false, tab: false };
    /// Newlines and tabs.
    pub const LINES: Self = Self { newline: true, tab: true };
}

/// The text without control and C1 characters, escape sequences (colours, titles, links
/// and their like, with all that belongs to them), bidirectional and zero-width
/// characters. A carriage return before a newline goes; any other becomes a newline, as
/// a progress bar redrawn in place would otherwise run into one line. What may not stay
/// by `keep` (a newline, a tab) becomes a space.
pub fn strip_controls(text: &str, keep: Keep) -> String {
    let mut stripper = Stripper::default();
    let mut out = String::with_capacity(text.len());
    stripper.push(text, &mut out);
    stripper.finish(&mut out);
    if keep != Keep::LINES {
        let replace = |c: char| (c == '\n' && !keep.newline) || (c == '\t' && !keep.tab);
        out = out.replace(replace, " ");
    }
    out
}

/// Characters that are not seen, or change how others are seen: zero-width, joiners and
/// marks of direction, invisible operators, fillers, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Where in a sequence of controls a stream stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// In ordinary text.
    #[default]
    Text,
    /// Behind a carriage return.
    Return,
    /// Behind ESC.
    Escape,
    /// Behind ESC and intermediate characters, such as `ESC (`.
    Charset,
    /// In a control sequence, `ESC [`.
    Sequence,
    /// In a control string (OSC, DCS, APC, PM, SOS), so many characters long.
    String(u16),
    /// In a control string, behind ESC.
    StringEscape(u16),
}

/// A control string longer than this is taken to be text with a stray introducer: else
/// one byte could hide all that follows.
const LONGEST_STRING: u16 = 4096;

/// Strips a text that comes in pieces. Newlines and tabs stay.
#[derive(Debug, Clone, Default)]
pub(super) struct Stripper {
    state: State,
}

impl Stripper {
    /// Takes a piece; what is left of it is put into `out`.
    pub(super) fn push(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            self.state = self.step(c, out);
        }
    }

    /// The text has ended.
    pub(super) fn finish(&mut self, out: &mut String) {
        if self.state == State::Return {
            out.push('\n');
        }
        self.state = State::Text;
    }

    fn step(&mut self, c: char, out: &mut String) -> State {
        match (self.state, c) {
            // A newline is never part of a sequence we wait for: a broken one costs a
            // line at most.
            (_, '\n') => {
                out.push('\n');
                State::Text
            }
            (State::Return, '\r') => State::Return,
            (State::Return, _) => {
                out.push('\n');
                text(c, out)
            }
            (State::Text, _) => text(c, out),
            (State::Escape, '[') => State::Sequence,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::String(0),
            (State::Escape | State::Charset, ' '..='/') => State::Charset,
            (State::Escape | State::Charset, '0'..='~') => State::Text,
            (State::Sequence, '@'..='~') => State::Text,
            (State::Sequence, ' '..='?') => State::Sequence,
            (State::String(_), '\u{7}' | '\u{9c}' | '\u{18}' | '\u{1a}') => State::Text,
            (State::String(n), '\u{1b}') => State::StringEscape(n),
            (State::String(n), _) if n < LONGEST_STRING => State::String(n + 1),
            (State::StringEscape(_), '\\') => State::Text,
            (State::StringEscape(_), _) => {
                self.state = State::Escape;
                self.step(c, out)
            }
            // Not what the sequence allows: it has ended here.
            _ => text(c, out),
        }
    }
}

/// One character of ordinary text.
fn text(c: char, out: &mut String) -> State {
    match c {
        '\n' | '\t' => out.push(c),
        '\r' => return State::Return,
        '\u{1b}' => return State::Escape,
        '\u{9b}' => return State::Sequence,
        '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => return State::String(0),
        c if c.is_control() || is_invisible(c) => {}
        c => out.push(c),
    }
    State::Text
}
