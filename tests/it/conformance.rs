//! Cases captured from a real API server and a real Prometheus, line by line.
//!
//! The folder is `PACENOTE_CONFORMANCE` where that is set, so that further cases of the
//! same form can be run, else the project's own.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use pacenote::signals::pods::row_from_json;
use serde_json::Value;

/// The lines of a file of cases, each with its number from 1.
fn cases(file: &str) -> Vec<(usize, Value)> {
    let folder = std::env::var_os("PACENOTE_CONFORMANCE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conformance"), PathBuf::from);
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let cases: Vec<_> = lines
        .map(|(index, line)| {
            (index + 1, serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}:{}: {error}", index + 1)))
        })
        .collect();
    assert!(!cases.is_empty(), "{} holds no case", path.display());
    cases
}

/// Fails with every line that differs, and how.
fn assert_none_differ(file: &str, cases: usize, differences: &[String]) {
    assert!(differences.is_empty(), "{} of {cases} lines of {file} differ:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn conformance_pods_print_as_kubectl_prints_them() {
    let cases = cases("pods.jsonl");
    let mut differences = Vec::new();
    for (line, case) in &cases {
        let captured: DateTime<Utc> = case["captured_at"].as_str().and_then(|at| at.parse().ok()).expect("captured_at");
        let columns = match row_from_json(&case["pod"].to_string()) {
            Ok(row) => [
                ("ready", row.ready_column()),
                ("status", row.status.clone()),
                ("restarts", row.restarts_column(captured)),
                ("age", row.age_column(captured)),
            ],
            Err(error) => {
                differences.push(format!("line {line}: the pod cannot be read: {error}"));
                continue;
            }
        };
        for (column, ours) in columns {
            let theirs = case["expect"][column].as_str().unwrap_or_else(|| panic!("line {line}: expect.{column}"));
            if ours != theirs {
                let name = &case["pod"]["metadata"]["name"];
                differences.push(format!("line {line} ({name}): {column} is `{ours}`, kubectl printed `{theirs}`"));
            }
        }
    }
    assert_none_differ("pods.jsonl", cases.len(), &differences);
}
