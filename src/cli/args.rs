//! The arguments of every command.
//!
//! Names, flags and exit codes are relied on by scripts and by other people's
//! documentation: they are part of the contract. Commands that this version does not
//! have yet are declared all the same, so that they answer clearly (see
//! `later.rs`) and are not mistaken for spelling errors.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use super::console::Colour;
use super::select::{ModeArg, OutcomeArg, Selection};
use crate::config::ThemeName;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "pacenote",
    version,
    about = "Walks you through a runbook, shows live what it does, and writes down every decision.",
    long_about = "Walks you through a YAML runbook step by step, shows live what each step does to the system, stops at \
                  every gate, and writes down every decision with the facts it was taken on.\n\nWithout a command it \
                  opens the launcher: unfinished sessions first, then the runbooks.",
    after_help = "Exit codes: 0 done, 1 ran and did not succeed, 2 usage, 3 cannot start, 4 stopped and can be resumed;\n\
                  `verify` also 5 (open, unsealed or torn) and 6 (signer not trusted).",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// The command; none opens the launcher.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Arguments of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Folder that holds sessions, locks and logs [default: PACENOTE_STATE_DIR, else the XDG state folder]
    #[arg(long, global = true, value_name = "FOLDER", value_hint = ValueHint::DirPath, help_heading = "Everywhere")]
    pub state_dir: Option<PathBuf>,
    /// Write a trace: a level (error, warn, info, debug, trace) into the state folder, or a file
    #[arg(long, global = true, value_name = "LEVEL|FILE", help_heading = "Everywhere")]
    pub log: Option<String>,
    /// Use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, help_heading = "Everywhere")]
    pub color: Colour,
    /// Colours of the screen [default: from config.yaml, else auto]
    #[arg(long, global = true, value_name = "NAME", value_enum, help_heading = "Everywhere")]
    pub theme: Option<ThemeName>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a runbook
    Run(RunArgs),
    /// Walk a runbook against the simulated world; nothing real is touched
    Rehearse(RehearseArgs),
    /// Go on with a session that was left
    Resume(ResumeArgs),
    /// Roll a finished session back
    Rollback(RollbackArgs),
    /// Find the mistakes of runbooks without running anything
    Check(CheckArgs),
    /// Say whether a runbook can be run from here, now
    Preflight(PreflightArgs),
    /// Run a runbook's scenarios headless, on virtual time, and compare
    Test(TestArgs),
    /// List sessions
    Sessions(SessionsArgs),
    /// Move old sessions to an archive; nothing is deleted
    Retention(RetentionArgs),
    /// Print one session as text
    Show(ShowArgs),
    /// Play a session on the screen again
    Replay(ReplayArgs),
    /// Check that journals are intact, and who sealed them
    Verify(VerifyArgs),
    /// Write a session as a report
    Export(ExportArgs),
    /// Figures over all sessions
    Stats(StatsArgs),
    /// Sign an approval with your own SSH key
    Approve(ApproveArgs),
    /// Sign a review of a session
    Review(ReviewArgs),
    /// Stop new sessions on an environment
    Freeze(FreezeArgs),
    /// Allow sessions on an environment again
    Unfreeze(UnfreezeArgs),
    /// Serve a simulated world for kubectl and others
    World(WorldArgs),
    /// Begin a runbook
    New(NewArgs),
    /// Turn a procedure in Markdown into a runbook
    Import(ImportArgs),
    /// Print the JSON schema of the runbook format
    Schema(SchemaArgs),
    /// Print a runbook as a page for people
    Docs(DocsArgs),
    /// Print the Kubernetes role a runbook needs
    Rbac(RbacArgs),
    /// Show the settings in force, and where each is from
    Config(ConfigArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Run a command in a session of its own; started by pacenote itself
    #[command(hide = true)]
    Supervise(SuperviseArgs),
}

/// How a session is walked, whether run, rehearsed or resumed.
#[derive(Debug, Clone, Default, Args)]
pub struct WalkArgs {
    /// No screen: the same session as lines of text, for pipes and screen readers
    #[arg(long)]
    pub plain: bool,
    /// Unattended: answer from a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub answers: Option<PathBuf>,
}

