//! The commands, one file each, and what stands around them.
//!
//! [`run`] takes the arguments and gives the exit code; on its way it reads the settings
//! and the policy, begins the trace where one is asked for, and prints what went wrong,
//! once, at the edge. Nothing is read, started or connected before the command needs
//! it: `--version` and `completions` touch no file. A command writes through
//! [`Console`] only.

pub mod acceptance;
pub mod answers;
mod approve;
pub mod args;
pub mod check;
pub mod console;
mod debrief;
mod demands;
mod docs;
mod export;
pub mod facts;
mod foreign;
mod freeze;
mod import;
mod launcher;
mod modal;
mod new;
mod preflight;
mod rbac;
mod replay;
mod retention;
mod review;
mod rollback;
mod scenarios;
pub mod select;
pub mod sessions;
mod settings;
pub mod show;
mod signing;
mod stats;
pub mod trace;
pub mod verify;
mod walk;
mod world;

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

use args::{Cli, Command, Global, SchemaOf};
use console::Console;

use crate::config::policy::Policy;
use crate::config::{Config, ConfigError, Surroundings};
use crate::error::{Exit, Problem};
use crate::state::{StateDir, StateError};

/// Parses the arguments, does what they say, prints what went wrong.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version are answers too. A reader that has gone missed them.
            let _ = answer.print();
            return if answer.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let mut console = Console::new(cli.global.color);
    let result = dispatch(cli, &mut console).and_then(|exit| console.finish().map(|()| exit));
    result.unwrap_or_else(|problem| {
        console.note(&problem);
        problem.exit()
    })
}

/// What a command starts from: the settings and the policy in force.
pub struct Basis {
    /// One's own settings.
    pub config: Config,
    /// What the machine demands of everyone.
    pub policy: Policy,
}

impl Basis {
    /// Reads the settings and the policy, and begins the trace.
    ///
    /// # Errors
    /// A [`Problem`] that names the file and the place.
    pub fn load(global: &Global) -> Result<Self, Problem> {
        let config = Config::load(&Surroundings::here(), global.state_dir.as_deref(), global.theme).map_err(explain)?;
        if let Some(argument) = &global.log {
            trace::begin(argument, &config.state_dir.value)?;
        }
        let policy = Policy::load().map_err(explain)?;
        Ok(Self { config, policy })
    }

    /// The list of allowed signers in force: the policy's, else one's own.
    pub fn signers_file(&self) -> &std::path::Path {
        self.policy.rules.signers.as_deref().unwrap_or(&self.config.allowed_signers.value)
    }

    /// Everyone who is told the head of each seal: the policy's anchors, then one's own.
    pub fn anchors(&self) -> Vec<String> {
        let mut all = self.policy.rules.anchors.clone();
        all.extend(self.config.anchors.value.iter().filter(|own| !self.policy.rules.anchors.contains(own)).cloned());
        all
    }

    /// Opens the state folder, making it where it is missing.
    ///
    /// # Errors
    /// When it cannot be made or must not be used.
    pub fn state(&self) -> Result<StateDir, Problem> {
        let place = &self.config.state_dir;
        StateDir::open(&place.value)
            .map_err(|e| explain_state(&e).hint(format_args!("the folder was named by: {}", place.source)))
    }
}

/// The folder of a session that is only read, wherever it is: here, or in an archive.
fn session_or_archived(state: &StateDir, given: &str) -> Result<crate::journal::SessionDir, Problem> {
    state.session(given).or_else(|error| match (&error, crate::state::population::archived(state, given)) {
        (StateError::NoSession(_), Some(dir)) => Ok(dir),
        _ => Err(explain_state(&error)),
    })
}

/// The state folder, or something in it, cannot be used; for people.
pub fn explain_state(error: &StateError) -> Problem {
    let problem = Problem::cannot_start(error);
    match error {
        StateError::NoSession(_) | StateError::Ambiguous { .. } => problem,
        StateError::NoneUnfinished | StateError::SeveralUnfinished(_) => {
            problem.hint("`pacenote sessions --unfinished` lists those that can be resumed")
        }
        StateError::NoPlace
        | StateError::Link(_)
        | StateError::NotAFolder(_)
        | StateError::NotOurs { .. }
        | StateError::Open { .. }
        | StateError::Disk { .. } => problem.hint("name another folder with --state-dir or PACENOTE_STATE_DIR"),
    }
}

