//! Deleting pods: those that were announced, by their uids, and no others.
//!
//! A pod that took the name of a deleted one, or matches the selector since, is left
//! alone. The effect is at its end when the deleted pods are gone.

use std::time::Duration;

use serde_json::{Value, json};

use super::api::{Api, Trouble};
use super::object::{self, text};
use crate::effects::context::{Context, Stage, uncertain};
use crate::session::event::Outcome;
use crate::session::intent::{Intent, KubernetesRequest, ObjectState, Resource};
use crate::session::message::EffectReport;

/// The pods are looked for so often.
const LOOK: Duration = Duration::from_secs(1);
/// The server is asked about so many beforehand; what holds for these holds for the rest.
const TRIED: usize = 10;
/// So many are listed by name.
const LISTED: usize = 50;

/// Which pods a request means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    Name(&'a str),
    Selector(&'a str),
}

impl<'a> Which<'a> {
    pub(super) fn of(request: &'a KubernetesRequest) -> Option<Self> {
        match request {
            KubernetesRequest::DeletePod { name, selector: false } => Some(Self::Name(name)),
            KubernetesRequest::DeletePod { name, selector: true } => Some(Self::Selector(name)),
            _ => None,
        }
    }

    async fn find(self, api: &Api<'_>) -> Result<Vec<Value>, Trouble> {
        match self {
            Self::Name(name) => Ok(vec![api.get(&api.locate(&pod_resource(name)).await?).await?.body]),
            Self::Selector(selector) => api.list("/api/v1", "pods", selector, false).await,
        }
    }
}

/// Reads the pods, and asks the server whether they may be deleted.
///
/// # Errors
/// One sentence: why they cannot be read, or why deleting them would be refused.
pub(super) async fn prepare(api: &Api<'_>, request: &KubernetesRequest, which: Which<'_>) -> Result<ObjectState, String> {
    let resource = request.resource();
    let pods = which.find(api).await.map_err(|trouble| format!("{resource}: {}", trouble.words()))?;
    for pod in pods.iter().take(TRIED) {
        // Gone meanwhile, or no dry runs here: the real answer will say.
        if let Err(trouble @ Trouble::Refused { code: 401 | 403, .. }) = delete(api, pod, true).await {
            return Err(format!("deleting {} would be refused: {}", words(pod), trouble.words()));
        }
    }
    let diff = if pods.is_empty() { format!("there is no {resource}") } else { announced(&pods) };
    Ok(state(resource, pods, diff))
}

fn announced(pods: &[Value]) -> String {
    let mut lines: Vec<String> = pods.iter().take(LISTED).map(|pod| format!("- {}: {}", words(pod), description(pod))).collect();
    if pods.len() > LISTED {
        lines.push(format!("# and {} more", pods.len() - LISTED));
    }
    let bare = pods.iter().filter(|pod| controller(pod).is_none()).count();
    if bare > 0 {
        lines.push(format!("# {bare} without a controller: nothing makes another, and nothing puts them back"));
    }
    lines.join("\n")
}

/// The pods as one state: a List where a selector may mean several.
fn state(resource: Resource, mut pods: Vec<Value>, diff: String) -> ObjectState {
    for pod in &mut pods {
        *pod = object::without_managed_fields(std::mem::take(pod));
    }
    let one = if let [one] = pods.as_slice() { one.clone() } else { Value::Null };
    ObjectState {
        namespace: pods.first().and_then(|pod| text(pod, "/metadata/namespace")).unwrap_or_default().to_owned(),
        uid: object::uid(&one).to_owned(),
        resource_version: object::resource_version(&one).unwrap_or_default(),
        before: json!({"apiVersion": "v1", "kind": "List", "items": pods}).to_string(),
        resource,
        diff,
    }
}

fn seen(before: &str) -> Option<Vec<Value>> {
    let before: Value = serde_json::from_str(before).ok()?;
    before.get("items").and_then(Value::as_array).cloned()
}

/// Deletes the announced pods and waits until they are gone.
pub(super) async fn run(intent: &Intent, api: &Api<'_>, which: Which<'_>, context: &Context) -> EffectReport {
    let pods = match &intent.object {
        Some(object) => seen(&object.before).ok_or_else(|| "what was announced cannot be read".to_owned()),
        None => which.find(api).await.map_err(|trouble| trouble.words().to_owned()),
    };
    let pods = match pods {
        Ok(pods) => pods,
        Err(why) => return context.not_begun(format!("{why}; nothing was deleted")),
    };
    let (mut deleted, mut gone, mut audit) = (Vec::new(), Vec::new(), Vec::new());
    for pod in &pods {
        context.note(|known| known.stage = Stage::Sent);
        match delete_once(api, pod).await {
            Ok(id) => {
                audit.extend(id);
                deleted.push(pod);
            }
            Err(Trouble::Refused { code: 404 | 409, .. }) => gone.push(words(pod)),
            Err(trouble) => return stopped(intent, context, &trouble, pod, &deleted),
        }
        let stage = if deleted.is_empty() { Stage::Before } else { Stage::Accepted };
        let id = (!audit.is_empty()).then(|| audit.join(", "));
        context.note(|known| (known.stage, known.audit_id) = (stage, id));
    }
    let left = if gone.is_empty() { String::new() } else { format!("; gone before, and left alone: {}", gone.join(", ")) };
    if deleted.is_empty() {
        return context.report(Outcome::Succeeded, Some(false), format!("no pod to delete{left}"));
    }
    if let Err(why) = until_gone(api, &deleted, context).await {
        return context.report(Outcome::Failed, Some(true), why);
    }
    let verb = if deleted.len() == 1 { "is" } else { "are" };
    context.report(Outcome::Succeeded, Some(true), format!("{} {verb} gone{left}", names(&deleted)))
}

