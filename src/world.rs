//! The simulated world for rehearsals: one Router that answers like a cluster, a
//! Prometheus and the services themselves.
//!
//! It guarantees that the same scenario and the same requests at the same times give
//! the same answers, byte for byte, and that its metrics follow from its cluster: a
//! rollback there cures the error rate here. It knows nothing of sessions and screens;
//! the program reaches it with its ordinary clients, over loopback ([`serve`]) or as a
//! tower service without sockets.
//!
//! Nothing runs in the background. Each request first does what was due until now, and
//! an open watch sleeps until something is due next, so that tokio's clock, paused or
//! not, is all that drives it.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, header};
use axum::response::Response;
use tokio::sync::watch;
use tokio::time::Instant;

pub mod answers;
mod clock;
pub mod expectation;
pub mod period;
pub mod scenario;

mod answer;
mod autoscaling;
mod cluster;
mod core;
mod faults;
mod json;
mod kubernetes;
mod metrics;
mod prometheus;
mod promql;
mod services;

pub use clock::Clock;
pub use core::Message;
pub use expectation::Difference;
pub use scenario::Scenario;

use cluster::{Key, Kind, Millis};
use core::Core;
use json::{text, version_of_image};
use scenario::{CommandAnswer, WorldSpec};

/// What the world takes from the runbook's environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The namespace of everything, unless the scenario names one; `default` where neither does.
    pub namespace: Option<String>,
    /// Hosts at which Prometheus answers. Hosts whose name contains `prometheus` always do.
    pub prometheus: Vec<String>,
    /// Services by host, for hosts whose names do not contain the service's.
    pub services: BTreeMap<String, String>,
}

/// A simulated world. Clones are the same world.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

struct Shared {
    core: Mutex<Core>,
    scenario: Scenario,
    surroundings: Surroundings,
    namespace: String,
    clock: Clock,
    changes: watch::Sender<u64>,
}

