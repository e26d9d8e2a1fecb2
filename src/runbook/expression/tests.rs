//! Every trap of CEL that this format steps around, one line each.

use super::*;
use crate::runbook::model::TemplateValue;
use serde_json::json;

fn scope() -> Value {
    let mut scope = Value::from_json(&json!({
        "signals": {
            "x": {"value": 0.42, "baseline": 0.3, "failures": 4, "ok": true, "age": 7},
            "down": {"failures": 0, "ok": false},
            "pods": {"ready": 3, "total": 4, "zero": 0},
        },
        "inputs": {"version": "v1.2.3", "replicas": "5", "n": 5, "evil": "\"} or vector(1) #", "path": "a b/c?d", "dots": "..", "dash": "-rf"},
        "env": {"name": "production", "vars": {"host": "shop.example.com:8080", "weights": [10, 50]}},
        "result": {"exit": 0, "json": {"items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}], "nothing": null}},
        "item": 10,
        "big": 1e308,
    }));
    if let Value::Map(map) = &mut scope {
        map.insert("nan".to_owned(), Value::Number(f64::NAN));
        map.insert("inf".to_owned(), Value::Number(f64::INFINITY));
    }
    scope
}

fn expr(source: &str) -> Expr {
    Expr::parse(source, Span { start: 0, end: source.len(), line: 1, column: 1 }).unwrap_or_else(|e| panic!("{source}: {e}"))
}

fn eval(source: &str) -> String {
    match expr(source).eval(&scope()) {
        Ok(value) => value.to_string(),
        Err(unknown) => format!("unknown: {unknown}"),
    }
}

#[track_caller]
fn same(cases: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (source, expected) in cases {
        let got = eval(source);
        let got = if *expected == "unknown" { got.split(':').next().unwrap_or_default().to_owned() } else { got };
        if got != *expected {
            wrong.push(format!("{source}\n   is {got}\n  not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_numbers_are_doubles() {
    same(&[
        ("signals.pods.ready / signals.pods.total", "0.75"),
        ("signals.pods.ready / 4", "0.75"),
        ("3 / 4", "0.75"),
        ("signals.x.value > signals.x.baseline * 2", "false"),
        ("2 * signals.x.baseline > 0", "true"),
        ("signals.x.value + 1 > 1", "true"),
        ("1 + 2", "3"),
        ("-signals.x.value < 0", "true"),
        ("-1 < signals.x.value", "true"),
        ("signals.x.failures > 3", "true"),
        ("signals.x.failures > 3.5", "true"),
        ("signals.x.failures == 4", "true"),
        ("signals.x.failures == 4u", "true"),
        ("signals.x.failures % 2 == 0", "true"),
        ("9223372036854775807 + 1", "9223372036854776000"),
        ("size(inputs.version) > 3", "true"),
        ("size(inputs.version) * 2", "12"),
        ("inputs.version.size() / 4", "1.5"),
        ("int(3.7)", "3"),
        ("double('2.5') * 2", "5"),
        ("int(item) % 3 == 1", "true"),
        ("item == 10", "true"),
        ("item in [10, 50]", "true"),
        ("item in env.vars.weights", "true"),
        ("env.vars.weights[0]", "10"),
        ("env.vars.weights[item - 9]", "50"),
        ("string(item)", "10"),
        ("'shift ' + string(item)", "shift 10"),
        ("string(0.1 + 0.2)", "0.30000000000000004"),
        ("0x10", "16"),
        ("[1, 2].map(i, i * 2)", "[2,4]"),
        ("[1, 2, 3].filter(i, i > 1).size()", "2"),
        ("[1, 2].exists_one(i, i > 1)", "true"),
        ("100 - item", "90"),
    ]);
}

#[test]
fn an_error_is_unknown_never_an_answer() {
    same(&[
        ("1 / 0 > 5", "unknown: the divisor is zero"),
        ("0 / 0 > 5", "unknown: the divisor is zero"),
        ("1 % 0 == 0", "unknown: the divisor is zero"),
        ("signals.x.value / signals.pods.zero > 1", "unknown: the divisor is zero"),
        ("[1].exists(i, i / 0 > 5)", "unknown: the divisor is zero"),
        ("big * 10 > 5", "unknown: a number is not finite"),
        ("big + big > 5", "unknown: a number is not finite"),
        ("double('inf') > 5", "unknown"),
        ("double('nan') < 5", "unknown"),
        ("nan < 1", "unknown: nan: the number is not finite"),
        ("nan > 1", "unknown: nan: the number is not finite"),
        ("!(nan > 1)", "unknown: nan: the number is not finite"),
        ("nan == nan", "unknown: nan: the number is not finite"),
        ("nan != 1", "unknown: nan: the number is not finite"),
        ("inf > 5", "unknown: inf: the number is not finite"),
        ("[1, 2].all(i, inf > i)", "unknown: inf: the number is not finite"),
        ("inf", "unknown: inf: the number is not finite"),
        ("result.json.nothing < 1", "unknown: nothing cannot be compared with a number"),
        ("result.json.nothing != 1", "unknown: nothing cannot be compared with a number"),
        ("result.json.nothing == null", "true"),
        ("result.exit != null", "true"),
        ("inputs.replicas > 3", "unknown: text cannot be compared with a number"),
        ("signals.x.ok == 'true'", "unknown: true or false cannot be compared with text"),
        ("signals.x.ok == 1", "unknown: true or false cannot be compared with a number"),
        ("int(inputs.replicas) > 3", "true"),
        ("int(inputs.version) > 3", "unknown"),
        ("result.json.items[7].name == 'a'", "unknown"),
        ("result.json.items[0].nosuch == 'a'", "unknown: there is no `nosuch`"),
        ("env.vars.weights[0.5] == 1", "unknown: a list has no fractional places"),
        ("'x' + 1", "unknown"),
        ("signals.x.value ? 1 : 2", "unknown: `0.42` is neither true nor false"),
        ("!signals.x.value", "unknown: `0.42` is neither true nor false"),
        ("signals.x.value && true", "unknown: `0.42` is neither true nor false"),
        ("'abc'.matches(inputs.evil + '(')", "unknown"),
    ]);
}

#[test]
fn a_missing_reading_is_unknown_and_logic_has_three_values() {
    let gone = "unknown: `signals.down.value` has no value";
    let both = "unknown: `signals.down.value` has no value; `foo.bar` has no value";
    same(&[
        ("signals.down.value < 1", gone),
        ("signals.down.value < 1 || signals.x.ok", "true"),
        ("signals.x.ok || signals.down.value < 1", "true"),
        ("signals.down.value < 1 || signals.down.ok", gone),
        ("signals.down.value < 1 && false", "false"),
        ("false && signals.down.value < 1", "false"),
        ("true && signals.down.value < 1", gone),
        ("signals.down.value < 1 && true", gone),
        ("!(signals.down.value < 1)", gone),
        ("signals.down.value < 1 ? 1 : 2", gone),
        ("signals.x.ok ? 1 : signals.down.value", "1"),
        ("signals.down.value < foo.bar", both),
        ("signals.down.value < 1 && foo.bar", both),
        ("signals.down.value < 1 || foo.bar", both),
        ("foo.bar < 1 || true", "true"),
        ("foo == 1 || true", "true"),
        ("foo == 1", "unknown: `foo` has no value"),
        ("has(signals.down.value)", "false"),
        ("has(signals.zzz.value)", "false"),
        ("has(signals.x.value)", "true"),
        ("has(signals.x.value) == true", "true"),
        ("!has(signals.down.value) || signals.down.value < 1", "true"),
        ("has(result.json.nothing)", "false"),
        ("[signals.x.value, signals.down.value].exists(v, v < 1)", gone),
    ]);
}

#[test]
fn text_lists_times_and_durations() {
    same(&[
        ("inputs.version == 'v1.2.3'", "true"),
        ("inputs.version.matches('v[0-9]+')", "true"),
        ("inputs.version.startsWith('v1')", "true"),
        ("inputs.version.contains('2')", "true"),
        ("'a' < 'b'", "true"),
        ("signals['x'].value < 1", "true"),
        ("signals[\"x\"]['value'] < 1", "true"),
        ("signals.x.age < duration('30s')", "true"),
        ("signals.x.age < duration('1s')", "false"),
        ("duration('1m30s') == duration('90s')", "true"),
        ("duration('1d') > duration('23h')", "true"),
        ("duration('90s')", "90"),
        ("duration('1d 1h')", "unknown: `1d 1h` is not a duration: a whole number is missing before ` 1h`"),
        ("timestamp('2024-01-01T00:00:00Z') < timestamp('2025-01-01T00:00:00Z')", "true"),
        ("timestamp('2024-01-01T00:00:00Z') + duration('1d')", "2024-01-02T00:00:00Z"),
        ("timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('1d')", "true"),
        ("timestamp('2024-01-02T00:00:00Z').getFullYear() / 2", "1012"),
        ("result.json.items.all(i, i.n > 0)", "true"),
        ("result.json.items.exists(i, i.name == 'b' && i.n == 2)", "true"),
        ("result.json.items.exists(i, has(i.zzz))", "false"),
        ("result.json.items[0].name", "a"),
        ("result.json.items", r#"[{"n":1,"name":"a"},{"n":2,"name":"b"}]"#),
        ("{'a': 1}['a']", "1"),
        ("signals.x.ok", "true"),
        ("null", "null"),
        ("1 < 2 == true", "true"),
        ("r'\\d' == '\\\\d'", "true"),
    ]);
}

#[test]
fn mistakes_are_found_when_it_is_written() {
    for (source, message) in [
        ("", "the expression is empty"),
        ("  ", "the expression is empty"),
        ("a b", "not an expression"),
        ("signals.x.value <", "not an expression"),
        ("signals.x.value < 1 and true", "not an expression"),
        ("signals.x.value = 1", "not an expression"),
        ("signals.x.age < 30s", "not an expression"),
        ("nosuch(1)", "there is no function `nosuch`"),
        ("x.nosuch()", "there is no function `nosuch`"),
        ("contains('a', 'b')", "there is no function `contains`"),
        ("has(x)", ""),
        ("x.exists(1)", ""),
        ("math.greatest(1, 2)", "there is no function `greatest`"),
        ("signals.?x", ""),
        ("b'x' == b'x'", "bytes are not part of the format"),
        ("Msg{a: 1}", ""),
        ("1e999 > 1", ""),
        ("x.matches('(')", "the pattern of matches() is not a regular expression"),
        (
            "[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))",
            "more than two of all, exists, map and filter stand inside one another",
        ),
        ("type(x) == int", "there is no function `type`"),
    ] {
        let error = Expr::parse(source, Span::default()).map(|e| e.source().to_owned()).expect_err(source);
        assert!(error.message.starts_with(message), "{source}: {}", error.message);
        assert!(error.offset <= source.len(), "{source}: {}", error.offset);
    }
    let long = "x ".repeat(3000);
    let deep = format!("{}1{}", "(".repeat(1000), ")".repeat(1000));
    let bang = format!("{}true", "!".repeat(2000));
    let sum = vec!["1"; 1500].join("+");
    let ternary = format!("{}1", "a ? b : ".repeat(400));
    for source in [long, deep, bang, sum, ternary] {
        assert!(Expr::parse(&source, Span::default()).is_err(), "{}", &source[..20]);
    }
    let many = vec!["x < 1"; 300].join(" && ");
    assert!(Expr::parse(&many, Span::default()).is_ok());
}

#[test]
fn hints_for_other_languages() {
    for (source, hint) in [
        ("a and b", "write `&&` for and"),
        ("a or b", "write `||` for or"),
        ("not a", "write `!` for not"),
        ("a = 1", "write `==` to compare"),
        ("a < 30s", "write `duration('30s')`"),
        ("a < 1 %", "write the number alone: `1`"),
        ("${{ a }}", "an expression stands without `${{ }}` here"),
    ] {
        let error = Expr::parse(source, Span::default()).expect_err(source);
        assert_eq!(error.hint.as_deref(), Some(hint), "{source}");
    }
}

#[test]
fn references_are_full_paths_with_places() {
    let source = "signals.x.value < 1 && [1, 2].all(i, i > inputs.n) && signals['pods'].ready > 0\n  && has(steps.foo.choice) && size(foo) > 0 && signals.x.value.matches('a')";
    let found: Vec<_> = expr(source)
        .references()
        .iter()
        .map(|r| (r.to_string(), source[r.span.start..r.span.end].to_owned(), r.span.line, r.tested))
        .collect();
    let expected = [
        ("signals.x.value", "signals.x.value", 1, false),
        ("inputs.n", "inputs.n", 1, false),
        ("signals.pods.ready", "signals['pods'].ready", 1, false),
        ("steps.foo.choice", "steps.foo.choice", 2, true),
        ("foo", "foo", 2, false),
        ("signals.x.value", "signals.x.value", 2, false),
    ];
    assert_eq!(found, expected.map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c, d)));
    // Not a name, but a subtraction: `check` says so, since neither side exists.
    let names: Vec<_> = expr("signals.error-rate.value < 1").references().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["signals.error", "rate.value"]);
}

#[test]
fn operands_are_the_sides_of_a_conjunction() {
    let parts = |source: &str| expr(source).operands().iter().map(|e| e.source().to_owned()).collect::<Vec<_>>();
    assert_eq!(parts("a < 1 && b.c > 2 &&  d"), ["a < 1", "b.c > 2", "d"]);
    assert_eq!(parts("a || b && c"), ["a || b && c"]);
    assert_eq!(parts("a && b ? c : d"), ["a && b ? c : d"]);
    assert_eq!(parts("(a && b) && '&&' == c"), ["(a && b)", "'&&' == c"]);
    let source = "a < 1 &&\n b > 2";
    let operands = expr(source);
    let second = &operands.operands()[1];
    assert_eq!((second.span().line, second.span().column), (2, 2));
    assert_eq!(&source[second.span().start..second.span().end], "b > 2");
    assert_eq!(second.references()[0].span.line, 2);
}

fn template(source: &str) -> Template {
    Template::parse(source, Span { start: 0, end: source.len(), line: 1, column: 1 }).unwrap_or_else(|e| panic!("{source}: {e}"))
}

#[test]
fn templates_keep_a_lone_expressions_type() {
    assert_eq!(template("${{ item }}").value(&scope()), Ok(Value::Number(10.0)));
    assert_eq!(template("${{ item }} %").value(&scope()), Ok(Value::from("10 %")));
    assert_eq!(template("shift[${{ item }}]").render(&scope()), Ok("shift[10]".to_owned()));
    assert_eq!(template("${{ env.vars.weights }}").value(&scope()), Ok(Value::List(vec![10.0.into(), 50.0.into()])));
    assert_eq!(template("${{ {'a': {'b': '}}'}}.a.b }}").render(&scope()), Ok("}}".to_owned()));
    assert_eq!(template("a $b {{c}} ${d}").render(&scope()), Ok("a $b {{c}} ${d}".to_owned()));
    assert!(template("a $b").is_literal() && !template("${{ item }}").is_literal());
    assert_eq!(Template::literal("${{ x }}").render(&scope()), Ok("${{ x }}".to_owned()));
    assert!(template("${{ foo.bar }}").render(&scope()).is_err());
    let tree = TemplateValue::Map(vec![
        (
            "a".to_owned(),
            TemplateValue::List(vec![TemplateValue::Template(template("${{ item }}")), TemplateValue::Literal(true.into())]),
        ),
        ("b".to_owned(), TemplateValue::Template(template("v${{ item }}"))),
    ]);
    assert_eq!(tree.value(&scope()).map(|v| v.to_string()), Ok(r#"{"a":[10,true],"b":"v10"}"#.to_owned()));
}

#[test]
fn template_mistakes_have_their_place() {
    let wrong = |source: &str| Template::parse(source, Span::default()).expect_err(source);
    assert_eq!(wrong("a ${{ b").offset, 2);
    assert_eq!(wrong("a ${{ b }").offset, 2);
    assert_eq!(wrong("a ${{}}").offset, 5);
    assert!(wrong("ab ${{ c d }}").offset >= 7);
    let source = "é ${{ signals.x.value }} and ${{ inputs.n }}";
    let spans: Vec<_> = template(source).expressions().map(|e| e.references()[0].span).collect();
    assert_eq!(&source[spans[0].start..spans[0].end], "signals.x.value");
    assert_eq!(&source[spans[1].start..spans[1].end], "inputs.n");
    assert_eq!(spans[0].column, 7);
}

#[test]
fn text_from_outside_stays_in_its_place() {
    let escaped = |source: &str, escape| template(source).render_escaped(&scope(), escape).map_err(|u| u.0);
    let ok = |s: &str| Ok(s.to_owned());
    assert_eq!(
        escaped("https://${{ env.vars.host }}/x/${{ inputs.path }}", Escape::Url),
        ok("https://shop.example.com:8080/x/a%20b%2Fc%3Fd")
    );
    assert!(escaped("https://${{ inputs.path }}/", Escape::Url).is_err());
    assert!(escaped("https://x/${{ inputs.dots }}/y", Escape::Url).is_err());
    assert_eq!(escaped("up{v=\"${{ inputs.evil }}\"}", Escape::Promql), ok(r#"up{v="\"} or vector(1) #"}"#));
    assert_eq!(escaped("up[${{ item }}m] > ${{ inputs.version }}", Escape::Promql), ok("up[10m] > v1.2.3"));
    assert!(escaped("up > ${{ inputs.evil }}", Escape::Promql).is_err());
    assert_eq!(
        escaped(r#"{"a": "${{ inputs.evil }}", "b": ${{ item }}}"#, Escape::Json),
        ok(r#"{"a": "\"} or vector(1) #", "b": 10}"#)
    );
    assert!(escaped("${{ inputs.dash }}", Escape::Argument).is_err());
    assert_eq!(escaped("--x=${{ inputs.dash }}", Escape::Argument), ok("--x=-rf"));
    assert_eq!(escaped("${{ inputs.version }}", Escape::Argument), ok("v1.2.3"));
}
