//! Where the requests of each service go.

use std::collections::BTreeMap;

use serde_json::Value;

use super::noise;
use super::table::SCRAPE_EVERY;
use crate::world::cluster::build::service_of;
use crate::world::cluster::{Cluster, Key, Kind, Millis};
use crate::world::json::{Object, condition, label, list, number, serves, terminating, text, version_of_image};
use crate::world::scenario::{Behaviour, Quantity, Route, WorldSpec};

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
    /// How many of those pods do not answer, because their node is lost.
    pub(crate) silent: usize,
    /// How much longer answers take because the pods are short of processor: 1 is not at
    /// all.
    pub(crate) strain: f64,
}

/// What a container uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    /// Cores.
    pub(crate) cpu: f64,
    /// Bytes.
    pub(crate) memory: f64,
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
    /// Address; empty until it has one.
    pub(crate) address: String,
    /// Restarts.
    pub(crate) restarts: i64,
    /// Ready and not going away.
    pub(crate) ready: bool,
    /// Its container runs.
    pub(crate) running: bool,
    /// Requests a second it gets.
    pub(crate) rps: f64,
    /// How its version behaves.
    pub(crate) behaviour: Behaviour,
    /// When its process started.
    pub(crate) began: Millis,
    /// Its limits: cores and bytes.
    pub(crate) limits: (Option<f64>, Option<f64>),
}

impl PodFacts {
    /// What it uses at a moment.
    pub(crate) fn usage(&self, seed: u64, at: Millis) -> Usage {
        let swing = noise(seed, &self.name, at / SCRAPE_EVERY - 1);
        let cpu = self.behaviour.cpu.at(self.rps) * (1.0 + 0.05 * swing);
        let memory = self.behaviour.memory.after(at - self.began) * (1.0 + 0.02 * swing);
        let within = |amount: f64, limit: Option<f64>| limit.map_or(amount, |limit| amount.min(limit));
        Usage { cpu: within(cpu, self.limits.0), memory: within(memory, self.limits.1) }
    }
}

/// All that metrics read from the cluster, at one revision of it.
#[derive(Debug, Default)]
pub(crate) struct Landscape {
    /// The state of the cluster it was read at.
    pub(crate) state: (u64, u64),
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
        let services: Vec<_> =
            world.services.iter().map(|(name, spec)| (name.clone(), spec.rps, flows(world, name, namespace, cluster))).collect();
        let load = |app: &str, pod: &Value| {
            let (deployment, version) = (deployment_of(pod), version_of(pod));
            let flow = services.iter().filter(|(name, ..)| name == app).find_map(|(_, rps, flows)| {
                flows.iter().find(|f| f.deployment == deployment && f.version == version && f.ready > 0).map(|f| (rps, f))
            });
            #[expect(clippy::cast_precision_loss, reason = "pods are few")]
            flow.map_or(0.0, |(rps, flow)| rps * flow.share / flow.ready as f64)
        };
        let pods = cluster.store.list(Kind::Pod, Some(namespace)).map(|(_, pod)| facts(cluster, pod, load)).collect();
        let deployments = cluster
            .store
            .list(Kind::Deployment, Some(namespace))
            .map(|(key, object)| {
                (key.name.clone(), number(object, "/spec/replicas"), number(object, "/status/availableReplicas"))
            })
            .collect();
        Self { state: cluster.state(), services, pods, deployments }
    }
}

