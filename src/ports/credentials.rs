//! Credential plugins (`exec` in a kubeconfig), run once: behind the screen, so that they
//! can neither hang nor tear it (no terminal, standard error caught line by line, a time
//! limit, the whole process group ended with it), or on the terminal, which must have been
//! given up, as their `interactiveMode` allows. [`super::login`] decides when.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::config::{ExecConfig, ExecInteractiveMode};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::redact::{Keep, strip_controls};

/// What a plugin gave.
#[derive(Clone, Default)]
pub(super) struct Credential {
    pub token: Option<String>,
    /// Certificate and key, PEM.
    pub certificate: Option<(String, String)>,
    pub expires: Option<DateTime<Utc>>,
}

/// Why a plugin gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// There is no such program.
    #[error("the credential plugin {command} is not installed{}", hint(.install_hint))]
    Missing {
        /// The program.
        command: String,
        /// What the kubeconfig says about installing it.
        install_hint: Option<String>,
    },
    /// It did not come to an end.
    #[error("the credential plugin {command} gave no answer within {limit:?}{}; run `{command}` by hand, it may want you to log in", said(.stderr))]
    TimedOut {
        /// The program.
        command: String,
        /// The limit.
        limit: Duration,
        /// What it said on standard error until then.
        stderr: String,
    },
    /// It can only be run with a terminal, and there is none for it now.
    #[error(
        "the credential plugin {command} wants a terminal (interactiveMode: Always); log in again, which hands it over, or run it by hand"
    )]
    WantsTerminal {
        /// The program.
        command: String,
    },
    /// It is still at work; it may wait for somebody to log in elsewhere.
    #[error("the credential plugin {command} has not answered yet{}; it may wait for you to log in", said(.stderr))]
    Waiting {
        /// The program.
        command: String,
        /// What it said on standard error until now.
        stderr: String,
    },
    /// It failed, or what it printed is no credential.
    #[error("the credential plugin {command} failed: {why}{}; run it by hand, it may want you to log in", said(.stderr))]
    Failed {
        /// The program.
        command: String,
        /// How.
        why: String,
        /// What it said on standard error.
        stderr: String,
    },
}

fn hint(install_hint: &Option<String>) -> String {
    install_hint
        .as_ref()
        .map_or_else(|| "; install it, or fix `exec` in the kubeconfig".into(), |hint| format!(": {}", hint.trim()))
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(" (it said: {stderr})") }
}

/// How long a plugin may take behind the screen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// One that says nothing.
    pub quiet: Duration,
    /// One that has said something, which may be where to log in.
    pub speaking: Duration,
}

/// At most so many bytes of an answer are read.
const MOST: u64 = 1 << 20;
/// At most so many characters of a line of standard error are kept.
const LONGEST_LINE: usize = 400;

/// Whether it asks for a terminal and refuses to be run without.
pub(super) fn wants_terminal(exec: &ExecConfig) -> bool {
    exec.interactive_mode == Some(ExecInteractiveMode::Always)
}

/// Runs it behind the screen. `say` is told the lines of its standard error, all that came
/// until then, whenever there is more.
pub(super) async fn run(exec: &ExecConfig, limits: Limits, say: impl Fn(&[String])) -> Result<Credential, PluginError> {
    let command = name(exec);
    if wants_terminal(exec) {
        return Err(PluginError::WantsTerminal { command });
    }
    let mut child = spawn(prepared(exec, false).stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0), exec)?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut lines) = (Vec::new(), Vec::new());
    let began = tokio::time::Instant::now();
    let speaking = AtomicBool::new(false);
    let ended = {
        let hear = hear(err, &mut lines, |lines| {
            speaking.store(true, Ordering::Relaxed);
            say(lines);
        });
        let work = async { tokio::join!(read_into(out, &mut stdout), hear, child.wait()).2 };
        tokio::pin!(work);
        match tokio::time::timeout_at(began + limits.quiet, &mut work).await {
            Err(_) if speaking.load(Ordering::Relaxed) => tokio::time::timeout_at(began + limits.speaking, &mut work).await.ok(),
            ended => ended.ok(),
        }
    };
    let said = tidy(&lines);
    let Some(status) = ended else {
        let limit = if speaking.into_inner() { limits.speaking } else { limits.quiet };
        return Err(PluginError::TimedOut { command, limit, stderr: said });
    };
    // Ended by itself, and with it all that held its pipes.
    group.0 = None;
    let status = status.map_err(|error| failed(exec, error.to_string(), said.clone()))?;
    if !status.success() {
        return Err(failed(exec, status.to_string(), said));
    }
    understood(&stdout).ok_or_else(|| failed(exec, NO_CREDENTIAL.into(), said))
}

