//! Jumps of the wall clock while a session is walked.
//!
//! Nothing is decided by the wall clock: waits, gates and guards count monotonic time. But
//! people read it on the screen and in the record, windows are in it, and panels take the
//! age of what others stamped from it. So a jump is said, and noted in the record where it
//! happened. A machine that slept looks the same: its monotonic clock stood still.

use chrono::TimeDelta;

use crate::session::At;
use crate::tui::text::duration;

/// Less than this is a clock being kept in step.
const JUMP_MS: i64 = 2_000;
/// Standing notices of jumps begin so.
const CLOCK: &str = "CLOCK ";

/// Keeps the wall clock against the monotonic one.
#[derive(Debug, Default)]
pub(super) struct WallWatch {
    /// Wall minus monotonic time when it was last looked at, milliseconds.
    offset: Option<i64>,
}

impl WallWatch {
    /// Looks at a moment; says by how much the wall clock has jumped since the last.
    pub(super) fn look(&mut self, at: At) -> Option<TimeDelta> {
        let offset = at.wall.timestamp_millis().saturating_sub(i64::try_from(at.mono_ms).unwrap_or(i64::MAX));
        let before = self.offset.replace(offset)?;
        let jumped = offset.saturating_sub(before);
        (jumped.abs() >= JUMP_MS).then(|| TimeDelta::milliseconds(jumped))
    }
}

/// What a jump means, for the record and the screen.
pub(super) fn words(jumped: TimeDelta) -> String {
    let by = duration(jumped.num_milliseconds().unsigned_abs());
    if jumped > TimeDelta::zero() {
        format!(
            "the wall clock went forward by {by}: it was set, or this machine slept. Waits and gates count time awake; what \
             came before shows as old until it is read again"
        )
    } else {
        format!(
            "the wall clock was set back by {by}. Waits and gates are not affected; times in the record repeat themselves, \
             their order does not"
        )
    }
}

/// Makes a jump the standing notice; an earlier one goes.
pub(super) fn notice(notices: &mut Vec<String>, at: At, words: &str) {
    notices.retain(|notice| !notice.starts_with(CLOCK));
    notices.push(format!("{CLOCK}JUMPED at {} UTC: {words}.", at.wall.format("%H:%M:%S")));
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::app::doors::{Doors, Frame};
    use crate::app::opening::Who;
    use crate::app::{Walk, headless};
    use crate::clock::Clock;
    use crate::journal::SessionDir;
    use crate::ports::{Cluster, HttpPort};
    use crate::redact::Redactor;
    use crate::world::{Scenario, World};

    #[test]
    fn a_clock_that_is_kept_in_step_does_not_jump() {
        let start = headless::epoch();
        let at = |wall_ms: i64, mono_ms: u64| At { wall: start + TimeDelta::milliseconds(wall_ms), mono_ms };
        let mut watch = WallWatch::default();
        for (wall_ms, mono_ms, jumped) in [
            (0, 0, None),
            (1_000, 1_000, None),
            // Slewed, and stepped a little.
            (61_500, 60_000, None),
            (3_661_500, 60_000, Some(3_600_000)),
            (3_662_500, 61_000, None),
            // Back to where it was; and once is said once.
            (62_500, 62_000, Some(-3_601_000)),
            (63_500, 63_000, None),
        ] {
            assert_eq!(watch.look(at(wall_ms, mono_ms)), jumped.map(TimeDelta::milliseconds), "{wall_ms} {mono_ms}");
        }
    }

    /// A rehearsal that has just begun.
    fn begun(folder: &Path) -> Walk {
        let path = folder.join("20260105-100000-test-0001");
        std::fs::create_dir(&path).unwrap();
        let dir = SessionDir::new(path).unwrap();
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/scenarios/rolling-deploy-all-good.yaml");
        let bundle = crate::runbook::load::load("rolling-deploy").unwrap();
        let scenario = Scenario::load(&scenario).unwrap();
        let world_clock = crate::world::Clock::start(headless::epoch());
        let mut clock = Clock::simulated(world_clock.epoch(), 1.0);
        let opening = headless::opening(&bundle, &scenario, None, &[], Who::default()).unwrap();
        let world = World::new(&scenario, headless::surroundings(&opening.plan, &scenario), world_clock);
        let (session, writer) = opening.open(&dir, Redactor::new(), &mut clock).unwrap();
        let frame = Frame {
            session: dir.clone(),
            bundle: dir.bundle(),
            secrets: Arc::new(crate::app::RehearsalSecrets),
            outputs: crate::app::outputs(&dir, &Redactor::new()),
            clock,
        };
        let cluster = Cluster::from_router(world.router(), world.namespace(), dir.sid());
        let doors = Doors::simulated(frame, HttpPort::router(world.router()), cluster, world, 1.0);
        Walk::new(session, writer, clock, Redactor::new(), doors).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_goes_on_through_jumps_and_says_them() {
        for (hours, said) in [(1, "went forward by"), (-1, "was set back by")] {
            let folder = tempfile::tempdir().unwrap();
            let mut walk = begun(folder.path());
            for _ in 0..20 {
                walk.turn().await;
            }
            assert!(!walk.notices.iter().any(|notice| notice.starts_with(CLOCK)), "{:?}", walk.notices);
            let (before, asked) = (walk.now(), format!("{:?}", walk.session().prompt(walk.now())));
            crate::clock::tests::SET_BY.set(TimeDelta::hours(hours));
            walk.turn().await;
            let [notice] = walk.notices.iter().filter(|n| n.starts_with(CLOCK)).collect::<Vec<_>>().try_into().unwrap();
            assert!(notice.contains(said), "{notice}");
            // Noted in the record, once, and nothing else came of it: what is asked is the same,
            // no time has passed for gates and waits, and no guard has tripped.
            for _ in 0..20 {
                walk.turn().await;
            }
            crate::clock::tests::SET_BY.set(TimeDelta::zero());
            let noted = walk.session().notes().iter().filter(|(_, text)| text.contains(said)).count();
            assert_eq!((noted, walk.failed()), (1, None));
            let now = walk.now();
            assert_eq!(format!("{:?}", walk.session().prompt(now)), asked);
            assert!(now.mono_ms - before.mono_ms < 60_000, "{now:?} after {before:?}");
            assert!(walk.session().guard_views(now).iter().all(|g| g.state != crate::session::view::GuardState::Tripped));
        }
    }
}
