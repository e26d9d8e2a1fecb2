//! The runbook's text.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::super::yaml::{block, clean, scalar};
use super::{Does, Draft, Note, Plan};

/// The longest title; what is longer goes into the text.
const LONGEST_TITLE: usize = 120;
/// The most `${{` of one text that are kept as they stand.
const MOST_MARKS: usize = 100;

/// A name of small letters and digits, made of any text.
pub(super) fn slug(text: &str, joint: char, otherwise: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with(joint) {
            out.push(joint);
        }
        if out.len() >= 40 {
            break;
        }
    }
    let out = out.trim_matches(joint);
    if out.is_empty() {
        otherwise.to_owned()
    } else if out.starts_with(|c: char| c.is_ascii_digit()) || matches!(out, "true" | "false" | "null") {
        format!("{otherwise}{joint}{out}")
    } else {
        out.to_owned()
    }
}

/// Text that stays what it is where expressions are worked out.
fn literal(text: &str, line: usize, notes: &mut Vec<Note>) -> String {
    let marks = text.matches("${{").count();
    if marks > MOST_MARKS {
        notes.push(Note { line, text: "`${{` stands here more often than a text may have it; it became `$ {{`".to_owned() });
        return apart(text);
    }
    text.replace("${{", "${{ '$' }}{{")
}

/// Text for a place where no expression may stand.
fn apart(text: &str) -> String {
    text.replace("${{", "$ {{")
}

/// The whole file.
pub(super) fn runbook(plan: &mut Plan) -> String {
    let mut notes = std::mem::take(&mut plan.notes);
    let name = clean(&plan.name);
    let title = plan.title.clone().unwrap_or_else(|| name.clone());
    let title = if title.trim().is_empty() { "Runbook".to_owned() } else { title };
    let mut out = String::new();
    let _ = writeln!(out, "# Made by `pacenote import`. Read every step, and what is marked FILL IN, before you run it.");
    let _ = writeln!(out, "# FILL IN: owner, contacts, inputs, environments, and what is watched: signals, guards, gates.");
    let _ = writeln!(out, "pacenote: 1\nrunbook: {}\ntitle: {}", plan.id, scalar(&apart(&title)));
    if !plan.description.is_empty() {
        let _ = writeln!(out, "description: {}", block(&apart(&plan.description.join("\n\n")), 0));
    }
    out.push_str("steps:\n");
    steps(&mut out, &plan.steps, 2, false, &mut notes);
    if !plan.rollback.is_empty() {
        out.push_str("procedures:\n  rollback:\n    title: Roll back\n    steps:\n");
        steps(&mut out, &plan.rollback, 6, true, &mut notes);
    }
    plan.notes = notes;
    out
}

fn steps(out: &mut String, drafts: &[Draft], indent: usize, back: bool, notes: &mut Vec<Note>) {
    let mut taken = BTreeSet::new();
    for draft in drafts {
        step(out, draft, indent, back, &mut taken, notes);
    }
}

fn step(out: &mut String, draft: &Draft, indent: usize, back: bool, taken: &mut BTreeSet<String>, notes: &mut Vec<Note>) {
    let pad = " ".repeat(indent);
    let key = indent + 2;
    let mut id = slug(&draft.title, '_', "step");
    let base = id.clone();
    let mut n = 1;
    while !taken.insert(id.clone()) {
        n += 1;
        id = format!("{base}_{n}");
    }
    let whole = draft.title.trim();
    let short: String = whole.chars().take(LONGEST_TITLE).collect();
    let mut text = draft.text.clone();
    if short.len() < whole.len() {
        text.insert(0, whole.to_owned());
    }
    let title = if short.trim().is_empty() { "Step".to_owned() } else { short };
    let _ = writeln!(out, "{pad}- id: {id} # from line {}", draft.line);
    let _ = writeln!(out, "{pad}  title: {}", scalar(&literal(&title, draft.line, notes)));
    if let Some(phase) = &draft.phase {
        let _ = writeln!(out, "{pad}  phase: {}", scalar(&apart(phase)));
    }
    let text = text.join("\n\n");
    if !text.trim().is_empty() {
        let _ = writeln!(out, "{pad}  text: {}", block(&literal(&text, draft.line, notes), key));
    }
    match &draft.does {
        Does::Confirm => {
            let _ = writeln!(out, "{pad}  confirm: Is this done?");
        }
        Does::Checklist(items) => {
            let _ = writeln!(out, "{pad}  checklist:");
            for item in items {
                let _ = writeln!(out, "{pad}    - {}", scalar(&literal(item, draft.line, notes)));
            }
        }
        Does::Run(shell) => {
            let _ = writeln!(out, "{pad}  danger: true # until somebody has read it");
            if !back {
                let _ = writeln!(out, "{pad}  # FILL IN undo: an action, or {{none: why that is right}}");
            }
            let _ = writeln!(out, "{pad}  run: # FILL IN reads_only: true, if it changes nothing");
            if let Some(shell) = shell.shell {
                let _ = writeln!(out, "{pad}    shell: [{shell}, -eu]");
            }
            let _ = writeln!(out, "{pad}    script: {}", block(&shell.script, key + 2));
        }
    }
}
