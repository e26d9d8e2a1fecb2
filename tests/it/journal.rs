//! The journal on real files: what is written is read, what is broken is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pacenote::journal::folder::SessionDir;
use pacenote::journal::verify::{Status, verify_journal};
use pacenote::journal::{AppendError, Blobs, OpenError, OutputSink, Reader, Record, ResumeError, SessionState, Writer, verify};
use pacenote::redact::Redactor;
use pacenote::runbook::Value;
use pacenote::session::Event;
use pacenote::state::StateDir;
use proptest::prelude::*;

#[path = "../support/faulty_disk.rs"]
pub(super) mod faulty_disk;
#[path = "../support/samples.rs"]
pub(super) mod samples;

mod disk;
mod edits;
mod secrets;

use samples::{at, closed, decided, ended, intended, note, opened};

/// A state folder with the folder of one session in it.
fn folder() -> (tempfile::TempDir, StateDir, SessionDir) {
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let dir = state.create_session("20261121-033344-canary-deploy-7f3a9c").unwrap();
    (temp, state, dir)
}

/// Writes events as a journal; the records as the writer gave them.
fn write(dir: &SessionDir, events: &[Event]) -> Vec<Record> {
    let mut writer = Writer::create(dir, Redactor::new()).unwrap();
    (0..).zip(events).map(|(i, event)| writer.append(at(i * 1000), event).unwrap().record).collect()
}

fn read(dir: &SessionDir) -> Vec<Record> {
    Reader::open(dir, Blobs::Resolve).unwrap().map(|line| line.unwrap().record).collect()
}

fn blobs(dir: &SessionDir) -> usize {
    fs::read_dir(dir.output()).unwrap().count()
}

#[test]
fn what_is_written_is_read_again() {
    let (_temp, _, dir) = folder();
    let events = samples::session();
    let records = write(&dir, &events);
    assert_eq!(records.iter().map(|r| r.event.clone().unwrap()).collect::<Vec<_>>(), events);
    assert_eq!(read(&dir), records);
    assert_eq!(blobs(&dir), 2, "the object before the change, and the large evidence");
    let found = verify_journal(&dir.journal());
    assert_eq!((found.code, found.status, found.records, found.blobs), (5, Status::IntactUnsealed, 7, 2), "{found:?}");
    assert_eq!(found.opened.as_ref().map(|o| o.runbook.as_str()), Some("canary-deploy"));
    let text = fs::read(dir.journal()).unwrap();
    assert!(text.is_ascii() && text.ends_with(b"\n"));
    assert!(text.split_inclusive(|&b| b == b'\n').all(|line| line.len() <= 64 * 1024));
}

#[test]
fn only_an_intent_that_is_on_disk_can_be_acted_on() {
    let (_temp, _, dir) = folder();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    assert!(writer.append(at(0), &opened()).unwrap().intent.is_none());
    let intent = writer.append(at(1), &intended(1, 10)).unwrap().intent.expect("an intent");
    let Event::EffectIntended(expected) = intended(1, 10) else { unreachable!() };
    assert_eq!(intent.get(), &*expected);
    assert!(writer.append(at(2), &note("x")).unwrap().intent.is_none());
}

#[test]
fn the_order_of_records_is_kept() {
    let (_temp, _, dir) = folder();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    assert!(matches!(writer.append(at(0), &note("too early")), Err(AppendError::Order(_))));
    writer.append(at(0), &opened()).unwrap();
    assert!(matches!(writer.append(at(0), &opened()), Err(AppendError::Order(_))));
    writer.append(at(1), &closed()).unwrap();
    assert!(matches!(writer.append(at(2), &note("too late")), Err(AppendError::Order(_))));
    assert!(matches!(writer.append(at(2), &closed()), Err(AppendError::Order(_))));
    drop(writer);
    assert_eq!(read(&dir).len(), 2);
    assert!(matches!(Writer::create(&dir, Redactor::new()), Err(OpenError::Exists(_))));
}

