//! Scaling, restarting, pausing and deleting.

use super::*;

fn scale(replicas: u32) -> KubernetesRequest {
    KubernetesRequest::Scale { workload: checkout(), replicas }
}

#[tokio::test(start_paused = true)]
async fn scale_waits_until_exactly_so_many_pods_are_ready() {
    let shared = shop();
    for (all, available) in [(3, 3), (5, 3), (5, 5)] {
        // The updated ones are what `rollout status` looks at: it would call the first look done.
        let status =
            json!({"status": {"observedGeneration": 2, "replicas": all, "updatedReplicas": all, "availableReplicas": available}});
        shared.lock().unwrap().steps.push_back(status);
    }
    let mut bench = bench(&shared);
    let before = prepared(&mut bench, &scale(5)).await.unwrap();
    assert!(before.diff.contains("- spec.replicas: 3\n+ spec.replicas: 5"), "{}", before.diff);
    let report = bench.run(kubernetes(scale(5))).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(report.message, "deployment/checkout: 5 of 5 replicas ready");
    assert_eq!(bench.progress(), ["waiting for the controller to see the change", "3 of 5 replicas ready"]);
    {
        let fake = shared.lock().unwrap();
        let (content, body) = &fake.patches[0];
        assert_eq!(content, "application/merge-patch+json");
        let sent =
            json!({"spec": {"replicas": 5}, "metadata": {"resourceVersion": "10", "annotations": {"pacenote/session": "sid-1"}}});
        assert_eq!(*body, sent, "with the precondition");
    }
    let report = bench.run(kubernetes(scale(5))).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "already: {}", report.message);

    // Put back: it waits for the old number.
    let status = |all: u32| json!({"status": {"observedGeneration": 3, "replicas": all, "updatedReplicas": all, "availableReplicas": all.min(3)}});
    shared.lock().unwrap().steps.extend([status(5), status(4), status(3)]);
    let restore = KubernetesRequest::Restore { resource: before.resource, of: Box::new(scale(5)), before: before.before };
    let report = bench.run(kubernetes(restore)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(report.message, "deployment/checkout: 3 of 3 replicas ready");
    assert!(bench.progress().contains(&"3 of 3 replicas ready, 1 more to go"), "{:?}", bench.progress());
    assert_eq!(shared.lock().unwrap().object(DEPLOYMENT)["spec"]["replicas"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_scale_is_not_fought_over_with_somebody_else() {
    let shared = shop();
    let mut bench = bench(&shared);
    let mut planned = kubernetes(scale(5));
    planned.object = Some(prepared(&mut bench, &scale(5)).await.unwrap());
    // Changed since it was seen: for other changes no matter, for this one all that matters.
    json_patch::merge(
        shared.lock().unwrap().object(DEPLOYMENT),
        &json!({"metadata": {"resourceVersion": "11"}, "spec": {"replicas": 4}}),
    );
    let report = bench.run(planned).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(report.message.contains("+ spec.replicas: 4"), "{}", report.message);
    assert!(shared.lock().unwrap().patches.is_empty());

    // Changed while it is waited for.
    shared.lock().unwrap().steps.push_back(json!({"spec": {"replicas": 2}, "status": {"observedGeneration": 2}}));
    let report = bench.run(kubernetes(scale(6))).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(true)), "{}", report.message);
    assert!(report.message.contains("set to 2 by kubectl-edit"), "{}", report.message);
    assert!(report.message.contains("autoscaler"), "{}", report.message);

    let daemons = Workload { kind: "DaemonSet".into(), name: "checkout".into() };
    let place = "/apis/apps/v1/namespaces/shop/daemonsets/checkout".to_owned();
    shared.lock().unwrap().objects.push((place, json!({"kind": "DaemonSet", "metadata": {"name": "checkout"}})));
    let report = bench.run(kubernetes(KubernetesRequest::Scale { workload: daemons, replicas: 2 })).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("cannot be scaled"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_paused_deployment_changes_its_size_all_the_same() {
    let shared = shop();
    shared.lock().unwrap().object(DEPLOYMENT)["spec"]["paused"] = json!(true);
    let done = json!({"status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}});
    shared.lock().unwrap().steps.push_back(done);
    let report = bench(&shared).run(kubernetes(scale(1))).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert!(report.message.contains("1 of 1"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn rollout_restart_sets_the_annotation_that_kubectl_sets() {
    let shared = shop();
    shared.lock().unwrap().steps.push_back(rolled_out(2));
    let restart = KubernetesRequest::RolloutRestart { workload: checkout(), at: "2026-11-21T03:40:00Z".into() };
    let mut bench = bench(&shared);
    let seen = prepared(&mut bench, &restart).await.unwrap();
    let report = bench.run(kubernetes(restart.clone())).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    let annotations = shared.lock().unwrap().object(DEPLOYMENT)["spec"]["template"]["metadata"]["annotations"].clone();
    assert_eq!(annotations, json!({"kubectl.kubernetes.io/restartedAt": "2026-11-21T03:40:00Z"}));

    // Put back, the template is the one from before, so its ReplicaSet is used again.
    shared.lock().unwrap().steps.push_back(rolled_out(3));
    let restore = KubernetesRequest::Restore { resource: seen.resource, of: Box::new(restart), before: seen.before };
    let report = bench.run(kubernetes(restore)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(shared.lock().unwrap().object(DEPLOYMENT)["spec"]["template"], template("shop/checkout:v1"));
}

#[tokio::test(start_paused = true)]
async fn restart_is_refused_when_paused() {
    let shared = shop();
    shared.lock().unwrap().object(DEPLOYMENT)["spec"]["paused"] = json!(true);
    let restart = KubernetesRequest::RolloutRestart { workload: checkout(), at: "2026-11-21T03:40:00Z".into() };
    let mut bench = bench(&shared);
    let refused = prepared(&mut bench, &restart).await.unwrap_err();
    assert!(refused.contains("is paused; resume it first"), "{refused}");
    let report = bench.run(kubernetes(restart)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    assert!(shared.lock().unwrap().patches.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rollout_is_paused_and_resumed_and_each_only_once() {
    let (pause, resume) =
        (KubernetesRequest::RolloutPause { workload: checkout() }, KubernetesRequest::RolloutResume { workload: checkout() });
    let shared = shop();
    let mut bench = bench(&shared);
    let refused = prepared(&mut bench, &resume).await.unwrap_err();
    assert!(refused.contains("not paused"), "{refused}");
    let running = prepared(&mut bench, &pause).await.unwrap();
    assert!(running.diff.contains("+ spec.paused: true"), "{}", running.diff);

    let report = bench.run(kubernetes(pause.clone())).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert!(bench.progress().is_empty(), "nothing is waited for: {:?}", bench.progress());
    assert_eq!(shared.lock().unwrap().object(DEPLOYMENT)["spec"]["paused"], true);
    let report = bench.run(kubernetes(pause.clone())).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("paused already"), "{}", report.message);

    shared.lock().unwrap().steps.push_back(json!({}));
    shared.lock().unwrap().steps.push_back(rolled_out(3));
    let report = bench.run(kubernetes(resume)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(report.message, "deployment/checkout: 3 of 3 updated, 3 available", "it waited for the rollout");
    let resource = checkout().resource();
    let restore = KubernetesRequest::Restore { resource: resource.clone(), of: Box::new(pause.clone()), before: running.before };
    let report = bench.run(kubernetes(restore.clone())).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "resumed already: {}", report.message);

    // Put back while it is paused, the rollout goes on, and is waited for.
    assert_eq!(bench.run(kubernetes(pause)).await.outcome, Outcome::Succeeded);
    shared.lock().unwrap().steps.extend([json!({}), rolled_out(5)]);
    let report = bench.run(kubernetes(restore)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert!(report.message.contains("3 of 3 updated"), "{}", report.message);
    assert_eq!(shared.lock().unwrap().object(DEPLOYMENT)["spec"].get("paused"), None);
}

fn add_pod(shared: &Shared, name: &str, uid: &str, controller: Option<&str>) {
    let owners: Vec<Json> =
        controller.iter().map(|name| json!({"kind": "ReplicaSet", "name": name, "controller": true})).collect();
    let pod = json!({"kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": uid, "ownerReferences": owners},
        "spec": {"nodeName": "node-1"}, "status": {"phase": "Running"}});
    shared.lock().unwrap().objects.push((format!("/api/v1/namespaces/shop/pods/{name}"), pod));
}

fn delete_pods(name: &str, selector: bool) -> KubernetesRequest {
    KubernetesRequest::DeletePod { name: name.into(), selector }
}

#[tokio::test(start_paused = true)]
async fn only_the_announced_pods_are_deleted_by_their_uids() {
    let shared = shop();
    add_pod(&shared, "checkout-1", "pod-1", Some("checkout-aaa"));
    add_pod(&shared, "checkout-2", "pod-2", Some("checkout-aaa"));
    add_pod(&shared, "checkout-3", "pod-3", Some("checkout-aaa"));
    let mut bench = bench(&shared);
    let request = delete_pods("app=checkout", true);
    let mut planned = kubernetes(request.clone());
    let seen = prepared(&mut bench, &request).await.unwrap();
    assert_eq!(seen.diff.lines().next(), Some("- pod/checkout-1: Running, on node-1, of replicaset/checkout-aaa"));
    assert_eq!(seen.diff.lines().count(), 4, "these, and as whom: {}", seen.diff);
    assert!(shared.lock().unwrap().deletes.is_empty());
    planned.object = Some(seen.clone());

    // One is replaced meanwhile under its old name, one is gone, one is new.
    {
        let mut fake = shared.lock().unwrap();
        fake.object("/api/v1/namespaces/shop/pods/checkout-2")["metadata"]["uid"] = json!("pod-9");
        fake.objects.retain(|(path, _)| !path.ends_with("checkout-3"));
    }
    add_pod(&shared, "checkout-4", "pod-4", Some("checkout-aaa"));
    let report = bench.run(planned).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(report.message, "pod/checkout-1 is gone; gone before, and left alone: pod/checkout-2, pod/checkout-3");
    assert_eq!(report.audit_id.as_deref(), Some("audit-9"));
    assert_eq!(bench.progress(), ["0 of 1 pods gone"], "it waited");
    {
        let fake = shared.lock().unwrap();
        let left: Vec<&str> =
            fake.objects.iter().filter_map(|(path, _)| path.rsplit_once("/pods/")).map(|(_, name)| name).collect();
        assert_eq!(left, ["checkout-2", "checkout-4"]);
    }
    let restore = KubernetesRequest::Restore { resource: seen.resource, of: Box::new(request), before: seen.before };
    let report = bench.run(kubernetes(restore)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(false)), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_pod_without_a_controller_is_announced_as_lost() {
    let shared = shop();
    add_pod(&shared, "debug", "pod-1", None);
    let mut bench = bench(&shared);
    let request = delete_pods("debug", false);
    let seen = prepared(&mut bench, &request).await.unwrap();
    assert!(seen.diff.contains("nothing makes another"), "{}", seen.diff);
    let report = bench.run(kubernetes(request.clone())).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    let restore = KubernetesRequest::Restore { resource: seen.resource, of: Box::new(request.clone()), before: seen.before };
    let refused = prepared(&mut bench, &restore).await.unwrap_err();
    assert!(refused.contains("by hand"), "{refused}");
    let report = bench.run(kubernetes(restore)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(false)), "{}", report.message);
    let report = bench.run(kubernetes(request)).await;
    assert!(report.outcome == Outcome::Failed && report.message.contains("404"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_refused_or_lost_deletion_is_sent_once_and_touches_no_other_pod() {
    for (answer, outcome, changed) in [
        (OnPatch::Answer(403, "pods is forbidden"), Outcome::Failed, Some(false)),
        (OnPatch::Answer(429, "slow down"), Outcome::Failed, Some(false)),
        (OnPatch::Answer(500, "etcd"), Outcome::Unknown, None),
    ] {
        let shared = shop();
        add_pod(&shared, "checkout-1", "pod-1", None);
        add_pod(&shared, "checkout-2", "pod-2", None);
        shared.lock().unwrap().on_patch = answer;
        let report = bench(&shared).run(kubernetes(delete_pods("app=checkout", true))).await;
        assert_eq!((report.outcome, report.changed), (outcome, changed), "{}", report.message);
        assert_eq!(shared.lock().unwrap().deletes.len(), 1, "{}", report.message);
    }
}
