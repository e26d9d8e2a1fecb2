//! What went wrong with a watch, in words that say what to do.

use std::time::Duration;

use crate::signals::text::{one_line, with_causes};

/// A failed request or a broken watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::signals) struct Failure {
    /// For people.
    pub(in crate::signals) why: String,
    /// How bad it is.
    pub(in crate::signals) kind: Kind,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::signals) enum Kind {
    /// The server could not be reached or went silent.
    Unreachable,
    /// It does not let us, and will not until someone does something.
    Denied,
    /// It has forgotten the version we watched from: list again.
    Expired,
    /// What it sends cannot be read, so nobody knows what was missed: list again.
    Garbled,
    /// It answers, but not well.
    Bad,
}

impl Failure {
    pub(in crate::signals) fn silent(after: Duration) -> Self {
        Self { why: format!("the API server has been silent for {} s", after.as_secs()), kind: Kind::Unreachable }
    }

    pub(in crate::signals) fn unanswered(after: Duration) -> Self {
        Self { why: format!("no answer from the API server within {} s", after.as_secs()), kind: Kind::Unreachable }
    }

    pub(in crate::signals) fn garbled(why: impl Into<String>) -> Self {
        Self { why: why.into(), kind: Kind::Garbled }
    }

    /// What a status of the API server means.
    pub(in crate::signals) fn status(code: u16, message: &str, namespace: &str) -> Self {
        let message = if message.trim_start().starts_with('<') { "a page of HTML".to_owned() } else { one_line(message) };
        match code {
            401 => Self {
                why: format!(
                    "not logged in (401): the credentials of this context are refused or have expired; log in again ({message})"
                ),
                kind: Kind::Denied,
            },
            403 => Self {
                why: format!(
                    "not permitted (403): {message}; ask for `get`, `list` and `watch` on pods in namespace `{namespace}`"
                ),
                kind: Kind::Denied,
            },
            410 => Self {
                why: "the API server has forgotten where the watch was (410); listing again".to_owned(),
                kind: Kind::Expired,
            },
            _ => Self { why: format!("the API server answers {code}: {message}"), kind: Kind::Bad },
        }
    }
}

/// What an error of the client means.
pub(in crate::signals) fn of(error: &kube::Error, namespace: &str) -> Failure {
    match error {
        // This is how the client shows a line of a watch that it cannot read.
        kube::Error::Api(status) if status.code == 0 => Failure::garbled("the API server sends what is not a pod"),
        kube::Error::Api(status) => Failure::status(status.code, &status.message, namespace),
        kube::Error::SerdeError(error) => Failure::garbled(format!("the API server sends what is not a pod: {error}")),
        kube::Error::FromUtf8(_) => Failure::garbled("the API server sends what is not text"),
        kube::Error::BuildRequest(error) => Failure::garbled(format!("the request cannot be made: {error}")),
        kube::Error::Auth(error) => {
            Failure { why: format!("no credentials for the cluster: {}; log in again", with_causes(error)), kind: Kind::Denied }
        }
        other => Failure { why: format!("cannot reach the API server: {}", with_causes(other)), kind: Kind::Unreachable },
    }
}
