//! Freezes: who said that nothing new may start on an environment, and why.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::lease::{Leases, set};
use crate::journal::disk::{Disk as _, RealDisk, open_for_reading};
use crate::ports::Cluster;
use crate::session::lease::{of_freeze, slug};

/// More than a freeze's text has.
const MOST: u64 = 64 * 1024;
/// The annotation of a Lease that is a freeze.
const FREEZE: &str = "pacenote/freeze";
/// So often somebody else may be quicker.
const TRIES: usize = 3;

/// One freeze.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// The environment.
    pub environment: String,
    /// Why.
    pub reason: String,
    /// Who, for people.
    pub by: String,
    /// When.
    #[serde(with = "crate::session::time::stamp")]
    pub at: DateTime<Utc>,
    /// The session, where a step set it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<String>,
}

impl std::fmt::Display for Freeze {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { environment, reason, by, at, .. } = self;
        write!(f, "{environment} is frozen by {by} since {}: {reason}", at.format("%Y-%m-%d %H:%M UTC"))
    }
}

/// Where freezes are kept: the state folder, and the cluster where there is one.
#[derive(Debug, Clone)]
pub struct Freezes {
    folder: PathBuf,
    cluster: Option<Cluster>,
}

impl Freezes {
    /// Those of a folder and a cluster. Touches nothing.
    pub fn new(folder: PathBuf, cluster: Option<Cluster>) -> Self {
        Self { folder, cluster }
    }

    /// The freeze of an environment, if one is in force; that of the folder first.
    ///
    /// # Errors
    /// What could not be looked at, in words, beside what the other place says.
    pub async fn in_force(&self, environment: &str) -> (Option<Freeze>, Option<String>) {
        let (local, trouble) = match self.local(environment) {
            Ok(freeze) => (freeze, None),
            Err(error) => (None, Some(format!("freezes in {} cannot be read: {error}", self.folder.display()))),
        };
        if local.is_some() {
            return (local, trouble);
        }
        match self.remote(environment).await {
            Ok(freeze) => (freeze, trouble),
            Err(why) => (None, Some(format!("whether the cluster holds a freeze cannot be seen: {why}"))),
        }
    }

    /// The freeze in the state folder.
    ///
    /// # Errors
    /// Those of the disk, and for a file that cannot be understood.
    pub fn local(&self, environment: &str) -> io::Result<Option<Freeze>> {
        let mut bytes = Vec::new();
        match open_for_reading(&self.file(environment)).and_then(|file| file.take(MOST).read_to_end(&mut bytes)) {
            Ok(_) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The freeze in the cluster.
    ///
    /// # Errors
    /// A sentence when it cannot be told.
    pub async fn remote(&self, environment: &str) -> Result<Option<Freeze>, String> {
        let Some(cluster) = &self.cluster else { return Ok(None) };
        let found = Leases::of(cluster).get(&lease_name(environment)).await.map_err(|t| t.words)?;
        let text = found.as_ref().and_then(|l| l.pointer("/metadata/annotations")?.get(FREEZE)?.as_str());
        text.map(|t| serde_json::from_str(t).map_err(|e| format!("the freeze's Lease cannot be understood: {e}"))).transpose()
    }

    /// Whether there is a cluster to tell.
    pub fn has_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    /// Sets a freeze, in the folder and then in the cluster.
    ///
    /// # Errors
    /// A sentence that says which of the two was not told.
    pub async fn set(&self, freeze: &Freeze) -> Result<(), String> {
        self.write(freeze).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let Some(cluster) = &self.cluster else { return Ok(()) };
        let not_told = |why: String| format!("set on this machine, but the cluster was not told: {why}");
        let leases = Leases::of(cluster);
        let name = lease_name(&freeze.environment);
        let text = serde_json::to_string(freeze).map_err(|e| e.to_string())?;
        let mut last = String::new();
        for _ in 0..TRIES {
            let found = leases.get(&name).await.map_err(|t| not_told(t.words))?;
            let there = found.is_some();
            let mut object = found.unwrap_or_else(|| leases.fresh(&name, &freeze.environment));
            set(&mut object, &["metadata", "annotations", FREEZE], json!(text));
            set(&mut object, &["spec", "holderIdentity"], json!(freeze.by));
            let written = if there { leases.replace(&name, &object).await } else { leases.create(&object).await };
            match written {
                Ok(_) => return Ok(()),
                Err(trouble) if trouble.conflict || trouble.unknown => last = trouble.words,
                Err(trouble) => return Err(not_told(trouble.words)),
            }
        }
        Err(not_told(last))
    }

    /// Lifts the freeze of an environment. True: there was one.
    ///
    /// # Errors
    /// A sentence when it cannot be lifted everywhere.
    pub async fn lift(&self, environment: &str) -> Result<bool, String> {
        let local = match std::fs::remove_file(self.file(environment)) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(format!("{}: {error}", self.folder.display())),
        };
        let Some(cluster) = &self.cluster else { return Ok(local) };
        let leases = Leases::of(cluster);
        let name = lease_name(environment);
        let found: Option<Value> = leases.get(&name).await.map_err(|t| t.words)?;
        let Some(object) = found else { return Ok(local) };
        match leases.delete(&name, &object).await {
            Ok(()) => Ok(true),
            Err(trouble) if trouble.gone => Ok(true),
            Err(trouble) => Err(trouble.words),
        }
    }

    fn file(&self, environment: &str) -> PathBuf {
        self.folder.join(format!("{}.json", slug("freeze", environment)))
    }

    fn write(&self, freeze: &Freeze) -> io::Result<()> {
        make_folder(&self.folder)?;
        let path = self.file(&freeze.environment);
        let part = path.with_extension(format!("{}.part", std::process::id()));
        #[expect(clippy::cast_possible_wrap, reason = "the flags are small")]
        let nofollow = OFlags::NOFOLLOW.bits() as i32;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).custom_flags(nofollow).open(&part)?;
        file.write_all(&serde_json::to_vec(freeze)?)?;
        file.sync_all()?;
        RealDisk.rename(&part, &path)?;
        RealDisk.sync_folder(&self.folder)
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn lease_name(environment: &str) -> String {
    of_freeze(environment)
}
