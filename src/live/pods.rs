//! A table of pods, as `kubectl get pods` shows them.
//!
//! The table keeps its rows by name and, beside them, in order of need (worst first),
//! so that a window of a few rows out of thousands is read without sorting. Counts are
//! kept with every change. Change it through its methods only: order and counts follow
//! them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::age::{format_age, format_since};

/// One pod, reduced to what is shown. The columns follow kubectl's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodRow {
    /// Name.
    pub name: String,
    /// Ready containers.
    pub ready: u32,
    /// All containers (restartable init containers included).
    pub total: u32,
    /// STATUS.
    pub status: String,
    /// Restarts.
    pub restarts: u32,
    /// When the last restart was.
    pub last_restart: Option<DateTime<Utc>>,
    /// Creation, for AGE.
    pub created: Option<DateTime<Utc>>,
    /// Reason of the last termination (`OOMKilled`), which STATUS hides at times.
    pub last_termination: Option<String>,
    /// Node.
    pub node: Option<String>,
    /// The pod-template-hash label, to tell old pods from new.
    pub template_hash: Option<String>,
    /// Image of the first container.
    pub image: Option<String>,
    /// Ready condition of the pod.
    pub is_ready: bool,
    /// Cannot start: waiting for a reason that needs someone.
    pub crashing: bool,
}

impl PodRow {
    /// The READY column, `1/2`.
    pub fn ready_column(&self) -> String {
        format!("{}/{}", self.ready, self.total)
    }

    /// The RESTARTS column, `3 (2m ago)`.
    pub fn restarts_column(&self, now: DateTime<Utc>) -> String {
        match self.last_restart {
            Some(at) if self.restarts != 0 => format!("{} ({} ago)", self.restarts, format_age(now - at)),
            _ => self.restarts.to_string(),
        }
    }

    /// The AGE column.
    pub fn age_column(&self, now: DateTime<Utc>) -> String {
        format_since(self.created, now)
    }

    /// The row as a line of text, for the evidence of a record.
    pub fn line(&self, now: DateTime<Utc>) -> String {
        let mut line = format!("{} {} {} {}", self.name, self.ready_column(), self.status, self.restarts_column(now));
        if let Some(reason) = self.last_termination.as_deref().filter(|reason| *reason != self.status) {
            line.push_str(" last: ");
            line.push_str(reason);
        }
        line
    }

    /// How much the pod needs someone.
    pub fn need(&self) -> Need {
        if self.crashing {
            Need::Crashing
        } else if self.is_ready {
            Need::Ready
        } else if matches!(self.status.as_str(), "Completed" | "Succeeded") {
            Need::Finished
        } else {
            Need::NotReady
        }
    }

    /// Where the pod stands among others.
    fn rank(&self) -> Rank {
        Rank { need: self.need(), restarts: Reverse(self.restarts), name: self.name.clone() }
    }
}

/// How much a pod needs someone, most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It cannot start.
    Crashing,
    /// It is on its way, or stuck on it.
    NotReady,
    /// It serves.
    Ready,
    /// It has done what it was for.
    Finished,
}

/// The place of a row in the order of need. Names make it total.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    need: Need,
    restarts: Reverse<u32>,
    name: String,
}

/// How a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodOrder {
    /// Crashing pods, then those that are not ready, then by restarts, then by name.
    #[default]
    WorstFirst,
    /// By name, as kubectl prints them.
    Name,
}

/// What a table adds up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PodCounts {
    /// Pods that serve.
    pub ready: u32,
    /// All pods of the selector but the finished ones; those that are going away count.
    pub total: u32,
    /// Restarts of all of them, finished ones included.
    pub restarts: u64,
    /// Pods that cannot start.
    pub crashing: u32,
    /// Pods that have done what they were for.
    pub finished: u32,
}

impl PodCounts {
    fn add(&mut self, row: &PodRow) {
        match row.need() {
            Need::Crashing => self.crashing += 1,
            Need::NotReady => {}
            Need::Ready => self.ready += 1,
            Need::Finished => self.finished += 1,
        }
        self.total += u32::from(row.need() != Need::Finished);
        self.restarts += u64::from(row.restarts);
    }

    fn remove(&mut self, row: &PodRow) {
        match row.need() {
            Need::Crashing => self.crashing = self.crashing.saturating_sub(1),
            Need::NotReady => {}
            Need::Ready => self.ready = self.ready.saturating_sub(1),
            Need::Finished => self.finished = self.finished.saturating_sub(1),
        }
        self.total = self.total.saturating_sub(u32::from(row.need() != Need::Finished));
        self.restarts = self.restarts.saturating_sub(u64::from(row.restarts));
    }
}

/// The pods of a signal, by name.
#[derive(Debug, Clone, Default)]
pub struct PodTable {
    /// The rows. To be read; changed by [`PodTable::apply`] and its like only.
    pub rows: BTreeMap<String, PodRow>,
    /// The selector, resolved.
    pub selector: String,
    order: Vec<Rank>,
    counts: PodCounts,
}

impl PodTable {
    /// An empty table of a selector.
    pub fn new(selector: impl Into<String>) -> Self {
        Self { selector: selector.into(), ..Self::default() }
    }

