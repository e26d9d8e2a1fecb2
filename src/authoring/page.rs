//! A runbook as a Markdown page: for those who want to know what it does without running it.
//!
//! Everything that changes something, judges or asks is on the page; an expression
//! stands as it was written, because any paraphrase could be wrong. Prose of the runbook
//! that is Markdown is kept, all other text is escaped, so that a title can never become
//! a heading or a link of its own.

mod words;

use std::fmt::Write;

use crate::runbook::duration::format as time;
use crate::runbook::expression::{Part, Template};
use crate::runbook::model::{AfterCall, Choices, ForEach, Interrupt};
use crate::runbook::model::{
    Arm, Change, Environment, Guard, GuardAction, GuardExpiry, Input, InputKind, OnFailure, Procedure, Risk, Runbook, Signal,
    Step, Undo,
};

/// The first line of every page, by which a page is known for one.
pub const MARK: &str = "<!-- Written by `pacenote docs`; change the runbook, not this page. -->";

/// The whole page.
pub fn markdown(runbook: &Runbook) -> String {
    let mut page = format!("{MARK}\n\n# {}\n", plain(&runbook.title));
    head(&mut page, runbook);
    inputs(&mut page, "## What is asked first", &runbook.inputs);
    environments(&mut page, &runbook.environments);
    steps(&mut page, "## Steps", &runbook.steps, true);
    guards(&mut page, &runbook.guards);
    for procedure in &runbook.procedures {
        procedure_of(&mut page, procedure);
    }
    steps(&mut page, "## At every end", &runbook.finally, false);
    signals(&mut page, &runbook.signals);
    rest(&mut page, runbook);
    // A terminal must not be told anything by a runbook.
    page.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Text that is no Markdown, on one line.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars() {
            if "\\`*_<>[]|#~!&".contains(c) {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

/// Text as code, whatever is in it.
fn code(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A cell of a table: a bar would end it, even in code.
fn cell(text: &str) -> String {
    text.replace("\\|", "|").replace('|', "\\|")
}

/// A template as text: what is worked out stands as code.
fn said(template: &Template) -> String {
    template
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) => {
                let edge = |blank: bool| if blank { " " } else { "" };
                let words = plain(text);
                if words.is_empty() {
                    return edge(!text.is_empty()).to_owned();
                }
                let (before, after) = (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
                format!("{}{words}{}", edge(before), edge(after))
            }
            Part::Expr(expr) => code(&format!("${{{{ {expr} }}}}")),
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

fn head(page: &mut String, runbook: &Runbook) {
    if let Some(text) = &runbook.description {
        let _ = write!(page, "\n{}\n", text.trim());
    }
    let mut facts = vec![format!("Runbook: {}", code(&runbook.id))];
    facts.extend(runbook.owner.iter().map(|owner| format!("Owner: {}", plain(owner))));
    facts.extend(runbook.risk.map(|risk| {
        let risk = match risk {
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
        };
        format!("Risk: {risk}")
    }));
    facts.extend(runbook.estimate.map(|t| format!("Takes about {}, the way back included", time(t))));
    facts.extend(runbook.change.as_ref().map(changed));
    facts.extend(runbook.lock.as_ref().map(|lock| format!("Only one session at a time holds the lock {}", code(lock.source()))));
    bullets(page, facts);
    if !runbook.contacts.is_empty() {
        page.push_str("\n## Whom to reach\n");
        let after = |t: Option<std::time::Duration>| t.map_or(String::new(), |t| format!(", after {}", time(t)));
        bullets(page, runbook.contacts.iter().map(|c| format!("{}: {}{}", plain(&c.role), plain(&c.reach), after(c.after))));
    }
    if !runbook.links.is_empty() {
        page.push_str("\n## Links\n");
        bullets(page, runbook.links.iter().map(|(name, link)| format!("{}: {}", plain(name), code(link.source()))));
    }
}

fn changed(change: &Change) -> String {
    let kind = format!("{:?}", change.kind).to_lowercase();
    let parts = [
        ("service", &change.service),
        ("version", &change.version),
        ("ticket", &change.ticket),
        ("reason", &change.reason),
        ("asked for by", &change.requester),
        ("committed", &change.committed),
    ];
    let parts = parts.iter().filter_map(|(name, text)| text.as_ref().map(|text| format!(", {name} {}", said(text))));
    format!("Kind of change: {kind}{}", parts.collect::<String>())
}

fn bullets(page: &mut String, items: impl IntoIterator<Item = String>) {
    page.push('\n');
    for item in items {
        let _ = writeln!(page, "- {item}");
    }
}

/// What kind of answer an input takes.
fn answer(input: &Input) -> String {
    let mut kind = match &input.kind {
        InputKind::String => "text".to_owned(),
        InputKind::Text => "text of several lines".to_owned(),
        InputKind::Integer => "whole number".to_owned(),
        InputKind::Number => "number".to_owned(),
        InputKind::Boolean => "yes or no".to_owned(),
        InputKind::Choice(Choices::List(list)) => {
            format!("one of {}", list.iter().map(|c| code(c)).collect::<Vec<_>>().join(", "))
        }
        InputKind::Choice(Choices::Command { .. }) => "one of what a command prints".to_owned(),
        InputKind::Duration => "duration".to_owned(),
        InputKind::Time => "point in time".to_owned(),
        InputKind::Secret(None) => "secret, asked for".to_owned(),
        InputKind::Secret(Some(_)) => "secret".to_owned(),
    };
    if let Some(pattern) = &input.pattern {
        let _ = write!(kind, " like {}", code(pattern));
    }
    if let Some(min) = input.min {
        let _ = write!(kind, ", at least {min}");
    }
    if let Some(max) = input.max {
        let _ = write!(kind, ", at most {max}");
    }
    if let Some(default) = &input.default {
        let _ = write!(kind, ", else {}", code(&default.to_string()));
    } else if !input.required {
        kind.push_str(", may be left out");
    }
    kind
}

fn inputs(page: &mut String, heading: &str, inputs: &[Input]) {
    if inputs.is_empty() {
        return;
    }
    let _ = write!(page, "\n{heading}\n\n| name | question | answer | example |\n|---|---|---|---|\n");
    for input in inputs {
        let text = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
        let example = input.example.as_deref().map(code).unwrap_or_default();
        let row = [code(&input.name), text(&input.prompt), answer(input), example];
        let _ = writeln!(page, "| {} |", row.map(|text| cell(&text)).join(" | "));
    }
}

fn environments(page: &mut String, environments: &[Environment]) {
    if environments.is_empty() {
        return;
    }
    page.push_str("\n## Environments\n");
    for environment in environments {
        let _ = write!(page, "\n### {}\n", plain(&environment.name));
        bullets(page, words::environment(environment));
    }
}

/// A list of steps, by phase where it has phases.
fn steps(page: &mut String, heading: &str, steps: &[Step], phases: bool) {
    if steps.is_empty() {
        return;
    }
    let _ = write!(page, "\n{heading}\n");
    let mut phase = None;
    for (n, step) in steps.iter().enumerate() {
        if phases && step.phase != phase {
            if let Some(name) = &step.phase {
                let _ = write!(page, "\n### {}\n", plain(name));
            }
            phase.clone_from(&step.phase);
        }
        let _ = write!(page, "\n**{}. {}** ({})\n", n + 1, said(&step.title), code(&step.id));
        if let Some(text) = &step.text {
            let _ = write!(page, "\n{}\n", text.source().trim());
        }
        let mut facts = words::action(&step.action);
        facts.extend(around(step));
        bullets(page, facts);
    }
}

/// What stands around the action of a step.
fn around(step: &Step) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(step.when.as_ref().map(|when| format!("Only when {}", words::condition(when))));
    facts.extend(step.for_each.as_ref().map(|each| match each {
        ForEach::List(list) => {
            let values = list.iter().map(words::value).map(|v| code(&v)).collect::<Vec<_>>();
            format!("Once for each of {}", values.join(", "))
        }
        ForEach::Expr(expr) => format!("Once for each of {}", code(expr.source())),
    }));
    facts.extend(step.repeat.as_ref().map(|repeat| {
        format!("Again until {}, at most {} times, {} apart", words::condition(&repeat.until), repeat.max, time(repeat.delay))
    }));
    facts.extend(step.danger.then(|| "Dangerous: on a protected environment the service's name must be typed".to_owned()));
    facts.extend(step.point_of_no_return.then(|| "**Point of no return**: from here going back loses something".to_owned()));
    facts.extend(undone(step));
    facts.extend(step.estimate.map(|t| format!("Takes about {}", time(t))));
    facts.extend(step.timeout.map(|t| format!("May take {} at most", time(t))));
    facts.extend(step.retry.map(|r| format!("Tried {} times, {} apart", r.attempts, time(r.delay))));
    facts.extend(match &step.on_failure {
        OnFailure::Ask => None,
        OnFailure::Retry => Some("If it fails: it is run again".to_owned()),
        OnFailure::Continue => Some("If it fails: the walk goes on".to_owned()),
        OnFailure::Abort => Some("If it fails: the session ends".to_owned()),
        OnFailure::Call { procedure, then } => {
            let then = match then {
                _ if procedure.as_str() == "rollback" => "",
                AfterCall::Ask => ", then the operator is asked",
                AfterCall::Retry => ", then it is run again",
                AfterCall::Continue => ", then the walk goes on",
                AfterCall::Abort => ", then the session ends",
            };
            Some(format!("If it fails: {}{then}", code(procedure)))
        }
    });
    facts.extend(step.look.as_ref().map(|look| {
        format!(
            "If its outcome is unknown: it had its effect when {} after: {}",
            words::condition(&look.done),
            words::line(&look.action)
        )
    }));
    facts.extend(match step.interrupt {
        Interrupt::Ask => None,
        Interrupt::Wait => Some("A rollback waits for it to end".to_owned()),
        Interrupt::Kill => Some("A rollback stops it".to_owned()),
    });
    facts
}

/// How a step is undone; a change that does not say so is said not to.
fn undone(step: &Step) -> Option<String> {
    match &step.undo {
        Some(Undo::Action(action)) => Some(format!("Undone by: {}", words::line(action))),
        Some(Undo::Restore) => Some("Undone by putting back the fields read just before".to_owned()),
        Some(Undo::None(why)) => Some(format!("Is not undone: {}", plain(why))),
        None if crate::runbook::check::changes(&step.action) && !step.point_of_no_return => {
            (!words::goes_back(&step.action)).then(|| "Nothing says how it is undone".to_owned())
        }
        None => None,
    }
}

fn guards(page: &mut String, guards: &[Guard]) {
    if guards.is_empty() {
        return;
    }
    page.push_str("\n## Guards\n\nJudged in the background while the steps are walked.\n");
    for guard in guards {
        let title = guard.title.as_deref().map_or_else(|| code(&guard.id), |t| format!("{} ({})", plain(t), code(&guard.id)));
        let _ = write!(page, "\n**{title}**\n");
        let long = guard.hold_for.map_or(String::new(), |t| format!(" for {}", time(t)));
        let then = match &guard.then {
            GuardAction::Rollback => "roll back".to_owned(),
            GuardAction::Hold => "start nothing new until it is answered".to_owned(),
            GuardAction::Procedure(name) => format!("run {}", code(name)),
        };
        let mut facts = vec![format!("Trips when {}{long}", words::condition(&guard.when))];
        facts.push(if guard.automatic {
            format!("Then, without asking: {then}")
        } else {
            format!("Then asks whether to {then}")
        });
        facts.push(match &guard.arm {
            Arm::FirstChange => "Judged from the first change on".to_owned(),
            Arm::Start => "Judged from the start".to_owned(),
            Arm::Step(step) => format!("Judged from the step {} on", code(step)),
        });
        facts.extend(guard.decide_within.map(|t| {
            let expired = match guard.expired {
                GuardExpiry::Hold => "it keeps holding",
                GuardExpiry::Rollback => "it rolls back",
            };
            format!("The operator has {}; without an answer {expired}", time(t))
        }));
        bullets(page, facts);
    }
}

fn procedure_of(page: &mut String, procedure: &Procedure) {
    let title = procedure.title.as_deref().unwrap_or(&procedure.id);
    let _ = write!(page, "\n## Procedure {}: {}\n", code(&procedure.id), plain(title));
    inputs(page, "### What it is given", &procedure.params);
    steps(page, "### Its steps", &procedure.steps, false);
}

fn signals(page: &mut String, signals: &[Signal]) {
    if signals.is_empty() {
        return;
    }
    page.push_str("\n## What is watched\n\n| signal | what | every | warn | critical |\n|---|---|---|---|---|\n");
    for signal in signals {
        let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
        let what = words::source(&signal.source);
        let what = signal.title.as_deref().map_or_else(|| what.clone(), |title| format!("{}: {what}", plain(title)));
        let row =
            [code(&signal.name), what, signal.every.map(time).unwrap_or_default(), number(signal.warn), number(signal.critical)];
        let _ = writeln!(page, "| {} |", row.map(|text| cell(&text)).join(" | "));
    }
}

fn rest(page: &mut String, runbook: &Runbook) {
    if !runbook.clocks.is_empty() {
        page.push_str("\n## Clocks\n");
        bullets(
            page,
            runbook.clocks.iter().map(|clock| {
                let from = clock.from.as_ref().map_or_else(|| "the start".to_owned(), |from| code(from.source()));
                let warn = clock.warn.map_or(String::new(), |t| format!(", a warning after {}", time(t)));
                format!("{}: {} from {from}{warn}", code(&clock.name), time(clock.limit))
            }),
        );
    }
    if !runbook.followups.is_empty() {
        page.push_str("\n## Owed after the end\n");
        let within = |t: Option<std::time::Duration>| t.map_or(String::new(), |t| format!(", within {}", time(t)));
        bullets(page, runbook.followups.iter().map(|f| format!("{}{}", said(&f.text), within(f.within))));
    }
    if !runbook.notify.is_empty() || runbook.updates.is_some() {
        page.push_str("\n## Who is told\n");
        let mut facts: Vec<String> = runbook.notify.iter().map(|target| format!("{}: a webhook", code(&target.name))).collect();
        facts.extend(runbook.updates.as_ref().map(|updates| {
            let text = updates.text.as_ref().map_or_else(|| "how far it is".to_owned(), said);
            format!("{} is told every {}: {text}", code(&updates.to), time(updates.every))
        }));
        bullets(page, facts);
    }
}

#[cfg(test)]
mod tests;
