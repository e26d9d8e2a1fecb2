//! Functions.

use super::eval::{Sample, without_name};
use super::{Expr, Kind, QueryError};
use crate::world::cluster::Millis;

/// The samples of one series in a range, and the range.
#[derive(Debug)]
pub(super) struct Window<'a> {
    /// The samples, oldest first.
    pub(super) samples: &'a [(Millis, f64)],
    /// The beginning of the range.
    pub(super) from: Millis,
    /// The end of the range.
    pub(super) to: Millis,
}

/// How a function works.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// On the samples of each series in a range.
    Range(fn(&Window<'_>) -> Option<f64>),
    /// On each value, with further scalars.
    Each(fn(f64, &[f64]) -> f64),
    /// In a way of its own, in the evaluator.
    Own,
}

/// A function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(super) name: &'static str,
    /// The kinds of its arguments.
    pub(super) takes: &'static [Kind],
    /// How many of them must be given.
    pub(super) least: usize,
    /// What it gives.
    pub(super) gives: Kind,
    pub(super) work: Work,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const fn range(name: &'static str, work: fn(&Window<'_>) -> Option<f64>) -> Function {
    Function { name, takes: &[Kind::Matrix], least: 1, gives: Kind::Vector, work: Work::Range(work) }
}

const fn each(name: &'static str, takes: &'static [Kind], least: usize, work: fn(f64, &[f64]) -> f64) -> Function {
    Function { name, takes, least, gives: Kind::Vector, work: Work::Each(work) }
}

const fn own(name: &'static str, takes: &'static [Kind], gives: Kind) -> Function {
    Function { name, takes, least: takes.len(), gives, work: Work::Own }
}

const VECTOR: &[Kind] = &[Kind::Vector];
const VECTOR_AND_SCALAR: &[Kind] = &[Kind::Vector, Kind::Scalar];

static FUNCTIONS: [Function; 28] = [
    range("rate", |w| extrapolated(w, true, true)),
    range("increase", |w| extrapolated(w, true, false)),
    range("delta", |w| extrapolated(w, false, false)),
    range("irate", last_step),
    range("avg_over_time", |w| mean(w.samples)),
    range("sum_over_time", |w| some(w.samples)?.iter().map(|(_, v)| *v).reduce(|a, b| a + b)),
    range("min_over_time", |w| some(w.samples)?.iter().map(|(_, v)| *v).reduce(f64::min)),
    range("max_over_time", |w| some(w.samples)?.iter().map(|(_, v)| *v).reduce(f64::max)),
    range("count_over_time", |w| {
        #[expect(clippy::cast_precision_loss, reason = "samples are few")]
        some(w.samples).map(|samples| samples.len() as f64)
    }),
    range("last_over_time", |w| w.samples.last().map(|(_, v)| *v)),
    range("changes", |w| {
        #[expect(clippy::cast_precision_loss, reason = "samples are few")]
        some(w.samples).map(|s| s.windows(2).filter(|p| matches!(p, [(_, a), (_, b)] if a != b)).count() as f64)
    }),
    range("resets", |w| {
        #[expect(clippy::cast_precision_loss, reason = "samples are few")]
        some(w.samples).map(|s| s.windows(2).filter(|p| matches!(p, [(_, a), (_, b)] if b < a)).count() as f64)
    }),
    each("abs", VECTOR, 1, |v, _| v.abs()),
    each("ceil", VECTOR, 1, |v, _| v.ceil()),
    each("floor", VECTOR, 1, |v, _| v.floor()),
    each("sqrt", VECTOR, 1, |v, _| v.sqrt()),
    each("round", VECTOR_AND_SCALAR, 1, |v, by| {
        let inverse = 1.0 / by.first().copied().unwrap_or(1.0);
        (v * inverse + 0.5).floor() / inverse
    }),
    each("clamp", &[Kind::Vector, Kind::Scalar, Kind::Scalar], 3, |v, by| match by {
        [least, most] => v.max(*least).min(*most),
        _ => v,
    }),
    each("clamp_min", VECTOR_AND_SCALAR, 2, |v, by| by.first().map_or(v, |least| v.max(*least))),
    each("clamp_max", VECTOR_AND_SCALAR, 2, |v, by| by.first().map_or(v, |most| v.min(*most))),
    own("histogram_quantile", &[Kind::Scalar, Kind::Vector], Kind::Vector),
    own("vector", &[Kind::Scalar], Kind::Vector),
    own("scalar", VECTOR, Kind::Scalar),
    own("absent", VECTOR, Kind::Vector),
    own("time", &[], Kind::Scalar),
    own("sort", VECTOR, Kind::Vector),
    own("sort_desc", VECTOR, Kind::Vector),
    own("pi", &[], Kind::Scalar),
];

