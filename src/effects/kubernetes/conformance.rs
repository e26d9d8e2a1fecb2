//! Against answers captured from a real API server and kubectl. Run with
//! `cargo test conformance`; `PACENOTE_CONFORMANCE` names another folder of such files.

use std::fmt::Write;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::history::past;
use super::object;
use super::plan::{Plan, chosen, undo_to};
use super::{local, status};
use crate::session::intent::{PatchKind, Workload};

fn cases(file: &str) -> Vec<(usize, Value)> {
    let folder = std::env::var_os("PACENOTE_CONFORMANCE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conformance"), PathBuf::from);
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let cases: Vec<_> =
        text.lines().enumerate().map(|(i, line)| (i + 1, serde_json::from_str(line).expect("a case is JSON"))).collect();
    assert!(!cases.is_empty(), "{file} has no cases");
    cases
}

fn asked_revision(case: &Value, option: &str) -> u64 {
    let arguments = case["kubectl_args"].as_array().expect("arguments");
    arguments.iter().filter_map(Value::as_str).find_map(|a| a.strip_prefix(option)).map_or(0, |n| n.parse().expect("a number"))
}

#[test]
fn rollout_status_agrees_with_kubectl_conformance() {
    let mut differences = String::new();
    for (line, case) in cases("status.jsonl") {
        let (object, expect) = (&case["object"], &case["expect"]);
        let asked = asked_revision(&case, "--revision=");
        let running = object::revision(object);
        let (exit, words) = if asked > 0 && asked != running {
            (1, format!("error: desired revision ({asked}) is different from the running revision ({running})"))
        } else {
            match status::of(object, true) {
                status::Rollout::Failed(words) | status::Rollout::Overdue(words) => (1, format!("error: {words}")),
                other => (0, other.words().to_owned()),
            }
        };
        let expected = [expect["stdout"].as_str(), expect["stderr"].as_str()].map(Option::unwrap_or_default).concat();
        if i64::from(exit) != expect["exit"].as_i64().expect("exit") || words != expected.trim_end() {
            writeln!(differences, "line {line}: {exit} {words:?}, kubectl: {} {expected:?}", expect["exit"]).expect("text");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn rollout_undo_agrees_with_kubectl_conformance() {
    let mut differences = String::new();
    for (line, case) in cases("undo.jsonl") {
        if let Err(difference) = undo_case(&case) {
            writeln!(differences, "line {line}: {difference}").expect("text");
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

fn undo_case(case: &Value) -> Result<(), String> {
    let (current, expect) = (&case["before"]["deployment"], &case["expect"]);
    let workload =
        Workload { kind: "Deployment".into(), name: object::text(current, "/metadata/name").unwrap_or_default().into() };
    let sets = case["before"]["replicasets"].as_array().expect("replicasets");
    let history: Vec<_> = sets
        .iter()
        .filter(|set| object::is_controlled_by(set, object::uid(current)))
        .map(|set| past("Deployment", set))
        .collect();
    let revision = asked_revision(case, "--to-revision=");
    // Of several reasons to refuse, kubectl may say another than we do.
    let plan =
        chosen(&workload, &history, revision).and_then(|past| undo_to("sid", &workload, past, Some(&past.annotations), current));
    let said = format!("{}{}", expect["stdout"].as_str().unwrap_or_default(), expect["stderr"].as_str().unwrap_or_default());
    match (plan, expect["exit"].as_i64()) {
        (Err(why), Some(0)) => Err(format!("refused ({why}), kubectl did: {said}")),
        (Err(_), _) => Ok(()),
        (Ok(_), Some(code)) if code != 0 => Err(format!("did it, kubectl refused: {said}")),
        (Ok(Plan::Already(_)), _) if said.contains("skipped rollback") => Ok(()),
        (Ok(Plan::Already(_)), _) => Err(format!("nothing to do, kubectl: {said}")),
        (Ok(Plan::Change(change)), _) => {
            if said.contains("skipped rollback") {
                return Err("did it, kubectl skipped".into());
            }
            let after = local::applied(PatchKind::Json, &change.body, current)?;
            let mut annotations: Map<String, Value> =
                after.pointer("/metadata/annotations").and_then(Value::as_object).cloned().unwrap_or_default();
            annotations.shift_remove(object::SESSION);
            let (template, wanted) = (after["spec"]["template"].clone(), &expect["template"]);
            if template != *wanted {
                return Err(format!("template {template}, kubectl: {wanted}"));
            }
            // The controller counts the revision up afterwards; what was sent is the rest.
            let strip = |annotations: &Value| {
                let mut map = annotations.as_object().cloned().unwrap_or_default();
                map.shift_remove(object::REVISION);
                map.shift_remove("deployment.kubernetes.io/revision-history");
                json!(map)
            };
            let (ours, theirs) = (strip(&json!(annotations)), strip(&expect["annotations"]));
            if ours != theirs { Err(format!("annotations {ours}, kubectl: {theirs}")) } else { Ok(()) }
        }
    }
}
