//! The two doors on real sockets, real kubeconfigs and real credential plugins.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{any, get};
use pacenote::ports::{ConnectError, ConnectOptions, HttpCall, HttpFailure, HttpPort, KubeTarget, PluginError, connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn call(url: impl Into<String>) -> HttpCall {
    HttpCall {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        carries_secret: false,
        body: None,
        timeout: Duration::from_secs(10),
        limit: 64 << 10,
    }
}

/// What came in: path and `Host`.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

fn recording(seen: &Seen) -> Router {
    let seen = seen.clone();
    Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
        let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default().to_owned();
        seen.lock().expect("lock").push((uri.to_string(), host));
        std::future::ready(([(header::CONTENT_TYPE, "text/plain")], "hello"))
    })
}

#[tokio::test]
async fn an_answer_comes_back_whole() {
    let seen = Seen::default();
    let address = serve(recording(&seen)).await;
    let answer = HttpPort::network().send(call(format!("http://{address}/a?b=c"))).await.expect("an answer");
    assert_eq!((answer.status, answer.content_type.as_deref(), &answer.body[..]), (200, Some("text/plain"), &b"hello"[..]));
    assert_eq!(*seen.lock().expect("lock"), [("/a?b=c".to_owned(), address.to_string())]);
}

#[tokio::test]
async fn a_rehearsal_gets_the_same_request_at_another_address() {
    let seen = Seen::default();
    let address = serve(recording(&seen)).await;
    for port in [HttpPort::redirected(address), HttpPort::router(recording(&seen))] {
        let mut call = call("https://checkout.example.com:8443/health?x=1");
        call.carries_secret = true;
        assert_eq!(port.send(call).await.expect("an answer").status, 200);
    }
    let expected = ("/health?x=1".to_owned(), "checkout.example.com:8443".to_owned());
    assert_eq!(*seen.lock().expect("lock"), [expected.clone(), expected]);
}

#[tokio::test]
async fn redirects_stay_on_their_origin() {
    let seen = Seen::default();
    let other = serve(recording(&seen)).await;
    let router = Router::new()
        .route("/near", get(|| async { Redirect::temporary("/far/../end") }))
        .route("/end", get(|| async { "arrived" }).post(|| async { "posted" }))
        .route("/away", any(move || async move { Redirect::temporary(&format!("http://{other}/stolen")) }))
        .route("/metadata", get(|| async { Redirect::temporary("http://169.254.169.254/latest") }))
        .route("/round", get(|| async { Redirect::temporary("/round") }))
        .route("/posting", any(|| async { Redirect::temporary("/end") }));
    let address = serve(router).await;
    let port = HttpPort::network();
    let answer = port.send(call(format!("http://{address}/near"))).await.expect("an answer");
    assert_eq!(&answer.body[..], b"arrived");
    for path in ["away", "metadata", "round"] {
        let failure = port.send(call(format!("http://{address}/{path}"))).await.expect_err(path);
        assert!(matches!(failure, HttpFailure::Refused(_)), "{path}: {failure}");
    }
    // A change is not sent a second time for a redirect's sake.
    let mut posting = call(format!("http://{address}/posting"));
    posting.method = "POST".into();
    assert_eq!(port.send(posting).await.expect("an answer").status, 307);
    assert!(seen.lock().expect("lock").is_empty(), "nothing went to the other origin");
}

#[tokio::test]
async fn our_own_rules_refuse_before_anything_is_sent() {
    let port = HttpPort::network();
    let secret = HttpCall { carries_secret: true, ..call("http://service.example.com/") };
    for call in [call("http://169.254.169.254/latest"), call("http://[fe80::1]/"), secret, call("ftp://x/"), call("no address")] {
        let failure = port.send(call.clone()).await.expect_err("refused");
        assert!(matches!(failure, HttpFailure::Refused(_)), "{}: {failure}", call.url);
        assert!(failure.before_sending());
    }
    let bad = HttpCall { headers: vec![("X-Token".into(), "a\nb-hunter2".into())], ..call("http://127.0.0.1:1/") };
    let failure = port.send(bad).await.expect_err("refused").to_string();
    assert!(failure.contains("x-token") && !failure.contains("hunter2"), "{failure}");
}

