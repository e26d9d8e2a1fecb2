//! The life of a pod: scheduled, its image pulled, started, ready, perhaps crashing, and
//! in the end terminated.

use serde_json::{Value, json};

use super::deployment::safe_letter;
use super::{Cluster, Key, Kind, Millis, Work};
use crate::world::json::{Object, condition, label, list, number, set, terminating, text};
use crate::world::metrics::amount;
use crate::world::scenario::Behaviour;

const SCHEDULER: &str = "default-scheduler";
const KUBELET: &str = "kubelet";

/// What happens to a pod next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PodStep {
    /// A node is found.
    Schedule,
    /// The kubelet begins with it.
    Create,
    /// The image is not there.
    PullFailed,
    /// It waits before the next pull.
    PullBackOff,
    /// The container runs.
    Start,
    /// The readiness probe succeeds.
    Ready,
    /// The process ends with an error.
    Crash,
    /// The kernel kills the process for its memory.
    OutOfMemory,
    /// The process of a Job ends.
    Exit,
    /// It waits before the next start.
    BackOff,
    /// It is started again.
    Restart,
    /// Its containers have stopped.
    Stopped,
    /// It is gone.
    Gone,
}

const SCHEDULING: Millis = 6;
const CREATING: Millis = 250;
const LONGEST_BACK_OFF: Millis = 300_000;
/// A process that was started again after a crash ends again so soon.
const SECOND_CRASH: Millis = 8_000;
/// The process of a Job runs so long where the scenario does not say.
const JOB: Millis = 5_000;
/// What waits for a node is looked at again after this.
const WAITING: Millis = 5_000;

