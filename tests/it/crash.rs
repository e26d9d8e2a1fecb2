//! The program is killed at any moment of an unattended live session, again and again,
//! and resumed until the session is done.
//!
//! Each change of the runbook appends one line to one file, so the file says what was
//! really done. After each kill: what was printed is in the journal, the journal is
//! intact, and everything done was intended first. At the end: no record was lost, every
//! line is there once. `PACENOTE_CRASHES` says how often at least it is killed (default
//! 100; 1,000 in `.ci/run`), `PACENOTE_CRASH_SEED` repeats a run.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The changes, in order.
const CHANGES: [&str; 4] = ["first", "second", "third", "fourth"];
/// Sessions at a time.
const THREADS: usize = 3;
/// No start of the program may take longer; what it may wait for is 10 s.
const DEADLINE: Duration = Duration::from_secs(60);
/// After so many kills a session is left in peace.
const MOST_KILLS: u32 = 5;
/// After so many starts it has to be done.
const MOST_STARTS: u32 = 12;

/// One session's folder.
struct Place {
    home: tempfile::TempDir,
}

/// When a start of the program is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after it was started.
    After(Duration),
    /// So long after it printed so many lines: most of what can go wrong lies within
    /// milliseconds of a record, where moments of the whole session seldom fall.
    Printed(usize, Duration),
}

impl Moment {
    fn any(random: &mut fastrand::Rng, span: Duration) -> Self {
        if random.bool() {
            Self::After(span.mul_f64(random.f64()))
        } else {
            Self::Printed(random.usize(1..45), Duration::from_micros(random.u64(..20_000)))
        }
    }
}

/// How one start of the program went.
struct Went {
    /// Its exit code, or none where it was killed.
    exit: Option<i32>,
    killed: bool,
    printed: String,
    complained: String,
    took: Duration,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("out"), "").unwrap();
        Self { home }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn state(&self) -> PathBuf {
        self.path("state")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("HOME", self.home.path()).env("PATH", "/usr/bin:/bin").current_dir(self.home.path());
        command.stdin(Stdio::null()).args(arguments).arg("--state-dir").arg(self.state());
        command
    }

    /// Starts a walk, and kills it at a moment unless it has ended by itself before.
    fn walk(&self, arguments: &[&str], dies: Option<Moment>) -> Result<Went, String> {
        let answers = fixture("answers.yaml");
        let complaints = fs::File::create(self.path("stderr")).unwrap();
        let mut command = self.command(arguments);
        command.args(["--plain", "--answers"]).arg(answers).stdout(Stdio::piped()).stderr(complaints);
        let begun = Instant::now();
        let mut child = command.spawn().unwrap();
        let pipe = child.stdout.take().unwrap();
        let (send, printed) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                text.push_str(&line);
                text.push('\n');
                // Nobody listens any more once it is killed.
                let _ = send.send(());
            }
            text
        });
        // Nothing it starts holds its output open, so the end of it is its own end.
        let mut lines = 0;
        let mut due = begun + if let Some(Moment::After(time)) = dies { time } else { DEADLINE };
        let late = loop {
            match printed.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(()) => lines += 1,
                Err(why) => break why == RecvTimeoutError::Timeout,
            }
            if let Some(Moment::Printed(count, time)) = dies
                && lines == count
            {
                due = Instant::now() + time;
            }
        };
        if late {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        let took = begun.elapsed();
        let printed = reader.join().unwrap();
        let complained = fs::read_to_string(self.path("stderr")).unwrap();
        if late && took >= DEADLINE {
            return Err(format!("{arguments:?} hangs; it printed\n{printed}{complained}"));
        }
        Ok(Went { exit: status.code(), killed: status.code().is_none(), printed, complained, took })
    }

    /// The journals: one, or a second where the program was killed before it opened the
    /// first.
    fn journals(&self) -> Vec<PathBuf> {
        let Ok(sessions) = fs::read_dir(self.state().join("sessions")) else { return Vec::new() };
        let journal = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path().join("journal.jsonl");
        sessions.map(journal).filter(|journal| fs::metadata(journal).is_ok_and(|m| m.len() > 0)).collect()
    }

    /// What was really done.
    fn done(&self) -> Vec<String> {
        fs::read_to_string(self.path("out")).unwrap().lines().map(str::to_owned).collect()
    }

    /// Kills what watches over commands, with the commands, as a machine that goes down
    /// would: every process of the supervisors' own process sessions.
    fn kill_commands(&self, journal: &Path) -> u64 {
        let runs = fs::read_dir(journal.parent().unwrap()).unwrap();
        let claims = runs.filter_map(|entry| fs::read(entry.unwrap().path().join("claim.json")).ok());
        let claims = claims.filter_map(|claim| serde_json::from_slice::<Value>(&claim).ok());
        let sessions: Vec<i64> = claims.filter_map(|claim| claim["pid"].as_i64()).collect();
        let mut killed = 0;
        for process in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
            let fields: Vec<&str> = stat.rsplit_once(')').map_or(vec![], |(_, rest)| rest.split_whitespace().collect());
            let session = fields.get(3).and_then(|field| field.parse::<i64>().ok());
            if session.is_some_and(|session| sessions.contains(&session)) && fields[0] != "Z" {
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                killed += u64::from(rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok());
            }
        }
        killed
    }

    fn verify(&self, journal: &Path) -> Result<(), String> {
        let output = self.command(&["verify"]).arg(journal).output().unwrap();
        match output.status.code() {
            // Open or torn, or closed by a key nobody was told to trust.
            Some(5 | 6) => Ok(()),
            code => Err(format!("verify ends with {code:?}: {}", String::from_utf8_lossy(&output.stdout))),
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/crash").join(name)
}

/// Leaves the beginning of a record at the end, which a killed program seldom does and a
/// machine that goes down may. A closed journal has no record that could be torn.
fn tear(journal: &Path) {
    let bytes = fs::read(journal).unwrap();
    let closed = records(&bytes).1.iter().any(|r| r["type"] == "session.closed");
    if bytes.ends_with(b"\n") && !closed {
        fs::write(journal, [bytes.as_slice(), &bytes[..40]].concat()).unwrap();
    }
}

/// The whole lines, and the records in them.
fn records(bytes: &[u8]) -> (&[u8], Vec<Value>) {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let whole = &bytes[..whole];
    let lines = whole.split_inclusive(|byte| *byte == b'\n');
    (whole, lines.map(|line| serde_json::from_slice(line).unwrap()).collect())
}

fn paths<'a>(records: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a str> {
    records.iter().filter(move |r| r["type"] == kind).filter_map(|r| r["data"]["path"].as_str())
}

