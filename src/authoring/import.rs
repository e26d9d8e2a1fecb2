//! A Markdown procedure as a runbook.
//!
//! Task lists become checklists, numbered items become steps to confirm, shell blocks
//! become commands, prose becomes the text of the step that follows it. Headings name
//! steps and phases; what stands under a heading that speaks of rolling back becomes the
//! procedure `rollback`. *Invariant:* whatever the Markdown, the runbook passes `check`.
//! *Invariant:* nothing is lost silently: what finds no place in the runbook is a [`Note`].
//!
//! What a document does not say is not made up: no command gets an undo, and each is
//! marked `danger` until somebody has read it.

mod read;
mod shell;
mod write;

use read::{Block, Item, Shell};
use shell::{Holds, Part};

use crate::runbook::tree::MAX_SIZE;

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The runbook's id.
    pub id: String,
    /// The runbook's text.
    pub yaml: String,
    /// What the author should know, in the order of the document.
    pub notes: Vec<Note>,
    /// How many steps there are, those of the way back included.
    pub steps: usize,
}

/// Something about a line of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The line, from 1.
    pub line: usize,
    /// A sentence without a full stop.
    pub text: String,
}

/// A document that is no runbook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// More than a person could walk through, or a runbook may hold.
    #[error("the document is too long for one runbook: {0}")]
    TooLong(String),
}

/// The most steps of one runbook.
const MOST_STEPS: usize = 500;
/// The most items of one checklist; more become several.
const MOST_ITEMS: usize = 100;

/// One step to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Draft {
    title: String,
    phase: Option<String>,
    text: Vec<String>,
    line: usize,
    does: Does,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Does {
    Confirm,
    Checklist(Vec<String>),
    Run(Shell),
}

/// Turns a document into a runbook. `name` is what it is called, without its ending:
/// the id is made of it, and the title where the document has none.
///
/// # Errors
/// When the runbook would be larger than one may be.
pub fn markdown(name: &str, document: &str) -> Result<Imported, ImportError> {
    if document.len() > MAX_SIZE {
        return Err(ImportError::TooLong(format!("{} bytes, at most {MAX_SIZE} are read", document.len())));
    }
    let mut plan = Plan::new(name);
    for block in read::blocks(document) {
        plan.take(block);
    }
    plan.finish();
    let steps = plan.steps.len() + plan.rollback.len();
    if steps > MOST_STEPS {
        return Err(ImportError::TooLong(format!("{steps} steps, at most {MOST_STEPS} are written")));
    }
    let yaml = write::runbook(&mut plan);
    if yaml.len() > MAX_SIZE {
        return Err(ImportError::TooLong(format!("a runbook of {} bytes, at most {MAX_SIZE} are read", yaml.len())));
    }
    plan.notes.sort_by_key(|note| note.line);
    Ok(Imported { id: plan.id, yaml, notes: plan.notes, steps })
}

/// A runbook in the making.
struct Plan {
    id: String,
    name: String,
    title: Option<String>,
    description: Vec<String>,
    steps: Vec<Draft>,
    rollback: Vec<Draft>,
    notes: Vec<Note>,
    /// The headings in force, outermost first.
    headings: Vec<(u8, String)>,
    /// A step is named by the heading in force already.
    named: bool,
    /// The heading of the way back that waits for its first step.
    back: Option<(usize, String)>,
    /// Prose that waits for a step: the level of its heading, its line, its text.
    waiting: Vec<(u8, usize, String)>,
}

impl Plan {
    fn new(name: &str) -> Self {
        Self {
            id: write::slug(name, '-', "runbook"),
            name: name.to_owned(),
            title: None,
            description: Vec::new(),
            steps: Vec::new(),
            rollback: Vec::new(),
            notes: Vec::new(),
            headings: Vec::new(),
            named: false,
            back: None,
            waiting: Vec::new(),
        }
    }

    fn note(&mut self, line: usize, text: impl Into<String>) {
        self.notes.push(Note { line, text: text.into() });
    }

