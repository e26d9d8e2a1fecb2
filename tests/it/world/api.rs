//! What clients of a real API server rely on: owners of fields, pages, logs, reviews.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Secret};
use kube::api::{DeleteParams, LogParams, PostParams};

use super::*;

impl Rig {
    /// Asks the API server with a body; status and answer.
    async fn ask(&self, method: &str, path: &str, content: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", content);
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.world.router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get("127.0.0.1", path).await.1).unwrap()
    }
}

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/shop/deployments/checkout";

fn configuration(replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"}, "spec": {"replicas": replicas}})
}

#[tokio::test(start_paused = true)]
async fn an_apply_conflicts_with_owners_until_it_is_forced() {
    let rig = Rig::new(SCENARIO);
    let apply = |manager: &str, more: &str| format!("{DEPLOYMENT}?fieldManager={manager}{more}");
    let content = "application/apply-patch+yaml";
    // Nobody owns what was there from the start.
    let (status, applied) = rig.ask("PATCH", &apply("one", ""), content, &configuration(5)).await;
    assert_eq!((status, &applied["metadata"]["managedFields"][0]["manager"]), (200, &json!("one")));
    let (status, refused) = rig.ask("PATCH", &apply("two", ""), content, &configuration(6)).await;
    assert_eq!(
        (status, refused["message"].as_str().unwrap()),
        (409, "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas")
    );
    let (status, tried) = rig.ask("PATCH", &apply("two", "&force=true&dryRun=All"), content, &configuration(6)).await;
    assert_eq!((status, &tried["spec"]["replicas"]), (200, &json!(6)));
    assert_eq!(rig.json(DEPLOYMENT).await["spec"]["replicas"], 5);
    let (_, forced) = rig.ask("PATCH", &apply("two", "&force=true"), content, &configuration(6)).await;
    assert_eq!((&forced["spec"]["replicas"], &forced["metadata"]["generation"]), (&json!(6), &json!(3)));
    // An apply makes what is not there, and wants to know who applies.
    let new = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "1"}});
    let path = "/api/v1/namespaces/shop/configmaps/new?fieldManager=one";
    assert_eq!(rig.ask("PATCH", path, content, &new).await.0, 201);
    assert_eq!(rig.ask("PATCH", path, content, &new).await.0, 200);
    assert_eq!(rig.ask("PATCH", "/api/v1/namespaces/shop/configmaps/new", content, &new).await.0, 422);
}

#[tokio::test(start_paused = true)]
async fn another_deploy_owns_what_it_changed() {
    let event = "  - {at: 1s, set_image: {deployment: checkout, image: \"registry.example.com/checkout:v1.2.4\", manager: ci}}\n";
    let rig = Rig::with_events(event);
    later(Duration::from_secs(2)).await;
    let container = json!({"name": "app", "image": "registry.example.com/checkout:v1.2.3"});
    let mut wanted = configuration(4);
    wanted["spec"] = json!({"template": {"spec": {"containers": [container]}}});
    let path = format!("{DEPLOYMENT}?fieldManager=pacenote");
    let (status, refused) = rig.ask("PATCH", &path, "application/apply-patch+yaml", &wanted).await;
    let expected = ".spec.template.spec.containers[name=\"app\"].image";
    assert_eq!((status, refused["details"]["causes"][0]["field"].as_str()), (409, Some(expected)));
    assert!(refused["message"].as_str().unwrap().contains("conflict with \"ci\" using apps/v1"));
}

#[tokio::test(start_paused = true)]
async fn the_pages_of_a_list_are_of_one_state() {
    let rig = Rig::new(SCENARIO);
    let pods = "/api/v1/namespaces/shop/pods";
    let first = rig.json(&format!("{pods}?limit=2")).await;
    let gone = rig.json(pods).await["items"][4]["metadata"]["name"].as_str().unwrap().to_owned();
    rig.pods().delete(&gone, &DeleteParams::default().grace_period(0)).await.unwrap();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let rest = rig.json(&format!("{pods}?limit=9&continue={token}")).await;
    let names: Vec<_> = rest["items"].as_array().unwrap().iter().map(|pod| pod["metadata"]["name"].as_str().unwrap()).collect();
    assert!(names.len() == 3 && names.contains(&gone.as_str()), "{names:?}");
    rig.world.compact();
    let (status, refused) = rig.get("127.0.0.1", &format!("{pods}?limit=9&continue={token}")).await;
    assert_eq!((status, refused.contains("\"reason\":\"Expired\"")), (410, true));
    let (status, _) = rig.get("127.0.0.1", &format!("{pods}?resourceVersion=999999")).await;
    assert_eq!(status, 504);
}

