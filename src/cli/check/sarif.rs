//! SARIF 2.1.0, which code review tools show beside the lines of a change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::authoring::advice;
use crate::runbook::Diagnostic;
use crate::runbook::diagnostic::{Severity, Sources};

/// A log of one run with everything that was found. `sources` are the files it points into.
pub(super) fn log(found: &[(Diagnostic, u32, u32)]) -> Value {
    let rules: BTreeSet<&str> = found.iter().map(|(diagnostic, ..)| diagnostic.code).collect();
    let rules: Vec<&str> = rules.into_iter().collect();
    let results: Vec<Value> = found.iter().map(|one| result(one, &rules)).collect();
    let rules: Vec<Value> = rules.into_iter().map(rule).collect();
    let driver = json!({ "name": "pacenote", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
    })
}

/// Diagnostics with the line and column they end before: where a span ends is only known
/// with its source at hand.
pub(super) fn ends(found: Vec<Diagnostic>, sources: &Sources) -> Vec<(Diagnostic, u32, u32)> {
    let end = |diagnostic: &Diagnostic| {
        let span = diagnostic.span?;
        let text = sources.get(&diagnostic.file)?.get(span.start..span.end)?;
        let (mut line, mut column) = (span.line, span.column);
        for c in text.chars() {
            (line, column) = if c == '\n' { (line.saturating_add(1), 1) } else { (line, column.saturating_add(1)) };
        }
        Some((line, column))
    };
    let place = |diagnostic: Diagnostic| {
        let (line, column) = end(&diagnostic).unwrap_or((0, 0));
        (diagnostic, line, column)
    };
    found.into_iter().map(place).collect()
}

/// A rule: its id, and what it is about.
fn rule(id: &str) -> Value {
    let about = advice::RULES.iter().find(|(code, _)| *code == id).map_or_else(
        || {
            let words = id.replace('-', " ");
            let mut letters = words.chars();
            letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
        },
        |(_, about)| (*about).to_owned(),
    );
    json!({ "id": id, "shortDescription": { "text": about } })
}

fn result((found, end_line, end_column): &(Diagnostic, u32, u32), rules: &[&str]) -> Value {
    let level = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    };
    let text = found.hint.as_ref().map_or_else(|| found.message.clone(), |hint| format!("{} ({hint})", found.message));
    let mut place = json!({ "artifactLocation": { "uri": uri(&found.file) } });
    if let (Some(span), Some(place)) = (found.span, place.as_object_mut()) {
        let mut region = json!({ "startLine": span.line, "startColumn": span.column });
        if let (Some(region), true) = (region.as_object_mut(), *end_line > 0) {
            region.insert("endLine".to_owned(), json!(end_line));
            region.insert("endColumn".to_owned(), json!(end_column));
        }
        place.insert("region".to_owned(), region);
    }
    let mut result = json!({ "ruleId": found.code, "level": level, "message": { "text": text }, "locations": [{ "physicalLocation": place }] });
    if let (Some(at), Some(result)) = (rules.iter().position(|rule| *rule == found.code), result.as_object_mut()) {
        result.insert("ruleIndex".to_owned(), json!(at));
    }
    result
}

/// A path as an address: what has a meaning in one is escaped.
fn uri(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    let escaped: String = path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect();
    if path.starts_with('/') { format!("file://{escaped}") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::Span;

    #[test]
    fn a_finding_has_its_rule_place_and_level() {
        let text = "ab\nä:\n  x: 1\n";
        let span = Span { start: 3, end: 8, line: 2, column: 1 };
        let found = Diagnostic {
            span: Some(span),
            ..Diagnostic::of_file("unknown-key", "a b.yaml", "unknown key").with_hint("remove it")
        };
        let found = vec![found, Diagnostic::of_file("unreadable", "/none.yaml", "no such file")];
        let log = log(&ends(found, &Sources::from([("a b.yaml".into(), text.into())])));
        let results = &log["runs"][0]["results"];
        assert_eq!(results[0]["ruleId"], "unknown-key");
        assert_eq!((&results[0]["level"], &results[0]["message"]["text"]), (&"error".into(), &"unknown key (remove it)".into()));
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.yaml");
        assert_eq!(place["region"], json!({ "startLine": 2, "startColumn": 1, "endLine": 3, "endColumn": 2 }));
        let file = &results[1]["locations"][0]["physicalLocation"];
        assert_eq!((file.get("region"), &file["artifactLocation"]["uri"]), (None, &"file:///none.yaml".into()));
        let rules = &log["runs"][0]["tool"]["driver"]["rules"];
        assert_eq!(rules[0], json!({ "id": "unknown-key", "shortDescription": { "text": "Unknown key." } }));
        assert_eq!((&results[1]["ruleIndex"], &rules[1]["id"]), (&1.into(), &"unreadable".into()));
    }

    /// What the standard asks of a log, of the parts that are written here.
    #[test]
    fn it_has_the_shape_of_the_standard() {
        let text =
            json!({ "type": "object", "required": ["text"], "properties": { "text": { "type": "string", "minLength": 1 } } });
        let region = json!({
            "type": "object", "required": ["startLine", "startColumn"], "additionalProperties": false,
            "properties": { "startLine": { "type": "integer", "minimum": 1 }, "startColumn": { "type": "integer", "minimum": 1 },
                "endLine": { "type": "integer", "minimum": 1 }, "endColumn": { "type": "integer", "minimum": 1 } },
        });
        let location = json!({
            "type": "object", "required": ["physicalLocation"], "additionalProperties": false,
            "properties": { "physicalLocation": { "type": "object", "required": ["artifactLocation"], "additionalProperties": false,
                "properties": { "region": region, "artifactLocation": { "type": "object", "required": ["uri"],
                    "properties": { "uri": { "type": "string", "pattern": "^[^ ]+$" } } } } } },
        });
        let shape = json!({
            "type": "object", "required": ["version", "runs"], "additionalProperties": false,
            "properties": {
                "$schema": { "type": "string" }, "version": { "const": "2.1.0" },
                "runs": { "type": "array", "minItems": 1, "items": {
                    "type": "object", "required": ["tool", "results"], "additionalProperties": false,
                    "properties": {
                        "columnKind": { "enum": ["utf16CodeUnits", "unicodeCodePoints"] },
                        "tool": { "type": "object", "required": ["driver"], "properties": { "driver": { "type": "object", "required": ["name"],
                            "properties": { "rules": { "type": "array", "uniqueItems": true, "items": { "type": "object", "required": ["id"],
                                "properties": { "shortDescription": text } } } } } } },
                        "results": { "type": "array", "items": { "type": "object", "required": ["message", "ruleId"], "additionalProperties": false,
                            "properties": { "ruleId": { "type": "string" }, "ruleIndex": { "type": "integer", "minimum": 0 },
                                "level": { "enum": ["none", "note", "warning", "error"] }, "message": text,
                                "locations": { "type": "array", "items": location } } } },
                    } } },
            },
        });
        let shape = jsonschema::validator_for(&shape).unwrap();
        let path = format!("{}/tests/fixtures/runbooks/many-mistakes.yaml", env!("CARGO_MANIFEST_DIR"));
        let report = crate::runbook::load::check_named(&path);
        assert!(report.diagnostics.len() > 5);
        let log = log(&ends(report.diagnostics, &report.sources));
        let wrong: Vec<String> = shape.iter_errors(&log).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new());
        assert!(!shape.is_valid(&json!({ "version": "2.1.0" })));
    }
}
