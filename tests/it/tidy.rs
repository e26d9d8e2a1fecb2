//! Reads the sources and keeps the house rules of CONTRIBUTING.md and the table of layers
//! of ARCHITECTURE.md true. Each rule is shown to find what it is there to find.

mod layers;
mod licences;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use source::Source;

/// Longest file, in lines that are neither empty nor a comment, so that nobody saves on
/// documentation; and longest function, in lines.
const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 90;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text files of the project below a folder, with their paths.
fn read(folder: &str, into: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(project().join(folder)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let kind = entry.file_type().expect("a kind of file");
        if kind.is_file() && path != ".git" {
            // Fixtures may hold anything, bytes that are no text included.
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                into.push((path, text));
            }
        } else if kind.is_dir() && !folder.is_empty() {
            read(&path, into);
        }
    }
}

fn texts() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["", "src", "tests", "benches", "fuzz", "runbooks", "assets", ".ci"] {
        read(folder, &mut files);
    }
    files.sort();
    assert!(files.iter().any(|(path, _)| path == "src/main.rs"), "the sources were not found");
    files
}

fn sources() -> Vec<Source> {
    let files = texts().into_iter().filter(|(path, _)| path.ends_with(".rs"));
    let sources: Vec<Source> = files.map(|(path, text)| Source::new(path, text)).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(Source::test_files).collect();
    let mark = |source: Source| if tests.contains(&source.path) { source.into_test() } else { source };
    sources.into_iter().map(mark).collect()
}

