use serde_json::json;

use super::*;

#[test]
fn done_is_decided_as_kubectl_does() {
    let lines = include_str!("../../../tests/fixtures/conformance/status.jsonl");
    let mut judged = 0;
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        let object = case.get("object").expect("an object");
        let workload = match text(object, "/kind") {
            "Deployment" => Workload::Deployment,
            "StatefulSet" => Workload::StatefulSet,
            "DaemonSet" => Workload::DaemonSet,
            other => panic!("{other}"),
        };
        // A revision that was asked for is no part of a signal.
        if case.get("kubectl_args").and_then(Value::as_array).is_some_and(|args| !args.is_empty()) {
            continue;
        }
        let said = format!("{}{}", text(&case, "/expect/stdout"), text(&case, "/expect/stderr"));
        let exit = case.pointer("/expect/exit").and_then(Value::as_i64);
        let kubectl = exit == Some(0) && (said.contains("successfully") || said.contains("complete"));
        let (done, why) = judge(workload, object, counts(workload, object));
        assert_eq!(done, kubectl, "{why}; kubectl: {said}; {object}");
        judged += 1;
    }
    assert!(judged > 50, "{judged} cases");
}

#[test]
fn the_selector_is_the_objects_own() {
    let object = json!({"spec": {"selector": {
        "matchLabels": {"app": "shop"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["a", "b"]},
            {"key": "old", "operator": "DoesNotExist"},
        ],
    }}});
    assert_eq!(selector(&object), "app=shop,tier in (a,b),!old");
}

#[test]
fn a_deadline_from_before_the_latest_change_is_no_problem() {
    let object = |image: &str, passed: Option<&str>| {
        let conditions = passed.map(|at| {
            json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": "timed out", "lastUpdateTime": at})
        });
        json!({
            "metadata": {"generation": 3},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"image": image}]}}},
            "status": {"observedGeneration": 3, "replicas": 3, "updatedReplicas": 1, "conditions": conditions.as_slice()},
        })
    };
    let mut deadline = Deadline::default();
    // What passed under the template that is there counts, also where it was never seen before.
    assert!(!deadline.is_stale(&object("v2", Some("02:00"))));
    assert!(!deadline.is_stale(&object("v2", Some("02:00"))));
    // The undo: the same condition is about v2.
    for _ in 0..3 {
        assert!(deadline.is_stale(&object("v1", Some("02:00"))));
    }
    let told = without_progress(object("v1", Some("02:00")));
    assert_eq!(problems(&told), [""; 0]);
    let (done, words) = judge(Workload::Deployment, &told, counts(Workload::Deployment, &told));
    assert!(!done && words.starts_with("1 of 2 updated"), "{words}");
    // The controller counts progress, and later the new one is too late as well.
    assert!(!deadline.is_stale(&object("v1", None)));
    assert!(!deadline.is_stale(&object("v1", Some("02:20"))));
    // A second that passes right after the first is not the first.
    assert!(deadline.is_stale(&object("v3", Some("02:20"))));
    assert!(!deadline.is_stale(&object("v3", Some("02:40"))));
}
