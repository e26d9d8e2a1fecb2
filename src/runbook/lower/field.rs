//! Reading mappings and scalars, with the messages they have in common.

use std::time::Duration;

use super::super::diagnostic::{Collector, nearest};
use super::super::duration;
use super::super::expression::{Expr, ExprError, Template};
use super::super::span::{Span, Spanned};
use super::super::tree::{Entry, Kind, Node, Resolved, Scalar};
use super::shape::Shape;

/// A file that is being lowered.
pub(super) struct Lower<'a> {
    pub(super) source: &'a str,
    pub(super) diagnostics: &'a mut Collector,
    /// Names of what could not be read.
    pub(super) lost: std::collections::BTreeSet<String>,
}

/// A mapping whose keys were checked against its shape.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) shape: Shape,
    pub(super) span: Span,
    pub(super) entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        debug_assert!(self.shape.keys.contains(&key), "{} has no {key}", self.shape.name);
        self.entry(key).map(|e| &e.value)
    }

    /// A key and its value.
    pub(super) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    /// Which of some keys are there, in the order of the file.
    pub(super) fn among(&self, keys: &[&str]) -> Vec<&'n Entry> {
        self.entries.iter().filter(|e| keys.contains(&e.key.as_str())).collect()
    }
}

/// Kinds of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// What expressions can spell: `[a-z][a-z0-9_]*`.
    Plain,
    /// With dashes too.
    Dashed,
    /// Environments: what a command line and a folder can hold.
    Free,
}

impl Naming {
    fn fits(self, name: &str) -> bool {
        let mut chars = name.chars();
        let first = chars.next().is_some_and(|c| match self {
            Naming::Plain | Naming::Dashed => c.is_ascii_lowercase(),
            Naming::Free => c.is_ascii_alphanumeric(),
        });
        let rest = |c: char| match self {
            Naming::Plain => c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_',
            Naming::Dashed => c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'),
            Naming::Free => c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'),
        };
        first && chars.all(rest) && name.len() <= 63
    }

    fn pattern(self) -> &'static str {
        match self {
            Naming::Plain => "small letters, digits and `_`, a letter first",
            Naming::Dashed => "small letters, digits, `_` and `-`, a letter first",
            Naming::Free => "letters, digits, `_`, `-` and `.`",
        }
    }
}

