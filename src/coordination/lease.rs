//! Locks as Leases of the environment's namespace.
//!
//! Every write carries the resourceVersion of what it was decided on, so of two who want
//! the same lock one is told. A write whose answer is lost is not sent again: the Lease is
//! read, and what it then says counts.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http::{Request, header};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use super::{Claim, DURATION, Holding, LockError, MARGIN};
use crate::ports::{self, Cluster};
use crate::session::lease::of_lock;

/// How long one request may take: a lock that cannot be had in this time is not had.
const PATIENCE: Duration = Duration::from_secs(10);
/// So often somebody else may be quicker before that is reported.
const TRIES: usize = 3;

const SESSION: &str = "pacenote/session";
const HOLDER: &str = "pacenote/holder";
const HEAD: &str = "pacenote/head";
const NAME: &str = "pacenote/lock";
const TAKEN_OVER: &str = "pacenote/taken-over";

/// A Lease that is held.
#[derive(Debug)]
pub(super) struct LeaseLock {
    leases: Leases,
    lease: String,
    sid: String,
    /// The Lease as the server last gave it.
    object: Value,
}

/// What became of a renewal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// It is renewed.
    Renewed,
    /// It is another's now, or gone; why.
    Lost(String),
    /// It could not be renewed this time; why.
    Failed(String),
}

pub(super) async fn take(
    cluster: &Cluster,
    name: &str,
    claim: &Claim,
    take_over: Option<&str>,
) -> Result<(LeaseLock, Option<Holding>), LockError> {
    let trouble = |why: String| LockError::Trouble { lock: name.to_owned(), why };
    let leases = Leases::of(cluster);
    let lease = of_lock(name);
    for _ in 0..TRIES {
        let found = leases.get(&lease).await.map_err(|t| trouble(t.words))?;
        let holding = found.as_ref().and_then(holding);
        let from = holding.filter(|h| h.session != claim.sid);
        if let Some(holding) = &from {
            let left = expired(found.as_ref(), Utc::now());
            match (left, take_over) {
                (false, _) => return Err(LockError::Held { lock: name.to_owned(), holding: holding.clone() }),
                (true, None) => return Err(LockError::Left { lock: name.to_owned(), holding: holding.clone() }),
                (true, Some(_)) => {}
            }
        }
        let now = Utc::now();
        let taken = match found {
            None => leases.create(&claimed(&leases.fresh(&lease, name), claim, now, None)).await,
            Some(object) => {
                let reason = from.as_ref().and(take_over);
                leases.replace(&lease, &claimed(&object, claim, now, reason)).await
            }
        };
        match taken {
            Ok(object) => return Ok((LeaseLock { leases, lease, sid: claim.sid.clone(), object }, from)),
            // Somebody was quicker, or nobody knows whether it was written: look again.
            Err(trouble) if trouble.conflict || trouble.unknown => {}
            Err(t) => return Err(trouble(t.words)),
        }
    }
    Err(trouble("others keep changing it; try again in a moment".to_owned()))
}

/// Who has it now.
pub(super) async fn look(cluster: &Cluster, name: &str) -> Result<Option<Holding>, String> {
    let found = Leases::of(cluster).get(&of_lock(name)).await.map_err(|t| t.words)?;
    Ok(found.as_ref().and_then(holding))
}

impl LeaseLock {
    /// Renews it, and puts the head of the journal there.
    pub(super) async fn renew(&mut self, head: &str) -> Renewal {
        let mut object = self.object.clone();
        set(&mut object, &["spec", "renewTime"], json!(micros(Utc::now())));
        set(&mut object, &["metadata", "annotations", HEAD], json!(head));
        match self.leases.replace(&self.lease, &object).await {
            Ok(object) => {
                self.object = object;
                Renewal::Renewed
            }
            Err(trouble) if trouble.conflict || trouble.gone || trouble.unknown => self.read_again(trouble.words).await,
            Err(trouble) => Renewal::Failed(trouble.words),
        }
    }

