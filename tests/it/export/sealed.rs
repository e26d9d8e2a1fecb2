//! What reports say of seals: who, with which key, what it is worth, what is missing.

use std::path::Path;
use std::process::Command;

use pacenote::journal::verify::{Options, verify_with};
use pacenote::journal::{Sealer, SessionDir, Writer};
use pacenote::redact::Redactor;
use pacenote::report::seals::{self, Judged};
use pacenote::report::{self, Beside, Source, Story};
use pacenote::session::Event;
use pacenote::signature::{AllowedSigners, Kind, Signer};
use serde_json::Value;

use super::super::journal::samples;
use super::forms;

const SID: &str = "20261121-033344-canary-deploy-7f3a9c";
const ALICE: &str = "alice@example.com";

fn key(n: u8, kind: Kind) -> Signer {
    Signer::from_seed(&[n; 32], kind).unwrap()
}

/// A session of Alice's in a folder of its own; `until` counts its events.
fn session(folder: &Path, kind: Kind, until: usize) -> SessionDir {
    std::fs::create_dir_all(folder.join(SID)).unwrap();
    let dir = SessionDir::new(folder.join(SID)).unwrap();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    writer.seal_with(Sealer::with_segment(ALICE, key(1, kind), key(3, Kind::Own)));
    let mut opened = samples::opened();
    if let Event::SessionOpened(opened) = &mut opened {
        opened.operator.key = Some(key(1, kind).public().fingerprint());
    }
    let events = [opened, samples::decided(1), samples::note("on we go"), samples::decided(1), samples::closed()];
    for (i, event) in (0..).zip(events.iter().take(until)) {
        writer.append(samples::at(i * 10), event).unwrap();
    }
    dir
}

/// The story of a journal, judged with a list.
pub(super) fn judged(journal: &Path, list: Option<&str>) -> Story {
    let signers = list.map(|list| AllowedSigners::parse(list).unwrap());
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let found = verify_with(journal, Options { signers: signers.as_ref(), now, ..Options::default() });
    let judged = Some(Judged { found, list: list.map(|_| "ab".repeat(32)), asked: Vec::new() });
    Story::of(Source::read(journal).unwrap(), Beside { judged, ..Beside::default() })
}

fn instructions(story: &Story, dir: &SessionDir) -> String {
    let pack = report::pack(story, dir.path(), None, None).unwrap();
    let mut archive = tar::Archive::new(pack.as_slice());
    let mut files = archive.entries().unwrap().map(Result::unwrap);
    let mut file = files.find(|file| file.path().unwrap().ends_with("VERIFY.md")).expect("instructions");
    std::io::read_to_string(&mut file).unwrap()
}

/// What a reader sees: HTML and Markdown without their escapes.
fn plain(text: &str) -> String {
    text.replace("&#64;", "@").replace("&#39;", "'").replace("&#96;", "`").replace('\\', "")
}

#[test]
fn every_form_says_what_the_seals_are_worth() {
    let list = format!("{ALICE} {}\n", key(1, Kind::Own).public().line());
    let fingerprint = key(1, Kind::Own).public().fingerprint();
    for (kind, until, list, said, missing) in [
        (Kind::Own, 5, Some(list.as_str()), "VERIFIED: intact, closed, and sealed by alice@example.com", "No anchor"),
        (Kind::Own, 5, None, "NOT TRUSTED: intact, closed and sealed by alice@example.com", "No anchor"),
        (
            Kind::SelfIssued,
            5,
            None,
            "NOT TRUSTED: intact, closed and sealed by alice@example.com",
            "identity: the key is self-issued",
        ),
        (Kind::Own, 3, Some(list.as_str()), "NOT SEALED: intact, but the session is open", "closing seal is missing"),
    ] {
        let temp = tempfile::tempdir().unwrap();
        let dir = session(temp.path(), kind, until);
        let story = judged(&dir.journal(), list);
        let documents = [report::html(&story), report::markdown(&story), report::json(&story), instructions(&story, &dir)];
        for text in documents.map(|text| plain(&text)) {
            for expected in [said, missing, fingerprint.as_str()] {
                assert!(text.contains(expected), "{expected:?} of {kind:?}: {text}");
            }
            assert!(!text.contains("does not judge") && !text.contains("NOT JUDGED"), "{text}");
        }
    }
}

