//! The runbook as it was written, after lowering: plain data, no behaviour.
//!
//! One type for each mapping of the format. Names, ids and expressions keep the
//! [`Span`] they came from, so that `check` can point at them. The order of the
//! file is kept wherever a reader of the file would expect it (inputs, signals,
//! guards, procedures). This module never reads a file and never judges: what is
//! wrong with a runbook is found by `lower` and `check`.

use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::expression::{Expr, Template};
use super::span::{Span, Spanned};
use super::value::Value;

/// A whole runbook file.
#[derive(Debug, Clone, PartialEq)]
pub struct Runbook {
    /// The id (`runbook:`), unique within a team's library.
    pub id: Spanned<String>,
    /// One line for people.
    pub title: String,
    /// A paragraph for people, Markdown.
    pub description: Option<String>,
    /// Who answers for the runbook.
    pub owner: Option<String>,
    /// How dangerous a walk is.
    pub risk: Option<Risk>,
    /// How long a walk takes, a rollback included.
    pub estimate: Option<Duration>,
    /// Whom to reach, in order of escalation.
    pub contacts: Vec<Contact>,
    /// Named links, in file order.
    pub links: Vec<(String, Template)>,
    /// What is asked before the session opens, in file order.
    pub inputs: Vec<Input>,
    /// What the session changes, for the record.
    pub change: Option<Change>,
    /// Where it can run. Empty: it runs where it is started.
    pub environments: Vec<Environment>,
    /// The name of the lock that keeps two sessions apart.
    pub lock: Option<Template>,
    /// What is watched, in file order.
    pub signals: Vec<Signal>,
    /// Conditions judged in the background.
    pub guards: Vec<Guard>,
    /// The main list of steps.
    pub steps: Vec<Step>,
    /// Steps that run at every end.
    pub finally: Vec<Step>,
    /// What is owed after the end.
    pub followups: Vec<Followup>,
    /// Named lists of steps.
    pub procedures: Vec<Procedure>,
    /// Where notifications go, by name.
    pub notify: Vec<NotifyTarget>,
    /// Clocks shown in the header and kept in the record.
    pub clocks: Vec<Clock>,
    /// Progress messages that repeat.
    pub updates: Option<Updates>,
}

/// How dangerous a runbook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Harm is unlikely and small.
    Low,
    /// Harm is possible and can be undone.
    Medium,
    /// Harm can be large.
    High,
}

/// Someone to reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// What they are to this runbook.
    pub role: String,
    /// How to reach them.
    pub reach: String,
    /// After how long to involve them; at once where absent.
    pub after: Option<Duration>,
}

/// What the session is, in change-management terms.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The kind decides whether windows and requirements refuse or warn.
    pub kind: ChangeKind,
    /// The service that changes.
    pub service: Option<Template>,
    /// The version it changes to.
    pub version: Option<Template>,
    /// The ticket it is filed under.
    pub ticket: Option<Template>,
    /// Why it is done.
    pub reason: Option<Template>,
    /// Who asked for it.
    pub requester: Option<Template>,
    /// When the change was committed, RFC 3339; the lead time is counted from then.
    pub committed: Option<Template>,
}

/// Kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A planned deploy.
    Deploy,
    /// A data or schema migration.
    Migration,
    /// Planned maintenance.
    Maintenance,
    /// Going back to an earlier version.
    Rollback,
    /// An urgent fix.
    Hotfix,
    /// Work on an incident.
    Incident,
}

/// One environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Its name, `--env NAME`.
    pub name: Spanned<String>,
    /// The cluster, where there is one.
    pub kubernetes: Option<KubernetesTarget>,
    /// The Prometheus server, where there is one.
    pub prometheus: Option<PrometheusTarget>,
    /// Free values, `env.vars.<name>`.
    pub vars: Vec<(String, Value)>,
    /// Red, and `danger` steps want the service's name typed.
    pub protected: bool,
    /// What must be true to start.
    pub require: Option<Require>,
    /// When it may start.
    pub window: Option<Window>,
}

/// A cluster as a kubeconfig names it.
#[derive(Debug, Clone, PartialEq)]
pub struct KubernetesTarget {
    /// The kubeconfig context. Absent: the current one, named on screen.
    pub context: Option<String>,
    /// The namespace all steps and signals work in. Absent: the context's.
    pub namespace: Option<String>,
}

