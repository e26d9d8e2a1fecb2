//! Sources that are asked again and again, and answer with all there is to know.
//!
//! A lost answer costs one reading and nothing else: there is no connection to mend and
//! no state to catch up with. While a source fails it is asked ever more slowly, up to
//! every 30 s.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::outbox::Outbox;
use super::pods::failure::{Failure, Kind};
use super::source::Source;
use super::{ResolvedSignal, SignalMessage, WallClock, no_reading};
use crate::live::Change;
use crate::session::reading::{Measure, Reading};

/// A failing source is asked at least so often.
const SLOWEST: Duration = Duration::from_secs(30);

/// What is asked.
pub(super) trait Ask: Send {
    /// Asks once, in bounded time.
    fn ask(&mut self, now: DateTime<Utc>) -> impl Future<Output = Result<Answer, Failure>> + Send;
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// For the panel.
    pub(super) changes: Vec<Change>,
    /// What was asked about is not as it should be, and why.
    pub(super) bad: Option<String>,
    /// Something is missing in the answer, and what.
    pub(super) degraded: Option<String>,
    /// Numbers for expressions.
    pub(super) members: Vec<(&'static str, f64)>,
    /// For the evidence, at most 20 lines.
    pub(super) detail: Vec<String>,
}

/// Asks until nobody receives. `every` is the session's time.
pub(super) async fn poll(
    signal: ResolvedSignal,
    every: Duration,
    mut asked_of: impl Ask,
    clock: WallClock,
    tx: mpsc::Sender<SignalMessage>,
) {
    let every = signal.pause(every).max(Duration::from_millis(10));
    let mut outbox = Outbox::new(signal.name, tx);
    let mut source = Source::new();
    let (mut failures, mut misses) = (0_u32, 0_u32);
    loop {
        let (began, now) = (Instant::now(), clock());
        match asked_of.ask(now).await {
            Ok(answer) => {
                misses = 0;
                failures = if answer.bad.is_some() { failures.saturating_add(1) } else { 0 };
                let state = match &answer.degraded {
                    Some(why) => source.degraded(why),
                    None => source.good(),
                };
                answer.changes.into_iter().for_each(|change| outbox.change(now, change));
                outbox.source(now, state);
                outbox.reading(Reading {
                    taken: now,
                    ok: Some(answer.bad.is_none()),
                    failures,
                    members: answer.members.into_iter().map(|(name, value)| (name.to_owned(), Measure(value))).collect(),
                    problem: answer.bad.or(answer.degraded),
                    unreachable: false,
                    detail: answer.detail,
                });
            }
            Err(failure) => {
                (misses, failures) = (misses.saturating_add(1), failures.saturating_add(1));
                let state = match failure.kind {
                    Kind::Unreachable | Kind::Denied => source.lost(&failure.why, now),
                    Kind::Expired | Kind::Garbled | Kind::Bad => source.degraded(&failure.why),
                };
                outbox.source(now, state);
                outbox.reading(no_reading(now, failures, failure.why, failure.kind == Kind::Unreachable));
            }
        }
        if outbox.offer().is_err() {
            return;
        }
        let slower = every.saturating_mul(1 << misses.saturating_sub(1).min(10)).min(SLOWEST.max(every));
        sleep_until(began + if misses == 0 { every } else { slower }).await;
    }
}

#[cfg(test)]
mod tests;
