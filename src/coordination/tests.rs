use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path as Segment, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::*;
use crate::session::lease::slug;

/// Leases as an API server keeps them: a resourceVersion that must fit, and faults to
/// order.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    leases: BTreeMap<String, Value>,
    version: u64,
    /// The next so many writes are done and answered with 500 all the same.
    lose_answers: u32,
    /// All requests are answered with this.
    broken: Option<u16>,
}

fn status(code: StatusCode, reason: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "code": code.as_u16(), "reason": reason, "message": reason});
    (code, Json(body)).into_response()
}

impl Kept {
    fn store(&mut self, name: &str, mut object: Value) -> Response {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let uid = format!("uid-{name}");
        object["metadata"]["uid"] = json!(uid);
        self.leases.insert(name.to_owned(), object.clone());
        if self.lose_answers > 0 {
            self.lose_answers -= 1;
            return (StatusCode::INTERNAL_SERVER_ERROR, "gone").into_response();
        }
        (StatusCode::OK, Json(object)).into_response()
    }

    fn take(&mut self, method: &Method, name: Option<&str>, body: Option<Value>) -> Response {
        if let Some(code) = self.broken {
            return status(StatusCode::from_u16(code).unwrap(), "Broken");
        }
        let version = |v: &Value, at: &str| v.pointer(at).and_then(Value::as_str).map(str::to_owned);
        match (method, name, body) {
            (&Method::GET, Some(name), _) => match self.leases.get(name) {
                Some(lease) => Json(lease.clone()).into_response(),
                None => status(StatusCode::NOT_FOUND, "NotFound"),
            },
            (&Method::POST, None, Some(object)) => {
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                if self.leases.contains_key(&name) {
                    return status(StatusCode::CONFLICT, "AlreadyExists");
                }
                self.store(&name, object)
            }
            (&Method::PUT, Some(name), Some(object)) => {
                let Some(there) = self.leases.get(name) else { return status(StatusCode::NOT_FOUND, "NotFound") };
                let place = "/metadata/resourceVersion";
                let sent = version(&object, place).expect("a write carries the resourceVersion it was decided on");
                if Some(sent) != version(there, place) {
                    return status(StatusCode::CONFLICT, "Conflict");
                }
                self.store(name, object)
            }
            (&Method::DELETE, Some(name), Some(options)) => {
                let there = self.leases.get(name).and_then(|l| version(l, "/metadata/resourceVersion"));
                if there.is_none() || version(&options, "/preconditions/resourceVersion") != there {
                    return status(StatusCode::CONFLICT, "Conflict");
                }
                self.leases.remove(name);
                Json(json!({"kind": "Status", "status": "Success"})).into_response()
            }
            _ => status(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
        }
    }
}

async fn one(State(server): State<Server>, method: Method, Segment(name): Segment<String>, body: bytes::Bytes) -> Response {
    server.0.lock().unwrap().take(&method, Some(&name), serde_json::from_slice(&body).ok())
}

async fn all(State(server): State<Server>, method: Method, body: bytes::Bytes) -> Response {
    server.0.lock().unwrap().take(&method, None, serde_json::from_slice(&body).ok())
}

impl Server {
    fn cluster(&self) -> Cluster {
        let leases = "/apis/coordination.k8s.io/v1/namespaces/shop/leases";
        let router =
            Router::new().route(leases, any(all)).route(&format!("{leases}/{{name}}"), any(one)).with_state(self.clone());
        Cluster::from_router(router, "shop", "s")
    }

