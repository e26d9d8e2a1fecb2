//! The Kubernetes API: from requests to answers in the form of a real API server.
//!
//! Paths are read here; what they mean is done in `write`, `watch` and
//! `discovery`. Only what is in the resource table is answered; everything else is the
//! 404 a real server gives.

use axum::body::Body;
use axum::http::{Method, Request, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::World;
use super::answer;
use super::cluster::resource::Resource;
use super::cluster::{Key, Kind};
use super::core::Core;
use super::json::{Object, set, text};

mod discovery;
pub(crate) mod patch;
pub(crate) mod selector;
pub(crate) mod status;
mod watch;
pub(crate) mod write;

use patch::PatchKind;
use selector::Selector;
use status::Refusal;
use write::Part;

/// The query of a request.
type Query = Vec<(String, String)>;

/// A path of the API, read.
#[derive(Debug)]
struct Target {
    resource: &'static Resource,
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
    let query: Query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    if matches!(path.as_str(), "/healthz" | "/livez" | "/readyz") {
        return Ok(answer::text(200, "ok"));
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let body = answer::body(body).await.ok_or_else(|| Refusal::new(413, "RequestEntityTooLarge", "the request is too large"))?;
    if let Some(found) = review(world, &parts.method, &path, &body) {
        return found;
    }
    let Some(target) = target(&path) else {
        return discovery::answer(&path).map(|found| answer::json(200, &found)).ok_or_else(Refusal::no_such_path);
    };
    let verb = verb(&parts.method, &target, &query);
    if world.with(|core| core.faults.forbids(verb, target.resource.plural)) {
        return Err(Refusal::forbidden(verb, target.resource, &target.namespace, &target.name));
    }
    match verb {
        "watch" => watch::stream(world, &target, &query),
        "get" | "list" => world.with(|core| read(core, &target, &query)),
        _ => {
            let body = decode(&body)?;
            world.change(|core| change(core, verb, &target, &query, &content_type, body))
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
    (whole && placed).then(|| Target { resource, namespace: namespace.to_owned(), name: name.to_owned(), sub: sub.to_owned() })
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
    serde_json::from_slice(body).map_err(|wrong| Refusal::new(400, "BadRequest", format!("error decoding the body: {wrong}")))
}

impl Target {
    fn key(&self) -> Key {
        let namespace = if self.resource.namespaced { &self.namespace } else { "" };
        Key::new(self.resource.kind, namespace, &self.name)
    }

    fn in_namespace(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(self.namespace.as_str())
    }
}

fn read(core: &Core, target: &Target, query: &Query) -> Answer {
    if target.name.is_empty() {
        return objects(core, target, query);
    }
    let object = write::find(&core.cluster, &target.key())?;
    match target.sub.as_str() {
        "log" => {
            let lines = parameter(query, "tailLines").parse().unwrap_or(1_000).min(10_000);
            Ok(answer::text(200, &core.cluster.pod_log(&object, lines)))
        }
        "scale" => Ok(answer::json(200, &write::scale_of(&object))),
        _ => Ok(answer::json(200, &*object)),
    }
}

/// A list, in pages where a limit is asked for. A page goes on from the state of its own
/// time, not from that of the first page.
fn objects(core: &Core, target: &Target, query: &Query) -> Answer {
    let selector = selector(query)?;
    let limit = parameter(query, "limit").parse().ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let after = parameter(query, "continue").split_once('/');
    let mut found = core.cluster.store.list(target.resource.kind, target.in_namespace()).filter(|(key, object)| {
        let later = after.is_none_or(|(namespace, name)| (key.namespace.as_str(), key.name.as_str()) > (namespace, name));
        later && selector.matches(object)
    });
    let page: Vec<(&Key, &Object)> = found.by_ref().take(limit).collect();
    let rest = found.count();
    let mut metadata = json!({"resourceVersion": core.cluster.store.revision().to_string()});
    if let (Some((last, _)), true) = (page.last(), rest > 0) {
        set(&mut metadata, &["continue"], format!("{}/{}", last.namespace, last.name));
        set(&mut metadata, &["remainingItemCount"], rest);
    }
    let items: Vec<&Value> = page.iter().map(|(_, object)| &***object).collect();
    let kind = format!("{}List", target.resource.name);
    Ok(answer::json(
        200,
        &json!({"kind": kind, "apiVersion": target.resource.api_version(), "metadata": metadata, "items": items}),
    ))
}

fn change(core: &mut Core, verb: &str, target: &Target, query: &Query, content_type: &str, body: Value) -> Answer {
    // The options of a deletion may stand in its body instead.
    let asked = match (verb, parameter(query, "dryRun")) {
        ("delete", "") => text(&body, "/dryRun/0"),
        (_, asked) => asked,
    };
    let dry = match asked {
        "" => false,
        "All" => true,
        other => {
            let message = format!("dryRun: Unsupported value: \"{other}\": supported values: \"All\"");
            return Err(Refusal::new(422, "Invalid", message));
        }
    };
    let part = match target.sub.as_str() {
        "" => Part::Main,
        "status" => Part::Status,
        "scale" => Part::Scale,
        _ => {
            return Err(Refusal::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"));
        }
    };
    let cluster = &mut core.cluster;
    let key = target.key();
    match (verb, target.name.is_empty()) {
        ("create", true) => {
            let chance = cluster.chance();
            let created = write::create(cluster, target.resource, &target.namespace, body, dry);
            if dry {
                // What was only tried does not show in the names that come later.
                cluster.set_chance(chance);
            }
            created.map(|created| answer::json(201, &*created))
        }
        ("update", false) => write::replace(cluster, &key, part, body, dry).map(|new| answer::json(200, &*new)),
        ("patch", false) => {
            let kind = PatchKind::of(content_type, target.resource)?;
            write::patch(cluster, &key, part, kind, &body, dry).map(|patched| answer::json(200, &*patched))
        }
        ("delete", false) => {
            let gone = write::delete(cluster, &key, &body, dry)?;
            if key.kind == Kind::Pod {
                return Ok(answer::json(200, &*gone));
            }
            let details = json!({
                "name": key.name, "group": target.resource.group, "kind": target.resource.plural, "uid": text(&gone, "/metadata/uid"),
            });
            let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
            Ok(answer::json(200, &status))
        }
        _ => Err(Refusal::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")),
    }
}

/// Answers the reviews that ask who one is and what one may.
fn review(world: &World, method: &Method, path: &str, body: &[u8]) -> Option<Answer> {
    let kind = match path {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => "SelfSubjectAccessReview",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" => "SelfSubjectReview",
        _ => return None,
    };
    if *method != Method::POST {
        return Some(Err(Refusal::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )));
    }
    let mut review = match decode(body) {
        Ok(review) => review,
        Err(refusal) => return Some(Err(refusal)),
    };
    set(&mut review, &["kind"], kind);
    let status = if kind == "SelfSubjectReview" {
        json!({"userInfo": {"username": "rehearsal", "groups": ["system:authenticated"]}})
    } else {
        let attributes = |field: &str| text(&review, &format!("/spec/resourceAttributes/{field}")).to_owned();
        let (verb, resource) = (attributes("verb"), attributes("resource"));
        match world.with(|core| core.faults.forbids(&verb, &resource)) {
            true => json!({"allowed": false, "reason": "withdrawn by the scenario"}),
            false => json!({"allowed": true, "reason": "a rehearsal may do everything"}),
        }
    };
    set(&mut review, &["status"], status);
    Some(Ok(answer::json(201, &review)))
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