    fn take(&mut self, block: Block) {
        match block {
            Block::Heading { level: 1, text, line: _ }
                if self.title.is_none() && self.headings.is_empty() && !text.is_empty() =>
            {
                self.title = Some(text);
            }
            Block::Heading { level, text, line } => self.heading(level.max(2), text, line),
            Block::Prose { text, line } => match self.headings.last() {
                None => self.description.push(text),
                Some((level, _)) => self.waiting.push((*level, line, text)),
            },
            Block::Shell(shell) => self.shell(None, shell),
            Block::List { ordered, items, text, line } => self.list(ordered, items, text, line),
            Block::Skipped { what, line } => self.note(line, format!("{what} was left out")),
        }
    }

    fn heading(&mut self, level: u8, text: String, line: usize) {
        self.leave(level);
        if text.is_empty() {
            return;
        }
        self.headings.retain(|(outer, _)| *outer < level);
        self.named = false;
        if !self.going_back() && is_way_back(&text) {
            self.back = Some((line, text.clone()));
        }
        self.headings.push((level, text));
    }

    /// Prose whose section ends before any step of it is left out, and said to be.
    fn leave(&mut self, level: u8) {
        let left: Vec<usize> = self.waiting.iter().filter(|(of, ..)| *of >= level).map(|(_, line, _)| *line).collect();
        if let Some(line) = left.first() {
            let under = self.headings.last().map(|(_, text)| format!(" under `{text}`")).unwrap_or_default();
            self.note(*line, format!("the text{under} belongs to no step and was left out"));
        }
        self.waiting.retain(|(of, ..)| *of < level);
    }

    fn going_back(&self) -> bool {
        self.headings.iter().any(|(_, text)| is_way_back(text))
    }

    fn section(&self) -> String {
        self.headings.last().map(|(_, text)| text.clone()).or_else(|| self.title.clone()).unwrap_or_else(|| self.name.clone())
    }

    fn step(&mut self, title: String, text: Option<String>, line: usize, does: Does) {
        let back = self.going_back();
        if let Some((line, heading)) = self.back.take_if(|_| back) {
            self.note(line, format!("what stands under `{heading}` became the procedure `rollback`"));
        }
        self.add(back, Draft { title, phase: None, text: text.into_iter().collect(), line, does });
    }

    fn add(&mut self, back: bool, draft: Draft) {
        self.named = true;
        let phase = self.headings.first().map(|(_, text)| text.clone()).filter(|_| !back);
        let mut text: Vec<String> = self.waiting.drain(..).map(|(_, _, text)| text).collect();
        text.extend(draft.text);
        let draft = Draft { phase, text, ..draft };
        if back { self.rollback.push(draft) } else { self.steps.push(draft) }
    }

    fn shell(&mut self, title: Option<&str>, shell: Shell) {
        let parts = shell::parts(&shell);
        let several = parts.len() > 1;
        if let Some((level, heading)) = self.headings.last().filter(|_| several && !self.named && self.headings.len() > 1) {
            // The steps are named by the comments; the section they stand in is told once.
            self.waiting.push((*level, shell.line, format!("{heading}:")));
        }
        for part in parts {
            let title = match (title, &part.title) {
                (Some(title), Some(said)) if several => format!("{title}: {said}"),
                (Some(title), _) => title.to_owned(),
                // The first step of a section has the section's name, others the comment's.
                (None, Some(said)) if several || self.named || self.headings.is_empty() => said.clone(),
                (None, _) => self.section(),
            };
            self.part(several, title, shell.line, part);
        }
    }

    fn part(&mut self, several: bool, title: String, line: usize, part: Part) {
        let shell = match part.holds {
            Holds::Checks(checks) => {
                let mut text = part.title.filter(|said| *said != title);
                for checks in checks.chunks(MOST_ITEMS) {
                    self.step(title.clone(), text.take(), line, Does::Checklist(checks.to_vec()));
                }
                return;
            }
            Holds::Words(words) => {
                self.note(line, "the block has words in brackets instead of a command; it became a step to do by hand");
                return self.step(title, Some(read::fenced(&words)), line, Does::Confirm);
            }
            Holds::Script(shell) => shell,
        };
        if shell.script.contains("${{") {
            self.note(line, "the block has `${{` in it, which no script may have; it became a step to do by hand");
            return self.step(title, Some(read::fenced(&shell.script)), line, Does::Confirm);
        }
        if let Some(word) = placeholder(&shell.script) {
            self.note(line, format!("`{word}` looks like a placeholder: make it an input and pass it by `env`"));
        }
        if let Some(endless) = shell::endless(&shell.script) {
            self.note(line, format!("`{endless}` does not end by itself: make it a signal or a gate, or leave it out"));
        }
        if several && !self.going_back() && is_way_back(&title) {
            self.note(line, format!("`{title}` became a step of the procedure `rollback`"));
            return self.add(true, Draft { title, phase: None, text: Vec::new(), line, does: Does::Run(shell) });
        }
        self.step(title, None, line, Does::Run(shell));
    }

