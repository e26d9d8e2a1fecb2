//! What an organisation demands of everyone on a machine: `/etc/pacenote/policy.yaml`.
//!
//! The file belongs to root and nobody else may write it, nor the folder it is in; one
//! that does not meet this is refused and with it every start, because a policy that
//! anyone can edit is none. There is no switch and no environment variable that names
//! another file. A policy only tightens: what it does not mention stays as the runbook
//! and the program have it. (The one thing it can allow is unattended use of protected
//! environments, which is refused everywhere else.)

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{ConfigError, parse_yaml, read_text};

/// Where the policy is.
pub const PATH: &str = "/etc/pacenote/policy.yaml";

/// Where sessions may run unattended (`--answers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unattended {
    /// Nowhere.
    Never,
    /// Where the environment is not protected.
    #[default]
    Unprotected,
    /// Everywhere.
    Anywhere,
}

/// Which sessions of the past count where an environment `require`s some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Those a trusted key sealed, and this user's own.
    #[default]
    Own,
    /// Only those that `verify` gives 0; rehearsals, which nobody can vouch for, count
    /// where they were made.
    Verified,
}

impl Evidence {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `policy.yaml` as written; all of it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// The `allowed_signers` everyone uses, instead of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signers: Option<PathBuf>,
    /// Groups that may approve: name to principals.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, Vec<String>>,
    /// Keys no longer trusted, as `ssh-keygen -k` writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocations: Option<PathBuf>,
    /// Clusters that are protected whatever a runbook says: addresses of API servers,
    /// `SHA256:...` fingerprints of their CA, or names of kubeconfig contexts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protected_clusters: Vec<String>,
    /// Hosts that may be contacted: names, `*.example.com`, or addresses. Loopback is
    /// always permitted. Absent: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permitted_hosts: Option<Vec<String>>,
    /// Places that must be told the head of each seal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<String>,
    /// Which sessions of the past count.
    #[serde(skip_serializing_if = "Evidence::is_default")]
    pub evidence: Evidence,
    /// Unattended use.
    pub unattended: Unattended,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Its rules; those of an empty file where there is none.
    pub rules: Rules,
    /// SHA-256 of the file (hex), for the record; absent where there is none.
    pub sha256: Option<String>,
}

/// A policy said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Unattended use, here.
    #[error("unattended sessions are not allowed on {}", if *.protected { "a protected environment" } else { "this machine" })]
    Unattended {
        /// Whether the environment is protected.
        protected: bool,
    },
    /// A host that is not on the list.
    #[error("the host {0} is not among the permitted ones")]
    Host(String),
}

impl Policy {
    /// Reads the policy of this machine.
    ///
    /// # Errors
    /// [`ConfigError`]: unreadable, wrong, or not root's alone.
    pub fn load() -> Result<Self, ConfigError> {
        Self::load_from(Path::new(PATH))
    }

    /// Reads a policy by path.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn load_from(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
        let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file = match std::fs::OpenOptions::new().read(true).custom_flags(nofollow).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(unreadable(e)),
        };
        // The open file is judged, not its name: the name may mean another file by now.
        owned_by_root(path, &file.metadata().map_err(unreadable)?)?;
        if let Some(folder) = path.parent() {
            owned_by_root(folder, &std::fs::metadata(folder).map_err(unreadable)?)?;
        }
        let text = read_text(path, file)?;
        let rules = parse_yaml(path, &text)?;
        let sha256 = Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { rules, sha256: Some(sha256) })
    }

    /// May a session run unattended on an environment?
    ///
    /// # Errors
    /// [`Refusal::Unattended`] when not.
    pub fn permits_unattended(&self, protected: bool) -> Result<(), Refusal> {
        match (self.rules.unattended, protected) {
            (Unattended::Anywhere, _) | (Unattended::Unprotected, false) => Ok(()),
            (Unattended::Unprotected, true) | (Unattended::Never, _) => Err(Refusal::Unattended { protected }),
        }
    }

    /// May a host be contacted? `host` is a name or an address, without a port.
    ///
    /// # Errors
    /// [`Refusal::Host`] when not.
    pub fn permits_host(&self, host: &str) -> Result<(), Refusal> {
        let Some(permitted) = &self.rules.permitted_hosts else { return Ok(()) };
        let bare = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        if bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback()) {
            return Ok(());
        }
        let matches = |pattern: &String| match pattern.strip_prefix("*.") {
            Some(domain) => {
                bare.strip_suffix(&domain.to_ascii_lowercase()).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
            }
            None => bare == pattern.to_ascii_lowercase(),
        };
        if permitted.iter().any(matches) { Ok(()) } else { Err(Refusal::Host(host.to_owned())) }
    }

    /// Is a cluster protected by policy, whatever the runbook says?
    pub fn protects_cluster(&self, server: Option<&str>, ca_fingerprint: Option<&str>, context: Option<&str>) -> bool {
        let address = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
        let fingerprint = |text: &str| text.trim_start_matches("SHA256:").to_owned();
        self.rules.protected_clusters.iter().any(|listed| {
            server.is_some_and(|s| address(s) == address(listed))
                || ca_fingerprint.is_some_and(|f| fingerprint(f) == fingerprint(listed))
                || context.is_some_and(|c| c == listed)
        })
    }
}

