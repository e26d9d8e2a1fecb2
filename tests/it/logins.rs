//! Logins that end in the middle of a session: real plugins, real sockets.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::IntoResponse;
use pacenote::ports::{Cluster, ConnectError, ConnectOptions, KubeTarget, Login, LoginState, connect};

/// Nothing waits so long where all goes well.
const PATIENCE: Duration = Duration::from_secs(60);

/// An API server that knows its version, and one token.
#[derive(Clone)]
struct Api {
    token: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn knowing(token: &str) -> Self {
        Self { token: Arc::new(Mutex::new(token.to_owned())), seen: Arc::default() }
    }

    fn know(&self, token: &str) {
        *self.token.lock().unwrap() = token.to_owned();
    }

    /// Method, path and token of all requests.
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    async fn serve(&self) -> SocketAddr {
        let api = self.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| {
            let given = headers.get(header::AUTHORIZATION).and_then(|h| h.to_str().ok()).unwrap_or("nobody").to_owned();
            let given = given.trim_start_matches("Bearer ").to_owned();
            api.seen.lock().unwrap().push(format!("{method} {} {given}", uri.path()));
            let known = *api.token.lock().unwrap() == given;
            async move {
                if known {
                    let version = r#"{"major":"1","minor":"36","gitVersion":"v1.36.2","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
                    version.into_response()
                } else {
                    let status = r#"{"kind":"Status","status":"Failure","message":"Unauthorized","code":401}"#;
                    (StatusCode::UNAUTHORIZED, status).into_response()
                }
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

/// A kubeconfig whose user has a plugin; `$D` is the folder, where each run leaves a line
/// in `runs`.
struct Kube(tempfile::TempDir);

impl Kube {
    fn new(address: SocketAddr, mode: &str, plugin: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let kube = Self(tempfile::tempdir().unwrap());
        let give = "give() { echo '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$1'\"'$2'}}'; }";
        let until = "until_there() { while [ ! -e \"$1\" ]; do read -r _ < /proc/uptime; done; }";
        let script = format!("#!/bin/sh\nD=$(dirname \"$0\")\necho run >> \"$D/runs\"\n{give}\n{until}\n{plugin}\n");
        std::fs::write(kube.path("plugin"), script).unwrap();
        std::fs::set_permissions(kube.path("plugin"), std::fs::Permissions::from_mode(0o755)).unwrap();
        kube.lead_to(address, mode);
        kube
    }

    fn lead_to(&self, address: SocketAddr, mode: &str) {
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: plugged\n\
             clusters:\n- {{name: c, cluster: {{server: 'http://{address}'}}}}\n\
             users:\n- name: ada\n  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./plugin, interactiveMode: {mode}}}}}\n\
             contexts:\n- {{name: plugged, context: {{cluster: c, user: ada, namespace: shop}}}}\n"
        );
        std::fs::write(self.path("config"), config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(self.path("runs")).unwrap_or_default().lines().count()
    }

    /// Connected with nobody at the terminal for the first credential, and somebody to log
    /// in afterwards, as a test has no terminal of its own.
    async fn cluster(&self) -> (Cluster, Login) {
        let options = ConnectOptions {
            kubeconfig: vec![self.path("config")],
            plugin_timeout: Duration::from_secs(20),
            login_timeout: PATIENCE,
            ..ConnectOptions::new("s-1")
        };
        let cluster = connect(&KubeTarget::default(), &options).await.unwrap();
        let login = cluster.login().unwrap().clone();
        (cluster, login)
    }
}

