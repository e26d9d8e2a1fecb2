//! What was written: the runbook format, from text to a checked model.
//!
//! A runbook is read into a tree of nodes that know where they stand ([`tree`]),
//! lowered into the [`model`] with a collector of [`diagnostic`]s ([`lower`]), and
//! judged as a whole ([`check`]); [`expression`] holds CEL as this format uses it,
//! [`load`] reads files, [`schema`] describes the format to editors. The module
//! promises that a runbook that passed [`check`] names nothing that does not exist.
//! It never connects, runs or writes anything and knows nothing of sessions.

pub mod diagnostic;
pub mod duration;
pub mod expression;
pub mod model;
pub mod span;
pub mod tree;
pub mod value;

pub use model::Runbook;
pub use span::{Span, Spanned};
pub use value::Value;