/// Functions of PromQL that are not simulated.
const OTHERS: &str = "absent_over_time acos acosh asin asinh atan atanh cos cosh day_of_month day_of_week day_of_year \
    days_in_month deg deriv exp histogram_avg histogram_count histogram_fraction histogram_sum histogram_stddev \
    histogram_stdvar holt_winters hour idelta info label_join label_replace ln log10 log2 mad_over_time minute month \
    predict_linear present_over_time quantile_over_time rad sgn sin sinh sort_by_label sort_by_label_desc stddev_over_time \
    stdvar_over_time tan tanh timestamp year double_exponential_smoothing";

/// A simulated function.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Whether PromQL has such a function at all.
pub(super) fn is_known(name: &str) -> bool {
    OTHERS.split_whitespace().any(|other| other == name)
}

/// Aggregations of PromQL that are not simulated.
pub(super) fn unsupported_aggregations() -> &'static [&'static str] {
    &["stddev", "stdvar", "count_values", "limitk", "limit_ratio"]
}

fn some<T>(samples: &[T]) -> Option<&[T]> {
    (!samples.is_empty()).then_some(samples)
}

#[expect(clippy::cast_precision_loss, reason = "samples are few")]
fn mean(samples: &[(Millis, f64)]) -> Option<f64> {
    Some(some(samples)?.iter().map(|(_, v)| v).sum::<f64>() / samples.len() as f64)
}

/// The increase over a range as Prometheus works it out: from the first to the last
/// sample, resets made good, and stretched to the ends of the range where samples reach
/// close to them.
#[expect(clippy::cast_precision_loss, reason = "milliseconds within days")]
fn extrapolated(window: &Window<'_>, counter: bool, per_second: bool) -> Option<f64> {
    let [(first_at, first), .., (last_at, last)] = window.samples else { return None };
    let mut increase = last - first;
    if counter {
        let reset = |pair: &[(Millis, f64)]| match pair {
            [(_, before), (_, after)] if after < before => *before,
            _ => 0.0,
        };
        increase += window.samples.windows(2).map(reset).sum::<f64>();
    }
    let sampled = (last_at - first_at) as f64 / 1_000.0;
    let between = sampled / (window.samples.len() - 1) as f64;
    let mut before = (first_at - window.from) as f64 / 1_000.0;
    let after = (window.to - last_at) as f64 / 1_000.0;
    if counter && increase > 0.0 && *first >= 0.0 {
        // A counter cannot have been below zero.
        before = before.min(sampled * (first / increase));
    }
    let near = between * 1.1;
    let reach = |gap: f64| if gap < near { gap } else { between / 2.0 };
    let mut factor = (sampled + reach(before) + reach(after)) / sampled;
    if per_second {
        factor /= (window.to - window.from) as f64 / 1_000.0;
    }
    Some(increase * factor)
}

fn last_step(window: &Window<'_>) -> Option<f64> {
    let [.., (before_at, before), (at, value)] = window.samples else { return None };
    let step = if value < before { *value } else { value - before };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds within days")]
    Some(step / ((at - before_at) as f64 / 1_000.0))
}

/// The quantile of histograms, one a set of labels without `le`, by linear interpolation
/// within the bucket it falls into.
pub(super) fn histogram_quantile(quantile: f64, samples: Vec<Sample>) -> Vec<Sample> {
    let mut histograms: Vec<(super::eval::Labels, Vec<(f64, f64)>)> = Vec::new();
    for sample in samples {
        let Some(bound) = sample.labels.get("le").and_then(|le| le.replace("+Inf", "inf").parse::<f64>().ok()) else { continue };
        let mut labels = without_name(sample.labels);
        labels.remove("le");
        match histograms.iter_mut().find(|(other, _)| *other == labels) {
            Some((_, buckets)) => buckets.push((bound, sample.value)),
            None => histograms.push((labels, vec![(bound, sample.value)])),
        }
    }
    histograms.into_iter().map(|(labels, buckets)| Sample { labels, value: bucket_quantile(quantile, buckets) }).collect()
}

fn bucket_quantile(quantile: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    if quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let [.., (largest, _), (last, total)] = buckets.as_slice() else { return f64::NAN };
    if last.is_finite() || *total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let rank = quantile * total;
    let (mut lower, mut below) = (0.0, 0.0);
    for (bound, count) in &buckets {
        if *count >= rank {
            if !bound.is_finite() {
                return *largest;
            }
            if *bound <= 0.0 {
                return *bound;
            }
            return lower + (bound - lower) * (rank - below) / (count - below);
        }
        (lower, below) = (*bound, *count);
    }
    *largest
}

/// The labels `absent` gives: those the selector wants to be equal to something.
pub(super) fn labels_of_absent(argument: &Expr) -> super::eval::Labels {
    let Expr::Selector { matchers, .. } = argument else { return super::eval::Labels::new() };
    let equal = matchers.iter().filter(|m| m.pattern.is_none() && !m.negated && m.name != "__name__");
    equal.map(|m| (m.name.clone(), m.value.clone())).collect()
}

/// A number from an argument that was checked to be a scalar.
pub(super) fn missing(name: &str) -> QueryError {
    QueryError::Execution(format!("{name} got an argument of a kind it cannot take"))
}
