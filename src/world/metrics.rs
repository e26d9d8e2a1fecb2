//! What Prometheus scrapes here: counters, histograms and gauges that follow from the
//! cluster.
//!
//! At each scrape the traffic of every service is shared out as its route says, over the
//! pods that are ready then; each version fails and delays its share as the scenario
//! says, with a little noise from the seed. So an error rate falls when the weights or
//! the versions do, and for no other reason.

use std::collections::BTreeMap;

use super::cluster::{Cluster, Millis};
use super::scenario::WorldSpec;

mod counters;
mod flow;
mod table;

use counters::{Counters, Gauges};
use flow::Landscape;
pub(crate) use flow::{Flow, Usage, amount, flows, share_of};
pub(crate) use table::{Labels, Series, Table};

/// How much history there is before the start.
const HISTORY: Millis = 2 * 3_600_000;

/// The series and how they go on.
pub(crate) struct Metrics {
    /// All samples.
    pub(crate) table: Table,
    world: WorldSpec,
    namespace: String,
    seed: u64,
    counters: BTreeMap<(String, String, String), Counters>,
    gauges: Gauges,
    landscape: Landscape,
}

impl Metrics {
    /// The series of a world, with a history as if it had always been as it is now.
    pub(crate) fn new(world: &WorldSpec, namespace: &str, seed: u64, cluster: &Cluster) -> Self {
        let mut metrics = Self {
            table: Table::new(-HISTORY),
            world: world.clone(),
            namespace: namespace.to_owned(),
            seed,
            counters: BTreeMap::new(),
            gauges: Gauges::default(),
            landscape: Landscape::default(),
        };
        while metrics.table.next_scrape() <= 0 {
            metrics.scrape(cluster, true);
        }
        metrics
    }

    /// What a pod uses now; nothing where none of that name runs.
    pub(crate) fn usage(&mut self, cluster: &Cluster, pod: &str) -> Option<Usage> {
        self.look(cluster);
        let seed = self.seed;
        self.landscape.pods.iter().find(|facts| facts.name == pod && facts.running).map(|facts| facts.usage(seed, cluster.now()))
    }

    fn look(&mut self, cluster: &Cluster) {
        if self.landscape.state != cluster.state() {
            self.landscape = Landscape::of(&self.world, &self.namespace, cluster);
        }
    }

    /// Takes one scrape. While Prometheus is down the counters go on, unseen.
    pub(crate) fn scrape(&mut self, cluster: &Cluster, seen: bool) {
        self.look(cluster);
        let now = self.table.next_scrape();
        self.table.begin_scrape(seen);
        let tick = self.table.tick();
        for (service, rps, flows) in &self.landscape.services {
            let rps = rps * breathing(self.seed, service, tick);
            for flow in flows {
                let key = (service.clone(), flow.deployment.clone(), flow.version.clone());
                let counters = self
                    .counters
                    .entry(key)
                    .or_insert_with(|| Counters::new(&mut self.table, &self.namespace, service, &flow.deployment, &flow.version));
                let swing = |what: u64| noise(self.seed ^ what, &flow.version, tick);
                counters.count(flow, rps, &swing);
                if flow.running || flow.share > 0.0 {
                    counters.record(&mut self.table);
                }
            }
        }
        self.gauges.record(&mut self.table, &self.namespace, &self.landscape, self.seed, now);
    }
}

/// Traffic is never quite even: a slow swell of a few percent and a little noise.
fn breathing(seed: u64, service: &str, tick: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "ticks are small")]
    let phase = tick as f64 / 84.0 * std::f64::consts::TAU;
    1.0 + 0.02 * phase.sin() + 0.015 * noise(seed, service, tick)
}

/// A number between -1 and 1 that depends on nothing but its arguments.
pub(crate) fn noise(seed: u64, name: &str, tick: i64) -> f64 {
    let mut mixed = name.bytes().fold(seed ^ 0x9e37_79b9_7f4a_7c15, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    mixed = mixed.wrapping_add(tick.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
    let unit = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
    unit * 2.0 - 1.0
}
