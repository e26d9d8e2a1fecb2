//! Every scenario of the shipped library, walked headless: it comes out as it expects,
//! and the same twice, whatever else the machine is doing. And `pacenote test` itself,
//! from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

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

/// A folder for journals, in memory where there is a place for that: each record is
/// synced, and a disk would be most of the time.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Walks a scenario; what came of it and the bytes of its journal.
fn walk(state: &StateDir, sid: &str, runbook: &str, scenario: &Scenario) -> (headless::Outcome, Vec<u8>) {
    pacenote::ports::install_crypto();
    let bundle = load::load(runbook).unwrap_or_else(|_| panic!("{runbook} has mistakes"));
    let dir = state.create_session(sid).unwrap();
    let outcome = headless::walk(&bundle, scenario, &dir).unwrap_or_else(|why| panic!("{runbook}/{}: {why}", scenario.scenario));
    let journal = std::fs::read(dir.journal()).unwrap();
    (outcome, journal)
}

/// Walks all of them on so many threads; what each came to, in the order of the library.
fn walk_all(scenarios: &[(String, Scenario)], threads: usize) -> Vec<(headless::Outcome, Vec<u8>)> {
    let folder = scratch();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let open = Mutex::new((0..scenarios.len()).collect::<Vec<_>>());
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(n) = { open.lock().unwrap().pop() } {
                    let (runbook, scenario) = &scenarios[n];
                    let walked = walk(&state, &format!("20260105-100000-scenario-{n}"), runbook, scenario);
                    done.lock().unwrap().insert(n, walked);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}

/// Once with the machine to themselves, once crowded: the walks of eight threads fight
/// for its processors, so that real time passes at quite different moments.
#[test]
fn every_scenario_comes_out_as_it_expects_and_the_same_twice_under_load() {
    let scenarios = library();
    let (calm, crowded) = (walk_all(&scenarios, 2), walk_all(&scenarios, 8));
    assert_eq!((calm.len(), crowded.len()), (scenarios.len(), scenarios.len()));
    let mut wrong = Vec::new();
    for (((runbook, scenario), first), second) in scenarios.iter().zip(&calm).zip(&crowded) {
        let name = format!("{runbook}/{}", scenario.scenario);
        wrong.extend(headless::compare(scenario, &first.0).into_iter().map(|d| format!("{name}: {d}")));
        assert!(first.1.len() > 5_000, "{name}: the journal holds a whole session");
        if first.1 != second.1 {
            let (a, b) = (String::from_utf8_lossy(&first.1), String::from_utf8_lossy(&second.1));
            let differs = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            wrong.push(format!("{name}: two walks, two journals: {differs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Who adds a runbook adds a walk that ends well, which is the one a newcomer gets to
/// see, and one that does not.
#[test]
fn every_runbook_has_a_good_scenario_first_and_a_failing_one() {
    use pacenote::world::scenario::ExpectedOutcome;
    let mut by_runbook: BTreeMap<String, Vec<Scenario>> = BTreeMap::new();
    for (runbook, scenario) in library() {
        by_runbook.entry(runbook).or_default().push(scenario);
    }
    let runbooks = load::library().iter().filter_map(|(path, _)| path.strip_suffix(".yaml")).filter(|p| !p.contains('/'));
    let runbooks: BTreeSet<&str> = runbooks.collect();
    assert_eq!(runbooks, by_runbook.keys().map(String::as_str).collect());
    for (runbook, mut scenarios) in by_runbook {
        scenarios.sort_by_key(|s| s.scenario.to_string());
        let outcomes: Vec<_> =
            scenarios.iter().map(|s| s.expect.outcome.unwrap_or_else(|| panic!("{runbook}: no outcome"))).collect();
        assert_eq!((scenarios[0].scenario.as_str(), outcomes[0]), ("all-good", ExpectedOutcome::Completed), "{runbook}");
        assert!(outcomes.iter().any(|o| *o != ExpectedOutcome::Completed), "{runbook} has no failing scenario");
        for scenario in &scenarios {
            let file = format!("scenarios/{runbook}-{}.yaml", scenario.scenario);
            assert!(load::library().iter().any(|(path, _)| **path == *file), "{file} is named otherwise");
            assert!(scenario.expect.path.is_some() && scenario.expect.within.is_some(), "{file} expects too little");
        }
    }
}

/// `check` of a scenario, which walks nothing, agrees with the walk about names; also about
/// those of procedures that a choice enters, and of signals that a scenario answers.
#[test]
fn check_knows_the_names_a_walk_knows() {
    for (runbook, scenario) in library() {
        let bundle = load::load(&runbook).unwrap_or_else(|_| panic!("{runbook} has mistakes"));
        assert_eq!(headless::unknown_names(&bundle, &scenario), [], "{runbook}/{}", scenario.scenario);
    }
    let report = load::check_path(Path::new("tests/fixtures/runbooks/valid/every-field.yaml"));
    let bundle = report.bundle.unwrap();
    let text = "pacenote-scenario: 1\nscenario: a\nrunbook: x.yaml\ncommands: {signals.lag: {}, signals.lagg: {}, backup: {}, \
                ask!drain-queue/drain: {}, ask!drain/drain: {}}\nanswers: {guards: {crash: {choose: hold}}}\n";
    let wrong = headless::unknown_names(&bundle, &Scenario::read("a.yaml", text).unwrap());
    let said: Vec<String> = wrong.iter().map(|u| format!("{} {}", u.of, u.name)).collect();
    assert_eq!(said, ["step ask!drain/drain", "signal signals.lagg", "guard crash"]);
}

/// What an on-call engineer looks for first is in every runbook of the library.
#[test]
fn every_runbook_says_what_it_is_whom_to_call_and_how_long_it_takes() {
    for (path, _) in load::library().iter().filter(|(path, _)| !path.contains('/')) {
        let id = path.trim_end_matches(".yaml");
        let bundle = load::load(id).unwrap_or_else(|_| panic!("{path} has mistakes"));
        let book = &bundle.root;
        assert_eq!(book.id.value, id);
        let has = [
            ("description", book.description.as_ref().is_some_and(|d| d.len() > 80)),
            ("owner", book.owner.is_some()),
            ("risk", book.risk.is_some()),
            ("estimate", book.estimate.is_some()),
            ("contacts", book.contacts.len() >= 2),
            ("followups", !book.followups.is_empty()),
            ("phases", book.steps.iter().all(|s| s.phase.is_some())),
        ];
        for (what, there) in has {
            assert!(there, "{path} has no {what}");
        }
        assert!(bundle.warnings.is_empty(), "{path}: {:?}", bundle.warnings);
    }
}

/// A folder with a runbook of the library and one scenario of it, changed.
fn changed(from: &str, to: &str) -> tempfile::TempDir {
    let home = scratch();
    let text = |path: &str| load::library().iter().find(|(p, _)| *p == path).unwrap().1;
    let scenario = text("scenarios/rolling-deploy-bad-version.yaml");
    assert!(from.is_empty() || scenario.contains(from), "{from}");
    std::fs::write(home.path().join("rolling-deploy.yaml"), text("rolling-deploy.yaml")).unwrap();
    std::fs::create_dir(home.path().join("scenarios")).unwrap();
    std::fs::write(home.path().join("scenarios/bad.yaml"), scenario.replacen(from, to, 1)).unwrap();
    home
}

fn pacenote(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
    command.env_clear().env("HOME", home).current_dir(home).args(["test", "rolling-deploy.yaml"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_expectation_that_fails_or_is_unknown_exits_1() {
    let table = [
        ("", "", 0, "1 passed, 0 failed"),
        ("outcome: rolled-back", "outcome: completed", 1, "  outcome: expected completed, found rolled-back"),
        (
            "watch, rollback]",
            "rollback]",
            1,
            "  path: - expected, + found\n      preflight\n      deploy\n    + watch\n      rollback",
        ),
        ("guards: [errors-up]", "guards: []", 1, "  guards: expected (none), found errors-up"),
        (
            "replicas: 6, ready: 6}\n  within",
            "replicas: 7, ready: 6}\n  within",
            1,
            "world checkout.replicas: expected 7, found 6",
        ),
        ("within: 15m", "within: 10s", 1, "  within: expected at most 10 s, found "),
        ("guards: [errors-up]", "guards: [errors-op]", 1, "names the guard `errors-op`, which the runbook does not have"),
        ("    deploy: {", "    deplay: {", 1, "names the step `deplay`, which the runbook does not have"),
    ];
    for (from, to, exit, said) in table {
        let home = changed(from, to);
        let output = pacenote(home.path(), &[]).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{to}: {}", out(&output));
        assert!(out(&output).contains(said), "{to}: {}", out(&output));
    }
    // What the format does not know is found before anything is walked.
    let home = changed("  within: 15m", "  without: 15m");
    let output = pacenote(home.path(), &[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("unknown field `without`") && said.contains("scenarios/bad.yaml:"), "{said}");
}

#[test]
fn the_report_comes_as_json_and_as_junit_and_names_what_was_never_rehearsed() {
    let home = changed("outcome: rolled-back", "outcome: completed");
    let output = pacenote(home.path(), &["--format", "json", "--junit", "report.xml", "--jobs", "3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((report["passed"].as_u64(), report["failed"].as_u64()), (Some(0), Some(1)));
    let suite = &report["runbooks"][0];
    let difference = serde_json::json!({"what": "outcome", "expected": ["completed"], "found": ["rolled-back"]});
    assert_eq!(suite["scenarios"][0]["differences"], serde_json::json!([difference]));
    assert_eq!(suite["coverage"]["never"], serde_json::json!([{"guard": "health-failing"}, {"guard": "slower"}]));
    let junit = std::fs::read_to_string(home.path().join("report.xml")).unwrap();
    assert!(junit.contains("<testsuites name=\"pacenote\" tests=\"1\" failures=\"1\""), "{junit}");
    assert!(junit.contains("<failure message=\"outcome\">outcome: expected completed, found rolled-back</failure>"), "{junit}");
    assert!(junit.contains("never rehearsed: guard health-failing"), "{junit}");
    // Of one scenario alone nothing is said about the others.
    let output = pacenote(home.path(), &["--scenario", "bad-version"]).output().unwrap();
    assert!(!out(&output).contains("never rehearsed"), "{}", out(&output));
}

/// While it walks, none of the program's files is a connection to anywhere.
#[test]
fn a_walk_opens_no_socket() {
    let home = changed("", "");
    let mut child = pacenote(home.path(), &[]).spawn().unwrap();
    let files = PathBuf::from(format!("/proc/{}/fd", child.id()));
    let (mut looks, mut sockets) = (0, BTreeSet::new());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let links = std::fs::read_dir(&files).into_iter().flatten().flatten();
        let links: Vec<String> =
            links.filter_map(|entry| std::fs::read_link(entry.path()).ok()).map(|l| l.to_string_lossy().into_owned()).collect();
        looks += usize::from(links.iter().any(|link| link.ends_with("/journal.jsonl")));
        sockets.extend(links.into_iter().filter_map(|l| l.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned)));
        let tables =
            ["tcp", "tcp6", "udp", "udp6"].map(|t| std::fs::read_to_string(format!("/proc/net/{t}")).unwrap_or_default());
        let open: BTreeSet<&str> =
            tables.iter().flat_map(|t| t.lines()).filter_map(|line| line.split_whitespace().nth(9)).collect();
        assert!(!sockets.iter().any(|inode| open.contains(inode.as_str())), "it has a connection");
        std::thread::yield_now();
    };
    assert!(status.success());
    assert!(looks > 3, "seen at work: {looks}");
}
