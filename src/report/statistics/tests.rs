use chrono::TimeDelta;

use super::*;
use crate::session::figures::{Names, StepTime, Trouble};

fn day(n: i64) -> DateTime<Utc> {
    "2026-11-02T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(n)
}

/// A deploy of a service, opened on a day, that took so many minutes.
fn run(sid: &str, on: i64, minutes: i64, outcome: SessionOutcome) -> Run {
    let walked_ms = u64::try_from(minutes * 60_000).unwrap();
    let opened = OpenedSummary {
        runbook: "canary-deploy".into(),
        title: "Canary <b>deploy</b>".into(),
        bundle: String::new(),
        environment: "production".into(),
        operator: "alice@example.com".into(),
        host: "bastion".into(),
        mode: Mode::Live,
        service: Some("checkout".into()),
        version: None,
        ticket: None,
        kind: Some("deploy".into()),
        scenario: None,
        emergency: false,
        estimate_ms: Some(20 * 60_000),
        committed: None,
        rolls_back: None,
        ledger_head: None,
        at: day(on),
    };
    let figures = Figures { outcome: Some(outcome), walked_ms, changes: 1, ..Figures::default() };
    Run { sid: sid.to_owned(), opened, closed: day(on) + TimeDelta::minutes(minutes), figures, reviewed: None }
}

fn ask(runs: &[Run], by: Option<By>) -> Statistics {
    let takes = |_: &OpenedSummary| true;
    statistics(
        runs,
        Left::default(),
        &Question { from: Some(day(0)), to: day(14), ends: true, takes: &takes, filter: String::new(), by },
    )
}

fn value(statistics: &Statistics, metric: Metric) -> Option<f64> {
    statistics.all.figure(metric).unwrap().value
}

const ALL: [Metric; 8] = Metric::ALL;

#[test]
fn a_figure_without_data_says_so_and_meets_no_target() {
    let none = ask(&[], None);
    for metric in ALL {
        let figure = none.all.figure(metric).unwrap();
        assert_eq!((figure.value, figure.met, figure.over), (None, None, 0), "{metric:?}");
    }
    let texts = [page(&none), review(&none, &none), format!("{:?}", overview(&none))];
    for text in texts {
        assert!(text.contains("no data") && !text.contains("NaN"), "{text}");
        assert!([">0 %", ">100 %", "| 0 %", "| 100 %", "\"0 %", "\"100 %"].iter().all(|zero| !text.contains(zero)), "{text}");
    }
}

#[test]
fn rehearsals_dry_runs_and_what_changed_nothing_count_in_no_figure() {
    let rehearsed = |mode: Mode| {
        let mut run = run("r", 1, 10, SessionOutcome::Completed);
        run.opened.mode = mode;
        run
    };
    let mut called_off = run("c", 1, 3, SessionOutcome::Aborted);
    called_off.figures.changes = 0;
    let mut other = run("o", 1, 3, SessionOutcome::Completed);
    other.opened.kind = None;
    let found = ask(&[rehearsed(Mode::Rehearsal), rehearsed(Mode::DryRun), called_off, other], None);
    assert!(ALL.iter().all(|metric| value(&found, *metric).is_none()));
    let left = Left { rehearsals: 1, dry_runs: 1, called_off: 1, other: 1, ..Left::default() };
    assert_eq!(found.left, left);
}

#[test]
fn the_definitions_are_what_is_worked_out() {
    let mut rolled_back = run("b", 2, 40, SessionOutcome::RolledBack);
    rolled_back.figures.rolled_back = true;
    rolled_back.figures.trouble = Some(Trouble { at: day(2) + TimeDelta::minutes(10), what: "guard errors-up".into() });
    rolled_back.figures.recovered = Some(day(2) + TimeDelta::minutes(30));
    let mut later = run("d", 4, 8, SessionOutcome::RolledBack);
    later.opened.rolls_back = Some("c".into());
    let mut migration = run("m", 5, 90, SessionOutcome::Aborted);
    migration.opened.kind = Some("migration".into());
    let mut incident = run("i", 6, 12, SessionOutcome::Completed);
    incident.opened.kind = Some("incident".into());
    incident.figures.changes = 0;
    let mut good = run("a", 1, 10, SessionOutcome::Completed);
    good.opened.committed = Some(day(0));
    let runs = [good, rolled_back, run("c", 3, 30, SessionOutcome::Completed), later, migration, incident];
    let found = ask(&runs, None);
    for (metric, expected, over) in [
        // a, b and c are deployments; b was rolled back, c later.
        (Metric::SuccessRate, 100.0 / 3.0, 3),
        (Metric::DeployTime, 20.0 * 60_000.0, 2),
        // 10 and 30 minutes of twice 20.
        (Metric::AgainstEstimate, 100.0, 2),
        (Metric::RollbackRate, 200.0 / 3.0, 3),
        // 20 minutes of b, 8 of d for c, 12 of the incident; the migration has not recovered.
        (Metric::Recovery, 40.0 / 3.0 * 60_000.0, 3),
        (Metric::ChangeFailure, 75.0, 4),
        (Metric::Frequency, 0.5, 3),
        (Metric::LeadTime, (24.0 * 60.0 + 10.0) * 60_000.0, 1),
    ] {
        let figure = found.all.figure(metric).unwrap();
        let near = (figure.value.unwrap() - expected).abs() < 1e-6 * expected;
        assert!(near && figure.over == over, "{metric:?}: {figure:?}, expected {expected} over {over}");
    }
    assert_eq!(found.all.not_recovered, 1);
    let met = |metric: Metric| found.all.figure(metric).unwrap().met;
    assert_eq!(
        [Metric::SuccessRate, Metric::DeployTime, Metric::Recovery, Metric::LeadTime].map(met),
        [Some(false), Some(true), Some(true), None]
    );
    let failed: Vec<(&str, Option<u64>)> = found.failed.iter().map(|one| (one.sid.as_str(), one.recovery_ms)).collect();
    assert_eq!(failed, [("m", None), ("c", Some(8 * 60_000)), ("b", Some(20 * 60_000))]);
}

