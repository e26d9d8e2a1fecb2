//! What the tests of signals share: a router in place of the network, virtual time, and
//! someone who takes the messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

use super::{HttpSend, KubeTarget, ResolvedSignal, ResolvedSource, SignalMessage, SignalPorts, WallClock, Watching, start};
use crate::live::{Change, Live, Panel};
use crate::ports::{HttpAnswer, HttpCall, HttpFailure};
use crate::session::reading::Reading;

/// HTTP by a router in process, or a failure where one is set.
#[derive(Clone)]
pub(crate) struct RouterSend {
    pub(crate) router: Router,
    pub(crate) failure: Arc<Mutex<Option<HttpFailure>>>,
    pub(crate) calls: Arc<Mutex<Vec<(Duration, HttpCall)>>>,
    began: Instant,
}

impl RouterSend {
    pub(crate) fn new(router: Router) -> Self {
        Self { router, failure: Arc::default(), calls: Arc::default(), began: Instant::now() }
    }

    pub(crate) fn fail(&self, failure: Option<HttpFailure>) {
        *self.failure.lock().expect("not poisoned") = failure;
    }

    pub(crate) fn calls(&self) -> Vec<(Duration, HttpCall)> {
        self.calls.lock().expect("not poisoned").clone()
    }
}

impl HttpSend for RouterSend {
    async fn send(&self, call: HttpCall) -> Result<HttpAnswer, HttpFailure> {
        let began = Instant::now();
        self.calls.lock().expect("not poisoned").push((began - self.began, call.clone()));
        if let Some(failure) = self.failure.lock().expect("not poisoned").clone() {
            return Err(failure);
        }
        let mut request = http::Request::builder().method(call.method.as_str()).uri(&call.url);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(call.body.unwrap_or_default())).expect("a request");
        let answer = timeout(call.timeout, async {
            let answer = self.router.clone().oneshot(request).await.expect("a router never fails");
            let status = answer.status().as_u16();
            let content_type = answer.headers().get("content-type").and_then(|v| v.to_str().ok()).map(str::to_owned);
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            HttpAnswer { status, content_type, body, took: began.elapsed() }
        });
        answer.await.map_err(|_| HttpFailure::Timeout(call.timeout))
    }
}

/// Wall time that follows tokio's clock, from 2027-01-15.
pub(crate) fn clock() -> WallClock {
    let began = Instant::now();
    Arc::new(move || at(0) + TimeDelta::from_std(began.elapsed()).expect("in range"))
}

/// A moment by that clock.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
}

/// A signal called `it`, read every 10 s.
pub(crate) fn signal(source: ResolvedSource) -> ResolvedSignal {
    ResolvedSignal {
        name: "it".into(),
        title: "It".into(),
        every: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        window: Duration::from_secs(600),
        unit: String::new(),
        warn: None,
        critical: None,
        baseline: None,
        empty: None,
        pace: 1.0,
        source,
    }
}

/// Takes messages as the loop does.
pub(crate) struct Taker {
    pub(crate) live: Live,
    pub(crate) reading: Option<Reading>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) changes: Vec<Change>,
    pub(crate) messages: usize,
    pub(crate) rx: mpsc::Receiver<SignalMessage>,
    clock: WallClock,
    _watching: Watching,
}

/// Starts the signal, with someone who takes its messages.
pub(crate) fn take(signal: ResolvedSignal, http: RouterSend, kube: Option<kube::Client>) -> Taker {
    let clock = clock();
    let (tx, rx) = mpsc::channel(16);
    let live = Live::new(vec![signal.panel()]);
    let kube = kube.map(|client| KubeTarget { client, namespace: "shop".into() });
    let ports = SignalPorts { http, kube, commands: None, clock: Arc::clone(&clock) };
    let watching = start(vec![signal], &ports, &tx).expect("it can be watched");
    let (reading, readings, changes) = (None, Vec::new(), Vec::new());
    Taker { live, reading, readings, changes, messages: 0, rx, clock, _watching: watching }
}

impl Taker {
    /// Takes messages until the condition holds; not longer than ten virtual minutes.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while !holds(self) {
            let message = tokio::time::timeout_at(deadline, self.rx.recv()).await;
            match message {
                Ok(Some(message)) => self.apply(message),
                Ok(None) => panic!("the signal ended before: {what}"),
                Err(_) => panic!("never: {what}; {:?}, {:?}", self.panel().source, self.reading),
            }
        }
    }

    /// Takes the messages of so many virtual seconds.
    pub(crate) async fn for_seconds(&mut self, seconds: u64) {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        while let Ok(message) = tokio::time::timeout_at(deadline, self.rx.recv()).await {
            self.apply(message.expect("the signal goes on"));
        }
    }

    pub(crate) fn panel(&self) -> &Panel {
        self.live.panel("it").expect("the panel")
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// The latest reading.
    pub(crate) fn reading(&self) -> &Reading {
        self.reading.as_ref().expect("a reading")
    }

    /// The latest reading's members.
    pub(crate) fn members(&self) -> BTreeMap<&str, f64> {
        self.reading().members.iter().map(|(name, value)| (name.as_str(), value.0)).collect()
    }

    fn apply(&mut self, message: SignalMessage) {
        self.messages += 1;
        for update in message.updates {
            self.changes.push(update.change.clone());
            self.live.apply(update);
        }
        if let Some((name, reading)) = message.reading {
            assert_eq!(name, "it");
            self.readings.push(reading.clone());
            self.reading = Some(reading);
        }
    }
}
