//! A live session, put together: everything it reads and acts through is real.

use std::sync::Arc;

use super::face;
use crate::app::anchors::Told;
use crate::app::doors::{Doors, Frame};
use crate::app::{self, Approvals, Walk, watch};
use crate::cli::args::WalkArgs;
use crate::cli::{Basis, demands};
use crate::clock::Clock;
use crate::coordination::{Freeze, Freezes, Lock, Watch};
use crate::error::{Exit, Problem};
use crate::journal::{SessionDir, Writer};
use crate::ports::Cluster;
use crate::redact::Redactor;
use crate::secrets::{Secret, Secrets};
use crate::session::Session;
use crate::session::event::Mode;
use crate::signature::AllowedSigners;
use crate::world::answers::Answers;

/// What is kept watch over while a session is walked.
pub(in crate::cli) struct Watched {
    pub(in crate::cli) notices: Vec<String>,
    pub(in crate::cli) lock: Option<Lock>,
    pub(in crate::cli) freezes: Option<(Freezes, String)>,
    pub(in crate::cli) freeze: Option<Freeze>,
    /// What was found before the start, for the sheet.
    pub(in crate::cli) preflight: Vec<(String, String, bool)>,
    /// Whose approvals count; none where there is no list of keys.
    pub(in crate::cli) signers: Option<AllowedSigners>,
}

/// The parts of one live session.
pub(in crate::cli) struct Live<'a> {
    pub(in crate::cli) basis: &'a Basis,
    pub(in crate::cli) session: Session,
    pub(in crate::cli) writer: Writer,
    pub(in crate::cli) clock: Clock,
    pub(in crate::cli) redactor: Redactor,
    pub(in crate::cli) dir: &'a SessionDir,
    pub(in crate::cli) cluster: Option<Cluster>,
    pub(in crate::cli) secrets: Arc<Secrets>,
    pub(in crate::cli) watched: Watched,
    pub(in crate::cli) anchors: Option<Told>,
}

impl Live<'_> {
    /// Walks it to its end.
    ///
    /// # Errors
    /// When a secret that a signal needs cannot be had, or the walk cannot be begun.
    pub(in crate::cli) async fn walk(self, arguments: &WalkArgs, unattended: Option<(Answers, u64)>) -> Result<Exit, Problem> {
        let Self { basis, session, writer, clock, redactor, dir, cluster, secrets, watched, anchors } = self;
        let at = clock.now();
        let mut headers = watch::Headers { pace: 1.0, ..watch::Headers::default() };
        for name in watch::secrets_needed(&session, at) {
            let value = secrets.resolve(&name).await.map_err(|e| {
                Problem::cannot_start(format!("a secret that a signal needs cannot be had: {e}"))
                    .hint("set it, or take the header out of the runbook")
            })?;
            headers.secrets.insert(name, value.expose().to_owned());
        }
        let program = std::env::current_exe()
            .map_err(|e| Problem::cannot_start(format!("this program's own file cannot be found: {e}")))?;
        let frame = Frame {
            session: dir.clone(),
            bundle: dir.bundle(),
            secrets: secrets.clone(),
            outputs: app::outputs(dir, &redactor),
            clock,
        };
        let mut doors = Doors::live(frame, demands::door(basis), cluster, program, headers);
        doors.effects.dry_run = session.mode() == Mode::DryRun;
        doors.effects.freezes = watched.freezes.as_ref().map(|(freezes, _)| freezes.clone());
        doors.notices = watched.notices;
        doors.notices.extend(demands::announcement(basis));
        doors.coordination = Some(Watch::start(watched.lock, watched.freezes, watched.freeze));
        doors.anchors = anchors;
        doors.approvals = Approvals::signed(watched.signers, basis.policy.rules.groups.clone(), dir.path());
        let mut walk = Walk::new(session, writer, clock, redactor, doors).map_err(Problem::cannot_start)?;
        walk.preflight = watched.preflight;
        let mut keep = |name: &str, value: &str| secrets.give(name, Secret::new(value)).map_err(|e| e.to_string());
        face(basis, walk, arguments, unattended, &mut keep).await
    }
}
