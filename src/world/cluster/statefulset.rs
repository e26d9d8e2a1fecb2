//! The StatefulSet controller: pods with names that stay, one after the other.
//!
//! As in the real one, nothing goes on past a pod that is not ready, neither creation nor
//! an update; so a bad version holds at the last pod, and going back to the good template
//! does not free it: that pod has to be deleted by hand (kubernetes#67250).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::revision::{over, revision_of, template_of};
use super::sets::wanted;
use super::{Cluster, Key};
use crate::world::json::{Object, number, serves, set, terminating, text};

const NAME: &str = "statefulset-controller";

/// What a sync works with.
struct Sync {
    set: Object,
    pods: BTreeMap<i64, (Key, Object)>,
    current: Object,
    update: Object,
}

impl Cluster {
    /// One sync of a StatefulSet.
    pub(super) fn sync_statefulset(&mut self, key: &Key) {
        let Some(set) = self.store.get(key).cloned() else { return };
        let update = self.update_revision(key, &set);
        let named = text(&set, "/status/currentRevision");
        let current = self.revisions(key, &set).into_iter().find(|(key, _)| key.name == named).map(|(_, one)| one);
        let pods = self.pods_of(key, &set).into_iter().filter_map(|(pod, object)| Some((ordinal(&pod.name)?, (pod, object))));
        let sync = Sync { pods: pods.collect(), current: current.unwrap_or_else(|| update.clone()), update, set };
        self.drive(key, &sync);
        let status = sync.status();
        let used: Vec<&str> =
            sync.pods.values().map(|(_, pod)| revision_of(pod)).chain([name_of(&sync.current), name_of(&sync.update)]).collect();
        self.forget_revisions(key, &sync.set, &used);
        let mut changed = Value::clone(&sync.set);
        set_status(&mut changed, status);
        self.write(key, changed);
    }

    /// Does the next thing; where the pods go one by one, at most one.
    fn drive(&mut self, key: &Key, sync: &Sync) {
        let one_by_one = text(&sync.set, "/spec/podManagementPolicy") != "Parallel";
        let goal = wanted(&sync.set);
        for number in 0..goal {
            match sync.pods.get(&number) {
                None => {
                    self.create_ordinal(key, sync, number);
                    if one_by_one {
                        return;
                    }
                }
                Some((pod, object)) if over(object) => {
                    self.terminate_pod(pod, None);
                    return;
                }
                Some((_, object)) if one_by_one && !serves(object) => return,
                Some(_) => {}
            }
        }
        for (_, (pod, object)) in sync.pods.range(goal.max(0)..).rev() {
            if terminating(object) {
                if one_by_one {
                    return;
                }
                continue;
            }
            self.delete_ordinal(key, pod);
            if one_by_one {
                return;
            }
        }
        self.roll_pods(key, sync, goal);
    }

    /// Replaces the last pod that is not of the template's revision, from the highest down.
    fn roll_pods(&mut self, key: &Key, sync: &Sync, goal: i64) {
        if text(&sync.set, "/spec/updateStrategy/type") == "OnDelete" {
            return;
        }
        let partition = number(&sync.set, "/spec/updateStrategy/rollingUpdate/partition");
        for number in (partition.max(0)..goal).rev() {
            let Some((pod, object)) = sync.pods.get(&number) else { return };
            if revision_of(object) != name_of(&sync.update) && !terminating(object) {
                self.delete_ordinal(key, pod);
                return;
            }
            if !serves(object) {
                return;
            }
        }
    }

    fn create_ordinal(&mut self, key: &Key, sync: &Sync, number: i64) {
        let partition = sync.set.pointer("/spec/updateStrategy/rollingUpdate/partition").and_then(Value::as_i64).unwrap_or(0);
        let revision = if number < partition { &sync.current } else { &sync.update };
        let mut template = template_of(revision, name_of(revision));
        let name = format!("{}-{number}", key.name);
        set(&mut template, &["metadata", "labels", "statefulset.kubernetes.io/pod-name"], name.clone());
        set(&mut template, &["metadata", "labels", "apps.kubernetes.io/pod-index"], number.to_string());
        let mut pod = self.new_pod(key, &sync.set, &template, &name);
        set(&mut pod, &["spec", "hostname"], name);
        self.create_pod(key, NAME, pod);
    }

    fn delete_ordinal(&mut self, key: &Key, pod: &Key) {
        self.terminate_pod(pod, None);
        let message = format!("delete Pod {} in StatefulSet {} successful", pod.name, key.name);
        self.note(key, NAME, "SuccessfulDelete", &message);
    }
}

impl Sync {
    fn status(&self) -> Value {
        let (current, update) = (name_of(&self.current), name_of(&self.update));
        let count = |which: &dyn Fn(&Value) -> bool| self.pods.values().filter(|(_, pod)| which(pod)).count();
        let of = |revision: &str| count(&|pod| revision_of(pod) == revision && !terminating(pod));
        let (all, ready) = (self.pods.len(), count(&serves));
        let goal = usize::try_from(wanted(&self.set)).unwrap_or(0);
        let updated = of(update);
        // An update is over when all pods are of it and ready; only then is it the current one.
        let over = text(&self.set, "/spec/updateStrategy/type") != "OnDelete" && updated == goal && ready == goal && all == goal;
        let current = if over { update } else { current };
        json!({
            "observedGeneration": number(&self.set, "/metadata/generation"),
            "replicas": all,
            "readyReplicas": ready,
            "currentReplicas": of(current),
            "updatedReplicas": updated,
            "availableReplicas": ready,
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        })
    }
}

/// Puts a status in, without the counts that are zero, as the API does; those of all and
/// of available pods are always there.
fn set_status(object: &mut Value, mut status: Value) {
    if let Some(map) = status.as_object_mut() {
        map.retain(|name, value| {
            *value != json!(0) || matches!(name.as_str(), "replicas" | "availableReplicas" | "collisionCount")
        });
    }
    set(object, &["status"], status);
}

fn name_of(revision: &Value) -> &str {
    text(revision, "/metadata/name")
}

fn ordinal(name: &str) -> Option<i64> {
    name.rsplit_once('-')?.1.parse().ok()
}
