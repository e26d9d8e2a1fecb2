//! Aggregations.

use super::Grouping;
use super::eval::{Labels, Sample};

/// An aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    TopK,
    BottomK,
    Quantile,
}

impl Operation {
    /// By name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "sum" => Self::Sum,
            "avg" => Self::Avg,
            "min" => Self::Min,
            "max" => Self::Max,
            "count" => Self::Count,
            "group" => Self::Group,
            "topk" => Self::TopK,
            "bottomk" => Self::BottomK,
            "quantile" => Self::Quantile,
            _ => return None,
        })
    }

    /// Takes a number first.
    pub(super) fn takes_parameter(self) -> bool {
        matches!(self, Self::TopK | Self::BottomK | Self::Quantile)
    }

    /// Aggregates samples, one a group.
    pub(super) fn apply(self, grouping: &Grouping, parameter: f64, samples: Vec<Sample>) -> Vec<Sample> {
        let mut groups: Vec<(Labels, Vec<Sample>)> = Vec::new();
        for sample in samples {
            let labels = kept(grouping, &sample.labels);
            match groups.iter_mut().find(|(other, _)| *other == labels) {
                Some((_, group)) => group.push(sample),
                None => groups.push((labels, vec![sample])),
            }
        }
        groups.into_iter().flat_map(|(labels, group)| self.of_group(labels, parameter, group)).collect()
    }

    fn of_group(self, labels: Labels, parameter: f64, mut group: Vec<Sample>) -> Vec<Sample> {
        #[expect(clippy::cast_precision_loss, reason = "series are few")]
        let count = group.len() as f64;
        let values = || group.iter().map(|sample| sample.value);
        let value = match self {
            Self::Sum => values().sum(),
            Self::Avg => values().sum::<f64>() / count,
            Self::Min => values().fold(f64::NAN, f64::min),
            Self::Max => values().fold(f64::NAN, f64::max),
            Self::Count => count,
            Self::Group => 1.0,
            Self::Quantile => quantile(parameter, values().collect()),
            Self::TopK | Self::BottomK => {
                group.sort_by(|a, b| a.value.total_cmp(&b.value));
                if self == Self::TopK {
                    group.reverse();
                }
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
                group.truncate(parameter.clamp(0.0, 1e6) as usize);
                return group;
            }
        };
        vec![Sample { labels, value }]
    }
}

fn quantile(quantile: f64, mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    if quantile.is_nan() || values.is_empty() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&quantile) {
        return if quantile < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    #[expect(clippy::cast_precision_loss, reason = "series are few")]
    let rank = quantile * (values.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between zero and the length")]
    let at = rank.floor() as usize;
    let (low, high) = (values.get(at), values.get(at + 1).or(values.get(at)));
    low.zip(high).map_or(f64::NAN, |(low, high)| low + (high - low) * rank.fract())
}

fn kept(grouping: &Grouping, labels: &Labels) -> Labels {
    let keep = |name: &str| {
        let named = grouping.labels.iter().any(|label| label == name);
        if grouping.without { !named && name != "__name__" } else { named }
    };
    labels.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