    /// The Lease is not what it was: whose is it?
    async fn read_again(&mut self, why: String) -> Renewal {
        match self.leases.get(&self.lease).await {
            Ok(Some(object)) => match holding(&object) {
                Some(holding) if holding.session == self.sid => {
                    self.object = object;
                    Renewal::Failed(why)
                }
                Some(holding) => Renewal::Lost(format!("it is held by {holding}")),
                None => Renewal::Lost("somebody has given it back".to_owned()),
            },
            Ok(None) => Renewal::Lost("its Lease was deleted".to_owned()),
            Err(trouble) => Renewal::Failed(trouble.words),
        }
    }

    /// Gives it back: the Lease stays, without a holder.
    pub(super) async fn release(mut self) -> Result<(), String> {
        for _ in 0..TRIES {
            let mut object = self.object.clone();
            set(&mut object, &["spec", "holderIdentity"], json!(""));
            for name in [SESSION, HOLDER, HEAD, TAKEN_OVER] {
                if let Some(annotations) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
                    annotations.remove(name);
                }
            }
            let trouble = match self.leases.replace(&self.lease, &object).await {
                Ok(_) => return Ok(()),
                Err(trouble) => trouble,
            };
            match self.leases.get(&self.lease).await {
                Ok(Some(now)) if holding(&now).is_some_and(|h| h.session == self.sid) => self.object = now,
                // Another's, nobody's or gone: not ours to give back any more.
                Ok(_) => return Ok(()),
                Err(_) => return Err(trouble.words),
            }
        }
        Err("others keep changing it".to_owned())
    }
}

/// A Lease with its holder, times and reason filled in.
fn claimed(object: &Value, claim: &Claim, now: DateTime<Utc>, take_over: Option<&str>) -> Value {
    let mut object = object.clone();
    let before = holding(&object);
    let again = before.as_ref().is_some_and(|h| h.session == claim.sid);
    let transitions = object.pointer("/spec/leaseTransitions").and_then(Value::as_i64).unwrap_or(0);
    set(&mut object, &["spec", "holderIdentity"], json!(claim.sid));
    set(&mut object, &["spec", "leaseDurationSeconds"], json!(DURATION.as_secs()));
    set(&mut object, &["spec", "renewTime"], json!(micros(now)));
    set(&mut object, &["metadata", "annotations", SESSION], json!(claim.sid));
    set(&mut object, &["metadata", "annotations", HOLDER], json!(claim.holder));
    if !again {
        set(&mut object, &["spec", "acquireTime"], json!(micros(now)));
        set(&mut object, &["spec", "leaseTransitions"], json!(transitions + 1));
    }
    if let (Some(reason), Some(before)) = (take_over, before) {
        set(&mut object, &["metadata", "annotations", TAKEN_OVER], json!(format!("from {}: {reason}", before.session)));
    }
    object
}

/// Who holds a Lease; nobody where its holder is empty.
fn holding(object: &Value) -> Option<Holding> {
    let identity = object.pointer("/spec/holderIdentity").and_then(Value::as_str).filter(|id| !id.is_empty())?;
    let annotation = |name: &str| object.pointer("/metadata/annotations")?.get(name)?.as_str().map(str::to_owned);
    let session = annotation(SESSION).unwrap_or_else(|| identity.to_owned());
    Some(Holding {
        session,
        holder: annotation(HOLDER).unwrap_or_else(|| identity.to_owned()),
        since: time(object, "/spec/acquireTime").unwrap_or_default(),
        renewed: time(object, "/spec/renewTime"),
    })
}

/// Whether a Lease was not renewed in its time. One without times is no one's to keep.
fn expired(object: Option<&Value>, now: DateTime<Utc>) -> bool {
    let Some(object) = object else { return true };
    let duration = object.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(0);
    let margin = i64::try_from(MARGIN.as_secs()).unwrap_or(0);
    time(object, "/spec/renewTime").is_none_or(|renewed| now > renewed + chrono::Duration::seconds(duration + margin))
}

