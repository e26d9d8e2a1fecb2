//! Lists: all at once or in pages of one state, as objects or as rows for people.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::convert::outgoing;
use super::status::Refusal;
use super::table::{self, Shape};
use super::{Answer, Query, Target, parameter, selector};
use crate::world::answer;
use crate::world::cluster::Key;
use crate::world::core::Core;
use crate::world::json::{Object, set};

/// Answers a list.
pub(super) fn list(core: &Core, target: &Target, query: &Query, headers: &HeaderMap) -> Answer {
    let selector = selector(query)?;
    let store = &core.cluster.store;
    let limit = parameter(query, "limit").parse().ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let (revision, after) = state(core, query)?;
    let earlier: BTreeMap<Key, Object>;
    // Nearly always it is the state of now, which need not be put together.
    let there: Box<dyn Iterator<Item = (&Key, &Object)>> = if revision == store.revision() {
        Box::new(store.list(target.resource.kind, target.in_namespace()))
    } else {
        earlier = store.list_at(revision, target.resource.kind, target.in_namespace());
        Box::new(earlier.iter())
    };
    let mut found = there.filter(|(key, object)| {
        let later = after.as_ref().is_none_or(|(namespace, name)| (&key.namespace, &key.name) > (namespace, name));
        later && selector.matches(object)
    });
    let page: Vec<(&Key, &Object)> = found.by_ref().take(limit).collect();
    let rest = found.count();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let (Some((last, _)), true) = (page.last(), rest > 0) {
        set(&mut metadata, &["continue"], format!("{revision}/{}/{}", last.namespace, last.name));
        set(&mut metadata, &["remainingItemCount"], rest);
    }
    let version = target.version();
    let shown: Vec<_> = page.iter().map(|(_, object)| outgoing(target.resource, object, &version)).collect();
    let items: Vec<&Value> = shown.iter().map(AsRef::as_ref).collect();
    match Shape::asked(headers) {
        Shape::Table => {
            let rows = page.iter().map(|(_, object)| object.as_ref());
            Ok(answer::json(200, &table::table(core, target, query, rows, &metadata)))
        }
        Shape::Metadata => {
            let items: Vec<Value> = items.iter().map(|object| table::partial(object)).collect();
            let list = json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items});
            Ok(answer::json(200, &list))
        }
        Shape::Object => {
            let kind = format!("{}List", target.resource.name);
            Ok(answer::json(200, &json!({"kind": kind, "apiVersion": version, "metadata": metadata, "items": items})))
        }
    }
}

/// The state a list shows, and after which object it goes on. The pages of a list are all
/// of the state of its first.
fn state(core: &Core, query: &Query) -> Result<(u64, Option<(String, String)>), Refusal> {
    let (now, oldest) = (core.cluster.store.revision(), core.cluster.store.oldest());
    let token = parameter(query, "continue");
    if !token.is_empty() {
        let mut parts = token.splitn(3, '/');
        let revision = parts.next().and_then(|text| text.parse::<u64>().ok());
        let (Some(revision), Some(namespace), Some(name)) = (revision, parts.next(), parts.next()) else {
            return Err(Refusal::new(400, "BadRequest", "continue key is not valid: it was not given by this server"));
        };
        if revision < oldest {
            return Err(Refusal::new(
                410,
                "Expired",
                "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
            ));
        }
        return Ok((revision, Some((namespace.to_owned(), name.to_owned()))));
    }
    let asked = parameter(query, "resourceVersion");
    if asked.is_empty() || asked == "0" {
        return Ok((now, None));
    }
    let wrong = || Refusal::new(400, "BadRequest", format!("invalid resource version: \"{asked}\""));
    let asked: u64 = asked.parse().map_err(|_| wrong())?;
    if asked > now {
        return Err(Refusal::new(504, "Timeout", format!("Too large resource version: {asked}, current: {now}")));
    }
    match parameter(query, "resourceVersionMatch") {
        "Exact" if asked < oldest => Err(Refusal::expired(asked, oldest)),
        "Exact" => Ok((asked, None)),
        _ => Ok((now, None)),
    }
}