impl World {
    /// The world of a scenario, at its start.
    pub fn new(scenario: &Scenario, surroundings: Surroundings, clock: Clock) -> Self {
        let namespace = scenario.world.namespace.clone().or_else(|| surroundings.namespace.clone());
        let namespace = namespace.unwrap_or_else(|| "default".to_owned());
        let core = Core::new(scenario, &namespace, clock.epoch());
        let shared = Shared {
            core: Mutex::new(core),
            scenario: scenario.clone(),
            surroundings,
            namespace,
            clock,
            changes: watch::Sender::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The one Router that answers for everything. A host decides who answers: Prometheus,
    /// a service, or, for loopback, `kubernetes…` and requests without a host, the API
    /// server.
    pub fn router(&self) -> Router {
        Router::new().fallback(handle).with_state(self.clone())
    }

    /// The world's clock.
    pub fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// The namespace everything lives in.
    pub fn namespace(&self) -> &str {
        &self.shared.namespace
    }

    /// Tells the world that a step was entered, for the events that wait for it.
    pub fn step_entered(&self, path: &str) {
        self.change(|core| core.faults.step_entered(path, core.now()));
    }

    /// Tells the world that a step has ended, for the events that wait for it.
    pub fn step_ended(&self, path: &str) {
        self.change(|core| core.faults.step_ended(path, core.now()));
    }

    /// What the `run` or `http` step with this path answers; nothing where the scenario
    /// does not say.
    pub fn command_answer(&self, path: &str) -> Option<CommandAnswer> {
        self.shared.scenario.commands.get(path).cloned()
    }

    /// Whether the disk under the session's journal has no room left just now. The world
    /// writes nothing there itself: whoever rehearses puts a disk under it that asks.
    pub fn disk_is_full(&self) -> bool {
        self.with(|core| core.faults.disk_is_full())
    }

    /// The version in a Deployment's template; nothing where there is no such Deployment.
    pub fn version_of(&self, deployment: &str) -> Option<String> {
        self.with(|core| {
            let key = Key::new(Kind::Deployment, &core.namespace, deployment);
            let image = text(core.cluster.store.get(&key)?, "/spec/template/spec/containers/0/image");
            Some(version_of_image(image).to_owned())
        })
    }

    /// The messages that were sent to webhooks, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.with(|core| core.messages.clone())
    }

    /// Forgets the log of changes, as an API server's store does from time to time: open
    /// watches and those that begin with an older revision are told to list again.
    pub fn compact(&self) {
        self.change(|core| core.cluster.store.compact());
    }

    fn spec(&self) -> &WorldSpec {
        &self.shared.scenario.world
    }

    /// Looks at the world as it is now.
    fn with<T>(&self, look: impl FnOnce(&mut Core) -> T) -> T {
        // A panic elsewhere must not take the other watchers with it.
        let mut core = self.shared.core.lock().unwrap_or_else(PoisonError::into_inner);
        core.advance(self.shared.clock.elapsed());
        look(&mut core)
    }

    /// Changes the world and wakes those who wait for something to happen.
    fn change<T>(&self, act: impl FnOnce(&mut Core) -> T) -> T {
        let result = self.with(|core| {
            let result = act(core);
            core.advance(core.now());
            result
        });
        self.shared.changes.send_modify(|count| *count += 1);
        result
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    fn instant(&self, at: Millis) -> Instant {
        self.shared.clock.instant(at)
    }

    /// Sleeps for a length of the world's time.
    async fn sleep(&self, length: Millis) {
        let until = self.shared.clock.elapsed() + length;
        tokio::time::sleep_until(self.instant(until)).await;
    }

    /// Waits until something holds.
    async fn until(&self, holds: impl Fn(&Core) -> bool) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            let (done, due) = self.with(|core| (holds(core), core.next_due()));
            if done {
                return;
            }
            let due = async {
                match due {
                    Some(due) => tokio::time::sleep_until(self.instant(due)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                _ = changes.changed() => {}
                () = due => {}
            }
        }
    }

    /// The service that answers at a host: the one that names it, else the longest one
    /// whose name is part of it, else the only one there is.
    fn service_at(&self, host: &str) -> Option<String> {
        let services = &self.spec().services;
        if let Some(service) = self.shared.surroundings.services.get(host) {
            return Some(service.clone());
        }
        let named = services.iter().find(|(_, service)| service.hosts.iter().any(|one| one == host)).map(|(name, _)| name);
        let alike = || services.keys().filter(|name| host.contains(name.as_str())).max_by_key(|name| name.len());
        let only = || if services.len() == 1 { services.keys().next() } else { None };
        named.or_else(alike).or_else(only).cloned()
    }

    fn is_prometheus(&self, host: &str) -> bool {
        host.contains("prometheus") || self.shared.surroundings.prometheus.iter().any(|one| one == host)
    }
}

/// The host a request is for, without its port; empty where it names none.
fn host_of(request: &Request<Body>) -> String {
    let header = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = header.or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

fn is_api_server(host: &str) -> bool {
    matches!(host, "" | "localhost" | "::1") || host.starts_with("127.") || host.starts_with("kubernetes")
}

async fn handle(State(world): State<World>, request: Request<Body>) -> Response {
    if world.with(|core| core.faults.network_is_cut()) {
        // Packets are lost: whoever waits long enough is answered when the network is back.
        world.until(|core| !core.faults.network_is_cut()).await;
    }
    let host = host_of(&request);
    // At loopback one address serves both APIs; their paths do not collide.
    if world.is_prometheus(&host) || (is_api_server(&host) && prometheus::is_path(request.uri().path())) {
        prometheus::serve(&world, request).await
    } else if is_api_server(&host) {
        kubernetes::serve(&world, request).await
    } else {
        services::serve(&world, &host, request).await
    }
}

/// Serves a Router on a free port of the loopback address until the returned future,
/// which has to be polled or spawned, is dropped.
///
/// # Errors
/// No socket could be opened.
pub async fn serve(router: Router) -> std::io::Result<(SocketAddr, impl Future<Output = std::io::Result<()>> + Send)> {
    serve_at(router, SocketAddr::from(([127, 0, 0, 1], 0))).await
}

/// The same at an address.
///
/// # Errors
/// No socket could be opened there.
pub async fn serve_at(
    router: Router,
    address: SocketAddr,
) -> std::io::Result<(SocketAddr, impl Future<Output = std::io::Result<()>> + Send)> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok((address, async move { axum::serve(listener, router).await }))
}
