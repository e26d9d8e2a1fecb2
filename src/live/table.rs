//! What a panel of rows shows: a rollout's revisions, events, the use of resources.
//!
//! One kind of table for all of them, so that each scrolls, searches, folds and goes
//! stale in the same way. Ages are kept as times and become words when they are drawn.

use chrono::{DateTime, Utc};

/// A table, read whole each time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// What is watched (`Deployment/checkout`), for a look at it and for copying.
    pub about: String,
    /// The panel in a few words; the title and the folded line show it.
    pub summary: Note,
    /// Lines above the table.
    pub notes: Vec<Note>,
    /// Headings of the columns.
    pub heads: Vec<&'static str>,
    /// The rows, in the order in which they are shown.
    pub rows: Vec<Row>,
    /// What is said where there is no row.
    pub empty: &'static str,
}

/// A text and how much it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note {
    /// The text, on one line.
    pub text: String,
    /// How much it matters.
    pub level: Level,
}

/// How much something matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of the past, or of no interest.
    Quiet,
    /// As it should be.
    #[default]
    Plain,
    /// Good.
    Good,
    /// Worth a look.
    Warn,
    /// Bad.
    Bad,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As many as there are headings.
    pub cells: Vec<Cell>,
    /// How much it matters.
    pub level: Level,
}

/// A cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// A text, on one line.
    Text(String),
    /// Something that has an age.
    Age(Option<DateTime<Utc>>),
}

impl Note {
    /// A text that matters so much.
    pub fn new(text: impl Into<String>, level: Level) -> Self {
        Self { text: text.into(), level }
    }
}

impl Table {
    /// Shows every text from outside to `each`, which may change it.
    pub fn texts(&mut self, each: &mut dyn FnMut(&mut String)) {
        each(&mut self.summary.text);
        self.notes.iter_mut().for_each(|note| each(&mut note.text));
        for cell in self.rows.iter_mut().flat_map(|row| &mut row.cells) {
            if let Cell::Text(text) = cell {
                each(text);
            }
        }
    }
}
