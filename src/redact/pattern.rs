//! The forms in which a secret comes back, and the search for them.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::{MIN_LINE, MIN_SECRET};

/// White space of at most so many bytes is passed over where wrapped Base64 goes on.
const WRAP: usize = 64;

/// All forms of all secrets.
#[derive(Clone, Default)]
pub(super) struct Patterns {
    /// What is put in a secret's place.
    markers: Vec<String>,
    patterns: Vec<Pattern>,
    /// By the first byte of a text: which patterns may begin there.
    by_first: Vec<Vec<usize>>,
    /// By the first two bytes: whether any may begin there, one bit each. Nearly every
    /// place of an ordinary text is passed over by this alone.
    pairs: Vec<u64>,
}

#[derive(Clone, PartialEq, Eq)]
struct Pattern {
    /// Whose.
    secret: usize,
    /// The characters, each of which may stand in the text in several ways.
    chars: Vec<char>,
    /// Whether line breaks may stand between the characters.
    wrapped: bool,
}

/// Whether more text may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    /// It may: a form that begins at the end of the text is reported.
    Perhaps,
    /// It does not.
    No,
}

/// What was found first.
pub(super) enum Match<'a> {
    /// A secret, and what to put in its place.
    Whole { start: usize, end: usize, marker: &'a str },
    /// From here to the end the text may be the beginning of one.
    Open { start: usize },
}

impl Patterns {
    /// How many secrets are known.
    pub(super) fn secrets(&self) -> usize {
        self.markers.len()
    }

    /// Learns all forms of a value.
    pub(super) fn learn(&mut self, name: &str, value: &str) {
        let marker = format!("[redacted {name}]");
        let secret = self.markers.iter().position(|m| *m == marker).unwrap_or_else(|| {
            self.markers.push(marker);
            self.markers.len() - 1
        });
        self.add(Pattern { secret, chars: value.chars().collect(), wrapped: false });
        if value.contains('\n') {
            for line in value.lines().map(str::trim).filter(|line| line.chars().count() >= MIN_LINE) {
                self.add(Pattern { secret, chars: line.chars().collect(), wrapped: false });
            }
        }
        for offset in 0..3 {
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let text = base64_core(engine, value.as_bytes(), offset);
                if text.len() >= MIN_SECRET {
                    self.add(Pattern { secret, chars: text, wrapped: true });
                }
            }
        }
        self.index();
    }

    fn add(&mut self, pattern: Pattern) {
        if !self.patterns.contains(&pattern) {
            self.patterns.push(pattern);
        }
    }

    fn index(&mut self) {
        self.by_first = vec![Vec::new(); 256];
        self.pairs = vec![0; 1024];
        for (number, pattern) in self.patterns.iter().enumerate() {
            for (first, seconds) in pattern.beginnings() {
                if let Some(list) = self.by_first.get_mut(usize::from(first))
                    && list.last() != Some(&number)
                {
                    list.push(number);
                }
                for second in seconds {
                    let pair = usize::from(first) << 8 | usize::from(second);
                    if let Some(bits) = self.pairs.get_mut(pair / 64) {
                        *bits |= 1 << (pair % 64);
                    }
                }
            }
        }
    }

    /// Whether a secret may begin with these bytes; without a second one, whether more
    /// text could make it so.
    fn may_begin(&self, first: u8, second: Option<u8>) -> bool {
        let Some(second) = second else { return true };
        let pair = usize::from(first) << 8 | usize::from(second);
        self.pairs.get(pair / 64).is_some_and(|bits| bits >> (pair % 64) & 1 == 1)
    }

    /// The first secret from a place on, the longest where several begin.
    pub(super) fn next(&self, text: &[u8], from: usize, more: More) -> Option<Match<'_>> {
        if self.markers.is_empty() {
            return None;
        }
        let mut start = from;
        while let Some(&byte) = text.get(start) {
            if byte == b'['
                && let Some(length) = self.marker_at(text, start)
            {
                start += length;
                continue;
            }
            if !self.may_begin(byte, text.get(start + 1).copied()) {
                start += 1;
                continue;
            }
            let mut longest: Option<(usize, usize)> = None;
            for pattern in self.by_first.get(usize::from(byte))?.iter().filter_map(|&number| self.patterns.get(number)) {
                match pattern.at(text, start) {
                    Found::Whole(end) if longest.is_none_or(|(longest, _)| end > longest) => {
                        longest = Some((end, pattern.secret))
                    }
                    Found::Open if more == More::Perhaps => return Some(Match::Open { start }),
                    _ => {}
                }
            }
            if let Some((end, secret)) = longest {
                return Some(Match::Whole { start, end, marker: self.markers.get(secret)? });
            }
            start += 1;
        }
        None
    }

    /// The length of a marker that stands here: what is redacted already stays as it is.
    fn marker_at(&self, text: &[u8], start: usize) -> Option<usize> {
        let rest = text.get(start..)?;
        self.markers.iter().find(|marker| rest.starts_with(marker.as_bytes())).map(String::len)
    }
}

/// The Base64 characters that depend on the value alone when `offset` bytes stand before
/// it and anything behind it.
fn base64_core(engine: &impl base64::Engine, value: &[u8], offset: usize) -> Vec<char> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(value);
    let whole = bytes.len() * 8 / 6;
    engine.encode(&bytes).chars().take(whole).skip((offset * 8).div_ceil(6)).collect()
}

enum Found {
    /// Up to here.
    Whole(usize),
    /// As far as the text goes.
    Open,
    Nothing,
}

