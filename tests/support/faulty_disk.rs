//! A disk that fails as disks do: it runs full, errs at the N-th operation, tears writes,
//! and at a power cut loses what was not synced.
//!
//! It keeps a model of what is durable beside real files in a temporary folder, so that
//! everything that reads (the reader, verify, a healthy disk) sees the result.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use pacenote::journal::disk::{Disk, DiskFile, RealDisk};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The N-th operation fails and does nothing.
    Once(i32),
    /// The N-th operation and all after it fail and do nothing.
    Lasting(i32),
    /// The N-th operation, if it is a write, writes half and then fails; later ones work.
    Torn(i32),
    /// The N-th operation, if it is a write, writes half and says so; the next fails.
    Short(i32),
}

#[derive(Debug, Default)]
struct Model {
    /// Operations so far, and which of them fails how.
    operations: u64,
    fault: Option<(u64, Fault)>,
    /// Bytes the disk holds, where that is limited.
    capacity: Option<usize>,
    files: Vec<Contents>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
}

#[derive(Debug, Default, Clone)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyDisk(Arc<Mutex<Model>>);

impl FaultyDisk {
    /// One on which the N-th operation (from 1) fails.
    pub(crate) fn failing(operation: u64, fault: Fault) -> Self {
        let disk = Self::default();
        disk.model().fault = Some((operation, fault));
        disk
    }

    /// One that holds so many bytes.
    pub(crate) fn holding(capacity: usize) -> Self {
        let disk = Self::default();
        disk.model().capacity = Some(capacity);
        disk
    }

    /// How many operations were asked for.
    pub(crate) fn operations(&self) -> u64 {
        self.model().operations
    }

    /// The power fails. What was not synced may be there, may be gone, may be torn; the
    /// seed says which (0: all of it is gone). Nothing may use the disk afterwards.
    pub(crate) fn cut_power(&self, seed: u64) {
        let model = self.model();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut after = BTreeMap::new();
        let paths: std::collections::BTreeSet<_> = model.names.keys().chain(model.durable_names.keys()).cloned().collect();
        for path in paths {
            let newer = seed != 0 && rng.bool();
            let file = if newer { model.names.get(&path) } else { model.durable_names.get(&path) };
            let contents = file.map(|&file| model.files[file].survives(seed, &mut rng));
            after.insert(path, contents);
        }
        for (path, contents) in after {
            match contents {
                Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                None => std::fs::remove_file(&path).unwrap_or_default(),
            }
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap()
    }
}

impl Contents {
    /// What a power cut leaves of a file.
    fn survives(&self, seed: u64, rng: &mut fastrand::Rng) -> Vec<u8> {
        if seed == 0 || !self.now.starts_with(&self.durable) {
            return if seed != 0 && rng.bool() { self.now.clone() } else { self.durable.clone() };
        }
        let kept = rng.usize(self.durable.len()..=self.now.len());
        let mut left = self.now[..kept].to_vec();
        if rng.bool() {
            // The length reached the disk, the bytes did not.
            left.resize(rng.usize(kept..=self.now.len()), 0);
        }
        left
    }
}

/// What becomes of an operation.
enum Fate {
    Works,
    /// Does half of it and fails then.
    Half(io::Error),
    /// Does half of it and says so.
    SaysHalf,
}

impl Model {
    fn operate(&mut self) -> io::Result<Fate> {
        self.operations += 1;
        let Some((at, fault)) = self.fault else { return Ok(Fate::Works) };
        let now = self.operations;
        match fault {
            Fault::Once(errno) if now == at => Err(io::Error::from_raw_os_error(errno)),
            Fault::Lasting(errno) if now >= at => Err(io::Error::from_raw_os_error(errno)),
            Fault::Torn(errno) if now == at => Ok(Fate::Half(io::Error::from_raw_os_error(errno))),
            Fault::Short(_) if now == at => Ok(Fate::SaysHalf),
            Fault::Short(errno) if now == at + 1 => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(Fate::Works),
        }
    }

    /// An operation that cannot be done by halves.
    fn whole(&mut self) -> io::Result<()> {
        match self.operate()? {
            Fate::Half(error) => Err(error),
            Fate::Works | Fate::SaysHalf => Ok(()),
        }
    }

    fn used(&self) -> usize {
        self.names.values().map(|&file| self.files[file].now.len()).sum()
    }

    /// The file of a name; one that was there before us is durable.
    fn file(&mut self, path: &Path) -> io::Result<usize> {
        if let Some(&file) = self.names.get(path) {
            return Ok(file);
        }
        let bytes = RealDisk.read(path)?;
        self.files.push(Contents { now: bytes.clone(), durable: bytes });
        let file = self.files.len() - 1;
        self.names.insert(path.to_owned(), file);
        self.durable_names.insert(path.to_owned(), file);
        Ok(file)
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut model = self.model();
        model.whole()?;
        let real = RealDisk.create(path)?;
        model.files.push(Contents::default());
        let file = model.files.len() - 1;
        model.names.insert(path.to_owned(), file);
        Ok(Box::new(FaultyFile { disk: self.clone(), file, real }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut model = self.model();
        model.whole()?;
        let file = model.file(path)?;
        Ok(Box::new(FaultyFile { disk: self.clone(), file, real: RealDisk.append(path)? }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut model = self.model();
        model.whole()?;
        model.file(path)?;
        RealDisk.read(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut model = self.model();
        model.whole()?;
        let file = model.file(from)?;
        RealDisk.rename(from, to)?;
        model.names.remove(from);
        model.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut model = self.model();
        model.whole()?;
        model.file(path)?;
        RealDisk.remove(path)?;
        model.names.remove(path);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut model = self.model();
        model.whole()?;
        let in_folder = |path: &Path| path.parent() == Some(folder);
        let names: Vec<_> = model.names.iter().filter(|(path, _)| in_folder(path)).map(|(p, &f)| (p.clone(), f)).collect();
        model.durable_names.retain(|path, _| !in_folder(path));
        model.durable_names.extend(names);
        Ok(())
    }

    fn exists(&self, path: &Path) -> bool {
        RealDisk.exists(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    file: usize,
    real: Box<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut model = self.disk.model();
        let (wanted, then) = match model.operate()? {
            Fate::Works => (bytes.len(), None),
            Fate::SaysHalf => (bytes.len() / 2, None),
            Fate::Half(error) => (bytes.len() / 2, Some(error)),
        };
        let room = model.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(model.used()));
        if room == 0 && wanted > 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let part = &bytes[..wanted.min(room)];
        pacenote::journal::disk::write_all(&mut *self.real, part)?;
        model.files[self.file].now.extend_from_slice(part);
        then.map_or(Ok(part.len()), Err)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut model = self.disk.model();
        model.whole()?;
        let file = &mut model.files[self.file];
        file.durable = file.now.clone();
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut model = self.disk.model();
        model.whole()?;
        self.real.cut(length)?;
        model.files[self.file].now.truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}
