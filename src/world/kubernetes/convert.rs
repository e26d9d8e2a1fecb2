//! Objects in other versions than the one they are kept in.
//!
//! Most differ in nothing but the `apiVersion`; events and autoscalers have other fields.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::world::cluster::Kind;
use crate::world::cluster::resource::Resource;
use crate::world::json::{list, set, text, unset};

/// Fields of an event in `v1`, and their names in `events.k8s.io/v1`.
const EVENT: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// An object as a group and version show it.
pub(crate) fn outgoing<'a>(resource: &Resource, object: &'a Value, api_version: &str) -> Cow<'a, Value> {
    if api_version == resource.api_version() {
        return Cow::Borrowed(object);
    }
    let mut shown = object.clone();
    set(&mut shown, &["apiVersion"], api_version);
    match resource.kind {
        Kind::Event => EVENT.iter().for_each(|(ours, theirs)| rename(&mut shown, ours, theirs)),
        Kind::HorizontalPodAutoscaler => simple_autoscaler(&mut shown),
        _ => {}
    }
    Cow::Owned(shown)
}

/// An object that was written in a group and version, as it is kept. What says to be
/// another version stays as it is, and is refused later.
pub(crate) fn incoming(resource: &Resource, mut object: Value, api_version: &str) -> Value {
    if api_version == resource.api_version() || text(&object, "/apiVersion") != api_version {
        return object;
    }
    set(&mut object, &["apiVersion"], resource.api_version());
    match resource.kind {
        Kind::Event => EVENT.iter().for_each(|(ours, theirs)| rename(&mut object, theirs, ours)),
        Kind::HorizontalPodAutoscaler => full_autoscaler(&mut object),
        _ => {}
    }
    object
}

fn rename(object: &mut Value, from: &str, to: &str) {
    if let Some(value) = object.get(from).cloned() {
        unset(object, &[from]);
        set(object, &[to], value);
    }
}

/// `autoscaling/v1` knows one number: how busy the processors are.
fn simple_autoscaler(object: &mut Value) {
    let utilization = |metrics: &[Value], at: &str| {
        metrics.iter().find(|m| text(m, "/resource/name") == "cpu").and_then(|m| m.pointer(at)).cloned()
    };
    let target = utilization(list(object, "/spec/metrics"), "/resource/target/averageUtilization");
    let current = utilization(list(object, "/status/currentMetrics"), "/resource/current/averageUtilization");
    for gone in [&["spec", "metrics"][..], &["spec", "behavior"], &["status", "currentMetrics"], &["status", "conditions"]] {
        unset(object, gone);
    }
    if let Some(target) = target {
        set(object, &["spec", "targetCPUUtilizationPercentage"], target);
    }
    if let Some(current) = current {
        set(object, &["status", "currentCPUUtilizationPercentage"], current);
    }
}

fn full_autoscaler(object: &mut Value) {
    let Some(target) = object.pointer("/spec/targetCPUUtilizationPercentage").cloned() else { return };
    unset(object, &["spec", "targetCPUUtilizationPercentage"]);
    let target = json!({"type": "Utilization", "averageUtilization": target});
    set(object, &["spec", "metrics"], json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back_is_the_same() {
        let hpa = json!({"apiVersion": "autoscaling/v2", "spec": {"minReplicas": 1, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]}});
        let event = json!({"apiVersion": "v1", "involvedObject": {"name": "a"}, "message": "b", "count": 2});
        for (kind, object, version, at) in [
            (Kind::HorizontalPodAutoscaler, &hpa, "autoscaling/v1", "/spec/targetCPUUtilizationPercentage"),
            (Kind::Event, &event, "events.k8s.io/v1", "/regarding/name"),
        ] {
            let resource = kind.resource();
            let shown = outgoing(resource, object, version).into_owned();
            assert!(shown.pointer(at).is_some(), "{shown}");
            assert_eq!(incoming(resource, shown, version), *object);
        }
    }
}
