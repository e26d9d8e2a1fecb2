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
        for (number, pattern) in self.patterns.iter().enumerate() {
            let Some(first) = pattern.chars.first() else { continue };
            let mut utf8 = [0; 4];
            let raw = first.encode_utf8(&mut utf8).as_bytes().first().copied();
            for (byte, list) in (0_u8..=255).zip(self.by_first.iter_mut()) {
                if Some(byte) == raw || byte == b'%' || byte == b'\\' {
                    list.push(number);
                }
            }
        }
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
        Some(b'%') => hexadecimal(rest, raw.iter().map(|&b| (&b"%"[..], u32::from(b), 2)), place, reached),
        Some(b'\\') => {
            let short = match c {
                '"' | '\\' | '/' => u8::try_from(c).ok(),
                '\n' => Some(b'n'),
                '\r' => Some(b'r'),
                '\t' => Some(b't'),
                '\u{8}' => Some(b'b'),
                '\u{c}' => Some(b'f'),
                _ => None,
            };
            let next = rest.get(1).copied();
            if next.is_some() && next == short {
                reached.push(place + 2);
            }
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units);
            hexadecimal(rest, units.iter().map(|&u| (&b"\\u"[..], u32::from(u), 4)), place, reached)
        }
        _ => false,
    }
}

/// Reads introducers with hexadecimal digits, `%2F` or `\u002f`, in either case. True if
/// the text ends before they do.
fn hexadecimal<'a>(
    mut rest: &[u8],
    parts: impl Iterator<Item = (&'a [u8], u32, usize)>,
    mut place: usize,
    reached: &mut Vec<usize>,
) -> bool {
    for (introducer, value, digits) in parts {
        let expected = |i: usize, byte: u8| match introducer.get(i) {
            Some(&known) => byte == known,
            None => {
                let shift = 4 * (introducer.len() + digits - 1 - i);
                char::from(byte).to_digit(16) == Some((value >> shift) & 15)
            }
        };
        let length = introducer.len() + digits;
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
