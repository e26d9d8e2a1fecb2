//! Whatever is done to a journal afterwards is found, or was never acknowledged.

use std::fs;

use pacenote::journal::folder::SessionDir;
use pacenote::journal::format::{hex, sha256};
use pacenote::journal::verify::{Status, verify_journal};
use pacenote::journal::{Blobs, Reader, Writer};
use pacenote::redact::Redactor;
use pacenote::session::Event;

use super::samples::{at, closed, intended, note, opened};
use super::{folder, read, write};

/// Appends a line that is properly chained, but whose content the writer would not write.
pub(super) fn append_raw(dir: &SessionDir, kind: &str, data: &str) {
    let mut journal = fs::read(dir.journal()).unwrap();
    let last = journal.split_inclusive(|&b| b == b'\n').next_back().unwrap();
    let before: serde_json::Value = serde_json::from_slice(last).unwrap();
    let (seq, sid) = (before["seq"].as_u64().unwrap() + 1, before["sid"].as_str().unwrap());
    let (prev, ts) = (hex(&sha256(last)), "2026-11-21T04:00:00.000Z");
    let line =
        format!(r#"{{"v":1,"seq":{seq},"sid":"{sid}","prev":"{prev}","ts":"{ts}","mono_ms":1,"type":"{kind}","data":{data}}}"#);
    journal.extend_from_slice(line.as_bytes());
    journal.push(b'\n');
    fs::write(dir.journal(), journal).unwrap();
}

fn lines(dir: &SessionDir) -> Vec<Vec<u8>> {
    fs::read(dir.journal()).unwrap().split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
}

fn put(dir: &SessionDir, lines: &[Vec<u8>]) {
    fs::write(dir.journal(), lines.concat()).unwrap();
}

fn sample(dir: &SessionDir) {
    write(dir, &[opened(), note("one"), note("two ✓"), note("three"), intended(1, 40)]);
}

#[test]
fn cut_at_every_byte_exactly_the_whole_records_are_left() {
    let (_temp, state, dir) = folder();
    sample(&dir);
    let bytes = fs::read(dir.journal()).unwrap();
    let records = read(&dir);
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        fs::write(dir.journal(), cut).unwrap();
        let whole = cut.iter().filter(|&&b| b == b'\n').count();
        let torn = cut.rsplit(|&b| b == b'\n').next().unwrap().len();
        let found = verify_journal(&dir.journal());
        let status = if torn > 0 { Status::IntactTorn } else { Status::IntactOpen };
        assert_eq!((found.code, found.status, found.torn_bytes), (5, status, torn as u64), "{length}");
        assert_eq!(read(&dir), records[..whole], "{length}");
        // Recovery is tried where it differs: at the borders of lines and in between.
        if whole > 0 && (torn < 3 || length % 97 == 0) {
            let copy = state.create_session(&format!("cut-{length}")).unwrap();
            fs::write(copy.journal(), cut).unwrap();
            let resumed = Writer::resume(&copy, Redactor::new(), at(0)).unwrap();
            assert_eq!(resumed.records[..whole], records[..whole]);
            assert_eq!(resumed.recovered.is_some(), torn > 0);
            if let Some(recovered) = resumed.recovered {
                let saved = fs::read(copy.path().join(&recovered.file)).unwrap();
                assert_eq!(saved, &cut[length - torn..]);
                assert_eq!((recovered.length, recovered.sha256), (torn as u64, hex(&sha256(&saved))));
                assert!(matches!(resumed.records.last().unwrap().event, Some(Event::JournalRecovered(_))));
            }
            drop(resumed.writer);
            assert_eq!(verify_journal(&copy.journal()).status, Status::IntactOpen);
        }
    }
}

#[test]
fn flip_every_byte_and_nothing_changed_is_taken_for_whole() {
    let (_temp, _, dir) = folder();
    sample(&dir);
    let bytes = fs::read(dir.journal()).unwrap();
    let last_line = bytes[..bytes.len() - 1].iter().rposition(|&b| b == b'\n').unwrap() + 1;
    for place in 0..bytes.len() {
        for bit in [1, 0x10, 0x20, 0x80] {
            let mut flipped = bytes.clone();
            flipped[place] ^= bit;
            fs::write(dir.journal(), &flipped).unwrap();
            let found = verify_journal(&dir.journal());
            let again = Reader::open(&dir, Blobs::Resolve).unwrap().find_map(Result::err);
            // Only a seal or the head shows a change in the very last line.
            if place < last_line {
                assert_eq!(found.code, 1, "byte {place}, bit {bit}: {found:?}");
                assert!(again.is_some(), "byte {place}, bit {bit}");
            } else {
                assert!(found.code == 1 || found.code == 5, "byte {place}, bit {bit}");
                assert_ne!(found.head, hex(&sha256(&bytes[last_line..])), "byte {place}, bit {bit}");
            }
        }
    }
}

