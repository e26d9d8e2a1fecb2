use std::path::Path;

use super::*;
use crate::app::headless;
use crate::app::opening::Who;
use crate::state::StateDir;
use crate::world::{Scenario, World};

/// The lines for the canary in a simulated cluster in which something is added to its
/// scenario, but for the time of the window.
async fn asked(events: &str) -> Vec<String> {
    let text = include_str!("../../../runbooks/scenarios/canary-deploy-all-good.yaml");
    let scenario = Scenario::read("all-good.yaml", &format!("{text}{events}")).unwrap();
    let bundle = crate::runbook::load::load("canary-deploy").unwrap();
    let world_clock = crate::world::Clock::start(headless::epoch());
    let clock = Clock::simulated(world_clock.epoch(), 1.0);
    let opening = headless::opening(&bundle, &scenario, None, &[], Who::default()).unwrap();
    let world = World::new(&scenario, headless::surroundings(&opening.plan, &scenario), world_clock);
    let draft = opening.draft("preflight", clock.now()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let cluster = Cluster::from_router(world.router(), world.namespace(), "preflight");
    let http = HttpPort::router(world.router());
    let neighbours = Neighbourhood { state, cluster: Some(cluster.clone()), http: http.clone(), trust: Default::default() };
    let around = Around {
        draft: &draft,
        clock,
        cluster: Ok(Some(&cluster)),
        http,
        neighbours: &neighbours,
        folder: Path::new("."),
        headers: Headers { pace: 1.0, ..Headers::default() },
    };
    let lines = ask(&around).await.into_iter().filter(|line| !line.about.starts_with("variable") && line.about != "start");
    lines.map(|line| format!("{:?} {}: {}", line.verdict, line.about, line.found)).collect()
}

#[tokio::test(start_paused = true)]
async fn where_all_is_well_every_line_passes() {
    let lines = asked("").await;
    assert!(lines.iter().all(|line| line.starts_with("Pass ")), "{lines:#?}");
    for about in
        ["cluster", "lock", "rights", "deployments/checkout", "virtualservices/checkout", "signal error_rate", "signal api"]
    {
        assert!(lines.iter().any(|line| line.starts_with(&format!("Pass {about}: "))), "{about} is missing in {lines:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_is_said_line_by_line() {
    let cases = [
        ("forbid: {verbs: [patch], resources: [deployments]}", "Fail rights: patch deployments checkout is not allowed"),
        ("forbid: {verbs: [patch], resources: [deployments]}", "Fail rights: patch deployments checkout-canary is not allowed"),
        ("prometheus: down", "Fail signal error_rate: "),
        ("login: expired", "Fail cluster: "),
        ("network: cut", "Fail cluster: "),
    ];
    for (event, expected) in cases {
        let lines = asked(&format!("events: [{{at: 0s, {event}}}]\n")).await;
        assert!(lines.iter().any(|line| line.starts_with(expected)), "{event}: no `{expected}` in {lines:#?}");
    }
}

#[test]
fn who_else_looks_after_an_object_is_told_by_its_marks() {
    for (object, expected) in [
        (json!({"metadata": {"labels": {"app": "checkout"}}}), None),
        (json!({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}}), Some("Argo CD")),
        (json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}}), Some("Flux")),
        (json!({}), None),
    ] {
        assert_eq!(gitops(&object), expected, "{object}");
    }
}

#[test]
fn secrets_are_looked_for_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "swordfish").unwrap();
    let file = |name: &str| secret(&SecretSource::File(name.into()), folder.path()).unwrap();
    assert_eq!((file("token").verdict, file("other").verdict), (Verdict::Pass, Verdict::Fail));
    assert!(!format!("{:?}", file("token")).contains("swordfish"));
    let variable = secret(&SecretSource::Env("PACENOTE_NO_SUCH_VARIABLE".into()), folder.path()).unwrap();
    assert_eq!(variable.verdict, Verdict::Fail);
    assert_eq!(found_program("no-such-program", folder.path()).verdict, Verdict::Fail);
    assert_eq!(found_program("sh", folder.path()).verdict, Verdict::Pass);
}
