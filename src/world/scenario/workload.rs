//! What runs at the start: workloads and what scales them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::Name;
use super::quantity::Quantity;

/// A Deployment, StatefulSet or DaemonSet as it is at the start.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// The image of its container.
    pub image: String,
    /// How many pods.
    #[serde(default = "one")]
    pub replicas: u32,
    /// The container's name.
    #[serde(default = "default_container")]
    pub container: String,
    /// Further labels of its pods. `app`, the name of its service, is always there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What its container asks for.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub requests: Resources,
    /// What its container may take at most.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub limits: Resources,
    /// Whose it is: the owner of its fields, whom an apply by somebody else conflicts with.
    /// Nobody's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
}

fn one() -> u32 {
    1
}

fn default_container() -> String {
    "app".to_owned()
}

/// An amount of processor and memory.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Cores (`250m`, `1`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Bytes (`256Mi`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

impl Resources {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.cpu.is_none() && self.memory.is_none()
    }
}

/// An autoscaler as it is at the start.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoscalerSpec {
    /// The Deployment or StatefulSet it scales.
    pub target: Name,
    /// How many pods at least.
    #[serde(default = "one")]
    pub min: u32,
    /// How many pods at most.
    pub max: u32,
    /// How busy the pods should be on the mean, percent of the processor they ask for.
    #[schemars(range(min = 1, max = 1000))]
    pub cpu: u32,
}
