//! The words that would do now: one table for the question, the help and the refusals.

use crate::session::event::Mode;
use crate::session::view::Prompt;
use crate::tui::Screen;

/// A word with what follows it, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As typed: `skip REASON`.
    pub(super) usage: String,
    /// In a few words.
    pub(super) meaning: String,
    /// Named by `help` only: a question that is read aloud should be short.
    pub(super) rare: bool,
}

fn word(usage: impl Into<String>, meaning: impl Into<String>) -> Word {
    Word { usage: usage.into(), meaning: meaning.into(), rare: false }
}

fn rare(usage: &str, meaning: &str) -> Word {
    Word { rare: true, ..word(usage, meaning) }
}

/// The words that answer the question.
pub(super) fn answers(screen: &Screen<'_>) -> Vec<Word> {
    match screen.prompt {
        Prompt::Start { what: Err(_), .. } => vec![word("abort REASON", "ends the session; nothing is rolled back")],
        Prompt::Start { step, needs_preparation: true, .. } if !screen.live.preparations.contains_key(step) => Vec::new(),
        Prompt::Start { step, .. } if matches!(screen.live.preparations.get(step), Some(Err(_))) => {
            vec![word("read", "reads the object again")]
        }
        Prompt::Start { type_first: Some(name), .. } => vec![word(format!("start {name}"), "starts it; the name is needed")],
        Prompt::Start { .. } => vec![word("start", "starts it")],
        Prompt::Confirm { no, .. } => vec![word("yes", "goes on"), word("no", no.clone())],
        Prompt::Checklist { .. } => vec![
            word("tick N [NOTE]", "ticks item N"),
            word("tick all [NOTE]", "ticks every item that is not"),
            word("untick N [REASON]", "takes a tick back"),
            word("done", "goes on, once all are ticked"),
        ],
        Prompt::Input { .. } => vec![
            word("set NAME=VALUE", "answers one question"),
            word("answers", "shows what was answered"),
            word("done", "gives the answers"),
        ],
        Prompt::Decide { options, .. } => options
            .iter()
            .map(|o| {
                let reason = if o.reason_required { " REASON" } else { " [REASON]" };
                word(format!("choose {}{reason}", o.key), format!("{} -> {}", o.label, o.leads_to))
            })
            .collect(),
        Prompt::Failure { can_continue, .. } => {
            let mut out = vec![word("retry", "tries again")];
            if *can_continue {
                out.push(word("continue REASON", "goes on all the same; recorded as a deviation"));
            }
            out.push(word("abort REASON", "ends the session; nothing is rolled back"));
            out
        }
        Prompt::Unknown { can_look, looking, .. } => {
            let mut out = Vec::new();
            if *can_look && !*looking {
                out.push(word("look", "looks, as the runbook says"));
            }
            out.push(word("done REASON", "it was done, and how you know"));
            out.push(word("failed REASON", "it was not done, and how you know"));
            out
        }
        Prompt::Interrupt { .. } => vec![word("kill", "stops it, then rolls back"), word("wait", "waits for its end")],
        Prompt::Guard { action, .. } => vec![
            word("act", action.clone()),
            word("hold REASON", "goes on all the same; the guard is judged again from now on"),
            word("snooze 10m REASON", "does not judge the guard for so long"),
        ],
        Prompt::GateHold { .. } => vec![
            word("retry", "judges again from the start"),
            word("override REASON", "passes the gate without its verdict"),
            word("abort REASON", "ends the session; nothing is rolled back"),
        ],
        Prompt::When { .. } => vec![word("run REASON", "runs the step"), word("leave REASON", "leaves the step out")],
        Prompt::Paused => vec![word("go", "goes on")],
        Prompt::Closed { .. } => Vec::new(),
        Prompt::Approve { .. } if screen.header.mode != Mode::Rehearsal => {
            vec![word("answer FILE", "takes an approver's answer; or paste it")]
        }
        Prompt::Approve { .. } | Prompt::Busy { .. } => Vec::new(),
    }
}

/// The words that do at any time, the most used first.
pub(super) fn always(screen: &Screen<'_>) -> Vec<Word> {
    let looking = [
        word("undo", "shows what stopping now would undo"),
        rare("status", "shows header, guards and signals"),
        rare("steps", "lists the steps"),
        rare("sheet", "shows contacts, links, clocks and what will be owed"),
        word("help", "explains all words that do now"),
        word("quit", "leaves; the session can be resumed"),
    ];
    if matches!(screen.prompt, Prompt::Closed { .. }) {
        return looking.into_iter().skip(1).collect();
    }
    let mut out = Vec::new();
    if screen.step.is_some_and(|s| s.effect.is_some()) && matches!(screen.prompt, Prompt::Busy { .. } | Prompt::Interrupt { .. })
    {
        out.push(word("stop", "stops what runs; again: harder"));
    }
    if screen.step.is_some() {
        out.push(word("skip REASON", "passes the step over"));
    }
    if screen.step.is_some_and(|s| s.gate.is_some()) && !matches!(screen.prompt, Prompt::GateHold { .. }) {
        out.push(word("override REASON", "passes the gate without its verdict"));
    }
    if !screen.header.rolling_back {
        out.push(word("rollback [REASON]", "shows the plan, and rolls back when typed twice"));
    }
    out.push(word("note TEXT", "writes something down in the record"));
    if !screen.header.paused {
        out.push(word("pause [REASON]", "starts no further step"));
    } else if !matches!(screen.prompt, Prompt::Paused) {
        out.push(word("go", "goes on"));
    }
    out.extend(looking);
    if !screen.guards.is_empty() && !matches!(screen.prompt, Prompt::Guard { .. }) {
        out.push(rare("snooze GUARD 10m REASON", "does not judge a guard for so long"));
    }
    if !matches!(screen.prompt, Prompt::Failure { .. } | Prompt::GateHold { .. } | Prompt::Start { what: Err(_), .. }) {
        out.push(rare("abort REASON", "ends the session; nothing is rolled back"));
    }
    out.push(rare("login", "logs in to the cluster again, on this terminal"));
    out.push(rare("abandon REASON", "closes the session as it stands; nothing more runs"));
    out
}

/// `type: start | skip REASON | ...`; `help` names the rest.
pub(super) fn line(screen: &Screen<'_>) -> String {
    let words = answers(screen).into_iter().chain(always(screen));
    let usages: Vec<String> = words.filter(|w| !w.rare).map(|w| w.usage).collect();
    format!("  type: {}", usages.join(" | "))
}
