//! Signatures against OpenSSH itself: what we sign it verifies, what it signs we verify,
//! and lists mean the same to both. Asked for where `PACENOTE_REQUIRE_COMPONENTS` is set.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use pacenote::signature::{
    APPROVAL, AllowedSigners, Kind, Message, PublicKey, Revoked, SESSION, SignError, Signature, SignatureError, Signer,
};

/// Whether OpenSSH's tools are there.
pub(super) fn installed() -> bool {
    let there = Command::new("ssh-keygen").arg("-?").stderr(Stdio::null()).status().is_ok();
    assert!(there || std::env::var_os("PACENOTE_REQUIRE_COMPONENTS").is_none(), "ssh-keygen is not installed");
    there
}

pub(super) fn keygen(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new("ssh-keygen");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

/// Makes a key `name` in a folder.
pub(super) fn make_key(folder: &Path, name: &str, kind: &[&str], passphrase: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    let file = path.to_str().unwrap();
    let made = keygen(&[&["-q", "-N", passphrase, "-C", name, "-f", file, "-t"], kind].concat(), b"");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}

const KINDS: [&[&str]; 4] = [&["ed25519"], &["ecdsa", "-b", "256"], &["ecdsa", "-b", "384"], &["rsa", "-b", "2048"]];

#[test]
fn openssh_verifies_what_we_sign_and_we_verify_what_it_signs() {
    if !installed() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let message = Message::Bytes(b"{\"v\":1}\n");
    for (i, kind) in KINDS.iter().enumerate() {
        let path = make_key(temp.path(), &format!("key{i}"), kind, "");
        let signer = Signer::open(&path).unwrap();
        let ours = signer.sign(SESSION, message).unwrap();
        let (signers, sig) = (temp.path().join("signers"), temp.path().join("sig"));
        fs::write(&signers, format!("alice@example.com {}\n", signer.public().line())).unwrap();
        fs::write(&sig, ours.armor()).unwrap();
        let verify = |namespace: &str, text: &[u8]| {
            let (signers, sig) = (signers.to_str().unwrap(), sig.to_str().unwrap());
            keygen(&["-Y", "verify", "-f", signers, "-I", "alice@example.com", "-n", namespace, "-s", sig], text).status.success()
        };
        assert!(verify(SESSION, b"{\"v\":1}\n"), "{kind:?}");
        assert!(!verify(APPROVAL, b"{\"v\":1}\n") && !verify(SESSION, b"{\"v\":2}\n"), "{kind:?}");

        let sign = |hash: &str| {
            let hash = format!("hashalg={hash}");
            let made = keygen(&["-q", "-Y", "sign", "-O", &hash, "-n", APPROVAL, "-f", path.to_str().unwrap()], b"yes");
            String::from_utf8(made.stdout).unwrap()
        };
        let theirs = sign("sha256");
        let read = Signature::parse_canonical(&theirs).unwrap_or_else(|e| panic!("{kind:?}: {e}\n{theirs}"));
        assert_eq!((read.key(), read.armor()), (signer.public(), theirs));
        assert_eq!(read.verify(APPROVAL, &Message::Bytes(b"yes").sha256()), Ok(()), "{kind:?}");
        assert!(read.verify(APPROVAL, &Message::Bytes(b"no").sha256()).is_err());
        assert!(matches!(Signature::parse(&sign("sha512")), Err(SignatureError::HashAlgorithm(h)) if h == "sha512"));
    }
}

#[test]
fn a_passphrase_wants_an_agent() {
    if !installed() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let path = make_key(temp.path(), "locked", &["ed25519"], "a passphrase");
    let refused = Signer::open(&path).unwrap_err();
    assert!(matches!(&refused, SignError::Locked { path: p } if *p == path), "{refused}");
}

#[test]
fn keys_of_other_types_are_refused_by_name() {
    if !installed() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let path = make_key(temp.path(), "p521", &["ecdsa", "-b", "521"], "");
    let refused = Signer::open(&path).unwrap_err().to_string();
    assert!(refused.contains("ecdsa-sha2-nistp521"), "{refused}");
}

#[test]
fn revocation_lists_of_openssh_are_read() {
    if !installed() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let [stolen, good, hashed] = ["stolen", "good", "hashed"].map(|name| make_key(temp.path(), name, &["ed25519"], ""));
    let public = |path: &Path| PublicKey::parse(&fs::read_to_string(path.with_extension("pub")).unwrap()).unwrap();
    let (list, spec) = (temp.path().join("revoked"), temp.path().join("spec"));
    fs::write(&spec, format!("{}\nhash: {}\n", public(&stolen).line(), public(&hashed).fingerprint())).unwrap();
    let made = keygen(&["-q", "-k", "-f", list.to_str().unwrap(), spec.to_str().unwrap()], b"");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let revoked = Revoked::load(&list).unwrap();
    assert!(revoked.has(&public(&stolen)) && revoked.has(&public(&hashed)) && !revoked.has(&public(&good)));
    fs::write(&spec, "sha1: nothing\n").unwrap();
    fs::write(&spec, format!("sha1: {}", fs::read_to_string(good.with_extension("pub")).unwrap())).unwrap();
    assert!(keygen(&["-q", "-k", "-f", list.to_str().unwrap(), spec.to_str().unwrap()], b"").status.success());
    assert!(Revoked::load(&list).unwrap_err().to_string().contains("SHA-1"));
}

/// Every line means the same to `ssh-keygen -Y verify` and to us.
#[test]
fn lists_of_allowed_signers_mean_the_same_to_openssh() {
    if !installed() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let signer = Signer::from_seed(&[7; 32], Kind::Own).unwrap();
    let (line, sig, list) = (signer.public().line(), temp.path().join("sig"), temp.path().join("list"));
    fs::write(&sig, signer.sign(SESSION, Message::Bytes(b"x")).unwrap().armor()).unwrap();
    let now = chrono::DateTime::parse_from_rfc3339("2026-11-15T12:00:00Z").unwrap().to_utc();
    for entry in [
        format!("alice {line}"),
        format!("bob {line}"),
        format!("al* {line} a comment"),
        format!("*,!alice {line}"),
        format!("!alice,* {line}"),
        format!("* {line}"),
        format!("a?ice,bob {line}"),
        format!("\"alice\" {line}"),
        format!("alice namespaces=\"pacenote-session\" {line}"),
        format!("alice namespaces=\"file,pacenote-*\" {line}"),
        format!("alice namespaces=\"git\" {line}"),
        format!("alice valid-after=\"20261115\",valid-before=\"20261116\" {line}"),
        format!("alice valid-after=\"20261116\" {line}"),
        format!("alice valid-before=\"20261114\" {line}"),
        format!("alice valid-before=\"202611151159\" {line}"),
        format!("alice valid-before=\"20261115120000\" {line}"),
        format!("alice cert-authority {line}"),
        format!("alice CERT-AUTHORITY {line}"),
        format!("alice namespaces=\"git\" {line}\nalice {line}"),
    ] {
        fs::write(&list, format!("{entry}\n")).unwrap();
        let (file, sig) = (list.to_str().unwrap(), sig.to_str().unwrap());
        let mut command = Command::new("ssh-keygen");
        command.env("TZ", "UTC").args(["-Y", "verify", "-I", "alice", "-n", SESSION, "-O", "verify-time=20261115120000"]);
        command.args(["-f", file, "-s", sig]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"x").unwrap();
        let theirs = child.wait().unwrap().success();
        // Times without a zone are local; the tests of this program run in UTC.
        let ours = AllowedSigners::load(&list).unwrap().judge("alice", signer.public(), SESSION, now).is_ok();
        assert_eq!(ours, theirs, "{entry}");
    }
}

/// An agent of our own, ended with the test.
struct Agent(std::process::Child, std::path::PathBuf);

impl Agent {
    fn start(folder: &Path) -> Self {
        let socket = folder.join("agent");
        let child = Command::new("ssh-agent").args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !socket.exists() {
            assert!(std::time::Instant::now() < deadline, "the agent does not start");
            std::thread::yield_now();
        }
        Self(child, socket)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_key_with_a_passphrase_in_an_agent_signs() {
    if !installed() {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let path = make_key(temp.path(), "locked", &["ed25519"], "a passphrase");
    let agent = Agent::start(temp.path());
    // The same key without its passphrase goes into the agent.
    let open = temp.path().join("open");
    fs::copy(&path, &open).unwrap();
    fs::set_permissions(&open, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(keygen(&["-q", "-p", "-P", "a passphrase", "-N", "", "-f", open.to_str().unwrap()], b"").status.success());
    let added = Command::new("ssh-add").arg("-q").arg(&open).env("SSH_AUTH_SOCK", &agent.1).status().unwrap();
    assert!(added.success());
    let agent_of = |path: &Path| Signer::open_with(path, Some(agent.1.as_os_str()));
    for named in [path.clone(), path.with_extension("pub")] {
        let signer = agent_of(&named).unwrap();
        let signature = signer.sign(SESSION, Message::Bytes(b"x")).unwrap();
        assert_eq!(signature.verify(SESSION, &Message::Bytes(b"x").sha256()), Ok(()));
    }
    // The private half may be in the agent alone.
    fs::remove_file(&path).unwrap();
    agent_of(&path.with_extension("pub")).unwrap().sign(SESSION, Message::Bytes(b"x")).unwrap();
    assert!(matches!(Signer::open_with(&path.with_extension("pub"), None), Err(SignError::Unreadable { .. })));
}
