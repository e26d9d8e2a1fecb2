//! The journal's writer, kept from holding up the screen.
//!
//! Where threads may be used, the writer lives on one of its own, and an append waits a
//! moment for it: on a healthy disk it is never longer. When the disk takes longer the
//! append is *outstanding*: the loop goes on drawing and taking keys, and takes up the
//! thread of what follows when the record is written. There is at most one outstanding
//! append, and nothing is decided meanwhile. On virtual time everything is written on
//! the spot, so that the same seed gives the same journal.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::journal::{AppendError, Appended, Writer};
use crate::session::{At, Event};

/// An append may hold up the loop this long; longer, and it is outstanding.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the writer answers.
pub(super) type Written = Result<Appended, AppendError>;

/// Writes the journal.
pub(super) struct Pen {
    place: Place,
    records: u64,
    head: String,
    outstanding: Option<(At, Instant)>,
}

enum Place {
    /// In the loop itself.
    Here(Box<Writer>),
    /// On a thread of its own.
    There(Desk),
}

struct Desk {
    orders: Option<mpsc::Sender<(At, Event)>>,
    answers: mpsc::Receiver<Written>,
    woken: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Pen {
    /// Takes a writer: to a thread of its own on a runtime with several, else here.
    pub(super) fn new(writer: Writer) -> Self {
        let (records, head) = (writer.records(), writer.head());
        let threads = tokio::runtime::Handle::try_current()
            .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
        let place = if threads { Desk::with(writer) } else { Place::Here(Box::new(writer)) };
        Self { place, records, head, outstanding: None }
    }

    /// Number of records written.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// The head of the journal, hexadecimal, as far as it is known to be written.
    pub(super) fn head(&self) -> &str {
        &self.head
    }

    /// Since when an append is outstanding, and how it was stamped.
    pub(super) fn outstanding(&self) -> Option<(At, Instant)> {
        self.outstanding
    }

    /// Appends a record, or none as yet: then it is outstanding.
    pub(super) fn append(&mut self, at: At, event: &Event) -> Option<Written> {
        debug_assert!(self.outstanding.is_none(), "one append at a time");
        let written = match &mut self.place {
            Place::Here(writer) => Some(writer.append(at, event)),
            Place::There(desk) => {
                let sent = desk.orders.as_ref().is_some_and(|orders| orders.send((at, event.clone())).is_ok());
                if sent { desk.within(PATIENCE) } else { Some(gone()) }
            }
        };
        match &written {
            Some(written) => self.count(written),
            None => self.outstanding = Some((at, Instant::now())),
        }
        written
    }

    /// The outstanding append, once it is answered; never, where there is none. May be
    /// dropped while it waits.
    pub(super) async fn written(&mut self) -> (At, Written) {
        let (Place::There(desk), Some((at, _))) = (&mut self.place, self.outstanding) else {
            return std::future::pending().await;
        };
        let written = loop {
            match desk.answers.try_recv() {
                Ok(written) => break written,
                Err(mpsc::TryRecvError::Empty) => desk.woken.notified().await,
                Err(mpsc::TryRecvError::Disconnected) => break gone(),
            }
        };
        self.outstanding = None;
        self.count(&written);
        (at, written)
    }

    fn count(&mut self, written: &Written) {
        if let Ok(appended) = written {
            self.head.clone_from(&appended.head);
        }
        let last = match written {
            Ok(appended) => Some(appended.last()),
            Err(AppendError::Stopped { last, .. }) => last.as_deref(),
            Err(_) => None,
        };
        self.records = last.map_or(self.records, |record| record.seq + 1);
    }
}

impl Desk {
    /// On a thread; here, where none can be had.
    fn with(writer: Writer) -> Place {
        let (orders, taken) = mpsc::channel::<(At, Event)>();
        let (give, answers) = mpsc::channel();
        let woken = Arc::new(Notify::new());
        let wake = Arc::clone(&woken);
        // The writer is handed over by a channel, so that it comes back if there is no thread.
        let (hand, handed) = mpsc::sync_channel::<Writer>(1);
        let body = move || {
            let Ok(mut writer) = handed.recv() else { return };
            while let Ok((at, event)) = taken.recv() {
                let written = writer.append(at, &event);
                let listened = give.send(written).is_ok();
                wake.notify_one();
                if !listened {
                    return;
                }
            }
        };
        let Ok(thread) = std::thread::Builder::new().name("journal".to_owned()).spawn(body) else {
            return Place::Here(Box::new(writer));
        };
        match hand.send(writer) {
            Ok(()) => Place::There(Self { orders: Some(orders), answers, woken, thread: Some(thread) }),
            Err(mpsc::SendError(writer)) => Place::Here(Box::new(writer)),
        }
    }

    fn within(&self, patience: Duration) -> Option<Written> {
        match self.answers.recv_timeout(patience) {
            Ok(written) => Some(written),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => Some(gone()),
        }
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        if let Place::There(desk) = &mut self.place {
            desk.orders = None;
            // An idle writer lets go of the session at once, so that it can be opened
            // again; one that hangs in the disk is left to the end of the program.
            if self.outstanding.is_none()
                && let Some(thread) = desk.thread.take()
                && thread.join().is_err()
            {
                tracing::error!("the journal's thread ended by a mistake of the program");
            }
        }
    }
}

fn gone() -> Written {
    Err(AppendError::Stopped { why: "its writer has ended, which is a mistake of the program".to_owned(), last: None })
}

#[cfg(test)]
mod tests;
