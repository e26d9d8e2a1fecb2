//! What is kept beside a journal, and is not covered by its seals: the runbook, and a pack.

use std::fs;

use pacenote::journal::format::{hex, sha256};
use pacenote::journal::verify::{Verification, verify_with};
use pacenote::session::Event;
use tar::EntryType;

use super::forge::{Forge, key};
use super::{Bench, pack, samples};

const FILES: [(&str, &str); 2] = [("deploy.yaml", "as it was run"), ("scripts/go.sh", "go")];

/// A sealed journal of a session that ran these files.
fn journal() -> Vec<u8> {
    let list = FILES.map(|(path, text)| (path.to_owned(), hex(&sha256(text.as_bytes()))));
    let sums: String = list.iter().map(|(path, hash)| format!("{hash}  {path}\n")).collect();
    let mut opened = samples::opened();
    if let Event::SessionOpened(opened) = &mut opened {
        opened.operator.key = Some(key(1).public().fingerprint());
        (opened.bundle.sha256, opened.bundle.files) = (hex(&sha256(sums.as_bytes())), list.into());
    }
    let mut forge = Forge::new();
    forge.event(&opened).good_seal("open", 1);
    forge.finish()
}

#[test]
fn a_runbook_that_is_not_the_one_that_was_run_is_a_warning() {
    let bench = Bench::new();
    let bundle = bench.path.with_file_name("bundle");
    let judge = || bench.verify(&journal());
    let found = judge();
    assert_eq!((found.code, found.warnings), (0, vec!["the runbook that was run is not kept beside it".to_owned()]));
    fs::create_dir_all(bundle.join("scripts")).unwrap();
    for (path, text) in FILES {
        fs::write(bundle.join(path), text).unwrap();
    }
    assert_eq!((judge().code, judge().warnings), (0, Vec::<String>::new()));
    fs::write(bundle.join("deploy.yaml"), "as it should have been").unwrap();
    fs::remove_file(bundle.join("scripts/go.sh")).unwrap();
    let said = "the runbook kept beside it is not the one that was run: deploy.yaml (changed), scripts/go.sh (missing)";
    assert_eq!((judge().code, judge().warnings), (0, vec![said.to_owned()]), "the journal itself is intact");
    assert_eq!(judge().kept, [said]);
}

/// Who seals also writes the list of files; what approvers sign is the hash of the whole.
#[test]
fn a_list_of_files_that_is_not_the_runbooks_is_a_warning() {
    let bench = Bench::new();
    let mut forge = Forge::begin(pacenote::session::event::Mode::Live);
    forge.note("its bundle has a made up hash");
    let found = bench.verify(&forge.finish());
    assert!(found.code == 0 && found.kept[0].contains("are not those of the runbook whose hash it names"), "{found:?}");
}

#[test]
fn a_pack_that_is_not_as_it_was_made_is_a_warning() {
    let bench = Bench::new();
    let path = bench.path.with_file_name("evidence.tar");
    let bytes = journal();
    let sum = |name: &str, bytes: &[u8]| format!("{}  {name}\n", hex(&sha256(bytes)));
    let runbook = FILES.map(|(path, text)| (format!("bundle/{path}"), text));
    let mut sums = sum("journal.jsonl", &bytes) + &sum("reviews.jsonl", b"fine");
    sums.extend(runbook.iter().map(|(path, text)| sum(path, text.as_bytes())));
    let judge = |others: &[(&str, &[u8])]| -> Verification {
        let mut files: Vec<(&str, &[u8], EntryType)> = vec![("journal.jsonl", &bytes, EntryType::Regular)];
        files.extend(runbook.iter().map(|(path, text)| (path.as_str(), text.as_bytes(), EntryType::Regular)));
        files.extend(others.iter().map(|(name, bytes)| (*name, *bytes, EntryType::Regular)));
        pack(&path, &files);
        verify_with(&path, bench.options())
    };
    let sums = ("SHA256SUMS", sums.as_bytes());
    for (others, said) in [
        (vec![("reviews.jsonl", b"fine".as_slice()), sums], None),
        (vec![("reviews.jsonl", b"bad"), sums], Some("the pack is not as it was made: reviews.jsonl (changed)")),
        (vec![sums], Some("the pack is not as it was made: reviews.jsonl (missing)")),
        (
            vec![("reviews.jsonl", b"fine"), ("READ-ME-FIRST.md", b"all is well"), sums],
            Some("the pack holds files that SHA256SUMS does not list: READ-ME-FIRST.md"),
        ),
        (vec![], Some("the pack holds no SHA256SUMS: what it held when it was made is not known")),
    ] {
        let found = judge(&others);
        let said: Vec<String> = said.into_iter().map(str::to_owned).collect();
        assert_eq!((found.code, &found.warnings), (0, &said), "{found:?}");
    }
}

/// Other programs pack in other ways; what to do then is said.
#[test]
fn a_pack_of_another_program_is_named_as_such() {
    let bench = Bench::new();
    let path = bench.path.with_file_name("evidence.tar");
    for kind in [EntryType::GNULongName, EntryType::XHeader, EntryType::XGlobalHeader] {
        pack(&path, &[("././@LongLink", b"a-long-name", kind), ("journal.jsonl", &journal(), EntryType::Regular)]);
        let found = verify_with(&path, bench.options());
        let what = found.problem.expect("a problem").what;
        assert!(found.code == 1 && what.ends_with("unpack it, and verify the folder"), "{what}");
    }
}
