//! What helps people to write, read and keep runbooks.
//!
//! [`page`] prints a runbook as Markdown for people. Everything here is pure: text or a
//! checked model in, text out. It reads no file, asks nobody and knows no session; what
//! is written where is the commands' business.

pub mod page;
