//! Expressions: CEL over doubles, three-valued.
//!
//! Integer literals become doubles when an expression is parsed, so `ready / total`
//! is never an integer division. A reading that cannot be had makes its operand
//! *unknown*; `&&`, `||` and `!` follow three-valued logic, and anything CEL calls an
//! error is unknown too. Nothing here reads a clock, a file or a session: names are
//! resolved by a [`Scope`].

use std::fmt;
use std::sync::Arc;

use super::span::Span;
use super::value::Value;

/// Why a value cannot be had, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub String);

/// The three answers of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It cannot be told, and why: one reason an operand.
    Unknown(Vec<String>),
}

/// Resolves names while an expression is evaluated.
pub trait Scope {
    /// The value at a full path, such as `["signals", "error_rate", "value"]`.
    ///
    /// # Errors
    /// [`Unknown`] when there is none now.
    fn get(&self, path: &[String]) -> Result<Value, Unknown>;
}

/// A full member path an expression reads, and where it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// `signals.error_rate.value` as its parts.
    pub path: Vec<String>,
    /// Its place in the file.
    pub span: Span,
}

/// A mistake in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    /// What is wrong.
    pub message: String,
    /// Byte offset within the expression.
    pub offset: usize,
}

/// A parsed expression.
#[derive(Clone)]
pub struct Expr {
    source: Arc<str>,
    span: Span,
    references: Arc<[Reference]>,
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.source)
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Expr {
    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Every full path it reads, names bound by its own macros left out.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }
}

/// How text from an expression is escaped where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As it stands.
    Plain,
    /// One segment of an address, percent-encoded.
    Url,
    /// Inside a PromQL string or number.
    Promql,
}

/// Text with `${{ }}` in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: Arc<str>,
    span: Span,
    parts: Arc<[Part]>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// An expression.
    Expr(Expr),
}

impl Template {
    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}
