//! The series of one version of a service, and those of pods and Deployments.

use std::collections::BTreeMap;

use super::flow::{Flow, Landscape};
use super::noise;
use super::table::{SCRAPE_EVERY, Table};

/// Upper bounds of the latency buckets, seconds.
const BOUNDS: [f64; 19] =
    [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];
/// Methods and their share of the requests.
const METHODS: [(&str, f64); 2] = [("GET", 0.8), ("POST", 0.2)];
/// Statuses of failed requests and their share of them.
const FAILURES: [(&str, f64); 2] = [("500", 0.6), ("503", 0.4)];
/// How much a container works without any request, in cores, and for each request.
const CORES: (f64, f64) = (0.02, 0.004);
/// Memory a container uses, bytes.
const MEMORY: f64 = 180.0 * 1024.0 * 1024.0;

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
        let mut buckets: Vec<_> =
            BOUNDS.iter().map(|bound| (*bound, counter(bucket, &[("le", &bound.to_string())]))).collect();
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
        let failing = if flow.ready == 0 { 1.0 } else { (flow.behaviour.errors / 100.0 * (1.0 + 0.08 * swing(1))).clamp(0.0, 1.0) };
        let errors = requests * failing;
        for (share, counter) in &mut self.good {
            counter.total += (requests - errors) * *share;
        }
        for (status, share, counter) in &mut self.failed {
            // Without a pod the proxy answers 503 to everything.
            let part = if flow.ready > 0 { *share } else if *status == "503" { *share / FAILURES[1].1 } else { 0.0 };
            counter.total += errors * part;
        }
        let stretch = 1.0 + 0.03 * swing(2);
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

/// The series of pods and Deployments.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    cores: BTreeMap<String, f64>,
}

impl Gauges {
    /// Records them.
    pub(super) fn record(&mut self, table: &mut Table, namespace: &str, landscape: &Landscape, seed: u64) {
        let tick = table.tick();
        for pod in landscape.pods.iter().filter(|pod| !pod.node.is_empty()) {
            let base = [("namespace", namespace), ("pod", pod.name.as_str()), ("container", pod.container.as_str())];
            #[expect(clippy::cast_precision_loss, reason = "restarts are few")]
            let restarts = pod.restarts as f64;
            let series = table.series("kube_pod_container_status_restarts_total", &base);
            table.record(series, restarts);
            let up = table.series(
                "up",
                &[("namespace", namespace), ("job", &pod.app), ("app", &pod.app), ("pod", &pod.name), ("instance", &pod.address)],
            );
            table.record(up, if pod.ready { 1.0 } else { 0.0 });
            if !pod.running {
                continue;
            }
            let swing = noise(seed, &pod.name, tick);
            let labels = [base[0], base[1], base[2], ("node", pod.node.as_str())];
            let memory = table.series("container_memory_working_set_bytes", &labels);
            table.record(memory, (MEMORY * (1.0 + 0.02 * swing)).floor());
            #[expect(clippy::cast_precision_loss, reason = "a small constant")]
            let seconds = SCRAPE_EVERY as f64 / 1_000.0;
            let cores = self.cores.entry(pod.name.clone()).or_insert(0.0);
            *cores += seconds * (CORES.0 + CORES.1 * pod.rps) * (1.0 + 0.05 * swing);
            let cpu = table.series("container_cpu_usage_seconds_total", &labels);
            table.record(cpu, *cores);
        }
        for (name, wanted, available) in &landscape.deployments {
            for (metric, value) in
                [("kube_deployment_spec_replicas", wanted), ("kube_deployment_status_replicas_available", available)]
            {
                let series = table.series(metric, &[("namespace", namespace), ("deployment", name)]);
                #[expect(clippy::cast_precision_loss, reason = "pods are few")]
                table.record(series, *value as f64);
            }
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
