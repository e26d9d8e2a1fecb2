use super::*;
use crate::world::answers::{GuardChoice, Otherwise, Tick, YesNo};
use crate::world::scenario::{ExpectedOutcome, PrometheusFault, Trigger};

const WHOLE: &str = r#"pacenote-scenario: 1
scenario: bad-canary
runbook: ../canary-deploy.yaml
env: production
inputs: {version: v1.2.4, ticket: CHG-1, reason: rehearsal}
seed: 7
world:
  services:
    checkout:
      rps: 200
      route: {virtualservice: checkout, stable: checkout, canary: checkout-canary}
      versions:
        v1.2.3: {errors: 0.3, latency: {p50: 80ms, p95: 180ms}, ready_after: 4s}
        v1.2.4: {errors: 8, latency: {p50: 300ms, p95: 1200ms}, ready_after: 6s, crash_after: 10m}
  deployments: {checkout: {image: "registry.example.com/checkout:v1.2.3", replicas: 6}, checkout-canary: {image: "registry.example.com/checkout:v1.2.3", replicas: 1}}
events:
  - {at: 6m, prometheus: down, for: 2m}
  - {after: "shift[10]", kill_pod: {selector: app=checkout}}
commands: {backup: {stdout: id=7, takes: 3s}}
approvals: {approve: {by: reviewer@example.com, after: 3m}}
answers: {steps: {preflight: {tick: all, note: paged, answer: yes}, verdict: {choose: y, reason: "errors at 8 %"}}, guards: {errors-up: {choose: rollback}}, otherwise: continue}
operator: {reacts_after: 20s}
expect: {outcome: rolled-back, path: [preflight, approve, image, "shift[10]", rollback], guards: [errors-up], world: {checkout: {version: v1.2.3}}, within: 20m}
par: {notice: 1m, decide: 3m, recover: 6m}
"#;

#[test]
fn a_whole_scenario_is_read() {
    let scenario = Scenario::read("bad-canary.yaml", WHOLE).unwrap();
    assert_eq!(scenario.scenario.as_str(), "bad-canary");
    assert_eq!(scenario.events[0].trigger, Trigger::At("6m".parse().unwrap()));
    assert_eq!(scenario.events[0].fault, Fault::Prometheus(PrometheusFault::Down));
    assert_eq!(scenario.events[1].trigger, Trigger::After("shift[10]".to_owned()));
    let preflight = &scenario.answers.steps["preflight"];
    assert_eq!((preflight.tick, preflight.answer), (Some(Tick::All), Some(YesNo::Yes)));
    assert_eq!(scenario.answers.steps["verdict"].choose.as_deref(), Some("y"));
    assert_eq!(scenario.answers.guards["errors-up"].choose, GuardChoice::Rollback);
    assert_eq!(scenario.answers.otherwise, Otherwise::Continue);
    assert_eq!(scenario.expect.outcome, Some(ExpectedOutcome::RolledBack));
    assert_eq!(scenario.world.services["checkout"].deployments("checkout"), ["checkout", "checkout-canary"]);
}

#[test]
fn a_scenario_survives_being_written_as_json() {
    let scenario = Scenario::read("a.yaml", WHOLE).unwrap();
    let json = serde_json::to_string(&scenario).unwrap();
    assert_eq!(Scenario::read("a.json", &json).unwrap(), scenario);
}

#[test]
fn mistakes_are_found_with_their_place() {
    let cases: &[(&str, &str, &str)] = &[
        ("canary: checkout-canary}\n", "canary: checkout-kanary}\n", "a.yaml:11:67: there is no Deployment `checkout-kanary`"),
        ("pacenote-scenario: 1", "pacenote-scenario: 2", "a.yaml:1:1: `pacenote-scenario: 2` is not known"),
        ("scenario: bad-canary", "scenario: Bad", "a.yaml:2:11: `Bad` is no scenario id"),
        ("seed: 7", "sead: 7", "a.yaml:6:1: unknown field `sead`"),
        ("rps: 200", "rps: -1", "`rps` is a number of requests a second"),
        ("errors: 8,", "errors: 800,", "`errors` is a percentage"),
        ("p50: 300ms", "p50: 3s", "`p50` cannot be longer than `p95`"),
        ("at: 6m, prometheus", "prometheus", "an event wants exactly one of `at`"),
        ("prometheus: down", "prometheus: down, health: hang", "an event wants exactly one of `prometheus`"),
        ("{at: 6m", "{at: 6", "a.yaml:17:10: `6` is not a length of time"),
        ("kill_pod: {selector: app=checkout}", "kill_pod: {selector: app=checkout}, for: 1m", "they happen once"),
        ("choose: rollback", "choose: maybe", "unknown variant `maybe`"),
        ("prometheus: down", "node_lost: node-9", "there is no node `node-9`; there is `node-1` to `node-3`"),
        ("at: 6m", "at: 6m, chance: 0", "`chance` is a percentage from 1 to 100"),
        ("crash_after: 10m", "memory: {start: lots}", "`lots` is no amount"),
        ("stable: checkout, ", "", "a route is `virtualservice` with"),
        ("rolled-back", "rolledback", "unknown variant `rolledback`"),
    ];
    for (good, bad, expected) in cases {
        assert!(WHOLE.contains(good), "{good}");
        let error = Scenario::read("a.yaml", &WHOLE.replacen(good, bad, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{bad}: {error}");
    }
}

#[test]
fn the_schema_file_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/scenario.schema.json");
    let now = serde_json::to_string_pretty(&crate::world::scenario::schema()).unwrap() + "\n";
    if std::env::var_os("PACENOTE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert_eq!(kept, now, "run this test with PACENOTE_BLESS=1 and commit assets/scenario.schema.json");
}

#[test]
fn the_schema_agrees_about_good_and_bad_scenarios() {
    let schema = jsonschema::validator_for(&crate::world::scenario::schema()).unwrap();
    // Without a type to read into, `yes` and `y` would be read as true.
    let whole = WHOLE.replace("answer: yes", "answer: 'yes'").replace("choose: y", "choose: 'y'");
    let good: serde_json::Value = serde_saphyr::from_str(&whole).unwrap();
    assert!(schema.is_valid(&good), "{:?}", schema.iter_errors(&good).map(|e| e.to_string()).collect::<Vec<_>>());
    for (from, to) in [("seed: 7", "sead: 7"), ("errors: 8,", "errors: 800,"), ("{at: 6m", "{at: 6"), ("rolled-back", "gone")] {
        let bad: serde_json::Value = serde_saphyr::from_str(&whole.replacen(from, to, 1)).unwrap();
        assert!(!schema.is_valid(&bad), "{to}");
    }
}
