//! What an effect's report means: its outcome after `expect`, and what is captured.
//!
//! The effect says what it saw; whether that is good is the runbook's word, judged here
//! and written into `effect.ended`. A report of an unknown outcome stays unknown.

use std::collections::BTreeMap;

use super::event::{EffectEnded, Outcome};
use super::intent::{Intent, KubernetesRequest, PatchKind, Purpose, RESTARTED_AT, UndoTarget, What};
use super::message::EffectReport;
use super::resolve::{ActionOf, action_of};
use super::state::{Session, Visit};
use super::time::At;
use crate::runbook::Value;
use crate::runbook::expression::{Truth, Unknown};
use crate::runbook::model::{Action, Capture, HttpExpect, HttpRequest, Look, Run};

/// What a report means.
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    pub(super) message: String,
    pub(super) captured: BTreeMap<String, Value>,
}

/// Judges the report of a step's own effect (or of its undoing).
pub(super) fn judge(session: &Session, at: At, visit: &Visit, intent: &Intent, report: &EffectReport) -> Judged {
    // What was only simulated has no answer that could be expected of it.
    let simulated = super::dry::is_dry(session) && intent.changes;
    if simulated || report.outcome == Outcome::Unknown || intent.purpose == Purpose::Look {
        return as_reported(report);
    }
    let judged = match action_of(session, visit) {
        ActionOf::Action(Action::Run(run)) if report.exit.is_some() => judge_run(session, at, visit, run, report),
        ActionOf::Action(Action::Http(http)) if report.outcome == Outcome::Succeeded => judge_http(http, report),
        _ if report.outcome == Outcome::Succeeded => Ok(BTreeMap::new()),
        _ => Err(report.message.clone()),
    };
    match judged {
        Ok(captured) => Judged { outcome: Outcome::Succeeded, message: report.message.clone(), captured },
        Err(message) => Judged { outcome: Outcome::Failed, message, captured: BTreeMap::new() },
    }
}

/// A report that no `expect` judges.
pub(super) fn as_reported(report: &EffectReport) -> Judged {
    Judged { outcome: report.outcome, message: report.message.clone(), captured: BTreeMap::new() }
}

/// The record of a report.
pub(super) fn ended(intent: &Intent, report: &EffectReport, judged: Judged) -> EffectEnded {
    EffectEnded {
        effect: intent.effect,
        path: intent.path.clone(),
        visit: intent.visit,
        outcome: judged.outcome,
        message: judged.message,
        took_ms: report.took_ms,
        changed: if intent.changes { report.changed } else { Some(false) },
        exit: report.exit,
        status: report.status,
        captured: judged.captured,
        output: report.output.clone(),
        resource_version: report.resource_version.clone(),
        audit_id: report.audit_id.clone(),
    }
}

fn judge_run(
    session: &Session,
    at: At,
    visit: &Visit,
    run: &Run,
    report: &EffectReport,
) -> Result<BTreeMap<String, Value>, String> {
    let exit = report.exit.unwrap_or(-1);
    let good: &[i32] = if run.expect.exit.is_empty() { &[0] } else { &run.expect.exit };
    if !good.contains(&exit) {
        return Err(format!("it ended with exit code {exit}"));
    }
    if let Some(pattern) = &run.expect.stdout {
        let regex = regex::Regex::new(pattern).map_err(|_| format!("`{pattern}` is not a regular expression"))?;
        if !regex.is_match(&report.stdout) {
            return Err(format!("its output does not match `{pattern}`"));
        }
    }
    if let Some(when) = &run.expect.when {
        let result = result_value(report);
        match when.truth(&session.scope(at, &visit.context).with_result(&result)) {
            Truth::True => {}
            Truth::False => return Err(format!("`{}` does not hold", when.source())),
            Truth::Unknown(why) => return Err(format!("`{}` cannot be judged: {}", when.source(), why.join("; "))),
        }
    }
    captures(&run.capture, &report.stdout)
}

fn judge_http(http: &HttpRequest, report: &EffectReport) -> Result<BTreeMap<String, Value>, String> {
    check_answer(&http.expect, report)?;
    captures(&http.capture, &report.stdout)
}

