//! Who owns which field, and server-side apply.
//!
//! As in the API server: whoever changes a field owns it from then on; who applies a
//! configuration owns what it says, is told of fields that others own and would have to
//! change, and loses what it no longer says. Objects that nobody is known to own belong
//! to whoever applies first.

use serde_json::{Value, json};

use super::fields::{Fields, fields_of, is_item_path, put_at, read, shown, take_at, value_at, written};
use super::status::Refusal;
use crate::world::cluster::resource::Resource;
use crate::world::json::{list, set, text, unset};

/// Who writes, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Manager<'a> {
    /// Its name: `fieldManager`, or what the client calls itself.
    pub(crate) name: &'a str,
    /// When, as objects carry it.
    pub(crate) time: &'a str,
    /// The subresource that is written; empty for the object.
    pub(crate) part: &'static str,
}

/// What one manager owns in one way.
#[derive(Debug, Clone, PartialEq)]
struct Owned {
    manager: String,
    applied: bool,
    part: String,
    api_version: String,
    time: String,
    fields: Fields,
}

fn owned(object: &Value) -> Vec<Owned> {
    let entry = |entry: &Value| Owned {
        manager: text(entry, "/manager").to_owned(),
        applied: text(entry, "/operation") == "Apply",
        part: text(entry, "/subresource").to_owned(),
        api_version: text(entry, "/apiVersion").to_owned(),
        time: text(entry, "/time").to_owned(),
        fields: entry.get("fieldsV1").map(read).unwrap_or_default(),
    };
    list(object, "/metadata/managedFields").iter().map(entry).collect()
}

fn keep(object: &mut Value, owned: &[Owned]) {
    let entry = |one: &Owned| {
        let mut entry = json!({
            "manager": one.manager,
            "operation": if one.applied { "Apply" } else { "Update" },
            "apiVersion": one.api_version,
            "time": one.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": written(&one.fields),
        });
        if !one.part.is_empty() {
            set(&mut entry, &["subresource"], one.part.clone());
        }
        entry
    };
    let entries: Vec<Value> = owned.iter().filter(|one| !one.fields.is_empty()).map(entry).collect();
    match entries.is_empty() {
        true => unset(object, &["metadata", "managedFields"]),
        false => set(object, &["metadata", "managedFields"], entries),
    }
}

/// Adds fields to what a manager owns; the time changes only where the fields do.
fn give(owned: &mut Vec<Owned>, resource: &Resource, manager: Manager<'_>, applied: bool, fields: Fields, whole: bool) {
    let same = |one: &&mut Owned| one.manager == manager.name && one.applied == applied && one.part == manager.part;
    match owned.iter_mut().find(same) {
        Some(one) => {
            let mut next = if whole { Fields::new() } else { one.fields.clone() };
            next.extend(fields);
            if next != one.fields {
                one.fields = next;
                manager.time.clone_into(&mut one.time);
            }
        }
        None if !fields.is_empty() => owned.push(Owned {
            manager: manager.name.to_owned(),
            applied,
            part: manager.part.to_owned(),
            api_version: resource.api_version(),
            time: manager.time.to_owned(),
            fields,
        }),
        None => {}
    }
}

/// Notes who owns what after a write: what was changed belongs to whoever changed it, and
/// what is gone to nobody.
pub(crate) fn track(resource: &Resource, before: &Value, after: &mut Value, manager: Manager<'_>) {
    let mut owners = owned(before);
    let now = fields_of(after, resource.custom);
    let changed: Fields = now
        .iter()
        .filter(|path| match is_item_path(path) {
            true => value_at(before, path).is_none(),
            false => value_at(before, path) != value_at(after, path),
        })
        .cloned()
        .collect();
    for one in &mut owners {
        one.fields.retain(|path| now.contains(path) && !changed.contains(path));
    }
    give(&mut owners, resource, manager, false, changed, false);
    keep(after, &owners);
}

