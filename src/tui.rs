//! How it looks: keys to actions, state to frames.
//!
//! Everything drawn is derived from a [`Screen`] of borrowed plain data and from [`Ui`],
//! which holds nothing but where the operator looks and what they are typing. [`view`]
//! is pure drawing; [`Ui::handle`] is pure key handling: it answers with [`Action`]s and
//! does nothing itself. The module never reads a clock, a file or a socket, and knows
//! neither the journal nor the effects. What must never be missed (mode, target, tripped
//! guards, what a rollback would go back to, a journal that cannot be written) is laid
//! out first, at every size; everything else shares what is left.

use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::Backend;

use crate::live::Live;
use crate::session::sheet::Sheet;
use crate::session::view::{GuardView, Header, OutlineRow, Prompt, StepView, UndoItem};

pub mod action;
pub mod bundle;
mod footer;
pub mod form;
mod header;
mod input;
pub mod inputs;
pub mod keymap;
pub mod launcher;
mod layout;
mod markdown;
mod overlay;
mod paint;
mod panels;
pub mod preflight;
mod prompt;
pub mod replay;
mod request;
mod scroll;
mod step;
mod steps;
pub mod text;
pub mod theme;
mod ui;

pub use action::{Action, Secret};
pub use overlay::{SheetRow, sheet_rows};
pub use prompt::closing_facts;
pub use replay::{Replay, Transport};
pub use request::{summary, text_lines};
pub use theme::{Depth, Theme, ThemeName};
pub use ui::{Level, Ui};

/// Everything a frame is drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Screen<'a> {
    /// The facts of the header.
    pub header: &'a Header,
    /// All steps in order.
    pub outline: &'a [OutlineRow],
    /// The step in hand.
    pub step: Option<&'a StepView>,
    /// What is asked.
    pub prompt: &'a Prompt,
    /// All guards.
    pub guards: &'a [GuardView],
    /// What stopping now would undo, in the order it would be done.
    pub undo: &'a [UndoItem],
    /// Tables, series and outputs.
    pub live: &'a Live,
    /// Wall clock, UTC.
    pub now: DateTime<Utc>,
    /// How the journal is.
    pub journal: Journal<'a>,
    /// SHA-256 (hex) of the journal's last line as the last seal left it; absent where
    /// nothing is sealed.
    pub sealed: Option<&'a str>,
    /// Standing messages that are not about a step (`runbook changed on disk`).
    pub notices: &'a [String],
    /// Notes of the session, oldest first, shown when it is over.
    pub notes: &'a [String],
    /// What is owed after the end, shown when it is over.
    pub followups: &'a [String],
    /// Contacts, links, clocks and what will be owed.
    pub sheet: &'a Sheet,
    /// The session's id, for `pacenote resume`.
    pub session: &'a str,
    /// Where in the past this is; none: it is now.
    pub replay: Option<&'a Replay>,
}

/// How the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal<'a> {
    /// Written and synced up to this record.
    Written(u64),
    /// The disk has not yet taken this record, for so many milliseconds.
    Waiting(u64, u64),
    /// It was written up to this record, at a moment of the past; and the last there is.
    Recorded(u64, u64),
    /// It cannot be written any more: the last record, and why.
    Failed(u64, &'a str),
}

/// Draws one frame.
pub fn view(screen: &Screen<'_>, ui: &Ui, frame: &mut Frame<'_>) {
    let area = frame.area();
    layout::draw(screen, ui, frame.buffer_mut(), area);
    if ui.ascii {
        theme::to_ascii(frame.buffer_mut());
    }
}

/// Draws one frame onto a terminal and notes what was shown when, which is what keys are
/// judged by. `now_ms` is the monotonic clock that keys are stamped with too.
///
/// # Errors
/// When the terminal cannot be written.
pub fn draw<B: Backend>(terminal: &mut Terminal<B>, screen: &Screen<'_>, ui: &mut Ui, now_ms: u64) -> Result<(), B::Error> {
    ui.observe(screen, now_ms);
    terminal.draw(|frame| view(screen, ui, frame))?;
    ui.drawn(screen, now_ms);
    Ok(())
}
