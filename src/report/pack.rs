//! A session as an evidence pack: one tar with everything a verifier needs, and the same
//! bytes each time it is made.
//!
//! Everything is under one folder named by the session's id:
//!
//! | file | what |
//! |---|---|
//! | `journal.jsonl` | the journal, byte by byte |
//! | `output/<sha256>` | every file of `output/` that has such a name |
//! | `torn-<n>.bin` | bytes that were cut off torn tails, where there are any |
//! | `bundle/…` | the runbook and what it calls, as run |
//! | `reviews.jsonl` | what others said of it afterwards, where anybody did |
//! | `ledger.jsonl` | the lines of the ledger that name the session, where there is one |
//! | `allowed_signers` | the trusted keys of the machine that made the pack, where given; a verifier brings their own |
//! | `verify.sh` | checks the journal with stock tools |
//! | `VERIFY.md` | how to check it, and what is known to be wrong |
//! | `SHA256SUMS` | of all files above, as `sha256sum -c` reads it |
//!
//! Ustar, entries in this order and sorted by name, mode 0644, no owner, all times the
//! session's beginning. Links and special files are left out; a pack holds plain files.

use std::io::{self, Read};
use std::path::Path;

use super::audit::audit;
use super::markdown::{inline, sealed};
use super::story::Story;
use crate::approval::review::REVIEWS;
use crate::journal::disk::open_for_reading;
use crate::journal::format::{hex, sha256, unhex};

/// The text of VERIFY.md, before what is particular to the session.
const VERIFY: &str = include_str!("../../assets/report/VERIFY.md");
/// A script for the shell that checks a journal with stock tools, as `pacenote verify` does.
pub const VERIFY_SCRIPT: &str = include_str!("../../assets/report/verify.sh");

/// Folders of a bundle are this deep at most; more is not one of ours.
const DEEPEST: usize = 16;

/// Why a pack cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The journal names no session, so the pack would have no name.
    #[error("no record can be read, so there is no session to name the pack by")]
    Nameless,
    /// A file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, io::Error),
    /// The archive cannot be written.
    #[error("the archive cannot be written: {0}")]
    Unwritable(#[from] io::Error),
}

/// A file of the pack, by its name within the session's folder.
type Entry = (String, Vec<u8>);

/// Packs the session whose folder is `folder`. `ledger` and `signers` are the whole files
/// of the machine, where there are any.
///
/// # Errors
/// When a file cannot be read. A damaged journal is packed as it is.
pub fn pack(story: &Story, folder: &Path, ledger: Option<&[u8]>, signers: Option<&[u8]>) -> Result<Vec<u8>, PackError> {
    if story.sid.is_empty() {
        return Err(PackError::Nameless);
    }
    let mut entries: Vec<Entry> = vec![("journal.jsonl".to_owned(), story.raw.clone())];
    entries.extend(files(folder, "output", &|name| unhex(name.as_bytes()).is_some(), 1)?);
    entries.extend(torn(folder)?);
    entries.extend(files(folder, "bundle", &|_| true, DEEPEST)?);
    entries.extend(optional(folder, REVIEWS)?);
    entries
        .extend(ledger.map(|ledger| extract(ledger, &story.sid)).filter(|e| !e.is_empty()).map(|e| ("ledger.jsonl".into(), e)));
    entries.extend(signers.map(|signers| ("allowed_signers".to_owned(), signers.to_vec())));
    entries.push(("verify.sh".to_owned(), VERIFY_SCRIPT.as_bytes().to_vec()));
    entries.push(("VERIFY.md".to_owned(), instructions(story).into_bytes()));
    let sums: String = entries.iter().map(|(name, bytes)| format!("{}  {name}\n", hex(&sha256(bytes)))).collect();
    entries.push(("SHA256SUMS".to_owned(), sums.into_bytes()));
    Ok(archive(story, &entries)?)
}

