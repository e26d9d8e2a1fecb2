//! Where the operator looks and what they are typing.
//!
//! [`Ui`] also keeps the rule that protects from late keys: a prompt that has just
//! appeared takes no answer for half a second, counted from the frame that first showed
//! it, and a prompt that was never shown takes none at all.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use tui_textarea::TextArea;

use super::Screen;
use super::action::Action;
use super::form::Form;
use super::markdown;
use super::theme::{Depth, Theme, ThemeName};
use crate::session::intent::ObjectState;
use crate::session::message::{FailureChoice, GuardChoice, SettleChoice, StepRef};
use crate::session::view::Prompt;

/// How long a prompt that has just appeared takes no answer, milliseconds.
pub(super) const GRACE_MS: u64 = 500;
/// A pause of this length ends what someone was typing, milliseconds.
const TYPING_MS: u64 = 800;
/// How long a passing message is shown, milliseconds.
const MESSAGE_MS: u64 = 6_000;

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Focus {
    /// The list of steps.
    Steps,
    /// The step in hand.
    Step,
    /// The running output.
    Output,
    /// A panel, from 0.
    Panel(usize),
}

/// How much a passing message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Something was not done, or needs a look.
    Warn,
}

/// What a typed text is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Purpose {
    Note,
    Answer,
    ItemNote { step: StepRef, item: u32, ticked: bool },
    TypeName { step: StepRef, expected: String, takes_over: bool },
    CommandLine,
    Skip(StepRef),
    Override(StepRef),
    Failure(StepRef, FailureChoice),
    Settle(StepRef, SettleChoice),
    When(StepRef, bool),
    Guard(String, GuardChoice),
    Snooze(String),
    Choose(StepRef, char),
    Abort,
    Abandon,
    Jump,
}

impl Purpose {
    /// Whether it is a text of several lines.
    pub(super) fn is_of_lines(&self) -> bool {
        matches!(self, Self::Note | Self::Answer)
    }
}

/// A text being typed.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) purpose: Purpose,
    pub(super) title: String,
    pub(super) hint: String,
    pub(super) area: TextArea<'static>,
    pub(super) error: Option<String>,
    /// The prompt it answers, where it answers one: gone with it.
    pub(super) bound_to: Option<u64>,
}

/// What lies over the panes.
#[derive(Debug)]
pub(super) enum Overlay {
    /// The keys; the commands first, where it was asked for these.
    Help {
        scroll: usize,
        commands: bool,
    },
    Sheet {
        scroll: usize,
    },
    Rollback {
        since: Option<u64>,
        reason: Option<String>,
    },
    Leave {
        since: Option<u64>,
    },
    Entry(Box<Entry>),
}

/// A search.
#[derive(Debug)]
pub(super) struct Search {
    /// The pane that had the keys before, and where the searched one was scrolled to.
    pub(super) from: Focus,
    pub(super) scroll: Option<usize>,
    pub(super) text: String,
    pub(super) editing: bool,
    /// The match in view, counted in the searched pane's lines.
    pub(super) at: Option<usize>,
}

/// What was done to end a running effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopping {
    pub(super) effect: u64,
    /// How often it was asked.
    pub(super) presses: u8,
    /// When it was asked last.
    pub(super) at_ms: u64,
}

/// What the last frame found out about its panes, for scrolling.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Rows there are and rows that fit, by pane.
    pub(super) extent: BTreeMap<Focus, (usize, usize)>,
    /// First row drawn, by pane.
    pub(super) top: BTreeMap<Focus, usize>,
    /// Panels that could be seen.
    pub(super) panels: Vec<usize>,
    /// Whether the prompt itself was on screen.
    pub(super) prompt_visible: bool,
    /// There was no room to show anything.
    pub(super) tiny: bool,
    pub(super) help: (usize, usize),
    pub(super) markdown: markdown::Cache,
}

/// Where the operator looks and what they are typing.
#[derive(Debug)]
pub struct Ui {
    /// The styles.
    pub theme: Theme,
    /// Draw with ASCII only.
    pub ascii: bool,
    pub(super) focus: Focus,
    pub(super) zoom: bool,
    pub(super) overlay: Option<Overlay>,
    pub(super) form: Option<(StepRef, Form)>,
    pub(super) form_active: bool,
    pub(super) search: Option<Search>,
    pub(super) item: usize,
    /// First row shown, where the operator chose it.
    pub(super) scroll: BTreeMap<Focus, usize>,
    pub(super) messages: VecDeque<(String, Level, u64)>,
    pub(super) stopping: Option<Stopping>,
    pub(super) accepting: bool,
    pub(super) seen: RefCell<Seen>,
    shown: Option<(u64, u64)>,
    observed: Option<u64>,
    busy_since: Option<u64>,
    bell: bool,
    panels_told: Vec<usize>,
    dirty: bool,
    due: u64,
    clock: u64,
    /// Until then keys are taken for the rest of a text whose field went away.
    deaf_until: u64,
}

impl Default for Ui {
    fn default() -> Self {
        Self::new(ThemeName::Dark, Depth::Indexed, false)
    }
}