/// A Prometheus server.
#[derive(Debug, Clone, PartialEq)]
pub struct PrometheusTarget {
    /// Base address, without `/api/v1`.
    pub url: Template,
    /// Headers sent with every query; secrets only here.
    pub headers: Vec<(String, TextOrSecret)>,
}

/// Conditions to start a session on an environment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Require {
    /// The same runbook and version completed in this environment.
    pub passed_in: Option<Spanned<String>>,
    /// A rehearsal at most this long ago.
    pub rehearsed_within: Option<Duration>,
    /// An announcement at least this long before the start.
    pub notified: Option<Duration>,
    /// Where journals of other machines are found (paths or addresses).
    pub evidence: Vec<String>,
}

/// When a session may start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Window {
    /// Times of the week when starting is allowed; empty: always.
    pub allow: Vec<AllowedTime>,
    /// Periods when it is not.
    pub freeze: Vec<FreezePeriod>,
}

/// A weekly slot.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowedTime {
    /// Days of the week, Monday first.
    pub days: Vec<chrono::Weekday>,
    /// Start of the slot, inclusive.
    pub from: NaiveTime,
    /// End of the slot, exclusive.
    pub to: NaiveTime,
    /// Zone of the times.
    pub zone: Tz,
}

/// A period without changes, both days included (UTC unless `zone`).
#[derive(Debug, Clone, PartialEq)]
pub struct FreezePeriod {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Why, for people.
    pub reason: String,
    /// Zone of the days.
    pub zone: Tz,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file, its whole content without the last newline.
    File(String),
    /// What a command prints, without the last newline.
    Command(Vec<String>),
    /// A key of a Kubernetes Secret.
    Kubernetes {
        /// Name of the Secret.
        name: String,
        /// Key within it.
        key: String,
    },
}

/// Text, or a secret taken from somewhere when it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum TextOrSecret {
    /// Text; may name a secret input where the format allows it.
    Text(Template),
    /// A secret.
    Secret(SecretSource),
}

/// One question to the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Name, `inputs.<name>` or `steps.<id>.<name>`.
    pub name: Spanned<String>,
    /// What kind of answer it takes.
    pub kind: InputKind,
    /// The question.
    pub prompt: Option<String>,
    /// More about it.
    pub help: Option<String>,
    /// An example of a good answer.
    pub example: Option<String>,
    /// The answer where none is given.
    pub default: Option<Value>,
    /// Whether an answer is needed (default yes).
    pub required: bool,
    /// Anchored regular expression for strings; `\d` is ASCII.
    pub pattern: Option<Spanned<String>>,
    /// Least number, for integer and number.
    pub min: Option<f64>,
    /// Greatest number, for integer and number.
    pub max: Option<f64>,
}

/// Types of input.
#[derive(Debug, Clone, PartialEq)]
pub enum InputKind {
    /// One line of text.
    String,
    /// Several lines.
    Text,
    /// A whole number.
    Integer,
    /// Any finite number.
    Number,
    /// Yes or no.
    Boolean,
    /// One of a list.
    Choice(Choices),
    /// A duration such as `1h30m`.
    Duration,
    /// A point in time, RFC 3339.
    Time,
    /// A secret: from a source, or asked where `None`.
    Secret(Option<SecretSource>),
}

/// Where the choices of a choice input come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Choices {
    /// Written in the file.
    List(Vec<String>),
    /// One a line of a command's output.
    Command {
        /// The command and its arguments.
        command: Vec<Template>,
        /// At most this many lines.
        lines: Option<u32>,
    },
}

/// Something watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Name, `signals.<name>`.
    pub name: Spanned<String>,
    /// What is watched and how.
    pub source: SignalSource,
    /// Time between readings. Default 10s for http and command, 15s for
    /// prometheus and resources; watches report when something changes.
    pub every: Option<Duration>,
    /// How long one reading may take. Default 5s.
    pub timeout: Option<Duration>,
    /// How much history the panel shows. Default 30m.
    pub window: Option<Duration>,
    /// Unit of the value, for people.
    pub unit: Option<Unit>,
    /// From here on the value is worth a look.
    pub warn: Option<f64>,
    /// From here on the value is bad.
    pub critical: Option<f64>,
    /// The mean before the first change.
    pub baseline: Option<Baseline>,
    /// Value of an empty result. Absent: no data.
    pub empty: Option<f64>,
    /// Heading of the panel.
    pub title: Option<String>,
}