fn archive(story: &Story, entries: &[Entry]) -> io::Result<Vec<u8>> {
    let begun = story.opened.as_ref().map_or(0, |(at, _)| at.timestamp());
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(begun).unwrap_or(0));
        header.set_uid(0);
        header.set_gid(0);
        builder.append_data(&mut header, format!("{}/{name}", story.sid), bytes.as_slice())?;
    }
    builder.into_inner()
}

/// The plain files below a folder of the session, sorted by name.
fn files(root: &Path, folder: &str, wanted: &dyn Fn(&str) -> bool, depth: usize) -> Result<Vec<Entry>, PackError> {
    let unreadable = |name: &str| {
        let name = name.to_owned();
        move |error| PackError::Unreadable(name, error)
    };
    let listed = match root.join(folder).read_dir() {
        Ok(listed) => listed,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(PackError::Unreadable(folder.to_owned(), e)),
    };
    let mut found = Vec::new();
    for entry in listed {
        let entry = entry.map_err(unreadable(folder))?;
        let Ok(file) = entry.file_name().into_string() else { continue };
        let name = format!("{folder}/{file}");
        let kind = entry.file_type().map_err(unreadable(&name))?;
        if kind.is_dir() && depth > 1 {
            found.extend(files(root, &name, wanted, depth - 1)?);
        } else if kind.is_file() && wanted(&file) {
            found.push((name.clone(), read(&root.join(&name)).map_err(unreadable(&name))?));
        }
    }
    found.sort();
    Ok(found)
}

fn optional(folder: &Path, name: &str) -> Result<Option<Entry>, PackError> {
    match read(&folder.join(name)) {
        Ok(bytes) => Ok(Some((name.to_owned(), bytes))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PackError::Unreadable(name.to_owned(), error)),
    }
}

fn torn(folder: &Path) -> Result<Vec<Entry>, PackError> {
    let exists = |name: &String| folder.join(name).is_file();
    let names = (1_u32..).map(|n| format!("torn-{n}.bin")).take_while(exists);
    names
        .map(|name| match read(&folder.join(&name)) {
            Ok(bytes) => Ok((name, bytes)),
            Err(error) => Err(PackError::Unreadable(name, error)),
        })
        .collect()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_for_reading(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The lines of the ledger that name a session, as they stand.
fn extract(ledger: &[u8], sid: &str) -> Vec<u8> {
    let named = |line: &&[u8]| {
        let line: Option<serde_json::Value> = serde_json::from_slice(line).ok();
        line.is_some_and(|line| names(&line, sid))
    };
    ledger.split_inclusive(|&b| b == b'\n').filter(named).flatten().copied().collect()
}

fn names(value: &serde_json::Value, sid: &str) -> bool {
    match value {
        serde_json::Value::String(text) => text == sid,
        serde_json::Value::Array(items) => items.iter().any(|item| names(item, sid)),
        serde_json::Value::Object(members) => members.values().any(|member| names(member, sid)),
        _ => false,
    }
}

fn instructions(story: &Story) -> String {
    let mut text = String::from("# How to check this pack\n\n");
    for flaw in &story.flaws {
        let mark = if flaw.severe { "**WARNING.** " } else { "**Note.** " };
        text.push_str(&format!("> {mark}{}\n\n", inline(&flaw.text)));
    }
    text.push_str(&format!(
        "Session `{}`, {}, {} records.\nHead, the SHA-256 of the last line: `{}`\n",
        story.sid,
        story.outcome(),
        story.records,
        story.head
    ));
    text.push_str("\n## What the machine that made this pack found\n\nIts answer, by its list of keys; yours counts.\n");
    sealed(&mut text, story);
    text.push('\n');
    let mut rest = String::from("\n## What the record does not say\n\n");
    for (question, missing) in audit(story).into_iter().filter_map(|item| Some((item.question, item.missing?))) {
        rest.push_str(&format!("- {}: {}\n", inline(question), inline(&missing)));
    }
    // It is read as a file, where an `@` calls nobody.
    let [own, rest] = [text, rest].map(|text| text.replace("&#64;", "@"));
    format!("{own}{VERIFY}{rest}")
}
