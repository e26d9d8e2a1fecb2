//! The command itself: started once, watched to its end.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, sleep_until};

use super::output::{Output, Stream};
use super::{Handover, ProcessId, Spec, Status, file, write_json};

/// An unfinished line is passed on after so long without another byte.
const IDLE: Duration = Duration::from_millis(250);
/// After the command's end, what it started may hold its output open for so long.
const DRAIN: Duration = Duration::from_secs(1);
/// The signals of a time limit, in order.
const ESCALATION: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::KILL];

/// Runs the command. An error means that it was not started.
pub(super) async fn run(folder: &Path, spec: &Spec, handover: Handover) -> io::Result<Status> {
    let mut output = Output::create(folder, &handover.secrets, spec.sensitive)?;
    let mut child = start(spec, &handover)?;
    let id = ProcessId::of(child.id().unwrap_or_default().cast_signed());
    if let Err(error) = write_json(&folder.join(file::RUNNING), &id) {
        // Nobody could find it again: it must not go on unseen. It has run for a moment,
        // so this is an end by a signal and not "never started".
        id.signal_group_unchecked(Signal::KILL);
        child.wait().await?;
        let lost = Some(format!("its folder cannot be written: {error}"));
        return Ok(Status { signal: Some(Signal::KILL.as_raw()), output_lost: lost, ..Status::default() });
    }
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), handover.stdin) {
        // A command that does not read its input closes the pipe, which is its right.
        tokio::spawn(async move { pipe.write_all(text.as_bytes()).await });
    }
    let mut status = watch(folder, spec, id, &mut child, &mut output).await;
    let ended = child.wait().await?;
    status.exit = ended.code();
    status.signal = ended.signal();
    match output.close() {
        Ok(dropped) => status.dropped = dropped,
        Err(error) => status.output_lost = Some(error.to_string()),
    }
    Ok(status)
}

fn start(spec: &Spec, handover: &Handover) -> io::Result<Child> {
    let (program, arguments) = spec.argv.split_first().ok_or_else(|| io::Error::other("there is no command"))?;
    Command::new(program)
        .args(arguments)
        .current_dir(&spec.cwd)
        .env_clear()
        .envs(spec.env.iter().chain(&handover.env).map(|(name, value)| (name, value)))
        .stdin(if handover.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program} cannot be started: {error}")))
}

/// Passes the output on and keeps the time limit until the command has ended and its
/// output with it. The command is left unreaped, so that its group's number stays taken
/// while the rest of the group is ended.
async fn watch(folder: &Path, spec: &Spec, id: ProcessId, child: &mut Child, output: &mut Output) -> Status {
    let mut status = Status::default();
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut from_out, mut from_err) = (vec![0; 8 << 10], vec![0; 8 << 10]);
    let mut ended = tokio::task::spawn_blocking(move || wait_without_reaping(id.pid));
    let mut drain_until = None;
    let mut escalation = ESCALATION.into_iter();
    let mut limit = spec.timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    while drain_until.is_none() || out.is_some() || err.is_some() {
        let next_limit = limit.filter(|_| drain_until.is_none());
        let kept = tokio::select! {
            read = piece(&mut out, &mut from_out), if out.is_some() => pass_on(output, Stream::Out, &mut out, &from_out, read),
            read = piece(&mut err, &mut from_err), if err.is_some() => pass_on(output, Stream::Err, &mut err, &from_err, read),
            _ = &mut ended, if drain_until.is_none() => {
                drain_until = Some(Instant::now() + DRAIN);
                if status.timed_out || folder.join(file::STOP).exists() {
                    id.signal_group_unchecked(Signal::KILL);
                }
                Ok(())
            }
            () = until(next_limit), if next_limit.is_some() => {
                status.timed_out = true;
                let sent = escalation.next().map(|signal| id.signal_group_unchecked(signal));
                limit = sent.map(|_| Instant::now() + Duration::from_millis(spec.grace_ms));
                Ok(())
            }
            () = until(drain_until), if drain_until.is_some() => {
                status.left_running = true;
                (out, err) = (None, None);
                output.end(Stream::Out).and_then(|()| output.end(Stream::Err))
            }
            () = sleep(IDLE), if output.has_partial() => output.idle(),
        };
        if let Err(error) = kept {
            // A full disk is no reason to end a change half-way.
            status.output_lost = Some(error.to_string());
        }
    }
    status
}

async fn until(moment: Option<Instant>) {
    if let Some(moment) = moment {
        sleep_until(moment).await;
    }
}

async fn piece(pipe: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(buffer).await,
        None => Ok(0),
    }
}

fn pass_on<P>(
    output: &mut Output,
    stream: Stream,
    pipe: &mut Option<P>,
    buffer: &[u8],
    read: io::Result<usize>,
) -> io::Result<()> {
    let length = read.unwrap_or(0);
    if length == 0 {
        *pipe = None;
        return output.end(stream);
    }
    output.take(stream, buffer.get(..length).unwrap_or_default())
}

fn wait_without_reaping(pid: i32) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    loop {
        match rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => {}
            _ => return,
        }
    }
}
