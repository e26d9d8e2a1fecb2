//! As much of OpenAPI as kubectl asks for before it applies something: which objects can
//! be patched, and that a patch can be tried (`dryRun`) and judged (`fieldValidation`).
//!
//! There are no schemas of objects: the server judges them itself. Newer clients read
//! version 3 as JSON, older ones version 2 as a protocol buffer.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::protobuf::field;
use crate::world::answer;
use crate::world::cluster::resource::{RESOURCES, Resource, api_version};

/// Version 2 as a protocol buffer, as clients ask for it.
const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// Parameters of every patch.
const PARAMETERS: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];

/// Answers a path of OpenAPI; nothing where it is none.
pub(super) fn answer(path: &str, headers: &HeaderMap) -> Option<Response> {
    let accepts = |word: &str| headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|text| text.contains(word));
    match path.strip_prefix("/openapi/")? {
        "v2" if accepts("protobuf") => {
            let mut response = Response::new(Body::from(second_encoded()));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
            Some(response)
        }
        "v2" => Some(answer::json(200, &second())),
        "v3" => {
            let path = |prefix: &str| (prefix.to_owned(), json!({"serverRelativeURL": format!("/openapi/v3/{prefix}?hash=1")}));
            let paths: Map<String, Value> = prefixes().iter().map(|prefix| path(prefix)).collect();
            Some(answer::json(200, &json!({"paths": paths})))
        }
        rest => {
            let prefix = rest.strip_prefix("v3/")?;
            let found = prefixes().into_iter().find(|known| known == prefix)?;
            Some(answer::json(200, &third(&found)))
        }
    }
}

/// `api/v1`, `apis/apps/v1` and so on.
fn prefixes() -> Vec<String> {
    let mut all: Vec<String> =
        RESOURCES.iter().flat_map(Resource::served).map(|(group, version)| prefix(group, version)).collect();
    all.sort();
    all.dedup();
    all
}

fn prefix(group: &str, version: &str) -> String {
    format!("{}/{}", if group.is_empty() { "api" } else { "apis" }, api_version(group, version))
}

/// What can be patched: the path, and group, version and kind.
fn patched() -> impl Iterator<Item = (String, [&'static str; 3])> {
    RESOURCES.iter().flat_map(|resource| {
        resource.served().map(|(group, version)| {
            let place = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
            (format!("/{}/{place}{}/{{name}}", prefix(group, version), resource.plural), [group, version, resource.name])
        })
    })
}

fn operation([group, version, kind]: [&str; 3]) -> Value {
    let query = PARAMETERS.map(|name| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}}));
    json!({
        "operationId": format!("patch{kind}"),
        "parameters": query,
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
    })
}

fn third(prefix: &str) -> Value {
    let within = format!("/{prefix}/");
    let paths = patched().filter(|(path, _)| path.starts_with(&within));
    let paths: Map<String, Value> = paths.map(|(path, kind)| (path, json!({"patch": operation(kind)}))).collect();
    json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.0"}, "paths": paths, "components": {"schemas": {}}})
}

fn second() -> Value {
    let paths: Map<String, Value> = patched().map(|(path, kind)| (path, json!({"patch": operation(kind)}))).collect();
    json!({"swagger": "2.0", "info": {"title": "Kubernetes", "version": "v1.36.0"}, "paths": paths, "definitions": {}})
}

/// The same document as [`second`], by the numbers of `openapi.v2.Document`.
fn second_encoded() -> Vec<u8> {
    let named = |name: &str, value: &[u8]| [field(1, name.as_bytes()), field(2, value)].concat();
    let parameter = |name: &str| {
        // ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query.
        let query = [field(2, b"query"), field(4, name.as_bytes()), field(6, b"string")].concat();
        field(8, &field(1, &field(2, &field(3, &query))))
    };
    let mut paths = Vec::new();
    for (path, [group, version, kind]) in patched() {
        let yaml = format!("group: \"{group}\"\nkind: {kind}\nversion: {version}\n");
        let parameters: Vec<u8> = PARAMETERS.iter().flat_map(|name| parameter(name)).collect();
        let extension = field(13, &named("x-kubernetes-group-version-kind", &field(2, yaml.as_bytes())));
        let operation = [parameters, extension].concat();
        paths.extend(field(2, &named(&path, &field(8, &operation))));
    }
    let info = [field(1, b"Kubernetes"), field(2, b"v1.36.0")].concat();
    [field(1, b"2.0"), field(2, &info), field(8, &paths), field(9, &[])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_tried_in_every_version() {
        let document = third("apis/apps/v1");
        let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
        assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
        assert_eq!(patch["parameters"][0]["name"], "dryRun");
        assert!(prefixes().contains(&"api/v1".to_owned()) && prefixes().contains(&"apis/networking.istio.io/v1beta1".to_owned()));
    }
}
