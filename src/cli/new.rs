//! `pacenote new`: a first runbook, with a scenario that passes.
//!
//! What no flag says is asked on the terminal; where there is none, it must be said.
//! Nothing that is there already is touched, and either both files are written or none.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use clap::ValueEnum;

use super::args::{NewArgs, NewCheck, NewKind};
use super::console::Console;
use super::import;
use crate::authoring::scaffold::{self, Answers};
use crate::error::{Exit, Problem};

/// Asks what was not said, and writes the files.
///
/// # Errors
/// When something is missing or wrong, or a file is there already.
pub(super) fn run(console: &mut Console, arguments: &NewArgs) -> Result<Exit, Problem> {
    let stdin = std::io::stdin();
    let mut lines = stdin.is_terminal().then(|| stdin.lock());
    let answers = answers(console, lines.as_mut(), arguments)?;
    let scaffold = scaffold::files(&answers);
    let folder = arguments.folder.clone().unwrap_or_else(|| PathBuf::from("."));
    let runbook = folder.join(format!("{}.yaml", arguments.name));
    let scenario = folder.join("scenarios").join(format!("{}-all-good.yaml", arguments.name));
    if let Some(there) = [&runbook, &scenario].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Problem::cannot_start("there is a file of this name already; nothing was written")
            .at(there.display())
            .hint("choose another name, or another place with --folder"));
    }
    let scenarios = folder.join("scenarios");
    std::fs::create_dir_all(&scenarios).map_err(|e| {
        Problem::cannot_start(format!("the folder cannot be made: {e}"))
            .at(scenarios.display())
            .hint("choose another with --folder")
    })?;
    import::create(&runbook, &scaffold.runbook)?;
    if let Err(problem) = import::create(&scenario, &scaffold.scenario) {
        // We made it a moment ago; half of a pair helps nobody.
        let _ = std::fs::remove_file(&runbook);
        return Err(problem);
    }
    console.line(runbook.display())?;
    console.line(scenario.display())?;
    console.note(format_args!(
        "next: `pacenote test {0}`, then look for TODO in it, then `pacenote rehearse {0}`",
        runbook.display()
    ));
    Ok(Exit::Done)
}

/// What was said by flags, and what is asked.
fn answers(console: &mut Console, mut lines: Option<&mut impl BufRead>, arguments: &NewArgs) -> Result<Answers, Problem> {
    let kinds = words(NewKind::value_variants());
    let kind = match arguments.kind {
        Some(kind) => kind,
        None => {
            let said = ask(console, lines.as_deref_mut(), "--kind", &format!("What is it for ({kinds})?"), "deploy")?;
            NewKind::from_str(&said, true).map_err(|_| Problem::usage(format!("`{said}` is none of {kinds}")))?
        }
    };
    let service = match &arguments.service {
        Some(service) => service.clone(),
        None => ask(console, lines.as_deref_mut(), "--service", "Which service?", "")?,
    };
    let environments = match arguments.environments.as_slice() {
        [] => list(&ask(console, lines.as_deref_mut(), "--environments", "Which environments?", "staging,production")?),
        said => said.to_vec(),
    };
    let checks = match &arguments.checks {
        Some(checks) => checks.clone(),
        None => {
            let known = words(NewCheck::value_variants());
            let said = ask(console, lines, "--checks", &format!("What is watched ({known})?"), "health,errors,latency")?;
            let one = |word: String| {
                NewCheck::from_str(&word, true).map_err(|_| Problem::usage(format!("`{word}` is none of {known}")))
            };
            list(&said).into_iter().map(one).collect::<Result<_, _>>()?
        }
    };
    let checks: Vec<scaffold::Check> = checks
        .into_iter()
        .filter_map(|check| match check {
            NewCheck::None => None,
            NewCheck::Health => Some(scaffold::Check::Health),
            NewCheck::Errors => Some(scaffold::Check::Errors),
            NewCheck::Latency => Some(scaffold::Check::Latency),
        })
        .collect();
    let kind = match kind {
        NewKind::Deploy => scaffold::Kind::Deploy,
        NewKind::Migration => scaffold::Kind::Migration,
        NewKind::Incident => scaffold::Kind::Incident,
        NewKind::Maintenance => scaffold::Kind::Maintenance,
    };
    Answers::new(&arguments.name, kind, &service, &environments, &checks)
        .map_err(|e| Problem::usage(e).hint("nothing was written"))
}

/// One question, with the answer an empty line gives.
fn ask(
    console: &mut Console,
    lines: Option<&mut impl BufRead>,
    flag: &str,
    question: &str,
    usual: &str,
) -> Result<String, Problem> {
    let Some(lines) = lines else {
        return Err(Problem::usage(format!("`{flag}` is missing, and there is no terminal to ask on"))
            .hint(format!("say it: {flag} {}", if usual.is_empty() { "NAME" } else { usual })));
    };
    console.note(if usual.is_empty() { question.to_owned() } else { format!("{question} [{usual}]") });
    let mut line = String::new();
    let read = lines.read_line(&mut line).map_err(|e| Problem::cannot_start(format!("the answer cannot be read: {e}")))?;
    if read == 0 {
        return Err(Problem::cannot_start("the questions were not all answered; nothing was written"));
    }
    let line = line.trim();
    Ok(if line.is_empty() { usual.to_owned() } else { line.to_owned() })
}

fn list(text: &str) -> Vec<String> {
    text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn words<T: ValueEnum>(all: &[T]) -> String {
    let names: Vec<String> = all.iter().filter_map(|v| v.to_possible_value().map(|v| v.get_name().to_owned())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(typed: &str, kind: Option<NewKind>) -> Result<Answers, Problem> {
        let arguments =
            NewArgs { name: "x".to_owned(), kind, service: None, environments: Vec::new(), checks: None, folder: None };
        answers(&mut Console::to(Vec::new(), Vec::new()), Some(&mut typed.as_bytes()), &arguments)
    }

    #[test]
    fn what_no_flag_says_is_asked() {
        let all = [scaffold::Check::Health, scaffold::Check::Errors, scaffold::Check::Latency];
        let both = ["staging".to_owned(), "production".to_owned()];
        let usual = Answers::new("x", scaffold::Kind::Deploy, "shop", &both, &all).unwrap();
        assert_eq!(said("\nshop\n\n\n", None).unwrap(), usual);
        let other = Answers::new("x", scaffold::Kind::Incident, "shop", &["a".to_owned(), "b".to_owned()], &[]).unwrap();
        assert_eq!(said("shop\na, b\nnone\n", Some(NewKind::Incident)).unwrap(), other);
    }

    #[test]
    fn answers_that_cannot_be_used_end_it() {
        for typed in ["party\n", "deploy\n\n\n\n", "deploy\nshop\n", "deploy\nshop\na\nluck\n", ""] {
            assert!(said(typed, None).is_err(), "{typed:?}");
        }
    }
}
