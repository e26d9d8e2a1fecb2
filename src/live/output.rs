//! The output of a running command, for scrolling and searching.
//!
//! Bounded in lines and in bytes: a command that prints for an hour costs no more than
//! one that prints for a minute, and how much was dropped is counted. The whole output
//! is in the session's folder.

use std::collections::VecDeque;

/// At most so many lines are kept.
pub const MAX_LINES: usize = 10_000;
/// At most so many bytes are kept.
pub const MAX_BYTES: usize = 4 << 20;
/// A longer line is broken.
const MAX_LINE: usize = 16 << 10;

/// The last lines of an output, stripped of control sequences and redacted before they
/// get here.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Lines, oldest first; bounded.
    pub lines: VecDeque<OutputLine>,
    /// Lines dropped at the front.
    pub dropped: u64,
    bytes: usize,
    open: [String; 2],
}

/// A line and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    /// The text.
    pub text: String,
    /// From standard error.
    pub stderr: bool,
}

impl Output {
    /// Adds a whole line, without its newline.
    pub fn push_line(&mut self, text: impl Into<String>, stderr: bool) {
        let text = text.into();
        if text.len() <= MAX_LINE {
            return self.keep(text, stderr);
        }
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.floor_char_boundary(MAX_LINE));
            self.keep(line.to_owned(), stderr);
            rest = after;
        }
    }

    /// Adds text as it comes, in pieces that need not end where lines do. What follows
    /// the last newline waits for its end; see [`Output::unfinished`].
    pub fn push_text(&mut self, text: &str, stderr: bool) {
        let mut pieces = text.split('\n');
        // `split` gives at least one piece; the last one has no newline after it.
        let mut piece = pieces.next().unwrap_or_default();
        for next in pieces {
            let mut line = std::mem::take(self.open_mut(stderr));
            line.push_str(piece);
            if line.ends_with('\r') {
                line.pop();
            }
            self.push_line(line, stderr);
            piece = next;
        }
        self.open_mut(stderr).push_str(piece);
        if self.unfinished(stderr).len() > MAX_LINE {
            let line = std::mem::take(self.open_mut(stderr));
            self.push_line(line, stderr);
        }
    }

    /// Ends the lines that had no newline: the command has ended.
    pub fn finish(&mut self) {
        for stderr in [false, true] {
            let line = std::mem::take(self.open_mut(stderr));
            if !line.is_empty() {
                self.push_line(line, stderr);
            }
        }
    }

    /// What came after the last newline: a prompt, a progress line.
    pub fn unfinished(&self, stderr: bool) -> &str {
        &self.open[usize::from(stderr)]
    }

    /// The line after (or, backwards, before) line `from` that holds `needle`, counted
    /// from 0 in `lines`. Case counts only where the needle has capitals.
    pub fn find(&self, needle: &str, from: Option<usize>, backwards: bool) -> Option<usize> {
        if needle.is_empty() {
            return None;
        }
        let exact = needle.chars().any(char::is_uppercase);
        let holds = |index: &usize| {
            self.lines
                .get(*index)
                .is_some_and(|line| if exact { line.text.contains(needle) } else { line.text.to_lowercase().contains(needle) })
        };
        if backwards {
            (0..from.unwrap_or(self.lines.len()).min(self.lines.len())).rev().find(holds)
        } else {
            (from.map_or(0, |from| from.saturating_add(1))..self.lines.len()).find(holds)
        }
    }

    fn open_mut(&mut self, stderr: bool) -> &mut String {
        &mut self.open[usize::from(stderr)]
    }

    fn keep(&mut self, text: String, stderr: bool) {
        self.bytes += text.len();
        self.lines.push_back(OutputLine { text, stderr });
        while self.lines.len() > MAX_LINES || self.bytes > MAX_BYTES {
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes -= line.text.len();
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(output: &Output) -> Vec<&str> {
        output.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn pieces_become_lines_of_their_stream() {
        let mut output = Output::default();
        output.push_text("one\r", false);
        output.push_text("\ntw", false);
        output.push_text("oops\n", true);
        output.push_text("o\n\nthree", false);
        assert_eq!(texts(&output), ["one", "oops", "two", ""]);
        assert_eq!(output.unfinished(false), "three");
        output.finish();
        assert_eq!(texts(&output), ["one", "oops", "two", "", "three"]);
        assert!(output.lines.get(1).is_some_and(|line| line.stderr));
    }

    #[test]
    fn lines_and_bytes_are_bounded_and_the_loss_is_counted() {
        let mut output = Output::default();
        for n in 0..MAX_LINES + 5 {
            output.push_line(n.to_string(), false);
        }
        assert_eq!((output.lines.len(), output.dropped), (MAX_LINES, 5));
        let mut output = Output::default();
        output.push_text(&"ä".repeat(MAX_BYTES), false);
        output.push_line("end", false);
        let kept: usize = output.lines.iter().map(|line| line.text.len()).sum();
        assert!(kept <= MAX_BYTES && kept > MAX_BYTES - 2 * MAX_LINE, "{kept} bytes kept");
        assert!(output.dropped > 0);
        assert!(output.lines.iter().all(|line| line.text.len() <= MAX_LINE));
    }

    #[test]
    fn search_goes_both_ways_and_minds_case_only_when_asked() {
        let mut output = Output::default();
        for line in ["Error one", "fine", "error two"] {
            output.push_line(line, false);
        }
        assert_eq!(output.find("error", None, false), Some(0));
        assert_eq!(output.find("error", Some(0), false), Some(2));
        assert_eq!(output.find("error", Some(2), false), None);
        assert_eq!(output.find("error", None, true), Some(2));
        assert_eq!(output.find("error", Some(2), true), Some(0));
        assert_eq!(output.find("Error", Some(0), false), None);
        assert_eq!(output.find("", None, false), None);
    }
}
