//! What the processes in pods write.

use serde_json::Value;

use super::{Cluster, Millis};
use crate::world::json::{label, number, text, version_of_image};
use crate::world::metrics::noise;

/// A log keeps so many lines; older ones were rotated away.
const KEPT: Millis = 10_000;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// When, in the world's time.
    pub(crate) at: Millis,
    /// The same as it is written.
    pub(crate) time: String,
    /// What the process wrote.
    pub(crate) text: String,
}

impl Cluster {
    /// The log of a pod's container, or of the one before it, from a moment on: a line a
    /// second of what its version does, and why it ended if it did.
    pub(crate) fn pod_log(&self, pod: &Value, previous: bool, from: Millis) -> Vec<LogLine> {
        let status = "/status/containerStatuses/0";
        let state = match previous {
            true => format!("{status}/lastState/terminated"),
            false if pod.pointer(&format!("{status}/state/running")).is_some() => format!("{status}/state/running"),
            false if pod.pointer(&format!("{status}/state/terminated")).is_some() => format!("{status}/state/terminated"),
            // A container that waits to be started again shows what the last one wrote.
            false => format!("{status}/lastState/terminated"),
        };
        let Some(began) = self.millis_of(text(pod, &format!("{state}/startedAt"))) else { return Vec::new() };
        let ended = self.millis_of(text(pod, &format!("{state}/finishedAt")));
        let end = ended.unwrap_or(self.now()).min(self.now());
        let first = ((from.saturating_sub(began)).max(0) + 999) / 1_000;
        let last = (end - began) / 1_000;
        let mut lines: Vec<LogLine> = (first.max(last - KEPT)..last).map(|second| self.line(pod, began, second)).collect();
        if let Some(ended) = ended.filter(|ended| *ended >= from) {
            let code = number(pod, &format!("{state}/exitCode"));
            // What the kernel kills says nothing.
            match text(pod, &format!("{state}/reason")) {
                "OOMKilled" => {}
                "Completed" => lines.push(self.said(pod, ended, "info", "done")),
                _ => lines.push(self.said(pod, ended, "fatal", &format!("unrecoverable error, exit {code}"))),
            }
        }
        lines
    }

    fn line(&self, pod: &Value, began: Millis, second: i64) -> LogLine {
        let at = began + second * 1_000;
        if second == 0 {
            return self.said(pod, at, "info", "listening on :8080");
        }
        let image = text(pod, "/spec/containers/0/image");
        let behaviour = self.catalogue.behaviour(label(pod, "app").unwrap_or_default(), image).unwrap_or_default();
        let chance = (noise(0x10c, text(pod, "/metadata/name"), second) + 1.0) * 50.0;
        match chance < behaviour.errors {
            true => self.said(pod, at, "error", "request failed status=500"),
            false => self.said(pod, at, "info", "request served"),
        }
    }

    fn said(&self, pod: &Value, at: Millis, level: &str, message: &str) -> LogLine {
        let time = self.timestamp_after(at - self.now());
        let version = version_of_image(text(pod, "/spec/containers/0/image"));
        LogLine { at, text: format!("{time} level={level} version={version} msg=\"{message}\""), time }
    }
}
