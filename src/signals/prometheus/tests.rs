use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, RawForm, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::poll::PrometheusQuery;
use super::*;
use crate::live::{BaselineSpan, Change, Freshness, GraphData, PanelData, SourceState};
use crate::ports::HttpFailure;
use crate::signals::testing::{RouterSend, Taker, at, signal, take};
use crate::signals::{Header, ResolvedSignal, ResolvedSource};

fn ok(data: &Value) -> String {
    json!({"status": "success", "data": data}).to_string()
}

fn vector(values: &[(&str, &str)]) -> Value {
    let series = values.iter().map(|(pod, value)| json!({"metric": {"job": "shop", "pod": pod}, "value": [1.5, value]}));
    json!({"resultType": "vector", "result": series.collect::<Vec<_>>()})
}

fn number(body: &str, empty: Option<f64>) -> String {
    match read(200, Some("application/json"), body.as_bytes()).map(|answer| answer.number(empty)) {
        Ok(Ok(value)) => value.to_string(),
        Ok(Err(problem)) => problem.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn only_one_number_is_a_number() {
    let histogram = json!({"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {"count": "3", "sum": "1"}]}]});
    let table = [
        (ok(&vector(&[("a", "0.5")])), "0.5"),
        (ok(&vector(&[("a", "NaN")])), "NaN"),
        (ok(&vector(&[("a", "+Inf")])), "inf"),
        (ok(&vector(&[("a", "-Inf")])), "-inf"),
        (ok(&json!({"resultType": "scalar", "result": [1, "2"]})), "2"),
        (ok(&vector(&[])), "no data: the query matches no series; say `empty: 0` in the runbook where that means zero"),
        (
            ok(&vector(&[("a", "1"), ("b", "1")])),
            "2 series instead of one, which differ in pod; add sum() or a label to the query",
        ),
        (ok(&json!({"resultType": "string", "result": [1, "x"]})), "a text instead of a number"),
        (
            ok(&json!({"resultType": "matrix", "result": []})),
            "a range of values instead of one; put rate(), increase() or an _over_time() function around it",
        ),
        (
            ok(&histogram),
            "a native histogram instead of a number; take histogram_quantile(), histogram_avg() or histogram_count() of it",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(number(&body, None), expected, "{body}");
    }
    assert_eq!(number(&ok(&vector(&[])), Some(0.0)), "0");
    assert_eq!(number(&ok(&vector(&[("a", "1"), ("b", "1")])), Some(0.0)).split(' ').next(), Some("2"), "several is not empty");
}

#[test]
fn what_is_not_an_answer_is_told_apart() {
    let error = |kind: &str| json!({"status": "error", "errorType": kind, "error": "because"}).to_string();
    let table = [
        (
            400,
            "application/json",
            error("bad_data"),
            "Prometheus does not understand the query: because; correct it in the runbook",
        ),
        (422, "application/json", error("execution"), "Prometheus cannot evaluate the query: because; correct it in the runbook"),
        (503, "application/json", error("timeout"), "Prometheus cannot answer now (status 503): because"),
        (503, "text/plain", "Service Unavailable".into(), "Prometheus cannot answer now (status 503): Service Unavailable"),
        (502, "text/html", "<html>bad".into(), "Prometheus cannot answer now (status 502): a proxy answers in its place"),
        (
            401,
            "text/html",
            "<html>".into(),
            "not permitted to query (status 401): check the headers of `prometheus` in the environment",
        ),
        (
            403,
            "application/json",
            error("x"),
            "not permitted to query (status 403): check the headers of `prometheus` in the environment",
        ),
        (
            200,
            "text/html",
            "<!doctype html>".into(),
            "not an answer of Prometheus (status 200): a page of HTML; check the address, or the proxy in front of it",
        ),
        (
            200,
            "application/json",
            "  <html>".into(),
            "not an answer of Prometheus (status 200): a page of HTML; check the address, or the proxy in front of it",
        ),
        (
            404,
            "text/plain",
            "404 page not found\n".into(),
            "not an answer of Prometheus (status 404): `404 page not found`; check the address, or the proxy in front of it",
        ),
        (
            200,
            "application/json",
            String::new(),
            "not an answer of Prometheus (status 200): nothing; check the address, or the proxy in front of it",
        ),
        (
            200,
            "application/json",
            ok(&json!({"alerts": []})),
            "not an answer of Prometheus (status 200): data without a result; check the address, or the proxy in front of it",
        ),
        (
            200,
            "application/json",
            ok(&json!({"resultType": "vector", "result": [{"metric": {}}]})),
            "not an answer of Prometheus (status 200): a result that cannot be read; check the address, or the proxy in front of it",
        ),
        (
            200,
            "application/json",
            ok(&vector(&[("a", "many")])),
            "not an answer of Prometheus (status 200): a result that cannot be read; check the address, or the proxy in front of it",
        ),
    ];
    for (status, kind, body, expected) in table {
        let error = read(status, Some(kind), body.as_bytes()).expect_err("no answer");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn history_has_a_gap_at_every_step_without_a_number() {
    let answer = |values: Value| {
        let body = ok(&json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]}));
        read(200, None, body.as_bytes()).expect("an answer")
    };
    let range = Range { start_ms: 10_000, end_ms: 50_999, step_ms: 10_000 };
    let values = answer(json!([[10, "1"], [20.001, "NaN"], [40, "4"]]));
    let expected = vec![(10_000, Some(1.0)), (20_001, None), (30_000, None), (40_000, Some(4.0)), (50_000, None)];
    assert_eq!(values.history(range, None), Ok(expected));
    let filled = values.history(range, Some(0.0)).expect("one series");
    assert_eq!(filled[1..3], [(20_001, None), (30_000, Some(0.0))], "NaN is not empty");
    let none = read(200, None, ok(&json!({"resultType": "matrix", "result": []})).as_bytes()).expect("an answer");
    assert_eq!(none.history(range, None).map(|points| points.iter().filter(|p| p.1.is_none()).count()), Ok(5));
}

#[test]
fn a_range_never_asks_for_too_many_points() {
    for hours in [0, 1, 24, 24 * 365] {
        let range = Range::new(0, hours * 3_600_000, 1_000, 1_000);
        assert!(range.steps().count() <= 1_001, "{hours} h: {}", range.steps().count());
    }
    assert_eq!(Range::new(0, 600_000, 15_000, 1_000).step_ms, 15_000);
    let coarse = Range::new(0, 7_654_321, 1_000, 1_000);
    assert_eq!((coarse.step_ms, coarse.steps().last()), (8_000, Some(7_654_321)), "what follows adjoins the last step");
    assert_eq!(Range::new(5, 3, 0, 1_000).steps().count(), 1, "never empty, never without a step");
}

/// A Prometheus whose answers a test can change. It has history for all time: the value
/// of a moment is its number of seconds since `at(0)`.
#[derive(Clone, Default)]
struct Fake {
    answer: Arc<Mutex<Option<(u16, String)>>>,
    range: Arc<Mutex<Option<(u16, String)>>>,
}

#[derive(serde::Deserialize)]
struct RangeParams {
    start: f64,
    end: f64,
    step: f64,
}

impl Fake {
    fn instant(&self, answer: Option<(u16, String)>) {
        *self.answer.lock().expect("not poisoned") = answer;
    }

    fn ranges(&self, answer: Option<(u16, String)>) {
        *self.range.lock().expect("not poisoned") = answer;
    }

    fn send(&self) -> RouterSend {
        let instant = |State(fake): State<Fake>| async move {
            let set = fake.answer.lock().expect("not poisoned").clone();
            respond(set.unwrap_or_else(|| (200, ok(&vector(&[("a", "7")])))))
        };
        let range = |State(fake): State<Fake>, Query(params): Query<RangeParams>| async move {
            if let Some(set) = fake.range.lock().expect("not poisoned").clone() {
                return respond(set);
            }
            let mut values = Vec::new();
            let mut moment = params.start;
            while moment <= params.end {
                values.push(json!([moment, (moment - 1_800_000_000.0).to_string()]));
                moment += params.step;
            }
            respond((200, ok(&json!({"resultType": "matrix", "result": [{"metric": {}, "values": values}]}))))
        };
        let router = Router::new()
            .route("/api/v1/query", get(instant).post(instant))
            .route("/api/v1/query_range", get(range))
            .with_state(self.clone());
        RouterSend::new(router)
    }
}

fn respond((status, body): (u16, String)) -> Response {
    let status = axum::http::StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/json")], body).into_response()
}

fn query(query: &str) -> ResolvedSignal {
    let headers = vec![Header { name: "Authorization".into(), value: "Bearer x".into(), secret: true }];
    let target = PrometheusQuery { url: "https://prometheus.example.com/".into(), headers, query: query.into() };
    signal(ResolvedSource::Prometheus(target))
}

fn graph(taker: &Taker) -> &GraphData {
    let PanelData::Graph(graph) = &taker.panel().data else { panic!("a graph") };
    graph
}

fn problem(taker: &Taker) -> String {
    taker.reading().problem.clone().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn history_comes_once_then_a_point_a_step() {
    let http = Fake::default().send();
    let mut it = take(query("up"), http.clone(), None);
    it.for_seconds(31).await;
    let asked: Vec<_> = http.calls().iter().map(|(at, call)| (at.as_secs(), call.url.contains("query_range"))).collect();
    assert_eq!(asked, [(0, true), (0, false), (10, false), (20, false), (30, false)]);
    let (_, first) = &http.calls()[0];
    assert!(first.carries_secret);
    assert_eq!(first.method, "GET");
    assert_eq!(
        first.url,
        "https://prometheus.example.com/api/v1/query_range?query=up&timeout=4500ms&limit=100&start=1799999400.000&end=1799999990.000&step=10.000"
    );
    let times: Vec<_> = graph(&it).series.points.iter().map(|(at, _)| (at - 1_800_000_000_000) / 1_000).collect();
    assert_eq!(times.first(), Some(&-570), "what is older than the window is forgotten");
    assert_eq!(times[times.len() - 4..], [0, 10, 20, 30]);
    assert!(graph(&it).series.points.iter().all(|(_, value)| value.is_some()));
    assert_eq!(it.members(), BTreeMap::from([("value", 7.0)]));
    assert_eq!(it.panel().source, SourceState::Connected);
    assert_eq!(it.reading().taken, at(30));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_a_gap_until_its_history_is_there() {
    let http = Fake::default().send();
    let mut it = take(query("up"), http.clone(), None);
    it.for_seconds(15).await;
    http.fail(Some(HttpFailure::Unreachable("connection refused".into())));
    it.until("lost", |it| matches!(it.panel().source, SourceState::Lost(..))).await;
    assert_eq!((it.reading().unreachable, it.reading().ok, it.members().len()), (true, Some(false), 0));
    assert_eq!(problem(&it), "cannot connect: connection refused");
    it.for_seconds(100).await;
    assert!(matches!(it.panel().freshness(it.now()), Freshness::Lost(Some(age)) if age.num_seconds() > 90));
    assert_eq!(graph(&it).series.points.back().and_then(|point| point.1), None, "a gap is drawn as one");
    let during: Vec<_> = http.calls().iter().map(|(at, _)| at.as_secs()).filter(|at| *at > 10).collect();
    assert_eq!(during, [20, 30, 40, 60, 100], "asked less and less often, and once each time");

    http.fail(None);
    it.until("an answer", |it| it.reading().ok == Some(true)).await;
    assert!(matches!(it.panel().source, SourceState::Lost(..)), "one good answer is not enough");
    assert!(graph(&it).series.points.iter().all(|(_, value)| value.is_some()), "the hole is filled");
    let last_range = http.calls().iter().rev().find(|(_, call)| call.url.contains("query_range")).expect("a range").1.url.clone();
    assert!(last_range.contains("&start=1800000020.000&"), "from the first step that is missing: {last_range}");
    it.until("well again", |it| it.panel().source == SourceState::Connected).await;
    let ranges = http.calls().iter().filter(|(_, call)| call.url.contains("query_range")).count();
    assert_eq!(ranges, 2 + during.len() - 1, "each time after a missed step, and no more when it is filled");
}

#[tokio::test(start_paused = true)]
async fn a_history_that_cannot_be_had_does_not_keep_the_value_away() {
    let fake = Fake::default();
    fake.ranges(Some((422, json!({"status": "error", "errorType": "execution", "error": "too many samples"}).to_string())));
    let http = fake.send();
    let mut it = take(query("up"), http.clone(), None);
    it.for_seconds(61).await;
    assert!(it.readings.iter().all(|reading| reading.ok == Some(true)), "{:?}", it.readings);
    let ranges = http.calls().iter().filter(|(_, call)| call.url.contains("query_range")).count();
    assert_eq!(ranges, 3, "and is given up after a few attempts");
}

#[tokio::test(start_paused = true)]
async fn no_number_is_no_value_and_says_why() {
    let fake = Fake::default();
    let mut it = take(query("up"), fake.send(), None);
    it.for_seconds(5).await;
    let cases = [
        (200, ok(&vector(&[])), "no data", true),
        (200, ok(&vector(&[("a", "1"), ("b", "2")])), "2 series instead of one", false),
        (400, json!({"status": "error", "errorType": "bad_data", "error": "parse error"}).to_string(), "parse error", false),
        (502, "<html>".to_owned(), "a proxy answers in its place", false),
    ];
    for (status, body, expected, well) in cases {
        fake.instant(Some((status, body)));
        it.until(expected, |it| problem(it).contains(expected)).await;
        assert_eq!((it.reading().ok, it.reading().unreachable, it.members().len()), (Some(false), false, 0), "{expected}");
        assert_eq!(graph(&it).series.points.back().and_then(|point| point.1), None);
        assert_eq!(matches!(it.panel().source, SourceState::Connected), well, "{expected}: {:?}", it.panel().source);
    }
    assert_eq!(it.reading().failures, 4);
    fake.instant(Some((200, ok(&vector(&[("a", "NaN")])))));
    it.until("NaN", |it| problem(it).contains("NaN")).await;
    assert!(it.members().get("value").is_some_and(|value| value.is_nan()));
    assert_eq!((it.reading().ok, it.reading().failures), (Some(false), 5));
    fake.instant(None);
    it.until("a value", |it| it.reading().ok == Some(true)).await;
    assert_eq!((it.reading().failures, problem(&it).as_str()), (0, ""));
}

#[tokio::test(start_paused = true)]
async fn warnings_come_with_the_value_and_degrade_the_source() {
    let fake = Fake::default();
    let body = json!({"status": "success", "data": vector(&[("a", "7")]), "warnings": ["a store\nwas left out"]});
    fake.instant(Some((200, body.to_string())));
    let mut it = take(query("up"), fake.send(), None);
    it.for_seconds(5).await;
    assert_eq!(it.members(), BTreeMap::from([("value", 7.0)]));
    assert_eq!(problem(&it), "Prometheus warns: a store was left out");
    assert_eq!(it.panel().source, SourceState::Degraded(problem(&it)));
    assert!(matches!(it.panel().freshness(it.now()), Freshness::Fresh(_)));
}

#[tokio::test(start_paused = true)]
async fn empty_means_what_the_runbook_says() {
    let fake = Fake::default();
    fake.instant(Some((200, ok(&vector(&[])))));
    let mut it = take(ResolvedSignal { empty: Some(0.0), ..query("up") }, fake.send(), None);
    it.for_seconds(5).await;
    assert_eq!((it.members(), it.reading().ok), (BTreeMap::from([("value", 0.0)]), Some(true)));
}

#[tokio::test(start_paused = true)]
async fn long_queries_go_by_post_with_all_their_parameters() {
    async fn echo(form: RawForm) -> Response {
        let params: BTreeMap<String, String> = serde_json::from_value(json!(
            url::form_urlencoded::parse(&form.0).into_owned().collect::<BTreeMap<String, String>>()
        ))
        .expect("parameters");
        let seen =
            params["query"].len() + usize::from(params.contains_key("timeout")) + usize::from(params.contains_key("limit"));
        respond((200, ok(&vector(&[("a", &seen.to_string())]))))
    }
    let router = Router::new().route("/api/v1/query", axum::routing::post(echo));
    let http = RouterSend::new(router);
    let long = "up + ".repeat(1_000) + "up";
    let mut it = take(query(&long), http.clone(), None);
    it.until("an answer", |it| it.reading.as_ref().is_some_and(|r| r.ok == Some(true))).await;
    assert_eq!(it.members(), BTreeMap::from([("value", 5_004.0)]));
    assert!(http.calls().iter().all(|(_, call)| call.method == "POST" && call.url.len() < 100));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_lost_and_stays_visible_as_such() {
    let router = Router::new().fallback(std::future::pending::<()>);
    let http = RouterSend::new(router);
    let mut it = take(query("up"), http.clone(), None);
    it.until("lost", |it| matches!(it.panel().source, SourceState::Lost(..))).await;
    assert_eq!(problem(&it), "no answer within 5s");
    assert!(it.reading().unreachable);
    assert_eq!(it.panel().freshness(it.now()), Freshness::Lost(None));
    it.until("four failures", |it| it.reading().failures == 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_baseline_further_back_than_the_window_is_fetched_too() {
    let http = Fake::default().send();
    let span = BaselineSpan { window_ms: 600_000, offset_ms: 3_600_000 };
    let mut it = take(ResolvedSignal { baseline: Some(span), ..query("up") }, http.clone(), None);
    it.for_seconds(5).await;
    let baseline = it.live.baselines(at(0)).remove("it").expect("one").expect("a value");
    assert!((baseline.0 - -3_905.0).abs() < 10.0, "{baseline}");
    let backfilled = it.changes.iter().filter(|change| matches!(change, Change::Backfill(_))).count();
    assert_eq!(backfilled, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_taking_messages_does_not_stop_the_polling() {
    let http = Fake::default().send();
    let mut it = take(query("up"), http.clone(), None);
    let wait = tokio::time::timeout(Duration::from_secs(605), std::future::pending::<()>());
    assert!(wait.await.is_err());
    assert_eq!(http.calls().len(), 62, "61 steps and one history");
    it.for_seconds(6).await;
    assert_eq!(it.reading().taken, at(610));
    assert_eq!(graph(&it).series.points.len(), 61);
    assert!(graph(&it).series.points.iter().all(|(_, value)| value.is_some()), "nothing was lost");
}
