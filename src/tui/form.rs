//! A form: one field a question, typed and validated.
//!
//! Used for `input` steps and for what is asked before a session opens. A field's error
//! stands under it; a form gives its answers only when every field is right. Secrets are
//! masked and come out apart from the values.

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget;
use regex::Regex;
use tui_textarea::{CursorMove, TextArea, WrapMode};

use super::action::Secret;
use super::input::type_into;
use super::keymap::{self, Context, Op};
use super::paint;
use super::text;
use super::theme::Theme;
use crate::runbook::Value;
use crate::runbook::model::{Choices, Input, InputKind, SecretSource};

/// Rows of a field of several lines.
const TEXT_ROWS: u16 = 4;

/// A form and how far it is filled in.
#[derive(Debug)]
pub struct Form {
    fields: Vec<Field>,
    active: usize,
}

/// What a key did to a form.
#[derive(Debug, PartialEq)]
pub enum FormEvent {
    /// Nothing, or only within it.
    Stays,
    /// The operator leaves it; what was typed stays.
    Left,
    /// All answers are right.
    Given(Answers),
}

/// The answers of a form.
#[derive(Debug, PartialEq, Default)]
pub struct Answers {
    /// Values by name; fields that are not required and empty are left out.
    pub values: BTreeMap<String, Value>,
    /// Secrets by name.
    pub secrets: Vec<(String, Secret)>,
}

#[derive(Debug)]
struct Field {
    input: Input,
    pattern: Option<Regex>,
    editor: Editor,
    error: Option<String>,
}

enum Editor {
    /// One line or several.
    Text(Box<TextArea<'static>>),
    /// Yes, no, or not answered.
    Flag(Option<bool>),
    /// One of a list.
    Choice(Vec<String>, Option<usize>),
    /// Not asked: where it comes from.
    Given(String),
}

impl std::fmt::Debug for Editor {
    /// Never what was typed: it may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Editor::Text(_) => "Text",
            Editor::Flag(_) => "Flag",
            Editor::Choice(..) => "Choice",
            Editor::Given(_) => "Given",
        })
    }
}

impl Form {
    /// A form of these questions, defaults filled in.
    pub fn new(inputs: &[Input]) -> Self {
        let mut form = Self { fields: inputs.iter().map(Field::new).collect(), active: 0 };
        if form.fields.first().is_some_and(|f| matches!(f.editor, Editor::Given(_))) {
            form.step(true);
        }
        form
    }

    /// Fills in the choices of a field that take a command to find out.
    pub fn set_choices(&mut self, name: &str, choices: Vec<String>) {
        for field in self.fields.iter_mut().filter(|f| f.input.name.value == name) {
            field.editor = choice_editor(choices.clone(), field.input.default.as_ref());
        }
    }