impl Cluster {
    /// A pod from a template, as the API server completes it.
    pub(super) fn new_pod(&mut self, owner: &Key, object: &Object, template: &Value, name: &str) -> Value {
        let mut spec = template.pointer("/spec").cloned().unwrap_or_default();
        for (field, value) in [
            ("serviceAccountName", json!("default")),
            ("serviceAccount", json!("default")),
            ("priority", json!(0)),
            ("enableServiceLinks", json!(true)),
            ("preemptionPolicy", json!("PreemptLowerPriority")),
        ] {
            set(&mut spec, &[field], value);
        }
        let mut metadata = json!({
            "name": name,
            "generateName": format!("{}-", owner.name),
            "namespace": owner.namespace,
            "uid": self.uid(),
            "generation": 1,
            "creationTimestamp": self.timestamp(),
            "labels": template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
        });
        if let Some(annotations) = template.pointer("/metadata/annotations") {
            set(&mut metadata, &["annotations"], annotations.clone());
        }
        set(&mut metadata, &["ownerReferences"], owned_by(owner, object));
        let asks = list(&spec, "/containers").iter().any(|c| c.get("resources").is_some_and(|r| *r != json!({})));
        json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": metadata,
            "spec": spec,
            "status": {"phase": "Pending", "qosClass": if asks { "Burstable" } else { "BestEffort" }},
        })
    }

    /// Five letters that tell a pod from its siblings.
    pub(super) fn suffix(&mut self) -> String {
        (0..5).map(|_| safe_letter(self.random.u8(..216))).collect()
    }

    /// Creates a pod and starts its life.
    pub(super) fn create_pod(&mut self, owner: &Key, component: &str, pod: Value) {
        let key = Key::new(Kind::Pod, &owner.namespace, text(&pod, "/metadata/name"));
        self.write(&key, pod);
        self.begin_pod(&key);
        let message = match owner.kind {
            Kind::StatefulSet => format!("create Pod {} in StatefulSet {} successful", key.name, owner.name),
            _ => format!("Created pod: {}", key.name),
        };
        self.note(owner, component, "SuccessfulCreate", &message);
    }

    /// Starts the life of a pod that was created.
    fn begin_pod(&mut self, key: &Key) {
        self.pod_later(key, PodStep::Schedule, SCHEDULING, 0);
    }

    /// Begins to delete a pod; a grace period other than its own where one is given.
    pub(crate) fn terminate_pod(&mut self, key: &Key, grace: Option<i64>) {
        let Some(pod) = self.store.get(key).cloned() else { return };
        let own = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
        let grace = grace.unwrap_or(own);
        if grace == 0 || text(&pod, "/spec/nodeName").is_empty() {
            self.remove(key);
            return;
        }
        if terminating(&pod) {
            return;
        }
        let mut going = Value::clone(&pod);
        set(&mut going, &["metadata", "deletionTimestamp"], self.timestamp_after(grace * 1_000));
        set(&mut going, &["metadata", "deletionGracePeriodSeconds"], grace);
        self.write(key, going);
        let container = text(&pod, "/spec/containers/0/name");
        self.note(key, KUBELET, "Killing", &format!("Stopping container {container}"));
        let stops = self.between(1_100, 1_900).min(grace * 1_000);
        self.pod_later(key, PodStep::Stopped, stops, 0);
    }

    fn pod_later(&mut self, key: &Key, step: PodStep, after: Millis, life: i64) {
        let Some(pod) = self.store.get(key) else { return };
        let uid = text(pod, "/metadata/uid").to_owned();
        self.schedule(after, Work::Pod { key: key.clone(), uid, step, life });
    }

    fn between(&mut self, least: Millis, most: Millis) -> Millis {
        self.random.i64(least..=most.max(least))
    }

    /// Does what is due for a pod, unless it is another by now, is going away, or its
    /// container was started again since.
    pub(super) fn pod_step(&mut self, key: &Key, uid: &str, step: PodStep, life: i64) {
        let Some(pod) = self.store.get(key).cloned() else { return };
        let ending = matches!(step, PodStep::Stopped | PodStep::Gone);
        let of_a_life = matches!(
            step,
            PodStep::Ready | PodStep::Crash | PodStep::OutOfMemory | PodStep::Exit | PodStep::BackOff | PodStep::Restart
        );
        let stale = of_a_life && number(&pod, "/status/containerStatuses/0/restartCount") != life;
        // A process that has ended meanwhile neither becomes ready nor ends again.
        let of_a_process = matches!(step, PodStep::Ready | PodStep::Crash | PodStep::OutOfMemory | PodStep::Exit);
        let stale = stale || (of_a_process && pod.pointer("/status/containerStatuses/0/state/running").is_none());
        if text(&pod, "/metadata/uid") != uid || terminating(&pod) != ending || stale {
            return;
        }
        if !self.answers(&pod) {
            // Nobody there does anything until the node is back.
            self.schedule(WAITING, Work::Pod { key: key.clone(), uid: uid.to_owned(), step, life });
            return;
        }
        let image = text(&pod, "/spec/containers/0/image").to_owned();
        match step {
            PodStep::Schedule => self.assign(key, &pod),
            PodStep::Create => self.create_containers(key, &pod, &image),
            PodStep::PullFailed => self.pull_failed(key, &pod, &image, life),
            PodStep::PullBackOff => self.pull_back_off(key, &pod, &image, life),
            PodStep::Start => self.start(key, &pod, 0, None),
            PodStep::Ready => self.ready(key, &pod),
            PodStep::Crash => self.crash(key, &pod, life, 1, "Error"),
            PodStep::OutOfMemory => self.crash(key, &pod, life, 137, "OOMKilled"),
            PodStep::Exit => self.exit(key, &pod, life),
            PodStep::BackOff => self.back_off(key, &pod, life),
            PodStep::Restart => {
                let last = last_end(&pod);
                self.start(key, &pod, life + 1, last);
            }
            PodStep::Stopped => {
                let mut stopped = Value::clone(&pod);
                set(&mut stopped, &["metadata", "deletionGracePeriodSeconds"], 0);
                self.write(key, stopped);
                self.pod_later(key, PodStep::Gone, 3, 0);
            }
            PodStep::Gone => drop(self.remove(key)),
        }
    }

    fn behaviour(&self, pod: &Value, image: &str) -> Option<Behaviour> {
        self.catalogue.behaviour(label(pod, "app").unwrap_or_default(), image)
    }

    fn assign(&mut self, key: &Key, pod: &Object) {
        let nodes = self.free_nodes(pod);
        if nodes.is_empty() {
            let mut waiting = Value::clone(pod);
            let message = "0 nodes are available: no node is ready and schedulable.";
            let since =
                condition(pod, "PodScheduled").map_or_else(|| self.timestamp(), |c| text(c, "/lastTransitionTime").to_owned());
            let unscheduled = json!([{
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
                "lastProbeTime": null, "lastTransitionTime": since,
            }]);
            set(&mut waiting, &["status", "conditions"], unscheduled);
            self.write(key, waiting);
            self.note(key, SCHEDULER, "FailedScheduling", message);
            self.pod_later(key, PodStep::Schedule, WAITING, 0);
            return;
        }
        let chosen = self.random.usize(..nodes.len());
        let Some(node) = nodes.get(chosen) else { return };
        let mut assigned = Value::clone(pod);
        set(&mut assigned, &["spec", "nodeName"], node.clone());
        let now = self.timestamp();
        let scheduled = json!([{"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now}]);
        set(&mut assigned, &["status", "conditions"], scheduled);
        self.write(key, assigned);
        let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
        self.note(key, SCHEDULER, "Scheduled", &message);
        self.pod_later(key, PodStep::Create, CREATING, 0);
    }

    fn create_containers(&mut self, key: &Key, pod: &Object, image: &str) {
        let mut created = Value::clone(pod);
        let node: i64 = text(pod, "/spec/nodeName").trim_start_matches("node-").parse().unwrap_or(1);
        let host = format!("10.0.0.{node}");
        set(&mut created, &["status", "hostIP"], host.clone());
        set(&mut created, &["status", "hostIPs"], json!([{"ip": host}]));
        set(&mut created, &["status", "startTime"], self.timestamp());
        self.show(key, created, &json!({"waiting": {"reason": "ContainerCreating"}}), None, false, 0);
        self.note(key, KUBELET, "Pulling", &format!("Pulling image \"{image}\""));
        match self.behaviour(pod, image) {
            Some(behaviour) => {
                let least = behaviour.ready_after.millis() / 3;
                let pull = self.between(500, 900).min(least.max(50));
                self.pod_later(key, PodStep::Start, pull, 0);
            }
            None => {
                let fails = self.between(800, 1_400);
                self.pod_later(key, PodStep::PullFailed, fails, 0);
            }
        }
    }

    fn pull_failed(&mut self, key: &Key, pod: &Object, image: &str, attempt: i64) {
        let cause = format!("failed to resolve reference \"{image}\": {image}: not found");
        let message = format!("rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": {cause}");
        self.note(key, KUBELET, "Failed", &format!("Failed to pull image \"{image}\": {message}"));
        let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": message}});
        self.show(key, Value::clone(pod), &waiting, None, false, 0);
        let soon = self.between(1_500, 3_000);
        self.pod_later(key, PodStep::PullBackOff, soon, attempt);
    }

    fn pull_back_off(&mut self, key: &Key, pod: &Object, image: &str, attempt: i64) {
        let message = format!("Back-off pulling image \"{image}\"");
        self.note(key, KUBELET, "BackOff", &message);
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
        self.show(key, Value::clone(pod), &waiting, None, false, 0);
        self.pod_later(key, PodStep::PullFailed, back_off(attempt), attempt + 1);
    }

    fn start(&mut self, key: &Key, pod: &Object, life: i64, last: Option<Value>) {
        let mut started = Value::clone(pod);
        set(&mut started, &["status", "phase"], "Running");
        if text(pod, "/status/podIP").is_empty() {
            let node = text(pod, "/spec/nodeName").trim_start_matches("node-");
            let address = format!("10.244.{node}.{}", self.random.u8(2..=254));
            set(&mut started, &["status", "podIP"], address.clone());
            set(&mut started, &["status", "podIPs"], json!([{"ip": address}]));
        }
        let running = json!({"running": {"startedAt": self.timestamp()}});
        self.show(key, started, &running, last, false, life);
        let container = text(pod, "/spec/containers/0/name");
        self.note(key, KUBELET, "Started", &format!("Started container {container}"));
        let behaviour = self.behaviour(pod, text(pod, "/spec/containers/0/image")).unwrap_or_default();
        let created = self.millis_of(text(pod, "/metadata/creationTimestamp")).unwrap_or(self.now);
        let spent = if life == 0 { (self.now - created).clamp(0, 1_500) } else { 0 };
        let jitter = self.between(0, 400);
        self.pod_later(key, PodStep::Ready, (behaviour.ready_after.millis() - spent).max(50) + jitter, life);
        self.end_later(key, pod, &behaviour, life);
    }

    /// Plans how the process that was just started ends, if it does.
    fn end_later(&mut self, key: &Key, pod: &Object, behaviour: &Behaviour, life: i64) {
        if text(pod, "/spec/restartPolicy") != "Always" {
            let after = behaviour.exits_after.map_or(JOB, |period| period.millis());
            self.pod_later(key, PodStep::Exit, after, life);
        }
        if let Some(crash) = behaviour.crash_after.map(|period| period.millis()) {
            let after = if life == 0 { crash } else { crash.min(SECOND_CRASH) };
            let jitter = self.between(0, after / 20 + 1);
            self.pod_later(key, PodStep::Crash, after + jitter, life);
        }
        if let Some(full) = amount(pod, "limits/memory").and_then(|limit| behaviour.memory.reaches(limit)) {
            self.pod_later(key, PodStep::OutOfMemory, full.millis(), life);
        }
    }

    fn ready(&mut self, key: &Key, pod: &Object) {
        let state = pod.pointer("/status/containerStatuses/0/state").cloned().unwrap_or_default();
        let restarts = number(pod, "/status/containerStatuses/0/restartCount");
        let last = pod.pointer("/status/containerStatuses/0/lastState").cloned();
        self.show(key, Value::clone(pod), &state, last, true, restarts);
    }

    fn crash(&mut self, key: &Key, pod: &Object, life: i64, code: u8, reason: &str) {
        let last = pod.pointer("/status/containerStatuses/0/lastState").cloned();
        self.show(key, Value::clone(pod), &self.ended(pod, code, reason), last, false, life);
        let next = if life == 0 { PodStep::Restart } else { PodStep::BackOff };
        self.pod_later(key, next, 1_000, life);
    }

    fn ended(&self, pod: &Value, code: u8, reason: &str) -> Value {
        let began = text(pod, "/status/containerStatuses/0/state/running/startedAt");
        json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": self.timestamp()}})
    }

    /// The process of a Job ends, and the pod with it unless it is to be started again.
    fn exit(&mut self, key: &Key, pod: &Object, life: i64) {
        let code = self.behaviour(pod, text(pod, "/spec/containers/0/image")).unwrap_or_default().exit;
        if code != 0 && text(pod, "/spec/restartPolicy") == "OnFailure" {
            return self.crash(key, pod, life, code, "Error");
        }
        let (phase, reason) = if code == 0 { ("Succeeded", "Completed") } else { ("Failed", "Error") };
        let mut over = Value::clone(pod);
        set(&mut over, &["status", "phase"], phase);
        self.show(key, over, &self.ended(pod, code, reason), None, false, life);
    }

    fn back_off(&mut self, key: &Key, pod: &Object, life: i64) {
        let wait = back_off(life - 1);
        let container = text(pod, "/spec/containers/0/name");
        let whole = format!("{}_{}({})", key.name, key.namespace, text(pod, "/metadata/uid"));
        let message = format!("back-off {}s restarting failed container={container} pod={whole}", wait / 1_000);
        self.note(key, KUBELET, "BackOff", &format!("Back-off restarting failed container {container} in pod {whole}"));
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
        self.show(key, Value::clone(pod), &waiting, last_end(pod), false, life);
        self.pod_later(key, PodStep::Restart, wait, life);
    }

    /// Writes the container's state and the conditions that follow from it. Pods here have
    /// one container that matters; further ones share its state.
    fn show(&mut self, key: &Key, mut pod: Value, state: &Value, last: Option<Value>, ready: bool, restarts: i64) {
        let last = last.unwrap_or_else(|| json!({}));
        let running = state.get("running").is_some();
        let containers: Vec<Value> = list(&pod, "/spec/containers")
            .iter()
            .map(|container| {
                let image = text(container, "/image");
                let mut shown = json!({
                    "name": text(container, "/name"),
                    "state": state,
                    "lastState": last,
                    "ready": ready,
                    "restartCount": restarts,
                    "image": image,
                    "imageID": if running || restarts > 0 { format!("{image}@sha256:{}", digest(image)) } else { String::new() },
                    "started": running,
                });
                if running {
                    set(&mut shown, &["containerID"], format!("containerd://{}", digest(&format!("{}{restarts}", key.name))));
                }
                shown
            })
            .collect();
        set(&mut pod, &["status", "containerStatuses"], containers);
        let conditions: Vec<Value> = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
            .into_iter()
            .map(|kind| self.pod_condition(&pod, kind, ready || !matches!(kind, "Ready" | "ContainersReady")))
            .collect();
        set(&mut pod, &["status", "conditions"], conditions);
        self.write(key, pod);
    }

    fn pod_condition(&self, pod: &Value, kind: &str, holds: bool) -> Value {
        let status = if holds { "True" } else { "False" };
        let since =
            condition(pod, kind).filter(|c| text(c, "/status") == status).map(|c| text(c, "/lastTransitionTime").to_owned());
        let since = since.unwrap_or_else(|| self.timestamp());
        let mut shown = json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
        if !holds {
            let names: Vec<&str> = list(pod, "/spec/containers").iter().map(|c| text(c, "/name")).collect();
            let over = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
            if over {
                set(&mut shown, &["reason"], "PodCompleted");
                return shown;
            }
            set(&mut shown, &["reason"], "ContainersNotReady");
            set(&mut shown, &["message"], format!("containers with unready status: [{}]", names.join(" ")));
        }
        shown
    }
}

/// The owner reference of what an object controls.
pub(super) fn owned_by(owner: &Key, object: &Value) -> Value {
    let resource = owner.kind.resource();
    json!([{
        "apiVersion": resource.api_version(),
        "kind": resource.name,
        "name": owner.name,
        "uid": text(object, "/metadata/uid"),
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// How the container of a pod ended last.
fn last_end(pod: &Value) -> Option<Value> {
    let status = pod.pointer("/status/containerStatuses/0")?;
    let end = status.pointer("/state/terminated").or_else(|| status.pointer("/lastState/terminated"))?;
    Some(json!({"terminated": end}))
}

/// Ten seconds, doubled each time, five minutes at most.
fn back_off(attempt: i64) -> Millis {
    let doublings = u32::try_from(attempt.clamp(0, 10)).unwrap_or(10);
    (10_000 << doublings).min(LONGEST_BACK_OFF)
}

/// Something that looks like a digest of a text and depends on it alone.
fn digest(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
