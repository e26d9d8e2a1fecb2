//! The list and the watch of pods: what the API server shows, as it shows it.

use std::ops::ControlFlow;
use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::failure::{self, Failure, Kind};
use super::thin::{PodList, ThinPod};
use super::{Pace, Seen, columns};
use crate::live::PodRow;
use crate::signals::KubeTarget;

/// Pods a page.
const PAGE: u32 = 500;
/// No list is longer than this; a server that always has another page is broken.
const MAX_PODS: usize = 100_000;
/// After so many watches in a row that failed, the pods are listed again.
const MISSES: u32 = 5;
/// First and longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The half that asks.
pub(super) struct Follower {
    kube: KubeTarget,
    selector: Option<String>,
    pace: Pace,
    seen: mpsc::Sender<Seen>,
    pause: Duration,
}

/// Nobody receives any more.
struct Closed;

impl Follower {
    pub(super) fn new(kube: KubeTarget, selector: String, pace: Pace, seen: mpsc::Sender<Seen>) -> Self {
        let selector = Some(selector).filter(|selector| !selector.is_empty());
        Self { kube, selector, pace, seen, pause: PAUSES.0 }
    }

    /// Lists and watches until nobody receives.
    pub(super) async fn run(mut self) {
        while self.list_and_watch().await.is_ok() {}
    }

    /// One list, and watches from it for as long as the server remembers.
    async fn list_and_watch(&mut self) -> Result<(), Closed> {
        let mut version = match self.list().await {
            Ok((pods, version)) => {
                self.say(Seen::Listed(pods)).await?;
                version
            }
            Err(failure) => return self.failed(failure).await,
        };
        let mut misses = 0_u32;
        loop {
            let began = Instant::now();
            match self.watch(&mut version).await? {
                ControlFlow::Continue(()) => {
                    // An end is no sign of life, for a connection that broke looks like
                    // one; the opening of the next watch is. A server that ends each watch at once is not to be hammered.
                    if began.elapsed() < Duration::from_secs(1) {
                        self.rest().await;
                    } else {
                        (self.pause, misses) = (PAUSES.0, 0);
                    }
                }
                ControlFlow::Break(failure) => {
                    misses += 1;
                    // A version that the server never comes to (after a restore) is
                    // given up, too.
                    let anew = matches!(failure.kind, Kind::Expired | Kind::Garbled) || misses > MISSES;
                    self.failed(failure).await?;
                    if anew {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// All pods, and the version they are of.
    async fn list(&self) -> Result<(Vec<PodRow>, String), Failure> {
        let mut params = ListParams { label_selector: self.selector.clone(), limit: Some(PAGE), ..ListParams::default() };
        let mut rows = Vec::new();
        loop {
            let request = self.request().list(&params).map_err(kube::Error::BuildRequest).map_err(|e| self.failure(&e))?;
            let answer = timeout(self.pace.answer, self.kube.client.request_text(request)).await;
            let text = answer.map_err(|_| Failure::unanswered(self.pace.answer))?.map_err(|e| self.failure(&e))?;
            let page: PodList = serde_json::from_str(&text)
                .ok()
                .filter(|page: &PodList| page.kind.is_empty() || page.kind.ends_with("List"))
                .ok_or_else(|| {
                    Failure::garbled(
                        "the API server sends what is not a list of pods; check the address, or the proxy in front of it",
                    )
                })?;
            rows.extend(page.items.iter().map(columns::row));
            if page.metadata.continue_token.is_empty() {
                let version = page.metadata.resource_version;
                let known = !version.is_empty();
                return if known {
                    Ok((rows, version))
                } else {
                    Err(Failure::garbled("the list of pods has no resourceVersion"))
                };
            }
            if rows.len() > MAX_PODS {
                return Err(Failure::garbled(format!("the selector matches more than {MAX_PODS} pods; narrow it")));
            }
            params.continue_token = Some(page.metadata.continue_token);
        }
    }

    /// One watch: to its regular end (`Continue`) or to a failure (`Break`). `version` is
    /// kept at the last one seen.
    async fn watch(&mut self, version: &mut String) -> Result<ControlFlow<Failure>, Closed> {
        let params = WatchParams {
            label_selector: self.selector.clone(),
            timeout: Some(self.pace.watch_seconds),
            bookmarks: true,
            ..WatchParams::default()
        };
        let request = match self.request().watch(&params, version) {
            Ok(request) => request,
            Err(error) => return Ok(ControlFlow::Break(self.failure(&kube::Error::BuildRequest(error)))),
        };
        let client = self.kube.client.clone();
        let events = match timeout(self.pace.answer, client.request_events::<ThinPod>(request)).await {
            Err(_) => return Ok(ControlFlow::Break(Failure::unanswered(self.pace.answer))),
            Ok(Err(error)) => return Ok(ControlFlow::Break(self.failure(&error))),
            Ok(Ok(events)) => events,
        };
        let mut events = std::pin::pin!(events);
        self.say(Seen::Alive).await?;
        loop {
            let event = match timeout(self.pace.silence, events.try_next()).await {
                Err(_) => return Ok(ControlFlow::Break(Failure::silent(self.pace.silence))),
                Ok(Err(error)) => return Ok(ControlFlow::Break(self.failure(&error))),
                Ok(Ok(None)) => return Ok(ControlFlow::Continue(())),
                Ok(Ok(Some(event))) => event,
            };
            match event {
                WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
                    remember(version, &pod.metadata.resource_version);
                    self.say(Seen::Applied(Box::new(columns::row(&pod)))).await?;
                }
                WatchEvent::Deleted(pod) => {
                    remember(version, &pod.metadata.resource_version);
                    self.say(Seen::Deleted(pod.metadata.name)).await?;
                }
                WatchEvent::Bookmark(bookmark) => {
                    remember(version, &bookmark.metadata.resource_version);
                    self.say(Seen::Alive).await?;
                }
                WatchEvent::Error(status) => {
                    return Ok(ControlFlow::Break(Failure::status(status.code, &status.message, &self.kube.namespace)));
                }
            }
        }
    }

    fn request(&self) -> Request {
        Request::new(Pod::url_path(&(), Some(&self.kube.namespace)))
    }

    fn failure(&self, error: &kube::Error) -> Failure {
        failure::of(error, &self.kube.namespace)
    }

    async fn say(&self, seen: Seen) -> Result<(), Closed> {
        self.seen.send(seen).await.map_err(|_| Closed)
    }

    /// Says that something failed, and waits before the next attempt.
    async fn failed(&mut self, failure: Failure) -> Result<(), Closed> {
        // To list again at once is what the server asks for; only the second time in a
        // row is something wrong.
        let at_once = failure.kind == Kind::Expired && self.pause == PAUSES.0;
        self.say(Seen::Failed(failure)).await?;
        if at_once {
            self.pause = self.pause.saturating_mul(2);
        } else {
            self.rest().await;
        }
        Ok(())
    }

    async fn rest(&mut self) {
        sleep(self.pause).await;
        self.pause = self.pause.saturating_mul(2).min(PAUSES.1);
    }
}

fn remember(version: &mut String, seen: &str) {
    if !seen.is_empty() {
        seen.clone_into(version);
    }
}
