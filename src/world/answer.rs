//! Small helpers to read requests and to answer them.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

/// Requests are small here.
const LARGEST: usize = 8 << 20;

/// An answer in JSON.
pub(crate) fn json(status: u16, body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).unwrap_or_default();
    with_type(status, "application/json", body.into())
}

/// An answer in plain text.
pub(crate) fn text(status: u16, body: &str) -> Response {
    with_type(status, "text/plain; charset=utf-8", body.to_owned().into())
}

/// An answer in HTML, as proxies give it.
pub(crate) fn html(status: u16, title: &str) -> Response {
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    with_type(status, "text/html", body.into())
}

fn with_type(status: u16, kind: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// The body of a request; nothing where it is too large or breaks off.
pub(crate) async fn body(body: Body) -> Option<Bytes> {
    axum::body::to_bytes(body, LARGEST).await.ok()
}