fn check_answer(expect: &HttpExpect, report: &EffectReport) -> Result<(), String> {
    let status = report.status.unwrap_or(0);
    let good = if expect.status.is_empty() { (200..300).contains(&status) } else { expect.status.contains(&status) };
    if !good {
        return Err(format!("it answered {status}"));
    }
    if let Some(wanted) = &expect.json {
        let answer: serde_json::Value = serde_json::from_str(&report.stdout).map_err(|_| "the answer is not JSON".to_owned())?;
        if !contains(&Value::from_json(&answer), wanted) {
            return Err(format!("the answer does not have {}", wanted.to_json()));
        }
    }
    if let Some((mean, max)) = report.times_ms {
        if expect.mean.is_some_and(|limit| mean > super::millis(limit)) {
            return Err(format!("the mean time was {mean} ms"));
        }
        if expect.max.is_some_and(|limit| max > super::millis(limit)) {
            return Err(format!("the longest took {max} ms"));
        }
    }
    Ok(())
}

/// Whether `value` has everything `wanted` has, deep; lists must be equal.
pub(super) fn contains(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Map(map), Value::Map(wanted)) => wanted.iter().all(|(k, w)| map.get(k).is_some_and(|v| contains(v, w))),
        _ => value == wanted,
    }
}

fn captures(wanted: &[(crate::runbook::Spanned<String>, Capture)], output: &str) -> Result<BTreeMap<String, Value>, String> {
    wanted
        .iter()
        .map(|(name, how)| Ok((name.value.clone(), capture(how, output).map_err(|why| format!("`{name}`: {why}"))?)))
        .collect()
}

fn capture(how: &Capture, output: &str) -> Result<Value, String> {
    match how {
        Capture::Stdout => Ok(Value::from(output.strip_suffix('\n').unwrap_or(output))),
        Capture::Regex(pattern) => {
            let regex = regex::Regex::new(pattern).map_err(|_| format!("`{pattern}` is not a regular expression"))?;
            let found = regex.captures(output).ok_or_else(|| format!("nothing in the output matches `{pattern}`"))?;
            let text = found.get(1).or_else(|| found.get(0)).map_or("", |m| m.as_str());
            Ok(Value::from(text))
        }
        Capture::Json(path) => {
            let json: serde_json::Value = serde_json::from_str(output).map_err(|_| "the output is not JSON".to_owned())?;
            let found = path.split('.').filter(|p| !p.is_empty()).try_fold(&json, |value, key| match value {
                serde_json::Value::Array(items) => key.parse::<usize>().ok().and_then(|i| items.get(i)),
                other => other.get(key),
            });
            found.map(Value::from_json).ok_or_else(|| format!("the output has no `{path}`"))
        }
    }
}

/// `result`, as `expect.when` and `look.done` see it.
fn result_value(report: &EffectReport) -> Value {
    let mut map = BTreeMap::new();
    if let Some(exit) = report.exit {
        map.insert("exit".to_owned(), Value::Number(f64::from(exit)));
    }
    if let Some(status) = report.status {
        map.insert("status".to_owned(), Value::Number(f64::from(status)));
    }
    map.insert("stdout".to_owned(), Value::from(report.stdout.clone()));
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(&report.stdout) {
        map.insert("json".to_owned(), Value::from_json(&json));
    }
    if let Some(object) = &report.object {
        map.insert("object".to_owned(), Value::from_json(object));
    }
    Value::Map(map)
}

