//! The attacks and faults a record must stand, and where each is tried: the table is kept
//! true by a test. Below it are those that no other place tries.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use pacenote::journal::verify::{Options, Status, verify_with};
use pacenote::journal::{Blobs, Reader, Sealer, SessionDir, Writer};
use pacenote::redact::Redactor;
use pacenote::session::event::{Mode, Operator};
use pacenote::session::{At, Event};
use serde_json::Value;

use super::super::journal::samples;
use super::Bench;
use super::forge::{ALICE, Forge, SID, Twist, key};

/// What is attacked or fails, the file of the test, and the test, or a case within it.
const TABLE: [(&str, &str, &str); 60] = [
    ("cut at every byte, sealed", "seals.rs", "fn no_cut_verifies"),
    ("cut at every byte, unsealed", "journal/edits.rs", "fn cut_at_every_byte_exactly_the_whole_records_are_left"),
    ("any bit flipped", "seals.rs", "fn no_flipped_bit_verifies"),
    ("any byte flipped, unsealed", "journal/edits.rs", "fn flip_every_byte_and_nothing_changed_is_taken_for_whole"),
    ("records swapped, dropped, doubled, put in", "seals.rs", "fn no_moved_dropped_doubled_or_inserted_record_verifies"),
    ("a chain made anew", "journal/edits.rs", "fn a_chain_made_anew_still_has_to_keep_every_rule"),
    ("a forged record before or behind any seal", "seals/attacks.rs", "fn a_forged_record_at_any_place_does_not_verify"),
    ("an old seal pasted last", "seals/attacks.rs", "fn an_old_seal_pasted_last_does_not_verify"),
    ("the last seal's fields edited: length", "seals/forge.rs", "another length"),
    ("the last seal's fields edited: hash", "seals/forge.rs", "another hash"),
    ("the last seal's fields edited: signer", "seals/forge.rs", "under another name"),
    ("the last seal's fields edited: key", "seals/forge.rs", "the operator's other key"),
    ("the last seal's fields edited: time", "seals/forge.rs", "a seal with a time of its own"),
    ("the last seal's fields edited: one more", "seals/forge.rs", "a field too many"),
    ("armor rewrapped", "seals/forge.rs", "an armor wrapped anew"),
    ("text after the last seal", "seals/forge.rs", "bytes behind the end"),
    ("records after the last seal", "seals/forge.rs", "a record behind the end, and the seal again"),
    ("another session's records", "seals/forge.rs", "another session's record"),
    ("the runbook beside it exchanged", "seals/kept.rs", "fn a_runbook_that_is_not_the_one_that_was_run_is_a_warning"),
    ("a file of a pack changed, removed, put in", "seals/kept.rs", "fn a_pack_that_is_not_as_it_was_made_is_a_warning"),
    ("resumed with a key in no list, closed with one", "seals/attacks.rs", "fn every_operator_whose_key_is_in_no_list_is_named"),
    ("the seal removed", "seals/forge.rs", "closed without a seal"),
    ("the file replaced, sealed with another key", "seals.rs", "fn a_replaced_file_is_not_trusted"),
    ("an approval used as a seal", "seals/forge.rs", "an approval used as a seal"),
    ("wrong namespace", "seals/forge.rs", "a seal made for approvals"),
    ("expired, revoked, `*` and foreign keys", "seals.rs", "fn who_is_trusted_depends_on_list_time_and_revocation"),
    ("a seal used as an approval", "seals/approvals.rs", "a seal used as an approval"),
    ("an approval from another session", "seals/approvals.rs", "moved from another session"),
    ("an approval moved to another step", "seals/approvals.rs", "moved from another step"),
    ("an approval moved to another visit", "seals/approvals.rs", "moved from another visit"),
    ("the approver is the operator, by key", "seals/approvals.rs", "the operator, by key"),
    ("the approver is the operator, by principal", "seals/approvals.rs", "the operator, by name"),
    ("the approver operates later", "seals/approvals.rs", "an approver who operates later"),
    ("one approver counted twice, by key", "seals/approvals.rs", "the same key twice"),
    ("an approval that expired", "seals/approvals.rs", "too late"),
    ("a refusal turned into an approval", "seals/approvals.rs", "a refusal turned into an approval"),
    (
        "an approver's key that is expired, foreign or `*`",
        "seals/approvals.rs",
        "fn required_approvals_are_by_trusted_keys_of_those_who_may",
    ),
    ("a request that was changed or is missing", "seals/approvals.rs", "fn a_request_that_is_missing_or_changed_is_found"),
    ("approvals by the real program", "approve.rs", "fn a_change_waits_for_two_others_and_an_auditor_can_tell"),
    ("a blob changed, missing or a link", "journal/edits.rs", "fn a_blob_that_is_missing_changed_or_a_link_is_found"),
    ("path tricks in a pack", "seals.rs", "fn packs_are_verified_where_they_lie_and_their_tricks_are_refused"),
    ("a pack whose outputs were exchanged", "seals/attacks.rs", "fn a_pack_whose_files_were_exchanged_does_not_verify"),
    ("the N-th operation fails, for every N", "journal/disk.rs", "fn fail_every_operation_in_every_way"),
    ("the N-th operation of a resume fails", "journal/disk.rs", "fn fail_every_operation_of_a_resume"),
    ("the N-th operation fails under seals", "seals.rs", "fn no_failing_operation_makes_a_seal_that_lies"),
    ("disk full", "journal/disk.rs", "fn on_a_full_disk_the_journal_says_that_it_stopped"),
    ("disk full, says the kernel", "journal/disk.rs", "fn the_kernel_says_that_the_disk_is_full"),
    ("short write", "journal/disk.rs", "fn a_write_cut_short_by_a_limit_is_taken_back"),
    ("killed at any moment", "crash.rs", "fn killed_at_any_moment_nothing_is_lost_or_done_twice"),
    ("clock set back", "seals/attacks.rs", "fn a_clock_set_back_is_recorded_as_it_was_and_verifies"),
    ("two writers", "journal.rs", "fn a_second_writer_is_told_who_is_at_it"),
    ("a large journal", "seals/attacks.rs", "fn a_large_journal_is_verified_in_little_memory"),
    ("a journal put back to an earlier state", "seals.rs", "fn a_journal_that_was_put_back_is_behind_its_mark"),
    ("control, bidirectional, markup, formulas, calls", "export/attacks.rs", "fn hostile_text_stays_text_in_every_form"),
    ("the same in a browser", "export/browser.rs", "fn nothing_of_the_data_runs_and_nothing_is_fetched"),
    ("the same in a pack", "export/attacks.rs", "fn hostile_text_stays_text_in_a_pack"),
    ("`<!channel>` in what is sent to a chat", "../../src/effects/notify.rs", "<!channel> look"),
    ("every rule switched off", "seals.rs", "fn every_rule_is_needed"),
    ("the script beside the program", "seals.rs", "fn the_script_says_the_same"),
    ("the page's button beside the program", "export/browser.rs", "fn the_button_names_the_line_of_a_bad_journal"),
];

