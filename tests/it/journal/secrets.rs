//! A seeded canary is in no file of a session, by whatever way it tried to get there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pacenote::journal::verify::verify_journal;
use pacenote::journal::{OutputSink, Writer};
use pacenote::redact::Redactor;
use pacenote::runbook::Value;
use pacenote::session::Event;

use super::samples::{at, decided, ended, note, opened};
use super::{folder, read};

const CANARY: &str = "cAnArY/7f3a+9c \"élan\" 0123456789";

/// All bytes of all files under a folder.
fn everything(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(everything(&path));
        } else {
            bytes.extend(fs::read(&path).unwrap());
        }
    }
    bytes
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_canary_gets_into_no_file() {
    let (_temp, state, dir) = folder();
    let redactor = Redactor::new();
    redactor.register("canary", CANARY).unwrap();
    let json = serde_json::to_string(CANARY).unwrap();
    let percent: String = CANARY.bytes().map(|b| format!("%{b:02x}")).collect();
    let forms = [CANARY.to_owned(), STANDARD.encode(format!("u:{CANARY}")), json.trim_matches('"').to_owned(), percent];
    let mut writer = Writer::create(&dir, redactor.clone()).unwrap();
    writer.append(at(0), &opened()).unwrap();
    let mut live = Vec::new();
    for form in &forms {
        let captured = BTreeMap::from([(form.clone(), Value::from(form.as_str()))]);
        let long = format!("{}{form}{}", "x".repeat(5000), "y".repeat(5000));
        for event in [note(form), note(&long), ended(1, captured, None)] {
            live.push(writer.append(at(1), &event).unwrap().record);
        }
        let Event::DecisionMade(mut decision) = decided(120) else { unreachable!() };
        decision.evidence.guards.push(long);
        live.push(writer.append(at(2), &Event::DecisionMade(decision)).unwrap().record);
        for size in [1, 2, 3, 7, 1000] {
            let mut sink = OutputSink::create(&dir, 1, &redactor).unwrap();
            for chunk in format!("before {form} after").as_bytes().chunks(size) {
                sink.push(chunk).unwrap();
            }
            sink.finish().unwrap();
        }
    }
    drop(writer);
    let bytes = everything(state.path());
    for form in &forms {
        // Of Base64 the first and last characters depend on what stands beside it.
        let core = &form.as_bytes()[4..form.len() - 4];
        assert!(!holds(&bytes, core), "{form}");
    }
    assert!(!holds(&bytes, b"cAnArY") && !holds(&bytes, b"9c%20"));
    assert!(holds(&bytes, b"[redacted canary]"));
    assert_eq!(read(&dir)[1..], live, "what was applied live is what is in the journal");
    assert_eq!(verify_journal(&dir.journal()).code, 5);
}

#[test]
fn a_secret_that_is_a_word_of_the_format_does_not_break_the_record() {
    let (_temp, _, dir) = folder();
    let redactor = Redactor::new();
    for word in ["operator", "succeeded", "decide", "image", "signals", "session", "data", "type"] {
        redactor.register(word, word).unwrap();
    }
    let mut writer = Writer::create(&dir, redactor).unwrap();
    let mut live = Vec::new();
    for event in [opened(), decided(2), ended(1, BTreeMap::new(), None), note("the operator succeeded")] {
        live.push(writer.append(at(0), &event).unwrap().record);
    }
    drop(writer);
    assert_eq!(read(&dir), live);
    let texts: Vec<_> = live.iter().map(|record| record.event.clone().unwrap()).collect();
    assert_eq!(texts[1], decided(2));
    assert_eq!(texts[2], ended(1, BTreeMap::new(), None));
    assert_eq!(texts[3], note("the [redacted operator] [redacted succeeded]"));
}
