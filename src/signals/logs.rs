//! Logs of the pods of a selector, followed.
//!
//! New lines are asked for again and again, each container from the last line seen: a
//! cut connection loses nothing and nothing comes twice. Bounded in pods, in bytes an
//! answer and, by the panel, in lines.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream;
use serde_json::Value;

use super::api::{Api, list, text, time};
use super::pods::failure::{Failure, Kind};
use super::poll::{Answer, Ask};
use crate::live::Change;
use crate::redact::{Keep, strip_controls};

/// Containers followed at most, the newest pods first.
const MOST: usize = 20;
/// Requests at the same time.
const AT_ONCE: usize = 4;
/// Bytes of an answer.
const LIMIT: usize = 256 << 10;
/// Lines of before the session.
const TAIL: &str = "50";

/// The logs, asked for again and again.
pub(super) struct Logs {
    pub(super) api: Api,
    pub(super) selector: String,
    /// Only this container of each pod.
    pub(super) container: Option<String>,
    /// Where each container's log was left, by pod and container.
    pub(super) seen: BTreeMap<(String, String), Seen>,
}

/// Where a log was left: the time of the last line as the server writes it, and how many
/// lines had that time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    last: String,
    lines: usize,
}

impl Ask for Logs {
    async fn ask(&mut self, _now: DateTime<Utc>) -> Result<Answer, Failure> {
        let mut pods = self.api.list("/api/v1", "pods", &self.selector).await?.map(|(items, _)| items).unwrap_or_default();
        pods.sort_by_key(|pod| std::cmp::Reverse(time(pod, "/metadata/creationTimestamp")));
        let all: Vec<_> = pods.iter().flat_map(|pod| self.containers(pod)).collect();
        let followed: Vec<_> = all.iter().take(MOST).cloned().collect();
        let mut missing = (all.len() > MOST).then(|| format!("{} containers log; the {MOST} newest are followed", all.len()));
        self.seen.retain(|key, _| all.contains(key));
        let (api, seen) = (&self.api, &self.seen);
        let asked = stream::iter(followed.iter().cloned().map(|key| async move {
            let answer = read(api, &key, seen.get(&key)).await;
            (key, answer)
        }));
        let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        let mut lines = Vec::new();
        let mut failures = 0;
        for (key, answer) in answers {
            match answer {
                Ok(text) => {
                    let seen = self.seen.entry(key.clone()).or_default();
                    lines.extend(news(&text, seen).into_iter().map(|(at, line)| (at, format!("{} {line}", short(&key.0)))));
                }
                // A container that does not run yet, or whose log is gone, is no trouble of ours.
                Err(failure) if failure.kind == Kind::Bad && failure.why.contains(" 400") => {}
                Err(failure) if failure.kind == Kind::Denied => return Err(failure),
                Err(failure) => {
                    failures += 1;
                    if failures == followed.len() {
                        return Err(failure);
                    }
                    missing = Some(format!("the log of {}: {}", key.0, failure.why));
                }
            }
        }
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        let lines = lines.into_iter().map(|(_, line)| line).collect();
        Ok(Answer { changes: vec![Change::Logged(lines, followed.len())], degraded: missing, ..Answer::default() })
    }
}

impl Logs {
    /// Pod and container of each container that may log.
    fn containers(&self, pod: &Value) -> Vec<(String, String)> {
        let name = text(pod, "/metadata/name");
        let containers = list(pod, "/spec/containers").iter().map(|c| text(c, "/name"));
        let wanted = containers.filter(|c| self.container.as_ref().is_none_or(|wanted| wanted == c));
        wanted.map(|container| (name.to_owned(), container.to_owned())).collect()
    }
}

/// What a container has logged since.
async fn read(api: &Api, (pod, container): &(String, String), seen: Option<&Seen>) -> Result<String, Failure> {
    let limit = LIMIT.to_string();
    let mut query = vec![("container", container.as_str()), ("timestamps", "true"), ("limitBytes", limit.as_str())];
    match seen.filter(|seen| !seen.last.is_empty()) {
        Some(seen) => query.push(("sinceTime", seen.last.as_str())),
        None => query.push(("tailLines", TAIL)),
    }
    // A pod that went in between has no log.
    Ok(api.text("/api/v1", &format!("pods/{pod}/log"), &query).await?.unwrap_or_default())
}

/// The lines that were not there before, with the time the server gives them. The server
/// answers from the second of the last line on.
fn news(text: &str, seen: &mut Seen) -> Vec<(String, String)> {
    let before = seen.clone();
    let mut skip = before.lines;
    let cut = text.len() >= LIMIT && !text.ends_with('\n');
    let count = text.lines().count();
    let mut lines = Vec::new();
    for (n, line) in text.lines().enumerate() {
        // The last line of an answer that was cut comes whole with the next one.
        if cut && n + 1 == count && n > 0 {
            break;
        }
        let (at, words) = line.split_once(' ').unwrap_or((line, ""));
        if order(at) < order(&before.last) {
            continue;
        }
        if at == before.last && skip > 0 {
            skip -= 1;
            continue;
        }
        if at == seen.last {
            seen.lines += 1;
        } else {
            *seen = Seen { last: at.to_owned(), lines: 1 };
        }
        lines.push((at.to_owned(), strip_controls(words, Keep::NOTHING)));
    }
    lines
}

/// A time to compare by; what is none comes first.
fn order(at: &str) -> Option<DateTime<Utc>> {
    at.parse().ok()
}

/// The end of a pod's name, which tells it from its like.
fn short(pod: &str) -> String {
    format!("{:<5}", pod.rsplit('-').next().unwrap_or(pod))
}

#[cfg(test)]
mod tests;
