//! Where something stands in a file.

use std::ops::Range;

/// A place in a source file. Lines and columns count from 1, columns in
/// characters; offsets are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line of the first byte.
    pub line: u32,
    /// Column of the first byte.
    pub column: u32,
}

/// A value and where it was written. Equality looks at the value only.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: std::fmt::Display> std::fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

/// Where the bytes of a text stand in its file, when the text was taken out of
/// quotes or a block: runs of bytes that are the same in both.
///
/// A plain text on one line is a single run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMap {
    runs: Vec<Run>,
}

/// From this byte of the text on, text and file run in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// Byte of the text.
    pub(super) text: usize,
    /// Its place in the file.
    pub(super) place: Span,
}

impl TextMap {
    /// A text that stands in the file byte for byte, from the start of `span` on.
    pub fn plain(span: Span) -> Self {
        Self { runs: vec![Run { text: 0, place: span }] }
    }

    pub(super) fn from_runs(runs: Vec<Run>) -> Self {
        Self { runs }
    }

    /// The place in the file of a range of `text`, which must be the mapped text.
    pub fn span(&self, text: &str, range: Range<usize>) -> Span {
        let start = self.place(text, range.start);
        let end = if range.end > range.start {
            // The last byte's place, and one on: the end of a range may be where a run begins.
            let last = text.floor_char_boundary(range.end - 1);
            self.place(text, last).start + (range.end - last)
        } else {
            start.start
        };
        Span { end: end.max(start.start), ..start }
    }

    /// The part of this map that belongs to the text from `offset` on.
    pub fn from_offset(&self, text: &str, offset: usize) -> Self {
        let mut runs = vec![Run { text: 0, place: self.place(text, offset) }];
        runs.extend(self.runs.iter().filter(|r| r.text > offset).map(|r| Run { text: r.text - offset, place: r.place }));
        Self { runs }
    }

    fn place(&self, text: &str, offset: usize) -> Span {
        let run = self.runs.iter().rev().find(|run| run.text <= offset).or(self.runs.first());
        let Some(run) = run else { return Span::default() };
        let between = text.get(run.text..offset).unwrap_or_default();
        let mut place = run.place;
        place.start += between.len();
        place.end = place.start;
        for c in between.chars() {
            if c == '\n' {
                place.line += 1;
                place.column = 1;
            } else {
                place.column += 1;
            }
        }
        place
    }
}
