//! A small API server: one Deployment, its ReplicaSets and pods, and a controller that
//! takes its steps as the Deployment is read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::effects::kubernetes::local;
use crate::session::intent::PatchKind;

/// What a PATCH gets.
pub(super) enum OnPatch {
    Apply,
    Answer(u16, &'static str),
    Silence,
    /// Takes the change, and the answer breaks off.
    TakeAndBreak,
}

pub(super) struct Fake {
    pub objects: Vec<(String, Value)>,
    pub replica_sets: Vec<Value>,
    pub pods: Vec<Value>,
    /// What each further look at a changed object merges into it.
    pub steps: VecDeque<Value>,
    pub on_patch: OnPatch,
    /// Changes that came, dry runs not counted: content type, body.
    pub patches: Vec<(String, Value)>,
    /// Paths of what was to be deleted, dry runs not counted.
    pub deletes: Vec<String>,
    pub agents: Vec<String>,
    pub version: u64,
    pub no_dry_run: bool,
    /// So many reads after a change get no answer.
    pub outage: u32,
}

pub(super) type Shared = Arc<Mutex<Fake>>;

pub(super) const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/checkout";
pub(super) const ROUTE: &str = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices/checkout";

pub(super) fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "checkout"}}, "spec": {"containers": [{"name": "app", "image": image}, {"name": "proxy", "image": "envoy:1"}]}})
}

pub(super) fn replica_set(revision: u64, hash: &str, image: &str) -> Value {
    let mut template = template(image);
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    json!({
        "metadata": {"name": format!("checkout-{hash}"), "uid": format!("rs-{revision}"), "labels": {"app": "checkout", "pod-template-hash": hash},
            "annotations": {"deployment.kubernetes.io/revision": revision.to_string()},
            "ownerReferences": [{"kind": "Deployment", "uid": "uid-1", "controller": true}]},
        "spec": {"template": template},
    })
}

pub(super) fn shop() -> Shared {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "uid-1", "resourceVersion": "10", "generation": 1,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "time": "2026-01-01T02:41:00Z"},
                              {"manager": "controller", "subresource": "status", "time": "2026-01-01T02:59:00Z"}]},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "checkout"}}, "template": template("shop/checkout:v1")},
        "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3},
    });
    let route = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "checkout", "namespace": "shop", "uid": "uid-2", "resourceVersion": "11", "generation": 4},
        "spec": {"hosts": ["checkout"], "http": [{"route": [
            {"destination": {"host": "checkout"}, "weight": 100}, {"destination": {"host": "checkout-canary"}, "weight": 0}]}]},
    });
    Arc::new(Mutex::new(Fake {
        objects: vec![(DEPLOYMENT.into(), deployment), (ROUTE.into(), route)],
        replica_sets: vec![replica_set(1, "aaa", "shop/checkout:v1")],
        pods: Vec::new(),
        steps: VecDeque::new(),
        on_patch: OnPatch::Apply,
        patches: Vec::new(),
        deletes: Vec::new(),
        agents: Vec::new(),
        version: 20,
        no_dry_run: false,
        outage: 0,
    }))
}

pub(super) fn router(shared: &Shared) -> Router {
    Router::new().fallback(answer).with_state(shared.clone())
}

