//! How the world is watched: every signal becomes readings for the session and updates
//! for the panels.
//!
//! One task watches one signal. It never waits for whoever takes its messages: bursts
//! are put together, at most about ten messages a second come from one signal, and what
//! is older than what followed it is left out. It never gives up either: a source that
//! is gone is asked again, ever more slowly, and what happened meanwhile is fetched
//! where the source keeps history.
//!
//! What a reading means is decided elsewhere. A reading here says what came, when it was
//! asked for, and, where there is no value, why not and whether the source could be
//! reached at all; a value that is not one finite number of one series is never made up.
//!
//! Texts in readings, in [`SourceState`](crate::live::SourceState) and in pod rows come
//! from outside. They are on one line and without control characters; secrets are taken
//! out of them by whoever turns them into a message.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::live::{BaselineSpan, PanelKind, PanelSpec, Update};
use crate::ports::{Cluster, HttpAnswer, HttpCall, HttpFailure, HttpPort};
use crate::runbook::model::Capture;
use crate::session::reading::Reading;

pub mod command;
pub mod http;
pub mod pods;
pub mod prometheus;
pub mod rollout;

mod api;
mod events;
mod logs;
mod outbox;
mod poll;
mod resources;
mod source;
mod text;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use command::{AskCommand, CommandAnswer, CommandOutput};
pub use http::HttpTarget;
pub use prometheus::poll::PrometheusQuery;
pub use rollout::Workload;

/// Where wall time comes from.
pub type WallClock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A signal with every expression in it worked out.
#[derive(Debug, Clone)]
pub struct ResolvedSignal {
    /// Name, `signals.<name>`.
    pub name: String,
    /// Heading of the panel.
    pub title: String,
    /// Time between readings.
    pub every: Duration,
    /// How long one reading may take.
    pub timeout: Duration,
    /// How much history the panel shows.
    pub window: Duration,
    /// Unit of the value, for people.
    pub unit: String,
    /// From here on the value is worth a look.
    pub warn: Option<f64>,
    /// From here on the value is bad.
    pub critical: Option<f64>,
    /// The time the baseline is the mean of.
    pub baseline: Option<BaselineSpan>,
    /// Value of an empty result. Absent: no data.
    pub empty: Option<f64>,
    /// How many seconds of the session pass in one: more than 1 in a rehearsal that runs
    /// faster than life.
    pub pace: f64,
    /// What is watched.
    pub source: ResolvedSource,
}

impl ResolvedSignal {
    /// How long to wait for a time of the session to pass.
    pub(crate) fn pause(&self, session: Duration) -> Duration {
        if self.pace > 1.0 { session.div_f64(self.pace) } else { session }
    }
}

/// What a signal watches.
#[derive(Debug, Clone)]
pub enum ResolvedSource {
    /// The pods of a label selector, in the session's namespace.
    Pods {
        /// Kubernetes label selector; empty: all pods of the namespace.
        selector: String,
    },
    /// An HTTP endpoint.
    Http(HttpTarget),
    /// A query that gives one series.
    Prometheus(PrometheusQuery),
    /// The rollout of a workload.
    Rollout {
        /// Its kind.
        workload: Workload,
        /// Its name.
        name: String,
    },
    /// CPU and memory of a label selector's pods.
    Resources {
        /// Kubernetes label selector.
        selector: String,
    },
    /// Events of the namespace, or of a label selector's objects.
    Events {
        /// Kubernetes label selector.
        selector: Option<String>,
    },
    /// Logs of a label selector's pods.
    Logs {
        /// Kubernetes label selector.
        selector: String,
        /// Only this container of each pod.
        container: Option<String>,
    },
    /// A command that only reads.
    Command {
        /// The command and its arguments.
        command: Vec<String>,
        /// How the value is taken from what it prints; all of it where absent.
        value: Option<Capture>,
    },
}

/// A header of a request. Its value is not shown by `Debug`.
#[derive(Clone)]
pub struct Header {
    /// Name.
    pub name: String,
    /// Value, secrets filled in.
    pub value: String,
    /// Whether the value is a secret: then it goes over https only, outside loopback.
    pub secret: bool,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).field("secret", &self.secret).finish_non_exhaustive()
    }
}

/// The way HTTP requests go: [`HttpPort`], or what a test puts in its place.
pub trait HttpSend: Clone + Send + Sync + 'static {
    /// Sends one request and takes the whole answer, once.
    fn send(&self, call: HttpCall) -> impl Future<Output = Result<HttpAnswer, HttpFailure>> + Send;
}

