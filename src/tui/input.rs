//! Keys to actions.
//!
//! A key is taken by the first that wants it: a text being typed, a form, an open
//! overlay, the prompt, and at last what works everywhere. Only the prompt's turn is
//! subject to the half-second rule; looking around is always possible.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::Screen;
use super::action::Action;
use super::form::FormEvent;
use super::keymap::{self, Context, Key, Op};
use super::ui::{Focus, GRACE_MS, Level, Overlay, Purpose, Search, Stopping, Ui, output_of, prepared};
use crate::live::PanelData;
use crate::session::event::Mode;
use crate::session::intent::What;
use crate::session::message::{Command, FailureChoice, GuardChoice, SettleChoice, StepRef};
use crate::session::view::{ItemView, OptionView, Prompt};

mod entry;

pub(super) use entry::type_into;

impl Ui {
    /// Takes a key that was pressed at `now_ms`, the monotonic clock of [`super::draw`].
    pub fn handle(&mut self, event: KeyEvent, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        if event.kind == KeyEventKind::Release {
            return Vec::new();
        }
        self.touch();
        self.forget_read_messages(now_ms);
        let key = Key::from(event);
        if self.seen.borrow().tiny && !self.counts_unseen(key) {
            return Vec::new();
        }
        if matches!(self.overlay, Some(Overlay::Entry(_))) {
            return self.entry_key(event, screen, now_ms);
        }
        if self.search.as_ref().is_some_and(|s| s.editing) {
            self.search_key(event, screen);
            return Vec::new();
        }
        if self.overlay.is_some() {
            return self.overlay_key(key, screen, now_ms);
        }
        if screen.replay.is_some()
            && let Some(actions) = self.replay_key(key, now_ms)
        {
            return actions;
        }
        // Stopping what runs is never taken for typing.
        if self.form_active && keymap::find(key, Context::Everywhere) != Some(Op::Stop) {
            return self.form_key(event, screen, now_ms);
        }
        if self.still_typing(now_ms) && keymap::find(key, Context::Everywhere) != Some(Op::Stop) {
            return Vec::new();
        }
        if let Some(answer) = prompt_answer(key, screen).filter(|_| screen.replay.is_none()) {
            if !self.may_answer(screen, now_ms) {
                if !self.seen.borrow().prompt_visible {
                    self.say(
                        "not all of the question is on screen; Esc goes back to it, z gives it more room",
                        Level::Info,
                        now_ms,
                    );
                }
                return Vec::new();
            }
            return self.answer(answer, screen, now_ms);
        }
        match keymap::find(key, Context::Everywhere) {
            Some(op) => self.everywhere(op, key, screen, now_ms),
            None => Vec::new(),
        }
    }

    /// Takes pasted text, where something is being typed.
    pub fn paste(&mut self, pasted: &str) {
        self.touch();
        let pasted = &super::text::pasted(pasted);
        if let Some(Overlay::Entry(entry)) = &mut self.overlay {
            entry.error = None;
            let lines: Vec<_> = pasted.lines().map(|l| super::text::clean(l).into_owned()).collect();
            entry.area.insert_str(if entry.purpose.is_of_lines() { lines.join("\n") } else { lines.join(" ") });
        } else if let Some(search) = self.search.as_mut().filter(|s| s.editing) {
            search.text.push_str(&super::text::clean(pasted.trim()));
        } else if let (true, Some((_, form))) = (self.form_active, &mut self.form) {
            form.paste(pasted);
        }
    }

    /// Whether a key counts where there is no room to show what it would do: leaving and
    /// stopping, and what gives the room back.
    fn counts_unseen(&self, key: Key) -> bool {
        let leaves = matches!(self.overlay, Some(Overlay::Leave { .. })) && keymap::find(key, Context::Leave).is_some();
        leaves
            || matches!(keymap::find(key, Context::Everywhere), Some(Op::Leave | Op::Stop | Op::Back | Op::Redraw | Op::Suspend))
                && !self.is_typing()
            || self.is_typing() && keymap::find(key, Context::Everywhere) == Some(Op::Stop)
    }

