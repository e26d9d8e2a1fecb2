use std::path::Path;
use std::sync::{Condvar, Mutex};

use super::*;
use crate::app::Walk;
use crate::app::doors::{Doors, Frame};
use crate::app::headless;
use crate::app::opening::Who;
use crate::clock::Clock;
use crate::journal::SessionDir;
use crate::journal::disk::{Disk, DiskFile, RealDisk};
use crate::ports::{Cluster, HttpPort};
use crate::redact::Redactor;
use crate::session::Session;
use crate::session::event::Note;
use crate::session::intent::Starter;
use crate::session::message::Command;
use crate::world::{Scenario, World};

/// A disk that takes everything, and syncs nothing while it is held.
#[derive(Debug, Clone, Default)]
struct HeldDisk(Arc<(Mutex<bool>, Condvar)>);

#[derive(Debug)]
struct HeldFile(Box<dyn DiskFile>, HeldDisk);

impl HeldDisk {
    fn hold(&self, held: bool) {
        *self.0.0.lock().unwrap() = held;
        self.0.1.notify_all();
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(HeldFile(file, self.clone()))
    }
}

impl Disk for HeldDisk {
    fn create(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path).map(|file| self.file(file))
    }
    fn append(&self, path: &Path) -> std::io::Result<Box<dyn DiskFile>> {
        RealDisk.append(path).map(|file| self.file(file))
    }
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        RealDisk.read(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> std::io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_folder(&self, folder: &Path) -> std::io::Result<()> {
        RealDisk.sync_folder(folder)
    }
    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
}

impl DiskFile for HeldFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }
    fn sync(&mut self) -> std::io::Result<()> {
        let (held, freed) = &*self.1.0;
        drop(freed.wait_while(held.lock().unwrap(), |held| *held).unwrap());
        self.0.sync()
    }
    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.0.cut(length)
    }
}

fn at(mono_ms: u64) -> At {
    At { wall: headless::epoch(), mono_ms }
}

/// A rehearsal opened on a disk.
struct Opened {
    _folder: tempfile::TempDir,
    dir: SessionDir,
    session: Session,
    writer: Writer,
    clock: Clock,
    world: World,
}

fn opened(disk: &HeldDisk) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("20260105-100000-test-0001");
    std::fs::create_dir(&path).unwrap();
    let dir = SessionDir::new(path).unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/scenarios/rolling-deploy-all-good.yaml");
    let bundle = crate::runbook::load::load("rolling-deploy").unwrap();
    let scenario = Scenario::load(&scenario).unwrap();
    let world_clock = crate::world::Clock::start(headless::epoch());
    let mut clock = Clock::simulated(world_clock.epoch(), 1.0);
    let opening = headless::opening(&bundle, &scenario, None, &[], Who::default()).unwrap();
    let world = World::new(&scenario, headless::surroundings(&opening.plan, &scenario), world_clock);
    let (session, writer) = opening.open_on(Arc::new(disk.clone()), &dir, Redactor::new(), &mut clock).unwrap();
    Opened { _folder: folder, dir, session, writer, clock, world }
}

impl Opened {
    fn walk(self) -> (tempfile::TempDir, SessionDir, Walk) {
        let frame = Frame {
            session: self.dir.clone(),
            bundle: self.dir.bundle(),
            secrets: Arc::new(crate::app::RehearsalSecrets),
            outputs: crate::app::outputs(&self.dir, &Redactor::new()),
            clock: self.clock,
        };
        let cluster = Cluster::from_router(self.world.router(), self.world.namespace(), self.dir.sid());
        let doors = Doors::simulated(frame, HttpPort::router(self.world.router()), cluster, self.world, 1.0);
        (self._folder, self.dir, Walk::new(self.session, self.writer, self.clock, Redactor::new(), doors).unwrap())
    }
}

fn note(text: &str) -> Event {
    Event::NoteAdded(Note { path: None, text: text.to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_disk_leaves_an_append_outstanding_and_gives_it_later() {
    let disk = HeldDisk::default();
    let opened = opened(&disk);
    let mut pen = Pen::new(opened.writer);
    let before = pen.records();
    assert!(pen.append(at(1), &note("at once")).unwrap().is_ok());
    assert!(pen.records() == before + 1 && pen.outstanding().is_none());

    disk.hold(true);
    assert!(pen.append(at(2), &note("held")).is_none());
    assert_eq!(pen.outstanding().map(|(at, _)| at), Some(at(2)));
    assert_eq!(pen.records(), before + 1, "what waits is not written");

    disk.hold(false);
    let (stamped, written) = pen.written().await;
    assert_eq!((stamped, written.unwrap().record.seq), (at(2), before + 1));
    assert!(pen.records() == before + 2 && pen.outstanding().is_none());
    // Nothing is left over that could be taken for the answer to the next.
    assert_eq!(pen.append(at(3), &note("after")).unwrap().unwrap().record.seq, before + 2);
    drop(pen);
    let lines = std::fs::read_to_string(opened.dir.journal()).unwrap().lines().count();
    assert_eq!(lines as u64, before + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_pen_that_is_put_down_lets_go_of_the_session() {
    let opened = opened(&HeldDisk::default());
    let pen = Pen::new(opened.writer);
    let resume = || Writer::resume(&opened.dir, Redactor::new(), at(5));
    assert!(resume().is_err(), "it is in use");
    drop(pen);
    resume().unwrap();
}

#[tokio::test(start_paused = true)]
async fn on_virtual_time_everything_is_written_on_the_spot() {
    let opened = opened(&HeldDisk::default());
    let mut pen = Pen::new(opened.writer);
    assert!(matches!(pen.place, Place::Here(_)));
    assert!(pen.append(at(1), &note("now")).unwrap().is_ok());
}

/// While the disk hangs the walk turns, refuses what would have to be written, and says
/// why; afterwards everything that was said or came meanwhile is there, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_walk_goes_on_where_the_disk_made_it_wait() {
    let disk = HeldDisk::default();
    let (_folder, dir, mut walk) = opened(&disk).walk();
    let say = |walk: &mut Walk, text: &str| walk.command(Command::Note { text: text.to_owned() }, Starter::Operator);
    say(&mut walk, "before").unwrap();
    disk.hold(true);
    say(&mut walk, "while it hangs").unwrap();
    assert!(walk.waiting_for_disk().is_some());
    let refusal = say(&mut walk, "too early").unwrap_err();
    assert!(refusal.0.contains("The disk has not yet taken record"), "{refusal}");
    // Readings come in, and are shown, meanwhile.
    while walk.live.panels.iter().all(|panel| panel.updated.is_none()) {
        walk.turn().await;
    }
    assert!(walk.waiting_for_disk().is_some() && walk.failed().is_none());

    disk.hold(false);
    while walk.waiting_for_disk().is_some() {
        walk.turn().await;
    }
    say(&mut walk, "after").unwrap();
    walk.stop_watching().await;
    let journal = std::fs::read_to_string(dir.journal()).unwrap();
    let place = |text: &str| journal.find(text).unwrap_or_else(|| panic!("{text} is missing in {journal}"));
    assert!(place("before") < place("while it hangs") && place("while it hangs") < place("after"));
    assert!(!journal.contains("too early"));
}
