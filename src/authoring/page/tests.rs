use super::*;
use crate::runbook::load;

fn page_of(yaml: &str) -> String {
    let (runbook, _) = crate::runbook::parse("t.yaml", yaml.as_bytes()).unwrap_or_else(|d| panic!("{d:?}"));
    markdown(&runbook)
}

#[test]
fn the_canary_reads_well() {
    insta::assert_snapshot!(markdown(&load::load("canary-deploy").unwrap().root));
}

/// Every step, guard, input and environment of every shipped runbook is on its page.
#[test]
fn nothing_is_left_out() {
    for (path, _) in load::library().iter().filter(|(path, _)| path.ends_with(".yaml") && !path.contains('/')) {
        let runbook = load::load(path.trim_end_matches(".yaml")).unwrap().root;
        let page = markdown(&runbook);
        let lists = runbook.procedures.iter().flat_map(|p| &p.steps).chain(&runbook.steps).chain(&runbook.finally);
        let mut names: Vec<&str> = lists.map(|s| s.id.as_str()).collect();
        names.extend(runbook.guards.iter().map(|g| g.id.as_str()));
        names.extend(runbook.signals.iter().map(|s| s.name.as_str()));
        names.extend(runbook.inputs.iter().map(|i| i.name.as_str()));
        names.extend(runbook.procedures.iter().map(|p| p.id.as_str()));
        for name in names {
            assert!(page.contains(&code(name)), "{path}: {name}");
        }
    }
}

#[test]
fn text_cannot_become_markup() {
    let page = page_of(
        "pacenote: 1\nrunbook: t\ntitle: \"# a *b* <img> [c](d) \\e[31m\"\nsteps: [{id: a, title: 'x | `y`', confirm: 'a ${{ inputs.v }} b'}]\ninputs: {v: {prompt: 'a|b', default: 'x`|`y'}}\n",
    );
    assert!(page.contains("# \\# a \\*b\\* \\<img\\> \\[c\\](d)"), "{page}");
    assert!(!page.contains('\u{1b}'));
    assert!(page.contains("x \\| \\`y\\`"));
    assert!(page.contains("a `${{ inputs.v }}` b"));
    let row = page.lines().find(|line| line.starts_with("| `v`")).unwrap();
    assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
}

#[test]
fn a_change_that_says_nothing_of_undo_is_said_to() {
    let page = page_of("pacenote: 1\nrunbook: t\ntitle: t\nsteps: [{id: a, title: a, run: {command: [a]}}]\n");
    assert!(page.contains("**Changes:** runs `a`") && page.contains("Nothing says how it is undone"), "{page}");
}

/// A script with fences of its own stays one block.
#[test]
fn a_script_is_one_block() {
    let page = page_of(
        "pacenote: 1\nrunbook: t\ntitle: t\nsteps: [{id: a, title: a, run: {reads_only: true, script: \"echo '```'\\necho\"}}]\n",
    );
    assert!(page.contains("  ````sh\n  echo '```'\n  echo\n  ````\n"), "{page}");
}
