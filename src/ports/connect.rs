//! From a kubeconfig to a cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError, NamedContext};
use sha2::{Digest, Sha256};

use super::cluster::{Cluster, Dress, Source, Through};
use super::credentials::PluginError;
use super::install_crypto;
use super::login::Login;

/// Which cluster, as the runbook's environment names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubeTarget {
    /// The context; absent: the kubeconfig's current one.
    pub context: Option<String>,
    /// The namespace; absent: the context's, else `default`.
    pub namespace: Option<String>,
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Kubeconfig files, merged in this order; empty: `KUBECONFIG`, else `~/.kube/config`.
    pub kubeconfig: Vec<PathBuf>,
    /// The session's id, for the `User-Agent`.
    pub sid: String,
    /// How long a credential plugin may take behind the screen, and a request wait for it.
    pub plugin_timeout: Duration,
    /// Whether somebody sits at a terminal that may be handed to a credential plugin: now,
    /// for the first credential, and when they log in again.
    pub terminal: bool,
    /// How long somebody may take to log in.
    pub login_timeout: Duration,
}

impl ConnectOptions {
    /// The usual files, twenty seconds for a plugin, no terminal for it.
    pub fn new(sid: impl Into<String>) -> Self {
        Self {
            kubeconfig: Vec::new(),
            sid: sid.into(),
            plugin_timeout: Duration::from_secs(20),
            terminal: false,
            login_timeout: Duration::from_secs(5 * 60),
        }
    }
}

/// Why there is no cluster: what happened, where, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No file to read.
    #[error("there is no kubeconfig: looked for {looked}; set KUBECONFIG, or write one there")]
    NoKubeconfig {
        /// Where it was looked for.
        looked: String,
    },
    /// A file that cannot be used.
    #[error("the kubeconfig cannot be used: {0}; `kubectl config view` shows what is in force")]
    Unusable(String),
    /// No such context.
    #[error("the kubeconfig has no context {wanted:?}; it has {}; set KUBECONFIG, or correct the runbook's environment", list(.known))]
    UnknownContext {
        /// The one asked for.
        wanted: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// No context named, and no current one.
    #[error("the kubeconfig has no current context; it has {}; name one in the runbook's environment, or `kubectl config use-context`", list(.0))]
    NoContext(Vec<String>),
    /// A login again would lead to another cluster.
    #[error(
        "the kubeconfig's context now leads to another cluster, or reaches it otherwise ({0}); a session stays with its own: put the context back, or begin a new session"
    )]
    Elsewhere(String),
    /// The credential plugin.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// Connects to a cluster: reads the kubeconfig, gets a credential, sets up the client.
/// Sends nothing to the API server yet; [`Cluster::probe`] does.
///
/// # Errors
/// When there is no kubeconfig, no such context, or no credential.
pub async fn connect(target: &KubeTarget, options: &ConnectOptions) -> Result<Cluster, ConnectError> {
    install_crypto();
    let kubeconfig = read_narrowed(options.kubeconfig.clone(), target).await?;
    let context = kubeconfig.current_context.clone().unwrap_or_default();
    let named = kubeconfig.contexts.first().and_then(|c| c.context.clone()).unwrap_or_default();
    let config = settings(&kubeconfig).await?;
    let namespace = config.default_namespace.clone();
    let server = config.cluster_url.to_string();
    let ca_fingerprint = config.root_cert.as_ref().map(|certs| fingerprint(certs));
    let insecure = config.accept_invalid_certs;
    // A later login stays with this context, whichever is the current one by then.
    let target = KubeTarget { context: Some(context.clone()), namespace: target.namespace.clone() };
    let login = Login::new(target, options.clone(), Arc::new(kubeconfig), config).await?;
    Ok(Cluster {
        client: Dress::new(&options.sid, Through::Login(login.clone())).client(&namespace),
        namespace,
        context,
        server,
        ca_fingerprint,
        insecure,
        user: named.user.unwrap_or_default(),
        source: Source::Login(login),
    })
}

/// The kubeconfig with nothing but the target's context.
pub(super) async fn read_narrowed(files: Vec<PathBuf>, target: &KubeTarget) -> Result<Kubeconfig, ConnectError> {
    let read = tokio::task::spawn_blocking(move || read(files)).await;
    narrowed(read.map_err(|error| ConnectError::Unusable(error.to_string()))??, target)
}

/// The client's settings for a narrowed kubeconfig.
pub(super) async fn settings(kubeconfig: &Kubeconfig) -> Result<kube::Config, ConnectError> {
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default())
        .await
        .map_err(|error| ConnectError::Unusable(error.to_string()))?;
    // kube falls back to HTTPS_PROXY; only what the kubeconfig itself says is used.
    let own_proxy = kubeconfig.clusters.first().and_then(|c| c.cluster.as_ref()).and_then(|c| c.proxy_url.as_ref());
    if own_proxy.is_none_or(String::is_empty) {
        config.proxy_url = None;
    }
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(10));
    Ok(config)
}

/// Reads and merges; like kubectl, a named file that does not exist is passed over.
fn read(named: Vec<PathBuf>) -> Result<Kubeconfig, ConnectError> {
    let files = if named.is_empty() { usual_files() } else { named };
    let looked = files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ");
    let mut merged: Option<Kubeconfig> = None;
    for file in files.iter().filter(|file| file.exists()) {
        let one = Kubeconfig::read_from(file).map_err(unusable)?;
        merged = Some(match merged {
            None => one,
            Some(before) => before.merge(one).map_err(unusable)?,
        });
    }
    merged.ok_or(ConnectError::NoKubeconfig { looked })
}

fn unusable(error: KubeconfigError) -> ConnectError {
    ConnectError::Unusable(error.to_string())
}

fn usual_files() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os("KUBECONFIG") {
        let files: Vec<PathBuf> = std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
        if !files.is_empty() {
            return files;
        }
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    vec![home.join(".kube/config")]
}

/// Only the one context, with its cluster and user, and the session's namespace: what
/// commands get, and what the client is made of, are the same.
fn narrowed(full: Kubeconfig, target: &KubeTarget) -> Result<Kubeconfig, ConnectError> {
    let known = || full.contexts.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let wanted = target.context.clone().or_else(|| full.current_context.clone().filter(|name| !name.is_empty()));
    let name = wanted.ok_or_else(|| ConnectError::NoContext(known()))?;
    let found = full.contexts.iter().find(|c| c.name == name).and_then(|c| c.context.clone());
    let mut context = found.ok_or_else(|| ConnectError::UnknownContext { wanted: name.clone(), known: known() })?;
    if target.namespace.is_some() {
        context.namespace.clone_from(&target.namespace);
    }
    let mut config = Kubeconfig {
        clusters: full.clusters.into_iter().filter(|c| c.name == context.cluster).take(1).collect(),
        auth_infos: full.auth_infos.into_iter().filter(|u| Some(&u.name) == context.user.as_ref()).take(1).collect(),
        current_context: Some(name.clone()),
        kind: Some("Config".into()),
        api_version: Some("v1".into()),
        ..Kubeconfig::default()
    };
    config.contexts = vec![NamedContext { name, context: Some(context), ..NamedContext::default() }];
    Ok(config)
}

/// SHA-256 over the authority's certificates, hex: tells clusters of one name apart.
fn fingerprint(certs: &[Vec<u8>]) -> String {
    let mut hash = Sha256::new();
    for cert in certs {
        hash.update(cert);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
