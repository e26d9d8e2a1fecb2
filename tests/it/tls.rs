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

/// The program against an API server whose certificate has run out: it is said with what to
/// do, before the session and while it is walked, and nothing hangs.
#[test]
fn an_expired_certificate_is_said_with_what_to_do() {
    let home = tempfile::tempdir().expect("a folder");
    let kubeconfig = format!(
        "current-context: x\nclusters: [{{name: x, cluster: {{server: 'https://{}', certificate-authority: '{}'}}}}]\n\
         users: [{{name: x, user: {{token: abc}}}}]\ncontexts: [{{name: x, context: {{cluster: x, user: x, namespace: shop}}}}]\n",
        serve("expired", false),
        fixture("ca.pem").display()
    );
    std::fs::write(home.path().join("config"), kubeconfig).expect("written");
    let runbook = "pacenote: 1\nrunbook: expired\ntitle: Expired\nrisk: low\n\
                   environments: {shop: {kubernetes: {context: x, namespace: shop}}}\n\
                   signals: {image: {rollout: deployment/checkout}}\n\
                   steps:\n- {id: image, title: The image, kubernetes: {rollout_restart: {deployment: checkout}}, undo: {none: a restart}}\n";
    std::fs::write(home.path().join("expired.yaml"), runbook).expect("written");
    let program = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pacenote"));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.path()).env("KUBECONFIG", home.path().join("config"));
        command.arg("--state-dir").arg(home.path().join("state")).args(arguments).current_dir(home.path());
        command
    };
    let done = program(&["preflight", "expired.yaml", "--trust"]).output().expect("run");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("FAIL") && said.contains("a certificate has expired: renew it"), "{said}");

    // In a session the object cannot be read, so that nothing can be started; why stands there.
    let mut child = program(&["run", "expired.yaml", "--trust", "--plain"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("run");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("its output"));
    let mut seen = String::new();
    let mut keys = child.stdin.take().expect("its input");
    let mut line = String::new();
    while !seen.contains("cannot be read") || !seen.contains("image: ") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut out, &mut line).expect("read"), 0, "it ended:\n{seen}");
        seen.push_str(&line);
    }
    assert!(seen.contains("a certificate has expired: renew it"), "{seen}");
    keys.write_all(b"quit\n").expect("typed");
    assert_eq!(child.wait().expect("it ends").code(), Some(4), "{seen}");
}

/// A change that fails at TLS was never sent: it is known not to have happened.
#[tokio::test]
async fn a_change_that_fails_at_tls_was_not_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config");
    let config = format!(
        "current-context: x\nclusters: [{{name: x, cluster: {{server: 'https://{}', certificate-authority: '{}'}}}}]\n\
         users: [{{name: x, user: {{token: abc}}}}]\ncontexts: [{{name: x, context: {{cluster: x, user: x}}}}]\n",
        serve("expired", false),
        fixture("ca.pem").display()
    );
    std::fs::write(&path, config).expect("written");
    let options = ConnectOptions { kubeconfig: vec![path], ..ConnectOptions::new("sid") };
    let cluster = connect(&KubeTarget::default(), &options).await.expect("a cluster");
    let change =
        http::Request::patch("/apis/apps/v1/namespaces/shop/deployments/checkout").body(b"{}".to_vec()).expect("a request");
    let error = cluster.client.request::<serde_json::Value>(change).await.expect_err("expired");
    assert!(!pacenote::ports::sent(&error), "{error:?}");
    let said = pacenote::ports::explain(&error, &cluster);
    assert!(said.contains("expired: renew it"), "{said}");
}
