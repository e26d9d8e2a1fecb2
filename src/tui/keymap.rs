//! One table of keys. It drives input, the footer, the keys shown inside a prompt, the
//! `?` overlay and the page in the documentation.
//!
//! Keys that work everywhere are exactly those that `check` keeps away from the options
//! of a `decide` ([`RESERVED`]), and keys that no runbook can name. A prompt's own letters
//! are never among them, so that no key has two meanings at once. Nothing here acts: a
//! key becomes an [`Op`], and the screen decides what that means where it stands.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::session::view::Prompt;

/// Letters and signs an option of a `decide` cannot take, compared without case: the
/// screen keeps them (RUNBOOK.md, "Steps").
pub const RESERVED: &str = "jkhlgnpqzr?/:123456789";

/// Where a binding counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// Wherever nothing is being typed.
    Everywhere,
    /// An effect is ready to start.
    Start,
    /// An effect whose object must be read first, and could not be.
    Unprepared,
    /// A yes-or-no question.
    Confirm,
    /// A checklist.
    Checklist,
    /// A form that is not being filled in yet.
    Input,
    /// A choice; its letters come from the runbook.
    Decide,
    /// Approvals are awaited.
    Approve,
    /// A failed step.
    Failure,
    /// An unknown outcome.
    Unknown,
    /// A running step stands in the way of a rollback.
    Interrupt,
    /// A tripped guard.
    Guard,
    /// A gate without a verdict.
    GateHold,
    /// A condition that cannot be judged.
    When,
    /// A paused session.
    Paused,
    /// Something is at work.
    Busy,
    /// A closed session.
    Closed,
    /// While a line or a text is typed.
    Typing,
    /// While a form is filled in.
    Form,
    /// The rollback plan is open.
    RollbackPlan,
    /// The question whether to leave is open.
    Leave,
    /// Over a session of the past: before all others, as nothing else acts there.
    Replay,
}

impl Context {
    /// The context of a prompt; `unprepared`: its object could not be read.
    pub fn of(prompt: &Prompt, unprepared: bool) -> Self {
        match prompt {
            Prompt::Guard { .. } => Self::Guard,
            Prompt::Unknown { .. } => Self::Unknown,
            Prompt::Interrupt { .. } => Self::Interrupt,
            Prompt::Failure { .. } => Self::Failure,
            Prompt::GateHold { .. } => Self::GateHold,
            Prompt::When { .. } => Self::When,
            Prompt::Paused => Self::Paused,
            Prompt::Start { .. } if unprepared => Self::Unprepared,
            Prompt::Start { .. } => Self::Start,
            Prompt::Confirm { .. } => Self::Confirm,
            Prompt::Checklist { .. } => Self::Checklist,
            Prompt::Input { .. } => Self::Input,
            Prompt::Decide { .. } => Self::Decide,
            Prompt::Approve { .. } => Self::Approve,
            Prompt::Busy { .. } => Self::Busy,
            Prompt::Closed { .. } => Self::Closed,
        }
    }

    /// Its heading in help and documentation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Everywhere => "Everywhere",
            Self::Start => "Before something starts",
            Self::Unprepared => "When the object could not be read",
            Self::Confirm => "At a question",
            Self::Checklist => "At a checklist",
            Self::Input => "At a form",
            Self::Decide => "At a choice",
            Self::Approve => "While approval is awaited",
            Self::Failure => "At a failed step",
            Self::Unknown => "At an unknown outcome",
            Self::Interrupt => "At a running step that is in a rollback's way",
            Self::Guard => "At a tripped guard",
            Self::GateHold => "At a gate without a verdict",
            Self::When => "At a condition that cannot be judged",
            Self::Paused => "While paused",
            Self::Busy => "While something is at work",
            Self::Closed => "When the session is over",
            Self::Typing => "While typing",
            Self::Form => "In a form",
            Self::RollbackPlan => "In the rollback plan",
            Self::Leave => "When asked whether to leave",
            Self::Replay => "In a replay",
        }
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table's help says what each does")]
pub enum Op {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextPane,
    PreviousPane,
    Panel,
    Zoom,
    Search,
    CommandLine,
    Help,
    Sheet,
    Note,
    Answer,
    RollBack,
    Pause,
    Leave,
    Stop,
    Copy,
    LogIn,
    Suspend,
    Redraw,
    Back,
    /// Enter: the prompt's good answer.
    Accept,
    /// Space: the selected item.
    Toggle,
    No,
    Retry,
    Continue,
    Abort,
    Look,
    Done,
    Failed,
    Wait,
    Kill,
    Act,
    Hold,
    Snooze,
    Run,
    Skip,
    Override,
    NextField,
    PreviousField,
    NewLine,
    /// Ctrl-U, Ctrl-W, Ctrl-K: part of what was typed.
    Delete,
    Send,
    Play,
    StepForward,
    StepBack,
    NextDecision,
    PreviousDecision,
    Faster,
    Slower,
    Idle,
    Jump,
    Beginning,
    End,
}

