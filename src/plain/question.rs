//! A question as lines of text, with the words that answer it.

use super::{indented, words};
use crate::runbook::model::{Choices, Input, InputKind, SecretSource};
use crate::session::event::{Mode, SessionOutcome};
use crate::session::intent::What;
use crate::session::message::StepRef;
use crate::session::view::{ItemView, Prompt, ReadingView, closing_words};
use crate::tui::text::{age, countdown as left_to_answer};
use crate::tui::{Screen, closing_facts, summary, text_lines};

/// The question, all about it, and the words.
pub(super) fn lines(screen: &Screen<'_>) -> Vec<String> {
    let mut out = Vec::new();
    match screen.prompt {
        Prompt::Start { step, what, changes, needs_preparation, .. } => {
            start(screen, step, what.as_deref(), *changes, *needs_preparation, &mut out);
        }
        Prompt::Confirm { question, no, .. } => {
            out.push(format!("? {question}"));
            out.push(format!("  no means: {no}"));
        }
        Prompt::Checklist { items, .. } => {
            out.push(format!("? Checklist: {} of {} ticked", items.iter().filter(|i| i.ticked).count(), items.len()));
            out.extend(items.iter().enumerate().flat_map(|(i, item)| checklist_item(i, item)));
        }
        Prompt::Input { fields, .. } => {
            out.push("? Answers are needed:".to_owned());
            out.extend(fields.iter().map(|f| format!("  {}", field(f))));
        }
        Prompt::Decide { question, options, left_ms, otherwise, .. } => {
            out.push(format!("? {question}"));
            out.extend(options.iter().map(|o| {
                let reason = if o.reason_required { ", wants a reason" } else { "" };
                format!("  {}: {} -> {}{reason}", o.key, o.label, o.leads_to)
            }));
            out.extend(countdown(*left_ms, otherwise));
        }
        Prompt::Approve { by, min, given, expires, text, .. } => {
            let until = expires.as_ref().map_or(String::new(), |at| format!("; the request expires at {at}"));
            out.push(format!("? Waiting for approval: {} of {min}, by {}{until}", given.len(), by.join(", ")));
            out.extend(indented(text, "  "));
            out.extend(how_to_approve(screen).iter().map(|line| format!("  {line}")));
        }
        Prompt::Closed { outcome, deviations } => closing(*outcome, *deviations, screen, &mut out),
        Prompt::Busy { step } => out.push(format!("Working: {}; nothing is asked of you.", working(screen, step))),
        _ => trouble(screen, &mut out),
    }
    out.push(words::line(screen));
    out
}

/// How approvals come to the session.
fn how_to_approve(screen: &Screen<'_>) -> Vec<String> {
    if screen.header.mode == Mode::Rehearsal {
        return vec!["It is simulated: it comes in its own time, and the walk goes on by itself.".to_owned()];
    }
    let Some(request) = &screen.live.request else { return vec!["The request is being written.".to_owned()] };
    vec![
        format!("Send them {}", request.path),
        "They read and sign it with `pacenote approve`, or with".to_owned(),
        "  ssh-keygen -Y sign -O hashalg=sha256 -n pacenote-approval -f KEY request.json".to_owned(),
        "Their answer: paste it here, or type `answer FILE`.".to_owned(),
    ]
}

