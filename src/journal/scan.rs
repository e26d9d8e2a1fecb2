//! Reads one line strictly: it must be exactly what the writer would write.
//!
//! This is the other half of [`super::format`]: a line is accepted only if encoding its
//! content anew would give the same bytes. Because each thing can be written in one way
//! only, that is checked while scanning, without building the content: no spaces, keys
//! of the record in their order, none repeated at any depth, strings with the shortest
//! escapes, integers without a leading zero. Works on bytes, in one pass, without
//! recursion, and never panics.

use super::format::{self, Hash, MAX_DEPTH, MAX_EVIDENCE, MAX_LINE, MAX_STRING, NUMBER_LIMIT};

/// A line that is in order by itself (whether it follows from the one before is for the
/// caller to say).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Number of the record.
    pub seq: u64,
    /// Session.
    pub sid: &'a str,
    /// Hash of the line before.
    pub prev: Hash,
    /// Time, RFC 3339 in UTC with milliseconds.
    pub ts: &'a str,
    /// Milliseconds since opened or resumed.
    pub mono_ms: u64,
    /// Type.
    pub kind: &'a str,
    /// The JSON of `data`.
    pub data: &'a [u8],
    /// The files it refers to.
    pub blobs: Vec<BlobRef>,
}

/// A reference to a file in `output/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobRef {
    /// SHA-256 of the file, and its name.
    pub hash: Hash,
    /// Its length.
    pub bytes: u64,
}

/// What is wrong with a line, and at which byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at byte {offset} of the line)")]
pub struct Flaw {
    /// Byte of the line, from 0.
    pub offset: usize,
    /// What is wrong, in words.
    pub what: &'static str,
}

