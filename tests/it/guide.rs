//! `docs/writing-a-runbook.md`, followed from top to bottom in one empty folder: its files
//! are written, its commands are run, and what they print is what stands there.

use std::path::Path;
use std::process::{Command, Stdio};

/// One block of the page.
struct Block<'a> {
    language: &'a str,
    /// The file it is, where a comment before it names one.
    file: Option<&'a str>,
    text: &'a str,
}

fn page() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/writing-a-runbook.md")
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("```") {
        let (language, after) = after.split_once('\n').expect("a block has lines");
        let (text, after) = after.split_once("```").expect("every block ends");
        let file = before.trim_end().rsplit('\n').next().and_then(|line| line.strip_prefix("<!-- file: ")?.strip_suffix(" -->"));
        blocks.push(Block { language, file, text });
        rest = after;
    }
    blocks
}

/// Runs a line as a reader would; what it printed, and whether it succeeded.
fn run(folder: &Path, line: &str) -> (String, bool) {
    let bin = Path::new(env!("CARGO_BIN_EXE_pacenote")).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env("PACENOTE_STATE_DIR", folder.join("state"))
        .stdin(Stdio::null())
        .output()
        .expect("sh");
    // How long it took is not on the page.
    let took = regex::Regex::new(r"in \d+\.\d s").expect("a pattern");
    (took.replace_all(&String::from_utf8_lossy(&output.stdout), "in 0.1 s").into_owned(), output.status.success())
}

/// `$ command` and what follows it, for each.
fn session(text: &str) -> Vec<(&str, String)> {
    let mut commands: Vec<(&str, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command, String::new())),
            (None, Some((_, output))) => {
                output.push_str(line);
                output.push('\n');
            }
            (None, None) => panic!("a block begins with a command: {line}"),
        }
    }
    commands
}

/// `PACENOTE_BLESS=1` writes what the commands print.
#[test]
fn the_guide_works_from_top_to_bottom() {
    let page = std::fs::read_to_string(page()).expect("the page");
    let folder = tempfile::tempdir().expect("a folder");
    let mut now = page.clone();
    let (mut files, mut commands) = (0, 0);
    for block in blocks(&page) {
        match (block.language, block.file) {
            ("yaml", Some(file)) => {
                let path = folder.path().join(file);
                assert!(path.parent().is_some_and(Path::is_dir), "{file}");
                std::fs::write(&path, block.text).expect("written");
                files += 1;
            }
            ("yaml", None) => {
                let begun = std::fs::read_to_string(folder.path().join("deploy-shop.yaml")).expect("begun");
                assert!(begun.starts_with(block.text), "{} is what `new` writes", block.text);
            }
            ("json", None) => drop(serde_json::from_str::<serde_json::Value>(block.text).expect("JSON")),
            ("sh", None) => {
                for line in block.text.lines() {
                    let (said, good) = run(folder.path(), line);
                    assert!(good, "{line}: {said}");
                    commands += 1;
                }
            }
            ("console", None) => {
                let mut shown = String::new();
                for (line, _) in session(block.text) {
                    let (said, good) = run(folder.path(), line);
                    assert_eq!(good, !said.contains("error["), "{line}: {said}");
                    shown.push_str(&format!("$ {line}\n{said}"));
                    commands += 1;
                }
                now = now.replacen(block.text, &shown, 1);
            }
            (language, _) => panic!("a block of {language} is not followed"),
        }
    }
    assert_eq!((files, commands), (3, 13));
    if std::env::var_os("PACENOTE_BLESS").is_some() {
        std::fs::write(self::page(), &now).expect("written");
    } else {
        refuse_difference(&page, &now);
    }
}

/// Fails with the first line that differs. How long a walk took and how much it recorded
/// says nothing about writing runbooks; it may grow older than the page.
fn refuse_difference(page: &str, now: &str) {
    let figures = regex::Regex::new(r"(?m)( ok +[a-z-]+ +)\w+ +\d+$").expect("a pattern");
    let (page, now) = (figures.replace_all(page, "$1"), figures.replace_all(now, "$1"));
    let differs = page.lines().zip(now.lines()).find(|(a, b)| a != b);
    assert!(page == now, "run the test once with PACENOTE_BLESS=1 and look at the difference: {differs:?}");
}