impl Ui {
    /// A fresh one.
    pub fn new(theme: ThemeName, depth: Depth, ascii: bool) -> Self {
        Self {
            theme: Theme::new(theme, depth),
            ascii,
            focus: Focus::Step,
            zoom: false,
            overlay: None,
            form: None,
            form_active: false,
            search: None,
            item: 0,
            scroll: BTreeMap::new(),
            messages: VecDeque::new(),
            stopping: None,
            accepting: false,
            seen: RefCell::default(),
            shown: None,
            observed: None,
            busy_since: None,
            bell: false,
            panels_told: Vec::new(),
            dirty: true,
            due: 0,
            clock: 0,
            deaf_until: 0,
        }
    }

    /// Shows a passing message.
    pub fn say(&mut self, text: impl Into<String>, level: Level, now_ms: u64) {
        if self.messages.len() >= 5 {
            self.messages.pop_front();
        }
        self.messages.push_back((text.into(), level, now_ms + MESSAGE_MS));
        self.dirty = true;
    }

    /// Drops messages that were there to be read before this key.
    pub(super) fn forget_read_messages(&mut self, now_ms: u64) {
        self.messages.retain(|(_, _, until)| *until > now_ms + MESSAGE_MS - GRACE_MS);
    }

    /// Asks for a draw at the next occasion: something the screen is drawn from changed.
    pub fn request_draw(&mut self) {
        self.dirty = true;
    }

    /// Whether a frame is due: something changed, or a shown time has moved on.
    pub fn needs_draw(&self, now_ms: u64) -> bool {
        self.dirty || now_ms >= self.due
    }

    /// When the next frame is due if nothing changes, on the clock of `now_ms`.
    pub fn next_draw(&self) -> u64 {
        self.due
    }

    /// Whether a text, a form or a search is being typed in, so that pasted text has
    /// somewhere to go.
    pub fn is_typing(&self) -> bool {
        self.form_active || matches!(self.overlay, Some(Overlay::Entry(_))) || self.search.as_ref().is_some_and(|s| s.editing)
    }

    /// What the loop should do that no key asked for: ring the bell when a question
    /// came up after a wait; tell the session what is on screen.
    pub fn take_pending(&mut self, screen: &Screen<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        if std::mem::take(&mut self.bell) {
            out.push(Action::Bell);
        }
        let panels = self.seen.borrow().panels.clone();
        if panels != self.panels_told {
            let names = panels.iter().filter_map(|i| screen.live.panels.get(*i)).map(|p| p.name.clone()).collect();
            out.push(Action::Command(crate::session::message::Command::View { panels: names }));
            self.panels_told = panels;
        }
        out
    }

    /// Looks at what is about to be shown. Called by [`super::draw`] before each frame.
    pub fn observe(&mut self, screen: &Screen<'_>, now_ms: u64) {
        let identity = identity(screen);
        self.clock = now_ms;
        if self.observed != Some(identity) {
            let first = self.observed.is_none();
            self.observed = Some(identity);
            self.item = first_open_item(screen.prompt);
            self.scroll.remove(&Focus::Step);
            self.drop_stale_entry(identity, now_ms);
            let waited = self.busy_since.is_some_and(|since| now_ms.saturating_sub(since) > 10_000);
            let urgent = matches!(screen.prompt, Prompt::Guard { .. } | Prompt::Unknown { .. } | Prompt::Failure { .. });
            let asks = !matches!(screen.prompt, Prompt::Busy { .. });
            self.bell |= !first && asks && (waited || urgent) && screen.replay.is_none();
            if let Prompt::Input { step, fields } = screen.prompt {
                if self.form.as_ref().is_none_or(|(s, _)| s != step) {
                    self.form = Some((step.clone(), Form::new(fields)));
                }
            } else if std::mem::take(&mut self.form_active) {
                self.typing_lost("another question came up; what was typed into the form is kept", now_ms);
            }
        }
        self.busy_since = match screen.prompt {
            Prompt::Busy { .. } => self.busy_since.or(Some(now_ms)),
            _ => None,
        };
        let since = self.shown.filter(|(id, _)| *id == identity).map(|(_, since)| since);
        self.accepting = screen.replay.is_none() && since.is_some_and(|since| now_ms >= since + GRACE_MS);
        self.messages.retain(|(_, _, until)| *until > now_ms);
        if let Focus::Panel(i) = self.focus
            && i >= screen.live.panels.len()
        {
            self.focus = Focus::Step;
            self.zoom = false;
        }
        if self.focus == Focus::Output && output_of(screen).is_none() {
            self.focus = Focus::Step;
            self.zoom = false;
        }
    }