/// Units a graph can be labelled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Percent, 0 to 100.
    Percent,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// Events a second.
    PerSecond,
    /// A plain count.
    Count,
    /// Anything else, shown as written.
    Other(String),
}

/// What a signal watches.
#[derive(Debug, Clone, PartialEq)]
pub enum SignalSource {
    /// Pods of a label selector.
    Pods {
        /// Kubernetes label selector.
        selector: Template,
    },
    /// The rollout of a Deployment, StatefulSet or DaemonSet.
    Rollout {
        /// Which one.
        workload: WorkloadRef,
    },
    /// CPU and memory of a selector, percent of limits.
    Resources {
        /// Kubernetes label selector.
        selector: Template,
    },
    /// Events of the namespace.
    Events {
        /// Only of objects with this selector's names; all where absent.
        selector: Option<Template>,
    },
    /// Logs of the pods of a selector.
    Logs {
        /// Kubernetes label selector.
        selector: Template,
        /// One container; all where absent.
        container: Option<String>,
    },
    /// An HTTP endpoint.
    Http(HttpCheck),
    /// A PromQL query that gives one series.
    Prometheus {
        /// The query.
        query: Template,
    },
    /// A command that only reads and prints a number, or `capture`s one.
    Command {
        /// The command and its arguments.
        command: Vec<Template>,
        /// How the value is taken from the output; the whole output where absent.
        value: Option<Capture>,
    },
}

/// An HTTP health check.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCheck {
    /// Address.
    pub url: Template,
    /// GET (default) or HEAD.
    pub method: Option<String>,
    /// Headers.
    pub headers: Vec<(String, TextOrSecret)>,
    /// What a good answer is.
    pub expect: HttpExpect,
}

/// What an HTTP answer must be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpExpect {
    /// Status codes that are good; any 2xx where empty.
    pub status: Vec<u16>,
    /// Members the JSON answer must have, by equality, deep.
    pub json: Option<Value>,
    /// The mean time of `times` requests must stay under this.
    pub mean: Option<Duration>,
    /// No request may take longer.
    pub max: Option<Duration>,
}

/// Mean before the first change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline {
    /// Over how long.
    pub window: Duration,
    /// How much further back.
    pub offset: Duration,
}

/// A condition judged in the background.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// Its id.
    pub id: Spanned<String>,
    /// One line for people.
    pub title: Option<String>,
    /// Trips when true.
    pub when: Expr,
    /// What follows.
    pub then: GuardAction,
    /// Must hold this long.
    pub hold_for: Option<Duration>,
    /// From when on it is judged.
    pub arm: Arm,
    /// How long the operator has.
    pub decide_within: Option<Duration>,
    /// What happens when they do not answer (default hold).
    pub expired: GuardExpiry,
    /// Acts without asking.
    pub automatic: bool,
}

/// What a tripped guard asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum GuardAction {
    /// Roll back.
    Rollback,
    /// Start nothing new until answered.
    Hold,
    /// Run a procedure.
    Procedure(Spanned<String>),
}

/// What follows when nobody answers a guard in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardExpiry {
    /// Keep holding.
    Hold,
    /// Roll back.
    Rollback,
}

/// When a guard begins to be judged.
#[derive(Debug, Clone, PartialEq)]
pub enum Arm {
    /// With the first change (default).
    FirstChange,
    /// With the session.
    Start,
    /// When this step is entered.
    Step(Spanned<String>),
}

/// Something owed after the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Followup {
    /// What.
    pub text: Template,
    /// By when, from the end.
    pub within: Option<Duration>,
}

/// A named list of steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Procedure {
    /// Its id; `rollback` is special.
    pub id: Spanned<String>,
    /// One line for people.
    pub title: Option<String>,
    /// What a caller passes.
    pub params: Vec<Input>,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A place notifications go to.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifyTarget {
    /// Its name, `notify: {to: NAME}`.
    pub name: Spanned<String>,
    /// Address; often itself a secret.
    pub url: TextOrSecret,
    /// How the message is packed.
    pub format: WebhookFormat,
    /// Headers.
    pub headers: Vec<(String, TextOrSecret)>,
}

/// Webhook bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookFormat {
    /// `{"text": ...}` as Slack and its compatibles take it.
    Slack,
    /// A JSON object with the facts in fields of their own.
    Json,
}

/// A clock in the header.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    /// Its name, `rto`.
    pub name: Spanned<String>,
    /// When it began: an expression that gives a time, or the session's start.
    pub from: Option<Expr>,
    /// When it has run out.
    pub limit: Duration,
    /// When it is worth a look.
    pub warn: Option<Duration>,
}

