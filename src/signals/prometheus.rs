//! The answers of Prometheus' HTTP API, and the number a signal gets from one.
//!
//! Three things are kept apart: what came back ([`read`]), what it holds ([`Data`]), and
//! whether that is one number ([`Answer::number`]). Only the last may become a signal's
//! value: an empty result, several series, a histogram or an error page never turn into
//! a number by accident.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::text::one_line;

pub(super) mod poll;

/// A series' labels.
pub type Labels = BTreeMap<String, String>;

/// A good answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it holds.
    pub data: Data,
    /// What the server warns of; the data may be incomplete.
    pub warnings: Vec<String>,
}

/// The result of a query. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Series with one value each.
    Vector(Vec<Sample>),
    /// Series with several values each.
    Matrix(Vec<Line>),
    /// A bare number.
    Scalar(i64, f64),
    /// A text.
    Text(String),
}

/// One series of a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which.
    pub labels: Labels,
    /// When, and the value; `None`: a native histogram.
    pub value: Option<(i64, f64)>,
}

/// One series of a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Which.
    pub labels: Labels,
    /// Its values, oldest first.
    pub points: Vec<(i64, f64)>,
    /// Whether it holds native histograms.
    pub histograms: bool,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// 400: the query or a parameter is wrong.
    #[error("Prometheus does not understand the query: {0}; correct it in the runbook")]
    BadQuery(String),
    /// 422: the query is well formed and cannot be evaluated.
    #[error("Prometheus cannot evaluate the query: {0}; correct it in the runbook")]
    Execution(String),
    /// 503 and the like: the server is there and cannot answer now.
    #[error("Prometheus cannot answer now (status {status}): {message}")]
    Unavailable {
        /// Status code.
        status: u16,
        /// What it says.
        message: String,
    },
    /// 401 or 403.
    #[error("not permitted to query (status {0}): check the headers of `prometheus` in the environment")]
    Denied(u16),
    /// Something answers that is not Prometheus: a proxy, a login page.
    #[error("not an answer of Prometheus (status {status}): {what}; check the address, or the proxy in front of it")]
    NotPrometheus {
        /// Status code.
        status: u16,
        /// What came instead.
        what: String,
    },
}

/// Why an answer is not one number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    /// No series matches.
    #[error("no data: the query matches no series; say `empty: 0` in the runbook where that means zero")]
    Empty,
    /// More than one does.
    #[error("{count} series instead of one{}; add sum() or a label to the query", differing(.labels))]
    Several {
        /// How many.
        count: usize,
        /// The names of the labels that tell them apart.
        labels: Vec<String>,
    },
    /// A native histogram.
    #[error("a native histogram instead of a number; take histogram_quantile(), histogram_avg() or histogram_count() of it")]
    Histogram,
    /// A range of values.
    #[error("a range of values instead of one; put rate(), increase() or an _over_time() function around it")]
    Range,
    /// A text.
    #[error("a text instead of a number")]
    Text,
}

fn differing(labels: &[String]) -> String {
    if labels.is_empty() { String::new() } else { format!(", which differ in {}", labels.join(", ")) }
}

/// Reads an answer of `/api/v1/query` or `/api/v1/query_range`.
///
/// # Errors
/// When it is an error of Prometheus', or not an answer of Prometheus at all.
pub fn read(status: u16, content_type: Option<&str>, body: &[u8]) -> Result<Answer, QueryError> {
    let html = content_type.is_some_and(|kind| kind.contains("html")) || body.trim_ascii_start().starts_with(b"<");
    let envelope = if html { None } else { serde_json::from_slice::<Envelope>(body).ok() };
    match envelope {
        Some(Envelope { status: answered, data: Some(data), warnings, .. }) if answered == "success" && status == 200 => {
            let data = decode(data).map_err(|what| QueryError::NotPrometheus { status, what: what.to_owned() })?;
            Ok(Answer { data, warnings: warnings.unwrap_or_default().iter().map(|text| one_line(text)).collect() })
        }
        Some(Envelope { status: answered, error_type, error, .. }) if answered == "error" => {
            let message = one_line(&error.unwrap_or_default());
            Err(match (status, error_type.as_deref()) {
                (401 | 403, _) => QueryError::Denied(status),
                (_, Some("bad_data")) | (400, _) => QueryError::BadQuery(message),
                (_, Some("execution")) | (422, _) => QueryError::Execution(message),
                _ => QueryError::Unavailable { status, message },
            })
        }
        _ => Err(foreign(status, html, body)),
    }
}

/// An answer in no form of Prometheus'.
fn foreign(status: u16, html: bool, body: &[u8]) -> QueryError {
    match status {
        401 | 403 => QueryError::Denied(status),
        429 | 502..=504 => {
            let message = if html { "a proxy answers in its place".to_owned() } else { one_line(&String::from_utf8_lossy(body)) };
            QueryError::Unavailable { status, message }
        }
        _ if html => QueryError::NotPrometheus { status, what: "a page of HTML".to_owned() },
        _ if body.is_empty() => QueryError::NotPrometheus { status, what: "nothing".to_owned() },
        _ => QueryError::NotPrometheus { status, what: format!("`{}`", one_line(&String::from_utf8_lossy(body))) },
    }
}

impl Answer {
    /// The one number a signal wants; `empty` stands for an empty result.
    ///
    /// # Errors
    /// When it is not one number; the text says what to do about it.
    pub fn number(&self, empty: Option<f64>) -> Result<f64, NoNumber> {
        match &self.data {
            Data::Scalar(_, value) => Ok(*value),
            Data::Text(_) => Err(NoNumber::Text),
            Data::Matrix(_) => Err(NoNumber::Range),
            Data::Vector(samples) => match samples.as_slice() {
                [] => empty.ok_or(NoNumber::Empty),
                [only] => only.value.map(|(_, value)| value).ok_or(NoNumber::Histogram),
                several => Err(several_series(several.iter().map(|sample| &sample.labels))),
            },
        }
    }

