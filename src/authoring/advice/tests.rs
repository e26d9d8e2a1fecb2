use super::*;
use crate::runbook::load;

/// A runbook with what a case adds to it.
fn runbook(extra: &str, steps: &str) -> String {
    let head =
        "pacenote: 1\nrunbook: t\ntitle: t\nestimate: 5m\nenvironments: {a: {prometheus: {url: 'https://p.example.com'}}}\n";
    let signals = "signals:\n  api: {http: {url: 'https://x.example.com'}}\n  errors: {prometheus: up, unit: percent}\n  load: {prometheus: up}\n";
    format!("{head}{signals}{extra}\nsteps:\n{steps}\n")
}

const CHANGE: &str = "  - {id: change, title: c, run: {command: [a]}, undo: {none: n}}\n";
const LOOK: &str = "  - {id: look, title: l, gate: {pass: signals.api.ok}}\n";
const BACK: &str =
    "procedures: {rollback: {steps: [{id: u, title: u, undo: all}, {id: g, title: g, gate: {pass: signals.api.ok}}]}}";

fn said(yaml: &str) -> Vec<(&'static str, u32)> {
    let (runbook, _) = crate::runbook::parse("t.yaml", yaml.as_bytes()).unwrap_or_else(|d| panic!("{d:?}\n{yaml}"));
    of("t.yaml", &runbook).iter().map(|d| (d.code, d.span.map_or(0, |s| s.line))).collect()
}

fn compare(cases: &[(String, &[(&str, u32)])]) {
    for (yaml, expected) in cases {
        assert_eq!(said(yaml), *expected, "{yaml}");
    }
}

#[test]
fn a_change_wants_a_look_and_an_estimate() {
    let both = format!("{CHANGE}{LOOK}");
    let then = |step: &str| runbook("", &format!("{CHANGE}  - {{id: b, title: b, {step}}}"));
    let calls = format!("{}procedures: {{p: {{steps: [{{id: c, title: c, confirm: ok}}]}}}}", then("call: p"));
    compare(&[
        (runbook("", &both), &[]),
        (runbook("", CHANGE), &[("no-verification", 12)]),
        (runbook("", &format!("{LOOK}{CHANGE}")), &[("no-verification", 13)]),
        (runbook("", "  - {id: a, title: a, run: {command: [a], expect: {stdout: done}}}"), &[]),
        (then("run: {command: [b], reads_only: true}"), &[]),
        (then("http: {url: 'https://x.example.com'}"), &[]),
        (then("notify: {to: x, text: t}"), &[("no-verification", 12)]),
        (calls, &[]),
        (
            runbook("", &format!("{both}procedures: {{rollback: {{steps: [{{id: u, title: u, undo: all}}]}}}}")),
            &[("no-verification", 14)],
        ),
        (runbook("", &both).replace("estimate: 5m\n", ""), &[("no-estimate", 2)]),
        (runbook("", LOOK).replace("estimate: 5m\n", ""), &[]),
    ]);
}

#[test]
fn a_guard_that_cannot_trip_is_found() {
    let guard = |when: &str| runbook(&format!("guards: [{{id: g, when: '{when}', then: hold}}]"), &format!("{CHANGE}{LOOK}"));
    let never: &[(&str, u32)] = &[("guard-cannot-trip", 10)];
    compare(&[
        (guard("signals.errors.value > 5"), &[]),
        (guard("signals.errors.value > 100"), never),
        (guard("signals.errors.value >= 100"), &[]),
        (guard("signals.load.value > 100"), &[]),
        (guard("signals.api.failures < 0"), never),
        (guard("0 > signals.api.failures"), never),
        (guard("false"), never),
        (guard("signals.load.value > 5 && signals.load.value < 3"), never),
        (guard("signals.load.value >= 5 && signals.load.value <= 5"), &[]),
        (guard("signals.load.value > 5 && signals.load.value <= 5"), never),
        (guard("signals.load.value > 5 || signals.load.value < 3"), &[]),
        (guard("signals.load.value > 5 && signals.errors.value < 3"), &[]),
        (guard("signals.load.value == 1 && signals.load.value == 2"), never),
        (guard("signals.load.value * 2 > 5 && signals.load.value < 2"), &[]),
        (runbook("guards: [{id: g, when: signals.load.value > 5, then: hold}]", LOOK), never),
        (runbook("guards: [{id: g, when: signals.load.value > 5, then: hold, arm: start}]", LOOK), &[]),
    ]);
}

