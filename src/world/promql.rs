//! The part of PromQL that runbooks use, over the world's samples.
//!
//! Selectors, range vectors, `rate` and its kin, aggregations, `histogram_quantile`,
//! arithmetic, comparisons and set operations mean what they mean to a Prometheus,
//! extrapolation and lookback included. What is valid PromQL and not simulated is
//! refused by name, never guessed.

use std::fmt;

mod aggregate;
mod binary;
mod eval;
mod function;
mod lex;
mod parse;

pub(crate) use eval::{Evaluator, Sample, Value};
pub(crate) use parse::parse;

use crate::world::cluster::Millis;

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// It is no PromQL: where (characters from 0) and why.
    Syntax(usize, String),
    /// It is PromQL that cannot be executed on these series.
    Execution(String),
    /// It is PromQL that is not simulated.
    Unsupported(String),
}

impl QueryError {
    fn unsupported(what: impl fmt::Display) -> Self {
        Self::Unsupported(what.to_string())
    }
}

/// A query, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Number(f64),
    Text(String),
    Selector { matchers: Vec<Matcher>, range: Option<Millis>, offset: Millis },
    Call { function: &'static function::Function, arguments: Vec<Expr> },
    Aggregate { operation: aggregate::Operation, grouping: Grouping, parameter: Option<Box<Expr>>, of: Box<Expr> },
    Binary { operation: binary::Operation, left: Box<Expr>, right: Box<Expr>, yields_bool: bool, matching: Matching },
    Negate(Box<Expr>),
}

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Text,
    Vector,
    Matrix,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Scalar => "scalar",
            Kind::Text => "string",
            Kind::Vector => "instant vector",
            Kind::Matrix => "range vector",
        })
    }
}

impl Expr {
    /// What it gives.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Expr::Number(_) => Kind::Scalar,
            Expr::Text(_) => Kind::Text,
            Expr::Selector { range: None, .. } | Expr::Aggregate { .. } => Kind::Vector,
            Expr::Selector { range: Some(_), .. } => Kind::Matrix,
            Expr::Call { function, .. } => function.gives,
            Expr::Binary { left, right, .. } if left.kind() == Kind::Scalar && right.kind() == Kind::Scalar => Kind::Scalar,
            Expr::Binary { .. } => Kind::Vector,
            Expr::Negate(of) => of.kind(),
        }
    }
}

/// A requirement of a label.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The anchored pattern of `=~` and `!~`.
    pub(crate) pattern: Option<regex::Regex>,
    pub(crate) negated: bool,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.value, self.pattern.is_some(), self.negated)
            == (&other.name, &other.value, other.pattern.is_some(), other.negated)
    }
}

impl Matcher {
    pub(crate) fn matches(&self, value: &str) -> bool {
        let same = match &self.pattern {
            Some(pattern) => pattern.is_match(value),
            None => self.value == value,
        };
        same != self.negated
    }
}

/// By which labels an aggregation groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Grouping {
    pub(crate) without: bool,
    pub(crate) labels: Vec<String>,
}

/// By which labels the two sides of an operation are matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Matching {
    #[default]
    All,
    On(Vec<String>),
    Ignoring(Vec<String>),
}

#[cfg(test)]
mod tests;
