//! Every scenario of the shipped library, walked headless, and walked the same twice.

use std::path::Path;

use pacenote::app::headless;
use pacenote::runbook::load;
use pacenote::state::StateDir;
use pacenote::world::Scenario;

/// The shipped scenarios and their runbooks.
fn library() -> Vec<(String, Scenario)> {
    let files = load::library().iter().filter(|(path, _)| path.starts_with("scenarios/"));
    files
        .map(|(path, text)| {
            let scenario = Scenario::read(path, text).unwrap();
            let runbook = Path::new(&scenario.runbook).file_stem().unwrap().to_string_lossy().into_owned();
            (runbook, scenario)
        })
        .collect()
}

/// Walks a scenario; what came of it and the bytes of its journal.
fn walk(state: &StateDir, sid: &str, runbook: &str, scenario: &Scenario) -> (headless::Outcome, Vec<u8>) {
    pacenote::ports::install_crypto();
    let bundle = load::load(runbook).unwrap_or_else(|_| panic!("{runbook} has mistakes"));
    let dir = state.create_session(sid).unwrap();
    let outcome = headless::walk(&bundle, scenario, &dir).unwrap();
    let journal = std::fs::read(dir.journal()).unwrap();
    (outcome, journal)
}

#[test]
fn every_scenario_of_the_library_comes_out_as_it_expects() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let mut wrong = Vec::new();
    let scenarios = library();
    assert!(scenarios.len() >= 4, "one good and one bad scenario for each shipped runbook");
    for (n, (runbook, scenario)) in scenarios.iter().enumerate() {
        let (outcome, _) = walk(&state, &format!("20260105-100000-scenario-{n}"), runbook, scenario);
        let differences = headless::compare(scenario, &outcome);
        wrong.extend(differences.into_iter().map(|d| format!("{runbook}/{}: {d}", scenario.scenario)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_seed_gives_the_same_journal_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (runbook, scenario) = library().into_iter().find(|(_, s)| s.scenario.to_string() == "bad-canary").unwrap();
    let journals: Vec<Vec<u8>> = ["one", "two"]
        .iter()
        .map(|name| {
            let state = StateDir::open(&folder.path().join(name)).unwrap();
            walk(&state, "20260105-100000-twice", &runbook, &scenario).1
        })
        .collect();
    assert!(journals[0].len() > 10_000, "the journal holds a whole session");
    assert_eq!(String::from_utf8_lossy(&journals[0]), String::from_utf8_lossy(&journals[1]));
}
