//! The screen's face: keys in, frames out.
//!
//! Draws at most once a batch of changes, and nothing when nothing changed. The terminal
//! is given back however the walk is left.

use std::io;
use std::time::Instant;

use super::logins::{self, LoggedIn};
use super::walk::{Ended, Walk};
use crate::live::Live;
use crate::session::intent::Starter;
use crate::session::message::Command;
use crate::session::sheet::Sheet;
use crate::session::{At, Session};
use crate::terminal::TerminalGuard;
use crate::terminal::input::{InputReader, TerminalEvent, Timed};
use crate::terminal::modes::Modes;
use crate::terminal::signals::{Signals, TerminalSignal};
use crate::tui::{self, Action, Journal, Level, Screen, Ui};

/// What the operator typed as secrets of forms goes here.
pub type KeepSecret<'a> = &'a mut dyn FnMut(&str, &str) -> Result<(), String>;

/// Everything a frame is drawn from, worked out of a walk.
pub struct Shown {
    header: crate::session::view::Header,
    outline: Vec<crate::session::view::OutlineRow>,
    step: Option<crate::session::view::StepView>,
    prompt: crate::session::view::Prompt,
    guards: Vec<crate::session::view::GuardView>,
    undo: Vec<crate::session::view::UndoItem>,
    notes: Vec<String>,
    sheet: Sheet,
    now: chrono::DateTime<chrono::Utc>,
}

impl Shown {
    /// As a walk stands now.
    pub fn of(walk: &Walk) -> Self {
        let mut shown = Self::at(walk.session(), walk.now());
        shown.sheet.preflight.clone_from(&walk.preflight);
        shown
    }

    /// As a session stands at a moment.
    pub(super) fn at(session: &Session, at: At) -> Self {
        Self {
            header: session.header(at),
            outline: session.outline(at),
            step: session.step_view(at),
            prompt: session.prompt(at),
            guards: session.guard_views(at),
            undo: session.if_stopped(),
            notes: session.notes().iter().map(|(_, text)| text.clone()).collect(),
            sheet: session.sheet(at),
            now: at.wall,
        }
    }

    /// Borrowed for drawing.
    pub fn screen<'a>(&'a self, walk: &'a Walk) -> Screen<'a> {
        let journal = match (walk.failed(), walk.waiting_for_disk()) {
            (Some(why), _) => Journal::Failed(walk.last_record(), why),
            (None, Some(ms)) => Journal::Waiting(walk.last_record() + 1, ms),
            (None, None) => Journal::Written(walk.last_record()),
        };
        Screen {
            sealed: walk.sealed(),
            notices: &walk.notices,
            followups: walk.followups(),
            ..self.of_session(walk.session(), &walk.live, journal)
        }
    }

    /// What is drawn of a session alone.
    pub(super) fn of_session<'a>(&'a self, session: &'a Session, live: &'a Live, journal: Journal<'a>) -> Screen<'a> {
        Screen {
            header: &self.header,
            outline: &self.outline,
            step: self.step.as_ref(),
            prompt: &self.prompt,
            guards: &self.guards,
            undo: &self.undo,
            live,
            now: self.now,
            journal,
            sealed: None,
            notices: &[],
            notes: &self.notes,
            followups: &[],
            sheet: &self.sheet,
            session: session.id(),
            replay: None,
        }
    }

    /// What is asked.
    pub fn prompt(&self) -> &crate::session::view::Prompt {
        &self.prompt
    }
}