#[test]
fn what_the_format_cannot_hold_is_refused_and_nothing_is_written() {
    let (_temp, _, dir) = folder();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    writer.append(at(0), &opened()).unwrap();
    let before = fs::read(dir.journal()).unwrap();
    let many: BTreeMap<String, Value> = (0..9000).map(|i| (format!("key_{i}"), Value::Null)).collect();
    let deep = (0..150).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let unwritable = [intended(1 << 53, 0), ended(1, many, None), ended(1, BTreeMap::from([("deep".into(), deep)]), None)];
    for event in unwritable {
        assert!(matches!(writer.append(at(1), &event), Err(AppendError::Unwritable(_))));
    }
    assert_eq!(fs::read(dir.journal()).unwrap(), before);
    writer.append(at(2), &note("and on it goes")).unwrap();
    drop(writer);
    assert_eq!(read(&dir).len(), 2);
}

#[test]
fn a_second_writer_is_told_who_is_at_it() {
    let (_temp, state, dir) = folder();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    writer.append(at(0), &opened()).unwrap();
    let error = Writer::resume(&dir, Redactor::new(), at(0)).unwrap_err().to_string();
    let pid = std::process::id();
    assert!(error.contains("is in use by process") && error.contains(&pid.to_string()), "{error}");
    assert!(matches!(&state.sessions().unwrap()[0].state, SessionState::Running { holder } if holder.pid == pid));
    drop(writer);
    assert_eq!(state.sessions().unwrap()[0].state, SessionState::Unfinished);
    assert_eq!(state.only_unfinished().unwrap(), dir);
    Writer::resume(&dir, Redactor::new(), at(0)).unwrap();
}

#[test]
fn texts_that_look_like_references_come_back_as_they_were() {
    let (_temp, _, dir) = folder();
    let text = |s: &str| Value::from(s);
    let lookalike = |blob: Value| {
        let head = text("begin");
        Value::Map(BTreeMap::from([("blob".into(), blob), ("bytes".into(), Value::Number(9.0)), ("head".into(), head)]))
    };
    let hash = text(&"ab".repeat(32));
    let alone = BTreeMap::from([("like".into(), lookalike(hash.clone()))]);
    let captured = BTreeMap::from([
        ("like".into(), lookalike(hash.clone())),
        ("nested".into(), lookalike(lookalike(hash.clone()))),
        ("output".into(), lookalike(hash.clone())),
        ("evidence".into(), Value::Map(BTreeMap::from([("evidence".into(), text(&"x".repeat(5000)))]))),
        ("long".into(), Value::List(vec![text(&"é\n\"".repeat(3000)), text("short")])),
        ("blob".into(), text("blob")),
    ]);
    let mut sink = OutputSink::create(&dir, 1, &Redactor::new()).unwrap();
    sink.push(b"out").unwrap();
    let (output, _) = sink.finish().unwrap();
    let records = write(&dir, &[opened(), ended(1, captured, Some(output)), ended(2, alone, None)]);
    assert_eq!(read(&dir), records);
    assert_eq!(verify_journal(&dir.journal()).code, 5);
}

#[test]
fn a_record_of_many_middling_texts_is_taken_apart_further() {
    let (_temp, _, dir) = folder();
    let captured: BTreeMap<String, Value> = (0..40).map(|i| (format!("key_{i}"), Value::from("ü".repeat(1900)))).collect();
    let records = write(&dir, &[opened(), ended(1, captured, None)]);
    assert_eq!(read(&dir), records);
    assert_eq!(verify_journal(&dir.journal()).code, 5);
}

