//! Server-side apply of several documents, and putting back what it changed.
//!
//! Everything is read, tried by the server and compared with what was announced before
//! the first document is sent. Fields of other managers are taken over only where the
//! runbook says `force` and the operator was shown which fields of whom; else the server
//! refuses, and the refusal says whose they are. Putting back restores the fields of
//! objects there were before and deletes objects that the session made, known by its
//! annotation, by their uids.

use std::path::Path;

use serde_json::{Value, json};

use super::api::{Api, Trouble};
use super::object::{self, SESSION, text};
use super::plan::{self, Change, Plan};
use super::{diff, restore};
use crate::session::intent::{KubernetesRequest, ObjectState, PatchKind, Resource};

/// One object, and what is to be done with it.
#[derive(Debug)]
pub(super) struct Item {
    pub resource: Resource,
    pub path: String,
    /// As it is; nothing where there is none.
    pub current: Option<Value>,
    pub deed: Deed,
    /// What that changes, for people.
    pub lines: Vec<String>,
    /// Fields it takes over, and from whom. Without any, nothing is taken.
    pub taken: Vec<(String, String)>,
}

/// What is sent.
#[derive(Debug)]
pub(super) enum Deed {
    /// Nothing.
    Nothing,
    /// A configuration, as our own.
    Apply(Value),
    /// A patch.
    Patch(Change),
    /// A deletion, of this uid only.
    Delete(String),
}

/// Works out what an `apply`, or putting one back, does to each object. Nothing where the
/// request is neither.
///
/// # Errors
/// One sentence: why it cannot be done, or would be refused.
pub(super) async fn items(api: &Api<'_>, bundle: &Path, request: &KubernetesRequest) -> Option<Result<Vec<Item>, String>> {
    match request {
        KubernetesRequest::Apply { .. } => Some(applied(api, bundle, request).await),
        KubernetesRequest::Restore { of, before, .. } if matches!(**of, KubernetesRequest::Apply { .. }) => {
            Some(put_back(api, bundle, of, before).await)
        }
        _ => None,
    }
}

async fn applied(api: &Api<'_>, bundle: &Path, request: &KubernetesRequest) -> Result<Vec<Item>, String> {
    let mut items: Vec<Item> = Vec::new();
    let force = matches!(request, KubernetesRequest::Apply { force: true, .. });
    for document in documents(bundle, request).await? {
        let item = configured(api, document, force).await?;
        if items.iter().any(|other| other.path == item.path) {
            return Err(format!("{} is there twice; which one is meant?", item.resource));
        }
        items.push(item);
    }
    Ok(items)
}

/// One document, tried by the server.
async fn configured(api: &Api<'_>, document: Value, force: bool) -> Result<Item, String> {
    let resource = named(api, &document)?;
    let (path, current) = find(api, &resource).await?;
    let mut body = document;
    let ours = json!({"metadata": {"annotations": {SESSION: api.sid}}});
    json_patch::merge(&mut body, &ours);
    if let (Some(current), Some(metadata)) = (&current, body.get_mut("metadata").and_then(Value::as_object_mut)) {
        metadata.insert("resourceVersion".into(), json!(object::resource_version(current)));
        metadata.insert("uid".into(), json!(object::uid(current)));
    }
    let before = current.as_ref().map(plan::authored).unwrap_or_default();
    let mut tried = api.apply(&path, &body, false, true).await;
    // What is nobody else's is applied as ever; only a conflict is forced, and said.
    let taken = match &tried {
        Err(trouble) if force => trouble.owners().to_vec(),
        _ => Vec::new(),
    };
    if !taken.is_empty() {
        tried = api.apply(&path, &body, true, true).await;
    }
    let (lines, same) = match tried {
        Ok(reply) => {
            let after = plan::authored(&reply.body);
            (diff::between(&before, &after), current.is_some() && taken.is_empty() && unsigned(&before) == unsigned(&after))
        }
        Err(trouble) if plan::is_refusal(&trouble) => return Err(format!("{resource} would be refused: {}", refusal(&trouble))),
        Err(trouble) => {
            let after = super::local::applied(PatchKind::Strategic, &body, &before)?;
            let note = format!("# worked out here, the server cannot say beforehand: {}", trouble.words());
            (std::iter::once(note).chain(diff::between(&before, &plan::authored(&after))).collect(), false)
        }
    };
    let deed = if same { Deed::Nothing } else { Deed::Apply(body) };
    let lines = match (&deed, &current) {
        (Deed::Nothing, _) => vec![format!("# {resource}: is so already")],
        (_, None) => std::iter::once(format!("# {resource}: is made")).chain(lines).collect(),
        (_, Some(_)) => std::iter::once(format!("# {resource}")).chain(lines).collect(),
    };
    let lines = lines.into_iter().chain(taken.iter().map(|(field, owner)| takeover(&resource, field, owner))).collect();
    Ok(Item { resource, path, current, deed, lines, taken })
}

