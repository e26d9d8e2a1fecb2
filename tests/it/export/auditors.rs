//! What auditors ask for has its place in every report, in content or named as missing.

use pacenote::report;
use pacenote::report::audit::audit;

use super::{story, walk};

/// What is asked for, in our own words; the question of the report that answers it; and
/// what must stand there for a session that has it, or that it is named as missing.
const ASKED: [(&str, &str, &str); 24] = [
    ("identity of who acted", "Who did it", "trainee@example.com"),
    ("key of who acted", "Who did it", "SHA256:"),
    ("what was done", "What was done", "canary-deploy"),
    ("with which exact files", "What was done", "bundle SHA-256"),
    ("when", "When, and by which clock", "opened 2026-"),
    ("whether the clock was synchronised", "When, and by which clock", "synchronised"),
    ("on which host", "Where", "host"),
    ("from which address", "Where", "address"),
    ("outcome", "Outcome", "rolled-back"),
    ("affected resources", "What was affected", "deployment/checkout-canary"),
    ("reason", "Why", "rehearsal"),
    ("ticket", "Ticket", "CHG-1"),
    ("risk", "Risk", "high"),
    ("impact", "Impact", "impact"),
    ("requester, approver, operator apart", "Requester, approver and operator", "operator"),
    ("tested where", "Tested before", "sessions"),
    ("back-out plan", "Back-out plan", "rollback"),
    ("whether it was used", "Back-out plan", "used"),
    ("emergency, bypass and its reason", "Emergency", "not an emergency"),
    ("later review", "Emergency", "emergency"),
    ("the log started, stopped, resumed, failed", "The log itself", "closed"),
    ("protection against change", "Protection against later change", "head "),
    ("kept for twelve months, three at hand", "Kept long enough", "12 months"),
    ("the population to draw samples from", "The population", "ledger"),
];

#[test]
fn everything_asked_for_is_answered_or_named_as_missing() {
    let walked = walk("canary-deploy", "bad-canary");
    let story = story(&walked.dir.journal());
    let items = audit(&story);
    let (page, text) = (report::html(&story), report::markdown(&story));
    let document: serde_json::Value = serde_json::from_str(&report::json(&story)).unwrap();
    for (asked, question, expected) in ASKED {
        let item =
            items.iter().find(|item| item.question.starts_with(question)).unwrap_or_else(|| panic!("{asked}: no {question:?}"));
        assert!(!item.facts.is_empty() || item.missing.is_some(), "{asked}");
        let all = [item.facts.join("\n"), item.missing.clone().unwrap_or_default()].join("\n");
        assert!(all.to_lowercase().contains(&expected.to_lowercase()), "{asked}: no {expected:?} in {all}");
        assert!(page.contains(item.question), "{asked} in the page");
        assert!(text.contains(&item.question.replace('#', "\\#")), "{asked} in Markdown");
        assert!(document["audit"].as_array().unwrap().iter().any(|one| one["question"] == item.question), "{asked} in JSON");
    }
    for item in &items {
        assert!(ASKED.iter().any(|(_, question, _)| item.question.starts_with(question)), "nobody asked for {}", item.question);
        if let Some(missing) = &item.missing {
            let (said, marked) = (missing.split('.').next().unwrap(), page.contains("<p class=missing>Missing: "));
            assert!(marked && !said.is_empty(), "{}", item.question);
        }
    }
}

/// Of a journal that says nothing, every item is named as missing or says that there was
/// nothing; none is left out.
#[test]
fn a_journal_that_says_nothing_answers_nothing() {
    let walked = walk("canary-deploy", "bad-canary");
    let journal = walked.dir.journal();
    std::fs::write(&journal, b"").unwrap();
    let items = audit(&story(&journal));
    for question in ["Who did it", "What was done", "When", "Where", "Outcome", "Why", "Ticket", "Tested before"] {
        let item = items.iter().find(|item| item.question.starts_with(question)).unwrap();
        assert!(item.facts.is_empty() && item.missing.is_some(), "{question}: {item:?}");
    }
}

/// Earlier sessions are what the machine has, and not what is proven: of each is said how it
/// ended and that nobody looked; one that went to no end is no evidence.
#[test]
fn earlier_sessions_are_named_with_what_is_known_of_them() {
    use pacenote::journal::SessionState::{Closed, Unfinished};
    use pacenote::session::event::SessionOutcome::{Abandoned, Completed};
    let walked = walk("canary-deploy", "bad-canary");
    let mut story = story(&walked.dir.journal());
    let kin = |sid: &str, state| {
        let mut other = pacenote::journal::summary::summarise(&walked.dir);
        (other.sid, other.state) = (sid.to_owned(), state);
        let opened = other.opened.as_mut().expect("opened");
        opened.at -= chrono::TimeDelta::days(1);
        other
    };
    let left = vec![kin("left", Closed { outcome: Abandoned }), kin("open", Unfinished)];
    let tested = |story: &report::Story| audit(story).into_iter().find(|item| item.question.starts_with("Tested")).unwrap();
    story.beside.kin = Some(left.clone());
    let item = tested(&story);
    assert!(item.facts.iter().all(|fact| fact.starts_with("no evidence: rehearsal ")), "{item:?}");
    assert!(item.missing.unwrap().starts_with("This machine has no earlier session"));
    story.beside.kin = Some([left, vec![kin("done", Closed { outcome: Completed })]].concat());
    let item = tested(&story);
    let said = item.facts.first().expect("the one that was completed");
    assert!(said.starts_with("rehearsal ") && said.ends_with("done: completed by its own record, not verified here"), "{said}");
    assert!(item.missing.unwrap().contains("were not verified here"));
}
