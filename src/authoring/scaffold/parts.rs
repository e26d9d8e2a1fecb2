//! The text of the runbook, part by part.

use std::fmt::Write;

use super::{Answers, Check, Kind};

/// The runbook.
pub(super) fn runbook(answers: &Answers) -> String {
    let mut out = head(answers);
    environments(&mut out, answers);
    signals(&mut out, answers);
    guards(&mut out, answers);
    let steps = match answers.kind {
        Kind::Deploy => DEPLOY,
        Kind::Migration => MIGRATION,
        Kind::Incident => INCIDENT,
        Kind::Maintenance => MAINTENANCE,
    };
    let mut body = steps.replace("SERVICE", &answers.service);
    if answers.kind != Kind::Incident {
        body.push_str(ROLLBACK);
    }
    let sides = sides(answers);
    for line in body.lines() {
        match line.split_once("gate: {GOOD, ") {
            Some((before, times)) => gate(&mut out, before, &sides, times.trim_end_matches('}')),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn head(answers: &Answers) -> String {
    let Answers { name, kind, service, .. } = answers;
    let (title, about, estimate, ticket) = match kind {
        Kind::Deploy => (format!("Deploy {service}"), "A new version, watched, with a way back.", "30m", "CHG-1234"),
        Kind::Migration => (
            format!("Migrate the database of {service}"),
            "A backup first, then the change; both ways tried before.",
            "1h",
            "CHG-1234",
        ),
        Kind::Incident => {
            (format!("{service} is not well"), "From the first call to a cure, or to the next who can help.", "30m", "INC-1234")
        }
        Kind::Maintenance => (format!("Maintenance of {service}"), "Planned work; users know of it.", "1h", "CHG-1234"),
    };
    let mut out = format!(
        "pacenote: 1\nrunbook: {name}\ntitle: {title}\n# FILL IN: what it is for, and when another runbook is better\n\
         description: {about}\nowner: {service}-oncall # FILL IN\nrisk: medium # FILL IN low, medium or high\n\
         estimate: {estimate} # FILL IN with the way back\ncontacts:\n  - {{role: on-call, reach: \"#{service}-oncall\"}} # FILL IN\n\ninputs:\n"
    );
    if *kind == Kind::Deploy {
        out.push_str("  version: {prompt: Version to deploy, pattern: 'v\\d+\\.\\d+\\.\\d+', example: v1.2.4}\n");
    }
    let prompt = if *kind == Kind::Incident { "Incident" } else { "Change ticket" };
    let _ = writeln!(out, "  ticket: {{prompt: {prompt}, pattern: '[A-Z]+-\\d+', example: {ticket}}}");
    let version = if *kind == Kind::Deploy { ", version: \"${{ inputs.version }}\"" } else { "" };
    let _ = writeln!(out, "change: {{kind: {kind}, service: {service}{version}, ticket: \"${{{{ inputs.ticket }}}}\"}}");
    out
}

/// Whether an environment is a real one: people call it so, or it is the last of several,
/// which is where the real one is asked for.
fn is_real(name: &str, all: &[String]) -> bool {
    let last = all.len() > 1 && all.last().is_some_and(|last| last == name);
    last || ["prod", "live"].iter().any(|word| name.starts_with(word))
}

fn environments(out: &mut String, answers: &Answers) {
    let service = &answers.service;
    out.push_str("\n# FILL IN: the contexts of your kubeconfig, and your addresses\nenvironments:\n");
    let first = answers.environments.first().filter(|_| answers.environments.len() > 1 && answers.kind != Kind::Incident);
    for name in &answers.environments {
        let _ = writeln!(out, "  {name}:\n    kubernetes: {{context: {name}, namespace: {service}}}");
        let _ = writeln!(out, "    prometheus: {{url: \"https://prometheus.{name}.example.com\"}}");
        let _ = writeln!(out, "    vars: {{host: {service}.{name}.example.com}}");
        if is_real(name, &answers.environments) {
            out.push_str("    protected: true\n");
            if let Some(first) = first.filter(|first| *first != name) {
                let _ = writeln!(out, "    require: {{passed_in: {first}}}");
            }
        }
    }
    let _ = writeln!(out, "lock: {service}-${{{{ env.name }}}}");
}

fn signals(out: &mut String, answers: &Answers) {
    out.push_str("\nsignals:\n");
    let mut add = |text: &str| out.push_str(&text.replace("SERVICE", &answers.service));
    add("  pods: {pods: {selector: app=SERVICE}}\n");
    for check in &answers.checks {
        add(match check {
            Check::Health => HEALTH,
            Check::Errors => ERRORS,
            Check::Latency => LATENCY,
        });
    }
    if answers.checks.iter().any(|check| *check != Check::Health) {
        add(TRAFFIC);
    }
}

const HEALTH: &str = r#"  api:
    title: health
    http: {url: "https://${{ env.vars.host }}/health", expect: {status: 200}}
    every: 10s
    timeout: 5s
"#;
const ERRORS: &str = r#"  error_rate:
    title: error rate
    prometheus: >-
      (sum(rate(http_requests_total{app="SERVICE",status=~"5.."}[1m])) or vector(0))
      / sum(rate(http_requests_total{app="SERVICE"}[1m])) * 100
    every: 15s
    unit: percent
    warn: 1
    critical: 5
    baseline: 10m
"#;
const LATENCY: &str = r#"  p95:
    title: latency p95
    prometheus: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{app="SERVICE"}[1m])))
    every: 15s
    unit: seconds
    warn: 0.5
    critical: 2
    baseline: 10m