#[test]
fn seals_are_told_one_by_one_and_those_of_a_segment_together() {
    let temp = tempfile::tempdir().unwrap();
    let dir = session(temp.path(), Kind::Own, 5);
    let story = judged(&dir.journal(), None);
    let told: Vec<(u64, u64, u64, Option<bool>)> =
        seals::seals(&story).iter().map(|seal| (seal.first, seal.last, seal.count, seal.holds)).collect();
    assert_eq!(told, [(2, 2, 1, Some(true)), (5, 9, 2, Some(true)), (12, 12, 1, Some(true))]);
    assert_eq!(seals::missing(&story).len(), 1, "the anchor alone: {:?}", seals::missing(&story));
    let unjudged = Story::of(Source::read(&dir.journal()).unwrap(), Beside::default());
    assert!(
        seals::verdict(&unjudged).starts_with("NOT JUDGED") && seals::seals(&unjudged).iter().all(|seal| seal.holds.is_none())
    );
}

/// A chain that is whole, with a seal that is not: the reader of the chain sees nothing.
#[test]
fn a_forged_seal_is_a_warning_in_every_form() {
    let temp = tempfile::tempdir().unwrap();
    let dir = session(temp.path(), Kind::Own, 5);
    let text = std::fs::read_to_string(dir.journal()).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    let mut sealed: Value = serde_json::from_str(last).unwrap();
    sealed["data"]["sha256"] = "0".repeat(64).into();
    std::fs::write(dir.journal(), format!("{before}\n{}\n", serde_json::to_string(&sealed).unwrap())).unwrap();
    let story = judged(&dir.journal(), None);
    assert!(story.is_broken());
    let holds: Vec<Option<bool>> = seals::seals(&story).iter().map(|seal| seal.holds).collect();
    assert_eq!(holds, [Some(true), Some(true), Some(false)]);
    for (form, text) in forms(&story) {
        assert!(plain(&text).contains("This journal is BROKEN: line 13: the seal names another hash"), "{form}");
    }
}

/// A verdict about other bytes is none.
#[test]
fn a_verdict_is_about_the_bytes_of_the_report() {
    let temp = tempfile::tempdir().unwrap();
    let dir = session(temp.path(), Kind::Own, 5);
    let mut story = judged(&dir.journal(), None);
    story.head = "0".repeat(64);
    assert!(seals::verdict(&story).contains("changed while it was read"));
    assert_eq!((seals::basis(&story), seals::seals(&story)[0].holds), (None, None));
}

/// The command judges as `verify` does, with the same options.
#[test]
fn export_judges_with_the_verifiers_own_list() {
    let temp = tempfile::tempdir().unwrap();
    let dir = session(temp.path(), Kind::Own, 5);
    let list = temp.path().join("signers");
    std::fs::write(&list, format!("{ALICE} {}\n", key(1, Kind::Own).public().line())).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("HOME", temp.path()).env("PATH", "/usr/bin:/bin").current_dir(temp.path());
        let output = command.arg("export").arg(dir.path()).args(["--format", "json"]).args(arguments).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), document["verification"].clone())
    };
    let (code, none) = run(&[]);
    assert_eq!((code, &none["code"], &none["signers_sha256"]), (Some(0), &6.into(), &Value::Null), "{none}");
    let named = ["--signers", list.to_str().unwrap()];
    let (_, trusted) = run(&named);
    assert_eq!((&trusted["code"], &trusted["closing"]["signer"]), (&0.into(), &ALICE.into()), "{trusted}");
    assert_eq!(trusted["signers_sha256"].as_str().map(str::len), Some(64));
    let (_, asked) = run(&[named[0], named[1], "--require", "anchor"]);
    assert_eq!((&asked["code"], &asked["required"][0]), (&6.into(), &"anchor".into()), "{asked}");
    assert!(asked["untrusted"][0].as_str().unwrap().starts_with("no anchor knows its head"), "{asked}");
}
