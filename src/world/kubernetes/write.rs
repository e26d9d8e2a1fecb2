//! Creating, changing and deleting objects, by the rules of the API server.

use serde_json::{Value, json};

use super::patch::PatchKind;
use super::status::Refusal;
use crate::world::cluster::build::complete_deployment;
use crate::world::cluster::resource::Resource;
use crate::world::cluster::{Cluster, Key, Kind};
use crate::world::json::{Object, list, number, set, text, unset};

/// Which part of an object a request writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The object; its status stays as it is.
    Main,
    /// Its status; everything else stays as it is.
    Status,
    /// Its size.
    Scale,
}

/// Bumps the generation where something that counts has changed: the spec, and in
/// Deployments the annotations as well.
pub(crate) fn bump_generation(before: &Value, after: &mut Value) {
    let differs = |pointer: &str| before.pointer(pointer) != after.pointer(pointer);
    let annotations = text(before, "/kind") == "Deployment" && differs("/metadata/annotations");
    if number(before, "/metadata/generation") > 0 && (differs("/spec") || annotations) {
        set(after, &["metadata", "generation"], number(before, "/metadata/generation") + 1);
    }
}

/// Creates an object.
///
/// # Errors
/// 409 where there is one of that name, 422 where it is not valid.
pub(crate) fn create(
    cluster: &mut Cluster,
    resource: &'static Resource,
    namespace: &str,
    mut object: Value,
    dry: bool,
) -> Result<Object, Refusal> {
    if text(&object, "/kind") != resource.name || text(&object, "/apiVersion") != resource.api_version() {
        let message = format!("the object provided is unrecognized: expected {} {}", resource.api_version(), resource.name);
        return Err(Refusal::new(400, "BadRequest", message));
    }
    let mut name = text(&object, "/metadata/name").to_owned();
    if name.is_empty() && !text(&object, "/metadata/generateName").is_empty() {
        name = format!("{}{}", text(&object, "/metadata/generateName"), cluster.uid().get(..5).unwrap_or_default());
        set(&mut object, &["metadata", "name"], name.clone());
    }
    if name.is_empty() {
        return Err(Refusal::invalid(resource, "", "metadata.name", "Required value: name or generateName is required"));
    }
    let key = Key::new(resource.kind, if resource.namespaced { namespace } else { "" }, &name);
    if cluster.store.get(&key).is_some() {
        return Err(Refusal::exists(resource, &name));
    }
    if resource.namespaced {
        if cluster.store.get(&Key::new(Kind::Namespace, "", namespace)).is_none() {
            return Err(Refusal::not_found(Kind::Namespace.resource(), namespace));
        }
        set(&mut object, &["metadata", "namespace"], namespace);
    }
    set(&mut object, &["metadata", "uid"], cluster.uid());
    set(&mut object, &["metadata", "creationTimestamp"], cluster.timestamp());
    unset(&mut object, &["metadata", "resourceVersion"]);
    if object.get("spec").is_some() {
        set(&mut object, &["metadata", "generation"], 1);
    }
    if resource.status {
        set(&mut object, &["status"], json!({}));
    }
    if resource.kind == Kind::Deployment {
        complete_deployment(&mut object);
    }
    validate(resource, &object)?;
    Ok(if dry { object.into() } else { cluster.write(&key, object) })
}

/// Applies a patch to an object.
///
/// # Errors
/// 404, and what [`replace`] refuses.
pub(crate) fn patch(
    cluster: &mut Cluster,
    key: &Key,
    part: Part,
    kind: PatchKind,
    patch: &Value,
    dry: bool,
) -> Result<Object, Refusal> {
    let current = find(cluster, key)?;
    let seen = if part == Part::Scale { scale_of(&current) } else { Value::clone(&current) };
    let patched = kind.apply(&seen, patch)?;
    replace(cluster, key, part, patched, dry)
}

