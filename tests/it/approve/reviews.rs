//! Reviews over the life of a session: what owes one, what is known of it later, and what
//! cannot be taken away unnoticed.

use super::{Person, Walking, err, people};

const SMALL: &str = "pacenote: 1\nrunbook: small\ntitle: Small\nchange: {kind: deploy, service: shop}\n\
    steps:\n  - {id: ready, title: Ready, confirm: Shall we?}\n  \
    - {id: fail, title: Fail, run: {command: [\"false\"]}, undo: {none: it does nothing}}\n";

fn says(person: &Person, arguments: &[&str]) -> String {
    let done = person.says(arguments, "");
    format!("{}{}", String::from_utf8_lossy(&done.stdout), err(&done))
}

/// A session that was begun as any other, and gone on with as an emergency; its id.
fn declared_on_the_way(alice: &Person) -> String {
    std::fs::write(alice.path("small.yaml"), SMALL).unwrap();
    let mut walking = Walking::start(alice, &["run", "small.yaml", "--plain", "--trust"]);
    walking.until("Shall we?");
    walking.types("quit\n");
    walking.child.wait().unwrap();
    let mut walking = Walking::start(alice, &["resume", "--plain", "--emergency", "it burns now"]);
    walking.until("Shall we?");
    walking.types("yes\n");
    walking.until("start");
    walking.types("start\n");
    walking.until("failed");
    walking.types("abort enough\n");
    walking.child.wait().unwrap();
    let listed = says(alice, &["sessions", "--format", "csv"]);
    assert!(listed.contains(",yes,"), "it is an emergency: {listed}");
    listed.lines().nth(1).unwrap().split(',').next().unwrap().to_owned()
}

#[test]
fn an_emergency_declared_on_the_way_owes_a_review() {
    let [alice, ann, _, _] = people();
    let sid = declared_on_the_way(&alice);
    let owed = says(&alice, &["review"]);
    assert!(owed.contains(&sid) && owed.contains("it burns now"), "{owed}");
    assert!(says(&alice, &["stats", "--review"]).contains("its review is owed"));

    // Who reviews sees what failed, and the reason.
    let folder = alice.path(".local/state/pacenote/sessions").join(&sid);
    let copy = ann.path("copy");
    let copied = std::process::Command::new("cp").arg("-r").args([&folder, &copy]).status().unwrap();
    assert!(copied.success());
    ann.knows(&[alice.line("")]);
    let done = ann.says(&["review", "copy", "--out", "review.json"], "object it did not burn\n");
    let seen = err(&done);
    assert!(done.status.success() && seen.contains("EMERGENCY: it burns now"), "{seen}");
    assert!(seen.lines().any(|line| line.contains("fail") && line.contains("exit code 1")), "what failed is shown: {seen}");

    // Kept once, however often it is added, and said with what it found.
    let review = ann.path("review.json");
    let add = ["review", &sid, "--add", review.to_str().unwrap()];
    let added = says(&alice, &add);
    assert!(added.contains(&format!("{sid} is reviewed by ann: objected.")), "{added}");
    assert!(says(&alice, &add).contains("kept here already"));
    let shown = says(&alice, &["show", &sid]);
    assert_eq!(shown.matches("review: objected by ann").count(), 1, "{shown}");
    assert!(says(&alice, &["review"]).contains("No review is owed"));
    let figures = says(&alice, &["stats", "--review"]);
    assert!(figures.contains("reviewed, objected by ann") && !figures.contains("is owed"), "{figures}");

    // An objection does not go without a trace.
    std::fs::remove_file(folder.join("reviews.jsonl")).unwrap();
    let gone = "the ledger knows of 1, 0 of them here (not here: objected by ann)";
    let owed = says(&alice, &["review"]);
    assert!(owed.contains(gone) && owed.contains("it burns now"), "{owed}");
    assert!(says(&alice, &["show", &sid]).contains(gone));

    // Nor does the whole session.
    std::fs::remove_dir_all(&folder).unwrap();
    let owed = says(&alice, &["review"]);
    assert!(owed.contains(&sid) && owed.contains("JOURNAL IS NOT THERE") && owed.contains("objected by ann"), "{owed}");
    assert!(!owed.contains("No review is owed"), "{owed}");
}
