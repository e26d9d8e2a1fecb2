//! Expressions: CEL over doubles, three-valued.
//!
//! Integer literals become doubles when an expression is parsed, so `ready / total`
//! is never an integer division. A reading that cannot be had makes its operand
//! *unknown*; `&&`, `||`, `!` and `? :` follow three-valued logic, and anything CEL calls
//! an error is unknown too, as are a zero divisor and a number that is not finite. An
//! expression is parsed once; evaluating it compiles nothing. Nothing here reads a clock,
//! a file or a session: names are resolved by a [`Scope`]. Whether the names exist is
//! `check`'s business.
//!
//! `has(path)` is true when the scope can say the value now, and is itself never unknown.
//! Durations compare with numbers, which are then seconds.

mod eval;
mod functions;
mod parse;
mod template;
mod token;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::span::{Span, TextMap};
use super::value::Value;

pub use template::{Escape, Part, Template};

/// The longest expression, in bytes. Far above what a reader can follow.
pub const MAX_LENGTH: usize = 4096;

/// Why a value cannot be had, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown(pub String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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

impl Truth {
    /// Whether it holds; false also when it cannot be told.
    pub fn is_true(&self) -> bool {
        matches!(self, Truth::True)
    }
}

impl From<bool> for Truth {
    fn from(b: bool) -> Self {
        if b { Truth::True } else { Truth::False }
    }
}

/// Resolves names while an expression is evaluated.
pub trait Scope {
    /// The value at a full path, such as `["signals", "error_rate", "value"]`.
    ///
    /// A path goes as deep as the expression writes it: `result.json.items` asks for all
    /// three parts. [`Value::at`] walks the rest of a path.
    ///
    /// # Errors
    /// [`Unknown`] when there is none now.
    fn get(&self, path: &[String]) -> Result<Value, Unknown>;
}

/// A value as a scope: its members are the names.
impl Scope for Value {
    fn get(&self, path: &[String]) -> Result<Value, Unknown> {
        self.at(path).cloned().ok_or_else(|| Unknown(format!("`{}` has no value", path.join("."))))
    }
}

/// A full member path an expression reads, and where it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// `signals.error_rate.value` as its parts.
    pub path: Vec<String>,
    /// Its place in the file.
    pub span: Span,
    /// Only asked for with `has()`.
    pub tested: bool,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("."))
    }
}

/// A mistake in an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// What is wrong.
    pub message: String,
    /// Byte offset within the expression (for a template: within the template).
    pub offset: usize,
    /// What to do about it, where that is known.
    pub hint: Option<String>,
}

/// A parsed expression. Cheap to clone.
#[derive(Clone)]
pub struct Expr {
    inner: Arc<Inner>,
}

struct Inner {
    source: String,
    span: Span,
    map: TextMap,
    references: Vec<Reference>,
    node: eval::Node,
    /// The sides of the top-level `&&`, made when first asked for.
    operands: OnceLock<Vec<Expr>>,
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({})", self.inner.source)
    }
}

impl fmt::Display for Expr {
    /// The text as written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.source)
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.inner.source == other.inner.source
    }
}

impl Expr {
    /// Parses an expression that stands in its file byte for byte at `span`.
    ///
    /// # Errors
    /// The first mistake: of syntax, an unknown function, or one of the limits.
    pub fn parse(source: &str, span: Span) -> Result<Self, ExprError> {
        Self::parse_mapped(source, span, TextMap::plain(span))
    }

    /// Parses an expression whose text was taken out of quotes or a block.
    ///
    /// # Errors
    /// As [`Expr::parse`].
    pub fn parse_mapped(source: &str, span: Span, map: TextMap) -> Result<Self, ExprError> {
        let parse::Parsed { node, references } = parse::parse(source)?;
        let references = references
            .into_iter()
            .map(|r| Reference { path: r.path, span: map.span(source, r.range), tested: r.tested })
            .collect();
        let inner = Inner { source: source.to_owned(), span, map, references, node, operands: OnceLock::new() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.inner.span
    }

    /// Every full path it reads, names bound by its own macros left out.
    pub fn references(&self) -> &[Reference] {
        &self.inner.references
    }

    /// The value now.
    ///
    /// # Errors
    /// [`Unknown`] with every reason, when it cannot be told.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, Unknown> {
        eval::value(&self.inner.node, scope).map_err(|reasons| Unknown(reasons.join("; ")))
    }

    /// Whether it holds now.
    pub fn truth(&self, scope: &dyn Scope) -> Truth {
        eval::truth(&self.inner.node, scope)
    }

    /// The sides of the `&&` it consists of, each an expression of its own, so that a
    /// gate can show every condition on a line with its values. The expression itself,
    /// alone, where it is no conjunction.
    pub fn operands(&self) -> &[Expr] {
        self.inner.operands.get_or_init(|| self.split())
    }

    fn split(&self) -> Vec<Expr> {
        let source = self.source();
        let ranges = token::conjuncts(source);
        if ranges.len() < 2 {
            return vec![self.clone()];
        }
        let part = |range: &std::ops::Range<usize>| {
            let map = self.inner.map.from_offset(source, range.start);
            let span = self.inner.map.span(source, range.clone());
            Expr::parse_mapped(source.get(range.clone())?, span, map).ok()
        };
        ranges.iter().map(part).collect::<Option<Vec<_>>>().unwrap_or_else(|| vec![self.clone()])
    }
}