/// Waits until a login is as wanted.
async fn until(login: &Login, what: &str, holds: impl Fn(&LoginState) -> bool) -> LoginState {
    let mut watch = login.watch();
    let wait = async {
        loop {
            let state = watch.next().await;
            if holds(&state) {
                return state;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {what}: {:?}", login.state()))
}

/// What `give` takes for a credential that ends so many seconds from now.
fn ends_in(seconds: i64) -> String {
    let at = chrono::Utc::now() + chrono::TimeDelta::seconds(seconds);
    format!(",\"expirationTimestamp\":\"{}\"", at.format("%Y-%m-%dT%H:%M:%SZ"))
}

#[tokio::test]
async fn what_a_plugin_says_is_shown_while_it_waits() {
    let api = Api::knowing("first");
    let plugin = "if [ -e $D/again ]; then echo 'open https://login.example.com/device' >&2; printf 'and type \\033[1mABCD-EFGH' >&2; \
                  until_there $D/go; give second; else touch $D/again; give first; fi";
    let kube = Kube::new(api.serve().await, "IfAvailable", plugin);
    let (cluster, login) = kube.cluster().await;
    cluster.probe().await.unwrap();
    api.know("second");
    cluster.probe().await.unwrap_err();
    let asking = tokio::spawn(async move { cluster.probe().await });
    let state = until(&login, "it says both", |state| state.saying.len() == 2).await;
    assert_eq!(state.saying, ["open https://login.example.com/device", "and type ABCD-EFGH"]);
    assert_eq!(state.needed, None, "it is being seen to");
    kube.write("go", "");
    assert_eq!(asking.await.unwrap().unwrap(), "v1.36.2");
    assert!(until(&login, "it is over", |state| state.saying.is_empty()).await.needed.is_none());
}

#[tokio::test]
async fn many_requests_run_a_plugin_once() {
    let api = Api::knowing("first");
    let kube = Kube::new(
        api.serve().await,
        "Never",
        "if [ -e $D/again ]; then until_there $D/go; give second; else touch $D/again; give first; fi",
    );
    let (cluster, login) = kube.cluster().await;
    api.know("second");
    cluster.probe().await.unwrap_err();
    let asking = futures::future::join_all((0..20).map(|_| cluster.probe()));
    let (answers, ()) = tokio::join!(asking, async { kube.write("go", "") });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(kube.runs(), 2, "once at the start and once for all of them");
    assert_eq!(login.state().needed, None);
}

#[tokio::test]
async fn a_plugin_that_fails_is_not_run_for_every_request() {
    let api = Api::knowing("first");
    let kube = Kube::new(
        api.serve().await,
        "Never",
        "if [ -e $D/again ]; then echo 'run `sso login`' >&2; exit 1; fi; touch $D/again; give first",
    );
    let (cluster, login) = kube.cluster().await;
    api.know("second");
    for _ in 0..10 {
        cluster.probe().await.unwrap_err();
    }
    assert_eq!(kube.runs(), 2);
    let needed = login.state().needed.unwrap();
    assert!(needed.contains("run `sso login`") && needed.contains("exit status: 1"), "{needed}");
    let said = cluster.probe().await.unwrap_err();
    assert!(said.contains("sso login"), "{said}");
}

#[tokio::test]
async fn the_end_of_a_login_is_noticed_before_it_comes() {
    let api = Api::knowing("first");
    // The plugin's own store gives the same again: nothing lasts longer without somebody.
    let kube = Kube::new(api.serve().await, "IfAvailable", "give first \"$(cat $D/ends)\"");
    kube.write("ends", &ends_in(45));
    let (cluster, login) = kube.cluster().await;
    assert!(!login.state().ends_soon);
    let state = until(&login, "its end is noticed", |state| state.ends_soon).await;
    assert!(state.expires.unwrap() > chrono::Utc::now() && state.needed.is_none(), "{state:?}");
    // It is used for as long as it lasts.
    assert_eq!(cluster.probe().await.unwrap(), "v1.36.2");
    // Logged in again, it lasts.
    kube.write("ends", &ends_in(3600));
    login.again().await.unwrap();
    let mut watch = login.watch();
    let state = watch.next().await;
    assert!(!state.ends_soon && state.expires.unwrap() > chrono::Utc::now() + chrono::TimeDelta::minutes(50), "{state:?}");
}

#[tokio::test]
async fn a_login_that_can_be_renewed_is_renewed_without_a_word() {
    let api = Api::knowing("first");
    let kube = Kube::new(api.serve().await, "Never", "give first \"$(cat $D/ends)\"");
    kube.write("ends", &ends_in(30));
    let (_cluster, login) = kube.cluster().await;
    kube.write("ends", &ends_in(3600));
    let later = chrono::Utc::now() + chrono::TimeDelta::minutes(50);
    let state = until(&login, "it is renewed", |state| state.expires.is_some_and(|e| e > later)).await;
    assert!(!state.ends_soon && state.needed.is_none());
    assert_eq!(kube.runs(), 2);
}

#[tokio::test]
async fn a_login_that_the_server_refuses_is_made_again_by_the_operator() {
    let api = Api::knowing("first");
    let kube = Kube::new(api.serve().await, "Never", "give \"$(cat $D/token)\"");
    kube.write("token", "first");
    let (cluster, login) = kube.cluster().await;
    cluster.probe().await.unwrap();
    api.know("second");
    // Once the plugin is asked again by itself; what it then gives is no better.
    for _ in 0..3 {
        cluster.probe().await.unwrap_err();
    }
    let needed = login.state().needed.unwrap();
    assert!(needed.contains("\"ada\"") && needed.contains("401"), "{needed}");
    kube.write("token", "second");
    login.again().await.unwrap();
    assert_eq!(login.state().needed, None);
    // The same client goes on: watches need not be told.
    assert_eq!(cluster.probe().await.unwrap(), "v1.36.2");
    assert_eq!(login.state().needed, None);
}

/// A change that is answered with 401 was refused for sure, and is the operator's to start
/// again: nothing sends it twice, though the plugin would have had a better token.
#[tokio::test]
async fn a_change_that_was_refused_is_not_sent_again() {
    let api = Api::knowing("first");
    let kube = Kube::new(api.serve().await, "Never", "if [ -e $D/again ]; then give second; else touch $D/again; give first; fi");
    let (cluster, _login) = kube.cluster().await;
    api.know("second");
    let path = "/apis/apps/v1/namespaces/shop/deployments/checkout";
    for method in [Method::PATCH, Method::POST, Method::PUT, Method::DELETE] {
        api.seen.lock().unwrap().clear();
        api.know("neither");
        let change = http::Request::builder().method(method.clone()).uri(path).body(b"{}".to_vec()).unwrap();
        let refused = cluster.client.request::<serde_json::Value>(change).await.unwrap_err();
        assert!(matches!(&refused, kube::Error::Api(status) if status.code == 401), "{refused}");
        assert_eq!(api.seen().len(), 1, "{method}: {:?}", api.seen());
    }
}

#[tokio::test]
async fn a_plugin_that_wants_a_terminal_is_not_run_behind_the_screen() {
    let api = Api::knowing("first");
    let kube = Kube::new(api.serve().await, "Never", "give first");
    let (cluster, login) = kube.cluster().await;
    kube.lead_to(api.serve().await, "Always");
    let options = ConnectOptions { kubeconfig: vec![kube.path("config")], ..ConnectOptions::new("s-1") };
    let refused = connect(&KubeTarget::default(), &options).await.unwrap_err().to_string();
    assert!(refused.contains("wants a terminal") && refused.contains("interactiveMode"), "{refused}");
    assert_eq!(kube.runs(), 1);
    // And the kubeconfig now leads to another server: a session does not follow it there.
    let elsewhere = login.again().await.unwrap_err();
    assert!(matches!(elsewhere, ConnectError::Elsewhere(_)), "{elsewhere}");
    assert_eq!(cluster.probe().await.unwrap(), "v1.36.2");
}

#[tokio::test]
async fn a_kubeconfig_without_a_plugin_is_read_again() {
    let api = Api::knowing("first");
    let address = api.serve().await;
    let kube = Kube::new(address, "Never", "");
    let with = |token: &str| {
        let text = std::fs::read_to_string(kube.path("config")).unwrap();
        let users = text.find("users:").unwrap();
        let contexts = text.find("contexts:").unwrap();
        let user = format!("users:\n- {{name: ada, user: {{token: {token}}}}}\n");
        kube.write("config", &format!("{}{user}{}", &text[..users], &text[contexts..]));
    };
    with("first");
    let (cluster, login) = kube.cluster().await;
    cluster.probe().await.unwrap();
    api.know("second");
    cluster.probe().await.unwrap_err();
    assert!(login.state().needed.unwrap().contains("401"));
    with("second");
    login.again().await.unwrap();
    assert_eq!(cluster.probe().await.unwrap(), "v1.36.2");
    // Commands get the new one too, and what must be kept out of their output is known.
    assert!(cluster.narrowed_kubeconfig().unwrap().contains("second"));
    assert_eq!(cluster.inline_secrets(), ["second"]);
}