/// Walks a session on the terminal until it is closed and looked at, or left.
///
/// # Errors
/// When the terminal cannot be taken or drawn on. The session is then as the journal
/// says and can be resumed.
pub async fn run(walk: &mut Walk, guard: &mut TerminalGuard, mut ui: Ui, keep: KeepSecret<'_>) -> io::Result<Ended> {
    let mut signals = Signals::new()?;
    let (mut reader, mut keys) = InputReader::start()?;
    let started = Instant::now();
    let clock = |at: Instant| u64::try_from(at.saturating_duration_since(started).as_millis()).unwrap_or(u64::MAX);
    let mut shown = Shown::of(walk);
    loop {
        let now = clock(Instant::now());
        if std::mem::take(&mut walk.live.changed) {
            ui.request_draw();
        }
        if ui.needs_draw(now) {
            shown = Shown::of(walk);
            tui::draw(guard.screen(), &shown.screen(walk), &mut ui, now)?;
        }
        let pending = ui.take_pending(&shown.screen(walk));
        for action in pending {
            act(walk, guard, &mut ui, action, now, keep)?;
        }
        if let Some(intent) = walk.take_interactive() {
            reader.pause();
            guard.suspend();
            let modes = Modes::kept();
            walk.run_interactive(intent).await;
            drop(modes);
            signals.forget_interrupts();
            guard.resume()?;
            reader.resume();
            ui.request_draw();
            continue;
        }
        if let Some(login) = walk.take_login() {
            reader.pause();
            guard.suspend();
            guard.say(&logins::announcement(&login));
            let went = logins::log_in(walk, &login, &mut signals).await;
            let LoggedIn::Done(done) = went else { return Ok(walk.ended().unwrap_or(Ended::Left)) };
            guard.resume()?;
            reader.resume();
            let now = clock(Instant::now());
            match done {
                Ok(said) => ui.say(said, Level::Info, now),
                Err(why) => ui.say(why, Level::Warn, now),
            }
            ui.request_draw();
            continue;
        }
        let next_draw = started + std::time::Duration::from_millis(ui.next_draw());
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                TerminalSignal::Terminate | TerminalSignal::Interrupt | TerminalSignal::Hangup => return Ok(walk.ended().unwrap_or(Ended::Left)),
                TerminalSignal::Resize => ui.request_draw(),
            },
            key = keys.recv() => {
                let Some(first) = key else { return Ok(walk.ended().unwrap_or(Ended::Left)) };
                let mut batch = vec![first];
                while let Ok(more) = keys.try_recv() {
                    batch.push(more);
                }
                for timed in batch {
                    if take(walk, guard, &mut ui, timed, &clock, keep)? {
                        return Ok(walk.ended().unwrap_or(Ended::Left));
                    }
                }
            }
            () = walk.turn() => {}
            () = tokio::time::sleep_until(next_draw.into()) => {}
        }
    }
}

/// Takes one event of the terminal; true when the walk is left.
fn take(
    walk: &mut Walk,
    guard: &mut TerminalGuard,
    ui: &mut Ui,
    (at, event): Timed,
    clock: &dyn Fn(Instant) -> u64,
    keep: KeepSecret<'_>,
) -> io::Result<bool> {
    match event {
        TerminalEvent::Key(key) => {
            let now = clock(at);
            let shown = Shown::of(walk);
            for action in ui.handle(key, &shown.screen(walk), now) {
                if act(walk, guard, ui, action, now, keep)? {
                    return Ok(true);
                }
            }
        }
        TerminalEvent::Paste(text) => ui.paste(&text),
        TerminalEvent::Resize => ui.request_draw(),
        TerminalEvent::Lost(why) => {
            tracing::warn!(%why, "the terminal is gone");
            return Ok(true);
        }
    }
    ui.request_draw();
    Ok(false)
}

/// Carries out what the screen asks; true when the walk is left.
fn act(
    walk: &mut Walk,
    guard: &mut TerminalGuard,
    ui: &mut Ui,
    action: Action,
    now: u64,
    keep: KeepSecret<'_>,
) -> io::Result<bool> {
    let done = match action {
        Action::Quit => return Ok(true),
        Action::Bell => return guard.bell().map(|()| false),
        Action::Copy(text) => {
            ui.say("copied", Level::Info, now);
            return guard.copy(&text).map(|()| false);
        }
        Action::Suspend => return guard.stop_process().map(|()| false),
        Action::Redraw => return guard.redraw().map(|()| false),
        other => carry_out(walk, other, Starter::Operator, keep),
    };
    if let Err(why) = done {
        ui.say(why, Level::Warn, now);
    }
    ui.request_draw();
    Ok(false)
}

/// Carries out what concerns the session.
///
/// # Errors
/// A sentence for the operator.
pub fn carry_out(walk: &mut Walk, action: Action, by: Starter, keep: KeepSecret<'_>) -> Result<(), String> {
    let refused = |r: crate::session::Refusal| r.0;
    match action {
        Action::Command(Command::View { panels }) => {
            // Not worth a word when the journal cannot take it.
            let _ = walk.command(Command::View { panels }, by);
            Ok(())
        }
        Action::Command(command) => walk.command(command, by).map_err(refused),
        Action::Start { step, prepared } => walk.start(step, prepared, by).map_err(refused),
        Action::Prepare { step } => {
            walk.prepare_again(&step);
            Ok(())
        }
        Action::Give { step, values, secrets } => {
            let mut names = Vec::new();
            for (name, value) in &secrets {
                keep(name, value.expose())?;
                names.push(name.clone());
            }
            walk.command(Command::Give { step, values, secrets: names }, by).map_err(refused)
        }
        Action::LogIn => walk.ask_login(),
        Action::Answer(text) => walk.answer_approval(&text).map_err(refused),
        Action::Quit | Action::Bell | Action::Copy(_) | Action::Suspend | Action::Redraw | Action::Replay(_) => Ok(()),
    }
}
