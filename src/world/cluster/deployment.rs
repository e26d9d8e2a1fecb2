//! The deployment controller: one ReplicaSet a template, scaled against each other.

use serde_json::{Value, json};

use super::sets::{DESIRED, HASH, HISTORY, LARGEST, REVISION, Sets, Slack, actual, available, revision, wanted};
use super::{Cluster, Key, Kind};
use crate::world::json::{Object, annotation, condition, number, set, text, unset};

const NAME: &str = "deployment-controller";

/// Annotations of a Deployment that its ReplicaSets do not take over.
const NOT_COPIED: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    LARGEST,
    "deprecated.deployment.rollback.to",
];

impl Cluster {
    /// One sync of a Deployment.
    pub(super) fn sync_deployment(&mut self, key: &Key) {
        let Some(deployment) = self.store.get(key).cloned() else { return };
        if self.note_pause(key, &deployment) {
            return;
        }
        let sets = Sets::of(self, key, &deployment);
        let paused = deployment.pointer("/spec/paused") == Some(&Value::Bool(true));
        let size = wanted(&deployment).to_string();
        let resized = sets.active().any(|(_, set)| annotation(set, DESIRED) != size);
        if paused || resized {
            self.resize(&deployment, &sets);
            self.sync_status(key, &deployment, &sets);
        } else if text(&deployment, "/spec/strategy/type") == "Recreate" {
            self.recreate(key, &deployment, sets);
        } else {
            self.roll(key, &deployment, sets);
        }
    }

    /// Moves pods from the old ReplicaSets to the new one, within the slack.
    fn roll(&mut self, key: &Key, deployment: &Object, mut sets: Sets) {
        let written = self.sync_revision(key, deployment, &mut sets);
        if !self.scale_up(deployment, &sets) && !self.scale_down(deployment, &sets) && super::progress::complete(deployment) {
            self.forget_old(deployment, &sets);
        }
        // The copy of the Deployment in hand is stale once it was written in this sync: the
        // real controller's status update conflicts then, and is done in the next sync.
        if !written {
            self.sync_status(key, deployment, &sets);
        }
    }

    /// Takes all old pods away before the first new one is made.
    fn recreate(&mut self, key: &Key, deployment: &Object, mut sets: Sets) {
        let old: Vec<_> = sets.old.iter().filter(|(_, set)| wanted(set) > 0).cloned().collect();
        let running = sets.old.iter().any(|(_, set)| actual(set) + number(set, "/status/terminatingReplicas") > 0);
        let mut written = false;
        if !old.is_empty() {
            old.iter().for_each(|(set, _)| self.scale_set(set, deployment, 0));
        } else if !running {
            written = self.sync_revision(key, deployment, &mut sets);
            if let Some((set, _)) = &sets.new {
                self.scale_set(set, deployment, wanted(deployment));
            }
        }
        if !written {
            self.sync_status(key, deployment, &sets);
        }
    }

    /// Sees to it that the new ReplicaSet exists and that it and the Deployment carry its
    /// revision. Says whether the Deployment was written.
    fn sync_revision(&mut self, key: &Key, deployment: &Object, sets: &mut Sets) -> bool {
        let next = sets.old.iter().map(|(_, set)| revision(set)).max().unwrap_or(0) + 1;
        let (reason, new) = match &sets.new {
            Some((set, object)) => ("FoundNewReplicaSet", self.adopt(set.clone(), object, deployment, next)),
            None => ("NewReplicaSetCreated", self.create_set(key, deployment, sets, next)),
        };
        let created = sets.new.is_none();
        let number = revision(&new.1).to_string();
        let mut changed = Value::clone(deployment);
        let known = annotation(&changed, REVISION) == number;
        set(&mut changed, &["metadata", "annotations", REVISION], number);
        let message = match created {
            true => format!("Created new replica set \"{}\"", new.0.name),
            false => format!("Found new replica set \"{}\"", new.0.name),
        };
        sets.new = Some(new);
        if created || condition(deployment, "Progressing").is_none() {
            self.set_condition(&mut changed, "Progressing", "True", reason, &message);
        } else if known {
            return false;
        }
        self.write(key, changed);
        true
    }

    /// Makes a ReplicaSet that exists the new one: it takes the next revision and keeps
    /// its earlier one as history.
    fn adopt(&mut self, key: Key, object: &Object, deployment: &Value, next: i64) -> (Key, Object) {
        let mut new = Value::clone(object);
        copy_annotations(deployment, &mut new);
        let now = revision(&new);
        if now < next {
            if now > 0 {
                let history = annotation(&new, HISTORY);
                let history = if history.is_empty() { now.to_string() } else { format!("{history},{now}") };
                set(&mut new, &["metadata", "annotations", HISTORY], history);
            }
            set(&mut new, &["metadata", "annotations", REVISION], next.to_string());
        }
        let new = self.write(&key, new);
        (key, new)
    }

