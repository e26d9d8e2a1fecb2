use serde_json::json;

use super::*;

#[test]
fn warnings_come_first_and_the_same_is_told_once() {
    let event = |kind: &str, reason: &str, count: i64, last: &str| {
        json!({"type": kind, "reason": reason, "message": "m\u{1b}[31m", "count": count, "lastTimestamp": last,
            "involvedObject": {"kind": "Pod", "name": "a"}})
    };
    let events = [
        event("Normal", "Pulled", 1, "2026-01-01T00:00:09Z"),
        event("Warning", "BackOff", 4, "2026-01-01T00:00:05Z"),
        event("Warning", "BackOff", 3, "2026-01-01T00:00:07Z"),
        event("Warning", "Failed", 1, "2026-01-01T00:00:06Z"),
    ];
    let table = table(String::new(), events.iter());
    assert_eq!(table.summary, Note::new("8 warnings", Level::Warn));
    let lines: Vec<_> = table.rows.iter().map(line).collect();
    assert_eq!(lines, ["×7 BackOff Pod/a m", "Failed Pod/a m", "Pulled Pod/a m"]);
    assert_eq!(super::table(String::new(), [].iter()).summary.text, "none");
}
