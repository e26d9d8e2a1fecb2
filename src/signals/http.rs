//! Health endpoints, polled.
//!
//! Refused, timed out and wrong answers are all the same to whoever relies on the
//! service: the check failed. Only when everything fails at once may it be our own
//! network, so each reading says whether the endpoint could be reached.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::outbox::Outbox;
use super::source::Source;
use super::{Header, HttpSend, ResolvedSignal, SignalMessage, WallClock, is_unreachable, millis};
use crate::live::{Change, HealthCheck};
use crate::ports::{HttpAnswer, HttpCall, HttpFailure};
use crate::session::reading::{Measure, Reading};

/// A health page is small; one that is not is not read.
const BODY_LIMIT: usize = 1 << 20;

/// A health endpoint and what a good answer is.
#[derive(Debug, Clone)]
pub struct HttpTarget {
    /// Address.
    pub url: String,
    /// GET or HEAD.
    pub method: String,
    /// Headers.
    pub headers: Vec<Header>,
    /// Status codes that are good; any 2xx where empty.
    pub status: Vec<u16>,
    /// Members the JSON answer must have, by equality, deep.
    pub json: Option<Value>,
    /// A good answer takes no longer.
    pub max: Option<Duration>,
}

/// Polls the endpoint until nobody receives.
pub(super) async fn poll<H: HttpSend>(
    signal: ResolvedSignal,
    target: HttpTarget,
    http: H,
    clock: WallClock,
    tx: mpsc::Sender<SignalMessage>,
) {
    let every = signal.pause(signal.every).max(Duration::from_millis(1));
    let mut outbox = Outbox::new(signal.name, tx);
    let mut source = Source::new();
    let mut failures = 0_u32;
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (asked, began) = (clock(), Instant::now());
        let call = HttpCall {
            method: target.method.clone(),
            url: target.url.clone(),
            headers: target.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect(),
            carries_secret: target.headers.iter().any(|header| header.secret),
            body: None,
            timeout: signal.timeout,
            limit: BODY_LIMIT,
        };
        let answer = http.send(call).await;
        let took = answer.as_ref().map_or_else(|_| began.elapsed(), |answer| answer.took);
        let check = judge(&target, &answer, asked, took);
        failures = if check.ok { 0 } else { failures.saturating_add(1) };
        let unreachable = answer.as_ref().err().is_some_and(is_unreachable);
        let state = match &answer {
            Ok(_) => source.good(),
            Err(failure) if unreachable => source.lost(&failure.to_string(), asked),
            Err(failure) => source.degraded(&failure.to_string()),
        };
        outbox.source(asked, state);
        outbox.reading(reading(&check, failures, answer.is_ok(), unreachable));
        outbox.change(asked, Change::Checked(check, failures));
        if outbox.offer().is_err() {
            return;
        }
    }
}

fn reading(check: &HealthCheck, failures: u32, answered: bool, unreachable: bool) -> Reading {
    #[expect(clippy::cast_precision_loss, reason = "a latency is far below 2^52 ms")]
    let seconds = check.latency_ms.filter(|_| answered).map(|ms| ms as f64 / 1_000.0);
    let members = seconds.map(|seconds| ("value".to_owned(), Measure(seconds))).into_iter().collect();
    let problem = check.problem.clone();
    Reading { taken: check.at, ok: Some(check.ok), failures, members, problem, unreachable, detail: Vec::new() }
}

fn judge(target: &HttpTarget, answer: &Result<HttpAnswer, HttpFailure>, at: DateTime<Utc>, took: Duration) -> HealthCheck {
    let (status, problem) = match answer {
        Ok(answer) => (Ok(answer.status), problem_of(target, answer, took)),
        Err(failure) => (Err(failure.to_string()), Some(failure.to_string())),
    };
    HealthCheck { at, ok: problem.is_none(), latency_ms: Some(millis(took)), status, problem }
}

/// What is wrong with an answer, if anything.
fn problem_of(target: &HttpTarget, answer: &HttpAnswer, took: Duration) -> Option<String> {
    let good =
        if target.status.is_empty() { (200..300).contains(&answer.status) } else { target.status.contains(&answer.status) };
    if !good {
        let wanted: Vec<_> = target.status.iter().map(u16::to_string).collect();
        let wanted = if wanted.is_empty() { "2xx".to_owned() } else { wanted.join(" or ") };
        return Some(format!("status {}, not {wanted}", answer.status));
    }
    if let Some(expected) = &target.json {
        match serde_json::from_slice::<Value>(&answer.body) {
            Err(_) => return Some("the answer is not JSON".to_owned()),
            Ok(found) => {
                if let Some(difference) = difference(expected, &found, "") {
                    return Some(difference);
                }
            }
        }
    }
    let max = target.max.filter(|max| took > *max)?;
    Some(format!("took {} ms, more than {} ms", millis(took), millis(max)))
}

/// The first place where `found` does not have what is expected. Objects may have more
/// members than expected; lists must be equal in length; numbers are equal by value.
pub(crate) fn difference(expected: &Value, found: &Value, place: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().find_map(|(key, expected)| {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            match found.get(key) {
                Some(found) => difference(expected, found, &place),
                None => Some(format!("`{place}` is missing")),
            }
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => expected
            .iter()
            .zip(found)
            .enumerate()
            .find_map(|(n, (expected, found))| difference(expected, found, &format!("{place}[{n}]"))),
        (Value::Number(a), Value::Number(b)) if a == b || a.as_f64() == b.as_f64() => None,
        _ if expected == found => None,
        _ => {
            let place = if place.is_empty() { "the answer" } else { place };
            Some(format!("`{place}` is {}, not {}", brief(found), brief(expected)))
        }
    }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { text.chars().take(59).chain(['…']).collect() } else { super::text::one_line(&text) }
}

#[cfg(test)]
mod tests;
