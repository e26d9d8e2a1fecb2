//! The commands that help to write runbooks, from outside.

use std::path::Path;
use std::process::{Command, Output, Stdio};

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

/// Whatever was answered, the new runbook is one: no mistake, no warning, and its scenario passes.
#[test]
fn a_new_runbook_passes_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for kind in ["deploy", "migration", "incident", "maintenance"] {
        for (n, (environments, checks)) in
            [("staging,production", "health,errors,latency"), ("live", "none"), ("a,b,prod", "health"), ("test", "latency")]
                .iter()
                .enumerate()
        {
            let name = format!("{kind}-{n}");
            let flags = ["new", &name, "--kind", kind, "--service", "shop", "--environments", environments, "--checks", checks];
            succeeds(&pacenote(folder.path(), &flags));
            files.push(format!("{name}.yaml"));
        }
    }
    let mut check = vec!["check", "--advice"];
    check.extend(files.iter().map(String::as_str));
    let said = succeeds(&pacenote(folder.path(), &check));
    assert_eq!(said, "16 files checked: 0 errors, 0 warnings\n");
    let mut test = vec!["test"];
    test.extend(files.iter().map(String::as_str));
    let said = succeeds(&pacenote(folder.path(), &test));
    assert!(said.contains("16 passed, 0 failed"), "{said}");
}

#[test]
fn new_never_overwrites_and_never_guesses() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["new", "x", "--kind", "deploy", "--service", "shop", "--environments", "a", "--checks", "none"];
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
    std::fs::write(folder.path().join("scenarios/x-all-good.yaml"), "mine").unwrap();
    assert_eq!(pacenote(folder.path(), &flags).status.code(), Some(3));
    assert!(!folder.path().join("x.yaml").exists());
    assert_eq!(std::fs::read_to_string(folder.path().join("scenarios/x-all-good.yaml")).unwrap(), "mine");
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