    /// Fills in a field, as if typed.
    pub fn set(&mut self, name: &str, value: &str) {
        for field in self.fields.iter_mut().filter(|f| f.input.name.value == name) {
            field.set(value);
        }
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Text from the clipboard.
    pub fn paste(&mut self, text: &str) {
        let text = &text::pasted(text);
        let Some(field) = self.fields.get_mut(self.active) else { return };
        let several = field.several_lines();
        if let Editor::Text(area) = &mut field.editor {
            if several {
                let lines: Vec<_> = text.lines().map(|l| text::clean(l).into_owned()).collect();
                area.insert_str(lines.join("\n"));
            } else {
                area.insert_str(text::clean(text.trim_end_matches(['\r', '\n'])));
            }
        }
    }

    /// Takes a key.
    pub fn handle(&mut self, event: KeyEvent) -> FormEvent {
        let several = self.fields.get(self.active).is_some_and(Field::several_lines);
        match keymap::find(event.into(), Context::Form) {
            Some(Op::Back) => return FormEvent::Left,
            Some(Op::Send) => return self.submit(),
            Some(Op::NextField) if !(several && event.code == KeyCode::Down) => self.leave_field(true),
            Some(Op::PreviousField) if !(several && event.code == KeyCode::Up) => self.leave_field(false),
            Some(Op::Accept) if !several => {
                if self.next_open(self.active, true).is_none() {
                    return self.submit();
                }
                self.leave_field(true);
            }
            _ => {
                if let Some(field) = self.fields.get_mut(self.active) {
                    field.key(event);
                }
            }
        }
        FormEvent::Stays
    }

    fn leave_field(&mut self, forward: bool) {
        if let Some(field) = self.fields.get_mut(self.active) {
            field.error = if field.is_blank() { None } else { field.value().err() };
        }
        self.step(forward);
    }

    fn next_open(&self, from: usize, forward: bool) -> Option<usize> {
        let open = |i: &usize| self.fields.get(*i).is_some_and(|f| !matches!(f.editor, Editor::Given(_)));
        if forward { (from + 1..self.fields.len()).find(open) } else { (0..from).rev().find(open) }
    }

    fn step(&mut self, forward: bool) {
        if let Some(next) = self.next_open(self.active, forward) {
            self.active = next;
        }
    }

    /// The answers, where all are right; else the first wrong field becomes active.
    pub fn submit(&mut self) -> FormEvent {
        let mut answers = Answers::default();
        let mut wrong = None;
        for (i, field) in self.fields.iter_mut().enumerate() {
            field.error = None;
            let name = field.input.name.value.clone();
            match field.value() {
                Ok(Some(Given::Value(v))) => {
                    answers.values.insert(name, v);
                }
                Ok(Some(Given::Secret(s))) => answers.secrets.push((name, s)),
                Ok(None) => {}
                Err(error) => {
                    field.error = Some(error);
                    wrong.get_or_insert(i);
                }
            }
        }
        match wrong {
            Some(i) => {
                self.active = i;
                FormEvent::Stays
            }
            None => FormEvent::Given(answers),
        }
    }

    /// Rows the whole form takes.
    pub fn rows(&self) -> u16 {
        self.fields.iter().map(Field::rows).sum()
    }

    /// Draws the form, the active field in view. `focused`: keys go to it.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, theme: &Theme, focused: bool) {
        let before: u16 = self.fields.iter().take(self.active).map(Field::rows).sum();
        let own = self.fields.get(self.active).map_or(0, Field::rows);
        let skip = (before + own).saturating_sub(area.height).min(before);
        let mut y = i32::from(area.y) - i32::from(skip);
        for (i, field) in self.fields.iter().enumerate() {
            let rows = field.rows();
            field.draw(buf, area, y, theme, focused && i == self.active);
            y += i32::from(rows);
        }
    }
}

enum Given {
    Value(Value),
    Secret(Secret),
}

fn choice_editor(choices: Vec<String>, default: Option<&Value>) -> Editor {
    let at = default.and_then(|d| choices.iter().position(|c| *c == d.to_string()));
    Editor::Choice(choices, at)
}

impl Field {
    fn new(input: &Input) -> Self {
        let editor = match &input.kind {
            InputKind::Boolean => Editor::Flag(match &input.default {
                Some(Value::Bool(b)) => Some(*b),
                _ => None,
            }),
            InputKind::Choice(Choices::List(list)) => choice_editor(list.clone(), input.default.as_ref()),
            InputKind::Secret(Some(source)) => Editor::Given(source_text(source)),
            kind => {
                let mut area = TextArea::default();
                area.set_cursor_line_style(Style::new());
                area.set_wrap_mode(if matches!(kind, InputKind::Text) { WrapMode::WordOrGlyph } else { WrapMode::None });
                if matches!(kind, InputKind::Secret(_)) {
                    area.set_mask_char('•');
                } else if let Some(example) = &input.example {
                    area.set_placeholder_text(format!("for example {}", text::clean(example)));
                }
                Editor::Text(Box::new(area))
            }
        };
        let pattern = input.pattern.as_ref().and_then(|p| Regex::new(&format!("^(?:{})$", ascii_digits(p))).ok());
        let mut field = Self { input: input.clone(), pattern, editor, error: None };
        if let (Editor::Text(_), Some(default)) = (&field.editor, &input.default) {
            field.set(&default.to_string());
        }
        field
    }

    fn set(&mut self, value: &str) {
        match &mut self.editor {
            Editor::Text(area) => {
                area.select_all();
                area.cut();
                area.set_yank_text("");
                let lines: Vec<_> = value.lines().map(|l| text::clean(l).into_owned()).collect();
                area.insert_str(lines.join("\n"));
                area.move_cursor(CursorMove::End);
            }
            Editor::Flag(flag) => *flag = value.parse().ok(),
            Editor::Choice(list, at) => *at = list.iter().position(|c| c == value),
            Editor::Given(_) => {}
        }
    }

    fn several_lines(&self) -> bool {
        matches!(self.input.kind, InputKind::Text)
    }

    fn is_blank(&self) -> bool {
        match &self.editor {
            Editor::Text(area) if matches!(self.input.kind, InputKind::Secret(_)) => area.is_empty(),
            Editor::Text(area) => area.lines().iter().all(|l| l.trim().is_empty()),
            Editor::Flag(flag) => flag.is_none(),
            Editor::Choice(_, at) => at.is_none(),
            Editor::Given(_) => false,
        }
    }

