//! The report of `test` for people.

use super::suite::{Report, Suite};
use crate::cli::console::{Console, Table};
use crate::error::Problem;

/// Writes the table, what differs, what was never rehearsed, and the sums.
pub(super) fn write(console: &mut Console, report: &Report) -> Result<(), Problem> {
    let mut table = Table::new(&["RUNBOOK", "SCENARIO", "RESULT", "OUTCOME", "WALKED", "RECORDS"]);
    for suite in &report.runbooks {
        for case in &suite.scenarios {
            let seconds = case.walked_ms / 1000;
            table.row([
                suite.runbook.clone(),
                case.scenario.clone(),
                if case.differences.is_empty() { "ok" } else { "FAILED" }.to_owned(),
                case.outcome.to_owned(),
                format!("{}m{:02}s", seconds / 60, seconds % 60),
                case.records.to_string(),
            ]);
        }
    }
    console.line(&table)?;
    for suite in &report.runbooks {
        differences(console, suite)?;
    }
    for suite in &report.runbooks {
        let Some(coverage) = &suite.coverage else { continue };
        let open: Vec<String> = coverage.never.iter().map(ToString::to_string).collect();
        if !open.is_empty() {
            let (reached, steps) = (coverage.reached, coverage.steps);
            console.line(format_args!(
                "{}: {reached} of {steps} steps rehearsed; never rehearsed: {}",
                suite.runbook,
                open.join(", ")
            ))?;
        }
    }
    let (passed, failed) = (report.passed, report.failed);
    console.line(format_args!("{passed} passed, {failed} failed, in {:.1} s", report.took.as_secs_f64()))
}

fn differences(console: &mut Console, suite: &Suite) -> Result<(), Problem> {
    if suite.scenarios.is_empty() {
        console.line(format_args!("{}: no scenario to walk", suite.runbook))?;
    }
    for case in suite.scenarios.iter().filter(|case| !case.differences.is_empty()) {
        console.line(format_args!("{}/{}:", suite.runbook, case.scenario))?;
        for difference in &case.differences {
            for line in difference.to_string().lines() {
                console.line(format_args!("  {line}"))?;
            }
        }
    }
    Ok(())
}
