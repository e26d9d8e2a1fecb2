//! How far each session had come at its last seal, kept outside its folder.
//!
//! A journal that was put back to an earlier state (a restored backup, a copied folder)
//! is intact; its mark says that there was more. And the witness that tells marks and
//! ledger of each seal.

use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::StateDir;
use super::ledger::{About, Ledger};
use crate::journal::disk::{Disk as _, RealDisk, open_for_reading};
use crate::journal::format::hex;
use crate::journal::summary::opened_summary;
use crate::journal::{Blobs, Mark, Reader, Role, SessionDir, Witness};
use crate::session::Event;
use crate::session::figures::Count;

/// The marks of a state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    folder: PathBuf,
}

impl Marks {
    /// Those of a state folder. Touches nothing.
    pub fn of(state: &StateDir) -> Self {
        Self { folder: state.path().join("marks") }
    }

    /// The mark of a session, where it was ever sealed.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(&self, sid: &str) -> io::Result<Option<Mark>> {
        let mut text = String::new();
        match open_for_reading(&self.file(sid)).and_then(|file| file.take(4096).read_to_string(&mut text)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
            Ok(_) => {}
        }
        let mark: Mark = serde_json::from_str(&text)?;
        if mark.sid == sid { Ok(Some(mark)) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "it is another session's")) }
    }

    /// The sessions that have a mark, in order.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn sessions(&self) -> io::Result<Vec<String>> {
        let listed = match self.folder.read_dir() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        let names = listed.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let names: io::Result<Vec<Option<String>>> = names.collect();
        let mut found: Vec<String> =
            names?.iter().flatten().filter_map(|name| name.strip_suffix(".json")).map(str::to_owned).collect();
        found.sort();
        Ok(found)
    }

    /// Sets the mark of a session.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn set(&self, mark: &Mark) -> io::Result<()> {
        match std::fs::DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        let path = self.file(&mark.sid);
        let part = path.with_extension("part");
        match std::fs::remove_file(&part) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(&serde_json::to_vec(mark)?)?;
        file.sync_data()?;
        RealDisk.rename(&part, &path)?;
        RealDisk.sync_folder(&self.folder)
    }

    fn file(&self, sid: &str) -> PathBuf {
        self.folder.join(format!("{sid}.json"))
    }

    /// Whether a journal holds everything up to its mark; `Err` says what is missing.
    ///
    /// # Errors
    /// A sentence: records are missing, or others stand in their place.
    pub fn check(&self, dir: &SessionDir) -> Result<(), String> {
        let mark = self.read(dir.sid()).map_err(|e| format!("its mark cannot be read: {e}"))?;
        let Some(mark) = mark else { return Ok(()) };
        // What cannot be read is refused by whoever goes on with it, with a better reason.
        let Ok(reader) = Reader::open(dir, Blobs::Heads) else { return Ok(()) };
        let mut last = None;
        for line in reader {
            let Ok(line) = line else { return Ok(()) };
            last = Some(line.record.seq);
            if line.record.seq == mark.seq {
                return if hex(&line.hash) == mark.head {
                    Ok(())
                } else {
                    Err(format!("its record {} is not the one that was sealed", mark.seq))
                };
            }
        }
        let until = last.map_or_else(|| "is empty".to_owned(), |seq| format!("ends with record {seq}"));
        Err(format!("it {until}, and record {} was sealed", mark.seq))
    }
}

/// Tells marks and ledger.
#[derive(Debug)]
pub struct Notes {
    marks: Marks,
    ledger: Ledger,
    sessions: PathBuf,
    opened: bool,
}

impl Notes {
    /// For a session of a state folder. `resumed`: it was opened before.
    pub fn of(state: &StateDir, resumed: bool) -> Self {
        Self { marks: Marks::of(state), ledger: Ledger::of(state), sessions: state.sessions_folder(), opened: resumed }
    }
}

impl Witness for Notes {
    fn sealed(&mut self, role: Role, mark: &Mark, at: DateTime<Utc>) -> Result<(), String> {
        self.marks.set(mark).map_err(|e| format!("the mark in {}: {e}", self.marks.folder.display()))?;
        let kind = match role {
            Role::Segment => return Ok(()),
            Role::Open if self.opened => "session.resumed",
            Role::Open => "session.opened",
            Role::Close => "session.closed",
        };
        self.opened = true;
        let dir = SessionDir::new(self.sessions.join(&mark.sid));
        let about = dir.map(|dir| about(&dir, role == Role::Close)).unwrap_or_default();
        self.ledger.append(kind, mark, at, about).map(|_| ()).map_err(|e| e.to_string())
    }
}

/// What a journal says of its session: the opening alone, or all of it at its close. From
/// the file, since that is redacted; where it cannot be read nothing is said.
pub fn about(dir: &SessionDir, whole: bool) -> About {
    let Ok(reader) = Reader::open(dir, Blobs::Heads) else { return About::default() };
    let (mut opened, mut count) = (None, Count::default());
    for line in reader {
        let Ok(line) = line else { return About { opened, ..About::default() } };
        let Some(event) = &line.record.event else { continue };
        if let Event::SessionOpened(first) = event {
            opened = Some(Box::new(opened_summary(first, line.record.ts).clipped()));
            if !whole {
                break;
            }
        }
        count.take(line.record.ts, event);
    }
    About { opened, figures: whole.then(|| Box::new(count.figures())), ..About::default() }
}