    fn key(&mut self, event: KeyEvent) {
        let several = self.several_lines();
        match &mut self.editor {
            Editor::Text(area) => {
                // Ctrl-M and Ctrl-J would put a newline into a single line.
                if !several && (keymap::Key::from(event).ctrl && matches!(event.code, KeyCode::Char('m' | 'j'))) {
                    return;
                }
                type_into(area, event);
                self.error = None;
            }
            Editor::Flag(flag) => match event.code {
                KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l') => {
                    *flag = Some(!flag.unwrap_or(false));
                    self.error = None;
                }
                KeyCode::Char('y') => *flag = Some(true),
                KeyCode::Char('n') => *flag = Some(false),
                _ => {}
            },
            Editor::Choice(list, at) if !list.is_empty() => match event.code {
                KeyCode::Char(' ' | 'l') | KeyCode::Right => {
                    *at = Some(at.map_or(0, |i| (i + 1) % list.len()));
                    self.error = None;
                }
                KeyCode::Char('h') | KeyCode::Left => {
                    *at = Some(at.map_or(list.len() - 1, |i| (i + list.len() - 1) % list.len()));
                    self.error = None;
                }
                _ => {}
            },
            Editor::Choice(..) | Editor::Given(_) => {}
        }
    }

    /// The value as typed, checked; `None` for one that may be left out and is.
    fn value(&self) -> Result<Option<Given>, String> {
        if self.is_blank() {
            return if self.input.required { Err("an answer is needed".into()) } else { Ok(None) };
        }
        let value = match &self.editor {
            Editor::Given(_) => return Ok(None),
            Editor::Flag(flag) => Value::Bool(flag.unwrap_or(false)),
            Editor::Choice(list, at) => Value::String(at.and_then(|i| list.get(i)).cloned().unwrap_or_default()),
            Editor::Text(area) => {
                let typed = area.lines().join("\n");
                if let InputKind::Secret(_) = self.input.kind {
                    return Ok(Some(Given::Secret(Secret::new(typed))));
                }
                parse(&self.input, typed.trim())?
            }
        };
        if let (Some(pattern), Value::String(s)) = (&self.pattern, &value)
            && !pattern.is_match(s)
        {
            let like = self.input.example.as_ref().map_or(String::new(), |e| format!(", for example {e}"));
            let pattern = self.input.pattern.as_ref().map_or("", |p| p.value.as_str());
            return Err(format!("must match {pattern}{like}"));
        }
        Ok(Some(Given::Value(value)))
    }

    fn rows(&self) -> u16 {
        let body = if self.several_lines() { TEXT_ROWS } else { 1 };
        // Question, answer, error or help, and a blank line.
        1 + body + 1 + 1
    }

    /// Draws at row `y`, which may lie outside the area.
    fn draw(&self, buf: &mut Buffer, area: Rect, y: i32, theme: &Theme, active: bool) {
        let row = |n: u16| -> Option<u16> {
            let at = y + i32::from(n);
            (at >= i32::from(area.top()) && at < i32::from(area.bottom())).then_some(at as u16)
        };
        let name = self.input.prompt.as_deref().unwrap_or(&self.input.name.value);
        if let Some(y) = row(0) {
            let style = if active { theme.strong } else { theme.text };
            let mark = if active { "▸ " } else { "  " };
            let x = paint::put(buf, area.x, y, area.width, mark, theme.accent);
            let x = paint::put(buf, x, y, area.right().saturating_sub(x), name, style);
            let kind = format!("  {}{}", kind_name(&self.input.kind), if self.input.required { "" } else { ", may be left out" });
            paint::put(buf, x, y, area.right().saturating_sub(x), &kind, theme.dim);
        }
        let body = if self.several_lines() { TEXT_ROWS } else { 1 };
        self.draw_answer(buf, area, (row(1), row(body)), theme, active);
        if let Some(y) = row(1 + body) {
            let (line, style) = match (&self.error, &self.input.help) {
                (Some(error), _) => (format!("    ✗ {error}"), theme.bad),
                (None, Some(help)) => (format!("    {help}"), theme.dim),
                (None, None) => return,
            };
            paint::put(buf, area.x, y, area.width, &line, style);
        }
    }

    fn draw_answer(&self, buf: &mut Buffer, area: Rect, rows: (Option<u16>, Option<u16>), theme: &Theme, active: bool) {
        let (Some(top), Some(bottom)) = rows else { return };
        let rect = Rect { x: area.x + 4.min(area.width), y: top, width: area.width.saturating_sub(5), height: bottom - top + 1 };
        if rect.width == 0 {
            return;
        }
        match &self.editor {
            Editor::Text(_) if self.is_blank() && !active && self.input.example.is_none() => {
                paint::put(buf, rect.x, rect.y, rect.width, &"┈".repeat(usize::from(rect.width.min(24))), theme.dim);
            }
            Editor::Text(editor) => {
                // A copy, so that drawing needs no mutable form; forms are small.
                let mut editor = (**editor).clone();
                editor.set_style(if active { theme.text } else { theme.dim });
                editor.set_placeholder_style(theme.dim);
                editor.set_cursor_style(if active { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() });
                for y in rect.top()..rect.bottom() {
                    paint::put(buf, area.x + 2.min(area.width), y, 1, "│", if active { theme.accent } else { theme.border });
                }
                (&editor).render(rect, buf);
            }
            Editor::Flag(flag) => {
                let shown = match flag {
                    Some(true) => "● yes   ○ no",
                    Some(false) => "○ yes   ● no",
                    None => "○ yes   ○ no",
                };
                paint::put(buf, rect.x, rect.y, rect.width, shown, if active { theme.accent } else { theme.text });
            }
            Editor::Choice(list, at) => {
                let shown = match at.and_then(|i| list.get(i)) {
                    Some(choice) => format!("‹ {choice} ›  {} of {}", at.map_or(0, |i| i + 1), list.len()),
                    None => format!("‹ choose with ← → ›  {} choices", list.len()),
                };
                paint::put(buf, rect.x, rect.y, rect.width, &shown, if active { theme.accent } else { theme.text });
            }
            Editor::Given(from) => {
                paint::put(buf, rect.x, rect.y, rect.width, &format!("taken from {from} when it is needed"), theme.dim);
            }
        }
    }
}

