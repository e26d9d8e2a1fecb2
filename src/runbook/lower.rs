//! From a tree to the model, with everything that is wrong reported in one go.
//!
//! Lowering knows the shape of each mapping and judges what can be judged where it
//! stands: keys, types, words, durations, patterns, expressions. Where something is
//! wrong it is reported and left out, so that the rest is still read; names that point
//! elsewhere are left to `check`.

mod action;
mod document;
mod environment;
mod field;
mod input;
mod kubernetes;
pub mod shape;
mod signal;
mod step;
mod value;

use std::collections::BTreeSet;

use super::diagnostic::Collector;
use super::model::Runbook;
use super::tree::Node;

use field::Lower;

pub(super) use input::refuses;

/// A runbook as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The runbook; complete only if no error was reported.
    pub runbook: Runbook,
    /// Names of what was left out because something in it is wrong: `check` does not
    /// report a second time that they are missing.
    pub lost: BTreeSet<String>,
}

/// Lowers a whole file.
pub fn lower(source: &str, root: &Node, diagnostics: &mut Collector) -> Option<Lowered> {
    let mut lower = Lower { source, diagnostics, lost: BTreeSet::new() };
    let runbook = lower.runbook(root)?;
    Some(Lowered { runbook, lost: lower.lost })
}

#[cfg(test)]
mod tests {
    use crate::runbook::diagnostic::{Sources, render_text};

    #[test]
    fn the_example_of_the_format_is_read() {
        let text = include_str!("../../tests/fixtures/runbooks/valid/canary-deploy.yaml");
        let parsed = crate::runbook::parse("example.yaml", text.as_bytes());
        let sources = Sources::from([("example.yaml".into(), text.into())]);
        let (runbook, warnings) = parsed.unwrap_or_else(|found| panic!("{}", render_text(&found, &sources, false)));
        assert_eq!(render_text(&warnings, &sources, false), "");
        assert_eq!(runbook.steps.len(), 8);
        assert_eq!(runbook.signals.len(), 6);
    }
}