#[test]
fn every_attack_is_tried_where_the_table_says() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for (attack, file, test) in TABLE {
        let text = fs::read_to_string(tests.join(file)).unwrap_or_else(|e| panic!("{attack}: {file}: {e}"));
        // In its own file the table is not the test.
        let text =
            text.split_once("];\n\n#[test]").filter(|_| file == "seals/attacks.rs").map_or(text.as_str(), |(_, rest)| rest);
        let place = text.find(test).unwrap_or_else(|| panic!("{attack}: no {test:?} in {file}"));
        if test.starts_with("fn ") {
            let before = text[..place].trim_end();
            assert!(before.ends_with(']') && text[place..].starts_with(&format!("{test}()")), "{attack}: {test} is no test");
        }
    }
}

/// One who has no key but can write the file, and works the chain out anew.
#[test]
fn a_forged_record_at_any_place_does_not_verify() {
    let bench = Bench::new();
    let good = Forge::begin(Mode::Live).finish();
    let lines: Vec<&[u8]> = good.split_inclusive(|&b| b == b'\n').collect();
    for place in 0..=lines.len() {
        let mut forged = Forge::new();
        for line in &lines[..place] {
            forged.again(line);
        }
        assert_eq!(forged.bytes, lines[..place].concat(), "the same records give the same bytes");
        forged.note("everybody agreed");
        for line in &lines[place..] {
            forged.again(line);
        }
        let found = bench.verify(&forged.bytes);
        // Where nothing sealed follows, only the closing seal is missed; never 0.
        assert_eq!(found.code, 1, "before line {}: {found:?}", place + 1);
    }
}

