//! Where the requests of each service go.

use std::collections::BTreeMap;

use serde_json::Value;

use super::behaviour_of;
use crate::world::cluster::build::service_of;
use crate::world::cluster::{Cluster, Key, Kind};
use crate::world::json::{Object, condition, label, list, number, serves, terminating, text, version_of_image};
use crate::world::scenario::{Behaviour, Route, WorldSpec};

/// The label that names a pod's Deployment.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// A part of a service's traffic.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// The Deployment it goes to.
    pub(crate) deployment: String,
    /// The version that answers.
    pub(crate) version: String,
    /// How much of the traffic, from 0 to 1.
    pub(crate) share: f64,
    /// Over how many pods it is spread; none: it fails at the proxy.
    pub(crate) ready: usize,
    /// Whether a container of that version runs at all.
    pub(crate) running: bool,
    /// How the version behaves.
    pub(crate) behaviour: Behaviour,
}

/// A pod, reduced to what its metrics need.
#[derive(Debug, Clone)]
pub(crate) struct PodFacts {
    /// Name.
    pub(crate) name: String,
    /// Service.
    pub(crate) app: String,
    /// Container.
    pub(crate) container: String,
    /// Node.
    pub(crate) node: String,
    /// Address.
    pub(crate) address: String,
    /// Restarts.
    pub(crate) restarts: i64,
    /// Ready and not going away.
    pub(crate) ready: bool,
    /// Its container runs.
    pub(crate) running: bool,
    /// Requests a second it gets.
    pub(crate) rps: f64,
}

/// All that metrics read from the cluster, at one revision of it.
#[derive(Debug, Default)]
pub(crate) struct Landscape {
    /// The revision it was read at.
    pub(crate) revision: u64,
    /// Services: name, requests a second, and where they go.
    pub(crate) services: Vec<(String, f64, Vec<Flow>)>,
    /// Pods.
    pub(crate) pods: Vec<PodFacts>,
    /// Deployments: name, wanted and available pods.
    pub(crate) deployments: Vec<(String, i64, i64)>,
}

impl Landscape {
    /// Reads it.
    pub(crate) fn of(world: &WorldSpec, namespace: &str, cluster: &Cluster) -> Self {
        let services: Vec<_> = world
            .services
            .iter()
            .map(|(name, spec)| (name.clone(), spec.rps, flows(world, name, namespace, cluster)))
            .collect();
        let load = |app: &str, pod: &Value| {
            let (deployment, version) = (deployment_of(pod), version_of(pod));
            let flow = services.iter().filter(|(name, ..)| name == app).find_map(|(_, rps, flows)| {
                flows.iter().find(|f| f.deployment == deployment && f.version == version && f.ready > 0).map(|f| (rps, f))
            });
            #[expect(clippy::cast_precision_loss, reason = "pods are few")]
            flow.map_or(0.0, |(rps, flow)| rps * flow.share / flow.ready as f64)
        };
        let pods = cluster.store.list(Kind::Pod, Some(namespace)).map(|(_, pod)| facts(pod, load)).collect();
        let deployments = cluster
            .store
            .list(Kind::Deployment, Some(namespace))
            .map(|(key, object)| {
                (key.name.clone(), number(object, "/spec/replicas"), number(object, "/status/availableReplicas"))
            })
            .collect();
        Self { revision: cluster.store.revision(), services, pods, deployments }
    }
}

fn facts(pod: &Value, load: impl Fn(&str, &Value) -> f64) -> PodFacts {
    let app = label(pod, "app").unwrap_or_default().to_owned();
    let ready = serves(pod);
    PodFacts {
        name: text(pod, "/metadata/name").to_owned(),
        container: text(pod, "/spec/containers/0/name").to_owned(),
        node: text(pod, "/spec/nodeName").to_owned(),
        address: format!("{}:8080", text(pod, "/status/podIP")),
        restarts: number(pod, "/status/containerStatuses/0/restartCount"),
        ready,
        running: runs(pod),
        rps: if ready { load(&app, pod) } else { 0.0 },
        app,
    }
}

fn runs(pod: &Value) -> bool {
    pod.pointer("/status/containerStatuses/0/state/running").is_some()
}

fn deployment_of(pod: &Value) -> &str {
    label(pod, INSTANCE).or_else(|| label(pod, "app")).unwrap_or_default()
}

fn version_of(pod: &Value) -> &str {
    version_of_image(text(pod, "/spec/containers/0/image"))
}

