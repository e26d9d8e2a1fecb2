//! Commands, from this program's side: set up a folder, hand over to a supervisor, follow
//! its files, and say how it ended. See [`crate::supervise`] for the other side.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;

use super::context::{Context, changed_by, millis, uncertain};
use super::{Commands, ScriptedAnswer, StopSignal, secret, text};
use crate::live::output::OutputLine;
use crate::session::event::Outcome;
use crate::session::intent::{Intent, RunRequest};
use crate::session::message::EffectReport;
use crate::supervise::{self, ProcessId, Status, file};

mod follow;
mod setup;

pub use setup::clean_environment;
pub(super) use setup::{Prepared, prepared};

/// The files are looked at so often.
const LOOK: Duration = Duration::from_millis(100);
/// So much of the standard output goes into a report.
const REPORTED: usize = 1 << 20;
/// Between the signals that end a command whose supervisor is gone, at its limit.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a command, or follows one that was started before.
pub(super) async fn drive(intent: &Intent, request: &RunRequest, attach: bool, context: &mut Context) -> EffectReport {
    match context.ports.commands.clone() {
        Commands::Scripted(script) if !attach => {
            let answer = script.answer(intent, request);
            scripted(intent, request, answer, context).await
        }
        Commands::Scripted(_) => uncertain(intent, "this program ended while the command ran"),
        Commands::Supervised { .. } if request.interactive && attach => {
            uncertain(intent, "this program ended while the command had the terminal")
        }
        Commands::Supervised { .. } if request.interactive => {
            context.not_begun("the command needs the terminal; there is none to give")
        }
        Commands::Supervised { program, grace } => {
            let folder = match folder(context) {
                Ok(folder) => folder,
                Err(why) => return if attach { uncertain(intent, &why) } else { context.not_begun(why) },
            };
            if attach {
                return reattach(intent, request, &folder, context).await;
            }
            match begin(intent, request, &folder, &program, grace, context).await {
                Ok(()) => follow(intent, request, &folder, context).await,
                Err(why) => context.not_begun(why),
            }
        }
    }
}

/// The effect's folder, absolute: the supervisor works elsewhere.
pub(super) fn folder(context: &Context) -> Result<PathBuf, String> {
    let folder = context.ports.session_dir.join(format!("run-{}", context.effect));
    std::path::absolute(folder).map_err(|error| format!("the session's folder cannot be found: {error}"))
}

/// Starts the supervisor. An error means that nothing was started, nor ever will be.
async fn begin(
    intent: &Intent,
    request: &RunRequest,
    folder: &Path,
    program: &Path,
    grace: Duration,
    context: &Context,
) -> Result<(), String> {
    let Prepared { mut spec, handover } = prepared(request, folder, context).await?;
    spec.timeout_ms = intent.timeout_ms;
    spec.grace_ms = millis(grace);
    let cannot = |error: &io::Error| format!("the command cannot be set up: {error}");
    supervise::write_json(&folder.join(file::SPEC), &spec).map_err(|error| cannot(&error))?;
    let handover = serde_json::to_vec(&handover).map_err(|error| error.to_string())?;
    let mut supervisor = tokio::process::Command::new(program)
        .arg("supervise")
        .arg(folder)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| cannot(&error))?;
    let pipe = supervisor.stdin.take();
    // Reaped whenever it ends, so that it does not stay a zombie; its files say the rest.
    tokio::spawn(async move { supervisor.wait().await });
    let mut pipe = pipe.ok_or("the supervisor has no input")?;
    let handed = async { pipe.write_all(&handover).await.and(pipe.shutdown().await) }.await;
    if let Err(error) = handed {
        // Torn, it starts nothing; should it have got everything all the same, its claim
        // says so.
        return if supervise::claim(folder).unwrap_or(false) { Err(cannot(&error)) } else { Ok(()) };
    }
    Ok(())
}

/// After a resume: what the folder says about a command that was intended.
async fn reattach(intent: &Intent, request: &RunRequest, folder: &Path, context: &mut Context) -> EffectReport {
    let unread = |error: io::Error| uncertain(intent, &format!("what became of the command cannot be read: {error}"));
    if !folder.exists() {
        return context.not_begun("this program ended before the command was started");
    }
    match supervise::claim(folder) {
        // The right to start it is ours now, so no supervisor will.
        Ok(true) => context.not_begun("this program ended before the command was started"),
        Ok(false) => follow(intent, request, folder, context).await,
        Err(error) => unread(error),
    }
}

