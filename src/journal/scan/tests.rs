use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::journal::format::{NO_HASH, encode, header};
use crate::session::At;

fn at() -> At {
    At { wall: "2026-11-21T03:33:44.120Z".parse().unwrap(), mono_ms: 77 }
}

/// A record as the writer composes it, around some data.
fn line(data: &Value) -> Vec<u8> {
    let start = header(5, "s-1", &NO_HASH, at());
    let mut line = encode(&json!({ "type": "note.added", "data": data }), start.clone()).unwrap().bytes;
    line[start.len()] = b',';
    line
}

/// A line whose `data` is the given text.
fn raw(data: &str) -> Vec<u8> {
    let mut line = header(5, "s-1", &NO_HASH, at());
    line.extend_from_slice(format!(r#","type":"note.added","data":{data}}}"#).as_bytes());
    line
}

/// What scanning promises: whatever is accepted comes out the same when written anew.
fn encodes_to_itself(line: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(line) else { return false };
    encode(&value, Vec::new()).is_ok_and(|again| again.bytes == line)
}

#[test]
fn takes_what_the_writer_writes() {
    let data = json!({ "text": "a\"\\\n\t\r\u{8}\u{c}\u{1}\u{7f}é€😀", "n": [0, -1, 9_007_199_254_740_991_i64], "t": [true, false, null, {}, []] });
    let bytes = line(&data);
    let scanned = scan(&bytes).unwrap();
    assert_eq!((scanned.seq, scanned.sid, scanned.prev, scanned.mono_ms), (5, "s-1", NO_HASH, 77));
    assert_eq!((scanned.ts, scanned.kind), ("2026-11-21T03:33:44.120Z", "note.added"));
    assert_eq!(serde_json::from_slice::<Value>(scanned.data).unwrap(), data);
    assert!(bytes.is_ascii());
}

#[test]
fn names_what_is_wrong() {
    let table = [
        (r#"{"a":1,"a":2}"#, "a key is repeated"),
        (r#"{"x":[{"b":{},"c":1,"b":2}]}"#, "a key is repeated"),
        (r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"a":10}"#, "a key is repeated"),
        (r#"{"a": 1}"#, "not a value"),
        (r#"{"a":1,}"#, "a string does not begin here"),
        (r#"[1,]"#, "not a value"),
        (r#"[1 ]"#, "neither a comma"),
        (r#"{"a"}"#, "a key without a value"),
        (r#"[1.5]"#, "not an integer"),
        (r#"[1e3]"#, "not an integer"),
        (r#"[01]"#, "leading zeros"),
        (r#"[-01]"#, "leading zeros"),
        (r#"[-0]"#, "a zero in another form"),
        (r#"[00]"#, "a zero in another form"),
        (r#"[-]"#, "without digits"),
        (r#"[9007199254740992]"#, "below 2^53"),
        (r#"[99999999999999999999999999]"#, "below 2^53"),
        (r#"[NaN]"#, "not a value"),
        ("[\"a\u{e9}\"]", "outside ASCII"),
        ("[\"a\u{1}\"]", "not escaped"),
        (r#"["\u000a"]"#, "should be shorter"),
        (r#"["\u0041"]"#, "should be shorter"),
        (r#"["\u007e"]"#, "should be shorter"),
        ("[\"a\u{7f}\"]", "not escaped"),
        (r#"["\u00E9"]"#, "lower-case"),
        (r#"["\u00g9"]"#, "lower-case"),
        (r#"["\/"]"#, "an escape the format does not use"),
        (r#"["\ud800"]"#, "half a surrogate pair"),
        (r#"["\ud800\u0061"]"#, "half a surrogate pair"),
        (r#"["\ude00"]"#, "half a surrogate pair"),
        (r#"["abc]"#, "the string has no end"),
        (r#"{"a":1}}"#, "something follows the record"),
        ("tru", "not a value"),
        ("", "not a value"),
    ];
    for (data, expected) in table {
        let flaw = scan(&raw(data)).expect_err(data);
        assert!(flaw.what.contains(expected), "{data}: {flaw}");
    }
}

#[test]
fn keeps_to_the_limits() {
    let text = |n: usize| line(&json!({ "text": "x".repeat(n) }));
    assert!(scan(&text(4096)).is_ok());
    assert!(scan(&text(4097)).unwrap_err().what.contains("over 4 KiB"));
    assert!(scan(&line(&json!({ "text": "é".repeat(2048) }))).is_ok());
    assert!(scan(&line(&json!({ "text": "é".repeat(2049) }))).unwrap_err().what.contains("over 4 KiB"));
    let strings = |n: usize| vec!["x".repeat(4000); n];
    assert!(scan(&line(&json!({ "other": strings(9) }))).is_ok());
    assert!(scan(&line(&json!({ "evidence": strings(8) }))).is_ok());
    assert!(scan(&line(&json!({ "evidence": strings(9) }))).unwrap_err().what.contains("over 32 KiB"));
    assert!(scan(&line(&json!({ "other": strings(17) }))).unwrap_err().what.contains("longer than 64 KiB"));
    let nested = |n: usize| raw(&("[".repeat(n) + &"]".repeat(n)));
    assert!(scan(&nested(MAX_DEPTH)).is_ok());
    assert!(scan(&nested(MAX_DEPTH + 1)).unwrap_err().what.contains("too deep"));
    assert!(scan(&raw(&"[".repeat(60_000))).is_err());
}

#[test]
fn finds_references() {
    let hash = "ab".repeat(32);
    let reference = json!({ "blob": hash, "bytes": 5000, "head": "be\"gin" });
    let bytes = line(&json!({ "text": reference, "list": [{ "blob": hash, "bytes": 1, "head": "" }] }));
    let expected = |bytes| BlobRef { hash: [0xab; 32], bytes };
    assert_eq!(scan(&bytes).unwrap().blobs, [expected(5000), expected(1)]);
    let others = [
        json!({ "blob": hash, "bytes": 1, "head": "", "more": 1 }),
        json!({ "blob": "short", "bytes": 1, "head": "" }),
        json!({ "blob": hash, "bytes": "1", "head": "" }),
        json!({ "blob": hash, "bytes": 1, "head": null }),
        json!({ "blob": hash, "head": "", "bytes": 1 }),
    ];
    for other in others {
        assert_eq!(scan(&line(&other)).unwrap().blobs, [], "{other}");
    }
}

#[test]
fn a_header_in_another_order_or_shape_is_refused() {
    let good = String::from_utf8(line(&json!({}))).unwrap();
    assert!(scan(good.as_bytes()).is_ok());
    let bad = [
        good.replace(r#"{"v":1,"seq":5"#, r#"{"seq":5,"v":1"#),
        good.replace(r#""v":1"#, r#""v":2"#),
        good.replace(r#""v":1"#, r#""v":-1"#),
        good.replace(r#""seq":5"#, r#""seq":-5"#),
        good.replace(r#""seq":5"#, r#""seq":05"#),
        good.replace("s-1", "../x"),
        good.replace("s-1", "S"),
        good.replace("03:33:44.120Z", "03:33:44Z"),
        good.replace("03:33:44.120Z", "25:33:44.120Z"),
        good.replace("11-21T", "02-30T"),
        good.replace("120Z", "120z"),
        good.replace("00000000", "0000000g"),
        good.replace("note.added", "note added"),
        good.replace(r#""data":{}"#, r#""data":{},"more":1"#),
        format!(" {good}"),
        format!("{good} "),
    ];
    for line in bad {
        assert!(scan(line.as_bytes()).is_err(), "{line}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z\"\\\\\n]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec(("[a-f]{1,2}|\\PC{0,3}", inner), 0..10).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_written_is_taken_and_means_the_same(data in any_value()) {
        let bytes = line(&data);
        let scanned = scan(&bytes).map_err(|flaw| TestCaseError::fail(flaw.to_string()))?;
        prop_assert_eq!(serde_json::from_slice::<Value>(scanned.data).unwrap(), data);
        prop_assert!(encodes_to_itself(&bytes));
    }

    #[test]
    fn whatever_is_taken_is_written_the_same(
        data in any_value(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3, prop::sample::select(b"{}[]\",:\\u0123-e. ntf\x01\xc3a".to_vec())), 1..4),
    ) {
        let mut bytes = line(&data);
        for (place, how, byte) in edits {
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => { bytes.remove(place); }
            }
        }
        if scan(&bytes).is_ok() {
            prop_assert!(encodes_to_itself(&bytes), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = scan(&bytes);
        let mut behind = raw("");
        behind.pop();
        behind.extend_from_slice(&bytes);
        if scan(&behind).is_ok() {
            prop_assert!(encodes_to_itself(&behind));
        }
    }
}
