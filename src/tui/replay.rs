//! The same screen over a session of the past: what says so, and the keys that move in it.
//!
//! A replay must not be taken for the real thing, so the badge of the mode begins with
//! REPLAY in the colours of no mode, a banner below it says when it was, and the last line
//! of the screen shows the place in the recording, at every size. Keys that would act on a
//! session say that this is a replay, and become no [`Action`] but those of [`Transport`].

use chrono::{DateTime, Utc};
use ratatui::text::{Line, Span};

use super::action::Action;
use super::keymap::{self, Binding, Context, Key, Op};
use super::paint::{self, span};
use super::text;
use super::ui::{Level, Purpose, Ui};

/// Where in a session of the past the screen stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The number of the last record written by then, and of the last there is.
    pub record: (u64, u64),
    /// Milliseconds from the first record, and to the last.
    pub place: (u64, u64),
    /// Whether it moves by itself.
    pub playing: bool,
    /// How many times faster than it happened.
    pub speed: f64,
    /// How long a stretch in which nothing happens is shown, milliseconds; none: whole.
    pub idle_ms: Option<u64>,
    /// What was decided at this very moment.
    pub decided: Option<String>,
    /// What is decided next: in how many milliseconds, and what.
    pub next: Option<(u64, String)>,
    /// Nobody was at it: until when.
    pub away_until: Option<DateTime<Utc>>,
    /// What is wrong with the record; stands until one leaves.
    pub alarms: Vec<String>,
}

/// How to move in a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Plays, or stands still.
    Play,
    /// One record forward (true) or back.
    Step(bool),
    /// To the next decision (true) or the one before.
    Decision(bool),
    /// Faster (true) or slower.
    Speed(bool),
    /// Skips stretches in which nothing happens, or shows them.
    Idle,
    /// To a place, as it was typed.
    Jump(String),
    /// To the beginning (false) or the end (true).
    Edge(bool),
}

impl Ui {
    /// Takes a key over a replay; none: it is one of the keys for looking around.
    pub(super) fn replay_key(&mut self, key: Key, now_ms: u64) -> Option<Vec<Action>> {
        let there = |transport| Some(vec![Action::Replay(transport)]);
        if let Some(op) = keymap::find(key, Context::Replay) {
            return match op {
                Op::Play => there(Transport::Play),
                Op::StepForward => there(Transport::Step(true)),
                Op::StepBack => there(Transport::Step(false)),
                Op::NextDecision => there(Transport::Decision(true)),
                Op::PreviousDecision => there(Transport::Decision(false)),
                Op::Faster => there(Transport::Speed(true)),
                Op::Slower => there(Transport::Speed(false)),
                Op::Idle => there(Transport::Idle),
                Op::Beginning => there(Transport::Edge(false)),
                Op::End => there(Transport::Edge(true)),
                Op::Jump => Some(self.ask_reason(Purpose::Jump)),
                _ => Some(vec![Action::Quit]),
            };
        }
        match keymap::find(key, Context::Everywhere) {
            Some(op) if looks(op) => None,
            _ => {
                self.say("this is a replay: it has happened, and no key acts on it; ? shows the keys", Level::Warn, now_ms);
                Some(Vec::new())
            }
        }
    }
}

/// The badge's sign and word before those of the mode it was.
pub(super) const BADGE: &str = "« REPLAY, was ";

/// The moment that is shown, and that nothing of it is now.
pub(super) fn banner(replay: &Replay, now: DateTime<Utc>, width: usize) -> String {
    let moment = now.format("%Y-%m-%d %H:%M:%S UTC");
    if let Some(until) = replay.away_until {
        return format!("REPLAY {moment}: NOBODY WAS AT IT until {}", until.format("%Y-%m-%d %H:%M:%S UTC"));
    }
    let long = format!("REPLAY {moment}: this has happened. Nothing here is live, and no key acts on anything.");
    if text::width(&long) + 4 <= width { long } else { format!("REPLAY {moment}: all this has happened; no key acts") }
}

/// Whether an operation is one for looking around. All others are refused, those that do not
/// exist yet included.
fn looks(op: Op) -> bool {
    use Op::{
        Back, Bottom, Copy, Down, Help, Left, NextPane, PageDown, PageUp, Panel, PreviousPane, Redraw, Right, Search, Sheet,
        Suspend, Top, Up, Zoom,
    };
    matches!(op, Up | Down | Left | Right | PageUp | PageDown | Top | Bottom | NextPane | PreviousPane | Panel | Zoom)
        || matches!(op, Search | Help | Sheet | Copy | Suspend | Redraw | Back)
}

/// Whether a key of the table does what the table says, over a replay.
pub(super) fn counts(binding: &Binding) -> bool {
    binding.context == Context::Replay
        || (looks(binding.op) && binding.keys.iter().any(|key| keymap::find(*key, Context::Replay).is_none()))
}

/// The keys for the footer.
pub(super) fn keys() -> impl Iterator<Item = (&'static str, String)> {
    let replay = |op| keymap::hint(Context::Replay, op);
    let around = |op| keymap::hint(Context::Everywhere, op);
    let most = [
        replay(Op::Play),
        replay(Op::NextDecision),
        replay(Op::PreviousDecision),
        replay(Op::StepForward),
        replay(Op::Jump),
        replay(Op::Leave),
        around(Op::Help),
        replay(Op::Faster),
        replay(Op::Idle),
        around(Op::NextPane),
        around(Op::Zoom),
    ];
    most.into_iter().flatten().map(|b| (b.shown, b.label.to_owned()))
}

/// The last lines of the screen: what is decided here or next, and the place.
pub(super) fn transport(replay: &Replay, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    vec![decisions(replay, ui, width), place(replay, ui, width)]
}

fn decisions(replay: &Replay, ui: &Ui, width: usize) -> Line<'static> {
    let theme = &ui.theme;
    let (head, words, style) = match (&replay.decided, &replay.next) {
        (Some(words), _) => (" ◆ decided here: ".to_owned(), words.as_str(), theme.strong),
        (None, Some((ms, words))) => (format!(" ◇ decided in {}: ", text::duration(*ms)), words.as_str(), theme.text),
        (None, None) => (" ◇ nothing further was decided".to_owned(), "", theme.dim),
    };
    let words = text::clean(words);
    let room = width.saturating_sub(text::width(&head) + 1);
    Line::from(vec![span(head, theme.accent), span(text::shorten(&words, room).into_owned(), style)])
}

fn place(replay: &Replay, ui: &Ui, width: usize) -> Line<'static> {
    let theme = &ui.theme;
    let (at, end) = replay.place;
    let state = match (replay.playing, at >= end) {
        (true, _) => " ▶ playing",
        (false, true) => " ■ at the end",
        (false, false) => " ‖ stopped",
    };
    let idle = replay.idle_ms.map(|ms| format!(", idle after {}", text::duration(ms))).unwrap_or_default();
    let left = format!("{state} {}x{idle}  ", replay.speed);
    let right = format!("  {} of {}  #{} of {} ", text::clock(at), text::clock(end), replay.record.0, replay.record.1);
    let room = width.saturating_sub(text::width(&left) + text::width(&right));
    let mut spans: Vec<Span<'static>> = vec![span(left, theme.strong)];
    if room >= 4 {
        #[expect(clippy::cast_precision_loss, reason = "a part of a bar")]
        let (full, empty) = paint::bar(at as f64 / end.max(1) as f64, room);
        spans.push(span(full, theme.accent));
        spans.push(span(empty, theme.border));
    }
    spans.push(span(right, theme.text));
    Line::from(spans)
}
