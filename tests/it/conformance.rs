//! Cases captured from a real API server and a real Prometheus, line by line.
//!
//! The folder is `PACENOTE_CONFORMANCE` where that is set, so that further cases of the
//! same form can be run, else the project's own.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use pacenote::signals::pods::row_from_json;
use pacenote::signals::prometheus::{Answer, Data, NoNumber, QueryError, Range, read};
use serde_json::{Value, json};

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

#[test]
fn conformance_prometheus_answers_are_what_they_say() {
    let cases = cases("prometheus.jsonl");
    let mut differences = Vec::new();
    for (line, case) in &cases {
        let status = case["http_status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("http_status");
        // A body that is not JSON was captured as a string.
        let body = case["body"].as_str().map_or_else(|| case["body"].to_string(), str::to_owned);
        let ours = read(status, None, body.as_bytes());
        let found = match (expected_class(status, &case["body"]), ours) {
            (Class::Result, Ok(answer)) => compare_result(case, &answer),
            (Class::Error(class), Err(error)) => compare_error(class, &case["body"], &error),
            (class, ours) => vec![format!("expected {class:?}, read {ours:?}")],
        };
        differences.extend(found.into_iter().map(|difference| format!("line {line} ({}): {difference}", case["note"])));
    }
    assert_none_differ("prometheus.jsonl", cases.len(), &differences);
}

/// What an answer is, told from its fields alone.
#[derive(Debug)]
enum Class {
    Result,
    Error(&'static str),
}

fn expected_class(status: u16, body: &Value) -> Class {
    let says_error = body["status"] == "error";
    match (status, body["errorType"].as_str()) {
        (200, None) if body["status"] == "success" && body["data"]["resultType"].is_string() => Class::Result,
        (401 | 403, _) => Class::Error("denied"),
        (_, Some("bad_data")) => Class::Error("bad query"),
        (_, Some("execution")) => Class::Error("execution"),
        (400, _) if says_error => Class::Error("bad query"),
        (422, _) if says_error => Class::Error("execution"),
        (429 | 502..=504, _) => Class::Error("unavailable"),
        _ if says_error => Class::Error("unavailable"),
        _ => Class::Error("foreign"),
    }
}

fn compare_error(expected: &str, body: &Value, error: &QueryError) -> Vec<String> {
    let (class, message) = match error {
        QueryError::BadQuery(message) => ("bad query", Some(message)),
        QueryError::Execution(message) => ("execution", Some(message)),
        QueryError::Unavailable { message, .. } => ("unavailable", Some(message)),
        QueryError::Denied(_) => ("denied", None),
        QueryError::NotPrometheus { .. } => ("foreign", None),
    };
    let mut differences = Vec::new();
    if class != expected {
        differences.push(format!("is {class}, expected {expected}"));
    }
    if let (Some(message), Some(theirs)) = (message, body["error"].as_str()) {
        let theirs: String = theirs.split_whitespace().collect::<Vec<_>>().join(" ");
        let head: String = theirs.chars().take(200).collect();
        if !message.starts_with(&head) {
            differences.push(format!("says `{message}`, Prometheus said `{theirs}`"));
        }
    }
    differences
}

/// Compares everything a result holds, and the number or history made of it.
fn compare_result(case: &Value, answer: &Answer) -> Vec<String> {
    let result = &case["body"]["data"]["result"];
    let kind = case["body"]["data"]["resultType"].as_str().unwrap_or_default();
    let warnings = case["body"]["warnings"].as_array().map_or(0, Vec::len);
    let mut differences = Vec::new();
    let mut expect = |what: &str, same: bool| {
        if !same {
            differences.push(format!("{what} differs: {answer:?}"));
        }
    };
    expect("the number of warnings", answer.warnings.len() == warnings);
    let series = result.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = answer.number(None);
    match (kind, &answer.data) {
        ("vector", Data::Vector(samples)) => {
            expect("the number of series", samples.len() == series.len());
            for (ours, theirs) in samples.iter().zip(series) {
                expect("a label", json!(ours.labels) == theirs["metric"]);
                let histogram = theirs.get("histogram").is_some() && theirs.get("value").is_none();
                expect(
                    "a value",
                    if histogram {
                        ours.value.is_none()
                    } else {
                        ours.value.is_some_and(|value| same_point(value, &theirs["value"]))
                    },
                );
            }
            let expected = match series {
                [] => matches!(number, Err(NoNumber::Empty)) && answer.number(Some(0.0)) == Ok(0.0),
                [one] if one.get("histogram").is_some() => number == Err(NoNumber::Histogram),
                [one] => number.is_ok_and(|value| same_number(value, &one["value"][1])),
                several => matches!(&number, Err(NoNumber::Several { count, .. }) if *count == several.len()),
            };
            expect("the number", expected);
        }
        ("matrix", Data::Matrix(lines)) => {
            expect("the number", number == Err(NoNumber::Range));
            expect("the number of series", lines.len() == series.len());
            for (ours, theirs) in lines.iter().zip(series) {
                expect("a label", json!(ours.labels) == theirs["metric"]);
                let theirs = theirs["values"].as_array().map(Vec::as_slice).unwrap_or_default();
                expect("the number of points", ours.points.len() == theirs.len());
                expect("a point", ours.points.iter().zip(theirs).all(|(ours, theirs)| same_point(*ours, theirs)));
            }
            if case["params"]["step"].is_number() {
                expect("the history", same_history(&case["params"], series, answer));
            }
        }
        ("scalar", Data::Scalar(at, value)) => {
            expect("the value", same_point((*at, *value), result));
            expect("the number", number.is_ok_and(|value| same_number(value, &result[1])));
        }
        ("string", Data::Text(text)) => {
            expect("the text", result[1] == text.as_str());
            expect("the number", number == Err(NoNumber::Text));
        }
        _ => expect("the kind of result", false),
    }
    differences
}

/// One series gives a point for every step, gaps where there is no finite value; none
/// gives gaps only; several give no history.
fn same_history(params: &Value, series: &[Value], answer: &Answer) -> bool {
    let ms = |name: &str| params[name].as_f64().map_or(0, |seconds| (seconds * 1_000.0).round() as i64);
    let range = Range { start_ms: ms("start"), end_ms: ms("end"), step_ms: ms("step") };
    let history = answer.history(range, None);
    if series.len() > 1 {
        return matches!(history, Err(NoNumber::Several { count, .. }) if count == series.len());
    }
    let Ok(history) = history else { return series.first().is_some_and(|one| one.get("histograms").is_some()) };
    let steps = (ms("end") - ms("start")) / ms("step") + 1;
    let values = series.first().and_then(|one| one["values"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let finite = values.iter().filter(|value| !matches!(value[1].as_str(), Some("NaN" | "+Inf" | "-Inf"))).count();
    i64::try_from(history.len()) == Ok(steps)
        && history.iter().filter(|(_, value)| value.is_some()).count() == finite
        && history.iter().all(|(at, value)| {
            value.is_none() || values.iter().any(|theirs| same_point((*at, value.unwrap_or(f64::NAN)), theirs))
        })
}

fn same_point((at, value): (i64, f64), theirs: &Value) -> bool {
    let seconds = theirs[0].as_f64().unwrap_or(f64::NAN);
    ((at as f64) / 1_000.0 - seconds).abs() < 0.001 && same_number(value, &theirs[1])
}

fn same_number(value: f64, theirs: &Value) -> bool {
    match theirs.as_str() {
        Some("NaN") => value.is_nan(),
        Some("+Inf") => value == f64::INFINITY,
        Some("-Inf") => value == f64::NEG_INFINITY,
        Some(text) => text.parse() == Ok(value),
        None => false,
    }
}
