//! Everything in the world at one moment, moved on by time alone.
//!
//! Pure: no clock, no sockets. [`Core::advance`] does what is due, in the order of its
//! times; at the same time controllers come first, then faults, then the scrape.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::autoscaling::Autoscaling;
use super::cluster::{Cluster, Key, Kind, Millis, random_uid};
use super::faults::{Faults, Turn};
use super::json::{serves, set, terminating, text};
use super::kubernetes::selector::Selector;
use super::metrics::{Metrics, Usage};
use super::promql::{Expr, QueryError, parse};
use super::scenario::{Fault, KillPod, PrometheusFault, Scenario, SetImage};

/// A message that was sent to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// When, in the world's time.
    pub at: DateTime<Utc>,
    /// To which host.
    pub host: String,
    /// To which path.
    pub path: String,
    /// What.
    pub body: String,
}

/// The world at one moment.
pub(crate) struct Core {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// The series.
    pub(crate) metrics: Metrics,
    /// What is going wrong.
    pub(crate) faults: Faults,
    /// What was sent to webhooks.
    pub(crate) messages: Vec<Message>,
    /// Requests so far, by kind: chance of answers comes from their number.
    pub(crate) health_checks: u64,
    /// Where chance comes from.
    pub(crate) seed: u64,
    /// The namespace of everything.
    pub(crate) namespace: String,
    autoscaling: Autoscaling,
    queries: BTreeMap<String, Arc<Expr>>,
    audits: fastrand::Rng,
    now: Millis,
}

/// So many queries are remembered as read.
const REMEMBERED: usize = 200;

impl Core {
    /// The world of a scenario at its start.
    pub(crate) fn new(scenario: &Scenario, namespace: &str, epoch: DateTime<Utc>) -> Self {
        // What the API server refuses was found when the scenario was read.
        let (cluster, _) = Cluster::build(&scenario.world, namespace, epoch, scenario.seed);
        let metrics = Metrics::new(&scenario.world, namespace, scenario.seed, &cluster);
        Self {
            metrics,
            cluster,
            faults: Faults::new(&scenario.events, scenario.seed),
            messages: Vec::new(),
            health_checks: 0,
            seed: scenario.seed,
            namespace: namespace.to_owned(),
            autoscaling: Autoscaling::default(),
            queries: BTreeMap::new(),
            audits: fastrand::Rng::with_seed(scenario.seed ^ 0xa0d1),
            now: 0,
        }
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    /// When something happens next that a client could see.
    pub(crate) fn next_due(&self) -> Option<Millis> {
        [self.cluster.next_due(), self.faults.next_due(), self.autoscaling.due(&self.cluster)].into_iter().flatten().min()
    }

    /// Does everything that is due up to a moment.
    pub(crate) fn advance(&mut self, to: Millis) {
        loop {
            let scrape = self.metrics.table.next_scrape();
            let next = self.next_due().map_or(scrape, |due| due.min(scrape));
            if next > to {
                break;
            }
            self.now = self.now.max(next);
            self.cluster.advance(next);
            while let Some(turn) = self.faults.take_due(next) {
                self.strike(&turn);
            }
            if self.autoscaling.due(&self.cluster) == Some(next) {
                self.autoscaling.run(&mut self.cluster, &mut self.metrics);
            }
            if scrape == next {
                let seen = self.faults.prometheus() != Some(PrometheusFault::Down);
                self.metrics.scrape(&self.cluster, seen);
            }
        }
        self.now = self.now.max(to);
        self.cluster.advance(to);
        self.autoscaling.catch_up(self.now);
    }

    /// Does what happens once; what holds for a while is asked of [`Faults`].
    fn strike(&mut self, turn: &Turn) {
        let fault = match turn {
            Turn::Begins(fault) => fault,
            Turn::Ends(Fault::NodeLost(node)) => return self.cluster.restore_node(node),
            Turn::Ends(_) => return,
        };
        match fault {
            Fault::KillPod(kill) => self.kill(kill),
            Fault::SetImage(image) => self.set_image(image),
            Fault::NodeLost(node) => self.cluster.lose_node(node),
            Fault::Prometheus(_)
            | Fault::Health(..)
            | Fault::Kubernetes(_)
            | Fault::Forbid(_)
            | Fault::LoginExpired
            | Fault::NetworkCut
            | Fault::DiskFull => {}
        }
    }

    fn kill(&mut self, kill: &KillPod) {
        // A selector that cannot be read selects nothing.
        let Ok(selector) = Selector::labels(&kill.selector) else { return };
        let mut victims: Vec<(bool, Key)> = self
            .cluster
            .store
            .list(Kind::Pod, Some(&self.namespace))
            .filter(|(_, pod)| selector.matches(pod) && !terminating(pod))
            .map(|(key, pod)| (!serves(pod), key.clone()))
            .collect();
        victims.sort();
        for (_, victim) in victims.into_iter().take(usize::try_from(kill.count).unwrap_or(usize::MAX)) {
            self.cluster.terminate_pod(&victim, None);
        }
    }

    fn set_image(&mut self, image: &SetImage) {
        let found = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet].into_iter().find_map(|kind| {
            let key = Key::new(kind, &self.namespace, image.deployment.as_str());
            self.cluster.store.get(&key).cloned().map(|object| (key, object))
        });
        let Some((key, deployment)) = found else { return };
        let mut changed = Value::clone(&deployment);
        if let Some(Value::Array(containers)) = changed.pointer_mut("/spec/template/spec/containers") {
            let wanted = |c: &&mut Value| image.container.as_deref().is_none_or(|name| text(c, "/name") == name);
            if let Some(container) = containers.iter_mut().find(wanted) {
                set(container, &["image"], image.image.clone());
            }
        }
        super::kubernetes::write::changed_by(&mut self.cluster, &key, &deployment, changed, &image.manager);
    }

    /// What a pod uses just now; nothing where none of that name runs.
    pub(crate) fn usage(&mut self, pod: &str) -> Option<Usage> {
        self.metrics.usage(&self.cluster, pod)
    }

    /// A query, read. The same few are asked again and again, so they are remembered.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn query(&mut self, text: &str) -> Result<Arc<Expr>, QueryError> {
        if let Some(known) = self.queries.get(text) {
            return Ok(known.clone());
        }
        let expr = Arc::new(parse(text)?);
        if self.queries.len() < REMEMBERED {
            self.queries.insert(text.to_owned(), expr.clone());
        }
        Ok(expr)
    }

    /// A new id for the answer to a request. Asking does not change what becomes of the
    /// cluster.
    pub(crate) fn audit_id(&mut self) -> String {
        random_uid(&mut self.audits)
    }
}
