//! Rules of rollouts and traps that take a server to see; the table of all of them is in
//! `effects::kubernetes::rules`.

use super::*;

/// How following ends after these steps of the controller.
async fn followed(steps: Vec<Json>) -> EffectReport {
    let shared = shop();
    shared.lock().unwrap().steps.extend(steps);
    let mut change = set_image("shop/checkout:v2");
    change.timeout_ms = Some(60_000);
    bench(&shared).run(change).await
}

#[tokio::test(start_paused = true)]
async fn an_object_deleted_while_followed_fails() {
    let report = followed(vec![json!({"gone": true})]).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.message.contains("it was deleted"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_recreation_is_never_followed() {
    // The new one would even be rolled out.
    let mut anew = rolled_out(2);
    anew["metadata"] = json!({"uid": "uid-7"});
    let report = followed(vec![anew]).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.message.contains("created anew"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn undoing_twice_does_not_return_to_the_bad_version() {
    let shared = shop();
    let mut bench = bench(&shared);
    let target = pinned(&mut bench).await;
    shared.lock().unwrap().steps.push_back(rolled_out(2));
    bench.run(set_image("shop/checkout:v2")).await;
    let undo = kubernetes(KubernetesRequest::RolloutUndo { workload: checkout(), to: UndoTarget::Pinned(Box::new(target)) });
    for generation in [3, 4] {
        shared.lock().unwrap().steps.push_back(rolled_out(generation));
        let report = bench.run(undo.clone()).await;
        assert_eq!(report.outcome, Outcome::Succeeded, "{}", report.message);
        assert_eq!(shared.lock().unwrap().object(DEPLOYMENT)["spec"]["template"], template("shop/checkout:v1"));
    }
    assert_eq!(shared.lock().unwrap().patches.len(), 2, "the change and one undo: the second had nothing to do");
}

#[tokio::test(start_paused = true)]
async fn a_half_done_rollout_is_rolled_back() {
    let shared = shop();
    let mut bench = bench(&shared);
    let target = pinned(&mut bench).await;
    // One of three is new, one more is there than should be, and it goes no further.
    let half = json!({"status": {"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}});
    shared.lock().unwrap().steps.push_back(half);
    let mut change = set_image("shop/checkout:v2");
    change.timeout_ms = Some(10_000);
    assert_eq!(bench.run(change).await.outcome, Outcome::Failed);
    shared.lock().unwrap().steps.push_back(rolled_out(3));
    let undo = KubernetesRequest::RolloutUndo { workload: checkout(), to: UndoTarget::Pinned(Box::new(target)) };
    let report = bench.run(kubernetes(undo)).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Succeeded, Some(true)), "{}", report.message);
    assert_eq!(shared.lock().unwrap().object(DEPLOYMENT)["spec"]["template"], template("shop/checkout:v1"));
}

#[tokio::test(start_paused = true)]
async fn a_stale_progress_deadline_is_passed_over() {
    let exceeded =
        json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": "2026-01-01T02:00:00Z"}]);
    let shared = shop();
    shared.lock().unwrap().object(DEPLOYMENT)["status"]["conditions"] = exceeded.clone();
    // It is still there when the controller has seen the change, and goes with the first progress.
    let seen = json!({"status": {"observedGeneration": 2, "conditions": exceeded, "updatedReplicas": 1}});
    let mut progress = rolled_out(2);
    progress["status"]["conditions"] = json!([]);
    shared.lock().unwrap().steps.extend([seen, progress]);
    let report = bench(&shared).run(set_image("shop/checkout:v2")).await;
    assert_eq!(report.outcome, Outcome::Succeeded, "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_that_says_nothing_ends_at_our_own_limit() {
    let waiting = json!({"status": {"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}});
    let report = followed(vec![waiting]).await;
    assert_eq!((report.outcome, report.changed), (Outcome::Failed, Some(true)));
    assert!(report.message.contains("no end within 1m; the change itself was accepted"), "{}", report.message);
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_ends_it_early_with_its_reason() {
    let pod = json!({"metadata": {"name": "checkout-bbb-1", "labels": {"app": "checkout", "pod-template-hash": "bbb"}},
        "status": {"containerStatuses": [{"name": "app", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "Error", "exitCode": 3}}}]}});
    let shared = shop();
    {
        let mut fake = shared.lock().unwrap();
        fake.replica_sets.push(replica_set(2, "bbb", "shop/checkout:v2"));
        fake.pods = vec![pod];
        fake.steps
            .push_back(json!({"status": {"observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3}}));
    }
    let report = bench(&shared).run(set_image("shop/checkout:v2")).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.message.contains("checkout-bbb-1") && report.message.contains("exit code 3"), "{}", report.message);
    assert!(report.took_ms < 10_000, "long before any deadline: {} ms", report.took_ms);
}
