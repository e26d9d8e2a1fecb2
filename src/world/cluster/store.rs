//! The objects of the cluster and the log of their changes, as etcd and the watch cache
//! keep them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;

use super::resource::Kind;
use crate::world::json::{Object, set, text};

/// What names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Kind.
    pub(crate) kind: Kind,
    /// Namespace; empty for what lives in none.
    pub(crate) namespace: String,
    /// Name.
    pub(crate) name: String,
}

impl Key {
    /// Puts a key together.
    pub(crate) fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// A change of an object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The resource version it has.
    pub(crate) revision: u64,
    /// The object.
    pub(crate) key: Key,
    /// The object before; nothing where it was created.
    pub(crate) before: Option<Object>,
    /// The object after; its last state where it was deleted.
    pub(crate) after: Object,
    /// It is gone.
    pub(crate) deleted: bool,
}

/// So many changes are kept; a watch that asks for older ones is told so.
const KEPT: usize = 20_000;
/// The revision of an empty cluster; real ones do not begin at one either.
const FIRST: u64 = 1_000;

/// The objects and the log of their changes.
#[derive(Debug)]
pub(crate) struct Store {
    objects: BTreeMap<Key, Object>,
    log: VecDeque<Change>,
    revision: u64,
    oldest: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), log: VecDeque::new(), revision: FIRST, oldest: FIRST }
    }
}

impl Store {
    /// The revision of the last change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The oldest revision a watch can begin at.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// An object.
    pub(crate) fn get(&self, key: &Key) -> Option<&Object> {
        self.objects.get(key)
    }

    /// The objects of a kind, of a namespace or of all, by namespace and name.
    pub(crate) fn list(&self, kind: Kind, namespace: Option<&str>) -> impl Iterator<Item = (&Key, &Object)> {
        let first = Key::new(kind, namespace.unwrap_or_default(), "");
        let namespace = namespace.map(str::to_owned);
        self.objects
            .range((Bound::Included(first), Bound::Unbounded))
            .take_while(move |(key, _)| key.kind == kind && namespace.as_ref().is_none_or(|n| *n == key.namespace))
    }

    /// The objects of a kind as they were at a revision that is still in the log, by
    /// namespace and name.
    pub(crate) fn list_at(&self, revision: u64, kind: Kind, namespace: Option<&str>) -> BTreeMap<Key, Object> {
        let mut found: BTreeMap<Key, Object> =
            self.list(kind, namespace).map(|(key, object)| (key.clone(), object.clone())).collect();
        let covered = |key: &Key| key.kind == kind && namespace.is_none_or(|n| key.namespace == n);
        let later: Vec<&Change> = self.since(revision).filter(|change| covered(&change.key)).collect();
        for change in later.into_iter().rev() {
            match &change.before {
                Some(before) => drop(found.insert(change.key.clone(), before.clone())),
                None => drop(found.remove(&change.key)),
            }
        }
        found
    }

    /// Writes an object, unless it is what is there already, and gives it a new
    /// resource version.
    pub(crate) fn put(&mut self, key: &Key, mut object: Value) -> Object {
        let before = self.objects.get(key).cloned();
        if let Some(before) = &before {
            set(&mut object, &["metadata", "resourceVersion"], text(before, "/metadata/resourceVersion"));
            if **before == object {
                return before.clone();
            }
        }
        let revision = self.next();
        set(&mut object, &["metadata", "resourceVersion"], revision.to_string());
        let after = Arc::new(object);
        self.objects.insert(key.clone(), after.clone());
        self.record(Change { revision, key: key.clone(), before, after: after.clone(), deleted: false });
        after
    }

    /// Removes an object; its last state carries the resource version of the deletion.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Object> {
        let before = self.objects.remove(key)?;
        let revision = self.next();
        let mut last = Value::clone(&before);
        set(&mut last, &["metadata", "resourceVersion"], revision.to_string());
        let after = Arc::new(last);
        self.record(Change { revision, key: key.clone(), before: Some(before), after: after.clone(), deleted: true });
        Some(after)
    }

    /// The changes after a revision, oldest first.
    pub(crate) fn since(&self, revision: u64) -> impl Iterator<Item = &Change> {
        let from = self.log.partition_point(|change| change.revision <= revision);
        self.log.range(from..)
    }

    /// Forgets the log, as compaction does: older watches have to list again.
    pub(crate) fn compact(&mut self) {
        self.log.clear();
        self.oldest = self.revision;
    }

    fn next(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    fn record(&mut self, change: Change) {
        self.log.push_back(change);
        if self.log.len() > KEPT
            && let Some(dropped) = self.log.pop_front()
        {
            self.oldest = dropped.revision;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_logged_and_nothing_is_no_change() {
        let mut store = Store::default();
        let key = Key::new(Kind::ConfigMap, "shop", "a");
        let first = store.put(&key, json!({"metadata": {"name": "a"}, "data": {"x": "1"}}));
        let again = store.put(&key, Value::clone(&first));
        assert_eq!((text(&first, "/metadata/resourceVersion"), store.revision()), ("1001", 1_001));
        assert!(Arc::ptr_eq(&first, &again));
        store.remove(&key);
        let seen: Vec<_> = store.since(FIRST).map(|c| (c.revision, c.deleted)).collect();
        assert_eq!(seen, [(1_001, false), (1_002, true)]);
        assert_eq!(store.since(1_001).count(), 1);
        store.compact();
        assert_eq!((store.oldest(), store.since(FIRST).count()), (1_002, 0));
    }

    #[test]
    fn a_list_of_an_earlier_state_is_as_it_was() {
        let mut store = Store::default();
        let key = |name| Key::new(Kind::ConfigMap, "shop", name);
        store.put(&key("a"), json!({"data": {"x": "1"}}));
        store.put(&key("b"), json!({"data": {"x": "1"}}));
        let then = store.revision();
        store.put(&key("a"), json!({"data": {"x": "2"}}));
        store.remove(&key("b"));
        store.put(&key("c"), json!({}));
        let found = store.list_at(then, Kind::ConfigMap, Some("shop"));
        let seen: Vec<_> = found.iter().map(|(key, object)| (key.name.as_str(), text(object, "/data/x"))).collect();
        assert_eq!(seen, [("a", "1"), ("b", "1")]);
    }

    #[test]
    fn lists_stay_within_kind_and_namespace() {
        let mut store = Store::default();
        for (kind, namespace, name) in
            [(Kind::Pod, "shop", "b"), (Kind::Pod, "shop", "a"), (Kind::Pod, "zoo", "c"), (Kind::Service, "shop", "d")]
        {
            store.put(&Key::new(kind, namespace, name), json!({}));
        }
        let names = |kind, namespace| store.list(kind, namespace).map(|(k, _)| k.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(Kind::Pod, Some("shop")), ["a", "b"]);
        assert_eq!(names(Kind::Pod, None), ["a", "b", "c"]);
        assert_eq!(names(Kind::Event, None), Vec::<String>::new());
    }
}
