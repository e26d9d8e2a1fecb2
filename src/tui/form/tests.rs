//! Tests of the form.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::runbook::span::{Span, Spanned};

fn input(kind: InputKind) -> Input {
    Input {
        name: Spanned::new("x".into(), Span::default()),
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

/// A value, nothing, or the error under the field.
type Answer = Result<Option<Value>, String>;

/// What a form of one field answers to a typed text; `Err` is the error under the field.
fn answer(input: Input, typed: &str) -> Answer {
    let mut form = Form::new(&[input]);
    for c in typed.chars() {
        form.handle(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    }
    match form.submit() {
        FormEvent::Given(mut answers) => Ok(answers.values.remove("x")),
        _ => Err(form.fields[0].error.clone().expect("a form that is not given says why")),
    }
}

#[test]
fn every_type_takes_what_it_should_and_says_what_it_does_not() {
    let kind = |k: InputKind| input(k);
    let text = |s: &str| Ok(Some(Value::from(s)));
    let number = |n: f64| Ok(Some(Value::Number(n)));
    let bounded = Input { min: Some(1.0), max: Some(9.0), ..input(InputKind::Integer) };
    let wrong = |s: &str| Err(s.to_owned());
    let table: Vec<(Input, &str, Answer)> = vec![
        (kind(InputKind::String), "v1", text("v1")),
        (kind(InputKind::String), "  ", wrong("an answer is needed")),
        (kind(InputKind::String), "", wrong("an answer is needed")),
        (Input { required: false, ..input(InputKind::String) }, "", Ok(None)),
        (kind(InputKind::Integer), "12", number(12.0)),
        (kind(InputKind::Integer), "-3", number(-3.0)),
        (kind(InputKind::Integer), "1.5", wrong("must be a whole number")),
        (kind(InputKind::Integer), "inf", wrong("must be a number")),
        (kind(InputKind::Number), "1.5", number(1.5)),
        (kind(InputKind::Number), "1e999", wrong("must be a number")),
        (kind(InputKind::Number), "many", wrong("must be a number")),
        (bounded.clone(), "0", wrong("must be at least 1")),
        (bounded.clone(), "10", wrong("must be at most 9")),
        (bounded, "9", number(9.0)),
        (kind(InputKind::Duration), "1h30m", text("1h30m")),
        (kind(InputKind::Duration), "soon", wrong("must be a duration such as 90s, 10m or 1h30m")),
        (kind(InputKind::Time), "2026-03-01T02:00:00Z", text("2026-03-01T02:00:00Z")),
        (kind(InputKind::Time), "02:00", wrong("must be a time with its zone, such as 2026-03-01T02:00:00Z")),
        (kind(InputKind::Boolean), " ", Ok(Some(Value::Bool(true)))),
        (kind(InputKind::Boolean), "n", Ok(Some(Value::Bool(false)))),
        (kind(InputKind::Boolean), "", wrong("an answer is needed")),
        (kind(InputKind::Choice(Choices::List(vec!["eu".into(), "us".into()]))), "ll", text("us")),
        (kind(InputKind::Choice(Choices::List(vec!["eu".into()]))), "", wrong("an answer is needed")),
    ];
    for (input, typed, expected) in table {
        let name = format!("{:?} {typed:?}", input.kind);
        assert_eq!(answer(input, typed), expected, "{name}");
    }
}

#[test]
fn patterns_are_anchored_and_their_digits_are_ascii() {
    let version = || Input {
        pattern: Some(Spanned::new(r"v\d+".into(), Span::default())),
        example: Some("v1".into()),
        ..input(InputKind::String)
    };
    assert_eq!(answer(version(), "v12"), Ok(Some(Value::from("v12"))));
    for typed in ["xv1", "v1x", "v\u{0661}"] {
        assert_eq!(answer(version(), typed), Err(r"must match v\d+, for example v1".into()), "{typed}");
    }
}

#[test]
fn secrets_come_out_apart_and_are_never_drawn() {
    let mut form = Form::new(&[input(InputKind::Secret(None))]);
    form.paste("hunter2\n");
    let mut buf = Buffer::empty(Rect::new(0, 0, 40, 6));
    let theme = Theme::new(crate::tui::ThemeName::Dark, crate::tui::Depth::Indexed);
    let area = buf.area;
    form.draw(&mut buf, area, &theme, true);
    let drawn: String = buf.content.iter().map(|c| c.symbol()).collect();
    assert!(!drawn.contains("hunter2") && drawn.contains("•••••••"), "{drawn}");
    assert!(!format!("{form:?}").contains("hunter2"));
    let FormEvent::Given(answers) = form.submit() else { panic!("a secret was given") };
    assert!(answers.values.is_empty());
    assert_eq!(answers.secrets, vec![("x".into(), Secret::new("hunter2".into()))]);
}

#[test]
fn a_wrong_field_becomes_the_active_one() {
    let mut second = input(InputKind::Integer);
    second.name.value = "y".into();
    let mut form = Form::new(&[input(InputKind::String), second]);
    form.paste("a");
    assert_eq!(form.handle(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)), FormEvent::Stays);
    form.paste("many");
    assert_eq!(form.handle(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE)), FormEvent::Stays);
    assert_eq!((form.active, form.fields[1].error.as_deref()), (1, Some("must be a number")));
    assert_eq!(form.handle(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)), FormEvent::Left);
    assert!(!form.fields[0].is_blank(), "what was typed stays");
}

#[test]
fn a_text_takes_several_lines_from_enter() {
    let mut form = Form::new(&[input(InputKind::Text)]);
    form.paste("one");
    form.handle(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
    form.paste("two");
    let done = form.handle(KeyEvent::new(KeyCode::Char('s'), KeyModifiers::CONTROL));
    let FormEvent::Given(answers) = done else { panic!("Ctrl-S gives the answers") };
    assert_eq!(answers.values.get("x"), Some(&Value::from("one\ntwo")));
}

#[test]
fn durations_are_read_as_the_format_writes_them() {
    for (text, ms) in [("90s", Some(90_000)), ("1h30m", Some(5_400_000)), ("500ms", Some(500)), ("2d", Some(172_800_000))] {
        assert_eq!(parse_duration(text), ms);
    }
    for text in ["", "m", "10", "1x", "-5m", "99999999999999999999s", "18446744073709551615d"] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}
