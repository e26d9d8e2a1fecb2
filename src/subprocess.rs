//! Short commands on the side: bounded in time and in what is read from them.
//!
//! For facts (git, timedatectl) and for secrets that a command prints; never for steps,
//! whose commands outlive the terminal and belong to `effects`. A command gets no
//! terminal and no standard input, runs in a process group of its own, and the whole
//! group is killed when the time is up.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// At most so many bytes of each stream are kept.
const LIMIT: u64 = 1 << 20;

/// What a command left behind.
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output. May be a secret: this type has no `Debug` on purpose.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Why a command gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum SubprocessError {
    /// It could not be started.
    #[error("cannot start: {0}")]
    Start(#[source] std::io::Error),
    /// It took too long and was killed.
    #[error("no end within {} s; it was killed", .0.as_secs_f32())]
    Timeout(Duration),
    /// It printed too much.
    #[error("it printed more than {LIMIT} bytes")]
    TooMuch,
    /// Its end could not be seen.
    #[error("cannot wait for it: {0}")]
    Wait(#[source] std::io::Error),
}

/// Runs a prepared command to its end. Its environment is what the caller made of it.
///
/// # Errors
/// [`SubprocessError`]; a non-zero exit code is not one.
pub fn run(command: &mut Command, timeout: Duration) -> Result<Finished, SubprocessError> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(SubprocessError::Start)?;
    finish(child, timeout)
}

/// Waits for the end of a command that was started, in a process group of its own and
/// with its output piped, because it takes something on its standard input.
///
/// # Errors
/// As [`run`].
pub fn finish(mut child: std::process::Child, timeout: Duration) -> Result<Finished, SubprocessError> {
    let deadline = Instant::now() + timeout;
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    let kill = |child: &mut std::process::Child| {
        if let Some(group) = group {
            // It may just have ended by itself; then there is nothing to kill.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = child.wait();
    };
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let mut streams = Vec::new();
    for stream in [stdout, stderr] {
        match stream.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) if bytes.len() as u64 > LIMIT => {
                kill(&mut child);
                return Err(SubprocessError::TooMuch);
            }
            Ok(bytes) => streams.push(bytes),
            Err(_) => {
                kill(&mut child);
                return Err(SubprocessError::Timeout(timeout));
            }
        }
    }
    let status = wait_until(child, deadline, timeout, group)?;
    let stderr = streams.pop().unwrap_or_default();
    Ok(Finished { code: status.code(), stdout: streams.pop().unwrap_or_default(), stderr })
}

/// Reads a stream to its end on a thread of its own.
fn collect(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // A broken stream ends it like its end does; the exit code tells the rest.
            let _ = stream.take(LIMIT + 1).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// A command may close its streams and go on living; it is waited for as long as the
/// deadline allows.
fn wait_until(
    mut child: std::process::Child,
    deadline: Instant,
    timeout: Duration,
    group: Option<rustix::process::Pid>,
) -> Result<std::process::ExitStatus, SubprocessError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let _ = sender.send(child.wait());
    });
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(status) => status.map_err(SubprocessError::Wait),
        Err(_) => {
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            Err(SubprocessError::Timeout(timeout))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_and_the_exit_code_come_back() {
        let finished = run(&mut shell("echo out; echo err >&2; exit 3"), Duration::from_secs(20)).unwrap();
        assert_eq!((finished.code, finished.stdout, finished.stderr), (Some(3), b"out\n".to_vec(), b"err\n".to_vec()));
    }

    #[test]
    fn a_command_that_does_not_end_is_killed_with_its_children() {
        for script in ["tail -f /dev/null & tail -f /dev/null", "exec >/dev/null 2>&1; tail -f /dev/null"] {
            let begun = Instant::now();
            let error = run(&mut shell(script), Duration::from_millis(200)).err().map(|e| e.to_string());
            assert_eq!(error.as_deref(), Some("no end within 0.2 s; it was killed"), "{script}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{script}");
        }
    }

    #[test]
    fn endless_output_is_cut_off() {
        let error = run(&mut shell("yes"), Duration::from_secs(20)).err().map(|e| e.to_string());
        assert_eq!(error.as_deref(), Some("it printed more than 1048576 bytes"));
    }

    #[test]
    fn what_cannot_be_started_says_so() {
        let error = run(&mut Command::new("/nonexistent/program"), Duration::from_secs(1)).err().map(|e| e.to_string());
        assert!(error.unwrap().starts_with("cannot start: "));
    }
}
