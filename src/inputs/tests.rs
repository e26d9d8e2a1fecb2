//! Tables of answers and what becomes of them.

use super::*;
use crate::runbook::{Span, Spanned};

fn input(name: &str, kind: InputKind) -> Input {
    Input {
        name: Spanned::new(name.to_owned(), Span::default()),
        kind,
        prompt: None,
        help: None,
        example: None,
        default: None,
        required: true,
        pattern: None,
        min: None,
        max: None,
    }
}

fn optional(name: &str, kind: InputKind) -> Input {
    Input { required: false, ..input(name, kind) }
}

fn choices() -> InputKind {
    InputKind::Choice(Choices::List(vec!["eu".into(), "us".into(), "1".into()]))
}

#[test]
fn good_answers() {
    let cases: [(InputKind, &str, Value); 17] = [
        (InputKind::String, " v1.2.4 ", "v1.2.4".into()),
        (InputKind::Text, "two\nlines\n", "two\nlines".into()),
        (InputKind::Integer, "10", 10.0.into()),
        (InputKind::Integer, "-3", (-3.0).into()),
        (InputKind::Integer, "9007199254740991", 9_007_199_254_740_991.0.into()),
        (InputKind::Number, "0.5", 0.5.into()),
        (InputKind::Number, "1e3", 1000.0.into()),
        (InputKind::Boolean, "yes", true.into()),
        (InputKind::Boolean, "FALSE", false.into()),
        (choices(), "us", "us".into()),
        (InputKind::Duration, "90m", "1h30m".into()),
        (InputKind::Duration, "500ms", "500ms".into()),
        (InputKind::Time, "2026-03-01T02:00:00Z", "2026-03-01T02:00:00Z".into()),
        (InputKind::Time, "2026-03-01T02:00:00.500+01:00", "2026-03-01T01:00:00.500Z".into()),
        (InputKind::Choice(Choices::Command { command: vec![], lines: None }), "anything", "anything".into()),
        (InputKind::String, "$(rm -rf /)", "$(rm -rf /)".into()),
        (InputKind::String, "ünïcode", "ünïcode".into()),
    ];
    for (kind, text, expected) in cases {
        assert_eq!(parse(&input("x", kind.clone()), text), Ok(expected), "{kind:?} {text:?}");
    }
}

#[test]
fn bad_answers() {
    let cases = [
        (InputKind::String, "", "needs an answer"),
        (InputKind::String, "  ", "needs an answer"),
        (InputKind::String, "two\nlines", "takes one line only"),
        (InputKind::String, "esc\u{1b}[2J", "holds a control character (U+001B)"),
        (InputKind::Text, "nul\0", "holds a control character (U+0000)"),
        (InputKind::Integer, "1.0", "is not a whole number"),
        (InputKind::Integer, "1e3", "is not a whole number"),
        (InputKind::Integer, "9007199254740992", "is too large"),
        (InputKind::Integer, "99999999999999999999", "is not a whole number"),
        (InputKind::Number, "NaN", "is not a number"),
        (InputKind::Number, "inf", "is not a number"),
        (InputKind::Number, "1,5", "is not a number"),
        (InputKind::Boolean, "maybe", "is neither yes nor no"),
        (InputKind::Boolean, "1", "is neither yes nor no"),
        (choices(), "EU", "is none of eu, us, 1"),
        (InputKind::Duration, "90", "`90` has no unit (ms, s, m, h, d or w)"),
        (InputKind::Time, "02:00", "is not a time with its zone, such as 2026-03-01T02:00:00Z"),
        (InputKind::Time, "2026-03-01T02:00:00", "is not a time with its zone, such as 2026-03-01T02:00:00Z"),
        (InputKind::Secret(None), "hunter2", "is a secret"),
    ];
    for (kind, text, expected) in cases {
        assert_eq!(parse(&input("x", kind.clone()), text), Err(expected.to_owned()), "{kind:?} {text:?}");
    }
    assert!(parse(&input("x", InputKind::Text), &"a".repeat(LONGEST + 1)).is_err());
}

#[test]
fn patterns_match_the_whole_answer_and_ascii_digits_only() {
    let cases = [
        (r"v\d+\.\d+\.\d+", "v1.2.4", true),
        (r"v\d+\.\d+\.\d+", "xv1.2.4", false),
        (r"v\d+\.\d+\.\d+", "v1.2.4; rm", false),
        (r"v\d+", "v١", false),
        (r"[\d.]+", "1.2", true),
        (r"a|b", "ab", false),
        (r"\\d", r"\d", true),
        (r"\\d", "5", false),
        (r"(?m)^a$", "a", true),
    ];
    for (pattern, text, expected) in cases {
        let input = Input { pattern: Some(Spanned::new(pattern.to_owned(), Span::default())), ..input("x", InputKind::String) };
        assert_eq!(parse(&input, text).is_ok(), expected, "{pattern} {text}");
    }
}