/// What holds at every moment, kill or not.
fn holds(place: &Place, before: &[u8], bytes: &[u8], went: &Went) -> Result<Vec<Value>, String> {
    let (_, records) = records(bytes);
    let (kept, _) = self::records(before);
    if !bytes.starts_with(kept) {
        return Err("records that were there are gone or changed".into());
    }
    for line in went.printed.lines() {
        let (Some(said), kind) = (if line.contains(" = ") {
            (line.split_once(" = "), "step.ended")
        } else {
            (line.split_once(" > "), "step.entered")
        }) else {
            continue;
        };
        let path = said.1.split(':').next().unwrap_or_default();
        if !paths(&records, kind).any(|p| p == path) {
            return Err(format!("`{line}` was printed, and there is no {kind} of it"));
        }
    }
    let done = place.done();
    for (n, line) in done.iter().enumerate() {
        if done[..n].contains(line) {
            return Err(format!("{line} was done twice: {done:?}"));
        }
        let intended = |r: &&Value| {
            r["type"] == "effect.intended" && r["data"]["purpose"]["is"] == "step" && r["data"]["path"] == line.as_str()
        };
        if !records.iter().any(|r| intended(&r)) {
            return Err(format!("{line} was done and never intended"));
        }
    }
    Ok(records)
}

/// Sums over all sessions.
#[derive(Default)]
struct Figures {
    kills: AtomicU64,
    resumes: AtomicU64,
    unopened: AtomicU64,
    commands: AtomicU64,
    looked: AtomicU64,
    retried: AtomicU64,
    torn: AtomicU64,
}

