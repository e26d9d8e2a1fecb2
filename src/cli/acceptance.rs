//! What a runbook would do, shown and accepted before anything of it is done.
//!
//! A runbook is a program. Before a session first runs a command of it, reads a secret or
//! connects anywhere, the operator sees everything it holds of that kind ([`Review`])
//! and accepts it by its hash. A bundle accepted once is not asked about again until a
//! byte of it changes. Working out a review reads nothing but the runbooks themselves:
//! what only the run will know is shown as it is written, `${{ inputs.version }}`.

mod collect;
mod screen;

use std::fmt;
use std::io::{BufRead, Write};

use chrono::{DateTime, Utc};

use super::explain_state;
use crate::error::Problem;
use crate::runbook::Runbook;
use crate::runbook::load::Bundle;
use crate::secrets::Accepted;
use crate::state::{Acceptance, StateDir};

pub use screen::ask_on_screen;

/// Everything a bundle would run, contact, read and change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Review {
    /// The runbook's id.
    pub runbook: String,
    /// Its title.
    pub title: String,
    /// The bundle's hash.
    pub sha256: String,
    /// Its files and their hashes, the runbook first.
    pub files: Vec<(String, String)>,
    /// What it holds, in the order it is shown.
    pub sections: Vec<Section>,
}

/// One kind of thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What kind.
    pub kind: Kind,
    /// Each thing once, with the places that name it.
    pub items: Vec<Item>,
}

/// Kinds of things to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Programs with their arguments.
    Commands,
    /// Scripts, whole.
    Scripts,
    /// Clusters and namespaces.
    Clusters,
    /// Requests that change a cluster.
    ClusterChanges,
    /// Hosts contacted, by scheme, name and port.
    Hosts,
    /// HTTP requests that change something.
    HttpChanges,
    /// Environment variables read.
    Variables,
    /// Other sources of secrets.
    Secrets,
}

impl Kind {
    /// All, in the order they are shown.
    pub const ALL: [Self; 8] = [
        Self::Commands,
        Self::Scripts,
        Self::Clusters,
        Self::ClusterChanges,
        Self::Hosts,
        Self::HttpChanges,
        Self::Variables,
        Self::Secrets,
    ];

    /// The heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Commands => "Commands it runs",
            Self::Scripts => "Scripts it runs",
            Self::Clusters => "Clusters it connects to",
            Self::ClusterChanges => "What it changes in them",
            Self::Hosts => "Hosts it contacts",
            Self::HttpChanges => "HTTP requests that change something",
            Self::Variables => "Environment variables it reads",
            Self::Secrets => "Other secrets it reads",
        }
    }
}

/// One thing, and where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The thing itself; a script has several lines.
    pub text: String,
    /// `step image`, `signal api`, `environment production`.
    pub places: Vec<String>,
}

impl Review {
    /// Works out what a checked bundle holds.
    pub fn of(bundle: &Bundle) -> Self {
        let root = (bundle.root_path.as_str(), &*bundle.root);
        let called = bundle.called.iter().map(|(path, runbook)| (path.as_str(), &**runbook));
        let runbooks: Vec<(&str, &Runbook)> = std::iter::once(root).chain(called).collect();
        let mut files: Vec<(String, String)> = bundle.files.iter().map(|f| (f.path.clone(), f.sha256.clone())).collect();
        // The runbook first; the others keep their order.
        files.sort_by_key(|(path, _)| *path != bundle.root_path);
        Self::new(bundle.sha256.clone(), files, &runbooks)
    }

    /// Works out what the runbooks of a bundle hold. `runbooks` are all of its runbook
    /// files by name, the one that is run first.
    pub fn new(sha256: impl Into<String>, files: Vec<(String, String)>, runbooks: &[(&str, &Runbook)]) -> Self {
        let title = runbooks.first().map(|(_, runbook)| runbook.title.clone()).unwrap_or_default();
        let runbook = runbooks.first().map(|(_, runbook)| runbook.id.value.clone()).unwrap_or_default();
        Self { runbook, title, sha256: sha256.into(), files, sections: collect::sections(runbooks) }
    }

    /// The items of one kind; none where there is nothing of it.
    pub fn items(&self, kind: Kind) -> &[Item] {
        self.sections.iter().find(|section| section.kind == kind).map_or(&[], |section| &section.items)
    }

