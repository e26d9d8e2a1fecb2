//! TLS is verified: what is trusted, what is not, and what people are told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pacenote::ports::{ConnectOptions, HttpCall, HttpFailure, HttpPort, KubeTarget, connect, install_crypto};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls").join(name)
}

/// An API server that knows its version and nothing else; asks for a client certificate
/// where `clients` is set.
fn serve(certificate: &str, clients: bool) -> SocketAddr {
    install_crypto();
    let authority = CertificateDer::from_pem_file(fixture("ca.pem")).expect("the authority");
    let chain = vec![CertificateDer::from_pem_file(fixture(&format!("{certificate}.pem"))).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(fixture(&format!("{certificate}.key"))).expect("a key");
    let builder = rustls::ServerConfig::builder();
    let builder = if clients {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority).expect("a root");
        builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let config = Arc::new(builder.with_single_cert(chain, key).expect("a server"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, config) = (socket.expect("a connection"), config.clone());
            let mut session = rustls::ServerConnection::new(config).expect("a session");
            let mut stream = rustls::Stream::new(&mut session, &mut socket);
            // A client that does not trust us goes away, which is what the test is about.
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok() {
                let body = r#"{"major":"1","minor":"36","gitVersion":"v1.36.2","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    address
}

/// Connects as a kubeconfig says and asks for the version.
async fn version(address: SocketAddr, authority: bool, client: bool) -> Result<(String, Option<String>), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let trust = if authority { format!(", certificate-authority: '{}'", fixture("ca.pem").display()) } else { String::new() };
    let user = if client {
        format!("client-certificate: '{}', client-key: '{}'", fixture("client.pem").display(), fixture("client.key").display())
    } else {
        "token: abc".into()
    };
    let config = format!(
        "current-context: x\nclusters: [{{name: x, cluster: {{server: 'https://{address}'{trust}}}}}]\n\
         users: [{{name: x, user: {{{user}}}}}]\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\n"
    );
    let path = folder.path().join("config");
    std::fs::write(&path, config).expect("written");
    let options = ConnectOptions { kubeconfig: vec![path], ..ConnectOptions::new("sid") };
    let cluster = connect(&KubeTarget::default(), &options).await.map_err(|error| error.to_string())?;
    assert!(!cluster.insecure);
    Ok((cluster.probe().await?, cluster.ca_fingerprint))
}

#[tokio::test]
async fn a_cluster_is_trusted_by_its_own_authority() {
    let (version, fingerprint) = version(serve("server", false), true, false).await.expect("a version");
    assert_eq!((version.as_str(), fingerprint.map(|f| f.len())), ("v1.36.2", Some(64)));
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let address = serve("server", true);
    assert_eq!(version(address, true, true).await.expect("a version").0, "v1.36.2");
    version(address, true, false).await.expect_err("no certificate");
}

#[tokio::test]
async fn strangers_and_expired_certificates_are_not_trusted() {
    let stranger = version(serve("server", false), false, false).await.expect_err("an unknown authority");
    assert!(stranger.contains("TLS") && stranger.contains("certificate"), "{stranger}");
    let expired = version(serve("expired", false), true, false).await.expect_err("an expired certificate");
    assert!(expired.contains("expired: renew it"), "{expired}");
    let call = HttpCall {
        method: "GET".into(),
        url: format!("https://{}/", serve("server", false)),
        headers: Vec::new(),
        carries_secret: true,
        body: None,
        timeout: Duration::from_secs(10),
        limit: 1024,
    };
    let failure = HttpPort::network().send(call).await.expect_err("an unknown authority");
    assert!(matches!(failure, HttpFailure::Tls(_)) && failure.before_sending(), "{failure:?}");
}