/// A progress message that repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct Updates {
    /// A name under `notify`.
    pub to: Spanned<String>,
    /// How often.
    pub every: Duration,
    /// What it says; the ordinary progress text where absent.
    pub text: Option<Template>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its id, unique in its list.
    pub id: Spanned<String>,
    /// One line for people.
    pub title: Template,
    /// More, Markdown.
    pub text: Option<Template>,
    /// Heading it stands under.
    pub phase: Option<String>,
    /// Whether it applies.
    pub when: Option<Expr>,
    /// How long it takes.
    pub estimate: Option<Duration>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Tries after a failure.
    pub retry: Option<Retry>,
    /// What follows a failure (default ask).
    pub on_failure: OnFailure,
    /// Needs the service's name typed on a protected environment.
    pub danger: bool,
    /// What a rollback does to it while it runs (default ask).
    pub interrupt: Interrupt,
    /// How it is undone; absent: nothing is known about undoing it.
    pub undo: Option<Undo>,
    /// How its outcome is found out when it is unknown.
    pub look: Option<Look>,
    /// From here on going back loses something.
    pub point_of_no_return: bool,
    /// Runs once for each value of a list.
    pub for_each: Option<ForEach>,
    /// Runs until a condition holds.
    pub repeat: Option<Repeat>,
    /// What it does.
    pub action: Action,
    /// Where the step begins.
    pub span: Span,
}

/// Tries after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many visits in all, the first included.
    pub attempts: u32,
    /// Time between them.
    pub delay: Duration,
}

/// What follows a failed step.
#[derive(Debug, Clone, PartialEq)]
pub enum OnFailure {
    /// Ask the operator.
    Ask,
    /// Run it again.
    Retry,
    /// Go on with the next step.
    Continue,
    /// End the session.
    Abort,
    /// Run a procedure (`rollback` is final), then do this.
    Call {
        /// The procedure.
        procedure: Spanned<String>,
        /// What then; for a bare procedure name: ask.
        then: AfterCall,
    },
}

/// What follows a procedure called on failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCall {
    /// Ask the operator.
    Ask,
    /// Run the step again.
    Retry,
    /// Go on with the next step.
    Continue,
    /// End the session.
    Abort,
}

/// What a rollback does to a running step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Lets it end.
    Wait,
    /// Asks.
    Ask,
    /// Stops it.
    Kill,
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq)]
pub enum Undo {
    /// By an action.
    Action(Box<Action>),
    /// By putting back the fields read just before.
    Restore,
    /// Not at all, and why that is right.
    None(String),
}

/// How an unknown outcome is found out.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// What is read: `run`, `http` or `kubernetes` that changes nothing.
    pub action: Box<Action>,
    /// True when the step had its effect; sees `result`.
    pub done: Expr,
}

/// A step run for each value.
#[derive(Debug, Clone, PartialEq)]
pub enum ForEach {
    /// Values in the file; scalars may be templates.
    List(Vec<TemplateValue>),
    /// An expression that gives a list.
    Expr(Expr),
}

/// A step run until a condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// True: done.
    pub until: Expr,
    /// At most so many visits; then it failed.
    pub max: u32,
    /// Time between visits.
    pub delay: Duration,
}

/// What a step does: exactly one.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A yes-or-no question.
    Confirm(Confirm),
    /// Items to tick.
    Checklist(Vec<ChecklistItem>),
    /// A form.
    Input(Vec<Input>),
    /// A choice.
    Decide(Decide),
    /// Four eyes.
    Approve(Approve),
    /// A command or script.
    Run(Run),
    /// A change to, or a look at, a cluster.
    Kubernetes(Kubernetes),
    /// An HTTP request.
    Http(HttpRequest),
    /// A judgement of signals.
    Gate(Gate),
    /// Waiting.
    Wait(Wait),
    /// A message.
    Notify(Notify),
    /// Another list of steps.
    Call(Call),
    /// Steps side by side, which only read and ask nothing.
    Parallel(Vec<Step>),
    /// Undoing everything done so far, last first.
    UndoAll,
    /// No new session on this environment until `unfreeze`.
    Freeze {
        /// Why.
        reason: Template,
    },
}

/// A yes-or-no question.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    /// The question.
    pub question: Template,
    /// What no means (default hold).
    pub no: ConfirmNo,
}

