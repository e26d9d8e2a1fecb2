//! The list of all sessions, and moving old ones to an archive: nothing leaves the list
//! because somebody removed, moved or changed it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use pacenote::journal::{Sealer, SessionDir, Writer};
use pacenote::redact::Redactor;
use pacenote::session::event::{ChangeRecord, Mode, Opened, Operator, SessionClosed, SessionOutcome};
use pacenote::session::{At, Event};
use pacenote::signature::Signer;
use pacenote::state::StateDir;
use pacenote::state::marks::Notes;

use super::journal::samples;

/// A state folder with sessions, and the program to look at them.
pub(crate) struct Place {
    pub(crate) home: tempfile::TempDir,
}

pub(crate) struct Went {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.home.path().join("state")
    }

    pub(crate) fn state(&self) -> StateDir {
        StateDir::open(&self.path()).unwrap()
    }

    /// Writes a sealed session that was opened then, told to ledger and marks; its events
    /// follow a second after each other.
    pub(crate) fn session(&self, sid: &str, at: &str, change: impl FnOnce(&mut Opened), events: &[Event]) -> SessionDir {
        let state = self.state();
        let dir = state.create_session(sid).unwrap();
        let mut writer = Writer::create(&dir, Redactor::new()).unwrap();
        let sealer = Sealer::new("alice@example.com", Signer::local(state.path()).unwrap()).unwrap();
        let key = sealer.key();
        writer.seal_with(sealer.witnessed(Box::new(Notes::of(&state, false))));
        let start: DateTime<Utc> = at.parse().unwrap();
        let mut opened = samples::header();
        opened.operator.key = Some(key);
        change(&mut opened);
        let opened = Event::SessionOpened(Box::new(opened));
        for (n, event) in (0..).zip(std::iter::once(&opened).chain(events)) {
            let at = At { wall: start + TimeDelta::seconds(n), mono_ms: u64::try_from(n).unwrap() * 1000 };
            let appended = writer.append(at, event).unwrap();
            assert_eq!(appended.trouble, None);
        }
        dir
    }

    /// A deploy that was closed like this.
    pub(crate) fn closed(&self, sid: &str, at: &str, service: &str, outcome: SessionOutcome) -> SessionDir {
        let service = service.to_owned();
        let change = |opened: &mut Opened| {
            opened.change = Some(ChangeRecord { kind: "deploy".into(), service: Some(service), ..ChangeRecord::default() });
        };
        self.session(sid, at, change, &[samples::note("a note"), closing(outcome)])
    }

    pub(crate) fn pacenote(&self, arguments: &[&str]) -> Went {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.home.path());
        command.arg("--state-dir").arg(self.path()).args(arguments).current_dir(self.home.path());
        let done = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Went { code: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }

    /// Sessions and what the ledger says of each, by the program.
    fn standings(&self, arguments: &[&str]) -> Vec<(String, String)> {
        let went = self.pacenote(&[&["sessions", "--format", "json"], arguments].concat());
        let rows: Vec<serde_json::Value> = serde_json::from_str(&went.out).unwrap_or_else(|e| panic!("{e}: {}", went.err));
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(&row["sid"]), text(&row["ledger"]["standing"]))).collect()
    }
}

pub(crate) fn closing(outcome: SessionOutcome) -> Event {
    Event::SessionClosed(SessionClosed { outcome, reason: None, took_ms: 61_000, done: 3, skipped: 0, deviations: 1 })
}

fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
    expected.map(|(sid, standing)| (sid.to_owned(), standing.to_owned())).to_vec()
}

fn three() -> Place {
    let place = Place::new();
    place.closed("20260101-a", "2026-01-01T00:00:00Z", "checkout", SessionOutcome::Completed);
    place.closed("20260202-b", "2026-02-02T00:00:00Z", "billing", SessionOutcome::RolledBack);
    place.session("20260303-c", "2026-03-03T00:00:00Z", |opened| opened.mode = Mode::Rehearsal, &[samples::note("open")]);
    place
}

