//! Credential plugins (`exec` in a kubeconfig), run so that they cannot hang or tear the
//! screen: no terminal, standard error caught, a time limit, their whole process group
//! ended at the limit.

use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::config::ExecConfig;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

/// What a plugin gave.
#[derive(Clone, Default)]
pub(super) struct Credential {
    pub token: Option<String>,
    /// Certificate and key, PEM.
    pub certificate: Option<(String, String)>,
    expires: Option<DateTime<Utc>>,
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

/// A plugin and what it gave last.
pub(super) struct Plugin {
    exec: ExecConfig,
    limit: Duration,
    last: Mutex<Option<Credential>>,
}

/// A token is asked for anew when it has less than this left.
const MARGIN: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

impl Plugin {
    pub(super) fn new(exec: ExecConfig, limit: Duration) -> Self {
        Self { exec, limit, last: Mutex::new(None) }
    }

    /// The credential, from before where it is still good.
    pub(super) async fn credential(&self) -> Result<Credential, PluginError> {
        let mut last = self.last.lock().await;
        if let Some(known) = last.as_ref()
            && known.expires.is_none_or(|expires| expires - Utc::now() > MARGIN)
        {
            return Ok(known.clone());
        }
        let fresh = run(&self.exec, self.limit).await?;
        *last = Some(fresh.clone());
        Ok(fresh)
    }

    /// The server did not accept it: the next request asks for another.
    pub(super) async fn forget(&self) {
        *self.last.lock().await = None;
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

async fn run(exec: &ExecConfig, limit: Duration) -> Result<Credential, PluginError> {
    let command = exec.command.clone().unwrap_or_default();
    let failed = |why: String, stderr: String| PluginError::Failed { command: command.clone(), why, stderr };
    let info = json!({
        "apiVersion": exec.api_version.as_deref().unwrap_or("client.authentication.k8s.io/v1"),
        "kind": "ExecCredential",
        "spec": {
            "interactive": false,
            "cluster": exec.provide_cluster_info.then(|| exec.cluster.as_ref().map(|c| json!(c))).flatten(),
        },
    });
    let declared = exec.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
    let child = tokio::process::Command::new(&command)
        .args(exec.args.iter().flatten())
        .envs(declared)
        .env("KUBERNETES_EXEC_INFO", info.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            PluginError::Missing { command: command.clone(), install_hint: exec.install_hint.clone() }
        }
        _ => failed(error.to_string(), String::new()),
    })?;
    let group = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let ended = tokio::time::timeout(limit, async {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (_, _, status) = tokio::join!(read_into(out, &mut stdout), read_into(err, &mut stderr), child.wait());
        status
    })
    .await;
    let said = tidy(&stderr);
    let status = match ended {
        Ok(status) => status.map_err(|error| failed(error.to_string(), said.clone()))?,
        Err(_) => {
            if let Some(group) = group {
                // Gone already is as good.
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            return Err(PluginError::TimedOut { command, limit, stderr: said });
        }
    };
    if !status.success() {
        return Err(failed(status.to_string(), said));
    }
    // Its own words on a wrong answer are left out: they would quote the token.
    let no_credential = || failed("what it printed is no ExecCredential with a status".into(), said.clone());
    let answer: Answer = serde_saphyr::from_slice(&stdout).map_err(|_| no_credential())?;
    let status = answer.status.ok_or_else(no_credential)?;
    let certificate = status.client_certificate_data.zip(status.client_key_data);
    if status.token.is_none() && certificate.is_none() {
        return Err(no_credential());
    }
    Ok(Credential { token: status.token, certificate, expires: status.expiration_timestamp })
}

async fn read_into(source: Option<impl tokio::io::AsyncRead + Unpin>, target: &mut Vec<u8>) {
    use tokio::io::AsyncReadExt;
    if let Some(source) = source {
        // A broken pipe ends the output; what was read so far counts.
        let _ = source.take(1 << 20).read_to_end(target).await;
    }
}

/// Standard error as one short line.
fn tidy(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let start = line.char_indices().rev().nth(399).map_or(0, |(at, _)| at);
    line.get(start..).unwrap_or_default().to_owned()
}