/// What "no" means. It never means skip.
#[derive(Debug, Clone, PartialEq)]
pub enum ConfirmNo {
    /// Stay here.
    Hold,
    /// End the session.
    Abort,
    /// Run a procedure (`rollback` is final).
    Procedure(Spanned<String>),
}

/// One line of a checklist.
#[derive(Debug, Clone, PartialEq)]
pub struct ChecklistItem {
    /// What to look at.
    pub text: Template,
    /// Ticks itself while true.
    pub check: Option<Expr>,
    /// Ticking it wants a note.
    pub note_required: bool,
    /// Where to look.
    pub link: Option<Template>,
}

/// A choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Decide {
    /// The question.
    pub question: Template,
    /// What can be chosen.
    pub options: Vec<DecideOption>,
    /// How long the operator has.
    pub within: Option<Duration>,
    /// What happens after that (default hold): the key of an option, or hold.
    pub otherwise: Option<Spanned<String>>,
}

/// One option of a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct DecideOption {
    /// One letter.
    pub key: Spanned<char>,
    /// What it means.
    pub label: Template,
    /// Where the walk goes on.
    pub then: OptionThen,
    /// Whether a reason must be typed.
    pub reason_required: bool,
}

/// Where a chosen option leads.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionThen {
    /// To the following step.
    Continue,
    /// Forward to a step of the same list.
    Next(Spanned<String>),
    /// Into a procedure, then to the following step; `rollback` is final.
    Call(Spanned<String>),
}

/// Four eyes.
#[derive(Debug, Clone, PartialEq)]
pub struct Approve {
    /// Principals or groups.
    pub by: Vec<String>,
    /// How many of them (default 1).
    pub min: u32,
    /// How long an approval is good for.
    pub expires: Option<Duration>,
    /// What the approver should read.
    pub text: Option<Template>,
}

/// A command or script.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What is started.
    pub program: Program,
    /// Environment variables; secrets may stand here.
    pub env: Vec<(String, TextOrSecret)>,
    /// Standard input; a secret may stand here.
    pub stdin: Option<TextOrSecret>,
    /// Working folder, relative to the runbook.
    pub cwd: Option<Template>,
    /// It only reads.
    pub reads_only: bool,
    /// It wants the terminal.
    pub interactive: bool,
    /// Nothing of its output is kept.
    pub sensitive: bool,
    /// What a good end is.
    pub expect: RunExpect,
    /// What is taken from the output.
    pub capture: Vec<(Spanned<String>, Capture)>,
}

/// What `run` starts.
#[derive(Debug, Clone, PartialEq)]
pub enum Program {
    /// A program and its arguments, no shell.
    Command(Vec<Template>),
    /// Text for a shell; no expressions inside.
    Script {
        /// The text.
        script: Spanned<String>,
        /// The shell and its arguments (default `/bin/sh -eu`).
        shell: Option<Vec<String>>,
    },
}

/// What a good end of a command is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunExpect {
    /// Exit codes that are good; 0 where empty.
    pub exit: Vec<i32>,
    /// Must match somewhere in standard output.
    pub stdout: Option<Spanned<String>>,
    /// Must be true; sees `result`.
    pub when: Option<Expr>,
}

/// How a value is taken from an output.
#[derive(Debug, Clone, PartialEq)]
pub enum Capture {
    /// A path into the JSON output: `items.0.name`.
    Json(String),
    /// First group of a regular expression (or the whole match).
    Regex(Spanned<String>),
    /// The whole standard output, without the last newline.
    Stdout,
}

/// An HTTP request of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest {
    /// Anything but GET and HEAD is a change.
    pub method: String,
    /// Address.
    pub url: Template,
    /// Headers; secrets may stand here.
    pub headers: Vec<(String, TextOrSecret)>,
    /// Body: text, or a structure sent as JSON.
    pub body: Option<TemplateValue>,
    /// What a good answer is.
    pub expect: HttpExpect,
    /// How often it is sent, one after the other (default 1).
    pub times: u32,
    /// What is taken from the answer's body.
    pub capture: Vec<(Spanned<String>, Capture)>,
}

/// A structure with templates in its strings.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateValue {
    /// A value without expressions, other than text.
    Literal(Value),
    /// Text or one expression that keeps its type.
    Template(Template),
    /// A list.
    List(Vec<TemplateValue>),
    /// A mapping, in file order.
    Map(Vec<(String, TemplateValue)>),
}

