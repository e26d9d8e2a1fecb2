//! A key that signs: here, or by `ssh-keygen`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use signature::Signer as _;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;

use super::key::{KeyError, PublicKey};
use super::sshsig::{Signature, signed_data};
use super::{Hash, wire};
use crate::subprocess;

/// How long `ssh-add -l` may take.
const AGENT_PATIENCE: Duration = Duration::from_secs(5);
/// How long `ssh-keygen` may take: someone may have to touch a key.
const TOUCH_PATIENCE: Duration = Duration::from_secs(60);
/// A key file larger than this is none.
const KEY_LIMIT: u64 = 64 * 1024;

/// Whose key a signer's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The operator's own, which others can know.
    Own,
    /// Made here because none is set up: it proves that the parts belong together, not
    /// who made them.
    SelfIssued,
    /// A rehearsal's, which anyone can make: it proves nothing.
    Simulated,
}

/// A key that signs.
pub struct Signer {
    public: PublicKey,
    kind: Kind,
    how: How,
}

enum How {
    Here(Box<PrivateKey>),
    Program { key: PathBuf, agent: Option<OsString> },
}

/// What is signed: its hash, and where `ssh-keygen` finds it.
#[derive(Debug, Clone, Copy)]
pub enum Message<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// So many bytes from the beginning of a file, whose hash is known.
    File {
        /// The file.
        path: &'a Path,
        /// How many bytes of it.
        length: u64,
        /// Their SHA-256.
        sha256: Hash,
    },
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key cannot be read.
    #[error("the key {path} cannot be read: {error}", path = .path.display())]
    Unreadable {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no key, or none we take.
    #[error("the key {path}: {error}", path = .path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        error: KeyError,
    },
    /// Others can read it.
    #[error("the key {path} can be read by others (mode {mode:o}); run `chmod 600` on it", path = .path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It has a passphrase, and no agent holds it.
    #[error("the key {path} has a passphrase, and no ssh-agent holds it", path = .path.display())]
    Locked {
        /// Its file.
        path: PathBuf,
    },
    /// `ssh-keygen` is not there or refuses.
    #[error("`ssh-keygen -Y sign` gave no signature: {0}")]
    Program(String),
    /// The key signed, and the signature is not good.
    #[error("the key {0} gave a signature that is not good")]
    Useless(String),
    /// There is no randomness to make a key from.
    #[error("no key could be made: the system gives no random bytes")]
    NoRandomness,
}

impl Message<'_> {
    /// The SHA-256 of what is signed.
    pub fn sha256(&self) -> Hash {
        use sha2::Digest as _;
        match self {
            Self::Bytes(bytes) => sha2::Sha256::digest(bytes).into(),
            Self::File { sha256, .. } => *sha256,
        }
    }

    fn write(&self, to: &mut impl io::Write) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => to.write_all(bytes),
            Self::File { path, length, .. } => io::copy(&mut File::open(path)?.take(*length), to).map(|_| ()),
        }
    }
}

