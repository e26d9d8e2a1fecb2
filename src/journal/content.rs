//! What a line says, with the texts that are kept in files back in their places.
//!
//! One piece of code for all who read lines: the reader, lists, verification. *Guarantee:*
//! no text is too long to be read; where its file is not to be had, or nobody looks it up,
//! its beginning stands for it. Whether a file is the one recorded is for `load` to say.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::blob::{BlobError, Found, inline};
use super::format::Hash;
use super::reader::Problem;
use super::scan::Line;
use crate::session::Event;

/// Looks up the text of a file by its hash and length.
pub(super) type Load<'a> = &'a mut dyn FnMut(Hash, u64) -> Result<Found, BlobError>;

/// Looks nothing up: the beginnings have to do.
pub(super) fn heads(_: Hash, _: u64) -> Result<Found, BlobError> {
    Ok(Found::Missing)
}

/// The event a line stands for; `text` is the line as it was scanned.
///
/// # Errors
/// When its content is not one of its type, and those of `load`.
pub(super) fn event(text: &[u8], line: &Line<'_>, load: Load<'_>) -> Result<Event, Problem> {
    if line.blobs.is_empty() {
        return serde_json::from_slice(text).map_err(|e| unreadable(line, &e));
    }
    let mut data: Value = serde_json::from_slice(line.data).map_err(|e| unreadable(line, &e))?;
    inline(line.kind, &mut data, load)?;
    Event::deserialize(json!({ "type": line.kind, "data": data })).map_err(|e| unreadable(line, &e))
}

/// The content of a line as a type of the caller's own. The member `keep` stays the
/// reference that it is.
///
/// # Errors
/// As of [`event`].
pub(super) fn data<T: DeserializeOwned>(line: &Line<'_>, keep: &str, load: Load<'_>) -> Result<T, Problem> {
    if line.blobs.is_empty() {
        return serde_json::from_slice(line.data).map_err(|e| unreadable(line, &e));
    }
    let mut members: Map<String, Value> = serde_json::from_slice(line.data).map_err(|e| unreadable(line, &e))?;
    let kept = members.remove(keep);
    let mut data = Value::Object(members);
    inline(line.kind, &mut data, load)?;
    if let (Some(kept), Some(members)) = (kept, data.as_object_mut()) {
        members.insert(keep.to_owned(), kept);
    }
    T::deserialize(data).map_err(|e| unreadable(line, &e))
}

fn unreadable(line: &Line<'_>, why: &serde_json::Error) -> Problem {
    Problem::Content { kind: line.kind.to_owned(), why: why.to_string() }
}
