//! Hostile text in every field of every kind of record, and what exports make of it.

use std::collections::BTreeSet;

use pacenote::journal::Writer;
use pacenote::redact::Redactor;
use pacenote::report;
use pacenote::session::{At, Event};
use pacenote::state::StateDir;
use serde_json::{Value, json};

use super::{Walked, story, walk};

/// A session in which every text that can be anything is `attack`: the records of a real
/// one, with each text replaced wherever the record can still be read afterwards.
pub(super) fn session_of(attack: &str) -> Walked {
    let walked = walk("canary-deploy", "bad-canary");
    let lines = std::fs::read_to_string(walked.dir.journal()).unwrap();
    let mut seen = BTreeSet::new();
    let mut events: Vec<Event> = Vec::new();
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        // One of each kind and the whole beginning of the session are enough.
        if seen.insert(record["type"].as_str().unwrap().to_owned()) || events.len() < 40 {
            events.push(hostile(json!({ "type": record["type"], "data": record["data"] }), attack));
        }
    }
    let closed = events.iter().position(|event| matches!(event, Event::SessionClosed(_))).expect("closed");
    let closed = events.remove(closed);
    events.extend(further().into_iter().map(|event| hostile(event, attack)));
    events.push(closed);

    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let dir = state.create_session("20260105-100000-hostile-00002a").unwrap();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    for (n, event) in (0_u32..).zip(&events) {
        let wall = pacenote::app::headless::epoch() + chrono::TimeDelta::seconds(n.into());
        writer.append(At { wall, mono_ms: u64::from(n) * 1000 }, event).unwrap();
    }
    Walked { _temp: temp, dir }
}

/// Kinds of record that the walk did not write.
fn further() -> Vec<Value> {
    let evidence = json!({ "signals": {}, "guards": ["x"] });
    let of = |kind: &str, data: Value| json!({ "type": kind, "data": data });
    vec![
        of("note.added", json!({ "path": "x", "text": "x" })),
        of("deviation.recorded", json!({ "what": "x", "path": "x", "reason": "x", "by": "operator", "evidence": evidence })),
        of("approval.refused", json!({ "path": "x", "visit": 1, "by": "x", "reason": "x", "simulated": false })),
        of("approval.voided", json!({ "path": "x", "visit": 1, "reason": "x" })),
        of("guard.snoozed", json!({ "guard": "x", "for_ms": 1, "reason": "x", "by": "operator" })),
        of("inputs.changed", json!({ "values": { "x": "x" }, "reason": "x" })),
        of("input.given", json!({ "path": "x", "visit": 1, "values": { "x": "x" }, "secrets": ["x"] })),
        of("lock.taken-over", json!({ "lock": "x", "from": "x", "reason": "x" })),
        of("freeze.set", json!({ "environment": "x", "reason": "x" })),
        of("runbook.changed", json!({ "sha256": "x" })),
        of("anchor.confirmed", json!({ "place": "x", "seq": 1, "head": "x" })),
        of("followup.noted", json!({ "text": "x" })),
        of("session.paused", json!({ "paused": true, "reason": "x" })),
        of("outcome.settled", json!({ "effect": 1, "path": "x", "visit": 1, "done": true, "looked": true, "reason": "x" })),
        of(
            "effect.ended",
            json!({ "effect": 2, "path": "x", "visit": 1, "outcome": "unknown", "message": "x", "took_ms": 1, "changed": null,
                    "captured": { "x": "x" }, "output": { "blob": "ab".repeat(32), "bytes": 9, "head": "x" } }),
        ),
    ]
}

/// The event with every text and every free name replaced where it can be.
fn hostile(mut event: Value, attack: &str) -> Event {
    let mut places = Vec::new();
    collect(&event["data"], &mut vec!["data".to_owned()], &mut places);
    for place in places {
        let mut tried = event.clone();
        let pointer: String = place.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
        let Some(text) = tried.pointer_mut(&pointer) else { continue };
        *text = attack.into();
        if serde_json::from_value::<Event>(tried.clone()).is_ok() {
            event = tried;
        }
    }
    // Names of signals and inputs come from a runbook, but a journal can hold any.
    for map in ["/data/inputs", "/data/evidence/signals", "/data/readings", "/data/captured"] {
        if let Some(Value::Object(members)) = event.pointer_mut(map) {
            *members = std::mem::take(members).into_iter().map(|(name, value)| (format!("{name}{attack}"), value)).collect();
        }
    }
    // A reference to an output that is not there would be a damage of its own.
    if let Some(output) = event.pointer_mut("/data/output") {
        *output = Value::Null;
    }
    serde_json::from_value(event).unwrap()
}

fn collect(value: &Value, path: &mut Vec<String>, into: &mut Vec<Vec<String>>) {
    let mut within = |name: String, value: &Value| {
        path.push(name);
        collect(value, path, into);
        path.pop();
    };
    match value {
        Value::String(_) => into.push(path.clone()),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, item)| within(n.to_string(), item)),
        Value::Object(members) => members.iter().for_each(|(name, member)| within(name.clone(), member)),
        _ => {}
    }
}

const MARK: &str = "zq7";

