//! Secrets that are asked: typed before a session begins or goes on, and seen nowhere.

use std::process::Stdio;

use super::{Home, Terminal};

const SECRET: &str = "correct-horse-battery";

/// A home with a runbook whose secret is asked, and what it does with it.
fn home() -> Home {
    let home = Home::new();
    let out = home.path().join("out");
    let runbook = format!(
        "pacenote: 1\nrunbook: asked\ntitle: Asked\ninputs: {{pw: {{type: secret, prompt: Password}}}}\nsteps:\n  \
         - {{id: ready, title: Ready, confirm: Shall we?}}\n  \
         - {{id: use, title: Use it, run: {{command: [sh, -c, 'printf %s \"$P\" >{}'], env: {{P: '${{{{ inputs.pw }}}}'}}}}, \
         undo: {{none: it is a file}}}}\n",
        out.display()
    );
    std::fs::write(home.path().join("asked.yaml"), runbook).unwrap();
    home
}

/// Everything that was kept of all sessions.
fn kept(home: &Home) -> String {
    let sessions = std::fs::read_dir(home.path().join("state/sessions")).unwrap().map_while(Result::ok);
    sessions.map(|session| std::fs::read_to_string(session.path().join("journal.jsonl")).unwrap()).collect()
}

fn done(home: &Home) {
    assert_eq!(home.file("out"), SECRET);
    assert!(!kept(home).contains(SECRET), "{}", kept(home));
}

#[test]
fn the_form_asks_for_a_secret_and_hides_it() {
    let home = home();
    let mut terminal = Terminal::start(&home, &["run", "asked.yaml", "--trust"], 100, 30);
    terminal.shows("Password");
    terminal.press(SECRET);
    terminal.shows("•••");
    assert!(!terminal.text().contains("horse"), "{}", terminal.text());
    terminal.press("\r");
    terminal.shows("Shall we?");
    terminal.press_until("\r", "the end", |screen| screen.contents().contains("ompleted"));
    done(&home);
    terminal.child.kill().unwrap();
}

#[test]
fn lines_ask_without_an_echo_and_again_after_a_resume() {
    let home = home();
    let mut terminal = Terminal::start(&home, &["run", "asked.yaml", "--trust", "--plain"], 100, 30);
    terminal.shows("Password (a secret, not shown):");
    terminal.press("abc\r");
    terminal.shows("is shorter than");
    terminal.until("asked again", |screen| screen.contents().matches("Password (").count() == 2);
    terminal.press(&format!("{SECRET}\r"));
    terminal.shows("Shall we?");
    assert!(!terminal.text().contains("horse"), "{}", terminal.text());
    terminal.press("quit\r");
    terminal.shows("left unfinished");
    assert_eq!(terminal.end().0, 4);

    let mut resumed = Terminal::start(&home, &["resume", "--plain"], 100, 30);
    resumed.shows("Password (a secret, not shown):");
    resumed.press(&format!("{SECRET}\r"));
    resumed.shows("Shall we?");
    resumed.press("yes\r");
    resumed.shows("start");
    resumed.press_until("start\r", "the end", |screen| screen.contents().contains("ompleted"));
    assert!(!resumed.text().contains("horse"), "{}", resumed.text());
    done(&home);
    resumed.child.kill().unwrap();
}

#[test]
fn leaving_the_question_begins_nothing() {
    let home = home();
    let mut terminal = Terminal::start(&home, &["run", "asked.yaml", "--trust", "--plain"], 100, 30);
    terminal.shows("Password");
    terminal.press("half\x03");
    let (code, screen) = terminal.end();
    assert!(code == 2 && screen.screen().contents().contains("was not given"), "{code}: {}", screen.screen().contents());
    // Nor where nobody can be asked.
    let piped = home.program(&["run", "asked.yaml", "--trust", "--plain"]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&piped.stderr);
    assert!(piped.status.code() == Some(3) && said.contains("`pw` is asked on a terminal"), "{said}");
    assert_eq!(std::fs::read_dir(home.path().join("state/sessions")).map_or(0, Iterator::count), 0);
}