/// A settings file that cannot be used, for people.
fn explain(error: ConfigError) -> Problem {
    match &error {
        ConfigError::Unreadable { path, source } => Problem::cannot_start(format!("the settings cannot be read: {source}"))
            .at(path.display())
            .hint("make the file readable, or move it away"),
        ConfigError::Wrong { path, place, message } => {
            let place =
                place.map_or_else(|| path.display().to_string(), |(line, column)| format!("{}:{line}:{column}", path.display()));
            Problem::cannot_start(format!("the settings are wrong: {message}"))
                .at(place)
                .hint("correct the file; `pacenote config` then shows what is in force")
        }
        ConfigError::NotOwned { path, why } => Problem::cannot_start(format!("the policy is not to be trusted: it {why}"))
            .at(path.display())
            .hint("the file and its folder must belong to root and be writable by root alone; ask who looks after this machine"),
        ConfigError::NoHome => Problem::cannot_start(&error).hint("set HOME, or XDG_CONFIG_HOME and PACENOTE_STATE_DIR"),
    }
}

fn dispatch(cli: Cli, console: &mut Console) -> Result<Exit, Problem> {
    let global = cli.global;
    let Some(command) = cli.command else {
        let basis = Basis::load(&global)?;
        return launcher::run(console, &basis, &global);
    };
    match command {
        Command::Completions(arguments) => completions(console, arguments.shell),
        Command::Config(arguments) => {
            let basis = Basis::load(&global)?;
            settings::print(console, &basis.config, &basis.policy, arguments.format)
        }
        Command::Preflight(arguments) => preflight::run(console, &Basis::load(&global)?, &arguments),
        Command::Replay(arguments) => replay::run(console, &Basis::load(&global)?, &arguments),
        Command::Approve(arguments) => approve::run(console, &Basis::load(&global)?, &arguments),
        Command::Review(arguments) => review::run(console, &Basis::load(&global)?, &arguments),
        Command::New(arguments) => new::run(console, &arguments),
        Command::Import(arguments) => import::run(console, &arguments),
        Command::Docs(arguments) => docs::run(console, &arguments),
        Command::Rbac(arguments) => rbac::run(console, &arguments),
        Command::Freeze(arguments) => freeze::freeze(console, &Basis::load(&global)?, &arguments),
        Command::Unfreeze(arguments) => freeze::unfreeze(console, &Basis::load(&global)?, &arguments),
        Command::Run(arguments) => walk::run(&Basis::load(&global)?, &arguments),
        Command::Rehearse(arguments) => walk::rehearse(&Basis::load(&global)?, &arguments),
        Command::Resume(arguments) => walk::resume(&Basis::load(&global)?, &arguments),
        Command::Rollback(arguments) => rollback::run(&Basis::load(&global)?, &arguments),
        Command::Test(arguments) => scenarios::test(console, &arguments),
        Command::World(arguments) => world::run(console, &arguments),
        // With a folder it does not get this far; see `main`.
        Command::Supervise(_) => {
            Err(Problem::usage("`supervise` wants the folder of a command").hint("it is started by pacenote itself"))
        }
        Command::Sessions(arguments) => sessions::run(console, &Basis::load(&global)?, &arguments),
        Command::Retention(arguments) => retention::run(console, &Basis::load(&global)?, &arguments),
        Command::Export(arguments) => export::run(console, &Basis::load(&global)?, &arguments),
        Command::Stats(arguments) => stats::run(console, &Basis::load(&global)?, &arguments),
        Command::Show(arguments) => show::run(console, &Basis::load(&global)?, &arguments),
        Command::Verify(arguments) => verify::run(console, &Basis::load(&global)?, &arguments),
        Command::Check(arguments) => check::run(console, &arguments),
        Command::Schema(arguments) => schema(console, arguments.of),
    }
}

/// Prints the JSON schema of a format, for editors.
fn schema(console: &mut Console, of: SchemaOf) -> Result<Exit, Problem> {
    console.json(&match of {
        SchemaOf::Runbook => crate::runbook::schema::schema(),
        SchemaOf::Scenario => crate::world::scenario::schema(),
    })?;
    Ok(Exit::Done)
}

/// Prints the completion script of a shell.
fn completions(console: &mut Console, shell: clap_complete::Shell) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "pacenote", &mut script);
    console.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