/// A key without what does not tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which.
    pub code: KeyCode,
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt.
    pub alt: bool,
}

impl From<KeyEvent> for Key {
    fn from(event: KeyEvent) -> Self {
        Self {
            code: event.code,
            ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
            alt: event.modifiers.contains(KeyModifiers::ALT),
        }
    }
}

const fn key(code: KeyCode) -> Key {
    Key { code, ctrl: false, alt: false }
}
const fn ch(c: char) -> Key {
    key(KeyCode::Char(c))
}
const fn ctrl(c: char) -> Key {
    Key { code: KeyCode::Char(c), ctrl: true, alt: false }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The keys.
    pub keys: &'static [Key],
    /// How they are written.
    pub shown: &'static str,
    /// Where they count.
    pub context: Context,
    /// What they ask for.
    pub op: Op,
    /// Two or three words, for the footer and inside prompts.
    pub label: &'static str,
    /// A sentence, for help and documentation.
    pub help: &'static str,
}

const fn bind(
    keys: &'static [Key],
    shown: &'static str,
    context: Context,
    op: Op,
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, shown, context, op, label, help }
}

use Context as C;
use KeyCode as K;

const ENTER: &[Key] = &[key(K::Enter)];
const ESC: &[Key] = &[key(K::Esc)];
const DELETES: &[Key] = &[ctrl('u'), ctrl('w'), ctrl('k')];
const DIGITS: &[Key] = &[ch('1'), ch('2'), ch('3'), ch('4'), ch('5'), ch('6'), ch('7'), ch('8'), ch('9')];