    /// A table of these rows.
    pub fn with_rows(selector: impl Into<String>, rows: impl IntoIterator<Item = PodRow>) -> Self {
        let mut table = Self::new(selector);
        table.reset(rows);
        table
    }

    /// Forgets everything and takes these rows instead.
    pub fn reset(&mut self, rows: impl IntoIterator<Item = PodRow>) {
        self.rows = rows.into_iter().map(|row| (row.name.clone(), row)).collect();
        self.order = self.rows.values().map(PodRow::rank).collect();
        self.order.sort_unstable();
        self.counts = PodCounts::default();
        for row in self.rows.values() {
            self.counts.add(row);
        }
    }

    /// Adds a pod or replaces what was known of it.
    pub fn apply(&mut self, row: PodRow) {
        let rank = row.rank();
        self.counts.add(&row);
        let old = self.rows.insert(row.name.clone(), row);
        if let Some(old) = &old {
            self.counts.remove(old);
        }
        match old.map(|old| old.rank()) {
            Some(old) if old == rank => {}
            old => {
                if let Some(old) = old {
                    self.forget(&old);
                }
                let place = self.order.partition_point(|other| *other < rank);
                self.order.insert(place, rank);
            }
        }
    }

    /// Removes a pod; an unknown name is no mistake.
    pub fn delete(&mut self, name: &str) {
        if let Some(old) = self.rows.remove(name) {
            self.counts.remove(&old);
            self.forget(&old.rank());
        }
    }

    /// What the rows add up to.
    pub fn counts(&self) -> PodCounts {
        self.counts
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The rows from `start` on, at most `len`; nothing is copied or sorted.
    pub fn window(&self, order: PodOrder, start: usize, len: usize) -> impl Iterator<Item = &PodRow> {
        let (worst, named) = match order {
            PodOrder::WorstFirst => {
                let end = start.saturating_add(len).min(self.order.len());
                (self.order.get(start.min(end)..end), None)
            }
            PodOrder::Name => (None, Some(self.rows.values().skip(start).take(len))),
        };
        let worst = worst.unwrap_or_default().iter().filter_map(|rank| self.rows.get(&rank.name));
        worst.chain(named.into_iter().flatten())
    }

    fn forget(&mut self, rank: &Rank) {
        if let Ok(place) = self.order.binary_search(rank) {
            self.order.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn row(name: &str) -> PodRow {
        PodRow {
            name: name.to_owned(),
            ready: 1,
            total: 1,
            status: "Running".to_owned(),
            restarts: 0,
            last_restart: None,
            created: None,
            last_termination: None,
            node: None,
            template_hash: None,
            image: None,
            is_ready: true,
            crashing: false,
        }
    }

    fn names(table: &PodTable, order: PodOrder, start: usize, len: usize) -> Vec<String> {
        table.window(order, start, len).map(|row| row.name.clone()).collect()
    }

    #[test]
    fn the_worst_come_first() {
        let table = PodTable::with_rows(
            "app=shop",
            [
                row("fine"),
                PodRow { restarts: 3, ..row("restarted") },
                PodRow { is_ready: false, status: "Completed".into(), ..row("done") },
                PodRow { is_ready: false, status: "Pending".into(), ..row("pending") },
                PodRow { is_ready: false, crashing: true, status: "CrashLoopBackOff".into(), ..row("crashing") },
            ],
        );
        assert_eq!(names(&table, PodOrder::WorstFirst, 0, 9), ["crashing", "pending", "restarted", "fine", "done"]);
        assert_eq!(names(&table, PodOrder::WorstFirst, 1, 2), ["pending", "restarted"]);
        assert_eq!(names(&table, PodOrder::Name, 3, 9), ["pending", "restarted"]);
        assert_eq!(names(&table, PodOrder::WorstFirst, 7, 2), Vec::<String>::new());
        assert_eq!(table.counts(), PodCounts { ready: 2, total: 4, restarts: 3, crashing: 1, finished: 1 });
    }

    #[test]
    fn a_line_names_the_last_termination_that_status_hides() {
        let at = DateTime::UNIX_EPOCH;
        let row = PodRow {
            restarts: 4,
            last_restart: Some(at),
            last_termination: Some("OOMKilled".into()),
            status: "CrashLoopBackOff".into(),
            ..row("a")
        };
        assert_eq!(row.line(at + chrono::TimeDelta::seconds(90)), "a 1/1 CrashLoopBackOff 4 (90s ago) last: OOMKilled");
    }

    proptest! {
        /// Whatever happened, order and counts are those of the same rows read anew.
        #[test]
        fn order_and_counts_follow_every_change(
            changes in prop::collection::vec((0_u8..12, any::<bool>(), any::<bool>(), 0_u32..3, any::<bool>()), 0..80)
        ) {
            let mut table = PodTable::new("");
            for (name, is_ready, crashing, restarts, delete) in changes {
                let name = format!("p{name}");
                if delete {
                    table.delete(&name);
                } else {
                    table.apply(PodRow { is_ready, crashing, restarts, ..row(&name) });
                }
            }
            let anew = PodTable::with_rows("", table.rows.values().cloned());
            prop_assert_eq!(&table.order, &anew.order);
            prop_assert_eq!(table.counts, anew.counts);
            prop_assert_eq!(table.window(PodOrder::WorstFirst, 0, usize::MAX).count(), table.len());
        }
    }
}
