//! Questions to the operator: `inputs`, `params` and the `input` action.

use super::super::model::{Choices, Input, InputKind};
use super::super::pattern;
use super::super::span::Spanned;
use super::super::tree::{Entry, Kind, Node, Resolved};
use super::super::value::Value;
use super::super::{duration, tree};
use super::field::{Fields, Lower, Naming};
use super::shape::{self, words};

/// Members every step has; a value with such a name could not be told from them.
pub(super) const STEP_MEMBERS: [&str; 3] = ["outcome", "choice", "reason"];

impl Lower<'_> {
    /// A map of inputs, in the order of the file.
    pub(super) fn inputs(&mut self, node: Option<&Node>, what: &str) -> Vec<Input> {
        self.each(node, what, Self::input)
    }

    fn input(&mut self, entry: &Entry) -> Option<Input> {
        let name = self.named(&entry.key, entry.key_span, Naming::Plain)?;
        let fields = self.fields(&entry.value, shape::INPUT)?;
        let kind = self.input_kind(&fields)?;
        self.keys_of_kind(&fields, &kind);
        let pattern = self.spanned(fields.get("pattern"));
        if let Some(pattern) = &pattern {
            self.check_pattern(pattern, pattern::anchored(pattern).err());
        }
        let required = self.boolean(fields.get("required"));
        let input = Input {
            name,
            prompt: self.text(fields.get("prompt")),
            help: self.text(fields.get("help")),
            example: fields.get("example").and_then(|n| self.word(n)),
            default: fields.get("default").and_then(|n| self.value(n)),
            required: required.unwrap_or(true),
            pattern,
            min: self.number(fields.get("min")),
            max: self.number(fields.get("max")),
            kind,
        };
        self.limits(&fields, &input);
        self.samples(&fields, &input);
        Some(input)
    }

    /// Reports a pattern that is no regular expression.
    pub(super) fn check_pattern(&mut self, pattern: &Spanned<String>, why: Option<String>) {
        if let Some(why) = why {
            self.diagnostics
                .error("bad-pattern", pattern.span, format!("this is not a regular expression: {why}"))
                .hint("the syntax is that of Rust's regex: no look-around, no back-references");
        }
    }

    fn input_kind(&mut self, fields: &Fields) -> Option<InputKind> {
        let Some(node) = fields.get("type") else { return Some(InputKind::String) };
        let word = self.word_of(Some(node), words::INPUT_TYPE)?;
        Some(match words::INPUT_TYPE[word] {
            "text" => InputKind::Text,
            "integer" => InputKind::Integer,
            "number" => InputKind::Number,
            "boolean" => InputKind::Boolean,
            "choice" => InputKind::Choice(self.choices(fields)?),
            "duration" => InputKind::Duration,
            "time" => InputKind::Time,
            "secret" => InputKind::Secret(match fields.get("from") {
                Some(from) => Some(self.secret_source(from)?),
                None => None,
            }),
            _ => InputKind::String,
        })
    }

    fn choices(&mut self, fields: &Fields) -> Option<Choices> {
        let Some(node) = fields.get("choices") else {
            self.diagnostics
                .error("missing-key", fields.span, "a choice needs `choices`")
                .hint("for instance `choices: [blue, green]`");
            return None;
        };
        match &node.kind {
            Kind::List(items) => {
                self.not_empty(items, node, "the list of choices");
                let words: Vec<_> = items.iter().filter_map(|i| Some(Spanned::new(self.word(i)?, i.span))).collect();
                self.unique(&words, "the choice");
                Some(Choices::List(words.into_iter().map(|w| w.value).collect()))
            }
            Kind::Map(_) => {
                let fields = self.fields(node, shape::CHOICES)?;
                let command = self.command(fields.get("command")?)?;
                Some(Choices::Command { command, lines: self.whole(fields.get("lines"), 1, 10_000) })
            }
            _ => self.wrong_type(node, "choices are a list, or `{command, lines}`"),
        }
    }

    /// Keys that mean something for some types only.
    fn keys_of_kind(&mut self, fields: &Fields, kind: &InputKind) {
        let number = matches!(kind, InputKind::Integer | InputKind::Number);
        let text = matches!(kind, InputKind::String | InputKind::Text);
        let secret = matches!(kind, InputKind::Secret(_));
        let rules = [
            ("pattern", text, "string and text"),
            ("min", number, "integer and number"),
            ("max", number, "integer and number"),
            ("choices", matches!(kind, InputKind::Choice(_)), "choice"),
            ("from", secret, "secret"),
        ];
        for (key, fits, types) in rules {
            if let (false, Some(entry)) = (fits, fields.entry(key)) {
                self.diagnostics
                    .error("key-not-here", entry.key_span, format!("`{key}` belongs to inputs of type {types}"))
                    .hint(format!(
                        "take it out, or give the input that type: `type: {}`",
                        types.split(' ').next().unwrap_or_default()
                    ));
            }
        }
        if let (true, Some(entry)) = (secret, fields.entry("default")) {
            self.diagnostics
                .error("secret-in-file", entry.key_span, "a secret has no default: it would stand in the file")
                .hint("say where it comes from: `from: {env: NAME}`");
        }
    }

    fn limits(&mut self, fields: &Fields, input: &Input) {
        if let (Some(min), Some(max), Some(node)) = (input.min, input.max, fields.get("max"))
            && min > max
        {
            self.diagnostics.error("out-of-range", node.span, "`max` is below `min`");
        }
    }

    /// Examples and defaults must be answers that would be accepted.
    fn samples(&mut self, fields: &Fields, input: &Input) {
        if let (Some(default), Some(node)) = (&input.default, fields.get("default"))
            && let Some(why) = refuses(input, default)
        {
            self.diagnostics.error("bad-default", node.span, format!("the default would not be accepted: {why}"));
        }
        if let Some(node) = fields.get("example") {
            let scalar = match &node.kind {
                Kind::Scalar(scalar) => scalar,
                _ => return,
            };
            let example = typed(input, scalar);
            if let Some(why) = refuses(input, &example) {
                self.diagnostics.error("bad-example", node.span, format!("the example would not be accepted: {why}"));
            }
        }
    }
}

