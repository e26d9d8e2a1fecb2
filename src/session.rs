//! What happened and what follows.
//!
//! A session is one walk through a runbook, and its journal is the only truth about
//! it. [`event`] says what can happen, [`Session::apply`] folds one record into the
//! state, [`decide`] turns a message into events, [`next`] works out what follows from
//! where the session stands. All of it is pure: no clock, no file, no thread. Every
//! prefix of a journal is a valid session, and folding the journal gives the live
//! state.

pub mod event;
pub mod intent;
pub mod message;
pub mod path;
pub mod reading;
pub mod time;
pub mod view;

pub use event::Event;
pub use intent::Intent;
pub use message::Msg;
pub use path::StepPath;
pub use reading::Reading;
pub use time::At;
