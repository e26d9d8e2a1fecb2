//! Who answers for the commands of signals: the machine, in a live session, or the
//! scenario, in a rehearsal.
//!
//! Both exist only once a session does, and a session exists only for a bundle that was
//! accepted.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::signals::{AskCommand, CommandAnswer, CommandOutput};
use crate::subprocess;
use crate::world::World;

/// Runs them, in the bundle's folder, with a clean environment and no terminal.
pub(super) struct Machine {
    bundle: PathBuf,
    environment: Vec<(String, String)>,
    /// The narrowed kubeconfig, gone with this.
    kubeconfig: Option<PathBuf>,
}

impl Machine {
    /// Keeps the kubeconfig in a file of the session's folder that nobody else can read.
    pub(super) fn new(bundle: &Path, session: &Path, mut environment: Vec<(String, String)>, kubeconfig: Option<String>) -> Self {
        let path = session.join("signals.kubeconfig");
        // One that cannot be written leaves commands without a cluster, never with another.
        let kubeconfig = kubeconfig.and_then(|text| write_private(&path, text.as_bytes()).ok().map(|()| path));
        if let Some(path) = &kubeconfig {
            environment.push(("KUBECONFIG".to_owned(), path.display().to_string()));
        }
        Self { bundle: bundle.to_path_buf(), environment, kubeconfig }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(path) = &self.kubeconfig {
            // It may be gone with the session's folder.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // One that a killed session left is not written to, for nobody knows whose it is.
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}

impl AskCommand for Machine {
    fn ask(&self, _name: &str, command: Vec<String>, timeout: Duration) -> CommandAnswer {
        let mut words = command.into_iter();
        let program = words.next().unwrap_or_default();
        let mut prepared = Command::new(&program);
        prepared.args(words).current_dir(&self.bundle).env_clear().envs(self.environment.iter().cloned());
        Box::pin(async move {
            let ended = tokio::task::spawn_blocking(move || subprocess::run(&mut prepared, timeout)).await;
            let finished = ended.map_err(|error| error.to_string())?.map_err(|error| format!("`{program}`: {error}"))?;
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Ok(CommandOutput { exit: finished.code, stdout: text(finished.stdout), stderr: text(finished.stderr) })
        })
    }
}

/// Answers from the scenario's `commands`, under `signals.NAME`. Without an answer the
/// value is unknown: nothing is run, and nothing made up.
pub(super) struct Scripted(pub(super) World);

impl AskCommand for Scripted {
    fn ask(&self, name: &str, _command: Vec<String>, timeout: Duration) -> CommandAnswer {
        let answer = self.0.command_answer(&format!("signals.{name}"));
        let missing = format!("a rehearsal runs no command, and the scenario has no `commands: {{signals.{name}: ..}}`");
        Box::pin(async move {
            let answer = answer.ok_or(missing)?;
            if answer.takes.0 > timeout {
                return Err(format!("no end within {} s; it was killed", timeout.as_secs_f32()));
            }
            Ok(CommandOutput { exit: Some(answer.exit), stdout: answer.stdout, stderr: answer.stderr })
        })
    }
}
