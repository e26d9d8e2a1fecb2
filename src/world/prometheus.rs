//! The Prometheus HTTP API: queries and their answers in the form of the real one.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use axum::response::Response;
use chrono::DateTime;
use serde_json::{Value as Json, json};

use super::World;
use super::answer;
use super::cluster::Millis;
use super::core::Core;
use super::metrics::Labels;
use super::promql::{Evaluator, Expr, QueryError, Sample, Value};
use super::scenario::PrometheusFault;

/// More points a series than this are refused, as by the real one.
const MOST_POINTS: i64 = 11_000;

/// What is wrong with a request.
#[derive(Debug)]
struct Problem {
    status: u16,
    kind: &'static str,
    message: String,
}

/// Parameters of a request, from its query and its form.
struct Parameters(Vec<(String, String)>);

/// Whether a path is one of Prometheus, for where its host does not say so.
pub(super) fn is_path(path: &str) -> bool {
    matches!(path, "/api/v1/query" | "/api/v1/query_range" | "/-/healthy" | "/-/ready") || path.starts_with("/api/v1/status/")
}

/// Answers a request to Prometheus.
pub(super) async fn serve(world: &World, request: Request<Body>) -> Response {
    match world.with(|core| core.faults.prometheus()) {
        Some(PrometheusFault::Down) => return answer::html(502, "502 Bad Gateway"),
        Some(PrometheusFault::Hang) => world.until(|core| core.faults.prometheus().is_none()).await,
        None => {}
    }
    let (parts, body) = request.into_parts();
    let mut parameters = form(parts.uri.query().unwrap_or_default().as_bytes());
    if parts.method == Method::POST {
        parameters.extend(form(&answer::body(body).await.unwrap_or_default()));
    }
    let parameters = Parameters(parameters);
    let epoch = world.clock().epoch().timestamp_millis();
    let result = match parts.uri.path() {
        "/api/v1/query" => world.with(|core| instant(core, &parameters, epoch)),
        "/api/v1/query_range" => world.with(|core| range(core, &parameters, epoch)),
        "/api/v1/status/buildinfo" => Ok(json!({
            "version": "2.42.0+simulated", "revision": "", "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
        })),
        "/-/healthy" => return answer::text(200, "Prometheus Server is Healthy.\n"),
        "/-/ready" => return answer::text(200, "Prometheus Server is Ready.\n"),
        _ => return answer::text(404, "404 page not found\n"),
    };
    match result {
        Ok(data) => answer::json(200, &json!({"status": "success", "data": data})),
        Err(problem) => {
            let body = json!({"status": "error", "errorType": problem.kind, "error": problem.message});
            answer::json(problem.status, &body)
        }
    }
}