impl<'a> Lower<'a> {
    /// Opens a mapping: unknown keys and missing ones are reported.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, shape: Shape) -> Option<Fields<'n>> {
        let entries = self.entries(node, shape.what)?;
        for entry in entries {
            if !shape.keys.contains(&entry.key.as_str()) {
                self.unknown_key(entry, shape);
            }
        }
        let fields = Fields { shape, span: node.span, entries };
        let missing: Vec<_> = shape.required.iter().filter(|key| fields.entry(key).is_none()).collect();
        if !missing.is_empty() {
            let names: Vec<_> = missing.iter().map(|key| format!("`{key}`")).collect();
            let span = entries.first().map_or(node.span, |e| e.key_span);
            self.diagnostics.error("missing-key", span, format!("{} needs {}", shape.what, names.join(" and ")));
        }
        Some(fields)
    }

    /// The members of a mapping whose keys are names of the author.
    pub(super) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => self.wrong_type(node, &format!("{what} is a mapping")),
        }
    }

    fn unknown_key(&mut self, entry: &Entry, shape: Shape) {
        let hint = match (shape.name, entry.key.as_str()) {
            (_, "<<") => "merge keys are not part of the format: write it out".to_owned(),
            ("gate", "timeout") => "`timeout` stands at the step, beside `gate`".to_owned(),
            ("call", "with") | ("run", "timeout") => format!("`{}` stands at the step", entry.key),
            ("step", "name") => "a step has a `title`".to_owned(),
            ("scale", "daemonset") => "a DaemonSet runs on every node and is not scaled".to_owned(),
            ("rollout_deployment", "statefulset" | "daemonset") => "only a Deployment can be paused".to_owned(),
            ("step", "command" | "script") => format!("write `run: {{{}: …}}`", entry.key),
            (_, key) => nearest(key, shape.keys.iter().copied())
                .map_or_else(|| format!("its keys are {}", shape.keys.join(", ")), |known| format!("did you mean `{known}`?")),
        };
        self.diagnostics.error("unknown-key", entry.key_span, format!("{} has no `{}`", shape.what, entry.key)).hint(hint);
    }

    /// Exactly one of some keys must be there; returns the first that is.
    pub(super) fn one_of<'n>(&mut self, fields: &Fields<'n>, keys: &[&str], what: &str) -> Option<&'n Entry> {
        let found = fields.among(keys);
        match found.as_slice() {
            [] => {
                let span = fields.entries.first().map_or(fields.span, |e| e.key_span);
                self.diagnostics
                    .error("missing-key", span, format!("{} needs {what}", fields.shape.what))
                    .hint(format!("one of {}", keys.join(", ")));
                None
            }
            [one] => Some(one),
            [first, others @ ..] => {
                for other in others {
                    self.diagnostics
                        .error("too-many", other.key_span, format!("{} has {what} already: `{}`", fields.shape.what, first.key))
                        .hint("take one of them out");
                }
                Some(first)
            }
        }
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong_type<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        if node.kind != Kind::Bad {
            self.diagnostics.error("wrong-type", node.span, format!("{wanted}, not {}", node.describe()));
        }
        None
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => self.wrong_type(node, &format!("{what} is a list")),
        }
    }

    /// Text. What looks like another type must be quoted.
    pub(super) fn text_node<'n>(&mut self, node: &'n Node) -> Option<&'n Scalar> {
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(node, "this is text") };
        match scalar.resolve() {
            Resolved::Text if scalar.text.trim().is_empty() => {
                self.diagnostics.error("empty-text", node.span, "this text is empty");
                None
            }
            Resolved::Text => Some(scalar),
            Resolved::Null => self.wrong_type(node, "this is text"),
            Resolved::Bool(_) | Resolved::Number(_) => {
                self.diagnostics
                    .error("wrong-type", node.span, format!("this is text, not {}", node.describe()))
                    .hint(format!("put it in quotes: \"{}\"", scalar.text));
                None
            }
        }
    }

    /// Text without expressions.
    pub(super) fn text(&mut self, node: Option<&Node>) -> Option<String> {
        let node = node?;
        let scalar = self.text_node(node)?;
        self.no_expression(node, &scalar.text);
        Some(scalar.text.clone())
    }

    /// A scalar as written, numbers and truth values included: arguments, variables.
    pub(super) fn word_node<'n>(&mut self, node: &'n Node) -> Option<&'n Scalar> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.resolve() != Resolved::Null => Some(scalar),
            _ => self.wrong_type(node, "this is text or a number"),
        }
    }

    /// A scalar as written, without expressions.
    pub(super) fn word(&mut self, node: &Node) -> Option<String> {
        let scalar = self.word_node(node)?;
        self.no_expression(node, &scalar.text);
        Some(scalar.text.clone())
    }

    fn no_expression(&mut self, node: &Node, text: &str) {
        if text.contains("${{") {
            self.diagnostics
                .error("expression-here", node.span, "no expression can stand here")
                .hint("write the text out; it is not evaluated");
        }
    }

    pub(super) fn spanned(&mut self, node: Option<&Node>) -> Option<Spanned<String>> {
        let text = self.text(node)?;
        Some(Spanned::new(text, node?.span))
    }

    /// Text with expressions.
    pub(super) fn template(&mut self, node: Option<&Node>) -> Option<Template> {
        let node = node?;
        let scalar = self.text_node(node)?;
        self.template_of(node, scalar)
    }

    /// A scalar of any type with expressions.
    pub(super) fn word_template(&mut self, node: Option<&Node>) -> Option<Template> {
        let node = node?;
        let scalar = self.word_node(node)?;
        self.template_of(node, scalar)
    }

    pub(super) fn template_of(&mut self, node: &Node, scalar: &Scalar) -> Option<Template> {
        let text = &scalar.text;
        if !text.contains("${{") {
            return Template::parse(text, node.span).ok();
        }
        let map = node.text_map(self.source);
        match Template::parse_mapped(text, node.span, &map) {
            Ok(template) => Some(template),
            Err(error) => {
                self.bad_expression(node, text, &error);
                None
            }
        }
    }

    /// An expression.
    pub(super) fn expr(&mut self, node: Option<&Node>) -> Option<Expr> {
        let node = node?;
        let scalar = match &node.kind {
            Kind::Scalar(scalar) if matches!(scalar.resolve(), Resolved::Bool(_) | Resolved::Text) => scalar,
            _ => return self.wrong_type(node, "this is an expression"),
        };
        let map = node.text_map(self.source);
        match Expr::parse_mapped(&scalar.text, node.span, map) {
            Ok(expr) => Some(expr),
            Err(error) => {
                self.bad_expression(node, &scalar.text, &error);
                None
            }
        }
    }

    fn bad_expression(&mut self, node: &Node, text: &str, error: &ExprError) {
        let end =
            text.get(error.offset..).and_then(|rest| rest.chars().next()).map_or(error.offset, |c| error.offset + c.len_utf8());
        let span = node.text_map(self.source).span(text, error.offset..end);
        self.diagnostics.error("bad-expression", span, error.message.clone()).maybe_hint(error.hint.clone());
    }

    pub(super) fn boolean(&mut self, node: Option<&Node>) -> Option<bool> {
        let node = node?;
        match &node.kind {
            Kind::Scalar(scalar) => match (scalar.resolve(), scalar.text.as_str()) {
                (Resolved::Bool(b), _) => Some(b),
                (Resolved::Text, "yes" | "no" | "on" | "off") => {
                    self.diagnostics
                        .error("wrong-type", node.span, "this is true or false, not text")
                        .hint("write `true` or `false`");
                    None
                }
                _ => self.wrong_type(node, "this is true or false"),
            },
            _ => self.wrong_type(node, "this is true or false"),
        }
    }

    /// Whether something is switched on; off where it is not written.
    pub(super) fn flag(&mut self, node: Option<&Node>) -> bool {
        self.boolean(node).unwrap_or(false)
    }

    pub(super) fn number(&mut self, node: Option<&Node>) -> Option<f64> {
        let node = node?;
        match &node.kind {
            Kind::Scalar(scalar) => match scalar.resolve() {
                Resolved::Number(n) if n.is_finite() => Some(n),
                _ => self.wrong_type(node, "this is a number"),
            },
            _ => self.wrong_type(node, "this is a number"),
        }
    }

    /// A whole number within bounds.
    pub(super) fn whole(&mut self, node: Option<&Node>, least: u32, most: u32) -> Option<u32> {
        let number = self.number(node)?;
        if number.fract() == 0.0 && number >= f64::from(least) && number <= f64::from(most) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked against the bounds")]
            return Some(number as u32);
        }
        let span = node?.span;
        self.diagnostics.error("out-of-range", span, format!("this is a whole number from {least} to {most}"));
        None
    }

    /// A duration; zero only where it means something.
    pub(super) fn duration_or_zero(&mut self, node: Option<&Node>) -> Option<Duration> {
        let node = node?;
        let Kind::Scalar(scalar) = &node.kind else { return self.wrong_type(node, "this is a duration such as `10m`") };
        match duration::parse(&scalar.text) {
            Ok(duration) => Some(duration),
            Err(why) => {
                self.diagnostics
                    .error("bad-duration", node.span, format!("`{}` is not a duration: {why}", scalar.text))
                    .hint("durations are written like `90s`, `10m`, `1h30m`, `30d`");
                None
            }
        }
    }

    /// A duration longer than nothing.
    pub(super) fn duration(&mut self, node: Option<&Node>) -> Option<Duration> {
        let duration = self.duration_or_zero(node)?;
        if duration.is_zero() {
            let span = node?.span;
            self.diagnostics.error("bad-duration", span, "this must be longer than nothing");
            return None;
        }
        Some(duration)
    }

    /// One of some words, as its index.
    pub(super) fn word_of(&mut self, node: Option<&Node>, words: &[&str]) -> Option<usize> {
        let node = node?;
        let Kind::Scalar(scalar) = &node.kind else {
            return self.wrong_type(node, &format!("this is one of {}", words.join(", ")));
        };
        let found = words.iter().position(|w| *w == scalar.text);
        if found.is_none() {
            let hint = nearest(&scalar.text, words.iter().copied()).map(|w| format!("did you mean `{w}`?"));
            let message = match words {
                [only] => format!("`{}` is not `{only}`, the only word here", scalar.text),
                _ => format!("`{}` is not one of {}", scalar.text, words.join(", ")),
            };
            self.diagnostics.error("unknown-word", node.span, message).maybe_hint(hint);
        }
        found
    }

    /// A name written as a value.
    pub(super) fn name(&mut self, node: Option<&Node>, naming: Naming) -> Option<Spanned<String>> {
        let node = node?;
        let scalar = self.text_node(node)?;
        self.named(&scalar.text, node.span, naming)
    }

    /// A name, wherever it stands. A wrong one is reported and kept, so that what it names
    /// is still looked at.
    pub(super) fn named(&mut self, name: &str, span: Span, naming: Naming) -> Option<Spanned<String>> {
        if !naming.fits(name) {
            let better: String = name
                .to_lowercase()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || (c == '-' && naming != Naming::Plain) { c } else { '_' })
                .collect();
            let hint = if naming.fits(&better) && better != name {
                format!("for instance `{better}`")
            } else {
                naming.pattern().to_owned()
            };
            self.diagnostics.error("bad-name", span, format!("`{name}` is not a name: {}", naming.pattern())).hint(hint);
        }
        Some(Spanned::new(name.to_owned(), span))
    }

    /// Remembers a name whose thing could not be read.
    pub(super) fn or_lost<T>(&mut self, name: &str, read: Option<T>) -> Option<T> {
        if read.is_none() {
            self.lost.insert(name.to_owned());
        }
        read
    }

    /// Reads every member of a mapping whose keys are names.
    pub(super) fn each<T>(
        &mut self,
        node: Option<&Node>,
        what: &str,
        mut read: impl FnMut(&mut Self, &Entry) -> Option<T>,
    ) -> Vec<T> {
        let Some(entries) = node.and_then(|n| self.entries(n, what)) else { return Vec::new() };
        let mut things = Vec::with_capacity(entries.len());
        for entry in entries {
            let thing = read(self, entry);
            things.extend(self.or_lost(&entry.key, thing));
        }
        things
    }

    /// Reports ids that are written twice in a list, at the later one.
    pub(super) fn unique<'i>(&mut self, ids: impl IntoIterator<Item = &'i Spanned<String>>, what: &str) {
        let mut seen: std::collections::HashMap<&str, u32> = std::collections::HashMap::new();
        for id in ids {
            if let Some(first) = seen.get(id.value.as_str()) {
                self.diagnostics
                    .error("duplicate-id", id.span, format!("{what} `{id}` is there already"))
                    .hint(format!("the first one is on line {first}"));
            } else {
                seen.insert(&id.value, id.span.line);
            }
        }
    }
}
