//! From a journal to a film of it: the session with the runbook it was walked by.

use std::path::{Component, Path};
use std::sync::Arc;

use super::Film;
use crate::app::watch;
use crate::live::{PanelKind, PanelSpec};
use crate::replay::{Playback, Player, Tape};
use crate::report::Source;
use crate::runbook::load::{self, Bundle};
use crate::session::event::Opened;
use crate::session::{At, Event, Plan, Session};

/// A film of a journal, at its beginning. `old` is the session it rolls back, where its
/// first record names one.
///
/// # Errors
/// A fragment for people: nothing of it can be read, or the runbook is not beside it, or
/// not the one it was walked by.
pub fn open(source: Source, old: Option<&Session>, playback: Playback) -> Result<Film, String> {
    let first = source.records.first().ok_or("no record of the journal can be read")?;
    let Some(event @ Event::SessionOpened(opened)) = &first.event else {
        return Err("the journal does not begin with `session.opened`".to_owned());
    };
    let bundle = bundle_beside(&source.path, opened)?;
    let name = Some(opened.environment.name.as_str()).filter(|name| !name.is_empty());
    let plan = Arc::new(Plan::new(bundle.root.clone(), bundle.called.clone(), name).map_err(|e| e.to_string())?);
    let at = At { wall: first.ts, mono_ms: first.mono_ms };
    let begun = match old {
        Some(old) => Session::open_after(plan, &first.sid, at, event, old),
        None => Session::open(plan, &first.sid, at, event),
    };
    let session = begun.map_err(|e| e.to_string())?;
    let specs = panels(&session, at);
    let last = source.records.last().map_or(0, |record| record.seq);
    let player = Player::new(Tape::new(source.records), session, &specs);
    Ok(Film::new(player, playback, &source.path, last))
}

/// The panels of the runbook's signals. Where a signal cannot be worked out, all stay
/// empty and say why: another's values under a wrong name would be worse.
fn panels(session: &Session, at: At) -> Vec<PanelSpec> {
    match watch::resolve(session, at, &watch::Headers::default()) {
        Ok(signals) => signals.iter().map(crate::signals::ResolvedSignal::panel).collect(),
        Err(why) => {
            let unavailable = |signal: &crate::runbook::model::Signal| PanelSpec {
                name: signal.name.value.clone(),
                title: signal.name.value.clone(),
                every_ms: 10_000,
                kind: PanelKind::Unavailable(why.clone()),
            };
            session.plan().runbook().signals.iter().map(unavailable).collect()
        }
    }
}

/// The runbook kept beside a journal, and none but the one that was walked.
fn bundle_beside(journal: &Path, opened: &Opened) -> Result<Bundle, String> {
    let (root, _) = opened.bundle.files.first().ok_or("the journal names no runbook file")?;
    if !Path::new(root).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(format!("the journal names `{root}` as its runbook, which leads out of its folder"));
    }
    let file = journal.with_file_name("bundle").join(root);
    if !file.is_file() {
        return Err(format!("the runbook it was walked by is not beside it: {} is missing", file.display()));
    }
    let bundle = load::load(&file.to_string_lossy())
        .map_err(|report| format!("the runbook kept with it is none any more: it has {} mistakes", report.errors()))?;
    if bundle.sha256 != opened.bundle.sha256 {
        return Err("the runbook kept with it is not the one it was walked by".to_owned());
    }
    Ok(bundle)
}
