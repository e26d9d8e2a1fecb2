//! Secrets that are asked: typed on the terminal before a session begins or goes on, and
//! shown nowhere.
//!
//! The record never holds them, so a session that is resumed has to ask again. Without a
//! terminal nobody can be asked, and nothing else may take a secret's place.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use crate::error::Problem;
use crate::redact::{Keep, strip_controls};
use crate::runbook::load::Bundle;
use crate::runbook::model::{Action, Input, InputKind, Step};
use crate::secrets::{Secret, Secrets};
use crate::session::Event;
use crate::terminal::modes::Modes;

/// A line that is longer is no secret anybody types.
const LONGEST: usize = 64 << 10;

/// Whether a secret input is asked, because the runbook does not say where it comes from.
pub(super) fn is_asked(input: &Input) -> bool {
    matches!(input.kind, InputKind::Secret(None))
}

/// Asks for one secret until it can be kept out of the record. One that may be left out
/// is, by an empty line.
///
/// # Errors
/// When nothing was given.
pub(super) fn ask(input: &Input, secrets: &Secrets) -> Result<(), Problem> {
    let question = strip_controls(input.prompt.as_deref().unwrap_or(&input.name), Keep::NOTHING);
    let left_out = if input.required { "" } else { ", or nothing" };
    loop {
        let typed = hidden_line(&format!("{question} (a secret, not shown{left_out}): "))
            .map_err(|e| Problem::cannot_start(format!("the terminal cannot be read: {e}")))?;
        let _ = writeln!(io::stdout());
        let typed = typed.ok_or_else(|| Problem::usage(format!("the secret `{}` was not given", input.name)))?;
        if typed.is_empty() && !input.required {
            return Ok(());
        }
        match secrets.give(&input.name, Secret::new(typed)) {
            Ok(()) => return Ok(()),
            Err(why) => {
                let _ = writeln!(io::stdout(), "  {why}");
            }
        }
    }
}

/// What a session that goes on has to be told again: its secret inputs, and those that
/// were given on the way. Where nobody can be asked it is said, and the session goes on:
/// it may have to be rolled back, for which they need not matter.
///
/// # Errors
/// When nothing was given.
pub(in crate::cli) fn ask_again<'a>(
    bundle: &Bundle,
    events: impl Iterator<Item = &'a Event>,
    secrets: &Secrets,
    may_ask: bool,
) -> Result<(), Problem> {
    let given: Vec<&String> = events
        .flat_map(|event| match event {
            Event::InputGiven(given) => given.secrets.as_slice(),
            _ => &[],
        })
        .collect();
    let runbooks = || std::iter::once(&*bundle.root).chain(bundle.called.values().map(|called| &**called));
    let mut wanted: Vec<&Input> = bundle.root.inputs.iter().filter(|input| is_asked(input)).collect();
    for runbook in runbooks() {
        let steps = runbook.steps.iter().chain(runbook.procedures.iter().flat_map(|procedure| &procedure.steps));
        let on_the_way = steps.flat_map(inputs_of).filter(|input| is_asked(input) && given.contains(&&input.name.value));
        wanted.extend(on_the_way);
    }
    let mut names = std::collections::BTreeSet::new();
    wanted.retain(|input| names.insert(input.name.value.clone()));
    if wanted.is_empty() {
        return Ok(());
    }
    if may_ask && io::stdin().is_terminal() {
        return wanted.into_iter().try_for_each(|input| ask(input, secrets));
    }
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(
        io::stderr(),
        "note: a secret is kept nowhere and is asked on a terminal, and here is none. What needs {} will fail before it starts.",
        names.join(" or ")
    );
    Ok(())
}

fn inputs_of(step: &Step) -> Vec<&Input> {
    match &step.action {
        Action::Input(inputs) => inputs.iter().collect(),
        Action::Parallel(steps) => steps.iter().flat_map(inputs_of).collect(),
        _ => Vec::new(),
    }
}

/// A line that is not shown; none when its writer left with Ctrl-C or Ctrl-D.
fn hidden_line(question: &str) -> io::Result<Option<String>> {
    // Before it is asked: who answers quickly must not read it on the screen.
    let _modes = Modes::hidden()?;
    write!(io::stdout(), "{question}")?;
    io::stdout().flush()?;
    let mut line = Line::default();
    for byte in io::stdin().lock().bytes() {
        if let Some(done) = line.take(byte?) {
            return Ok(done);
        }
    }
    Ok(None)
}

/// A line as it is typed.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    /// Takes a byte; the line, where it ended it.
    fn take(&mut self, byte: u8) -> Option<Option<String>> {
        match byte {
            b'\n' | b'\r' => return Some(String::from_utf8(std::mem::take(&mut self.0)).ok()),
            // Ctrl-C, and Ctrl-D on an empty line.
            3 => return Some(None),
            4 if self.0.is_empty() => return Some(None),
            // Backspace: a character, which may be several bytes.
            8 | 127 => while self.0.pop().is_some_and(|gone| gone & 0xc0 == 0x80) {},
            // Ctrl-U: all of it.
            21 => self.0.clear(),
            byte if byte >= 32 && self.0.len() < LONGEST => self.0.push(byte),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &str) -> Option<Option<String>> {
        let mut line = Line::default();
        bytes.bytes().find_map(|byte| line.take(byte))
    }

    #[test]
    fn a_line_is_edited_as_on_a_terminal() {
        for (bytes, wanted) in [
            ("pass\r", Some("pass")),
            ("pasé\u{7f}s\n", Some("pass")),
            ("wrong\u{15}pass\n", Some("pass")),
            ("\u{8}pa\tss\u{1b}\n", Some("pass")),
            ("\r", Some("")),
            ("pa\u{4}ss\n", Some("pass")),
            ("pass\u{3}", None),
            ("\u{4}", None),
        ] {
            assert_eq!(typed(bytes), Some(wanted.map(str::to_owned)), "{bytes:?}");
        }
        assert_eq!(typed("never ended"), None);
    }
}
