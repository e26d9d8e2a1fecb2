//! The Kubernetes door: one cluster, one namespace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{Context, Kubeconfig, NamedCluster, NamedContext};
use tower::{BoxError, ServiceExt};

use super::login::Login;
use super::{PRODUCT, install_crypto};

/// A connected cluster, and who and where it is, for the record and for words.
#[derive(Clone)]
pub struct Cluster {
    /// The client. It retries nothing, names the session in its `User-Agent`, and bounds
    /// every request but watches and followed logs in time ([`RequestTimeout`]).
    pub client: kube::Client,
    /// The namespace all steps and signals work in.
    pub namespace: String,
    /// The kubeconfig's context.
    pub context: String,
    /// Address of the API server.
    pub server: String,
    /// SHA-256 of the cluster's certificate authority; absent where the system's
    /// certificates are trusted instead.
    pub ca_fingerprint: Option<String>,
    /// The kubeconfig turns TLS verification off: protected environments refuse it.
    pub insecure: bool,
    /// The kubeconfig's name of the user.
    pub user: String,
    pub(super) source: Source,
}

/// What a cluster was made from.
#[derive(Clone)]
pub(super) enum Source {
    /// A kubeconfig, and a login by it.
    Login(Login),
    /// A simulated one: what commands get to reach it.
    Simulated(Option<Arc<Kubeconfig>>),
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({}/{} at {})", self.context, self.namespace, self.server)
    }
}

/// A request had no whole answer in time. Whether the server acted on it is not known.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the API server gave no answer within {0:?}")]
pub struct RequestTimeout(pub Duration);

/// A request other than a watch may take so long, its body included.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

impl Cluster {
    /// A simulated cluster in this process, without sockets.
    pub fn from_router(router: axum::Router, namespace: &str, sid: &str) -> Self {
        let client = kube::Client::new(router, namespace.to_owned());
        Self::simulated(client, "in-process".into(), namespace, sid, None)
    }

    /// A simulated cluster on loopback, plain http.
    ///
    /// # Errors
    /// When the client cannot be set up.
    pub fn at(address: SocketAddr, namespace: &str, sid: &str) -> Result<Self, kube::Error> {
        install_crypto();
        let server = format!("http://{address}");
        let mut config = kube::Config::new(server.parse().map_err(|e: http::uri::InvalidUri| kube::Error::HttpError(e.into()))?);
        config.default_retry = false;
        let client = kube::Client::try_from(config)?;
        let kubeconfig = loopback_kubeconfig(&server, namespace);
        Ok(Self::simulated(client, server, namespace, sid, Some(Arc::new(kubeconfig))))
    }

    fn simulated(client: kube::Client, server: String, namespace: &str, sid: &str, kubeconfig: Option<Arc<Kubeconfig>>) -> Self {
        Self {
            client: Dress::new(sid, Through::Client(client)).client(namespace),
            namespace: namespace.to_owned(),
            context: "rehearsal".into(),
            server,
            ca_fingerprint: None,
            insecure: false,
            user: "rehearsal".into(),
            source: Source::Simulated(kubeconfig),
        }
    }

    /// Who the cluster takes us for, and the means to renew it. A simulated one asks
    /// nobody.
    pub fn login(&self) -> Option<&Login> {
        match &self.source {
            Source::Login(login) => Some(login),
            Source::Simulated(_) => None,
        }
    }

    fn kubeconfig(&self) -> Option<Arc<Kubeconfig>> {
        match &self.source {
            Source::Login(login) => Some(login.kubeconfig()),
            Source::Simulated(kubeconfig) => kubeconfig.clone(),
        }
    }

    /// A kubeconfig with nothing but this context and namespace, for commands. It holds
    /// what the original held inline, so the file must not outlive the command.
    pub fn narrowed_kubeconfig(&self) -> Option<String> {
        self.kubeconfig().and_then(|config| serde_json::to_string(config.as_ref()).ok())
    }

