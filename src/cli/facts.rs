//! The facts of a session: who, from where, with what, on which clock.
//!
//! They go into `session.opened` and `session.resumed` and are gathered without asking
//! anyone. What cannot be found out is said to be unknown, never guessed. Nothing here
//! may hold up a start: commands are bounded in time, the program's own hash is kept
//! beside the state and worked out again only when the file has changed.

use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::runbook::load::{Bundle, Origin as From};
use crate::session::event::{BundleRecord, ClockRecord, Operator, Origin, Tool};
use crate::subprocess;

/// How long git and timedatectl may take; without them the fact is unknown.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who walks. The principal of config.yaml, else `user@host`.
pub fn operator(config: &Config) -> Operator {
    let uid = rustix::process::getuid().as_raw();
    let os_user = login_name(uid);
    let principal = config.principal.value.clone().unwrap_or_else(|| format!("{os_user}@{}", host()));
    let key = config.ssh_key.value.as_deref().and_then(fingerprint);
    Operator { principal, os_user, uid, key }
}

/// From where.
pub fn origin() -> Origin {
    let tty = std::io::stdin()
        .is_terminal()
        .then(|| rustix::termios::ttyname(std::io::stdin(), Vec::new()).ok())
        .flatten()
        .map(|name| name.to_string_lossy().into_owned());
    Origin { host: host(), tty, ssh_client: std::env::var("SSH_CLIENT").ok().filter(|v| !v.is_empty()) }
}

/// With what. Reads the whole program the first time it is started, and after that a
/// note of what its hash was.
pub fn tool(state_dir: &Path) -> Tool {
    let sha256 = std::env::current_exe().ok().and_then(|exe| hash_of_program(&exe, &state_dir.join("cache")));
    Tool { version: env!("CARGO_PKG_VERSION").to_owned(), sha256 }
}

/// The id of this boot, which tells a clock that started again from one that went on.
pub fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Whether the wall clock is synchronised, as far as the system says.
pub fn clock() -> ClockRecord {
    ClockRecord { synchronised: synchronised(Path::new("/run/systemd")), offset_ms: None }
}

/// What git knows about a folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// Whether there is something in the folder that is not in it.
    pub dirty: bool,
}

/// A bundle as `session.opened` names it: the runbook first, and the commit of its
/// folder where it is in a repository.
pub fn bundle(bundle: &Bundle) -> BundleRecord {
    let commit = match &bundle.origin {
        From::Folder(folder) => commit(folder),
        From::Library => Commit::default(),
    };
    let mut files: Vec<(String, String)> = bundle.files.iter().map(|f| (f.path.clone(), f.sha256.clone())).collect();
    files.sort_by_key(|(path, _)| *path != bundle.root_path);
    BundleRecord { sha256: bundle.sha256.clone(), files, commit: commit.commit, dirty: commit.dirty }
}

/// The commit of the runbook's folder; nothing where it is in no repository, and where
/// git is missing or slow.
pub fn commit(folder: &Path) -> Commit {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        // Neither a repository's own settings nor a lock file may come into play.
        command.arg("-C").arg(folder).args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]).args(arguments);
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C");
        let finished = subprocess::run(&mut command, PATIENCE).ok().filter(|finished| finished.code == Some(0))?;
        String::from_utf8(finished.stdout).ok().map(|text| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"]).filter(|c| c.len() >= 40 && c.bytes().all(|b| b.is_ascii_hexdigit()));
    // What cannot be looked at is not clean.
    let dirty = commit.is_some() && git(&["status", "--porcelain", "--", "."]).is_none_or(|status| !status.is_empty());
    Commit { commit, dirty }
}

/// The host's name.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The login name by the system's own list: `USER` can say anything.
fn login_name(uid: u32) -> String {
    let listed = std::fs::read_to_string("/etc/passwd").ok().and_then(|list| name_in(&list, uid));
    listed.or_else(|| std::env::var("USER").ok().filter(|user| !user.is_empty())).unwrap_or_else(|| format!("uid{uid}"))
}

