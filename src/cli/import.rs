//! `pacenote import`: a Markdown procedure as a runbook.
//!
//! The runbook is checked before it is written, and written only where no file is yet.
//! What of the document did not find a place is said on standard error.

use std::io::{Read, Write};
use std::path::Path;

use super::args::ImportArgs;
use super::console::Console;
use crate::authoring::import;
use crate::error::{Exit, Problem};
use crate::runbook::tree::MAX_SIZE;

/// Reads the document, prints or writes the runbook.
///
/// # Errors
/// When the document cannot be read or is too long, or the runbook cannot be written.
pub(super) fn run(console: &mut Console, arguments: &ImportArgs) -> Result<Exit, Problem> {
    let document = read(&arguments.file)?;
    let name = arguments.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let imported = import::markdown(&name, &document).map_err(|e| {
        Problem::cannot_start(e).at(arguments.file.display()).hint("split the document: a runbook is one walk of one person")
    })?;
    if let Err(found) = crate::runbook::parse("the runbook", imported.yaml.as_bytes()) {
        let first = found.first().map(|d| d.message.clone()).unwrap_or_default();
        return Err(Problem::failed(format!("the runbook made of this document would not pass `check`: {first}"))
            .at(arguments.file.display())
            .hint("nothing was written; please report it with the document"));
    }
    match &arguments.output {
        None => console.text(&imported.yaml)?,
        Some(output) => create(output, &imported.yaml)?,
    }
    for note in &imported.notes {
        console.note(format_args!("{}:{}: {}", arguments.file.display(), note.line, note.text));
    }
    let steps = if imported.steps == 1 { "1 step".to_owned() } else { format!("{} steps", imported.steps) };
    console.note(format_args!("{steps}; read each, and what is marked FILL IN, before you run it"));
    Ok(Exit::Done)
}

/// A document, up to a size; nothing waits for a pipe or a device.
fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |why: String| {
        Problem::cannot_start(format!("the document cannot be read: {why}")).at(path.display()).hint("name a Markdown file")
    };
    let is_file = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.is_file();
    if !is_file {
        return Err(unreadable("it is no ordinary file".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(|e| unreadable(e.to_string()))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_SIZE).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(|e| unreadable(e.to_string()))?;
    if bytes.len() > MAX_SIZE {
        return Err(unreadable(format!("it is larger than {MAX_SIZE} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))
}

/// Writes a new file; one that is there already is never touched.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Problem> {
    let refused = |e: std::io::Error| {
        let what = match e.kind() {
            std::io::ErrorKind::AlreadyExists => "there is a file of this name already; it was left alone".to_owned(),
            _ => format!("the file cannot be written: {e}"),
        };
        Problem::cannot_start(what).at(path.display()).hint("choose another name")
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path).map_err(refused)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(refused)
}
