//! New pods that will not come up: why a rollout fails long before its deadline.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::{Api, Trouble};
use super::history;
use super::object::{self, text};

/// Reasons a waiting container does not leave by itself, or only with luck.
const STUCK: [&str; 7] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What the pods say about a rollout.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// Pods that hold the rollout up.
    pub stuck: BTreeMap<String, Stuck>,
    /// Something worth showing that may still pass.
    pub remark: Option<String>,
}

/// A pod that does not come up, or keeps others from coming up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stuck {
    /// Reason and details, a sentence that begins with the pod's name.
    pub why: String,
    /// How many looks in a row it may be so before it counts.
    pub patience: u32,
}

/// A container that is stuck twice in a row is stuck.
const PATIENCE: u32 = 2;
/// A pod without a place may get one when the cluster grows: a minute or so.
const PATIENCE_FOR_A_PLACE: u32 = 20;

/// Looks at the pods of a workload. Without the right to read them there are no signs.
pub(super) async fn look(api: &Api<'_>, kind: &str, object: &Value) -> Result<Signs, Trouble> {
    let pods = api.list("/api/v1", "pods", &object::selector(object), true).await?;
    let Some((label, value)) = mark_of_new(api, kind, object).await? else { return Ok(Signs::default()) };
    let mut signs = Signs::default();
    for pod in &pods {
        let name = text(pod, "/metadata/name").unwrap_or_default();
        let mark = pod.pointer("/metadata/labels").and_then(|labels| labels.get(label)).and_then(Value::as_str);
        let stuck = stuck(pod);
        if mark == Some(value.as_str()) {
            if let Some(why) = stuck {
                let why = format!("new pod {name} does not come up: {why}");
                signs.stuck.insert(name.to_owned(), Stuck { why, patience: PATIENCE });
            } else if let Some(why) = unschedulable(pod) {
                let why = format!("new pod {name} cannot be scheduled: {why}");
                signs.remark = Some(why.clone());
                signs.stuck.insert(name.to_owned(), Stuck { why, patience: PATIENCE_FOR_A_PLACE });
            }
        } else if let Some(why) = stuck.filter(|_| kind == "StatefulSet") {
            let why = format!(
                "pod {name} has an earlier template and does not come up ({why}); the controller replaces no pod before this one \
                 is ready, which it never will be. The way out: delete pod {name}, which is made anew with the present template, \
                 and wait for the rollout again"
            );
            signs.stuck.insert(name.to_owned(), Stuck { why, patience: PATIENCE });
        }
    }
    Ok(signs)
}

/// The label that tells the pods of the present template.
async fn mark_of_new(api: &Api<'_>, kind: &str, object: &Value) -> Result<Option<(&'static str, String)>, Trouble> {
    Ok(match kind {
        "Deployment" => {
            let template = object::template(object);
            let history = history::of(api, kind, object).await?;
            let new = history.into_iter().filter(|past| past.template == template).max_by_key(|past| past.revision);
            new.and_then(|past| past.hash).map(|hash| ("pod-template-hash", hash))
        }
        "StatefulSet" => text(object, "/status/updateRevision").map(|revision| ("controller-revision-hash", revision.to_owned())),
        _ => object::annotation(object, "deprecated.daemonset.template.generation")
            .map(|n| ("pod-template-generation", n.to_owned())),
    })
}

fn stuck(pod: &Value) -> Option<String> {
    let list = |pointer: &str| pod.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let all = list("/status/initContainerStatuses").into_iter().chain(list("/status/containerStatuses"));
    all.into_iter().find_map(|container| {
        let waiting = text(&container, "/state/waiting/reason").filter(|reason| STUCK.contains(reason));
        let reason = waiting.or_else(|| out_of_memory(&container))?;
        let name = text(&container, "/name").unwrap_or_default();
        let last = text(&container, "/lastState/terminated/reason").map(|last| {
            let exit = object::number(&container, "/lastState/terminated/exitCode");
            format!(", last ended with {last}, exit code {exit}")
        });
        let message = text(&container, "/state/waiting/message").filter(|_| last.is_none()).map(|m| format!(": {m}"));
        let restarts = object::number(&container, "/restartCount");
        let restarts = if restarts > 0 { format!(", {restarts} restarts") } else { String::new() };
        let details = format!("{}{restarts}", last.or(message).unwrap_or_default());
        Some(crate::effects::text::shortened(&format!("container {name}: {reason}{details}"), 300))
    })
}