impl HttpSend for HttpPort {
    fn send(&self, call: HttpCall) -> impl Future<Output = Result<HttpAnswer, HttpFailure>> + Send {
        Self::send(self, call)
    }
}

/// The ways to the world.
#[derive(Clone)]
pub struct SignalPorts<H> {
    /// To HTTP endpoints and Prometheus.
    pub http: H,
    /// To the cluster, where the environment has one.
    pub kube: Option<KubeTarget>,
    /// Who runs commands, where any may be run.
    pub commands: Option<Arc<dyn AskCommand>>,
    /// Wall time. Everything that waits waits by tokio's clock.
    pub clock: WallClock,
}

/// The cluster, and the namespace everything is in.
#[derive(Clone)]
pub struct KubeTarget {
    /// The client.
    pub client: kube::Client,
    /// The namespace.
    pub namespace: String,
}

impl From<&Cluster> for KubeTarget {
    /// The same cluster that effects use, in the same namespace.
    fn from(cluster: &Cluster) -> Self {
        Self { client: cluster.client.clone(), namespace: cluster.namespace.clone() }
    }
}

/// What a signal's task sends: changes for the panels and, where there is one, a reading.
#[derive(Debug, Clone)]
pub struct SignalMessage {
    /// To be applied in this order.
    pub updates: Vec<Update>,
    /// The signal's name and its latest reading.
    pub reading: Option<(String, Reading)>,
}