/// What a session is started with.
#[derive(Debug, Clone, Default, Args)]
pub struct StartArgs {
    /// The environment [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// An input; secrets are never given here
    #[arg(long = "input", short = 'i', value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub inputs: Vec<(String, String)>,
}

/// `run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// A runbook's file, or the id of one in the library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: String,
    /// What it is started with.
    #[command(flatten)]
    pub start: StartArgs,
    /// How it is walked.
    #[command(flatten)]
    pub walk: WalkArgs,
    /// Read for real and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Pass windows, freezes, requirements and approvals; recorded, and a review is owed
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub emergency: Option<String>,
    /// Take the lock over from a session that was left; recorded
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub take_over: Option<String>,
    /// Accept what the runbook would run, connect to and read without looking; recorded
    #[arg(long)]
    pub trust: bool,
}

/// `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct RehearseArgs {
    /// A runbook's file, or the id of one in the library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: String,
    /// The scenario [default: the first by name]
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// How many times faster than real time, from 0.1 to 10
    #[arg(long, value_name = "N", value_parser = speed)]
    pub speed: Option<f64>,
    /// What it is started with; else as the scenario says.
    #[command(flatten)]
    pub start: StartArgs,
    /// How it is walked.
    #[command(flatten)]
    pub walk: WalkArgs,
}

/// `resume`.
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// The session, or the beginning of its id [default: the only unfinished one]
    #[arg(value_name = "SESSION")]
    pub session: Option<String>,
    /// How it is walked.
    #[command(flatten)]
    pub walk: WalkArgs,
    /// Go on although records that were once there are missing; recorded
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub accept_loss: Option<String>,
    /// Pass windows, freezes, requirements and approvals; recorded, and a review is owed
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub emergency: Option<String>,
    /// Take the lock over from a session that was left; recorded
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub take_over: Option<String>,
}

/// `rollback`.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The session, or the beginning of its id
    #[arg(value_name = "SESSION")]
    pub session: String,
    /// How it is walked.
    #[command(flatten)]
    pub walk: WalkArgs,
    /// Take the lock over from a session that was left; recorded
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub take_over: Option<String>,
    /// Accept what the runbook would run, connect to and read without looking; recorded
    #[arg(long)]
    pub trust: bool,
}

/// Forms of `check`'s answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CheckFormat {
    /// For people: the place, the source line, a hint.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For code review tools.
    Sarif,
}

/// `check`.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Runbooks' files, or ids of the library
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<String>,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: CheckFormat,
    /// Also say what could be better: changes nobody looks at, gates that cannot pass, and the like
    #[arg(long)]
    pub advice: bool,
}

/// `preflight`.
#[derive(Debug, Clone, Args)]
pub struct PreflightArgs {
    /// A runbook's file, or the id of one in the library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: String,
    /// What it would be started with.
    #[command(flatten)]
    pub start: StartArgs,
    /// Accept the bundle as it is
    #[arg(long)]
    pub trust: bool,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// `test`.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Runbooks' files, or ids of the library
    #[arg(value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<String>,
    /// Only this scenario
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Also write the result as JUnit XML
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
    /// How many scenarios to walk at once (default: one for each processor)
    #[arg(long, value_name = "N")]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// Forms of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TextOrJson {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Forms of a list that goes on into other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ListFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For spreadsheets; formulas are made harmless.
    Csv,
}

/// What a list of sessions is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SortBy {
    /// Newest first.
    #[default]
    Opened,
    /// Longest first.
    Took,
    /// By service.
    Service,
    /// By environment.
    Env,
    /// By operator.
    Operator,
    /// By how they ended.
    Outcome,
}

