//! What the API server refuses in an object, as far as runbooks run into it.

use serde_json::Value;

use super::status::Refusal;
use crate::world::cluster::Kind;
use crate::world::cluster::resource::Resource;
use crate::world::json::{list, number, text};

/// What may change in a StatefulSet.
const STATEFULSET: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Refuses an object that is not valid in itself.
///
/// # Errors
/// 422 with the field.
pub(crate) fn validate(resource: &Resource, object: &Value) -> Result<(), Refusal> {
    let name = text(object, "/metadata/name");
    let refuse = |field: &str, problem: &str| Err(Refusal::invalid(resource, name, field, problem));
    if !good_name(name) {
        let problem =
            "Invalid value: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'";
        return refuse("metadata.name", problem);
    }
    if matches!(resource.kind, Kind::ConfigMap | Kind::Secret) {
        return match object.get("data").into_iter().filter_map(Value::as_object).flatten().find(|(_, value)| !value.is_string()) {
            Some((key, _)) => refuse(&format!("data.{key}"), "Invalid value: must be a string"),
            None => Ok(()),
        };
    }
    if resource.kind == Kind::HorizontalPodAutoscaler
        && number(object, "/spec/maxReplicas") < number(object, "/spec/minReplicas").max(1)
    {
        return refuse("spec.maxReplicas", "Invalid value: must be greater than or equal to `minReplicas`");
    }
    let workload = matches!(resource.kind, Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet | Kind::Job);
    if !workload {
        return Ok(());
    }
    if number(object, "/spec/replicas") < 0 {
        return refuse("spec.replicas", "Invalid value: must be greater than or equal to 0");
    }
    let containers = list(object, "/spec/template/spec/containers");
    if containers.is_empty() {
        return refuse("spec.template.spec.containers", "Required value");
    }
    for (index, container) in containers.iter().enumerate() {
        for field in ["name", "image"] {
            if text(container, &format!("/{field}")).is_empty() {
                return refuse(&format!("spec.template.spec.containers[{index}].{field}"), "Required value");
            }
        }
    }
    if resource.kind == Kind::Job {
        return match text(object, "/spec/template/spec/restartPolicy") {
            "Never" | "OnFailure" => Ok(()),
            _ => refuse("spec.template.spec.restartPolicy", "Required value: valid values: \"OnFailure\", \"Never\""),
        };
    }
    let labels = object.pointer("/spec/template/metadata/labels");
    let selector = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let selected = selector.is_some_and(|wanted| {
        !wanted.is_empty() && wanted.iter().all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
    });
    if !selected {
        return refuse("spec.template.metadata.labels", "Invalid value: `selector` does not match template `labels`");
    }
    Ok(())
}

fn good_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 253
        && name.starts_with(letter)
        && name.ends_with(letter)
        && name.chars().all(|c| letter(c) || "-._:".contains(c))
}

/// Refuses a change of what cannot be changed.
///
/// # Errors
/// 422 with the field.
pub(crate) fn validate_change(resource: &Resource, before: &Value, after: &Value) -> Result<(), Refusal> {
    let name = text(before, "/metadata/name");
    let differs = |pointer: &str| before.pointer(pointer) != after.pointer(pointer);
    let immutable = |field: &str| Err(Refusal::invalid(resource, name, field, "Invalid value: field is immutable"));
    match resource.kind {
        Kind::Deployment | Kind::ReplicaSet | Kind::DaemonSet if differs("/spec/selector") => immutable("spec.selector"),
        Kind::Job if differs("/spec/template") => immutable("spec.template"),
        Kind::Job if differs("/spec/selector") => immutable("spec.selector"),
        Kind::StatefulSet => {
            let spec = |object: &Value| {
                let mut spec = object.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
                spec.retain(|field, _| !STATEFULSET.contains(&field.as_str()));
                spec
            };
            if spec(before) == spec(after) {
                return Ok(());
            }
            let fields = STATEFULSET.map(|field| format!("'{field}'"));
            let (last, first) = fields.split_last().map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
            let problem = format!(
                "Forbidden: updates to statefulset spec for fields other than {} and {last} are forbidden",
                first.join(", ")
            );
            Err(Refusal::invalid(resource, name, "spec", &problem))
        }
        Kind::ConfigMap | Kind::Secret if before.get("immutable") == Some(&Value::Bool(true)) && differs("/data") => {
            let problem = "Forbidden: field is immutable when `immutable` is set";
            Err(Refusal::invalid(resource, name, "data", problem))
        }
        _ => Ok(()),
    }
}
