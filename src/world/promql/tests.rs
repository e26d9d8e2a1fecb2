use super::*;
use crate::world::metrics::Table;

/// A counter that grows by 50 a scrape (10 a second), falls to zero at 300 s, and a
/// histogram of two buckets.
fn table() -> Table {
    let mut table = Table::new(0);
    for column in 0..100_u32 {
        table.begin_scrape(true);
        let counter = table.series("requests", &[("app", "a"), ("status", "200")]);
        table.record(counter, f64::from(if column < 60 { column * 50 } else { (column - 60) * 50 }));
        for (le, part) in [("0.1", 60), ("0.5", 90), ("+Inf", 100)] {
            let bucket = table.series("latency_bucket", &[("le", le)]);
            table.record(bucket, f64::from(column * part));
        }
    }
    table
}

fn at(seconds: Millis, query: &str) -> Vec<f64> {
    let table = table();
    let evaluator = Evaluator { table: &table, at: seconds * 1_000, epoch: 0.0 };
    match evaluator.value(&parse(query).unwrap()).unwrap() {
        Value::Scalar(number) => vec![number],
        Value::Vector(samples) => samples.iter().map(|sample| sample.value).collect(),
        other => panic!("{query}: {other:?}"),
    }
}

fn same(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9)
}

#[test]
fn rates_are_extrapolated_as_prometheus_does() {
    for (seconds, query, expected) in [
        (200, "rate(requests[1m])", 10.0),
        (202, "rate(requests[1m])", 10.0),
        (200, "increase(requests[1m])", 600.0),
        (200, "irate(requests[1m])", 10.0),
        // At the reset one step is lost, as for a real counter that starts again at zero.
        (320, "increase(requests[1m])", 550.0),
        // A young counter is not stretched below zero.
        (20, "increase(requests[1m])", 200.0),
        (200, "delta(requests[1m])", 600.0),
    ] {
        assert!(same(&at(seconds, query), &[expected]), "{query} at {seconds}: {:?}", at(seconds, query));
    }
    assert!(at(3, "rate(requests[1m])").is_empty(), "one sample has no rate");
    assert!(at(10_000, "requests").is_empty(), "nothing older than five minutes is looked at");
}

#[test]
fn quantiles_are_interpolated_within_buckets() {
    let quantile = |q: &str| at(200, &format!("histogram_quantile({q}, rate(latency_bucket[1m]))"));
    assert!(same(&quantile("0.5"), &[0.1 * 50.0 / 60.0]));
    assert!(same(&quantile("0.75"), &[0.1 + 0.4 * 15.0 / 30.0]));
    assert!(same(&quantile("0.95"), &[0.5]), "above the last bound the last bound");
    assert_eq!((quantile("2"), quantile("-1")), (vec![f64::INFINITY], vec![f64::NEG_INFINITY]));
}

#[test]
fn operators_bind_as_they_should() {
    for (query, expected) in [
        ("1 + 2 * 3", 7.0),
        ("-2 ^ 2", -4.0),
        ("2 ^ -1", 0.5),
        ("2 - 1 - 1", 0.0),
        ("8 / 2 / 2", 2.0),
        ("(1 + 2) * 3 == bool 9", 1.0),
        ("1 # a comment\n + 1", 2.0),
        ("1e3 + .5", 1_000.5),
    ] {
        assert!(same(&at(0, query), &[expected]), "{query}: {:?}", at(0, query));
    }
}

#[test]
fn nothing_makes_the_reader_panic() {
    for query in [
        "(", ")", "{", "[5m]", "a[", "a{b", "a{b=", "sum by", "sum by (", "1 +", "a offset", "\"", "a and", "é", "0x", "1e+",
        "--", "rate(",
    ] {
        assert!(matches!(parse(query), Err(QueryError::Syntax(..))), "{query}: {:?}", parse(query));
    }
    assert!(matches!(parse(&"(".repeat(10_000)), Err(QueryError::Unsupported(_))));
    assert!(matches!(parse(&"-".repeat(10_000)), Err(QueryError::Unsupported(_))));
    assert!(parse(&"+".repeat(10_000)).is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(query in "[-+*/()a-z{}\\[\\]=\"~,.0-9 ]{0,40}") {
        let _ = parse(&query);
    }
}
