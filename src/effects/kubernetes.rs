//! Changes to a cluster, each sent once, each waiting for its own result.
//!
//! A change is planned against the object as it is now, refused when that is no longer
//! what the operator saw, and sent with the object's resourceVersion as a precondition, so
//! that it never overwrites somebody else's work. It carries the session's id as an
//! annotation, and the server's `Audit-Id` is kept. What the request did is known from its
//! answer alone: no answer, no claim.

use serde_json::Value;

use super::EffectPorts;
use super::context::{Context, Stage, uncertain};
use crate::session::event::Outcome;
use crate::session::intent::{Intent, KubernetesRequest, ObjectState, PinnedTarget, Workload};
use crate::session::message::EffectReport;

mod api;
mod apply;
mod deletion;
mod diff;
mod history;
pub(in crate::effects) mod local;
mod object;
mod plan;
mod pods;
mod restore;
mod rollout;
mod several;
mod status;

use api::{Api, Trouble};
use deletion::Which;
use plan::Plan;
use status::Goal;

/// Does one request.
pub(super) async fn run(intent: &Intent, request: &KubernetesRequest, context: &Context) -> EffectReport {
    let Some(api) = Api::of(&context.ports) else { return context.not_begun(NO_CLUSTER) };
    if let Some(which) = Which::of(request) {
        return deletion::run(intent, &api, which, context).await;
    }
    if let Some(items) = apply::items(&api, &context.ports.bundle, request).await {
        return match items {
            Ok(items) => several::run(intent, &api, items, context).await,
            Err(why) => context.not_begun(format!("{why}; nothing was sent")),
        };
    }
    if let Some(result) = of_deleted_pods(request) {
        return match result {
            Ok(why) => context.report(Outcome::Succeeded, Some(false), why),
            Err(why) => context.not_begun(why),
        };
    }
    let resource = request.resource();
    let read = match api.locate(&resource).await {
        Ok(path) => api.get(&path).await.map(|reply| (path, reply.body)),
        Err(trouble) => Err(trouble),
    };
    let (path, current) = match read {
        Ok(read) => read,
        Err(trouble) => return context.not_begun(format!("{resource}: {}", trouble.words())),
    };
    let mut report = match request {
        KubernetesRequest::Get { .. } => {
            let mut report = context.report(Outcome::Succeeded, Some(false), format!("read {resource}"));
            report.resource_version = object::resource_version(&current);
            report.object = Some(current);
            report
        }
        KubernetesRequest::RolloutStatus { workload } => {
            rollout::follow(&api, &path, workload, &current, Goal::Rollout, context).await
        }
        _ => change(intent, request, &api, &path, current, context).await,
    };
    report.object = report.object.map(object::without_managed_fields);
    report
}

/// Putting back deleted pods: there is nothing to send.
fn of_deleted_pods(request: &KubernetesRequest) -> Option<Result<String, String>> {
    match request {
        KubernetesRequest::Restore { of, before, .. } => Which::of(of).map(|_| deletion::put_back(before)),
        _ => None,
    }
}

/// What to do when nobody knows whether a change was made.
const LOOK_FIRST: &str = "; look at the object before it is done again";

const NO_CLUSTER: &str = "this environment has no cluster";

async fn change(
    intent: &Intent,
    request: &KubernetesRequest,
    api: &Api<'_>,
    path: &str,
    current: Value,
    context: &Context,
) -> EffectReport {
    let resource = request.resource();
    if let Some(seen) = &intent.object
        && let Err(why) = object::still_as_seen(seen, &current, matches!(Goal::of(request), Some(Goal::Scale(_))))
    {
        return context.not_begun(format!("{resource} {why}; nothing was sent, look again"));
    }
    let change = match plan::of(api, request, &current).await {
        Err(why) => return context.not_begun(why),
        Ok(Plan::Change(change)) => change,
        Ok(Plan::Already(why)) => return already(request, api, path, current, &why, context).await,
    };
    context.note(|known| known.stage = Stage::Sent);
    let reply = match api.patch(path, &change, false).await {
        Ok(reply) => reply,
        Err(trouble) => return refused_or_lost(intent, api, path, &current, trouble, context).await,
    };
    context.note(|known| {
        known.stage = Stage::Accepted;
        known.audit_id.clone_from(&reply.audit_id);
        known.resource_version = object::resource_version(&reply.body);
    });
    // An object without pods, or one whose pods are not concerned, is done when accepted.
    let concerned = object::generation(&reply.body) > object::generation(&current);
    match waits(request, &reply.body).filter(|_| concerned) {
        Some((workload, goal)) => {
            let mut report = rollout::follow(api, path, &workload, &reply.body, goal, context).await;
            report.changed = Some(true);
            report.message.push_str(&change.warning);
            report
        }
        None => {
            let message = format!("{resource} changed{}", change.warning);
            EffectReport { object: Some(reply.body), ..context.report(Outcome::Succeeded, Some(true), message) }
        }
    }
}

/// The workload to follow, and to what end. A paused one rolls nothing out, but does change
/// its size.
fn waits(request: &KubernetesRequest, object: &Value) -> Option<(Workload, Goal)> {
    let goal = Goal::of(request).filter(|goal| *goal != Goal::Rollout || !object::is_paused(object))?;
    Some((object::workload(&request.resource())?, goal))
}

