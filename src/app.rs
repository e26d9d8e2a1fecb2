//! The only loop: it wires keys, deadlines, signals and effects to the session.
//!
//! [`Walk`] holds one session with everything that moves it: it stamps each message
//! once, lets the session decide, appends what was decided, folds it, starts what became
//! durable, and asks what follows until nothing does. The faces ([`screen`], [`lines`])
//! show it and turn keys or lines into commands; [`headless`] walks a scenario without
//! any. When the journal cannot be written nothing further is started, and everything can
//! still be looked at.

pub mod anchors;
pub mod answering;
pub mod cluster_secrets;
mod commands;
pub mod doors;
pub mod entry;
pub mod headless;
mod jumps;
pub mod lines;
mod logins;
mod notices;
pub mod opening;
mod pen;
pub mod preflight;
pub mod rehearsed_disk;
pub mod replay;
pub mod screen;
pub mod sealing;
pub mod unattended;
mod walk;
pub mod watch;

pub use walk::{Approvals, Ended, Walk};

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::effects::{OutputStore, Secret, SecretSource};
use crate::journal::SessionDir;
use crate::ports::Cluster;
use crate::redact::Redactor;
use crate::runbook::load::Bundle;
use crate::session::Plan;
use crate::session::event::{BundleRecord, EnvironmentRecord};
use crate::session::intent::SecretName;

/// A rehearsal reads no secret: every one is this address, which leads into the
/// simulated world and nowhere else.
pub struct RehearsalSecrets;

impl SecretSource for RehearsalSecrets {
    fn get<'a>(&'a self, _name: &'a SecretName) -> BoxFuture<'a, Result<Secret, String>> {
        Box::pin(async { Ok(Secret::new("https://hooks.rehearsal.example/")) })
    }

    fn known(&self) -> Vec<(String, Secret)> {
        Vec::new()
    }
}

/// The files of a bundle, by hash, without what only its folder could tell.
pub fn bundle_record(bundle: &Bundle) -> BundleRecord {
    BundleRecord {
        sha256: bundle.sha256.clone(),
        files: bundle.files.iter().map(|f| (f.path.clone(), f.sha256.clone())).collect(),
        commit: None,
        dirty: false,
    }
}

/// The environment for the record, with what was found out about its cluster.
pub fn environment_record(plan: &Plan, cluster: Option<&Cluster>) -> EnvironmentRecord {
    let Some(environment) = plan.environment() else { return EnvironmentRecord::default() };
    let target = environment.kubernetes.as_ref();
    EnvironmentRecord {
        name: environment.name.value.clone(),
        protected: environment.protected,
        context: cluster.map(|c| c.context.clone()).or_else(|| target.and_then(|t| t.context.clone())),
        server: cluster.map(|c| c.server.clone()),
        ca_fingerprint: cluster.and_then(|c| c.ca_fingerprint.clone()),
        namespace: cluster.map(|c| c.namespace.clone()).or_else(|| target.and_then(|t| t.namespace.clone())),
    }
}

/// The store of whole outputs in a session's folder.
pub fn outputs(dir: &SessionDir, redactor: &Redactor) -> Arc<dyn OutputStore> {
    Arc::new(crate::outputs::SessionOutputs::new(dir.clone(), redactor.clone()))
}
