//! Walks runbooks and notes everything they would run, contact, read and change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Item, Kind, Section};
use crate::runbook::Runbook;
use crate::runbook::Value;
use crate::runbook::expression::{Part, Scope, Template, Unknown};
use crate::runbook::model::{
    Action, Choices, Environment, HttpRequest, Input, InputKind, Kubernetes, Program, ResourceRef, Run, SecretSource,
    SignalSource, Step, TextOrSecret, Undo, UndoTo, WorkloadKind, WorkloadRef,
};

/// Everything the runbooks hold, each thing once.
pub(super) fn sections(runbooks: &[(&str, &Runbook)]) -> Vec<Section> {
    let mut found = Found::default();
    // A called file runs in its caller's environment.
    let environments = runbooks.first().map_or(&[][..], |(_, runbook)| &runbook.environments);
    for (n, (name, runbook)) in runbooks.iter().enumerate() {
        let mut walk = Walk { file: (n > 0).then_some(*name), environments, found: &mut found };
        walk.runbook(runbook);
    }
    let mut notes = found.0;
    Kind::ALL
        .into_iter()
        .filter_map(|kind| {
            let items: Vec<Item> = notes.remove(&kind)?;
            (!items.is_empty()).then_some(Section { kind, items })
        })
        .collect()
}

/// The name in a host as it is shown; none where only the run will know it.
pub(super) fn host_name(shown: &str) -> Option<String> {
    if shown.contains("${{") {
        return None;
    }
    let authority = shown.split_once("://").map_or(shown, |(_, rest)| rest);
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map(|(address, _)| address.to_owned());
    }
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[derive(Default)]
struct Found(BTreeMap<Kind, Vec<Item>>);

impl Found {
    fn add(&mut self, kind: Kind, text: String, place: &str) {
        let items = self.0.entry(kind).or_default();
        match items.iter_mut().find(|item| item.text == text) {
            Some(item) if item.places.iter().any(|known| known == place) => {}
            Some(item) => item.places.push(place.to_owned()),
            None => items.push(Item { text, places: vec![place.to_owned()] }),
        }
    }
}

/// What is known of an environment before anything runs.
struct Known<'a>(&'a Environment);

