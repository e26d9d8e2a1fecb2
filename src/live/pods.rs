//! A table of pods, as `kubectl get pods` shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// One pod, reduced to what is shown. The columns follow kubectl's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodRow {
    /// Name.
    pub name: String,
    /// Ready containers.
    pub ready: u32,
    /// All containers (restartable init containers included).
    pub total: u32,
    /// STATUS.
    pub status: String,
    /// Restarts.
    pub restarts: u32,
    /// When the last restart was.
    pub last_restart: Option<DateTime<Utc>>,
    /// Creation, for AGE.
    pub created: Option<DateTime<Utc>>,
    /// Reason of the last termination (`OOMKilled`), which STATUS hides at times.
    pub last_termination: Option<String>,
    /// Node.
    pub node: Option<String>,
    /// The pod-template-hash label, to tell old pods from new.
    pub template_hash: Option<String>,
    /// Image of the first container.
    pub image: Option<String>,
    /// Ready condition of the pod.
    pub is_ready: bool,
    /// Cannot start: waiting for a reason that needs someone.
    pub crashing: bool,
}

/// The pods of a signal, by name.
#[derive(Debug, Default)]
pub struct PodTable {
    /// The rows.
    pub rows: BTreeMap<String, PodRow>,
    /// The selector, resolved.
    pub selector: String,
}
