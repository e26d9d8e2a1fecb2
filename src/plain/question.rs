//! What is asked, in lines, with the words that answer it.

use crate::session::resolve::summary;
use crate::session::view::Prompt;
use crate::tui::Screen;

/// Words that always do.
pub(super) const ALWAYS: &str = "rollback [REASON], note TEXT, undo, status, pause, help, quit";

/// What is asked now; nothing while something is at work. Texts that change with every
/// second are left out, or the question would be asked anew each time.
pub(super) fn lines(screen: &Screen<'_>) -> Vec<String> {
    let (question, more) = question(screen);
    if question.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("? {question}")];
    lines.extend(more.into_iter().map(|m| format!("    {m}")));
    lines.push(format!("  type: {}", words(screen.prompt)));
    lines
}

fn question(screen: &Screen<'_>) -> (String, Vec<String>) {
    let none = Vec::new;
    match screen.prompt {
        Prompt::Busy { .. } => (String::new(), none()),
        Prompt::Guard { title, action, guard, expired, .. } => {
            (format!("guard {guard} has tripped: {title}. It would {action}; without an answer {expired}."), none())
        }
        Prompt::Unknown { what, why, .. } => (format!("nobody knows whether this was done: {what}"), vec![why.clone()]),
        Prompt::Interrupt { title, .. } => (format!("{title} is still running; stop it, or wait for its end?"), none()),
        Prompt::Failure { step, why, changes, .. } => {
            let again = if *changes { " Running it again changes something again." } else { "" };
            (format!("{} failed: {why}.{again}", step.path), none())
        }
        Prompt::GateHold { step, .. } => (format!("{} has no verdict in time", step.path), none()),
        Prompt::When { title, condition, .. } => {
            (format!("{title}: whether `{condition}` holds cannot be told; run it?"), none())
        }
        Prompt::Paused => ("paused".to_owned(), none()),
        Prompt::Start { step, what, .. } => start(screen, step, what.as_deref().map_err(String::as_str)),
        Prompt::Confirm { question, no, .. } => (format!("{question} (no: {no})"), none()),
        Prompt::Checklist { items, .. } => {
            let item = |(n, item): (usize, &crate::session::view::ItemView)| {
                let check = match &item.check {
                    Some(Ok(true)) => " (holds now)",
                    Some(_) => " (its check does not hold)",
                    None => "",
                };
                let note = if item.note_required && !item.ticked { " (wants a note)" } else { "" };
                format!("{} {}. {}{check}{note}", if item.ticked { "[x]" } else { "[ ]" }, n + 1, item.text)
            };
            ("tick what is done".to_owned(), items.iter().enumerate().map(item).collect())
        }
        Prompt::Input { fields, .. } => {
            let field = |f: &crate::runbook::model::Input| format!("{}: {}", f.name, f.prompt.clone().unwrap_or_default());
            ("fill in".to_owned(), fields.iter().map(field).collect())
        }
        Prompt::Decide { question, options, otherwise, left_ms, .. } => {
            let limit = left_ms.map(|_| format!("without an answer in time: {otherwise}"));
            let options = options.iter().map(|o| {
                let reason = if o.reason_required { ", wants a reason" } else { "" };
                format!("{}: {} ({}{reason})", o.key, o.label, o.leads_to)
            });
            (question.clone(), options.chain(limit).collect())
        }
        Prompt::Approve { by, min, given, .. } => (
            format!("waiting for {min} approval(s) by {}", by.join(", ")),
            given.iter().map(|g| format!("given by {g}")).collect(),
        ),
        Prompt::Closed { outcome } => (format!("the session is closed: {}", outcome.as_str()), screen.followups.to_vec()),
    }
}

fn start(
    screen: &Screen<'_>,
    step: &crate::session::message::StepRef,
    what: Result<&crate::session::intent::What, &str>,
) -> (String, Vec<String>) {
    let target = screen.header.target.as_ref().map(|t| format!(" in {t}")).unwrap_or_default();
    match what {
        Err(why) => (format!("{} cannot be worked out: {why}", step.path), Vec::new()),
        Ok(what) => {
            let more = match screen.live.preparations.get(step) {
                Some(Ok(object)) => object.diff.lines().map(str::to_owned).collect(),
                Some(Err(why)) => vec![format!("the object cannot be read: {why}")],
                None => Vec::new(),
            };
            (format!("start {}: {}{target}", step.path, summary(what)), more)
        }
    }
}

/// The words that answer a question.
pub(super) fn words(prompt: &Prompt) -> String {
    let own = match prompt {
        Prompt::Guard { .. } => "act, rollback, hold REASON, snooze MINUTES REASON",
        Prompt::Unknown { .. } => "look, done REASON, failed REASON",
        Prompt::Interrupt { .. } => "kill, wait",
        Prompt::Failure { .. } => "retry, continue REASON, abort REASON",
        Prompt::GateHold { .. } => "retry, override REASON, abort REASON",
        Prompt::When { .. } => "run REASON, leave REASON",
        Prompt::Paused => "go",
        Prompt::Start { type_first: Some(_), .. } => "start SERVICE, skip REASON",
        Prompt::Start { .. } => "start, skip REASON",
        Prompt::Confirm { .. } => "yes, no, skip REASON",
        Prompt::Checklist { .. } => "tick N [NOTE], tick all [NOTE], untick N, done, skip REASON",
        Prompt::Input { .. } => "set NAME VALUE, done, skip REASON",
        Prompt::Decide { .. } => "choose KEY [REASON], skip REASON",
        Prompt::Approve { .. } => "skip REASON",
        Prompt::Busy { .. } => "stop, skip REASON, override REASON",
        Prompt::Closed { .. } => return "quit".to_owned(),
    };
    format!("{own}; {ALWAYS}")
}
