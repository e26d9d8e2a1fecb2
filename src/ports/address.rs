//! Which addresses may be reached, and by what.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Refused by our own rules, found inside the error of a resolver.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Forbidden(pub String);

/// Link-local addresses lead to machine metadata services, never to something a runbook
/// has to do with.
pub(super) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| v6.is_unicast_link_local(), |v4| v4.is_link_local()),
    }
}

/// Whether the address is this machine itself, by its name or number.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.to_ipv4_mapped().map_or_else(|| ip.is_loopback(), |v4| v4.is_loopback()),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Checks an address before anything is looked up.
pub(super) fn permitted(url: &Url, carries_secret: bool) -> Result<(), Forbidden> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Forbidden(format!("only http and https addresses can be called, not {}", url.scheme())));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err(Forbidden("the address has no host".into())),
    };
    if let Some(ip) = literal.filter(|ip| is_link_local(*ip)) {
        return Err(Forbidden(format!("{ip} is a link-local address; these are never called")));
    }
    if carries_secret && url.scheme() != "https" && !is_loopback(url) {
        return Err(Forbidden("a secret is sent over https only, except to this machine itself".into()));
    }
    Ok(())
}

/// Looks names up as the system does, and refuses what must not be reached.
#[derive(Debug)]
pub(super) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(screened(name.as_str(), found)?.into_iter()) as Addrs)
        })
    }
}

/// One bad address condemns the name: an honest one has none.
fn screened(name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Forbidden> {
    if let Some(bad) = found.iter().find(|address| is_link_local(address.ip())) {
        return Err(Forbidden(format!("{name} leads to {}, a link-local address; these are never called", bad.ip())));
    }
    if name.eq_ignore_ascii_case("localhost") && found.iter().any(|address| !address.ip().is_loopback()) {
        return Err(Forbidden("localhost does not lead to this machine; see /etc/hosts".into()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_known_in_every_spelling() {
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "http://0xA9FEA9FE/",
            "http://2852039166/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
        ] {
            assert!(permitted(&Url::parse(url).unwrap(), false).is_err(), "{url}");
        }
        assert!(permitted(&Url::parse("http://10.0.0.1/").unwrap(), false).is_ok());
    }

    #[test]
    fn a_secret_needs_https_outside_this_machine() {
        let cases = [
            ("http://example.com/", false),
            ("http://10.0.0.1/", false),
            ("https://example.com/", true),
            ("http://127.0.0.1:9/", true),
            ("http://[::1]:9/", true),
            ("http://localhost:9/", true),
            ("http://localhost.example.com/", false),
        ];
        for (url, allowed) in cases {
            assert_eq!(permitted(&Url::parse(url).unwrap(), true).is_ok(), allowed, "{url}");
        }
    }

    #[test]
    fn only_http_can_be_called() {
        assert!(permitted(&Url::parse("file:///etc/passwd").unwrap(), false).is_err());
        assert!(permitted(&Url::parse("ftp://example.com/").unwrap(), false).is_err());
    }

    #[test]
    fn one_link_local_answer_condemns_a_name() {
        let good: SocketAddr = "192.0.2.1:0".parse().unwrap();
        let bad: SocketAddr = "169.254.169.254:0".parse().unwrap();
        assert!(screened("evil.example.com", vec![good, bad]).is_err());
        assert_eq!(screened("example.com", vec![good]).unwrap(), vec![good]);
        assert!(screened("localhost", vec![good]).is_err());
    }
}
