//! Damaged, torn and open journals are exported with a loud word first; secrets are not.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use pacenote::journal::{OutputSink, Writer};
use pacenote::redact::Redactor;
use pacenote::report;
use pacenote::session::event::{EffectEnded, Note, Outcome};
use pacenote::session::{At, Event};
use pacenote::state::StateDir;

use super::{forms, story, walk};

const FORMS: [&str; 6] = ["html", "markdown", "json", "csv", "cast", "pack"];

/// What is done to a journal, and what every form then says.
type Damage = (&'static str, fn(&Path));

fn edit(journal: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = fs::read(journal).unwrap();
    change(&mut bytes);
    fs::write(journal, bytes).unwrap();
}

#[test]
fn every_form_says_first_what_is_wrong() {
    let damages: [Damage; 4] = [
        ("This journal is DAMAGED", |journal| edit(journal, |bytes| bytes[30_000] ^= 1)),
        ("NOT CLOSED", |journal| edit(journal, |bytes| bytes.truncate(bytes.len() * 2 / 3))),
        ("NOT WRITTEN TO ITS END", |journal| edit(journal, |bytes| bytes.truncate(bytes.len() * 2 / 3))),
        ("No record could be read", |journal| fs::write(journal, "").unwrap()),
    ];
    for (said, damage) in damages {
        let walked = walk("canary-deploy", "bad-canary");
        damage(&walked.dir.journal());
        let story = story(&walked.dir.journal());
        for (form, text) in forms(&story) {
            let at = text.find(said).unwrap_or_else(|| panic!("{form} does not say {said:?}"));
            let before = &text[..at];
            let early = before.find("<h2").is_none() && before.find("## ").is_none() && before.matches("\r\n").count() < 30;
            assert!(early, "{form} says {said:?} first");
        }
        assert_eq!(story.raw, fs::read(walked.dir.journal()).unwrap(), "all bytes are kept, damaged or not");
        match report::pack(&story, walked.dir.path(), None, None) {
            Ok(pack) => assert!(String::from_utf8_lossy(&pack).contains("# How to check this pack\n\n> **WARNING.** ")),
            Err(error) => assert!(story.records == 0 && error.to_string().contains("no record")),
        }
    }
}

#[test]
fn a_text_that_is_gone_is_named() {
    let walked = walk("canary-deploy", "bad-canary");
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let dir = state.create_session("20260105-100000-gone-00002a").unwrap();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    let opened = story(&walked.dir.journal()).opened.expect("opened").1;
    writer.append(at(0), &Event::SessionOpened(Box::new(opened))).unwrap();
    writer.append(at(1), &Event::NoteAdded(Note { path: None, text: format!("long {}", "x".repeat(5000)) })).unwrap();
    drop(writer);
    let whole = report::html(&story(&dir.journal()));
    assert!(whole.contains(&"x".repeat(4900)) && !whole.contains("MISSING"));
    for blob in fs::read_dir(dir.output()).unwrap() {
        fs::remove_file(blob.unwrap().path()).unwrap();
    }
    let story = story(&dir.journal());
    assert!(story.is_broken() && story.records == 2);
    for (form, text) in forms(&story) {
        assert!(text.contains("MISSING or CHANGED") && text.contains("long xxx"), "{form}");
    }
}

/// The seals cover the record; the files beside it are what most people read.
#[test]
fn a_runbook_that_was_changed_afterwards_is_said_in_every_form() {
    let walked = walk("canary-deploy", "bad-canary");
    let judged = || super::sealed::judged(&walked.dir.journal(), None);
    let said = "the runbook kept beside it is not the one that was run: canary-deploy.yaml (changed)";
    assert!(forms(&judged()).iter().all(|(_, text)| !text.contains("the one that was run")));
    fs::write(walked.dir.bundle().join("canary-deploy.yaml"), "pacenote: 1").unwrap();
    let story = judged();
    assert!(!story.is_broken() && story.flaws.iter().any(|flaw| flaw.severe && flaw.text.contains(said)), "{:?}", story.flaws);
    for (form, text) in forms(&story) {
        assert!(text.contains("the runbook kept beside it is not the one that was run"), "{form}");
    }
}

fn at(seconds: u64) -> At {
    let wall = pacenote::app::headless::epoch() + chrono::TimeDelta::seconds(i64::try_from(seconds).unwrap());
    At { wall, mono_ms: seconds * 1000 }
}

fn export(home: &Path, session: &Path, form: &str, output: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pacenote"))
        .env_clear()
        .env("HOME", home)
        .args(["export", "--format", form, "--output"])
        .arg(output)
        .arg(session)
        .output()
        .unwrap()
}

#[test]
fn the_command_writes_whole_files_for_their_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let walked = walk("canary-deploy", "bad-canary");
    let home = tempfile::tempdir().unwrap();
    for form in FORMS {
        let file = home.path().join(form);
        let done = export(home.path(), walked.dir.path(), form, &file);
        assert_eq!((done.status.code(), done.stdout.len(), done.stderr.len()), (Some(0), 0, 0), "{form}: {done:?}");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let files = fs::read_dir(home.path()).unwrap().filter(|e| e.as_ref().unwrap().path().is_file()).count();
    assert_eq!(files, FORMS.len(), "nothing else is left there");
    let nowhere = export(home.path(), walked.dir.path(), "html", &home.path().join("none/page.html"));
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("the report cannot be written"));

    edit(&walked.dir.journal(), |bytes| bytes[30_000] ^= 1);
    for form in FORMS {
        let done = export(home.path(), walked.dir.path(), form, &home.path().join(form));
        assert_eq!(done.status.code(), Some(1), "{form}");
        assert!(String::from_utf8_lossy(&done.stderr).contains("DAMAGED"), "{form}: {done:?}");
    }
}