/// Why signals cannot be watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A command where none may be run.
    #[error("signal `{0}` is a command, and nothing here may run one")]
    NoCommands(String),
    /// Something in a cluster without one.
    #[error(
        "signal `{0}` watches a cluster, and the environment has no `kubernetes`; name its context and namespace in the runbook"
    )]
    NoCluster(String),
    /// An address that is none.
    #[error("signal `{name}`: `{url}` is not an address: {why}; it must begin with http:// or https://")]
    Address {
        /// The signal's name.
        name: String,
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The running tasks. Dropped, it ends them.
#[derive(Debug)]
pub struct Watching {
    tasks: JoinSet<()>,
}

impl Watching {
    /// Ends all tasks and waits until they have ended.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Checks that each of the signals can be watched through these ports.
///
/// # Errors
/// With every signal that cannot.
pub fn check<H>(signals: &[ResolvedSignal], ports: &SignalPorts<H>) -> Result<(), Vec<StartError>> {
    let address = |name: &String, url: &String| {
        match url::Url::parse(url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => None,
            Ok(parsed) => Some(format!("its scheme is {}", parsed.scheme())),
            Err(error) => Some(error.to_string()),
        }
        .map(|why| StartError::Address { name: name.clone(), url: url.clone(), why })
    };
    let errors = signals.iter().filter_map(|signal| match &signal.source {
        ResolvedSource::Command { .. } => ports.commands.is_none().then(|| StartError::NoCommands(signal.name.clone())),
        ResolvedSource::Pods { .. }
        | ResolvedSource::Rollout { .. }
        | ResolvedSource::Resources { .. }
        | ResolvedSource::Events { .. }
        | ResolvedSource::Logs { .. } => ports.kube.is_none().then(|| StartError::NoCluster(signal.name.clone())),
        ResolvedSource::Http(target) => address(&signal.name, &target.url),
        ResolvedSource::Prometheus(target) => address(&signal.name, &target.url),
    });
    let errors: Vec<_> = errors.collect();
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Starts to watch the signals: one task each on the current runtime, which send to `tx`
/// until the handle is dropped or nobody receives.
///
/// # Errors
/// When one of them cannot be watched; then none is.
pub fn start<H: HttpSend>(
    signals: Vec<ResolvedSignal>,
    ports: &SignalPorts<H>,
    tx: &mpsc::Sender<SignalMessage>,
) -> Result<Watching, Vec<StartError>> {
    check(&signals, ports)?;
    let mut tasks = JoinSet::new();
    for signal in signals {
        let (tx, clock) = (tx.clone(), Arc::clone(&ports.clock));
        match (signal.source.clone(), ports.kube.clone()) {
            (ResolvedSource::Pods { selector }, Some(kube)) => {
                tasks.spawn(pods::watch(signal, selector, kube, clock, tx));
            }
            (ResolvedSource::Http(target), _) => {
                tasks.spawn(http::poll(signal, target, ports.http.clone(), clock, tx));
            }
            (ResolvedSource::Prometheus(target), _) => {
                tasks.spawn(prometheus::poll::poll(signal, target, ports.http.clone(), clock, tx));
            }
            (ResolvedSource::Command { command, value }, _) => {
                let Some(runner) = ports.commands.clone() else { continue };
                let (name, unit, limits) = (signal.name.clone(), signal.unit.clone(), (signal.warn, signal.critical));
                let (timeout, past) = (signal.timeout, VecDeque::new());
                let asked = command::Command { name, command, value, unit, limits, timeout, runner, past };
                tasks.spawn(poll::poll(signal.clone(), signal.every, asked, clock, tx));
            }
            (source, Some(kube)) => asked_of_cluster(&mut tasks, signal, source, kube, clock, tx),
            // Refused by `check`.
            (_, None) => {}
        }
    }
    Ok(Watching { tasks })
}

/// Logs are asked for so often, as a reader waits for them.
const LOGS_EVERY: Duration = Duration::from_secs(2);

/// Starts to ask the cluster again and again.
fn asked_of_cluster(
    tasks: &mut JoinSet<()>,
    signal: ResolvedSignal,
    source: ResolvedSource,
    kube: KubeTarget,
    clock: WallClock,
    tx: mpsc::Sender<SignalMessage>,
) {
    let (api, every) = (api::Api::new(kube, signal.timeout), signal.every);
    match source {
        ResolvedSource::Rollout { workload, name } => {
            let asked = rollout::Rollout { api, workload, name, uid: None, deadline: rollout::Deadline::default() };
            tasks.spawn(poll::poll(signal, every, asked, clock, tx));
        }
        ResolvedSource::Resources { selector } => {
            let asked = resources::Resources { api, selector, warn: signal.warn, critical: signal.critical };
            tasks.spawn(poll::poll(signal, every, asked, clock, tx));
        }
        ResolvedSource::Events { selector } => {
            let asked = events::Events { api, selector, names: BTreeSet::new() };
            tasks.spawn(poll::poll(signal, every, asked, clock, tx));
        }
        ResolvedSource::Logs { selector, container } => {
            let asked = logs::Logs { api, selector, container, seen: BTreeMap::new() };
            tasks.spawn(poll::poll(signal, every.min(LOGS_EVERY), asked, clock, tx));
        }
        // Started by `start`, each in its own way.
        ResolvedSource::Pods { .. }
        | ResolvedSource::Http(_)
        | ResolvedSource::Prometheus(_)
        | ResolvedSource::Command { .. } => {}
    }
}

impl ResolvedSignal {
    /// The panel that shows the signal.
    pub fn panel(&self) -> PanelSpec {
        let kind = match &self.source {
            ResolvedSource::Pods { selector } => PanelKind::Pods { selector: selector.clone() },
            ResolvedSource::Http(target) => PanelKind::Health { url: target.url.clone() },
            ResolvedSource::Prometheus(target) => PanelKind::Graph {
                query: target.query.clone(),
                unit: self.unit.clone(),
                warn: self.warn,
                critical: self.critical,
                window_ms: millis(self.window),
                baseline_over: self.baseline,
            },
            ResolvedSource::Rollout { workload, name } => PanelKind::Table { about: format!("{}/{name}", workload.kind()) },
            ResolvedSource::Resources { selector } => PanelKind::Table { about: selector.clone() },
            ResolvedSource::Events { selector } => PanelKind::Table { about: selector.clone().unwrap_or_default() },
            ResolvedSource::Logs { selector, .. } => PanelKind::Logs { about: selector.clone() },
            ResolvedSource::Command { command, .. } => PanelKind::Table { about: command.join(" ") },
        };
        PanelSpec { name: self.name.clone(), title: self.title.clone(), every_ms: millis(self.every), kind }
    }
}

/// A reading without a value: why, and whether the source could not be reached.
fn no_reading(taken: DateTime<Utc>, failures: u32, problem: String, unreachable: bool) -> Reading {
    let members = BTreeMap::new();
    Reading { taken, ok: Some(false), failures, members, problem: Some(problem), unreachable, detail: Vec::new() }
}

/// Whether a failure says that the source could not be reached, as opposed to an answer
/// that is wrong or a request that we refuse to send.
fn is_unreachable(failure: &HttpFailure) -> bool {
    !matches!(failure, HttpFailure::TooLarge(_) | HttpFailure::Refused(_))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
