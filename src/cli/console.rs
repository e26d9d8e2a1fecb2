//! Where commands write: standard output and standard error, held in one place.
//!
//! Commands never use the print macros: those panic when the reader of a pipe has gone
//! (`pacenote sessions | head -1`). Here a broken pipe is quiet: what follows is dropped,
//! the command finishes, and its exit code stands. Any other failure to write is an
//! error, because a listing that was cut off must not look whole.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;

use crate::error::Problem;

/// When colour is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Whether to colour what goes to a stream that is (or is not) a terminal.
    pub fn applies(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                    && std::env::var_os("TERM").is_none_or(|v| v != "dumb")
            }
        }
    }
}

/// The two streams of a command.
pub struct Console {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    closed: bool,
    colour: bool,
}

impl Console {
    /// The process's own streams.
    pub fn new(colour: Colour) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            out: Box::new(io::BufWriter::new(io::stdout())),
            err: Box::new(io::stderr()),
            closed: false,
            colour: colour.applies(terminal),
        }
    }

    /// Other streams, without colour; for tests and for embedding.
    pub fn to(out: impl Write + 'static, err: impl Write + 'static) -> Self {
        Self { out: Box::new(out), err: Box::new(err), closed: false, colour: false }
    }

    /// Whether standard output takes colour.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Writes a line to standard output.
    ///
    /// # Errors
    /// When the output cannot be written, other than because its reader has gone.
    pub fn line(&mut self, text: impl std::fmt::Display) -> Result<(), Problem> {
        self.write(format_args!("{text}\n"))
    }

    /// Writes text to standard output as it stands.
    ///
    /// # Errors
    /// As [`Console::line`].
    pub fn text(&mut self, text: &str) -> Result<(), Problem> {
        self.write(format_args!("{text}"))
    }

    /// Writes bytes to standard output as they stand.
    ///
    /// # Errors
    /// As [`Console::line`].
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        if self.closed {
            return Ok(());
        }
        let written = self.out.write_all(bytes);
        self.settle(written)
    }

    /// Writes a value as indented JSON, and a newline.
    ///
    /// # Errors
    /// As [`Console::line`], and when the value has no JSON form.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Problem> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|e| Problem::cannot_start(format!("the answer cannot be written as JSON: {e}")))?;
        self.line(crate::report::escaped_json(&text, |_| false))
    }

    /// Says something beside the result, on standard error. What cannot be said there
    /// can be said nowhere, so failures are ignored.
    pub fn note(&mut self, text: impl std::fmt::Display) {
        let _ = self.flush_out();
        let _ = writeln!(self.err, "{text}");
    }

    /// Writes out what is buffered; called once at the end.
    ///
    /// # Errors
    /// As [`Console::line`].
    pub fn finish(&mut self) -> Result<(), Problem> {
        let flushed = self.flush_out();
        self.settle(flushed)
    }

    fn flush_out(&mut self) -> io::Result<()> {
        if self.closed { Ok(()) } else { self.out.flush() }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) -> Result<(), Problem> {
        if self.closed {
            return Ok(());
        }
        let written = self.out.write_fmt(text);
        self.settle(written)
    }

    fn settle(&mut self, result: io::Result<()>) -> Result<(), Problem> {
        match result {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(e) => {
                self.closed = true;
                Err(Problem::cannot_start(format!("the output could not be written: {e}"))
                    .at("standard output")
                    .hint("what was printed is not complete: free some space or choose another file, and repeat the command"))
            }
        }
    }
}

/// A table for people: columns as wide as their widest cell, two spaces between them.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|h| (*h).to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use unicode_width::UnicodeWidthStr;
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| self.rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.width()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (n, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
            }
            let end = if n + 1 == self.rows.len() { "" } else { "\n" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(io::ErrorKind);
    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[derive(Clone, Default)]
    struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_quiet() {
        let mut console = Console::to(Fails(io::ErrorKind::BrokenPipe), io::sink());
        assert_eq!(console.line("one"), Ok(()));
        assert_eq!(console.line("two"), Ok(()));
        assert_eq!(console.finish(), Ok(()));
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut console = Console::to(Fails(io::ErrorKind::StorageFull), io::sink());
        let problem = console.line("one").unwrap_err();
        assert_eq!(problem.exit().code(), 3);
    }

    #[test]
    fn json_turns_no_line_of_a_terminal_around() {
        let shared = Shared::default();
        let mut console = Console::to(shared.clone(), io::sink());
        console.json(&["\u{202e}cod.exe", "ü"]).unwrap();
        console.finish().unwrap();
        let out = shared.0.borrow();
        assert!(out.is_ascii());
        assert_eq!(serde_json::from_slice::<Vec<String>>(&out).unwrap(), ["\u{202e}cod.exe", "ü"]);
    }

    #[test]
    fn columns_line_up_and_lines_do_not_trail() {
        let mut table = Table::new(&["NAME", "STATE"]);
        table.row(["ü".into(), "open".into()]);
        table.row(["longer".into(), String::new()]);
        insta::assert_snapshot!(table, @r"
        NAME    STATE
        ü       open
        longer
        ");
    }
}
