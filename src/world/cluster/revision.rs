//! The history of StatefulSets and DaemonSets: a ControllerRevision for each template.

use serde_json::{Value, json};

use super::deployment::template_hash;
use super::kubelet::owned_by;
use super::{Cluster, Key, Kind};
use crate::world::json::{Object, label, list, number, set, text, unset};

/// The label that says of which revision a pod is.
pub(super) const REVISION: &str = "controller-revision-hash";

impl Cluster {
    /// The revision of a workload's template, made where it is new; a template that comes
    /// back takes the next number.
    pub(super) fn update_revision(&mut self, key: &Key, object: &Object) -> Object {
        let mut template = object.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = template_hash(&template);
        set(&mut template, &["$patch"], "replace");
        let data = json!({"spec": {"template": template}});
        let known = self.revisions(key, object);
        let next = known.iter().map(|(_, one)| number(one, "/revision")).max().unwrap_or(0) + 1;
        if let Some((name, same)) = known.iter().rev().find(|(_, one)| one.get("data") == Some(&data)) {
            if number(same, "/revision") + 1 == next {
                return same.clone();
            }
            let mut again = Value::clone(same);
            set(&mut again, &["revision"], next);
            return self.write(name, again);
        }
        let name = Key::new(Kind::ControllerRevision, &key.namespace, &format!("{}-{hash}", key.name));
        let mut labels = object.pointer("/spec/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
        set(&mut labels, &["controller.kubernetes.io/hash"], hash);
        let mut annotations = object.pointer("/metadata/annotations").cloned().unwrap_or_else(|| json!({}));
        unset(&mut annotations, &["kubectl.kubernetes.io/last-applied-configuration"]);
        let new = json!({
            "kind": "ControllerRevision",
            "apiVersion": "apps/v1",
            "metadata": {
                "name": name.name, "namespace": key.namespace, "uid": self.uid(), "creationTimestamp": self.timestamp(),
                "labels": labels, "annotations": annotations, "ownerReferences": owned_by(key, object),
            },
            "data": data,
            "revision": next,
        });
        self.write(&name, new)
    }

    /// The revisions of a workload, oldest first.
    pub(super) fn revisions(&self, key: &Key, object: &Value) -> Vec<(Key, Object)> {
        let owned = self.controlled_by(key, text(object, "/metadata/uid"));
        let mut revisions: Vec<_> = owned.into_iter().filter(|(key, _)| key.kind == Kind::ControllerRevision).collect();
        revisions.sort_by_key(|(key, one)| (number(one, "/revision"), key.name.clone()));
        revisions
    }

    /// Drops revisions that no pod is of, beyond the history that is kept.
    pub(super) fn forget_revisions(&mut self, key: &Key, object: &Value, used: &[&str]) {
        let kept = object.pointer("/spec/revisionHistoryLimit").and_then(Value::as_u64).unwrap_or(10);
        let unused: Vec<Key> = self
            .revisions(key, object)
            .into_iter()
            .map(|(key, _)| key)
            .filter(|key| !used.contains(&key.name.as_str()))
            .collect();
        let surplus = unused.len().saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
        for old in unused.into_iter().take(surplus) {
            self.remove(&old);
        }
    }

    /// The pods of a workload.
    pub(super) fn pods_of(&self, key: &Key, object: &Value) -> Vec<(Key, Object)> {
        let owned = self.controlled_by(key, text(object, "/metadata/uid"));
        owned.into_iter().filter(|(key, _)| key.kind == Kind::Pod).collect()
    }
}

/// The template a revision keeps, with the label that names the revision.
pub(super) fn template_of(revision: &Value, name: &str) -> Value {
    let mut template = revision.pointer("/data/spec/template").cloned().unwrap_or_default();
    unset(&mut template, &["$patch"]);
    set(&mut template, &["metadata", "labels", REVISION], name);
    template
}

/// The revision of a pod.
pub(super) fn revision_of(pod: &Value) -> &str {
    label(pod, REVISION).unwrap_or_default()
}

/// Whether a pod is over, for good or ill.
pub(super) fn over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// How often the containers of a pod were started again.
pub(super) fn restarts(pod: &Value) -> i64 {
    list(pod, "/status/containerStatuses").iter().map(|status| number(status, "/restartCount")).sum()
}
