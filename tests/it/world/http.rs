//! The API server's rules, the services' endpoints and faults.

use super::*;
use kube::Error;
use kube::api::{DeleteParams, PostParams};

fn refusal(result: Result<impl std::fmt::Debug, Error>) -> (u16, String, String) {
    match result.unwrap_err() {
        Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_json_patch_test_that_fails_changes_nothing() {
    let rig = Rig::new(SCENARIO);
    let before = rig.routes().get("checkout").await.unwrap();
    let patch = json!([
        {"op": "test", "path": "/spec/http/0/route/1/destination/host", "value": "other"},
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 1},
    ]);
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    let result = rig.routes().patch("checkout", &PatchParams::default(), &Patch::Json::<()>(patch)).await;
    let (code, reason, message) = refusal(result);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert_eq!(message, "the server rejected our request due to an error in our request");
    assert_eq!(rig.routes().get("checkout").await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn a_stale_resource_version_is_a_conflict() {
    let rig = Rig::new(SCENARIO);
    let mut stale = rig.deployments().get("checkout").await.unwrap();
    rig.set_image("checkout", "v1.2.4").await;
    stale.spec.as_mut().unwrap().replicas = Some(9);
    let (code, reason, message) = refusal(rig.deployments().replace("checkout", &PostParams::default(), &stale).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert!(
        message.starts_with("Operation cannot be fulfilled on deployments.apps \"checkout\": the object has been modified"),
        "{message}"
    );
    let patch = json!({"metadata": {"resourceVersion": stale.metadata.resource_version}, "spec": {"replicas": 9}});
    let result = rig.deployments().patch("checkout", &PatchParams::default(), &Patch::Merge(patch)).await;
    assert_eq!(refusal(result).0, 409);
}

#[tokio::test(start_paused = true)]
async fn dry_runs_answer_and_change_nothing() {
    let rig = Rig::new(SCENARIO);
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let patch = json!({"spec": {"replicas": 9}});
    let answer = rig.deployments().patch("checkout", &dry, &Patch::Merge(patch)).await.unwrap();
    assert_eq!((answer.spec.unwrap().replicas, answer.metadata.generation), (Some(9), Some(2)));
    let kept = rig.deployments().get("checkout").await.unwrap();
    assert_eq!((kept.spec.unwrap().replicas, kept.metadata.generation), (Some(4), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn whatever_is_tried_dry_stays_as_it_is() {
    let rig = Rig::new(SCENARIO);
    let version = rig.pods().list(&ListParams::default()).await.unwrap().metadata.resource_version;
    let mut object = rig.deployments().get("checkout").await.unwrap();
    object.spec.as_mut().unwrap().replicas = Some(9);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let answer = rig.deployments().replace("checkout", &dry, &object).await.unwrap();
    assert_eq!((answer.spec.unwrap().replicas, answer.metadata.generation), (Some(9), Some(2)));

    object.metadata = kube::core::ObjectMeta { name: Some("cart".into()), ..Default::default() };
    let answer = rig.deployments().create(&dry, &object).await.unwrap();
    assert!(answer.metadata.uid.is_some());
    assert_eq!(refusal(rig.deployments().get("cart").await).0, 404);

    rig.deployments().delete("checkout", &DeleteParams::default().dry_run()).await.unwrap();
    let kept = rig.deployments().get("checkout").await.unwrap();
    assert_eq!((kept.spec.unwrap().replicas, kept.metadata.generation), (Some(4), Some(1)));
    later(Duration::from_secs(30)).await;
    assert_eq!(rig.pods().list(&ListParams::default()).await.unwrap().metadata.resource_version, version);

    // A world in which nothing was tried goes on in the same way.
    let create = async |rig: &Rig| rig.deployments().create(&PostParams::default(), &object).await.unwrap().metadata.uid;
    let untried = Rig::new(SCENARIO);
    later(Duration::from_secs(30)).await;
    assert_eq!(create(&rig).await, create(&untried).await);
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_for_the_object_that_was_meant() {
    let rig = Rig::new(SCENARIO);
    let stale = rig.deployments().get("checkout").await.unwrap();
    rig.set_image("checkout", "v1.2.4").await;
    for (uid, version) in [(Some("other".to_owned()), None), (None, stale.metadata.resource_version)] {
        let preconditions = kube::api::Preconditions { uid, resource_version: version };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        let result = rig.deployments().delete("checkout", &params).await;
        let (code, reason, _) = refusal(result.map(|_| ()));
        assert_eq!((code, reason.as_str()), (409, "Conflict"));
    }
    rig.deployments().get("checkout").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_api_refuses() {
    let rig = Rig::new(SCENARIO);
    assert_eq!(refusal(rig.deployments().get("nothing").await).2, "deployments.apps \"nothing\" not found");
    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "other"}]}}}});
    let result = rig.deployments().patch("checkout", &PatchParams::default(), &Patch::Strategic(image)).await;
    let (code, _, message) = refusal(result);
    assert_eq!(code, 422);
    assert!(message.contains("spec.template.spec.containers[1].image: Required value"), "{message}");
    let selector = json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}});
    let result = rig.deployments().patch("checkout", &PatchParams::default(), &Patch::Merge(selector)).await;
    assert!(refusal(result).2.contains("is invalid"));
    let weights = json!({"spec": {}});
    let result = rig.routes().patch("checkout", &PatchParams::default(), &Patch::Strategic(weights)).await;
    assert_eq!(refusal(result).0, 415);
    let (status, body) = rig.get("127.0.0.1", "/apis/batch/v9/jobs").await;
    assert_eq!((status, body.contains("could not find the requested resource")), (404, true));
}

