use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;
use crate::live::{Change, Freshness, PanelData, PodOrder, SourceState};
use crate::signals::ResolvedSource;
use crate::signals::testing::{RouterSend, Taker, signal, take};

type Line = Result<Bytes, io::Error>;

/// How the fake answers a request.
#[derive(Clone, Default)]
enum Mood {
    /// As an API server does.
    #[default]
    Well,
    /// With this.
    Answers(u16, String),
    /// Never; of a watch: with headers, then never a byte, not even the end.
    Silent,
}

/// An API server that knows pods.
#[derive(Default)]
struct Server {
    pods: BTreeMap<String, Value>,
    version: u64,
    list: Mood,
    watch: Mood,
    /// Whether it sends bookmarks.
    bookmarks: bool,
    watchers: Vec<mpsc::UnboundedSender<Line>>,
    /// Every event, with its version.
    events: Vec<(u64, String)>,
    /// Selectors and pages asked for.
    lists: Vec<BTreeMap<String, String>>,
    /// Watches asked for.
    watches: Vec<BTreeMap<String, String>>,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Server>>);

impl Fake {
    fn lock(&self) -> MutexGuard<'_, Server> {
        self.0.lock().expect("not poisoned")
    }

    /// With pods of these names.
    fn with(names: &[&str]) -> Self {
        let fake = Self::default();
        for name in names {
            fake.put(name, "Running");
        }
        fake
    }

    /// Adds or changes a pod, and tells watchers.
    fn put(&self, name: &str, status: &str) {
        let mut server = self.lock();
        server.version += 1;
        let pod = pod(name, status, server.version);
        server.pods.insert(name.to_owned(), pod.clone());
        server.tell("MODIFIED", &pod);
    }

    fn delete(&self, name: &str) {
        let mut server = self.lock();
        server.version += 1;
        if let Some(mut pod) = server.pods.remove(name) {
            pod["metadata"]["resourceVersion"] = json!(server.version.to_string());
            server.tell("DELETED", &pod);
        }
    }

    /// Breaks the connections of all watches.
    fn cut(&self) {
        for watcher in self.lock().watchers.drain(..) {
            // A watch that has ended since cannot be cut.
            let _ = watcher.send(Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer")));
        }
    }

    fn client(&self) -> kube::Client {
        let router = Router::new().route("/api/v1/namespaces/shop/pods", get(pods)).with_state(self.clone());
        kube::Client::new(router, "shop")
    }

    fn watch(&self) -> Taker {
        let selector = "app=shop".to_owned();
        take(signal(ResolvedSource::Pods { selector }), RouterSend::new(Router::new()), Some(self.client()))
    }
}

impl Server {
    fn tell(&mut self, kind: &str, object: &Value) {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        self.events.push((self.version, line.clone()));
        self.watchers.retain(|watcher| watcher.send(Ok(Bytes::from(line.clone()))).is_ok());
    }
}

