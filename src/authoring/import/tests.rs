use proptest::prelude::*;

use super::*;
use crate::runbook::load::{self, Origin};

/// A file in memory.
struct One<'a>(&'a str);

impl load::Loader for One<'_> {
    fn read(&self, _: &str) -> Result<Vec<u8>, load::LoadError> {
        Ok(self.0.as_bytes().to_vec())
    }
}

/// Errors and warnings of `check`.
fn wrong(yaml: &str) -> Vec<String> {
    let report = load::check_with(&One(yaml), "t.yaml", str::to_owned, Origin::Library);
    let said = |d: &&crate::runbook::Diagnostic| d.severity != crate::runbook::diagnostic::Severity::Advice;
    report.diagnostics.iter().filter(said).map(|d| format!("{:?} {}", d.span.map(|s| s.line), d.message)).collect()
}

fn imported(document: &str) -> Imported {
    let imported = markdown("a document", document).unwrap();
    assert_eq!(wrong(&imported.yaml), Vec::<String>::new(), "{}", imported.yaml);
    imported
}

fn seed(name: &str) -> String {
    let path = format!("{}/tests/fixtures/markdown/{name}.md", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn documents_people_have_become_runbooks() {
    for name in ["best-practices", "deployment", "production-deployment", "workflow", "guidelines"] {
        let imported = imported(&seed(name));
        let notes: Vec<String> = imported.notes.iter().map(|n| format!("{}: {}", n.line, n.text)).collect();
        insta::assert_snapshot!(name, format!("{}\n{}", imported.yaml, notes.join("\n")));
    }
}

#[test]
fn each_kind_of_block_has_its_step() {
    let imported = imported(
        "# Deploy\n\nFor releases.\n\n## 1. Before\n\nLook first.\n\n- [ ] Tests pass\n- [x] Page *on-call*\n\n## Do it\n\n1. Tell people\n   - in chat\n2. Start\n\n   ```console\n   $ kubectl apply -f x\n   applied\n   ```\n\n```bash\n# Check it\nkubectl get <pod-name>\n```\n\n| a |\n|---|\n| b |\n\n## Rollback\n\n```sh\nundo it\n```\n",
    );
    let (runbook, _) = crate::runbook::parse("t", imported.yaml.as_bytes()).unwrap();
    let titles: Vec<&str> = runbook.steps.iter().map(|s| s.title.source()).collect();
    assert_eq!(titles, ["Before", "Tell people", "Start", "Check it"]);
    assert_eq!(runbook.title, "Deploy");
    assert_eq!(runbook.description.as_deref(), Some("For releases.\n"));
    assert_eq!(runbook.steps[0].text.as_ref().unwrap().source(), "Look first.\n");
    assert!(imported.yaml.contains("script: |\n        kubectl apply -f x\n"), "{}", imported.yaml);
    assert!(runbook.steps[3].danger && runbook.steps[3].undo.is_none());
    assert_eq!(runbook.procedures[0].steps.len(), 1);
    let notes: Vec<(usize, &str)> = imported.notes.iter().map(|n| (n.line, n.text.as_str())).collect();
    assert_eq!(
        notes,
        [
            (23, "`<pod-name>` looks like a placeholder: make it an input and pass it by `env`"),
            (28, "a table was left out"),
            (32, "what stands under `Rollback` became the procedure `rollback`"),
        ]
    );
}

/// People mark much as shell that is none, and put whole procedures into one block.
#[test]
fn a_block_of_shell_becomes_what_it_holds() {
    let imported = imported(
        "# T\n\n## 📋 1. Before\n\n```bash\n# Look at all\n✅ Tests pass\n✅ People know\n```\n\n## Do\n\n### Deploy\n\n```bash\n# Go live\napply\n\n# See it\nkubectl logs -f x\n\n# Rollback if needed\nundo\n```\n\n```bash\n[Command to clean up]\n```\n\n## Key Takeaways\n\n1. Be careful\n\n## Rollback Plan\n\nThink.\n",
    );
    let (runbook, _) = crate::runbook::parse("t", imported.yaml.as_bytes()).unwrap();
    let titles: Vec<(&str, &str)> =
        runbook.steps.iter().map(|s| (s.phase.as_ref().map_or("", |p| p.as_str()), s.title.source())).collect();
    assert_eq!(titles, [("Before", "Before"), ("Do", "Go live"), ("Do", "See it"), ("Do", "Deploy")]);
    assert!(matches!(&runbook.steps[0].action, crate::runbook::model::Action::Checklist(items) if items.len() == 2));
    assert_eq!(runbook.steps[0].text.as_ref().unwrap().source(), "Look at all\n");
    assert_eq!(runbook.steps[1].text.as_ref().unwrap().source(), "Deploy:\n");
    assert!(matches!(runbook.steps[3].action, crate::runbook::model::Action::Confirm(_)));
    assert_eq!(runbook.procedures[0].steps.len(), 1);
    let notes: Vec<(usize, &str)> = imported.notes.iter().map(|n| (n.line, n.text.as_str())).collect();
    assert_eq!(
        notes,
        [
            (15, "`kubectl logs -f x` does not end by itself: make it a signal or a gate, or leave it out"),
            (15, "`Rollback if needed` became a step of the procedure `rollback`"),
            (26, "the block has words in brackets instead of a command; it became a step to do by hand"),
            (32, "the text under `Key Takeaways` belongs to no step and was left out"),
            (36, "the text under `Rollback Plan` belongs to no step and was left out"),
        ]
    );
}

/// Every word of a document is in the runbook or its line is in a note.
#[test]
fn what_is_nested_is_not_lost() {
    let imported = imported(
        "# T\n\n- [ ] alpha\n\n  bravo\n\n  > charlie\n\n## B\n\n- delta\n- echo\n\n  ```sh\n  foxtrot\n  ```\n\n## C\n\n1. golf\n\n   ```sh\n   hotel\n   ```\n\n   india\n\n   ```yaml\n   juliet: 1\n   ```\n",
    );
    for word in ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet"] {
        assert!(imported.yaml.contains(word), "{word}\n{}", imported.yaml);
    }
}

#[test]
fn what_looks_like_an_expression_stays_text() {
    let imported = imported("# A ${{ x }}\n\n1. Set ${{ secrets.X }}\n\n```sh\necho ${{ y }}\n```\n");
    let (runbook, _) = crate::runbook::parse("t", imported.yaml.as_bytes()).unwrap();
    let nothing = crate::runbook::Value::Null;
    assert_eq!(runbook.steps[0].title.render(&nothing).unwrap(), "Set ${{ secrets.X }}");
    assert!(matches!(runbook.steps[1].action, crate::runbook::model::Action::Confirm(_)));
}

#[test]
fn titles_that_yaml_reads_as_something_else_stay_titles() {
    for word in ["true", "Null", "1e3", "~", "- a", "a: b", "#", "0x1F", "'", "2026-01-01"] {
        let imported = imported(&format!("# T\n\n- [ ] {word}\n\n## {word}\n\n1. {word}\n"));
        assert!(imported.steps >= 1, "{word}");
    }
}

#[test]
fn too_much_is_refused() {
    assert!(matches!(markdown("x", &"1. a\n".repeat(501)), Err(ImportError::TooLong(_))));
    assert!(matches!(markdown("x", &"a".repeat(MAX_SIZE + 1)), Err(ImportError::TooLong(_))));
    // Deep nesting neither overflows the stack nor takes long.
    imported(&">".repeat(20_000));
    imported(&format!("{}a", "- ".repeat(5_000)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_passes_check(name in any::<String>(), document in any::<String>()) {
        let imported = markdown(&name, &document).unwrap();
        prop_assert_eq!(wrong(&imported.yaml), Vec::<String>::new(), "{}", imported.yaml);
    }

    /// Pieces of Markdown in any order, with hostile words in them.
    #[test]
    fn any_markdown_passes_check(pieces in prop::collection::vec((0..14_usize, "\\PC{0,12}|[-:#'\"\\\\{}$<>|`*\t ]{1,8}|true|null|1e3|---|\\$\\{\\{ x"), 0..25)) {
        let forms = ["# @", "## @", "### Rollback @", "- [ ] @", "- @", "1. @", "```bash\n@\n```", "```\n@\n```", "  - [x] @",
            "   ```sh\n   @\n   ```", "> @", "| @ |\n|---|\n| @ |", "<div>@</div>", "@\n"];
        let document: String = pieces.iter().map(|(form, word)| format!("{}\n", forms[*form].replace('@', word))).collect();
        let imported = markdown("n", &document).unwrap();
        prop_assert_eq!(wrong(&imported.yaml), Vec::<String>::new(), "{}\n{}", document, imported.yaml);
    }
}
