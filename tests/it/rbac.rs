//! The Role that `pacenote rbac` prints: enough for the whole runbook, and nothing of it
//! to spare.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pacenote::app::{headless, opening};
use pacenote::runbook::load;
use pacenote::session::Plan;
use pacenote::session::event::SessionOutcome;
use pacenote::session::lease;
use pacenote::session::needs::{Needs, Object};
use pacenote::state::StateDir;
use pacenote::world::Scenario;

const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const RESOURCES: [&str; 16] = [
    "configmaps",
    "controllerrevisions",
    "daemonsets",
    "deployments",
    "events",
    "horizontalpodautoscalers",
    "jobs",
    "leases",
    "namespaces",
    "nodes",
    "pods",
    "replicasets",
    "secrets",
    "services",
    "statefulsets",
    "virtualservices",
];

/// A verb on a resource, and on which object where it is on one.
type Right = (&'static str, String, Option<String>);

/// The rights of the canary's Role.
fn role() -> BTreeSet<Right> {
    let bundle = load::load("canary-deploy").unwrap();
    let needs = Needs::of(&Plan::new(bundle.root.clone(), bundle.called.clone(), Some("production")).unwrap());
    assert!(needs.open.is_empty(), "{:?}", needs.open);
    let of = |object: &Object, verb: &'static str| (verb, object.resource.clone(), object.name.clone());
    needs.rights.iter().flat_map(|(object, verbs)| verbs.iter().map(|verb| of(object, verb))).collect()
}

/// What a world refuses that allows these rights and no others, names included.
fn refused(rights: &BTreeSet<Right>) -> String {
    let mut events = String::new();
    for resource in RESOURCES {
        for verb in VERBS {
            let of = rights.iter().filter(|(v, r, _)| *v == verb && r == resource);
            let names: Vec<Option<&str>> = of.map(|(.., name)| name.as_deref()).collect();
            if names.contains(&None) {
                continue;
            }
            let names: Vec<&str> = names.into_iter().flatten().collect();
            let names = names.join(", ");
            writeln!(events, "  - {{at: 0s, forbid: {{verbs: [{verb}], resources: [{resource}], except: [{names}]}}}}").unwrap();
        }
    }
    events
}

/// How a walk ends in a world that allows these rights and no others.
fn walked(scenario: &str, rights: &BTreeSet<Right>) -> (Option<SessionOutcome>, Option<String>) {
    pacenote::ports::install_crypto();
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::open(&temp.path().join("state")).unwrap().create_session("20260105-100000-rbac-00002a").unwrap();
    let path = format!("scenarios/canary-deploy-{scenario}.yaml");
    let (_, text) = load::library().iter().find(|(shown, _)| *shown == path).expect("a scenario");
    let text = format!("{text}events:\n{}", refused(rights));
    let bundle = load::load("canary-deploy").unwrap();
    opening::keep_bundle(&dir, &bundle).unwrap();
    let outcome = headless::walk(&bundle, &Scenario::read(&path, &text).unwrap(), &dir).unwrap();
    (outcome.outcome, outcome.stopped.map(|stop| stop.why))
}

#[test]
fn the_whole_runbook_runs_under_its_role() {
    let role = role();
    assert_eq!(walked("all-good", &role), (Some(SessionOutcome::Completed), None));
    assert_eq!(walked("bad-canary", &role), (Some(SessionOutcome::RolledBack), None));
}

/// Without one of them the deploy or its rollback does not come to its end. What only
/// helps to see is another matter: the events, the pods, and the ReplicaSets that tell new pods from
/// old ones while a rollout is waited for. The lock is taken in live sessions only, so a
/// rehearsal does not miss its rights.
#[test]
fn with_one_right_fewer_it_does_not() {
    let role = role();
    let mut spared = Vec::new();
    for right in role.iter().filter(|(_, resource, _)| resource != "leases") {
        let mut fewer = role.clone();
        fewer.remove(right);
        let good = walked("all-good", &fewer) == (Some(SessionOutcome::Completed), None);
        if good && walked("bad-canary", &fewer) == (Some(SessionOutcome::RolledBack), None) {
            spared.push(format!("{} {} {}", right.0, right.1, right.2.as_deref().unwrap_or("*")));
        }
    }
    assert_eq!(spared, ["list events *", "list pods *", "list replicasets *", "watch pods *"]);
}

/// A right to all Deployments is not what it asks for: only those it names.
#[test]
fn a_role_of_other_names_is_not_enough() {
    let mut other = role();
    let named: Vec<Right> = other.iter().filter(|(_, resource, _)| resource == "deployments").cloned().collect();
    for (verb, resource, name) in named {
        assert!(name.is_some(), "{verb} {resource} is of all");
        other.remove(&(verb, resource.clone(), name));
        other.insert((verb, resource, Some("another".to_owned())));
    }
    assert_ne!(walked("all-good", &other), (Some(SessionOutcome::Completed), None));
}

fn rights_of(runbook: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.yaml");
    std::fs::write(&path, runbook).unwrap();
    let bundle = load::load(path.to_str().unwrap()).unwrap_or_else(|report| panic!("{report:?}"));
    let needs = Needs::of(&Plan::new(bundle.root.clone(), bundle.called.clone(), Some("shop")).unwrap());
    let line = |(object, verbs): (&Object, &BTreeSet<&str>)| {
        let verbs: Vec<&str> = verbs.iter().copied().collect();
        format!("{} {}: {}", object.resource, object.name.as_deref().unwrap_or("*"), verbs.join(","))
    };
    needs.rights.iter().map(line).collect()
}

#[test]
fn leases_are_named_as_they_are_taken() {
    let base =
        "pacenote: 1\nrunbook: it\ntitle: It\nrisk: low\nenvironments: {shop: {kubernetes: {context: x, namespace: shop}}}\n";
    let step = "steps: [{id: ready, title: Ready, confirm: Ready?}]\n";
    let (lock, freeze) = (lease::of_lock("checkout"), lease::of_freeze("shop"));
    assert_eq!(rights_of(&format!("{base}{step}")), [format!("leases {freeze}: get")]);
    let locked = rights_of(&format!("{base}lock: checkout\n{step}"));
    let expected = ["leases *: create".to_owned(), format!("leases {lock}: get,update"), format!("leases {freeze}: get")];
    assert_eq!(locked, expected);
    // A name that only the run will know is a right to all of them.
    let open = rights_of(&format!("{base}inputs: {{what: {{}}}}\nlock: \"${{{{ inputs.what }}}}\"\n{step}"));
    assert_eq!(open, ["leases *: create,get,update".to_owned(), format!("leases {freeze}: get")]);
}

#[test]
fn secrets_count_wherever_they_stand() {
    let secret = |name: &str| format!("{{from: {{kubernetes: {{name: {name}, key: token}}}}}}");
    let runbook = format!(
        "pacenote: 1\nrunbook: it\ntitle: It\nrisk: low\nenvironments: {{shop: {{kubernetes: {{context: x, namespace: shop}}}}}}\n\
         notify: {{team: {{webhook: {{url: {}, format: json, headers: {{Authorization: {}}}}}}}}}\n\
         steps:\n- {{id: ask, title: Ask, input: {{token: {{type: secret, from: {{kubernetes: {{name: of-step, key: k}}}}}}}}}}\n",
        secret("of-url"),
        secret("of-header")
    );
    let rights = rights_of(&runbook);
    for name in ["of-url", "of-header", "of-step"] {
        assert!(rights.contains(&format!("secrets {name}: get")), "{name} is missing in {rights:?}");
    }
}
