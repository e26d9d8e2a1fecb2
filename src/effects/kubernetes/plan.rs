//! From a request and the object as it is to the one patch that will be sent.

use serde_json::{Map, Value, json};

use super::api::{Api, Trouble};
use super::history::{self, Past};
use super::object::{self, SESSION};
use super::{diff, local, restore, status};
use crate::session::intent::{KubernetesRequest, PatchKind, PinnedTarget, RESTARTED_AT, UndoTarget, Workload};

/// What there is to do.
#[derive(Debug)]
pub(super) enum Plan {
    /// Nothing, and why.
    Already(String),
    /// One patch.
    Change(Change),
}

/// The patch, its precondition and the session's annotation included.
#[derive(Debug)]
pub(super) struct Change {
    pub kind: PatchKind,
    pub body: Value,
    /// Something people should know, beginning with `; `; or nothing.
    pub warning: String,
}

/// Annotations of a Deployment that an undo leaves as they are; all others come from the
/// ReplicaSet. The rule is kubectl's.
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// Works out the patch. The error is a whole sentence: the change makes no sense here.
pub(super) async fn of(api: &Api<'_>, request: &KubernetesRequest, current: &Value) -> Result<Plan, String> {
    match request {
        KubernetesRequest::SetImage { workload, container, image } => set_image(api.sid, workload, container, image, current),
        KubernetesRequest::Patch { kind, body, .. } => patch(api.sid, *kind, &body.to_json(), current),
        KubernetesRequest::RolloutRestart { workload, .. } => {
            rolling(workload, current)?;
            unpaused(workload, current)?;
            Ok(merged(api.sid, request, current))
        }
        KubernetesRequest::RolloutPause { workload } if object::is_paused(current) => {
            Err(format!("{workload} is paused already; somebody else may count on it, so look first who paused it"))
        }
        KubernetesRequest::RolloutResume { workload } if !object::is_paused(current) => {
            Err(format!("{workload} is not paused; there is nothing to resume"))
        }
        KubernetesRequest::RolloutPause { .. } | KubernetesRequest::RolloutResume { .. } => Ok(merged(api.sid, request, current)),
        KubernetesRequest::Scale { workload, replicas } => scale(api.sid, request, workload, *replicas, current),
        KubernetesRequest::RolloutUndo { workload, to } => undo(api, workload, to, current).await,
        KubernetesRequest::Restore { resource, of, before } => {
            let before =
                serde_json::from_str(before).map_err(|e| format!("{resource}: the state recorded before cannot be read: {e}"))?;
            restore::plan(api.sid, resource, of, &before, current)
        }
        KubernetesRequest::Apply { .. } | KubernetesRequest::DeletePod { .. } => {
            Err(format!("{}: this is no patch", request.resource()))
        }
        KubernetesRequest::RolloutStatus { workload } => Err(format!("{workload}: following a rollout changes nothing")),
        KubernetesRequest::Get { resource } => Err(format!("{resource}: reading changes nothing")),
    }
}

fn set_image(sid: &str, workload: &Workload, container: &str, image: &str, current: &Value) -> Result<Plan, String> {
    rolling(workload, current)?;
    let find = |list: &str| {
        let containers = current.pointer(&format!("/spec/template/spec/{list}")).and_then(Value::as_array);
        containers.into_iter().flatten().find(|c| object::text(c, "/name") == Some(container)).map(|c| (list.to_owned(), c))
    };
    let Some((list, found)) = find("containers").or_else(|| find("initContainers")) else {
        let names: Vec<String> =
            object::images(&object::template(current)).iter().filter_map(|i| Some(i.split_once('=')?.0.to_owned())).collect();
        return Err(format!("{workload} has no container {container:?}; it has {}", names.join(", ")));
    };
    if object::text(found, "/image") == Some(image) {
        return Ok(Plan::Already(format!("{workload} has image {image} already")));
    }
    unpaused(workload, current)?;
    let body = json!({"spec": {"template": {"spec": {list: [{"name": container, "image": image}]}}}});
    let body = guarded_merge(sid, body, current);
    Ok(Plan::Change(Change { kind: PatchKind::Strategic, body, warning: String::new() }))
}

