//! The commands that help to write runbooks, from outside.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use pacenote::app::headless;
use pacenote::authoring::advice;
use pacenote::authoring::scaffold::{self, Answers, Check, Kind};
use pacenote::runbook::load;
use pacenote::state::StateDir;
use pacenote::world::Scenario;
use pacenote::world::scenario::ExpectedOutcome;

fn pacenote(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
    command.args(arguments).current_dir(folder).env("PACENOTE_STATE_DIR", folder.join("state")).stdin(Stdio::null());
    command.output().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// Every set of checks a new runbook can have.
fn sets_of_checks() -> Vec<Vec<Check>> {
    let all = [Check::Health, Check::Errors, Check::Latency];
    (0..8_u8).map(|bits| all.into_iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, c)| c).collect()).collect()
}

/// Whatever is answered, the new runbook is a good one: no mistake, no warning, no advice, and
/// its scenarios come out as they say. In this process, and no socket is opened.
#[test]
fn a_new_runbook_passes_as_it_stands() {
    pacenote::ports::install_crypto();
    let folder = crate::scenarios::scratch();
    let state = StateDir::open(&folder.path().join("state")).unwrap();
    let mut walked = 0;
    for kind in [Kind::Deploy, Kind::Migration, Kind::Incident, Kind::Maintenance] {
        for (n, checks) in sets_of_checks().into_iter().enumerate() {
            let name = format!("{kind}-{n}");
            // One environment, several, a real one that is protected, and one that is not.
            let environments: &[&str] = [&["staging", "production"][..], &["live"], &["a", "b", "prod"], &["test"]][n % 4];
            let environments: Vec<String> = environments.iter().map(|e| (*e).to_owned()).collect();
            let files = scaffold::files(&Answers::new(&name, kind, "shop", &environments, &checks).unwrap());
            let path = folder.path().join(format!("{name}.yaml"));
            std::fs::write(&path, &files.runbook).unwrap();
            let report = load::check_path(&path);
            let bundle = report.bundle.unwrap_or_else(|| panic!("{name}: {:?}", report.diagnostics));
            assert_eq!(report.diagnostics, [], "{name}");
            assert_eq!(advice::of(&name, &bundle.root), [], "{name}");
            let mut outcomes = Vec::new();
            for one in &files.scenarios {
                let scenario = Scenario::read(one.name, &one.text).unwrap_or_else(|e| panic!("{name}-{}: {e}", one.name));
                assert_eq!(scenario.scenario.as_str(), one.name);
                assert_eq!(headless::unknown_names(&bundle, &scenario), []);
                let dir = state.create_session(&format!("20260105-100000-new-{walked}")).unwrap();
                let outcome = headless::walk(&bundle, &scenario, &dir).unwrap_or_else(|e| panic!("{name}-{}: {e}", one.name));
                let differs = headless::compare(&scenario, &outcome);
                assert!(differs.is_empty(), "{name}-{}: {differs:?}", one.name);
                outcomes.push(scenario.expect.outcome.unwrap());
                walked += 1;
            }
            let second = if kind == Kind::Incident { ExpectedOutcome::Completed } else { ExpectedOutcome::RolledBack };
            assert_eq!(outcomes, [ExpectedOutcome::Completed, second], "{name}");
        }
    }
    assert_eq!(walked, 64);
}

/// From outside: what is written where, that both formats' editors find their schema, and
/// that a schema which is there is left alone.
#[test]
fn new_writes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let flags = |name| ["new", name, "--kind", "deploy", "--service", "shop", "--environments", "a,b", "--checks", "errors"];
    let files = ["x.yaml", "scenarios/x-all-good.yaml", "scenarios/x-bad-version.yaml"];
    let said = succeeds(&pacenote(folder.path(), &flags("x")));
    assert_eq!(said, format!("{}\nrunbook.schema.json\nscenario.schema.json\n", files.join("\n")));
    for file in files {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        let schema = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
        let schema = folder.path().join(file).parent().unwrap().join(schema);
        let of = if file == "x.yaml" { vec!["schema"] } else { vec!["schema", "scenario"] };
        assert_eq!(std::fs::read_to_string(schema).unwrap(), succeeds(&pacenote(folder.path(), &of)));
    }
    assert_eq!(
        succeeds(&pacenote(folder.path(), &[&["check", "--advice"][..], &files].concat())),
        "3 files checked: 0 errors, 0 warnings\n"
    );
    assert!(succeeds(&pacenote(folder.path(), &["test", "x.yaml"])).contains("2 passed, 0 failed"));

    std::fs::write(folder.path().join("runbook.schema.json"), "{}").unwrap();
    let again = pacenote(folder.path(), &flags("y"));
    assert!(!succeeds(&again).contains("schema"));
    assert!(String::from_utf8_lossy(&again.stderr).contains("pacenote schema runbook > runbook.schema.json"));
    assert_eq!(std::fs::read_to_string(folder.path().join("runbook.schema.json")).unwrap(), "{}");

    let bare = [&flags("z")[..], &["--no-schema", "--folder", "bare"]].concat();
    succeeds(&pacenote(folder.path(), &bare));
    assert!(std::fs::read_to_string(folder.path().join("bare/z.yaml")).unwrap().starts_with("pacenote: 1\n"));
    assert!(!folder.path().join("bare/runbook.schema.json").exists());
}

