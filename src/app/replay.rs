//! The screen over a session of the past.
//!
//! Moves a [`Player`] as time and keys say, and draws it as a walk is drawn. *Guarantee:*
//! it holds no writer, no door and no effect, so nothing it does can act or be recorded;
//! of the session's folder it reads outputs, and those only when one is to be seen.

use std::io;
use std::time::{Duration, Instant};

use super::notices;
use super::screen::Shown;
use crate::redact::{Keep, strip_controls};
use crate::replay::{Playback, Player, decision, jump};
use crate::session::At;
use crate::session::intent::What;
use crate::terminal::TerminalGuard;
use crate::terminal::input::{InputReader, TerminalEvent, Timed};
use crate::terminal::signals::{Signals, TerminalSignal};
use crate::tui::{self, Action, Journal, Level, Replay, Screen, Transport, Ui};

mod opening;
mod outputs;

pub use opening::open;
use outputs::Outputs;

/// How often a moving picture is looked at anew.
const TICK: Duration = Duration::from_millis(100);
/// However long the program was suspended, no more than this is made up for.
const LONGEST_MS: u64 = 1_000;
/// How long an idle stretch is shown where nobody said.
const IDLE_MS: u64 = 5_000;
/// What was decided is said for so long afterwards, milliseconds at ordinary speed.
const DECIDED_MS: f64 = 3_000.0;

/// A session of the past and where in it one looks.
pub struct Film {
    player: Player,
    playback: Playback,
    outputs: Outputs,
    last_record: u64,
    /// What was said to be wrong with the record.
    alarms: Vec<String>,
    /// What is good to know of it.
    remarks: Vec<String>,
    /// The loop's own notices, as of so many records.
    told: (usize, Vec<String>),
    notices: Vec<String>,
    at: At,
    replay: Replay,
}

impl Film {
    /// A film at its beginning. `journal` is where outputs are looked for beside it, and
    /// `last_record` the last there is, which may be one that cannot be played.
    pub fn new(player: Player, playback: Playback, journal: &std::path::Path, last_record: u64) -> Self {
        let replay = Replay {
            record: (0, last_record),
            place: (0, 0),
            playing: false,
            speed: 1.0,
            idle_ms: None,
            decided: None,
            next: None,
            away_until: None,
            alarms: Vec::new(),
        };
        let at = player.at(0);
        let mut film = Self {
            player,
            playback,
            outputs: Outputs::beside(journal),
            last_record,
            alarms: Vec::new(),
            remarks: Vec::new(),
            told: (0, Vec::new()),
            notices: Vec::new(),
            at,
            replay,
        };
        film.look();
        film
    }

    /// What is wrong with the record: stands over everything, all the time.
    #[must_use]
    pub fn with_alarms(mut self, alarms: Vec<String>) -> Self {
        self.alarms = alarms;
        self.look();
        self
    }

    /// What is good to know of the record.
    #[must_use]
    pub fn with_remarks(mut self, remarks: Vec<String>) -> Self {
        self.remarks = remarks;
        self.look();
        self
    }

    /// The player.
    pub fn player(&self) -> &Player {
        &self.player
    }

    /// Where it stands.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// Lets real time pass; true when something is to be drawn.
    pub fn advance(&mut self, real_ms: u64) -> bool {
        let before = (self.player.folded(), self.at.wall.timestamp(), self.playback.is_playing());
        self.playback.advance(real_ms, self.player.folded(), self.player.tape());
        if !before.2 {
            return false;
        }
        let folded = self.player.tape().records_until(self.playback.time());
        if folded > self.player.folded() {
            self.player.fold_to(folded);
        }
        self.look();
        before != (self.player.folded(), self.at.wall.timestamp(), self.playback.is_playing())
    }

