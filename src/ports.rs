//! The two doors to the network: HTTP and the Kubernetes API.
//!
//! Signals and effects reach the world only through these, so that a rehearsal can put
//! a simulated world behind them: over loopback with rewritten addresses, or, for
//! headless tests, as a tower service without sockets. The HTTP door sends secrets only
//! over https outside loopback, keeps redirects on their origin, refuses link-local
//! addresses, bounds time and size, and never retries. The Kubernetes door never retries
//! a request that changes something, bounds every request but a watch in time, runs
//! credential plugins with a time limit, and lends them the terminal only when it has been
//! given up for that ([`Login`]).
//!
//! Proxies named by environment variables are not used by either door: where a request
//! goes is what the runbook's bundle said, and nothing else. A `proxy-url` in the
//! kubeconfig is part of the cluster's own address and is honoured.

use std::time::Duration;

use bytes::Bytes;

mod address;
mod cluster;
mod connect;
mod credentials;
mod http;
mod login;
mod words;

pub use cluster::{Cluster, RequestTimeout};
pub use connect::{ConnectError, ConnectOptions, KubeTarget, connect};
pub use credentials::PluginError;
pub use http::{HttpPort, Permits};
pub use login::{Login, LoginState, LoginWatch};
pub use words::{explain, refusal, sent};

/// One HTTP request.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// Method.
    pub method: String,
    /// Address.
    pub url: String,
    /// Headers, secrets filled in.
    pub headers: Vec<(String, String)>,
    /// Whether a header or the body holds a secret: then plain http is refused outside
    /// loopback.
    pub carries_secret: bool,
    /// Body.
    pub body: Option<Bytes>,
    /// The whole exchange may take so long.
    pub timeout: Duration,
    /// At most so many bytes of the answer are read.
    pub limit: usize,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// Status code.
    pub status: u16,
    /// `Content-Type`, where given.
    pub content_type: Option<String>,
    /// Body, whole or an error.
    pub body: Bytes,
    /// How long it took.
    pub took: Duration,
}

/// Why there is no answer.
///
/// Shared by all callers, so that a health check, a query and an effect name the same
/// failure in the same words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection could not be made: nothing was sent.
    #[error("cannot connect: {0}")]
    Unreachable(String),
    /// The connection broke after the request went out, or what came back is no HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// TLS failed: a certificate is wrong or expired.
    #[error("TLS: {0}")]
    Tls(String),
    /// The answer is larger than allowed.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The request is refused by our own rules.
    #[error("refused: {0}")]
    Refused(String),
}

impl HttpFailure {
    /// Whether it is certain that no byte of the request reached the other side.
    pub fn before_sending(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Tls(_) | Self::Refused(_))
    }
}

/// Makes *ring* the process's TLS provider, once. Both doors need it; calling it again
/// does nothing.
pub fn install_crypto() {
    // An error only says that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// How this program names itself to servers.
pub(crate) const PRODUCT: &str = concat!("pacenote/", env!("CARGO_PKG_VERSION"));
