//! Figures over sessions: from the ledger, and from journals where it does not say.

use std::fs;

use pacenote::journal::Mark;
use pacenote::session::Event;
use pacenote::session::event::{ChangeRecord, Mode, Opened, SessionOutcome};
use pacenote::state::ledger::{About, Ledger};
use serde_json::Value;

use super::journal::samples;
use super::population::{Place, closing};

fn deploy(opened: &mut Opened) {
    opened.change = Some(ChangeRecord {
        kind: "deploy".into(),
        service: Some("checkout".into()),
        committed: Some("2025-12-31T23:00:00Z".into()),
        ..ChangeRecord::default()
    });
    opened.estimate_ms = Some(122_000);
}

/// Two deployments, one rolled back; a rehearsal; one that is open.
fn some() -> Place {
    let place = Place::new();
    let walked = |outcome| -> Vec<Event> { vec![samples::intended(1, 100), samples::note("x"), closing(outcome)] };
    place.session("20260101-a", "2026-01-01T00:00:00Z", deploy, &walked(SessionOutcome::Completed));
    place.session("20260102-b", "2026-01-02T00:00:00Z", deploy, &walked(SessionOutcome::RolledBack));
    let rehearsal = |opened: &mut Opened| {
        deploy(opened);
        opened.mode = Mode::Rehearsal;
    };
    place.session("20260103-c", "2026-01-03T00:00:00Z", rehearsal, &walked(SessionOutcome::Aborted));
    place.session("20260104-d", "2026-01-04T00:00:00Z", deploy, &[samples::intended(1, 100)]);
    place
}

fn figures(place: &Place, arguments: &[&str]) -> Value {
    let went = place.pacenote(&[&["stats", "--format", "json"], arguments].concat());
    assert_eq!((went.code, went.err.as_str()), (Some(0), ""), "{}", went.out);
    serde_json::from_str(&went.out).unwrap()
}

fn figure<'a>(found: &'a Value, metric: &str) -> &'a Value {
    found["all"]["figures"].as_array().unwrap().iter().find(|figure| figure["metric"] == metric).unwrap()
}

#[test]
fn the_figures_come_from_the_ledger_alone() {
    let place = some();
    let found = figures(&place, &["--until", "2026-01-31"]);
    assert_eq!(figure(&found, "success_rate")["value"], 50.0);
    assert_eq!(figure(&found, "success_rate")["target"]["above"], 99.0);
    assert_eq!(figure(&found, "deployment_time")["value"], 61_000.0);
    assert_eq!(figure(&found, "time_against_estimate")["value"], 50.0);
    assert_eq!(figure(&found, "lead_time")["value"], f64::from(3_600_000 + 3_000));
    assert_eq!(figure(&found, "mttr")["value"], Value::Null);
    assert_eq!((&found["left"]["rehearsals"], &found["left"]["open"]), (&1.into(), &1.into()));
    fs::remove_dir_all(place.path().join("sessions")).unwrap();
    let without = figures(&place, &["--until", "2026-01-31"]);
    assert_eq!((&without["all"], &without["failed"]), (&found["all"], &found["failed"]));
}

/// A ledger as an older version wrote it says when, and no more.
#[test]
fn what_an_older_ledger_does_not_say_comes_from_the_journals() {
    let place = some();
    let found = figures(&place, &["--until", "2026-01-31"]);
    let entries = Ledger::of(&place.state()).entries().unwrap();
    fs::remove_file(place.path().join("ledger.jsonl")).unwrap();
    for entry in entries {
        let mark = Mark { sid: entry.sid, seq: entry.record, head: entry.head };
        Ledger::of(&place.state()).append(&entry.kind, &mark, entry.ts, About::default()).unwrap();
    }
    let from_journals = figures(&place, &["--until", "2026-01-31"]);
    assert_eq!((&from_journals["all"], &from_journals["left"]), (&found["all"], &found["left"]));
    fs::remove_dir_all(place.path().join("sessions/20260101-a")).unwrap();
    let less = figures(&place, &["--until", "2026-01-31"]);
    assert_eq!((&less["left"]["unknown"], &figure(&less, "success_rate")["value"]), (&1.into(), &0.0.into()));
}

