//! `check` on every fixture: what is wrong is said once, where it stands, and with a hint.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pacenote::runbook::diagnostic::{Severity, render_text};
use pacenote::runbook::load::{self, CheckReport};

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runbooks").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&base).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The report as text, with paths from the fixtures' folder on.
fn text(report: &CheckReport) -> String {
    let base = format!("{}/tests/fixtures/runbooks/", env!("CARGO_MANIFEST_DIR"));
    render_text(&report.diagnostics, &report.sources, false).replace(&base, "")
}

#[test]
fn valid_runbooks_have_nothing_wrong() {
    let files = fixtures("valid");
    assert!(files.len() >= 5);
    for path in files {
        let report = load::check_path(&path);
        assert_eq!(text(&report), "", "{}", path.display());
        assert!(report.bundle.is_some());
    }
}

#[test]
fn each_mistake_is_said_once_where_it_stands() {
    let files = fixtures("invalid");
    assert!(files.len() >= 110, "{}", files.len());
    let mut wrong = Vec::new();
    for path in &files {
        let report = load::check_path(path);
        let said = report.diagnostics.iter().filter(|d| d.severity != Severity::Advice).count();
        if report.errors() != 1 || said != 1 {
            wrong.push(format!("{}:\n{}", name(path), text(&report)));
        }
        assert!(report.bundle.is_none());
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../fixtures/runbooks/expected"}, {
            insta::assert_snapshot!(name(path), text(&report));
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Mistakes of every kind in one file come out together, in the order of the file.
#[test]
fn all_mistakes_of_a_file_come_out_together() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runbooks/many-mistakes.yaml");
    let report = load::check_path(&path);
    assert!(report.diagnostics.is_sorted_by_key(|d| d.span.map(|s| s.start)));
    insta::assert_snapshot!(text(&report));
}
