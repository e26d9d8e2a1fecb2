//! Objects as rows for people: what the API server answers to `kubectl get`.

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use super::{Query, Target, parameter};
use crate::world::cluster::{Kind, Millis};
use crate::world::core::Core;
use crate::world::json::{list, number, text};

mod pod;
mod workload;

/// In which form objects are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// As they are.
    Object,
    /// As rows for people.
    Table,
    /// Their metadata only.
    Metadata,
}

impl Shape {
    /// What a request accepts first.
    pub(super) fn asked(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        for one in accept.split(',') {
            let has = |word: &str| one.split(';').any(|part| part.trim() == word);
            if has("as=Table") && has("v=v1") {
                return Self::Table;
            }
            if has("as=PartialObjectMetadata") || has("as=PartialObjectMetadataList") {
                return Self::Metadata;
            }
            if one.trim().starts_with("application/json") && !one.contains("as=") {
                return Self::Object;
            }
        }
        Self::Object
    }
}

/// A column: its name, its type, and 1 where it is shown only on request.
type Column = (&'static str, &'static str, u8);

const NAME: Column = ("Name", "string", 0);
const AGE: Column = ("Age", "string", 0);

/// What rows are made from.
struct Look<'a> {
    core: &'a Core,
}

impl Look<'_> {
    /// How long ago a time was, as people read it.
    fn ago(&self, timestamp: &str) -> String {
        self.since(timestamp).map_or_else(|| "<unknown>".to_owned(), duration)
    }

    fn since(&self, timestamp: &str) -> Option<Millis> {
        Some(self.core.now() - self.core.cluster.millis_of(timestamp)?)
    }

    fn age(&self, object: &Value) -> Value {
        self.ago(text(object, "/metadata/creationTimestamp")).into()
    }
}

/// The metadata of an object alone.
pub(super) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.get("metadata")})
}

/// Objects as a table.
pub(super) fn table<'a>(
    core: &Core,
    target: &Target,
    query: &Query,
    objects: impl Iterator<Item = &'a Value>,
    metadata: &Value,
) -> Value {
    let kind = target.resource.kind;
    let look = Look { core };
    let rows: Vec<Value> = objects
        .map(|object| {
            let mut row = json!({"cells": cells(&look, kind, object)});
            match parameter(query, "includeObject") {
                "None" => {}
                "Object" => row["object"] = super::convert::outgoing(target.resource, object, &target.version()).into_owned(),
                _ => row["object"] = partial(object),
            }
            row
        })
        .collect();
    let columns: Vec<Value> = columns(kind)
        .iter()
        .map(|(name, kind, priority)| {
            let format = if *name == "Name" { "name" } else { "" };
            json!({"name": name, "type": kind, "format": format, "description": "", "priority": priority})
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows})
}

fn columns(kind: Kind) -> Vec<Column> {
    let string = |name| (name, "string", 0);
    let integer = |name| (name, "integer", 0);
    match kind {
        Kind::Pod => pod::COLUMNS.to_vec(),
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet | Kind::Job => workload::columns(kind),
        Kind::Service => {
            let wide = ("Selector", "string", 1);
            vec![NAME, string("Type"), string("Cluster-IP"), string("External-IP"), string("Port(s)"), AGE, wide]
        }
        Kind::Node => vec![NAME, string("Status"), string("Roles"), AGE, string("Version")],
        Kind::Event => vec![string("Last Seen"), string("Type"), string("Reason"), string("Object"), string("Message")],
        Kind::HorizontalPodAutoscaler => {
            let counts = [integer("MinPods"), integer("MaxPods"), integer("Replicas")];
            [NAME, string("Reference"), string("Targets")].into_iter().chain(counts).chain([AGE]).collect()
        }
        Kind::ConfigMap => vec![NAME, integer("Data"), AGE],
        Kind::Secret => vec![NAME, string("Type"), integer("Data"), AGE],
        Kind::Endpoints => vec![NAME, string("Endpoints"), AGE],
        Kind::Lease => vec![NAME, string("Holder"), AGE],
        Kind::ControllerRevision => vec![NAME, string("Controller"), integer("Revision"), AGE],
        Kind::Namespace => vec![NAME, string("Status"), AGE],
        Kind::VirtualService => vec![NAME, string("Gateways"), string("Hosts"), AGE],
        Kind::CronJob => vec![NAME, string("Schedule"), string("Suspend"), AGE],
        Kind::Ingress => vec![NAME, string("Class"), string("Hosts"), AGE],
        Kind::PodDisruptionBudget => vec![NAME, string("Min Available"), string("Max Unavailable"), AGE],
        Kind::ServiceAccount | Kind::PersistentVolumeClaim | Kind::EndpointSlice | Kind::DestinationRule => vec![NAME, AGE],
    }
}

