//! What the controllers beside that of Deployments do, and what nodes and memory do to pods.

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Endpoints;
use kube::api::{DeleteParams, PostParams};

use super::*;

const WORKLOADS: &str = r#"
pacenote-scenario: 1
scenario: workloads
runbook: x.yaml
seed: 7
world:
  namespace: shop
  services:
    store:
      rps: 60
      route: {replicas: [store]}
      versions:
        v1: {ready_after: 2s}
        v2: {ready_after: 2s}
        broken: {ready_after: 20s, crash_after: 1s}
        leaking: {memory: {start: 100Mi, growth: 100Mi}}
        hungry: {cpu: {idle: 20m, request: 10m}}
  statefulsets: {store: {image: "store:v1", replicas: 3}}
  daemonsets: {agent: {image: "agent:1"}}
"#;

impl Rig {
    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), "shop")
    }

    async fn image<K>(&self, name: &str, image: &str)
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}});
        self.api::<K>().patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
    }

    /// Names and images of the pods of an app, and whether they are ready.
    async fn of(&self, app: &str) -> Vec<(String, String, bool)> {
        let pods = self.pods().list(&ListParams::default().labels(&format!("app={app}"))).await.unwrap().items;
        pods.into_iter()
            .map(|pod| {
                let ready = pod.status.unwrap().conditions.unwrap_or_default();
                let ready = ready.iter().any(|c| c.type_ == "Ready" && c.status == "True");
                (pod.metadata.name.unwrap(), pod.spec.unwrap().containers[0].image.clone().unwrap(), ready)
            })
            .collect()
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn a_statefulset_goes_one_by_one_from_the_last() {
    let rig = Rig::new(WORKLOADS);
    let names: Vec<_> = rig.of("store").await.into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["store-0", "store-1", "store-2"]);
    rig.image::<StatefulSet>("store", "store:v2").await;
    let mut order = Vec::new();
    for _ in 0..200 {
        later(Duration::from_millis(250)).await;
        let pods = rig.of("store").await;
        assert!(pods.iter().filter(|(.., ready)| *ready).count() >= 2, "more than one is missing: {pods:?}");
        for (name, image, _) in pods {
            if image == "store:v2" && !order.contains(&name) {
                order.push(name);
            }
        }
    }
    assert_eq!(order, ["store-2", "store-1", "store-0"]);
    let status = rig.api::<StatefulSet>().get("store").await.unwrap().status.unwrap();
    assert_eq!((status.current_revision.is_some(), status.ready_replicas), (true, Some(3)));
    assert_eq!(status.current_revision, status.update_revision);
    let revisions = rig.api::<ControllerRevision>().list(&ListParams::default().labels("app=store")).await.unwrap().items;
    let mut numbers: Vec<i64> = revisions.iter().map(|one| one.revision).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_statefulset_is_freed_by_deleting_its_broken_pod() {
    let rig = Rig::new(WORKLOADS);
    rig.image::<StatefulSet>("store", "store:broken").await;
    later(seconds(60)).await;
    let broken = |pods: &[(String, String, bool)]| pods.iter().filter(|(_, image, _)| image == "store:broken").count();
    assert_eq!(broken(&rig.of("store").await), 1, "it holds at the first that is not ready");
    rig.image::<StatefulSet>("store", "store:v1").await;
    later(seconds(600)).await;
    assert_eq!(broken(&rig.of("store").await), 1, "going back alone does not free it");
    rig.pods().delete("store-2", &DeleteParams::default()).await.unwrap();
    later(seconds(60)).await;
    let pods = rig.of("store").await;
    assert!(pods.iter().all(|(_, image, ready)| image == "store:v1" && *ready), "{pods:?}");
    let revisions = rig.api::<ControllerRevision>().list(&ListParams::default().labels("app=store")).await.unwrap().items;
    assert_eq!(revisions.iter().map(|one| one.revision).max(), Some(3), "the template that came back has the next number");
}

#[tokio::test(start_paused = true)]
async fn a_statefulset_is_scaled_and_partitioned() {
    let rig = Rig::new(WORKLOADS);
    let sets = rig.api::<StatefulSet>();
    let patch = Patch::Merge(json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 2}}}}));
    sets.patch("store", &PatchParams::default(), &patch).await.unwrap();
    rig.image::<StatefulSet>("store", "store:v2").await;
    later(seconds(60)).await;
    let images: Vec<_> = rig.of("store").await.into_iter().map(|(_, image, _)| image).collect();
    assert_eq!(images, ["store:v1", "store:v1", "store:v2"]);
    sets.patch_scale("store", &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 1}}))).await.unwrap();
    later(seconds(60)).await;
    assert_eq!(rig.of("store").await.len(), 1);
    let forbidden = Patch::Merge(json!({"spec": {"serviceName": "other"}}));
    let refused = sets.patch("store", &PatchParams::default(), &forbidden).await.unwrap_err();
    assert!(refused.to_string().contains("updates to statefulset spec for fields other than"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_daemonset_has_a_pod_on_each_node_and_replaces_one_at_a_time() {
    let rig = Rig::new(WORKLOADS);
    assert_eq!(rig.of("agent").await.len(), 3);
    rig.image::<DaemonSet>("agent", "agent:2").await;
    for _ in 0..200 {
        later(Duration::from_millis(250)).await;
        let pods = rig.of("agent").await;
        assert!(pods.iter().filter(|(.., ready)| *ready).count() >= 2, "{pods:?}");
    }
    let pods = rig.of("agent").await;
    assert!(pods.len() == 3 && pods.iter().all(|(_, image, ready)| image == "agent:2" && *ready), "{pods:?}");
    let status = rig.api::<DaemonSet>().get("agent").await.unwrap().status.unwrap();
    assert_eq!((status.updated_number_scheduled, status.number_available), (Some(3), Some(3)));
}

#[tokio::test(start_paused = true)]
async fn jobs_complete_or_are_given_up() {
    let rig =
        Rig::new(&WORKLOADS.replace(
            "  daemonsets:",
            "  images: {migrate: {exits_after: 20s}, fails: {exits_after: 2s, exit: 3}}\n  daemonsets:",
        ));
    let job = |name: &str| {
        let spec = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": format!("{name}:1")}]});
        let job = json!({"metadata": {"name": name}, "spec": {"backoffLimit": 1, "template": {"spec": spec}}});
        serde_json::from_value::<Job>(job).unwrap()
    };
    for name in ["migrate", "fails"] {
        rig.api::<Job>().create(&PostParams::default(), &job(name)).await.unwrap();
    }
    later(seconds(10)).await;
    assert_eq!(rig.api::<Job>().get("migrate").await.unwrap().status.unwrap().active, Some(1));
    later(seconds(50)).await;
    let ended = |job: Job| {
        let status = job.status.unwrap();
        (status.conditions.unwrap().iter().map(|c| c.type_.clone()).collect::<Vec<_>>(), status.succeeded, status.failed)
    };
    let (conditions, succeeded, _) = ended(rig.api::<Job>().get("migrate").await.unwrap());
    assert_eq!((conditions, succeeded), (vec!["SuccessCriteriaMet".to_owned(), "Complete".to_owned()], Some(1)));
    let (conditions, _, failed) = ended(rig.api::<Job>().get("fails").await.unwrap());
    assert_eq!((conditions, failed), (vec!["FailureTarget".to_owned(), "Failed".to_owned()], Some(2)));
    let bad = json!({"metadata": {"name": "x"}, "spec": {"template": {"spec": {"containers": [{"name": "a", "image": "b"}]}}}});
    let refused = rig.api::<Job>().create(&PostParams::default(), &serde_json::from_value(bad).unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("restartPolicy"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn an_autoscaler_follows_the_load() {
    let world = WORKLOADS.replace(
        "  statefulsets: {store: {image: \"store:v1\", replicas: 3}}",
        "  deployments: {store: {image: \"store:v1\", replicas: 2, requests: {cpu: 200m}, limits: {cpu: 250m}}}\n  autoscalers: {store: {target: store, min: 2, max: 6, cpu: 70}}",
    );
    let rig = Rig::new(&world);
    later(seconds(120)).await;
    // 30 requests a second each at 4m, and 20m: 70 percent of 200m.
    assert_eq!(rig.of("store").await.len(), 2);
    let slow = "histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket{service=\"store\"}[1m])) by (le))";
    let before = rig.value(slow).await;
    rig.image::<Deployment>("store", "store:hungry").await;
    later(seconds(40)).await;
    let strained = rig.value(slow).await;
    later(seconds(240)).await;
    // 600m and 20m each have to fit: five pods.
    let pods = rig.of("store").await.len();
    assert!((5..=6).contains(&pods), "{pods} pods");
    let scaler = rig.api::<HorizontalPodAutoscaler>().get("store").await.unwrap().status.unwrap();
    assert_eq!(usize::try_from(scaler.desired_replicas).unwrap(), pods);
    let after = rig.value(slow).await;
    assert!(strained > before * 1.05 && after < before * 1.05, "{before} {strained} {after}");
    rig.image::<Deployment>("store", "store:v1").await;
    later(seconds(240)).await;
    assert_eq!(rig.of("store").await.len(), pods, "it does not shrink before five minutes are over");
    later(seconds(240)).await;
    assert!(rig.of("store").await.len() <= 3);
}

#[tokio::test(start_paused = true)]
async fn memory_that_grows_ends_in_a_kill_and_the_metrics_show_it() {
    let world = WORKLOADS.replace(
        "  statefulsets: {store: {image: \"store:v1\", replicas: 3}}",
        "  deployments: {store: {image: \"store:v1\", replicas: 1, limits: {memory: 256Mi}}}",
    );
    let rig = Rig::new(&world);
    let memory = "max(container_memory_working_set_bytes{pod=~\"store-.*\"}) / max(kube_pod_container_resource_limits{resource=\"memory\"})";
    assert!((0.6..0.8).contains(&rig.value(memory).await));
    rig.image::<Deployment>("store", "store:leaking").await;
    later(seconds(80)).await;
    assert!(rig.value(memory).await > 0.8);
    later(seconds(30)).await;
    let pods = rig.pods().list(&ListParams::default().labels("app=store")).await.unwrap().items;
    let status = pods[0].status.as_ref().unwrap().container_statuses.as_ref().unwrap()[0].clone();
    let last = status.last_state.unwrap().terminated.unwrap();
    assert_eq!((last.reason.as_deref(), last.exit_code, status.restart_count), (Some("OOMKilled"), 137, 1));
    rig.image::<Deployment>("store", "store:v1").await;
    later(seconds(60)).await;
    let again = rig.value(memory).await;
    assert!((0.6..0.8).contains(&again), "going back cures: {again}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_node_is_noticed_late_and_its_pods_move() {
    let world = WORKLOADS.replace("replicas: 3}}", "replicas: 6}}").replace("statefulsets", "deployments");
    let rig = Rig::new(&format!("{world}events:\n  - {{at: 1m, node_lost: node-1, for: 8m}}\n"));
    let on =
        |pods: &[Pod], node: &str| pods.iter().filter(|p| p.spec.as_ref().unwrap().node_name.as_deref() == Some(node)).count();
    let all = ListParams::default().labels("app=store");
    let there = on(&rig.pods().list(&all).await.unwrap().items, "node-1");
    assert!(there > 0);
    let errors = "100 * sum(rate(http_requests_total{status=~\"5..\"}[20s])) / sum(rate(http_requests_total[20s]))";
    later(seconds(95)).await;
    let failing = rig.value(errors).await;
    let expected = 100.0 * there as f64 / 6.0;
    assert!((failing - expected).abs() < 5.0, "{failing} of {expected}");
    assert_eq!(rig.of("store").await.iter().filter(|(.., ready)| *ready).count(), 6, "it is not noticed yet");
    later(seconds(40)).await;
    assert_eq!(rig.of("store").await.iter().filter(|(.., ready)| *ready).count(), 6 - there);
    assert!(rig.value(errors).await < 1.0, "traffic goes elsewhere");
    later(seconds(320)).await;
    assert_eq!(rig.of("store").await.iter().filter(|(.., ready)| *ready).count(), 6, "they were replaced");
    later(seconds(120)).await;
    let pods = rig.pods().list(&all).await.unwrap().items;
    assert_eq!(pods.len(), 6, "the node is back, and what was to be deleted there is gone");
}

#[tokio::test(start_paused = true)]
async fn the_addresses_of_a_service_are_those_of_its_ready_pods() {
    let rig = Rig::new(WORKLOADS);
    let ready = |endpoints: Endpoints| {
        let subset = endpoints.subsets.unwrap_or_default().pop();
        subset.and_then(|subset| subset.addresses).map_or(0, |addresses| addresses.len())
    };
    assert_eq!(ready(rig.api::<Endpoints>().get("store").await.unwrap()), 3);
    rig.pods().delete("store-1", &DeleteParams::default()).await.unwrap();
    later(seconds(1)).await;
    assert_eq!(ready(rig.api::<Endpoints>().get("store").await.unwrap()), 2);
    later(seconds(30)).await;
    assert_eq!(ready(rig.api::<Endpoints>().get("store").await.unwrap()), 3);
}
