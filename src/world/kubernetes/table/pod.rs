//! Pods as rows: ready containers, the one word for their state, restarts.

use serde_json::Value;

use super::{AGE, Column, Look, NAME};
use crate::world::json::{condition, list, number, terminating, text};

/// The columns.
pub(super) const COLUMNS: [Column; 9] = [
    NAME,
    ("Ready", "string", 0),
    ("Status", "string", 0),
    ("Restarts", "string", 0),
    AGE,
    ("IP", "string", 1),
    ("Node", "string", 1),
    ("Nominated Node", "string", 1),
    ("Readiness Gates", "string", 1),
];

/// What is counted while the containers are walked.
#[derive(Default)]
struct Counts {
    ready: usize,
    restarts: i64,
    last: String,
}

impl Counts {
    fn restarted(&mut self, status: &Value) {
        self.restarts += number(status, "/restartCount");
        let ended = text(status, "/lastState/terminated/finishedAt");
        if ended > self.last.as_str() {
            ended.clone_into(&mut self.last);
        }
    }
}

/// The cells of a pod.
pub(super) fn cells(look: &Look<'_>, pod: &Value) -> Vec<Value> {
    let sidecar = |name: &str| {
        let named = |c: &&Value| text(c, "/name") == name && text(c, "/restartPolicy") == "Always";
        list(pod, "/spec/initContainers").iter().any(|c| named(&c))
    };
    let sidecars = list(pod, "/spec/initContainers").iter().filter(|c| text(c, "/restartPolicy") == "Always").count();
    let total = list(pod, "/spec/containers").len() + sidecars;
    let mut reason = match (text(pod, "/status/reason"), text(pod, "/status/phase")) {
        ("", phase) => phase.to_owned(),
        (reason, _) => reason.to_owned(),
    };
    if condition(pod, "PodScheduled").is_some_and(|c| text(c, "/reason") == "SchedulingGated") {
        "SchedulingGated".clone_into(&mut reason);
    }
    let (mut counts, mut beside) = (Counts::default(), Counts::default());
    let mut initializing = false;
    for (index, status) in list(pod, "/status/initContainerStatuses").iter().enumerate() {
        counts.restarted(status);
        let sidecar = sidecar(text(status, "/name"));
        if sidecar {
            beside.restarted(status);
        }
        if let Some(word) = initial(pod, index, status, sidecar) {
            reason = word;
            initializing = true;
            break;
        }
        if sidecar && status.get("ready") == Some(&Value::Bool(true)) {
            counts.ready += 1;
            beside.ready += 1;
        }
    }
    let initialized = condition(pod, "Initialized").is_some_and(|c| text(c, "/status") == "True");
    if !initializing || initialized {
        counts = beside;
        walk(pod, &mut counts, &mut reason);
    }
    if terminating(pod) {
        match (text(pod, "/status/reason"), text(pod, "/status/phase")) {
            ("NodeLost", _) => "Unknown".clone_into(&mut reason),
            (_, "Succeeded" | "Failed") => {}
            _ => "Terminating".clone_into(&mut reason),
        }
    }
    let restarts = match counts.last.as_str() {
        last if counts.restarts > 0 && !last.is_empty() => format!("{} ({} ago)", counts.restarts, look.ago(last)),
        _ => counts.restarts.to_string(),
    };
    let or_none = |at: &str| if text(pod, at).is_empty() { "<none>" } else { text(pod, at) }.into();
    vec![
        text(pod, "/metadata/name").into(),
        format!("{}/{total}", counts.ready).into(),
        reason.into(),
        restarts.into(),
        look.age(pod),
        or_none("/status/podIP"),
        or_none("/spec/nodeName"),
        "<none>".into(),
        "<none>".into(),
    ]
}

/// The word of an init container that is not done; nothing where the next one is looked at.
fn initial(pod: &Value, index: usize, status: &Value, sidecar: bool) -> Option<String> {
    let ended = status.pointer("/state/terminated");
    if ended.is_some_and(|end| number(end, "/exitCode") == 0) || (sidecar && status.get("started") == Some(&Value::Bool(true))) {
        return None;
    }
    if let Some(end) = ended {
        return Some(match (text(end, "/reason"), number(end, "/signal")) {
            ("", 0) => format!("Init:ExitCode:{}", number(end, "/exitCode")),
            ("", signal) => format!("Init:Signal:{signal}"),
            (reason, _) => format!("Init:{reason}"),
        });
    }
    match text(status, "/state/waiting/reason") {
        "" | "PodInitializing" => Some(format!("Init:{index}/{}", list(pod, "/spec/initContainers").len())),
        waiting => Some(format!("Init:{waiting}")),
    }
}

fn walk(pod: &Value, counts: &mut Counts, reason: &mut String) {
    let mut running = false;
    let mut failed = None;
    for status in list(pod, "/status/containerStatuses").iter().rev() {
        counts.restarted(status);
        let end = status.pointer("/state/terminated");
        if !text(status, "/state/waiting/reason").is_empty() {
            text(status, "/state/waiting/reason").clone_into(reason);
        } else if let Some(end) = end {
            *reason = match (text(end, "/reason"), number(end, "/signal")) {
                ("", 0) => format!("ExitCode:{}", number(end, "/exitCode")),
                ("", signal) => format!("Signal:{signal}"),
                (word, _) => word.to_owned(),
            };
            if number(end, "/exitCode") != 0 {
                failed = Some(reason.clone());
            }
        } else if status.get("ready") == Some(&Value::Bool(true)) && status.pointer("/state/running").is_some() {
            running = true;
            counts.ready += 1;
        }
    }
    if reason.as_str() == "Completed" {
        let ready = condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True");
        match (running, ready, failed) {
            (true, true, _) => "Running".clone_into(reason),
            (_, _, Some(word)) => *reason = word,
            (true, false, None) => "NotReady".clone_into(reason),
            (false, _, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Scenario;
    use crate::world::core::Core;

    #[test]
    fn pods_are_printed_as_a_real_server_prints_them() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conformance/pods.jsonl");
        let scenario = Scenario::read("a.yaml", "{pacenote-scenario: 1, scenario: a, runbook: a.yaml}").unwrap();
        let mut cases = 0;
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let core = Core::new(&scenario, "shop", text(&case, "/captured_at").parse().unwrap());
            let cells = cells(&Look { core: &core }, &case["pod"]);
            let shown: Vec<&str> = cells.iter().skip(1).take(4).filter_map(Value::as_str).collect();
            let expected = ["ready", "status", "restarts", "age"].map(|column| text(&case["expect"], &format!("/{column}")));
            assert_eq!(shown, expected, "{}", text(&case, "/pod/metadata/name"));
            cases += 1;
        }
        assert!(cases > 10);
    }
}
