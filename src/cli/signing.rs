//! What `approve` and `review` share: one's own key, and the one typed line without which
//! nothing is signed.

use std::io::{self, BufRead as _, Read as _};

use super::Basis;
use crate::error::Problem;
use crate::redact::{Keep, strip_controls};
use crate::signature::Signer;

/// Where one says who one is.
pub(super) const SET_UP: &str = "set `ssh_key` and `principal` in config.yaml; `pacenote config` says where that is";
/// A line that is longer is none.
const LONGEST_LINE: u64 = 64 * 1024;

/// One's own key: one that others can know, and not one that was made here.
pub(super) fn own_key(basis: &Basis) -> Result<Signer, Problem> {
    let path = basis.config.ssh_key.value.as_deref();
    let path = path.ok_or_else(|| Problem::cannot_start("no SSH key is set up to sign with").hint(SET_UP))?;
    Signer::open(path)
        .map_err(|e| Problem::cannot_start(format!("your key cannot be used: {e}")).hint(crate::app::sealing::hint(&e)))
}

/// The first word of what is typed, and the rest of its line without control characters.
pub(super) fn typed() -> Result<(String, String), Problem> {
    let mut line = String::new();
    let read = io::stdin().lock().take(LONGEST_LINE).read_line(&mut line);
    read.map_err(|e| Problem::cannot_start(format!("the answer cannot be read: {e}")))?;
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    Ok((word.to_owned(), strip_controls(rest.trim(), Keep::NOTHING)))
}
