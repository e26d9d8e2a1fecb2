//! The inputs of a session: from arguments, from an answers file, and asked for.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::super::Basis;
use super::super::args::{RunArgs, StartArgs};
use super::super::modal::{self, Look, Modal};
use super::hidden;
use crate::error::Problem;
use crate::runbook::load::Bundle;
use crate::runbook::model::Input;
use crate::secrets::{Secret, Secrets};
use crate::session::event::Mode;
use crate::terminal::capabilities::Capabilities;
use crate::tui::inputs::{InputsEvent, InputsScreen};

/// Values by name, and the names of secrets.
pub(super) type Inputs = (std::collections::BTreeMap<String, crate::runbook::Value>, Vec<String>);

/// The inputs: from arguments, from the answers file, and asked for. Nobody is asked
/// anything before what was given is right.
pub(super) fn ask_inputs(
    basis: &Basis,
    bundle: &Bundle,
    run: &RunArgs,
    answers: &std::collections::BTreeMap<String, crate::runbook::Value>,
    may_ask: bool,
    secrets: &Secrets,
) -> Result<Inputs, Problem> {
    let inputs = &bundle.root.inputs;
    let mut arguments = run.start.inputs.clone();
    let mut gathered = crate::inputs::gather(inputs, &arguments, answers);
    all_right(&gathered)?;
    let capabilities = Capabilities::from_env(|name| std::env::var(name).ok());
    let asked: Vec<Input> =
        inputs.iter().filter(|i| gathered.missing.contains(&i.name.value) || hidden::is_asked(i)).cloned().collect();
    let may_ask = may_ask && io::stdin().is_terminal();
    if may_ask && !asked.is_empty() && !run.walk.plain && capabilities.screen && io::stdout().is_terminal() {
        arguments.extend(ask_on_screen(bundle, &run.start, &asked, secrets, Look::of(basis, capabilities))?);
        gathered = crate::inputs::gather(inputs, &arguments, answers);
    } else if may_ask {
        for input in &asked {
            if hidden::is_asked(input) {
                hidden::ask(input, secrets)?;
            } else {
                arguments.push((input.name.value.clone(), ask_one(input)?));
            }
        }
        gathered = crate::inputs::gather(inputs, &arguments, answers);
    } else if !run.dry_run {
        nobody_to_ask(&asked)?;
    }
    all_right(&gathered)?;
    if !gathered.missing.is_empty() {
        return Err(
            Problem::usage(format!("no value for {}", gathered.missing.join(", "))).hint("give it with --input NAME=VALUE")
        );
    }
    declare_secrets(bundle, secrets);
    Ok((gathered.values, gathered.secrets.into_iter().map(|s| s.name).collect()))
}

/// A secret that only a person can give, where there is none: nothing is begun that could
/// not go on.
fn nobody_to_ask(asked: &[Input]) -> Result<(), Problem> {
    match asked.iter().find(|input| hidden::is_asked(input) && input.required) {
        None => Ok(()),
        Some(input) => {
            Err(Problem::cannot_start(format!("the secret `{}` is asked on a terminal, and here is none", input.name))
                .hint("name its source in the runbook, such as `from: {env: NAME}`, or start on a terminal"))
        }
    }
}

/// Whether nothing is wrong with what was given; all that is, is said.
pub(super) fn all_right(gathered: &crate::inputs::Gathered) -> Result<(), Problem> {
    let Some(problem) = gathered.problems.first() else { return Ok(()) };
    if gathered.problems.len() > 1 {
        let line = |problem: &crate::inputs::InputProblem| {
            let hint = problem.hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
            format!("  `{}`: {}{hint}", problem.name, problem.message)
        };
        let lines: Vec<String> = gathered.problems.iter().map(line).collect();
        return Err(Problem::usage(format!("these inputs are wrong:\n{}", lines.join("\n"))));
    }
    let wrong = Problem::usage(format!("input `{}`: {}", problem.name, problem.message));
    Err(match &problem.hint {
        Some(hint) => wrong.hint(hint),
        None => wrong,
    })
}

/// The form of the inputs, on a screen of its own.
struct InputForm {
    screen: InputsScreen,
    look: Look,
}

impl Modal for InputForm {
    type Answer = InputsEvent;

    fn draw(&self, frame: &mut ratatui::Frame<'_>) {
        self.screen.view(&self.look.theme, self.look.ascii, frame);
        if self.look.ascii {
            crate::tui::theme::to_ascii(frame.buffer_mut());
        }
    }

    fn key(&mut self, key: ratatui::crossterm::event::KeyEvent) -> Option<InputsEvent> {
        self.screen.handle(key)
    }

    fn paste(&mut self, text: &str) {
        self.screen.paste(text);
    }
}

/// Asks for the inputs in a form, filled in with what is known already.
fn ask_on_screen(
    bundle: &Bundle,
    start: &StartArgs,
    asked: &[Input],
    secrets: &Secrets,
    look: Look,
) -> Result<Vec<(String, String)>, Problem> {
    let environment = start.env.clone().unwrap_or_default();
    let screen = InputsScreen::new(bundle.root.title.clone(), Mode::Live, environment, asked);
    let mut form = InputForm { screen, look };
    let answer =
        modal::show("pacenote", &mut form).map_err(|e| Problem::cannot_start(format!("the terminal cannot be used: {e}")))?;
    match answer {
        Some(InputsEvent::Given(answers)) => {
            for (name, value) in answers.secrets {
                secrets.give(&name, Secret::new(value.expose())).map_err(|why| {
                    Problem::usage(format!("no session was begun: {why}")).hint("use a longer one, and start again")
                })?;
            }
            Ok(answers.values.into_iter().map(|(name, value)| (name, value.to_string())).collect())
        }
        Some(InputsEvent::Cancelled) | None => Err(Problem::usage("no session was begun: the inputs were not given")),
    }
}

pub(in crate::cli) fn declare_secrets(bundle: &Bundle, secrets: &Secrets) {
    for input in &bundle.root.inputs {
        if let crate::runbook::model::InputKind::Secret(Some(source)) = &input.kind {
            secrets.declare(&input.name, source);
        }
    }
}

/// Asks for one input until the answer is good.
fn ask_one(input: &Input) -> Result<String, Problem> {
    let no_answer = || Problem::usage(format!("no value for {}", input.name)).hint("give it with --input NAME=VALUE");
    loop {
        let question = input.prompt.as_deref().unwrap_or(&input.name);
        let example = input.example.as_ref().map(|e| format!(" (like {e})")).unwrap_or_default();
        let _ = write!(io::stdout(), "{question}{example}: ");
        let _ = io::stdout().flush();
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) | Err(_) => return Err(no_answer()),
            Ok(_) => {}
        }
        match crate::inputs::parse(input, line.trim()) {
            Ok(_) => return Ok(line.trim().to_owned()),
            Err(why) => {
                let _ = writeln!(io::stdout(), "  {why}");
            }
        }
    }
}
