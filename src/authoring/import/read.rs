//! Markdown as the few kinds of block a procedure is made of.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::super::yaml::clean;

/// A block at the outermost level of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Heading {
        level: u8,
        text: String,
        line: usize,
    },
    /// Markdown, as it was written.
    Prose {
        text: String,
        line: usize,
    },
    Shell(Shell),
    List {
        ordered: bool,
        items: Vec<Item>,
        text: String,
        line: usize,
    },
    Skipped {
        what: &'static str,
        line: usize,
    },
}

/// A block of shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shell {
    pub(super) script: String,
    /// Another shell than `/bin/sh`.
    pub(super) shell: Option<&'static str>,
    pub(super) line: usize,
}

/// An item of a list; nested ones follow the one they are nested in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Item {
    pub(super) text: String,
    pub(super) task: bool,
    pub(super) depth: usize,
    pub(super) line: usize,
    pub(super) shells: Vec<Shell>,
    /// What is nested in it, as Markdown.
    pub(super) more: Option<String>,
    /// It holds more than text, lists and shell.
    pub(super) extra: bool,
    /// Its own text is over.
    closed: bool,
}

/// Text as a fenced block.
pub(super) fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{}\n{fence}", text.trim_end())
}

/// The blocks of a document, in order.
pub(super) fn blocks(document: &str) -> Vec<Block> {
    let options = Options::ENABLE_TASKLISTS | Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader { source: document, lines: Lines::new(document), ..Reader::default() };
    for (event, range) in Parser::new_ext(document, options).into_offset_iter() {
        reader.event(event, range);
    }
    reader.blocks
}

/// Where lines begin.
#[derive(Default)]
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn of(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset)
    }
}

#[derive(Default)]
struct Reader<'a> {
    source: &'a str,
    lines: Lines,
    blocks: Vec<Block>,
    /// How many tags are open.
    depth: usize,
    /// Text of the outermost heading or of a block of code.
    text: String,
    /// The block of code that is open: its shell, if it is one.
    code: Option<Option<Language>>,
    /// The items of the outermost list, and which of them are open.
    items: Vec<Item>,
    open: Vec<usize>,
}

/// What a block of shell is for.
#[derive(Clone, Copy)]
struct Language {
    shell: Option<&'static str>,
    /// A transcript: lines with a prompt are commands, others are output.
    transcript: bool,
}

