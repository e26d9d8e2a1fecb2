//! The faults of an API server, each seen through a rollout that is watched.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::live::{Freshness, PanelData, SourceState};
use crate::signals::testing::{RouterSend, Taker, signal, take};
use crate::signals::{ResolvedSource, Workload};

/// What the server answers for the Deployment; status 0: never.
type Fake = Arc<Mutex<(u16, String)>>;

fn deployment(uid: &str, updated: i64) -> String {
    json!({"kind": "Deployment", "metadata": {"name": "shop", "uid": uid, "generation": 2},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "shop"}}},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": updated, "availableReplicas": updated}})
    .to_string()
}

fn replica_set(revision: &str, replicas: i64) -> Value {
    json!({"metadata": {"name": revision, "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [{"uid": "u1", "controller": true}]},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"image": format!("shop:v{revision}")}]}}},
        "status": {"readyReplicas": replicas}})
}

async fn answer(State(fake): State<Fake>, uri: Uri) -> Response {
    if uri.path().ends_with("/replicasets") {
        return json!({"items": [replica_set("1", 1), replica_set("2", 2)]}).to_string().into_response();
    }
    let (status, body) = fake.lock().expect("not poisoned").clone();
    match StatusCode::from_u16(status) {
        Ok(status) => (status, body).into_response(),
        Err(_) => std::future::pending().await,
    }
}

fn watch(fake: &Fake) -> Taker {
    let router = Router::new().fallback(answer).with_state(Arc::clone(fake));
    let source = ResolvedSource::Rollout { workload: Workload::Deployment, name: "shop".into() };
    take(signal(source), RouterSend::new(Router::new()), Some(kube::Client::new(router, "shop")))
}

fn set(fake: &Fake, status: u16, body: impl Into<String>) {
    *fake.lock().expect("not poisoned") = (status, body.into());
}

fn why(taker: &Taker) -> String {
    match &taker.panel().source {
        SourceState::Degraded(why) | SourceState::Lost(why, _) => why.clone(),
        _ => String::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollout_shows_old_and_new_until_it_is_done() {
    let fake: Fake = Arc::new(Mutex::new((200, deployment("u1", 2))));
    let mut taker = watch(&fake);
    taker.until("a reading", |t| t.reading.is_some()).await;
    let PanelData::Table(table) = &taker.panel().data else { panic!("a table") };
    assert_eq!((table.summary.text.as_str(), table.rows.len()), ("2/3 updated, 2 available", 2));
    assert_eq!(taker.members().get("done"), Some(&0.0));
    set(&fake, 200, deployment("u1", 3));
    taker.until("it is done", |t| t.members().get("done") == Some(&1.0)).await;
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_told_apart_and_gives_no_value() {
    let status =
        |code: u16| json!({"kind": "Status", "status": "Failure", "code": code, "message": "no", "reason": "x"}).to_string();
    let cases = [
        (403, status(403), "ask for `get` and `list` on deployments"),
        (401, status(401), "log in again"),
        (404, status(404), "is not there"),
        (429, status(429), "429"),
        (500, status(500), "500"),
        (200, "<html>please log in</html>".to_owned(), "proxy"),
        (0, String::new(), "no answer"),
    ];
    for (code, body, wanted) in cases {
        let fake: Fake = Arc::new(Mutex::new((200, deployment("u1", 3))));
        let mut taker = watch(&fake);
        taker.until("a value", |t| t.reading.is_some()).await;
        set(&fake, code, body);
        taker.until(wanted, |t| why(t).contains(wanted)).await;
        assert!(taker.reading().members.is_empty() && taker.reading().failures > 0, "{code}: {:?}", taker.reading());
        assert_eq!(taker.reading().unreachable, code == 0);
        set(&fake, 200, deployment("u1", 3));
        taker.until("well again", |t| t.panel().source == SourceState::Connected).await;
        assert!(matches!(taker.panel().freshness(taker.now()), Freshness::Fresh(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_created_again_is_another_one() {
    let fake: Fake = Arc::new(Mutex::new((200, deployment("u1", 3))));
    let mut taker = watch(&fake);
    taker.until("a value", |t| t.reading.is_some()).await;
    set(&fake, 200, deployment("u2", 3));
    taker.until("it is said", |t| why(t).contains("created again")).await;
    assert!(taker.reading().members.is_empty(), "{:?}", taker.reading());
}