/// A cluster step.
#[derive(Debug, Clone, PartialEq)]
pub enum Kubernetes {
    /// Sets one container's image and waits for the rollout.
    SetImage {
        /// Whose.
        workload: WorkloadRef,
        /// Which container.
        container: Template,
        /// The image.
        image: Template,
    },
    /// Server-side apply.
    Apply {
        /// A file beside the runbook.
        file: Option<Spanned<String>>,
        /// Or documents in place.
        inline: Option<TemplateValue>,
        /// Takes fields over from other managers.
        force: bool,
    },
    /// A patch of any object.
    Patch {
        /// Which object.
        resource: ResourceRef,
        /// The patch.
        patch: PatchBody,
    },
    /// Sets the number of replicas and waits.
    Scale {
        /// Whose.
        workload: WorkloadRef,
        /// How many.
        replicas: Template,
    },
    /// Restarts the pods one by one and waits.
    RolloutRestart {
        /// Whose.
        workload: WorkloadRef,
    },
    /// Goes back to an earlier template and waits.
    RolloutUndo {
        /// Whose.
        workload: WorkloadRef,
        /// To what (default session start).
        to: UndoTo,
    },
    /// Pauses a rollout.
    RolloutPause {
        /// Whose.
        workload: WorkloadRef,
    },
    /// Goes on with a paused rollout and waits.
    RolloutResume {
        /// Whose.
        workload: WorkloadRef,
    },
    /// Waits for a rollout; only reads.
    RolloutStatus {
        /// Whose.
        workload: WorkloadRef,
    },
    /// Deletes pods.
    DeletePod {
        /// By name.
        name: Option<Template>,
        /// Or by selector.
        selector: Option<Template>,
    },
}

/// A workload by kind and name.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadRef {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: Template,
}

/// Workloads that roll out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
}

/// Any object: `group/version/Kind/name`, `version/Kind/name` for the core group.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceRef {
    /// API group, empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: Template,
}

/// The three kinds of patch.
#[derive(Debug, Clone, PartialEq)]
pub enum PatchBody {
    /// RFC 7386.
    Merge(TemplateValue),
    /// Kubernetes' strategic merge.
    Strategic(TemplateValue),
    /// RFC 6902.
    Json(TemplateValue),
}

/// What an undo goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndoTo {
    /// The template found when the session opened.
    SessionStart,
    /// The second-highest revision.
    Previous,
    /// A revision by number.
    Revision(u64),
}

/// A judgement of signals.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// True throughout `hold_for`: passed.
    pub pass: Option<Expr>,
    /// True `failures` times running: failed.
    pub fail: Option<Expr>,
    /// How long `pass` must hold.
    pub hold_for: Option<Duration>,
    /// Readings younger than this after entering do not count.
    pub settle: Duration,
    /// How many failures in a row fail it (default 1).
    pub failures: u32,
    /// Signals that must reach a number, else inconclusive.
    pub min: Vec<(Spanned<String>, f64)>,
    /// Time between judgements (default: the slowest signal's).
    pub every: Option<Duration>,
    /// What missing data does.
    pub no_data: NoData,
}

/// What missing data does to a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoData {
    /// Hold and ask.
    Hold,
    /// Fail.
    Fail,
}

/// Waiting.
#[derive(Debug, Clone, PartialEq)]
pub enum Wait {
    /// For so long.
    For(Duration),
    /// Until a time of day.
    UntilTime {
        /// The time.
        time: NaiveTime,
        /// Its zone (default UTC).
        zone: Tz,
    },
    /// Until a condition holds.
    Until {
        /// The condition.
        until: Expr,
        /// Not longer than this; then it failed.
        timeout: Option<Duration>,
    },
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Notify {
    /// A name under `notify`.
    pub to: Spanned<String>,
    /// What it says.
    pub text: Template,
}

/// Another list of steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Which.
    pub target: CallTarget,
    /// What it gets, checked against its params or inputs.
    pub with: Vec<(Spanned<String>, TemplateValue)>,
}

/// What is called.
#[derive(Debug, Clone, PartialEq)]
pub enum CallTarget {
    /// A procedure of this file.
    Procedure(Spanned<String>),
    /// Another file's steps, or one of its procedures.
    File {
        /// Path relative to the calling file, as written.
        path: Spanned<String>,
        /// One procedure of it; its main list where absent.
        procedure: Option<String>,
    },
}
