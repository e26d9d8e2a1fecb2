//! A session again, from its journal: where in it one looks, and what was there to be seen.
//!
//! [`Tape`] is the journal with a time line laid along it, [`Player`] holds the session and
//! its panels as they stood at one place of it, [`Playback`] moves through it as time
//! passes, and [`jump`] says where a typed time leads. All of it is pure: no clock, no
//! file, no terminal, and nothing that could act. *Guarantee:* the session at a place is
//! the fold of the records before it, however one got there; a panel shows what was
//! recorded of its signal and nothing else, and says so where that is less than a live one
//! shows. *Left to others:* reading and judging the journal, drawing, and the keys.

mod clock;
pub mod jump;
mod panels;
mod player;
mod tape;
mod words;

pub use clock::{FASTEST, Playback, SLOWEST};
pub use player::{Player, ReplayError};
pub use tape::Tape;
pub use words::{decision, line};

#[cfg(test)]
mod tests;
