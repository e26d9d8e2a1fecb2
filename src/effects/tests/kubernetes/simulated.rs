//! Against the simulated cluster, whose controllers behave as the real ones.

use super::*;
use crate::world::{Clock, Scenario, Surroundings, World};

const SCENARIO: &str = r#"
pacenote-scenario: 1
scenario: test
runbook: x.yaml
seed: 7
world:
  namespace: shop
  nodes: 3
  deployments:
    checkout: {image: "checkout:v1", replicas: 2}
  statefulsets: {store: {image: "store:v1", replicas: 3}}
  daemonsets: {agent: {image: "agent:v1"}}
  objects:
    - {apiVersion: v1, kind: ConfigMap, metadata: {name: flags}, data: {mode: safe, other: kept}}
  images:
    "store:v2": {crash_after: 1s}
    "agent:v2": {ready_after: 2s}
"#;

struct Shop {
    bench: Bench,
    client: kube::Client,
}

impl Shop {
    fn open() -> Self {
        let scenario = Scenario::read("test.yaml", SCENARIO).unwrap();
        let world = World::new(&scenario, Surroundings::default(), Clock::start("2026-11-21T03:33:44Z".parse().unwrap()));
        let cluster = Cluster::from_router(world.router(), world.namespace(), "sid-1");
        let client = cluster.client.clone();
        Self { bench: Bench::new(HttpPort::network(), Some(cluster), no_commands()), client }
    }

    async fn get(&self, path: &str) -> Option<Json> {
        let request = ::http::Request::get(path).body(Vec::new()).unwrap();
        self.client.request(request).await.ok()
    }

    async fn workload(&self, plural: &str, name: &str) -> Json {
        self.get(&format!("/apis/apps/v1/namespaces/shop/{plural}/{name}")).await.unwrap()
    }

    async fn flags(&self) -> Json {
        self.get(FLAGS).await.unwrap()["data"].clone()
    }

    /// Somebody else changes an object.
    async fn patch(&self, path: &str, body: &Json) {
        let request = ::http::Request::patch(format!("{path}?fieldManager=kubectl-edit"))
            .header("content-type", "application/merge-patch+json")
            .body(body.to_string().into_bytes());
        let _: Json = self.client.request(request.unwrap()).await.unwrap();
    }

    /// A change as the program makes it: looked at, then done.
    async fn change(&mut self, request: &KubernetesRequest) -> (ObjectState, EffectReport) {
        let seen = prepared(&mut self.bench, request).await.unwrap_or_else(|why| panic!("{request:?}: {why}"));
        let mut intent = kubernetes(request.clone());
        intent.object = Some(seen.clone());
        intent.timeout_ms = Some(600_000);
        (seen, self.bench.run(intent).await)
    }

    async fn changes(&mut self, request: &KubernetesRequest) -> ObjectState {
        let (seen, report) = self.change(request).await;
        assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
        assert!(report.audit_id.is_some());
        seen
    }

    fn file(&self, name: &str, content: &str) -> KubernetesRequest {
        std::fs::write(self.bench.folder.path().join(name), content).unwrap();
        KubernetesRequest::Apply { file: Some(name.into()), documents: Vec::new(), force: false }
    }
}

const FLAGS: &str = "/api/v1/namespaces/shop/configmaps/flags";

fn workload(kind: &str, name: &str) -> Workload {
    Workload { kind: kind.into(), name: name.into() }
}

fn restore(of: &KubernetesRequest, seen: &ObjectState) -> KubernetesRequest {
    KubernetesRequest::Restore { resource: seen.resource.clone(), of: Box::new(of.clone()), before: seen.before.clone() }
}

fn image(workload: Workload, image: &str) -> KubernetesRequest {
    KubernetesRequest::SetImage { workload, container: "app".into(), image: image.into() }
}

const DOCUMENTS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: flags}
data: {added: '1'}
---
# nothing but a comment
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fresh, namespace: shop}
data: {a: b}
";

