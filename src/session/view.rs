//! What a session looks like from outside: the answers the screen, the plain output
//! and the reports are drawn from. All of it is derived; nothing here is stored.

use chrono::{DateTime, Utc};

use super::event::{Mode, SessionOutcome, StepOutcome, Treatment, Verdict};
use super::intent::What;
use super::message::StepRef;
use super::path::StepPath;
use crate::runbook::model::Input;

/// One row of the list of steps.
#[derive(Debug, Clone, PartialEq)]
pub struct OutlineRow {
    /// In a dry run: what its outcome is worth, once it has ended.
    pub treatment: Option<Treatment>,
    /// Its path.
    pub path: StepPath,
    /// How many lists deep, from 0.
    pub depth: usize,
    /// Its title, as far as it can be resolved.
    pub title: String,
    /// Heading it stands under, where it is the first of its phase.
    pub phase: Option<String>,
    /// Where it stands.
    pub state: RowState,
    /// Visit, where more than one.
    pub visit: u32,
    /// Time taken, or running, milliseconds.
    pub took_ms: Option<u64>,
    /// Its estimate, milliseconds.
    pub estimate_ms: Option<u64>,
    /// A condition decides whether it runs.
    pub conditional: bool,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// Not reached.
    Pending,
    /// Waits for the operator.
    Waiting,
    /// At work.
    Running,
    /// Its outcome is unknown.
    Unknown,
    /// Over.
    Ended(StepOutcome),
    /// Will not be reached any more.
    Dropped,
}

/// What the session asks for now. Exactly one at a time; the most urgent first.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// A tripped guard wants an answer.
    Guard {
        /// The guard's id.
        guard: String,
        /// Its title or condition.
        title: String,
        /// What it would do.
        action: String,
        /// Milliseconds left to answer; below zero: so long ago the time was up.
        left_ms: Option<i64>,
        /// What happens then.
        expired: String,
        /// Why it does not act by itself, where it otherwise would.
        caution: Option<String>,
    },
    /// An outcome nobody knows.
    Unknown {
        /// The step.
        step: StepRef,
        /// What was being done.
        what: String,
        /// Why it is unknown.
        why: String,
        /// Whether there is a way to look.
        can_look: bool,
        /// A look is under way.
        looking: bool,
    },
    /// What to do with a running step when rolling back.
    Interrupt {
        /// The step.
        step: StepRef,
        /// Its title.
        title: String,
    },
    /// A step failed.
    Failure {
        /// The step.
        step: StepRef,
        /// Why.
        why: String,
        /// Whether running it again would change something again.
        changes: bool,
        /// Whether going on is offered (not in a rollback's undo).
        can_continue: bool,
    },
    /// A gate has no verdict in time.
    GateHold {
        /// The gate.
        step: StepRef,
        /// Why.
        why: String,
    },
    /// A `when` cannot be judged.
    When {
        /// The step.
        step: StepRef,
        /// Its title.
        title: String,
        /// The condition.
        condition: String,
        /// Why not.
        why: String,
    },
    /// The session is paused.
    Paused,
    /// An effect is ready to start.
    Start {
        /// The step.
        step: StepRef,
        /// What it would do; `Err` when it cannot be worked out, and why.
        what: Result<Box<What>, String>,
        /// Whether it changes something.
        changes: bool,
        /// Marked `danger` on a protected environment: this must be typed first.
        type_first: Option<String>,
        /// For changes to a cluster: the object must be read first
        /// (`Command::Start::prepared`).
        needs_preparation: bool,
    },
    /// A yes-or-no question.
    Confirm {
        /// The step.
        step: StepRef,
        /// The question.
        question: String,
        /// What no means.
        no: String,
    },
    /// Items to tick.
    Checklist {
        /// The step.
        step: StepRef,
        /// The items.
        items: Vec<ItemView>,
    },
    /// A form.
    Input {
        /// The step.
        step: StepRef,
        /// The questions.
        fields: Vec<Input>,
    },
    /// A choice.
    Decide {
        /// The step.
        step: StepRef,
        /// The question.
        question: String,
        /// The options.
        options: Vec<OptionView>,
        /// Milliseconds left; below zero: so long ago the time was up.
        left_ms: Option<i64>,
        /// What happens then.
        otherwise: String,
    },
    /// Waiting for approvals.
    Approve {
        /// The step.
        step: StepRef,
        /// Who may.
        by: Vec<String>,
        /// How many are needed.
        min: u32,
        /// Who did.
        given: Vec<String>,
        /// Until when an approval may be used (RFC 3339).
        expires: Option<String>,
        /// What they should read.
        text: String,
    },
    /// Something is at work; nothing is asked.
    Busy {
        /// The step.
        step: StepRef,
    },
    /// The session is over.
    Closed {
        /// How.
        outcome: SessionOutcome,
        /// Deviations from the runbook that were recorded.
        deviations: u32,
    },
}

