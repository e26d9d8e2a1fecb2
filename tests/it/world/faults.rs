//! What goes wrong between the program and the world.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_expired_login_is_401_and_ends_watches() {
    let rig = Rig::with_events("  - {at: 1m, login: expired, for: 1m}\n");
    let path = "/api/v1/namespaces/shop/pods";
    let watch = Request::get(format!("{path}?watch=true&timeoutSeconds=600")).body(Body::empty()).unwrap();
    let mut lines = rig.world.router().oneshot(watch).await.unwrap().into_body().into_data_stream();
    let began = Instant::now();
    while lines.next().await.is_some() {}
    assert_eq!(began.elapsed().as_secs(), 60);
    let (status, body) = rig.get("127.0.0.1", path).await;
    assert_eq!((status, body.contains("\"reason\":\"Unauthorized\"")), (401, true));
    assert_eq!(rig.get("127.0.0.1", "/livez").await.0, 200, "the server itself is well");
    later(Duration::from_secs(60)).await;
    assert_eq!(rig.get("127.0.0.1", path).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn nothing_answers_over_a_cut_network_until_it_is_back() {
    let rig = Rig::with_events("  - {at: 10s, network: cut, for: 30s}\n");
    later(Duration::from_secs(15)).await;
    for (host, path) in [
        ("127.0.0.1", "/api/v1/namespaces/shop/pods"),
        ("prometheus.example.com", "/api/v1/query?query=up"),
        ("checkout.example.com", "/health"),
    ] {
        assert!(timeout(Duration::from_secs(5), rig.get(host, path)).await.is_err(), "{host} answers");
    }
    let began = Instant::now();
    assert_eq!(rig.get("127.0.0.1", "/api/v1/namespaces/shop/pods").await.0, 200);
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn objects_are_there_from_the_start_and_wrong_ones_are_found() {
    let objects = "  objects:\n    - {apiVersion: v1, kind: ConfigMap, metadata: {name: flags}, data: {a: '1'}}\n";
    let world = SCENARIO.replace("  services:\n", &format!("{objects}  services:\n"));
    let rig = Rig::new(&world);
    let (_, map) = rig.get("127.0.0.1", "/api/v1/namespaces/shop/configmaps/flags").await;
    assert!(map.contains("\"a\":\"1\"") && !map.contains("managedFields"), "{map}");
    for (good, bad, expected) in [
        ("kind: ConfigMap", "kind: Configmap", "number 1: an object wants the `apiVersion` and `kind`"),
        ("{a: '1'}", "{a: 1}", "number 1: ConfigMap \"flags\" is invalid: data.a"),
    ] {
        let error = Scenario::read("a.yaml", &world.replacen(good, bad, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// A scenario answers for an `http` step, by its path.
#[test]
fn an_http_step_is_answered_by_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "ask.yaml",
        "pacenote: 1\nrunbook: ask\ntitle: Ask\nsteps:\n  - {id: ask, title: Ask, http: {method: POST, url: \"http://api.example.com/deploy\", expect: {status: 202}}}\n",
    );
    let scenario = |status: u16| {
        let text = format!(
            "{{pacenote-scenario: 1, scenario: a, runbook: ask.yaml, commands: {{ask: {{status: {status}, stdout: done, takes: 7s}}}}, answers: {{otherwise: continue}}}}"
        );
        Scenario::read("a.yaml", &text).unwrap()
    };
    pacenote::ports::install_crypto();
    let bundle = pacenote::runbook::load::load(folder.path().join("ask.yaml").to_str().unwrap()).unwrap();
    let state = pacenote::state::StateDir::open(&folder.path().join("state")).unwrap();
    let walk = |sid: &str, status| {
        let dir = state.create_session(sid).unwrap();
        pacenote::app::headless::walk(&bundle, &scenario(status), &dir).unwrap()
    };
    let good = walk("20260105-100000-ask-a", 202);
    assert_eq!((good.outcome.map(|outcome| outcome.as_str()), good.took_ms / 1_000), (Some("completed"), 7));
    let bad = walk("20260105-100000-ask-b", 503);
    assert_ne!(bad.outcome.map(|outcome| outcome.as_str()), Some("completed"));
}

#[test]
fn a_scenario_is_checked_against_its_runbook() {
    let folder = tempfile::tempdir().unwrap();
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    std::fs::create_dir(folder.path().join("scenarios")).unwrap();
    std::fs::copy(library.join("canary-deploy.yaml"), folder.path().join("canary-deploy.yaml")).unwrap();
    let good = std::fs::read_to_string(library.join("scenarios/canary-deploy-bad-canary.yaml")).unwrap();
    let check = |text: &str| {
        let file = folder.path().join("scenarios/a.yaml");
        std::fs::write(&file, text).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_pacenote")).arg("check").arg(&file).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, shown) = check(&good);
    assert_eq!(code, Some(0), "{shown}");
    let step = "events:\n  - {after: nowhere, kill_pod: {selector: app=checkout}}\n";
    let (code, shown) =
        check(&format!("{}\n{step}", good.replace("\nevents:", "\nformer_events:").replace("former_events", "# events")));
    assert_eq!(code, Some(1));
    assert!(shown.contains("the runbook has no step `nowhere`") && shown.contains("a.yaml:"), "{shown}");
    let (code, shown) = check(&good.replace("canary-deploy.yaml", "kanary-deploy.yaml"));
    assert!(code == Some(1) && shown.contains("there is no runbook"), "{shown}");
    let (code, shown) = check(&good.replace("seed:", "sead:"));
    assert!(code == Some(1) && shown.contains("unknown field `sead`") && shown.contains("a.yaml:"), "{shown}");
}
