use std::io::Write as _;

use super::super::marks::{Marks, Notes};
use super::*;
use crate::journal::{Role, Witness as _};

fn state() -> (tempfile::TempDir, StateDir) {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    (temp, state)
}

fn at() -> DateTime<Utc> {
    "2026-11-21T03:33:44.120Z".parse().unwrap()
}

fn mark(n: u8) -> Mark {
    Mark { sid: format!("session-{n}"), seq: u64::from(n), head: hex(&[n; 32]) }
}

#[test]
fn lines_are_chained_and_their_order_is_kept() {
    let (_temp, state) = state();
    let ledger = Ledger::of(&state);
    assert_eq!(ledger.head().unwrap(), None);
    for n in 0..5 {
        ledger.append("session.opened", &mark(n), at(), About::default()).unwrap();
    }
    let entries = ledger.entries().unwrap();
    assert_eq!(entries.iter().map(|e| (e.seq, e.sid.clone())).collect::<Vec<_>>()[4], (4, "session-4".to_owned()));
    let text = std::fs::read(&ledger.path).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|&b| b == b'\n').collect();
    assert_eq!(ledger.head().unwrap(), Some(hex(&sha256(lines[4]))));
    for i in 0..4 {
        let mut without = lines.clone();
        without.remove(i);
        std::fs::write(&ledger.path, without.concat()).unwrap();
        assert!(matches!(ledger.entries(), Err(LedgerError::Broken { line, .. }) if line == i as u64 + 1));
    }
    for at in 0..text.len() - 1 {
        let mut changed = text.clone();
        changed[at] ^= 1;
        std::fs::write(&ledger.path, &changed).unwrap();
        // The last line is chained by the next one only, and by who recorded its head.
        let last = at >= text.len() - lines[4].len();
        assert!(last || ledger.entries().is_err(), "byte {at}");
    }
}

#[test]
fn a_torn_line_is_saved_and_cut_by_the_next() {
    let (_temp, state) = state();
    let ledger = Ledger::of(&state);
    ledger.append("session.opened", &mark(0), at(), About::default()).unwrap();
    let whole = std::fs::read(&ledger.path).unwrap();
    let mut file = OpenOptions::new().append(true).open(&ledger.path).unwrap();
    file.write_all(br#"{"v":1,"seq":1,"#).unwrap();
    assert_eq!(ledger.entries().unwrap().len(), 1);
    ledger.append("session.closed", &mark(0), at(), About::default()).unwrap();
    assert_eq!(ledger.entries().unwrap().len(), 2);
    assert!(std::fs::read(&ledger.path).unwrap().starts_with(&whole));
    assert_eq!(std::fs::read(state.path().join("ledger-torn-1.bin")).unwrap(), br#"{"v":1,"seq":1,"#);
}

#[test]
fn many_writers_make_one_chain() {
    let (_temp, state) = state();
    std::thread::scope(|scope| {
        for n in 0..4 {
            let ledger = Ledger::of(&state);
            scope.spawn(move || {
                for _ in 0..20 {
                    ledger.append("session.opened", &mark(n), at(), About::default()).unwrap();
                }
            });
        }
    });
    assert_eq!(Ledger::of(&state).entries().unwrap().len(), 80);
}

#[test]
fn a_witness_marks_each_seal_and_notes_openings_and_ends() {
    let (_temp, state) = state();
    let mut notes = Notes::of(&state, false);
    for (role, n) in [(Role::Open, 1), (Role::Segment, 2), (Role::Open, 3), (Role::Close, 4)] {
        notes.sealed(role, &Mark { sid: "one".to_owned(), ..mark(n) }, at()).unwrap();
        assert_eq!(Marks::of(&state).read("one").unwrap().map(|m| m.seq), Some(u64::from(n)));
    }
    let kinds: Vec<String> = Ledger::of(&state).entries().unwrap().into_iter().map(|e| e.kind).collect();
    assert_eq!(kinds, ["session.opened", "session.resumed", "session.closed"]);
    assert_eq!(Marks::of(&state).read("other").unwrap(), None);
}
