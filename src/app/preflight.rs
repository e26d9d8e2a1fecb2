//! Can this be run from here, now: asked before a session, of everything it would need.
//!
//! The questions are those a session asks, in the same code: what may start
//! ([`Neighbourhood`]), what signals read (`signals`), what rights a runbook needs
//! ([`Needs`]). Nothing is changed, run or taken; a secret is looked for and not read. All
//! questions go out at once, and none waits for ever: what has not been answered in time
//! is *unknown*, which is no pass.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::doors::wall;
use super::entry::Neighbourhood;
use super::watch::{self, Headers};
use crate::clock::Clock;
use crate::coordination::Lock;
use crate::ports::{Cluster, HttpPort};
use crate::runbook::model::SecretSource;
use crate::session::Session;
use crate::session::admission::Admission;
use crate::session::needs::{Needs, Object};
use crate::session::reading::Reading;
use crate::signals::{KubeTarget, ResolvedSource, SignalPorts};

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Worth a look, and in nobody's way.
    Warn,
    /// A session would be refused, or fail at this.
    Fail,
    /// It could not be found out.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What.
    pub about: String,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// It is unknown because it is never asked before a session, and not for a failure.
    #[serde(skip)]
    pub never_asked: bool,
}

impl Line {
    fn new(about: impl Into<String>, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { about: about.into(), verdict, found: found.into(), next: None, never_asked: false }
    }

    fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    fn never_asked(about: impl Into<String>, why: impl Into<String>) -> Self {
        Self { never_asked: true, ..Self::new(about, Verdict::Unknown, why) }
    }

    /// Whether nothing of it keeps anybody.
    pub fn is_good(&self) -> bool {
        self.verdict == Verdict::Pass || self.never_asked
    }

    /// Whether a session that begins all the same deviates from it.
    pub fn is_deviated_from(&self) -> bool {
        !self.never_asked && matches!(self.verdict, Verdict::Fail | Verdict::Unknown)
    }
}

/// What is asked at once, and answered as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Window, freezes, `require`, the lock.
    Start,
    /// The cluster, the rights there, the objects.
    Cluster,
    /// What signals read.
    Signals,
    /// Secrets and programs of this machine.
    Machine,
}

impl Part {
    /// All of them, in the order of their lines.
    pub const ALL: [Self; 4] = [Self::Start, Self::Cluster, Self::Signals, Self::Machine];

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "whether it may start",
            Self::Cluster => "the cluster and the rights",
            Self::Signals => "the signals",
            Self::Machine => "secrets and programs",
        }
    }
}

/// What the questions are asked of.
pub struct Around<'a> {
    /// The session as it would be opened.
    pub draft: &'a Session,
    /// The time.
    pub clock: Clock,
    /// Its cluster, or why there is none although the environment names one.
    pub cluster: Result<Option<&'a Cluster>, String>,
    /// The door to HTTP.
    pub http: HttpPort,
    /// Other sessions.
    pub neighbours: &'a Neighbourhood,
    /// Where the runbook lies.
    pub folder: &'a Path,
    /// Secrets that headers of signals need.
    pub headers: Headers,
}

/// Asks everything.
pub async fn ask(around: &Around<'_>) -> Vec<Line> {
    let lines = Mutex::new(Vec::new());
    tell(around, &|part, of_part| lines.lock().unwrap_or_else(PoisonError::into_inner).push((part, of_part))).await;
    let mut lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    lines.sort_by_key(|(part, _)| Part::ALL.iter().position(|known| known == part));
    lines.into_iter().flat_map(|(_, lines)| lines).collect()
}

/// Asks everything, and tells each part once it is answered.
pub async fn tell(around: &Around<'_>, told: &(dyn Fn(Part, Vec<Line>) + Sync)) {
    let needs = Needs::of(around.draft.plan());
    let mut machine: Vec<Line> = needs.secrets.iter().filter_map(|source| secret(source, around.folder)).collect();
    machine.extend(needs.programs.iter().map(|program| found_program(program, around.folder)));
    machine.extend(needs.open.iter().map(|open| Line::never_asked("rights", format!("not told by the runbook: {open}"))));
    told(Part::Machine, machine);
    tokio::join!(
        async { told(Part::Start, entry(around).await) },
        async { told(Part::Cluster, in_cluster(around, &needs).await) },
        async { told(Part::Signals, signals(around).await) },
    );
}

