//! What goes wrong: one trigger and one fault.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::name::Name;
use crate::world::period::Period;

/// Something that happens to the world.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
pub struct Event {
    /// When.
    pub trigger: Trigger,
    /// How long after the trigger.
    pub delay: Period,
    /// What.
    pub fault: Fault,
    /// For how long; to the end where absent (or to the end of the step of `during`).
    pub lasts: Option<Period>,
    /// Up to so much later, as chance has it.
    pub jitter: Period,
    /// Whether it happens at all, percent, as chance has it.
    pub chance: u8,
}

/// When something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// So long after the start.
    At(Period),
    /// When a step has ended, by path.
    After(String),
    /// When a step is entered, by path; it ends with the step.
    During(String),
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The Prometheus server.
    Prometheus(PrometheusFault),
    /// The health endpoints of one service, or of all.
    Health(HealthFault, Option<Name>),
    /// The Kubernetes API server.
    Kubernetes(ApiFault),
    /// Pods are deleted.
    KillPod(KillPod),
    /// Somebody else deploys in the middle.
    SetImage(SetImage),
    /// A permission is withdrawn.
    Forbid(Forbidden),
    /// A node is lost, by name: what runs there no longer answers.
    NodeLost(String),
    /// The login to the cluster has expired: every request to it is answered 401.
    LoginExpired,
    /// Nothing answers, neither the cluster nor Prometheus nor a service.
    NetworkCut,
    /// The disk under the session's journal has no room left.
    DiskFull,
}

/// How a login fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LoginFault {
    /// The API server answers 401 to everything.
    Expired,
}

/// How the network fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NetworkFault {
    /// Requests get no answer until it is over.
    Cut,
}

/// How the disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum DiskFault {
    /// No room is left; what is removed meanwhile can be written again.
    Full,
}

/// How Prometheus fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrometheusFault {
    /// The proxy before it answers 502, and nothing is scraped: the graph gets a gap.
    Down,
    /// It takes the request and does not answer until the fault is over.
    Hang,
}

/// How health endpoints fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthFault {
    /// The proxy before it answers 503.
    Down,
    /// It takes the request and does not answer until the fault is over.
    Hang,
}

/// How the Kubernetes API server fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApiFault {
    /// Every request is answered 503, and watches are cut.
    Down,
    /// Every request takes so long.
    Slow(Period),
}

/// Which pods are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KillPod {
    /// A label selector (`app=checkout`).
    pub selector: String,
    /// How many, ready ones first.
    #[serde(default = "one")]
    pub count: u32,
}

fn one() -> u32 {
    1
}

/// A deploy by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetImage {
    /// The Deployment.
    pub deployment: Name,
    /// The container; the first where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The image.
    pub image: String,
    /// Who it is, as the owner of the fields they change.
    #[serde(default = "somebody")]
    pub manager: String,
}

fn somebody() -> String {
    "another-deploy".to_owned()
}

/// What is refused with 403.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forbidden {
    /// The verbs (`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`); all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verbs: Vec<String>,
    /// The resources by plural (`deployments`, `virtualservices`); all where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Objects, by name, that are not refused all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// An event as it is written: one key says when, one says what.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Event")]
struct Written {
    /// So long after the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Period>,
    /// When the step with this path has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// While the step with this path is walked.
    #[serde(skip_serializing_if = "Option::is_none")]
    during: Option<String>,
    /// So long after `after` or `during`.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Period>,
    /// Up to so much later, as chance has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    jitter: Option<Period>,
    /// Whether it happens at all, percent, as chance has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    chance: Option<u8>,
    /// For how long.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    lasts: Option<Period>,
    /// Prometheus fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    prometheus: Option<PrometheusFault>,
    /// Health endpoints fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<HealthFault>,
    /// Only those of this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<Name>,
    /// The Kubernetes API server fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes: Option<ApiFault>,
    /// Pods are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    kill_pod: Option<KillPod>,
    /// Somebody else deploys.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_image: Option<SetImage>,
    /// A permission is withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    forbid: Option<Forbidden>,
    /// This node is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_lost: Option<String>,
    /// The login to the cluster fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<LoginFault>,
    /// The network fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<NetworkFault>,
    /// The disk under the session's journal fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<DiskFault>,
}

