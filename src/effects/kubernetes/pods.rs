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
    /// New pods that are stuck: pod, reason and details.
    pub stuck: BTreeMap<String, String>,
    /// Something worth showing that may still pass.
    pub remark: Option<String>,
}

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
                signs.stuck.insert(name.to_owned(), why);
            } else if let Some(why) = unschedulable(pod) {
                signs.remark = Some(format!("pod {name} cannot be scheduled: {why}"));
            }
        } else if let Some(why) = stuck.filter(|_| kind == "StatefulSet") {
            // The controller waits for it to become ready, which it will not.
            signs.remark = Some(format!("pod {name} of the old revision holds the rollout up ({why}): delete it"));
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
        let reason = text(&container, "/state/waiting/reason").filter(|reason| STUCK.contains(reason))?;
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
