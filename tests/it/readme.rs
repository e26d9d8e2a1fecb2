//! What the documents say and the program knows is the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn project(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(project(file)).expect(file)
}

/// What stands between two marks, each of which is there once: where, and the text.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> (std::ops::Range<usize>, &'a str) {
    assert_eq!((text.matches(begin).count(), text.matches(end).count()), (1, 1), "{begin} … {end}");
    let mark = text.find(begin).expect(begin);
    let start = mark + text[mark..].find('\n').expect("a line") + 1;
    let stop = text.find(end).expect(end);
    (start..stop, &text[start..stop])
}

/// The keys in the README are the program's. `PACENOTE_BLESS=1` writes them.
#[test]
fn the_keys_are_those_of_the_program() {
    let mut readme = text("README.md");
    let keys = format!("\n{}\n", pacenote::tui::keymap::markdown().trim_end());
    let (place, _) = between(&readme, "<!-- keys: begin", "<!-- keys: end -->");
    if std::env::var_os("PACENOTE_BLESS").is_some() {
        readme.replace_range(place, &keys);
        std::fs::write(project("README.md"), &readme).expect("written");
    }
    let (_, kept) = between(&readme, "<!-- keys: begin", "<!-- keys: end -->");
    assert!(kept == keys, "run this test once with PACENOTE_BLESS=1 and look at the difference in README.md");
}

#[test]
fn it_begins_with_what_to_type() {
    let readme = text("README.md");
    let first: Vec<&str> = readme.lines().filter(|line| line.starts_with("cargo ")).take(2).collect();
    assert!(first[0].starts_with("cargo run --release -- rehearse canary-deploy"), "{first:?}");
    assert!(first[1].starts_with("cargo test"), "{first:?}");
}

#[test]
fn the_answers_file_it_shows_is_one() {
    let readme = text("README.md");
    let (_, example) = between(&readme, "With it a session runs unattended:", "A step is named by its path");
    let yaml = example.trim().trim_start_matches("```yaml\n").trim_end_matches("```");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("answers.yaml");
    std::fs::write(&path, yaml).expect("written");
    let answers = pacenote::cli::answers::load(&path).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!((answers.steps.len(), answers.guards.len()), (4, 1));
}

/// The table of layers for people is the one that is enforced.
#[test]
fn the_layers_are_those_that_are_enforced() {
    let (page, table) = (text("ARCHITECTURE.md"), text("tests/it/tidy/layers.rs"));
    let (_, rows) = between(&page, "<!-- layers: begin -->", "<!-- layers: end -->");
    let said: Vec<(String, BTreeSet<String>)> = rows
        .lines()
        .skip(2)
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let uses = match cells[2] {
                "nothing of ours" => BTreeSet::new(),
                uses => uses.split(", ").map(str::to_owned).collect(),
            };
            (cells[1].trim_matches('`').to_owned(), uses)
        })
        .collect();
    let layer = regex::Regex::new(r#"Layer \{\s*module: "(\w+)",\s*uses: &\[([^\]]*)\]"#).expect("a pattern");
    let enforced: Vec<(String, BTreeSet<String>)> = layer
        .captures_iter(&table)
        .map(|c| {
            let names = c[2].split(',').map(|name| name.trim().trim_matches('"').replace('*', "everything"));
            (c[1].to_owned(), names.filter(|name| !name.is_empty()).collect())
        })
        .collect();
    assert!(enforced.len() >= 20, "the table was not found");
    assert_eq!(said, enforced);
}