/// Passes the output on until the command has ended or is lost.
async fn follow(intent: &Intent, request: &RunRequest, folder: &Path, context: &mut Context) -> EffectReport {
    let mut stops = context.take_stops();
    let mut tail = follow::Tail::of(folder.join(file::LOG));
    let mut watch = Watch::default();
    let mut wanted: Option<StopSignal> = None;
    let mut stopped = false;
    let mut orphan = Orphan::default();
    loop {
        // Looked at before the output is read, so that nothing written before the end is missed.
        let state = watch.look(folder);
        let more = pass_on(&mut tail, context).await;
        match state {
            _ if more => {}
            State::Runs => {}
            State::Orphaned(command) => {
                // As long as it runs nobody may take it for done or not done.
                let said = format!("what watched over the command is gone; it still runs (pid {})", command.pid);
                context.progress(said).await;
                wanted = wanted.or_else(|| orphan.due(intent));
            }
            State::Ended(status) => return ended_report(intent, request, folder, *status, stopped, context).await,
            State::NeverStarted => return context.not_begun("what was to start the command never did, and never will"),
            State::Lost => return lost_report(intent, folder),
            State::Unreadable(why) => return uncertain(intent, &format!("how the command ended cannot be read: {why}")),
        }
        wanted = stops.try_recv().ok().or(wanted);
        if let Some(signal) = wanted
            && send(folder, signal)
        {
            (wanted, stopped) = (None, true);
        }
        if more {
            continue;
        }
        tokio::select! {
            Some(signal) = stops.recv() => wanted = Some(signal),
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Passes on what has come; true where there may be more at once. A flood comes in
/// portions, so that a stop gets through.
async fn pass_on(tail: &mut follow::Tail, context: &Context) -> bool {
    for _ in 0..8 {
        let Some(mut lines) = tail.next() else { return false };
        // Once more: cleaning may have put together what escape sequences had torn apart.
        let redactor = secret::redactor(context);
        for line in &mut lines {
            line.text = redactor.clean(std::mem::take(&mut line.text));
        }
        context.output(lines).await;
    }
    true
}

/// What the files say.
enum State {
    Runs,
    Ended(Box<Status>),
    NeverStarted,
    /// Its supervisor is gone and it runs on.
    Orphaned(ProcessId),
    Lost,
    Unreadable(io::Error),
}

/// Keeps the time limit of a command whose supervisor is gone. When it began is not
/// known, so the limit counts from when that was noticed.
#[derive(Default)]
struct Orphan {
    noticed: Option<tokio::time::Instant>,
    sent: usize,
}

impl Orphan {
    fn due(&mut self, intent: &Intent) -> Option<StopSignal> {
        let since = self.noticed.get_or_insert_with(tokio::time::Instant::now).elapsed();
        let ways = [StopSignal::Interrupt, StopSignal::Terminate, StopSignal::Kill];
        let wait = Duration::from_millis(intent.timeout_ms?) + GRACE * u32::try_from(self.sent).unwrap_or(u32::MAX);
        let signal = *ways.get(self.sent).filter(|_| since >= wait)?;
        self.sent += 1;
        Some(signal)
    }
}

/// Looks at the files again and again.
#[derive(Default)]
struct Watch {
    /// Looks without a whole claim.
    unclaimed: u32,
}

/// After so many looks a supervisor that has not begun never will.
const PATIENCE: u32 = 100;

impl Watch {
    fn look(&mut self, folder: &Path) -> State {
        let status = |otherwise: State| match supervise::read_json::<Status>(&folder.join(file::STATUS)) {
            Ok(Some(status)) => State::Ended(Box::new(status)),
            Ok(None) => otherwise,
            Err(error) => State::Unreadable(error),
        };
        match supervise::read_json::<ProcessId>(&folder.join(file::CLAIM)) {
            // Its last word may have come between two looks, so the status is read last.
            Ok(Some(supervisor)) if supervisor.is_alive() => status(State::Runs),
            Ok(Some(_)) => status(abandoned(folder)),
            Ok(None) => {
                self.unclaimed += 1;
                // Whoever claims it now knows that nobody else will start it.
                let ours = self.unclaimed > PATIENCE && supervise::claim(folder).unwrap_or(false);
                if ours { State::NeverStarted } else { State::Runs }
            }
            Err(_) => {
                self.unclaimed += 1;
                if self.unclaimed > PATIENCE { status(State::Lost) } else { State::Runs }
            }
        }
    }
}

/// What a command without its supervisor is.
fn abandoned(folder: &Path) -> State {
    let command = supervise::read_json::<ProcessId>(&folder.join(file::RUNNING)).ok().flatten();
    command.filter(ProcessId::is_alive).map_or(State::Lost, State::Orphaned)
}

/// Signals the command's group. False: there is no command to signal yet.
fn send(folder: &Path, signal: StopSignal) -> bool {
    let Ok(Some(command)) = supervise::read_json::<ProcessId>(&folder.join(file::RUNNING)) else { return false };
    // Tells the supervisor to end what is left of the group afterwards. If it cannot be
    // written the signal still counts.
    let _ = supervise::write_private(&folder.join(file::STOP), b"");
    let signal = match signal {
        StopSignal::Interrupt | StopSignal::Cancel => Signal::INT,
        StopSignal::Terminate => Signal::TERM,
        StopSignal::Kill => Signal::KILL,
    };
    command.signal_group(signal);
    true
}

fn lost_report(intent: &Intent, folder: &Path) -> EffectReport {
    // Its supervisor would have removed it. Gone already, or never there: both fine.
    let _ = std::fs::remove_file(folder.join(file::KUBECONFIG));
    let command = supervise::read_json::<ProcessId>(&folder.join(file::RUNNING)).ok().flatten();
    match command {
        Some(_) => uncertain(intent, "the command and what watched over it are gone, and nobody saw how it ended"),
        None => uncertain(intent, "what was to start the command is gone, and nobody saw whether it did"),
    }
}

async fn ended_report(
    intent: &Intent,
    request: &RunRequest,
    folder: &Path,
    status: Status,
    stopped: bool,
    context: &Context,
) -> EffectReport {
    if let Some(why) = status.not_started {
        return context.not_begun(why);
    }
    let stopped = stopped || folder.join(file::STOP).exists();
    let mut report = verdict(intent, &status, stopped);
    if !request.sensitive {
        report.stdout = secret::redacted(&text::clean_text(&follow::beginning(&folder.join(file::STDOUT), REPORTED)), context);
        let (outputs, effect, log) = (context.ports.outputs.clone(), context.effect, folder.join(file::LOG));
        let kept = tokio::task::spawn_blocking(move || {
            let empty = std::fs::metadata(&log).map_or(true, |log| log.len() == 0);
            if empty { Ok(None) } else { outputs.keep(effect, &log).map(Some) }
        });
        match kept.await.map_err(io::Error::other).and_then(|kept| kept) {
            Ok(output) => report.output = output,
            Err(error) => report.message.push_str(&format!("; its output cannot be kept: {error}")),
        }
    }
    report
}

/// What the end of a command means, before `expect`.
fn verdict(intent: &Intent, status: &Status, stopped: bool) -> EffectReport {
    let interrupted = if status.timed_out {
        let limit = text::duration(Duration::from_millis(intent.timeout_ms.unwrap_or(status.took_ms)));
        Some(format!("stopped at its time limit of {limit}"))
    } else if stopped {
        Some("stopped by the operator".to_owned())
    } else {
        None
    };
    let how = match (status.exit, status.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by {}", signal_name(signal)),
        (None, None) => "no exit code".to_owned(),
    };
    let mut report = match (&interrupted, status.exit) {
        (None, Some(code)) => {
            let changed = changed_by(intent, code);
            EffectReport { changed, ..EffectReport::new(intent.effect, Outcome::Succeeded, how) }
        }
        (None, None) => uncertain(intent, &how),
        (Some(why), _) => uncertain(intent, &format!("{why} ({how})")),
    };
    report.exit = status.exit;
    report.took_ms = status.took_ms;
    if status.left_running {
        report.message.push_str("; it left something running that still holds its output open");
    }
    if status.dropped > 0 {
        report.message.push_str(&format!("; {} bytes of output over the limit were not kept", status.dropped));
    }
    if let Some(why) = &status.output_lost {
        report.message.push_str(&format!("; its output is not complete: {why}"));
    }
    report
}

fn signal_name(signal: i32) -> String {
    match Signal::from_named_raw(signal) {
        Some(Signal::INT) => "SIGINT".into(),
        Some(Signal::TERM) => "SIGTERM".into(),
        Some(Signal::KILL) => "SIGKILL".into(),
        Some(Signal::HUP) => "SIGHUP".into(),
        Some(Signal::SEGV) => "SIGSEGV".into(),
        Some(Signal::ABORT) => "SIGABRT".into(),
        Some(Signal::PIPE) => "SIGPIPE".into(),
        _ => format!("signal {signal}"),
    }
}

/// A rehearsal's answer, in its own time.
async fn scripted(intent: &Intent, request: &RunRequest, answer: ScriptedAnswer, context: &mut Context) -> EffectReport {
    let mut stops = context.take_stops();
    let limit = intent.timeout_ms.map(Duration::from_millis);
    let takes = limit.map_or(answer.takes, |limit| limit.min(answer.takes));
    let stopped = tokio::select! {
        () = tokio::time::sleep(takes) => false,
        () = super::context::stopped(&mut stops) => true,
    };
    let status = Status {
        exit: Some(answer.exit),
        timed_out: !stopped && takes < answer.takes,
        took_ms: millis(takes),
        ..Status::default()
    };
    let mut report = verdict(intent, &status, stopped);
    if !request.sensitive {
        let redactor = secret::redactor(context);
        let line = |stderr| {
            let redactor = &redactor;
            move |line: &str| OutputLine { text: redactor.clean(text::clean_line(line)), stderr }
        };
        let lines = answer.stdout.lines().map(line(false)).chain(answer.stderr.lines().map(line(true)));
        context.output(lines.collect()).await;
        report.stdout = secret::redacted(&text::clean_text(&answer.stdout), context);
    }
    report
}
