//! Creating, changing and deleting objects, by the rules of the API server.

use serde_json::{Value, json};

use super::apply::{Manager, track};
use super::convert::{incoming, outgoing};
use super::patch::PatchKind;
use super::status::Refusal;
use super::validate::{validate, validate_change};
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

/// A request to change something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    /// Which part.
    pub(crate) part: Part,
    /// The group and version the request speaks.
    pub(crate) version: &'a str,
    /// Who changes it.
    pub(crate) manager: &'a str,
    /// It is only tried.
    pub(crate) dry: bool,
    /// An apply takes over what others own.
    pub(crate) force: bool,
}

impl Write<'_> {
    fn by<'a>(&'a self, time: &'a str) -> Manager<'a> {
        let part = match self.part {
            Part::Main => "",
            Part::Status => "status",
            Part::Scale => "scale",
        };
        Manager { name: self.manager, time, part }
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
    object: Value,
    write: Write<'_>,
) -> Result<Object, Refusal> {
    let time = cluster.timestamp();
    let mut object = incoming(resource, object, write.version);
    if text(&object, "/kind") != resource.name || text(&object, "/apiVersion") != resource.api_version() {
        let message = format!("the object provided is unrecognized: expected {} {}", write.version, resource.name);
        return Err(Refusal::new(400, "BadRequest", message));
    }
    // An apply has said already who owns what.
    if list(&object, "/metadata/managedFields").is_empty() {
        track(resource, &Value::Null, &mut object, write.by(&time));
    }
    let chance = cluster.chance();
    let created = complete(cluster, resource, namespace, object);
    if write.dry {
        // What was only tried does not show in the names that come later.
        cluster.set_chance(chance);
    }
    let (key, object) = created?;
    Ok(if write.dry { object.into() } else { cluster.write(&key, object) })
}

/// Gives a new object what the server adds.
fn complete(
    cluster: &mut Cluster,
    resource: &'static Resource,
    namespace: &str,
    mut object: Value,
) -> Result<(Key, Value), Refusal> {
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
    if object.get("spec").is_some() && resource.status {
        set(&mut object, &["metadata", "generation"], 1);
    }
    if resource.status {
        set(&mut object, &["status"], json!({}));
    }
    cluster.complete(resource.kind, &mut object);
    validate(resource, &object)?;
    Ok((key, object))
}

/// Applies a patch to an object. An apply makes what is not there.
///
/// # Errors
/// 404, 409 where others own what an apply would change, and what [`replace`] refuses.
pub(crate) fn patch(
    cluster: &mut Cluster,
    key: &Key,
    kind: PatchKind,
    patch: &Value,
    write: Write<'_>,
) -> Result<(Object, bool), Refusal> {
    let resource = key.kind.resource();
    let time = cluster.timestamp();
    if kind == PatchKind::Apply {
        let configuration = incoming(resource, patch.clone(), write.version);
        if !list(&configuration, "/metadata/managedFields").is_empty() {
            return Err(Refusal::new(400, "BadRequest", "metadata.managedFields must be nil"));
        }
        let Some(current) = cluster.store.get(key).cloned().filter(|_| write.part == Part::Main) else {
            let mut new = super::apply::apply(resource, &json!({}), &configuration, write.by(&time), false)?;
            for field in ["apiVersion", "kind"] {
                set(&mut new, &[field], text(&configuration, &format!("/{field}")));
            }
            set(&mut new, &["metadata", "name"], key.name.clone());
            let version = resource.api_version();
            let write = Write { version: &version, ..write };
            return create(cluster, resource, &key.namespace, new, write).map(|created| (created, true));
        };
        refuse_other(resource, key, &configuration, &current)?;
        let mut merged = super::apply::apply(resource, &current, &configuration, write.by(&time), write.force)?;
        cluster.complete(key.kind, &mut merged);
        return put(cluster, key, &current, merged, write).map(|object| (object, false));
    }
    let current = find(cluster, key)?;
    let seen = match write.part {
        Part::Scale => scale_of(&current),
        _ => outgoing(resource, &current, write.version).into_owned(),
    };
    let patched = kind.apply(&seen, patch)?;
    replace(cluster, key, patched, write).map(|object| (object, false))
}

