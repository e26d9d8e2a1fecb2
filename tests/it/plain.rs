//! The session as lines of text: every question, what is new, and what typed words do.

use std::collections::BTreeMap;

use pacenote::live::{HealthCheck, PanelData, SourceState};
use pacenote::plain::Plain;
use pacenote::runbook::Value;
use pacenote::session::event::{StepOutcome, Verdict};
use pacenote::session::message::{Command, FailureChoice, GuardChoice, SettleChoice};
use pacenote::session::view::{GuardState, Prompt, RowState};
use pacenote::tui::Action;

use crate::screen::sample::{Sample, step_ref};

/// Plain output that a sample was shown on, with what it printed.
struct Session {
    plain: Plain,
    sample: Sample,
}

impl Session {
    fn new(sample: Sample) -> Self {
        let mut session = Self { plain: Plain::new(), sample };
        session.show();
        session
    }

    fn show(&mut self) -> String {
        let mut out = Vec::new();
        self.plain.show(&self.sample.screen(), &mut out).unwrap();
        checked(out)
    }

    fn line(&mut self, line: &str) -> (Vec<Action>, String) {
        let mut out = Vec::new();
        let actions = self.plain.line(line, &self.sample.screen(), &mut out).unwrap();
        (actions, checked(out))
    }

    /// The line is refused, and this is said.
    fn refuses(&mut self, line: &str, why: &str) {
        let (actions, said) = self.line(line);
        assert!(actions.is_empty(), "{line}: {actions:?}");
        assert!(said.contains("! ") && said.contains(why), "{line}: {said}");
    }

    fn commands(&mut self, line: &str) -> Vec<Command> {
        let (actions, said) = self.line(line);
        assert!(!actions.is_empty(), "{line}: {said}");
        actions
            .into_iter()
            .map(|a| match a {
                Action::Command(command) => command,
                other => panic!("{line}: {other:?}"),
            })
            .collect()
    }
}

/// Whole lines, each with its time, and nothing a terminal would obey.
fn checked(out: Vec<u8>) -> String {
    let text = String::from_utf8(out).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    for line in text.lines() {
        let time = line.get(..8).unwrap_or_default();
        assert!(time.len() == 8 && time.chars().all(|c| c.is_ascii_digit() || c == ':'), "{line:?}");
        assert!(!line.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
    }
    text
}

#[test]
fn every_question_is_asked_in_words() {
    for (name, sample) in Sample::all() {
        let mut plain = Plain::new();
        let mut out = Vec::new();
        plain.show(&sample.screen(), &mut out).unwrap();
        insta::assert_snapshot!(format!("plain-{name}"), checked(out));
    }
}