/// Texts that would do something somewhere, each with a mark that shows where it got to.
fn attacks() -> Vec<String> {
    let bodies = [
        "</script><script>alert(1)</script><!-- <![CDATA[",
        "\" onload=alert(1) x=' onclick=alert(1) `",
        "<img src=x onerror=alert(1)> <!channel> <@U123> &lt;b&gt;",
        "\u{202e}txt.exe\u{2066}\u{200b}\u{feff}\u{ad}",
        "\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[31mred\u{9b}5m\u{7f}\u{0}",
        "](javascript:alert(1)) ![x](http://example.com/x) | # *b* `c` <br>",
        "'!A1&calc \" ,\r\n=cmd|' /c calc'!A0",
    ];
    let mut all: Vec<String> = bodies.iter().map(|body| format!("{MARK}{body}{MARK}")).collect();
    all.extend(["=", "+", "-", "@", "\t=", "\r=", " =", "＝"].map(|begin| format!("{begin}{MARK}(1;2)")));
    all
}

/// Characters that a terminal obeys, or that are not seen or turn the direction.
fn is_trick(c: char) -> bool {
    (c.is_control() && !"\n\r\t".contains(c))
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The tags of a page, from `<` to the `>` outside of quotes; scripts and styles skipped.
fn tags(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let mut quote = None;
        let end = rest.char_indices().find(|(_, c)| match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(*c);
                false
            }
            (Some(open), c) => {
                quote = (open != *c).then_some(open);
                false
            }
            (None, c) => *c == '>',
        });
        let end = end.expect("a tag ends").0 + 1;
        let tag = &rest[..end];
        found.push(tag);
        rest = &rest[end..];
        for raw in ["script", "style"] {
            if tag.starts_with(&format!("<{raw}")) {
                rest = &rest[rest.find(&format!("</{raw}>")).expect("its end")..];
            }
        }
    }
    found
}

fn in_page(page: &str, attack: &str) {
    assert!(page.contains(MARK), "the attack is in the page at all");
    let tag = regex::Regex::new(r"^</?([a-z0-9]+)[ >/]|^<!doctype html>$").unwrap();
    for found in tags(page) {
        assert!(tag.is_match(found) && !found.contains(MARK), "{attack:?}: {found:?}");
    }
    assert_eq!(page.matches("<script").count(), 2, "{attack:?}");
    assert!(!page.contains("<img") && !page.contains("<!-") && !page.contains("style="), "{attack:?}");
}

#[test]
fn hostile_text_stays_text_in_every_form() {
    let colours = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    for attack in attacks() {
        let session = session_of(&attack);
        let story = story(&session.dir.journal());
        assert!(story.moments.len() > 30 && !story.is_broken(), "{attack:?}: {:?}", story.flaws);
        let page = report::html(&story);
        in_page(&page, &attack);

        let markdown = report::markdown(&story);
        assert!(!markdown.replace("<br>", "").contains('<') && !markdown.replace("\\]", "").contains("]("), "{attack:?}");

        let table = report::csv(&story);
        for cell in cells(&table) {
            let begin = cell.trim_start().chars().next();
            assert!(!matches!(begin, Some('=' | '+' | '-' | '@' | '＝')), "{attack:?}: {cell:?}");
        }

        let document = report::json(&story);
        let parsed: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(parsed["session"]["opened"]["title"], json!(attack));
        assert!(document.is_ascii() && !document.contains(['<', '>', '&']));

        let cast = report::asciicast(&story);
        for line in cast.lines().skip(1) {
            let event: Value = serde_json::from_str(line).unwrap();
            let data = colours.replace_all(event[2].as_str().unwrap(), "").into_owned();
            assert!(!data.contains(is_trick), "{attack:?}: {data:?}");
        }
        for text in [&page, &markdown, &table] {
            assert!(!text.contains(is_trick), "{attack:?}");
        }
    }
}

/// The instructions of a pack are Markdown with the same texts in it; nothing else of a
/// pack is made of data but names of files, which are not.
#[test]
fn hostile_text_stays_text_in_a_pack() {
    for attack in attacks() {
        let session = session_of(&attack);
        let story = story(&session.dir.journal());
        let pack = report::pack(&story, session.dir.path(), None, None).unwrap();
        let mut archive = tar::Archive::new(pack.as_slice());
        let mut seen = 0;
        for file in archive.entries().unwrap() {
            let mut file = file.unwrap();
            let name = file.path().unwrap().display().to_string();
            assert!(name.starts_with(&story.sid) && !name.contains(MARK) && !name.contains(".."), "{attack:?}: {name}");
            if name.ends_with("VERIFY.md") {
                let text = std::io::read_to_string(&mut file).unwrap();
                let own = text.split_once("## With pacenote").unwrap();
                assert!(own.0.contains(MARK) && !own.0.contains(is_trick) && !own.0.contains('<'), "{attack:?}: {text}");
                assert!(!own.0.replace("\\]", "").contains("]("), "{attack:?}: {text}");
                seen += 1;
            }
        }
        assert_eq!(seen, 1);
    }
}

/// The cells of a CSV, as a spreadsheet reads them.
fn cells(table: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = table.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' | '\n' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            c => cell.push(c),
        }
    }
    assert!(!quoted);
    cells
}
