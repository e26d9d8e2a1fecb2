//! From a kubeconfig to a cluster.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError, NamedContext};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::cluster::{Cluster, Dress};
use super::credentials::{Plugin, PluginError};
use super::install_crypto;

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
    /// How long a credential plugin may take.
    pub plugin_timeout: Duration,
}

impl ConnectOptions {
    /// The usual files, twenty seconds for a plugin.
    pub fn new(sid: impl Into<String>) -> Self {
        Self { kubeconfig: Vec::new(), sid: sid.into(), plugin_timeout: Duration::from_secs(20) }
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
    let files = options.kubeconfig.clone();
    let read = tokio::task::spawn_blocking(move || read(files)).await;
    let kubeconfig = read.map_err(|error| ConnectError::Unusable(error.to_string()))??;
    let kubeconfig = narrowed(kubeconfig, target)?;
    let context = kubeconfig.current_context.clone().unwrap_or_default();
    let named = kubeconfig.contexts.first().and_then(|c| c.context.clone()).unwrap_or_default();

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

    let plugin = match config.auth_info.exec.take() {
        None => None,
        Some(exec) => {
            let plugin = Plugin::new(exec, options.plugin_timeout);
            let credential = plugin.credential().await?;
            if let Some((certificate, key)) = credential.certificate {
                config.auth_info = with_certificate(&certificate, &key)?;
            }
            credential.token.is_some().then(|| Arc::new(plugin))
        }
    };
    let namespace = config.default_namespace.clone();
    let server = config.cluster_url.to_string();
    let ca_fingerprint = config.root_cert.as_ref().map(|certs| fingerprint(certs));
    let insecure = config.accept_invalid_certs;
    let client = tokio::task::spawn_blocking(move || kube::Client::try_from(config))
        .await
        .map_err(|error| ConnectError::Unusable(error.to_string()))?
        .map_err(|error| ConnectError::Unusable(error.to_string()))?;
    let dress = Dress::new(&options.sid, plugin);
    Ok(Cluster {
        client: dress.put_on(client, &namespace),
        namespace,
        context,
        server,
        ca_fingerprint,
        insecure,
        user: named.user.unwrap_or_default(),
        kubeconfig: Some(Arc::new(kubeconfig)),
    })
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

/// The credential of a plugin that gives a certificate. Its key goes through serde because
/// that is the one way to fill the client's secret field.
fn with_certificate(certificate: &str, key: &str) -> Result<AuthInfo, ConnectError> {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    serde_json::from_value(json!({"client-certificate-data": encode(certificate), "client-key-data": encode(key)}))
        .map_err(|_| ConnectError::Unusable("the plugin's certificate cannot be used".into()))
}

/// SHA-256 over the authority's certificates, hex: tells clusters of one name apart.
fn fingerprint(certs: &[Vec<u8>]) -> String {
    let mut hash = Sha256::new();
    for cert in certs {
        hash.update(cert);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