#[test]
fn a_canary_gets_into_no_export() {
    const CANARY: &str = "cAnArY-7f3a9c-0123456789";
    let walked = walk("canary-deploy", "bad-canary");
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let dir = state.create_session("20260105-100000-canary-00002a").unwrap();
    let redactor = Redactor::new();
    redactor.register("canary", CANARY).unwrap();
    let mut sink = OutputSink::create(&dir, 1, &redactor).unwrap();
    sink.push(format!("token {CANARY} accepted\n").as_bytes()).unwrap();
    let (output, _) = sink.finish().unwrap();

    let mut writer = Writer::create(&dir, redactor).unwrap();
    let story_of_another = story(&walked.dir.journal());
    let mut ended: Option<EffectEnded> = None;
    for (n, moment) in story_of_another.moments.iter().enumerate() {
        let Some(mut event) = moment.event.clone() else { continue };
        match &mut event {
            Event::SessionOpened(opened) => opened.title = format!("Deploy with {CANARY}"),
            Event::DecisionMade(decision) => decision.reason = Some(CANARY.to_owned()),
            Event::EffectEnded(effect) if ended.is_none() => {
                effect.outcome = Outcome::Failed;
                effect.message = format!("refused {CANARY}");
                effect.output = Some(output.clone());
                ended = Some((**effect).clone());
            }
            _ => {}
        }
        writer.append(at(n as u64), &event).unwrap();
    }
    drop(writer);
    assert!(ended.is_some());
    let story = story(&dir.journal());
    assert!(!story.is_broken(), "{:?}", story.flaws);
    let pack = report::pack(&story, dir.path(), None, None).unwrap();
    let mut files: Vec<(&str, String)> = forms(&story).into();
    files.push(("pack", String::from_utf8_lossy(&pack).into_owned()));
    for (form, text) in files {
        assert!(!text.contains("cAnArY") && !text.contains("7f3a9c-01234"), "{form}");
        assert!(text.contains("redacted canary"), "{form} tells that something was taken out");
    }
}
