//! Texts too long for a line stand in files beside the journal; no reader stumbles over one.

use std::fs;

use pacenote::journal::summary::summarise;
use pacenote::journal::verify::{Options, verify_with};
use pacenote::journal::{Sealer, SessionDir, SessionState, Writer};
use pacenote::redact::Redactor;
use pacenote::session::Event;
use pacenote::session::event::{ChangeRecord, SessionOutcome};

use super::forge::{ALICE, SID, key};
use super::{Bench, samples};

/// A sealed session in which everything that somebody may write is 5,000 characters.
fn written() -> (tempfile::TempDir, SessionDir) {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join(SID)).unwrap();
    let dir = SessionDir::new(temp.path().join(SID)).unwrap();
    let long = |letter: &str| Some(letter.repeat(5000));
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    writer.seal_with(Sealer::with_segment(ALICE, key(1), key(3)));
    let (mut opened, mut closed) = (samples::opened(), samples::closed());
    if let (Event::SessionOpened(opened), Event::SessionClosed(closed)) = (&mut opened, &mut closed) {
        opened.operator.key = Some(key(1).public().fingerprint());
        opened.emergency = long("e");
        opened.change = Some(ChangeRecord { reason: long("r"), ticket: long("t"), ..ChangeRecord::default() });
        (closed.outcome, closed.reason) = (SessionOutcome::Aborted, long("a"));
    }
    for (i, event) in (0..).zip([opened, closed]) {
        writer.append(samples::at(i * 10), &event).unwrap();
    }
    (temp, dir)
}

#[test]
fn a_text_of_any_length_is_read_by_verification_and_lists() {
    let (_temp, dir) = written();
    assert_eq!(fs::read_dir(dir.output()).unwrap().count(), 4, "each of them is a file");
    let bench = Bench::new();
    let found = verify_with(&dir.journal(), Options { operator: true, ..bench.options() });
    assert_eq!((found.code, found.outcome), (0, Some(SessionOutcome::Aborted)), "{found:?}");
    assert_eq!(found.opened.and_then(|opened| opened.ticket), Some("t".repeat(5000)));
    let listed = summarise(&dir);
    assert_eq!(listed.state, SessionState::Closed { outcome: SessionOutcome::Aborted });
    let opened = listed.opened.expect("what the first record says");
    assert!(opened.emergency && opened.operator == ALICE && opened.ticket.unwrap().starts_with("ttt"), "{:?}", opened.title);
}

#[test]
fn a_list_needs_no_file_and_verification_says_which_is_missing() {
    let (_temp, dir) = written();
    fs::remove_dir_all(dir.output()).unwrap();
    let listed = summarise(&dir);
    assert!(listed.opened.is_some() && matches!(listed.state, SessionState::Closed { .. }), "{listed:?}");
    let found = verify_with(&dir.journal(), Bench::new().options());
    let what = found.problem.expect("a problem").what;
    assert!(found.code == 1 && what.starts_with("output/") && what.ends_with("is missing"), "{what}");
}