/// Window, freezes, `require`, the lock.
async fn entry(around: &Around<'_>) -> Vec<Line> {
    let late = || vec![Line::new("start", Verdict::Unknown, "whether it may start was not found out in time")];
    let judged = async {
        let entry = around.neighbours.judge(around.draft, None, around.clock.now().wall, around.folder).await;
        let mut lines = match entry.admission {
            Admission::Refused(objections) => objections
                .into_iter()
                .map(|objection| Line::new(objection.rule, Verdict::Fail, objection.text).next(objection.hint))
                .collect(),
            Admission::Granted { notices, .. } if notices.is_empty() => {
                vec![Line::new("start", Verdict::Pass, entry.window.unwrap_or_else(|| "nothing keeps it from starting".into()))]
            }
            Admission::Granted { notices, .. } => {
                notices.into_iter().map(|notice| Line::new("start", Verdict::Warn, notice)).collect()
            }
        };
        lines.extend(entry.troubles.into_iter().map(|trouble| Line::new("start", Verdict::Unknown, trouble)));
        if around.cluster.is_err() {
            lines.push(Line::new("freeze", Verdict::Unknown, "whether the cluster knows of a freeze cannot be seen"));
        }
        lines.extend(lock(around).await);
        lines
    };
    tokio::time::timeout(PATIENCE, judged).await.unwrap_or_else(|_| late())
}

/// Whether the lock could be taken.
async fn lock(around: &Around<'_>) -> Option<Line> {
    let name = around.draft.opened().lock.as_ref()?;
    if let Err(why) = &around.cluster {
        return Some(Line::new("lock", Verdict::Unknown, format!("whether `{name}` is free cannot be seen: {why}")));
    }
    Some(match Lock::look(&around.neighbours.locks(), name).await {
        Ok(None) => Line::new("lock", Verdict::Pass, format!("`{name}` is free")),
        Ok(Some(holding)) => Line::new("lock", Verdict::Fail, format!("`{name}` is held by {holding}"))
            .next("wait for its holder, or ask them; `--take-over REASON` takes over one that is not renewed"),
        Err(why) => Line::new("lock", Verdict::Unknown, format!("whether `{name}` is free cannot be seen: {why}")),
    })
}

/// The server, the rights and the objects.
async fn in_cluster(around: &Around<'_>, needs: &Needs) -> Vec<Line> {
    let cluster = match &around.cluster {
        Ok(Some(cluster)) => *cluster,
        Ok(None) => return Vec::new(),
        Err(why) => return vec![Line::new("cluster", Verdict::Fail, why).next("check the context and your login")],
    };
    let place = format!("{} in namespace {}", cluster.context, cluster.namespace);
    let there = match tokio::time::timeout(PATIENCE, cluster.probe()).await {
        Ok(Ok(version)) => Line::new("cluster", Verdict::Pass, format!("{place}: {version} at {}", cluster.server)),
        Ok(Err(why)) => {
            return vec![Line::new("cluster", Verdict::Fail, why).next("check the address, the network and your login")];
        }
        Err(_) => {
            let found = format!("{place}: {} does not answer within {} s", cluster.server, PATIENCE.as_secs());
            return vec![Line::new("cluster", Verdict::Fail, found).next("check the network and the VPN")];
        }
    };
    let rights = needs.rights.iter().flat_map(|(object, verbs)| verbs.iter().map(move |verb| (object, *verb)));
    let rights = join_all(rights.map(|(object, verb)| right(cluster, object, verb)));
    let named = needs.rights.iter().filter(|(object, verbs)| {
        // What a secret is, is not read; a Lease is there only while it is held.
        let looked_at = !matches!(object.resource.as_str(), "secrets" | "leases") && !object.resource.contains('/');
        object.name.is_some() && verbs.contains("get") && looked_at
    });
    let objects = join_all(named.map(|(object, _)| object_line(cluster, object)));
    let (rights, objects) = tokio::join!(rights, objects);
    let mut lines = vec![there];
    let granted = rights.iter().filter(|line| line.verdict == Verdict::Pass).count();
    if granted == rights.len() {
        lines.push(Line::new("rights", Verdict::Pass, format!("all {granted} that the runbook needs")));
    } else {
        lines.extend(rights.into_iter().filter(|line| line.verdict != Verdict::Pass));
    }
    lines.extend(objects.into_iter().flatten());
    lines
}

