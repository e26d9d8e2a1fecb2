//! `metrics.k8s.io`: what pods use just now, as `kubectl top` and autoscalers ask for it.

use axum::http::Method;
use serde_json::{Value, json};

use super::status::Refusal;
use super::{Answer, Query, selector};
use crate::world::answer;
use crate::world::cluster::{Key, Kind};
use crate::world::core::Core;
use crate::world::json::{label, text};

/// The group and version.
pub(super) const GROUP: &str = "metrics.k8s.io/v1beta1";

/// Answers for the usage of pods; nothing where the path is none of this.
pub(super) fn usage(core: &mut Core, method: &Method, path: &str, query: &Query) -> Option<Answer> {
    let rest: Vec<&str> =
        path.strip_prefix("/apis/metrics.k8s.io/v1beta1/")?.split('/').filter(|part| !part.is_empty()).collect();
    let (namespace, name) = match rest.as_slice() {
        ["pods"] => (None, None),
        ["namespaces", namespace, "pods"] => (Some(*namespace), None),
        ["namespaces", namespace, "pods", name] => (Some(*namespace), Some(*name)),
        _ => return None,
    };
    if *method != Method::GET {
        return Some(Err(Refusal::not_allowed()));
    }
    if core.faults.forbids(if name.is_some() { "get" } else { "list" }, "pods", "", name.unwrap_or_default()) {
        return Some(Err(Refusal::forbidden(
            "list",
            Kind::Pod.resource(),
            "",
            namespace.unwrap_or_default(),
            name.unwrap_or_default(),
        )));
    }
    Some(match name {
        Some(name) => one(core, namespace.unwrap_or_default(), name),
        None => all(core, namespace, query),
    })
}

fn one(core: &mut Core, namespace: &str, name: &str) -> Answer {
    let found = core.cluster.store.get(&Key::new(Kind::Pod, namespace, name)).cloned();
    let shown = found.and_then(|pod| metrics(core, &pod));
    match shown {
        Some(shown) => Ok(answer::json(200, &shown)),
        None => Err(Refusal::new(404, "NotFound", format!("podmetrics.metrics.k8s.io \"{namespace}/{name}\" not found"))),
    }
}

fn all(core: &mut Core, namespace: Option<&str>, query: &Query) -> Answer {
    let selector = selector(query)?;
    let pods: Vec<_> = core
        .cluster
        .store
        .list(Kind::Pod, namespace)
        .filter(|(_, pod)| selector.matches(pod))
        .map(|(_, pod)| pod.clone())
        .collect();
    let items: Vec<Value> = pods.iter().filter_map(|pod| metrics(core, pod)).collect();
    Ok(answer::json(200, &json!({"kind": "PodMetricsList", "apiVersion": GROUP, "metadata": {}, "items": items})))
}

/// The usage of a pod; nothing where it does not run.
fn metrics(core: &mut Core, pod: &Value) -> Option<Value> {
    let usage = core.usage(text(pod, "/metadata/name"))?;
    let name = text(pod, "/spec/containers/0/name");
    #[expect(clippy::cast_possible_truncation, reason = "cores and bytes of one container")]
    let (cpu, memory) = ((usage.cpu * 1e9).round() as i64, (usage.memory / 1024.0).round() as i64);
    let containers = json!([{"name": name, "usage": {"cpu": format!("{cpu}n"), "memory": format!("{memory}Ki")}}]);
    let mut metadata = json!({"name": text(pod, "/metadata/name"), "namespace": text(pod, "/metadata/namespace")});
    if label(pod, "app").is_some() {
        metadata["labels"] = pod.pointer("/metadata/labels").cloned().unwrap_or_default();
    }
    let now = core.cluster.timestamp();
    metadata["creationTimestamp"] = now.clone().into();
    Some(json!({
        "kind": "PodMetrics", "apiVersion": GROUP, "metadata": metadata, "timestamp": now, "window": "15s", "containers": containers,
    }))
}
