//! The addresses behind Services: the pods that their selectors choose.

use serde_json::{Value, json};

use super::{Cluster, Key, Kind};
use crate::world::json::{Object, label, list, serves, set, terminating, text};

impl Cluster {
    /// Has the addresses of those Services worked out anew that select a pod.
    pub(super) fn announce_to_services(&mut self, key: &Key, pod: &Value) {
        let services: Vec<Key> = self
            .store
            .list(Kind::Service, Some(&key.namespace))
            .filter(|(_, service)| selects(service, pod))
            .map(|(key, _)| key.clone())
            .collect();
        services.into_iter().for_each(|service| self.enqueue(service));
    }

    /// One sync of a Service: its addresses, those that answer and those that do not yet.
    pub(super) fn sync_endpoints(&mut self, key: &Key) {
        let endpoints = Key::new(Kind::Endpoints, &key.namespace, &key.name);
        let Some(service) = self.store.get(key).cloned() else {
            self.remove(&endpoints);
            return;
        };
        let (mut ready, mut waiting) = (Vec::new(), Vec::new());
        for (name, pod) in self.store.list(Kind::Pod, Some(&key.namespace)) {
            if selects(&service, pod) && !terminating(pod) && !text(pod, "/status/podIP").is_empty() {
                let list = if serves(pod) { &mut ready } else { &mut waiting };
                list.push(address(name, pod));
            }
        }
        let mut subset = json!({});
        for (field, addresses) in [("addresses", ready), ("notReadyAddresses", waiting)] {
            if !addresses.is_empty() {
                set(&mut subset, &[field], addresses);
            }
        }
        let port = |port: &Value| json!({"name": text(port, "/name"), "port": port.get("targetPort"), "protocol": text(port, "/protocol")});
        let ports: Vec<Value> = list(&service, "/spec/ports").iter().map(port).collect();
        let subsets = if subset == json!({}) { json!([]) } else { json!([subset]) };
        let mut object = match self.store.get(&endpoints) {
            Some(known) => Value::clone(known),
            None => json!({"kind": "Endpoints", "apiVersion": "v1", "metadata": {
                "name": key.name, "namespace": key.namespace, "uid": self.uid(), "creationTimestamp": self.timestamp(),
            }}),
        };
        set(&mut object, &["subsets"], subsets);
        if let Some(subset) = object.pointer_mut("/subsets/0") {
            set(subset, &["ports"], ports);
        }
        self.write(&endpoints, object);
    }
}

fn selects(service: &Value, pod: &Value) -> bool {
    let labels = service.pointer("/spec/selector").and_then(Value::as_object).filter(|labels| !labels.is_empty());
    labels.is_some_and(|labels| labels.iter().all(|(name, value)| label(pod, name) == value.as_str()))
}

fn address(key: &Key, pod: &Object) -> Value {
    json!({
        "ip": text(pod, "/status/podIP"),
        "nodeName": text(pod, "/spec/nodeName"),
        "targetRef": {"kind": "Pod", "namespace": key.namespace, "name": key.name, "uid": text(pod, "/metadata/uid")},
    })
}
