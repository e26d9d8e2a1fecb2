use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const SECRET: &str = "s3cr+t/pä\"ß\\w?rd~x";

fn knowing(secrets: &[(&str, &str)]) -> Redactor {
    let redactor = Redactor::new();
    for (name, value) in secrets {
        redactor.register(name, value).unwrap();
    }
    redactor
}

fn percent(text: &str, upper: bool, all: bool) -> String {
    let encode = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' if !all => char::from(b).to_string(),
        _ if upper => format!("%{b:02X}"),
        _ => format!("%{b:02x}"),
    };
    text.bytes().map(encode).collect()
}

fn ascii_json(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// The forms in which a secret may come back.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        percent(secret, true, false),
        percent(secret, false, false),
        percent(secret, true, true),
        percent(secret, true, false).replace("%20", "+"),
        serde_json::to_string(secret).unwrap().trim_matches('"').to_owned(),
        ascii_json(secret),
        ascii_json(secret).to_uppercase().replace("\\U", "\\u"),
        secret.replace('/', "\\/"),
        ascii_json(secret).replace('\\', "\\\\"),
        serde_json::to_string(&serde_json::to_string(secret).unwrap()).unwrap().replace("\"\\\"", "").replace("\\\"\"", ""),
    ];
    for before in ["", "u", "us"] {
        for behind in ["", ":", "::", ":::"] {
            let text = format!("{before}{secret}{behind}");
            forms.push(STANDARD.encode(&text));
            forms.push(URL_SAFE_NO_PAD.encode(&text));
            forms.push(percent(&STANDARD.encode(&text), true, false));
        }
    }
    forms
}

/// At most these characters of a Base64 text may be left beside a marker: those that
/// hold a few bits of the secret and the bytes around it.
fn only_edges_left(text: &str) -> bool {
    let rest = text.replace("[redacted token]", "");
    rest.len() <= 16 && text.contains("[redacted token]")
}

#[test]
fn finds_every_form() {
    for secret in [SECRET, "hunter2hunter2", "a b c d e f g", "pass%20word", "back\\\\slash\\n", "😀😀😀😀"] {
        let redactor = knowing(&[("token", secret)]);
        for form in forms(secret) {
            let text = format!("before {form} after");
            let clean = redactor.redact(&text).unwrap_or_else(|| panic!("`{secret}` not found as {form}"));
            let inner = clean.strip_prefix("before ").and_then(|c| c.strip_suffix(" after"));
            assert!(inner.is_some_and(only_edges_left), "{form} became {clean}");
        }
    }
}

#[test]
fn finds_wrapped_base64_and_single_lines() {
    let key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xf\nqxmKrkd2wAsYv0lG5rSNt8A1Wn7fQ9kX\nshort\n-----END KEY-----\n";
    let redactor = knowing(&[("key", key)]);
    let encoded = STANDARD.encode(key);
    let wrapped: Vec<&str> = encoded.as_bytes().chunks(20).map(|c| std::str::from_utf8(c).unwrap()).collect();
    for text in [wrapped.join("\n"), wrapped.join("\r\n  "), wrapped.join("\\n")] {
        let clean = redactor.redact(&text).unwrap();
        assert!(clean.starts_with("[redacted key]") && clean.len() < 24, "{clean}");
    }
    assert_eq!(redactor.redact(key).unwrap(), "[redacted key]\n");
    let line = "+ echo qxmKrkd2wAsYv0lG5rSNt8A1Wn7fQ9kX | tee";
    assert_eq!(redactor.redact(line).unwrap(), "+ echo [redacted key] | tee");
    assert_eq!(redactor.redact("short cut"), None);
}

#[test]
fn the_longest_wins_and_markers_stay() {
    let redactor = knowing(&[("short", "abcd"), ("long", "abcdefgh"), ("word", "redacted")]);
    assert_eq!(redactor.redact("xabcdefghabcdx").unwrap(), "x[redacted long][redacted short]x");
    let once = redactor.redact("abcd redacted").unwrap();
    assert_eq!(once, "[redacted short] [redacted word]");
    assert_eq!(redactor.redact(&once), None, "what is redacted is not redacted again");
}

#[test]
fn short_secrets_are_refused_and_empty_ones_are_nothing() {
    let redactor = Redactor::new();
    assert_eq!(redactor.register("pin", "123"), Err(TooShort { name: "pin".into() }));
    assert_eq!(redactor.register("pin", " 1\u{200b}2 3 "), Ok(()));
    assert_eq!(redactor.register("pin", "\u{200b}\u{200b}123"), Err(TooShort { name: "pin".into() }));
    assert_eq!(Redactor::new().register("none", " \n"), Ok(()));
    assert!(Redactor::new().is_empty());
}

