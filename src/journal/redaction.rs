//! The second line of defence: an event about to be written is searched for secrets.
//!
//! Text from outside was cleaned where it came in, so nothing should be found here. If
//! something is, it is either a leak, or a secret that is also an ordinary word of the
//! record. A leak is taken out; a word of the format stays, since a record that cannot
//! be read back would be worse, and the word gives nothing away.

use serde::Deserialize;
use serde_json::Value;

use crate::redact::Redactor;
use crate::session::Event;

/// Members that name things of the runbook, which stands in the bundle in clear. Other
/// records refer to them by these names, so they stay.
const NAMES: [&str; 6] = ["path", "of", "undoes", "guard", "signal", "panels"];

/// A key shorter than this that looks like a name is one.
const NAME_LENGTH: usize = 16;

/// The event without secrets. Every text is tried by itself: one whose redaction would
/// make the record unreadable is a word of the format and stays.
pub(super) fn redact(event: &Event, redactor: &Redactor) -> Option<Event> {
    let mut whole = serde_json::to_value(event).ok()?;
    let mut passed = 0;
    loop {
        let mut tried = whole.clone();
        let Some(data) = tried.get_mut("data") else { break };
        if !replace(data, redactor, &mut passed.clone()) {
            break;
        }
        if read_back(&tried).is_some() {
            whole = tried;
        } else {
            passed += 1;
        }
    }
    read_back(&whole)
}

/// The event, if all of the JSON is in it.
fn read_back(json: &Value) -> Option<Event> {
    let event = Event::deserialize(json).ok()?;
    (serde_json::to_value(&event).ok()? == *json).then_some(event)
}

/// Redacts the first text that holds a secret, after passing over `pass` of them. False
/// if there is none.
fn replace(value: &mut Value, redactor: &Redactor, pass: &mut usize) -> bool {
    match value {
        Value::String(text) => match redactor.redact(text) {
            Some(clean) if *pass == 0 => {
                *text = clean;
                true
            }
            Some(_) => {
                *pass -= 1;
                false
            }
            None => false,
        },
        Value::Array(items) => items.iter_mut().any(|item| replace(item, redactor, pass)),
        Value::Object(members) => {
            for (key, member) in members.iter_mut() {
                if !NAMES.contains(&key.as_str()) && replace(member, redactor, pass) {
                    return true;
                }
            }
            let found = members.iter().find_map(|(key, _)| {
                let clean = redactor.redact(key).filter(|_| !is_name(key))?;
                if *pass > 0 {
                    *pass -= 1;
                    return None;
                }
                Some((key.clone(), clean))
            });
            let Some((key, clean)) = found else { return false };
            let entries = std::mem::take(members).into_iter();
            *members = entries.map(|(k, v)| (if k == key { clean.clone() } else { k }, v)).collect();
            true
        }
        _ => false,
    }
}

fn is_name(key: &str) -> bool {
    key.len() < NAME_LENGTH && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