/// The table.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind(&[ch('n')], "n", C::Everywhere, Op::Note, "note", "Writes a note into the record."),
    bind(&[ch('R')], "R", C::Everywhere, Op::RollBack, "roll back", "Opens the rollback plan and asks once."),
    bind(&[ch('p')], "p", C::Everywhere, Op::Pause, "pause", "Pauses the steps, never the guards; again: goes on."),
    bind(&[ch('?')], "?", C::Everywhere, Op::Help, "keys", "Shows all keys."),
    bind(&[ctrl('o')], "Ctrl-O", C::Everywhere, Op::Sheet, "at hand", "Shows notices, contacts, links, clocks and what will be owed."),
    bind(&[ch('q')], "q", C::Everywhere, Op::Leave, "leave", "Leaves; the session can be resumed. Asks first."),
    bind(&[ch('j'), key(K::Down)], "j ↓", C::Everywhere, Op::Down, "down", "One line or item down."),
    bind(&[ch('k'), key(K::Up)], "k ↑", C::Everywhere, Op::Up, "up", "One line or item up."),
    bind(&[ch('h'), key(K::Left)], "h ←", C::Everywhere, Op::Left, "left", "To the left."),
    bind(&[ch('l'), key(K::Right)], "l →", C::Everywhere, Op::Right, "right", "To the right."),
    bind(&[key(K::PageDown), ctrl('d')], "PgDn", C::Everywhere, Op::PageDown, "page down", "One page down."),
    bind(&[key(K::PageUp), ctrl('u')], "PgUp", C::Everywhere, Op::PageUp, "page up", "One page up."),
    bind(&[ch('g'), key(K::Home)], "g Home", C::Everywhere, Op::Top, "top", "To the beginning."),
    bind(&[ch('G'), key(K::End)], "G End", C::Everywhere, Op::Bottom, "end", "To the end; follows running output."),
    bind(&[key(K::Tab)], "Tab", C::Everywhere, Op::NextPane, "next pane", "Moves the keys to the next pane."),
    bind(&[key(K::BackTab)], "Shift-Tab", C::Everywhere, Op::PreviousPane, "previous pane", "Moves the keys to the pane before."),
    bind(DIGITS, "1-9", C::Everywhere, Op::Panel, "panel", "Opens a panel by its number; again: closes it."),
    bind(&[ch('z')], "z", C::Everywhere, Op::Zoom, "zoom", "Gives the pane the whole screen; again: gives it back."),
    bind(&[ch('/')], "/", C::Everywhere, Op::Search, "search", "Searches the pane; Enter: next, ↑: before, Esc: ends."),
    bind(&[ch(':')], ":", C::Everywhere, Op::CommandLine, "command", "Opens the command line."),
    bind(&[ctrl('c')], "Ctrl-C", C::Everywhere, Op::Stop, "stop", "Stops what runs: SIGINT, then SIGTERM, then SIGKILL. Nothing runs: asks whether to leave."),
    bind(&[ctrl('y')], "Ctrl-Y", C::Everywhere, Op::Copy, "copy", "Copies the command, request or output to the clipboard."),
    bind(&[ctrl('g')], "Ctrl-G", C::Everywhere, Op::LogIn, "log in", "Logs in to the cluster again: lends the terminal to its credential plugin."),
    bind(&[ctrl('l')], "Ctrl-L", C::Everywhere, Op::Redraw, "redraw", "Draws everything anew."),
    bind(&[ctrl('z')], "Ctrl-Z", C::Everywhere, Op::Suspend, "suspend", "Suspends the program; guards are not judged meanwhile."),
    bind(ESC, "Esc", C::Everywhere, Op::Back, "back", "Closes what is open."),

    bind(ENTER, "Enter", C::Start, Op::Accept, "start", "Starts what is shown. On dangerous steps a name must be typed first."),
    bind(ENTER, "Enter", C::Unprepared, Op::Accept, "read again", "Reads the object again."),
    bind(ENTER, "Enter", C::Confirm, Op::Accept, "yes", "Answers yes."),
    bind(&[ch('x')], "x", C::Confirm, Op::No, "no", "Answers no. It never means skip; the prompt says what it does mean."),
    bind(&[ch(' ')], "Space", C::Checklist, Op::Toggle, "tick", "Ticks or unticks the selected item."),
    bind(ENTER, "Enter", C::Checklist, Op::Accept, "continue", "Goes on once everything is ticked."),
    bind(ENTER, "Enter", C::Input, Op::Accept, "fill in", "Begins to fill in the form."),
    bind(&[ch('a')], "a", C::Approve, Op::Answer, "answer", "Takes an approver's answer: paste it, or type the path of its file. In a rehearsal it comes by itself."),
    bind(&[ch('t')], "t", C::Failure, Op::Retry, "try again", "Runs the step again."),
    bind(&[ch('c')], "c", C::Failure, Op::Continue, "continue", "Goes on with the next step. Wants a reason and is recorded as a deviation."),
    bind(&[ch('a')], "a", C::Failure, Op::Abort, "abort", "Ends the session without rolling back. Wants a reason."),
    bind(&[ch('o')], "o", C::Unknown, Op::Look, "look", "Finds out, as the step's `look` says. Changes nothing."),
    bind(&[ch('d')], "d", C::Unknown, Op::Done, "it was done", "Settles that it had its effect. Wants a reason."),
    bind(&[ch('f')], "f", C::Unknown, Op::Failed, "it failed", "Settles that it had none. Wants a reason."),
    bind(&[ch('w')], "w", C::Interrupt, Op::Wait, "wait for it", "Lets the step end before rolling back."),
    bind(&[ch('x')], "x", C::Interrupt, Op::Kill, "stop it", "Stops the step, then rolls back."),
    bind(&[ch('a')], "a", C::Guard, Op::Act, "act", "Does what the guard says."),
    bind(&[ch('c')], "c", C::Guard, Op::Hold, "carry on", "Goes on all the same. Wants a reason; the guard is judged again from now on."),
    bind(&[ch('s')], "s", C::Guard, Op::Snooze, "snooze", "Does not judge the guard for a time. Wants the time and a reason."),
    bind(&[ch('t')], "t", C::GateHold, Op::Retry, "judge again", "Judges the gate anew."),
    bind(&[ch('o')], "o", C::GateHold, Op::Override, "override", "Passes the gate without its verdict. Wants a reason and is recorded as a deviation."),
    bind(&[ch('a')], "a", C::GateHold, Op::Abort, "abort", "Ends the session without rolling back. Wants a reason."),
    bind(&[ch('i')], "i", C::When, Op::Run, "run it", "Runs the step. Wants a reason."),
    bind(&[ch('s')], "s", C::When, Op::Skip, "skip it", "Skips the step. Wants a reason."),
    bind(ENTER, "Enter", C::Paused, Op::Accept, "go on", "Goes on."),
    bind(ENTER, "Enter", C::Closed, Op::Accept, "leave", "Leaves."),

    bind(ENTER, "Enter", C::Typing, Op::Send, "done", "Takes what was typed."),
    bind(&[Key { code: K::Enter, ctrl: false, alt: true }, ctrl('j')], "Alt-Enter", C::Typing, Op::NewLine, "new line", "Begins a new line."),
    bind(ESC, "Esc", C::Typing, Op::Back, "cancel", "Throws away what was typed."),
    bind(DELETES, "Ctrl-U W K", C::Typing, Op::Delete, "delete", "Deletes to the start of the line (U), the word before (W), to the end of the line (K)."),
    bind(&[key(K::Tab), key(K::Down)], "Tab ↓", C::Form, Op::NextField, "next", "To the next field."),
    bind(&[key(K::BackTab), key(K::Up)], "Shift-Tab ↑", C::Form, Op::PreviousField, "back", "To the field before."),
    bind(ENTER, "Enter", C::Form, Op::Accept, "next, at the end: done", "To the next field; in the last one: gives the answers. In a text of several lines: a new line."),
    bind(&[ctrl('s')], "Ctrl-S", C::Form, Op::Send, "done", "Gives the answers."),
    bind(ESC, "Esc", C::Form, Op::Back, "leave the form", "Leaves the form; what was typed stays."),
    bind(DELETES, "Ctrl-U W K", C::Form, Op::Delete, "delete", "Deletes to the start of the line (U), the word before (W), to the end of the line (K)."),
    bind(ENTER, "Enter", C::RollbackPlan, Op::Accept, "roll back now", "Rolls back. Entering the rollback is final."),
    bind(ESC, "Esc", C::RollbackPlan, Op::Back, "do not", "Closes the plan; nothing is done."),
    bind(ENTER, "Enter", C::Leave, Op::Accept, "leave", "Leaves; nothing is undone."),
    bind(ESC, "Esc", C::Leave, Op::Back, "stay", "Stays."),
    bind(&[ch(' ')], "Space", C::Replay, Op::Play, "play", "Plays, or stands still; at the end: plays again from the beginning."),
    bind(&[ch('n')], "n", C::Replay, Op::NextDecision, "next", "To the next decision, to where it is still being asked."),
    bind(&[ch('p')], "p", C::Replay, Op::PreviousDecision, "previous", "To the decision before."),
    bind(&[ch('.'), key(K::Right)], ". →", C::Replay, Op::StepForward, "record", "One record forward."),
    bind(&[ch(','), key(K::Left)], ", ←", C::Replay, Op::StepBack, "back", "One record back."),
    bind(&[ch('+'), ch('=')], "+", C::Replay, Op::Faster, "faster", "Faster, up to 64 times."),
    bind(&[ch('-')], "-", C::Replay, Op::Slower, "slower", "Slower, down to a quarter."),
    bind(&[ch('g')], "g", C::Replay, Op::Jump, "go to", "To a time of day (UTC), a time from here, or a record: 14:32, +5m, -30s, #214."),
    bind(&[ch('i')], "i", C::Replay, Op::Idle, "idle", "Skips stretches in which nothing happens but readings, or shows them."),
    bind(&[key(K::Home)], "Home", C::Replay, Op::Beginning, "beginning", "To the beginning."),
    bind(&[key(K::End)], "End", C::Replay, Op::End, "end", "To the end."),
    bind(&[ch('q'), ctrl('c')], "q", C::Replay, Op::Leave, "leave", "Leaves; so does Ctrl-C."),
];