    /// The points of the one series a signal wants, with a gap at every step of the
    /// range that has no number; `empty` stands at steps without any sample.
    ///
    /// # Errors
    /// When it is not one series of numbers.
    pub fn history(&self, range: Range, empty: Option<f64>) -> Result<Vec<(i64, Option<f64>)>, NoNumber> {
        let points = match &self.data {
            Data::Matrix(lines) => match lines.as_slice() {
                [] => &[][..],
                [line] if line.histograms => return Err(NoNumber::Histogram),
                [line] => line.points.as_slice(),
                several => return Err(several_series(several.iter().map(|line| &line.labels))),
            },
            Data::Vector(_) | Data::Scalar(..) => return Err(NoNumber::Empty),
            Data::Text(_) => return Err(NoNumber::Text),
        };
        let mut points = points.iter().copied().peekable();
        let mut history = Vec::new();
        for step in range.steps() {
            // The server rounds to milliseconds: a sample belongs to the step it is next to.
            let slack = range.step_ms / 2;
            while points.next_if(|(at, _)| *at < step - slack).is_some() {}
            match points.next_if(|(at, _)| *at <= step + slack) {
                Some((at, value)) => history.push((at, Some(value).filter(|value| value.is_finite()))),
                None => history.push((step, empty)),
            }
        }
        Ok(history)
    }
}

/// The steps of a range query, milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First step.
    pub start_ms: i64,
    /// No step is later.
    pub end_ms: i64,
    /// Between two steps; more than 0.
    pub step_ms: i64,
}

impl Range {
    /// A range that is asked for in at most about `points` steps, `step_ms` or more
    /// apart, the last of them at the end.
    pub fn new(start_ms: i64, end_ms: i64, step_ms: i64, points: i64) -> Self {
        let end_ms = end_ms.max(start_ms);
        let span = end_ms - start_ms;
        // Whole seconds, because a step is written into the query in seconds.
        let coarse = (span / points.max(1) + 999) / 1_000 * 1_000;
        let step_ms = if span / step_ms.max(1) > points { step_ms.max(coarse) } else { step_ms }.max(1);
        Self { start_ms: end_ms - span / step_ms * step_ms, end_ms, step_ms }
    }

    fn steps(self) -> impl Iterator<Item = i64> {
        let count = (self.end_ms - self.start_ms) / self.step_ms.max(1);
        (0..=count).map(move |n| self.start_ms + n * self.step_ms)
    }
}

fn several_series<'a>(series: impl Iterator<Item = &'a Labels>) -> NoNumber {
    let series: Vec<_> = series.collect();
    let mut names: Vec<_> = series.iter().flat_map(|labels| labels.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let differs = |name: &&&String| series.iter().any(|labels| Some(labels.get(**name)) != series.first().map(|l| l.get(**name)));
    NoNumber::Several { count: series.len(), labels: names.iter().filter(differs).map(|name| (*name).clone()).collect() }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    /// Read in a second step: the type may follow the result, and other endpoints send
    /// data of other forms.
    data: Option<Value>,
    error_type: Option<String>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawSeries {
    metric: Labels,
    value: Option<(f64, String)>,
    values: Option<Vec<(f64, String)>>,
    histogram: Option<Value>,
    histograms: Option<Value>,
}

fn decode(mut data: Value) -> Result<Data, &'static str> {
    let kind = data.get("resultType").and_then(Value::as_str).map(str::to_owned);
    let (Some(kind), Some(result)) = (kind, data.get_mut("result").map(Value::take)) else {
        return Err("data without a result");
    };
    let broken = "a result that cannot be read";
    match kind.as_str() {
        "vector" | "matrix" => {
            let series: Vec<RawSeries> = serde_json::from_value(result).map_err(|_| broken)?;
            if kind == "vector" {
                series.into_iter().map(RawSeries::sample).collect::<Option<_>>().map(Data::Vector).ok_or(broken)
            } else {
                series.into_iter().map(RawSeries::line).collect::<Option<_>>().map(Data::Matrix).ok_or(broken)
            }
        }
        "scalar" => {
            let pair: (f64, String) = serde_json::from_value(result).map_err(|_| broken)?;
            point(pair).map(|(at, value)| Data::Scalar(at, value)).ok_or(broken)
        }
        "string" => {
            let (_, text): (f64, String) = serde_json::from_value(result).map_err(|_| broken)?;
            Ok(Data::Text(text))
        }
        _ => Err("a kind of result that is not known"),
    }
}
impl RawSeries {
    fn sample(self) -> Option<Sample> {
        match (self.value, self.histogram) {
            (Some(value), _) => Some(Sample { labels: self.metric, value: Some(point(value)?) }),
            (None, Some(_)) => Some(Sample { labels: self.metric, value: None }),
            (None, None) => None,
        }
    }

    fn line(self) -> Option<Line> {
        if self.values.is_none() && self.histograms.is_none() {
            return None;
        }
        let points = self.values.unwrap_or_default().into_iter().map(point).collect::<Option<_>>()?;
        Some(Line { labels: self.metric, points, histograms: self.histograms.is_some() })
    }
}

/// A time in seconds and a number as text (`NaN`, `+Inf` and `-Inf` included).
fn point((seconds, value): (f64, String)) -> Option<(i64, f64)> {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and times are far from the ends")]
    let at = (seconds * 1_000.0).round() as i64;
    value.parse().ok().map(|value| (at, value))
}

#[cfg(test)]
mod tests;