/// Applies a configuration to an object.
///
/// # Errors
/// 409 with every field that somebody else owns, unless it is forced.
pub(crate) fn apply(
    resource: &Resource,
    live: &Value,
    configuration: &Value,
    manager: Manager<'_>,
    force: bool,
) -> Result<Value, Refusal> {
    let mut owners = owned(live);
    let wanted = fields_of(configuration, resource.custom);
    let mine = |one: &Owned| one.applied && one.manager == manager.name && one.part == manager.part;
    let mut conflicts = Vec::new();
    for path in wanted.iter().filter(|path| !is_item_path(path)) {
        if value_at(live, path) == value_at(configuration, path) {
            continue;
        }
        for one in owners.iter_mut().filter(|one| !mine(one)) {
            match (one.fields.contains(path), force) {
                (true, true) => drop(one.fields.remove(path)),
                (true, false) => conflicts.push((one.manager.clone(), one.applied, one.api_version.clone(), shown(path))),
                (false, _) => {}
            }
        }
    }
    if !conflicts.is_empty() {
        return Err(Refusal::owned(&conflicts));
    }
    let mut merged = live.clone();
    let before = owners.iter().find(|one| mine(one)).map(|one| one.fields.clone()).unwrap_or_default();
    let others = |path: &[String]| owners.iter().any(|one| !mine(one) && one.fields.iter().any(|p| p.starts_with(path)));
    let still = |path: &[String]| wanted.iter().any(|wanted| wanted.starts_with(path));
    for path in before.iter().filter(|path| !still(path) && !others(path)) {
        take_at(&mut merged, path);
    }
    for path in wanted.iter().filter(|path| !is_item_path(path)) {
        if let Some(value) = value_at(configuration, path) {
            put_at(&mut merged, path, value.clone());
        }
    }
    give(&mut owners, resource, manager, true, wanted, true);
    keep(&mut merged, &owners);
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::cluster::Kind;

    fn as_manager(name: &str) -> Manager<'_> {
        Manager { name, time: "2026-01-05T02:00:00Z", part: "" }
    }

    fn map(data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
    }

    #[test]
    fn fields_have_owners_and_conflicts_name_them() {
        let resource = Kind::ConfigMap.resource();
        let apply = |live: &Value, data: Value, name: &str, force| apply(resource, live, &map(data), as_manager(name), force);
        let live = apply(&json!({}), json!({"a": "1", "b": "1"}), "one", false).unwrap();
        // The same value may be owned by two.
        let live = apply(&live, json!({"a": "1"}), "two", false).unwrap();
        let refused = apply(&live, json!({"a": "2"}), "two", false).unwrap_err();
        let body = refused.body();
        assert_eq!(refused.code, 409);
        assert_eq!(text(&body, "/message"), "Apply failed with 1 conflict: conflict with \"one\": .data.a");
        assert_eq!(text(&body, "/details/causes/0/reason"), "FieldManagerConflict");
        let live = apply(&live, json!({"a": "2"}), "two", true).unwrap();
        assert_eq!(live["data"], json!({"a": "2", "b": "1"}));
        // What one no longer says is gone, unless another says it.
        let live = apply(&live, json!({}), "one", false).unwrap();
        assert_eq!(live["data"], json!({"a": "2"}));
    }

    #[test]
    fn a_change_takes_the_field_over() {
        let resource = Kind::ConfigMap.resource();
        let live = apply(resource, &json!({}), &map(json!({"a": "1", "b": "1"})), as_manager("one"), false).unwrap();
        let mut changed = live.clone();
        set(&mut changed, &["data", "a"], "9");
        track(resource, &live, &mut changed, as_manager("kubectl-edit"));
        let refused = apply(resource, &changed, &map(json!({"a": "1", "b": "2"})), as_manager("one"), false).unwrap_err();
        assert_eq!(
            text(&refused.body(), "/message"),
            "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using v1: .data.a"
        );
    }

    #[test]
    fn containers_are_told_apart_by_name() {
        let resource = Kind::Deployment.resource();
        let with = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
        let live = with(json!([{"name": "app", "image": "x:1"}, {"name": "proxy", "image": "y:1"}]));
        let only = with(json!([{"name": "app", "image": "x:2"}]));
        let merged = apply(resource, &live, &only, as_manager("one"), false).unwrap();
        let expected = json!([{"name": "app", "image": "x:2"}, {"name": "proxy", "image": "y:1"}]);
        assert_eq!(merged.pointer("/spec/template/spec/containers"), Some(&expected));
        let merged = apply(resource, &merged, &with(json!([{"name": "new", "image": "z"}])), as_manager("one"), false).unwrap();
        let expected = json!([{"name": "proxy", "image": "y:1"}, {"name": "new", "image": "z"}]);
        assert_eq!(merged.pointer("/spec/template/spec/containers"), Some(&expected));
    }
}