"#;
const TRAFFIC: &str = r#"  traffic:
    title: requests
    prometheus: sum(rate(http_requests_total{app="SERVICE"}[1m]))
    every: 15s
    unit: per_second
"#;

fn guards(out: &mut String, answers: &Answers) {
    if answers.checks.is_empty() {
        return;
    }
    let then = if answers.kind == Kind::Incident { "hold" } else { "rollback" };
    out.push_str("\n# FILL IN: what must never be overlooked while you read something else\nguards:\n");
    for check in &answers.checks {
        let (id, when, long) = match check {
            Check::Health => ("health-failing", "signals.api.failures > 3", ""),
            Check::Errors => (
                "errors-up",
                "signals.error_rate.value > signals.error_rate.baseline * 1.5 && signals.error_rate.value > 1",
                ", for: 1m",
            ),
            Check::Latency => ("slower", "signals.p95.value > signals.p95.baseline * 2", ", for: 2m"),
        };
        let _ = writeln!(out, "  - {{id: {id}, when: {when}{long}, then: {then}}}");
    }
}

/// What must hold for the service to be well.
fn sides(answers: &Answers) -> Vec<&'static str> {
    let mut sides = vec!["signals.pods.total > 0 && signals.pods.ready == signals.pods.total"];
    sides.extend(answers.checks.iter().map(|check| match check {
        Check::Health => "signals.api.ok",
        Check::Errors => "signals.error_rate.value < 1",
        Check::Latency => "signals.p95.value < 0.5",
    }));
    sides
}

/// A gate, a line for each thing it asks for; `times` are its other keys.
fn gate(out: &mut String, before: &str, sides: &[&str], times: &str) {
    let pad = " ".repeat(before.len());
    let _ = write!(out, "{before}gate:\n{pad}  pass: >-\n{pad}    {}", sides.join(&format!("\n{pad}    && ")));
    if sides.iter().any(|side| side.contains("error_rate") || side.contains("p95")) {
        let _ = write!(out, "\n{pad}  min: {{traffic: 1}}");
    }
    for key in times.split(", ") {
        let _ = write!(out, "\n{pad}  {key}");
    }
}

const DEPLOY: &str = r#"
steps:
  - id: preflight
    title: Before the deploy
    phase: Prepare
    checklist:
      - All tests pass in CI # FILL IN
      - {text: The on-call engineer knows, note: required}
  - id: deploy
    title: Deploy ${{ inputs.version }}
    phase: Deploy
    danger: true
    # FILL IN: container and image
    kubernetes: {set_image: {deployment: SERVICE, container: app, image: "registry.example.com/SERVICE:${{ inputs.version }}"}}
    undo: {kubernetes: {rollout_undo: {deployment: SERVICE}}}
    timeout: 10m
    on_failure: rollback
  - id: watch
    title: Watch it
    phase: Deploy
    gate: {GOOD, for: 5m, settle: 30s}
    on_failure: rollback