#[test]
fn lines_swapped_dropped_doubled_or_put_in_are_found() {
    let (_temp, state, dir) = folder();
    sample(&dir);
    let good = lines(&dir);
    let other = state.create_session("other").unwrap();
    sample(&other);
    let foreign = lines(&other);
    let check = |edited: Vec<Vec<u8>>, line: u64, words: &str| {
        put(&dir, &edited);
        let found = verify_journal(&dir.journal());
        let problem = found.problem.as_ref().unwrap_or_else(|| panic!("not found: {words}"));
        assert_eq!((found.code, problem.line), (1, line), "{problem}");
        assert!(problem.what.contains(words), "{problem}");
        let read = Reader::open(&dir, Blobs::Resolve).unwrap().find_map(Result::err).unwrap();
        assert_eq!((read.line, read.offset), (problem.line, problem.offset), "{read}");
        assert!(Writer::resume(&dir, Redactor::new(), at(0)).is_err());
        assert_eq!(fs::read(dir.journal()).unwrap(), edited.concat(), "what is broken is left as it is");
    };
    for i in 0..good.len() - 1 {
        let line = i as u64 + 1;
        let mut swapped = good.clone();
        swapped.swap(i, i + 1);
        check(swapped, line, "`prev` is not the hash");
        let mut dropped = good.clone();
        dropped.remove(i);
        check(dropped, line, "`prev` is not the hash");
        let mut doubled = good.clone();
        doubled.insert(i, good[i].clone());
        check(doubled, line + 1, "`prev` is not the hash");
        let mut replaced = good.clone();
        replaced[i] = foreign[i].clone();
        let first = if i == 0 { 2 } else { line };
        check(replaced, first, "`prev` is not the hash");
        let mut empty = good.clone();
        empty.insert(i, b"\n".to_vec());
        check(empty, line, "does not begin with its version");
    }
    check([good.clone(), foreign].concat(), good.len() as u64 + 1, "`prev` is not the hash");
}

/// Lines as a forger with the program's source would write them: each is chained anew, so
/// only the rules beside the chain can find them out.
fn rechained(lines: &[String]) -> Vec<Vec<u8>> {
    let mut prev = "0".repeat(64);
    let mut out = Vec::new();
    for line in lines {
        let start = line.find("\"prev\":\"").unwrap() + 8;
        let line = format!("{}{prev}{}", &line[..start], &line[start + 64..]).into_bytes();
        prev = hex(&sha256(&line));
        out.push(line);
    }
    out
}