/// A scalar as the type of its input would take it.
fn typed(input: &Input, scalar: &tree::Scalar) -> Value {
    match (&input.kind, scalar.resolve()) {
        (InputKind::Integer | InputKind::Number, Resolved::Number(n)) => Value::Number(n),
        (InputKind::Boolean, Resolved::Bool(b)) => Value::Bool(b),
        _ => Value::String(scalar.text.clone()),
    }
}

/// Why an input would not take a value.
pub(in crate::runbook) fn refuses(input: &Input, value: &Value) -> Option<String> {
    match (&input.kind, value) {
        (InputKind::String | InputKind::Text, Value::String(text)) => {
            let pattern = input.pattern.as_ref().and_then(|p| pattern::anchored(p).ok())?;
            if input.kind == InputKind::String && text.contains('\n') {
                return Some("it has several lines (that is `type: text`)".to_owned());
            }
            (!pattern.is_match(text)).then(|| "it does not match `pattern`".to_owned())
        }
        (InputKind::Integer, Value::Number(n)) if n.fract() != 0.0 => Some("it is not a whole number".to_owned()),
        (InputKind::Integer | InputKind::Number, Value::Number(n)) => {
            let below = input.min.is_some_and(|min| *n < min);
            let above = input.max.is_some_and(|max| *n > max);
            (below || above).then(|| "it is not between `min` and `max`".to_owned())
        }
        (InputKind::Boolean, Value::Bool(_)) | (InputKind::Secret(_), _) => None,
        (InputKind::Choice(Choices::List(choices)), value) => {
            let text = value.to_string();
            (!choices.contains(&text)).then(|| format!("`{text}` is not one of the choices"))
        }
        (InputKind::Choice(Choices::Command { .. }), _) => None,
        (InputKind::Duration, Value::String(text)) => duration::parse(text).err(),
        (InputKind::Time, Value::String(text)) => {
            let parsed = chrono::DateTime::parse_from_rfc3339(text);
            parsed.err().map(|_| "it is not a time such as `2026-01-31T14:00:00Z`".to_owned())
        }
        (InputKind::String | InputKind::Text, _) => Some("it is not text: put it in quotes".to_owned()),
        (InputKind::Integer | InputKind::Number, _) => Some("it is not a number".to_owned()),
        (InputKind::Boolean, _) => Some("it is neither true nor false".to_owned()),
        (InputKind::Duration | InputKind::Time, _) => Some("it is not text".to_owned()),
    }
}
