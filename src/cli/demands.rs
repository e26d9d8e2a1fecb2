//! What the policy of the machine demands of a session, in one place: which environment is
//! protected, who may run unattended, which anchors are told, and which sessions of the
//! past count. It only tightens what runbook and settings say.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::{Basis, facts, verify};
use crate::app;
use crate::app::entry::Trust;
use crate::config::policy::Evidence;
use crate::error::Problem;
use crate::ports::Cluster;
use crate::session::Plan;
use crate::session::event::EnvironmentRecord;
use crate::signature::{PublicKey, Revoked};

/// The environment for the record: protected where the runbook or the policy says so.
pub(super) fn environment(basis: &Basis, plan: &Plan, cluster: Option<&Cluster>) -> EnvironmentRecord {
    let mut record = app::environment_record(plan, cluster);
    record.protected |= cluster.is_some_and(|cluster| protects(basis, cluster));
    record
}

/// Whether the policy protects a cluster.
pub(super) fn protects(basis: &Basis, cluster: &Cluster) -> bool {
    basis.policy.protects_cluster(Some(&cluster.server), cluster.ca_fingerprint.as_deref(), Some(&cluster.context))
}

/// Whether a session may be walked by nobody.
///
/// # Errors
/// When the policy does not permit it.
pub(super) fn unattended(basis: &Basis, unattended: bool, protected: bool) -> Result<(), Problem> {
    if !unattended {
        return Ok(());
    }
    basis
        .policy
        .permits_unattended(protected)
        .map_err(|refusal| Problem::cannot_start(refusal).hint("walk it yourself, or have /etc/pacenote/policy.yaml allow it"))
}

/// Everyone who is told the head of each seal. The policy's own are permitted by being
/// named there; an address of one's own settings must be of a permitted host.
///
/// # Errors
/// When it is not.
pub(super) fn anchors(basis: &Basis) -> Result<Vec<String>, Problem> {
    let all = basis.anchors();
    for place in all.iter().filter(|place| !basis.policy.rules.anchors.contains(place)) {
        let Some(host) = host(place) else { continue };
        basis.policy.permits_host(&host).map_err(|refusal| {
            Problem::cannot_start(format!("the anchor {place} may not be told: {refusal}"))
                .hint("take it out of `anchors` in config.yaml, or have /etc/pacenote/policy.yaml permit its host")
        })?;
    }
    Ok(all)
}

/// The host of an anchor that is an address.
fn host(place: &str) -> Option<String> {
    let is_address = place.starts_with("https://") || place.starts_with("http://");
    // An address that cannot be read has a host that is on no list.
    is_address.then(|| url::Url::parse(place).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default())
}

/// Who will be told, as a sentence for the screen; none where nobody is.
pub(super) fn announcement(basis: &Basis) -> Option<String> {
    let all = basis.anchors();
    (!all.is_empty()).then(|| format!("The head of each seal is told to: {}", all.join(", ")))
}

/// Whose sessions count where an environment requires some.
///
/// # Errors
/// When a list of keys cannot be used.
pub(super) fn trust(basis: &Basis, state: &Path, now: DateTime<Utc>) -> Result<Trust, Problem> {
    let signers = verify::signers(basis, None)?;
    let revoked = match &basis.policy.rules.revocations {
        Some(path) => Revoked::load(path).map_err(|e| Problem::cannot_start(format!("the list of keys cannot be used: {e}")))?,
        None => Revoked::default(),
    };
    let mut own = Vec::new();
    let kept = std::fs::read_to_string(state.join("self-issued-key.pub")).ok();
    let kept = kept.and_then(|line| PublicKey::parse(line.trim()).ok());
    own.extend(kept.filter(|key| !revoked.has(key)).map(|key| key.fingerprint()));
    if signers.is_none() {
        // Where there is a list, it judges the operator's own key too.
        own.extend(facts::operator(&basis.config).key);
    }
    Ok(Trust { signers, own, verified_only: basis.policy.rules.evidence == Evidence::Verified, now })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::{Policy, Rules};
    use crate::config::{Config, Surroundings};

    /// Settings in a folder, and a policy.
    fn basis(folder: &Path, settings: &str, rules: Rules) -> Basis {
        let home = folder.join(".config/pacenote");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("config.yaml"), settings).unwrap();
        let around = Surroundings { home: Some(folder.to_owned()), ..Surroundings::default() };
        let config = Config::load(&around, Some(&folder.join("state")), None).unwrap();
        Basis { config, policy: Policy { rules, sha256: None } }
    }

    #[test]
    fn own_anchors_are_told_only_where_the_policy_permits_their_hosts() {
        let folder = tempfile::tempdir().unwrap();
        let rules = |permitted: Option<&[&str]>| Rules {
            permitted_hosts: permitted.map(|all| all.iter().map(|host| (*host).to_owned()).collect()),
            anchors: vec!["https://witness.example.com/heads".to_owned()],
            ..Rules::default()
        };
        let own = "anchors: ['https://elsewhere.example.com:8443/x', '/var/lib/heads', 'command:logger -t head']\n";
        for (permitted, fine) in [
            (None, true),
            (Some(&["elsewhere.example.com"][..]), true),
            (Some(&["*.example.com"][..]), true),
            (Some(&["api.example.com"][..]), false),
            (Some(&[][..]), false),
        ] {
            let basis = basis(folder.path(), own, rules(permitted));
            let told = anchors(&basis);
            assert_eq!(told.is_ok(), fine, "{permitted:?}");
            match told {
                Ok(all) => assert_eq!((all.len(), all[0].as_str()), (4, "https://witness.example.com/heads")),
                Err(problem) => assert!(problem.to_string().contains("elsewhere.example.com"), "{problem}"),
            }
            let said = announcement(&basis).unwrap();
            assert!(said.contains("witness.example.com") && said.contains("command:logger"), "{said}");
        }
        // What cannot be read as an address has a host that is on no list.
        let odd = basis(folder.path(), "anchors: ['https://[half']\n", rules(Some(&["half"])));
        assert!(anchors(&odd).is_err());
        // The policy's own are permitted by being named there.
        assert!(anchors(&basis(folder.path(), "", rules(Some(&[])))).is_ok());
    }

    #[test]
    fn unattended_use_is_asked_of_the_policy() {
        let folder = tempfile::tempdir().unwrap();
        let basis = basis(folder.path(), "", Rules::default());
        assert!(unattended(&basis, false, true).is_ok() && unattended(&basis, true, false).is_ok());
        assert!(unattended(&basis, true, true).is_err());
    }

    #[test]
    fn own_keys_count_unless_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let local = crate::signature::Signer::local(folder.path()).unwrap();
        let now = DateTime::UNIX_EPOCH;
        let plain = basis(folder.path(), "", Rules::default());
        assert_eq!(trust(&plain, folder.path(), now).unwrap().own, [local.public().fingerprint()]);
        let list = folder.path().join("revoked");
        std::fs::write(&list, format!("{}\n", local.public().line())).unwrap();
        let strict =
            basis(folder.path(), "", Rules { revocations: Some(list), evidence: Evidence::Verified, ..Rules::default() });
        let trusted = trust(&strict, folder.path(), now).unwrap();
        assert!(trusted.own.is_empty() && trusted.verified_only);
    }
}
