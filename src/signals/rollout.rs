//! The rollout of a Deployment, StatefulSet or DaemonSet: how far it is, and the
//! revisions it goes from and to.
//!
//! Whether it is done is decided by kubectl's rule (the captured answers of
//! `kubectl rollout status` are a test). An object that was deleted and created again is
//! another one: it is shown, and gives no readings.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::api::{Api, list, number, shown, text, time};
use super::pods::failure::Failure;
use super::poll::{Answer, Ask};
use crate::live::Change;
use crate::live::table::{Cell, Level, Note, Row, Table};

/// Revisions shown.
const MOST: usize = 50;
const APPS: &str = "/apis/apps/v1";

/// Workloads that roll out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
}

impl Workload {
    /// As the API calls it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }
}

/// One workload, asked again and again.
pub(super) struct Rollout {
    pub(super) api: Api,
    pub(super) workload: Workload,
    pub(super) name: String,
    /// The object seen first.
    pub(super) uid: Option<String>,
    /// Whether a deadline that has passed is about the present template.
    pub(super) deadline: Deadline,
}

/// A progress deadline that has passed stays in the status when the template changes (an
/// undo, say) until the controller counts progress again. It is about what was there
/// before, then, and says nothing of the present.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    /// The template seen last, and the deadline that had passed under it.
    last: Option<(Value, Option<Value>)>,
    /// One that had passed under an earlier template.
    stale: Option<Value>,
}

impl Deadline {
    /// Takes an object into account; true: its passed deadline is from before its template.
    fn is_stale(&mut self, object: &Value) -> bool {
        let template = object.pointer("/spec/template").cloned().unwrap_or_default();
        let passed = exceeded(object).cloned();
        if let Some((_, before)) = self.last.take().filter(|(last, _)| *last != template) {
            self.stale = before;
        }
        if passed != self.stale {
            self.stale = None;
        }
        self.last = Some((template, passed));
        self.stale.is_some()
    }
}

/// The condition that says that no progress was made in time.
fn exceeded(object: &Value) -> Option<&Value> {
    condition(object, "Progressing").filter(|c| text(c, "/reason") == "ProgressDeadlineExceeded")
}

fn without_progress(mut object: Value) -> Value {
    if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        conditions.retain(|c| text(c, "/type") != "Progressing");
    }
    object
}

impl Ask for Rollout {
    async fn ask(&mut self, _now: DateTime<Utc>) -> Result<Answer, Failure> {
        let about = format!("{}/{}", self.workload.kind(), self.name);
        let path = format!("{}/{}", self.workload.plural(), self.name);
        let Some(object) = self.api.get(APPS, &path).await? else {
            let why = format!("{about} is not there (namespace `{}`)", self.api.namespace());
            let summary = Note::new("not there", Level::Bad);
            let table = Table { about, summary, empty: "there is no such object", ..Table::default() };
            return Ok(Answer {
                changes: vec![Change::Table(Box::new(table))],
                bad: Some(why.clone()),
                degraded: Some(why),
                ..Answer::default()
            });
        };
        let uid = text(&object, "/metadata/uid").to_owned();
        let stale = self.deadline.is_stale(&object);
        let object = if stale { without_progress(object) } else { object };
        let other = self.uid.get_or_insert_with(|| uid.clone()) != &uid;
        let revisions = self.revisions(&object).await;
        let counts = counts(self.workload, &object);
        let (done, words) = judge(self.workload, &object, counts);
        let problems = problems(&object);
        let bad = problems.first().cloned();
        let degraded = if other {
            Some(format!("{about} was deleted and created again: what is shown is another object; judge for yourself"))
        } else {
            revisions.as_ref().err().map(|failure| format!("revisions are not known: {}", failure.why))
        };
        let level = if bad.is_some() {
            Level::Bad
        } else if done {
            Level::Good
        } else {
            Level::Warn
        };
        let mut notes = vec![Note::new(words, if done { Level::Quiet } else { level })];
        if stale {
            notes.push(Note::new("the progress deadline passed under an earlier template, and does not count", Level::Quiet));
        }
        notes.extend(problems.into_iter().map(|why| Note::new(why, Level::Bad)));
        let summary = if done {
            format!("done, {}/{}", counts.available, counts.desired)
        } else {
            format!("{}/{} updated, {} available", counts.updated, counts.desired, counts.available)
        };
        let detail: Vec<_> = notes.iter().map(|note| note.text.clone()).take(20).collect();
        let table = Table {
            about,
            summary: Note::new(summary, level),
            notes,
            heads: vec!["REV", "", "IMAGE", "PODS", "AGE"],
            rows: revisions.unwrap_or_default(),
            empty: "no revisions are known",
        };
        #[expect(clippy::cast_precision_loss, reason = "numbers of pods are far below 2^52")]
        let members = vec![
            ("desired", counts.desired as f64),
            ("updated", counts.updated as f64),
            ("available", counts.available as f64),
            ("done", if done { 1.0 } else { 0.0 }),
        ];
        let members = if other { Vec::new() } else { members };
        Ok(Answer { changes: vec![Change::Table(Box::new(table))], bad, degraded, members, detail })
    }
}

