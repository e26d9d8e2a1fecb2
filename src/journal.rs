//! The record on disk: format, writer, reader, verification.
//!
//! One folder a session, one line a record, each line chained to the one before by its
//! SHA-256. [`Writer::append`] writes one record, syncs it, and only then hands out what
//! may be acted on: a [`Durable`] intent can be made nowhere else. When the journal
//! cannot be written, the writer fails closed and stays so.
//!
//! Reading never repairs: only [`Writer::resume`] cuts a torn tail, after saving it. What
//! a record means is for `session` to say; whether a signature is good is for the seals.

use crate::session::{Event, Intent};

mod blob;
mod content;
pub mod disk;
pub mod folder;
pub mod format;
mod order;
pub mod output;
pub mod reader;
mod redaction;
pub mod rules;
pub mod scan;
pub mod seal;
pub mod summary;
pub mod verify;
pub mod writer;

pub use blob::BlobError;
pub use folder::{Holder, SessionDir};
pub use output::OutputSink;
pub use reader::{Blobs, Line, ReadError, Reader};
pub use seal::{Issuer, Mark, Role, Sealer, Witness};
pub use summary::{SessionState, SessionSummary};
pub use verify::{Report, Verification, verify};
pub use writer::{AppendError, Appended, Hold, OpenError, ResumeError, Resumption, Writer};

/// Proof that an intent is in the journal and synced. Cannot be cloned or made
/// elsewhere; an effect takes it by value.
#[derive(Debug)]
pub struct Durable<T>(T);

impl Durable<Intent> {
    /// The intent.
    pub fn get(&self) -> &Intent {
        &self.0
    }

    /// The intent, giving up the right to act on it again.
    pub fn into_inner(self) -> Intent {
        self.0
    }
}

/// One line of a journal, read or just written.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Number, from 0.
    pub seq: u64,
    /// Session id.
    pub sid: String,
    /// When, wall clock.
    pub ts: chrono::DateTime<chrono::Utc>,
    /// When, milliseconds since the session was opened or resumed.
    pub mono_ms: u64,
    /// What; `None` for a type this version does not know.
    pub event: Option<Event>,
    /// The type as written.
    pub kind: String,
}