/// What a key asks for in a context, not looking further.
pub fn find(key: Key, context: Context) -> Option<Op> {
    BINDINGS.iter().find(|b| b.context == context && b.keys.contains(&key)).map(|b| b.op)
}

/// The bindings of a context, in the table's order.
pub fn of(context: Context) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |b| b.context == context)
}

/// The binding of an operation in a context, for a hint.
pub fn hint(context: Context, op: Op) -> Option<&'static Binding> {
    of(context).find(|b| b.op == op)
}

/// Commands of the command line: name, arguments, help.
pub const COMMANDS: &[(&str, &str, &str)] = &[
    ("skip", "[REASON]", "Skips the step in hand; a deviation."),
    ("override", "[REASON]", "Passes the gate without its verdict; a deviation."),
    ("continue", "[REASON]", "Goes on after a failed step; a deviation."),
    ("retry", "", "Runs the failed step again."),
    ("snooze", "GUARD TIME [REASON]", "Does not judge a guard for a time, such as 10m."),
    ("note", "TEXT", "Writes a note into the record."),
    ("answer", "FILE", "Takes an approver's answer; without a file: asks for it."),
    ("pause", "[REASON]", "Pauses the steps, never the guards."),
    ("go", "", "Goes on after a pause."),
    ("stop", "", "Stops what runs."),
    ("rollback", "[REASON]", "Opens the rollback plan."),
    ("abort", "[REASON]", "Ends the session without rolling back; `finally` runs."),
    ("abandon", "[REASON]", "Closes the session as it stands; nothing more runs."),
    ("copy", "", "Copies the command, request or output."),
    ("login", "", "Logs in to the cluster again; lends the terminal to its credential plugin."),
    ("sheet", "", "Shows notices, contacts, links, clocks and what will be owed."),
    ("help", "", "Shows all keys."),
    ("quit", "", "Leaves; the session can be resumed."),
];

