//! How a replay moves along the time line: playing or not, how fast, and past what.

use super::tape::Tape;

/// Speeds that + and - go through, times as fast as it happened.
const SPEEDS: [f64; 9] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// The slowest.
pub const SLOWEST: f64 = 0.25;
/// The fastest.
pub const FASTEST: f64 = 64.0;
/// After an idle stretch was skipped, what comes next is seen coming for so long.
const LEAD_MS: u64 = 1_000;

/// A place on the time line that moves.
#[derive(Debug, Clone, PartialEq)]
pub struct Playback {
    time: u64,
    /// What is left of a millisecond, at slow speeds.
    rest: f64,
    playing: bool,
    speed: f64,
    idle_ms: Option<u64>,
}

impl Playback {
    /// At the beginning, playing. Where `idle_ms` is given, a stretch in which nothing
    /// happens but readings is shown for so long and then skipped.
    pub fn new(speed: f64, idle_ms: Option<u64>) -> Self {
        let speed = if speed.is_finite() { speed.clamp(SLOWEST, FASTEST) } else { 1.0 };
        Self { time: 0, rest: 0.0, playing: true, speed, idle_ms }
    }

    /// Where it is, milliseconds from the first record.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// Whether it moves by itself.
    pub fn is_playing(&self) -> bool {
        self.playing
    }

    /// How many times faster than it happened.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// How long an idle stretch is shown, milliseconds; none: all of it.
    pub fn idle_ms(&self) -> Option<u64> {
        self.idle_ms
    }

    /// Skips idle stretches after so long, or no more.
    pub fn skip_idle(&mut self, idle_ms: Option<u64>) {
        self.idle_ms = idle_ms;
    }

    /// Plays, or stands still. At its end it plays again from the beginning.
    pub fn toggle(&mut self, tape: &Tape) {
        self.playing = !self.playing;
        if self.playing && self.time >= tape.end() {
            self.time = 0;
        }
    }

    /// Stands still from now on.
    pub fn pause(&mut self) {
        self.playing = false;
    }

    /// The next faster or slower of the usual speeds.
    pub fn change_speed(&mut self, faster: bool) {
        let next = if faster {
            SPEEDS.iter().copied().find(|s| *s > self.speed)
        } else {
            SPEEDS.iter().rev().copied().find(|s| *s < self.speed)
        };
        self.speed = next.unwrap_or(self.speed);
    }

    /// Goes to a place; whether it plays stays as it is.
    pub fn go(&mut self, time: u64, tape: &Tape) {
        self.time = time.min(tape.end());
        self.rest = 0.0;
    }

    /// Lets so much real time pass, after `folded` records. At the end it stands still.
    pub fn advance(&mut self, real_ms: u64, folded: usize, tape: &Tape) {
        if !self.playing {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a tick is short")]
        let exact = real_ms as f64 * self.speed + self.rest;
        let whole = exact.trunc();
        self.rest = exact - whole;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and a tick is short")]
        let gone = whole as u64;
        self.time = self.past_idle(self.time.saturating_add(gone), folded, tape).min(tape.end());
        if self.time >= tape.end() {
            self.playing = false;
        }
    }

    /// Where the idle stretch it is in is left, if it has been shown for long enough.
    fn past_idle(&self, time: u64, folded: usize, tape: &Tape) -> u64 {
        let (Some(idle), (last, next)) = (self.idle_ms, tape.events_around(folded)) else { return time };
        let since = last.map_or(0, |last| tape.time(last));
        let Some(next) = next.map(|next| tape.time(next).saturating_sub(LEAD_MS)) else {
            // Nothing more happens: what is left are readings.
            return if time.saturating_sub(since) > idle { tape.end() } else { time };
        };
        if time.saturating_sub(since) > idle { time.max(next) } else { time }
    }
}