fn time(object: &Value, pointer: &str) -> Option<DateTime<Utc>> {
    let text = object.pointer(pointer)?.as_str()?;
    DateTime::parse_from_rfc3339(text).ok().map(|t| t.to_utc())
}

/// As a MicroTime is written.
fn micros(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Sets a member, making the mappings on the way.
pub(super) fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut here = object;
    for name in path {
        if !here.is_object() {
            *here = json!({});
        }
        let Some(map) = here.as_object_mut() else { return };
        here = map.entry((*name).to_owned()).or_insert(Value::Null);
    }
    *here = value;
}

/// Why a request has no good answer.
#[derive(Debug)]
pub(super) struct Trouble {
    pub words: String,
    /// Somebody else was quicker.
    pub conflict: bool,
    /// The Lease is not there.
    pub gone: bool,
    /// Nobody knows whether it was written.
    pub unknown: bool,
}

/// The Leases of one namespace.
#[derive(Debug, Clone)]
pub(super) struct Leases {
    cluster: Cluster,
}

impl Leases {
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone() }
    }

    fn collection(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.cluster.namespace)
    }

    /// A Lease that is not there yet.
    pub(super) fn fresh(&self, lease: &str, name: &str) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": lease, "namespace": self.cluster.namespace, "annotations": {NAME: name}},
            "spec": {},
        })
    }

    pub(super) async fn get(&self, lease: &str) -> Result<Option<Value>, Trouble> {
        match self.send(Request::get(format!("{}/{lease}", self.collection())), None).await {
            Err(trouble) if trouble.gone => Ok(None),
            answer => answer.map(Some),
        }
    }

    pub(super) async fn create(&self, object: &Value) -> Result<Value, Trouble> {
        self.send(Request::post(format!("{}?fieldManager=pacenote", self.collection())), Some(object)).await
    }

    /// Writes a Lease over the one with the same resourceVersion, which it holds.
    pub(super) async fn replace(&self, lease: &str, object: &Value) -> Result<Value, Trouble> {
        self.send(Request::put(format!("{}/{lease}?fieldManager=pacenote", self.collection())), Some(object)).await
    }

    /// Deletes the very Lease that was read.
    pub(super) async fn delete(&self, lease: &str, object: &Value) -> Result<(), Trouble> {
        let part = |name: &str| object.pointer(&format!("/metadata/{name}")).cloned().unwrap_or(Value::Null);
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": part("uid"), "resourceVersion": part("resourceVersion")},
        });
        self.send(Request::delete(format!("{}/{lease}", self.collection())), Some(&options)).await.map(drop)
    }

    async fn send(&self, request: http::request::Builder, body: Option<&Value>) -> Result<Value, Trouble> {
        let changes = body.is_some();
        let lost = |words: String, sent: bool| Trouble { words, conflict: false, gone: false, unknown: sent && changes };
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string().into_bytes()));
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        let request = request.map_err(|error| lost(error.to_string(), false))?;
        let exchange = async {
            let answer = self.cluster.client.send(request).await;
            let answer = answer.map_err(|e| lost(ports::explain(&e, &self.cluster), ports::sent(&e)))?;
            let (parts, body) = answer.into_parts();
            let bytes = body.collect().await.map_err(|e| lost(format!("the answer broke off: {e}"), true))?.to_bytes();
            Ok((parts.status.as_u16(), bytes))
        };
        let (code, bytes) = match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(answer) => answer?,
            Err(_) => return Err(lost(format!("{} gave no answer within {PATIENCE:?}", self.cluster.server), true)),
        };
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if (200..300).contains(&code) && body.is_object() {
            return Ok(body);
        }
        let part = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let status = part("kind") == "Status";
        let words = if status {
            ports::refusal(code, part("message"), part("reason"), &self.cluster)
        } else {
            format!("{} answered {code} with something that no API server says", self.cluster.server)
        };
        Err(Trouble {
            words,
            conflict: status && code == 409,
            gone: status && code == 404,
            unknown: changes && !(300..500).contains(&code),
        })
    }
}
