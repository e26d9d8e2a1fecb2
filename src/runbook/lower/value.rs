//! Values, structures with expressions in them, secrets and headers.

use std::collections::BTreeMap;

use super::super::expression::Template;
use super::super::model::{SecretSource, TemplateValue, TextOrSecret};
use super::super::tree::{Kind, Node, Resolved};
use super::super::value::Value;
use super::field::Lower;
use super::shape;

impl Lower<'_> {
    /// A value without expressions.
    pub(super) fn value(&mut self, node: &Node) -> Option<Value> {
        match &node.kind {
            Kind::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => Some(Value::Null),
                Resolved::Bool(b) => Some(Value::Bool(b)),
                Resolved::Number(n) if n.is_finite() => Some(Value::Number(n)),
                Resolved::Number(_) => self.wrong_type(node, "this is a value"),
                Resolved::Text => self.word(node).map(Value::String),
            },
            Kind::List(items) => {
                let values: Vec<_> = items.iter().map(|i| self.value(i)).collect();
                values.into_iter().collect::<Option<_>>().map(Value::List)
            }
            Kind::Map(entries) => {
                let values: Vec<_> = entries.iter().map(|e| Some((e.key.clone(), self.value(&e.value)?))).collect();
                values.into_iter().collect::<Option<BTreeMap<_, _>>>().map(Value::Map)
            }
            Kind::Bad => None,
        }
    }

    /// A value with expressions in its texts.
    pub(super) fn template_value(&mut self, node: &Node) -> Option<TemplateValue> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.resolve() == Resolved::Text => {
                self.template_of(node, scalar).map(TemplateValue::Template)
            }
            Kind::Scalar(_) => self.value(node).map(TemplateValue::Literal),
            Kind::List(items) => {
                let values: Vec<_> = items.iter().map(|i| self.template_value(i)).collect();
                values.into_iter().collect::<Option<_>>().map(TemplateValue::List)
            }
            Kind::Map(entries) => {
                let values: Vec<_> = entries.iter().map(|e| Some((e.key.clone(), self.template_value(&e.value)?))).collect();
                values.into_iter().collect::<Option<_>>().map(TemplateValue::Map)
            }
            Kind::Bad => None,
        }
    }

    /// The sources a secret can have: exactly one of them.
    pub(super) fn secret_source(&mut self, node: &Node) -> Option<SecretSource> {
        let fields = self.fields(node, shape::SECRET_SOURCE)?;
        let one = self.one_of(&fields, shape::SECRET_SOURCE.keys, "a source")?;
        match one.key.as_str() {
            "env" => {
                let name = self.text(Some(&one.value))?;
                if !is_variable(&name) {
                    self.diagnostics.error(
                        "bad-name",
                        one.value.span,
                        format!("`{name}` is not the name of an environment variable"),
                    );
                }
                Some(SecretSource::Env(name))
            }
            "file" => self.text(Some(&one.value)).map(SecretSource::File),
            "command" => {
                let items = self.list(&one.value, "a command")?;
                self.not_empty(items, &one.value, "a command");
                let words: Vec<_> = items.iter().map(|i| self.word(i)).collect();
                words.into_iter().collect::<Option<_>>().map(SecretSource::Command)
            }
            _ => {
                let key = self.fields(&one.value, shape::SECRET_KEY)?;
                let (name, key) = (self.text(key.get("name")), self.text(key.get("key")));
                Some(SecretSource::Kubernetes { name: name?, key: key? })
            }
        }
    }

    /// Text, or `{from: …}`.
    pub(super) fn text_or_secret(&mut self, node: &Node) -> Option<TextOrSecret> {
        match &node.kind {
            Kind::Map(_) => {
                let fields = self.fields(node, shape::SECRET)?;
                self.secret_source(fields.get("from")?).map(TextOrSecret::Secret)
            }
            _ => self.word_template(Some(node)).map(TextOrSecret::Text),
        }
    }

    /// Headers of a request.
    pub(super) fn headers(&mut self, node: Option<&Node>) -> Vec<(String, TextOrSecret)> {
        let Some(entries) = node.and_then(|n| self.entries(n, "headers")) else { return Vec::new() };
        let mut headers = Vec::new();
        for entry in entries {
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
            if entry.key.is_empty() || !entry.key.chars().all(token) {
                self.diagnostics.error("bad-name", entry.key_span, format!("`{}` is not the name of a header", entry.key));
            }
            if let Some(value) = self.text_or_secret(&entry.value) {
                headers.push((entry.key.clone(), value));
            }
        }
        headers
    }

    /// Environment variables of a command.
    pub(super) fn variables(&mut self, node: Option<&Node>) -> Vec<(String, TextOrSecret)> {
        let Some(entries) = node.and_then(|n| self.entries(n, "env")) else { return Vec::new() };
        let mut variables = Vec::new();
        for entry in entries {
            if !is_variable(&entry.key) {
                self.diagnostics
                    .error("bad-name", entry.key_span, format!("`{}` is not the name of an environment variable", entry.key))
                    .hint("letters, digits and `_`, no digit first");
            }
            if let Some(value) = self.text_or_secret(&entry.value) {
                variables.push((entry.key.clone(), value));
            }
        }
        variables
    }

    /// A program and its arguments.
    pub(super) fn command(&mut self, node: &Node) -> Option<Vec<Template>> {
        let Kind::List(items) = &node.kind else {
            if let Kind::Scalar(scalar) = &node.kind {
                let words: Vec<_> = scalar.text.split_whitespace().collect();
                self.diagnostics
                    .error("wrong-type", node.span, "a command is a list: the program and its arguments")
                    .hint(format!("write `[{}]`, or use `script` for a shell", words.join(", ")));
                return None;
            }
            return self.wrong_type(node, "a command is a list: the program and its arguments");
        };
        self.not_empty(items, node, "a command");
        let words: Vec<_> = items.iter().map(|i| self.word_template(Some(i))).collect();
        let words: Vec<Template> = words.into_iter().collect::<Option<_>>()?;
        if let Some(program) = words.first().filter(|w| !w.is_literal()) {
            self.diagnostics
                .error("dynamic-program", program.span(), "the program itself cannot be an expression")
                .hint("what will run must be seen before it runs: write the program out, and pass values as arguments");
        }
        Some(words)
    }

    /// Reports a list that holds nothing.
    pub(super) fn not_empty(&mut self, items: &[Node], node: &Node, what: &str) {
        if items.is_empty() {
            self.diagnostics.error("empty-list", node.span, format!("{what} is empty"));
        }
    }
}

/// Whether an environment variable can be called this.
fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