/// How a takeover is announced, and known again.
fn takeover(resource: &Resource, field: &str, owner: &str) -> String {
    format!("! {resource}: takes over {field} from {owner}; an undo puts back the value, not the owner")
}

/// Whether everything that would be taken over was announced.
///
/// # Errors
/// One sentence: what was not.
pub(super) fn taken_as_announced(seen: Option<&ObjectState>, items: &[Item]) -> Result<(), String> {
    for item in items {
        for (field, owner) in &item.taken {
            let announced = takeover(&item.resource, field, owner);
            if !seen.is_some_and(|seen| seen.diff.lines().any(|line| line == announced)) {
                return Err(format!("{} would take over {field} from {owner}, which was not shown", item.resource));
            }
        }
    }
    Ok(())
}

/// A refusal, and for fields of others whose they are.
pub(super) fn refusal(trouble: &Trouble) -> String {
    let owners = trouble.owners();
    if owners.is_empty() {
        let next = if trouble.is_conflict() { "; look again, then decide" } else { "" };
        return format!("{}{next}", trouble.words());
    }
    let fields: Vec<String> = owners.iter().map(|(field, owner)| format!("{field} belongs to {owner}")).collect();
    format!("{}; leave these fields out, or have their owners change them: nothing is taken over", fields.join(", "))
}

/// Last first: what was made on top of something else goes before it.
async fn put_back(api: &Api<'_>, bundle: &Path, of: &KubernetesRequest, before: &str) -> Result<Vec<Item>, String> {
    let before = listed(before)?;
    let mut items = Vec::new();
    for document in documents(bundle, of).await?.into_iter().rev() {
        let resource = named(api, &document)?;
        let (path, current) = find(api, &resource).await?;
        let old = before.iter().find(|old| is_named(old, &resource));
        let (deed, lines) = match (old, &current) {
            (None, None) => (Deed::Nothing, vec![format!("# {resource}: is not there, as before")]),
            (None, Some(current)) => remove(api, &resource, &path, current).await?,
            (Some(_), None) => {
                return Err(format!("{resource} was deleted since; make it again by hand from the state in the record"));
            }
            (Some(old), Some(current)) => revert(api, &resource, &path, &document, old, current).await?,
        };
        items.push(Item { resource, path, current, deed, lines, taken: Vec::new() });
    }
    Ok(items)
}

/// An object that was not there before goes, if it is the one this session made.
async fn remove(api: &Api<'_>, resource: &Resource, path: &str, current: &Value) -> Result<(Deed, Vec<String>), String> {
    if object::annotation(current, SESSION) != Some(api.sid) {
        return Err(format!("{resource} is not the one this session made; look whose it is, and delete it by hand or leave it"));
    }
    let uid = object::uid(current).to_owned();
    match api.delete(path, &uid, true).await {
        Err(trouble) if plan::is_refusal(&trouble) => Err(format!("deleting {resource} would be refused: {}", trouble.words())),
        _ => {
            let lines = vec![format!("- {resource}: is deleted; this session made it, uid {uid}")];
            Ok((Deed::Delete(uid), lines))
        }
    }
}

async fn revert(
    api: &Api<'_>,
    resource: &Resource,
    path: &str,
    document: &Value,
    old: &Value,
    current: &Value,
) -> Result<(Deed, Vec<String>), String> {
    let mut fields = document.clone();
    for key in ["apiVersion", "kind"] {
        fields.as_object_mut().map(|fields| fields.shift_remove(key));
    }
    for key in ["name", "namespace"] {
        fields.get_mut("metadata").and_then(Value::as_object_mut).map(|metadata| metadata.shift_remove(key));
    }
    let body = crate::runbook::Value::from_json(&fields);
    let of = KubernetesRequest::Patch { resource: resource.clone(), kind: PatchKind::Strategic, body };
    Ok(match restore::plan(api.sid, resource, &of, old, current)? {
        Plan::Already(why) => (Deed::Nothing, vec![format!("# {why}")]),
        Plan::Change(change) => {
            let shown = plan::preview(api, path, &change, current).await?;
            let lines = std::iter::once(format!("# {resource}")).chain(shown.lines().map(str::to_owned)).collect();
            (Deed::Patch(change), lines)
        }
    })
}