/// Where the requests of a service go: one flow a Deployment and version. Versions that
/// run but get nothing are there with no share.
pub(crate) fn flows(world: &WorldSpec, service: &str, namespace: &str, cluster: &Cluster) -> Vec<Flow> {
    let Some(spec) = world.services.get(service) else { return Vec::new() };
    let mut found: BTreeMap<(String, String), Flow> = BTreeMap::new();
    let pods: Vec<&Object> =
        cluster.store.list(Kind::Pod, Some(namespace)).map(|(_, p)| p).filter(|p| label(p, "app") == Some(service)).collect();
    for pod in pods.iter().filter(|pod| runs(pod) && !terminating(pod) && condition(pod, "Ready").is_some()) {
        flow(&mut found, world, service, deployment_of(pod), version_of(pod)).running = true;
    }
    let mut spread = |targets: Vec<&&Object>, share: f64, fallback: &str| {
        if targets.is_empty() {
            let key = Key::new(Kind::Deployment, namespace, fallback);
            let image = cluster.store.get(&key).map_or("", |d| text(d, "/spec/template/spec/containers/0/image"));
            flow(&mut found, world, service, fallback, version_of_image(image)).share += share;
        }
        #[expect(clippy::cast_precision_loss, reason = "pods are few")]
        let each = share / targets.len() as f64;
        for pod in targets {
            let flow = flow(&mut found, world, service, deployment_of(pod), version_of(pod));
            flow.share += each;
            flow.ready += 1;
        }
    };
    let ready = |of: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| serves(pod) && of(pod)).collect::<Vec<_>>();
    match &spec.route {
        Some(Route::Weights { virtualservice, stable, .. }) => {
            let key = Key::new(Kind::VirtualService, namespace, virtualservice);
            let weights = cluster.store.get(&key).map(|v| weights(v)).filter(|w| !w.is_empty());
            for (target, share) in weights.unwrap_or_else(|| vec![(stable.to_string(), 1.0)]) {
                spread(ready(&|pod| deployment_of(pod) == target), share, &target);
            }
        }
        Some(Route::Selector(_)) => {
            let key = Key::new(Kind::Service, namespace, service);
            let selector = cluster.store.get(&key).and_then(|s| s.pointer("/spec/selector")).and_then(Value::as_object);
            let selected = |pod: &Value| {
                selector.is_some_and(|labels| labels.iter().all(|(name, value)| label(pod, name) == value.as_str()))
            };
            spread(ready(&selected), 1.0, service);
        }
        Some(Route::Replicas(_)) | None => {
            let names = spec.deployments(service);
            let first = names.first().copied().unwrap_or(service);
            spread(ready(&|pod| names.contains(&deployment_of(pod))), 1.0, first);
        }
    }
    found.into_values().collect()
}

fn flow<'a>(
    found: &'a mut BTreeMap<(String, String), Flow>,
    world: &WorldSpec,
    service: &str,
    deployment: &str,
    version: &str,
) -> &'a mut Flow {
    found.entry((deployment.to_owned(), version.to_owned())).or_insert_with(|| Flow {
        deployment: deployment.to_owned(),
        version: version.to_owned(),
        share: 0.0,
        ready: 0,
        running: false,
        behaviour: behaviour_of(world, service, version),
    })
}

/// The destinations of a VirtualService's first route and their shares. A weight that is
/// missing counts as all, as Istio takes it where there is one destination.
fn weights(virtualservice: &Value) -> Vec<(String, f64)> {
    let routes: Vec<(String, f64)> = list(virtualservice, "/spec/http/0/route")
        .iter()
        .map(|route| {
            let host = text(route, "/destination/host").split('.').next().unwrap_or_default();
            (host.to_owned(), route.get("weight").and_then(Value::as_f64).unwrap_or(100.0).max(0.0))
        })
        .collect();
    let total: f64 = routes.iter().map(|(_, weight)| weight).sum();
    if total <= 0.0 {
        return Vec::new();
    }
    routes.into_iter().filter(|(_, weight)| *weight > 0.0).map(|(host, weight)| (host, weight / total)).collect()
}

/// The share of its service's traffic that goes to a Deployment, percent.
pub(crate) fn share_of(world: &WorldSpec, deployment: &str, namespace: &str, cluster: &Cluster) -> f64 {
    let service = service_of(world, deployment);
    flows(world, service, namespace, cluster).iter().filter(|f| f.deployment == deployment).map(|f| f.share * 100.0).sum()
}
