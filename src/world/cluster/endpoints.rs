//! The addresses behind Services: the pods that their selectors choose.

use serde_json::{Value, json};

use super::deployment::template_hash;
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

    /// One sync of a Service: its addresses, those that answer and those that do not yet,
    /// as `Endpoints` and as an `EndpointSlice`.
    pub(super) fn sync_endpoints(&mut self, key: &Key) {
        let endpoints = Key::new(Kind::Endpoints, &key.namespace, &key.name);
        let letters = template_hash(&json!(key.name));
        let slice = format!("{}-{}", key.name, letters.get(..5).unwrap_or(&letters));
        let slice = Key::new(Kind::EndpointSlice, &key.namespace, &slice);
        let Some(service) = self.store.get(key).cloned() else {
            self.remove(&endpoints);
            self.remove(&slice);
            return;
        };
        let (mut ready, mut waiting, mut both) = (Vec::new(), Vec::new(), Vec::new());
        for (name, pod) in self.store.list(Kind::Pod, Some(&key.namespace)) {
            if selects(&service, pod) && !terminating(pod) && !text(pod, "/status/podIP").is_empty() {
                let address = address(name, pod);
                both.push(json!({
                    "addresses": [address.get("ip")], "nodeName": address.get("nodeName"), "targetRef": address.get("targetRef"),
                    "conditions": {"ready": serves(pod), "serving": serves(pod), "terminating": false},
                }));
                let list = if serves(pod) { &mut ready } else { &mut waiting };
                list.push(address);
            }
        }
        let port = |port: &Value| json!({"name": text(port, "/name"), "port": port.get("targetPort"), "protocol": text(port, "/protocol")});
        let ports: Vec<Value> = list(&service, "/spec/ports").iter().map(port).collect();
        let mut subset = json!({});
        for (field, addresses) in [("addresses", ready), ("notReadyAddresses", waiting)] {
            if !addresses.is_empty() {
                set(&mut subset, &[field], addresses);
            }
        }
        let none = subset == json!({});
        set(&mut subset, &["ports"], ports.clone());
        let mut object = self.known(&endpoints);
        set(&mut object, &["subsets"], if none { json!([]) } else { json!([subset]) });
        self.write(&endpoints, object);
        let mut object = self.known(&slice);
        set(&mut object, &["metadata", "labels"], json!({"kubernetes.io/service-name": key.name}));
        for (field, value) in [("addressType", json!("IPv4")), ("endpoints", both.into()), ("ports", ports.into())] {
            set(&mut object, &[field], value);
        }
        self.write(&slice, object);
    }

    /// An object as it is, or the frame of a new one.
    fn known(&mut self, key: &Key) -> Value {
        if let Some(known) = self.store.get(key) {
            return Value::clone(known);
        }
        let kind = key.kind.resource();
        json!({"kind": kind.name, "apiVersion": kind.api_version(), "metadata": {
            "name": key.name, "namespace": key.namespace, "uid": self.uid(), "creationTimestamp": self.timestamp(),
        }})
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
