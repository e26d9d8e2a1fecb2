//! Objects as JSON: the parts that matter, and whether two are the same.

use serde_json::Value;

use crate::session::intent::{ObjectState, Resource, Workload};

/// The annotation that names the session on what it changed.
pub(super) const SESSION: &str = "pacenote/session";
/// Set by the Deployment controller on Deployments and ReplicaSets.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";

/// The text at a JSON pointer.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// The whole number at a JSON pointer; 0 where there is none, as the API's Go types have it.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid").unwrap_or_default()
}

pub(super) fn resource_version(object: &Value) -> Option<String> {
    text(object, "/metadata/resourceVersion").map(str::to_owned)
}

pub(super) fn generation(object: &Value) -> i64 {
    number(object, "/metadata/generation")
}

pub(super) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// The revision the Deployment controller counted; 0 where it has not yet.
pub(super) fn revision(object: &Value) -> u64 {
    annotation(object, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// How many pods a workload should have; 1 where nobody said.
pub(super) fn replicas(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

pub(super) fn is_paused(object: &Value) -> bool {
    object.pointer("/spec/paused").and_then(Value::as_bool).unwrap_or(false)
}

/// The resource as a workload whose rollout can be followed.
pub(super) fn workload(resource: &Resource) -> Option<Workload> {
    let known = resource.group == "apps" && matches!(resource.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet");
    known.then(|| Workload { kind: resource.kind.clone(), name: resource.name.clone() })
}

/// The pod template as its author wrote it: without the hash the controller adds.
pub(super) fn template(object: &Value) -> Value {
    let mut template = object.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, value| !(key == "creationTimestamp" && value.is_null()));
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.shift_remove("pod-template-hash");
        }
    }
    template
}

/// Names and images of a template's containers.
pub(super) fn images(template: &Value) -> Vec<String> {
    let list = |key: &str| template.pointer(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let all = list("/spec/initContainers").into_iter().chain(list("/spec/containers"));
    all.filter_map(|c| Some(format!("{}={}", text(&c, "/name")?, text(&c, "/image")?))).collect()
}

/// The pods of a workload as a label selector.
pub(super) fn selector(object: &Value) -> String {
    let mut parts = Vec::new();
    for (key, value) in object.pointer("/spec/selector/matchLabels").and_then(Value::as_object).into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str().unwrap_or_default()));
    }
    for expression in object.pointer("/spec/selector/matchExpressions").and_then(Value::as_array).into_iter().flatten() {
        let key = text(expression, "/key").unwrap_or_default();
        let values: Vec<&str> =
            expression.get("values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        match text(expression, "/operator") {
            Some("In") => parts.push(format!("{key} in ({})", values.join(","))),
            Some("NotIn") => parts.push(format!("{key} notin ({})", values.join(","))),
            Some("Exists") => parts.push(key.to_owned()),
            Some("DoesNotExist") => parts.push(format!("!{key}")),
            _ => {}
        }
    }
    parts.join(",")
}

/// Whether an object is controlled by another.
pub(super) fn is_controlled_by(object: &Value, owner: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|reference| {
        text(reference, "/uid") == Some(owner) && reference.get("controller").and_then(Value::as_bool) == Some(true)
    })
}

/// The object without the bookkeeping of who owns which field.
pub(super) fn without_managed_fields(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("managedFields");
    }
    object
}

/// What its authors say about an object: without status, counters and what controllers
/// write. Autoscalers write `replicas`, so that is left out for workloads.
pub(super) fn comparable(object: &Value) -> Value {
    let mut object = without_managed_fields(object.clone());
    let is_workload = object.pointer("/spec/template/spec/containers").is_some();
    if let Some(whole) = object.as_object_mut() {
        whole.shift_remove("status");
        if let Some(spec) = whole.get_mut("spec").and_then(Value::as_object_mut).filter(|_| is_workload) {
            spec.shift_remove("replicas");
        }
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("resourceVersion");
        metadata.shift_remove("generation");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| name != SESSION && !name.starts_with("deployment.kubernetes.io/"));
            if annotations.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
    }
    object
}

/// Whether the object is still what the operator saw; the error continues "… NAME".
///
/// Autoscalers may change the number of replicas at any time, which is nothing to stop
/// for, unless it is `scaling` that the operator said yes to.
pub(super) fn still_as_seen(seen: &ObjectState, now: &Value, scaling: bool) -> Result<(), String> {
    if uid(now) != seen.uid {
        return Err("was deleted and created anew since it was read".into());
    }
    if resource_version(now).as_deref() == Some(seen.resource_version.as_str()) {
        return Ok(());
    }
    let before: Value =
        serde_json::from_str(&seen.before).map_err(|_| "cannot be compared with what was read before".to_owned())?;
    let mut lines = super::diff::between(&comparable(&before), &comparable(now));
    if scaling && replicas(&before) != replicas(now) {
        lines.push(format!("- spec.replicas: {}", replicas(&before)));
        lines.push(format!("+ spec.replicas: {}", replicas(now)));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let who = last_writer(now).map(|who| format!(" by {who}")).unwrap_or_default();
    Err(format!("was changed{who} since it was read: {}", super::diff::few(&lines)))
}

/// Who wrote to the object last, its status aside: manager and time.
pub(super) fn last_writer(object: &Value) -> Option<String> {
    let fields = object.pointer("/metadata/managedFields")?.as_array()?;
    let own = fields.iter().filter(|entry| text(entry, "/subresource") != Some("status"));
    let last = own.max_by_key(|entry| text(entry, "/time").unwrap_or_default())?;
    let at = text(last, "/time").map(|time| format!(" at {time}")).unwrap_or_default();
    Some(format!("{}{at}", text(last, "/manager")?))
}