fn refuse_other(resource: &Resource, key: &Key, asked: &Value, found: &Value) -> Result<(), Refusal> {
    let (uid, version) = ("/metadata/uid", "/metadata/resourceVersion");
    let differs = |at: &str| !text(asked, at).is_empty() && text(asked, at) != text(found, at);
    if differs(uid) {
        return Err(Refusal::other_object(resource, &key.name, text(asked, uid), text(found, uid)));
    }
    if differs(version) {
        return Err(Refusal::conflict(resource, &key.name));
    }
    if !text(asked, "/metadata/name").is_empty() && text(asked, "/metadata/name") != key.name {
        return Err(Refusal::new(400, "BadRequest", "the name of the object does not match the name on the URL"));
    }
    Ok(())
}

/// Replaces an object, or a part of it.
///
/// # Errors
/// 404, 409 where it has changed since or is another, 422 where it would not be valid.
pub(crate) fn replace(cluster: &mut Cluster, key: &Key, new: Value, write: Write<'_>) -> Result<Object, Refusal> {
    let resource = key.kind.resource();
    let time = cluster.timestamp();
    let current = find(cluster, key)?;
    refuse_other(resource, key, &new, &current)?;
    let mut changed = Value::clone(&current);
    match write.part {
        Part::Main => {
            changed = incoming(resource, new, write.version);
            if text(&changed, "/metadata/name").is_empty() {
                return Err(Refusal::new(400, "BadRequest", "the name of the object does not match the name on the URL"));
            }
            cluster.complete(key.kind, &mut changed);
        }
        Part::Status => set(&mut changed, &["status"], new.get("status").cloned().unwrap_or_else(|| json!({}))),
        Part::Scale => {
            set(&mut changed, &["spec", "replicas"], number(&new, "/spec/replicas"));
        }
    }
    track(resource, &current, &mut changed, write.by(&time));
    put(cluster, key, &current, changed, write)
}

/// Writes a changed object, with what is not the client's to change as it was.
fn put(cluster: &mut Cluster, key: &Key, current: &Object, mut changed: Value, write: Write<'_>) -> Result<Object, Refusal> {
    let resource = key.kind.resource();
    let kept = ["uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "namespace"];
    for field in kept {
        match current.pointer(&format!("/metadata/{field}")) {
            Some(kept) => set(&mut changed, &["metadata", field], kept.clone()),
            None => unset(&mut changed, &["metadata", field]),
        }
    }
    if resource.status && write.part != Part::Status {
        set(&mut changed, &["status"], current.get("status").cloned().unwrap_or_else(|| json!({})));
    }
    validate(resource, &changed)?;
    validate_change(resource, current, &changed)?;
    bump_generation(current, &mut changed);
    let written = if write.dry { changed.into() } else { cluster.write(key, changed) };
    Ok(if write.part == Part::Scale { scale_of(&written).into() } else { written })
}

/// Writes what somebody else has changed in an object.
pub(crate) fn changed_by(cluster: &mut Cluster, key: &Key, before: &Object, mut after: Value, manager: &str) {
    let time = cluster.timestamp();
    track(key.kind.resource(), before, &mut after, Manager { name: manager, time: &time, part: "" });
    bump_generation(before, &mut after);
    cluster.write(key, after);
}

/// Notes that all of an object belongs to somebody.
pub(crate) fn owned_by(object: &mut Value, key: &Key, manager: &str, time: &str) {
    track(key.kind.resource(), &Value::Null, object, Manager { name: manager, time, part: "" });
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
    if text(options, "/propagationPolicy") == "Orphan" {
        cluster.orphan(key);
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