impl Pattern {
    /// The bytes a text can begin with where the pattern stands, each with those that
    /// can come second. Some more than can really be, none less.
    fn beginnings(&self) -> [(u8, Vec<u8>); 3] {
        let beginning: String = self.chars.iter().take(2).collect();
        let raw = beginning.as_bytes();
        // Behind the raw first byte: the raw second, an escape, a `+` for a space, a wrap.
        let mut seconds = b"%\\+".to_vec();
        seconds.extend(raw.get(1));
        if self.wrapped {
            seconds.extend(b"\n\r");
        }
        let first = raw.first().copied().unwrap_or_default();
        [(first, seconds), (b'%', b"0123456789abcdefABCDEF".to_vec()), (b'\\', b"\\u\"/bfnrt".to_vec())]
    }

    /// Whether the pattern stands at a place. The same text can sometimes be read in two
    /// ways (`\\` as one backslash or two), so all places reached are followed.
    fn at(&self, text: &[u8], start: usize) -> Found {
        let mut places = Vec::from([start]);
        let mut reached = Vec::new();
        let mut open = false;
        for (number, &c) in self.chars.iter().enumerate() {
            for &place in &places {
                open |= spellings(text, place, c, &mut reached);
                if self.wrapped && number > 0 {
                    let behind = behind_wrap(text, place);
                    if behind > place {
                        open |= spellings(text, behind, c, &mut reached);
                    }
                }
            }
            if reached.is_empty() {
                return if open { Found::Open } else { Found::Nothing };
            }
            reached.sort_unstable();
            reached.dedup();
            std::mem::swap(&mut places, &mut reached);
            reached.clear();
        }
        // Where several readings fit, the longest leaves nothing of the secret behind.
        places.last().map_or(Found::Nothing, |&end| Found::Whole(end))
    }
}

/// Where Base64 goes on behind a line break, written out or as a JSON escape.
fn behind_wrap(text: &[u8], place: usize) -> usize {
    let mut end = place;
    if !matches!(text.get(place), Some(b'\n' | b'\r' | b'\\')) {
        return end;
    }
    while end - place < WRAP {
        end += match text.get(end..).unwrap_or_default() {
            [b'\n' | b'\r' | b' ' | b'\t', ..] => 1,
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            _ => break,
        };
    }
    end
}

/// Puts all places behind `c` into `reached`, however it is written at `place`. True if
/// the text ends within a way of writing it.
fn spellings(text: &[u8], place: usize, c: char, reached: &mut Vec<usize>) -> bool {
    let rest = text.get(place..).unwrap_or_default();
    let mut utf8 = [0; 4];
    let raw = c.encode_utf8(&mut utf8).as_bytes();
    if rest.is_empty() || (rest.len() < raw.len() && raw.starts_with(rest)) {
        return true;
    }
    if rest.starts_with(raw) {
        reached.push(place + raw.len());
    } else if c == ' ' && rest.starts_with(b"+") {
        reached.push(place + 1);
    }
    match rest.first() {
        Some(b'%') => hexadecimal(rest, raw.iter().map(|&b| (Introducer::Percent, u32::from(b))), place, reached),
        Some(b'\\') => escaped(rest, c, place, reached),
        _ => false,
    }
}

/// JSON escapes, also those of JSON within JSON, where each level doubles the
/// backslashes.
fn escaped(rest: &[u8], c: char, place: usize, reached: &mut Vec<usize>) -> bool {
    let run = backslashes(rest);
    let short = match c {
        '"' | '/' => u8::try_from(c).ok(),
        '\n' => Some(b'n'),
        '\r' => Some(b'r'),
        '\t' => Some(b't'),
        '\u{8}' => Some(b'b'),
        '\u{c}' => Some(b'f'),
        _ => None,
    };
    if c == '\\' {
        reached.extend((2..=run).map(|length| place + length));
    } else if short.is_some() && rest.get(run).copied() == short {
        reached.push(place + run + 1);
    }
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units);
    hexadecimal(rest, units.iter().map(|&unit| (Introducer::Unicode, u32::from(unit))), place, reached)
}

/// How many backslashes the text begins with, up to three levels of JSON in JSON.
fn backslashes(text: &[u8]) -> usize {
    text.iter().take(16).take_while(|&&b| b == b'\\').count()
}

/// What stands before hexadecimal digits.
enum Introducer {
    /// `%`, and two digits.
    Percent,
    /// `\u` with any number of backslashes, and four digits.
    Unicode,
}

/// Reads hexadecimal digits with their introducers, `%2F` or `\u002f`, in either case.
/// True if the text ends before they do.
fn hexadecimal(
    mut rest: &[u8],
    parts: impl Iterator<Item = (Introducer, u32)>,
    mut place: usize,
    reached: &mut Vec<usize>,
) -> bool {
    for (introducer, value) in parts {
        let (before, mark, digits) = match introducer {
            Introducer::Percent => (0, b'%', 2),
            Introducer::Unicode => (backslashes(rest), b'u', 4),
        };
        let expected = |i: usize, byte: u8| match i.checked_sub(before + 1) {
            Some(digit) => char::from(byte).to_digit(16) == Some((value >> (4 * (digits - 1 - digit))) & 15),
            None => i < before || byte == mark,
        };
        let length = before + 1 + digits;
        if !rest.iter().take(length).enumerate().all(|(i, &byte)| expected(i, byte)) {
            return false;
        }
        let Some(behind) = rest.get(length..) else { return true };
        rest = behind;
        place += length;
    }
    reached.push(place);
    false
}
