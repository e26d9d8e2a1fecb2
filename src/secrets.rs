//! Secrets: from where the runbook says, at the moment one is sent, and nowhere else.
//!
//! A [`Secret`] cannot be printed, compared or serialised; it is told to the
//! redactor before anyone gets it. Nothing is read before the bundle was accepted:
//! [`Secrets`] is made from an [`Accepted`]. Environment variables and files are read
//! each time, so that a rotated one is used; commands and cluster Secrets are kept for
//! five minutes, so that a signal that polls does not ask a vault every few seconds.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use crate::effects::Secret;
use crate::effects::{SecretSource, clean_environment};
use crate::redact::{Redactor, TooShort};
use crate::runbook::model::SecretSource as Declared;
use crate::session::intent::{Piece, SecretName, SecretText};
use crate::subprocess;

/// How long a command may take to print a secret.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long what a command or a cluster said is used again.
const KEPT_FOR: Duration = Duration::from_secs(300);
/// A secret larger than this is a mistake.
const SIZE_LIMIT: u64 = 64 << 10;

/// Proof that the operator (or `--trust`) accepted what the runbook would run, contact
/// and read. Made by the acceptance of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    sha256: String,
    trusted_unseen: bool,
}

impl Accepted {
    /// Only the acceptance of a bundle may say so.
    pub(crate) fn bundle(sha256: String, trusted_unseen: bool) -> Self {
        Self { sha256, trusted_unseen }
    }

    /// The acceptance a session was opened with holds for its resumption: the bundle is
    /// the same, by hash.
    pub(crate) fn again(opened: &crate::session::event::Opened) -> Self {
        Self { sha256: opened.bundle.sha256.clone(), trusted_unseen: opened.trusted_unseen }
    }

    /// The bundle's hash.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Whether `--trust` accepted it, without looking; goes into `session.opened`.
    pub fn trusted_unseen(&self) -> bool {
        self.trusted_unseen
    }
}

/// Reads a key of a Kubernetes Secret in the session's namespace.
pub trait ClusterSecrets: Send + Sync {
    /// The value's bytes, decoded.
    ///
    /// # Errors
    /// Why it cannot be had, as a fragment.
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>>;
}

