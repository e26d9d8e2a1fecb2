//! What a runbook may do in a cluster, found by reading its plan: the least rights that
//! whoever runs it must have.
//!
//! Every step counts, those of procedures, of `finally`, of undo and of `look` included,
//! and every signal, secret and lock. A name that only the run will know is left open,
//! so the right to it is a right to all of its kind. What it cannot tell ([`Needs::open`])
//! it says, instead of leaving it out.

use std::collections::{BTreeMap, BTreeSet};

use super::lease;
use super::plan::Plan;
use crate::runbook::expression::{Part, Template};
use crate::runbook::model::{
    Action, Choices, Input, InputKind, Kubernetes, Program, ResourceRef, Runbook, SecretSource, SignalSource, Step, TextOrSecret,
    Undo, WorkloadKind, WorkloadRef,
};

const APPS: &str = "apps";
const LEASES: &str = "coordination.k8s.io";
const METRICS: &str = "metrics.k8s.io";

/// Objects of one kind that something is done with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// API group, empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Resource as in a path, with its part: `deployments`, `pods/log`.
    pub resource: String,
    /// One object by name; all of the namespace where it cannot be told, or where a verb
    /// names none.
    pub name: Option<String>,
}

/// The least rights a runbook needs in its namespace.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Needs {
    /// Verbs by object.
    pub rights: BTreeMap<Object, BTreeSet<&'static str>>,
    /// What cannot be told from the runbook, in sentences.
    pub open: BTreeSet<String>,
    /// Where its secrets come from.
    pub secrets: Vec<SecretSource>,
    /// Whether a step freezes the environment.
    freezes: bool,
    /// Programs that its commands start, where they are known before the run.
    pub programs: BTreeSet<String>,
}

