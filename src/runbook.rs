//! What was written: the runbook format, from text to a checked model.
//!
//! A runbook is read into a tree of nodes that know where they stand ([`tree`]),
//! lowered into the [`model`] with a collector of [`diagnostic`]s ([`lower`]), and
//! judged as a whole ([`check`]); [`expression`] holds CEL as this format uses it,
//! [`load`] reads files, [`schema`] describes the format to editors. The module
//! promises that a runbook that passed [`check`] names nothing that does not exist.
//! It never connects, runs or writes anything and knows nothing of sessions.

pub mod check;
pub mod diagnostic;
pub mod duration;
pub mod expression;
pub mod load;
pub mod lower;
pub mod model;
pub mod pattern;
pub mod span;
pub mod tree;
pub mod value;

pub use diagnostic::Diagnostic;
pub use model::Runbook;
pub use span::{Span, Spanned};
pub use value::Value;

use diagnostic::Collector;

/// Reads one file's text into the model: syntax, structure, expressions. What it names
/// elsewhere is not looked at; [`load`] does that too.
///
/// # Errors
/// Everything that is wrong, in the order of the file; warnings beside errors.
pub fn parse(file: &str, bytes: &[u8]) -> Result<(Runbook, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut diagnostics = Collector::new(file);
    let lowered = tree::decode(bytes, &mut diagnostics).and_then(|source| {
        let root = tree::parse(source, &mut diagnostics)?;
        lower::lower(source, &root, &mut diagnostics)
    });
    let errors = diagnostics.errors();
    match lowered {
        Some(lowered) if errors == 0 => Ok((lowered.runbook, diagnostics.into_found())),
        _ => Err(diagnostics.into_found()),
    }
}
