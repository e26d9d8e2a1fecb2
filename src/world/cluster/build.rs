//! The cluster a scenario begins with, and how the images in it behave.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Cluster, Key, Kind, Millis};
use crate::world::json::{set, text, version_of_image};
use crate::world::kubernetes::status::Refusal;
use crate::world::kubernetes::write::{self, Part, Write};
use crate::world::scenario::{AutoscalerSpec, Behaviour, Resources, Route, ServiceSpec, WorkloadSpec, WorldSpec};

/// Everything was deployed so long before the start.
const AGE: Millis = 26 * 3_600_000;
/// The label that tells the pods of one Deployment of a service from those of another.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// How images behave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    services: BTreeMap<String, BTreeMap<String, Behaviour>>,
    images: BTreeMap<String, Behaviour>,
    present: Vec<String>,
}

impl Catalogue {
    fn of(world: &WorldSpec) -> Self {
        Self {
            services: world.services.iter().map(|(name, service)| (name.clone(), service.versions.clone())).collect(),
            images: world.images.clone(),
            present: world.workloads().map(|(_, workload)| workload.image.clone()).collect(),
        }
    }

    /// How an image behaves as a part of a service; nothing where there is no such image.
    /// Images of what is no service of the scenario exist and do no harm.
    pub(crate) fn behaviour(&self, service: &str, image: &str) -> Option<Behaviour> {
        let untagged = image.strip_suffix(version_of_image(image)).map_or(image, |rest| rest.trim_end_matches(':'));
        let other = || self.images.get(image).or_else(|| self.images.get(untagged)).cloned();
        let Some(versions) = self.services.get(service) else { return Some(other().unwrap_or_default()) };
        let known = versions.get(version_of_image(image)).cloned().or_else(other);
        known.or_else(|| self.present.iter().any(|present| present == image).then(Behaviour::default))
    }
}

/// The service a Deployment belongs to: the one that names it, else the longest one its
/// own name begins with, else itself.
pub(crate) fn service_of<'a>(world: &'a WorldSpec, deployment: &'a str) -> &'a str {
    let named = world.services.iter().find(|(name, service)| service.deployments(name).contains(&deployment));
    let alike = || world.services.keys().filter(|name| deployment.starts_with(name.as_str())).max_by_key(|name| name.len());
    named.map(|(name, _)| name).or_else(alike).map_or(deployment, String::as_str)
}

impl Cluster {
    /// The cluster a scenario begins with, at the moment it begins, and the objects of the
    /// scenario that the API server refuses: their number, and why.
    pub(crate) fn build(world: &WorldSpec, namespace: &str, epoch: DateTime<Utc>, seed: u64) -> (Self, Vec<(usize, String)>) {
        let mut cluster = Cluster::new(Catalogue::of(world), epoch, seed, -AGE);
        for name in ["default", "kube-system", namespace] {
            cluster.create_namespace(name);
        }
        for number in 1..=world.nodes {
            cluster.create_node(number);
        }
        for (name, service) in &world.services {
            cluster.create_service(namespace, name, service);
        }
        let kinds = [
            (Kind::Deployment, &world.deployments),
            (Kind::StatefulSet, &world.statefulsets),
            (Kind::DaemonSet, &world.daemonsets),
        ];
        for (kind, workloads) in kinds {
            for (name, workload) in workloads {
                cluster.create_workload(&Key::new(kind, namespace, name), service_of(world, name), workload);
            }
        }
        for (name, autoscaler) in &world.autoscalers {
            cluster.create_autoscaler(world, namespace, name, autoscaler);
        }
        let mut refused = Vec::new();
        for (number, object) in world.objects.iter().enumerate() {
            if let Err(refusal) = cluster.create_object(namespace, object) {
                refused.push((number, text(&refusal.body(), "/message").to_owned()));
            }
        }
        cluster.advance(0);
        // Events are kept for an hour, and nothing is left in the log of what led here.
        let events: Vec<Key> = cluster.store.list(Kind::Event, None).map(|(key, _)| key.clone()).collect();
        for event in events {
            cluster.store.remove(&event);
        }
        cluster.store.compact();
        (cluster, refused)
    }

    fn create_object(&mut self, namespace: &str, object: &Value) -> Result<(), Refusal> {
        let unknown =
            || Refusal::new(400, "BadRequest", "an object wants the `apiVersion` and `kind` of something this world knows");
        let kind = Kind::named(text(object, "/kind")).ok_or_else(unknown)?;
        let namespace = match text(object, "/metadata/namespace") {
            "" => namespace,
            named => named,
        };
        let version = text(object, "/apiVersion");
        let write = Write { part: Part::Main, version, manager: "scenario", dry: false, force: false };
        let created = write::create(self, kind.resource(), namespace, object.clone(), write)?;
        // Nobody is known to own what was there from the start.
        let mut bare = Value::clone(&created);
        crate::world::json::unset(&mut bare, &["metadata", "managedFields"]);
        self.write(&Key::new(kind, text(&created, "/metadata/namespace"), text(&created, "/metadata/name")), bare);
        Ok(())
    }

    fn create_node(&mut self, number: u32) {
        let key = Key::new(Kind::Node, "", &format!("node-{number}"));
        let mut object = self.object(&key);
        let address = format!("10.0.0.{number}");
        set(&mut object, &["metadata", "labels"], json!({"kubernetes.io/hostname": key.name}));
        set(&mut object, &["spec"], json!({"podCIDR": format!("10.244.{number}.0/24")}));
        let capacity = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
        let status = json!({
            "capacity": capacity, "allocatable": capacity,
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": key.name}],
            "nodeInfo": {"kubeletVersion": "v1.36.0", "operatingSystem": "linux", "architecture": "amd64"},
        });
        set(&mut object, &["status"], status);
        self.set_node_ready(&mut object, true);
        self.write(&key, object);
    }

