//! The text of the scenarios: one in which all goes well, one that ends in going back.

use super::{Answers, Check, Kind, Scenario};

/// How the bad version shows itself, by what is watched.
struct Trouble {
    /// How it behaves.
    behaviour: &'static str,
    /// In a sentence.
    story: &'static str,
    /// The guard of a deploy that notices first. Where there is none, the deploy fails.
    guard: Option<&'static str>,
}

impl Trouble {
    fn of(answers: &Answers) -> Self {
        let watched = |check| answers.checks.contains(&check);
        if watched(Check::Errors) {
            let behaviour = "errors: 12, latency: {p50: 70ms, p95: 160ms}, ready_after: 6s";
            Self { behaviour, story: "one request in eight fails", guard: Some("errors-up") }
        } else if watched(Check::Latency) {
            let behaviour = "errors: 0.2, latency: {p50: 700ms, p95: 1600ms}, ready_after: 6s";
            Self { behaviour, story: "answers take ten times as long", guard: Some("slower") }
        } else {
            let behaviour = "errors: 0.2, latency: {p50: 70ms, p95: 160ms}, ready_after: 6s, crash_after: 3s";
            Self { behaviour, story: "its pods crash before they are ready", guard: None }
        }
    }
}

/// The scenarios of a new runbook. The first is the one in which all goes well.
pub(super) fn all(answers: &Answers) -> Vec<Scenario> {
    let good = "errors: 0.2, latency: {p50: 70ms, p95: 160ms}, ready_after: 6s";
    let trouble = Trouble::of(answers);
    let (name, about, behaviour, walk) = match answers.kind {
        Kind::Deploy => {
            ("bad-version", format!("In the new version {}.", trouble.story), trouble.behaviour, bad_deploy(&trouble))
        }
        Kind::Migration => {
            ("not-applied", "The tool is done, and one migration is not.".to_owned(), good, NOT_APPLIED.to_owned())
        }
        Kind::Incident => (
            "bad-version",
            format!("Somebody has just deployed v1.2.4, and {}.", trouble.story),
            trouble.behaviour,
            BAD_VERSION_FOUND.to_owned(),
        ),
        Kind::Maintenance => ("does-not-work", "The work is done, and did not work.".to_owned(), good, DOES_NOT_WORK.to_owned()),
    };
    let walked = match answers.kind {
        Kind::Deploy => DEPLOY,
        Kind::Migration => MIGRATION,
        Kind::Incident => INCIDENT,
        Kind::Maintenance => MAINTENANCE,
    };
    let well = "All goes well. Copy it, let something else go wrong, and say what must come of it.";
    vec![
        Scenario { name: "all-good", text: text(answers, "all-good", well, 1, good, walked) },
        Scenario { name, text: text(answers, name, &format!("{about} It is rolled back."), 2, behaviour, &walk) },
    ]
}

fn text(answers: &Answers, scenario: &str, about: &str, seed: u8, behaviour: &str, walk: &str) -> String {
    let Answers { name, kind, service, .. } = answers;
    let environment = answers.last();
    let inputs = match kind {
        Kind::Deploy => "version: v1.2.4, ticket: CHG-1",
        Kind::Incident => "ticket: INC-1",
        Kind::Migration | Kind::Maintenance => "ticket: CHG-1",
    };
    format!(
        "# {about}\npacenote-scenario: 1\nscenario: {scenario}\nrunbook: ../{name}.yaml\nenv: {environment}\n\
         inputs: {{{inputs}}}\nseed: {seed}\nworld:\n  namespace: {service}\n  services:\n    {service}:\n      rps: 50\n\
         \x20     hosts: [{service}.{environment}.example.com]\n      versions:\n\
         \x20       v1.2.3: {{errors: 0.3, latency: {{p50: 80ms, p95: 180ms}}, ready_after: 4s}}\n        v1.2.4: {{{behaviour}}}\n\
         \x20 deployments:\n    {service}: {{image: \"registry.example.com/{service}:v1.2.3\", replicas: 3}}\n{}",
        walk.replace("SERVICE", service)
    )
}

