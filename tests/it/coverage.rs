//! `runbooks/COVERAGE.md` stays true: it names every heading and checklist item of the
//! documents the library was written from, in their order, and what it points at exists.
//!
//! The headings and items are in `tests/fixtures/coverage/`, one a line: `#` for each
//! level of a heading, `-` for an item.

use std::path::{Path, PathBuf};

use pacenote::runbook::Runbook;
use pacenote::runbook::load;

fn project(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// The rows of each table: what stands in the document, and where it is covered.
fn rows(page: &str) -> Vec<Vec<(String, String)>> {
    let mut tables: Vec<Vec<(String, String)>> = Vec::new();
    for line in page.lines() {
        if line.starts_with("## ") {
            tables.push(Vec::new());
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", what, place, ""] = cells.as_slice()
            && !matches!(*what, "heading or item" | "---")
        {
            let what = match what.strip_prefix("· ") {
                Some(item) => format!("- {item}"),
                None => format!("# {}", what.trim_matches('*')),
            };
            tables.last_mut().expect("a table belongs to a document").push((what, (*place).to_owned()));
        }
    }
    tables
}

/// Whether a place below a runbook exists: a step, a step of a procedure or of `finally`,
/// a guard, or a part of the file that is not empty.
fn exists(book: &Runbook, place: &str) -> bool {
    let has = |steps: &[pacenote::runbook::model::Step], id: &str| steps.iter().any(|s| s.id.value == id);
    if let Some(guard) = place.strip_prefix("guard:") {
        return book.guards.iter().any(|g| g.id.value == guard);
    }
    match place.split_once('/') {
        Some(("finally", step)) => has(&book.finally, step),
        Some((procedure, rest)) => {
            let step = rest.split('/').next().unwrap_or(rest);
            !rest.contains('/') && book.procedures.iter().any(|p| p.id.value == procedure && has(&p.steps, step))
        }
        None => match place {
            "environments" => !book.environments.is_empty(),
            "signals" => !book.signals.is_empty(),
            "contacts" => !book.contacts.is_empty(),
            "inputs" => !book.inputs.is_empty(),
            "clocks" => !book.clocks.is_empty(),
            "followups" => !book.followups.is_empty(),
            step => has(&book.steps, step),
        },
    }
}

/// What a cell points at: words in backticks that begin with the id of a runbook.
fn references(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|word| !word.contains(' ') && !word.starts_with('-')).collect()
}

#[test]
fn everything_the_documents_hold_is_there_in_their_order() {
    let page = std::fs::read_to_string(project("runbooks/COVERAGE.md")).unwrap();
    let tables = rows(&page);
    let mut fixtures: Vec<PathBuf> =
        std::fs::read_dir(project("tests/fixtures/coverage")).unwrap().map(|e| e.unwrap().path()).collect();
    fixtures.sort();
    assert_eq!((tables.len(), fixtures.len()), (5, 5));
    for (table, fixture) in tables.iter().zip(&fixtures) {
        let text = std::fs::read_to_string(fixture).unwrap();
        let plain = |line: &str| match line.strip_prefix("- ") {
            Some(item) => format!("- {}", item.replace("**", "")),
            None => format!("# {}", line.trim_start_matches('#').trim()),
        };
        let wanted: Vec<String> = text.lines().map(plain).collect();
        let found: Vec<String> = table.iter().map(|(what, _)| what.clone()).collect();
        assert_eq!(found, wanted, "{}", fixture.display());
    }
}

#[test]
fn every_place_it_names_exists_and_every_row_says_something() {
    let page = std::fs::read_to_string(project("runbooks/COVERAGE.md")).unwrap();
    let known: Vec<&str> =
        load::library().iter().filter_map(|(p, _)| p.strip_suffix(".yaml")).filter(|p| !p.contains('/')).collect();
    let mut used = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for (what, place) in rows(&page).into_iter().flatten() {
        let mut named = 0;
        for reference in references(&place) {
            let (id, rest) = reference.split_once('/').map_or((reference, None), |(id, rest)| (id, Some(rest)));
            // A word like `leaked` is no reference; with a slash it must be one.
            if !known.contains(&id) {
                if rest.is_some() {
                    wrong.push(format!("{what}: there is no runbook `{id}`"));
                }
                continue;
            }
            named += 1;
            used.insert(id.to_owned());
            let bundle = load::load(id).unwrap_or_else(|_| panic!("{id} has mistakes"));
            if let Some(rest) = rest
                && !exists(&bundle.root, rest)
            {
                wrong.push(format!("{what}: `{id}` has no `{rest}`"));
            }
        }
        let reason = place.strip_prefix("No procedure: ").is_some_and(|why| why.len() > 10);
        let told = place.len() > 40;
        if named == 0 && !reason && !told {
            wrong.push(format!("{what}: neither a step nor a reason"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unused: Vec<&&str> = known.iter().filter(|id| !used.contains(**id)).collect();
    assert!(unused.is_empty(), "the table names nothing in {unused:?}");
}