impl Signer {
    /// A key from the system's randomness, in memory only.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> Result<Self, SignError> {
        let mut seed = [0; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut seed).map_err(|_| SignError::NoRandomness)?;
        Self::from_seed(&seed, Kind::SelfIssued)
    }

    /// The Ed25519 key of a seed.
    ///
    /// # Errors
    /// Never for a seed of 32 bytes, as far as we know.
    pub fn from_seed(seed: &[u8; 32], kind: Kind) -> Result<Self, SignError> {
        Self::here(PrivateKey::from(Ed25519Keypair::from_seed(seed)), kind, Path::new("in memory"))
    }

    fn here(key: PrivateKey, kind: Kind, path: &Path) -> Result<Self, SignError> {
        let wrong = |error| SignError::Key { path: path.to_owned(), error };
        let blob = key.public_key().to_bytes().map_err(|_| wrong(KeyError::Malformed))?;
        let public = PublicKey::from_blob(&blob).map_err(wrong)?;
        Ok(Self { public, kind, how: How::Here(Box::new(key)) })
    }

    /// The key of a file: the private one, or the public one whose private half is in the
    /// agent or beside it. Asks nobody anything.
    ///
    /// # Errors
    /// When it cannot be used as things are.
    pub fn open(path: &Path) -> Result<Self, SignError> {
        Self::open_with(path, std::env::var_os("SSH_AUTH_SOCK").as_deref())
    }

    /// The same with a given socket of an agent.
    ///
    /// # Errors
    /// As [`Signer::open`].
    pub fn open_with(path: &Path, agent: Option<&OsStr>) -> Result<Self, SignError> {
        let unreadable = |error| SignError::Unreadable { path: path.to_owned(), error };
        let named_public = path.extension().is_some_and(|e| e == "pub");
        let private = if named_public { path.with_extension("") } else { path.to_owned() };
        let found = read_private(&private)?;
        let public = match (&found, named_public) {
            (Some(Ok(key)), false) => key.public_key().to_bytes().ok().and_then(|blob| PublicKey::from_blob(&blob).ok()),
            _ => None,
        };
        let public = match public {
            Some(public) => public,
            None => read_public(&if named_public { path.to_owned() } else { with_pub(path) }).map_err(|e| match (e, &found) {
                // The private half is there, so it is the public one that is missing.
                (SignError::Unreadable { error, .. }, None) => unreadable(error),
                (e, _) => e,
            })?,
        };
        let held = agent.is_some_and(|agent| in_agent(&public, agent));
        let program = |key: &Path, agent: Option<&OsStr>| How::Program { key: key.to_owned(), agent: agent.map(OsStr::to_owned) };
        match found {
            Some(Ok(key)) if !held && key.is_encrypted() => Err(SignError::Locked { path: private }),
            Some(Ok(key)) if public.signs_here() && !key.is_encrypted() => Self::here(key, Kind::Own, &private),
            Some(_) if !held => Ok(Self { public, kind: Kind::Own, how: program(&private, None) }),
            None if !held => Err(SignError::Unreadable {
                path: private,
                error: io::Error::new(io::ErrorKind::NotFound, "it is neither there nor in the ssh-agent"),
            }),
            _ => Ok(Self { public, kind: Kind::Own, how: program(path, agent) }),
        }
    }

    /// The key kept in a folder for who has none, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn local(folder: &Path) -> Result<Self, SignError> {
        let path = folder.join("self-issued-key");
        if let Some(Ok(key)) = read_private(&path)? {
            return Self::here(key, Kind::SelfIssued, &path);
        }
        let made = Self::generate()?;
        let How::Here(key) = &made.how else { return Err(SignError::NoRandomness) };
        let text = key.to_openssh(ssh_key::LineEnding::LF).map_err(|_| SignError::NoRandomness)?;
        let written = write_new(&path, text.as_bytes(), 0o600)
            .and_then(|()| write_new(&with_pub(&path), format!("{} self-issued\n", made.public.line()).as_bytes(), 0o644));
        match written {
            // Another process was quicker: its key it is.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_file() => match read_private(&path)? {
                Some(Ok(key)) => Self::here(key, Kind::SelfIssued, &path),
                _ => Err(SignError::Unreadable { path, error: e }),
            },
            Err(error) => Err(SignError::Unreadable { path, error }),
            Ok(()) => Ok(made),
        }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Whose key it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Signs for a purpose. May take until someone has touched a hardware key, a minute
    /// at most.
    ///
    /// # Errors
    /// When there is no signature, or none that is good.
    pub fn sign(&self, namespace: &str, message: Message<'_>) -> Result<Signature, SignError> {
        let sha256 = message.sha256();
        let signature = match &self.how {
            How::Here(key) => {
                let useless = |_| SignError::Useless(self.public.fingerprint());
                let made = key.try_sign(&signed_data(namespace, &sha256)).map_err(useless)?;
                let mut bytes = Vec::new();
                wire::put_string(&mut bytes, made.algorithm().as_str().as_bytes());
                wire::put_string(&mut bytes, made.as_bytes());
                Signature::new(self.public.clone(), namespace, bytes)
            }
            How::Program { key, agent } => by_program(key, agent.as_deref(), namespace, message)?,
        };
        if signature.key() != &self.public || signature.verify(namespace, &sha256).is_err() {
            return Err(SignError::Useless(self.public.fingerprint()));
        }
        Ok(signature)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({:?}, {})", self.kind, self.public)
    }
}

/// `key` to `key.pub`.
fn with_pub(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A private key file; `None` where there is none, `Err` where it is of a form that only
/// OpenSSH itself reads.
fn read_private(path: &Path) -> Result<Option<Result<PrivateKey, ()>>, SignError> {
    let unreadable = |error| SignError::Unreadable { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreadable(e)),
    };
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
    let mut text = String::new();
    file.take(KEY_LIMIT).read_to_string(&mut text).map_err(unreadable)?;
    if !text.contains("PRIVATE KEY-----") {
        return Err(SignError::Key { path: path.to_owned(), error: KeyError::Malformed });
    }
    if mode & 0o077 != 0 {
        return Err(SignError::Open { path: path.to_owned(), mode });
    }
    Ok(Some(PrivateKey::from_openssh(&text).map_err(|_| ())))
}

fn read_public(path: &Path) -> Result<PublicKey, SignError> {
    let unreadable = |error| SignError::Unreadable { path: path.to_owned(), error };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(KEY_LIMIT).read_to_string(&mut text)).map_err(unreadable)?;
    PublicKey::parse(&text).map_err(|error| SignError::Key { path: path.to_owned(), error })
}

/// Whether an agent holds a key.
fn in_agent(key: &PublicKey, agent: &OsStr) -> bool {
    if agent.is_empty() {
        return false;
    }
    let listed = subprocess::run(Command::new("ssh-add").arg("-L").env("SSH_AUTH_SOCK", agent), AGENT_PATIENCE);
    let text = listed.map(|finished| String::from_utf8_lossy(&finished.stdout).into_owned()).unwrap_or_default();
    text.lines().any(|line| PublicKey::parse(line).as_ref() == Ok(key))
}

/// Signs with `ssh-keygen`, which finds the key in the agent or its file. It gets no
/// terminal: a question at this moment would stand in the middle of the screen.
fn by_program(key: &Path, agent: Option<&OsStr>, namespace: &str, message: Message<'_>) -> Result<Signature, SignError> {
    let failed = |why: &dyn std::fmt::Display| SignError::Program(why.to_string());
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-O", "hashalg=sha256", "-n", namespace, "-f"]).arg(key);
    command.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force").env("LC_ALL", "C");
    match agent {
        Some(agent) => command.env("SSH_AUTH_SOCK", agent),
        None => command.env_remove("SSH_AUTH_SOCK"),
    };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    let given = match child.stdin.take() {
        Some(mut stdin) => message.write(&mut stdin),
        None => Ok(()),
    };
    let finished = subprocess::finish(child, TOUCH_PATIENCE).map_err(|e| failed(&e))?;
    if finished.code != Some(0) {
        let said = String::from_utf8_lossy(&finished.stderr);
        return Err(failed(&said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason")));
    }
    given.map_err(|e| failed(&e))?;
    Signature::parse(&String::from_utf8_lossy(&finished.stdout)).map_err(|e| failed(&e))
}