#[tokio::test(start_paused = true)]
async fn logs_are_read_and_followed() {
    let rig = Rig::new(SCENARIO);
    let pod = rig.json("/api/v1/namespaces/shop/pods").await["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let tail = LogParams { tail_lines: Some(3), timestamps: true, ..LogParams::default() };
    let log = rig.pods().logs(&pod, &tail).await.unwrap();
    assert_eq!(log.lines().count(), 3);
    assert!(log.starts_with("2026-01-05T01:59:57Z 2026-01-05T01:59:57Z level="), "{log}");
    let since = LogParams { since_time: Some("2026-01-05T01:59:50Z".parse().unwrap()), ..LogParams::default() };
    assert_eq!(rig.pods().logs(&pod, &since).await.unwrap().lines().count(), 10);

    let path = format!("/api/v1/namespaces/shop/pods/{pod}/log?follow=true&tailLines=1");
    let response = rig.world.router().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let mut chunks = response.into_body().into_data_stream();
    let mut lines = 0;
    while lines < 5 {
        lines += chunks.next().await.unwrap().unwrap().iter().filter(|byte| **byte == b'\n').count();
    }
    let gone = DeleteParams::default().grace_period(0);
    rig.pods().delete(&pod, &gone).await.unwrap();
    let rest = timeout(Duration::from_secs(60), async { while chunks.next().await.is_some() {} }).await;
    assert!(rest.is_ok(), "a log that is followed ends with its pod");
    let wrong = LogParams { container: Some("nothing".to_owned()), ..LogParams::default() };
    let other = rig.json("/api/v1/namespaces/shop/pods").await["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(rig.pods().logs(&other, &wrong).await.unwrap_err().to_string().contains("container nothing is not valid for pod"));
    let previous = LogParams { previous: true, ..LogParams::default() };
    assert!(rig.pods().logs(&other, &previous).await.unwrap_err().to_string().contains("previous terminated container"));
}

#[tokio::test(start_paused = true)]
async fn what_one_may_is_told() {
    let rig = Rig::with_events("  - {at: 1m, forbid: {verbs: [delete], resources: [pods]}}\n");
    let rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let review = json!({"spec": {"namespace": "shop"}});
    let (_, all) = rig.ask("POST", rules, "application/json", &review).await;
    assert_eq!(all["status"]["resourceRules"], json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]));
    later(Duration::from_secs(61)).await;
    let (_, some) = rig.ask("POST", rules, "application/json", &review).await;
    let pods = some["status"]["resourceRules"].as_array().unwrap().iter().find(|rule| rule["resources"][0] == "pods").unwrap();
    assert!(!pods["verbs"].as_array().unwrap().contains(&json!("delete")), "{pods}");
    let (_, who) = rig.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "application/json", &json!({})).await;
    assert_eq!(who["status"]["userInfo"]["username"], "rehearsal");
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_by_one_alone() {
    let rig = Rig::new(SCENARIO);
    let leases: Api<Lease> = Api::namespaced(rig.client.clone(), "shop");
    let lease = json!({"metadata": {"name": "lock"}, "spec": {"holderIdentity": "one", "leaseDurationSeconds": 60}});
    let lease: Lease = serde_json::from_value(lease).unwrap();
    let mut held = leases.create(&PostParams::default(), &lease).await.unwrap();
    assert!(leases.create(&PostParams::default(), &lease).await.is_err());
    held.spec.as_mut().unwrap().holder_identity = Some("two".to_owned());
    leases.replace("lock", &PostParams::default(), &held).await.unwrap();
    let stale = leases.replace("lock", &PostParams::default(), &held).await.unwrap_err();
    assert!(stale.to_string().contains("the object has been modified"), "{stale}");
}

#[tokio::test(start_paused = true)]
async fn any_kind_is_kept_and_patched() {
    let rig = Rig::new(SCENARIO);
    let maps: Api<ConfigMap> = Api::namespaced(rig.client.clone(), "shop");
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "flags"}, "data": {"a": "1"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    let patch = Patch::Merge(json!({"data": {"a": null, "b": "2"}}));
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    assert_eq!(maps.patch("flags", &dry, &patch).await.unwrap().data.unwrap().len(), 1);
    assert_eq!(maps.get("flags").await.unwrap().data.unwrap()["a"], "1");
    maps.patch("flags", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(maps.get("flags").await.unwrap().data.unwrap()["b"], "2");
    let secrets: Api<Secret> = Api::namespaced(rig.client.clone(), "shop");
    let secret: Secret = serde_json::from_value(json!({"metadata": {"name": "key"}, "stringData": {"a": "x"}})).unwrap();
    assert_eq!(secrets.create(&PostParams::default(), &secret).await.unwrap().data.unwrap()["a"].0, b"x");
    rig.set_image("checkout", "v1.2.4").await;
    later(Duration::from_secs(5)).await;
    let events: Api<Event> = Api::namespaced(rig.client.clone(), "shop");
    let of = ListParams::default().fields("involvedObject.kind=Deployment,involvedObject.name=checkout");
    let old = events.list(&of).await.unwrap().items;
    assert!(old.iter().any(|event| event.reason.as_deref() == Some("ScalingReplicaSet")));
    let new = rig.json("/apis/events.k8s.io/v1/namespaces/shop/events").await;
    assert!(
        new["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["regarding"]["name"] == "checkout" && event["note"].is_string())
    );
}

#[tokio::test(start_paused = true)]
async fn what_pods_use_follows_their_traffic() {
    let rig = Rig::new(SCENARIO);
    let usage =
        rig.json("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?labelSelector=app.kubernetes.io/instance=checkout").await;
    let items = usage["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    for item in items {
        // 50 requests a second at 4m each, and 20m without any.
        let cpu = item["containers"][0]["usage"]["cpu"].as_str().unwrap().trim_end_matches('n').parse::<f64>().unwrap() / 1e9;
        assert!((0.2..0.24).contains(&cpu), "{item}");
        assert!(item["containers"][0]["usage"]["memory"].as_str().unwrap().ends_with("Ki"));
    }
}
