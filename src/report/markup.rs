//! HTML from two things only: literals of this program, and data as escaped text.
//!
//! There is no way to put data into a page as markup: [`Markup::raw`] takes nothing but
//! `&'static str`, and everything else passes [`escape`], which also takes out control,
//! bidirectional and zero-width characters. The escaped form is good between tags and in
//! quoted attributes. Data never goes into scripts, styles, names of tags or attributes,
//! or addresses.

use std::fmt::Display;

use crate::redact::{Keep, strip_controls};

/// HTML under construction.
#[derive(Debug, Default)]
pub struct Markup(String);

impl Markup {
    /// Adds a literal of the program.
    pub fn raw(&mut self, literal: &'static str) -> &mut Self {
        self.0.push_str(literal);
        self
    }

    /// Adds data on one line.
    pub fn text(&mut self, data: impl Display) -> &mut Self {
        escape(&strip_controls(&data.to_string(), Keep::NOTHING), &mut self.0);
        self
    }

    /// Adds data that may have lines; for `pre`.
    pub fn lines(&mut self, data: impl Display) -> &mut Self {
        escape(&strip_controls(&data.to_string(), Keep::LINES), &mut self.0);
        self
    }

    /// Adds data between two literals.
    pub fn put(&mut self, before: &'static str, data: impl Display, after: &'static str) -> &mut Self {
        self.raw(before).text(data).raw(after)
    }

    /// Adds a sentence of the program, whatever data is in it, on one line. What stands in
    /// backticks becomes code.
    pub fn sentence(&mut self, sentence: impl Display) -> &mut Self {
        let sentence = sentence.to_string();
        let parts: Vec<&str> = sentence.split('`').collect();
        if parts.len().is_multiple_of(2) {
            // One without its partner is no mark.
            return self.text(sentence);
        }
        for (n, part) in parts.into_iter().enumerate() {
            if n.is_multiple_of(2) {
                self.text(part)
            } else {
                self.put("<code>", part, "</code>")
            };
        }
        self
    }

    /// Adds data between two literals, where there is data.
    pub fn maybe(&mut self, before: &'static str, data: Option<impl Display>, after: &'static str) -> &mut Self {
        match data {
            Some(data) => self.put(before, data, after),
            None => self,
        }
    }

    /// The page.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Adds a text to HTML so that it is read as that text, between tags as in an attribute.
pub fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '&' => into.push_str("&amp;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '`' => into.push_str("&#96;"),
            c => into.push(c),
        }
    }
}

/// The beginning of a long text, with a word about the rest.
pub(super) fn clip(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    let (head, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    format!("{head}\n… ({} more bytes are in the journal and its files)", rest.len())
}
