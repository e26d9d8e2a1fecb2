//! What the ledger knows of reviews, beside what is there.
//!
//! Reviews stand in a file of their own beside the journal, which anybody can remove who
//! can write there; an objection must not go with it unnoticed.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::journal::disk::open_for_reading;
use crate::journal::format::{hex, sha256};
use crate::session::event::Mode;
use crate::state::ledger::ReviewNoted;
use crate::state::population::Member;

/// Which review a line is.
pub(super) fn name(line: &str) -> String {
    hex(&sha256(line.trim().as_bytes()))
}

/// What is to be said where the ledger knows of reviews that are not there.
pub(in crate::cli) fn missing(noted: &[ReviewNoted], lines: &str) -> Option<String> {
    let here: BTreeSet<String> = lines.lines().filter(|line| !line.trim().is_empty()).map(name).collect();
    // Lines of older versions do not say which review they are about.
    let unnamed = noted.iter().filter(|review| review.sha256.is_empty()).count();
    let known: BTreeSet<&str> = noted.iter().map(|review| review.sha256.as_str()).filter(|name| !name.is_empty()).collect();
    let found = known.iter().filter(|name| here.contains(**name)).count();
    let others = (here.len() - found).min(unnamed);
    let (known_of, there) = (known.len() + unnamed, found + others);
    let gone: Vec<String> = noted
        .iter()
        .filter(|review| !review.sha256.is_empty() && !here.contains(&review.sha256))
        .map(|review| format!("{} by {}", review.finding, review.by))
        .collect();
    let which = if gone.is_empty() { String::new() } else { format!(" (not here: {})", gone.join(", ")) };
    (there < known_of).then(|| format!("REVIEWS ARE MISSING: the ledger knows of {known_of}, {there} of them here{which}"))
}

/// Whether a live session was an emergency, by the ledger, its first record or a later one.
pub(in crate::cli) fn is_emergency(member: &Member) -> bool {
    let opened = member.summary.opened.as_ref();
    if opened.is_some_and(|opened| opened.mode != Mode::Live) {
        return false;
    }
    opened.is_some_and(|opened| opened.emergency)
        || member.figures.as_ref().is_some_and(|figures| figures.emergency)
        || member.folder.as_ref().is_some_and(|dir| declared_later(&dir.journal()))
}

/// Whether a journal records that an emergency was declared on the way. The bytes of a
/// record are fixed, so they are looked for without reading each record.
fn declared_later(journal: &Path) -> bool {
    const DECLARED: &[u8] = br#""what":"emergency""#;
    let Ok(file) = open_for_reading(journal) else { return false };
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    lines.into_iter().any(|line| line.windows(DECLARED.len()).any(|bytes| bytes == DECLARED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(line: &str) -> ReviewNoted {
        ReviewNoted { sha256: name(line), by: "carol".into(), finding: "objected".into(), counts: true }
    }

    #[test]
    fn a_review_that_was_removed_is_missed() {
        let both = [noted("a"), noted("b"), noted("b")];
        assert_eq!(missing(&both, "a\nb\n"), None);
        assert_eq!(missing(&both, "b\n\na\nc\n"), None);
        let said = missing(&both[..1], "b\n").unwrap();
        assert_eq!(said, "REVIEWS ARE MISSING: the ledger knows of 1, 0 of them here (not here: objected by carol)");
        assert_eq!(missing(&[], "rubbish"), None);
        let old = ReviewNoted { sha256: String::new(), ..noted("") };
        assert_eq!(missing(&[old.clone()], "any\n"), None);
        assert_eq!(missing(&[old], "").unwrap(), "REVIEWS ARE MISSING: the ledger knows of 1, 0 of them here");
    }
}
