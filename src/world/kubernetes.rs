//! The Kubernetes API: from requests to answers in the form of a real API server.
//!
//! Paths are read here; what they mean is done in `write`, `pages`, `watch`, `logs` and
//! `discovery`. Only what is in the resource table is answered; everything else is the
//! 404 a real server gives.

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Request, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::World;
use super::answer;
use super::cluster::resource::{Resource, api_version};
use super::cluster::{Key, Kind};
use super::core::Core;
use super::json::{set, text};

mod apply;
mod convert;
mod discovery;
mod fields;
mod logs;
mod openapi;
mod pages;
pub(crate) mod patch;
mod protobuf;
mod review;
pub(crate) mod selector;
pub(crate) mod status;
mod table;
mod usage;
mod validate;
mod watch;
pub(crate) mod write;

use convert::outgoing;
use patch::PatchKind;
use selector::Selector;
use status::Refusal;
use table::Shape;
use write::{Part, Write};

/// The query of a request.
type Query = Vec<(String, String)>;

/// A path of the API, read.
#[derive(Debug, Clone)]
struct Target {
    resource: &'static Resource,
    /// The group and version the request speaks.
    served: (String, String),
    namespace: String,
    name: String,
    sub: String,
}

/// An answer that may still be a refusal.
type Answer = Result<Response, Refusal>;

/// Answers a request to the API server.
pub(super) async fn serve(world: &World, request: Request<Body>) -> Response {
    let audit = world.with(Core::audit_id);
    let slow = world.with(|core| core.faults.api_is_slow());
    if let Some(period) = slow {
        world.sleep(period.millis()).await;
    }
    let mut response = match respond(world, request).await {
        Ok(response) => response,
        Err(refusal) => answer::json(refusal.code, &refusal.body()),
    };
    if let Ok(value) = audit.parse() {
        response.headers_mut().insert("audit-id", value);
    }
    response
}

async fn respond(world: &World, request: Request<Body>) -> Answer {
    if world.with(|core| core.faults.api_is_down()) {
        return Err(Refusal::new(503, "ServiceUnavailable", "the server is currently unable to handle the request"));
    }
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    if matches!(path.as_str(), "/healthz" | "/livez" | "/readyz") {
        return Ok(answer::text(200, "ok"));
    }
    if world.with(|core| core.faults.login_expired()) {
        return Err(Refusal::unauthorized());
    }
    let query: Query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let body = answer::body(body).await.ok_or_else(|| Refusal::new(413, "RequestEntityTooLarge", "the request is too large"))?;
    if let Some(found) = review::review(world, &parts.method, &path, &body) {
        return found;
    }
    if let Some(found) = world.with(|core| usage::usage(core, &parts.method, &path, &query)) {
        return found;
    }
    if let Some(found) = openapi::answer(&path, &parts.headers) {
        return Ok(found);
    }
    let Some(target) = target(&path) else {
        return discovery::answer(&path).map(|found| answer::json(200, &found)).ok_or_else(Refusal::no_such_path);
    };
    let verb = verb(&parts.method, &target, &query);
    if world.with(|core| core.faults.forbids(verb, target.resource.plural, &target.sub, &target.name)) {
        return Err(Refusal::forbidden(verb, target.resource, &target.sub, &target.namespace, &target.name));
    }
    match verb {
        "watch" => watch::stream(world, &target, &query, &parts.headers),
        "get" if target.sub == "log" => logs::answer(world, &target, &query),
        "list" => world.with(|core| pages::list(core, &target, &query, &parts.headers)),
        "get" => world.with(|core| get(core, &target, &query, &parts.headers)),
        _ => {
            let body = decode(&body)?;
            world.change(|core| change(core, verb, &target, &query, &parts, body))
        }
    }
}

