//! The report of `test` as JUnit XML, as CI servers read it: a suite for each runbook, a
//! case for each scenario, the differences as the failure's text, the coverage as the
//! suite's output.

use std::fmt::Write as _;

use super::suite::{Report, Suite};

/// The whole file.
pub(super) fn render(report: &Report) -> String {
    let tests: usize = report.runbooks.iter().map(|suite| suite.scenarios.len().max(1)).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (failed, took) = (report.failed, report.took.as_secs_f64());
    let _ = writeln!(xml, "<testsuites name=\"pacenote\" tests=\"{tests}\" failures=\"{failed}\" time=\"{took:.3}\">");
    for suite in &report.runbooks {
        render_suite(&mut xml, suite);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn render_suite(xml: &mut String, suite: &Suite) {
    let name = escape(&suite.runbook);
    let failed = suite.scenarios.iter().filter(|case| !case.differences.is_empty()).count();
    let failed = if suite.scenarios.is_empty() { 1 } else { failed };
    let took: f64 = suite.scenarios.iter().map(|case| case.took.as_secs_f64()).fold(0.0, |all, one| all + one);
    let tests = suite.scenarios.len().max(1);
    let _ = writeln!(xml, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failed}\" time=\"{took:.3}\">");
    if suite.scenarios.is_empty() {
        let _ = writeln!(xml, "    <testcase classname=\"{name}\" name=\"(none)\" time=\"0.000\">");
        xml.push_str("      <failure message=\"no scenario to walk\"/>\n    </testcase>\n");
    }
    for case in &suite.scenarios {
        let (scenario, took) = (escape(&case.scenario), case.took.as_secs_f64());
        let _ = write!(xml, "    <testcase classname=\"{name}\" name=\"{scenario}\" time=\"{took:.3}\"");
        if case.differences.is_empty() {
            xml.push_str("/>\n");
            continue;
        }
        let what: Vec<&str> = case.differences.iter().map(|d| d.what.as_str()).collect();
        let text: Vec<String> = case.differences.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            xml,
            ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
            escape(&what.join(", ")),
            escape(&text.join("\n"))
        );
    }
    if let Some(coverage) = &suite.coverage {
        let _ = write!(xml, "    <system-out>{} of {} steps rehearsed", coverage.reached, coverage.steps);
        for never in &coverage.never {
            let _ = write!(xml, "\nnever rehearsed: {}", escape(&never.to_string()));
        }
        xml.push_str("</system-out>\n");
    }
    xml.push_str("  </testsuite>\n");
}

/// Text as XML takes it, in content and in attributes. Characters that XML 1.0 cannot
/// hold at all become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::app::headless::{Coverage, Mismatch, Never};
    use crate::cli::scenarios::suite::Case;

    #[test]
    fn a_report_is_well_formed_whatever_it_holds() {
        let case = |scenario: &str, differences| Case {
            scenario: scenario.to_owned(),
            outcome: "completed",
            walked_ms: 1000,
            records: 10,
            took: Duration::from_millis(250),
            differences,
        };
        let bad = vec![Mismatch::unexpected("it stopped", "\u{1b}[1m\"a\" < b && c]]>")];
        let never = vec![Never::Guard("errors-up".to_owned())];
        let report = Report {
            passed: 1,
            failed: 2,
            took: Duration::from_secs(1),
            runbooks: vec![
                Suite {
                    runbook: "a".to_owned(),
                    scenarios: vec![case("good", Vec::new()), case("bad", bad)],
                    coverage: Some(Coverage { reached: 3, steps: 4, never }),
                },
                Suite { runbook: "empty".to_owned(), scenarios: Vec::new(), coverage: None },
            ],
        };
        insta::assert_snapshot!(render(&report));
    }
}
