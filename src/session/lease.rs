//! What the Leases of locks and freezes are called, so that who asks for rights names the
//! same as who takes them.

use sha2::{Digest as _, Sha256};

/// The Lease of a lock.
pub fn of_lock(name: &str) -> String {
    slug("pacenote", name)
}

/// The Lease that freezes an environment.
pub fn of_freeze(environment: &str) -> String {
    slug("pacenote-freeze", environment)
}

/// The name of a file or of a Lease for a name of the runbook's: what a cluster allows,
/// and different for different names.
pub fn slug(prefix: &str, name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let readable: String = name.chars().take(36).map(fits).collect();
    let hash: String = Sha256::digest(name.as_bytes()).iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("{prefix}-{}-{hash}", readable.trim_matches('-'))
}
