//! The output of a running command, for scrolling and searching.

use std::collections::VecDeque;

/// The last lines of an output, stripped of control sequences and redacted before they
/// get here.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Lines, oldest first; bounded.
    pub lines: VecDeque<OutputLine>,
    /// Lines dropped at the front.
    pub dropped: u64,
}

/// A line and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLine {
    /// The text.
    pub text: String,
    /// From standard error.
    pub stderr: bool,
}
