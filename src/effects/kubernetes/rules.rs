//! The rules of rollouts and the traps around them, each with a test named after it.
//!
//! [`RULES`] is the table: the rule in words, the file and the name of its test. A test
//! compares it with the sources, so that no rule loses its test and no test of a rule is
//! missing here. Most rules are kubectl's own (the captured answers in `conformance` are
//! the judge where the two differ); the traps are what has hurt users of other tools.

use serde_json::{Value, json};

use super::history::{self, Past, past};
use super::object;
use super::plan::{Plan, chosen, undo_to};
use super::status::{self, Rollout};
use crate::session::intent::Workload;

/// Where the tests are.
const HERE: &str = "src/effects/kubernetes/rules.rs";
const SERVED: &str = "src/effects/tests/kubernetes/rules.rs";
const SIMULATED: &str = "src/effects/tests/kubernetes/simulated.rs";
const VERBS: &str = "src/effects/tests/kubernetes/verbs.rs";
const SIGNAL: &str = "src/signals/rollout/tests.rs";
const PREFLIGHT: &str = "src/app/preflight/tests.rs";

/// Rule, file, test.
#[rustfmt::skip]
const RULES: &[(&str, &str, &str)] = &[
    // How far a Deployment is, in this order.
    ("the running revision is the annotation's, and 0 without one", HERE, "deployment_revision_is_the_annotation"),
    ("a generation the controller has not seen waits", HERE, "deployment_unseen_generation_waits"),
    ("ProgressDeadlineExceeded is an error", HERE, "deployment_exceeded_deadline_fails"),
    ("fewer updated than asked for waits", HERE, "deployment_fewer_updated_waits"),
    ("more pods than updated ones waits for the old to go", HERE, "deployment_old_pods_wait"),
    ("fewer available than updated waits", HERE, "deployment_fewer_available_waits"),
    ("all updated, available and alone is done", HERE, "deployment_complete_is_done"),
    ("the order of these rules decides", HERE, "deployment_rules_hold_in_their_order"),
    ("deleted meanwhile is an error", SERVED, "an_object_deleted_while_followed_fails"),
    ("one created anew is never followed", SERVED, "a_recreation_is_never_followed"),
    // DaemonSets.
    ("a DaemonSet has a status only under RollingUpdate", HERE, "daemonset_only_rolling_has_a_status"),
    ("a DaemonSet's unseen generation waits", HERE, "daemonset_unseen_generation_waits"),
    ("fewer updated than desired waits", HERE, "daemonset_fewer_updated_waits"),
    ("fewer available than desired waits", HERE, "daemonset_fewer_available_waits"),
    // StatefulSets.
    ("a StatefulSet has a status only under RollingUpdate", HERE, "statefulset_only_rolling_has_a_status"),
    ("an observed generation of 0, or a stale one, waits", HERE, "statefulset_unobserved_waits"),
    ("fewer ready than asked for waits", HERE, "statefulset_fewer_ready_waits"),
    ("with a partition, fewer updated than are not held back waits", HERE, "statefulset_partition_counts_what_is_not_held_back"),
    ("without one, differing revisions wait", HERE, "statefulset_differing_revisions_wait"),
    // Going back.
    ("only what the workload controls is its history", HERE, "undo_knows_only_what_it_controls"),
    ("a missing revision number is 0", HERE, "undo_counts_a_missing_revision_as_zero"),
    ("without a revision it goes to the second-highest number", HERE, "undo_goes_to_the_second_highest_number"),
    ("without a history it is refused", HERE, "undo_without_history_is_refused"),
    ("an unknown revision is refused", HERE, "undo_to_an_unknown_revision_is_refused"),
    ("a paused Deployment is refused", HERE, "undo_of_a_paused_deployment_is_refused"),
    ("templates equal but for their hash are skipped", HERE, "undo_skips_an_equal_template"),
    ("the template goes back without its hash label", HERE, "undo_replaces_the_template_without_its_hash"),
    ("its own six annotations stay, all others come from the ReplicaSet", HERE, "undo_keeps_its_own_annotations"),
    ("the patch holds for one resourceVersion only", HERE, "undo_tests_the_resource_version"),
    ("what kubectl apply manages is warned of", HERE, "undo_warns_where_kubectl_apply_has_a_record"),
    ("DaemonSets go back by their ControllerRevisions", SIMULATED, "undo_of_a_daemonset_goes_back_by_its_controller_revisions"),
    ("StatefulSets too, and an equal one is skipped", SIMULATED, "undo_of_a_statefulset_skips_an_equal_template"),
    ("a restart sets kubectl's annotation", VERBS, "rollout_restart_sets_the_annotation_that_kubectl_sets"),
    ("a restart is refused when paused", VERBS, "restart_is_refused_when_paused"),
    // Traps.
    ("undoing twice does not return to the bad version", SERVED, "undoing_twice_does_not_return_to_the_bad_version"),
    ("an exceeded deadline from before our change is passed over", SERVED, "a_stale_progress_deadline_is_passed_over"),
    ("so it is by the signal", SIGNAL, "a_deadline_from_before_the_latest_change_is_no_problem"),
    ("a time limit of our own ends the wait", SERVED, "a_rollout_that_says_nothing_ends_at_our_own_limit"),
    ("new pods that crash end it early, with their reason", SERVED, "a_crash_loop_ends_it_early_with_its_reason"),
    ("a stuck StatefulSet is detected, explained and offered a way out", SIMULATED, "a_stuck_statefulset_rollback_is_detected_explained_and_offered_a_way_out"),
    ("Argo CD and Flux are told by their marks", PREFLIGHT, "who_else_looks_after_an_object_is_told_by_its_marks"),
    ("a half-done rollout is rolled back", SERVED, "a_half_done_rollout_is_rolled_back"),
];

