//! A process by pid and start time, so that a reused pid is not taken for it.

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// A process that may have ended since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its pid.
    pub pid: i32,
    /// When it started, in clock ticks since the machine's boot; `None` where the system
    /// does not tell.
    pub start: Option<u64>,
    /// Which boot of the machine; `None` where the system does not tell.
    pub boot: Option<BootId>,
}

/// The beginning of the kernel's boot id, enough to tell boots apart.
type BootId = [u8; 8];

impl ProcessId {
    /// The process with this pid, as it is now.
    pub fn of(pid: i32) -> Self {
        Self { pid, start: stat(pid).map(|(_, start)| start), boot: boot() }
    }

    /// This process.
    pub fn own() -> Self {
        Self::of(std::process::id().cast_signed())
    }

    /// Whether it still runs. A zombie does not, nor does another process with its pid.
    pub fn is_alive(&self) -> bool {
        if self.boot != boot() {
            return false;
        }
        match (stat(self.pid), self.start) {
            (Some((state, start)), Some(known)) => start == known && state != 'Z' && state != 'X',
            (None, Some(_)) => false,
            // Without /proc the pid alone has to do.
            (_, None) => Pid::from_raw(self.pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
        }
    }

    /// Sends a signal to the whole group this process leads, if it is still the same one.
    pub fn signal_group(&self, signal: Signal) -> bool {
        self.is_alive() && self.signal_group_unchecked(signal)
    }

    /// The same for a leader that has ended but was not waited for yet, which keeps its
    /// group's number taken.
    pub(super) fn signal_group_unchecked(self, signal: Signal) -> bool {
        Pid::from_raw(self.pid).is_some_and(|group| rustix::process::kill_process_group(group, signal).is_ok())
    }
}

/// State and start time from `/proc/<pid>/stat`. The name, in parentheses, may hold
/// anything, so it is skipped from its last parenthesis.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    // Field 22 of the whole line; the state is field 3.
    let start = fields.nth(18)?.parse().ok()?;
    Some((state, start))
}

fn boot() -> Option<BootId> {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").ok()?;
    text.get(..8)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_no_other() {
        let own = ProcessId::own();
        assert!(own.is_alive());
        assert!(!ProcessId { start: own.start.map(|s| s + 1), ..own }.is_alive(), "another process with the same pid");
        assert!(!ProcessId { boot: Some([0; 8]), ..own }.is_alive(), "another boot");
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let id = ProcessId::of(child.id().cast_signed());
        let pid = Pid::from_raw(id.pid).unwrap();
        let options = rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap();
        assert!(!id.is_alive());
        child.wait().unwrap();
        assert!(!id.is_alive());
    }
}
