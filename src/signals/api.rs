//! Reading from the Kubernetes API for the signals that ask again and again.
//!
//! Every request ends in bounded time, lists are read in pages up to a bound, and what
//! is not the JSON that was asked for is a failure, never an empty answer.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use super::KubeTarget;
use super::pods::failure::{self, Failure, Kind};
use super::text::one_line;

/// Objects a page, and pages.
const PAGE: usize = 500;
const PAGES: usize = 10;

/// The API as one signal sees it.
#[derive(Clone)]
pub(super) struct Api {
    kube: KubeTarget,
    answer: Duration,
}

impl Api {
    pub(super) fn new(kube: KubeTarget, answer: Duration) -> Self {
        Self { kube, answer }
    }

    /// The namespace everything is in.
    pub(super) fn namespace(&self) -> &str {
        &self.kube.namespace
    }

    /// A text, by its path after the namespace and its query; `None` where there is none
    /// (404).
    pub(super) async fn text(&self, group: &str, path: &str, query: &[(&str, &str)]) -> Result<Option<String>, Failure> {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let uri = format!("{group}/namespaces/{}/{path}?{query}", self.kube.namespace);
        let request = http::Request::get(uri).body(Vec::new()).map_err(|e| Failure::garbled(e.to_string()))?;
        match timeout(self.answer, self.kube.client.request_text(request)).await {
            Err(_) => Err(Failure::unanswered(self.answer)),
            Ok(Ok(text)) => Ok(Some(text)),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(None),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(Failure {
                why: format!(
                    "not permitted (403): {}; ask for `get` and `list` on {} in namespace `{}`",
                    one_line(&status.message),
                    path.split('/').next().unwrap_or(path),
                    self.kube.namespace
                ),
                kind: Kind::Denied,
            }),
            Ok(Err(error)) => Err(failure::of(&error, &self.kube.namespace)),
        }
    }

    /// One object; `None` where there is none.
    pub(super) async fn get(&self, group: &str, path: &str) -> Result<Option<Value>, Failure> {
        self.text(group, path, &[]).await?.map(|text| json(&text)).transpose()
    }

    /// All objects of a selector, and whether that is all; `None` where the API has no
    /// such objects.
    pub(super) async fn list(&self, group: &str, path: &str, selector: &str) -> Result<Option<(Vec<Value>, bool)>, Failure> {
        let (limit, mut token) = (PAGE.to_string(), String::new());
        let mut items = Vec::new();
        for _ in 0..PAGES {
            let mut query = vec![("limit", limit.as_str())];
            if !selector.is_empty() {
                query.push(("labelSelector", selector));
            }
            if !token.is_empty() {
                query.push(("continue", token.as_str()));
            }
            let Some(page) = self.text(group, path, &query).await? else { return Ok(None) };
            let mut page = json(&page)?;
            let found = page.get_mut("items").map(Value::take);
            match found {
                Some(Value::Array(found)) => items.extend(found),
                Some(Value::Null) => {}
                _ => return Err(not_asked_for()),
            }
            token = page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().to_owned();
            if token.is_empty() {
                return Ok(Some((items, true)));
            }
        }
        Ok(Some((items, false)))
    }
}

fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).ok().filter(Value::is_object).ok_or_else(not_asked_for)
}

fn not_asked_for() -> Failure {
    Failure::garbled("the API server sends what was not asked for; check the address, or the proxy in front of it")
}

/// A text in an object; empty where there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A number in an object; 0 where there is none, as the API leaves zeros out.
pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// A list in an object; empty where there is none.
pub(super) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A time in an object.
pub(super) fn time(object: &Value, pointer: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    text(object, pointer).parse().ok()
}

/// A text from outside on one line, without anything a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    one_line(&crate::redact::strip_controls(text, crate::redact::Keep::NOTHING))
}
