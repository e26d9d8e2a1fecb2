use super::*;

#[test]
fn a_value_is_one_finite_number_or_none() {
    assert_eq!(number(None, " 42.5\n"), Ok(42.5));
    assert_eq!(number(Some(&Capture::Json("a.0.b".into())), r#"{"a": [{"b": 7}]}"#), Ok(7.0));
    assert_eq!(number(None, "NaN"), Err("`NaN` is not a number".into()));
    assert_eq!(number(None, "many"), Err("`many` is not a number".into()));
    assert_eq!(number(Some(&Capture::Json("x".into())), "{}"), Err("the output has no `x`".into()));
    assert_eq!(number(Some(&Capture::Json("x".into())), "<html>"), Err("the output is not JSON".into()));
}

#[test]
fn a_failure_says_how_and_why() {
    let output = CommandOutput { exit: Some(3), stdout: String::new(), stderr: "first\nno route\u{1b}[0m\n\n".into() };
    assert_eq!(failed(&output), "exit 3: no route");
    assert_eq!(failed(&CommandOutput::default()), "ended by a signal");
}