    fn place(&self) -> Place {
        Place { folder: PathBuf::from("/nowhere"), cluster: Some(self.cluster()) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    fn only(&self) -> Value {
        self.with(|kept| kept.leases.values().next().cloned().expect("a Lease"))
    }

    /// As if the holder had gone so many seconds ago.
    fn age(&self, seconds: i64) {
        self.with(|kept| {
            let lease = kept.leases.values_mut().next().expect("a Lease");
            let renewed = Utc::now() - chrono::Duration::seconds(seconds);
            lease["spec"]["renewTime"] = json!(renewed.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
        });
    }
}

fn claim(sid: &str) -> Claim {
    Claim { sid: sid.to_owned(), holder: format!("{sid}@example.com on host") }
}

fn file_place(folder: &std::path::Path) -> Place {
    Place { folder: folder.join("locks"), cluster: None }
}

#[test]
fn names_are_what_a_cluster_allows_and_stay_apart() {
    for name in ["checkout-production", "Checkout / Production", "ünïcode", "", &"x".repeat(300)] {
        let slug = slug("pacenote-freeze", name);
        assert!(slug.len() <= 63, "{slug}");
        assert!(slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{slug}");
    }
    assert_ne!(slug("l", "a b"), slug("l", "a-b"));
}

/// Lets virtual time pass.
async fn pass(time: Duration) {
    let nothing = tokio::time::timeout(time, std::future::pending::<()>()).await;
    assert!(nothing.is_err(), "time has passed");
}

#[tokio::test]
async fn of_two_sessions_the_second_is_told_who_holds_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = file_place(folder.path());
    assert_eq!(Lock::look(&place, "checkout").await, Ok(None));
    let first = Lock::take(&place, "checkout", &claim("alice"), None).await.unwrap();
    assert_eq!(first.from, None);
    let refused = Lock::take(&place, "checkout", &claim("bob"), Some("I want it")).await.unwrap_err();
    let LockError::Held { holding, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!((holding.session.as_str(), holding.holder.as_str()), ("alice", "alice@example.com on host"));
    assert!(refused.to_string().starts_with("the lock `checkout` is held by alice@example.com on host (session alice) since 20"));
    assert_eq!(Lock::look(&place, "checkout").await.unwrap().as_ref(), Some(holding));
    // Another name is another lock.
    let other = Lock::take(&place, "payments", &claim("bob"), None).await.unwrap();
    other.release().await.unwrap();
    first.release().await.unwrap();
    assert_eq!(Lock::look(&place, "checkout").await, Ok(None));
    Lock::take(&place, "checkout", &claim("bob"), None).await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn a_file_that_was_left_stays_its_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let place = file_place(folder.path());
    drop(Lock::take(&place, "checkout", &claim("alice"), None).await.unwrap());
    let refused = Lock::take(&place, "checkout", &claim("bob"), None).await.unwrap_err();
    assert!(matches!(&refused, LockError::Left { holding, .. } if holding.session == "alice"), "{refused:?}");
    // The session itself takes it up again, without a reason.
    let again = Lock::take(&place, "checkout", &claim("alice"), None).await.unwrap();
    assert_eq!(again.from, None);
    drop(again);
    let over = Lock::take(&place, "checkout", &claim("bob"), Some("her laptop is gone")).await.unwrap();
    assert_eq!(over.from.map(|h| h.session).as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_lock_file_that_cannot_be_read_is_not_taken_for_free() {
    let folder = tempfile::tempdir().unwrap();
    let place = file_place(folder.path());
    drop(Lock::take(&place, "checkout", &claim("alice"), None).await.unwrap());
    let file = place.folder.read_dir().unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "{").unwrap();
    let refused = Lock::take(&place, "checkout", &claim("bob"), None).await.unwrap_err();
    assert!(matches!(refused, LockError::Trouble { .. }), "{refused:?}");
    // And one that is a link is not followed.
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &file).unwrap();
    let refused = Lock::take(&place, "checkout", &claim("bob"), None).await.unwrap_err();
    assert!(matches!(refused, LockError::Trouble { .. }), "{refused:?}");
    assert!(!folder.path().join("elsewhere").exists());
}

#[tokio::test]
async fn a_lease_names_its_holder_and_is_given_back() {
    let server = Server::default();
    let place = server.place();
    let lock = Lock::take(&place, "checkout-production", &claim("alice"), None).await.unwrap();
    let lease = server.only();
    assert_eq!(lease["spec"]["holderIdentity"], "alice");
    assert_eq!(lease["spec"]["leaseDurationSeconds"], 60);
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    assert_eq!(lease["metadata"]["annotations"]["pacenote/lock"], "checkout-production");
    assert_eq!(lease["metadata"]["annotations"]["pacenote/holder"], "alice@example.com on host");
    let refused = Lock::take(&place, "checkout-production", &claim("bob"), Some("I want it")).await.unwrap_err();
    assert!(matches!(&refused, LockError::Held { holding, .. } if holding.session == "alice"), "{refused:?}");
    lock.release().await.unwrap();
    assert_eq!(Lock::look(&place, "checkout-production").await, Ok(None));
    let lease = server.only();
    assert_eq!(lease["metadata"]["annotations"], json!({"pacenote/lock": "checkout-production"}));
    Lock::take(&place, "checkout-production", &claim("bob"), None).await.unwrap();
    assert_eq!(server.only()["spec"]["leaseTransitions"], 2);
}

#[tokio::test]
async fn a_lease_is_taken_over_only_when_expired_and_with_a_reason() {
    let server = Server::default();
    let place = server.place();
    let lost = Lock::take(&place, "checkout", &claim("alice"), None).await.unwrap();
    // Clocks may be apart: at 80 of 60 seconds it may still be renewed by a slow one.
    server.age(80);
    let refused = Lock::take(&place, "checkout", &claim("bob"), Some("she is gone")).await.unwrap_err();
    assert!(matches!(refused, LockError::Held { .. }), "{refused:?}");
    server.age(100);
    let refused = Lock::take(&place, "checkout", &claim("bob"), None).await.unwrap_err();
    assert!(matches!(refused, LockError::Left { .. }), "{refused:?}");
    let over = Lock::take(&place, "checkout", &claim("bob"), Some("she is gone")).await.unwrap();
    assert_eq!(over.from.as_ref().map(|h| h.session.as_str()), Some("alice"));
    assert_eq!(server.only()["metadata"]["annotations"]["pacenote/taken-over"], "from alice: she is gone");
    // Who lost it does not give back what is another's now.
    lost.release().await.unwrap();
    assert_eq!(server.only()["spec"]["holderIdentity"], "bob");
}

#[tokio::test]
async fn a_lost_answer_is_looked_after_and_not_repeated() {
    let server = Server::default();
    server.with(|kept| kept.lose_answers = 1);
    Lock::take(&server.place(), "checkout", &claim("alice"), None).await.unwrap();
    // Made once, then found to be ours and claimed once more.
    assert_eq!(server.with(|kept| kept.version), 2);
    assert_eq!(server.only()["spec"]["leaseTransitions"], 1);
}

#[tokio::test]
async fn a_forbidden_lease_keeps_the_session_from_starting() {
    let server = Server::default();
    server.with(|kept| kept.broken = Some(403));
    let refused = Lock::take(&server.place(), "checkout", &claim("alice"), None).await.unwrap_err();
    assert!(refused.to_string().starts_with("the lock `checkout` cannot be taken: not allowed (403)"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_with_the_head_of_the_journal() {
    let server = Server::default();
    let lock = Lock::take(&server.place(), "checkout", &claim("alice"), None).await.unwrap();
    let watch = Watch::start(Some(lock), None, None);
    watch.head("7 abc".to_owned());
    let before = server.with(|kept| kept.version);
    pass(RENEW * 4 + Duration::from_secs(1)).await;
    assert_eq!(server.with(|kept| kept.version), before + 4);
    assert_eq!(server.only()["metadata"]["annotations"]["pacenote/head"], "7 abc");
    assert_eq!(watch.end(true).await, None);
    assert_eq!(server.only()["spec"]["holderIdentity"], "");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_left_keeps_its_lease() {
    let server = Server::default();
    let lock = Lock::take(&server.place(), "checkout", &claim("alice"), None).await.unwrap();
    assert_eq!(Watch::start(Some(lock), None, None).end(false).await, None);
    assert_eq!(server.only()["spec"]["holderIdentity"], "alice");
}

#[tokio::test(start_paused = true)]
async fn the_loss_of_a_lease_is_said() {
    for deleted in [false, true] {
        let server = Server::default();
        let lock = Lock::take(&server.place(), "checkout", &claim("alice"), None).await.unwrap();
        let mut watch = Watch::start(Some(lock), None, None);
        if deleted {
            server.with(|kept| kept.leases.clear());
        } else {
            server.age(100);
            Lock::take(&server.place(), "checkout", &claim("bob"), Some("she is gone")).await.unwrap();
        }
        let News::LockLost(why) = watch.next().await else { panic!("no loss") };
        let expected = if deleted { "its Lease was deleted" } else { "it is held by bob@example.com on host (session bob)" };
        assert!(why.starts_with(expected), "{why}");
        assert_eq!(watch.end(true).await, None);
        if !deleted {
            assert_eq!(server.only()["spec"]["holderIdentity"], "bob");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_does_not_answer_is_said_once_and_its_return_too() {
    let server = Server::default();
    let lock = Lock::take(&server.place(), "checkout", &claim("alice"), None).await.unwrap();
    let mut watch = Watch::start(Some(lock), None, None);
    server.with(|kept| kept.broken = Some(503));
    let News::LockNotRenewed(why) = watch.next().await else { panic!("it is not said") };
    assert!(why.contains("503") && why.contains("others may take it over"), "{why}");
    server.with(|kept| kept.broken = None);
    assert_eq!(watch.next().await, News::LockRenewed);
}

fn freeze(session: Option<&str>) -> Freeze {
    Freeze {
        environment: "production".into(),
        reason: "the audit is on".into(),
        by: "alice@example.com".into(),
        at: "2026-11-21T07:00:00Z".parse().unwrap(),
        session: session.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_freeze_is_seen_here_and_by_others() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::default();
    let freezes = |folder: &tempfile::TempDir| Freezes::new(folder.path().join("freezes"), Some(server.cluster()));
    let (ours, others) = (freezes(&here), freezes(&there));
    assert_eq!(others.in_force("production").await, (None, None));
    ours.set(&freeze(None)).await.unwrap();
    assert_eq!(ours.local("production").unwrap(), Some(freeze(None)));
    assert_eq!(others.local("production").unwrap(), None);
    assert_eq!(others.in_force("production").await, (Some(freeze(None)), None));
    assert_eq!(others.in_force("staging").await, (None, None));
    // Set again with another reason: the newest counts.
    let newer = Freeze { reason: "still on".into(), ..freeze(None) };
    ours.set(&newer).await.unwrap();
    assert_eq!(others.remote("production").await, Ok(Some(newer)));
    assert_eq!(ours.lift("production").await, Ok(true));
    assert_eq!(ours.lift("production").await, Ok(false));
    assert_eq!(others.in_force("production").await, (None, None));
}

#[tokio::test]
async fn a_cluster_that_is_silent_about_freezes_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::default();
    server.with(|kept| kept.broken = Some(403));
    let freezes = Freezes::new(folder.path().join("freezes"), Some(server.cluster()));
    let (none, trouble) = freezes.in_force("production").await;
    assert_eq!(none, None);
    assert!(trouble.unwrap().starts_with("whether the cluster holds a freeze cannot be seen: not allowed (403)"));
    let why = freezes.set(&freeze(None)).await.unwrap_err();
    assert!(why.starts_with("set on this machine, but the cluster was not told: not allowed (403)"), "{why}");
    assert_eq!(freezes.local("production").unwrap(), Some(freeze(None)), "this machine is frozen all the same");
}

#[tokio::test(start_paused = true)]
async fn running_sessions_see_a_freeze_within_seconds() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::default();
    let ours = Freezes::new(here.path().join("freezes"), Some(server.cluster()));
    let others = Freezes::new(there.path().join("freezes"), Some(server.cluster()));
    let mut near = Watch::start(None, Some((ours.clone(), "production".into())), None);
    let mut far = Watch::start(None, Some((others, "production".into())), None);
    let began = tokio::time::Instant::now();
    ours.set(&freeze(None)).await.unwrap();
    assert_eq!(near.next().await, News::Freeze(Some(freeze(None))));
    assert_eq!(far.next().await, News::Freeze(Some(freeze(None))));
    assert!(began.elapsed() <= Duration::from_secs(7), "{:?}", began.elapsed());
    ours.lift("production").await.unwrap();
    assert_eq!(near.next().await, News::Freeze(None));
    assert_eq!(far.next().await, News::Freeze(None));
}