/// Scans a line, given without its newline.
///
/// # Errors
/// The first flaw.
pub fn scan(line: &[u8]) -> Result<Line<'_>, Flaw> {
    if line.len() >= MAX_LINE {
        return Err(Flaw { offset: MAX_LINE, what: "the line is longer than 64 KiB" });
    }
    let mut at = Cursor { bytes: line, pos: 0 };
    at.expect(br#"{"v":"#, "the record does not begin with its version")?;
    if at.natural()? != format::VERSION {
        return Err(Flaw { offset: 5, what: "the version of the format is not 1" });
    }
    at.expect(br#","seq":"#, "`seq` does not follow")?;
    let seq = at.natural()?;
    at.expect(br#","sid":"#, "`sid` does not follow")?;
    let sid = at.plain("`sid` is not a session's id", format::is_session_id)?;
    at.expect(br#","prev":"#, "`prev` does not follow")?;
    let start = at.pos;
    let prev = at.plain("`prev` is not a SHA-256", |text| text.len() == 64)?;
    let prev = format::unhex(prev.as_bytes()).ok_or(Flaw { offset: start, what: "`prev` is not a SHA-256" })?;
    at.expect(br#","ts":"#, "`ts` does not follow")?;
    let ts = at.plain("`ts` is not a time in UTC with milliseconds", is_stamp)?;
    at.expect(br#","mono_ms":"#, "`mono_ms` does not follow")?;
    let mono_ms = at.natural()?;
    at.expect(br#","type":"#, "`type` does not follow")?;
    let kind = at.plain("`type` is not the name of a type", is_kind)?;
    at.expect(br#","data":"#, "`data` does not follow")?;
    let start = at.pos;
    let mut blobs = Vec::new();
    Values::new(&mut blobs).scan(&mut at)?;
    let data = at.since(start);
    at.expect(b"}", "something follows `data`")?;
    if at.pos != line.len() {
        return Err(at.flaw("something follows the record"));
    }
    Ok(Line { seq, sid, prev, ts, mono_ms, kind, data, blobs })
}

/// `2026-11-21T03:33:44.000Z`, and a day that exists.
fn is_stamp(text: &str) -> bool {
    let shape = |(i, b): (usize, u8)| match i {
        4 | 7 => b == b'-',
        10 => b == b'T',
        13 | 16 => b == b':',
        19 => b == b'.',
        23 => b == b'Z',
        _ => b.is_ascii_digit(),
    };
    text.len() == 24 && text.bytes().enumerate().all(shape) && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

/// `session.opened`, `lock.taken-over`.
fn is_kind(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'))
}

/// Whether an object is a reference to a blob. It must have been scanned and have three keys.
fn reference(object: &[u8]) -> Option<BlobRef> {
    let (hash, rest) = object.strip_prefix(br#"{"blob":""#)?.split_at_checked(64)?;
    let hash = format::unhex(hash)?;
    let rest = rest.strip_prefix(br#"","bytes":"#)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = rest.split_at_checked(digits)?;
    let bytes = std::str::from_utf8(digits).ok()?.parse().ok()?;
    rest.strip_prefix(br#","head":""#)?;
    Some(BlobRef { hash, bytes })
}

/// Bytes that need a closer look within a string: the quote, the backslash, controls,
/// and everything outside ASCII.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || byte >= 0x7f || byte == 0x22 || byte == 0x5c;
        byte += 1;
    }
    table
};

struct Cursor<'a> {
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> Cursor<'a> {
    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw { offset: self.pos, what }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.pos..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.pos).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn expect(&mut self, literal: &[u8], what: &'static str) -> Result<(), Flaw> {
        if !self.rest().starts_with(literal) {
            return Err(self.flaw(what));
        }
        self.pos += literal.len();
        Ok(())
    }

    /// A string without escapes for which `fits` holds.
    fn plain(&mut self, what: &'static str, fits: impl Fn(&str) -> bool) -> Result<&'a str, Flaw> {
        let start = self.pos;
        let bad = Flaw { offset: start, what };
        let rest = self.rest().strip_prefix(b"\"").ok_or(bad.clone())?;
        let length = rest.iter().position(|&b| b == b'"').ok_or(bad.clone())?;
        let text = rest.get(..length).and_then(|text| std::str::from_utf8(text).ok()).ok_or(bad.clone())?;
        self.pos += length + 2;
        if fits(text) { Ok(text) } else { Err(bad) }
    }

    /// An integer from 0 on.
    fn natural(&mut self) -> Result<u64, Flaw> {
        if self.peek() == Some(b'-') {
            return Err(self.flaw("the number is negative"));
        }
        self.whole()
    }

    /// An integer; its magnitude.
    fn whole(&mut self) -> Result<u64, Flaw> {
        let start = self.pos;
        let negative = self.peek() == Some(b'-');
        if negative {
            self.pos += 1;
        }
        let mut number = 0_u64;
        let mut digits = 0;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
            digits += 1;
            self.pos += 1;
        }
        let what = match self.peek() {
            _ if digits == 0 => "a number without digits",
            Some(b'.' | b'e' | b'E') => "a number that is not an integer",
            _ if number >= NUMBER_LIMIT => "a number that is not below 2^53",
            _ if number == 0 && (digits > 1 || negative) => "a zero in another form than `0`",
            _ if self.bytes.get(start + usize::from(negative)) == Some(&b'0') && number != 0 => "a number with leading zeros",
            _ => return Ok(number),
        };
        Err(Flaw { offset: start, what })
    }

    /// A string; the length of what it stands for, in UTF-8 bytes.
    fn string(&mut self) -> Result<usize, Flaw> {
        self.expect(b"\"", "a string does not begin here")?;
        let mut length = 0;
        loop {
            let plain = self.rest().iter().position(|&b| SPECIAL[usize::from(b)]);
            let plain = plain.ok_or_else(|| self.flaw("the string has no end"))?;
            length += plain;
            self.pos += plain;
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(length);
                }
                Some(b'\\') => length += self.escape()?,
                Some(0x80..) => return Err(self.flaw("a byte outside ASCII; it should be written as \\uXXXX")),
                _ => return Err(self.flaw("a control character that is not escaped")),
            }
        }
    }

    /// An escape; the length in UTF-8 of the character it stands for.
    fn escape(&mut self) -> Result<usize, Flaw> {
        match self.bytes.get(self.pos + 1) {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.pos += 2;
                Ok(1)
            }
            Some(b'u') => {
                let unit = self.unit()?;
                let length = match unit {
                    8..=10 | 12 | 13 | 0x20..=0x7e => return Err(self.flaw("an escape that should be shorter")),
                    0..=0x7f => 1,
                    0x80..=0x7ff => 2,
                    0xd800..=0xdbff => {
                        self.pos += 6;
                        if !matches!(self.unit(), Ok(0xdc00..=0xdfff)) {
                            return Err(self.flaw("half a surrogate pair"));
                        }
                        4
                    }
                    0xdc00..=0xdfff => return Err(self.flaw("half a surrogate pair")),
                    _ => 3,
                };
                self.pos += 6;
                Ok(length)
            }
            _ => Err(self.flaw("an escape the format does not use")),
        }
    }

    /// The code unit of the `\uXXXX` that stands here.
    fn unit(&self) -> Result<u32, Flaw> {
        let digits = match self.rest() {
            [b'\\', b'u', digits @ ..] => digits.first_chunk::<4>(),
            _ => None,
        };
        let unit = digits.and_then(|digits| {
            digits.iter().try_fold(0, |unit, &byte| match byte {
                b'0'..=b'9' => Some(unit << 4 | u32::from(byte - b'0')),
                b'a'..=b'f' => Some(unit << 4 | u32::from(byte - b'a' + 10)),
                _ => None,
            })
        });
        unit.ok_or_else(|| self.flaw("\\u is not followed by four lower-case hexadecimal digits"))
    }
}

/// An object or list that has been entered.
struct Frame {
    start: usize,
    object: bool,
    /// Where its keys begin in the list of keys.
    keys: usize,
}

/// Scans values of any depth, with the keys of all open objects at hand.
struct Values<'a, 'b> {
    frames: Vec<Frame>,
    keys: Vec<&'a [u8]>,
    blobs: &'b mut Vec<BlobRef>,
    /// Where the value of `data.evidence` begins.
    evidence: Option<usize>,
}

impl<'a, 'b> Values<'a, 'b> {
    fn new(blobs: &'b mut Vec<BlobRef>) -> Self {
        Self { frames: Vec::new(), keys: Vec::new(), blobs, evidence: None }
    }

    /// One value with everything in it.
    fn scan(&mut self, at: &mut Cursor<'a>) -> Result<(), Flaw> {
        loop {
            let entered = self.value(at)?;
            // Behind a value: the end of what holds it, or the next one.
            let mut first = entered;
            loop {
                let Some(frame) = self.frames.last() else { return Ok(()) };
                let end = if frame.object { b'}' } else { b']' };
                let object = frame.object;
                if at.peek() == Some(end) {
                    at.pos += 1;
                    self.leave(at)?;
                    first = false;
                    continue;
                }
                if !first {
                    at.expect(b",", "neither a comma nor the end of a list or object")?;
                }
                if object {
                    self.key(at)?;
                }
                break;
            }
        }
    }

    /// A key and its colon.
    fn key(&mut self, at: &mut Cursor<'a>) -> Result<(), Flaw> {
        let start = at.pos;
        at.string()?;
        let key = at.since(start);
        self.keys.push(key);
        at.expect(b":", "a key without a value")?;
        if self.frames.len() == 1 && key == b"\"evidence\"" {
            self.evidence = Some(at.pos);
        }
        Ok(())
    }

    /// A value, or the beginning of an object or list (then true).
    fn value(&mut self, at: &mut Cursor<'a>) -> Result<bool, Flaw> {
        let start = at.pos;
        match at.peek() {
            Some(b'"') => {
                if at.string()? > MAX_STRING {
                    return Err(Flaw { offset: start, what: "a string over 4 KiB; it should be a blob" });
                }
            }
            Some(b'{' | b'[') => {
                if self.frames.len() >= MAX_DEPTH {
                    return Err(at.flaw("nested too deep"));
                }
                self.frames.push(Frame { start, object: at.peek() == Some(b'{'), keys: self.keys.len() });
                at.pos += 1;
                return Ok(true);
            }
            Some(b'-' | b'0'..=b'9') => {
                at.whole()?;
            }
            Some(b't') => at.expect(b"true", "not a value")?,
            Some(b'f') => at.expect(b"false", "not a value")?,
            Some(b'n') => at.expect(b"null", "not a value")?,
            _ => return Err(at.flaw("not a value")),
        }
        Ok(false)
    }

    /// The end of an object or list.
    fn leave(&mut self, at: &Cursor<'a>) -> Result<(), Flaw> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let bytes = at.since(frame.start);
        if self.frames.len() == 1 && self.evidence == Some(frame.start) && bytes.len() > MAX_EVIDENCE {
            return Err(Flaw { offset: frame.start, what: "evidence over 32 KiB; it should be a blob" });
        }
        if frame.object {
            if let Some(keys) = self.keys.get_mut(frame.keys..)
                && repeats(keys)
            {
                return Err(Flaw { offset: frame.start, what: "a key is repeated in an object" });
            }
            let count = self.keys.len() - frame.keys;
            self.keys.truncate(frame.keys);
            if count == 3 {
                self.blobs.extend(reference(bytes));
            }
        }
        Ok(())
    }
}

/// Whether a key is there twice. May reorder them.
fn repeats(keys: &mut [&[u8]]) -> bool {
    if keys.len() <= 8 {
        return keys.iter().enumerate().any(|(i, key)| keys.iter().skip(i + 1).any(|other| other == key));
    }
    keys.sort_unstable();
    !keys.is_sorted_by(|a, b| a < b)
}

#[cfg(test)]
mod tests;
