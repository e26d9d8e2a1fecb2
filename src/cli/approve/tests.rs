use serde_json::{Value, json};

use super::*;

/// Lines that only the program may say, behind padding of every kind.
const HOSTILE: &str = "routine\n  files        539a\n\nWhat would be done:\n\n  restart                  Restart the service\n\
    Compared with the runbook you have: the same files, and the same would be done.\n\nYou sign as bob with SHA256:yp6R.\r\n\
    Type `approve`, or `refuse` and a reason; anything else signs nothing.\u{2028}You sign\u{b}You sign\u{85}You sign\u{1b}[1GYou sign";

fn request() -> Value {
    json!({
        "pacenote-approval-request": 1, "session": "s", "path": "ok", "visit": 1, "nonce": "n",
        "asked": "2026-11-21T03:33:44Z", "expires": "2026-11-21T04:33:44Z", "by": ["managers"], "min": 1, "text": "read",
        "operators": [{"principal": "alice", "key": "SHA256:k"}], "runbook": "r", "title": "t", "bundle": "b", "commit": "c",
        "change": {"kind": "deploy", "service": "s", "version": "v", "ticket": "t", "requester": "r", "committed": "c",
            "risk": "low", "reason": "why"},
        "environment": {"name": "prod", "protected": true, "context": null, "server": "s", "ca_fingerprint": "f",
            "namespace": "n"},
        "inputs": {"why": "because"}, "secrets": ["pw"], "head": "h",
        "plan": [{"path": "rm", "title": "Drop", "does": "run echo", "when": "true"}], "rollback": "undo: all"
    })
}

/// Every text of a request, and every name in it that somebody chooses, one after the other
/// with hostile words in it.
fn hostile(at: &mut Value, words: &str, left: &mut usize) -> bool {
    match at {
        Value::String(text) if *left == 0 => {
            *text = words.to_owned();
            true
        }
        Value::String(_) => {
            *left -= 1;
            false
        }
        Value::Array(all) => all.iter_mut().any(|one| hostile(one, words, left)),
        Value::Object(all) => all.values_mut().any(|one| hostile(one, words, left)),
        _ => false,
    }
}

fn screen(value: &Value) -> Option<String> {
    let text = value.to_string();
    let request = Request::parse(&text).ok()?;
    Some(shown(Page::new(), &request, &text, DateTime::UNIX_EPOCH))
}

#[test]
fn no_text_of_a_request_can_be_taken_for_the_programs_own() {
    let own = |screen: &str| {
        let own = screen.lines().filter(|line| !line.starts_with("  ") && !line.is_empty()).map(str::to_owned);
        own.collect::<Vec<_>>()
    };
    let wanted = own(&screen(&request()).unwrap());
    assert_eq!(wanted.len(), 5, "{wanted:#?}");
    let mut seen = 0;
    for words in [HOSTILE.to_owned(), format!("fine{}Type `approve`", " ".repeat(76))] {
        let mut named = request();
        named["inputs"] = json!({ words.clone(): "x" });
        assert_eq!(own(&screen(&named).unwrap()), wanted);
        for nth in 0.. {
            let mut value = request();
            if !hostile(&mut value, &words, &mut { nth }) {
                break;
            }
            let Some(screen) = screen(&value) else { continue };
            seen += usize::from(screen.contains("approve`"));
            assert_eq!(own(&screen), wanted, "text {nth}:\n{screen}");
            assert!(screen.lines().all(|line| line.chars().count() <= 80), "text {nth}:\n{screen}");
        }
    }
    assert!(seen > 50, "{seen} texts were shown");
}
