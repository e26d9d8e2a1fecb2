//! The bytes SSH data are made of (RFC 4251, section 5).

/// Takes so many bytes off the front.
pub(super) fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

/// Takes a number of four bytes.
pub(super) fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes, 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)
}

/// Takes a string: its length, then its bytes.
pub(super) fn take_string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = take_u32(bytes)?;
    take(bytes, usize::try_from(count).ok()?)
}

/// Takes a string of text.
pub(super) fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_string(bytes)?).ok()
}

/// Adds a string.
pub(super) fn put_string(bytes: &mut Vec<u8>, string: &[u8]) {
    // Nothing here is near 4 GiB: keys, names, hashes.
    bytes.extend(u32::try_from(string.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(string);
}