impl Scope for Known<'_> {
    fn get(&self, path: &[String]) -> Result<Value, Unknown> {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let unknown = || Unknown("known when it runs".to_owned());
        match parts.as_slice() {
            ["env", "name"] => Ok(Value::from(self.0.name.as_str())),
            ["env", "vars", name] => {
                self.0.vars.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

struct Walk<'a, 'b> {
    file: Option<&'a str>,
    environments: &'a [Environment],
    found: &'b mut Found,
}

impl Walk<'_, '_> {
    fn runbook(&mut self, runbook: &Runbook) {
        if self.file.is_none() {
            runbook.environments.iter().for_each(|environment| self.environment(environment));
        }
        self.inputs(&runbook.inputs, "input");
        for signal in &runbook.signals {
            self.signal(&format!("signal {}", signal.name), &signal.source);
        }
        for target in &runbook.notify {
            let place = format!("notify {}", target.name);
            match &target.url {
                TextOrSecret::Text(url) => self.host(url, &place),
                TextOrSecret::Secret(source) => {
                    self.secret(source, &place);
                    self.add(Kind::Hosts, format!("the address in {}", named(source)), &place);
                }
            }
            self.headers(&target.headers, &place);
        }
        self.steps(&runbook.steps, "");
        self.steps(&runbook.finally, "finally/");
        for procedure in &runbook.procedures {
            self.inputs(&procedure.params, &format!("param {}", procedure.id));
            self.steps(&procedure.steps, &format!("{}/", procedure.id));
        }
    }

    fn environment(&mut self, environment: &Environment) {
        let place = format!("environment {}", environment.name);
        if let Some(cluster) = &environment.kubernetes {
            let context = cluster.context.as_ref().map_or("the current context".to_owned(), |c| format!("context {c}"));
            let namespace = cluster.namespace.as_ref().map_or("its namespace".to_owned(), |n| format!("namespace {n}"));
            self.add(Kind::Clusters, format!("{context}, {namespace}"), &place);
        }
        if let Some(prometheus) = &environment.prometheus {
            self.host(&prometheus.url, &place);
            self.headers(&prometheus.headers, &place);
        }
        let evidence = environment.require.iter().flat_map(|require| &require.evidence);
        for address in evidence.filter(|address| address.contains("://")) {
            self.add(Kind::Hosts, origin(address), &place);
        }
    }

    fn inputs(&mut self, inputs: &[Input], place: &str) {
        for input in inputs {
            let place = format!("{place} {}", input.name);
            match &input.kind {
                InputKind::Secret(Some(source)) => self.secret(source, &place),
                InputKind::Choice(Choices::Command { command, .. }) => self.command(command, &place),
                _ => {}
            }
        }
    }

    fn signal(&mut self, place: &str, source: &SignalSource) {
        match source {
            SignalSource::Http(check) => {
                self.host(&check.url, place);
                self.headers(&check.headers, place);
            }
            SignalSource::Command { command, .. } => self.command(command, place),
            SignalSource::Pods { .. }
            | SignalSource::Rollout { .. }
            | SignalSource::Resources { .. }
            | SignalSource::Events { .. }
            | SignalSource::Logs { .. } => self.cluster_without_environment(place),
            SignalSource::Prometheus { .. } => {}
        }
    }

    fn steps(&mut self, steps: &[Step], list: &str) {
        for step in steps {
            let place = format!("step {list}{}", step.id);
            self.action(&step.action, &place, &format!("{list}{}/", step.id));
            if let Some(Undo::Action(action)) = &step.undo {
                self.action(action, &format!("undo of {list}{}", step.id), list);
            }
            if let Some(look) = &step.look {
                self.action(&look.action, &format!("look of {list}{}", step.id), list);
            }
        }
    }

    fn action(&mut self, action: &Action, place: &str, below: &str) {
        match action {
            Action::Run(run) => self.run(run, place),
            Action::Http(request) => self.http(request, place),
            Action::Kubernetes(request) => self.kubernetes(request, place),
            Action::Input(inputs) => self.inputs(inputs, place),
            Action::Parallel(steps) => self.steps(steps, below),
            Action::Confirm(_)
            | Action::Checklist(_)
            | Action::Decide(_)
            | Action::Approve(_)
            | Action::Gate(_)
            | Action::Wait(_)
            | Action::Notify(_)
            | Action::Call(_)
            | Action::UndoAll
            | Action::Freeze { .. } => {}
        }
    }

    fn run(&mut self, run: &Run, place: &str) {
        match &run.program {
            Program::Command(command) => self.command(command, place),
            Program::Script { script, shell } => {
                let shell = shell.as_ref().map_or("/bin/sh -eu".to_owned(), |words| words.join(" "));
                self.add(Kind::Scripts, format!("#!{shell}\n{}", script.value), place);
            }
        }
        self.headers(&run.env, place);
        if let Some(TextOrSecret::Secret(source)) = &run.stdin {
            self.secret(source, place);
        }
    }

    fn http(&mut self, request: &HttpRequest, place: &str) {
        self.host(&request.url, place);
        self.headers(&request.headers, place);
        if !["GET", "HEAD"].contains(&request.method.as_str()) {
            for url in self.in_each_environment(&request.url) {
                self.add(Kind::HttpChanges, format!("{} {url}", request.method), place);
            }
        }
    }

    fn kubernetes(&mut self, request: &Kubernetes, place: &str) {
        self.cluster_without_environment(place);
        if let Some(text) = change(request) {
            self.add(Kind::ClusterChanges, text, place);
        }
    }

    /// Without environments a cluster is whatever the kubeconfig says at the time.
    fn cluster_without_environment(&mut self, place: &str) {
        if self.environments.is_empty() {
            self.add(Kind::Clusters, "the current context, its namespace".to_owned(), place);
        }
    }

    fn command(&mut self, command: &[Template], place: &str) {
        // Words resolved together, or two environments would mix in one line.
        let line = |environment: Option<&Environment>| {
            command.iter().map(|word| quoted(&resolved(word, environment))).collect::<Vec<_>>().join(" ")
        };
        for text in self.each_environment(line) {
            self.add(Kind::Commands, text, place);
        }
    }

    fn host(&mut self, url: &Template, place: &str) {
        let origins: BTreeSet<String> = self.in_each_environment(url).iter().map(|url| origin(url)).collect();
        for origin in origins {
            self.add(Kind::Hosts, origin, place);
        }
    }

    fn headers(&mut self, headers: &[(String, TextOrSecret)], place: &str) {
        for (_, value) in headers {
            if let TextOrSecret::Secret(source) = value {
                self.secret(source, place);
            }
        }
    }

    fn secret(&mut self, source: &SecretSource, place: &str) {
        match source {
            SecretSource::Env(name) => self.add(Kind::Variables, name.clone(), place),
            SecretSource::Command(words) => {
                let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
                self.add(Kind::Commands, line, place);
                self.add(Kind::Secrets, named(source), place);
            }
            SecretSource::File(_) => self.add(Kind::Secrets, named(source), place),
            SecretSource::Kubernetes { .. } => {
                self.cluster_without_environment(place);
                self.add(Kind::Secrets, named(source), place);
            }
        }
    }

    fn in_each_environment(&self, template: &Template) -> BTreeSet<String> {
        self.each_environment(|environment| resolved(template, environment))
    }

    fn each_environment(&self, text: impl Fn(Option<&Environment>) -> String) -> BTreeSet<String> {
        if self.environments.is_empty() {
            return BTreeSet::from([text(None)]);
        }
        self.environments.iter().map(|environment| text(Some(environment))).collect()
    }

    fn add(&mut self, kind: Kind, text: String, place: &str) {
        match self.file {
            None => self.found.add(kind, text, place),
            Some(file) => self.found.add(kind, text, &format!("{file}: {place}")),
        }
    }
}

/// The text as far as it is known; expressions that only the run knows stay as written.
fn resolved(template: &Template, environment: Option<&Environment>) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Expr(expr) => {
            let value = environment.and_then(|environment| expr.eval(&Known(environment)).ok());
            value.map_or_else(|| format!("${{{{ {} }}}}", expr.source().trim()), |value| value.to_string())
        }
    };
    template.parts().iter().map(part).collect()
}

/// Scheme, name and port of an address: what is contacted.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    // A slash or question mark inside an expression is no end of the host.
    let mut end = rest.len();
    let mut inside = false;
    for (at, c) in rest.char_indices() {
        inside = (inside || rest[at..].starts_with("${{")) && !rest[..at].ends_with("}}");
        if !inside && matches!(c, '/' | '?' | '#') {
            end = at;
            break;
        }
    }
    let authority = rest.get(..end).unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") }
}

