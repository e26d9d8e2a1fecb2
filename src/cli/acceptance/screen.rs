//! The question on a screen of its own.

use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;

use super::{Kind, Review, refused, visible};
use crate::cli::modal::{self, Look, Modal};
use crate::error::Problem;
use crate::state::{Acceptance, StateDir};
use crate::tui::bundle::{Bundle, BundleAnswer, BundleScreen, Section};

impl Review {
    /// The same facts for the screen; `path` is where the runbook was read from, `before`
    /// what was accepted of it earlier.
    pub fn shown(&self, path: &str, before: Option<&Acceptance>) -> Bundle {
        let known = |name: &str, hash: &str| before.is_none_or(|b| b.files.iter().any(|(n, h)| n == name && h == hash));
        let files = self.files.iter().map(|(name, hash)| (visible(name), hash.clone(), !known(name, hash)));
        let sections = self.sections.iter().map(|section| Section {
            heading: section.kind.heading().to_owned(),
            items: section
                .items
                .iter()
                .map(|item| {
                    let lines: Vec<String> = match section.kind {
                        Kind::Scripts => item.text.lines().map(visible).collect(),
                        _ => vec![visible(&item.text)],
                    };
                    (lines, visible(&item.places.join(", ")))
                })
                .collect(),
        });
        Bundle {
            title: visible(&self.title),
            path: visible(path),
            sha256: self.sha256.clone(),
            changed_since: before.map(|b| format!("on {} by {}", b.at.format("%Y-%m-%d %H:%M UTC"), visible(&b.by))),
            sections: sections.collect(),
            files: files.collect(),
        }
    }
}

struct Question {
    screen: BundleScreen,
    look: Look,
}

impl Modal for Question {
    type Answer = BundleAnswer;

    fn draw(&self, frame: &mut Frame<'_>) {
        self.screen.view(&self.look.theme, self.look.ascii, frame);
    }

    fn key(&mut self, key: KeyEvent) -> Option<BundleAnswer> {
        self.screen.handle(key)
    }

    // What is pasted was not read: the word is typed.
    fn paste(&mut self, _text: &str) {}
}

/// Shows the review on a screen and asks; then call [`super::accept`].
///
/// # Errors
/// When it is refused, and when the terminal cannot be used.
pub fn ask_on_screen(review: &Review, path: &str, state: &StateDir, look: Look) -> Result<(), Problem> {
    let before = state.last_acceptance(&review.runbook);
    let mut question = Question { screen: BundleScreen::new(review.shown(path, before.as_ref())), look };
    let answer =
        modal::show("pacenote", &mut question).map_err(|e| Problem::cannot_start(format!("the terminal cannot be used: {e}")))?;
    match answer {
        Some(BundleAnswer::Accepted) => Ok(()),
        Some(BundleAnswer::Refused) | None => Err(refused(review)),
    }
}