/// Why a secret cannot be had. Never holds any part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The runbook has no such secret input, or it has not been asked for.
    #[error("the secret input `{0}` has not been given")]
    NotGiven(String),
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    NoVariable(String),
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(String),
    /// It is not text.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// It is larger than any secret.
    #[error("{0} is larger than {SIZE_LIMIT} bytes")]
    TooLarge(String),
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {why}")]
    File {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// The command did not print it.
    #[error("the command {program} did not give the secret: {why}")]
    Command {
        /// Which.
        program: String,
        /// Why, with what it said on standard error.
        why: String,
    },
    /// It could not be kept out of the record.
    #[error(transparent)]
    TooShort(#[from] TooShort),
    /// The cluster did not give it.
    #[error("the Secret {name}/{key} cannot be read: {why}")]
    Cluster {
        /// Which.
        name: String,
        /// Its key.
        key: String,
        /// Why.
        why: String,
    },
}

/// Where a secret input is from.
enum Given {
    /// It was asked.
    Asked(Secret),
    /// As the runbook says.
    From(SecretName),
}

/// Resolves the names of secrets for one session.
pub struct Secrets {
    folder: PathBuf,
    inputs: std::sync::RwLock<BTreeMap<String, Given>>,
    redactor: Redactor,
    cluster: Option<Arc<dyn ClusterSecrets>>,
    kept: Mutex<BTreeMap<SecretName, (Instant, Secret)>>,
    /// Every value handed out, by the name that stands where it was taken out of a text.
    known: std::sync::Mutex<Vec<(String, Secret)>>,
}

impl Secrets {
    /// A resolver for an accepted bundle. `folder` is the runbook's: relative files are
    /// below it, commands run in it.
    pub fn new(_: &Accepted, folder: impl Into<PathBuf>, redactor: Redactor) -> Self {
        Self {
            folder: folder.into(),
            inputs: std::sync::RwLock::default(),
            redactor,
            cluster: None,
            kept: Mutex::default(),
            known: std::sync::Mutex::default(),
        }
    }

    /// Adds the cluster, so that its Secrets can be read.
    #[must_use]
    pub fn with_cluster(mut self, cluster: Arc<dyn ClusterSecrets>) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// A secret input that was asked for.
    ///
    /// # Errors
    /// When it is too short to be kept out of the record.
    pub fn give(&self, input: &str, value: Secret) -> Result<(), SecretError> {
        self.tell(input, &value)?;
        self.set(input, Given::Asked(value));
        Ok(())
    }

    /// A secret input that has a source in the runbook.
    pub fn declare(&self, input: &str, source: &Declared) {
        self.set(input, Given::From(name_of(source)));
    }

    /// Names of the secret inputs known here, for the record.
    pub fn given(&self) -> Vec<String> {
        self.inputs.read().map(|inputs| inputs.keys().cloned().collect()).unwrap_or_default()
    }

    /// The value of a secret, registered with the redactor.
    ///
    /// # Errors
    /// [`SecretError`]; it never holds any part of the value.
    pub async fn resolve(&self, name: &SecretName) -> Result<Secret, SecretError> {
        let source = match name {
            SecretName::Input(input) => match self.inputs.read().ok().as_ref().and_then(|inputs| inputs.get(input)) {
                Some(Given::Asked(value)) => return Ok(value.clone()),
                Some(Given::From(source)) => source.clone(),
                None => return Err(SecretError::NotGiven(input.clone())),
            },
            other => other.clone(),
        };
        let value = match &source {
            SecretName::Input(input) => return Err(SecretError::NotGiven(input.clone())),
            SecretName::Env(variable) => from_environment(variable)?,
            SecretName::File(path) => from_file(&self.folder, path)?,
            SecretName::Command(_) | SecretName::Kubernetes { .. } => self.kept_or_asked(&source).await?,
        };
        self.tell(&label(name), &value)?;
        Ok(value)
    }

    /// Text with its secrets filled in, and whether there were any.
    ///
    /// # Errors
    /// As [`Secrets::resolve`].
    pub async fn fill(&self, text: &SecretText) -> Result<(Secret, bool), SecretError> {
        let (mut filled, mut any) = (String::new(), false);
        for piece in &text.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Secret(name) => {
                    any = true;
                    filled.push_str(self.resolve(name).await?.expose());
                }
            }
        }
        Ok((Secret::new(filled), any))
    }

    /// Tells the redactor, and remembers the value: outputs written elsewhere are searched
    /// for it too.
    fn tell(&self, name: &str, value: &Secret) -> Result<(), SecretError> {
        self.redactor.register(name, value.expose())?;
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !known.iter().any(|(_, before)| before.expose() == value.expose()) {
            known.push((name.to_owned(), value.clone()));
        }
        Ok(())
    }

    fn set(&self, input: &str, given: Given) {
        // A lock poisoned by a panic elsewhere leaves the map as it was: still whole.
        let mut inputs = self.inputs.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        inputs.insert(input.to_owned(), given);
    }

    /// Holds the lock while asking, so that ten signals ask a vault once.
    async fn kept_or_asked(&self, name: &SecretName) -> Result<Secret, SecretError> {
        let mut kept = self.kept.lock().await;
        if let Some((taken, value)) = kept.get(name)
            && taken.elapsed() < KEPT_FOR
        {
            return Ok(value.clone());
        }
        let value = match name {
            SecretName::Command(argv) => {
                let (argv, folder) = (argv.clone(), self.folder.clone());
                let program = argv.first().cloned().unwrap_or_default();
                tokio::task::spawn_blocking(move || from_command(&folder, &argv))
                    .await
                    .map_err(|_| SecretError::Command { program, why: "it was cut off".to_owned() })??
            }
            SecretName::Kubernetes { name, key } => self.ask_cluster(name, key).await?,
            SecretName::Input(_) | SecretName::Env(_) | SecretName::File(_) => {
                return Err(SecretError::NotGiven("a source that is not kept".to_owned()));
            }
        };
        kept.insert(name.clone(), (Instant::now(), value.clone()));
        Ok(value)
    }

    async fn ask_cluster(&self, name: &str, key: &str) -> Result<Secret, SecretError> {
        let fail = |why: String| SecretError::Cluster { name: name.to_owned(), key: key.to_owned(), why };
        let Some(cluster) = &self.cluster else {
            return Err(fail("this session has no cluster".to_owned()));
        };
        let bytes = cluster.read(name, key).await.map_err(fail)?;
        text_of(bytes, || format!("the Secret {name}/{key}"))
    }
}

impl SecretSource for Secrets {
    fn get<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(async move { self.resolve(name).await.map_err(|e| e.to_string()) })
    }

    fn known(&self) -> Vec<(String, Secret)> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// The name under which the record and the effects know a source.
pub fn name_of(source: &Declared) -> SecretName {
    match source {
        Declared::Env(variable) => SecretName::Env(variable.clone()),
        Declared::File(path) => SecretName::File(path.clone()),
        Declared::Command(argv) => SecretName::Command(argv.clone()),
        Declared::Kubernetes { name, key } => SecretName::Kubernetes { name: name.clone(), key: key.clone() },
    }
}

