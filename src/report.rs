//! Other folds over a journal: a session as a page, as text, as data, as a film, as a pack.
//!
//! A report is made from the journal alone, by its reader: it needs neither the program
//! that walked nor the world it walked in, it acts on nothing, and the same journal gives
//! the same bytes. A journal that is damaged, torn or not closed is reported as far as it
//! can be read, and every form says so first and loudly ([`Story::flaws`]): half a record
//! must not look like a whole one. What an auditor asks for and the journal does not have
//! is named as missing ([`audit`]).
//!
//! All texts of a journal count as hostile: [`markup`] is the only way into HTML and can
//! take data as escaped text only.

pub mod answers;
mod asciicast;
pub mod audit;
mod chart;
mod csv;
pub mod debrief;
mod html;
mod json;
mod markdown;
pub mod markup;
mod pack;
pub mod seals;
mod source;
pub mod statistics;
mod story;
pub mod words;

pub use asciicast::asciicast;
pub use csv::csv;
pub use csv::row as csv_row;
pub use html::html;
pub use json::{escaped as escaped_json, json};
pub use markdown::markdown;
pub use pack::{PackError, VERIFY_SCRIPT, pack};
pub use source::Source;
pub use story::{Beside, Effect, Flaw, Moment, SignalFacts, Step, Story, Track};

/// The program's version, named in every report.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

#[cfg(test)]
mod tests;
