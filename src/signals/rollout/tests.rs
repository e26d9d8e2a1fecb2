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