/// A secret's name as it stands where its value was taken out.
fn label(name: &SecretName) -> String {
    match name {
        SecretName::Input(name) | SecretName::Env(name) | SecretName::File(name) => name.clone(),
        SecretName::Command(argv) => argv.first().cloned().unwrap_or_default(),
        SecretName::Kubernetes { name, key } => format!("{name}/{key}"),
    }
}

/// What should be said about a secret file before it is used: others can read it.
pub fn advice(folder: &Path, path: &str) -> Option<String> {
    let mode = std::fs::symlink_metadata(place(folder, path)).ok()?.mode();
    (mode & 0o077 != 0).then(|| format!("{path} can be read by others (mode {:o}); `chmod 600 {path}`", mode & 0o7777))
}

fn place(folder: &Path, path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => folder.join(path),
    }
}

fn from_environment(variable: &str) -> Result<Secret, SecretError> {
    let value = std::env::var_os(variable).ok_or_else(|| SecretError::NoVariable(variable.to_owned()))?;
    text_of(value.into_encoded_bytes(), || format!("the environment variable {variable}"))
}

fn from_file(folder: &Path, path: &str) -> Result<Secret, SecretError> {
    let fail = |why: String| SecretError::File { path: path.to_owned(), why };
    // Not following a link, and not waiting for the other end of a pipe.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(place(folder, path))
        .map_err(|e| match e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
            true => fail("it is a link, and links are not followed".to_owned()),
            false => fail(e.to_string()),
        })?;
    if !file.metadata().map_err(|e| fail(e.to_string()))?.is_file() {
        return Err(fail("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(|e| fail(e.to_string()))?;
    text_of(bytes, || format!("the file {path}"))
}

fn from_command(folder: &Path, argv: &[String]) -> Result<Secret, SecretError> {
    let program = argv.first().cloned().unwrap_or_default();
    let fail = |why: String| SecretError::Command { program: program.clone(), why };
    let mut command = std::process::Command::new(&program);
    command.args(argv.iter().skip(1)).current_dir(folder).env_clear().envs(clean_environment());
    let finished = subprocess::run(&mut command, COMMAND_TIMEOUT).map_err(|e| fail(e.to_string()))?;
    if finished.code != Some(0) {
        let ended = finished.code.map_or("ended by a signal".to_owned(), |code| format!("exit code {code}"));
        let said = String::from_utf8_lossy(&finished.stderr);
        let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
        return Err(fail(if said.is_empty() { ended } else { format!("{ended}: {}", said.join("; ")) }));
    }
    text_of(finished.stdout, || format!("what {program} printed"))
}

/// Text without the newline that editors and `echo` put at the end.
fn text_of(bytes: Vec<u8>, what: impl Fn() -> String) -> Result<Secret, SecretError> {
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(SecretError::TooLarge(what()));
    }
    let text = String::from_utf8(bytes).map_err(|_| SecretError::NotText(what()))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    if text.is_empty() { Err(SecretError::Empty(what())) } else { Ok(Secret::new(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn secrets(folder: &Path) -> (Secrets, Redactor) {
        let redactor = Redactor::new();
        (Secrets::new(&Accepted::bundle("0".repeat(64), false), folder, redactor.clone()), redactor)
    }

    fn shell(script: &str) -> SecretName {
        SecretName::Command(vec!["/bin/sh".into(), "-c".into(), script.into()])
    }

    async fn value(secrets: &Secrets, name: &SecretName) -> Result<String, String> {
        secrets.resolve(name).await.map(|v| v.expose().to_owned()).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn files_are_read_each_time_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (secrets, redactor) = secrets(folder.path());
        let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        write("token", b"first-value\n");
        let token = SecretName::File("token".into());
        assert_eq!(value(&secrets, &token).await.as_deref(), Ok("first-value"));
        write("token", b"other-value");
        assert_eq!(value(&secrets, &token).await.as_deref(), Ok("other-value"));
        assert!(redactor.finds(b"x first-value x") && redactor.finds(b"other-value"));
        write("short", b"abc\n");

        std::os::unix::fs::symlink(folder.path().join("token"), folder.path().join("link")).unwrap();
        write("empty", b"\n");
        write("binary", &[0xff, 0xfe]);
        write("large", &vec![b'a'; 70_000]);
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("pipe"), rustix::fs::Mode::RUSR).unwrap();
        for (name, expected) in [
            ("link", "the secret file link cannot be read: it is a link, and links are not followed"),
            ("empty", "the file empty is empty"),
            ("binary", "the file binary is not UTF-8 text"),
            ("large", "the file large is larger than 65536 bytes"),
            ("pipe", "the secret file pipe cannot be read: it is not a file"),
            (".", "the secret file . cannot be read: it is not a file"),
            ("short", "the secret `short` is shorter than 4 characters and could not be kept out of the record"),
            ("none", "the secret file none cannot be read: No such file or directory (os error 2)"),
        ] {
            assert_eq!(value(&secrets, &SecretName::File(name.into())).await, Err(expected.to_owned()));
        }
    }

    #[tokio::test]
    async fn commands_get_a_clean_environment_and_their_complaints_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let (secrets, _) = secrets(folder.path());
        assert_eq!(value(&secrets, &shell("echo s3cret")).await.as_deref(), Ok("s3cret"));
        // Cargo sets this for every test; a command must not see it.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        assert_eq!(value(&secrets, &shell("echo ${CARGO_MANIFEST_DIR-unset}")).await.as_deref(), Ok("unset"));
        let failed = value(&secrets, &shell("echo s3cret; echo 'vault is sealed' >&2; exit 2")).await;
        assert_eq!(failed, Err("the command /bin/sh did not give the secret: exit code 2: vault is sealed".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn commands_are_asked_again_after_five_minutes_only() {
        let folder = tempfile::tempdir().unwrap();
        let (secrets, _) = secrets(folder.path());
        let counting = shell("echo x >>count; printf 'token-%d' $(wc -l <count)");
        for (wait, expected) in [(0, "token-1"), (299, "token-1"), (2, "token-2"), (0, "token-2")] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            assert_eq!(value(&secrets, &counting).await.map(|v| v.trim().to_owned()).as_deref(), Ok(expected));
        }
    }

    #[tokio::test]
    async fn inputs_are_what_was_asked_or_what_their_source_says() {
        let folder = tempfile::tempdir().unwrap();
        let (secrets, redactor) = secrets(folder.path());
        let token = SecretName::Input("token".into());
        assert_eq!(value(&secrets, &token).await, Err("the secret input `token` has not been given".into()));
        secrets.give("token", Secret::new("asked")).unwrap();
        assert!(secrets.give("pin", Secret::new("123")).is_err());
        assert_eq!(value(&secrets, &token).await.as_deref(), Ok("asked"));
        secrets.declare("token", &Declared::Env("PACENOTE_TEST_NOT_SET".into()));
        assert_eq!(value(&secrets, &token).await, Err("the environment variable PACENOTE_TEST_NOT_SET is not set".to_owned()));
        assert_eq!(secrets.given(), ["token"]);
        assert!(redactor.finds(b"asked"));
        let known: Vec<String> = secrets.known().into_iter().map(|(name, _)| name).collect();
        assert_eq!(known, ["token"]);
    }

    #[tokio::test]
    async fn cluster_secrets_want_a_cluster_and_are_kept() {
        struct Counting(AtomicU32);
        impl ClusterSecrets for Counting {
            fn read<'a>(&'a self, _: &'a str, key: &'a str) -> BoxFuture<'a, Result<Vec<u8>, String>> {
                self.0.fetch_add(1, Ordering::SeqCst);
                Box::pin(
                    async move { if key == "password" { Ok(b"password-1".to_vec()) } else { Err("no such key".to_owned()) } },
                )
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let (without, _) = secrets(folder.path());
        let name = |key: &str| SecretName::Kubernetes { name: "db".into(), key: key.into() };
        assert_eq!(
            value(&without, &name("password")).await,
            Err("the Secret db/password cannot be read: this session has no cluster".to_owned())
        );
        let counting = Arc::new(Counting(AtomicU32::new(0)));
        let secrets = secrets(folder.path()).0.with_cluster(counting.clone());
        for _ in 0..3 {
            assert_eq!(value(&secrets, &name("password")).await.as_deref(), Ok("password-1"));
        }
        assert_eq!(counting.0.load(Ordering::SeqCst), 1);
        assert!(value(&secrets, &name("user")).await.unwrap_err().ends_with("no such key"));
    }

    #[tokio::test]
    async fn texts_are_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let (secrets, _) = secrets(folder.path());
        secrets.give("token", Secret::new("abcd")).unwrap();
        let text = SecretText(vec![Piece::Text("Bearer ".into()), Piece::Secret(SecretName::Input("token".into()))]);
        let (filled, any) = secrets.fill(&text).await.unwrap();
        assert_eq!((filled.expose(), any), ("Bearer abcd", true));
        let (plain, any) = secrets.fill(&SecretText::plain("x")).await.unwrap();
        assert_eq!((plain.expose(), any), ("x", false));
    }

    #[test]
    fn a_file_that_others_can_read_is_worth_a_word() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "x").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o644);
        assert_eq!(advice(folder.path(), "token").unwrap(), "token can be read by others (mode 644); `chmod 600 token`");
        mode(0o600);
        assert_eq!(advice(folder.path(), "token"), None);
    }
}