/// A pod could not be deleted, or nobody knows; those after it were not touched.
fn stopped(intent: &Intent, context: &Context, trouble: &Trouble, pod: &Value, deleted: &[&Value]) -> EffectReport {
    let before = if deleted.is_empty() { String::new() } else { format!("; {} deleted before it", names(deleted)) };
    let said = format!("{}: {}", words(pod), trouble.words());
    let mut report = match trouble {
        Trouble::Lost { sent: true, .. } => uncertain(
            intent,
            &format!("{said}; the request went out, so the pod may be deleted{before}; look at the pods before going on"),
        ),
        _ if deleted.is_empty() => context.not_begun(format!("{said}; nothing was deleted")),
        _ => context.report(Outcome::Failed, Some(true), format!("{said}; this one and those after it are untouched{before}")),
    };
    report.audit_id = trouble.audit_id().or(report.audit_id);
    report
}

async fn delete_once(api: &Api<'_>, pod: &Value) -> Result<Option<String>, Trouble> {
    let path = api.locate(&pod_resource(text(pod, "/metadata/name").unwrap_or_default())).await?;
    Ok(api.delete(&path, object::uid(pod), false).await?.audit_id)
}

async fn delete(api: &Api<'_>, pod: &Value, dry: bool) -> Result<(), Trouble> {
    let path = api.locate(&pod_resource(text(pod, "/metadata/name").unwrap_or_default())).await?;
    api.delete(&path, object::uid(pod), dry).await.map(drop)
}

/// Waits until no pod with one of the uids is there. The effect's own time limit ends it.
async fn until_gone(api: &Api<'_>, pods: &[&Value], context: &Context) -> Result<(), String> {
    let mut left: Vec<&Value> = pods.to_vec();
    loop {
        let mut still = Vec::new();
        for pod in left {
            let path = api.locate(&pod_resource(text(pod, "/metadata/name").unwrap_or_default())).await;
            match api.get(&path.map_err(|trouble| trouble.words().to_owned())?).await {
                Ok(reply) if object::uid(&reply.body) == object::uid(pod) => still.push(pod),
                Ok(_) => {}
                Err(trouble) if trouble.code() == Some(404) => {}
                Err(trouble) if trouble.may_pass() => {
                    context.progress(format!("cannot see whether they are gone: {}; still trying", trouble.words())).await;
                    still.push(pod);
                }
                Err(trouble) => {
                    return Err(format!(
                        "{} deleted, but whether they are gone cannot be seen: {}",
                        names(pods),
                        trouble.words()
                    ));
                }
            }
        }
        if still.is_empty() {
            return Ok(());
        }
        left = still;
        context.progress(format!("{} of {} pods gone", pods.len() - left.len(), pods.len())).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether anything is to be put back after pods were deleted: their controllers make
/// others, and a pod without one cannot be made the same again.
///
/// # Errors
/// One sentence: which pods are to be made again by hand.
pub(super) fn put_back(before: &str) -> Result<String, String> {
    let pods = seen(before).ok_or("the pods recorded before cannot be read")?;
    let bare: Vec<&Value> = pods.iter().filter(|pod| controller(pod).is_none()).collect();
    if bare.is_empty() {
        return Ok("nothing to put back: the controllers of the deleted pods make others".into());
    }
    Err(format!(
        "{} had no controller, so nothing makes another; make it again by hand from the manifest in the record, or from its source",
        names(&bare)
    ))
}

fn pod_resource(name: &str) -> Resource {
    Resource { group: String::new(), version: "v1".into(), kind: "Pod".into(), name: name.to_owned() }
}

fn controller(pod: &Value) -> Option<String> {
    let owners = pod.pointer("/metadata/ownerReferences")?.as_array()?;
    let owner = owners.iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    Some(format!("{}/{}", text(owner, "/kind").unwrap_or_default().to_lowercase(), text(owner, "/name").unwrap_or_default()))
}

fn words(pod: &Value) -> String {
    format!("pod/{}", text(pod, "/metadata/name").unwrap_or_default())
}

fn names(pods: &[&Value]) -> String {
    let rest = pods.len().saturating_sub(LISTED);
    let shown = pods.iter().take(LISTED).map(|pod| words(pod)).collect::<Vec<_>>().join(", ");
    if rest == 0 { shown } else { format!("{shown} and {rest} more") }
}

fn description(pod: &Value) -> String {
    let phase = text(pod, "/status/phase").unwrap_or("unknown phase");
    let node = text(pod, "/spec/nodeName").map(|node| format!(", on {node}")).unwrap_or_default();
    let owner = controller(pod).map_or_else(|| ", no controller".to_owned(), |owner| format!(", of {owner}"));
    format!("{phase}{node}{owner}")
}
