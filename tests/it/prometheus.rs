//! A graph fed by a real Prometheus, which scrapes an exporter of the test's own.
//!
//! Runs where `prometheus` is installed; elsewhere it says that it was skipped, or fails
//! where `PACENOTE_REQUIRE_COMPONENTS` is set.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use pacenote::live::{Live, PanelData, SourceState};
use pacenote::ports::{HttpAnswer, HttpCall, HttpFailure};
use pacenote::session::reading::Reading;
use pacenote::signals::{HttpSend, PrometheusQuery, ResolvedSignal, ResolvedSource, SignalMessage, SignalPorts, start};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Long enough for a slow machine; nothing waits for it where all goes well.
const PATIENCE: Duration = Duration::from_secs(60);

/// HTTP over real sockets.
#[derive(Clone)]
struct Network(reqwest::Client);

impl HttpSend for Network {
    async fn send(&self, call: HttpCall) -> Result<HttpAnswer, HttpFailure> {
        let began = Instant::now();
        let method = call.method.parse().map_err(|_| HttpFailure::Refused(call.method.clone()))?;
        let mut request = self.0.request(method, &call.url).timeout(call.timeout);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(body) = call.body {
            request = request.body(body);
        }
        let failure = |error: reqwest::Error| {
            if error.is_timeout() { HttpFailure::Timeout(call.timeout) } else { HttpFailure::Unreachable(error.to_string()) }
        };
        let answer = request.send().await.map_err(failure)?;
        let status = answer.status().as_u16();
        let content_type = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let body = answer.bytes().await.map_err(failure)?;
        Ok(HttpAnswer { status, content_type, body, took: began.elapsed() })
    }
}

/// A shop that serves 100 requests between two scrapes; 20 of them fail where it is broken.
#[derive(Default)]
struct Shop {
    good: AtomicU64,
    bad: AtomicU64,
    broken: AtomicBool,
}

impl Shop {
    fn scraped(&self) -> String {
        let bad = if self.broken.load(Ordering::SeqCst) { 20 } else { 0 };
        let good = self.good.fetch_add(100 - bad, Ordering::SeqCst);
        let bad = self.bad.fetch_add(bad, Ordering::SeqCst);
        format!(
            "# TYPE http_requests_total counter\n\
             http_requests_total{{app=\"shop\",status=\"200\"}} {good}\n\
             http_requests_total{{app=\"shop\",status=\"500\"}} {bad}\n"
        )
    }