#[test]
fn heads_stand_for_texts_that_are_not_looked_up() {
    let (_temp, _, dir) = folder();
    write(&dir, &[opened(), intended(1, 6000), decided(120)]);
    fs::remove_dir_all(dir.output()).unwrap();
    let lines: Vec<_> = Reader::open(&dir, Blobs::Heads).unwrap().map(Result::unwrap).collect();
    let Some(Event::EffectIntended(intent)) = &lines[1].record.event else { panic!("{:?}", lines[1]) };
    assert!(intent.object.as_ref().unwrap().before.contains("6000 bytes, kept in output/"));
    assert!(matches!(&lines[2].record.event, Some(Event::DecisionMade(_))));
    let error = Reader::open(&dir, Blobs::Resolve).unwrap().find_map(Result::err).unwrap();
    assert!(error.to_string().starts_with("line 2: output/") && error.to_string().ends_with("is missing"), "{error}");
}

#[test]
fn resuming_goes_on_with_the_chain() {
    let (_temp, _, dir) = folder();
    let mut records = write(&dir, &[opened(), note("before")]);
    let resumed = Writer::resume(&dir, Redactor::new(), at(0)).unwrap();
    assert_eq!((&resumed.records, resumed.recovered), (&records, None));
    let mut writer = resumed.writer;
    records.push(writer.append(at(5), &note("after")).unwrap().record);
    drop(writer);
    assert_eq!(read(&dir), records);
    assert_eq!(verify_journal(&dir.journal()).status, Status::IntactOpen);
}

#[test]
fn a_session_that_is_closed_empty_or_from_a_later_version_is_not_resumed() {
    let (_temp, state, dir) = folder();
    assert!(matches!(Writer::resume(&dir, Redactor::new(), at(0)), Err(ResumeError::NotFound(_))));
    drop(Writer::create(&dir, Redactor::new()).unwrap());
    assert!(matches!(Writer::resume(&dir, Redactor::new(), at(0)), Err(ResumeError::Empty(_))));
    assert_eq!(verify_journal(&dir.journal()).code, 5);

    let closed_dir = state.create_session("closed").unwrap();
    write(&closed_dir, &[opened(), closed()]);
    let before = fs::read(closed_dir.journal()).unwrap();
    for tail in ["", "{\"v\":1,\"se"] {
        fs::write(closed_dir.journal(), [&before, tail.as_bytes()].concat()).unwrap();
        assert!(matches!(Writer::resume(&closed_dir, Redactor::new(), at(0)), Err(ResumeError::Closed(_))));
        assert_eq!(fs::read(closed_dir.journal()).unwrap(), [&before, tail.as_bytes()].concat(), "it is left as it was");
    }

    let later = state.create_session("later").unwrap();
    write(&later, &[opened()]);
    edits::append_raw(&later, "step.teleported", "{}");
    assert!(
        matches!(Writer::resume(&later, Redactor::new(), at(0)), Err(ResumeError::Unknown(kind)) if kind == "step.teleported")
    );
    let found = verify_journal(&later.journal());
    assert_eq!((found.code, found.unknown.len()), (5, 1));
    assert_eq!(Reader::open(&later, Blobs::Resolve).unwrap().last().unwrap().unwrap().record.event, None);
}

#[test]
fn sessions_are_listed_by_their_first_and_last_records() {
    let (_temp, state, dir) = folder();
    write(&dir, &samples::session());
    let open = state.create_session("20261122-000000-x-000001").unwrap();
    write(&open, &[opened(), note("x".repeat(3000))]);
    fs::write(open.journal(), [fs::read(open.journal()).unwrap(), b"{\"v\":1,".to_vec()].concat()).unwrap();
    state.create_session("20261123-000000-x-000001").unwrap();
    let broken = state.create_session("20261124-000000-x-000001").unwrap();
    fs::write(broken.journal(), "not a journal\n").unwrap();
    let list = state.sessions().unwrap();
    let states: Vec<_> = list.iter().map(|s| serde_json::to_value(&s.state).unwrap()["state"].clone()).collect();
    assert_eq!(states, ["closed", "unfinished", "empty", "unreadable"]);
    assert_eq!((list[0].records, list[1].records, list[1].last_kind.as_deref()), (7, 2, Some("note.added")));
    let first = serde_json::to_value(&list[0]).unwrap();
    assert_eq!(first["state"]["outcome"], "completed");
    assert_eq!(first["opened"]["environment"], "production");
    assert_eq!(first["last"], "2026-11-21T03:33:50.120Z");
    assert_eq!(state.only_unfinished().unwrap(), open);
}