/// What looking says about an unknown outcome: done, not done, or why it cannot be told.
pub(super) fn looked(
    session: &Session,
    at: At,
    visit: &Visit,
    of: &Intent,
    report: &EffectReport,
) -> Result<(bool, String), String> {
    if report.outcome != Outcome::Succeeded {
        return Err(report.message.clone());
    }
    let result = result_value(report);
    if let Some(Look { done, .. }) = session.step_of(visit).and_then(|s| s.look.as_ref()) {
        return match done.truth(&session.scope(at, &visit.context).with_result(&result)) {
            Truth::True => Ok((true, format!("`{}` holds", done.source()))),
            Truth::False => Ok((false, format!("`{}` does not hold", done.source()))),
            Truth::Unknown(why) => Err(why.join("; ")),
        };
    }
    let object = report.object.as_ref().ok_or_else(|| "the object could not be read".to_owned())?;
    let What::Kubernetes(request) = &of.what else { return Err("nothing says how to look".to_owned()) };
    match has_effect(request, object) {
        Some(true) => Ok((true, "the object is as the step would have made it".to_owned())),
        Some(false) => Ok((false, "the object is not as the step would have made it".to_owned())),
        None => Err("the object does not tell whether the step had its effect".to_owned()),
    }
}

/// Whether an object shows that a request was carried out; `None` where it cannot tell.
fn has_effect(request: &KubernetesRequest, object: &serde_json::Value) -> Option<bool> {
    match request {
        KubernetesRequest::SetImage { container, image, .. } => {
            let containers = object.pointer("/spec/template/spec/containers")?.as_array()?;
            let found = containers.iter().find(|c| c.get("name").and_then(|n| n.as_str()) == Some(container))?;
            Some(found.get("image").and_then(|i| i.as_str()) == Some(image))
        }
        KubernetesRequest::Patch { kind: PatchKind::Merge, body, .. } => Some(contains(&Value::from_json(object), body)),
        KubernetesRequest::Patch { kind: PatchKind::Json, body: Value::List(operations), .. } => {
            let mut all = true;
            for operation in operations {
                let operation = operation.to_json();
                let member = |name: &str| operation.get(name).and_then(|v| v.as_str());
                match member("op")? {
                    "test" => {}
                    "replace" | "add" if !member("path")?.ends_with("/-") => {
                        let there = object.pointer(member("path")?).map(Value::from_json);
                        all &= there == operation.get("value").map(Value::from_json);
                    }
                    _ => return None,
                }
            }
            Some(all)
        }
        KubernetesRequest::Scale { replicas, .. } => {
            Some(object.pointer("/spec/replicas")?.as_u64() == Some(u64::from(*replicas)))
        }
        KubernetesRequest::RolloutRestart { at, .. } => {
            let annotations = object.pointer("/spec/template/metadata/annotations");
            let there = annotations.and_then(|a| a.get(RESTARTED_AT)).and_then(|v| v.as_str());
            Some(there == Some(at))
        }
        KubernetesRequest::RolloutPause { .. } | KubernetesRequest::RolloutResume { .. } => {
            let paused = object.pointer("/spec/paused").and_then(serde_json::Value::as_bool).unwrap_or(false);
            Some(paused == matches!(request, KubernetesRequest::RolloutPause { .. }))
        }
        KubernetesRequest::RolloutUndo { to: UndoTarget::Pinned(pin), .. } => {
            let wanted: serde_json::Value = serde_json::from_str(&pin.template).ok()?;
            let mut there = object.pointer("/spec/template")?.clone();
            if let Some(labels) = there.pointer_mut("/metadata/labels").and_then(|l| l.as_object_mut()) {
                labels.remove("pod-template-hash");
            }
            Some(without_nulls(&there) == without_nulls(&wanted))
        }
        _ => None,
    }
}

fn without_nulls(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => map
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(k, v)| (k.clone(), without_nulls(v)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        serde_json::Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// What an effect that looks would do, where there is a way to look.
pub(super) fn look_what(session: &Session, at: At, visit: &Visit, of: &Intent) -> Option<Result<What, Unknown>> {
    if of.purpose == Purpose::Step
        && let Some(look) = session.step_of(visit).and_then(|s| s.look.as_ref())
    {
        return super::resolve::what(session, at, visit, &look.action).transpose();
    }
    match &of.what {
        // Several objects do not tell by looking at one.
        What::Kubernetes(KubernetesRequest::Apply { .. } | KubernetesRequest::DeletePod { .. }) => None,
        What::Kubernetes(request) => Some(Ok(What::Kubernetes(KubernetesRequest::Get { resource: request.resource() }))),
        _ => None,
    }
}
