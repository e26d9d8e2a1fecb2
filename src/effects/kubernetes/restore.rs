//! Putting back the fields a request changed, and only those.
//!
//! A field is put back when it holds what the request set. What holds its old value
//! already is left alone; anything else is somebody's later work, and then nothing is put
//! back at all.

use serde_json::{Value, json};

use super::diff::named;
use super::local;
use super::object;
use super::plan::{self, Change, Plan};
use crate::session::intent::{KubernetesRequest, PatchKind, Resource, UndoTarget};

/// A way to a field. List elements with names are found by name, because others may have
/// been added before them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Key(String),
    Named(String),
}

type Way = Vec<Part>;

/// The patch that puts the fields back.
pub(super) fn plan(
    sid: &str,
    resource: &Resource,
    of: &KubernetesRequest,
    before: &Value,
    current: &Value,
) -> Result<Plan, String> {
    if object::uid(before) != object::uid(current) {
        return Err(format!("{resource} was deleted and created anew since; there is nothing to put back on this one"));
    }
    let (ways, after) = touched(of, before)?;
    let mut operations = Vec::new();
    // Each operation is worked out on the object as the ones before leave it, because
    // removing an element of a list moves the others.
    let mut working = current.clone();
    let mut foreign = Vec::new();
    for way in &ways {
        let (old, now) = (at(before, way), at(current, way));
        if old == now {
            continue;
        }
        if same_as_set(at(&after, way), now) {
            let Some(operation) = operation(way, old, &working) else { continue };
            let one = Value::Array(vec![operation.clone()]);
            working = local::applied(PatchKind::Json, &one, &working)?;
            operations.push(operation);
        } else {
            foreign.push(format!("{} is {}", words(way), now.map_or_else(|| "gone".to_owned(), short)));
        }
    }
    if !foreign.is_empty() {
        let who = object::last_writer(current).map(|who| format!(" by {who}")).unwrap_or_default();
        return Err(format!(
            "{resource} was changed{who} since this session changed it: {}; put it back by hand, or leave it",
            foreign.join(", ")
        ));
    }
    if operations.is_empty() {
        return Ok(Plan::Already(format!("{resource} has its old values already")));
    }
    let body = plan::guarded_operations(sid, operations, current);
    Ok(Plan::Change(Change { kind: PatchKind::Json, body, warning: String::new() }))
}

/// Which fields a request set, and the object as it left it.
fn touched(of: &KubernetesRequest, before: &Value) -> Result<(Vec<Way>, Value), String> {
    let (kind, body) = match of {
        KubernetesRequest::SetImage { container, image, .. } => {
            let list = if is_init(before, container) { "initContainers" } else { "containers" };
            let body = json!({"spec": {"template": {"spec": {list: [{"name": container, "image": image}]}}}});
            (PatchKind::Strategic, body)
        }
        KubernetesRequest::Patch { kind, body, .. } => (*kind, body.to_json()),
        KubernetesRequest::RolloutUndo { to: UndoTarget::Pinned(target), .. } => {
            let template: Value = serde_json::from_str(&target.template).map_err(|error| error.to_string())?;
            let body = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
            (PatchKind::Json, body)
        }
        other => match plan::fields(other) {
            Some(fields) => (PatchKind::Merge, fields),
            None => return Err("what this request changed is not recorded field by field; undo it by hand".into()),
        },
    };
    let after = local::applied(kind, &body, before)?;
    let mut ways = Vec::new();
    match (kind, &body) {
        (PatchKind::Json, Value::Array(operations)) => {
            for operation in operations {
                ways.extend(of_operation(operation, before));
            }
        }
        _ => leaves(&mut Vec::new(), &body, Some(before), kind, &mut ways),
    }
    ways.dedup();
    Ok((ways, after))
}

fn is_init(object: &Value, container: &str) -> bool {
    let list = object.pointer("/spec/template/spec/initContainers").and_then(Value::as_array);
    list.into_iter().flatten().any(|c| object::text(c, "/name") == Some(container))
}

/// The field an operation sets. Where it moves the elements of a list, that is the list.
fn of_operation(operation: &Value, before: &Value) -> Vec<Way> {
    let op = object::text(operation, "/op").unwrap_or_default();
    let mut pointers = Vec::new();
    if op != "test" {
        pointers.extend(object::text(operation, "/path"));
    }
    if op == "move" {
        pointers.extend(object::text(operation, "/from"));
    }
    let shifts = op != "replace";
    pointers.into_iter().map(|pointer| of_pointer(pointer, before, shifts)).collect()
}

