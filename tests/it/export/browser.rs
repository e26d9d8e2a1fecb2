//! The page in a real browser: Chromium, headless, without a network of its own.
//!
//! Runs where `chromium` is installed; elsewhere it says that it was skipped, or fails
//! where `PACENOTE_REQUIRE_COMPONENTS` is set.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pacenote::journal::verify::verify_journal;
use pacenote::report;

use super::{attacks, story, walk};

/// What a browser made of a page.
struct Opened {
    /// The page as it then was.
    dom: String,
    /// Who asked for something over the network, page by page; the browser itself is
    /// `not an origin`.
    initiators: Vec<String>,
}

impl Opened {
    /// What the button said.
    fn verdict(&self) -> &str {
        let (_, rest) = self.dom.split_once("id=\"verdict\"").expect("a verdict");
        let (_, rest) = rest.split_once('>').expect("a tag");
        rest.split_once("</p>").expect("its end").0
    }

    fn title(&self) -> &str {
        self.dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).expect("a title").0
    }
}

/// Opens a page with the button pressed; none where there is no browser.
#[expect(clippy::print_stdout, reason = "says why nothing was tested")]
fn open(folder: &Path, page: &str) -> Option<Opened> {
    let file = folder.join("page.html");
    std::fs::write(&file, page).unwrap();
    let log = folder.join("net.json");
    let profile = tempfile::tempdir_in(folder).unwrap();
    // A browser that waits for ever is stopped; `timeout` is of coreutils.
    let output = Command::new("timeout")
        .args(["--kill-after=5", "120", "chromium"])
        .args("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split(' '))
        .args(["--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--log-net-log={}", log.display()))
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("file://{}#verify", file.display()))
        .output()
        .unwrap();
    if output.status.code() == Some(127) {
        assert!(std::env::var_os("PACENOTE_REQUIRE_COMPONENTS").is_none(), "chromium is not installed");
        println!("skipped: chromium is not installed");
        return None;
    }
    let dom = String::from_utf8(output.stdout).unwrap();
    assert!(dom.contains("</html>"), "{}", String::from_utf8_lossy(&output.stderr));
    let log = std::fs::read_to_string(&log).unwrap();
    let initiator = regex::Regex::new(r#""initiator":"([^"]*)""#).unwrap();
    let initiators = initiator.captures_iter(&log).map(|found| found[1].to_owned()).collect();
    Some(Opened { dom, initiators })
}

#[test]
fn the_button_verifies_a_good_journal() {
    let walked = walk("canary-deploy", "bad-canary");
    let found = verify_journal(&walked.dir.journal());
    let temp = tempfile::tempdir().unwrap();
    let Some(page) = open(temp.path(), &report::html(&story(&walked.dir.journal()))) else { return };
    let (verdict, expected) = (page.verdict(), format!("The chain is intact: {} records, head {}.", found.records, found.head));
    assert!(
        verdict.starts_with(&expected) && verdict.ends_with("seals stand in it; this button judges NONE of them."),
        "{verdict}"
    );
    assert!(page.initiators.iter().all(|initiator| initiator == "not an origin"), "{:?}", page.initiators);
}

/// An edit of the lines of a journal.
type Edit = fn(&mut Vec<Vec<u8>>);

/// The button names the line that `verify` names.
#[test]
fn the_button_names_the_line_of_a_bad_journal() {
    let walked = walk("canary-deploy", "bad-canary");
    let journal = walked.dir.journal();
    let good = std::fs::read(&journal).unwrap();
    let edits: [(&str, Edit); 5] = [
        ("a letter changed", |lines| {
            let place = lines[40].len() / 2;
            lines[40][place] ^= 1;
        }),
        ("a line removed", |lines| drop(lines.remove(100))),
        ("two lines exchanged", |lines| lines.swap(7, 8)),
        ("a line repeated", |lines| lines.insert(30, lines[29].clone())),
        ("another session's line put in", |lines| {
            let text = String::from_utf8(lines[5].clone()).unwrap().replace("bad-canary-00002a", "bad-canary-00002b");
            lines[5] = text.into_bytes();
        }),
    ];
    for (name, edit) in edits {
        let mut lines: Vec<Vec<u8>> = good.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
        edit(&mut lines);
        std::fs::write(&journal, lines.concat()).unwrap();
        let problem = verify_journal(&journal).problem.expect(name);
        let story = story(&journal);
        let temp = tempfile::tempdir().unwrap();
        let Some(page) = open(temp.path(), &report::html(&story)) else { return };
        let named = format!("BROKEN. Line {} is wrong", problem.line);
        assert!(page.verdict().starts_with(&named), "{name}: {problem}: {}", page.verdict());
        assert!(page.dom.contains("This journal is DAMAGED"), "{name}");
    }
}

/// Whoever exchanges the journal within a page for one that is intact by itself is found
/// out by the hashes in its text.
#[test]
fn the_button_sees_that_the_journal_is_another() {
    let (walked, other) = (walk("canary-deploy", "bad-canary"), walk("rolling-deploy", "all-good"));
    let mut story = story(&walked.dir.journal());
    story.raw = std::fs::read(other.dir.journal()).unwrap();
    let temp = tempfile::tempdir().unwrap();
    let Some(page) = open(temp.path(), &report::html(&story)) else { return };
    assert!(page.verdict().contains("not the one this page was made from"), "{}", page.verdict());
}

#[test]
fn an_open_journal_and_a_torn_one_are_called_so() {
    let walked = walk("canary-deploy", "bad-canary");
    let journal = walked.dir.journal();
    let good = std::fs::read(&journal).unwrap();
    let ends: Vec<usize> = good.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(n, _)| n + 1).collect();
    for (length, said) in [(ends[99], "The session is NOT CLOSED"), (ends[99] + 70, "not written to its end (70 bytes)")] {
        std::fs::write(&journal, &good[..length]).unwrap();
        let temp = tempfile::tempdir().unwrap();
        let Some(page) = open(temp.path(), &report::html(&story(&journal))) else { return };
        assert!(page.verdict().contains(said), "{}", page.verdict());
        assert!(page.dom.contains("This session is NOT CLOSED"));
    }
}

