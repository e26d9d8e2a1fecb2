//! What a key means where it is absent.
//!
//! Only what could be written down as well: a test writes each, and the runbook stays the
//! same. Other rules stand in the descriptions, as "…; so and so where absent".

use serde_json::{Value as Json, json};

/// The defaults, by mapping and key, as they would be written.
const DEFAULTS: &[(&str, &[(&str, &str)])] = &[
    ("input", &[("type", "string"), ("required", "true")]),
    ("environment", &[("protected", "false")]),
    ("allowed_time", &[("zone", "UTC")]),
    ("freeze_period", &[("zone", "UTC")]),
    ("signal", &[("timeout", "5s"), ("window", "30m")]),
    ("http_check", &[("method", "GET")]),
    ("guard", &[("arm", "first-change"), ("expired", "hold"), ("automatic", "false")]),
    ("webhook", &[("format", "json")]),
    ("step", &[("on_failure", "ask"), ("danger", "false"), ("interrupt", "ask"), ("point_of_no_return", "false")]),
    ("retry", &[("delay", "0s")]),
    ("repeat", &[("delay", "0s")]),
    ("confirm", &[("no", "hold")]),
    ("decide", &[("otherwise", "hold")]),
    ("approve", &[("min", "1")]),
    ("run", &[("shell", "[/bin/sh, -eu]"), ("reads_only", "false"), ("interactive", "false"), ("sensitive", "false")]),
    ("run_expect", &[("exit", "0")]),
    ("apply", &[("force", "false")]),
    ("rollout_undo", &[("to", "session-start")]),
    ("http", &[("method", "GET"), ("times", "1")]),
    ("gate", &[("settle", "0s"), ("failures", "1"), ("no_data", "hold")]),
    ("wait", &[("zone", "UTC")]),
];

/// What a key means where it is absent, if that can be written, as it is written.
pub(super) fn shown(shape: &str, key: &str) -> Option<&'static str> {
    let (_, keys) = DEFAULTS.iter().find(|(name, _)| *name == shape)?;
    keys.iter().find(|(name, _)| *name == key).map(|(_, text)| *text)
}

/// The same, as a value.
pub(super) fn of(shape: &str, key: &str) -> Option<Json> {
    let text = shown(shape, key)?;
    if let Some(list) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return Some(list.split(", ").collect());
    }
    Some(match text {
        "true" => json!(true),
        "false" => json!(false),
        text => text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::lower::shape;

    #[test]
    fn each_is_of_a_key_that_may_be_absent() {
        for (name, keys) in DEFAULTS {
            let shape = shape::ALL.iter().find(|s| s.name == *name).unwrap_or_else(|| panic!("{name}"));
            for (key, _) in *keys {
                assert!(shape.keys.contains(key) && !shape.required.contains(key), "{name}.{key}");
            }
        }
    }
}
