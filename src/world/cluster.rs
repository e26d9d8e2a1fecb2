//! The cluster: objects, the controllers that bring them to what is wanted, and the
//! kubelet that runs pods, all driven by time.
//!
//! Pure: [`Cluster::advance`] does what is due up to a moment and nothing else moves it.
//! Controllers work as the real ones do, from one queue: a change of an object enqueues
//! those who watch it, a key waits in the queue at most once, and each sync reads the
//! objects anew. So the order of what a watch sees is the order of the real thing.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::json::{Object, controller, text};

pub(crate) mod build;
mod daemonset;
mod defaults;
mod deployment;
mod endpoints;
mod event;
mod job;
mod kubelet;
mod log;
mod node;
mod progress;
mod replicaset;
pub(crate) mod resource;
mod revision;
mod sets;
mod statefulset;
pub(crate) mod store;

pub(crate) use build::Catalogue;
pub(crate) use defaults::images;
use kubelet::PodStep;
pub(crate) use log::LogLine;
use node::NodeStep;
pub(crate) use resource::Kind;
pub(crate) use store::{Key, Store};

/// Milliseconds since the start of the world; negative before it.
pub(crate) type Millis = i64;

/// From a change of a Deployment, or of its ReplicaSets, to its next sync.
const DEPLOYMENT_SYNC: Millis = 12;
/// From a change of a ReplicaSet, or of its pods, to its next sync.
const REPLICASET_SYNC: Millis = 5;
/// From a change of any other workload, or of its pods, to its next sync.
const WORKLOAD_SYNC: Millis = 12;
/// From a change of a pod to the addresses of the Services that select it.
const ENDPOINTS_SYNC: Millis = 20;

/// Something that is due.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    /// A controller looks at an object.
    Sync(Key),
    /// A controller looks again later, because a deadline will have passed.
    Recheck(Key),
    /// A pod goes on with its life. The number is the container's life it belongs to.
    Pod { key: Key, uid: String, step: PodStep, life: i64 },
    /// The node controller looks at a node that does not answer. The number is that of the
    /// loss, so that what was planned for an earlier one does nothing.
    Node { name: String, step: NodeStep, loss: u64 },
}

/// The cluster.
pub(crate) struct Cluster {
    /// Its objects.
    pub(crate) store: Store,
    /// Which images exist and how they behave.
    pub(crate) catalogue: Catalogue,
    queue: BTreeMap<(Millis, u64), Work>,
    pending: BTreeSet<Key>,
    enqueued: u64,
    random: fastrand::Rng,
    epoch: DateTime<Utc>,
    now: Millis,
    /// Nodes that do not answer, with the number of the loss.
    lost: BTreeMap<String, u64>,
    /// How often a node was lost or came back.
    turns: u64,
}

impl Cluster {
    /// An empty cluster at a moment before the start.
    pub(crate) fn new(catalogue: Catalogue, epoch: DateTime<Utc>, seed: u64, now: Millis) -> Self {
        Self {
            store: Store::default(),
            catalogue,
            queue: BTreeMap::new(),
            pending: BTreeSet::new(),
            enqueued: 0,
            random: fastrand::Rng::with_seed(seed),
            epoch,
            now,
            lost: BTreeMap::new(),
            turns: 0,
        }
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    /// A number that changes whenever anything that metrics depend on does.
    pub(crate) fn state(&self) -> (u64, u64) {
        (self.store.revision(), self.turns)
    }

    /// When something is due next.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.queue.keys().next().map(|(due, _)| *due)
    }

