//! Changes to a cluster.

use serde_json::{Value as Json, json};

use super::fake::{DEPLOYMENT, OnPatch, ROUTE, Shared, replica_set, router, shop, template};
use super::*;
use crate::runbook::Value;
use crate::session::intent::{PatchKind, Resource, UndoTarget};

mod faults;
mod rules;
mod simulated;
mod verbs;

fn bench(shared: &Shared) -> Bench {
    let cluster = Cluster::from_router(router(shared), "shop", "sid-1");
    Bench::new(HttpPort::network(), Some(cluster), no_commands())
}

fn checkout() -> Workload {
    Workload { kind: "Deployment".into(), name: "checkout".into() }
}

fn set_image(image: &str) -> Intent {
    intent(
        What::Kubernetes(KubernetesRequest::SetImage { workload: checkout(), container: "app".into(), image: image.into() }),
        true,
    )
}

fn route() -> Resource {
    Resource { group: "networking.istio.io".into(), version: "v1".into(), kind: "VirtualService".into(), name: "checkout".into() }
}

fn weights(stable: i64, canary: i64) -> KubernetesRequest {
    let body = json!([
        {"op": "test", "path": "/spec/http/0/route/1/destination/host", "value": "checkout-canary"},
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": stable},
        {"op": "replace", "path": "/spec/http/0/route/1/weight", "value": canary},
    ]);
    KubernetesRequest::Patch { resource: route(), kind: PatchKind::Json, body: Value::from_json(&body) }
}

fn kubernetes(request: KubernetesRequest) -> Intent {
    intent(What::Kubernetes(request), true)
}

/// A rollout that comes up in three looks.
fn comes_up(shared: &Shared) {
    let mut fake = shared.lock().unwrap();
    for (updated, available, all) in [(1, 3, 4), (3, 2, 4), (3, 3, 3)] {
        fake.steps.push_back(json!({"status": {"observedGeneration": 2, "replicas": all, "updatedReplicas": updated, "availableReplicas": available}}));
    }
}

fn rolled_out(generation: u32) -> Json {
    json!({"status": {"observedGeneration": generation, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}})
}

async fn prepared(bench: &mut Bench, request: &KubernetesRequest) -> Result<ObjectState, String> {
    bench.effects.prepare(StepRef { path: StepPath::new("step"), visit: 1 }, request.clone());
    match bench.answers.recv().await.unwrap() {
        Answer::Prepared { result, .. } => result.map(|state| *state),
        other => panic!("{other:?}"),
    }
}

