//! `check` on every fixture: what is wrong is said once, where it stands, and with a hint.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pacenote::runbook::diagnostic::{Collector, Severity, render_text};
use pacenote::runbook::load::{self, CheckReport};
use pacenote::runbook::lower::shape;
use pacenote::runbook::tree::{self, Kind, Node, Resolved};

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runbooks").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(&base).expect("fixtures").map(|e| e.expect("an entry").path()).collect();
    files.retain(|p| p.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
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

/// What an author sees has a place and a way out, always.
#[test]
fn every_mistake_has_a_place_and_a_hint() {
    for path in fixtures("invalid") {
        for diagnostic in load::check_path(&path).diagnostics {
            assert!(diagnostic.span.is_some_and(|s| s.line > 0 && s.column > 0), "{}", path.display());
            assert!(diagnostic.hint.is_some_and(|h| !h.is_empty()), "{}", path.display());
        }
    }
}

/// A file as JSON, as an editor's schema checker sees it.
fn as_json(node: &Node) -> serde_json::Value {
    match &node.kind {
        Kind::Scalar(scalar) => match scalar.resolve() {
            Resolved::Null => serde_json::Value::Null,
            Resolved::Bool(b) => b.into(),
            Resolved::Number(n) => pacenote::runbook::Value::Number(n).to_json(),
            Resolved::Text => scalar.text.clone().into(),
        },
        Kind::List(items) => items.iter().map(as_json).collect(),
        Kind::Map(entries) => entries.iter().map(|e| (e.key.clone(), as_json(&e.value))).collect(),
        Kind::Bad => serde_json::Value::Null,
    }
}

pub(crate) fn read(path: &Path) -> Option<serde_json::Value> {
    let bytes = std::fs::read(path).expect("a fixture");
    let mut collector = Collector::new("fixture");
    let node = tree::parse(tree::decode(&bytes, &mut collector)?, &mut collector)?;
    (collector.errors() == 0).then(|| as_json(&node))
}

/// The schema knows the structure of the format, `check` also what it means. The first
/// line of a fixture says which of the two its mistake is.
#[test]
fn the_schema_agrees_with_check() {
    let schema = jsonschema::validator_for(&pacenote::runbook::schema::schema()).unwrap();
    let mut wrong = Vec::new();
    for path in fixtures("valid") {
        let errors: Vec<_> = schema.iter_errors(&read(&path).unwrap()).map(|e| format!("{}: {e}", e.instance_path())).collect();
        if !errors.is_empty() {
            wrong.push(format!("{} is valid: {errors:?}", name(&path)));
        }
    }
    let (mut structure, mut meaning) = (0, 0);
    for path in fixtures("invalid") {
        let text = std::fs::read_to_string(&path).unwrap();
        let passes = read(&path).map(|json| schema.is_valid(&json));
        match (text.split(':').next().unwrap(), passes) {
            ("# structure", Some(false)) => structure += 1,
            ("# meaning", Some(true)) => meaning += 1,
            ("# syntax", _) => {}
            (kind, passes) => wrong.push(format!("{} is {kind}: passes {passes:?}", name(&path))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(structure > 60 && meaning > 60, "{structure} {meaning}");
}

/// The fixture that uses every field does.
#[test]
fn every_key_of_the_format_is_in_a_valid_fixture() {
    let mut used = BTreeSet::new();
    fn collect(json: &serde_json::Value, used: &mut BTreeSet<String>) {
        match json {
            serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
                used.insert(key.clone());
                collect(value, used);
            }),
            serde_json::Value::Array(items) => items.iter().for_each(|i| collect(i, used)),
            _ => {}
        }
    }
    for path in fixtures("valid") {
        collect(&read(&path).unwrap(), &mut used);
    }
    let unused: Vec<_> = shape::ALL
        .iter()
        .flat_map(|s| s.keys.iter().filter(|k| !used.contains(**k)).map(|k| format!("{}.{k}", s.name)))
        .collect();
    assert_eq!(unused, Vec::<String>::new());
}

/// Whatever stands in a file, the answer is an error, soon.
#[test]
fn hostile_files_get_a_clear_error_soon() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random.to_le_bytes()[0]
    })
    .take(500_000)
    .collect();
    let bomb: String = (0..40).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i.max(1) - 1); 9].join(","))).collect();
    let head = "pacenote: 1\nrunbook: a\ntitle: A\n";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", vec![], "empty"),
        ("blank", b"\n \n# nothing\n".to_vec(), "empty"),
        ("latin1", b"title: caf\xe9\n".to_vec(), "not-utf8"),
        ("utf16", [b"\xff\xfe".as_slice(), b"t\0i\0".as_slice()].concat(), "not-utf8"),
        ("bom", [b"\xef\xbb\xbf".as_slice(), head.as_bytes()].concat(), "byte-order-mark"),
        ("nul", b"title: a\0b\n".to_vec(), "control-character"),
        ("bidi", "title: a\u{202e}b\n".into(), "control-character"),
        ("noise", noise, "not-utf8"),
        ("large", vec![b'a'; 100 << 20], "unreadable"),
        ("flow", "[".repeat(100_000).into_bytes(), "too-deep"),
        ("maps", "{a: ".repeat(100_000).into_bytes(), "too-deep"),
        ("block", "- ".repeat(100_000).into_bytes(), "too-deep"),
        ("indent", (0..800).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>().into_bytes(), "too-deep"),
        ("bomb", bomb.into_bytes(), "alias"),
        ("quotes", format!("{head}description: {}\n", "'".repeat(900_001)).into_bytes(), "yaml-syntax"),
        ("keys", (0..60_000).map(|i| format!("k{i}: {i}\n")).collect::<String>().into_bytes(), "not-a-runbook"),
        (
            "unknown",
            format!("{head}steps: []\n{}", (0..40_000).map(|i| format!("stepz{i}: {i}\n")).collect::<String>()).into_bytes(),
            "unknown-key",
        ),
        (
            "expressions",
            format!("{head}steps: [{{id: a, title: \"{}\", confirm: b}}]\n", "${{ a }}".repeat(100_000)).into_bytes(),
            "bad-expression",
        ),
        (
            "unclosed",
            format!("{head}steps: [{{id: a, title: \"{}\", confirm: b}}]\n", "${{ ".repeat(200_000)).into_bytes(),
            "bad-expression",
        ),
        (
            "parens",
            format!("{head}steps: [{{id: a, title: b, when: \"{}\", confirm: b}}]\n", "(".repeat(900_000)).into_bytes(),
            "bad-expression",
        ),
        (
            "regex",
            format!(
                "{head}inputs: {{a: {{pattern: '{}'}}}}\nsteps: [{{id: a, title: b, confirm: c}}]\n",
                "(a{500}){500}".repeat(100)
            )
            .into_bytes(),
            "bad-pattern",
        ),
        (
            "steps",
            format!(
                "{head}steps:\n{}",
                (0..15_000)
                    .map(|i| format!("- {{id: s{i}, title: t, confirm: \"${{{{ steps.s{}.outcome }}}}\"}}\n", i + 1))
                    .collect::<String>()
            )
            .into_bytes(),
            "unknown-name",
        ),
    ];
    for (name, bytes, code) in cases {
        let path = folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, bytes).unwrap();
        let begun = Instant::now();
        let report = load::check_path(&path);
        let text = text(&report);
        let took = begun.elapsed();
        assert!(report.diagnostics.iter().any(|d| d.code == code), "{name}: {}", &text[..text.len().min(500)]);
        assert!(report.bundle.is_none() && text.len() < 1_000_000, "{name}");
        // A second in a release build; these tests are not built for speed.
        assert!(took < Duration::from_secs(5), "{name} took {took:?}");
    }
}