/// What is wrong with an event.
#[derive(Debug, thiserror::Error)]
enum Unclear {
    #[error("an event wants exactly one of `at`, `after` and `during`, to say when it happens")]
    When,
    #[error(
        "an event wants exactly one of `prometheus`, `health`, `kubernetes`, `kill_pod`, `set_image`, `forbid`, `node_lost`, `login`, `network` and `disk`, to say what happens"
    )]
    What,
    #[error("`delay` goes with `after` and `during`; with `at` the time is already given")]
    Delay,
    #[error("`service` goes with `health`")]
    Service,
    #[error("`chance` is a percentage from 1 to 100")]
    Chance,
    #[error("`for` does not go with `kill_pod` and `set_image`: they happen once")]
    Once,
}

impl TryFrom<Written> for Event {
    type Error = Unclear;

    fn try_from(written: Written) -> Result<Self, Unclear> {
        if written.delay.is_some() && written.at.is_some() {
            return Err(Unclear::Delay);
        }
        if written.service.is_some() && written.health.is_none() {
            return Err(Unclear::Service);
        }
        if written.lasts.is_some() && (written.kill_pod.is_some() || written.set_image.is_some()) {
            return Err(Unclear::Once);
        }
        let chance = written.chance.unwrap_or(100);
        if !(1..=100).contains(&chance) {
            return Err(Unclear::Chance);
        }
        let triggers = [written.at.map(Trigger::At), written.after.map(Trigger::After), written.during.map(Trigger::During)];
        let service = written.service;
        let faults = [
            written.prometheus.map(Fault::Prometheus),
            written.health.map(|health| Fault::Health(health, service)),
            written.kubernetes.map(Fault::Kubernetes),
            written.kill_pod.map(Fault::KillPod),
            written.set_image.map(Fault::SetImage),
            written.forbid.map(Fault::Forbid),
            written.node_lost.map(Fault::NodeLost),
            written.login.map(|LoginFault::Expired| Fault::LoginExpired),
            written.network.map(|NetworkFault::Cut| Fault::NetworkCut),
            written.disk.map(|DiskFault::Full| Fault::DiskFull),
        ];
        Ok(Event {
            trigger: only(triggers).ok_or(Unclear::When)?,
            fault: only(faults).ok_or(Unclear::What)?,
            delay: written.delay.unwrap_or_default(),
            lasts: written.lasts,
            jitter: written.jitter.unwrap_or_default(),
            chance,
        })
    }
}

/// The one that is there; nothing where there is none or more than one.
fn only<T>(options: impl IntoIterator<Item = Option<T>>) -> Option<T> {
    let mut there = options.into_iter().flatten();
    let first = there.next()?;
    there.next().is_none().then_some(first)
}

impl From<Event> for Written {
    fn from(event: Event) -> Self {
        let mut written = Written { lasts: event.lasts, ..Written::default() };
        written.jitter = (event.jitter != Period::default()).then_some(event.jitter);
        written.chance = (event.chance != 100).then_some(event.chance);
        written.delay = (event.delay != Period::default()).then_some(event.delay);
        match event.trigger {
            Trigger::At(period) => written.at = Some(period),
            Trigger::After(path) => written.after = Some(path),
            Trigger::During(path) => written.during = Some(path),
        }
        match event.fault {
            Fault::Prometheus(fault) => written.prometheus = Some(fault),
            Fault::Health(fault, service) => (written.health, written.service) = (Some(fault), service),
            Fault::Kubernetes(fault) => written.kubernetes = Some(fault),
            Fault::KillPod(kill) => written.kill_pod = Some(kill),
            Fault::SetImage(image) => written.set_image = Some(image),
            Fault::Forbid(forbidden) => written.forbid = Some(forbidden),
            Fault::NodeLost(node) => written.node_lost = Some(node),
            Fault::LoginExpired => written.login = Some(LoginFault::Expired),
            Fault::NetworkCut => written.network = Some(NetworkFault::Cut),
            Fault::DiskFull => written.disk = Some(DiskFault::Full),
        }
        written
    }
}
