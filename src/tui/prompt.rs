//! The question: what it is about ([`details`], which scrolls) and how it is answered
//! ([`ask`], which does not).

use ratatui::text::{Line, Span};

use super::input::context;
use super::keymap::{self, Context, Op};
use super::paint::{self, span};
use super::ui::{Ui, prepared};
use super::{Journal, Screen, request, text};
use crate::session::NOT_SETTLED;
use crate::session::event::{Mode, SessionOutcome, StepOutcome, Verdict};
use crate::session::intent::What;
use crate::session::view::{
    ConditionView, GateView, ItemView, OptionView, Prompt, ReadingView, RowState, WaitView, closing_words,
};

/// Lines about the question, and which of them must stay in view.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub(super) lines: Vec<Line<'static>>,
    /// First line and number of lines.
    pub(super) focus: Option<(usize, usize)>,
}

impl From<Vec<Line<'static>>> for Details {
    fn from(lines: Vec<Line<'static>>) -> Self {
        Self { lines, focus: None }
    }
}

/// What the question is about.
pub(super) fn details(screen: &Screen<'_>, ui: &Ui, width: usize) -> Details {
    match screen.prompt {
        Prompt::Start { what, needs_preparation, step, .. } => {
            start_details(screen, ui, width, what.as_deref(), *needs_preparation, step).into()
        }
        Prompt::Checklist { items, .. } => checklist(items, ui, width),
        Prompt::Approve { text: words, .. } => super::markdown::render(words, width, &ui.theme).into(),
        Prompt::Closed { outcome, deviations } => closing(*outcome, *deviations, screen, ui, width).into(),
        Prompt::Guard { .. } => Details::default(),
        Prompt::Failure { why, .. } | Prompt::Unknown { why, .. } | Prompt::GateHold { why, .. } if is_long(why, width) => {
            let mut lines = text::wrap_text(why, ui.theme.text, width, 0);
            lines.push(Line::default());
            lines.extend(running(screen, ui, width));
            lines.into()
        }
        _ => running(screen, ui, width).into(),
    }
}

fn start_details(
    screen: &Screen<'_>,
    ui: &Ui,
    width: usize,
    what: Result<&What, &String>,
    needs_preparation: bool,
    step: &crate::session::message::StepRef,
) -> Vec<Line<'static>> {
    let theme = &ui.theme;
    let mut out = Vec::new();
    match what {
        Ok(what) => {
            out.push(Line::from(span("What will be done", theme.dim)));
            for line in request::lines(what, theme) {
                out.extend(text::wrap(&line.spans, width, 2));
            }
        }
        Err(why) => {
            out.push(Line::from(span("What would be done cannot be worked out:", theme.bad)));
            out.extend(text::wrap_text(why, theme.text, width, 2));
        }
    }
    let heading = |out: &mut Vec<Line<'static>>, words: String, style| {
        out.push(Line::default());
        out.push(Line::from(span(words, style)));
    };
    match (needs_preparation, prepared(screen, step)) {
        (_, Some(Ok(state))) => {
            let when = if screen.replay.is_some() { "as it was started on" } else { "as read just now" };
            heading(&mut out, format!("What changes in {} ({when})", state.resource), theme.dim);
            for line in request::diff(&state.diff, theme) {
                out.extend(text::wrap(&line.spans, width, 4));
            }
        }
        (true, Some(Err(why))) => {
            let words = if screen.replay.is_some() {
                "What would change is not known:"
            } else {
                "The object could not be read, so nothing can start:"
            };
            heading(&mut out, words.into(), theme.bad);
            out.extend(text::wrap_text(why, theme.text, width, 2));
        }
        (true, None) => heading(&mut out, "Reading the object as it is now …".into(), theme.warn),
        (false, _) => {}
    }
    out
}

