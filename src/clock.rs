//! The one clock: wall and monotonic time, read by the loop only.
//!
//! Monotonic time is tokio's, so that under a paused runtime a whole session passes in no
//! time; [`Clock::simulated`] then takes the wall clock from it too, and the same seed
//! gives the same journal. A clock can run faster than the world's, for rehearsals.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use tokio::time::Instant;

use crate::session::At;

/// Longer than any session: a deadline beyond it is not waited for exactly.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Tells the time since the session was opened or resumed.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Where `mono_ms` counts from.
    origin: Instant,
    wall: Wall,
    /// How many seconds of the session pass in one.
    speed: f64,
}

/// Where the wall clock comes from.
#[derive(Debug, Clone, Copy)]
enum Wall {
    /// The system.
    System,
    /// So late it was at that moment; from there it goes with the monotonic clock.
    Since(DateTime<Utc>, Instant),
}

impl Clock {
    /// The system's clock, counting from now.
    pub fn real() -> Self {
        Self { origin: Instant::now(), wall: Wall::System, speed: 1.0 }
    }

    /// A clock that shows `epoch` now and goes with tokio's time, which may be paused,
    /// at `speed` (1: as it is; from 0.001 to 100,000; what is not a positive number counts
    /// as 1).
    pub fn simulated(epoch: DateTime<Utc>, speed: f64) -> Self {
        let now = Instant::now();
        let speed = if speed > 0.0 { speed.clamp(0.001, 100_000.0) } else { 1.0 };
        Self { origin: now, wall: Wall::Since(epoch, now), speed }
    }

    /// Counts `mono_ms` from now: at `session.opened` and `session.resumed`.
    pub fn restart(&mut self) {
        self.origin = Instant::now();
    }

    /// What time it is. The wall clock to the millisecond, as records hold it.
    pub fn now(&self) -> At {
        let now = Instant::now();
        let wall = match self.wall {
            Wall::System => Utc::now(),
            Wall::Since(epoch, moment) => {
                let passed = now.saturating_duration_since(moment).mul_f64(self.speed);
                TimeDelta::from_std(passed).ok().and_then(|passed| epoch.checked_add_signed(passed)).unwrap_or(epoch)
            }
        };
        #[cfg(test)]
        let wall = wall + tests::SET_BY.get();
        let passed = now.saturating_duration_since(self.origin);
        let passed = if self.speed == 1.0 { passed } else { passed.mul_f64(self.speed) };
        At { wall: wall.trunc_subsecs(3), mono_ms: u64::try_from(passed.as_millis()).unwrap_or(u64::MAX) }
    }

    /// The moment of a deadline, to sleep until: the first at which [`Clock::now`] shows
    /// at least `mono_ms`.
    pub fn instant_of(&self, mono_ms: u64) -> Instant {
        let mut passed = Duration::from_millis(mono_ms);
        if self.speed != 1.0 {
            // Rounded up, or a sleeper would wake a moment too early and find nothing due.
            let seconds = passed.as_secs_f64() / self.speed;
            passed = Duration::try_from_secs_f64(seconds).unwrap_or(NEVER) + Duration::from_micros(1);
        }
        self.origin.checked_add(passed.min(NEVER)).unwrap_or(self.origin + NEVER)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    thread_local! {
        /// By how much somebody has set the wall clock, for all clocks of a test.
        pub(crate) static SET_BY: std::cell::Cell<TimeDelta> = const { std::cell::Cell::new(TimeDelta::zero()) };
    }

    fn epoch() -> DateTime<Utc> {
        "2026-11-21T03:33:44.120Z".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn simulated_time_goes_with_the_runtime() {
        let mut clock = Clock::simulated(epoch(), 1.0);
        assert_eq!(clock.now(), At { wall: epoch(), mono_ms: 0 });
        tokio::time::advance(Duration::from_millis(90_500)).await;
        assert_eq!(clock.now(), At { wall: epoch() + TimeDelta::milliseconds(90_500), mono_ms: 90_500 });
        clock.restart();
        assert_eq!(clock.now(), At { wall: epoch() + TimeDelta::milliseconds(90_500), mono_ms: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_due_when_its_moment_has_come() {
        for speed in [1.0, 7.3, 60.0, 0.3] {
            let clock = Clock::simulated(epoch(), speed);
            for mono_ms in [1, 999, 1000, 61_003] {
                tokio::time::sleep_until(clock.instant_of(mono_ms)).await;
                assert!(clock.now().mono_ms >= mono_ms, "{mono_ms} at {speed}");
            }
        }
        // Far beyond any session: no overflow.
        let _ = Clock::simulated(epoch(), 0.0).instant_of(u64::MAX);
        let _ = Clock::simulated(epoch(), 1e-9).instant_of(u64::MAX);
    }

    #[tokio::test]
    async fn the_real_clock_shows_milliseconds() {
        let clock = Clock::real();
        let (first, second) = (clock.now(), clock.now());
        assert_eq!(first.wall.timestamp_subsec_micros() % 1000, 0);
        assert!(second.mono_ms >= first.mono_ms);
    }
}