    /// Hosts that can be told before the run, for the policy: names without scheme and
    /// port.
    pub fn hosts(&self) -> Vec<String> {
        let name = |item: &Item| collect::host_name(&item.text);
        self.items(Kind::Hosts).iter().filter_map(name).collect()
    }
}

impl fmt::Display for Review {
    /// The plain form: the same facts as on the screen, as lines of text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", visible(&self.title))?;
        writeln!(f, "bundle {}", self.sha256)?;
        for section in &self.sections {
            writeln!(f, "\n{}:", section.kind.heading())?;
            for item in &section.items {
                let places = visible(&item.places.join(", "));
                if section.kind == Kind::Scripts {
                    writeln!(f, "  ({places})")?;
                    for line in item.text.lines() {
                        writeln!(f, "  | {}", visible(line))?;
                    }
                } else {
                    writeln!(f, "  {}  ({places})", visible(&item.text))?;
                }
            }
        }
        if self.sections.is_empty() {
            writeln!(f, "\nIt runs no command, connects to nothing and reads no secret.")?;
        }
        writeln!(f, "\nFiles:")?;
        for (name, sha256) in &self.files {
            writeln!(f, "  {sha256}  {}", visible(name))?;
        }
        Ok(())
    }
}

/// Text of a file as it can be shown: what is invisible or moves the cursor is spelt
/// out, because a reviewer must see what they accept.
fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
    };
    text.chars().map(|c| if hidden(c) { format!("\\u{{{:x}}}", u32::from(c)) } else { c.to_string() }).collect()
}

/// Accepts a bundle where nobody needs to be asked: it was accepted before, or `--trust`
/// says so. `None`: ask, then call [`accept`].
///
/// # Errors
/// When the store cannot be read.
pub fn without_asking(review: &Review, state: &StateDir, trust: bool) -> Result<Option<Accepted>, Problem> {
    let before = state.acceptance(&review.sha256).map_err(|e| explain_state(&e))?;
    if before.is_some_and(|before| !before.unseen) {
        return Ok(Some(Accepted::bundle(review.sha256.clone(), false)));
    }
    // Trusted is not the same as seen: it is recorded in the session, and asked about
    // again the next time.
    Ok(trust.then(|| Accepted::bundle(review.sha256.clone(), true)))
}

/// The operator has seen the review and accepts it.
///
/// # Errors
/// When this cannot be remembered.
pub fn accept(review: &Review, state: &StateDir, by: &str, at: DateTime<Utc>) -> Result<Accepted, Problem> {
    let (bundle, runbook) = (review.sha256.clone(), review.runbook.clone());
    let acceptance = Acceptance { bundle, runbook, by: by.to_owned(), at, unseen: false, files: review.files.clone() };
    state.accept(&acceptance).map_err(|e| explain_state(&e))?;
    Ok(Accepted::bundle(review.sha256.clone(), false))
}

/// Shows the review as text and asks; then call [`accept`]. Only the whole word counts, so that a key held
/// down or a stray line in a pipe accepts nothing.
///
/// # Errors
/// When the answer is anything but `accept`, and when nobody can answer.
pub fn ask_plain(review: &Review, answers: &mut dyn BufRead, screen: &mut dyn Write) -> Result<(), Problem> {
    let lost = |e: std::io::Error| Problem::cannot_start(format!("the question could not be asked: {e}"));
    writeln!(screen, "{review}\nThis bundle has not been accepted on this machine before, or has changed since.")
        .map_err(lost)?;
    write!(screen, "Type `accept` to accept it, anything else to leave: ").map_err(lost)?;
    screen.flush().map_err(lost)?;
    let mut answer = String::new();
    std::io::Read::take(answers, 4096).read_line(&mut answer).map_err(lost)?;
    if answer.trim() == "accept" { Ok(()) } else { Err(refused(review)) }
}

/// The bundle was not accepted, or nobody was there to accept it.
pub fn refused(review: &Review) -> Problem {
    Problem::cannot_start("the bundle was not accepted, so nothing of it was run, read or contacted")
        .at(review.files.first().map_or("the runbook", |(name, _)| name))
        .hint("start it in a terminal, look at what it would do and accept it")
        .hint("`--trust` accepts it unseen, for example in a pipeline; the record says so")
}

#[cfg(test)]
mod tests;
