//! Nodes: whether they are there, and what becomes of their pods when they are not.
//!
//! As in a real cluster it takes time until a lost node is noticed: its pods count as
//! ready for 40 seconds and get their share of the traffic, and are replaced elsewhere
//! after five minutes more.

use serde_json::{Value, json};

use super::daemonset::meant_for;
use super::revision::over;
use super::{Cluster, Key, Kind, Millis, Work};
use crate::world::json::{condition, list, set, terminating, text};

/// From the last sign of a node to `NotReady`.
const GRACE: Millis = 40_000;
/// From there until its pods are to be replaced.
const TOLERATED: Millis = 300_000;
const NAME: &str = "node-controller";

/// What happens to a node that does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NodeStep {
    /// It is marked as not ready, and its pods too.
    NotReady,
    /// Its pods are to be replaced.
    Evict,
}

impl Cluster {
    /// A node stops answering.
    pub(crate) fn lose_node(&mut self, name: &str) {
        if self.lost.contains_key(name) {
            return;
        }
        self.turns += 1;
        let loss = self.turns;
        self.lost.insert(name.to_owned(), loss);
        for (step, after) in [(NodeStep::NotReady, GRACE), (NodeStep::Evict, GRACE + TOLERATED)] {
            self.schedule(after, Work::Node { name: name.to_owned(), step, loss });
        }
    }

    /// A node answers again. Its pods go on where they were.
    pub(crate) fn restore_node(&mut self, name: &str) {
        self.lost.remove(name);
        self.turns += 1;
        let key = Key::new(Kind::Node, "", name);
        let Some(node) = self.store.get(&key).cloned() else { return };
        let mut back = Value::clone(&node);
        self.set_node_ready(&mut back, true);
        self.write(&key, back);
        for pod in self.pods_on(name) {
            self.answer_again(&pod);
        }
    }

    /// Whether what runs on a node answers.
    pub(crate) fn answers(&self, pod: &Value) -> bool {
        !self.lost.contains_key(text(pod, "/spec/nodeName"))
    }

    pub(super) fn node_step(&mut self, name: &str, step: NodeStep, loss: u64) {
        if self.lost.get(name) != Some(&loss) {
            return;
        }
        let pods = self.pods_on(name);
        match step {
            NodeStep::NotReady => {
                let key = Key::new(Kind::Node, "", name);
                let Some(node) = self.store.get(&key).cloned() else { return };
                let mut gone = Value::clone(&node);
                self.set_node_ready(&mut gone, false);
                self.write(&key, gone);
                for pod in &pods {
                    self.mark_unready(pod);
                    self.note(pod, NAME, "NodeNotReady", "Node is not ready");
                }
            }
            NodeStep::Evict => {
                let daemon = |pod: &&Key| self.store.get(pod).is_some_and(|object| meant_for(object).is_some());
                let evicted: Vec<Key> = pods.iter().filter(|pod| !daemon(pod)).cloned().collect();
                for pod in evicted {
                    let message = format!("Marking for deletion Pod {}/{}", pod.namespace, pod.name);
                    self.note(&pod, "taint-eviction-controller", "TaintManagerEviction", &message);
                    self.terminate_pod(&pod, None);
                }
            }
        }
    }

    fn pods_on(&self, node: &str) -> Vec<Key> {
        let there = |pod: &Value| text(pod, "/spec/nodeName") == node && !over(pod);
        self.store.list(Kind::Pod, None).filter(|(_, pod)| there(pod)).map(|(key, _)| key.clone()).collect()
    }

    fn mark_unready(&mut self, key: &Key) {
        let Some(pod) = self.store.get(key).cloned() else { return };
        let mut gone = Value::clone(&pod);
        let now = self.timestamp();
        if let Some(Value::Array(conditions)) = gone.pointer_mut("/status/conditions") {
            for ready in conditions.iter_mut().filter(|c| text(c, "/type") == "Ready" && text(c, "/status") == "True") {
                set(ready, &["status"], "False");
                set(ready, &["lastTransitionTime"], now.clone());
            }
        }
        self.write(key, gone);
    }

    fn answer_again(&mut self, key: &Key) {
        let Some(pod) = self.store.get(key).cloned() else { return };
        let contained = condition(&pod, "ContainersReady").is_some_and(|c| text(c, "/status") == "True");
        let ready = condition(&pod, "Ready").is_some_and(|c| text(c, "/status") == "True");
        if terminating(&pod) || !contained || ready {
            return;
        }
        let mut back = Value::clone(&pod);
        let now = self.timestamp();
        if let Some(Value::Array(conditions)) = back.pointer_mut("/status/conditions") {
            for ready in conditions.iter_mut().filter(|c| text(c, "/type") == "Ready") {
                set(ready, &["status"], "True");
                set(ready, &["lastTransitionTime"], now.clone());
            }
        }
        self.write(key, back);
    }

    /// The nodes a pod can be placed on: ready ones that take pods, or the one it is meant for.
    pub(super) fn free_nodes(&self, pod: &Value) -> Vec<String> {
        let ready = |node: &Value| condition(node, "Ready").is_some_and(|c| text(c, "/status") == "True");
        let open = |node: &Value| node.pointer("/spec/unschedulable") != Some(&Value::Bool(true));
        let fits = |key: &Key, node: &Value| match meant_for(pod) {
            Some(meant) => key.name == meant,
            None => ready(node) && open(node),
        };
        self.store.list(Kind::Node, None).filter(|(key, node)| fits(key, node)).map(|(key, _)| key.name.clone()).collect()
    }

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