fn source_text(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the environment variable {name}"),
        SecretSource::File(path) => format!("the file {path}"),
        SecretSource::Command(argv) => format!("the command {}", argv.join(" ")),
        SecretSource::Kubernetes { name, key } => format!("the Secret {name}, key {key}"),
    }
}

fn kind_name(kind: &InputKind) -> &'static str {
    match kind {
        InputKind::String => "text",
        InputKind::Text => "text, several lines",
        InputKind::Integer => "whole number",
        InputKind::Number => "number",
        InputKind::Boolean => "yes or no",
        InputKind::Choice(_) => "choice",
        InputKind::Duration => "duration, such as 1h30m",
        InputKind::Time => "time, such as 2026-03-01T02:00:00Z",
        InputKind::Secret(_) => "secret, not shown",
    }
}

/// `\d` is ASCII in the format (RUNBOOK.md, "Steps"), not any digit of Unicode.
fn ascii_digits(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some('d')) => {
                out.push_str("[0-9]");
                chars.next();
            }
            ('\\', Some(next)) => {
                out.push('\\');
                out.push(next);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

fn parse(input: &Input, typed: &str) -> Result<Value, String> {
    match &input.kind {
        InputKind::Integer | InputKind::Number => {
            let number: f64 = typed.parse().map_err(|_| "must be a number".to_owned())?;
            let plain = typed.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'));
            if !number.is_finite() || !plain {
                return Err("must be a number".into());
            }
            if matches!(input.kind, InputKind::Integer) && number.fract() != 0.0 {
                return Err("must be a whole number".into());
            }
            let say = crate::runbook::value::format_number;
            match (input.min, input.max) {
                (Some(min), _) if number < min => Err(format!("must be at least {}", say(min))),
                (_, Some(max)) if number > max => Err(format!("must be at most {}", say(max))),
                _ => Ok(Value::Number(number)),
            }
        }
        InputKind::Duration => match parse_duration(typed) {
            Some(_) => Ok(Value::from(typed)),
            None => Err("must be a duration such as 90s, 10m or 1h30m".into()),
        },
        InputKind::Time => match chrono::DateTime::parse_from_rfc3339(typed) {
            Ok(_) => Ok(Value::from(typed)),
            Err(_) => Err("must be a time with its zone, such as 2026-03-01T02:00:00Z".into()),
        },
        _ => Ok(Value::from(typed)),
    }
}

/// Milliseconds of `1h30m`, `90s`, `500ms`, `2d`.
pub fn parse_duration(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match rest.get(..letters)? {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        rest = rest.get(letters..)?;
        total = total.checked_add(number.checked_mul(unit)?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests;
