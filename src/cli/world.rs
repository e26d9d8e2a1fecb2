//! `pacenote world`: serves the simulated world of a scenario on loopback, for kubectl and
//! others.
//!
//! It is the world of `rehearse` without a walk, so events that wait for a step do not
//! happen. It listens on loopback only: whoever reaches it may do everything in it.

pub(super) mod check;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::args::WorldArgs;
use super::console::Console;
use crate::app::headless;
use crate::error::{Exit, Problem};
use crate::runbook::load;
use crate::session::event::Operator;
use crate::world::{Clock, Scenario, Surroundings, World};

/// The first line of the kubeconfigs written here; only such a file is written over.
const MARK: &str = "# Written by `pacenote world`; it ends with that.";

/// Serves the world until it is interrupted.
///
/// # Errors
/// When the scenario has mistakes, the address is not of this machine alone or taken, or
/// the kubeconfig cannot be written.
pub(super) fn run(console: &mut Console, arguments: &WorldArgs) -> Result<Exit, Problem> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Problem::usage(format!("`{}` can be reached from other machines", arguments.listen))
            .hint("listen on 127.0.0.1 or [::1]: whoever reaches the world may do everything in it"));
    }
    let (scenario, surroundings) = found(&arguments.scenario)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Problem::cannot_start(format!("no runtime could be made: {e}")))?;
    let exit = runtime.block_on(serve(console, arguments, &scenario, surroundings));
    // Watches that are still open are cut.
    runtime.shutdown_background();
    exit
}

async fn serve(
    console: &mut Console,
    arguments: &WorldArgs,
    scenario: &Scenario,
    surroundings: Surroundings,
) -> Result<Exit, Problem> {
    let signal =
        |kind| tokio::signal::unix::signal(kind).map_err(|e| Problem::cannot_start(format!("signals cannot be awaited: {e}")));
    let mut interrupt = signal(tokio::signal::unix::SignalKind::interrupt())?;
    let mut terminate = signal(tokio::signal::unix::SignalKind::terminate())?;
    let clock = Clock::start_at_speed(chrono::Utc::now(), arguments.speed.unwrap_or(1.0));
    let world = World::new(scenario, surroundings, clock);
    let (address, serving) = crate::world::serve_at(world.router(), arguments.listen).await.map_err(|e| {
        Problem::cannot_start(format!("{} cannot be listened on: {e}", arguments.listen))
            .hint("leave --listen out for a free port")
    })?;
    let kubeconfig = match &arguments.kubeconfig_out {
        Some(path) => Some(Kubeconfig::write(path, address, world.namespace(), scenario.scenario.as_str())?),
        None => None,
    };
    console.line(format_args!("the world of `{}` answers at http://{address} (Kubernetes and Prometheus)", scenario.scenario))?;
    if let Some(kubeconfig) = &kubeconfig {
        console.line(format_args!("kubectl --kubeconfig {} get pods", kubeconfig.path.display()))?;
    }
    if let Some(host) = scenario.world.services.keys().next() {
        console.line(format_args!("curl -H 'Host: {host}' http://{address}/health"))?;
    }
    console.line("Ctrl-C ends it")?;
    console.finish()?;
    tokio::select! {
        result = serving => result.map(|()| Exit::Done).map_err(|e| Problem::failed(format!("the world stopped serving: {e}"))),
        _ = interrupt.recv() => Ok(Exit::Done),
        _ = terminate.recv() => Ok(Exit::Done),
    }
}

/// A kubeconfig that leads to the world; removed when it is dropped, since it leads
/// nowhere then.
struct Kubeconfig {
    path: PathBuf,
}

impl Kubeconfig {
    fn write(path: &Path, address: SocketAddr, namespace: &str, scenario: &str) -> Result<Self, Problem> {
        let wrong = |e: std::io::Error| {
            Problem::cannot_start(format!("the kubeconfig cannot be written: {e}")).at(path.display()).hint("name another file")
        };
        match std::fs::read_to_string(path) {
            Ok(text) if text.starts_with(MARK) => std::fs::remove_file(path).map_err(wrong)?,
            Ok(_) => {
                return Err(Problem::cannot_start("there is a file already that `pacenote world` did not write")
                    .at(path.display())
                    .hint("name another file: a kubeconfig of yours is not overwritten"));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(wrong(e)),
        }
        let name = format!("pacenote-{scenario}");
        let text = format!(
            "{MARK}\napiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
             clusters:\n- name: {name}\n  cluster: {{server: \"http://{address}\"}}\n\
             users:\n- name: rehearsal\n  user: {{}}\n\
             contexts:\n- name: {name}\n  context: {{cluster: {name}, user: rehearsal, namespace: {namespace}}}\n"
        );
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(wrong)?;
        file.write_all(text.as_bytes()).map_err(wrong)?;
        Ok(Self { path: path.to_path_buf() })
    }
}

impl Drop for Kubeconfig {
    fn drop(&mut self) {
        // Somebody else's by now, or gone: nothing to do about it at the end.
        if std::fs::read_to_string(&self.path).is_ok_and(|text| text.starts_with(MARK)) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The scenario of a file or of the library, and what its world takes from its runbook.
fn found(name: &str) -> Result<(Scenario, Surroundings), Problem> {
    let wrong = |e: crate::world::scenario::ScenarioError| {
        Problem::cannot_start(format!("the scenario is wrong: {}", e.message)).at(format!("{}:{}:{}", e.file, e.line, e.column))
    };
    let path = Path::new(name);
    if path.exists() {
        let scenario = Scenario::load(path).map_err(wrong)?;
        let runbook = path.parent().unwrap_or(Path::new("")).join(&scenario.runbook);
        let surroundings = surroundings(&runbook.display().to_string(), &scenario);
        return Ok((scenario, surroundings));
    }
    let mut known = Vec::new();
    for (file, text) in load::library().iter().filter(|(path, _)| path.starts_with("scenarios/")) {
        let id = file.trim_start_matches("scenarios/").trim_end_matches(".yaml");
        if id == name {
            let scenario = Scenario::read(file, text).map_err(wrong)?;
            let runbook = Path::new(&scenario.runbook).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let surroundings = surroundings(&runbook.unwrap_or_default(), &scenario);
            return Ok((scenario, surroundings));
        }
        known.push(id);
    }
    Err(Problem::cannot_start(format!("there is no scenario `{name}`, as a file or in the library"))
        .hint(format!("the library has {}", known.join(", "))))
}

/// Namespace and hosts as the scenario's runbook has them. A world can be looked at without
/// its runbook, too.
fn surroundings(runbook: &str, scenario: &Scenario) -> Surroundings {
    let Ok(bundle) = load::load(runbook) else { return Surroundings::default() };
    let who = crate::app::opening::Who {
        operator: Operator { principal: "rehearsal".to_owned(), os_user: "rehearsal".to_owned(), uid: 0, key: None },
        ..Default::default()
    };
    match headless::opening(&bundle, scenario, None, &[], who) {
        Ok(opening) => headless::surroundings(&opening.plan, scenario),
        Err(_) => Surroundings::default(),
    }
}
