//! Watches: the changes after a resource version, as they come.

use std::collections::VecDeque;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures::stream;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use super::convert::outgoing;
use super::selector::Selector;
use super::status::Refusal;
use super::table::{self, Shape};
use super::{Answer, Query, Target, parameter};
use crate::world::World;
use crate::world::cluster::Kind;
use crate::world::cluster::store::Change;
use crate::world::core::Core;
use crate::world::json::{Object, text};

/// A watch that does not say how long lasts so long.
const DEFAULT_SECONDS: u64 = 1_800;

/// One open watch.
struct Watch {
    world: World,
    kind: Kind,
    target: Target,
    query: Query,
    shape: Shape,
    namespace: Option<String>,
    selector: Selector,
    /// The revision up to which everything was told.
    told: u64,
    bookmarks: bool,
    until: Instant,
    /// Lines to be sent, oldest first.
    lines: VecDeque<Bytes>,
    over: bool,
}

/// What there is to tell at a moment.
enum Next {
    /// Lines were added.
    Lines,
    /// Nothing yet; something may come at this moment.
    Wait(Option<i64>),
}

/// Opens a watch. Its end, `timeoutSeconds`, is the client's time, however fast the
/// world goes.
pub(super) fn stream(world: &World, target: &Target, query: &Query, headers: &HeaderMap) -> Answer {
    let selector = super::selector(query)?;
    let from = match parameter(query, "resourceVersion") {
        "" | "0" => None,
        text => Some(text.parse().map_err(|_| Refusal::new(400, "BadRequest", format!("invalid resource version: \"{text}\"")))?),
    };
    let seconds = parameter(query, "timeoutSeconds").parse().unwrap_or(DEFAULT_SECONDS);
    let mut watch = Watch {
        world: world.clone(),
        kind: target.resource.kind,
        target: target.clone(),
        query: query.clone(),
        shape: Shape::asked(headers),
        namespace: target.in_namespace().map(str::to_owned),
        selector: if target.name.is_empty() { selector } else { selector.and(named(&target.name)?) },
        told: 0,
        bookmarks: parameter(query, "allowWatchBookmarks") == "true",
        until: Instant::now() + Duration::from_secs(seconds),
        lines: VecDeque::new(),
        over: false,
    };
    let initial = parameter(query, "sendInitialEvents") == "true";
    world.with(|core| watch.begin(core, from, initial));
    let lines = stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) });
    let mut response = Response::new(Body::from_stream(lines));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

fn named(name: &str) -> Result<Selector, Refusal> {
    Selector::fields(&format!("metadata.name={name}")).map_err(|wrong| Refusal::new(400, "BadRequest", wrong))
}

impl Watch {
    /// Without a revision, or where the initial state is asked for, everything there is
    /// comes first as added.
    fn begin(&mut self, core: &Core, from: Option<u64>, initial: bool) {
        let store = &core.cluster.store;
        match from {
            Some(from) if from < store.oldest() => {
                self.line("ERROR", &Refusal::expired(from, store.oldest()).body());
                self.over = true;
                return;
            }
            Some(from) if !initial => {
                self.told = from;
                return;
            }
            _ => {}
        }
        let there: Vec<Object> = store.list(self.kind, self.namespace.as_deref()).map(|(_, object)| object.clone()).collect();
        for object in &there {
            if self.selector.matches(object) {
                self.object(core, "ADDED", object);
            }
        }
        self.told = store.revision();
        if initial {
            self.bookmark(true);
        }
    }

    async fn next(&mut self) -> Option<Result<Bytes, std::convert::Infallible>> {
        let mut changes = self.world.changes();
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(Ok(line));
            }
            if self.over {
                return None;
            }
            changes.borrow_and_update();
            let world = self.world.clone();
            let Next::Wait(due) = world.with(|core| self.look(core)) else { continue };
            if self.over {
                continue;
            }
            let due = due.map_or(self.until, |due| world.instant(due).min(self.until));
            tokio::select! {
                biased;
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(due) => {
                    if Instant::now() >= self.until {
                        world.with(|core| self.look(core));
                        if self.bookmarks {
                            self.bookmark(false);
                        }
                        self.over = true;
                    }
                }
            }
        }
    }

    /// Takes what changed since the last look.
    fn look(&mut self, core: &Core) -> Next {
        if core.faults.api_is_down() || core.faults.login_expired() {
            self.over = true;
            return Next::Wait(None);
        }
        if core.faults.network_is_cut() {
            return Next::Wait(core.next_due());
        }
        let store = &core.cluster.store;
        if self.told < store.oldest() {
            self.line("ERROR", &Refusal::expired(self.told, store.oldest()).body());
            self.over = true;
            return Next::Lines;
        }
        let changes: Vec<Change> = store.since(self.told).filter(|change| self.covers(change)).cloned().collect();
        self.told = self.told.max(store.revision());
        changes.iter().for_each(|change| self.tell(core, change));
        if self.lines.is_empty() { Next::Wait(core.next_due()) } else { Next::Lines }
    }

    fn covers(&self, change: &Change) -> bool {
        change.key.kind == self.kind && self.namespace.as_ref().is_none_or(|namespace| *namespace == change.key.namespace)
    }

    /// An object that comes to match was added for this watch, and one that no longer does
    /// was deleted.
    fn tell(&mut self, core: &Core, change: &Change) {
        let before = change.before.as_ref().is_some_and(|object| self.selector.matches(object));
        let after = self.selector.matches(&change.after);
        match (before, after, change.deleted) {
            (true, _, true) | (true, false, false) => self.object(core, "DELETED", &change.after),
            (true, true, false) => self.object(core, "MODIFIED", &change.after),
            (false, true, false) => self.object(core, "ADDED", &change.after),
            (false, _, _) => {}
        }
    }

    /// Tells of an object, in the form that was asked for.
    fn object(&mut self, core: &Core, kind: &str, object: &Object) {
        match self.shape {
            Shape::Object => {
                let shown = outgoing(self.target.resource, object, &self.target.version()).into_owned();
                self.line(kind, &shown);
            }
            Shape::Metadata => self.line(kind, &table::partial(object)),
            Shape::Table => {
                let metadata = json!({"resourceVersion": text(object, "/metadata/resourceVersion")});
                let rows = table::table(core, &self.target, &self.query, [&**object].into_iter(), &metadata);
                self.line(kind, &rows);
            }
        }
    }

    fn bookmark(&mut self, initial: bool) {
        let kind = self.kind.resource();
        let mut object = json!({"kind": kind.name, "apiVersion": self.target.version(), "metadata": {"resourceVersion": self.told.to_string(), "creationTimestamp": null}});
        match self.kind {
            Kind::Pod => object["spec"] = json!({"containers": []}),
            Kind::Deployment => object["spec"] = json!({"selector": {}, "template": {}}),
            _ => {}
        }
        if initial {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        self.line("BOOKMARK", &object);
    }

    fn line(&mut self, kind: &str, object: &Value) {
        self.lines.push_back(Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")));
    }
}
