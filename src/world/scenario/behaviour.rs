//! How a version behaves: how often it fails, how long it takes, what it uses up.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::Quantity;
use crate::world::period::Period;

/// How a version behaves.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// Requests that fail, percent.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub errors: f64,
    /// How long answers take.
    #[serde(default)]
    pub latency: Latency,
    /// From a pod's start to ready.
    #[serde(default = "default_ready_after")]
    pub ready_after: Period,
    /// The process ends with an error this long after its first start. Started again by
    /// the kubelet it ends within seconds, so that the pod falls into CrashLoopBackOff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash_after: Option<Period>,
    /// In a Job: the process ends this long after its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exits_after: Option<Period>,
    /// In a Job: with this code.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub exit: u8,
    /// The processor it takes. Requests wait where a pod would need more than its limit.
    #[serde(default, skip_serializing_if = "Cpu::is_default")]
    pub cpu: Cpu,
    /// The memory it takes. The kernel kills a process that grows beyond its limit.
    #[serde(default, skip_serializing_if = "Memory::is_default")]
    pub memory: Memory,
}

fn is_zero(code: &u8) -> bool {
    *code == 0
}

fn default_ready_after() -> Period {
    Period(Duration::from_secs(4))
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            errors: 0.0,
            latency: Latency::default(),
            ready_after: default_ready_after(),
            crash_after: None,
            exits_after: None,
            exit: 0,
            cpu: Cpu::default(),
            memory: Memory::default(),
        }
    }
}

/// How long answers take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Half of the answers take less.
    pub p50: Period,
    /// Of a hundred answers, 95 take less.
    pub p95: Period,
}

impl Default for Latency {
    fn default() -> Self {
        let millis = |n| Period(Duration::from_millis(n));
        Self { p50: millis(50), p95: millis(120) }
    }
}

/// The processor a container takes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cpu {
    /// Without any request.
    pub idle: Quantity,
    /// For each request a second.
    pub request: Quantity,
}

impl Default for Cpu {
    fn default() -> Self {
        Self { idle: Quantity::written("20m", 0.02), request: Quantity::written("4m", 0.004) }
    }
}

impl Cpu {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Cores at so many requests a second.
    pub fn at(&self, rps: f64) -> f64 {
        self.idle.value() + self.request.value() * rps
    }
}

/// The memory a container takes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Memory {
    /// When its process starts.
    pub start: Quantity,
    /// How much more each minute.
    pub growth: Quantity,
}

impl Default for Memory {
    fn default() -> Self {
        Self { start: Quantity::written("180Mi", 180.0 * 1024.0 * 1024.0), growth: Quantity::written("0", 0.0) }
    }
}

impl Memory {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes so long after the start of the process.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a rehearsal")]
    pub fn after(&self, millis: i64) -> f64 {
        self.start.value() + self.growth.value() * millis.max(0) as f64 / 60_000.0
    }

    /// How long after its start a process has reached a size; nothing where it never does.
    pub fn reaches(&self, bytes: f64) -> Option<Period> {
        if self.growth.value() <= 0.0 {
            return (self.start.value() > bytes).then_some(Period(Duration::from_secs(1)));
        }
        let minutes = ((bytes - self.start.value()) / self.growth.value()).max(0.02);
        Duration::try_from_secs_f64(minutes * 60.0)
            .ok()
            .map(|length| Period(Duration::from_millis(length.as_millis().try_into().unwrap_or(u64::MAX))))
    }
}
