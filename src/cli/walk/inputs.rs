//! The inputs of a session: from arguments, from an answers file, and asked for.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::super::Basis;
use super::super::args::StartArgs;
use super::super::modal::{self, Look, Modal};
use crate::error::Problem;
use crate::runbook::load::Bundle;
use crate::secrets::Secrets;
use crate::session::event::Mode;
use crate::terminal::capabilities::Capabilities;
use crate::tui::inputs::{InputsEvent, InputsScreen};

/// Values by name, and the names of secrets.
pub(super) type Inputs = (std::collections::BTreeMap<String, crate::runbook::Value>, Vec<String>);

/// The inputs: from arguments, from the answers file, and asked for.
pub(super) fn ask_inputs(
    basis: &Basis,
    bundle: &Bundle,
    start: &StartArgs,
    answers: &std::collections::BTreeMap<String, crate::runbook::Value>,
    may_ask: bool,
    secrets: &Secrets,
) -> Result<Inputs, Problem> {
    let inputs = &bundle.root.inputs;
    let mut arguments = start.inputs.clone();
    let mut gathered = crate::inputs::gather(inputs, &arguments, answers);
    let capabilities = Capabilities::from_env(|name| std::env::var(name).ok());
    if may_ask && !gathered.missing.is_empty() && capabilities.screen && io::stdin().is_terminal() && io::stdout().is_terminal() {
        arguments.extend(ask_on_screen(bundle, start, &gathered, Look::of(basis, capabilities))?);
        gathered = crate::inputs::gather(inputs, &arguments, answers);
    } else if may_ask && io::stdin().is_terminal() {
        for name in gathered.missing.clone() {
            let Some(input) = inputs.iter().find(|i| i.name.value == name) else { continue };
            arguments.push((name, ask_one(input)?));
        }
        gathered = crate::inputs::gather(inputs, &arguments, answers);
    }
    if let Some(problem) = gathered.problems.first() {
        let wrong = Problem::usage(format!("input `{}`: {}", problem.name, problem.message));
        return Err(match &problem.hint {
            Some(hint) => wrong.hint(hint),
            None => wrong,
        });
    }
    if !gathered.missing.is_empty() {
        return Err(
            Problem::usage(format!("no value for {}", gathered.missing.join(", "))).hint("give it with --input NAME=VALUE")
        );
    }
    declare_secrets(bundle, secrets);
    Ok((gathered.values, gathered.secrets.into_iter().map(|s| s.name).collect()))
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
    gathered: &crate::inputs::Gathered,
    look: Look,
) -> Result<Vec<(String, String)>, Problem> {
    let asked: Vec<_> = bundle.root.inputs.iter().filter(|i| gathered.missing.contains(&i.name.value)).cloned().collect();
    let environment = start.env.clone().unwrap_or_default();
    let screen = InputsScreen::new(bundle.root.title.clone(), Mode::Live, environment, &asked);
    let mut form = InputForm { screen, look };
    let answer =
        modal::show("pacenote", &mut form).map_err(|e| Problem::cannot_start(format!("the terminal cannot be used: {e}")))?;
    match answer {
        Some(InputsEvent::Given(answers)) => {
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
fn ask_one(input: &crate::runbook::model::Input) -> Result<String, Problem> {
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
