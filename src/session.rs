//! What happened and what follows.
//!
//! A session is one walk through a runbook, and its journal is the only truth about
//! it. [`event`] says what can happen, [`Session::apply`] folds one record into the
//! state, [`decide()`] turns a message into events, [`next()`] works out what follows from
//! where the session stands. All of it is pure: no clock, no file, no thread. Every
//! prefix of a journal is a valid session, and folding the journal gives the live
//! state.

pub mod admission;
pub mod announce;
pub mod approval;
pub mod deadline;
pub mod decide;
pub mod detail;
mod dry;
pub mod event;
pub mod figures;
pub mod intent;
pub mod lease;
pub mod message;
pub mod needs;
mod outcome;
pub mod path;
pub mod plan;
mod present;
pub mod quote;
pub mod reading;
pub mod require;
pub mod resolve;
mod scope;
mod secrets;
pub mod sheet;
pub mod state;
mod succession;
pub mod time;
mod undo;
pub mod updates;
mod verdict;
pub mod view;
mod walk;
pub mod window;

pub use decide::{Refusal, decide};
pub use event::Event;
pub use intent::Intent;
pub use message::Msg;
pub use path::StepPath;
pub use plan::Plan;
pub use reading::Reading;
pub use scope::{NOT_SETTLED, outcome_word};
pub use state::{FoldError, Session};
pub use time::At;
pub use walk::next;

#[cfg(test)]
mod tests;

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