"#;
const MIGRATION: &str = r#"
steps:
  - id: preflight
    title: Before the migration
    phase: Prepare
    checklist:
      - The migration was tried on a copy of the data # FILL IN
      - The version that runs now works with both the old and the new form
  - id: backup
    title: Take a backup
    phase: Prepare
    run: {command: [take-backup, SERVICE]} # FILL IN
    undo: {none: a backup harms nobody}
    timeout: 30m
  - id: migrate
    title: Migrate
    phase: Migrate
    danger: true
    run: {command: [migrate, SERVICE, up]} # FILL IN
    undo: {run: {command: [migrate, SERVICE, down]}} # FILL IN
    look: {run: {command: [migrate, SERVICE, status], reads_only: true}, done: '!result.stdout.contains("pending")'} # FILL IN
    timeout: 30m
    on_failure: rollback
  - id: status
    title: Is every migration applied?
    phase: Migrate
    run: {command: [migrate, SERVICE, status], reads_only: true, expect: {when: '!result.stdout.contains("pending")'}} # FILL IN
    timeout: 1m
    on_failure: rollback
  - id: watch
    title: Watch it
    phase: Migrate
    gate: {GOOD, for: 5m, settle: 30s}
    on_failure: rollback
"#;
const INCIDENT: &str = r#"
steps:
  - id: impact
    title: What is it, and whom does it hurt?
    phase: Assess
    input:
      impact: {type: text, prompt: "Who notices what?"}
  - id: changed
    title: What was deployed lately?
    phase: Find
    run: {command: [kubectl, rollout, history, deployment/SERVICE], reads_only: true}
    timeout: 1m
    on_failure: continue
  - id: cause
    title: What is it most likely?
    phase: Find
    # FILL IN: the causes you know, each with its cure
    decide:
      question: What helps?
      options:
        - {key: b, label: "A deploy began it: go back", call: go-back, reason: required}
        - {key: s, label: Start the pods anew, next: restart}
        - {key: o, label: "Neither, it is over", next: cured, reason: required}
  - id: restart
    title: Start the pods anew
    phase: Cure
    when: steps.cause.choice == "s"
    danger: true
    kubernetes: {rollout_restart: {deployment: SERVICE}}
    undo: {none: the same version runs as before}
    timeout: 10m
  - id: cured
    title: Is it well again?
    phase: Cure
    gate: {GOOD, for: 5m}
followups:
  - {text: Post-mortem, within: 72h}

procedures:
  go-back:
    title: Go back to the version before
    steps:
      - id: undo
        title: Go back
        danger: true
        kubernetes: {rollout_undo: {deployment: SERVICE, to: previous}}
        undo: {kubernetes: {rollout_undo: {deployment: SERVICE}}}
        timeout: 10m
"#;
const MAINTENANCE: &str = r#"
steps:
  - id: before
    title: Before the work
    phase: Prepare
    checklist:
      - Users were told when, how long and why # FILL IN
      - {text: The on-call engineer knows, note: required}
  - id: well
    title: It is well before anything is touched
    phase: Prepare
    gate: {GOOD, for: 1m}
  - id: work
    title: The work
    phase: Work
    danger: true
    run: {command: [maintain, SERVICE]} # FILL IN
    undo: {run: {command: [maintain, SERVICE, "--revert"]}} # FILL IN
    timeout: 30m
    on_failure: rollback
  - id: worked
    title: Did it work?
    phase: Work
    run: {command: [maintain, SERVICE, "--verify"], reads_only: true} # FILL IN
    timeout: 5m
    on_failure: rollback
  - id: watch
    title: Watch the users come back
    phase: After
    gate: {GOOD, for: 5m, settle: 30s}
    on_failure: rollback
followups:
  - {text: Tell users that it is over, within: 1h}
"#;
const ROLLBACK: &str = r#"
procedures:
  rollback:
    title: Roll back
    steps:
      - {id: undo, title: "Undo what was done, last first", undo: all}
      - id: healthy
        title: Well again
        gate: {GOOD, for: 2m}
"#;
