//! `pacenote show`: one session as readable text, or its records for programs.
//!
//! The text says everything the journal says about what was decided and done: the
//! header, each step with its times, each decision with its evidence, deviations and
//! notes. A journal that breaks off or is damaged is shown as far as it can be read, with
//! the damage named and exit code 1: half a record must not look like a whole one.

use std::path::{Path, PathBuf};

use chrono::Utc;

use crate::approval::review::Subject;
use crate::error::{Exit, Problem};
use crate::journal::{Blobs, Reader, Record, SessionDir};
use crate::redact::{Keep, strip_controls};
use crate::report::words;
use crate::session::Event;

use super::Basis;
use super::args::{ShowArgs, ShowFormat};
use super::console::Console;

/// Prints one session.
///
/// # Errors
/// When there is no such session or the output cannot be written.
pub fn run(console: &mut Console, basis: &Basis, arguments: &ShowArgs) -> Result<Exit, Problem> {
    let path = journal(basis, &arguments.session)?;
    let unreadable = |e: std::io::Error| {
        Problem::cannot_start(format!("the journal cannot be read: {e}"))
            .at(path.display())
            .hint("`pacenote sessions` lists the sessions of this machine")
    };
    let mut reader = Reader::open_file(&path, Blobs::Resolve).map_err(unreadable)?;
    let mut print = Printer { console, format: arguments.format, records: 0 };
    let (mut damage, mut sid, mut operators) = (None, String::new(), Vec::new());
    for line in reader.by_ref() {
        match line {
            Ok(line) => {
                print.record(&line.record, &line.raw)?;
                operators.extend(line.record.event.as_ref().and_then(Event::operator).cloned());
                sid = line.record.sid;
            }
            Err(error) => damage = Some(error),
        }
    }
    print.end()?;
    if arguments.format == ShowFormat::Text && damage.is_none() && print.records > 0 {
        print.console.line(format_args!("{:21}head {}", "", reader.head()))?;
        let signers = super::verify::signers(basis, None)?;
        let (session, head) = (sid.as_str(), &*reader.head());
        let subject = Subject { session, head, operators: &operators, signers: signers.as_ref(), at: Utc::now() };
        let reviews = super::review::beside(&path)?;
        if let Some(missing) = super::review::missing_of(basis, &path, session, &reviews) {
            print.console.line(format_args!("{:21}{}", "", strip_controls(&missing, Keep::NOTHING)))?;
        }
        for review in subject.judge(&reviews) {
            print.console.line(format_args!("{:21}review: {}", "", strip_controls(&review.line(), Keep::NOTHING)))?;
        }
    }
    if arguments.format == ShowFormat::Text
        && damage.is_none()
        && let Some(dir) = path.parent().and_then(SessionDir::new).filter(super::debrief::is_over)
    {
        super::debrief::print(print.console, &basis.state()?, &dir)?;
    }
    let torn = reader.torn().len();
    if let Some(error) = damage {
        return Err(Problem::failed(format!("the journal is damaged and could be shown up to here only: {error}"))
            .at(path.display())
            .hint("`pacenote verify` says what is wrong; compare with a copy or with where its head was shown"));
    }
    if torn > 0 {
        console.note(format_args!("note: the last record was not written to its end ({torn} bytes); `pacenote resume` cuts it"));
    }
    Ok(Exit::Done)
}

/// The journal someone means: a file, a folder, or a session by the beginning of its id.
pub(super) fn journal(basis: &Basis, named: &str) -> Result<PathBuf, Problem> {
    let path = Path::new(named);
    if path.is_dir() && path.join("journal.jsonl").exists() {
        return Ok(path.join("journal.jsonl"));
    }
    if path.is_file() && path.extension().is_some_and(|extension| extension == "tar") {
        return Err(Problem::usage("this is a pack, and `verify` alone reads those as they are")
            .at(path.display())
            .hint("unpack it (`tar xf`) and name the folder it holds"));
    }
    if path.is_file() {
        return Ok(path.to_owned());
    }
    Ok(super::session_or_archived(&basis.state()?, named)?.journal())
}

/// Writes records in the form asked for, one at a time: a journal may be long.
struct Printer<'a> {
    console: &'a mut Console,
    format: ShowFormat,
    records: u64,
}

impl Printer<'_> {
    fn record(&mut self, record: &Record, raw: &[u8]) -> Result<(), Problem> {
        self.records += 1;
        match self.format {
            ShowFormat::Jsonl => self.console.text(&String::from_utf8_lossy(raw)),
            ShowFormat::Json => {
                let begin = if self.records == 1 { "[\n" } else { ",\n" };
                self.console.text(begin)?;
                self.console.text(String::from_utf8_lossy(raw).trim_end())
            }
            ShowFormat::Text => {
                for line in text(record) {
                    self.console.line(line)?;
                }
                Ok(())
            }
        }
    }

    fn end(&mut self) -> Result<(), Problem> {
        match (self.format, self.records) {
            (ShowFormat::Json, 0) => self.console.line("[]"),
            (ShowFormat::Json, _) => self.console.line("\n]"),
            (ShowFormat::Text, 0) => self.console.line("Nothing was recorded."),
            _ => Ok(()),
        }
    }
}

/// A record as lines of text, without anything that moves the cursor.
fn text(record: &Record) -> Vec<String> {
    let time = record.ts.format("%Y-%m-%d %H:%M:%S");
    let lines = record.event.as_ref().map_or_else(|| vec![format!("{} (not known to this version)", record.kind)], words::lines);
    let line = |(n, line): (usize, String)| {
        let line = strip_controls(&line, Keep::NOTHING);
        if n == 0 { format!("{time}  {line}") } else { format!("{:21}{line}", "") }.trim_end().to_owned()
    };
    lines.into_iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests;