/// Rules of rollouts, and traps.
const COUNTED: (usize, usize) = (34, 8);

/// Names of tests in a source, each with whether it runs.
fn tests(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")).filter(|_| marked) {
            found.extend(rest.split('(').next().map(str::to_owned));
        }
        let attribute = line.starts_with("#[");
        marked = line.starts_with("#[test]") || line.starts_with("#[tokio::test") || (marked && attribute);
        if line.starts_with("#[ignore") {
            marked = false;
        }
    }
    found
}

#[test]
fn every_rule_has_its_test() {
    assert_eq!(RULES.len(), COUNTED.0 + COUNTED.1);
    let read = |file: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        tests(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}")))
    };
    for (rule, file, test) in RULES {
        assert_eq!(read(file).iter().filter(|name| name == test).count(), 1, "{rule}: no test {test} in {file}");
        assert_eq!(RULES.iter().filter(|(_, _, other)| other == test).count(), 1, "{test} is there twice");
    }
    // What is in the files of rules is in the table.
    for file in [HERE, SERVED] {
        for test in read(file).iter().filter(|test| *test != "every_rule_has_its_test") {
            assert!(RULES.iter().any(|(_, place, name)| *place == file && name == test), "{test} of {file} is no rule");
        }
    }
}

/// A Deployment of three, rolled out, changed by a merge patch.
fn deployment(change: Value) -> Value {
    let mut object = json!({
        "kind": "Deployment",
        "metadata": {"name": "checkout", "uid": "uid-1", "generation": 5, "resourceVersion": "77"},
        "spec": {"replicas": 3, "template": template("v2")},
        "status": {"observedGeneration": 5, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3},
    });
    json_patch::merge(&mut object, &change);
    object
}

fn template(tag: &str) -> Value {
    json!({"metadata": {"labels": {"app": "checkout"}}, "spec": {"containers": [{"name": "app", "image": format!("checkout:{tag}")}]}})
}