fn of_pointer(pointer: &str, before: &Value, shifts: bool) -> Way {
    let keys: Vec<String> = pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    let mut way = Way::new();
    let mut here = Some(before);
    for (index, key) in keys.iter().enumerate() {
        match here {
            Some(Value::Array(_)) if shifts && index + 1 == keys.len() => return way,
            Some(Value::Array(list)) => {
                let element = key.parse::<usize>().ok().and_then(|place| list.get(place));
                match (named(list), element.and_then(|element| element.get("name")).and_then(Value::as_str)) {
                    (Some(_), Some(name)) => way.push(Part::Named(name.to_owned())),
                    _ => way.push(Part::Key(key.clone())),
                }
                here = element;
            }
            Some(value) => {
                way.push(Part::Key(key.clone()));
                // A field that was not there comes and goes with the first of its keys.
                let Some(next) = value.get(key) else { return way };
                here = Some(next);
            }
            None => return way,
        }
    }
    way
}

/// The fields a merge patch sets: down to values, and to lists that are replaced whole.
fn leaves(way: &mut Way, patch: &Value, before: Option<&Value>, kind: PatchKind, ways: &mut Vec<Way>) {
    match (patch, before) {
        (Value::Object(patch), Some(Value::Object(before))) => {
            for (key, value) in patch {
                way.push(Part::Key(key.clone()));
                leaves(way, value, before.get(key), kind, ways);
                way.pop();
            }
        }
        (Value::Array(patch), Some(Value::Array(before))) if kind == PatchKind::Strategic => {
            match (named(patch), named(before)) {
                (Some(patch), Some(before)) => {
                    for (name, value) in patch {
                        way.push(Part::Named(name.to_owned()));
                        let old = before.iter().find(|(other, _)| *other == name).map(|(_, value)| *value);
                        leaves(way, value, old, kind, ways);
                        way.pop();
                    }
                }
                _ => ways.push(way.clone()),
            }
        }
        _ => ways.push(way.clone()),
    }
}

fn at<'a>(object: &'a Value, way: &[Part]) -> Option<&'a Value> {
    way.iter().try_fold(object, |here, part| match (part, here) {
        (Part::Key(key), Value::Array(list)) => list.get(key.parse::<usize>().ok()?),
        (Part::Key(key), here) => here.get(key),
        (Part::Named(name), here) => here.as_array()?.iter().find(|element| object::text(element, "/name") == Some(name)),
    })
}

/// Whether a field holds what was set. The server may have added defaults within it.
fn same_as_set(set: Option<&Value>, now: Option<&Value>) -> bool {
    match (set, now) {
        (None, None) => true,
        (Some(set), Some(now)) => covers(now, set),
        _ => false,
    }
}

fn covers(now: &Value, set: &Value) -> bool {
    match (now, set) {
        (Value::Object(now), Value::Object(set)) => {
            set.iter().all(|(key, value)| value.is_null() || now.get(key).is_some_and(|now| covers(now, value)))
        }
        (Value::Array(now), Value::Array(set)) => {
            now.len() == set.len() && now.iter().zip(set).all(|(now, set)| covers(now, set))
        }
        (now, set) => now == set,
    }
}

fn operation(way: &[Part], old: Option<&Value>, current: &Value) -> Option<Value> {
    let path = pointer(way, current)?;
    Some(match old {
        Some(old) if at(current, way).is_some() => json!({"op": "replace", "path": path, "value": old}),
        Some(old) => json!({"op": "add", "path": path, "value": old}),
        None => json!({"op": "remove", "path": path}),
    })
}

/// The way as a JSON pointer into the object as it is; a named element that is gone is
/// added at the end of its list.
fn pointer(way: &[Part], current: &Value) -> Option<String> {
    let mut path = String::new();
    let mut here = Some(current);
    for part in way {
        let key = match part {
            Part::Key(key) => key.replace('~', "~0").replace('/', "~1"),
            Part::Named(name) => {
                let place = here?.as_array()?.iter().position(|element| object::text(element, "/name") == Some(name));
                place.map_or_else(|| "-".to_owned(), |place| place.to_string())
            }
        };
        path.push('/');
        path.push_str(&key);
        here = here.and_then(|here| at(here, std::slice::from_ref(part)));
    }
    Some(path)
}

fn words(way: &[Part]) -> String {
    let mut text = String::new();
    for part in way {
        match part {
            Part::Key(key) if text.is_empty() => text.push_str(key),
            Part::Key(key) => text.push_str(&format!(".{key}")),
            Part::Named(name) => text.push_str(&format!("[{name}]")),
        }
    }
    text
}

fn short(value: &Value) -> String {
    crate::effects::text::shortened(&value.to_string(), 80)
}
