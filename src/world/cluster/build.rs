//! The cluster a scenario begins with, and how the images in it behave.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{Cluster, Key, Kind, Millis};
use crate::world::json::{set, version_of_image};
use crate::world::scenario::{Behaviour, DeploymentSpec, Route, ServiceSpec, WorldSpec};

/// Everything was deployed so long before the start.
const AGE: Millis = 26 * 3_600_000;
/// The label that tells the pods of one Deployment of a service from those of another.
const INSTANCE: &str = "app.kubernetes.io/instance";

/// How images behave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalogue {
    services: BTreeMap<String, BTreeMap<String, Behaviour>>,
    present: Vec<String>,
}

impl Catalogue {
    fn of(world: &WorldSpec) -> Self {
        Self {
            services: world.services.iter().map(|(name, service)| (name.clone(), service.versions.clone())).collect(),
            present: world.deployments.values().map(|deployment| deployment.image.clone()).collect(),
        }
    }

    /// How an image behaves as a part of a service; nothing where there is no such image.
    /// Images of what is no service of the scenario exist and do no harm.
    pub(crate) fn behaviour(&self, service: &str, image: &str) -> Option<Behaviour> {
        let Some(versions) = self.services.get(service) else { return Some(Behaviour::default()) };
        let known = versions.get(version_of_image(image)).cloned();
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
    /// The cluster a scenario begins with, at the moment it begins.
    pub(crate) fn build(world: &WorldSpec, namespace: &str, epoch: DateTime<Utc>, seed: u64) -> Self {
        let mut cluster = Cluster::new(Catalogue::of(world), epoch, seed, -AGE);
        for name in ["default", "kube-system", namespace] {
            cluster.create_namespace(name);
        }
        for (name, service) in &world.services {
            cluster.create_service(namespace, name, service);
        }
        for (name, deployment) in &world.deployments {
            cluster.create_deployment(namespace, service_of(world, name), name, deployment);
        }
        cluster.advance(0);
        // Events are kept for an hour, and nothing is left in the log of what led here.
        let events: Vec<Key> = cluster.store.list(Kind::Event, None).map(|(key, _)| key.clone()).collect();
        for event in events {
            cluster.store.remove(&event);
        }
        cluster.store.compact();
        cluster
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

    fn create_deployment(&mut self, namespace: &str, service: &str, name: &str, spec: &DeploymentSpec) {
        let key = Key::new(Kind::Deployment, namespace, name);
        let mut labels = json!({"app": service, INSTANCE: name});
        for (label, value) in &spec.labels {
            set(&mut labels, &[label], value.clone());
        }
        let container = json!({
            "name": spec.container,
            "image": spec.image,
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "resources": {},
            "readinessProbe": {
                "httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"},
                "timeoutSeconds": 1, "periodSeconds": 2, "successThreshold": 1, "failureThreshold": 3,
            },
        });
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
        let mut object = self.object(&key);
        set(&mut object, &["metadata", "labels"], labels.clone());
        set(&mut object, &["metadata", "generation"], 1);
        set(&mut object, &["spec"], json!({"replicas": spec.replicas, "selector": {"matchLabels": labels}, "template": template}));
        complete_deployment(&mut object);
        self.write(&key, object);
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

/// Fills in what the API server defaults in a Deployment.
pub(crate) fn complete_deployment(object: &mut Value) {
    let absent = |object: &Value, pointer: &str| object.pointer(pointer).is_none_or(Value::is_null);
    for (pointer, path, value) in [
        ("/spec/replicas", &["spec", "replicas"][..], json!(1)),
        ("/spec/strategy/type", &["spec", "strategy", "type"], json!("RollingUpdate")),
        ("/spec/revisionHistoryLimit", &["spec", "revisionHistoryLimit"], json!(10)),
        ("/spec/progressDeadlineSeconds", &["spec", "progressDeadlineSeconds"], json!(600)),
        ("/spec/template/spec/restartPolicy", &["spec", "template", "spec", "restartPolicy"], json!("Always")),
        (
            "/spec/template/spec/terminationGracePeriodSeconds",
            &["spec", "template", "spec", "terminationGracePeriodSeconds"],
            json!(30),
        ),
        ("/spec/template/spec/dnsPolicy", &["spec", "template", "spec", "dnsPolicy"], json!("ClusterFirst")),
        ("/spec/template/spec/securityContext", &["spec", "template", "spec", "securityContext"], json!({})),
        ("/spec/template/spec/schedulerName", &["spec", "template", "spec", "schedulerName"], json!("default-scheduler")),
        ("/status", &["status"], json!({})),
    ] {
        if absent(object, pointer) {
            set(object, path, value);
        }
    }
    if object.pointer("/spec/strategy/type") == Some(&json!("RollingUpdate")) {
        for field in ["maxUnavailable", "maxSurge"] {
            if absent(object, &format!("/spec/strategy/rollingUpdate/{field}")) {
                set(object, &["spec", "strategy", "rollingUpdate", field], "25%");
            }
        }
    }
    if let Some(Value::Array(containers)) = object.pointer_mut("/spec/template/spec/containers") {
        for container in containers {
            for (field, value) in [
                ("resources", json!({})),
                ("terminationMessagePath", json!("/dev/termination-log")),
                ("terminationMessagePolicy", json!("File")),
                ("imagePullPolicy", json!("IfNotPresent")),
            ] {
                if absent(container, &format!("/{field}")) {
                    set(container, &[field], value);
                }
            }
        }
    }
}