async fn pinned(bench: &mut Bench) -> PinnedTarget {
    bench.effects.pin(checkout());
    match bench.answers.recv().await.unwrap() {
        Answer::Pinned { result, .. } => *result.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn set_image_is_sent_once_and_followed_to_its_end() {
    let shared = shop();
    comes_up(&shared);
    let mut bench = bench(&shared);
    let report = bench.run(set_image("shop/checkout:v2")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(report.audit_id.as_deref(), Some("audit-1"));
    assert_eq!(report.resource_version.as_deref(), Some("20"));
    assert_eq!(
        bench.progress(),
        [
            "waiting for the controller to see the change",
            "1 of 3 updated, 3 available, 3 old",
            "3 of 3 updated, 2 available, 1 old"
        ]
    );
    let mut fake = shared.lock().unwrap();
    assert_eq!(fake.patches.len(), 1);
    assert_eq!(fake.patches[0].1["metadata"]["resourceVersion"], "10");
    let object = fake.object(DEPLOYMENT);
    assert_eq!(object["metadata"]["annotations"]["pacenote/session"], "sid-1");
    assert_eq!(object["spec"]["template"], template("shop/checkout:v2"), "the other container is untouched");
    assert!(
        fake.agents.iter().all(|agent| agent == &format!("pacenote/{} (session sid-1)", env!("CARGO_PKG_VERSION"))),
        "{:?}",
        fake.agents
    );
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_shows_the_change_to_the_server_and_sends_none() {
    let cluster = |shared: &Shared| Some(Cluster::from_router(router(shared), "shop", "sid-1"));
    let shared = shop();
    let report = Bench::dry(cluster(&shared)).run(set_image("shop/checkout:v2")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{}", report.message);
    assert!(report.message.starts_with("checked by the server"), "{}", report.message);
    // Where the server has no dry runs it is said.
    shared.lock().unwrap().no_dry_run = true;
    let report = Bench::dry(cluster(&shared)).run(set_image("shop/checkout:v2")).await;
    assert!(report.message.starts_with("simulated: the server cannot say"), "{}", report.message);
    assert!(shared.lock().unwrap().patches.is_empty());
    // What only reads is really done.
    let read = intent(What::Kubernetes(KubernetesRequest::Get { resource: route() }), false);
    let report = Bench::dry(cluster(&shared)).run(read).await;
    assert!(report.object.is_some(), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn what_is_so_already_passes_unsent() {
    let shared = shop();
    let mut bench = bench(&shared);
    let report = bench.run(set_image("shop/checkout:v1")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{}", report.message);
    let report = bench.run(kubernetes(weights(100, 0))).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{}", report.message);
    assert!(shared.lock().unwrap().patches.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_refusal_and_every_silence_is_sent_once_and_named_rightly() {
    let cases: [(OnPatch, Outcome, Option<bool>, &str); 10] = [
        (OnPatch::Answer(409, "the object has been modified"), Outcome::Failed, Some(false), "quicker"),
        (OnPatch::Answer(403, "deployments is forbidden"), Outcome::Failed, Some(false), "not allowed"),
        (OnPatch::Answer(401, ""), Outcome::Failed, Some(false), "log in again"),
        (OnPatch::Answer(422, "invalid image"), Outcome::Failed, Some(false), "invalid image"),
        (OnPatch::Answer(429, "too many requests"), Outcome::Failed, Some(false), "overloaded"),
        (OnPatch::Answer(500, "etcdserver: request timed out"), Outcome::Unknown, None, "may have had its effect"),
        (OnPatch::Answer(500, "failed calling webhook \"x\""), Outcome::Failed, Some(false), "webhook"),
        (OnPatch::Answer(200, "<html>log in</html>"), Outcome::Unknown, None, "login page"),
        (OnPatch::Answer(504, "<html>gateway</html>"), Outcome::Unknown, None, "may have had its effect"),
        (OnPatch::Silence, Outcome::Unknown, None, "may have had its effect"),
    ];
    for (on_patch, outcome, changed, words) in cases {
        let shared = shop();
        shared.lock().unwrap().on_patch = on_patch;
        let report = bench(&shared).run(set_image("shop/checkout:v2")).await;
        assert_eq!((report.outcome, report.changed), (outcome, changed), "{}", report.message);
        assert!(report.message.contains(words), "{}", report.message);
        assert_eq!(shared.lock().unwrap().patches.len(), 1, "{}", report.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_answer_broke_off_is_unknown() {
    let shared = shop();
    shared.lock().unwrap().on_patch = OnPatch::TakeAndBreak;
    let report = bench(&shared).run(set_image("shop/checkout:v2")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Unknown, None), "{}", report.message);
    let mut fake = shared.lock().unwrap();
    assert_eq!(fake.patches.len(), 1);
    assert_eq!(fake.object(DEPLOYMENT)["spec"]["template"], template("shop/checkout:v2"), "and it did land");
}

#[tokio::test]
async fn a_connection_cut_after_sending_is_unknown_and_one_refused_is_not() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let shared = shop();
    let object = shared.lock().unwrap().object(DEPLOYMENT).to_string();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let object = object.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 << 10];
                let length = socket.read(&mut buffer).await.unwrap();
                if buffer[..length].starts_with(b"GET") {
                    let answer =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{object}", object.len());
                    socket.write_all(answer.as_bytes()).await.unwrap();
                }
                // A PATCH is read, and the connection ends without a word.
            });
        }
    });
    let cluster = Cluster::at(address, "shop", "sid-1").unwrap();
    let report = Bench::new(HttpPort::network(), Some(cluster), no_commands()).run(set_image("shop/checkout:v2")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Unknown, None), "{}", report.message);

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cluster = Cluster::at(free, "shop", "sid-1").unwrap();
    let report = Bench::new(HttpPort::network(), Some(cluster), no_commands()).run(set_image("shop/checkout:v2")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn an_object_changed_since_it_was_seen_is_left_alone() {
    let shared = shop();
    comes_up(&shared);
    let mut bench = bench(&shared);
    let mut planned = set_image("shop/checkout:v2");
    let What::Kubernetes(request) = &planned.what else { unreachable!() };
    let seen = prepared(&mut bench, request).await.unwrap();

    let diff = [
        "- spec.template.spec.containers[app].image: shop/checkout:v1",
        "+ spec.template.spec.containers[app].image: shop/checkout:v2",
    ];
    assert!(diff.iter().all(|line| seen.diff.lines().any(|shown| shown == *line)), "{}", seen.diff);
    assert_eq!(seen.diff.lines().count(), 4, "these, the session's annotation, and as whom: {}", seen.diff);
    assert!(seen.diff.ends_with("# as rehearsal (so the kubeconfig says) in rehearsal/shop"), "{}", seen.diff);
    assert!(!seen.before.contains("managedFields"));
    planned.object = Some(seen);

    // Somebody else edits it.
    let edit = json!({"metadata": {"resourceVersion": "12"}, "spec": {"template": {"spec": {"priorityClassName": "high"}}}});
    json_patch::merge(shared.lock().unwrap().object(DEPLOYMENT), &edit);
    let report = bench.run(planned.clone()).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("kubectl-edit at 2026-01-01T02:41:00Z"), "{}", report.message);
    assert!(report.message.contains("priorityClassName"), "{}", report.message);
    assert!(shared.lock().unwrap().patches.is_empty());

    // A status that moved on, or an autoscaler, is no reason to refuse.
    let back = json!({"metadata": {"resourceVersion": "13"}, "spec": {"replicas": 3, "template": {"spec": {"priorityClassName": null}}}, "status": {"readyReplicas": 2}});
    json_patch::merge(shared.lock().unwrap().object(DEPLOYMENT), &back);
    let report = bench.run(planned.clone()).await;
    assert_eq!(report.outcome, Outcome::Succeeded, "{}", report.message);

    // Deleted and created anew it is another object.
    shared.lock().unwrap().object(DEPLOYMENT)["metadata"]["uid"] = json!("uid-9");
    let report = bench.run(planned).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("created anew"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_fails_early_and_says_why() {
    let pod = json!({"metadata": {"name": "checkout-bbb-1", "labels": {"app": "checkout", "pod-template-hash": "bbb"}},
        "status": {"containerStatuses": [{"name": "app", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}});
    let mut old_pod = pod.clone();
    old_pod["metadata"]["labels"]["pod-template-hash"] = json!("aaa");
    let shared = shop();
    {
        let mut fake = shared.lock().unwrap();
        fake.replica_sets.push(replica_set(2, "bbb", "shop/checkout:v2"));
        fake.pods = vec![old_pod, pod];
        fake.steps
            .push_back(json!({"status": {"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}}));
    }
    let report = bench(&shared).run(set_image("shop/checkout:v2")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(true)), "{}", report.message);
    assert!(
        report.message.contains("checkout-bbb-1") && report.message.contains("OOMKilled, exit code 137, 4 restarts"),
        "{}",
        report.message
    );
    assert!(report.took_ms < 10_000, "long before any deadline: {} ms", report.took_ms);
}

#[tokio::test(start_paused = true)]
async fn the_ends_of_a_rollout_that_does_not_come_up() {
    let overdue = |at: &str| json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": at}]);
    let waiting = json!({"status": {"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}});
    let cases: Vec<(Vec<Json>, Outcome, &str)> = vec![
        (vec![json!({"gone": true})], Outcome::Failed, "it was deleted"),
        (vec![json!({"metadata": {"uid": "uid-7"}})], Outcome::Failed, "created anew"),
        (
            vec![json!({"spec": {"template": {"metadata": {"labels": {"app": "other"}}}}})],
            Outcome::Failed,
            "its template was changed by kubectl-edit",
        ),
        (vec![waiting.clone()], Outcome::Failed, "no end within 1m; the change itself was accepted; last seen: 1 of 3 updated"),
        (
            vec![json!({"status": {"observedGeneration": 2, "conditions": overdue("new")}})],
            Outcome::Failed,
            "no progress before its deadline",
        ),
        // From before the change: passed over.
        (
            vec![
                json!({"status": {"observedGeneration": 2, "conditions": overdue("old"), "updatedReplicas": 1}}),
                json!({"status": {"updatedReplicas": 3}}),
            ],
            Outcome::Succeeded,
            "3 of 3 updated",
        ),
    ];
    for (steps, outcome, words) in cases {
        let shared = shop();
        {
            let mut fake = shared.lock().unwrap();
            fake.steps.extend(steps);
            fake.object(DEPLOYMENT)["status"]["conditions"] = overdue("old");
        }
        let mut intent = set_image("shop/checkout:v2");
        intent.timeout_ms = Some(60_000);
        let report = bench(&shared).run(intent).await;
        assert_eq!((report.outcome, report.changed), (outcome, Some(true)), "{}", report.message);
        assert!(report.message.contains(words), "{}", report.message);
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_while_waiting_says_that_the_change_was_accepted() {
    let shared = shop();
    let mut bench = bench(&shared);
    bench.effects.run(set_image("shop/checkout:v2"));
    let first = bench.answers.recv().await.unwrap();
    assert!(matches!(first, Answer::Progress { .. }), "{first:?}");
    assert!(bench.effects.stop(1, StopSignal::Cancel));
    let report = bench.end().await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(true)), "{}", report.message);
    assert!(report.message.contains("accepted"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn an_undo_goes_back_to_what_was_pinned() {
    let shared = shop();
    comes_up(&shared);
    let mut bench = bench(&shared);
    let target = pinned(&mut bench).await;
    assert_eq!((target.uid.as_str(), target.revision), ("uid-1", 1));
    assert_eq!((target.replica_set_uid.as_deref(), target.hash.as_deref()), (Some("rs-1"), Some("aaa")));
    assert_eq!(target.images, ["app=shop/checkout:v1", "proxy=envoy:1"]);
    let undo = kubernetes(KubernetesRequest::RolloutUndo { workload: checkout(), to: UndoTarget::Pinned(Box::new(target)) });

    let report = bench.run(undo.clone()).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "already there: {}", report.message);

    // Half-way through another rollout, twice: it goes back to the same template.
    for (round, image) in ["shop/checkout:v2", "shop/checkout:v3"].into_iter().enumerate() {
        json_patch::merge(shared.lock().unwrap().object(DEPLOYMENT), &json!({"spec": {"template": template(image)}}));
        let generation = shared.lock().unwrap().object(DEPLOYMENT)["metadata"]["generation"].as_i64().unwrap() + 1;
        let done =
            json!({"status": {"observedGeneration": generation, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}});
        shared.lock().unwrap().steps = [done].into();
        let report = bench.run(undo.clone()).await;
        assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
        let mut fake = shared.lock().unwrap();
        assert_eq!(fake.object(DEPLOYMENT)["spec"]["template"], template("shop/checkout:v1"));
        assert_eq!(fake.object(DEPLOYMENT)["metadata"]["annotations"]["pacenote/session"], "sid-1");
        assert_eq!(fake.patches.len(), round + 1);
    }

    // Paused, or another object of the same name: refused in words.
    json_patch::merge(shared.lock().unwrap().object(DEPLOYMENT), &json!({"spec": {"paused": true, "template": template("x")}}));
    let report = bench.run(undo.clone()).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("paused"), "{}", report.message);
    shared.lock().unwrap().object(DEPLOYMENT)["metadata"]["uid"] = json!("uid-5");
    let report = bench.run(undo).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("created anew"), "{}", report.message);
    assert_eq!(shared.lock().unwrap().patches.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_patch_is_put_back_field_by_field() {
    let shared = shop();
    let mut bench = bench(&shared);
    let seen = prepared(&mut bench, &weights(90, 10)).await.unwrap();
    let before = seen.before.clone();
    let report = bench.run(kubernetes(weights(90, 10))).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(shared.lock().unwrap().patches[0].0, "application/json-patch+json");

    let restore =
        kubernetes(KubernetesRequest::Restore { resource: route(), of: Box::new(weights(90, 10)), before: before.clone() });
    // Somebody else's other field stays.
    shared.lock().unwrap().object(ROUTE)["spec"]["gateways"] = json!(["mesh"]);
    let report = bench.run(restore.clone()).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    let now = shared.lock().unwrap().object(ROUTE)["spec"].clone();
    assert_eq!((&now["http"][0]["route"][0]["weight"], &now["http"][0]["route"][1]["weight"]), (&json!(100), &json!(0)));
    assert_eq!(now["gateways"], json!(["mesh"]));

    let report = bench.run(restore.clone()).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{}", report.message);

    // The same field, changed by somebody else: nothing is touched.
    shared.lock().unwrap().object(ROUTE)["spec"]["http"][0]["route"][1]["weight"] = json!(33);
    let sent = shared.lock().unwrap().patches.len();
    let report = bench.run(restore).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("weight is 33"), "{}", report.message);
    assert_eq!(shared.lock().unwrap().patches.len(), sent);
}

#[tokio::test(start_paused = true)]
async fn merge_patches_are_put_back_too() {
    let shared = shop();
    let mut bench = bench(&shared);
    let body = json!({"metadata": {"labels": {"tier": "canary"}}, "spec": {"hosts": ["checkout", "pay"]}});
    let patch = KubernetesRequest::Patch { resource: route(), kind: PatchKind::Merge, body: Value::from_json(&body) };
    let before = prepared(&mut bench, &patch).await.unwrap().before;
    assert_eq!(bench.run(kubernetes(patch.clone())).await.outcome, Outcome::Succeeded);
    assert_eq!(shared.lock().unwrap().object(ROUTE)["spec"]["hosts"], json!(["checkout", "pay"]));
    let restore = KubernetesRequest::Restore { resource: route(), of: Box::new(patch), before };
    let report = bench.run(kubernetes(restore)).await;
    assert_eq!(report.outcome, Outcome::Succeeded, "{}", report.message);
    let object = shared.lock().unwrap().object(ROUTE).clone();
    assert_eq!(object["spec"]["hosts"], json!(["checkout"]));
    assert_eq!(object.pointer("/metadata/labels"), None);
}

#[tokio::test(start_paused = true)]
async fn a_failed_test_of_a_json_patch_changes_nothing() {
    let shared = shop();
    shared.lock().unwrap().object(ROUTE)["spec"]["http"][0]["route"][1]["destination"]["host"] = json!("other");
    let mut bench = bench(&shared);
    let refused = prepared(&mut bench, &weights(90, 10)).await.unwrap_err();
    assert!(refused.contains("would be refused"), "{refused}");
    let report = bench.run(kubernetes(weights(90, 10))).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn without_dry_runs_the_diff_is_worked_out_here() {
    let shared = shop();
    shared.lock().unwrap().no_dry_run = true;
    let state = prepared(&mut bench(&shared), &weights(90, 10)).await.unwrap();
    assert!(state.diff.starts_with("# worked out here"), "{}", state.diff);
    assert!(state.diff.contains("+ spec.http[0].route[1].weight: 10"), "{}", state.diff);
    assert!(shared.lock().unwrap().patches.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_said_before_anything_is_sent() {
    let shared = shop();
    let mut bench = bench(&shared);
    let wrong = KubernetesRequest::SetImage { workload: checkout(), container: "web".into(), image: "x".into() };
    let report = bench.run(kubernetes(wrong)).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("it has app, proxy"), "{}", report.message);
    let nowhere = Workload { kind: "Deployment".into(), name: "nope".into() };
    let report = bench.run(kubernetes(KubernetesRequest::RolloutStatus { workload: nowhere })).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("not found (404)"), "{}", report.message);
    let odd = Resource { name: "../secrets/x".into(), ..route() };
    let report = bench.run(kubernetes(KubernetesRequest::Get { resource: odd })).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("no name of an object"), "{}", report.message);
    let secret = Resource { group: String::new(), version: "v1".into(), kind: "Secret".into(), name: "db".into() };
    let report = bench.run(kubernetes(KubernetesRequest::Get { resource: secret })).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("into the record"), "{}", report.message);
    let mut without = Bench::new(HttpPort::network(), None, no_commands());
    assert!(without.run(set_image("x")).await.message.contains("no cluster"));
    assert!(shared.lock().unwrap().patches.is_empty());
}

#[tokio::test(start_paused = true)]
async fn reading_gives_the_object() {
    let shared = shop();
    let mut read = kubernetes(KubernetesRequest::Get { resource: route() });
    read.changes = false;
    let report = bench(&shared).run(read).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)));
    assert_eq!(report.object.unwrap()["spec"]["hosts"], json!(["checkout"]));
    let report =
        bench(&shared).run(intent(What::Kubernetes(KubernetesRequest::RolloutStatus { workload: checkout() }), false)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_put_back_and_a_later_one_is_left() {
    let shared = shop();
    comes_up(&shared);
    let mut bench = bench(&shared);
    let set = KubernetesRequest::SetImage { workload: checkout(), container: "app".into(), image: "shop/checkout:v2".into() };
    let before = prepared(&mut bench, &set).await.unwrap().before;
    assert_eq!(bench.run(kubernetes(set.clone())).await.outcome, Outcome::Succeeded);
    let done = json!({"status": {"observedGeneration": 3}});
    shared.lock().unwrap().steps.push_back(done);
    let restore = kubernetes(KubernetesRequest::Restore { resource: checkout().resource(), of: Box::new(set), before });
    let report = bench.run(restore.clone()).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(shared.lock().unwrap().object(DEPLOYMENT)["spec"]["template"], template("shop/checkout:v1"));
    // Somebody deployed v9 meanwhile: that is theirs to undo.
    json_patch::merge(shared.lock().unwrap().object(DEPLOYMENT), &json!({"spec": {"template": template("shop/checkout:v9")}}));
    let report = bench.run(restore).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("shop/checkout:v9") && report.message.contains("kubectl-edit"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn an_undo_by_number_follows_the_history() {
    let undo = |to| kubernetes(KubernetesRequest::RolloutUndo { workload: checkout(), to });
    for (to, outcome, words) in [
        (UndoTarget::Previous, Outcome::Succeeded, "3 of 3 updated"),
        (UndoTarget::Revision { revision: 1 }, Outcome::Succeeded, "3 of 3 updated"),
        (UndoTarget::Revision { revision: 7 }, Outcome::Failed, "no revision 7"),
    ] {
        let shared = shop();
        {
            let mut fake = shared.lock().unwrap();
            let mut old = replica_set(1, "aaa", "shop/checkout:v1");
            old["metadata"]["annotations"]["kubernetes.io/change-cause"] = json!("the first");
            let foreign = json!({"metadata": {"uid": "x", "annotations": {"deployment.kubernetes.io/revision": "9"}}});
            fake.replica_sets = vec![old, replica_set(2, "bbb", "shop/checkout:v2"), foreign];
            let now = json!({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "2", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
                "spec": {"template": template("shop/checkout:v2")}});
            json_patch::merge(fake.object(DEPLOYMENT), &now);
            fake.steps.push_back(json!({"status": {"observedGeneration": 2}}));
        }
        let report = bench(&shared).run(undo(to)).await;
        assert_eq!(report.outcome, outcome, "{}", report.message);
        assert!(report.message.contains(words), "{}", report.message);
        if outcome == Outcome::Succeeded {
            assert!(report.message.contains("kubectl apply"), "warned: {}", report.message);
            let mut fake = shared.lock().unwrap();
            let object = fake.object(DEPLOYMENT);
            assert_eq!(object["spec"]["template"], template("shop/checkout:v1"));
            assert_eq!(object["metadata"]["annotations"]["kubernetes.io/change-cause"], "the first");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_gets_no_image_that_would_not_roll_out() {
    let shared = shop();
    shared.lock().unwrap().object(DEPLOYMENT)["spec"]["paused"] = json!(true);
    let report = bench(&shared).run(set_image("shop/checkout:v2")).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("kubectl rollout resume deployment/checkout"), "{}", report.message);
    assert!(shared.lock().unwrap().patches.is_empty());
}
