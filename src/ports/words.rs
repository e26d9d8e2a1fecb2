//! What went wrong with a cluster, in words that say what to do next, and whether a
//! request can have had an effect.

use std::error::Error;

use super::cluster::{Cluster, RequestTimeout};
use super::credentials::PluginError;
use super::http::{find, root_cause};

/// One sentence about a failed request: what happened, where, what to do next.
pub fn explain(error: &kube::Error, cluster: &Cluster) -> String {
    let place = format!("{} ({})", cluster.server, cluster.context);
    if let kube::Error::Api(status) = error {
        return refusal(status.code, &status.message, &status.reason, cluster);
    }
    if let Some(plugin) = find::<PluginError>(error) {
        return plugin.to_string();
    }
    if let Some(RequestTimeout(limit)) = find::<RequestTimeout>(error) {
        return format!("the API server {place} gave no answer within {limit:?}; look at the network, then try again");
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        let next = if tls.to_string().contains("xpired") {
            "a certificate has expired: renew it"
        } else {
            "see the kubeconfig's certificates"
        };
        return format!("TLS to the API server {place} failed: {tls}; {next}");
    }
    if matches!(error, kube::Error::SerdeError(_) | kube::Error::FromUtf8(_)) {
        return format!(
            "what {place} answered is not an API server's answer ({}); is a proxy or a login page in between?",
            root_cause(error)
        );
    }
    let why = root_cause(error);
    if sent(error) {
        format!("the connection to the API server {place} broke: {why}")
    } else {
        format!("the API server {place} cannot be reached: {why}; look at the network, the VPN, or the kubeconfig's server")
    }
}

/// One sentence about an answer that is a refusal: its code, message and reason.
pub fn refusal(code: u16, message: &str, reason: &str, cluster: &Cluster) -> String {
    let (server, user) = (&cluster.server, &cluster.user);
    let said = if message.is_empty() { reason } else { message };
    match code {
        401 => format!("the API server {server} does not know who you are (401); log in again (user {user:?} of the kubeconfig)"),
        403 => format!("not allowed (403): {said}; ask for the right, or use another context"),
        404 => format!("not found (404): {said}"),
        409 => format!("someone else was quicker (409): {said}"),
        422 => format!("the API server refuses it (422): {said}"),
        429 => format!("the API server is overloaded (429): {said}; wait a moment, then try again"),
        _ => format!("the API server {server} answered {code}: {said}"),
    }
}

/// Whether the request may have reached the server. Only what is certain to have failed
/// before counts as not sent.
pub fn sent(error: &kube::Error) -> bool {
    if matches!(error, kube::Error::Auth(_) | kube::Error::BuildRequest(_) | kube::Error::HttpError(_))
        || find::<PluginError>(error).is_some()
    {
        return false;
    }
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = next {
        // The HTTP client's own words for a connection that was never made. Should they
        // change, the answer becomes "may have been sent", which is the careful one.
        if current.to_string() == "client error (Connect)" {
            return false;
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
        {
            return false;
        }
        next = current.source();
    }
    true
}
