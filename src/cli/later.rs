//! Commands that are part of the contract and not in this version yet.
//!
//! They say so, name what does the job until then, and end with 3: a script that relies
//! on one must stop, and must not take silence for success.

use crate::error::{Exit, Problem};

/// Says that a command is not there yet, and what to do until it is.
pub(super) fn not_yet(command: &str, until_then: &str) -> Result<Exit, Problem> {
    let version = env!("CARGO_PKG_VERSION");
    Err(Problem::cannot_start(format!("`pacenote {command}` is not in this version ({version}) yet; nothing was done"))
        .hint(until_then))
}
