//! SARIF 2.1.0, which code review tools show beside the lines of a change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::runbook::Diagnostic;
use crate::runbook::diagnostic::Severity;

/// A log of one run with everything that was found.
pub(super) fn log(found: &[Diagnostic]) -> Value {
    let rules: BTreeSet<&str> = found.iter().map(|diagnostic| diagnostic.code).collect();
    let rules: Vec<Value> = rules.into_iter().map(|id| json!({ "id": id })).collect();
    let driver = json!({ "name": "pacenote", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    let results: Vec<Value> = found.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

fn result(found: &Diagnostic) -> Value {
    let level = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    };
    let text = found.hint.as_ref().map_or_else(|| found.message.clone(), |hint| format!("{} ({hint})", found.message));
    let mut place = json!({ "artifactLocation": { "uri": uri(&found.file) } });
    if let (Some(span), Some(place)) = (found.span, place.as_object_mut()) {
        place.insert("region".to_owned(), json!({ "startLine": span.line, "startColumn": span.column }));
    }
    json!({ "ruleId": found.code, "level": level, "message": { "text": text }, "locations": [{ "physicalLocation": place }] })
}

/// A path as a relative reference: what has a meaning in an address is escaped.
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Span;

    #[test]
    fn a_finding_has_its_rule_place_and_level() {
        let span = Span { start: 10, end: 14, line: 3, column: 5 };
        let found = Diagnostic {
            span: Some(span),
            ..Diagnostic::of_file("unknown-key", "a b.yaml", "unknown key").with_hint("remove it")
        };
        let log = log(&[found, Diagnostic::of_file("unreadable", "none.yaml", "no such file")]);
        let results = &log["runs"][0]["results"];
        assert_eq!(results[0]["ruleId"], "unknown-key");
        assert_eq!((&results[0]["level"], &results[0]["message"]["text"]), (&"error".into(), &"unknown key (remove it)".into()));
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.yaml");
        assert_eq!(place["region"], json!({ "startLine": 3, "startColumn": 5 }));
        assert_eq!(results[1]["locations"][0]["physicalLocation"].get("region"), None);
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"], json!([{ "id": "unknown-key" }, { "id": "unreadable" }]));
    }
}
