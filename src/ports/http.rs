//! The HTTP door.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use url::Url;

use super::address::{Forbidden, GuardedResolver, permitted};
use super::{HttpAnswer, HttpCall, HttpFailure, PRODUCT, install_crypto};

/// So many redirects are followed, all on one origin.
const REDIRECTS: usize = 5;

/// The HTTP door. Cloning it is cheap; every call has a connection of its own, so that a
/// health check tells how the service answers and not how long an old connection lived.
#[derive(Clone)]
pub struct HttpPort {
    way: Way,
    permits: Option<Permits>,
}

/// Says why a host may not be contacted, by a policy; nothing where it may.
pub type Permits = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

#[derive(Clone)]
enum Way {
    Network { client: Arc<OnceLock<Result<reqwest::Client, String>>>, base: Option<SocketAddr> },
    Router(axum::Router),
}

impl std::fmt::Debug for HttpPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match &self.way {
            Way::Network { base: None, .. } => "HttpPort(network)",
            Way::Network { base: Some(_), .. } => "HttpPort(redirected)",
            Way::Router(_) => "HttpPort(router)",
        })
    }
}

/// One answer, headers included; redirects are decided on these.
struct Exchange {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl HttpPort {
    /// The real network. TLS is always verified, against the system's certificates
    /// (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured). Nothing is opened or read yet.
    pub fn network() -> Self {
        Self { way: Way::Network { client: Arc::default(), base: None }, permits: None }
    }

    /// Everything goes to `http://base` with the same path and query and the original
    /// authority as `Host`: a simulated world over loopback. The rules about addresses
    /// and secrets still judge the original address.
    pub fn redirected(base: SocketAddr) -> Self {
        Self { way: Way::Network { client: Arc::default(), base: Some(base) }, permits: None }
    }

    /// Everything is answered by a router in this process, without sockets; `Host` is the
    /// original authority.
    pub fn router(router: axum::Router) -> Self {
        Self { way: Way::Router(router), permits: None }
    }

    /// The same door, with a policy that says which hosts may be contacted. It is asked
    /// again at every redirect.
    #[must_use]
    pub fn permitting(mut self, permits: Permits) -> Self {
        self.permits = Some(permits);
        self
    }

    /// Sends one request and reads the whole answer. Only GET and HEAD follow redirects,
    /// and only on the same origin; any other answer of the server is an answer.
    ///
    /// # Errors
    /// When there is no whole answer within the call's time and size, or when our own
    /// rules refuse the call; [`HttpFailure::before_sending`] says whether anything can
    /// have happened.
    pub async fn send(&self, call: HttpCall) -> Result<HttpAnswer, HttpFailure> {
        let started = tokio::time::Instant::now();
        let timeout = call.timeout;
        let done = tokio::time::timeout(timeout, self.follow(&call)).await.map_err(|_| HttpFailure::Timeout(timeout))??;
        let content_type = done.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned);
        Ok(HttpAnswer { status: done.status, content_type, body: done.body, took: started.elapsed() })
    }

    async fn follow(&self, call: &HttpCall) -> Result<Exchange, HttpFailure> {
        let mut url = Url::parse(&call.url).map_err(|e| HttpFailure::Refused(format!("{:?} is no address: {e}", call.url)))?;
        let method = Method::from_bytes(call.method.to_ascii_uppercase().as_bytes())
            .map_err(|_| HttpFailure::Refused(format!("{:?} is no HTTP method", call.method)))?;
        let headers = headers_of(call)?;
        for _ in 0..=REDIRECTS {
            permitted(&url, call.carries_secret).map_err(|Forbidden(why)| HttpFailure::Refused(why))?;
            if let Some(permits) = &self.permits {
                permits(url.host_str().unwrap_or_default()).map_err(HttpFailure::Refused)?;
            }
            let answer = self.exchange(&method, &url, headers.clone(), call).await?;
            let safe = method == Method::GET || method == Method::HEAD;
            let Some(target) = redirect_target(&url, &answer).filter(|_| safe) else { return Ok(answer) };
            if target.origin() != url.origin() {
                return Err(HttpFailure::Refused(format!(
                    "{} redirects to another origin, {}",
                    url.origin().ascii_serialization(),
                    target.origin().ascii_serialization()
                )));
            }
            url = target;
        }
        Err(HttpFailure::Refused(format!("more than {REDIRECTS} redirects")))
    }

