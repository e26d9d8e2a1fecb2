//! Whatever the disk does, no acknowledged record is lost and nothing else is claimed.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use pacenote::journal::disk::{Disk, DiskFile, RealDisk};
use pacenote::journal::folder::SessionDir;
use pacenote::journal::verify::{Status, verify_journal};
use pacenote::journal::{AppendError, Record, Writer};
use pacenote::redact::Redactor;
use pacenote::session::Event;

use super::faulty_disk::{Fault, FaultyDisk};
use super::samples::{self, at, intended, note, opened};
use super::{folder, read};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// What a session saw of a disk.
struct Outcome {
    /// Records the writer said are written, its last words included.
    acknowledged: Vec<Record>,
    /// Whether it stopped.
    stopped: bool,
}

/// Appends until all is written or the writer stops; after that it must stay stopped.
fn append_all(writer: &mut Writer, events: &[Event], acknowledged: &mut Vec<Record>) -> bool {
    for (i, event) in (0..).zip(events) {
        match writer.append(at(i), event) {
            Ok(appended) => acknowledged.push(appended.record),
            Err(AppendError::Stopped { last, .. }) => {
                acknowledged.extend(last.map(|record| *record));
                assert!(writer.stopped().is_some());
                for event in events {
                    let again = writer.append(at(i), event);
                    assert!(matches!(again, Err(AppendError::Stopped { last: None, .. })), "{again:?}");
                }
                return true;
            }
            Err(other) => panic!("{other}"),
        }
    }
    false
}

fn session_on(disk: &FaultyDisk, dir: &SessionDir, events: &[Event]) -> Outcome {
    let mut acknowledged = Vec::new();
    let stopped = match Writer::create_on(Arc::new(disk.clone()), dir, Redactor::new()) {
        Ok(mut writer) => append_all(&mut writer, events, &mut acknowledged),
        Err(_) => true,
    };
    Outcome { acknowledged, stopped }
}

/// What must hold of the files after any accident.
fn check_files(dir: &SessionDir, acknowledged: &[Record], what: &str) {
    if !dir.journal().exists() {
        assert!(acknowledged.is_empty(), "{what}: the journal is gone");
        return;
    }
    let found = verify_journal(&dir.journal());
    assert_eq!(found.code, 5, "{what}: {found:?}");
    let records = read(dir);
    assert!(records.len() >= acknowledged.len(), "{what}: {} of {} are left", records.len(), acknowledged.len());
    assert_eq!(records[..acknowledged.len()], *acknowledged, "{what}");
    assert!(records.len() <= acknowledged.len() + 1, "{what}: records nobody wrote");
}

/// The session goes on, on a disk that works.
fn check_resume(dir: &SessionDir, acknowledged: &[Record], what: &str) {
    if acknowledged.is_empty() || acknowledged.last().is_some_and(|r| r.kind == "session.closed") {
        return;
    }
    let closed_unseen = read(dir).last().is_some_and(|r| r.kind == "session.closed");
    match Writer::resume(dir, Redactor::new(), at(0)) {
        Err(_) if closed_unseen => return,
        Err(error) => panic!("{what}: {error}"),
        Ok(mut resumed) => {
            assert_eq!(resumed.records[..acknowledged.len()], *acknowledged, "{what}");
            resumed.records.push(resumed.writer.append(at(1), &note("going on")).unwrap().record);
            drop(resumed.writer);
            assert_eq!(read(dir), resumed.records, "{what}");
        }
    }
    assert_eq!(verify_journal(&dir.journal()).status, Status::IntactOpen, "{what}");
}

#[test]
fn fail_every_operation_in_every_way() {
    let events = samples::session();
    let (_temp, state, dir) = folder();
    let healthy = FaultyDisk::default();
    let whole = session_on(&healthy, &dir, &events);
    assert!(!whole.stopped && whole.acknowledged.len() == events.len());
    check_files(&dir, &whole.acknowledged, "healthy");
    let operations = healthy.operations();
    assert!(operations > 20);
    let mut last_words = 0;
    for operation in 1..=operations {
        for fault in [EIO, ENOSPC].into_iter().flat_map(|e| [Fault::Once(e), Fault::Lasting(e), Fault::Torn(e), Fault::Short(e)])
        {
            for seed in [0, 1, 2] {
                let what = format!("operation {operation} of {operations}, {fault:?}, seed {seed}");
                let sid = format!("n-{operation}-{}-{seed}", format!("{fault:?}").to_lowercase().replace(['(', ')'], "-"));
                let dir = state.create_session(&sid).unwrap();
                let disk = FaultyDisk::failing(operation, fault);
                let outcome = session_on(&disk, &dir, &events);
                if seed == 2 {
                    // The program ends without a power cut.
                    check_files(&dir, &outcome.acknowledged, &what);
                } else {
                    disk.cut_power(seed * 1000 + operation * seed);
                    check_files(&dir, &outcome.acknowledged, &what);
                }
                last_words += usize::from(outcome.acknowledged.last().is_some_and(|r| r.kind == "session.paused"));
                check_resume(&dir, &outcome.acknowledged, &what);
                fs::remove_dir_all(dir.path()).unwrap();
            }
        }
    }
    assert!(last_words > 0, "on a full disk the last words are written");
}

