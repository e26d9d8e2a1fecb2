//! What `kubectl get pods` would print about a pod.
//!
//! The rules are those of the API server's own table printer, order included: a later
//! finding replaces an earlier one. They are checked against tables that a real API
//! server printed (`tests/fixtures/conformance/pods.jsonl`).

use chrono::{DateTime, Utc};

use super::thin::{ContainerStatus, State, Terminated, ThinPod};
use crate::live::PodRow;

/// Reasons to wait that go away by themselves.
const HARMLESS_WAITS: [&str; 3] = ["", "ContainerCreating", "PodInitializing"];

/// The pod's row.
pub(super) fn row(pod: &ThinPod) -> PodRow {
    let columns = Columns::of(pod);
    PodRow {
        name: pod.metadata.name.clone(),
        ready: columns.ready,
        total: columns.total,
        status: columns.reason,
        restarts: columns.restarts.restarts(),
        last_restart: columns.restarts.last,
        created: pod.metadata.creation_timestamp,
        last_termination: last_termination(pod),
        node: pod.spec.node_name.clone(),
        template_hash: pod.metadata.labels.pod_template_hash.clone(),
        image: pod.spec.containers.first().and_then(|container| container.image.clone()),
        is_ready: condition(pod, "Ready"),
        crashing: crashing(pod),
    }
}

/// The columns while they are worked out.
struct Columns {
    ready: u32,
    total: u32,
    reason: String,
    restarts: Restarts,
}

/// Restarts added up, with the time of the latest.
#[derive(Default, Clone, Copy)]
struct Restarts {
    count: i64,
    last: Option<DateTime<Utc>>,
}

impl Restarts {
    fn add(&mut self, container: &ContainerStatus) {
        self.count = self.count.saturating_add(container.restart_count);
        let ended = container.last_state.terminated.as_ref().and_then(|ended| ended.finished_at);
        // `None` is less than any time.
        self.last = self.last.max(ended);
    }

    fn restarts(self) -> u32 {
        u32::try_from(self.count.max(0)).unwrap_or(u32::MAX)
    }
}

impl Columns {
    fn of(pod: &ThinPod) -> Self {
        let sidecars = pod.spec.init_containers.iter().filter(|c| c.restart_policy.as_deref() == Some("Always")).count();
        let mut columns = Self {
            ready: 0,
            total: u32::try_from(pod.spec.containers.len() + sidecars).unwrap_or(u32::MAX),
            reason: if pod.status.reason.is_empty() { pod.status.phase.clone() } else { pod.status.reason.clone() },
            restarts: Restarts::default(),
        };
        if pod.status.conditions.iter().any(|c| c.kind == "PodScheduled" && c.reason == "SchedulingGated") {
            "SchedulingGated".clone_into(&mut columns.reason);
        }
        let (initializing, sidecars) = columns.walk_init_containers(pod);
        if !initializing || condition(pod, "Initialized") {
            columns.restarts = sidecars;
            columns.walk_containers(pod);
        }
        if pod.metadata.deletion_timestamp.is_some() {
            if pod.status.reason == "NodeLost" {
                "Unknown".clone_into(&mut columns.reason);
            } else if !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed") {
                "Terminating".clone_into(&mut columns.reason);
            }
        }
        columns
    }

    /// Whether the pod is still initializing, and the restarts of its sidecars.
    fn walk_init_containers(&mut self, pod: &ThinPod) -> (bool, Restarts) {
        let mut sidecars = Restarts::default();
        for (index, container) in pod.status.init_container_statuses.iter().enumerate() {
            self.restarts.add(container);
            let sidecar = is_sidecar(pod, &container.name);
            if sidecar {
                sidecars.add(container);
            }
            let stopped_at = match &container.state {
                State { terminated: Some(ended), .. } if ended.exit_code == 0 => continue,
                _ if sidecar && container.started == Some(true) => {
                    self.ready += u32::from(container.ready);
                    continue;
                }
                State { terminated: Some(ended), .. } => how_it_ended(ended),
                State { waiting: Some(waiting), .. } if !matches!(waiting.reason.as_str(), "" | "PodInitializing") => {
                    waiting.reason.clone()
                }
                _ => format!("{index}/{}", pod.spec.init_containers.len()),
            };
            self.reason = format!("Init:{stopped_at}");
            return (true, sidecars);
        }
        (false, sidecars)
    }

    fn walk_containers(&mut self, pod: &ThinPod) {
        let (mut running, mut failed) = (false, None);
        for container in pod.status.container_statuses.iter().rev() {
            self.restarts.add(container);
            match &container.state {
                State { waiting: Some(waiting), .. } if !waiting.reason.is_empty() => self.reason.clone_from(&waiting.reason),
                State { terminated: Some(ended), .. } => {
                    self.reason = how_it_ended(ended);
                    if ended.exit_code != 0 {
                        failed = Some(self.reason.clone());
                    }
                }
                State { running: Some(_), .. } if container.ready => {
                    running = true;
                    self.ready += 1;
                }
                _ => {}
            }
        }
        if self.reason == "Completed" {
            if running && condition(pod, "Ready") {
                "Running".clone_into(&mut self.reason);
            } else if let Some(failed) = failed {
                self.reason = failed;
            } else if running {
                "NotReady".clone_into(&mut self.reason);
            }
        }
    }
}

fn how_it_ended(ended: &Terminated) -> String {
    if !ended.reason.is_empty() {
        ended.reason.clone()
    } else if ended.signal != 0 {
        format!("Signal:{}", ended.signal)
    } else {
        format!("ExitCode:{}", ended.exit_code)
    }
}

fn is_sidecar(pod: &ThinPod, name: &str) -> bool {
    // Of two containers with one name, which no server accepts, the last one counts.
    let container = pod.spec.init_containers.iter().rev().find(|container| container.name == name);
    container.is_some_and(|container| container.restart_policy.as_deref() == Some("Always"))
}

fn condition(pod: &ThinPod, kind: &str) -> bool {
    pod.status.conditions.iter().any(|condition| condition.kind == kind && condition.status == "True")
}

fn statuses(pod: &ThinPod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses)
}

/// How a container ended last, whichever ended latest. STATUS alternates between this
/// and `CrashLoopBackOff`.
fn last_termination(pod: &ThinPod) -> Option<String> {
    let ended = statuses(pod).filter_map(|container| container.last_state.terminated.as_ref());
    ended.max_by_key(|ended| ended.finished_at).map(how_it_ended)
}

/// A container waits for a reason that needs someone, or has failed and will be started
/// again (the other half of a crash loop). A pod that is going away does not count.
fn crashing(pod: &ThinPod) -> bool {
    if pod.metadata.deletion_timestamp.is_some() || matches!(pod.status.phase.as_str(), "Succeeded" | "Failed") {
        return false;
    }
    let restarts = pod.spec.restart_policy.as_deref().unwrap_or("Always") != "Never";
    statuses(pod).any(|container| match &container.state {
        State { waiting: Some(waiting), .. } => !HARMLESS_WAITS.contains(&waiting.reason.as_str()),
        State { terminated: Some(ended), .. } => restarts && ended.exit_code != 0,
        _ => false,
    })
}
