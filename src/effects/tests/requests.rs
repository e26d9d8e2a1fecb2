//! HTTP requests and notifications, without sockets.

use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use super::*;
use crate::session::intent::{HttpRequest, NotifyRequest, Piece};

type Seen = Arc<Mutex<Vec<(Uri, HeaderMap, Bytes)>>>;

fn bench(status: u16) -> (Bench, Seen) {
    let seen = Seen::default();
    let log = seen.clone();
    let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
        let log = log.clone();
        async move {
            log.lock().unwrap().push((uri, headers, body));
            (StatusCode::from_u16(status).unwrap(), "the token is hunter22hunter\u{1b}[31m")
        }
    });
    (Bench::new(HttpPort::router(router), None, no_commands()), seen)
}

fn http(method: &str, times: u32) -> Intent {
    let request = HttpRequest {
        method: method.into(),
        url: "https://shop.example.com/api?x=1".into(),
        headers: vec![(
            "Authorization".into(),
            SecretText(vec![Piece::Text("Bearer ".into()), Piece::Secret(SecretName::Env("TOKEN".into()))]),
        )],
        body: (method != "GET").then(|| "{}".into()),
        times,
    };
    intent(What::Http(request), method != "GET")
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_its_secret_and_the_report_does_not() {
    let (mut bench, seen) = bench(200);
    let report = bench.run(http("GET", 3)).await;
    assert_eq!(
        (report.outcome, report.status, report.changed),
        (Outcome::Succeeded, Some(200), Some(false)),
        "{}",
        report.message
    );
    assert_eq!(report.stdout, "the token is [redacted TOKEN]");
    assert!(report.times_ms.is_some());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].1["authorization"], "Bearer hunter22hunter");
    assert_eq!((seen[0].1["host"].to_str().unwrap(), seen[0].0.to_string().as_str()), ("shop.example.com", "/api?x=1"));
}

#[tokio::test(start_paused = true)]
async fn what_answers_mean_for_a_change() {
    for (status, outcome, changed) in [
        (200, Outcome::Succeeded, Some(true)),
        (404, Outcome::Succeeded, None),
        (500, Outcome::Succeeded, None),
        (504, Outcome::Unknown, None),
    ] {
        let (mut bench, seen) = bench(status);
        let report = bench.run(http("POST", 1)).await;
        assert_eq!((report.outcome, report.changed, report.status), (outcome, changed, Some(status)), "{}", report.message);
        assert_eq!(seen.lock().unwrap().len(), 1);
        assert!(!report.message.contains("hunter22"), "{}", report.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_change_is_unknown_and_to_a_read_failed() {
    for (method, outcome) in [("POST", Outcome::Unknown), ("GET", Outcome::Failed)] {
        let router = Router::new().fallback(std::future::pending::<()>);
        let mut bench = Bench::new(HttpPort::router(router), None, no_commands());
        let mut intent = http(method, 1);
        intent.timeout_ms = Some(5_000);
        let report = bench.run(intent).await;
        assert_eq!(report.outcome, outcome, "{}", report.message);
    }
}

#[tokio::test]
async fn a_refused_connection_changed_nothing() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bench = Bench::new(HttpPort::redirected(free), None, no_commands());
    let report = bench.run(http("POST", 1)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_stops_before_sending() {
    let (mut bench, seen) = bench(200);
    let request = NotifyRequest {
        to: "deploys".into(),
        url: SecretText(vec![Piece::Secret(SecretName::Env("NOPE".into()))]),
        format: "slack".into(),
        headers: Vec::new(),
        text: "x".into(),
        facts: Vec::new(),
    };
    let report = bench.run(intent(What::Notify(request), true)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_notification_is_posted_once() {
    for (status, outcome) in [(200, Outcome::Succeeded), (500, Outcome::Failed), (502, Outcome::Unknown)] {
        let (mut bench, seen) = bench(status);
        let url =
            SecretText(vec![Piece::Text("https://hooks.example.com/".into()), Piece::Secret(SecretName::Env("TOKEN".into()))]);
        let request = NotifyRequest {
            to: "deploys".into(),
            url,
            format: "slack".into(),
            headers: Vec::new(),
            text: "done <!channel>".into(),
            facts: Vec::new(),
        };
        let report = bench.run(intent(What::Notify(request), true)).await;
        assert_eq!(report.outcome, outcome, "{}", report.message);
        assert!(!format!("{report:?}").contains("hunter22"), "{report:?}");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].0.path(), "/hunter22hunter");
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&seen[0].2).unwrap(), json!({"text": "done < !channel>"}));
    }
}