    async fn exchange(&self, method: &Method, url: &Url, headers: HeaderMap, call: &HttpCall) -> Result<Exchange, HttpFailure> {
        match &self.way {
            Way::Router(router) => through_router(router.clone(), method, url, headers, call).await,
            Way::Network { client, base } => {
                let client = client.get_or_init(build).as_ref().map_err(|why| HttpFailure::Tls(why.clone()))?;
                let (target, headers) = match base {
                    None => (url.clone(), headers),
                    Some(base) => (redirected_to(url, *base), with_host(headers, url)?),
                };
                let mut request = client.request(method.clone(), target).headers(headers);
                if let Some(body) = &call.body {
                    request = request.body(body.clone());
                }
                let mut answer = request.send().await.map_err(|error| classify(&error))?;
                let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
                let mut body = BytesMut::new();
                while let Some(chunk) = answer.chunk().await.map_err(|error| classify(&error))? {
                    if body.len() + chunk.len() > call.limit {
                        return Err(HttpFailure::TooLarge(call.limit));
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(Exchange { status, headers, body: body.freeze() })
            }
        }
    }
}

/// Built at the first call: reading the system's certificates takes time that a start
/// without any request should not pay for.
fn build() -> Result<reqwest::Client, String> {
    install_crypto();
    let builder = || {
        reqwest::Client::builder()
            .user_agent(PRODUCT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .dns_resolver(GuardedResolver)
    };
    // Without any certificate on the system plain http still works; https then fails by
    // not trusting the server, which is the truth.
    builder()
        .build()
        .or_else(|_| builder().tls_certs_only([]).build())
        .map_err(|error| format!("the HTTP client cannot be set up: {}", root_cause(&error)))
}

fn headers_of(call: &HttpCall) -> Result<HeaderMap, HttpFailure> {
    let mut headers = HeaderMap::new();
    for (name, value) in &call.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let name = parsed.map_err(|_| HttpFailure::Refused(format!("{name:?} is no header name")))?;
        // The value is not named: it may be a secret.
        let refused = || HttpFailure::Refused(format!("the value of header {name} has characters that cannot be sent"));
        let mut value = HeaderValue::from_str(value).map_err(|_| refused())?;
        value.set_sensitive(call.carries_secret);
        headers.append(name, value);
    }
    Ok(headers)
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn with_host(mut headers: HeaderMap, url: &Url) -> Result<HeaderMap, HttpFailure> {
    let value = HeaderValue::from_str(&authority(url)).map_err(|_| HttpFailure::Refused("the host cannot be sent".into()))?;
    headers.insert(header::HOST, value);
    Ok(headers)
}

fn redirected_to(url: &Url, base: SocketAddr) -> Url {
    let mut target = url.clone();
    // Neither can fail for an http address with an IP; where they would, the request goes
    // nowhere because the original scheme is then refused by the client.
    let _ = target.set_scheme("http");
    let _ = target.set_ip_host(base.ip());
    let _ = target.set_port(Some(base.port()));
    target
}

async fn through_router(
    router: axum::Router,
    method: &Method,
    url: &Url,
    headers: HeaderMap,
    call: &HttpCall,
) -> Result<Exchange, HttpFailure> {
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let mut request = http::Request::builder()
        .method(method.clone())
        .uri(path)
        .body(axum::body::Body::from(call.body.clone().unwrap_or_default()))
        .map_err(|error| HttpFailure::Refused(error.to_string()))?;
    *request.headers_mut() = with_host(headers, url)?;
    let answer = router.oneshot(request).await.unwrap_or_else(|never| match never {});
    let (parts, body) = answer.into_parts();
    let limited = http_body_util::Limited::new(body, call.limit).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            HttpFailure::TooLarge(call.limit)
        } else {
            HttpFailure::Broken(error.to_string())
        }
    })?;
    Ok(Exchange { status: parts.status.as_u16(), headers: parts.headers, body: limited.to_bytes() })
}

fn redirect_target(from: &Url, answer: &Exchange) -> Option<Url> {
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    from.join(answer.headers.get(header::LOCATION)?.to_str().ok()?).ok()
}

/// The innermost reason, which is what people can act on.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Finds an error of a type anywhere in the chain, also inside an `io::Error`.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        // An `io::Error` shows its inner error's source as its own, and hides the inner one.
        let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => current.source(),
        };
    }
    None
}

fn classify(error: &reqwest::Error) -> HttpFailure {
    if let Some(Forbidden(why)) = find::<Forbidden>(error) {
        return HttpFailure::Refused(why.clone());
    }
    if let Some(tls) = find::<rustls::Error>(error)
        && error.is_connect()
    {
        return HttpFailure::Tls(tls.to_string());
    }
    let why = root_cause(error);
    if error.is_dns() {
        HttpFailure::Unreachable(format!("the name cannot be looked up: {why}"))
    } else if error.is_connect() {
        HttpFailure::Unreachable(why)
    } else if error.is_builder() {
        HttpFailure::Refused(why)
    } else {
        HttpFailure::Broken(why)
    }
}