/// The fields a request sets, as a patch, where that does not depend on the object.
pub(super) fn fields(request: &KubernetesRequest) -> Option<Value> {
    Some(match request {
        KubernetesRequest::Scale { replicas, .. } => json!({"spec": {"replicas": replicas}}),
        KubernetesRequest::RolloutRestart { at, .. } => {
            json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: at}}}}})
        }
        KubernetesRequest::RolloutPause { .. } => json!({"spec": {"paused": true}}),
        // Objects leave out a `false`.
        KubernetesRequest::RolloutResume { .. } => json!({"spec": {"paused": null}}),
        _ => return None,
    })
}

fn merged(sid: &str, request: &KubernetesRequest, current: &Value) -> Plan {
    let body = guarded_merge(sid, fields(request).unwrap_or_default(), current);
    Plan::Change(Change { kind: PatchKind::Merge, body, warning: String::new() })
}

fn scale(sid: &str, request: &KubernetesRequest, workload: &Workload, replicas: u32, current: &Value) -> Result<Plan, String> {
    if workload.kind == "DaemonSet" {
        return Err(format!("{workload} has one pod on each node; it cannot be scaled"));
    }
    if object::replicas(current) == i64::from(replicas) {
        return Ok(Plan::Already(format!("{workload} has {replicas} replicas already")));
    }
    Ok(merged(sid, request, current))
}

fn patch(sid: &str, kind: PatchKind, body: &Value, current: &Value) -> Result<Plan, String> {
    // A patch that does not fit here is the server's to refuse, in its own words.
    if local::applied(kind, body, current).is_ok_and(|after| after == *current) {
        return Ok(Plan::Already("everything the patch sets is so already".into()));
    }
    let body = match (kind, body) {
        (PatchKind::Json, Value::Array(operations)) => guarded_operations(sid, operations.clone(), current),
        (PatchKind::Json, _) => return Err("a JSON patch is a list of operations".into()),
        (_, Value::Object(_)) => guarded_merge(sid, body.clone(), current),
        (..) => return Err("a merge patch is a mapping".into()),
    };
    Ok(Plan::Change(Change { kind, body, warning: String::new() }))
}

async fn undo(api: &Api<'_>, workload: &Workload, to: &UndoTarget, current: &Value) -> Result<Plan, String> {
    let deployment = workload.kind == "Deployment";
    let template = match to {
        UndoTarget::Pinned(target) => pinned_template(target, current)?,
        UndoTarget::Previous | UndoTarget::Revision { .. } => {
            let history = history::of(api, &workload.kind, current).await;
            let history = history.map_err(|trouble| format!("{workload}: its history cannot be read: {}", trouble.words()))?;
            let revision = if let UndoTarget::Revision { revision } = to { *revision } else { 0 };
            let past = chosen(workload, &history, revision)?;
            return undo_to(api.sid, workload, past, deployment.then_some(&past.annotations), current);
        }
    };
    let past = Past { uid: String::new(), hash: None, revision: 0, template, annotations: Map::new() };
    undo_to(api.sid, workload, &past, None, current)
}

fn pinned_template(target: &PinnedTarget, current: &Value) -> Result<Value, String> {
    let workload = &target.workload;
    if object::uid(current) != target.uid {
        return Err(format!(
            "{workload} was deleted and created anew since the session opened; what it was then is recorded, but this is another object: compare by hand"
        ));
    }
    serde_json::from_str(&target.template).map_err(|error| format!("{workload}: the pinned template cannot be read: {error}"))
}

/// The revision asked for, or the second-highest for 0.
pub(super) fn chosen<'a>(workload: &Workload, history: &'a [Past], revision: u64) -> Result<&'a Past, String> {
    if revision == 0 {
        return history::previous(history).ok_or_else(|| format!("{workload} has no rollout history to go back to"));
    }
    // The last one of that number, as kubectl takes it.
    let found = history.iter().rev().find(|past| past.revision == revision);
    found.ok_or_else(|| format!("{workload} has no revision {revision} in its history"))
}