    fn answer(&mut self, answer: Answer<'_>, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let op = match answer {
            Answer::Option(step, option) => return self.choose(step, option),
            Answer::Op(op) => op,
        };
        match (screen.prompt, op) {
            (Prompt::Start { step, .. }, _) => self.start(step, screen, now_ms),
            (Prompt::Confirm { step, .. }, op) => {
                vec![Action::Command(Command::Confirm { step: step.clone(), yes: op == Op::Accept })]
            }
            (Prompt::Checklist { step, items }, Op::Toggle) => self.tick(step, items),
            (Prompt::Checklist { step, items }, _) => match items.iter().filter(|i| !i.ticked).count() {
                0 => vec![Action::Command(Command::CompleteChecklist { step: step.clone() })],
                1 => self.refuse("one item is not ticked yet", now_ms),
                n => self.refuse(format!("{n} items are not ticked yet"), now_ms),
            },
            (Prompt::Input { .. }, _) => {
                self.form_active = self.form.is_some();
                self.focus = Focus::Step;
                Vec::new()
            }
            (Prompt::Failure { step, can_continue, .. }, op) => match op {
                Op::Retry => self.failure(step, FailureChoice::Retry, None),
                Op::Continue if *can_continue => self.ask_reason(Purpose::Failure(step.clone(), FailureChoice::Continue)),
                Op::Continue => self.refuse("this cannot be passed over; try again, or abort", now_ms),
                _ => self.ask_reason(Purpose::Failure(step.clone(), FailureChoice::Abort)),
            },
            (Prompt::Unknown { step, can_look, looking, .. }, op) => match op {
                Op::Look if *looking => self.refuse("a look is under way", now_ms),
                Op::Look if *can_look => {
                    vec![Action::Command(Command::Settle { step: step.clone(), choice: SettleChoice::Look, reason: None })]
                }
                Op::Look => self.refuse("the runbook does not say how to look", now_ms),
                Op::Done => self.ask_reason(Purpose::Settle(step.clone(), SettleChoice::Done)),
                _ => self.ask_reason(Purpose::Settle(step.clone(), SettleChoice::Failed)),
            },
            (Prompt::Interrupt { step, .. }, op) => {
                vec![Action::Command(Command::Interrupt { step: step.clone(), kill: op == Op::Kill })]
            }
            (Prompt::Guard { guard, .. }, op) => match op {
                Op::Act => vec![Action::Command(Command::Guard { guard: guard.clone(), choice: GuardChoice::Act, reason: None })],
                Op::Hold => self.ask_reason(Purpose::Guard(guard.clone(), GuardChoice::Hold)),
                _ => self.ask_reason(Purpose::Snooze(guard.clone())),
            },
            (Prompt::GateHold { step, .. }, op) => match op {
                Op::Retry => self.failure(step, FailureChoice::Retry, None),
                Op::Override => self.ask_reason(Purpose::Override(step.clone())),
                _ => self.ask_reason(Purpose::Failure(step.clone(), FailureChoice::Abort)),
            },
            (Prompt::When { step, .. }, op) => self.ask_reason(Purpose::When(step.clone(), op == Op::Run)),
            (Prompt::Paused, _) => vec![Action::Command(Command::Unpause)],
            (Prompt::Closed { .. }, _) => vec![Action::Quit],
            (Prompt::Approve { .. }, _) if screen.header.mode == Mode::Rehearsal => {
                self.refuse("the approval is simulated: it comes in its own time", now_ms)
            }
            (Prompt::Approve { .. }, _) => self.ask_reason(Purpose::Answer),
            (Prompt::Decide { .. } | Prompt::Busy { .. }, _) => Vec::new(),
        }
    }

    fn start(&mut self, step: &StepRef, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let Prompt::Start { what, type_first, needs_preparation, .. } = screen.prompt else { return Vec::new() };
        if what.is_err() {
            return self.refuse("it cannot be worked out what to start; :skip or :abort, or Ctrl-Z and mend it", now_ms);
        }
        let object = match (needs_preparation, prepared(screen, step)) {
            (true, None) => return self.refuse("the object is still being read", now_ms),
            (true, Some(Err(_))) => return vec![Action::Prepare { step: step.clone() }],
            (_, Some(Ok(state))) => Some(Box::new(state.clone())),
            (false, _) => None,
        };
        if let Some(expected) = type_first {
            let takes_over = what.as_ref().is_ok_and(|what| what.takes_over());
            return self.ask_reason(Purpose::TypeName { step: step.clone(), expected: expected.clone(), takes_over });
        }
        vec![Action::Start { step: step.clone(), prepared: object }]
    }

    fn tick(&mut self, step: &StepRef, items: &[ItemView]) -> Vec<Action> {
        let at = self.item.min(items.len().saturating_sub(1));
        let Some(item) = items.get(at) else { return Vec::new() };
        let ticked = !item.ticked;
        let against_check = item.has_check && item.check != Some(Ok(true));
        if ticked && (item.note_required || against_check) {
            return self.ask_reason(Purpose::ItemNote { step: step.clone(), item: at as u32, ticked });
        }
        if ticked && let Some(next) = (at + 1..items.len()).find(|i| items.get(*i).is_some_and(|i| !i.ticked)) {
            self.item = next;
        }
        vec![Action::Command(Command::Tick { step: step.clone(), item: at as u32, ticked, note: None })]
    }

    fn choose(&mut self, step: &StepRef, option: &OptionView) -> Vec<Action> {
        if option.reason_required {
            return self.ask_reason(Purpose::Choose(step.clone(), option.key));
        }
        vec![Action::Command(Command::Choose { step: step.clone(), key: option.key, reason: None })]
    }

    fn failure(&mut self, step: &StepRef, choice: FailureChoice, reason: Option<String>) -> Vec<Action> {
        vec![Action::Command(Command::Failure { step: step.clone(), choice, reason })]
    }

    fn refuse(&mut self, why: impl Into<String>, now_ms: u64) -> Vec<Action> {
        self.say(why, Level::Warn, now_ms);
        Vec::new()
    }

    fn form_key(&mut self, event: KeyEvent, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let Prompt::Input { step, .. } = screen.prompt else {
            self.form_active = false;
            return self.refuse("the question has changed; the answers were not given", now_ms);
        };
        match &mut self.form {
            Some((of, form)) if of == step => match form.handle(event) {
                FormEvent::Stays => Vec::new(),
                FormEvent::Left => {
                    self.form_active = false;
                    Vec::new()
                }
                FormEvent::Given(answers) => {
                    self.form_active = false;
                    vec![Action::Give { step: step.clone(), values: answers.values, secrets: answers.secrets }]
                }
            },
            _ => {
                self.form_active = false;
                Vec::new()
            }
        }
    }

    fn overlay_key(&mut self, key: Key, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let ripe = |since: &Option<u64>| since.is_some_and(|s| now_ms >= s + GRACE_MS);
        match &mut self.overlay {
            Some(Overlay::Rollback { since, reason }) => match keymap::find(key, Context::RollbackPlan) {
                Some(Op::Accept) if ripe(since) => {
                    let reason = reason.take();
                    self.overlay = None;
                    return vec![Action::Command(Command::Rollback { reason })];
                }
                Some(Op::Accept) => return Vec::new(),
                Some(_) => self.overlay = None,
                None => {}
            },
            Some(Overlay::Leave { since }) => match keymap::find(key, Context::Leave) {
                Some(Op::Accept) if ripe(since) => {
                    self.overlay = None;
                    return vec![Action::Quit];
                }
                Some(Op::Accept) => return Vec::new(),
                Some(_) => self.overlay = None,
                None => {}
            },
            Some(Overlay::Help { scroll, .. } | Overlay::Sheet { scroll }) => {
                let (total, height) = self.seen.borrow().help;
                let last = total.saturating_sub(height);
                match keymap::find(key, Context::Everywhere) {
                    Some(Op::Down) => *scroll = (*scroll + 1).min(last),
                    Some(Op::Up) => *scroll = scroll.saturating_sub(1),
                    Some(Op::PageDown) => *scroll = (*scroll + height.max(2) - 1).min(last),
                    Some(Op::PageUp) => *scroll = scroll.saturating_sub(height.max(2) - 1),
                    Some(Op::Top) => *scroll = 0,
                    Some(Op::Bottom) => *scroll = last,
                    Some(Op::Help | Op::Sheet | Op::Back | Op::Leave) => self.overlay = None,
                    _ => {}
                }
                return Vec::new();
            }
            Some(Overlay::Entry(_)) | None => return Vec::new(),
        }
        if self.overlay.is_some() && keymap::find(key, Context::Everywhere) == Some(Op::Stop) {
            return self.stop(screen, now_ms);
        }
        Vec::new()
    }

    fn everywhere(&mut self, op: Op, key: Key, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        match op {
            Op::Note => return self.ask_reason(Purpose::Note),
            Op::CommandLine => return self.ask_reason(Purpose::CommandLine),
            Op::RollBack => return self.open_rollback(screen, None, now_ms),
            Op::Pause if screen.header.paused => return vec![Action::Command(Command::Unpause)],
            Op::Pause => return vec![Action::Command(Command::Pause { reason: None })],
            Op::Help => self.overlay = Some(Overlay::Help { scroll: 0, commands: false }),
            Op::Sheet => self.overlay = Some(Overlay::Sheet { scroll: 0 }),
            Op::Leave => return self.leave(screen),
            Op::Stop => return self.stop(screen, now_ms),
            Op::Copy => return self.copy(screen, now_ms),
            Op::LogIn => return vec![Action::LogIn],
            Op::Suspend => return vec![Action::Suspend],
            Op::Redraw => return vec![Action::Redraw],
            Op::Back => self.back(),
            Op::Panel => {
                let KeyCode::Char(c) = key.code else { return Vec::new() };
                let index = (c as usize).saturating_sub('1' as usize);
                if index >= screen.live.panels.len() {
                    return self.refuse(format!("there is no panel {c}"), now_ms);
                }
                let open = self.zoom && self.focus == Focus::Panel(index);
                self.zoom = !open;
                self.focus = if open { Focus::Step } else { Focus::Panel(index) };
            }
            Op::Zoom => self.zoom = !self.zoom,
            Op::NextPane => self.cycle(screen, true),
            Op::PreviousPane => self.cycle(screen, false),
            Op::Search => self.begin_search(screen),
            Op::Up | Op::Down | Op::PageUp | Op::PageDown | Op::Top | Op::Bottom | Op::Left | Op::Right => {
                self.scroll_by(op, screen);
            }
            _ => {}
        }
        Vec::new()
    }

    pub(super) fn open_rollback(&mut self, screen: &Screen<'_>, reason: Option<String>, now_ms: u64) -> Vec<Action> {
        if screen.header.rolling_back {
            return self.refuse("the rollback is under way", now_ms);
        }
        if matches!(screen.prompt, Prompt::Closed { .. }) {
            return self.refuse(format!("the session is over; `pacenote rollback {}` rolls it back", screen.session), now_ms);
        }
        self.overlay = Some(Overlay::Rollback { since: None, reason });
        Vec::new()
    }

    pub(super) fn leave(&mut self, screen: &Screen<'_>) -> Vec<Action> {
        if matches!(screen.prompt, Prompt::Closed { .. }) {
            return vec![Action::Quit];
        }
        self.overlay = Some(Overlay::Leave { since: None });
        Vec::new()
    }

    pub(super) fn stop(&mut self, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let running = screen.step.filter(|_| matches!(screen.prompt, Prompt::Busy { .. } | Prompt::Interrupt { .. }));
        let Some((step, effect)) = running.and_then(|s| s.effect.map(|e| (s, e))) else {
            return if matches!(self.overlay, Some(Overlay::Leave { .. })) { Vec::new() } else { self.leave(screen) };
        };
        let before = self.stopping.filter(|s| s.effect == effect).map_or(0, |s| s.presses);
        let presses = before.saturating_add(1);
        self.stopping = Some(Stopping { effect, presses, at_ms: now_ms });
        let signal = match (&step.what, presses) {
            (Some(What::Run(_)), 1) => "SIGINT",
            (Some(What::Run(_)), 2) => "SIGTERM",
            (Some(What::Run(_)), _) => "SIGKILL",
            _ => "cancel",
        };
        let next = match signal {
            "SIGINT" => "asked it to stop (SIGINT); again: SIGTERM",
            "SIGTERM" => "told it to stop (SIGTERM); again: SIGKILL",
            "SIGKILL" => "killed it (SIGKILL)",
            _ => "asked to cancel",
        };
        self.say(next, Level::Warn, now_ms);
        vec![Action::Command(Command::Stop { step: step.step.clone(), signal: signal.into() })]
    }

    pub(super) fn copy(&mut self, screen: &Screen<'_>, now_ms: u64) -> Vec<Action> {
        let text = match self.focus {
            Focus::Panel(i) => screen.live.panels.get(i).map(|p| match &p.data {
                PanelData::Pods(t) => t.selector.clone(),
                PanelData::Health(h) => h.url.clone(),
                PanelData::Graph(g) => g.query.clone(),
                PanelData::Table(t) => t.about.clone(),
                PanelData::Logs(l) => l.about.clone(),
                PanelData::Unavailable(why) => why.clone(),
            }),
            Focus::Output => output_of(screen).map(|o| o.lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>().join("\n")),
            Focus::Steps | Focus::Step => match (screen.prompt, screen.step) {
                (Prompt::Approve { .. }, _) if screen.live.request.is_some() => {
                    screen.live.request.as_ref().map(|request| request.text.clone())
                }
                (Prompt::Start { what: Ok(what), .. }, _) => Some(super::request::as_text(what, screen.header.target.as_deref())),
                (_, Some(step)) => step.what.as_ref().map(|w| super::request::as_text(w, screen.header.target.as_deref())),
                _ => None,
            },
        };
        match text {
            Some(text) if !text.is_empty() => {
                self.say("copied", Level::Info, now_ms);
                vec![Action::Copy(text)]
            }
            _ => self.refuse("there is nothing to copy here", now_ms),
        }
    }

    fn back(&mut self) {
        if self.search.take().is_some() {
            return;
        }
        if self.zoom {
            self.zoom = false;
            self.focus = Focus::Step;
            return;
        }
        self.scroll.clear();
        self.focus = Focus::Step;
    }

    fn cycle(&mut self, screen: &Screen<'_>, forward: bool) {
        let mut panes = vec![Focus::Steps, Focus::Step];
        if output_of(screen).is_some() {
            panes.push(Focus::Output);
        }
        panes.extend((0..screen.live.panels.len()).map(Focus::Panel));
        let n = panes.len();
        let at = panes.iter().position(|p| *p == self.focus).unwrap_or(1);
        let next = if forward { (at + 1) % n } else { (at + n - 1) % n };
        self.focus = panes.get(next).copied().unwrap_or(Focus::Step);
    }

    fn scroll_by(&mut self, op: Op, screen: &Screen<'_>) {
        if let (Focus::Step, Prompt::Checklist { items, .. }) = (self.focus, screen.prompt) {
            let last = items.len().saturating_sub(1);
            match op {
                Op::Down => self.item = (self.item + 1).min(last),
                Op::Up => self.item = self.item.saturating_sub(1).min(last),
                Op::Top => self.item = 0,
                Op::Bottom => self.item = last,
                _ => {}
            }
            if !matches!(op, Op::PageUp | Op::PageDown) {
                return;
            }
        }
        let seen = self.seen.borrow();
        let (total, height) = seen.extent.get(&self.focus).copied().unwrap_or((0, 0));
        let top = seen.top.get(&self.focus).copied().unwrap_or(0);
        drop(seen);
        let last = total.saturating_sub(height);
        let page = height.max(2) - 1;
        let to = match op {
            Op::Down => (top + 1).min(last),
            Op::Up => top.saturating_sub(1),
            Op::PageDown => (top + page).min(last),
            Op::PageUp => top.saturating_sub(page),
            Op::Top => 0,
            Op::Bottom => last,
            _ => return,
        };
        let logs = matches!(self.focus, Focus::Panel(i) if matches!(screen.live.panels.get(i).map(|p| &p.data), Some(PanelData::Logs(_))));
        if (logs || self.focus == Focus::Output) && to >= last {
            // At their end an output and logs are followed.
            self.scroll.remove(&self.focus);
        } else {
            self.scroll.insert(self.focus, to);
        }
    }

    fn begin_search(&mut self, screen: &Screen<'_>) {
        let from = self.focus;
        self.focus = match self.focus {
            Focus::Step if output_of(screen).is_some() => Focus::Output,
            Focus::Step => Focus::Steps,
            Focus::Panel(i) if !screen.live.panels.get(i).is_some_and(|p| has_rows(&p.data)) => Focus::Steps,
            focus => focus,
        };
        let scroll = self.scroll.get(&self.focus).copied();
        self.search = Some(Search { from, scroll, text: String::new(), editing: true, at: None });
    }

    fn search_key(&mut self, event: KeyEvent, screen: &Screen<'_>) {
        let Some(search) = &mut self.search else { return };
        let mut direction = None;
        match event.code {
            KeyCode::Esc => return self.end_search(),
            KeyCode::Char('c') if Key::from(event).ctrl => return self.end_search(),
            KeyCode::Enter if matches!(self.focus, Focus::Panel(_)) => search.editing = false,
            KeyCode::Enter | KeyCode::Down => direction = Some(true),
            KeyCode::Up => direction = Some(false),
            KeyCode::Backspace => {
                search.text.pop();
                search.at = None;
            }
            KeyCode::Char(c) if !Key::from(event).ctrl => {
                search.text.push(c);
                search.at = None;
                direction = Some(true);
            }
            _ => {}
        }
        if let Some(forward) = direction {
            self.find_next(forward, screen);
        }
    }

    fn find_next(&mut self, forward: bool, screen: &Screen<'_>) {
        let Some(search) = &mut self.search else { return };
        let wanted = search.text.to_lowercase();
        if wanted.is_empty() {
            return;
        }
        let hit = |text: &str| text.to_lowercase().contains(&wanted);
        let hits: Vec<usize> = match self.focus {
            Focus::Output => output_of(screen)
                .map(|o| o.lines.iter().enumerate().filter(|(_, l)| hit(&l.text)).map(|(i, _)| i).collect())
                .unwrap_or_default(),
            Focus::Steps => super::steps::entries(screen, usize::MAX)
                .iter()
                .enumerate()
                .filter(|(_, e)| hit(e.text()))
                .map(|(i, _)| i)
                .collect(),
            _ => return,
        };
        let next = match (search.at, forward) {
            (None, _) => hits.first(),
            (Some(at), true) => hits.iter().find(|i| **i > at).or(hits.first()),
            (Some(at), false) => hits.iter().rev().find(|i| **i < at).or(hits.last()),
        };
        search.at = next.copied();
        if let Some(at) = search.at {
            let height = self.seen.borrow().extent.get(&self.focus).map_or(1, |(_, h)| *h);
            self.scroll.insert(self.focus, at.saturating_sub(height / 2));
        } else {
            let before = search.scroll;
            self.scroll_back(before);
        }
    }

    /// Ends the search. An output stays where it was found; the list of steps goes back to
    /// the step in hand.
    fn end_search(&mut self) {
        let Some(search) = self.search.take() else { return };
        if self.focus == Focus::Steps {
            self.scroll_back(search.scroll);
            self.focus = search.from;
        }
    }

    fn scroll_back(&mut self, before: Option<usize>) {
        self.scroll.remove(&self.focus);
        self.scroll.extend(before.map(|top| (self.focus, top)));
    }
}

