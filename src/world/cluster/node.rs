//! Nodes: whether they are there, and what becomes of their pods when they are not.

use serde_json::{Value, json};

use super::Cluster;
use crate::world::json::{condition, list, set, text};

impl Cluster {
    /// Writes whether a node is ready into it.
    pub(super) fn set_node_ready(&self, node: &mut Value, ready: bool) {
        let (status, reason, message) = match ready {
            true => ("True", "KubeletReady", "kubelet is posting ready status"),
            false => ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."),
        };
        let now = self.timestamp();
        let since =
            condition(node, "Ready").filter(|c| text(c, "/status") == status).map(|c| text(c, "/lastTransitionTime").to_owned());
        let shown = json!({
            "type": "Ready", "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": since.unwrap_or_else(|| now.clone()),
        });
        let mut conditions = list(node, "/status/conditions").to_vec();
        conditions.retain(|c| text(c, "/type") != "Ready");
        conditions.push(shown);
        set(node, &["status", "conditions"], conditions);
    }
}