/// Nothing to change; but whoever asked for a rollout asked for its end.
async fn already(
    request: &KubernetesRequest,
    api: &Api<'_>,
    path: &str,
    current: Value,
    why: &str,
    context: &Context,
) -> EffectReport {
    let mut report = match waits(request, &current) {
        Some((workload, goal)) => rollout::follow(api, path, &workload, &current, goal, context).await,
        None => context.report(Outcome::Succeeded, Some(false), String::new()),
    };
    report.changed = Some(false);
    report.message = if report.message.is_empty() { why.to_owned() } else { format!("{why}; {}", report.message) };
    report
}

/// A refusal changed nothing; a lost answer may have changed everything.
async fn refused_or_lost(
    intent: &Intent,
    api: &Api<'_>,
    path: &str,
    before: &Value,
    trouble: Trouble,
    context: &Context,
) -> EffectReport {
    let mut report = match &trouble {
        Trouble::Lost { sent: true, .. } => {
            uncertain(intent, &format!("{}; the request went out, so it may have had its effect{LOOK_FIRST}", trouble.words()))
        }
        Trouble::Lost { sent: false, .. } => context.not_begun(format!("{}; nothing was sent", trouble.words())),
        Trouble::Refused { .. } => {
            let who = if trouble.is_conflict() { quicker(api, path, before).await } else { String::new() };
            let next = if trouble.is_conflict() { "; look again, then decide" } else { "" };
            context.not_begun(format!("{}{who}; nothing was changed{next}", trouble.words()))
        }
    };
    report.audit_id = trouble.audit_id();
    report
}

/// Who changed the object between our reading and our change.
async fn quicker(api: &Api<'_>, path: &str, before: &Value) -> String {
    let Ok(now) = api.get(path).await else { return String::new() };
    if object::resource_version(&now.body) == object::resource_version(before) {
        return String::new();
    }
    let lines = diff::between(&object::comparable(before), &object::comparable(&now.body));
    let what = if lines.is_empty() { "only its status changed".to_owned() } else { diff::few(&lines) };
    let who = object::last_writer(&now.body).map(|who| format!(" by {who}")).unwrap_or_default();
    format!("; it was changed{who}: {what}")
}

/// Reads the object of a change and works out what the change would do to it, where, and as
/// whom.
///
/// # Errors
/// One sentence: why the object cannot be read, or why the change would be refused.
pub(super) async fn prepare(ports: &EffectPorts, request: &KubernetesRequest) -> Result<ObjectState, String> {
    let api = Api::of(ports).ok_or(NO_CLUSTER)?;
    let mut state = announced(&api, ports, request).await?;
    if !matches!(request, KubernetesRequest::Get { .. } | KubernetesRequest::RolloutStatus { .. }) {
        state.diff = format!("{}\n# {}", state.diff.trim_end(), api.whoami().await);
    }
    Ok(state)
}

async fn announced(api: &Api<'_>, ports: &EffectPorts, request: &KubernetesRequest) -> Result<ObjectState, String> {
    if let Some(which) = Which::of(request) {
        return deletion::prepare(api, request, which).await;
    }
    let resource = request.resource();
    if let Some(items) = apply::items(api, &ports.bundle, request).await {
        return Ok(apply::state(resource, &items?));
    }
    if let Some(result) = of_deleted_pods(request) {
        let nothing = String::new;
        return result.map(|diff| ObjectState {
            resource,
            namespace: nothing(),
            uid: nothing(),
            resource_version: nothing(),
            before: nothing(),
            diff,
        });
    }
    let named = |trouble: Trouble| format!("{resource}: {}", trouble.words());
    let path = api.locate(&resource).await.map_err(named)?;
    let current = api.get(&path).await.map_err(named)?.body;
    let diff = match request {
        KubernetesRequest::Get { .. } | KubernetesRequest::RolloutStatus { .. } => String::new(),
        _ => match plan::of(api, request, &current).await? {
            Plan::Already(why) => why,
            Plan::Change(change) => plan::preview(api, &path, &change, &current).await?,
        },
    };
    let diff = match request {
        KubernetesRequest::RolloutUndo { workload, .. } => format!("{diff}{}", held_up(api, workload, &current).await),
        _ => diff,
    };
    Ok(ObjectState {
        namespace: object::text(&current, "/metadata/namespace").unwrap_or_default().to_owned(),
        uid: object::text(&current, "/metadata/uid").unwrap_or_default().to_owned(),
        resource_version: object::resource_version(&current).unwrap_or_default(),
        before: object::without_managed_fields(current).to_string(),
        resource,
        diff,
    })
}

/// Pods that will keep a StatefulSet from going back: it waits for them to become ready.
async fn held_up(api: &Api<'_>, workload: &Workload, current: &Value) -> String {
    if workload.kind != "StatefulSet" {
        return String::new();
    }
    let signs = pods::look(api, &workload.kind, current).await.unwrap_or_default();
    let names: Vec<String> = signs.stuck.keys().map(|pod| format!("pod/{pod}")).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("\n# {} does not come up and will hold this up until it is deleted; this step will say when", names.join(", "))
}

/// Finds what a rollback would go back to.
///
/// # Errors
/// One sentence.
pub(super) async fn pin(ports: &EffectPorts, workload: &Workload) -> Result<PinnedTarget, String> {
    let api = Api::of(ports).ok_or(NO_CLUSTER)?;
    history::pin(&api, workload).await
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod rules;