    /// Does everything that is due up to a moment, in order.
    pub(crate) fn advance(&mut self, to: Millis) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > to {
                break;
            }
            let ((due, _), work) = entry.remove_entry();
            self.now = self.now.max(due);
            match work {
                Work::Sync(key) => {
                    self.pending.remove(&key);
                    self.sync(&key);
                }
                Work::Recheck(key) => self.sync(&key),
                Work::Pod { key, uid, step, life } => self.pod_step(&key, &uid, step, life),
                Work::Node { name, step, loss } => self.node_step(&name, step, loss),
            }
        }
        self.now = self.now.max(to);
    }

    fn sync(&mut self, key: &Key) {
        match key.kind {
            Kind::Deployment => self.sync_deployment(key),
            Kind::ReplicaSet => self.sync_replicaset(key),
            Kind::StatefulSet => self.sync_statefulset(key),
            Kind::DaemonSet => self.sync_daemonset(key),
            Kind::Job => self.sync_job(key),
            Kind::Service => self.sync_endpoints(key),
            _ => {}
        }
    }

    /// The time objects carry, in whole seconds as the API writes it.
    pub(crate) fn timestamp(&self) -> String {
        self.timestamp_after(0)
    }

    fn timestamp_after(&self, millis: Millis) -> String {
        let at = self.epoch + chrono::Duration::milliseconds(self.now + millis);
        at.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Milliseconds since the start of a time that an object carries.
    pub(crate) fn millis_of(&self, timestamp: &str) -> Option<Millis> {
        let at = DateTime::parse_from_rfc3339(timestamp).ok()?;
        Some((at.with_timezone(&Utc) - self.epoch).num_milliseconds())
    }

    /// A new uid. All of them come from the seed.
    pub(crate) fn uid(&mut self) -> String {
        random_uid(&mut self.random)
    }

    /// What decides about uids and names from here on.
    pub(crate) fn chance(&self) -> fastrand::Rng {
        self.random.clone()
    }

    /// Goes back to what would have been decided.
    pub(crate) fn set_chance(&mut self, chance: fastrand::Rng) {
        self.random = chance;
    }

    /// Writes an object and tells the controllers that watch it. Nothing happens where
    /// nothing changed.
    pub(crate) fn write(&mut self, key: &Key, object: Value) -> Object {
        let before = self.store.revision();
        let object = self.store.put(key, object);
        if self.store.revision() != before {
            self.announce(key, &object);
        }
        object
    }

    /// Removes an object at once, and what it controls.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Object> {
        let object = self.store.remove(key)?;
        self.announce(key, &object);
        let uid = text(&object, "/metadata/uid").to_owned();
        for (child, _) in self.controlled_by(key, &uid) {
            match child.kind {
                Kind::Pod => self.terminate_pod(&child, None),
                _ => drop(self.remove(&child)),
            }
        }
        Some(object)
    }

    /// The objects controlled by another, by uid.
    fn controlled_by(&self, key: &Key, uid: &str) -> Vec<(Key, Object)> {
        let children: &[Kind] = match key.kind {
            Kind::Deployment => &[Kind::ReplicaSet],
            Kind::ReplicaSet | Kind::Job => &[Kind::Pod],
            Kind::StatefulSet | Kind::DaemonSet => &[Kind::Pod, Kind::ControllerRevision],
            Kind::CronJob => &[Kind::Job],
            _ => &[],
        };
        let owned = |object: &Value| controller(object).is_some_and(|owner| text(owner, "/uid") == uid);
        children
            .iter()
            .flat_map(|child| self.store.list(*child, Some(&key.namespace)))
            .filter(|(_, object)| owned(object))
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect()
    }

    /// Lets go of what an object controls, so that it outlives it.
    pub(crate) fn orphan(&mut self, key: &Key) {
        let Some(object) = self.store.get(key).cloned() else { return };
        for (child, orphan) in self.controlled_by(key, text(&object, "/metadata/uid")) {
            let mut orphan = Value::clone(&orphan);
            super::json::unset(&mut orphan, &["metadata", "ownerReferences"]);
            self.store.put(&child, orphan);
        }
    }

    fn announce(&mut self, key: &Key, object: &Value) {
        self.enqueue(key.clone());
        match key.kind {
            Kind::Pod => self.announce_to_services(key, object),
            Kind::Node => {
                let sets: Vec<Key> = self.store.list(Kind::DaemonSet, None).map(|(key, _)| key.clone()).collect();
                sets.into_iter().for_each(|set| self.enqueue(set));
            }
            _ => {}
        }
        if let Some(owner) = controller(object)
            && let Some(kind) = Kind::named(text(owner, "/kind"))
        {
            self.enqueue(Key::new(kind, &key.namespace, text(owner, "/name")));
        }
    }

    /// Has a controller look at an object soon, where there is one for its kind.
    fn enqueue(&mut self, key: Key) {
        let after = match key.kind {
            Kind::Deployment => DEPLOYMENT_SYNC,
            Kind::ReplicaSet => REPLICASET_SYNC,
            Kind::StatefulSet | Kind::DaemonSet | Kind::Job => WORKLOAD_SYNC,
            Kind::Service => ENDPOINTS_SYNC,
            _ => return,
        };
        if self.pending.insert(key.clone()) {
            self.schedule(after, Work::Sync(key));
        }
    }

    /// Has a controller look at an object again, because a time will have come.
    fn recheck(&mut self, key: &Key, after: Millis) {
        self.schedule(after, Work::Recheck(key.clone()));
    }

    fn schedule(&mut self, after: Millis, work: Work) {
        self.enqueued += 1;
        self.queue.insert((self.now + after.max(0), self.enqueued), work);
    }
}

/// A random uid (version 4).
pub(crate) fn random_uid(random: &mut fastrand::Rng) -> String {
    let bits = random.u128(..);
    let (a, b, c) = (bits >> 96, (bits >> 80) & 0xffff, (bits >> 68) & 0x0fff);
    let (d, e) = ((bits >> 54) & 0x3fff | 0x8000, bits & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
}