    /// Moves as asked.
    ///
    /// # Errors
    /// A sentence, where there is nothing to go to.
    pub fn transport(&mut self, transport: Transport) -> Result<(), String> {
        let folded = self.player.folded();
        match transport {
            Transport::Play => {
                self.playback.toggle(self.player.tape());
                if self.playback.time() == 0 {
                    self.player.fold_to(1);
                }
            }
            Transport::Step(true) => self.show_record(folded.saturating_add(1)),
            Transport::Step(false) => self.show_record(folded.saturating_sub(1)),
            Transport::Decision(forward) => {
                let tape = self.player.tape();
                let found = match forward {
                    true if self.is_asking(folded) => tape.decision_from(folded.saturating_add(1)),
                    true => tape.decision_from(folded),
                    false => tape.decision_before(folded),
                };
                let where_to = if forward { "nothing further was decided" } else { "nothing was decided before" };
                let index = found.ok_or(where_to)?;
                self.playback.pause();
                self.player.fold_to(index);
                self.playback.go(self.player.tape().time(index), self.player.tape());
            }
            Transport::Speed(faster) => self.playback.change_speed(faster),
            Transport::Idle => self.playback.skip_idle(if self.playback.idle_ms().is_some() { None } else { Some(IDLE_MS) }),
            Transport::Jump(typed) => {
                let time = jump::place(&typed, self.player.tape(), folded, self.playback.time())?;
                self.go(time);
            }
            Transport::Edge(true) => self.go(self.player.tape().end()),
            Transport::Edge(false) => {
                self.playback.go(0, self.player.tape());
                self.player.fold_to(1);
            }
        }
        self.look();
        Ok(())
    }

    /// Whether the next record is a decision that is just about to be taken.
    fn is_asking(&self, folded: usize) -> bool {
        let tape = self.player.tape();
        tape.decision_from(folded) == Some(folded) && tape.time(folded) == self.playback.time()
    }

    fn go(&mut self, time: u64) {
        self.playback.go(time, self.player.tape());
        self.player.seek(self.playback.time());
    }

    fn show_record(&mut self, folded: usize) {
        self.playback.pause();
        self.player.fold_to(folded);
        let last = self.player.folded().saturating_sub(1);
        self.playback.go(self.player.tape().time(last), self.player.tape());
    }

    /// Works out what is to be said of the place.
    fn look(&mut self) {
        let (folded, time) = (self.player.folded(), self.playback.time());
        self.at = self.player.at(time);
        self.tell(folded);
        self.replay = self.place(folded, time);
        let effect = self.player.session().step_view(self.at).and_then(|step| step.effect);
        let said = effect.and_then(|effect| Some((effect, self.player.tape().output(effect, folded)?.clone())));
        if let Some((effect, output)) = said
            && !self.player.live().outputs.contains_key(&effect)
        {
            let what = self.player.session().intent(effect).map(|intent| &intent.what);
            let output = self.outputs.read(&output, matches!(what, Some(What::Run(_))));
            self.player.live_mut().outputs.insert(effect, output);
        }
    }

    fn place(&self, folded: usize, time: u64) -> Replay {
        let tape = self.player.tape();
        let words = |index: usize| tape.record(index)?.event.as_ref().and_then(decision);
        let next = tape.decision_from(folded);
        let just_now = || {
            let last = tape.decision_before(folded)?;
            #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds")]
            let ago = time.saturating_sub(tape.time(last)) as f64;
            (ago <= DECIDED_MS * self.playback.speed().max(1.0)).then_some(last)
        };
        let decided = if self.is_asking(folded) { next } else { just_now() };
        Replay {
            record: (u64::try_from(folded.saturating_sub(1)).unwrap_or(u64::MAX), self.last_record),
            place: (time, tape.end()),
            playing: self.playback.is_playing(),
            speed: self.playback.speed(),
            idle_ms: self.playback.idle_ms(),
            decided: decided.and_then(words),
            next: next.and_then(|index| Some((tape.time(index).saturating_sub(time), words(index)?))),
            away_until: tape.away_until(folded).filter(|_| time > tape.time(folded.saturating_sub(1))),
            alarms: self.alarms.clone(),
        }
    }

