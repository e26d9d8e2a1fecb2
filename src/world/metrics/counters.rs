//! The series of one version of a service, and those of pods and Deployments.

use std::collections::BTreeMap;

use super::flow::{Flow, Landscape, PodFacts};
use super::table::{SCRAPE_EVERY, Table};
use crate::world::cluster::Millis;

/// Upper bounds of the latency buckets, seconds.
const BOUNDS: [f64; 19] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
/// Methods and their share of the requests.
const METHODS: [(&str, f64); 2] = [("GET", 0.8), ("POST", 0.2)];
/// Statuses of failed requests and their share of them.
const FAILURES: [(&str, f64); 2] = [("500", 0.6), ("503", 0.4)];
/// A counter and its series.
#[derive(Debug, Clone, Copy)]
struct Counter {
    series: usize,
    total: f64,
}

/// The counters of one version of a service.
#[derive(Debug)]
pub(super) struct Counters {
    good: Vec<(f64, Counter)>,
    failed: Vec<(&'static str, f64, Counter)>,
    buckets: Vec<(f64, Counter)>,
    sum: Counter,
    count: Counter,
    begun: bool,
}

impl Counters {
    /// The counters, all at zero.
    pub(super) fn new(table: &mut Table, namespace: &str, service: &str, deployment: &str, version: &str) -> Self {
        let base = [
            ("app", service),
            ("service", service),
            ("job", service),
            ("namespace", namespace),
            ("deployment", deployment),
            ("version", version),
        ];
        let mut counter = |name: &str, more: &[(&str, &str)]| {
            let labels: Vec<_> = base.iter().chain(more).copied().collect();
            Counter { series: table.series(name, &labels), total: 0.0 }
        };
        let requests = "http_requests_total";
        let good = METHODS.map(|(method, share)| (share, counter(requests, &[("method", method), ("status", "200")])));
        let mut failed = Vec::new();
        for (status, part) in FAILURES {
            for (method, share) in METHODS {
                failed.push((status, part * share, counter(requests, &[("method", method), ("status", status)])));
            }
        }
        let bucket = "http_request_duration_seconds_bucket";
        let mut buckets: Vec<_> = BOUNDS.iter().map(|bound| (*bound, counter(bucket, &[("le", &bound.to_string())]))).collect();
        buckets.push((f64::INFINITY, counter(bucket, &[("le", "+Inf")])));
        let sum = counter("http_request_duration_seconds_sum", &[]);
        let count = counter("http_request_duration_seconds_count", &[]);
        Self { good: good.to_vec(), failed, buckets, sum, count, begun: false }
    }

