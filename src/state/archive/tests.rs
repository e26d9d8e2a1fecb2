use super::*;
use crate::journal::format::{hex, sha256};

const SID: &str = "20250101-a";

struct Place {
    _temp: tempfile::TempDir,
    state: StateDir,
    archive: Archive,
    mark: Mark,
}

fn now() -> DateTime<Utc> {
    "2026-11-21T03:33:44.120Z".parse().unwrap()
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let state = StateDir::open(&temp.path().join("state")).unwrap();
        let archive = Archive::open(&state, &temp.path().join("archive")).unwrap();
        let dir = state.create_session(SID).unwrap();
        let line = format!(
            r#"{{"v":1,"seq":0,"sid":"{SID}","prev":"{}","ts":"2025-01-01T00:00:00.000Z","mono_ms":0,"type":"note.added","data":{{"text":"x"}}}}"#,
            "0".repeat(64)
        ) + "\n";
        std::fs::write(dir.journal(), &line).unwrap();
        std::fs::create_dir(dir.bundle().join("scripts")).unwrap();
        std::fs::write(dir.bundle().join("scripts/a.sh"), "echo").unwrap();
        std::fs::write(dir.output().join("blob"), [0_u8; 70_000]).unwrap();
        std::fs::write(dir.path().join("lock"), "").unwrap();
        let mark = Mark { sid: SID.to_owned(), seq: 0, head: hex(&sha256(line.as_bytes())) };
        Self { _temp: temp, state, archive, mark }
    }

    fn here(&self) -> PathBuf {
        self.state.sessions_folder().join(SID)
    }

    fn there(&self) -> PathBuf {
        self.archive.folder().join(SID)
    }

    fn kinds(&self) -> Vec<String> {
        Ledger::of(&self.state).entries().unwrap().into_iter().map(|entry| entry.kind).collect()
    }

    /// One run, ended before the n-th stage. Across file systems if asked for.
    fn run(&self, across: bool, until: usize) -> (Result<(), ArchiveError>, Vec<Stage>) {
        let mut stages = Vec::new();
        let mut ask = |stage: Stage| {
            if stages.len() == until {
                return Err(io::Error::other("the power has gone"));
            }
            stages.push(stage);
            if across && stage == Stage::Rename { Err(io::ErrorKind::CrossesDevices.into()) } else { Ok(()) }
        };
        let entries = Ledger::of(&self.state).entries().unwrap();
        let done = self.archive.finish(&entries, now(), &mut ask).and_then(|_| match SessionDir::new(self.here()) {
            Some(dir) if dir.path().is_dir() => self.archive.take(&dir, &self.mark, now(), &mut ask),
            _ => Ok(()),
        });
        (done, stages)
    }

    /// Whether the whole session is under its name, here or there.
    fn is_whole(&self) -> bool {
        let whole = |folder: PathBuf| {
            std::fs::read(folder.join("bundle/scripts/a.sh")).is_ok_and(|text| text == b"echo")
                && std::fs::read(folder.join("output/blob")).is_ok_and(|bytes| bytes.len() == 70_000)
                && SessionDir::new(folder).is_some_and(|dir| summarise(&dir).head == self.mark.head)
        };
        whole(self.here()) || whole(self.there())
    }
}

#[test]
fn a_move_is_one_rename_between_two_lines_of_the_ledger() {
    let place = Place::new();
    let (done, stages) = place.run(false, usize::MAX);
    done.unwrap();
    assert_eq!(stages, [Stage::Announce, Stage::Rename, Stage::Note]);
    assert!(!place.here().exists() && place.is_whole());
    assert_eq!(place.kinds(), [ARCHIVING, ARCHIVED]);
    let entries = Ledger::of(&place.state).entries().unwrap();
    assert_eq!(entries[1].folder.as_deref(), place.archive.folder().to_str());
    assert_eq!((&entries[1].head, entries[1].is_of_a_seal()), (&place.mark.head, false));
}

#[test]
fn across_file_systems_everything_is_copied_and_compared_before_the_old_goes() {
    let place = Place::new();
    let (done, stages) = place.run(true, usize::MAX);
    done.unwrap();
    use Stage::{Announce, Compare, Copy, Note, Place as Placed, Remove, Rename, SetAside};
    assert_eq!(stages, [Announce, Rename, Copy, Copy, Copy, Compare, Placed, SetAside, Note, Remove]);
    assert!(!place.here().exists() && place.is_whole());
    assert!(!place.state.path().join("moved").join(SID).exists());
    assert!(!place.there().join("lock").exists());
}

/// Ended before each stage, and again before each stage of the second try, and of a third.
#[test]
fn wherever_it_ends_the_session_is_whole_and_another_run_finishes_it() {
    for (across, stages) in [(false, 4), (true, 11)] {
        for first in 0..stages {
            for second in (0..stages).step_by(3) {
                let place = Place::new();
                for until in [first, second] {
                    let _ = place.run(across, until);
                    assert!(place.is_whole(), "across {across}, ended before {first}, then {second}");
                }
                place.run(across, usize::MAX).0.unwrap();
                assert!(!place.here().exists() && place.there().is_dir(), "across {across}, {first}, {second}");
                assert!(!place.state.path().join("moved").join(SID).exists(), "across {across}, {first}, {second}");
                let left: Vec<_> = place.archive.folder().read_dir().unwrap().collect();
                assert_eq!(left.len(), 1, "across {across}, {first}, {second}");
                assert_eq!(place.kinds().last().map(String::as_str), Some(ARCHIVED));
                assert!(place.is_whole());
            }
        }
    }
}

#[test]
fn what_has_the_name_in_the_archive_is_never_written_over() {
    let place = Place::new();
    std::fs::create_dir(place.there()).unwrap();
    std::fs::write(place.there().join("journal.jsonl"), "another").unwrap();
    assert!(matches!(place.run(false, usize::MAX).0, Err(ArchiveError::Occupied(_))));
    assert!(place.here().is_dir());
    assert_eq!(std::fs::read(place.there().join("journal.jsonl")).unwrap(), b"another");
    assert!(place.kinds().is_empty());
}

#[test]
fn a_link_is_not_followed_into_the_archive() {
    let place = Place::new();
    std::os::unix::fs::symlink("/etc/hostname", place.here().join("output/link")).unwrap();
    assert!(matches!(place.run(true, usize::MAX).0, Err(ArchiveError::Strange(_))));
    assert!(place.here().is_dir() && !place.there().exists());
}

#[test]
fn an_archive_among_the_sessions_is_refused() {
    let place = Place::new();
    let within = place.state.sessions_folder().join("archive");
    assert!(matches!(Archive::open(&place.state, &within), Err(ArchiveError::Within(_))));
}

#[test]
fn a_hold_is_a_file_and_says_why() {
    let place = Place::new();
    let dir = SessionDir::new(place.here()).unwrap();
    assert_eq!(held(&dir), None);
    std::fs::write(dir.path().join(HOLD), "case 17\nmore").unwrap();
    assert_eq!(held(&dir).as_deref(), Some("case 17"));
}
