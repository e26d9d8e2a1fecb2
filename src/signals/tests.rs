use super::testing::{RouterSend, clock, signal};
use super::*;

fn prometheus(url: &str) -> ResolvedSource {
    ResolvedSource::Prometheus(PrometheusQuery { url: url.into(), headers: Vec::new(), query: "up".into() })
}

fn ports() -> SignalPorts<RouterSend> {
    SignalPorts { http: RouterSend::new(axum::Router::new()), kube: None, commands: None, clock: clock() }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_watched_is_refused_before_anything_starts() {
    let named = |name: &str, source| ResolvedSignal { name: name.into(), ..signal(source) };
    let signals = vec![
        named("fine", prometheus("http://127.0.0.1:9090")),
        named("canary", ResolvedSource::Command { command: vec!["df".into()], value: None }),
        named("pods", ResolvedSource::Pods { selector: String::new() }),
        named("odd", prometheus("prometheus:9090")),
        named("none", prometheus("")),
    ];
    let (tx, mut rx) = mpsc::channel(1);
    let errors = start(signals, &ports(), &tx).expect_err("it is refused");
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    signal `canary` is a command, and nothing here may run one
    signal `pods` watches a cluster, and the environment has no `kubernetes`; name its context and namespace in the runbook
    signal `odd`: `prometheus:9090` is not an address: its scheme is prometheus; it must begin with http:// or https://
    signal `none`: `` is not an address: relative URL without a base; it must begin with http:// or https://
    ");
    drop(tx);
    assert!(rx.recv().await.is_none(), "nothing was started");
}

#[tokio::test(start_paused = true)]
async fn dropped_the_tasks_end() {
    let (tx, mut rx) = mpsc::channel(1);
    let watching = start(vec![signal(prometheus("http://127.0.0.1:9090"))], &ports(), &tx).expect("it starts");
    drop(tx);
    assert!(rx.recv().await.is_some());
    drop(watching);
    while rx.recv().await.is_some() {}
}

#[test]
fn headers_are_not_shown() {
    let header = Header { name: "Authorization".into(), value: "Bearer hunter2".into(), secret: true };
    assert_eq!(format!("{header:?}"), r#"Header { name: "Authorization", secret: true, .. }"#);
}