#[test]
fn a_limit_that_is_just_reached_is_not_met() {
    let at_the_limit: Vec<Run> = (0..100)
        .map(|n| run(&format!("s{n}"), 1, 30, if n == 0 { SessionOutcome::Aborted } else { SessionOutcome::Completed }))
        .collect();
    let found = ask(&at_the_limit, None);
    for metric in [Metric::SuccessRate, Metric::DeployTime] {
        let figure = found.all.figure(metric).unwrap();
        assert_eq!(figure.met, Some(false), "{figure:?}");
    }
}

#[test]
fn a_clock_that_was_set_back_gives_no_time() {
    let mut odd = run("a", 1, 10, SessionOutcome::RolledBack);
    odd.figures.trouble = Some(Trouble { at: day(3), what: "gate soak".into() });
    odd.figures.recovered = Some(day(2));
    let found = ask(&[odd], None);
    assert_eq!((value(&found, Metric::Recovery), found.all.not_recovered), (None, 1));
}

#[test]
fn periods_without_sessions_are_there_and_have_no_data() {
    let found = ask(&[run("a", 1, 10, SessionOutcome::Completed)], Some(By::Week));
    let weeks: Vec<(&str, Option<f64>)> =
        found.groups.iter().map(|g| (g.name.as_str(), g.figure(Metric::SuccessRate).unwrap().value)).collect();
    assert_eq!(weeks, [("2026-W45", Some(100.0)), ("2026-W46", None), ("2026-W47", None)]);
    let mut other = run("b", 2, 10, SessionOutcome::Completed);
    other.opened.service = None;
    let found = ask(&[run("a", 1, 10, SessionOutcome::Completed), other], Some(By::Service));
    assert_eq!(found.groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["(no service)", "checkout"]);
    let found = ask(&[run("a", 1, 10, SessionOutcome::Completed)], Some(By::Month));
    assert_eq!(found.groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["2026-11"]);
}

#[test]
fn lists_put_the_same_together_most_first() {
    let with = |sid: &str, skipped: &[&str], ms: u64| {
        let mut run = run(sid, 1, 10, SessionOutcome::Completed);
        run.figures.skipped = Names { names: skipped.iter().map(|s| (*s).to_owned()).collect(), more: 0 };
        run.figures.slowest = vec![StepTime { path: "shift[10]/soak".into(), ms }];
        run
    };
    let found = ask(&[with("a", &["x"], 1000), with("b", &["y", "x"], 3000)], None);
    assert_eq!(found.skipped.iter().map(|n| (n.name.as_str(), n.times)).collect::<Vec<_>>(), [("x", 2), ("y", 1)]);
    assert_eq!((found.slowest[0].times, found.slowest[0].mean_ms), (2, Some(2000)));
    assert_eq!(lists(&found)[0].1, ["canary-deploy shift[10]/soak: 2s on average, 2 times"]);
}

fn some() -> Vec<Run> {
    let mut bad = run("20261104-b", 2, 40, SessionOutcome::RolledBack);
    bad.figures.trouble = Some(Trouble { at: day(2) + TimeDelta::minutes(10), what: "guard <script>alert(1)</script>".into() });
    bad.figures.recovered = Some(day(2) + TimeDelta::minutes(30));
    bad.figures.guards = Names { names: vec!["<script>alert(1)</script>".into()], more: 0 };
    bad.opened.emergency = true;
    let mut later = run("20261105-d", 3, 20, SessionOutcome::Completed);
    later.figures.emergency = true;
    later.reviewed = Some("objected by carol".into());
    vec![later, run("20261103-a", 1, 10, SessionOutcome::Completed), bad, run("20261112-c", 10, 35, SessionOutcome::Completed)]
}

#[test]
fn the_page_fetches_nothing_and_data_stays_text() {
    let page = page(&ask(&some(), Some(By::Service)));
    assert!(page.contains("content=\"default-src &#39;none&#39;; style-src &#39;sha256-"), "{}", &page[..400]);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"));
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains(" style="));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert_eq!(page.matches("<line class=critical").count(), 5, "a line for each target");
    assert!(page.contains("NOT MET") && page.contains("no data"));
}

#[test]
fn the_review_reads_well() {
    let runs = some();
    let takes = |_: &OpenedSummary| true;
    let ask = |from: i64, to: i64| {
        let question = Question {
            from: Some(day(from)),
            to: day(to),
            ends: true,
            takes: &takes,
            filter: "service checkout".into(),
            by: None,
        };
        statistics(&runs, Left { open: 1, ..Left::default() }, &question)
    };
    insta::assert_snapshot!(review(&ask(0, 7), &ask(-7, 0)).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn the_table_reads_well() {
    let found = ask(&some(), Some(By::Week));
    let text = |rows: Vec<Vec<String>>| rows.iter().map(|row| row.join(" | ")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(format!("{}\n\n{}\n\n{}", found.scope(), text(overview(&found)), text(by_group(&found.groups))));
}