/// One session, killed and resumed until it is done. Errors carry its story.
fn one(seed: u64, span: Duration, figures: &Figures) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let place = Place::new();
    let mut story = String::new();
    let told = |story: &str, why: String, place: &Place| {
        let journal = place.journals().last().map(|j| fs::read_to_string(j).unwrap_or_default()).unwrap_or_default();
        format!("{why}\n{story}{journal}")
    };
    let mut kills = 0;
    let mut before = Vec::new();
    for _ in 0..MOST_STARTS {
        let opened = !place.journals().is_empty();
        let runbook = fixture("release.yaml").display().to_string();
        let input = format!("out={}", place.path("out").display());
        let run = ["run", runbook.as_str(), "--trust", "--input", input.as_str()];
        let arguments: &[&str] = if opened { &["resume"] } else { &run };
        // The first is always killed, what follows as a rule: a resume dies as well.
        let dies = kills == 0 || (kills < MOST_KILLS && random.u8(..3) > 0);
        let after = dies.then(|| Moment::any(&mut random, span));
        let went = place.walk(arguments, after).map_err(|why| told(&story, why, &place))?;
        kills += u32::from(went.killed);
        figures.kills.fetch_add(u64::from(went.killed), Ordering::Relaxed);
        figures.resumes.fetch_add(u64::from(opened), Ordering::Relaxed);
        let _ = writeln!(story, "{} after {after:?}: exit {:?}\n{}{}", arguments[0], went.exit, went.printed, went.complained);
        let journals = place.journals();
        let [journal] = journals.as_slice() else {
            // What is found before the start is printed before there is a journal.
            let beforehand = |line: &str| line == "Before it starts:" || line.starts_with("  ");
            if journals.is_empty() && went.killed && place.done().is_empty() && went.printed.lines().all(beforehand) {
                figures.unopened.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            return Err(told(&story, format!("{} journals", journals.len()), &place));
        };
        if went.killed && random.u8(..3) == 0 {
            figures.commands.fetch_add(place.kill_commands(journal), Ordering::Relaxed);
            tear(journal);
        }
        let bytes = fs::read(journal).unwrap();
        let records = holds(&place, &before, &bytes, &went).map_err(|why| told(&story, why, &place))?;
        place.verify(journal).map_err(|why| told(&story, why, &place))?;
        figures.torn.fetch_add(u64::from(!bytes.ends_with(b"\n")), Ordering::Relaxed);
        before = bytes;
        let closed = records.iter().find(|r| r["type"] == "session.closed");
        if let Some(closed) = closed {
            let effects = |purpose: &str| records.iter().filter(|r| r["data"]["purpose"]["is"] == purpose).count();
            figures.looked.fetch_add(effects("look") as u64, Ordering::Relaxed);
            figures.retried.fetch_add((effects("step") - 5) as u64, Ordering::Relaxed);
            if closed["data"]["outcome"] != "completed" || place.done() != CHANGES {
                return Err(told(&story, format!("it ends with {:?} done", place.done()), &place));
            }
            return Ok(());
        }
        if !went.killed {
            return Err(told(&story, format!("it stopped by itself: {}", went.complained), &place));
        }
    }
    Err(told(&story, format!("not done after {MOST_STARTS} starts"), &place))
}

#[test]
fn killed_at_any_moment_nothing_is_lost_or_done_twice() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let wanted = number("PACENOTE_CRASHES").unwrap_or(100);
    let seed = number("PACENOTE_CRASH_SEED").unwrap_or_else(|| fastrand::u64(..));
    let place = Place::new();
    let input = format!("out={}", place.path("out").display());
    let runbook = fixture("release.yaml").display().to_string();
    let undisturbed = place.walk(&["run", &runbook, "--trust", "--input", &input], None).unwrap();
    assert_eq!((undisturbed.exit, place.done()), (Some(0), CHANGES.map(str::to_owned).to_vec()), "{}", undisturbed.complained);

    let (figures, next) = (Figures::default(), AtomicU64::new(0));
    let failures = Mutex::new(Vec::new());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    if figures.kills.load(Ordering::Relaxed) >= wanted || !failures.lock().unwrap().is_empty() {
                        return;
                    }
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if let Err(why) = one(seed.wrapping_add(n), undisturbed.took, &figures) {
                        failures.lock().unwrap().push(format!("PACENOTE_CRASH_SEED={}: {why}", seed.wrapping_add(n)));
                    }
                }
            });
        }
    });
    let count = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
    let sessions = count(&next);
    let report = format!(
        "seed {seed}: {sessions} sessions of {:?} in {:?}: {} kills ({} before the journal was opened, {} \
         processes of commands besides), {} resumes, {} torn tails, \
         {} looks, {} steps started anew",
        undisturbed.took,
        begun.elapsed(),
        count(&figures.kills),
        count(&figures.unopened),
        count(&figures.commands),
        count(&figures.resumes),
        count(&figures.torn),
        count(&figures.looked),
        count(&figures.retried),
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{report}\n{} failed; the first:\n{}", failures.len(), failures[0]);
    assert!(count(&figures.kills) >= wanted && count(&figures.resumes) > 0, "{report}");
    let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{report}\n").as_bytes());
}
