//! Operations on two values.

use std::collections::BTreeMap;

use super::eval::{Labels, Sample, without_name};
use super::{Matching, QueryError};

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Or,
    And,
    Unless,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

impl Operation {
    /// By sign or word.
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "or" => Self::Or,
            "and" => Self::And,
            "unless" => Self::Unless,
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Modulo,
            "^" => Self::Power,
            _ => return None,
        })
    }

    /// The higher, the closer it binds.
    pub(super) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And | Self::Unless => 2,
            Self::Equal | Self::Unequal | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply | Self::Divide | Self::Modulo => 5,
            Self::Power => 6,
        }
    }

    /// Compares.
    pub(super) fn compares(self) -> bool {
        self.precedence() == 3
    }

    /// Works on sets of series.
    pub(super) fn is_set(self) -> bool {
        matches!(self, Self::Or | Self::And | Self::Unless)
    }

    fn number(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Modulo => a % b,
            Self::Power => a.powf(b),
            _ => f64::from(u8::from(self.holds(a, b))),
        }
    }

    #[expect(clippy::float_cmp, reason = "PromQL compares exactly")]
    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Equal => a == b,
            Self::Unequal => a != b,
            Self::Less => a < b,
            Self::LessOrEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterOrEqual => a >= b,
            _ => false,
        }
    }

    /// Of two numbers.
    pub(super) fn scalars(self, a: f64, b: f64) -> f64 {
        self.number(a, b)
    }

    /// Of each sample and a number; `flipped` where the number stands first.
    pub(super) fn with_scalar(self, samples: Vec<Sample>, number: f64, flipped: bool, yields_bool: bool) -> Vec<Sample> {
        let one = |sample: Sample| {
            let (a, b) = if flipped { (number, sample.value) } else { (sample.value, number) };
            self.one(sample.labels, a, b, sample.value, yields_bool)
        };
        samples.into_iter().filter_map(one).collect()
    }

    /// A comparison without `bool` keeps the sample as it is, name included, or drops it.
    fn one(self, labels: Labels, a: f64, b: f64, kept: f64, yields_bool: bool) -> Option<Sample> {
        if self.compares() && !yields_bool {
            return self.holds(a, b).then_some(Sample { labels, value: kept });
        }
        Some(Sample { labels: without_name(labels), value: self.number(a, b) })
    }

    /// Of two vectors, series by series.
    pub(super) fn vectors(
        self,
        left: Vec<Sample>,
        right: Vec<Sample>,
        matching: &Matching,
        yields_bool: bool,
    ) -> Result<Vec<Sample>, QueryError> {
        if self.is_set() {
            return Ok(self.sets(left, right, matching));
        }
        let mut partners: BTreeMap<Labels, Sample> = BTreeMap::new();
        for sample in right {
            if let Some(other) = partners.insert(signature(matching, &sample.labels), sample.clone()) {
                return Err(duplicate(matching, &sample, &other, "right"));
            }
        }
        let mut seen: BTreeMap<Labels, Labels> = BTreeMap::new();
        let mut result = Vec::new();
        for sample in left {
            let group = signature(matching, &sample.labels);
            let Some(partner) = partners.get(&group) else { continue };
            if let Some(other) = seen.insert(group.clone(), sample.labels.clone()) {
                return Err(duplicate(matching, &sample, &Sample { labels: other, value: 0.0 }, "left"));
            }
            let (a, b) = (sample.value, partner.value);
            let labels = if self.compares() && !yields_bool { sample.labels } else { group_labels(matching, sample.labels) };
            result.extend(self.one(labels, a, b, a, yields_bool));
        }
        Ok(result)
    }

    fn sets(self, left: Vec<Sample>, right: Vec<Sample>, matching: &Matching) -> Vec<Sample> {
        let groups = |samples: &[Sample]| samples.iter().map(|s| signature(matching, &s.labels)).collect::<Vec<_>>();
        let (on_left, on_right) = (groups(&left), groups(&right));
        match self {
            Self::And => left.into_iter().zip(on_left).filter(|(_, g)| on_right.contains(g)).map(|(s, _)| s).collect(),
            Self::Unless => left.into_iter().zip(on_left).filter(|(_, g)| !on_right.contains(g)).map(|(s, _)| s).collect(),
            _ => {
                let more = right.into_iter().zip(on_right).filter(|(_, g)| !on_left.contains(g)).map(|(s, _)| s);
                left.into_iter().chain(more.collect::<Vec<_>>()).collect()
            }
        }
    }
}

fn signature(matching: &Matching, labels: &Labels) -> Labels {
    let keep = |name: &str| match matching {
        Matching::All => name != "__name__",
        Matching::On(names) => names.iter().any(|n| n == name),
        Matching::Ignoring(names) => name != "__name__" && !names.iter().any(|n| n == name),
    };
    labels.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The labels of a result: those that were matched on, where that was said.
fn group_labels(matching: &Matching, labels: Labels) -> Labels {
    match matching {
        Matching::All => labels,
        _ => signature(matching, &labels),
    }
}

fn duplicate(matching: &Matching, one: &Sample, other: &Sample, side: &str) -> QueryError {
    let show = |labels: &Labels| {
        let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        format!("{{{}}}", pairs.join(", "))
    };
    let group = show(&signature(matching, &one.labels));
    QueryError::Execution(format!(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
        show(&one.labels),
        show(&other.labels)
    ))
}