#[tokio::test(start_paused = true)]
async fn objects_are_created_scaled_and_deleted() {
    let rig = Rig::new(SCENARIO);
    let new = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "cart"}},
            "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "cart", "image": "cart:1"}]}}},
    });
    let new: Deployment = serde_json::from_value(new).unwrap();
    rig.deployments().create(&PostParams::default(), &new).await.unwrap();
    assert_eq!(refusal(rig.deployments().create(&PostParams::default(), &new).await).1, "AlreadyExists");
    later(Duration::from_secs(20)).await;
    assert_eq!(rig.deployments().get("cart").await.unwrap().status.unwrap().ready_replicas, Some(2));
    let scale = json!({"spec": {"replicas": 3}});
    let scaled = rig.deployments().patch_scale("cart", &PatchParams::default(), &Patch::Merge(scale)).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(3));
    later(Duration::from_secs(20)).await;
    let cart = ListParams::default().labels("app=cart");
    let pods = rig.pods().list(&cart).await.unwrap().items;
    assert_eq!(pods.len(), 3);
    let log = rig.pods().logs(pods[0].metadata.name.as_ref().unwrap(), &Default::default()).await.unwrap();
    assert!(log.starts_with("2026-01-05T02:00:"), "{log}");
    rig.deployments().delete("cart", &DeleteParams::default()).await.unwrap();
    later(Duration::from_secs(40)).await;
    assert!(rig.pods().list(&cart).await.unwrap().items.is_empty());
    let page = rig.pods().list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!((page.items.len(), page.metadata.remaining_item_count), (2, Some(3)));
    let token = page.metadata.continue_.unwrap();
    let rest = rig.pods().list(&ListParams::default().continue_token(&token)).await.unwrap();
    assert_eq!(rest.items.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn discovery_and_reviews() {
    let rig = Rig::with_events("  - {at: 1m, forbid: {verbs: [patch], resources: [deployments]}, for: 1m}\n");
    let groups = rig.client.list_api_groups().await.unwrap();
    assert!(groups.groups.iter().any(|g| g.name == "networking.istio.io"));
    let resources = rig.client.list_api_group_resources("apps/v1").await.unwrap();
    assert!(resources.resources.iter().any(|r| r.name == "deployments" && r.namespaced));
    assert_eq!(rig.client.apiserver_version().await.unwrap().minor, "36");

    use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
    let ask = |verb: &str| {
        let review = json!({"spec": {"resourceAttributes": {"verb": verb, "group": "apps", "resource": "deployments", "namespace": "shop"}}});
        let review: SelfSubjectAccessReview = serde_json::from_value(review).unwrap();
        let api: Api<SelfSubjectAccessReview> = Api::all(rig.client.clone());
        async move { api.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed }
    };
    assert!(ask("patch").await);
    later(Duration::from_secs(61)).await;
    assert!(!ask("patch").await && ask("get").await);
    let patch = Patch::Merge(json!({"spec": {"replicas": 1}}));
    let (code, _, message) = refusal(rig.deployments().patch("checkout", &PatchParams::default(), &patch).await);
    assert_eq!(code, 403);
    assert!(
        message.contains("cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\""),
        "{message}"
    );
    later(Duration::from_secs(60)).await;
    rig.deployments().patch("checkout", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn health_follows_the_pods() {
    let rig = Rig::with_events("  - {at: 1m, health: hang, for: 1m}\n  - {at: 3m, health: down, for: 1m}\n");
    let began = Instant::now();
    let (status, body) = rig.get("checkout.example.com", "/health").await;
    assert_eq!((status, body.as_str()), (200, r#"{"status":"healthy","version":"v1.2.3"}"#));
    assert!((60..110).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    later(Duration::from_secs(60)).await;
    assert!(timeout(Duration::from_secs(5), rig.get("checkout.example.com", "/health")).await.is_err());
    let (status, _) = rig.get("checkout.example.com", "/health").await;
    assert_eq!((status, rig.world.clock().elapsed_seconds()), (200, 120));
    later(Duration::from_secs(61)).await;
    assert_eq!(rig.get("checkout.example.com", "/health").await, (503, "no healthy upstream".to_owned()));
    later(Duration::from_secs(60)).await;
    let scale = Patch::Merge(json!({"spec": {"replicas": 0}}));
    rig.deployments().patch("checkout", &PatchParams::default(), &scale).await.unwrap();
    later(Duration::from_secs(10)).await;
    assert_eq!(rig.get("checkout.example.com", "/health").await, (503, r#"{"status":"unhealthy"}"#.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn messages_are_kept() {
    let rig = Rig::new(SCENARIO);
    let request =
        Request::post("/services/T1").header("host", "hooks.example.com").body(Body::from(r#"{"text":"done"}"#)).unwrap();
    assert_eq!(rig.world.router().oneshot(request).await.unwrap().status(), 200);
    let [message] = rig.world.messages().try_into().unwrap();
    assert_eq!(
        (message.host.as_str(), message.path.as_str(), message.body.as_str()),
        ("hooks.example.com", "/services/T1", r#"{"text":"done"}"#)
    );
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_api_server_and_of_pods() {
    let rig = Rig::with_events(
        "  - {at: 1m, kubernetes: down, for: 1m}\n  - {at: 3m, kubernetes: {slow: 3s}, for: 1m}\n  - {after: image, delay: 1s, kill_pod: {selector: app=checkout}}\n  - {after: image, delay: 20s, set_image: {deployment: checkout, image: \"registry.example.com/checkout:v1.2.4\"}}\n",
    );
    let version = rig.pods().list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let pods = rig.pods();
    let events: Vec<_> = pods.watch(&WatchParams::default(), &version).await.unwrap().collect().await;
    assert!(events.is_empty());
    assert_eq!(rig.world.clock().elapsed_seconds(), 60, "the watch is cut");
    assert_eq!(refusal(pods.list(&ListParams::default()).await).0, 503);
    later(Duration::from_secs(125)).await;
    let began = Instant::now();
    pods.list(&ListParams::default()).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 3);
    later(Duration::from_secs(60)).await;
    rig.world.step_ended("image");
    later(Duration::from_secs(2)).await;
    let list = pods.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(list.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some()).count(), 1);
    later(Duration::from_secs(30)).await;
    assert_eq!(rig.world.version_of("checkout").as_deref(), Some("v1.2.4"));
}

#[tokio::test]
async fn the_same_router_serves_on_loopback() {
    let rig = Rig::new(SCENARIO);
    let (address, serving) = pacenote::world::serve(rig.world.router()).await.unwrap();
    let server = tokio::spawn(serving);
    let config = kube::Config::new(format!("http://{address}").parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let api: Api<Pod> = Api::namespaced(client, "shop");
    assert_eq!(api.list(&ListParams::default()).await.unwrap().items.len(), 5);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = |host: &'static str, path: &'static str| http.get(format!("http://{address}{path}")).header("host", host).send();
    let health: Value = ask("checkout.example.com", "/health").await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "healthy");
    let built: Value = ask("prometheus.example.com", "/api/v1/status/buildinfo").await.unwrap().json().await.unwrap();
    assert_eq!(built["status"], "success");
    server.abort();
}

#[test]
fn the_shipped_scenarios_are_good_and_the_good_one_comes_first() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/scenarios");
    let mut by_runbook: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let schema = jsonschema::validator_for(&pacenote::world::scenario::schema()).unwrap();
    for path in paths {
        let scenario = Scenario::load(&path).unwrap();
        let json = serde_json::to_value(&scenario).unwrap();
        assert!(schema.is_valid(&json), "{}", path.display());
        by_runbook.entry(scenario.runbook.clone()).or_default().push(scenario.scenario.to_string());
    }
    for (runbook, ids) in by_runbook {
        assert!(ids.is_sorted() && ids.len() >= 2 && ids[0] == "all-good", "{runbook}: {ids:?}");
    }
}
