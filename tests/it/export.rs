//! Exports of real journals: what is in them, what must not be, and what a browser makes
//! of the page.

use std::path::{Path, PathBuf};

use pacenote::app::{headless, opening};
use pacenote::journal::SessionDir;
use pacenote::report::{self, Beside, Source, Story};
use pacenote::runbook::load;
use pacenote::state::StateDir;
use pacenote::world::Scenario;

mod attacks;
mod browser;

/// A rehearsed session, its journal on disk.
pub(super) struct Walked {
    _temp: tempfile::TempDir,
    pub(super) dir: SessionDir,
}

/// Walks a scenario of the library.
pub(super) fn walk(runbook: &str, scenario: &str) -> Walked {
    pacenote::ports::install_crypto();
    let temp = tempfile::tempdir().unwrap();
    let state = StateDir::open(&temp.path().join("state")).unwrap();
    let dir = state.create_session(&format!("20260105-100000-{scenario}-00002a")).unwrap();
    let path = format!("scenarios/{runbook}-{scenario}.yaml");
    let (_, text) = load::library().iter().find(|(shown, _)| *shown == path).expect("a scenario");
    let bundle = load::load(runbook).unwrap_or_else(|_| panic!("{runbook} has mistakes"));
    opening::keep_bundle(&dir, &bundle).unwrap();
    headless::walk(&bundle, &Scenario::read(&path, text).unwrap(), &dir).unwrap();
    Walked { _temp: temp, dir }
}

/// The story of a journal.
pub(super) fn story(journal: &Path) -> Story {
    let source = Source::read(journal).unwrap();
    let signals = Beside::signals_of(&source);
    Story::of(source, Beside { kin: None, signals })
}

/// Where pages are kept for a look at them.
pub(super) fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("export");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

#[test]
fn a_session_comes_out_in_every_form() {
    for (runbook, scenario) in [("canary-deploy", "bad-canary"), ("canary-deploy", "all-good")] {
        let walked = walk(runbook, scenario);
        let story = story(&walked.dir.journal());
        std::fs::write(kept(&format!("{scenario}.html")), report::html(&story)).unwrap();
        std::fs::write(kept(&format!("{scenario}.md")), report::markdown(&story)).unwrap();
        std::fs::write(kept(&format!("{scenario}.json")), report::json(&story)).unwrap();
        std::fs::write(kept(&format!("{scenario}.csv")), report::csv(&story)).unwrap();
        std::fs::write(kept(&format!("{scenario}.cast")), report::asciicast(&story)).unwrap();
        std::fs::write(kept(&format!("{scenario}.tar")), report::pack(&story, walked.dir.path(), None, None).unwrap()).unwrap();
    }
}