/// Something changed, and the good seal of before is put behind it again.
#[test]
fn an_old_seal_pasted_last_does_not_verify() {
    let bench = Bench::new();
    let mut first = Forge::begin(Mode::Live);
    first.close().good_seal("close", 1);
    let lines: Vec<&[u8]> = first.bytes.split_inclusive(|&b| b == b'\n').collect();
    let seal = &lines[lines.len() - 2..];
    let mut other = Forge::begin(Mode::Live);
    other.note("this was not there").close();
    let as_they_are = [other.bytes.clone(), seal.concat()].concat();
    for line in seal {
        other.again(line);
    }
    for bytes in [as_they_are, other.bytes] {
        let found = bench.verify(&bytes);
        assert_eq!(found.code, 1, "{found:?}");
    }
}

#[test]
fn a_pack_whose_files_were_exchanged_does_not_verify() {
    let bench = Bench::new();
    let text = b"what a command said";
    let name = pacenote::journal::format::hex(&pacenote::journal::format::sha256(text));
    let mut forge = Forge::begin(Mode::Live);
    forge.line(&serde_json::json!({ "type": "note.added", "data": { "path": null,
        "text": { "blob": name, "bytes": text.len(), "head": "what" } } }));
    let journal = forge.finish();
    let path = bench.path.with_file_name("evidence.tar");
    let output = format!("output/{name}");
    let file = tar::EntryType::Regular;
    for (held, code) in [(text.as_slice(), 0), (b"what a command sang", 1), (b"", 1)] {
        super::pack(&path, &[("journal.jsonl", &journal, file), (&output, held, file)]);
        assert_eq!(verify_with(&path, bench.options()).code, code, "{held:?}");
    }
    super::pack(&path, &[("journal.jsonl", &journal, file)]);
    assert_eq!(verify_with(&path, bench.options()).code, 1, "and without it");
}

/// The wall clock is what it is and may be wrong; the other one only goes forward.
#[test]
fn a_clock_set_back_is_recorded_as_it_was_and_verifies() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(SID);
    fs::create_dir(&path).unwrap();
    let dir = SessionDir::new(path).unwrap();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    writer.seal_with(Sealer::with_segment(ALICE, key(1), key(3)));
    let mut opened = samples::opened();
    if let Event::SessionOpened(opened) = &mut opened {
        opened.operator.key = Some(key(1).public().fingerprint());
    }
    let back = |mono_ms, hours| At { wall: samples::at(mono_ms).wall - chrono::TimeDelta::hours(hours), mono_ms };
    let walked =
        [(0, 0, opened), (10, 3, samples::note("an hour that was")), (20, 2, samples::decided(1)), (30, 0, samples::closed())];
    for (mono_ms, hours, event) in &walked {
        writer.append(back(*mono_ms, *hours), event).unwrap();
    }
    drop(writer);
    let bench = Bench::new();
    let found = verify_with(&dir.journal(), Options { operator: true, ..bench.options() });
    assert_eq!((found.code, found.status), (0, Status::Verified), "{found:?}");
    let records: Vec<_> = Reader::open(&dir, Blobs::Resolve).unwrap().map(|line| line.unwrap().record).collect();
    assert!(records.windows(2).any(|two| two[1].ts < two[0].ts), "what the clock said is kept");
    assert!(records.windows(2).all(|two| two[1].mono_ms >= two[0].mono_ms), "and the order of things beside it");
    let said = pacenote::report::csv(&super::super::export::story(&dir.journal()));
    assert!(said.contains("an hour that was") && said.contains(&pacenote::session::time::rfc3339(back(10, 3).wall)), "{said}");
}

