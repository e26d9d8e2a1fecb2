//! The commands, one file each.
pub mod args;
pub mod console;