fn checklist(items: &[ItemView], ui: &Ui, width: usize) -> Details {
    let theme = &ui.theme;
    let mut out = Details::default();
    for (i, item) in items.iter().enumerate() {
        let selected = i == ui.item.min(items.len().saturating_sub(1));
        let start = out.lines.len();
        let (mark, mark_style) = if item.ticked { ("[✓]", theme.good) } else { ("[ ]", theme.text) };
        let style = if selected { theme.strong } else { theme.text };
        let arrow = if selected { "▸ " } else { "  " };
        let spans = [span(arrow, theme.accent), span(mark, mark_style), span(" ", style), span(item.text.clone(), style)];
        out.lines.extend(text::wrap(&spans, width, 6));
        let mut below = |words: String, style| out.lines.extend(text::wrap(&[span(format!("      {words}"), style)], width, 8));
        match &item.check {
            Some(Ok(true)) => below("✓ holds now, ticks itself".into(), theme.good),
            Some(Ok(false)) => below("✗ does not hold now; ticking it wants a reason".into(), theme.warn),
            Some(Err(why)) => below(format!("? cannot be told: {why}"), theme.warn),
            None => {}
        }
        if let Some(note) = &item.note {
            below(format!("“{note}”"), theme.dim);
        } else if item.note_required && !item.ticked {
            below("wants a note".into(), theme.dim);
        }
        if let Some(link) = &item.link {
            below(link.clone(), theme.link);
        }
        if selected {
            out.focus = Some((start, out.lines.len() - start));
        }
    }
    out
}

/// Gates, waits, effects: what is going on.
fn running(screen: &Screen<'_>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let theme = &ui.theme;
    let Some(step) = screen.step else { return Vec::new() };
    let mut out = Vec::new();
    if let Some(gate) = &step.gate {
        gate_lines(gate, ui, width, &mut out);
    }
    if let Some(what) = &step.what {
        if !out.is_empty() {
            out.push(Line::default());
        }
        for line in request::lines(what, theme) {
            out.extend(text::wrap(&line.spans, width, 2));
        }
    }
    out
}

fn gate_lines(gate: &GateView, ui: &Ui, width: usize, out: &mut Vec<Line<'static>>) {
    let values = gate.conditions.iter().map(|c| text::width(&c.values)).max().unwrap_or(0).min(width / 4);
    for condition in &gate.conditions {
        condition_lines(condition, values, ui, width, out);
    }
}

/// How far a gate's clock is, its last verdict, and when it asks.
fn gate_state(gate: &GateView, ui: &Ui, width: usize, out: &mut Vec<Line<'static>>) {
    let theme = &ui.theme;
    if let Some(for_ms) = gate.for_ms {
        let words = format!("  {} of {}", text::duration(gate.passed_ms), text::duration(for_ms));
        out.push(bar_line(gate.passed_ms, for_ms, &words, ui, width));
    } else {
        out.push(Line::from(span("judged until there is a verdict", theme.text)));
    }
    let mut facts = Vec::new();
    if gate.settling_ms > 0 {
        facts.push(span(format!("settling for {} more, then readings count", text::duration(gate.settling_ms)), theme.warn));
    } else if gate.conditions.iter().any(|c| c.holds.as_ref().is_err_and(|why| is_to_come(why))) {
        facts.push(span("only readings since it began count", theme.warn));
    }
    if let (failures @ 1.., of) = gate.failures {
        facts.push(span(format!("{failures} of {of} failures in a row"), theme.bad));
    }
    if let Some((verdict, why)) = &gate.last {
        let (word, style) = match verdict {
            Verdict::Pass => ("✓ pass", theme.good),
            Verdict::Fail => ("✗ fail", theme.bad),
            Verdict::Inconclusive => ("? inconclusive", theme.warn),
        };
        facts.push(span(if why.is_empty() { word.to_owned() } else { format!("{word}: {why}") }, style));
    }
    facts.push(span(format!("asks in {}", text::duration(gate.timeout_left_ms)), theme.dim));
    let mut spans: Vec<Span<'_>> = Vec::new();
    for fact in facts {
        if !spans.is_empty() {
            spans.push(span("  ·  ", theme.border));
        }
        spans.push(fact);
    }
    out.extend(text::wrap(&spans, width, 2));
}

