//! The little of protocol buffers that kubectl cannot do without: fields that hold bytes.
//!
//! Newer clients send reviews in this form; older ones read OpenAPI in it.

use serde_json::{Value, json};

use crate::world::json::set;

/// What every object in this form begins with.
const MAGIC: &[u8] = b"k8s\0";
/// The fields of the attributes of a `SelfSubjectAccessReview`, by their numbers.
const ATTRIBUTES: [(u64, &str); 7] =
    [(1, "namespace"), (2, "verb"), (3, "group"), (4, "version"), (5, "resource"), (6, "subresource"), (7, "name")];

/// A field that holds bytes: its number, their length, they.
pub(super) fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for mut value in [number << 3 | 2, bytes.len() as u64] {
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push((value & 0x7f) as u8);
    }
    out.extend_from_slice(bytes);
    out
}

/// Whether a body is in this form.
pub(super) fn is_encoded(body: &[u8]) -> bool {
    body.starts_with(MAGIC)
}

/// The `spec` of a review; empty where it says nothing, nothing where it cannot be read.
pub(super) fn review(body: &[u8]) -> Option<Value> {
    let envelope = fields(body.strip_prefix(MAGIC)?)?;
    let review = fields(held(&envelope, 2)?)?;
    let mut spec = json!({});
    let Some(written) = held(&review, 2) else { return Some(json!({"spec": spec})) };
    for (number, part) in [(1, "resourceAttributes"), (2, "nonResourceAttributes")] {
        let Some(attributes) = held(&fields(written)?, number).and_then(fields) else { continue };
        for (number, name) in ATTRIBUTES {
            if let Some(value) = held(&attributes, number).and_then(|bytes| std::str::from_utf8(bytes).ok()) {
                set(&mut spec, &[part, name], value);
            }
        }
    }
    Some(json!({"spec": spec}))
}

fn held<'a>(fields: &[(u64, &'a [u8])], number: u64) -> Option<&'a [u8]> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, bytes)| *bytes)
}

/// The fields of a message that hold bytes; the others are left out.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (tag, rest) = number(bytes)?;
        let (value, rest) = match tag & 7 {
            0 => (None, number(rest)?.1),
            1 => (None, rest.get(8..)?),
            2 => {
                let (length, rest) = number(rest)?;
                let length = usize::try_from(length).ok()?;
                (Some(rest.get(..length)?), rest.get(length..)?)
            }
            5 => (None, rest.get(4..)?),
            _ => return None,
        };
        found.extend(value.map(|value| (tag >> 3, value)));
        bytes = rest;
    }
    Some(found)
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(at).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_more_than_one_byte_are_written_and_read() {
        assert_eq!(field(1, b"ab"), [0x0a, 2, b'a', b'b']);
        assert_eq!(field(13, &[0; 300])[..4], [0x6a, 0xac, 0x02, 0]);
        assert_eq!(field(31, b"")[..], [0xfa, 0x01, 0]);
        let long = field(31, &[7; 300]);
        assert_eq!(fields(&long), Some(vec![(31, &[7; 300][..])]));
    }

    #[test]
    fn a_review_is_read_and_rubbish_is_not() {
        let attributes = [field(1, b"shop"), field(2, b"patch"), field(5, b"pods"), vec![0x40, 1]].concat();
        let review_ = field(2, &field(1, &attributes));
        let body = [MAGIC, &field(1, b"")[..], &field(2, &review_)].concat();
        let expected = json!({"namespace": "shop", "verb": "patch", "resource": "pods"});
        assert_eq!(review(&body).unwrap()["spec"]["resourceAttributes"], expected);
        for cut in 5..body.len() {
            let _ = review(body.get(..cut).unwrap());
        }
        assert_eq!(review(b"k8s\0\xff\xff\xff"), None);
        assert!(!is_encoded(b"{}"));
    }
}