fn form(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

impl Parameters {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A time, in milliseconds since 1970.
    fn time(&self, name: &str) -> Result<Option<Millis>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite()).map(to_millis);
        let date = || DateTime::parse_from_rfc3339(text).ok().map(|date| date.timestamp_millis());
        seconds.or_else(date).map(Some).ok_or_else(|| bad(name, &format!("cannot parse \"{text}\" to a valid timestamp")))
    }

    /// A length of time, in milliseconds.
    fn duration(&self, name: &str) -> Result<Option<Millis>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite()).map(to_millis);
        let written = || text.parse::<super::period::Period>().ok().map(|period| period.millis());
        seconds.or_else(written).map(Some).ok_or_else(|| bad(name, &format!("cannot parse \"{text}\" to a valid duration")))
    }

    fn query(&self, core: &mut Core) -> Result<Arc<Expr>, Problem> {
        self.duration("timeout")?;
        core.query(self.get("query").unwrap_or_default()).map_err(|error| self.problem(error))
    }

    fn problem(&self, error: QueryError) -> Problem {
        match error {
            QueryError::Syntax(at, why) => {
                let before: String = self.get("query").unwrap_or_default().chars().take(at).collect();
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                bad("query", &format!("{line}:{column}: parse error: {why}"))
            }
            QueryError::Execution(why) => Problem { status: 422, kind: "execution", message: why },
            QueryError::Unsupported(what) => {
                let message = format!("the simulated Prometheus does not support {what}");
                Problem { status: 422, kind: "execution", message }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and such times have no samples")]
fn to_millis(seconds: f64) -> Millis {
    (seconds * 1_000.0).round() as Millis
}

fn bad(parameter: &str, why: &str) -> Problem {
    Problem { status: 400, kind: "bad_data", message: format!("invalid parameter \"{parameter}\": {why}") }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
fn evaluator(core: &Core, at: Millis, epoch: Millis) -> Evaluator<'_> {
    Evaluator { table: &core.metrics.table, at: at - epoch, epoch: epoch as f64 / 1_000.0 }
}

fn instant(core: &mut Core, parameters: &Parameters, epoch: Millis) -> Result<Json, Problem> {
    let at = parameters.time("time")?.unwrap_or(epoch + core.now());
    let expr = parameters.query(core)?;
    let value = evaluator(core, at, epoch).value(&expr).map_err(|error| parameters.problem(error))?;
    let point = |value: f64| json!([seconds(at), written(value)]);
    Ok(match value {
        Value::Scalar(number) => json!({"resultType": "scalar", "result": point(number)}),
        Value::Text(text) => json!({"resultType": "string", "result": [seconds(at), text]}),
        Value::Vector(samples) => {
            let result: Vec<Json> = samples.iter().map(|s| json!({"metric": s.labels, "value": point(s.value)})).collect();
            json!({"resultType": "vector", "result": result})
        }
        Value::Matrix(rows) => {
            let rows = rows.into_iter().map(|(labels, samples)| {
                let samples = samples.into_iter().map(|(at, value)| (at + epoch, value)).collect();
                (labels, samples)
            });
            matrix(rows.collect())
        }
    })
}

fn range(core: &mut Core, parameters: &Parameters, epoch: Millis) -> Result<Json, Problem> {
    let wanted = |name: &str, found: Option<Millis>| {
        found.ok_or_else(|| {
            bad(name, &format!("cannot parse \"\" to a valid {}", if name == "step" { "duration" } else { "timestamp" }))
        })
    };
    let start = wanted("start", parameters.time("start")?)?;
    let end = wanted("end", parameters.time("end")?)?;
    if end < start {
        return Err(bad("end", "end timestamp must not be before start time"));
    }
    let step = wanted("step", parameters.duration("step")?)?;
    if step <= 0 {
        return Err(bad("step", "zero or negative query resolution step widths are not accepted. Try a positive integer"));
    }
    if (end - start) / step > MOST_POINTS {
        let message =
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
                .to_owned();
        return Err(Problem { status: 400, kind: "bad_data", message });
    }
    let expr = parameters.query(core)?;
    let mut rows: Vec<(Labels, Vec<(Millis, f64)>)> = Vec::new();
    let mut at = start;
    while at <= end {
        let samples = match evaluator(core, at, epoch).value(&expr).map_err(|error| parameters.problem(error))? {
            Value::Scalar(value) => vec![Sample { labels: Labels::new(), value }],
            Value::Vector(samples) => samples,
            Value::Text(_) | Value::Matrix(_) => {
                let kind = expr.kind();
                let message = format!("invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector");
                return Err(bad("query", &message));
            }
        };
        for sample in samples {
            match rows.iter_mut().find(|(labels, _)| *labels == sample.labels) {
                Some((_, points)) => points.push((at, sample.value)),
                None => rows.push((sample.labels, vec![(at, sample.value)])),
            }
        }
        at += step;
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(matrix(rows))
}

fn matrix(rows: Vec<(Labels, Vec<(Millis, f64)>)>) -> Json {
    let result: Vec<Json> = rows
        .into_iter()
        .map(|(labels, points)| {
            let points: Vec<Json> = points.into_iter().map(|(at, value)| json!([seconds(at), written(value)])).collect();
            json!({"metric": labels, "values": points})
        })
        .collect();
    json!({"resultType": "matrix", "result": result})
}

/// A time as Prometheus writes it: seconds, whole ones without a fraction.
fn seconds(at: Millis) -> Json {
    if at % 1_000 == 0 {
        return (at / 1_000).into();
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double")]
    let seconds = at as f64 / 1_000.0;
    seconds.into()
}

/// A value as Prometheus writes it.
fn written(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}