#[test]
fn what_is_no_file_gets_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nosuch.yaml");
    let cases = [
        (folder.path(), "it is a folder"),
        (&missing, "there is no such file"),
        (Path::new("/dev/zero"), "it is not an ordinary file"),
        (Path::new("/"), "this names no file"),
    ];
    for (path, message) in cases {
        let report = load::check_path(path);
        assert_eq!(report.diagnostics.len(), 1);
        assert_eq!(report.diagnostics[0].message, message);
        assert!(report.diagnostics[0].hint.is_some());
    }
    let link = folder.path().join("away.sh");
    std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
    let runbook = folder.path().join("a.yaml");
    let calls_link = "pacenote: 1\nrunbook: a\ntitle: A\nsteps: [{id: a, title: A, call: ./sub/x.yaml}]\n";
    std::fs::write(&runbook, calls_link).unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("sub")).unwrap();
    assert_eq!(load::check_path(&runbook).diagnostics[0].message, "`sub/x.yaml` cannot be read: there is no such file");
    let unknown = load::check_named("canary-deplay");
    assert_eq!(unknown.diagnostics[0].hint.as_deref(), Some("did you mean `canary-deploy`?"));
}

/// The shipped runbooks are clean, by path and by id.
#[test]
fn the_library_is_clean() {
    for (path, _) in load::library().iter().filter(|(path, _)| !path.contains('/')) {
        let id = path.trim_end_matches(".yaml");
        let embedded = load::load(id).unwrap_or_else(|r| panic!("{}", render_text(&r.diagnostics, &r.sources, false)));
        assert_eq!(embedded.root.id.value, id);
        assert!(embedded.warnings.is_empty(), "{:?}", embedded.warnings);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let from_disk = load::check_path(&folder.join(path)).bundle.unwrap();
        assert_eq!(from_disk.sha256, embedded.sha256);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Any bytes at all end in a model or in diagnostics.
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let _ = pacenote::runbook::parse("x", &bytes);
    }

    /// A valid runbook with a piece cut out, doubled or replaced: no panic, and a place in the file.
    #[test]
    fn damaged_runbooks_are_answered(start in 0_usize..14_000, length in 0_usize..60, with in "[ -~\n]{0,12}") {
        let text = include_str!("../fixtures/runbooks/valid/every-field.yaml");
        let start = text.floor_char_boundary(start.min(text.len()));
        let end = text.floor_char_boundary((start + length).min(text.len()));
        let damaged = format!("{}{with}{}", &text[..start], &text[end..]);
        let files = [("every-field.yaml", damaged.as_str())];
        let report = load::check_with(&Memory(&files), "every-field.yaml", str::to_owned, load::Origin::Library);
        for diagnostic in &report.diagnostics {
            let span = diagnostic.span.unwrap_or_default();
            proptest::prop_assert!(span.start <= damaged.len() && span.end <= damaged.len() + 1, "{diagnostic:?}");
            proptest::prop_assert!(span.line as usize <= damaged.split('\n').count() + 1, "{diagnostic:?}");
        }
        let _ = text_of(&report);
    }

    /// Expressions put together from anything do not panic, parsed or evaluated.
    #[test]
    fn any_expression_is_answered(words in proptest::collection::vec(proptest::sample::select(WORDS), 0..14)) {
        let source = words.join(" ");
        if let Ok(expr) = pacenote::runbook::expression::Expr::parse(&source, pacenote::runbook::Span::default()) {
            let scope = pacenote::runbook::Value::from_json(&serde_json::json!({"signals": {"x": {"value": 0.5}}, "l": [1, 2, "a"]}));
            let _ = (expr.eval(&scope), expr.truth(&scope), expr.operands());
        }
        let _ = pacenote::runbook::expression::Template::parse(&format!("a ${{{{ {source} }}}} b"), pacenote::runbook::Span::default());
    }
}

const WORDS: &[&str] = &[
    "signals.x.value",
    "l",
    ".",
    "value",
    "<",
    "==",
    "1",
    "0.5",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "'a'",
    "\"",
    "in",
    "true",
    "null",
    "has(",
    "l.all(i,",
    "l.map(i,",
    ",",
    "-",
    "/",
    "%",
    "+",
    "1u",
    "b'x'",
    "0x",
    "99999999999999999999999",
    "1e999",
    "é",
    "\\",
    "`",
    "//",
    "'\\",
    "r'",
    "@",
    "$",
    "size(",
    "duration('1m')",
    "timestamp('2024-01-01T00:00:00Z')",
    "int(",
    ".matches('a')",
    "{{",
    "}}",
];

/// Files in memory.
struct Memory<'a>(&'a [(&'a str, &'a str)]);

impl load::Loader for Memory<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, load::LoadError> {
        self.0.iter().find(|(p, _)| *p == path).map(|(_, t)| t.as_bytes().to_vec()).ok_or(load::LoadError::Missing)
    }
}

fn text_of(report: &CheckReport) -> String {
    render_text(&report.diagnostics, &report.sources, true)
}
