//! YAML as a tree of nodes that know where they stand.
//!
//! Only what the format uses of YAML: one document, mappings with text as keys, lists
//! and scalars. Aliases, anchors, tags, directives and invisible characters are refused;
//! depth and size are bounded before anything is built, so that no input can make this
//! slow, large or overflow the stack. A syntax error ends the reading; everything else is
//! collected.

mod place;

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput};

use super::diagnostic::{Collector, is_invisible};
use super::span::{Span, TextMap};

/// The largest file, in bytes.
pub const MAX_SIZE: usize = 1 << 20;
/// The deepest nesting of mappings and lists.
pub const MAX_DEPTH: usize = 64;

/// A node and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its place: of a mapping or list, all of it.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Text or what looks like another type.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file, keys unique.
    Map(Vec<Entry>),
    /// Something already reported.
    Bad,
}

/// A member of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// The key's place.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// The text, without quotes, escapes and folding.
    pub text: String,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written. Only plain ones can be anything but text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'`.
    Single,
    /// In `"`.
    Double,
    /// A block, `|` or `>`.
    Block,
}

/// What a scalar is, by YAML's core schema.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolved {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text,
}

impl Scalar {
    /// What it is, by YAML's core schema (1.2: `yes` and `09:00` are text).
    pub fn resolve(&self) -> Resolved {
        if self.style != Style::Plain {
            return Resolved::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
            "true" | "True" | "TRUE" => Resolved::Bool(true),
            "false" | "False" | "FALSE" => Resolved::Bool(false),
            text => number(text).map_or(Resolved::Text, Resolved::Number),
        }
    }
}

/// A number by the core schema.
fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(f64::INFINITY);
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(f64::NAN);
    }
    #[expect(clippy::cast_precision_loss, reason = "all numbers are doubles in this format")]
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(|n| n as f64);
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let shaped = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '-' | '+'));
    if shaped { text.parse().ok() } else { None }
}

impl Node {
    /// Its text and where each byte of it stands, if it is a scalar.
    pub fn text_map(&self, source: &str) -> TextMap {
        match &self.kind {
            Kind::Scalar(scalar) => place::text_map(source, self.span, scalar),
            _ => TextMap::plain(self.span),
        }
    }

    /// What it is, for a message.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => "nothing",
                Resolved::Bool(_) => "true or false",
                Resolved::Number(_) => "a number",
                Resolved::Text => "text",
            },
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Bad => "unreadable",
        }
    }
}

/// Turns a file's bytes into text, or says why they are none.
pub fn decode<'a>(bytes: &'a [u8], diagnostics: &mut Collector) -> Option<&'a str> {
    let whole = |start: usize| Span { start, end: start + 1, line: 1, column: 1 };
    if bytes.len() > MAX_SIZE {
        diagnostics
            .error("too-large", whole(0), format!("the file is larger than {} KiB", MAX_SIZE / 1024))
            .hint("a runbook is text that people read: is this one?");
        return None;
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        diagnostics.error("not-utf8", whole(0), "the file is UTF-16, not UTF-8").hint("save it as UTF-8");
        return None;
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        diagnostics
            .error("byte-order-mark", whole(0), "the file begins with a byte order mark")
            .hint("save it as UTF-8 without a byte order mark");
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
            let span = TextMap::plain(whole(0)).span(good, good.len()..good.len());
            diagnostics.error("not-utf8", span, "the file is not UTF-8 from here on").hint("save it as UTF-8");
            return None;
        }
    };
    let strange = |c: &char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t')) || is_invisible(*c);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| strange(c)) {
        let span = TextMap::plain(whole(0)).span(text, at..at + c.len_utf8());
        let what = if c.is_control() { "a control character" } else { "an invisible character" };
        diagnostics
            .error("control-character", span, format!("{what}, U+{:04X}, is not allowed", u32::from(c)))
            .hint("what a reader cannot see must not be in a runbook: take it out");
        return None;
    }
    Some(text)
}

/// Reads the one document of a file.
pub fn parse(source: &str, diagnostics: &mut Collector) -> Option<Node> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut options = options;
    options.set_emit_comments(false);
    let mut builder = Builder { parser: Parser::new_from_str_with_options(source, options), source, diagnostics };
    match builder.document() {
        Ok(node) => node,
        Err(error) => {
            builder.syntax_error(&error);
            None
        }
    }
}

struct Builder<'s, 'd> {
    parser: Parser<'s, StrInput<'s>>,
    source: &'s str,
    diagnostics: &'d mut Collector,
}