/// The questions that come when something went wrong.
fn trouble(screen: &Screen<'_>, out: &mut Vec<String>) {
    match screen.prompt {
        Prompt::Failure { why, changes, .. } => {
            out.push("? The step failed:".to_owned());
            out.extend(indented(why, "  "));
            if *changes {
                out.push("  Trying again starts the change anew.".to_owned());
            }
        }
        Prompt::Unknown { what, why, looking, .. } => {
            out.push(format!("? Nobody knows whether this was done: {what}"));
            out.extend(indented(why, "  "));
            if *looking {
                out.push("  A look is under way.".to_owned());
            }
        }
        Prompt::Guard { guard, title, action, left_ms, expired, caution } => {
            out.push(format!("? GUARD {guard} HAS TRIPPED: {title}"));
            if let Some(view) = screen.guards.iter().find(|g| g.id == *guard && g.condition != *title) {
                out.push(format!("  {}", view.condition));
            }
            let view = screen.guards.iter().find(|g| g.id == *guard);
            out.extend(view.iter().flat_map(|view| &view.readings).map(reading));
            out.push("  No new step starts until this is answered.".to_owned());
            out.extend(caution.iter().map(|words| format!("  {words}")));
            out.push(format!("  act means: {action}"));
            out.extend(countdown(*left_ms, expired));
        }
        Prompt::GateHold { why, .. } => {
            out.push("? The gate has no verdict in time:".to_owned());
            out.extend(indented(why, "  "));
        }
        Prompt::When { title, condition, why, .. } => {
            out.push(format!("? Whether \"{title}\" applies cannot be told:"));
            out.push(format!("  {condition}: {why}"));
        }
        Prompt::Interrupt { title, .. } => {
            out.push(format!("? \"{title}\" is still running. The rollback waits for your answer."));
        }
        Prompt::Paused => out.push("? Paused. No step starts until you go on.".to_owned()),
        _ => {}
    }
}

fn start(
    screen: &Screen<'_>,
    step: &StepRef,
    what: Result<&What, &String>,
    changes: bool,
    needs_preparation: bool,
    out: &mut Vec<String>,
) {
    let what = match what {
        Ok(what) => what,
        Err(why) => {
            out.push("? What would be started cannot be worked out:".to_owned());
            out.extend(indented(why, "  "));
            return;
        }
    };
    let place = match (what, screen.header.target.as_deref()) {
        (What::Kubernetes(_), Some(target)) => match target.rsplit_once('/') {
            Some((cluster, namespace)) => format!(" (cluster {cluster}, namespace {namespace})"),
            None => format!(" (cluster {target})"),
        },
        _ => String::new(),
    };
    let effect = match (changes, screen.header.mode) {
        (false, _) => "this only reads",
        (true, Mode::Live) => "THIS CHANGES SOMETHING",
        (true, Mode::DryRun) => "dry run, nothing is changed",
        (true, Mode::Rehearsal) => "rehearsal, only the simulated world changes",
    };
    out.push(format!("? Start: {}{place}; {effect}", summary(what)));
    out.extend(text_lines(what).iter().flat_map(|line| indented(line, "    ")));
    match (needs_preparation, screen.live.preparations.get(step)) {
        (_, Some(Ok(state))) => {
            out.push(format!("  What changes in {} (as read just now):", state.resource));
            out.extend(indented(&state.diff, "    "));
        }
        (true, Some(Err(why))) => {
            out.push("  The object could not be read, so nothing can start:".to_owned());
            out.extend(indented(why, "    "));
        }
        (true, None) => out.push("  The object is being read; it can be started after that.".to_owned()),
        (false, _) => {}
    }
}

/// An item of a checklist: `  1. [ ] All tests pass in CI (wants a note)`.
pub(super) fn checklist_item(index: usize, item: &ItemView) -> Vec<String> {
    let mut facts = Vec::new();
    match &item.check {
        Some(Ok(true)) => facts.push("holds now, ticks itself".to_owned()),
        Some(Ok(false)) => facts.push("does not hold now; ticking it wants a reason".to_owned()),
        Some(Err(why)) => facts.push(format!("cannot be told: {why}")),
        None => {}
    }
    if let Some(note) = &item.note {
        facts.push(format!("note: {note}"));
    } else if item.note_required && !item.ticked {
        facts.push("wants a note".to_owned());
    }
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join("; ")) };
    let mark = if item.ticked { "[x]" } else { "[ ]" };
    let mut out = vec![format!("  {}. {mark} {}{facts}", index.saturating_add(1), item.text)];
    out.extend(item.link.iter().map(|link| format!("     {link}")));
    out
}

