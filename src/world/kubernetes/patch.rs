//! Patches, as the API server applies them.

use serde_json::{Map, Value};

use super::status::Refusal;
use crate::world::cluster::resource::Resource;

/// The kinds of patch, by content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchKind {
    /// RFC 7386.
    Merge,
    /// Kubernetes' own: some lists are merged by a key.
    Strategic,
    /// RFC 6902.
    Json,
    /// Server-side apply: a configuration, not a change.
    Apply,
}

impl PatchKind {
    /// The kind a content type names.
    ///
    /// # Errors
    /// 415 for what is not known, or not for this kind of object.
    pub(crate) fn of(content_type: &str, resource: &Resource) -> Result<Self, Refusal> {
        let accepted = if resource.custom {
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        } else {
            "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"
        };
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/json-patch+json" => Ok(Self::Json),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            "application/strategic-merge-patch+json" if !resource.custom => Ok(Self::Strategic),
            _ => {
                let message =
                    format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
                Err(Refusal::new(415, "UnsupportedMediaType", message))
            }
        }
    }

    /// The object with the patch applied.
    ///
    /// # Errors
    /// 400 for a patch that is none, 422 for one that does not apply.
    pub(crate) fn apply(self, object: &Value, patch: &Value) -> Result<Value, Refusal> {
        let mut patched = object.clone();
        match self {
            Self::Merge | Self::Strategic | Self::Apply if !patch.is_object() => {
                return Err(Refusal::new(400, "BadRequest", "json: cannot unmarshal the patch into an object"));
            }
            // Who owns what is told by `apply`, which does not come here.
            Self::Merge | Self::Apply => merge(&mut patched, patch),
            Self::Strategic => strategic(&mut patched, patch),
            Self::Json => {
                let operations: json_patch::Patch = serde_json::from_value(patch.clone())
                    .map_err(|wrong| Refusal::new(400, "BadRequest", format!("error decoding patch: {wrong}")))?;
                json_patch::patch(&mut patched, &operations).map_err(|wrong| Refusal::patch_failed(&wrong.to_string()))?;
            }
        }
        Ok(patched)
    }
}

fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    let Some(map) = as_map(object) else { return };
    for (name, value) in patch {
        if value.is_null() {
            map.shift_remove(name);
        } else {
            merge(map.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The value as a mapping; what is none is replaced by an empty one.
fn as_map(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// The key by which the items of a list are the same, by the list's name. Lists that are
/// not here are replaced.
fn merge_key(list: &str) -> Option<&'static [&'static str]> {
    Some(match list {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => &["name"],
        "conditions" => &["type"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "ports" => &["containerPort", "port"],
        "ownerReferences" => &["uid"],
        "hostAliases" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey"],
        _ => return None,
    })
}

fn strategic(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        let rest = patch.iter().filter(|(name, _)| !name.starts_with('$'));
        *object = Value::Object(rest.map(|(name, value)| (name.clone(), value.clone())).collect());
        return;
    }
    let Some(map) = as_map(object) else { return };
    if let Some(Value::Array(kept)) = patch.get("$retainKeys") {
        map.retain(|name, _| kept.iter().any(|k| k.as_str() == Some(name)));
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        let removed = value.get("$patch").and_then(Value::as_str) == Some("delete");
        match (value, merge_key(name)) {
            _ if value.is_null() || removed => drop(map.shift_remove(name)),
            (Value::Array(items), Some(keys)) => {
                merge_list(map.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new())), items, keys)
            }
            _ => strategic(map.entry(name.clone()).or_insert(Value::Null), value),
        }
    }
    for (name, value) in patch {
        if let (Some(list), Value::Array(gone)) = (name.strip_prefix("$deleteFromPrimitiveList/"), value)
            && let Some(Value::Array(items)) = map.get_mut(list)
        {
            items.retain(|item| !gone.contains(item));
        }
    }
}

fn merge_list(list: &mut Value, patches: &[Value], keys: &[&str]) {
    if !list.is_array() {
        *list = Value::Array(Vec::new());
    }
    let Value::Array(items) = list else { return };
    let directive = |patch: &Value| patch.get("$patch").and_then(Value::as_str).unwrap_or_default().to_owned();
    if patches.iter().any(|patch| directive(patch) == "replace") {
        *items = patches.iter().filter(|patch| patch.get("$patch").is_none()).cloned().collect();
        return;
    }
    for patch in patches {
        let same = |item: &Value| keys.iter().any(|key| patch.get(*key).is_some_and(|value| item.get(*key) == Some(value)));
        let found = items.iter().position(same);
        match (directive(patch).as_str(), found) {
            ("delete", Some(at)) => drop(items.remove(at)),
            ("delete", None) => {}
            (_, Some(at)) => items.get_mut(at).into_iter().for_each(|item| strategic(item, patch)),
            (_, None) => {
                let mut new = Value::Object(Map::new());
                strategic(&mut new, patch);
                items.push(new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patches_apply() {
        let object = json!({"a": {"b": 1, "c": 2}, "containers": [{"name": "app", "image": "x:1", "env": [{"name": "A", "value": "1"}]}, {"name": "proxy", "image": "y"}]});
        let containers = |value: Value| json!({"a": {"b": 1, "c": 2}, "containers": value});
        let app = |image: &str| json!({"name": "app", "image": image, "env": [{"name": "A", "value": "1"}]});
        let proxy = json!({"name": "proxy", "image": "y"});
        let cases = [
            (
                PatchKind::Merge,
                json!({"a": {"b": null, "d": 3}, "containers": []}),
                json!({"a": {"c": 2, "d": 3}, "containers": []}),
            ),
            (
                PatchKind::Strategic,
                json!({"containers": [{"name": "app", "image": "x:2"}]}),
                containers(json!([app("x:2"), proxy])),
            ),
            (
                PatchKind::Strategic,
                json!({"containers": [{"name": "proxy", "$patch": "delete"}]}),
                containers(json!([app("x:1")])),
            ),
            (
                PatchKind::Strategic,
                json!({"$setElementOrder/containers": [{"name": "app"}], "containers": [{"name": "new", "image": "z"}]}),
                containers(json!([app("x:1"), proxy, {"name": "new", "image": "z"}])),
            ),
            (PatchKind::Strategic, json!({"a": {"$patch": "replace", "d": 1}, "containers": null}), json!({"a": {"d": 1}})),
            (
                PatchKind::Json,
                json!([{"op": "test", "path": "/a/b", "value": 1}, {"op": "replace", "path": "/a/b", "value": 9}, {"op": "remove", "path": "/containers"}]),
                json!({"a": {"b": 9, "c": 2}}),
            ),
        ];
        for (kind, patch, expected) in cases {
            assert_eq!(kind.apply(&object, &patch).unwrap(), expected, "{kind:?} {patch}");
        }
    }

    #[test]
    fn patches_that_do_not_apply_are_refused() {
        let object = json!({"a": 1});
        for (kind, patch, code) in [
            (PatchKind::Json, json!([{"op": "test", "path": "/a", "value": 2}]), 422),
            (PatchKind::Json, json!([{"op": "remove", "path": "/b"}]), 422),
            (PatchKind::Json, json!([{"op": "hop", "path": "/b"}]), 400),
            (PatchKind::Merge, json!([]), 400),
            (PatchKind::Strategic, json!("x"), 400),
        ] {
            assert_eq!(kind.apply(&object, &patch).unwrap_err().code, code, "{patch}");
        }
    }
}
