//! A command that gets the terminal.
//!
//! It stays in this program's process group, which is the terminal's foreground group, as
//! `system(3)` does it: Ctrl-C and Ctrl-\ reach both, and this program catches and ignores
//! them for as long as the command runs; Ctrl-Z stops both, and `fg` continues both.
//! Nothing of its output is kept: it is on the terminal.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::command::{Prepared, folder, prepared};
use super::context::{Context, changed_by, uncertain};
use super::text;
use crate::session::event::Outcome;
use crate::session::intent::{Intent, What};
use crate::session::message::EffectReport;

/// Runs it to its end.
pub(super) async fn run(intent: &Intent, context: &mut Context) -> EffectReport {
    let What::Run(request) = &intent.what else { return context.not_begun("only a command can have the terminal") };
    let folder = match folder(context) {
        Ok(folder) => folder,
        Err(why) => return context.not_begun(why),
    };
    let Prepared { spec, handover } = match prepared(request, &folder, context).await {
        Ok(prepared) => prepared,
        Err(why) => return context.not_begun(why),
    };
    let Some((program, arguments)) = spec.argv.split_first() else { return context.not_begun("there is no command") };
    // Caught from here on, and for the rest of this program's life; the command gets the
    // default behaviour back when it is started.
    let caught = (signal(SignalKind::interrupt()), signal(SignalKind::quit()));
    let started = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(spec.env.iter().chain(&handover.env).map(|(name, value)| (name, value)))
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return context.not_begun(format!("{program} cannot be started: {error}")),
    };
    let limit = intent.timeout_ms.map(Duration::from_millis);
    let ended = tokio::select! {
        ended = child.wait() => Some(ended),
        () = past(limit) => None,
    };
    drop::<(std::io::Result<Signal>, std::io::Result<Signal>)>(caught);
    // Gone already, or never there: both fine.
    let _ = std::fs::remove_file(folder.join(crate::supervise::file::KUBECONFIG));
    match ended {
        Some(Ok(status)) => match status.code() {
            Some(code) => {
                let changed = changed_by(intent, code);
                let report = EffectReport::new(intent.effect, Outcome::Succeeded, format!("exit code {code}"));
                EffectReport { changed, exit: Some(code), ..report }
            }
            None => uncertain(intent, &format!("ended by signal {}", status.signal().unwrap_or_default())),
        },
        Some(Err(error)) => uncertain(intent, &format!("how the command ended cannot be seen: {error}")),
        None => {
            // A kill that fails finds the command ended by itself.
            let _ = child.kill().await;
            let limit = text::duration(limit.unwrap_or_default());
            uncertain(intent, &format!("ended at its time limit of {limit}"))
        }
    }
}

async fn past(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}
