//! `pacenote` alone: unfinished sessions first, then the runbooks.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use clap::Parser as _;
use ratatui::Frame;
use ratatui::crossterm::event::KeyEvent;

use super::args::{Cli, Command, Global};
use super::console::Console;
use super::{Basis, modal};
use crate::error::{Exit, Problem};
use crate::journal::{SessionState, SessionSummary};
use crate::runbook::{duration, load};
use crate::session::event::Mode;
use crate::terminal::capabilities::Capabilities;
use crate::tui::launcher::{Launcher, LauncherAction, LauncherEvent, LauncherItem, LauncherKind};

/// So many sessions that are over are listed.
const FINISHED: usize = 20;

struct Screen {
    launcher: Launcher,
    look: modal::Look,
}

impl modal::Modal for Screen {
    type Answer = LauncherEvent;

    fn draw(&self, frame: &mut Frame<'_>) {
        self.launcher.view(&self.look.theme, self.look.ascii, frame);
        if self.look.ascii {
            crate::tui::theme::to_ascii(frame.buffer_mut());
        }
    }

    fn key(&mut self, key: KeyEvent) -> Option<LauncherEvent> {
        self.launcher.handle(key)
    }

    fn paste(&mut self, _text: &str) {}
}

/// Shows what there is, and does what was chosen.
pub(super) fn run(console: &mut Console, basis: &Basis, global: &Global) -> Result<Exit, Problem> {
    let capabilities = Capabilities::from_env(|name| std::env::var(name).ok());
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() || !capabilities.screen {
        return Err(Problem::usage("the launcher needs a terminal").hint("`pacenote --help` lists the commands"));
    }
    let state = basis.state()?;
    let sessions = state.sessions().map_err(|e| super::explain_state(&e))?;
    // The newest first; of those that are over only the last ones.
    let (mut items, mut over): (Vec<_>, Vec<_>) =
        sessions.iter().rev().filter_map(session).partition(|i: &LauncherItem| i.kind != LauncherKind::Finished);
    over.truncate(FINISHED);
    items.append(&mut over);
    items.extend(runbooks());
    let mut screen = Screen { launcher: Launcher::new(items), look: modal::Look::of(basis, capabilities) };
    let answer =
        modal::show("pacenote", &mut screen).map_err(|e| Problem::cannot_start(format!("the terminal cannot be used: {e}")))?;
    let Some(LauncherEvent::Chosen(action, id)) = answer else { return Ok(Exit::Done) };
    let words: &[&str] = match action {
        LauncherAction::Resume => &["resume"],
        LauncherAction::Review => &["show"],
        LauncherAction::Rehearse => &["rehearse"],
        LauncherAction::DryRun => &["run", "--dry-run"],
        LauncherAction::Run => &["run"],
    };
    let arguments = std::iter::once("pacenote").chain(words.iter().copied()).chain(std::iter::once(id.as_str()));
    let chosen = Cli::try_parse_from(arguments).map_err(Problem::usage)?;
    let command: Option<Command> = chosen.command;
    super::dispatch(Cli { global: global.clone(), command }, console)
}

/// A session as a line.
fn session(summary: &SessionSummary) -> Option<LauncherItem> {
    let opened = summary.opened.as_ref()?;
    let (kind, actions, stands) = match &summary.state {
        // Its world ended with it.
        SessionState::Unfinished if opened.mode == Mode::Rehearsal => {
            (LauncherKind::Finished, vec![LauncherAction::Review], "rehearsal, left".to_owned())
        }
        SessionState::Unfinished => {
            (LauncherKind::Unfinished, vec![LauncherAction::Resume, LauncherAction::Review], "unfinished".to_owned())
        }
        SessionState::Closed { outcome } => (LauncherKind::Finished, vec![LauncherAction::Review], outcome.as_str().to_owned()),
        SessionState::Running { .. } => (LauncherKind::Finished, vec![LauncherAction::Review], "running elsewhere".to_owned()),
        SessionState::Empty | SessionState::Unreadable { .. } => return None,
    };
    let version = opened.version.as_ref().map(|v| format!(" {v}")).unwrap_or_default();
    Some(LauncherItem {
        kind,
        id: summary.sid.clone(),
        title: format!("{}{version}", opened.title),
        facts: format!("{stands} {}", opened.environment),
        detail: format!("session {} by {} on {}", summary.sid, opened.operator, opened.host),
        actions,
    })
}

/// The runbooks of this folder and of the library.
fn runbooks() -> Vec<LauncherItem> {
    let here = std::fs::read_dir(".").into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
    let mut files: Vec<String> = here
        .filter(|p| p.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .map(|p| p.strip_prefix(".").unwrap_or(&p).display().to_string())
        .collect();
    files.sort();
    let library = load::library().iter().filter(|(path, _)| !path.contains('/'));
    let shipped = library.filter_map(|(path, _)| Path::new(path).file_stem().map(|s| s.to_string_lossy().into_owned()));
    let all = files.into_iter().map(|f| (f, true)).chain(shipped.map(|s| (s, false)));
    all.filter_map(|(id, own)| {
        // A file that is no runbook, or has mistakes, is none that can be chosen.
        let bundle = load::load(&id).ok()?;
        let runbook = &bundle.root;
        let estimate = runbook.estimate.map(|e| format!("~{}", duration::format(e))).unwrap_or_default();
        let actions = if own {
            vec![LauncherAction::Run, LauncherAction::Rehearse]
        } else {
            vec![LauncherAction::Rehearse, LauncherAction::Run]
        };
        Some(LauncherItem {
            kind: LauncherKind::Runbook,
            title: runbook.title.clone(),
            facts: estimate,
            detail: runbook.description.clone().unwrap_or_default().lines().next().unwrap_or_default().to_owned(),
            id,
            actions,
        })
    })
    .collect()
}
