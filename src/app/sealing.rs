//! Which keys seal a session, and who is told of each seal.

use std::path::Path;

use super::anchors::{Anchors, Told};
use crate::config::Config;
use crate::journal::Sealer;
use crate::session::event::Operator;
use crate::signature::{SignError, Signer};
use crate::state::StateDir;
use crate::state::marks::Notes;

/// What seals a live session: the operator's own key, or one made here where none is
/// set up. Nothing is asked and nothing signed yet, so that a key that cannot be used is
/// found before the session starts.
///
/// # Errors
/// When the key cannot be used.
pub fn live(
    config: &Config,
    anchors: Vec<String>,
    state: &StateDir,
    operator: &Operator,
    resumed: bool,
) -> Result<(Sealer, Option<Told>), SignError> {
    let signer = match config.ssh_key.value.as_deref() {
        Some(path) => Signer::open(path)?,
        None => Signer::local(state.path())?,
    };
    let sealer = Sealer::new(&operator.principal, signer)?.witnessed(Box::new(Notes::of(state, resumed)));
    if anchors.is_empty() {
        return Ok((sealer, None));
    }
    let (anchors, told) = Anchors::start(anchors);
    Ok((sealer.witnessed(Box::new(anchors)), Some(told)))
}

/// What to do about a key that cannot be used.
pub fn hint(error: &SignError) -> String {
    match error {
        SignError::Locked { path } => format!("give it to your agent first: ssh-add {}", path.display()),
        SignError::Open { path, .. } => format!("chmod 600 {}", path.display()),
        SignError::Unreadable { path, .. } | SignError::Key { path, .. } => key_hint(path),
        SignError::Program(_) | SignError::Useless(_) | SignError::NoRandomness => {
            "try it by hand: echo test | ssh-keygen -Y sign -n test -f KEY".to_owned()
        }
    }
}

fn key_hint(path: &Path) -> String {
    format!(
        "`ssh_key` in config.yaml names {}: name a key that is there, or leave `ssh_key` out to seal with a self-issued one",
        path.display()
    )
}