/// A server that has nothing, and counts who asks.
fn listen() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&heard);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            // What it asks for does not matter, nor whether it hears the answer.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (address, heard)
}

#[test]
fn nothing_of_the_data_runs_and_nothing_is_fetched() {
    let (address, heard) = listen();
    let at = format!("http://{address}");
    let attack = format!(
        "zq7</script></title></style></textarea><script>document.title='owned';fetch('{at}/f')</script>\
         <img src='{at}/i' onerror=\"document.title='owned'\"><link rel=stylesheet href='{at}/l'>\
         <svg onload=\"document.title='owned'\"><iframe src='{at}/r'></iframe><meta http-equiv=refresh content='0;url={at}/m'>"
    );
    let temp = tempfile::tempdir().unwrap();
    // First that this would be seen: the same in a page that does not defend itself.
    let Some(control) = open(temp.path(), &format!("<!doctype html><html><title>x</title><p>{attack}</p></html>")) else {
        return;
    };
    assert!(heard.load(Ordering::SeqCst) > 0, "the listener hears what a page fetches");
    assert!(control.initiators.iter().any(|initiator| initiator != "not an origin"), "{:?}", control.initiators);
    heard.store(0, Ordering::SeqCst);

    let hostile = attacks::session_of(&attack);
    let page = open(temp.path(), &report::html(&story(&hostile.dir.journal()))).unwrap();
    assert!(page.verdict().starts_with("The chain is intact"), "{}", page.verdict());
    assert!(page.title().starts_with("zq7&lt;/script&gt;"), "{}", page.title());
    assert_eq!(heard.load(Ordering::SeqCst), 0, "the page fetched something");
    assert!(page.initiators.iter().all(|initiator| initiator == "not an origin"), "{:?}", page.initiators);
    assert_eq!(page.dom.matches("<script").count(), 2, "the journal and our own");
}