#[test]
fn verify_takes_files_folders_and_all_sessions_and_says_the_worst() {
    let (temp, state, dir) = folder();
    write(&dir, &[opened(), closed()]);
    let paths = |path: &Path| verify(&[path.to_owned()], pacenote::journal::verify::Options::default());
    for path in [dir.journal(), dir.path().to_owned(), state.path().to_owned(), state.sessions_folder()] {
        let report = paths(&path);
        assert_eq!((report.code, report.journals.len()), (5, 1), "{path:?}");
    }
    let other = state.create_session("other").unwrap();
    write(&other, &[opened(), note("x"), note("y")]);
    fs::write(other.journal(), fs::read_to_string(other.journal()).unwrap().replacen("\"x\"", "\"z\"", 1)).unwrap();
    let report = paths(state.path());
    assert_eq!((report.code, report.journals.len()), (1, 2));
    let problem = report.journals[1].problem.as_ref().unwrap();
    assert_eq!(problem.line, 3);
    assert!(problem.what.contains("a line was changed"), "{problem}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["journals"][1]["status"], "broken");
    for path in [temp.path().join("nowhere"), dir.output()] {
        assert_eq!((paths(&path).code, paths(&path).journals[0].status), (1, Status::Unreadable));
    }
    std::os::unix::fs::symlink(dir.journal(), temp.path().join("link")).unwrap();
    assert_eq!(paths(&temp.path().join("link")).code, 1, "a link is not followed");
}

#[test]
fn outputs_are_kept_under_their_hash() {
    let (_temp, _, dir) = folder();
    write(&dir, &[opened()]);
    let redactor = Redactor::new();
    redactor.register("token", "hunter2hunter2").unwrap();
    let mut sink = OutputSink::create(&dir, 1, &redactor).unwrap();
    let mut shown = sink.push(b"\x1b[1mdeploying with hunter2hun").unwrap();
    shown += &sink.push(b"ter2\r\ndone\xff\n").unwrap();
    let (output, rest) = sink.finish().unwrap();
    shown += &rest;
    assert_eq!(shown, "deploying with [redacted token]\ndone\u{fffd}\n");
    assert_eq!(output.head, shown);
    let kept = fs::read(dir.output().join(&output.blob)).unwrap();
    assert_eq!((kept.as_slice(), output.bytes), (shown.as_bytes(), kept.len() as u64));
    assert_eq!(pacenote::journal::format::hex(&pacenote::journal::format::sha256(&kept)), output.blob);

    // An attempt that ended with the program is begun anew; one can be thrown away.
    OutputSink::create(&dir, 2, &redactor).unwrap().push(b"half").unwrap();
    OutputSink::create(&dir, 2, &redactor).unwrap().discard().unwrap();
    assert_eq!(blobs(&dir), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_and_value_comes_back(
        texts in prop::collection::vec(prop_oneof![any::<String>(), "[ -~é\n]{4000,5000}"], 1..4),
        numbers in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 0..4),
    ) {
        let (_temp, _, dir) = folder();
        let captured = texts.iter().enumerate().map(|(i, text)| (format!("t{i}"), Value::from(text.clone())));
        let captured = captured.chain(numbers.iter().enumerate().map(|(i, &n)| (format!("n{i}"), Value::Number(n + 0.0)))).collect();
        let mut events = vec![opened(), ended(1, captured, None)];
        events.extend(texts.iter().map(note));
        let records = write(&dir, &events);
        prop_assert_eq!(read(&dir), records);
        prop_assert_eq!(verify_journal(&dir.journal()).code, 5);
    }
}