/// `sessions`.
#[derive(Debug, Clone, Args)]
pub struct SessionsArgs {
    /// Only those that can be resumed
    #[arg(long)]
    pub unfinished: bool,
    /// Which ones.
    #[command(flatten)]
    pub which: Selection,
    /// Only those of this mode
    #[arg(long, value_name = "MODE", value_enum, help_heading = "Which")]
    pub mode: Option<ModeArg>,
    /// Only those that ended like this
    #[arg(long, value_name = "OUTCOME", value_enum, help_heading = "Which")]
    pub outcome: Option<OutcomeArg>,
    /// What to sort by
    #[arg(long, value_name = "KEY", value_enum, default_value_t)]
    pub sort: SortBy,
    /// The other way round
    #[arg(long)]
    pub reverse: bool,
    /// Verify each journal; exit 1 where one is broken
    #[arg(long)]
    pub verify: bool,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: ListFormat,
}

/// `retention`.
#[derive(Debug, Clone, Args)]
pub struct RetentionArgs {
    /// Closed sessions whose last record is older than that are moved: 400d, 56w
    #[arg(long, value_name = "TIME", value_parser = crate::runbook::duration::parse)]
    pub keep: std::time::Duration,
    /// Where to [default: `archive` in the state folder]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub archive: Option<PathBuf>,
    /// Say what would be moved, and move nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Forms of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ShowFormat {
    /// For people.
    #[default]
    Text,
    /// All records as one JSON list.
    Json,
    /// The journal's own lines.
    Jsonl,
}

/// `show`.
#[derive(Debug, Clone, Args)]
pub struct ShowArgs {
    /// The session, or the beginning of its id, or a journal's file or folder
    #[arg(value_name = "SESSION")]
    pub session: String,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// `replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// The session, or the beginning of its id
    #[arg(value_name = "SESSION")]
    pub session: String,
    /// How many times faster than it happened, from 0.25 to 64
    #[arg(long, value_name = "N", value_parser = replay_speed, default_value = "1")]
    pub speed: f64,
    /// Skip what is left of a stretch in which nothing happens but readings, after so long
    #[arg(long, value_name = "DURATION", value_parser = crate::runbook::duration::parse)]
    pub idle: Option<std::time::Duration>,
    /// Begin there: 14:32 (UTC), 2026-11-21 14:32, +5m or #214
    #[arg(long, value_name = "PLACE")]
    pub at: Option<String>,
    /// Print the timeline as lines of text
    #[arg(long)]
    pub plain: bool,
}

/// What `verify --require` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Required {
    /// Everyone who had the session in hand sealed it with a trusted key
    Operator,
    /// Every approval carries a good signature
    Approvals,
    /// Something outside the journal knows its head: the ledger, or a file among `anchors`
    Anchor,
}

/// By what seals are judged.
#[derive(Debug, Clone, Default, Args)]
pub struct TrustArgs {
    /// What must be there besides a trusted closing seal
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub require: Vec<Required>,
    /// Whose seals are trusted, instead of the list of the settings
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub signers: Option<PathBuf>,
}

/// `verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Sessions, journals, packs or folders of journals
    #[arg(value_name = "SESSION|PATH", required_unless_present = "print_script")]
    pub targets: Vec<String>,
    /// By what seals are judged.
    #[command(flatten)]
    pub trust: TrustArgs,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: TextOrJson,
    /// Print a shell script that checks the same with coreutils, jq and ssh-keygen
    #[arg(long, conflicts_with_all = ["targets", "require", "signers"])]
    pub print_script: bool,
}

/// `export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The session, or the beginning of its id
    #[arg(value_name = "SESSION")]
    pub session: String,
    /// Form of the report
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: ExportFormat,
    /// Where to [default: standard output]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// By what seals are judged.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ExportFormat {
    /// One page with charts, that checks the journal by itself, without network
    #[default]
    Html,
    /// Text for a ticket or a wiki
    Markdown,
    /// One document for programs
    Json,
    /// A line a record, for spreadsheets; formulas are made harmless
    Csv,
    /// A recording of the session's text (asciicast v3)
    Cast,
    /// A tar of the journal and all that is needed to check it
    Pack,
}