#[tokio::test]
async fn a_secret_may_go_to_this_machine_itself() {
    let seen = Seen::default();
    let address = serve(recording(&seen)).await;
    let call = HttpCall { carries_secret: true, ..call(format!("http://localhost:{}/", address.port())) };
    assert_eq!(HttpPort::network().send(call).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_policy_is_asked_before_every_request() {
    let address = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hosts = asked.clone();
    let port = HttpPort::network().permitting(std::sync::Arc::new(move |host: &str| {
        hosts.lock().expect("a list").push(host.to_owned());
        if host == "127.0.0.1" { Ok(()) } else { Err(format!("policy does not permit {host}")) }
    }));
    assert_eq!(port.send(call(format!("http://{address}/"))).await.expect("permitted").status, 200);
    let failure = port.send(call("https://elsewhere.example.com/")).await.expect_err("not permitted");
    assert!(matches!(&failure, HttpFailure::Refused(why) if why == "policy does not permit elsewhere.example.com"), "{failure}");
    assert!(failure.before_sending());
    assert_eq!(*asked.lock().expect("a list"), ["127.0.0.1", "elsewhere.example.com"]);
}

#[tokio::test]
async fn failures_have_their_own_names() {
    // Nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let port = HttpPort::network();
    let failure = port.send(call(format!("http://{free}/"))).await.expect_err("refused");
    assert!(matches!(failure, HttpFailure::Unreachable(_)) && failure.before_sending(), "{failure}");
    // No such name.
    let failure = port.send(call("http://no-such-host.invalid/")).await.expect_err("no name");
    assert!(matches!(failure, HttpFailure::Unreachable(_)), "{failure}");
    // Plain text where TLS was expected.
    let address = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let failure = port.send(call(format!("https://127.0.0.1:{}/", address.port()))).await.expect_err("no TLS");
    assert!(matches!(failure, HttpFailure::Tls(_)) && failure.before_sending(), "{failure:?}");
    // Taken, and cut.
    let address = raw(b"").await;
    let failure = port.send(call(format!("http://{address}/"))).await.expect_err("cut");
    assert!(matches!(failure, HttpFailure::Broken(_)) && !failure.before_sending(), "{failure:?}");
    // Cut in the middle of the body.
    let address = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    let failure = port.send(call(format!("http://{address}/"))).await.expect_err("cut");
    assert!(matches!(failure, HttpFailure::Broken(_)), "{failure:?}");
    // No HTTP at all.
    let address = raw(b"220 mail.example.com ESMTP\r\n").await;
    let failure = port.send(call(format!("http://{address}/"))).await.expect_err("no HTTP");
    assert!(matches!(failure, HttpFailure::Broken(_)), "{failure:?}");
}

/// Answers every connection with these bytes and closes it.
async fn raw(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 1024];
            // Whatever goes wrong here is what the test is about.
            let _ = socket.read(&mut request).await;
            let _ = socket.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test]
async fn time_and_size_are_bounded() {
    // Begins to answer, and never ends: the whole exchange has one limit.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let _ = socket.read(&mut [0; 1024]).await;
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nslow").await;
        std::future::pending::<()>().await;
    });
    let limit = Duration::from_millis(300);
    let failure =
        HttpPort::network().send(HttpCall { timeout: limit, ..call(format!("http://{address}/")) }).await.expect_err("slow");
    assert_eq!(failure, HttpFailure::Timeout(limit));

    let router = Router::new().fallback(|| async { "x".repeat(100_000) });
    let address = serve(router.clone()).await;
    for port in [HttpPort::network(), HttpPort::router(router)] {
        let failure = port.send(call(format!("http://{address}/"))).await.expect_err("large");
        assert_eq!(failure, HttpFailure::TooLarge(64 << 10));
    }
}

struct Kube {
    folder: tempfile::TempDir,
    server: String,
}

