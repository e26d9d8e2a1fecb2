//! The ReplicaSet controller: as many pods as wanted, the least useful go first.

use std::cmp::Reverse;

use serde_json::{Map, Value};

use super::sets::wanted;
use super::{Cluster, Key};
use crate::world::json::{Object, condition, list, number, serves, set, terminating, text};

const NAME: &str = "replicaset-controller";

impl Cluster {
    /// One sync of a ReplicaSet. Its status is what was seen at the beginning, as in the
    /// real controller: pods made or deleted now are counted in the next sync.
    pub(super) fn sync_replicaset(&mut self, key: &Key) {
        let Some(object) = self.store.get(key).cloned() else { return };
        let pods = self.controlled_by(key, text(&object, "/metadata/uid"));
        let over = |pod: &Value| matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
        let (going, active): (Vec<_>, Vec<_>) =
            pods.into_iter().filter(|(_, pod)| !over(pod)).partition(|(_, pod)| terminating(pod));
        let difference = i64::try_from(active.len()).unwrap_or(i64::MAX) - wanted(&object);
        for _ in difference..0 {
            let template = object.pointer("/spec/template").cloned().unwrap_or_default();
            let name = format!("{}-{}", key.name, self.suffix());
            let pod = self.new_pod(key, &object, &template, &name);
            self.create_pod(key, NAME, pod);
        }
        if difference > 0 {
            let surplus = usize::try_from(difference).unwrap_or(0);
            for pod in least_useful(&active, surplus) {
                self.terminate_pod(&pod, None);
                self.note(key, NAME, "SuccessfulDelete", &format!("Deleted pod: {}", pod.name));
            }
        }
        let mut changed = Value::clone(&object);
        set(&mut changed, &["status"], status(&object, &active, going.len()));
        self.write(key, changed);
    }
}

/// The pods to delete: not on a node before on one, pending before running, not ready
/// before ready, ready for less time first, more restarts first, younger first.
fn least_useful(active: &[(Key, Object)], count: usize) -> Vec<Key> {
    let mut ranked: Vec<_> = active.iter().collect();
    ranked.sort_by_key(|(key, pod)| {
        let since = condition(pod, "Ready").map_or("", |c| text(c, "/lastTransitionTime")).to_owned();
        let restarts: i64 = list(pod, "/status/containerStatuses").iter().map(|c| number(c, "/restartCount")).sum();
        (
            !text(pod, "/spec/nodeName").is_empty(),
            text(pod, "/status/phase") == "Running",
            serves(pod),
            Reverse(since),
            Reverse(restarts),
            Reverse(text(pod, "/metadata/creationTimestamp").to_owned()),
            key.name.clone(),
        )
    });
    ranked.into_iter().take(count).map(|(key, _)| key.clone()).collect()
}

fn status(set_: &Value, active: &[(Key, Object)], going: usize) -> Value {
    let ready = active.iter().filter(|(_, pod)| serves(pod)).count();
    let mut status = Map::new();
    status.insert("replicas".to_owned(), active.len().into());
    for (name, count) in [("fullyLabeledReplicas", active.len()), ("readyReplicas", ready), ("availableReplicas", ready)] {
        if count > 0 {
            status.insert(name.to_owned(), count.into());
        }
    }
    status.insert("terminatingReplicas".to_owned(), going.into());
    status.insert("observedGeneration".to_owned(), number(set_, "/metadata/generation").into());
    Value::Object(status)
}