#[tokio::test(start_paused = true)]
async fn apply_sends_every_document_of_a_file_and_restore_puts_all_back() {
    let mut shop = Shop::open();
    let before = shop.flags().await;
    let request = shop.file("flags.yaml", DOCUMENTS);
    let seen = shop.changes(&request).await;
    assert!(seen.diff.contains("# configmap/flags\n"), "{}", seen.diff);
    assert!(seen.diff.contains("+ data.added: 1"), "{}", seen.diff);
    assert!(seen.diff.contains("# configmap/fresh: is made"), "{}", seen.diff);
    assert_eq!(shop.flags().await, json!({"mode": "safe", "other": "kept", "added": "1"}));
    let fresh = shop.get("/api/v1/namespaces/shop/configmaps/fresh").await.unwrap();
    assert_eq!(fresh["metadata"]["annotations"]["pacenote/session"], "sid-1");
    let managers = fresh["metadata"]["managedFields"].as_array().unwrap();
    assert!(managers.iter().any(|m| m["manager"] == "pacenote" && m["operation"] == "Apply"), "{managers:?}");

    let (_, again) = shop.change(&request).await;
    assert_eq!((again.outcome, again.changed), (Outcome::Succeeded, Some(false)), "{}", again.message);

    let undone = shop.changes(&restore(&request, &seen)).await;
    assert!(undone.diff.contains("- configmap/fresh: is deleted; this session made it"), "{}", undone.diff);
    assert!(undone.diff.contains("- data.added: 1"), "{}", undone.diff);
    assert_eq!(shop.flags().await, before);
    assert!(shop.get("/api/v1/namespaces/shop/configmaps/fresh").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_apply_of_fields_of_others_is_refused_with_their_owners() {
    let mut shop = Shop::open();
    shop.patch(FLAGS, &json!({"data": {"mode": "fast"}})).await;
    let document = Value::from_json(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"mode": "slow"}}),
    );
    let request = KubernetesRequest::Apply { file: None, documents: vec![document], force: false };
    let refused = prepared(&mut shop.bench, &request).await.unwrap_err();
    assert!(refused.contains(".data.mode belongs to kubectl-edit"), "{refused}");
    assert!(refused.contains("nothing is taken over"), "{refused}");
    let report = shop.bench.run(kubernetes(request)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert_eq!(shop.flags().await["mode"], "fast");
}

fn forced(mode: &str) -> KubernetesRequest {
    let document = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags"}, "data": {"mode": mode}});
    KubernetesRequest::Apply { file: None, documents: vec![Value::from_json(&document)], force: true }
}

#[tokio::test(start_paused = true)]
async fn with_force_it_is_shown_whose_fields_are_taken_and_then_they_are() {
    let mut shop = Shop::open();
    shop.patch(FLAGS, &json!({"data": {"mode": "fast"}})).await;
    let seen = prepared(&mut shop.bench, &forced("slow")).await.unwrap();
    assert!(seen.diff.contains("! configmap/flags: takes over .data.mode from kubectl-edit"), "{}", seen.diff);
    assert!(seen.diff.contains("+ data.mode: slow"), "{}", seen.diff);
    assert_eq!(shop.flags().await["mode"], "fast", "nothing was sent yet");
    let mut change = kubernetes(forced("slow"));
    change.object = Some(seen.clone());
    let report = shop.bench.run(change).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert!(report.message.contains(".data.mode was taken over from kubectl-edit"), "{}", report.message);
    assert_eq!(shop.flags().await["mode"], "slow");
    // Put back, the value is what it was.
    shop.changes(&restore(&forced("slow"), &seen)).await;
    assert_eq!(shop.flags().await["mode"], "fast");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_shown_is_not_taken_over() {
    let mut shop = Shop::open();
    // Nobody else's when it was shown: applied as ever.
    let seen = prepared(&mut shop.bench, &forced("slow")).await.unwrap();
    let unseen = kubernetes(forced("slow"));
    let shown = !seen.diff.contains("takes over");
    shop.patch(FLAGS, &json!({"data": {"mode": "fast"}})).await;
    // Nobody was shown anything, and somebody has it by now.
    let report = shop.bench.run(unseen).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("would take over .data.mode from kubectl-edit, which was not shown"), "{}", report.message);
    // What was shown is another state by now.
    let mut change = kubernetes(forced("slow"));
    change.object = Some(seen);
    let report = shop.bench.run(change).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "shown: {shown}: {}", report.message);
    assert_eq!(shop.flags().await["mode"], "fast");
}

#[tokio::test(start_paused = true)]
async fn an_apply_waits_for_its_workloads() {
    let mut shop = Shop::open();
    let document = Value::from_json(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "checkout"},
        "spec": {"template": {"metadata": {"annotations": {"note": "x"}}}}}));
    let request = KubernetesRequest::Apply { file: None, documents: vec![document], force: false };
    let seen = shop.changes(&request).await;
    let status = shop.workload("deployments", "checkout").await["status"].clone();
    assert_eq!((&status["updatedReplicas"], &status["availableReplicas"]), (&json!(2), &json!(2)), "{status}");
    shop.changes(&restore(&request, &seen)).await;
    let template = shop.workload("deployments", "checkout").await["spec"]["template"].clone();
    assert_eq!(template.pointer("/metadata/annotations/note"), None);
}

