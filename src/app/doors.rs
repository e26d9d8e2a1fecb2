//! The doors of a session: to the real world, to the simulated one over loopback, or to
//! the simulated one without a socket.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::commands::{Machine, Scripted};
use super::walk::Approvals;
use super::watch::Headers;
use crate::clock::Clock;
use crate::coordination::Watch;
use crate::effects::{
    CommandScript, Commands, EffectPorts, OutputStore, ScriptedAnswer, ScriptedResponse, SecretSource, clean_environment,
};
use crate::journal::SessionDir;
use crate::ports::{Cluster, HttpPort, Login, LoginWatch};
use crate::session::intent::{Intent, RunRequest};
use crate::signals::{KubeTarget, SignalPorts};
use crate::world::World;

/// Everything a walk reaches the world through.
pub struct Doors {
    /// For effects.
    pub effects: EffectPorts,
    /// For signals.
    pub signals: SignalPorts<HttpPort>,
    /// Secrets of signals' headers, and the pace of the session's time.
    pub headers: Headers,
    /// The simulated world, in rehearsals.
    pub world: Option<World>,
    /// Where approvals come from.
    pub approvals: Approvals,
    /// Commands are answered by the scenario and not run.
    pub scripted: bool,
    /// Standing messages for the screen.
    pub notices: Vec<String>,
    /// The lock that is held and the freezes that are looked for.
    pub coordination: Option<Watch>,
    /// Who the cluster takes us for, where it asks.
    pub login: Option<LoginWatch>,
    /// Who is told of each seal, beside this machine.
    pub anchors: Option<super::anchors::Told>,
}

/// What doors are made from, beside where they lead.
pub struct Frame {
    /// The session's folder.
    pub session: SessionDir,
    /// The bundle's folder, where commands start.
    pub bundle: PathBuf,
    /// Where secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// Where outputs are kept.
    pub outputs: Arc<dyn OutputStore>,
    /// The session's clock.
    pub clock: Clock,
}

pub(super) fn wall(clock: Clock) -> Arc<dyn Fn() -> DateTime<Utc> + Send + Sync> {
    Arc::new(move || clock.now().wall)
}

impl Doors {
    /// The real world.
    pub fn live(frame: Frame, http: HttpPort, cluster: Option<Cluster>, program: PathBuf, headers: Headers) -> Self {
        let commands = Commands::Supervised { program, grace: Duration::from_secs(5) };
        Self::new(frame, http, cluster, commands, headers)
    }

    /// The simulated world behind `http` and `cluster`.
    pub fn simulated(frame: Frame, http: HttpPort, cluster: Cluster, world: World, pace: f64) -> Self {
        let commands = Commands::Scripted(Arc::new(Script(world.clone())));
        let headers = Headers { secrets: BTreeMap::new(), pace };
        let mut doors = Self::new(frame, http, Some(cluster), commands, headers);
        doors.signals.commands = Some(Arc::new(Scripted(world.clone())));
        doors.world = Some(world);
        doors.scripted = true;
        doors
    }

    fn new(frame: Frame, http: HttpPort, cluster: Option<Cluster>, commands: Commands, headers: Headers) -> Self {
        let kube = cluster.as_ref().map(KubeTarget::from);
        let kubeconfig = cluster.as_ref().and_then(Cluster::narrowed_kubeconfig);
        let machine = Machine::new(&frame.bundle, frame.session.path(), clean_environment(), kubeconfig);
        let login = cluster.as_ref().and_then(Cluster::login).map(Login::watch);
        let sid = frame.session.sid().to_owned();
        Self {
            signals: SignalPorts { http: http.clone(), kube, commands: Some(Arc::new(machine)), clock: wall(frame.clock) },
            effects: EffectPorts {
                http,
                cluster,
                secrets: frame.secrets,
                outputs: frame.outputs,
                commands,
                session_dir: frame.session.path().to_path_buf(),
                bundle: frame.bundle,
                environment: clean_environment(),
                sid,
                freezes: None,
                dry_run: false,
            },
            headers,
            world: None,
            approvals: Approvals::default(),
            scripted: false,
            notices: Vec::new(),
            coordination: None,
            login,
            anchors: None,
        }
    }
}

/// Commands of a rehearsal are answered by the scenario: nothing is ever run.
struct Script(World);

impl CommandScript for Script {
    fn answer(&self, intent: &Intent, _request: &RunRequest) -> ScriptedAnswer {
        match self.0.command_answer(intent.path.as_str()) {
            Some(answer) => {
                ScriptedAnswer { stdout: answer.stdout, stderr: answer.stderr, exit: answer.exit, takes: answer.takes.0 }
            }
            None => ScriptedAnswer { stdout: String::new(), stderr: String::new(), exit: 0, takes: Duration::from_secs(1) },
        }
    }

    fn response(&self, intent: &Intent) -> Option<ScriptedResponse> {
        let answer = self.0.command_answer(intent.path.as_str())?;
        Some(ScriptedResponse { status: answer.status.unwrap_or(200), body: answer.stdout, takes: answer.takes.0 })
    }
}
