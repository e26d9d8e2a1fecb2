//! A source file as the rules see it: without comments and the contents of strings,
//! with the parts that are tests marked, and with its paths written out.

use std::ops::Range;

/// A file of the project.
pub(super) struct Source {
    /// Relative to the project, with `/`.
    pub(super) path: String,
    /// As it stands.
    pub(super) text: String,
    /// Without comments and the contents of literals; the same lines, the same length.
    pub(super) code: String,
    tests: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = blank(&text);
        let whole = is_test_file(&path).then_some(0..code.len());
        let tests = whole.map_or_else(|| test_items(&code), |whole| std::iter::once(whole).collect());
        Self { path, text, code, tests }
    }

    /// The same file, all of it tests: it is declared under `#[cfg(test)]`.
    pub(super) fn into_test(mut self) -> Self {
        self.tests = std::iter::once(0..self.code.len()).collect();
        self
    }

    /// The files that it declares as modules of tests, `#[cfg(test)] mod name;`.
    pub(super) fn test_files(&self) -> Vec<String> {
        let folder = match self.path.strip_suffix(".rs").unwrap_or(&self.path) {
            "src/lib" | "src/main" => "src",
            folder => folder,
        };
        let declared = self.tests.iter().filter_map(|range| {
            let item = self.code.get(range.clone())?.split_once(']')?.1.trim();
            let name = item.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')?;
            Some(format!("{folder}/{name}.rs"))
        });
        declared.collect()
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.code.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1
    }

    pub(super) fn is_test(&self, at: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&at))
    }

    /// Where a word stands in the code, as a word of its own.
    pub(super) fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let (starts, ends) = (part(word.chars().next()), part(word.chars().next_back()));
        self.code.match_indices(word).map(|(at, _)| at).filter(move |at| {
            let before = self.code[..*at].chars().next_back();
            let after = self.code[at + word.len()..].chars().next();
            !(starts && part(before) || ends && part(after))
        })
    }

    /// Every path in the code with where it stands: those of `use` with their braces
    /// multiplied out, and those that stand elsewhere.
    pub(super) fn paths(&self) -> Vec<(usize, String)> {
        let mut paths = Vec::new();
        let mut rest = 0;
        while let Some(at) = self.code[rest..].find("::").map(|found| rest + found) {
            let begin = self.code[..at].rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |p| p + 1);
            let end = begin + tree_end(&self.code[begin..]);
            expand("", &self.code[begin..end], begin, &mut paths);
            rest = end.max(at + 2);
        }
        paths
    }

    /// Every function: where it begins, its name, how many lines it has.
    pub(super) fn functions(&self) -> Vec<(usize, String, usize)> {
        self.words("fn")
            .filter_map(|at| {
                let name: String =
                    self.code[at + 2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let open = at + body(&self.code[at..])?;
                let close = open + closing(&self.code[open..])?;
                (!name.is_empty()).then(|| (at, name, self.line(close) - self.line(at) + 1))
            })
            .collect()
    }
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// How long a path is, its braces included: `std::{fs, time::Duration}`.
fn tree_end(code: &str) -> usize {
    let mut end = 0;
    while let Some(c) = code[end..].chars().next() {
        if c.is_alphanumeric() || c == '_' {
            end += c.len_utf8();
        } else if code[end..].starts_with("::") {
            end += 2;
            if code[end..].starts_with('{') {
                return end + closing(&code[end..]).map_or(0, |close| close + 1);
            }
        } else {
            break;
        }
    }
    end
}

fn expand(prefix: &str, tree: &str, at: usize, into: &mut Vec<(usize, String)>) {
    let Some((head, group)) = tree.split_once('{') else {
        into.push((at, format!("{prefix}{}", tree.split_whitespace().next().unwrap_or(""))));
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let (mut depth, mut begin) = (0, 0);
    let inner = group.trim_end().strip_suffix('}').unwrap_or(group);
    for (n, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inner[begin..n].trim();
                if !part.is_empty() {
                    expand(&prefix, part, at, into);
                }
                begin = n + 1;
            }
            _ => {}
        }
    }
}