#[tokio::test(start_paused = true)]
async fn what_an_apply_cannot_mean_is_refused_before_anything_is_sent() {
    let mut shop = Shop::open();
    for (content, words) in [
        ("", "no document"),
        ("kind: ConfigMap\nmetadata: {name: x}", "no apiVersion"),
        ("{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: other}}", "meant for the namespace other"),
        ("{apiVersion: v1, kind: Secret, metadata: {name: x}}", "into the record"),
        ("a: [", "no YAML"),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}",
            "there twice",
        ),
    ] {
        let request = shop.file("bad.yaml", content);
        let refused = prepared(&mut shop.bench, &request).await.unwrap_err();
        assert!(refused.contains(words), "{refused}");
        let report = shop.bench.run(kubernetes(request)).await;
        assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    }
    assert!(shop.get("/api/v1/namespaces/shop/configmaps/x").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_others_made_or_changed_since_is_neither_overwritten_nor_deleted() {
    let mut shop = Shop::open();
    let request = shop.file("flags.yaml", DOCUMENTS);
    let seen = shop.changes(&request).await;
    shop.patch(FLAGS, &json!({"data": {"added": "2"}})).await;
    let refused = prepared(&mut shop.bench, &restore(&request, &seen)).await.unwrap_err();
    assert!(refused.contains("kubectl-edit") && refused.contains("by hand"), "{refused}");

    shop.patch(FLAGS, &json!({"data": {"added": "1"}})).await;
    let fresh = "/api/v1/namespaces/shop/configmaps/fresh";
    shop.patch(fresh, &json!({"metadata": {"annotations": {"pacenote/session": "another"}}})).await;
    let refused = prepared(&mut shop.bench, &restore(&request, &seen)).await.unwrap_err();
    assert!(refused.contains("not the one this session made"), "{refused}");
    assert!(shop.get(fresh).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn undo_of_a_daemonset_goes_back_by_its_controller_revisions() {
    let mut shop = Shop::open();
    let agent = workload("DaemonSet", "agent");
    let template = shop.workload("daemonsets", "agent").await["spec"]["template"].clone();
    shop.changes(&image(agent.clone(), "agent:v2")).await;
    let undo = KubernetesRequest::RolloutUndo { workload: agent, to: UndoTarget::Previous };
    shop.changes(&undo).await;
    let now = shop.workload("daemonsets", "agent").await;
    assert_eq!(now["spec"]["template"], template);
    assert_eq!(now["status"]["updatedNumberScheduled"], 3);
}

#[tokio::test(start_paused = true)]
async fn undo_of_a_statefulset_skips_an_equal_template() {
    let mut shop = Shop::open();
    let store = workload("StatefulSet", "store");
    let undo = KubernetesRequest::RolloutUndo { workload: store, to: UndoTarget::Revision { revision: 1 } };
    let (_, report) = shop.change(&undo).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{}", report.message);
}

/// kubernetes#67250.
#[tokio::test(start_paused = true)]
async fn a_stuck_statefulset_rollback_is_detected_explained_and_offered_a_way_out() {
    let mut shop = Shop::open();
    let store = workload("StatefulSet", "store");
    let (_, bad) = shop.change(&image(store.clone(), "store:v2")).await;
    assert_eq!(bad.outcome, Outcome::Failed, "{}", bad.message);
    assert!(bad.message.contains("store-2") && bad.message.contains("CrashLoopBackOff"), "{}", bad.message);

    let undo = KubernetesRequest::RolloutUndo { workload: store.clone(), to: UndoTarget::Previous };
    let (seen, stuck) = shop.change(&undo).await;
    assert!(seen.diff.contains("pod/store-2 does not come up and will hold this up"), "{}", seen.diff);
    assert!(seen.diff.ends_with("# as rehearsal in rehearsal/shop"), "{}", seen.diff);
    assert_eq!((stuck.outcome, stuck.changed), (Outcome::Failed, Some(true)), "{}", stuck.message);
    assert!(stuck.message.contains("store-2"), "{}", stuck.message);
    assert!(stuck.message.contains("delete pod store-2"), "the way out: {}", stuck.message);
    assert!(stuck.took_ms < 30_000, "long before its time limit: {} ms", stuck.took_ms);

    shop.changes(&KubernetesRequest::DeletePod { name: "store-2".into(), selector: false }).await;
    let mut status = kubernetes(KubernetesRequest::RolloutStatus { workload: store });
    status.changes = false;
    let report = shop.bench.run(status).await;
    assert_eq!(report.outcome, Outcome::Succeeded, "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn scaling_and_restarting_go_through_the_controllers() {
    let mut shop = Shop::open();
    for (kind, plural, name, start) in [("Deployment", "deployments", "checkout", 2), ("StatefulSet", "statefulsets", "store", 3)]
    {
        let scale = KubernetesRequest::Scale { workload: workload(kind, name), replicas: 5 };
        let seen = shop.changes(&scale).await;
        assert_eq!(shop.workload(plural, name).await["status"]["readyReplicas"], 5);
        shop.changes(&restore(&scale, &seen)).await;
        assert_eq!(shop.workload(plural, name).await["status"]["replicas"], start);
        let restart = KubernetesRequest::RolloutRestart { workload: workload(kind, name), at: "2026-11-21T03:40:00Z".into() };
        shop.changes(&restart).await;
    }
    let pods = KubernetesRequest::DeletePod { name: "app=checkout".into(), selector: true };
    let seen = shop.changes(&pods).await;
    assert_eq!(seen.diff.lines().filter(|line| line.starts_with("- pod/checkout-")).count(), 2, "{}", seen.diff);
}
