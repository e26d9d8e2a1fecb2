//! `pacenote check` of a scenario: the file itself, and whether the steps and guards it
//! names are those of its runbook.

use std::path::Path;
use std::sync::Arc;

use crate::app::headless::{self, Named};
use crate::runbook::diagnostic::{Diagnostic, Severity, Sources, nearest};
use crate::runbook::load::{Bundle, CheckReport, load};
use crate::runbook::span::Span;
use crate::world::Scenario;

/// Checks a scenario; nothing where the file is none.
pub(in crate::cli) fn scenario(name: &str) -> Option<CheckReport> {
    let text = std::fs::read_to_string(name).ok()?;
    if !text.lines().any(|line| line.starts_with("pacenote-scenario:")) {
        return None;
    }
    let file: Arc<str> = name.into();
    let mut found = Found { file: file.clone(), text: &text, diagnostics: Vec::new() };
    match Scenario::read(name, &text) {
        Err(wrong) => {
            let at = (wrong.line > 0).then(|| found.at(wrong.line, wrong.column)).flatten();
            found.add("scenario", at, wrong.message, None);
        }
        Ok(scenario) => {
            let runbook = Path::new(name).parent().unwrap_or(Path::new("")).join(&scenario.runbook);
            match load(&runbook.display().to_string()) {
                Ok(bundle) => found.names(&scenario, &bundle),
                Err(_) if !runbook.exists() => {
                    let at = found.word(&scenario.runbook);
                    found.add("scenario-runbook", at, format!("there is no runbook `{}`", runbook.display()), None);
                }
                Err(_) => {
                    let hint = Some("`pacenote check` of the runbook shows them".to_owned());
                    let at = found.word(&scenario.runbook);
                    found.add("scenario-runbook", at, format!("the runbook `{}` has mistakes", runbook.display()), hint);
                }
            }
        }
    }
    let mut diagnostics = found.diagnostics;
    crate::runbook::diagnostic::sort(&mut diagnostics);
    let sources = Sources::from([(file, Arc::from(text.as_str()))]);
    Some(CheckReport { diagnostics, sources, bundle: None })
}

/// What was found in a file.
struct Found<'a> {
    file: Arc<str>,
    text: &'a str,
    diagnostics: Vec<Diagnostic>,
}

impl Found<'_> {
    fn add(&mut self, code: &'static str, span: Option<Span>, message: String, hint: Option<String>) {
        self.diagnostics.push(Diagnostic {
            code,
            severity: Severity::Error,
            message,
            file: self.file.clone(),
            span,
            hint,
            label: None,
        });
    }

    /// The place of a line and column.
    fn at(&self, line: u64, column: u64) -> Option<Span> {
        let (line, column) = (u32::try_from(line).ok()?, u32::try_from(column).ok()?);
        let start: usize = self.text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
        let rest = self.text.get(start..)?.lines().next().unwrap_or_default();
        let start = start + rest.chars().take((column as usize).saturating_sub(1)).map(char::len_utf8).sum::<usize>();
        Some(Span { start, end: start + 1, line, column })
    }

    /// The place of a name: where it stands first as a word of its own.
    fn word(&self, name: &str) -> Option<Span> {
        let of_a_word = |c: char| c.is_alphanumeric() || "_-/[]!".contains(c);
        let alone = |start: &usize| {
            let before = self.text.get(..*start).and_then(|text| text.chars().next_back());
            let after = self.text.get(start + name.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(of_a_word) && !after.is_some_and(of_a_word)
        };
        let start = self.text.match_indices(name).map(|(at, _)| at).find(alone)?;
        let before = self.text.get(..start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some(Span { start, end: start + name.len(), line: u32::try_from(line).ok()?, column: u32::try_from(column).ok()? })
    }

    /// Judges every name the scenario takes from its runbook.
    fn names(&mut self, scenario: &Scenario, bundle: &Bundle) {
        for unknown in headless::unknown_names(bundle, scenario) {
            let known = known(bundle, unknown.of);
            let hint = nearest(&unknown.name, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            let at = self.word(&unknown.name);
            self.add("scenario-name", at, format!("the runbook has no {} `{}`", unknown.of, unknown.name), hint);
        }
        if let Some(env) = scenario.env.as_deref().filter(|env| !bundle.root.environments.iter().any(|e| e.name.value == *env)) {
            let at = self.word(env);
            self.add("scenario-env", at, format!("the runbook has no environment `{env}`"), None);
        }
    }
}

/// What could have been meant. Of steps only those of the main list: paths below them
/// are made by calls.
fn known(bundle: &Bundle, of: Named) -> Vec<String> {
    let root = &bundle.root;
    match of {
        Named::Step => root.steps.iter().map(|step| step.id.value.clone()).collect(),
        Named::Signal => root.signals.iter().map(|signal| format!("signals.{}", signal.name.value)).collect(),
        Named::Guard => root.guards.iter().map(|guard| guard.id.value.clone()).collect(),
        Named::Input => root.inputs.iter().map(|input| input.name.value.clone()).collect(),
    }
}
