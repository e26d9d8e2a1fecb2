//! The disk under a rehearsal's journal: the real one, until the scenario says that it is
//! full.
//!
//! Then it behaves as a full disk does: nothing more can be written, but what is removed
//! makes room again. So the journal's writer meets it with everything it has, the reserve
//! for its last words included, and what it wrote before is really there.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::journal::disk::{Disk, DiskFile, RealDisk};
use crate::world::World;

/// A disk that is full while its world says so.
pub struct RehearsedDisk {
    room: Room,
}

/// How much can be written while the disk is full.
#[derive(Clone)]
struct Room {
    world: World,
    freed: Arc<AtomicU64>,
}

impl RehearsedDisk {
    /// The disk of a world.
    pub fn of(world: &World) -> Arc<dyn Disk> {
        Arc::new(Self { room: Room { world: world.clone(), freed: Arc::default() } })
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(RehearsedFile { file, room: self.room.clone() })
    }
}

impl Room {
    /// Something was removed.
    fn free(&self, bytes: u64) {
        if self.world.disk_is_full() {
            self.freed.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    /// How many of the bytes there is room for.
    fn take(&self, bytes: usize) -> io::Result<usize> {
        if !self.world.disk_is_full() {
            self.freed.store(0, Ordering::Relaxed);
            return Ok(bytes);
        }
        let wanted = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.freed.load(Ordering::Relaxed);
        let taken = wanted.min(before);
        self.freed.store(before - taken, Ordering::Relaxed);
        match usize::try_from(taken) {
            Ok(taken) if taken > 0 || bytes == 0 => Ok(taken),
            _ => Err(rustix::io::Errno::NOSPC.into()),
        }
    }
}

impl fmt::Debug for RehearsedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RehearsedDisk").field("freed", &self.room.freed).finish_non_exhaustive()
    }
}

impl Disk for RehearsedDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path).map(|file| self.file(file))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.append(path).map(|file| self.file(file))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let bytes = path.symlink_metadata().map_or(0, |metadata| metadata.len());
        RealDisk.remove(path)?;
        self.room.free(bytes);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.sync_folder(folder)
    }

    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
}

struct RehearsedFile {
    file: Box<dyn DiskFile>,
    room: Room,
}

impl fmt::Debug for RehearsedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RehearsedFile").field("file", &self.file).finish_non_exhaustive()
    }
}

impl DiskFile for RehearsedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room.take(bytes.len())?;
        self.file.write(bytes.get(..room).unwrap_or_default())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::app::headless;
    use crate::journal::{Blobs, Reader, SessionDir, Writer};
    use crate::redact::Redactor;
    use crate::session::{At, Event};
    use crate::world::Scenario;

    fn scenario() -> Scenario {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("runbooks/scenarios/rolling-deploy-disk-full.yaml");
        Scenario::load(&file).unwrap()
    }

    #[test]
    fn a_full_disk_stops_the_session_and_loses_nothing() {
        crate::ports::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("20260105-100000-full-0001");
        std::fs::create_dir(&path).unwrap();
        let dir = SessionDir::new(path).unwrap();
        let bundle = crate::runbook::load::load("rolling-deploy").unwrap();
        let scenario = scenario();
        let outcome = headless::walk(&bundle, &scenario, &dir).unwrap();

        let stop = outcome.stopped.clone().unwrap();
        assert!(stop.of_journal && stop.why.contains("the journal cannot be written: No space left on device"), "{}", stop.why);
        assert_eq!(headless::compare(&scenario, &outcome), []);
        // What was recorded is there, whole, and the last record says why it is the last.
        let records: Vec<_> = Reader::open(&dir, Blobs::Resolve).unwrap().map(|line| line.unwrap().record).collect();
        assert_eq!(records.len() as u64, outcome.records);
        let Some(Event::SessionPaused(last)) = records.last().and_then(|r| r.event.clone()) else {
            panic!("{:?}", records.last())
        };
        assert!(last.paused && last.reason.unwrap().contains("No space left on device"));
        // With room again the session goes on behind it.
        let at = At { wall: headless::epoch(), mono_ms: 3_600_000 };
        let resumed = Writer::resume(&dir, Redactor::new(), at).unwrap();
        assert_eq!(resumed.records.len(), records.len());
    }

    #[test]
    fn what_is_removed_from_a_full_disk_can_be_written_again() {
        let text = "pacenote-scenario: 1\nscenario: a\nrunbook: ../a.yaml\nevents: [{after: now, disk: full}]\n";
        let clock = crate::world::Clock::start(headless::epoch());
        let world = World::new(&Scenario::read("a.yaml", text).unwrap(), crate::world::Surroundings::default(), clock);
        let (folder, disk) = (tempfile::tempdir().unwrap(), RehearsedDisk::of(&world));
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        assert_eq!(disk.create(&old).unwrap().write(b"12345").unwrap(), 5);

        world.step_ended("now");
        let mut file = disk.create(&new).unwrap();
        assert_eq!(file.write(b"1").unwrap_err().kind(), io::ErrorKind::StorageFull);
        disk.remove(&old).unwrap();
        assert_eq!(file.write(b"12345678").unwrap(), 5);
        assert_eq!(file.write(b"1").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&new).unwrap(), b"12345");
    }
}