fn name_in(list: &str, uid: u32) -> Option<String> {
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// The fingerprint of a key by its public half, as `ssh-keygen -l` prints it.
fn fingerprint(key: &Path) -> Option<String> {
    let public = if key.extension().is_some_and(|e| e == "pub") { key.to_owned() } else { add_extension(key, "pub") };
    let line = std::fs::read_to_string(public).ok()?;
    let blob = base64::engine::general_purpose::STANDARD.decode(line.split_whitespace().nth(1)?).ok()?;
    let digest = base64::engine::general_purpose::STANDARD_NO_PAD.encode(Sha256::digest(blob));
    Some(format!("SHA256:{digest}"))
}

fn add_extension(path: &Path, extension: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

/// The hash of a program's file, kept in `cache` under what tells one file from another.
fn hash_of_program(exe: &Path, cache: &Path) -> Option<String> {
    let metadata = std::fs::metadata(exe).ok()?;
    let now = format!(
        "{} {} {} {}.{:09} {}.{:09}",
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    );
    let note = cache.join("tool");
    let kept = std::fs::read_to_string(&note).unwrap_or_default();
    if let Some((file, hash)) = kept.trim_end().split_once('\n')
        && file == now
        && hash.len() == 64
    {
        return Some(hash.to_owned());
    }
    let hash = hash_of_file(exe)?;
    // A note that cannot be kept costs a tenth of a second at the next start, no more.
    if keep_note(cache, &note, &format!("{now}\n{hash}\n")).is_err() {
        tracing::debug!("the program's hash could not be kept in {}", note.display());
    }
    Some(hash)
}

/// Written beside and renamed, so that no reader sees half of it.
fn keep_note(folder: &Path, note: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let draft = folder.join(format!("tool.{}", std::process::id()));
    std::fs::write(&draft, text)?;
    std::fs::rename(&draft, note)
}

/// SHA-256 of a file, hexadecimal; nothing where it cannot be read.
pub fn hash_of(path: &Path) -> Option<String> {
    hash_of_file(path)
}

fn hash_of_file(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).ok()?;
    Some(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}

/// systemd says so by a file when its own daemon set the clock, and knows by the kernel
/// when another one did. Without systemd nothing is known.
fn synchronised(run_systemd: &Path) -> Option<bool> {
    if run_systemd.join("timesync/synchronized").exists() {
        return Some(true);
    }
    if !run_systemd.join("system").is_dir() {
        return None;
    }
    let mut command = Command::new("timedatectl");
    command.args(["show", "--property=NTPSynchronized", "--value"]);
    let finished = subprocess::run(&mut command, PATIENCE).ok()?;
    match finished.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

/// The folder a file lies in.
pub fn folder_of(file: &str) -> PathBuf {
    let parent = Path::new(file).parent().filter(|p| !p.as_os_str().is_empty()).map(Path::to_path_buf);
    parent.unwrap_or_else(|| PathBuf::from("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Surroundings;

    fn sh(folder: &Path, script: &str) {
        let mut command = Command::new("/bin/sh");
        command.args(["-ec", script]).current_dir(folder);
        for (name, value) in [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@example.com")]
        {
            command.env(name, value);
        }
        command.env("GIT_COMMITTER_NAME", "a").env("GIT_COMMITTER_EMAIL", "a@example.com");
        let finished = subprocess::run(&mut command, Duration::from_secs(30)).unwrap_or_else(|e| panic!("{script}: {e}"));
        assert_eq!(finished.code, Some(0), "{script}: {}", String::from_utf8_lossy(&finished.stderr));
    }

    #[test]
    fn the_operator_is_who_the_settings_say_or_the_login() {
        let home = tempfile::tempdir().unwrap();
        let around = Surroundings { home: Some(home.path().to_owned()), ..Surroundings::default() };
        let folder = home.path().join(".config/pacenote");
        std::fs::create_dir_all(&folder).unwrap();
        let nobody = operator(&Config::load(&around, None, None).unwrap());
        assert_eq!(nobody.principal, format!("{}@{}", nobody.os_user, host()));
        assert_eq!((nobody.uid, nobody.key), (rustix::process::getuid().as_raw(), None));

        // The fingerprint is the one that `ssh-keygen -lf` printed for this key.
        let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice\n";
        std::fs::write(folder.join("key.pub"), public).unwrap();
        std::fs::write(folder.join("config.yaml"), "principal: alice@example.com\nssh_key: key\n").unwrap();
        let alice = operator(&Config::load(&around, None, None).unwrap());
        assert_eq!(alice.principal, "alice@example.com");
        assert_eq!(alice.key.as_deref(), Some("SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA"));
    }

    #[test]
    fn names_are_found_by_number() {
        let list = "root:x:0:0::/root:/bin/sh\nbroken\nalice:x:1000:1000::/:/bin/sh\n";
        assert_eq!(name_in(list, 1000).as_deref(), Some("alice"));
        assert_eq!(name_in(list, 7), None);
    }

    #[test]
    fn the_programs_hash_is_kept_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (exe, cache) = (folder.path().join("exe"), folder.path().join("cache"));
        std::fs::write(&exe, "one").unwrap();
        let first = hash_of_program(&exe, &cache).unwrap();
        assert_eq!(Some(&first), hash_of_file(&exe).as_ref());
        let note = std::fs::read_to_string(cache.join("tool")).unwrap();
        std::fs::write(cache.join("tool"), note.replace(&first, &"f".repeat(64))).unwrap();
        assert_eq!(hash_of_program(&exe, &cache), Some("f".repeat(64)), "the note is used");
        std::fs::write(&exe, "other").unwrap();
        assert_eq!(hash_of_program(&exe, &cache), hash_of_file(&exe), "and is not when the file has changed");
        std::fs::write(cache.join("tool"), "nonsense").unwrap();
        assert_eq!(hash_of_program(&exe, &cache), hash_of_file(&exe));
        assert_eq!(hash_of_program(&folder.path().join("none"), &cache), None);
    }

    #[test]
    fn git_says_which_commit_and_whether_it_is_all() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(commit(folder.path()), Commit::default());
        sh(folder.path(), "git init -q . && mkdir runbooks && echo a >runbooks/a && git add . && git commit -qm a");
        let runbooks = folder.path().join("runbooks");
        let clean = commit(&runbooks);
        assert_eq!((clean.commit.as_deref().map(str::len), clean.dirty), (Some(40), false));
        std::fs::write(folder.path().join("elsewhere"), "x").unwrap();
        assert!(!commit(&runbooks).dirty, "what is outside the folder does not count");
        std::fs::write(runbooks.join("a"), "changed").unwrap();
        assert!(commit(&runbooks).dirty);
    }

    #[test]
    fn the_clock_is_unknown_where_nobody_says() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(synchronised(run.path()), None);
        std::fs::create_dir(run.path().join("timesync")).unwrap();
        std::fs::write(run.path().join("timesync/synchronized"), "").unwrap();
        assert_eq!(synchronised(run.path()), Some(true));
    }

    #[test]
    fn this_boot_has_an_id() {
        assert_eq!(boot_id().map(|id| id.len()), Some(36));
    }
}
