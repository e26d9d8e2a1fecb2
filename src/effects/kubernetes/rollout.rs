//! Following a rollout to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::api::Api;
use super::object;
use super::pods::{self, Signs};
use super::status::{self, Goal, Rollout};
use crate::effects::context::Context;
use crate::session::event::Outcome;
use crate::session::intent::Workload;
use crate::session::message::EffectReport;

/// The workload is read so often.
const LOOK: Duration = Duration::from_secs(1);
/// The pods, of which there may be thousands, at each so many looks.
const PODS_EVERY: u32 = 3;

/// Reads the workload until its rollout is done or has failed. `from` is the object as the
/// change left it: what it says about progress is older than the change, and a template
/// other than its own is somebody else's.
pub(super) async fn follow(
    api: &Api<'_>,
    path: &str,
    workload: &Workload,
    from: &Value,
    goal: Goal,
    context: &Context,
) -> EffectReport {
    let changed = context.known().stage == crate::effects::context::Stage::Accepted;
    let changed = Some(changed);
    let failed = |why: String| context.report(Outcome::Failed, changed, format!("{workload}: {why}"));
    let stale = status::overdue(from).filter(|_| changed == Some(true)).cloned();
    let template = object::template(from);
    let mut stuck: BTreeMap<String, u32> = BTreeMap::new();
    let mut now = from.clone();
    let mut remark = String::new();
    let mut looks = 0_u32;
    loop {
        looks = looks.wrapping_add(1);
        if object::uid(&now) != object::uid(from) {
            return failed("it was deleted and created anew while its rollout was followed".into());
        }
        if changed == Some(true) && object::template(&now) != template {
            let who = object::last_writer(&now).map(|who| format!(" by {who}")).unwrap_or_default();
            return failed(format!("its template was changed{who} while the rollout was followed"));
        }
        let is_stale = stale.is_some() && status::overdue(&now) == stale.as_ref();
        match goal.judge(&now, !is_stale) {
            Rollout::Done(_) => {
                let message = format!("{workload}: {}", goal.progress(&now));
                return EffectReport { object: Some(now), ..context.report(Outcome::Succeeded, changed, message) };
            }
            Rollout::Failed(why) => return failed(why),
            Rollout::Overdue(_) => {
                let signs = pods::look(api, &workload.kind, &now).await.unwrap_or_default();
                let why = signs.stuck.values().next().map(|stuck| format!("; {}", stuck.why));
                let why = why.or(signs.remark.map(|remark| format!("; {remark}"))).unwrap_or_default();
                return failed(format!("it made no progress before its deadline ({}){why}", goal.progress(&now)));
            }
            Rollout::Waiting(_) if object::is_paused(&now) && goal == Goal::Rollout => {
                return failed(format!("it is paused ({}); resume it, and the rollout goes on", goal.progress(&now)));
            }
            Rollout::Waiting(_) => {}
        }
        if looks.is_multiple_of(PODS_EVERY) {
            // Not being allowed to read pods costs the early warning, not the rollout.
            let signs = pods::look(api, &workload.kind, &now).await.unwrap_or_default();
            if let Some(why) = lasting(&mut stuck, &signs) {
                return failed(format!("{why} ({})", goal.progress(&now)));
            }
            remark = signs.remark.map(|remark| format!("; {remark}")).unwrap_or_default();
        }
        context.progress(format!("{}{remark}", goal.progress(&now))).await;
        tokio::time::sleep(LOOK).await;
        match read(api, path, context).await {
            Ok(object) => now = object,
            Err(why) => return failed(why),
        }
    }
}

/// Reads the object, again and again where that may help: reading changes nothing. The
/// effect's own time limit ends it.
async fn read(api: &Api<'_>, path: &str, context: &Context) -> Result<Value, String> {
    loop {
        match api.get(path).await {
            Ok(reply) => return Ok(reply.body),
            Err(trouble) if trouble.code() == Some(404) => return Err("it was deleted while its rollout was followed".into()),
            Err(trouble) if trouble.may_pass() => {
                context.progress(format!("cannot see how far it is: {}; still trying", trouble.words())).await;
                tokio::time::sleep(LOOK).await;
            }
            Err(trouble) => return Err(format!("its rollout cannot be followed: {}", trouble.words())),
        }
    }
}

/// Counts how often in a row each pod was stuck; says of one that was too often why.
fn lasting(counts: &mut BTreeMap<String, u32>, signs: &Signs) -> Option<String> {
    counts.retain(|pod, _| signs.stuck.contains_key(pod));
    for (pod, stuck) in &signs.stuck {
        let count = counts.entry(pod.clone()).or_default();
        *count += 1;
        if *count >= stuck.patience {
            return Some(stuck.why.clone());
        }
    }
    None
}
