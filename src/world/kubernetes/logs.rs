//! The logs of pods: what there is, and what comes while one watches.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::stream;
use serde_json::Value;
use tokio::time::{Duration, Instant};

use super::status::Refusal;
use super::{Answer, Query, Target, parameter, write};
use crate::world::World;
use crate::world::cluster::{Key, LogLine, Millis};
use crate::world::core::Core;
use crate::world::json::{list, text};

/// A log is followed no longer than this, on the client's clock.
const LONGEST: Duration = Duration::from_secs(4 * 3_600);

/// What of a log is asked for.
#[derive(Debug, Clone)]
struct Asked {
    key: Key,
    uid: String,
    previous: bool,
    timestamps: bool,
    /// Nothing that was written before this moment.
    from: Millis,
}

/// Answers for the log of a pod.
pub(super) fn answer(world: &World, target: &Target, query: &Query) -> Answer {
    let (asked, mut lines) = world.with(|core| begin(core, target, query))?;
    if let Ok(tail) = parameter(query, "tailLines").parse::<usize>() {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut text: String = lines.iter().map(|line| asked.shown(line)).collect();
    if let Ok(limit) = parameter(query, "limitBytes").parse::<usize>() {
        let end = (0..=limit.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
    if parameter(query, "follow") != "true" || asked.previous {
        return Ok(crate::world::answer::text(200, &text));
    }
    let told = lines.last().map_or(asked.from, |line| line.at + 1);
    let follow =
        Follow { world: world.clone(), asked: Asked { from: told, ..asked }, first: Some(text), until: Instant::now() + LONGEST };
    let chunks = stream::unfold(follow, |mut follow| async move { Some((follow.next().await?, follow)) });
    let mut response = Response::new(Body::from_stream(chunks));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

fn begin(core: &mut Core, target: &Target, query: &Query) -> Result<(Asked, Vec<LogLine>), Refusal> {
    let pod = write::find(&core.cluster, &target.key())?;
    let bad = |message: String| Refusal::new(400, "BadRequest", message);
    let names: Vec<&str> = list(&pod, "/spec/containers").iter().map(|container| text(container, "/name")).collect();
    let container = match parameter(query, "container") {
        "" => names.first().copied().unwrap_or_default(),
        named if names.contains(&named) => named,
        other => return Err(bad(format!("container {other} is not valid for pod {}", target.name))),
    };
    let previous = parameter(query, "previous") == "true";
    let state = pod.pointer("/status/containerStatuses/0/state").cloned().unwrap_or(Value::Null);
    let last = pod.pointer("/status/containerStatuses/0/lastState/terminated");
    if previous && last.is_none() {
        return Err(bad(format!("previous terminated container \"{container}\" in pod \"{}\" not found", target.name)));
    }
    if !previous && last.is_none() && state.get("running").is_none() && state.get("terminated").is_none() {
        let reason = text(&state, "/waiting/reason");
        let why = match reason {
            "ErrImagePull" => "image can't be pulled".to_owned(),
            "ImagePullBackOff" => "trying and failing to pull image".to_owned(),
            "" => "ContainerCreating".to_owned(),
            other => other.to_owned(),
        };
        return Err(bad(format!("container \"{container}\" in pod \"{}\" is waiting to start: {why}", target.name)));
    }
    let asked = Asked {
        key: target.key(),
        uid: text(&pod, "/metadata/uid").to_owned(),
        previous,
        timestamps: parameter(query, "timestamps") == "true",
        from: since(core, query)?,
    };
    let lines = asked.lines(core);
    Ok((asked, lines))
}

fn since(core: &Core, query: &Query) -> Result<Millis, Refusal> {
    let (time, seconds) = (parameter(query, "sinceTime"), parameter(query, "sinceSeconds"));
    let wrong = |name: &str, value: &str| Refusal::new(400, "BadRequest", format!("invalid {name}: \"{value}\""));
    if !time.is_empty() {
        return core.cluster.millis_of(time).ok_or_else(|| wrong("sinceTime", time));
    }
    if !seconds.is_empty() {
        let seconds: i64 = seconds.parse().map_err(|_| wrong("sinceSeconds", seconds))?;
        return Ok(core.now().saturating_sub(seconds.saturating_mul(1_000)));
    }
    Ok(Millis::MIN)
}

impl Asked {
    fn lines(&self, core: &Core) -> Vec<LogLine> {
        let pod = core.cluster.store.get(&self.key).filter(|pod| text(pod, "/metadata/uid") == self.uid);
        pod.map_or_else(Vec::new, |pod| core.cluster.pod_log(pod, self.previous, self.from))
    }

    fn shown(&self, line: &LogLine) -> String {
        match self.timestamps {
            true => format!("{} {}\n", line.time, line.text),
            false => format!("{}\n", line.text),
        }
    }
}

/// A log that is followed.
struct Follow {
    world: World,
    asked: Asked,
    first: Option<String>,
    until: Instant,
}

impl Follow {
    async fn next(&mut self) -> Option<Result<Bytes, std::convert::Infallible>> {
        if let Some(first) = self.first.take().filter(|text| !text.is_empty()) {
            return Some(Ok(first.into()));
        }
        loop {
            let asked = &self.asked;
            let (lines, over) = self.world.with(|core| {
                let pod = core.cluster.store.get(&asked.key).filter(|pod| text(pod, "/metadata/uid") == asked.uid);
                let running = pod.is_some_and(|pod| pod.pointer("/status/containerStatuses/0/state/running").is_some());
                (asked.lines(core), !running || core.faults.api_is_down())
            });
            if let Some(last) = lines.last() {
                let text: String = lines.iter().map(|line| asked.shown(line)).collect();
                self.asked.from = last.at + 1;
                return Some(Ok(text.into()));
            }
            if over || Instant::now() >= self.until {
                return None;
            }
            self.world.sleep(500).await;
        }
    }
}