/// A question of a form: `version: Version to deploy (text, such as v1.2.4)`.
fn field(input: &Input) -> String {
    let mut facts = vec![match &input.kind {
        InputKind::String | InputKind::Text | InputKind::Choice(Choices::Command { .. }) => "text".to_owned(),
        InputKind::Integer => "a whole number".to_owned(),
        InputKind::Number => "a number".to_owned(),
        InputKind::Boolean => "yes or no".to_owned(),
        InputKind::Choice(Choices::List(choices)) => format!("one of {}", choices.join(", ")),
        InputKind::Duration => "a duration such as 1h30m".to_owned(),
        InputKind::Time => "a time such as 2026-03-01T02:00:00Z".to_owned(),
        InputKind::Secret(None) => "a secret; it is never typed here, give it on a full screen".to_owned(),
        InputKind::Secret(Some(source)) => format!("a secret, read from {}", source_text(source)),
    }];
    facts.extend(input.example.iter().map(|example| format!("such as {example}")));
    facts.extend(input.pattern.iter().map(|pattern| format!("matches {}", pattern.value)));
    facts.extend(input.min.map(|min| format!("at least {min}")));
    facts.extend(input.max.map(|max| format!("at most {max}")));
    facts.extend(input.default.iter().map(|default| format!("{default} where not given")));
    if !input.required {
        facts.push("not needed".to_owned());
    }
    let help = input.help.as_ref().map_or(String::new(), |help| format!("; {help}"));
    format!("{}: {} ({}){help}", input.name.value, input.prompt.as_deref().unwrap_or(&input.name.value), facts.join(", "))
}

fn source_text(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the environment variable {name}"),
        SecretSource::File(path) => format!("the file {path}"),
        SecretSource::Command(argv) => format!("the command {}", argv.join(" ")),
        SecretSource::Kubernetes { name, key } => format!("the Secret {name}, key {key}"),
    }
}

/// A signal that a guard's condition names: `error_rate = 7.9 %, baseline 0.38 %, 2 s old`.
fn reading(view: &ReadingView) -> String {
    let value = view.value.as_ref().map_or_else(|why| format!("no value ({why})"), Clone::clone);
    let baseline = view.baseline.as_ref().map_or(String::new(), |baseline| format!(", baseline {baseline}"));
    let old = view.age_ms.map_or(String::new(), |ms| format!(", {} old", age(ms)));
    format!("  {} = {value}{baseline}{old}", view.name)
}

fn countdown(left_ms: Option<i64>, then: &str) -> Option<String> {
    left_ms.map(|left| format!("  {}", left_to_answer(left, then)))
}

/// What is at work, in a few words.
fn working(screen: &Screen<'_>, step: &StepRef) -> String {
    match screen.step.filter(|s| s.step == *step) {
        Some(view) => match (&view.what, &view.gate, &view.wait) {
            (Some(what), ..) => format!("{} ({})", view.title, summary(what)),
            (_, Some(_), _) => format!("{} (gate)", view.title),
            (.., Some(wait)) => format!("{} ({})", view.title, wait.text),
            _ => view.title.clone(),
        },
        None if step.path.as_str().is_empty() => "between two steps".to_owned(),
        None => step.path.to_string(),
    }
}

fn closing(outcome: SessionOutcome, deviations: u32, screen: &Screen<'_>, out: &mut Vec<String>) {
    let words = closing_words(outcome, deviations);
    out.push(format!("The session is over ({}): {words}", outcome.as_str()));
    out.push(format!("  {}", closing_facts(screen).join(", ")));
    let mut list = |heading: &str, items: &mut dyn Iterator<Item = &String>| {
        let mut items = items.peekable();
        if items.peek().is_some() {
            out.push(format!("  {heading}:"));
            out.extend(items.map(|item| format!("  - {item}")));
        }
    };
    list("Still owed", &mut screen.followups.iter());
    list("Notes", &mut screen.notes.iter());
    if outcome != SessionOutcome::Completed {
        list("Left as it is", &mut screen.undo.iter().filter(|u| !u.idle).map(|u| &u.text));
    }
}