#[test]
fn fail_every_operation_of_a_resume() {
    let (_temp, state, _) = folder();
    let prepare = |sid: &str| {
        let dir = state.create_session(sid).unwrap();
        let records = super::write(&dir, &[opened(), note("one"), intended(1, 6000)]);
        let torn = [fs::read(dir.journal()).unwrap(), b"{\"v\":1,\"seq\":3,\"si".to_vec()].concat();
        fs::write(dir.journal(), torn).unwrap();
        (dir, records)
    };
    let (dir, _) = prepare("healthy");
    let healthy = FaultyDisk::default();
    Writer::resume_on(Arc::new(healthy.clone()), &dir, Redactor::new(), at(0)).unwrap();
    let operations = healthy.operations();
    for operation in 1..=operations {
        for fault in [Fault::Once(EIO), Fault::Lasting(EIO), Fault::Torn(ENOSPC), Fault::Short(ENOSPC)] {
            for seed in 0..4 {
                let what = format!("operation {operation} of {operations}, {fault:?}, seed {seed}");
                let (dir, records) = prepare(&format!("r-{operation}-{}-{seed}", what.len()));
                let disk = FaultyDisk::failing(operation, fault);
                let resumed = Writer::resume_on(Arc::new(disk.clone()), &dir, Redactor::new(), at(0));
                let acknowledged = resumed.map_or(records, |resumed| resumed.records);
                disk.cut_power(seed);
                check_files(&dir, &acknowledged, &what);
                check_resume(&dir, &acknowledged, &what);
                fs::remove_dir_all(dir.path()).unwrap();
            }
        }
    }
}

#[test]
fn on_a_full_disk_the_journal_says_that_it_stopped() {
    let (_temp, state, _) = folder();
    let events: Vec<Event> = std::iter::once(opened()).chain((0..40).map(|i| intended(i + 1, 500 + 200 * i as usize))).collect();
    let mut stopped = 0;
    for capacity in (65 * 1024 + 500..200 * 1024).step_by(2047) {
        let dir = state.create_session(&format!("full-{capacity}")).unwrap();
        let disk = FaultyDisk::holding(capacity);
        let outcome = session_on(&disk, &dir, &events);
        check_files(&dir, &outcome.acknowledged, &format!("{capacity}"));
        assert_eq!(read(&dir), outcome.acknowledged, "nothing half-written is left");
        if outcome.stopped && !outcome.acknowledged.is_empty() {
            stopped += 1;
            let Some(Event::SessionPaused(paused)) = &outcome.acknowledged.last().unwrap().event else {
                panic!("{capacity}: no last words: {:?}", outcome.acknowledged.last())
            };
            assert!(paused.paused && paused.reason.as_deref().unwrap_or_default().contains("cannot be written"));
        }
    }
    assert!(stopped > 10);
}

/// A disk on which each file is `/dev/full`, whose every write says that there is no room.
#[derive(Debug)]
struct DevFull;

impl Disk for DevFull {
    fn create(&self, path: &std::path::Path) -> std::io::Result<Box<dyn DiskFile>> {
        let full = path.file_name().is_some_and(|name| name == "journal.jsonl");
        if full { RealDisk.append(std::path::Path::new("/dev/full")) } else { RealDisk.create(path) }
    }
    fn append(&self, path: &std::path::Path) -> std::io::Result<Box<dyn DiskFile>> {
        RealDisk.append(path)
    }
    fn read(&self, path: &std::path::Path) -> std::io::Result<Vec<u8>> {
        RealDisk.read(path)
    }
    fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &std::path::Path) -> std::io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_folder(&self, folder: &std::path::Path) -> std::io::Result<()> {
        RealDisk.sync_folder(folder)
    }
    fn exists(&self, path: &std::path::Path) -> bool {
        RealDisk.exists(path)
    }
}

#[test]
fn the_kernel_says_that_the_disk_is_full() {
    let (_temp, _, dir) = folder();
    match Writer::create_on(Arc::new(DevFull), &dir, Redactor::new()) {
        // `/dev/full` cannot be synced, which some kernels say at once.
        Err(error) => assert!(error.to_string().contains("journal.jsonl"), "{error}"),
        Ok(mut writer) => {
            let error = writer.append(at(0), &opened()).unwrap_err();
            assert!(matches!(&error, AppendError::Stopped { .. }), "{error}");
        }
    }
}

/// Run by the test below in a process whose files may not grow beyond a limit.
#[test]
fn helper_writes_until_the_limit() {
    let Some(path) = std::env::var_os("PACENOTE_TEST_LIMITED") else { return };
    let dir = SessionDir::new(path).unwrap();
    let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
    writer.append(at(0), &opened()).unwrap();
    let error = (0..).find_map(|i| writer.append(at(i), &note("x".repeat(1000))).err()).unwrap();
    let AppendError::Stopped { why, .. } = &error else { panic!("{error}") };
    assert!(why.contains("too large"), "{why}");
    fs::write(dir.path().join("acknowledged"), writer.records().to_string()).unwrap();
}

#[test]
fn a_write_cut_short_by_a_limit_is_taken_back() {
    let (_temp, _, dir) = folder();
    // The reserve is 64 KiB, so the limit (in blocks of 1 KiB) is a little more. A shell
    // that ignores SIGXFSZ hands that on.
    let script = r#"trap '' XFSZ; ulimit -f 131; exec "$0" --exact journal::disk::helper_writes_until_the_limit --quiet"#;
    let status = Command::new("bash")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env("PACENOTE_TEST_LIMITED", dir.path())
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    let acknowledged: usize = fs::read_to_string(dir.path().join("acknowledged")).unwrap().parse().unwrap();
    assert!(acknowledged > 10);
    assert_eq!(read(&dir).len(), acknowledged);
    let found = verify_journal(&dir.journal());
    assert_eq!((found.code, found.torn_bytes), (5, 0), "{found:?}");
    Writer::resume(&dir, Redactor::new(), at(0)).unwrap();
}
