//! The lines of `preflight` at the start of a live session: shown as they come in, and gone
//! on from by the operator where one of them is not as it should be.
//!
//! It keeps nobody for long: what has not answered by then may be passed, and where all is
//! well nobody is asked anything. What was passed although it was not good is for the
//! record. Nobody is asked where nobody sits: the lines are printed, and what forbids a
//! start is judged after them, as ever.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;
use tokio::sync::mpsc;

use super::super::modal::{self, Look, Modal};
use super::super::preflight::{counted, rendered};
use crate::app::preflight::{self, Around, Line, Part, Verdict};
use crate::error::{Exit, Problem};
use crate::redact::Redactor;
use crate::session::admission::Deviations;
use crate::terminal::lines::LineReader;
use crate::terminal::signals::{Signals, TerminalSignal};
use crate::tui::preflight::{Check, Found, PreflightAnswer, PreflightScreen};

/// Nobody has to wait longer for what has not answered.
const LIMIT: Duration = Duration::from_secs(15);
/// What has just appeared is not answered by a key that was meant for something else.
const RIPE: Duration = Duration::from_millis(500);

/// Who looks at the lines.
pub(in crate::cli) enum Face {
    /// Somebody, on the screen.
    Screen(Box<Look>),
    /// Somebody, in lines.
    Lines,
    /// Nobody: answers come from a file.
    Nobody,
}

/// What is taken into the session.
pub(in crate::cli) struct Passed {
    /// For the sheet.
    pub rows: Vec<(String, String, bool)>,
    /// For the record: what was gone on from.
    pub deviations: Deviations,
}

/// What comes while it is asked.
enum News {
    Told(Part, Vec<Line>),
    /// It has been asked for so many seconds.
    Second(u64),
    /// The limit is over.
    Late,
    /// Everything was told.
    End,
}

/// Asks, shows, and lets the operator decide.
///
/// # Errors
/// When the operator leaves, and when the terminal cannot be used.
pub(in crate::cli) async fn ask(around: &Around<'_>, face: Face, redactor: &Redactor) -> Result<Passed, Problem> {
    // Every part is told once, so that all of it always fits.
    let (send, mut news) = mpsc::channel(Part::ALL.len() + 2 + LIMIT.as_secs() as usize);
    let tell = |part, lines| {
        let _ = send.try_send(News::Told(part, lines));
    };
    let asking = async {
        let ended = async {
            preflight::tell(around, &tell).await;
            let _ = send.try_send(News::End);
        };
        let late = async {
            for second in 1..=LIMIT.as_secs() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let _ = send.try_send(News::Second(second));
            }
            let _ = send.try_send(News::Late);
        };
        tokio::join!(ended, late);
    };
    let mut seen = Seen { redactor, lines: Vec::new(), working: Part::ALL.to_vec() };
    let shown = async {
        match face {
            Face::Screen(look) => on_screen(&mut seen, &mut news, *look, around).await,
            Face::Lines => in_lines(&mut seen, &mut news, io::stdin().is_terminal()).await,
            Face::Nobody => in_lines(&mut seen, &mut news, false).await,
        }
    };
    tokio::select! {
        shown = shown => shown?,
        () = async { asking.await; std::future::pending().await } => {}
    }
    Ok(seen.passed())
}

/// The lines so far.
struct Seen<'a> {
    redactor: &'a Redactor,
    lines: Vec<(Part, Line)>,
    working: Vec<Part>,
}

impl Seen<'_> {
    fn take(&mut self, part: Part, lines: Vec<Line>) {
        let clean = |mut line: Line| {
            line.found = self.redactor.clean(line.found);
            (part, line)
        };
        self.lines.extend(lines.into_iter().map(clean));
        self.working.retain(|working| *working != part);
    }

    fn is_good(&self) -> bool {
        self.working.is_empty() && self.lines.iter().all(|(_, line)| line.is_good())
    }

    /// The lines, what is wrong first.
    fn sorted(&self) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().map(|(_, line)| line).collect();
        lines.sort_by_key(|line| match line.verdict {
            Verdict::Fail => 0,
            Verdict::Unknown if !line.never_asked => 1,
            Verdict::Warn => 2,
            Verdict::Pass => 3,
            Verdict::Unknown => 4,
        });
        lines
    }

    /// What is still not known although it was asked.
    fn unanswered(&self) -> impl Iterator<Item = String> {
        self.working.iter().map(|part| format!("{}: no answer when the session began", part.name()))
    }

    fn passed(self) -> Passed {
        let said = |line: &Line| format!("{}: {}", line.about, line.found);
        let deviated = self.lines.iter().filter(|(_, line)| line.is_deviated_from()).map(|(_, line)| said(line));
        let deviations = deviated.chain(self.unanswered()).map(|reason| ("preflight", reason)).collect();
        let row = |line: &&Line| {
            let next = line.next.as_ref().filter(|_| !line.is_good()).map(|next| format!("; next: {next}")).unwrap_or_default();
            (line.about.clone(), format!("{}{next}", line.found), !line.is_good())
        };
        let mut rows: Vec<_> = self.sorted().iter().map(row).collect();
        rows.extend(self.working.iter().map(|part| (part.name().to_owned(), "no answer then".to_owned(), true)));
        Passed { rows, deviations }
    }
}