#[test]
fn new_never_overwrites_and_never_guesses() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["new", "x", "--kind", "deploy", "--service", "shop", "--environments", "a", "--checks", "none"];
    let bad_version = folder.path().join("scenarios/x-bad-version.yaml");
    assert_eq!(pacenote(folder.path(), &["new", "x", "--kind", "deploy"]).status.code(), Some(2));
    assert_eq!(
        pacenote(
            folder.path(),
            &["new", "../x", "--kind", "deploy", "--service", "s", "--environments", "a", "--checks", "none"]
        )
        .status
        .code(),
        Some(2)
    );
    assert!(!folder.path().join("x.yaml").exists());
    std::fs::create_dir(folder.path().join("scenarios")).unwrap();
    std::fs::write(&bad_version, "mine").unwrap();
    assert_eq!(pacenote(folder.path(), &flags).status.code(), Some(3));
    assert_eq!(std::fs::read_to_string(&bad_version).unwrap(), "mine");
    assert!(!folder.path().join("x.yaml").exists() && !folder.path().join("scenarios/x-all-good.yaml").exists());
}

#[test]
fn a_document_becomes_a_runbook_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deploy.md"), "# Deploy\n\n## Before\n\n- [ ] Tests pass\n\n| a |\n|---|\n| b |\n")
        .unwrap();
    let imported = pacenote(folder.path(), &["import", "deploy.md", "-o", "deploy.yaml"]);
    assert_eq!(succeeds(&imported), "");
    assert!(String::from_utf8_lossy(&imported.stderr).contains("deploy.md:7: a table was left out"));
    assert_eq!(pacenote(folder.path(), &["import", "deploy.md", "-o", "deploy.yaml"]).status.code(), Some(3));
    succeeds(&pacenote(folder.path(), &["check", "deploy.yaml"]));
    let page = succeeds(&pacenote(folder.path(), &["docs", "deploy.yaml"]));
    assert!(page.contains("- [ ] Tests pass"), "{page}");
    // A page is replaced; a runbook never is.
    for _ in 0..2 {
        succeeds(&pacenote(folder.path(), &["docs", "deploy.yaml", "-o", "page.md"]));
    }
    let before = std::fs::read(folder.path().join("deploy.yaml")).unwrap();
    assert_eq!(pacenote(folder.path(), &["docs", "deploy.yaml", "-o", "deploy.yaml"]).status.code(), Some(3));
    assert_eq!(std::fs::read(folder.path().join("deploy.yaml")).unwrap(), before);
}

/// Advice comes with its place, in SARIF too, and does not fail.
#[test]
fn advice_is_given_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = "pacenote: 1\nrunbook: t\ntitle: t\nsteps: [{id: a, title: a, run: {command: [a]}, undo: {none: n}}]\n";
    std::fs::write(folder.path().join("t.yaml"), yaml).unwrap();
    assert!(succeeds(&pacenote(folder.path(), &["check", "t.yaml"])).contains("0 warnings"));
    let said = succeeds(&pacenote(folder.path(), &["check", "--advice", "t.yaml"]));
    assert!(
        said.contains("t.yaml:4:14") && said.contains("nothing looks at what `a` did") && said.contains("2 warnings"),
        "{said}"
    );
    let said = succeeds(&pacenote(folder.path(), &["check", "--advice", "--format", "sarif", "t.yaml"]));
    let log: serde_json::Value = serde_json::from_str(&said).unwrap();
    let region = &log["runs"][0]["results"][1]["locations"][0]["physicalLocation"]["region"];
    assert_eq!((&region["startLine"], &region["startColumn"], &region["endColumn"]), (&4.into(), &14.into(), &15.into()));
}
