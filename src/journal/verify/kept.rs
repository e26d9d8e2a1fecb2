//! What is kept beside a journal under verification, and is not part of it: the runbook in
//! `bundle/`, and the rest of a pack.
//!
//! The journal names the files that were run by their hashes, so it stays what it is when
//! somebody changes them; but whoever reads them must know. What is found here is a warning
//! and never a verdict.

use super::super::format::{hex, sha256};
use super::source::Source;
use crate::session::event::BundleRecord;

/// The sums of a pack, as `sha256sum -c` reads them.
const SUMS: &str = "SHA256SUMS";

/// So many files are named; how many more there are is said.
const NAMED: usize = 5;

/// What is to be known of the runbook beside a journal.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// It is not the one that was run: why.
    pub(super) other: Vec<String>,
    /// It is not there.
    pub(super) missing: Option<String>,
}

/// Compares the files in `bundle/` with those the record names.
pub(super) fn runbook(source: &Source, ran: &BundleRecord) -> Kept {
    let mut kept = Kept::default();
    let mut files: Vec<&(String, String)> = ran.files.iter().collect();
    files.sort();
    let list: String = files.iter().map(|(path, hash)| format!("{hash}  {path}\n")).collect();
    if hex(&sha256(list.as_bytes())) != ran.sha256 {
        kept.other.push("the files that the record names are not those of the runbook whose hash it names".to_owned());
    }
    if !source.holds("bundle") {
        kept.missing = Some("the runbook that was run is not kept beside it".to_owned());
        return kept;
    }
    let wrong = files.iter().filter_map(|(path, hash)| match source.hash(&format!("bundle/{path}")) {
        Ok((found, _)) if hex(&found) == *hash => None,
        Ok(_) => Some(format!("{path} (changed)")),
        Err(e) => Some(format!("{path} ({})", not_there(&e))),
    });
    kept.other.extend(sentence("the runbook kept beside it is not the one that was run", wrong.collect()));
    kept
}

/// Compares the files beside a journal with the sums that were packed with them.
pub(super) fn sums(source: &Source) -> Vec<String> {
    let is_pack = source.packed().next().is_some();
    if !source.holds(SUMS) {
        return if is_pack {
            vec![format!("the pack holds no {SUMS}: what it held when it was made is not known")]
        } else {
            Vec::new()
        };
    }
    let text = match source.text(SUMS) {
        Ok(text) => text,
        Err(why) => return vec![format!("{SUMS} cannot be read: {why}")],
    };
    let listed: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once("  ")).collect();
    let wrong = listed.iter().filter_map(|(hash, name)| match source.hash(name) {
        Ok((found, _)) if hex(&found) == *hash => None,
        Ok(_) => Some(format!("{name} (changed)")),
        Err(e) => Some(format!("{name} ({})", not_there(&e))),
    });
    let mut found: Vec<String> = sentence("the pack is not as it was made", wrong.collect()).into_iter().collect();
    let names: std::collections::BTreeSet<&str> = listed.iter().map(|(_, name)| *name).collect();
    let unlisted = source.packed().filter(|name| *name != SUMS && !names.contains(name)).map(str::to_owned);
    found.extend(sentence(&format!("the pack holds files that {SUMS} does not list"), unlisted.collect()));
    found
}

fn not_there(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::NotFound { "missing".to_owned() } else { format!("it cannot be read: {error}") }
}

/// What is wrong, and with which files; none where nothing is.
fn sentence(what: &str, mut files: Vec<String>) -> Option<String> {
    let more = files.len().saturating_sub(NAMED);
    files.truncate(NAMED);
    let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
    (!files.is_empty()).then(|| format!("{what}: {}{rest}", files.join(", ")))
}