#[test]
fn numbers_keep_to_their_limits() {
    let limited = Input { min: Some(1.0), max: Some(100.0), ..input("x", InputKind::Number) };
    for (text, expected) in [
        ("1", Ok(Value::Number(1.0))),
        ("100", Ok(Value::Number(100.0))),
        ("0.99", Err("is less than 1".to_owned())),
        ("100.5", Err("is more than 100".to_owned())),
    ] {
        assert_eq!(parse(&limited, text), expected);
    }
    assert!(validate(&limited, &Value::Number(200.0)).is_err());
}

#[test]
fn typed_answers_are_not_bent_into_shape() {
    let good = [
        (InputKind::String, Value::from("v1")),
        (InputKind::Integer, Value::from(3.0)),
        (InputKind::Number, Value::from(0.5)),
        (InputKind::Boolean, Value::from(true)),
    ];
    for (kind, value) in good {
        assert_eq!(validate(&input("x", kind), &value), Ok(value));
    }
    assert_eq!(validate(&input("x", choices()), &Value::from(1.0)), Ok("1".into()));
    let bad = [
        (InputKind::String, Value::from(1.1), "is a number, not text: put it in quotes"),
        (InputKind::String, Value::from(true), "is true or false, not text: put it in quotes"),
        (InputKind::Integer, Value::from("3"), "is text, and a whole number is needed"),
        (InputKind::Integer, Value::from(0.5), "is not a whole number"),
        (InputKind::Boolean, Value::from("yes"), "is text, and true or false is needed"),
        (InputKind::Number, Value::List(vec![]), "is a list, and a number is needed"),
        (InputKind::String, Value::Null, "needs an answer"),
    ];
    for (kind, value, expected) in bad {
        assert_eq!(validate(&input("x", kind), &value), Err(expected.to_owned()), "{value:?}");
    }
}

#[test]
fn arguments_win_over_answers_and_answers_over_defaults() {
    let with_default = Input { default: Some("default".into()), ..input("a", InputKind::String) };
    let inputs =
        [with_default, optional("b", InputKind::Integer), optional("c", InputKind::String), input("d", InputKind::String)];
    let answers = BTreeMap::from([("a".to_owned(), Value::from("answer"))]);
    let nothing = gather(&inputs, &[], &BTreeMap::new());
    assert_eq!(nothing.values["a"], "default".into());
    assert_eq!((&nothing.values["b"], &nothing.values["c"]), (&Value::Null, &"".into()));
    assert_eq!(nothing.missing, ["d"]);
    assert_eq!(gather(&inputs, &[], &answers).values["a"], "answer".into());
    assert_eq!(gather(&inputs, &[("a".into(), "argument".into())], &answers).values["a"], "argument".into());
}

#[test]
fn unknown_names_and_repeated_ones_are_problems() {
    let inputs = [input("version", InputKind::String)];
    let arguments = [("version".into(), "a".into()), ("version".into(), "b".into()), ("verison".into(), "c".into())];
    let problems = gather(&inputs, &arguments, &BTreeMap::new()).problems;
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["version: is given twice", "verison: is not an input of this runbook"]);
    assert_eq!(problems[1].hint.as_deref(), Some("its inputs are version"));
}

#[test]
fn secrets_are_named_and_never_taken() {
    let inputs = [input("token", InputKind::Secret(Some(SecretSource::Env("TOKEN".into()))))];
    let gathered = gather(&inputs, &[("token".into(), "hunter2".into())], &BTreeMap::new());
    assert!(gathered.values.is_empty() && gathered.missing.is_empty());
    assert_eq!(gathered.secrets[0].name, "token");
    let problem = format!("{:?}", gathered.problems);
    assert!(problem.contains("is a secret") && !problem.contains("hunter2"), "{problem}");
}

#[test]
fn all_problems_come_together() {
    let inputs = [input("a", InputKind::Integer), input("b", InputKind::String)];
    let answers = BTreeMap::from([("a".to_owned(), Value::from("x")), ("z".to_owned(), Value::Null)]);
    let problems = validate_all(&inputs, &answers).unwrap_err();
    let names: Vec<&str> = problems.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["a", "z", "b"]);
}

proptest::proptest! {
    /// Whatever is typed: no panic, and what is accepted is accepted again as typed data.
    #[test]
    fn what_parses_validates(text in "\\PC{0,20}", which in 0usize..8) {
        let kinds = [InputKind::String, InputKind::Text, InputKind::Integer, InputKind::Number, InputKind::Boolean,
            choices(), InputKind::Duration, InputKind::Time];
        let input = input("x", kinds[which].clone());
        if let Ok(value) = parse(&input, &text) {
            proptest::prop_assert_eq!(validate(&input, &value), Ok(value));
        }
    }
}