/// `stats`.
#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    /// Only sessions of these runbooks, by their ids
    #[arg(value_name = "RUNBOOK")]
    pub runbooks: Vec<String>,
    /// Which sessions.
    #[command(flatten)]
    pub which: Selection,
    /// Also one by one
    #[arg(long, value_name = "WHAT", value_enum)]
    pub by: Option<ByArg>,
    /// A review in Markdown of the last week, or of --since, beside the time before
    #[arg(long, conflicts_with_all = ["by", "format"])]
    pub review: bool,
    /// Rehearsals instead: how long it took to notice, decide and recover, and scores
    #[arg(long, conflicts_with_all = ["by", "review", "output"])]
    pub rehearsals: bool,
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: StatsFormat,
    /// Where to [default: standard output]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// What figures are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    /// The service of the change
    Service,
    /// The week of the close
    Week,
    /// The month of the close
    Month,
}

/// Forms of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum StatsFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// One page with plots
    Html,
}

/// `approve`.
#[derive(Debug, Clone, Args)]
pub struct ApproveArgs {
    /// The request: its file
    #[arg(value_name = "REQUEST", value_hint = ValueHint::FilePath)]
    pub request: PathBuf,
    /// One's own copy of the runbook, or its id in the library [default: its id]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub runbook: Option<String>,
    /// Where to write the answer [default: standard output]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

/// `review`.
#[derive(Debug, Clone, Args)]
pub struct ReviewArgs {
    /// The session, the beginning of its id, or its journal [default: lists the reviews that are owed]
    #[arg(value_name = "SESSION|PATH")]
    pub session: Option<String>,
    /// Write the review to a file, for where the journal is
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "add", requires = "session")]
    pub out: Option<PathBuf>,
    /// Add a review that was made elsewhere
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "session")]
    pub add: Option<PathBuf>,
}

/// `freeze`.
#[derive(Debug, Clone, Args)]
pub struct FreezeArgs {
    /// The environment
    #[arg(value_name = "ENVIRONMENT")]
    pub environment: String,
    /// Why
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub reason: String,
    /// A runbook that has the environment: its cluster is told too, so that others see it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub runbook: Option<String>,
    /// Accept that runbook without looking at it, where it was not accepted before
    #[arg(long, requires = "runbook")]
    pub trust: bool,
}

/// `unfreeze`.
#[derive(Debug, Clone, Args)]
pub struct UnfreezeArgs {
    /// The environment
    #[arg(value_name = "ENVIRONMENT")]
    pub environment: String,
    /// A runbook that has the environment: its cluster is told too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub runbook: Option<String>,
    /// Accept that runbook without looking at it, where it was not accepted before
    #[arg(long, requires = "runbook")]
    pub trust: bool,
}

/// `world`.
#[derive(Debug, Clone, Args)]
pub struct WorldArgs {
    /// The scenario's file, or the id of one of the shipped library
    #[arg(value_name = "SCENARIO", value_hint = ValueHint::FilePath)]
    pub scenario: String,
    /// Where to write a kubeconfig that leads to it; it is removed at the end
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub kubeconfig_out: Option<PathBuf>,
    /// Where to listen: an address of this machine alone, with a port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: std::net::SocketAddr,
    /// How many times faster than real time, from 0.1 to 10
    #[arg(long, value_name = "N", value_parser = speed)]
    pub speed: Option<f64>,
}

/// Kinds of runbook that `new` begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NewKind {
    /// A new version of a service
    Deploy,
    /// A change of a database
    Migration,
    /// Something is broken
    Incident,
    /// Planned work on a service
    Maintenance,
}

/// What a new runbook watches besides pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NewCheck {
    /// The health endpoint
    Health,
    /// The share of requests that fail
    Errors,
    /// The 95th percentile of latency
    Latency,
    /// The pods alone
    None,
}