    /// Secrets the kubeconfig holds inline: a command that gets them may print them, so
    /// they have to be taken out of its output.
    pub fn inline_secrets(&self) -> Vec<String> {
        let Some(config) = self.kubeconfig().and_then(|config| serde_json::to_value(config.as_ref()).ok()) else {
            return Vec::new();
        };
        let users = config.get("users").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        let fields = ["token", "password", "client-key-data"];
        let of_user = |user: &serde_json::Value| fields.map(|field| Some(user.get("user")?.get(field)?.as_str()?.to_owned()));
        users.iter().flat_map(of_user).flatten().collect()
    }

    /// Asks the server for its version: whether it is there and knows who we are.
    ///
    /// # Errors
    /// A whole sentence for people: what happened, where, what to do next.
    pub async fn probe(&self) -> Result<String, String> {
        let version = self.client.apiserver_version().await.map_err(|error| super::explain(&error, self))?;
        Ok(version.git_version)
    }
}

fn loopback_kubeconfig(server: &str, namespace: &str) -> Kubeconfig {
    let name = "rehearsal".to_owned();
    let cluster = kube::config::Cluster { server: Some(server.to_owned()), ..Default::default() };
    let context = Context { cluster: name.clone(), namespace: Some(namespace.to_owned()), ..Default::default() };
    Kubeconfig {
        clusters: vec![NamedCluster { name: name.clone(), cluster: Some(cluster), ..Default::default() }],
        contexts: vec![NamedContext { name: name.clone(), context: Some(context), ..Default::default() }],
        current_context: Some(name),
        kind: Some("Config".into()),
        api_version: Some("v1".into()),
        ..Default::default()
    }
}

/// What every request is given on its way out.
#[derive(Clone)]
pub(super) struct Dress {
    agent: HeaderValue,
    through: Through,
}

/// What requests go through.
#[derive(Clone)]
pub(super) enum Through {
    /// The client of a login, as it is when a request is sent.
    Login(Login),
    /// Always the same.
    Client(kube::Client),
}

impl Dress {
    pub(super) fn new(sid: &str, through: Through) -> Self {
        let agent = HeaderValue::from_str(&format!("{PRODUCT} (session {sid})"));
        Self { agent: agent.unwrap_or_else(|_| HeaderValue::from_static(PRODUCT)), through }
    }

    /// A client that adds the headers and keeps the limits.
    pub(super) fn client(self, namespace: &str) -> kube::Client {
        let service = tower::service_fn(move |request: Request<Body>| {
            let dress = self.clone();
            async move { dress.send(request).await }
        });
        kube::Client::new(service.boxed(), namespace.to_owned())
    }

    async fn send(self, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        request.headers_mut().insert(header::USER_AGENT, self.agent.clone());
        let (client, sent_as) = match &self.through {
            Through::Client(client) => (client.clone(), None),
            Through::Login(login) => {
                let dressed = login.dressed().await?;
                if let Some(token) = dressed.token {
                    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
                    value.set_sensitive(true);
                    request.headers_mut().insert(header::AUTHORIZATION, value);
                }
                (dressed.client, Some((login, dressed.generation)))
            }
        };
        let endless = is_endless(&request);
        let whole = async {
            let answer = client.send(request).await?;
            if endless {
                // Only its beginning is waited for; whoever reads it has limits of their own.
                return Ok::<_, kube::Error>(answer);
            }
            let (parts, body) = answer.into_parts();
            let bytes = body.collect().await?.to_bytes();
            Ok(Response::from_parts(parts, Body::from(bytes)))
        };
        let answer = tokio::time::timeout(REQUEST_LIMIT, whole).await.map_err(|_| RequestTimeout(REQUEST_LIMIT))??;
        if let Some((login, generation)) = sent_as {
            match answer.status() {
                http::StatusCode::UNAUTHORIZED => login.refused(generation),
                // What stands in between may answer for a server that is not there.
                status if status.is_server_error() => {}
                _ => login.accepted(generation),
            }
        }
        Ok(answer)
    }
}

/// Watches and followed logs go on until one side ends them.
fn is_endless(request: &Request<Body>) -> bool {
    request.uri().query().is_some_and(|query| {
        url::form_urlencoded::parse(query.as_bytes())
            .any(|(key, value)| matches!(&*key, "watch" | "follow") && matches!(&*value, "true" | "1"))
    })
}
