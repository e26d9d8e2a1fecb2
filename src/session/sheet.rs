//! What is good to have at hand during a session: whom to reach and when, links, clocks,
//! and what will be owed afterwards.

use super::millis;
use super::require::days_and_hours;
use super::state::Session;
use super::time::At;
use super::view::ClockView;
use crate::runbook::expression::Escape;

/// The sheet, worked out for a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// Who answers for the runbook.
    pub owner: Option<String>,
    /// Whom to reach, in the runbook's order.
    pub contacts: Vec<ContactView>,
    /// Links: name and address, in file order; one that cannot be worked out stands as it
    /// is written.
    pub links: Vec<(String, String)>,
    /// Clocks, as in the header.
    pub clocks: Vec<ClockView>,
    /// What is owed after the end, each with its time.
    pub followups: Vec<String>,
    /// What was found before the session began: about what, what, and whether it wants a
    /// look. It is of that moment, and the journal does not have all of it.
    pub preflight: Vec<(String, String, bool)>,
}

/// Someone to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactView {
    /// What they are to this runbook.
    pub role: String,
    /// How to reach them.
    pub reach: String,
    /// After how long to involve them, for people; none: at once.
    pub after: Option<String>,
    /// Whether that time has come.
    pub due: bool,
}

impl Sheet {
    /// Whether there is nothing on it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Session {
    /// What is good to have at hand now.
    pub fn sheet(&self, at: At) -> Sheet {
        let runbook = self.plan.runbook();
        let gone = self.clock(at);
        let contacts = runbook.contacts.iter().map(|contact| ContactView {
            role: contact.role.clone(),
            reach: contact.reach.clone(),
            after: contact.after.map(days_and_hours),
            due: contact.after.is_none_or(|after| gone >= millis(after)),
        });
        let links = runbook.links.iter().map(|(name, link)| {
            let url = super::resolve::outside(self, at, link, Escape::Url);
            (name.clone(), url.unwrap_or_else(|_| link.source().to_owned()))
        });
        Sheet {
            owner: runbook.owner.clone(),
            contacts: contacts.collect(),
            links: links.collect(),
            clocks: self.header(at).clocks,
            followups: self.owed(at),
            preflight: Vec::new(),
        }
    }

    /// What is owed after the end, each with its time.
    pub(super) fn owed(&self, at: At) -> Vec<String> {
        let followups = self.plan.runbook().followups.iter().map(|followup| {
            let text = super::resolve::outside(self, at, &followup.text, Escape::Plain);
            let text = text.unwrap_or_else(|_| followup.text.source().to_owned());
            match followup.within {
                Some(within) => format!("{text} (within {})", days_and_hours(within)),
                None => text,
            }
        });
        let review = self.emergency().map(|reason| format!("Review of the emergency change: {reason}"));
        followups.chain(review).collect()
    }
}