impl<'s> Builder<'s, '_> {
    fn document(&mut self) -> Result<Option<Node>, ScanError> {
        let (event, span) = self.next()?;
        if matches!(event, Event::StreamEnd) {
            let start = Span { start: 0, end: 0, line: 1, column: 1 };
            self.diagnostics.error("empty", start, "the file is empty").hint("a runbook begins with `pacenote: 1`");
            return Ok(None);
        }
        let node = self.node(event, span, 0)?;
        let (after, span) = self.next()?;
        if !matches!(after, Event::StreamEnd) {
            let span = self.span(span);
            self.diagnostics
                .error("several-documents", span, "a second document begins here")
                .hint("a file holds one runbook: take out the `---`");
        }
        Ok(Some(node))
    }

    /// The next event that matters.
    fn next(&mut self) -> Result<(Event<'s>, granit_parser::Span), ScanError> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _))) => {}
                Some(event) => return event,
                None => return Ok((Event::StreamEnd, granit_parser::Span::default())),
            }
        }
    }

    fn node(&mut self, event: Event<'s>, at: granit_parser::Span, depth: usize) -> Result<Node, ScanError> {
        let span = self.span(at);
        if depth >= MAX_DEPTH {
            return Err(ScanError::new(at.start, "nested too deep"));
        }
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_node(anchor, tag.is_some(), span);
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                Kind::Scalar(Scalar { text: text.into_owned(), style })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.plain_node(anchor, tag.is_some(), span);
                return self.list(span, depth);
            }
            Event::MappingStart(_, anchor, tag) => {
                self.plain_node(anchor, tag.is_some(), span);
                return self.map(span, depth);
            }
            _ => {
                self.diagnostics
                    .error("alias", span, "aliases are not part of the format")
                    .hint("write it out; what repeats belongs in a procedure");
                Kind::Bad
            }
        };
        Ok(Node { span, kind })
    }

    fn plain_node(&mut self, anchor: usize, tagged: bool, span: Span) {
        if anchor != 0 {
            self.diagnostics
                .error("alias", span, "anchors are not part of the format")
                .hint("take the `&name` out and write repeated parts out; what repeats belongs in a procedure");
        }
        if tagged {
            self.diagnostics.error("tag", span, "tags are not part of the format").hint("take the `!tag` out");
        }
    }

    fn list(&mut self, mut span: Span, depth: usize) -> Result<Node, ScanError> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                span.end = self.span(at).end.max(items.last().map_or(span.end, |n: &Node| n.span.end).max(span.start));
                return Ok(Node { span, kind: Kind::List(items) });
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn map(&mut self, mut span: Span, depth: usize) -> Result<Node, ScanError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut bad = false;
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                span.end = self.span(at).end.max(entries.last().map_or(span.end, |e| e.value.span.end).max(span.start));
                // A mapping with a key that is none was most likely meant as text.
                let kind = if bad { Kind::Bad } else { Kind::Map(entries) };
                return Ok(Node { span, kind });
            }
            let key = self.node(event, at, depth + 1)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            match key.kind {
                Kind::Scalar(Scalar { text, .. }) => match seen.get(&text) {
                    Some(first) => {
                        self.diagnostics
                            .error("duplicate-key", key.span, format!("`{text}` is written twice"))
                            .hint(format!("it stands on line {first} already: keep one of them"));
                    }
                    None => {
                        seen.insert(text.clone(), key.span.line);
                        entries.push(Entry { key: text, key_span: key.span, value });
                    }
                },
                Kind::Bad => {}
                Kind::List(_) | Kind::Map(_) => {
                    bad = true;
                    self.diagnostics
                        .error("key-type", key.span, "a key must be text")
                        .hint("braces that are text want quotes: \"${{ … }}\"");
                }
            }
        }
    }

    fn span(&self, span: granit_parser::Span) -> Span {
        let start = span.start.byte_offset().unwrap_or(self.source.len()).min(self.source.len());
        let end = span.end.byte_offset().unwrap_or(start).clamp(start, self.source.len());
        let line = u32::try_from(span.start.line().max(1)).unwrap_or(u32::MAX);
        let column = u32::try_from(span.start.col() + 1).unwrap_or(u32::MAX);
        Span { start, end, line, column }
    }

    fn syntax_error(&mut self, error: &ScanError) {
        let mark = *error.marker();
        let span = self.span(granit_parser::Span::empty(mark));
        let hint = match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar => Some("indent with spaces, not tabs"),
            ErrorKind::MappingValueNotAllowed => {
                Some("text with `: ` in it wants quotes; or a line above is indented differently")
            }
            ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
                Some("a quote above is opened and never closed")
            }
            ErrorKind::InvalidColonPlacement
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::ExpectedFlowMappingSeparator => Some("a bracket above may never be closed, or a comma is missing"),
            ErrorKind::DirectiveDisallowed => Some("take the line with `%` out"),
            ErrorKind::UnknownQuotedScalarEscape => {
                Some("in double quotes a backslash is doubled; single quotes take it as it is")
            }
            ErrorKind::UnexpectedCharacter { .. } => Some("text that begins with this character wants quotes"),
            _ => None,
        };
        let deep = matches!(error.kind(), ErrorKind::RecursionLimitExceeded) || error.info() == "nested too deep";
        if deep {
            self.diagnostics
                .error("too-deep", span, format!("mappings and lists are nested deeper than {MAX_DEPTH}"))
                .hint("is this a runbook?");
            return;
        }
        let info = error.info();
        let message = info.lines().next().unwrap_or("it cannot be read").replace("EOF", "end of the file");
        self.diagnostics.error("yaml-syntax", span, format!("not YAML: {message}")).maybe_hint(hint.map(str::to_owned));
    }
}
