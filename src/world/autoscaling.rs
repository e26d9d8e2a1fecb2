//! The autoscaler: as many pods as keep each as busy as it should be.
//!
//! As the real one it looks every 15 seconds, leaves small differences alone, grows at
//! once and shrinks only to the largest size it would have chosen in five minutes.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::cluster::{Cluster, Key, Kind, Millis};
use super::json::{Object, label, list, number, serves, set, text};
use super::kubernetes::write::changed_by;
use super::metrics::{Metrics, amount};

const EVERY: Millis = 15_000;
/// A difference within this is none.
const TOLERANCE: f64 = 0.1;
const REMEMBERED: Millis = 300_000;

/// What the autoscaler remembers.
#[derive(Debug)]
pub(crate) struct Autoscaling {
    next: Millis,
    chosen: BTreeMap<Key, VecDeque<(Millis, i64)>>,
}

/// What an autoscaler found.
struct Found {
    target: Key,
    current: i64,
    wanted: i64,
    busy: Option<i64>,
}

impl Default for Autoscaling {
    fn default() -> Self {
        Self { next: EVERY, chosen: BTreeMap::new() }
    }
}

impl Autoscaling {
    /// When it looks next; nothing where nothing is scaled.
    pub(crate) fn due(&self, cluster: &Cluster) -> Option<Millis> {
        cluster.store.list(Kind::HorizontalPodAutoscaler, None).next().map(|_| self.next)
    }

    /// Lets the looks go by that came before now, while there was nothing to scale.
    pub(crate) fn catch_up(&mut self, now: Millis) {
        self.next = self.next.max((now.div_euclid(EVERY) + 1) * EVERY);
    }

    /// Looks at everything that is scaled.
    pub(crate) fn run(&mut self, cluster: &mut Cluster, metrics: &mut Metrics) {
        self.next += EVERY;
        let all: Vec<(Key, Object)> =
            cluster.store.list(Kind::HorizontalPodAutoscaler, None).map(|(key, object)| (key.clone(), object.clone())).collect();
        self.chosen.retain(|key, _| all.iter().any(|(other, _)| other == key));
        for (key, scaler) in all {
            let Some(found) = self.judge(cluster, metrics, &key, &scaler) else { continue };
            if found.wanted != found.current {
                scale(cluster, &key, &found);
            }
            report(cluster, &key, &scaler, &found);
        }
    }

    fn judge(&mut self, cluster: &Cluster, metrics: &mut Metrics, key: &Key, scaler: &Value) -> Option<Found> {
        let kind = Kind::named(text(scaler, "/spec/scaleTargetRef/kind"))?;
        let target = Key::new(kind, &key.namespace, text(scaler, "/spec/scaleTargetRef/name"));
        let object = cluster.store.get(&target)?;
        let current = number(object, "/spec/replicas");
        let goal = list(scaler, "/spec/metrics").iter().find(|metric| text(metric, "/resource/name") == "cpu");
        let goal = goal.map_or(0, |metric| number(metric, "/resource/target/averageUtilization"));
        let (busy, ready) = utilization(cluster, metrics, object, &target);
        let chosen = match busy {
            // Size zero turns autoscaling off.
            _ if current == 0 => return None,
            Some(busy) if goal > 0 => {
                #[expect(clippy::cast_precision_loss, reason = "percentages")]
                let ratio = busy as f64 / goal as f64;
                #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "pods are few")]
                let wanted = (ratio * ready as f64).ceil() as i64;
                if (ratio - 1.0).abs() <= TOLERANCE { current } else { wanted }
            }
            _ => current,
        };
        // At once no further than twice as many, or four more.
        let chosen = chosen.min((current * 2).max(current + 4));
        let (least, most) = (number(scaler, "/spec/minReplicas").max(1), number(scaler, "/spec/maxReplicas").max(1));
        let chosen = chosen.clamp(least.min(most), most);
        let memory = self.chosen.entry(key.clone()).or_default();
        memory.push_back((cluster.now(), chosen));
        while memory.front().is_some_and(|(at, _)| cluster.now() - at > REMEMBERED) {
            memory.pop_front();
        }
        let largest = memory.iter().map(|(_, size)| *size).max().unwrap_or(chosen);
        let wanted = if chosen < current { largest.min(current) } else { chosen };
        Some(Found { target, current, wanted, busy })
    }
}

/// How busy the ready pods of a workload are on the mean, percent of what they ask for,
/// and how many there are. Nothing where they do not ask for processor.
fn utilization(cluster: &Cluster, metrics: &mut Metrics, object: &Value, target: &Key) -> (Option<i64>, usize) {
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object).cloned().unwrap_or_default();
    let mine = |pod: &Value| labels.iter().all(|(name, value)| label(pod, name) == value.as_str()) && serves(pod);
    let (mut used, mut asked, mut ready) = (0.0, 0.0, 0);
    for (key, pod) in cluster.store.list(Kind::Pod, Some(&target.namespace)).filter(|(_, pod)| mine(pod)) {
        let (Some(request), Some(usage)) = (amount(pod, "requests/cpu"), metrics.usage(cluster, &key.name)) else { continue };
        used += usage.cpu;
        asked += request;
        ready += 1;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a percentage")]
    let busy = (asked > 0.0).then(|| (used / asked * 100.0) as i64);
    (busy, ready)
}

fn scale(cluster: &mut Cluster, key: &Key, found: &Found) {
    let Some(object) = cluster.store.get(&found.target).cloned() else { return };
    let mut changed = Value::clone(&object);
    set(&mut changed, &["spec", "replicas"], found.wanted);
    changed_by(cluster, &found.target, &object, changed, "horizontal-pod-autoscaler");
    let why = if found.wanted > found.current {
        "cpu resource utilization (percentage of request) above target"
    } else {
        "All metrics below target"
    };
    cluster.note(key, "horizontal-pod-autoscaler", "SuccessfulRescale", &format!("New size: {}; reason: {why}", found.wanted));
}

fn report(cluster: &mut Cluster, key: &Key, scaler: &Object, found: &Found) {
    let now = cluster.timestamp();
    let mut changed = Value::clone(scaler);
    set(&mut changed, &["status", "currentReplicas"], found.current);
    set(&mut changed, &["status", "desiredReplicas"], found.wanted);
    if found.wanted != found.current {
        set(&mut changed, &["status", "lastScaleTime"], now.clone());
    }
    let active = match found.busy {
        Some(busy) => {
            let current = json!({"name": "cpu", "current": {"averageUtilization": busy}});
            set(&mut changed, &["status", "currentMetrics"], json!([{"type": "Resource", "resource": current}]));
            (
                "True",
                "ValidMetricFound",
                "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)",
            )
        }
        None => (
            "False",
            "FailedGetResourceMetric",
            "the HPA was unable to compute the replica count: missing request for cpu in the pods",
        ),
    };
    let conditions: Vec<Value> =
        [("AbleToScale", ("True", "ReadyForNewScale", "recommended size matches current size")), ("ScalingActive", active)]
            .into_iter()
            .map(|(kind, (status, reason, message))| {
                let before = super::json::condition(scaler, kind).filter(|c| text(c, "/status") == status);
                let since = before.map_or_else(|| now.clone(), |c| text(c, "/lastTransitionTime").to_owned());
                json!({"type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message})
            })
            .collect();
    set(&mut changed, &["status", "conditions"], conditions);
    cluster.write(key, changed);
}