/// An argument as it would be typed, so that where one ends and the next begins is seen.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn named(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the environment variable {name}"),
        SecretSource::File(path) => format!("the file {path}"),
        SecretSource::Command(words) => format!("what {} prints", words.first().map_or("", String::as_str)),
        SecretSource::Kubernetes { name, key } => format!("the key {key} of the Kubernetes Secret {name}"),
    }
}

fn workload(workload: &WorkloadRef) -> String {
    let kind = match workload.kind {
        WorkloadKind::Deployment => "deployment",
        WorkloadKind::StatefulSet => "statefulset",
        WorkloadKind::DaemonSet => "daemonset",
    };
    format!("{kind}/{}", workload.name.source())
}

fn resource(resource: &ResourceRef) -> String {
    let group = if resource.group.is_empty() { String::new() } else { format!("{}/", resource.group) };
    format!("{group}{}/{}/{}", resource.version, resource.kind, resource.name.source())
}

/// A request in words; none for one that only reads.
fn change(request: &Kubernetes) -> Option<String> {
    Some(match request {
        Kubernetes::SetImage { workload: of, container, image } => {
            format!("set image of {} {}={}", workload(of), container.source(), image.source())
        }
        Kubernetes::Apply { file, force, .. } => {
            let over = if *force { ", taking fields over from their owners" } else { "" };
            format!("apply {}{over}", file.as_ref().map_or("documents of the runbook", |f| f.value.as_str()))
        }
        Kubernetes::Patch { resource: of, .. } => format!("patch {}", resource(of)),
        Kubernetes::Scale { workload: of, replicas } => format!("scale {} to {}", workload(of), replicas.source()),
        Kubernetes::RolloutRestart { workload: of } => format!("restart {}", workload(of)),
        Kubernetes::RolloutUndo { workload: of, to } => match to {
            UndoTo::SessionStart => format!("put {} back to what it was at the start", workload(of)),
            UndoTo::Previous => format!("put {} back to its previous revision", workload(of)),
            UndoTo::Revision(revision) => format!("put {} back to revision {revision}", workload(of)),
        },
        Kubernetes::RolloutPause { workload: of } => format!("pause the rollout of {}", workload(of)),
        Kubernetes::RolloutResume { workload: of } => format!("resume the rollout of {}", workload(of)),
        Kubernetes::RolloutStatus { .. } => return None,
        Kubernetes::DeletePod { name, selector } => {
            let which = name.as_ref().or(selector.as_ref()).map_or("", |template| template.source());
            format!("delete pods {which}")
        }
    })
}
