//! CPU and memory of the pods of a selector, percent of their limits.
//!
//! A percentage exists only where every container that is measured has a limit: one
//! without would make the others' look like the whole. Without limits, without the
//! metrics API, or before it has measured anything, the value is unknown and says why.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::api::{Api, list, shown, text, time};
use super::pods::failure::Failure;
use super::poll::{Answer, Ask};
use crate::live::Change;
use crate::live::table::{Cell, Level, Note, Row, Table};

/// Measurements older than this say nothing of now; the usual interval is 15 s to 60 s.
const OLDEST: TimeDelta = TimeDelta::minutes(3);

/// The use of a selector's pods, asked for again and again.
pub(super) struct Resources {
    pub(super) api: Api,
    pub(super) selector: String,
    pub(super) warn: Option<f64>,
    pub(super) critical: Option<f64>,
}

/// What is used, and the limit where there is one.
#[derive(Debug, Clone, Copy)]
struct Use {
    used: f64,
    limit: Option<f64>,
}

impl Use {
    const NONE: Self = Self { used: 0.0, limit: Some(0.0) };

    fn and(self, other: Self) -> Self {
        Self { used: self.used + other.used, limit: self.limit.zip(other.limit).map(|(a, b)| a + b) }
    }

    fn percent(self) -> Option<f64> {
        self.limit.filter(|limit| *limit > 0.0).map(|limit| self.used / limit * 100.0)
    }
}

impl Ask for Resources {
    async fn ask(&mut self, now: DateTime<Utc>) -> Result<Answer, Failure> {
        let measured = self.api.list("/apis/metrics.k8s.io/v1beta1", "pods", &self.selector).await?;
        let Some((measured, _)) = measured else {
            let why = "unknown: this cluster has no metrics API (metrics.k8s.io); is metrics-server installed?";
            return Ok(self.without(why));
        };
        let pods = self.api.list("/api/v1", "pods", &self.selector).await?.map(|(items, _)| items).unwrap_or_default();
        let limits: BTreeMap<_, _> = pods.iter().map(|pod| (text(pod, "/metadata/name"), pod)).collect();
        let mut rows = Vec::new();
        let (mut cpu, mut memory) = (Use::NONE, Use::NONE);
        for item in &measured {
            let name = text(item, "/metadata/name");
            let Some(pod) = limits.get(name) else { continue };
            if time(item, "/timestamp").is_some_and(|at| now - at > OLDEST) {
                continue;
            }
            let of = |what| of_pod(item, pod, what).ok_or_else(unreadable);
            let (of_cpu, of_memory) = (of("cpu")?, of("memory")?);
            (cpu, memory) = (cpu.and(of_cpu), memory.and(of_memory));
            rows.push((of_cpu, of_memory, name));
        }
        if rows.is_empty() {
            let why =
                if pods.is_empty() { "unknown: no pod matches the selector" } else { "unknown: no pod has been measured lately" };
            return Ok(self.without(why));
        }
        rows.sort_by(|a, b| worst(b).total_cmp(&worst(a)));
        let unlimited =
            |what: &Use, name| what.limit.is_none().then(|| format!("{name} unknown: a container has no {name} limit"));
        let degraded: Vec<_> = [unlimited(&cpu, "CPU"), unlimited(&memory, "memory")].into_iter().flatten().collect();
        let summary = format!("cpu {} · memory {}", percent(cpu), percent(memory));
        let level = self.level(cpu).max(self.level(memory));
        let count = rows.len();
        let rows = rows.into_iter().map(|(of_cpu, of_memory, name)| Row {
            cells: vec![
                Cell::Text(shown(name)),
                Cell::Text(format!("{:.0}m", of_cpu.used * 1_000.0)),
                Cell::Text(percent(of_cpu)),
                Cell::Text(format!("{:.0}Mi", of_memory.used / f64::from(1 << 20))),
                Cell::Text(percent(of_memory)),
            ],
            level: self.level(of_cpu).max(self.level(of_memory)),
        });
        let table = Table {
            about: self.selector.clone(),
            summary: Note::new(summary, level),
            notes: if count < pods.len() {
                vec![Note::new(format!("{count} of {} pods are measured", pods.len()), Level::Quiet)]
            } else {
                Vec::new()
            },
            heads: vec!["POD", "CPU", "CPU%", "MEM", "MEM%"],
            rows: rows.collect(),
            empty: "",
        };
        let members = [("cpu", cpu.percent()), ("memory", memory.percent())];
        Ok(Answer {
            changes: vec![Change::Table(Box::new(table))],
            degraded: (!degraded.is_empty()).then(|| degraded.join("; ")),
            members: members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
            ..Answer::default()
        })
    }
}

impl Resources {
    fn without(&self, why: &str) -> Answer {
        let summary = Note::new("unknown", Level::Warn);
        let table = Table { about: self.selector.clone(), summary, empty: "nothing is measured", ..Table::default() };
        Answer { changes: vec![Change::Table(Box::new(table))], degraded: Some(why.to_owned()), ..Answer::default() }
    }

    fn level(&self, part: Use) -> Level {
        let over = |limit: Option<f64>| part.percent().zip(limit).is_some_and(|(value, limit)| value >= limit);
        if over(self.critical) {
            Level::Bad
        } else if over(self.warn) {
            Level::Warn
        } else {
            Level::Plain
        }
    }
}

fn worst((cpu, memory, _): &(Use, Use, &str)) -> f64 {
    cpu.percent().unwrap_or(0.0).max(memory.percent().unwrap_or(0.0))
}

fn percent(part: Use) -> String {
    part.percent().map_or_else(|| "?".to_owned(), |value| format!("{value:.0} %"))
}

fn unreadable() -> Failure {
    Failure::garbled("the metrics API sends a quantity that is none")
}

/// The use of a pod's measured containers; `None` where a quantity cannot be read.
fn of_pod(measured: &Value, pod: &Value, what: &str) -> Option<Use> {
    let mut sum = Use::NONE;
    let containers = || list(pod, "/spec/containers").iter().chain(list(pod, "/spec/initContainers"));
    for item in list(measured, "/containers") {
        let container = containers().find(|c| text(c, "/name") == text(item, "/name"));
        let limit = match container.map(|c| text(c, &format!("/resources/limits/{what}"))) {
            None | Some("") => None,
            Some(limit) => Some(quantity(limit)?),
        };
        sum = sum.and(Use { used: quantity(text(item, &format!("/usage/{what}")))?, limit });
    }
    Some(sum)
}

/// A quantity as Kubernetes writes it (`250m`, `64Mi`, `1e3`), in its base unit.
fn quantity(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E')).unwrap_or(text.len());
    // `E` alone is exa; followed by digits it is an exponent.
    let (digits, suffix) = match text.strip_suffix('E') {
        Some(digits) => (digits, "E"),
        None if text.ends_with("Ei") => (text.strip_suffix("Ei")?, "Ei"),
        None => text.split_at_checked(split)?,
    };
    let scale = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        _ => return None,
    };
    digits.parse::<f64>().ok().map(|number| number * scale).filter(|value| value.is_finite() && *value >= 0.0)
}

#[cfg(test)]
mod tests;
