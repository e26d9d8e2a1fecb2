//! The world's time: tokio's, so that a paused clock drives it, and faster on request.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::cluster::Millis;

/// Says what time it is in a world.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: DateTime<Utc>,
    start: Instant,
    speed: f64,
}

impl Clock {
    /// A clock that starts now, reads `epoch` then, and goes as time does. Needs a tokio
    /// runtime where the runtime's clock is paused.
    pub fn start(epoch: DateTime<Utc>) -> Self {
        Self::start_at_speed(epoch, 1.0)
    }

    /// The same, `speed` times as fast (`rehearse --speed 10`). A speed that is not a
    /// positive number is taken as 1.
    pub fn start_at_speed(epoch: DateTime<Utc>, speed: f64) -> Self {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        // Objects carry whole seconds: an epoch on a whole second makes both agree.
        let epoch = DateTime::from_timestamp(epoch.timestamp(), 0).unwrap_or(epoch);
        Self { epoch, start: Instant::now(), speed }
    }

    /// The time in the world.
    pub fn now(&self) -> DateTime<Utc> {
        self.epoch + chrono::Duration::milliseconds(self.elapsed())
    }

    /// The time in the world when it started.
    pub fn epoch(&self) -> DateTime<Utc> {
        self.epoch
    }

    /// Milliseconds since the start, in the world.
    pub(crate) fn elapsed(&self) -> Millis {
        let elapsed = self.start.elapsed();
        #[expect(clippy::cast_possible_truncation, reason = "a rehearsal of centuries may stop its clock")]
        let millis = if self.runs_as_time_does() {
            elapsed.as_millis() as Millis
        } else {
            (elapsed.as_secs_f64() * self.speed * 1_000.0) as Millis
        };
        millis
    }

    /// The moment at which the world's time is reached.
    pub(crate) fn instant(&self, at: Millis) -> Instant {
        let millis = u64::try_from(at).unwrap_or(0);
        if self.runs_as_time_does() {
            return self.start + Duration::from_millis(millis);
        }
        // One more, so that rounding never wakes anyone just before.
        self.start + Duration::from_millis(millis).div_f64(self.speed) + Duration::from_millis(1)
    }

    #[expect(clippy::float_cmp, reason = "exactly one is what was asked for")]
    fn runs_as_time_does(&self) -> bool {
        self.speed == 1.0
    }
}