/// One condition: role, text, value, whether it holds, age of its reading.
/// Whether a reading is wanted that only time will bring. At first that is the reason of
/// all conditions, so it is said once, below them.
fn is_to_come(why: &str) -> bool {
    why.ends_with(NOT_SETTLED)
}

fn condition_lines(c: &ConditionView, values: usize, ui: &Ui, width: usize, out: &mut Vec<Line<'static>>) {
    let theme = &ui.theme;
    // That a `fail` condition holds is bad news.
    let wanted = c.role != "fail";
    let (mark, style) = match &c.holds {
        Ok(holds) if *holds == wanted => (if *holds { "✓ yes" } else { "✓ no " }, theme.good),
        Ok(holds) => (if *holds { "✗ YES" } else { "✗ no " }, theme.bad),
        Err(why) if is_to_come(why) => ("–    ", theme.dim),
        Err(_) => ("?    ", theme.warn),
    };
    let age = c.age_ms.map_or(String::new(), |ms| format!("{} old", text::age(ms)));
    let fixed = 6 + 2 + values + 2 + 5 + 2 + 9;
    let room = width.saturating_sub(fixed).max(8);
    let words = text::clean(&c.text);
    let shown = text::shorten(&words, room);
    let pad = room.saturating_sub(text::width(&shown));
    let value = text::shorten(if c.values.is_empty() { "–" } else { &c.values }, values.max(1));
    let value_pad = values.saturating_sub(text::width(&value));
    out.push(Line::from(vec![
        span(format!("{:<6}", c.role), theme.dim),
        span(format!("{shown}{}", " ".repeat(pad + 2)), theme.code),
        span(format!("{}{value}  ", " ".repeat(value_pad)), theme.strong),
        span(mark, style),
        span(format!("  {age:>9}"), theme.dim),
    ]));
    // A condition that was cut is written out below, and so is why it cannot be told.
    if text::width(&words) > room {
        out.extend(text::wrap(&[span(format!("      {words}"), theme.dim)], width, 6));
    }
    if let Err(why) = &c.holds
        && !is_to_come(why)
    {
        out.extend(text::wrap(&[span(format!("      {why}"), theme.warn)], width, 6));
    }
}

/// The signals a guard's condition names: name, value, baseline, age.
fn reading_lines(readings: &[ReadingView], ui: &Ui, width: usize, out: &mut Vec<Line<'static>>) {
    let theme = &ui.theme;
    let names = readings.iter().map(|r| text::width(&r.name)).max().unwrap_or(0).min(width / 3);
    for reading in readings {
        let name = text::shorten(&reading.name, names).into_owned();
        let pad = names.saturating_sub(text::width(&name));
        let mut spans = vec![span(format!("  {name}{}  ", " ".repeat(pad)), theme.dim)];
        spans.push(match &reading.value {
            Ok(value) => span(value.clone(), theme.strong),
            Err(why) => span(format!("? {why}"), theme.warn),
        });
        if let Some(baseline) = &reading.baseline {
            spans.push(span(format!("   baseline {baseline}"), theme.text));
        }
        if let Some(age) = reading.age_ms {
            spans.push(span(format!("   {} old", text::age(age)), theme.dim));
        }
        out.extend(text::wrap(&spans, width, names + 4));
    }
}

fn bar_line(gone: u64, total: u64, words: &str, ui: &Ui, width: usize) -> Line<'static> {
    let cells = width.saturating_sub(text::width(words)).min(40);
    let (full, empty) = paint::bar(gone as f64 / total.max(1) as f64, cells);
    Line::from(vec![span(full, ui.theme.accent), span(empty, ui.theme.border), span(words.to_owned(), ui.theme.text)])
}

