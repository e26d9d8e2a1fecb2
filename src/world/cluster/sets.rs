//! The ReplicaSets of a Deployment: which is the new one, how many pods they have.

use serde_json::Value;

use super::{Cluster, Key};
use crate::world::json::{Object, annotation, number, text, unset};

/// The annotation that carries a revision.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// The annotation that carries a ReplicaSet's earlier revisions.
pub(super) const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// The annotation that carries the Deployment's size when the ReplicaSet was scaled.
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
/// The annotation that carries the Deployment's largest size.
pub(super) const LARGEST: &str = "deployment.kubernetes.io/max-replicas";
/// The label that tells the pods of one template from those of another.
pub(super) const HASH: &str = "pod-template-hash";

/// The ReplicaSets a Deployment controls, as they were read at the beginning of a sync.
#[derive(Debug)]
pub(super) struct Sets {
    /// The one whose template is the Deployment's.
    pub(super) new: Option<(Key, Object)>,
    /// The others, oldest first.
    pub(super) old: Vec<(Key, Object)>,
}

impl Sets {
    /// Reads them.
    pub(super) fn of(cluster: &Cluster, key: &Key, deployment: &Value) -> Self {
        let mut old = cluster.controlled_by(key, text(deployment, "/metadata/uid"));
        old.sort_by(|(a, x), (b, y)| {
            let created = |object| text(object, "/metadata/creationTimestamp").to_owned();
            created(x).cmp(&created(y)).then_with(|| revision(x).cmp(&revision(y))).then_with(|| a.cmp(b))
        });
        let template = deployment.pointer("/spec/template");
        let new = old.iter().position(|(_, set)| {
            let same = set.pointer("/spec/template").map(without_hash);
            same.as_ref() == template
        });
        let new = new.map(|at| old.remove(at));
        Self { new, old }
    }

    /// All of them, the new one last.
    pub(super) fn all(&self) -> impl Iterator<Item = &(Key, Object)> {
        self.old.iter().chain(self.new.as_ref())
    }

    /// Those that want pods.
    pub(super) fn active(&self) -> impl Iterator<Item = &(Key, Object)> {
        self.all().filter(|(_, set)| wanted(set) > 0)
    }

    /// The sum of a number over all of them.
    pub(super) fn sum(&self, of: impl Fn(&Value) -> i64) -> i64 {
        self.all().map(|(_, set)| of(set)).sum()
    }
}

/// A template without the label that tells it from others.
pub(super) fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    unset(&mut template, &["metadata", "labels", HASH]);
    template
}

/// The revision an object carries; zero where it has none.
pub(super) fn revision(object: &Value) -> i64 {
    annotation(object, REVISION).parse().unwrap_or(0)
}

/// How many pods an object wants. One where it does not say, as the API defaults it.
pub(super) fn wanted(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

/// How many pods an object's status counts.
pub(super) fn actual(object: &Value) -> i64 {
    number(object, "/status/replicas")
}

/// How many of them are available.
pub(super) fn available(object: &Value) -> i64 {
    number(object, "/status/availableReplicas")
}

/// How many pods a rolling update may have above and below the wanted number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slack {
    /// Above.
    pub(super) surge: i64,
    /// Below.
    pub(super) unavailable: i64,
}

impl Slack {
    /// Of a Deployment. Percentages above are rounded up and below are rounded down; both
    /// zero would never move, so that one may be missing then.
    pub(super) fn of(deployment: &Value) -> Self {
        let replicas = wanted(deployment);
        let resolve = |name: &str, up: bool| {
            let value = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{name}"));
            match value {
                Some(Value::String(percent)) => {
                    let percent: i64 = percent.trim_end_matches('%').parse().unwrap_or(25);
                    (replicas * percent + if up { 99 } else { 0 }) / 100
                }
                Some(count) => count.as_i64().unwrap_or(0),
                None => 0,
            }
        };
        let (surge, unavailable) = (resolve("maxSurge", true), resolve("maxUnavailable", false));
        let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
        Self { surge, unavailable: unavailable.min(replicas) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn slack_is_rounded_as_the_controller_does() {
        for (replicas, surge, unavailable, expected) in [
            (4, json!("25%"), json!("25%"), (1, 1)),
            (6, json!("25%"), json!("25%"), (2, 1)),
            (1, json!("25%"), json!("25%"), (1, 0)),
            (10, json!(3), json!(0), (3, 0)),
            (3, json!(0), json!("10%"), (0, 1)),
        ] {
            let deployment =
                json!({"spec": {"replicas": replicas, "strategy": {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}});
            let slack = Slack::of(&deployment);
            assert_eq!((slack.surge, slack.unavailable), expected, "{deployment}");
        }
    }
}