/// Runs it on this program's own terminal, which must have been given up: it stays in the
/// foreground process group, talks to whoever sits there, and gets the keys unless it is
/// declared never to. Ctrl-C ends it and not this program.
pub(super) async fn run_on_terminal(exec: &ExecConfig, limit: Duration) -> Result<Credential, PluginError> {
    let command = name(exec);
    let keys = exec.interactive_mode != Some(ExecInteractiveMode::Never);
    let stdin = if keys { Stdio::inherit() } else { Stdio::null() };
    // Caught from here on, and for the rest of this program's life; the plugin gets the
    // default behaviour back when it is started.
    let interrupted = signal(SignalKind::interrupt());
    let _quit = signal(SignalKind::quit());
    let mut child = spawn(prepared(exec, keys).stdin(stdin).stderr(Stdio::inherit()), exec)?;
    let out = child.stdout.take();
    let mut stdout = Vec::new();
    let ended = {
        let work = async { tokio::join!(read_into(out, &mut stdout), child.wait()).1 };
        let interrupt = async {
            match interrupted {
                Ok(mut interrupted) => {
                    interrupted.recv().await;
                    // It has got the signal too, and a moment to end by itself.
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = tokio::time::timeout(limit, work) => Some(ended),
            () = interrupt => None,
        }
    };
    let status = match ended {
        Some(Ok(status)) => status.map_err(|error| failed(exec, error.to_string(), String::new()))?,
        Some(Err(_)) => return Err(PluginError::TimedOut { command, limit, stderr: String::new() }),
        None => return Err(failed(exec, "it was interrupted".into(), String::new())),
    };
    if !status.success() {
        return Err(failed(exec, status.to_string(), String::new()));
    }
    understood(&stdout).ok_or_else(|| failed(exec, NO_CREDENTIAL.into(), String::new()))
}

const NO_CREDENTIAL: &str = "what it printed is no ExecCredential with a status";

fn name(exec: &ExecConfig) -> String {
    exec.command.clone().unwrap_or_default()
}

fn failed(exec: &ExecConfig, why: String, stderr: String) -> PluginError {
    PluginError::Failed { command: name(exec), why, stderr }
}

fn prepared(exec: &ExecConfig, interactive: bool) -> Command {
    let info = json!({
        "apiVersion": exec.api_version.as_deref().unwrap_or("client.authentication.k8s.io/v1"),
        "kind": "ExecCredential",
        "spec": {
            "interactive": interactive,
            "cluster": exec.provide_cluster_info.then(|| exec.cluster.as_ref().map(|c| json!(c))).flatten(),
        },
    });
    let declared = exec.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    let mut command = Command::new(name(exec));
    command
        .args(exec.args.iter().flatten())
        .envs(declared)
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn spawn(command: &mut Command, exec: &ExecConfig) -> Result<Child, PluginError> {
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PluginError::Missing { command: name(exec), install_hint: exec.install_hint.clone() },
        _ => failed(exec, error.to_string(), String::new()),
    })
}

/// A process group that is ended when nobody waits for it any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already is as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    status: Option<AnswerStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<DateTime<Utc>>,
}

/// The credential in an answer. What is wrong with one that has none is not said: the
/// words of a parser would quote the token.
fn understood(stdout: &[u8]) -> Option<Credential> {
    let answer: Answer = serde_saphyr::from_slice(stdout).ok()?;
    let status = answer.status?;
    let certificate = status.client_certificate_data.zip(status.client_key_data);
    let some = status.token.is_some() || certificate.is_some();
    some.then_some(Credential { token: status.token, certificate, expires: status.expiration_timestamp })
}

async fn read_into(source: Option<impl AsyncRead + Unpin>, target: &mut Vec<u8>) {
    if let Some(source) = source {
        // A broken pipe ends the output; what was read so far counts.
        let _ = source.take(MOST).read_to_end(target).await;
    }
}

/// Takes lines as they come, cleaned; the last may not be over yet, as with a prompt.
async fn hear(source: Option<impl AsyncRead + Unpin>, lines: &mut Vec<String>, tell: impl Fn(&[String])) {
    let Some(source) = source else { return };
    let mut source = source.take(MOST);
    let (mut heard, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(n @ 1..) = source.read(&mut chunk).await {
        heard.extend_from_slice(chunk.get(..n).unwrap_or_default());
        let text = strip_controls(&String::from_utf8_lossy(&heard), Keep::LINES);
        let kept = text.lines().map(str::trim).filter(|line| !line.is_empty());
        *lines = kept.map(|line| line.chars().take(LONGEST_LINE).collect()).collect();
        if !lines.is_empty() {
            tell(lines);
        }
    }
}

/// The end of what it said, as one short line.
fn tidy(lines: &[String]) -> String {
    let line = lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ");
    let start = line.char_indices().rev().nth(LONGEST_LINE - 1).map_or(0, |(at, _)| at);
    line.get(start..).unwrap_or_default().to_owned()
}