#[test]
fn is_never_printed() {
    let redactor = knowing(&[("token", SECRET)]);
    let mut stream = redactor.stream();
    assert_eq!(stream.push(&SECRET.as_bytes()[..6]), "");
    let printed = format!("{redactor:?} {stream:?}");
    assert_eq!(printed, "Redactor(1 secrets) RedactingStream(6 bytes held back)");
}

#[test]
fn a_stream_holds_back_no_more_than_it_must() {
    let redactor = knowing(&[("token", "hunter2hunter2")]);
    let mut stream = redactor.stream();
    assert_eq!(stream.push(b"all is well hunt"), "all is well ");
    assert_eq!(stream.push(b"ing"), "hunting");
    assert_eq!(stream.push(b" hunter2hun"), " ");
    assert_eq!(stream.push(b"ter2!"), "[redacted token]!");
    redactor.register("late", "swordfish").unwrap();
    assert_eq!(stream.push(b"swordfish "), "[redacted late] ");
    assert_eq!(stream.push(b"hunt"), "");
    assert_eq!(stream.finish(), "hunt");
}

#[test]
fn colours_do_not_hide_a_secret() {
    let redactor = knowing(&[("token", "hunter2hunter2")]);
    for text in
        ["hunter2\x1b[1;31mhunter2", "hun\u{200b}ter2hunter2", "hunter2\x1b]0;title\x07hunter2", "hunter2hunter2\u{1b}[0m"]
    {
        let mut stream = redactor.stream();
        let clean = stream.push(text.as_bytes()) + &stream.finish();
        assert_eq!(clean, "[redacted token]", "{text:?}");
    }
}

#[test]
fn strips_what_a_terminal_would_obey() {
    let table = [
        ("plain text, ünïcode 漢字", "plain text, ünïcode 漢字"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;1;2;3mx\x1b[?25l\x1b[2J\x1b[H", "x"),
        ("\u{9b}31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\x", "x"),
        ("\x1b(Bx\x1b#8y\x1bcz", "xyz"),
        ("\x1b]0;never ended\nnext", "\nnext"),
        ("\x1b[31\x1b[32mx", "x"),
        ("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\u{200f}f\u{2028}g", "abcdefg"),
        ("a\0b\x08c\x7fd\u{85}e", "abcde"),
        ("10%\r20%\r\n", "10%\n20%\n"),
        ("a\r\r\nb\r", "a\nb\n"),
        ("a\tb", "a\tb"),
    ];
    for (text, expected) in table {
        assert_eq!(strip_controls(text, Keep::LINES), expected, "{text:?}");
    }
    assert_eq!(strip_controls("a\tb\nc", Keep::NOTHING), "a b c");
}

proptest! {
    #[test]
    fn chunks_do_not_matter(
        secret in "[ -~é]{4,12}",
        parts in prop::collection::vec(prop_oneof!["[ -~]{0,6}", Just("S".to_owned()), Just("\x1b[1m".to_owned()), Just("\r".to_owned()), Just("é😀".to_owned())], 0..12),
        sizes in prop::collection::vec(1_usize..9, 1..40),
    ) {
        let redactor = Redactor::new();
        prop_assume!(redactor.register("token", &secret).is_ok());
        let text: String = parts.iter().map(|p| if p == "S" { secret.clone() } else { p.clone() }).collect();
        let mut whole = redactor.stream();
        let whole = whole.push(text.as_bytes()) + &whole.finish();
        let mut stream = redactor.stream();
        let mut cut = String::new();
        let mut rest = text.as_bytes();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, behind) = rest.split_at((*size).min(rest.len()));
            cut += &stream.push(chunk);
            rest = behind;
        }
        cut += &stream.finish();
        prop_assert_eq!(&cut, &whole);
        if secret.trim() == secret && !"[redacted token]".contains(&secret) {
            prop_assert!(!whole.replace("[redacted token]", "\0").contains(&secret), "{}", whole);
        }
    }

    #[test]
    fn stripped_text_is_clean(text in any::<String>(), codes in prop::collection::vec("\x1b[\\[\\]P(]?[0-9;]{0,3}[mK]?|\u{9d}|\u{202e}|\r", 0..5)) {
        let mixed = codes.iter().fold(text, |text, code| format!("{code}{text}{code}"));
        let clean = strip_controls(&mixed, Keep::NOTHING);
        prop_assert!(!clean.chars().any(char::is_control));
        prop_assert_eq!(&strip_controls(&clean, Keep::NOTHING), &clean);
    }
}
