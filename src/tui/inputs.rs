//! The form that is filled in before a session opens.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyEvent, KeyEventKind};
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::form::{Answers, Form, FormEvent};
use super::keymap::{self, Context, Op};
use super::paint::{self, Framing, Titles, span};
use super::theme::Theme;
use super::{header, text};
use crate::runbook::model::Input;
use crate::session::event::Mode;

/// What the operator decided.
#[derive(Debug, PartialEq)]
pub enum InputsEvent {
    /// The answers, all of them right.
    Given(Answers),
    /// No session.
    Cancelled,
}

/// The screen's state.
#[derive(Debug)]
pub struct InputsScreen {
    title: String,
    mode: Mode,
    environment: String,
    form: Form,
}

impl InputsScreen {
    /// A screen that asks these questions for a session of this runbook, mode and
    /// environment.
    pub fn new(title: impl Into<String>, mode: Mode, environment: impl Into<String>, inputs: &[Input]) -> Self {
        Self { title: title.into(), mode, environment: environment.into(), form: Form::new(inputs) }
    }

    /// The form, to fill in what is known already.
    pub fn form_mut(&mut self) -> &mut Form {
        &mut self.form
    }

    /// Takes a key.
    pub fn handle(&mut self, event: KeyEvent) -> Option<InputsEvent> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        if keymap::find(event.into(), Context::Everywhere) == Some(Op::Stop) {
            return Some(InputsEvent::Cancelled);
        }
        match self.form.handle(event) {
            FormEvent::Stays => None,
            FormEvent::Left => Some(InputsEvent::Cancelled),
            FormEvent::Given(answers) => Some(InputsEvent::Given(answers)),
        }
    }

    /// Takes pasted text.
    pub fn paste(&mut self, pasted: &str) {
        self.form.paste(pasted);
    }

    /// Draws it.
    pub fn view(&self, theme: &Theme, ascii: bool, frame: &mut Frame<'_>) {
        paint::whole(frame, theme, ascii, 30, |buf, area| self.draw(theme, buf, area));
    }

    fn draw(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        let badge = match self.mode {
            Mode::Live => theme.live,
            Mode::DryRun => theme.dry_run,
            Mode::Rehearsal => theme.rehearsal,
        };
        let words = text::clean(&self.environment);
        let head = Line::from(vec![
            span(" pacenote", theme.accent),
            span(" │ ", theme.border),
            span(format!(" {} {words} ", header::mode_words(self.mode)), badge),
            span(" │ ", theme.border),
            span(self.title.clone(), theme.strong),
        ]);
        paint::put_line(buf, area.x, area.y, area.width, &head);
        let body = Rect { y: area.y + 1, height: area.height - 2, ..area };
        let inner = paint::pane(buf, body, Framing::Box, &Titles::new("Before it begins", theme.strong), true, theme);
        self.form.draw(buf, Rect { x: inner.x + 1, width: inner.width - 2, ..inner }, theme, true);
        let mut spans = vec![span(" ", theme.text)];
        for b in keymap::of(Context::Form) {
            let label = if b.op == Op::Back { "no session" } else { b.label };
            spans.push(span(b.shown, theme.key));
            spans.push(span(format!(" {label}   "), theme.text));
        }
        paint::put_line(buf, area.x, area.bottom() - 1, area.width, &Line::from(spans));
    }
}
