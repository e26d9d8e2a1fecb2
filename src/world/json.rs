//! Small helpers to read and write Kubernetes objects as JSON.

use std::sync::Arc;

use serde_json::{Map, Value};

/// An object as the store keeps it.
pub(crate) type Object = Arc<Value>;

/// The text at a JSON pointer; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at a JSON pointer; zero where there is none.
pub(crate) fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The list at a JSON pointer; empty where there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// An annotation; empty where there is none.
pub(crate) fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    object.pointer("/metadata/annotations").and_then(|a| a.get(name)).and_then(Value::as_str).unwrap_or_default()
}

/// A label; nothing where there is none.
pub(crate) fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels").and_then(|l| l.get(name)).and_then(Value::as_str)
}

/// Puts a value at a path of keys, making mappings on the way.
pub(crate) fn set(object: &mut Value, path: &[&str], new: impl Into<Value>) {
    let mut at = object;
    for key in path {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Some(map) = at.as_object_mut() else { return };
        at = map.entry((*key).to_owned()).or_insert(Value::Null);
    }
    *at = new.into();
}

/// Takes away what stands at a path of keys.
pub(crate) fn unset(object: &mut Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut at = object;
    for key in parents {
        match at.get_mut(*key) {
            Some(next) => at = next,
            None => return,
        }
    }
    if let Some(map) = at.as_object_mut() {
        map.shift_remove(*last);
    }
}

/// Whether the object is being deleted.
pub(crate) fn terminating(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// The status of a condition of the object (`True`, `False`, `Unknown`), by type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions").iter().find(|c| text(c, "/type") == kind)
}

/// Whether a pod is ready to serve: its condition says so and it is not going away.
pub(crate) fn serves(pod: &Value) -> bool {
    !terminating(pod) && condition(pod, "Ready").is_some_and(|c| text(c, "/status") == "True")
}

/// The uid of the controller that owns the object; empty where there is none.
pub(crate) fn controller<'a>(object: &'a Value) -> Option<&'a Value> {
    list(object, "/metadata/ownerReferences").iter().find(|o| o.get("controller") == Some(&Value::Bool(true)))
}

/// The tag of an image, which is the version that runs: what stands after the last
/// colon of its last path segment, without a digest.
pub(crate) fn version_of_image(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let segment = image.rsplit('/').next().unwrap_or(image);
    segment.split_once(':').map_or("latest", |(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_tags() {
        for (image, version) in [
            ("registry.example.com/checkout:v1.2.3", "v1.2.3"),
            ("registry.example.com:5000/checkout", "latest"),
            ("checkout:v2@sha256:00", "v2"),
        ] {
            assert_eq!(version_of_image(image), version);
        }
    }

    #[test]
    fn values_are_put_and_taken_away() {
        let mut object = json!({"metadata": {"labels": {"a": "1"}}});
        set(&mut object, &["metadata", "annotations", "x/y"], "z");
        unset(&mut object, &["metadata", "labels", "a"]);
        unset(&mut object, &["nothing", "here"]);
        assert_eq!(object, json!({"metadata": {"labels": {}, "annotations": {"x/y": "z"}}}));
    }
}
