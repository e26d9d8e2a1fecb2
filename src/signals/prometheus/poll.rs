//! A query, asked again and again.
//!
//! History is fetched with one range query at the start, and again for the hole that an
//! outage left; in between, one instant query a step. A step without an answer is a gap
//! in the graph until history fills it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Answer, NoNumber, Range, read};
use crate::live::Change;
use crate::ports::{HttpCall, HttpFailure};
use crate::session::reading::{Measure, Reading};
use crate::signals::outbox::{Closed, Outbox};
use crate::signals::source::Source;
use crate::signals::{Header, HttpSend, ResolvedSignal, SignalMessage, WallClock, is_unreachable, millis, no_reading};

/// History is asked for in about so many steps; the server refuses more than 11,000.
const HISTORY_POINTS: i64 = 1_000;
/// Longer queries go by POST; servers and proxies limit addresses to 8 KiB and less.
const LONG_QUERY: usize = 1_500;
/// At most so many series are asked for; more than one is refused anyway.
const SERIES_LIMIT: &str = "100";
/// At most so many bytes of an answer are read.
const BODY_LIMIT: usize = 8 << 20;
/// A source that does not answer is asked less and less often, down to this.
const SLOWEST: Duration = Duration::from_secs(60);
/// A piece of history that a server cannot give is asked for so often.
const HISTORY_ATTEMPTS: u32 = 3;

/// A query and the server that answers it.
#[derive(Debug, Clone)]
pub struct PrometheusQuery {
    /// Base address, without `/api/v1`.
    pub url: String,
    /// Headers sent with every query.
    pub headers: Vec<Header>,
    /// The query.
    pub query: String,
}

/// Polls the query until nobody receives.
pub(in crate::signals) async fn poll<H: HttpSend>(
    signal: ResolvedSignal,
    target: PrometheusQuery,
    http: H,
    clock: WallClock,
    tx: mpsc::Sender<SignalMessage>,
) {
    let outbox = Outbox::new(signal.name.clone(), tx);
    let mut poller = Poller {
        signal,
        target,
        http,
        clock,
        outbox,
        source: Source::new(),
        failures: 0,
        unanswered: 0,
        covered_ms: None,
        refused_history: 0,
    };
    loop {
        let began = Instant::now();
        if poller.step().await.is_err() {
            return;
        }
        tokio::time::sleep_until(began + poller.delay()).await;
    }
}

struct Poller<H> {
    signal: ResolvedSignal,
    target: PrometheusQuery,
    http: H,
    clock: WallClock,
    outbox: Outbox,
    source: Source,
    /// Readings without a value in a row.
    failures: u32,
    /// Queries that found nobody in a row.
    unanswered: u32,
    /// Up to when history is known; `None` before the first answer.
    covered_ms: Option<i64>,
    /// How often the history after that was asked for in vain while the server answered.
    refused_history: u32,
}

/// Why there is no answer to work with.
struct Failure {
    why: String,
    unreachable: bool,
    timed_out: bool,
}

impl<H: HttpSend> Poller<H> {
    /// One reading, after the history that is missing.
    async fn step(&mut self) -> Result<(), Closed> {
        let asked = (self.clock)();
        let history = match self.missing_history(asked) {
            Some(range) => self.history(range, asked).await,
            None => Ok(()),
        };
        let answer = match history {
            // Nobody is there: asking a second time would only take twice as long.
            Err(failure) if failure.unreachable && !failure.timed_out => Err(failure),
            Err(_) => {
                // A range can be too much for a server that answers all else.
                let answer = self.instant().await;
                self.refused_history += u32::from(answer.is_ok());
                answer
            }
            Ok(()) => self.instant().await,
        };
        match answer {
            Ok(answer) => self.answered(asked, &answer),
            Err(failure) => self.failed(asked, failure),
        }
        self.outbox.offer()
    }

    /// Takes in the answer to the instant query.
    fn answered(&mut self, asked: DateTime<Utc>, answer: &Answer) {
        self.unanswered = 0;
        if self.refused_history == 0 || self.refused_history >= HISTORY_ATTEMPTS {
            self.refused_history = 0;
            self.covered_ms = Some(asked.timestamp_millis());
        }
        let number = answer.number(self.signal.empty);
        let usable = number.as_ref().is_ok_and(|value| value.is_finite());
        self.failures = if usable { 0 } else { self.failures.saturating_add(1) };
        let warning = (!answer.warnings.is_empty()).then(|| format!("Prometheus warns: {}", answer.warnings.join("; ")));
        let state = match (&warning, &number) {
            (Some(warning), _) => self.source.degraded(warning),
            // What the query gives is wrong, not the source, unless it can never be right.
            (None, Ok(_) | Err(NoNumber::Empty)) => self.source.good(),
            (None, Err(problem)) => self.source.degraded(&problem.to_string()),
        };
        self.outbox.source(asked, state);
        let value = number.as_ref().ok().copied();
        self.outbox.change(asked, Change::Point(asked.timestamp_millis(), value.filter(|value| value.is_finite())));
        let problem = match number {
            Err(problem) => Some(problem.to_string()),
            Ok(value) if !value.is_finite() => {
                Some(format!("the value is {}: nothing to divide by, or no samples", Measure(value)))
            }
            Ok(_) => warning,
        };
        let members = value.map(|value| ("value".to_owned(), Measure(value))).into_iter().collect::<BTreeMap<_, _>>();
        let failures = self.failures;
        let detail = Vec::new();
        self.outbox.reading(Reading { taken: asked, ok: Some(usable), failures, members, problem, unreachable: false, detail });
    }