/// Reads a path that names objects: `/api/v1/namespaces/shop/pods/a/log`.
fn target(path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() && rest != ["status"] => (*namespace, rest),
        _ => ("", rest),
    };
    let (plural, name, sub) = match rest {
        [plural] => (*plural, "", ""),
        [plural, name] => (*plural, *name, ""),
        [plural, name, sub] => (*plural, *name, *sub),
        _ => return None,
    };
    let resource = Resource::find(group, version, plural)?;
    let whole = sub.is_empty() || resource.sub.contains(&sub);
    let placed = name.is_empty() || resource.namespaced != namespace.is_empty();
    let served = (group.to_owned(), version.to_owned());
    let own = |text: &str| text.to_owned();
    (whole && placed).then(|| Target { resource, served, namespace: own(namespace), name: own(name), sub: own(sub) })
}

fn verb(method: &Method, target: &Target, query: &Query) -> &'static str {
    let watching = matches!(parameter(query, "watch"), "true" | "1");
    match *method {
        Method::GET if watching => "watch",
        Method::GET if target.name.is_empty() => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if target.name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}

fn parameter<'a>(query: &'a Query, name: &str) -> &'a str {
    query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
}

fn selector(query: &Query) -> Result<Selector, Refusal> {
    let bad = |message| Refusal::new(400, "BadRequest", message);
    let labels = Selector::labels(parameter(query, "labelSelector")).map_err(bad)?;
    Ok(labels.and(Selector::fields(parameter(query, "fieldSelector")).map_err(bad)?))
}

fn decode(body: &[u8]) -> Result<Value, Refusal> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    if protobuf::is_encoded(body) {
        let accepted = "application/json, application/yaml";
        let message = format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        return Err(Refusal::new(415, "UnsupportedMediaType", message));
    }
    let refuse = |why: String| Refusal::new(400, "BadRequest", format!("error decoding the body: {why}"));
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        // An apply may come as YAML, of which JSON is a part.
        Err(wrong) => {
            let text = std::str::from_utf8(body).map_err(|_| refuse(wrong.to_string()))?;
            serde_saphyr::from_str::<Value>(text).ok().filter(Value::is_object).ok_or_else(|| refuse(wrong.to_string()))
        }
    }
}

impl Target {
    fn key(&self) -> Key {
        let namespace = if self.resource.namespaced { &self.namespace } else { "" };
        Key::new(self.resource.kind, namespace, &self.name)
    }

    /// The group and version the request speaks: `apps/v1`.
    fn version(&self) -> String {
        api_version(&self.served.0, &self.served.1)
    }

    fn in_namespace(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(self.namespace.as_str())
    }
}

fn get(core: &Core, target: &Target, query: &Query, headers: &HeaderMap) -> Answer {
    let object = write::find(&core.cluster, &target.key())?;
    if target.sub == "scale" {
        return Ok(answer::json(200, &write::scale_of(&object)));
    }
    Ok(match Shape::asked(headers) {
        Shape::Table => {
            let metadata = json!({"resourceVersion": text(&object, "/metadata/resourceVersion")});
            answer::json(200, &table::table(core, target, query, [&*object].into_iter(), &metadata))
        }
        Shape::Metadata => answer::json(200, &table::partial(&object)),
        Shape::Object => answer::json(200, &outgoing(target.resource, &object, &target.version())),
    })
}

/// Whether a change is only to be tried. The options of a deletion may stand in its body.
fn dry_run(verb: &str, query: &Query, body: &Value) -> Result<bool, Refusal> {
    let asked = match (verb, parameter(query, "dryRun")) {
        ("delete" | "deletecollection", "") => text(body, "/dryRun/0"),
        (_, asked) => asked,
    };
    match asked {
        "" => Ok(false),
        "All" => Ok(true),
        other => {
            let message = format!("dryRun: Unsupported value: \"{other}\": supported values: \"All\"");
            Err(Refusal::new(422, "Invalid", message))
        }
    }
}

/// Who changes something: who they say they are, else what their client calls itself.
fn manager<'a>(query: &'a Query, headers: &'a HeaderMap) -> &'a str {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match (parameter(query, "fieldManager"), agent.split('/').next().unwrap_or_default()) {
        ("", "") => "unknown",
        ("", client) => client,
        (named, _) => named,
    }
}