fn bad_deploy(trouble: &Trouble) -> String {
    let (answer, path, guards) = match trouble.guard {
        Some(guard) => (
            format!("  guards:\n    {guard}: {{choose: rollback, reason: it began with the new version}}\n"),
            "[preflight, deploy, watch, rollback]",
            guard,
        ),
        None => (String::new(), "[preflight, deploy, rollback]", ""),
    };
    format!(
        "answers:\n  steps:\n    preflight: {{tick: all, note: paged}}\n    deploy: {{answer: yes}}\n{answer}  otherwise: continue\n\
         operator: {{reacts_after: 20s}}\nexpect:\n  outcome: rolled-back\n  path: {path}\n  guards: [{guards}]\n\
         \x20 world: {{SERVICE: {{version: v1.2.3, replicas: 3, ready: 3}}}}\n  within: 30m\n"
    )
}

const DEPLOY: &str = r"answers:
  steps:
    preflight: {tick: all, note: paged}
    deploy: {answer: yes}
  otherwise: continue
expect:
  outcome: completed
  path: [preflight, deploy, watch]
  guards: []
  world: {SERVICE: {version: v1.2.4, replicas: 3, ready: 3}}
  within: 30m
";
const MIGRATION: &str = r#"commands:
  backup: {stdout: done, takes: 5m}
  migrate: {stdout: applied, takes: 2m}
  status: {stdout: "all applied", takes: 2s}
answers:
  steps:
    migrate: {answer: yes}
  otherwise: continue
expect:
  outcome: completed
  path: [preflight, backup, migrate, status, watch]
  guards: []
  within: 1h
"#;
const NOT_APPLIED: &str = r#"commands:
  backup: {stdout: done, takes: 5m}
  migrate: {stdout: applied, takes: 2m}
  status: {stdout: "1 pending", takes: 2s}
answers:
  steps:
    migrate: {answer: yes}
  otherwise: continue
expect:
  outcome: rolled-back
  path: [preflight, backup, migrate, status, rollback]
  guards: []
  within: 1h
"#;
const INCIDENT: &str = r#"commands:
  changed: {stdout: "REVISION  CHANGE-CAUSE\n1  v1.2.3", takes: 1s}
answers:
  inputs: {impact: payments are slow}
  steps:
    cause: {choose: s}
    restart: {answer: yes}
  otherwise: continue
expect:
  outcome: completed
  path: [impact, changed, cause, restart, cured]
  guards: []
  world: {SERVICE: {version: v1.2.3, replicas: 3, ready: 3}}
  within: 30m
"#;
const BAD_VERSION_FOUND: &str = r#"events:
  - {at: 1s, set_image: {deployment: SERVICE, image: "registry.example.com/SERVICE:v1.2.4"}}
commands:
  changed: {stdout: "REVISION  CHANGE-CAUSE\n1  v1.2.3\n2  v1.2.4", takes: 1s}
answers:
  inputs: {impact: payments fail}
  steps:
    cause: {choose: b, reason: it began with v1.2.4}
    "cause!go-back/undo": {answer: yes}
  otherwise: continue
operator: {reacts_after: 30s}
expect:
  outcome: completed
  path: [impact, changed, cause, "cause!go-back", cured]
  guards: []
  world: {SERVICE: {version: v1.2.3, replicas: 3, ready: 3}}
  within: 30m
"#;
const MAINTENANCE: &str = r"commands:
  work: {stdout: done, takes: 5m}
  worked: {stdout: as it should be, takes: 10s}
answers:
  steps:
    before: {tick: all, note: paged}
    work: {answer: yes}
  otherwise: continue
expect:
  outcome: completed
  path: [before, well, work, worked, watch]
  guards: []
  within: 1h
";
const DOES_NOT_WORK: &str = r"commands:
  work: {stdout: done, takes: 5m}
  worked: {stdout: not as it should be, exit: 1, takes: 10s}
answers:
  steps:
    before: {tick: all, note: paged}
    work: {answer: yes}
  otherwise: continue
expect:
  outcome: rolled-back
  path: [before, well, work, worked, rollback]
  guards: []
  within: 1h
";
