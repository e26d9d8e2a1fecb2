//! Long texts stand beside the journal, in `output/`, named by their SHA-256.
//!
//! Within `data` of a record, a string over 4 KiB and `evidence` over 32 KiB are
//! replaced by a reference, `{blob, bytes, head}`, and put back when the record is read.
//! Three rules make that unambiguous, whatever the texts hold:
//!
//! - `data.output` of `effect.ended` is a reference by itself (the kept output of a
//!   command) and stays one;
//! - `data.request` of `approval.requested` is always a file, however short: it is what an
//!   approver signs, and must be there as such;
//! - a value that happens to look like a reference gets its `blob` moved to a file of
//!   its own, so that it no longer does: `{"blob": {"blob": …}, "bytes": …, "head": …}`.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::disk::{Disk, write_all};
use super::folder::SessionDir;
use super::format::{self, Hash, MAX_EVIDENCE, MAX_STRING, hex, sha256, unhex};

/// So many characters of a blob stand in the record, where there is room.
const HEAD: usize = 256;

/// The type whose `data.output` is a reference by itself.
const WITH_OUTPUT: &str = "effect.ended";

/// The type whose `data.request` is always a file.
const WITH_REQUEST: &str = "approval.requested";

/// The first characters of a text, as a reference holds them.
pub(super) fn head(text: &str) -> String {
    text.chars().take(HEAD).collect()
}

/// Files to be written before a record may refer to them.
pub(super) type Pending = BTreeMap<Hash, Vec<u8>>;

/// How much may stay in the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Longest string, UTF-8 bytes.
    pub string: usize,
    /// Longest evidence, encoded bytes.
    pub evidence: usize,
    /// Characters of a blob that stand in its place.
    pub head: usize,
}

impl Limits {
    /// From the format's own limits down: a record of many middling texts that does not
    /// fit into a line is taken apart further.
    pub(super) const STEPS: [Self; 3] = [
        Self { string: MAX_STRING, evidence: MAX_EVIDENCE, head: HEAD },
        Self { string: 1024, evidence: 1024, head: 64 },
        Self { string: 128, evidence: 0, head: 16 },
    ];
}

/// The hash and length in a reference, if the value is one.
pub(super) fn reference(value: &Value) -> Option<(Hash, u64)> {
    let object = value.as_object().filter(|object| object.len() == 3)?;
    object.get("head")?.as_str()?;
    Some((unhex(object.get("blob")?.as_str()?.as_bytes())?, object.get("bytes")?.as_u64()?))
}

/// Takes long texts out of `data` and puts references in their place.
pub(super) fn outline(kind: &str, data: &mut Value, limits: Limits, pending: &mut Pending) {
    let Some(members) = data.as_object_mut() else { return };
    for (key, member) in members {
        if kind == WITH_OUTPUT && key == "output" && reference(member).is_some() {
            continue;
        }
        let string = if kind == WITH_REQUEST && key == "request" { 0 } else { limits.string };
        outline_strings(member, Limits { string, ..limits }, pending);
        if key == "evidence" && member.is_object() {
            let encoded = format::encode(member, Vec::new()).map(|e| e.bytes).unwrap_or_default();
            if encoded.len() > limits.evidence {
                let head = String::from_utf8_lossy(&encoded).chars().take(limits.head).collect();
                *member = refer(encoded, head, pending);
            }
        }
    }
}

fn outline_strings(value: &mut Value, limits: Limits, pending: &mut Pending) {
    let lookalike = reference(value).is_some();
    match value {
        Value::String(text) if text.len() > limits.string => {
            let text = std::mem::take(text);
            let head = text.chars().take(limits.head).collect();
            *value = refer(text.into_bytes(), head, pending);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| outline_strings(item, limits, pending)),
        Value::Object(members) => {
            for (key, member) in members {
                let string = if lookalike && key == "blob" { 0 } else { limits.string };
                outline_strings(member, Limits { string, ..limits }, pending);
            }
        }
        _ => {}
    }
}

fn refer(bytes: Vec<u8>, head: String, pending: &mut Pending) -> Value {
    let hash = sha256(&bytes);
    let reference = json!({ "blob": hex(&hash), "bytes": bytes.len(), "head": head });
    pending.insert(hash, bytes);
    reference
}