impl Needs {
    /// Reads a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut needs = Self::default();
        for (file, runbook) in plan.runbooks() {
            let lists = [&runbook.steps, &runbook.finally].into_iter().chain(runbook.procedures.iter().map(|p| &p.steps));
            for step in lists.flatten() {
                needs.step(file, step);
            }
            needs.secrets(runbook);
        }
        let root = plan.runbook();
        for signal in &root.signals {
            needs.signal(&signal.source);
        }
        if let Some(environment) = plan.environment() {
            for (_, value) in environment.prometheus.iter().flat_map(|p| &p.headers) {
                needs.secret_text(value);
            }
        }
        let environment = plan.environment().map(|e| e.name.value.as_str());
        if let Some(environment) = environment.filter(|_| plan.environment().is_some_and(|e| e.kubernetes.is_some())) {
            // Whether somebody froze it.
            needs.add(LEASES, "leases", Some(lease::of_freeze(environment)), &["get"]);
            if let Some(lock) = &root.lock {
                needs.lease(fixed(lock).map(|name| lease::of_lock(&name)));
            }
            if needs.freezes {
                needs.lease(Some(lease::of_freeze(environment)));
            }
        }
        needs
    }

    /// A Lease that is taken. Nothing can be created by name alone: a server that decides
    /// on a right does not know the name of what does not exist yet.
    fn lease(&mut self, name: Option<String>) {
        self.add(LEASES, "leases", name, &["get", "update"]);
        self.add(LEASES, "leases", None, &["create"]);
    }

    fn add(&mut self, group: &str, resource: &str, name: Option<String>, verbs: &[&'static str]) {
        let version = if group == METRICS { "v1beta1" } else { "v1" };
        self.add_version(group, version, resource, name, verbs);
    }

    fn add_version(&mut self, group: &str, version: &str, resource: &str, name: Option<String>, verbs: &[&'static str]) {
        let object = Object { group: group.to_owned(), version: version.to_owned(), resource: resource.to_owned(), name };
        self.rights.entry(object).or_default().extend(verbs);
    }

    fn step(&mut self, file: &str, step: &Step) {
        self.action(file, &step.action);
        match &step.undo {
            Some(Undo::Action(action)) => self.action(file, action),
            // What is put back is read and written with the rights of the step itself; an
            // object that it made is deleted.
            Some(Undo::Restore) if matches!(step.action, Action::Kubernetes(Kubernetes::Apply { .. })) => {
                self.open.insert(format!("step {}: `delete` of what it makes, for its undo", step.id));
            }
            _ => {}
        }
        if let Some(look) = &step.look {
            self.action(file, &look.action);
        }
    }

    fn action(&mut self, file: &str, action: &Action) {
        match action {
            Action::Kubernetes(kubernetes) => self.kubernetes(file, kubernetes),
            Action::Parallel(children) => children.iter().for_each(|child| self.step(file, child)),
            Action::Freeze { .. } => self.freezes = true,
            Action::Input(inputs) => self.inputs(inputs),
            Action::Run(run) => {
                if let Program::Command(argv) = &run.program {
                    self.programs.extend(argv.first().and_then(fixed));
                }
                run.env.iter().for_each(|(_, value)| self.secret_text(value));
                run.stdin.iter().for_each(|value| self.secret_text(value));
                self.open.insert("what its commands do with the cluster by themselves".to_owned());
            }
            Action::Http(http) => http.headers.iter().for_each(|(_, value)| self.secret_text(value)),
            _ => {}
        }
    }

    fn kubernetes(&mut self, file: &str, kubernetes: &Kubernetes) {
        match kubernetes {
            Kubernetes::SetImage { workload, .. }
            | Kubernetes::Scale { workload, .. }
            | Kubernetes::RolloutRestart { workload }
            | Kubernetes::RolloutUndo { workload, .. }
            | Kubernetes::RolloutResume { workload } => {
                self.workload(workload, &["get", "patch"]);
                self.rollout(workload.kind);
            }
            Kubernetes::RolloutPause { workload } => self.workload(workload, &["get", "patch"]),
            Kubernetes::RolloutStatus { workload } => {
                self.workload(workload, &["get"]);
                self.rollout(workload.kind);
            }
            Kubernetes::Patch { resource, .. } => {
                let ResourceRef { group, version, kind, name } = resource;
                self.add_version(group, version, &plural(kind), fixed(name), &["get", "patch"]);
            }
            Kubernetes::DeletePod { name, .. } => {
                self.add("", "pods", name.as_ref().and_then(fixed), &["get", "delete"]);
                self.add("", "pods", None, &["list"]);
            }
            Kubernetes::Apply { file: manifest, .. } => {
                let from = manifest.as_ref().map_or_else(|| "in place".to_owned(), |name| format!("of `{name}`"));
                let of = if file.is_empty() { String::new() } else { format!(" ({file})") };
                self.open.insert(format!("`get`, `patch` and `create` of the objects {from}{of} that are applied"));
            }
        }
    }

    fn workload(&mut self, workload: &WorkloadRef, verbs: &[&'static str]) {
        let resource = match workload.kind {
            WorkloadKind::Deployment => "deployments",
            WorkloadKind::StatefulSet => "statefulsets",
            WorkloadKind::DaemonSet => "daemonsets",
        };
        self.add(APPS, resource, fixed(&workload.name), verbs);
    }

    /// What watching a rollout, and finding its earlier templates, reads.
    fn rollout(&mut self, kind: WorkloadKind) {
        let history = if kind == WorkloadKind::Deployment { "replicasets" } else { "controllerrevisions" };
        self.add(APPS, history, None, &["list"]);
        self.add("", "pods", None, &["list"]);
    }

    fn signal(&mut self, source: &SignalSource) {
        match source {
            SignalSource::Pods { .. } => self.add("", "pods", None, &["list", "watch"]),
            SignalSource::Rollout { workload } => {
                self.workload(workload, &["get"]);
                self.rollout(workload.kind);
            }
            SignalSource::Resources { .. } => {
                self.add("", "pods", None, &["list"]);
                self.add(METRICS, "pods", None, &["list"]);
            }
            SignalSource::Events { selector } => {
                self.add("", "events", None, &["list"]);
                if selector.is_some() {
                    self.add("", "pods", None, &["list"]);
                }
            }
            SignalSource::Logs { .. } => {
                self.add("", "pods", None, &["list"]);
                self.add("", "pods/log", None, &["get"]);
            }
            SignalSource::Http(check) => check.headers.iter().for_each(|(_, value)| self.secret_text(value)),
            SignalSource::Prometheus { .. } => {}
            SignalSource::Command { .. } => {
                self.open.insert("what its commands do with the cluster by themselves".to_owned());
            }
        }
    }

    fn secrets(&mut self, runbook: &Runbook) {
        self.inputs(&runbook.inputs);
        for procedure in &runbook.procedures {
            self.inputs(&procedure.params);
        }
        for target in &runbook.notify {
            self.secret_text(&target.url);
            target.headers.iter().for_each(|(_, value)| self.secret_text(value));
        }
    }

    fn inputs(&mut self, inputs: &[Input]) {
        for input in inputs {
            match &input.kind {
                InputKind::Secret(Some(source)) => self.secret(source),
                InputKind::Choice(Choices::Command { command, .. }) => {
                    self.programs.extend(command.first().and_then(fixed));
                }
                _ => {}
            }
        }
    }

    fn secret_text(&mut self, text: &TextOrSecret) {
        if let TextOrSecret::Secret(source) = text {
            self.secret(source);
        }
    }

    fn secret(&mut self, source: &SecretSource) {
        if !self.secrets.contains(source) {
            self.secrets.push(source.clone());
        }
        if let SecretSource::Kubernetes { name, .. } = source {
            self.add("", "secrets", Some(name.clone()), &["get"]);
        }
    }
}

/// A name that is known before the run.
fn fixed(template: &Template) -> Option<String> {
    match template.parts() {
        [Part::Text(name)] => Some(name.clone()),
        _ => None,
    }
}

/// How a kind's resource is usually called.
pub fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    if lower.ends_with('s') || lower.ends_with('x') || lower.ends_with("ch") || lower.ends_with("sh") {
        return format!("{lower}es");
    }
    match lower.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{lower}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_are_the_usual_ones() {
        for (kind, expected) in [
            ("Deployment", "deployments"),
            ("VirtualService", "virtualservices"),
            ("Ingress", "ingresses"),
            ("NetworkPolicy", "networkpolicies"),
            ("Gateway", "gateways"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }

    #[test]
    fn the_canary_needs_this_and_no_more() {
        let bundle = crate::runbook::load::load("canary-deploy").unwrap();
        let plan = Plan::new(bundle.root.clone(), bundle.called.clone(), Some("production")).unwrap();
        let needs = Needs::of(&plan);
        let lines: Vec<String> = needs
            .rights
            .iter()
            .map(|(object, verbs)| {
                let verbs: Vec<&str> = verbs.iter().copied().collect();
                format!("{}/{} {}: {}", object.group, object.resource, object.name.as_deref().unwrap_or("*"), verbs.join(","))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
