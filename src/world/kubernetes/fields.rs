//! Sets of fields, as `metadata.managedFields` keeps them.
//!
//! A field is a path of elements: `f:spec` for the key of a mapping, `k:{"name":"app"}`
//! for the item of a list that is told from others by keys. Lists without such keys are
//! one field as a whole, as is everything in them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// A path of elements.
pub(crate) type Path = Vec<String>;
/// A set of fields. The item of a list is itself a member.
pub(crate) type Fields = BTreeSet<Path>;

/// What belongs to the object and not to those who write it.
const SYSTEM: [&str; 9] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// The keys by which the items of a list are told apart, by the list's name.
fn item_keys(list: &str) -> Option<&'static [&'static str]> {
    Some(match list {
        "containers" | "initContainers" | "ephemeralContainers" | "env" | "volumes" | "imagePullSecrets" => &["name"],
        "conditions" => &["type"],
        "volumeMounts" => &["mountPath"],
        "ports" => &["containerPort", "port", "protocol"],
        "ownerReferences" => &["uid"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        _ => return None,
    })
}

/// The fields of an object that somebody may own. Lists in custom resources are whole.
pub(crate) fn fields_of(object: &Value, custom: bool) -> Fields {
    let mut found = Fields::new();
    let mut path = Path::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        path.push(format!("f:{name}"));
        match name.as_str() {
            "apiVersion" | "kind" => {}
            "metadata" => {
                for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !SYSTEM.contains(&name.as_str()))
                {
                    path.push(format!("f:{name}"));
                    walk(name, value, custom, &mut path, &mut found);
                    path.pop();
                }
            }
            _ => walk(name, value, custom, &mut path, &mut found),
        }
        path.pop();
    }
    found
}

fn walk(name: &str, value: &Value, custom: bool, path: &mut Path, found: &mut Fields) {
    match (value, item_keys(name)) {
        // A selector is one decision.
        (Value::Object(map), _) if !map.is_empty() && name != "selector" => {
            for (name, value) in map {
                path.push(format!("f:{name}"));
                walk(name, value, custom, path, found);
                path.pop();
            }
        }
        (Value::Array(items), Some(keys)) if !custom && !items.is_empty() => {
            for item in items {
                path.push(element(item, keys));
                found.insert(path.clone());
                walk("", item, custom, path, found);
                path.pop();
            }
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

fn element(item: &Value, keys: &[&str]) -> String {
    let mut named = Map::new();
    for key in keys {
        match item.get(*key) {
            Some(value) => drop(named.insert((*key).to_owned(), value.clone())),
            None if *key == "protocol" => drop(named.insert("protocol".to_owned(), "TCP".into())),
            None => {}
        }
    }
    format!("k:{}", Value::Object(named))
}

/// Whether an item of a list has the keys of an element.
fn is_item(item: &Value, keys: &Value) -> bool {
    keys.as_object().into_iter().flatten().all(|(key, value)| match item.get(key) {
        Some(found) => found == value,
        None => key == "protocol",
    })
}

fn keys_of(element: &str) -> Value {
    element.strip_prefix("k:").and_then(|keys| serde_json::from_str(keys).ok()).unwrap_or_default()
}

fn is_element_of_list(element: &str) -> bool {
    element.starts_with("k:")
}

/// Whether a path names the item of a list and not a value.
pub(crate) fn is_item_path(path: &[String]) -> bool {
    path.last().is_some_and(|last| is_element_of_list(last))
}

/// The value of a field.
pub(crate) fn value_at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |at, element| match element.strip_prefix("f:") {
        Some(name) => at.get(name),
        None => {
            let keys = keys_of(element);
            at.as_array()?.iter().find(|item| is_item(item, &keys))
        }
    })
}

/// Puts a value at a field, making mappings and items on the way.
pub(crate) fn put_at(object: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        // An empty mapping asks for nothing that is not there.
        if !(value == json!({}) && object.is_object()) {
            *object = value;
        }
        return;
    };
    if let Some(name) = first.strip_prefix("f:") {
        if !object.is_object() {
            *object = json!({});
        }
        if let Some(map) = object.as_object_mut() {
            put_at(map.entry(name.to_owned()).or_insert(Value::Null), rest, value);
        }
        return;
    }
    if !object.is_array() {
        *object = json!([]);
    }
    let keys = keys_of(first);
    let Some(items) = object.as_array_mut() else { return };
    let at = items.iter().position(|item| is_item(item, &keys)).unwrap_or_else(|| {
        items.push(keys);
        items.len() - 1
    });
    if let Some(item) = items.get_mut(at) {
        put_at(item, rest, value);
    }
}