#[test]
fn filters_groups_pages_and_reviews() {
    let place = some();
    assert_eq!(figure(&figures(&place, &["--until", "2026-01-01"]), "success_rate")["value"], 100.0);
    assert_eq!(figure(&figures(&place, &["--service", "billing"]), "success_rate")["value"], Value::Null);
    assert_eq!(figures(&place, &["--by", "month", "--until", "2026-01-31"])["groups"][0]["name"], "2026-01");
    assert_eq!(figure(&figures(&place, &["other-runbook"]), "success_rate")["over"], 0);
    let table = place.pacenote(&["stats", "--by", "service"]);
    for said in ["Success rate", "> 99 %", "NOT MET", "no data", "checkout", "What the figures mean"] {
        assert!(table.out.contains(said), "{said}: {}", table.out);
    }
    let page = place.home.path().join("page.html");
    assert_eq!(place.pacenote(&["stats", "--format", "html", "-o", page.to_str().unwrap()]).code, Some(0));
    assert!(fs::read_to_string(&page).unwrap().ends_with("</html>\n"));
    let review = place.pacenote(&["stats", "--review", "--since", "2026-01-01", "--until", "2026-01-07"]);
    assert!(review.out.contains("closed from 2026-01-01 00:00 to 2026-01-08 00:00 UTC"), "{}", review.out);
    assert_eq!(place.pacenote(&["stats", "-o", "x"]).code, Some(2));
}

#[test]
fn a_broken_ledger_is_said_and_shows_in_the_exit_code() {
    let place = some();
    let ledger = place.path().join("ledger.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, text.replace("\"session.closed\"", "\"session.opened\"")).unwrap();
    let went = place.pacenote(&["stats"]);
    assert_eq!(went.code, Some(1));
    assert!(went.err.contains("the figures end before that line"), "{}", went.err);
}

const RUNBOOK: &str = r#"pacenote: 1
runbook: short
title: Short
environments: {only: {prometheus: {url: 'https://prometheus.example.com'}}}
signals:
  api: {http: {url: 'https://checkout.example.com/health', expect: {status: 200}}, every: 1s}
steps:
  - {id: look, title: Look, checklist: [All is well]}
  - {id: try, title: Try, run: {command: ["false"]}, on_failure: abort}
"#;

const SCENARIO: &str = "pacenote-scenario: 1
scenario: it-fails
runbook: ../short.yaml
world: {services: {checkout: {rps: 10, hosts: [checkout.example.com], route: {replicas: [checkout]}, versions: {v1: {errors: 0}}}},
        deployments: {checkout: {image: 'registry.example.com/checkout:v1', replicas: 1}}}
commands: {try: {exit: 1, stderr: no}}
answers: {otherwise: continue}
par: {notice: 1m}
";

#[test]
fn a_rehearsal_ends_with_its_debrief_and_is_compared_with_the_one_before() {
    let place = Place::new();
    let home = place.home.path();
    fs::write(home.join("short.yaml"), RUNBOOK).unwrap();
    fs::create_dir(home.join("scenarios")).unwrap();
    fs::write(home.join("scenarios/it-fails.yaml"), SCENARIO).unwrap();
    fs::write(home.join("answers.yaml"), "otherwise: continue\n").unwrap();
    let walk = || place.pacenote(&["rehearse", "short.yaml", "--answers", "answers.yaml", "--speed", "10"]);
    let first = walk();
    assert_eq!(first.code, Some(1), "{}{}", first.out, first.err);
    let debrief = first.out.split("Debrief of ").nth(1).unwrap_or_else(|| panic!("{}", first.out));
    for said in ["short / it-fails", "first sign: step try", "Nobody sat at the keyboard", "Score 100", "The first walk"] {
        assert!(debrief.contains(said), "{said}: {debrief}");
    }
    assert!(walk().out.contains("Best of 1 earlier walk"));
    let sid = place.state().session_dirs().unwrap().last().unwrap().sid().to_owned();
    assert!(place.pacenote(&["show", &sid]).out.contains("Debrief of short / it-fails"));
    assert!(!place.pacenote(&["show", &sid, "--format", "jsonl"]).out.contains("Debrief"));
    let table = place.pacenote(&["stats", "--rehearsals"]).out;
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..3], ["short", "it-fails", "2"], "{table}");
    let json = place.pacenote(&["stats", "--rehearsals", "--format", "json"]).out;
    let all: Vec<Value> = serde_json::from_str(&json).unwrap();
    assert_eq!((all.len(), &all[0]["outcome"], &all[0]["par"]["notice_ms"]), (2, &"aborted".into(), &60_000.into()));
    // No figure of what is real knows of it.
    assert_eq!(figures(&place, &[])["left"]["rehearsals"], 2);
}
