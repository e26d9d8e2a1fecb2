//! How far a rollout is, as `kubectl rollout status` decides it.

use serde_json::Value;

use super::object::{generation, last_writer, number, replicas, text};
use crate::session::intent::KubernetesRequest;

/// What a workload's status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rollout {
    /// The controller has not seen the latest change yet, or pods are not there yet.
    Waiting(String),
    /// Everything is there.
    Done(String),
    /// It will not get there by itself.
    Failed(String),
    /// The controller gave up waiting for progress; may be about an earlier change.
    Overdue(String),
}

impl Rollout {
    /// kubectl's words, without the final newline.
    #[cfg(test)]
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Waiting(words) | Self::Done(words) | Self::Failed(words) | Self::Overdue(words) => words,
        }
    }
}

/// Judges a Deployment, StatefulSet or DaemonSet. With `overdue_counts` false a
/// Deployment's exceeded deadline is passed over: it is known to be from before.
pub(super) fn of(object: &Value, overdue_counts: bool) -> Rollout {
    match text(object, "/kind") {
        Some("StatefulSet") => stateful_set(object),
        Some("DaemonSet") => daemon_set(object),
        _ => deployment(object, overdue_counts),
    }
}

/// The condition that says a Deployment made no progress in time.
pub(super) fn overdue(object: &Value) -> Option<&Value> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|condition| {
        text(condition, "/type") == Some("Progressing") && text(condition, "/reason") == Some("ProgressDeadlineExceeded")
    })
}

/// What a change waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// Every pod has the present template.
    Rollout,
    /// So many pods are there, and no others.
    Scale(i64),
}

impl Goal {
    /// What a request waits for; nothing where it is done when it is accepted.
    pub(super) fn of(request: &KubernetesRequest) -> Option<Self> {
        match request {
            KubernetesRequest::Scale { replicas, .. } => Some(Self::Scale(i64::from(*replicas))),
            KubernetesRequest::RolloutPause { .. } => None,
            // What was paused goes on.
            KubernetesRequest::Restore { of, .. } if matches!(**of, KubernetesRequest::RolloutPause { .. }) => {
                Some(Self::Rollout)
            }
            KubernetesRequest::Restore { of, before, .. } => match (Self::of(of)?, serde_json::from_str(before)) {
                (Self::Scale(_), Ok(before)) => Some(Self::Scale(replicas(&before))),
                (goal, _) => Some(goal),
            },
            _ => Some(Self::Rollout),
        }
    }

    /// Judges a workload by it; see [`of`].
    pub(super) fn judge(self, object: &Value, overdue_counts: bool) -> Rollout {
        match self {
            Self::Rollout => of(object, overdue_counts),
            Self::Scale(wanted) if replicas(object) != wanted => {
                let who = last_writer(object).map(|who| format!(" by {who}")).unwrap_or_default();
                Rollout::Failed(format!(
                    "its replicas were set to {}{who} while {wanted} were waited for; does an autoscaler own them?",
                    replicas(object)
                ))
            }
            Self::Scale(_) => scaled(object),
        }
    }

    /// For people, short.
    pub(super) fn progress(self, object: &Value) -> String {
        match (self, scaled(object)) {
            (Self::Rollout, _) => progress(object),
            (Self::Scale(_), Rollout::Waiting(words) | Rollout::Done(words)) => words,
            (Self::Scale(_), Rollout::Failed(words) | Rollout::Overdue(words)) => words,
        }
    }
}