/// All contexts that have bindings, in the order of the table.
pub fn contexts() -> Vec<Context> {
    let mut out = Vec::new();
    for b in BINDINGS {
        if !out.contains(&b.context) {
            out.push(b.context);
        }
    }
    out
}

/// The table as Markdown, for the documentation.
pub fn markdown() -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for context in contexts() {
        let _ = write!(out, "### {}\n\n| key | does |\n|---|---|\n", context.title());
        for b in of(context) {
            let _ = writeln!(out, "| `{}` | {} |", b.shown, b.help);
        }
        out.push('\n');
    }
    out.push_str("### Command line\n\n| command | does |\n|---|---|\n");
    for (name, args, help) in COMMANDS {
        let _ = writeln!(out, "| `{}` | {help} |", format!(":{name} {args}").trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_has_two_meanings() {
        for context in contexts() {
            let mut seen = HashSet::new();
            for b in of(context) {
                for k in b.keys {
                    assert!(seen.insert(*k), "{context:?}: {k:?} twice");
                }
            }
            // What stands in front of everything may take its keys.
            let typing = matches!(context, C::Everywhere | C::Typing | C::Form | C::RollbackPlan | C::Leave | C::Replay);
            if !typing {
                for b in of(context) {
                    for k in b.keys {
                        assert_eq!(find(*k, C::Everywhere), None, "{context:?}: {k:?} also means something everywhere");
                    }
                }
            }
        }
    }

    #[test]
    fn the_keys_kept_from_options_are_those_of_the_format() {
        // RUNBOOK.md: j k h l g n p q z R ? / : Tab Enter Space 1-9, without case.
        for b in of(C::Everywhere) {
            for k in b.keys {
                if let KeyCode::Char(c) = k.code
                    && !k.ctrl
                {
                    assert!(RESERVED.contains(c.to_ascii_lowercase()), "`{c}` is not kept from options");
                }
            }
        }
        for c in RESERVED.chars().filter(|c| c.is_ascii_alphabetic()) {
            let taken = [c, c.to_ascii_uppercase()].iter().any(|c| find(ch(*c), C::Everywhere).is_some());
            assert!(taken, "`{c}` is kept and not used");
        }
        assert_eq!(of(C::Decide).count(), 0, "a choice has no keys of its own beside its options");
    }

    #[test]
    fn letters_of_prompts_are_none_of_the_kept_ones() {
        for b in BINDINGS.iter().filter(|b| !matches!(b.context, C::Everywhere | C::Replay)) {
            for k in b.keys {
                if let KeyCode::Char(c) = k.code
                    && !k.ctrl
                    && c != ' '
                {
                    assert!(!RESERVED.contains(c.to_ascii_lowercase()), "{:?}: `{c}` is kept by the screen", b.context);
                }
            }
        }
    }

    #[test]
    fn every_binding_is_documented() {
        let page = markdown();
        for b in BINDINGS {
            assert!(page.contains(b.help) && !b.label.is_empty());
        }
        for context in contexts() {
            assert!(page.contains(context.title()));
        }
    }
}