    fn create_set(&mut self, key: &Key, deployment: &Object, sets: &Sets, revision: i64) -> (Key, Object) {
        let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = template_hash(&template);
        let name = format!("{}-{hash}", key.name);
        let slack = Slack::of(deployment);
        let total = sets.sum(wanted);
        let size = match text(deployment, "/spec/strategy/type") {
            "Recreate" => wanted(deployment),
            _ => (wanted(deployment) + slack.surge - total).clamp(0, wanted(deployment)),
        };
        let mut new = json!({
            "kind": "ReplicaSet",
            "apiVersion": "apps/v1",
            "metadata": {
                "name": name,
                "namespace": key.namespace,
                "uid": self.uid(),
                "generation": 1,
                "creationTimestamp": self.timestamp(),
                "labels": template.pointer("/metadata/labels").cloned().unwrap_or_else(|| json!({})),
                "annotations": {},
                "ownerReferences": [{
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "name": key.name,
                    "uid": text(deployment, "/metadata/uid"),
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "replicas": size,
                "selector": deployment.pointer("/spec/selector").cloned().unwrap_or_default(),
                "template": template,
            },
            "status": {"replicas": 0},
        });
        copy_annotations(deployment, &mut new);
        set(&mut new, &["metadata", "annotations", DESIRED], wanted(deployment).to_string());
        set(&mut new, &["metadata", "annotations", LARGEST], (wanted(deployment) + slack.surge).to_string());
        set(&mut new, &["metadata", "annotations", REVISION], revision.to_string());
        for path in
            [&["metadata", "labels"][..], &["spec", "selector", "matchLabels"], &["spec", "template", "metadata", "labels"]]
        {
            let path: Vec<&str> = path.iter().copied().chain([HASH]).collect();
            set(&mut new, &path, hash.clone());
        }
        let set_key = Key::new(Kind::ReplicaSet, &key.namespace, &name);
        let new = self.write(&set_key, new);
        if size > 0 {
            self.note(key, NAME, "ScalingReplicaSet", &format!("Scaled up replica set {name} from 0 to {size}"));
        }
        (set_key, new)
    }

    /// Brings the new ReplicaSet nearer to the wanted size. Says whether it was scaled.
    fn scale_up(&mut self, deployment: &Object, sets: &Sets) -> bool {
        let Some((key, new)) = &sets.new else { return false };
        let (size, goal) = (wanted(new), wanted(deployment));
        let room = goal + Slack::of(deployment).surge - sets.sum(wanted);
        let next = if size > goal { goal } else { (size + room.max(0)).min(goal) };
        if next == size {
            return false;
        }
        self.scale_set(key, deployment, next);
        true
    }

    /// Takes pods from the old ReplicaSets: first those that do not work, then as many as
    /// the slack allows. Says whether anything was scaled.
    fn scale_down(&mut self, deployment: &Object, sets: &Sets) -> bool {
        let old: i64 = sets.old.iter().map(|(_, set)| wanted(set)).sum();
        if old == 0 {
            return false;
        }
        let fewest = wanted(deployment) - Slack::of(deployment).unavailable;
        let missing = sets.new.as_ref().map_or(0, |(_, new)| wanted(new) - available(new));
        let spare = sets.sum(wanted) - fewest - missing;
        if spare <= 0 {
            return false;
        }
        let mut sizes: Vec<i64> = sets.old.iter().map(|(_, set)| wanted(set)).collect();
        let mut left = spare;
        for (size, (_, set)) in sizes.iter_mut().zip(&sets.old) {
            let sick = (*size - available(set)).clamp(0, left.max(0));
            *size -= sick;
            left -= sick;
        }
        let mut surplus = sets.sum(available) - fewest;
        for size in &mut sizes {
            let fewer = (*size).min(surplus.max(0));
            *size -= fewer;
            surplus -= fewer;
        }
        let mut scaled = false;
        for (size, (key, set)) in sizes.into_iter().zip(&sets.old) {
            if size != wanted(set) {
                self.scale_set(key, deployment, size);
                scaled = true;
            }
        }
        scaled
    }

    /// Follows a change of the Deployment's size, or of a paused one. With several
    /// ReplicaSets in the middle of a rollout the real controller shares the difference
    /// in proportion; here the largest takes it.
    fn resize(&mut self, deployment: &Object, sets: &Sets) {
        let goal = wanted(deployment);
        let active: Vec<_> = sets.active().cloned().collect();
        match active.as_slice() {
            [] => {
                let latest = sets.new.clone().or_else(|| sets.old.last().cloned());
                if let Some((key, _)) = latest.filter(|_| goal > 0) {
                    self.scale_set(&key, deployment, goal);
                }
            }
            [(key, _)] => self.scale_set(key, deployment, goal),
            several => {
                let surge = if goal > 0 { Slack::of(deployment).surge } else { 0 };
                let difference = goal + surge - several.iter().map(|(_, set)| wanted(set)).sum::<i64>();
                let largest = several.iter().max_by_key(|(_, set)| wanted(set)).map(|(key, _)| key.clone());
                for (key, set) in several {
                    let share = if Some(key) == largest.as_ref() { difference } else { 0 };
                    self.scale_set(key, deployment, (wanted(set) + share).max(0));
                }
            }
        }
    }

    /// Scales a ReplicaSet and remembers in it for which size of the Deployment.
    fn scale_set(&mut self, key: &Key, deployment: &Value, size: i64) {
        let Some(current) = self.store.get(key).cloned() else { return };
        let before = wanted(&current);
        let mut scaled = Value::clone(&current);
        set(&mut scaled, &["metadata", "annotations", DESIRED], wanted(deployment).to_string());
        set(&mut scaled, &["metadata", "annotations", LARGEST], (wanted(deployment) + Slack::of(deployment).surge).to_string());
        if before != size {
            set(&mut scaled, &["spec", "replicas"], size);
            set(&mut scaled, &["metadata", "generation"], number(&current, "/metadata/generation") + 1);
        }
        self.write(key, scaled);
        if before != size {
            let direction = if size > before { "up" } else { "down" };
            let owner = Key::new(Kind::Deployment, &key.namespace, text(deployment, "/metadata/name"));
            let message = format!("Scaled {direction} replica set {} from {before} to {size}", key.name);
            self.note(&owner, NAME, "ScalingReplicaSet", &message);
        }
    }

    /// Drops empty ReplicaSets beyond the history that is kept.
    fn forget_old(&mut self, deployment: &Value, sets: &Sets) {
        let kept = deployment.pointer("/spec/revisionHistoryLimit").and_then(Value::as_u64).unwrap_or(10);
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        let mut empty: Vec<_> = sets.old.iter().filter(|(_, set)| wanted(set) == 0 && actual(set) == 0).collect();
        empty.sort_by_key(|(_, set)| revision(set));
        let surplus = sets.old.len().saturating_sub(kept);
        let gone: Vec<Key> = empty.into_iter().take(surplus).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.remove(&key);
        }
    }

    /// Writes down that a Deployment was paused or resumed. Says whether it wrote.
    fn note_pause(&mut self, key: &Key, deployment: &Object) -> bool {
        let paused = deployment.pointer("/spec/paused") == Some(&Value::Bool(true));
        let reason = condition(deployment, "Progressing").map_or("", |c| text(c, "/reason"));
        let (reason, message) = match (paused, reason) {
            (_, "ProgressDeadlineExceeded") => return false,
            (true, reason) if reason != "DeploymentPaused" => ("DeploymentPaused", "Deployment is paused"),
            (false, "DeploymentPaused") => ("DeploymentResumed", "Deployment is resumed"),
            _ => return false,
        };
        let mut changed = Value::clone(deployment);
        self.set_condition(&mut changed, "Progressing", "Unknown", reason, message);
        self.write(key, changed);
        true
    }
}

fn copy_annotations(deployment: &Value, set_: &mut Value) {
    let Some(annotations) = deployment.pointer("/metadata/annotations").and_then(Value::as_object) else { return };
    for (name, value) in annotations.iter().filter(|(name, _)| !NOT_COPIED.contains(&name.as_str())) {
        set(set_, &["metadata", "annotations", name], value.clone());
    }
}

/// The hash of a template in the form the controller gives it: FNV-1a over the template,
/// its digits written with letters that make no words.
pub(super) fn template_hash(template: &Value) -> String {
    let mut template = template.clone();
    unset(&mut template, &["metadata", "creationTimestamp"]);
    let hash =
        template.to_string().bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_string().bytes().map(safe_letter).collect()
}

/// A letter or digit that makes no words, as generated names use them.
pub(super) fn safe_letter(byte: u8) -> char {
    const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    SAFE.get(usize::from(byte) % SAFE.len()).map_or('x', |letter| char::from(*letter))
}