    async fn serve(self: Arc<Self>) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let broken = Arc::clone(&self);
        let breaks = post(move || async move { broken.broken.store(true, Ordering::SeqCst) });
        let router = Router::new().route("/metrics", get(move || async move { self.scraped() })).route("/break", breaks);
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

/// Starts Prometheus on an address of loopback and waits until it listens; `None` where
/// it is not installed.
async fn prometheus(folder: &Path, listen: &str, target: SocketAddr) -> Option<(Child, String)> {
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: shop, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).expect("a file");
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
        .arg(format!("--web.listen-address={listen}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("prometheus does not start: {error}"),
    };
    let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
    let listening = async {
        let mut said = Vec::new();
        while let Ok(Some(line)) = log.next_line().await {
            if let Some((_, address)) = line.split_once("msg=\"Listening on\" address=") {
                return address.trim().to_owned();
            }
            said.push(line);
        }
        panic!("prometheus ended:\n{}", said.join("\n"));
    };
    let address = timeout(PATIENCE, listening).await.expect("prometheus listens");
    // Its log is read on, or it would stand still with a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
    Some((child, address))
}

/// Takes messages until the condition holds.
async fn until(
    what: &str,
    rx: &mut mpsc::Receiver<SignalMessage>,
    live: &mut Live,
    holds: impl Fn(&Live, Option<&Reading>) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    let mut latest = None;
    while !holds(live, latest.as_ref()) {
        let Ok(message) = timeout_at(deadline, rx.recv()).await else {
            panic!("never: {what}; {latest:?}, {:?}", live.panel("error_rate").map(|panel| &panel.source));
        };
        let message = message.expect("the signal goes on");
        message.updates.into_iter().for_each(|update| live.apply(update));
        latest = message.reading.map(|(_, reading)| reading).or(latest);
    }
}

fn value(reading: Option<&Reading>) -> Option<f64> {
    reading.and_then(|reading| reading.members.get("value")).map(|value| value.0)
}

fn error_rate(url: String) -> ResolvedSignal {
    let query = "(sum(rate(http_requests_total{app=\"shop\",status=~\"5..\"}[5s])) or vector(0)) \
                 / sum(rate(http_requests_total{app=\"shop\"}[5s])) * 100";
    ResolvedSignal {
        name: "error_rate".into(),
        title: "error rate".into(),
        every: Duration::from_millis(500),
        timeout: Duration::from_secs(5),
        window: Duration::from_secs(120),
        unit: "%".into(),
        warn: Some(1.0),
        critical: Some(5.0),
        baseline: None,
        empty: None,
        pace: 1.0,
        source: ResolvedSource::Prometheus(PrometheusQuery { url, headers: Vec::new(), query: query.into() }),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graph_follows_a_real_prometheus() {
    // The client needs a TLS provider even where it speaks plain http. Another test may
    // have set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Arc::new(Shop::default());
    let target = Arc::clone(&shop).serve().await;
    let Some((mut server, address)) = prometheus(folder.path(), "127.0.0.1:0", target).await else {
        assert!(std::env::var_os("PACENOTE_REQUIRE_COMPONENTS").is_none(), "prometheus is not installed");
        println!("skipped: prometheus is not installed");
        return;
    };

    let signal = error_rate(format!("http://{address}"));
    let mut live = Live::new(vec![signal.panel()]);
    let (tx, mut rx) = mpsc::channel(16);
    let http = Network(reqwest::Client::builder().no_proxy().build().expect("a client"));
    let ports = SignalPorts { http, kube: None, commands: None, clock: Arc::new(chrono::Utc::now) };
    let watching = start(vec![signal], &ports, &tx).expect("it can be watched");

    until("no errors", &mut rx, &mut live, |_, reading| value(reading).is_some_and(|rate| rate == 0.0)).await;
    shop.broken.store(true, Ordering::SeqCst);
    until("errors", &mut rx, &mut live, |_, reading| value(reading).is_some_and(|rate| rate > 15.0)).await;
    let Some(PanelData::Graph(graph)) = live.panel("error_rate").map(|panel| &panel.data) else { panic!("a graph") };
    let (low, high) = graph.series.extent(i64::MIN, i64::MAX).expect("values");
    assert!(low == 0.0 && (15.0..=21.0).contains(&high), "the graph goes from {low} to {high}");
    assert_eq!((graph.warn, graph.critical), (Some(1.0), Some(5.0)));

    server.kill().await.expect("it ends");
    let lost = |live: &Live, _: Option<&Reading>| {
        live.panel("error_rate").is_some_and(|panel| matches!(panel.source, SourceState::Lost(..)))
    };
    until("the outage", &mut rx, &mut live, lost).await;
    shop.broken.store(false, Ordering::SeqCst);
    let again = prometheus(folder.path(), &address, target);
    let (_server, _) = bounded(again).await.expect("it was installed a moment ago");
    until("well again", &mut rx, &mut live, |live, reading| {
        let connected = live.panel("error_rate").is_some_and(|panel| panel.source == SourceState::Connected);
        connected && value(reading).is_some_and(|rate| rate == 0.0)
    })
    .await;
    watching.stop().await;
}

/// A session of the real program: a gate passes while all is well, a step breaks the
/// shop, and the next gate fails on what the real server says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_judges_by_a_real_prometheus() {
    let folder = tempfile::tempdir().expect("a folder");
    let shop = Arc::new(Shop::default());
    let target = Arc::clone(&shop).serve().await;
    let Some((_server, address)) = prometheus(folder.path(), "127.0.0.1:0", target).await else {
        assert!(std::env::var_os("PACENOTE_REQUIRE_COMPONENTS").is_none(), "prometheus is not installed");
        println!("skipped: prometheus is not installed");
        return;
    };
    let runbook = format!(
        r#"
pacenote: 1
runbook: gates
title: Two gates on a real server
environments: {{local: {{prometheus: {{url: "http://{address}"}}}}}}
signals:
  error_rate:
    prometheus: >-
      (sum(rate(http_requests_total{{app="shop",status=~"5.."}}[5s])) or vector(0))
      / sum(rate(http_requests_total{{app="shop"}}[5s])) * 100
    every: 1s
    unit: percent
steps:
  - {{id: calm, title: Calm before, gate: {{pass: signals.error_rate.value < 1, for: 2s}}, timeout: 50s}}
  - {{id: strike, title: Break it, http: {{method: POST, url: "http://{target}/break"}}, undo: {{none: the test ends}}}}
  - {{id: storm, title: Errors after, gate: {{fail: signals.error_rate.value > 5, for: 50s, failures: 2}}, on_failure: abort}}
"#
    );
    let (file, answers) = (folder.path().join("gates.yaml"), folder.path().join("answers.yaml"));
    std::fs::write(&file, runbook).expect("written");
    std::fs::write(&answers, "otherwise: continue\n").expect("written");
    let state = folder.path().join("state");
    let mut program = Command::new(env!("CARGO_BIN_EXE_pacenote"));
    program.arg("run").arg(&file).args(["--trust", "--answers"]).arg(&answers).arg("--state-dir").arg(&state);
    program.env("HOME", folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(2 * PATIENCE, program.output()).await.expect("it ends").expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");

    let sessions = state.join("sessions");
    let session = std::fs::read_dir(sessions).expect("sessions").next().expect("one").expect("readable").path();
    let journal = std::fs::read_to_string(session.join("journal.jsonl")).expect("a journal");
    let records: Vec<serde_json::Value> = journal.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let ends: Vec<(&str, &str)> = records
        .iter()
        .filter(|r| r["type"] == "gate.judged")
        .filter_map(|r| Some((r["data"]["path"].as_str()?, r["data"]["final_verdict"].as_str()?)))
        .collect();
    assert_eq!(ends, [("calm", "passed"), ("storm", "failed")], "{said}");
    let failed = records.iter().rfind(|r| r["type"] == "gate.judged").expect("a judgement");
    let evidence = failed.pointer("/data/evidence/signals/error_rate/reading/members/value").and_then(|v| v.as_str());
    let rate: f64 = evidence.expect("the value it was judged by").parse().expect("a number");
    assert!(rate > 5.0, "{rate}");
    let closed = records.iter().find(|r| r["type"] == "session.closed").expect("an end");
    assert_eq!(closed.pointer("/data/outcome").and_then(|o| o.as_str()), Some("aborted"));
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.expect("in time")
}