    /// Counts what happened since the last scrape. The first time nothing did: a counter
    /// is seen at zero before it grows.
    pub(super) fn count(&mut self, flow: &Flow, rps: f64, swing: &impl Fn(u64) -> f64) {
        if !std::mem::replace(&mut self.begun, true) {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a small constant")]
        let requests = rps * flow.share * SCRAPE_EVERY as f64 / 1_000.0;
        #[expect(clippy::cast_precision_loss, reason = "pods are few")]
        let silent = if flow.ready == 0 { 1.0 } else { flow.silent as f64 / flow.ready as f64 };
        let wrong = (flow.behaviour.errors / 100.0 * (1.0 + 0.08 * swing(1))).clamp(0.0, 1.0);
        let failing = silent + (1.0 - silent) * wrong;
        let errors = requests * failing;
        for (share, counter) in &mut self.good {
            counter.total += (requests - errors) * *share;
        }
        for (status, share, counter) in &mut self.failed {
            // Without a pod the proxy answers 503 to everything.
            let part = if flow.ready > 0 {
                *share
            } else if *status == "503" {
                *share / FAILURES[1].1
            } else {
                0.0
            };
            counter.total += errors * part;
        }
        let stretch = (1.0 + 0.03 * swing(2)) * flow.strain;
        let (p50, p95) = match flow.ready {
            0 => (0.002, 0.004),
            _ => {
                let latency = flow.behaviour.latency;
                (latency.p50.0.as_secs_f64().max(0.000_5) * stretch, latency.p95.0.as_secs_f64().max(0.000_6) * stretch)
            }
        };
        let spread = (p95 / p50).ln().max(0.01) / 1.644_854;
        for (bound, counter) in &mut self.buckets {
            counter.total += requests * if bound.is_finite() { normal((*bound / p50).ln() / spread) } else { 1.0 };
        }
        self.sum.total += requests * p50 * (spread * spread / 2.0).exp();
        self.count.total += requests;
    }

    /// Records all of them. Requests are whole ones.
    pub(super) fn record(&self, table: &mut Table) {
        let whole = self
            .good
            .iter()
            .map(|(_, c)| c)
            .chain(self.failed.iter().map(|(_, _, c)| c))
            .chain(self.buckets.iter().map(|(_, c)| c))
            .chain([&self.count]);
        for counter in whole {
            table.record(counter.series, counter.total.floor());
        }
        table.record(self.sum.series, self.sum.total);
    }
}

/// The distribution function of the standard normal distribution; the error function by
/// Abramowitz and Stegun 7.1.26, good to seven digits.
fn normal(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly = t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = 1.0 - poly * (-z * z).exp();
    if x >= 0.0 { 0.5 * (1.0 + erf) } else { 0.5 * (1.0 - erf) }
}

/// The series of pods and Deployments, kept by name so that a scrape need not find them
/// by their labels.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pods: BTreeMap<String, PodSeries>,
    deployments: BTreeMap<String, [usize; 2]>,
}

/// The series of a pod.
#[derive(Debug)]
struct PodSeries {
    restarts: usize,
    up: usize,
    memory: usize,
    cpu: Counter,
    /// Of processor and memory, where there are limits.
    limits: [Option<usize>; 2],
}

impl Gauges {
    /// Records them.
    pub(super) fn record(&mut self, table: &mut Table, namespace: &str, landscape: &Landscape, seed: u64, now: Millis) {
        for pod in landscape.pods.iter().filter(|pod| !pod.address.is_empty()) {
            if !self.pods.contains_key(&pod.name) {
                self.pods.insert(pod.name.clone(), PodSeries::new(table, namespace, pod));
            }
            let Some(series) = self.pods.get_mut(&pod.name) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "restarts are few")]
            table.record(series.restarts, pod.restarts as f64);
            table.record(series.up, if pod.ready { 1.0 } else { 0.0 });
            if pod.running {
                let usage = pod.usage(seed, now);
                table.record(series.memory, usage.memory.floor());
                #[expect(clippy::cast_precision_loss, reason = "a small constant")]
                let seconds = SCRAPE_EVERY as f64 / 1_000.0;
                series.cpu.total += seconds * usage.cpu;
                table.record(series.cpu.series, series.cpu.total);
                for (number, limit) in series.limits.iter().zip([pod.limits.0, pod.limits.1]) {
                    if let (Some(number), Some(limit)) = (number, limit) {
                        table.record(*number, limit);
                    }
                }
            }
        }
        self.pods.retain(|name, _| landscape.pods.iter().any(|pod| pod.name == *name));
        for (name, wanted, available) in &landscape.deployments {
            if !self.deployments.contains_key(name) {
                let metrics = ["kube_deployment_spec_replicas", "kube_deployment_status_replicas_available"];
                let series = metrics.map(|metric| table.series(metric, &[("namespace", namespace), ("deployment", name)]));
                self.deployments.insert(name.clone(), series);
            }
            let Some([spec, status]) = self.deployments.get(name) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "pods are few")]
            let (wanted, available) = (*wanted as f64, *available as f64);
            table.record(*spec, wanted);
            table.record(*status, available);
        }
    }
}

impl PodSeries {
    fn new(table: &mut Table, namespace: &str, pod: &PodFacts) -> Self {
        let name = [("namespace", namespace), ("pod", pod.name.as_str())];
        let container = [name[0], name[1], ("container", pod.container.as_str()), ("node", pod.node.as_str())];
        let target = [name[0], name[1], ("job", &pod.app), ("app", &pod.app), ("instance", &pod.address)];
        let mut limit = |resource: &str, unit: &str, limit: Option<f64>| {
            let labels = [name[0], name[1], container[2], container[3], ("resource", resource), ("unit", unit)];
            limit.map(|_| table.series("kube_pod_container_resource_limits", &labels))
        };
        let limits = [limit("cpu", "core", pod.limits.0), limit("memory", "byte", pod.limits.1)];
        Self {
            limits,
            restarts: table.series("kube_pod_container_status_restarts_total", &container[..3]),
            up: table.series("up", &target),
            memory: table.series("container_memory_working_set_bytes", &container),
            cpu: Counter { series: table.series("container_cpu_usage_seconds_total", &container), total: 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_one() {
        for (x, p) in [(0.0, 0.5), (1.0, 0.841_345), (-1.644_854, 0.05), (4.0, 0.999_968)] {
            assert!((normal(x) - p).abs() < 1e-5, "{x}: {}", normal(x));
        }
    }
}