/// Whether a panel has rows to search.
fn has_rows(data: &PanelData) -> bool {
    matches!(data, PanelData::Pods(_) | PanelData::Table(_) | PanelData::Logs(_))
}

/// What a key would answer.
enum Answer<'a> {
    Op(Op),
    Option(&'a StepRef, &'a OptionView),
}

/// What a key would answer to the prompt, if it is one of its keys.
fn prompt_answer<'a>(key: Key, screen: &Screen<'a>) -> Option<Answer<'a>> {
    if let Prompt::Decide { step, options, .. } = screen.prompt {
        if let (KeyCode::Char(c), false, false) = (key.code, key.ctrl, key.alt) {
            let exact = options.iter().find(|o| o.key == c);
            let any = exact.or_else(|| options.iter().find(|o| o.key.eq_ignore_ascii_case(&c)));
            return any.map(|o| Answer::Option(step, o));
        }
        return None;
    }
    keymap::find(key, context(screen)).map(Answer::Op)
}

/// The context of the prompt on screen.
pub(super) fn context(screen: &Screen<'_>) -> Context {
    let unprepared = match screen.prompt {
        Prompt::Start { step, .. } => matches!(prepared(screen, step), Some(Err(_))),
        _ => false,
    };
    Context::of(screen.prompt, unprepared)
}
