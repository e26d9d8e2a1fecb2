//! The status of a Deployment: what its ReplicaSets add up to, whether it moves on, and
//! whether its deadline has passed.

use serde_json::{Map, Value, json};

use super::sets::{Sets, Slack, actual, available, wanted};
use super::{Cluster, Key, Work};
use crate::world::json::{Object, condition, list, number, set, text};

/// Whether a Deployment's status says that all that is wanted is there.
pub(super) fn complete(deployment: &Value) -> bool {
    finished(deployment, deployment.pointer("/status").unwrap_or(&Value::Null))
}

fn finished(deployment: &Value, status: &Value) -> bool {
    let goal = wanted(deployment);
    number(status, "/updatedReplicas") == goal
        && number(status, "/replicas") == goal
        && number(status, "/availableReplicas") == goal
        && number(status, "/observedGeneration") >= number(deployment, "/metadata/generation")
}

/// Whether there is more of what is wanted, or less of what is not, than before.
fn moved(before: &Value, after: &Value) -> bool {
    let grew = |field: &str| number(after, field) > number(before, field);
    let old = |status: &Value| number(status, "/replicas") - number(status, "/updatedReplicas");
    grew("/updatedReplicas") || old(after) < old(before) || grew("/readyReplicas") || grew("/availableReplicas")
}

impl Cluster {
    /// Writes the status of a Deployment, where it changed.
    pub(super) fn sync_status(&mut self, key: &Key, deployment: &Object, sets: &Sets) {
        let mut changed = Value::clone(deployment);
        set(&mut changed, &["status"], counts(deployment, sets));
        let conditions = list(deployment, "/status/conditions").to_vec();
        set(&mut changed, &["status", "conditions"], conditions);
        let enough = sets.sum(available) >= wanted(deployment) - Slack::of(deployment).unavailable;
        if enough {
            let message = "Deployment has minimum availability.";
            self.set_condition(&mut changed, "Available", "True", "MinimumReplicasAvailable", message);
        } else {
            let message = "Deployment does not have minimum availability.";
            self.set_condition(&mut changed, "Available", "False", "MinimumReplicasUnavailable", message);
        }
        self.judge_progress(deployment, &mut changed, sets);
        if changed.pointer("/status") == deployment.pointer("/status") {
            self.recheck_deadline(key, deployment);
        } else {
            self.write(key, changed);
        }
    }

    fn judge_progress(&mut self, before: &Value, after: &mut Value, sets: &Sets) {
        let current = condition(before, "Progressing").cloned();
        let reason = current.as_ref().map_or("", |c| text(c, "/reason"));
        let status = after.pointer("/status").cloned().unwrap_or_default();
        let settled = actual(after) == number(&status, "/updatedReplicas") && reason == "NewReplicaSetAvailable";
        if before.pointer("/spec/progressDeadlineSeconds").is_none() || settled {
            return;
        }
        let name = match &sets.new {
            Some((key, _)) => format!("ReplicaSet \"{}\"", key.name),
            None => format!("Deployment \"{}\"", text(before, "/metadata/name")),
        };
        if finished(before, &status) {
            let message = format!("{name} has successfully progressed.");
            self.set_condition(after, "Progressing", "True", "NewReplicaSetAvailable", &message);
        } else if moved(before.pointer("/status").unwrap_or(&Value::Null), &status) {
            // Progress renews the condition even where it says the same: its time is what
            // the deadline counts from.
            let since = current.as_ref().filter(|c| text(c, "/status") == "True").map(|c| text(c, "/lastTransitionTime").to_owned());
            if let Some(Value::Array(conditions)) = after.pointer_mut("/status/conditions") {
                conditions.retain(|c| text(c, "/type") != "Progressing");
            }
            self.set_condition(after, "Progressing", "True", "ReplicaSetUpdated", &format!("{name} is progressing."));
            if let (Some(since), Some(Value::Array(conditions))) = (since, after.pointer_mut("/status/conditions"))
                && let Some(last) = conditions.last_mut()
            {
                set(last, &["lastTransitionTime"], since);
            }
        } else if self.deadline(before).is_some_and(|deadline| deadline < self.now) {
            let message = format!("{name} has timed out progressing.");
            self.set_condition(after, "Progressing", "False", "ProgressDeadlineExceeded", &message);
        }
    }

    /// When a Deployment's rollout has taken too long; nothing where it is over or has no
    /// deadline.
    fn deadline(&self, deployment: &Value) -> Option<super::Millis> {
        let progressing = condition(deployment, "Progressing")?;
        if text(progressing, "/reason") == "NewReplicaSetAvailable" {
            return None;
        }
        let seconds = deployment.pointer("/spec/progressDeadlineSeconds")?.as_i64()?;
        Some(self.millis_of(text(progressing, "/lastUpdateTime"))? + seconds * 1_000)
    }

    fn recheck_deadline(&mut self, key: &Key, deployment: &Value) {
        let exceeded = condition(deployment, "Progressing").is_some_and(|c| text(c, "/status") == "False");
        if let Some(deadline) = self.deadline(deployment).filter(|_| !exceeded && !complete(deployment)) {
            let waiting = self.queue.values().any(|work| matches!(work, Work::Recheck(other) if other == key));
            if !waiting {
                self.schedule(deadline - self.now + 1_000, Work::Recheck(key.clone()));
            }
        }
    }

    /// Sets a condition as the deployment controller does: nothing where it says the same
    /// already, the time of its last transition kept where only the reason changed, and
    /// always at the end of the list.
    pub(super) fn set_condition(&self, deployment: &mut Value, kind: &str, status: &str, reason: &str, message: &str) {
        let now = self.timestamp();
        let current = condition(deployment, kind);
        if current.is_some_and(|c| text(c, "/status") == status && text(c, "/reason") == reason) {
            return;
        }
        let kept = current.filter(|c| text(c, "/status") == status).map(|c| text(c, "/lastTransitionTime").to_owned());
        let new = json!({
            "type": kind,
            "status": status,
            "lastUpdateTime": now,
            "lastTransitionTime": kept.unwrap_or_else(|| now.clone()),
            "reason": reason,
            "message": message,
        });
        let mut conditions = list(deployment, "/status/conditions").to_vec();
        conditions.retain(|c| text(c, "/type") != kind);
        conditions.push(new);
        set(deployment, &["status", "conditions"], conditions);
    }
}

/// The numbers of a Deployment's status. What is zero is left out, as the API does;
/// the terminating pods are always counted.
fn counts(deployment: &Value, sets: &Sets) -> Value {
    let new = |of: fn(&Value) -> i64| sets.new.as_ref().map_or(0, |(_, set)| of(set));
    let mut status = Map::new();
    let mut put = |name: &str, count: i64| {
        if count > 0 {
            status.insert(name.to_owned(), count.into());
        }
    };
    put("observedGeneration", number(deployment, "/metadata/generation"));
    put("replicas", sets.sum(actual));
    put("updatedReplicas", new(actual));
    put("readyReplicas", sets.sum(|set| number(set, "/status/readyReplicas")));
    put("availableReplicas", sets.sum(available));
    put("unavailableReplicas", sets.sum(wanted) - sets.sum(available));
    status.insert("terminatingReplicas".to_owned(), sets.sum(|set| number(set, "/status/terminatingReplicas")).into());
    Value::Object(status)
}