fn owned_by_root(path: &Path, metadata: &std::fs::Metadata) -> Result<(), ConfigError> {
    let refuse = |why: String| Err(ConfigError::NotOwned { path: path.to_owned(), why });
    if metadata.uid() != 0 {
        return refuse(format!("belongs to user {}, and must belong to root", metadata.uid()));
    }
    if metadata.mode() & 0o022 != 0 {
        return refuse(format!("can be written by others than root (mode {:o})", metadata.mode() & 0o7777));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn policy(rules: &str) -> Policy {
        Policy { rules: parse_yaml(Path::new("policy.yaml"), rules).unwrap(), sha256: None }
    }

    #[test]
    fn none_changes_nothing() {
        let policy = Policy::load_from(Path::new("/nonexistent/policy.yaml")).unwrap();
        assert_eq!(policy, Policy::default());
        assert_eq!(policy.permits_host("anything.example.com"), Ok(()));
        assert!(!policy.protects_cluster(Some("https://a"), None, None));
    }

    #[test]
    fn unattended_use_of_protected_environments_wants_permission() {
        let cases = [
            ("", [true, false]),
            ("unattended: never", [false, false]),
            ("unattended: unprotected", [true, false]),
            ("unattended: anywhere", [true, true]),
        ];
        for (rules, expected) in cases {
            let got = [false, true].map(|protected| policy(rules).permits_unattended(protected).is_ok());
            assert_eq!(got, expected, "{rules:?}");
        }
    }

    #[test]
    fn hosts_match_whole_names_only() {
        let policy = policy("permitted_hosts: [api.example.com, '*.shop.example.com', 10.0.0.7]");
        for yes in ["api.example.com", "API.example.com.", "a.shop.example.com", "a.b.shop.example.com", "10.0.0.7"] {
            assert_eq!(policy.permits_host(yes), Ok(()), "{yes}");
        }
        for loopback in ["localhost", "127.0.0.1", "::1", "[::1]", "127.9.9.9"] {
            assert_eq!(policy.permits_host(loopback), Ok(()), "{loopback}");
        }
        for no in
            ["example.com", "xapi.example.com", "shop.example.com", ".shop.example.com", "evilshop.example.com", "10.0.0.70", ""]
        {
            assert_eq!(policy.permits_host(no), Err(Refusal::Host(no.into())), "{no}");
        }
    }

    #[test]
    fn clusters_are_known_by_address_fingerprint_or_context() {
        let policy = policy("protected_clusters: ['https://prod.example.com:6443/', 'SHA256:abc', prod-eu]");
        assert!(policy.protects_cluster(Some("https://PROD.example.com:6443"), None, None));
        assert!(policy.protects_cluster(None, Some("abc"), None));
        assert!(policy.protects_cluster(None, None, Some("prod-eu")));
        assert!(!policy.protects_cluster(Some("https://staging.example.com:6443"), Some("abd"), Some("prod")));
    }

    #[test]
    fn unknown_rules_are_errors() {
        let error = parse_yaml::<Rules>(Path::new("policy.yaml"), "unattended: never\nhosts: []\n").unwrap_err();
        assert!(error.to_string().starts_with("policy.yaml:2:1: "), "{error}");
    }

    /// Only root can make a file that root owns, so the accepting half runs as root.
    #[test]
    fn a_policy_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let path = folder.path().join("policy.yaml");
        std::fs::write(&path, "unattended: never\n").unwrap();
        let mode = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        let refused = |path: &Path| matches!(Policy::load_from(path), Err(ConfigError::NotOwned { .. }));
        mode(&path, 0o666);
        assert!(refused(&path));
        mode(&path, 0o644);
        if !rustix::process::geteuid().is_root() {
            assert!(refused(&path), "a file of another user than root");
            return;
        }
        let policy = Policy::load_from(&path).unwrap();
        assert_eq!(policy.rules.unattended, Unattended::Never);
        assert_eq!(policy.sha256.as_deref().map(str::len), Some(64));
        mode(folder.path(), 0o777);
        assert!(refused(&path), "a folder that others can write");
        mode(folder.path(), 0o755);
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        assert!(refused(&path), "a file of another user");
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        let link = folder.path().join("link.yaml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Policy::load_from(&link), Err(ConfigError::Unreadable { .. })), "a link");
    }
}
