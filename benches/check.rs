//! `pacenote check` of 1,000 runbooks and `pacenote --version`, each as a process, as a
//! person waits for it. The README's figures come from here: `cargo bench --bench check`.

use std::error::Error;
use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const RUNBOOKS: usize = 1_000;
const ROUNDS: usize = 5;
const STARTS: usize = 100;
const LIBRARY: [&str; 2] = [include_str!("../runbooks/canary-deploy.yaml"), include_str!("../runbooks/rolling-deploy.yaml")];

#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
fn main() -> Outcome {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut arguments = vec![OsString::from("check")];
    let mut bytes = 0;
    for (i, text) in LIBRARY.iter().cycle().take(RUNBOOKS).enumerate() {
        let path = temp.path().join(format!("{i}.yaml"));
        std::fs::write(&path, text)?;
        bytes += text.len();
        arguments.push(path.into());
    }
    let took = median(ROUNDS, &arguments)?;
    println!("check, {RUNBOOKS} runbooks of {} bytes on average: median {} ms", bytes / RUNBOOKS, took.as_millis());
    let took = median(STARTS, &["--version".into()])?;
    println!("--version: median {:.1} ms", took.as_secs_f64() * 1e3);
    Ok(())
}

/// How long the program takes.
fn median(rounds: usize, arguments: &[OsString]) -> Outcome<Duration> {
    let mut took: Vec<Duration> = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let mut program = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        let program = program.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let status = program.status()?;
        took.push(start.elapsed());
        if !status.success() {
            return Err(format!("it ended with {status}").into());
        }
    }
    took.sort_unstable();
    Ok(took.get(rounds / 2).copied().unwrap_or_default())
}
