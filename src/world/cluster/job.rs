//! The Job controller: pods until as many have ended well as are wanted, or too many have
//! failed.

use serde_json::{Value, json};

use super::revision::restarts;
use super::{Cluster, Key, Millis};
use crate::world::json::{Object, condition, list, number, serves, set, terminating, text, unset};

const NAME: &str = "job-controller";

/// How a Job goes.
enum Verdict {
    /// On.
    Running,
    /// All that was wanted has ended well.
    Complete,
    /// It is given up.
    Failed(&'static str, &'static str),
}

/// The pods of a Job.
struct Pods {
    active: Vec<(Key, Object)>,
    succeeded: i64,
    failed: Vec<Object>,
}

impl Cluster {
    /// One sync of a Job.
    pub(super) fn sync_job(&mut self, key: &Key) {
        let Some(job) = self.store.get(key).cloned() else { return };
        let ended = |kind: &str| condition(&job, kind).is_some_and(|c| text(c, "/status") == "True");
        if ended("Complete") || ended("Failed") {
            return;
        }
        let mut pods = Pods { active: Vec::new(), succeeded: 0, failed: Vec::new() };
        for (pod, object) in self.pods_of(key, &job) {
            match text(&object, "/status/phase") {
                "Succeeded" => pods.succeeded += 1,
                "Failed" => pods.failed.push(object),
                _ if terminating(&object) => {}
                _ => pods.active.push((pod, object)),
            }
        }
        let suspended = job.pointer("/spec/suspend") == Some(&Value::Bool(true));
        let mut changed = Value::clone(&job);
        if !suspended && text(&job, "/status/startTime").is_empty() {
            set(&mut changed, &["status", "startTime"], self.timestamp());
            if let Some(limit) = job.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64) {
                self.recheck(key, limit * 1_000 + 1);
            }
        }
        let verdict = self.judge(&job, &pods);
        match (&verdict, suspended) {
            (Verdict::Running, false) => self.create_missing(key, &job, &pods),
            _ => pods.active.iter().for_each(|(pod, _)| self.terminate_pod(pod, None)),
        }
        let goes_on = matches!(verdict, Verdict::Running) && !suspended;
        let active = if goes_on { pods.active.len() } else { 0 };
        let ready = if goes_on { pods.active.iter().filter(|(_, pod)| serves(pod)).count() } else { 0 };
        let failed = count(pods.failed.len());
        for (field, many) in [("active", count(active)), ("succeeded", pods.succeeded), ("failed", failed)] {
            match many {
                0 => unset(&mut changed, &["status", field]),
                _ => set(&mut changed, &["status", field], many),
            }
        }
        set(&mut changed, &["status", "ready"], ready);
        set(&mut changed, &["status", "terminating"], 0);
        self.conclude(key, &mut changed, &verdict);
        self.write(key, changed);
    }

    fn judge(&self, job: &Value, pods: &Pods) -> Verdict {
        let limit = job.pointer("/spec/backoffLimit").and_then(Value::as_i64).unwrap_or(6);
        let failures = count(pods.failed.len()) + pods.active.iter().map(|(_, pod)| restarts(pod)).sum::<i64>();
        let began = self.millis_of(text(job, "/status/startTime"));
        let deadline = job.pointer("/spec/activeDeadlineSeconds").and_then(Value::as_i64).map(|seconds| seconds * 1_000);
        if pods.succeeded >= number(job, "/spec/completions").max(1) {
            Verdict::Complete
        } else if failures > limit {
            Verdict::Failed("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        } else if began.zip(deadline).is_some_and(|(began, deadline)| self.now >= began + deadline) {
            Verdict::Failed("DeadlineExceeded", "Job was active longer than specified deadline")
        } else {
            Verdict::Running
        }
    }

    /// Makes the pods that are missing; after a failure not before some time has passed.
    fn create_missing(&mut self, key: &Key, job: &Object, pods: &Pods) {
        let ended = pods
            .failed
            .iter()
            .filter_map(|pod| self.millis_of(text(pod, "/status/containerStatuses/0/state/terminated/finishedAt")));
        if let Some(last) = ended.max() {
            let doublings = u32::try_from(pods.failed.len().saturating_sub(1)).unwrap_or(6).min(6);
            let due: Millis = last + (10_000 << doublings).min(360_000);
            if due > self.now {
                return self.recheck(key, due - self.now);
            }
        }
        let left = number(job, "/spec/completions").max(1) - pods.succeeded;
        let room = number(job, "/spec/parallelism").min(left) - count(pods.active.len());
        let template = job.pointer("/spec/template").cloned().unwrap_or_default();
        for _ in 0..room.max(0) {
            let name = format!("{}-{}", key.name, self.suffix());
            let pod = self.new_pod(key, job, &template, &name);
            self.create_pod(key, NAME, pod);
        }
    }

    fn conclude(&mut self, key: &Key, job: &mut Value, verdict: &Verdict) {
        let now = self.timestamp();
        let (kinds, reason, message) = match verdict {
            Verdict::Running => return,
            Verdict::Complete => {
                set(job, &["status", "completionTime"], now.clone());
                self.note(key, NAME, "Completed", "Job completed");
                (["SuccessCriteriaMet", "Complete"], "CompletionsReached", "Reached expected number of succeeded pods")
            }
            Verdict::Failed(reason, message) => {
                self.note(key, NAME, reason, message);
                (["FailureTarget", "Failed"], *reason, *message)
            }
        };
        let mut conditions = list(job, "/status/conditions").to_vec();
        conditions.extend(kinds.map(|kind| {
            json!({
                "type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now,
                "reason": reason, "message": message,
            })
        }));
        set(job, &["status", "conditions"], conditions);
    }
}

fn count(pods: usize) -> i64 {
    i64::try_from(pods).unwrap_or(i64::MAX)
}
