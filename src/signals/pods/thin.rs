//! The parts of a Pod that are shown, and nothing else.
//!
//! A whole Pod costs several times the memory and time to decode. What a server leaves
//! out or sends as null is empty here, so that one odd pod never hides all the others.

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Deserializer};

/// A Pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ThinPod {
    #[serde(deserialize_with = "nullable")]
    pub(super) metadata: Meta,
    #[serde(deserialize_with = "nullable")]
    pub(super) spec: Spec,
    #[serde(deserialize_with = "nullable")]
    pub(super) status: Status,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Meta {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) resource_version: String,
    #[serde(deserialize_with = "time")]
    pub(super) creation_timestamp: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "time")]
    pub(super) deletion_timestamp: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) labels: Labels,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Labels {
    #[serde(rename = "pod-template-hash")]
    pub(super) pod_template_hash: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(deserialize_with = "nullable")]
    pub(super) containers: Vec<Container>,
    #[serde(deserialize_with = "nullable")]
    pub(super) init_containers: Vec<Container>,
    pub(super) node_name: Option<String>,
    pub(super) restart_policy: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Container {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) image: Option<String>,
    pub(super) restart_policy: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(deserialize_with = "nullable")]
    pub(super) phase: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) reason: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable")]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable")]
    pub(super) container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(super) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) status: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) reason: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) ready: bool,
    pub(super) started: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(super) restart_count: i64,
    #[serde(deserialize_with = "nullable")]
    pub(super) state: State,
    #[serde(deserialize_with = "nullable")]
    pub(super) last_state: State,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) waiting: Option<Waiting>,
    pub(super) running: Option<Running>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    #[serde(deserialize_with = "nullable")]
    pub(super) reason: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Running {}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Terminated {
    #[serde(deserialize_with = "nullable")]
    pub(super) reason: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) exit_code: i64,
    #[serde(deserialize_with = "nullable")]
    pub(super) signal: i64,
    #[serde(deserialize_with = "time")]
    pub(super) finished_at: Option<DateTime<Utc>>,
}

/// One page of a list of pods.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodList {
    pub(super) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) metadata: ListMeta,
    #[serde(deserialize_with = "nullable")]
    pub(super) items: Vec<ThinPod>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListMeta {
    #[serde(deserialize_with = "nullable")]
    pub(super) resource_version: String,
    #[serde(rename = "continue", deserialize_with = "nullable")]
    pub(super) continue_token: String,
}

fn nullable<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A time; null and the year 1, which is how a Go server writes "never", are none.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let time = Option::<DateTime<Utc>>::deserialize(deserializer)?;
    Ok(time.filter(|time| time.year() > 1))
}
