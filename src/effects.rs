//! What is done to the world: durable intents become reports of what happened.
//!
//! An effect starts only from a [`Durable`] intent, which proves that the journal holds
//! it. Whatever then happens, exactly one [`Answer::Ended`] follows: a change whose answer
//! was lost, that timed out or was stopped half-way is [unknown](crate::session::event::Outcome::Unknown), never guessed,
//! and nothing that changes something is ever sent twice. Commands survive this program
//! ([`crate::supervise`]) and are found again by [`Effects::attach`].
//!
//! What an outcome means for a step (`expect`, `on_failure`, `look`) is the session's to
//! say: a command that ran to its end and a request that was answered have *succeeded*
//! here, whatever the code.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::coordination::Freezes;
use crate::journal::Durable;
use crate::live::output::OutputLine;
use crate::ports::{Cluster, HttpPort};
use crate::session::event::OutputRef;
use crate::session::intent::{Intent, KubernetesRequest, ObjectState, PinnedTarget, RunRequest, What, Workload};
use crate::session::message::{EffectReport, StepRef};

mod command;
mod context;
mod dry;
mod freeze;
mod http;
mod interactive;
mod kubernetes;
mod notify;
mod secret;
pub mod text;

pub use command::clean_environment;
use context::Context;
pub use secret::{Secret, SecretSource};

/// What effects need from outside.
pub struct EffectPorts {
    /// The HTTP door.
    pub http: HttpPort,
    /// The Kubernetes door, where the environment has one.
    pub cluster: Option<Cluster>,
    /// Where secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// Where whole outputs are kept.
    pub outputs: Arc<dyn OutputStore>,
    /// How commands are run.
    pub commands: Commands,
    /// The session's folder; commands get a folder each in it.
    pub session_dir: PathBuf,
    /// The bundle's folder: commands start in it, and relative programs are found in it.
    pub bundle: PathBuf,
    /// The environment of commands; see [`clean_environment`].
    pub environment: Vec<(String, String)>,
    /// The session's id, for the annotation on what is changed.
    pub sid: String,
    /// Where freezes are set; none: nowhere, as in a rehearsal.
    pub freezes: Option<Freezes>,
    /// Nothing is changed and nothing is sent: changes are shown to the server at most.
    pub dry_run: bool,
}

/// Keeps an output beside the journal.
pub trait OutputStore: Send + Sync {
    /// Copies the output file of an effect into the store, synced, and names it by its
    /// hash.
    ///
    /// # Errors
    /// When it cannot be read or kept.
    fn keep(&self, effect: u64, file: &Path) -> std::io::Result<OutputRef>;
}

/// How commands are run.
#[derive(Clone)]
pub enum Commands {
    /// Really, each below a supervisor.
    Supervised {
        /// This program, which has the hidden `supervise` command.
        program: PathBuf,
        /// Between SIGINT, SIGTERM and SIGKILL when a time limit is reached.
        grace: Duration,
    },
    /// Not at all: a scenario says what they answer.
    Scripted(Arc<dyn CommandScript>),
}

/// What commands answer in a rehearsal.
pub trait CommandScript: Send + Sync {
    /// The answer of one command.
    fn answer(&self, intent: &Intent, request: &RunRequest) -> ScriptedAnswer;

    /// The answer of one request of an `http` step; nothing where the simulated services
    /// answer themselves.
    fn response(&self, _intent: &Intent) -> Option<ScriptedResponse> {
        None
    }
}

/// The answer of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptedResponse {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
    /// How long it takes.
    pub takes: Duration,
}

/// One such answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptedAnswer {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code.
    pub exit: i32,
    /// How long it takes.
    pub takes: Duration,
}

/// How to stop a running effect. For anything but a command each of them means: wait no
/// longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT to the command's whole group.
    Interrupt,
    /// SIGTERM to the group.
    Terminate,
    /// SIGKILL to the group.
    Kill,
    /// For a command, the same as `Interrupt`.
    Cancel,
}

/// What effects have to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// An effect came to its end. Exactly one for each started or attached.
    Ended(Box<EffectReport>),
    /// Lines of a command's output: redacted, stripped of control sequences.
    Output {
        /// Which effect.
        effect: u64,
        /// The lines, oldest first.
        lines: Vec<OutputLine>,
    },
    /// How far an effect is.
    Progress {
        /// Which effect.
        effect: u64,
        /// For people, short: `3 of 6 updated, 2 available`.
        text: String,
    },
    /// The object of a change was read.
    Prepared {
        /// For which step.
        step: StepRef,
        /// The object, or why it cannot be read or the change would be refused.
        result: Result<Box<ObjectState>, String>,
    },
    /// A workload was found as it is.
    Pinned {
        /// Which.
        workload: Workload,
        /// What a rollback would go back to, or why it cannot be found.
        result: Result<Box<PinnedTarget>, String>,
    },
}

/// Starts, stops and finds effects again. Dropping it lets commands go on, and waits for
/// nothing else.
pub struct Effects {
    ports: Arc<EffectPorts>,
    answers: mpsc::Sender<Answer>,
    running: Arc<Mutex<HashMap<u64, mpsc::UnboundedSender<StopSignal>>>>,
    tasks: Mutex<JoinSet<()>>,
}