/// Killed for its memory and not ready again; once may be chance.
fn out_of_memory(container: &Value) -> Option<&'static str> {
    const REASON: &str = "OOMKilled";
    let killed = |at: &str| text(container, at) == Some(REASON);
    let ready = container.get("ready").and_then(Value::as_bool).unwrap_or(false);
    let again = killed("/lastState/terminated/reason") && object::number(container, "/restartCount") >= 2;
    (!ready && (killed("/state/terminated/reason") || again)).then_some(REASON)
}

fn unschedulable(pod: &Value) -> Option<String> {
    let conditions = pod.pointer("/status/conditions")?.as_array()?;
    let condition =
        conditions.iter().find(|c| text(c, "/type") == Some("PodScheduled") && text(c, "/reason") == Some("Unschedulable"))?;
    Some(crate::effects::text::shortened(text(condition, "/message").unwrap_or("no reason given"), 200))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(waiting: &str, last: Option<(&str, i64)>) -> Value {
        let last = last.map_or(json!({}), |(reason, exit)| json!({"terminated": {"reason": reason, "exitCode": exit}}));
        json!({"status": {"containerStatuses": [
            {"name": "ok", "restartCount": 0, "state": {"running": {}}},
            {"name": "app", "restartCount": 2, "lastState": last, "state": {"waiting": {"reason": waiting, "message": "back-off 10s"}}}]}})
    }

    /// A container that ran out of memory: now, or before its last restart.
    fn killed(state: &str, restarts: u32, ready: bool) -> Value {
        let end = json!({"reason": "OOMKilled", "exitCode": 137});
        let (now, last) = match state {
            "terminated" => (json!({"terminated": end}), json!({})),
            _ => (json!({"running": {}}), json!({"terminated": end})),
        };
        json!({"status": {"containerStatuses": [{"name": "app", "ready": ready, "restartCount": restarts, "state": now, "lastState": last}]}})
    }

    #[test]
    fn only_what_does_not_pass_by_itself_counts_as_stuck() {
        let cases = [
            (pod("ContainerCreating", None), None),
            (pod("PodInitializing", None), None),
            (pod("ErrImagePull", None), None),
            (pod("ImagePullBackOff", None), Some("container app: ImagePullBackOff: back-off 10s, 2 restarts")),
            (
                pod("CrashLoopBackOff", Some(("Error", 1))),
                Some("container app: CrashLoopBackOff, last ended with Error, exit code 1, 2 restarts"),
            ),
            (killed("terminated", 0, false), Some("container app: OOMKilled")),
            (killed("running", 2, false), Some("container app: OOMKilled, last ended with OOMKilled, exit code 137, 2 restarts")),
            (killed("running", 1, false), None),
            (killed("running", 5, true), None),
            (json!({}), None),
            (json!({"status": {"containerStatuses": "odd"}}), None),
        ];
        for (pod, expected) in cases {
            assert_eq!(stuck(&pod).as_deref(), expected, "{pod}");
        }
    }

    #[test]
    fn a_failing_init_container_counts_too() {
        let mut pod = pod("PodInitializing", None);
        pod["status"]["initContainerStatuses"] = json!([{"name": "migrate", "restartCount": 0, "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"db\" not found"}}}]);
        assert_eq!(stuck(&pod).unwrap(), "container migrate: CreateContainerConfigError: secret \"db\" not found");
    }

    #[test]
    fn a_pod_without_a_place_says_why() {
        let pod = json!({"status": {"conditions": [{"type": "PodScheduled", "reason": "Unschedulable", "message": "0/3 nodes are available"}]}});
        assert_eq!(unschedulable(&pod).unwrap(), "0/3 nodes are available");
        assert_eq!(unschedulable(&json!({})), None);
    }
}