    /// The notices that stood then, followed from record to record.
    fn tell(&mut self, folded: usize) {
        if folded < self.told.0 {
            self.told = (0, Vec::new());
        }
        let (from, told) = &mut self.told;
        for record in self.player.tape().records().get(*from..folded).unwrap_or_default() {
            if let Some(event) = &record.event {
                notices::of_message(told, event);
            }
        }
        *from = folded;
        self.notices = self.remarks.iter().chain(told.iter()).cloned().collect();
    }

    /// Everything a frame is drawn from.
    pub fn shown(&self) -> Shown {
        Shown::at(self.player.session(), self.at)
    }

    /// Borrowed for drawing.
    pub fn screen<'a>(&'a self, shown: &'a Shown) -> Screen<'a> {
        let journal = Journal::Recorded(self.replay.record.0, self.last_record);
        Screen {
            notices: &self.notices,
            followups: self.player.followups(),
            replay: Some(&self.replay),
            ..shown.of_session(self.player.session(), self.player.live(), journal)
        }
    }
}

/// Plays a film on the terminal until it is left.
///
/// # Errors
/// When the terminal cannot be taken or drawn on.
pub async fn run(film: &mut Film, guard: &mut TerminalGuard, mut ui: Ui) -> io::Result<()> {
    let mut signals = Signals::new()?;
    let (_reader, mut keys) = InputReader::start()?;
    let started = Instant::now();
    let clock = |at: Instant| u64::try_from(at.saturating_duration_since(started).as_millis()).unwrap_or(u64::MAX);
    let mut last = 0;
    loop {
        let now = clock(Instant::now());
        if film.advance(now.saturating_sub(last).min(LONGEST_MS)) {
            ui.request_draw();
        }
        last = now;
        if ui.needs_draw(now) {
            let shown = film.shown();
            tui::draw(guard.screen(), &film.screen(&shown), &mut ui, now)?;
            // What a walk would note or ring for has been.
            ui.take_pending(&film.screen(&shown));
        }
        let pause = if film.replay().playing { TICK } else { Duration::from_secs(1) };
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                TerminalSignal::Terminate | TerminalSignal::Interrupt | TerminalSignal::Hangup => return Ok(()),
                TerminalSignal::Resize => ui.request_draw(),
            },
            key = keys.recv() => {
                let Some(first) = key else { return Ok(()) };
                let mut batch = vec![first];
                while let Ok(more) = keys.try_recv() {
                    batch.push(more);
                }
                for timed in batch {
                    if take(film, guard, &mut ui, timed, &clock)? {
                        return Ok(());
                    }
                }
            }
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Takes one event of the terminal; true when the replay is left.
fn take(
    film: &mut Film,
    guard: &mut TerminalGuard,
    ui: &mut Ui,
    (at, event): Timed,
    clock: &dyn Fn(Instant) -> u64,
) -> io::Result<bool> {
    ui.request_draw();
    match event {
        TerminalEvent::Key(key) => {
            let now = clock(at);
            let shown = film.shown();
            for action in ui.handle(key, &film.screen(&shown), now) {
                match action {
                    Action::Quit => return Ok(true),
                    Action::Copy(text) => guard.copy(&strip_controls(&text, Keep::LINES))?,
                    Action::Suspend => guard.stop_process()?,
                    Action::Redraw => guard.redraw()?,
                    Action::Replay(transport) => {
                        if let Err(why) = film.transport(transport) {
                            ui.say(why, Level::Warn, now);
                        }
                    }
                    // No key over a replay means one of these; if one did, nothing would come of it.
                    Action::Bell
                    | Action::Command(_)
                    | Action::Start { .. }
                    | Action::Prepare { .. }
                    | Action::Give { .. }
                    | Action::Answer(_)
                    | Action::LogIn => {}
                }
            }
        }
        TerminalEvent::Paste(text) => ui.paste(&text),
        TerminalEvent::Resize => {}
        TerminalEvent::Lost(why) => {
            tracing::warn!(%why, "the terminal is gone");
            return Ok(true);
        }
    }
    Ok(false)
}