    fn failed(&mut self, asked: DateTime<Utc>, Failure { why, unreachable, .. }: Failure) {
        self.unanswered = self.unanswered.saturating_add(1);
        self.failures = self.failures.saturating_add(1);
        let state = if unreachable { self.source.lost(&why, asked) } else { self.source.degraded(&why) };
        self.outbox.source(asked, state);
        self.outbox.change(asked, Change::Point(asked.timestamp_millis(), None));
        self.outbox.reading(no_reading(asked, self.failures, why, unreachable));
    }

    /// The range of history that is not known yet: all of it at the start, a hole later.
    /// It ends before `now`, which is what the instant query is for.
    fn missing_history(&self, now: DateTime<Utc>) -> Option<Range> {
        let baseline = self.signal.baseline.map_or(0, |span| span.window_ms.saturating_add(span.offset_ms));
        let keep = i64::try_from(millis(self.signal.window).max(baseline)).unwrap_or(i64::MAX);
        let (now, every) = (now.timestamp_millis(), self.every_ms());
        let oldest = now.saturating_sub(keep);
        let start = match self.covered_ms {
            None => oldest,
            Some(covered) if now - covered > every.saturating_add(every / 2) => oldest.max(covered + every),
            Some(_) => return None,
        };
        Some(Range::new(start, now - every, every, HISTORY_POINTS))
    }

    fn every_ms(&self) -> i64 {
        i64::try_from(millis(self.signal.every)).unwrap_or(i64::MAX).max(1)
    }

    async fn history(&mut self, range: Range, asked: DateTime<Utc>) -> Result<(), Failure> {
        let seconds = |ms: i64| format!("{}.{:03}", ms.div_euclid(1_000), ms.rem_euclid(1_000));
        let params = [("start", seconds(range.start_ms)), ("end", seconds(range.end_ms)), ("step", seconds(range.step_ms))];
        let answer = self.ask("query_range", &params).await?;
        self.covered_ms = Some(asked.timestamp_millis() - self.every_ms());
        self.refused_history = 0;
        if let Ok(points) = answer.history(range, self.signal.empty) {
            self.outbox.change(asked, Change::Backfill(points));
        }
        Ok(())
    }

    async fn instant(&self) -> Result<Answer, Failure> {
        self.ask("query", &[]).await
    }

    /// The parameters of a query, as a form.
    fn form(&self, params: &[(&str, String)]) -> String {
        // The server gives up a little before we do, so that it can still say so.
        let patience = TimeDelta::from_std(self.signal.timeout.mul_f64(0.9)).unwrap_or(TimeDelta::MAX);
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", &self.target.query);
        form.append_pair("timeout", &format!("{}ms", patience.num_milliseconds().max(1)));
        form.append_pair("limit", SERIES_LIMIT);
        for (name, value) in params {
            form.append_pair(name, value);
        }
        form.finish()
    }

    async fn ask(&self, what: &str, params: &[(&str, String)]) -> Result<Answer, Failure> {
        let form = self.form(params);
        let url = format!("{}/api/v1/{what}", self.target.url.trim_end_matches('/'));
        let headers = self.target.headers.iter().map(|header| (header.name.clone(), header.value.clone()));
        let mut call = HttpCall {
            method: "GET".to_owned(),
            url: format!("{url}?{form}"),
            headers: headers.collect(),
            carries_secret: self.target.headers.iter().any(|header| header.secret),
            body: None,
            timeout: self.signal.timeout,
            limit: BODY_LIMIT,
        };
        if call.url.len() > LONG_QUERY {
            call.method = "POST".to_owned();
            call.url = url;
            call.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
            call.body = Some(Bytes::from(form));
        }
        match self.http.send(call).await {
            Ok(answer) => read(answer.status, answer.content_type.as_deref(), &answer.body).map_err(|error| Failure {
                why: error.to_string(),
                unreachable: false,
                timed_out: false,
            }),
            Err(failure) => Err(Failure {
                why: failure.to_string(),
                unreachable: is_unreachable(&failure),
                timed_out: matches!(failure, HttpFailure::Timeout(_)),
            }),
        }
    }

    /// Until the next reading: `every`, more while nobody answers.
    fn delay(&self) -> Duration {
        let every = self.signal.pause(self.signal.every).max(Duration::from_millis(1));
        if self.unanswered < 3 {
            return every;
        }
        let doubled = every.saturating_mul(1 << (self.unanswered - 2).min(16));
        doubled.min(SLOWEST.min(every.saturating_mul(4))).max(every)
    }
}