/// Replaces an object, or a part of it.
///
/// # Errors
/// 404, 409 where it has changed since or is another, 422 where it would not be valid.
pub(crate) fn replace(cluster: &mut Cluster, key: &Key, part: Part, new: Value, dry: bool) -> Result<Object, Refusal> {
    let resource = key.kind.resource();
    let current = find(cluster, key)?;
    for (pointer, refusal) in [("/metadata/uid", true), ("/metadata/resourceVersion", false)] {
        let (asked, found) = (text(&new, pointer), text(&current, pointer));
        if !asked.is_empty() && asked != found {
            return Err(match refusal {
                true => Refusal::other_object(resource, &key.name, asked, found),
                false => Refusal::conflict(resource, &key.name),
            });
        }
    }
    if text(&new, "/metadata/name") != key.name {
        return Err(Refusal::new(400, "BadRequest", "the name of the object does not match the name on the URL"));
    }
    let mut changed = Value::clone(&current);
    match part {
        Part::Main => {
            changed = new;
            for field in ["uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds"] {
                match current.pointer(&format!("/metadata/{field}")) {
                    Some(kept) => set(&mut changed, &["metadata", field], kept.clone()),
                    None => unset(&mut changed, &["metadata", field]),
                }
            }
            if resource.status {
                set(&mut changed, &["status"], current.get("status").cloned().unwrap_or_else(|| json!({})));
            }
            validate_change(resource, &current, &changed)?;
        }
        Part::Status => set(&mut changed, &["status"], new.get("status").cloned().unwrap_or_else(|| json!({}))),
        Part::Scale => set(&mut changed, &["spec", "replicas"], number(&new, "/spec/replicas")),
    }
    validate(resource, &changed)?;
    bump_generation(&current, &mut changed);
    let written = if dry { changed.into() } else { cluster.write(key, changed) };
    Ok(if part == Part::Scale { scale_of(&written).into() } else { written })
}

/// Deletes an object. Pods go in their own time.
///
/// # Errors
/// 404, 409 where it has changed since or is another than was meant.
pub(crate) fn delete(cluster: &mut Cluster, key: &Key, options: &Value, dry: bool) -> Result<Object, Refusal> {
    let resource = key.kind.resource();
    let current = find(cluster, key)?;
    let asked = text(options, "/preconditions/uid");
    if !asked.is_empty() && asked != text(&current, "/metadata/uid") {
        return Err(Refusal::other_object(resource, &key.name, asked, text(&current, "/metadata/uid")));
    }
    let asked = text(options, "/preconditions/resourceVersion");
    if !asked.is_empty() && asked != text(&current, "/metadata/resourceVersion") {
        return Err(Refusal::conflict(resource, &key.name));
    }
    if dry {
        return Ok(current);
    }
    if key.kind == Kind::Pod {
        cluster.terminate_pod(key, options.get("gracePeriodSeconds").and_then(Value::as_i64));
        return Ok(cluster.store.get(key).cloned().unwrap_or(current));
    }
    Ok(cluster.remove(key).unwrap_or(current))
}

/// An object by key.
///
/// # Errors
/// 404.
pub(crate) fn find(cluster: &Cluster, key: &Key) -> Result<Object, Refusal> {
    cluster.store.get(key).cloned().ok_or_else(|| Refusal::not_found(key.kind.resource(), &key.name))
}

/// The `Scale` of an object.
pub(crate) fn scale_of(object: &Value) -> Value {
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let selector: Vec<String> =
        labels.into_iter().flatten().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default())).collect();
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        set(&mut metadata, &[field], text(object, &format!("/metadata/{field}")));
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": number(object, "/spec/replicas")},
        "status": {"replicas": number(object, "/status/replicas"), "selector": selector.join(",")},
    })
}

fn validate(resource: &Resource, object: &Value) -> Result<(), Refusal> {
    let name = text(object, "/metadata/name");
    if !matches!(resource.kind, Kind::Deployment | Kind::ReplicaSet) {
        return Ok(());
    }
    if number(object, "/spec/replicas") < 0 {
        return Err(Refusal::invalid(resource, name, "spec.replicas", "Invalid value: must be greater than or equal to 0"));
    }
    let containers = list(object, "/spec/template/spec/containers");
    if containers.is_empty() {
        return Err(Refusal::invalid(resource, name, "spec.template.spec.containers", "Required value"));
    }
    for (index, container) in containers.iter().enumerate() {
        for field in ["name", "image"] {
            if text(container, &format!("/{field}")).is_empty() {
                let field = format!("spec.template.spec.containers[{index}].{field}");
                return Err(Refusal::invalid(resource, name, &field, "Required value"));
            }
        }
    }
    let labels = object.pointer("/spec/template/metadata/labels");
    let selector = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let selected = selector.is_some_and(|wanted| {
        !wanted.is_empty() && wanted.iter().all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
    });
    if !selected {
        let problem = "Invalid value: `selector` does not match template `labels`";
        return Err(Refusal::invalid(resource, name, "spec.template.metadata.labels", problem));
    }
    Ok(())
}

fn validate_change(resource: &Resource, before: &Value, after: &Value) -> Result<(), Refusal> {
    let workload = matches!(resource.kind, Kind::Deployment | Kind::ReplicaSet);
    if workload && before.pointer("/spec/selector") != after.pointer("/spec/selector") {
        let name = text(before, "/metadata/name");
        return Err(Refusal::invalid(resource, name, "spec.selector", "Invalid value: field is immutable"));
    }
    Ok(())
}