    fn list(&mut self, ordered: bool, items: Vec<Item>, text: String, line: usize) {
        let tasks = items.iter().any(|item| item.task);
        let shells = items.iter().any(|item| !item.shells.is_empty());
        if !tasks && !shells && self.headings.last().is_some_and(|(_, heading)| is_apart(heading)) {
            self.take(Block::Prose { text, line });
            return;
        }
        if (tasks && items.iter().any(|item| item.extra)) || (!tasks && !ordered && shells) {
            // Steps hold only a part of it: the whole is the text of the first.
            let level = self.headings.last().map_or(0, |(level, _)| *level);
            self.waiting.push((level, line, text.clone()));
        }
        if tasks {
            self.checklist(items, line);
        } else if ordered {
            for item in items {
                self.numbered(item);
            }
        } else if shells {
            for item in items {
                for shell in item.shells {
                    self.shell(Some(&item.text).filter(|t| !t.is_empty()).map(String::as_str), shell);
                }
            }
        } else {
            self.take(Block::Prose { text, line });
        }
    }

    fn checklist(&mut self, items: Vec<Item>, line: usize) {
        let mut shells = Vec::new();
        let mut texts = Vec::new();
        for item in items {
            if item.text.is_empty() {
                self.note(item.line, "an item without text was left out");
            } else {
                texts.push(item.text.clone());
            }
            shells.extend(item.shells.into_iter().map(|shell| (item.text.clone(), shell)));
        }
        for texts in texts.chunks(MOST_ITEMS) {
            self.step(self.section(), None, line, Does::Checklist(texts.to_vec()));
        }
        for (text, shell) in shells {
            self.shell(Some(text.as_str()).filter(|t| !t.is_empty()), shell);
        }
    }

    /// A numbered item: a step of its own; what is nested in it is its text.
    fn numbered(&mut self, item: Item) {
        if item.depth > 0 {
            return;
        }
        let title = if item.text.is_empty() { self.section() } else { item.text };
        let mut shells = item.shells.into_iter();
        match shells.next() {
            None => self.step(title, item.more, item.line, Does::Confirm),
            Some(first) => {
                if let Some(more) = item.more.filter(|_| item.extra) {
                    let level = self.headings.last().map_or(0, |(level, _)| *level);
                    self.waiting.push((level, item.line, more));
                }
                for shell in std::iter::once(first).chain(shells) {
                    self.shell(Some(&title), shell);
                }
            }
        }
    }

    fn finish(&mut self) {
        self.leave(0);
        if self.steps.is_empty() {
            self.headings.clear();
            self.note(1, "the document says nothing that could be done step by step; the runbook has one step, to be replaced");
            let title = format!("Follow {}", self.section());
            self.step(title, None, 1, Does::Confirm);
        }
    }
}

/// Whether a heading speaks of the way back.
fn is_way_back(heading: &str) -> bool {
    let heading = heading.to_lowercase();
    ["rollback", "roll back", "roll-back"].iter().any(|word| heading.contains(word))
}

/// Whether what stands under a heading is about the document, and no procedure.
fn is_apart(heading: &str) -> bool {
    let apart =
        ["contents", "table of contents", "takeaways", "key takeaways", "summary", "references", "see also", "further reading"];
    apart.contains(&heading.to_lowercase().as_str())
}

/// The first word of a script that stands for something else: `<pod-name>`.
fn placeholder(script: &str) -> Option<&str> {
    let start = script.match_indices('<').find_map(|(at, _)| {
        let rest = script.get(at + 1..)?;
        let end = rest.find('>')?;
        let word = rest.get(..end)?;
        let named = word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_ ".contains(c))
            && word.len() < 40;
        named.then_some((at, at + end + 2))
    })?;
    script.get(start.0..start.1)
}

#[cfg(test)]
mod tests;