/// `3 of 6 updated, 2 available`.
pub(super) fn progress(object: &Value) -> String {
    if is_unobserved(object) {
        return "waiting for the controller to see the change".into();
    }
    let (updated, available, wanted) = match text(object, "/kind") {
        Some("DaemonSet") => {
            ("/status/updatedNumberScheduled", "/status/numberAvailable", number(object, "/status/desiredNumberScheduled"))
        }
        Some("StatefulSet") => ("/status/updatedReplicas", "/status/readyReplicas", replicas(object)),
        _ => ("/status/updatedReplicas", "/status/availableReplicas", replicas(object)),
    };
    let ready = if text(object, "/kind") == Some("StatefulSet") { "ready" } else { "available" };
    let old = number(object, "/status/replicas") - number(object, updated);
    let leaving = if old > 0 && text(object, "/kind") == Some("Deployment") { format!(", {old} old") } else { String::new() };
    format!("{} of {wanted} updated, {} {ready}{leaving}", number(object, updated), number(object, available))
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

fn is_unobserved(object: &Value) -> bool {
    let observed = number(object, "/status/observedGeneration");
    generation(object) > observed || (observed == 0 && text(object, "/kind") == Some("StatefulSet"))
}

/// Whether as many pods as asked for are there and ready, and no others. A rollout's status
/// does not say: right after a change of the number it still counts the pods there were.
pub(super) fn scaled(object: &Value) -> Rollout {
    let wanted = replicas(object);
    let ready = match text(object, "/kind") {
        Some("StatefulSet") => number(object, "/status/readyReplicas"),
        _ => number(object, "/status/availableReplicas"),
    };
    let all = number(object, "/status/replicas");
    let more = if all > wanted { format!(", {} more to go", all - wanted) } else { String::new() };
    let words = format!("{ready} of {wanted} replicas ready{more}");
    if is_unobserved(object) {
        Rollout::Waiting("waiting for the controller to see the change".into())
    } else if all == wanted && ready == wanted {
        Rollout::Done(words)
    } else {
        Rollout::Waiting(words)
    }
}

fn deployment(object: &Value, overdue_counts: bool) -> Rollout {
    let name = name(object);
    if is_unobserved(object) {
        return Rollout::Waiting("Waiting for deployment spec update to be observed...".into());
    }
    if overdue_counts && overdue(object).is_some() {
        return Rollout::Overdue(format!("deployment {name:?} exceeded its progress deadline"));
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64);
    let updated = number(object, "/status/updatedReplicas");
    let old = number(object, "/status/replicas") - updated;
    let available = number(object, "/status/availableReplicas");
    let waiting = |what: String| Rollout::Waiting(format!("Waiting for deployment {name:?} rollout to finish: {what}..."));
    match wanted {
        Some(wanted) if updated < wanted => waiting(format!("{updated} out of {wanted} new replicas have been updated")),
        _ if old > 0 => waiting(format!("{old} old replicas are pending termination")),
        _ if available < updated => waiting(format!("{available} of {updated} updated replicas are available")),
        _ => Rollout::Done(format!("deployment {name:?} successfully rolled out")),
    }
}

const ONLY_ROLLING: &str = "rollout status is only available for RollingUpdate strategy type";

/// Whether pods are replaced by the controller at all.
pub(super) fn is_rolling(object: &Value) -> bool {
    let kind = text(object, "/kind");
    kind == Some("Deployment") || text(object, "/spec/updateStrategy/type") == Some("RollingUpdate")
}

fn daemon_set(object: &Value) -> Rollout {
    let name = name(object);
    if !is_rolling(object) {
        return Rollout::Failed(ONLY_ROLLING.into());
    }
    if is_unobserved(object) {
        return Rollout::Waiting("Waiting for daemon set spec update to be observed...".into());
    }
    let desired = number(object, "/status/desiredNumberScheduled");
    let updated = number(object, "/status/updatedNumberScheduled");
    let available = number(object, "/status/numberAvailable");
    let waiting = |what: String| Rollout::Waiting(format!("Waiting for daemon set {name:?} rollout to finish: {what}..."));
    if updated < desired {
        waiting(format!("{updated} out of {desired} new pods have been updated"))
    } else if available < desired {
        waiting(format!("{available} of {desired} updated pods are available"))
    } else {
        Rollout::Done(format!("daemon set {name:?} successfully rolled out"))
    }
}

fn stateful_set(object: &Value) -> Rollout {
    if !is_rolling(object) {
        return Rollout::Failed(ONLY_ROLLING.into());
    }
    if is_unobserved(object) {
        return Rollout::Waiting("Waiting for statefulset spec update to be observed...".into());
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64);
    let ready = number(object, "/status/readyReplicas");
    let updated = number(object, "/status/updatedReplicas");
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return Rollout::Waiting(format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    if let Some(block) = object.pointer("/spec/updateStrategy/rollingUpdate").filter(|block| !block.is_null()) {
        let partition = block.get("partition").and_then(Value::as_i64);
        return match (wanted, partition) {
            (Some(wanted), Some(partition)) if updated < wanted - partition => Rollout::Waiting(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {} new pods have been updated...",
                wanted - partition
            )),
            _ => Rollout::Done(format!("partitioned roll out complete: {updated} new pods have been updated...")),
        };
    }
    let revision = |pointer| text(object, pointer).unwrap_or_default();
    if revision("/status/updateRevision") != revision("/status/currentRevision") {
        let to = revision("/status/updateRevision");
        return Rollout::Waiting(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {to}..."
        ));
    }
    let current = number(object, "/status/currentReplicas");
    Rollout::Done(format!(
        "statefulset rolling update complete {current} pods at revision {}...",
        revision("/status/currentRevision")
    ))
}
