//! What is wrong with a file, where, and what to do about it.
//!
//! Diagnostics are collected, never thrown: one reading of a file reports all that can
//! be found. They are plain data; [`render_text`] and [`to_json`] write them for people
//! and for programs. Text of the file is cleaned of control characters before it is shown.

mod render;

pub(crate) use render::is_invisible;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::span::Span;

pub use render::{render_text, to_json};

/// The sources diagnostics point into, by file name as in [`Diagnostic::file`].
pub type Sources = BTreeMap<Arc<str>, Arc<str>>;

/// Kept for one file at most; what is beyond is counted.
const MOST: usize = 500;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The runbook cannot be used.
    Error,
    /// It can, and something is likely not meant.
    Warning,
    /// It can, and could be better.
    Advice,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Advice => "advice",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// A stable name for the kind of mistake, such as `unknown-key`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without a full stop.
    pub message: String,
    /// The file, as it was named.
    pub file: Arc<str>,
    /// Where in it; `None` for the file as a whole.
    pub span: Option<Span>,
    /// A few words at the place itself.
    pub label: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error of a file as a whole, such as one that cannot be read.
    pub fn of_file(code: &'static str, file: &str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), file: file.into(), span: None, label: None, hint: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the runbook cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Sorts by file and place; at one place errors come first.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    let key = |d: &Diagnostic| (d.file.clone(), d.span.map_or((0, 0), |s| (s.start, s.end)), d.severity, d.code);
    diagnostics.sort_by_key(key);
    diagnostics.dedup();
}

/// Collects what is wrong with one file.
#[derive(Debug)]
pub struct Collector {
    file: Arc<str>,
    found: Vec<Diagnostic>,
    dropped: usize,
}

impl Collector {
    /// A collector for a file as it was named.
    pub fn new(file: &str) -> Self {
        Self { file: file.into(), found: Vec::new(), dropped: 0 }
    }

    /// The file's name.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Adds an error. Hint and label follow on what is returned.
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> Added<'_> {
        self.add(Severity::Error, code, span, message.into())
    }

    /// Adds a warning.
    pub fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> Added<'_> {
        self.add(Severity::Warning, code, span, message.into())
    }

    /// Adds advice.
    pub fn advice(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> Added<'_> {
        self.add(Severity::Advice, code, span, message.into())
    }

    fn add(&mut self, severity: Severity, code: &'static str, span: Span, message: String) -> Added<'_> {
        if self.found.len() >= MOST {
            self.dropped += 1;
            return Added(None);
        }
        let file = self.file.clone();
        self.found.push(Diagnostic { code, severity, message, file, span: Some(span), label: None, hint: None });
        Added(self.found.last_mut())
    }

    /// Adds an error of the file as a whole.
    pub fn file_error(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Takes advice out again.
    pub fn drop_advice(&mut self) {
        self.found.retain(|d| d.severity != Severity::Advice);
    }

    /// How many errors there are so far.
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|d| d.is_error()).count()
    }

    /// All that was found, in the order of the file.
    pub fn into_found(mut self) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            let message = format!("{} more mistakes are not shown", self.dropped);
            self.found
                .push(Diagnostic::of_file("too-many", &self.file, message).with_hint("mend the first ones and check again"));
        }
        for diagnostic in &mut self.found {
            if diagnostic.hint.is_none() {
                diagnostic.hint = Some(usual_hint(diagnostic.code).to_owned());
            }
        }
        sort(&mut self.found);
        self.found
    }
}

/// What to do about a kind of mistake, where nothing more can be said.
fn usual_hint(code: &str) -> &'static str {
    match code {
        "missing-key" => "add what is missing",
        "wrong-type" => "write a value of that type, or take the key out",
        "unknown-word" => "choose one of these words",
        "empty-list" | "empty-text" => "put something there, or take the key out",
        "out-of-range" => "choose a value within these bounds",
        "bad-duration" => "for instance `10m`",
        "bad-default" | "bad-example" | "bad-argument" => "write a value the input would take",
        "bad-name" => "choose another name",
        "bad-expression" => "expressions are CEL: `inputs.count > 3 && signals.api.ok`",
        "bad-address" => "take the white space out",
        "yaml-syntax" => "look at this line and the one before: indentation, quotes, brackets",
        "unknown-name" => "correct the name, or add what it names",
        "key-not-here" => "take it out",
        "unused" => "use it, or take it out",
        "unknown-procedure" => "add it under `procedures`, or correct the name",
        "unknown-signal" => "add it under `signals`, or correct the name",
        "unknown-environment" => "add it under `environments`, or correct the name",
        _ => "correct it, and check again",
    }
}

/// A diagnostic just added, to say more about it.
#[derive(Debug)]
pub struct Added<'a>(Option<&'a mut Diagnostic>);

impl Added<'_> {
    /// Says what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.hint = Some(hint.into());
        }
        self
    }

    /// Says what to do about it, where that is known.
    pub fn maybe_hint(self, hint: Option<String>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// A few words at the place itself.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.label = Some(label.into());
        }
        self
    }
}

/// The known word nearest to what was written, if it is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 60 {
        return None;
    }
    let limit = match written.chars().count() {
        0..=2 => 1,
        3..=5 => 2,
        _ => 3,
    };
    let lower = written.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .filter(|word| word.len().abs_diff(lower.len()) <= limit)
        .map(|word| (distance(&lower, &word.to_lowercase().replace('-', "_")), word))
        .filter(|(d, word)| *d <= limit && *d < word.chars().count())
        .min_by_key(|(d, _)| *d)
        .map(|(_, word)| word)
}

/// Edits between two words: insertions, deletions, replacements and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let width = b.len() + 1;
    let mut rows = vec![vec![0; width]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..width).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_the_one_meant() {
        let known = ["title", "timeout", "kubernetes", "no", "on_failure"];
        assert_eq!(nearest("titel", known), Some("title"));
        assert_eq!(nearest("kubernets", known), Some("kubernetes"));
        assert_eq!(nearest("on-failure", known), Some("on_failure"));
        assert_eq!(nearest("xyzzy", known), None);
        assert_eq!(nearest("x", known), None);
    }

    #[test]
    fn a_flood_is_counted_not_kept() {
        let mut collector = Collector::new("a.yaml");
        for line in 0..2000 {
            collector.error("x", Span { start: line, ..Span::default() }, format!("{line}")).hint("h");
        }
        let found = collector.into_found();
        assert_eq!(found.len(), MOST + 1);
        assert_eq!(found[0].message, "1500 more mistakes are not shown");
    }
}