/// Sends a request that reads, or a review, within the time there is.
async fn send(cluster: &Cluster, request: http::Request<Vec<u8>>) -> Result<Value, (u16, String)> {
    match tokio::time::timeout(PATIENCE, cluster.client.request::<Value>(request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err((status.code, status.message.clone())),
        Ok(Err(error)) => Err((0, error.to_string())),
        Err(_) => Err((0, format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// Whether the server grants one right, by its own review.
async fn right(cluster: &Cluster, object: &Object, verb: &str) -> Line {
    let (resource, sub) = object.resource.split_once('/').unwrap_or((&object.resource, ""));
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {
        "namespace": cluster.namespace, "verb": verb, "group": object.group, "resource": resource, "subresource": sub,
        "name": object.name.clone().unwrap_or_default()}}});
    let name = object.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let what = format!("{verb} {}{name}", object.resource);
    let request = http::Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(review.to_string().into_bytes());
    let Ok(request) = request else { return Line::new("rights", Verdict::Unknown, format!("{what} cannot be asked about")) };
    match send(cluster, request).await {
        Ok(answer) if answer.pointer("/status/allowed") == Some(&Value::Bool(true)) => Line::new("rights", Verdict::Pass, what),
        Ok(answer) => {
            let reason = answer.pointer("/status/reason").and_then(Value::as_str).filter(|r| !r.is_empty());
            let found = reason.map_or_else(|| format!("{what} is not allowed"), |r| format!("{what} is not allowed: {r}"));
            Line::new("rights", Verdict::Fail, found).next("`pacenote rbac` prints the Role to ask for")
        }
        Err((_, why)) => Line::new("rights", Verdict::Unknown, format!("whether {what} is allowed cannot be asked: {why}")),
    }
}

/// Whether an object is there, and who else looks after it.
async fn object_line(cluster: &Cluster, object: &Object) -> Vec<Line> {
    let name = object.name.clone().unwrap_or_default();
    let prefix = if object.group.is_empty() {
        format!("/api/{}", object.version)
    } else {
        format!("/apis/{}/{}", object.group, object.version)
    };
    let about = format!("{}/{name}", object.resource);
    let path = format!("{prefix}/namespaces/{}/{}/{name}", cluster.namespace, object.resource);
    let Ok(request) = http::Request::get(path).body(Vec::new()) else {
        return vec![Line::new(about, Verdict::Unknown, "its name cannot stand in an address")];
    };
    match send(cluster, request).await {
        Ok(found) => {
            let mut lines = vec![Line::new(&about, Verdict::Pass, "is there")];
            lines.extend(gitops(&found).map(|owner| {
                Line::new(about, Verdict::Warn, format!("is looked after by {owner}, which may put back what a session changes"))
                    .next("pause its reconciliation for the session, or make the change there")
            }));
            lines
        }
        Err((404, _)) => vec![Line::new(about, Verdict::Fail, "is not there").next("check the name, and the environment")],
        Err((_, why)) => vec![Line::new(about, Verdict::Unknown, why)],
    }
}

/// Who keeps an object as it is written elsewhere, by the marks they leave.
fn gitops(object: &Value) -> Option<&'static str> {
    let marks = [
        ("labels", "argocd.argoproj.io/instance", "Argo CD"),
        ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
        ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
        ("labels", "helm.toolkit.fluxcd.io/name", "Flux"),
    ];
    let marked = |part: &str, key: &str| object.pointer(&format!("/metadata/{part}")).is_some_and(|m| m.get(key).is_some());
    marks.iter().find(|(part, key, _)| marked(part, key)).map(|(_, _, owner)| *owner)
}

/// What each signal reads first.
async fn signals(around: &Around<'_>) -> Vec<Line> {
    let resolved = match watch::resolve(around.draft, around.clock.now(), &around.headers) {
        Ok(resolved) => resolved,
        Err(why) => return vec![Line::new("signals", Verdict::Fail, why).next("correct it in the runbook, or give its inputs")],
    };
    let cluster = around.cluster.as_ref().ok().copied().flatten();
    let (mut lines, mut asked) = (Vec::new(), Vec::new());
    for signal in resolved {
        let about = format!("signal {}", signal.name);
        match &signal.source {
            ResolvedSource::Http(_) | ResolvedSource::Prometheus(_) => asked.push(signal),
            ResolvedSource::Command { .. } => lines.push(Line::never_asked(about, "a command is not run before the session")),
            _ if cluster.is_some() => asked.push(signal),
            _ => lines.push(Line::new(about, Verdict::Unknown, "there is no cluster to read it from")),
        }
    }
    let names: Vec<String> = asked.iter().map(|signal| signal.name.clone()).collect();
    let kube = cluster.map(KubeTarget::from);
    let ports = SignalPorts { http: around.http.clone(), kube, commands: None, clock: wall(around.clock) };
    let (send, mut receive) = mpsc::channel(256);
    let watching = match crate::signals::start(asked, &ports, &send) {
        Ok(watching) => watching,
        Err(errors) => {
            lines.extend(errors.iter().map(|error| Line::new("signals", Verdict::Fail, error.to_string())));
            return lines;
        }
    };
    let mut first: Vec<(String, Option<Reading>)> = names.into_iter().map(|name| (name, None)).collect();
    let gather = async {
        while first.iter().any(|(_, reading)| reading.is_none()) {
            let Some(message) = receive.recv().await else { return };
            if let Some((name, reading)) = message.reading
                && let Some((_, slot)) = first.iter_mut().find(|(known, _)| *known == name)
            {
                slot.get_or_insert(reading);
            }
        }
    };
    // Too late is told below, of each that has not answered.
    let _ = tokio::time::timeout(PATIENCE, gather).await;
    watching.stop().await;
    lines.extend(first.into_iter().map(|(name, reading)| signal_line(&name, reading)));
    lines
}

fn signal_line(name: &str, reading: Option<Reading>) -> Line {
    let about = format!("signal {name}");
    let Some(reading) = reading else {
        return Line::new(about, Verdict::Unknown, format!("no reading within {} s", PATIENCE.as_secs()))
            .next("check its address, and whether it can be reached from here");
    };
    let values: Vec<String> = reading.members.iter().map(|(name, value)| format!("{name} {value}")).collect();
    match (reading.problem, reading.ok) {
        (None, Some(false)) => Line::new(about, Verdict::Fail, "the check does not pass now"),
        (None, _) => Line::new(about, Verdict::Pass, values.join(", ")),
        (Some(problem), _) => Line::new(about, Verdict::Fail, problem).next("a gate or guard on it cannot be judged like this"),
    }
}

/// Whether a secret is there, without reading it. One of the cluster is among the rights.
fn secret(source: &SecretSource, folder: &Path) -> Option<Line> {
    let (about, there, next) = match source {
        SecretSource::Env(name) => {
            (format!("variable {name}"), std::env::var_os(name).is_some_and(|value| !value.is_empty()), "set it before you start")
        }
        SecretSource::File(path) => (format!("file {path}"), folder.join(path).is_file(), "put it there, readable by you alone"),
        SecretSource::Command(argv) => return argv.first().map(|program| found_program(program, folder)),
        SecretSource::Kubernetes { .. } => return None,
    };
    Some(if there {
        Line::new(about, Verdict::Pass, "is set")
    } else {
        Line::new(about, Verdict::Fail, "is not there, and a secret comes from it").next(next)
    })
}

/// Whether a program can be found, as a command would look for it.
fn found_program(program: &str, folder: &Path) -> Line {
    let about = format!("program {program}");
    let places: Vec<PathBuf> = if program.contains('/') {
        vec![folder.join(program)]
    } else {
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).map(|p| p.join(program)).collect()).unwrap_or_default()
    };
    match places.into_iter().find(|place| place.is_file()) {
        Some(place) => Line::new(about, Verdict::Pass, place.display().to_string()),
        None => Line::new(about, Verdict::Fail, "is not found").next("install it, or correct its name or PATH"),
    }
}

#[cfg(test)]
mod tests;
