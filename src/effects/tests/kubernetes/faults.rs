//! What can go wrong between us and the server, for every verb that changes something:
//! each is said with what to do next, and nothing is sent twice.

use super::*;

/// Every verb that changes something, on the shop's objects.
fn verbs(target: PinnedTarget) -> Vec<KubernetesRequest> {
    let document = json!({"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "checkout"},
        "spec": {"hosts": ["pay"]}});
    vec![
        KubernetesRequest::SetImage { workload: checkout(), container: "app".into(), image: "shop/checkout:v2".into() },
        KubernetesRequest::Scale { workload: checkout(), replicas: 5 },
        KubernetesRequest::RolloutRestart { workload: checkout(), at: "2026-11-21T03:40:00Z".into() },
        KubernetesRequest::RolloutPause { workload: checkout() },
        weights(90, 10),
        KubernetesRequest::Apply { file: None, documents: vec![Value::from_json(&document)], force: false },
        KubernetesRequest::DeletePod { name: "checkout-1".into(), selector: false },
        KubernetesRequest::RolloutUndo { workload: checkout(), to: UndoTarget::Pinned(Box::new(target)) },
    ]
}

/// A shop whose Deployment has another template than was pinned.
async fn setting() -> (Shared, PinnedTarget) {
    let shared = shop();
    let target = pinned(&mut bench(&shared)).await;
    json_patch::merge(shared.lock().unwrap().object(DEPLOYMENT), &json!({"spec": {"template": template("shop/checkout:v7")}}));
    let owner = json!([{"kind": "ReplicaSet", "name": "checkout-aaa", "controller": true}]);
    let pod =
        json!({"kind": "Pod", "metadata": {"name": "checkout-1", "namespace": "shop", "uid": "pod-1", "ownerReferences": owner}});
    shared.lock().unwrap().objects.push(("/api/v1/namespaces/shop/pods/checkout-1".into(), pod));
    (shared, target)
}

fn sent(shared: &Shared) -> usize {
    let fake = shared.lock().unwrap();
    fake.patches.len() + fake.deletes.len()
}

#[tokio::test(start_paused = true)]
async fn no_mutation_is_ever_sent_twice_and_each_fault_says_what_to_do() {
    let failed = (Outcome::Failed, Some(false));
    let unknown = (Outcome::Unknown, None);
    type Fault = fn() -> OnPatch;
    let cases: [(Fault, _, &str); 7] = [
        (|| OnPatch::Answer(409, "the object has been modified"), failed, "look again"),
        (|| OnPatch::Answer(403, "is forbidden"), failed, "ask for the right"),
        (|| OnPatch::Answer(429, "too many requests"), failed, "wait a moment"),
        (|| OnPatch::Answer(500, "etcdserver: request timed out"), unknown, "look at the"),
        (|| OnPatch::Answer(200, "<html>log in</html>"), unknown, "is a proxy or a login page in between?"),
        (|| OnPatch::Answer(403, "<html>blocked</html>"), failed, "is a proxy or a login page in between?"),
        (|| OnPatch::Silence, unknown, "look at the"),
    ];
    let (_, target) = setting().await;
    for request in verbs(target) {
        for (fault, expected, words) in &cases {
            let (shared, _) = setting().await;
            shared.lock().unwrap().on_patch = fault();
            let report = bench(&shared).run(kubernetes(request.clone())).await;
            let case = format!("{request:?}: {}", report.message);
            assert_eq!(sent(&shared), 1, "{case}");
            // A pod of that name with another uid: the one that was meant is gone.
            if matches!(request, KubernetesRequest::DeletePod { .. }) && *words == "look again" {
                assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{case}");
                continue;
            }
            assert_eq!((report.outcome, report.changed), *expected, "{case}");
            assert!(report.message.contains(words), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_deleted_and_created_again_is_not_changed_by_any_verb() {
    let (shared, target) = setting().await;
    let mut bench = bench(&shared);
    for request in verbs(target) {
        let mut planned = kubernetes(request.clone());
        planned.object = Some(prepared(&mut bench, &request).await.unwrap());
        let uids: Vec<Json> = {
            let mut fake = shared.lock().unwrap();
            fake.deletes.clear();
            fake.objects
                .iter_mut()
                .map(|(_, object)| std::mem::replace(&mut object["metadata"]["uid"], json!("another")))
                .collect()
        };
        let report = bench.run(planned).await;
        assert_eq!(report.changed, Some(false), "{request:?}: {}", report.message);
        let words = ["created anew", "left alone"];
        assert!(words.iter().any(|words| report.message.contains(words)), "{request:?}: {}", report.message);
        let mut fake = shared.lock().unwrap();
        assert!(fake.patches.is_empty(), "{request:?}");
        for ((_, object), uid) in fake.objects.iter_mut().zip(uids) {
            object["metadata"]["uid"] = uid;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_network_gone_during_a_rollback_is_waited_out_and_said() {
    let (shared, target) = setting().await;
    let undo = KubernetesRequest::RolloutUndo { workload: checkout(), to: UndoTarget::Pinned(Box::new(target)) };

    // It comes back: the rollback is followed to its end, with the one request it took.
    shared.lock().unwrap().outage = 5;
    shared.lock().unwrap().steps.push_back(rolled_out(2));
    let mut returning = bench(&shared);
    let report = returning.run(kubernetes(undo.clone())).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert!(returning.progress().iter().any(|told| told.contains("still trying")), "{:?}", returning.progress());
    assert_eq!(shared.lock().unwrap().patches.len(), 1);

    // It does not: the step ends at its time limit, and says that the change was accepted.
    json_patch::merge(shared.lock().unwrap().object(DEPLOYMENT), &json!({"spec": {"template": template("shop/checkout:v8")}}));
    shared.lock().unwrap().patches.clear();
    shared.lock().unwrap().outage = u32::MAX;
    let mut limited = kubernetes(undo);
    limited.timeout_ms = Some(60_000);
    let report = bench(&shared).run(limited).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(true)), "{}", report.message);
    assert!(report.message.contains("the change itself was accepted"), "{}", report.message);
    assert!(report.message.contains("still trying"), "{}", report.message);
    assert_eq!(shared.lock().unwrap().patches.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_sends_none_of_the_verbs() {
    let (_, target) = setting().await;
    for request in verbs(target) {
        let (shared, _) = setting().await;
        let cluster = Cluster::from_router(router(&shared), "shop", "sid-1");
        let report = Bench::dry(Some(cluster)).run(kubernetes(request.clone())).await;
        assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{request:?}: {}", report.message);
        assert_eq!(sent(&shared), 0, "{request:?}: {}", report.message);
    }
}
