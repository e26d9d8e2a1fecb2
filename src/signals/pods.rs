//! Pods of a selector, watched.
//!
//! Two halves run side by side. The follower lists the pods page by page, then watches
//! from there, and starts over when the server has forgotten where we were. The publisher
//! puts together what it sees and sends it on, at most ten times a second, however many
//! pods change.
//!
//! kube's own watcher says nothing while nothing changes, and nothing either while it
//! reconnects: a quiet watch and a dead one look the same. So the watch is followed here,
//! where each sign of life is seen: every event and bookmark, and the regular end of each
//! watch, which is asked for often enough that a healthy watch is never stale.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{KubeTarget, ResolvedSignal, SignalMessage, WallClock};
use crate::live::PodRow;

mod columns;
pub(super) mod failure;
mod follow;
mod publish;
mod thin;

/// A pod's row from the JSON of a Pod object, as `kubectl get pods` would print it.
///
/// # Errors
/// When the text is not the JSON of an object with the types of a Pod.
pub fn row_from_json(pod: &str) -> Result<PodRow, serde_json::Error> {
    serde_json::from_str::<thin::ThinPod>(pod).map(|pod| columns::row(&pod))
}

/// What the watch has seen.
#[derive(Debug)]
enum Seen {
    /// All pods, read anew.
    Listed(Vec<PodRow>),
    /// One, added or changed.
    Applied(Box<PodRow>),
    /// One gone, by name.
    Deleted(String),
    /// The server has shown that it is there and that nothing else has changed.
    Alive,
    /// It has not, and why.
    Failed(failure::Failure),
}

/// Watches the pods until nobody receives.
pub(super) async fn watch(
    signal: ResolvedSignal,
    selector: String,
    kube: KubeTarget,
    clock: WallClock,
    tx: mpsc::Sender<SignalMessage>,
) {
    // What is seen waits here only while a batch of it is being put together.
    let (seen_tx, seen) = mpsc::channel(64);
    let follower = follow::Follower::new(kube, selector, Pace::of(&signal), seen_tx);
    let publisher = publish::Publisher::new(signal.name, clock, seen, tx);
    tokio::select! {
        biased;
        () = follower.run() => {}
        () = publisher.run() => {}
    }
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The server ends a watch after so many seconds, which is a sign of life.
    watch_seconds: u32,
    /// Silence for longer than this means that the connection is dead.
    silence: Duration,
    /// The answer to a request, for a list of pages each of them, may take so long.
    answer: Duration,
}

impl Pace {
    fn of(signal: &ResolvedSignal) -> Self {
        // A second less than `every`, so that there is a sign of life in each of them.
        let seconds = signal.pause(signal.every).as_secs().saturating_sub(1).clamp(if signal.pace > 1.0 { 1 } else { 2 }, 30);
        let watch_seconds = u32::try_from(seconds).unwrap_or(30);
        Self {
            watch_seconds,
            silence: Duration::from_secs(seconds + 5),
            // A page of 500 pods is several megabytes.
            answer: signal.timeout.max(Duration::from_secs(10)),
        }
    }
}

#[cfg(test)]
mod tests;
