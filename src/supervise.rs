//! The hidden `supervise` command: runs one command so that it survives this program.
//!
//! A `run` step is not a child of the screen but of a small supervisor in a process
//! session of its own. The supervisor takes the secrets over a pipe (they are never
//! written down), starts the command in a process group of its own, takes the secrets out
//! of what it prints before that reaches a file, keeps its time limit, and leaves behind
//! how it ended. Everything else finds it by these files in the effect's folder:
//!
//! | file | what |
//! |---|---|
//! | `spec.json` | what to run, without secrets |
//! | `claim.json` | which supervisor may start it; made once, by whoever is first |
//! | `running.json` | pid and start time of the command |
//! | `stop` | somebody asked the command to stop |
//! | `log` | its output in lines, `o ` or `e ` before each |
//! | `stdout` | its standard output, for captures |
//! | `status.json` | how it ended |
//!
//! Guarantees: the command is started at most once, whatever is killed when; a file is
//! whole or absent. It leaves the outcome to `effects`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

mod child;
mod output;
mod process;

pub use process::ProcessId;

/// File names in an effect's folder.
pub mod file {
    /// What to run.
    pub const SPEC: &str = "spec.json";
    /// Who may start it.
    pub const CLAIM: &str = "claim.json";
    /// The command's process.
    pub const RUNNING: &str = "running.json";
    /// Somebody asked it to stop.
    pub const STOP: &str = "stop";
    /// Output in lines.
    pub const LOG: &str = "log";
    /// Standard output.
    pub const STDOUT: &str = "stdout";
    /// How it ended.
    pub const STATUS: &str = "status.json";
    /// The narrowed kubeconfig; gone once the command has ended.
    pub const KUBECONFIG: &str = "kubeconfig";
    /// The script's text.
    pub const SCRIPT: &str = "script";
}

/// What to run, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Working folder.
    pub cwd: String,
    /// The whole environment but for what holds secrets.
    pub env: Vec<(String, String)>,
    /// Time limit, milliseconds.
    pub timeout_ms: Option<u64>,
    /// Time between SIGINT, SIGTERM and SIGKILL at the limit, milliseconds.
    pub grace_ms: u64,
    /// Nothing of the output is kept.
    pub sensitive: bool,
}

/// What comes over the pipe only.
#[derive(Default, Serialize, Deserialize)]
pub struct Handover {
    /// Environment that holds secrets.
    pub env: Vec<(String, String)>,
    /// Standard input.
    pub stdin: Option<String>,
    /// What must not appear in any file: names and values.
    pub secrets: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    /// Exit code, where it exited.
    pub exit: Option<i32>,
    /// Signal, where one ended it.
    pub signal: Option<i32>,
    /// The time limit was reached.
    pub timed_out: bool,
    /// It was never started, and why.
    pub not_started: Option<String>,
    /// Something it started still held its output open.
    pub left_running: bool,
    /// The output could not be kept whole, and why.
    pub output_lost: Option<String>,
    /// Bytes of output that were not kept, over the limit.
    pub dropped: u64,
    /// From start to end, milliseconds.
    pub took_ms: u64,
}

/// Runs the command of an effect's folder to its end. The handover is read from standard
/// input until its end.
pub fn main(folder: &Path) -> ExitCode {
    // Fails only where this process leads a session already, which is as good.
    let _ = rustix::process::setsid();
    let mut handover = Vec::new();
    let Ok(_) = io::stdin().read_to_end(&mut handover) else { return ExitCode::from(3) };
    // A torn handover means that nobody waits any more: nothing is started.
    let Ok(handover) = serde_json::from_slice::<Handover>(&handover) else { return ExitCode::from(3) };
    let Ok(Some(spec)) = read_json::<Spec>(&folder.join(file::SPEC)) else { return ExitCode::from(3) };
    if !matches!(claim(folder), Ok(true)) {
        return ExitCode::from(3);
    }
    let started = std::time::Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(child::run(folder, &spec, handover)),
        Err(error) => Err(error),
    };
    let mut status = ended.unwrap_or_else(|error| Status { not_started: Some(error.to_string()), ..Status::default() });
    status.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // Gone already, or never there: both fine.
    let _ = fs::remove_file(folder.join(file::KUBECONFIG));
    match write_json(&folder.join(file::STATUS), &status) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Takes the right to start the command. Whoever takes it first has it for good: a
/// supervisor that starts, or a resumed session that has to know that none will.
///
/// # Errors
/// When the folder cannot be written.
pub fn claim(folder: &Path) -> io::Result<bool> {
    let path = folder.join(file::CLAIM);
    let own = ProcessId::own();
    // A link is made whole or not at all, and never over another.
    let draft = folder.join(format!("claim-{}.new", own.pid));
    write_private(&draft, &serde_json::to_vec(&own)?)?;
    let taken = fs::hard_link(&draft, &path);
    fs::remove_file(&draft)?;
    match taken {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
        Ok(()) => sync_folder(folder).map(|()| true),
    }
}

/// Writes a file so that it is whole or absent, and synced.
///
/// # Errors
/// When it cannot be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    write_private(&path.with_extension("new"), &serde_json::to_vec(value)?)?;
    fs::rename(path.with_extension("new"), path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Writes a file that only its owner can read, and syncs it.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = private(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn private(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Reads one of the files; `None` where it is not there.
///
/// # Errors
/// When it cannot be read, or is not what it should be.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
