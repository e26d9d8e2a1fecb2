//! From expressions to values at a moment.

pub(super) use crate::world::metrics::Labels;

use super::function::{self, Function, Window, Work};
use super::{Expr, Matcher, QueryError};
use crate::world::cluster::Millis;
use crate::world::metrics::{Series, Table};

/// A value of a series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Its labels.
    pub(crate) labels: Labels,
    /// The value.
    pub(crate) value: f64,
}

/// What a query gives at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Scalar(f64),
    Text(String),
    Vector(Vec<Sample>),
    Matrix(Vec<(Labels, Vec<(Millis, f64)>)>),
}

/// Evaluates at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    /// The samples.
    pub(crate) table: &'a Table,
    /// The moment.
    pub(crate) at: Millis,
    /// Seconds since 1970 at the start of the world.
    pub(crate) epoch: f64,
}

/// Labels without the metric's name, as results of most operations have them.
pub(super) fn without_name(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

impl Evaluator<'_> {
    /// The value of an expression.
    ///
    /// # Errors
    /// The series do not fit the query.
    pub(crate) fn value(&self, expr: &Expr) -> Result<Value, QueryError> {
        Ok(match expr {
            Expr::Number(number) => Value::Scalar(*number),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Selector { matchers, range: None, offset } => Value::Vector(self.instant(matchers, *offset)),
            Expr::Selector { matchers, range: Some(range), offset } => {
                let to = self.at - offset;
                let rows = self.selected(matchers).map(|s| (s.labels.clone(), self.table.between(s, to - range, to)));
                Value::Matrix(rows.filter(|(_, samples)| !samples.is_empty()).collect())
            }
            Expr::Call { function, arguments } => self.call(function, arguments)?,
            Expr::Aggregate { operation, grouping, parameter, of } => {
                let parameter = parameter.as_ref().map_or(Ok(0.0), |parameter| self.scalar(parameter))?;
                Value::Vector(operation.apply(grouping, parameter, self.vector(of)?))
            }
            Expr::Binary { operation, left, right, yields_bool, matching } => match (self.value(left)?, self.value(right)?) {
                (Value::Scalar(a), Value::Scalar(b)) => Value::Scalar(operation.scalars(a, b)),
                (Value::Vector(a), Value::Scalar(b)) => Value::Vector(operation.with_scalar(a, b, false, *yields_bool)),
                (Value::Scalar(a), Value::Vector(b)) => Value::Vector(operation.with_scalar(b, a, true, *yields_bool)),
                (Value::Vector(a), Value::Vector(b)) => Value::Vector(operation.vectors(a, b, matching, *yields_bool)?),
                _ => return Err(function::missing("an operation")),
            },
            Expr::Negate(of) => match self.value(of)? {
                Value::Scalar(number) => Value::Scalar(-number),
                Value::Vector(samples) => Value::Vector(
                    samples.into_iter().map(|s| Sample { labels: without_name(s.labels), value: -s.value }).collect(),
                ),
                _ => return Err(function::missing("a negation")),
            },
        })
    }

    fn selected<'a>(&'a self, matchers: &'a [Matcher]) -> impl Iterator<Item = &'a Series> {
        let name = matchers.iter().find(|m| m.name == "__name__" && m.pattern.is_none() && !m.negated);
        self.table.named(name.map(|matcher| matcher.value.as_str())).filter(|series| {
            matchers.iter().all(|matcher| matcher.matches(series.labels.get(&matcher.name).map_or("", String::as_str)))
        })
    }

    fn instant(&self, matchers: &[Matcher], offset: Millis) -> Vec<Sample> {
        let at = self.at - offset;
        let sample = |series: &Series| Some(Sample { labels: series.labels.clone(), value: self.table.at(series, at)? });
        self.selected(matchers).filter_map(sample).collect()
    }

    fn vector(&self, expr: &Expr) -> Result<Vec<Sample>, QueryError> {
        match self.value(expr)? {
            Value::Vector(samples) => Ok(samples),
            _ => Err(function::missing("an aggregation or function")),
        }
    }

    fn scalar(&self, expr: &Expr) -> Result<f64, QueryError> {
        match self.value(expr)? {
            Value::Scalar(number) => Ok(number),
            _ => Err(function::missing("a parameter")),
        }
    }

    fn call(&self, function: &Function, arguments: &[Expr]) -> Result<Value, QueryError> {
        let first = arguments.first();
        match (function.work, first) {
            (Work::Range(work), Some(Expr::Selector { matchers, range: Some(range), offset })) => {
                let to = self.at - offset;
                let keeps_name = function.name == "last_over_time";
                let one = |series: &Series| {
                    let samples = self.table.between(series, to - range, to);
                    let value = work(&Window { samples: &samples, from: to - range, to })?;
                    let labels = series.labels.clone();
                    Some(Sample { labels: if keeps_name { labels } else { without_name(labels) }, value })
                };
                Ok(Value::Vector(self.selected(matchers).filter_map(one).collect()))
            }
            (Work::Each(work), Some(vector)) => {
                let numbers = arguments.iter().skip(1).map(|a| self.scalar(a)).collect::<Result<Vec<_>, _>>()?;
                let one = |s: Sample| Sample { labels: without_name(s.labels), value: work(s.value, &numbers) };
                Ok(Value::Vector(self.vector(vector)?.into_iter().map(one).collect()))
            }
            (Work::Own, _) => self.own(function, arguments),
            _ => Err(function::missing(function.name)),
        }
    }

    fn own(&self, function: &Function, arguments: &[Expr]) -> Result<Value, QueryError> {
        Ok(match (function.name, arguments) {
            ("histogram_quantile", [quantile, of]) => {
                Value::Vector(function::histogram_quantile(self.scalar(quantile)?, self.vector(of)?))
            }
            ("vector", [of]) => Value::Vector(vec![Sample { labels: Labels::new(), value: self.scalar(of)? }]),
            ("scalar", [of]) => match self.vector(of)?.as_slice() {
                [only] => Value::Scalar(only.value),
                _ => Value::Scalar(f64::NAN),
            },
            ("absent", [of]) => match self.vector(of)?.is_empty() {
                true => Value::Vector(vec![Sample { labels: function::labels_of_absent(of), value: 1.0 }]),
                false => Value::Vector(Vec::new()),
            },
            #[expect(clippy::cast_precision_loss, reason = "milliseconds within days")]
            ("time", []) => Value::Scalar(self.epoch + self.at as f64 / 1_000.0),
            ("pi", []) => Value::Scalar(std::f64::consts::PI),
            ("sort" | "sort_desc", [of]) => {
                let mut samples = self.vector(of)?;
                samples.sort_by(|a, b| a.value.total_cmp(&b.value));
                if function.name == "sort_desc" {
                    samples.reverse();
                }
                Value::Vector(samples)
            }
            (name, _) => return Err(function::missing(name)),
        })
    }
}