fn cells(look: &Look<'_>, kind: Kind, object: &Value) -> Vec<Value> {
    let name: Value = text(object, "/metadata/name").into();
    let at = |pointer: &str| Value::from(text(object, pointer));
    let size = |pointer: &str| object.pointer(pointer).and_then(Value::as_object).map_or(0, serde_json::Map::len).into();
    let or_none = |pointer: &str| object.pointer(pointer).map_or_else(|| "<none>".into(), |value| plain(value).into());
    let age = look.age(object);
    match kind {
        Kind::Pod => pod::cells(look, object),
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet | Kind::Job => {
            workload::cells(look, kind, object)
        }
        Kind::Service => vec![
            name,
            at("/spec/type"),
            or_none("/spec/clusterIP"),
            or_none("/spec/externalName"),
            ports(object).into(),
            age,
            labels(object.pointer("/spec/selector")).into(),
        ],
        Kind::Node => {
            let ready = crate::world::json::condition(object, "Ready").map_or("", |c| text(c, "/status"));
            let status = if ready == "True" { "Ready" } else { "NotReady" };
            let cordoned = object.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
            let status = if cordoned { format!("{status},SchedulingDisabled") } else { status.to_owned() };
            vec![name, status.into(), "<none>".into(), age, at("/status/nodeInfo/kubeletVersion")]
        }
        Kind::Event => {
            let about = text(object, "/involvedObject/kind").to_ascii_lowercase();
            vec![
                look.ago(text(object, "/lastTimestamp")).into(),
                at("/type"),
                at("/reason"),
                format!("{about}/{}", text(object, "/involvedObject/name")).into(),
                at("/message"),
            ]
        }
        Kind::HorizontalPodAutoscaler => autoscaler(name, object, age),
        Kind::ConfigMap => vec![name, size("/data"), age],
        Kind::Secret => vec![name, at("/type"), size("/data"), age],
        Kind::Endpoints => vec![name, addresses(object).into(), age],
        Kind::Lease => vec![name, at("/spec/holderIdentity"), age],
        Kind::ControllerRevision => {
            let owner = list(object, "/metadata/ownerReferences").first().map_or_else(
                || "<none>".to_owned(),
                |owner| format!("{}.apps/{}", text(owner, "/kind").to_ascii_lowercase(), text(owner, "/name")),
            );
            vec![name, owner.into(), number(object, "/revision").into(), age]
        }
        Kind::Namespace => vec![name, at("/status/phase"), age],
        Kind::VirtualService => {
            let joined = |pointer: &str| object.pointer(pointer).map(Value::to_string).unwrap_or_default().into();
            vec![name, joined("/spec/gateways"), joined("/spec/hosts"), age]
        }
        Kind::CronJob => vec![name, at("/spec/schedule"), or_none("/spec/suspend"), age],
        Kind::Ingress => vec![name, or_none("/spec/ingressClassName"), or_none("/spec/rules/0/host"), age],
        Kind::PodDisruptionBudget => vec![name, or_none("/spec/minAvailable"), or_none("/spec/maxUnavailable"), age],
        Kind::ServiceAccount | Kind::PersistentVolumeClaim | Kind::EndpointSlice | Kind::DestinationRule => vec![name, age],
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn labels(selector: Option<&Value>) -> String {
    let pairs = selector.and_then(Value::as_object).into_iter().flatten().map(|(name, value)| format!("{name}={}", plain(value)));
    let text = pairs.collect::<Vec<_>>().join(",");
    if text.is_empty() { "<none>".to_owned() } else { text }
}

fn ports(service: &Value) -> String {
    let port = |port: &Value| format!("{}/{}", number(port, "/port"), text(port, "/protocol"));
    let ports: Vec<String> = list(service, "/spec/ports").iter().map(port).collect();
    if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") }
}

fn addresses(endpoints: &Value) -> String {
    let mut all = Vec::new();
    for subset in list(endpoints, "/subsets") {
        for address in list(subset, "/addresses") {
            for port in list(subset, "/ports") {
                all.push(format!("{}:{}", text(address, "/ip"), number(port, "/port")));
            }
        }
    }
    match all.len() {
        0 => "<none>".to_owned(),
        count if count > 3 => format!("{} + {} more...", all.iter().take(3).cloned().collect::<Vec<_>>().join(","), count - 3),
        _ => all.join(","),
    }
}

fn autoscaler(name: Value, hpa: &Value, age: Value) -> Vec<Value> {
    let reference = format!("{}/{}", text(hpa, "/spec/scaleTargetRef/kind"), text(hpa, "/spec/scaleTargetRef/name"));
    let targets: Vec<String> = list(hpa, "/spec/metrics")
        .iter()
        .map(|metric| {
            let resource = text(metric, "/resource/name");
            let current = list(hpa, "/status/currentMetrics").iter().find(|now| text(now, "/resource/name") == resource);
            let current = current.and_then(|now| now.pointer("/resource/current/averageUtilization"));
            let current = current.map_or_else(|| "<unknown>".to_owned(), |value| format!("{value}%"));
            format!("{resource}: {current}/{}%", number(metric, "/resource/target/averageUtilization"))
        })
        .collect();
    let count = |pointer: &str| Value::from(number(hpa, pointer));
    let targets = if targets.is_empty() { "<none>".to_owned() } else { targets.join(", ") };
    let counts = [count("/spec/minReplicas"), count("/spec/maxReplicas"), count("/status/currentReplicas")];
    [name, reference.into(), targets.into()].into_iter().chain(counts).chain([age]).collect()
}

/// Names and images of the containers of a template, and its selector.
fn wide(object: &Value) -> [Value; 3] {
    let containers = list(object, "/spec/template/spec/containers");
    let names: Vec<&str> = containers.iter().map(|container| text(container, "/name")).collect();
    let images = crate::world::cluster::images(object);
    [names.join(",").into(), images.join(",").into(), labels(object.pointer("/spec/selector/matchLabels")).into()]
}

/// A length of time as people read it, coarser the longer it is.
fn duration(millis: Millis) -> String {
    let seconds = millis / 1_000;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |first: i64, unit: &str, second: i64, of: &str| match second {
        0 => format!("{first}{unit}"),
        _ => format!("{first}{unit}{second}{of}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () if days < 2_920 => two(days / 365, "y", days % 365, "d"),
        () => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_coarser_the_longer_they_are() {
        for (seconds, expected) in [
            (119, "119s"),
            (120, "2m"),
            (181, "3m1s"),
            (3_599, "59m"),
            (3 * 3_600, "3h"),
            (3 * 3_600 + 60, "3h1m"),
            (26 * 3_600, "26h"),
            (50 * 3_600, "2d2h"),
            (9 * 86_400, "9d"),
        ] {
            assert_eq!(duration(seconds * 1_000), expected);
        }
    }

    #[test]
    fn the_shape_is_what_is_accepted_first() {
        for (accept, expected) in [
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Shape::Table,
            ),
            ("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json", Shape::Metadata),
            ("application/json, */*", Shape::Object),
            ("application/vnd.kubernetes.protobuf,application/json", Shape::Object),
            ("", Shape::Object),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(Shape::asked(&headers), expected, "{accept}");
        }
    }

    #[test]
    fn every_kind_has_as_many_cells_as_columns() {
        let scenario = crate::world::Scenario::read(
            "a.yaml",
            "{pacenote-scenario: 1, scenario: a, runbook: a.yaml, world: {deployments: {a: {image: 'a:1', replicas: 2}}}}",
        )
        .unwrap();
        let core = Core::new(&scenario, "shop", "2026-01-05T02:00:00Z".parse().unwrap());
        let look = Look { core: &core };
        for resource in &crate::world::cluster::resource::RESOURCES {
            let cells = cells(&look, resource.kind, &json!({"metadata": {"name": "a"}}));
            assert_eq!(cells.len(), columns(resource.kind).len(), "{}", resource.name);
        }
        let pods: Vec<_> = core.cluster.store.list(Kind::Pod, Some("shop")).map(|(_, pod)| pod.clone()).collect();
        let row: Vec<String> = pod::cells(&look, &pods[0]).iter().map(plain).collect();
        assert_eq!((pods.len(), &row[1..4]), (2, &["1/1", "Running", "0"].map(str::to_owned)[..]));
    }
}
