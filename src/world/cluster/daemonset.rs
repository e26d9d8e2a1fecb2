//! The DaemonSet controller: a pod on each node, replaced a few at a time.

use serde_json::{Value, json};

use super::revision::{over, revision_of, template_of};
use super::{Cluster, Key, Kind};
use crate::world::json::{Object, number, serves, set, terminating, text};

const NAME: &str = "daemonset-controller";
/// Where a pod says for which node it is.
const NODE: &str =
    "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";

impl Cluster {
    /// One sync of a DaemonSet.
    pub(super) fn sync_daemonset(&mut self, key: &Key) {
        let Some(set_) = self.store.get(key).cloned() else { return };
        let revision = self.update_revision(key, &set_);
        let name = text(&revision, "/metadata/name").to_owned();
        let template = template_of(&revision, &name);
        let nodes: Vec<String> = self.store.list(Kind::Node, None).map(|(key, _)| key.name.clone()).collect();
        let pods = self.pods_of(key, &set_);
        for (pod, object) in pods.iter().filter(|(_, pod)| over(pod)) {
            if !terminating(object) {
                self.terminate_pod(pod, None);
            }
        }
        for node in &nodes {
            if !pods.iter().any(|(_, pod)| text(pod, NODE) == node) {
                let child = format!("{}-{}", key.name, self.suffix());
                let mut pod = self.new_pod(key, &set_, &template, &child);
                let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
                let terms = json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
                let path = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
                set(&mut pod, &path, terms);
                self.create_pod(key, NAME, pod);
            }
        }
        self.replace_old(key, &set_, &pods, &name, nodes.len());
        let used: Vec<&str> = pods.iter().map(|(_, pod)| revision_of(pod)).chain([name.as_str()]).collect();
        self.forget_revisions(key, &set_, &used);
        let mut changed = Value::clone(&set_);
        set(&mut changed, &["status"], status(&set_, &pods, &name, nodes.len()));
        self.write(key, changed);
    }

    /// Deletes pods of other revisions: those that do not work at once, the others as far
    /// as so many may be missing.
    fn replace_old(&mut self, key: &Key, set_: &Value, pods: &[(Key, Object)], revision: &str, nodes: usize) {
        if text(set_, "/spec/updateStrategy/type") == "OnDelete" {
            return;
        }
        let serving = pods.iter().filter(|(_, pod)| serves(pod)).count();
        let mut spare = may_miss(set_, nodes).saturating_sub(nodes.saturating_sub(serving));
        for (pod, object) in pods.iter().filter(|(_, pod)| revision_of(pod) != revision && !terminating(pod)) {
            if serves(object) {
                if spare == 0 {
                    continue;
                }
                spare -= 1;
            }
            self.terminate_pod(pod, None);
            self.note(key, NAME, "SuccessfulDelete", &format!("Deleted pod: {}", pod.name));
        }
    }
}

/// How many pods may be missing in an update; a percentage is rounded up.
fn may_miss(set_: &Value, nodes: usize) -> usize {
    match set_.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable") {
        Some(Value::String(percent)) => {
            let percent: usize = percent.trim_end_matches('%').parse().unwrap_or(0);
            (nodes * percent).div_ceil(100).max(1)
        }
        Some(count) => count.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1),
        None => 1,
    }
}

fn status(set_: &Value, pods: &[(Key, Object)], revision: &str, nodes: usize) -> Value {
    let count = |which: &dyn Fn(&Value) -> bool| pods.iter().filter(|(_, pod)| which(pod)).count();
    let ready = count(&serves);
    let mut status = json!({
        "observedGeneration": number(set_, "/metadata/generation"),
        "currentNumberScheduled": pods.len().min(nodes),
        "desiredNumberScheduled": nodes,
        "numberMisscheduled": 0,
        "numberReady": ready,
        "updatedNumberScheduled": count(&|pod| revision_of(pod) == revision && !terminating(pod)),
        "numberAvailable": ready,
        "numberUnavailable": nodes.saturating_sub(ready),
    });
    if let Some(map) = status.as_object_mut() {
        let optional = ["updatedNumberScheduled", "numberAvailable", "numberUnavailable"];
        map.retain(|name, value| *value != json!(0) || !optional.contains(&name.as_str()));
    }
    status
}

/// The node a pod of a DaemonSet is for; nothing for any other pod.
pub(super) fn meant_for(pod: &Value) -> Option<&str> {
    Some(text(pod, NODE)).filter(|node| !node.is_empty())
}