impl Effects {
    /// Effects that answer into `answers`. Must be used within a tokio runtime.
    pub fn new(ports: EffectPorts, answers: mpsc::Sender<Answer>) -> Self {
        Self { ports: Arc::new(ports), answers, running: Arc::default(), tasks: Mutex::default() }
    }

    /// Starts an effect. Returns at once; [`Answer::Ended`] follows.
    pub fn start(&self, intent: Durable<Intent>) {
        self.run(intent.into_inner());
    }

    /// Runs an interactive command with this program's terminal: to be called with the
    /// screen suspended. Ctrl-C and Ctrl-\ reach the command alone.
    pub async fn run_interactive(&self, intent: Durable<Intent>) -> EffectReport {
        self.hand_over(intent.into_inner()).await
    }

    async fn hand_over(&self, intent: Intent) -> EffectReport {
        let (_, stops) = mpsc::unbounded_channel();
        let mut context = Context::new(&self.ports, &self.answers, &intent, stops);
        let started = tokio::time::Instant::now();
        let report = if dry::holds_back(&intent, &context) {
            dry::run(&intent, &context).await
        } else {
            interactive::run(&intent, &mut context).await
        };
        context::timed(report, started)
    }

    /// After a resume: finds a command again that was running, or its end, by the files in
    /// its folder; [`Answer::Ended`] follows as for a start. Everything else that was under
    /// way has lost its answer: unknown if it could change something, else failed.
    pub fn attach(&self, intent: Intent) {
        self.spawn(intent, Mode::Attach);
    }

    /// Stops an effect. False: it does not run (any more).
    pub fn stop(&self, effect: u64, signal: StopSignal) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.get(&effect).is_some_and(|stops| stops.send(signal).is_ok())
    }

    /// Reads the object a change is about, and what the change would do to it;
    /// [`Answer::Prepared`] follows.
    pub fn prepare(&self, step: StepRef, request: KubernetesRequest) {
        let (ports, answers) = (self.ports.clone(), self.answers.clone());
        self.track(async move {
            let result = kubernetes::prepare(&ports, &request).await.map(Box::new);
            // Nobody listening any more is no error of ours.
            let _ = answers.send(Answer::Prepared { step, result }).await;
        });
    }

    /// Finds what a rollback of a workload would go back to; [`Answer::Pinned`] follows.
    pub fn pin(&self, workload: Workload) {
        let (ports, answers) = (self.ports.clone(), self.answers.clone());
        self.track(async move {
            let result = kubernetes::pin(&ports, &workload).await.map(Box::new);
            let _ = answers.send(Answer::Pinned { workload, result }).await;
        });
    }

    fn run(&self, intent: Intent) {
        self.spawn(intent, Mode::Start);
    }

    fn spawn(&self, intent: Intent, mode: Mode) {
        let (stop, stops) = mpsc::unbounded_channel();
        let effect = intent.effect;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(effect, stop);
        let (ports, answers, running) = (self.ports.clone(), self.answers.clone(), self.running.clone());
        self.track(async move {
            let mut context = Context::new(&ports, &answers, &intent, stops);
            let started = tokio::time::Instant::now();
            let work = std::panic::AssertUnwindSafe(drive(&intent, mode, &mut context)).catch_unwind();
            // A fault of our own must not leave the session waiting for ever.
            let report = work.await.unwrap_or_else(|_| context::fault(&intent));
            running.lock().unwrap_or_else(PoisonError::into_inner).remove(&effect);
            let _ = answers.send(Answer::Ended(Box::new(context::timed(report, started)))).await;
        });
    }

    fn track(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Start,
    Attach,
}

async fn drive(intent: &Intent, mode: Mode, context: &mut Context) -> EffectReport {
    if dry::holds_back(intent, context) {
        let stops = context.take_stops();
        return bounded(intent, context, stops, dry::run(intent, context)).await;
    }
    match &intent.what {
        What::Run(request) => command::drive(intent, request, mode == Mode::Attach, context).await,
        _ if mode == Mode::Attach => context::lost_while_away(intent),
        What::Http(request) => {
            let stops = context.take_stops();
            bounded(intent, context, stops, http::run(intent, request, context)).await
        }
        What::Notify(request) => {
            let stops = context.take_stops();
            bounded(intent, context, stops, notify::run(intent, request, context)).await
        }
        What::Freeze(request) => {
            let stops = context.take_stops();
            bounded(intent, context, stops, freeze::run(intent, request, context)).await
        }
        What::Kubernetes(request) => {
            let stops = context.take_stops();
            bounded(intent, context, stops, kubernetes::run(intent, request, context)).await
        }
    }
}

/// Runs what can simply be waited for no longer, at its time limit or when stopped. How
/// far it was by then says what is known about it.
async fn bounded(
    intent: &Intent,
    context: &Context,
    mut stops: mpsc::UnboundedReceiver<StopSignal>,
    work: impl Future<Output = EffectReport>,
) -> EffectReport {
    let limit = intent.timeout_ms.map_or(context::FALLBACK_LIMIT, Duration::from_millis);
    tokio::select! {
        report = work => report,
        () = tokio::time::sleep(limit) => context.given_up(intent, &format!("no end within {}", text::duration(limit))),
        () = context::stopped(&mut stops) => context.given_up(intent, "stopped by the operator"),
    }
}

#[cfg(test)]
mod tests;
