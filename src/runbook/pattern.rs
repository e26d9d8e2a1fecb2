//! Regular expressions as the format means them.
//!
//! The pattern of an input is anchored, and `\d` is an ASCII digit: a ticket number in
//! Devanagari is a mistake, not a ticket. Sizes are bounded, and the engine cannot
//! backtrack, so no pattern can make a session hang.

use regex::{Regex, RegexBuilder};

/// Memory a compiled pattern may take.
const SIZE_LIMIT: usize = 1 << 20;

/// The pattern of an input: matches the whole text; `\d` is ASCII.
///
/// # Errors
/// A fragment that says what is wrong with it.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    compile(&format!("^(?:{})$", ascii_digits(pattern)))
}

/// A pattern that may match anywhere, such as one of `capture`; `\d` is ASCII.
///
/// # Errors
/// A fragment that says what is wrong with it.
pub fn anywhere(pattern: &str) -> Result<Regex, String> {
    compile(&ascii_digits(pattern))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).nest_limit(50).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

/// `\d` and `\D` spelt out, within and outside of classes.
fn ascii_digits(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut classes = 0_usize;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => text.push_str(if classes > 0 { "0-9" } else { "[0-9]" }),
                Some('D') => text.push_str("[^0-9]"),
                Some(escaped) => {
                    text.push('\\');
                    text.push(escaped);
                }
                None => text.push('\\'),
            },
            '[' => {
                classes += 1;
                text.push('[');
            }
            ']' => {
                classes = classes.saturating_sub(1);
                text.push(']');
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_matched_whole_with_ascii_digits() {
        for (pattern, text, fits) in [
            (r"v\d+\.\d+", "v1.2", true),
            (r"v\d+\.\d+", "xv1.2", false),
            (r"v\d+\.\d+", "v1.2\n", false),
            ("a|b", "ab", false),
            (r"\d", "٣", false),
            (r"[\d-]+", "1-2", true),
            (r"[\D]", "1", false),
            (r"\D", "٣", true),
            (r"\\d", r"\d", true),
        ] {
            assert_eq!(anchored(pattern).map(|r| r.is_match(text)), Ok(fits), "{pattern} {text}");
        }
        assert!(anywhere(r"id=(\d+)").is_ok_and(|r| r.is_match("x id=5 y")));
    }

    #[test]
    fn bad_patterns_say_why() {
        for pattern in ["(", "[a", r"\p{Nosuch}", "a{1000}{1000}{1000}", &"(".repeat(1000), "\\"] {
            let why = anchored(pattern).map(|_| ()).expect_err(pattern);
            assert!(!why.is_empty() && !why.contains('\n'), "{why}");
        }
    }
}