fn wait_lines(wait: &WaitView, ui: &Ui, width: usize, out: &mut Vec<Line<'static>>) {
    out.extend(text::wrap_text(&format!("Waiting {}", wait.text), ui.theme.text, width, 2));
    match wait.total_ms {
        Some(total) => {
            let left = text::duration(total.saturating_sub(wait.gone_ms));
            let words = format!("  {} of {}, {left} left", text::duration(wait.gone_ms), text::duration(total));
            out.push(bar_line(wait.gone_ms, total, &words, ui, width));
        }
        None => out.push(Line::from(span(format!("{} gone", text::duration(wait.gone_ms)), ui.theme.text))),
    }
}

/// How long it took and how its steps ended; together they are all there are.
pub fn closing_facts(screen: &Screen<'_>) -> Vec<String> {
    let count = |wanted: &[RowState]| screen.outline.iter().filter(|row| wanted.contains(&row.state)).count();
    let ended = RowState::Ended;
    let mut facts = vec![format!("{} walked", text::duration(screen.header.elapsed_ms))];
    facts.push(format!("{} done", text::count(count(&[ended(StepOutcome::Done)]), "step")));
    let others: [(&[RowState], &str); 6] = [
        (&[ended(StepOutcome::Failed)], "failed"),
        (&[ended(StepOutcome::Skipped)], "skipped"),
        (&[ended(StepOutcome::Interrupted)], "stopped"),
        (&[ended(StepOutcome::NotApplicable)], "not needed"),
        (&[ended(StepOutcome::NotChosen)], "not chosen"),
        (&[RowState::Dropped, RowState::Pending], "not reached"),
    ];
    let others = others.into_iter().map(|(states, word)| (count(states), word));
    facts.extend(others.filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
    facts
}

/// The summary at the end.
fn closing(outcome: SessionOutcome, deviations: u32, screen: &Screen<'_>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let theme = &ui.theme;
    let (mark, style) = match outcome {
        SessionOutcome::Completed => ("✓", theme.good),
        SessionOutcome::RolledBack => ("↩", theme.warn),
        SessionOutcome::RollbackFailed => ("✗", theme.bad),
        SessionOutcome::Aborted | SessionOutcome::Abandoned => ("■", theme.warn),
    };
    let mut out = vec![
        Line::from(vec![
            span(format!("{mark} "), style),
            span(closing_words(outcome, deviations), style),
            span(format!("  ({})", outcome.as_str()), theme.dim),
        ]),
        Line::default(),
    ];
    let facts = closing_facts(screen);
    out.extend(text::wrap_text(&facts.join(", "), theme.text, width, 2));
    let mut list = |heading: &str, items: &[String]| {
        if !items.is_empty() {
            out.push(Line::default());
            out.push(Line::from(span(heading.to_owned(), theme.strong)));
            for item in items {
                out.extend(text::wrap(&[span(format!("• {item}"), theme.text)], width, 2));
            }
        }
    };
    list("Still owed", screen.followups);
    list("Notes", screen.notes);
    let left: Vec<String> = screen.undo.iter().filter(|u| !u.idle).map(|u| u.text.clone()).collect();
    if !matches!(outcome, SessionOutcome::Completed) {
        list("Left as it is", &left);
    }
    out
}

/// Whether a text takes more lines than a question should have; it stands in full
/// among the details then, which scroll.
fn is_long(words: &str, width: usize) -> bool {
    text::width(words) > width * 3
}

/// The question and its keys.
pub(super) fn ask(screen: &Screen<'_>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let mut a = Ask { screen, ui, width, out: Vec::new() };
    a.prompt();
    a.out
}

struct Ask<'a> {
    screen: &'a Screen<'a>,
    ui: &'a Ui,
    width: usize,
    out: Vec<Line<'static>>,
}

