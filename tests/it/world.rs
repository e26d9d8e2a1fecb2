//! The simulated world, seen through the clients the program uses.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams, WatchEvent, WatchParams};
use kube::core::DynamicObject;
use pacenote::world::{Clock, Scenario, Surroundings, World};
use serde_json::{Value, json};
use tower::ServiceExt;

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

fn world(scenario: &str) -> World {
    let scenario = Scenario::read("test.yaml", scenario).unwrap();
    let epoch = "2026-01-05T02:00:00Z".parse().unwrap();
    World::new(&scenario, Surroundings::default(), Clock::start(epoch))
}

#[tokio::test(start_paused = true)]
async fn smoke() {
    let world = world(SCENARIO);
    let client = kube::Client::new(world.router(), "shop");
    let api: Api<Deployment> = Api::namespaced(client.clone(), "shop");
    let all: Api<DynamicObject> = Api::all_with(client.clone(), &kube::api::ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&()));
    let list = all.list(&Default::default()).await.unwrap();
    println!("{}", serde_json::to_string_pretty(&api.get("checkout").await.unwrap()).unwrap());
    println!("{}", serde_json::to_string_pretty(&list.items[0]).unwrap());
}
