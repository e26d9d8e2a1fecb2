//! How a record is written: one line of ASCII JSON, the same bytes for the same record.
//!
//! A line is what `json.dumps(record, separators=(",", ":"))` of Python gives: compact,
//! keys in the order of the format, everything outside ASCII as `\uXXXX` with surrogate
//! pairs, control characters (DEL is one) by their short names or as `\u00xx` in lower
//! case. Numbers are integers below 2^53. There is exactly one way to write a record, so
//! whoever verifies can write it anew and compare ([`super::scan`] does the same in one
//! pass).

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use crate::session::At;
use crate::session::time::rfc3339;
pub use crate::signature::{Hash, hex, sha256, unhex};

/// The version of the format, `v` of each record.
pub const VERSION: u64 = 1;
/// A line is at most so many bytes, its newline included.
pub const MAX_LINE: usize = 64 * 1024;
/// A string over so many bytes (UTF-8) goes to a blob.
pub const MAX_STRING: usize = 4 * 1024;
/// Evidence whose encoding is over so many bytes goes to a blob.
pub const MAX_EVIDENCE: usize = 32 * 1024;
/// Objects and lists stand at most so deep in each other, `data` itself counted.
pub const MAX_DEPTH: usize = 100;
/// 2^53: numbers stay below it, because common JSON readers round beyond.
pub const NUMBER_LIMIT: u64 = 1 << 53;

/// `prev` of the first record.
pub const NO_HASH: Hash = [0; 32];

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Whether a text can be a session id: lower-case letters, digits, `-` and `_`, so that
/// it is safe as a file's name and needs no escaping anywhere.
pub fn is_session_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// Why something cannot be written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The format cannot hold it: a fraction, a number from 2^53 on, or the like.
    #[error("the record cannot be written in the format: {0}")]
    Unwritable(String),
    /// Nested too deep.
    #[error("the record is nested {0} deep, {MAX_DEPTH} are allowed")]
    TooDeep(usize),
    /// Too long for a line even with all long texts taken out.
    #[error("the record takes {0} bytes, a line holds {MAX_LINE}")]
    TooLong(usize),
}

/// Some JSON in the format's encoding, and what was noticed while writing it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Length of the longest string that is not a key, in UTF-8 bytes.
    pub longest_string: usize,
    /// Whether an object has a key `blob`: it may be, or look like, a reference.
    pub has_blob_key: bool,
    /// All strings and keys as they are, each ended by a NUL; what a search for secrets
    /// looks through.
    pub texts: String,
}

/// Writes a value in the format's encoding, after what `into` already holds.
///
/// # Errors
/// For what the format cannot hold.
pub fn encode<T: Serialize + ?Sized>(value: &T, into: Vec<u8>) -> Result<Encoded, EncodeError> {
    let mut bytes = into;
    let mut ascii = Ascii::default();
    let outcome = value.serialize(&mut Serializer::with_formatter(&mut bytes, &mut ascii));
    outcome.map_err(|e| EncodeError::Unwritable(e.to_string()))?;
    if ascii.deepest > MAX_DEPTH + 1 {
        return Err(EncodeError::TooDeep(ascii.deepest - 1));
    }
    Ok(Encoded { bytes, longest_string: ascii.longest, has_blob_key: ascii.has_blob_key, texts: ascii.texts })
}

/// The beginning of a record, up to and with `mono_ms`.
pub fn header(seq: u64, sid: &str, prev: &Hash, at: At) -> Vec<u8> {
    let (prev, ts) = (hex(prev), rfc3339(at.wall));
    let mut line = Vec::with_capacity(512);
    let text = format!(
        r#"{{"v":{VERSION},"seq":{seq},"sid":"{sid}","prev":"{prev}","ts":"{ts}","mono_ms":{}"#,
        at.mono_ms.min(NUMBER_LIMIT - 1)
    );
    line.extend_from_slice(text.as_bytes());
    line
}

/// Writes JSON as ASCII and keeps to what the format allows.
#[derive(Default)]
struct Ascii {
    depth: usize,
    deepest: usize,
    in_key: bool,
    string: usize,
    longest: usize,
    key_is_blob: bool,
    has_blob_key: bool,
    texts: String,
}

/// `\uXXXX`.
fn unicode_escape(unit: u16) -> [u8; 6] {
    let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 15)];
    [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]
}

fn unwritable(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Ascii {
    fn enter(&mut self) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
    }
}

fn whole<W: ?Sized + io::Write>(writer: &mut W, value: i128) -> io::Result<()> {
    if value.unsigned_abs() >= u128::from(NUMBER_LIMIT) {
        return Err(unwritable("a number is not below 2^53"));
    }
    write!(writer, "{value}")
}

impl Formatter for &mut Ascii {
    fn write_i64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i64) -> io::Result<()> {
        whole(writer, i128::from(value))
    }

    fn write_u64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        whole(writer, i128::from(value))
    }

    fn write_i128<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: i128) -> io::Result<()> {
        whole(writer, value)
    }

    fn write_u128<W: ?Sized + io::Write>(&mut self, _: &mut W, _: u128) -> io::Result<()> {
        Err(unwritable("a number is not below 2^53"))
    }

    fn write_f32<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f32) -> io::Result<()> {
        Err(unwritable("numbers are integers; a measurement is a string"))
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, _: &mut W, _: f64) -> io::Result<()> {
        Err(unwritable("numbers are integers; a measurement is a string"))
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, _: &mut W, _: &str) -> io::Result<()> {
        Err(unwritable("raw JSON is not taken"))
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter();
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter();
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.in_key = true;
        self.key_is_blob = false;
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + io::Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_blob_key |= self.key_is_blob && self.string == 4;
        self.in_key = false;
        Ok(())
    }

    fn begin_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.string = 0;
        writer.write_all(b"\"")
    }

    fn end_string<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if !self.in_key {
            self.longest = self.longest.max(self.string);
        }
        self.texts.push('\0');
        writer.write_all(b"\"")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        self.string += fragment.len();
        self.texts.push_str(fragment);
        self.key_is_blob = self.in_key && fragment == "blob";
        if fragment.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(start) = rest.find(|c: char| !matches!(c, ' '..='~')) {
            let (ascii, other) = rest.split_at(start);
            writer.write_all(ascii.as_bytes())?;
            let mut chars = other.chars();
            if let Some(c) = chars.next() {
                for &mut unit in c.encode_utf16(&mut [0; 2]) {
                    writer.write_all(&unicode_escape(unit))?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let (text, written) = match escape {
            CharEscape::Quote => ('"', "\\\""),
            CharEscape::ReverseSolidus => ('\\', "\\\\"),
            CharEscape::Solidus => ('/', "/"),
            CharEscape::Backspace => ('\u{8}', "\\b"),
            CharEscape::FormFeed => ('\u{c}', "\\f"),
            CharEscape::LineFeed => ('\n', "\\n"),
            CharEscape::CarriageReturn => ('\r', "\\r"),
            CharEscape::Tab => ('\t', "\\t"),
            CharEscape::AsciiControl(byte) => {
                writer.write_all(&unicode_escape(u16::from(byte)))?;
                (char::from(byte), "")
            }
        };
        self.string += 1;
        self.texts.push(text);
        writer.write_all(written.as_bytes())
    }
}