impl Rollout {
    /// The revisions, the newest first.
    async fn revisions(&self, object: &Value) -> Result<Vec<Row>, Failure> {
        let kind = if self.workload == Workload::Deployment { "replicasets" } else { "controllerrevisions" };
        let found = self.api.list(APPS, kind, &selector(object)).await?.map(|(items, _)| items).unwrap_or_default();
        let uid = text(object, "/metadata/uid");
        let owned = |item: &&Value| {
            list(item, "/metadata/ownerReferences")
                .iter()
                .any(|owner| text(owner, "/uid") == uid && owner.get("controller").and_then(Value::as_bool) == Some(true))
        };
        let mut revisions: Vec<_> = found.iter().filter(owned).map(|item| (revision(item), item)).collect();
        revisions.sort_by_key(|(revision, _)| std::cmp::Reverse(*revision));
        let newest = revisions.first().map(|(revision, _)| *revision);
        Ok(revisions
            .into_iter()
            .take(MOST)
            .map(|(revision, item)| self.row(object, item, revision, newest == Some(revision)))
            .collect())
    }

    fn row(&self, object: &Value, item: &Value, revision: i64, newest: bool) -> Row {
        let name = text(item, "/metadata/name");
        let (wanted, pods) = match self.workload {
            Workload::Deployment => {
                let wanted = number(item, "/spec/replicas");
                (wanted, format!("{}/{wanted}", number(item, "/status/readyReplicas")))
            }
            Workload::StatefulSet if name == text(object, "/status/updateRevision") => {
                let pods = number(object, "/status/updatedReplicas");
                (pods, pods.to_string())
            }
            Workload::StatefulSet if name == text(object, "/status/currentRevision") => {
                let pods = number(object, "/status/currentReplicas");
                (pods, pods.to_string())
            }
            Workload::DaemonSet if newest => {
                let pods = number(object, "/status/updatedNumberScheduled");
                (pods, pods.to_string())
            }
            Workload::DaemonSet | Workload::StatefulSet => (0, String::new()),
        };
        let template = item.pointer("/spec/template").or_else(|| item.pointer("/data/spec/template"));
        let images: Vec<_> = template
            .map_or(&[][..], |template| list(template, "/spec/containers"))
            .iter()
            .map(|c| shown(text(c, "/image")))
            .collect();
        let (role, level) = match (newest, wanted > 0) {
            (true, _) => ("new", Level::Plain),
            (false, true) => ("old", Level::Warn),
            (false, false) => ("", Level::Quiet),
        };
        let cells = vec![
            Cell::Text(revision.to_string()),
            Cell::Text(role.to_owned()),
            Cell::Text(images.join(", ")),
            Cell::Text(pods),
            Cell::Age(time(item, "/metadata/creationTimestamp")),
        ];
        Row { cells, level }
    }
}

fn revision(item: &Value) -> i64 {
    let annotated = item.pointer("/metadata/annotations/deployment.kubernetes.io~1revision").and_then(Value::as_str);
    annotated.and_then(|text| text.parse().ok()).unwrap_or_else(|| number(item, "/revision"))
}

/// The object's own selector, as a query has it.
fn selector(object: &Value) -> String {
    let mut parts = Vec::new();
    if let Some(labels) = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object) {
        parts.extend(labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))));
    }
    for expression in list(object, "/spec/selector/matchExpressions") {
        let key = text(expression, "/key");
        let values: Vec<_> = list(expression, "/values").iter().filter_map(Value::as_str).collect();
        parts.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.join(",")
}

/// Pods wanted, of the new template, and available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    desired: i64,
    updated: i64,
    available: i64,
}

