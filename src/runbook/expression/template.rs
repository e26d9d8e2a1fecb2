//! Text with `${{ }}` in it, and structures of such text.
//!
//! What an expression gives is put where its place allows: text of an operator can
//! neither leave the part of an address it stands in, nor the string of a query, nor
//! become an option of a command. Where it cannot be made safe the result is unknown,
//! and so nothing is sent.

use std::sync::Arc;

use super::super::model::TemplateValue;
use super::super::span::{Span, TextMap};
use super::super::value::Value;
use super::{Expr, ExprError, MAX_LENGTH, Scope, Unknown, token};

/// How text from an expression is escaped where it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As it stands.
    Plain,
    /// An address: percent-encoded in path and query, only what a host may hold before
    /// them, as it stands where the address begins with it.
    Url,
    /// PromQL: escaped within a string; outside only numbers, durations and names.
    Promql,
    /// A JSON document written as text: escaped within a string; outside as JSON.
    Json,
    /// An argument of a command: as it stands, but it must not become an option.
    Argument,
}

/// Text with `${{ }}` in it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Template {
    source: Arc<str>,
    span: Span,
    parts: Arc<[Part]>,
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// An expression.
    Expr(Expr),
}

impl Template {
    /// Parses text that stands in its file byte for byte at `span`.
    ///
    /// # Errors
    /// The first mistake in one of its expressions, or a `${{` that never closes.
    pub fn parse(source: &str, span: Span) -> Result<Self, ExprError> {
        Self::parse_mapped(source, span, &TextMap::plain(span))
    }

    /// Parses text that was taken out of quotes or a block.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_mapped(source: &str, span: Span, map: &TextMap) -> Result<Self, ExprError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = source.get(at..).and_then(|rest| rest.find("${{")).map(|i| at + i) {
            if open > at {
                parts.push(Part::Text(source[at..open].to_owned()));
            }
            let inside = open + 3;
            let rest = source.get(inside..).unwrap_or_default();
            let look = rest.get(..rest.floor_char_boundary(MAX_LENGTH + 2)).unwrap_or_default();
            let Some(length) = token::closing(look) else {
                return Err(ExprError {
                    message: "`${{` is never closed".to_owned(),
                    offset: open,
                    hint: Some("an expression in text ends with `}}`".to_owned()),
                });
            };
            let raw = &rest[..length];
            let start = inside + (raw.len() - raw.trim_start().len());
            let trimmed = raw.trim();
            let place = map.span(source, start..start + trimmed.len());
            let expr = Expr::parse_mapped(trimmed, place, map.from_offset(source, start))
                .map_err(|e| ExprError { offset: start + e.offset, ..e })?;
            parts.push(Part::Expr(expr));
            at = inside + length + 2;
        }
        if at < source.len() {
            parts.push(Part::Text(source[at..].to_owned()));
        }
        Ok(Self { source: source.into(), span, parts: parts.into() })
    }

    /// Text without expressions, whatever it looks like.
    pub fn literal(text: &str) -> Self {
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text.to_owned())] };
        Self { source: text.into(), span: Span::default(), parts: parts.into() }
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Its pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Its expressions, in order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expr(expr) => Some(expr),
            Part::Text(_) => None,
        })
    }

    /// Whether it has no expression in it.
    pub fn is_literal(&self) -> bool {
        self.expressions().next().is_none()
    }

    /// The text with every expression's value in its place.
    ///
    /// # Errors
    /// [`Unknown`] when one of them cannot be told.
    pub fn render(&self, scope: &dyn Scope) -> Result<String, Unknown> {
        self.render_escaped(scope, Escape::Plain)
    }

    /// The text with every expression's value made safe for where it goes.
    ///
    /// # Errors
    /// [`Unknown`] when one of them cannot be told, or cannot be made safe.
    pub fn render_escaped(&self, scope: &dyn Scope, escape: Escape) -> Result<String, Unknown> {
        let mut text = String::new();
        for part in self.parts.iter() {
            match part {
                Part::Text(piece) => text.push_str(piece),
                Part::Expr(expr) => {
                    let value = expr.eval(scope)?;
                    let piece = match escape {
                        Escape::Plain | Escape::Argument => value.to_string(),
                        Escape::Url => in_url(&text, &value.to_string())?,
                        Escape::Promql => in_promql(&text, &value.to_string())?,
                        Escape::Json => in_json(&text, &value),
                    };
                    text.push_str(&piece);
                }
            }
        }
        let begins_with_expression = matches!(self.parts.first(), Some(Part::Expr(_)));
        if escape == Escape::Argument && begins_with_expression && text.starts_with('-') {
            return Err(Unknown(format!("the argument `{text}` would be taken for an option")));
        }
        Ok(text)
    }

    /// The value: of its type where the text is exactly one `${{ }}`, else text.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, Unknown> {
        match self.parts.as_ref() {
            [Part::Expr(expr)] => expr.eval(scope),
            _ => self.render(scope).map(Value::String),
        }
    }
}