#[test]
fn a_session_that_was_removed_is_shown_as_missing_with_what_the_ledger_knows() {
    let place = three();
    let agrees = [("20260303-c", "agrees"), ("20260202-b", "agrees"), ("20260101-a", "agrees")];
    assert_eq!(place.standings(&[]), pairs(agrees));
    fs::remove_dir_all(place.path().join("sessions/20260202-b")).unwrap();
    let went = place.pacenote(&["sessions"]);
    let line = went.out.lines().find(|line| line.starts_with("20260202-b")).unwrap();
    for known in ["rolled-back", "live", "production", "billing", "alice@example.com", "2026-02-02 00:00", "MISSING"] {
        assert!(line.contains(known), "{known}: {line}");
    }
    assert!(went.err.contains("1 of these sessions: in the ledger, and not there"), "{}", went.err);
    // A journal that was emptied or removed within its folder is as missing.
    fs::remove_file(place.path().join("sessions/20260101-a/journal.jsonl")).unwrap();
    assert_eq!(place.standings(&["--until", "2026-02-28"]), pairs([("20260202-b", "missing"), ("20260101-a", "missing")]));
}

#[test]
fn a_session_the_ledger_does_not_know_or_knows_otherwise_is_marked() {
    let place = three();
    let sessions = place.path().join("sessions");
    let forged = sessions.join("20260404-d");
    fs::create_dir(&forged).unwrap();
    fs::copy(sessions.join("20260101-a/journal.jsonl"), forged.join("journal.jsonl")).unwrap();
    // The closed one is cut behind its note, and looks unfinished.
    let journal = sessions.join("20260202-b/journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&journal, lines[..4].concat()).unwrap();
    assert_eq!(
        place.standings(&["--mode", "live"]),
        pairs([("20260404-d", "not-in-ledger"), ("20260202-b", "differs"), ("20260101-a", "agrees")])
    );
}

#[test]
fn filters_choose_and_the_order_can_be_chosen() {
    let place = three();
    let sids = |arguments: &[&str]| -> Vec<String> { place.standings(arguments).into_iter().map(|(sid, _)| sid).collect() };
    for (arguments, expected) in [
        (&["--service", "checkout"][..], &["20260101-a"][..]),
        (&["--outcome", "rolled-back"], &["20260202-b"]),
        (&["--outcome", "open"], &["20260303-c"]),
        (&["--mode", "rehearsal"], &["20260303-c"]),
        (&["--operator", "bob@example.com"], &[]),
        (&["--env", "production", "--since", "2026-02-01"], &["20260303-c", "20260202-b"]),
        (&["--since", "2026-02-02", "--until", "2026-02-02"], &["20260202-b"]),
        (&["--kind", "deploy", "--sort", "service"], &["20260202-b", "20260303-c", "20260101-a"]),
        (&["--sort", "outcome", "--reverse"], &["20260303-c", "20260202-b", "20260101-a"]),
        // The open one is a rehearsal, and nothing of that can be gone on with.
        (&["--unfinished"], &[]),
    ] {
        let expected: Vec<&str> = expected.to_vec();
        let mut found = sids(arguments);
        if arguments.contains(&"service") {
            // The rehearsal has no service, and comes first.
            found.sort_by_key(|sid| expected.iter().position(|e| e == sid));
        }
        assert_eq!(found, expected, "{arguments:?}");
    }
    assert_eq!(place.pacenote(&["sessions", "--since", "yesterday"]).code, Some(2));
    let wrong = place.pacenote(&["sessions", "--kind", "deplpy"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("deploy, migration, maintenance"), "{}", wrong.err);
    let none = place.pacenote(&["sessions", "--operator", "bob@example.com"]).out;
    assert!(none.starts_with("Of the 3 in ") && none.ends_with("no session matches the filters.\n"), "{none}");
}

/// Who resumed it had it in hand as much as who opened it.
#[test]
fn a_session_is_found_by_everybody_who_had_it_in_hand() {
    let place = three();
    let operator = Operator { principal: "bob@example.com".into(), ..samples::header().operator };
    let events = [samples::resumed(operator), closing(SessionOutcome::Completed)];
    place.session("20260404-d", "2026-04-04T00:00:00Z", |_| (), &events);
    for (who, found) in [("bob@example.com", 1), ("alice@example.com", 4), ("carol@example.com", 0)] {
        assert_eq!(place.standings(&["--operator", who]).len(), found, "{who}");
    }
}

#[test]
fn each_journal_can_be_verified_with_the_list() {
    let place = three();
    let went = place.pacenote(&["sessions", "--verify"]);
    assert_eq!(went.code, Some(0), "{}", went.err);
    let verdicts: Vec<&str> = went.out.lines().skip(1).map(|line| line.rsplit("  ").next().unwrap()).collect();
    assert_eq!(verdicts, ["5 open, unsealed or torn", "6 not trusted", "6 not trusted"]);
    let journal = place.path().join("sessions/20260101-a/journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("a note", "b note")).unwrap();
    let went = place.pacenote(&["sessions", "--verify", "--format", "csv"]);
    assert_eq!(went.code, Some(1), "{}", went.err);
    let broken = went.out.lines().find(|line| line.starts_with("20260101-a")).unwrap();
    assert!(broken.contains(",1,") && broken.contains("line "), "{broken}");
    assert!(went.err.contains("3 of 3 sessions") && went.err.contains("the ledger ends with "), "{}", went.err);
}

#[test]
fn a_broken_ledger_is_said_and_hides_no_session() {
    let place = three();
    let ledger = place.path().join("ledger.jsonl");
    let text = fs::read_to_string(&ledger).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    // The two lines of the second session are taken out.
    fs::write(&ledger, [&lines[..2], &lines[4..]].concat().concat()).unwrap();
    let went = place.pacenote(&["sessions"]);
    assert_eq!(went.code, Some(1));
    assert!(went.err.contains("line 3: it does not follow from the line before"), "{}", went.err);
    assert!(went.out.contains("20260202-b") && went.out.contains("NOT IN THE LEDGER"), "{}", went.out);
}

#[test]
fn a_line_of_an_older_ledger_is_read_as_it_stands() {
    let place = three();
    let ledger = place.path().join("ledger.jsonl");
    let (zeros, head) = ("0".repeat(64), "a".repeat(64));
    let old = format!(
        r#"{{"v":1,"seq":0,"prev":"{zeros}","ts":"2025-01-01T00:00:00.000Z","type":"session.opened","sid":"20250101-z","record":2,"head":"{head}"}}"#
    );
    fs::write(&ledger, format!("{old}\n")).unwrap();
    fs::remove_dir_all(place.path().join("sessions")).unwrap();
    fs::remove_dir_all(place.path().join("marks")).unwrap();
    // Nothing is known of it but that it was: no filter leaves it out.
    assert_eq!(place.standings(&["--service", "checkout"]), pairs([("20250101-z", "missing")]));
    assert_eq!(place.standings(&["--since", "2025-06-01"]), pairs([]));
}

/// Somebody's text stays text in the table that spreadsheets open.
#[test]
fn no_cell_of_the_list_is_a_formula() {
    let place = Place::new();
    let change = |opened: &mut Opened| opened.title = "=HYPERLINK(\"http://x\")".to_owned();
    place.session("20260101-a", "2026-01-01T00:00:00Z", change, &[]);
    let out = place.pacenote(&["sessions", "--format", "csv"]).out;
    assert!(out.contains("\"'=HYPERLINK"), "{out}");
    assert!(Path::new(&place.path()).is_dir());
}

impl Place {
    fn retention(&self, arguments: &[&str]) -> Went {
        self.pacenote(&[&["retention"], arguments].concat())
    }

    fn kinds(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path().join("ledger.jsonl")).unwrap();
        let kind = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned();
        text.lines().map(kind).collect()
    }
}

#[test]
fn old_closed_sessions_move_and_are_found_all_the_same() {
    let place = three();
    let before = fs::read(place.path().join("sessions/20260101-a/journal.jsonl")).unwrap();
    let dry = place.retention(&["--keep", "1d", "--dry-run"]);
    assert!(dry.out.contains("2 would be moved") && dry.code == Some(0), "{}{}", dry.out, dry.err);
    assert!(!place.path().join("archive").exists() && place.path().join("sessions/20260101-a").is_dir());
    // The open one stays, however old it is.
    let went = place.retention(&["--keep", "1d"]);
    assert!(went.out.contains("2 moved to ") && went.code == Some(0), "{}{}", went.out, went.err);
    assert_eq!(fs::read(place.path().join("archive/20260101-a/journal.jsonl")).unwrap(), before);
    let expected = [("20260303-c", "agrees"), ("20260202-b", "archived"), ("20260101-a", "archived")];
    assert_eq!(place.standings(&[]), pairs(expected));
    assert_eq!(place.kinds().iter().filter(|kind| *kind == "session.archived").count(), 2);
    assert!(place.pacenote(&["show", "20260101"]).out.contains("a note"));
    assert_eq!(place.pacenote(&["verify", "20260101-a", "--require", "anchor"]).code, Some(6));
    assert!(place.pacenote(&["sessions", "--verify"]).out.contains("6 not trusted"));
    // Nothing is left to do.
    assert!(place.retention(&["--keep", "1d"]).out.starts_with("0 moved"));
    fs::remove_dir_all(place.path().join("archive/20260202-b")).unwrap();
    assert_eq!(place.standings(&["--service", "billing"]), pairs([("20260202-b", "not-in-archive")]));
}

#[test]
fn what_is_held_needed_or_doubtful_stays() {
    let place = three();
    let sessions = place.path().join("sessions");
    fs::write(sessions.join("20260101-a/hold"), "case 17\n").unwrap();
    let journal = sessions.join("20260202-b/journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("a note", "b note")).unwrap();
    let closed = place.closed("20250505-e", "2025-05-05T00:00:00Z", "search", SessionOutcome::Completed);
    let head = "a".repeat(64);
    let rolls_back = pacenote::session::event::RollsBack { session: closed.sid().to_owned(), head };
    place.session("20260506-f", "2026-05-06T00:00:00Z", |opened| opened.rolls_back = Some(rolls_back), &[]);
    let went = place.retention(&["--keep", "30d"]);
    assert_eq!(went.code, Some(1), "{}", went.err);
    for said in ["on hold: case 17", "NOT MOVED: line", "an open session rolls it back", "0 moved to "] {
        assert!(went.out.contains(said), "{said}: {}", went.out);
    }
    assert!(place.kinds().iter().all(|kind| !kind.starts_with("session.archiv")));
    assert_eq!(place.pacenote(&["retention"]).code, Some(2), "how long is to be kept must be said");
}

/// The same across two real file systems, where this machine has them.
#[test]
fn a_move_across_file_systems_leaves_one_whole_session() {
    use std::os::unix::fs::MetadataExt as _;
    let place = three();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    if other.path().metadata().unwrap().dev() == place.home.path().metadata().unwrap().dev() {
        return;
    }
    let before = fs::read(place.path().join("sessions/20260101-a/journal.jsonl")).unwrap();
    let folder = other.path().join("archive");
    let went = place.retention(&["--keep", "1d", "--archive", folder.to_str().unwrap()]);
    assert!(went.out.contains("2 moved to /dev/shm/"), "{}{}", went.out, went.err);
    assert_eq!(fs::read(folder.join("20260101-a/journal.jsonl")).unwrap(), before);
    assert!(!place.path().join("sessions/20260101-a").exists());
    assert_eq!(fs::read_dir(place.path().join("moved")).unwrap().count(), 0);
    assert_eq!(place.pacenote(&["verify", "20260101-a"]).code, Some(6));
}

/// A close that was not written whole leaves nothing to resume, and nobody is told to.
#[test]
fn a_torn_end_behind_a_close_is_called_what_it_is() {
    let place = three();
    let journal = place.path().join("sessions/20260101-a/journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    let cut = whole.len() - 30;
    fs::write(&journal, &whole[..cut]).unwrap();
    let verified = place.pacenote(&["verify", "20260101-a"]);
    assert!(verified.out.contains("bytes follow the close that were not written whole"), "{}", verified.out);
    assert!(!verified.out.contains("resuming cuts it"), "{}", verified.out);
    let resumed = place.pacenote(&["resume", "20260101-a"]);
    assert!(resumed.err.contains("there is nothing to resume") && !resumed.err.contains("--accept-loss"), "{}", resumed.err);
    // One is one.
    fs::write(&journal, [b"x", whole.as_slice()].concat()).unwrap();
    let listed = place.pacenote(&["sessions", "--verify"]);
    assert!(listed.err.contains("1 of these journals is broken"), "{}", listed.err);
}

/// The first session of a machine finds no head to name; that it is the first, the ledger says.
#[test]
fn the_first_session_is_the_first_entry_of_the_ledger() {
    let place = three();
    for (sid, first) in [("20260101-a", true), ("20260202-b", false)] {
        let page = place.pacenote(&["export", sid, "--format", "html"]).out;
        assert_eq!(page.contains("it was the first entry of the machine&#39;s ledger"), first, "{sid}");
        assert!(
            page.contains("The runbook&#39;s <code>change</code> gives") && !page.contains("&#96;"),
            "code, and no backticks"
        );
        let json: serde_json::Value = serde_json::from_str(&place.pacenote(&["export", sid, "--format", "json"]).out).unwrap();
        let asked =
            json["audit"].as_array().unwrap().iter().find(|item| item["question"].as_str().unwrap().starts_with("The pop"));
        assert_eq!(asked.unwrap()["missing"].is_null(), first, "{sid}: {asked:?}");
    }
}

/// Whoever takes a session out of the ledger, too, has to make all of its lines anew: then
/// the sessions opened later stand behind lines that are not there, and the mark is left.
#[test]
fn a_ledger_that_was_written_anew_without_a_session_is_noticed() {
    use pacenote::state::ledger::{About, Ledger};
    let place = three();
    let head = || Ledger::of(&place.state()).head().unwrap();
    let behind = head();
    let dir = place.session("20260404-d", "2026-04-04T00:00:00Z", |opened| opened.ledger_head = behind, &[]);
    assert!(place.standings(&[]).iter().all(|(_, standing)| standing == "agrees"));
    let entries = Ledger::of(&place.state()).entries().unwrap();
    fs::remove_file(place.path().join("ledger.jsonl")).unwrap();
    fs::remove_dir_all(place.path().join("sessions/20260202-b")).unwrap();
    for entry in entries.into_iter().filter(|entry| entry.sid != "20260202-b") {
        let mark = pacenote::journal::Mark { sid: entry.sid, seq: entry.record, head: entry.head };
        let about = About { opened: entry.opened, figures: entry.figures, folder: entry.folder, review: entry.review };
        Ledger::of(&place.state()).append(&entry.kind, &mark, entry.ts, about).unwrap();
    }
    let standings = place.standings(&[]);
    let of = |sid: &str| standings.iter().find(|(of, _)| of == sid).map(|(_, standing)| standing.as_str());
    assert_eq!((of(dir.sid()), of("20260202-b"), of("20260101-a")), (Some("other-ledger"), Some("only-marked"), Some("agrees")));
    let said = place.pacenote(&["sessions"]).err;
    for warning in ["the ledger was written anew", "neither there nor in the ledger"] {
        assert!(said.contains(warning), "{said}");
    }
}
