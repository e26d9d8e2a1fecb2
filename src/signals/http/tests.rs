use std::future::pending;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;

use super::*;
use crate::live::{Freshness, PanelData, SourceState};
use crate::signals::ResolvedSource;
use crate::signals::testing::{RouterSend, at, signal, take};

fn target(path: &str) -> HttpTarget {
    HttpTarget {
        url: format!("http://shop.example.com{path}"),
        method: "GET".into(),
        headers: Vec::new(),
        status: Vec::new(),
        json: None,
        max: None,
    }
}

fn answer(status: u16, body: &str) -> HttpAnswer {
    HttpAnswer { status, content_type: None, body: body.to_owned().into(), took: Duration::from_millis(84) }
}

#[test]
fn an_answer_must_have_what_is_expected_and_may_have_more() {
    let table = [
        (json!({"a": 1}), json!({"a": 1.0, "b": 2}), None),
        (json!({"a": {"b": [1, {"c": null}]}}), json!({"a": {"b": [1, {"c": null, "d": 0}]}}), None),
        (json!({}), json!({"a": 1}), None),
        (json!({"a": 1}), json!({}), Some("`a` is missing")),
        (json!({"a": {"b": true}}), json!({"a": {"b": "true"}}), Some("`a.b` is \"true\", not true")),
        (json!({"a": [1, 2]}), json!({"a": [1]}), Some("`a` is [1], not [1,2]")),
        (json!({"a": [1, 2]}), json!({"a": [1, 3]}), Some("`a[1]` is 3, not 2")),
        (json!("up"), json!("down"), Some("`the answer` is \"down\", not \"up\"")),
        (json!({"a": null}), json!({"b": 1}), Some("`a` is missing")),
        (json!({"a": 9_007_199_254_740_993_u64}), json!({"a": 9_007_199_254_740_993_u64}), None),
    ];
    for (expected, found, wanted) in table {
        assert_eq!(difference(&expected, &found, "").as_deref(), wanted, "{expected} in {found}");
    }
}

#[test]
fn a_check_is_good_or_says_what_is_wrong() {
    let healthy = HttpTarget { json: Some(json!({"status": "healthy"})), ..target("/") };
    let exact = HttpTarget { status: vec![200, 503], ..target("/") };
    let quick = HttpTarget { max: Some(Duration::from_millis(50)), ..target("/") };
    let table = [
        (&target("/"), Ok(answer(204, "")), None),
        (&target("/"), Ok(answer(302, "")), Some("status 302, not 2xx")),
        (&exact, Ok(answer(503, "")), None),
        (&exact, Ok(answer(204, "")), Some("status 204, not 200 or 503")),
        (&healthy, Ok(answer(200, r#"{"status":"healthy","x":1}"#)), None),
        (&healthy, Ok(answer(200, r#"{"status":"sick"}"#)), Some("`status` is \"sick\", not \"healthy\"")),
        (&healthy, Ok(answer(200, "<html>")), Some("the answer is not JSON")),
        (&quick, Ok(answer(200, "")), Some("took 84 ms, more than 50 ms")),
        (&quick, Err(HttpFailure::Unreachable("refused".into())), Some("cannot connect: refused")),
    ];
    for (target, answer, wanted) in table {
        let check = judge(target, &answer, at(0), Duration::from_millis(84));
        assert_eq!((check.problem.as_deref(), check.ok), (wanted, wanted.is_none()), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_and_a_good_answer_ends_them() {
    let router = Router::new()
        .route("/slow", get(|| async { pending::<()>().await }))
        .route("/ok", get(|| async { "fine" }))
        .route("/bad", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    let http = RouterSend::new(router);
    let mut slow = take(signal(ResolvedSource::Http(target("/slow"))), http.clone(), None);
    slow.until("three time-outs", |it| it.reading.as_ref().is_some_and(|r| r.failures == 3)).await;
    assert_eq!((slow.reading().ok, slow.reading().unreachable), (Some(false), true));
    assert_eq!(slow.reading().problem.as_deref(), Some("no answer within 5s"));
    assert!(slow.reading().members.is_empty(), "there is no latency without an answer");
    assert!(matches!(slow.panel().freshness(slow.now()), Freshness::Lost(Some(_))));

    let mut bad = take(signal(ResolvedSource::Http(target("/bad"))), http.clone(), None);
    bad.until("two failures", |it| it.reading.as_ref().is_some_and(|r| r.failures == 2)).await;
    assert_eq!((bad.reading().ok, bad.reading().unreachable), (Some(false), false));
    assert_eq!(bad.panel().source, SourceState::Connected, "it answers, however badly");

    let mut ok = take(signal(ResolvedSource::Http(target("/ok"))), http.clone(), None);
    ok.until("a good answer", |it| it.reading.as_ref().is_some_and(|r| r.ok == Some(true))).await;
    assert!(ok.reading().members.contains_key("value"));
    http.fail(Some(HttpFailure::Unreachable("connection refused".into())));
    ok.until("a refusal", |it| matches!(it.panel().source, SourceState::Lost(..))).await;
    assert!(ok.reading().unreachable);
    http.fail(Some(HttpFailure::TooLarge(BODY_LIMIT)));
    ok.until("an answer too large", |it| !it.reading().unreachable).await;
    assert_eq!(ok.reading().ok, Some(false));
    http.fail(None);
    ok.until("well again", |it| it.panel().source == SourceState::Connected).await;
    assert_eq!(ok.reading().failures, 0);
    let PanelData::Health(history) = &ok.panel().data else { panic!("health") };
    let oks: Vec<_> = history.checks.iter().map(|check| check.ok).collect();
    assert_eq!(oks, [true, false, false, true, true, true], "three good answers before it is well again");
}

#[tokio::test(start_paused = true)]
async fn it_is_polled_at_its_pace_whatever_the_answers_take() {
    let router = Router::new().route("/slow", get(|| async { pending::<()>().await }));
    let http = RouterSend::new(router);
    let mut it = take(signal(ResolvedSource::Http(target("/slow"))), http.clone(), None);
    it.for_seconds(31).await;
    let times: Vec<_> = http.calls().iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(times, [0, 10, 20, 30]);
}