impl Ask<'_> {
    fn say(&mut self, words: &str, style: ratatui::style::Style) {
        let words = text::clean(words);
        let words = if is_long(&words, self.width) { text::shorten(&words, self.width * 2) } else { words };
        self.out.extend(text::wrap_text(&words, style, self.width, 2));
    }

    /// The keys of the prompt from the table; `relabel` replaces labels, `leave_out` drops.
    fn keys(&mut self, relabel: &[(Op, String)], leave_out: &[Op], with_rollback: bool) {
        let theme = &self.ui.theme;
        let place = context(self.screen);
        let mut spans = Vec::new();
        let mut add = |shown: &str, label: String| {
            if !spans.is_empty() {
                spans.push(span("   ", theme.text));
            }
            let (key, word) = if self.ui.accepting { (theme.key, theme.text) } else { (theme.key_off, theme.key_off) };
            // No line break between a key and what it does.
            spans.push(span(shown.replace(' ', "\u{a0}"), key));
            spans.push(span(format!("\u{a0}{}", label.replace(' ', "\u{a0}")), word));
        };
        for b in keymap::of(place).filter(|b| !leave_out.contains(&b.op)) {
            let label = relabel.iter().find(|(op, _)| *op == b.op).map_or(b.label.to_owned(), |(_, l)| l.clone());
            add(b.shown, label);
        }
        if with_rollback && let Some(b) = keymap::hint(Context::Everywhere, Op::RollBack) {
            add(b.shown, b.label.to_owned());
        }
        self.out.extend(text::wrap(&spans, self.width, 0));
    }

    fn prompt(&mut self) {
        let theme = &self.ui.theme;
        match self.screen.prompt {
            Prompt::Start { what, changes, type_first, needs_preparation, step } => {
                self.start(what.as_deref(), *changes, type_first.as_deref(), *needs_preparation, step);
            }
            Prompt::Confirm { question, no, .. } => {
                self.say(question, theme.strong);
                self.keys(&[(Op::No, format!("no: {no}"))], &[], false);
            }
            Prompt::Checklist { items, .. } => {
                let done = items.iter().filter(|i| i.ticked).count();
                let label =
                    if done == items.len() { "continue".into() } else { format!("continue ({done} of {} ticked)", items.len()) };
                self.keys(&[(Op::Accept, label)], &[], false);
            }
            Prompt::Paused if matches!(self.screen.journal, Journal::Failed(..)) => {
                self.say("Paused, and nothing can go on: the journal cannot be written (see above).", theme.bad);
            }
            Prompt::Input { .. } if self.ui.form_active => {}
            Prompt::Input { .. } | Prompt::Paused => {
                if matches!(self.screen.prompt, Prompt::Paused) {
                    self.say("Paused. No step starts until you go on.", theme.strong);
                }
                self.keys(&[], &[], false);
            }
            Prompt::Decide { question, options, left_ms, otherwise, .. } => {
                self.decide(question, options, *left_ms, otherwise);
            }
            Prompt::Approve { by, min, given, expires, .. } => self.approve(by, *min, given, expires.as_deref()),
            Prompt::Failure { why, changes, can_continue, .. } => {
                self.say(&format!("✗ Failed: {why}"), theme.bad);
                if *changes {
                    self.say("Trying again starts the change anew.", theme.warn);
                }
                let out: &[Op] = if *can_continue { &[] } else { &[Op::Continue] };
                self.keys(&[], out, !self.screen.header.rolling_back);
            }
            Prompt::Unknown { what, why, can_look, looking, .. } => {
                self.say(&format!("? Nobody knows whether this was done: {what}"), theme.bad);
                self.say(why, theme.text);
                if *looking {
                    self.say("A look is under way …", theme.warn);
                }
                let out: &[Op] = if *can_look && !*looking { &[] } else { &[Op::Look] };
                self.keys(&[], out, !self.screen.header.rolling_back);
            }
            Prompt::Guard { guard, title, action, left_ms, expired, caution } => {
                self.guard(guard, title, action, (*left_ms, expired), caution.as_deref());
            }
            Prompt::GateHold { why, .. } => {
                self.say(&format!("? The gate has no verdict in time: {why}"), theme.warn);
                self.keys(&[], &[], !self.screen.header.rolling_back);
            }
            Prompt::When { title, condition, why, .. } => {
                self.say(&format!("? Whether “{title}” applies cannot be told."), theme.warn);
                self.say(&format!("{condition}: {why}"), theme.text);
                self.keys(&[], &[], false);
            }
            Prompt::Interrupt { title, .. } => {
                self.stopping();
                self.say(&format!("“{title}” is still running. The rollback waits for your answer."), theme.strong);
                self.keys(&[], &[], false);
            }
            Prompt::Busy { .. } => self.busy(),
            Prompt::Closed { .. } if self.screen.replay.is_some() => {}
            Prompt::Closed { .. } => self.keys(&[], &[], false),
        }
    }

    fn start(
        &mut self,
        what: Result<&What, &String>,
        changes: bool,
        type_first: Option<&str>,
        needs_preparation: bool,
        step: &crate::session::message::StepRef,
    ) {
        let theme = &self.ui.theme;
        let Ok(what) = what else {
            self.say(":skip passes the step over, :abort ends the session; both want a reason.", theme.text);
            return;
        };
        let summary = request::summary(what);
        match (changes, self.screen.header.mode) {
            (false, _) => self.say(&format!("○ Only reads: {summary}."), theme.text),
            (true, Mode::Live) => self.say(&format!("▲ This changes something: {summary}."), theme.warn),
            (true, Mode::DryRun) => self.say(&format!("◐ Dry run, nothing is changed. Live, it {summary}."), theme.text),
            (true, Mode::Rehearsal) => {
                self.say(&format!("○ Rehearsal, only the simulated world changes: {summary}."), theme.text)
            }
        }
        match (needs_preparation, prepared(self.screen, step)) {
            (true, None) => self.say("Enter starts it once the object has been read.", theme.dim),
            (true, Some(Err(_))) => self.keys(&[], &[], false),
            _ => {
                let label = type_first.map(|name| (Op::Accept, format!("type {name}, then it starts")));
                self.keys(label.as_slice(), &[], false);
            }
        }
    }

    fn decide(&mut self, question: &str, options: &[OptionView], left_ms: Option<i64>, otherwise: &str) {
        let theme = &self.ui.theme;
        self.say(question, theme.strong);
        let widest = options.iter().map(|o| text::width(&o.label)).max().unwrap_or(0).min(self.width / 2);
        for option in options {
            let (key, word) = if self.ui.accepting { (theme.key, theme.text) } else { (theme.key_off, theme.key_off) };
            let pad = widest.saturating_sub(text::width(&option.label));
            let reason = if option.reason_required { ", wants a reason" } else { "" };
            let spans = [
                span(format!("  {}  ", option.key), key),
                span(format!("{}{}", option.label, " ".repeat(pad)), word),
                span(format!("   → {}{reason}", option.leads_to), theme.dim),
            ];
            self.out.extend(text::wrap(&spans, self.width, 5));
        }
        self.countdown(left_ms, otherwise);
    }

    fn countdown(&mut self, left_ms: Option<i64>, then: &str) {
        if let Some(left) = left_ms {
            let style = if left < 60_000 { self.ui.theme.bad } else { self.ui.theme.warn };
            self.say(&text::countdown(left, then), style);
        }
    }

    fn approve(&mut self, by: &[String], min: u32, given: &[String], expires: Option<&str>) {
        let theme = &self.ui.theme;
        let have = given.len();
        // To the minute: nobody waits for the second.
        let until = expires.and_then(|at| at.get(..16)).map(|at| format!(" Open until {} UTC.", at.replace('T', " ")));
        let until = until.unwrap_or_default();
        self.say(&format!("Waiting for approval: {have} of {min}, by {}.{until}", by.join(", ")), theme.strong);
        for name in given {
            self.say(&format!("  ✓ {name}"), theme.good);
        }
        if self.screen.header.mode == Mode::Rehearsal {
            return self.say("It is simulated: it comes in its own time, and the walk goes on by itself.", theme.dim);
        }
        let Some(request) = &self.screen.live.request else { return self.say("The request is being written.", theme.dim) };
        self.say("Send them this file (Ctrl-Y copies what it says):", theme.text);
        self.say(&format!("  {}", request.path), theme.code);
        self.say("They sign it with `pacenote approve`; then a: paste their answer, or name its file.", theme.text);
    }

    fn guard(&mut self, guard: &str, title: &str, action: &str, (left_ms, expired): (Option<i64>, &str), caution: Option<&str>) {
        let theme = &self.ui.theme;
        self.say(&format!("▲ Guard {guard} has tripped"), theme.alarm);
        self.say(title, theme.strong);
        if let Some(view) = self.screen.guards.iter().find(|g| g.id == guard)
            && view.condition != title
        {
            self.say(&view.condition, theme.code);
        }
        self.say("No new step starts until this is answered.", theme.text);
        if let Some(caution) = caution {
            self.say(caution, theme.warn);
        }
        if let Some(view) = self.screen.guards.iter().find(|g| g.id == guard) {
            reading_lines(&view.readings, self.ui, self.width, &mut self.out);
        }
        self.countdown(left_ms, expired);
        // Where acting is rolling back, one way to say so is enough.
        let other = !self.screen.header.rolling_back && !action.to_lowercase().contains("roll");
        self.keys(&[(Op::Act, format!("do it: {action}"))], &[], other);
    }

    /// That what runs was asked to stop, for as long as it still runs.
    fn stopping(&mut self) {
        let effect = self.screen.step.and_then(|step| step.effect);
        let Some(stopping) = self.ui.stopping.filter(|s| Some(s.effect) == effect) else { return };
        let ago = text::age(self.ui.clock().saturating_sub(stopping.at_ms));
        let runs = self.screen.step.is_some_and(|step| matches!(step.what, Some(What::Run(_))));
        let words = match (runs, stopping.presses) {
            (true, 1) => format!("■ asked to stop {ago} ago (SIGINT); Ctrl-C: SIGTERM"),
            (true, 2) => format!("■ told to stop {ago} ago (SIGTERM); Ctrl-C: SIGKILL"),
            (true, _) => format!("■ killed {ago} ago (SIGKILL); its end is awaited"),
            (false, _) => format!("■ asked to cancel {ago} ago"),
        };
        self.say(&words, self.ui.theme.warn);
    }

    fn busy(&mut self) {
        let theme = &self.ui.theme;
        let Some(step) = self.screen.step else {
            self.say("Working …", theme.dim);
            return;
        };
        if let Some(gate) = &step.gate {
            gate_state(gate, self.ui, self.width, &mut self.out);
        }
        if let Some(wait) = &step.wait {
            wait_lines(wait, self.ui, self.width, &mut self.out);
        }
        self.stopping();
        if let Some(progress) = step.effect.and_then(|e| self.screen.live.progress.get(&e)) {
            let spans = [span("▶ ", theme.accent), span(progress.clone(), theme.strong)];
            self.out.extend(text::wrap(&spans, self.width, 2));
        }
        match step.timeout_left_ms {
            Some(0) => self.say("Nothing is asked of you; its time is up.", theme.warn),
            Some(left) => {
                let style = if left < 60_000 { theme.warn } else { theme.dim };
                self.say(&format!("Nothing is asked of you; {} until it times out.", text::duration(left)), style);
            }
            None => self.say("Nothing is asked of you; it goes on by itself.", theme.dim),
        }
    }
}
