//! The Role that `pacenote rbac` prints: enough for the whole runbook, and nothing of it
//! to spare.

use std::collections::BTreeSet;

use pacenote::app::{headless, opening};
use pacenote::runbook::load;
use pacenote::session::Plan;
use pacenote::session::event::SessionOutcome;
use pacenote::session::needs::Needs;
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

/// Verbs on resources of the canary's Role.
fn role() -> BTreeSet<(&'static str, String)> {
    let bundle = load::load("canary-deploy").unwrap();
    let needs = Needs::of(&Plan::new(bundle.root.clone(), bundle.called.clone(), Some("production")).unwrap());
    assert!(needs.open.is_empty(), "{:?}", needs.open);
    let rights = needs.rights.iter().flat_map(|(object, verbs)| verbs.iter().map(|verb| (*verb, object.resource.clone())));
    rights.collect()
}

/// How a walk ends in a world that allows these rights and no others.
fn walked(scenario: &str, rights: &BTreeSet<(&'static str, String)>) -> (Option<SessionOutcome>, Option<String>) {
    pacenote::ports::install_crypto();
    let temp = tempfile::tempdir().unwrap();
    let dir = StateDir::open(&temp.path().join("state")).unwrap().create_session("20260105-100000-rbac-00002a").unwrap();
    let path = format!("scenarios/canary-deploy-{scenario}.yaml");
    let (_, text) = load::library().iter().find(|(shown, _)| *shown == path).expect("a scenario");
    let refused = RESOURCES.iter().flat_map(|resource| VERBS.iter().map(move |verb| (*verb, (*resource).to_owned())));
    let refused = refused.filter(|right| !rights.contains(right));
    let events: Vec<String> = refused
        .map(|(verb, resource)| format!("  - {{at: 0s, forbid: {{verbs: [{verb}], resources: [{resource}]}}}}\n"))
        .collect();
    let text = format!("{text}events:\n{}", events.concat());
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
/// helps to see is another matter: the pods, and the ReplicaSets that tell new pods from
/// old ones while a rollout is waited for. The lock is taken in live sessions only, so a
/// rehearsal does not miss its rights.
#[test]
fn with_one_right_fewer_it_does_not() {
    let role = role();
    let mut spared = Vec::new();
    for right in role.iter().filter(|(_, resource)| resource != "leases") {
        let mut fewer = role.clone();
        fewer.remove(right);
        let good = walked("all-good", &fewer) == (Some(SessionOutcome::Completed), None);
        if good && walked("bad-canary", &fewer) == (Some(SessionOutcome::RolledBack), None) {
            spared.push(format!("{} {}", right.0, right.1));
        }
    }
    assert_eq!(spared, ["list pods", "list replicasets", "watch pods"]);
}