impl TemplateValue {
    /// The structure with every expression's value in its place.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn value(&self, scope: &dyn Scope) -> Result<Value, Unknown> {
        match self {
            TemplateValue::Literal(value) => Ok(value.clone()),
            TemplateValue::Template(template) => template.value(scope),
            TemplateValue::List(items) => items.iter().map(|i| i.value(scope)).collect::<Result<_, _>>().map(Value::List),
            TemplateValue::Map(entries) => {
                entries.iter().map(|(k, v)| Ok((k.clone(), v.value(scope)?))).collect::<Result<_, _>>().map(Value::Map)
            }
        }
    }

    /// Calls `visit` with every template in it.
    pub fn each_template<'a>(&'a self, visit: &mut dyn FnMut(&'a Template)) {
        match self {
            TemplateValue::Literal(_) => {}
            TemplateValue::Template(template) => visit(template),
            TemplateValue::List(items) => items.iter().for_each(|i| i.each_template(visit)),
            TemplateValue::Map(entries) => entries.iter().for_each(|(_, v)| v.each_template(visit)),
        }
    }
}

/// A value within an address, by the part of the address it stands in.
fn in_url(before: &str, value: &str) -> Result<String, Unknown> {
    let Some((_, rest)) = before.split_once("://") else {
        return if before.is_empty() { Ok(value.to_owned()) } else { Err(Unknown(format!("`{before}` is no address"))) };
    };
    if !rest.contains(['/', '?', '#']) {
        let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        return if value.chars().all(host) {
            Ok(value.to_owned())
        } else {
            Err(Unknown(format!("`{value}` cannot be part of a host name")))
        };
    }
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    if matches!(text.as_str(), "." | "..") {
        return Err(Unknown(format!("`{value}` would change the path of the address")));
    }
    Ok(text)
}

/// A value within a query, by the kind of string it stands in.
fn in_promql(before: &str, value: &str) -> Result<String, Unknown> {
    match open_quote(before, &['"', '\'', '`']) {
        Some('`') if value.contains('`') => Err(Unknown(format!("`{value}` would end the string it stands in"))),
        Some('`') => Ok(value.to_owned()),
        Some(_) => {
            Ok(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "\\'").replace('\n', "\\n").replace('\r', "\\r"))
        }
        None => {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
            let number = value.strip_prefix('-').unwrap_or(value);
            if !number.is_empty() && number.chars().all(plain) {
                Ok(value.to_owned())
            } else {
                Err(Unknown(format!(
                    "`{value}` would change the query: only numbers, durations and names stand outside a string"
                )))
            }
        }
    }
}

/// A value within JSON written as text.
fn in_json(before: &str, value: &Value) -> String {
    if open_quote(before, &['"']).is_some() {
        let quoted = serde_json::Value::String(value.to_string()).to_string();
        quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned()
    } else {
        value.to_json().to_string()
    }
}

/// The quote that is open at the end of `text`.
fn open_quote(text: &str, quotes: &[char]) -> Option<char> {
    let mut open = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match open {
            Some(_) if c == '\\' && open != Some('`') => {
                chars.next();
            }
            Some(quote) if c == quote => open = None,
            None if quotes.contains(&c) => open = Some(c),
            _ => {}
        }
    }
    open
}