fn counts(workload: Workload, object: &Value) -> Counts {
    let of = |pointer| number(object, pointer);
    let replicas = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    match workload {
        Workload::DaemonSet => Counts {
            desired: of("/status/desiredNumberScheduled"),
            updated: of("/status/updatedNumberScheduled"),
            available: of("/status/numberAvailable"),
        },
        Workload::Deployment | Workload::StatefulSet => {
            Counts { desired: replicas, updated: of("/status/updatedReplicas"), available: of("/status/availableReplicas") }
        }
    }
}

/// Whether `kubectl rollout status` would end with success, and why not.
fn judge(workload: Workload, object: &Value, counts: Counts) -> (bool, String) {
    let Counts { desired, updated, available } = counts;
    let observed = number(object, "/status/observedGeneration");
    let rolling = workload == Workload::Deployment || text(object, "/spec/updateStrategy/type") == "RollingUpdate";
    let waits = |why: String| (false, why);
    if !rolling {
        return waits("the update strategy is not RollingUpdate: nobody replaces pods by itself".into());
    }
    if number(object, "/metadata/generation") > observed || (workload == Workload::StatefulSet && observed == 0) {
        return waits("waiting for the controller to see the change".into());
    }
    let done = |why: String| (true, why);
    match workload {
        Workload::Deployment => {
            let old = number(object, "/status/replicas") - updated;
            if let Some(late) = exceeded(object) {
                return waits(format!("its progress deadline has passed: {}", shown(text(late, "/message"))));
            }
            if object.pointer("/spec/paused").and_then(Value::as_bool) == Some(true) && updated < desired {
                return waits(format!("paused at {updated} of {desired} updated"));
            }
            // A Deployment without `spec.replicas` is one the server has not defaulted.
            if object.pointer("/spec/replicas").is_some() && updated < desired {
                waits(format!("{updated} of {desired} updated, {available} available"))
            } else if old > 0 {
                waits(if old == 1 { "1 old pod is to go".to_owned() } else { format!("{old} old pods are to go") })
            } else if available < updated {
                waits(format!("{available} of {updated} new pods available"))
            } else {
                done(format!("rolled out: {available} of {desired} available"))
            }
        }
        Workload::DaemonSet => {
            if updated < desired {
                waits(format!("{updated} of {desired} updated, {available} available"))
            } else if available < desired {
                waits(format!("{available} of {desired} new pods available"))
            } else {
                done(format!("rolled out: {available} of {desired} available"))
            }
        }
        Workload::StatefulSet => stateful_set(object, desired, updated),
    }
}

fn stateful_set(object: &Value, desired: i64, updated: i64) -> (bool, String) {
    let ready = number(object, "/status/readyReplicas");
    let known = object.pointer("/spec/replicas").is_some_and(Value::is_i64);
    if known && ready < desired {
        return (false, format!("{updated} of {desired} updated, {ready} ready"));
    }
    if object.pointer("/spec/updateStrategy/rollingUpdate").is_some_and(|block| !block.is_null()) {
        let partition = object.pointer("/spec/updateStrategy/rollingUpdate/partition").and_then(Value::as_i64);
        // As kubectl: without a partition or replicas there is nothing to count against.
        return match partition.filter(|_| known) {
            Some(partition) if updated < desired - partition => {
                (false, format!("{updated} of {} updated (partition {partition})", desired - partition))
            }
            Some(partition) => (true, format!("rolled out: {updated} updated (partition {partition}), {ready} ready")),
            None => (true, format!("rolled out: {updated} updated, {ready} ready")),
        };
    }
    if text(object, "/status/updateRevision") == text(object, "/status/currentRevision") {
        (true, format!("rolled out: {ready} ready"))
    } else {
        (false, format!("{updated} of {desired} updated, {ready} ready"))
    }
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions").iter().find(|c| text(c, "/type") == kind)
}

/// What the controller complains of.
fn problems(object: &Value) -> Vec<String> {
    let complains =
        |c: &&Value| matches!((text(c, "/type"), text(c, "/status")), ("ReplicaFailure", "True") | ("Progressing", "False"));
    let conditions = list(object, "/status/conditions").iter().filter(complains);
    conditions.map(|c| format!("{}: {}", shown(text(c, "/reason")), shown(text(c, "/message")))).collect()
}

#[cfg(test)]
mod tests;
