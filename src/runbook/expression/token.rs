//! A glance at an expression's words, before and beside CEL's own parser.
//!
//! The parser gives a tree without places, so the places of names are found here; and
//! it recurses, so nesting is bounded here first. This is no second grammar: what it
//! does not understand it passes on, and the parser judges.

use std::ops::Range;

/// What a word is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ident,
    String,
    Number,
    /// One byte of punctuation, or `&&` and `||` under their first byte.
    Punct(u8),
}

/// A word and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

/// Splits an expression into words; white space and comments are left out.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let bytes = source.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let start = i;
        let byte = at(i);
        if byte.is_ascii_whitespace() {
            i += 1;
            continue;
        }
        if byte == b'/' && at(i + 1) == b'/' {
            while i < bytes.len() && at(i) != b'\n' {
                i += 1;
            }
            continue;
        }
        let kind = if byte == b'"' || byte == b'\'' {
            i = string_end(bytes, i, false);
            Kind::String
        } else if byte.is_ascii_alphabetic() || byte == b'_' {
            while at(i).is_ascii_alphanumeric() || at(i) == b'_' {
                i += 1;
            }
            let prefix = source.get(start..i).unwrap_or_default();
            if matches!(at(i), b'"' | b'\'') && matches!(prefix.to_ascii_lowercase().as_str(), "r" | "b" | "rb" | "br") {
                i = string_end(bytes, i, prefix.contains(['r', 'R']));
                Kind::String
            } else {
                Kind::Ident
            }
        } else if byte.is_ascii_digit() {
            while at(i).is_ascii_alphanumeric() || (at(i) == b'.' && at(i + 1).is_ascii_digit()) {
                i += 1;
            }
            Kind::Number
        } else {
            i += if (byte == b'&' || byte == b'|') && at(i + 1) == byte { 2 } else { 1 };
            Kind::Punct(byte)
        };
        tokens.push(Token { kind, range: start..i });
    }
    tokens
}

/// The end of a string that opens at `open`; the end of the text when it never closes.
fn string_end(bytes: &[u8], open: usize, raw: bool) -> usize {
    let quote = bytes[open];
    let triple = bytes.get(open..open + 3).is_some_and(|three| three == [quote; 3]);
    let mut i = open + if triple { 3 } else { 1 };
    while i < bytes.len() {
        if bytes[i] == b'\\' && !raw {
            i += 2;
        } else if bytes[i] == quote && !triple {
            return i + 1;
        } else if triple && bytes.get(i..i + 3).is_some_and(|three| three == [quote; 3]) {
            return i + 3;
        } else {
            i += 1;
        }
    }
    bytes.len()
}

/// A dotted name in the text: its parts, and where each ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) parts: Vec<String>,
    start: usize,
    ends: Vec<usize>,
}

impl Chain {
    /// The bytes of its first `parts` parts.
    pub(super) fn range(&self, parts: usize) -> Range<usize> {
        let end = parts.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        self.start..end.unwrap_or(self.start)
    }
}

/// Every dotted name, in order: `a.b['c']` is three parts; the name of a method or
/// function is no part.
pub(super) fn chains(source: &str) -> Vec<Chain> {
    let tokens = tokens(source);
    let text = |i: usize| tokens.get(i).and_then(|t| source.get(t.range.clone())).unwrap_or_default();
    let is = |i: usize, byte: u8| tokens.get(i).is_some_and(|t| t.kind == Kind::Punct(byte));
    let kind = |i: usize| tokens.get(i).map(|t| t.kind);
    let mut chains = Vec::new();
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        let continues = i > 0 && is(i - 1, b'.');
        if token.kind != Kind::Ident || continues {
            i += 1;
            continue;
        }
        let mut chain = Chain { parts: vec![text(i).to_owned()], start: token.range.start, ends: vec![token.range.end] };
        i += 1;
        loop {
            if is(i, b'.') && kind(i + 1) == Some(Kind::Ident) {
                chain.parts.push(text(i + 1).to_owned());
                chain.ends.push(tokens[i + 1].range.end);
                i += 2;
            } else if is(i, b'[') && kind(i + 1) == Some(Kind::String) && is(i + 2, b']') {
                chain.parts.push(text(i + 1).trim_matches(['"', '\'']).to_owned());
                chain.ends.push(tokens[i + 2].range.end);
                i += 3;
            } else {
                break;
            }
        }
        if is(i, b'(') {
            chain.parts.pop();
            chain.ends.pop();
        }
        if !chain.parts.is_empty() {
            chains.push(chain);
        }
    }
    chains
}

/// The sides of a top-level `&&`; one range where there is none, or where `||` or `?`
/// stand beside it.
pub(super) fn conjuncts(source: &str) -> Vec<Range<usize>> {
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    for token in tokens(source) {
        match token.kind {
            Kind::Punct(b'(' | b'[' | b'{') => depth += 1,
            Kind::Punct(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Kind::Punct(b'|' | b'?') if depth == 0 => return whole(source),
            Kind::Punct(b'&') if depth == 0 => {
                parts.push(trimmed(source, start..token.range.start));
                start = token.range.end;
            }
            _ => {}
        }
    }
    parts.push(trimmed(source, start..source.len()));
    parts
}

fn whole(source: &str) -> Vec<Range<usize>> {
    std::iter::once(0..source.len()).collect()
}

fn trimmed(source: &str, range: Range<usize>) -> Range<usize> {
    let part = source.get(range.clone()).unwrap_or_default();
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// How far brackets nest at most, and the longest run of `!` and `-`: both are what a
/// recursive parser recurses on.
pub(super) fn nesting(tokens: &[Token]) -> usize {
    let (mut depth, mut deepest, mut run) = (0_usize, 0, 0);
    for token in tokens {
        run = if matches!(token.kind, Kind::Punct(b'!' | b'-' | b'?')) { run + 1 } else { 0 };
        match token.kind {
            Kind::Punct(b'(' | b'[' | b'{') => depth += 1,
            Kind::Punct(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth).max(run);
    }
    deepest
}

/// The end of an expression inside `${{ }}`: the offset of the `}}` that closes it.
pub(super) fn closing(source: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let tokens = tokens(source);
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Punct(b'{') => depth += 1,
            Kind::Punct(b'}') if depth > 0 => depth -= 1,
            Kind::Punct(b'}') => {
                let next = tokens.get(i + 1)?;
                return (next.kind == Kind::Punct(b'}') && next.range.start == token.range.end).then_some(token.range.start);
            }
            _ => {}
        }
    }
    None
}
