//! The scenario file: a world to rehearse in, what goes wrong in it, and what is
//! expected to come out.
//!
//! Plain data as written, read with [`read`](Scenario::read), which refuses unknown
//! keys and names that lead nowhere, each with its place in the file. Steps and guards
//! are named by the runbook, which this module does not know: whether they exist is
//! checked where both are at hand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answers::Answers;
use super::period::Period;
use crate::runbook::Value;

mod behaviour;
mod event;
mod name;
mod quantity;
mod read;
mod route;
mod workload;

pub use behaviour::{Behaviour, Cpu, Latency, Memory};
pub use event::{ApiFault, Event, Fault, Forbidden, HealthFault, KillPod, PrometheusFault, SetImage, Trigger};
pub use name::Name;
pub use quantity::Quantity;
pub use read::ScenarioError;
pub use route::Route;
pub use workload::{AutoscalerSpec, Resources, WorkloadSpec};

/// A whole scenario file.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of the format: 1.
    #[serde(rename = "pacenote-scenario")]
    #[schemars(range(min = 1, max = 1))]
    pub format: u32,
    /// Its id; lower-case letters, digits, dashes and underscores.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]*$"))]
    pub scenario: Name,
    /// The runbook it belongs to, as a path beside this file.
    pub runbook: String,
    /// The runbook's environment it is played in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// Values of the runbook's inputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub inputs: BTreeMap<String, Value>,
    /// Where all chance comes from: the same seed gives the same walk.
    #[serde(default)]
    pub seed: u64,
    /// What there is.
    #[serde(default)]
    pub world: WorldSpec,
    /// What goes wrong, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// What `run` and `http` steps answer, by step path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, CommandAnswer>,
    /// Who approves, by path of the `approve` step.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub approvals: BTreeMap<String, SimulatedApproval>,
    /// What the operator answers where nobody sits at the keyboard.
    #[serde(default)]
    pub answers: Answers,
    /// How the operator behaves where nobody sits at the keyboard.
    #[serde(default)]
    pub operator: Operator,
    /// What must come out.
    #[serde(default)]
    pub expect: Expect,
    /// How fast a good walk is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub par: Option<Par>,
}

/// What there is: services, and the Deployments they run as.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorldSpec {
    /// The namespace of everything; the one of the runbook's environment where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The services, by name.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceSpec>,
    /// The Deployments, by name.
    #[serde(default)]
    pub deployments: BTreeMap<String, WorkloadSpec>,
    /// The StatefulSets, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statefulsets: BTreeMap<String, WorkloadSpec>,
    /// The DaemonSets, by name; they have a pod on each node, whatever `replicas` says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub daemonsets: BTreeMap<String, WorkloadSpec>,
    /// The autoscalers, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub autoscalers: BTreeMap<String, AutoscalerSpec>,
    /// Further objects as manifests have them: ConfigMaps, Secrets, Jobs, Leases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<serde_json::Value>,
    /// How images behave that are no version of a service, by image with or without its
    /// tag. What is not here runs for ever and does no harm; in a Job it ends well after
    /// five seconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, Behaviour>,
    /// How many nodes there are, `node-1` and so on.
    #[serde(default = "default_nodes")]
    #[schemars(range(min = 1, max = 100))]
    pub nodes: u32,
}

fn default_nodes() -> u32 {
    3
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            namespace: None,
            services: BTreeMap::new(),
            deployments: BTreeMap::new(),
            statefulsets: BTreeMap::new(),
            daemonsets: BTreeMap::new(),
            autoscalers: BTreeMap::new(),
            objects: Vec::new(),
            images: BTreeMap::new(),
            nodes: default_nodes(),
        }
    }
}

impl WorldSpec {
    /// Whether there is a workload of a name, of any kind.
    pub fn has_workload(&self, name: &str) -> bool {
        self.workloads().any(|(known, _)| known == name)
    }

    /// All workloads: Deployments, StatefulSets, DaemonSets.
    pub fn workloads(&self) -> impl Iterator<Item = (&String, &WorkloadSpec)> {
        self.deployments.iter().chain(&self.statefulsets).chain(&self.daemonsets)
    }
}

/// A service: its traffic, and how its versions behave.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Requests a second.
    #[schemars(range(min = 0.0))]
    pub rps: f64,
    /// How requests find pods; over the Deployment of the service's own name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Host names of its health endpoint; any host that contains the service's name where
    /// absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// How each version behaves, by image tag. An image whose tag is not here does not exist.
    pub versions: BTreeMap<String, Behaviour>,
}

/// What a `run` or `http` step answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandAnswer {
    /// What it writes.
    #[serde(default)]
    pub stdout: String,
    /// What it writes to standard error.
    #[serde(default)]
    pub stderr: String,
    /// Its exit code.
    #[serde(default)]
    pub exit: i32,
    /// How long it takes.
    #[serde(default)]
    pub takes: Period,
    /// The status of an `http` step; its body is `stdout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 599))]
    pub status: Option<u16>,
}

/// An approval that a rehearsal gives itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulatedApproval {
    /// Who approves.
    pub by: String,
    /// How long after being asked.
    #[serde(default)]
    pub after: Period,
}

/// How the operator behaves where nobody sits at the keyboard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// From a question to its answer.
    #[serde(default)]
    pub reacts_after: Period,
}

/// What must come out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// How the session ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ExpectedOutcome>,
    /// What the sentence it stops with says, for the outcome `stopped`; a part of it is
    /// enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The steps of the main list that are walked, in order, then procedures entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<String>>,
    /// The guards that trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guards: Option<Vec<String>>,
    /// How the world is in the end, by Deployment or service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub world: BTreeMap<String, ExpectedState>,
    /// How long the walk takes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedOutcome {
    /// Every step was walked.
    Completed,
    /// It was rolled back.
    RolledBack,
    /// The rollback itself failed.
    RollbackFailed,
    /// It was ended in the middle.
    Aborted,
    /// Nobody went on with it.
    Abandoned,
    /// It stopped before its end, because its journal could not be written, and is not
    /// closed: it can be resumed.
    Stopped,
}

impl ExpectedOutcome {
    /// The word of the format.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
            Self::Stopped => "stopped",
        }
    }
}

/// How a Deployment is in the end; only what is named is compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedState {
    /// The version in its template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many pods it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// How many of its pods are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<u32>,
    /// Its share of its service's traffic, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// How fast a good walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Par {
    /// From the fault to the first look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Period>,
    /// From there to a decision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide: Option<Period>,
    /// From there to a healthy service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover: Option<Period>,
}

/// The JSON schema of scenario files, as `assets/scenario.schema.json` keeps it.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Scenario);
    schema.insert("title".to_owned(), "pacenote scenario".into());
    schema.to_value()
}

impl ServiceSpec {
    /// The Deployments that serve it by name. Empty where labels decide.
    pub fn deployments<'a>(&'a self, own: &'a str) -> Vec<&'a str> {
        match &self.route {
            None => vec![own],
            Some(Route::Weights { stable, canary, .. }) => vec![stable.as_str(), canary.as_str()],
            Some(Route::Replicas(names)) => names.iter().map(Name::as_str).collect(),
            Some(Route::Selector(_)) => Vec::new(),
        }
    }
}
