//! Events of the namespace, warnings first, the same told once with its count.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::api::{Api, number, shown, text, time};
use super::pods::failure::{Failure, Kind};
use super::poll::{Answer, Ask};
use crate::live::Change;
use crate::live::table::{Cell, Level, Note, Row, Table};

/// Events shown.
const MOST: usize = 200;
/// Names of objects remembered: events outlive the pods they are of.
const NAMES: usize = 10_000;
/// What a selector is looked up in.
const KINDS: [(&str, &str); 5] = [
    ("/api/v1", "pods"),
    ("/apis/apps/v1", "replicasets"),
    ("/apis/apps/v1", "deployments"),
    ("/apis/apps/v1", "statefulsets"),
    ("/apis/apps/v1", "daemonsets"),
];

/// The events, asked for again and again.
pub(super) struct Events {
    pub(super) api: Api,
    /// Only of these objects.
    pub(super) selector: Option<String>,
    /// Names of objects the selector has matched so far.
    pub(super) names: BTreeSet<String>,
}

/// Events that say the same.
struct Told {
    count: i64,
    last: Option<DateTime<Utc>>,
}

impl Ask for Events {
    async fn ask(&mut self, _now: DateTime<Utc>) -> Result<Answer, Failure> {
        let mut missing = None;
        if let Some(selector) = &self.selector {
            for (group, kind) in KINDS {
                match self.api.list(group, kind, selector).await {
                    Ok(found) => {
                        let items = found.map(|(items, _)| items).unwrap_or_default();
                        self.names.extend(items.iter().map(|item| text(item, "/metadata/name").to_owned()));
                    }
                    Err(failure) if failure.kind == Kind::Denied && kind != "pods" => {
                        missing = Some(format!("events of {kind} are left out: {}", failure.why));
                    }
                    Err(failure) => return Err(failure),
                }
            }
            while self.names.len() > NAMES {
                self.names.pop_first();
            }
        }
        let (items, whole) = self.api.list("/api/v1", "events", "").await?.unwrap_or_default();
        if !whole {
            missing = Some(format!("there are more than {} events; the rest is not shown", items.len()));
        }
        let named = |event: &&Value| self.selector.is_none() || self.names.contains(text(event, "/involvedObject/name"));
        let table = table(self.selector.clone().unwrap_or_default(), items.iter().filter(named));
        let detail = table.rows.iter().take_while(|row| row.level == Level::Warn).take(20).map(line).collect();
        Ok(Answer { changes: vec![Change::Table(Box::new(table))], degraded: missing, detail, ..Answer::default() })
    }
}

fn table<'a>(about: String, events: impl Iterator<Item = &'a Value>) -> Table {
    let mut told: BTreeMap<(bool, String, String, String), Told> = BTreeMap::new();
    for event in events {
        let object = format!("{}/{}", text(event, "/involvedObject/kind"), text(event, "/involvedObject/name"));
        let key =
            (text(event, "/type") == "Warning", shown(text(event, "/reason")), shown(&object), shown(text(event, "/message")));
        let last = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
        let last = last.into_iter().find_map(|pointer| time(event, pointer));
        let count = number(event, "/series/count").max(number(event, "/count")).max(1);
        let entry = told.entry(key).or_insert(Told { count: 0, last: None });
        entry.count += count;
        entry.last = entry.last.max(last);
    }
    let mut told: Vec<_> = told.into_iter().collect();
    told.sort_by_key(|((warning, ..), told)| std::cmp::Reverse((*warning, told.last)));
    let warnings: i64 = told.iter().filter(|((warning, ..), _)| *warning).map(|(_, told)| told.count).sum();
    let all: i64 = told.iter().map(|(_, told)| told.count).sum();
    let summary = match (warnings, all) {
        (0, 0) => Note::new("none", Level::Quiet),
        (0, all) => Note::new(format!("{all}, no warnings"), Level::Good),
        (1, _) => Note::new("1 warning", Level::Warn),
        (many, _) => Note::new(format!("{many} warnings"), Level::Warn),
    };
    let rows = told.into_iter().take(MOST).map(|((warning, reason, object, message), told)| Row {
        cells: vec![
            Cell::Age(told.last),
            Cell::Text(if told.count > 1 { format!("×{}", told.count) } else { String::new() }),
            Cell::Text(reason),
            Cell::Text(object),
            Cell::Text(message),
        ],
        level: if warning { Level::Warn } else { Level::Quiet },
    });
    let rows = rows.collect();
    Table { about, summary, notes: Vec::new(), heads: vec!["LAST", "N", "REASON", "OBJECT", "MESSAGE"], rows, empty: "no events" }
}

fn line(row: &Row) -> String {
    let words = row.cells.iter().filter_map(|cell| match cell {
        Cell::Text(text) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
