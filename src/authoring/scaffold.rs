//! A first runbook and two scenarios, one in which all goes well and one that ends in
//! going back, to be changed from there.
//!
//! *Invariant:* what comes out of here passes `check`, `check --advice` and `test` as it
//! stands, whatever was answered. What only the author can know is marked FILL IN.

mod parts;
mod scenarios;

use std::collections::BTreeSet;
use std::fmt;

/// What the runbook is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A new version of a service.
    Deploy,
    /// A change of a database.
    Migration,
    /// Something is broken.
    Incident,
    /// Planned work on a service.
    Maintenance,
}

/// What is watched besides the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The health endpoint.
    Health,
    /// The share of requests that fail.
    Errors,
    /// The 95th percentile of latency.
    Latency,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    name: String,
    kind: Kind,
    service: String,
    environments: Vec<String>,
    checks: Vec<Check>,
}

/// An answer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A name of a runbook.
    #[error("`{0}` is no name of a runbook: small letters, digits and `-`, a letter first, at most 40 in all")]
    Name(String),
    /// A name of a service.
    #[error("`{0}` is no name of a service: small letters, digits and `-`, a letter first, at most 40 in all")]
    Service(String),
    /// A name of an environment.
    #[error("`{0}` is no name of an environment: small letters, digits and `-`, a letter first, at most 40 in all")]
    Environment(String),
    /// One environment was named twice, or none was.
    #[error("environments are named once each, and there is at least one")]
    Environments,
}

impl Answers {
    /// Answers that can be used.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn new(name: &str, kind: Kind, service: &str, environments: &[String], checks: &[Check]) -> Result<Self, AnswerError> {
        runbook_name(name)?;
        service_name(service)?;
        environment_names(environments)?;
        let mut checks = checks.to_vec();
        checks.sort();
        checks.dedup();
        let environments = environments.to_vec();
        Ok(Self { name: name.to_owned(), kind, service: service.to_owned(), environments, checks })
    }

    /// The environment of the scenario: the last, which is where most is asked.
    fn last(&self) -> &str {
        self.environments.last().map_or("", String::as_str)
    }
}

/// Whether it can be a runbook's name, and so a file's.
///
/// # Errors
/// When it cannot.
pub fn runbook_name(name: &str) -> Result<(), AnswerError> {
    if is_label(name) { Ok(()) } else { Err(AnswerError::Name(name.to_owned())) }
}

/// Whether it can be a service's name.
///
/// # Errors
/// When it cannot.
pub fn service_name(name: &str) -> Result<(), AnswerError> {
    if is_label(name) { Ok(()) } else { Err(AnswerError::Service(name.to_owned())) }
}

/// Whether these can be the environments of one runbook.
///
/// # Errors
/// The first that cannot.
pub fn environment_names(names: &[String]) -> Result<(), AnswerError> {
    if let Some(wrong) = names.iter().find(|name| !is_label(name)) {
        return Err(AnswerError::Environment(wrong.clone()));
    }
    let once: BTreeSet<&String> = names.iter().collect();
    if once.is_empty() || once.len() < names.len() { Err(AnswerError::Environments) } else { Ok(()) }
}

/// A name that is good in a file name, a host and a cluster.
fn is_label(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(inside) && !name.ends_with('-') && name.len() <= 40
}

/// The files of a new runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffold {
    /// The runbook's text.
    pub runbook: String,
    /// Its scenarios; their folder stands beside the runbook.
    pub scenarios: Vec<Scenario>,
}

/// One scenario of a new runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its id.
    pub name: &'static str,
    /// Its text.
    pub text: String,
}

/// Writes a runbook and its scenarios.
pub fn files(answers: &Answers) -> Scaffold {
    Scaffold { runbook: parts::runbook(answers), scenarios: scenarios::all(answers) }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deploy => "deploy",
            Self::Migration => "migration",
            Self::Incident => "incident",
            Self::Maintenance => "maintenance",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_used_are_refused() {
        let answers = |name: &str, service: &str, environments: &[&str]| {
            let environments: Vec<String> = environments.iter().map(|e| (*e).to_owned()).collect();
            Answers::new(name, Kind::Deploy, service, &environments, &[])
        };
        assert!(answers("a-1", "b", &["staging", "production"]).is_ok());
        for wrong in ["", "A", "1a", "a_b", "a-", "../a", "a b", "ä"] {
            assert!(answers(wrong, "b", &["c"]).is_err(), "{wrong}");
            assert!(answers("a", wrong, &["c"]).is_err(), "{wrong}");
            assert!(answers("a", "b", &[wrong]).is_err(), "{wrong}");
        }
        assert!(answers(&"a".repeat(41), "b", &["c"]).is_err());
        assert!(answers("a", "b", &[]).is_err());
        assert!(answers("a", "b", &["c", "c"]).is_err());
    }
}
