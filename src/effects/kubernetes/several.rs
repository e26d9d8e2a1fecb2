//! Changes to several objects, one after the other, each sent once.
//!
//! The first that is refused or lost ends it: those after it are not touched, and the
//! report says which were done.

use std::time::Duration;

use serde_json::Value;

use super::api::{Api, Reply, Trouble};
use super::apply::{self, Deed, Item};
use super::status::Goal;
use super::{object, rollout};
use crate::effects::context::{Context, Stage, uncertain};
use crate::session::event::Outcome;
use crate::session::intent::Intent;
use crate::session::message::EffectReport;

const LOOK: Duration = Duration::from_secs(1);

/// Does what was worked out, then waits: for rollouts to end, and deleted objects to go.
pub(super) async fn run(intent: &Intent, api: &Api<'_>, items: Vec<Item>, context: &Context) -> EffectReport {
    let seen = intent.object.as_ref().map(|seen| apply::still_as_seen(seen, &items)).unwrap_or(Ok(()));
    if let Err(why) = seen.and_then(|()| apply::taken_as_announced(intent.object.as_ref(), &items)) {
        return context.not_begun(format!("{why}; nothing was sent, look again"));
    }
    let (mut done, mut answers, mut notes, mut audit) = (Vec::new(), Vec::new(), String::new(), Vec::new());
    for item in &items {
        context.note(|known| known.stage = Stage::Sent);
        match send(api, item).await {
            None => {}
            Some(Ok(reply)) => {
                audit.extend(reply.audit_id.clone());
                if matches!(item.deed, Deed::Apply(_)) && item.current.is_none() && !reply.created {
                    notes.push_str(&format!("; {} was made by somebody else just before, and is changed now", item.resource));
                }
                notes.extend(item.taken.iter().map(|(field, owner)| format!("; {field} was taken over from {owner}")));
                done.push(item.resource.to_string());
                answers.push((item, reply.body));
            }
            Some(Err(trouble)) => return stopped(intent, context, item, &trouble, &done),
        }
        let stage = if done.is_empty() { Stage::Before } else { Stage::Accepted };
        let id = (!audit.is_empty()).then(|| audit.join(", "));
        context.note(|known| (known.stage, known.audit_id) = (stage, id));
    }
    if done.is_empty() {
        return context.report(Outcome::Succeeded, Some(false), "everything is so already");
    }
    for (item, answer) in &answers {
        if let Some(report) = wait(api, item, answer, context).await {
            return report;
        }
    }
    let mut report = context.report(Outcome::Succeeded, Some(true), format!("{} done{notes}", done.join(", ")));
    if let [(_, answer)] = answers.as_slice() {
        report.resource_version = object::resource_version(answer);
        report.object = Some(answer.clone());
    }
    report
}

async fn send(api: &Api<'_>, item: &Item) -> Option<Result<Reply, Trouble>> {
    Some(match &item.deed {
        Deed::Nothing => return None,
        Deed::Apply(body) => api.apply(&item.path, body, !item.taken.is_empty(), false).await,
        Deed::Patch(change) => api.patch(&item.path, change, false).await,
        Deed::Delete(uid) => api.delete(&item.path, uid, false).await,
    })
}

fn stopped(intent: &Intent, context: &Context, item: &Item, trouble: &Trouble, done: &[String]) -> EffectReport {
    let before = if done.is_empty() { String::new() } else { format!("; done before it: {}", done.join(", ")) };
    let said = format!("{}: {}", item.resource, apply::refusal(trouble));
    let mut report = match trouble {
        Trouble::Lost { sent: true, .. } => uncertain(
            intent,
            &format!("{said}; the request went out, so it may have had its effect{before}{}", super::LOOK_FIRST),
        ),
        _ if done.is_empty() => context.not_begun(format!("{said}; nothing was changed")),
        _ => context.report(Outcome::Failed, Some(true), format!("{said}; this one and those after it are untouched{before}")),
    };
    report.audit_id = trouble.audit_id().or(report.audit_id);
    report
}

/// Waits for one object; a report where it does not come to its end.
async fn wait(api: &Api<'_>, item: &Item, answer: &Value, context: &Context) -> Option<EffectReport> {
    if let Deed::Delete(uid) = &item.deed {
        return until_gone(api, item, uid, context).await;
    }
    let workload = object::workload(&item.resource)?;
    let before = item.current.as_ref().map_or(0, object::generation);
    if object::generation(answer) <= before || object::is_paused(answer) {
        return None;
    }
    let report = rollout::follow(api, &item.path, &workload, answer, Goal::Rollout, context).await;
    (report.outcome != Outcome::Succeeded).then_some(report)
}

async fn until_gone(api: &Api<'_>, item: &Item, uid: &str, context: &Context) -> Option<EffectReport> {
    loop {
        match api.get(&item.path).await {
            Ok(reply) if object::uid(&reply.body) != uid => return None,
            Err(trouble) if trouble.code() == Some(404) => return None,
            Err(trouble) if !trouble.may_pass() => {
                let why = format!("{} deleted, but whether it is gone cannot be seen: {}", item.resource, trouble.words());
                return Some(context.report(Outcome::Failed, Some(true), why));
            }
            _ => context.progress(format!("waiting for {} to be gone", item.resource)).await,
        }
        tokio::time::sleep(LOOK).await;
    }
}