/// The patch that goes back to a template, with the annotations a Deployment gets from
/// its ReplicaSet where it goes back to one.
pub(super) fn undo_to(
    sid: &str,
    workload: &Workload,
    past: &Past,
    annotations: Option<&Map<String, Value>>,
    current: &Value,
) -> Result<Plan, String> {
    // kubectl refuses a paused Deployment whatever its template is; going back to the
    // template from the session's start passes where it is there already.
    if annotations.is_some() {
        unpaused(workload, current)?;
    }
    if past.template == object::template(current) {
        return Ok(Plan::Already(format!("{workload} has the template to go back to already")));
    }
    unpaused(workload, current)?;
    rolling(workload, current)?;
    let mut operations = vec![json!({"op": "replace", "path": "/spec/template", "value": past.template})];
    if let Some(theirs) = annotations {
        let own = current.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
        let keeps = |name: &String| OWN_ANNOTATIONS.contains(&name.as_str());
        let kept = own.into_iter().filter(|(name, _)| keeps(name));
        let taken = theirs.iter().filter(|(name, _)| !keeps(name)).map(|(name, value)| (name.clone(), value.clone()));
        let all: Map<String, Value> = kept.chain(taken).chain([(SESSION.to_owned(), json!(sid))]).collect();
        operations.push(json!({"op": "add", "path": "/metadata/annotations", "value": all}));
        operations.insert(0, precondition(current));
    } else {
        let Value::Array(guarded) = guarded_operations(sid, operations, current) else { return Err("no operations".into()) };
        operations = guarded;
    }
    let applied = object::annotation(current, "kubectl.kubernetes.io/last-applied-configuration").is_some();
    let warning = if applied { "; it is managed with kubectl apply, whose own record still says the newer version" } else { "" };
    Ok(Plan::Change(Change { kind: PatchKind::Json, body: Value::Array(operations), warning: warning.into() }))
}

fn rolling(workload: &Workload, current: &Value) -> Result<(), String> {
    if status::is_rolling(current) {
        return Ok(());
    }
    Err(format!(
        "{workload} has the update strategy OnDelete: its pods change only when somebody deletes them, so there is no rollout to wait for"
    ))
}

/// Nothing would roll out, so there would be nothing to wait for.
fn unpaused(workload: &Workload, current: &Value) -> Result<(), String> {
    if object::is_paused(current) {
        return Err(format!("{workload} is paused; resume it first: kubectl rollout resume {workload}"));
    }
    Ok(())
}

fn precondition(current: &Value) -> Value {
    json!({"op": "test", "path": "/metadata/resourceVersion", "value": object::resource_version(current)})
}

/// A JSON patch that holds for this resourceVersion only and names the session.
pub(super) fn guarded_operations(sid: &str, operations: Vec<Value>, current: &Value) -> Value {
    let mut all = vec![precondition(current)];
    all.extend(operations);
    if current.pointer("/metadata/annotations").is_none_or(Value::is_null) {
        all.push(json!({"op": "add", "path": "/metadata/annotations", "value": {SESSION: sid}}));
    } else {
        all.push(json!({"op": "add", "path": "/metadata/annotations/pacenote~1session", "value": sid}));
    }
    Value::Array(all)
}

/// A merge patch that holds for this resourceVersion only and names the session.
fn guarded_merge(sid: &str, mut body: Value, current: &Value) -> Value {
    let ours = json!({"metadata": {"resourceVersion": object::resource_version(current), "annotations": {SESSION: sid}}});
    // Merging a patch into a patch keeps its nulls, which are instructions, as they are.
    json_patch::merge(&mut body, &ours);
    body
}

/// What a change would do, as the server says it, or as far as it can be worked out here.
///
/// # Errors
/// One sentence, when the server would refuse the change.
pub(super) async fn preview(api: &Api<'_>, path: &str, change: &Change, current: &Value) -> Result<String, String> {
    let (after, note) = match api.patch(path, change, true).await {
        Ok(reply) => (reply.body, String::new()),
        Err(trouble) if is_refusal(&trouble) => return Err(format!("the change would be refused: {}", trouble.words())),
        Err(trouble) => {
            let after = local::applied(change.kind, &change.body, current)?;
            (after, format!("# worked out here, the server cannot say beforehand: {}\n", trouble.words()))
        }
    };
    let lines = diff::between(&authored(current), &authored(&after));
    Ok(format!("{note}{}{}", lines.join("\n"), change.warning.replacen("; ", "\n# ", 1)))
}

/// An object without its status and what the server counts.
pub(super) fn authored(object: &Value) -> Value {
    let mut object = object::without_managed_fields(object.clone());
    if let Some(whole) = object.as_object_mut() {
        whole.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for counted in ["resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.shift_remove(counted);
        }
    }
    object
}

/// A dry run that fails because of what would be changed, not because dry runs do not
/// work there (webhooks that have side effects, proxies that know no such request).
pub(super) fn is_refusal(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Refused { code: 400, message, .. } => !message.contains("dry run") && !message.contains("dryRun"),
        Trouble::Refused { code, .. } => matches!(code, 401 | 403 | 409 | 413 | 422),
        Trouble::Lost { .. } => false,
    }
}