fn left() -> Problem {
    Problem::with_exit("no session was begun", Exit::CannotStart)
        .hint("put right what is wrong, or go on all the same: it is written into the record")
}

/// The lines on a screen of their own.
struct Shown {
    screen: PreflightScreen,
    look: Look,
    changed: Instant,
}

impl Modal for Shown {
    type Answer = PreflightAnswer;

    fn draw(&self, frame: &mut Frame<'_>) {
        self.screen.view(&self.look.theme, self.look.ascii, frame);
    }

    fn key(&mut self, key: KeyEvent) -> Option<PreflightAnswer> {
        self.screen.handle(key, self.changed.elapsed() >= RIPE)
    }

    fn paste(&mut self, _text: &str) {}
}

async fn on_screen(seen: &mut Seen<'_>, news: &mut mpsc::Receiver<News>, look: Look, around: &Around<'_>) -> Result<(), Problem> {
    let header = around.draft.header(around.clock.now());
    let target = format!("LIVE {}", header.target.as_deref().unwrap_or(&header.environment));
    let mut screen = PreflightScreen::new(header.title, target, names(&seen.working));
    screen.asking = (0, LIMIT.as_secs());
    let mut shown = Shown { screen, look, changed: Instant::now() };
    let answer = modal::shown("pacenote: before it starts", &mut shown, news, |shown, news| {
        match news {
            News::Told(part, lines) => {
                seen.take(part, lines);
                shown.screen.checks = seen.sorted().into_iter().map(check).collect();
                shown.screen.working = names(&seen.working);
                if !seen.lines.iter().all(|(_, line)| line.is_good()) {
                    shown.changed = Instant::now();
                }
            }
            News::Second(second) => shown.screen.asking.0 = second,
            News::Late => shown.screen.late = true,
            News::End => {}
        }
        seen.is_good().then_some(PreflightAnswer::GoOn)
    });
    match answer.await.map_err(|e| Problem::cannot_start(format!("the terminal cannot be used: {e}")))? {
        Some(PreflightAnswer::GoOn) => Ok(()),
        Some(PreflightAnswer::Leave) | None => Err(left()),
    }
}

fn names(parts: &[Part]) -> Vec<String> {
    parts.iter().map(|part| part.name().to_owned()).collect()
}

fn check(line: &Line) -> Check {
    let found = match line.verdict {
        Verdict::Pass => Found::Good,
        Verdict::Warn => Found::Warn,
        Verdict::Fail => Found::Bad,
        Verdict::Unknown if line.never_asked => Found::Open,
        Verdict::Unknown => Found::Unknown,
    };
    Check { about: line.about.clone(), found, text: line.found.clone(), next: line.next.clone() }
}

/// Prints the lines; `asks`: somebody can answer.
async fn in_lines(seen: &mut Seen<'_>, news: &mut mpsc::Receiver<News>, asks: bool) -> Result<(), Problem> {
    say("Before it starts:");
    while let Some(news) = news.recv().await {
        match news {
            News::Told(part, lines) => {
                for line in rendered(&lines) {
                    say(&format!("  {line}"));
                }
                seen.take(part, lines);
            }
            News::Second(_) => {}
            News::Late | News::End => break,
        }
    }
    for part in &seen.working {
        say(&format!("  ????  {}: no answer yet; it is not waited for", part.name()));
    }
    let lines: Vec<Line> = seen.lines.iter().map(|(_, line)| line.clone()).collect();
    say(&format!("  {}", counted(&lines)));
    if seen.is_good() || !asks {
        return Ok(());
    }
    say("Go on all the same? It is written into the record. Type: go | leave");
    let unreadable = |e: io::Error| Problem::cannot_start(format!("standard input cannot be read: {e}"));
    let mut signals = Signals::new().map_err(unreadable)?;
    let (_reader, mut typed) = LineReader::start().map_err(unreadable)?;
    loop {
        tokio::select! {
            signal = signals.next() => if signal != TerminalSignal::Resize { return Err(left()) },
            line = typed.recv() => match line.as_deref().map(str::trim) {
                Some("go") => return Ok(()),
                Some("leave") | None => return Err(left()),
                Some(_) => say("Type: go | leave"),
            },
        }
    }
}

fn say(text: &str) {
    // Whoever has stopped reading is not kept from anything.
    let _ = writeln!(io::stdout(), "{text}");
    let _ = io::stdout().flush();
}
