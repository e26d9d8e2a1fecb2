//! What it costs to open the replay of a long session and to move in it: four hours with
//! a reading every second, the most a journal takes, a gate that judges each 15 seconds and
//! guards that follow each reading. The README's figures come from here:
//! `cargo bench --bench replay`.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pacenote::app::{self, replay};
use pacenote::journal::{SessionDir, Writer};
use pacenote::redact::Redactor;
use pacenote::replay::Playback;
use pacenote::report::Source;
use pacenote::runbook::load;
use pacenote::session::Event;
use pacenote::session::event::{EnteredAs, StepEntered};
use pacenote::session::path::StepPath;
use pacenote::state::StateDir;
use pacenote::tui::{self, Transport, Ui};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

#[expect(dead_code, clippy::unwrap_used, reason = "the tests of the journal use the rest, and may panic")]
#[path = "../tests/support/samples.rs"]
mod samples;

#[path = "../tests/support/four_hours.rs"]
mod four_hours;

#[path = "../tests/support/no_sync.rs"]
mod no_sync;

use four_hours::{SECONDS, judged, sampled};

const ROUNDS: usize = 5;
const SID: &str = "20261121-033344-canary-deploy-7f3a9c";
/// Six signals, two guards on them, a step and a long gate.
const RUNBOOK: &str = "\
pacenote: 1
runbook: long
title: A long watch
owner: benchmarks
risk: low
environments:
  production: {prometheus: {url: 'https://prometheus.example.com'}}
signals:
  signal_0: {prometheus: up, warn: 1, critical: 5}
  signal_1: {prometheus: up, warn: 1}
  signal_2: {prometheus: up}
  signal_3: {prometheus: up}
  signal_4: {prometheus: up}
  signal_5: {prometheus: up}
guards:
  - {id: high, when: signals.signal_0.value > 90 && signals.signal_1.value > 90, for: 1m, then: hold}
  - {id: low, when: signals.signal_2.value < -90 || signals.signal_3.value < -90, for: 1m, then: hold}
steps:
  - id: image
    title: Change it
    run: {script: ./deploy.sh}
    undo: {none: nothing stays}
  - id: soak
    title: Watch
    timeout: 5h
    gate: {pass: signals.signal_0.value < 90, for: 4h}
";

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[expect(clippy::print_stdout, reason = "a benchmark says what it measured")]
fn main() -> Outcome {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let dir = StateDir::open(&temp.path().join("state"))?.create_session(SID)?;
    let records = write(&dir)?;
    let (mut opened, mut end, mut back, mut step) = (Duration::MAX, Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let source = Source::read(&dir.journal())?;
        let mut film = replay::open(source, None, Playback::new(1.0, None))?;
        film.transport(Transport::Edge(true))?;
        draw(&film)?;
        opened = opened.min(start.elapsed());
        if film.player().folded() as u64 != records {
            return Err(format!("{:?}, after {} of {records} records", film.player().error(), film.player().folded()).into());
        }
        film.transport(Transport::Edge(false))?;
        end = end.min(timed(|| film.transport(Transport::Edge(true)))?);
        back = back.min(timed(|| film.transport(Transport::Jump("-2h".into())))?);
        step = step.min(timed(|| film.transport(Transport::Step(false)))?);
    }
    let journal = dir.journal().metadata()?.len() as f64 / 1e6;
    println!("replay of a session of 4 h, {records} records, journal {journal:.1} MB (quickest of {ROUNDS})");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("  open, go to the end, draw: {:.0} ms", ms(opened));
    println!("  from the beginning to the end: {:.1} ms", ms(end));
    println!("  two hours back: {:.1} ms; one record back: {:.1} ms", ms(back), ms(step));
    Ok(())
}

fn timed(mut act: impl FnMut() -> Result<(), String>) -> Outcome<Duration> {
    let start = Instant::now();
    act()?;
    Ok(start.elapsed())
}

fn draw(film: &replay::Film) -> Outcome {
    let shown = film.shown();
    let (mut terminal, mut ui) = (Terminal::new(TestBackend::new(200, 50))?, Ui::default());
    tui::draw(&mut terminal, &film.screen(&shown), &mut ui, 0)?;
    Ok(())
}

fn write(dir: &SessionDir) -> Outcome<u64> {
    let file = dir.path().join("long.yaml");
    std::fs::write(&file, RUNBOOK)?;
    let bundle = load::load(&file.to_string_lossy()).map_err(|report| format!("{} mistakes", report.errors()))?;
    app::opening::keep_bundle(dir, &bundle)?;
    let mut opened = samples::opened();
    if let Event::SessionOpened(opened) = &mut opened {
        opened.bundle = app::bundle_record(&bundle);
        opened.environment.name = "production".into();
    }
    let mut writer = Writer::create_on(Arc::new(no_sync::NoSync), dir, Redactor::new())?;
    let mut records = 0;
    let mut append = |second: u64, event: &Event| -> Outcome {
        writer.append(samples::at(second * 1000), event)?;
        records += 1;
        Ok(())
    };
    append(0, &opened)?;
    for step in ["image", "soak"] {
        append(0, &entered(step))?;
    }
    for second in 1..SECONDS {
        append(second, &sampled(second))?;
        if second % 15 == 0 {
            append(second, &judged(second))?;
        }
        if second % 300 == 0 {
            let effect = second / 300;
            append(second, &samples::intended(effect, 2_000))?;
            append(second, &samples::ended(effect, BTreeMap::new(), None))?;
            append(second, &samples::note("as it was"))?;
        }
    }
    Ok(records)
}

fn entered(step: &str) -> Event {
    Event::StepEntered(StepEntered {
        path: StepPath::new(step),
        visit: 1,
        kind: EnteredAs::Step,
        title: step.to_owned(),
        item: None,
        items: None,
        with: BTreeMap::new(),
        cause: None,
        undoes: None,
    })
}