impl Kube {
    /// A kubeconfig with two contexts; the user of the second has a credential plugin.
    fn new(address: SocketAddr, plugin: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = format!("http://{address}");
        let program = folder.path().join("plugin");
        if !plugin.is_empty() {
            std::fs::write(&program, format!("#!/bin/sh\n{plugin}")).expect("written");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
        }
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: plain\n\
             clusters:\n- {{name: c, cluster: {{server: '{server}', insecure-skip-tls-verify: true}}}}\n\
             users:\n- {{name: static, user: {{token: abc}}}}\n- name: exec\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      \
             command: ./plugin\n      interactiveMode: IfAvailable\n      installHint: install it from example.com\n      env: [{{name: GREETING, value: hi}}]\n\
             contexts:\n- {{name: plain, context: {{cluster: c, user: static, namespace: shop}}}}\n- {{name: plugged, context: {{cluster: c, user: exec}}}}\n"
        );
        std::fs::write(folder.path().join("config"), config).expect("written");
        Self { folder, server }
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: vec![self.path("not-there"), self.path("config")],
            plugin_timeout: Duration::from_secs(10),
            ..ConnectOptions::new("s-1")
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn target(context: &str) -> KubeTarget {
    KubeTarget { context: Some(context.into()), namespace: None }
}

/// Authorization and User-Agent of each request; 401 for the token `stale`.
fn api(seen: &Seen) -> Router {
    let seen = seen.clone();
    Router::new().fallback(move |headers: HeaderMap| {
        let text = |name| headers.get(name).and_then(|h: &header::HeaderValue| h.to_str().ok()).unwrap_or_default().to_owned();
        let (authorization, agent) = (text(header::AUTHORIZATION), text(header::USER_AGENT));
        seen.lock().expect("lock").push((authorization.clone(), agent));
        let answer = if authorization == "Bearer stale" {
            (StatusCode::UNAUTHORIZED, r#"{"kind":"Status","status":"Failure","message":"Unauthorized","code":401}"#).into_response()
        } else {
            r#"{"major":"1","minor":"36","gitVersion":"v1.36.2","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#
                .into_response()
        };
        std::future::ready(answer)
    })
}

#[tokio::test]
async fn a_kubeconfig_leads_to_a_cluster() {
    let seen = Seen::default();
    let kube = Kube::new(serve(api(&seen)).await, "");
    let cluster = connect(&KubeTarget::default(), &kube.options()).await.expect("a cluster");
    assert_eq!((cluster.context.as_str(), cluster.namespace.as_str(), cluster.user.as_str()), ("plain", "shop", "static"));
    assert!(cluster.insecure && cluster.server.starts_with(&kube.server) && cluster.ca_fingerprint.is_none());
    assert_eq!(cluster.probe().await.expect("a version"), "v1.36.2");
    let agent = format!("pacenote/{} (session s-1)", env!("CARGO_PKG_VERSION"));
    assert_eq!(*seen.lock().expect("lock"), [("Bearer abc".to_owned(), agent)]);
    // What commands get: this context and namespace, and nothing of the others.
    let other = KubeTarget { context: None, namespace: Some("pay".into()) };
    let narrowed = connect(&other, &kube.options()).await.expect("a cluster").narrowed_kubeconfig().expect("a config");
    assert!(narrowed.contains("\"namespace\":\"pay\"") && narrowed.contains("plain"), "{narrowed}");
    assert!(!narrowed.contains("plugged") && !narrowed.contains("exec"), "{narrowed}");
}

#[tokio::test]
async fn a_plugin_gives_the_token_and_is_asked_again_when_it_is_refused() {
    let seen = Seen::default();
    let plugin = "test \"$GREETING\" = hi || exit 9\nif [ -t 0 ] || read -r _; then exit 8; fi\necho to the terminal? >&2\n\
                  token=stale; [ -e \"$0.again\" ] && token=fresh; touch \"$0.again\"\n\
                  echo '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$token'\"}}'\n";
    let kube = Kube::new(serve(api(&seen)).await, plugin);
    let cluster = connect(&target("plugged"), &kube.options()).await.expect("a cluster");
    assert_eq!(cluster.namespace, "default");
    let refused = cluster.probe().await.expect_err("the token is stale");
    assert!(refused.contains("log in again") && refused.contains("exec"), "{refused}");
    assert_eq!(cluster.probe().await.expect("a version"), "v1.36.2");
    let tokens: Vec<String> = seen.lock().expect("lock").iter().map(|(token, _)| token.clone()).collect();
    assert_eq!(tokens, ["Bearer stale", "Bearer fresh"]);
}

#[tokio::test]
async fn plugins_that_fail_say_so_and_never_hang() {
    let address: SocketAddr = "127.0.0.1:9".parse().expect("an address");
    let kube = Kube::new(address, "");
    let failure = connect(&target("plugged"), &kube.options()).await.expect_err("no plugin");
    assert!(matches!(failure, ConnectError::Plugin(PluginError::Missing { .. })), "{failure}");
    assert!(failure.to_string().contains("install it from example.com"), "{failure}");

    let kube = Kube::new(address, "echo please run login >&2; exit 3\n");
    let failure = connect(&target("plugged"), &kube.options()).await.expect_err("it fails").to_string();
    assert!(failure.contains("please run login") && failure.contains("exit status: 3"), "{failure}");

    let kube = Kube::new(address, "echo '{\"token\": \"hunter22\"'\n");
    let failure = connect(&target("plugged"), &kube.options()).await.expect_err("nonsense").to_string();
    assert!(failure.contains("no ExecCredential") && !failure.contains("hunter22"), "{failure}");

    // Its grandchild holds the pipe open; both are ended.
    let kube = Kube::new(address, "echo opening a browser >&2; tail -f /dev/null & echo $! >\"$0.pid\"; wait\n");
    let options = ConnectOptions { plugin_timeout: Duration::from_millis(500), ..kube.options() };
    let failure = connect(&target("plugged"), &options).await.expect_err("it hangs").to_string();
    assert!(failure.contains("no answer within 500ms") && failure.contains("opening a browser"), "{failure}");
    let pid: i32 = std::fs::read_to_string(kube.path("plugin.pid")).expect("a pid").trim().parse().expect("a number");
    let grandchild = pacenote::supervise::ProcessId::of(pid);
    let gone = async {
        while grandchild.is_alive() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the plugin's own child is gone too");
}

#[tokio::test]
async fn kubeconfigs_that_cannot_be_used_say_why() {
    let kube = Kube::new("127.0.0.1:9".parse().expect("an address"), "");
    let failure = connect(&target("prod"), &kube.options()).await.expect_err("no context").to_string();
    assert!(failure.contains("\"prod\"") && failure.contains("plain, plugged"), "{failure}");
    let none = ConnectOptions { kubeconfig: vec![kube.path("nope")], ..kube.options() };
    let failure = connect(&target("prod"), &none).await.expect_err("no file");
    assert!(matches!(failure, ConnectError::NoKubeconfig { .. }) && failure.to_string().contains("nope"), "{failure}");
    write(&kube.path("config"), "clusters: [\n");
    let failure = connect(&target("prod"), &kube.options()).await.expect_err("no YAML");
    assert!(matches!(failure, ConnectError::Unusable(_)), "{failure}");
    write(&kube.path("config"), "contexts: [{name: a, context: {cluster: gone}}]\n");
    let failure = connect(&target("a"), &kube.options()).await.expect_err("no cluster").to_string();
    assert!(failure.contains("gone"), "{failure}");
    let failure = connect(&KubeTarget::default(), &kube.options()).await.expect_err("no current one").to_string();
    assert!(failure.contains("no current context") && failure.contains("it has a"), "{failure}");
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
}

#[tokio::test]
async fn an_unreachable_or_strange_server_is_explained() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let kube = Kube::new(free, "");
    let failure = connect(&target("plain"), &kube.options()).await.expect("a cluster").probe().await.expect_err("nobody there");
    assert!(failure.contains("cannot be reached") && failure.contains("VPN"), "{failure}");
    let kube = Kube::new(serve(Router::new().fallback(|| async { "<html>please log in</html>" })).await, "");
    let failure = connect(&target("plain"), &kube.options()).await.expect("a cluster").probe().await.expect_err("no API server");
    assert!(failure.contains("login page"), "{failure}");
}