/// Takes away a field, or the item of a list.
pub(crate) fn take_at(object: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else { return };
    match (first.strip_prefix("f:"), rest.is_empty()) {
        (Some(name), true) => {
            if let Some(map) = object.as_object_mut() {
                map.shift_remove(name);
            }
        }
        (Some(name), false) => object.get_mut(name).into_iter().for_each(|inner| take_at(inner, rest)),
        (None, last) => {
            let keys = keys_of(first);
            let Some(items) = object.as_array_mut() else { return };
            match last {
                true => items.retain(|item| !is_item(item, &keys)),
                false => items.iter_mut().filter(|item| is_item(item, &keys)).for_each(|item| take_at(item, rest)),
            }
        }
    }
}

/// A field as conflicts name it: `.spec.template.spec.containers[name="app"].image`.
pub(crate) fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for element in path {
        match element.strip_prefix("f:") {
            Some(name) => text.push_str(&format!(".{name}")),
            None => {
                let keys = keys_of(element);
                let keys = keys.as_object().into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
                text.push_str(&format!("[{}]", keys.collect::<Vec<_>>().join(",")));
            }
        }
    }
    text
}

/// A set in the form of `fieldsV1`.
pub(crate) fn written(fields: &Fields) -> Value {
    let mut tree = json!({});
    for path in fields {
        grow(&mut tree, path, is_item_path(path));
    }
    tree
}

fn grow(tree: &mut Value, path: &[String], item: bool) {
    let Some(map) = tree.as_object_mut() else { return };
    match path.split_first() {
        Some((first, rest)) => grow(map.entry(first.clone()).or_insert_with(|| json!({})), rest, item),
        None if item => drop(map.insert(".".to_owned(), json!({}))),
        None => {}
    }
}

/// A set from the form of `fieldsV1`.
pub(crate) fn read(tree: &Value) -> Fields {
    let mut found = Fields::new();
    collect(tree, &mut Path::new(), &mut found);
    found
}

fn collect(tree: &Value, path: &mut Path, found: &mut Fields) {
    let Some(map) = tree.as_object() else { return };
    if (map.is_empty() || map.contains_key(".")) && !path.is_empty() {
        found.insert(path.clone());
    }
    for (element, inner) in map.iter().filter(|(element, _)| element.as_str() != ".") {
        path.push(element.clone());
        collect(inner, path, found);
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Value {
        json!({"kind": "Deployment", "metadata": {"name": "a", "labels": {"app": "a"}}, "spec": {"replicas": 2,
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"spec": {"containers": [{"name": "app", "image": "x:1", "args": ["a"], "ports": [{"containerPort": 80, "protocol": "UDP"}]}]}}}})
    }

    #[test]
    fn fields_are_found_written_and_read() {
        let fields = fields_of(&object(), false);
        let shown: Vec<String> = fields.iter().map(|path| shown(path)).collect();
        assert_eq!(
            shown,
            [
                ".metadata.labels.app",
                ".spec.replicas",
                ".spec.selector",
                ".spec.template.spec.containers[name=\"app\"]",
                ".spec.template.spec.containers[name=\"app\"].args",
                ".spec.template.spec.containers[name=\"app\"].image",
                ".spec.template.spec.containers[name=\"app\"].name",
                ".spec.template.spec.containers[name=\"app\"].ports[containerPort=80,protocol=\"UDP\"]",
                ".spec.template.spec.containers[name=\"app\"].ports[containerPort=80,protocol=\"UDP\"].containerPort",
                ".spec.template.spec.containers[name=\"app\"].ports[containerPort=80,protocol=\"UDP\"].protocol",
            ]
        );
        assert_eq!(read(&written(&fields)), fields);
        assert!(fields_of(&object(), true).iter().any(|path| path.last().unwrap() == "f:containers"));
    }

    #[test]
    fn each_field_can_be_put_and_taken_away() {
        let whole = object();
        let mut built = json!({});
        for path in fields_of(&whole, false).iter().filter(|path| !is_item_path(path)) {
            put_at(&mut built, path, value_at(&whole, path).unwrap().clone());
        }
        assert_eq!(built["spec"]["template"]["spec"]["containers"][0]["image"], "x:1");
        assert_eq!(fields_of(&built, false), fields_of(&whole, false));
        let item: Path = ["f:spec", "f:template", "f:spec", "f:containers", "k:{\"name\":\"app\"}"].map(str::to_owned).into();
        take_at(&mut built, &item);
        assert_eq!(built.pointer("/spec/template/spec/containers"), Some(&json!([])));
    }
}
