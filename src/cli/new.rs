//! `pacenote new`: a first runbook, with scenarios that pass.
//!
//! What no flag says is asked on the terminal; where there is none, it must be said.
//! Nothing that is there already is touched, and either all files are written or none.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::{NewArgs, NewCheck, NewKind};
use super::console::Console;
use super::import;
use crate::authoring::scaffold::{self, Answers};
use crate::error::{Exit, Problem};

/// The schemas, as `pacenote schema` prints them and the guide names them.
const SCHEMAS: [&str; 2] = ["runbook.schema.json", "scenario.schema.json"];

/// Asks what was not said, and writes the files.
///
/// # Errors
/// When something is missing or wrong, or a file is there already.
pub(super) fn run(console: &mut Console, arguments: &NewArgs) -> Result<Exit, Problem> {
    let folder = arguments.folder.clone().unwrap_or_default();
    let stdin = std::io::stdin();
    let mut lines = stdin.is_terminal().then(|| stdin.lock());
    let name = name(console, lines.as_mut(), arguments, &folder)?;
    let answers = answers(console, lines.as_mut(), &name, arguments)?;
    let runbook = at(&folder, &name);
    let (wanted, written) = (files(&answers, &name, arguments, &folder), folder.join("scenarios"));
    for (path, _) in &wanted {
        refuse_existing(path)?;
    }
    std::fs::create_dir_all(&written).map_err(|e| {
        Problem::cannot_start(format!("the folder cannot be made: {e}"))
            .at(written.display())
            .hint("choose another with --folder")
    })?;
    create_all(&wanted)?;
    for (path, _) in &wanted {
        console.line(path.display())?;
    }
    if !arguments.no_schema {
        schemas(console, &folder)?;
    }
    let runbook = runbook.display();
    console.note(format_args!("they pass as they stand: pacenote test {runbook}"));
    console.note(format_args!("walk it:                 pacenote rehearse {runbook}"));
    console.note(format_args!("make it yours:           look for FILL IN in {runbook}"));
    Ok(Exit::Done)
}

/// The runbook's name. That it is free is known before anything else is asked: nobody
/// answers for nothing.
fn name(console: &mut Console, lines: Option<&mut impl BufRead>, arguments: &NewArgs, folder: &Path) -> Result<String, Problem> {
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => ask(
            console,
            lines,
            &Question { what: "the name", say: "pacenote new deploy-shop", text: "What is it called?", usual: "" },
            |said| scaffold::runbook_name(said).map(|()| said.to_owned()).map_err(|e| e.to_string()),
        )?,
    };
    scaffold::runbook_name(&name).map_err(|e| Problem::usage(e).hint("it is a name, not a file: .yaml is added"))?;
    refuse_existing(&at(folder, &name))?;
    Ok(name)
}

fn at(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.yaml"))
}

/// Where the runbook and its scenarios go, and what stands in them.
fn files(answers: &Answers, name: &str, arguments: &NewArgs, folder: &Path) -> Vec<(PathBuf, String)> {
    let scaffold = scaffold::files(answers);
    let [runbook, scenario] = SCHEMAS;
    let with_schema = |schema: &str, text: String| {
        if arguments.no_schema { text } else { format!("# yaml-language-server: $schema={schema}\n{text}") }
    };
    let mut files = vec![(at(folder, name), with_schema(&format!("./{runbook}"), scaffold.runbook))];
    files.extend(scaffold.scenarios.into_iter().map(|one| {
        let path = folder.join("scenarios").join(format!("{name}-{}.yaml", one.name));
        (path, with_schema(&format!("../{scenario}"), one.text))
    }));
    files
}

fn refuse_existing(path: &Path) -> Result<(), Problem> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Problem::cannot_start("there is a file of this name already; nothing was written")
        .at(path.display())
        .hint("choose another name, or another place with --folder"))
}

/// All of them or none: part of what belongs together helps nobody.
fn create_all(files: &[(PathBuf, String)]) -> Result<(), Problem> {
    for (n, (path, text)) in files.iter().enumerate() {
        if let Err(problem) = import::create(path, text) {
            for (ours, _) in files.iter().take(n) {
                // We made it a moment ago; the problem that is told is why it goes.
                let _ = std::fs::remove_file(ours);
            }
            return Err(problem);
        }
    }
    Ok(())
}

/// Writes the schemas that are not there yet, for completion in editors.
fn schemas(console: &mut Console, folder: &Path) -> Result<(), Problem> {
    let texts = [crate::runbook::schema::schema(), crate::world::scenario::schema()];
    for ((file, what), schema) in SCHEMAS.into_iter().zip(["runbook", "scenario"]).zip(texts) {
        let path = folder.join(file);
        let text = format!("{schema:#}\n");
        if path.symlink_metadata().is_err() {
            import::create(&path, &text)?;
            console.line(path.display())?;
        } else if !std::fs::read(&path).is_ok_and(|kept| kept == text.as_bytes()) {
            let path = path.display();
            console.note(format_args!("{path} was left alone; that of this version: pacenote schema {what} > {path}"));
        }
    }
    Ok(())
}