/// The program must not need the journal in memory: it gets less than the file is long.
/// `PACENOTE_LARGE_JOURNAL_MB` asks for another length than 64 MB.
#[test]
fn a_large_journal_is_verified_in_little_memory() {
    let megabytes = std::env::var("PACENOTE_LARGE_JOURNAL_MB").ok().and_then(|mb| mb.parse().ok()).unwrap_or(64_u64);
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = temp.path().join("journal.jsonl");
    let mut file = fs::File::create(&path).unwrap();
    let mut forge = Forge::begin(Mode::Live);
    let event = serde_json::to_value(samples::decided(60)).unwrap();
    let mut written = 0;
    while written < megabytes << 20 {
        forge.line(&event);
        written += forge.bytes.len() as u64;
        file.write_all(&std::mem::take(&mut forge.bytes)).unwrap();
    }
    drop(file);
    // Of data the process may have 24 MB; a program that read the file whole would end.
    let limited = |program: &str| {
        let script = format!("ulimit -d 24576; exec {program}");
        let mut command = Command::new("sh");
        command.env_clear().env("HOME", temp.path()).env("PATH", "/usr/bin:/bin").args(["-c", &script, "sh"]);
        command.arg(env!("CARGO_BIN_EXE_pacenote")).arg(&path).output().unwrap()
    };
    let done = limited("\"$1\" verify \"$2\"");
    let said = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(5), "{said} {}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("intact, but the session is open"), "{said}");
    let whole = limited("dd if=\"$2\" of=/dev/null bs=48M count=1");
    assert!(!whole.status.success(), "the limit is one: {whole:?}");
}

/// Somebody with an unlisted key resumed, and the operator closed: the verdict is about the
/// closing seal, so who else had it in hand must be said.
#[test]
fn every_operator_whose_key_is_in_no_list_is_named() {
    use pacenote::report::{self, Beside, Source, Story, seals::Judged};
    let resumed = |by: &str, n: u8| {
        samples::resumed(Operator { principal: by.into(), key: Some(key(n).public().fingerprint()), ..Operator::default() })
    };
    let mut forge = Forge::begin(Mode::Live);
    let mallory = |seal: &mut Value| seal["signer"] = "mallory@example.com".into();
    forge.event(&resumed("mallory@example.com", 9)).seal("open", 9, &Twist { both: Some(&mallory), ..Twist::default() });
    forge.event(&resumed(ALICE, 1)).good_seal("open", 1);
    let bench = Bench::new();
    let found = bench.verify(&forge.finish());
    let trusted: Vec<(&str, bool)> =
        found.operators.iter().map(|seal| (seal.signer.as_str(), seal.untrusted.is_none())).collect();
    let expected = [(ALICE, true), ("mallory@example.com", false), (ALICE, true), (ALICE, true)];
    assert_eq!((found.code, &trusted[..]), (0, &expected[..]), "{found:?}");
    let said: Vec<&String> = found.warnings.iter().filter(|warning| warning.contains("mallory@example.com's")).collect();
    assert!(said.len() == 1 && said[0].contains("not in the list"), "{:?}", found.warnings);
    let strict = verify_with(&bench.path, Options { operator: true, ..bench.options() });
    assert!(strict.code == 6 && strict.untrusted.len() == 1, "{strict:?}");

    let judged = Some(Judged { found, list: Some("ab".repeat(32)), asked: Vec::new() });
    let story = Story::of(Source::read(&bench.path).unwrap(), Beside { judged, ..Beside::default() });
    for text in [report::html(&story), report::markdown(&story), report::json(&story)] {
        assert!(text.contains("holds, by a key that the list has") || text.contains("\"trusted\":true"), "{text}");
        assert!(text.contains("holds, but the key is NOT TRUSTED") || text.contains("\"trusted\":false"), "{text}");
    }
}