/// What an outcome means, for people. Nobody is told that all was done where it was not.
pub fn closing_words(outcome: SessionOutcome, deviations: u32) -> String {
    match (outcome, deviations) {
        (SessionOutcome::Completed, 0) => "Completed. Everything was done.".to_owned(),
        (SessionOutcome::Completed, 1) => "Completed, with 1 deviation from the runbook.".to_owned(),
        (SessionOutcome::Completed, n) => format!("Completed, with {n} deviations from the runbook."),
        (SessionOutcome::RolledBack, _) => "Rolled back. The rollback worked.".to_owned(),
        (SessionOutcome::RollbackFailed, _) => "The rollback did not work. Someone has to look.".to_owned(),
        (SessionOutcome::Aborted, _) => "Aborted. Nothing was rolled back.".to_owned(),
        (SessionOutcome::Abandoned, _) => "Abandoned. It was closed as it stood.".to_owned(),
    }
}

/// One checklist item.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemView {
    /// Its text.
    pub text: String,
    /// Ticked.
    pub ticked: bool,
    /// It ticks itself.
    pub has_check: bool,
    /// What its check says now: true, false, or why it cannot be told.
    pub check: Option<Result<bool, String>>,
    /// Ticking it wants a note.
    pub note_required: bool,
    /// The note given.
    pub note: Option<String>,
    /// Where to look.
    pub link: Option<String>,
}

/// One option of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionView {
    /// Its key.
    pub key: char,
    /// What it means.
    pub label: String,
    /// Where it leads, for people.
    pub leads_to: String,
    /// Whether a reason must be typed.
    pub reason_required: bool,
}

/// The step in hand, for the middle of the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct StepView {
    /// Which.
    pub step: StepRef,
    /// Number among all rows of the outline, and how many there are.
    pub number: (usize, usize),
    /// Its title.
    pub title: String,
    /// Its text, Markdown, resolved.
    pub text: String,
    /// Its kind, the action's key in the format.
    pub kind: &'static str,
    /// Milliseconds since it was entered.
    pub elapsed_ms: u64,
    /// Its estimate, milliseconds.
    pub estimate_ms: Option<u64>,
    /// Milliseconds until its time is up, counted as the walk counts them: of what runs from
    /// its start, of a question from when the step was entered. None while no time runs.
    pub timeout_left_ms: Option<u64>,
    /// Effect that runs for it.
    pub effect: Option<u64>,
    /// What that effect does.
    pub what: Option<What>,
    /// A gate's state.
    pub gate: Option<GateView>,
    /// A wait's state: milliseconds gone and in all, or the condition.
    pub wait: Option<WaitView>,
}

/// A gate while it judges.
#[derive(Debug, Clone, PartialEq)]
pub struct GateView {
    /// Each operand of `pass` and `fail`: label, value now, truth.
    pub conditions: Vec<ConditionView>,
    /// Milliseconds passed of the `for` clock, and in all.
    pub passed_ms: u64,
    /// The `for`, milliseconds; absent: until a verdict.
    pub for_ms: Option<u64>,
    /// Milliseconds of settling left.
    pub settling_ms: u64,
    /// Milliseconds until it asks.
    pub timeout_left_ms: u64,
    /// The last verdict and why.
    pub last: Option<(Verdict, String)>,
    /// Failures in a row, and how many fail it.
    pub failures: (u32, u32),
}

