//! The simulated world, seen through the clients the program uses.

#![expect(clippy::unwrap_used, reason = "a helper of a test that fails fails the test")]

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use futures::StreamExt;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, DynamicObject};
use pacenote::world::{Clock, Scenario, Surroundings, World};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt;

mod api;
mod faults;
mod http;
mod promql;
mod rollout;
mod workloads;

const SCENARIO: &str = r#"
pacenote-scenario: 1
scenario: test
runbook: x.yaml
seed: 7
world:
  namespace: shop
  services:
    checkout:
      rps: 200
      route: {virtualservice: checkout, stable: checkout, canary: checkout-canary}
      versions:
        v1.2.3: {errors: 0.3, latency: {p50: 80ms, p95: 180ms}, ready_after: 4s}
        v1.2.4: {errors: 8, latency: {p50: 300ms, p95: 1200ms}, ready_after: 6s}
        v1.2.5: {errors: 0.1, ready_after: 3s, crash_after: 5s}
  deployments:
    checkout: {image: "registry.example.com/checkout:v1.2.3", replicas: 4}
    checkout-canary: {image: "registry.example.com/checkout:v1.2.3", replicas: 1}
"#;

/// Lets time pass: tokio's, which is paused in all tests here.
async fn later(length: Duration) {
    sleep_until(Instant::now() + length).await;
}

/// The world of a scenario, its client and a port to its other endpoints.
struct Rig {
    world: World,
    client: kube::Client,
}

impl Rig {
    fn new(scenario: &str) -> Self {
        let scenario = Scenario::read("test.yaml", scenario).unwrap();
        let epoch = "2026-01-05T02:00:00Z".parse().unwrap();
        let world = World::new(&scenario, Surroundings::default(), Clock::start(epoch));
        let client = kube::Client::new(world.router(), "shop");
        Self { world, client }
    }

    /// The usual scenario, with events.
    fn with_events(events: &str) -> Self {
        Self::new(&format!("{SCENARIO}events:\n{events}"))
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), "shop")
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "shop")
    }

    fn routes(&self) -> Api<DynamicObject> {
        let kind = kube::core::GroupVersionKind::gvk("networking.istio.io", "v1", "VirtualService");
        Api::namespaced_with(self.client.clone(), "shop", &ApiResource::from_gvk(&kind))
    }

    async fn set_image(&self, deployment: &str, tag: &str) {
        let image = format!("registry.example.com/checkout:{tag}");
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}});
        self.deployments().patch(deployment, &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
    }

    async fn shift(&self, weight: u32) {
        let patch = json!([
            {"op": "test", "path": "/spec/http/0/route/1/destination/host", "value": "checkout-canary"},
            {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 100 - weight},
            {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": weight},
        ]);
        let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
        self.routes().patch("checkout", &PatchParams::default(), &Patch::Json::<()>(patch)).await.unwrap();
    }

    /// Asks at a host; status and body.
    async fn get(&self, host: &str, path: &str) -> (u16, String) {
        let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
        let response = self.world.router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn query(&self, query: &str) -> Value {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let (_, body) = self.get("prometheus.example.com", &format!("/api/v1/query?query={query}")).await;
        serde_json::from_str(&body).unwrap()
    }

    /// The value of a query that gives one series.
    async fn value(&self, query: &str) -> f64 {
        let answer = self.query(query).await;
        let result = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}"));
        assert_eq!(result.len(), 1, "{query}: {answer}");
        result[0]["value"][1].as_str().unwrap().parse().unwrap()
    }
}