#[track_caller]
fn waits(object: &Value, words: &str) {
    match status::of(object, true) {
        Rollout::Waiting(said) => assert!(said.contains(words), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn done(object: &Value) {
    assert!(matches!(status::of(object, true), Rollout::Done(_)), "{:?}", status::of(object, true));
}

#[test]
fn deployment_revision_is_the_annotation() {
    let with = |value: &str| deployment(json!({"metadata": {"annotations": {object::REVISION: value}}}));
    assert_eq!(object::revision(&with("41")), 41);
    assert_eq!(object::revision(&with("none")), 0);
    assert_eq!(object::revision(&deployment(json!({}))), 0);
}

#[test]
fn deployment_unseen_generation_waits() {
    waits(&deployment(json!({"metadata": {"generation": 6}})), "spec update to be observed");
    done(&deployment(json!({"metadata": {"generation": 4}})));
}

fn exceeded() -> Value {
    json!({"status": {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}})
}

#[test]
fn deployment_exceeded_deadline_fails() {
    let object = deployment(exceeded());
    assert!(matches!(status::of(&object, true), Rollout::Overdue(words) if words.contains("exceeded its progress deadline")));
    let other = json!({"status": {"conditions": [{"type": "Available", "reason": "ProgressDeadlineExceeded"}]}});
    done(&deployment(other));
}

#[test]
fn deployment_fewer_updated_waits() {
    waits(&deployment(json!({"status": {"updatedReplicas": 2}})), "2 out of 3 new replicas have been updated");
}

#[test]
fn deployment_old_pods_wait() {
    waits(&deployment(json!({"status": {"replicas": 4}})), "1 old replicas are pending termination");
}

#[test]
fn deployment_fewer_available_waits() {
    waits(&deployment(json!({"status": {"availableReplicas": 2}})), "2 of 3 updated replicas are available");
}

#[test]
fn deployment_complete_is_done() {
    done(&deployment(json!({})));
    done(&deployment(
        json!({"spec": {"replicas": 0}, "status": {"replicas": null, "updatedReplicas": null, "availableReplicas": null}}),
    ));
}

#[test]
fn deployment_rules_hold_in_their_order() {
    let mut all = json!({"metadata": {"generation": 6}, "status": {"updatedReplicas": 1, "replicas": 4, "availableReplicas": 0}});
    json_patch::merge(&mut all, &exceeded());
    waits(&deployment(all.clone()), "observed");
    all["metadata"]["generation"] = json!(5);
    assert!(matches!(status::of(&deployment(all.clone()), true), Rollout::Overdue(_)));
    all["status"]["conditions"] = json!([]);
    waits(&deployment(all.clone()), "have been updated");
    all["status"]["updatedReplicas"] = json!(3);
    waits(&deployment(all.clone()), "pending termination");
    all["status"]["replicas"] = json!(3);
    waits(&deployment(all), "are available");
}

fn daemonset(change: Value) -> Value {
    let mut object = json!({
        "kind": "DaemonSet", "metadata": {"name": "agent", "generation": 5},
        "spec": {"updateStrategy": {"type": "RollingUpdate"}},
        "status": {"observedGeneration": 5, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3},
    });
    json_patch::merge(&mut object, &change);
    object
}

#[test]
fn daemonset_only_rolling_has_a_status() {
    let object = daemonset(json!({"spec": {"updateStrategy": {"type": "OnDelete"}}}));
    assert!(matches!(status::of(&object, true), Rollout::Failed(words) if words.contains("only available for RollingUpdate")));
    done(&daemonset(json!({})));
}

#[test]
fn daemonset_unseen_generation_waits() {
    waits(&daemonset(json!({"metadata": {"generation": 6}})), "spec update to be observed");
}

#[test]
fn daemonset_fewer_updated_waits() {
    waits(&daemonset(json!({"status": {"updatedNumberScheduled": 2}})), "2 out of 3 new pods have been updated");
}

#[test]
fn daemonset_fewer_available_waits() {
    waits(&daemonset(json!({"status": {"numberAvailable": 2}})), "2 of 3 updated pods are available");
}

fn statefulset(change: Value) -> Value {
    let mut object = json!({
        "kind": "StatefulSet", "metadata": {"name": "store", "generation": 5},
        "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate"}},
        "status": {"observedGeneration": 5, "readyReplicas": 3, "updatedReplicas": 3, "currentReplicas": 3,
            "updateRevision": "store-b", "currentRevision": "store-b"},
    });
    json_patch::merge(&mut object, &change);
    object
}

#[test]
fn statefulset_only_rolling_has_a_status() {
    let object = statefulset(json!({"spec": {"updateStrategy": {"type": "OnDelete"}}}));
    assert!(matches!(status::of(&object, true), Rollout::Failed(words) if words.contains("only available for RollingUpdate")));
    done(&statefulset(json!({})));
}

#[test]
fn statefulset_unobserved_waits() {
    for generations in [json!({"status": {"observedGeneration": 0}}), json!({"metadata": {"generation": 6}})] {
        waits(&statefulset(generations), "spec update to be observed");
    }
}

#[test]
fn statefulset_fewer_ready_waits() {
    waits(&statefulset(json!({"status": {"readyReplicas": 2}})), "Waiting for 1 pods to be ready");
}

#[test]
fn statefulset_partition_counts_what_is_not_held_back() {
    let held = |updated: u32| {
        let strategy = json!({"rollingUpdate": {"partition": 2}});
        statefulset(
            json!({"spec": {"updateStrategy": strategy}, "status": {"updatedReplicas": updated, "currentRevision": "store-a"}}),
        )
    };
    waits(&held(0), "0 out of 1 new pods have been updated");
    done(&held(1));
}

#[test]
fn statefulset_differing_revisions_wait() {
    waits(&statefulset(json!({"status": {"currentRevision": "store-a"}})), "pods at revision store-b");
}

/// A ReplicaSet of a Deployment's; the revision as it is written.
fn replica_set(owner: &str, revision: Option<&str>, tag: &str) -> Value {
    let mut template = template(tag);
    template["metadata"]["labels"]["pod-template-hash"] = json!(format!("hash-{tag}"));
    json!({
        "metadata": {"uid": format!("rs-{tag}"), "labels": {"pod-template-hash": format!("hash-{tag}")},
            "annotations": {object::REVISION: revision, "kubernetes.io/change-cause": format!("because of {tag}")},
            "ownerReferences": [{"kind": "Deployment", "uid": owner, "controller": true}]},
        "spec": {"template": template},
    })
}

fn pasts(sets: &[Value]) -> Vec<Past> {
    sets.iter().map(|set| past("Deployment", set)).collect()
}

fn checkout() -> Workload {
    Workload { kind: "Deployment".into(), name: "checkout".into() }
}

/// Operations of the undo to a version, or why there are none.
fn undo(tag: &str, current: &Value) -> Result<Plan, String> {
    let past = past("Deployment", &replica_set("uid-1", Some("1"), tag));
    undo_to("sid-1", &checkout(), &past, Some(&past.annotations), current)
}

#[track_caller]
fn operations(plan: Result<Plan, String>) -> (Vec<Value>, String) {
    match plan {
        Ok(Plan::Change(change)) => (change.body.as_array().expect("a JSON patch").clone(), change.warning),
        other => panic!("{other:?}"),
    }
}

#[test]
fn undo_knows_only_what_it_controls() {
    let current = deployment(json!({}));
    assert!(object::is_controlled_by(&replica_set("uid-1", Some("1"), "v1"), object::uid(&current)));
    assert!(!object::is_controlled_by(&replica_set("uid-2", Some("1"), "v1"), object::uid(&current)));
    // Owned, and not controlled.
    let mut adopted = replica_set("uid-1", Some("1"), "v1");
    adopted["metadata"]["ownerReferences"][0]["controller"] = json!(false);
    assert!(!object::is_controlled_by(&adopted, object::uid(&current)));
}

#[test]
fn undo_counts_a_missing_revision_as_zero() {
    let history = pasts(&[replica_set("uid-1", Some("3"), "v3"), replica_set("uid-1", None, "v0")]);
    assert_eq!(history.iter().map(|past| past.revision).collect::<Vec<_>>(), [3, 0]);
    assert_eq!(history::previous(&history).expect("one before").uid, "rs-v0", "number 0 counts");
}

#[test]
fn undo_goes_to_the_second_highest_number() {
    let sets = [("7", "v7"), ("12", "v12"), ("9", "v9"), ("2", "v2")];
    let sets: Vec<Value> = sets.iter().map(|(revision, tag)| replica_set("uid-1", Some(revision), tag)).collect();
    assert_eq!(chosen(&checkout(), &pasts(&sets), 0).expect("one before").uid, "rs-v9");
    assert_eq!(chosen(&checkout(), &pasts(&sets), 2).expect("the one asked for").uid, "rs-v2");
}

#[test]
fn undo_without_history_is_refused() {
    for sets in [vec![], vec![replica_set("uid-1", Some("1"), "v1")]] {
        let refused = chosen(&checkout(), &pasts(&sets), 0).map(|past| past.uid.clone()).unwrap_err();
        assert!(refused.contains("no rollout history"), "{refused}");
    }
}

#[test]
fn undo_to_an_unknown_revision_is_refused() {
    let sets = [replica_set("uid-1", Some("1"), "v1"), replica_set("uid-1", Some("2"), "v2")];
    let refused = chosen(&checkout(), &pasts(&sets), 7).map(|past| past.uid.clone()).unwrap_err();
    assert!(refused.contains("no revision 7"), "{refused}");
}

#[test]
fn undo_of_a_paused_deployment_is_refused() {
    let refused = undo("v1", &deployment(json!({"spec": {"paused": true}}))).map(|_| ()).unwrap_err();
    assert!(refused.contains("is paused; resume it first"), "{refused}");
}

#[test]
fn undo_skips_an_equal_template() {
    assert!(matches!(undo("v2", &deployment(json!({}))), Ok(Plan::Already(_))));
}

#[test]
fn undo_replaces_the_template_without_its_hash() {
    let (operations, _) = operations(undo("v1", &deployment(json!({}))));
    let replace = operations.iter().find(|o| o["path"] == "/spec/template").expect("the template");
    assert_eq!((replace["op"].as_str(), &replace["value"]), (Some("replace"), &template("v1")));
}

#[test]
fn undo_keeps_its_own_annotations() {
    let own = [
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    ];
    let mut annotations = json!({"team": "payments", "kubernetes.io/change-cause": "the bad one"});
    for name in own {
        annotations[name] = json!("own");
    }
    let (operations, _) = operations(undo("v1", &deployment(json!({"metadata": {"annotations": annotations}}))));
    let after = &operations.iter().find(|o| o["path"] == "/metadata/annotations").expect("the annotations")["value"];
    assert!(own.iter().all(|name| after[name] == "own"), "{after}");
    assert_eq!(after["kubernetes.io/change-cause"], "because of v1");
    assert_eq!((after.get("team"), &after[object::SESSION]), (None, &json!("sid-1")));
}

#[test]
fn undo_tests_the_resource_version() {
    let (operations, _) = operations(undo("v1", &deployment(json!({}))));
    assert_eq!(operations.first(), Some(&json!({"op": "test", "path": "/metadata/resourceVersion", "value": "77"})));
}

#[test]
fn undo_warns_where_kubectl_apply_has_a_record() {
    let applied = json!({"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}});
    assert!(operations(undo("v1", &deployment(applied))).1.contains("kubectl apply"));
    assert_eq!(operations(undo("v1", &deployment(json!({})))).1, "");
}