#[test]
fn a_chain_made_anew_still_has_to_keep_every_rule() {
    let (_temp, _, dir) = folder();
    write(&dir, &[opened(), note("one"), note("two"), closed()]);
    let good: Vec<String> = lines(&dir).into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
    put(&dir, &rechained(&good));
    assert_eq!(verify_journal(&dir.journal()).code, 5, "the forger's tool is right");
    let edit = |number: usize, from: &str, to: &str| {
        let mut edited = good.clone();
        assert!(edited[number].contains(from), "{}", edited[number]);
        edited[number] = edited[number].replacen(from, to, 1);
        edited
    };
    let without = |number: usize| good.iter().enumerate().filter(|(i, _)| *i != number).map(|(_, l)| l.clone()).collect();
    let late = good[1].replace("\"seq\":1", "\"seq\":4");
    let table: Vec<(Vec<String>, u64, &str)> = vec![
        (edit(1, "\"seq\":1", "\"seq\":2"), 2, "`seq` is not the number"),
        (edit(0, "\"seq\":0", "\"seq\":1"), 1, "`seq` is not the number"),
        (edit(1, "canary-deploy-7f3a9c", "canary-deploy-7f3a9d"), 2, "another session's"),
        (edit(1, "note.added", "session.opened"), 2, "a second time"),
        (without(0), 1, "`seq` is not the number"),
        (edit(0, "session.opened", "session.resumed"), 1, "not `session.opened`"),
        (edit(1, "note.added", "session.closed"), 3, "behind `session.closed`"),
        (edit(1, "note.added", "journal.sealed"), 2, "does not follow its `seal.intended`"),
        ([good.clone(), vec![late]].concat(), 5, "behind `session.closed`"),
        (edit(1, "\"text\":", "\"text\": "), 2, "not a value"),
        (edit(1, "{\"path\"", "{\"text\":\"\",\"path\""), 2, "a key is repeated"),
        (edit(1, "one", "\\u006fne"), 2, "should be shorter"),
        (edit(1, "\"one\"", "1.0"), 2, "not an integer"),
        (edit(1, "\"one\"", "9007199254740993"), 2, "below 2^53"),
        (edit(1, "\"v\":1", "\"v\":2"), 2, "version"),
        (edit(1, "\n", "\r\n"), 2, "something follows"),
        (edit(1, ".120Z", ".12Z"), 2, "`ts`"),
    ];
    for (edited, line, words) in table {
        put(&dir, &rechained(&edited));
        let found = verify_journal(&dir.journal());
        let problem = found.problem.as_ref().unwrap_or_else(|| panic!("not found: {words}"));
        assert_eq!((found.code, problem.line), (1, line), "{words}: {problem}");
        assert!(problem.what.contains(words), "{words}: {problem}");
    }
}

#[test]
fn bytes_behind_the_close_are_found() {
    let (_temp, _, dir) = folder();
    write(&dir, &[opened(), closed()]);
    let good = fs::read(dir.journal()).unwrap();
    let head = hex(&sha256(good.split_inclusive(|&b| b == b'\n').next_back().unwrap()));
    let begun = format!(r#"{{"v":1,"seq":2,"sid":"{}","prev":"{head}","ts":"2026"#, dir.sid());
    for (tail, code) in
        [("", 5), ("x", 1), ("\n", 1), (" ", 1), ("{\"v\":1,\"seq\":3", 1), ("{\"v\":1,\"seq\":2", 5), (begun.as_str(), 5)]
    {
        fs::write(dir.journal(), [&good, tail.as_bytes()].concat()).unwrap();
        assert_eq!(verify_journal(&dir.journal()).code, code, "{tail:?}");
    }
}

#[test]
fn a_seal_that_is_none_breaks_a_journal() {
    let (_temp, _, dir) = folder();
    write(&dir, &[opened(), closed()]);
    let announced = r#""role":"close","signer":"alice@example.com","key":"SHA256:x","namespace":"pacenote-session""#;
    append_raw(&dir, "seal.intended", &format!("{{{announced}}}"));
    assert_eq!((verify_journal(&dir.journal()).code, verify_journal(&dir.journal()).seals), (5, 0));
    append_raw(&dir, "journal.sealed", &format!(r#"{{{announced},"bytes":1,"sha256":"","sig":""}}"#));
    assert_eq!(verify_journal(&dir.journal()).code, 1, "a seal that is none is worse than none");
}

#[test]
fn a_blob_that_is_missing_changed_or_a_link_is_found() {
    let (_temp, _, dir) = folder();
    write(&dir, &[opened(), intended(1, 6000), closed()]);
    let blob = fs::read_dir(dir.output()).unwrap().next().unwrap().unwrap().path();
    let content = fs::read(&blob).unwrap();
    let expect = |words: &str| {
        let found = verify_journal(&dir.journal());
        let problem = found.problem.unwrap_or_else(|| panic!("not found: {words}"));
        assert_eq!((found.code, problem.line), (1, 2));
        assert!(problem.what.contains(words), "{problem}");
    };
    let mut changed = content.clone();
    changed[100] ^= 1;
    fs::write(&blob, &changed).unwrap();
    expect("its content has changed");
    fs::write(&blob, [content.as_slice(), b"x"].concat()).unwrap();
    expect("its content has changed");
    fs::remove_file(&blob).unwrap();
    expect("is missing");
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, &content).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &blob).unwrap();
    expect("cannot be read");
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, &content).unwrap();
    assert_eq!(verify_journal(&dir.journal()).code, 5);
    let mut edited: Vec<String> = lines(&dir).into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
    edited[1] = edited[1].replace("\"bytes\":6000", "\"bytes\":6001");
    put(&dir, &rechained(&edited));
    expect("its content has changed");
}