fn pod(name: &str, status: &str, version: u64) -> Value {
    let state = if status == "Running" { json!({"running": {}}) } else { json!({"waiting": {"reason": status}}) };
    let ready = status == "Running";
    json!({
        "metadata": {"name": name, "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-21T00:00:00Z"},
        "spec": {"containers": [{"name": "app", "image": "shop:1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
            "containerStatuses": [{"name": "app", "ready": ready, "restartCount": 0, "state": state, "lastState": {}}],
        },
    })
}

fn status(code: u16, reason: &str, message: &str) -> String {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
        .to_string()
}

async fn pods(State(fake): State<Fake>, Query(params): Query<BTreeMap<String, String>>) -> Response {
    let watch = params.contains_key("watch");
    let mood = {
        let mut server = fake.lock();
        if watch {
            server.watches.push(params.clone());
            server.watch.clone()
        } else {
            server.lists.push(params.clone());
            server.list.clone()
        }
    };
    match (mood, watch) {
        (Mood::Answers(code, body), _) => (axum::http::StatusCode::from_u16(code).expect("a status"), body).into_response(),
        (Mood::Silent, false) => pending().await,
        (Mood::Silent, true) => Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>()).into_response(),
        (Mood::Well, false) => list(&fake, &params).into_response(),
        (Mood::Well, true) => Body::from_stream(events(&fake, &params)).into_response(),
    }
}

/// Pages of names, the token being the last name of the page before.
fn list(fake: &Fake, params: &BTreeMap<String, String>) -> String {
    let server = fake.lock();
    let limit = params["limit"].parse().expect("a number");
    let after = params.get("continue").cloned().unwrap_or_default();
    let page: Vec<_> = server.pods.iter().filter(|(name, _)| **name > after).take(limit).collect();
    let last = page.last().map(|(name, _)| name.as_str()).unwrap_or_default();
    let more = server.pods.keys().any(|name| name.as_str() > last) && !page.is_empty();
    let token = if more { last } else { "" };
    let items: Vec<_> = page.iter().map(|(_, pod)| pod).collect();
    json!({"kind": "PodList", "metadata": {"resourceVersion": server.version.to_string(), "continue": token}, "items": items})
        .to_string()
}

/// Events, and a bookmark, until the time asked for is over.
fn events(fake: &Fake, params: &BTreeMap<String, String>) -> impl futures::Stream<Item = Line> + use<> {
    let (tx, rx) = mpsc::unbounded_channel();
    let mut server = fake.lock();
    let since: u64 = params["resourceVersion"].parse().expect("a version");
    for (_, line) in server.events.iter().filter(|(version, _)| *version > since) {
        tx.send(Ok(Bytes::from(line.clone()))).expect("the receiver is here");
    }
    server.watchers.push(tx);
    let bookmark = json!({"type": "BOOKMARK", "object": {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": server.version.to_string()}}});
    let bookmarks = server.bookmarks.then(|| Ok(Bytes::from(format!("{bookmark}\n"))));
    let seconds = params["timeoutSeconds"].parse().expect("a number");
    let end = tokio::time::timeout(Duration::from_secs(seconds), pending::<()>());
    futures::stream::iter(bookmarks).chain(UnboundedReceiverStream::new(rx)).take_until(end)
}

fn names(taker: &Taker) -> Vec<String> {
    let PanelData::Pods(table) = &taker.panel().data else { panic!("pods") };
    table.window(PodOrder::Name, 0, usize::MAX).map(|row| row.name.clone()).collect()
}

fn problem(taker: &Taker) -> String {
    taker.reading.as_ref().and_then(|reading| reading.problem.clone()).unwrap_or_default()
}

fn is_lost(taker: &Taker) -> bool {
    matches!(taker.panel().source, SourceState::Lost(..))
}

#[tokio::test(start_paused = true)]
async fn pods_are_listed_then_followed() {
    let fake = Fake::with(&["a", "b"]);
    let mut it = fake.watch();
    it.until("the list", |it| names(it) == ["a", "b"]).await;
    assert_eq!(it.members(), BTreeMap::from([("ready", 2.0), ("total", 2.0), ("restarts", 0.0), ("crashing", 0.0)]));
    assert_eq!(it.panel().source, SourceState::Connected);
    it.for_seconds(1).await;
    fake.put("c", "CrashLoopBackOff");
    fake.delete("a");
    it.until("the changes", |it| names(it) == ["b", "c"]).await;
    assert_eq!(it.members(), BTreeMap::from([("ready", 1.0), ("total", 2.0), ("restarts", 0.0), ("crashing", 1.0)]));
    assert_eq!(it.reading().detail, ["c 0/1 CrashLoopBackOff 0", "b 1/1 Running 0"], "the worst first");
    let asked = |name: &str| fake.lock().watches.first().and_then(|params| params.get(name).cloned());
    assert_eq!(asked("labelSelector").as_deref(), Some("app=shop"));
    assert_eq!(asked("resourceVersion").as_deref(), Some("2"));
    assert_eq!(asked("timeoutSeconds").as_deref(), Some("9"));
    assert_eq!(asked("allowWatchBookmarks").as_deref(), Some("true"));
}

#[tokio::test(start_paused = true)]
async fn long_lists_come_in_pages() {
    let many: Vec<_> = (0..1_201).map(|n| format!("p{n:04}")).collect();
    let fake = Fake::with(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let mut it = fake.watch();
    it.until("all of them", |it| names(it).len() == many.len()).await;
    assert_eq!(fake.lock().lists.len(), 3);
    let resets = it.changes.iter().filter(|change| matches!(change, Change::PodsReset(_))).count();
    assert_eq!(resets, 1, "nothing is shown half");
    assert_eq!(it.reading().detail.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_is_never_stale() {
    for bookmarks in [false, true] {
        let fake = Fake::with(&["a"]);
        fake.lock().bookmarks = bookmarks;
        let mut it = fake.watch();
        it.for_seconds(1).await;
        for _ in 0..60 {
            it.for_seconds(5).await;
            let freshness = it.panel().freshness(it.now());
            assert!(matches!(freshness, Freshness::Fresh(age) if age.num_seconds() <= 10), "{freshness:?}");
            assert!((it.now() - it.reading().taken).num_seconds() <= 10, "a reading at least every 10 s");
            assert_eq!((it.reading().ok, it.members()["total"]), (Some(true), 1.0));
        }
        assert_eq!(fake.lock().lists.len(), 1, "watches go on from where they were");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_watch_is_lost_within_seconds() {
    let fake = Fake::with(&["a"]);
    let mut it = fake.watch();
    it.for_seconds(1).await;
    fake.lock().watch = Mood::Silent;
    let died = it.now();
    it.until("lost", is_lost).await;
    assert!((it.now() - died).num_seconds() <= 30, "{}", it.now() - died);
    assert_eq!(problem(&it), "the API server has been silent for 14 s");
    assert_eq!((it.reading().unreachable, it.reading().ok, it.members().len()), (true, Some(false), 0));
    assert_eq!(names(&it), ["a"], "what was known stays on the screen");
    assert!(matches!(it.panel().freshness(it.now()), Freshness::Lost(Some(_))));
    fake.lock().watch = Mood::Well;
    fake.put("b", "Running");
    it.until("well again", |it| it.panel().source == SourceState::Connected && names(it).len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_watch_goes_on_where_it_was() {
    let fake = Fake::with(&["a"]);
    let mut it = fake.watch();
    it.for_seconds(1).await;
    fake.put("b", "Running");
    it.until("b", |it| names(it).len() == 2).await;
    fake.cut();
    fake.put("c", "Running");
    it.until("the cut", |it| problem(it).contains("connection reset by peer")).await;
    assert!(it.reading().unreachable && is_lost(&it));
    it.until("an answer", |it| it.reading().ok == Some(true)).await;
    assert!(is_lost(&it), "one answer is not enough");
    it.until("well again", |it| it.panel().source == SourceState::Connected).await;
    assert_eq!(names(&it), ["a", "b", "c"], "what happened meanwhile is not lost");
    let server = fake.lock();
    assert_eq!(server.lists.len(), 1);
    assert_eq!(server.watches[1]["resourceVersion"], "2");
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_version_is_listed_again_without_alarm() {
    let fake = Fake::with(&["a"]);
    let mut it = fake.watch();
    it.for_seconds(1).await;
    {
        let mut server = fake.lock();
        let pod = pod("unseen", "Running", 7);
        server.pods.insert("unseen".into(), pod);
        server.version = 9;
        let gone: Value = serde_json::from_str(&status(410, "Expired", "too old resource version")).expect("JSON");
        server.tell("ERROR", &gone);
    }
    it.until("listed again", |it| names(it) == ["a", "unseen"]).await;
    assert_eq!(it.panel().source, SourceState::Connected);
    assert!(it.readings.iter().all(|reading| reading.ok == Some(true)));
    // As an answer to the watch request itself, every time: it is listed again, at a pace.
    fake.lock().watch = Mood::Answers(410, status(410, "Expired", "too old resource version"));
    let lists = fake.lock().lists.len();
    it.for_seconds(300).await;
    let lists = fake.lock().lists.len() - lists;
    assert!((5..30).contains(&lists), "{lists} lists in 300 s");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_permitted_says_what_to_ask_for() {
    let fake = Fake::with(&["a"]);
    let message = "pods is forbidden: User \"alice\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\"";
    fake.lock().list = Mood::Answers(403, status(403, "Forbidden", message));
    let mut it = fake.watch();
    it.until("refused", is_lost).await;
    assert_eq!(
        problem(&it),
        format!("not permitted (403): {message}; ask for `get`, `list` and `watch` on pods in namespace `shop`")
    );
    assert_eq!((it.reading().unreachable, it.reading().ok), (false, Some(false)), "it was reached");
    assert_eq!(it.panel().freshness(it.now()), Freshness::Lost(None));

    fake.lock().list = Mood::Answers(401, status(401, "Unauthorized", "Unauthorized"));
    it.until("401", |it| problem(it).contains("log in again")).await;
    fake.lock().list = Mood::Well;
    it.until("permitted", |it| it.panel().source == SourceState::Connected).await;
    // Permission to list, and none to watch.
    fake.lock().watch = Mood::Answers(403, status(403, "Forbidden", "no watch"));
    it.until("no watch", |it| problem(it).contains("no watch")).await;
    assert!(is_lost(&it));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_lost() {
    let fake = Fake::default();
    fake.lock().list = Mood::Silent;
    let mut it = fake.watch();
    it.until("lost", is_lost).await;
    assert_eq!(problem(&it), "no answer from the API server within 10 s");
    assert!(it.reading().unreachable);
    it.until("again", |it| it.reading().failures == 3).await;
    fake.lock().list = Mood::Well;
    it.until("well again", |it| it.panel().source == SourceState::Connected).await;
    assert_eq!(names(&it), Vec::<String>::new());
    assert_eq!(it.members()["total"], 0.0, "no pods is an answer");
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_no_pods_degrade_and_hide_nothing() {
    let fake = Fake::with(&["a"]);
    let mut it = fake.watch();
    it.for_seconds(1).await;
    fake.lock().tell("MODIFIED", &json!("what is this"));
    it.until("garbled", |it| problem(it).contains("sends what is not a pod")).await;
    assert!(matches!(it.panel().source, SourceState::Degraded(_)));
    assert_eq!(names(&it), ["a"]);
    it.until("listed again", |it| it.panel().source == SourceState::Connected).await;
    assert_eq!(fake.lock().lists.len(), 2, "as nobody knows what was missed");

    for (code, body, expected) in [
        (200, "<html>log in</html>".to_owned(), "what is not a list of pods"),
        (502, "<html>bad gateway</html>".to_owned(), "the API server answers 502: a page of HTML"),
        (500, status(500, "InternalError", "etcd is away"), "the API server answers 500: etcd is away"),
    ] {
        let fake = Fake::default();
        fake.lock().list = Mood::Answers(code, body);
        let mut it = fake.watch();
        it.until(expected, |it| problem(it).contains(expected)).await;
        assert!(matches!(it.panel().source, SourceState::Degraded(_)), "{expected}");
        assert!(!it.reading().unreachable);
    }
}

#[tokio::test(start_paused = true)]
async fn bursts_become_few_messages_and_nothing_is_lost() {
    let fake = Fake::default();
    let mut it = fake.watch();
    it.for_seconds(1).await;
    let before = it.messages;
    // 500 changes a second for ten seconds, of 100 pods.
    for n in 0..5_000_u32 {
        fake.put(&format!("p{:03}", n % 100), if n % 3 == 0 { "Running" } else { "CrashLoopBackOff" });
        if n % 10 == 9 {
            let tick = tokio::time::timeout(Duration::from_millis(20), pending::<()>());
            assert!(tick.await.is_err());
        }
        while let Ok(message) = it.rx.try_recv() {
            it.messages += 1;
            message.updates.into_iter().for_each(|update| it.live.apply(update));
        }
    }
    it.for_seconds(1).await;
    let messages = it.messages - before;
    assert!((50..=115).contains(&messages), "{messages} messages in 11 s");
    let PanelData::Pods(table) = &it.panel().data else { panic!("pods") };
    let crashing =
        fake.lock().pods.values().filter(|pod| !pod["status"]["containerStatuses"][0]["ready"].as_bool().unwrap_or(true)).count();
    assert_eq!((table.counts().total, table.counts().crashing as usize), (100, crashing));
}

#[tokio::test(start_paused = true)]
async fn nobody_taking_messages_costs_nothing_but_the_messages() {
    let fake = Fake::with(&["a", "b"]);
    let mut it = fake.watch();
    it.until("the list", |it| names(it).len() == 2).await;
    for n in 0..3_000_u32 {
        fake.put(&format!("p{:02}", n % 50), "Running");
        if n % 100 == 99 {
            let tick = tokio::time::timeout(Duration::from_millis(500), pending::<()>());
            assert!(tick.await.is_err());
        }
    }
    fake.delete("a");
    let before = it.messages;
    it.until("all of it", |it| names(it).len() == 51).await;
    assert!(it.messages - before <= 18, "{} messages waited", it.messages - before);
}

#[test]
fn pods_that_need_someone_are_told_from_those_that_do_not() {
    let crashing = |pod: &Value| row_from_json(&pod.to_string()).expect("a pod").crashing;
    for (status, expected) in [
        ("Running", false),
        ("ContainerCreating", false),
        ("PodInitializing", false),
        ("CrashLoopBackOff", true),
        ("ImagePullBackOff", true),
        ("CreateContainerConfigError", true),
    ] {
        assert_eq!(crashing(&pod("a", status, 1)), expected, "{status}");
    }
    let mut failed = pod("a", "Running", 1);
    failed["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    assert!(crashing(&failed), "the other half of a crash loop");
    failed["metadata"]["deletionTimestamp"] = json!("2026-11-21T00:00:00Z");
    assert!(!crashing(&failed), "it is going away");
    let mut never = pod("a", "Running", 1);
    never["spec"]["restartPolicy"] = json!("Never");
    never["status"]["containerStatuses"][0]["state"] = json!({"terminated": {"exitCode": 1}});
    assert!(!crashing(&never), "nothing will be tried again");
}

#[test]
fn the_latest_termination_is_named() {
    let mut pod = pod("a", "CrashLoopBackOff", 1);
    let ended = |reason: &str, at: &str| json!({"terminated": {"exitCode": 1, "reason": reason, "finishedAt": at}});
    pod["status"]["initContainerStatuses"] = json!([{"name": "i", "lastState": ended("Error", "2026-11-21T00:00:02Z")}]);
    pod["status"]["containerStatuses"][0]["lastState"] = ended("OOMKilled", "2026-11-21T00:00:03Z");
    let row = row_from_json(&pod.to_string()).expect("a pod");
    assert_eq!(row.last_termination.as_deref(), Some("OOMKilled"));
}

#[test]
fn a_finished_container_beside_a_failed_one_shows_the_failure() {
    // Not among the captured cases: the first completed, the second failed.
    let container =
        |exit: i64, reason: &str| json!({"name": reason, "state": {"terminated": {"exitCode": exit, "reason": reason}}});
    let statuses = |list: Value| {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"containers": [{}, {}, {}]}, "status": {"phase": "Failed", "containerStatuses": list}});
        row_from_json(&pod.to_string()).expect("a pod").status
    };
    let done = container(0, "Completed");
    assert_eq!(statuses(json!([done, container(1, "Error"), container(137, "OOMKilled")])), "Error");
    assert_eq!(statuses(json!([done, container(3, "")])), "ExitCode:3");
    assert_eq!(statuses(json!([done, done])), "Completed");
    let running = json!({"name": "r", "ready": true, "state": {"running": {}}});
    assert_eq!(statuses(json!([done, container(1, "Error"), running])), "Error");
    assert_eq!(statuses(json!([done, running])), "NotReady");
}

#[test]
fn nulls_and_missing_parts_are_empty() {
    let row = row_from_json(
        r#"{"metadata":{"name":"a","creationTimestamp":null,"labels":null},"spec":{"containers":null},"status":{"containerStatuses":null,"phase":"Pending","conditions":null}}"#,
    );
    let row = row.expect("a pod");
    assert_eq!((row.ready_column().as_str(), row.status.as_str()), ("0/0", "Pending"));
    assert_eq!(row.age_column(chrono::DateTime::UNIX_EPOCH), "<unknown>");
    assert!(row_from_json("{}").is_ok());
    assert!(row_from_json("[1]").is_err());
}
