//! A session as one JSON document, for programs. The records themselves are in the
//! journal; this is what follows from them.
//!
//! The mapping, version 1 (`format` is `pacenote-report`, `version` is 1; fields may be added):
//!
//! | key | from |
//! |---|---|
//! | `warnings` | `severe` and `text`: what must be known first; a severe one makes the record doubtful |
//! | `session` | `id`, `outcome` (of `session.closed`; `not closed`), `opened_at`, `closed_at`, `last_record_at`, `took_ms`; `opened`: the data of `session.opened` as it stands |
//! | `journal` | `records`, `head`, `bytes`, `sha256` (of the file), `seals` (how many), `unknown_types` |
//! | `verification` | what the seals are worth: `judged`, `verdict` (a sentence), `code` and `status` as `verify` has them, `signers_sha256` (of the list of keys), `required`, `closing`, `untrusted`, `warnings`, `problem`, `missing`; `seals`: each of an operator, those of a segment together, with `holds` (null: not judged), `trusted` (whether the list has an operator's key for them; null: not judged, or a segment's) and `untrusted` (why not); `approvals`: each signed answer with `key` and `untrusted` (why; null: it is trusted), null where nothing was judged |
//! | `audit` | what auditors ask: `question`, `facts`, `missing` (null where nothing is) |
//! | `steps` | one a visit: `path`, `visit`, `title`, `kind`, `entered_at`, `outcome`, `reason`, `took_ms` |
//! | `effects` | one an `effect.intended`: `seq`, `at`, `intended` (its data), `ended_at`, `ended`, `settled` |
//! | `decisions`, `approvals`, `deviations`, `gates`, `guards`, `items`, `notes`, `followups` | the records of these kinds: `seq`, `at`, `type`, `data` as in the journal, with texts kept in files put back in |
//! | `reviews` | those beside the journal: `by`, `key`, `at`, `finding`, `note`, `untrusted` (why it does not count; null: it does) |
//! | `signals` | by name: `title`, `unit`, `warn`, `critical`, `source`, `readings`, `problems`; `members`: by name a list of `[milliseconds since 1970, "number"]`, null where there was no finite one |
//! | `tested` | earlier and later sessions of the same bundle on this machine; null where none was looked for |
//!
//! Measurements are strings, as in the journal. Text is as it was recorded: whoever shows
//! it must escape it. The document itself is ASCII, with `<`, `>` and `&` written as `\u003c` and
//! so on, so that it can stand in a page.

use serde_json::{Map, Value, json};

use super::audit::audit;
use super::story::{Story, Track};
use crate::session::Event;
use crate::session::reading::Measure;
use crate::session::time::rfc3339;

/// The document, indented, with a newline at its end.
pub fn json(story: &Story) -> String {
    let document = document(story);
    // A value made of strings, integers and lists always has a text.
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{7f}'.. => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out.push('\n');
    out
}

fn document(story: &Story) -> Value {
    let opened_at = story.opened.as_ref().map(|(at, _)| rfc3339(*at));
    let closed_at = story.closed.as_ref().map(|(at, _)| rfc3339(*at));
    let flaws: Vec<Value> = story.flaws.iter().map(|flaw| json!({ "severe": flaw.severe, "text": flaw.text })).collect();
    let signals: Map<String, Value> =
        story.tracks.iter().map(|(name, track)| (name.clone(), signal(story, name, track))).collect();
    let mut document = json!({
        "format": "pacenote-report",
        "version": 1,
        "tool": super::VERSION,
        "warnings": flaws,
        "session": {
            "id": story.sid,
            "outcome": story.outcome(),
            "opened_at": opened_at,
            "closed_at": closed_at,
            "last_record_at": story.last.map(rfc3339),
            "took_ms": story.closed.as_ref().map(|(_, closed)| closed.took_ms),
            "opened": story.opened.as_ref().map(|(_, opened)| opened),
        },
        "journal": {
            "records": story.records,
            "head": story.head,
            "bytes": story.raw.len(),
            "sha256": story.sha256,
            "seals": story.seals,
            "unknown_types": story.unknown,
        },
        "verification": super::seals::json(story),
        "audit": audit(story),
        "steps": steps(story),
        "effects": effects(story),
    });
    let kinds: [(&str, &[&str]); 8] = [
        ("decisions", &["decision.made"]),
        ("approvals", &["approval.requested", "approval.given", "approval.refused", "approval.voided"]),
        ("deviations", &["deviation.recorded"]),
        ("gates", &["gate.judged"]),
        ("guards", &["guard.armed", "guard.tripped", "guard.snoozed"]),
        ("items", &["item.ticked"]),
        ("notes", &["note.added"]),
        ("followups", &["followup.noted"]),
    ];
    if let Some(members) = document.as_object_mut() {
        members.extend(kinds.map(|(name, kinds)| (name.to_owned(), records(story, kinds))));
        members.insert("signals".to_owned(), signals.into());
        members.insert("reviews".to_owned(), super::answers::json(story));
        members.insert("tested".to_owned(), json!(story.beside.kin));
    }
    document
}

fn steps(story: &Story) -> Vec<Value> {
    let one = |step: &super::story::Step| {
        let ended = step.ended.as_ref();
        json!({
            "path": step.path,
            "visit": step.visit,
            "title": step.title,
            "kind": step.kind,
            "entered_at": step.at.map(rfc3339),
            "outcome": ended.map(|(outcome, ..)| outcome),
            "reason": ended.and_then(|(_, _, reason)| reason.as_ref()),
            "took_ms": ended.map(|(_, took_ms, _)| took_ms),
        })
    };
    story.steps.iter().map(one).collect()
}

fn effects(story: &Story) -> Vec<Value> {
    let one = |effect: &super::story::Effect| {
        json!({
            "seq": effect.seq,
            "at": rfc3339(effect.at),
            "intended": effect.intent,
            "ended_at": effect.ended.as_ref().map(|(at, _)| rfc3339(*at)),
            "ended": effect.ended.as_ref().map(|(_, ended)| ended),
            "settled": effect.settled,
        })
    };
    story.effects.values().map(one).collect()
}

fn records(story: &Story, kinds: &[&str]) -> Value {
    let found = story.moments.iter().filter(|moment| kinds.contains(&moment.kind.as_str()));
    let one = |moment: &super::story::Moment| {
        let event: Option<&Event> = moment.event.as_ref();
        let data =
            event.and_then(|event| serde_json::to_value(event).ok()).and_then(|mut event| Some(event.get_mut("data")?.take()));
        json!({ "seq": moment.seq, "at": rfc3339(moment.ts), "type": moment.kind, "data": data })
    };
    found.map(one).collect()
}

fn signal(story: &Story, name: &str, track: &Track) -> Value {
    let facts = story.beside.signals.get(name).cloned().unwrap_or_default();
    let point = |(at, value): &(i64, Option<f64>)| json!([at, value.map(|value| Measure(value).to_string())]);
    let members: Map<String, Value> =
        track.members.iter().map(|(name, points)| (name.clone(), points.iter().map(point).collect())).collect();
    json!({
        "title": facts.title,
        "unit": facts.unit,
        "warn": facts.warn.map(|limit| Measure(limit).to_string()),
        "critical": facts.critical.map(|limit| Measure(limit).to_string()),
        "source": track.source,
        "readings": track.readings,
        "problems": track.problems,
        "members": members,
    })
}
