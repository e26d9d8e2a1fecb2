//! What the watch sees, put together for panel and session.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::Seen;
use super::failure::{Failure, Kind};
use crate::live::{Change, PodOrder, PodRow, PodTable, SourceState, Update};
use crate::session::reading::{Measure, Reading};
use crate::signals::source::Source;
use crate::signals::{SignalMessage, WallClock, no_reading};

/// Between two messages.
const BATCH: Duration = Duration::from_millis(100);
/// Pods named in a reading.
const WORST: usize = 20;

/// The half that tells.
pub(super) struct Publisher {
    signal: String,
    clock: WallClock,
    seen: mpsc::Receiver<Seen>,
    tx: mpsc::Sender<SignalMessage>,
    table: PodTable,
    source: Source,
    failures: u32,
    /// The last sign of life: what the table holds was true then.
    alive: Option<DateTime<Utc>>,
    /// What has not been sent yet.
    pending: Pending,
    /// Not before this.
    next: Instant,
}

#[derive(Default)]
struct Pending {
    /// The table is sent whole.
    reset: bool,
    /// Changed (`Some`) and deleted (`None`) pods by name.
    pods: BTreeMap<String, Option<Box<PodRow>>>,
    state: Option<SourceState>,
    confirmed: bool,
    reading: Option<Reading>,
    /// The reading is that of the table, made when it is sent.
    table_read: bool,
}

impl Pending {
    fn is_empty(&self) -> bool {
        !(self.reset || self.confirmed || self.table_read)
            && self.pods.is_empty()
            && self.state.is_none()
            && self.reading.is_none()
    }
}

impl Publisher {
    pub(super) fn new(signal: String, clock: WallClock, seen: mpsc::Receiver<Seen>, tx: mpsc::Sender<SignalMessage>) -> Self {
        let next = Instant::now();
        let (table, source, pending) = (PodTable::default(), Source::new(), Pending::default());
        Self { signal, clock, seen, tx, table, source, failures: 0, alive: None, pending, next }
    }

    /// Takes in and sends on until either side has gone.
    pub(super) async fn run(mut self) {
        loop {
            let tx = self.tx.clone();
            // In this order, so that a rehearsal goes the same way each time. To send is
            // possible ten times a second at most, so it keeps nothing else waiting.
            tokio::select! {
                biased;
                permit = async { sleep_until(self.next).await; tx.reserve().await }, if !self.pending.is_empty() => {
                    let Ok(permit) = permit else { return };
                    if let Some(message) = self.message() {
                        permit.send(message);
                        self.next = Instant::now() + BATCH;
                    }
                }
                seen = self.seen.recv() => match seen {
                    Some(seen) => self.take(seen),
                    None => return,
                },
                () = tx.closed(), if self.pending.is_empty() => return,
            }
        }
    }

    fn take(&mut self, seen: Seen) {
        let now = (self.clock)();
        if let Seen::Failed(failure) = seen {
            return self.failed(now, failure);
        }
        self.alive = Some(now);
        self.failures = 0;
        match seen {
            Seen::Listed(rows) => {
                self.table.reset(rows);
                self.pending.pods.clear();
                self.pending.reset = true;
            }
            Seen::Applied(row) => {
                if !self.pending.reset {
                    self.pending.pods.insert(row.name.clone(), Some(row.clone()));
                }
                self.table.apply(*row);
                // Many changes in a row are one good answer, not many.
                self.pending.table_read = true;
                self.pending.reading = None;
                return;
            }
            Seen::Deleted(name) => {
                self.table.delete(&name);
                if !self.pending.reset {
                    self.pending.pods.insert(name, None);
                }
                self.pending.table_read = true;
                self.pending.reading = None;
                return;
            }
            Seen::Alive => self.pending.confirmed = true,
            Seen::Failed(_) => {}
        }
        let state = self.source.good();
        self.pending.state = state.or(self.pending.state.take());
        self.pending.table_read = true;
        self.pending.reading = None;
    }

    fn failed(&mut self, now: DateTime<Utc>, failure: Failure) {
        // To be told to list again is no trouble: what follows shows whether it is.
        if failure.kind == Kind::Expired && self.failures == 0 {
            self.failures = 1;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let state = match failure.kind {
            Kind::Unreachable | Kind::Denied => self.source.lost(&failure.why, now),
            Kind::Expired | Kind::Garbled | Kind::Bad => self.source.degraded(&failure.why),
        };
        self.pending.state = state.or(self.pending.state.take());
        let unreachable = failure.kind == Kind::Unreachable;
        self.pending.reading = Some(no_reading(now, self.failures, failure.why, unreachable));
        self.pending.table_read = false;
    }

    /// All that waits, as one message.
    fn message(&mut self) -> Option<SignalMessage> {
        let at = self.alive.unwrap_or_else(|| (self.clock)());
        let pending = std::mem::take(&mut self.pending);
        let mut changes = Vec::new();
        if pending.reset {
            changes.push(Change::PodsReset(self.table.rows.values().cloned().collect()));
        }
        changes.extend(pending.pods.into_iter().map(|(name, row)| row.map_or(Change::PodDeleted(name), Change::PodApplied)));
        if pending.confirmed {
            changes.push(Change::Confirmed);
        }
        changes.extend(pending.state.map(Change::Source));
        let updates: Vec<_> = changes.into_iter().map(|change| Update { signal: self.signal.clone(), at, change }).collect();
        let reading = if pending.table_read { Some(self.reading(at)) } else { pending.reading };
        let reading = reading.map(|reading| (self.signal.clone(), reading));
        (!updates.is_empty() || reading.is_some()).then_some(SignalMessage { updates, reading })
    }

    fn reading(&self, taken: DateTime<Utc>) -> Reading {
        let counts = self.table.counts();
        #[expect(clippy::cast_precision_loss, reason = "restarts stay far below 2^52")]
        let restarts = counts.restarts as f64;
        let members = [
            ("ready", f64::from(counts.ready)),
            ("total", f64::from(counts.total)),
            ("restarts", restarts),
            ("crashing", f64::from(counts.crashing)),
        ];
        Reading {
            taken,
            ok: Some(true),
            failures: 0,
            members: members.into_iter().map(|(name, value)| (name.to_owned(), Measure(value))).collect(),
            problem: None,
            unreachable: false,
            detail: self.table.window(PodOrder::WorstFirst, 0, WORST).map(|row| row.line(taken)).collect(),
        }
    }
}