fn language(info: &str) -> Option<Language> {
    let word = info.split([' ', ',', '{']).next().unwrap_or_default().to_ascii_lowercase();
    let (shell, transcript) = match word.as_str() {
        "sh" | "shell" => (None, false),
        "bash" => (Some("bash"), false),
        "zsh" => (Some("zsh"), false),
        "console" | "shell-session" | "shellsession" | "sh-session" => (None, true),
        _ => return None,
    };
    Some(Language { shell, transcript })
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => {
                self.start(&tag, &range);
                self.depth += 1;
            }
            Event::End(tag) => {
                self.depth = self.depth.saturating_sub(1);
                self.end(tag, range);
            }
            Event::Text(text) => self.said(&text),
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.said(&text),
            Event::SoftBreak | Event::HardBreak => self.said(" "),
            Event::TaskListMarker(_) => {
                if let Some(item) = self.item() {
                    item.task = true;
                }
            }
            Event::Html(_) | Event::InlineHtml(_) | Event::FootnoteReference(_) | Event::Rule => {}
        }
    }

    fn item(&mut self) -> Option<&mut Item> {
        let at = *self.open.last()?;
        self.items.get_mut(at)
    }

    fn said(&mut self, text: &str) {
        if self.code.is_none() && !self.open.is_empty() {
            if let Some(item) = self.item().filter(|item| !item.closed) {
                item.text.push_str(text);
            }
        } else {
            self.text.push_str(text);
        }
    }

    fn start(&mut self, tag: &Tag<'_>, range: &Range<usize>) {
        if self.depth == 0 {
            self.text.clear();
        }
        match tag {
            Tag::CodeBlock(kind) => {
                self.text.clear();
                self.code = Some(match kind {
                    CodeBlockKind::Fenced(info) => language(info),
                    CodeBlockKind::Indented => None,
                });
                self.close();
                if self.code.flatten().is_none() {
                    self.extra();
                }
            }
            Tag::Item => {
                let line = self.lines.of(range.start);
                self.items.push(Item { depth: self.open.len(), line, ..Item::default() });
                self.open.push(self.items.len() - 1);
            }
            Tag::List(_) => self.close(),
            Tag::BlockQuote(_) | Tag::Table(_) | Tag::HtmlBlock => {
                self.close();
                self.extra();
            }
            Tag::Paragraph if self.open.last().and_then(|at| self.items.get(*at)).is_some_and(|item| item.closed) => self.extra(),
            _ => {}
        }
    }

    fn extra(&mut self) {
        if let Some(item) = self.item() {
            item.extra = true;
        }
    }

    /// The text of the item in hand is over.
    fn close(&mut self) {
        if let Some(item) = self.item() {
            item.closed = true;
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        let line = self.lines.of(range.start);
        match tag {
            TagEnd::Item => self.end_item(&range),
            TagEnd::Paragraph if self.depth > 0 => self.close(),
            TagEnd::CodeBlock => self.end_code(line, range),
            _ if self.depth > 0 => {}
            TagEnd::Heading(level) => {
                let whole = words(&self.text);
                let text = plain(&whole);
                let text = if text.is_empty() { whole } else { text.to_owned() };
                self.blocks.push(Block::Heading { level: level as u8, text, line });
            }
            TagEnd::List(ordered) => {
                let items = std::mem::take(&mut self.items);
                self.open.clear();
                let text = self.slice(range);
                self.blocks.push(Block::List { ordered, items, text, line });
            }
            TagEnd::Table => self.blocks.push(Block::Skipped { what: "a table", line }),
            TagEnd::HtmlBlock => self.blocks.push(Block::Skipped { what: "a block of HTML", line }),
            TagEnd::MetadataBlock(_) => self.blocks.push(Block::Skipped { what: "the front matter", line }),
            _ => self.prose(range, line),
        }
    }

    fn end_item(&mut self, range: &Range<usize>) {
        let source = self.source.get(range.clone()).unwrap_or_default();
        if let Some(item) = self.item() {
            item.text = words(&item.text);
            // What stands below the first line, moved to the left.
            let below: Vec<&str> = source.lines().skip(1).collect();
            let left = below.iter().filter(|l| !l.trim().is_empty()).map(|l| l.len() - l.trim_start_matches(' ').len()).min();
            let below: Vec<&str> = below.iter().map(|line| line.get(left.unwrap_or(0)..).unwrap_or_default()).collect();
            let below = clean(&below.join("\n"));
            item.more = Some(below.trim_end().to_owned()).filter(|text| !text.trim().is_empty());
        }
        self.open.pop();
    }

    fn end_code(&mut self, line: usize, range: Range<usize>) {
        let language = self.code.take().flatten();
        let script = clean(&std::mem::take(&mut self.text));
        let Some(language) = language.filter(|_| !script.trim().is_empty()) else {
            if self.depth == 0 {
                self.prose(range, line);
            }
            return;
        };
        let script = if language.transcript { commands(&script) } else { script };
        let shell = Shell { script: script.trim_matches('\n').trim_end().to_owned(), shell: language.shell, line };
        let outermost = self.depth == 0;
        match self.item() {
            Some(item) => item.shells.push(shell),
            None if outermost => self.blocks.push(Block::Shell(shell)),
            // In a quotation: it is quoted, not told to be run.
            None => {}
        }
    }

    fn prose(&mut self, range: Range<usize>, line: usize) {
        let text = self.slice(range);
        if !text.trim().is_empty() {
            self.blocks.push(Block::Prose { text, line });
        }
    }

    fn slice(&self, range: Range<usize>) -> String {
        clean(self.source.get(range).unwrap_or_default()).trim_matches('\n').trim_end().to_owned()
    }
}

/// A heading without its number, and without a picture before it. Pictures that say no or
/// beware are part of what is said.
fn plain(heading: &str) -> &str {
    let picture = |c: char| !c.is_ascii() && !c.is_alphanumeric() && !"❌✖✗✘🚫⛔⚠«„“‚‘¿¡".contains(c);
    heading
        .trim_start_matches(|c: char| picture(c) || c == ' ')
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .trim_start_matches(['.', ')', ' '])
}

/// Text on one line.
fn words(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The commands of a transcript. Without any prompt every line is one.
fn commands(transcript: &str) -> String {
    let typed: Vec<&str> =
        transcript.lines().filter_map(|l| l.trim_start().strip_prefix("$ ").or_else(|| l.strip_prefix("# "))).collect();
    if typed.is_empty() { transcript.to_owned() } else { typed.join("\n") }
}
