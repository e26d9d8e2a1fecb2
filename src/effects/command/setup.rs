//! A command's folder, environment and secrets.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use crate::effects::context::Context;
use crate::effects::secret::{fill, for_command};
use crate::session::intent::RunRequest;
use crate::supervise::{Handover, Spec, file, write_private};

/// What commands see of this program's environment.
const KEPT: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TERM", "TZ", "SSH_AUTH_SOCK"];

/// The clean environment: a few variables of this program's own, and nothing else of it.
/// Commands that print a secret get the same.
pub fn clean_environment() -> Vec<(String, String)> {
    KEPT.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

/// A command ready to be handed over.
pub(in crate::effects) struct Prepared {
    pub spec: Spec,
    pub handover: Handover,
}

/// Writes a command's files and collects its secrets.
pub(in crate::effects) async fn prepared(request: &RunRequest, folder: &Path, context: &Context) -> Result<Prepared, String> {
    let cannot = |error: io::Error| format!("the command's folder cannot be written: {error}");
    // One that exists belongs to the same effect started before, which must not run twice.
    fs::DirBuilder::new().mode(0o700).create(folder).map_err(cannot)?;
    let cwd = working_folder(&context.ports.bundle, request.cwd.as_deref())?;
    let mut env = context.ports.environment.clone();
    if let Some(config) = context.ports.cluster.as_ref().and_then(|cluster| cluster.narrowed_kubeconfig()) {
        let path = folder.join(file::KUBECONFIG);
        write_private(&path, config.as_bytes()).map_err(cannot)?;
        set(&mut env, "KUBECONFIG", path.display().to_string());
    }
    let mut handover = Handover::default();
    for (name, value) in &request.env {
        let filled = fill(value, context).await?;
        env.retain(|(known, _)| known != name);
        let target = if filled.carries_secret { &mut handover.env } else { &mut env };
        set(target, name, filled.text);
    }
    if let Some(stdin) = &request.stdin {
        handover.stdin = Some(fill(stdin, context).await?.text);
    }
    handover.secrets = for_command(context)?;
    let argv = arguments(request, folder, &cwd).map_err(cannot)?;
    let spec = Spec { argv, cwd: cwd.display().to_string(), env, timeout_ms: None, grace_ms: 0, sensitive: request.sensitive };
    Ok(Prepared { spec, handover })
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: String) {
    env.retain(|(known, _)| known != name);
    env.push((name.to_owned(), value));
}

/// A script stands in a file of its own: its text never passes through a shell's argument,
/// and shells started this way read no start-up files in a clean environment.
fn arguments(request: &RunRequest, folder: &Path, cwd: &Path) -> io::Result<Vec<String>> {
    let mut argv = request.argv.clone();
    if let Some(script) = &request.script {
        if argv.is_empty() {
            argv = vec!["sh".into(), "-eu".into()];
        }
        let path = folder.join(file::SCRIPT);
        write_private(&path, script.as_bytes())?;
        argv.push(path.display().to_string());
    }
    // `./backup.sh` is the bundle's, wherever this program was started.
    if let Some(program) = argv.first_mut().filter(|program| program.contains('/') && !program.starts_with('/')) {
        *program = cwd.join(&*program).display().to_string();
    }
    Ok(argv)
}

fn working_folder(bundle: &Path, cwd: Option<&str>) -> Result<PathBuf, String> {
    let bundle = std::path::absolute(bundle).map_err(|error| format!("the runbook's folder cannot be found: {error}"))?;
    let Some(cwd) = cwd else { return Ok(bundle) };
    let inside = Path::new(cwd).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let folder = bundle.join(cwd);
    if !inside {
        return Err(format!("the working folder {cwd:?} leads out of the runbook's folder"));
    }
    if !folder.is_dir() {
        return Err(format!("there is no working folder {}", folder.display()));
    }
    Ok(folder)
}