    /// Notes what was shown. Called by [`super::draw`] after each frame.
    pub fn drawn(&mut self, screen: &Screen<'_>, now_ms: u64) {
        let identity = identity(screen);
        if self.seen.borrow().prompt_visible && self.shown.is_none_or(|(id, _)| id != identity) {
            self.shown = Some((identity, now_ms));
        }
        let since = self.shown.map_or(now_ms, |(_, since)| since);
        if let Some(Overlay::Rollback { since, .. } | Overlay::Leave { since }) = &mut self.overlay {
            since.get_or_insert(now_ms);
        }
        self.dirty = false;
        // Times on screen have whole seconds; the clock in the header sets the beat.
        let beat = 1000 - u64::from(screen.now.timestamp_subsec_millis().min(999));
        self.due = now_ms + beat;
        let overlay_since = match self.overlay {
            Some(Overlay::Rollback { since, .. } | Overlay::Leave { since }) => since,
            _ => None,
        };
        for start in [Some(since), overlay_since].into_iter().flatten() {
            if start + GRACE_MS > now_ms {
                self.due = self.due.min(start + GRACE_MS);
            }
        }
        for (_, _, until) in &self.messages {
            self.due = self.due.min(*until);
        }
    }

    /// Whether a key that came at `now_ms` may answer the prompt.
    pub(super) fn may_answer(&self, screen: &Screen<'_>, now_ms: u64) -> bool {
        self.seen.borrow().prompt_visible
            && self.shown.is_some_and(|(id, since)| id == identity(screen) && now_ms >= since + GRACE_MS)
    }

    /// The identity of the prompt, for entries bound to it.
    pub(super) fn prompt_identity(&self) -> Option<u64> {
        self.observed
    }

    /// The monotonic time of the frame being drawn.
    pub(super) fn clock(&self) -> u64 {
        self.clock
    }

    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// The field someone was typing into is gone: the letters that still come are no
    /// commands.
    fn typing_lost(&mut self, words: &str, now_ms: u64) {
        self.say(words, Level::Warn, now_ms);
        self.deaf_until = now_ms + TYPING_MS;
    }

    /// Whether a key at `now_ms` is still part of a text whose field went away. It is
    /// until there was a pause.
    pub(super) fn still_typing(&mut self, now_ms: u64) -> bool {
        let still = now_ms < self.deaf_until;
        if still {
            self.deaf_until = now_ms + TYPING_MS;
        }
        still
    }

    fn drop_stale_entry(&mut self, identity: u64, now_ms: u64) {
        let stale = match &self.overlay {
            Some(Overlay::Entry(e)) => e.bound_to.is_some_and(|b| b != identity),
            _ => false,
        };
        if stale {
            self.overlay = None;
            self.typing_lost("the question has changed; what was being typed was not sent", now_ms);
        }
        // Open confirmations start anew as well: they took another's place on screen.
        if let Some(Overlay::Rollback { since, .. } | Overlay::Leave { since }) = &mut self.overlay {
            *since = None;
        }
    }
}

/// First item that still needs ticking.
fn first_open_item(prompt: &Prompt) -> usize {
    match prompt {
        Prompt::Checklist { items, .. } => items.iter().position(|i| !i.ticked).unwrap_or(0),
        _ => 0,
    }
}

/// The object read before a step's change, where it was.
pub(super) fn prepared<'a>(screen: &Screen<'a>, step: &StepRef) -> Option<Result<&'a ObjectState, &'a str>> {
    screen.live.preparations.get(step).map(|r| r.as_ref().map_err(String::as_str))
}

/// The output of the effect that runs, or ran last, for the step in hand.
pub(super) fn output_of<'a>(screen: &Screen<'a>) -> Option<&'a crate::live::Output> {
    let effect = screen.step?.effect?;
    screen.live.outputs.get(&effect).filter(|o| !o.lines.is_empty())
}

/// What makes a prompt another one. What merely moves in it (time left, ticks, readings)
/// is not part of it; what Enter would do is.
fn identity(screen: &Screen<'_>) -> u64 {
    let mut h = DefaultHasher::new();
    std::mem::discriminant(screen.prompt).hash(&mut h);
    match screen.prompt {
        Prompt::Guard { guard, action, .. } => (guard, action).hash(&mut h),
        Prompt::Unknown { step, what, .. } => (step, what).hash(&mut h),
        Prompt::Failure { step, why, .. } | Prompt::GateHold { step, why } => (step, why).hash(&mut h),
        Prompt::When { step, condition, .. } => (step, condition).hash(&mut h),
        Prompt::Paused => {}
        Prompt::Start { step, what, changes, type_first, .. } => {
            (step, changes, type_first).hash(&mut h);
            format!("{what:?}").hash(&mut h);
            match prepared(screen, step) {
                None => 0.hash(&mut h),
                Some(Ok(state)) => (&state.uid, &state.resource_version, &state.diff).hash(&mut h),
                Some(Err(why)) => why.hash(&mut h),
            }
        }
        Prompt::Confirm { step, question, no } => (step, question, no).hash(&mut h),
        Prompt::Decide { step, question, .. } => (step, question).hash(&mut h),
        Prompt::Interrupt { step, .. }
        | Prompt::Checklist { step, .. }
        | Prompt::Input { step, .. }
        | Prompt::Approve { step, .. }
        | Prompt::Busy { step } => step.hash(&mut h),
        Prompt::Closed { outcome, .. } => outcome.as_str().hash(&mut h),
    }
    h.finish()
}
