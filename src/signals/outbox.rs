//! The way out of a polling task: messages that never block it.
//!
//! Where nobody takes them for a while, updates wait here and readings replace each
//! other, as only the latest counts.

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::{self, error::TrySendError};

use super::SignalMessage;
use crate::live::{Change, SourceState, Update};
use crate::session::reading::Reading;

/// At most so many updates wait; the oldest make room.
const WAITING: usize = 1_000;

/// Nobody receives any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

/// Updates and a reading on their way.
pub(crate) struct Outbox {
    signal: String,
    tx: mpsc::Sender<SignalMessage>,
    updates: Vec<Update>,
    reading: Option<Reading>,
}

impl Outbox {
    pub(crate) fn new(signal: String, tx: mpsc::Sender<SignalMessage>) -> Self {
        Self { signal, tx, updates: Vec::new(), reading: None }
    }

    /// Adds a change for the panel.
    pub(crate) fn change(&mut self, at: DateTime<Utc>, change: Change) {
        if self.updates.len() >= WAITING {
            self.updates.remove(0);
        }
        self.updates.push(Update { signal: self.signal.clone(), at, change });
    }

    /// Adds a new state of the source, where there is one.
    pub(crate) fn source(&mut self, at: DateTime<Utc>, state: Option<SourceState>) {
        if let Some(state) = state {
            self.change(at, Change::Source(state));
        }
    }

    /// Sets the latest reading.
    pub(crate) fn reading(&mut self, reading: Reading) {
        self.reading = Some(reading);
    }

    /// Sends what is there; where there is no room it stays for the next time.
    pub(crate) fn offer(&mut self) -> Result<(), Closed> {
        let Some(message) = self.take() else { return Ok(()) };
        match self.tx.try_send(message) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(message)) => {
                self.updates = message.updates;
                self.reading = message.reading.map(|(_, reading)| reading);
                Ok(())
            }
            Err(TrySendError::Closed(_)) => Err(Closed),
        }
    }

    fn take(&mut self) -> Option<SignalMessage> {
        let updates = std::mem::take(&mut self.updates);
        let reading = self.reading.take().map(|reading| (self.signal.clone(), reading));
        (!updates.is_empty() || reading.is_some()).then_some(SignalMessage { updates, reading })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_goes_with_the_next() {
        let (tx, mut rx) = mpsc::channel(1);
        let mut outbox = Outbox::new("a".into(), tx);
        for n in 0..3_u32 {
            outbox.change(DateTime::UNIX_EPOCH, Change::Point(i64::from(n), None));
            outbox.reading(super::super::no_reading(DateTime::UNIX_EPOCH, n, "none".into(), false));
            assert_eq!(outbox.offer(), Ok(()));
        }
        let seen =
            |message: Option<SignalMessage>| message.map(|m| (m.updates.len(), m.reading.map(|(_, reading)| reading.failures)));
        assert_eq!(seen(rx.try_recv().ok()), Some((1, Some(0))));
        assert_eq!(outbox.offer(), Ok(()));
        assert_eq!(seen(rx.try_recv().ok()), Some((2, Some(2))));
        assert_eq!(outbox.offer(), Ok(()));
        assert!(rx.try_recv().is_err(), "nothing new, no message");
        for n in 0..2 * WAITING {
            outbox.change(DateTime::UNIX_EPOCH, Change::Point(i64::try_from(n).expect("small"), None));
        }
        assert_eq!(outbox.offer(), Ok(()));
        assert_eq!(seen(rx.try_recv().ok()), Some((WAITING, None)));
        drop(rx);
        outbox.change(DateTime::UNIX_EPOCH, Change::Confirmed);
        assert_eq!(outbox.offer(), Err(Closed));
    }
}