    fn create_autoscaler(&mut self, world: &WorldSpec, namespace: &str, name: &str, spec: &AutoscalerSpec) {
        let key = Key::new(Kind::HorizontalPodAutoscaler, namespace, name);
        let mut object = self.object(&key);
        let target = spec.target.as_str();
        let kind = if world.statefulsets.contains_key(target) { "StatefulSet" } else { "Deployment" };
        let metric = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": spec.cpu}});
        let spec = json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target},
            "minReplicas": spec.min, "maxReplicas": spec.max, "metrics": [{"type": "Resource", "resource": metric}],
        });
        set(&mut object, &["metadata", "generation"], 1);
        set(&mut object, &["spec"], spec);
        set(&mut object, &["status"], json!({"currentReplicas": 0, "desiredReplicas": 0}));
        self.write(&key, object);
    }

    fn create_namespace(&mut self, name: &str) {
        let key = Key::new(Kind::Namespace, "", name);
        if self.store.get(&key).is_none() {
            let mut object = self.object(&key);
            set(&mut object, &["metadata", "labels"], json!({"kubernetes.io/metadata.name": name}));
            set(&mut object, &["spec"], json!({"finalizers": ["kubernetes"]}));
            set(&mut object, &["status"], json!({"phase": "Active"}));
            self.write(&key, object);
        }
    }

    fn create_service(&mut self, namespace: &str, name: &str, service: &ServiceSpec) {
        let mut selectors = vec![(name.to_owned(), json!({"app": name}))];
        match &service.route {
            Some(Route::Selector(labels)) => selectors = vec![(name.to_owned(), json!(labels))],
            Some(Route::Weights { virtualservice, stable, canary }) => {
                selectors = vec![
                    (stable.to_string(), json!({"app": name, INSTANCE: stable.as_str()})),
                    (canary.to_string(), json!({"app": name, INSTANCE: canary.as_str()})),
                ];
                let key = Key::new(Kind::VirtualService, namespace, virtualservice);
                let mut object = self.object(&key);
                let route = json!([
                    {"destination": {"host": stable.as_str()}, "weight": 100},
                    {"destination": {"host": canary.as_str()}, "weight": 0},
                ]);
                set(&mut object, &["spec"], json!({"hosts": [name], "http": [{"route": route}]}));
                self.write(&key, object);
            }
            Some(Route::Replicas(_)) | None => {}
        }
        for (number, (name, selector)) in (1_u8..).zip(selectors) {
            let key = Key::new(Kind::Service, namespace, &name);
            let mut object = self.object(&key);
            let address = format!("10.96.{}.{number}", self.random.u8(1..=254));
            let ports = json!([{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080}]);
            let spec = json!({
                "ports": ports, "selector": selector, "clusterIP": address, "clusterIPs": [address], "type": "ClusterIP",
                "sessionAffinity": "None", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
            });
            set(&mut object, &["spec"], spec);
            set(&mut object, &["status"], json!({"loadBalancer": {}}));
            self.write(&key, object);
        }
    }

    fn create_workload(&mut self, key: &Key, service: &str, spec: &WorkloadSpec) {
        let mut labels = json!({"app": service, INSTANCE: key.name});
        for (label, value) in &spec.labels {
            set(&mut labels, &[label], value.clone());
        }
        let container = json!({
            "name": spec.container,
            "image": spec.image,
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "resources": resources(&spec.requests, &spec.limits),
            "readinessProbe": {
                "httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"},
                "timeoutSeconds": 1, "periodSeconds": 2, "successThreshold": 1, "failureThreshold": 3,
            },
        });
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
        let mut object = self.object(key);
        set(&mut object, &["metadata", "labels"], labels.clone());
        set(&mut object, &["metadata", "generation"], 1);
        set(
            &mut object,
            &["spec"],
            json!({"replicas": spec.replicas, "selector": {"matchLabels": labels}, "template": template}),
        );
        match key.kind {
            Kind::StatefulSet => set(&mut object, &["spec", "serviceName"], service),
            Kind::DaemonSet => crate::world::json::unset(&mut object, &["spec", "replicas"]),
            _ => {}
        }
        if let Some(manager) = &spec.managed_by {
            write::owned_by(&mut object, key, manager, &self.timestamp());
        }
        self.complete(key.kind, &mut object);
        self.write(key, object);
    }

    /// The frame of an object: kind and metadata.
    fn object(&mut self, key: &Key) -> Value {
        let kind = key.kind.resource();
        let mut metadata = json!({"name": key.name});
        if !key.namespace.is_empty() {
            set(&mut metadata, &["namespace"], key.namespace.clone());
        }
        set(&mut metadata, &["uid"], self.uid());
        set(&mut metadata, &["creationTimestamp"], self.timestamp());
        json!({"kind": kind.name, "apiVersion": kind.api_version(), "metadata": metadata})
    }
}

fn resources(requests: &Resources, limits: &Resources) -> Value {
    let mut shown = json!({});
    for (part, amounts) in [("limits", limits), ("requests", requests)] {
        for (name, amount) in [("cpu", &amounts.cpu), ("memory", &amounts.memory)] {
            if let Some(amount) = amount {
                set(&mut shown, &[part, name], amount.as_str());
            }
        }
    }
    shown
}
