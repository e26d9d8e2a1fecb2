//! What the API server says it has.

use serde_json::{Value, json};

use super::review::{REVIEWS, VERBS};
use crate::world::cluster::resource::{RESOURCES, Resource, api_version};

/// The answer to a discovery path; nothing where the path is none.
pub(crate) fn answer(path: &str) -> Option<Value> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["version"] => Some(json!({
            "major": "1", "minor": "36", "gitVersion": "v1.36.0+simulated", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
        })),
        ["api"] => Some(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
        })),
        ["apis"] => {
            let groups: Vec<Value> = groups().iter().map(|(name, versions)| group(name, versions)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => {
            let (_, versions) = groups().into_iter().find(|(group, _)| group == name)?;
            let mut group = group(name, &versions);
            group["kind"] = "APIGroup".into();
            group["apiVersion"] = "v1".into();
            Some(group)
        }
        ["api", "v1"] => resources("", "v1"),
        ["apis", name, version] => resources(name, version),
        _ => None,
    }
}

/// All groups but the core, with their versions, preferred first.
pub(super) fn groups() -> Vec<(&'static str, Vec<&'static str>)> {
    let reviews = REVIEWS.iter().map(|(group, ..)| (*group, "v1"));
    let served = RESOURCES.iter().flat_map(Resource::served).chain(reviews).chain([("metrics.k8s.io", "v1beta1")]);
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (group, version) in served.filter(|(group, _)| !group.is_empty()) {
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, versions)) if versions.contains(&version) => {}
            Some((_, versions)) => versions.push(version),
            None => groups.push((group, vec![version])),
        }
    }
    groups.sort_by_key(|(group, _)| *group);
    groups
}

fn group(name: &str, versions: &[&str]) -> Value {
    let shown = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    json!({
        "name": name,
        "versions": versions.iter().map(shown).collect::<Vec<_>>(),
        "preferredVersion": versions.first().map(shown),
    })
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let mut list = Vec::new();
    for resource in RESOURCES.iter().filter(|r| r.served().any(|served| served == (group, version))) {
        list.push(listed(resource));
        for sub in resource.sub {
            list.push(subresource(resource, sub));
        }
    }
    for (_, plural, kind) in REVIEWS.iter().filter(|r| r.0 == group && version == "v1") {
        let singular = kind.to_ascii_lowercase();
        list.push(json!({"name": plural, "singularName": singular, "namespaced": false, "kind": kind, "verbs": ["create"]}));
    }
    let name = api_version(group, version);
    if name == super::usage::GROUP {
        list.push(
            json!({"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]}),
        );
    }
    (!list.is_empty()).then(|| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": list}))
}

fn listed(resource: &Resource) -> Value {
    let mut listed = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.name,
        "verbs": VERBS,
        "shortNames": resource.short,
    });
    if resource.all {
        listed["categories"] = json!(["all"]);
    }
    listed
}

fn subresource(resource: &Resource, sub: &str) -> Value {
    let mut listed = json!({
        "name": format!("{}/{sub}", resource.plural),
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": if sub == "scale" { "Scale" } else { resource.name },
        "verbs": if sub == "log" { json!(["get"]) } else { json!(["get", "patch", "update"]) },
    });
    if sub == "scale" {
        listed["group"] = "autoscaling".into();
        listed["version"] = "v1".into();
    }
    listed
}