/// Puts what the references of `data` stand for back in their place.
///
/// # Errors
/// Those of `load`.
pub(super) fn inline<E>(kind: &str, data: &mut Value, load: &mut dyn FnMut(Hash, u64) -> Result<Found, E>) -> Result<(), E> {
    let Some(members) = data.as_object_mut() else { return Ok(()) };
    for (key, member) in members {
        if kind == WITH_OUTPUT && key == "output" && reference(member).is_some() {
            continue;
        }
        if key == "evidence"
            && let Some((hash, bytes)) = reference(member)
        {
            *member = match load(hash, bytes)? {
                Found::Whole(text) => serde_json::from_str(&text).unwrap_or(Value::Null),
                Found::Missing => json!({ "signals": {}, "guards": [format!("the evidence is kept in output/{}", hex(&hash))] }),
            };
        }
        inline_strings(member, load)?;
    }
    Ok(())
}

fn inline_strings<E>(value: &mut Value, load: &mut dyn FnMut(Hash, u64) -> Result<Found, E>) -> Result<(), E> {
    if let Some((hash, bytes)) = reference(value) {
        *value = Value::String(match load(hash, bytes)? {
            Found::Whole(text) => text,
            Found::Missing => {
                let head = value.get("head").and_then(Value::as_str).unwrap_or_default();
                format!("{head}… ({bytes} bytes, kept in output/{})", hex(&hash))
            }
        });
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| inline_strings(item, load)),
        Value::Object(members) => each(members, load),
        _ => Ok(()),
    }
}

fn each<E>(members: &mut Map<String, Value>, load: &mut dyn FnMut(Hash, u64) -> Result<Found, E>) -> Result<(), E> {
    members.iter_mut().try_for_each(|(_, member)| inline_strings(member, load))
}

/// What a reference stands for.
pub(super) enum Found {
    /// The text.
    Whole(String),
    /// It is not looked up; its head has to do.
    Missing,
}

/// What is wrong with a blob.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such file.
    #[error("output/{0} is missing")]
    Missing(String),
    /// Its content does not have the hash it is named by, or not the length recorded.
    #[error("output/{0} is not what was recorded: its content has changed")]
    Changed(String),
    /// It is no text.
    #[error("output/{0} is not text")]
    NotText(String),
    /// It cannot be read.
    #[error("output/{0} cannot be read: {1}")]
    Unreadable(String, io::Error),
}

/// The files in `output/` of one session, content first: a file that is there by its
/// name is whole and synced.
#[derive(Debug, Clone)]
pub(super) struct BlobStore {
    folder: PathBuf,
}

impl BlobStore {
    pub(super) fn new(dir: &SessionDir) -> Self {
        Self { folder: dir.output() }
    }

    /// The files beside a journal.
    pub(super) fn beside(journal: &std::path::Path) -> Self {
        Self { folder: journal.with_file_name("output") }
    }

    /// Writes and syncs files, then the folder.
    pub(super) fn keep(&self, disk: &dyn Disk, pending: &Pending) -> io::Result<()> {
        for (hash, bytes) in pending {
            let name = self.folder.join(hex(hash));
            if disk.exists(&name) {
                continue;
            }
            let part = self.folder.join("blob.part");
            if disk.exists(&part) {
                disk.remove(&part)?;
            }
            let mut file = disk.create(&part)?;
            if let Err(e) = write_all(&mut *file, bytes) {
                // Half a blob would only take the space that is missing.
                let _ = disk.remove(&part);
                return Err(e);
            }
            file.sync()?;
            disk.rename(&part, &name)?;
        }
        if pending.is_empty() { Ok(()) } else { disk.sync_folder(&self.folder) }
    }

    /// The text of a blob, checked against its hash and length.
    pub(super) fn load(&self, disk: &dyn Disk, hash: &Hash, bytes: u64) -> Result<String, BlobError> {
        let name = hex(hash);
        let content = disk.read(&self.folder.join(&name)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => BlobError::Missing(name.clone()),
            _ => BlobError::Unreadable(name.clone(), e),
        })?;
        if content.len() as u64 != bytes || sha256(&content) != *hash {
            return Err(BlobError::Changed(name));
        }
        String::from_utf8(content).map_err(|_| BlobError::NotText(name))
    }
}
