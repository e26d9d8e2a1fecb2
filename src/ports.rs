//! The two doors to the network: HTTP and the Kubernetes API.
//!
//! Signals and effects reach the world only through these, so that a rehearsal can put
//! a simulated world behind them: over loopback with rewritten addresses, or, for
//! headless tests, as a tower service without sockets. The HTTP door sends secrets only
//! over https outside loopback, keeps redirects on their origin, refuses link-local
//! addresses, bounds time and size, and never retries.

use std::time::Duration;

use bytes::Bytes;

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpFailure {
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection could not be made or broke.
    #[error("cannot connect: {0}")]
    Unreachable(String),
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

/// The HTTP door.
#[derive(Clone)]
pub struct HttpPort {
    #[expect(dead_code, reason = "filled in with the implementation")]
    inner: (),
}