fn facts(cluster: &Cluster, pod: &Value, load: impl Fn(&str, &Value) -> f64) -> PodFacts {
    let app = label(pod, "app").unwrap_or_default().to_owned();
    let ready = serves(pod);
    PodFacts {
        name: text(pod, "/metadata/name").to_owned(),
        container: text(pod, "/spec/containers/0/name").to_owned(),
        node: text(pod, "/spec/nodeName").to_owned(),
        address: Some(text(pod, "/status/podIP")).filter(|ip| !ip.is_empty()).map_or_else(String::new, |ip| format!("{ip}:8080")),
        restarts: number(pod, "/status/containerStatuses/0/restartCount"),
        ready,
        running: runs(pod),
        behaviour: cluster.catalogue.behaviour(&app, text(pod, "/spec/containers/0/image")).unwrap_or_default(),
        began: cluster.millis_of(text(pod, "/status/containerStatuses/0/state/running/startedAt")).unwrap_or(0),
        limits: (amount(pod, "limits/cpu"), amount(pod, "limits/memory")),
        rps: if ready { load(&app, pod) } else { 0.0 },
        app,
    }
}

/// An amount of processor or memory that a pod's container asks for, or is limited to.
pub(crate) fn amount(pod: &Value, which: &str) -> Option<f64> {
    let written = pod.pointer(&format!("/spec/containers/0/resources/{which}"))?;
    let text = written.as_str().map_or_else(|| written.to_string(), str::to_owned);
    text.parse::<Quantity>().ok().map(|amount| amount.value())
}

fn runs(pod: &Value) -> bool {
    pod.pointer("/status/containerStatuses/0/state/running").is_some()
}

fn deployment_of(pod: &Value) -> &str {
    label(pod, INSTANCE).or_else(|| label(pod, "app")).unwrap_or_default()
}

fn image_of(pod: &Value) -> &str {
    text(pod, "/spec/containers/0/image")
}

fn version_of(pod: &Value) -> &str {
    version_of_image(image_of(pod))
}

/// Where the requests of a service go: one flow a Deployment and version. Versions that
/// run but get nothing are there with no share.
pub(crate) fn flows(world: &WorldSpec, service: &str, namespace: &str, cluster: &Cluster) -> Vec<Flow> {
    let Some(spec) = world.services.get(service) else { return Vec::new() };
    let mut found: BTreeMap<(String, String), Flow> = BTreeMap::new();
    let pods: Vec<&Object> =
        cluster.store.list(Kind::Pod, Some(namespace)).map(|(_, p)| p).filter(|p| label(p, "app") == Some(service)).collect();
    for pod in pods.iter().filter(|pod| runs(pod) && !terminating(pod) && condition(pod, "Ready").is_some()) {
        flow(&mut found, cluster, service, deployment_of(pod), image_of(pod)).running = true;
    }
    let mut spread = |targets: Vec<&&Object>, share: f64, fallback: &str| {
        if targets.is_empty() {
            let key = Key::new(Kind::Deployment, namespace, fallback);
            let image = cluster.store.get(&key).map_or("", |d| text(d, "/spec/template/spec/containers/0/image"));
            flow(&mut found, cluster, service, fallback, image).share += share;
        }
        #[expect(clippy::cast_precision_loss, reason = "pods are few")]
        let each = share / targets.len() as f64;
        for pod in targets {
            let flow = flow(&mut found, cluster, service, deployment_of(pod), image_of(pod));
            flow.share += each;
            flow.ready += 1;
            flow.silent += usize::from(!cluster.answers(pod));
            let limit = amount(pod, "limits/cpu").filter(|limit| *limit > 0.0);
            let short = limit.map_or(1.0, |limit| flow.behaviour.cpu.at(spec.rps * each) / limit);
            // A queue grows faster than what is missing.
            flow.strain = flow.strain.max(short * short);
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
    cluster: &Cluster,
    service: &str,
    deployment: &str,
    image: &str,
) -> &'a mut Flow {
    let version = version_of_image(image);
    found.entry((deployment.to_owned(), version.to_owned())).or_insert_with(|| Flow {
        deployment: deployment.to_owned(),
        version: version.to_owned(),
        share: 0.0,
        ready: 0,
        running: false,
        behaviour: cluster.catalogue.behaviour(service, image).unwrap_or_default(),
        silent: 0,
        strain: 1.0,
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