impl Fake {
    pub(super) fn object(&mut self, path: &str) -> &mut Value {
        &mut self.objects.iter_mut().find(|(known, _)| known == path).expect("the object").1
    }
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let body = json!({"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code});
    (StatusCode::from_u16(code).unwrap(), [("audit-id", "audit-refused")], body.to_string()).into_response()
}

/// A proxy's page, or the server's own words.
fn refused(code: u16, text: &'static str) -> Response {
    if text.starts_with('<') {
        return (StatusCode::from_u16(code).unwrap(), text).into_response();
    }
    status(code, "Whatever", text)
}

async fn answer(State(shared): State<Shared>, method: Method, uri: Uri, headers: axum::http::HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    shared.lock().unwrap().agents.push(text("user-agent"));
    let query = uri.query().unwrap_or_default().to_owned();
    if method == Method::DELETE {
        return delete(&shared, uri.path(), &query, &body).await;
    }
    if method == Method::PATCH {
        return patch(&shared, uri.path(), &query, &text("content-type"), &body).await;
    }
    let mut fake = shared.lock().unwrap();
    if fake.outage > 0 && !fake.patches.is_empty() {
        fake.outage -= 1;
        return (StatusCode::BAD_GATEWAY, "<html>no route</html>").into_response();
    }
    let list = |items: &[Value]| json!({"kind": "List", "items": items}).to_string().into_response();
    match uri.path() {
        "/apis/networking.istio.io/v1" => json!({"kind": "APIResourceList", "resources": [
                {"name": "virtualservices", "kind": "VirtualService", "namespaced": true},
                {"name": "virtualservices/status", "kind": "VirtualService", "namespaced": true}]})
        .to_string()
        .into_response(),
        path if path.ends_with("/replicasets") => list(&fake.replica_sets),
        path if path.ends_with("/pods") => {
            let single = fake.objects.iter().filter(|(known, _)| known.starts_with(path)).map(|(_, pod)| pod.clone());
            let all: Vec<Value> = fake.pods.iter().cloned().chain(single).collect();
            list(&all)
        }
        path => {
            // A pod that terminates is there for one more look.
            let ending = |(known, object): &(String, Value)| known == path && object["ending"] == true;
            if let Some(place) = fake.objects.iter().position(ending) {
                return fake.objects.remove(place).1.to_string().into_response();
            }
            if !fake.patches.is_empty()
                && path == DEPLOYMENT
                && let Some(step) = fake.steps.pop_front()
            {
                if step.get("gone").is_some() {
                    fake.objects.retain(|(known, _)| known != path);
                } else {
                    json_patch::merge(fake.object(path), &step);
                }
            }
            match fake.objects.iter().find(|(known, _)| known == path) {
                Some((_, object)) => object.to_string().into_response(),
                None => status(404, "NotFound", "deployments.apps \"checkout\" not found"),
            }
        }
    }
}

async fn delete(shared: &Shared, path: &str, query: &str, body: &[u8]) -> Response {
    let options: Value = serde_json::from_slice(body).expect("options are JSON");
    let dry = query.contains("dryRun=All");
    let silent = !dry && {
        let mut fake = shared.lock().unwrap();
        fake.deletes.push(path.to_owned());
        if let OnPatch::Answer(code, text) = fake.on_patch {
            return refused(code, text);
        }
        matches!(fake.on_patch, OnPatch::Silence)
    };
    if silent {
        std::future::pending::<()>().await;
    }
    let mut fake = shared.lock().unwrap();
    let Some(place) = fake.objects.iter().position(|(known, _)| known == path) else {
        return status(404, "NotFound", "not found");
    };
    let object = &mut fake.objects[place].1;
    if options["preconditions"]["uid"] != object["metadata"]["uid"] {
        return status(409, "Conflict", "Precondition failed: UID in precondition");
    }
    if !dry {
        object["ending"] = json!(true);
    }
    ([("audit-id", "audit-9")], object.to_string()).into_response()
}

async fn patch(shared: &Shared, path: &str, query: &str, content: &str, body: &[u8]) -> Response {
    let body: Value = serde_json::from_slice(body).expect("a patch is JSON");
    let dry = query.contains("dryRun=All");
    let (silent, broken) = {
        let mut fake = shared.lock().unwrap();
        if !dry {
            fake.patches.push((content.to_owned(), body.clone()));
        } else if fake.no_dry_run {
            return status(400, "BadRequest", "admission webhook \"x\" does not support dry run");
        }
        if let OnPatch::Answer(code, text) = fake.on_patch
            && !dry
        {
            return refused(code, text);
        }
        (matches!(fake.on_patch, OnPatch::Silence) && !dry, matches!(fake.on_patch, OnPatch::TakeAndBreak) && !dry)
    };
    if silent {
        std::future::pending::<()>().await;
    }
    let mut fake = shared.lock().unwrap();
    let version = fake.version;
    let current = fake.object(path).clone();
    let kind = match content {
        "application/json-patch+json" => PatchKind::Json,
        "application/merge-patch+json" => PatchKind::Merge,
        _ => PatchKind::Strategic,
    };
    let wanted = body.pointer("/metadata/resourceVersion");
    if wanted.is_some_and(|wanted| Some(wanted) != current.pointer("/metadata/resourceVersion")) {
        return status(409, "Conflict", "the object has been modified");
    }
    let mut after = match local::applied(kind, &body, &current) {
        Ok(after) => after,
        Err(why) => return status(422, "Invalid", &format!("the server rejected our request: {why}")),
    };
    after["metadata"]["resourceVersion"] = json!(version.to_string());
    if after["spec"] != current["spec"] {
        after["metadata"]["generation"] = json!(current["metadata"]["generation"].as_i64().unwrap() + 1);
    }
    if !dry {
        fake.version += 1;
        *fake.object(path) = after.clone();
    }
    if broken {
        let stream = futures::stream::iter([Ok(Bytes::from_static(b"{\"kind\"")), Err(std::io::Error::other("cut"))]);
        return Body::from_stream(stream).into_response();
    }
    ([("audit-id", "audit-1")], after.to_string()).into_response()
}