fn change(core: &mut Core, verb: &str, target: &Target, query: &Query, request: &Parts, body: Value) -> Answer {
    let version = target.version();
    let part = match target.sub.as_str() {
        "" => Part::Main,
        "status" => Part::Status,
        "scale" => Part::Scale,
        _ => return Err(Refusal::not_allowed()),
    };
    let write = Write {
        part,
        version: &version,
        manager: manager(query, &request.headers),
        dry: dry_run(verb, query, &body)?,
        force: parameter(query, "force") == "true",
    };
    let cluster = &mut core.cluster;
    let key = target.key();
    let shown = |code: u16, object: &Value| answer::json(code, &outgoing(target.resource, object, &version));
    match (verb, target.name.is_empty()) {
        ("create", true) => {
            let created = write::create(cluster, target.resource, &target.namespace, body, write)?;
            Ok(shown(201, &created))
        }
        ("update", false) => write::replace(cluster, &key, body, write).map(|new| shown(200, &new)),
        ("patch", false) => {
            let content = request.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
            let kind = PatchKind::of(content, target.resource)?;
            if kind == PatchKind::Apply && parameter(query, "fieldManager").is_empty() {
                return Err(Refusal::new(422, "Invalid", "fieldManager: Required value: is required for apply patch"));
            }
            let (patched, created) = write::patch(cluster, &key, kind, &body, write)?;
            Ok(shown(if created { 201 } else { 200 }, &patched))
        }
        ("delete", false) => delete(cluster, target, &options(query, body), write.dry),
        ("deletecollection", true) => {
            let selector = selector(query)?;
            let gone: Vec<Key> = cluster
                .store
                .list(target.resource.kind, target.in_namespace())
                .filter(|(_, object)| selector.matches(object))
                .map(|(key, _)| key.clone())
                .collect();
            for key in &gone {
                write::delete(cluster, key, &options(query, body.clone()), write.dry)?;
            }
            Ok(answer::json(200, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})))
        }
        _ => Err(Refusal::not_allowed()),
    }
}

/// The options of a deletion, from its body or its query.
fn options(query: &Query, mut body: Value) -> Value {
    if let Ok(grace) = parameter(query, "gracePeriodSeconds").parse::<i64>() {
        set(&mut body, &["gracePeriodSeconds"], grace);
    }
    if !parameter(query, "propagationPolicy").is_empty() {
        set(&mut body, &["propagationPolicy"], parameter(query, "propagationPolicy"));
    }
    body
}

fn delete(cluster: &mut super::cluster::Cluster, target: &Target, options: &Value, dry: bool) -> Answer {
    let key = target.key();
    let gone = write::delete(cluster, &key, options, dry)?;
    if key.kind == Kind::Pod {
        return Ok(answer::json(200, &*gone));
    }
    let details = json!({
        "name": key.name, "group": target.resource.group, "kind": target.resource.plural, "uid": text(&gone, "/metadata/uid"),
    });
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    Ok(answer::json(200, &status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        for (path, expected) in [
            ("/api/v1/pods", Some(("pods", "", "", ""))),
            ("/api/v1/namespaces", Some(("namespaces", "", "", ""))),
            ("/api/v1/namespaces/shop", Some(("namespaces", "", "shop", ""))),
            ("/api/v1/namespaces/shop/pods/a/log", Some(("pods", "shop", "a", "log"))),
            ("/apis/apps/v1/namespaces/shop/deployments/a", Some(("deployments", "shop", "a", ""))),
            ("/apis/apps/v1/namespaces/shop/deployments/a/exec", None),
            ("/apis/apps/v1/deployments/a", None),
            ("/apis/apps/v1beta1/deployments", None),
            ("/api/v1", None),
            ("/", None),
        ] {
            let read = target(path);
            let read = read.as_ref().map(|t| (t.resource.plural, t.namespace.as_str(), t.name.as_str(), t.sub.as_str()));
            assert_eq!(read, expected, "{path}");
        }
    }
}
