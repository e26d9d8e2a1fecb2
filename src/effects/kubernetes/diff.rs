//! What changes, for people: one path and its value a line.

use serde_json::{Map, Value};

/// Lines of at most this many characters of value; images and commands fit.
const WIDEST: usize = 160;

/// `- path: old` and `+ path: new`, in the order of the new object. List elements that
/// have names are told apart by them.
pub(super) fn between(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    walk("", Some(before), Some(after), &mut lines);
    lines
}

/// The first few lines in one.
pub(super) fn few(lines: &[String]) -> String {
    let rest = lines.len().saturating_sub(4);
    let shown = lines.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
    if rest == 0 { shown } else { format!("{shown}, and {rest} more") }
}

fn walk(path: &str, before: Option<&Value>, after: Option<&Value>, lines: &mut Vec<String>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => members(path, a, b, lines),
        (Some(Value::Array(a)), Some(Value::Array(b))) => elements(path, a, b, lines),
        (before, after) => {
            if let Some(value) = before {
                leaves('-', path, value, lines);
            }
            if let Some(value) = after {
                leaves('+', path, value, lines);
            }
        }
    }
}

fn members(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, lines: &mut Vec<String>) {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    for key in after.keys().chain(gone) {
        walk(&member(path, key), before.get(key), after.get(key), lines);
    }
}

fn elements(path: &str, before: &[Value], after: &[Value], lines: &mut Vec<String>) {
    if let (Some(a), Some(b)) = (named(before), named(after)) {
        let gone = a.iter().filter(|(name, _)| !b.iter().any(|(other, _)| other == name));
        for (name, _) in b.iter().chain(gone) {
            let find = |list: &[(&str, &Value)]| list.iter().find(|(other, _)| other == name).map(|(_, value)| (*value).clone());
            walk(&format!("{path}[{name}]"), find(&a).as_ref(), find(&b).as_ref(), lines);
        }
        return;
    }
    for index in 0..before.len().max(after.len()) {
        walk(&format!("{path}[{index}]"), before.get(index), after.get(index), lines);
    }
}

/// Elements by their names, where each has one of its own.
pub(super) fn named(list: &[Value]) -> Option<Vec<(&str, &Value)>> {
    let all: Option<Vec<_>> = list.iter().map(|value| Some((value.get("name")?.as_str()?, value))).collect();
    let all = all?;
    let unique = all.iter().enumerate().all(|(i, (name, _))| all.iter().skip(i + 1).all(|(other, _)| other != name));
    (unique && !all.is_empty()).then_some(all)
}

fn member(path: &str, key: &str) -> String {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

fn leaves(sign: char, path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                leaves(sign, &member(path, key), value, lines);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, value) in list.iter().enumerate() {
                let name = value.get("name").and_then(Value::as_str).map_or_else(|| index.to_string(), str::to_owned);
                leaves(sign, &format!("{path}[{name}]"), value, lines);
            }
        }
        value => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let text = crate::effects::text::clean_line(&text.replace('\n', " "));
            lines.push(format!("{sign} {path}: {}", crate::effects::text::shortened(&text, WIDEST)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_diff_names_what_changes() {
        let before = json!({"spec": {"replicas": 3, "containers": [{"name": "app", "image": "a:1"}, {"name": "log", "image": "l:1"}]},
                            "metadata": {"annotations": {"team/owner": "x"}}});
        let after = json!({"spec": {"replicas": 3, "containers": [{"name": "log", "image": "l:1"}, {"name": "app", "image": "a:2"}], "paused": true},
                           "metadata": {}});
        assert_eq!(
            between(&before, &after),
            [
                "- spec.containers[app].image: a:1",
                "+ spec.containers[app].image: a:2",
                "+ spec.paused: true",
                "- metadata.annotations[\"team/owner\"]: x",
            ]
        );
        assert!(between(&before, &before).is_empty());
    }

    #[test]
    fn lists_without_names_are_told_apart_by_place() {
        let (a, b) = (json!({"l": [1, 2]}), json!({"l": [1, 3, 4]}));
        assert_eq!(between(&a, &b), ["- l[1]: 2", "+ l[1]: 3", "+ l[2]: 4"]);
    }
}