/// One condition of a gate, with the value beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionView {
    /// `pass`, `fail` or `min`.
    pub role: &'static str,
    /// The condition as written.
    pub text: String,
    /// The values it reads, `0.42`.
    pub values: String,
    /// Whether it holds; `Err`: why not to be told.
    pub holds: Result<bool, String>,
    /// Milliseconds since the signals it reads all had a value.
    pub age_ms: Option<u64>,
}

/// A signal that a condition names, as it is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingView {
    /// Its name, with the member where that is not its value: `pods.ready`.
    pub name: String,
    /// The value with its unit; `Err`: why there is none that counts.
    pub value: Result<String, String>,
    /// Its baseline with its unit, where one was fixed.
    pub baseline: Option<String>,
    /// Milliseconds since it last had a value.
    pub age_ms: Option<u64>,
}

/// A wait.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitView {
    /// Milliseconds gone.
    pub gone_ms: u64,
    /// Milliseconds in all, where known.
    pub total_ms: Option<u64>,
    /// What it waits for.
    pub text: String,
}

/// One guard.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardView {
    /// Its id.
    pub id: String,
    /// Its condition.
    pub condition: String,
    /// Where it stands.
    pub state: GuardState,
    /// Whether it acts without asking when it trips.
    pub automatic: bool,
    /// Whether it would act by itself, and only asks: a point of no return was passed.
    pub past_return: bool,
    /// The signals its condition names.
    pub readings: Vec<ReadingView>,
}

/// Where a guard stands.
#[derive(Debug, Clone, PartialEq)]
pub enum GuardState {
    /// Not judged yet.
    Disarmed,
    /// Judged, and false.
    Armed,
    /// True, but not long enough: milliseconds gone and needed.
    Pending(u64, u64),
    /// Tripped and not answered.
    Tripped,
    /// Not judged for so many milliseconds more.
    Snoozed(u64),
    /// Cannot be judged, and why.
    CannotJudge(String),
    /// The session is closed; nothing is judged any more.
    Over,
}

/// One line of "if you stop now".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoItem {
    /// The step that would be undone.
    pub step: StepRef,
    /// What would be done, for people.
    pub text: String,
    /// Nothing can be done about it, or need be.
    pub idle: bool,
}

/// The facts of the header.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The runbook's title.
    pub title: String,
    /// The mode.
    pub mode: Mode,
    /// Environment name.
    pub environment: String,
    /// Whether it is protected.
    pub protected: bool,
    /// `context/namespace`, where there is a cluster.
    pub target: Option<String>,
    /// The ticket.
    pub ticket: Option<String>,
    /// Who walks.
    pub operator: String,
    /// When it was opened.
    pub opened: DateTime<Utc>,
    /// Milliseconds walked; time away is not counted.
    pub elapsed_ms: u64,
    /// The estimate, milliseconds.
    pub estimate_ms: Option<u64>,
    /// What a rollback would go back to, one entry a workload.
    pub back_to: Vec<String>,
    /// Steps done and in all.
    pub progress: (usize, usize),
    /// Whether a rollback is under way.
    pub rolling_back: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Clocks: name, milliseconds gone, limit, warn.
    pub clocks: Vec<ClockView>,
}

/// One clock of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockView {
    /// Its name.
    pub name: String,
    /// Milliseconds gone; absent: its start is not known.
    pub gone_ms: Option<u64>,
    /// Its limit, milliseconds.
    pub limit_ms: u64,
    /// From here on it is worth a look.
    pub warn_ms: Option<u64>,
}

/// What whoever leaves a session unfinished does next. A rehearsal has no next: its world
/// is gone with the program.
pub fn after_leaving(mode: Mode, sid: &str) -> String {
    match mode {
        Mode::Live | Mode::DryRun => format!("To go on: pacenote resume {sid}"),
        Mode::Rehearsal => "Its world ends with it; begin again with: pacenote rehearse RUNBOOK".to_owned(),
    }
}