/// `new`.
#[derive(Debug, Clone, Args)]
pub struct NewArgs {
    /// Its id; it is written to NAME.yaml, its scenarios to scenarios/NAME-*.yaml [default: asked]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// What it is for [default: asked]
    #[arg(long, value_name = "KIND", value_enum)]
    pub kind: Option<NewKind>,
    /// The service [default: asked]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Its environments, the real one last [default: asked]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub environments: Vec<String>,
    /// What is watched [default: asked]
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub checks: Option<Vec<NewCheck>>,
    /// Where to [default: here]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub folder: Option<PathBuf>,
    /// Write no schemas beside it, and do not name them in the files
    #[arg(long)]
    pub no_schema: bool,
}

/// `import`.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// What to read: a procedure in Markdown
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Where to [default: standard output]; a file that is there is never overwritten
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// Formats that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// Runbooks.
    #[default]
    Runbook,
    /// Scenarios of rehearsals and tests.
    Scenario,
}

/// `schema`.
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// Of which files
    #[arg(value_name = "FORMAT", value_enum, default_value_t)]
    pub of: SchemaOf,
}

/// `docs`.
#[derive(Debug, Clone, Args)]
pub struct DocsArgs {
    /// A runbook's file, or the id of one in the library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: String,
    /// Where to [default: standard output]; only an older page is replaced
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `rbac`.
#[derive(Debug, Clone, Args)]
pub struct RbacArgs {
    /// A runbook's file, or the id of one in the library
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: String,
    /// The environment it is for
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

/// `config`.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// How to answer
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    pub format: TextOrJson,
}

/// `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `supervise`.
#[derive(Debug, Clone, Args)]
pub struct SuperviseArgs {
    /// Passed on as they stand
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<std::ffi::OsString>,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// A reason is read at 03:00, and on paper later: what is longer is a mistake of pasting.
const LONGEST_REASON: usize = 2000;

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("say why".to_owned()),
        n if n > LONGEST_REASON => {
            Err(format!("it has {n} characters, {LONGEST_REASON} at most: put the long story into the ticket and name that"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn replay_speed(text: &str) -> Result<f64, String> {
    let range = crate::replay::SLOWEST..=crate::replay::FASTEST;
    let speed = text.trim_end_matches('x').parse::<f64>().ok().filter(|n| range.contains(n));
    speed.ok_or_else(|| format!("a number from {} to {}", crate::replay::SLOWEST, crate::replay::FASTEST))
}

fn speed(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('x').parse::<f64>() {
        // Beyond this, watches over loopback cannot keep readings fresh.
        Ok(n) if n.is_finite() && (0.1..=10.0).contains(&n) => Ok(n),
        _ => Err("a number from 0.1 to 10".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declarations_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_of_the_contract_is_there() {
        let command = Cli::command();
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let contract = "run rehearse resume rollback check preflight test sessions retention show replay verify export stats approve \
                        review freeze unfreeze world new import schema docs rbac config completions supervise";
        assert_eq!(names, contract.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn arguments_that_cannot_be_right_are_refused() {
        for wrong in [
            "run f --input version",
            "run f --input =x",
            "run f --emergency  ",
            "rehearse f --speed 0",
            "rehearse f --speed NaN",
            "check",
            "verify",
            "nonsense",
            "--color sometimes sessions",
        ] {
            let words = std::iter::once("pacenote").chain(wrong.split(' '));
            let error = Cli::try_parse_from(words).expect_err(wrong);
            assert_eq!(error.exit_code(), 2, "{wrong}");
        }
        let long = ["pacenote", "run", "f", "--emergency", &"x".repeat(LONGEST_REASON + 1)];
        assert!(Cli::try_parse_from(long).expect_err("too long").to_string().contains("2000 at most"));
    }

    #[test]
    fn inputs_keep_what_follows_the_first_equals_sign() {
        let cli = Cli::try_parse_from(["pacenote", "run", "f", "--input", "query=a=b", "-i", "empty="]).unwrap();
        let Some(Command::Run(run)) = cli.command else { panic!("not run") };
        assert_eq!(run.start.inputs, [("query".into(), "a=b".into()), ("empty".into(), String::new())]);
    }
}
