//! A screen of its own before a session's: draws, takes keys, answers once.

use std::io;
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;
use tokio::sync::mpsc;

use super::Basis;
use crate::terminal::TerminalGuard;
use crate::terminal::capabilities::Capabilities;
use crate::terminal::input::{InputReader, TerminalEvent};
use crate::terminal::signals::{Signals, TerminalSignal};
use crate::tui::ThemeName;
use crate::tui::preflight;
use crate::tui::theme::Theme;

/// How screens look on this terminal.
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Whether only ASCII can be shown.
    pub ascii: bool,
}

impl Look {
    /// As the terminal can and the settings want.
    pub fn of(basis: &Basis, capabilities: Capabilities) -> Self {
        let name = if capabilities.no_color { ThemeName::None } else { super::walk::theme(basis.config.theme.value) };
        Self { theme: Theme::new(name, capabilities.depth), ascii: !capabilities.utf8 }
    }
}

/// What a screen before a session does.
pub(super) trait Modal {
    /// What it answers.
    type Answer;
    /// Draws it.
    fn draw(&self, frame: &mut Frame<'_>);
    /// Takes a key.
    fn key(&mut self, key: KeyEvent) -> Option<Self::Answer>;
    /// Takes pasted text.
    fn paste(&mut self, text: &str);
}

/// Shows a screen until it answers; none when the terminal went away or a signal asked to
/// leave. The terminal is given back however it ends.
///
/// # Errors
/// When the terminal cannot be used.
pub(super) fn show<M: Modal>(title: &str, modal: &mut M) -> io::Result<Option<M::Answer>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Nothing is ever told, for as long as the sender is there.
    let (_keep, mut nothing) = mpsc::channel::<()>(1);
    runtime.block_on(shown(title, modal, &mut nothing, |_, ()| None))
}

/// The same on a runtime that is there already, for a screen that also shows what comes
/// meanwhile: `take` is given each piece of news, and may answer in the operator's place.
///
/// # Errors
/// When the terminal cannot be used.
pub(super) async fn shown<M: Modal, N>(
    title: &str,
    modal: &mut M,
    news: &mut mpsc::Receiver<N>,
    mut take: impl FnMut(&mut M, N) -> Option<M::Answer>,
) -> io::Result<Option<M::Answer>> {
    let mut signals = Signals::new()?;
    let mut guard = TerminalGuard::enter(title)?;
    let (_reader, mut keys) = InputReader::start()?;
    loop {
        guard.screen().draw(|frame| modal.draw(frame))?;
        tokio::select! {
            biased;
            signal = signals.next() => match signal {
                TerminalSignal::Terminate | TerminalSignal::Interrupt | TerminalSignal::Hangup => return Ok(None),
                TerminalSignal::Resize => {}
            },
            event = keys.recv() => match event {
                Some((_, TerminalEvent::Key(key))) => {
                    if let Some(answer) = modal.key(key) {
                        return Ok(Some(answer));
                    }
                }
                Some((_, TerminalEvent::Paste(text))) => modal.paste(&text),
                Some((_, TerminalEvent::Resize)) => {}
                Some((_, TerminalEvent::Lost(_))) | None => return Ok(None),
            },
            Some(news) = news.recv() => {
                if let Some(answer) = take(modal, news) {
                    return Ok(Some(answer));
                }
            }
        }
    }
}

/// Work that is usually done at once has no screen of its own.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Keeps up a screen that says what is waited for, until the work is done. It takes no
/// keys: work that was begun is not left half-done.
pub(super) async fn waiting<T>(title: &str, words: &str, look: &Look, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let began = Instant::now();
    if let Ok(done) = tokio::time::timeout(AT_ONCE, &mut work).await {
        return done;
    }
    // Without a terminal there is nobody to be told.
    let Ok(mut guard) = TerminalGuard::enter(title) else { return work.await };
    loop {
        let gone = began.elapsed().as_secs();
        let drawn = guard.screen().draw(|frame| preflight::waiting(title, words, gone, (&look.theme, look.ascii), frame));
        if drawn.is_err() {
            return work.await;
        }
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(1), &mut work).await {
            return done;
        }
    }
}