/// The documents of a request: those in place, or those of its file.
async fn documents(bundle: &Path, request: &KubernetesRequest) -> Result<Vec<Value>, String> {
    let KubernetesRequest::Apply { file, documents, .. } = request else { return Ok(Vec::new()) };
    let found: Vec<Value> = match file {
        None => documents.iter().map(crate::runbook::Value::to_json).collect(),
        Some(file) => {
            let content = tokio::fs::read_to_string(bundle.join(file)).await;
            let content = content.map_err(|error| format!("{file} cannot be read: {error}"))?;
            serde_saphyr::from_multiple(&content).map_err(|error| format!("{file} is no YAML of Kubernetes objects: {error}"))?
        }
    };
    let mut all = Vec::new();
    for document in found {
        match document.get("items").and_then(Value::as_array) {
            Some(items) if text(&document, "/kind") == Some("List") => all.extend(items.iter().cloned()),
            _ if document.is_null() => {}
            _ => all.push(document),
        }
    }
    if all.is_empty() {
        return Err("there is no document to apply".into());
    }
    Ok(all)
}

/// Which object a document is about.
fn named(api: &Api<'_>, document: &Value) -> Result<Resource, String> {
    let part = |at: &str| text(document, at).filter(|text| !text.is_empty());
    let (Some(version), Some(kind), Some(name)) = (part("/apiVersion"), part("/kind"), part("/metadata/name")) else {
        return Err("a document has no apiVersion, kind or metadata.name".into());
    };
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = Resource { group: group.into(), version: version.into(), kind: kind.into(), name: name.into() };
    let here = api.namespace();
    if let Some(other) = part("/metadata/namespace").filter(|namespace| *namespace != here) {
        return Err(format!("{resource} is meant for the namespace {other}, and this session works in {here}"));
    }
    Ok(resource)
}

async fn find(api: &Api<'_>, resource: &Resource) -> Result<(String, Option<Value>), String> {
    let named = |trouble: Trouble| format!("{resource}: {}", trouble.words());
    let path = api.locate(resource).await.map_err(named)?;
    match api.get(&path).await {
        Ok(reply) => Ok((path, Some(reply.body))),
        Err(trouble) if trouble.code() == Some(404) => Ok((path, None)),
        Err(trouble) => Err(named(trouble)),
    }
}

fn is_named(object: &Value, resource: &Resource) -> bool {
    text(object, "/kind") == Some(&resource.kind) && text(object, "/metadata/name") == Some(&resource.name)
}

/// Without the session's own annotation, which alone is no change.
fn unsigned(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        annotations.shift_remove(SESSION);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    object
}

/// The objects as they are, as one state: a List of those that are there.
pub(super) fn state(resource: Resource, items: &[Item]) -> ObjectState {
    let current: Vec<Value> = items.iter().filter_map(|item| item.current.clone()).map(object::without_managed_fields).collect();
    let one = if let [one] = current.as_slice() { one.clone() } else { Value::Null };
    ObjectState {
        resource,
        namespace: current.first().and_then(|o| text(o, "/metadata/namespace")).unwrap_or_default().to_owned(),
        uid: object::uid(&one).to_owned(),
        resource_version: object::resource_version(&one).unwrap_or_default(),
        before: json!({"apiVersion": "v1", "kind": "List", "items": current}).to_string(),
        diff: items.iter().flat_map(|item| item.lines.clone()).collect::<Vec<_>>().join("\n"),
    }
}

fn listed(before: &str) -> Result<Vec<Value>, String> {
    let before: Value =
        serde_json::from_str(before).map_err(|error| format!("the state recorded before cannot be read: {error}"))?;
    before.get("items").and_then(Value::as_array).cloned().ok_or_else(|| "the state recorded before holds no objects".into())
}

/// Whether every object is still what the operator saw.
///
/// # Errors
/// One sentence: which is not.
pub(super) fn still_as_seen(seen: &ObjectState, items: &[Item]) -> Result<(), String> {
    let before = listed(&seen.before)?;
    for item in items {
        let resource = &item.resource;
        match (before.iter().find(|old| is_named(old, resource)), &item.current) {
            (None, None) => {}
            (None, Some(_)) => return Err(format!("{resource} was made by somebody else since it was looked for")),
            (Some(_), None) => return Err(format!("{resource} was deleted since it was read")),
            (Some(old), Some(now)) => {
                let old = ObjectState {
                    uid: object::uid(old).to_owned(),
                    resource_version: object::resource_version(old).unwrap_or_default(),
                    before: old.to_string(),
                    ..seen.clone()
                };
                object::still_as_seen(&old, now, true).map_err(|why| format!("{resource} {why}"))?;
            }
        }
    }
    Ok(())
}
