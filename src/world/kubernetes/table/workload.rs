//! Workloads as rows: how many are wanted, there and ready.

use serde_json::Value;

use super::{AGE, Column, Look, NAME, duration, wide};
use crate::world::cluster::Kind;
use crate::world::json::{condition, number, text};

const WIDE: [Column; 3] = [("Containers", "string", 1), ("Images", "string", 1), ("Selector", "string", 1)];

/// The columns of a kind of workload.
pub(super) fn columns(kind: Kind) -> Vec<Column> {
    let string = |name| (name, "string", 0);
    let integer = |name| (name, "integer", 0);
    let mut columns = vec![NAME];
    match kind {
        Kind::Deployment => columns.extend([string("Ready"), integer("Up-to-date"), integer("Available")]),
        Kind::ReplicaSet => columns.extend([integer("Desired"), integer("Current"), integer("Ready")]),
        Kind::StatefulSet => columns.push(string("Ready")),
        Kind::DaemonSet => {
            columns.extend(["Desired", "Current", "Ready", "Up-to-date", "Available"].map(integer));
            columns.push(string("Node Selector"));
        }
        _ => columns.extend([string("Status"), string("Completions"), string("Duration")]),
    }
    columns.push(AGE);
    // Whoever asks for a StatefulSet is not told its selector.
    columns.extend(WIDE.iter().take(if kind == Kind::StatefulSet { 2 } else { 3 }));
    columns
}

/// The cells of a workload.
pub(super) fn cells(look: &Look<'_>, kind: Kind, object: &Value) -> Vec<Value> {
    let count = |field: &str| Value::from(number(object, &format!("/status/{field}")));
    let wanted = number(object, "/spec/replicas");
    let ready = format!("{}/{wanted}", number(object, "/status/readyReplicas"));
    let mut cells = vec![Value::from(text(object, "/metadata/name"))];
    match kind {
        Kind::Deployment => cells.extend([ready.into(), count("updatedReplicas"), count("availableReplicas")]),
        Kind::ReplicaSet => cells.extend([wanted.into(), count("replicas"), count("readyReplicas")]),
        Kind::StatefulSet => cells.push(ready.into()),
        Kind::DaemonSet => {
            let fields =
                ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable"];
            cells.extend(fields.map(count));
            cells.push("<none>".into());
        }
        _ => cells.extend(job(look, object)),
    }
    cells.push(look.age(object));
    cells.extend(wide(object).into_iter().take(if kind == Kind::StatefulSet { 2 } else { 3 }));
    cells
}

fn job(look: &Look<'_>, job: &Value) -> [Value; 3] {
    let holds = |kind: &str| condition(job, kind).is_some_and(|c| text(c, "/status") == "True");
    let status = ["Complete", "Failed", "Suspended"].into_iter().find(|kind| holds(kind)).unwrap_or("Running");
    let done = format!("{}/{}", number(job, "/status/succeeded"), number(job, "/spec/completions").max(1));
    let began = look.since(text(job, "/status/startTime"));
    let ended = look.since(text(job, "/status/completionTime")).unwrap_or(0);
    let took = began.map_or_else(String::new, |began| duration(began - ended));
    [status.into(), done.into(), took.into()]
}
