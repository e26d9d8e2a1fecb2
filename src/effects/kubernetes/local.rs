//! Patches applied here, to say beforehand what they would do where the server cannot.

use serde_json::{Map, Value};

use super::diff::named;
use crate::session::intent::PatchKind;

/// The object after a patch.
///
/// # Errors
/// When the patch does not fit the object.
pub(in crate::effects) fn applied(kind: PatchKind, body: &Value, object: &Value) -> Result<Value, String> {
    let mut after = object.clone();
    match kind {
        PatchKind::Merge => json_patch::merge(&mut after, body),
        PatchKind::Strategic => strategic(&mut after, body),
        PatchKind::Json => {
            let patch: json_patch::Patch =
                serde_json::from_value(body.clone()).map_err(|error| format!("the patch is no JSON patch: {error}"))?;
            json_patch::patch(&mut after, &patch).map_err(|error| error.to_string())?;
        }
    }
    Ok(after)
}

/// A strategic merge as far as it goes without the types' own merge keys: lists whose
/// elements all have names are merged by name, as for containers, volumes and
/// environments; all others are replaced.
fn strategic(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(object) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            object.shift_remove(key);
            continue;
        }
        match (object.get_mut(key), value) {
            (Some(Value::Array(old)), Value::Array(new)) if named(old).is_some() && named(new).is_some() => by_name(old, new),
            (Some(old), value) => strategic(old, value),
            (None, value) => {
                let mut fresh = Value::Null;
                strategic(&mut fresh, value);
                object.insert(key.clone(), fresh);
            }
        }
    }
}

fn by_name(old: &mut Vec<Value>, new: &[Value]) {
    for element in new {
        let delete = element.get("$patch").and_then(Value::as_str) == Some("delete");
        let place = old.iter().position(|other| other.get("name") == element.get("name"));
        match (place, delete) {
            (Some(place), true) => drop(old.remove(place)),
            (None, true) => {}
            (Some(place), false) => {
                if let Some(target) = old.get_mut(place) {
                    strategic(target, element);
                }
            }
            (None, false) => old.push(element.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strategic_merges_lists_by_name() {
        let object =
            json!({"spec": {"containers": [{"name": "a", "image": "a:1", "args": ["x"]}, {"name": "b", "image": "b:1"}]}});
        let patch =
            json!({"spec": {"containers": [{"name": "a", "image": "a:2"}, {"name": "b", "$patch": "delete"}], "paused": true}});
        let after = applied(PatchKind::Strategic, &patch, &object).unwrap();
        assert_eq!(after, json!({"spec": {"containers": [{"name": "a", "image": "a:2", "args": ["x"]}], "paused": true}}));
    }

    #[test]
    fn merge_and_json_follow_their_rfcs() {
        let object = json!({"a": {"b": 1, "c": [1, 2]}});
        assert_eq!(applied(PatchKind::Merge, &json!({"a": {"b": null, "c": [3]}}), &object).unwrap(), json!({"a": {"c": [3]}}));
        let ops = json!([{"op": "replace", "path": "/a/c/1", "value": 9}]);
        assert_eq!(applied(PatchKind::Json, &ops, &object).unwrap(), json!({"a": {"b": 1, "c": [1, 9]}}));
        assert!(applied(PatchKind::Json, &json!([{"op": "test", "path": "/a/b", "value": 2}]), &object).is_err());
    }
}
