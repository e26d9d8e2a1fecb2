//! What is found before a live session begins: shown, gone on from, and recorded.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use serde_json::Value;

use super::{Home, Terminal, given_back};

/// A service that answers each request with this, or never answers.
fn service(answer: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut socket in listener.incoming().map_while(Result::ok) {
            let Some(answer) = answer else {
                kept.push(socket);
                continue;
            };
            std::thread::spawn(move || {
                // A client that goes away is no matter here.
                let _ = socket.read(&mut [0; 4096]);
                let _ = socket.write_all(answer.as_bytes());
            });
        }
    });
    address
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
const BAD: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A home with a runbook that looks at a service.
fn home(service: SocketAddr) -> Home {
    let home = Home::new();
    let runbook = format!(
        "pacenote: 1\nrunbook: looked\ntitle: A look\nrisk: low\nsignals: {{api: {{http: {{url: 'http://{service}/health'}}}}}}\n\
         steps: [{{id: ready, title: Everyone is ready, confirm: Shall we?}}]\n"
    );
    std::fs::write(home.path().join("looked.yaml"), runbook).unwrap();
    std::fs::write(home.path().join("answers.yaml"), "otherwise: continue\n").unwrap();
    home
}

fn start(home: &Home, more: &[&str]) -> Terminal {
    Terminal::start(home, &[&["run", "looked.yaml", "--trust"], more].concat(), 100, 30)
}

/// What was gone on from, as it is in the record.
fn deviations(home: &Home) -> Vec<String> {
    let sessions = std::fs::read_dir(home.path().join("state/sessions")).into_iter().flatten().map_while(Result::ok);
    let journals = sessions.filter_map(|session| std::fs::read_to_string(session.path().join("journal.jsonl")).ok());
    let records: Vec<Value> =
        journals.flat_map(|text| text.lines().map(|l| serde_json::from_str(l).unwrap()).collect::<Vec<Value>>()).collect();
    assert!(records.is_empty() || records[0]["type"] == "session.opened");
    let of = records.iter().filter(|r| r["type"] == "deviation.recorded" && r["data"]["what"] == "preflight");
    of.map(|r| r["data"]["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn where_all_is_well_nobody_is_asked_and_it_stays_on_the_sheet() {
    let home = home(service(Some(GOOD)));
    let mut terminal = start(&home, &[]);
    // No key is pressed on the way.
    terminal.shows("Shall we?");
    terminal.press("\x0f");
    terminal.shows("Found before the start");
    terminal.shows("signal api");
    assert_eq!(deviations(&home), [""; 0]);
    terminal.child.kill().unwrap();
}

#[test]
fn what_fails_is_gone_on_from_by_the_operator_and_recorded() {
    let home = home(service(Some(BAD)));
    let mut terminal = start(&home, &[]);
    terminal.shows("✗ signal api");
    terminal.shows("Going on is written into the record");
    assert_eq!(deviations(&home), [""; 0], "nothing has begun");
    terminal.press_until("\r", "the session", |screen| screen.contents().contains("Shall we?"));
    let [deviation] = deviations(&home).try_into().unwrap();
    assert!(deviation.starts_with("signal api: "), "{deviation}");
    terminal.child.kill().unwrap();
}

#[test]
fn whoever_leaves_has_begun_nothing() {
    let home = home(service(Some(BAD)));
    let mut terminal = start(&home, &[]);
    terminal.shows("✗ signal api");
    terminal.press("\x1b");
    let (code, screen) = terminal.end();
    given_back(code, 3, &screen);
    assert!(screen.screen().contents().contains("no session was begun"), "{}", screen.screen().contents());
    let listed = home.program(&["sessions"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&listed.stdout).contains("looked"), "{listed:?}");
}

#[test]
fn what_does_not_answer_is_not_waited_for() {
    let home = home(service(None));
    let mut terminal = start(&home, &[]);
    terminal.shows("Still asking about the signals");
    terminal.press_until("\r", "the session", |screen| screen.contents().contains("Shall we?"));
    assert_eq!(deviations(&home), ["the signals: no answer when the session began"]);
    terminal.child.kill().unwrap();
}

#[test]
fn in_lines_somebody_is_asked_and_nobody_is_not() {
    let home = home(service(Some(BAD)));
    let mut terminal = start(&home, &["--plain"]);
    terminal.shows("FAIL  signal api");
    terminal.shows("Type: go | leave");
    terminal.press("perhaps\n");
    terminal.press("go\n");
    terminal.shows("Shall we?");
    assert_eq!(deviations(&home).len(), 1);
    terminal.child.kill().unwrap();

    let home = self::home(service(Some(BAD)));
    let run = ["run", "looked.yaml", "--trust", "--answers", "answers.yaml"];
    let done = home.program(&run).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{said}");
    assert!(said.contains("FAIL  signal api") && !said.contains("Type: go"), "{said}");
    assert_eq!(deviations(&home).len(), 1);
}