/// Where the body of a function begins; none for one that is only declared.
fn body(code: &str) -> Option<usize> {
    let mut depth = 0;
    for (n, c) in code.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(n),
            ';' if depth == 0 => return None,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

/// Where the brace that `code` begins with is closed.
fn closing(code: &str) -> Option<usize> {
    let mut depth = 0;
    for (n, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(n);
        }
    }
    None
}

/// Items under `#[cfg(test)]`.
fn test_items(code: &str) -> Vec<Range<usize>> {
    code.match_indices("#[cfg(test)]")
        .map(|(at, attribute)| {
            let rest = &code[at + attribute.len()..];
            let open = rest.find(['{', ';']).unwrap_or(rest.len());
            let length = if rest[open..].starts_with('{') { closing(&rest[open..]).unwrap_or(rest.len() - open) } else { 0 };
            at..at + attribute.len() + open + length + 1
        })
        .collect()
}

/// Puts spaces where comments and the contents of literals are.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text.as_bytes()[at..];
        let (skip_front, length, skip_back) = match rest {
            [b'/', b'/', ..] => (0, rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()), 0),
            [b'/', b'*', ..] => (0, block_comment(rest), 0),
            [b'"', ..] => (1, string(rest), 1),
            [b'r', b'"' | b'#', ..] if !follows_word(bytes, at) => match raw_string(rest) {
                Some(length) => (2, length, 1),
                None => (1, 1, 0),
            },
            [b'\'', ..] => char_literal(&text[at..]).map_or((1, 1, 0), |length| (1, length, 1)),
            _ => (1, 1, 0),
        };
        let end = (at + length).min(bytes.len());
        for byte in code.iter_mut().take(end.saturating_sub(skip_back)).skip(at + skip_front) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    // What was cut off in the middle of a character was blanked as a whole.
    String::from_utf8(code).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn follows_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && bytes.get(at - 1).is_some_and(|b| (b.is_ascii_alphanumeric() && *b != b'b') || *b == b'_')
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().skip(1).take_while(|b| **b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let end: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = 2 + hashes;
    let found = rest[body..].windows(end.len()).position(|window| window == end);
    Some(found.map_or(rest.len(), |found| body + found + end.len()))
}

/// The length of a character literal; none where the quote begins a lifetime.
fn char_literal(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        // The escaped character may itself be a quote.
        chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(n, _)| n + 1);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(n, _)| n + 1)
}

#[test]
fn comments_and_strings_are_not_code() {
    let text = "a(\"x // {y}\"); // sleep\n/* b /* c */ d */ e('\"', '\\'', 'x'); f::<'a>(r#\"g\"#); br\"h\";";
    let code = Source::new("src/x.rs", text).code;
    assert_eq!(code.len(), text.len());
    let words: Vec<&str> = code.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    assert_eq!(words, ["a", "e", "f", "a", "r", "br"]);
}

#[test]
fn paths_are_written_out() {
    let source = Source::new("src/x.rs", "use std::{fs, time::{Duration, SystemTime as T}};\nlet x = crate::a::b::<u8>();");
    let paths: Vec<String> = source.paths().into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, ["std::fs", "std::time::Duration", "std::time::SystemTime", "crate::a::b::"]);
}

#[test]
fn functions_are_measured_and_tests_are_known() {
    let text =
        "fn a(x: [u8; 2]) {\n}\ntrait T { fn b(&self); }\n#[cfg(test)]\nmod tests {\n  fn c() { if x { } }\n}\nfn d() {}\n";
    let source = Source::new("src/x.rs", text);
    let functions: Vec<(String, usize, bool)> =
        source.functions().into_iter().map(|(at, name, lines)| (name, lines, source.is_test(at))).collect();
    assert_eq!(functions, [("a".into(), 2, false), ("c".into(), 1, true), ("d".into(), 1, false)]);
}

#[test]
fn files_of_tests_are_known_by_their_declaration() {
    let source = Source::new("src/a/b.rs", "mod c;\n#[cfg(test)]\nmod d;\n#[cfg(test)]\nmod e { mod f; }\n");
    assert_eq!(source.test_files(), ["src/a/b/d.rs"]);
    assert_eq!(Source::new("src/lib.rs", "#[cfg(test)]\nmod d;\n").test_files(), ["src/d.rs"]);
}
