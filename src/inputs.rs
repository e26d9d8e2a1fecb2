//! Answers to a runbook's inputs: read, judged, and what is still missing.
//!
//! The same rules hold for `--input`, answers files, scenarios, the screen's forms and
//! what a `call` passes: they are here, once, and pure. Messages are fragments that end a
//! sentence about the input (`version: does not match ...`). A secret never passes
//! through here: secret inputs are only named.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::runbook::model::{Choices, Input, InputKind, SecretSource};
use crate::runbook::{Value, duration, pattern};

/// Longest answer, in bytes; a text of this size is already a document.
pub const LONGEST: usize = 64 << 10;

/// Something wrong with one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// The input, or the name someone took for one.
    pub name: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it, where there is something to say.
    pub hint: Option<String>,
}

impl std::fmt::Display for InputProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

/// A secret input, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretWanted {
    /// Its name.
    pub name: String,
    /// Where it comes from; absent: it is asked.
    pub source: Option<SecretSource>,
    /// Whether the session can start without it.
    pub required: bool,
}

/// What is known before anyone is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gathered {
    /// Answers that are good, defaults included.
    pub values: BTreeMap<String, Value>,
    /// Names of inputs that need an answer and have none.
    pub missing: Vec<String>,
    /// Secret inputs; none has been read.
    pub secrets: Vec<SecretWanted>,
    /// Answers that are not good.
    pub problems: Vec<InputProblem>,
}

/// Reads one answer as typed by a person.
///
/// # Errors
/// Why it is not an answer, as a fragment.
pub fn parse(input: &Input, text: &str) -> Result<Value, String> {
    if matches!(input.kind, InputKind::Secret(_)) {
        return Err("is a secret".to_owned());
    }
    let several_lines = matches!(input.kind, InputKind::Text);
    let text = if several_lines { text.trim_end() } else { text.trim() };
    check_characters(text, several_lines)?;
    if text.is_empty() {
        return if input.required { Err("needs an answer".to_owned()) } else { Ok(nothing(input)) };
    }
    let value = match &input.kind {
        InputKind::String | InputKind::Text | InputKind::Choice(Choices::Command { .. }) => Value::from(text),
        InputKind::Integer => Value::Number(whole(text)?),
        InputKind::Number => Value::Number(number(text)?),
        InputKind::Boolean => Value::Bool(yes_or_no(text)?),
        InputKind::Choice(Choices::List(choices)) => Value::from(one_of(choices, text)?),
        InputKind::Duration => Value::from(duration::format(duration::parse(text)?)),
        InputKind::Time => Value::from(time(text)?),
        InputKind::Secret(_) => return Err("is a secret".to_owned()),
    };
    limits(input, &value)?;
    Ok(value)
}

/// Judges one answer that already has a type: from YAML, or a default.
///
/// # Errors
/// Why it is not an answer, as a fragment.
pub fn validate(input: &Input, value: &Value) -> Result<Value, String> {
    let textual =
        matches!(input.kind, InputKind::String | InputKind::Text | InputKind::Duration | InputKind::Time | InputKind::Choice(_));
    match (&input.kind, value) {
        (InputKind::Secret(_), _) => Err("is a secret".to_owned()),
        (_, Value::Null) => parse(input, ""),
        (_, Value::String(text)) if textual => parse(input, text),
        // `1` is one spelling of a choice, but 1.10 has already lost its zero.
        (InputKind::Choice(_), Value::Number(n)) if n.fract() == 0.0 => parse(input, &value.to_string()),
        (InputKind::Integer, Value::Number(_)) => parse(input, &value.to_string()),
        (InputKind::Number, Value::Number(n)) if n.is_finite() => limits(input, value).map(|()| value.clone()),
        (InputKind::Boolean, Value::Bool(_)) => Ok(value.clone()),
        (_, Value::Number(_) | Value::Bool(_)) if textual => Err(format!("is {}, not text: put it in quotes", kind_of(value))),
        _ => Err(format!("is {}, and {} is needed", kind_of(value), wanted(&input.kind))),
    }
}

/// Judges all answers together.
///
/// # Errors
/// Every problem, in the order of the inputs, unknown names last.
pub fn validate_all(inputs: &[Input], values: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, Vec<InputProblem>> {
    let gathered = gather(inputs, &[], values);
    let mut problems = gathered.problems;
    problems.extend(gathered.missing.into_iter().map(|name| problem(&name, "needs an answer", None)));
    if problems.is_empty() { Ok(gathered.values) } else { Err(problems) }
}

/// Puts together what is known: `--input` first, then the answers file, then defaults.
pub fn gather(inputs: &[Input], arguments: &[(String, String)], answers: &BTreeMap<String, Value>) -> Gathered {
    let mut gathered = Gathered::default();
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, text) in arguments {
        if given.insert(name, text).is_some() {
            gathered.problems.push(problem(name, "is given twice", Some("give it once".to_owned())));
        }
    }
    for input in inputs {
        gather_one(input, given.get(input.name.as_str()).copied(), answers.get(input.name.as_str()), &mut gathered);
    }
    let known: BTreeSet<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    let named: BTreeSet<&str> = given.keys().copied().chain(answers.keys().map(String::as_str)).collect();
    for name in named.difference(&known) {
        let list = known.iter().copied().collect::<Vec<_>>().join(", ");
        let hint = if list.is_empty() { "it has no inputs".to_owned() } else { format!("its inputs are {list}") };
        gathered.problems.push(problem(name, "is not an input of this runbook", Some(hint)));
    }
    gathered
}

