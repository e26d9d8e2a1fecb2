//! What helps people to write, read and keep runbooks.
//!
//! [`page`] prints a runbook as Markdown for people, [`import`] makes one of a Markdown
//! procedure, [`advice`] says what could be better about one, [`scaffold`] begins a new one.
//! Everything here is pure: text or a checked model in, text out. It reads no file, asks
//! nobody and knows no session; what is written where is the commands' business.

pub mod advice;
pub mod import;
pub mod page;
pub mod scaffold;
mod yaml;