/// What was said by flags, and what is asked.
fn answers(
    console: &mut Console,
    mut lines: Option<&mut impl BufRead>,
    name: &str,
    arguments: &NewArgs,
) -> Result<Answers, Problem> {
    let kinds = words(NewKind::value_variants());
    let kind = match arguments.kind {
        Some(kind) => kind,
        None => ask(
            console,
            lines.as_deref_mut(),
            &Question { what: "the kind", say: "--kind deploy", text: &format!("What is it for? ({kinds})"), usual: "deploy" },
            |said| NewKind::from_str(said, true).map_err(|_| format!("`{said}` is none of {kinds}")),
        )?,
    };
    let service = match &arguments.service {
        Some(service) => service.clone(),
        None => ask(
            console,
            lines.as_deref_mut(),
            &Question { what: "the service", say: "--service shop", text: "Which service?", usual: "" },
            |said| scaffold::service_name(said).map(|()| said.to_owned()).map_err(|e| e.to_string()),
        )?,
    };
    let environments = match arguments.environments.as_slice() {
        [] => ask(
            console,
            lines.as_deref_mut(),
            &Question {
                what: "the environments",
                say: "--environments staging,production",
                text: "Which environments, the real one last?",
                usual: "staging,production",
            },
            |said| {
                let names = list(said);
                scaffold::environment_names(&names).map(|()| names).map_err(|e| e.to_string())
            },
        )?,
        said => said.to_vec(),
    };
    let known = words(NewCheck::value_variants());
    let checks = match &arguments.checks {
        Some(checks) => checks.clone(),
        None => ask(
            console,
            lines,
            &Question {
                what: "what is watched",
                say: "--checks health,errors,latency",
                text: &format!("What is watched? ({known})"),
                usual: "health,errors,latency",
            },
            |said| {
                let one = |word: String| NewCheck::from_str(&word, true).map_err(|_| format!("`{word}` is none of {known}"));
                list(said).into_iter().map(one).collect::<Result<Vec<_>, _>>()
            },
        )?,
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
    Answers::new(name, kind, &service, &environments, &checks).map_err(|e| Problem::usage(e).hint("nothing was written"))
}

/// What is asked where a flag does not say it.
struct Question<'a> {
    what: &'a str,
    /// How it is said otherwise.
    say: &'a str,
    text: &'a str,
    /// What an empty line means; empty where it means nothing.
    usual: &'a str,
}

/// Asks until the answer can be used.
fn ask<T>(
    console: &mut Console,
    lines: Option<&mut impl BufRead>,
    question: &Question<'_>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Problem> {
    let Question { what, say, text, usual } = question;
    let Some(lines) = lines else {
        return Err(
            Problem::usage(format!("{what} is missing, and there is no terminal to ask on")).hint(format!("say it: {say}"))
        );
    };
    loop {
        console.note(if usual.is_empty() { (*text).to_owned() } else { format!("{text} [{usual}]") });
        let mut line = String::new();
        let bytes = lines.read_line(&mut line).map_err(|e| Problem::cannot_start(format!("the answer cannot be read: {e}")))?;
        if bytes == 0 {
            return Err(Problem::cannot_start("the questions were not all answered; nothing was written"));
        }
        let said = Some(line.trim()).filter(|said| !said.is_empty()).unwrap_or(usual);
        match read(said) {
            Ok(answer) => return Ok(answer),
            Err(_) if said.is_empty() => {}
            Err(wrong) => console.note(wrong),
        }
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
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
            NewArgs { name: None, kind, service: None, environments: Vec::new(), checks: None, folder: None, no_schema: false };
        answers(&mut Console::to(Vec::new(), Vec::new()), Some(&mut typed.as_bytes()), "x", &arguments)
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
    fn a_name_that_cannot_be_is_asked_again_and_one_that_is_taken_refused() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = NewArgs {
            name: None,
            kind: None,
            service: None,
            environments: Vec::new(),
            checks: None,
            folder: None,
            no_schema: false,
        };
        let named =
            |typed: &str| name(&mut Console::to(Vec::new(), Vec::new()), Some(&mut typed.as_bytes()), &arguments, folder.path());
        assert_eq!(named("../x\n\nx.yaml\nx\n").unwrap(), "x");
        std::fs::write(folder.path().join("x.yaml"), "").unwrap();
        assert!(named("x\n").is_err());
    }

    #[test]
    fn a_question_is_asked_until_its_answer_can_be_used() {
        let usual = said("deploy\nshop\nstaging\nhealth\n", None).unwrap();
        let typed = "party\ndeploy\n\nmy shop\nshop\nstaging, staging\nstaging\nluck\nhealth\n";
        assert_eq!(said(typed, None).unwrap(), usual);
        let split = "deploy\nshop\nfoo bar\nstaging\nhealth\n";
        assert_eq!(said(split, None).unwrap(), usual, "a name with a space in it is no two names");
        for typed in ["", "party\n", "deploy\nshop\n", "deploy\nshop\na\nluck\n"] {
            assert!(said(typed, None).is_err(), "{typed:?}");
        }
    }
}