fn gather_one(input: &Input, argument: Option<&str>, answer: Option<&Value>, gathered: &mut Gathered) {
    let name = input.name.as_str();
    if let InputKind::Secret(source) = &input.kind {
        if argument.is_some() || answer.is_some() {
            gathered.problems.push(problem(name, "is a secret, and is not taken from arguments or files of answers", {
                Some("name its source in the runbook (`from: {env: NAME}`), or leave it out and be asked".to_owned())
            }));
        }
        gathered.secrets.push(SecretWanted { name: name.to_owned(), source: source.clone(), required: input.required });
        return;
    }
    let judged = match (argument, answer, &input.default) {
        (Some(text), _, _) => parse(input, text),
        (None, Some(value), _) | (None, None, Some(value)) => validate(input, value),
        (None, None, None) if input.required => {
            gathered.missing.push(name.to_owned());
            return;
        }
        (None, None, None) => Ok(nothing(input)),
    };
    match judged {
        Ok(value) => {
            gathered.values.insert(name.to_owned(), value);
        }
        Err(message) => {
            let hint = input.example.as_ref().map(|example| format!("for example {example}"));
            gathered.problems.push(problem(name, &message, hint));
        }
    }
}

/// What an optional input without an answer is.
fn nothing(input: &Input) -> Value {
    match input.kind {
        InputKind::String | InputKind::Text => Value::from(""),
        _ => Value::Null,
    }
}

fn problem(name: &str, message: &str, hint: Option<String>) -> InputProblem {
    InputProblem { name: name.to_owned(), message: message.to_owned(), hint }
}

fn check_characters(text: &str, several_lines: bool) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} bytes"));
    }
    let allowed = |c: char| !c.is_control() || (several_lines && matches!(c, '\n' | '\t'));
    match text.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some('\n') => Err("takes one line only".to_owned()),
        Some(c) => Err(format!("holds a control character (U+{:04X})", u32::from(c))),
    }
}

fn limits(input: &Input, value: &Value) -> Result<(), String> {
    if let Some(n) = value.as_number() {
        let show = |limit: f64| Value::Number(limit).to_string();
        if let Some(min) = input.min.filter(|min| n < *min) {
            return Err(format!("is less than {}", show(min)));
        }
        if let Some(max) = input.max.filter(|max| n > *max) {
            return Err(format!("is more than {}", show(max)));
        }
    }
    if let (Some(wanted), Some(text)) = (&input.pattern, value.as_str()) {
        let regex = pattern::anchored(wanted).map_err(|e| format!("cannot be judged: its pattern is wrong: {e}"))?;
        if !regex.is_match(text) {
            return Err(format!("does not match `{}`", wanted.value));
        }
    }
    Ok(())
}

fn whole(text: &str) -> Result<f64, String> {
    const LIMIT: i64 = 1 << 53;
    match text.parse::<i64>() {
        #[expect(clippy::cast_precision_loss, reason = "below 2^53 nothing is lost")]
        Ok(n) if n.abs() < LIMIT => Ok(n as f64),
        Ok(_) => Err("is too large".to_owned()),
        Err(_) => Err("is not a whole number".to_owned()),
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| "is not a number".to_owned())
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" => Ok(true),
        "false" | "no" | "n" => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
    }
}

/// Finds an answer among the choices, which are compared as they stand.
///
/// # Errors
/// When it is none of them.
pub fn one_of<'a>(choices: &'a [String], text: &str) -> Result<&'a str, String> {
    choices
        .iter()
        .find(|choice| choice.as_str() == text)
        .map(String::as_str)
        .ok_or_else(|| format!("is none of {}", choices.join(", ")))
}

fn time(text: &str) -> Result<String, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::AutoSi, true))
        .map_err(|_| "is not a time with its zone, such as 2026-03-01T02:00:00Z".to_owned())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    }
}

fn wanted(kind: &InputKind) -> &'static str {
    match kind {
        InputKind::String => "a line of text",
        InputKind::Text => "text",
        InputKind::Integer => "a whole number",
        InputKind::Number => "a number",
        InputKind::Boolean => "true or false",
        InputKind::Choice(_) => "one of the choices",
        InputKind::Duration => "a duration such as 1h30m",
        InputKind::Time => "a time such as 2026-03-01T02:00:00Z",
        InputKind::Secret(_) => "a secret",
    }
}

#[cfg(test)]
mod tests;
