//! Keeping sessions out of each other's way: locks and freezes.
//!
//! A lock belongs to one session at a time. Where the environment has a cluster it is a
//! Lease in the environment's namespace, renewed while the session is walked; where there
//! is none it is a file in the state folder, locked by the kernel. A session that is left
//! unfinished keeps its lock: the Lease expires and the kernel's lock is gone, but
//! another session takes it over only with a reason. It is given back when the session
//! closes.
//!
//! A freeze says that no new session may start on an environment. It is a file in the
//! state folder, and a Lease where there is a cluster, so that others see it too.
//!
//! *Guarantees*: whoever is refused learns who holds the lock and since when; every change
//! to a Lease carries the resourceVersion it was decided on; what was lost is said
//! ([`News`]), never taken back silently. *Left to others*: the record
//! (`lock.taken`, `freeze.set`), and what follows from a freeze (`session::admission`).
//!
//! Whether a Lease has expired is judged by this machine's clock against the holder's, as
//! far apart as `MARGIN` allows; the reason that a takeover needs is a person's word for
//! that the holder is gone.

mod file;
mod freeze;
mod lease;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ports::Cluster;

pub use freeze::{Freeze, Freezes};
pub use watch::{News, Watch};

/// A Lease that was not renewed for so long may be taken over.
const DURATION: Duration = Duration::from_secs(60);
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(15);
/// So far two machines' clocks may be apart.
const MARGIN: Duration = Duration::from_secs(30);

/// Where locks are kept.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder of lock files, in the state folder.
    pub folder: PathBuf,
    /// The cluster of the environment, where it has one.
    pub cluster: Option<Cluster>,
}

/// Who wants a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The session.
    pub sid: String,
    /// Who walks it, for people: `alice@example.com on host`.
    pub holder: String,
}

/// Who has a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The session.
    pub session: String,
    /// Who walks it.
    pub holder: String,
    /// Since when.
    #[serde(with = "crate::session::time::stamp")]
    pub since: DateTime<Utc>,
    /// When it was last renewed, where it is.
    #[serde(skip)]
    pub renewed: Option<DateTime<Utc>>,
}

impl std::fmt::Display for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (session {}) since {}", self.holder, self.session, self.since.format("%Y-%m-%d %H:%M:%S UTC"))?;
        match self.renewed {
            Some(renewed) => write!(f, ", last renewed {}", renewed.format("%H:%M:%S UTC")),
            None => Ok(()),
        }
    }
}

/// Why a lock is not had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Somebody is at it.
    #[error("the lock `{lock}` is held by {holding}")]
    Held {
        /// Its name.
        lock: String,
        /// By whom.
        holding: Holding,
    },
    /// It is another session's that nobody is at any more.
    #[error("the lock `{lock}` is still that of {holding}, which was left unfinished")]
    Left {
        /// Its name.
        lock: String,
        /// Whose.
        holding: Holding,
    },
    /// It cannot be told.
    #[error("the lock `{lock}` cannot be taken: {why}")]
    Trouble {
        /// Its name.
        lock: String,
        /// Why.
        why: String,
    },
}

/// A lock that was taken. Dropped without [`Lock::release`] it stays the session's.
#[derive(Debug)]
pub struct Lock {
    /// Its name in the runbook.
    pub name: String,
    /// Whose it was, where it was taken over.
    pub from: Option<Holding>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File(file::FileLock),
    Lease(Box<lease::LeaseLock>),
}

impl Lock {
    /// Takes a lock, or takes it again for the same session.
    ///
    /// # Errors
    /// [`LockError`]; with `take_over` (a reason) one that was left is taken all the same.
    pub async fn take(place: &Place, name: &str, claim: &Claim, take_over: Option<&str>) -> Result<Self, LockError> {
        let (kind, from) = match &place.cluster {
            Some(cluster) => {
                let (lock, from) = lease::take(cluster, name, claim, take_over).await?;
                (Kind::Lease(Box::new(lock)), from)
            }
            None => {
                let (lock, from) = file::take(&place.folder, name, claim, take_over)?;
                (Kind::File(lock), from)
            }
        };
        Ok(Self { name: name.to_owned(), from, kind })
    }

    /// Who has a lock now; none: it is free. Takes nothing.
    ///
    /// # Errors
    /// A sentence when it cannot be told.
    pub async fn look(place: &Place, name: &str) -> Result<Option<Holding>, String> {
        match &place.cluster {
            Some(cluster) => lease::look(cluster, name).await,
            None => file::look(&place.folder, name).map_err(|e| e.to_string()),
        }
    }

    /// Gives it back, for the end of a session.
    ///
    /// # Errors
    /// A sentence when that cannot be done; the lock then has to be taken over.
    pub async fn release(self) -> Result<(), String> {
        match self.kind {
            Kind::File(lock) => lock.release().map_err(|e| e.to_string()),
            Kind::Lease(lock) => lock.release().await,
        }
    }
}

#[cfg(test)]
mod tests;
