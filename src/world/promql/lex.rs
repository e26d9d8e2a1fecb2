//! From text to words.

use super::QueryError;
use crate::world::cluster::Millis;

/// A word of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Number(f64),
    Duration(Millis),
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// Signs, longer ones first.
const SIGNS: [&str; 24] = [
    "==", "!=", "<=", ">=", "=~", "!~", "+", "-", "*", "/", "%", "^", "<", ">", "=", "(", ")", "{", "}", "[", "]", ",", ":", "@",
];
/// Units of durations in milliseconds.
const UNITS: [(&str, i64); 7] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000), ("y", 31_536_000_000)];

/// The words of a query with the places they begin at, an end after them.
pub(super) fn words(query: &str) -> Result<Vec<(usize, Token)>, QueryError> {
    let chars: Vec<char> = query.chars().collect();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        if c == '#' {
            at += chars.iter().skip(at).take_while(|c| **c != '\n').count();
            continue;
        }
        let (token, length) = word(&chars, at)?;
        words.push((at, token));
        at += length;
    }
    words.push((at, Token::End));
    Ok(words)
}

fn word(chars: &[char], at: usize) -> Result<(Token, usize), QueryError> {
    let rest: String = chars.iter().skip(at).collect();
    let c = rest.chars().next().unwrap_or_default();
    if c.is_ascii_digit() || (c == '.' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit())) {
        return number(&rest, at);
    }
    if c.is_ascii_alphabetic() || c == '_' {
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':')).collect();
        let length = name.len();
        let token = match name.to_ascii_lowercase().as_str() {
            "inf" => Token::Number(f64::INFINITY),
            "nan" => Token::Number(f64::NAN),
            _ => Token::Name(name),
        };
        return Ok((token, length));
    }
    if matches!(c, '"' | '\'' | '`') {
        return text(&rest, c, at);
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
    sign.map(|sign| (Token::Sign(sign), sign.len())).ok_or_else(|| QueryError::Syntax(at, format!("unexpected character: '{c}'")))
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), QueryError> {
    let body: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')).collect();
    if let Some(duration) = duration(&body) {
        return Ok((Token::Duration(duration), body.len()));
    }
    let mut length = body.len();
    // An exponent may have a sign, which ends what was taken above.
    if body.ends_with(['e', 'E']) && !body.starts_with("0x") && rest[length..].starts_with(['+', '-']) {
        length += 1 + rest[length + 1..].chars().take_while(char::is_ascii_digit).count();
    }
    let whole = &rest[..length];
    let value = match whole.strip_prefix("0x") {
        #[expect(clippy::cast_precision_loss, reason = "a number is a double in PromQL")]
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|n| n as f64),
        None => whole.parse().ok(),
    };
    value
        .map(|value| (Token::Number(value), length))
        .ok_or_else(|| QueryError::Syntax(at, format!("bad number or duration syntax: \"{whole}\"")))
}

fn duration(text: &str) -> Option<Millis> {
    let mut rest = text;
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0)?;
        let (count, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let length = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(count.parse::<i64>().ok()?.checked_mul(length)?)?;
        rest = next;
    }
    Some(total)
}

fn text(rest: &str, quote: char, at: usize) -> Result<(Token, usize), QueryError> {
    let mut value = String::new();
    let mut escaped = false;
    for (index, c) in rest.chars().enumerate().skip(1) {
        if escaped {
            value.push(match c {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '\\' | '"' | '\'' | '`' => c,
                other => return Err(QueryError::Syntax(at + index, format!("unknown escape sequence '\\{other}'"))),
            });
            escaped = false;
        } else if c == '\\' && quote != '`' {
            escaped = true;
        } else if c == quote {
            return Ok((Token::Text(value), index + 1));
        } else {
            value.push(c);
        }
    }
    Err(QueryError::Syntax(at, "unterminated quoted string".to_owned()))
}
