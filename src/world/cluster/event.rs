//! Events: what the controllers and the kubelet say about what they do.

use serde_json::{Value, json};

use super::{Cluster, Key, Kind};
use crate::world::json::{number, set, text};

impl Cluster {
    /// Records an event about an object; the same one again only counts up.
    pub(crate) fn note(&mut self, about: &Key, component: &str, reason: &str, message: &str) {
        let Some(object) = self.store.get(about).cloned() else { return };
        let uid = text(&object, "/metadata/uid");
        let same = self.store.list(Kind::Event, Some(&about.namespace)).find(|(_, event)| {
            text(event, "/involvedObject/uid") == uid && text(event, "/reason") == reason && text(event, "/message") == message
        });
        let timestamp = self.timestamp();
        if let Some((key, event)) = same {
            let (key, mut event) = (key.clone(), Value::clone(event));
            let count = number(&event, "/count") + 1;
            set(&mut event, &["count"], count);
            set(&mut event, &["lastTimestamp"], timestamp);
            self.write(&key, event);
            return;
        }
        let name = format!("{}.{:016x}", about.name, self.random.u64(..));
        let key = Key::new(Kind::Event, &about.namespace, &name);
        let kind = about.kind.resource();
        let warning = matches!(
            reason,
            "Failed"
                | "BackOff"
                | "Unhealthy"
                | "FailedScheduling"
                | "NodeNotReady"
                | "BackoffLimitExceeded"
                | "DeadlineExceeded"
        );
        let event = json!({
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": {"name": name, "namespace": about.namespace, "uid": self.uid(), "creationTimestamp": timestamp},
            "involvedObject": {
                "kind": kind.name,
                "namespace": about.namespace,
                "name": about.name,
                "uid": uid,
                "apiVersion": kind.api_version(),
                "resourceVersion": text(&object, "/metadata/resourceVersion"),
            },
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "firstTimestamp": timestamp,
            "lastTimestamp": timestamp,
            "count": 1,
            "type": if warning { "Warning" } else { "Normal" },
            "eventTime": null,
            "reportingComponent": component,
            "reportingInstance": "",
        });
        self.write(&key, event);
    }
}