#[test]
fn a_gate_that_cannot_pass_is_found() {
    let gate = |gate: &str| runbook("", &format!("  - {{id: look, title: l, {gate}}}"));
    let never: &[(&str, u32)] = &[("gate-cannot-pass", 12)];
    compare(&[
        (gate("gate: {pass: signals.errors.value < 1, for: 5m}, timeout: 10m"), &[]),
        (gate("gate: {pass: signals.errors.value < 0, for: 5m}"), never),
        (gate("gate: {pass: 'signals.load.value < 1 && signals.load.value > 2'}"), never),
        (gate("gate: {pass: signals.api.ok, for: 10m}, timeout: 10m"), never),
        (gate("gate: {pass: signals.api.ok, for: 9m, settle: 2m}, timeout: 10m"), never),
        (gate("gate: {pass: signals.api.ok}, timeout: 10m"), &[]),
        (gate("gate: {pass: signals.api.ok, min: {errors: 101}}"), never),
        (gate("gate: {pass: signals.api.ok, min: {load: 101}}"), &[]),
    ]);
}

#[test]
fn a_decision_after_a_change_wants_a_way_back() {
    let decide =
        |options: &str| format!("{CHANGE}  - {{id: d, title: d, decide: {{question: q, options: [{options}]}}}}\n{LOOK}");
    let onward = decide("{key: y, label: l}, {key: x, label: n}");
    let skips = decide("{key: y, label: l}, {key: x, label: n, next: look}")
        .replace("  - {id: look", "  - {id: again, title: a, run: {command: [a]}}\n  - {id: look");
    let before = format!("  - {{id: d, title: d, decide: {{question: q, options: [{{key: y, label: l}}]}}}}\n{CHANGE}{LOOK}");
    compare(&[
        (runbook(BACK, &onward), &[("no-way-back", 13)]),
        (runbook(BACK, &decide("{key: y, label: l}, {key: b, label: n, call: rollback}")), &[]),
        (runbook(BACK, &decide("{key: y, label: l}, {key: x, label: n, next: look}")), &[("no-way-back", 13)]),
        (runbook(BACK, &skips), &[]),
        (runbook("", &onward), &[]),
        (runbook(BACK, &before), &[]),
        (runbook(BACK, &onward.replace("undo:", "point_of_no_return: true, undo:")), &[]),
    ]);
}

#[test]
fn what_is_said_has_a_hint_and_a_rule() {
    let (runbook, _) = crate::runbook::parse("t.yaml", runbook("", CHANGE).as_bytes()).unwrap();
    let found = of("t.yaml", &runbook);
    assert!(!found.is_empty());
    for diagnostic in found {
        assert!(diagnostic.hint.is_some());
        assert!(RULES.iter().any(|(code, _)| *code == diagnostic.code));
    }
}

/// What is said about the shipped runbooks, and why it is left so.
const KNOWN: &[(&str, &str, &str)] = &[(
    "maintenance-window.yaml",
    "no-verification nothing looks at what `resume` did",
    "it comes after everything was watched; pipelines that stay paused show with the next deploy and harm nobody",
)];

#[test]
fn the_library_is_clean_or_says_why() {
    let mut found = Vec::new();
    for (path, _) in load::library().iter().filter(|(path, _)| path.ends_with(".yaml") && !path.contains('/')) {
        let runbook = load::load(path.trim_end_matches(".yaml")).unwrap().root;
        found.extend(of(path, &runbook).into_iter().map(|d| format!("{path} {} {}", d.code, d.message)));
    }
    let known: Vec<String> = KNOWN.iter().map(|(path, said, _)| format!("{path} {said}")).collect();
    assert_eq!(found, known);
    assert!(KNOWN.iter().all(|(.., why)| !why.is_empty()));
}