fn demand(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn lengths(source: &Source) -> Vec<String> {
    let lines = source.code.lines().filter(|line| !line.trim().is_empty()).count();
    let mut found = Vec::new();
    if lines > FILE_LINES {
        found.push(format!("{}:1: {lines} lines of code, {FILE_LINES} at most: split the file", source.path));
    }
    for (at, name, lines) in source.functions() {
        if lines > FUNCTION_LINES {
            let line = source.line(at);
            found.push(format!("{}:{line}: `{name}` has {lines} lines, {FUNCTION_LINES} at most", source.path));
        }
    }
    found
}

/// Words that never stand in the code of a test, and those that stand only there.
fn words(source: &Source) -> Vec<String> {
    // (word, only forbidden in tests, only forbidden outside, why)
    let rules = [
        ("sleep", true, false, "a test waits on a condition or on tokio's paused clock"),
        (".unwrap()", false, true, "say what happens instead"),
        (".expect(\"", false, true, "say what happens instead"),
        ("panic!", false, true, "return an error"),
        ("todo!", false, false, "finish it"),
        ("unimplemented!", false, false, "finish it"),
        ("dbg!", false, false, "use tracing"),
        ("#[allow", false, false, "`#[expect(.., reason)]` says when it is no longer needed"),
        ("#![allow", false, false, "`#[expect(.., reason)]` says when it is no longer needed"),
    ];
    let mut found = Vec::new();
    for (word, in_tests, outside, why) in rules {
        for at in source.words(word) {
            let test = source.is_test(at);
            if (!in_tests || test) && (!outside || !test) {
                found.push(format!("{}:{}: `{word}`: {why}", source.path, source.line(at)));
            }
        }
    }
    let prints = ["println!", "print!", "eprintln!", "eprint!"];
    if source.path.starts_with("src/") && !source.path.starts_with("src/cli") && source.path != "src/main.rs" {
        for (word, at) in prints.iter().flat_map(|word| source.words(word).map(move |at| (word, at))) {
            if !source.is_test(at) {
                found.push(format!("{}:{}: `{word}`: only commands write to the terminal", source.path, source.line(at)));
            }
        }
    }
    found
}

fn shape(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    // What the tests of a module are for is said by the module.
    if !source.text.starts_with("//!") && !source.path.ends_with("/tests.rs") {
        found.push(format!("{}:1: begins without `//!`: say what the file is for", source.path));
    }
    if source.path.ends_with("/mod.rs") {
        found.push(format!("{}:1: `foo.rs` beside `foo/`, no `mod.rs`", source.path));
    }
    found
}

/// What must not be in any file of the project. The words are put together here so that
/// this file does not hold them itself.
fn talk(path: &str, text: &str) -> Vec<String> {
    let never = [
        (concat!("TO", "DO"), "open an issue, or do it"),
        (concat!("FIX", "ME"), "open an issue, or do it"),
        (concat!("/wo", "rk/"), "a path of one machine"),
        (concat!("sub", "agent"), "the project speaks of itself alone"),
        (concat!("work", "tree"), "the project speaks of itself alone"),
    ];
    let lines = || text.lines().enumerate();
    never
        .iter()
        .flat_map(|(word, why)| {
            let hits = lines().filter(move |(_, line)| line.contains(word));
            hits.map(move |(n, _)| format!("{path}:{}: `{word}`: {why}", n + 1))
        })
        .collect()
}

#[test]
fn modules_use_what_their_layer_may_use() {
    demand(sources().iter().flat_map(layers::check).collect());
}

#[test]
fn files_and_functions_can_be_read_in_one_go() {
    demand(sources().iter().flat_map(lengths).collect());
}

#[test]
fn words_stand_where_they_may() {
    demand(sources().iter().flat_map(words).collect());
}

#[test]
fn files_say_what_they_are_for() {
    demand(sources().iter().flat_map(shape).collect());
}

#[test]
fn texts_speak_of_the_project_alone() {
    demand(texts().iter().filter(|(path, _)| path != "Cargo.lock").flat_map(|(path, text)| talk(path, text)).collect());
}

#[test]
fn unsafe_code_is_forbidden_for_all() {
    let manifest = std::fs::read_to_string(project().join("Cargo.toml")).expect("Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""), "Cargo.toml: unsafe code must be forbidden");
}

#[test]
fn the_rules_find_what_they_are_there_to_find() {
    let all = |path: &str, text: &str| {
        let source = Source::new(path, text);
        let found = [lengths(&source), words(&source), shape(&source), talk(path, text)].concat();
        found.join("\n")
    };
    let long_function = format!("//! x\nfn long() {{\n{}}}\n", "x();\n".repeat(FUNCTION_LINES));
    let cases = [
        ("src/a.rs", format!("//! x\n{}", "f();\n".repeat(FILE_LINES + 1)), "601 lines of code"),
        ("src/a.rs", long_function, "src/a.rs:2: `long` has 92 lines"),
        ("tests/it/a.rs", "//! x\nfn f() { thread::sleep(x) }".into(), "tests/it/a.rs:2: `sleep`"),
        ("src/a.rs", "//! x\n#[cfg(test)]\nmod tests { fn f() { sleep(x) } }".into(), "src/a.rs:3: `sleep`"),
        ("src/a.rs", "//! x\nfn f() { x.unwrap() }".into(), "src/a.rs:2: `.unwrap()`"),
        ("src/a.rs", "//! x\nfn f() { x.expect(\"y\") }".into(), "src/a.rs:2: `.expect(\"`"),
        ("src/a.rs", "//! x\n#[allow(dead_code)]".into(), "src/a.rs:2: `#[allow`"),
        ("src/a.rs", "//! x\nfn f() { println!() }".into(), "src/a.rs:2: `println!`"),
        ("src/a.rs", "fn f() {}".into(), "begins without"),
        ("src/a/mod.rs", "//! x".into(), "no `mod.rs`"),
        ("README.md", concat!("see /wo", "rk/x").into(), "README.md:1: "),
        ("src/a.rs", concat!("//! TO", "DO later").into(), "src/a.rs:1: "),
    ];
    for (path, text, expected) in cases {
        let found = all(path, &text);
        assert!(found.contains(expected), "{expected}: {found:?}");
    }
    let good = "//! x\nfn f() { tokio::time::sleep(x); }\n#[cfg(test)]\nmod tests { fn f() { x.unwrap(); \"sleep\"; } }\n";
    assert_eq!(all("src/a.rs", good), "");
}
