//! `pacenote docs`: a runbook as a page for people.
//!
//! A page may be written anew over an older page, and over nothing else: a file that
//! does not begin as a page does is never touched.

use std::path::Path;

use super::args::DocsArgs;
use super::console::Console;
use super::{export, walk};
use crate::authoring::page;
use crate::error::{Exit, Problem};

/// Prints or writes the page.
///
/// # Errors
/// When the runbook has mistakes, or the page cannot be written.
pub(super) fn run(console: &mut Console, arguments: &DocsArgs) -> Result<Exit, Problem> {
    let bundle = walk::loaded(&arguments.file)?;
    let text = page::markdown(&bundle.root);
    let Some(output) = &arguments.output else {
        console.text(&text)?;
        return Ok(Exit::Done);
    };
    replaceable(output)?;
    export::write(output, text.as_bytes()).map_err(|e| {
        Problem::cannot_start(format!("the page cannot be written: {e}"))
            .at(output.display())
            .hint("choose another place; what stood under this name is untouched")
    })?;
    Ok(Exit::Done)
}

/// Whether nothing would be lost by writing there.
fn replaceable(output: &Path) -> Result<(), Problem> {
    let refused = |what: String| Problem::cannot_start(what).at(output.display()).hint("name another file with --output");
    match std::fs::read(output) {
        Ok(bytes) if bytes.starts_with(page::MARK.as_bytes()) => Ok(()),
        Ok(_) => Err(refused("there is a file already, and it is not a page of `pacenote docs`; it was left alone".to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(refused(format!("the file that is there already cannot be read: {e}"))),
    }
}
